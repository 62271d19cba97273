package event_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/event"
)

// sample reads one of the events in events/, by name.
func sample(t *testing.T, name string) event.Event {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := event.Decode(raw)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return e
}

// samples is the names of all events in events/.
func samples(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "events", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no events in events/")
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".json"))
	}
	return names
}

func TestEverySampleIsAWholeEvent(t *testing.T) {
	keys := map[string]string{}
	for _, name := range samples(t) {
		e := sample(t, name)
		if e.ID == "" || e.Source == "" || e.Region == "" || e.Account != "111122223333" || e.Time.IsZero() {
			t.Errorf("%s: id %q, source %q, region %q, account %q, time %v: one of them is missing or not the example account",
				name, e.ID, e.Source, e.Region, e.Account, e.Time)
		}
		if r := e.Record(); r != nil {
			if !r.Time.Equal(e.Time) || r.Region != e.Region {
				t.Errorf("%s: record says %v in %s, envelope %v in %s", name, r.Time, r.Region, e.Time, e.Region)
			}
			if want := "aws." + strings.TrimSuffix(r.Source, ".amazonaws.com"); e.Source != want {
				t.Errorf("%s: source %q, want %q as the record is of %s", name, e.Source, want, r.Source)
			}
		}
		// A corrected record is the same thing as the one it corrects, and a copy or a repetition as the first: that is what
		// their samples are for.
		if other, ok := keys[e.Key()]; ok && !sameAs.MatchString(name) && !sameAs.MatchString(other) {
			t.Errorf("%s and %s have the same key %s", name, other, e.Key())
		}
		keys[e.Key()] = name
	}
}

// sameAs matches the names of samples of what another sample has told already.
var sameAs = regexp.MustCompile(`-(corrected|backup|again)$`)

func TestACopyOrARepetitionIsTheSameIncident(t *testing.T) {
	for first, second := range map[string]string{"access-key-leaked": "access-key-leaked-backup",
		"access-key-misused": "access-key-misused-again"} {
		a, b := sample(t, first), sample(t, second)
		if a.ID == b.ID {
			t.Errorf("%s and %s must differ in id, as AWS's do", first, second)
		}
		if a.Key() != b.Key() {
			t.Errorf("%s has key %s, %s has %s, want the same", first, a.Key(), second, b.Key())
		}
	}
}

func TestACorrectedRecordIsTheSameIncident(t *testing.T) {
	first, corrected := sample(t, "direct-policy-attached"), sample(t, "direct-policy-attached-corrected")
	if first.ID == corrected.ID || first.Record().EventID == corrected.Record().EventID {
		t.Fatal("the samples must differ in id and eventID, as AWS's do")
	}
	if first.Key() != corrected.Key() {
		t.Errorf("keys %s and %s, want the same", first.Key(), corrected.Key())
	}
	if late := sample(t, "direct-policy-attached-late"); late.Key() != late.Record().EventID {
		t.Errorf("a late record has key %s, want its own eventID %s", late.Key(), late.Record().EventID)
	}
}

