package remediation

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
)

// Keeper is a planner whose work has to last: it looks again at what the control made.
type Keeper interface {
	Planner
	// Keep is Plan for every event, with what the ledger knows of the control's work.
	Keep(ctx context.Context, e event.Event, m Memory, now time.Time) ([]Finding, error)
}

// Memory is what the ledger knows of a control's own work.
type Memory interface {
	// Open returns the open cases of the control.
	Open(ctx context.Context) ([]ledger.Case, error)
	// Kept returns what the control made of the subject that no undo has reverted since; of every subject if it is empty.
	// A user may be named by its unique id.
	Kept(ctx context.Context, subject string) ([]Kept, error)
	// Awaited returns what earlier events reported as made and IAM did not show, see [Unseen].
	Awaited(ctx context.Context) (map[string]bool, error)
	// Removed reports whether the ledger knows that what was made of a user is not there any more since: that the control
	// changed it, or that somebody was alerted on one of the calls, with the text.
	Removed(
		ctx context.Context, user string, since time.Time, made change.Change, calls map[string]string,
	) (bool, error)
	// Saw has the runner remember, once the event is handled, who answers for a user that a sweep saw.
	Saw(user types.UserDetail)
}

// Kept is a change that a control made and that is to last.
type Kept struct {
	change.Change
	About  string // the subject of the finding
	User   bool   // says that it is the name of an IAM user, and the change's subject as well
	UserID string // the user's unique id
	Entry  string // the id of the entry that it was last made by
	Title  string // of that entry, in the language that it was recorded in
	At     time.Time
}

// Memory is what the ledger knows of the work of the runner's control.
func (r *Runner) Memory() Memory {
	return memory{r.Ledger, r.Control.ID, func(ctx context.Context) ([]ledger.Case, error) {
		return r.Ledger.OpenCases(ctx, r.Control.ID)
	}, r.Now, nil, ""}
}

type memory struct {
	ledger  *ledger.Ledger
	control string
	cases   func(context.Context) ([]ledger.Case, error)
	now     func() time.Time
	saw     func(types.UserDetail) // nil where nothing is remembered
	userID  string                 // of the user of the event, if it is known
}

func (m memory) Saw(user types.UserDetail) {
	if m.saw != nil {
		m.saw(user)
	}
}

func (m memory) Open(ctx context.Context) ([]ledger.Case, error) { return m.cases(ctx) }

func (m memory) Kept(ctx context.Context, subject string) ([]Kept, error) {
	cases, err := m.cases(ctx)
	if err != nil {
		return nil, err
	}
	ended, err := m.ledger.EndedCases(ctx, m.control)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, c := range slices.Concat(cases, ended) {
		if subject == "" || c.Subject == subject || c.UserID == subject {
			ids = append(ids, c.Entry, c.Made)
		}
	}
	slices.Sort(ids)
	var moments []moment
	for _, id := range slices.Compact(ids) {
		if id == "" { // nothing has ended the case yet
			continue
		}
		entry, found, err := m.ledger.Entry(ctx, id)
		if err != nil {
			return nil, err
		}
		if !found || entry.Control != m.control {
			continue
		}
		of, err := m.momentsOf(ctx, &entry)
		if err != nil {
			return nil, err
		}
		moments = append(moments, of...)
	}
	return m.lasting(ctx, moments)
}

// moment is when Warder made a change, or reverted it.
type moment struct {
	Kept
	reverted bool
}

// momentsOf are those of an entry's steps, with what undid them, and what undid that.
func (m memory) momentsOf(ctx context.Context, e *ledger.Entry) (all []moment, err error) {
	for _, step := range e.Steps {
		if !step.Status.Made() && step.Status != ledger.Undone {
			continue
		}
		kept := Kept{step.Change, e.Subject, e.User, e.UserID, e.ID, e.Title, step.At}
		all = append(all, moment{Kept: kept})
		for reverted := true; step.Status == ledger.Undone; reverted = !reverted {
			id, _, _ := strings.Cut(step.Undo, "-")
			undo, found, err := m.ledger.Entry(ctx, id)
			if err != nil {
				return nil, err
			}
			i := slices.IndexFunc(undo.Steps, func(s ledger.Step) bool { return s.ID == step.Undo })
			if !found || i < 0 {
				break
			}
			step, kept.At = undo.Steps[i], undo.At
			all = append(all, moment{kept, reverted})
		}
	}
	return all, nil
}

// lasting are the changes whose last moment is not that they were reverted, and that no hold is on.
func (m memory) lasting(ctx context.Context, all []moment) (kept []Kept, err error) {
	slices.SortStableFunc(all, func(a, b moment) int { return a.At.Compare(b.At) })
	var last []moment
	for _, at := range all {
		last = slices.DeleteFunc(last, func(o moment) bool {
			return o.Kind == at.Kind && o.Target == at.Target && o.UserID == at.UserID && (o.UserID != "" || o.About == at.About)
		})
		last = append(last, at)
	}
	var changes []change.Change
	for _, at := range last {
		if !at.reverted {
			kept, changes = append(kept, at.Kept), append(changes, at.Change)
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	holds, err := m.ledger.Holds(ctx, m.control, "", changes)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(kept, func(k Kept) bool {
		h, _ := holds.Held([]change.Change{k.Change}, m.now())
		return !h.Until.IsZero()
	}), nil
}
