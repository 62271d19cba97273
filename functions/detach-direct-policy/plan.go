package detachdirectpolicy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/holder"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/policy"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// parameters are those of control.json.
type parameters struct {
	// PolicyGroups names, by the ARN of a managed policy, the group that carries it.
	PolicyGroups map[string]string `json:"policyGroups"`
	// DetachUnattachable says whether policies go as well that AWS does not let be attached again.
	DetachUnattachable bool `json:"detachUnattachable"`
}

type planner struct {
	api    readAPI
	groups map[string]string
	// unattachable says whether policies go as well that AWS does not let be attached again.
	unattachable bool
	sleep        func(context.Context, time.Duration)
	// concurrency is how many users a sweep scans at a time; one after the other if it is 0.
	concurrency int
}

func newPlanner(
	api readAPI, f settings.Function, sleep func(context.Context, time.Duration), concurrency int,
) (*planner, error) {
	p, err := settings.Parameters[parameters](f)
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, policy := range slices.Sorted(maps.Keys(p.PolicyGroups)) {
		// A policy that is named wrongly would be detached without the group that is to keep its access.
		if parsed, err := arn.Parse(policy); err != nil || parsed.Service != "iam" ||
			!strings.HasPrefix(parsed.Resource, "policy/") {
			faults = append(faults, fmt.Errorf("read policyGroups: %q is not the ARN of a managed policy", policy))
		}
		if p.PolicyGroups[policy] == "" {
			faults = append(faults, fmt.Errorf("read policyGroups: %q has no group", policy))
		}
	}
	return &planner{
		api: api, groups: p.PolicyGroups, unattachable: p.DetachUnattachable, sleep: sleep, concurrency: concurrency,
	}, errors.Join(faults...)
}

// direct is one policy that is attached directly to a user.
type direct struct {
	kind   string // change.ManagedUserPolicy or change.InlineUserPolicy
	target string // the ARN, or the name of the inline policy
}

// is reports whether it is the same policy: a call may write a name in another case than IAM keeps it in.
func (d direct) is(other direct) bool {
	return d.kind == other.kind && change.SameName(d.target, other.target)
}

// Plan scans the policies of the user that the event names, or of every user when the sweep comes.
func (p *planner) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	return p.Keep(ctx, e, nil, now)
}

// Keep is Plan, and has the owners of the users remembered that a sweep sees.
func (p *planner) Keep(
	ctx context.Context, e event.Event, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	v := &scan{
		planner: p, account: e.Account, documents: map[string]string{}, final: map[string]bool{},
		carried: map[string][]direct{}, memory: m, now: now,
		holders: sync.OnceValues(func() ([]holder.Holder, error) { return holder.All(ctx, p.api) }),
	}
	switch d := e.Detail.(type) {
	case *event.APICall:
		return v.called(ctx, d)
	case *event.Compliance:
		if !d.NonCompliant() {
			return nil, nil
		}
		user, ok, err := iamuser.ResolveName(ctx, p.api, d.ResourceID)
		if err != nil || !ok {
			return nil, err
		}
		return v.user(ctx, user)
	case *event.Sweep:
		return v.sweep(ctx, d.After)
	}
	return nil, nil
}

// scan is one inspection of the account. What users share is read once, by whoever comes first: the others wait for it.
type scan struct {
	*planner
	account   string
	shared    sync.Mutex
	documents map[string]string   // of managed policies, by ARN
	final     map[string]bool     // the managed policies that AWS does not let be attached again, by ARN
	carried   map[string][]direct // by group; nil when there is no such group
	memory    remediation.Memory  // nil if nothing is to be remembered
	now       time.Time
	awaited   map[string]bool // what IAM did not show when it was attached, for a sweep
	holders   func() ([]holder.Holder, error)
}

