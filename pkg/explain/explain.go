// Package explain answers the question of whoever is on call: why is this key dead, what happened to this user, where
// did this policy go? It reads the ledger and the account and answers in sentences. Of things that Warder never changed
// it says so, and who changed them if Warder saw it. It changes nothing.
package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
)

// API lists the operations that the account is read with.
type API interface {
	owner.API
	ListAccessKeys(context.Context, *iam.ListAccessKeysInput, ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error)
	GetAccessKeyLastUsed(context.Context, *iam.GetAccessKeyLastUsedInput,
		...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error)
}

// Request asks about one thing.
type Request struct {
	Key    string `json:"key,omitempty"`    // an access key id, whole or its last four characters
	User   string `json:"user,omitempty"`   // the name of an IAM user, a former one, or its unique id
	Policy string `json:"policy,omitempty"` // ARN of a managed policy
	Action string `json:"action,omitempty"` // id of a change, or of a finding with all its changes
}

const forms = `{"key":"AKIA… or its last four characters"}, {"user":"NAME"}, {"policy":"ARN"} or {"action":"ID"}`

// Answer is the history, in words and as data.
type Answer struct {
	Text    string   `json:"text"` // for people, without whole access key ids
	Actions []Action `json:"actions"`
	Cases   []Case   `json:"cases"`
	Limits  []Limit  `json:"limits"`
}

// Action is one change that a control wanted to make.
type Action struct {
	ID      string `json:"id"`
	Control string `json:"control"`
	change.Change
	Status ledger.Status `json:"status"`
	Reason string        `json:"reason,omitempty"`
	At     time.Time     `json:"at"`
	Event  string        `json:"event"` // key of the event that it was made for
	Undo   string        `json:"undo"`  // the command; empty when it is not in force, or cannot be reverted
}

// Case is something that its owner has time to fix.
type Case struct {
	Control  string          `json:"control"`
	Subject  string          `json:"subject"`
	Owner    string          `json:"owner"`
	Changes  []change.Change `json:"changes"`
	Opened   time.Time       `json:"opened"`
	Notified time.Time       `json:"notified,omitzero"`
	Due      time.Time       `json:"due,omitzero"`
	Closed   time.Time       `json:"closed,omitzero"`
	Outcome  string          `json:"outcome,omitempty"`
}

// Limit is what keeps Warder for a time from changing or notifying something again.
type Limit struct {
	About  string    `json:"about"`
	Until  time.Time `json:"until"`
	Action string    `json:"action,omitempty"` // the id of the change that was reverted and is on hold; empty for a notice
	By     string    `json:"by"`               // who had it reverted, or the control that notified
	Reason string    `json:"reason,omitempty"`
	Event  string    `json:"event,omitempty"` // the key of the event that was notified
}

// Reader answers for one account.
type Reader struct {
	Ledger *ledger.Ledger
	Kinds  change.Registry
	API    API
	Now    func() time.Time
	// Mail says that notices are mailed: the ledger has what became of each.
	Mail bool
}

// Explain answers the request. A request that is not understood gets an error that says what is.
func (r Reader) Explain(ctx context.Context, q Request) (Answer, error) {
	asked := slices.DeleteFunc([]string{q.Key, q.User, q.Policy, q.Action}, func(s string) bool { return s == "" })
	if len(asked) != 1 {
		return Answer{}, fmt.Errorf("explain request not understood: it names none or more than one of key, user, policy "+
			"and action; understood are %s", forms)
	}
	t := &answerer{Reader: r, answer: Answer{Actions: []Action{}, Cases: []Case{}, Limits: []Limit{}}}
	var err error
	switch {
	case q.Key != "":
		err = t.explainKey(ctx, q.Key)
	case q.User != "":
		err = t.explainUser(ctx, q.User)
	case q.Policy != "":
		err = t.explainPolicy(ctx, q.Policy)
	default:
		err = t.explainAction(ctx, q.Action)
	}
	t.answer.Text = notice.Redact(t.text.String())
	return t.answer, err
}

type answerer struct {
	Reader
	text   strings.Builder
	answer Answer
}

// maxWords is longer than any text of Warder's own, in bytes.
const maxWords = 4000

// addLine adds a line. What goes into it comes from the account, the ledger and the request: it stays in its line, and
// steers no terminal.
func (t *answerer) addLine(format string, args ...any) {
	for i, arg := range args {
		args[i] = notice.Plain(fmt.Sprint(arg), maxWords)
	}
	fmt.Fprintf(&t.text, format+"\n", args...)
}

