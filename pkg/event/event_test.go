package event_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/event"
)

// wrapped is a CloudTrail event with the detail given, of a call unless the detail says otherwise.
func wrapped(detail string) string {
	return `{"version":"0","id":"5e2c0b1a-0000-4000-8000-000000000001","detail-type":"AWS API Call via CloudTrail",` +
		`"source":"aws.iam","account":"111122223333","time":"2026-11-16T09:00:00Z","region":"us-east-1","detail":` + detail + `}`
}

// call is a wrapped API call with more fields in its record, such as `"errorCode":"AccessDenied"`.
func call(fields string) string {
	return wrapped(
		`{"eventVersion":"1.11","eventSource":"iam.amazonaws.com","eventName":"ListUsers","eventType":"AwsApiCall",` + fields + `}`,
	)
}

func decode(t *testing.T, raw string) event.Event {
	t.Helper()
	e, err := event.Decode([]byte(raw))
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return e
}

func TestWhatIsNoEventIsRefusedAndTheFieldNamed(t *testing.T) {
	config := func(detail string) string {
		return `{"id":"1","source":"aws.config","detail-type":"Config Rules Compliance Change","detail":` + detail + `}`
	}
	access := func(detail string) string {
		return `{"id":"1","source":"aws.access-analyzer","detail-type":"Access Analyzer Finding","detail":` + detail + `}`
	}
	health := func(detail string) string {
		return `{"id":"1","source":"aws.health","detail-type":"AWS Health Event","detail":` + detail + `}`
	}
	threat := func(detail string) string {
		return `{"id":"1","source":"aws.guardduty","detail-type":"GuardDuty Finding","detail":` + detail + `}`
	}
	for name, c := range map[string]struct{ raw, field string }{
		"a health event without a detail":      {health(`"x"`), "detail"},
		"a health event without its type":      {health(`{"service":"RISK"}`), "detail.eventTypeCode"},
		"a GuardDuty finding without a detail": {threat(`null`), "detail"},
		"a list of GuardDuty findings":         {threat(`[{"id":"f","type":"t","severity":8}]`), "detail"},
		"a GuardDuty finding without its id":   {threat(`{"type":"t","severity":8}`), "detail.id"},
		"a GuardDuty finding without its type": {threat(`{"id":"f","severity":8}`), "detail.type"},
		"a GuardDuty finding without severity": {threat(`{"id":"f","type":"t"}`), "detail.severity"},
		"a GuardDuty finding of severity HIGH": {threat(`{"id":"f","type":"t","severity":"HIGH"}`), "detail.severity"},
		"a GuardDuty finding of severity NaN":  {threat(`{"id":"f","type":"t","severity":"NaN"}`), "detail.severity"},
		"nothing at all":                       {``, ""},
		"a list":                               {`[{}]`, ""},
		"a string":                             {`"event"`, ""},
		"null":                                 {`null`, ""},
		"an object cut short":                  {`{"id":"1"`, ""},
		"two objects":                          {`{} {}`, ""},
		"a call without a detail":              {wrapped(`null`), "detail"},
		"a call whose detail is text":          {wrapped(`"x"`), "detail"},
		"a call without a name": {wrapped(`{"eventType":"AwsApiCall","eventSource":"iam.amazonaws.com"}`),
			"detail.eventName"},
		"a call whose name is an object": {wrapped(`{"eventName":{},"eventSource":"iam.amazonaws.com"}`),
			"detail.eventName"},
		"a call whose name is spelled with capital": {wrapped(`{"EventName":"ListUsers","eventSource":"iam.amazonaws.com"}`),
			"detail.eventName"},
		"a call without a source":           {wrapped(`{"eventName":"ListUsers"}`), "detail.eventSource"},
		"a record of a later major version": {wrapped(`{"eventVersion":"2.0","eventName":"ListUsers","eventSource":"iam.amazonaws.com"}`), "detail.eventVersion"},
		"a sign-in without a name":          {wrapped(`{"eventType":"AwsConsoleSignIn","eventSource":"signin.amazonaws.com"}`), "detail.eventName"},
		"a service event without a source": {wrapped(`{"eventType":"AwsServiceEvent","eventName":"RotateKey"}`),
			"detail.eventSource"},
		"a compliance change without a detail":      {config(`[]`), "detail"},
		"a compliance change without its rule":      {config(`{"resourceType":"AWS::IAM::User","resourceId":"AIDA","newEvaluationResult":{"complianceType":"COMPLIANT"}}`), "detail.configRuleName"},
		"a compliance change without resource type": {config(`{"configRuleName":"r","resourceId":"AIDA","newEvaluationResult":{"complianceType":"COMPLIANT"}}`), "detail.resourceType"},
		"a compliance change without its resource":  {config(`{"configRuleName":"r","resourceType":"AWS::IAM::User","newEvaluationResult":{"complianceType":"COMPLIANT"}}`), "detail.resourceId"},
		"a compliance change without a result":      {config(`{"configRuleName":"r","resourceType":"AWS::IAM::User","resourceId":"AIDA","newEvaluationResult":null}`), "detail.newEvaluationResult.complianceType"},
		"a finding without a detail":                {access(`[]`), "detail"},
		"a finding without an id":                   {access(`{"status":"ACTIVE","resource":"arn:aws:s3:::b"}`), "detail.id"},
		"a finding without a status":                {access(`{"id":"f","resource":"arn:aws:s3:::b"}`), "detail.status"},
		"a finding without its resource":            {access(`{"id":"f","status":"ACTIVE"}`), "detail.resource"},
		"a sweep without its time":                  {`{"id":"1","source":"aws.events","detail-type":"Scheduled Event","detail":{}}`, "time"},
		"a sweep with another time than a time":     {`{"id":"1","source":"aws.events","detail-type":"Scheduled Event","time":"soon","detail":{}}`, "time"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := event.Decode([]byte(c.raw))
			var fault *event.Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %+v, %v, want an *event.Error", e, err)
			}
			if fault.Field != c.field || fault.Reason == "" {
				t.Errorf("got %q, want one of field %q", err, c.field)
			}
			if !strings.Contains(err.Error(), c.field) || !strings.HasPrefix(err.Error(), "decode event: ") {
				t.Errorf("message %q does not name %q", err, c.field)
			}
		})
	}
}

