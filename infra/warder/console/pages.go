package console

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warder-aws/warder/infra/warder/doctor"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

const day = 24 * time.Hour

// unread is why something could not be read, in words; empty if it was.
func unread(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A stopped control is one that its blast radius stopped.
type stopped struct {
	Control string
	At      time.Time
	Changes int // that it had made
}

func (read *snapshot) stopped() (all []stopped) {
	for id, b := range read.contents.Breakers {
		if !b.Tripped.IsZero() {
			all = append(all, stopped{id, b.Tripped, len(b.Steps)})
		}
	}
	slices.SortFunc(all, func(a, b stopped) int { return cmp.Compare(a.Control, b.Control) })
	return all
}

// An unreached owner is one who has not been notified of what comes, or gets no mail.
type unreached struct {
	Owner, Why string
	Cases      int
}

func (q *request) unreached(read *snapshot) (all []unreached) {
	for _, c := range read.due {
		why := q.reach(read, c)
		if why == "" {
			continue
		}
		i := slices.IndexFunc(all, func(u unreached) bool { return u.Owner == c.Owner && u.Why == why })
		if i < 0 {
			i, all = len(all), append(all, unreached{Owner: c.Owner, Why: why})
		}
		all[i].Cases++
	}
	for _, e := range read.contents.Entries { // a control says that it changes nothing, because nobody can be notified
		if e.Guard == ledger.Unreached && read.at.Sub(e.At) < late {
			all = append(all, unreached{Owner: cmp.Or(e.Owner, e.Control), Why: e.Text})
		}
	}
	return all
}

// reach is why the owner of a case cannot be reached, as far as the ledger knows; empty if nothing speaks against it.
func (q *request) reach(read *snapshot, c ledger.Case) string {
	known, back := read.back[settings.Address(c.Owner)]
	switch {
	case back:
		return q.say(i18n.T("mail comes back since %s: %s", i18n.Day(known.Back), known.Why))
	case c.Notified.IsZero():
		return q.say(i18n.T("not notified yet"))
	}
	return ""
}

// A swept control is one with a sweep, and when the last one came to its end.
type swept struct {
	control.Control
	At   time.Time // zero: none is known
	Late bool
}

// late is how old the last sweep may be, as for the doctor.
const late = 26 * time.Hour

func (q *request) swept(read *snapshot) (all []swept) {
	last, begun := map[string]time.Time{}, read.at
	sweeps := func(run ledger.Run) bool { return run.Event == "Scheduled Event" }
	some := slices.ContainsFunc(read.contents.Runs, sweeps)
	for _, run := range read.contents.Runs {
		if run.At.Before(begun) && (!some || sweeps(run)) {
			begun = run.At
		}
		if run.Done && sweeps(run) && run.At.After(last[run.Control]) {
			last[run.Control] = run.At
		}
	}
	for _, c := range q.s.Controls {
		if at := last[c.ID]; !c.Tool && c.Schedule != "" && q.s.Modes[c.ID] != control.Off {
			// Before there was time for a first one, it is not late.
			all = append(all, swept{c, at, read.at.Sub(at) > late && read.at.Sub(begun) > late})
		}
	}
	slices.SortStableFunc(all, func(a, b swept) int { return a.At.Compare(b.At) })
	return all
}

// now is the first page: what somebody who was woken has to know.
func (q *request) now() {
	read := q.look()
	data := struct {
		Err, HaltErr, QueueErr, BackErr string
		Halt                            ledger.Halt
		HaltWhy                         string
		Stopped                         []stopped
		Queues                          []Queue
		Messages                        int
		Criticals, Alerts, Recent       []*incident
		Open                            int
		Unreached                       []unreached
		Swept                           []swept
		Late                            int
		Soon                            int // changes within a day
	}{
		Err: unread(read.err), HaltErr: unread(read.haltErr), QueueErr: unread(read.queueErr), BackErr: unread(read.backErr),
		Halt: read.halt, HaltWhy: q.say(remediation.HaltReason(read.halt)), Stopped: read.stopped(), Queues: read.queues,
		Unreached: q.unreached(read), Swept: q.swept(read), Recent: read.incidents[:min(5, len(read.incidents))],
	}
	for _, queue := range read.queues {
		data.Messages += queue.Messages
	}
	for _, i := range read.incidents {
		critical := i.First.Severity == string(control.Critical) && i.First.Drill == ""
		switch {
		case i.State.Open():
			if data.Open++; critical {
				data.Criticals = append(data.Criticals, i)
			}
		case critical && i.State == Alerted && read.at.Sub(i.At) < day:
			data.Alerts = append(data.Alerts, i)
		}
	}
	for _, s := range data.Swept {
		if s.Late {
			data.Late++
		}
	}
	for _, c := range read.due {
		if !c.Due.IsZero() && c.Due.Sub(read.at) < day {
			data.Soon++
		}
	}
	q.show("now", i18n.T("Now"), data)
}

// perPage is how many rows a page of the timeline has.
const perPage = 50

// A list is a page of incidents, and what it was asked for with.
type list struct {
	Err                               string
	Q, Control, Severity, State, Days string
	Controls                          []string
	Severities                        []string
	States                            []State
	Rows                              []*incident
	Found, All, Page, Pages           int
}

// timeline lists incidents, the latest first. Whatever it is asked for, it shows at most a page.
func (q *request) timeline() {
	read, asked := q.look(), q.URL.Query()
	l := list{
		Err: unread(read.err), Q: asked.Get("q"), Control: asked.Get("control"), Severity: asked.Get("severity"),
		State: asked.Get("state"), Days: asked.Get("days"), All: len(read.incidents),
		Severities: []string{"critical", "high", "medium", "low"},
	}
	for _, c := range q.s.Controls {
		l.Controls = append(l.Controls, c.ID)
	}
	for _, s := range states {
		l.States = append(l.States, s.State)
	}
	var found []*incident
	words := strings.Fields(strings.ToLower(notice.Redact(l.Q)))
	days, _ := strconv.Atoi(l.Days)
	for _, i := range read.incidents {
		if l.matches(i, words) && (days < 1 || read.at.Sub(i.At) < time.Duration(min(days, 10_000))*day) {
			found = append(found, i)
		}
	}
	l.Found, l.Pages = len(found), max(1, (len(found)+perPage-1)/perPage)
	l.Page, _ = strconv.Atoi(asked.Get("page"))
	l.Page = min(max(l.Page, 1), l.Pages)
	l.Rows = found[(l.Page-1)*perPage : min(l.Page*perPage, len(found))]
	q.show("timeline", i18n.T("Timeline"), l)
}

func (l list) matches(i *incident, words []string) bool {
	for _, word := range words {
		if !strings.Contains(i.text, word) {
			return false
		}
	}
	of := func(e *ledger.Entry) bool { return e.Control == l.Control }
	return (l.Control == "" || slices.ContainsFunc(i.Entries, of)) &&
		(l.Severity == "" || i.First.Severity == l.Severity) &&
		(l.State == "" || string(i.State) == l.State || l.State == "open" && i.State.Open())
}

// incident is everything about one.
func (q *request) incident() {
	read, id := q.look(), q.URL.Query().Get("id")
	entry, _, _ := strings.Cut(id, "-")
	data := struct {
		Err, ID  string
		Incident *incident
		Steps    []step // of all entries that can be undone
	}{Err: unread(read.err), ID: id, Incident: read.byID[entry]}
	if data.Incident == nil {
		q.show("incident", i18n.T("Incident"), data)
		return
	}
	for _, e := range data.Incident.Entries {
		for _, s := range e.Steps {
			if one := (step{s, e}); one.Undoable() {
				data.Steps = append(data.Steps, one)
			}
		}
	}
	q.show("incident", i18n.Literal(data.Incident.Title(q.language())), data)
}

// A dueCase is a change that comes.
type dueCase struct {
	ledger.Case
	Entry, Words, Reach, Exempt string
	Late                        bool
}

// A dueDay is a day of the calendar.
type dueDay struct {
	At           time.Time
	Cases        []dueCase
	Past, Today  bool
	Name, Number string
}

// calendarDays is how many days the calendar shows, in whole weeks.
const calendarDays = 5 * 7

// due is a calendar of what comes.
func (q *request) due() {
	read := q.look()
	data := struct {
		Err        string
		Weeks      [][]dueDay
		Days       []dueDay // those with something
		Halt       bool
		Exemptions []remediation.AskedExemption // those that are in force, or wait
		ExemptErr  string
		First      string // day until which somebody may be exempted, as a form has it
		Last       string // likewise
	}{
		Err: unread(read.err), Halt: read.halt.Halted || read.haltErr != nil,
		First: read.at.UTC().Format(
			time.DateOnly,
		), Last: read.at.UTC().AddDate(0, 0, exemption.MaxDays).Format(time.DateOnly),
	}
	asked, err := q.s.Account.Exempt(q.Context(), remediation.ExemptRequest{List: true})
	data.ExemptErr = unread(err)
	for _, e := range asked.Exemptions {
		if e.State == remediation.ExemptPending || e.State == remediation.ExemptInForce {
			data.Exemptions = append(data.Exemptions, e)
		}
	}
	byDay := map[string][]dueCase{}
	var order []string
	for _, c := range read.due {
		one := dueCase{Case: c, Entry: c.Entry, Reach: q.reach(read, c), Late: !c.Due.IsZero() && c.Due.Before(read.at)}
		var parts []i18n.Message
		for _, change := range c.Changes {
			parts = append(parts, kinds().Describe(change, false))
		}
		one.Words = q.say(i18n.Join("; ", parts...))
		if c.User {
			one.Exempt = exemptCommand(c, read.at)
		}
		name := ""
		if !c.Due.IsZero() {
			name = i18n.Day(c.Due).String()
		}
		if byDay[name] == nil {
			order = append(order, name)
		}
		byDay[name] = append(byDay[name], one)
	}
	for _, name := range order {
		data.Days = append(data.Days, dueDay{At: byDay[name][0].Due, Cases: byDay[name], Name: name})
	}
	today := read.at
	first := today.AddDate(0, 0, -(int(today.Weekday())+6)%7) // a Monday
	for n := range calendarDays {
		at := first.AddDate(0, 0, n)
		name := i18n.Day(at).String()
		if n%7 == 0 {
			data.Weeks = append(data.Weeks, nil)
		}
		week := &data.Weeks[len(data.Weeks)-1]
		*week = append(*week, dueDay{At: at, Cases: byDay[name], Past: name < i18n.Day(today).String(),
			Today: name == i18n.Day(today).String(), Name: name, Number: strconv.Itoa(at.Day())})
	}
	q.show("due", i18n.T("Due"), data)
}

// exemptCommand is the command that exempts the user of a case for a month. A shell takes a name as nothing but a name.
func exemptCommand(c ledger.Case, now time.Time) string {
	quote := func(word string) string {
		if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-") == "" {
			return word
		}
		return "'" + strings.ReplaceAll(i18n.Plain(word), "'", `'\''`) + "'"
	}
	return "warder exempt --user=" + quote(c.Subject) + " --control=" + quote(c.Control) + " --until=" +
		now.AddDate(0, 1, 0).UTC().Format(time.DateOnly) + ` --reason="…"`
}