func (t *answerer) explainKey(ctx context.Context, key string) error {
	if len(key) < 4 {
		return errors.New("explain request not understood: a key is named by its whole id or its last four characters")
	}
	last4 := len(key) == 4
	all, cases, err := t.Ledger.All(ctx)
	if err != nil {
		return err
	}
	user, id := "", ""
	mine := func(c change.Change) bool {
		found := strings.HasPrefix(c.Kind, "access key") && (c.Target == key || last4 && strings.HasSuffix(c.Target, key))
		if found {
			user, id = c.Subject, c.Target
		}
		return found
	}
	hint := change.KeyHint(key)
	found := slices.DeleteFunc(all, func(e ledger.Entry) bool { return !touches(e, mine) && !mentions(e, hint) })
	cases = slices.DeleteFunc(cases, func(c ledger.Case) bool { return !slices.ContainsFunc(c.Changes, mine) })
	if user == "" && !last4 {
		out, err := t.API.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &key})
		if err == nil {
			user, id = aws.ToString(out.UserName), key
		} else if !change.NotFound(err) && !denied(err) {
			return fmt.Errorf("get last use of access key %s: %w", hint, err)
		}
	}
	t.addLine("Access key %s%s", hint, within(" of ", user, ""))
	status, err := t.status(ctx, user, id)
	if err != nil {
		return err
	}
	switch {
	case status != "":
		t.addLine("Now: %s.", strings.ToLower(status))
	case user == "" && last4:
		t.addLine("Now: this account has no such key, as far as can be seen by its last four characters in the ledger; " +
			"give the whole id.")
	case user == "":
		t.addLine("Now: this account has no such key, as far as can be seen by its id.")
	default:
		t.addLine("Now: it does not exist any more.")
	}
	made := t.addEntries(ctx, found, mine)
	if (status == change.Inactive || status == "" && user != "") && !made {
		t.addLine("Not by Warder: none of its changes caused this.%s", seen(found))
	} else if len(found) == 0 {
		t.addLine("Warder has done nothing about it.")
	}
	t.addCases(cases)
	return t.addExemption(ctx, user)
}

// status reads the key's status, empty when it does not exist.
func (t *answerer) status(ctx context.Context, user, id string) (string, error) {
	if user == "" {
		return "", nil
	}
	c := change.Change{Kind: change.AccessKeyStatus, Subject: user, Target: id}
	kind, err := t.Kinds.Kind(c)
	if err != nil {
		return "", err
	}
	status, err := kind.Read(ctx, c)
	if change.NotFound(err) {
		return "", nil
	}
	return status, err
}

// explainUser goes by the unique id of whoever has the name now or, when nobody has, of those who had it. Of others who
// had the name before it says only that there were any.
func (t *answerer) explainUser(ctx context.Context, user string) error {
	book := owner.Book{API: t.API}
	if iamuser.IsUniqueID(user) {
		return t.explainOne(ctx, book, user, "")
	}
	present, err := book.Owner(ctx, user)
	if err != nil {
		return err
	}
	former, err := t.Ledger.Named(ctx, user)
	if err != nil {
		return err
	}
	former = slices.DeleteFunc(former, func(id string) bool { return id == present.ID })
	if present.ID == "" && len(former) == 1 {
		return t.explainOne(ctx, book, former[0], user)
	}
	if err := t.explainOne(ctx, book, present.ID, user); err != nil {
		return err
	}
	for _, id := range former {
		t.addLine("\nAnother user had the name %s before. Full history: make explain USER=%s", user, id)
	}
	return nil
}

// explainOne explains the user with the unique id, which is asked for by a name that it has or had, if by any.
func (t *answerer) explainOne(ctx context.Context, book owner.Book, id, name string) error {
	var found []ledger.Entry
	var cases []ledger.Case
	for _, subject := range []string{id, name} {
		if subject == "" {
			continue
		}
		entries, open, err := t.Ledger.About(ctx, subject, time.Time{})
		if err != nil {
			return err
		}
		found, cases = append(found, entries...), append(cases, open...)
	}
	slices.SortStableFunc(found, func(a, b ledger.Entry) int { return a.At.Compare(b.At) })
	if name == "" && len(found) > 0 {
		name = found[len(found)-1].Subject
	}
	contact, err := book.ByID(ctx, id, name)
	if err != nil {
		return err
	}
	t.addLine("IAM user %s%s", cmp.Or(name, contact.Name, id), within(" (", id, ")"))
	switch contact.Name {
	case name:
	case "":
		t.addLine("Now: it does not exist.")
	default:
		t.addLine("Now: its name is %s.", contact.Name)
	}
	if !t.addEntries(ctx, found, func(change.Change) bool { return true }) {
		t.addLine("Warder has changed nothing about it that is in force.%s", seen(found))
	}
	t.addCases(cases)
	if err := t.addLimits(ctx, id, name, contact.Name); err != nil {
		return err
	}
	return t.addExemption(ctx, contact.Name)
}

