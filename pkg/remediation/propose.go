package remediation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
)

// ApplyRequest says which proposal to apply.
type ApplyRequest struct {
	Action string `json:"action"` // the id of the finding, or of one of its changes
	By     string `json:"by,omitempty"`
	Reason string `json:"reason"`
}

// Proposals applies what a [Runner] proposed.
type Proposals struct{ *Runner }

// ProposalOf is what tells the changes of a proposal from others: whom and what they are about, and both documents.
func ProposalOf(changes []change.Change) string {
	var parts []any
	for _, c := range changes {
		parts = append(parts, []string{c.Kind, c.Target, c.Before, c.After})
	}
	return digest(parts...)
}

// Apply applies a proposal for somebody who is proven. The planner looks again first: what it would not propose now, to
// the letter, is refused. All guards are asked, as for what an event names. An error means that nothing was applied, or
// that the same request again finishes it.
func (p Proposals) Apply(ctx context.Context, by Invocation, q ApplyRequest) (Report, error) {
	who := caller.From(ctx, q.By)
	switch {
	case who.ARN == "":
		return Report{}, errors.New("apply request refused: it does not prove who asks; use warder apply")
	case q.Action == "" || invisible(q.Reason):
		const form = `{"apply":{"action":"ID","by":"…","reason":"…"}}`
		return Report{}, errors.New("apply request not understood: understood is " + form)
	}
	id, _, _ := strings.Cut(q.Action, "-")
	entry, found, err := p.Ledger.Entry(ctx, id)
	switch {
	case err != nil:
		return Report{}, err
	case !found || entry.Control != p.Control.ID || Urgency(entry.Urgency) != Proposal || !anyStep(&entry, ledger.Skipped):
		return Report{}, i18n.Fault{Text: i18n.T("%s has proposed nothing of the id %q", p.Control.ID, q.Action)}
	}
	subject := entry.Subject
	if entry.User { // whoever has its name now may be another
		contact, err := p.Owners.ByID(ctx, entry.UserID, entry.Subject)
		if err != nil {
			return Report{}, fmt.Errorf("look up user %q: %w", entry.Subject, err)
		}
		if subject = contact.Name; subject == "" {
			return Report{}, i18n.Fault{Text: i18n.T("the user %s of the event no longer exists", entry.Subject)}
		}
	}
	e := event.Event{
		ID: "apply-" + id, DetailType: "Proposal applied", Source: "warder.apply", Account: p.Account, Region: p.Region,
		Time: p.Now(), Detail: &event.Applied{
			Subject: subject, Proposal: ProposalOf(changesOf(&entry)),
			By: p.render(i18n.T("%s: %s", who.Describe(), q.Reason)),
		},
	}
	report, err := p.runEvent(ctx, by, nil, e, nil)
	if err == nil && report.Outcome == Nothing {
		err = i18n.Fault{Text: i18n.T("refused: the policy, or what is used of it, has changed since; the next sweep " +
			"proposes anew")}
	}
	return report, err
}

// applyCommand is the command that applies a proposal.
func applyCommand(id string) i18n.Message { return i18n.T(`make apply ID=%s REASON="why"`, id) }
