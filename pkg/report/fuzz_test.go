package report

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
)

// reported is a report that says the text wherever somebody else words it.
func reported(text string) Report {
	when := at(3, 4, 5)
	return Report{
		Account: text, Region: text, Period: Period{october.From, october.From.AddDate(0, 0, 4)}, Made: at(5, 0, 0),
		Controls: []Control{{ID: text, Title: text, Mode: control.Mode(text), Open: []int{1, 0, 0, 0}, Made: 1,
			AfterEvent: Timing{Count: 1, Median: Measure{1, text}}}},
		Findings: []Finding{{ID: text, Last: text + "1", Control: text, Subject: text, Owner: text, Title: text,
			Severity: text, Opened: when, Outcome: Outcome(text)}},
		Changes: []Change{{ID: text, Control: text, Subject: text, Owner: text, Text: text, Status: ledger.Status(text),
			Reason: text, At: when, UndoneBy: text, By: text, Why: text, Event: text}},
		Alerts: []Alert{{ID: text, Control: text, Subject: text, Title: text, Severity: text, At: when, Event: text}},
		Exemptions: []Exemption{{User: text, Text: text, Control: text, By: text, Reason: text,
			State: ExemptionState(text), Fault: text}},
		Coverage: []Framework{{ID: text, Name: text, Version: text,
			Rules: []Rule{{ID: text, URL: "https://example.com/", Rule: control.Rule{Title: text, Unless: text, Checked: text},
				Controls: []Served{{Control: text, How: control.How(text), Mapping: control.Mapping(text)}}}}}},
		Incidents: []Incident{{Kind: IncidentKind(text), ID: text, Control: text, Subject: text, At: when,
			By: text, Text: text}},
	}
}

// Whatever somebody words, the table has its lines and columns, and no spreadsheet calculates with it.
func FuzzNoSpreadsheetCalculatesWithIt(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text)
	}
	var plain bytes.Buffer
	if err := CSV(&plain, reported("x")); err != nil {
		f.Fatal(err)
	}
	lines := strings.Count(plain.String(), "\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		var table bytes.Buffer
		if err := CSV(&table, reported(text)); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(table.String(), "\ufeff"))).ReadAll()
		if err != nil || len(rows) != lines {
			t.Fatalf("%d lines, want %d (%v)", len(rows), lines, err)
		}
		for _, row := range rows {
			if len(row) != len(columns) {
				t.Fatalf("%d columns: %q", len(row), row)
			}
			for i, value := range row {
				trimmed := strings.TrimLeftFunc(value, unicode.IsSpace)
				first := ""
				for _, r := range trimmed {
					first = string(r)
					break
				}
				if slices.Contains([]string{"=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠"}, first) ||
					strings.ContainsFunc(value, hidden) || strings.Contains(value, "AKIAIOSFODNN7EXAMPLE") {
					t.Fatalf("%s is %q", columns[i], value)
				}
			}
		}
	})
}

// Whatever period is asked for, it is one that was asked for so, of a length that can be reported of, and a
// name that is part of the name of a file.
func FuzzPeriods(f *testing.F) {
	f.Add("2026-10", "2026-10-01", "2026-10-15")
	f.Add("2028-02", "2026-10-02", "2026-10-01")
	f.Add("../../etc", "0000-00-00", "9999-12-31")
	zone, err := time.LoadLocation("America/New_York") // its clocks are changed twice a year
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, month, first, last string) {
		if p, err := Month(month, zone); err == nil && (p.String() != month || p.days() < 28 || p.days() > 31) {
			t.Fatalf("month %q is %s", month, p)
		}
		p, err := Days(first, last, zone)
		if err != nil {
			return
		}
		if p.From.Format(time.DateOnly) != first || p.To.AddDate(0, 0, -1).Format(time.DateOnly) != last || p.days() < 1 ||
			p.days() > maxDays {
			t.Fatalf("%q to %q is %s: %d days", first, last, p, p.days())
		}
		if strings.Trim(p.String(), "0123456789-") != "" {
			t.Fatalf("%q to %q is named %q", first, last, p)
		}
	})
}
