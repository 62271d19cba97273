package notice

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
)

// The forms of what becomes part of an address or of a command. Names come from events and from the account: what has
// another form gets no link, and what has it is encoded all the same.
var (
	regionForm = lazyregexp.New(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
	guidForm   = lazyregexp.New(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	objectForm = lazyregexp.New(
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
		`^(?:(user|role)/([\w+=,.@-]{1,64})` +
			`|(policy)/(arn:aws[a-z-]*:iam::(?:[0-9]{12}|aws):policy/[\w+=,.@/-]{1,640})` +
			// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
			`|(bucket)/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9]))$`)
)

// Console is the beginning of the addresses of the console in a region, without a slash at the end; empty where that is
// not known. https://docs.aws.amazon.com/general/latest/gr/mgmt-console.html
func Console(region string) string {
	switch {
	case !regionForm().MatchString(region) || strings.Contains(region, "-iso") || strings.HasPrefix(region, "eusc-"):
		return ""
	case strings.HasPrefix(region, "us-gov-"):
		return "https://console.amazonaws-us-gov.com"
	case strings.HasPrefix(region, "cn-"):
		return "https://console.amazonaws.cn"
	}
	return "https://" + region + ".console.aws.amazon.com"
}

// Links are the addresses in the console of AWS of what the notice is about, and of the event that it was found by.
func (m Message) Links() []Reference {
	var links []Reference
	if host, parts := Console(m.Region), objectForm().FindStringSubmatch(m.Object); host != "" && parts != nil {
		kind, name := parts[1]+parts[3]+parts[5], parts[2]+parts[4]+parts[6]
		address := host + "/iam/home?region=" + m.Region + "#/"
		switch kind {
		case "user":
			address += "users/details/" + url.QueryEscape(name) + "?section=permissions"
		case "role":
			address += "roles/details/" + url.QueryEscape(name) + "?section=permissions"
		case "policy":
			address += "policies/details/" + url.QueryEscape(name) + "?section=permissions"
		case "bucket":
			address = host + "/s3/buckets/" + url.PathEscape(name) + "?region=" + m.Region + "&tab=permissions"
		}
		links = append(links, Reference{i18n.T("%s in the console", name[strings.LastIndex(name, "/")+1:]).In(m.Language),
			address})
	}
	if host := Console(m.EventRegion); host != "" && guidForm().MatchString(m.Event) {
		links = append(links, Reference{i18n.T("The event in CloudTrail").In(m.Language),
			host + "/cloudtrailv2/home?region=" + m.EventRegion + "#/events/" + m.Event})
	}
	return links
}

// CloudShell is the command of the AWS CLI, as CloudShell and every POSIX shell takes it, that has a function of
// Warder's answer a request. It is empty for a region that is none.
// https://docs.aws.amazon.com/cli/latest/reference/lambda/invoke.html
func CloudShell(region, function string, request any) string {
	payload, err := json.Marshal(request)
	if err != nil || !regionForm().MatchString(region) {
		return ""
	}
	return "aws lambda invoke --region " + region + " --function-name " + Quote(function) +
		" --cli-binary-format raw-in-base64-out --payload " + Quote(string(payload)) + " /dev/stdout"
}

// Quote returns text as one word of a POSIX shell, in which the shell interprets nothing.
func Quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// A Command is what a reader can do about a notice, and the commands of which each does it. They are made from ids of
// the ledger, never from texts: a message may come from anybody who may publish to the topic.
type Command struct {
	Label    string
	Commands []string
}

// undo reverts what the message is about; without commands if there is nothing to revert. Whoever copies one fills in
// the reason.
func (m Message) undo() Command {
	command := m.Command()
	if command.Empty() {
		return Command{}
	}
	label := i18n.T("Undo, with one of:")
	if m.Kind == Undone {
		label = i18n.T("Revoke this undo, with one of:")
	}
	request := struct {
		Action string `json:"action"`
		By     string `json:"by"`
		Reason string `json:"reason"`
	}{m.Finding, i18n.T("your name").In(m.Language), i18n.T("why").In(m.Language)}
	return Command{label.In(m.Language), filled(command.In(m.Language),
		i18n.T(`warder undo --id %s --reason "why"`, m.Finding).In(m.Language),
		CloudShell(m.Region, "warder-undo", request))}
}

// history shows all that Warder did about it.
func (m Message) history() Command {
	if !ID(m.Finding) {
		return Command{}
	}
	request := struct {
		Action string `json:"action"`
	}{m.Finding}
	return Command{i18n.T("Full history, with one of:").In(m.Language), filled("make explain ID="+m.Finding,
		"warder explain --id "+m.Finding, CloudShell(m.Region, "warder-explain", request))}
}

// Commands are all that there are.
func (m Message) Commands() []Command {
	return slices.DeleteFunc([]Command{m.undo(), m.history()}, func(c Command) bool { return len(c.Commands) == 0 })
}

func filled(all ...string) (kept []string) {
	for _, one := range all {
		if one != "" {
			kept = append(kept, one)
		}
	}
	return kept
}
