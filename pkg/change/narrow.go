package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/policy"
)

// The kinds that put a narrower document in the place of another. The value is the document, byte for byte.
const (
	// InlineRolePolicy is an inline policy of a role: the subject is the role's name, the target its unique id and the
	// policy's name, see [RolePolicyTarget].
	InlineRolePolicy = "inline role policy"
	// PolicyVersion is the default version of a managed policy of the account: the subject is the user or role that alone
	// has it, the target its ARN.
	PolicyVersion = "policy version"
)

// RolePolicyTarget is the target of a change of an inline policy of a role. The id tells the role from another that
// gets its name later.
func RolePolicyTarget(roleID, name string) string { return roleID + "/" + name }

func narrowed(c Change, done bool) i18n.Message {
	name := c.Target[strings.LastIndex(c.Target, "/")+1:]
	return either(policy.Narrower(c.Before, c.After), done,
		i18n.T("took unused actions out of policy %s of %s", name, c.Subject),
		i18n.T("take unused actions out of policy %s of %s", name, c.Subject),
		i18n.T("restored policy %s of %s", name, c.Subject), i18n.T("restore policy %s of %s", name, c.Subject))
}

type inlineRolePolicy struct{ iamKind }

// Read is an error if the role is another by now.
func (k inlineRolePolicy) Read(ctx context.Context, c Change) (string, error) {
	id, name, _ := strings.Cut(c.Target, "/")
	if _, err := (roleLock(k)).role(ctx, Change{Subject: c.Subject, Target: id}); err != nil {
		return "", err
	}
	out, err := k.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &c.Subject, PolicyName: &name})
	if err != nil {
		return "", Wrap(err, "get inline policy %q of role %q", name, c.Subject)
	}
	return Document(aws.ToString(out.PolicyDocument))
}

func (k inlineRolePolicy) Set(ctx context.Context, c Change) error {
	_, name, _ := strings.Cut(c.Target, "/")
	if c.After == "" || c.Before == "" {
		return fmt.Errorf("put inline policy %q of role %q: one document has to take the place of another", name, c.Subject)
	}
	_, err := k.iam.PutRolePolicy(ctx,
		&iam.PutRolePolicyInput{RoleName: &c.Subject, PolicyName: &name, PolicyDocument: &c.After})
	return Wrap(err, "put inline policy %q of role %q", name, c.Subject)
}

// Widens implements [Kind].
func (inlineRolePolicy) Widens(c Change, _ []Change) bool { return !policy.Narrower(c.Before, c.After) }

func (inlineRolePolicy) Describe(c Change, done bool) i18n.Message { return narrowed(c, done) }

// Tags implements [Tagged].
func (k inlineRolePolicy) Tags(ctx context.Context, c Change) (map[string]string, error) {
	id, _, _ := strings.Cut(c.Target, "/")
	return roleLock(k).Tags(ctx, Change{Subject: c.Subject, Target: id})
}

type policyVersion struct{ iamKind }

// Alone reports whether a managed policy is attached once, and is nobody's boundary.
func Alone(p *types.Policy) bool {
	return aws.ToInt32(p.AttachmentCount) == 1 && aws.ToInt32(p.PermissionsBoundaryUsageCount) == 0
}

// Read also looks whether the policy is still attached once, when a narrower document comes next: others may need what
// the one does not use.
func (k policyVersion) Read(ctx context.Context, c Change) (string, error) {
	p, document, err := PolicyDocument(ctx, k.iam, c.Target)
	if err == nil && document == c.Before && policy.Narrower(c.Before, c.After) && !Alone(p) {
		err = i18n.Fault{Text: i18n.T("not narrowed: the policy %s is not attached to %s alone", c.Target, c.Subject)}
	}
	return document, err
}

// PolicyDocument is a managed policy and the document of its default version.
func PolicyDocument(ctx context.Context, api interface {
	iam.GetPolicyAPIClient
	GetPolicyVersion(
		context.Context, *iam.GetPolicyVersionInput, ...func(*iam.Options),
	) (*iam.GetPolicyVersionOutput, error)
}, arn string) (*types.Policy, string, error) {
	p, err := api.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		return nil, "", Wrap(err, "get policy %s", arn)
	}
	v, err := api.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{
		PolicyArn: &arn, VersionId: p.Policy.DefaultVersionId,
	})
	if err != nil {
		return nil, "", Wrap(err, "get version %s of policy %s", aws.ToString(p.Policy.DefaultVersionId), arn)
	}
	document, err := Document(aws.ToString(v.PolicyVersion.Document))
	return p.Policy, document, err
}

// version is the id of the version that has a document, and how many versions there are. It is empty if none has it.
func (k policyVersion) version(ctx context.Context, arn, document string) (found string, n int, err error) {
	pages := iam.NewListPolicyVersionsPaginator(k.iam, &iam.ListPolicyVersionsInput{PolicyArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", 0, Wrap(err, "list versions of policy %s", arn)
		}
		for _, v := range page.Versions {
			n++
			out, err := k.iam.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: v.VersionId})
			if err != nil {
				return "", 0, Wrap(err, "get version %s of policy %s", aws.ToString(v.VersionId), arn)
			}
			if text, err := Document(aws.ToString(out.PolicyVersion.Document)); err == nil && text == document {
				found = aws.ToString(v.VersionId)
			}
		}
	}
	return found, n, nil
}

// maxVersions is how many versions a managed policy has at most
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html).
const maxVersions = 5

// Set has the version apply that has the document. Only a narrower one is made; no version is ever deleted, so that
// what was there before can apply again.
func (k policyVersion) Set(ctx context.Context, c Change) error {
	found, n, err := k.version(ctx, c.Target, c.After)
	switch {
	case err != nil:
		return err
	case found != "":
		_, err = k.iam.SetDefaultPolicyVersion(ctx,
			&iam.SetDefaultPolicyVersionInput{PolicyArn: &c.Target, VersionId: &found})
		return Wrap(err, "set default version %s of policy %s", found, c.Target)
	case !policy.Narrower(c.Before, c.After):
		return i18n.Fault{Text: i18n.T("no version of the policy %s has the document that it had before", c.Target)}
	case n >= maxVersions:
		return i18n.Fault{Text: i18n.T("the policy %s has %d versions, and AWS keeps no more: delete one", c.Target, n)}
	}
	_, err = k.iam.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{
		PolicyArn: &c.Target, PolicyDocument: &c.After, SetAsDefault: true,
	}, func(o *iam.Options) { o.Retryer = aws.NopRetryer{} }) // a second try might make a second version
	return Wrap(err, "create a version of policy %s", c.Target)
}

// Widens implements [Kind].
func (policyVersion) Widens(c Change, _ []Change) bool { return !policy.Narrower(c.Before, c.After) }

func (policyVersion) Describe(c Change, done bool) i18n.Message { return narrowed(c, done) }

// Refuses implements [Conditional]: whoever got the policy since would be able to do more.
func (k policyVersion) Refuses(ctx context.Context, c Change) (why i18n.Message, err error) {
	p, _, err := PolicyDocument(ctx, k.iam, c.Target)
	switch {
	case NotFound(err):
		return i18n.T("the policy %s does not exist any more", c.Target), nil
	case err != nil:
		return why, err
	case !Alone(p):
		return i18n.T("the policy %s is not attached to %s alone any more: others would be able to do more", c.Target,
			c.Subject), nil
	}
	found, _, err := k.version(ctx, c.Target, c.After)
	if err == nil && found == "" {
		why = i18n.T("no version of the policy %s has the document that it had before", c.Target)
	}
	return why, err
}

var _ = []Conditional{policyVersion{}}
