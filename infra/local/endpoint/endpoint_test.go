package endpoint_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	ebsdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/moto/mototest"
)

// functionKey is the access key of the function warder-test.
const functionKey = "ASIATHEFUNCTION"

// An account is a handler with one function, which every event from aws.iam and mine starts. The
// function cannot run: what it would have been given is what the tests look at.
type account struct {
	url     string
	host    *lambdahost.Host
	handler *endpoint.Handler

	mu     sync.Mutex
	events [][]byte
}

func newAccount(t *testing.T) *account {
	t.Helper()
	server := mototest.Start(t)
	cfg := mototest.Config(server.URL, "any", "any")
	rules, err := eventbridge.New(t.Context(), ebsdk.NewFromConfig(cfg), sqs.NewFromConfig(cfg), moto.AccountID,
		mototest.Region, []string{"warder"},
		[]eventbridge.Rule{
			{Name: "all", Function: "warder-test", Pattern: `{"source":["aws.iam","mine"]}`},
			{Name: "kept", Queue: "arn:aws:sqs:us-east-1:123456789012:kept", Pattern: `{"source":["kept"]}`},
			{
				Name: "eu", Region: "eu-west-1", Forward: "arn:aws:events:us-east-1:123456789012:event-bus/warder",
				Role: "arn:aws:iam::123456789012:role/eu", Pattern: `{"source":["mine"]}`,
			},
			{Name: "arrived", Bus: "warder", Function: "warder-test", Pattern: `{"region":["us-east-1"],"source":["mine"]}`},
		})
	if err != nil {
		t.Fatal(err)
	}
	a := &account{}
	a.host = lambdahost.New([]lambdahost.Function{
		{Name: "warder-test", Binary: "/nonexistent/bootstrap", Timeout: time.Second},
	}, lambdahost.Options{
		Done: func(result lambdahost.Result) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.events = append(a.events, result.Event)
		},
	})
	t.Cleanup(a.host.Close)
	a.handler = endpoint.New(endpoint.Config{
		Moto: server, EventBridge: rules, Lambda: a.host, Account: moto.AccountID, Region: mototest.Region,
		Functions: map[string]string{functionKey: "warder-test"}, Keys: map[string]string{
			"arn:aws:sns:us-east-1:123456789012:heard": "arn:the:key",
		},
		Listeners: []endpoint.Listener{
			{Subscription: "arn:the:subscription", Topic: "arn:aws:sns:us-east-1:123456789012:heard", Function: "warder-test"},
		},
	})
	front := httptest.NewServer(a.handler)
	t.Cleanup(front.Close)
	a.url = front.URL
	return a
}

// record is the CloudTrail record of the newest event.
func (a *account) record(t *testing.T) map[string]any {
	t.Helper()
	if err := a.host.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.events) == 0 {
		t.Fatal("no event reached the function")
	}
	var event struct{ Detail map[string]any }
	if err := json.Unmarshal(a.events[len(a.events)-1], &event); err != nil {
		t.Fatal(err)
	}
	return event.Detail
}

func (a *account) count(t *testing.T) int {
	t.Helper()
	if err := a.host.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.events)
}

// iam is a client of root or of the user who has the key.
func (a *account) iam(key *iamtypes.AccessKey) *iam.Client {
	if key == nil {
		return iam.NewFromConfig(mototest.Config(a.url, endpoint.RootAccessKey, "any"))
	}
	return iam.NewFromConfig(mototest.Config(a.url, *key.AccessKeyId, *key.SecretAccessKey))
}

// addUser adds a user with a key and, unless it is empty, an inline policy that allows the action.
func (a *account) addUser(t *testing.T, name, path, action string) *iamtypes.AccessKey {
	t.Helper()
	root := a.iam(nil)
	if _, err := root.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name, Path: &path}); err != nil {
		t.Fatal(err)
	}
	if action != "" {
		if _, err := root.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
			UserName: &name, PolicyName: aws.String("own"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action +
				`","Resource":"*"}]}`),
		}); err != nil {
			t.Fatal(err)
		}
	}
	key, err := root.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return key.AccessKey
}

