package remedy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/account"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/say"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/yardstick"
)

// always finds the same.
type always []remedy.Finding

func (a always) Plan(context.Context, event.Event, time.Time) ([]remedy.Finding, error) {
	return a, nil
}

// willing takes every notice, lets every change through and knows no owner.
type willing struct{}

func (willing) Publish(_ context.Context, m notice.Message) (string, error) {
	_, err := m.Bodies()
	return "accepted", err
}
func (willing) Check(context.Context) (say.Text, time.Time, error) {
	return say.Text{}, time.Time{}, nil
}
func (willing) Owner(context.Context, string) (owner.Contact, error) {
	return owner.Contact{ID: "AIDAEXAMPLE"}, nil
}

// An event through the runner, all but the network: one that means nothing, one that is told of, and
// one that is acted on, measured by what it takes to read its JSON.
func BenchmarkRun(b *testing.B) {
	description, err := os.ReadFile("testdata/control.json")
	if err != nil {
		b.Fatal(err)
	}
	described, err := control.Parse("remedy/control.json", description)
	if err != nil {
		b.Fatal(err)
	}
	const policy = "arn:aws:iam::aws:policy/AdministratorAccess"
	attached := account.State{Users: map[string]*account.User{"alice": {Attached: []string{policy}}}}
	detach := change.Change{Kind: change.ManagedUserPolicy, Subject: "alice", Target: policy, Before: change.Attached}
	n := 0
	raw := func() []byte {
		n++
		return fmt.Appendf(nil, `{"version": "0", "id": "00000000-0000-4000-8000-%012d", "detail-type": "AWS API Call via CloudTrail", "source": "aws.iam", "account": "111122223333", "time": "2026-12-01T09:00:00Z", "region": "us-east-1", "resources": [],
			"detail": {"eventVersion": "1.11", "userIdentity": {"type": "IAMUser", "userName": "mallory", "accountId": "111122223333", "arn": "arn:aws:iam::111122223333:user/mallory"}, "eventTime": "2026-12-01T09:00:00Z", "eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy", "awsRegion": "us-east-1",
			"sourceIPAddress": "203.0.113.9", "userAgent": "test", "requestParameters": {"userName": "alice"}, "eventID": "00000000-0000-4000-9000-%012d", "eventType": "AwsApiCall", "recipientAccountId": "111122223333"}}`, n, n)
	}
	side := func(name string, want remedy.Outcome, found ...remedy.Finding) yardstick.Side {
		return yardstick.Side{Name: name, Do: func() error {
			a := account.New(attached)
			r := &remedy.Runner{
				Control: described, Planner: always(found), Kinds: change.ForIAM(a), Ledger: ledger.New(&ledger.Memory{}),
				Settings: settings.Function{Mode: control.Enforce, Parameters: json.RawMessage(`{}`), BlastRadius: 1, HoldDays: 7, EventClock: true},
				Topic:    willing{}, Owners: willing{}, Halt: willing{}, Now: time.Now, Sleep: func(context.Context, time.Duration) {}, Log: slog.New(slog.DiscardHandler),
			}
			report, err := r.Run(context.Background(), remedy.Invocation{ID: "i", Left: time.Minute}, raw())
			if err == nil && report.Outcome != want {
				err = fmt.Errorf("the outcome is %s (%s), want %s", report.Outcome, report.Reason, want)
			}
			return err
		}}
	}
	yardstick.Compare(b,
		yardstick.Side{Name: "json.Unmarshal", Do: func() error {
			account.New(attached) // which the others have, too
			var value any
			return json.Unmarshal(raw(), &value)
		}},
		side("nothing", remedy.Nothing),
		side("alert", remedy.Told, remedy.Finding{User: "alice", Text: say.Data("Found.")}),
		side("change", remedy.Changed, remedy.Finding{User: "alice", Text: say.Data("Found."), Fresh: true, Changes: []change.Change{detach}}),
	)
}
