package remediation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/benchratio"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// always finds the same.
type always []remediation.Finding

func (a always) Plan(context.Context, event.Event, time.Time) ([]remediation.Finding, error) {
	return a, nil
}

// willing takes every notice, lets every change through and knows no owner.
type willing struct{}

func (willing) Publish(_ context.Context, m notice.Message) (string, error) {
	_, err := m.Bodies()
	return "accepted", err
}
func (willing) Owner(_ context.Context, user string) (owner.Contact, error) {
	return owner.Contact{ID: "AIDAEXAMPLE", Name: user}, nil
}
func (w willing) ByID(ctx context.Context, _, name string) (owner.Contact, error) {
	return w.Owner(ctx, name)
}

// An event through the runner, all but the network: one that means nothing, one that is reported, and
// one that is acted on, measured by what it takes to read its JSON.
func BenchmarkRun(b *testing.B) {
	description, err := os.ReadFile("testdata/control.json")
	if err != nil {
		b.Fatal(err)
	}
	described, err := control.Parse("remediation/control.json", description)
	if err != nil {
		b.Fatal(err)
	}
	const policy = "arn:aws:iam::aws:policy/AdministratorAccess"
	attached := fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Attached: []string{policy}}}}
	detach := change.Change{Kind: change.ManagedUserPolicy, Subject: "alice", Target: policy, Before: change.Attached}
	n := 0
	raw := func() []byte {
		n++
		return fmt.Appendf(nil, `{"version": "0", "id": "00000000-0000-4000-8000-%012d",
			"detail-type": "AWS API Call via CloudTrail", "source": "aws.iam", "account": "111122223333",
			"time": "2026-12-01T09:00:00Z", "region": "us-east-1", "resources": [],
			"detail": {"eventVersion": "1.11", "userIdentity": {"type": "IAMUser", "userName": "mallory",
			"accountId": "111122223333", "arn": "arn:aws:iam::111122223333:user/mallory"},
			"eventTime": "2026-12-01T09:00:00Z", "eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy",
			"awsRegion": "us-east-1",
			"sourceIPAddress": "203.0.113.9", "userAgent": "test", "requestParameters": {"userName": "alice"},
			"eventID": "00000000-0000-4000-9000-%012d", "eventType": "AwsApiCall",
			"recipientAccountId": "111122223333"}}`, n, n)
	}
	side := func(name string, want remediation.Outcome, found ...remediation.Finding) benchratio.Side {
		return benchratio.Side{Name: name, Do: func() error {
			a := fakeaws.New(attached)
			r := &remediation.Runner{
				Control: described, Planner: always(found), Kinds: change.ForIAM(a.IAM()), Ledger: ledger.New(&ledger.Memory{}),
				Settings: settings.Function{Mode: control.Enforce, Reach: settings.Reach{All: true}, Parameters: json.RawMessage(`{}`), BlastRadius: 1, HoldDays: 7,
					EventClock: true},
				Topic: willing{}, Owners: willing{},
				Environment: remediation.Environment{Now: time.Now, Sleep: func(context.Context, time.Duration) {},
					Log: slog.New(slog.DiscardHandler)},
			}
			report, err := r.Run(context.Background(), remediation.Invocation{ID: "i", Left: time.Minute}, raw())
			if err == nil && report.Outcome != want {
				err = fmt.Errorf("the outcome is %s (%s), want %s", report.Outcome, report.Reason, want)
			}
			return err
		}}
	}
	benchratio.Compare(b,
		benchratio.Side{Name: "json.Unmarshal", Do: func() error {
			fakeaws.New(attached) // which the others have, too
			var value any
			return json.Unmarshal(raw(), &value)
		}},
		side("nothing", remediation.Nothing),
		side("alert", remediation.Notified, remediation.Finding{User: "alice", Text: i18n.Literal("Found.")}),
		side("change", remediation.Changed, remediation.Finding{User: "alice", Text: i18n.Literal("Found."),
			Handling: remediation.Handling{Fresh: true}, Changes: []change.Change{detach}}),
	)
}
