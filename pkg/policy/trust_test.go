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
		{"everyone, under a condition",
			`{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},` +
				`"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-example"}}}}`, Trust{Conditional: true}, false},
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

func FuzzTrusts(f *testing.F) {
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::444455556666:root","*"]}}}`)
	f.Add(`{"Statement":[{"Effect":"Allow","NotPrincipal":"*","Condition":{"a":1}}]}`)
	f.Fuzz(func(t *testing.T, document string) {
		if trust, err := Trusts(document); err != nil && !trust.Everyone {
			t.Error("a document that cannot be read does not trust everyone")
		}
	})
}
