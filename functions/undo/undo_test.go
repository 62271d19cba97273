package undo

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/cloudtrail"
	"github.com/warder-aws/warder/pkg/config"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ec2"
	"github.com/warder-aws/warder/pkg/guardduty"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/rds"
	"github.com/warder-aws/warder/pkg/rotation"
	"github.com/warder-aws/warder/pkg/route53resolver"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/securityhub"
	"github.com/warder-aws/warder/pkg/signin"
)

// onlyForward is what the kinds call for changes that cannot be restored, and for exemptions, which
// nobody asks an undo for; and to make an access key, which undo must not be able to.
var onlyForward = []string{
	"iam:CreatePolicyVersion",
	"s3:GetBucketTagging", "cloudtrail:ListTags", "cloudtrail:ListTrails", "ec2:DescribeImages", "ec2:DescribeSnapshots",
	"rds:ListTagsForResource", "ec2:DescribeTags", "ec2:DescribeVpcs",
	"route53resolver:CreateResolverQueryLogConfig", // no undo deletes what it would make again
	"iam:CreateAccessKey", "iam:GetAccessKeyLastUsed",
	"secretsmanager:CreateSecret", "secretsmanager:PutResourcePolicy", "secretsmanager:PutSecretValue",
	"secretsmanager:RestoreSecret",
}

// Undo needs what the kinds of change call, and no other operation of their services.
func TestPermissions_Kinds(t *testing.T) {
	c, err := control.Parse("undo/control.json", description)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range c.Permissions {
		for _, action := range p.Actions {
			if !slices.Contains(
				[]string{
					"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan", "dynamodb:Query",
					"sns:Publish", "kms:Decrypt",
					"kms:GenerateDataKey",
					"iam:PassRole", "logs:CreateLogDelivery", // of who makes a flow log
				},
				action,
			) {
				got = append(got, action)
			}
		}
	}
	var want []string
	for kinds, service := range map[reflect.Type]string{
		reflect.TypeFor[change.IAM](): "iam", reflect.TypeFor[owner.API](): "iam",
		reflect.TypeFor[rotation.KeyMaker](): "iam",
		reflect.TypeFor[s3.API]():            "s3", reflect.TypeFor[rotation.Secrets](): "secretsmanager",
		reflect.TypeFor[*cloudtrail.Client](): "cloudtrail", reflect.TypeFor[*config.Client](): "config",
		reflect.TypeFor[*ec2.Client](): "ec2", reflect.TypeFor[*rds.Client](): "rds",
		reflect.TypeFor[signin.Client]():     "signin",
		reflect.TypeFor[*guardduty.Client](): "guardduty", reflect.TypeFor[*securityhub.Client](): "securityhub",
		reflect.TypeFor[*route53resolver.Client](): "route53resolver",
	} {
		for i := range kinds.NumMethod() {
			if action := service + ":" + kinds.Method(i).Name; !slices.Contains(onlyForward, action) &&
				!slices.Contains(want, action) {
				want = append(want, action)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions (-operations of the kinds +control.json):\n%s", diff)
	}
}