// sweep scans the users after the one that is named, in the order of their names.
func (v *scan) sweep(ctx context.Context, after string) ([]remediation.Finding, error) {
	held, err := v.everybody(ctx)
	if err != nil {
		return nil, err
	}
	if v.memory != nil {
		if v.awaited, err = v.memory.Awaited(ctx); err != nil {
			return nil, err
		}
	}
	users := slices.DeleteFunc(slices.Sorted(maps.Keys(held)), func(user string) bool { return user <= after })
	type result struct {
		findings []remediation.Finding
		err      error
	}
	results := iamuser.ForEach(ctx, users, v.concurrency, func() { v.sleep(ctx, iamuser.Pace) }, func(user string) result {
		findings, err := v.assess(ctx, user, held[user], nil)
		return result{findings, err}
	})
	var all []remediation.Finding
	var faults []error
	for i, r := range results {
		all = append(all, r.findings...)
		if r.err != nil {
			faults = append(faults, r.err)
		}
		if len(faults) == 0 {
			after = users[i]
		}
	}
	if len(results) < len(users) {
		faults = append(faults, &remediation.Stopped{After: after})
	}
	return all, errors.Join(faults...)
}

// everybody lists the users that hold a direct policy, with what each holds, in a call for some
// hundred users. The documents of inline policies are there, too, and are read again one by one: what
// is restored must be what [iam.Client.GetUserPolicy] gave, byte for byte.
func (v *scan) everybody(ctx context.Context) (map[string][]direct, error) {
	everybody := map[string][]direct{}
	for user, err := range iamuser.Details(ctx, v.api) {
		if err != nil {
			return nil, err
		}
		if v.memory != nil {
			v.memory.Saw(user)
		}
		var held []direct
		for _, policy := range user.AttachedManagedPolicies {
			held = append(held, direct{change.ManagedUserPolicy, aws.ToString(policy.PolicyArn)})
		}
		for _, policy := range user.UserPolicyList {
			held = append(held, direct{change.InlineUserPolicy, aws.ToString(policy.PolicyName)})
		}
		if len(held) > 0 {
			everybody[aws.ToString(user.UserName)] = held
		}
	}
	return everybody, nil
}

// called scans the user that a call gave a policy to. It is patient: the event may be here
// before IAM shows the user, or the policy on it. What it does not show is for the retry to see, unless it is known
// that it was taken away.
func (v *scan) called(ctx context.Context, call *event.APICall) ([]remediation.Finding, error) {
	user, ok := call.User()
	if !ok || call.Failed() || call.Name == "UpdateUser" { // the name and the path of a user matter to no policy
		return nil, nil
	}
	fresh := named(call)
	var held []direct
	there := false
	err := iamuser.RetryUntilVisible(ctx, v.sleep, func() (err error) {
		held, err = v.held(ctx, user)
		there = err == nil
		if err == nil && fresh.target != "" && !slices.ContainsFunc(held, fresh.is) {
			err = &types.NoSuchEntityException{Message: aws.String("the user does not have the policy")}
		}
		return err
	})
	if change.NotFound(err) && v.memory != nil {
		err = v.unseen(ctx, user, fresh, call, there)
	}
	if err != nil {
		return nil, err
	}
	return v.assess(ctx, user, held, call)
}

// unseen is the error that IAM does not show a policy that was attached just now; nil if it is known that it was taken
// off, or the call is old.
func (v *scan) unseen(ctx context.Context, user string, policy direct, call *event.APICall, there bool) error {
	if policy.target == "" || v.now.Sub(call.Time) > remediation.Settled {
		return nil
	}
	off := map[string]string{"DeleteUser": user, "DetachUserPolicy": policy.target}
	if policy.kind == change.InlineUserPolicy {
		off = map[string]string{"DeleteUser": user, "DeleteUserPolicy": policy.target}
	}
	removed, err := v.memory.Removed(ctx, user, call.Time, change.Change{Kind: policy.kind, Target: policy.target}, off)
	if err != nil || removed {
		return err
	}
	return &remediation.Unseen{What: policy.of(user), Gone: !there}
}

