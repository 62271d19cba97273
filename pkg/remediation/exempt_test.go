package remediation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/hostile"
)

const (
	account = "arn:aws:iam::111122223333:user/"
	session = "arn:aws:sts::111122223333:assumed-role/"
)

// exempting is a runner whose account has users, and a function that asks it for exemptions as somebody.
func exempting(t *testing.T, persons int) (
	*remediation.Runner, *fakeaws.Account, *mailbox,
	func(who string, q remediation.ExemptRequest) (remediation.ExemptAnswer, error),
) {
	t.Helper()
	r, a, box := newRunner(t, finding(detach()))
	for name, address := range map[string]string{
		"alice": "alice@example.com", "alice-admin": "alice@example.com", "bob": "bob@example.com", "kim": "", "lee": "",
		"ci-batch": "kim@example.com",
	} {
		user := &fakeaws.User{ID: fakeaws.UniqueID(name), Path: "/", Tags: map[string]string{}}
		if address != "" {
			user.Tags["owner"] = address
		}
		if name == "alice" {
			user.Attached = []string{readOnly}
		}
		a.With(func(s *fakeaws.State) { s.Users[name] = user })
	}
	r.Settings.Owners = settings.Owners{Tags: []string{"owner"}}
	r.Owners = owner.Book{API: a.IAM(), Owners: r.Settings.Owners}
	r.Settings.Roles = []string{"warder-self", "warder-test", "warder-require-mfa"}
	r.Settings.Asking = settings.Asking{Persons: persons, ExemptDays: 60}
	return r, a, box, func(who string, q remediation.ExemptRequest) (remediation.ExemptAnswer, error) {
		ctx := t.Context()
		if who != "" {
			ctx = caller.NewContext(ctx, who)
		}
		return remediation.Exempter{Runner: r}.Ask(ctx, q)
	}
}

func forAlice() remediation.ExemptRequest {
	return remediation.ExemptRequest{
		Users: []string{"alice"}, Controls: []string{"test"}, Until: "2026-12-10", Reason: "a migration",
	}
}

