package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/local/project"
)

// route prints which controls the deployed rules start for each event.
func route(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("route", flag.ContinueOnError)
	rest, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	files, listed := listFiles(rest, stderr)
	if len(files) == 0 {
		return listed
	}
	a, err := emulator.Open(ctx, project.Deployed, stderr)
	if err != nil {
		return err
	}
	defer a.Close()

	result := listed
	for _, file := range files {
		event, err := readEvent(file)
		if err != nil {
			fmt.Fprintf(stderr, "local: %v\n", err)
			result = errPart
			continue
		}
		matches, err := a.EventBridge.Put(ctx, event)
		if err != nil {
			return fmt.Errorf("route %s: %w", file, err)
		}
		fmt.Fprintf(stdout, "%s\t%s%s\n", file, strings.Join(controls(matches), ","), through(matches))
	}
	return result
}

// through names the rule that forwarded the event to the hub; it is empty for one that happened there.
func through(matches []eventbridge.Match) string {
	for _, match := range matches {
		if match.Through != "" {
			return "\tthrough " + match.Through
		}
	}
	return ""
}

// controls are the controls of the matches, sorted, each once; "-" for none.
func controls(matches []eventbridge.Match) []string {
	var names []string
	for _, match := range matches {
		if match.Function != "" { // else a queue, which is no control's
			names = append(names, emulator.Control(match.Function))
		}
	}
	if len(names) == 0 {
		return []string{"-"}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// listFiles lists the event files that the arguments name and says what is wrong with the others.
// The error is nil when nothing is.
func listFiles(args []string, stderr io.Writer) ([]string, error) {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return nil, errUsage
	}
	files, err := eventfile.Files(args)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "local: %v\n", err)
		return files, errPart
	case len(files) == 0:
		fmt.Fprintf(stderr, "local: no *.json in %s\n", strings.Join(args, " "))
		return nil, errPart
	}
	return files, nil
}

func readEvent(file string) (eventfile.Event, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return eventfile.Event{}, fmt.Errorf("read event: %w", err)
	}
	event, err := eventfile.Parse(data)
	if err != nil {
		return eventfile.Event{}, fmt.Errorf("%s: %w", file, err)
	}
	return event, nil
}
