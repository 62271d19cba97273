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

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// UndoControl is the control that entries of undone changes are recorded under.
const UndoControl = "undo"

// UndoRequest says what to put back: one action, or what was done to a user since a time, or what
// one event led to.
type UndoRequest struct {
	// Action is the id of a change, or of a finding with all its changes.
	Action string `json:"action,omitempty"`
	// User is the name of an IAM user; all that was done to it since Since (RFC 3339) is put back.
	User  string `json:"user,omitempty"`
	Since string `json:"since,omitempty"`
	// Run is the key of an event, as notices give it; all that controls did because of it is put back.
	Run string `json:"run,omitempty"`
	// By says who asks for it, Reason why. Both are recorded and told to the owner.
	By     string `json:"by"`
	Reason string `json:"reason"`
	// Chat is the Action of somebody who presses a button in a chat, in place of all of the above: the
	// command of a button has room for one name. The chat knows whose button it was.
	Chat string `json:"chat,omitempty"`
}

// pressed is the request with what a button in a chat leaves out.
func (q UndoRequest) pressed() UndoRequest {
	if q.Chat != "" && q == (UndoRequest{Chat: q.Chat}) {
		return UndoRequest{Action: q.Chat, By: "chat", Reason: "a button in chat"}
	}
	return q
}

// undoForms are the requests that are understood.
const undoForms = `{"action":"ID","by":"…","reason":"…"}, {"user":"NAME","since":"RFC 3339","by":"…","reason":"…"}, {"run":"EVENT","by":"…","reason":"…"} or {"chat":"ID"}`

// check returns the time since when, and an error that says what is understood.
func (q UndoRequest) check() (time.Time, error) {
	var since time.Time
	asked := 0
	for _, what := range []string{q.Action, q.User, q.Run} {
		if what != "" {
			asked++
		}
	}
	var fault string
	switch {
	case q.Chat != "":
		fault = "chat stands alone"
	case asked != 1:
		fault = "it names none or more than one of action, user and run"
	case blank(q.By) || blank(q.Reason):
		fault = "it does not say by whom and for which reason"
	case (q.User == "") != (q.Since == ""):
		fault = "user and since belong together"
	case q.Since != "":
		var err error
		if since, err = time.Parse(time.RFC3339, q.Since); err != nil {
			fault = fmt.Sprintf("since %q is not a time such as 2026-11-21T03:00:00Z", q.Since)
		}
	}
	if fault != "" {
		return since, fmt.Errorf("undo request not understood: %s; understood are %s", fault, undoForms)
	}
	return since, nil
}

// blank reports whether there is nothing to be seen of a text.
func blank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != unicode.ReplacementChar })
}

// UndoAnswer says what was put back and what was not.
type UndoAnswer struct {
	Undone  []Undone  `json:"undone"`
	Refused []Refused `json:"refused"`
}

// Undone is a change that was put back.
type Undone struct {
	// Action is the id of the change, Undo the id of the change that put it back: it can be undone, too.
	Action string `json:"action"`
	Undo   string `json:"undo"`
	change.Change
	// Text words what was done.
	Text string `json:"text"`
}

// Refused is a change that was not put back.
type Refused struct {
	Action string `json:"action"`
	Why    string `json:"why"`
}

// Undoer puts back what a [Runner] did.
type Undoer struct {
	// Runner has the registry, the ledger, the topic and the clock. Its planner and guards are not
	// used: a person has decided.
	*Runner
}

// Undo puts back what the request names, newest first, and tells the owners. What cannot be put back
// is refused with the reason and left as it is. An error means that it is not known how far it came:
// the same request again finishes it.
func (u *Undoer) Undo(ctx context.Context, q UndoRequest) (UndoAnswer, error) {
	answer := UndoAnswer{Undone: []Undone{}, Refused: []Refused{}}
	q = q.pressed()
	since, err := q.check()
	if err != nil {
		return answer, err
	}
	found, only, err := u.find(ctx, q, since)
	if err != nil {
		return answer, err
	}
	if len(found) == 0 {
		answer.Refused = append(answer.Refused, Refused{
			Action: cmp.Or(q.Action, q.User, q.Run), Why: nothing(q),
		})
	}
	slices.SortStableFunc(found, func(a, b ledger.Entry) int { return b.At.Compare(a.At) })
	var faults []error
	for i := range found {
		faults = append(faults, u.entry(ctx, &found[i], only, q, &answer))
	}
	return answer, errors.Join(faults...)
}

// nothing says that the ledger has nothing that the request could mean.
func nothing(q UndoRequest) string {
	if q.Action == "" {
		return "nothing that was changed then is in force; ask explain"
	}
	return "the ledger has no change of that name; ask explain for the id"
}

