package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

const usage = "usage: see the package comment of the command\n"

// leaving are the commands that become programs of their own.
func leaving(stdout, stderr io.Writer) []*cobra.Command {
	var all []*cobra.Command
	for name, run := range map[string]func(context.Context, []string, io.Writer, io.Writer) error{
		"months": months, "load": load, "preview": showPreview, "simulate": simulation,
	} {
		all = append(all, &cobra.Command{
			Use: name, DisableFlagParsing: true, RunE: func(c *cobra.Command, args []string) error {
				return run(c.Context(), args, stdout, stderr)
			},
		})
	}
	return all
}

// parseFlags reads flags before and after the other arguments, which it returns.
func parseFlags(flags *flag.FlagSet, args []string, stderr io.Writer) ([]string, error) {
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	var others []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, errUsage
		}
		args = flags.Args()
		if len(args) == 0 {
			return others, nil
		}
		others, args = append(others, args[0]), args[1:]
	}
}
