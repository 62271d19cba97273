package stack_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/bus"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/moto/mototest"
	"github.com/warder-aws/warder/infra/local/stack"
)

func TestCreate(t *testing.T) {
	data, err := os.ReadFile("testdata/template.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg := mototest.Config(mototest.Start(t).URL, "any", "any")
	clients := stack.Clients{
		DynamoDB: dynamodb.NewFromConfig(cfg), IAM: iam.NewFromConfig(cfg), KMS: kms.NewFromConfig(cfg), Logs: cloudwatchlogs.NewFromConfig(cfg),
		SNS: sns.NewFromConfig(cfg), SQS: sqs.NewFromConfig(cfg), SSM: ssm.NewFromConfig(cfg),
	}
	got, err := stack.Create(t.Context(), data, clients, "warder", moto.AccountID, mototest.Region)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("functions and rules have their references resolved", func(t *testing.T) {
		want := stack.Stack{
			Functions: []stack.Function{{
				Name: "warder-test", ARN: "arn:aws:lambda:us-east-1:123456789012:function:warder-test",
				Role: "arn:aws:iam::123456789012:role/warder/warder-Role", Timeout: 15 * time.Minute, MemoryMB: 256,
				Env: map[string]string{
					"WARDER_TOPIC": "arn:aws:sns:us-east-1:123456789012:warder-Topic", "WARDER_TABLE": "warder", "WARDER_HALT": "/warder/halt",
					"WARDER_QUARANTINE": `{"key":"arn:aws:iam::123456789012:policy/warder/warder-test-quarantine"}`,
					"WARDER_ROLES":      "warder-Role,other", "SUB": "aws/us-east-1/warder-Queue/${literal}",
				},
				LogGroup: "/aws/lambda/warder-test", LogFormat: "JSON", LogLevel: "INFO", Retries: 1,
				OnFailure: "arn:aws:sqs:us-east-1:123456789012:warder-Queue",
			}},
			Rules: []bus.Rule{
				{Name: "warder-ARule", Function: "warder-test", Pattern: `{"account":["123456789012"],"source":["aws.iam"]}`},
				{Name: "warder-Schedule", Function: "warder-test", Schedule: "rate(1 day)", Disabled: true},
			},
			Outputs: map[string]string{"TopicArn": "arn:aws:sns:us-east-1:123456789012:warder-Topic"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stack (-want +got):\n%s", diff)
		}
	})
	t.Run("the role has both its policies", func(t *testing.T) {
		policies, err := clients.IAM.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: aws.String("warder-Role")})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(policies.PolicyNames)
		if diff := cmp.Diff([]string{"apart", "own"}, policies.PolicyNames); diff != "" {
			t.Errorf("policies (-want +got):\n%s", diff)
		}
	})
	t.Run("the group carries the managed policy", func(t *testing.T) {
		policies, err := clients.IAM.ListAttachedGroupPolicies(t.Context(), &iam.ListAttachedGroupPoliciesInput{GroupName: aws.String("warder-test-quarantine")})
		if err != nil {
			t.Fatal(err)
		}
		if len(policies.AttachedPolicies) != 1 || aws.ToString(policies.AttachedPolicies[0].PolicyArn) != "arn:aws:iam::123456789012:policy/warder/warder-test-quarantine" {
			t.Errorf("policies %+v", policies.AttachedPolicies)
		}
	})
	t.Run("the queue has its attributes and its policy", func(t *testing.T) {
		url, err := clients.SQS.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("warder-Queue")})
		if err != nil {
			t.Fatal(err)
		}
		attributes, err := clients.SQS.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"All"}})
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
	t.Run("the topic has its key", func(t *testing.T) {
		attributes, err := clients.SNS.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: aws.String(got.Outputs["TopicArn"])})
		if err != nil {
			t.Fatal(err)
		}
		if key := attributes.Attributes["KmsMasterKeyId"]; !strings.HasPrefix(key, "arn:aws:kms:us-east-1:123456789012:key/") {
			t.Errorf("KmsMasterKeyId = %q", key)
		}
		if policy := attributes.Attributes["Policy"]; !strings.Contains(policy, "NoPlainHTTP") {
			t.Errorf("Policy = %q", policy)
		}
	})
	t.Run("the table is protected and lets items expire", func(t *testing.T) {
		table, err := clients.DynamoDB.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("warder")})
		if err != nil {
			t.Fatal(err)
		}
		if !aws.ToBool(table.Table.DeletionProtectionEnabled) || len(table.Table.GlobalSecondaryIndexes) != 1 {
			t.Errorf("table %+v", table.Table)
		}
		expiry, err := clients.DynamoDB.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: aws.String("warder")})
		if err != nil {
			t.Fatal(err)
		}
		if got := aws.ToString(expiry.TimeToLiveDescription.AttributeName); got != "expires" {
			t.Errorf("TTL attribute %q", got)
		}
	})
	t.Run("the log group and the parameter are there", func(t *testing.T) {
		groups, err := clients.Logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(groups.LogGroups) != 1 || aws.ToInt32(groups.LogGroups[0].RetentionInDays) != 400 {
			t.Errorf("log groups %+v", groups.LogGroups)
		}
		halt, err := clients.SSM.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/warder/halt")})
		if err != nil {
			t.Fatal(err)
		}
		if got := aws.ToString(halt.Parameter.Value); got != "no" {
			t.Errorf("halt = %q", got)
		}
	})
}

func TestWhatIsNotKnownIsAnErrorThatNamesIt(t *testing.T) {
	tests := []struct {
		name, template string
		want           []string
	}{
		{"unknown types, all of them", `{"Resources":{"A":{"Type":"AWS::EC2::VPC"},"B":{"Type":"AWS::S3::Bucket"}}}`, []string{"A", "AWS::EC2::VPC", "B", "AWS::S3::Bucket"}},
		{"a condition", `{"Resources":{"A":{"Type":"AWS::SQS::Queue","Condition":"IfSo"}}}`, []string{"A", "IfSo"}},
		{"an unknown function", `{"Resources":{"A":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Fn::ImportValue":"x"}}}}}`, []string{"A", "Fn::ImportValue"}},
		{"an unknown attribute", `{"Resources":{"A":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Fn::GetAtt":["B","Nope"]}}},"B":{"Type":"AWS::Lambda::Function"}}}`, []string{"A", "B.Nope"}},
		{"a name that nothing has", `{"Resources":{"A":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Ref":"Gone"}}}}}`, []string{"A", "Gone"}},
		{"a resource that needs itself", `{"Resources":{"A":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Ref":"A"}}}}}`, []string{"A", "needs itself"}},
		{"a bad substitution", `{"Resources":{"A":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Fn::Sub":"${Gone}"}}}}}`, []string{"A", "Gone"}},
		{"a rule for what is no function", `{"Resources":{"A":{"Type":"AWS::Events::Rule","Properties":{"ScheduleExpression":"rate(1 day)","Targets":[{"Arn":"arn:aws:sqs:::q"}]}}}}`, []string{"A", "arn:aws:sqs:::q"}},
		{"a rule that may not start its function", `{"Resources":{"A":{"Type":"AWS::Events::Rule","Properties":{"ScheduleExpression":"rate(1 day)","Targets":[{"Arn":{"Fn::GetAtt":["F","Arn"]}}]}},"F":{"Type":"AWS::Lambda::Function"}}}`, []string{"A", "no permission"}},
		{"no JSON", `Resources:`, []string{"template"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := stack.Create(t.Context(), []byte(test.template), stack.Clients{}, "warder", moto.AccountID, mototest.Region)
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
