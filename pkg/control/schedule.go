package control

import (
	"slices"
	"strconv"
	"strings"

	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/strictjson"
)

var rate = lazyregexp.New(`^rate\(([1-9][0-9]*) (minute|minutes|hour|hours|day|days)\)$`)

// A field of an EventBridge cron expression.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
type cronField struct {
	name     string
	min, max int
	names    []string // for min, min+1, …
	special  string   // beside digits, names, * , - /
}

var cronFields = []cronField{
	{name: "minutes", min: 0, max: 59},
	{name: "hours", min: 0, max: 23},
	{name: "day of month", min: 1, max: 31, special: "?LW"},
	{name: "month", min: 1, max: 12, names: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
	{name: "day of week", min: 1, max: 7, names: strings.Fields("SUN MON TUE WED THU FRI SAT"), special: "?L#"},
	{name: "year", min: 1970, max: 2199},
}

func parseSchedule(n *strictjson.Node) string {
	schedule := n.Text()
	if !n.Is(strictjson.String) {
		return ""
	}
	if match := rate().FindStringSubmatch(schedule); match != nil {
		if one := match[1] == "1"; one == strings.HasSuffix(match[2], "s") {
			n.Faultf("%q: EventBridge wants the singular for 1 and the plural otherwise", schedule)
		}
		return schedule
	}
	inner, found := strings.CutPrefix(schedule, "cron(")
	inner, closed := strings.CutSuffix(inner, ")")
	if !found || !closed {
		n.Faultf("%q is neither rate(number unit) nor cron(six fields)", schedule)
		return schedule
	}
	fields := strings.Split(inner, " ")
	if len(fields) != len(cronFields) {
		n.Faultf("%q has %d fields: want minutes, hours, day of month, month, day of week, year", schedule, len(fields))
		return schedule
	}
	for i, field := range cronFields {
		if !field.accepts(fields[i]) {
			n.Faultf("%q: %q does not fit %s", schedule, fields[i], field.name)
		}
	}
	if (fields[2] == "?") == (fields[4] == "?") {
		n.Faultf("%q: exactly one of day of month and day of week must be ?", schedule)
	}
	return schedule
}

func (f cronField) accepts(text string) bool {
	refuses := func(part string) bool { return !f.acceptsPart(part) }
	return text == "*" || text == "?" && strings.Contains(f.special, "?") ||
		!slices.ContainsFunc(strings.Split(text, ","), refuses)
}

// acceptsPart takes 5, 5-9, */5, 5/5, 5-9/2, and where they are special L, 5L, 5W, LW and 5#2.
func (f cronField) acceptsPart(part string) bool {
	if strings.Contains(f.special, "W") {
		if part == "L" || part == "LW" {
			return true
		}
		part = strings.TrimSuffix(part, "W")
	}
	if strings.Contains(f.special, "#") {
		if part == "L" {
			return true
		}
		part = strings.TrimSuffix(part, "L")
		if day, week, found := strings.Cut(part, "#"); found {
			return f.value(day) >= 0 && slices.Contains([]string{"1", "2", "3", "4", "5"}, week)
		}
	}
	span, step, stepped := strings.Cut(part, "/")
	if stepped {
		if every, err := strconv.Atoi(step); err != nil || every < 1 || step[0] == '+' {
			return false
		}
		if span == "*" {
			return true
		}
	}
	first, last, ranged := strings.Cut(span, "-")
	return f.value(first) >= 0 && (!ranged || f.value(last) >= f.value(first))
}

// value is the number or name as a number, -1 when it is out of bounds.
func (f cronField) value(text string) int {
	if i := slices.Index(f.names, text); i >= 0 {
		return f.min + i
	}
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return -1
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < f.min || value > f.max {
		return -1
	}
	return value
}
