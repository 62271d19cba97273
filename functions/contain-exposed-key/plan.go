package containexposedkey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

type planner struct {
	api    readAPI
	policy string // ARN
}

func newPlanner(api readAPI, f settings.Function) remediation.Planner {
	return &planner{api: api, policy: f.Quarantine.Key}
}

// Plan contains what an event of AWS Health or GuardDuty says is in the hands of others: the access
// key is made inactive first, then its user is quarantined, because sessions that were made with the
// key go on without it. What is no user's cannot be contained like this: the notice says what to do.
func (p *planner) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	r := read(e)
	if r == nil {
		return nil, nil
	}
	v := &scan{planner: p, report: r, victims: map[string]*victim{}}
	for _, s := range r.suspects {
		// Until it is known whose every key is, there is no saying that a user's are all there.
		if err := v.find(ctx, s); err != nil {
			return nil, err
		}
	}
	if len(r.suspects) == 0 {
		v.alert(suspect{kind: event.Unidentified})
	}
	var faults []error
	for _, user := range v.order {
		faults = append(faults, v.contain(ctx, v.victims[user]))
	}
	return v.findings, errors.Join(faults...)
}

// scan is one inspection of the account because of a report.
type scan struct {
	*planner
	report   *report
	victims  map[string]*victim // by user
	order    []string           // users, in the order of the report
	findings []remediation.Finding
}

// victim is an IAM user whose credentials others have.
type victim struct {
	user string
	keys []string // the access keys that the report names
	all  bool     // it names the user and none of its keys: any may be meant
	gone bool     // a key that the report names is gone
	used []remediation.Fact
}

// find finds the user whom a suspect is, or reports that there is none. A key says best whose it is:
// names are used again after a user was deleted.
func (v *scan) find(ctx context.Context, s suspect) error {
	if s.kind != event.IAMUser || s.user == "" && temporary(s.key) {
		v.alert(s)
		return nil
	}
	if s.key != "" && !temporary(s.key) && keyID(s.key) {
		out, err := v.api.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &s.key})
		if err == nil && aws.ToString(out.UserName) != "" {
			w := v.victim(*out.UserName)
			if !slices.Contains(w.keys, s.key) {
				w.keys = append(w.keys, s.key)
				w.used = append(w.used, lastUse(s.key, out.AccessKeyLastUsed))
			}
			return nil
		}
		if err != nil && !unknown(err) {
			return fmt.Errorf("look up access key %s: %w", change.KeyHint(s.key), err)
		}
		if s.user == "" {
			v.alert(s)
			return nil
		}
	}
	out, err := v.api.GetUser(ctx, &iam.GetUserInput{UserName: &s.user})
	switch {
	case change.NotFound(err) || err == nil && s.id != "" && aws.ToString(out.User.UserId) != s.id:
		v.alert(s)
	case err != nil:
		return fmt.Errorf("get user %q: %w", s.user, err)
	case s.key == "" || temporary(s.key):
		v.victim(s.user).all = true
	default:
		v.victim(s.user).gone = true
	}
	return nil
}

// unknown reports whether IAM does not know an access key, or will not say: of keys of other accounts
// and of the root user it says either.
func unknown(err error) bool {
	var answer smithy.APIError
	return change.NotFound(err) || errors.As(err, &answer) && answer.ErrorCode() == "AccessDenied"
}

func (v *scan) victim(user string) *victim {
	if v.victims[user] == nil {
		v.victims[user] = &victim{user: user}
		v.order = append(v.order, user)
	}
	return v.victims[user]
}

func lastUse(key string, used *types.AccessKeyLastUsed) remediation.Fact {
	text := i18n.T("never")
	if used != nil && used.LastUsedDate != nil {
		text = i18n.T("%s, %s in %s",
			i18n.Minute(*used.LastUsedDate), aws.ToString(used.ServiceName), aws.ToString(used.Region))
	}
	return remediation.Fact{Name: i18n.T("%s last used", change.KeyHint(key)), Value: text}
}