// of names the policy of a user.
func (d direct) of(user string) string { return strings.ToLower(user + " " + d.kind + " " + d.target) }

// named is the policy that a call names, zero if it names none.
func named(call *event.APICall) direct {
	switch call.Name {
	case "AttachUserPolicy":
		policy, _ := call.Param("policyArn")
		return direct{change.ManagedUserPolicy, policy}
	case "PutUserPolicy":
		name, _ := call.Param("policyName")
		return direct{change.InlineUserPolicy, name}
	}
	return direct{}
}

// user scans a user that no call names. One that is not there by its name may have another since.
func (v *scan) user(ctx context.Context, user string) ([]remediation.Finding, error) {
	held, err := v.held(ctx, user)
	if err != nil {
		return nil, err
	}
	return v.assess(ctx, user, held, nil)
}

// held lists the policies that are attached directly to a user, managed ones first. A permissions
// boundary is not among them: it gives nothing.
func (v *scan) held(ctx context.Context, user string) ([]direct, error) {
	var held []direct
	managed := iam.NewListAttachedUserPoliciesPaginator(v.api, &iam.ListAttachedUserPoliciesInput{UserName: &user})
	for page, err := range iamuser.Pages(ctx, managed, "list attached policies of %q", user) {
		if err != nil {
			return nil, err
		}
		for _, policy := range page.AttachedPolicies {
			held = append(held, direct{change.ManagedUserPolicy, aws.ToString(policy.PolicyArn)})
		}
	}
	inline := iam.NewListUserPoliciesPaginator(v.api, &iam.ListUserPoliciesInput{UserName: &user})
	for page, err := range iamuser.Pages(ctx, inline, "list inline policies of %q", user) {
		if err != nil {
			return nil, err
		}
		for _, name := range page.PolicyNames {
			held = append(held, direct{change.InlineUserPolicy, name})
		}
	}
	return held, nil
}

// assess is a finding for each policy that a user holds, or an error and none.
func (v *scan) assess(
	ctx context.Context, user string, held []direct, call *event.APICall,
) ([]remediation.Finding, error) {
	documents, err := v.read(ctx, user, held)
	if err != nil {
		return nil, err
	}
	var findings []remediation.Finding
	for _, policy := range held {
		var by *event.APICall
		if call != nil && named(call).is(policy) {
			by = call
		}
		f, err := v.finding(ctx, user, policy, held, documents, by)
		if err != nil {
			return nil, err
		}
		if by != nil {
			findings = slices.Concat(f, findings) // what just happened does not wait for the rest
		} else {
			findings = append(findings, f...)
		}
	}
	return findings, nil
}

