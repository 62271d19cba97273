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
	parameters
	api    readAPI
	policy string // ARN
}

func newPlanner(api readAPI, f settings.Function) (remediation.Planner, error) {
	p, err := settings.Parameters[parameters](f)
	return &planner{parameters: p, api: api, policy: f.Quarantine.Key}, err
}

// Plan implements [remediation.Planner].
func (p *planner) Plan(context.Context, event.Event, time.Time) ([]remediation.Finding, error) {
	return nil, errMemory
}

var errMemory = errors.New("this planner needs to know what was contained before: see Keep")

// scan contains everybody whom a report names as being in the hands of others: the user of an access key is quarantined
// first, because that stops its sessions as well, then the key is made inactive; sessions of a role are revoked. What
// cannot be contained like this is notified, with what to do. What IAM refuses to say of one keeps nobody else from
// being contained.
func (p *planner) scan(
	ctx context.Context, r *report, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	v := &scan{
		planner: p,
		report:  r,
		memory:  m,
		now:     now,
		victims: map[string]*victim{},
		roles:   map[string]*impersonated{},
	}
	var faults []error
	for _, s := range r.suspects {
		err := v.find(ctx, s)
		if err != nil && !refused(err) {
			// Until it is known whose every key is, there is no saying that a user's are all there.
			return nil, err
		}
		faults = append(faults, err)
	}
	if len(r.suspects) == 0 {
		v.alert(suspect{kind: event.Unidentified})
	}
	for _, user := range v.order {
		faults = append(faults, v.contain(ctx, v.victims[user]))
	}
	for _, role := range v.roleOrder {
		faults = append(faults, v.revoke(ctx, v.roles[role]))
	}
	v.alertStrays()
	return v.findings, errors.Join(faults...)
}

// scan is one inspection of the account because of a report.
type scan struct {
	*planner
	report    *report
	memory    remediation.Memory
	now       time.Time
	victims   map[string]*victim // by user
	order     []string           // users, in the order of the report
	roles     map[string]*impersonated
	roleOrder []string
	strays    []string          // access keys that no user has
	holders   map[string]string // the users of all access keys, if they were listed
	findings  []remediation.Finding
}

// victim is an IAM user whose credentials others have.
type victim struct {
	user string
	id   string   // the unique id, if the report has it and no key says who it is
	keys []string // the access keys that the report names
	all  bool     // it names the user and none of its keys: any may be meant
	gone bool     // a key that the report names is gone
	used []remediation.Fact
}

// find finds the user whom a suspect is, or reports that there is none. A key says best whose it is:
// names are used again after a user was deleted.
func (v *scan) find(ctx context.Context, s suspect) error {
	switch {
	case s.kind == event.AssumedRole:
		return v.findRole(ctx, s)
	case s.kind != event.IAMUser || s.user == "" && temporary(s.key):
		v.alert(s)
		return nil
	}
	if s.key != "" && !temporary(s.key) && keyID(s.key) {
		user, used, err := v.holder(ctx, s.key)
		if err != nil {
			return v.unreadable(s, fmt.Errorf("look up access key %s: %w", change.KeyHint(s.key), err))
		}
		if user != "" {
			w := v.victim(user)
			if !slices.Contains(w.keys, s.key) {
				w.keys = append(w.keys, s.key)
				w.used = append(w.used, lastUse(s.key, used)...)
			}
			return nil
		}
		if s.user == "" {
			v.alert(s)
			return nil
		}
	}
	out, err := v.api.GetUser(ctx, &iam.GetUserInput{UserName: &s.user})
	if another := change.NotFound(err) || err == nil && aws.ToString(out.User.UserId) != s.id; another && s.id != "" {
		name, found, unread := iamuser.ResolveName(ctx, v.api, s.id)
		switch {
		case unread != nil:
			return unread
		case found && iamuser.IsUniqueID(s.id):
			s.user, err = name, nil
		default:
			v.alert(s)
			return nil
		}
	}
	switch {
	case change.NotFound(err):
		v.alert(s)
	case err != nil:
		return fmt.Errorf("get user %q: %w", s.user, err)
	case s.key == "" || temporary(s.key):
		v.victim(s.user).all = true
		v.victim(s.user).id = s.id
	default:
		v.victim(s.user).gone = true
		v.victim(s.user).id = s.id
	}
	return nil
}

