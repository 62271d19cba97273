package stack

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/warder-aws/warder/infra/guardrail"
	"github.com/warder-aws/warder/pkg/policy"
)

// guarded are how the organization's policy protects the resources of each type: by its ARN, here up to its path and
// name, or in another way.
var guarded = map[string]string{
	"AWS::CloudWatch::Alarm":        "arn:aws:cloudwatch:us-east-1:123456789012:alarm:",
	"AWS::CloudWatch::Dashboard":    "arn:aws:cloudwatch::123456789012:dashboard/",
	"AWS::DynamoDB::Table":          "arn:aws:dynamodb:us-east-1:123456789012:table/",
	"AWS::Events::EventBus":         "arn:aws:events:us-east-1:123456789012:event-bus/",
	"AWS::Events::Rule":             "arn:aws:events:us-east-1:123456789012:rule/",
	"AWS::IAM::Group":               "arn:aws:iam::123456789012:group/",
	"AWS::IAM::ManagedPolicy":       "arn:aws:iam::123456789012:policy/",
	"AWS::IAM::Role":                "arn:aws:iam::123456789012:role/",
	"AWS::Lambda::Function":         "arn:aws:lambda:us-east-1:123456789012:function:",
	"AWS::Logs::LogGroup":           "arn:aws:logs:us-east-1:123456789012:log-group:",
	"AWS::S3::Bucket":               "arn:aws:s3:::",
	"AWS::SES::ConfigurationSet":    "arn:aws:ses:us-east-1:123456789012:configuration-set/",
	"AWS::SNS::Topic":               "arn:aws:sns:us-east-1:123456789012:",
	"AWS::SQS::Queue":               "arn:aws:sqs:us-east-1:123456789012:",
	"AWS::Scheduler::Schedule":      "arn:aws:scheduler:us-east-1:123456789012:schedule/",
	"AWS::Scheduler::ScheduleGroup": "arn:aws:scheduler:us-east-1:123456789012:schedule-group/",

	"AWS::Config::ConfigRule":                    "its tag",
	"AWS::KMS::Key":                              "its tag",
	"AWS::Events::EventBusPolicy":                "not: PutPermission has no resource; alert-warder-change reports it",
	"AWS::IAM::Policy":                           "the role's ARN",
	"AWS::Lambda::EventInvokeConfig":             "the function's ARN",
	"AWS::Lambda::EventSourceMapping":            "a condition on its function",
	"AWS::Lambda::Permission":                    "the function's ARN",
	"AWS::Logs::MetricFilter":                    "the log group's ARN",
	"AWS::Logs::QueryDefinition":                 "not: a saved query, which starts and stops nothing",
	"AWS::Chatbot::CustomAction":                 "not: a button, which asks a function as everybody may",
	"AWS::S3::BucketPolicy":                      "the bucket's ARN",
	"AWS::SES::ConfigurationSetEventDestination": "the configuration set's ARN",
	"AWS::SNS::Subscription":                     "the topic's ARN, which begins its own",
	"AWS::SNS::TopicPolicy":                      "the topic's ARN",
	"AWS::SQS::QueuePolicy":                      "the queue's ARN",
}

// No resource of Warder's is forgotten by the policy that protects it in an organization.
func TestGuardrail_EveryResource(t *testing.T) {
	document, err := guardrail.SCP(guardrail.Who{Deployers: []string{guardrail.StackSets}})
	if err != nil {
		t.Fatal(err)
	}
	var scp struct {
		Statement []struct{ NotAction, Resource []string }
	}
	if err := json.Unmarshal(document, &scp); err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for _, s := range scp.Statement {
		if len(s.NotAction) > 0 {
			patterns = append(patterns, s.Resource...)
		}
	}
	protects := func(arn string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return policy.Matches(p, arn) })
	}
	for _, hub := range []string{"warder", "StackSet-warder-0a1b2c3d"} {
		for _, r := range load(t, custom).Resources {
			form, known := guarded[r.Type]
			if !known {
				t.Errorf("%s of type %s: say in this test how the organization's policy protects it", r.id, r.Type)
				continue
			}
			if !strings.HasPrefix(form, "arn:") {
				if form == "its tag" && r.tag("warder") == nil {
					t.Errorf("%s of type %s has no tag of Warder's", r.id, r.Type)
				}
				continue
			}
			if arn := physical(form, hub, r); !protects(arn) {
				t.Errorf("%s, %s: the organization's policy does not protect it", r.id, arn)
			}
		}
	}
	for _, arn := range []string{
		"arn:aws:lambda:us-east-1:123456789012:function:orders", "arn:aws:events:us-east-1:123456789012:rule/nightly",
	} {
		if protects(arn) {
			t.Errorf("the organization's policy is about %s, which is not Warder's", arn)
		}
	}
}

// physical is the ARN of a resource of the hub's stack of that name. What has no name of its own gets one from
// CloudFormation: the stack's, the logical id, and a random end; of a bucket in lower case.
func physical(form, hub string, r resource) string {
	name := hub + "-" + r.id + "-1A2B3C4D5E6F"
	for _, property := range []string{
		"AlarmName", "BucketName", "DashboardName", "FunctionName", "GroupName", "LogGroupName", "ManagedPolicyName", "Name",
		"QueueName", "RoleName", "TableName", "TopicName",
	} {
		if given, ok := r.get(property).(string); ok {
			name = given
		}
	}
	if r.Type == "AWS::Scheduler::Schedule" { // its group's name is CloudFormation's
		name = hub + "-Schedules-1A2B3C4D5E6F/" + name
	}
	folder, _ := r.get("Path").(string)
	if r.Type == "AWS::S3::Bucket" {
		name = strings.ToLower(name)
	}
	return form + strings.TrimPrefix(folder, "/") + name
}