// find returns the entries that the request means, and the id of the one step it means, if it does.
func (u *Undoer) find(ctx context.Context, q UndoRequest, since time.Time) (found []ledger.Entry, only string, err error) {
	switch {
	case q.Action != "":
		id, _, single := strings.Cut(q.Action, "-")
		if single {
			only = q.Action
		}
		entry, ok, err := u.Ledger.Entry(ctx, id)
		if err != nil || !ok {
			return nil, "", err
		}
		return []ledger.Entry{entry}, only, nil
	case q.User != "":
		found, _, err = u.Ledger.About(ctx, q.User, since)
	default:
		found, _, err = u.Ledger.All(ctx)
		found = slices.DeleteFunc(found, func(e ledger.Entry) bool { return e.Run != q.Run })
	}
	// What was undone, and what undid it, is not meant when everything is.
	found = slices.DeleteFunc(found, func(e ledger.Entry) bool {
		return e.Control == UndoControl || !slices.ContainsFunc(e.Steps, func(s ledger.Step) bool {
			return s.Status.Made() || s.Status == ledger.Undone && u.same(ctx, s.Undo, q)
		})
	})
	return found, "", err
}

// entry puts back the steps of one entry, the last one first, or none of them.
func (u *Undoer) entry(ctx context.Context, entry *ledger.Entry, only string, q UndoRequest, answer *UndoAnswer) error {
	refuse := func(id, why string) {
		answer.Refused = append(answer.Refused, Refused{Action: id, Why: why})
	}
	var steps []*ledger.Step
	for i := range entry.Steps {
		step := &entry.Steps[i]
		switch {
		case only != "" && step.ID != only:
		case step.Status.Made(), step.Status == ledger.Undone && u.same(ctx, step.Undo, q):
			steps = append([]*ledger.Step{step}, steps...)
		case step.Status == ledger.Undone:
			refuse(step.ID, fmt.Sprintf("it was undone already, by %s", step.Undo))
		case only != "" || !anyMade(entry):
			refuse(step.ID, fmt.Sprintf("nothing was changed: it is %s", reasoned(*step)))
		}
	}
	if len(steps) == 0 {
		if len(entry.Steps) == 0 {
			refuse(entry.ID, "it changed nothing: it is a notice")
		} else if only != "" && !slices.ContainsFunc(entry.Steps, func(s ledger.Step) bool { return s.ID == only }) {
			refuse(only, "the ledger has no change of that name; ask explain for the id")
		}
		return nil
	}
	inverse, again, err := u.inverse(ctx, entry, steps, q)
	if err != nil {
		return err
	}
	if !again {
		why, err := u.impossible(ctx, inverse)
		if err != nil {
			return err
		}
		if why != "" {
			for _, step := range steps {
				refuse(step.ID, why)
			}
			return nil
		}
		if err := u.Ledger.Update(ctx, inverse); err != nil {
			return err
		}
	}
	for i, step := range steps {
		if err := u.step(ctx, entry, step, inverse, &inverse.Steps[i]); err != nil {
			return err
		}
	}
	if err := u.tell(ctx, inverse); err != nil {
		return err
	}
	for i, step := range steps {
		answer.Undone = append(answer.Undone, Undone{
			Action: step.ID, Undo: inverse.Steps[i].ID, Change: inverse.Steps[i].Change, Text: u.Kinds.Describe(inverse.Steps[i].Change, true).String(),
		})
	}
	return nil
}

func anyMade(entry *ledger.Entry) bool {
	return slices.ContainsFunc(entry.Steps, func(s ledger.Step) bool { return s.Status.Made() || s.Status == ledger.Undone })
}

func reasoned(s ledger.Step) string {
	if s.Reason == "" {
		return string(s.Status)
	}
	return string(s.Status) + ", " + s.Reason
}

// same reports whether the given undo is what the request asks for, made and in force: the same
// request gets the same answer, and an undo that was cut off is finished by it.
func (u *Undoer) same(ctx context.Context, undo string, q UndoRequest) bool {
	id, _, _ := strings.Cut(undo, "-")
	inverse, found, err := u.Ledger.Entry(ctx, id)
	return err == nil && found && inverse.By == q.By && inverse.Reason == q.Reason &&
		!slices.ContainsFunc(inverse.Steps, func(s ledger.Step) bool { return s.Status == ledger.Undone })
}

