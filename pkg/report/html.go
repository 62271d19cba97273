package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// style is the page's style. It is part of the page: the page loads nothing.
//
//go:embed style.css
var style string

// Style is the style of the page, for what is to look like it.
func Style() string { return style }

type page struct {
	Report
	translator
	titles map[string]string // of controls, in the language
}

// HTML writes the report as one page in the language. It needs nothing beside itself: it has no
// script, and says so to the browser, and loads nothing.
func HTML(w io.Writer, r Report, l settings.Language) error {
	p := &page{Report: r, translator: translator{l}, titles: map[string]string{}}
	for _, c := range r.Controls {
		p.titles[c.ID] = p.lookup(c.Title)
	}
	sum := sha256.Sum256([]byte(style))
	// https://www.w3.org/TR/CSP3/
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'"
	meta := func(key, name, content string) *html.Node {
		return el("meta", attr{key, name}, attr{"content", content})
	}
	title := p.T("Warder: evidence of %s", p.period(r.Period)) + ", " + r.Account
	css := el("style")
	css.AppendChild(&html.Node{Type: html.TextNode, Data: style}) // as it is: its hash is in the policy
	table := sha256.New()
	if err := CSV(table, r); err != nil {
		return err
	}
	sections := p.sections()
	var contents, bodies []*html.Node
	for i, s := range sections {
		contents = append(contents, el("li", el("a", attr{"href", "#" + s.id}, s.title)))
		bodies = append(bodies, el("section", attr{"id", s.id}, attr{"aria-labelledby", s.id + "-h"},
			el("h2", attr{"id", s.id + "-h"}, fmt.Sprintf("%d. %s", i+1, s.title)), s.body))
	}
	document := &html.Node{Type: html.DocumentNode}
	document.AppendChild(&html.Node{Type: html.DoctypeNode, Data: "html"})
	document.AppendChild(el("html", attr{"lang", string(l)},
		el("head",
			el("meta", attr{"charset", "utf-8"}),
			meta("http-equiv", "Content-Security-Policy", policy),
			meta("name", "viewport", "width=device-width, initial-scale=1"),
			meta("name", "referrer", "no-referrer"), meta("name", "robots", "noindex"),
			el("title", title), css),
		el("body",
			p.header(),
			el("nav", attr{"aria-label", p.T("Contents")}, el("ol", contents)),
			el("main", attr{"id", "top"}, p.summary(), bodies, p.signOff(hex.EncodeToString(table.Sum(nil)))),
			el("footer",
				el("p", p.T("Made by Warder on %s from its ledger in account %s. Every action, finding and event is identified "+
					"by its id.",
					p.minute(r.Made), r.Account))))))
	if err := html.Render(w, document); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

func (p *page) minute(t time.Time) string {
	return p.local(t).Format("2006-01-02 15:04") + " " + p.zone()
}

// local is a time in the zone of the period, which is that of the page.
func (p *page) local(t time.Time) time.Time { return t.In(p.From.Location()) }

// zone is what the zone is called, as in KST, or UTC-03 where it has no letters.
func (p *page) zone() string {
	name, _ := p.From.Zone()
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return "UTC" + name
	}
	return name
}

func (p *page) header() *html.Node {
	last := p.To.AddDate(0, 0, -1)
	fact := func(name, value string) *html.Node { return el("div", el("dt", name), el("dd", value)) }
	facts := el("dl", class("facts"), fact(p.T("Account"), p.Account+", "+p.Region),
		fact(p.T("Period"), p.T("%s to %s", p.From.Format(time.DateOnly), last.Format(time.DateOnly))+" ("+p.zone()+")"),
		fact(p.T("Made on"), p.minute(p.Made)))
	head := el("header", el("p", class("product"), "Warder"),
		el("h1", p.T("Evidence of access control, %s", p.period(p.Period))), facts)
	if !p.Over() {
		add(head, el("p", class("notice"), attr{"role", "note"},
			p.T("The period is not over: this report covers it up to now and is not final.")))
	}
	return head
}

