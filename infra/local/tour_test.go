package main

import (
	"bytes"
	"encoding/json"
	"fmt"
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
)

func TestTheTourHasAChapterOfEveryControlAndTool(t *testing.T) {
	all, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if !slices.ContainsFunc(sights, func(s scene) bool {
			return slices.ContainsFunc(s.chapters, func(ch chapter) bool { return slices.Contains(ch.shows, c.ID) })
		}) {
			t.Errorf("no chapter of the tour shows %s: add one to infra/local/tour.go", c.ID)
		}
	}
}

func TestTheTourHasEveryChapterOfTheDemo(t *testing.T) {
	var seen []string
	for _, s := range sights {
		for _, c := range s.chapters {
			seen = append(seen, c.title)
		}
	}
	for _, s := range story {
		for _, c := range s.chapters {
			if !slices.Contains(seen, c.title) {
				t.Errorf("the tour has no chapter %q", c.title)
			}
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
	file := filepath.Join(t.TempDir(), "calls")
	played := &toured{}
	played.stdout, played.stderr, played.err = command(t, "tour", "-calls", file)
	written, err := os.Open(file)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, played.stdout, played.stderr)
	}
	defer written.Close()
	for decoder := json.NewDecoder(written); decoder.More(); {
		var call endpoint.Call
		if err := decoder.Decode(&call); err != nil {
			t.Fatal(err)
		}
		played.calls = append(played.calls, call)
	}
	theTour = played
	return played
}

func TestTheTourComesOutAsTold(t *testing.T) {
	played := playedTour(t)
	if played.err != nil {
		t.Errorf("%v\n%s%s", played.err, played.stdout, played.stderr)
	}
	if strings.Contains(played.stdout, "\x1b") {
		t.Error("colour where there is no terminal")
	}
	if len(played.calls) == 0 {
		t.Error("no call was written")
	}
}

// A chapter that comes out as told, but of which a control that it is to show had no part, is not as told.
func TestAChapterThatDoesNotShowWhatItSaysIsNotAsTold(t *testing.T) {
	c := chapter{shows: []string{"detach-direct-policy", "undo"}}
	if err := c.shown(map[string]bool{"detach-direct-policy": true, "undo": true, "explain": true}); err != nil {
		t.Errorf("all were at work: %v", err)
	}
	if err := c.shown(map[string]bool{"detach-direct-policy": true}); err == nil || !strings.Contains(err.Error(), "undo") {
		t.Errorf("undo was not at work: %v", err)
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
	for mode, never := range map[string]string{"observe": "changed", "enforce": "would_change"} {
		r, count := startUp(t, "-mode", mode), map[string]int{}
		accounts, all.counts[mode] = append(accounts, r), count
		for _, file := range files {
			event, err := readEvent(file)
			if err != nil {
				t.Fatal(err)
			}
			sent.Go(func() {
				// They happened in the documentation's account.
				deliveries, err := emulator.At(r.env["AWS_ENDPOINT_URL"]).Send(t.Context(), bytes.ReplaceAll(event.JSON, []byte("111122223333"), []byte(moto.AccountID)))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					wrong("%s: %v", file, err)
				}
				for _, d := range deliveries {
					o := readOutcome(d.Function, d.Payload, d.Failed)
					count[o.Outcome]++
					speaks := o.Outcome == "told" || o.Outcome == "changed" || o.Outcome == "would_change"
					switch {
					case !speaks && o.Outcome != "nothing" && o.Outcome != "skipped", o.Outcome == never:
						wrong("in %s: %s: %s %s: %s", mode, file, o.Control, o.Outcome, o.Reason)
					case speaks != (len(o.Notices) > 0), !speaks && len(o.Changes) > 0, o.Outcome == "skipped" && o.Reason == "":
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
func TestNoSampleMakesAFunctionFail(t *testing.T) {
	all := sentSamples(t)
	for _, wrong := range all.wrong {
		t.Error(wrong)
	}
	t.Logf("outcomes: %v", all.counts)
	for mode, count := range all.counts {
		if count["told"] == 0 || count["nothing"] == 0 {
			t.Errorf("in %s: outcomes %v", mode, count)
		}
	}
}
