package doctor

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/mailstate"
)

func (r reader) GetAccount(context.Context) (*mailstate.Account, error) {
	return &r.mail, r.may("ses:GetAccount")
}

func (r reader) GetEmailIdentity(context.Context) (*mailstate.Identity, error) {
	return &r.sender, r.may("ses:GetEmailIdentity")
}

func (r reader) GetConfigurationSetEventDestinations(context.Context) (*mailstate.Events, error) {
	return &r.mailEvents, r.may("ses:GetConfigurationSetEventDestinations")
}

// mailWorld is a world in which owners get mail through SES. Its answers are as SES words them.
func mailWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.set(t, `{"regions":["eu-west-1","us-east-2","eu-north-1","ap-southeast-2"],"notify":{"emails":["`+mail+`"],
		"slack":{"secret":"slack"},"ses":{"sender":"warder@example.org","configurationSet":"mine"}},
		"createConfigRules":true,"configRules":{"access-keys-rotated":["keys-rotated"]}}`)
	for text, into := range map[string]any{
		`{"SendingEnabled": true, "ProductionAccessEnabled": true, "EnforcementStatus": "HEALTHY"}`: &w.mail,
		`{"IdentityType": "DOMAIN", "VerifiedForSendingStatus": true}`:                              &w.sender,
		`{"EventDestinations": [{"Name": "warder", "Enabled": true, "MatchingEventTypes": ["BOUNCE", "COMPLAINT"],
			"EventBridgeDestination": {"EventBusArn": "arn:aws:events:us-east-1:111122223333:event-bus/default"}}]}`: &w.mailEvents,
	} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func TestMail(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*testing.T, *world)
		want  string // lines that are not ok
	}{
		{"as it should be", nil, ""},
		{"a sandbox", func(_ *testing.T, w *world) { w.mail.ProductionAccessEnabled = false },
			"problem: mail: SES is in its sandbox in us-east-1: only verified addresses get mail, and 200 a day\n"},
		{"sending is off", func(_ *testing.T, w *world) { w.mail.SendingEnabled = false },
			"problem: mail: SES sends no mail for this account (HEALTHY): owners are not notified\n"},
		{"sending is paused by AWS", func(_ *testing.T, w *world) { w.mail.EnforcementStatus = "SHUTDOWN" },
			"problem: mail: SES sends no mail for this account (SHUTDOWN): owners are not notified\n"},
		{"under review", func(_ *testing.T, w *world) { w.mail.EnforcementStatus = "PROBATION" },
			"problem: mail: SES has put this account under review, because of mail that came back\n"},
		{"a sender that is not verified", func(_ *testing.T, w *world) { w.sender.VerifiedForSendingStatus = false },
			"problem: mail: neither w…@example.org nor its domain is verified in us-east-1: SES refuses its mail\n"},
		{"a sender that is not there", func(_ *testing.T, w *world) {
			w.err["ses:GetEmailIdentity"] = refusal("NotFoundException")
		}, "problem: mail: neither w…@example.org nor its domain is verified in us-east-1: SES refuses its mail\n"},
		{"no configuration set", func(_ *testing.T, w *world) {
			w.err["ses:GetConfigurationSetEventDestinations"] = refusal("NotFoundException")
		}, "problem: mail: the configuration set mine does not exist: SES refuses the mail\n"},
		{"complaints that nobody reports", func(_ *testing.T, w *world) {
			w.mailEvents.EventDestinations[0].MatchingEventTypes = []string{"BOUNCE", "SEND"}
		}, "problem: mail: the configuration set mine does not put events of type COMPLAINT onto the event bus: who gets " +
			"no mail is not known\n"},
		{"events that are switched off", func(_ *testing.T, w *world) { w.mailEvents.EventDestinations[0].Enabled = false },
			"problem: mail: the configuration set mine does not put events of type BOUNCE onto the event bus: who gets no " +
				"mail is not known\n" +
				"problem: mail: the configuration set mine does not put events of type COMPLAINT onto the event bus: who gets " +
				"no mail is not known\n"},
		{"what may not be read", func(_ *testing.T, w *world) { w.denied["ses:GetAccount"] = true },
			"not known: mail: these credentials may not call ses:GetAccount (AccessDenied)\n"},
		{"an owner whose mail comes back", func(t *testing.T, w *world) {
			run, err := w.ledger.Begin(t.Context(),
				ledger.Run{Control: "undo", Key: "k", Event: "e", Holder: "h", Until: now}, now)
			if err == nil {
				err = w.ledger.Record(t.Context(), &run, []ledger.Entry{
					{ID: "a", Control: "undo", At: now, Owner: "Alice@Example.com", Subject: "alice"},
				}, false)
			}
			if err == nil {
				err = w.ledger.ReviseAddress(t.Context(), "alice@example.com", now, func(a *ledger.Address) {
					a.Back, a.Until, a.Why = now, now.Add(24*time.Hour), "no such mailbox"
				})
			}
			if err != nil {
				t.Fatal(err)
			}
		}, "remark: mail: mail to 1 address comes back (bounced), such as a…@example.com\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := mailWorld(t)
			if tt.spoil != nil {
				tt.spoil(t, w)
			}
			var lines []Line
			for _, line := range w.examine(t) {
				if line.Check == "mail" {
					lines = append(lines, line)
				}
				if line.State == problem && line.Check == "mail" && line.Do == "" {
					t.Errorf("nothing to do about %s", line.Text)
				}
			}
			if len(lines) == 0 {
				t.Fatal("mail was not checked")
			}
			if diff := cmp.Diff(tt.want, strings.TrimPrefix(text(lines), "\n")); diff != "" {
				t.Errorf("lines that are not ok (-want +got):\n%s", diff)
			}
		})
	}
}
