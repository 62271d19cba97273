package stack

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// conditionMap are the conditions of a statement: operator, key, values.
type conditionMap = map[string]map[string][]string

// newRole adds the role of a function. It allows what control.json lists, the plumbing that every function of
// its sort needs, and nothing else.
func (h *Hub) newRole(scope constructs.Construct, c control.Control, plumbing []awsiam.PolicyStatement) awsiam.Role {
	policies := map[string]awsiam.PolicyDocument{"plumbing": document(plumbing...)}
	if len(c.Permissions) > 0 {
		var statements []awsiam.PolicyStatement
		for _, p := range c.Permissions {
			if resources := h.resources(p); len(resources) > 0 {
				statements = append(statements, allow(p.Actions, resources, h.inRegion(p.Conditions)))
			}
			if len(p.Except) > 0 {
				statements = append(statements, awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
					Effect: awsiam.Effect_DENY, Actions: jsii.Strings(p.Actions...), Resources: substitute(p.Except),
				}))
			}
		}
		policies["control"] = document(statements...)
	}
	return awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		// The functions know each other's roles by their names, which all stand in the environment of each.
		RoleName:       jsii.String(settings.FunctionName(c.ID)),
		Path:           jsii.String(settings.RolePath),
		Description:    jsii.String("What the function " + settings.FunctionName(c.ID) + " may do"),
		AssumedBy:      servicePrincipal("lambda"),
		InlinePolicies: &policies,
	})
}

// resources returns the resources of a permission, those of Warder's own as their ARNs. A resource that is not deployed
// is left out: the key of a topic without one, and Slack's secret or parameter, whichever the settings do not name.
func (h *Hub) resources(p control.Permission) []string {
	var filled []string
	for _, resource := range p.Resources {
		switch {
		case resource == control.Mail:
			filled = append(filled, h.mailARNs()...)
			continue
		case resource == control.MailTopics:
			for _, topic := range h.mailTopics() {
				filled = append(filled, *topic.TopicArn())
			}
			continue
		case resource == control.Slack:
			resource = slackARN(h.props.Settings.Notify.Slack, p.Actions)
		case slices.Contains(control.Own, resource):
			resource = h.own[resource]
		}
		if resource != "" {
			filled = append(filled, resource)
		}
	}
	return filled
}

// inRegion returns the conditions of control.json with the values that kms:ViaService has in the hub's region.
func (h *Hub) inRegion(conditions conditionMap) conditionMap {
	filled := conditionMap{}
	for operator, keys := range conditions {
		filled[operator] = maps.Clone(keys)
		if slices.Equal(keys[viaService], viaSNS("${AWS::Region}")) {
			filled[operator][viaService] = viaSNS(*h.Region())
		}
	}
	return filled
}

// slackARN returns the ARN of the secret or of the parameter that holds Slack's token; empty when the actions
// are for the other of the two. Secrets Manager appends a hyphen and six characters to the name of a secret.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
func slackARN(slack settings.Slack, actions []string) string {
	service, _, _ := strings.Cut(actions[0], ":")
	prefix := "arn:${AWS::Partition}:" + service + ":${AWS::Region}:${AWS::AccountId}:"
	switch {
	case service == "secretsmanager" && slack.Secret != "":
		return prefix + "secret:" + slack.Secret + "-??????"
	case service == "ssm" && slack.Parameter != "":
		return prefix + "parameter/" + strings.TrimPrefix(slack.Parameter, "/")
	}
	return ""
}

func document(statements ...awsiam.PolicyStatement) awsiam.PolicyDocument {
	return awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements})
}

// may is a statement of a role about one resource.
func may(resource *string, actions ...string) awsiam.PolicyStatement {
	return allow(actions, []string{*resource}, nil)
}

// allow is a statement of a role.
func allow(actions, resources []string, when conditionMap) awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: substitute(resources)}
	if len(when) > 0 {
		filled := map[string]any{}
		for operator, keys := range when {
			values := map[string]any{}
			for key, v := range keys {
				values[key] = substitute(v)
			}
			filled[operator] = values
		}
		props.Conditions = &filled
	}
	return awsiam.NewPolicyStatement(props)
}

// allowService is a statement of a resource's own policy: a service of AWS may act on it for the account's own
// resources, which the condition names.
func allowService(service string, resource *string, operator, key string, value any, actions ...string,
) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{servicePrincipal(service)},
		Actions:    jsii.Strings(actions...),
		Resources:  &[]*string{resource},
		Conditions: &map[string]any{operator: map[string]any{key: value}},
	})
}

func servicePrincipal(service string) awsiam.ServicePrincipal {
	return awsiam.NewServicePrincipal(jsii.String(service+".amazonaws.com"), nil)
}

// substitute leaves ${AWS::Partition} and the like to CloudFormation.
func substitute(values []string) *[]*string {
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
