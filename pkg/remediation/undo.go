package remediation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// UndoControl is the control that entries of undone changes are recorded under.
const UndoControl = "undo"

// UndoRequest says what to revert: one action, or what was done to a user since a time, or what one event led to.
type UndoRequest struct {
	Action string `json:"action,omitempty"` // the id of a change, or of a finding with all its changes
	User   string `json:"user,omitempty"`   // the name of an IAM user, or its unique id
	Since  string `json:"since,omitempty"`  // with User, RFC 3339
	Run    string `json:"run,omitempty"`    // the key of an event, as notices give it
	// By is who asks for it, as whoever asks says. It is recorded and in the notice, as are the proven caller, if there is
	// one, and the reason.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason"`
	// Chat is the Action of somebody who presses a button in a chat, in place of all of the above: the
	// command of a button has room for one name. The chat knows whose button it was.
	Chat string `json:"chat,omitempty"`
	// Preview asks what would be reverted and what would be refused; nothing is changed or recorded.
	Preview bool `json:"preview,omitempty"`

	Caller caller.Identity `json:"-"` // who asks: Undo finds out
}

const undoForms = `{"action":"ID","by":"…","reason":"…"}, {"user":"NAME","since":"RFC 3339","by":"…","reason":"…"}, ` +
	`{"run":"EVENT","by":"…","reason":"…"} or {"chat":"ID"}`

// check returns the time since when, and an error that says what is understood.
func (q UndoRequest) check() (since time.Time, err error) {
	named := slices.DeleteFunc([]string{q.Action, q.User, q.Run}, func(name string) bool { return name == "" })
	var fault string
	switch {
	case q.Chat != "":
		fault = "chat stands alone"
	case len(named) != 1:
		fault = "it names none or more than one of action, user and run"
	case q.Caller.IsZero() || invisible(q.Reason):
		fault = "it does not say by whom and for which reason"
	case (q.User == "") != (q.Since == ""):
		fault = "user and since belong together"
	case q.Since != "":
		if since, err = time.Parse(time.RFC3339, q.Since); err != nil {
			fault = fmt.Sprintf("since %q is not a time such as 2026-11-21T03:00:00Z", q.Since)
		}
	}
	if fault != "" {
		return since, fmt.Errorf("undo request not understood: %s; understood are %s", fault, undoForms)
	}
	return since, nil
}

// invisible reports whether nobody could see the text.
func invisible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != unicode.ReplacementChar
	})
}

// UndoAnswer says what was reverted and what was not.
type UndoAnswer struct {
	Undone  []Undone  `json:"undone"`
	Refused []Refused `json:"refused"`
}

// Undone is a change that was reverted.
type Undone struct {
	Action string `json:"action"` // the id of the change
	Undo   string `json:"undo"`   // the id of the change that reverted it, which can be undone, too
	change.Change
	Text string `json:"text"` // what was done
}

// Refused is a change that was not reverted.
type Refused struct {
	Action string `json:"action"`
	Why    string `json:"why"`
}

var unknownChange = i18n.T("the ledger has no change of that name; ask explain for the id")

// stepStatuses are how far a step came that changed nothing.
var stepStatuses = map[ledger.Status]i18n.Message{
	ledger.Planned: i18n.T("planned"), ledger.Failed: i18n.T("failed"), ledger.Observed: i18n.T("observed"),
	ledger.Pending: i18n.T("pending"), ledger.Held: i18n.T("held"), ledger.Skipped: i18n.T("skipped"),
}

// Undoer reverts what a [Runner] did. It asks no guards: a person has decided.
type Undoer struct{ *Runner }

// Undo reverts what the request names, newest first, and notifies the owners. What cannot be reverted is refused with
// the reason, and the rest is reverted. An error means that it is not known how far it came: the same request again
// finishes it, after it has checked everything again. It says what came of the rest.
func (u *Undoer) Undo(ctx context.Context, q UndoRequest) (UndoAnswer, error) {
	answer := UndoAnswer{Undone: []Undone{}, Refused: []Refused{}}
	if q.Chat != "" && q == (UndoRequest{Chat: q.Chat}) {
		q = UndoRequest{Action: q.Chat, By: "Amazon Q in chat", Reason: "a button in chat"}
	}
	q.Caller = caller.From(ctx, q.By)
	since, err := q.check()
	if err != nil {
		return answer, err
	}
	found, err := u.find(ctx, q, since)
	if err != nil {
		return answer, err
	}
	if len(found) == 0 {
		why := unknownChange
		if q.Action == "" {
			why = i18n.T("nothing that was changed then is in force; ask explain")
		}
		answer.Refused = append(answer.Refused, Refused{cmp.Or(q.Action, q.User, q.Run), u.render(why)})
	}
	slices.SortStableFunc(found, func(a, b ledger.Entry) int { return b.At.Compare(a.At) })
	var faults []error
	for i := range found {
		faults = append(faults, u.revert(ctx, &found[i], q, &answer))
	}
	if !q.Preview {
		faults = append(faults, u.notifyForged(ctx))
	}
	if err := errors.Join(faults...); err != nil {
		return answer, &unfinished{err, answer}
	}
	return answer, nil
}