func TestExempt_WhoAndWhat(t *testing.T) {
	alter := func(f func(*remediation.ExemptRequest)) remediation.ExemptRequest {
		q := forAlice()
		f(&q)
		return q
	}
	for _, tt := range []struct {
		name, who string
		q         remediation.ExemptRequest
		refused   string // empty: granted
	}{
		{"somebody else", account + "kim", forAlice(), ""},
		{"somebody else's session", session + "Admin/kim", forAlice(), ""},
		{"the last day allowed", account + "kim", alter(func(q *remediation.ExemptRequest) { q.Until = "2027-01-30" }), ""},
		{"only today", account + "kim", alter(func(q *remediation.ExemptRequest) { q.Until = "2026-12-01" }), ""},
		{"nobody", "", forAlice(), "nothing proves who asks"},
		{"a name that was typed", "", alter(func(q *remediation.ExemptRequest) { q.By = "kim" }), "nothing proves who asks"},
		{"root", "arn:aws:iam::111122223333:root", forAlice(), "nothing proves who asks"},
		{"a federated user, whom any user can name", "arn:aws:sts::111122223333:federated-user/kim", forAlice(),
			"nothing proves who asks"},
		{"oneself", account + "alice", forAlice(), "nobody exempts themselves"},
		{"oneself in another case, with a path", account + "team/ALICE", forAlice(), "nobody exempts themselves"},
		{"one's own session", session + "Admin/alice", forAlice(), "nobody exempts themselves"},
		{"one's own session by mail", session + "AWSReservedSSO_Ops_1234/alice@example.com", forAlice(),
			"nobody exempts themselves"},
		{"one's other user", account + "alice-admin", forAlice(), "nobody exempts themselves"},
		{"the owner of a machine", session + "Ops/kim@example.com",
			alter(func(q *remediation.ExemptRequest) { q.Users = []string{"bob", "ci-batch"} }), "nobody exempts themselves"},
		{"an unknown user among others", account + "kim",
			alter(func(q *remediation.ExemptRequest) { q.Users = []string{"alice", "nobody"} }), `there is no IAM user "nobody"`},
		{"an unknown control", account + "kim",
			alter(func(q *remediation.ExemptRequest) { q.Controls = []string{"test", "tset"} }), `there is no control "tset"`},
		{"too long", account + "kim", alter(func(q *remediation.ExemptRequest) { q.Until = "2027-01-31" }),
			"at most 60 days"},
		{"a day that is over", account + "kim", alter(func(q *remediation.ExemptRequest) { q.Until = "2026-11-30" }),
			"is over"},
		{"a day that does not exist", account + "kim",
			alter(func(q *remediation.ExemptRequest) { q.Until = "2026-12-32" }), "is not a day"},
		{"a reason that nobody sees", account + "kim",
			alter(func(q *remediation.ExemptRequest) { q.Reason = " \u200b\u00a0" }), "for which reason"},
		{"two requests in one", account + "kim", alter(func(q *remediation.ExemptRequest) { q.Approve = "x" }),
			"not understood"},
		{"no end", account + "kim", alter(func(q *remediation.ExemptRequest) { q.Until = "" }), "not understood"},
		{"everybody at once", account + "kim",
			alter(func(q *remediation.ExemptRequest) { q.Users = slices.Repeat([]string{"bob"}, 51) }), "at most 50"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, a, box, ask := exempting(t, 1)
			answer, err := ask(tt.who, tt.q)
			report, runErr := run(r, "a", sweep)
			if runErr != nil {
				t.Fatal(runErr)
			}
			exempt := slices.Contains(a.State().Users["alice"].Attached, readOnly)
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) || exempt {
					t.Errorf("%+v, %v: exempt %v", answer, err, exempt)
				}
				return
			}
			if err != nil || len(answer.Exemptions) != 1 || answer.Exemptions[0].State != remediation.ExemptInForce ||
				!exempt || report.Outcome == remediation.Changed {
				t.Fatalf("%+v, %v: exempt %v, %+v", answer, err, exempt, report)
			}
			if box.got[0].Owner != "alice@example.com" || box.got[0].Subject != "alice" || !strings.Contains(box.got[0].Text,
				tt.who+" exempts alice from test until ") {
				t.Errorf("notified %+v", box.got[0])
			}
		})
	}
}

// An exemption is of one user, whatever it is called, of one control, and ends by itself.
func TestExempt_EndsAndStaysWithItsUser(t *testing.T) {
	r, a, box, ask := exempting(t, 1)
	if _, err := ask(account+"kim", forAlice()); err != nil {
		t.Fatal(err)
	}
	id := a.State().Users["alice"].ID
	exempts := func(at time.Time) bool {
		all, err := r.Ledger.Exempted(t.Context(), id, at)
		if err != nil {
			t.Fatal(err)
		}
		return len(all) == 1 && all[0].Control == "test"
	}
	last := time.Date(2026, 12, 10, 23, 59, 59, 0, time.UTC)
	if !exempts(r.Now()) || !exempts(last) || exempts(last.Add(time.Second)) {
		t.Error("it does not hold to the end of its last day, and no longer")
	}
	renamed := detach()
	renamed.User, renamed.Changes[0].Subject = "eve", "eve"
	// Renamed, it is exempt; another one under the name is not.
	r.Planner = finding(renamed)
	a.With(func(s *fakeaws.State) {
		s.Users["eve"] = s.Users["alice"]
		s.Users["alice"] = &fakeaws.User{ID: "AIDANEWALICE00000001", Path: "/", Attached: []string{readOnly}}
	})
	if report, err := run(r, "a", sweep); err != nil || report.Outcome == remediation.Changed {
		t.Errorf("renamed: %+v, %v", report, err)
	}
	r.Planner = finding(detach())
	if report, err := run(r, "b", strings.ReplaceAll(sweep, "000000000001", "000000000002")); err != nil ||
		report.Outcome != remediation.Changed {
		t.Errorf("another one of the name: %+v, %v", report, err)
	}
	// In its last week its owner is notified that it ends.
	box.got = nil
	now := r.Now
	r.Now = func() time.Time { return now().AddDate(0, 0, 5) }
	r.Planner = finding(renamed)
	if _, err := run(r, "c", strings.ReplaceAll(sweep, "000000000001", "000000000003")); err != nil {
		t.Fatal(err)
	}
	if len(box.got) != 1 || box.got[0].Title != "Exemption ends soon" {
		t.Errorf("notified %+v", box.got)
	}
	r.Now = func() time.Time { return now().AddDate(0, 0, 10) }
	if report, err := run(r, "d", strings.ReplaceAll(sweep, "000000000001", "000000000004")); err != nil ||
		report.Outcome != remediation.Changed {
		t.Errorf("when it is over: %+v, %v", report, err)
	}
}

