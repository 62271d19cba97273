package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/stack"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/iamsim"
)

// A role is one of the templates, and what is known of whoever has it.
type role struct {
	name   string // of the template, without the CDK's hash: UndoRole
	whose  string // the id of its function, or forwards
	arn    string
	policy iamsim.Policy
	calls  []iamsim.Request // that were seen to be made with it, each once
	resist []iamsim.Request // the temptations
	not    []iamsim.Request // all that it must not allow
	may    []iamsim.Request // the temptations that are its job
}

// with is the role with another policy.
func (r role) with(policy iamsim.Policy) role {
	r.policy = policy
	return r
}

// seenRoles are the roles of the templates with what was seen of them, once they were.
var seenRoles []role

// rolesAtWork plays the tour, sends every sample event and reaches for the rest of what functions can
// do, and returns the roles with all that was called with them.
func rolesAtWork(t *testing.T) []role {
	t.Helper()
	if seenRoles != nil {
		return seenRoles
	}
	var world world
	var roles []role
	var reached []endpoint.Call
	t.Run("at work", func(t *testing.T) {
		t.Run("in the tour", func(t *testing.T) {
			t.Parallel()
			playedTour(t)
		})
		t.Run("with every sample", func(t *testing.T) {
			t.Parallel()
			sentSamples(t)
		})
		t.Run("with the rest", func(t *testing.T) {
			t.Parallel()
			s := reachRest(t)
			world, roles = worldOf(t, s.account), rolesOf(t, s.account)
			var err error
			if reached, err = s.account.Calls(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	})
	if t.Failed() {
		t.FailNow()
	}
	for _, call := range slices.Concat(theTour.calls, theSamples.calls, reached) {
		if call.Action == "iam:GetAccessKeyLastUsed" && call.Resource == "*" {
			continue // of a key that is nobody's: there is nothing to judge it by
		}
		at := slices.IndexFunc(roles, func(r role) bool {
			return call.Role == r.arn || call.Role == "" && call.Function == settings.FunctionName(r.whose)
		})
		if at < 0 {
			t.Fatalf("%+v is made with no role of the template", call)
		}
		request := world.known(iamsim.Request{Action: call.Action, Resource: call.Resource, Context: call.Conditions})
		if !holdsRequest(roles[at].calls, request) {
			roles[at].calls = append(roles[at].calls, request)
		}
	}
	// One function makes the secret of the ledger, with the first item of all; each that writes may be the one.
	for i := range roles {
		opens := slices.IndexFunc(roles[i].calls, func(c iamsim.Request) bool {
			return c.Action == "kms:Decrypt" && c.Context["kms:EncryptionContext:warder:purpose"] != ""
		})
		if opens >= 0 && len(of(roles[i].calls, "dynamodb:PutItem")) > 0 {
			request := roles[i].calls[opens]
			request.Action = "kms:GenerateDataKey"
			if !holdsRequest(roles[i].calls, request) {
				roles[i].calls = append(roles[i].calls, request)
			}
		}
	}
	var others []iamsim.Request
	for _, r := range roles {
		others = append(others, r.calls...)
	}
	others = oneOfEachKind(others)
	for i := range roles {
		r := &roles[i]
		for _, x := range tempting {
			if slices.Contains(x.may, r.whose) {
				r.may = append(r.may, x.request(world.arns))
			} else {
				r.resist = append(r.resist, x.request(world.arns))
			}
		}
		r.not = slices.Clone(r.resist)
		for _, call := range oneOfEachKind(r.calls) {
			r.not = append(r.not, elsewhere(call)...)
		}
		for _, call := range others {
			if !slices.ContainsFunc(r.calls, func(c iamsim.Request) bool {
				return c.Action == call.Action
			}) && !holdsRequest(r.may, call) {
				r.not = append(r.not, call)
			}
		}
	}
	if !t.Failed() {
		seenRoles = roles
	}
	return roles
}

func holdsRequest(all []iamsim.Request, r iamsim.Request) bool {
	return slices.ContainsFunc(all, func(a iamsim.Request) bool {
		return a.Action == r.Action && a.Resource == r.Resource && maps.Equal(a.Context, r.Context)
	})
}

// oneOfEachKind is the first of the requests for each action, kind of resource and set of condition
// keys: a user stands for all users.
func oneOfEachKind(requests []iamsim.Request) []iamsim.Request {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(requests), func(r iamsim.Request) bool {
		resource, _, _ := strings.Cut(r.Resource, "/")
		kind := fmt.Sprint(r.Action, resource, slices.Sorted(maps.Keys(r.Context)))
		had := seen[kind]
		seen[kind] = true
		return had
	})
}

// inEveryRegion are the actions that functions may use in every region.
var inEveryRegion = []string{
	"access-analyzer:ListFindings",
	"cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:ListStackResources",
	"cloudtrail:GetEventSelectors", "cloudtrail:GetTrail", "cloudtrail:GetTrailStatus", "cloudtrail:ListTags",
	"cloudtrail:PutEventSelectors", "cloudtrail:StartLogging", "cloudtrail:StopLogging", "cloudtrail:UpdateTrail",
	"cloudwatch:DescribeAlarms", "config:DescribeConfigurationRecorderStatus", "config:StartConfigurationRecorder",
	"config:StopConfigurationRecorder", "events:DescribeRule", "events:ListTargetsByRule", "events:PutEvents",
	"sqs:GetQueueAttributes",
	"rds:DescribeDBClusterSnapshotAttributes", "rds:DescribeDBClusterSnapshots", "rds:DescribeDBSnapshotAttributes",
	"rds:DescribeDBSnapshots", "rds:ListTagsForResource", "rds:ModifyDBClusterSnapshotAttribute",
	"rds:ModifyDBSnapshotAttribute", "ssm:TerminateSession",
	"ec2:CreateFlowLogs", "ec2:DeleteFlowLogs",
	"guardduty:DeleteDetector", "guardduty:GetDetector", "guardduty:UpdateDetector",
	"route53resolver:AssociateResolverQueryLogConfig", "route53resolver:CreateResolverQueryLogConfig",
	"route53resolver:DisassociateResolverQueryLogConfig",
	"securityhub:BatchDisableStandards", "securityhub:BatchEnableStandards", "securityhub:DisableSecurityHub",
	"securityhub:EnableSecurityHub", "securityhub:GetEnabledStandards",
}

// anyMetric reports whether the call reads metrics: the simulator takes that for a call on a dataset, which IAM does
// only where one is named. Otherwise the action has no resource.
func anyMetric(call iamsim.Request) bool { return call.Action == "cloudwatch:GetMetricData" }

// elsewhere is the call in another account, where everybody is let in, and in another region. The keys
// of a member's root user are in another account by their nature.
func elsewhere(call iamsim.Request) []iamsim.Request {
	parts := strings.SplitN(call.Resource, ":", 6)
	if len(parts) < 6 || parts[4] == "aws" || call.Action == "sts:AssumeRoot" || anyMetric(call) {
		return nil
	}
	there := call
	if parts[4] == "" { // the ARN of a bucket does not say whose it is
		there.Context = maps.Clone(call.Context)
		there.Context["aws:ResourceAccount"] = another
		if _, owned := there.Context["ec2:Owner"]; owned {
			there.Context["ec2:Owner"] = another
		}
		return []iamsim.Request{there}
	}
	account := slices.Clone(parts)
	account[4] = another
	there.Resource, there.Policy = strings.Join(account, ":"), everybody
	if parts[3] == "" || slices.Contains(inEveryRegion, call.Action) {
		return []iamsim.Request{there}
	}
	abroad := call
	parts[3] = "eu-central-1"
	abroad.Resource = strings.Join(parts, ":")
	return []iamsim.Request{there, abroad}
}

// A world is what the requests are about: the account that they are evaluated in.
type world struct {
	arns      map[string]string // by logical id without the CDK's hash
	keyPolicy json.RawMessage
}

// hash ends what the CDK makes a logical id of.
var hash = regexp.MustCompile(`[0-9A-F]{8}$`)

func worldOf(t *testing.T, a *emulator.Account) world {
	t.Helper()
	w := world{arns: map[string]string{}}
	for _, r := range a.Stack.Resources {
		arn := r.PhysicalID
		switch r.Type {
		case "AWS::DynamoDB::Table":
			arn = "arn:aws:dynamodb:us-east-1:123456789012:table/" + arn
		case "AWS::SQS::Queue":
			arn = "arn:aws:sqs:us-east-1:123456789012:" + arn[strings.LastIndex(arn, "/")+1:]
		case "AWS::S3::Bucket":
			arn = "arn:aws:s3:::" + arn
		case "AWS::KMS::Key":
			policy, err := kms.NewFromConfig(a.Unrecorded()).GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{
				KeyId: &arn, PolicyName: aws.String("default"),
			})
			if err != nil {
				t.Fatal(err)
			}
			arn, w.keyPolicy = "arn:aws:kms:us-east-1:123456789012:key/"+arn, json.RawMessage(*policy.Policy)
		}
		w.arns[hash.ReplaceAllString(r.LogicalID, "")] = arn
	}
	if len(a.Stack.Keys) != 1 {
		t.Fatalf("%d topics with keys of their own, want one", len(a.Stack.Keys))
	}
	return w
}

// known is the request with the policy of the key that it is about, if it is about one: the key of
// each account that was played in is the one key of the topic.
func (w world) known(r iamsim.Request) iamsim.Request {
	if strings.HasPrefix(r.Resource, "arn:aws:kms:") {
		r.Resource, r.Policy = w.arns["TopicKey"], w.keyPolicy
	}
	return r
}

// rolesOf are the roles of the account's stacks, with their policies as they were made from the template.
func rolesOf(t *testing.T, a *emulator.Account) []role {
	t.Helper()
	client := iam.NewFromConfig(a.Unrecorded())
	var roles []role
	for _, s := range append([]stack.Stack{a.Stack}, a.Stack.Regions...) {
		for _, resource := range s.Resources {
			if resource.Type != "AWS::IAM::Role" {
				continue
			}
			name := resource.PhysicalID
			r := role{name: hash.ReplaceAllString(resource.LogicalID, ""), whose: forwards, policy: policyOf(t, client, name)}
			if s.Name != a.Stack.Name {
				r.name += " of " + s.Region
			}
			got, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &name})
			if err != nil {
				t.Fatal(err)
			}
			r.arn = *got.Role.Arn
			service := "events.amazonaws.com"
			if at := slices.IndexFunc(a.Stack.Functions, func(f stack.Function) bool { return f.Role == r.arn }); at >= 0 {
				r.whose, service = emulator.Control(a.Stack.Functions[at].Name), "lambda.amazonaws.com"
			}
			only := ""
			if r.name == "SchedulesRole" {
				r.whose, service = r.name, "scheduler.amazonaws.com"
				only = `"Condition":{"StringEquals":{"aws:SourceAccount":"123456789012","aws:SourceArn":` +
					`"arn:aws:scheduler:us-east-1:123456789012:schedule-group/warder-Schedules"}},`
			}
			trust, err := url.PathUnescape(*got.Role.AssumeRolePolicyDocument)
			if err != nil {
				t.Fatal(err)
			}
			want := `{"Statement":[{"Action":"sts:AssumeRole",` + only + `"Effect":"Allow","Principal":{"Service":"` + service +
				`"}}],"Version":"2012-10-17"}`
			if trust != want {
				t.Errorf("%s is trusted to others: %s, want %s", r.name, trust, want)
			}
			roles = append(roles, r)
		}
	}
	return roles
}

