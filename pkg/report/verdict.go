package report

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/net/html"

	"github.com/warder-aws/warder/pkg/control"
)

// verdict answers what is asked first: was it in order, what stands open, and did Warder work.
func (p *page) verdict() *html.Node {
	s, standing := p.Summary(), p.Standing()
	grave, oldest := 0, time.Duration(0)
	for _, f := range standing {
		if control.Severity(f.Severity).Rank() >= control.High.Rank() {
			grave++
		}
		oldest = max(oldest, p.Until().Sub(f.Opened))
	}
	kept := 0 // times that something kept Warder from its work
	for _, i := range p.Incidents {
		if i.Kind != Drill && i.Kind != Released && i.Kind != HeldChange && i.Kind != BadExemption {
			kept++
		}
	}
	lead, kind := p.T("In order."), "good"
	if grave+s.Stuck+kept > 0 {
		lead, kind = p.T("Needs attention."), "bad"
	}
	text := p.T("Nothing is open at the end.")
	if len(standing) > 0 {
		text = p.T(
			"Open at the end: %d, of them high or critical: %d; the oldest for %s.",
			len(standing),
			grave,
			p.age(oldest),
		)
	}
	text += " " + p.T("Changes made: %d, reverted: %d, on hold or failed: %d.", s.Made, s.Undone, s.Stuck)
	if !p.acts() {
		text += " " + p.T("No control enforces: Warder changed nothing and only reported.")
	}
	if kept > 0 {
		text += " " + p.T("What kept Warder from its work: %d, listed under 6.", kept)
	}
	return el("p", class("verdict "+kind), attr{"id", "verdict"}, el("strong", lead), " "+text)
}

// acts reports whether any control enforces.
func (p *page) acts() bool {
	for _, c := range p.Controls {
		if c.Acts && !c.Tool && c.Mode == control.Enforce {
			return true
		}
	}
	return false
}

// age is a time in whole days.
func (p *page) age(d time.Duration) string {
	if d < day {
		return p.T("less than a day")
	}
	if d < 2*day {
		return p.T("1 day")
	}
	return p.T("%d days", int(d/day))
}

// listed is how many open findings the first screen names.
const listed = 6

// standing are the open findings by severity, and the first of them by name.
func (p *page) standing() []*html.Node {
	open := p.Standing()
	if len(open) == 0 {
		return nil
	}
	count := map[string]int{}
	var rows []row
	for i, f := range open {
		severity := severityClass(f.Severity)
		count[severity]++
		if i < listed {
			rows = append(rows, row{
				badge(severity, p.severity(f.Severity)), subject(f.Subject, f.Owner),
				lines(f.Title, el("code", f.Control)), p.age(p.Until().Sub(f.Opened)),
				lines(p.or(outcomes[f.Outcome], string(f.Outcome))),
			})
		}
	}
	counts := el("p", class("severities"))
	for i := len(severities) - 1; i >= 0; i-- {
		name := string(severities[i])
		add(counts, badge(name, fmt.Sprintf("%s %d", p.severity(name), count[name])), " ")
	}
	nodes := []*html.Node{counts, p.table(p.T("What stands open"), []column{
		{p.T("Severity"), ""}, {p.T("Subject and owner"), "who"}, {p.T("Finding"), ""}, {p.T("Open for"), "number"},
		{p.T("Current state"), ""},
	}, false, rows)}
	if more := len(open) - listed; more > 0 {
		nodes = append(nodes, el("p", p.T("%d more are listed under 1.", more)))
	}
	return nodes
}

// before is what a number of the summary was in the period before.
func (p *page) before(of func(Summary) int) *html.Node {
	if p.Before == nil {
		return nil
	}
	return el("small", p.T("before: %s", strconv.Itoa(of(*p.Before))))
}

// signOff has room for who made and who read the report, and the hash by which the data beside it is known.
func (p *page) signOff(hash string) *html.Node {
	box := el("div", class("signoff"))
	for _, who := range []string{p.T("Prepared by"), p.T("Reviewed by"), p.T("Approved by")} {
		add(box, el("dl", el("dt", who), el("dd", ""), el("dt", p.T("Date and signature")), el("dd", "")))
	}
	return el("section", attr{"id", "signoff"}, attr{"aria-labelledby", "signoff-h"},
		el("h2", attr{"id", "signoff-h"}, p.T("Sign-off")),
		el("p", p.T("SHA-256 of the CSV file that was written with this page:")+" ", el("code", hash)), box)
}
