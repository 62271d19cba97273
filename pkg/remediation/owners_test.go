package remediation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Whoever answered for a user before is notified that it is another now, whatever is known of the user.
func TestFormer(t *testing.T) {
	for _, tc := range []struct {
		name  string
		known *ledger.Owner
		tags  map[string]string // as they are after the call
		key   string            // that the call sets
		want  string
	}{
		{"seen before", &ledger.Owner{Address: "alice@example.com"}, map[string]string{"owner": "mallory@example.com"},
			"owner", "alice@example.com"},
		{"seen before, in another case", &ledger.Owner{Address: "alice@example.com"},
			map[string]string{"Team-Owner": "mallory@example.com"},
			"TEAM-owner", "alice@example.com"},
		{"removed", &ledger.Owner{Address: "alice@example.com"}, nil, "owner", "alice@example.com"},
		{"a sweep saw the change first", &ledger.Owner{Address: "mallory@example.com", At: time.Date(2026, 11, 30, 3, 0, 0,
			0, time.UTC),
			Before: &ledger.Owner{Address: "alice@example.com"}}, map[string]string{"owner": "mallory@example.com"}, "owner",
			"alice@example.com"},
		{"never seen", nil, map[string]string{"owner": "mallory@example.com"}, "owner", "oncall@example.com"},
		{"never seen, with another owner's tag", nil, map[string]string{"owner": "mallory@example.com",
			"team-owner": "team@example.com"}, "owner",
			"team@example.com"},
		{"only the Slack member", &ledger.Owner{Address: "alice@example.com", Slack: "U012345678"},
			map[string]string{"owner": "alice@example.com", "slack": "U999999999"}, "slack", "alice@example.com U012345678"},
		{"another tag", &ledger.Owner{Address: "alice@example.com"}, map[string]string{"owner": "alice@example.com",
			"x": "y"}, "x", "alice@example.com"},
		{"another tag, long after a change", &ledger.Owner{Address: "alice@example.com",
			Before: &ledger.Owner{Address: "old@example.com"}},
			map[string]string{"owner": "alice@example.com"}, "x", "alice@example.com"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, a, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
				return []remediation.Finding{{User: "alice", Title: i18n.Literal("Tags"), Text: i18n.Literal("Found."),
					Handling: remediation.Handling{Addressee: remediation.Addressee{Former: true}}}}, nil
			})
			r.Settings.Owners = settings.Owners{
				Tags:    []string{"owner", "team-owner"},
				Slack:   "slack",
				Default: "oncall@example.com",
			}
			r.Owners = owner.Book{API: a.IAM(), Owners: r.Settings.Owners}
			a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {ID: "AIDAALICE00000000001", Tags: tc.tags}}})
			if tc.known != nil {
				known := []ledger.Owner{*tc.known}
				if tc.known.Before != nil {
					known = []ledger.Owner{*tc.known.Before, *tc.known}
				}
				for _, o := range known {
					if err := r.Ledger.KeepOwner(t.Context(), "AIDAALICE00000000001", o, false); err != nil {
						t.Fatal(err)
					}
				}
			}
			for n := range 2 { // each event is delivered twice
				if _, err := run(r, fmt.Sprint("i", n), tagged(1, tc.key, "v", byKim)); err != nil {
					t.Fatal(err)
				}
			}
			if len(box.got) != 1 {
				t.Fatalf("%d notices, want one", len(box.got))
			}
			if got := strings.TrimSpace(box.got[0].Owner + " " + box.got[0].OwnerSlack); got != tc.want {
				t.Errorf("notified %q, want %q: %s", got, tc.want, box.got[0].Facts)
			}
			now, known, err := r.Ledger.Owner(t.Context(), "AIDAALICE00000000001")
			if want := tc.tags["owner"]; err != nil || known && want != "" && now.Address != want {
				t.Errorf("remembered is %+v, %v, want %q", now, err, want)
			}
		})
	}
}

// A tag that a user set itself asks for nothing.
func TestConsent(t *testing.T) {
	for by, want := range map[string]string{byKim: "changed", byAlice: "alert"} {
		f := detach()
		f.Fresh, f.Consent = true, change.RotationTag
		r, a, box := newRunner(t, func(e event.Event) ([]remediation.Finding, error) {
			if _, sweep := e.Detail.(*event.Sweep); !sweep {
				return nil, nil
			}
			return []remediation.Finding{f}, nil
		})
		a.With(func(s *fakeaws.State) {
			s.Users["alice"].ID = "AIDAALICE00000000001"
			s.Users["alice"].Tags = map[string]string{change.RotationTag: "yes"}
		})
		if _, err := run(r, "a", tagged(1, "Warder:Rotate", "yes", by)); err != nil {
			t.Fatal(err)
		}
		if _, err := run(r, "b", sweep); err != nil {
			t.Fatal(err)
		}
		if len(box.got) != 1 || string(box.got[0].Kind) != want {
			t.Errorf("by %s: %+v, want one notice: %s", by, box.got, want)
		}
		if attached := len(a.State().Users["alice"].Attached) > 0; attached != (want == "alert") {
			t.Errorf("by %s: attached is %v", by, attached)
		}
	}
}