// policyOf is all that the role's policies allow.
func policyOf(t *testing.T, client *iam.Client, role string) iamsim.Policy {
	t.Helper()
	attached, err := client.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	if err != nil || len(attached.AttachedPolicies) > 0 {
		t.Fatalf("%s has managed policies %v (%v)", role, attached, err)
	}
	names, err := client.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &role})
	if err != nil || len(names.PolicyNames) == 0 {
		t.Fatalf("%s has no policy (%v)", role, err)
	}
	var all iamsim.Policy
	for _, name := range names.PolicyNames {
		got, err := client.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
		if err != nil {
			t.Fatal(err)
		}
		text, err := url.PathUnescape(*got.PolicyDocument)
		if err != nil {
			t.Fatal(err)
		}
		policy, err := iamsim.ParsePolicy([]byte(text))
		if err != nil {
			t.Fatalf("%s of %s: %v", name, role, err)
		}
		all = append(all, policy...)
	}
	return all
}

// An inquiry is many questions to the judge, who is asked once, because it takes a moment to begin.
type inquiry struct {
	principals []iamsim.Principal
	then       []func([]iamsim.Answer)
	asked      int
}

// ask asks what becomes of the requests when whoever has the role makes them, and hands on the answers.
func (q *inquiry) ask(t *testing.T, r role, requests []iamsim.Request, then func([]iamsim.Answer)) {
	t.Helper()
	document, err := r.policy.Document()
	if err != nil {
		t.Fatal(err)
	}
	requests = slices.Clone(requests)
	for i := range requests {
		if strings.HasPrefix(requests[i].Action, "kms:") { // a session's own ARN has not the path of its role
			requests[i].Context = maps.Clone(requests[i].Context)
			if requests[i].Context == nil {
				requests[i].Context = map[string]string{}
			}
			requests[i].Context["aws:PrincipalArn"] = r.arn
		}
	}
	session := "arn:aws:sts::123456789012:assumed-role/" + r.arn[strings.LastIndex(r.arn, "/")+1:] + "/session"
	q.principals = append(q.principals, iamsim.Principal{
		ARN: session, Policies: []json.RawMessage{document}, Requests: requests,
	})
	q.then = append(q.then, then)
	q.asked += len(requests)
}

