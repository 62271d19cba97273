package guardrail

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/test/iamsim"
)

const (
	account = "123456789012"
	onCall  = "arn:aws:iam::*:role/on-call"
	cdk     = "arn:aws:iam::*:role/cdk-*"
	ours    = "o-a1b2c3d4e5"
)

var (
	everything = json.RawMessage(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	)
	// everybody lets everybody in: whether somebody may do something there is up to what stands above.
	everybody = json.RawMessage(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
	)
)

// An act is what somebody does to something of Warder's, and the same to something of the neighbours'.
type act struct {
	action, warders, others string
	context                 map[string]string // of the act on what is Warder's
}

func in(service, resource string) string {
	return "arn:aws:" + service + ":us-east-1:" + account + ":" + resource
}
func iam(resource string) string { return "arn:aws:iam::" + account + ":" + resource }

// pair is an action on a resource of Warder's and on one of the same kind, by two names.
func pair(action, arn, warders, others string) act {
	return act{action, strings.ReplaceAll(arn, "NAME", warders), strings.ReplaceAll(arn, "NAME", others), nil}
}

// blinding are the acts against Warder that attackers try: scripts of infra/local/attacks play most of them.
func blinding() []act {
	const function, other = "warder-contain-exposed-key", "wardrobe"
	var acts []act
	add := func(arn, warders, others string, actions ...string) {
		for _, a := range actions {
			acts = append(acts, pair(a, arn, warders, others))
		}
	}
	add(in("lambda", "function:NAME"), function, other, "lambda:DeleteFunction", "lambda:UpdateFunctionCode",
		"lambda:UpdateFunctionConfiguration", "lambda:PutFunctionConcurrency", "lambda:AddPermission",
		"lambda:RemovePermission", "lambda:PutFunctionEventInvokeConfig", "lambda:PutRuntimeManagementConfig",
		"lambda:CreateFunctionUrlConfig", "lambda:TagResource", "lambda:PutFunctionRecursionConfig")
	add(in("events", "rule/NAME"), "warder-Watch1-1A2B3C", "nightly", "events:DeleteRule", "events:DisableRule",
		"events:PutRule", "events:PutTargets", "events:RemoveTargets")
	add(in("events", "rule/NAME"), "StackSet-warder-0a1b-Watch1-1A2B", "StackSet-other-0a1b", "events:DisableRule")
	add(in("events", "event-bus/NAME"), "warder", "default", "events:DeleteEventBus", "events:UpdateEventBus")
	add(in("sns", "NAME"), "warder-NoticesCD1BD20F", "orders", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:Publish",
		"sns:Subscribe", "sns:AddPermission")
	add(in("sqs", "NAME"), "warder-Failed178E83A2", "orders", "sqs:DeleteQueue", "sqs:PurgeQueue",
		"sqs:SetQueueAttributes",
		"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SendMessage", "sqs:AddPermission")
	add(in("dynamodb", "table/NAME"), "warder", "orders", "dynamodb:DeleteTable", "dynamodb:UpdateTable",
		"dynamodb:PutItem",
		"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:UpdateTimeToLive", "dynamodb:PutResourcePolicy",
		"dynamodb:UpdateContinuousBackups")
	add(in("cloudwatch", "alarm:NAME"), "warder-failed", "disk-full", "cloudwatch:DeleteAlarms",
		"cloudwatch:PutMetricAlarm",
		"cloudwatch:DisableAlarmActions", "cloudwatch:SetAlarmState")
	add("arn:aws:cloudwatch::"+account+":dashboard/NAME", "warder", "orders", "cloudwatch:DeleteDashboards",
		"cloudwatch:PutDashboard")
	add(in("logs", "log-group:NAME"), "/aws/lambda/"+function, "/aws/lambda/"+other, "logs:DeleteLogGroup",
		"logs:PutRetentionPolicy", "logs:DeleteMetricFilter", "logs:PutMetricFilter", "logs:PutSubscriptionFilter",
		"logs:PutDataProtectionPolicy", "logs:DisassociateKmsKey")
	add(in("cloudformation", "stack/NAME"), "warder/0a1b2c3d", "orders/0a1b2c3d", "cloudformation:DeleteStack",
		"cloudformation:UpdateStack", "cloudformation:CreateChangeSet", "cloudformation:SetStackPolicy",
		"cloudformation:UpdateTerminationProtection")
	add(in("cloudformation", "stack/NAME"), "StackSet-warder-0a1b/0a1b2c3d", "StackSet-other-0a1b/0a1b2c3d",
		"cloudformation:DeleteStack")
	add("arn:aws:s3:::NAME", "warder-reports65402a0a-x", "orders", "s3:DeleteBucket", "s3:PutBucketPolicy",
		"s3:PutLifecycleConfiguration", "s3:PutBucketPublicAccessBlock")
	add("arn:aws:s3:::NAME/2026-10.html", "warder-reports65402a0a-x", "orders", "s3:PutObject", "s3:DeleteObject",
		"s3:DeleteObjectVersion")
	add(iam("role/NAME"), "warder/warder-UndoRole-1A2B", "orders", "iam:PutRolePolicy", "iam:AttachRolePolicy",
		"iam:DeleteRole", "iam:UpdateAssumeRolePolicy", "iam:DetachRolePolicy", "iam:DeleteRolePolicy",
		"iam:PutRolePermissionsBoundary", "iam:PassRole", "iam:CreateRole", "iam:TagRole")
	add(iam("policy/NAME"), "warder/warder-key-quarantine", "orders", "iam:CreatePolicyVersion", "iam:DeletePolicy",
		"iam:SetDefaultPolicyVersion", "iam:DeletePolicyVersion")
	add(iam("policy/NAME"), "warder-drill/warder-drill", "orders", "iam:CreatePolicyVersion")
	add(iam("group/NAME"), "warder/warder-key-quarantine", "developers", "iam:RemoveUserFromGroup", "iam:DeleteGroup",
		"iam:DetachGroupPolicy", "iam:UpdateGroup")
	add(iam("user/NAME"), "warder-drill/warder-drill-abc", "alice", "iam:CreateAccessKey", "iam:AttachUserPolicy")
	add(in("scheduler", "schedule/NAME"), "warder/sweep", "orders/sweep", "scheduler:DeleteSchedule",
		"scheduler:UpdateSchedule")
	// Who may deploy, and who may take messages: nobody makes a role of that name, or lets himself into it.
	add(iam("role/NAME"), "cdk-deploy", "deploy", "iam:CreateRole", "iam:UpdateAssumeRolePolicy", "iam:AttachRolePolicy")
	add(iam("role/NAME"), "stacksets-exec-1a2b", "stacksets-1a2b", "iam:CreateRole", "iam:UpdateAssumeRolePolicy")
	add(iam("role/NAME"), "on-call", "on-duty", "iam:CreateRole", "iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy")

	const key = "key/11111111-2222-3333-4444-555555555555"
	for _, action := range []string{
		"kms:DisableKey", "kms:ScheduleKeyDeletion", "kms:PutKeyPolicy", "kms:CreateGrant", "kms:DisableKeyRotation",
		"kms:UntagResource", "kms:ReplicateKey",
	} {
		acts = append(acts, act{action, in("kms", key), in("kms", key), map[string]string{"aws:ResourceTag/warder": "hub"}})
	}
	for _, action := range []string{"iam:DetachUserPolicy", "iam:DetachRolePolicy", "iam:DetachGroupPolicy"} {
		who := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(action, "iam:Detach"), "Policy")) + "/alice"
		acts = append(acts, act{
			action, iam(who), iam(who), map[string]string{"iam:PolicyARN": iam("policy/warder/warder-key-quarantine")},
		})
	}
	for _, action := range []string{"lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"} {
		mapping := in("lambda", "event-source-mapping:11111111-2222-3333-4444-555555555555")
		acts = append(acts, act{
			action, mapping, mapping, map[string]string{"lambda:FunctionArn": in("lambda", "function:warder-send-email")},
		})
	}
	rule := in("config", "config-rule/config-rule-abcdef")
	return append(acts, act{"config:DeleteConfigRule", rule, rule, map[string]string{"aws:ResourceTag/warder": "hub"}})
}

