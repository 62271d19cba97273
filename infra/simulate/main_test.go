package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/browser"
)

// ran runs the command.
func ran(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), err
}

func TestCommand_InvariantsHeld(t *testing.T) {
	for _, args := range [][]string{
		{"-days", "30", "-users", "6", "-seed", "3"}, {"-days", "20", "-users", "4", "-seeds", "4"},
	} {
		out, errs, err := ran(t, args...)
		if err != nil {
			t.Errorf("%v: %v, %s", args, err, errs)
		}
		last := out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]
		if !regexp.MustCompile(`^invariants held: [1-9][0-9]+ checks\n$`).MatchString(last) {
			t.Errorf("%v: the last line is %q", args, last)
		}
		if strings.Contains(out, "\x1b") {
			t.Errorf("%v: colour where there is no terminal", args)
		}
	}
	out, _, err := ran(t, "-days", "20", "-users", "4", "-json")
	var r results
	if err != nil || json.Unmarshal([]byte(out), &r) != nil || r.Sum == 0 || len(r.Companies) != 1 ||
		r.Companies[0].Counts["invocations"] == 0 {
		t.Errorf("-json: %+v, %v", r, err)
	}
	out, _, err = ran(t, "-days", "20", "-users", "4", "-v")
	if err != nil || !regexp.MustCompile(`(?m)^2027-01-\d\d \d\d:\d\d:\d\d  notified: \[[A-Z]+\] `).MatchString(out) {
		t.Errorf("-v prints nothing: %v\n%s", err, out)
	}
}

func TestCommand_BadInput(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-days", "0"}, "-days 0: want 1 to 5000"},
		{[]string{"-users", "1000"}, "-users 1000: want 1 to 900"},
		{[]string{"-seeds", "0"}, "-seeds 0"},
		{[]string{"-seeds", "2", "-v"}, "-seeds is for many companies"},
		{[]string{"-only", "1,x"}, `-only "1,x"`},
		{[]string{"400"}, `simulate takes no "400"`},
		{[]string{"-seed", "-1"}, "invalid value"},
		{[]string{"-events", "300"}, "-events"},
		{[]string{"-load", "-events", "10"}, "-events 10: want at least 100"},
		{[]string{"-load", "-users", "0"}, "-users 0: want 1 to 900"},
		{[]string{"-load", "-target", "moon"}, `-target "moon": want memory or emulator`},
		{[]string{"-load", "events.json"}, `simulate takes no "events.json"`},
		{[]string{"-load", "-seed", "-1"}, "invalid value"},
		{[]string{"-report", "-months", "13"}, "-months 13: want 1 to 12"},
		{[]string{"-report", "-language", "fr"}, `-language "fr": want en or ko`},
	} {
		if _, errs, err := ran(t, tc.args...); !errors.Is(err, errUsage) || !strings.Contains(errs, tc.want) {
			t.Errorf("%v: %v, %q", tc.args, err, errs)
		}
	}
	if out, errs, err := ran(t, "-h"); err != nil || out != "" || !strings.Contains(errs,
		"usage: ") {
		t.Errorf("-h: %q, %q, %v", out, errs, err)
	}
}

func TestCommand_Violation(t *testing.T) {
	o := options{days: 30, users: 6, seed: 3, samples: samples(t), sabotage: func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Ledger = ledger.New(forgetful{w.deployed().Table(), "halt#"}) })
	}}
	for ; ; o.seed++ {
		all, err := simulateAll(t.Context(), o, 1, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if all.Companies[0].Violation == nil {
			continue
		}
		var out, errs bytes.Buffer
		c := command{out: &out, errs: &errs, samples: o.samples}
		if err := c.printMonths(t.Context(), all, o, false); !errors.Is(err, errBroken) {
			t.Errorf("error %v, want that an invariant is broken", err)
		}
		for _, want := range []string{
			"\nbroken: nothing is changed while Warder is halted\n  Warder is halted: ", "\nwhat it takes: ", "\nthe story\n",
			"Warder is halted\n", "\nagain: go run ./infra/simulate -v -days 30 -users 6 -seed ",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("not printed: %q\n%s", want, out.String())
			}
		}
		if strings.Index(out.String(), "broken: ") > strings.Index(out.String(), "what it takes: ") {
			t.Error("the violation is printed only after it was shrunk")
		}
		if strings.Contains(out.String(), "invariants held") {
			t.Error("it is printed that they held")
		}
		// The command is one that runs.
		_, command, _ := strings.Cut(strings.TrimSpace(out.String()), "\nagain: ")
		if err := run(t.Context(), strings.Fields(command)[3:], io.Discard, io.Discard); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		return
	}
}