// inverse returns the entry of the undo; again is true when an earlier try has recorded it.
func (u *Undoer) inverse(ctx context.Context, entry *ledger.Entry, steps []*ledger.Step, q UndoRequest) (inverse *ledger.Entry, again bool, err error) {
	now := u.Now()
	ids := []any{UndoControl}
	for _, step := range steps {
		ids = append(ids, step.ID)
	}
	id := digest(ids...)
	recorded, found, err := u.Ledger.Entry(ctx, id)
	if err != nil || found {
		return &recorded, found, err
	}
	inverse = &ledger.Entry{
		ID: id, Control: UndoControl, Run: entry.Run, Event: entry.Event, Subject: entry.Subject, User: entry.User, UserID: entry.UserID, Owner: entry.Owner, OwnerSlack: entry.OwnerSlack, At: now,
		// What is put back is told where the change was told.
		Thread: cmp.Or(entry.Thread, entry.Case, entry.ID),
		Title:  entry.Title, Heading: entry.Heading, Severity: string(control.Medium), By: q.By, Reason: q.Reason, Actor: q.By,
		Text: u.say(i18n.T("%s asked to put back what %s did to %s on %s: %s", q.By, entry.Control, entry.Subject, i18n.Minute(entry.At), q.Reason)),
	}
	if u.widens(steps[0].Inverse()) {
		inverse.Advice = u.say(i18n.T("Warder leaves it alone until %s and then starts again with a notice. Put it right before, or ask for an exemption.",
			i18n.Day(u.holdUntil(now))))
	}
	for i, step := range steps {
		inverse.Steps = append(inverse.Steps, ledger.Step{Change: step.Inverse(), ID: fmt.Sprintf("%s-%d", id, i+1), Status: ledger.Planned, At: now})
	}
	return inverse, false, nil
}

// widens reports whether c gives access back, so that Warder would want to take it away again.
func (u *Undoer) widens(c change.Change) bool {
	kind, err := u.Kinds.Kind(c)
	return err != nil || kind.Widens(c, nil)
}

func (u *Undoer) holdUntil(now time.Time) time.Time {
	return now.UTC().AddDate(0, 0, u.Settings.HoldDays)
}

// impossible says why the present state does not allow the undo, the empty string when it does.
func (u *Undoer) impossible(ctx context.Context, inverse *ledger.Entry) (string, error) {
	if inverse.User {
		contact, err := u.Owners.Owner(ctx, inverse.Subject)
		if err != nil {
			return "", err
		}
		switch contact.ID {
		case "":
			return fmt.Sprintf("the world has moved on: the user %s does not exist any more", inverse.Subject), nil
		case inverse.UserID:
		default:
			if inverse.UserID != "" {
				return fmt.Sprintf("the world has moved on: another user has the name %s now", inverse.Subject), nil
			}
		}
	}
	for _, step := range inverse.Steps {
		kind, err := u.Kinds.Kind(step.Change)
		if err != nil {
			return "", err
		}
		if why := kind.Final(); !why.Empty() {
			return "it cannot be undone: " + why.String(), nil
		}
		present, err := kind.Read(ctx, step.Change)
		if err != nil && !change.NotFound(err) {
			return "", err
		}
		thing := fmt.Sprintf("the %s %s of %s", step.Kind, change.Hint(step.Change), step.Subject)
		switch present {
		case step.Before:
		case step.After:
			return thing + " was put back by somebody else already", nil
		default:
			return "the world has moved on: " + thing + " is not as it was left", nil
		}
		if kind, ok := kind.(change.Conditional); ok {
			if why, err := kind.Refuses(ctx, step.Change); err != nil || !why.Empty() {
				return why.String(), err
			}
		}
	}
	return "", nil
}

// step puts one step back, reads it back, and records both sides of it. What an earlier try has put back
// already is put back once more, which changes nothing: that it looks so proves nothing.
func (u *Undoer) step(ctx context.Context, entry *ledger.Entry, step *ledger.Step, inverse *ledger.Entry, back *ledger.Step) error {
	// The hold comes first: no sweep may come in between. What takes access away again, the undo of
	// an undo, lifts it.
	hold := ledger.Hold{Until: u.holdUntil(inverse.At), By: inverse.By, Reason: inverse.Reason, Action: step.ID}
	if !u.widens(back.Change) {
		hold.Until = inverse.At
	}
	if err := u.Ledger.SetHold(ctx, back.Change, hold); err != nil {
		return err
	}
	if back.Status != ledger.Verified {
		kind, err := u.Kinds.Kind(back.Change)
		if err != nil {
			return err
		}
		if err := set(ctx, kind, back.Change); err != nil {
			return err
		}
		if err := verify(ctx, u.Sleep, kind, back.Change); err != nil {
			return err
		}
		back.Status, back.At = ledger.Verified, u.Now()
		if err := u.Ledger.Update(ctx, inverse); err != nil {
			return err
		}
	}
	step.Status, step.Undo = ledger.Undone, back.ID
	u.Log.InfoContext(ctx, "change", append(changeAttrs(*back), "undoes", step.ID, "by", inverse.By, "why", inverse.Reason)...)
	return u.Ledger.Update(ctx, entry)
}

// tell tells the owner what was put back, once.
func (u *Undoer) tell(ctx context.Context, inverse *ledger.Entry) error {
	if inverse.Notice(notice.Undone) != nil {
		return nil
	}
	id, err := u.Topic.Publish(ctx, u.message(inverse, notice.Undone, u.Account, u.Region))
	if err != nil {
		return err
	}
	inverse.Notifications = append(inverse.Notifications, ledger.Notification{Kind: notice.Undone, Owner: inverse.Owner, Message: id, At: u.Now()})
	return u.Ledger.Update(ctx, inverse)
}
