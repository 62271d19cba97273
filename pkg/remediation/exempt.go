package remediation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/settings"
)

// ExemptRequest asks for an exemption of users from controls, confirms or revokes one, or lists them all.
type ExemptRequest struct {
	Users    []string `json:"users,omitempty"`    // names of IAM users, or their unique ids
	Controls []string `json:"controls,omitempty"` // ids of controls, or [exemption.All]
	Until    string   `json:"until,omitempty"`    // the last day, as 2026-12-31
	By       string   `json:"by,omitempty"`       // as of an [UndoRequest]
	Reason   string   `json:"reason,omitempty"`
	Approve  string   `json:"approve,omitempty"` // the id of what another person asked for
	Revoke   string   `json:"revoke,omitempty"`  // the id of an exemption, or of what somebody asked for
	List     bool     `json:"list,omitempty"`
}

const exemptForms = `{"exempt":{"users":["NAME"],"controls":["ID"],"until":"2026-12-31","reason":"…"}}, ` +
	`{"exempt":{"approve":"ID"}}, {"exempt":{"revoke":"ID","reason":"…"}} or {"exempt":{"list":true}}`

// ExemptAnswer says what came of a request.
type ExemptAnswer struct {
	Exemptions []AskedExemption `json:"exemptions"`
	Text       string           `json:"text"`
}

// AskedExemption is an exemption that somebody asked for.
type AskedExemption struct {
	ID       string      `json:"id"`
	Users    []string    `json:"users"` // names that they had then
	Controls []string    `json:"controls"`
	Until    string      `json:"until"`
	By       string      `json:"by"`
	Second   string      `json:"second,omitempty"`
	Reason   string      `json:"reason"`
	State    ExemptState `json:"state"`
}

// ExemptState is how far an exemption has come.
type ExemptState string

// The states of an exemption.
const (
	ExemptPending ExemptState = "pending" // waits for a second person
	ExemptInForce ExemptState = "in force"
	ExemptRevoked ExemptState = "revoked"
	ExemptOver    ExemptState = "over" // it ended, or nobody confirmed it in time
)

var stateWords = map[ExemptState]i18n.Message{
	ExemptPending: i18n.T("waiting for a second person"), ExemptInForce: i18n.T("in effect"),
	ExemptRevoked: i18n.T("revoked"), ExemptOver: i18n.T("over"),
}

const (
	maxExempted = 50 // users, or controls, of one request
	maxReason   = 300
)

// Exempter makes and ends the exemptions that people ask for. Who asks has to prove who they are.
type Exempter struct{ *Runner }

// Ask does what the request says. Whoever is told of an exemption is told before it begins, and after it ends early. An
// error means that it is not known how far it came: the same request again finishes it.
func (x Exempter) Ask(ctx context.Context, q ExemptRequest) (ExemptAnswer, error) {
	who := caller.From(ctx, q.By)
	asks := len(q.Users)+len(q.Controls) > 0 || q.Until != ""
	forms := slices.DeleteFunc([]bool{asks, q.Approve != "", q.Revoke != "", q.List}, func(b bool) bool { return !b })
	switch {
	case len(forms) != 1, asks && (len(q.Users) == 0 || len(q.Controls) == 0 || q.Until == ""):
		return ExemptAnswer{}, errors.New("exempt request not understood: understood are " + exemptForms)
	case q.List:
		return x.list(ctx)
	case !who.Personal():
		return ExemptAnswer{}, x.refused(i18n.T("nothing proves who asks; use warder exempt with the credentials of a " +
			"user, or of a role's session, which signs"))
	case q.Approve == "" && invisible(q.Reason):
		return ExemptAnswer{}, x.refused(i18n.T("it does not say for which reason"))
	case q.Approve != "":
		return x.approve(ctx, q.Approve, who)
	case q.Revoke != "":
		return x.revoke(ctx, q.Revoke, who, x.reason(q.Reason))
	}
	return x.request(ctx, q, who)
}

// refused is a request that is not granted.
func (x Exempter) refused(m i18n.Message) error {
	return errors.New(x.render(i18n.T("not exempted: %s", m)))
}

func (x Exempter) reason(text string) string {
	return notice.Truncate(x.render(i18n.Literal(strings.TrimSpace(text))), maxReason)
}

