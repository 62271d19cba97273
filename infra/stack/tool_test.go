package stack

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// withTools is a stack with a tool that people alone start, ask-ledger, and one
// that is started by everything that a tool can be, post-ledger. Together they name
// everything of Warder's own that a tool may name.
func withTools(name, context string) func() (template, error) {
	return sync.OnceValues(func() (template, error) {
		asked, err := control.Parse("ask-ledger/control.json", []byte(`{
			"id": "ask-ledger", "title": "T", "summary": "S.", "severity": "low", "tool": true, "references": [{"title": "R"}],
			"permissions": [
				{"actions": ["dynamodb:Query"], "resources": ["${Ledger}/index/subject"]},
				{"actions": ["dynamodb:GetItem"], "resources": ["${Ledger}"]},
				{"actions": ["sns:Publish"], "resources": ["${Topic}"]},
				{
					"actions": ["kms:GenerateDataKey"], "resources": ["${TopicKey}"],
					"conditions": {"StringEquals": {"kms:ViaService": "sns.${AWS::Region}.amazonaws.com"}}
				},
				{"actions": ["s3:PutObject", "s3:GetObject"], "resources": ["${Reports}/*"]},
				{"actions": ["sqs:ReceiveMessage"], "resources": ["${DrillQueue}"]},
				{"actions": ["events:PutEvents"], "resources": ["${Bus}"]}
			]
		}`))
		if err != nil {
			return template{}, err
		}
		started, err := control.Parse("post-ledger/control.json", []byte(`{
			"id": "post-ledger", "title": "T", "summary": "S.", "severity": "low", "tool": true, "references": [{"title": "R"}],
			"schedule": "rate(7 days)", "subscribes": true,
			"permissions": [
				{"actions": ["secretsmanager:GetSecretValue"], "resources": ["${Slack}"]},
				{"actions": ["ssm:GetParameter"], "resources": ["${Slack}"]},
				{"actions": ["sqs:ReceiveMessage"], "resources": ["${Queue}"]}
			]
		}`))
		if err != nil {
			return template{}, err
		}
		return synthesize(name, context, asked, started)
	})
}

var (
	withTool      = withTools("tool", "{}")
	withSecret    = withTools("secret", `{"notify": {"slack": {"secret": "slack/token"}}}`)
	withParameter = withTools("parameter", `{"notify": {"slack": {"parameter": "/slack/token"}}}`)
)

func TestTool_ResourcesItNames(t *testing.T) {
	tmpl := load(t, withTool)
	want := []string{
		"allow dynamodb:GetItem on ${Ledger.Arn}",
		"allow dynamodb:Query on ${Ledger.Arn}/index/subject",
		"allow events:PutEvents on ${Bus.Arn}",
		"allow kms:Decrypt on ${TopicKey.Arn}" + forLedger,
		"allow kms:GenerateDataKey on ${TopicKey.Arn} if kms:ViaService StringEquals sns.us-east-1.amazonaws.com",
		"allow logs:CreateLogStream on ${AskLedgerLogs.Arn}",
		"allow logs:PutLogEvents on ${AskLedgerLogs.Arn}",
		"allow s3:GetObject on ${Reports.Arn}/*",
		"allow s3:PutObject on ${Reports.Arn}/*",
		"allow sns:Publish on ${Notices}",
		"allow sqs:ReceiveMessage on ${DrillArrivals.Arn}",
	}
	if diff := cmp.Diff(want, granted(tmpl, tmpl.function(t, "ask-ledger"))); diff != "" {
		t.Errorf("grants of the tool (-want +got):\n%s", diff)
	}
	for _, name := range control.Own {
		if strings.Contains(string(tmpl.text), name) {
			t.Errorf("the template has %s, which CloudFormation does not fill in", name)
		}
	}
}

func TestTool_ByPersonOnly(t *testing.T) {
	tmpl := load(t, withTool)
	function := tmpl.function(t, "ask-ledger")
	for id, r := range tmpl.Resources {
		if text, err := json.Marshal(r.Properties); err != nil || strings.Contains(string(text), `"`+function.id+`"`) {
			t.Errorf("%s (%s) refers to the tool's function, %v", id, r.Type, err)
		}
	}
}

func TestTool_RoleIsKnownToFunctions(t *testing.T) {
	tmpl := load(t, withTool)
	for _, function := range tmpl.all("AWS::Lambda::Function") {
		id := strings.TrimPrefix(function.get("FunctionName").(string), "warder-")
		if roles := tmpl.settings(t, id).Roles; !slices.Contains(roles, "warder-ask-ledger") {
			t.Errorf("%s takes what the tool does for somebody else's: it knows %s", function.id, roles)
		}
	}
}

