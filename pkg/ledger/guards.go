package ledger

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/change"
)

// Case is something that its owner was told of and has time to put right.
type Case struct {
	// Control is the id of the control, Key the case's name within it.
	Control string `json:"control"`
	Key     string `json:"key"`
	// Subject is whom it is about, Owner who was told.
	Subject string `json:"subject"`
	User    bool   `json:"user,omitempty"`
	Owner   string `json:"owner,omitempty"`
	// OwnerSlack is the Slack member id of the owner.
	OwnerSlack string `json:"ownerSlack,omitempty"`
	Heading    string `json:"heading,omitempty"`
	Title      string `json:"title"`
	// Severity is that of the finding.
	Severity string `json:"severity,omitempty"`
	// Changes are what is due.
	Changes []change.Change `json:"changes"`
	// Opened is when it was found, Told when SNS accepted the notice about it: grace counts from
	// then. Due is when the changes are made.
	Opened time.Time `json:"opened"`
	Told   time.Time `json:"told,omitzero"`
	Due    time.Time `json:"due,omitzero"`
	// Reminded is for how many days before Due the last reminder was sent; 0 means none was.
	Reminded int `json:"reminded,omitempty"`
	// Urgent says that its changes are due at once, without another notice: they were held back when
	// they were to be made.
	Urgent bool `json:"urgent,omitempty"`
	// Closed is when it ended, Outcome how.
	Closed  time.Time   `json:"closed,omitzero"`
	Outcome CaseOutcome `json:"outcome,omitempty"`
	// Entry is the id of the entry that opened it, Made that of the entry whose changes ended it.
	Entry string `json:"entry,omitempty"`
	Made  string `json:"made,omitempty"`
}

// CaseOutcome is how a case ended.
type CaseOutcome string

// The ends of a case.
const (
	Acted CaseOutcome = "acted" // Warder made the changes
	Fixed CaseOutcome = "fixed" // its owner put it right
	// SetAside ends the case of something that was exempted, or undone by a person.
	SetAside CaseOutcome = "set aside"
)

// Open reports whether the case has not ended.
func (c Case) Open() bool { return c.Closed.IsZero() }

// Case returns a case; ok is false when there is none.
func (l *Ledger) Case(ctx context.Context, control, key string) (c Case, ok bool, err error) {
	version, err := l.load(ctx, cases+control, key, &c)
	return c, version > 0, err
}

// ReviseCase lets change alter a case, which is empty when there is none yet.
func (l *Ledger) ReviseCase(ctx context.Context, control, key string, alter func(*Case)) error {
	_, err := revise(ctx, l, cases+control, key, func(c *Case, _ bool) (Item, bool, error) {
		c.Control, c.Key = control, key
		alter(c)
		return Item{Subject: c.Subject, At: c.Opened}, true, nil
	})
	return err
}

// Cases returns the cases of a control, open and ended, the first opened first.
func (l *Ledger) Cases(ctx context.Context, control string) ([]Case, error) {
	items, err := l.store.Query(ctx, cases+control)
	if err != nil {
		return nil, err
	}
	_, found, err := split(items)
	return found, err
}

// OpenCases returns the open cases of a control.
func (l *Ledger) OpenCases(ctx context.Context, control string) ([]Case, error) {
	found, err := l.Cases(ctx, control)
	return slices.DeleteFunc(found, func(c Case) bool { return !c.Open() }), err
}

// Recall reads a note into the value that into points to; found is false when there is none.
func (l *Ledger) Recall(ctx context.Context, name string, into any) (found bool, err error) {
	version, err := l.load(ctx, notes+name, "note", into)
	return version > 0, err
}

// Remember keeps a note for a month, in place of the one of the same name. A note is what a planner
// found out and need not find out again; nothing is lost with it but calls.
func (l *Ledger) Remember(ctx context.Context, name string, note any, now time.Time) error {
	_, err := revise(ctx, l, notes+name, "note", func(recorded *any, _ bool) (Item, bool, error) {
		*recorded = note
		return Item{Expires: now.Add(idle)}, true, nil
	})
	return err
}

