package alertwarderchange

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func BenchmarkPlan(b *testing.B) { scenario.Bench(b, Control, "key") }

// clients are those of the services in which Warder has something. The key and the halt switch are among thousands of
// others: their calls are listed by name.
var clients = map[string]reflect.Type{
	"cloudformation.amazonaws.com": reflect.TypeFor[*cloudformation.Client](),
	"dynamodb.amazonaws.com":       reflect.TypeFor[*dynamodb.Client](),
	"events.amazonaws.com":         reflect.TypeFor[*eventbridge.Client](),
	"lambda.amazonaws.com":         reflect.TypeFor[*lambda.Client](),
	"logs.amazonaws.com":           reflect.TypeFor[*cloudwatchlogs.Client](),
	"monitoring.amazonaws.com":     reflect.TypeFor[*cloudwatch.Client](),
	"sns.amazonaws.com":            reflect.TypeFor[*sns.Client](),
	"sqs.amazonaws.com":            reflect.TypeFor[*sqs.Client](),
}

// reads begin the names of calls that change nothing, or work with the data that a thing is for: CloudTrail records
// these as data events, which EventBridge delivers only where a trail asks for them.
var reads = []string{
	"BatchGet", "Check", "Describe", "Estimate", "Filter", "Get", "List", "Query", "Scan", "Search", "StartQuery",
	"StartLiveTail", "Test", "TransactGet", "Validate",
}

var data = []string{
	"BatchExecuteStatement", "BatchWriteItem", "CancelBulkOperation", "ChangeMessageVisibility",
	"ChangeMessageVisibilityBatch", "DeleteItem", "DeleteMessage", "DeleteMessageBatch", "Invoke", "InvokeAsync",
	"InvokeWithResponseStream", "Publish", "PublishBatch", "PutItem", "PutLogEvents", "PutMetricData", "ReceiveMessage",
	"SendMessage", "SendMessageBatch", "TransactWriteItems", "UpdateItem", "PutEvents", "CheckpointDurableExecution",
}

// elsewhere are calls with a parameter that is named like one of Warder's things and is about something else.
var elsewhere = []string{
	"ActivateEventSource", "CreateApiDestination", "CreateConnection", "CreateEndpoint", "CreatePartnerEventSource",
	"DeactivateEventSource", "DeauthorizeConnection", "DeleteApiDestination", "DeleteConnection", "DeleteEndpoint",
	"DeletePartnerEventSource", "SetAlias", "UpdateApiDestination", "UpdateConnection", "UpdateEndpoint",
}

// Every call of AWS's own model that changes something and names one of Warder's things is in the table, so that
// somebody has decided how bad it is.
func TestActs_EveryCallOfTheModel(t *testing.T) {
	for source, client := range clients {
		modelled := map[string]bool{}
		for i := range client.NumMethod() {
			m := client.Method(i)
			if m.Type.NumIn() != 4 || m.Type.In(2).Kind() != reflect.Pointer {
				continue
			}
			input := m.Type.In(2).Elem()
			modelled[m.Name] = true
			reading := slices.ContainsFunc(reads, func(verb string) bool { return strings.HasPrefix(m.Name, verb) })
			if reading || slices.Contains(elsewhere, m.Name) || slices.Contains(data, m.Name) || !names(source, input) {
				continue
			}
			if _, ok := acts[source][m.Name]; !ok {
				t.Errorf("acts has no %s of %s", m.Name, source)
			}
		}
		for name := range acts[source] {
			if !modelled[name] && name != "PutAlarmMuteRule" { // newer than the client
				t.Errorf("%s has no call %s", source, name)
			}
		}
	}
}

// names reports whether an input has a field in which a call names things.
func names(source string, input reflect.Type) bool {
	for _, place := range places[source] {
		for _, path := range place.paths {
			field, _, _ := strings.Cut(path, ".")
			if _, ok := input.FieldByName(strings.ToUpper(field[:1]) + field[1:]); ok {
				return true
			}
		}
	}
	return false
}

