// Package own tells which calls are about resources of Warder's own: functions, rules, schedules, topics, queues,
// table, keys, alarms, log groups, halt switch and stacks, in any of the forms in which calls name them. It reads the
// event and the settings and calls nothing. Roles and policies of IAM are no part of it.
package own

import (
	_ "embed"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// A Thing is a resource of Warder's that a call is about.
type Thing struct {
	Kind i18n.Message
	Name string
}

// place is where events name things of one kind, and which of them are Warder's.
type place struct {
	kind i18n.Message
	// paths of request parameters; of response elements those that begin with "response."
	paths []string
	// own returns what a thing of Warder's is called; "" for anything else's name.
	own func(f *settings.Function, name string) string
}

// places are where events name things of Warder's, by event source.
var places = map[string][]place{
	"events.amazonaws.com": {
		{i18n.T("rule"), []string{"rule"}, rule},
		{i18n.T("rule"), []string{"name"}, rule},
		{i18n.T("event bus"), []string{"name", "eventBusName", "eventSourceArn", "destination.arn"}, bus},
	},
	"lambda.amazonaws.com": {
		{i18n.T("function"), []string{"functionName", "resource", "resourceArn", "response.functionArn"}, function},
		{i18n.T("queue"), []string{"eventSourceArn"}, queue},
		{i18n.T("table"), []string{"eventSourceArn"}, table},
		{i18n.T("topic"), []string{"eventSourceArn"}, topic},
	},
	"scheduler.amazonaws.com": {
		{i18n.T("schedule"), []string{"name"}, rule},
		{i18n.T("schedule group"), []string{"groupName"}, rule},
	},
	"sns.amazonaws.com": {
		{i18n.T("topic"), []string{"topicArn", "resourceArn"}, topic},
		{i18n.T("subscription"), []string{"subscriptionArn"}, subscription},
	},
	"sqs.amazonaws.com": {
		{i18n.T("queue"), []string{"queueUrl", "sourceArn", "destinationArn"}, queue},
	},
	"dynamodb.amazonaws.com": {
		{i18n.T("table"), []string{
			"tableName", "resourceArn", "tableArn", "sourceTableName", "sourceTableArn", "targetTableName", "globalTableName",
			"backupArn",
		}, table},
	},
	"monitoring.amazonaws.com": {
		{i18n.T("alarm"), []string{"alarmName", "alarmNames", "muteTargets.alarmNames"}, alarm},
		{i18n.T("dashboard"), []string{"dashboardName", "dashboardNames"}, dashboard},
	},
	"logs.amazonaws.com": {
		{i18n.T("log group"), []string{"logGroupName", "logGroupIdentifier", "resourceIdentifier"}, logGroup},
	},
	"kms.amazonaws.com": {
		{i18n.T("key"), []string{"keyId", "response.keyId"}, key},
	},
	"cloudformation.amazonaws.com": {
		{i18n.T("stack"), []string{"stackName"}, stack},
		{i18n.Literal("StackSet"), []string{"stackSetName"}, stackSetOf},
	},
}

// Things returns the things of Warder's that the event names, each once, and all of one kind.
func Things(f *settings.Function, c *event.APICall) []Thing {
	var things []Thing
	for _, place := range places[c.Source] {
		if len(things) > 0 {
			break
		}
		for _, path := range place.paths {
			for _, name := range texts(c, path) {
				own := place.own(f, name)
				if own == "" || slices.ContainsFunc(things, func(t Thing) bool { return t.Name == own }) {
					continue
				}
				things = append(things, Thing{place.kind, own})
			}
		}
	}
	// Warder listens to the default bus; without a bus PutPermission is about it.
	// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
	if path, ok := onDefault[c.Name]; ok && c.Source == "events.amazonaws.com" && len(things) == 0 {
		name, given := c.Param(path...)
		if !given || strings.TrimPrefix(resource(name), "event-bus/") == "default" {
			things = append(things, Thing{i18n.T("event bus"), "default"})
		}
	}
	return things
}

// Paths are where calls of an event source name things of Warder's.
func Paths(source string) (paths []string) {
	for _, place := range places[source] {
		paths = append(paths, place.paths...)
	}
	return paths
}

// onDefault are the calls that matter on the default bus as well, and where they name the bus.
var onDefault = map[string][]string{
	"PutPermission": {"eventBusName"}, "RemovePermission": {"eventBusName"}, "StartReplay": {"destination", "arn"},
}

// texts are the values at a path, one or a list.
func texts(c *event.APICall, path string) []string {
	fields := c.Request
	if rest, ok := strings.CutPrefix(path, "response."); ok {
		fields, path = c.Response, rest
	}
	steps := strings.Split(path, ".")
	if text, ok := fields.Text(steps...); ok {
		return []string{text}
	}
	return fields.Texts(steps...)
}

// most is how many things are named in a message.
const most = 3

// Describe names the things.
func Describe(things []Thing) i18n.Message {
	var named []i18n.Message
	for i, t := range things {
		if i == most {
			named = append(named, i18n.T("%d more", len(things)-most))
			break
		}
		named = append(named, i18n.Join(" ", t.Kind, i18n.Literal(t.Name)))
	}
	return i18n.Join(", ", named...)
}

// StackSet begins the name of a stack that a StackSet named for Warder has made, and of what is named for it.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts.html
const StackSet = "StackSet-" + settings.Product + "-"

// Named returns the name if it is one that CloudFormation makes for a stack of Warder's.
func Named(name string) string {
	if strings.HasPrefix(name, settings.Product+"-") || strings.HasPrefix(name, StackSet) {
		return name
	}
	return ""
}

// resource is the last part of an ARN; of anything else it is all of it.
func resource(name string) string {
	if parsed, err := arn.Parse(name); err == nil {
		return parsed.Resource
	}
	return name
}

func rule(_ *settings.Function, name string) string { return Named(name) }

func bus(_ *settings.Function, name string) string {
	if strings.TrimPrefix(resource(name), "event-bus/") != settings.Product {
		return ""
	}
	return settings.Product
}

// functionForm is each way to name a function: by name, by ARN or by a part of it, with or without a version or alias.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
var functionForm = lazyregexp.New(`^(?:arn:[^:]*:lambda:)?(?:[a-z]{2}(?:-[a-z]+)+-\d:)?(?:\d{12}:)?(?:function:)?` +
	`([a-zA-Z0-9-_]+)(?::[$a-zA-Z0-9-_.]+)?$`)

func function(_ *settings.Function, name string) string {
	if plain, err := url.PathUnescape(name); err == nil { // a part of the request's path
		name = plain
	}
	form := functionForm().FindStringSubmatch(name)
	if form == nil || !strings.HasPrefix(form[1], settings.FunctionName("")) {
		return ""
	}
	return form[1]
}

func topic(f *settings.Function, name string) string {
	// The rules of alert-warder-change know Warder's topics by their names.
	ours := name == f.Topic || slices.Contains(f.Own.Topics, name) || slices.Contains(f.Own.Mails, name)
	if !ours || !strings.Contains(name, settings.Product) {
		return ""
	}
	return resource(name)
}

func subscription(f *settings.Function, name string) string {
	of := name[:max(strings.LastIndex(name, ":"), 0)]
	if topic(f, of) == "" {
		return ""
	}
	return resource(name)
}

// queue takes the URL or the ARN of a queue.
func queue(_ *settings.Function, name string) string {
	if parsed, err := arn.Parse(name); err == nil && parsed.Service != "sqs" {
		return ""
	}
	return Named(name[strings.LastIndexAny(name, ":/")+1:])
}

// table takes the name or the ARN of the table, and the ARNs of what is of it: indexes, streams, backups.
func table(f *settings.Function, name string) string {
	rest, ok := strings.CutPrefix(resource(name), "table/")
	if ok {
		name, _, _ = strings.Cut(rest, "/")
	}
	if name != f.Table {
		return ""
	}
	return name
}

func alarm(_ *settings.Function, name string) string {
	if !strings.HasPrefix(name, settings.Product+"-") {
		return ""
	}
	return name
}

func dashboard(_ *settings.Function, name string) string {
	if strings.TrimPrefix(resource(name), "dashboard/") != settings.Product {
		return ""
	}
	return settings.Product
}

func logGroup(_ *settings.Function, name string) string {
	name = strings.TrimPrefix(resource(name), "log-group:")
	name, _, _ = strings.Cut(name, ":")
	if !strings.HasPrefix(name, settings.LogGroupName("")) {
		return ""
	}
	return name
}

// key takes the id or the ARN of a key of Warder's.
func key(f *settings.Function, name string) string {
	for _, own := range f.Own.Keys {
		if name != "" && (name == own || resource(name) == resource(own) || "key/"+name == resource(own)) {
			return strings.TrimPrefix(resource(own), "key/")
		}
	}
	return ""
}

// regionStack is the name of the stack of a region beside the hub's.
var regionStack = lazyregexp.New(`^` + settings.Product + `-[a-z]{2}(-[a-z]+)+-[1-9]$`)

// stack takes the name or the ARN of a stack.
func stack(f *settings.Function, name string) string {
	if _, id, ok := strings.Cut(resource(name), "stack/"); ok {
		name, _, _ = strings.Cut(id, "/")
	}
	known := []string{settings.Product, settings.ConfigStack, settings.RegionsStack, f.Own.Stack}
	if name != "" && slices.Contains(known, name) || regionStack().MatchString(name) || strings.HasPrefix(name, StackSet) {
		return name
	}
	return ""
}

// stackSetOf takes the name or the id of a StackSet, which is the name with a unique id after a colon.
func stackSetOf(_ *settings.Function, name string) string {
	name, _, _ = strings.Cut(name, ":")
	if name == settings.Product || strings.HasPrefix(name, settings.Product+"-") {
		return name
	}
	return ""
}
