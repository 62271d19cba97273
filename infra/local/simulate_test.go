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

	"github.com/warder-aws/warder/infra/local/simulate"
)

// simulated runs the command simulate.
func simulated(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), append([]string{"simulate"}, args...), &out, &errs)
	return out.String(), errs.String(), err
}

func TestSimulateTellsThatInvariantsHeld(t *testing.T) {
	for _, args := range [][]string{{"-days", "30", "-users", "6", "-seed", "3"}, {"-days", "20", "-users", "4", "-seeds", "4"}} {
		out, errs, err := simulated(t, args...)
		if err != nil {
			t.Errorf("%v: %v, %s", args, err, errs)
		}
		if last := out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]; !regexp.MustCompile(`^invariants held: [1-9][0-9]+ checks\n$`).MatchString(last) {
			t.Errorf("%v: the last line is %q", args, last)
		}
		if strings.Contains(out, "\x1b") {
			t.Errorf("%v: colour where there is no terminal", args)
		}
	}
	out, _, err := simulated(t, "-days", "20", "-users", "4", "-json")
	var p play
	if err != nil || json.Unmarshal([]byte(out), &p) != nil || p.Sum == 0 || len(p.Companies) != 1 || p.Companies[0].Counts["invocations"] == 0 {
		t.Errorf("-json: %+v, %v", p, err)
	}
	out, _, err = simulated(t, "-days", "20", "-users", "4", "-v")
	if err != nil || !regexp.MustCompile(`(?m)^2027-01-\d\d \d\d:\d\d:\d\d  told: \[Warder\] `).MatchString(out) {
		t.Errorf("-v tells of nothing: %v\n%s", err, out)
	}
}

func TestSimulateRefusesWhatItCannotPlay(t *testing.T) {
	for _, tc := range []struct {
		args  []string
		fault string
	}{
		{[]string{"-days", "0"}, "-days 0: want 1 to 5000"},
		{[]string{"-users", "1000"}, "-users 1000: want 1 to 900"},
		{[]string{"-seeds", "0"}, "-seeds 0"},
		{[]string{"-seeds", "2", "-v"}, "-seeds is for many companies"},
		{[]string{"-only", "1,x"}, `-only "1,x"`},
		{[]string{"400"}, `simulate takes no "400"`},
		{[]string{"-seed", "-1"}, "invalid value"},
	} {
		if _, errs, err := simulated(t, tc.args...); !errors.Is(err, errUsage) || !strings.Contains(errs, tc.fault) {
			t.Errorf("%v: %v, %q", tc.args, err, errs)
		}
	}
}

func TestAViolationIsToldWithWhatItTakesAndHowToPlayItAgain(t *testing.T) {
	o := simulate.Options{Days: 30, Users: 6, Seed: 3}
	shrunk := simulate.Shrunk{Only: []int{2, 5}, Of: 100, Alone: "user-003", Plays: 12, Violation: &simulate.Violation{
		Invariant: "nobody is told twice", Subject: "user-003", At: time.Now(), What: "told twice: x", Story: []string{"it was a dark night"},
	}}
	p := play{Companies: []simulate.Summary{{Seed: 3, Days: 30, Violation: shrunk.Violation}}, Shrunk: &shrunk, Command: again(o, shrunk)}
	var out bytes.Buffer
	p.tell(&out, o, style{})
	for _, want := range []string{
		"broken: nobody is told twice\n  told twice: x\n", "2 of 100 happenings, found in 12 plays", "  it was a dark night\n",
		"again: go run ./infra/local simulate -v -days 30 -users 6 -seed 3 -only 2,5 -alone user-003\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not told: %q\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "invariants held") {
		t.Error("it is said that they held")
	}
	// The command is one that runs.
	if err := run(t.Context(), strings.Fields(p.Command)[3:], io.Discard, io.Discard); err != nil {
		t.Errorf("%s: %v", p.Command, err)
	}
}

// What README.md shows of it is what it prints.
func TestReadmeShowsWhatSimulatePrints(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`\n\$ make simulate ARGS="([^"]+)" \| tail -n 1\n(.*)\n`).FindStringSubmatch(string(readme))
	if shown == nil {
		t.Fatal("README.md shows nothing of simulate")
	}
	out, _, err := simulated(t, strings.Fields(shown[1])...)
	if err != nil || !strings.HasSuffix(out, "\n"+shown[2]+"\n") {
		t.Errorf("README.md shows %q, and simulate %s ends with\n%s%v", shown[2], shown[1], out[max(0, len(out)-60):], err)
	}
}
