package remediation

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
)

// notContained says first in a notice what others can still use.
func notContained(kinds change.Registry, changes []change.Change) i18n.Message {
	var open []i18n.Message
	for _, c := range changes {
		open = append(open, kinds.Describe(c, false))
	}
	return i18n.T("NOT CONTAINED: %s.", i18n.Join("; ", open...))
}

// containment is the part of a run that knows what a person reverted of one.
type containment struct{ *session }

func (s *session) containment() containment { return containment{s} }

// withoutUndone leaves out of a containment what a person reverted, if there is something else to contain: what nobody
// reverted does not wait for it. id is the unique id of the finding's user; what it says is noted by the recorder.
func (r containment) withoutUndone(ctx context.Context, f Finding, id string, by *recorder) (Finding, error) {
	if f.Urgency != Containment || len(f.Changes) < 2 {
		return f, nil
	}
	known := f
	known.Changes = nil
	for _, c := range f.Changes {
		known.Changes = append(known.Changes, f.identified(c, id))
	}
	held, err := r.undone(ctx, known)
	if err != nil || len(held) == 0 {
		return f, err
	}
	free := slices.DeleteFunc(slices.Clone(f.Changes), func(c change.Change) bool {
		return slices.ContainsFunc(held, func(u undoneChange) bool { return u.Change == f.identified(c, id) })
	})
	if len(free) == 0 {
		return f, nil
	}
	once, open, reasons := r.describeUndone(f, held)
	f.Changes, f.Text = free, i18n.Sentences(open, f.Text, reasons)
	noted := f
	noted.Once = once
	_, err = firstTimeAbout(ctx, by, noted)
	return f, err
}

// uncontained words the entry of a containment that a person reverted: who did, and how it is contained again. It is
// notified once a day, for each undo.
func (r containment) uncontained(ctx context.Context, f Finding, entry *ledger.Entry) (Once, error) {
	held, err := r.undone(ctx, f)
	if err != nil {
		return Once{}, err
	}
	once, open, reasons := r.describeUndone(f, held)
	entry.UnchangedReason = r.render(reasons)
	entry.Text = r.render(i18n.Sentences(open, i18n.Literal(entry.Text)))
	return once, nil
}

// undoneChange is a change that a person reverted, and that is on hold because of that.
type undoneChange struct {
	change.Change
	hold ledger.Hold
	undo string // the id of the entry that reverted it
	at   i18n.Message
}

// undone returns those changes of a finding that a person reverted.
func (r containment) undone(ctx context.Context, f Finding) (held []undoneChange, err error) {
	state, err := r.Ledger.Holds(ctx, r.Control.ID, "", f.Changes)
	if err != nil {
		return nil, err
	}
	for _, c := range f.Changes {
		h, _ := state.Held([]change.Change{c}, r.now)
		if !r.now.Before(h.Until) {
			continue
		}
		undo, at, err := r.undoOf(ctx, h.Action)
		if err != nil {
			return nil, err
		}
		held = append(held, undoneChange{c, h, undo, at})
	}
	return held, nil
}

// describeUndone says what is not contained because of that, and once of the notice about it.
func (r containment) describeUndone(f Finding, held []undoneChange) (once Once, open, reasons i18n.Message) {
	once = Once{Key: f.Once.Key + "#undone", For: almostADay}
	var changes []change.Change
	var why []i18n.Message
	seen := map[string]bool{}
	for _, u := range held {
		changes = append(changes, u.Change)
		if u.undo == "" || seen[u.undo] {
			continue
		}
		seen[u.undo] = true
		once.Key += "#" + u.undo
		why = append(why, i18n.T("Not contained: %s reverted it on %s: %s. To contain it: make undo ID=%s REASON=\"why\".",
			u.hold.By.Describe(), u.at, u.hold.Reason, u.undo))
	}
	return once, notContained(r.Kinds, changes), i18n.Sentences(why...)
}

// almostADay lets a sweep notify every day, although no two sweeps begin at the same second.
const almostADay = day - 2*time.Hour

// undoOf returns the id of the entry that reverted a step, and when that was asked for; empty if the ledger has none.
func (r containment) undoOf(ctx context.Context, action string) (id string, at i18n.Message, err error) {
	made, _, _ := strings.Cut(action, "-")
	entry, _, err := r.Ledger.Entry(ctx, made)
	if err != nil {
		return "", at, err
	}
	for _, step := range entry.Steps {
		if step.ID == action {
			id, _, _ = strings.Cut(step.Undo, "-")
		}
	}
	if id == "" {
		return "", at, nil
	}
	undo, _, err := r.Ledger.Entry(ctx, id)
	return id, i18n.Minute(undo.At), err
}
