package policy_test

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/policy"
	"github.com/warder-aws/warder/pkg/test/iamsim"
)

var splits = flag.Int("splits", 100, "how many random splits of the published ways the simulator is asked about")

// targets are a resource for each action of the published ways, by the beginning of its name; "*" for those that take
// none.
var targets = []struct{ action, resource string }{
	{"iam:AddUserToGroup", "arn:aws:iam::123456789012:group/builders"},
	{"iam:PutGroupPolicy", "arn:aws:iam::123456789012:group/builders"},
	{"iam:CreatePolicyVersion", "arn:aws:iam::123456789012:policy/building"},
	{"iam:AttachRolePolicy", "arn:aws:iam::123456789012:role/builder"},
	{"iam:PutRolePolicy", "arn:aws:iam::123456789012:role/builder"},
	{"iam:UpdateAssumeRolePolicy", "arn:aws:iam::123456789012:role/builder"},
	{"iam:PassRole", "arn:aws:iam::123456789012:role/builder"},
	{"iam:", "arn:aws:iam::123456789012:user/builder"},
	{"sts:", "arn:aws:iam::123456789012:role/builder"},
	{"apprunner:", "arn:aws:apprunner:us-east-1:123456789012:service/docs/0123456789abcdef"},
	{"bedrock-agentcore:CreateCodeInterpreter", "*"},
	{"bedrock-agentcore:", "arn:aws:bedrock-agentcore:us-east-1:123456789012:code-interpreter-custom/docs-0123456789"},
	{"cloudformation:CreateStackSet", "*"},
	{"cloudformation:CreateStackInstances", "arn:aws:cloudformation:us-east-1:123456789012:stackset/docs:1"},
	{"cloudformation:", "arn:aws:cloudformation:us-east-1:123456789012:stack/docs/1"},
	{"codebuild:", "arn:aws:codebuild:us-east-1:123456789012:project/docs"},
	{"ec2:DescribeInstances", "*"},
	{"ec2:CreateLaunchTemplateVersion", "arn:aws:ec2:us-east-1:123456789012:launch-template/lt-0123456789abcdef0"},
	{"ec2:ModifyLaunchTemplate", "arn:aws:ec2:us-east-1:123456789012:launch-template/lt-0123456789abcdef0"},
	{"ec2", "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0"},
	{"ecs:CreateCluster", "arn:aws:ecs:us-east-1:123456789012:cluster/docs"},
	{"ecs:", "arn:aws:ecs:us-east-1:123456789012:task-definition/docs:1"},
	{"glue:CreateDevEndpoint", "*"},
	{"glue:", "arn:aws:glue:us-east-1:123456789012:job/docs"},
	{"lambda:CreateEventSourceMapping", "*"},
	{"lambda:", "arn:aws:lambda:us-east-1:123456789012:function:docs"},
	{"sagemaker:CreatePresigned", "arn:aws:sagemaker:us-east-1:123456789012:notebook-instance/docs"},
	{"sagemaker:", "arn:aws:sagemaker:us-east-1:123456789012:training-job/docs"},
	{"ssm:", "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0"},
}

func target(action string) string {
	for _, t := range targets {
		if strings.HasPrefix(action, t.action) {
			return t.resource
		}
	}
	return ""
}

type statement map[string]any

func document(statements ...statement) json.RawMessage {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		panic(err) // maps of texts
	}
	return text
}

// half is a statement that allows an action, and maybe more.
func (r random) half(action string) statement {
	resource := target(action)
	switch service, _, _ := strings.Cut(action, ":"); r.IntN(8) {
	case 0:
		return statement{"Effect": "Allow", "Action": service + ":*", "Resource": "*"}
	case 1:
		return statement{"Effect": "Allow", "Action": strings.ToUpper(action), "Resource": "*"}
	case 2:
		return statement{"Effect": "Allow", "Action": action[:len(action)-2] + "*", "Resource": "*"}
	case 3:
		if resource != "*" {
			return statement{"Effect": "Allow", "Action": action, "Resource": resource[:len(resource)-3] + "*"}
		}
	case 4:
		others := []string{"aws-portal:*"}
		for _, t := range targets {
			if other, _, _ := strings.Cut(t.action, ":"); other != service && other != "ec2" {
				others = append(others, other+":*")
			}
		}
		return statement{"Effect": "Allow", "NotAction": others, "Resource": "*"}
	}
	return statement{"Effect": "Allow", "Action": []string{action, "s3:GetObject"}, "Resource": "*"}
}