// unfinished is the error of an undo that is not finished.
type unfinished struct {
	error
	answer UndoAnswer
}

func (u *unfinished) Unwrap() error { return u.error }

// Error has what was answered as well: whoever asks gets no answer beside an error.
func (u *unfinished) Error() string {
	text := "not finished: " + strings.ReplaceAll(u.error.Error(), "\n", "; ") + "; the same request again goes on with it"
	for _, done := range u.answer.Undone {
		text += "; undone: " + done.Action + ": " + done.Text
	}
	for _, refused := range u.answer.Refused {
		text += "; refused: " + refused.Action + ": " + refused.Why
	}
	return text
}

// find returns the entries that the request means.
func (u *Undoer) find(ctx context.Context, q UndoRequest, since time.Time) (found []ledger.Entry, err error) {
	switch {
	case q.Action != "":
		id, _, _ := strings.Cut(q.Action, "-")
		entry, ok, err := u.Ledger.Entry(ctx, id)
		if err != nil || !ok {
			return nil, err
		}
		return []ledger.Entry{entry}, nil
	case q.User != "":
		found, err = u.aboutUser(ctx, q.User, since)
	default:
		found, _, err = u.Ledger.All(ctx)
		found = slices.DeleteFunc(found, func(e ledger.Entry) bool { return e.Run != q.Run })
	}
	// "Everything" does not mean what was undone before, nor what undid it.
	return slices.DeleteFunc(found, func(e ledger.Entry) bool {
		return e.Control == UndoControl || !slices.ContainsFunc(e.Steps, func(s ledger.Step) bool {
			return u.reverts(ctx, s, q)
		})
	}), err
}

// aboutUser returns the entries of a user, named by its unique id or by a name that it has, or had when nobody has it
// now; and those under the name that have no unique id, as of a role.
func (u *Undoer) aboutUser(ctx context.Context, user string, since time.Time) ([]ledger.Entry, error) {
	id := user
	if !iamuser.IsUniqueID(user) {
		contact, err := u.Owners.Owner(ctx, user)
		if err != nil {
			return nil, err
		}
		if id = contact.ID; id == "" {
			former, err := u.Ledger.Named(ctx, user)
			switch {
			case err != nil:
				return nil, err
			case len(former) > 1:
				return nil, fmt.Errorf("undo request not understood: several users had the name %q: name one of them by its "+
					"unique id: %s", user, strings.Join(former, ", "))
			case len(former) == 1:
				id = former[0]
			}
		}
	}
	found, _, err := u.Ledger.About(ctx, user, since)
	if err != nil || id == "" || id == user {
		return found, err
	}
	byID, _, err := u.Ledger.About(ctx, id, since)
	return append(found, byID...), err
}

// reverts reports whether the request reverts the step: it is in force, or was undone by the same request,
// whose undo is in force. The same request again gets the same answer, and finishes an undo that was cut off.
func (u *Undoer) reverts(ctx context.Context, s ledger.Step, q UndoRequest) bool {
	if s.Status != ledger.Undone {
		return s.Status.Made()
	}
	id, _, _ := strings.Cut(s.Undo, "-")
	inverse, found, err := u.Ledger.Entry(ctx, id)
	return err == nil && found && inverse.By == q.Caller && inverse.Reason == q.Reason && !anyStep(&inverse, ledger.Undone)
}