// Hold keeps sweeps from doing again what was undone.
type Hold struct {
	Until  time.Time `json:"until"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	// Action is the id of the step that was undone.
	Action string `json:"action"`
}

func thing(c change.Change) string { return c.Kind + "#" + c.Subject + "#" + c.Target }

// Hold returns the hold on the thing that c changes; ok is false when none is in force at now.
func (l *Ledger) Hold(ctx context.Context, c change.Change, now time.Time) (h Hold, ok bool, err error) {
	version, err := l.load(ctx, holds+thing(c), "hold", &h)
	return h, version > 0 && now.Before(h.Until), err
}

// SetHold puts a hold on the thing that c changes, in place of the one it has.
func (l *Ledger) SetHold(ctx context.Context, c change.Change, h Hold) error {
	_, err := revise(ctx, l, holds+thing(c), "hold", func(recorded *Hold, _ bool) (Item, bool, error) {
		*recorded = h
		return Item{Expires: h.Until.Add(idle)}, true, nil
	})
	return err
}

// Breaker is how many changes a control has made lately, and whether it is stopped.
type Breaker struct {
	// Since is when the hour began that Steps were made in.
	Since time.Time `json:"since"`
	// Steps are the ids of the steps that were let through in it.
	Steps []string `json:"steps"`
	// Tripped is when the control was stopped; zero when it is not.
	Tripped time.Time `json:"tripped,omitzero"`
	// Released, By and Reason say who let it go on last, when and why.
	Released time.Time `json:"released,omitzero"`
	By       string    `json:"by,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// Take lets one step through if the control has not let limit steps through in the hour before now;
// otherwise the control is stopped until it is released. The same step is let through once more
// without being counted again.
func (l *Ledger) Take(ctx context.Context, control, step string, limit int, now time.Time) (through bool, b Breaker, err error) {
	b, err = revise(ctx, l, breakers+control, "breaker", func(b *Breaker, _ bool) (Item, bool, error) {
		through = true
		switch {
		case slices.Contains(b.Steps, step):
			return Item{}, false, nil
		case !b.Tripped.IsZero():
			through = false
			return Item{}, false, nil
		case now.Sub(b.Since).Abs() >= time.Hour: // a run that began earlier than the hour counts in it as well
			b.Since, b.Steps = now, []string{step}
		case len(b.Steps) < limit:
			b.Steps = append(b.Steps, step)
		default:
			through = false
			b.Tripped = now
		}
		return Item{}, true, nil
	})
	return through && err == nil, b, err
}

// Breaker returns the control's breaker.
func (l *Ledger) Breaker(ctx context.Context, control string) (b Breaker, err error) {
	_, err = l.load(ctx, breakers+control, "breaker", &b)
	return b, err
}

// Release lets a stopped control go on, and counts from nothing again. It returns the breaker as it
// was before.
func (l *Ledger) Release(ctx context.Context, control, by, reason string, now time.Time) (before Breaker, err error) {
	_, err = revise(ctx, l, breakers+control, "breaker", func(b *Breaker, _ bool) (Item, bool, error) {
		before = *b
		*b = Breaker{Since: now, Released: now, By: by, Reason: reason}
		return Item{}, true, nil
	})
	return before, err
}

const day = 24 * time.Hour

// Round is one time that a thing was put right.
type Round struct {
	Step string    `json:"step"`
	At   time.Time `json:"at"`
	// Actor is who had made it so before, when the event said that.
	Actor string `json:"actor,omitempty"`
	// Claimed says that the step has begun, and not yet that it came to its end; others leave the thing
	// alone until then, and until Until at most.
	Claimed bool      `json:"claimed,omitempty"`
	Until   time.Time `json:"until,omitzero"`
}

// Rounds are what was done to a thing lately, and who is at it, as it was read.
type Rounds struct {
	thing   string
	all     []Round
	version int64
}

// Rounds returns the rounds of the thing that c changes.
func (l *Ledger) Rounds(ctx context.Context, c change.Change) (r Rounds, err error) {
	r.thing = thing(c)
	r.version, err = l.load(ctx, rounds+r.thing, "rounds", &r.all)
	return r, err
}

// Done are the rounds that came to their end within the day before now, without that of the given step.
func (r Rounds) Done(step string, now time.Time) []Round {
	return slices.DeleteFunc(slices.Clone(r.all), func(old Round) bool {
		return old.Claimed || old.Step == step || now.Sub(old.At) >= day
	})
}

// Claimed reports whether the step has begun before, and did not come to its end: what it was to
// change may be changed.
func (r Rounds) Claimed(step string) bool {
	return slices.ContainsFunc(r.all, func(old Round) bool { return old.Step == step && old.Claimed })
}

// Busy reports whether another step is at the thing at now.
func (r Rounds) Busy(step string, now time.Time) bool {
	return slices.ContainsFunc(r.all, func(old Round) bool { return old.Step != step && old.Claimed && now.Before(old.Until) })
}

// Claim begins the step on the thing: others leave it alone until then. It answers ErrConflict when
// somebody was at the thing since the rounds were read; they are to be read again then, and the thing
// with them.
func (l *Ledger) Claim(ctx context.Context, r *Rounds, step string, at, until time.Time) error {
	return l.replace(ctx, r, step, at, Round{Step: step, At: at, Claimed: true, Until: until})
}

// AddRound remembers that the thing was put right, which ends the claim of the step.
func (l *Ledger) AddRound(ctx context.Context, r *Rounds, done Round) error {
	return l.insist(ctx, r, done.Step, done.At, done)
}

// Unclaim ends the claim of a step that did nothing to the thing.
func (l *Ledger) Unclaim(ctx context.Context, r *Rounds, step string, at time.Time) error {
	return l.insist(ctx, r, step, at)
}

// insist replaces the rounds of a step, again if somebody else wrote in between.
func (l *Ledger) insist(ctx context.Context, r *Rounds, step string, at time.Time, by ...Round) error {
	for try := 0; ; try++ {
		err := l.replace(ctx, r, step, at, by...)
		if !errors.Is(err, ErrConflict) || try == 4 {
			return err
		}
		r.all = nil
		if r.version, err = l.load(ctx, rounds+r.thing, "rounds", &r.all); err != nil {
			return err
		}
	}
}

// replace writes the rounds with these in place of those of the step, and without those of long ago.
func (l *Ledger) replace(ctx context.Context, r *Rounds, step string, at time.Time, by ...Round) error {
	kept := slices.DeleteFunc(slices.Clone(r.all), func(old Round) bool { return old.Step == step || at.Sub(old.At) >= day })
	kept = append(kept, by...)
	item := Item{Partition: rounds + r.thing, Sort: "rounds", Version: r.version, Expires: at.Add(2 * day)}
	if err := l.save(ctx, item, kept); err != nil {
		return err
	}
	r.all, r.version = kept, r.version+1
	return nil
}
