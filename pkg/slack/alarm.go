package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	api "github.com/slack-go/slack"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// Alarm is what is taken from the message that CloudWatch publishes when an alarm changes its state
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html): the fields that
// metric and composite alarms share, of which each has one of few forms. Its texts are not: whoever may publish to the
// topic can write them.
type Alarm struct {
	ARN     arn.ARN
	Name    string // as in warder-failed
	State   string // "ALARM", "OK" or "INSUFFICIENT_DATA"
	Before  string // the same, or empty
	Changed time.Time
}

// states are those of an alarm
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html).
var states = map[string]bool{"ALARM": true, "OK": true, "INSUFFICIENT_DATA": true}

// alarmName matches the names of Warder's alarms.
var alarmName = lazyregexp.New(`^` + settings.Product + `(-[a-z0-9]{1,40}){1,12}$`)

// ParseAlarm decodes the message of one of Warder's alarms in the account and the region; ok is false for any other
// message.
func ParseAlarm(message []byte, account, region string) (a Alarm, ok bool) {
	var m struct {
		AlarmName, AlarmArn, AWSAccountId, NewStateValue, OldStateValue, StateChangeTime string
	}
	if json.Unmarshal(message, &m) != nil || !alarmName().MatchString(m.AlarmName) {
		return Alarm{}, false
	}
	a = Alarm{Name: m.AlarmName, State: m.NewStateValue, Before: m.OldStateValue}
	var faults [2]error
	a.ARN, faults[0] = arn.Parse(m.AlarmArn)
	for _, layout := range []string{"2006-01-02T15:04:05.999-0700", time.RFC3339} {
		if a.Changed, faults[1] = time.Parse(layout, m.StateChangeTime); faults[1] == nil {
			break
		}
	}
	return a, faults == [2]error{} && m.AWSAccountId == account && a.ARN.AccountID == account &&
		a.ARN.Region == region && a.ARN.Service == "cloudwatch" && a.ARN.Resource == "alarm:"+a.Name &&
		strings.HasPrefix(a.ARN.Partition, "aws") && states[a.State] && (a.Before == "" || states[a.Before])
}

// ID is the same for the same change of state, Thread for all of one alarm.
func (a Alarm) ID() string {
	return a.Thread() + "#" + a.State + "#" + a.Changed.UTC().Format(time.RFC3339Nano)
}

// Thread is the same for all that is posted about the alarm.
func (a Alarm) Thread() string { return "alarm#" + a.ARN.String() }

// RenderAlarm lays out an alarm. What to do comes first: Warder says that itself, by the alarm's name.
func RenderAlarm(a Alarm, language settings.Language) Post {
	return fit(language, func(s *sheet) Post { return s.alarm(a) })
}

// on reports whether the alarm is on. What waits for something that comes every day is on without data.
func (a Alarm) on() bool {
	return a.State == "ALARM" || a.State == "INSUFFICIENT_DATA" && strings.HasSuffix(a.Name, "-missing")
}

