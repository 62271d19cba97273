package remediation_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// large is a sweep over users with a stale key each.
type large struct {
	users  []string
	look   time.Duration // how long it looks at each
	looked map[string]int
	broken string // the user that cannot be read, for the first time that it is looked at
}

func (l *large) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	var findings []remediation.Finding
	var faults []error
	after := e.Detail.(*event.Sweep).After
	for _, user := range l.users {
		if user <= after {
			continue
		}
		if ctx.Err() != nil {
			faults = append(faults, &remediation.Stopped{After: after})
			break
		}
		time.Sleep(l.look)
		l.looked[user]++
		if user == l.broken && l.looked[user] == 1 {
			faults = append(faults, errors.New("user cannot be read"))
			continue
		}
		findings = append(findings, remediation.Finding{User: user, Text: i18n.Literal("Found."),
			Handling: remediation.Handling{Due: now.Add(24 * time.Hour)}, Changes: []change.Change{{
				Kind: change.AccessKeyStatus, Subject: user, Target: "AKIA" + user, Before: change.Active, After: change.Inactive,
			}}})
		if len(faults) == 0 {
			after = user
		}
	}
	return findings, errors.Join(faults...)
}

// world is an account of 20 users with a sweep that takes 20 minutes.
func world(t *testing.T) (*remediation.Runner, *large, *mailbox) {
	t.Helper()
	l := &large{look: time.Minute, looked: map[string]int{}}
	state := fakeaws.State{Users: map[string]*fakeaws.User{}}
	for i := range 20 {
		name := fmt.Sprintf("user-%02d", i)
		l.users = append(l.users, name)
		state.Users[name] = &fakeaws.User{Keys: []fakeaws.Key{{ID: "AKIA" + name, Status: change.Active}}}
	}
	r, _, box := newRunner(t, nil)
	a := fakeaws.New(state)
	r.Planner, r.Kinds, r.Owners = l, change.ForIAM(a.IAM()), owner.Book{API: a.IAM()}
	return r, l, box
}

// tries handles the event until it is handled, as Lambda does, and returns how often that was.
func tries(t *testing.T, r *remediation.Runner, raw string) int {
	t.Helper()
	for try := 1; ; try++ {
		begin := time.Now()
		_, err := r.Run(t.Context(), remediation.Invocation{ID: "a", Left: 15 * time.Minute}, []byte(raw))
		if took := time.Since(begin); took >= 15*time.Minute {
			t.Errorf("try %d took %v: Lambda ends it by force", try, took)
		}
		if err == nil {
			return try
		}
		if try == 10 {
			t.Fatalf("not handled after %d tries: %v", try, err)
		}
	}
}

func TestSweep_ContinuesAfterTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l, box := world(t)
		// Half of a quarter of an hour is for planning: eight users, and eight, and four.
		if n := tries(t, r, sweep); n != 3 {
			t.Errorf("handled at try %d, want 3", n)
		}
		want := map[string]int{}
		for _, user := range l.users {
			want[user] = 1
		}
		if diff := cmp.Diff(want, l.looked); diff != "" {
			t.Errorf("looks at each user (-want +got):\n%s", diff)
		}
		if got := subjects(box, notice.Warning); !slices.Equal(got, l.users) {
			t.Errorf("told about %v", got)
		}
		// What earlier tries found goes on: the last one does not take it for fixed.
		if got := subjects(box, notice.Fixed); len(got) > 0 {
			t.Errorf("said to be fixed: %v", got)
		}
		// The day after, nothing new is found, though the sweep again takes three tries: all goes on.
		box.got = nil
		if n := tries(t, r, strings.ReplaceAll(strings.ReplaceAll(sweep, "000001", "000002"), "12-01", "12-02")); n != 3 {
			t.Errorf("the second sweep is handled at try %d, want 3", n)
		}
		if len(box.got) > 0 {
			t.Errorf("the second sweep told %d notices", len(box.got))
		}
	})
}

func TestSweep_ReturnsToUnreadUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l, box := world(t)
		l.broken = "user-03"
		tries(t, r, sweep)
		if got := subjects(box, notice.Warning); !slices.Equal(got, l.users) {
			t.Errorf("told about %v", got)
		}
		if l.looked["user-02"] != 1 || l.looked["user-03"] != 2 {
			t.Errorf("looks at each user: %v", l.looked)
		}
	})
}

// slowBox takes most of a minute for each notice.
type slowBox struct{ mailbox }

func (s *slowBox) Publish(ctx context.Context, m notice.Message) (string, error) {
	time.Sleep(44 * time.Second)
	return s.mailbox.Publish(ctx, m)
}

func TestRun_EndsBeforeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l, _ := world(t)
		box := &slowBox{}
		r.Topic, l.look = box, time.Second
		if n := tries(t, r, sweep); n != 2 {
			t.Errorf("handled at try %d, want 2", n)
		}
		if len(box.got) != len(l.users) {
			t.Errorf("%d notices, want one for each user", len(box.got))
		}
		if got := subjects(&box.mailbox, notice.Warning); !slices.Equal(got, l.users) {
			t.Errorf("told about %v", got)
		}
		run, ok, err := r.Ledger.Run(t.Context(), "test", "00000000-0000-4000-8000-000000000001")
		if err != nil || !ok || !run.Done || len(run.Entries) != len(l.users) {
			t.Errorf("the ledger has %+v, %v", run, err)
		}
	})
}

func subjects(box *mailbox, kind notice.Kind) []string {
	found := map[string]bool{}
	for _, m := range box.got {
		if m.Kind == kind {
			found[m.Subject] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
