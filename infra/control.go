package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	// A sweep of an account with IAM's 5,000 users takes minutes at the rate IAM
	// allows; Lambda's longest timeout costs nothing when a run is short.
	timeoutMinutes = 15
	memoryMB       = 256 // Lambda gives processor time by memory; less starts slowly

	// Lambda retries a failed run after one and two minutes, and keeps trying to
	// start a throttled one for as long as it can.
	// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
	retries         = 2
	maxEventSeconds = 6 * 60 * 60

	queueDays = 14 // SQS keeps a message no longer
)

// ControlProps is what a control becomes resources from.
type ControlProps struct {
	Hub      Hub
	Control  control.Control
	Settings settings.Settings
	Binaries string
}

// Control is one control: the rules that start it, its function, and the two
// queues that hold what did not reach the function and what the function could
// not do.
type Control struct {
	constructs.Construct
	Function awslambda.Function
	Role     awsiam.Role
}

// NewControl adds a control to the hub. Tell completes it.
func NewControl(scope constructs.Construct, id string, props ControlProps) Control {
	c, hub := props.Control, props.Hub
	construct := constructs.NewConstruct(scope, jsii.String(id))
	awscdk.Tags_Of(construct).Add(jsii.String(settings.Product), jsii.String(c.ID), nil)

	logs := newLogGroup(construct, c.ID, props.Settings.LogRetentionDays)
	failed := newQueue(construct, "Failed")
	role := newRole(construct, c, hub, logs, failed)
	function := awslambda.NewFunction(construct, jsii.String("Function"), &awslambda.FunctionProps{
		FunctionName:          jsii.String(settings.FunctionName(c.ID)),
		Description:           jsii.String(c.Summary),
		Runtime:               awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:          awslambda.Architecture_ARM_64(),
		Handler:               jsii.String("bootstrap"),
		Code:                  awslambda.Code_FromAsset(jsii.String(filepath.Join(props.Binaries, c.ID)), nil),
		Role:                  role,
		MemorySize:            jsii.Number(memoryMB),
		Timeout:               awscdk.Duration_Minutes(jsii.Number(timeoutMinutes)),
		LogGroup:              logs,
		LoggingFormat:         awslambda.LoggingFormat_JSON,
		ApplicationLogLevelV2: awslambda.ApplicationLogLevel_INFO,
	})
	// The function refers to its role; the CDK says so a second time.
	function.Node().DefaultChild().(awslambda.CfnFunction).AddDeletionOverride(jsii.String("DependsOn"))
	awslambda.NewCfnEventInvokeConfig(construct, jsii.String("Retry"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName:             function.FunctionName(),
		Qualifier:                jsii.String("$LATEST"),
		MaximumRetryAttempts:     jsii.Number(retries),
		MaximumEventAgeInSeconds: jsii.Number(maxEventSeconds),
		DestinationConfig: &awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: failed.QueueArn()},
		},
	})
	newRules(construct, c, props.Settings.Controls[c.ID].Mode, function)
	return Control{Construct: construct, Function: function, Role: role}
}

// Tell gives the function its settings.
func (c Control) Tell(f settings.Function) {
	env := f.Env()
	for _, name := range slices.Sorted(maps.Keys(env)) {
		c.Function.AddEnvironment(jsii.String(name), jsii.String(env[name]), nil)
	}
}

// newRole is a role that may do what control.json says and what every function
// needs for its work, and nothing else.
func newRole(scope constructs.Construct, c control.Control, hub Hub, logs awslogs.LogGroup, failed awssqs.Queue) awsiam.Role {
	users := "arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"
	policies := map[string]awsiam.PolicyDocument{
		"plumbing": document(
			// The ledger: what was done, and what undoes it.
			allow([]string{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}, []string{*hub.Table.TableArn()}, nil),
			// The owner of a user is in its tags and path.
			allow([]string{"iam:GetUser"}, []string{users}, nil),
			// Notices.
			allow([]string{"sns:Publish"}, []string{*hub.Topic.TopicArn()}, nil),
			allow([]string{"kms:Decrypt", "kms:GenerateDataKey"}, []string{*hub.Key.KeyArn()},
				map[string]map[string][]string{"StringEquals": {"kms:ViaService": {viaSNS(hub.Stack)}}}),
			// The switch that stops every change.
			allow([]string{"ssm:GetParameter"}, []string{*hub.Halt.ParameterArn()}, nil),
			// Lambda itself writes the log and hands over what failed with this role.
			allow([]string{"logs:CreateLogStream", "logs:PutLogEvents"}, []string{*logs.LogGroupArn()}, nil),
			allow([]string{"sqs:SendMessage"}, []string{*failed.QueueArn()}, nil),
		),
	}
	if len(c.Permissions) > 0 {
		var statements []awsiam.PolicyStatement
		for _, p := range c.Permissions {
			statements = append(statements, allow(p.Actions, p.Resources, p.Conditions))
		}
		policies["control"] = document(statements...)
	}
	return awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		Path:           jsii.String(settings.RolePath),
		Description:    jsii.String("What the function " + settings.FunctionName(c.ID) + " may do"),
		AssumedBy:      awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		InlinePolicies: &policies,
	})
}

