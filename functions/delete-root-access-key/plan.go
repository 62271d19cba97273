package deleterootaccesskey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/rootkey"
	"github.com/warder-aws/warder/pkg/settings"
)

// clients are the client that begins sessions as root, and those of the sessions. The first speaks to the endpoint of
// the function's region, which is what the SDK does unless it is set otherwise: the global endpoint refuses AssumeRoot.
func clients(cfg aws.Config) (rootkey.Roots, rootkey.Sessions) {
	return sts.NewFromConfig(cfg), func(session aws.Credentials) rootkey.RootSession {
		own := cfg.Copy()
		own.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return session, nil })
		return iam.NewFromConfig(own)
	}
}

// parameters are those of control.json.
type parameters struct {
	Accounts []string `json:"accounts"`
	Delete   bool     `json:"delete"`
}

type planner struct {
	api      rootkey.Roots // begins sessions for the task of auditing alone: in them the planner can only look
	sessions rootkey.Sessions
	roots    []string // ARNs of the root users to scan
	delete   bool
	own      string
}

var number = lazyregexp.New(`^[0-9]{12}$`)

func newPlanner(api rootkey.Roots, sessions rootkey.Sessions, f settings.Function) (remediation.Planner, error) {
	p, err := settings.Parameters[parameters](f)
	if err != nil {
		return nil, err
	}
	hub, err := arn.Parse(f.Topic)
	if err != nil {
		return nil, fmt.Errorf("read the topic's ARN: %w", err)
	}
	made := &planner{api: api, sessions: sessions, delete: p.Delete, own: hub.AccountID}
	var faults []error
	for _, account := range p.Accounts {
		switch {
		case !number().MatchString(account):
			faults = append(faults, fmt.Errorf("parameter accounts: %q is not the number of an account: want 12 "+
				"digits", account))
		case account == hub.AccountID:
			faults = append(faults, fmt.Errorf("parameter accounts: %s is the account that this runs in: "+
				"its root keys can only be deleted by its root user", account))
		}
		made.roots = append(made.roots, "arn:"+hub.Partition+":iam::"+account+":root")
	}
	slices.Sort(made.roots)
	made.roots = slices.Compact(made.roots)
	return made, errors.Join(faults...)
}

// refusals are the codes by which AWS says that this account may not act as root of another: the
// feature is not switched on, the account is no member, or a policy forbids it
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-enable-root-access.html).
var refusals = []string{
	"AccessDenied", "AccessDeniedException", "RegionDisabledException", "FeatureDisabledException",
	"ServiceAccessNotEnabledException",
	"AccountNotManagementOrDelegatedAdministratorException", "CallerIsNotManagementAccountException",
	"OrganizationNotFoundException", "OrganizationNotInAllFeaturesModeException",
}

// Plan implements [remediation.Planner]: no event is any of it, but for the sweep.
func (p *planner) Plan(_ context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	if _, sweep := e.Detail.(*event.Sweep); sweep {
		return nil, remediation.ErrSweep
	}
	return nil, nil
}

// Sweep implements [remediation.Sweeper]: it scans the root users of the listed accounts.
func (p *planner) Sweep(
	ctx context.Context, _ event.Event, open []ledger.Case, now time.Time,
) ([]remediation.Finding, error) {
	var findings []remediation.Finding
	var faults []error
	refused := map[string]string{}
	for _, root := range p.roots {
		keys, err := rootkey.List(ctx, p.api, p.sessions, root)
		var answer smithy.APIError
		switch {
		case errors.As(err, &answer) && slices.Contains(refusals, answer.ErrorCode()):
			refused[root] = answer.ErrorCode()
		case err != nil:
			faults = append(faults, err)
		}
		for _, key := range keys {
			findings = append(findings, p.key(root, key, now))
		}
	}
	if len(refused) > 0 {
		findings = append(findings, p.refused(refused))
		faults = append(faults, unseen(open, refused))
	}
	return findings, errors.Join(faults...)
}

// key is the finding that a root user has a key.
func (p *planner) key(root string, key types.AccessKeyMetadata, now time.Time) remediation.Finding {
	id, account := aws.ToString(key.AccessKeyId), strings.Split(root, ":")[4]
	hint, created := change.KeyHint(id), aws.ToTime(key.CreateDate)
	f := remediation.Finding{
		Subject: root, Severity: control.High,
		Text: i18n.T("The root user of account %s has access key %s, which is active.", account, hint),
		Facts: remediation.Facts(i18n.T("Account"), i18n.Literal(account),
			i18n.T("Created"), i18n.T("%s, %d days ago", i18n.Day(created), int(now.Sub(created)/(24*time.Hour)))),
		Advice: i18n.T("A root key can do everything that no policy of the organization denies. Move what uses it to a " +
			"role, make the key inactive as root for a week, then have it deleted."),
	}
	if key.Status != types.StatusTypeActive {
		f.Severity = control.Medium
		f.Text = i18n.T("The root user of account %s has access key %s, which is inactive.", account, hint)
	}
	if !p.delete {
		f.UnchangedReason = i18n.T("Not deleted: the parameter delete is false.")
		f.Once = remediation.Once{Key: "key#" + root + "#" + id, For: remediation.Weekly}
		return f
	}
	f.Text = i18n.Sentences(f.Text, i18n.T("Its deletion cannot be undone."))
	f.Advice = i18n.T("Move what uses it to a role. To keep the key, take %s off the parameter accounts, or set delete "+
		"to false, before it is deleted.", account)
	f.Changes = []change.Change{{Kind: change.RootKeyDeletion, Subject: root, Target: id, Before: string(key.Status)}}
	return f
}

// refused is the finding that accounts could not be scanned.
func (p *planner) refused(codes map[string]string) remediation.Finding {
	f := remediation.Finding{
		Subject: "member accounts", Title: i18n.T("Root users of member accounts cannot be checked"),
		Severity:        control.Medium,
		Text:            i18n.T("AWS denies Warder access to the root users of %d of %d accounts.", len(codes), len(p.roots)),
		UnchangedReason: i18n.T("Warder cannot tell whether they have root access keys."),
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-enable-root-access.html
		Advice: i18n.T(`In the management account: (1) aws organizations enable-aws-service-access `+
			`--service-principal iam.amazonaws.com `+
			`(2) aws iam enable-organizations-root-credentials-management `+
			`(3) if Warder is in another account: aws organizations register-delegated-administrator `+
			`--service-principal iam.amazonaws.com --account-id %s. `+
			`If that is so already, the accounts are no members of the organization, `+
			`or a policy of it denies sts:AssumeRoot.`, p.own),
		Handling: remediation.Handling{Once: remediation.Once{Key: "refused", For: remediation.Weekly}},
	}
	for _, root := range p.roots {
		if code := codes[root]; code != "" {
			f.Facts = append(f.Facts,
				remediation.Fact{Name: i18n.T("Account"), Value: i18n.Literal(strings.Split(root, ":")[4] + ": " + code)})
		}
	}
	return f
}

// unseen returns an error if something that was notified and is not settled could not be scanned: a
// sweep that does not see it must not take it for remediated.
func unseen(open []ledger.Case, refused map[string]string) error {
	notified := slices.SortedFunc(slices.Values(open), func(a, b ledger.Case) int { return cmp.Compare(a.Key, b.Key) })
	for _, c := range notified {
		if code := refused[c.Subject]; code != "" {
			return fmt.Errorf("look at %s, whose key is to be deleted: refused: %s", c.Subject, code)
		}
	}
	return nil
}
