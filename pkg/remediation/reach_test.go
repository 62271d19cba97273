package remediation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// inADay is a sweep, so many days after the first.
func inADay(days int) string {
	at := time.Date(2026, 12, 1+days, 3, 0, 0, 0, time.UTC)
	return strings.NewReplacer("2026-12-01T03:00:00Z", at.Format(time.RFC3339), "000000000001",
		"0000000001"+at.Format("02")).Replace(sweep)
}

// reaching returns a runner of a control with a week of grace, over an account in which alice has a direct policy, and
// what sweeps it.
func reaching(t *testing.T, f remediation.Finding, reach settings.Reach, owners settings.Owners,
) (*remediation.Runner, *fakeaws.Account, *mailbox, func(day int)) {
	t.Helper()
	r, a, box := newRunner(t, finding(f))
	a.With(func(s *fakeaws.State) {
		s.Users["alice"].Tags = map[string]string{"owner": "alice@example.com"}
	})
	owners.Tags = []string{"owner"}
	r.Settings.Reach, r.Settings.Owners, r.Settings.Parameters = reach, owners, []byte(`{"graceDays":7}`)
	r.Owners = owner.Book{API: a.IAM(), Owners: owners}
	return r, a, box, func(day int) {
		t.Helper()
		now := time.Date(2026, 12, 1+day, 3, 0, 0, 0, time.UTC)
		r.Now = func() time.Time { return now }
		if _, err := run(r, "sweep", inADay(day)); err != nil {
			t.Fatal(err)
		}
	}
}

func holdsPolicy(a *fakeaws.Account) bool { return len(a.State().Users["alice"].Attached) > 0 }

func sentKinds(box *mailbox) (all []notice.Kind) {
	for _, m := range box.got {
		all = append(all, m.Kind)
	}
	return all
}

// With nobody to notify nothing is changed, however long it is, and whoever reads the topic hears of that once a week;
// the days of grace count from the first notice that somebody can receive.
func TestReach_NobodyIsThere(t *testing.T) {
	r, a, box, sweep := reaching(t, detach(), settings.Reach{}, settings.Owners{})
	for day := range 10 {
		sweep(day)
	}
	if !holdsPolicy(a) {
		t.Fatal("changed, and nobody was notified before")
	}
	if got := sentKinds(box); len(got) > 3 ||
		slices.ContainsFunc(got, func(k notice.Kind) bool { return k != notice.Alert }) {
		t.Fatalf("notices %v, want one alert a week", got)
	}
	if m := box.got[0]; m.Severity != "critical" || !strings.Contains(m.Text, "would change 1 things") ||
		len(m.Facts) != 1 {
		t.Errorf("the alert is %+v", m)
	}
	entry, found, err := r.Ledger.Entry(t.Context(), box.got[0].Finding)
	if err != nil || !found || entry.Guard != ledger.Unreached {
		t.Errorf("the ledger has %+v, %t, %v", entry, found, err)
	}

	box.got = nil
	r.Settings.Owners.Default = "soc@example.com" // the settings of a deployment
	sweep(10)
	if got := sentKinds(box); !slices.Equal(got, []notice.Kind{notice.Warning}) || !holdsPolicy(a) {
		t.Fatalf("notices %v, attached %t: want a warning first", got, holdsPolicy(a))
	}
	sweep(16)
	if !holdsPolicy(a) {
		t.Fatal("changed before a week was over")
	}
	sweep(17)
	if holdsPolicy(a) {
		t.Error("not changed after a week")
	}
}

// A warning that comes back was none: the days count from the next one, which goes to somebody else.
func TestReach_MailCameBack(t *testing.T) {
	for name, test := range map[string]struct {
		owners  settings.Owners
		changed int // the day of the change, -1 for never
	}{
		"nobody else":         {settings.Owners{}, -1},
		"the default contact": {settings.Owners{Default: "soc@example.com"}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			r, a, box, sweep := reaching(t, detach(), settings.Reach{Mail: true}, test.owners)
			sweep(0)
			if got := sentKinds(box); !slices.Equal(got, []notice.Kind{notice.Warning}) {
				t.Fatalf("notices %v", got)
			}
			now := time.Date(2026, 12, 1, 3, 5, 0, 0, time.UTC)
			err := r.Ledger.ReviseAddress(t.Context(), "Alice@example.com", now, func(known *ledger.Address) {
				known.Back, known.Until, known.Why = now, now.Add(ledger.MaxBack), "no such user"
			})
			if err != nil {
				t.Fatal(err)
			}
			for day := 1; day < 20; day++ {
				sweep(day)
				if want := test.changed >= 0 && day >= test.changed; holdsPolicy(a) == want {
					t.Fatalf("day %d: attached %t", day, holdsPolicy(a))
				}
				if day == test.changed {
					break
				}
			}
			warnings := slices.DeleteFunc(sentKinds(box), func(k notice.Kind) bool { return k != notice.Warning })
			if want := 1 + min(test.changed+1, 1); len(warnings) != want {
				t.Errorf("%d warnings, want %d", len(warnings), want)
			}
		})
	}
}

// What an event names waits as well, and is reported at once to whoever reads the topic; an emergency does not wait.
func TestReach_AtOnce(t *testing.T) {
	fresh := detach()
	fresh.Fresh = true
	r, a, box, _ := reaching(t, fresh, settings.Reach{Mail: true}, settings.Owners{})
	a.With(func(s *fakeaws.State) { s.Users["alice"].Tags = nil })
	if _, err := run(r, "a", sweep); err != nil {
		t.Fatal(err)
	}
	if got := sentKinds(box); !holdsPolicy(a) || !slices.Contains(got, notice.Held) ||
		!slices.Contains(got, notice.Alert) {
		t.Errorf("attached %t, notices %v", holdsPolicy(a), got)
	}
	for _, urgency := range []remediation.Urgency{remediation.Emergency, remediation.Containment} {
		f := fresh
		f.Urgency = urgency
		r, a, box, _ := reaching(t, f, settings.Reach{}, settings.Owners{})
		if _, err := run(r, "a", sweep); err != nil {
			t.Fatal(err)
		}
		if got := sentKinds(box); holdsPolicy(a) || !slices.Equal(got, []notice.Kind{notice.Changed}) {
			t.Errorf("%s: attached %t, notices %v", urgency, holdsPolicy(a), got)
		}
	}
}
