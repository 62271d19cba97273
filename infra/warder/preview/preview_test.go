package preview

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/hostile"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// endpoint is AWS as far as requests of the query protocol go: one user, alice, to whom a policy is attached. It keeps
// every request that it gets.
type endpoint struct {
	mu     sync.Mutex
	sent   []string // operations
	denied string   // an operation
}

// Do implements [aws.HTTPClient].
func (e *endpoint) Do(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil {
		var err error
		if body, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	operation := form.Get("Action") + request.Header.Get("X-Amz-Target")
	if operation == "" { // of a service that has a path for each
		operation = request.Method + " " + request.URL.Path
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sent = append(e.sent, operation)
	status, result := http.StatusOK, ""
	switch operation {
	case e.denied:
		status = http.StatusForbidden
		result = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
	case "GetCallerIdentity":
		result = "<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/kim</Arn>"
	case "GetUser":
		result = "<User><UserName>alice</UserName><UserId>AIDA1</UserId><Path>/</Path>" +
			"<Tags><member><Key>owner</Key><Value>alice@example.com</Value></member></Tags></User>"
	case "ListUsers":
		result = "<IsTruncated>false</IsTruncated><Users><member><UserName>alice</UserName><UserId>AIDA1</UserId>" +
			"<Path>/</Path><CreateDate>2026-01-01T00:00:00Z</CreateDate></member></Users>"
	case "GetAccountAuthorizationDetails":
		result = "<IsTruncated>false</IsTruncated><UserDetailList><member><UserName>alice</UserName><UserId>AIDA1</UserId>" +
			"<Path>/</Path><CreateDate>2026-01-01T00:00:00Z</CreateDate><AttachedManagedPolicies><member>" +
			"<PolicyName>ReadOnlyAccess</PolicyName><PolicyArn>arn:aws:iam::aws:policy/ReadOnlyAccess</PolicyArn>" +
			"</member></AttachedManagedPolicies></member></UserDetailList>"
	case "ListAttachedUserPolicies":
		result = "<IsTruncated>false</IsTruncated><AttachedPolicies><member><PolicyName>ReadOnlyAccess</PolicyName>" +
			"<PolicyArn>arn:aws:iam::aws:policy/ReadOnlyAccess</PolicyArn></member></AttachedPolicies>"
	case "GetPolicy":
		result = "<Policy><Arn>arn:aws:iam::aws:policy/ReadOnlyAccess</Arn><DefaultVersionId>v1</DefaultVersionId>" +
			"<IsAttachable>true</IsAttachable></Policy>"
	case "GetPolicyVersion":
		result = "<PolicyVersion><VersionId>v1</VersionId><Document>%7B%22Statement%22%3A%5B%5D%7D</Document></PolicyVersion>"
	case "GenerateCredentialReport":
		result = "<State>COMPLETE</State>"
	case "GetCredentialReport":
		report := "user,arn,user_creation_time,password_enabled,access_key_1_active,access_key_2_active\n" +
			"alice,arn:aws:iam::111122223333:user/alice,2026-01-01T00:00:00+00:00,false,false,false\n"
		result = "<ReportFormat>text/csv</ReportFormat><GeneratedTime>2026-11-21T12:00:00Z</GeneratedTime><Content>" +
			base64.StdEncoding.EncodeToString([]byte(report)) + "</Content>"
	}
	text := fmt.Sprintf("<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", operation, result)
	if status != http.StatusOK {
		text = "<ErrorResponse>" + result + "</ErrorResponse>"
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: request,
	}, nil
}

func options(t *testing.T, e *endpoint, given string, only ...string) Options {
	t.Helper()
	controls, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	s, err := settings.Parse([]byte(given), controls)
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Settings: s, Source: "cdk.json", Controls: controls, Only: only, Now: func() time.Time { return now },
		Progress: func(int, int, func() int) {},
		Config: aws.Config{
			Region: "us-east-1", HTTPClient: e,
			Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		},
	}
}

const direct = "detach-direct-policy"

func TestRun(t *testing.T) {
	e := &endpoint{}
	o := options(t, e, `{}`, direct)
	var progress []int
	o.Progress = func(done, _ int, _ func() int) { progress = append(progress, done) }
	p, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := []Line{{
		Control: direct, When: Due, Due: now.AddDate(0, 0, 7), Owner: "alice@example.com", Subject: "alice",
		Severity: "medium",
		Title:    "Direct policy on a user",
		Text:     "Policy arn:aws:iam::aws:policy/ReadOnlyAccess is attached directly to alice.",
		Changes:  []string{"detach policy arn:aws:iam::aws:policy/ReadOnlyAccess from alice"},
	}}
	if diff := cmp.Diff(want, p.Lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	total := Total{Control: direct, Findings: 1, Users: 1, Changes: 1, First: now.AddDate(0, 0, 7), Events: true}
	if diff := cmp.Diff([]Total{total}, p.Controls); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	if !slices.Equal(progress, []int{0, 1}) || p.Account != "111122223333" || p.Reads != len(e.sent) {
		t.Errorf("progress %d, account %s, %d reads of %q", progress, p.Account, p.Reads, e.sent)
	}
}

// Everything that a preview of all controls sends only reads, also when nothing is due later and nothing is halted.
func TestRun_NothingIsWritten(t *testing.T) {
	const trails = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."
	reads := []string{
		"Get", "List", "Describe", "Generate", "AmazonSSM.Describe", trails + "List", trails + "Get",
		"StarlingDoveService.Describe", "Route53Resolver.List", "GET /", "POST /standards/get", "POST /get-",
		"POST /list-",
	}
	for _, mode := range []string{"halted", "acting"} {
		t.Run(mode, func(t *testing.T) {
			e := &endpoint{}
			o := options(t, e, `{"controls":{"detach-direct-policy":{"graceDays":0}}}`)
			p := newPreviewer(o)
			if mode == "acting" {
				p.halt.Halted = false
			}
			err := p.make(t.Context())
			result := p.preview
			if err != nil && !errors.Is(err, ErrIncomplete) {
				t.Fatal(err)
			}
			if len(e.sent) < 5 {
				t.Errorf("sent %q, want reads of several controls", e.sent)
			}
			for _, operation := range e.sent {
				if !slices.ContainsFunc(reads, func(verb string) bool { return strings.HasPrefix(operation, verb) }) {
					t.Errorf("sent %s", operation)
				}
			}
			i := slices.IndexFunc(result.Controls, func(t Total) bool { return t.Control == direct })
			reason := result.Controls[i].Reason
			if refused := reason == "it tried iam:DetachUserPolicy, which a preview refuses"; refused != (mode == "acting") {
				t.Errorf("%s: %q", direct, reason)
			}
		})
	}
}

func TestRun_Denied(t *testing.T) {
	for _, operation := range []string{"GetAccountAuthorizationDetails", "GetUser"} {
		e := &endpoint{denied: operation}
		p, err := Run(t.Context(), options(t, e, `{}`, direct))
		if !errors.Is(err, ErrIncomplete) || len(p.Controls) != 1 || !p.Controls[0].Failed {
			t.Errorf("%s: %v, %+v", operation, err, p.Controls)
		}
	}
	e := &endpoint{denied: "GetCallerIdentity"}
	if _, err := Run(t.Context(), options(t, e, `{}`)); err == nil || len(e.sent) != 1 {
		t.Errorf("credentials that are not accepted: %v, sent %q", err, e.sent)
	}
}

func TestRun_Chooses(t *testing.T) {
	e := &endpoint{}
	p, err := Run(t.Context(),
		options(t, e, `{"controls":{"detach-direct-policy":{"mode":"off"}}}`, direct, "alert-console-login"))
	if err != nil || !slices.Equal(p.Off, []string{direct}) ||
		!slices.Equal(p.EventsOnly, []string{"alert-console-login"}) {
		t.Errorf("%v, off %q, on events only %q", err, p.Off, p.EventsOnly)
	}
	if _, err := Run(t.Context(), options(t, e, `{}`, "undo")); err == nil || err.Error() != `there is no control "undo"` {
		t.Errorf("a tool: %v", err)
	}
}

// What passes is listed here in full: whoever adds a read to a control sees it pass in a preview.
func TestReads(t *testing.T) {
	controls, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"access-analyzer:ListAnalyzers", "access-analyzer:ListFindings",
		"cloudformation:DescribeStacks", "cloudtrail:GetEventSelectors", "cloudtrail:GetTrail", "cloudtrail:GetTrailStatus",
		"cloudtrail:ListTags", "cloudtrail:ListTrails", "config:DescribeConfigurationRecorderStatus",
		"ec2:DescribeFlowLogs", "ec2:DescribeImageAttribute", "ec2:DescribeImages", "ec2:DescribeSnapshotAttribute",
		"ec2:DescribeSnapshots", "ec2:DescribeTags", "ec2:DescribeVpcs", "guardduty:GetDetector", "guardduty:ListDetectors",
		"iam:GenerateCredentialReport", "iam:GenerateServiceLastAccessedDetails", "iam:GetAccessKeyLastUsed",
		"iam:GetAccountAuthorizationDetails", "iam:GetAccountSummary", "iam:GetCredentialReport",
		"iam:GetGroupPolicy", "iam:GetLoginProfile", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole",
		"iam:GetRolePolicy", "iam:GetServiceLastAccessedDetails", "iam:GetUser", "iam:GetUserPolicy", "iam:ListAccessKeys",
		"iam:ListAttachedGroupPolicies", "iam:ListAttachedRolePolicies", "iam:ListAttachedUserPolicies",
		"iam:ListEntitiesForPolicy", "iam:ListGroupPolicies", "iam:ListGroupsForUser", "iam:ListMFADevices",
		"iam:ListPolicyVersions", "iam:ListRolePolicies", "iam:ListRoles",
		"iam:ListSSHPublicKeys", "iam:ListServiceSpecificCredentials", "iam:ListSigningCertificates",
		"iam:ListUserPolicies", "iam:ListUsers",
		"rds:DescribeDBClusterSnapshotAttributes", "rds:DescribeDBClusterSnapshots", "rds:DescribeDBSnapshotAttributes",
		"rds:DescribeDBSnapshots", "rds:ListTagsForResource",
		"route53resolver:ListResolverQueryLogConfigAssociations", "route53resolver:ListResolverQueryLogConfigs",
		"s3:GetBucketPublicAccessBlock", "s3:GetBucketTagging", "secretsmanager:DescribeSecret",
		"securityhub:GetEnabledStandards",
		"signin:GetConsoleAuthorizationConfiguration", "signin:GetResourcePolicy", "signin:ListResourcePermissionStatements",
		"ssm:DescribeInstanceInformation", "ssm:DescribeSessions", "sso:ListInstances", "sts:AssumeRoot",
		"sts:GetCallerIdentity",
	}
	if diff := cmp.Diff(want, Reads(controls)); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
}

// Whatever the account has: the tables are the preview's, and steer no terminal.
func TestHostilePreview_SteersTheTerminal(t *testing.T) {
	for what, text := range hostile.Texts() {
		text = "name" + text
		p := Preview{
			Account: "111122223333", Caller: text, Region: "us-east-1", Settings: text,
			Controls: []Total{{Control: "c", Reason: text, Failed: true}, {Control: "d", Reason: text}},
		}
		for _, when := range order {
			p.Lines = append(p.Lines, Line{
				Control: "c", When: when, Due: time.Unix(0, 0), Owner: text, Subject: text, Severity: text, Title: text,
				Text: text, Changes: []string{text}, Reason: text,
			})
		}
		var out, object bytes.Buffer
		p.Print(&out, false)
		if err := terminal.JSON(&object, p); err != nil {
			t.Fatal(err)
		}
		for _, printed := range []string{out.String(), object.String()} {
			if why := hostile.Steers(printed); why != "" {
				t.Errorf("%s: prints what %s: %.700q", what, why, printed)
			}
		}
	}
}

// An event in place of a schedule: what would be done about it is shown, and none of it is done.
func TestRun_Event(t *testing.T) {
	e := &endpoint{}
	o := options(t, e, `{"controls":{"offboard-user":{"publishers":["arn:aws:iam::111122223333:role/hr"]}}}`, "offboard-user")
	o.Event = func(account, region string, at time.Time) json.RawMessage {
		return fmt.Appendf(nil, `{"version":"0","id":"l1","detail-type":"Person left","source":"warder.people","account":%q,`+
			`"time":%q,"region":%q,"resources":[],"detail":{"version":"1","id":"l1","email":"alice@example.com",`+
			`"leftAt":%[2]q,"userNames":["alice"]}}`, account, at.Format(time.RFC3339), region)
	}
	got, err := Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%v: %+v", err, got.Controls)
	}
	about := func(l Line) bool { return strings.Contains(l.Title, "left") }
	if !slices.ContainsFunc(got.Lines, about) {
		t.Errorf("lines %+v", got.Lines)
	}
	for _, operation := range e.sent {
		if !strings.HasPrefix(operation, "Get") && !strings.HasPrefix(operation, "List") {
			t.Errorf("sent %s", operation)
		}
	}
}
