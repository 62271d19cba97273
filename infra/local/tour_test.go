package main

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/envelope"
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

func TestTheTourComesOutAsTold(t *testing.T) {
	stdout, stderr, err := command(t, "tour")
	if err != nil {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	if strings.Contains(stdout, "\x1b") {
		t.Error("colour where there is no terminal")
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

// In a fresh account hardly anything is there that the events are about. A function says so, and never
// takes that for an error. Most of the test is functions that wait whether a user comes into being.
func TestNoSampleMakesAFunctionFail(t *testing.T) {
	t.Chdir(root(t))
	files, err := envelope.Files([]string{"events"})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var sent sync.WaitGroup
	counts := map[string]map[string]int{}
	for mode, never := range map[string]string{"observe": "changed", "enforce": "would_change"} {
		r, count := startUp(t, "-mode", mode), map[string]int{}
		counts[mode] = count
		for _, file := range files {
			event, err := readEvent(file)
			if err != nil {
				t.Fatal(err)
			}
			sent.Go(func() {
				deliveries, err := deliver(t.Context(), r.env["AWS_ENDPOINT_URL"], event.JSON)
				if err != nil {
					t.Errorf("%s: %v", file, err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, d := range deliveries {
					o := readOutcome(d.Function, d.Payload, d.Failed)
					count[o.Outcome]++
					speaks := o.Outcome == "told" || o.Outcome == "changed" || o.Outcome == "would_change"
					switch {
					case !speaks && o.Outcome != "nothing" && o.Outcome != "skipped", o.Outcome == never:
						t.Errorf("in %s: %s: %s %s: %s", mode, file, o.Control, o.Outcome, o.Reason)
					case speaks != (len(o.Notices) > 0), !speaks && len(o.Changes) > 0, o.Outcome == "skipped" && o.Reason == "":
						t.Errorf("in %s: %s: %+v", mode, file, o)
					}
				}
			})
		}
	}
	sent.Wait()
	t.Logf("%d events: %v", len(files), counts)
	for mode, count := range counts {
		if count["told"] == 0 || count["nothing"] == 0 {
			t.Errorf("in %s: outcomes %v", mode, count)
		}
	}
}