// subjectKinds are what can be asked for.
var subjectKinds = []struct {
	ID   string
	Word i18n.Message
}{
	{"user", i18n.T("User: name or unique id")}, {"key", i18n.T("Access key: last four characters")},
	{"policy", i18n.T("Policy: ARN")}, {"role", i18n.T("Role: name or ARN")}, {"bucket", i18n.T("Bucket: name")},
	{"id", i18n.T("Id of an action")},
}

// subject is what is known of one thing.
func (q *request) subject() {
	kind, name := q.URL.Query().Get("kind"), strings.TrimSpace(q.URL.Query().Get("name"))
	data := struct {
		Kinds      any
		Kind, Name string
		Err, Text  string
		Answered   bool // by explain
		Undo       []step
		Limits     []explain.Limit
		Rows       []*incident
		Found      int
	}{Kinds: subjectKinds, Kind: kind, Name: name}
	if name != "" {
		asked := explain.Request{}
		switch kind {
		case "user":
			asked.User = name
		case "key":
			asked.Key = name
		case "policy":
			asked.Policy = name
		case "id":
			asked.Action = name
		}
		if asked != (explain.Request{}) {
			answer, err := q.s.Account.Explain(q.Context(), asked)
			data.Err, data.Text, data.Answered, data.Limits = unread(err), answer.Text, err == nil, answer.Limits
			for _, a := range answer.Actions {
				if a.Undo != "" {
					made := ledger.Step{Change: a.Change, ID: a.ID, Status: a.Status, At: a.At}
					data.Undo = append(data.Undo, step{made, &ledger.Entry{Control: a.Control}})
				}
			}
		}
		for _, i := range q.look().incidents {
			if i.about(kind, name) {
				data.Rows = append(data.Rows, i)
			}
		}
		data.Found = len(data.Rows)
		data.Rows = data.Rows[:min(perPage, data.Found)]
	}
	q.show("subject", i18n.T("Subject"), data)
}