func TestAbout_SimilarNames(t *testing.T) {
	const account = "us-east-1:111122223333:"
	p := &planner{settings: settings.Function{
		Table: "warder", Topic: "arn:aws:sns:" + account + "warder-Notices", Halt: "/warder/halt",
		Own: settings.Own{Stack: "warder", Keys: []string{"arn:aws:kms:" + account + "key/0a1b"}},
	}}
	for _, tc := range []struct {
		service, parameter, value string
		want                      bool
	}{
		{"lambda", "functionName", "warder-x", true},
		{"lambda", "functionName", "111122223333:warder-x", true},
		{"lambda", "functionName", account + "function:warder-x:$LATEST", true},
		{"lambda", "functionName", "arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:warder-x:1", true},
		{"lambda", "functionName", "arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Awarder-x", true},
		{"lambda", "functionName", "warder", false},
		{"lambda", "functionName", "my-warder-x", false},
		{"lambda", "functionName", "shop:warder-x", false},
		{"lambda", "functionName", "arn:aws:lambda:" + account + "layer:warder-x", false},
		{"events", "rule", "warder-x", true},
		{"events", "name", "StackSet-warder-x", true},
		{"events", "name", "wardern", false},
		{"events", "name", "warder", true},
		{"events", "eventBusName", "arn:aws:events:" + account + "event-bus/warder", true},
		{"events", "eventBusName", "arn:aws:events:" + account + "event-bus/my-warder", false},
		{"sqs", "queueUrl", "https://sqs.us-east-1.amazonaws.com/111122223333/warder-Failed", true},
		{"sqs", "queueUrl", "https://sqs.us-east-1.amazonaws.com/111122223333/my-warder-Failed", false},
		{"sns", "topicArn", "arn:aws:sns:" + account + "warder-Notices", true},
		{"sns", "topicArn", "arn:aws:sns:" + account + "warder-Notices2", false},
		{"sns", "subscriptionArn", "arn:aws:sns:" + account + "warder-Notices:0a1b", true},
		{"sns", "subscriptionArn", "arn:aws:sns:" + account + "warder-Notices2:0a1b", false},
		{"sns", "subscriptionArn", "warder-Notices", false},
		{"dynamodb", "tableName", "arn:aws:dynamodb:" + account + "table/warder", true},
		{"dynamodb", "resourceArn", "arn:aws:dynamodb:" + account + "table/warder/stream/2026", true},
		{"dynamodb", "tableName", "warder-2", false},
		{"monitoring", "alarmName", "warder-failed", true},
		{"monitoring", "alarmName", "my-warder-failed", false},
		{"logs", "logGroupIdentifier", "arn:aws:logs:" + account + "log-group:/aws/lambda/warder-x:*", true},
		{"logs", "logGroupName", "/aws/lambda/shop", false},
		{"kms", "keyId", "0a1b", true},
		{"kms", "keyId", "arn:aws:kms:" + account + "key/0a1b", true},
		{"kms", "keyId", "a1b", false},
		{"kms", "keyId", "", false},
		{"ssm", "name", "arn:aws:ssm:" + account + "parameter/warder/halt", true},
		{"ssm", "name", "/warder/halt/x", false},
		{"cloudformation", "stackName", "warder", true},
		{"cloudformation", "stackName", "warder-eu-west-1", true},
		{"cloudformation", "stackName", "warder-config", true},
		{"cloudformation", "stackName", "arn:aws:cloudformation:" + account + "stack/warder/0a1b", true},
		{"cloudformation", "stackName", "warder-test", false},
		{"cloudformation", "stackName", "", false},
	} {
		t.Run(tc.service+" "+tc.value, func(t *testing.T) {
			c := &event.APICall{Record: event.Record{
				Source: tc.service + ".amazonaws.com", Name: "X", Request: event.Fields{tc.parameter: tc.value},
			}}
			if got := p.about(c); (len(got) > 0) != tc.want {
				t.Errorf("about = %v, want some: %v", got, tc.want)
			}
		})
	}
}
