package checkwarder

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// An account answers calls as AWS does of what testdata/account.json says. An answer is found by the operation and,
// if there are several things of a sort, what the call names.
type account struct {
	answers   map[string]json.RawMessage
	failing   map[string]string // error codes, by the key of the answer
	calls     map[string]bool   // operations that were called
	published map[string][]string
	controls  []control.Control // that there have to be
	regions   []string          // beside the hub's
	broken    map[string]bool   // regions whose events do not arrive
	hears     func(context.Context, request) error
	log       bytes.Buffer
	now       time.Time // the variable of that name when zero
}

// keyOf is the key of the answer to a call.
func keyOf(operation string, input any) string {
	of := reflect.ValueOf(input).Elem()
	for _, field := range []string{
		"StackName", "Rule", "FunctionName", "LogGroupName", "TopicArn", "SubscriptionArn", "QueueUrl", "RoleName",
		"ResourceArn",
		"PolicyArn", "GroupName", "Name",
	} {
		if value := of.FieldByName(field); value.IsValid() && value.Kind() == reflect.Pointer && !value.IsNil() {
			return operation + " " + value.Elem().String()
		}
	}
	return operation
}

func (a *account) config() aws.Config {
	answer := middleware.InitializeMiddlewareFunc("account", func(ctx context.Context, in middleware.InitializeInput,
		next middleware.InitializeHandler,
	) (out middleware.InitializeOutput, _ middleware.Metadata, err error) {
		operation := cmp.Or(middleware.GetOperationName(ctx), awsmiddleware.GetOperationName(ctx))
		service := cmp.Or(middleware.GetServiceID(ctx), awsmiddleware.GetServiceID(ctx))
		service = strings.ToLower(strings.ReplaceAll(service, " ", ""))
		a.calls[service+":"+operation] = true
		if in.Parameters == nil { // what it is about is in the path
			return next.HandleInitialize(ctx, in)
		}
		key := keyOf(operation, in.Parameters)
		if code, ok := a.failing[key]; ok {
			return out, middleware.Metadata{}, &smithy.GenericAPIError{Code: code}
		}
		if publish, ok := in.Parameters.(*sns.PublishInput); ok {
			topic := aws.ToString(publish.TopicArn)
			a.published[topic] = append(a.published[topic], aws.ToString(publish.Message))
			return middleware.InitializeOutput{
				Result: &sns.PublishOutput{MessageId: aws.String("1")},
			}, middleware.Metadata{}, nil
		}
		if put, ok := in.Parameters.(*eventbridge.PutEventsInput); ok {
			region := awsmiddleware.GetRegion(ctx)
			entry := put.Entries[0]
			var heartbeat request // as EventBridge delivers it
			err = json.Unmarshal(fmt.Appendf(nil, `{"version":"0","id":"1","account":"111122223333","resources":[],`+
				`"time":"2026-11-30T03:40:00Z","source":%q,"detail-type":%q,"region":%q,"detail":%s}`, *entry.Source,
				*entry.DetailType, region, *entry.Detail), &heartbeat)
			if err == nil && !a.broken[region] {
				err = a.hears(ctx, heartbeat)
			}
			return middleware.InitializeOutput{Result: &eventbridge.PutEventsOutput{}}, middleware.Metadata{}, err
		}
		text, ok := a.answers[key]
		if !ok {
			return out, middleware.Metadata{}, fmt.Errorf("the account has no answer to %s", key)
		}
		result, err := output(in.Parameters, text)
		return middleware.InitializeOutput{Result: result}, middleware.Metadata{}, err
	})
	return aws.Config{
		Region: "us-east-1", HTTPClient: a, Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		APIOptions: []func(*middleware.Stack) error{
			func(stack *middleware.Stack) error { return stack.Initialize.Add(answer, middleware.After) },
		},
	}
}

// outputs are the types of what operations return, by that of their input.
var outputs = map[reflect.Type]reflect.Type{}

func init() {
	for of := range reflect.TypeFor[clients]().Fields() {
		for i := range of.Type.NumMethod() {
			if m := of.Type.Method(i); m.Type.NumIn() == 4 && m.Type.NumOut() == 2 {
				outputs[m.Type.In(2)] = m.Type.Out(0)
			}
		}
	}
}

// output is the answer to a call, as its client returns it.
func output(input any, text json.RawMessage) (any, error) {
	out := reflect.New(outputs[reflect.TypeOf(input)].Elem()).Interface()
	return out, json.Unmarshal(text, out)
}

