package iamsim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const twoStatements = `{"Version":"2012-10-17","Statement":[
	{"Sid":"Read","Effect":"Allow","Action":["iam:GetUser","iam:GetRole"],"Resource":["arn:a","arn:b"],
		"Condition":{"StringEquals":{"k":["v","w"],"l":"x"},"Null":{"k":"false"}}},
	{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}]}`

func parsed(t *testing.T, document string) Policy {
	t.Helper()
	p, err := ParsePolicy([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func text(t *testing.T, p Policy) string {
	t.Helper()
	document, err := p.Document()
	if err != nil {
		t.Fatal(err)
	}
	return string(document)
}

func TestGrants_All(t *testing.T) {
	want := []Grant{
		{0, "iam:GetUser", "arn:a"}, {0, "iam:GetUser", "arn:b"}, {0, "iam:GetRole", "arn:a"}, {0, "iam:GetRole", "arn:b"},
		{1, "iam:ListUsers", "*"},
	}
	if diff := cmp.Diff(want, parsed(t, twoStatements).Grants()); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
}

func TestGrants_OneChange(t *testing.T) {
	p := parsed(t, twoStatements)
	const (
		condition = `,"Condition":{"Null":{"k":["false"]},"StringEquals":{"k":["v","w"],"l":["x"]}}}`
		list      = `{"Effect":"Allow","Action":["iam:ListUsers"],"Resource":["*"]}`
		begin     = `{"Statement":[{"Sid":"Read","Effect":"Allow","Action":["iam:GetUser","iam:GetRole"],` +
			`"Resource":["arn:a","arn:b"]`
		end = `],"Version":"2012-10-17"}`
	)
	for _, tc := range []struct {
		name string
		got  Policy
		want string
	}{
		{"as it is", p, begin + condition + `,` + list + end},
		{"without a grant", p.Without(
			Grant{0, "iam:GetUser", "arn:b"},
		), `{"Statement":[{"Sid":"Read","Effect":"Allow","Action":["iam:GetRole"],"Resource":["arn:a","arn:b"]` + condition +
			`,{"Sid":"Read","Effect":"Allow","Action":["iam:GetUser"],"Resource":["arn:a"]` + condition + `,` + list + end},
		{"without the only grant of a statement", p.Without(Grant{1, "iam:ListUsers", "*"}), begin + condition + end},
		{"without anything", p[1:].Without(Grant{0, "iam:ListUsers", "*"}), `{"Statement":[` + end},
		{"with a statement", p[1:].With(Statement{Effect: "Allow", Action: []string{"a:B"}, Resource: []string{"arn:c"}}),
			`{"Statement":[` + list + `,{"Effect":"Allow","Action":["a:B"],"Resource":["arn:c"]}` + end},
		{"with a grant for everything", p[:1].Wider(
			Grant{0, "iam:GetRole", "arn:a"},
		), `{"Statement":[{"Sid":"Read","Effect":"Allow","Action":["iam:GetUser"],"Resource":["arn:a","arn:b"]` + condition +
			`,{"Sid":"Read","Effect":"Allow","Action":["iam:GetRole"],"Resource":["arn:b"]` + condition +
			`,{"Sid":"Read","Effect":"Allow","Action":["iam:GetRole"],"Resource":["*"]` + condition + end},
		{
			"without a condition", p.Unlimited(Limit{0, "StringEquals", "k"}),
			begin + `,"Condition":{"Null":{"k":["false"]},"StringEquals":{"l":["x"]}}},` + list + end,
		},
		{
			"without the last condition of an operator", p.Unlimited(Limit{0, "Null", "k"}),
			begin + `,"Condition":{"StringEquals":{"k":["v","w"],"l":["x"]}}},` + list + end,
		},
		{
			"without a value", p.WithoutValue(Limit{0, "StringEquals", "k"}, "v"),
			begin + `,"Condition":{"Null":{"k":["false"]},"StringEquals":{"k":["w"],"l":["x"]}}},` + list + end,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, text(t, tc.got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff(begin+condition+`,`+list+end, text(t, p)); diff != "" {
		t.Errorf("the policy itself was changed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(
		[]Limit{{0, "Null", "k"}, {0, "StringEquals", "k"}, {0, "StringEquals", "l"}}, p.Limits(),
	); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}

func TestGrants_BadPolicy(t *testing.T) {
	for name, document := range map[string]string{
		"one that denies under a condition": `{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*",` +
			`"Condition":{"Bool":{"k":"true"}}}]}`,
		"one that allows all but something": `{"Statement":[{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}]}`,
		"one on all but something": `{"Statement":[{"Effect":"Allow","Action":"iam:GetUser",` +
			`"NotResource":"arn:a"}]}`,
		"one that says who": `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"iam:GetUser",` +
			`"Resource":"*"}]}`,
		"one without a resource":            `{"Statement":[{"Effect":"Allow","Action":"iam:GetUser"}]}`,
		"one whose statement is not a list": `{"Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}}`,
		"one whose action is not a text":    `{"Statement":[{"Effect":"Allow","Action":1,"Resource":"*"}]}`,
		"one that is none":                  `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParsePolicy([]byte(document)); err == nil || !strings.Contains(err.Error(), "decode policy") {
				t.Errorf("error %v, want one", err)
			}
		})
	}
}