// reading is what an operator's command does with what everybody may have who may read, and what other systems do.
func reading() []iamsim.Request {
	return []iamsim.Request{
		{Action: "lambda:InvokeFunction", Resource: in("lambda", "function:warder-undo")},
		{Action: "lambda:GetFunctionConfiguration", Resource: in("lambda", "function:warder-undo")},
		{Action: "dynamodb:GetItem", Resource: in("dynamodb", "table/warder")},
		{Action: "dynamodb:Scan", Resource: in("dynamodb", "table/warder")},
		{Action: "cloudformation:DescribeStacks", Resource: in("cloudformation", "stack/warder/0a1b2c3d")},
		{Action: "events:PutEvents", Resource: in("events", "event-bus/warder")},
		{Action: "events:DescribeRule", Resource: in("events", "rule/warder-Watch1-1A2B3C")},
		{Action: "logs:FilterLogEvents", Resource: in("logs", "log-group:/aws/lambda/warder-undo")},
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::warder-reports65402a0a-x/2026-10.html"},
		{Action: "sns:GetTopicAttributes", Resource: in("sns", "warder-NoticesCD1BD20F")},
		{Action: "sqs:GetQueueAttributes", Resource: in("sqs", "warder-Failed178E83A2")},
		{Action: "iam:GetRole", Resource: iam("role/warder/warder-UndoRole-1A2B")},
		{Action: "iam:PassRole", Resource: iam("role/cdk-deploy")},
		{Action: "sts:AssumeRole", Resource: iam("role/on-call"), Policy: everybody},
		{Action: "iam:TagUser", Resource: iam("user/alice")},
		{Action: "iam:AddUserToGroup", Resource: iam("group/developers")},
		{Action: "iam:CreateUser", Resource: iam("user/warder")},
	}
}

