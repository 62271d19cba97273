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

	"github.com/warder-aws/warder/pkg/own"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func BenchmarkPlan(b *testing.B) { scenario.Bench(b, Control, "key") }

// clients are those of the services in which Warder has something. The key is among thousands of others: its calls are
// listed by name.
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
	for _, path := range own.Paths(source) {
		field, _, _ := strings.Cut(path, ".")
		if _, ok := input.FieldByName(strings.ToUpper(field[:1]) + field[1:]); ok {
			return true
		}
	}
	return false
}
