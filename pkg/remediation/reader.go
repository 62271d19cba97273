package remediation

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/orders"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/settings"
)

// reader reads the facts that the guards decide by.
type reader struct {
	*session
	cases   *caseBook
	applier *applier
	// contacts and tags, of what is no IAM user, are those that were read in this run, by subject.
	contacts   map[string]owner.Contact
	tags       map[string]map[string]string
	prefetched ledger.GuardState                    // the holds on all that a sweep found, for planning
	firstKeys  map[string]string                    // the access keys that go in this run, by their users
	taggings   map[string]map[string]ledger.Tagging // who gave users their tags, by the users' unique ids
	addresses  map[string]ledger.Address            // those that were read in this run
	switches   switches
}

// switches are what stops every change, as they were read last; nil if they were not.
type switches struct {
	halt   *ledger.Halt
	orders *orders.Orders
}

// ordered are the organization's orders: one read for all that a run changes.
func (s *switches) ordered(ctx context.Context, from Orders, now time.Time) (orders.Orders, error) {
	if from == nil {
		return orders.Orders{}, nil
	}
	if s.orders == nil {
		read, err := from.Read(ctx, now)
		if err != nil {
			return orders.Orders{}, i18n.Fault{Text: i18n.T("what the organization orders cannot be read"), Err: err}
		}
		s.orders = &read
	}
	return *s.orders, nil
}

var errUnseen = errors.New("AWS does not show it")

// read reads one fact about the changes of a finding, which entry records.
func (r *reader) read(ctx context.Context, what fact, f Finding, entry *ledger.Entry, x *facts) (err error) {
	unreadable := func(text i18n.Message) error { return i18n.Fault{Text: text, Err: err} }
	switch what {
	case subjectTags:
		// AWS is eventually consistent (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html): what it
		// does not show, although the planner has seen it, may be exempt. At the last try it does not exist.
		if x.tags, err = r.subjectTags(ctx, entry); err == nil && x.tags == nil && !r.lastTry() {
			err = errUnseen
		}
		if err != nil {
			return unreadable(i18n.T("the exemption of %q cannot be read", entry.Subject))
		}
	case recipients:
		if x.ledger.reached, x.ledger.back, err = r.reached(ctx, entry.Owner); err != nil {
			return unreadable(i18n.T("whether mail to the owner of %q comes back cannot be read", entry.Subject))
		}
	case guardState:
		if err = r.guardState(ctx, f, x); err != nil {
			return unreadable(i18n.T("the ledger of %q cannot be read", entry.Subject))
		}
		if x.stage == applying {
			x.orders, err = r.switches.ordered(ctx, r.Orders, r.Now())
		}
	case recentChanges:
		for i, step := range entry.Steps {
			recent, err := r.applier.recentChanges(ctx, step, &x.ledger.state.Rounds[i])
			if err != nil {
				return err
			}
			x.ledger.recent = append(x.ledger.recent, recent.Done(step.ID, r.now))
		}
	case blastShare:
		if f.Urgency.Emergency() {
			r.countEmergency(ctx, entry, &x.ledger.state.Breaker)
		} else if x.ledger.within, err = r.takeShare(ctx, entry, &x.ledger.state.Breaker); err != nil {
			return unreadable(i18n.T("the blast radius cannot be counted"))
		}
	}
	return err
}

// contact returns who answers for a user: for the one with the unique id, whatever it is called now, if that is known.
func (r *reader) contact(ctx context.Context, user, id string) (owner.Contact, error) {
	contact, err := once(
		r.contacts,
		cmp.Or(id, user),
		func() (owner.Contact, error) { return r.Owners.ByID(ctx, id, user) },
	)
	// Who was created after the event, under a name that the event or the planner has, is another user.
	if at := happened(r.event); err == nil && id == "" && !r.sweeping() && !at.IsZero() && contact.CreatedAfter(at) {
		return owner.Contact{Address: contact.Address, Missing: contact.Missing}, nil
	}
	if err == nil && contact.ID != "" {
		r.contacts[contact.ID] = contact
	}
	return contact, err
}

// whose is the unique id of the user whom the finding is about, or the name of who has none that can be read.
func (r *reader) whose(ctx context.Context, f Finding) string {
	if f.User == "" {
		return f.Subject
	}
	contact, _ := r.contact(ctx, f.User, f.userID)
	return cmp.Or(contact.ID, f.User)
}

// once reads what is not known yet, and keeps it for the run.
func once[T any](known map[string]T, key string, read func() (T, error)) (value T, err error) {
	value, ok := known[key]
	if !ok {
		if value, err = read(); err == nil {
			known[key] = value
		}
	}
	return value, err
}

// subjectTags returns the tags of whom the entry is about, nil if that does not exist.
func (r *reader) subjectTags(ctx context.Context, entry *ledger.Entry) (map[string]string, error) {
	if entry.User {
		contact, err := r.contact(ctx, entry.Subject, entry.UserID)
		rename(r.Runner, entry, contact.Name)
		if contact.Tags == nil && contact.ID != "" {
			contact.Tags = map[string]string{}
		}
		if err != nil || len(contact.Tags) == 0 {
			return contact.Tags, err
		}
		void, err := r.selfSet(ctx, contact.ID, contact.Tags)
		return without(contact.Tags, void), err
	}
	for _, step := range entry.Steps {
		if kind, ok := r.Kinds[step.Kind].(change.Tagged); ok {
			return once(r.tags, step.Subject, func() (map[string]string, error) { return kind.Tags(ctx, step.Change) })
		}
	}
	return map[string]string{}, nil
}

