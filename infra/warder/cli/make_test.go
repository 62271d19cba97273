package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a person writes after NAME= on make's command line reaches the program as
// it was written, and nothing that the environment happens to hold does.
func TestMake(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	// In the program's place: one line for each argument.
	program := filepath.Join(t.TempDir(), "warder")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nprintf '%s\\n' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	// The test may itself run under make, which exports what was written on its command line.
	env := []string{"USER=whoever", "REASON=of the environment", "LANGUAGE=fr"}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "MAKE") && name != "MFLAGS" && name != "ARGS" && name != "SETTINGS" {
			env = append(env, variable)
		}
	}
	touched := filepath.Join(t.TempDir(), "touched")
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"a reason with everything a shell and make would take for their own",
			[]string{"undo", "ID=a1-1", `REASON=it's "5" $(HOME) $5 ` + "`id`" + ` \ # a; b, c * ~ é`},
			[]string{"undo", "--ID=a1-1", `--REASON=it's "5" $(HOME) $5 ` + "`id`" + ` \ # a; b, c * ~ é`}},
		{"a command for make", []string{"explain", "USER=$(shell touch " + touched + ")"},
			[]string{"explain", "--USER=$(shell touch " + touched + ")"}},
		{
			"a command for the shell",
			[]string{"explain", "USER=a; touch " + touched},
			[]string{"explain", "--USER=a; touch " + touched},
		},
		{"a command in quotes", []string{"explain", "USER='; touch " + touched + " #"},
			[]string{"explain", "--USER='; touch " + touched + " #"}},
		{"a reason of two lines", []string{"halt", "REASON=one\ntwo"}, []string{"halt", "--REASON=one two"}},
		{"no reason, though the environment has one", []string{"halt"}, []string{"halt"}},
		{"no user, though every shell has one", []string{"explain", "KEY=WXYZ"}, []string{"explain", "--KEY=WXYZ"}},
		{"everything that undo takes",
			[]string{"undo", "USER=alice", "SINCE=2026-11-21T03:00:00Z", "RUN=e1", "REASON=x", "BY=dana", "YES=1"},
			[]string{
				"undo", "--BY=dana", "--REASON=x", "--RUN=e1", "--SINCE=2026-11-21T03:00:00Z", "--USER=alice", "--YES=1",
			}},
		{"a policy", []string{"explain", "POLICY=arn:aws:iam::aws:policy/AdministratorAccess"},
			[]string{"explain", "--POLICY=arn:aws:iam::aws:policy/AdministratorAccess"}},
		{"an exemption", []string{"exempt", "USER=a,b", "CONTROL=all", "UNTIL=2026-12-31", "REASON=x"},
			[]string{"exempt", "--CONTROL=all", "--REASON=x", "--UNTIL=2026-12-31", "--USER=a,b"}},
		{"a release", []string{"release", "CONTROL=detach-direct-policy", "REASON=x"},
			[]string{"release", "--CONTROL=detach-direct-policy", "--REASON=x"}},
		{"a sweep", []string{"sweep", "CONTROL=detach-direct-policy"}, []string{"sweep", "--CONTROL=detach-direct-policy"}},
		{"a drill", []string{"drill", "MINUTES=5", "BY=dana"}, []string{"drill", "--BY=dana", "--MINUTES=5"}},
		{"a report, though the environment has a language",
			[]string{"report", "FROM=2026-10-01", "TO=2026-10-15", "OUT=a folder"},
			[]string{"report", "--FROM=2026-10-01", "--OUT=a folder", "--TO=2026-10-15"}},
		{"a report in a language", []string{"report", "MONTH=2026-10", "LANGUAGE=ko"},
			[]string{"report", "--LANGUAGE=ko", "--MONTH=2026-10"}},
		{"a resume", []string{"resume"}, []string{"resume"}},
		{"a redrive", []string{"redrive", "ARGS=--json"}, []string{"redrive", "--json"}},
		{"a doctor", []string{"doctor"}, []string{"doctor", "--settings", "cdk.json"}},
		{"a doctor with settings elsewhere", []string{"doctor", "SETTINGS=../it's $(shell touch " + touched + ").json"},
			[]string{"doctor", "--settings", "../it's $(shell touch " + touched + ").json"}},
		{"a preview with settings elsewhere", []string{"preview", "SETTINGS=/etc/a  b; touch " + touched},
			[]string{"preview", "--settings", "/etc/a  b; touch " + touched}},
		{"a preview", []string{"preview", "ARGS=--json detach-direct-policy"},
			[]string{"preview", "--settings", "cdk.json", "--json", "detach-direct-policy"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("make", append([]string{"--no-print-directory", "-C", root, "WARDER=" + program}, tt.args...)...)
			cmd.Env = env
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("make: %v\n%s", err, out)
			}
			if diff := cmp.Diff(strings.Join(tt.want, "\n")+"\n", string(out)); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := os.Stat(touched); err == nil {
		t.Error("a value was run")
	}
}