func TestWhoDidIt(t *testing.T) {
	type who struct {
		kind    event.Kind
		name    string
		session string
		role    string // ARN
		service string
	}
	const account = "arn:aws:iam::111122223333:"
	const sso = "AWSReservedSSO_AdministratorAccess_0123456789abcdef"
	for name, want := range map[string]who{
		"direct-policy-attached": {event.IdentityCenter, sso + "/alice@example.com", "alice@example.com",
			account + "role/aws-reserved/sso.amazonaws.com/us-east-2/" + sso, ""},
		"role-console-login-sso-lookalike": {event.AssumedRole,
			"AWSReservedSSO_AdministratorAccess_fedcba9876543210/mallory", "mallory",
			account + "role/AWSReservedSSO_AdministratorAccess_fedcba9876543210", ""},
		"admin-policy-attached-to-user":        {event.IAMUser, "alice", "", "", ""},
		"iam-console-login-security-key":       {event.IAMUser, "carol", "", "", ""},
		"iam-console-login-failed":             {event.IAMUser, "bob", "", "", ""},
		"iam-console-login-failed-hidden-user": {event.IAMUser, "a user name that does not exist", "", "", ""},
		"deny-policy-attached": {event.AssumedRole, "incident-response/grace@example.com",
			"grace@example.com", account + "role/incident-response", ""},
		"warder-own-detach": {event.AssumedRole,
			"warder-detach-direct-policy/warder-detach-direct-policy", "warder-detach-direct-policy", account +
				"role/warder/warder-detach-direct-policy", ""},
		"switch-role":               {event.AssumedRole, "support/alice", "alice", "", ""},
		"federated-console-login":   {event.Federated, "judy", "", "", ""},
		"root-console-login-failed": {event.Root, "root", "", "", ""},
		"service-assumed-role": {event.AWSService, "lambda.amazonaws.com", "", "",
			"lambda.amazonaws.com"},
		"quarantine-policy-attached-by-aws": {event.AWSService, "AWS Internal", "", "", "AWS Internal"},
		"sso-user-authenticated": {event.IdentityCenter,
			"a1b2c3d4-5678-90ab-cdef-11111EXAMPLE", "", "", ""},
		"direct-policy-attached-by-cloudformation": {event.AssumedRole, "terraform/deploy-1842", "deploy-1842", account +
			"role/terraform", "cloudformation.amazonaws.com"},
		// A person at the console, although the record names an invoking service.
		"root-created-access-key-invoked-by-console": {event.Root, "root", "", "", ""},
		"change-password-policy-attached-by-console": {event.IAMUser, "alice", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			i := sample(t, name).Record().Identity
			got := who{i.Kind(), i.Name(), i.SessionName(), i.RoleARN(), i.Service()}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestAHiddenUserNameIsNoUserName(t *testing.T) {
	i := sample(t, "iam-console-login-failed-hidden-user").Record().Identity
	if i.UserName != "" || !i.HiddenUser {
		t.Errorf("user name %q, hidden %v, want none and hidden", i.UserName, i.HiddenUser)
	}
}

func TestWhomAnIAMCallIsAbout(t *testing.T) {
	for name, want := range map[string]string{
		"direct-policy-attached":             "bob",
		"access-key-created":                 "ci-deploy",
		"access-key-created-self":            "bob",       // no parameters: the answer names the user
		"access-key-deactivated-self":        "bob",       // parameters without user name, no answer: the caller
		"login-profile-created":              "ci-deploy", //
		"user-created":                       "heidi",     //
		"direct-policy-attach-failed":        "frank",     // failed for another reason than permission: it says whom
		"direct-policy-attach-denied":        "",          // denied: it does not say
		"mfa-deactivate-denied":              "",          // denied, of a kind that may mean the caller: it does not say
		"root-created-access-key":            "",          // the root user's own key
		"root-mfa-deactivated":               "",          //
		"root-session-deleted-login-profile": "",          //
		"admin-policy-attached-to-role":      "",          // not about a user
		"password-policy-deleted":            "",          // no parameters, but does not mean the caller
		"cloudtrail-stopped":                 "",          // not IAM
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := sample(t, name).Detail.(*event.APICall).User()
			if got != want || ok != (want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, want)
			}
		})
	}
}

func TestHowASignInWent(t *testing.T) {
	type sign struct {
		name       string
		kind       event.Kind
		ok, failed bool
		mfa        bool
	}
	for name, want := range map[string]sign{
		"root-console-login":                          {"ConsoleLogin", event.Root, true, false, true},
		"root-console-login-no-mfa":                   {"ConsoleLogin", event.Root, true, false, false},
		"root-console-login-failed":                   {"ConsoleLogin", event.Root, false, true, false},
		"iam-console-login-mfa":                       {"ConsoleLogin", event.IAMUser, true, false, true}, // written "YES"
		"iam-console-login-no-mfa":                    {"ConsoleLogin", event.IAMUser, true, false, false},
		"iam-console-login-failed":                    {"ConsoleLogin", event.IAMUser, false, true, true},
		"iam-console-login-refused-by-sign-in-policy": {"ConsoleLogin", event.IAMUser, false, true, false},
		"sso-console-login":                           {"ConsoleLogin", event.IdentityCenter, true, false, false},
		"saml-console-login":                          {"ConsoleLogin", event.SAML, true, false, false},
		"role-console-login":                          {"ConsoleLogin", event.AssumedRole, true, false, false},
		"federated-console-login":                     {"ConsoleLogin", event.Federated, true, false, false},
		"switch-role":                                 {"SwitchRole", event.AssumedRole, true, false, false},
		"switch-role-refused":                         {"SwitchRole", event.AssumedRole, false, true, false},
		"mfa-checked":                                 {"CheckMfa", event.IAMUser, true, false, false},
		"sign-in-token-issued":                        {"GetSigninToken", event.AssumedRole, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := sample(t, name).Detail.(*event.SignIn)
			got := sign{s.Name, s.Kind(), s.Succeeded(), s.Failed(), s.MFAUsed}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if s.Denied() || s.ErrorCode != "" {
				t.Errorf("error code %q: sign-ins have none", s.ErrorCode)
			}
		})
	}
	s := sample(t, "switch-role").Detail.(*event.SignIn)
	if s.SwitchFrom != "arn:aws:iam::444455556666:user/alice" {
		t.Errorf("switch from %q", s.SwitchFrom)
	}
	s = sample(t, "saml-console-login").Detail.(*event.SignIn)
	if s.SAMLProvider != "arn:aws:iam::111122223333:saml-provider/corp-idp" {
		t.Errorf("SAML provider %q", s.SAMLProvider)
	}
	if s = sample(t,
		"iam-console-login-mfa").Detail.(*event.SignIn); s.MFAIdentifier != "arn:aws:iam::111122223333:mfa/alice" {
		t.Errorf("MFA identifier %q", s.MFAIdentifier)
	}
}