// summary is the numbers of the page; each leads to where what it counts is listed.
func (p *page) summary() *html.Node {
	s := p.Summary()
	tiles := el("ul", class("tiles"))
	tile := func(link, label string, of func(Summary) int, parts ...any) {
		shown := el("strong", strconv.Itoa(of(s)))
		add(shown, parts...)
		add(tiles, el("li", el("a", attr{"href", link}, shown, el("span", label), p.before(of))))
	}
	undone, stuck := "#changes", []any{}
	if s.Undone > 0 {
		undone = "#changes-" + remediation.UndoControl
	}
	if s.Stuck > 0 {
		stuck = append(stuck, class("bad"))
	}
	tile("#open", p.T("Findings open at the end"), func(s Summary) int { return s.Open })
	tile("#changes", p.T("Changes made"), func(s Summary) int { return s.Made })
	tile(undone, p.T("Changes reverted"), func(s Summary) int { return s.Undone })
	tile("#changes", p.T("Not applied: only observed"), func(s Summary) int { return s.Observed })
	tile("#incidents", p.T("Changes on hold or failed"), func(s Summary) int { return s.Stuck }, stuck...)
	tile("#alerts", p.T("Alerts"), func(s Summary) int { return s.Alerts })
	add(tiles, el("li", el("a", attr{"href", "#exemptions"}, el("strong", strconv.Itoa(s.Exempt)),
		el("span", p.T("Exemptions in force")))))
	return el("section", attr{"aria-labelledby", "summary-h"}, el("h2", attr{"id", "summary-h"}, p.T("Summary")),
		p.verdict(), tiles, p.standing())
}

type section struct {
	id, title string
	body      []*html.Node
}

func (p *page) sections() []section {
	return []section{
		{"open", p.T("Open findings"), p.open()},
		{"changes", p.T("Changes and reverts"), p.changesSection()},
		{"times", p.T("Response times"), p.times()},
		{"exemptions", p.T("Exemptions"), p.exemptionsSection()},
		{"coverage", p.T("Compliance mapping"), p.coverageSection()},
		{"incidents", p.T("Halts, stops and failures"), p.incidentsSection()},
		{"alerts", p.T("Alerts"), p.alertsSection()},
		{"limits", p.T("What this report does not cover"), p.limits()},
	}
}

// A column of a table has a name, by which a narrow screen shows its cells.
type column struct{ name, class string }

// A row is the cells of a table's row: each is whatever an element can hold.
type row []any

// A group is the rows of a list that belong together, under a title.
type group struct {
	id, name string
	title    []*html.Node
	rows     []row
}

// maxRows is how many rows of one table are shown; the CSV file has all.
const maxRows = 500

// few is up to how many rows a list is there to be read; of a longer one the groups are opened one by one. Who follows
// a link to something in a group that is closed finds it open, and on paper all are.
const few = 12

// folded is a table for each group, under the group's title.
func (p *page) folded(caption string, columns []column, groups []group) []*html.Node {
	all := 0
	for _, g := range groups {
		all += len(g.rows)
	}
	nodes := []*html.Node{el("h3", caption)}
	for _, g := range groups {
		part := el("details", class("part"), attr{"id", g.id}, el("summary", g.title))
		if all <= few {
			add(part, attr{"open", ""})
		}
		add(part, p.table(g.name, columns, true, g.rows))
		nodes = append(nodes, part)
	}
	return nodes
}

// table is a table. It is a list of cards on a narrow screen, so its roles are said. Its caption is only heard where
// something above it shows it.
func (p *page) table(caption string, columns []column, heard bool, rows []row) *html.Node {
	role := func(name string) attr { return attr{"role", name} }
	all := attr{"colspan", strconv.Itoa(len(columns))}
	head := el("tr", role("row"))
	for _, c := range columns {
		add(head, el("th", role("columnheader"), attr{"scope", "col"}, class(c.class), c.name))
	}
	name, body := el("caption", caption), el("tbody", role("rowgroup"))
	if heard {
		add(name, class("heard"))
	}
	for _, row := range rows[:min(maxRows, len(rows))] {
		line := el("tr", role("row"))
		for i, part := range row {
			kind, cell := columns[i].class, el("div", part)
			if cell.FirstChild == nil {
				kind += " none"
			}
			add(line, el("td", role("cell"), class(strings.TrimSpace(kind)), attr{"data-label", columns[i].name}, cell))
		}
		add(body, line)
	}
	if more := len(rows) - maxRows; more > 0 {
		add(body, el("tr", role("row"), el("td", role("cell"), all, p.T("%d more rows are in the CSV file.", more))))
	}
	return el("table", role("table"), class("cards"), name, el("thead", role("rowgroup"), head), body)
}

