package report

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// Tool is the id of the function that makes reports, and of the entries about them.
const Tool = "report"

// sweep is how the ledger names the event of a schedule.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
const sweep = "Scheduled Event"

// Make makes the report of a period.
func Make(s Source, p Period, now time.Time) Report {
	r := makeOne(s, p, now)
	before := p.before()
	if slices.ContainsFunc(s.Ledger.Entries, func(e ledger.Entry) bool { return e.At.Before(before.To) }) {
		summary := makeOne(s, before, before.To).Summary()
		r.Before = &summary
	}
	return r
}

func makeOne(s Source, p Period, now time.Time) Report {
	m := maker{Source: s, Report: Report{Account: s.Account, Region: s.Region, Period: p, Made: now.UTC()}}
	// A drill is evidence of itself alone.
	m.Ledger.Entries = slices.DeleteFunc(slices.Clone(m.Ledger.Entries), func(e ledger.Entry) bool {
		if e.Drill != "" {
			m.drill(e)
		}
		return e.Drill != "" || e.Control == Tool
	})
	found := m.findings()
	m.changes(found)
	m.alerts()
	m.exemptions()
	m.incidents()
	m.controls(found)
	deployed := slices.DeleteFunc(slices.Clone(s.Controls),
		func(c control.Control) bool { return !c.Tool && s.Modes[c.ID] == control.Off })
	m.Coverage = coverage(deployed, s.CIS)
	return m.Report
}

type maker struct {
	Source
	Report
}

// covers reports whether a time is in the period, and not after the report was made.
func (m *maker) covers(t time.Time) bool { return m.Period.covers(t) && !t.After(m.Made) }

// seen is how long an observed or standing finding counts as open: a control records the same thing once a week, with
// the first sweep after that.
const seen = remediation.Weekly + day

// findings follows each matter through its entries, oldest first, from the one that opens it to the one that ends it.
func (m *maker) findings() []Finding {
	type matter struct{ control, key string }
	open := map[matter]*Finding{}
	last := map[matter]time.Time{} // when an observed one was seen last
	var all []*Finding
	end := func(key matter, at time.Time, outcome Outcome, id string) {
		if f := open[key]; f != nil {
			f.Closed, f.Outcome, f.Last = at, outcome, id
			delete(open, key)
		}
	}
	for _, e := range m.Ledger.Entries {
		key := matter{e.Control, cmp.Or(e.Case, m.standing(e))}
		if key.key == "" || e.Guard != "" || e.Control == remediation.UndoControl || e.At.After(m.Made) {
			continue
		}
		if len(e.Steps) == 0 && m.standing(e) == "" {
			if e.Notify != notice.Alert {
				end(key, e.At, Fixed, e.ID)
			}
			continue
		}
		if f := open[key]; f != nil && f.ends() && e.At.After(last[key].Add(seen)) {
			end(key, last[key].Add(seen), Unseen, f.Last)
		}
		f := open[key]
		if f == nil {
			f = &Finding{ID: e.ID, Control: e.Control, Opened: e.At}
			open[key], all = f, append(all, f)
		}
		f.Last, f.Subject, f.Owner, f.Title, f.Severity = e.ID, e.Subject, e.Owner, m.title(e), e.Severity
		if warning := e.Notice(notice.Warning); warning != nil {
			f.Notified, f.Due = warning.At, e.Due
		} else if alert := e.Notice(notice.Alert); alert != nil {
			f.Notified = alert.At
		}
		outcome, at := outcome(e)
		f.Outcome = outcome
		switch outcome {
		case Observed, Standing:
			last[key] = e.At
		case Changed, Undone, NotDone:
			end(key, at, outcome, e.ID)
		}
	}
	cases := map[matter]ledger.Case{}
	for _, c := range m.Ledger.Cases {
		cases[matter{c.Control, c.Key}] = c
	}
	for key, f := range open {
		c := cases[key]
		switch {
		case f.ends() && last[key].Add(seen).Before(m.Made):
			end(key, last[key].Add(seen), Unseen, f.Last)
		case !c.Closed.IsZero() && !c.Closed.Before(f.Opened) && !c.Closed.After(m.Made):
			end(key, c.Closed, map[ledger.CaseOutcome]Outcome{ledger.Acted: Changed, ledger.Fixed: Fixed}[c.Outcome], f.Last)
			f.Outcome = cmp.Or(f.Outcome, SetAside)
		case c.Open() && !c.Due.IsZero() && !c.Opened.After(f.Opened):
			f.Due = c.Due
		}
	}
	findings := make([]Finding, len(all))
	for i, f := range all {
		findings[i] = *f
	}
	return findings
}