func TestWhatACallAskedForIsReadWithoutItsBeingThere(t *testing.T) {
	call := sample(t, "direct-policy-attached").Detail.(*event.APICall)
	if arn, ok := call.Param("policyArn"); arn != "arn:aws:iam::aws:policy/AmazonS3FullAccess" || !ok {
		t.Errorf("policyArn = %q, %v", arn, ok)
	}
	if call.Failed() || call.ReadOnly == nil || *call.ReadOnly || !call.SessionCredentialFromConsole {
		t.Errorf("failed %v, read-only %v, console %v, want a successful write from the console", call.Failed(),
			call.ReadOnly, call.SessionCredentialFromConsole)
	}

	denied := sample(t, "direct-policy-attach-denied").Detail.(*event.APICall)
	if arn, ok := denied.Param("policyArn"); arn != "" || ok {
		t.Errorf("policyArn of a denied call = %q, %v, want none", arn, ok)
	}
	if !denied.Denied() || !denied.Failed() {
		t.Errorf("error code %q is not seen as denied", denied.ErrorCode)
	}
	if failed := sample(t, "direct-policy-attach-failed").Record(); failed.Denied() || !failed.Failed() {
		t.Errorf("error code %q: denied %v, failed %v, want failed only", failed.ErrorCode, failed.Denied(), failed.Failed())
	}
	if ec2 := sample(t, "root-denied-by-service-control-policy").Record(); !ec2.Denied() {
		t.Errorf("error code %q is not seen as denied", ec2.ErrorCode)
	}

	inline := sample(t, "inline-policy-put").Detail.(*event.APICall)
	if doc, _ := inline.Param("policyDocument"); !strings.HasPrefix(doc, "{\n\t\"Version\"") ||
		!strings.HasSuffix(doc, "]\n}\n") {
		t.Errorf("policy document lost its white space: %q", doc)
	}

	tags := sample(t, "exemption-tag-set").Record().Request.Objects("tags")
	if len(tags) != 1 {
		t.Fatalf("%d tags, want 1", len(tags))
	}
	if k, _ := tags[0].Text("key"); k != "warder:exempt" {
		t.Errorf("tag %q", k)
	}
	if keys := sample(t, "exemption-tag-removed").Record().Request.Texts("tagKeys"); len(keys) != 1 ||
		keys[0] != "warder:exempt" {
		t.Errorf("tag keys %q", keys)
	}
	version := sample(t, "policy-version-created-admin").Record()
	if asDefault, ok := version.Request.Bool("setAsDefault"); !asDefault || !ok {
		t.Errorf("setAsDefault = %v, %v", asDefault, ok)
	}
	if id, _ := version.Response.Text("policyVersion", "versionId"); id != "v4" {
		t.Errorf("version %q", id)
	}
}

func TestRootSessionsOfAWSAreKnown(t *testing.T) {
	if !sample(t, "root-session-deleted-login-profile").Record().Identity.Session.AssumedRoot {
		t.Error("the session of AssumeRoot is not known as one")
	}
	if sample(t, "root-created-access-key").Record().Identity.Session.AssumedRoot {
		t.Error("the root user's own session is taken for one of AssumeRoot")
	}
	if e := sample(t, "root-service-event"); e.Detail.(*event.ServiceEvent).Name != "RotateKey" {
		t.Errorf("detail %+v", e.Detail)
	}
	billing, ok := sample(t, "root-payment-method-changed").Detail.(*event.APICall)
	if !ok || billing.Type != "AwsConsoleAction" {
		t.Errorf("a console action is %T, want an API call", billing)
	}
}