// grouped sorts rows into a group for each control that has any, with their number.
func (p *page) grouped(prefix string, rows map[string][]row) []group {
	var groups []group
	for _, c := range p.Controls {
		if n := len(rows[c.ID]); n > 0 {
			title := []*html.Node{el("span", p.titles[c.ID]), el("code", c.ID), el("span", class("count"), strconv.Itoa(n))}
			groups = append(groups, group{prefix + "-" + c.ID, p.titles[c.ID], title, rows[c.ID]})
		}
	}
	return groups
}

// some is the element, or nothing if the text is empty.
func some(tag, text string, parts ...any) *html.Node {
	if text == "" {
		return nil
	}
	return el(tag, append(parts, text)...)
}

func small(text string) *html.Node { return some("small", text) }

// id is an id that can be asked after, whatever it is long.
func id(text string) *html.Node { return some("code", text, class("id")) }

// when is a time to the minute, in two lines where there is little room.
func (p *page) when(t time.Time) *html.Node {
	if t.IsZero() {
		return nil
	}
	return el("time", attr{"datetime", t.UTC().Format(time.RFC3339)}, p.local(t).Format("2006-01-02 15:04"))
}

func badge(kind, text string) *html.Node { return el("span", class("badge "+kind), text) }

func subject(name, owner string) []*html.Node { return lines(foreign(name), small(owner)) }

func (p *page) controlCell(id string) []*html.Node { return lines(p.title(id), el("code", id)) }

func severityClass(s string) string {
	if control.Severity(s).Rank() == 0 {
		return "low"
	}
	return s
}

func anchor(action string) string { return "a-" + action }

func empty(text string) *html.Node { return el("p", class("empty"), text) }

func (p *page) open() []*html.Node {
	series := p.severities()
	var layers []layer
	for _, s := range severities {
		layers = append(layers, layer{p.severity(string(s)), string(s), series[s]})
	}
	var rows, idle []row
	for _, c := range p.Controls {
		if c.Tool {
			continue
		}
		if c.peak()+c.Made+c.Alerts == 0 {
			idle = append(idle, row{p.controlCell(c.ID), p.modes(c), p.lastSweep(c)})
			continue
		}
		first := 0
		if len(c.Open) > 0 {
			first = c.Open[0]
		}
		rows = append(rows, row{
			p.controlCell(c.ID), p.modes(c), p.spark("spark-"+c.ID, p.T("Open findings: %s", p.titles[c.ID]), c.Open),
			strconv.Itoa(first), strconv.Itoa(c.peak()), link(c.peak() > 0, "open-"+c.ID, c.Now()),
			link(c.Made > 0, "changes-"+c.ID, c.Made), link(c.Alerts > 0, "alerts-"+c.ID, c.Alerts), p.lastSweep(c),
		})
	}
	found := map[string][]row{}
	for _, f := range p.Findings {
		ids := lines(id(f.ID), id(f.Last))
		if f.ID == f.Last {
			ids = lines(id(f.ID))
		}
		found[f.Control] = append(found[f.Control], row{
			subject(f.Subject, f.Owner), lines(f.Title, badge(severityClass(f.Severity), p.severity(f.Severity))),
			lines(p.when(f.Opened)), lines(p.when(f.Notified)), lines(p.when(f.Due)),
			lines(p.or(outcomes[f.Outcome], string(f.Outcome)), p.when(f.Closed)), ids,
		})
	}
	nodes := []*html.Node{
		el(
			"p",
			p.T("What was open at the end of each day: found, and neither changed, nor fixed by its owner, nor exempt; and "+
				"what a sweep alerts on, until it is gone."),
		),
		p.stacked("chart-open", p.T("Open findings by severity"), false, layers),
	}
	if rows != nil {
		nodes = append(nodes, p.table(p.T("Open findings by control"), []column{
			{p.T("Control"), "broad"}, {p.T("Mode"), ""}, {p.T("Open, day by day"), "wide"}, {p.T("First day"), "number"},
			{p.T("Peak"), "number"}, {p.T("Last day"), "number"}, {p.T("Changes made"), "number"},
			{p.T("Alerts"), "number"}, {p.T("Last sweep"), ""},
		}, false, rows))
	}
	if idle != nil {
		title := p.T("Controls that found nothing: %d", len(idle))
		nodes = append(nodes, el("details", class("part"), el("summary", title), p.table(title, []column{
			{p.T("Control"), "broad"}, {p.T("Mode"), ""}, {p.T("Last sweep"), ""},
		}, true, idle)))
	}
	if len(p.Findings) == 0 {
		return append(nodes, empty(p.T("Nothing was open at the end of any day.")))
	}
	return append(nodes,
		p.folded(p.T("The findings behind the figures, in their state when the report was made"), []column{
			{p.T("Subject and owner"), "who"}, {p.T("Finding"), ""}, {p.T("Found"), ""}, {p.T("Owner notified"), ""},
			{p.T("Due"), ""}, {p.T("Current state"), ""}, {p.T("Ids"), ""},
		}, p.grouped("open", found))...)
}