func (q *inquiry) answer(t *testing.T) {
	t.Helper()
	answers, err := iamsim.Ask(t.Context(), q.principals)
	if err != nil {
		t.Fatal(err)
	}
	for i, then := range q.then {
		then(answers[i])
	}
}

// Faults are what is wrong with a role, each in a sentence.
type faults []string

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

func inWords(r iamsim.Request) string {
	text := r.Action + " on " + r.Resource
	for _, key := range slices.Sorted(maps.Keys(r.Context)) {
		text += ", " + key + " " + r.Context[key]
	}
	return text
}

// lacks finds the calls that the role does not allow.
func (r role) lacks(t *testing.T, q *inquiry, f *faults) {
	q.ask(t, r, r.calls, func(answers []iamsim.Answer) {
		for i, answer := range answers {
			if answer != iamsim.Allowed {
				f.add("%s may not %s, which it was seen to do", r.name, inWords(r.calls[i]))
			}
		}
	})
}

// yields finds what the role allows and must not, or must and does not.
func (r role) yields(t *testing.T, q *inquiry, f *faults) {
	q.ask(t, r, r.not, func(answers []iamsim.Answer) {
		for i, answer := range answers {
			if answer == iamsim.Allowed {
				f.add("%s may %s", r.name, inWords(r.not[i]))
			}
		}
	})
	q.ask(t, r, r.may, func(answers []iamsim.Answer) {
		for i, answer := range answers {
			if answer != iamsim.Allowed {
				f.add("%s may not %s: it is not tempted any more, take it from the list", r.name, inWords(r.may[i]))
			}
		}
	})
}

