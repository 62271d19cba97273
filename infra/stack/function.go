package stack

import (
	"maps"
	"slices"
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
)

// Function is the function of a control or a tool, with its role.
type Function struct {
	Lambda awslambda.Function
	Role   awsiam.Role
}

// newFunction adds a function, its log group and its role to the construct. The
// role may do what control.json says, write the log, do what plumbing says, and
// nothing else.
func newFunction(construct constructs.Construct, props ControlProps, plumbing ...awsiam.PolicyStatement) Function {
	c := props.Control
	logs := newLogGroup(construct, c.ID, props.Settings.LogRetentionDays)
	role := newRole(construct, c, props.Hub, append(plumbing,
		// Lambda itself writes the log with this role.
		allow([]string{"logs:CreateLogStream", "logs:PutLogEvents"}, []string{*logs.LogGroupArn()}, nil)))
	function := awslambda.NewFunction(construct, jsii.String("Function"), &awslambda.FunctionProps{
		FunctionName:          jsii.String(settings.FunctionName(c.ID)),
		Description:           jsii.String(c.Summary),
		Runtime:               awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:          awslambda.Architecture_ARM_64(),
		Handler:               jsii.String("bootstrap"),
		Code:                  code(props.Hub.Stack, c.ID, props.Binaries, props.Settings),
		Role:                  role,
		MemorySize:            jsii.Number(memoryMB),
		Timeout:               awscdk.Duration_Minutes(jsii.Number(timeoutMinutes)),
		LogGroup:              logs,
		LoggingFormat:         awslambda.LoggingFormat_JSON,
		ApplicationLogLevelV2: awslambda.ApplicationLogLevel_INFO,
	})
	// The function refers to its role; the CDK says so a second time.
	function.Node().DefaultChild().(awslambda.CfnFunction).AddDeletionOverride(jsii.String("DependsOn"))
	return Function{Lambda: function, Role: role}
}

// Tell gives the function its settings.
func (f Function) Tell(told settings.Function) {
	env := told.Env()
	for _, name := range slices.Sorted(maps.Keys(env)) {
		f.Lambda.AddEnvironment(jsii.String(name), jsii.String(env[name]), nil)
	}
}

func newRole(scope constructs.Construct, c control.Control, hub Hub, plumbing []awsiam.PolicyStatement) awsiam.Role {
	policies := map[string]awsiam.PolicyDocument{"plumbing": document(plumbing...)}
	if len(c.Permissions) > 0 {
		var statements []awsiam.PolicyStatement
		for _, p := range c.Permissions {
			if resources := hub.own(p); len(resources) > 0 {
				statements = append(statements, allow(p.Actions, resources, hub.through(p.Conditions)))
			}
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

// own is the resources of a permission with those of control.Own as their ARNs.
// Of Slack there is a secret or a parameter, as the settings say; the permission
// for the other is for nothing.
func (h Hub) own(p control.Permission) []string {
	var filled []string
	for _, resource := range p.Resources {
		switch resource {
		case control.Ledger:
			resource = *h.Table.TableArn()
		case control.LedgerBySubject:
			resource = *h.Table.TableArn() + "/index/" + subjectIndex
		case control.Topic:
			resource = *h.Topic.TopicArn()
		case control.TopicKey:
			resource = ""
			if h.Key != nil {
				resource = *h.Key.KeyArn()
			}
		case control.Reports:
			resource = *h.Reports.BucketArn() + "/*"
		case control.DrillQueue:
			resource = *h.Drill.QueueArn()
		case control.Bus:
			resource = *h.Bus.AttrArn()
		case control.Slack:
			resource = slackARN(h.Slack, p.Actions)
		}
		if resource != "" {
			filled = append(filled, resource)
		}
	}
	return filled
}

// viaService is the condition key for the service that a key is used through.
const viaService = "kms:ViaService"

// through is conditions of control.json with the values that kms:ViaService has in
// the hub's region.
func (h Hub) through(conditions map[string]map[string][]string) map[string]map[string][]string {
	filled := map[string]map[string][]string{}
	for operator, keys := range conditions {
		filled[operator] = maps.Clone(keys)
		if slices.Equal(keys[viaService], viaSNS("${AWS::Region}")) {
			filled[operator][viaService] = viaSNS(*h.Region())
		}
	}
	return filled
}

// slackARN is the ARN of the secret or of the parameter that holds Slack's token,
// empty when the actions are for the other of the two. Secrets Manager appends a
// hyphen and six characters to the name of a secret.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
func slackARN(slack settings.Slack, actions []string) string {
	switch service, _, _ := strings.Cut(actions[0], ":"); {
	case service == "secretsmanager" && slack.Secret != "":
		return "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:" + slack.Secret + "-??????"
	case service == "ssm" && slack.Parameter != "":
		return "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/" + strings.TrimPrefix(slack.Parameter, "/")
	}
	return ""
}

func document(statements ...awsiam.PolicyStatement) awsiam.PolicyDocument {
	return awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements})
}

func allow(actions, resources []string, conditions map[string]map[string][]string) awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: fill(resources)}
	if len(conditions) > 0 {
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

// pascal is "detach-direct-policy" as "DetachDirectPolicy".
func pascal(id string) string {
	var out strings.Builder
	for _, word := range strings.Split(id, "-") {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}
