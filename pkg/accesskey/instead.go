package accesskey

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
)

// known is what IAM says, empty for its "N/A"
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyLastUsed.html).
func known(text *string) string {
	if aws.ToString(text) == "N/A" {
		return ""
	}
	return aws.ToString(text)
}

// ways are how the work that keys do for services is done without one.
var ways = []struct {
	services []string
	way      i18n.Message
}{
	{[]string{"codecommit"}, i18n.T("git-remote-codecommit signs with a role, or with what aws login gives")},
	{
		[]string{"ecr", "ecr-public"},
		i18n.T("pipelines pull and push with a role by OpenID Connect, machines with their own " +
			"role and the ECR credential helper"),
	},
	{[]string{"ses", "email"}, i18n.T("programs send by the SES API with a role; SMTP passwords are made of access keys")},
	{[]string{"bedrock"}, i18n.T("programs take a role, people aws login, and tools short-term API keys")},
	{[]string{"iam", "sts", "ec2", "cloudformation", "organizations", "signin"}, i18n.T("people take aws login or IAM " +
		"Identity Center, pipelines a role by OpenID Connect")},
	{[]string{
		"s3", "dynamodb", "sqs", "sns", "kinesis", "firehose", "logs", "monitoring", "secretsmanager", "ssm", "kms", "lambda",
	}, i18n.T("programs on AWS take the role of their instance, task or function, others IAM Roles Anywhere; people " +
		"take aws login")},
}

// Instead is the line of a notice that says how to do without the key, by what it was last used for.
func (k *Key) Instead() remediation.Fact {
	way := i18n.T(
		"people take aws login or IAM Identity Center, programs on AWS a role, others IAM Roles Anywhere or a role " +
			"by OpenID Connect",
	)
	for _, w := range ways {
		if slices.Contains(w.services, k.Service) {
			way = w.way
		}
	}
	switch {
	case k.Service != "" && k.Region != "":
		way = i18n.T("last used for %s in %s: %s", k.Service, k.Region, way)
	case k.Service != "":
		way = i18n.T("last used for %s: %s", k.Service, way)
	}
	return remediation.Fact{Name: i18n.T("Without a key"), Value: way}
}
