package scenario

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Day is what the sweep of one day did.
type Day struct {
	// Calls counts the calls to AWS by operation, those to the ledger left out; Sum is all of them.
	Calls map[string]int
	Sum   int
	// Ledger counts the calls to the ledger.
	Ledger int
	// Notices are those that were sent.
	Notices []notice.Message
}

// Notified reports whether a notice was about the user.
func (d Day) Notified(user string) bool {
	return slices.ContainsFunc(d.Notices, func(m notice.Message) bool { return m.Subject == user })
}

// Sweeps runs the sweep of the control once a day at three in the morning, with its parameters as
// they are by default, over the account that each day finds, and one ledger.
func Sweeps(t *testing.T, c handler.Control, begin time.Time, days int, found func(now time.Time) fakeaws.State) []Day {
	t.Helper()
	h := newHarness(t, c)
	store := &ledger.Memory{}
	var all []Day
	for i := range days {
		now := begin.AddDate(0, 0, i)
		event := txtar.File{Name: "event.json", Data: sweepStep(i, now).data}
		s, err := parse(&txtar.Archive{Comment: []byte("A sweep."), Files: []txtar.File{event}}, h.described)
		if err != nil {
			t.Fatal(err)
		}
		s.account, s.store = found(now), store
		w := h.start(t, s)
		w.account.Details = 100 // what IAM does unless it is asked for more
		if _, err := w.run(s.events[0]); err != nil {
			t.Fatalf("day %d: %v", i+1, err)
		}
		day := Day{Calls: w.account.Calls(), Ledger: w.ledgerCalls(), Notices: w.sent, Sum: len(w.sent)}
		for _, n := range day.Calls {
			day.Sum += n
		}
		all = append(all, day)
	}
	return all
}

// sweepStep is the event of a sweep, which its number distinguishes from others.
func sweepStep(n int, at time.Time) step {
	return step{name: "event-sweep.json", data: fmt.Appendf(nil, `{
		"version": "0", "id": "00000000-0000-4000-8000-%012d", "detail-type": "Scheduled Event", "source": "aws.events",
		"account": "111122223333", "time": %q, "region": "us-east-1", "resources": [], "detail": {}
	}`, 1_000_000+n, at.Format(time.RFC3339))}
}

// The users of [Large] that are not like the others.
const (
	// SwitchedBefore has a key of more than a year that was switched off and on the day before the
	// first sweep.
	SwitchedBefore = "user-1234"
	// SwitchedLater has a key that matters from the eleventh day on, and that was switched
	// off and on the day before.
	SwitchedLater = "user-4321"
)

// Large is an account as large as IAM lets it be, of 5,000 users: see [fakeaws.Large]. Two of them are
// not like the others: [SwitchedBefore] and [SwitchedLater].
func Large(begin, now time.Time) fakeaws.State {
	const day = 24 * time.Hour
	state := fakeaws.Large(5000, begin, now)
	before, later := &state.Users[SwitchedBefore].Keys[0], &state.Users[SwitchedLater].Keys[0]
	before.Created, before.Changed, before.Used = begin.AddDate(-1, 0, 0), begin.Add(-day), time.Time{}
	later.Created, later.Used = begin.Add(-66*day-time.Hour), time.Time{}
	if now.Sub(begin) >= 9*day {
		later.Changed = begin.Add(9*day - time.Hour)
	}
	return state
}
