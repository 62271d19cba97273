package own_test

import (
	"testing"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/own"
	"github.com/warder-aws/warder/pkg/settings"
)

func TestThings_SimilarNames(t *testing.T) {
	const account = "us-east-1:111122223333:"
	f := settings.Function{
		Table: "warder", Topic: "arn:aws:sns:" + account + "warder-Notices",
		Own: settings.Own{Stack: "warder", Keys: []string{"arn:aws:kms:" + account + "key/0a1b"}},
	}
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
			if got := own.Things(&f, c); (len(got) > 0) != tc.want {
				t.Errorf("%v, want some: %v", got, tc.want)
			}
		})
	}
}
