package remediation

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/settings"
)

// ByUser is the planners of a control whose parameters have values by tag or path of a user: one for each set of
// values, that of nobody in particular first. The run keeps of each planner's findings those about users whose values
// they are, so that planners need not know of it.
type ByUser []Variant

// Variant is a set of values, and the planner that has them.
type Variant struct {
	Settings settings.Function // with one value of each parameter
	Planner
}

// Plan implements [Planner] for those who ask without a run, as of nobody in particular.
func (v ByUser) Plan(ctx context.Context, e event.Event, now time.Time) ([]Finding, error) {
	return v[0].Plan(ctx, e, now)
}

// look has the planner look at an event; of one with values by user all planners.
func look(ctx context.Context, r *run, e event.Event, m Memory) ([]Finding, error) {
	variants, ok := r.Planner.(ByUser)
	if !ok {
		return Inspect(ctx, r.Planner, e, m, r.now)
	}
	var all []Finding
	var faults, others []error
	var stopped *Stopped
	for i := range variants {
		found, err := Inspect(ctx, variants[i].Planner, e, m, r.now)
		var partial *Stopped
		switch {
		case errors.As(err, &partial):
			if stopped == nil || partial.After < stopped.After {
				stopped = partial
			}
		case err != nil:
			others = append(others, err)
		}
		faults = append(faults, err)
		for _, f := range found {
			chosen, err := choose(ctx, r, f)
			if err != nil {
				faults, others = append(faults, err), append(others, err)
				continue
			}
			if bytes.Equal(chosen.Parameters, variants[i].Settings.Parameters) {
				f.Facts = append(f.Facts, because(chosen)...)
				f.given = &variants[i].Settings
				all = append(all, f)
			}
		}
	}
	if stopped != nil && len(others) == 0 {
		return all, stopped // the retry goes on where the first of them has stopped
	}
	if stopped != nil {
		return all, errors.Join(others...)
	}
	return all, errors.Join(faults...)
}

// choose are the values for whom a finding is about. A tag that the user gave itself counts for nothing. What is about
// nobody, and about a user who does not exist, has the values of nobody in particular.
func choose(ctx context.Context, r *run, f Finding) (settings.Choice, error) {
	if f.User == "" {
		return r.Settings.For(nil, ""), nil
	}
	contact, err := r.reader.contact(ctx, f.User, f.userID)
	if err != nil {
		return settings.Choice{}, i18n.Fault{Text: i18n.T("the tags of %q cannot be read", f.User), Err: err}
	}
	void, err := r.reader.selfTagged(ctx, contact.ID, contact.Tags)
	if err != nil {
		return settings.Choice{}, i18n.Fault{Text: i18n.T("who gave %q its tags cannot be read", f.User), Err: err}
	}
	return r.Settings.For(without(contact.Tags, void), contact.Path), nil
}

// because are the facts that say which values somebody has, and why.
func because(c settings.Choice) []Fact {
	var all []i18n.Message
	for _, b := range c.Because {
		why := i18n.T("%s, as for all others", b.Text())
		if b.Condition != "" {
			why = i18n.T("%s, because of %s", b.Text(), b.Condition)
		}
		all = append(all, why)
	}
	return Facts(i18n.T("Settings"), i18n.Join("; ", all...))
}