func TestTool_SettingsOfWhatItNames(t *testing.T) {
	tmpl := load(t, withSecret)
	want := map[string]settings.Function{
		"ask-ledger":           {Reports: "${Reports}", Drill: "${DrillArrivals}", Bus: "${Bus}"},
		"post-ledger":          {Slack: settings.Slack{Secret: "slack/token"}},
		"undo":                 {},
		"detach-direct-policy": {},
	}
	for id, want := range want {
		got := tmpl.settings(t, id)
		got = settings.Function{Reports: got.Reports, Drill: got.Drill, Bus: got.Bus, Slack: got.Slack}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s has the settings (-want +got):\n%s", id, diff)
		}
	}
}

func TestTool_ScheduleSendsNoRequest(t *testing.T) {
	tmpl := load(t, withSecret)
	schedules := tmpl.schedules(tmpl.function(t, "post-ledger"))
	if len(schedules) != 1 || schedules[0].get("ScheduleExpression") != "rate(7 days)" ||
		schedules[0].get("State") != "ENABLED" || schedules[0].get("Target.Input") != "{}" {
		t.Errorf("schedules %v, want one of rate(7 days) that hands over {}", schedules)
	}
}

// Each tool that is subscribed to the topic is fed by a queue, which keeps what Slack or SES does not take now.
func TestTool_SubscribesThroughAQueue(t *testing.T) {
	checked := 0
	for _, from := range []func() (template, error){withSecret, withSlack} {
		tmpl := load(t, from)
		topic, failed := tmpl.named(t, "AWS::SNS::Topic", "Notices"), tmpl.named(t, "AWS::SQS::Queue", "Failed")
		undelivered := tmpl.named(t, "AWS::SQS::Queue", "Undelivered")
		for _, feed := range tmpl.all("AWS::Lambda::EventSourceMapping") {
			checked++
			queue := tmpl.one(t, "AWS::SQS::Queue", func(r resource) bool { return feed.refers("EventSourceArn", r) })
			function := tmpl.one(t, "AWS::Lambda::Function", func(r resource) bool { return feed.refers("FunctionName", r) })
			batch := feed.get("BatchSize").(float64)
			// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
			if window := feed.get("MaximumBatchingWindowInSeconds"); window.(float64) < 1 && batch > 10 {
				t.Errorf("%s: batches of %v in %vs are refused", feed.id, batch, window)
			}
			if feed.get("ScalingConfig.MaximumConcurrency") != float64(2) ||
				feed.get("FunctionResponseTypes.0") != "ReportBatchItemFailures" {
				t.Errorf("feed %v, want two invocations at a time that say what failed", feed.Properties)
			}
			hidden, timeout := queue.get("VisibilityTimeout").(float64), function.get("Timeout").(float64)
			if hidden < 6*timeout {
				t.Errorf("%s hides a message for %vs from a function that may run for %vs", queue.id, hidden, timeout)
			}
			if !queue.refers("RedrivePolicy.deadLetterTargetArn", failed) {
				t.Errorf("what could not be done in all tries goes to %v", queue.get("RedrivePolicy"))
			}
			subscription := tmpl.one(t, "AWS::SNS::Subscription", func(r resource) bool { return r.refers("Endpoint", queue) })
			if !subscription.refers("TopicArn", topic) || subscription.get("Protocol") != "sqs" ||
				subscription.get("RawMessageDelivery") != true {
				t.Errorf("subscription %v, want what was published as it is", subscription.Properties)
			}
			if !subscription.refers("RedrivePolicy.deadLetterTargetArn", undelivered) {
				t.Errorf("what cannot be handed over goes to %v, want %s", subscription.get("RedrivePolicy"), undelivered.id)
			}
			for _, q := range []resource{queue, undelivered} {
				policy := tmpl.one(t, "AWS::SQS::QueuePolicy", func(r resource) bool { return r.refers("Queues.0", q) })
				var allowed []string
				for _, s := range statements(policy.get("PolicyDocument")) {
					allowed = append(allowed, statementLines(s)...)
				}
				want := "allow sns.amazonaws.com sqs:SendMessage on ${" + hash.ReplaceAllString(
					q.id,
					"",
				) + ".Arn} if aws:SourceArn ArnEquals ${Notices}"
				if !slices.Contains(allowed, want) {
					t.Errorf("%s allows %v, want %q", q.id, allowed, want)
				}
			}
			// Alarms have no attribute, and are for Slack; owners get mail for notices alone.
			filtered := subscription.get("FilterPolicy") != nil
			id := function.get("FunctionName").(string)[len("warder-"):]
			if mails := tmpl.settings(t, id).Mail.Sender != ""; filtered != mails {
				t.Errorf("%s filters: %t", subscription.id, filtered)
			}
		}
		starts := func(r resource) bool { return r.get("Protocol") == "lambda" }
		if direct := tmpl.where("AWS::SNS::Subscription", starts); len(direct) > 0 {
			t.Errorf("%v is started by the topic itself: it can use up the concurrency of the account", direct)
		}
	}
	if checked != 4 {
		t.Errorf("%d feeds were checked, want 4", checked)
	}
}

