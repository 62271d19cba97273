package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/pkg/remediation"
)

func TestTour_EveryControlAndTool(t *testing.T) {
	all, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	steps, err := readSteps()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if !slices.ContainsFunc(steps, func(s step) bool { return slices.Contains(s.shows, c.ID) }) {
			t.Errorf("no step of the tour shows %s: add functions/%[1]s/demo/NAME.txtar", c.ID)
		}
	}
	for _, scene := range scenes {
		if _, err := scene.stepsOf(steps, true); err != nil {
			t.Error(err)
		}
	}
}

// toured is what the tour printed and what functions called in it.
type toured struct {
	stdout, stderr string
	err            error
	calls          []endpoint.Call
}

var theTour *toured

// playedTour plays the tour, once for all tests.
func playedTour(t *testing.T) *toured {
	t.Helper()
	if theTour != nil {
		return theTour
	}
	var stdout, stderr bytes.Buffer
	p := performance{printer: printer{out: &stdout}, stderr: &stderr}
	err := p.play(t.Context(), true)
	played := &toured{stdout: stdout.String(), stderr: stderr.String(), err: err, calls: p.calls}
	theTour = played
	return played
}

func TestTour_Passes(t *testing.T) {
	played := playedTour(t)
	if played.err != nil {
		t.Errorf("%v\n%s%s", played.err, played.stdout, played.stderr)
	}
	if strings.Contains(played.stdout, "\x1b") {
		t.Error("colour where there is no terminal")
	}
	if len(played.calls) == 0 {
		t.Error("no call was recorded")
	}
}

// A script that passes, but of which a control that it is to show had no part, fails.
func TestStep_ShowsNothing(t *testing.T) {
	shows := []string{"detach-direct-policy", "undo"}
	s := stage{worked: map[string]bool{"detach-direct-policy": true, "undo": true, "explain": true}}
	if err := s.shown(shows); err != nil {
		t.Errorf("all were at work: %v", err)
	}
	s.worked = map[string]bool{"detach-direct-policy": true}
	if err := s.shown(shows); err == nil || !strings.Contains(err.Error(), "undo") {
		t.Errorf("undo was not at work: %v", err)
	}
}

func TestStep_FailureNamesTheLine(t *testing.T) {
	for line, want := range map[string]string{
		"expect":                  "usage: expect CONTROL",
		"! save HI hi":            `save HI hi: it works, want that it is refused`,
		"save HI bye":             `no match for "bye"`,
		"expect x outcome":        `"outcome": want NAME=VALUE`,
		"event a b":               "want pairs",
		"quiet repeat 2 nonsense": "usage: nonsense",
	} {
		t.Run(line, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "step.txtar")
			if err := os.WriteFile(file, []byte("# Title\n# scene: enforce\n\nstdin a\nexec cat\n"+line+"\n-- a --\nhi\n"),
				0o600); err != nil {
				t.Fatal(err)
			}
			s := stage{account: &emulator.Account{}, printer: printer{out: io.Discard}}
			err := s.playStep(t.Context(), step{file: file})
			if err == nil || !strings.Contains(err.Error(), "step.txtar:6: "+want) {
				t.Errorf("the error is %v, want %q in line 6", err, want)
			}
		})
	}
}

func TestExpect_Compare(t *testing.T) {
	for _, test := range []struct {
		want  string
		got   []string
		equal bool
	}{
		{"", nil, true}, {"", []string{"alert"}, false}, {"any", []string{"alert"}, true},
		{"changed,skipped", []string{"skipped", "changed"}, true}, {
			"held*2,verified", []string{"held", "verified", "held"}, true,
		},
		{"held*2", []string{"held"}, false}, {"held*x", []string{"held"}, false},
	} {
		if err := compare("change", test.want, test.got); (err == nil) != test.equal {
			t.Errorf("%q and %q: %v", test.want, test.got, err)
		}
	}
}

// sampled is what came of the samples in one mode, and what functions called.
type sampled struct {
	counts map[string]map[string]int // of outcomes, by mode
	wrong  []string
	calls  []endpoint.Call
}

var theSamples *sampled

// sentSamples sends every sample event to an account that observes and to one that enforces, once for
// all tests. Most of it is functions that wait whether a user comes into being.
func sentSamples(t *testing.T) *sampled {
	t.Helper()
	if theSamples != nil {
		return theSamples
	}
	files, err := eventfile.Files([]string{"events"})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var sent sync.WaitGroup
	all := &sampled{counts: map[string]map[string]int{}}
	wrong := func(format string, args ...any) { all.wrong = append(all.wrong, fmt.Sprintf(format, args...)) }
	var accounts []*running
	for mode, never := range map[string]remediation.Outcome{
		"observe": remediation.Changed, "enforce": remediation.WouldChange,
	} {
		r, count := startUp(t, "--mode", mode), map[string]int{}
		accounts, all.counts[mode] = append(accounts, r), count
		for _, file := range files {
			event, err := readEvent(file)
			if err != nil {
				t.Fatal(err)
			}
			sent.Go(func() {
				// They happened in the documentation's account.
				deliveries, err := emulator.At(r.env["AWS_ENDPOINT_URL"]).Send(t.Context(), bytes.ReplaceAll(event.JSON,
					[]byte("111122223333"), []byte(moto.AccountID)))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					wrong("%s: %v", file, err)
				}
				for _, d := range deliveries {
					o := readOutcome(d.Function, d.Payload, d.Failed)
					count[string(o.Outcome)]++
					speaks := o.Outcome == "notified" || o.Outcome == "changed" || o.Outcome == "would_change"
					switch {
					case !speaks && o.Outcome != "nothing" && o.Outcome != "skipped", o.Outcome == never:
						wrong("in %s: %s: %s %s: %s", mode, file, o.Control, o.Outcome, o.Reason)
					// The daily check does not answer with its notices.
					case speaks != (len(o.Notices) > 0) && o.Control != "check-warder",
						!speaks && len(o.Changes) > 0,
						o.Outcome == "skipped" && o.Reason == "":
						wrong("in %s: %s: %+v", mode, file, o)
					}
				}
			})
		}
	}
	sent.Wait()
	for _, r := range accounts {
		calls, err := emulator.At(r.env["AWS_ENDPOINT_URL"]).TakeCalls(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all.calls = append(all.calls, calls...)
	}
	theSamples = all
	return all
}

// In a fresh account hardly anything is there that the events are about. A function says so, and never
// takes that for an error.
func TestSamples_NoFailure(t *testing.T) {
	all := sentSamples(t)
	for _, wrong := range all.wrong {
		t.Error(wrong)
	}
	t.Logf("outcomes: %v", all.counts)
	for mode, count := range all.counts {
		if count["notified"] == 0 || count["nothing"] == 0 {
			t.Errorf("in %s: outcomes %v", mode, count)
		}
	}
}
