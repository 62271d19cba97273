package policy

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// document is a policy that allows the actions on the resources.
func document(t *testing.T, actions []string, resources ...string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": map[string]any{
		"Effect": "Allow", "Action": actions, "Resource": resources,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The ways of https://github.com/DataDog/pathfinding.cloud at commit 84dd65c (Apache-2.0), half of them, by id and
// actions.
//
//go:embed testdata/escalations.json
var published []byte

// oneOfEach are resources that lead nowhere, one of each kind that the published ways are about.
var oneOfEach = []string{
	"arn:aws:iam::123456789012:user/reader", "arn:aws:iam::123456789012:group/readers",
	"arn:aws:iam::123456789012:role/reader", "arn:aws:iam::123456789012:policy/reading",
	"arn:aws:lambda:us-east-1:123456789012:function:resize",
	"arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0",
	"arn:aws:ec2:us-east-1:123456789012:launch-template/lt-0123456789abcdef0",
	"arn:aws:codebuild:us-east-1:123456789012:project/docs", "arn:aws:glue:us-east-1:123456789012:job/copy",
	"arn:aws:cloudformation:us-east-1:123456789012:stack/docs/1", "arn:aws:ecs:us-east-1:123456789012:cluster/docs",
	"arn:aws:sagemaker:us-east-1:123456789012:notebook-instance/docs",
}

func TestAssess_PublishedWays(t *testing.T) {
	var ways []struct {
		ID      string
		Actions []string
	}
	if err := json.Unmarshal(published, &ways); err != nil || len(ways) < 30 {
		t.Fatal(len(ways), err)
	}
	for _, w := range ways {
		t.Run(w.ID, func(t *testing.T) {
			v := Assess(Holder{}, document(t, w.Actions, "*"))
			if v.Level < Escalates || !slices.ContainsFunc(v.Ways, func(way Way) bool {
				return !slices.ContainsFunc(way.Rights, func(right string) bool { return !slices.Contains(w.Actions, right) })
			}) {
				t.Errorf("on everything: %v, ways %v", v.Level, v.Ways)
			}
			if v := Assess(Holder{}, document(t, w.Actions, oneOfEach...)); v.Level != Harmless {
				t.Errorf("on one resource: %v, %v", v.Level, v.Describe())
			}
		})
	}
}

// Each row of the table is a way with its rights alone, in any case and in several documents, and none without one of
// them or on one resource.
func TestAssess_EachRow(t *testing.T) {
	for i := range table() {
		p := &table()[i]
		var rights []string
		for _, alternatives := range p.rights {
			rights = append(rights, alternatives[len(alternatives)-1])
		}
		is := func(v Assessment) bool {
			return slices.ContainsFunc(v.Ways, func(w Way) bool { return slices.Equal(w.Rights, rights) })
		}
		t.Run(fmt.Sprint(strings.Join(rights, "+"), i), func(t *testing.T) {
			if !is(Assess(Holder{}, document(t, rights, "*"))) {
				t.Error("not found on everything")
			}
			var apart []string
			for _, right := range rights {
				apart = append(apart, document(t, []string{strings.ToUpper(right)}, "*"))
			}
			if !is(Assess(Holder{}, apart...)) {
				t.Error("not found in several documents")
			}
			for k := range rights {
				if is(Assess(Holder{}, slices.Delete(slices.Clone(apart), k, k+1)...)) {
					t.Errorf("found without %s", rights[k])
				}
			}
			if len(p.arns) == 0 {
				return
			}
			first := strings.NewReplacer("*", "1", "arn:*", "arn:aws").Replace(p.on.arns[0])
			named := append(apart[1:], document(t, rights[:1], first))
			if is(Assess(Holder{}, named...)) {
				t.Errorf("found on %s alone", first)
			}
		})
	}
}

const ownAccount = "123456789012"

func TestAssess_Levels(t *testing.T) {
	alice := Holder{Account: ownAccount, User: "alice"}
	for _, tc := range []struct {
		name      string
		holder    Holder
		documents []string
		want      Level
		says      string // part of the description
	}{
		{"any policy for everybody", alice, []string{document(t, []string{"iam:PutUserPolicy"}, "*")}, Escalates,
			"Leads to administrator rights: can give itself any policy: iam:PutUserPolicy on every user."},
		{"any policy for itself, by name", alice,
			[]string{document(t, []string{"iam:PutUserPolicy"}, "arn:aws:iam::123456789012:user/ops/Alice")}, Escalates,
			"iam:PutUserPolicy on itself"},
		{"any policy for itself, by variable", alice,
			[]string{document(t, []string{"iam:AttachUserPolicy"}, "arn:aws:iam::*:user/${aws:username}")}, Escalates,
			"iam:AttachUserPolicy on itself"},
		{"any policy for somebody", alice,
			[]string{document(t, []string{"iam:PutUserPolicy"}, "arn:aws:iam::123456789012:user/bob")}, Harmless, ""},
		{"any policy for an administrator", alice,
			[]string{document(t, []string{"iam:CreateAccessKey"}, "arn:aws:iam::123456789012:user/Admin-1")}, Escalates,
			"named like an administrator"},
		{"its own keys", alice, []string{document(t, []string{"iam:CreateAccessKey", "iam:UpdateLoginProfile"},
			"arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::*:user/*/${aws:username}")}, Harmless, ""},
		{"its own keys, in a document of the old version, where a variable is text", alice,
			[]string{`{"Statement":{"Effect":"Allow","Action":"iam:CreateAccessKey","Resource":"arn:aws:iam::*:user/${*}"}}`},
			Escalates, "some users"},
		{"keys of users whose names end like its own", alice,
			[]string{document(t, []string{"iam:CreateAccessKey"}, "arn:aws:iam::*:user/*${aws:username}")}, Escalates, ""},
		{"keys of the users of a pattern", alice,
			[]string{document(t, []string{"iam:CreateAccessKey"}, "arn:aws:iam::123456789012:user/ops/*")}, Escalates,
			"some users"},
		{"keys of users of another account", alice,
			[]string{document(t, []string{"iam:CreateAccessKey"}, "arn:aws:iam::999999999999:user/*")}, Harmless, ""},
		{"the group that holds it", Holder{Account: ownAccount, Groups: []string{"devs"}},
			[]string{document(t, []string{"iam:PutGroupPolicy"}, "arn:aws:iam::123456789012:group/devs")}, Escalates, ""},
		{"the policy itself", Holder{Account: ownAccount, Policies: []string{"arn:aws:iam::123456789012:policy/team/x"}},
			[]string{document(t, []string{"iam:CreatePolicyVersion"}, "arn:aws:iam::123456789012:policy/team/x")}, Escalates,
			"on itself"},
		{"another policy", Holder{Account: ownAccount, Policies: []string{"arn:aws:iam::123456789012:policy/team/x"}},
			[]string{document(t, []string{"iam:CreatePolicyVersion"}, "arn:aws:iam::123456789012:policy/x")}, Harmless, ""},
		{"two documents that need each other", alice, []string{
			document(t, []string{"iam:PassRole"}, "*"), document(t, []string{"lambda:Create*", "lambda:Invoke*"}, "*"),
		}, Escalates, "iam:PassRole on every role with lambda:CreateFunction and lambda:InvokeFunction"},
		{"a role for a service that does not run it", alice, []string{
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":` +
				`{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}},` +
				`{"Effect":"Allow","Action":["lambda:CreateFunction","lambda:InvokeFunction"],"Resource":"*"}]}`,
		}, Harmless, ""},
		{"a role for services of a pattern", alice, []string{
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":` +
				`{"StringLike":{"IAM:PassedToService":"*lambda*"}}},` +
				`{"Effect":"Allow","Action":["lambda:CreateFunction","lambda:InvokeFunction"],"Resource":"*"}]}`,
		}, Escalates, ""},
		{"roles of services", alice, []string{document(t, []string{"iam:PassRole", "ec2:RunInstances"},
			"arn:aws:iam::*:role/aws-service-role/*")}, Harmless, ""},
		{"denied", alice, []string{document(t, []string{"iam:PutUserPolicy"}, "*"),
			`{"Statement":{"Effect":"Deny","Action":"iam:Put*","Resource":"arn:*:iam::123456789012:user/*"}}`}, Harmless, ""},
		{"denied on some", alice, []string{document(t, []string{"iam:PutUserPolicy"}, "*"),
			`{"Statement":{"Effect":"Deny","Action":"iam:Put*","Resource":"arn:aws:iam::*:user/admin*"}}`}, Escalates, ""},
		{"denied on all but some", alice, []string{document(t, []string{"iam:PutUserPolicy"}, "*"),
			`{"Statement":{"Effect":"Deny","Action":"iam:Put*","NotResource":"arn:aws:iam::*:user/a*"}}`}, Escalates, ""},
		{"denied on all but others", alice, []string{document(t, []string{"iam:PutUserPolicy"}, "*"),
			`{"Statement":{"Effect":"Deny","Action":"iam:Put*","NotResource":"arn:aws:iam::*:role/*"}}`}, Harmless, ""},
		{"denied under a condition", alice, []string{document(t, []string{"iam:PutUserPolicy"}, "*"),
			`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:ViaAWSService":"false"}}}}`},
			Escalates, ""},
		{"allowed under a condition", alice,
			[]string{`{"Statement":{"Effect":"Allow","Action":"iam:PutUserPolicy","Resource":"*","Condition":` +
				`{"Bool":{"aws:MultiFactorAuthPresent":true}}}}`}, Escalates, ""},
		{"commands that are harmless", alice, []string{document(t, []string{"ssm:SendCommand"},
			"arn:aws:ssm:*:*:document/AWSEC2-CreateVssSnapshot", "arn:aws:ec2:*:*:instance/*")}, Harmless, ""},
		{"commands of any document of the account's", alice, []string{document(t, []string{"ssm:SendCommand"},
			"arn:aws:ssm:*:*:document/ops-*", "arn:aws:ec2:*:*:instance/*")}, Escalates, ""},
		{"reading", alice, []string{document(t, []string{"iam:Get*", "iam:List*", "s3:*"}, "*")}, Harmless, ""},
		{"everything", alice, []string{document(t, []string{"*"}, "*")}, Administrator,
			"Grants administrator-level access: every action on every resource."},
		{"everything, beside a deny", alice, []string{document(t, []string{"*"}, "*"),
			`{"Statement":{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"arn:aws:s3:::logs"}}`}, Administrator,
			"Grants administrator-level access: nearly every action on nearly every resource."},
		{"several ways of a sort and others", alice, []string{document(t, []string{"iam:Put*Policy", "sts:AssumeRole",
			"iam:PassRole", "ec2:RunInstances", "ssm:StartSession"}, "*")}, Escalates,
			"with ec2:RunInstances; and in 3 other ways."},
		{"a document that cannot be read beside one that can", alice, []string{document(t, []string{"s3:*"}, "*"), `{}`},
			Unreadable, "cannot be read"},
		{"nothing", alice, nil, Harmless, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := Assess(tc.holder, tc.documents...)
			says := v.Describe().String()
			if v.Level != tc.want || (v.Err != nil) != (tc.want == Unreadable) || (says == "") != (tc.want == Harmless) ||
				!strings.Contains(says, tc.says) {
				t.Errorf("%v, %v: %q", v.Level, v.Err, says)
			}
		})
	}
}