// link is a number, with a link to the list of what it counts if there is one.
func link(listed bool, to string, number int) *html.Node {
	if !listed {
		return el("span", strconv.Itoa(number))
	}
	return el("a", attr{"href", "#" + to}, strconv.Itoa(number))
}

// modeBadge is the control's mode now. One that only alerts has none to speak of.
func (p *page) modeBadge(c Control) *html.Node {
	if !c.Acts && c.Mode != control.Off {
		return badge("mode-alerts", p.T("alerts"))
	}
	return badge("mode-"+string(c.Mode), p.mode(c.Mode))
}

// modes are the control's mode now, and how it changed in the period.
func (p *page) modes(c Control) []*html.Node {
	nodes := lines(p.modeBadge(c))
	if !c.Acts {
		return nodes
	}
	for _, m := range c.Modes[min(1, len(c.Modes)):] {
		since := p.T("%s since %s", p.mode(control.Mode(m.Mode)), p.local(m.From).Format(time.DateOnly))
		nodes = append(nodes, lines(small(since))...)
	}
	return nodes
}

// lastSweep is when the control went over the whole account last.
func (p *page) lastSweep(c Control) any {
	switch {
	case c.Tool:
		return p.T("on request")
	case !c.Scheduled:
		return p.T("none: events alone")
	case c.LastSweep.IsZero():
		return p.T("none on record")
	}
	return lines(p.when(c.LastSweep), small(p.T("%d in the period", c.Sweeps)))
}

func (p *page) changesSection() []*html.Node {
	series, days := map[string][]int{}, len(p.ends())
	for _, kind := range []string{"done", "back", "seen", "stuck"} {
		series[kind] = make([]int, days)
	}
	rows := map[string][]row{}
	for _, c := range p.Changes {
		kind, request := statusClass(c), ""
		if c.By != "" {
			request = p.T("requested by %s: %s", c.By, c.Why)
		}
		if c.Status == ledger.Undone {
			kind = "done" // its own change reverted it
		}
		if i := p.dayOf(c.At); i < days && c.Status != ledger.Skipped {
			series[kind][i]++
		}
		rows[c.Control] = append(rows[c.Control], row{
			lines(p.when(c.At), el("code", class("id"), attr{"id", anchor(c.ID)}, c.ID)), subject(c.Subject, c.Owner),
			lines(foreign(c.Text), small(request)), lines(badge(statusClass(c), p.status(c)), small(c.Reason)),
			p.notices(c), p.undo(c), lines(id(c.Event)),
		})
	}
	nodes := []*html.Node{
		el("p", p.T("Every step that was completed in the period. make explain ID=… explains an action, make undo ID=… "+
			"REASON=\"…\" reverts it.")),
		p.stacked("chart-changes", p.T("Changes day by day"), true, []layer{
			{p.T("applied"), "done", series["done"]}, {p.T("reverted"), "back", series["back"]},
			{p.T("only observed"), "seen", series["seen"]}, {p.T("on hold or failed"), "stuck", series["stuck"]},
		}),
	}
	if len(p.Changes) == 0 {
		return append(nodes, empty(p.T("No step was completed in the period.")))
	}
	return append(nodes, p.folded(p.T("Actions by control"), []column{
		{p.T("When, and action"), ""}, {p.T("Subject and owner"), "who"}, {p.T("Change"), "broad"},
		{p.T("Result"), "state"}, {p.T("Notice"), ""}, {p.T("Undo"), ""}, {p.T("Event"), "event"},
	}, p.grouped("changes", rows))...)
}

