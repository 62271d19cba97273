package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTrusts(t *testing.T) {
	for _, tc := range []struct {
		name, document string
		want           Trust
		fails          bool
	}{
		{"a service", `{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},` +
			`"Action":"sts:AssumeRole"}]}`, Trust{}, false},
		{"an account, by its root and by its number",
			`{"Statement":{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::444455556666:root","444455556666"]}}}`,
			Trust{Accounts: []string{"444455556666"}}, false},
		{"users and roles of several accounts",
			`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::777788889999:role/team/x"}},{"Effect":"Allow",` +
				`"Principal":{"AWS":"arn:aws-cn:iam::444455556666:user/bob"}}]}`,
			Trust{Accounts: []string{"444455556666", "777788889999"}}, false},
		{"a principal that is gone", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"AROAEXAMPLEGONE000001"}}}`,
			Trust{Accounts: []string{"AROAEXAMPLEGONE000001"}}, false},
		{"everyone, as a word", `{"Statement":{"Effect":"Allow","Principal":"*"}}`, Trust{Everyone: true}, false},
		{"everyone, as an AWS principal among others",
			`{"Statement":{"Effect":"Allow","Principal":{"aws":["444455556666","*"]}}}`,
			Trust{Everyone: true, Accounts: []string{"444455556666"}}, false},
		{"everyone, as the account of an ARN", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::*:root"}}}`,
			Trust{Everyone: true}, false},
		{"everyone, with an empty condition", `{"Statement":{"Effect":"Allow","Principal":"*","Condition":{}}}`,
			Trust{Everyone: true}, false},
		{"everyone, of an organization",
			`{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},` +
				`"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-example"}}}}`, Trust{Accounts: []string{"o-example"}}, false},
		{"everyone but one", `{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"444455556666"}}}`, Trust{Everyone: true},
			false},
		{"a star within a role's name",
			`{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:role/a*"}}}`,
			Trust{Accounts: []string{"444455556666"}}, false},
		{"an identity provider",
			`{"Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::444455556666:saml-provider/corp"}}}`, Trust{},
			false},
		{"a deny of everyone", `{"Statement":[{"Effect":"Deny","Principal":"*"}]}`, Trust{}, false},
		{"no statement", `{"Statement":[]}`, Trust{}, false},
		{"a principal that is a word", `{"Statement":{"Effect":"Allow","Principal":"444455556666"}}`, Trust{Everyone: true},
			true},
		{"a principal that is a number", `{"Statement":{"Effect":"Allow","Principal":7}}`, Trust{Everyone: true}, true},
		{"nothing where the statements are", `{}`, Trust{Everyone: true}, true},
		{"text that is no document", `nope`, Trust{Everyone: true}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Trusts(tc.document)
			if diff := cmp.Diff(tc.want, got); diff != "" || (err != nil) != tc.fails {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// A condition on everyone says who is left, leaves somebody it does not name, or can be met by anybody.
func TestTrusts_Conditions(t *testing.T) {
	open, narrow := Trust{Everyone: true}, Trust{Conditional: true}
	named := func(names ...string) Trust { return Trust{Accounts: names} }
	for condition, want := range map[string]Trust{
		`{"StringEquals":{"aws:PrincipalAccount":"444455556666"}}`:                      named("444455556666"),
		`{"stringequals":{"AWS:SOURCEOWNER":["444455556666","777788889999"]}}`:          named("444455556666", "777788889999"),
		`{"StringEquals":{"kms:CallerAccount":"444455556666","kms:ViaService":"s3.x"}}`: named("444455556666"),
		`{"ArnLike":{"aws:SourceArn":"arn:aws:sns:us-east-1:444455556666:x*"}}`:         named("444455556666"),
		`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"}}`:                      open,
		`{"ArnLike":{"aws:PrincipalArn":"*"}}`:                                          open,
		`{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::photos"}}`:                           narrow,
		`{"StringLike":{"aws:PrincipalOrgID":"o-*"}}`:                                   open,
		`{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-example/r-a/*"}}`:        named("o-example"),
		`{"ForAllValues:StringLike":{"aws:PrincipalOrgPaths":"o-example/r-a/*"}}`:       open,
		`{"StringEqualsIfExists":{"aws:PrincipalAccount":"444455556666"}}`:              open,
		`{"StringNotEquals":{"aws:PrincipalAccount":"444455556666"}}`:                   open,
		`{"StringEquals":{"aws:PrincipalAccount":[]}}`:                                  open,
		`{"StringEquals":{"aws:PrincipalAccount":["444455556666","*"]}}`:                open,
		`{"StringEquals":{"aws:PrincipalAccount":"${aws:PrincipalAccount}"}}`:           open,
		`{"Bool":{"aws:SecureTransport":"true"}}`:                                       open,
		`{"Null":{"aws:PrincipalAccount":"false"}}`:                                     open,
		`{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}`:                open,
		`{"StringEquals":{"aws:PrincipalType":"User"}}`:                                 open,
		`{"StringLike":{"aws:userid":"*"}}`:                                             open,
		`{"StringLike":{"aws:userid":"AROAEXAMPLEROLE000001:*"}}`:                       narrow,
		`{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`:                               narrow,
		`{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","0.0.0.0/0"]}}`:                 open,
		`{"IpAddress":{"aws:SourceIp":["0.0.0.0/1","128.0.0.0/1"]}}`:                    open,
		`{"IpAddress":{"aws:SourceIp":"::/0"}}`:                                         open,
		`{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`:                            open,
		`{"StringEquals":{"aws:SourceVpce":"vpce-1"}}`:                                  narrow,
		`{"StringEquals":{"sts:ExternalId":"x"}}`:                                       narrow,
	} {
		document := `{"Statement":{"Effect":"Allow","Principal":"*","Condition":` + condition + `}}`
		got, err := Trusts(document)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", condition, err, diff)
		}
	}
	got, _ := Trusts(`{"Statement":{"Effect":"Allow","Principal":{"CanonicalUser":"79a59df900b949e5"}}}`)
	if diff := cmp.Diff(named("79a59df900b949e5"), got); diff != "" {
		t.Errorf("a canonical user (-want +got):\n%s", diff)
	}
}

func FuzzTrusts(f *testing.F) {
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::444455556666:root","*"]}}}`)
	f.Add(`{"Statement":[{"Effect":"Allow","NotPrincipal":"*","Condition":{"a":1}}]}`)
	f.Fuzz(func(t *testing.T, document string) {
		if trust, err := Trusts(document); err != nil && !trust.Everyone {
			t.Error("a document that cannot be read does not trust everyone")
		}
	})
}