// standing is the key of the condition that a sweep alerts on, such as a root user without MFA: it is repeated for as
// long as the condition is there. It is empty for another entry.
func (m *maker) standing(e ledger.Entry) string {
	if e.Event != sweep || len(e.Steps) > 0 || e.Notify != notice.Alert || m.tool(e.Control) {
		return ""
	}
	return "standing#" + cmp.Or(e.UserID, e.Subject) + "#" + cmp.Or(e.Heading, e.Title)
}

func (m *maker) tool(id string) bool {
	return slices.ContainsFunc(m.Source.Controls, func(c control.Control) bool { return c.Tool && c.ID == id })
}

// title is the title of an entry in the language, as far as it can be had: one with names in it stays as it was
// recorded.
func (m *maker) title(e ledger.Entry) string {
	switch {
	case m.Language == settings.English:
		return cmp.Or(e.Heading, e.Title)
	case e.Heading != "": // the title is in the language of the deployment
		return e.Title
	}
	return translator{m.Language}.lookup(e.Title)
}

// ends reports whether a finding ends by not being recorded any more.
func (f Finding) ends() bool { return f.Outcome == Observed || f.Outcome == Standing }

// outcome is how a finding stands after an entry, and when it came to stand so.
func outcome(e ledger.Entry) (Outcome, time.Time) {
	if len(e.Steps) == 0 {
		return Standing, e.At
	}
	has := map[ledger.Status]bool{}
	at := e.At
	for _, s := range e.Steps {
		has[s.Status] = true
		if s.At.After(at) {
			at = s.At
		}
	}
	for _, worst := range []struct {
		status  ledger.Status
		outcome Outcome
	}{
		{ledger.Failed, Failed}, {ledger.Held, Held}, {ledger.Pending, Open}, {ledger.Planned, Open},
		{ledger.Observed, Observed}, {ledger.Undone, Undone}, {ledger.Applied, Changed}, {ledger.Verified, Changed},
	} {
		if has[worst.status] {
			return worst.outcome, at
		}
	}
	return NotDone, at
}

// changes lists the steps that came to an end in the period.
func (m *maker) changes(found []Finding) {
	runs := map[[2]string]ledger.Run{} // by control and key
	for _, run := range m.Ledger.Runs {
		runs[[2]string{run.Control, run.Key}] = run
	}
	announced := map[string]time.Time{} // by the entry that made what was announced before
	for _, f := range found {
		if f.Last != f.ID {
			announced[f.Last] = f.Notified
		}
	}
	for _, e := range m.Ledger.Entries {
		sent := outcomeNotice(e)
		run := runs[[2]string{e.Control, e.Run}]
		for _, s := range e.Steps {
			if s.Status == ledger.Pending || s.Status == ledger.Planned || !m.covers(s.At) {
				continue
			}
			c := Change{
				ID: s.ID, Control: e.Control, Subject: e.Subject, Owner: e.Owner, Kind: s.Kind, Status: s.Status,
				Text:   m.Kinds.Describe(s.Change, wasMade(s.Status)).In(string(m.Language)),
				Reason: s.Reason, At: s.At, Event: e.Run, UndoneBy: s.Undo, By: m.name(e.By), Why: e.Reason,
				Announced: announced[e.ID],
			}
			if sent != nil {
				c.Notified, c.Message = sent.At, sent.Message
			}
			if e.Event != sweep && e.Control != remediation.UndoControl {
				c.Happened = run.Happened
			}
			if wasMade(s.Status) && e.Event != sweep && e.By.IsZero() && c.Announced.IsZero() && c.Happened.IsZero() {
				m.Untimed++
			}
			if s.Status.Made() {
				c.Undo = remediation.UndoCommand(m.Kinds, s)
			}
			m.Changes = append(m.Changes, c)
		}
	}
	slices.SortStableFunc(m.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Control, b.Control), a.At.Compare(b.At))
	})
}

// name is who asked for something.
func (m *maker) name(who caller.Identity) string { return who.Describe().In(string(m.Language)) }

