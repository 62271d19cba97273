package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/project"
)

func TestAttacks_Heads(t *testing.T) {
	attacks, err := readAttacks()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range attacks {
		if !strings.HasPrefix(a.name, a.kind+"-") {
			t.Errorf("%s: want a name that begins with the kind, %s", a.name, a.kind)
		}
	}
	table := attackTable(attacks)
	if *update {
		if err := os.WriteFile("docs/attacks.md", table, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("docs/attacks.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(page), string(table)); diff != "" {
		t.Errorf("docs/attacks.md is not current, run make attacks (-is +want):\n%s", diff)
	}
}

func TestReadAttack(t *testing.T) {
	head := "# Somebody does something\n# kind: rename\n# by: nothing\n"
	for script, want := range map[string]string{
		head:                         "",
		head + "# open: not yet\n":   "",
		"# kind: rename\n# by: x\n":  "want a title",
		"# Title\n# by: x\n":         "want a title",
		head + "# kind: other\n":     "want a title",
		head + "# mode: off\n":       "want a title",
		head + "# settings: other\n": "want a title",
		head + "# ope: typo\n":       `"ope: typo"`,
	} {
		_, err := readAttack("x.txtar", script)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", script, err, want)
		}
	}
}

// What a script comes to: one that cannot run is never taken for withstood, nor is one that asserts nothing.
func TestAssault_Results(t *testing.T) {
	const attach = "as mallory aws iam attach-user-policy --user-name mallory --policy-arn arn:aws:iam::aws:policy/"
	tests := map[string]struct{ open, script, want string }{
		"true":              {"", attach + "AdministratorAccess\n! has mallory AdministratorAccess", attackWithstood},
		"untrue":            {"", attach + "AdministratorAccess\nhas mallory AdministratorAccess", attackThrough},
		"untrue and known":  {"later", attach + "AdministratorAccess\nhas mallory AdministratorAccess", attackKnown},
		"true but open":     {"later", "! has mallory AdministratorAccess", attackStale},
		"nothing asserted":  {"", attach + "AdministratorAccess", attackBroken},
		"no such user":      {"", "! has nobody AdministratorAccess", attackBroken},
		"no such policy":    {"", attach + "Nothing\n! has mallory Nothing", attackBroken},
		"refused":           {"", "try " + attach + "Nothing\n! has mallory Nothing", attackWithstood},
		"no such command":   {"", "try nonsense x", attackBroken},
		"no such operation": {"", "try aws iam nonsense\n! failed", attackBroken},
		"never called":      {"", "before undo iam:GetUser aws iam list-users\n! failed", attackBroken},
	}
	a := assault{out: new(bytes.Buffer), stderr: os.Stderr}
	for name, test := range tests {
		file := filepath.Join(t.TempDir(), "attack.txtar")
		script := "# Title\n\nattacker mallory IAMFullAccess\n" + test.script + "\n"
		if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		r := a.one(t.Context(), attack{file: file, open: test.open, mode: "enforce", synth: project.Deployed})
		if r.Result != test.want {
			t.Errorf("%s: %s (%s), want %s", name, r.Result, r.Reason, test.want)
		}
	}
}

func TestAttackTable(t *testing.T) {
	table := string(attackTable([]attack{
		{name: "rename-x", kind: "rename", title: "a | b", by: "c"},
		{name: "input-x", kind: "input", title: "d", by: "e", open: "later"},
	}))
	for _, want := range []string{
		"2 attacks: 1 withstood, 1 through.", "## Renamed, moved",
		`| [a \| b](../infra/local/attacks/rename-x.txtar) | c | withstood |`,
		"| [d](../infra/local/attacks/input-x.txtar) | e | through: later |",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
}
