package console

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/warder-aws/warder/infra/warder/doctor"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// words are the functions of the pages in a language.
func words(l settings.Language) template.FuncMap {
	in := func(m i18n.Message) string { return m.In(string(l)) }
	return template.FuncMap{
		"t":        func(english string, args ...any) string { return in(phrase(english, args...)) },
		"in":       in,
		"minute":   func(t time.Time) string { return at(t, i18n.Minute, l) },
		"day":      func(t time.Time) string { return at(t, i18n.Day, l) },
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"severity": func(s string) string { return in(notice.Severity(s)) },
		"class": func(s string) string {
			if control.Severity(s).Rank() == 0 {
				return "low"
			}
			return s
		},
		"title":   func(i *incident) string { return i.Title(l) },
		"titleOf": func(e *ledger.Entry) string { return titleOf(e, l) },
		"name":    func(english string) string { return in(i18n.Lookup(english)) },
		"describe": func(s step) string {
			return in(kinds().Describe(s.Change, s.Status.Made() || s.Status == ledger.Undone))
		},
		"value": func(v string) string { return in(valueOf(v)) },
		"state": func(s State) string {
			for _, known := range states {
				if known.State == s {
					return in(known.word)
				}
			}
			return string(s)
		},
		"stateClass": func(s State) string {
			for _, known := range states {
				if known.State == s {
					return known.class
				}
			}
			return "seen"
		},
		"status":   func(s ledger.Status) string { return in(i18n.Or(statuses[s], i18n.Literal(string(s)))) },
		"sent":     func(k notice.Kind) string { return in(i18n.Or(notices[k], i18n.Literal(string(k)))) },
		"fixed":    func(f float64) string { return fmt.Sprintf("%.2f", f) },
		"to":       to,
		"add":      func(a, b int) int { return a + b },
		"step":     func(s ledger.Step, e ledger.Entry) step { return step{s, &e} },
		"pages":    func() any { return menu },
		"weekdays": func() []i18n.Message { return weekdays },
		"hop":      func(name string) string { return "hop" + strconv.Itoa(slices.Index(drill.Hops, name)) },
		"doctorClass": func(s doctor.State) string {
			return map[doctor.State]string{"ok": "done", "problem": "stuck", "not known": "high", "remark": "medium"}[s]
		},
	}
}

// phrase is the Message of a text of a page.
func phrase(english string, args ...any) i18n.Message {
	if len(args) == 0 {
		return i18n.Lookup(english)
	}
	return i18n.T(english, args...)
}

func at(t time.Time, format func(time.Time) i18n.Message, l settings.Language) string {
	if t.IsZero() {
		return ""
	}
	return format(t).In(string(l))
}

// to is the address of a page, with values set in a query.
func to(page, query string, pairs ...any) (string, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", err
	}
	for pair := range slices.Chunk(pairs, 2) {
		values.Set(fmt.Sprint(pair[0]), fmt.Sprint(pair[1]))
	}
	return page + "?" + values.Encode(), nil
}

// menu is the pages, and the key that leads to each.
var menu = []struct {
	ID, Key string
	Word    i18n.Message
}{
	{"now", "n", i18n.T("Now")}, {"timeline", "t", i18n.T("Timeline")}, {"due", "d", i18n.T("Due")},
	{"subject", "s", i18n.T("Subject")}, {"health", "h", i18n.T("Health")}, {"evidence", "e", i18n.T("Evidence")},
}

var weekdays = []i18n.Message{
	i18n.T("Mon"), i18n.T("Tue"), i18n.T("Wed"), i18n.T("Thu"), i18n.T("Fri"), i18n.T("Sat"), i18n.T("Sun"),
}

var statuses = map[ledger.Status]i18n.Message{
	ledger.Planned: i18n.T("planned"), ledger.Applied: i18n.T("applied"), ledger.Verified: i18n.T("applied and verified"),
	ledger.Failed: i18n.T("failed"), ledger.Skipped: i18n.T("not needed"), ledger.Held: i18n.T("on hold"),
	ledger.Pending: i18n.T("pending"), ledger.Observed: i18n.T("only observed"), ledger.Undone: i18n.T("reverted"),
}

var notices = map[notice.Kind]i18n.Message{
	notice.Alert: i18n.T("alert"), notice.WouldChange: i18n.T("what it would change"),
	notice.Changed: i18n.T("what was changed"), notice.Warning: i18n.T("announcement"),
	notice.Reminder: i18n.T("reminder"), notice.Fixed: i18n.T("fixed by its owner"), notice.Held: i18n.T("on hold"),
	notice.Undone: i18n.T("reverted"), notice.Failure: i18n.T("failed"),
}