// about reports whether the incident is about the thing.
func (i *incident) about(kind, name string) bool {
	for _, e := range i.Entries {
		if kind == "id" && strings.HasPrefix(name, e.ID) || e.Subject == name || e.UserID == name {
			return true
		}
		for _, s := range e.Steps {
			if s.Target == name || s.Subject == name || s.SubjectID == name || s.Former == name ||
				kind == "key" && len(name) >= 4 && strings.HasPrefix(s.Kind, "access key") && strings.HasSuffix(s.Target, name) {
				return true
			}
		}
		// Of what is no user the ledger has the ARN, or the name in its texts.
		is := func(text string) bool {
			return text == name || strings.HasSuffix(text, "/"+name) || strings.HasSuffix(text, ":"+name)
		}
		if kind != "user" && kind != "id" && (is(e.Subject) ||
			slices.ContainsFunc(e.Facts, func(f notice.Fact) bool { return is(f.Value) })) {
			return true
		}
	}
	return false
}

// An examination is what the doctor found.
type examination struct {
	at    time.Time
	lines []doctor.Line
}

// health is whether Warder works.
func (q *request) health() {
	read := q.look()
	q.s.mu.Lock()
	found, drilled := q.s.examined, q.s.drilled
	q.s.mu.Unlock()
	if found.lines == nil {
		found = examination{q.s.Now(), q.s.Account.Doctor(q.Context())}
		if q.Context().Err() == nil {
			q.s.mu.Lock()
			q.s.examined = found
			q.s.mu.Unlock()
		}
	}
	data := struct {
		At       time.Time
		Lines    []doctor.Line
		Counts   map[string]int
		Stopped  []stopped
		Queues   []Queue
		QueueErr string
		Messages int
		Halted   bool
		Drill    *drill.Answer
		Charts   []chart
	}{
		At: found.at, Counts: map[string]int{}, Stopped: read.stopped(), Queues: read.queues,
		QueueErr: unread(read.queueErr), Halted: read.halt.Halted, Drill: drilled,
	}
	order := map[doctor.State]int{"problem": 0, "not known": 1, "remark": 2, "ok": 3}
	data.Lines = slices.SortedStableFunc(slices.Values(found.lines), func(a, b doctor.Line) int {
		return cmp.Compare(order[a.State], order[b.State])
	})
	for _, l := range found.lines {
		data.Counts[strings.ReplaceAll(string(l.State), " ", "")]++
	}
	for _, queue := range read.queues {
		data.Messages += queue.Messages
	}
	if drilled != nil {
		data.Charts = charts(*drilled)
	}
	q.show("health", i18n.T("Health"), data)
}