// of are the requests for one of the actions.
func of(requests []iamsim.Request, actions ...string) []iamsim.Request {
	return slices.DeleteFunc(slices.Clone(requests), func(r iamsim.Request) bool {
		return !slices.Contains(actions, r.Action)
	})
}

// needlessOf finds those of the grants without which every call is allowed as well.
func (r role) needlessOf(t *testing.T, q *inquiry, f *faults, grants []iamsim.Grant) {
	for _, g := range grants {
		q.ask(t, r.with(r.policy.Without(g)), of(r.calls, g.Action), func(answers []iamsim.Answer) {
			if !slices.ContainsFunc(answers, func(a iamsim.Answer) bool { return a != iamsim.Allowed }) {
				f.add("%s needs no %s on %s: no call was seen that nothing else allows", r.name, g.Action, g.Resource)
			}
		})
	}
}

// needless finds the grants without which every call is allowed as well, and the values of conditions
// without which nothing is otherwise.
func (r role) needless(t *testing.T, q *inquiry, f *faults) {
	r.needlessOf(t, q, f, r.policy.Grants())
	for _, l := range r.policy.Limits() {
		actions := r.policy[l.Statement].Action
		values := r.policy[l.Statement].Condition[l.Operator][l.Key]
		if len(values) == 1 {
			continue // the condition itself
		}
		for _, value := range values {
			narrowed := r.with(r.policy.WithoutValue(l, value))
			calls, not := of(r.calls, actions...), of(r.not, actions...)
			q.ask(t, narrowed, slices.Concat(calls, not), func(answers []iamsim.Answer) {
				refuses := slices.ContainsFunc(answers[:len(calls)], func(a iamsim.Answer) bool { return a != iamsim.Allowed })
				if !refuses && !slices.Contains(answers[len(calls):], iamsim.Allowed) {
					f.add("%s needs no %s %s %s", r.name, l.Key, l.Operator, value)
				}
			})
		}
	}
}

