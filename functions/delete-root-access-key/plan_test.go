package deleterootaccesskey

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/rootkey"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func TestNewPlanner_MemberAccountsOnly(t *testing.T) {
	tests := []struct{ name, accounts, want string }{
		{"the account that it runs in", `["444455556666", "111122223333"]`, "111122223333 is the account that this runs in"},
		{"a number that is too short", `["44445555666"]`, `"44445555666" is not the number of an account`},
		{"an ARN", `["arn:aws:iam::444455556666:root"]`, `is not the number of an account`},
		{"a pattern", `["4444*"]`, `"4444*" is not the number of an account`},
		{"two lines", `["444455556666\n"]`, `is not the number of an account`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newPlanner(nil, nil, settings.Function{
				Parameters: []byte(`{"accounts": ` + tt.accounts + `, "delete": true, "graceDays": 7}`),
				Topic:      "arn:aws:sns:us-east-1:111122223333:warder",
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
		})
	}
}

// wire answers requests and remembers them.
type wire struct{ seen []string }

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	scope, _, _ := strings.Cut(strings.SplitAfter(r.Header.Get("Authorization"), "Credential=")[1], "/")
	w.seen = append(
		w.seen,
		strings.Join(
			[]string{
				r.URL.Host, form.Get("Action"), form.Get("TargetPrincipal"), form.Get("TaskPolicyArn.arn"),
				form.Get("DurationSeconds"), form.Get("UserName"), scope,
			},
			" ",
		),
	)
	answer := `<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata/></ListAccessKeysResult>` +
		`</ListAccessKeysResponse>`
	if form.Get("Action") == "AssumeRoot" {
		answer = `<AssumeRootResponse><AssumeRootResult><Credentials>` +
			`<AccessKeyId>ASIAOFTHESESSION0001</AccessKeyId><SecretAccessKey>s</SecretAccessKey>` +
			`<SessionToken>t</SessionToken><Expiration>2026-11-20T03:15:00Z</Expiration>` +
			`</Credentials></AssumeRootResult></AssumeRootResponse>`
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}},
		Body: io.NopCloser(bytes.NewBufferString(answer)),
	}, nil
}

func TestClients_RegionalEndpoint(t *testing.T) {
	for _, region := range []string{"us-east-1", "eu-central-1"} {
		w := &wire{}
		api, sessions := clients(aws.Config{
			Region: region, HTTPClient: w,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "ASIAOFTHEFUNCTION001", SecretAccessKey: "s", SessionToken: "t"}, nil
			}),
		})
		if _, err := rootkey.List(context.Background(), api, sessions, "arn:aws:iam::444455556666:root"); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"sts." + region + ".amazonaws.com AssumeRoot 444455556666 " +
				"arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials 900  ASIAOFTHEFUNCTION001",
			"iam.amazonaws.com ListAccessKeys     ASIAOFTHESESSION0001",
		}
		if diff := cmp.Diff(want, w.seen); diff != "" {
			t.Errorf("calls in %s (-want +got):\n%s", region, diff)
		}
	}
}