// A chart is the way of one scenario of a drill, as bars on one line.
type chart struct {
	drill.Scenario
	Bars  []bar
	Total float64 // seconds
}

// A bar is a hop. X and Width are in thousandths of the longest scenario.
type bar struct {
	drill.Hop
	X, Width float64
	Class    string
}

func charts(answer drill.Answer) (all []chart) {
	longest := 0.001
	for _, s := range answer.Scenarios {
		for _, h := range s.Hops {
			longest = max(longest, h.Total)
		}
	}
	for _, s := range answer.Scenarios {
		c := chart{Scenario: s}
		for _, h := range s.Hops {
			n := slices.Index(drill.Hops, h.Name)
			if h.Seen && n >= 0 {
				c.Total = max(c.Total, h.Total)
				c.Bars = append(c.Bars, bar{h, max(0, h.Total-h.Seconds) / longest * 1000, max(3, h.Seconds/longest*1000),
					"hop" + strconv.Itoa(n)})
			}
		}
		all = append(all, c)
	}
	return all
}

// evidenceMonths is how many months are offered.
const evidenceMonths = 13

// evidence offers reports.
func (q *request) evidence() {
	data := struct {
		Months []string
		Made   Evidence
	}{}
	now := q.s.Now().UTC()
	for n := range evidenceMonths {
		data.Months = append(data.Months, time.Date(now.Year(), now.Month()-time.Month(n), 1, 0, 0, 0, 0, time.UTC).
			Format("2006-01"))
	}
	q.s.mu.Lock()
	data.Made = q.s.evidence
	q.s.mu.Unlock()
	q.show("evidence", i18n.T("Evidence"), data)
}

// download gives a file of the report that was made last.
func (q *request) download() {
	n, err := strconv.Atoi(q.URL.Query().Get("file"))
	q.s.mu.Lock()
	files := q.s.evidence.Files
	q.s.mu.Unlock()
	if err != nil || n < 0 || n >= len(files) {
		q.refuse(404, i18n.T("There is no such file: make the report again."))
		return
	}
	q.w.Header().Set("Content-Type", "application/octet-stream") // a browser keeps it, and opens nothing
	q.w.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(files[n].Name))
	_, _ = q.w.Write(files[n].Body)
}