// request records what is asked for, and grants it unless that takes a second person.
func (x Exempter) request(ctx context.Context, q ExemptRequest, who caller.Identity) (ExemptAnswer, error) {
	now := x.Now()
	a := ledger.Asked{By: who, At: now, Reason: x.reason(q.Reason), Controls: distinct(q.Controls)}
	var err error
	if a.Until, err = x.lastDay(q.Until); err != nil {
		return ExemptAnswer{}, err
	}
	if len(q.Users) > maxExempted || len(a.Controls) > maxExempted {
		return ExemptAnswer{}, x.refused(i18n.T("at most %d users and controls at a time", maxExempted))
	}
	for _, id := range a.Controls {
		if id != exemption.All && !slices.Contains(x.Settings.Roles, settings.FunctionName(id)) {
			return ExemptAnswer{}, x.refused(i18n.T("there is no control %q", id))
		}
	}
	for _, name := range q.Users {
		contact, err := x.contact(ctx, name)
		if err != nil {
			return ExemptAnswer{}, err
		}
		if err := x.notOneself(ctx, who, contact); err != nil {
			return ExemptAnswer{}, err
		}
		user := ledger.AskedUser{Name: contact.Name, ID: contact.ID}
		if !slices.Contains(a.Users, user) {
			a.Users = append(a.Users, user)
		}
	}
	// The same again is the same, as long as it has not ended.
	for n := 0; ; n++ {
		a.ID = digest("exempt", who.ARN, a.Users, a.Controls, a.Until, a.Reason, n)
		known, found, err := x.Ledger.Asked(ctx, a.ID)
		if err != nil {
			return ExemptAnswer{}, err
		}
		if !found || known.Pending(now) || known.InForce(now) {
			break
		}
	}
	a, err = x.Ledger.ReviseAsked(ctx, a.ID, func(recorded *ledger.Asked, found bool) error {
		if !found {
			*recorded = a
		}
		return nil
	})
	if err != nil {
		return ExemptAnswer{}, err
	}
	if x.Settings.Asking.Persons > 1 && a.Granted.IsZero() {
		return x.wait(ctx, a)
	}
	return x.grant(ctx, a.ID, caller.Identity{})
}

func distinct(texts []string) []string {
	all := slices.Sorted(slices.Values(texts))
	return slices.Compact(all)
}

// lastDay reads the last day of an exemption, which is neither over nor too far away.
func (x Exempter) lastDay(text string) (time.Time, error) {
	until, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return until, x.refused(i18n.T("%q is not a day such as 2026-12-31", notice.Truncate(text, 30)))
	}
	today, days := x.Now().UTC().Truncate(day), min(x.Settings.Asking.ExemptDays, exemption.MaxDays)
	last := today.AddDate(0, 0, days)
	switch {
	case until.Before(today):
		return until, x.refused(i18n.T("%s is over", i18n.Date(until)))
	case until.After(last):
		return until, x.refused(i18n.T("at most %d days are allowed, until %s", days, i18n.Date(last)))
	}
	return until, nil
}

// contact is an IAM user that exists, by its name or its unique id.
func (x Exempter) contact(ctx context.Context, name string) (c owner.Contact, err error) {
	if iamuser.IsUniqueID(name) {
		c, err = x.Owners.ByID(ctx, name, "")
	} else {
		c, err = x.Owners.Owner(ctx, name)
	}
	if err == nil && c.ID == "" {
		err = x.refused(i18n.T("there is no IAM user %q", notice.Truncate(name, 64)))
	}
	return c, err
}

// notOneself refuses an exemption of the one who asks for it, or confirms it: of the user itself, of one that is named
// like the session, and of one with the same owner, but for the owner of all who have none.
func (x Exempter) notOneself(ctx context.Context, who caller.Identity, user owner.Contact) error {
	own := who.Named(user.Name)
	if !own && user.Address != "" && user.Address != x.Settings.Owners.Default {
		own = who.Named(user.Address)
		if name := who.User(); name != "" && !own {
			asking, err := x.Owners.Owner(ctx, name)
			if err != nil {
				return err
			}
			own = strings.EqualFold(asking.Address, user.Address)
		}
	}
	if own {
		return x.refused(i18n.T("nobody exempts themselves or what they own: somebody else has to ask for %s", user.Name))
	}
	return nil
}

