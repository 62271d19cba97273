package remediation

import (
	"context"
	"errors"
	"fmt"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// HaltRequest halts Warder, or lets it make changes again.
type HaltRequest struct {
	By     string `json:"by,omitempty"` // as of an [UndoRequest]
	Reason string `json:"reason,omitempty"`
}

// HaltAnswer says whether Warder is halted now.
type HaltAnswer struct {
	Halted bool   `json:"halted"`
	Text   string `json:"text"`
}

// HaltReason says why Warder is halted, and by whom; it is empty when it is not.
func HaltReason(h ledger.Halt) i18n.Message {
	reason := func(text string) string { return notice.Truncate(text, 200) }
	switch {
	case !h.Halted:
		return i18n.Message{}
	case h.Unproven == ledger.Emergency:
		return i18n.T("Warder is halted by whoever put %s into its table (claimed): %s", ledger.EmergencyPartition,
			reason(h.Claim))
	case h.Unproven != "":
		return i18n.T("Warder is halted: the ledger has no halt switch that Warder wrote")
	}
	return i18n.T("Warder is halted by %s: %s", h.By.Describe(), reason(h.Reason))
}

// Switch is the halt switch in the hands of people.
type Switch struct{ *Runner }

// Halt stops every change of every control until [Switch.Resume]. Whoever asks need not prove who they are; the record
// and the notice say so. The switch is set before anybody is notified.
func (r Switch) Halt(ctx context.Context, q HaltRequest) (HaltAnswer, error) {
	who := caller.From(ctx, q.By)
	if who.IsZero() || invisible(q.Reason) {
		return HaltAnswer{}, errors.New(`halt request not understood: understood is {"halt":{"by":"…","reason":"…"}}`)
	}
	now := r.Now()
	h := ledger.Halt{Halted: true, Since: now, By: who, Reason: r.render(i18n.Literal(q.Reason))}
	_, err := r.setHalt(ctx, func(read ledger.Halt) (*ledger.Halt, error) {
		if read.Halted && read.Unproven == "" {
			h.Since = read.Since
		}
		return &h, nil
	})
	if err != nil {
		return HaltAnswer{}, err
	}
	entry := ledger.Entry{
		ID: digest(r.Control.ID, ledger.Halted, now.UnixNano(), who, q.Reason), Control: r.Control.ID, At: now,
		By: who, Reason: h.Reason, Guard: ledger.Halted, Severity: string(control.High), Notify: notice.Alert,
	}
	advice := i18n.T("To let Warder make changes again: make resume")
	if who.ARN == "" {
		entry.Severity = string(control.Critical)
		advice = i18n.T("Nothing proves who this was. If nobody of yours did it, find out in CloudTrail who may invoke " +
			"Warder's functions. To let Warder make changes again: make resume")
	}
	r.word(&entry, i18n.T("Warder is halted"),
		i18n.T("%s halted Warder: %s. It changes nothing until somebody resumes it, "+
			"and still notifies.", who.Describe(), h.Reason), advice)
	if _, err := r.Notify(ctx, entry); err != nil {
		return HaltAnswer{}, fmt.Errorf("halted, and nobody could be notified of it: %w", err)
	}
	return HaltAnswer{true, r.render(HaltReason(h))}, nil
}

// Resume lets changes be made again, whatever halted Warder. Whoever asks has to prove who they are. The notice comes
// first: who tries again finds Warder halted still.
func (r Switch) Resume(ctx context.Context, q HaltRequest) (HaltAnswer, error) {
	who := caller.From(ctx, q.By)
	if who.ARN == "" {
		return HaltAnswer{Halted: true}, errors.New("not resumed: nothing proves who asks; use warder resume, which signs")
	}
	now := r.Now()
	read, err := r.setHalt(ctx, func(read ledger.Halt) (*ledger.Halt, error) {
		if !read.Halted {
			return nil, nil
		}
		reason := r.render(i18n.Literal(q.Reason))
		entry := ledger.Entry{
			ID: digest(r.Control.ID, ledger.Resumed, now.UnixNano(), who, reason), Control: r.Control.ID, At: now,
			By: who, Reason: reason, Guard: ledger.Resumed, Severity: string(control.High), Notify: notice.Alert,
		}
		text := i18n.T("%s let Warder make changes again. Until now: %s", who.Describe(), HaltReason(read))
		if !invisible(reason) {
			text = i18n.T("%s let Warder make changes again: %s. Until now: %s", who.Describe(), reason, HaltReason(read))
		}
		r.word(&entry, i18n.T("Warder is resumed"), text, i18n.T("If that is wrong: make halt REASON=\"why\"."))
		if _, err := r.Notify(ctx, entry); err != nil {
			return nil, err
		}
		return &ledger.Halt{Since: now, By: who, Reason: reason}, nil
	})
	switch {
	case err != nil:
		return HaltAnswer{Halted: true}, err
	case !read.Halted:
		return HaltAnswer{Text: r.render(i18n.T("Warder is not halted"))}, nil
	}
	return HaltAnswer{Text: r.render(i18n.T("Warder is not halted since %s. The next sweeps do what is pending",
		i18n.Moment(now)))}, nil
}

// setHalt sets the switch to what it is to be after what it was, which it returns; nil leaves it. It tries again when
// somebody else sets it at the same time.
func (r Switch) setHalt(
	ctx context.Context, next func(ledger.Halt) (*ledger.Halt, error),
) (read ledger.Halt, err error) {
	for try := 0; ; try++ {
		if read, err = r.Ledger.Halt(ctx); err != nil {
			return read, err
		}
		h, err := next(read)
		if err != nil || h == nil {
			return read, err
		}
		if err = r.Ledger.SetHalt(ctx, read, *h); !errors.Is(err, ledger.ErrConflict) || try == 4 {
			return read, err
		}
	}
}

// notifyUnproven alerts about a halt that the run met and of which nothing proves who made it: once a week as long as
// it lasts.
func (r *reader) notifyUnproven(ctx context.Context) error {
	if r.switches.halt == nil || r.switches.halt.Unproven == "" {
		return nil
	}
	h := *r.switches.halt
	key := OnceKey("halt", h.Unproven, h.Claim, h.Since)
	first, err := r.Ledger.Once(ctx, key, r.record.Key, r.now, r.now.Add(Weekly))
	if err != nil || !first {
		return err
	}
	entry := ledger.Entry{
		ID: digest(key, r.now.UnixNano()), Control: r.Control.ID, Run: r.record.Key, At: r.now,
		Guard: ledger.Halted, Severity: string(control.Critical), Notify: notice.Alert,
	}
	r.word(&entry, i18n.T("Warder is halted"), i18n.T("%s. It changes nothing until somebody resumes it, and still "+
		"notifies.", HaltReason(h)),
		i18n.T("Nothing proves who this was. If nobody of yours did it, find out who wrote to the table %s. To let Warder "+
			"make changes again: make resume", r.Settings.Table))
	_, err = r.Notify(ctx, entry)
	return err
}