// revert reverts the steps of one entry that the request means, the last one first, or none of them.
func (u *Undoer) revert(ctx context.Context, entry *ledger.Entry, q UndoRequest, answer *UndoAnswer) error {
	refuse := func(id, why string) { answer.Refused = append(answer.Refused, Refused{id, why}) }
	steps, err := u.apart(ctx, entry, u.choose(ctx, entry, q, refuse), refuse)
	if err != nil || len(steps) == 0 {
		return err
	}
	inverse, recorded, err := u.inverse(ctx, entry, steps, q)
	if err != nil {
		return err
	}
	why, err := u.refuses(ctx, inverse, recorded)
	if err == nil && why == "" {
		why, err = u.touched(ctx, steps)
	}
	switch {
	case err != nil:
		return err
	case why != "" && recorded && !q.Preview:
		err = u.giveUp(ctx, inverse, steps, why)
	case why == "" && !recorded && !q.Preview:
		err = u.Ledger.Update(ctx, inverse)
	}
	done := 0
	for err == nil && why == "" && done < len(steps) {
		if !q.Preview {
			why, err = u.revertStep(ctx, entry, steps[done], inverse, &inverse.Steps[done])
		}
		if err == nil && why == "" {
			done++
		}
	}
	if err != nil {
		return err
	}
	if done > 0 && !q.Preview {
		if _, err := u.notifyOnce(ctx, inverse, notice.Undone); err != nil {
			return err
		}
	}
	for i, step := range steps {
		if i >= done {
			refuse(step.ID, why)
			continue
		}
		back := inverse.Steps[i]
		undone := Undone{step.ID, back.ID, back.Change, u.render(u.Kinds.Describe(back.Change, !q.Preview))}
		if q.Preview {
			undone.Undo = ""
		}
		answer.Undone = append(answer.Undone, undone)
	}
	return nil
}

// choose returns the steps of the entry that the request reverts, the last one first, and refuses its others.
func (u *Undoer) choose(
	ctx context.Context, entry *ledger.Entry, q UndoRequest, refuse func(id, why string),
) (steps []*ledger.Step) {
	single := strings.Contains(q.Action, "-") // the request means one step
	none := !anyStep(entry, ledger.Applied, ledger.Verified, ledger.Undone)
	known := false
	for i := range entry.Steps {
		step := &entry.Steps[i]
		if single && step.ID != q.Action {
			continue
		}
		known = true
		switch {
		case u.reverts(ctx, *step, q):
			steps = append(steps, step)
		case step.Status == ledger.Undone:
			refuse(step.ID, u.render(i18n.T("it was undone already, by %s", step.Undo)))
		case single || none:
			why := i18n.T("nothing was changed: it is %s", stepStatuses[step.Status])
			refuse(step.ID, u.render(i18n.Join(", ", why, i18n.Literal(step.Reason))))
		}
	}
	switch {
	case len(entry.Steps) == 0:
		refuse(entry.ID, u.render(i18n.T("it changed nothing: it is a notice")))
	case !known:
		refuse(q.Action, u.render(unknownChange))
	}
	slices.Reverse(steps)
	return steps
}

// apart leaves out those of the steps that would give more than before without a later one of the entry, and refuses
// them: what a managed policy denied is denied by an inline policy in its place, while it is not attached.
func (u *Undoer) apart(
	ctx context.Context, entry *ledger.Entry, steps []*ledger.Step, refuse func(id, why string),
) (kept []*ledger.Step, err error) {
	for _, step := range steps {
		alone, behind := "", false
		for i := range entry.Steps {
			later := &entry.Steps[i]
			if behind = behind || later == step; !behind || !pair(step, later) || slices.Contains(steps, later) {
				continue
			}
			kind, err := u.kind(later.Change)
			if err != nil {
				return nil, err
			}
			if present, err := kind.Read(ctx, later.Change); err != nil {
				return nil, err
			} else if present != later.Before {
				alone = later.ID
			}
		}
		if alone == "" {
			kept = append(kept, step)
			continue
		}
		refuse(step.ID, u.render(i18n.T("it goes with %s, and alone it would allow more than before: revert that first, or "+
			"both with %s", alone, entry.ID)))
	}
	return kept, nil
}

// pair reports whether two steps may be a deny that is kept and the policy that it is kept of.
func pair(a, b *ledger.Step) bool {
	return a.Kind == change.InlineUserPolicy && b.Kind == change.ManagedUserPolicy ||
		a.Kind == change.ManagedUserPolicy && b.Kind == change.InlineUserPolicy
}

