package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/remediation"
)

// upCommand starts an account and stays until the context ends.
func upCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "up", Short: "Start an AWS account with Warder in it, for any AWS CLI or SDK, and stay", Args: cobra.NoArgs,
	}
	address := c.Flags().String("addr", "127.0.0.1:0", "loopback `address` to listen on")
	tour := c.Flags().Bool("tour", false, "have the settings of infra/local/tour.json, and show what is posted to Slack")
	mode := modeFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		// Whoever started it reads what is printed here.
		o := emulator.Options{
			Address: *address, Mode: string(*mode), Functions: project.Together, Reader: "you@example.com",
			Stderr: c.ErrOrStderr(),
		}
		if *tour {
			o.Synth = project.Tour
		}
		return up(c.Context(), o, c.OutOrStdout())
	}
	return c
}

func up(ctx context.Context, o emulator.Options, stdout io.Writer) error {
	p := printer{out: &lockedWriter{w: stdout}, style: styleOf(stdout)}
	o.Posted, o.Mailed = p.message, p.mail
	o.Done = func(r lambdahost.Result) {
		o := readOutcome(r.Function, r.Payload, r.Failed)
		if r.Sync && !r.Failed && o.Outcome == remediation.Failed { // a function that people call, whose answer is its own
			o.Outcome, o.Reason = "answered", string(r.Payload)
		}
		p.lines(o)
	}
	a, err := emulator.Start(ctx, o)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := a.Prepare(ctx); err != nil {
		return err
	}

	fmt.Fprintf(p.out, `export AWS_ENDPOINT_URL=%s
export AWS_ACCESS_KEY_ID=%s
export AWS_SECRET_ACCESS_KEY=%s
export AWS_REGION=%s
export AWS_DEFAULT_REGION=%[4]s
# AWS CLI 1 takes no notice of AWS_ENDPOINT_URL for sqs: add --endpoint-url $AWS_ENDPOINT_URL
# topic %s
# second topic %s
ready: %d functions; Ctrl-C ends the account
`, a.URL, a.AccessKey, a.Secret, emulator.Region, a.Stack.Outputs["TopicArn"], a.Stack.Outputs["WatchTopicArn"],
		len(a.Stack.Functions))

	select {
	case <-ctx.Done():
		return nil
	case <-a.Moto.Done():
		return errors.New("moto ended: " + a.Moto.Stderr())
	}
}

// lockedWriter lets one line at a time through.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(data)
}

// styleOf is whether to colour what goes to w: on a terminal, unless NO_COLOR says otherwise.
func styleOf(w io.Writer) style {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return style{}
	}
	info, err := file.Stat()
	return style{on: err == nil && info.Mode()&os.ModeCharDevice != 0}
}