func TestComplianceChanges(t *testing.T) {
	for name, want := range map[string]struct {
		rule, id, old           string
		compliant, nonCompliant bool
	}{
		"access-keys-rotated-noncompliant": {"access-keys-rotated", "AIDABOBQRSTUVWEXAMPLE",
			"COMPLIANT", false, true},
		"access-keys-rotated-noncompliant-first-time": {"access-keys-rotated", "AIDACIDEPLOYQREXAMPLE", "", false, true},
		"access-keys-rotated-compliant": {"access-keys-rotated", "AIDABOBQRSTUVWEXAMPLE",
			"NON_COMPLIANT", true, false},
		"access-keys-rotated-user-deleted": {"access-keys-rotated", "AIDAFRANKQRSTUEXAMPLE",
			"NON_COMPLIANT", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := sample(t, name)
			c := e.Detail.(*event.Compliance)
			if c.Rule != want.rule || c.ResourceID != want.id || c.OldComplianceType != want.old ||
				c.Compliant() != want.compliant || c.NonCompliant() != want.nonCompliant {
				t.Errorf("got %+v, want %+v", c, want)
			}
			if c.ResourceType != "AWS::IAM::User" || c.Account != e.Account || c.Region != e.Region {
				t.Errorf("got %+v in %+v", c, e)
			}
		})
	}
}

func TestFindingsOfAccessAnalyzer(t *testing.T) {
	type found struct {
		access   event.AccessKind
		resource string
		active   bool
		public   bool
		who      string
		what     string
		unused   string
	}
	for name, want := range map[string]found{
		"bucket-became-public": {event.ExternalAccess, "acme-website-assets", true, true, "AWS: *",
			"s3:GetObject", ""},
		"bucket-no-longer-public": {event.ExternalAccess, "acme-website-assets", false, true, "AWS: *",
			"s3:GetObject", ""},
		"bucket-shared-with-other-account": {event.ExternalAccess, "acme-reports", true, false, "AWS: 999988887777",
			"s3:GetObject,s3:ListBucket", ""},
		"external-access-archived": {event.ExternalAccess, "partner-import", false, false,
			"AWS: arn:aws:iam::999988887777:root", "sts:AssumeRole", ""},
		// its status is ACTIVE
		"external-access-deleted": {event.ExternalAccess, "acme-reports", false, false, "AWS: 999988887777",
			"s3:GetObject,s3:ListBucket", ""},
		"internal-access-found": {event.InternalAccess, "acme-customer-records", true, false,
			"AWS: arn:aws:iam::111122223333:role/batch", "s3:GetObject", ""},
		"user-access-key-unused":  {event.UnusedAccess, "erin@example.com", true, false, "", "", ""},
		"role-permissions-unused": {event.UnusedAccess, "batch", true, false, "", "", "3 services, 41 actions"},
	} {
		t.Run(name, func(t *testing.T) {
			e := sample(t, name)
			f := e.Detail.(*event.AccessFinding)
			got := found{f.Access, f.Resource[strings.LastIndexAny(f.Resource, ":/")+1:], f.Active(), f.Public,
				strings.Join(f.Principals, ","), strings.Join(f.Actions, ","), ""}
			if f.UnusedServices != "" {
				got.unused = f.UnusedServices + " services, " + f.UnusedActions + " actions"
			}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if f.ID == "" || f.ID == e.ID || f.Account != e.Account || f.Region != e.Region {
				t.Errorf("finding %q of %s in %s, want its own id, the account and the region", f.ID, f.Account, f.Region)
			}
		})
	}
	again := sample(t, "bucket-no-longer-public").Detail.(*event.AccessFinding)
	if first := sample(t, "bucket-became-public").Detail.(*event.AccessFinding); first.ID != again.ID {
		t.Errorf("ids %s and %s of one finding", first.ID, again.ID)
	}
	if f := sample(t, "bucket-not-analyzed").Detail.(*event.AccessFinding); f.Error != "ACCESS_DENIED" || !f.Active() {
		t.Errorf("got %+v, want an active finding with its error", f)
	}
}