// Do answers what is asked by a path.
func (a *account) Do(r *http.Request) (*http.Response, error) {
	key, status := r.Method+" "+r.URL.RequestURI(), http.StatusOK
	text, ok := a.answers[key]
	if code := a.failing[key]; code != "" {
		if strings.HasPrefix(r.URL.Path, "/v2/email/") { // as SES calls it
			code = strings.TrimPrefix(code, "Resource")
		}
		text, ok, status = fmt.Appendf(nil, `{"__type": %q}`, code), true, http.StatusNotFound
	}
	if !ok {
		return nil, fmt.Errorf("the account has no answer to %s", key)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(text))}, nil
}

// read reads testdata/account.json: the template, what is in the stack, and the answers.
func read(t *testing.T) *account {
	t.Helper()
	data, err := os.ReadFile("testdata/account.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Template json.RawMessage
		Answers  map[string]json.RawMessage
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{"TemplateBody": string(file.Template)})
	if err != nil {
		t.Fatal(err)
	}
	file.Answers["GetTemplate warder"] = body
	return &account{
		answers: file.Answers, failing: map[string]string{}, calls: map[string]bool{}, published: map[string][]string{},
	}
}

var now = time.Date(2026, 11, 30, 3, 40, 0, 0, time.UTC)

const (
	first  = "arn:aws:sns:us-east-1:111122223333:warder-Notices"
	second = "arn:aws:sns:us-east-1:111122223333:warder-Watch"
)

// check runs the tool on the account.
func (a *account) check(t *testing.T, store ledger.Store) (answer, error) {
	t.Helper()
	description, err := control.Read("check-warder", Tool.Description)
	if err != nil {
		t.Fatal(err)
	}
	cfg := a.config()
	runner := &remediation.Runner{
		Control: description,
		Settings: settings.Function{
			Language: settings.English, Account: "111122223333", Topic: first,
			Mail: settings.Mail{Sender: "warder@example.org", Set: "mails"},
			Own:  settings.Own{Stack: "warder", Topics: []string{second}, Regions: a.regions},
		},
		Ledger: ledger.New(store),
		Topic:  notice.Topic{API: sns.NewFromConfig(cfg), ARN: first},
		Environment: remediation.Environment{
			Now: func() time.Time { return cmp.Or(a.now, now) }, Sleep: func(context.Context, time.Duration) {},
			Log: slog.New(slog.NewJSONHandler(&a.log, nil)),
		},
	}
	w := newWatchman(handler.Setup{Runner: runner, AWS: cfg, IAM: iam.NewFromConfig(cfg)})
	w.Region, w.controls = cfg.Region, func() ([]control.Control, error) { return a.controls, nil }
	a.hears = func(ctx context.Context, r request) error {
		_, err := w.watch(ctx, r)
		return err
	}
	return w.watch(t.Context(), request{})
}

func TestWatch_AsDeployed(t *testing.T) {
	a := read(t)
	got, err := a.check(t, new(ledger.Memory))
	if err != nil {
		t.Fatal(err)
	}
	if left := got.Differences; len(left) > 0 || got.Checked == 0 {
		t.Errorf("of %d parts differ %v", got.Checked, left)
	}
}