// advice says what an alarm means and what to do, by its name.
func (a Alarm) advice() i18n.Message {
	name := strings.TrimPrefix(a.Name, settings.Product+"-")
	switch name {
	case "failed":
		return i18n.T("An event could not be handled in all its tries. It is kept in the queue Failed for 14 days. Read " +
			"why in the saved query warder/failures, fix the cause, then: make redrive.")
	case "undelivered":
		return i18n.T("An event or a notice did not reach its function. It is kept in the queue Undelivered for 14 days. " +
			"Check that the function exists and can be invoked: make doctor. Then: make redrive.")
	case "halted":
		return i18n.T("Warder has been halted for hours: it notifies, and changes nothing. Who halted it and why: make " +
			"doctor. To end it: make resume.")
	case "delivery":
		return i18n.T(
			"AWS throttled functions, or could neither deliver nor keep an event. The daily check names them in its " +
				"notice. Fix the cause: make doctor.",
		)
	case "breaker":
		return i18n.T(
			"A control has stopped itself: too many changes in an hour were due. Its notice says which control, and " +
				"what is pending. If that is right: make release CONTROL=name REASON=\"why\". If not: make halt REASON=\"why\".",
		)
	case "errors":
		return i18n.T("Functions failed several times within an hour. Which and why: the saved query warder/failures. What " +
			"failed in every try is kept in the queue Failed.")
	case "no-heartbeat":
		return i18n.T("What happens in a region does not reach Warder. The daily check names the region in its notice. " +
			"Compare its bus, rules and role: make doctor.")
	case "no-sweep":
		return i18n.T("A control has not completed a sweep in time. The daily check names it in its notice. Sweep now and " +
			"read the answer: make sweep CONTROL=name.")
	case "unreached":
		return i18n.T("A control is to change something, and nobody responsible can be notified before: it changes " +
			"nothing. Its notice says what waits. Who is not reached, and why: make doctor.")
	}
	if id, ok := strings.CutSuffix(name, "-never"); ok {
		return i18n.T("Sweeps run, and %s has never run: whether Warder is as it was deployed has never been looked at. "+
			"Find out what keeps its schedule or its function from running: make doctor.", settings.FunctionName(id))
	}
	if id, ok := strings.CutSuffix(name, "-missing"); ok {
		return i18n.T("%s has not run for more than a day: whether Warder is as it was deployed is not known. Find out who "+
			"disabled its rule or its function: make doctor.", settings.FunctionName(id))
	}
	return i18n.T("The description of the alarm in CloudWatch says what to do.")
}

// console is the address of the alarm in the console, empty in a partition whose console is not known.
func (a Alarm) console() string {
	host := notice.Console(a.ARN.Region)
	if host == "" {
		return ""
	}
	return host + "/cloudwatch/home?region=" + a.ARN.Region + "#alarmsV2:alarm/" + a.Name
}

func (s *sheet) alarm(a Alarm) Post {
	emoji, color := "⚪", "#8d8d8d"
	switch {
	case a.on():
		emoji, color = "🚨", "#b3001b"
	case a.State == "OK":
		emoji, color = "✅", "#2f9e44"
	}
	head := fmt.Sprintf("%s %s · ", emoji, s.line(a.State, 30))
	title := s.line(a.Name, maxHeader-len(head))
	advice := a.advice().In(string(s.language))
	what := paragraph{}
	what.text(advice)
	why := paragraph{}
	why.fact(s.t("Before"), s.line(a.Before, 30))
	why.date(s.t("When"), a.Changed, s)
	post := Post{
		Text:      fallback(head+title, advice),
		Blocks:    append([]api.Block{header(head + title)}, what.all...),
		Color:     color,
		Details:   why.all,
		Broadcast: a.on(),
	}
	if address := a.console(); address != "" {
		link := api.NewRichTextSectionLinkElement(address, "CloudWatch", bold)
		post.Details = append(post.Details, api.NewRichTextBlock("", section(link)))
	}
	about := s.small("CloudWatch", strings.TrimSpace(a.ARN.AccountID+" "+a.ARN.Region))
	post.Details = append(post.Details, about...)
	return post
}

// messageID matches the ids that SNS gives to messages.
var messageID = lazyregexp.New(`^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// RenderUnverified lays out what somebody else than Warder and CloudWatch published, by the id that SNS gave it and its
// size in bytes. It shows nothing of it: no text, no link, no command. quiet is for how long others are not shown.
func RenderUnverified(id string, size int, quiet time.Duration, language settings.Language) Post {
	return fit(language, func(s *sheet) Post {
		title := "⚠️ " + s.t("Unverified message on Warder's topic")
		words := i18n.T(
			"Somebody published %d bytes that are neither a notice in Warder's ledger nor one of its alarms. They "+
				"are not shown. If this was not your test, find out who may publish to the topic. What follows within %s is only "+
				"in this function's log.",
			size,
			i18n.Period(quiet),
		).In(
			string(s.language),
		)
		what := paragraph{}
		what.text(words)
		post := Post{Text: fallback(title, words), Blocks: append([]api.Block{header(title)}, what.all...), Color: "#8d8d8d"}
		if messageID().MatchString(id) {
			post.Details = s.small(id)
		}
		return post
	})
}
