package policy_test

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/policy"
	"github.com/warder-aws/warder/pkg/test/iamsim"
)

var (
	seed      = flag.Uint64("seed", 0, "makes the random documents; 0: another one each time")
	documents = flag.Int("documents", 150, "how many principals with random documents the simulator is asked about")
)

type random struct{ *rand.Rand }

func one[T any](r random, values []T) T { return values[r.IntN(len(values))] }

// likely is true in so many of 100 cases.
func (r random) likely(percent int) bool { return r.IntN(100) < percent }

const alice = "arn:aws:iam::123456789012:user/alice"

// questions are actions with a resource that each takes; "*" for those that take none.
var questions = []iamsim.Request{
	{Action: "iam:PutUserPolicy", Resource: alice},
	{Action: "iam:CreateAccessKey", Resource: "arn:aws:iam::123456789012:user/ops/bob"},
	{Action: "iam:PutRolePolicy", Resource: "arn:aws:iam::123456789012:role/build"},
	{Action: "iam:PassRole", Resource: "arn:aws:iam::123456789012:role/service-role/admin"},
	{Action: "sts:AssumeRole", Resource: "arn:aws:iam::123456789012:role/build"},
	{Action: "iam:CreatePolicyVersion", Resource: "arn:aws:iam::123456789012:policy/team/rights"},
	{Action: "iam:ListUsers", Resource: "*"},
	{Action: "iam:CreateAccountAlias", Resource: "*"},
	{Action: "ec2:DescribeInstances", Resource: "*"},
	{Action: "ec2:StopInstances", Resource: "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0"},
	{Action: "lambda:UpdateFunctionCode", Resource: "arn:aws:lambda:eu-west-1:123456789012:function:resize"},
	{Action: "s3:GetObject", Resource: "arn:aws:s3:::reports/2026/a:b.txt"},
	{Action: "s3:PutObject", Resource: "arn:aws:s3:::Reports/a.txt"},
	{Action: "ssm:StartSession", Resource: "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0"},
	{Action: "codebuild:StartBuild", Resource: "arn:aws:codebuild:us-east-1:123456789012:project/docs"},
}

// vary makes a pattern of a text: wildcards for some of its characters, or in between, from a position on.
func (r random) vary(text string, from int) string {
	var b strings.Builder
	b.WriteString(text[:from])
	for i := from; i < len(text); i++ {
		switch r.IntN(40) {
		case 0:
			b.WriteByte('*')
			i += r.IntN(len(text) - i)
		case 1:
			b.WriteByte('?')
		case 2:
			b.WriteString("*" + text[i:i+1])
		case 3:
			b.WriteByte('z') // a character that is not there
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

func (r random) action() string {
	if r.likely(8) {
		return "*"
	}
	action := one(r, questions).Action
	service, _, _ := strings.Cut(action, ":")
	if r.likely(15) {
		action = service + one(r, []string{":*", ":**", ":?*", ":*Policy", ":*Role*", ":Put*", ":zz*"})
	} else if r.likely(60) {
		action = r.vary(action, len(service)+1)
	}
	switch r.IntN(4) {
	case 0:
		return strings.ToUpper(action)
	case 1:
		return strings.ToLower(action)
	}
	return action
}

// whole is a resource with all six segments. What an ARN with fewer means in NotResource is not documented: the
// simulator takes such a statement for one that never applies, this package for one that applies if it allows.
func (r random) whole() string {
	for {
		if text := r.resource(); strings.Count(text, ":") >= 5 || !strings.Contains(text, ":") {
			return text
		}
	}
}

func (r random) resource() string {
	arn := one(r, questions).Resource
	if r.likely(15) || arn == "*" {
		return one(r, []string{"*", "**", "arn:*", "arn:aws:*", "arn:aws:iam::*:*", "arn:aws:iam::123456789012:*",
			"arn:*:*:*:*:*", "arn:aws:iam::999999999999:*", "arn:aws:s3:::*"})
	}
	segments := strings.SplitN(arn, ":", 6)
	for i := 1; i < 5; i++ {
		if r.likely(25) {
			segments[i] = r.vary(segments[i], 0)
		}
	}
	// The type of a resource is never varied: AWS refuses wildcards in it, and the simulator has its own rules for them.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
	if at := strings.IndexAny(segments[5], "/:"); at >= 0 && r.likely(70) {
		segments[5] = r.vary(segments[5], at+1)
	}
	return strings.Join(segments, ":")
}

// list is an element, with a text alone or in an array.
func (r random) list(one func() string) any {
	if r.likely(40) {
		return one()
	}
	all := []string{}
	for range 1 + r.IntN(4) {
		all = append(all, one())
	}
	return all
}

func (r random) document() json.RawMessage {
	statement := func() map[string]any {
		s := map[string]any{"Effect": "Allow"}
		if r.likely(30) {
			s["Effect"] = "Deny"
		}
		s[one(r, []string{"Action", "Action", "Action", "NotAction"})] = r.list(r.action)
		switch {
		case r.likely(75):
			s["Resource"] = r.list(r.resource)
		case s["Effect"] == "Deny":
			s["NotResource"] = r.list(r.resource)
		default:
			s["NotResource"] = r.list(r.whole)
		}
		if r.likely(30) {
			s["Sid"] = one(r, []string{"Deny", "Allow", "Effect", "Action", "Statement", "NotAction", "Resource"})
		}
		return s
	}
	statements := any(statement())
	if r.likely(80) {
		all := []any{}
		for range 1 + r.IntN(4) {
			all = append(all, statement())
		}
		statements = all
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		panic(err) // maps of texts
	}
	return text
}

// What a document allows and denies without conditions is what the simulator says, for every document.
func TestAllows_AgreesWithTheSimulator(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("play this again with -seed %d -documents %d", *seed, *documents)
	r := random{rand.New(rand.NewPCG(*seed, 14))}
	var principals []iamsim.Principal
	for range *documents {
		p := iamsim.Principal{ARN: alice, Requests: questions}
		for range 1 + r.IntN(2) {
			p.Policies = append(p.Policies, r.document())
		}
		principals = append(principals, p)
	}
	answers, err := iamsim.Ask(t.Context(), principals)
	if err != nil {
		t.Fatal(err)
	}
	allowed := 0
	for i, p := range principals {
		var texts []string
		for _, document := range p.Policies {
			texts = append(texts, string(document))
		}
		for k, q := range questions {
			got, err := policy.Allows(q.Action, q.Resource, texts...)
			want := answers[i][k] == iamsim.Allowed
			if want {
				allowed++
			}
			if got != want || err != nil {
				t.Errorf("%s of %s: %v, %v; the simulator says %s of\n%s", q.Action, q.Resource, got, err, answers[i][k],
					strings.Join(texts, "\n"))
			}
		}
	}
	if all := len(principals) * len(questions); allowed < all/20 || allowed > all*19/20 {
		t.Errorf("%d of %d requests are allowed: the documents are no test", allowed, all)
	}
}