func statusClass(c Change) string {
	switch {
	case c.By != "" && c.Status.Made(), c.Status == ledger.Undone:
		return "back"
	case c.Status.Made():
		return "done"
	case c.Status == ledger.Held, c.Status == ledger.Failed:
		return "stuck"
	}
	return "seen"
}

// notices are when people were notified of a change, before and after it, and how long that was.
func (p *page) notices(c Change) []*html.Node {
	var nodes []*html.Node
	if d, ok := c.afterNotice(); ok {
		nodes = append(nodes, el("div", p.T("announced")+" ", p.when(c.Announced)),
			el("div", small(p.T("%s before the change", p.took(d.Seconds())))))
	}
	if !c.Notified.IsZero() {
		nodes = append(nodes, el("div", p.T("notified")+" ", p.when(c.Notified)))
	}
	if d, ok := c.afterEvent(); ok {
		nodes = append(nodes, el("div", small(p.T("changed %s after the event", p.took(d.Seconds())))))
	}
	return nodes
}

func (p *page) undo(c Change) []*html.Node {
	switch {
	case c.UndoneBy != "":
		return lines(p.T("reverted by"), el("a", attr{"href", "#" + anchor(c.UndoneBy)}, id(c.UndoneBy)))
	case c.Undo != "":
		return lines(p.T("possible"))
	case c.Status.Made():
		return lines(p.T("not possible"))
	}
	return nil
}

func (p *page) times() []*html.Node {
	measure := func(m Measure) []*html.Node {
		return lines(p.took(m.Seconds), el("a", attr{"href", "#" + anchor(m.Action)}, id(m.Action)))
	}
	table := func(caption string, of func(Control) Timing) *html.Node {
		var rows []row
		for _, c := range p.Controls {
			if t := of(c); t.Count > 0 {
				rows = append(rows, row{p.controlCell(c.ID), link(true, "changes-"+c.ID, t.Count),
					measure(t.Median), measure(t.P90), measure(t.Max)})
			}
		}
		if rows == nil {
			return empty(p.T("%s: none in the period.", caption))
		}
		return p.table(caption, []column{
			{p.T("Control"), ""}, {p.T("Changes"), "number"}, {p.T("Median"), ""}, {p.T("p90"), ""}, {p.T("Longest"), ""},
		}, false, rows)
	}
	nodes := []*html.Node{
		el("p", p.T("Each figure was measured for the action that it names. From event to change: from the time of the "+
			"event, according to CloudTrail or the sending service, to the change, for changes that were made at once. From "+
			"notice to change: from when SNS accepted the notice that announced a change to the change.")),
		table(p.T("From event to change"), func(c Control) Timing { return c.AfterEvent }),
		table(p.T("From notice to change"), func(c Control) Timing { return c.AfterNotice }),
	}
	if p.Untimed > 0 {
		nodes = append(nodes,
			el("p", p.T("For %d changes the ledger does not have the time of the event: they are not counted.", p.Untimed)))
	}
	return nodes
}