// outcomeNotice is the notice of how an entry came out, nil when there is none.
func outcomeNotice(e ledger.Entry) *ledger.Notification {
	for _, n := range slices.Backward(e.Notifications) {
		if n.Kind != notice.Warning && n.Kind != notice.Reminder {
			return &n
		}
	}
	return nil
}

func (m *maker) alerts() {
	for _, e := range m.Ledger.Entries {
		if len(e.Steps) > 0 || e.Guard != "" || e.Notify != notice.Alert || !m.covers(e.At) {
			continue
		}
		a := Alert{ID: e.ID, Control: e.Control, Subject: e.Subject, Title: m.title(e), Severity: e.Severity,
			At: e.At, Event: e.Run}
		if sent := e.Notice(notice.Alert); sent != nil {
			a.Notified = sent.At
		}
		m.Alerts = append(m.Alerts, a)
	}
	slices.SortStableFunc(m.Alerts, func(a, b Alert) int {
		return cmp.Or(cmp.Compare(a.Control, b.Control), a.At.Compare(b.At))
	})
}

const soonDays = 30

func (m *maker) exemptions() {
	for _, user := range m.Users {
		for key, text := range user.Tags {
			if !exemption.IsTag(strings.ToLower(key)) {
				continue
			}
			e, fault := exemption.Parse(text, m.Made)
			x := Exemption{User: user.Name, Text: text, Control: e.Control, Until: e.Until, By: e.By, Reason: e.Reason,
				State: InForce}
			if fault == nil {
				x.DaysLeft = e.DaysLeft(m.Made)
			}
			switch {
			case fault != nil:
				x.State, x.Fault = Malformed, i18n.Error(fault).In(string(m.Language))
			case e.Control != exemption.All && !slices.ContainsFunc(m.Source.Controls,
				func(c control.Control) bool { return !c.Tool && c.ID == e.Control }):
				x.State, x.Fault = NoControl, translator{m.Language}.T("there is no control %q", e.Control)
			case x.DaysLeft < 0:
				x.State = Expired
			case x.DaysLeft <= soonDays:
				x.State = Soon
			}
			m.Exemptions = append(m.Exemptions, x)
		}
	}
	for _, a := range m.Ledger.Asked {
		for _, user := range a.Users {
			for _, e := range a.Exemptions(m.Made) {
				x := Exemption{User: user.Name, Text: a.ID, Control: e.Control, Until: e.Until, By: e.By, Reason: e.Reason,
					DaysLeft: e.DaysLeft(m.Made), State: InForce}
				if x.DaysLeft <= soonDays {
					x.State = Soon
				}
				m.Exemptions = append(m.Exemptions, x)
			}
		}
	}
	slices.SortFunc(m.Exemptions, func(a, b Exemption) int {
		return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.User, b.User))
	})
}

// halts are the times in which every change was halted: from the first halt to the next time that it was resumed.
func (m *maker) halts() []Incident {
	var halts []Incident
	on := false
	for _, e := range slices.SortedStableFunc(slices.Values(m.Ledger.Entries), func(a, b ledger.Entry) int {
		return a.At.Compare(b.At)
	}) {
		switch {
		case e.Guard == ledger.Halted && !on:
			halts = append(halts, Incident{Kind: Halted, ID: e.ID, Control: e.Control, At: e.At, By: m.name(e.By),
				Text: cmp.Or(e.Reason, e.Text)})
		case e.Guard == ledger.Resumed && on:
			halts[len(halts)-1].Until = e.At
		}
		on = on && e.Guard != ledger.Resumed || e.Guard == ledger.Halted
	}
	return halts
}