func (t *answerer) explainPolicy(ctx context.Context, arn string) error {
	all, cases, err := t.Ledger.All(ctx)
	if err != nil {
		return err
	}
	mine := func(c change.Change) bool { return c.Target == arn }
	found := slices.DeleteFunc(all,
		func(e ledger.Entry) bool { return !touches(e, mine) && e.Subject != arn && !mentions(e, arn) })
	t.addLine("Policy %s", arn)
	if !t.addEntries(ctx, found, mine) {
		t.addLine("Warder has changed nothing about it that is in force: what else became of it is not by Warder.%s",
			seen(found))
	}
	t.addCases(slices.DeleteFunc(cases, func(c ledger.Case) bool { return !slices.ContainsFunc(c.Changes, mine) }))
	return nil
}

func (t *answerer) explainAction(ctx context.Context, id string) error {
	of, _, single := strings.Cut(id, "-")
	e, found, err := t.Ledger.Entry(ctx, of)
	if err != nil {
		return err
	}
	if !found || single && !slices.ContainsFunc(e.Steps, func(s ledger.Step) bool { return s.ID == id }) {
		t.addLine("Action %s\nThe ledger has none of that id. Notices name the id in square brackets.", id)
		return nil
	}
	t.addLine("Action %s%s", id, within(", about ", e.Subject, ""))
	t.addEntries(ctx, []ledger.Entry{e}, func(change.Change) bool { return true })
	return nil
}

// addEntries adds the entries and reports whether one of their changes is in force.
func (t *answerer) addEntries(ctx context.Context, found []ledger.Entry, mine func(change.Change) bool) (inForce bool) {
	for _, e := range found {
		t.addLine("\n%s  %s: %s%s", clock(e.At), e.Control, e.Title, within(", about ", e.Subject, ""))
		if !e.By.IsZero() {
			t.addLine("    requested by %s: %s", e.By, e.Reason)
		} else {
			t.addLine("    %s", e.Text)
		}
		for _, s := range e.Steps {
			a := Action{ID: s.ID, Control: e.Control, Change: s.Change, Status: s.Status, Reason: s.Reason,
				At: s.At, Event: e.Run}
			words := t.Kinds.Describe(s.Change, s.Status.Made() || s.Status == ledger.Undone).String()
			switch {
			case s.Status.Made():
				inForce = inForce || mine(s.Change)
				a.Undo = remediation.UndoCommand(t.Kinds, s)
				t.addLine("    %s  [%s]; undo: %s", words, s.ID, cmp.Or(a.Undo, "impossible"))
			case s.Status == ledger.Undone:
				t.addLine("    %s  [%s], reverted by %s", words, s.ID, s.Undo)
			default:
				when := ""
				if s.Status == ledger.Pending && !e.Due.IsZero() {
					when = ", due " + clock(e.Due)
				}
				t.addLine("    %s: %s%s  [%s]%s", statuses[s.Status], words, when, s.ID, within(" (", s.Reason, ")"))
			}
			t.answer.Actions = append(t.answer.Actions, a)
		}
		if e.UnchangedReason != "" {
			t.addLine("    not changed: %s", e.UnchangedReason)
		}
		if e.Actor != "" && e.By.IsZero() {
			t.addLine("    caused by %s", e.Actor)
		}
		for _, n := range e.Notifications {
			t.addLine("    published for %s (%s) on %s", cmp.Or(n.Owner, "the topic"), n.Kind, clock(n.At))
		}
		t.addMails(ctx, e.ID)
		if e.Run != "" {
			t.addLine("    because of event %s%s", e.Run, within(" (", e.Event, ")"))
		}
	}
	return inForce
}

// addMails says what became of the notices of an entry as mail, as far as that is known.
func (t *answerer) addMails(ctx context.Context, entry string) {
	if !t.Mail {
		return
	}
	mailed, err := t.Ledger.Mailed(ctx, entry)
	if err != nil {
		t.addLine("    what became of its mails cannot be read: %v", err)
	}
	for _, m := range mailed {
		t.addLine("    notified %s by mail (%s) on %s", m.Address, m.Kind, clock(m.At))
		if !m.Back.IsZero() {
			t.addLine("    bounced: that mail came back on %s (%s)", clock(m.Back), m.Why)
		}
	}
}

