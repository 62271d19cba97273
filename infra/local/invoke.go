package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/local/emulator"
)

// invokeCommand starts a function with a payload and prints what it answers.
func invokeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "invoke FUNCTION JSON", Args: cobra.ExactArgs(2), Short: "Start a function with a payload and print its answer",
		Long: `Start a function with a payload and print its answer, in the account that AWS_ENDPOINT_URL names or a
fresh one.`,
	}
	mode := modeFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		payload := []byte(args[1])
		if !json.Valid(payload) {
			return fmt.Errorf("the payload is no JSON: %s: %w", value(args[1]), errUsage)
		}
		address, end, err := reach(c.Context(), string(*mode), c.ErrOrStderr())
		if err != nil {
			return err
		}
		defer end()
		answer, err := emulator.At(address).Invoke(c.Context(), emulator.Control(args[0]), payload)
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if json.Indent(&text, answer, "", "  ") != nil {
			text.Reset()
			text.Write(answer)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), text.String())
		return err
	}
	return c
}
