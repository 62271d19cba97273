package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/pkg/remediation"
)

// sendCommand delivers events and prints what came of each at each function.
func sendCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "send FILE|DIR…", Args: cobra.MinimumNArgs(1), Short: "Deliver events and print what came of each",
		Long: `Deliver events and print what came of each, in the account that AWS_ENDPOINT_URL names or a fresh one.
` + filesHelp,
	}
	machine := c.Flags().Bool("json", false, "print one JSON object a line for each event and function")
	mode := modeFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		var address string
		p := printer{out: c.OutOrStdout(), style: styleOf(c.OutOrStdout())}
		end := func() {}
		defer func() { end() }()
		return eachEvent(args, c.ErrOrStderr(), func(file string, event eventfile.Event) (err error) {
			if address == "" {
				if address, end, err = reach(c.Context(), string(*mode), c.ErrOrStderr()); err != nil {
					return err
				}
			}
			deliveries, err := emulator.At(address).Send(c.Context(), event.JSON)
			if err != nil {
				return fmt.Errorf("send %s: %w", file, err)
			}
			if *machine {
				return printJSON(p.out, file, deliveries)
			}
			p.event(file, deliveries)
			return nil
		})
	}
	return c
}

// reach returns the address of the account that AWS_ENDPOINT_URL names, or of a fresh one in the
// mode, and what ends the account that was started for it.
func reach(ctx context.Context, mode string, stderr io.Writer) (address string, end func(), err error) {
	if address = os.Getenv("AWS_ENDPOINT_URL"); address != "" {
		return address, func() {}, checkEndpoint(address, mode)
	}
	a, err := emulator.Start(ctx, emulator.Options{Mode: mode, Stderr: stderr})
	if err != nil {
		return "", func() {}, err
	}
	return a.URL, a.Close, nil
}

// checkEndpoint refuses what is no local account.
func checkEndpoint(address, mode string) error {
	at, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("AWS_ENDPOINT_URL: %w", err)
	}
	listener := at.Host
	if at.Port() == "" {
		listener += ":80"
	}
	if err := emulator.CheckLoopback(listener); err != nil {
		return fmt.Errorf("AWS_ENDPOINT_URL: %w", err)
	}
	if mode != "" {
		return fmt.Errorf("the account at %s has its mode already: --mode is for a fresh one (unset AWS_ENDPOINT_URL)",
			address)
	}
	return nil
}

// noRule is the reason of the one outcome of an event that starts nothing.
const noRule = "no deployed rule matches"

func printJSON(out io.Writer, file string, deliveries []endpoint.Delivery) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if len(deliveries) == 0 {
		return encoder.Encode(outcome{File: file, Report: remediation.Report{
			Control: "-", Outcome: remediation.Nothing, Reason: noRule,
			Changes: []remediation.ReportedChange{}, Notices: []remediation.ReportedNotice{},
		}})
	}
	for _, delivery := range deliveries {
		o := readOutcome(delivery.Function, delivery.Payload, delivery.Failed)
		o.File, o.Through = file, delivery.Through
		if err := encoder.Encode(o); err != nil {
			return err
		}
	}
	return nil
}

// event prints what came of one event.
func (p printer) event(file string, deliveries []endpoint.Delivery) {
	fmt.Fprintln(p.out, p.style.bold(file))
	if len(deliveries) == 0 {
		fmt.Fprintln(p.out, "  "+p.style.dim(noRule))
	}
	for _, delivery := range deliveries {
		o := readOutcome(delivery.Function, delivery.Payload, delivery.Failed)
		via := ""
		if delivery.Through != "" {
			via = p.style.dim(" (through " + delivery.Through + ")")
		}
		fmt.Fprintf(p.out, "  %s: %s%s\n", o.Control, p.style.outcome(o.Outcome), via)
		for _, line := range p.details(o) {
			fmt.Fprintln(p.out, "    "+line)
		}
	}
}