func (t *answerer) addCases(cases []ledger.Case) {
	for _, c := range cases {
		t.answer.Cases = append(t.answer.Cases, Case{
			Control: c.Control, Subject: c.Subject, Owner: c.Owner, Changes: c.Changes,
			Opened: c.Opened, Notified: c.Notified, Due: c.Due, Closed: c.Closed, Outcome: string(c.Outcome),
		})
		if !c.Open() {
			continue
		}
		for _, due := range c.Changes {
			when, notified := "on "+clock(c.Due), "its owner is not notified yet"
			if c.Urgent && !t.Now().Before(c.Due) {
				when = "at the next sweep"
			}
			if !c.Notified.IsZero() {
				notified = fmt.Sprintf("%s was notified on %s", cmp.Or(c.Owner, "the topic"), clock(c.Notified))
			}
			t.addLine("\nDue %s: %s will %s; %s.", when, c.Control, t.Kinds.Describe(due, false), notified)
		}
	}
}

func (t *answerer) addExemption(ctx context.Context, user string) error {
	if user == "" {
		return nil
	}
	contact, err := owner.Book{API: t.API}.Owner(ctx, user)
	if err != nil {
		return err
	}
	now := t.Now()
	for _, text := range exemption.Values(contact.Tags) {
		e, fault := exemption.Parse(text, now)
		switch {
		case fault != nil:
			t.addLine("\nInvalid exemption: %v.", fault)
		case e.DaysLeft(now) < 0:
			t.addLine("\nThe exemption of %s is over: %s.", user, e.Describe())
		default:
			t.addLine("\n%s is %s.", user, e.Describe())
		}
	}
	return nil
}

// addLimits adds the holds and marks of a user, who is known by each of the names.
func (t *answerer) addLimits(ctx context.Context, names ...string) error {
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	found, err := t.Ledger.InForce(ctx, t.Now(), names...)
	if err != nil {
		return err
	}
	for _, l := range found {
		limit := Limit{About: strings.Join(l.About, " "), Until: l.Until, Event: l.Run}
		if h := l.Hold; h != nil {
			limit.By, limit.Reason, limit.Action = h.By.String(), h.Reason, h.Action
			t.addLine("\nOn hold until %s: %s. Reverted by %s: %s  [%s]", clock(l.Until), limit.About, limit.By, limit.Reason,
				limit.Action)
		} else {
			limit.By, limit.About = l.About[0], strings.Join(l.About[1:], " ")
			t.addLine("\nNotified, and until %s not again: %s%s, because of event %s", clock(l.Until), limit.By,
				within(": ", limit.About, ""), limit.Event)
		}
		t.answer.Limits = append(t.answer.Limits, limit)
	}
	return nil
}

// touches reports whether the entry has a change of the thing.
func touches(e ledger.Entry, mine func(change.Change) bool) bool {
	return slices.ContainsFunc(e.Steps, func(s ledger.Step) bool { return mine(s.Change) })
}

// mentions reports whether the entry, which changes nothing, is about the thing.
func mentions(e ledger.Entry, what string) bool {
	return len(e.Steps) == 0 && (strings.Contains(e.Text, what) ||
		slices.ContainsFunc(e.Facts, func(f notice.Fact) bool { return strings.Contains(f.Value, what) }))
}

// seen says whether the alerts show who did something.
func seen(found []ledger.Entry) string {
	if slices.ContainsFunc(found, func(e ledger.Entry) bool { return len(e.Steps) == 0 }) {
		return " Warder saw what is reported above."
	}
	return " Warder saw nobody do it."
}

var statuses = map[ledger.Status]string{
	ledger.Observed: "would have in enforce", ledger.Pending: "announced", ledger.Held: "on hold",
	ledger.Skipped: "not applied", ledger.Failed: "failed", ledger.Planned: "planned",
}

// within is the text with something before and after it, empty if the text is.
func within(before, text, after string) string {
	if text == "" {
		return ""
	}
	return before + text + after
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// denied reports whether IAM refuses to say whose a key is, as it does for keys of other accounts.
func denied(err error) bool {
	var coded interface{ ErrorCode() string }
	return errors.As(err, &coded) && coded.ErrorCode() == "AccessDenied"
}