// contain makes a user's keys inactive and quarantines the user.
func (v *scan) contain(ctx context.Context, w *victim) error {
	var keys []types.AccessKeyMetadata
	var look quarantine.Inspection
	var err error
	pages := iam.NewListAccessKeysPaginator(v.api, &iam.ListAccessKeysInput{UserName: &w.user})
	for page, fault := range iamuser.Pages(ctx, pages, "list access keys of %q", w.user) {
		if err = fault; err == nil {
			keys = append(keys, page.AccessKeyMetadata...)
		}
	}
	if err == nil {
		look, err = quarantine.At(ctx, v.api, w.user, v.policy)
	}
	if change.NotFound(err) {
		// Deleted a moment ago or, if a key says that it is theirs, maybe no user but the root user.
		for _, key := range w.keys {
			v.alert(suspect{kind: event.IAMUser, key: key})
		}
		if len(w.keys) == 0 {
			v.alert(suspect{kind: event.IAMUser, user: w.user})
		}
		return nil
	}
	if err != nil {
		return err
	}

	var hints, inactive, others []string
	var changes []change.Change
	for _, k := range keys {
		id, hint := aws.ToString(k.AccessKeyId), change.KeyHint(aws.ToString(k.AccessKeyId))
		named := slices.Contains(w.keys, id)
		switch {
		case named && k.Status != types.StatusTypeActive:
			inactive = append(inactive, hint)
		case (named || w.all) && k.Status == types.StatusTypeActive:
			changes = append(changes, change.Change{
				Kind: change.AccessKeyStatus, Subject: w.user, Target: id, Before: change.Active, After: change.Inactive,
			})
		case k.Status == types.StatusTypeActive:
			others = append(others, hint)
		}
	}
	for _, id := range w.keys {
		hints = append(hints, change.KeyHint(id))
	}
	if !look.In {
		changes = append(changes, look.Change)
	}

	f := remediation.Finding{
		User: w.user, Title: v.report.title, Severity: control.Critical,
		Handling: remediation.Handling{
			Fresh: true, Urgency: remediation.Containment, Alert: true, Once: v.once(w.user, hints...),
		},
		Changes: changes,
		Facts:   append(slices.Clone(v.report.facts), w.used...),
		Advice: i18n.T("Find out in CloudTrail, in every region, what was done with it, and remove what you do not " +
			"recognise: users, access keys, roles, instances, functions. Sessions of roles that were assumed with it last up " +
			"to twelve hours: revoke them in IAM. Replace the key, preferably with a role, and delete it; answer the support " +
			"case if AWS opened one. Only then undo this."),
	}
	of := i18n.T("access key %s of %s", i18n.And(hints...), w.user)
	if len(hints) == 0 {
		of = i18n.T("credentials of %s", i18n.T("user %s", w.user))
	}
	text := []i18n.Message{v.report.describe(of)}
	switch {
	case len(hints) == 0 && w.gone:
		text = append(text, i18n.T("The key that it names no longer exists, but sessions that were created with it may "+
			"still be active."))
	case len(hints) == 0:
		text = append(text, i18n.T("The report names no key, so this applies to every key of the user."))
	}
	if len(inactive) > 0 {
		text = append(text, i18n.T("Already inactive: %s.", strings.Join(inactive, ", ")))
	}
	if look.In {
		text = append(text, i18n.T("The user is already quarantined."))
	}
	f.Text = i18n.Sentences(append(text, look.Note)...)
	if len(others) > 0 {
		f.Facts = append(f.Facts, remediation.Fact{Name: i18n.T("Other keys"), Value: i18n.T(
			"%s: still active, but denied everything while the user is quarantined", strings.Join(others, ", "))})
	}
	if len(changes) == 0 {
		f.UnchangedReason = i18n.T("Warder has already done all that it can.")
	}
	v.findings = append(v.findings, f)
	return nil
}

// once keeps a report about somebody from being notified more than once a week.
func (v *scan) once(who string, keys ...string) remediation.Once {
	key := v.report.title.String() + "#" + who + "#" + strings.Join(keys, "#")
	return remediation.Once{Key: key, For: remediation.Weekly}
}

// alert is about credentials that cannot be contained by a change to a user, and what to do instead.
func (v *scan) alert(s suspect) {
	f := remediation.Finding{
		Subject: s.called().String(), Title: v.report.title, Severity: control.Critical,
		Handling: remediation.Handling{Fresh: true, Once: v.once(s.called().String(), s.key)},
		Text:     v.report.describe(s.credentials()), Facts: slices.Clone(v.report.facts),
	}
	if s.key != "" && s.called().String() != "access key "+change.KeyHint(s.key) {
		f.Facts = append(f.Facts, remediation.Fact{Name: i18n.T("Access key"), Value: i18n.Literal(change.KeyHint(s.key))})
	}
	f.UnchangedReason, f.Advice = s.remedy()
	v.findings = append(v.findings, f)
}

// remedy says why Warder changes nothing about credentials, and what to do instead.
func (s suspect) remedy() (unchanged, advice i18n.Message) {
	see := i18n.T("Find out in CloudTrail, in every region, what was done with them.")
	switch {
	case s.kind == event.Root:
		return i18n.T("Only the root user can change the credentials of the root user."),
			i18n.T("Sign in as the root user now: delete its access keys, change the password, check its MFA and its email " +
				"address, and look for sessions in the event history. Then contact AWS Support.")
	case s.kind == event.AssumedRole:
		return i18n.T("A role cannot be quarantined: denying it would deny everyone who assumes it."),
			i18n.Sentences(i18n.T("Revoke the role's active sessions in IAM (the role → Revoke sessions). Then stop the "+
				"leak: find the instance, function or person that had the credentials."), see)
	case s.kind == event.IdentityCenter:
		return i18n.T("A user of IAM Identity Center cannot be quarantined: AWS does not allow changes to the role that " +
				"it uses."),
			i18n.Sentences(i18n.T("Disable the user in IAM Identity Center and end their sessions there; a session of the "+
				"role lasts until it expires, so remove the permission set as well."), see)
	case s.kind == event.Federated:
		return i18n.T("A federated user cannot be quarantined: its session comes from an IAM user that the report does " +
				"not name."),
			i18n.Sentences(i18n.T("Find in CloudTrail who called GetFederationToken for it. Make that user's access keys "+
				"inactive, and attach %s to the user.",
				change.KeyQuarantine), see)
	case s.kind != event.IAMUser:
		return i18n.T("It is neither an access key nor a user, so there is nothing to make inactive."),
			i18n.Sentences(i18n.T("Open the report in the AWS Health Dashboard or in GuardDuty, and find out whose "+
				"credentials it is about."), see)
	case s.user != "" || s.key == "":
		return i18n.T("This account no longer has this user: it was deleted, or recreated under the same name."),
			i18n.T("Find out in CloudTrail who deleted the user, and what was done with the credentials before.")
	case temporary(s.key):
		return i18n.T("It belongs to a session, and the report does not name its principal."),
			i18n.T("Find in CloudTrail whose session it is. If a role's: revoke the role's active sessions in IAM. If a "+
				"user's: make the access keys inactive, and attach %s to the user.",
				change.KeyQuarantine)
	}
	return i18n.T("No user of this account has this key: it was deleted, or it is the root user's."),
		i18n.Sentences(i18n.T("Check whether the root user has access keys (IAM → Dashboard). If so, sign in as the root "+
			"user and delete them now."), see)
}