// everywhere are resources in a role that are all there are of their kind, so that * would not be wider.
var everywhere = map[string]string{
	"arn:aws:s3:::*":            "a bucket's ARN has no account; the condition has",
	"arn:aws:ec2:*::image/*":    "an image's ARN has no account; the condition has",
	"arn:aws:ec2:*::snapshot/*": "a snapshot's ARN has no account; the condition has",
	"arn:aws:iam::*:root":       "the root user of any member account; the condition says what for",
	"arn:aws:iam::aws:policy/*": "AWS's policies are the same in every account",
}

// loose finds conditions and resources of the role that keep away nothing that it must not do, and
// conditions by what its calls do not say.
func (r role) loose(t *testing.T, q *inquiry, f *faults) {
	nothing := func(answers []iamsim.Answer) bool { return !slices.Contains(answers, iamsim.Allowed) }
	for _, l := range r.policy.Limits() {
		actions := r.policy[l.Statement].Action
		for _, call := range of(r.calls, actions...) {
			if _, ok := call.Context[l.Key]; !ok && !r.allowsElsewhere(l.Statement, call) {
				f.add("%s is limited by %s, which its call %s does not say", r.name, l.Key, inWords(call))
			}
		}
		q.ask(t, r.with(r.policy.Unlimited(l)), of(r.not, actions...), func(answers []iamsim.Answer) {
			if nothing(answers) {
				f.add("%s: that %v is limited by %s %s keeps nothing away that must be", r.name, actions, l.Key, l.Operator)
			}
		})
	}
	for _, g := range r.policy.Grants() {
		if g.Resource == "*" {
			for _, call := range of(r.calls, g.Action) {
				if call.Resource != "*" && !anyMetric(call) {
					f.add("%s may %s on everything, and was seen to do so on %s", r.name, g.Action, call.Resource)
				}
			}
			continue
		}
		if everywhere[g.Resource] != "" {
			continue
		}
		q.ask(t, r.with(r.policy.Wider(g)), of(r.not, g.Action), func(answers []iamsim.Answer) {
			if nothing(answers) {
				f.add("%s: that %s is limited to %s keeps nothing away that must be", r.name, g.Action, g.Resource)
			}
		})
	}
}

// allowsElsewhere reports whether another statement with conditions is about what the call says: a key has two uses.
func (r role) allowsElsewhere(but int, call iamsim.Request) bool {
	for i, s := range r.policy {
		if i == but || !slices.Contains(s.Action, call.Action) || len(s.Condition) == 0 {
			continue
		}
		said := true
		for _, keys := range s.Condition {
			for key := range keys {
				_, ok := call.Context[key]
				said = said && ok
			}
		}
		if said {
			return true
		}
	}
	return false
}

