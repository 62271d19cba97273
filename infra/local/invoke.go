package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"

	"github.com/warder-aws/warder/infra/local/emulator"
)

// invoke starts a function with a payload and prints what it answers.
func invoke(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("invoke", flag.ContinueOnError)
	mode := modeFlag(flags)
	rest, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		fmt.Fprint(stderr, usage)
		return errUsage
	}
	payload := []byte(rest[1])
	if !json.Valid(payload) {
		fmt.Fprintf(stderr, "local: the payload is no JSON: %s\n", value(rest[1]))
		return errUsage
	}
	endpoint, end, err := reach(ctx, *mode, stderr)
	if err != nil {
		return err
	}
	defer end()
	answer, err := emulator.At(endpoint).Invoke(ctx, emulator.Control(rest[0]), payload)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if json.Indent(&text, answer, "", "  ") != nil {
		text.Reset()
		text.Write(answer)
	}
	_, err = fmt.Fprintln(stdout, text.String())
	return err
}
