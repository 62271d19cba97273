package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/settings"
)

// newQuarantine adds the policies that keep a user from acting, and for each a
// group that carries it, for users who can take no more policies. They apply to
// nobody until a control attaches one.
//
// They have names, because the controls may attach these and no others. When a
// document changes, as it does with allowedNetworks, IAM makes the new text the
// default version of the same policy, for those who are under it as well. Without
// allowedNetworks there is nothing to be outside of, and no policy for it; one that
// is attached to somebody stays in the account, because CloudFormation cannot delete it.
func newQuarantine(stack awscdk.Stack, s settings.Settings) settings.Quarantine {
	arns := settings.Quarantine{
		Key: newDeny(stack, "KeyQuarantine", change.KeyQuarantine, quarantine.KeyDocument(),
			"Denies everything to a user whose access key is known to others"),
	}
	if len(s.AllowedNetworks) > 0 {
		document := quarantine.OutsideDocument(s.AllowedNetworks)
		arns.Outside = newDeny(stack, "OutsideQuarantine", change.OutsideQuarantine, document,
			"Denies what comes from outside the allowed networks to a user who signed in from there")
	}
	return arns
}

// newDeny adds one policy and its group, and returns the policy's ARN.
func newDeny(stack awscdk.Stack, id, name, document, description string) string {
	policy := awsiam.NewCfnManagedPolicy(stack, jsii.String(id), &awsiam.CfnManagedPolicyProps{
		ManagedPolicyName: jsii.String(name),
		Path:              jsii.String(change.QuarantinePath),
		Description:       jsii.String(description),
		PolicyDocument:    policyDocument(name, document),
	})
	awsiam.NewCfnGroup(stack, jsii.String(id+"Group"), &awsiam.CfnGroupProps{
		GroupName:         jsii.String(name),
		Path:              jsii.String(change.QuarantinePath),
		ManagedPolicyArns: &[]any{policy.Ref()},
	})
	return *policy.Ref()
}