// Whatever a function calls, its role allows; so do the roles of what forwards events.
func TestRoles_EveryCallIsAllowed(t *testing.T) {
	roles := rolesAtWork(t)
	var q inquiry
	var f faults
	for _, r := range roles {
		if len(r.calls) == 0 {
			f.add("%s was not seen to call anything", r.name)
		}
		r.lacks(t, &q, &f)
	}
	q.answer(t)
	for _, fault := range f {
		t.Error(fault)
	}
	t.Attr("roles", strconv.Itoa(len(roles)))
	t.Logf("%d roles, %d different calls", len(roles), q.asked)
}

// What a role grants is needed by a call, and what limits it keeps something away.
func TestRoles_EveryGrantIsNeeded(t *testing.T) {
	roles := rolesAtWork(t)
	var q inquiry
	var f faults
	grants, limits := 0, 0
	for pattern, why := range everywhere {
		if !slices.ContainsFunc(roles, func(r role) bool {
			return slices.ContainsFunc(r.policy.Grants(), func(g iamsim.Grant) bool { return g.Resource == pattern })
		}) {
			t.Errorf("no role has %s any more (%s): take it from the list", pattern, why)
		}
	}
	for _, r := range roles {
		grants, limits = grants+len(r.policy.Grants()), limits+len(r.policy.Limits())
		r.needless(t, &q, &f)
		r.loose(t, &q, &f)
	}
	q.answer(t)
	for _, fault := range f {
		t.Error(fault)
	}
	t.Attr("granted", strconv.Itoa(grants))
	t.Attr("conditions", strconv.Itoa(limits))
	t.Logf("%d grants and %d conditions of %d roles, %d questions", grants, limits, len(roles), q.asked)
}

// No role does what tempts, but for those whose job it is; none does what others do, or what it does
// itself in another account or region.
func TestRoles_Temptations(t *testing.T) {
	roles := rolesAtWork(t)
	var q inquiry
	var f faults
	denied, jobs := 0, 0
	for _, r := range roles {
		denied, jobs = denied+len(r.not), jobs+len(r.may)
		r.yields(t, &q, &f)
	}
	for _, x := range tempting {
		for _, id := range x.may {
			if !slices.ContainsFunc(roles, func(r role) bool { return r.whose == id }) {
				t.Errorf("%s: %s has no role", x.what, id)
			}
		}
	}
	q.answer(t)
	for _, fault := range f {
		t.Error(fault)
	}
	t.Attr("temptations", strconv.Itoa(len(tempting)))
	t.Attr("denied", strconv.Itoa(denied))
	t.Logf("%d temptations, %d calls denied to %d roles, %d allowed to those whose job they are", len(tempting), denied,
		len(roles), jobs)
}

// A permission that is added without need, or taken though it is needed, is found: whatever action,
// resource or statement it is, and whichever role it is in.
func TestRoles_PermissionTooManyOrTooFew(t *testing.T) {
	roles := rolesAtWork(t)
	type variant struct {
		what  string
		found faults
		want  string
	}
	var variants []*variant
	var q inquiry
	try := func(r role, policy iamsim.Policy, what, want string, look func(role, *testing.T, *inquiry, *faults)) {
		v := &variant{what: r.name + " " + what, want: want}
		variants = append(variants, v)
		look(r.with(policy), t, &q, &v.found)
	}
	for _, r := range roles {
		had := r.policy.Grants()
		added := func(r role, t *testing.T, q *inquiry, f *faults) {
			r.needlessOf(t, q, f, slices.DeleteFunc(r.policy.Grants(), func(g iamsim.Grant) bool {
				return slices.Contains(had, g)
			}))
		}
		for _, g := range had {
			few := r
			few.calls = of(r.calls, g.Action)
			try(few, r.policy.Without(g), "without "+g.Action+" on "+g.Resource, "may not "+g.Action, role.lacks)
		}
		for _, request := range r.resist {
			more := iamsim.Statement{Effect: "Allow", Action: []string{request.Action}, Resource: []string{request.Resource}}
			tempted := r
			tempted.not, tempted.may = []iamsim.Request{request}, nil
			try(tempted, r.policy.Allowing().With(more), "with "+inWords(request), "may "+request.Action, role.yields)
		}
		for i, s := range r.policy {
			if s.Effect == "Deny" {
				continue
			}
			action, resource := s, s
			action.Action = slices.Concat(s.Action, []string{"ec2:TerminateInstances"})
			resource.Resource = slices.Concat(s.Resource, []string{"arn:aws:sqs:us-east-1:123456789012:orders"})
			changed := slices.Clone(r.policy)
			changed[i] = action
			try(r, changed, "with an action more", "needs no ec2:TerminateInstances on "+s.Resource[0], added)
			changed = slices.Clone(r.policy)
			changed[i] = resource
			try(r, changed, "with a resource more", "needs no "+s.Action[0]+" on arn:aws:sqs:us-east-1:123456789012:orders",
				added)
		}
		try(r, r.policy.With(r.policy[0]), "with a statement twice", "needs no "+r.policy[0].Action[0], added)
	}
	q.answer(t)
	for _, v := range variants {
		if !slices.ContainsFunc(v.found, func(fault string) bool { return strings.Contains(fault, v.want) }) {
			t.Errorf("%s: found %q, want one that says %q", v.what, v.found, v.want)
		}
	}
	t.Logf("%d changed roles, %d questions", len(variants), q.asked)
}

