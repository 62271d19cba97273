package i18n

import (
	_ "embed"
	"time"
)

//go:embed ko.json
var korean []byte

func init() { Register("ko", korean) }

// Day is the day of a time, in UTC.
func Day(t time.Time) Message {
	t = t.UTC()
	return T("%04d-%02d-%02d", t.Year(), int(t.Month()), t.Day())
}

// Minute is a time to the minute, in UTC.
func Minute(t time.Time) Message {
	return T("%s %s UTC", Day(t), t.UTC().Format("15:04"))
}

// Moment is a time to the second, in UTC.
func Moment(t time.Time) Message {
	return T("%s %s UTC", Day(t), t.UTC().Format("15:04:05"))
}

// Period is a duration of whole days, hours or minutes.
func Period(d time.Duration) Message {
	const day = 24 * time.Hour
	switch {
	case d/day == 1:
		return T("1 day")
	case d/day > 1:
		return T("%d days", int(d/day))
	case d/time.Hour == 1:
		return T("1 hour")
	case d/time.Hour > 1:
		return T("%d hours", int(d/time.Hour))
	case d/time.Minute == 1:
		return T("1 minute")
	case d/time.Minute > 1:
		return T("%d minutes", int(d/time.Minute))
	}
	return Literal(d.String())
}
