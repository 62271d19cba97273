package readonly

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	tokens "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
)

// recorder answers every request alike, and keeps what it was sent.
type recorder struct {
	mu     sync.Mutex
	status int
	answer string
	sent   []string
}

func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, string(body))
	return &http.Response{
		StatusCode: r.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(r.answer)), Request: request,
	}, nil
}

const listed = `<ListUsersResponse><ListUsersResult><IsTruncated>false</IsTruncated>` +
	`<Users><member><UserName>alice</UserName></member></Users></ListUsersResult></ListUsersResponse>`

func config(r *recorder) aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: r, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}
}

func TestGate_ReadsOnce(t *testing.T) {
	r := &recorder{status: http.StatusOK, answer: listed}
	gate := New(config(r), []string{"iam:ListUsers", "iam:GetUser"})
	client := iam.NewFromConfig(gate.Config(config(r), func(operation string) { t.Errorf("%s is refused", operation) }))
	for range 3 {
		out, err := client.ListUsers(t.Context(), &iam.ListUsersInput{})
		if err != nil || len(out.Users) != 1 || *out.Users[0].UserName != "alice" {
			t.Fatalf("%+v, %v; want alice", out, err)
		}
	}
	if len(r.sent) != 1 || gate.Count() != 1 {
		t.Errorf("sent %d, counted %d, want 1", len(r.sent), gate.Count())
	}
	if _, err := client.ListUsers(t.Context(), &iam.ListUsersInput{Marker: aws.String("more")}); err != nil ||
		len(r.sent) != 2 {
		t.Errorf("another page: %v, sent %d", err, len(r.sent))
	}
	r.status, r.answer = http.StatusForbidden, `<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>`
	for range 2 {
		_, err := client.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("bob")})
		if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("a read that is denied: %v", err)
		}
	}
	if len(r.sent) != 4 {
		t.Errorf("a denial was kept: sent %d", len(r.sent))
	}
}

func TestGate_Refuses(t *testing.T) {
	r := &recorder{status: http.StatusOK, answer: listed}
	reads := []string{"iam:ListUsers", AssumeRoot, "ssm:DescribeSessions", "dynamodb:Scan", "config:DescribeConfigRules"}
	var refused []string
	cfg := New(config(r), reads).Config(config(r), func(operation string) { refused = append(refused, operation) })
	user, policy := aws.String("alice"), aws.String("arn:aws:iam::aws:policy/AdministratorAccess")
	client, ctx := iam.NewFromConfig(cfg), t.Context()
	tries := map[string]func() error{
		"iam:DetachUserPolicy": func() error {
			_, err := client.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: user, PolicyArn: policy})
			return err
		},
		"iam:UpdateAccessKey": func() error {
			_, err := client.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{
				UserName: user, AccessKeyId: aws.String("AKIDEXAMPLE"), Status: "Inactive",
			})
			return err
		},
		"iam:GetRole": func() error { // a read that nobody listed
			_, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: user})
			return err
		},
		"ssm:PutParameter": func() error {
			_, err := ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{Name: user, Value: user})
			return err
		},
		"dynamodb:DeleteItem": func() error {
			_, err := dynamodb.NewFromConfig(cfg).DeleteItem(ctx, &dynamodb.DeleteItemInput{
				TableName: user, Key: map[string]ddbtypes.AttributeValue{},
			})
			return err
		},
		"sns:Publish": func() error {
			_, err := sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{TopicArn: policy, Message: user})
			return err
		},
		"events:PutEvents": func() error {
			_, err := eventbridge.NewFromConfig(cfg).PutEvents(ctx, &eventbridge.PutEventsInput{
				Entries: []eventtypes.PutEventsRequestEntry{},
			})
			return err
		},
		"config:DeleteConfigRule": func() error {
			_, err := configservice.NewFromConfig(cfg).DeleteConfigRule(ctx, &configservice.DeleteConfigRuleInput{
				ConfigRuleName: user,
			})
			return err
		},
		"sts:AssumeRoot": func() error { // a session as root that may delete
			_, err := sts.NewFromConfig(cfg).AssumeRoot(ctx, &sts.AssumeRootInput{
				TargetPrincipal: aws.String("444455556666"),
				TaskPolicyArn: &tokens.PolicyDescriptorType{
					Arn: aws.String("arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials"),
				},
			})
			return err
		},
	}
	for operation, try := range tries {
		refused = nil
		var refusal *RefusedError
		if err := try(); !errors.As(err, &refusal) || refusal.Operation != operation {
			t.Errorf("%s: %v, want a refusal", operation, err)
		}
		if diff := cmp.Diff([]string{operation}, refused); diff != "" {
			t.Errorf("reported (-want +got):\n%s", diff)
		}
	}
	t.Run("a client without the middleware", func(t *testing.T) {
		bare := cfg.Copy()
		bare.APIOptions = nil
		if _, err := iam.NewFromConfig(bare).ListUsers(ctx, &iam.ListUsersInput{}); err == nil {
			t.Error("its request is sent")
		}
	})
	t.Run("a plain request", func(t *testing.T) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://iam.amazonaws.com/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := cfg.HTTPClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
			t.Error("it is sent")
		}
	})
	if len(r.sent) > 0 {
		t.Errorf("sent %q", r.sent)
	}
}

func TestGate_RootSession(t *testing.T) {
	r := &recorder{status: http.StatusOK, answer: `<AssumeRootResponse><AssumeRootResult><Credentials>` +
		`<AccessKeyId>ASIAROOT</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>` +
		`<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRootResult></AssumeRootResponse>`}
	cfg := New(config(r),
		[]string{AssumeRoot}).Config(config(r), func(operation string) { t.Errorf("%s is refused", operation) })
	for range 2 { // a session is never shared
		if _, err := sts.NewFromConfig(cfg).AssumeRoot(t.Context(), &sts.AssumeRootInput{
			TargetPrincipal: aws.String("444455556666"),
			TaskPolicyArn:   &tokens.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws" + auditTask)},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.sent) != 2 {
		t.Errorf("sent %d, want 2", len(r.sent))
	}
}

// The check is the last of its step: what comes after it only writes and sends what has passed.
func TestGate_ChecksLast(t *testing.T) {
	r := &recorder{status: http.StatusOK, answer: listed}
	cfg := New(config(r), []string{"iam:ListUsers"}).Config(config(r), func(string) {})
	var steps []string
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
		steps = stack.Initialize.List()
		return nil
	})
	if _, err := iam.NewFromConfig(cfg).ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Fatal(err)
	}
	if len(steps) == 0 || steps[len(steps)-1] != "OnlyReads" {
		t.Errorf("steps %q, want the check last", steps)
	}
}
