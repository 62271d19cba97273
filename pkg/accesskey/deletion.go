package accesskey

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// Deletion says when a key that the control made inactive is deleted. Keys that people made inactive are theirs.
type Deletion struct {
	After  time.Duration // how long after it was made inactive a key is deleted; 0 deletes none
	Notice time.Duration // how long before that its owner is notified
}

// NewDeletion returns the deletion after so many days, 0 for none. It cannot be undone, so it needs days of grace.
func NewDeletion(days int, f settings.Function) (Deletion, error) {
	if days > 0 && f.Days(settings.GraceDays) == 0 {
		return Deletion{}, errors.New("read parameters: deleteAfterDays needs graceDays: " +
			"what cannot be undone is not done without a notice and time")
	}
	return Deletion{After: time.Duration(days) * day, Notice: time.Duration(f.Days(settings.NoticeDays)) * day}, nil
}

// made is a key that the control made inactive, and when.
type completedChange struct {
	key string
	at  time.Time
}

// slack is how long after its begin a run may switch a key by the report: a run takes a quarter of an hour at most.
const slack = time.Hour

// deletions are the keys, by user, whose deletion is announced or due: those of the cases that ended with a key made
// inactive, by their entries, where a change that was undone is no longer in force.
func (s Sweep) deletions(ctx context.Context, users []iamuser.ReportUser,
	now time.Time) (map[string][]completedChange, error) {
	found := map[string][]completedChange{}
	if s.Deletion.After == 0 {
		return found, nil
	}
	cases, err := s.Ledger.EndedCases(ctx, s.Control)
	if err != nil {
		return nil, err
	}
	report := map[string]iamuser.ReportUser{}
	for _, user := range users {
		report[user.Name] = user
	}
	var names map[string]string // of all users, by unique id
	for _, c := range cases {
		if c.Outcome != ledger.Acted || now.Before(c.Closed.Add(s.Deletion.After-s.Deletion.Notice)) {
			continue
		}
		name := c.Subject
		if _, there := report[name]; !there && c.UserID != "" { // it was renamed, or deleted
			if names == nil {
				if names, err = s.names(ctx); err != nil {
					return nil, err
				}
			}
			name = names[c.UserID]
		}
		if !untouched(report[name], c.Closed) {
			continue
		}
		entry, ok, err := s.Ledger.Entry(ctx, c.Made)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		for _, step := range entry.Steps {
			if step.Kind == change.AccessKeyStatus && step.After == change.Inactive && step.Status.Made() {
				found[name] = append(found[name], completedChange{step.Target, step.At})
			}
		}
	}
	return found, nil
}

// names are the present names of all users, by their unique ids.
func (s Sweep) names(ctx context.Context) (map[string]string, error) {
	names := map[string]string{}
	for user, err := range iamuser.All(ctx, s.API) {
		if err != nil {
			return nil, err
		}
		names[aws.ToString(user.UserId)] = aws.ToString(user.UserName)
	}
	return names, nil
}

// untouched reports whether the user has an inactive key whose status did not change after Warder
// made it inactive at the given time. One that was switched since is in people's hands.
func untouched(user iamuser.ReportUser, at time.Time) bool {
	return slices.ContainsFunc(user.Keys[:], func(k iamuser.ReportKey) bool {
		return k.Exists() && !k.Active && !k.Rotated.After(at.Add(slack))
	})
}

func (d Deletion) finding(user string, k Key, at time.Time) remediation.Finding {
	return remediation.Finding{
		User:  user,
		Title: i18n.T("Inactive access key"),
		Text: i18n.T("Warder made access key %s of %s inactive on %s, and nobody has activated it since. After %d days "+
			"Warder deletes such a key, which cannot be undone.",
			change.KeyHint(k.ID), user, i18n.Day(at), int(d.After/day)),
		Facts:    []remediation.Fact{{Name: i18n.T("Created"), Value: i18n.Day(k.Created)}, k.Instead()},
		Changes:  []change.Change{{Kind: change.AccessKeyDeletion, Subject: user, Target: k.ID, Before: change.Inactive}},
		Handling: remediation.Handling{Due: at.Add(d.After), OneKeyPerRun: user},
		Advice: i18n.T("If something still needs the key, activate it or ask for an exemption before it is deleted; " +
			"after that you need a new key. Otherwise there is nothing to do."),
	}
}
