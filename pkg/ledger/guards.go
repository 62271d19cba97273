package ledger

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/exemption"
)

// Case is something that its owner was notified of and has time to remediate.
type Case struct {
	// Control is the id of the control, Key the case's name within it.
	Control    string          `json:"control"`
	Key        string          `json:"key"`
	Subject    string          `json:"subject"` // whom it is about, Owner who was notified
	User       bool            `json:"user,omitempty"`
	UserID     string          `json:"userId,omitempty"` // the unique id of the user; empty for other subjects
	Owner      string          `json:"owner,omitempty"`
	OwnerSlack string          `json:"ownerSlack,omitempty"` // the Slack member id of the owner
	Heading    string          `json:"heading,omitempty"`
	Title      string          `json:"title"`
	Severity   string          `json:"severity,omitempty"` // that of the finding
	Changes    []change.Change `json:"changes"`            // what is due
	// Opened is when it was found, Told when SNS accepted the notice: grace counts from then. Due is when it is acted
	// on.
	Opened   time.Time `json:"opened"`
	Notified time.Time `json:"notified,omitzero"`
	Due      time.Time `json:"due,omitzero"`
	// Reminded is for how many days before Due the last reminder was sent; 0 means none was.
	Reminded int `json:"reminded,omitempty"`
	// Urgent says that its changes were held when they were to be made, since UrgentSince. For a day they are due at once
	// then. HeldNotified is when its owner was last notified that they are held.
	Urgent       bool      `json:"urgent,omitempty"`
	UrgentSince  time.Time `json:"urgentSince,omitzero"`
	HeldNotified time.Time `json:"heldNotified,omitzero"`
	Urgency      string    `json:"urgency,omitempty"` // what its changes do not wait for, see [Entry]
	Snoozed      time.Time `json:"snoozed,omitzero"`  // when its owner put off Due; zero if not
	// Closed is when it ended, Outcome how.
	Closed  time.Time   `json:"closed,omitzero"`
	Outcome CaseOutcome `json:"outcome,omitempty"`
	// Thread is that of the entry that opened it; empty means its own.
	Thread string `json:"thread,omitempty"`
	// Entry is the id of the entry that opened it, Made that of the entry whose changes ended it.
	Entry string `json:"entry,omitempty"`
	Made  string `json:"made,omitempty"`

	version int64
	read    bool // it is known whether there is one
}

// CaseOutcome is how a case ended.
type CaseOutcome string

// The ends of a case.
const (
	Acted     CaseOutcome = "acted"     // Warder made the changes
	Fixed     CaseOutcome = "fixed"     // its owner remediated it
	Suspended CaseOutcome = "set aside" // ends the case of something that was exempted, or undone by a person
)

// Open reports whether the case has not ended.
func (c Case) Open() bool { return c.Closed.IsZero() }

// asCase reads the item of a case.
func asCase(item Item) (Case, error) {
	c := Case{version: item.Version, read: true}
	return c, parse(item, &c)
}

// Case returns a case that is open, or ended within the last day; ok is false when there is none.
func (l *Ledger) Case(ctx context.Context, control, key string) (c Case, ok bool, err error) {
	item, err := l.get(ctx, cases+control, key)
	if err != nil {
		return Case{}, false, err
	}
	c, err = asCase(item)
	c.Control, c.Key = control, key
	return c, item.Version > 0, err
}

