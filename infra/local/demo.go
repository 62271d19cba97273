package main

import (
	"context"
	"flag"
	"fmt"
	"io"
)

// demo plays the demo.
func demo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return perform(ctx, "demo", args, stdout, stderr)
}

// tour plays every step.
func tour(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return perform(ctx, "tour", args, stdout, stderr)
}

// perform plays a story.
func perform(ctx context.Context, command string, args []string, stdout, stderr io.Writer) error {
	p := performance{printer: printer{out: stdout, style: styleOf(stdout)}, stderr: stderr}
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.BoolVar(&p.verbose, "v", false, "print every notice in full")
	flags.StringVar(&p.out, "out", "", "keep the evidence that is written in this folder")
	calls := flags.String("calls", "", "write every AWS call that the functions made to this file, as JSON")
	rest, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		fmt.Fprintf(stderr, "local: %s takes no %q\n", command, rest[0])
		return errUsage
	}
	if err := p.play(ctx, command == "tour"); err != nil || *calls == "" {
		return err
	}
	return p.writeCalls(*calls)
}
