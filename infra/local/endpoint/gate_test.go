package endpoint

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	tokens "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	gateKey      = "ASIAOFTHEFUNCTION0001"
	upstreamKey  = "AKIAOFTHECALLER000001"
	upstreamSaid = "the secret of the caller"
)

// A place records what it was asked, and answers each request alike.
type place struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []*http.Request
	bodies []string
	status int
	answer string
}

func newPlace(t *testing.T, answer string) *place {
	p := &place{status: http.StatusOK, answer: answer}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked, p.bodies = append(p.asked, r), append(p.bodies, string(body))
		w.WriteHeader(p.status)
		_, _ = io.WriteString(w, p.answer)
	}))
	t.Cleanup(p.Close)
	return p
}

// gated is a gate between an account and moto, and the configuration of a function behind it.
type gated struct {
	gate          *Gate
	account, moto *place
	cfg           aws.Config
	url           string
	mu            sync.Mutex
	told          []string
}

func newGated(t *testing.T, answer string) *gated {
	t.Helper()
	controls, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	g := &gated{account: newPlace(t, answer), moto: newPlace(t, "{}")}
	g.gate = NewGate(GateConfig{
		Moto: g.moto.URL, Account: "111122223333", Reads: Reads(controls), Functions: map[string]string{gateKey: "warder-test"},
		Upstream: aws.Config{
			Region: "us-east-1", BaseEndpoint: &g.account.URL,
			Credentials: credentials.NewStaticCredentialsProvider(upstreamKey, upstreamSaid, "the token of the caller"),
		},
		Told: func(function string, notice []byte) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.told = append(g.told, function+" "+string(notice))
		},
	})
	server := httptest.NewServer(g.gate)
	t.Cleanup(server.Close)
	g.url, g.cfg = server.URL, g.as(gateKey, server.URL)
	return g
}

func (*gated) as(key, url string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, "none", "the token of the function"),
	}
}

const users = `<ListUsersResponse><ListUsersResult><IsTruncated>false</IsTruncated><Users><member><UserName>alice</UserName></member></Users></ListUsersResult></ListUsersResponse>`