func TestAnErrorHoldsNothingOfTheEvent(t *testing.T) {
	const secret = "hunter2"
	for _, raw := range []string{
		secret,
		`{"password":"` + secret,
		`{"password":` + secret + `}`,
		wrapped(`{"eventVersion":"` + secret + `","eventName":"x","eventSource":"y"}`),
		`{"source":"aws.events","detail-type":"Scheduled Event","time":"` + secret + `"}`,
	} {
		_, err := event.Decode([]byte(raw))
		if err == nil {
			t.Errorf("%s is an event", raw)
			continue
		}
		for i := range len(secret) - 2 {
			if strings.Contains(err.Error(), secret[i:i+3]) {
				t.Errorf("%v quotes the event %s", err, raw)
			}
		}
	}
}

func TestTheTypeFollowsFromSourceAndDetailType(t *testing.T) {
	const record = `"detail":{"eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com"%}`
	for name, c := range map[string]struct{ raw, want string }{
		"a sign-in, as it was recorded": {`{"source":"aws.signin","detail-type":"AWS Console Sign In via CloudTrail",` +
			record + `}`, "sign-in"},
		"a sign-in, as the guide spells it": {`{"source":"aws.signin","detail-type":"AWS Console Signin via CloudTrail",` +
			record + `}`, "sign-in"},
		"a sign-in that says so itself": {`{"source":"aws.signin","detail-type":"AWS Console Sign-In via CloudTrail",` +
			strings.Replace(record, "%", `,"eventType":"AwsConsoleSignIn"`, 1) + `}`, "sign-in"},
		"a console action": {`{"source":"aws.billingconsole","detail-type":"AWS Console Action via CloudTrail",` + record + `}`, "call"},
		"a service event": {`{"source":"aws.kms","detail-type":"AWS Service Event via CloudTrail",` +
			record + `}`, "service event"},
		"an insight": {`{"source":"aws.iam","detail-type":"AWS Insight via CloudTrail",` +
			record + `}`, "unknown"},
		"network activity":                            {`{"source":"aws.s3","detail-type":"AWS Network Activity Event via CloudTrail",` + strings.Replace(record, "%", `,"eventType":"AwsVpceEvent"`, 1) + `}`, "unknown"},
		"a compliance change":                         {`{"source":"aws.config","detail-type":"Config Rules Compliance Change","detail":{"configRuleName":"r","resourceType":"t","resourceId":"i","newEvaluationResult":{"complianceType":"COMPLIANT"}}}`, "compliance"},
		"a finding of unused access":                  {`{"source":"aws.access-analyzer","detail-type":"Unused Access Finding for IAM entities","detail":{"findingId":"f","status":"ACTIVE","resource":"r"}}`, "finding"},
		"an access preview, which is no finding":      {`{"source":"aws.access-analyzer","detail-type":"Access Preview State Change","detail":{}}`, "unknown"},
		"somebody's own finding":                      {`{"source":"my.app","detail-type":"Access Analyzer Finding","detail":{}}`, "unknown"},
		"a health event":                              {`{"source":"aws.health","detail-type":"AWS Health Event","detail":{"eventTypeCode":"AWS_RISK_CREDENTIALS_EXPOSED"}}`, "health"},
		"a health event of abuse":                     {`{"source":"aws.health","detail-type":"AWS Health Abuse Event","detail":{"eventTypeCode":"AWS_ABUSE_DOS_REPORT"}}`, "health"},
		"somebody's own health event":                 {`{"source":"my.health","detail-type":"AWS Health Event","detail":{}}`, "unknown"},
		"a GuardDuty finding":                         {`{"source":"aws.guardduty","detail-type":"GuardDuty Finding","detail":{"id":"f","type":"t","severity":8.0}}`, "threat"},
		"somebody's own GuardDuty finding":            {`{"source":"guardduty","detail-type":"GuardDuty Finding","detail":{}}`, "unknown"},
		"a sweep":                                     {`{"source":"aws.events","detail-type":"Scheduled Event","time":"2026-11-16T09:00:00Z"}`, "sweep"},
		"an event of EventBridge that is no schedule": {`{"source":"aws.events","detail-type":"Connection Activated"}`, "unknown"},
		"somebody's own event that calls itself a call": {`{"source":"my.app","detail-type":"AWS API Call via CloudTrail",` +
			record + `}`, "unknown"},
		"somebody's own compliance change":             {`{"source":"my.app","detail-type":"Config Rules Compliance Change","detail":{}}`, "unknown"},
		"a drill's sign-in":                            {`{"source":"warder.drill","detail-type":"AWS Console Sign In via CloudTrail",` + strings.Replace(record, "%", `,"eventType":"AwsConsoleSignIn"`, 1) + `}`, "sign-in"},
		"a drill's compliance change":                  {`{"source":"warder.drill","detail-type":"Config Rules Compliance Change","detail":{"configRuleName":"r","resourceType":"t","resourceId":"i","newEvaluationResult":{"complianceType":"COMPLIANT"}}}`, "compliance"},
		"a drill's call, which drills do not make up":  {`{"source":"warder.drill","detail-type":"AWS API Call via CloudTrail",` + strings.Replace(record, "%", `,"eventType":"AwsApiCall"`, 1) + `}`, "unknown"},
		"a drill's sweep, which drills do not make up": {`{"source":"warder.drill","detail-type":"Scheduled Event","time":"2026-11-16T09:00:00Z"}`, "unknown"},
		"a source that only begins like a drill's":     {`{"source":"warder.drills","detail-type":"Config Rules Compliance Change","detail":{}}`, "unknown"},
		"somebody's own schedule":                      {`{"source":"my.app","detail-type":"Scheduled Event"}`, "unknown"},
		"a source that only begins like AWS's":         {`{"source":"awsome.iam","detail-type":"AWS API Call via CloudTrail",` + record + `}`, "unknown"},
		"an object that is nobody's event":             {`{}`, "unknown"},
		"an envelope with fields of other types":       {`{"id":{},"source":7,"detail-type":[],"time":false,"resources":"x","detail":"{}"}`, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			e := decode(t, strings.Replace(c.raw, "%", "", 1))
			got := ""
			switch e.Detail.(type) {
			case *event.APICall:
				got = "call"
			case *event.SignIn:
				got = "sign-in"
			case *event.ServiceEvent:
				got = "service event"
			case *event.Compliance:
				got = "compliance"
			case *event.AccessFinding:
				got = "finding"
			case *event.Health:
				got = "health"
			case *event.Threat:
				got = "threat"
			case *event.Sweep:
				got = "sweep"
			case *event.Unknown:
				got = "unknown"
			}
			if got != c.want {
				t.Errorf("got %T, want %s", e.Detail, c.want)
			}
			if e.Key() == "" {
				t.Error("no key")
			}
		})
	}
}

