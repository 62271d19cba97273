package alertwarderchange

import (
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/settings"
)

// A thing is a resource of Warder's that a call is about.
type thing struct {
	kind i18n.Message
	name string
}

// place is where events name things of one kind, and which of them are Warder's.
type place struct {
	kind i18n.Message
	// paths of request parameters; of response elements those that begin with "response."
	paths []string
	// own returns what a thing of Warder's is called; "" for anything else's name.
	own func(p *planner, name string) string
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
	"ssm.amazonaws.com": {
		{i18n.T("parameter"), []string{"name", "names", "resourceArn"}, parameter},
	},
	"cloudformation.amazonaws.com": {
		{i18n.T("stack"), []string{"stackName"}, stack},
		{i18n.Literal("StackSet"), []string{"stackSetName"}, stackSetOf},
	},
}

// about returns the things of Warder's that the event names, each once, and all of one kind.
func (p *planner) about(c *event.APICall) []thing {
	var things []thing
	for _, place := range places[c.Source] {
		if len(things) > 0 {
			break
		}
		for _, path := range place.paths {
			for _, name := range texts(c, path) {
				own := place.own(p, name)
				if own == "" || slices.ContainsFunc(things, func(t thing) bool { return t.name == own }) {
					continue
				}
				things = append(things, thing{place.kind, own})
			}
		}
	}
	// Warder listens to the default bus; without a bus PutPermission is about it.
	// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
	if path, ok := onDefault[c.Name]; ok && c.Source == "events.amazonaws.com" && len(things) == 0 {
		name, given := c.Param(path...)
		if !given || strings.TrimPrefix(resource(name), "event-bus/") == "default" {
			things = append(things, thing{i18n.T("event bus"), "default"})
		}
	}
	return things
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

// describe names the things.
func describe(things []thing) i18n.Message {
	var named []i18n.Message
	for i, t := range things {
		if i == most {
			named = append(named, i18n.T("%d more", len(things)-most))
			break
		}
		named = append(named, i18n.Join(" ", t.kind, i18n.Literal(t.name)))
	}
	return i18n.Join(", ", named...)
}

// stackSet begins the name of a stack that a StackSet named for Warder has made, and of what is named for it.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts.html
const stackSet = "StackSet-" + settings.Product + "-"

// named returns the name if it is one that CloudFormation makes for a stack of Warder's.
func named(name string) string {
	if strings.HasPrefix(name, settings.Product+"-") || strings.HasPrefix(name, stackSet) {
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

func rule(_ *planner, name string) string { return named(name) }

func bus(_ *planner, name string) string {
	if strings.TrimPrefix(resource(name), "event-bus/") != settings.Product {
		return ""
	}
	return settings.Product
}

// functionForm is each way to name a function: by name, by ARN or by a part of it, with or without a version or alias.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
var functionForm = lazyregexp.New(`^(?:arn:[^:]*:lambda:)?(?:[a-z]{2}(?:-[a-z]+)+-\d:)?(?:\d{12}:)?(?:function:)?` +
	`([a-zA-Z0-9-_]+)(?::[$a-zA-Z0-9-_.]+)?$`)

func function(_ *planner, name string) string {
	if plain, err := url.PathUnescape(name); err == nil { // a part of the request's path
		name = plain
	}
	form := functionForm().FindStringSubmatch(name)
	if form == nil || !strings.HasPrefix(form[1], settings.FunctionName("")) {
		return ""
	}
	return form[1]
}

func topic(p *planner, name string) string {
	if name != p.settings.Topic && !slices.Contains(p.settings.Own.Topics, name) {
		return ""
	}
	return resource(name)
}

func subscription(p *planner, name string) string {
	of := name[:max(strings.LastIndex(name, ":"), 0)]
	if topic(p, of) == "" {
		return ""
	}
	return resource(name)
}

// queue takes the URL or the ARN of a queue.
func queue(_ *planner, name string) string {
	if parsed, err := arn.Parse(name); err == nil && parsed.Service != "sqs" {
		return ""
	}
	return named(name[strings.LastIndexAny(name, ":/")+1:])
}

// table takes the name or the ARN of the table, and the ARNs of what is of it: indexes, streams, backups.
func table(p *planner, name string) string {
	rest, ok := strings.CutPrefix(resource(name), "table/")
	if ok {
		name, _, _ = strings.Cut(rest, "/")
	}
	if name != p.settings.Table {
		return ""
	}
	return name
}

func alarm(_ *planner, name string) string {
	if !strings.HasPrefix(name, settings.Product+"-") {
		return ""
	}
	return name
}

func dashboard(_ *planner, name string) string {
	if strings.TrimPrefix(resource(name), "dashboard/") != settings.Product {
		return ""
	}
	return settings.Product
}

func logGroup(_ *planner, name string) string {
	name = strings.TrimPrefix(resource(name), "log-group:")
	name, _, _ = strings.Cut(name, ":")
	if !strings.HasPrefix(name, settings.LogGroupName("")) {
		return ""
	}
	return name
}

// key takes the id or the ARN of a key of Warder's.
func key(p *planner, name string) string {
	for _, own := range p.settings.Own.Keys {
		if name != "" && (name == own || resource(name) == resource(own) || "key/"+name == resource(own)) {
			return strings.TrimPrefix(resource(own), "key/")
		}
	}
	return ""
}

func parameter(p *planner, name string) string {
	if name == p.settings.Halt || resource(name) == "parameter"+p.settings.Halt {
		return p.settings.Halt
	}
	return ""
}

// regionStack is the name of the stack of a region beside the hub's.
var regionStack = lazyregexp.New(`^` + settings.Product + `-[a-z]{2}(-[a-z]+)+-[1-9]$`)

// stack takes the name or the ARN of a stack.
func stack(p *planner, name string) string {
	if _, id, ok := strings.Cut(resource(name), "stack/"); ok {
		name, _, _ = strings.Cut(id, "/")
	}
	known := []string{settings.Product, settings.ConfigStack, settings.RegionsStack, p.settings.Own.Stack}
	if name != "" && slices.Contains(known, name) || regionStack().MatchString(name) || strings.HasPrefix(name, stackSet) {
		return name
	}
	return ""
}

// stackSetOf takes the name or the id of a StackSet, which is the name with a unique id after a colon.
func stackSetOf(_ *planner, name string) string {
	name, _, _ = strings.Cut(name, ":")
	if name == settings.Product || strings.HasPrefix(name, settings.Product+"-") {
		return name
	}
	return ""
}