// holder returns the user of an access key and its last use, the empty name if no user of the account has it. IAM
// answers NoSuchEntity for a key that does not exist. For one of another account or of the root user it refuses, as it
// does if the function's right to ask was taken: then every user's keys are listed.
func (v *scan) holder(ctx context.Context, key string) (string, *types.AccessKeyLastUsed, error) {
	out, err := v.api.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &key})
	switch {
	case err == nil && aws.ToString(out.UserName) != "":
		return *out.UserName, out.AccessKeyLastUsed, nil
	case err != nil && !change.NotFound(err) && !refused(err):
		return "", nil, err
	case err == nil || change.NotFound(err):
		return "", nil, nil
	}
	if v.holders == nil {
		holders := map[string]string{}
		for user, err := range iamuser.All(ctx, v.api) {
			if err != nil {
				return "", nil, err
			}
			keys, err := v.keysOf(ctx, aws.ToString(user.UserName))
			if err != nil && !change.NotFound(err) {
				return "", nil, err
			}
			for _, k := range keys {
				holders[aws.ToString(k.AccessKeyId)] = aws.ToString(user.UserName)
			}
		}
		v.holders = holders
	}
	return v.holders[key], nil, nil
}

// refused reports whether IAM will not answer.
func refused(err error) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && answer.ErrorCode() == "AccessDenied"
}

func (p *planner) keysOf(ctx context.Context, user string) (keys []types.AccessKeyMetadata, err error) {
	pages := iam.NewListAccessKeysPaginator(p.api, &iam.ListAccessKeysInput{UserName: &user})
	for page, err := range iamuser.Pages(ctx, pages, "list access keys of %q", user) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, page.AccessKeyMetadata...)
	}
	return keys, nil
}

func (v *scan) victim(user string) *victim {
	if v.victims[user] == nil {
		v.victims[user] = &victim{user: user}
		v.order = append(v.order, user)
	}
	return v.victims[user]
}

// lastUse is the fact of when a key was used; none if it is not known.
func lastUse(key string, used *types.AccessKeyLastUsed) []remediation.Fact {
	if used == nil {
		return nil
	}
	text := i18n.T("never")
	if used.LastUsedDate != nil {
		text = i18n.T("%s, %s in %s",
			i18n.Minute(*used.LastUsedDate), aws.ToString(used.ServiceName), aws.ToString(used.Region))
	}
	return []remediation.Fact{{Name: i18n.T("%s last used", change.KeyHint(key)), Value: text}}
}

// contain quarantines a user and makes its keys inactive. Who is not there any more may have another name since: whose
// the keys are is asked again.
func (v *scan) contain(ctx context.Context, w *victim) error {
	for range maxNames {
		gone, err := v.containAs(ctx, w)
		if err != nil || !gone {
			return err
		}
		name := ""
		for _, key := range w.keys {
			v.holders = nil
			if name, _, err = v.holder(ctx, key); err != nil {
				return fmt.Errorf("look up access key %s: %w", change.KeyHint(key), err)
			}
			if name != "" {
				break
			}
		}
		if w.id != "" {
			if name, _, err = iamuser.ResolveName(ctx, v.api, w.id); err != nil {
				return err
			}
		}
		if name == "" || name == w.user {
			break
		}
		if other := v.victims[name]; other != nil {
			// The report was read with one name, and with the other.
			other.all, other.gone = other.all || w.all, other.gone || w.gone
			for _, key := range w.keys {
				if !slices.Contains(other.keys, key) {
					other.keys = append(other.keys, key)
				}
			}
			other.used = append(other.used, w.used...)
			return nil
		}
		w.user = name
	}
	// Deleted a moment ago or, if a key says that it is theirs, maybe no user but the root user.
	for _, key := range w.keys {
		v.alert(suspect{kind: event.IAMUser, key: key})
	}
	if len(w.keys) == 0 {
		v.alert(suspect{kind: event.IAMUser, user: w.user})
	}
	return nil
}

// maxNames is how often a user is looked for under another name.
const maxNames = 3

// containAs contains the user by the name that it had last, or reports that nobody has that.
func (v *scan) containAs(ctx context.Context, w *victim) (gone bool, err error) {
	keys, err := v.keysOf(ctx, w.user)
	look, lookErr := quarantine.Inspection{}, err
	if !change.NotFound(err) {
		look, lookErr = quarantine.At(ctx, v.api, w.user, v.policy)
	}
	if change.NotFound(lookErr) {
		return true, nil
	}
	if err := errors.Join(err, lookErr); err != nil {
		return false, err
	}
	v.findings = append(v.findings, v.finding(w, keys, look))
	return false, nil
}

