package console

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// kinds word changes; they call nothing.
var kinds = sync.OnceValue(func() change.Registry {
	all := change.ForIAM(nil)
	maps.Copy(all, change.Described())
	return all
})

// A snapshot is what was read of the account at one time.
type snapshot struct {
	at       time.Time
	err      error // why the ledger could not be read
	contents ledger.Contents
	halt     ledger.Halt
	haltErr  error
	queues   []Queue
	queueErr error
	back     map[string]ledger.Address // owners of open cases whose mail comes back
	backErr  error

	incidents []*incident          // the latest first
	byID      map[string]*incident // by the ids of its entries
	due       []ledger.Case        // open, the first due first
}

// fresh is how long a snapshot is shown before the account is read again.
const fresh = time.Minute

// look returns what the account looks like, not older than fresh.
func (q *request) look() *snapshot {
	q.s.mu.Lock()
	read := q.s.read
	q.s.mu.Unlock()
	if read != nil && q.s.Now().Sub(read.at) < fresh {
		return read
	}
	read = q.s.look(q.Context())
	if q.Context().Err() == nil {
		q.s.mu.Lock()
		q.s.read = read
		q.s.mu.Unlock()
	}
	return read
}

// forget has the account read anew for the next page.
func (s *Server) forget() {
	s.mu.Lock()
	s.read, s.examined = nil, examination{}
	s.mu.Unlock()
}

func (s *Server) look(ctx context.Context) *snapshot {
	read := &snapshot{at: s.Now(), byID: map[string]*incident{}, back: map[string]ledger.Address{}}
	var group sync.WaitGroup
	group.Go(func() { read.contents, read.err = s.Account.Contents(ctx) })
	group.Go(func() { read.halt, read.haltErr = s.Account.Halt(ctx) })
	group.Go(func() { read.queues, read.queueErr = s.Account.Queues(ctx) })
	group.Wait()
	read.group()
	for _, c := range read.contents.Cases {
		if c.Open() {
			read.due = append(read.due, c)
		}
	}
	slices.SortStableFunc(
		read.due,
		func(a, b ledger.Case) int { return cmp.Or(sooner(a.Due, b.Due), sooner(a.Opened, b.Opened)) },
	)
	asked := map[string]bool{}
	for _, c := range read.due {
		address := settings.Address(c.Owner)
		if !strings.Contains(address, "@") || asked[address] || len(asked) == maxAddresses {
			continue
		}
		asked[address] = true
		known, err := s.Account.Address(ctx, address)
		read.backErr = errors.Join(read.backErr, err)
		if known.CameBack(read.at) {
			read.back[address] = known
		}
	}
	return read
}

// maxAddresses is of how many owners it is read whether their mail comes back: a call each.
const maxAddresses = 100

// sooner compares times; the zero time comes last.
func sooner(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

// State is how an incident stands.
type State string

// The states, the worst first.
const (
	Failed   State = "failed"
	Held     State = "held"
	Pending  State = "pending"
	Observed State = "observed"
	Undone   State = "undone"
	Changed  State = "changed"
	Fixed    State = "fixed"
	Aside    State = "aside"
	Alerted  State = "alert"
	Noted    State = "note"
)

var states = []struct {
	State
	word  i18n.Message
	class string // that colours it
}{
	{Failed, i18n.T("failed"), "stuck"}, {Held, i18n.T("on hold"), "stuck"}, {Pending, i18n.T("pending"), "medium"},
	{Observed, i18n.T("only observed"), "seen"}, {Undone, i18n.T("reverted"), "back"},
	{Changed, i18n.T("changed"), "done"}, {Fixed, i18n.T("fixed by its owner"), "done"},
	{Aside, i18n.T("suspended"), "seen"}, {Alerted, i18n.T("alert"), "high"}, {Noted, i18n.T("note"), "seen"},
}

// Open reports whether something is still to be done about it.
func (s State) Open() bool { return s == Failed || s == Held || s == Pending || s == Observed }

// An incident is what one event, or one finding that goes on, came to: one row of the timeline.
type incident struct {
	ID      string // that of its first entry
	At      time.Time
	First   *ledger.Entry // what says what it is about
	Entries []*ledger.Entry
	Steps   []step // as they are now, each thing once
	State   State
	text    string // to search in
}

// A step is a change, and the entry that it stands in.
type step struct {
	ledger.Step
	Entry *ledger.Entry
}

// Undoable reports whether there is something to undo, and a way.
func (s step) Undoable() bool {
	return s.Status.Made() && remediation.UndoCommand(kinds(), s.Step) != ""
}

// Undo is the id by which all of the incident can be undone, empty if nothing can, or if it takes more than one undo.
func (i *incident) Undo() string {
	id := ""
	for _, s := range i.Steps {
		switch {
		case !s.Undoable():
		case id == "":
			id = s.ID
		case s.Entry.Control == remediation.UndoControl || !strings.HasPrefix(id, s.Entry.ID):
			return ""
		default:
			id = s.Entry.ID
		}
	}
	return id
}

// group sorts the entries into incidents, as their notices are sorted into threads.
func (read *snapshot) group() {
	byThread := map[string]*incident{}
	for i := range read.contents.Entries {
		e := &read.contents.Entries[i]
		thread := cmp.Or(e.Thread, e.Case, e.ID)
		found := byThread[thread]
		if found == nil {
			found = &incident{ID: e.ID, First: e}
			byThread[thread], read.incidents = found, append(read.incidents, found)
		}
		found.Entries = append(found.Entries, e)
		read.byID[e.ID] = found
	}
	ended := map[[2]string]ledger.Case{}
	for _, c := range read.contents.Cases {
		if !c.Open() {
			ended[[2]string{c.Control, c.Key}] = c
		}
	}
	for _, i := range read.incidents {
		i.settle(ended)
	}
	slices.SortStableFunc(read.incidents, func(a, b *incident) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID))
	})
}