// What README.md shows of it is what it prints.
func TestContributing_ShowsWhatSimulatePrints(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile(`\n\$ make simulate ARGS="([^"]+)" \| tail -n 1\n(.*)\n`)
	shown := example.FindStringSubmatch(string(page))
	if shown == nil {
		t.Fatal("CONTRIBUTING.md shows nothing of simulate")
	}
	out, _, err := ran(t, strings.Fields(shown[1])...)
	if err != nil || !strings.HasSuffix(out, "\n"+shown[2]+"\n") {
		t.Errorf("CONTRIBUTING.md shows %q, and simulate %s ends with\n%s%v", shown[2], shown[1],
			out[max(0, len(out)-60):], err)
	}
}

func TestCommand_Load(t *testing.T) {
	stdout, stderr, err := ran(t, "-load", "-events", "300", "-users", "50")
	if err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "nothing lost: ") || !strings.HasSuffix(last, " checks") {
		t.Errorf("the last line is %q", last)
	}
	if !strings.Contains(stderr, "300 of 300 events") {
		t.Errorf("progress: %q", stderr)
	}
	stdout, _, err = ran(t, "-load", "-tight", "-events", "600", "-users", "100", "-json")
	if err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	var answer struct {
		Figures    figures
		Checks     int
		Violations []violation
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil || answer.Figures.Events != 600 ||
		answer.Figures.Held == 0 || answer.Checks == 0 || len(answer.Violations) > 0 {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestCommand_LoadThatLosesAnEvent(t *testing.T) {
	for drop := 1; drop < 20; drop++ {
		record := atOnce(t, loadOptions{events: 150, users: 20, seed: 1, blast: widest, drop: drop})
		var out bytes.Buffer
		if err := (command{out: &out}).printLoad(record, 1, false); err != nil {
			if !strings.Contains(out.String(), "an event was lost") || strings.Contains(out.String(), "nothing lost") {
				t.Errorf("printed:\n%s", out.String())
			}
			return
		}
	}
	t.Error("no event was missed")
}

// What the real functions recorded in a month becomes a page that can be looked at.
func TestCommand_Report(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	stdout, stderr, err := ran(t, "-report", "-months", "1", "-out", folder, "-language", "ko")
	if err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	now := time.Now().UTC()
	last := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
	page := filepath.Join(folder, last+".ko.html")
	if !strings.Contains(stdout, "open "+page) {
		t.Errorf("it does not print where the page of %s is:\n%s", last, stdout)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`id="open-deactivate-stale-access-key"`, `id="changes-detach-direct-policy"`, `id="alerts-alert-console-login"`,
		"전자금융감독규정", "kim@example.com", "교체 기한이 지난 액세스 키", "맞지 않습니다",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page of %s does not have %q", last, want)
		}
	}
	table, err := os.ReadFile(filepath.Join(folder, last+".ko.csv"))
	if changes := strings.Count(string(table), "\r\nchange,"); err != nil || changes < 5 {
		t.Errorf("the table of %s has %d changes (%v)", last, changes, err)
	}
	seen, err := browser.See(t.Context(), []browser.Look{
		{File: page, Windows: []browser.Window{browser.Desktop, browser.Phone}},
	}, os.Getenv("WARDER_PICTURES"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range seen {
		if s.Overflow > 0 || len(s.Console)+len(s.Requests)+len(s.Violations)+len(s.Anchors) > 0 {
			t.Errorf("at %s: %d pixels too wide, console %q, requests %q, not accessible %q, links to nowhere %q",
				s.Width, s.Overflow, s.Console, s.Requests, s.Violations, s.Anchors)
		}
		for _, image := range s.Images {
			if image.Width > 250 && image.Filled == 0 {
				t.Errorf("at %s: nothing is to be seen of %q", s.Width, image.Name)
			}
		}
	}
}