func TestWhatAWSHealthSays(t *testing.T) {
	type says struct {
		code, service, account, entity string
		backup, closed                 bool
	}
	for name, want := range map[string]says{
		"access-key-leaked": {"AWS_RISK_CREDENTIALS_EXPOSED", "RISK", "111122223333",
			"AKIACIDEPLOYQEXAMPLE", false, false},
		"access-key-leaked-backup": {"AWS_RISK_CREDENTIALS_EXPOSED", "RISK", "111122223333",
			"AKIACIDEPLOYQEXAMPLE", true, false},
		"access-key-leak-closed": {"AWS_RISK_CREDENTIALS_EXPOSED", "RISK", "111122223333",
			"AKIACIDEPLOYQEXAMPLE", false, true},
		"access-key-leaked-old-schema": {"AWS_RISK_CREDENTIALS_EXPOSED", "RISK", "111122223333",
			"AKIABOBQRSTUVEXAMPLE", false, false},
		"access-key-leaked-in-other-account": {"AWS_RISK_CREDENTIALS_EXPOSED", "RISK", "444455556666",
			"AKIAPARTNERQREXAMPLE", false, false},
		"user-quarantined-by-aws": {"AWS_RISK_IAM_QUARANTINE", "RISK", "111122223333",
			"arn:aws:iam::111122223333:user/team/data/carol", false, false},
		"abuse-reported": {"AWS_ABUSE_DOS_REPORT", "ABUSE", "111122223333",
			"arn:aws:ec2:us-east-1:111122223333:instance/i-0abc1234def567890", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := sample(t, name)
			h := e.Detail.(*event.Health)
			if len(h.Entities) != 1 {
				t.Fatalf("entities %+v, want one", h.Entities)
			}
			got := says{h.TypeCode, h.Service, h.Account, h.Entities[0].Value, h.Backup, h.Closed()}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if h.Region != "us-east-1" || h.Page != 1 || h.Pages != 1 || h.Start.IsZero() || h.Start.After(e.Time) ||
				h.Description == "" {
				t.Errorf("got %+v", h)
			}
		})
	}
}

func TestFindingsOfGuardDuty(t *testing.T) {
	alice := event.Credential{AccessKeyID: "AKIAALICEQRSTEXAMPLE", PrincipalID: "AIDAALICEQRSTUEXAMPLE", UserName: "alice",
		UserType: "IAMUser"}
	for name, want := range map[string]struct {
		severity float64
		count    int
		sample   bool
		remote   string
		of       event.Credential
	}{
		"access-key-misused":          {8, 1, false, "198.51.100.23", alice},
		"access-key-misused-again":    {8, 7, false, "198.51.100.23", alice},
		"access-key-unusual-call":     {2, 1, false, "198.51.100.23", alice},
		"credentials-attack-sequence": {9, 1, false, "", alice},
		"instance-credentials-misused": {8, 1, false, "198.51.100.23",
			event.Credential{AccessKeyID: "ASIAWEBSERVEREXAMPLE", PrincipalID: "AROAWEBSERVERQEXAMPLE:i-0abc1234def567890",
				UserName: "web-server", UserType: "AssumedRole"}},
		"access-key-misused-sample": {8, 1, true, "198.51.100.0",
			event.Credential{AccessKeyID: "GeneratedFindingAccessKeyId", PrincipalID: "GeneratedFindingPrincipalId",
				UserName: "GeneratedFindingUserName", UserType: "IAMUser"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := sample(t, name)
			f := e.Detail.(*event.Threat)
			if f.Severity != want.severity || f.Count != want.count || f.Sample != want.sample ||
				f.Remote != want.remote || f.Archived {
				t.Errorf("got %+v, want %+v", f, want)
			}
			if len(f.Credentials) != 1 || f.Credentials[0] != want.of {
				t.Errorf("credentials %+v, want %+v", f.Credentials, want.of)
			}
			if f.Account != e.Account || f.Region != e.Region || f.First.IsZero() || f.Last.Before(f.First) || f.Type == "" {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestASweepKnowsItsRule(t *testing.T) {
	s, ok := sample(t, "daily-sweep").Detail.(*event.Sweep)
	if !ok || !strings.HasPrefix(s.Rule, "arn:aws:events:us-east-1:111122223333:rule/") {
		t.Errorf("got %+v", s)
	}
}

func TestAnEventOfAnotherTypeIsUnknown(t *testing.T) {
	u, ok := sample(t, "ec2-instance-stopped").Detail.(*event.Unknown)
	if !ok {
		t.Fatalf("got %T", sample(t, "ec2-instance-stopped").Detail)
	}
	if state, _ := u.Fields.Text("state"); state != "stopped" {
		t.Errorf("state %q", state)
	}
}