func TestSlack_TokenFromTheSettings(t *testing.T) {
	for want, from := range map[string]func() (template, error){
		"allow secretsmanager:GetSecretValue on " +
			"arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:slack/token-??????": withSecret,
		"allow ssm:GetParameter on " +
			"arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/slack/token": withParameter,
	} {
		tmpl := load(t, from)
		var got []string
		for _, line := range granted(tmpl, tmpl.function(t, "post-ledger")) {
			if !strings.Contains(line, "logs:") && !strings.Contains(line, "sqs:") {
				got = append(got, line)
			}
		}
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("grants (-want +got):\n%s", diff)
		}
	}
}

func TestSlack_NoToolWithoutSlack(t *testing.T) {
	if tmpl := load(t, withTool); strings.Contains(string(tmpl.text), settings.FunctionName("post-ledger")) {
		t.Error("post-ledger is deployed, and there is nothing that it could post to")
	}
}

func TestReports_PrivateAndRetained(t *testing.T) {
	tmpl := load(t, withTool)
	bucket := tmpl.named(t, "AWS::S3::Bucket", "Reports")
	if bucket.DeletionPolicy != "Retain" || bucket.UpdateReplacePolicy != "Retain" {
		t.Errorf("deletion policy %q, replacement policy %q, want Retain", bucket.DeletionPolicy, bucket.UpdateReplacePolicy)
	}
	for path, want := range map[string]any{
		"VersioningConfiguration.Status":                       "Enabled",
		"PublicAccessBlockConfiguration.BlockPublicAcls":       true,
		"PublicAccessBlockConfiguration.BlockPublicPolicy":     true,
		"PublicAccessBlockConfiguration.IgnorePublicAcls":      true,
		"PublicAccessBlockConfiguration.RestrictPublicBuckets": true,
		"OwnershipControls.Rules.0.ObjectOwnership":            "BucketOwnerEnforced",
		"BucketEncryption.ServerSideEncryptionConfiguration.0." +
			"ServerSideEncryptionByDefault.SSEAlgorithm": "AES256",
	} {
		if got := bucket.get(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	policy := tmpl.one(t, "AWS::S3::BucketPolicy", func(r resource) bool { return r.refers("Bucket", bucket) })
	var got []string
	for _, s := range statements(policy.get("PolicyDocument")) {
		got = append(got, statementLines(s)...)
	}
	slices.Sort(got)
	want := []string{
		"deny * s3:* on ${Reports.Arn} if aws:SecureTransport Bool false",
		"deny * s3:* on ${Reports.Arn}/* if aws:SecureTransport Bool false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policy of the bucket (-want +got):\n%s", diff)
	}
}

func TestDrill_QueueGetsOnlyItsOwnEvents(t *testing.T) {
	tmpl := load(t, withTool)
	queue := tmpl.named(t, "AWS::SQS::Queue", "DrillArrivals")
	rules := tmpl.where("AWS::Events::Rule", func(r resource) bool { return r.refers("Targets.0.Arn", queue) })
	got := map[string]any{}
	for _, rule := range rules {
		got[rule.id] = map[string]any{"bus": text(rule.get("EventBusName")), "pattern": rule.get("EventPattern")}
	}
	account := []any{map[string]any{"Ref": "AWS::AccountId"}}
	want := map[string]any{
		"DrillCalls": map[string]any{"bus": "<nil>", "pattern": map[string]any{
			"account": account, "source": []any{"aws.iam"},
			"detail": map[string]any{"requestParameters": map[string]any{
				"userName": []any{map[string]any{"prefix": "warder-drill-"}},
			}},
		}},
		"DrillEvents": map[string]any{"bus": "${Bus}",
			"pattern": map[string]any{"account": account, "source": []any{"warder.drill"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules of the queue (-want +got):\n%s", diff)
	}
	policy := tmpl.one(t, "AWS::SQS::QueuePolicy", func(r resource) bool { return r.refers("Queues.0", queue) })
	var allowed []string
	for _, s := range statements(policy.get("PolicyDocument")) {
		if s["Effect"] == "Allow" {
			allowed = append(allowed, statementLines(s)...)
		}
	}
	if diff := cmp.Diff([]string{"allow events.amazonaws.com sqs:SendMessage on ${DrillArrivals.Arn} if aws:SourceArn " +
		"ArnEquals ${DrillCalls.Arn}, ${DrillEvents.Arn}"}, allowed); diff != "" {
		t.Errorf("who may write to the queue (-want +got):\n%s", diff)
	}
}

// The daily check knows as whom and how mail is sent, so that it can see whether SES does.
func TestTool_CheckKnowsTheSender(t *testing.T) {
	for sender, from := range map[string]func() (template, error){"warder@example.com": withSlack, "": deployed} {
		mail := load(t, from).settings(t, "check-warder").Mail
		if mail.Sender != sender || (mail.Set != "") != (sender != "") || mail.Fixed != nil {
			t.Errorf("it knows %+v, want the sender %q", mail, sender)
		}
	}
}