func TestTheSameThingHasTheSameKey(t *testing.T) {
	const id = `"eventID":"37bd1355-17f1-4e7e-8775-1b67b63cefe6"`
	const old = `"originalEventID":"10163ed2-2253-469d-a5ee-cbc6651f8934"`
	for name, c := range map[string]struct{ raw, want string }{
		"a call": {call(id), "37bd1355-17f1-4e7e-8775-1b67b63cefe6"},
		"a corrected record": {call(id + `,"addendum":{"reason":"UPDATED_DATA",` + old + `}`),
			"10163ed2-2253-469d-a5ee-cbc6651f8934"},
		"a corrected record that names no other": {call(id + `,"addendum":{"reason":"UPDATED_DATA"}`),
			"37bd1355-17f1-4e7e-8775-1b67b63cefe6"},
		"a late record": {call(id + `,"addendum":{"reason":"DELIVERY_DELAY",` + old + `}`),
			"37bd1355-17f1-4e7e-8775-1b67b63cefe6"},
		"a drill's sign-in, which is no delivery of another": {strings.Replace(call(id+`,"eventType":"AwsConsoleSignIn"`),
			"aws.iam", "warder.drill", 1), "warder.drill:37bd1355-17f1-4e7e-8775-1b67b63cefe6"},
		"an event that is not CloudTrail's": {`{"id":"e-1","source":"aws.health","detail":{` + id + `}}`, "e-1"},
		"an event without any id (SHA-256 of it)": {`{}`,
			"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decode(t, c.raw).Key(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}

	health := func(detail string) string {
		return `{"id":"e-1","source":"aws.health","account":"111122223333","detail-type":"AWS Health Event","detail":{"eventTypeCode":"AWS_RISK_IAM_QUARANTINE"` + detail + `}}`
	}
	threat := func(account string) string {
		return `{"id":"e-1","source":"aws.guardduty","account":"111122223333","detail-type":"GuardDuty Finding","detail":{"id":"f","type":"t","severity":8` + account + `}}`
	}
	for name, c := range map[string]struct{ raw, want string }{
		"a health event": {health(`,"communicationId":"c-1"`), "health:111122223333:c-1:8d3641bc1687f690"},
		"its copy": {health(`,"communicationId":"c-1","backupEvent":"true","page":"1","totalPages":"1"`),
			"health:111122223333:c-1:8d3641bc1687f690"},
		"its second page": {health(`,"communicationId":"c-1","page":"2","totalPages":"2"`),
			"health:111122223333:c-1:2:8d3641bc1687f690"},
		"a health event to a gathering account": {health(`,"communicationId":"c-1","affectedAccount":"444455556666"`),
			"health:444455556666:c-1:8d3641bc1687f690"},
		"a health event of the schema before 2023":   {health(``), "e-1"},
		"a GuardDuty finding":                        {threat(``), "guardduty:111122223333:f:1d8fc6ceb1f94c63"},
		"a GuardDuty finding in a delegated account": {threat(`,"accountId":"444455556666"`), "guardduty:444455556666:f:1d8fc6ceb1f94c63"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decode(t, c.raw).Key(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}

	for name, more := range map[string]string{
		"an update that names another key": health(`,"communicationId":"c-1","affectedEntities":[{"entityValue":"AKIAX"}]`),
		"an update that closes it":         health(`,"communicationId":"c-1","statusCode":"closed"`),
	} {
		if decode(t, more).Key() == decode(t, health(`,"communicationId":"c-1"`)).Key() {
			t.Errorf("%s has the key of what was said before", name)
		}
	}
	actors := func(names string) string {
		return threat(`,"service":{"detection":{"sequence":{"actors":[` + names + `]}}}`)
	}
	const alice, bob = `{"user":{"name":"alice"}}`, `{"user":{"name":"bob"}}`
	if decode(t, actors(alice)).Key() == decode(t, actors(alice+","+bob)).Key() {
		t.Error("a finding with one actor more has the key that it had before")
	}

	// Recordings edited by hand: "1" is no id.
	one, again, other := call(`"eventID":"1"`), strings.Replace(call(`"eventID":"1"`), "5e2c0b1a", "ffffffff",
		1), call(`"eventID":"1","sourceIPAddress":"203.0.113.9"`)
	if decode(t, one).Key() != decode(t, again).Key() {
		t.Error("one record delivered twice has two keys")
	}
	if decode(t, one).Key() == decode(t, other).Key() {
		t.Error("two records that share an id which is no GUID have one key")
	}
}

func TestTheTimeOfAnEvent(t *testing.T) {
	nine := time.Date(2026, 11, 16, 9, 0, 0, 0, time.UTC)
	const unknown = `{"source":"aws.health","time":"%"}`
	for name, c := range map[string]struct {
		raw  string
		want time.Time
	}{
		"the envelope's":                 {call(`"eventTime":"2026-11-16T08:59:58Z"`), nine},
		"the envelope's in another zone": {strings.Replace(unknown, "%", "2026-11-16T18:00:00+09:00", 1), nine},
		"the envelope's from a database": {strings.Replace(unknown, "%", "2026-11-16 09:00:00.000000000", 1), nine},
		"the record's if the envelope has none": {strings.Replace(call(`"eventTime":"2026-11-16T09:00:00Z"`),
			`"time":"2026-11-16T09:00:00Z"`, `"time":"redacted"`, 1), nine},
		"the notice's of a compliance change": {`{"source":"aws.config","detail-type":"Config Rules Compliance Change","detail":{"configRuleName":"r","resourceType":"t","resourceId":"i","notificationCreationTime":"2026-11-16T09:00:00.000Z","newEvaluationResult":{"complianceType":"COMPLIANT"}}}`, nine},
		"none if neither can be read": {strings.Replace(call(`"eventTime":"redacted"`),
			`"time":"2026-11-16T09:00:00Z",`, "", 1), time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decode(t, c.raw).Time; !got.Equal(c.want) || got.Location() != time.UTC {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestTimesAreReadInEveryFormatThatAWSUses(t *testing.T) {
	want := time.Date(2024, 10, 5, 21, 7, 11, 0, time.UTC)
	for _, text := range []string{
		"2024-10-05T21:07:11Z", "2024-10-05T21:07:11.000Z", "2024-10-06T06:07:11+09:00", "2024-10-05 21:07:11",
		"2024-10-05 21:07:11.000000000",
		"2024-10-05T21:07:11", "Oct 5, 2024 9:07:11 PM", "Oct 5, 2024, 9:07:11 PM", "Oct 05, 2024, 9:07:11 PM",
		"Sat, 5 Oct 2024 21:07:11 GMT",
	} {
		if got, ok := event.ParseTime(text); !got.Equal(want) || !ok {
			t.Errorf("ParseTime(%q) = %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "redacted", "2024-13-05T21:07:11Z", "1728162431"} {
		if got, ok := event.ParseTime(text); !got.IsZero() || ok {
			t.Errorf("ParseTime(%q) = %v, %v, want none", text, got, ok)
		}
	}
}

func TestOnlyAnAddressIsAnAddress(t *testing.T) {
	for source, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "2001:db8::9": "2001:db8::9", "::ffff:203.0.113.9": "203.0.113.9",
		"": "", "AWS Internal": "", "cloudformation.amazonaws.com": "", "203.0.113.09": "", "203.0.113.9, 198.51.100.1": "",
		"fe80::1%eth0": "", "203.0.113.0/24": "",
	} {
		r := decode(t, call(`"sourceIPAddress":"`+source+`"`)).Record()
		got, ok := r.Address()
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("address of %q = %v, %v, want %q", source, got, ok, want)
		}
	}
}

func TestWhichErrorCodesMeanDenied(t *testing.T) {
	for code, want := range map[string]bool{
		"AccessDenied": true, "AccessDeniedException": true, "UnauthorizedOperation": true,
		"Client.UnauthorizedOperation": true,
		"":                             false, "NoSuchEntity": false, "NoSuchEntityException": false,
		"LimitExceededException": false,
		"AccessDeniedX":          false,
	} {
		r := decode(t, call(`"errorCode":"`+code+`"`)).Record()
		if r.Denied() != want || r.Failed() != (code != "") {
			t.Errorf("%q: denied %v, failed %v", code, r.Denied(), r.Failed())
		}
	}
}

func TestWhatARecordLacksIsTakenFromTheEnvelope(t *testing.T) {
	r := decode(t, call(`"userIdentity":null,"requestParameters":null,"readOnly":"true"`)).Record()
	if r.Region != "us-east-1" || r.RecipientAccount != "111122223333" {
		t.Errorf("region %q, account %q", r.Region, r.RecipientAccount)
	}
	if r.ReadOnly == nil || !*r.ReadOnly {
		t.Error("readOnly as text is not read")
	}
	if diff := cmp.Diff(event.Identity{}, r.Identity); diff != "" {
		t.Errorf("identity of nobody (-want +got):\n%s", diff)
	}
	if r.Identity.Kind() != event.Unidentified || r.Identity.Name() == "" {
		t.Errorf("kind %q, name %q", r.Identity.Kind(), r.Identity.Name())
	}
}

func TestTheVPCEndpointOfARequest(t *testing.T) {
	r := decode(t,
		call(`"sourceIPAddress":"10.0.0.9","vpcEndpointId":"vpce-0a1b2c3d","vpcEndpointAccountId":"444455556666"`)).Record()
	if r.VPCEndpoint != "vpce-0a1b2c3d" || r.VPCEndpointAccount != "444455556666" {
		t.Errorf("endpoint %q of account %q", r.VPCEndpoint, r.VPCEndpointAccount)
	}
}

func TestRareIdentities(t *testing.T) {
	for name, c := range map[string]struct {
		identity string
		kind     event.Kind
		want     string
	}{
		"another account": {`{"type":"AWSAccount","accountId":"444455556666","principalId":"AIDAEXAMPLE"}`,
			event.AWSAccount, "AIDAEXAMPLE"},
		"another account and no more": {`{"type":"AWSAccount","accountId":"444455556666"}`, event.AWSAccount,
			"account 444455556666"},
		"a SAML user assuming a role": {`{"type":"SAMLUser","userName":"erin@example.com","principalId":"x:y"}`,
			event.SAML, "erin@example.com"},
		"a web identity assuming a role": {`{"type":"WebIdentityUser","userName":"repo:example/app","principalId":"x:y"}`,
			event.WebIdentity, "repo:example/app"},
		"a person of IAM Identity Center": {`{"type":"IdentityCenterUser","onBehalfOf":{"userId":"u-1"}}`,
			event.IdentityCenter, "u-1"},
		"an IAM user of whom only the ARN is": {`{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/team/data/carol"}`,
			event.IAMUser, "carol"},
		"a role of which only the ARN is": {`{"type":"AssumedRole","arn":"arn:aws-cn:sts::111122223333:assumed-role/build/run-1"}`, event.AssumedRole, "build/run-1"},
		"a role of which only the principal is": {`{"type":"AssumedRole","principalId":"AROAEXAMPLE:run-1"}`,
			event.AssumedRole, "AROAEXAMPLE:run-1"},
		"a role by Identity Center, ARN missing": {`{"type":"AssumedRole","sessionContext":{"sessionIssuer":{"type":"Role","userName":"AWSReservedSSO_Dev_0"}}}`, event.IdentityCenter, "AWSReservedSSO_Dev_0"},
		"a role named like Identity Center's":    {`{"type":"AssumedRole","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/x/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0","userName":"AWSReservedSSO_Dev_0"}}}`, event.AssumedRole, "AWSReservedSSO_Dev_0"},
		"an IAM user named like a role": {`{"type":"IAMUser","userName":"AWSReservedSSO_Dev_0"}`, event.IAMUser,
			"AWSReservedSSO_Dev_0"},
		"a type of tomorrow": {`{"type":"Robot","arn":"arn:aws:iam::111122223333:robot/r2"}`,
			event.Unidentified, "arn:aws:iam::111122223333:robot/r2"},
		"a service without its name":     {`{"type":"AWSService"}`, event.AWSService, "an unidentified principal"},
		"a list in place of an identity": {`[]`, event.Unidentified, "an unidentified principal"},
	} {
		t.Run(name, func(t *testing.T) {
			i := decode(t, call(`"userIdentity":`+c.identity)).Record().Identity
			if i.Kind() != c.kind || i.Name() != c.want {
				t.Errorf("got %q %q, want %q %q", i.Kind(), i.Name(), c.kind, c.want)
			}
		})
	}
}

func TestFieldsAreSafeToAskForAnything(t *testing.T) {
	f := decode(
		t,
		call(
			`"requestParameters":{"n":3600,"s":"22","b":true,"no":"No","z":null,"o":{"p":{"q":"deep"}},"l":["a",1,null,{"k":"v"}]}`,
		),
	).Record().Request
	for _, c := range []struct {
		path []string
		want string
		ok   bool
	}{
		{[]string{"n"}, "3600", true}, {[]string{"s"}, "22", true}, {[]string{"b"}, "true", true},
		{[]string{"o", "p", "q"}, "deep", true},
		{[]string{"z"}, "", false}, {[]string{"o"}, "", false}, {[]string{"l"}, "", false}, {[]string{"x"}, "", false},
		{[]string{"s", "x"}, "", false}, {nil, "", false},
	} {
		if got, ok := f.Text(c.path...); got != c.want || ok != c.ok {
			t.Errorf("Text(%q) = %q, %v, want %q, %v", c.path, got, ok, c.want, c.ok)
		}
	}
	if v, ok := f.Bool("no"); v || !ok {
		t.Errorf("Bool(no) = %v, %v, want false, true", v, ok)
	}
	if v, ok := f.Bool("s"); v || ok {
		t.Errorf("Bool(s) = %v, %v, want none", v, ok)
	}
	if diff := cmp.Diff([]string{"a", "1"}, f.Texts("l")); diff != "" {
		t.Errorf("Texts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]event.Fields{{"k": "v"}}, f.Objects("l")); diff != "" {
		t.Errorf("Objects (-want +got):\n%s", diff)
	}

	var none event.Fields
	if _, ok := none.Text("a", "b"); ok || none.Object("a") != nil || none.Objects("a") != nil || none.Texts("a") != nil {
		t.Error("nil Fields hold something")
	}
}

func TestHealthEventsAreReadAsAWSWritesThem(t *testing.T) {
	h := decode(t, `{"source":"aws.health","detail-type":"AWS Health Event","account":"111122223333","region":"us-west-2","detail":{
		"eventTypeCode":"AWS_RISK_CREDENTIALS_COMPROMISED","backupEvent":"true","page":"2","totalPages":"3",
		"statusCode":"open",
		"startTime":"Fri, 3 Jun 2022 05:01:10 GMT",
		"eventDescription":[{"language":"ja_JP","latestDescription":"..."},
			{"language":"en_US","latestDescription":"Your key"},{"language":"de_DE","latestDescription":"Ihr"}],
		"affectedEntities":[{"entityValue":"AKIAALICEQRSTEXAMPLE","status":"IMPAIRED"},{"entityValue":""},"x",{"entityValue":"bob"}]}}`).Detail.(*event.Health)
	want := &event.Health{
		TypeCode: "AWS_RISK_CREDENTIALS_COMPROMISED", StatusCode: "open", Account: "111122223333", Region: "us-west-2",
		Backup: true, Page: 2, Pages: 3, Start: time.Date(2022, 6, 3, 5, 1, 10, 0, time.UTC), Description: "Your key",
		Entities: []event.HealthEntity{{Value: "AKIAALICEQRSTEXAMPLE", Status: "IMPAIRED"}, {Value: "bob"}},
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSampleFindingsOfGuardDutyAreKnown(t *testing.T) {
	for info, want := range map[string]bool{
		`{"sample":true}`: true, `{"sample":"true"}`: true, `{"value":"{\"sample\":true}","type":"default"}`: true,
		`{"sample":false}`: false, `{"value":"{\"sample\":false}"}`: false, `{"value":"sample"}`: false,
		`{"value":"null"}`: false, `{}`: false, `null`: false, `"sample"`: false,
	} {
		f := decode(t,
			`{"source":"aws.guardduty","detail-type":"GuardDuty Finding","detail":{"id":"f","type":"t","severity":8,"service":{"additionalInfo":`+info+`}}}`).Detail.(*event.Threat)
		if f.Sample != want {
			t.Errorf("%s: sample %v, want %v", info, f.Sample, want)
		}
	}
}

func TestCredentialsOfAFinding(t *testing.T) {
	for name, c := range map[string]struct {
		detail string
		want   []event.Credential
	}{
		"of a bucket's finding": {
			`"resource":{"resourceType":"S3Bucket","s3BucketDetails":[{}],"accessKeyDetails":{"accessKeyId":"AKIAB","userType":"IAMUser","userName":"bob","principalId":"AIDAB"}}`,
			[]event.Credential{{AccessKeyID: "AKIAB", PrincipalID: "AIDAB", UserName: "bob", UserType: "IAMUser"}},
		},
		"of the actors and the keys of a sequence, each once": {
			`"resource":{"resourceType":"AttackSequence"},"service":{"detection":{"sequence":{"actors":[{"id":"a"},7,
				{"user":{"name":"bob","uid":"AIDAB","type":"IAMUser","credentialUid":"AKIAB"}}],"resources":[
				{"resourceType":"ACCESS_KEY","uid":"AKIAB",
					"data":{"accessKey":{"userName":"bob","principalId":"AIDAB","userType":"IAMUser"}}},
				{"resourceType":"EC2_INSTANCE","uid":"i-1","data":{"ec2Instance":{}}},
				{"resourceType":"AccessKey","name":"AKIAC"}]}}}`,
			[]event.Credential{{AccessKeyID: "AKIAB", PrincipalID: "AIDAB", UserName: "bob", UserType: "IAMUser"},
				{AccessKeyID: "AKIAC"}},
		},
		"of none": {`"resource":{"resourceType":"Instance"},"service":{"detection":{"sequence":[]}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := decode(t, `{"source":"aws.guardduty","detail-type":"GuardDuty Finding","detail":{"id":"f","type":"t","severity":8,`+
				c.detail+`}}`).Detail.(*event.Threat)
			if diff := cmp.Diff(c.want, f.Credentials); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever the bytes, Decode returns; what it takes for an event has a key, a detail and a name for who did it.
func FuzzDecode(f *testing.F) {
	for _, name := range samples(f) {
		raw, err := os.ReadFile(filepath.Join("..", "..", "events", name+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, raw := range []string{``, `{}`, `null`, `[]`, `{} {}`, call(`"userIdentity":[]`),
		wrapped(`{"eventName":1,"eventSource":true}`)} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := event.Decode(raw)
		if err != nil {
			var fault *event.Error
			if !errors.As(err, &fault) || fault.Reason == "" {
				t.Fatalf("error %#v is not an *event.Error with a reason", err)
			}
			return
		}
		if e.Key() == "" || e.Detail == nil {
			t.Fatalf("key %q, detail %v", e.Key(), e.Detail)
		}
		if again, err := event.Decode(raw); err != nil || again.Key() != e.Key() {
			t.Fatalf("key %q, then %q, %v", e.Key(), again.Key(), err)
		}
		if r := e.Record(); r != nil {
			if r.Name == "" || r.Source == "" || r.Identity.Name() == "" || r.Identity.Kind() == "" {
				t.Fatalf("record %+v", r)
			}
			r.Address()
			r.Denied()
			r.Identity.SessionName()
			r.Identity.RoleARN()
			_ = r.Identity.Service()
			r.Request.Objects("tags")
			r.Request.Texts("tags")
		}
		switch d := e.Detail.(type) {
		case *event.APICall:
			if user, ok := d.User(); ok != (user != "") {
				t.Fatalf("user %q, %v", user, ok)
			}
			d.Param("userName")
		case *event.SignIn:
			if d.Succeeded() && d.Outcome == "" || d.Kind() == "" {
				t.Fatalf("sign-in %+v", d)
			}
		case *event.Compliance:
			if d.ResourceID == "" || d.Compliant() && d.NonCompliant() {
				t.Fatalf("compliance %+v", d)
			}
		case *event.AccessFinding:
			if d.ID == "" || d.Resource == "" || d.Access == "" || d.Active() && d.Deleted {
				t.Fatalf("finding %+v", d)
			}
		case *event.Health:
			if d.TypeCode == "" || d.Page < 1 || d.Pages < 1 {
				t.Fatalf("health event %+v", d)
			}
		case *event.Threat:
			if d.ID == "" || d.Type == "" || d.Severity != d.Severity || d.Count < 1 {
				t.Fatalf("finding %+v", d)
			}
		case *event.Sweep:
			if e.Time.IsZero() {
				t.Fatal("a sweep without time")
			}
		}
	})
}

// Who made a call, where AWS names something in the person's place.
func TestIdentity_ByAWS(t *testing.T) {
	for invokedBy, want := range map[string]struct {
		byAWS, agent     bool
		service, through string
	}{
		"":                             {},
		"signin.amazonaws.com":         {},
		"aws-mcp.amazonaws.com":        {agent: true, through: "AWS MCP Server"},
		"eks-mcp.amazonaws.com":        {agent: true, through: "Amazon EKS MCP Server"},
		"new-mcp.amazonaws.com":        {agent: true, through: "new-mcp.amazonaws.com"},
		"AWS Internal":                 {byAWS: true, service: "AWS Internal", through: "AWS Internal"},
		"cloudformation.amazonaws.com": {true, false, "cloudformation.amazonaws.com", "cloudformation.amazonaws.com"},
		"aws-mcp.amazonaws.com.evil":   {false, false, "aws-mcp.amazonaws.com.evil", "aws-mcp.amazonaws.com.evil"},
		"new.amazonaws.com":            {false, false, "new.amazonaws.com", "new.amazonaws.com"},
	} {
		for _, kind := range []string{"Root", "IAMUser", "AssumedRole"} {
			i := event.Identity{Type: kind, InvokedBy: invokedBy}
			if i.ByAWS() != want.byAWS || i.ByAgent() != want.agent || i.Service() != want.service ||
				i.Through() != want.through {
				t.Errorf("%s by %q: %t, %t, %q, %q", kind, invokedBy, i.ByAWS(), i.ByAgent(), i.Service(), i.Through())
			}
		}
	}
	if !(event.Identity{Type: "AWSService", InvokedBy: "new.amazonaws.com"}).ByAWS() {
		t.Error("a service is not AWS")
	}
}

func TestAPICall_SignIn(t *testing.T) {
	const fields = `"eventVersion":"1.11","eventSource":"signin.amazonaws.com","eventType":"AwsApiCall"`
	decoded := func(more string) *event.APICall {
		return decode(t, `{"source":"aws.signin","detail-type":"AWS API Call via CloudTrail","account":"111122223333",`+
			`"time":"2026-11-16T09:00:00Z","detail":{`+fields+more+`}}`).Detail.(*event.APICall)
	}
	for more, want := range map[string]string{
		`,"eventName":"CreateOAuth2Token","requestParameters":null`:                                  "Success",
		`,"eventName":"CreateOAuth2Token","requestParameters":{"grantType":"refresh_token"}`:         "Success, renewed",
		`,"eventName":"CreateOAuth2Token","requestParameters":{"grant_type":"refresh_token"}`:        "Success, renewed",
		`,"eventName":"CreateOAuth2Token","requestParameters":{"tokenInput":{"grantType":7}}`:        "Success",
		`,"eventName":"AuthorizeOAuth2Access","errorCode":"AccessDenied","errorMessage":"no such x"`: "Failure",
		`,"eventName":"CreateOAuth2Token","additionalEventData":{"grant_type":"refresh_token","success":"true"}`: "Success, " +
			"renewed",
		`,"eventName":"CreateOAuth2Token","additionalEventData":{"success":"false"}`: "Failure",
		`,"eventName":"CreateOAuth2Token","additionalEventData":{"success":[]}`:      "Success",
		`,"eventName":"CreateOAuth2Token","additionalEventData":{"grant_type":"client_credentials"}`: "Success, " +
			"exchanged",
		`,"eventName":"CreateOAuth2TokenWithIAM"`: "Success, exchanged",
		`,"eventName":"CreateBearerToken"`:        "Success, exchanged",
		`,"eventName":"CreateOAuth2Token","requestParameters":{"client_id":"arn:aws:signin:::devtools/cross-device"}`: "Success, " +
			"remote",
		`,"eventName":"AuthorizeOAuth2Access","requestParameters":{"clientId":"arn:aws:signin:::devtools/same-device"}`: "Success",
		`,"eventName":"GetResourcePolicy"`: "",
	} {
		got := ""
		if s, ok := decoded(more).SignIn(); ok {
			got = s.Outcome
			for word, is := range map[string]bool{"renewed": s.Renewed(), "exchanged": s.Exchanged(), "remote": s.Remote()} {
				if is {
					got += ", " + word
				}
			}
			if !s.ForProgram() || s.Failed() == s.Succeeded() {
				t.Errorf("%s: %+v", more, s)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", more, got, want)
		}
	}
	iam := event.Record{Source: "iam.amazonaws.com", Name: "CreateOAuth2Token"}
	if _, ok := (&event.APICall{Record: iam}).SignIn(); ok {
		t.Error("a call of another service is a sign-in")
	}
}

// Sign-ins have the VPC endpoint in additionalEventData. What the person or the program chose there is none.
func TestRecord_VPCEndpointOfASignIn(t *testing.T) {
	for fields, want := range map[string]string{
		`"additionalEventData":{"success":"true","x-amzn-vpce-id":"vpce-0a1b"}`:                     "vpce-0a1b ",
		`"additionalEventData":{"vpcEndpointId":"vpce-0a1b","vpcEndpointAccountId":"111122223333"}`: "vpce-0a1b 111122223333",
		`"additionalEventData":{"x-amzn-vpce-id":""}`:                                               " ",
		`"additionalEventData":{"x-amzn-vpce-id":["vpce-0a1b"]}`:                                    " ",
		`"additionalEventData":{"LoginTo":"vpce-0a1b","redirect-x-amzn-vpce-id":"vpce-0a1b"}`:       " ",
		`"additionalEventData":null,"vpcEndpointId":"vpce-0a1b"`:                                    "vpce-0a1b ",
		`"additionalEventData":{"x-amzn-vpce-id":"vpce-9"},"vpcEndpointId":"vpce-0a1b"`:             "vpce-0a1b ",
	} {
		call := decode(t, `{"source":"aws.signin","detail-type":"AWS API Call via CloudTrail","account":"111122223333",`+
			`"time":"2026-11-16T09:00:00Z","detail":{"eventVersion":"1.11","eventSource":"signin.amazonaws.com",`+
			`"eventType":"AwsApiCall","eventName":"CreateOAuth2Token",`+fields+`}}`).Detail.(*event.APICall)
		if got := call.VPCEndpoint + " " + call.VPCEndpointAccount; got != want {
			t.Errorf("%s: %q, want %q", fields, got, want)
		}
	}
}