// finding is what is to be done about a user.
func (v *scan) finding(w *victim, keys []types.AccessKeyMetadata, look quarantine.Inspection) remediation.Finding {
	var hints, inactive, others []string
	var changes []change.Change
	if !look.In {
		changes = append(changes, look.Change)
	}
	for _, k := range keys {
		id, hint := aws.ToString(k.AccessKeyId), change.KeyHint(aws.ToString(k.AccessKeyId))
		named := slices.Contains(w.keys, id)
		switch {
		case named && k.Status != types.StatusTypeActive:
			inactive = append(inactive, hint)
		case (named || w.all) && k.Status == types.StatusTypeActive:
			changes = append(changes, deactivate(w.user, id))
		case k.Status == types.StatusTypeActive:
			others = append(others, hint)
		}
	}
	for _, id := range w.keys {
		hints = append(hints, change.KeyHint(id))
	}
	f := remediation.Finding{
		User: w.user, Title: v.report.title, Severity: control.Critical,
		Handling: remediation.Handling{
			Fresh: true, Urgency: remediation.Containment, Alert: true, Once: v.once("", hints...),
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
	return f
}

func deactivate(user, key string) change.Change {
	return change.Change{
		Kind: change.AccessKeyStatus, Subject: user, Target: key, Before: change.Active, After: change.Inactive,
	}
}

// once keeps a report about somebody from being notified more than once a week.
func (v *scan) once(who string, keys ...string) remediation.Once {
	key := v.report.title.String() + "#" + who + "#" + strings.Join(keys, "#")
	return remediation.Once{Key: key, For: remediation.Weekly}
}

// alert is about credentials that cannot be contained by a change to a user, and what to do instead. All keys that no
// user has are one alert.
func (v *scan) alert(s suspect) {
	if s.kind == event.IAMUser && s.user == "" && s.key != "" && !temporary(s.key) {
		if !slices.Contains(v.strays, s.key) {
			v.strays = append(v.strays, s.key)
		}
		return
	}
	v.findings = append(v.findings, v.alertOf(s))
}

func (v *scan) alertOf(s suspect) remediation.Finding {
	f := remediation.Finding{
		Subject: s.called().String(), Title: v.report.title, Severity: control.Critical,
		Handling: remediation.Handling{Fresh: true, Once: v.once(s.called().String(), s.key)},
		Text:     v.report.describe(s.credentials()), Facts: slices.Clone(v.report.facts),
	}
	if s.key != "" && s.called().String() != "access key "+change.KeyHint(s.key) {
		f.Facts = append(f.Facts, remediation.Fact{Name: i18n.T("Access key"), Value: i18n.Literal(change.KeyHint(s.key))})
	}
	f.UnchangedReason, f.Advice = s.remedy()
	return f
}

// maxNamed is how many of many access keys a notice names.
const maxNamed = 10

// alertStrays alerts on the keys that no user has.
func (v *scan) alertStrays() {
	if len(v.strays) == 0 {
		return
	}
	f := v.alertOf(suspect{kind: event.IAMUser, key: v.strays[0]})
	if n := len(v.strays); n > 1 {
		var hints []string
		for _, key := range v.strays[:min(n, maxNamed)] {
			hints = append(hints, change.KeyHint(key))
		}
		many := i18n.T("%d access keys", n)
		f.Subject, f.Text = many.String(), v.report.describe(many)
		f.Once = v.once(f.Subject, v.strays...)
		named := i18n.Literal(strings.Join(hints, ", "))
		if n > maxNamed {
			named = i18n.T("%s and %d more", named, n-maxNamed)
		}
		f.Facts = append(f.Facts, remediation.Fact{Name: i18n.T("Access keys"), Value: named})
		f.UnchangedReason = i18n.T("No user of this account has these keys: they were deleted, or belong to the root user.")
	}
	v.findings = append(v.findings, f)
}

// unreadable alerts on a key of which IAM refuses to say whose it is. It returns the error, which asks for a retry; any
// other error is left to the retry without an alert.
func (v *scan) unreadable(s suspect, err error) error {
	if !refused(err) {
		return err
	}
	f := v.alertOf(s)
	f.UnchangedReason = i18n.T(
		"NOT CONTAINED: whose it is could not be read, because IAM refuses to say. Warder tries again, " +
			"and notifies if it finds the user.",
	)
	f.Advice = i18n.T("Look for the key in IAM now, make it inactive, and attach %s to its user. Then find out why "+
		"Warder's role may not read IAM: a service control policy or a boundary.", change.KeyQuarantine)
	v.findings = append(v.findings, f)
	return err
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
		return i18n.Or(s.fixed, i18n.T("The report does not name a role that this account has.")),
			i18n.Sentences(i18n.T("Find the role in CloudTrail and revoke its active sessions in IAM (the role → Revoke "+
				"sessions). Then stop the leak: find the instance, function or person that had the credentials."), see)
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