// Every role of every template that is synthesized is evaluated: it is in the template of the tour with
// the very same policies.
func TestRoles_EveryTemplate(t *testing.T) {
	found := map[project.Synth]map[string]any{project.Deployed: {}, project.Tour: {}}
	for synth, roles := range found {
		templates, err := project.Root(root(t)).Templates(synth)
		if err != nil {
			t.Fatal(err)
		}
		for _, template := range templates {
			data, err := os.ReadFile(template.Path)
			if err != nil {
				t.Fatal(err)
			}
			var read struct {
				Resources map[string]struct {
					Type       string
					Properties map[string]any
				}
			}
			if err := json.Unmarshal(data, &read); err != nil {
				t.Fatal(err)
			}
			for id, r := range read.Resources {
				switch r.Type {
				case "AWS::IAM::Role":
					roles[template.Stack+" "+hash.ReplaceAllString(id, "")] = r.Properties
				case "AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::User":
					t.Errorf("%s has %s, a %s: nothing here judges it", template.Stack, id, r.Type)
				}
			}
		}
	}
	for name, properties := range found[project.Deployed] {
		if diff := cmp.Diff(found[project.Tour][name], properties); diff != "" {
			t.Errorf("%s is not the role that is judged (-judged +deployed):\n%s", name, diff)
		}
	}
	judged := rolesAtWork(t)
	if len(judged) != len(found[project.Tour]) || len(found[project.Deployed]) < 2 {
		t.Errorf("%d roles are judged; the templates have %d and %d", len(judged), len(found[project.Tour]),
			len(found[project.Deployed]))
	}
}

// The list that people review is of what was evaluated: as many resources for each action of each role.
func TestRoles_ReviewedList(t *testing.T) {
	data, err := os.ReadFile("infra/stack/testdata/grants.golden")
	if err != nil {
		t.Fatal(err)
	}
	reviewed := map[string]int{}
	name := ""
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 1:
			name = words[0]
		case len(words) > 3 && words[0] == "allow" && words[2] == "on": // what others may do with it says who before what
			reviewed[name+" "+words[1]]++
		}
	}
	judged := map[string]int{}
	for _, r := range rolesAtWork(t) {
		if name, region, _ := strings.Cut(r.name, " of "); region == "" || region == "eu-west-1" {
			for _, g := range r.policy.Grants() {
				judged[name+" "+g.Action]++
			}
		}
	}
	// The policies that are no role's are for users.
	maps.DeleteFunc(reviewed, func(key string, _ int) bool { return strings.HasPrefix(key, "DrillPolicy ") })
	if diff := cmp.Diff(judged, reviewed); diff != "" {
		t.Errorf("resources by role and action (-judged +reviewed):\n%s", diff)
	}
}
