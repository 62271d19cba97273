package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/preview"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/remediation"
)

// offboarding is the id of the control that is told who left.
const offboarding = "offboard-user"

// A leaving is the detail of an event about a person who left, see [event.PersonLeft].
type leaving struct {
	Version   string   `json:"version"`
	ID        string   `json:"id"`
	Email     string   `json:"email"`
	LeftAt    string   `json:"leftAt"`
	Manager   string   `json:"manager,omitempty"`
	UserNames []string `json:"userNames,omitempty"`
}

// event is the event that says so, in the form in which EventBridge hands it over.
func (l leaving) event(account, region string, at time.Time) json.RawMessage {
	text, err := json.Marshal(map[string]any{
		"version": "0", "id": l.ID, "detail-type": "Person left", "source": event.People, "account": account,
		"time": at.UTC().Format(time.RFC3339), "region": region, "resources": []string{}, "detail": l,
	})
	if err != nil {
		panic(err) // texts only
	}
	return text
}

func (a *app) offboard() *cobra.Command {
	left := leaving{Version: "1", ID: "warder-" + rand.Text()}
	var yes bool
	names := flag{"user", "`names` of more IAM users of the person, with a comma between them", new(string)}
	c := a.add(command{
		name:  "offboard PERSON",
		short: "End every credential of a person who left",
		long: `End every credential of a person who left: what the control offboard-user does when the personnel system says
so. PERSON is the email address. It shows first what would be done, which needs AWS's policy SecurityAudit, and asks.
With --yes it does neither.`,
		example: "  warder offboard kim@example.com --manager lee@example.com",
		flags:   []flag{names, {"manager", "email `address` of who is told beside the owner", &left.Manager}},
		check: func() error {
			left.UserNames, left.LeftAt = list(*names.value), a.Now().UTC().Format(time.RFC3339)
			read, err := event.Decode(left.event("000000000000", "us-east-1", a.Now()))
			if d, ok := read.Detail.(*event.PersonLeft); err != nil || !ok || d.Fault != "" {
				return misuse("%s is not understood: %s", left.Email, strings.TrimPrefix(d.Fault, "detail."))
			}
			return nil
		},
		run: func(ctx context.Context, s *session) error {
			if !yes {
				if err := s.confirmOffboarding(ctx, left); err != nil {
					return err
				}
			}
			who, err := s.caller(ctx)
			if err != nil {
				return err
			}
			request := signed{left.event(aws.ToString(who.Account), s.cfg.Region, a.Now())}
			return relay(ctx, s, offboarding, request, func(report remediation.Report) (bool, func()) {
				return report.Outcome != remediation.Failed, func() { s.printReport(offboarding, report) }
			})
		},
	})
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 || !strings.Contains(args[0], "@") {
			return misuse("PERSON is one email address: warder offboard kim@example.com")
		}
		left.Email = args[0]
		return nil
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not show what would be done, and do not ask")
	return c
}

// confirmOffboarding shows what would be done, and asks.
func (s *session) confirmOffboarding(ctx context.Context, left leaving) error {
	set, err := s.readSettings(ctx)
	if err != nil {
		return err
	}
	result, err := preview.Run(ctx, preview.Options{
		Settings: set.Settings, Source: set.Source, Controls: s.controls, Only: []string{offboarding}, Config: s.cfg,
		Now: s.Now, Progress: func(int, int, func() int) {}, Event: left.event,
	})
	if err != nil {
		return account.Cause(err)
	}
	if err := s.show(result, true, func() { result.Print(s.Out, terminal.For(s.Out)) }); err != nil {
		return err
	}
	if s.json || !terminal.Is(s.In) {
		return errors.New("nothing was done: there is nobody to ask; repeat it with --yes (with make: YES=1)")
	}
	fmt.Fprintf(s.Err, "End every credential of %s? [y/N] ", terminal.Plain(left.Email))
	line, _ := bufio.NewReader(s.In).ReadString('\n') // no answer is no
	if reply := strings.ToLower(strings.TrimSpace(line)); reply != "y" && reply != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}