// incidents lists halts, stops, what failed, and what was put on hold.
func (m *maker) incidents() {
	add := func(i Incident) {
		until := cmp.Or(i.Until, i.At)
		if i.Kind == Halted && i.Until.IsZero() {
			until = m.Made
		}
		if i.At.Before(m.Until()) && !i.At.After(m.Made) && !until.Before(m.From) {
			m.Incidents = append(m.Incidents, i)
		}
	}
	for _, i := range m.halts() {
		add(i)
	}
	kinds := map[ledger.Guard]IncidentKind{ledger.Stopped: Stopped, ledger.Released: Released,
		ledger.Exemption: BadExemption}
	stuck := map[ledger.Status]IncidentKind{ledger.Failed: FailedChange, ledger.Held: HeldChange}
	for _, e := range m.Ledger.Entries {
		if kind, ok := kinds[e.Guard]; ok {
			add(Incident{Kind: kind, ID: e.ID, Control: e.Control, Subject: e.Subject, At: e.At, By: m.name(e.By), Text: e.Text})
		}
		for _, s := range e.Steps {
			if kind, ok := stuck[s.Status]; ok {
				add(Incident{Kind: kind, ID: s.ID, Control: e.Control, Subject: e.Subject, At: s.At, Text: s.Reason})
			}
		}
		if e.Notify == notice.Alert && len(e.Steps) == 0 && len(e.Notifications) == 0 {
			add(Incident{Kind: UndeliveredIncident, ID: e.ID, Control: e.Control, Subject: e.Subject, At: e.At, Text: e.Title})
		}
	}
	for _, run := range m.Ledger.Runs {
		switch {
		case run.Done && run.Outcome == string(remediation.Failed):
			add(Incident{Kind: FailedRun, ID: run.Key, Control: run.Control, At: run.At, Text: run.Reason})
		case !run.Done && run.Until.Before(m.Made):
			add(Incident{Kind: UnfinishedRun, ID: run.Key, Control: run.Control, At: run.At, Text: run.Reason})
		}
	}
	m.missedSweeps(add)
	slices.SortStableFunc(m.Incidents, func(a, b Incident) int { return a.At.Compare(b.At) })
}

// drill lists a drill once, from its first entry to its last.
func (m *maker) drill(e ledger.Entry) {
	if !m.covers(e.At) {
		return
	}
	i := slices.IndexFunc(m.Incidents, func(i Incident) bool { return i.Kind == Drill && i.ID == e.Drill })
	if i < 0 {
		i = len(m.Incidents)
		m.Incidents = append(m.Incidents, Incident{Kind: Drill, ID: e.Drill, Subject: e.Subject, At: e.At})
	}
	m.Incidents[i].Until = e.At
}

// patience is after how long without a daily sweep one is missed: the alarm's 26 hours.
const patience = 26 * time.Hour

// missedSweeps finds gaps between the daily sweeps of a control, in the month that runs are remembered for. Before the
// first remembered sweep nothing can be said.
func (m *maker) missedSweeps(add func(Incident)) {
	for _, c := range m.Source.Controls {
		if c.Tool || c.Schedule != "rate(1 day)" {
			continue
		}
		var before time.Time
		gap := func(next time.Time) {
			if !before.IsZero() && next.Sub(before) > patience && before.After(m.Made.Add(-remembered)) {
				add(Incident{Kind: MissedSweep, ID: c.ID, Control: c.ID, At: before, Until: next})
			}
			before = next
		}
		for _, run := range m.Ledger.Runs {
			if run.Control == c.ID && run.Event == sweep && run.Done {
				gap(run.At)
			}
		}
		if m.Modes[c.ID] != control.Off {
			gap(m.Made)
		}
	}
}

// remembered is how long runs that found nothing are kept.
const remembered = 30 * day

// controls sums up each control, and keeps the findings that its series counts.
func (m *maker) controls(found []Finding) {
	index, ends := map[string]*Control{}, m.ends()
	add := func(c Control) *Control {
		c.Open = make([]int, len(ends))
		index[c.ID] = &c
		return &c
	}
	for _, c := range m.Source.Controls {
		add(Control{ID: c.ID, Title: c.Title, Severity: c.Severity, Tool: c.Tool, Acts: c.Acts(), Mode: m.Modes[c.ID],
			Scheduled: c.Schedule != ""})
	}
	of := func(id string) *Control {
		if c := index[id]; c != nil {
			return c
		}
		return add(Control{ID: id, Title: id}) // a control of an earlier version
	}
	for _, f := range found {
		counted := false
		for i, end := range ends {
			if f.openAt(end) {
				of(f.Control).Open[i]++
				counted = true
			}
		}
		if counted {
			m.Findings = append(m.Findings, f)
		}
	}
	slices.SortStableFunc(m.Findings,
		func(a, b Finding) int { return cmp.Or(cmp.Compare(a.Control, b.Control), a.Opened.Compare(b.Opened)) })
	events, notices := map[string][]Measure{}, map[string][]Measure{}
	for _, c := range m.Changes {
		if wasMade(c.Status) {
			of(c.Control).Made++
		}
		if d, ok := c.afterEvent(); ok {
			events[c.Control] = append(events[c.Control], Measure{d.Seconds(), c.ID})
		} else if d, ok := c.afterNotice(); ok {
			notices[c.Control] = append(notices[c.Control], Measure{d.Seconds(), c.ID})
		}
	}
	for _, a := range m.Alerts {
		of(a.Control).Alerts++
	}
	for _, run := range m.Ledger.Runs {
		if !m.covers(run.At) {
			continue
		}
		c := of(run.Control)
		if run.Done && run.Event == sweep {
			c.Sweeps, c.LastSweep = c.Sweeps+1, run.At
		}
		if n := len(c.Modes); run.Mode != "" && (n == 0 || c.Modes[n-1].Mode != run.Mode) {
			c.Modes = append(c.Modes, ModeFrom{run.Mode, run.At})
		}
	}
	for id, c := range index {
		c.AfterEvent, c.AfterNotice = timing(events[id]), timing(notices[id])
		m.Report.Controls = append(m.Report.Controls, *c)
	}
	slices.SortFunc(m.Report.Controls, func(a, b Control) int { return cmp.Compare(a.ID, b.ID) })
}