// ReviseCase alters a case of which the control and the key are known, and more if it was read before; it is
// empty when there is none yet. It returns what it becomes.
//
// An open case is where sweeps look. One that ends is archived first, and what is left of it there expires a
// day later. One that was not open when it was read, and ends at once, is only archived.
func (l *Ledger) ReviseCase(ctx context.Context, known Case, alter func(*Case)) (Case, error) {
	control, key := known.Control, known.Key
	if !known.read {
		var err error
		if known, _, err = l.Case(ctx, control, key); err != nil {
			return known, err
		}
	}
	var revised Case
	_, version, err := rewrite(ctx, l, cases+control, key, known, known.version, func(
		c *Case, found bool,
	) (Item, bool, error) {
		open := found && c.Open()
		c.Control, c.Key = control, key
		alter(c)
		revised = *c
		if c.Open() {
			return Item{Subject: cmp.Or(c.UserID, c.Subject), At: c.Opened}, true, nil
		}
		if err := l.archive(ctx, revised); err != nil || !open {
			return Item{}, false, err
		}
		*c = Case{Control: control, Key: key, Closed: c.Closed}
		return Item{Expires: c.Closed.Add(day)}, true, nil
	})
	revised.version, revised.read = version, true
	return revised, err
}

// archive keeps a case that has ended, in place of what it was when it ended before.
func (l *Ledger) archive(ctx context.Context, c Case) error {
	_, _, err := rewrite(ctx, l, ended+c.Control, c.Key, c, 0, func(recorded *Case, _ bool) (Item, bool, error) {
		*recorded = c
		return Item{Subject: cmp.Or(c.UserID, c.Subject), At: c.Opened}, true, nil
	})
	return err
}

// OpenCases returns the open cases of a control, the first opened first.
func (l *Ledger) OpenCases(ctx context.Context, control string) ([]Case, error) {
	found, err := l.query(ctx, cases+control)
	return slices.DeleteFunc(found, func(c Case) bool { return !c.Open() }), err
}

// EndedCases returns the cases of a control that have ended, as they were when they did last; the first opened first.
func (l *Ledger) EndedCases(ctx context.Context, control string) ([]Case, error) {
	return l.query(ctx, ended+control)
}

func (l *Ledger) query(ctx context.Context, partition string) ([]Case, error) {
	items, err := l.store.Query(ctx, short(partition, maxPartition))
	if err != nil {
		return nil, err
	}
	_, found, err := split(items)
	return found, err
}

// GuardState is what the ledger knows about changes that are to be made, as it was when it was read, in one call.
type GuardState struct {
	// Case is the case of the changes, Breaker that of the control; empty if they were not asked for.
	Case    Case
	Breaker Breaker
	Halt    Halt                        // if the breaker was asked for
	Rounds  []RecentChanges             // the recent changes to what each of the changes changes, if they were asked for
	holds   map[string]Hold             // by thing
	longest time.Duration               // that a hold lasts
	exempt  map[string]map[string]Asked // by the unique ids of the changes' users
}

// Exempted is what exempts the users of the changes at now, by what people asked for.
func (s GuardState) Exempted(changes []change.Change, now time.Time) (held []exemption.Exemption) {
	for _, id := range usersOf(changes) {
		held = append(held, exemptions(s.exempt[id], now)...)
	}
	return held
}

// Whatever the table says, nothing in it lasts longer than Warder makes it last.
const (
	maxHold = 90 * day // of the setting holdDays
	// maxRun is how long a function runs at most
	// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html): so long it has an event, or a resource,
	// for itself.
	maxRun = 15 * time.Minute
	// tolerance is how far the clocks of two runs may be apart: on a local account that of a run is its event's.
	tolerance = day
)

// believed is the end of something that lasts so long at most, and zero if it ends later than it can at now.
func believed(until time.Time, longest time.Duration, now time.Time) time.Time {
	if until.After(now.Add(longest + tolerance)) {
		return time.Time{}
	}
	return until
}

// Held returns the hold that is in force at now on one of the changes' things, if any; known: all of them were read.
func (s GuardState) Held(changes []change.Change, now time.Time) (h Hold, known bool) {
	known = true
	for _, c := range changes {
		hold, read := s.holds[c.Thing()]
		known = known && read
		if hold = hold.within(s.longest, now); h.Until.IsZero() && hold.covers(c, now) {
			h = hold
		}
	}
	return h, known
}

