package cloudtrail_test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/cloudtrail"
)

var (
	at    = time.Date(2026, 3, 4, 15, 6, 7, 0, time.UTC)
	alice = cloudtrail.Identity{
		Type: "IAMUser", Account: "123456789012", AccessKey: "AKIAALICE", PrincipalID: "AIDAALICE",
		ARN: "arn:aws:iam::123456789012:user/team/alice", UserName: "alice",
	}
	root    = cloudtrail.Identity{Type: "Root", Account: "123456789012", AccessKey: "AKIAROOT"}
	session = cloudtrail.Identity{
		Type: "AssumedRole", Account: "123456789012", AccessKey: "ASIAROLE", PrincipalID: "AROAROLE:deploy",
		ARN: "arn:aws:sts::123456789012:assumed-role/Deploy/deploy", RoleARN: "arn:aws:iam::123456789012:role/ci/Deploy",
		Since: at.Add(-time.Hour),
	}
)

func call(caller cloudtrail.Identity, status int, answer string, form ...string) cloudtrail.Call {
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	return cloudtrail.Call{
		Form: values, Status: status, Answer: []byte(answer), RequestID: "r1", UserAgent: "aws-cli/2", Host: "127.0.0.1:4566",
		Region: "us-east-1", Caller: caller, At: at,
	}
}

// event is the event of the call as generic JSON.
func event(t *testing.T, c cloudtrail.Call) map[string]any {
	t.Helper()
	data, err := cloudtrail.Event(c)
	if err != nil {
		t.Fatal(err)
	}
	var event map[string]any
	if err := json.Unmarshal(data, &event); err != nil {
		t.Fatal(err)
	}
	return event
}

func detail(t *testing.T, c cloudtrail.Call) map[string]any {
	t.Helper()
	return event(t, c)["detail"].(map[string]any)
}

const empty = `<AttachUserPolicyResponse><ResponseMetadata><RequestId>r1</RequestId></ResponseMetadata>` +
	`</AttachUserPolicyResponse>`

