package remediation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// signIn is a sign-in that a drill makes up.
const signIn = `{"version":"0","id":"00000000-0000-4000-8000-000000000003",
	"detail-type":"AWS Console Sign In via CloudTrail","source":"warder.drill",
	"account":"111122223333","time":"2026-12-01T03:00:00Z","region":"us-east-1","resources":[],
	"detail":{"eventVersion":"1.11","eventType":"AwsConsoleSignIn",
	"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","eventTime":"2026-12-01T03:00:00Z",
	"eventID":"00000000-0000-4000-9000-000000000003",
	"userIdentity":{"type":"IAMUser","userName":"warder-drill-a"},"responseElements":{"ConsoleLogin":"Success"}}}`

// onDrill lets a drill go on, with its user, beside alice.
func onDrill(t *testing.T, r *remediation.Runner, a *fakeaws.Account) {
	t.Helper()
	a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"warder-drill-a": {
		Path: "/warder-drill/", Tags: map[string]string{"warder:drill": "a"},
		Attached: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
	}}})
	at := time.Date(2026, 12, 1, 3, 0, 0, 500_000_000, time.UTC)
	if err := r.Ledger.KeepDrill(t.Context(), ledger.Drill{ID: "a", User: "warder-drill-a",
		By: caller.Identity{Claimed: "kim"}, At: at, Until: at.Add(time.Minute)}, r.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestDrill_OnlyItsOwnUser(t *testing.T) {
	own := remediation.Finding{User: "warder-drill-a", Text: i18n.Literal("Found."), Changes: []change.Change{{
		Kind: change.ManagedUserPolicy, Subject: "warder-drill-a", Target: "arn:aws:iam::aws:policy/ReadOnlyAccess",
		Before: change.Attached,
	}}}
	hidden := own
	hidden.Changes = detach().Changes
	for _, tc := range []struct {
		name    string
		found   []remediation.Finding
		refused bool
	}{
		{"about the user alone", []remediation.Finding{own}, false},
		{"about somebody else", []remediation.Finding{detach()}, true},
		{"about the user and somebody else", []remediation.Finding{own, detach()}, true},
		{"about the user, with a change of somebody else", []remediation.Finding{hidden}, true},
		{"about a role", []remediation.Finding{{Subject: "admin", Text: i18n.Literal("Seen.")}}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, a, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) { return tc.found, nil })
			onDrill(t, r, a)
			report, err := run(r, "a", signIn)
			if err != nil {
				t.Fatal(err)
			}
			recorded, _, err := r.Ledger.Run(t.Context(), "test", report.Event)
			if err != nil || !recorded.Done {
				t.Errorf("the ledger has %+v, %v", recorded, err)
			}
			switch {
			case tc.refused && (report.Outcome != remediation.Skipped || !strings.HasPrefix(recorded.Reason, "refused: ") ||
				len(box.got) != 0):
				t.Errorf("not refused: %+v, recorded %+v, told %+v", report, recorded, box.got)
			case !tc.refused && (report.Outcome != remediation.Changed || len(box.got) != 1 || box.got[0].Drill != "a" ||
				!strings.HasPrefix(box.got[0].Title, "Drill: ")):
				t.Errorf("%+v, told %+v", report, box.got)
			}
			if alice := a.State().Users["alice"]; len(alice.Attached) != 1 {
				t.Error("alice was changed")
			}
		})
	}
}

func TestDrill_UserCannotBeRead(t *testing.T) {
	r, a, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		t.Error("planned")
		return nil, nil
	})
	onDrill(t, r, a)
	a.Fault = func(string, bool) error { return errors.New("Throttling: Rate exceeded") }
	if report, err := run(r, "a", signIn); err == nil || report.Outcome != remediation.Failed || len(box.got) != 0 {
		t.Errorf("%+v, %v, told %+v", report, err, box.got)
	}
}

// IAM may not show a user yet that the drill has just made.
func TestDrill_UserNotVisibleYet(t *testing.T) {
	planned := false
	r, a, _ := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		planned = true
		return nil, nil
	})
	onDrill(t, r, a)
	user := a.State().Users["warder-drill-a"]
	a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"warder-drill-a": nil}})
	waits := 0
	r.Sleep = func(context.Context, time.Duration) {
		if waits++; waits == 3 {
			a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"warder-drill-a": user}})
		}
	}
	if report, err := run(r, "a", signIn); err != nil || !planned || report.Outcome != remediation.Nothing {
		t.Errorf("planned %t: %+v, %v", planned, report, err)
	}
}