func (p *page) exemptionsSection() []*html.Node {
	if len(p.Exemptions) == 0 {
		return []*html.Node{empty(p.T("No user has an exemption."))}
	}
	kinds := map[ExemptionState]string{InForce: "done", Soon: "medium", Expired: "low", Malformed: "stuck",
		NoControl: "stuck"}
	var rows []row
	for _, x := range p.Exemptions {
		note, until, covers := x.Fault, "", any(el("code", x.Control))
		if x.State == InForce || x.State == Soon {
			note = p.T("%d days left", x.DaysLeft)
		}
		if !x.Until.IsZero() {
			until = x.Until.Format(time.DateOnly)
		}
		switch x.Control {
		case "":
			covers = foreign(x.Text)
		case exemption.All:
			covers = p.T("every control")
		}
		rows = append(rows, row{foreign(x.User), lines(covers), lines(until), lines(foreign(x.By)), lines(foreign(x.Reason)),
			lines(badge(kinds[x.State], p.or(states[x.State], string(x.State))), small(note))})
	}
	return []*html.Node{
		el("p", p.T("The exemptions of IAM users, by their tags or as somebody asked for them, when the report was made.")),
		p.table(p.T("Exemptions by their last day"), []column{
			{p.T("User"), "who"}, {p.T("Exempt from"), "who"}, {p.T("Last day"), "state"}, {p.T("Approved by"), "who"},
			{p.T("Reason"), ""}, {p.T("State"), ""},
		}, false, rows),
	}
}

func (p *page) coverageSection() []*html.Node {
	nodes := []*html.Node{
		el("p", p.T("The rules that a control refers to, and what the control does about them. A rule in this list is "+
			"checked by Warder; the list does not mean that the account complies with it.")),
		el("p", p.T("Serves: does what the rule asks, for what the control covers. Helps: does a part of it, or tells of "+
			"it. Needs: works only where the rule is followed. The numbers and titles are those of the day in the column "+
			"Checked; a likely one has a single secondary source. Check the text in force before you rely on it.")),
	}
	for _, f := range p.Coverage {
		var rows []row
		open := 0
		for _, rule := range f.Rules {
			controls, found := el("ul", class("served")), 0
			for _, served := range rule.Controls {
				c := p.control(served.Control)
				found += c.Now()
				add(controls, el("li", p.served(served, c)))
			}
			open += found
			rows = append(rows, row{el("div", class("rule-of"), p.ruleCell(rule)), controls, strconv.Itoa(found)})
		}
		served, helped, needed := f.counts()
		counts := p.T("Rules served: %d. Only helped: %d. Only needed: %d. Open findings: %d.", served, helped, needed, open)
		nodes = append(nodes, el("details", class("part"), attr{"id", "rules-" + f.ID},
			el("summary", el("span", f.title()), el("span", class("count"), counts)),
			p.table(p.T("Rules of %s", f.title()), []column{
				{p.T("Rule"), "broad"}, {p.T("Controls, and what they are to the rule"), ""}, {p.T("Open findings"), "number"},
			}, true, rows)))
	}
	return nodes
}

// served is one control of a rule: what it is to the rule, who says so, and how it was at the end.
func (p *page) served(s Served, c Control) *html.Node {
	parts := el("div", el("strong", p.or(hows[s.How], string(s.How))), ": "+p.title(c.ID)+" ", el("code", c.ID), " ")
	if !c.Tool {
		add(parts, p.modeBadge(c), " ")
	}
	add(parts, small(p.or(mappings[s.Mapping], "")))
	return parts
}

// ruleCell is a rule, what it is called, and how sure that is.
func (p *page) ruleCell(rule Rule) []*html.Node {
	name := el("span", rule.ID)
	if rule.URL != "" {
		name = el("a", attr{"href", rule.URL}, attr{"rel", "noreferrer"}, rule.ID)
	}
	checked := p.T("Checked %s", rule.Checked)
	if rule.Sure != "confirmed" {
		checked = p.T("Checked %s, likely", rule.Checked)
	}
	cell := lines(name, rule.Title, small(checked))
	if rule.Unless != "" {
		cell = append(cell, lines(small(p.T("Does not apply where this does: %s", rule.Unless)))...)
	}
	return cell
}

func (p *page) title(id string) string { return cmp.Or(p.titles[id], id) }

