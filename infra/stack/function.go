package stack

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
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
)

// function is the function of a control or a tool, with its role.
type function struct {
	lambda awslambda.Function
	role   awsiam.Role
}

// newFunction adds a function, its log group and its role to the construct. The
// role allows what control.json lists, writing the log, the plumbing, and nothing else.
func (h *Hub) newFunction(scope constructs.Construct, c control.Control, plumbing ...awsiam.PolicyStatement) function {
	logs := newLogGroup(scope, c.ID, h.props.Settings.LogRetentionDays)
	role := h.newRole(scope, c, append(plumbing,
		// Lambda itself writes the log with this role.
		allow([]string{"logs:CreateLogStream", "logs:PutLogEvents"}, []string{*logs.LogGroupArn()}, nil)))
	lambda := awslambda.NewFunction(scope, jsii.String("Function"), &awslambda.FunctionProps{
		FunctionName:          jsii.String(settings.FunctionName(c.ID)),
		Description:           jsii.String(c.Summary),
		Runtime:               awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:          awslambda.Architecture_ARM_64(),
		Handler:               jsii.String("bootstrap"),
		Code:                  code(h.Stack, c.ID, h.props.Binaries, h.props.Settings),
		Role:                  role,
		MemorySize:            jsii.Number(memoryMB),
		Timeout:               awscdk.Duration_Minutes(jsii.Number(timeoutMinutes)),
		LogGroup:              logs,
		LoggingFormat:         awslambda.LoggingFormat_JSON,
		ApplicationLogLevelV2: awslambda.ApplicationLogLevel_INFO,
	})
	// The function refers to its role; the CDK says so a second time.
	lambda.Node().DefaultChild().(awslambda.CfnFunction).AddDeletionOverride(jsii.String("DependsOn"))
	return function{lambda, role}
}

// configure gives the function its settings.
func (f function) configure(s settings.Function) {
	f.lambda.AddEnvironment(jsii.String(settings.Variable), jsii.String(s.Env()[settings.Variable]), nil)
}

// newLogGroup adds the log group of a function. It outlives the control, so that what happened stays readable.
func newLogGroup(scope constructs.Construct, id string, days int) awslogs.LogGroup {
	logs := awslogs.NewLogGroup(scope, jsii.String("Logs"), &awslogs.LogGroupProps{
		LogGroupName:  jsii.String(settings.LogGroupName(id)),
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
	})
	// The construct's own property is an enumeration; the resource takes the days.
	logs.Node().DefaultChild().(awslogs.CfnLogGroup).SetRetentionInDays(jsii.Number(days))
	return logs
}

// mayFail allows Lambda to hand over a failed event with the function's role.
func (h *Hub) mayFail() awsiam.PolicyStatement {
	return allow([]string{"sqs:SendMessage"}, []string{*h.Failed.QueueArn()}, nil)
}

// retry has Lambda retry a failed run so often, and then keep the event.
func (h *Hub) retry(scope constructs.Construct, f function, tries int) {
	awslambda.NewCfnEventInvokeConfig(scope, jsii.String("Retry"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName:             f.lambda.FunctionName(),
		Qualifier:                jsii.String("$LATEST"),
		MaximumRetryAttempts:     jsii.Number(tries),
		MaximumEventAgeInSeconds: jsii.Number(maxEventSeconds),
		DestinationConfig: &awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: h.Failed.QueueArn()},
		},
	})
}

// mayInvoke allows a service to invoke the function for one of its resources.
func mayInvoke(scope constructs.Construct, id string, f function, service string, source *string) {
	awslambda.NewCfnPermission(scope, jsii.String(id), &awslambda.CfnPermissionProps{
		Action:       jsii.String("lambda:InvokeFunction"),
		FunctionName: f.lambda.FunctionArn(),
		Principal:    jsii.String(service + ".amazonaws.com"),
		SourceArn:    source,
	})
}

// newTagged adds the construct of a control or a tool. Its tag on every resource names the owner.
func newTagged(scope constructs.Construct, c control.Control) constructs.Construct {
	construct := constructs.NewConstruct(scope, jsii.String(pascal(c.ID)))
	awscdk.Tags_Of(construct).Add(jsii.String(settings.Product), jsii.String(c.ID), nil)
	return construct
}

// pascal is "detach-direct-policy" as "DetachDirectPolicy".
func pascal(id string) string {
	var out strings.Builder
	for _, word := range strings.Split(id, "-") {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}