// wait notifies of what waits for a second person.
func (x Exempter) wait(ctx context.Context, a ledger.Asked) (ExemptAnswer, error) {
	entry := x.about(a, "pending", control.Medium)
	command := fmt.Sprintf("warder exempt --approve %s", a.ID)
	last := i18n.Minute(a.At.Add(ledger.PendingTime))
	x.word(&entry, i18n.T("Exemption asked for"),
		i18n.T("%s asks to exempt %s from %s until %s: %s. Somebody else has to confirm it until %s.",
			a.By.Describe(), names(a), strings.Join(a.Controls, ", "), i18n.Date(a.Until), a.Reason, last),
		i18n.T("To confirm it, as somebody else: %s", command))
	if _, err := x.Notify(ctx, entry); err != nil {
		return ExemptAnswer{}, err
	}
	return x.answer(i18n.T("%s waits until %s for somebody else to confirm it: %s", a.ID, last, command), a), nil
}

func names(a ledger.Asked) string {
	var all []string
	for _, user := range a.Users {
		all = append(all, user.Name)
	}
	return strings.Join(all, ", ")
}

// about is an entry about an exemption.
func (x Exempter) about(a ledger.Asked, what string, severity control.Severity) ledger.Entry {
	return ledger.Entry{
		ID: digest("exempt", a.ID, what), Control: x.Control.ID, At: x.Now(), By: a.By, Reason: a.Reason,
		Guard: ledger.OnRequest, Severity: string(severity), Notify: notice.Alert, Thread: digest("exempt", a.ID),
	}
}

// approve grants what another person asked for.
func (x Exempter) approve(ctx context.Context, id string, who caller.Identity) (ExemptAnswer, error) {
	now := x.Now()
	a, found, err := x.Ledger.Asked(ctx, id)
	switch {
	case err != nil:
		return ExemptAnswer{}, err
	case !found:
		return ExemptAnswer{}, x.refused(i18n.T("nobody asked for %q", notice.Truncate(id, 30)))
	case a.InForce(now) && a.Second.ARN == who.ARN:
		return x.grant(ctx, id, who) // the rest of what was interrupted
	case !a.Pending(now):
		return ExemptAnswer{}, x.refused(i18n.T("%s does not wait for anybody: it is %s", id, stateWords[stateOf(a, now)]))
	case a.By.SamePerson(who):
		return ExemptAnswer{}, x.refused(i18n.T("who asked for it cannot confirm it: that takes a second person"))
	}
	if err := x.persons(ctx, a.By, who); err != nil {
		return ExemptAnswer{}, err
	}
	for _, user := range a.Users {
		contact, err := x.Owners.ByID(ctx, user.ID, user.Name)
		if err == nil {
			err = x.notOneself(ctx, who, contact)
		}
		if err != nil {
			return ExemptAnswer{}, err
		}
	}
	return x.grant(ctx, id, who)
}

// persons refuses two users of one person: of the same owner.
func (x Exempter) persons(ctx context.Context, one, other caller.Identity) error {
	var owners []string
	for _, who := range []caller.Identity{one, other} {
		if name := who.User(); name != "" {
			contact, err := x.Owners.Owner(ctx, name)
			if err != nil {
				return err
			}
			owners = append(owners, contact.Address)
		}
	}
	same := len(owners) == 2 && strings.EqualFold(owners[0], owners[1]) && owners[0] != x.Settings.Owners.Default
	for _, address := range owners {
		same = same || address != "" && (one.Named(address) && other.Named(address) ||
			one.User() == "" && one.Named(address) || other.User() == "" && other.Named(address))
	}
	if same {
		return x.refused(i18n.T("who asked for it cannot confirm it: that takes a second person"))
	}
	return nil
}