func document(statements ...awsiam.PolicyStatement) awsiam.PolicyDocument {
	return awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements})
}

func allow(actions, resources []string, conditions map[string]map[string][]string) awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: fill(resources)}
	if conditions != nil {
		filled := map[string]any{}
		for operator, keys := range conditions {
			values := map[string]any{}
			for key, v := range keys {
				values[key] = fill(v)
			}
			filled[operator] = values
		}
		props.Conditions = &filled
	}
	return awsiam.NewPolicyStatement(props)
}

// fill leaves ${AWS::Partition} and the like to CloudFormation.
func fill(values []string) *[]*string {
	var filled []*string
	for _, value := range values {
		if strings.Contains(value, "${AWS::") {
			filled = append(filled, awscdk.Fn_Sub(jsii.String(value), nil))
		} else {
			filled = append(filled, jsii.String(value))
		}
	}
	return &filled
}

// newLogGroup is where Lambda writes the function's output. What happened stays
// readable after the control is gone.
func newLogGroup(scope constructs.Construct, id string, days int) awslogs.LogGroup {
	logs := awslogs.NewLogGroup(scope, jsii.String("Logs"), &awslogs.LogGroupProps{
		LogGroupName:  jsii.String(settings.LogGroupName(id)),
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
	})
	// The construct's own property is an enumeration; the resource takes the days.
	logs.Node().DefaultChild().(awslogs.CfnLogGroup).SetRetentionInDays(jsii.Number(days))
	return logs
}

func newQueue(scope constructs.Construct, id string) awssqs.Queue {
	return awssqs.NewQueue(scope, jsii.String(id), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(queueDays)),
	})
}

// newRules starts the function: one rule for each pattern of control.json,
// exactly as it is written there, and one for the schedule. What EventBridge
// cannot hand over is kept in a queue. In mode off the rules are there, disabled.
func newRules(scope constructs.Construct, c control.Control, mode control.Mode, function awslambda.Function) {
	undelivered := newQueue(scope, "Undelivered")
	var arns []*string
	add := func(id, description string, props awsevents.CfnRuleProps) {
		props.Description = jsii.String(description)
		if mode == control.Off {
			props.State = jsii.String("DISABLED")
		}
		props.Targets = &[]any{&awsevents.CfnRule_TargetProperty{
			Id:               jsii.String("Function"),
			Arn:              function.FunctionArn(),
			DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: undelivered.QueueArn()},
		}}
		rule := awsevents.NewCfnRule(scope, jsii.String(id), &props)
		awslambda.NewCfnPermission(scope, jsii.String(id+"Permission"), &awslambda.CfnPermissionProps{
			Action:       jsii.String("lambda:InvokeFunction"),
			FunctionName: function.FunctionArn(),
			Principal:    jsii.String("events.amazonaws.com"),
			SourceArn:    rule.AttrArn(),
		})
		arns = append(arns, rule.AttrArn())
	}
	for i, pattern := range c.Rules {
		var raw any
		if err := json.Unmarshal(pattern, &raw); err != nil {
			panic(fmt.Sprintf("decode rule %d of %q: %v", i, c.ID, err)) // control.Parse has read it
		}
		add(fmt.Sprintf("Rule%d", i+1), c.Title, awsevents.CfnRuleProps{
			EventPattern: raw,
			// The pattern alone decides: ENABLED would drop read-only calls, some of
			// which matter (root listing its keys).
			// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
			State: jsii.String("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"),
		})
	}
	if c.Schedule != "" {
		add("Schedule", c.Title+": sweep of the whole account", awsevents.CfnRuleProps{
			ScheduleExpression: jsii.String(c.Schedule),
			State:              jsii.String("ENABLED"),
		})
	}
	undelivered.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{undelivered.QueueArn()},
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": &arns}},
	}))
}

// pascal is "detach-direct-policy" as "DetachDirectPolicy".
func pascal(id string) string {
	var out strings.Builder
	for _, word := range strings.Split(id, "-") {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}