// finding assesses one policy. by is the call that attached it, nil when that is not what the event is
// about. There is none when the policy no longer exists.
func (v *scan) finding(
	ctx context.Context, user string, d direct, held []direct, documents map[direct]string, by *event.APICall,
) ([]remediation.Finding, error) {
	found, known := byName(d)
	document, there := documents[d]
	if !known && !there {
		return nil, nil
	}
	if rest, denies := policy.OnlyDenies(document); denies && rest == document && change.IsMFALock(d.target) {
		return nil, nil // require-mfa has put it there, and takes it off
	}
	if !known {
		made, together, err := v.rightsOf(ctx, user, d, document)
		if err != nil {
			return nil, err
		}
		found = byDocument(d, document)
		found.give(made, together)
		// Nobody keeps such rights because of a Deny beside them.
		if rest, ok := policy.OnlyDenies(document); ok && made.Level == policy.Administrator && !together &&
			!change.IsQuarantine(d.target) {
			found.keep, found.unchangedReason, found.advice = rest, i18n.Message{}, i18n.Message{}
		}
	}
	if service := apiKeyService(d); service != "" && v.groups[d.target] == "" {
		kept, ok, err := v.apiKey(ctx, user, service, by != nil)
		if err != nil {
			return nil, err
		}
		if ok {
			found = kept
		}
	}
	final := v.isFinal(d)
	if final && !v.unattachable && found.unchangedReason.Empty() {
		found.unchangedReason, found.advice = unattachable.unchangedReason, unattachable.advice
	}
	f := remediation.Finding{
		User: user, Title: found.title, Severity: found.severity,
		Text:            i18n.Sentences(describe(user, d, by != nil), found.rights),
		UnchangedReason: found.unchangedReason, Advice: found.advice,
	}
	if f.UnchangedReason.Empty() {
		var err error
		if f.Changes, f.UnchangedReason, err = v.changes(ctx, user, d, document, held); err != nil {
			return nil, err
		}
		f.Advice = v.advice(d, found, f.UnchangedReason, by)
		if final {
			f.Advice = i18n.Sentences(i18n.T("AWS does not let this policy be attached again: detaching it cannot be undone."),
				f.Advice)
		}
		if keep := found.keep != "" && f.UnchangedReason.Empty() && f.Changes[0].Kind != change.GroupMembership; keep {
			if f.Changes, f.UnchangedReason, err = v.keepDeny(ctx, user, found.keep, f.Changes[0], held); err != nil {
				return nil, err
			}
			if f.Advice = i18n.Sentences(f.Advice, i18n.T("What the policy denies stays denied.")); len(f.Changes) == 0 {
				f.Advice = denies.advice
			}
		}
	}
	switch {
	case by != nil:
		if found.administers {
			f.Urgency = remediation.Emergency
		}
		f.Fresh, f.Title, f.Facts = true, i18n.Or(f.Title, i18n.T("Policy attached directly to a user")), facts(user, by)
	case v.awaited[d.of(user)]:
		if found.administers {
			f.Urgency = remediation.Emergency
		}
		f.Fresh = true
	case !f.UnchangedReason.Empty():
		f.Once = remediation.Once{Key: d.kind + "#" + d.target, For: remediation.Weekly}
	}
	return []remediation.Finding{f}, nil
}

// document is the document of a policy, byte for byte.
func (v *scan) document(ctx context.Context, user string, policy direct) (document string, err error) {
	if policy.kind == change.InlineUserPolicy {
		got, err := v.api.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &user, PolicyName: &policy.target})
		if err != nil {
			return "", fmt.Errorf("get inline policy %q of %q: %w", policy.target, user, err)
		}
		return decoded(got.PolicyDocument), nil
	}
	v.shared.Lock()
	defer v.shared.Unlock()
	if document, ok := v.documents[policy.target]; ok {
		return document, nil
	}
	// While a policy is attached it cannot be deleted, so one that no longer exists is not shown yet, or was
	// detached a moment ago: that is for the retry to see, and not for guessing.
	err = iamuser.RetryUntilVisible(ctx, v.sleep, func() error {
		described, err := v.api.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &policy.target})
		if err != nil {
			return fmt.Errorf("get policy %s: %w", policy.target, err)
		}
		id := described.Policy.DefaultVersionId
		version, err := v.api.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &policy.target, VersionId: id})
		if err != nil {
			return fmt.Errorf("get version %s of policy %s: %w", aws.ToString(id), policy.target, err)
		}
		document = decoded(version.PolicyVersion.Document)
		v.documents[policy.target], v.final[policy.target] = document, !described.Policy.IsAttachable
		return nil
	})
	return document, err
}

// isFinal reports whether AWS does not let the policy, whose document was read, be attached again, as it does with some
// that it has replaced (https://docs.aws.amazon.com/IAM/latest/APIReference/API_Policy.html).
func (v *scan) isFinal(policy direct) bool {
	v.shared.Lock()
	defer v.shared.Unlock()
	return policy.kind == change.ManagedUserPolicy && v.final[policy.target]
}

// decoded is the text of a document, empty if it cannot be decoded: it is then left unchanged like any
// document that cannot be read.
func decoded(document *string) string {
	text, err := change.Document(aws.ToString(document))
	if err != nil {
		return ""
	}
	return text
}