// reached reports whether a notice reaches the owner or somebody else, and when mail to the owner last came back. The
// ledger is read only where that decides it.
func (r *reader) reached(ctx context.Context, owner string) (reached bool, back time.Time, err error) {
	gone := map[string]bool{}
	all := []string{settings.Address(owner), settings.Address(r.Settings.Owners.Default)}
	if reach := r.Settings.Reach; reach.Mail && !reach.All && r.enforcing() {
		for i, address := range all {
			known, err := once(r.addresses, address, func() (ledger.Address, error) { return r.Ledger.Address(ctx, address) })
			if err != nil {
				return false, back, err
			}
			if gone[address] = known.CameBack(r.now); gone[address] && i == 0 {
				back = known.Back
			}
		}
	}
	return r.Settings.Reaches(func(address string) bool { return gone[address] }, all...), back, nil
}

// guardState reads the holds on the changes and, if grace may apply, the case. Right before the changes are
// made it reads, in the same call, the recent changes and the breaker.
func (r *reader) guardState(ctx context.Context, f Finding, x *facts) (err error) {
	key := x.ledger.key
	if x.stage == applying {
		if x.ledger.state, err = r.Ledger.Guards(ctx, r.Control.ID, key, f.Changes); err == nil {
			r.keepHalt(x.ledger.state.Halt)
		}
	} else {
		if _, known := r.cases.known[key]; known || f.bypasses(grace) || !r.enforcing() {
			key = ""
		}
		if _, known := r.prefetched.Held(f.Changes, r.now); known && key == "" {
			x.ledger.state = r.prefetched
		} else {
			x.ledger.state, err = r.Ledger.Holds(ctx, r.Control.ID, key, f.Changes)
		}
	}
	if err != nil {
		return err
	}
	r.cases.remember(x.ledger.state.Case)
	x.ledger.current = r.cases.known[x.ledger.key]
	x.ledger.hold, _ = x.ledger.state.Held(f.Changes, r.now)
	return nil
}

// prefetch reads the holds on all that was found, in a call for each hundred; what fails is read one by one.
func (r *reader) prefetch(ctx context.Context, findings []located) {
	var changes []change.Change
	for _, f := range findings {
		changes = append(changes, f.Changes...)
	}
	if len(findings) < 2 || len(changes) == 0 {
		return
	}
	changes = nil
	for _, f := range findings {
		id := ""
		if f.User != "" && len(f.Changes) > 0 {
			// Who cannot be looked up now is looked up again when the finding is recorded.
			contact, _ := r.contact(ctx, f.User, f.userID)
			id = contact.ID
		}
		for _, c := range f.Changes {
			changes = append(changes, f.identified(c, id))
		}
	}
	if state, err := r.Ledger.Holds(ctx, r.Control.ID, "", changes); err == nil {
		r.prefetched = state
	}
}

// countEmergency counts what is still to be made of an emergency. It goes on when it cannot be counted.
func (r *reader) countEmergency(ctx context.Context, entry *ledger.Entry, b *ledger.Breaker) {
	if !anyStep(entry, ledger.Planned, ledger.Failed, ledger.Held) {
		return
	}
	if err := r.Ledger.CountEmergency(ctx, r.Control.ID, b, entry.ID, r.now); err != nil {
		r.log.ErrorContext(ctx, "count emergency", "id", entry.ID, "error", notice.Redact(err.Error()))
	}
}

// takeShare counts the changes that are still to be made against the blast radius.
func (r *reader) takeShare(ctx context.Context, entry *ledger.Entry, b *ledger.Breaker) (within bool, err error) {
	for _, step := range entry.Steps {
		if step.Status.Settled() || step.Status == ledger.Applied {
			continue
		}
		within, err := r.Ledger.Take(ctx, r.Control.ID, b, step.ID, r.Settings.BlastRadius, r.now)
		if err != nil || !within {
			return false, err
		}
	}
	return true, nil
}

// readHalt reads the halt switch, unless the guards have.
func (r *reader) readHalt(ctx context.Context) error {
	if r.switches.halt != nil {
		return nil
	}
	h, err := r.Ledger.Halt(ctx)
	if err == nil {
		r.keepHalt(h)
	}
	return err
}

// keepHalt keeps what the halt switch is, and measures for how long it has been on.
func (r *reader) keepHalt(h ledger.Halt) {
	r.switches.halt = &h
	switch {
	case h.Unproven != "": // nobody knows since when: it counts as long
		r.report.Metrics.Set(metric.HaltedHours, unknownHours)
	case h.Halted:
		r.report.Metrics.Set(metric.HaltedHours, max(r.now.Sub(h.Since).Hours(), 0))
	case r.sweeping(): // CloudWatch bills a value in each hour
		r.report.Metrics.Set(metric.HaltedHours, 0)
	}
}

// unknownHours is for how long Warder counts as halted by somebody unknown: the alarm rings.
const unknownHours = 24.0
