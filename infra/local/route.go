package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/local/project"
)

// filesHelp is what commands take that read events.
const filesHelp = "Files are EventBridge events or bare CloudTrail records; a folder is its *.json files."

// routeCommand prints which controls the deployed rules start for each event.
func routeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "route FILE|DIR…", Args: cobra.MinimumNArgs(1), Short: "Print which controls each event starts", Long: filesHelp,
		RunE: func(c *cobra.Command, args []string) (err error) {
			var a *emulator.Account
			defer func() {
				if a != nil {
					a.Close()
				}
			}()
			return eachEvent(args, c.ErrOrStderr(), func(file string, event eventfile.Event) (err error) {
				if a == nil {
					if a, err = emulator.Open(c.Context(), project.Deployed, c.ErrOrStderr()); err != nil {
						return err
					}
				}
				matches, err := a.EventBridge.Put(c.Context(), event)
				if err != nil {
					return fmt.Errorf("route %s: %w", file, err)
				}
				fmt.Fprintf(c.OutOrStdout(), "%s\t%s%s\n", file, strings.Join(controls(matches), ","), through(matches))
				return nil
			})
		},
	}
}

// eachEvent calls do for each event that the arguments name, and names the files that are none.
func eachEvent(args []string, stderr io.Writer, do func(file string, event eventfile.Event) error) error {
	files, result := eventfile.Files(args)
	if result != nil {
		fmt.Fprintf(stderr, "local: %v\n", result)
		result = errPart
	} else if len(files) == 0 {
		fmt.Fprintf(stderr, "local: no *.json in %s\n", strings.Join(args, " "))
		result = errPart
	}
	for _, file := range files {
		event, err := readEvent(file)
		if err != nil {
			fmt.Fprintf(stderr, "local: %v\n", err)
			result = errPart
			continue
		}
		if err := do(file, event); err != nil {
			return err
		}
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