// inverse returns the entry of the undo; recorded is true when an earlier try has recorded it.
func (u *Undoer) inverse(ctx context.Context, entry *ledger.Entry, steps []*ledger.Step, q UndoRequest) (
	inverse *ledger.Entry, recorded bool, err error,
) {
	ids := []any{UndoControl}
	for _, step := range steps {
		ids = append(ids, step.ID)
	}
	id, now := digest(ids...), u.Now()
	earlier, found, err := u.Ledger.Entry(ctx, id)
	if err != nil || found {
		return &earlier, found, err
	}
	inverse = &ledger.Entry{
		ID: id, Control: UndoControl, Run: entry.Run, Event: entry.Event, At: now, Subject: entry.Subject,
		User: entry.User, UserID: entry.UserID, Owner: entry.Owner, OwnerSlack: entry.OwnerSlack,
		Thread: cmp.Or(entry.Thread, entry.Case, entry.ID), // the notice joins that of the change
		Title:  entry.Title, Heading: entry.Heading, Severity: string(control.Medium),
		By: q.Caller, Reason: q.Reason, Actor: u.render(q.Caller.Describe()),
		Text: u.render(i18n.T("%s asked to revert what %s changed on %s on %s: %s",
			q.Caller.Describe(), entry.Control, entry.Subject, i18n.Minute(entry.At), q.Reason)),
	}
	if u.widens(steps[0].Inverse()) {
		inverse.Advice = u.render(i18n.T("Warder does not change it again until %s; after that it starts with a new "+
			"notice. Fix it before then, or ask for an exemption.", i18n.Day(now.UTC().AddDate(0, 0, u.Settings.HoldDays))))
	}
	for i, step := range steps {
		back := ledger.Step{Change: step.Inverse(), ID: stepID(id, i), Status: ledger.Planned, At: now}
		inverse.Steps = append(inverse.Steps, back)
	}
	return inverse, false, nil
}

// widens reports whether c gives access back, so that Warder would want to take it away again.
func (u *Undoer) widens(c change.Change) bool {
	kind, err := u.Kinds.Kind(c)
	return err != nil || kind.Widens(c, nil)
}

// refuses says why the present state does not allow the undo, the empty string when it does. One that an earlier try
// has begun is checked again, but for what that try has verified: anything may have changed since.
func (u *Undoer) refuses(ctx context.Context, inverse *ledger.Entry, begun bool) (string, error) {
	changed := func(how i18n.Message) string { return u.render(i18n.T("the resource has changed since: %s", how)) }
	if !slices.ContainsFunc(inverse.Steps, func(s ledger.Step) bool { return s.Status != ledger.Verified }) {
		return "", nil
	}
	if inverse.User {
		contact, err := u.Owners.ByID(ctx, inverse.UserID, inverse.Subject)
		if err == nil && contact.ID == "" && inverse.UserID != "" {
			contact, err = u.Owners.Owner(ctx, inverse.Subject)
		}
		switch {
		case err != nil:
			return "", err
		case contact.ID == "":
			return changed(i18n.T("the user %s does not exist any more", inverse.Subject)), nil
		case inverse.UserID == "":
			return u.render(i18n.T("it is not recorded which user %s was", inverse.Subject)), nil
		case inverse.UserID != contact.ID:
			return changed(i18n.T("another user has the name %s now", inverse.Subject)), nil
		}
		rename(u.Runner, inverse, contact.Name)
	}
	for _, step := range inverse.Steps {
		if step.Status == ledger.Verified {
			continue
		}
		kind, err := u.kind(step.Change)
		if err != nil {
			return "", err
		}
		if why := kind.Final(); !why.Empty() {
			return u.render(i18n.T("it cannot be undone: %s", why)), nil
		}
		present, err := kind.Read(ctx, step.Change)
		if err != nil && !change.NotFound(err) {
			return "", err
		}
		what := i18n.T("the %s %s of %s", step.Kind, change.Hint(step.Change), step.Subject)
		switch {
		case present == step.Before:
		case begun && (present == step.After || present == change.Withdrawn || change.Between(kind, step.Change, present)):
			// by the earlier try, which was cut off
		case present == step.After:
			return u.render(i18n.T("%s was put back by somebody else already", what)), nil
		default:
			return changed(i18n.T("%s is not as it was left", what)), nil
		}
		if why, err := notNow(ctx, kind, step.Change); err != nil || !why.Empty() {
			return u.render(why), err
		}
	}
	return "", nil
}

// touched says which credential people have switched or reset since it was made inactive, the empty string if none: a
// reset one has another secret, and looks as it was left.
func (u *Undoer) touched(ctx context.Context, steps []*ledger.Step) (string, error) {
	for _, step := range steps {
		if !change.IsCredential(step.Kind) || step.Status == ledger.Undone {
			continue
		}
		touched, err := u.Ledger.CredentialTouched(ctx, step.Target, u.Now())
		if err != nil {
			return "", err
		}
		if touched.At.After(step.At) {
			return u.render(
				i18n.T("the resource has changed since: somebody switched or reset the credential %s of %s on %s: if "+
					"it is still wanted, activate it by hand", change.Hint(step.Change), step.Subject, i18n.Minute(touched.At)),
			), nil
		}
	}
	return "", nil
}

