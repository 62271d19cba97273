package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/warder-aws/warder/infra/local/endpoint"
)

// send delivers events and prints what came of each at each function.
func send(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("send", flag.ContinueOnError)
	machine := flags.Bool("json", false, "one JSON object a line for each event and function")
	mode := modeFlag(flags)
	rest, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	files, listed := listFiles(rest, stderr)
	if len(files) == 0 {
		return listed
	}
	address, end, err := reach(ctx, *mode, stderr)
	if err != nil {
		return err
	}
	defer end()

	p := printer{out: stdout, style: styleOf(stdout)}
	result := listed
	for _, file := range files {
		event, err := readEvent(file)
		if err != nil {
			fmt.Fprintf(stderr, "local: %v\n", err)
			result = errPart
			continue
		}
		deliveries, err := deliver(ctx, address, event.JSON)
		if err != nil {
			return fmt.Errorf("send %s: %w", file, err)
		}
		if *machine {
			err = printJSON(stdout, file, deliveries)
		} else {
			p.event(file, deliveries)
		}
		if err != nil {
			return err
		}
	}
	return result
}

// reach returns the address of the account that AWS_ENDPOINT_URL names, or of a fresh one in the
// mode, and what ends the account that was started for it.
func reach(ctx context.Context, mode string, stderr io.Writer) (address string, end func(), err error) {
	if address = os.Getenv("AWS_ENDPOINT_URL"); address != "" {
		return address, func() {}, checkEndpoint(address, mode)
	}
	a, err := openAccount(ctx, options{mode: mode, stderr: stderr})
	if err != nil {
		return "", nil, err
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
	if err := checkLoopback(listener); err != nil {
		return fmt.Errorf("AWS_ENDPOINT_URL: %w", err)
	}
	if mode != "" {
		return fmt.Errorf("the account at %s has its mode already: -mode is for a fresh one (unset AWS_ENDPOINT_URL)", address)
	}
	return nil
}

// deliver puts one event on the bus of the account at the address and waits for what comes of it.
func deliver(ctx context.Context, address string, event []byte) ([]endpoint.Delivery, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(address, "/")+"/_warder/send", bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", response.Status, value(string(body)))
	}
	var deliveries []endpoint.Delivery
	if err := json.Unmarshal(body, &deliveries); err != nil {
		return nil, fmt.Errorf("%s is no local account: %w", address, err)
	}
	return deliveries, nil
}

// post calls a route of the local account that answers nothing.
func post(ctx context.Context, route string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, route, bytes.NewReader(data))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(response.Body) // the status is the error
		return fmt.Errorf("%s: %s", response.Status, value(string(text)))
	}
	return nil
}

// noRule is the reason of the one outcome of an event that starts nothing.
const noRule = "no deployed rule matches"

func printJSON(out io.Writer, file string, deliveries []endpoint.Delivery) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if len(deliveries) == 0 {
		return encoder.Encode(outcome{File: file, Control: "-", Outcome: "nothing", Reason: noRule, Changes: []change{}, Notices: []notice{}})
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