// scp is the policy with the deployers and operators of this file.
func scp(t *testing.T) json.RawMessage {
	t.Helper()
	document, err := SCP(Who{Deployers: []string{StackSets, cdk}, Operators: []string{onCall}})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// ask has the simulator answer for an administrator of that ARN.
func ask(t *testing.T, arn string, scp, rcp json.RawMessage, requests []iamsim.Request) []iamsim.Answer {
	t.Helper()
	answers, err := iamsim.Ask(context.Background(), []iamsim.Principal{
		{ARN: arn, Policies: []json.RawMessage{everything}, SCP: scp, RCP: rcp, Requests: requests},
	})
	if err != nil {
		t.Fatal(err)
	}
	return answers[0]
}

// On what is Warder's an administrator of the member can do nothing of what attackers try, on what is next to it
// everything; those who deploy Warder, and its own functions, can do both.
func TestSCP_StopsAttackers(t *testing.T) {
	var requests []iamsim.Request
	for _, a := range blinding() {
		requests = append(requests,
			iamsim.Request{Action: a.action, Resource: a.warders, Context: a.context, Policy: opened(a.warders)},
			iamsim.Request{Action: a.action, Resource: a.others, Policy: opened(a.others)})
	}
	document := scp(t)
	for _, who := range []struct {
		arn   string
		wants [2]iamsim.Answer // on what is Warder's, on others'
	}{
		{iam("user/mallory"), [2]iamsim.Answer{iamsim.ExplicitlyDenied, iamsim.Allowed}},
		{iam("role/Administrator"), [2]iamsim.Answer{iamsim.ExplicitlyDenied, iamsim.Allowed}},
		{iam("role/x/stacksets-exec-1a2b"), [2]iamsim.Answer{iamsim.ExplicitlyDenied, iamsim.Allowed}},
		{iam("role/stacksets-exec-1a2b"), [2]iamsim.Answer{iamsim.Allowed, iamsim.Allowed}},
		{iam("role/cdk-hnb659fds-cfn-exec-role"), [2]iamsim.Answer{iamsim.Allowed, iamsim.Allowed}},
		{iam("role/warder/warder-UndoRole-1A2B"), [2]iamsim.Answer{iamsim.Allowed, iamsim.Allowed}},
	} {
		for i, answer := range ask(t, who.arn, document, nil, requests) {
			if want := who.wants[i%2]; answer != want {
				t.Errorf("%s of %s by %s: %s, want %s", requests[i].Action, requests[i].Resource, who.arn, answer, want)
			}
		}
	}
}

// opened is the policy of a resource that lets everybody in, where one is needed to get in at all.
func opened(arn string) json.RawMessage {
	if strings.HasPrefix(arn, "arn:aws:kms:") {
		return everybody
	}
	return nil
}

func TestSCP_HindersNobodyElse(t *testing.T) {
	for i, answer := range ask(t, iam("user/alice"), scp(t), nil, reading()) {
		if answer != iamsim.Allowed {
			t.Errorf("%s of %s: %s", reading()[i].Action, reading()[i].Resource, answer)
		}
	}
}

// An operator takes messages from the queues, as redrive does, and changes nothing else.
func TestSCP_Operators(t *testing.T) {
	queue := in("sqs", "warder-Failed178E83A2")
	requests := []iamsim.Request{
		{Action: "sqs:ReceiveMessage", Resource: queue}, {Action: "sqs:DeleteMessage", Resource: queue},
		{Action: "sqs:SendMessage", Resource: queue}, {Action: "sqs:ChangeMessageVisibility", Resource: queue},
		{Action: "lambda:UpdateFunctionCode", Resource: in("lambda", "function:warder-undo")},
		{Action: "iam:UpdateAssumeRolePolicy", Resource: iam("role/on-call")},
	}
	answers := ask(t, iam("role/on-call"), scp(t), nil, requests)
	for i, answer := range answers {
		want := iamsim.Allowed
		if i >= 4 {
			want = iamsim.ExplicitlyDenied
		}
		if answer != want {
			t.Errorf("%s of %s by an operator: %s, want %s", requests[i].Action, requests[i].Resource, answer, want)
		}
	}
}

func TestRCP(t *testing.T) {
	document, err := RCP(ours)
	if err != nil {
		t.Fatal(err)
	}
	key := in("kms", "key/11111111-2222-3333-4444-555555555555")
	tag := map[string]string{"aws:ResourceTag/warder": "hub"}
	requests := []iamsim.Request{
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::warder-reports65402a0a-x/2026-10.html"},
		{Action: "sqs:ReceiveMessage", Resource: in("sqs", "warder-Failed178E83A2")},
		{Action: "kms:Decrypt", Resource: key, Context: tag},
		{Action: "sts:AssumeRole", Resource: iam("role/warder/warder-UndoRole-1A2B")},
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::orders/1"},
		{Action: "sqs:ReceiveMessage", Resource: in("sqs", "orders")},
		{Action: "kms:Decrypt", Resource: key},
		{Action: "sts:AssumeRole", Resource: iam("role/orders")},
	}
	yes, no := iamsim.Allowed, iamsim.ExplicitlyDenied
	for _, who := range []struct {
		arn, organization string
		wants             []iamsim.Answer
	}{
		{"arn:aws:iam::999999999999:user/mallory", "o-z9z9z9z9z9", []iamsim.Answer{no, no, no, no, yes, yes, yes, yes}},
		{"arn:aws:iam::999999999999:user/mallory", "", []iamsim.Answer{no, no, no, no, yes, yes, yes, yes}},
		{iam("role/Administrator"), ours, []iamsim.Answer{yes, yes, yes, no, yes, yes, yes, yes}},
	} {
		asked := make([]iamsim.Request, len(requests))
		for i, r := range requests {
			r.Policy = everybody
			context := map[string]string{"aws:PrincipalIsAWSService": "false"}
			if who.organization != "" {
				context["aws:PrincipalOrgID"] = who.organization
			}
			for name, value := range r.Context {
				context[name] = value
			}
			r.Context = context
			asked[i] = r
		}
		for i, answer := range ask(t, who.arn, nil, document, asked) {
			if answer != who.wants[i] {
				t.Errorf("%s of %s by %s of %q: %s, want %s", asked[i].Action, asked[i].Resource, who.arn, who.organization, answer,
					who.wants[i])
			}
		}
	}
}

func TestSCP_Refuses(t *testing.T) {
	for _, c := range []struct {
		who  Who
		says string
	}{
		{Who{}, "at least one deployer"},
		{Who{Deployers: []string{"*"}}, `"*"`},
		{Who{Deployers: []string{"arn:aws:iam::*:role/*"}}, `role/*"`},
		{Who{Deployers: []string{"arn:aws:iam::*:*"}}, `"arn:aws:iam::*:*"`},
		{Who{Deployers: []string{"arn:aws:iam::*:role/a*"}}, `role/a*"`},
		{Who{Deployers: []string{"arn:aws:iam::*:*/admin"}}, `"arn:aws:iam::*:*/admin"`},
		{Who{Deployers: []string{"arn:aws:iam::123:role/admin"}}, `::123:`},
		{Who{Deployers: []string{"arn:aws:iam::*:role/ad?in"}}, `ad?in`},
		{Who{Deployers: []string{"arn:aws:sts::123456789012:assumed-role/admin/x"}}, "assumed-role"},
		{Who{Deployers: []string{StackSets}, Operators: []string{"arn:aws:iam::*:user/*"}}, "operator"},
		{Who{Deployers: strings.Split(strings.Repeat(","+StackSets, 60)[1:], ",")}, "5120"},
	} {
		document, err := SCP(c.who)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("SCP(%v) = %.60s, %v, want an error with %s", c.who, document, err, c.says)
		}
	}
	for _, id := range []string{"", "o-1", "123456789012", "o-A1B2C3D4E5", `o-a1b2c3d4e5"`} {
		if document, err := RCP(id); err == nil {
			t.Errorf("RCP(%q) = %.60s, want an error", id, document)
		}
	}
}