// grant notifies of the exemption and makes it hold.
func (x Exempter) grant(ctx context.Context, id string, second caller.Identity) (ExemptAnswer, error) {
	now := x.Now()
	a, _, err := x.Ledger.Asked(ctx, id)
	if err != nil {
		return ExemptAnswer{}, err
	}
	for _, user := range a.Users {
		contact, err := x.Owners.ByID(ctx, user.ID, user.Name)
		if err != nil {
			return ExemptAnswer{}, err
		}
		entry := x.about(a, "granted "+user.ID, control.Medium)
		entry.Subject, entry.User, entry.UserID = user.Name, true, user.ID
		entry.Owner, entry.OwnerSlack = contact.Address, contact.Slack
		text := i18n.T("%s exempts %s from %s until %s: %s.",
			a.By.Describe(), user.Name, strings.Join(a.Controls, ", "), i18n.Date(a.Until), a.Reason)
		if second.ARN != "" {
			text = i18n.Sentences(text, i18n.T("%s confirmed it.", second.Describe()))
		}
		x.word(&entry, i18n.T("User exempted"), text,
			i18n.T("If that is wrong: warder exempt --revoke %s --reason \"why\"", a.ID))
		if _, err := x.Notify(ctx, entry); err != nil {
			return ExemptAnswer{}, err
		}
	}
	a, err = x.Ledger.ReviseAsked(ctx, id, func(a *ledger.Asked, _ bool) error {
		if !a.Pending(now) && !a.InForce(now) {
			return x.refused(i18n.T("%s does not wait for anybody: it is %s", id, stateWords[stateOf(*a, now)]))
		}
		if a.Granted.IsZero() {
			a.Granted, a.Second = now, second
		}
		return nil
	})
	if err == nil {
		err = x.Ledger.Exempt(ctx, a, now)
	}
	if err != nil {
		return ExemptAnswer{}, err
	}
	return x.answer(i18n.T("%s is exempt from %s until %s; to end that before: warder exempt --revoke %s",
		names(a), strings.Join(a.Controls, ", "), i18n.Date(a.Until), a.ID), a), nil
}

// revoke ends an exemption, or what waits. It ends before anybody is notified.
func (x Exempter) revoke(ctx context.Context, id string, who caller.Identity, reason string) (ExemptAnswer, error) {
	now := x.Now()
	a, err := x.Ledger.ReviseAsked(ctx, id, func(a *ledger.Asked, found bool) error {
		switch {
		case !found:
			return x.refused(i18n.T("nobody asked for %q", notice.Truncate(id, 30)))
		case a.Revoked.IsZero() && !a.Pending(now) && !a.InForce(now):
			return x.refused(i18n.T("%s is %s", id, stateWords[stateOf(*a, now)]))
		case a.Revoked.IsZero():
			a.Revoked, a.RevokedBy = now, who
		}
		return nil
	})
	if err == nil {
		err = x.Ledger.Exempt(ctx, a, now)
	}
	if err != nil {
		return ExemptAnswer{}, err
	}
	entry := x.about(a, "revoked", control.Medium)
	entry.By, entry.Reason = a.RevokedBy, reason
	x.word(&entry, i18n.T("Exemption revoked"),
		i18n.T("%s revoked the exemption %s of %s from %s: %s.", a.RevokedBy.Describe(), id, names(a),
			strings.Join(a.Controls, ", "), reason), i18n.Message{})
	if _, err := x.Notify(ctx, entry); err != nil {
		return ExemptAnswer{}, fmt.Errorf("revoked, and nobody could be notified of it: %w", err)
	}
	return x.answer(i18n.T("%s is revoked: the controls apply again, first with a notice", id), a), nil
}

// list returns what is in force, what waits, and what ended lately.
func (x Exempter) list(ctx context.Context) (ExemptAnswer, error) {
	all, err := x.Ledger.AllAsked(ctx)
	if err != nil {
		return ExemptAnswer{}, err
	}
	return x.answer(i18n.T("exemptions that somebody asked for: %d", len(all)), all...), nil
}

func (x Exempter) answer(text i18n.Message, all ...ledger.Asked) ExemptAnswer {
	answer := ExemptAnswer{Exemptions: []AskedExemption{}, Text: x.render(text)}
	for _, a := range all {
		e := AskedExemption{
			ID: a.ID, Controls: a.Controls, Until: a.Until.Format(time.DateOnly), By: a.By.String(),
			Second: a.Second.String(), Reason: a.Reason, State: stateOf(a, x.Now()),
		}
		for _, user := range a.Users {
			e.Users = append(e.Users, user.Name)
		}
		answer.Exemptions = append(answer.Exemptions, e)
	}
	return answer
}

func stateOf(a ledger.Asked, now time.Time) ExemptState {
	switch {
	case !a.Revoked.IsZero():
		return ExemptRevoked
	case a.InForce(now):
		return ExemptInForce
	case a.Pending(now):
		return ExemptPending
	}
	return ExemptOver
}