// notNow says why the change must not be made now; empty when it may.
func notNow(ctx context.Context, kind change.Kind, c change.Change) (i18n.Message, error) {
	conditional, ok := kind.(change.Conditional)
	if !ok {
		return i18n.Message{}, nil
	}
	return conditional.Refuses(ctx, c)
}

// revertStep reverts one step, verifies it, and records both sides of it, or says why it must not. What an earlier try
// has already reverted is set once more, which changes nothing: that it looks so proves nothing.
func (u *Undoer) revertStep(
	ctx context.Context, entry *ledger.Entry, step *ledger.Step, inverse *ledger.Entry, back *ledger.Step,
) (why string, err error) {
	// The hold comes first: no sweep may come in between. What takes access away again, the undo of an undo, lifts it.
	hold := ledger.Hold{
		Since: inverse.At, Until: inverse.At.UTC().AddDate(0, 0, u.Settings.HoldDays),
		By: inverse.By, Reason: inverse.Reason, Action: step.ID,
		Content: back.Content,
	}
	if !u.widens(back.Change) {
		hold.Until = inverse.At
	}
	if err := u.Ledger.SetHold(ctx, back.Change, hold); err != nil {
		return "", err
	}
	if back.Status != ledger.Verified {
		kind, err := u.kind(back.Change)
		if err != nil {
			return "", err
		}
		if err := set(ctx, kind, back.Change); err != nil {
			// Nobody knows whether the request comes again: until then there is nothing to hold.
			if present, unread := kind.Read(ctx, back.Change); unread == nil && present == back.Before {
				err = errors.Join(err, u.lift(ctx, step))
			}
			return "", err
		}
		if err := verify(ctx, u.Sleep, kind, back.Change); err != nil {
			return "", err
		}
		if why, err := u.takeBack(ctx, kind, *back); err != nil || why != "" {
			return why, errors.Join(err, u.giveUp(ctx, inverse, []*ledger.Step{step}, why))
		}
		back.Status, back.At = ledger.Verified, u.Now()
		if err := u.Ledger.Update(ctx, inverse); err != nil {
			return "", err
		}
	}
	step.Status, step.Undo = ledger.Undone, back.ID
	attrs := append(changeAttrs(*back), "undoes", step.ID, "by", inverse.By.String(), "why", inverse.Reason)
	u.Log.InfoContext(ctx, "change", attrs...)
	return "", u.Ledger.Update(ctx, entry)
}

// takeBack detaches a policy that was just attached if it says something else since that moment, and says so.
func (u *Undoer) takeBack(ctx context.Context, kind change.Kind, back ledger.Step) (why string, err error) {
	if back.Kind != change.ManagedUserPolicy || back.After == "" {
		return "", nil
	}
	refused, err := notNow(ctx, kind, back.Change)
	if err != nil || refused.Empty() {
		return "", err
	}
	why = u.render(refused)
	if err := set(ctx, kind, back.Inverse()); err != nil {
		return why, fmt.Errorf("detach again what was just attached, as %s: %w", why, err)
	}
	u.Log.WarnContext(ctx, "taken back", append(changeAttrs(back), "why", why)...)
	return why, nil
}

// giveUp records why the rest of an undo that was begun is not made, and ends the holds of the steps.
func (u *Undoer) giveUp(ctx context.Context, inverse *ledger.Entry, steps []*ledger.Step, why string) error {
	for i := range inverse.Steps {
		if back := &inverse.Steps[i]; back.Status != ledger.Verified {
			back.Status, back.Reason, back.At = ledger.Skipped, why, u.Now()
		}
	}
	faults := []error{u.Ledger.Update(ctx, inverse)}
	for _, step := range steps {
		faults = append(faults, u.lift(ctx, step))
	}
	return errors.Join(faults...)
}

// lift ends the hold of a step that is not put back.
func (u *Undoer) lift(ctx context.Context, step *ledger.Step) error {
	state, err := u.Ledger.Holds(ctx, "", "", []change.Change{step.Change})
	if err != nil {
		return err
	}
	h, _ := state.Held([]change.Change{step.Change}, u.Now())
	if !step.Status.Made() || h.Action != step.ID {
		return nil
	}
	h.Until = h.Since.Add(-day) // before any time that an event may bring
	return u.Ledger.SetHold(ctx, step.Change, h)
}