// Each is one thing that somebody changes, and what is said of it.
func TestWatch_Differences(t *testing.T) {
	const queue = "https://sqs.us-east-1.amazonaws.com/111122223333/warder-Failed"
	const sets = "GET /v2/email/configuration-sets/mails/event-destinations"
	const schedule = "GET /schedules/warder-Schedule?groupName=warder-Schedules"
	for _, tc := range []struct {
		key, old, new string // of the answer; an empty old makes it say that the thing does not exist
		severity      control.Severity
		want          string
	}{
		{"DescribeRule warder-Rule", `"ENABLED"`, `"DISABLED"`, critical, "disabled"},
		{"DescribeRule warder-Rule", `"ENABLED"`, `"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"`, high, "was deployed as"},
		{"DescribeRule warder-Rule", `aws.iam`, `aws.ec2`, critical, "matches other events"},
		{"DescribeRule warder-Rule", "", "", critical, "does not exist"},
		{schedule, "rate(1 day)", "rate(9 days)", critical, "ScheduleExpression differs"},
		{schedule, `"ENABLED"`, `"DISABLED"`, critical, "is disabled"},
		{schedule, `"UTC"`, `"Asia/Seoul"`, critical, "ScheduleExpressionTimezone differs"},
		{schedule, `"Name"`, `"EndDate": 1793527200.0, "Name"`, critical, "EndDate differs"},
		{schedule, `"Name"`, `"ActionAfterCompletion": "DELETE", "Name"`, critical, "ActionAfterCompletion differs"},
		{schedule, ": 30", ": 1440", critical, "FlexibleTimeWindow differs"},
		{schedule, "function:warder-x", "function:other", critical, "Target differs"},
		{schedule, "role/warder/warder-Role", "role/admin", critical, "Target differs"},
		{schedule, `"{}"`, `"{\"x\": 1}"`, critical, "Target differs"},
		{schedule, "warder-Failed", "other", critical, "Target differs"},
		{schedule, "", "", critical, "does not exist"},
		{"DescribeRule warder-Forwarded", `"ENABLED"`, `"DISABLED"`, critical, "disabled"},
		{"GET /v2/email/account", `"SendingEnabled": true`, `"SendingEnabled": false`, critical, "sends no mail"},
		{"GET /v2/email/account", "HEALTHY", "SHUTDOWN", critical, "sends no mail for this account (SHUTDOWN)"},
		{"GET /v2/email/account", "HEALTHY", "PROBATION", medium, "under review"},
		{"GET /v2/email/account", `AccessEnabled": true`, `AccessEnabled": false`, high, "sandbox"},
		{"GET /v2/email/identities/example.org", "true", "false", critical, "w…@example.org nor its domain is verified"},
		{"GET /v2/email/identities/example.org", "", "", critical, "nor its domain is verified"},
		{sets, `"COMPLAINT"`, `"SEND"`, high, "events of type COMPLAINT"},
		{sets, `"Enabled": true`, `"Enabled": false`, high, "events of type BOUNCE"},
		{sets, "", "", critical, "configuration set mails does not exist"},
		{"ListTargetsByRule warder-Rule", "function:warder-x", "function:other", critical, "does not start"},
		{"ListTargetsByRule warder-Rule", "function:warder-x", "function:other", high, "also starts"},
		{"ListTargetsByRule warder-Rule", "warder-Failed", "other", critical, "does not start"},
		{"ListTargetsByRule warder-Rule", `"Id":`, `"Input": "{}", "Id":`, critical, "does not start"},
		{"GetFunctionConfiguration warder-x", "2026-11-01", "2026-11-02", critical, "changed on"},
		{"GetFunctionConfiguration warder-x", "role/warder/warder-Role", "role/admin", critical, "another role"},
		{"GetFunctionConfiguration warder-x", `"A"`, `"B"`, critical, "other settings"},
		{"GetFunctionConfiguration warder-x", `"WARDER_SETTINGS"`, `"AWS_ENDPOINT_URL": "x", "WARDER_SETTINGS"`, critical,
			"other settings"},
		{"GetFunctionConfiguration warder-x", `"Timeout"`, `"Layers": [{"Arn": "x"}], "Timeout"`, critical, "layers"},
		{"GetFunctionConfiguration warder-x", "900", "1", critical, "another Timeout"},
		{"GetFunctionConfiguration warder-x", `"Active"`, `"Failed"`, critical, "cannot run"},
		{"GetFunctionConfiguration warder-x", "", "", critical, "does not exist"},
		{"GetFunctionConcurrency warder-x", "{}", `{"ReservedConcurrentExecutions": 0}`, critical, "is 0"},
		{"GetFunctionConcurrency warder-x", "{}", `{"ReservedConcurrentExecutions": 3}`, high, "3 times"},
		{"ListFunctionUrlConfigs warder-x", "{}", `{"FunctionUrlConfigs": [{"FunctionArn": "x"}]}`, critical, "internet"},
		{"GetPolicy warder-x", "warder-Rule", "warder-Other", critical, "cannot be started"},
		{"GetPolicy warder-x", "warder-Rule", "warder-Other", high, "by others"},
		{"GetPolicy warder-x", "Allow", "Deny", critical, "cannot be started"},
		{"GetPolicy warder-x", "", "", critical, "cannot be started"},
		{"GetFunctionEventInvokeConfig warder-x", "warder-Failed", "other", high, "not be kept"},
		{"GetFunctionEventInvokeConfig warder-x", "", "", high, "not be kept"},
		{"GetTopicAttributes " + first, "AWS:SourceAccount", "AWS:PrincipalOrgID", critical, "another policy"},
		{"GetTopicAttributes " + first, "key/0a1b", "key/9f9f", critical, "another key"},
		{"GetTopicAttributes " + first, "", "", critical, "does not exist"},
		{"GetDataProtectionPolicy " + first, "{}", `{"DataProtectionPolicy": "{}"}`, critical, "masks"},
		{"ListSubscriptionsByTopic " + first, "ciso@example.com", "thief@example.net", critical,
			"C…@example.com is not subscribed"},
		{"ListSubscriptionsByTopic " + first, "ciso@example.com", "thief@example.net", high, "t…@example.net is subscribed"},
		{"ListSubscriptionsByTopic " + first, first + ":1", "PendingConfirmation", high, "has not confirmed"},
		{"ListSubscriptionsByTopic " + first, first + ":1", "Deleted", critical, "is not subscribed"},
		{"GetSubscriptionAttributes " + first + ":1", "{}", `{"FilterPolicy": "{\"severity\":[\"low\"]}"}`, critical,
			"FilterPolicy differs"},
		{"GetQueueAttributes " + queue, "sqs:*", "sqs:SendMessage", critical, "another policy"},
		{"GetQueueAttributes " + queue, "1209600", "60", high, "MessageRetentionPeriod"},
		{"GetQueueAttributes " + queue, `"SqsManaged`, `"KmsMasterKeyId": "x", "SqsManaged`, high, "another key"},
		{"GetQueueAttributes " + queue, "", "", critical, "does not exist"},
		{"DescribeKey", `"Enabled"`, `"PendingDeletion"`, critical, "PendingDeletion"},
		{"GetKeyPolicy", "root", "user/mallory", critical, "another policy"},
		{"DescribeAlarms", "warder-failed", "warder-other", critical, "warder-failed does not exist"},
		{"DescribeAlarms", `"ActionsEnabled": true`, `"ActionsEnabled": false`, critical, "notifies nobody"},
		{"DescribeAlarms", "warder-Notices", "other", critical, "does not notify those"},
		{"DescribeAlarms", `"Threshold": 0`, `"Threshold": 9`, critical, "Threshold differs"},
		{"DescribeAlarms", `"Value": "warder-Failed"`, `"Value": "other"`, critical, "Dimensions differs"},
		{"DescribeMetricFilters /aws/lambda/warder-x", "warder-x", "warder-y", critical, "are not counted"},
		{"DescribeMetricFilters /aws/lambda/warder-x", "ERROR", "FATAL", critical, "are not counted"},
		{"DescribeMetricFilters /aws/lambda/warder-x", `"Errors"`, `"Others"`, critical, "are not counted"},
		{"GetMetricData", "[2, 1, 2]", "[0, 3, 1]", high, "warder-x was throttled 3 times"},
		{"GetMetricData", `"m1", "Values": []`, `"m1", "Values": [1]`, critical, "was not kept either, 1 times"},
		{"GetMetricData", `"m3", "Values": []`, `"m3", "Values": [2]`, critical,
			"Messages of the topic warder-Notices were neither delivered nor kept, 2 times"},
		{"GetMetricData", `"m4", "Values": []`, `"m4", "Values": [0, 7]`, critical,
			"Events of the rule warder-Rule were neither delivered nor kept, 7 times"},
		{"DescribeLogGroups", "warder-x", "warder-y", critical, "does not exist"},
		{"DescribeLogGroups", "400", "1", high, "for 1 days"},
		{"DescribeTable", "true", "false", high, "not protected"},
		{"DescribeTable", "", "", critical, "does not exist"},
		{"DescribeContinuousBackups", `"ENABLED"}`, `"DISABLED"}`, high, "no backups"},
		{"GetResourcePolicy arn:aws:dynamodb:us-east-1:111122223333:table/warder", "role/warder/*", "role/*", critical,
			"another policy"},
		{"GetResourcePolicy arn:aws:dynamodb:us-east-1:111122223333:table/warder", "", "", critical, "another policy"},
		{"DescribeEventBus warder", "Deny", "Allow", high, "another policy"},
		{"DescribeEventBus warder", `"Policy"`, `"Name"`, high, "another policy"},
		{"GetRole warder-Role", "lambda.amazonaws.com", "ec2.amazonaws.com", critical, "assumed by others"},
		{"GetRole warder-Role", `"RoleName"`, `"PermissionsBoundary": {"PermissionsBoundaryArn": "x"}, "RoleName"`, critical,
			"boundary"},
		{"GetRole warder-Role", "", "", critical, "does not exist"},
		{"GetRolePolicy warder-Role", "Publish", "Subscribe", critical, "more, or less"},
		{"ListRolePolicies warder-Role", `"plumbing"`, `"plumbing", "more"`, critical, "more, or less"},
		{"ListRolePolicies warder-Role", `"plumbing"`, ``, critical, "more, or less"},
		{"ListAttachedRolePolicies warder-Role", "{}", `{"AttachedPolicies": [{"PolicyName": "x"}]}`, critical,
			"more, or less"},
		{"GetPolicyVersion arn:aws:iam::111122223333:policy/warder/warder-key-quarantine", "Deny", "Allow", critical,
			"says something else"},
		{"GetPolicy arn:aws:iam::111122223333:policy/warder/warder-key-quarantine", "", "", critical, "does not exist"},
		{"ListAttachedGroupPolicies warder-key-quarantine", "warder-key-quarantine", "other", critical, "other policies"},
		{"ListAttachedGroupPolicies warder-key-quarantine", "", "", critical, "does not exist"},
		{"ListEventSourceMappings warder-x", "{}", `{"EventSourceMappings": [{"EventSourceArn": "arn:aws:sqs:x"}]}`, high,
			"also started by arn:aws:sqs:x"},
		{"DescribeStacks warder", "CREATE_COMPLETE", "UPDATE_ROLLBACK_FAILED", high, "UPDATE_ROLLBACK_FAILED"},
		{"DescribeStacks warder", "2026-11-01", "2026-11-29", medium, "was deployed on 2026-11-29"},
	} {
		t.Run(tc.key+" "+tc.want, func(t *testing.T) {
			a := read(t)
			if tc.old == "" {
				a.failing[tc.key] = "ResourceNotFoundException"
			} else {
				text := string(a.answers[tc.key])
				if !strings.Contains(text, tc.old) {
					t.Fatalf("%s has no %s: %s", tc.key, tc.old, text)
				}
				a.answers[tc.key] = json.RawMessage(strings.ReplaceAll(text, tc.old, tc.new))
			}
			got, err := a.check(t, new(ledger.Memory))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(got.Differences, func(d found) bool {
				return d.Severity == tc.severity && strings.Contains(d.Text, tc.want)
			}) {
				t.Errorf("differences %v, want %s %q", got.Differences, tc.severity, tc.want)
			}
			for _, topic := range []string{first, second} {
				if !strings.Contains(strings.Join(a.published[topic], "\n"), strings.ReplaceAll(tc.want, `"`, ``)) {
					t.Errorf("%s gets %d messages, none with %q", topic, len(a.published[topic]), tc.want)
				}
			}
		})
	}
}