func TestEvent_EnvelopeAndRecord(t *testing.T) {
	got := event(t, call(alice, 200, empty, "Action", "AttachUserPolicy", "Version", "2010-05-08",
		"UserName", "bob", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"))
	guid := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	record := got["detail"].(map[string]any)
	for name, id := range map[string]any{"id": got["id"], "eventID": record["eventID"]} {
		if !guid.MatchString(id.(string)) {
			t.Errorf("%s = %v, want a GUID", name, id)
		}
	}
	delete(got, "id")
	delete(record, "eventID")
	want := map[string]any{
		"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.iam", "account": "123456789012",
		"time": "2026-03-04T15:06:07Z", "region": "us-east-1", "resources": []any{},
		"detail": map[string]any{
			"eventVersion": "1.11", "eventTime": "2026-03-04T15:06:07Z", "eventSource": "iam.amazonaws.com",
			"eventName": "AttachUserPolicy", "awsRegion": "us-east-1", "sourceIPAddress": "127.0.0.1", "userAgent": "aws-cli/2",
			"userIdentity": map[string]any{
				"type": "IAMUser", "principalId": "AIDAALICE", "arn": "arn:aws:iam::123456789012:user/team/alice",
				"accountId": "123456789012", "accessKeyId": "AKIAALICE", "userName": "alice",
			},
			"requestParameters": map[string]any{"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
			"responseElements":  nil, "requestID": "r1", "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true,
			"recipientAccountId": "123456789012", "eventCategory": "Management",
			"tlsDetails": map[string]any{
				"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": "127.0.0.1:4566",
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func TestEvent_UserIdentity(t *testing.T) {
	tests := []struct {
		name   string
		caller cloudtrail.Identity
		want   map[string]any
	}{
		{"root has the account for its principal and no name", root, map[string]any{
			"type": "Root", "principalId": "123456789012", "arn": "arn:aws:iam::123456789012:root",
			"accountId": "123456789012", "accessKeyId": "AKIAROOT",
		}},
		{"a session names the role that issued it, with its path", session, map[string]any{
			"type": "AssumedRole", "principalId": "AROAROLE:deploy",
			"arn":       "arn:aws:sts::123456789012:assumed-role/Deploy/deploy",
			"accountId": "123456789012", "accessKeyId": "ASIAROLE",
			"sessionContext": map[string]any{
				"sessionIssuer": map[string]any{
					"type": "Role", "principalId": "AROAROLE", "arn": "arn:aws:iam::123456789012:role/ci/Deploy",
					"accountId": "123456789012", "userName": "Deploy",
				},
				"webIdFederationData": map[string]any{},
				"attributes":          map[string]any{"creationDate": "2026-03-04T14:06:07Z", "mfaAuthenticated": "false"},
			},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := detail(t, call(test.caller, 200, empty, "Action", "DeleteUser", "UserName", "bob"))["userIdentity"]
			if diff := cmp.Diff(any(test.want), got); diff != "" {
				t.Errorf("userIdentity (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestParameters(t *testing.T) {
	policy := "{\n\t\"Version\": \"2012-10-17\"\n}"
	tests := []struct {
		name string
		form []string
		want any
	}{
		{"a policy document is the text that was sent", []string{
			"Action", "PutUserPolicy", "UserName", "bob", "PolicyName", "p", "PolicyDocument", policy,
		},
			map[string]any{"userName": "bob", "policyName": "p", "policyDocument": policy}},
		{
			"a call on oneself without parameters has none", []string{"Action", "CreateAccessKey", "Version", "2010-05-08"}, nil,
		},
		{"lists keep their order", []string{"Action", "TagUser", "UserName", "bob",
			"Tags.member.10.Key", "j", "Tags.member.10.Value", "10", "Tags.member.2.Key", "b", "Tags.member.2.Value", "2",
			"Tags.member.1.Key", "a", "Tags.member.1.Value", "1"},
			map[string]any{"userName": "bob", "tags": []any{
				map[string]any{"key": "a", "value": "1"}, map[string]any{"key": "b", "value": "2"}, map[string]any{
					"key": "j", "value": "10",
				},
			}}},
		{"lists of strings", []string{"Action", "UntagUser", "UserName", "bob", "TagKeys.member.1", "owner"},
			map[string]any{"userName": "bob", "tagKeys": []any{"owner"}}},
		{"a password is not recorded", []string{
			"Action", "CreateLoginProfile", "UserName", "bob", "Password", "hunter2", "PasswordResetRequired", "true",
		},
			map[string]any{"userName": "bob", "passwordResetRequired": true}},
		{
			"a change of one's own password has nothing to record",
			[]string{"Action", "ChangePassword", "OldPassword", "a", "NewPassword", "b"}, nil,
		},
		{"booleans and numbers are no strings", []string{
			"Action", "UpdateRole", "RoleName", "r", "MaxSessionDuration", "7200", "SetAsDefault", "false",
		},
			map[string]any{"roleName": "r", "maxSessionDuration": float64(7200), "setAsDefault": false}},
		{"only the first letter changes", []string{
			"Action", "UpdateSSHPublicKey", "SSHPublicKeyId", "APKA", "Status", "Inactive",
		},
			map[string]any{"sSHPublicKeyId": "APKA", "status": "Inactive"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := detail(t, call(alice, 200, empty, test.form...))["requestParameters"]
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("requestParameters (-want +got):\n%s", diff)
			}
		})
	}
}

const newKey = `<CreateAccessKeyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateAccessKeyResult>
<AccessKey><UserName>alice</UserName><AccessKeyId>AKIANEW</AccessKeyId><Status>Active</Status>
<SecretAccessKey>do-not-tell</SecretAccessKey>
<CreateDate>2026-03-04T15:06:07.778981Z</CreateDate></AccessKey></CreateAccessKeyResult>
<ResponseMetadata><RequestId>r1</RequestId></ResponseMetadata></CreateAccessKeyResponse>`

func TestResponseElements(t *testing.T) {
	key := func(with ...string) map[string]any {
		key := map[string]any{"accessKeyId": "AKIANEW", "status": "Active", "createDate": "Mar 4, 2026 3:06:07 PM"}
		if len(with) > 0 {
			key["userName"] = with[0]
		}
		return map[string]any{"accessKey": key}
	}
	tests := []struct {
		name   string
		caller cloudtrail.Identity
		answer string
		want   any
	}{
		{"a new key is recorded without its secret", alice, newKey, key("alice")},
		{"root's own new key belongs to no user", root, newKey, key()},
		{"an answer without a result has none", alice, empty, nil},
		{"an empty answer has none", alice, "", nil},
		{"a policy version has a boolean", alice,
			`<CreatePolicyVersionResponse><CreatePolicyVersionResult><PolicyVersion><VersionId>v2</VersionId>` +
				`<IsDefaultVersion>true</IsDefaultVersion></PolicyVersion></CreatePolicyVersionResult>` +
				`</CreatePolicyVersionResponse>`,
			map[string]any{"policyVersion": map[string]any{"versionId": "v2", "isDefaultVersion": true}}},
		{"lists are lists, empty elements are nothing", alice,
			`<CreateUserResponse><CreateUserResult><User><UserName>u</UserName><Tags><member><Key>a</Key><Value>b</Value>` +
				`</member></Tags><RoleLastUsed/></User></CreateUserResult></CreateUserResponse>`,
			map[string]any{"user": map[string]any{"userName": "u", "tags": []any{map[string]any{"key": "a", "value": "b"}}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := detail(t, call(test.caller, 200, test.answer, "Action", "CreateAccessKey"))["responseElements"]
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("responseElements (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvent_FailedCalls(t *testing.T) {
	parameters := map[string]any{"userName": "bob"}
	tests := []struct {
		name       string
		code       string
		want       string
		parameters any
	}{
		{"a denied call keeps its code and loses its parameters", "AccessDenied", "AccessDenied", nil},
		{"other codes get a suffix", "NoSuchEntity", "NoSuchEntityException", parameters},
		{"a code that has the suffix keeps it", "LimitExceededException", "LimitExceededException", parameters},
		{"a validation error", "ValidationError", "ValidationException", parameters},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := `<ErrorResponse><Error><Type>Sender</Type><Code>` + test.code +
				`</Code><Message>no &lt;way&gt;</Message></Error></ErrorResponse>`
			got := detail(t, call(alice, 403, answer, "Action", "DeleteUser", "UserName", "bob"))
			want := map[string]any{
				"errorCode": test.want, "errorMessage": "no <way>", "requestParameters": test.parameters, "responseElements": nil,
			}
			part := map[string]any{}
			for name := range want {
				part[name] = got[name]
			}
			if diff := cmp.Diff(want, part); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvent_NoErrorCode(t *testing.T) {
	got := detail(t, call(alice, 200, empty, "Action", "DeleteUser", "UserName", "bob"))
	for _, name := range []string{"errorCode", "errorMessage"} {
		if value, ok := got[name]; ok {
			t.Errorf("%s = %v, want none: rules test that it does not exist", name, value)
		}
	}
}

func TestMutating(t *testing.T) {
	for action, want := range map[string]bool{
		"AttachUserPolicy": true, "TagUser": true, "EnableMFADevice": true, "ChangePassword": true,
		"GetUser": false, "ListUsers": false, "GenerateCredentialReport": false, "SimulatePrincipalPolicy": false, "": false,
	} {
		if got := cloudtrail.Mutating(action); got != want {
			t.Errorf("Mutating(%q) = %v, want %v", action, got, want)
		}
	}
}

// FuzzEvent reads what clients send: whatever it is, there is a record of it, without the secret.
func FuzzEvent(f *testing.F) {
	f.Add("Action=AttachUserPolicy&UserName=bob", 200, empty)
	f.Add("Action=CreateAccessKey", 200, newKey)
	f.Add("Action=TagUser&Tags.member.1.Key=a&Tags.member.x=1&Tags=2&.=&a..b=1", 200,
		"<a><bResult><member/></bResult></a>")
	f.Add("Action=DeleteUser", 404, `<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>`)
	f.Fuzz(func(t *testing.T, body string, status int, answer string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		form.Set("Password", "hunter2-in-the-form")
		data, err := cloudtrail.Event(cloudtrail.Call{
			Form: form, Status: status, Answer: []byte(answer), Caller: alice, At: at,
		})
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Errorf("not JSON: %s", data)
		}
		if strings.Contains(string(data), "hunter2-in-the-form") {
			t.Errorf("a password in %s", data)
		}
	})
}