func TestExempt_TwiceListRevoke(t *testing.T) {
	r, _, box, ask := exempting(t, 1)
	one, err := ask(account+"kim", forAlice())
	if err != nil {
		t.Fatal(err)
	}
	two, err := ask(account+"kim", forAlice())
	if err != nil || two.Exemptions[0].ID != one.Exemptions[0].ID || len(box.got) != 1 {
		t.Errorf("twice: %+v, %v, notified %d times", two, err, len(box.got))
	}
	id := one.Exemptions[0].ID
	if _, err := ask(account+"lee", remediation.ExemptRequest{Revoke: id}); err == nil {
		t.Error("revoked without a reason")
	}
	if _, err := ask("", remediation.ExemptRequest{Revoke: id, Reason: "r"}); err == nil {
		t.Error("revoked by nobody")
	}
	if _, err := ask(account+"lee", remediation.ExemptRequest{Revoke: id, Reason: "done"}); err != nil {
		t.Fatal(err)
	}
	all, err := ask("", remediation.ExemptRequest{List: true})
	if err != nil || len(all.Exemptions) != 1 || all.Exemptions[0].State != remediation.ExemptRevoked {
		t.Errorf("list: %+v, %v", all, err)
	}
	if held, err := r.Ledger.Exempted(t.Context(), "AIDA", r.Now()); err != nil || len(held) > 0 {
		t.Errorf("%v, %v", held, err)
	}
	if report, err := run(r, "a", sweep); err != nil || report.Outcome != remediation.Changed {
		t.Errorf("after it was revoked: %+v, %v", report, err)
	}
	again, err := ask(account+"kim", forAlice())
	if err != nil || again.Exemptions[0].ID == id {
		t.Errorf("asked again after it was revoked: %+v, %v", again, err)
	}
}

func TestExempt_SecondPerson(t *testing.T) {
	for _, tt := range []struct {
		name, first, second, refused string
		later                        time.Duration
	}{
		{"another user", account + "kim", account + "lee", "", 0},
		{"another session of Identity Center", session + "AWSReservedSSO_Ops_1/kim",
			session + "AWSReservedSSO_Ops_1/lee", "", 0},
		{"the same", account + "kim", account + "kim", "second person", 0},
		{"the same, as a session", account + "kim", session + "Admin/kim@example.com", "second person", 0},
		{"another session of the same role", session + "Admin/kim", session + "Admin/lee", "second person", 0},
		{"another permission set of the same person", session + "AWSReservedSSO_Ops_1/kim",
			session + "AWSReservedSSO_Admin_2/KIM", "second person", 0},
		{"the second user of the first", account + "bob", account + "bob2", "second person", 0},
		{"the exempted user", account + "kim", account + "alice", "themselves", 0},
		{"nobody", account + "kim", "", "nothing proves", 0},
		{"too late", account + "kim", account + "lee", "over", ledger.PendingTime},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, a, box, ask := exempting(t, 2)
			a.With(func(s *fakeaws.State) {
				s.Users["bob2"] = &fakeaws.User{
					ID: fakeaws.UniqueID("bob2"), Path: "/", Tags: map[string]string{"owner": "bob@example.com"},
				}
			})
			asked, err := ask(tt.first, forAlice())
			if err != nil || asked.Exemptions[0].State != remediation.ExemptPending || len(box.got) != 1 {
				t.Fatalf("%+v, %v, notified %v", asked, err, box.got)
			}
			id := asked.Exemptions[0].ID
			if !strings.Contains(box.got[0].Advice, "warder exempt --approve "+id) {
				t.Errorf("the notice does not say how to confirm it: %+v", box.got[0])
			}
			now := r.Now()
			r.Now = func() time.Time { return now.Add(tt.later) }
			answer, err := ask(tt.second, remediation.ExemptRequest{Approve: id})
			user := a.State().Users["alice"].ID
			held, readErr := r.Ledger.Exempted(t.Context(), user, r.Now())
			if readErr != nil {
				t.Fatal(readErr)
			}
			switch {
			case tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused) || len(held) > 0):
				t.Errorf("%+v, %v, in force %v", answer, err, held)
			case tt.refused == "" && (err != nil || len(held) != 1 || answer.Exemptions[0].Second != tt.second):
				t.Errorf("%+v, %v, in force %v", answer, err, held)
			}
		})
	}
	_, _, _, ask := exempting(t, 2)
	if _, err := ask(account+"lee", remediation.ExemptRequest{Approve: "nonsense"}); err == nil {
		t.Error("what nobody asked for was confirmed")
	}
}

