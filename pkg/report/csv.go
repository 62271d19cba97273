package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// columns are those of the table. They stay: columns are added at the end, and none is renamed or translated.
var columns = []string{
	"record", "id", "control", "severity", "subject", "owner", "what", "status", "reason",
	"opened_or_happened", "notified", "due_or_until", "changed_or_closed", "seconds_event_to_change",
	"seconds_notice_to_change", "undone_by", "by", "why", "event", "sns_message", "last_entry",
}

// CSV writes everything that the report lists as one table, a line a record. It begins with a byte order mark: without
// one, Excel reads Korean as another encoding. A value that a spreadsheet would take for a formula has an apostrophe
// before it (https://owasp.org/www-community/attacks/CSV_Injection).
func CSV(w io.Writer, r Report) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	write := func(values map[string]string) {
		line := make([]string, len(columns))
		for name, value := range values {
			line[slices.Index(columns, name)] = plain(value)
		}
		_ = out.Write(line) // out.Error has it
	}
	_ = out.Write(columns)
	seconds := func(d time.Duration, ok bool) string {
		if !ok {
			return ""
		}
		return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
	}
	write(map[string]string{
		"record": "report", "id": r.Account + "/" + r.String(), "subject": r.Account,
		"opened_or_happened": stamp(r.From), "due_or_until": stamp(r.To), "changed_or_closed": stamp(r.Made),
	})
	for _, c := range r.Controls {
		if c.Tool {
			continue
		}
		write(map[string]string{
			"record": "control", "id": c.ID, "control": c.ID, "severity": string(c.Severity), "what": c.Title,
			"status": string(c.Mode), "changed_or_closed": stamp(c.LastSweep),
		})
		for i, open := range c.Open {
			write(map[string]string{"record": "open", "id": r.From.AddDate(0, 0, i).Format(time.DateOnly), "control": c.ID,
				"what": strconv.Itoa(open)})
		}
	}
	for _, f := range r.Findings {
		write(map[string]string{
			"record": "finding", "id": f.ID, "control": f.Control, "severity": f.Severity, "subject": f.Subject,
			"owner": f.Owner, "what": f.Title, "status": string(f.Outcome), "opened_or_happened": stamp(f.Opened),
			"notified": stamp(f.Notified), "due_or_until": stamp(f.Due), "changed_or_closed": stamp(f.Closed),
			"last_entry": f.Last,
		})
	}
	for _, c := range r.Changes {
		write(map[string]string{
			"record": "change", "id": c.ID, "control": c.Control, "subject": c.Subject, "owner": c.Owner, "what": c.Text,
			"status": string(c.Status), "reason": c.Reason, "opened_or_happened": stamp(c.Happened),
			"notified": stamp(c.Notified), "due_or_until": stamp(c.Announced), "changed_or_closed": stamp(c.At),
			"seconds_event_to_change": seconds(c.afterEvent()), "seconds_notice_to_change": seconds(c.afterNotice()),
			"undone_by": c.UndoneBy, "by": c.By, "why": c.Why, "event": c.Event, "sns_message": c.Message,
		})
	}
	for _, a := range r.Alerts {
		write(map[string]string{
			"record": "alert", "id": a.ID, "control": a.Control, "severity": a.Severity, "subject": a.Subject,
			"what": a.Title, "opened_or_happened": stamp(a.At), "notified": stamp(a.Notified), "event": a.Event,
		})
	}
	for _, x := range r.Exemptions {
		write(map[string]string{
			"record": "exemption", "id": x.User, "control": x.Control, "subject": x.User, "what": x.Text,
			"status": string(x.State), "reason": x.Fault, "due_or_until": stamp(x.Until), "by": x.By, "why": x.Reason,
		})
	}
	for _, f := range r.Coverage {
		for _, rule := range f.Rules {
			for _, served := range rule.Controls {
				c := r.control(served.Control)
				write(map[string]string{
					"record": "rule", "id": f.title() + " " + rule.ID, "control": c.ID, "what": strconv.Itoa(c.Now()),
					"status": string(c.Mode), "changed_or_closed": stamp(c.LastSweep), "subject": rule.Title,
					"reason": string(served.How), "by": string(served.Mapping), "why": rule.Sure + " " + rule.Checked,
				})
			}
		}
	}
	for _, i := range r.Incidents {
		write(map[string]string{
			"record": "incident", "id": i.ID, "control": i.Control, "subject": i.Subject, "what": i.Text,
			"status": string(i.Kind), "opened_or_happened": stamp(i.At), "due_or_until": stamp(i.Until), "by": i.By,
		})
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// control is the control of the given id, a zero one if there is none.
func (r Report) control(id string) Control {
	if i := slices.IndexFunc(r.Controls, func(c Control) bool { return c.ID == id }); i >= 0 {
		return r.Controls[i]
	}
	return Control{ID: id, Title: id}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// plain is a value that no spreadsheet takes for a formula.
func plain(value string) string {
	value = clean(value)
	if strings.IndexAny(strings.TrimLeftFunc(value, unicode.IsSpace), "=+-@|%＝＋－＠") == 0 {
		return "'" + value
	}
	return value
}