// post calls one of the account's own routes.
func (a *account) post(t *testing.T, method, route, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, a.url+route, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// part is the named fields of a record.
func part(record map[string]any, names ...string) map[string]any {
	fields := map[string]any{}
	for _, name := range names {
		if value, ok := record[name]; ok {
			fields[name] = value
		}
	}
	return fields
}

func TestHandler_ChangeBecomesEvent(t *testing.T) {
	a := newAccount(t)
	alice := a.addUser(t, "alice", "/team/", "iam:*")
	if _, err := a.iam(alice).AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{
		UserName: aws.String("alice"), PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess"),
	}); err != nil {
		t.Fatal(err)
	}
	got := a.record(t)
	identity := got["userIdentity"].(map[string]any)
	if id := identity["principalId"].(string); !strings.HasPrefix(id, "AIDA") {
		t.Errorf("principalId = %q", id)
	}
	delete(identity, "principalId")
	want := map[string]any{
		"eventName":         "AttachUserPolicy",
		"requestParameters": map[string]any{"userName": "alice", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
		"userIdentity": map[string]any{
			"type": "IAMUser", "userName": "alice", "arn": "arn:aws:iam::123456789012:user/team/alice",
			"accountId": "123456789012", "accessKeyId": *alice.AccessKeyId,
		},
	}
	if diff := cmp.Diff(want, part(got, "eventName", "requestParameters", "userIdentity", "errorCode")); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestHandler_ReadsCauseNoEvent(t *testing.T) {
	a := newAccount(t)
	if _, err := a.iam(nil).ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Fatal(err)
	}
	if n := a.count(t); n != 0 {
		t.Errorf("%d events", n)
	}
}

func TestHandler_OwnKey(t *testing.T) {
	a := newAccount(t)
	alice := a.addUser(t, "alice", "/", "iam:*")
	key, err := a.iam(alice).CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	got := a.record(t)
	if got["requestParameters"] != nil {
		t.Errorf("requestParameters = %v, want null", got["requestParameters"])
	}
	made := got["responseElements"].(map[string]any)["accessKey"].(map[string]any)
	if made["userName"] != "alice" || made["accessKeyId"] != *key.AccessKey.AccessKeyId {
		t.Errorf("responseElements %v", made)
	}
	for _, event := range a.events {
		if bytes.Contains(event, []byte(*key.AccessKey.SecretAccessKey)) {
			t.Error("the event has the secret")
		}
	}
}

func TestHandler_AssumedRole(t *testing.T) {
	a := newAccount(t)
	role, err := a.iam(nil).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("Deploy"), Path: aws.String("/ci/"), AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[]}`,
		),
	})
	if err != nil {
		t.Fatal(err)
	}
	session, err := sts.NewFromConfig(mototest.Config(a.url, endpoint.RootAccessKey, "any")).AssumeRole(t.Context(),
		&sts.AssumeRoleInput{
			RoleArn: role.Role.Arn, RoleSessionName: aws.String("build-7"),
		})
	if err != nil {
		t.Fatal(err)
	}
	key := &iamtypes.AccessKey{
		AccessKeyId: session.Credentials.AccessKeyId, SecretAccessKey: session.Credentials.SecretAccessKey,
	}
	if _, err := a.iam(key).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}); err != nil {
		t.Fatal(err)
	}
	identity := a.record(t)["userIdentity"].(map[string]any)
	issuer := identity["sessionContext"].(map[string]any)["sessionIssuer"].(map[string]any)
	if identity["type"] != "AssumedRole" || identity["arn"] != "arn:aws:sts::123456789012:assumed-role/Deploy/build-7" ||
		issuer["arn"] != "arn:aws:iam::123456789012:role/ci/Deploy" ||
		identity["principalId"] != issuer["principalId"].(string)+":build-7" {
		t.Errorf("userIdentity %v", identity)
	}
}

func TestHandler_SessionOfUser(t *testing.T) {
	a := newAccount(t)
	alice := a.addUser(t, "alice", "/", "iam:*")
	session, err := sts.NewFromConfig(mototest.Config(a.url, *alice.AccessKeyId, "any")).GetSessionToken(t.Context(),
		&sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	key := &iamtypes.AccessKey{
		AccessKeyId: session.Credentials.AccessKeyId, SecretAccessKey: session.Credentials.SecretAccessKey,
	}
	if _, err := a.iam(key).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}); err != nil {
		t.Fatal(err)
	}
	identity := a.record(t)["userIdentity"].(map[string]any)
	if identity["userName"] != "alice" || identity["accessKeyId"] != *session.Credentials.AccessKeyId {
		t.Errorf("userIdentity %v", identity)
	}
}

// code is the code of an AWS error.
func code(t *testing.T, err error) string {
	t.Helper()
	var failure smithy.APIError
	if !errors.As(err, &failure) {
		t.Fatalf("error %v is no API error", err)
	}
	return failure.ErrorCode()
}

func TestHandler_FailedCalls(t *testing.T) {
	a := newAccount(t)
	mallory := a.addUser(t, "mallory", "/", "")

	_, err := a.iam(mallory).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")})
	if got := code(t, err); got != "AccessDenied" {
		t.Errorf("code %q, want AccessDenied", got)
	}
	want := map[string]any{"eventName": "CreateUser", "errorCode": "AccessDenied", "requestParameters": nil}
	if diff := cmp.Diff(want, part(a.record(t), "eventName", "errorCode", "requestParameters")); diff != "" {
		t.Errorf("record of a denied call (-want +got):\n%s", diff)
	}

	_, err = a.iam(nil).DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("nobody")})
	if got := code(t, err); got != "NoSuchEntity" {
		t.Errorf("code %q, want NoSuchEntity", got)
	}
	want = map[string]any{
		"eventName": "DeleteUser", "errorCode": "NoSuchEntityException",
		"requestParameters": map[string]any{"userName": "nobody"},
	}
	if diff := cmp.Diff(want, part(a.record(t), "eventName", "errorCode", "requestParameters")); diff != "" {
		t.Errorf("record of a failed call (-want +got):\n%s", diff)
	}
}

func TestHandler_DeactivatedKey(t *testing.T) {
	a := newAccount(t)
	alice := a.addUser(t, "alice", "/", "iam:*")
	who := sts.NewFromConfig(mototest.Config(a.url, *alice.AccessKeyId, "any"))
	if _, err := who.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.iam(nil).UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{
		UserName: aws.String("alice"), AccessKeyId: alice.AccessKeyId, Status: iamtypes.StatusTypeInactive,
	}); err != nil {
		t.Fatal(err)
	}
	_, err := who.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if got := code(t, err); got != "InvalidClientTokenId" {
		t.Errorf("code %q, want InvalidClientTokenId", got)
	}
}

func TestHandler_RootKey(t *testing.T) {
	a := newAccount(t)
	who, err := sts.NewFromConfig(mototest.Config(a.url, endpoint.RootAccessKey, "any")).GetCallerIdentity(t.Context(),
		&sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(who.Arn); got != "arn:aws:iam::123456789012:root" {
		t.Errorf("Arn = %q", got)
	}
	a.addUser(t, "bob", "/", "")
	if identity := a.record(t)["userIdentity"].(map[string]any); identity["type"] != "Root" ||
		identity["accessKeyId"] != endpoint.RootAccessKey {
		t.Errorf("userIdentity %v", identity)
	}
}

func TestHandler_UnknownKey(t *testing.T) {
	a := newAccount(t)
	_, err := ebsdk.NewFromConfig(mototest.Config(a.url, "AKIANOBODY", "any")).ListRules(t.Context(),
		&ebsdk.ListRulesInput{})
	if got := code(t, err); got != "UnrecognizedClientException" {
		t.Errorf("code %q, want UnrecognizedClientException", got)
	}
}

func TestHandler_CallThatMotoDoesNotHave(t *testing.T) {
	a := newAccount(t)
	attempts := 0
	_, err := a.iam(nil).SetSecurityTokenServicePreferences(t.Context(), &iam.SetSecurityTokenServicePreferencesInput{
		GlobalEndpointTokenVersion: iamtypes.GlobalEndpointTokenVersionV2Token,
	}, func(o *iam.Options) {
		client := o.HTTPClient
		o.HTTPClient = smithyhttp.ClientDoFunc(func(r *http.Request) (*http.Response, error) {
			attempts++
			return client.Do(r)
		})
	})
	if got := code(t, err); got != "NotImplemented" {
		t.Errorf("code %q, want NotImplemented", got)
	}
	if attempts != 1 {
		t.Errorf("the SDK tried %d times, want 1", attempts)
	}
	if n := a.count(t); n != 0 {
		t.Errorf("%d events of a call that changed nothing", n)
	}
}

func TestHandler_PutEvents(t *testing.T) {
	a := newAccount(t)
	client := ebsdk.NewFromConfig(mototest.Config(a.url, endpoint.RootAccessKey, "any"))
	answer, err := client.PutEvents(t.Context(), &ebsdk.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{
		{
			Source: aws.String("mine"), DetailType: aws.String("t"), Detail: aws.String(`{"n":1}`),
			Time: aws.Time(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		},
		{Source: aws.String("other"), DetailType: aws.String("t"), Detail: aws.String(`{"n":2}`)},
		{Source: aws.String("mine"), DetailType: aws.String("t"), Detail: aws.String(`{`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if answer.FailedEntryCount != 1 || aws.ToString(answer.Entries[2].ErrorCode) != "MalformedDetail" {
		t.Errorf("answer %+v, want the third entry malformed", answer)
	}
	if n := a.count(t); n != 1 {
		t.Fatalf("%d events, want 1", n)
	}
	var event map[string]any
	if err := json.Unmarshal(a.events[0], &event); err != nil {
		t.Fatal(err)
	}
	if event["id"] != aws.ToString(answer.Entries[0].EventId) || event["time"] != "2026-01-02T03:04:05Z" {
		t.Errorf("event %s", a.events[0])
	}
}

func TestInvoke(t *testing.T) {
	a := newAccount(t)
	client := lambda.NewFromConfig(mototest.Config(a.url, endpoint.RootAccessKey, "any"))
	for _, name := range []string{
		"warder-test", "arn:aws:lambda:us-east-1:123456789012:function:warder-test",
		"123456789012:function:warder-test:$LATEST",
	} {
		answer, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name, Payload: []byte(`{}`)})
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != 200 || aws.ToString(answer.FunctionError) != "Unhandled" ||
			!bytes.Contains(answer.Payload, []byte("Runtime.InvalidEntrypoint")) {
			t.Errorf("invoke %s: %d %s %s, want the failure of a function that cannot run", name, answer.StatusCode,
				aws.ToString(answer.FunctionError), answer.Payload)
		}
	}
	answer, err := client.Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String("warder-test"), InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{"n":1}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := a.count(t); answer.StatusCode != 202 || n != 4 {
		t.Errorf("status %d and %d events, want 202 and the three of before and one", answer.StatusCode, n)
	}
	_, err = client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("other")})
	if got := code(t, err); got != "ResourceNotFoundException" {
		t.Errorf("code %q, want ResourceNotFoundException", got)
	}
	_, err = client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("warder-test"), Payload: []byte(`{`)})
	if got := code(t, err); got != "InvalidRequestContentException" {
		t.Errorf("code %q, want InvalidRequestContentException", got)
	}
}

func TestHandler_RecordsCalls(t *testing.T) {
	a := newAccount(t)
	cfg := mototest.Config(a.url, functionKey, "any")
	function := iam.NewFromConfig(cfg)
	// there is no alice
	_, _ = function.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: aws.String("alice")})
	_, _ = function.DetachUserPolicy(t.Context(), &iam.DetachUserPolicyInput{
		UserName: aws.String("alice"), PolicyArn: aws.String("arn:p"),
	})
	if _, err := function.ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Fatal(err)
	}
	_, _ = sns.NewFromConfig(cfg).Publish(t.Context(), &sns.PublishInput{
		TopicArn: aws.String("arn:aws:sns:us-east-1:123456789012:none"), Message: aws.String("m"),
	})
	_, _ = a.iam(nil).ListUsers(t.Context(), &iam.ListUsersInput{}) // not a function's
	if _, err := function.CreateUser(t.Context(), &iam.CreateUserInput{
		UserName: aws.String("zoe"), Path: aws.String("/team/x/"),
	}); err != nil {
		t.Fatal(err)
	}
	_, _ = function.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: aws.String("zoe")})
	_, _ = ebsdk.NewFromConfig(cfg).PutEvents(t.Context(), &ebsdk.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{
		{
			EventBusName: aws.String("default"), Source: aws.String("warder.drill"), DetailType: aws.String("d"),
			Detail: aws.String("{}"),
		},
	}})

	_, answer := a.post(t, http.MethodGet, "/_warder/calls", "")
	var calls []endpoint.Call
	if err := json.Unmarshal([]byte(answer), &calls); err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		calls[i].At = time.Time{}
	}
	want := []endpoint.Call{
		{
			Function: "warder-test", Action: "iam:ListAccessKeys", Resource: "arn:aws:iam::123456789012:user/alice", Status: 404,
		},
		{
			Function: "warder-test", Action: "iam:DetachUserPolicy", Resource: "arn:aws:iam::123456789012:user/alice",
			Conditions: map[string]string{"iam:PolicyARN": "arn:p"}, Status: 404,
		},
		{Function: "warder-test", Action: "iam:ListUsers", Resource: "*", Status: 200},
		{Function: "warder-test", Action: "sns:Publish", Resource: "arn:aws:sns:us-east-1:123456789012:none", Status: 404},
		{
			Function: "warder-test", Action: "iam:CreateUser", Resource: "arn:aws:iam::123456789012:user/team/x/zoe",
			Status: 200,
		},
		{
			Function: "warder-test", Action: "iam:ListAccessKeys", Resource: "arn:aws:iam::123456789012:user/team/x/zoe",
			Status: 200,
		},
		{
			Function: "warder-test", Action: "events:PutEvents",
			Resource:   "arn:aws:events:us-east-1:123456789012:event-bus/default",
			Conditions: map[string]string{"events:source": "warder.drill"}, Status: 200,
		},
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	a.post(t, http.MethodDelete, "/_warder/calls", "")
	if _, answer := a.post(t, http.MethodGet, "/_warder/calls", ""); strings.TrimSpace(answer) != "[]" {
		t.Errorf("calls after they were forgotten: %s", answer)
	}
}

// What AWS evaluates a call by is more than its parameters say: the tags of a user, the path of a group,
// whose key it is, the whole ARN of a secret, and what a service does in turn.
func TestHandler_RecordsConditions(t *testing.T) {
	a := newAccount(t)
	people, cfg := a.iam(nil), mototest.Config(a.url, functionKey, "any")
	function, secrets := iam.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg)
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tag := func(key, value string) []iamtypes.Tag { return []iamtypes.Tag{{Key: &key, Value: &value}} }
	name, group := aws.String("zoe"), aws.String("readers")
	must(people.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: group, Path: aws.String("/team/")}))
	must(people.CreateUser(ctx, &iam.CreateUserInput{UserName: name, Tags: tag("warder:rotate", "no")}))
	must(people.TagUser(ctx, &iam.TagUserInput{UserName: name, Tags: tag("warder:rotate", "yes")}))
	must(people.TagUser(ctx, &iam.TagUserInput{UserName: name, Tags: tag("gone", "yes")}))
	must(people.UntagUser(ctx, &iam.UntagUserInput{UserName: name, TagKeys: []string{"gone"}}))
	key, err := function.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	must(key, err)
	must(function.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKey.AccessKeyId}))
	must(function.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: name, GroupName: group}))
	made, err := secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String("s"), SecretString: aws.String("v"),
	})
	must(made, err)
	must(secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")}))
	_, _ = secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("none")})
	_, _ = sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{
		TopicArn: aws.String("arn:aws:sns:us-east-1:123456789012:heard"), Message: aws.String("m"),
	})
	_, _ = ssm.NewFromConfig(cfg, func(o *ssm.Options) {
		o.Region = "ap-northeast-2"
	}).TerminateSession(ctx, &ssm.TerminateSessionInput{SessionId: aws.String("s-1")})
	must(function.CreateUser(ctx, &iam.CreateUserInput{
		UserName: aws.String("yan"), Path: aws.String("/p/"), Tags: tag("a", "b"),
	}))
	must(function.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("yan")}))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/photos?publicAccessBlock", nil)
	must(request, err)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+functionKey+"/20260101/us-east-1/s3/aws4_request")
	answer, err := http.DefaultClient.Do(request)
	must(answer, err)
	must(nil, answer.Body.Close())

	_, body := a.post(t, http.MethodGet, "/_warder/calls", "")
	var calls []endpoint.Call
	if err := json.Unmarshal([]byte(body), &calls); err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		calls[i].At, calls[i].Status, calls[i].Function = time.Time{}, 0, ""
	}
	zoe := "arn:aws:iam::123456789012:user/zoe"
	tags := map[string]string{"aws:ResourceTag/warder:rotate": "yes"}
	through := map[string]string{"kms:ViaService": "sns.us-east-1.amazonaws.com"}
	want := []endpoint.Call{
		{Action: "iam:CreateAccessKey", Resource: zoe, Conditions: tags},
		{Action: "iam:GetAccessKeyLastUsed", Resource: zoe, Conditions: tags},
		{Action: "iam:AddUserToGroup", Resource: "arn:aws:iam::123456789012:group/team/readers"},
		{Action: "secretsmanager:CreateSecret", Resource: *made.ARN},
		{Action: "secretsmanager:GetSecretValue", Resource: *made.ARN},
		{Action: "secretsmanager:DescribeSecret", Resource: "arn:aws:secretsmanager:us-east-1:123456789012:secret:none"},
		{Action: "sns:Publish", Resource: "arn:aws:sns:us-east-1:123456789012:heard"},
		{Action: "kms:GenerateDataKey", Resource: "arn:the:key", By: "sns", Conditions: through},
		{Action: "kms:Decrypt", Resource: "arn:the:key", By: "sns", Conditions: through},
		{Action: "ssm:TerminateSession", Resource: "arn:aws:ssm:ap-northeast-2:123456789012:session/s-1"},
		{Action: "iam:CreateUser", Resource: "arn:aws:iam::123456789012:user/p/yan"},
		{Action: "iam:TagUser", Resource: "arn:aws:iam::123456789012:user/p/yan", By: "iam"},
		{
			Action: "iam:DeleteUser", Resource: "arn:aws:iam::123456789012:user/p/yan",
			Conditions: map[string]string{"aws:ResourceTag/a": "b"},
		},
		{
			Action: "s3:GetBucketPublicAccessBlock", Resource: "arn:aws:s3:::photos",
			Conditions: map[string]string{"aws:ResourceAccount": "123456789012"},
		},
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// A rule that forwards an event calls with a role of its own.
func TestHandler_ForwardedEvent(t *testing.T) {
	a := newAccount(t)
	a.post(t, http.MethodPost, "/_warder/send", `{"source":"mine","region":"eu-west-1","detail-type":"t","detail":{}}`)
	_, body := a.post(t, http.MethodGet, "/_warder/calls", "")
	var calls []endpoint.Call
	if err := json.Unmarshal([]byte(body), &calls); err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		calls[i].At = time.Time{}
	}
	want := []endpoint.Call{{
		Role: "arn:aws:iam::123456789012:role/eu", By: "events", Action: "events:PutEvents",
		Resource: "arn:aws:events:us-east-1:123456789012:event-bus/warder", Conditions: map[string]string{
			"events:source": "mine",
		},
	}}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestHandler_FaultsOfFunctions(t *testing.T) {
	a := newAccount(t)
	function := iam.NewFromConfig(mototest.Config(a.url, functionKey, "any"))
	list := func(client *iam.Client) error {
		_, err := client.ListUsers(t.Context(), &iam.ListUsersInput{})
		return err
	}
	if status, answer := a.post(t, http.MethodPost, "/_warder/fault",
		`{"operation":"iam:ListUsers","code":"AccessDenied","status":403,"times":1}`); status != 204 {
		t.Fatalf("%d %s", status, answer)
	}
	if err := list(a.iam(nil)); err != nil {
		t.Errorf("a user's call: %v", err)
	}
	if got := code(t, list(function)); got != "AccessDenied" {
		t.Errorf("code %q, want AccessDenied", got)
	}
	if err := list(function); err != nil {
		t.Errorf("the second call: %v", err)
	}

	a.post(t, http.MethodPost, "/_warder/fault", `{"operation":"iam:ListUsers","function":"warder-test"}`)
	for range 2 {
		if got := code(t, list(function)); got != "InternalError" {
			t.Errorf("code %q, want InternalError", got)
		}
	}
	a.post(t, http.MethodDelete, "/_warder/fault", "")
	if err := list(function); err != nil {
		t.Errorf("after the end of the faults: %v", err)
	}
	if status, _ := a.post(t, http.MethodPost, "/_warder/fault",
		`{"operation":"iam:ListUsers","when":"now"}`); status != 400 {
		t.Errorf("a fault with an unknown field: status %d, want 400", status)
	}
}

func TestHandler_Send(t *testing.T) {
	a := newAccount(t)
	status, answer := a.post(t, http.MethodPost, "/_warder/send",
		`{"id":"e1","source":"mine","detail-type":"t","account":"999999999999","detail":{}}`)
	var deliveries []endpoint.Delivery
	if err := json.Unmarshal([]byte(answer), &deliveries); err != nil {
		t.Fatalf("%d %s: %v", status, answer, err)
	}
	if len(deliveries) != 1 || !deliveries[0].Failed || deliveries[0].Function != "warder-test" ||
		deliveries[0].Rule != "all" {
		t.Errorf("deliveries %s", answer)
	}
	if !bytes.Contains(a.events[0], []byte(`"account":"999999999999"`)) {
		t.Errorf("the function got %s, want the event as it was", a.events[0])
	}
	if status, answer := a.post(t, http.MethodPost, "/_warder/send", `[]`); status != 400 {
		t.Errorf("%d %s, want 400 for what is no event", status, answer)
	}
}

func TestHandler_Publish(t *testing.T) {
	a := newAccount(t)
	client := sns.NewFromConfig(mototest.Config(a.url, functionKey, "any"))
	for _, name := range []string{"heard", "unheard"} {
		if _, err := client.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: &name}); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name    string
		input   sns.PublishInput
		message string // what the function gets; empty: it is not started
	}{
		{
			"plain text",
			sns.PublishInput{TopicArn: aws.String("arn:aws:sns:us-east-1:123456789012:heard"), Message: aws.String("plain")},
			"plain",
		},
		{"the text for functions", sns.PublishInput{
			TopicArn: aws.String("arn:aws:sns:us-east-1:123456789012:heard"), MessageStructure: aws.String("json"),
			Message: aws.String(`{"default":"everybody","lambda":"{\"for\":\"functions\"}"}`),
		}, `{"for":"functions"}`},
		{"the default text", sns.PublishInput{
			TopicArn: aws.String(
				"arn:aws:sns:us-east-1:123456789012:heard",
			), MessageStructure: aws.String("json"), Message: aws.String(`{"default":"everybody"}`),
		}, "everybody"},
		{
			"another topic",
			sns.PublishInput{TopicArn: aws.String("arn:aws:sns:us-east-1:123456789012:unheard"), Message: aws.String("plain")},
			"",
		},
		{
			"no such topic",
			sns.PublishInput{TopicArn: aws.String("arn:aws:sns:us-east-1:123456789012:none"), Message: aws.String("plain")}, "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before, begin := a.count(t), time.Now().Truncate(time.Second)
			test.input.Subject = aws.String("a subject")
			test.input.MessageAttributes = map[string]snstypes.MessageAttributeValue{
				"owner": {DataType: aws.String("String"), StringValue: aws.String("a@example.com")},
			}
			published, err := client.Publish(t.Context(), &test.input)
			if (err != nil) != (test.name == "no such topic") {
				t.Fatal(err)
			}
			if got := a.count(t) - before; got != min(1, len(test.message)) {
				t.Fatalf("%d events, want %d", got, min(1, len(test.message)))
			}
			if test.message == "" {
				return
			}
			a.mu.Lock()
			event := a.events[len(a.events)-1]
			a.mu.Unlock()
			var got events.SNSEvent
			decoder := json.NewDecoder(bytes.NewReader(event))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&got); err != nil {
				t.Fatalf("decode %s: %v", event, err)
			}
			if at := got.Records[0].SNS.Timestamp; at.Before(begin) || at.After(time.Now()) {
				t.Errorf("the message is of %v, want a time after %v", at, begin)
			}
			got.Records[0].SNS.Timestamp = time.Time{}
			want := events.SNSEvent{Records: []events.SNSEventRecord{{
				EventVersion: "1.0", EventSubscriptionArn: "arn:the:subscription", EventSource: "aws:sns",
				SNS: events.SNSEntity{
					Type: "Notification", MessageID: *published.MessageId, TopicArn: *test.input.TopicArn, Subject: "a subject",
					Message:          test.message,
					SignatureVersion: "1", Signature: "none", SigningCertURL: "none", UnsubscribeURL: "none",
					MessageAttributes: map[string]any{"owner": map[string]any{"Type": "String", "Value": "a@example.com"}},
				},
			}}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHandler_QueueTarget(t *testing.T) {
	a := newAccount(t)
	client := sqs.NewFromConfig(mototest.Config(a.url, functionKey, "any"))
	queue, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("kept")})
	if err != nil {
		t.Fatal(err)
	}
	const event = `{"source":"kept","detail-type":"t","detail":{"a":1}}`
	if status, body := a.post(t, http.MethodPost, "/_warder/send", event); status != http.StatusOK ||
		strings.TrimSpace(body) != "[]" {
		t.Fatalf("send: %d %s, want no function", status, body)
	}
	messages, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
	if err != nil || len(messages.Messages) != 1 || aws.ToString(messages.Messages[0].Body) != event {
		t.Errorf("messages %+v, %v, want the event", messages, err)
	}
}

func TestHandler_EventOfAnotherRegion(t *testing.T) {
	a := newAccount(t)
	_, body := a.post(t, http.MethodPost, "/_warder/send",
		`{"source":"mine","region":"eu-west-1","detail-type":"t","detail":{"eventID":"e"}}`)
	var got []endpoint.Delivery
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Rule != "arrived" || got[0].Through != "eu" {
		t.Errorf("deliveries %+v, want one of the rule arrived through eu", got)
	}
	client := ebsdk.NewFromConfig(mototest.Config(a.url, functionKey, "any"), func(o *ebsdk.Options) {
		o.Region = "eu-west-1"
	})
	if _, err := client.PutEvents(t.Context(), &ebsdk.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{
		{Source: aws.String("mine"), DetailType: aws.String("t"), Detail: aws.String(`{"eventID":"put"}`)},
	}}); err != nil {
		t.Fatal(err)
	}
	if record := a.record(t); record["eventID"] != "put" {
		t.Errorf("newest event %v, want what was put in eu-west-1", record)
	}
}