func TestAGateSignsReadsWithTheCredentialsThatFunctionsDoNotSee(t *testing.T) {
	g := newGated(t, users)
	client := iam.NewFromConfig(g.cfg)
	for range 3 {
		out, err := client.ListUsers(t.Context(), &iam.ListUsersInput{})
		if err != nil || len(out.Users) != 1 || *out.Users[0].UserName != "alice" {
			t.Fatalf("%+v, %v; want alice", out, err)
		}
	}
	if len(g.account.asked) != 1 || g.gate.Count() != 1 {
		t.Fatalf("asked %d times, counted %d; want once", len(g.account.asked), g.gate.Count())
	}
	header := g.account.asked[0].Header
	if scope := header.Get("Authorization"); !strings.Contains(scope, "Credential="+upstreamKey+"/") || !strings.Contains(scope, "/us-east-1/iam/aws4_request") {
		t.Errorf("signed as %q", scope)
	}
	if token := header.Get("X-Amz-Security-Token"); token != "the token of the caller" {
		t.Errorf("with the token %q", token)
	}
	if _, err := client.ListUsers(t.Context(), &iam.ListUsersInput{Marker: aws.String("more")}); err != nil || len(g.account.asked) != 2 {
		t.Errorf("another page: %v, asked %d times in all", err, len(g.account.asked))
	}

	g.account.status, g.account.answer = http.StatusForbidden, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`
	for range 2 {
		if _, err := client.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("bob")}); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("a read that is denied: %v", err)
		}
	}
	if len(g.account.asked) != 4 {
		t.Errorf("a denial was kept: asked %d times in all", len(g.account.asked))
	}
}

func TestAGateRefusesWhatIsNoRead(t *testing.T) {
	g := newGated(t, users)
	user, policy := aws.String("alice"), aws.String("arn:aws:iam::aws:policy/AdministratorAccess")
	client, parameters := iam.NewFromConfig(g.cfg), ssm.NewFromConfig(g.cfg)
	signed := "AWS4-HMAC-SHA256 Credential=" + gateKey + "/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=00"
	raw := func(method, path, service, content, target, body string) error {
		r, err := http.NewRequestWithContext(t.Context(), method, g.url+path, strings.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", strings.Replace(signed, "/iam/", "/"+service+"/", 1))
		r.Header.Set("Content-Type", content)
		if target != "" {
			r.Header.Set("X-Amz-Target", target)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		if response.StatusCode == http.StatusOK {
			return nil
		}
		return &httpError{string(text)}
	}
	const form = "application/x-www-form-urlencoded"
	tries := map[string]error{}
	try := func(name string, err error) { tries[name] = err }
	_, err := client.DetachUserPolicy(t.Context(), &iam.DetachUserPolicyInput{UserName: user, PolicyArn: policy})
	try("a policy is detached", err)
	_, err = client.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: user, AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE"), Status: "Inactive"})
	try("a key is deactivated", err)
	_, err = client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: user})
	try("a read that no control has", err)
	_, err = parameters.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/secret"), WithDecryption: aws.Bool(true)})
	try("a parameter that is not the halt switch", err)
	_, err = parameters.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String(settings.HaltParameter), Value: aws.String("no"), Type: ssmtypes.ParameterTypeString})
	try("the halt switch is set", err)
	_, err = sts.NewFromConfig(g.cfg).AssumeRoot(t.Context(), &sts.AssumeRootInput{
		TargetPrincipal: aws.String("444455556666"), TaskPolicyArn: &tokens.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials")},
	})
	try("a root session that may delete", err)
	try("a call beside a read", raw("POST", "/", "iam", form, "", "Action=ListUsers&Action=DeleteUser&UserName=alice"))
	try("a call in the query of a read", raw("POST", "/?Action=DeleteUser&UserName=alice", "iam", form, "", "Action=ListUsers"))
	try("a call by GET", raw("GET", "/?Action=ListUsers", "iam", form, "", ""))
	try("a call on another path", raw("POST", "/delete", "iam", form, "", "Action=ListUsers"))
	try("a call whose target has two names", raw("POST", "/", "ssm", "application/x-amz-json-1.1", "AmazonSSM.SendCommand.DescribeSessions", "{}"))
	try("a read of a service that is not signed for", raw("POST", "/", "lambda", form, "", "Action=ListUsers"))
	try("a bucket's block is set", raw("PUT", "/bucket?publicAccessBlock", "s3", "application/xml", "", "<x/>"))
	try("a bucket's block is deleted", raw("DELETE", "/bucket?publicAccessBlock", "s3", "", "", ""))
	for name, err := range tries {
		if err == nil || !strings.Contains(err.Error(), "a preview only reads") {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	stranger := iam.NewFromConfig(g.as("AKIASTRANGER00000001", g.url))
	if _, err := stranger.ListUsers(t.Context(), &iam.ListUsersInput{}); err == nil || !strings.Contains(err.Error(), "InvalidClientTokenId") {
		t.Errorf("a stranger: %v", err)
	}
	if len(g.account.asked)+len(g.moto.asked) != 0 {
		t.Errorf("%d calls went to the account, %d to moto; want none", len(g.account.asked), len(g.moto.asked))
	}
	if refused := g.gate.Refused(); len(refused) != len(tries) || !slices.Contains(refused, "warder-test iam:DetachUserPolicy") {
		t.Errorf("refused %q, want %d with the detachment", refused, len(tries))
	}
}

type httpError struct{ text string }

func (e *httpError) Error() string { return e.text }

func TestAGateKeepsWarderOwnThingsAndNoticesToItself(t *testing.T) {
	g := newGated(t, users)
	if _, err := dynamodb.NewFromConfig(g.cfg).PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String("warder"), Item: map[string]ddbtypes.AttributeValue{"pk": &ddbtypes.AttributeValueMemberS{Value: "x"}},
	}); err != nil {
		t.Error(err)
	}
	if _, err := ssm.NewFromConfig(g.cfg).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String(settings.HaltParameter)}); err != nil {
		t.Error(err)
	}
	bodies, err := json.Marshal(map[string]string{"default": "text", "sqs": `{"title":"t"}`})
	if err != nil {
		t.Fatal(err)
	}
	out, err := sns.NewFromConfig(g.cfg).Publish(t.Context(), &sns.PublishInput{
		TopicArn: aws.String("arn:aws:sns:us-east-1:999988887777:elsewhere"), Message: aws.String(string(bodies)), MessageStructure: aws.String("json"),
	})
	if err != nil || aws.ToString(out.MessageId) == "" {
		t.Errorf("publish: %+v, %v", out, err)
	}
	if diff := cmp.Diff([]string{`warder-test {"title":"t"}`}, g.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if len(g.account.asked) != 0 || len(g.moto.asked) != 2 {
		t.Fatalf("%d calls went to the account, %d to moto; want 0 and 2", len(g.account.asked), len(g.moto.asked))
	}
	for _, r := range g.moto.asked {
		if account := r.Header.Get("X-Moto-Account-Id"); account != "111122223333" || strings.Contains(r.Header.Get("Authorization"), upstreamKey) {
			t.Errorf("%s: in account %q, signed %q", r.Header.Get("X-Amz-Target"), account, r.Header.Get("Authorization"))
		}
	}
}

func TestAGateLendsARootSessionThatOnlyLooks(t *testing.T) {
	const session = "ASIATHEREALSESSION01"
	g := newGated(t, `<AssumeRootResponse><AssumeRootResult><Credentials><AccessKeyId>`+session+`</AccessKeyId><SecretAccessKey>the real secret</SecretAccessKey>`+
		`<SessionToken>the real token</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRootResult></AssumeRootResponse>`)
	out, err := sts.NewFromConfig(g.cfg).AssumeRoot(t.Context(), &sts.AssumeRootInput{
		TargetPrincipal: aws.String("444455556666"), TaskPolicyArn: &tokens.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials")},
	})
	if err != nil {
		t.Fatal(err)
	}
	lent := out.Credentials
	for _, value := range []string{*lent.AccessKeyId, *lent.SecretAccessKey, *lent.SessionToken} {
		if value == session || strings.Contains(value, "real") {
			t.Errorf("the function was given %q", value)
		}
	}
	g.account.answer = `<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata/></ListAccessKeysResult></ListAccessKeysResponse>`
	root := iam.NewFromConfig(g.as(*lent.AccessKeyId, g.url))
	if _, err := root.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{}); err != nil {
		t.Fatal(err)
	}
	asked := g.account.asked[len(g.account.asked)-1].Header
	if !strings.Contains(asked.Get("Authorization"), "Credential="+session+"/") || asked.Get("X-Amz-Security-Token") != "the real token" {
		t.Errorf("signed as %q with %q", asked.Get("Authorization"), asked.Get("X-Amz-Security-Token"))
	}
	before := len(g.account.asked)
	if _, err := root.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE")}); err == nil {
		t.Error("the session deletes")
	}
	if _, err := sns.NewFromConfig(g.as(*lent.AccessKeyId, g.url)).Publish(t.Context(), &sns.PublishInput{TopicArn: aws.String("t"), Message: aws.String("m")}); err == nil {
		t.Error("the session publishes")
	}
	if len(g.account.asked) != before {
		t.Error("a call of the session that is no read went to the account")
	}
}

// What passes is listed here in full: whoever adds a read to a control sees it pass in a preview.
func TestTheReadsThatPass(t *testing.T) {
	controls, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"iam:GenerateCredentialReport", "iam:GetAccessKeyLastUsed", "iam:GetAccountAuthorizationDetails", "iam:GetAccountSummary",
		"iam:GetCredentialReport", "iam:GetGroupPolicy", "iam:GetLoginProfile", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetUser", "iam:GetUserPolicy",
		"iam:ListAccessKeys", "iam:ListAttachedGroupPolicies", "iam:ListAttachedUserPolicies", "iam:ListGroupPolicies", "iam:ListGroupsForUser",
		"iam:ListUserPolicies", "iam:ListUsers", "s3:GetBucketPublicAccessBlock", "s3:GetBucketTagging", "secretsmanager:DescribeSecret",
		"ssm:DescribeInstanceInformation", "ssm:DescribeSessions", "sts:AssumeRoot",
	}
	if diff := cmp.Diff(want, Reads(controls)); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
}

func TestAGateFindsServicesWhereTheSDKDoes(t *testing.T) {
	g := NewGate(GateConfig{Upstream: aws.Config{Region: "us-east-1"}})
	for _, tt := range []struct{ service, region, want string }{
		{"iam", "us-east-1", "https://iam.amazonaws.com"},
		{"iam", "cn-north-1", "https://iam.cn-north-1.amazonaws.com.cn"},
		{"iam", "us-gov-west-1", "https://iam.us-gov.amazonaws.com"},
		{"sts", "us-east-1", "https://sts.us-east-1.amazonaws.com"},
		{"ssm", "eu-west-1", "https://ssm.eu-west-1.amazonaws.com"},
		{"secretsmanager", "us-east-1", "https://secretsmanager.us-east-1.amazonaws.com"},
		{"s3", "eu-west-1", "https://s3.eu-west-1.amazonaws.com"},
		{"s3", "cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn"},
	} {
		got, err := g.endpoint(context.Background(), tt.service, tt.region)
		if err != nil || got != tt.want {
			t.Errorf("%s in %s: %q, %v; want %q", tt.service, tt.region, got, err, tt.want)
		}
	}
	if _, err := g.endpoint(context.Background(), "ec2", "us-east-1"); err == nil {
		t.Error("a service that no control reads has an endpoint")
	}
}