// What cannot be read is not in order, and nothing else is left unchecked because of it.
func TestWatch_Unread(t *testing.T) {
	for key := range read(t).answers {
		a := read(t)
		a.failing[key] = "AccessDenied"
		got, err := a.check(t, new(ledger.Memory))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(got.Differences, func(d found) bool {
			return d.Severity == high && strings.Contains(d.Text, "could not be checked (AccessDenied)")
		}) {
			t.Errorf("%s is denied, and differences are %v", key, got.Differences)
		}
	}
}

// Without the stack everything is reported that there is to say, and a part of it that is missing as well.
func TestWatch_Stack(t *testing.T) {
	a := read(t)
	a.failing["DescribeStacks warder"] = "ValidationError"
	got, err := a.check(t, new(ledger.Memory))
	if err != nil || len(got.Differences) != 1 ||
		!strings.Contains(got.Differences[0].Text, "The stack warder does not exist") {
		t.Errorf("differences %v, %v", got.Differences, err)
	}
	for want, c := range map[int]control.Control{
		0: {ID: "x", Rules: make([]json.RawMessage, 2), Schedule: "rate(1 day)"}, // as many as the stack has
		1: {ID: "x", Rules: make([]json.RawMessage, 3), Schedule: "rate(1 day)"},
		2: {ID: "y"},
	} {
		a := read(t)
		a.controls = []control.Control{c}
		store := new(ledger.Memory)
		if err := ledger.New(store).KeepSweep(t.Context(), "x", ledger.Sweep{At: now.Add(-20 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		got, err := a.check(t, store)
		if err != nil || len(got.Differences) != min(want, 1) {
			t.Errorf("%+v: %v, %v", c, got.Differences, err)
		}
	}
}

// What alarms watch is measured once a day, 0 as well: it ends an alarm. What cannot be read is not measured.
func TestWatch_Measured(t *testing.T) {
	deployed := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC) // of all that is in the stack
	clean := map[string]float64{
		"BreakerOpen":    0,
		"OpenCases":      0,
		"OverdueSweeps":  0,
		"DeliveryFaults": 0,
		"SilentRegions":  0,
	}
	with := func(name string, value float64) map[string]float64 {
		all := maps.Clone(clean)
		all[name] = value
		return all
	}
	without := func(names ...string) map[string]float64 {
		all := maps.Clone(clean)
		for _, name := range names {
			delete(all, name)
		}
		return all
	}
	swept := func(ago time.Duration, open int) func(*testing.T, *account, *ledger.Ledger) {
		return func(t *testing.T, _ *account, l *ledger.Ledger) {
			if err := l.KeepSweep(t.Context(), "x", ledger.Sweep{At: now.Add(-ago), Open: open}); err != nil {
				t.Fatal(err)
			}
		}
	}
	answers := func(key, text string) func(*testing.T, *account, *ledger.Ledger) {
		return func(_ *testing.T, a *account, _ *ledger.Ledger) { a.answers[key] = json.RawMessage(text) }
	}
	for _, tc := range []struct {
		name string
		set  func(*testing.T, *account, *ledger.Ledger)
		at   time.Time // of the check
		want map[string]float64
		text string // of a difference
	}{
		{"all is well", swept(time.Hour, 0), now, clean, ""},
		{"open cases", swept(time.Hour, 3), now, with("OpenCases", 3), ""},
		{"the last sweep was 26 hours ago", swept(26*time.Hour, 0), now, clean, ""},
		{"the last sweep was longer ago", swept(26*time.Hour+time.Second, 0), now, with("OverdueSweeps", 1),
			"x has not completed a sweep since 2026-11-29 01:39 UTC"},
		{"no sweep, and the schedule is a month old", nil, now, with("OverdueSweeps", 1), "not completed a sweep since"},
		{"no sweep on day one", nil, deployed.Add(17 * time.Hour), clean, ""},
		{"no sweep when the first could have been", nil, deployed.Add(27 * time.Hour), with("OverdueSweeps", 1),
			"not completed a sweep"},
		{"a control that is stopped", func(t *testing.T, a *account, l *ledger.Ledger) {
			swept(time.Hour, 0)(t, a, l)
			for i := range 2 {
				if _, err := l.Take(t.Context(), "x", &ledger.Breaker{}, strconv.Itoa(i), 1, now); err != nil {
					t.Fatal(err)
				}
			}
		}, now, with("BreakerOpen", 1), ""},
		{"events that are lost in two ways", func(t *testing.T, a *account, l *ledger.Ledger) {
			swept(time.Hour, 0)(t, a, l)
			answers("GetMetricData", `{"MetricDataResults": [{"Id": "m1", "Values": [1]}, {"Id": "m5", "Values": [1]}]}`)(t, a, l)
		}, now, with("DeliveryFaults", 2),
			"schedules of the group warder-Schedules were to start was neither started nor kept, 1 times"},
		{"metrics that cannot be read", func(t *testing.T, a *account, l *ledger.Ledger) {
			swept(time.Hour, 0)(t, a, l)
			a.failing["GetMetricData"] = "AccessDenied"
		}, now, without("DeliveryFaults"), "could not be checked (AccessDenied)"},
		{"no stack", func(_ *testing.T, a *account, _ *ledger.Ledger) {
			a.failing["DescribeStacks warder"] = "ValidationError"
		}, now, map[string]float64{"SilentRegions": 0}, "does not exist"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, store := read(t), new(ledger.Memory)
			a.controls, a.now = []control.Control{{ID: "x", Schedule: "rate(1 day)"}}, tc.at
			if tc.set != nil {
				tc.set(t, a, ledger.New(store))
			}
			got, err := a.check(t, store)
			if err != nil {
				t.Fatal(err)
			}
			var line map[string]any
			for text := range strings.Lines(a.log.String()) {
				if strings.Contains(text, `"msg":"state"`) {
					if err := json.Unmarshal([]byte(text), &line); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, m := range metric.Watched {
				value, measured := line[m.Name].(float64)
				if want, ok := tc.want[m.Name]; value != want || measured != ok {
					t.Errorf("%s is %v (%v), want %v (%v)", m.Name, value, measured, want, ok)
				}
			}
			if (line["_aws"] != nil) != (len(tc.want) > 0) {
				t.Errorf("CloudWatch gets %v", line["_aws"])
			}
			about := slices.DeleteFunc(got.Differences, func(d found) bool { return d.Severity == medium })
			if (len(about) > 0) != (tc.text != "") || len(about) > 0 && !strings.Contains(fmt.Sprint(about), tc.text) {
				t.Errorf("differences %v, want %q", about, tc.text)
			}
		})
	}
}

// The second way does not depend on the first: neither on its topic nor on the ledger. That one fails is an error.
func TestWatch_WaysAreIndependent(t *testing.T) {
	for name, tc := range map[string]struct {
		store  ledger.Store
		broken string
		silent string
	}{
		"the ledger fails": {store: &ledger.Memory{
			Fault: func(string, bool) error { return errors.New("no ledger") },
		}, silent: first},
		"the topic of notices refuses": {store: new(ledger.Memory), broken: first, silent: first},
		"the second topic refuses":     {store: new(ledger.Memory), broken: second, silent: second},
	} {
		a := read(t)
		a.controls = []control.Control{{ID: "y"}}
		if tc.broken != "" {
			a.failing["Publish "+tc.broken] = "KMSDisabled"
		}
		_, err := a.check(t, tc.store)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		for _, topic := range []string{first, second} {
			if silent := len(a.published[topic]) == 0; silent != (topic == tc.silent) {
				t.Errorf("%s: %s gets %d messages", name, topic, len(a.published[topic]))
			}
		}
	}
}

// The same is notified once a day, and more than a few things are one message.
func TestWatch_Messages(t *testing.T) {
	a, store := read(t), new(ledger.Memory)
	for i := range 2 * most {
		a.controls = append(a.controls, control.Control{ID: fmt.Sprintf("c%d", i)})
	}
	for range 2 {
		if _, err := a.check(t, store); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(a.published[first]); n != most {
		t.Errorf("%d messages, want %d", n, most)
	}
	if last := a.published[first][most-1]; !strings.Contains(last, "more things are not as they were deployed") {
		t.Errorf("the last message is %s", last)
	}
}

// Every type of resource that the template has is checked, or known not to be.
func TestChecks_EveryType(t *testing.T) {
	data, err := os.ReadFile("../../infra/stack/testdata/resources.golden")
	if err != nil {
		t.Fatal(err)
	}
	with := []string{"AWS::Lambda::Permission", "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
		"AWS::Events::EventBusPolicy"}
	unchecked := []string{
		"AWS::CloudWatch::Dashboard", "AWS::Logs::QueryDefinition",
		"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::Scheduler::ScheduleGroup", // each schedule is read by its group
		"AWS::SSM::Parameter",
	}
	for word := range strings.FieldsSeq(string(data)) {
		if strings.HasPrefix(word, "AWS::") && checks[word] == nil && !slices.Contains(with, word) &&
			!slices.Contains(unchecked, word) {
			t.Errorf("nobody has decided whether %s is checked", word)
		}
	}
}

// The function may do what it does, and nothing else.
func TestPermissions(t *testing.T) {
	a := read(t)
	a.controls = []control.Control{{ID: "y"}} // something to notify of
	a.regions = []string{"eu-west-1"}
	a.failing["DescribeStacks warder-eu-west-1"] = "ValidationError"
	a.answers["ListStacks"] = json.RawMessage("{}")
	if _, err := a.check(t, new(ledger.Memory)); err != nil {
		t.Fatal(err)
	}
	var description struct{ Permissions []struct{ Actions []string } }
	if err := json.Unmarshal(Tool.Description, &description); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"eventbridge": "events", "cloudwatchlogs": "logs", "sesv2": "ses"}
	called := map[string]bool{ // by the runner's own store and SNS
		"dynamodb:GetItem": true, "dynamodb:PutItem": true, "dynamodb:Query": true,
		"kms:Decrypt": true, "kms:GenerateDataKey": true,
	}
	for call := range a.calls {
		service, name, _ := strings.Cut(call, ":")
		if other, ok := names[service]; ok {
			service = other
		}
		called[service+":"+name] = true
	}
	permitted := map[string]bool{}
	for _, p := range description.Permissions {
		for _, action := range p.Actions {
			if permitted[action] = true; !called[action] {
				t.Errorf("%s is permitted and not called", action)
			}
		}
	}
	for call := range called {
		if !permitted[call] {
			t.Errorf("%s is called and not permitted", call)
		}
	}
}

func TestTool_Settings(t *testing.T) {
	if !bytes.Contains(Tool.Description, []byte(`"schedule": "cron(40 3 * * ? *)"`)) || Tool.Korean == nil {
		t.Error("it is not started every day, or has no Korean")
	}
}

// fromStackSet is what a StackSet made in another region: a stack with one rule.
const fromStackSet = "StackSet-warder-regions-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"

// region is an account with the stack of another region, made by a StackSet.
func region(t *testing.T) *account {
	t.Helper()
	a := read(t)
	a.regions = []string{"eu-west-1"}
	a.failing["DescribeStacks warder-eu-west-1"] = "ValidationError"
	for key, answer := range map[string]string{
		"ListStacks": `{"StackSummaries": [{"StackName": "other", "StackStatus": "CREATE_COMPLETE"}, {"StackName": ` +
			`"StackSet-warder-gone", "StackStatus": "DELETE_COMPLETE"}, {"StackName": "` + fromStackSet +
			`", "StackStatus": "UPDATE_COMPLETE"}]}`,
		"DescribeStacks " + fromStackSet: `{"Stacks": [{"StackId": "arn:aws:cloudformation:eu-west-1:111122223333:stack/x/` +
			`0a1b", "CreationTime": "2026-11-01T10:00:00Z", "StackStatus": "CREATE_COMPLETE"}]}`,
		"GetTemplate " + fromStackSet: `{"TemplateBody": "{\"Resources\": {\"Forward1\": {\"Type\": ` +
			`\"AWS::Events::Rule\", \"Properties\": {\"State\": \"ENABLED\"}}}}"}`,
		"ListStackResources " + fromStackSet: `{"StackResourceSummaries": [{"LogicalResourceId": "Forward1", ` +
			`"PhysicalResourceId": "StackSet-warder-Forward1"}]}`,
		"DescribeRule StackSet-warder-Forward1":      `{"State": "ENABLED"}`,
		"ListTargetsByRule StackSet-warder-Forward1": `{}`,
	} {
		a.answers[key] = json.RawMessage(answer)
	}
	return a
}

// The stack of a region that a StackSet made has a name that nobody knows beforehand. It is found, and checked.
func TestWatch_RegionOfAStackSet(t *testing.T) {
	for name, tc := range map[string]struct {
		alter func(*account)
		want  string
	}{
		"as deployed": {func(*account) {}, ""},
		"a rule is off": {func(a *account) {
			a.answers["DescribeRule StackSet-warder-Forward1"] = json.RawMessage(`{"State": "DISABLED"}`)
		}, "is disabled"},
		"no stack": {func(a *account) { a.answers["ListStacks"] = json.RawMessage("{}") }, "warder-eu-west-1 does not exist"},
		"an empty stack in its place": {func(a *account) {
			a.answers["GetTemplate "+fromStackSet] = json.RawMessage(`{"TemplateBody": "{}"}`)
		}, "has no rule: no event is forwarded"},
		"denied": {func(a *account) { a.failing["ListStacks"] = "AccessDenied" }, "could not be checked (AccessDenied)"},
		"denied at the stack": {func(a *account) {
			a.failing["DescribeStacks warder-eu-west-1"] = "AccessDenied"
		}, "could not be checked (AccessDenied)"},
	} {
		a := region(t)
		tc.alter(a)
		got, err := a.check(t, new(ledger.Memory))
		if err != nil {
			t.Fatal(err)
		}
		if left := got.Differences; tc.want == "" && len(left) > 0 ||
			tc.want != "" && (len(left) != 1 || !strings.Contains(left[0].Text, tc.want)) {
			t.Errorf("%s: differences %v, want %q", name, left, tc.want)
		}
	}
}

// Of queues, those that feed a function are measured: what is in the others has alarms of its own.
func TestDelivery_WhatIsMeasured(t *testing.T) {
	queue := deployment.Resource{Type: "AWS::SQS::Queue", Name: "https://sqs.us-east-1.amazonaws.com/111122223333/feed"}
	failed := deployment.Resource{Type: "AWS::SQS::Queue", Name: "https://sqs.us-east-1.amazonaws.com/111122223333/failed"}
	topic := deployment.Resource{Type: "AWS::SNS::Topic", Name: "arn:aws:sns:us-east-1:111122223333:mails"}
	c := &checker{stack: &deployment.Stack{Resources: []deployment.Resource{queue, failed, topic, {
		Type:       "AWS::Lambda::EventSourceMapping",
		Properties: map[string]any{"EventSourceArn": "arn:aws:sqs:us-east-1:111122223333:feed"},
	}}}}
	for want, r := range map[string]deployment.Resource{"feed": queue, "": failed, "mails": topic} {
		if got, bus := c.measuredAs(r); got != want || bus != "" {
			t.Errorf("%s is measured as %q, want %q", r.Name, got, want)
		}
	}
	old := faults["AWS::SQS::Queue"][0]
	if text := old.text("feed", int(old.atLeast)).String(); old.statistic != "Maximum" || !strings.Contains(text,
		"in the queue feed for 30 minutes") {
		t.Errorf("%+v: %s", old, text)
	}
}