// changes take the policy off the user, after the user joined the group that keeps the access if
// there is one. unchanged says why that cannot be; there are no changes then.
//
// None of it widens access. A request is allowed when some statement allows it, none denies it, and the permissions
// boundary and the organization's policies let it pass. NotAction, NotResource and conditions only choose what a
// statement applies to, and nothing in one statement depends on another being there. So taking a document whose every
// statement allows away can only make fewer requests allowed. What could make more is taking a deny away, which is left
// alone, and joining a group that carries what the user does not have, which is refused.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func (v *scan) changes(
	ctx context.Context, user string, policy direct, document string, held []direct,
) (changes []change.Change, unchanged i18n.Message, err error) {
	detach := change.Change{Kind: policy.kind, Subject: user, Target: policy.target, Before: change.Attached,
		Content: change.Content(document)}
	group := v.groups[policy.target]
	switch {
	case policy.kind == change.InlineUserPolicy:
		detach.Before = document
		return []change.Change{detach}, unchanged, nil
	case group == "":
		return []change.Change{detach}, unchanged, nil
	}
	carried, err := v.carries(ctx, group)
	switch {
	case err != nil:
		return nil, unchanged, err
	case carried == nil:
		return nil, i18n.T("policyGroups names group %s for this access, but the group does not exist: the access would "+
			"be lost.", group), nil
	case !slices.ContainsFunc(carried, policy.is):
		return nil, i18n.T("policyGroups names group %s for this access, but the group does not have the policy: the "+
			"access would be lost.", group), nil
	}
	join := change.Change{Kind: change.GroupMembership, Subject: user, Target: group, After: change.Member}
	member, err := v.member(ctx, user, group)
	switch {
	case err != nil:
		return nil, unchanged, err
	case member:
		return []change.Change{detach}, unchanged, nil
	case slices.ContainsFunc(carried, func(c direct) bool { return !slices.ContainsFunc(held, c.is) }):
		return nil, i18n.T("policyGroups names group %s for this access, but the group has policies that the user does "+
			"not have: joining it would change what the user may do.", group), nil
	}
	return []change.Change{join, detach}, unchanged, nil
}

// inGroup is the kind of a group's inline policy, which no user can hold directly.
const inGroup = "inline group policy"

// carries lists the policies of a group; nil means that there is no such group.
func (v *scan) carries(ctx context.Context, group string) ([]direct, error) {
	v.shared.Lock()
	defer v.shared.Unlock()
	if carried, ok := v.carried[group]; ok {
		return carried, nil
	}
	carried := []direct{}
	managed := iam.NewListAttachedGroupPoliciesPaginator(v.api, &iam.ListAttachedGroupPoliciesInput{GroupName: &group})
	for page, err := range iamuser.Pages(ctx, managed, "list attached policies of group %q", group) {
		if err != nil {
			return nil, unlessGone(err)
		}
		for _, policy := range page.AttachedPolicies {
			carried = append(carried, direct{change.ManagedUserPolicy, aws.ToString(policy.PolicyArn)})
		}
	}
	inline := iam.NewListGroupPoliciesPaginator(v.api, &iam.ListGroupPoliciesInput{GroupName: &group})
	for page, err := range iamuser.Pages(ctx, inline, "list inline policies of group %q", group) {
		if err != nil {
			return nil, unlessGone(err)
		}
		for _, name := range page.PolicyNames {
			carried = append(carried, direct{inGroup, name})
		}
	}
	v.carried[group] = carried
	return carried, nil
}

// member reports whether the user is in the group.
func (v *scan) member(ctx context.Context, user, group string) (bool, error) {
	pages := iam.NewListGroupsForUserPaginator(v.api, &iam.ListGroupsForUserInput{UserName: &user})
	for page, err := range iamuser.Pages(ctx, pages, "list groups of %q", user) {
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(page.Groups, func(g types.Group) bool { return aws.ToString(g.GroupName) == group }) {
			return true, nil
		}
	}
	return false, nil
}

