package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/local/project"
	typed "github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/settings"
)

// sections of a scenario that are events, and those of them that the rules are to keep from the control.
var (
	eventSection       = regexp.MustCompile(`^event(-\d+)?\.json$`)
	undeliveredSection = regexp.MustCompile(`^event.*undelivered.*\.json$`)
)

// A scenario is only worth something if its event would reach the control that the scenario is of.
func TestScenarios_EventsAreDelivered(t *testing.T) {
	t.Parallel()
	stories, err := filepath.Glob("functions/*/testdata/*.txtar")
	if err != nil || len(stories) == 0 {
		t.Fatalf("%d stories (%v)", len(stories), err)
	}
	a, err := emulator.Open(t.Context(), project.Deployed, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)

	delivered, kept := map[string]int{}, 0
	for _, story := range stories {
		archive, err := txtar.ParseFile(story)
		if err != nil {
			t.Fatal(err)
		}
		control := strings.Split(filepath.ToSlash(story), "/")[1]
		for _, section := range archive.Files {
			wanted := eventSection.MatchString(section.Name)
			if !wanted && !undeliveredSection.MatchString(section.Name) {
				continue
			}
			event, err := eventfile.Parse(section.Data)
			if err != nil {
				t.Errorf("%s: %s: %v", story, section.Name, err)
				continue
			}
			matches, err := putStory(t.Context(), a.EventBridge, event)
			if err != nil {
				t.Fatalf("%s: %s: %v", story, section.Name, err)
			}
			switch reached := slices.Contains(controls(matches), control); {
			case reached != wanted:
				t.Errorf("%s: %s reaches %v; delivered to %s: %t, want %t", story, section.Name, controls(matches), control,
					reached, wanted)
			case wanted:
				delivered[control]++
			default:
				kept++
			}
		}
	}
	t.Logf("delivered %v, %d rightly not delivered", delivered, kept)
	if kept == 0 {
		t.Error("no story has an event that its control must not get")
	}
}

// putStory puts a scenario's event where it comes from: one of a drill is no service's, and goes over the
// stack's own bus.
func putStory(ctx context.Context, rules *eventbridge.Bus, e eventfile.Event) ([]eventbridge.Match, error) {
	if e.Source != typed.Drilled && e.Source != typed.People {
		return rules.Put(ctx, e)
	}
	results, err := rules.PutEntries(ctx, []eventbridge.Entry{{Event: e, Bus: settings.Product}})
	if err != nil {
		return nil, err
	}
	return results[0].Matches, nil
}