// Without the ledger or the topic nothing is exempt, and the same request again finishes it. Whoever was notified when
// the ledger failed is notified once more.
func TestExempt_LedgerOrTopicDown(t *testing.T) {
	r, a, box, ask := exempting(t, 1)
	topic := r.Topic
	r.Topic = refusing{}
	if _, err := ask(account+"kim", forAlice()); err == nil {
		t.Error("granted, and nobody was notified")
	}
	id := a.State().Users["alice"].ID
	if held, err := r.Ledger.Exempted(t.Context(), id, r.Now()); err != nil || len(held) > 0 {
		t.Errorf("%v, %v", held, err)
	}
	r.Topic = topic
	for n := 0; ; n++ {
		store := &failing{Memory: &ledger.Memory{}, left: n}
		r.Ledger, box.got = ledger.New(store), nil
		_, err := ask(account+"kim", forAlice())
		store.left = -1
		if err == nil {
			break
		}
		if n > 50 {
			t.Fatal("it never succeeds")
		}
		if _, err := ask(account+"kim", forAlice()); err != nil || len(box.got) < 1 || len(box.got) > 2 {
			t.Errorf("again after %d calls: %v, notified %d times", n, err, len(box.got))
		}
		if held, err := r.Ledger.Exempted(t.Context(), id, r.Now()); err != nil || len(held) != 1 {
			t.Errorf("again after %d calls: %v, %v", n, held, err)
		}
	}
}

var errDown = errors.New("the table is down")

// failing is a store that fails after so many calls, and works when fewer than none are left.
type failing struct {
	*ledger.Memory
	left int
}

func (f *failing) fails() error {
	if f.left == 0 {
		return errDown
	}
	f.left--
	return nil
}

func (f *failing) Get(ctx context.Context, partition, sort string) (ledger.Item, error) {
	if err := f.fails(); err != nil {
		return ledger.Item{}, err
	}
	return f.Memory.Get(ctx, partition, sort)
}

func (f *failing) Put(ctx context.Context, item ledger.Item) error {
	if err := f.fails(); err != nil {
		return err
	}
	return f.Memory.Put(ctx, item)
}

// Whatever somebody gives as a reason steers nothing and stays short.
func TestExempt_HostileReason(t *testing.T) {
	_, _, box, ask := exempting(t, 1)
	q := forAlice()
	q.Reason = "x\n\x1b[2J\u202e<!channel> AKIAIOSFODNN7EXAMPLE " + strings.Repeat("y", 5000)
	answer, err := ask(account+"kim", q)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{answer.Exemptions[0].Reason, answer.Text, box.got[0].Text} {
		if why := hostile.Steers(text); why != "" || len(text) > 1000 || strings.Contains(text, "AKIAIOSFODNN7EXAMPLE") {
			t.Errorf("%q: %s", text, why)
		}
	}
}