// unlessGone is the error, nil if it says that what was asked for is not there.
func unlessGone(err error) error {
	if change.NotFound(err) {
		return nil
	}
	return err
}

// advice says what to do about a policy that is taken off, or that only its group keeps from that.
func (v *scan) advice(policy direct, found assessment, unchanged i18n.Message, by *event.APICall) i18n.Message {
	if !unchanged.Empty() {
		return i18n.T("Correct the group, or policyGroups in cdk.json. Until then the policy stays attached.")
	}
	advice := i18n.T("Give the access through a group or, better, a role.")
	if group := v.groups[policy.target]; policy.kind == change.ManagedUserPolicy && group != "" {
		advice = i18n.T("The user keeps this access through group %s.", group)
	}
	if by == nil {
		return advice
	}
	if !found.rights.Empty() {
		advice = i18n.Sentences(i18n.T("Find out in CloudTrail what was done with these rights in the meantime."), advice)
	}
	if tool := tool(by); tool != "" {
		advice = i18n.Sentences(advice,
			i18n.T("Also remove the policy from the configuration of %s, or it will come back.", tool))
	}
	return advice
}

// describe says what was found.
func describe(user string, policy direct, fresh bool) i18n.Message {
	switch {
	case policy.kind == change.ManagedUserPolicy && fresh:
		return i18n.T("Policy %s was attached directly to %s.", policy.target, user)
	case policy.kind == change.ManagedUserPolicy:
		return i18n.T("Policy %s is attached directly to %s.", policy.target, user)
	case fresh:
		return i18n.T("Inline policy %s was added to %s.", policy.target, user)
	default:
		return i18n.T("%s has the inline policy %s.", user, policy.target)
	}
}

// facts say who attached the policy, where from and when.
func facts(user string, call *event.APICall) []remediation.Fact {
	who := call.Identity
	by := i18n.T("%s (%s)", who.Describe(), who.Kind().Describe())
	switch {
	case who.Kind() == event.Root:
		by = who.Kind().Describe()
	case who.Kind() == event.IAMUser && change.SameName(who.UserName, user):
		by = i18n.T("%s, to itself", by)
	}
	var at i18n.Message
	if !call.Time.IsZero() {
		at = i18n.Moment(call.Time)
	}
	through := i18n.Literal(tool(call))
	if through.Empty() && call.SessionCredentialFromConsole {
		through = i18n.T("the AWS Management Console")
	}
	return remediation.Facts(i18n.T("By"), by, i18n.T("Access key"), remediation.LongLivedKey(who),
		i18n.T("From"), i18n.Literal(call.SourceIP), i18n.T("At"), at, i18n.T("Through"), through)
}

// tool is what manages the account's resources and made the call, empty for a person or program of which nothing is
// known. CloudFormation calls with the identity of whoever started it; Terraform says its name in the user agent.
func tool(call *event.APICall) string {
	switch {
	case call.Identity.Service() == "cloudformation.amazonaws.com":
		return "AWS CloudFormation"
	case strings.Contains(call.UserAgent, "Terraform"):
		return "Terraform"
	case call.Identity.Kind() != event.AWSService:
		return call.Identity.Through()
	default:
		return ""
	}
}

// assessment is what a policy is found to be, apart from being attached directly.
type assessment struct {
	title           i18n.Message     // empty: the finding's own
	severity        control.Severity // empty: the control's
	rights          i18n.Message     // a sentence to add when it gives a lot
	administers     bool             // it gives the rights of an administrator
	keep            string           // the document without what it allows: that stays when the policy goes
	unchangedReason i18n.Message     // why it stays; empty: it goes
	advice          i18n.Message     // what to do about one that stays
}