func (p *page) incidentsSection() []*html.Node {
	if len(p.Incidents) == 0 {
		return []*html.Node{empty(p.T("Nothing kept Warder from working in the period."))}
	}
	var rows []row
	for _, i := range p.Incidents {
		until := lines(p.when(i.Until))
		if i.Kind == Halted && i.Until.IsZero() {
			until = lines(p.T("ongoing"))
		}
		rows = append(rows, row{
			lines(p.when(i.At)), until, lines(p.or(incidents[i.Kind], string(i.Kind))),
			lines(foreign(i.Subject), el("code", i.Control)), lines(foreign(i.Text), small(i.By)), lines(id(i.ID)),
		})
	}
	return []*html.Node{p.table(p.T("What kept Warder from working, and what it did not do"), []column{
		{p.T("When"), ""}, {p.T("Until"), ""}, {p.T("Title"), ""}, {p.T("About"), ""},
		{p.T("Why"), ""}, {p.T("Id"), ""},
	}, false, rows)}
}

func (p *page) alertsSection() []*html.Node {
	if len(p.Alerts) == 0 {
		return []*html.Node{empty(p.T("No alerts were sent."))}
	}
	rows := map[string][]row{}
	for _, a := range p.Alerts {
		rows[a.Control] = append(rows[a.Control], row{
			lines(p.when(a.At)), foreign(a.Subject), lines(a.Title), badge(severityClass(a.Severity), p.severity(a.Severity)),
			lines(p.when(a.Notified)), lines(id(a.ID), id(a.Event)),
		})
	}
	return append([]*html.Node{el("p", p.T("What people were notified of without a change."))},
		p.folded(p.T("Alerts by control"), []column{
			{p.T("When"), ""}, {p.T("Subject"), "who"}, {p.T("Alert"), ""}, {p.T("Severity"), ""},
			{p.T("Notice accepted"), ""}, {p.T("Alert and event"), ""},
		}, p.grouped("alerts", rows))...)
}

func (p *page) limits() []*html.Node {
	var off, observing []string
	for _, c := range p.Controls {
		switch {
		case c.Tool:
		case c.Mode == control.Off:
			off = append(off, c.ID)
		case c.Acts && c.Mode == control.Observe:
			observing = append(observing, c.ID)
		}
	}
	list := el("ul")
	item := func(text string) { add(list, el("li", text)) }
	item(p.T("Rules other than those listed under 5. A rule is listed for what the control checks, which may be a part " +
		"of the rule."))
	if off != nil {
		item(p.T("Controls that are off and check nothing: %s.", strings.Join(off, ", ")))
	}
	if observing != nil {
		item(p.T("Controls in observe mode, which changed nothing: %s. They record the same finding once a week; it counts "+
			"as open until eight days after its last record.", strings.Join(observing, ", ")))
	}
	item(p.T("Anything except IAM users, the root user, console sign-ins and what else a control names. Users of IAM " +
		"Identity Center, roles and other accounts are checked only where a control says so."))
	item(
		p.T("Alerts on events are sent, not followed up: Warder does not know whether somebody fixed what they reported, " +
			"and they are no open findings. What a sweep alerts on is one, until eight days after its last record."),
	)
	item(p.T("Exemptions of buckets and other resources that are not users, and exemptions that were removed before the " +
		"report was made."))
	item(p.T("Sweeps that found nothing are kept for 30 days: what is older is not counted."))
	item(p.T("When the end of a finding was not recorded, it counts as open until its next record: the figures are " +
		"never too low."))
	item(p.T("This report comes from Warder's own records. CloudTrail records the same events and changes " +
		"independently: look them up by the ids of the events."))
	item(p.T("Texts of findings and reasons are in the language in which they were recorded. All days and times are in "+
		"%s, those of the CSV file in UTC.", p.zone()))
	return []*html.Node{list, el("p", p.T("The CSV file beside this page holds every record, including those that the "+
		"page leaves out. To check a figure: count the rows of its control, look up an action with make explain ID=…, and "+
		"an event with aws cloudtrail lookup-events."))}
}