// Holds reads the holds on the things that the changes change, and the case of the key; an empty key leaves that out.
func (l *Ledger) Holds(ctx context.Context, control, key string, changes []change.Change) (GuardState, error) {
	return l.guardState(ctx, control, key, changes, false)
}

// Guards reads the same, the recent changes, the control's breaker and the halt switch: all that keeps the changes from
// being made.
func (l *Ledger) Guards(ctx context.Context, control, key string, changes []change.Change) (GuardState, error) {
	return l.guardState(ctx, control, key, changes, true)
}

func (l *Ledger) guardState(
	ctx context.Context, control, caseKey string, changes []change.Change, whole bool,
) (s GuardState, err error) {
	var keys []Key
	for _, c := range changes {
		keys = append(keys, key(holds+c.Thing(), "hold"))
		if whole {
			keys = append(keys, key(rounds+c.Thing(), "rounds"))
		}
	}
	if whole {
		keys = append(append(keys, key(breakers+control, "breaker")), haltKeys...)
	}
	if caseKey != "" {
		keys = append(keys, key(cases+control, caseKey))
	}
	users := usersOf(changes)
	for _, id := range users {
		keys = append(keys, key(exempted+id, "exempt"))
	}
	if len(keys) == 0 {
		return s, nil
	}
	items, err := l.store.BatchGet(ctx, keys...)
	if err != nil {
		return s, err
	}
	next := func() Item {
		item := items[0]
		items = items[1:]
		return item
	}
	var faults []error
	s.holds, s.longest = make(map[string]Hold, len(changes)), l.longest
	for _, c := range changes {
		var h Hold
		faults = append(faults, parse(next(), &h))
		s.holds[c.Thing()] = h
		if whole {
			item, r := next(), RecentChanges{thing: c.Thing()}
			faults = append(faults, r.parse(item))
			s.Rounds = append(s.Rounds, r)
		}
	}
	if whole {
		item := next()
		s.Breaker.version = item.Version
		faults = append(faults, parse(item, &s.Breaker))
		s.Halt = haltOf([]Item{next(), next()}, l.sealed())
	}
	if caseKey != "" {
		s.Case, err = asCase(next())
		s.Case.Control, s.Case.Key = control, caseKey
		faults = append(faults, err)
	}
	s.exempt = make(map[string]map[string]Asked, len(users))
	for _, id := range users {
		var all map[string]Asked
		faults = append(faults, parse(next(), &all))
		s.exempt[id] = all
	}
	return s, errors.Join(faults...)
}