// timing sums measures up by the nearest rank: each figure is one that was measured.
func timing(measures []Measure) Timing {
	if len(measures) == 0 {
		return Timing{}
	}
	slices.SortFunc(measures, func(a, b Measure) int {
		return cmp.Or(cmp.Compare(a.Seconds, b.Seconds), cmp.Compare(a.Action, b.Action))
	})
	rank := func(share float64) Measure { return measures[max(0, int(math.Ceil(share*float64(len(measures))))-1)] }
	return Timing{Count: len(measures), Median: rank(0.5), P90: rank(0.9), Max: rank(1)}
}

// severities are all of them, the lowest first.
var severities = []control.Severity{control.Low, control.Medium, control.High, control.Critical}

// severities are those of the findings that are open at the end of each day.
func (r Report) severities() map[control.Severity][]int {
	all, ends := map[control.Severity][]int{}, r.ends()
	for _, s := range severities {
		all[s] = make([]int, len(ends))
	}
	for _, f := range r.Findings {
		series, ok := all[control.Severity(f.Severity)]
		if !ok {
			series = all[control.Medium]
		}
		for i, end := range ends {
			if f.openAt(end) {
				series[i]++
			}
		}
	}
	return all
}

// ends are the ends of the period's days, the last one when the report was made.
func (r Report) ends() []time.Time {
	var ends []time.Time
	for begin := r.From; begin.Before(r.Until()); begin = begin.AddDate(0, 0, 1) {
		end := begin.AddDate(0, 0, 1)
		if end.After(r.Made) {
			end = r.Made
		}
		ends = append(ends, end)
	}
	return ends
}

// Standing are the findings that are open at the end, the most severe and then the oldest first.
func (r Report) Standing() []Finding {
	open := slices.DeleteFunc(slices.Clone(r.Findings),
		func(f Finding) bool { return !f.openAt(r.Until()) || r.control(f.Control).Tool })
	slices.SortStableFunc(open, func(a, b Finding) int {
		return cmp.Or(control.Severity(b.Severity).Rank()-control.Severity(a.Severity).Rank(), a.Opened.Compare(b.Opened))
	})
	return open
}

func (f Finding) openAt(t time.Time) bool {
	return f.Opened.Before(t) && (f.Closed.IsZero() || !f.Closed.Before(t))
}

// Summary is the numbers of a report that stand for the others.
type Summary struct {
	Open, Alerts                  int
	Made, Undone, Observed, Stuck int // of controls; Stuck were held back or failed
	Exempt, Soon, Faulty          int // Soon are among Exempt
}

// Summary sums the report up.
func (r Report) Summary() Summary {
	s := Summary{Alerts: len(r.Alerts)}
	for _, c := range r.Controls {
		if !c.Tool {
			s.Open += c.Now()
		}
	}
	for _, c := range r.Changes {
		switch {
		case c.Control == remediation.UndoControl && wasMade(c.Status):
			s.Undone++
		case r.control(c.Control).Tool:
		case wasMade(c.Status):
			s.Made++
		case c.Status == ledger.Observed:
			s.Observed++
		case c.Status == ledger.Held || c.Status == ledger.Failed:
			s.Stuck++
		}
	}
	for _, x := range r.Exemptions {
		switch x.State {
		case Soon:
			s.Soon++
			s.Exempt++
		case InForce:
			s.Exempt++
		case Malformed, NoControl:
			s.Faulty++
		}
	}
	return s
}
