package stack_test

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/moto/mototest"
	"github.com/warder-aws/warder/infra/local/stack"
)

func TestCreate(t *testing.T) {
	data, err := os.ReadFile("testdata/template.json")
	if err != nil {
		t.Fatal(err)
	}
	server := mototest.Start(t)
	cfg := mototest.Config(server.URL, "any", "any")
	clients := stack.NewClients(cfg)
	got, err := stack.Create(t.Context(), data, clients, "warder", moto.AccountID, mototest.Region)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("functions and rules have their references resolved", func(t *testing.T) {
		want := stack.Stack{
			Name: "warder", Region: mototest.Region, Template: data, Resources: got.Resources, Targets: got.Targets,
			Keys: got.Keys, Properties: got.Properties,
			Functions: []stack.Function{{
				Name: "warder-test", ARN: "arn:aws:lambda:us-east-1:123456789012:function:warder-test",
				Role: "arn:aws:iam::123456789012:role/warder/warder-Role", Timeout: 15 * time.Minute, MemoryMB: 256,
				Env: map[string]string{
					"WARDER_TOPIC": "arn:aws:sns:us-east-1:123456789012:warder-Topic", "WARDER_TABLE": "warder",
					"WARDER_QUARANTINE": `{"key":"arn:aws:iam::123456789012:policy/warder/warder-test-quarantine"}`,
					"WARDER_ROLES":      "warder-Role,other", "SUB": "aws/us-east-1/warder-Queue/${literal}",
				},
				LogGroup: "/aws/lambda/warder-test", LogFormat: "JSON", LogLevel: "INFO", Retries: 1,
				OnFailure: "arn:aws:sqs:us-east-1:123456789012:warder-Queue",
			}},
			Rules: []eventbridge.Rule{
				{
					Name: "warder-ARule", Region: "us-east-1", State: "ENABLED", Function: "warder-test",
					Pattern: `{"account":["123456789012"],"source":["aws.iam"]}`,
				},
				{
					Name: "warder-BusRule", Region: "us-east-1", State: "ENABLED", Bus: "warder", Function: "warder-test", Input: "{}",
					Pattern: `{"source":["here"]}`,
				},
				{
					Name: "warder-BusRule", Region: "us-east-1", State: "ENABLED", Bus: "warder",
					Queue: "arn:aws:sqs:us-east-1:123456789012:warder-Queue", Pattern: `{"source":["here"]}`,
				},
				{
					Name: "warder-BusRule", Region: "us-east-1", State: "ENABLED", Bus: "warder",
					Forward: "arn:aws:events:us-west-2:123456789012:event-bus/warder",
					Role:    "arn:aws:iam::123456789012:role/warder/warder-Role", Pattern: `{"source":["here"]}`,
				},
				{
					Name: "warder-Schedule", Region: "us-east-1", Function: "warder-test", Schedule: "rate(1 day)", State: "DISABLED",
					Disabled: true,
				},
			},
			Buses: []string{"warder"},
			BusPolicies: map[string]string{"warder": `{"Version": "2012-10-17", "Statement": [` +
				`{"Effect":"Deny","Resource":"arn:aws:events:us-east-1:123456789012:event-bus/warder"}]}`},
			Subscriptions: []stack.Subscription{{
				ARN:   "arn:aws:sns:us-east-1:123456789012:warder-Topic:warder-test",
				Topic: "arn:aws:sns:us-east-1:123456789012:warder-Topic", Function: "warder-test",
			}},
			Outputs: map[string]string{"TopicArn": "arn:aws:sns:us-east-1:123456789012:warder-Topic"},
		}
		for _, key := range want.Keys {
			want.Policies = map[string][]byte{key: got.Policies[key]}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got.Policies) != 1 {
			t.Errorf("stack (-want +got):\n%s", diff)
		}
	})
	t.Run("an encrypted topic has its key", func(t *testing.T) {
		key := got.Keys["arn:aws:sns:us-east-1:123456789012:warder-Topic"]
		if !strings.HasPrefix(key, "arn:aws:kms:us-east-1:123456789012:key/") || len(got.Keys) != 1 {
			t.Errorf("keys %v, want that of the topic", got.Keys)
		}
	})
	t.Run("what was created is listed by both its names, and rules with what they start", func(t *testing.T) {
		if want := (stack.Resource{
			LogicalID: "ARule", Type: "AWS::Events::Rule", PhysicalID: "warder-ARule",
		}); !slices.Contains(got.Resources, want) {
			t.Errorf("resources %+v without %+v", got.Resources, want)
		}
		const function = `"Arn":"arn:aws:lambda:us-east-1:123456789012:function:warder-test"`
		if targets := got.Targets["warder-ARule"]; len(targets) != 1 || !strings.Contains(string(targets[0]), function) {
			t.Errorf("targets %s, want one with %s", targets, function)
		}
	})
	t.Run("the role has both its policies", func(t *testing.T) {
		policies, err := clients.IAM.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{
			RoleName: aws.String("warder-Role"),
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(policies.PolicyNames)
		if diff := cmp.Diff([]string{"apart", "own"}, policies.PolicyNames); diff != "" {
			t.Errorf("policies (-want +got):\n%s", diff)
		}
	})
	t.Run("the group carries the managed policy", func(t *testing.T) {
		policies, err := clients.IAM.ListAttachedGroupPolicies(t.Context(), &iam.ListAttachedGroupPoliciesInput{
			GroupName: aws.String("warder-test-quarantine"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(policies.AttachedPolicies) != 1 ||
			aws.ToString(
				policies.AttachedPolicies[0].PolicyArn,
			) != "arn:aws:iam::123456789012:policy/warder/warder-test-quarantine" {
			t.Errorf("policies %+v", policies.AttachedPolicies)
		}
	})
	t.Run("the queue has its attributes and its policy", func(t *testing.T) {
		url, err := clients.SQS.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("warder-Queue")})
		if err != nil {
			t.Fatal(err)
		}
		attributes, err := clients.SQS.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: url.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"All"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := attributes.Attributes["MessageRetentionPeriod"]; got != "1209600" {
			t.Errorf("MessageRetentionPeriod = %q", got)
		}
		if got := attributes.Attributes["Policy"]; !strings.Contains(got, "arn:aws:sqs:us-east-1:123456789012:warder-Queue") {
			t.Errorf("Policy = %q", got)
		}
	})
	t.Run("the bucket keeps versions and is nobody else's", func(t *testing.T) {
		for query, want := range map[string]string{
			"versioning": "<Status>Enabled</Status>", "publicAccessBlock": "<RestrictPublicBuckets>true</RestrictPublicBuckets>",
		} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/warder-bucket?"+query, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization",
				"AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if text, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%s: %s, %v, want %s", query, text, err, want)
			}
		}
	})
	t.Run("the topic has its key", func(t *testing.T) {
		attributes, err := clients.SNS.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{
			TopicArn: aws.String(got.Outputs["TopicArn"]),
		})
		if err != nil {
			t.Fatal(err)
		}
		if key := attributes.Attributes["KmsMasterKeyId"]; !strings.HasPrefix(key,
			"arn:aws:kms:us-east-1:123456789012:key/") {
			t.Errorf("KmsMasterKeyId = %q", key)
		}
		if policy := attributes.Attributes["Policy"]; !strings.Contains(policy, "NoPlainHTTP") {
			t.Errorf("Policy = %q", policy)
		}
	})
	t.Run("the table is protected and lets items expire", func(t *testing.T) {
		table, err := clients.DynamoDB.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{
			TableName: aws.String("warder"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if !aws.ToBool(table.Table.DeletionProtectionEnabled) || len(table.Table.GlobalSecondaryIndexes) != 1 {
			t.Errorf("table %+v", table.Table)
		}
		expiry, err := clients.DynamoDB.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{
			TableName: aws.String("warder"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := aws.ToString(expiry.TimeToLiveDescription.AttributeName); got != "expires" {
			t.Errorf("TTL attribute %q", got)
		}
	})
	t.Run("the alarm watches, and the dashboard shows, what the template says", func(t *testing.T) {
		alarms, err := clients.CloudWatch.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(alarms.MetricAlarms) != 1 || aws.ToString(alarms.MetricAlarms[0].AlarmName) != "warder-test-errors" ||
			len(alarms.MetricAlarms[0].Metrics) != 2 ||
			!slices.Equal(alarms.MetricAlarms[0].AlarmActions, []string{got.Outputs["TopicArn"]}) {
			t.Errorf("alarms %+v", alarms.MetricAlarms)
		}
		board, err := clients.CloudWatch.GetDashboard(t.Context(), &cloudwatch.GetDashboardInput{
			DashboardName: aws.String("warder"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if body := aws.ToString(board.DashboardBody); !strings.Contains(body, `"warder-Queue of 123456789012"`) {
			t.Errorf("dashboard %s", body)
		}
	})
	t.Run("the Config rule has its parameters", func(t *testing.T) {
		rules, err := clients.Config.DescribeConfigRules(t.Context(), &configservice.DescribeConfigRulesInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(rules.ConfigRules) != 1 || aws.ToString(rules.ConfigRules[0].ConfigRuleName) != "warder-access-keys-rotated" ||
			aws.ToString(rules.ConfigRules[0].InputParameters) != `{"maxAccessKeyAge":"90"}` {
			t.Errorf("rules %+v", rules.ConfigRules)
		}
	})
	t.Run("the log group is there", func(t *testing.T) {
		groups, err := clients.Logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(groups.LogGroups) != 1 || aws.ToInt32(groups.LogGroups[0].RetentionInDays) != 400 {
			t.Errorf("log groups %+v", groups.LogGroups)
		}
	})
}

func TestCreate_Unknown(t *testing.T) {
	tests := []struct {
		name, template string
		want           []string
	}{
		{
			"unknown types, all of them", `{"Resources":{"A":{"Type":"AWS::EC2::VPC"},"B":{"Type":"AWS::EC2::Subnet"}}}`,
			[]string{"A", "AWS::EC2::VPC", "B", "AWS::EC2::Subnet"},
		},
		{"a condition", `{"Resources":{"A":{"Type":"AWS::SQS::Queue","Condition":"IfSo"}}}`, []string{"A", "IfSo"}},
		{
			"an unknown function",
			`{"Resources":{"A":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Fn::ImportValue":"x"}}}}}`,
			[]string{"A", "Fn::ImportValue"},
		},
		{
			"an unknown attribute",
			`{"Resources":{"A":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Fn::GetAtt":["B","Nope"]}}},` +
				`"B":{"Type":"AWS::Lambda::Function"}}}`,
			[]string{"A", "B.Nope"},
		},
		{
			"a name that nothing has",
			`{"Resources":{"A":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Ref":"Gone"}}}}}`, []string{"A", "Gone"},
		},
		{
			"a resource that needs itself",
			`{"Resources":{"A":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Ref":"A"}}}}}`,
			[]string{"A", "needs itself"},
		},
		{
			"a bad substitution",
			`{"Resources":{"A":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Fn::Sub":"${Gone}"}}}}}`,
			[]string{"A", "Gone"},
		},
		{
			"a rule for what is no function",
			`{"Resources":{"A":{"Type":"AWS::Events::Rule","Properties":{"ScheduleExpression":"rate(1 day)",` +
				`"Targets":[{"Arn":"arn:aws:sqs:::q"}]}}}}`,
			[]string{"A", "arn:aws:sqs:::q"},
		},
		{
			"a rule that may not start its function",
			`{"Resources":{"A":{"Type":"AWS::Events::Rule","Properties":{"ScheduleExpression":"rate(1 day)",` +
				`"Targets":[{"Arn":{"Fn::GetAtt":["F","Arn"]}}]}},"F":{"Type":"AWS::Lambda::Function"}}}`,
			[]string{"A", "no permission"},
		},
		{
			"a rule that makes something of the event",
			`{"Resources":{"A":{"Type":"AWS::Events::Rule",` +
				`"Properties":{"Targets":[{"Arn":"arn:aws:events:us-east-1:1:event-bus/b","InputPath":"$.detail"}]}}}}`,
			[]string{"A", "nothing made of the event"},
		},
		{
			"a button whose command is too long",
			`{"Resources":{"A":{"Type":"AWS::Chatbot::CustomAction","Properties":{"ActionName":"a",` +
				`"Definition":{"CommandText":"` + strings.Repeat("x", 101) + `"}}}}}`,
			[]string{"A", "101 characters"},
		},
		{
			"a topic that may not start its function",
			`{"Resources":{"A":{"Type":"AWS::SNS::Subscription","Properties":{"TopicArn":"arn:t","Protocol":"lambda",` +
				`"Endpoint":{"Fn::GetAtt":["F","Arn"]}}},"F":{"Type":"AWS::Lambda::Function"}}}`,
			[]string{"arn:t", "no permission"},
		},
		{
			"a function that gets some messages alone",
			`{"Resources":{"A":{"Type":"AWS::SNS::Subscription","Properties":{"TopicArn":"arn:t","Protocol":"lambda",` +
				`"FilterPolicy":{"a":["b"]},"Endpoint":{"Fn::GetAtt":["F","Arn"]}}},"F":{"Type":"AWS::Lambda::Function"}}}`,
			[]string{"A", "every message"},
		},
		{
			"a bucket that others may use",
			`{"Resources":{"A":{"Type":"AWS::S3::BucketPolicy","Properties":{"Bucket":"b",` +
				`"PolicyDocument":{"Statement":[{"Effect":"Allow"}]}}}}}`,
			[]string{"A", "roles of the account alone"},
		},
		{"no JSON", `Resources:`, []string{"template"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := stack.Create(t.Context(), []byte(test.template), stack.Clients{}, "warder", moto.AccountID,
				mototest.Region)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not name %q", err, want)
				}
			}
		})
	}
}
