package remediation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// ReleaseRequest lets a control go on that its blast radius has stopped.
type ReleaseRequest struct {
	By     string `json:"by"` // who asks for it: it is recorded and in the notice, as is the reason
	Reason string `json:"reason"`
}

// ReleaseAnswer says what the release came to.
type ReleaseAnswer struct {
	Released bool   `json:"released"` // false when the control was not stopped
	Text     string `json:"text"`
}

// Release lets the control go on. What waits is done by its next sweep.
func (r *Runner) Release(ctx context.Context, q ReleaseRequest) (ReleaseAnswer, error) {
	if invisible(q.By) || invisible(q.Reason) {
		const form = `{"release":{"by":"…","reason":"…"}}`
		return ReleaseAnswer{}, errors.New("release request not understood: understood is " + form)
	}
	breaker, err := r.Ledger.Breaker(ctx, r.Control.ID)
	if err != nil {
		return ReleaseAnswer{}, err
	}
	if breaker.Tripped.IsZero() {
		return ReleaseAnswer{Text: fmt.Sprintf("%s is not stopped: it has made %d of %d changes in this hour",
			r.Control.ID, len(breaker.Steps), r.Settings.BlastRadius)}, nil
	}
	now := r.Now()
	entry := ledger.Entry{
		ID: digest(r.Control.ID, "released", breaker.Tripped.Unix()), Control: r.Control.ID, At: now,
		By: q.By, Reason: q.Reason,
		Guard: ledger.Released, Severity: string(control.Medium), Notify: notice.Alert,
	}
	r.word(&entry, i18n.T("Blast radius released"),
		i18n.T("%s released %s, which had stopped on %s: %s. The next sweep applies what is pending.",
			q.By, r.Control.ID, i18n.Minute(breaker.Tripped), q.Reason), i18n.Message{})
	// The notice comes before the release: whoever tries again finds the control stopped still.
	if _, err := r.Notify(ctx, entry); err != nil {
		return ReleaseAnswer{}, err
	}
	if _, err := r.Ledger.Release(ctx, r.Control.ID, q.By, q.Reason, now); err != nil {
		return ReleaseAnswer{}, err
	}
	return ReleaseAnswer{Released: true, Text: fmt.Sprintf("%s goes on since %s; what waits is done by its next sweep",
		r.Control.ID, now.UTC().Format(time.RFC3339))}, nil
}

// Notify records an entry that no event is behind, and publishes the alert about it, once. first says that
// it was published now.
func (r *Runner) Notify(ctx context.Context, entry ledger.Entry) (first bool, err error) {
	if err := r.Ledger.Update(ctx, &entry); errors.Is(err, ledger.ErrConflict) {
		if entry, _, err = r.Ledger.Entry(ctx, entry.ID); err != nil {
			return false, err
		}
	} else if err != nil {
		return false, err
	}
	return r.notifyOnce(ctx, &entry, notice.Alert)
}
