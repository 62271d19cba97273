// Package explain answers the question of whoever is on call: why is this key dead, what happened to this user, where
// did this policy go? It reads the ledger and the account and answers in sentences. Of things that Warder never changed
// it says so, and who changed them if Warder saw it. It changes nothing.
package explain

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/i18n"
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

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// Reader answers for one account.
type Reader struct {
	Ledger *ledger.Ledger
	Kinds  change.Registry
	API    API
	Now    func() time.Time
	// Mail says that notices are mailed: the ledger has what became of each.
	Mail bool
	// Language is that of the text, as an ISO 639-1 code; empty means English.
	Language string
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

// maxLine is longer than any line of Warder's own, in bytes.
const maxLine = 8000

// addLine adds a line, indented so far. What goes into it comes from the account, the ledger and the request: it stays
// in its line, and steers no terminal.
func (t *answerer) addLine(indent int, m i18n.Message) {
	fmt.Fprintf(&t.text, "%s%s\n", strings.Repeat(" ", indent), notice.Plain(m.In(t.Language), maxLine))
}

// addParagraph adds a line after an empty one.
func (t *answerer) addParagraph(m i18n.Message) {
	t.text.WriteString("\n")
	t.addLine(0, m)
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
	if about := i18n.T("Access key %s", hint); user == "" {
		t.addLine(0, about)
	} else {
		t.addLine(0, i18n.T("%s of %s", about, user))
	}
	status, err := t.status(ctx, user, id)
	if err != nil {
		return err
	}
	switch {
	case status != "":
		t.addLine(0, i18n.T("Now: %s.", keyStatus(status)))
	case user == "" && last4:
		t.addLine(0, i18n.T("Now: this account has no such key, as far as can be seen by its last four characters in the "+
			"ledger; give the whole id."))
	case user == "":
		t.addLine(0, i18n.T("Now: this account has no such key, as far as can be seen by its id."))
	default:
		t.addLine(0, i18n.T("Now: it does not exist any more."))
	}
	made := t.addEntries(ctx, found, mine)
	if (status == change.Inactive || status == "" && user != "") && !made {
		t.addLine(0, i18n.Sentences(i18n.T("Not by Warder: none of its changes caused this."), seen(found)))
	} else if len(found) == 0 {
		t.addLine(0, i18n.T("Warder has done nothing about it."))
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
		t.addParagraph(i18n.T("Another user had the name %s before. Full history: make explain USER=%s", user, id))
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
	who := i18n.T("IAM user %s", cmp.Or(name, contact.Name, id))
	if id != "" {
		who = i18n.T("%s (%s)", who, id)
	}
	t.addLine(0, who)
	switch contact.Name {
	case name:
	case "":
		t.addLine(0, i18n.T("Now: it does not exist."))
	default:
		t.addLine(0, i18n.T("Now: its name is %s.", contact.Name))
	}
	if !t.addEntries(ctx, found, func(change.Change) bool { return true }) {
		t.addLine(0, i18n.Sentences(i18n.T("Warder has changed nothing about it that is in force."), seen(found)))
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
	t.addLine(0, i18n.T("Policy %s", arn))
	if !t.addEntries(ctx, found, mine) {
		t.addLine(0, i18n.Sentences(i18n.T("Warder has changed nothing about it that is in force: what else became of it is "+
			"not by Warder."), seen(found)))
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
		t.addLine(0, i18n.T("Action %s", id))
		t.addLine(0, i18n.T("The ledger has none of that id. Notices name the id in square brackets."))
		return nil
	}
	t.addLine(0, about(i18n.T("Action %s", id), e.Subject))
	t.addEntries(ctx, []ledger.Entry{e}, func(change.Change) bool { return true })
	return nil
}

// addEntries adds the entries and reports whether one of their changes is in force.
func (t *answerer) addEntries(ctx context.Context, found []ledger.Entry, mine func(change.Change) bool) (inForce bool) {
	for _, e := range found {
		t.addParagraph(i18n.Join("  ", i18n.Minute(e.At), about(i18n.T("%s: %s", e.Control, e.Title), e.Subject)))
		if !e.By.IsZero() {
			t.addLine(4, i18n.T("requested by %s: %s", e.By.Describe(), e.Reason))
		} else {
			t.addLine(4, i18n.Literal(e.Text))
		}
		for _, s := range e.Steps {
			a := Action{ID: s.ID, Control: e.Control, Change: s.Change, Status: s.Status, Reason: s.Reason,
				At: s.At, Event: e.Run}
			words := t.Kinds.Describe(s.Change, s.Status.Made() || s.Status == ledger.Undone)
			switch {
			case s.Status.Made():
				inForce = inForce || mine(s.Change)
				a.Undo = remediation.UndoCommand(t.Kinds, s)
				t.addLine(4, i18n.Join("  ", words,
					i18n.T("[%s]; undo: %s", s.ID, i18n.Or(i18n.Literal(a.Undo), i18n.T("impossible")))))
			case s.Status == ledger.Undone:
				t.addLine(4, i18n.Join("  ", words, i18n.T("[%s], reverted by %s", s.ID, s.Undo)))
			default:
				if s.Status == ledger.Pending && !e.Due.IsZero() {
					words = i18n.T("%s, due %s", words, i18n.Minute(e.Due))
				}
				step := i18n.Join("  ", i18n.T("%s: %s", statuses[s.Status], words), i18n.Literal("["+s.ID+"]"))
				if s.Reason != "" {
					step = i18n.T("%s (%s)", step, s.Reason)
				}
				t.addLine(4, step)
			}
			t.answer.Actions = append(t.answer.Actions, a)
		}
		if e.UnchangedReason != "" {
			t.addLine(4, i18n.T("not changed: %s", e.UnchangedReason))
		}
		if e.Actor != "" && e.By.IsZero() {
			t.addLine(4, i18n.T("caused by %s", e.Actor))
		}
		for _, n := range e.Notifications {
			t.addLine(4, i18n.T("published for %s (%s) on %s", recipient(n.Owner), kind(n.Kind), i18n.Minute(n.At)))
		}
		t.addMails(ctx, e.ID)
		if e.Run != "" {
			because := i18n.T("because of event %s", e.Run)
			if e.Event != "" {
				because = i18n.T("%s (%s)", because, e.Event)
			}
			t.addLine(4, because)
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
		t.addLine(4, i18n.T("what became of its mails cannot be read: %s", i18n.Error(err)))
	}
	for _, m := range mailed {
		t.addLine(4, i18n.T("notified %s by mail (%s) on %s", m.Address, kind(m.Kind), i18n.Minute(m.At)))
		if !m.Back.IsZero() {
			t.addLine(4, i18n.T("bounced: that mail came back on %s (%s)", i18n.Minute(m.Back), m.Why))
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
			when, notified := i18n.T("on %s", i18n.Minute(c.Due)), i18n.T("its owner is not notified yet")
			if c.Urgent && !t.Now().Before(c.Due) {
				when = i18n.T("at the next sweep")
			}
			if !c.Notified.IsZero() {
				notified = i18n.T("%s was notified on %s", recipient(c.Owner), i18n.Minute(c.Notified))
			}
			t.addParagraph(i18n.T("Due %s: %s will %s; %s.", when, c.Control, t.Kinds.Describe(due, false), notified))
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
			t.addParagraph(i18n.T("Invalid exemption: %s.", i18n.Error(fault)))
		case e.DaysLeft(now) < 0:
			t.addParagraph(i18n.T("The exemption of %s is over: %s.", user, e.Describe()))
		default:
			t.addParagraph(i18n.T("%s is %s.", user, e.Describe()))
		}
	}
	asked, err := t.Ledger.Exempted(ctx, contact.ID, now)
	for _, e := range asked {
		t.addParagraph(i18n.T("%s is %s.", user, e.Describe()))
	}
	return err
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
			held := i18n.T("On hold until %s: %s. Reverted by %s: %s", i18n.Minute(l.Until), limit.About, h.By.Describe(),
				limit.Reason)
			t.addParagraph(i18n.Join("  ", held, i18n.Literal("["+limit.Action+"]")))
		} else {
			limit.By, limit.About = l.About[0], strings.Join(l.About[1:], " ")
			what := i18n.Join(": ", i18n.Literal(limit.By), i18n.Literal(limit.About))
			t.addParagraph(i18n.T("Notified, and until %s not again: %s, because of event %s", i18n.Minute(l.Until), what,
				limit.Event))
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
func seen(found []ledger.Entry) i18n.Message {
	if slices.ContainsFunc(found, func(e ledger.Entry) bool { return len(e.Steps) == 0 }) {
		return i18n.T("Warder saw what is reported above.")
	}
	return i18n.T("Warder saw nobody do it.")
}

var statuses = map[ledger.Status]i18n.Message{
	ledger.Observed: i18n.T("would have in enforce"), ledger.Pending: i18n.T("announced"), ledger.Held: i18n.T("on hold"),
	ledger.Skipped: i18n.T("not applied"), ledger.Failed: i18n.T("failed"), ledger.Planned: i18n.T("planned"),
}

// keyStatus is the status of an access key, in words.
func keyStatus(status string) i18n.Message {
	switch status {
	case change.Active:
		return i18n.T("active")
	case change.Inactive:
		return i18n.T("inactive")
	}
	return i18n.Literal(strings.ToLower(status))
}

// kinds are what notices of each kind were about.
var kinds = map[notice.Kind]i18n.Message{
	notice.Alert: i18n.T("alert"), notice.WouldChange: i18n.T("would_change"), notice.Changed: i18n.T("changed"),
	notice.Warning: i18n.T("warning"), notice.Reminder: i18n.T("reminder"), notice.Fixed: i18n.T("fixed"),
	notice.Held: i18n.T("held"), notice.Undone: i18n.T("undone"), notice.Failure: i18n.T("failed"),
}

func kind(k notice.Kind) i18n.Message { return i18n.Or(kinds[k], i18n.Literal(string(k))) }

// about is the line with whom it is about, if that is known.
func about(line i18n.Message, subject string) i18n.Message {
	if subject == "" {
		return line
	}
	return i18n.T("%s, about %s", line, subject)
}

// recipient is the owner, or else who reads the topic.
func recipient(owner string) i18n.Message { return i18n.Or(i18n.Literal(owner), i18n.T("the topic")) }

// denied reports whether IAM refuses to say whose a key is, as it does for keys of other accounts.
func denied(err error) bool {
	var coded interface{ ErrorCode() string }
	return errors.As(err, &coded) && coded.ErrorCode() == "AccessDenied"
}