// split is a way whose actions are in several documents, some denied or outside of the boundary.
func (r random) split(actions []string) (p iamsim.Principal) {
	documents := make([][]statement, 2+r.IntN(3))
	for _, action := range actions {
		at := r.IntN(len(documents))
		documents[at] = append(documents[at], r.half(action))
	}
	if r.likely(30) {
		at := r.IntN(len(documents))
		documents[at] = append(documents[at], statement{"Effect": "Deny", "Action": one(r, actions), "Resource": "*"})
	}
	for _, statements := range documents {
		if len(statements) > 0 {
			p.Policies = append(p.Policies, document(statements...))
		}
	}
	everything := statement{"Effect": "Allow", "Action": "*", "Resource": "*"}
	switch r.IntN(5) {
	case 0:
		p.Boundary = document(everything)
	case 1:
		p.Boundary = document(everything, statement{"Effect": "Deny", "Action": one(r, actions), "Resource": "*"})
	case 2:
		some := slices.Clone(actions)
		r.Shuffle(len(some), func(i, k int) { some[i], some[k] = some[k], some[i] })
		p.Boundary = document(statement{"Effect": "Allow", "Action": some[:1+r.IntN(len(some))], "Resource": "*"})
	}
	p.ARN = alice
	return p
}

// A published way whose actions are in several policies of a user, its groups' among them, is found when, and only
// when, the simulator allows all of it; every right of a way that is named is allowed; and the document that completes
// a way is known to.
func TestCompletes_AgreesWithTheSimulator(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("play this again with -seed %d -splits %d", *seed, *splits)
	published, err := os.ReadFile("testdata/escalations.json")
	if err != nil {
		t.Fatal(err)
	}
	var ways []struct{ Actions []string }
	if err := json.Unmarshal(published, &ways); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, w := range ways {
		for _, action := range w.Actions {
			all[action] = true
		}
	}
	r := random{rand.New(rand.NewPCG(*seed, 15))}
	var principals []iamsim.Principal
	var played [][]string
	for range *splits {
		actions := one(r, ways).Actions
		p := r.split(actions)
		for action := range all {
			p.Requests = append(p.Requests, iamsim.Request{Action: action, Resource: target(action)})
		}
		principals, played = append(principals, p), append(played, actions)
	}
	answers, err := iamsim.Ask(t.Context(), principals)
	if err != nil {
		t.Fatal(err)
	}
	lead := 0
	for i, p := range principals {
		allowed := map[string]bool{}
		for k, q := range p.Requests {
			allowed[q.Action] = answers[i][k] == iamsim.Allowed
		}
		holder := policy.Holder{Account: "123456789012", User: "alice", Boundary: string(p.Boundary)}
		var texts []string
		for _, text := range p.Policies {
			texts = append(texts, string(text))
		}
		v := policy.Assess(holder, texts...)
		fail := func(format string, args ...any) {
			t.Helper()
			t.Errorf(format+"; %q within\n%s\nbounded by %s", append(args, played[i], strings.Join(texts, "\n"), p.Boundary)...)
		}
		if !slices.ContainsFunc(played[i], func(action string) bool { return !allowed[action] }) {
			lead++
			if v.Level < policy.Escalates {
				fail("the simulator allows all of it, and it is %v", v.Level)
			}
		}
		for _, way := range v.Ways {
			refused := func(right string) bool { return all[right] && !allowed[right] }
			if right := slices.IndexFunc(way.Rights, refused); right >= 0 {
				fail("%q is named, and the simulator does not allow %s", way.Text, way.Rights[right])
			}
		}
		for k := range texts {
			before, after := policy.Assess(holder, texts[:k]...), policy.Assess(holder, texts[:k+1]...)
			completes := policy.Completes(holder, holder, texts[:k], texts[k:k+1])
			if after.Level > before.Level && (completes.Level != after.Level || !policy.Contributes(texts[k])) {
				fail("policy %d makes %v of %v, and is said to make %v", k, after.Level, before.Level, completes.Level)
			}
		}
	}
	if lead < len(principals)/4 || lead > len(principals)*9/10 {
		t.Errorf("%d of %d lead on: the splits are no test", lead, len(principals))
	}
}
