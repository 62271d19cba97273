package remediation

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
)

// Unseen is the error of a planner for what a call has just made and AWS does not show: IAM and EC2 are eventually
// consistent (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html,
// https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html). The event is retried, and kept in the
// failure queue in the end. A sweep that finds it within two days has it as [Memory.Awaited], and acts on it as on what
// is new.
type Unseen struct {
	What string // names it within the control
	// Gone says that the user is not there either. At the last try, three minutes later, it was deleted.
	Gone bool
}

func (u *Unseen) Error() string { return "AWS does not show yet what the event reports: " + u.What }

// Settled is how old a call is of which IAM shows everything by then: what is not there was taken away.
const Settled = time.Hour

// await keeps what the planner did not see. It returns the error if a retry is to look again.
func (s *session) await(ctx context.Context, err error) error {
	var unseen *Unseen
	if !errors.As(err, &unseen) {
		return err
	}
	if fault := s.Ledger.Await(ctx, s.Control.ID, unseen.What, s.now.Add(2*day)); fault != nil {
		return errors.Join(err, fault)
	}
	if unseen.Gone && s.lastTry() {
		return nil
	}
	return err
}

// missing reports whether an error says that something is not there.
func missing(err error) bool {
	var unseen *Unseen
	return change.NotFound(err) || errors.As(err, &unseen)
}

// Awaited returns what the control did not see when it was made.
func (m memory) Awaited(ctx context.Context) (map[string]bool, error) {
	return m.ledger.Awaited(ctx, m.control, m.now())
}

// Removed reports whether the ledger knows why something is not there: the control itself changed it, or somebody was
// alerted on one of the calls that take it away, with the text that such an alert has. since is when it was made; a
// call that repeats another is not in the ledger, so what was recorded shortly before counts.
func (m memory) Removed(
	ctx context.Context, user string, since time.Time, made change.Change, calls map[string]string,
) (bool, error) {
	var found []ledger.Entry
	for _, subject := range []string{m.userID, user} { // of a user who was deleted there may be nothing but the name
		if subject == "" {
			continue
		}
		about, _, err := m.ledger.About(ctx, subject, since.Add(-Quiet))
		if err != nil {
			return false, err
		}
		found = append(found, about...)
	}
	for _, e := range found {
		for _, step := range e.Steps {
			if e.Control == m.control && step.Kind == made.Kind && change.SameName(step.Target, made.Target) &&
				step.Status.Made() {
				return true, nil
			}
		}
		_, name, _ := strings.Cut(e.Event, ": ")
		if text, ok := calls[name]; ok && strings.Contains(strings.ToLower(e.Text), strings.ToLower(text)) {
			return true, nil
		}
	}
	return false, nil
}