// settle finds out how the incident stands after all its entries.
func (i *incident) settle(ended map[[2]string]ledger.Case) {
	var text strings.Builder
	at, last := map[string]int{}, map[string]State{} // by thing; by control and case
	for _, e := range i.Entries {
		i.At = e.At
		if control.Severity(e.Severity).Rank() > control.Severity(i.First.Severity).Rank() {
			i.First = e
		}
		for _, part := range []string{
			e.ID, e.Control, e.Subject, e.UserID, e.Owner, e.Title, e.Heading, e.Text, e.Actor, e.Run,
		} {
			text.WriteString(part + "\n")
		}
		undo := e.Control == remediation.UndoControl
		for _, s := range e.Steps {
			text.WriteString(s.ID + "\n" + s.Target + "\n" + s.Kind + "\n")
			if n, known := at[s.Thing()]; !known {
				at[s.Thing()] = len(i.Steps)
				i.Steps = append(i.Steps, step{s, e})
			} else if !undo {
				i.Steps[n] = step{s, e}
			}
		}
		if !undo {
			last[e.Control+" "+e.Case] = stateOf(e, ended)
		}
	}
	i.State, i.text = Noted, strings.ToLower(notice.Redact(text.String()))
	for _, s := range states {
		if slices.Contains(slices.Collect(maps.Values(last)), s.State) {
			i.State = s.State
			break
		}
	}
}

// stateOf is how what the entry is about stands.
func stateOf(e *ledger.Entry, ended map[[2]string]ledger.Case) State {
	has := map[ledger.Status]bool{}
	for _, s := range e.Steps {
		has[s.Status] = true
	}
	c, over := ended[[2]string{e.Control, e.Case}]
	over = over && e.Case != "" && !c.Closed.Before(e.At)
	switch {
	case has[ledger.Failed]:
		return Failed
	case over && (has[ledger.Held] || has[ledger.Pending]):
		return map[ledger.CaseOutcome]State{ledger.Acted: Changed, ledger.Fixed: Fixed, ledger.Suspended: Aside}[c.Outcome]
	case has[ledger.Held]:
		return Held
	case has[ledger.Pending], has[ledger.Planned]:
		return Pending
	case has[ledger.Observed]:
		return Observed
	case has[ledger.Undone]:
		return Undone
	case has[ledger.Applied], has[ledger.Verified]:
		return Changed
	case e.Notify == notice.Fixed:
		return Fixed
	case e.Notify == notice.Alert && e.Guard == "":
		return Alerted
	}
	return Noted
}

// Title is what the incident is about, in the language as far as the ledger has it.
func (i *incident) Title(l settings.Language) string { return titleOf(i.First, l) }

func titleOf(e *ledger.Entry, l settings.Language) string {
	if l == settings.English {
		return cmp.Or(e.Heading, e.Title)
	}
	return e.Title
}

// valueOf is a value before or after a change, without what stands in a document.
func valueOf(value string) i18n.Message {
	const short = 64
	switch {
	case value == "":
		return i18n.T("absent")
	case len(value) > short || strings.ContainsAny(value, "{}[]\"\n"):
		sum := sha256.Sum256([]byte(value))
		return i18n.T("document %s", hex.EncodeToString(sum[:4]))
	}
	return i18n.Literal(value)
}