// usersOf are the unique ids of the users of the changes, each once.
func usersOf(changes []change.Change) (ids []string) {
	for _, c := range changes {
		if c.SubjectID != "" && !slices.Contains(ids, c.SubjectID) {
			ids = append(ids, c.SubjectID)
		}
	}
	return ids
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

// Hold keeps sweeps from repeating what was undone.
type Hold struct {
	Since  time.Time       `json:"since,omitzero"` // when it was put; zero for holds from before it was kept
	Until  time.Time       `json:"until"`
	By     caller.Identity `json:"by"`
	Reason string          `json:"reason"`
	Action string          `json:"action"` // the id of the step that was undone
	// Content is the digest of the policy that was reverted to: another under its name is not on hold. It is empty for
	// what is no policy, and for holds from before it was kept, which go by the name alone.
	Content string `json:"content,omitempty"`
}

// within is the hold as it stands at now where holds last so long at most: whatever it says itself, it ends so long
// after it was put. One that Warder cannot have put by now does not stand.
func (h Hold) within(longest time.Duration, now time.Time) Hold {
	switch {
	case h.Since.IsZero():
		h.Until = believed(h.Until, longest, now)
	case h.Since.After(now.Add(tolerance)):
		h.Until = time.Time{}
	case h.Until.After(h.Since.Add(longest)):
		h.Until = h.Since.Add(longest)
	}
	return h
}

// covers reports whether the hold is in force at now on what c takes away.
func (h Hold) covers(c change.Change, now time.Time) bool {
	return now.Before(h.Until) && (h.Content == "" || h.Content == c.Content)
}

// SetHold puts a hold on the thing that c changes, in place of the one it has.
func (l *Ledger) SetHold(ctx context.Context, c change.Change, h Hold) error {
	_, _, err := rewrite(ctx, l, holds+c.Thing(), "hold", Hold{}, 0, func(recorded *Hold, _ bool) (Item, bool, error) {
		*recorded = h
		return Item{Expires: h.Until.Add(idle)}, true, nil
	})
	return err
}

// Breaker is how many changes a control has made lately, and whether it is stopped.
type Breaker struct {
	Since   time.Time `json:"since"`            // when the hour began that Steps were made in
	Steps   []string  `json:"steps"`            // the ids of the steps that were let through in it
	Tripped time.Time `json:"tripped,omitzero"` // when the control was stopped; zero when it is not
	// Released, By and Reason say who let it go on last, when and why.
	Released time.Time       `json:"released,omitzero"`
	By       caller.Identity `json:"by,omitzero"`
	Reason   string          `json:"reason,omitempty"`
	// Emergencies are the ids of the entries that did not wait, in the hour that began at EmergenciesSince.
	Emergencies      []string  `json:"emergencies,omitempty"`
	EmergenciesSince time.Time `json:"emergenciesSince,omitzero"`

	version int64
}

// maxEmergencies is how many emergencies of an hour are counted: an item of DynamoDB has no room for all that may come.
const maxEmergencies = 1000

// CountEmergency counts an entry that does not wait, once, in the hour before now. b is the breaker as it was read,
// and is what it is then. It never stops the control.
func (l *Ledger) CountEmergency(ctx context.Context, control string, b *Breaker, entry string, now time.Time) error {
	counted, version, err := rewrite(ctx, l, breakers+control, "breaker", *b, b.version,
		func(b *Breaker, _ bool) (Item, bool, error) {
			switch {
			case slices.Contains(b.Emergencies, entry):
				return Item{}, false, nil
			case now.Sub(b.EmergenciesSince).Abs() >= time.Hour:
				b.EmergenciesSince, b.Emergencies = now, []string{entry}
			case len(b.Emergencies) < maxEmergencies:
				b.Emergencies = append(b.Emergencies, entry)
			default:
				return Item{}, false, nil
			}
			return Item{}, true, nil
		})
	counted.version = version
	*b = counted
	return err
}

// Take lets one step through if the control has not let limit steps through in the hour before now;
// otherwise the control is stopped until it is released. The same step is let through once more
// without being counted again. b is the breaker as it was read, and is what it is then.
func (l *Ledger) Take(
	ctx context.Context, control string, b *Breaker, step string, limit int, now time.Time,
) (through bool, err error) {
	count := func(b *Breaker, _ bool) (Item, bool, error) {
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
	}
	taken, version, err := rewrite(ctx, l, breakers+control, "breaker", *b, b.version, count)
	taken.version = version
	*b = taken
	return through && err == nil, err
}

// Breaker returns the control's breaker.
func (l *Ledger) Breaker(ctx context.Context, control string) (b Breaker, err error) {
	b.version, err = l.load(ctx, breakers+control, "breaker", &b)
	return b, err
}

// Release lets a stopped control go on, and counts from nothing again. It returns the breaker as it was before.
func (l *Ledger) Release(
	ctx context.Context, control string, by caller.Identity, reason string, now time.Time,
) (before Breaker, err error) {
	_, err = revise(ctx, l, breakers+control, "breaker", func(b *Breaker, _ bool) (Item, bool, error) {
		before = *b
		*b = Breaker{Since: now, Released: now, By: by, Reason: reason}
		return Item{}, true, nil
	})
	return before, err
}

const day = 24 * time.Hour

// RecentChange is one time that a thing was remediated.
type RecentChange struct {
	Step  string    `json:"step"`
	At    time.Time `json:"at"`
	Actor string    `json:"actor,omitempty"` // who had caused it, when the event said so
	// Claimed says that the step has begun and not yet ended; others leave the thing alone, until Until at most.
	Claimed bool      `json:"claimed,omitempty"`
	Until   time.Time `json:"until,omitzero"`
}

// RecentChanges are what was done to a thing lately, and who has claimed it, as it was read.
type RecentChanges struct {
	thing   string
	all     []RecentChange
	version int64
}

// RecentChanges returns the recent changes to the thing that c changes.
func (l *Ledger) RecentChanges(ctx context.Context, c change.Change) (r RecentChanges, err error) {
	r.thing = c.Thing()
	item, err := l.get(ctx, rounds+r.thing, "rounds")
	if err != nil {
		return r, err
	}
	return r, r.parse(item)
}

// parse reads them from an item.
func (r *RecentChanges) parse(item Item) error {
	r.all, r.version = nil, item.Version
	return parse(item, &r.all)
}

// Done are those that came to their end within the day before now, without that of the given step.
func (r RecentChanges) Done(step string, now time.Time) []RecentChange {
	return slices.DeleteFunc(slices.Clone(r.all), func(old RecentChange) bool {
		return old.Claimed || old.Step == step || now.Sub(old.At) >= day
	})
}

// Claimed reports whether the step has begun and not ended: what it was to change may be changed.
func (r RecentChanges) Claimed(step string) bool {
	return slices.ContainsFunc(r.all, func(old RecentChange) bool { return old.Step == step && old.Claimed })
}

// Busy reports whether another step has claimed the thing at now.
func (r RecentChanges) Busy(step string, now time.Time) bool {
	return slices.ContainsFunc(r.all, func(old RecentChange) bool {
		return old.Step != step && old.Claimed && now.Before(believed(old.Until, maxRun, now))
	})
}

// Claim begins the step on the thing: others leave it alone until then. It answers ErrConflict when somebody
// else wrote since r was read; r is up to date then, and the thing is to be read again.
func (l *Ledger) Claim(ctx context.Context, r *RecentChanges, step string, at, until time.Time) error {
	return l.replace(ctx, r, step, at, RecentChange{Step: step, At: at, Claimed: true, Until: until})
}

// AddRecentChange records that the thing was remediated, which ends the claim of the step.
func (l *Ledger) AddRecentChange(ctx context.Context, r *RecentChanges, done RecentChange) error {
	return l.insist(ctx, r, done.Step, done.At, done)
}

// Unclaim ends the claim of a step that did nothing to the thing.
func (l *Ledger) Unclaim(ctx context.Context, r *RecentChanges, step string, at time.Time) error {
	return l.insist(ctx, r, step, at)
}

// insist replaces the changes of a step, again if somebody else wrote in between.
func (l *Ledger) insist(ctx context.Context, r *RecentChanges, step string, at time.Time, by ...RecentChange) error {
	for try := 0; ; try++ {
		err := l.replace(ctx, r, step, at, by...)
		if !errors.Is(err, ErrConflict) || try == 4 {
			return err
		}
	}
}

// replace writes r with these in place of those of the step, and without old ones.
func (l *Ledger) replace(ctx context.Context, r *RecentChanges, step string, at time.Time, by ...RecentChange) error {
	stale := func(old RecentChange) bool { return old.Step == step || at.Sub(old.At) >= day }
	kept := append(slices.DeleteFunc(slices.Clone(r.all), stale), by...)
	item := Item{Partition: rounds + r.thing, Sort: "rounds", Version: r.version, Expires: at.Add(2 * day)}
	if err := l.save(ctx, item, kept); err != nil {
		if conflict := (*Conflict)(nil); errors.As(err, &conflict) {
			if err := r.parse(conflict.Present); err != nil {
				return err
			}
		}
		return err
	}
	r.all, r.version = kept, r.version+1
	return nil
}
