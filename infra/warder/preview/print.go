package preview

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/warder-aws/warder/infra/warder/terminal"
)

// Print prints the preview for people.
func (p Preview) Print(out io.Writer, style terminal.Style) {
	fmt.Fprintf(out, "Account %s in %s, as %s, %s. Nothing was changed: %s, and all of them only read.\nSettings: %s.\n\n",
		p.Account, p.Region, terminal.Plain(p.Caller), p.At.Format("2006-01-02 15:04 MST"),
		terminal.Count(p.Reads, "call"), terminal.Plain(p.Settings))
	if len(p.Lines) > 0 {
		fmt.Fprintln(out, style.Paint(terminal.Bold, "On the first day of enforce"))
		rows := [][]string{{"WHEN", "NOTIFIED", "SUBJECT", "ACTION", "CONTROL"}}
		for _, line := range p.Lines {
			rows = append(rows, line.row())
		}
		terminal.Table(out, "  ", rows)
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out, style.Paint(terminal.Bold, "Summary"))
	rows := [][]string{{"CONTROL", "FINDINGS", "USERS", "CHANGES", "FIRST CHANGE", ""}}
	for _, t := range p.Controls {
		first := "-"
		switch {
		case t.First.Equal(p.At):
			first = AtOnce
		case !t.First.IsZero():
			first = t.First.UTC().Format(time.DateOnly)
		}
		note := terminal.Short(t.Reason, 120)
		if t.Failed {
			note = "INCOMPLETE: " + note
		}
		rows = append(rows, []string{
			t.Control, strconv.Itoa(t.Findings), strconv.Itoa(t.Users), strconv.Itoa(t.Changes), first, note,
		})
	}
	terminal.Table(out, "  ", rows)
	for _, t := range p.Controls {
		if n := p.Immediate(t.Control); p.BlastRadius > 0 && n > p.BlastRadius {
			fmt.Fprintf(out, "%s: of %d changes at once %d are made in the first hour; it stops then until "+
				"warder release --control %[1]s\n", t.Control, n, p.BlastRadius)
		}
	}
	if len(p.EventsOnly) > 0 {
		fmt.Fprintf(out, "cannot be foreseen, as they act on events alone: %s\n", strings.Join(p.EventsOnly, ", "))
	}
	if len(p.Off) > 0 {
		fmt.Fprintf(out, "off in the settings: %s\n", strings.Join(p.Off, ", "))
	}
}

// row is the line in the table.
func (l Line) row() []string {
	when, notified := l.When, cmp.Or(l.Owner, "the topic")
	action := strings.Join(l.Changes, "; ")
	switch l.When {
	case Due:
		when = l.Due.UTC().Format(time.DateOnly)
	case NotifyOnly:
		action = l.Title
		if l.Reason != "" {
			action += " (not changed: " + l.Reason + ")"
		}
	case Never:
		notified = "nobody"
		action += ": not changed: " + l.Reason
	case Failed:
		action = cmp.Or(action, l.Title) + ": could not be evaluated: " + l.Reason
	}
	return []string{when, notified, terminal.Short(l.Subject, 40), terminal.Short(action, 160), l.Control}
}
