package remediation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// meanwhile is called before and after each call of a run.
type meanwhile func()

// store is a ledger's store between whose calls something happens.
type store struct {
	ledger.Store
	meanwhile
}

func (s store) Get(ctx context.Context, partition, sort string) (ledger.Item, error) {
	s.meanwhile()
	item, err := s.Store.Get(ctx, partition, sort)
	s.meanwhile()
	return item, err
}

func (s store) BatchGet(ctx context.Context, keys ...ledger.Key) ([]ledger.Item, error) {
	s.meanwhile()
	items, err := s.Store.BatchGet(ctx, keys...)
	s.meanwhile()
	return items, err
}

func (s store) Put(ctx context.Context, item ledger.Item) error {
	s.meanwhile()
	err := s.Store.Put(ctx, item)
	s.meanwhile()
	return err
}

// kind is a kind between whose calls something happens.
type kind struct {
	change.Kind
	meanwhile
}

func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	k.meanwhile()
	value, err := k.Kind.Read(ctx, c)
	k.meanwhile()
	return value, err
}

func (k kind) Set(ctx context.Context, c change.Change) error {
	k.meanwhile()
	err := k.Kind.Set(ctx, c)
	k.meanwhile()
	return err
}

// Lambda runs a function as often at a time as there are events. Two that alert on the same thing can be
// handled at the same moment: here the second is handled between any two calls of the first, while the
// first may still be at it, or has to begin anew.
func TestRun_ConcurrentEvents(t *testing.T) {
	const second = `{"version":"0","id":"00000000-0000-4000-8000-000000000002","detail-type":"Scheduled Event",
		"source":"aws.events",
		"account":"111122223333","time":"2026-12-01T03:00:00Z","region":"us-east-1","resources":[],"detail":{}}`
	for operation, c := range map[string]change.Change{
		"iam:DetachUserPolicy": detach().Changes[0],
		"iam:UpdateAccessKey": {Kind: change.AccessKeyStatus, Subject: "alice", Target: "AKIAEXAMPLE",
			Before: change.Active, After: change.Inactive},
	} {
		t.Run(c.Kind, func(t *testing.T) { together(t, operation, c, second) })
	}
}

// together makes the change because of two events at once, and has the second handled at every moment.
func together(t *testing.T, operation string, c change.Change, second string) {
	cases := 0
	waited := 0
	for reached := true; reached; cases++ {
		reached = false
		r, a, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
			f := detach()
			f.Fresh, f.Changes = true, []change.Change{c}
			return []remediation.Finding{f}, nil
		})
		a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {
			Attached: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
			Keys:     []fakeaws.Key{{ID: "AKIAEXAMPLE", Status: change.Active}},
		}}})
		now := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
		r.Now = func() time.Time { return now }
		moments, within, other := 0, false, error(nil)
		between := func() {
			if within {
				return
			}
			if moments++; moments == cases+1 {
				within, reached = true, true
				_, other = run(r, "second", second)
				within = false
			}
		}
		r.Ledger = ledger.New(store{&ledger.Memory{}, between})
		changes, err := r.Kinds.Kind(c)
		if err != nil {
			t.Fatal(err)
		}
		r.Kinds = change.NewRegistry(kind{changes, between})

		_, err = run(r, "first", sweep)
		now = now.Add(time.Minute) // Lambda waits as long before it tries again
		for _, try := range []struct {
			id, raw string
			err     error
		}{{"first", sweep, err}, {"second", second, other}} {
			if try.err == nil {
				continue
			}
			waited++
			if !errors.Is(try.err, ledger.ErrHeld) && !errors.Is(try.err, ledger.ErrConflict) {
				t.Errorf("moment %d: the %s event: %v", moments, try.id, try.err)
			}
			if _, err := run(r, try.id, try.raw); err != nil {
				t.Errorf("moment %d: the %s event, again: %v", moments, try.id, err)
			}
		}
		entries, _, err := r.Ledger.All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		made, told := 0, 0
		for _, entry := range entries {
			for _, step := range entry.Steps {
				if step.Status.Made() {
					made++
				}
			}
		}
		for _, m := range box.got {
			if m.Kind == notice.Changed {
				told++
			}
		}
		if calls := a.Calls()[operation]; made != 1 || told != 1 || calls != 1 {
			t.Errorf("the second event between calls %d: made %d times in the ledger, told %d times, %d calls", cases, made,
				told, calls)
		}
	}
	if cases < 20 || waited == 0 {
		t.Errorf("%d moments, at %d of them somebody had to wait", cases, waited)
	}
}
