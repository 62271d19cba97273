package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/project"
)

// sights is what the tour plays, in order: every control and every tool at work. The controls that
// need settings have those of tour.json.
var sights = []scene{
	{mode: "observe", chapters: []chapter{onlyObserved}},
	{mode: "enforce", chapters: slices.Concat(direct, []chapter{
		stale, quarantineStays, unused, rotated, signedIn, rootUsed, policyChanged, exposed, openOutside, public,
	}, robust, []chapter{evidence})},
	{mode: "enforce", synth: project.Tour, chapters: []chapter{inSlack, signedInOutside, connected, sessionEnded, bounded, rehearsed, rootKey}},
	{mode: "enforce", chapters: safe},
}

// tour plays the sights, and prints in which chapters each control and each tool was at work.
func tour(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	results, err := perform(ctx, "tour", sights, args, stdout, stderr)
	if len(results) == 0 {
		return err
	}
	all, loaded := functions.Controls()
	if loaded != nil {
		return loaded
	}
	fmt.Fprintf(stdout, "\n%s\n", styleOf(stdout).bold("Who was at work"))
	for _, c := range all {
		var numbers []string
		for i, r := range results {
			if slices.Contains(r.shows, c.ID) && r.err == nil {
				numbers = append(numbers, fmt.Sprint(i+1))
			}
		}
		if numbers == nil {
			numbers, err = []string{styleOf(stdout).paint("31", "not seen")}, errStory
		}
		fmt.Fprintf(stdout, "%-29s %s\n", c.ID, strings.Join(numbers, ", "))
	}
	return err
}