// byName assesses the policies of AWS that stay whatever their documents say today. ok is false for
// all others: a customer's policy of the same name is assessed by its document.
func byName(d direct) (v assessment, ok bool) {
	parsed, err := arn.Parse(d.target)
	if d.kind != change.ManagedUserPolicy || err != nil || parsed.Service != "iam" || parsed.AccountID != "aws" {
		return assessment{}, false
	}
	switch name := parsed.Resource[strings.LastIndex(parsed.Resource, "/")+1:]; {
	case strings.HasPrefix(name, "AWSCompromisedKeyQuarantine"):
		// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html
		return assessment{
			title: i18n.T("Quarantine policy on a user"), severity: control.Critical,
			unchangedReason: i18n.T("AWS attaches this policy to a user whose access key is exposed. Detaching it would " +
				"allow the holder of the key to do more."),
			advice: i18n.T("Make the user's access keys inactive now: the policy does not stop them. Find out what was done " +
				"with them. Detach the policy only when the AWS support case says so."),
		}, true
	case name == "AWSDenyAll":
		return denies, true
	case name == "IAMUserChangePassword":
		return assessment{
			severity: control.Low,
			unchangedReason: i18n.T("The console attaches this policy to a user who has to choose a new password at the " +
				"first sign-in; without it the user may be unable to."),
			advice: i18n.T("Let the account's password policy, or a group, allow users to change their password, then detach " +
				"this policy."),
		}, true
	}
	return assessment{}, false
}

// unattachable assesses what cannot be put back.
var unattachable = assessment{
	unchangedReason: i18n.T("AWS does not let this policy be attached again: if it were detached, that could not be " +
		"undone."),
	advice: i18n.T("Give what the user needs through a group or, better, a role, then detach the policy. To have Warder " +
		"detach such policies, set detachUnattachable."),
}

var denies = assessment{
	severity:        control.Medium,
	unchangedReason: i18n.T("The policy denies something: detaching it would allow the user to do more."),
	advice: i18n.T("If the policy also allows something, grant that through a group and keep the deny. A " +
		"permanent deny belongs in a permissions boundary or a service control policy."),
}

// byDocument assesses a policy by what it says.
func byDocument(d direct, document string) assessment {
	var v assessment
	denying, err := policy.Denies(document)
	switch {
	case err != nil:
		return assessment{
			severity:        control.Critical,
			unchangedReason: i18n.T("The policy document cannot be parsed, so it may deny something."),
			advice:          i18n.T("Read the document, grant what it allows through a group, then detach the policy."),
		}
	case denying:
		v = denies
	case d.kind == change.InlineUserPolicy && policy.AllowsOnly(document, "ses:SendRawEmail", "ses:SendEmail"):
		// https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html
		v = assessment{
			severity: control.Low,
			unchangedReason: i18n.T("The policy only allows sending mail with Amazon SES, as an SMTP user needs; without it " +
				"the mail would stop."),
			advice: i18n.T("Add the user to a group that allows the same, check that mail is still sent, then " +
				"delete the inline policy."),
		}
	}
	if change.IsQuarantine(d.target) {
		v = quarantined(denying && err == nil)
	}
	return v
}

// quarantined assesses one of Warder's own quarantine policies, which stay whatever they say: one that
// does not deny is not what the stack has deployed.
func quarantined(denying bool) assessment {
	if !denying {
		return assessment{
			title: i18n.T("Quarantine policy does not deny"), severity: control.Critical,
			unchangedReason: i18n.T("The policy has the name of one of Warder's quarantine policies, but another document."),
			advice: i18n.T("Find out in CloudTrail who changed it. Deploy Warder again, which restores its " +
				"document, or detach the policy if it is not Warder's."),
		}
	}
	return assessment{
		title: i18n.T("User is in quarantine"), severity: control.High,
		unchangedReason: i18n.T("Warder has quarantined the user with this policy. Detaching it would allow the holder of " +
			"the user's credentials to do more."),
		advice: i18n.T("Find out why, with make explain. When the user may work again, undo the quarantine."),
	}
}
