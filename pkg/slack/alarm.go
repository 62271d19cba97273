package slack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	api "github.com/slack-go/slack"

	"github.com/warder-aws/warder/pkg/settings"
)

// Alarm is the message that CloudWatch publishes when an alarm changes its state
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html):
// the fields that metric and composite alarms share.
type Alarm struct {
	Name        string `json:"AlarmName"`
	Description string `json:"AlarmDescription"`
	ARN         string `json:"AlarmArn"`
	Account     string `json:"AWSAccountId"`
	Region      string `json:"Region"` // the name for people, as in US East (N. Virginia)
	State       string `json:"NewStateValue"`
	Before      string `json:"OldStateValue"`
	Reason      string `json:"NewStateReason"`
	Changed     string `json:"StateChangeTime"` // as in 2026-11-21T03:00:00.123+0000
}

// ParseAlarm decodes the message of an alarm; ok is false for any other message.
func ParseAlarm(message []byte) (a Alarm, ok bool) {
	if json.Unmarshal(message, &a) != nil {
		return Alarm{}, false
	}
	return a, a.Name != "" && a.State != ""
}

// changed formats the time of the change as other messages do, if it is a time.
func (s *sheet) changed(a Alarm) string {
	for _, layout := range []string{"2006-01-02T15:04:05.999-0700", time.RFC3339} {
		if at, err := time.Parse(layout, a.Changed); err == nil {
			return s.moment(at)
		}
	}
	return a.Changed
}

// RenderAlarm lays out an alarm. Its description, which says what to do, comes first.
func RenderAlarm(a Alarm, language settings.Language) Post {
	return fit(language, func(s *sheet) Post { return s.alarm(a) })
}

func (s *sheet) alarm(a Alarm) Post {
	emoji, color := "⚪", "#8d8d8d"
	switch a.State {
	case "ALARM":
		emoji, color = "🚨", "#b3001b"
	case "OK":
		emoji, color = "✅", "#2f9e44"
	}
	head := fmt.Sprintf("%s %s · ", emoji, s.line(a.State, 30))
	title := s.line(a.Name, maxHeader-len(head))
	what := paragraph{}
	what.text(cmp.Or(s.plain(a.Description, s.field), s.t("The alarm has no description.")))
	why := paragraph{}
	why.fact(s.t("Reason"), s.plain(a.Reason, s.field))
	why.fact(s.t("Before"), s.line(a.Before, 30))
	return Post{
		Text:      fallback(head+title, a.Description),
		Blocks:    append([]api.Block{header(head + title)}, what.all...),
		Color:     color,
		Details:   append(why.all, s.small("CloudWatch", a.Account, a.Region, s.changed(a))...),
		Broadcast: a.State == "ALARM",
	}
}

// RenderPlain lays out a message that is neither a notice nor an alarm, such as a test message that
// somebody publishes by hand.
func RenderPlain(subject, message string, language settings.Language) Post {
	return fit(language, func(s *sheet) Post {
		title := cmp.Or(s.line(subject, maxHeader), s.t("A message on Warder's topic"))
		what := paragraph{}
		what.text(s.plain(message, s.field))
		return Post{Text: fallback(title, message), Blocks: append([]api.Block{header(title)}, what.all...)}
	})
}
