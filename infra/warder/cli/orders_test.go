package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/parameter"
)

const ordersARN = "arn:aws:ssm:us-east-1:444455556666:parameter/warder/orders"

// securityAccount has the orders.
type securityAccount struct{ text string }

func (a *securityAccount) GetParameter(
	_ context.Context, in *parameter.GetParameterInput,
) (*parameter.GetParameterOutput, error) {
	if a.text == "" || in.Name != ordersARN {
		return nil, &smithy.GenericAPIError{Code: "ParameterNotFound"}
	}
	out := &parameter.GetParameterOutput{}
	out.Parameter.Value = a.text
	return out, nil
}

func (a *securityAccount) PutParameter(_ context.Context, in *parameter.PutParameterInput) (*struct{}, error) {
	if in.Name != "/warder/orders" || in.Type != "String" || !in.Overwrite {
		return nil, &smithy.GenericAPIError{Code: "ValidationException"}
	}
	a.text = in.Value
	return &struct{}{}, nil
}

func (a *securityAccount) GetCallerIdentity(
	context.Context, *sts.GetCallerIdentityInput,
) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Arn: aws.String("arn:aws:iam::444455556666:user/kim")}, nil
}

func TestOrganization_Orders(t *testing.T) {
	const by = `"by":"arn:aws:iam::444455556666:user/kim"`
	var a securityAccount
	for _, tt := range []struct {
		args   []string
		status int
		text   string // what is ordered then
		says   string
	}{
		{[]string{"limit", "--control=detach-direct-policy", "--mode=observe", "--reason=a bug"}, 0,
			`{"modes":{"detach-direct-policy":"observe"},"reason":"a bug",` + by + `}`, "before its next change"},
		{[]string{"halt", "--reason=incident 42", "--until=2026-12-01"}, 0,
			`{"halt":true,"modes":{"detach-direct-policy":"observe"},"reason":"incident 42",` + by +
				`,"until":"2026-12-01T00:00:00Z"}`, ""},
		{[]string{"limit", "--control=all", "--mode=off", "--reason=all"}, 0,
			`{"halt":true,"modes":{"all":"off","detach-direct-policy":"observe"},"reason":"all",` + by + `}`, ""},
		{[]string{"limit", "--control=all", "--mode=enforce", "--reason=x"}, 2, "", "orders can only tighten"},
		{[]string{"limit", "--control=detach", "--mode=off", "--reason=x"}, 2, "", `there is no control "detach"`},
		{[]string{"halt", "--reason=x", "--until=2026-11-21"}, 2, "", "is no day to come"},
		{[]string{"halt"}, 2, "", "REASON is required"},
		{[]string{"limit", "--mode=off", "--reason=x"}, 2, "", "CONTROL is required"},
		{[]string{"resume", "--reason=over"}, 0, `{"reason":"over",` + by + `}`, ""},
	} {
		before := a.text
		args := append([]string{"org"}, tt.args...)
		status, stdout, stderr := run(t, &a, append(args, "--orders="+ordersARN)...)
		want := tt.text
		if want == "" {
			want = before
		}
		if status != tt.status || a.text != want || !strings.Contains(stdout+stderr, tt.says) {
			t.Errorf("%v: status %d, ordered %s, want %s; %s%s", tt.args, status, a.text, want, stdout, stderr)
		}
	}
	a.text = `{"new":1}` // written by a later version, say
	if status, _, stderr := run(t, &a, "org", "halt", "--orders="+ordersARN, "--reason=x"); status != 0 ||
		a.text != `{"halt":true,"reason":"x",`+by+`}` {
		t.Errorf("status %d, %s: %s", status, a.text, stderr)
	}
	if status, _, stderr := run(t, &a, "org", "halt", "--orders=warder", "--reason=x"); status != 2 ||
		!strings.Contains(stderr, "no ARN of a parameter") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
