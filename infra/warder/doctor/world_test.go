package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	formationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	configtypes "github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/mailstate"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	id   = "111122223333"
	hub  = "us-east-1"
	eu   = "eu-west-1"
	mail = "security@example.com"
)

// now is when the doctor comes.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// A world is an account in which Warder is deployed in two regions and everything is as it should
// be. Tests break things in it.
type world struct {
	denied map[string]bool // operations that the credentials may not call
	err    map[string]error

	settings   settings.Settings
	controls   []control.Control
	arn        string
	regions    map[string]bool   // enabled
	parameters map[string]string // by region and name
	types      map[string]ssmtypes.ParameterType
	trails     []trailtypes.Trail
	logging    map[string]bool
	selectors  map[string]*cloudtrail.GetEventSelectorsOutput
	recorders  []configtypes.ConfigurationRecorder
	recording  bool
	rules      map[string]configtypes.ConfigRuleState // of Config
	stacks     map[string]*stacked                    // by region
	synth      map[string]synth
	buses      []string
	started    map[string]*eventbridge.DescribeRuleOutput // rules by region and name
	targets    map[string][]string
	schedule   map[string]any // as GetSchedule answers
	roles      []string
	functions  map[string]*lambda.GetFunctionConfigurationOutput
	secret     *secretsmanager.DescribeSecretOutput
	subscribed []snstypes.Subscription
	waiting    map[string]string // messages by queue
	mail       mailstate.Account
	sender     mailstate.Identity
	mailEvents mailstate.Events
	ledger     *ledger.Ledger
	store      ledger.Store
}

type stacked struct {
	name, template, status string
	resources              map[string]string
	parameters             []formationtypes.Parameter
}

// regional are the settings of the world.
const regional = `{"regions":["eu-west-1","us-east-2","eu-north-1","ap-southeast-2"],
	"notify":{"emails":["` + mail + `"],"slack":{"secret":"slack"}},
	"createConfigRules":true,"configRules":{"access-keys-rotated":["keys-rotated"]}}`

// lambdaARN is the ARN of a function up to its name.
const lambdaARN = "arn:aws:lambda:us-east-1:111122223333:function:"

// templates of the hub and of a region, as far as the doctor reads them.
const (
	hubTemplate = `{"Resources":{
		"Notices":{"Type":"AWS::SNS::Topic","Properties":{}},
		"Mails1234ABCD":{"Type":"AWS::SNS::Topic","Properties":{}},
		"Failed":{"Type":"AWS::SQS::Queue","Properties":{}},
		"Undelivered":{"Type":"AWS::SQS::Queue","Properties":{}},
		"Drills":{"Type":"AWS::SQS::Queue","Properties":{}},
		"PostToSlackQueue1234ABCD":{"Type":"AWS::SQS::Queue","Properties":{}},
		"DetachRetry":{"Type":"AWS::Lambda::EventInvokeConfig",
			"Properties":{"DestinationConfig":{"OnFailure":{"Destination":{"Fn::GetAtt":["Failed","Arn"]}}}}},
		"DetachRule1":{"Type":"AWS::Events::Rule","Properties":{"State":"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
			"EventPattern":{"source":["aws.iam"],"account":[{"Ref":"AWS::AccountId"}]},"Tags":[{"Key":"warder",
				"Value":"detach-direct-policy"}],
			"Targets":[{"Arn":{"Fn::GetAtt":["Detach","Arn"]},"DeadLetterConfig":{"Arn":{"Fn::GetAtt":["Undelivered",
				"Arn"]}}}]}},
		"Detach":{"Type":"AWS::Lambda::Function","Properties":{}},
		"Schedules":{"Type":"AWS::Scheduler::ScheduleGroup","Properties":{}},
		"DetachSchedule":{"Type":"AWS::Scheduler::Schedule","Properties":{"GroupName":{"Ref":"Schedules"},
			"State":"ENABLED","ScheduleExpression":"rate(1 day)","Target":{"Arn":{"Fn::GetAtt":["Detach","Arn"]}}}},
		"LoginBus":{"Type":"AWS::Events::Rule","Properties":{"EventBusName":{"Ref":"Bus"},
			"EventPattern":{"source":["aws.signin"]},"Tags":[{"Key":"warder","Value":"alert-console-login"}],
			"Targets":[{"Arn":{"Fn::GetAtt":["Login","Arn"]}}]}},
		"Alarms":{"Type":"AWS::Events::Rule","Properties":{"EventPattern":{"source":["aws.cloudwatch"],
			"resources":[{"Fn::GetAtt":["Alarm","Arn"]}],"detail":{"n":[{"numeric":[">",1]}]}},"Tags":[{"Key":"warder",
				"Value":"hub"}],"Targets":[{"Arn":"q"}]}},
		"Bus":{"Type":"AWS::Events::EventBus","Properties":{"Name":"warder"}}}}`
	regionTemplate = `{"Resources":{
		"Forward":{"Type":"AWS::IAM::Role","Properties":{}},
		"Undelivered":{"Type":"AWS::SQS::Queue","Properties":{}},
		"Forward1":{"Type":"AWS::Events::Rule","Properties":{"EventPattern":{"source":["aws.signin"]},
			"Tags":[{"Key":"warder","Value":"region"}],
			"Targets":[{"Arn":"x","DeadLetterConfig":{"Arn":{"Fn::GetAtt":["Undelivered","Arn"]}}}]}}}}`
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		denied: map[string]bool{}, err: map[string]error{}, arn: "arn:aws:sts::" + id + ":assumed-role/ops/kim",
		controls: []control.Control{
			{ID: "alert-console-login", Mode: control.Observe, Rules: []json.RawMessage{nil}},
			{
				ID:          "detach-direct-policy",
				Mode:        control.Observe,
				Schedule:    "rate(1 day)",
				ConfigRules: []control.ConfigRule{{Name: "iam-user-no-policies-check"}},
			},
			{
				ID:          "post-to-slack",
				Tool:        true,
				Subscribes:  true,
				Permissions: []control.Permission{{Resources: []string{control.Slack}}},
			},
			{ID: "undo", Tool: true},
		},
		regions: map[string]bool{hub: true, eu: true, "us-east-2": true, "eu-north-1": true, "ap-southeast-2": true},
		parameters: map[string]string{
			hub + bootstrapVersion: "30", eu + bootstrapVersion: "6", hub + "/slack": "",
		},
		types: map[string]ssmtypes.ParameterType{"/slack": ssmtypes.ParameterTypeSecureString},
		trails: []trailtypes.Trail{
			{Name: aws.String("audit"), TrailARN: aws.String("arn:audit"), IsMultiRegionTrail: aws.Bool(true)},
		},
		logging: map[string]bool{"arn:audit": true},
		selectors: map[string]*cloudtrail.GetEventSelectorsOutput{
			"arn:audit": {EventSelectors: []trailtypes.EventSelector{{ReadWriteType: trailtypes.ReadWriteTypeAll}}},
		},
		recorders: []configtypes.ConfigurationRecorder{
			{
				Name:           aws.String("default"),
				RecordingGroup: &configtypes.RecordingGroup{AllSupported: true, IncludeGlobalResourceTypes: true},
			},
		},
		recording: true,
		rules: map[string]configtypes.ConfigRuleState{
			"keys-rotated":                      configtypes.ConfigRuleStateActive,
			"warder-iam-user-no-policies-check": configtypes.ConfigRuleStateActive,
		},
		stacks: map[string]*stacked{
			hub: {name: "warder", template: hubTemplate, status: "UPDATE_COMPLETE", resources: map[string]string{
				"Notices":       "arn:aws:sns:us-east-1:" + id + ":warder-Notices",
				"Mails1234ABCD": "arn:aws:sns:us-east-1:" + id + ":warder-Mails",
				"Failed":        "https://sqs/failed",
				"Undelivered":   "https://sqs/undelivered", "Drills": "https://sqs/drills",
				"PostToSlackQueue1234ABCD": "https://sqs/slack",
				"DetachRule1":              "warder-DetachRule1", "DetachSchedule": "warder-DetachSchedule",
				"Detach": "warder-detach-direct-policy", "Schedules": "warder-Schedules",
				"LoginBus": "warder|warder-LoginBus", "Bus": "warder", "Alarms": "warder-Alarms",
			}},
			eu: {name: "warder-eu-west-1", template: regionTemplate, status: "CREATE_COMPLETE", resources: map[string]string{
				"Forward": "warder-Forward-eu", "Undelivered": "https://sqs/undelivered-eu", "Forward1": "warder-Forward1",
			}},
		},
		synth: map[string]synth{"warder": {[]byte(hubTemplate), true}, "warder-eu-west-1": {[]byte(regionTemplate), true}},
		schedule: map[string]any{
			"State": "ENABLED", "ScheduleExpression": "rate(1 day)",
			"Target": map[string]any{"Arn": lambdaARN + "warder-detach-direct-policy"},
		},
		buses: []string{"warder"}, roles: []string{"warder-Forward", "warder-Forward-eu"},
		started: map[string]*eventbridge.DescribeRuleOutput{
			hub + "warder-DetachRule1": {
				State:        eventtypes.RuleStateEnabledWithAllCloudtrailManagementEvents,
				EventPattern: aws.String(`{"account":["111122223333"],"source":["aws.iam"]}`),
			},
			hub + "warder-LoginBus": {
				State:        eventtypes.RuleStateEnabled,
				EventPattern: aws.String(`{"source":["aws.signin"]}`),
			},
			hub + "warder-Alarms": {
				State: eventtypes.RuleStateEnabled,
				EventPattern: aws.String(
					`{"detail":{"n":[{"numeric":[">",1]}]},"resources":["arn:alarm"],"source":["aws.cloudwatch"]}`,
				),
			},
			eu + "warder-Forward1": {
				State:        eventtypes.RuleStateEnabled,
				EventPattern: aws.String(`{"source":["aws.signin"]}`),
			},
		},
		functions: map[string]*lambda.GetFunctionConfigurationOutput{},
		secret:    &secretsmanager.DescribeSecretOutput{},
		waiting: map[string]string{
			"https://sqs/failed":         "0",
			"https://sqs/undelivered":    "0",
			"https://sqs/undelivered-eu": "0",
		},
		store: &ledger.Memory{},
		subscribed: []snstypes.Subscription{
			{Protocol: aws.String("email"), Endpoint: aws.String(mail), SubscriptionArn: aws.String("arn:s1")},
			{
				Protocol:        aws.String("sqs"),
				Endpoint:        aws.String("arn:aws:sqs:us-east-1:" + id + ":slack"),
				SubscriptionArn: aws.String("arn:s2"),
			},
		},
	}
	w.ledger = ledger.New(w.store)
	w.targets = map[string][]string{
		hub + "warder-DetachRule1": {
			lambdaARN + "warder-detach-direct-policy",
		},
		hub + "warder-LoginBus": {
			lambdaARN + "warder-alert-console-login",
		}, hub + "warder-Alarms": {"arn:aws:sqs:us-east-1:" + id + ":undelivered"},
		eu + "warder-Forward1": {"arn:aws:events:us-east-1:" + id + ":event-bus/warder"},
	}
	w.set(t, regional)
	// One region beside the hub's is enough, but the doctor asks for those where sign-ins are recorded.
	for _, region := range []string{"us-east-2", "eu-north-1", "ap-southeast-2"} {
		w.parameters[region+bootstrapVersion] = "30"
		w.stacks[region] = &stacked{
			name: "warder-" + region, template: regionTemplate, status: "CREATE_COMPLETE",
			resources: maps.Clone(w.stacks[eu].resources),
		}
		w.stacks[region].resources["Forward"] = "warder-Forward"
		w.synth["warder-"+region] = w.synth["warder-eu-west-1"]
		w.started[region+"warder-Forward1"] = w.started[eu+"warder-Forward1"]
		w.targets[region+"warder-Forward1"] = w.targets[eu+"warder-Forward1"]
	}
	w.sweep(t, "detach-direct-policy", now.Add(-3*time.Hour), true)
	return w
}

// set sets the settings, and tells them to the functions.
func (w *world) set(t *testing.T, text string) {
	t.Helper()
	s, err := settings.Parse([]byte(text), w.controls)
	if err != nil {
		t.Fatal(err)
	}
	w.settings = s
	for _, c := range w.controls {
		f := s.Function(c)
		f.LedgerKey = "arn:aws:kms:us-east-1:111122223333:key/1"
		f.Topic, f.Account, f.Roles = "arn:aws:sns:us-east-1:123456789012:t", "123456789012", []string{"warder-a"}
		f.Quarantine.Key = "arn:aws:iam::123456789012:policy/warder/key"
		w.functions[settings.FunctionName(c.ID)] = &lambda.GetFunctionConfigurationOutput{
			State: lambdatypes.StateActive, LastUpdateStatus: lambdatypes.LastUpdateStatusSuccessful,
			Environment: &lambdatypes.EnvironmentResponse{Variables: f.Env()},
		}
	}
}

// deployed are the settings that the stack of the hub says it was deployed with, and that were synthesized.
func (w *world) deployed(t *testing.T, text string) {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil {
		t.Fatal(err)
	}
	template := `{"Metadata":{"warder":` + compact.String() + `},` + strings.TrimPrefix(hubTemplate, "{")
	w.stacks[hub].template, w.synth["warder"] = template, synth{[]byte(template), true}
}

// edit changes the settings that detach-direct-policy is deployed with.
func (w *world) edit(t *testing.T, edit func(*settings.Function)) {
	t.Helper()
	if err := settings.Edit(w.functions["warder-detach-direct-policy"].Environment.Variables, edit); err != nil {
		t.Fatal(err)
	}
}

// sweep has the control sweep the account.
func (w *world) sweep(t *testing.T, id string, at time.Time, done bool) {
	t.Helper()
	run, err := w.ledger.Begin(t.Context(),
		ledger.Run{Control: id, Key: at.String(), Event: scheduled, Holder: "h", Until: at}, at)
	if err != nil {
		t.Fatal(err)
	}
	run.Done, run.Reason = done, "out of time"
	if err := w.ledger.Finish(t.Context(), &run); err != nil {
		t.Fatal(err)
	}
}

// halt sets the halt switch.
func (w *world) halt(t *testing.T, h ledger.Halt) {
	t.Helper()
	read, err := w.ledger.Halt(t.Context())
	if err == nil {
		err = w.ledger.SetHalt(t.Context(), read, h)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// forget empties the ledger.
func (w *world) forget() {
	w.store = &ledger.Memory{}
	w.ledger = ledger.New(w.store)
}

// examine has the doctor examine the world.
func (w *world) examine(t *testing.T) []Line {
	t.Helper()
	return w.doctor().examine(t.Context())
}

func (w *world) doctor() *doctor {
	d := newDoctor(Options{
		Settings: account.Settings{Settings: w.settings, Source: "cdk.json"}, Controls: w.controls,
		Now:    func() time.Time { return now },
		Config: aws.Config{APIOptions: []func(*middleware.Stack) error{w.answer}},
	})
	d.store = reader{w, hub}
	d.synth = func(stack string) (synth, error) {
		if s, ok := w.synth[stack]; ok {
			return s, nil
		}
		return synth{}, fs.ErrNotExist
	}
	return d
}

// answer has the methods of reader answer the calls of the SDK's clients that the doctor is let make.
func (w *world) answer(stack *middleware.Stack) error {
	return stack.Serialize.Add(middleware.SerializeMiddlewareFunc("world", func(
		ctx context.Context, in middleware.SerializeInput, _ middleware.SerializeHandler,
	) (middleware.SerializeOutput, middleware.Metadata, error) {
		method := reflect.ValueOf(reader{w, awsmiddleware.GetRegion(ctx)}).MethodByName(awsmiddleware.GetOperationName(ctx))
		given := []reflect.Value{reflect.ValueOf(ctx)}
		if in.Parameters != nil {
			given = append(given, reflect.ValueOf(in.Parameters))
		}
		got := method.Call(given)
		err, _ := got[1].Interface().(error)
		return middleware.SerializeOutput{Result: got[0].Interface()}, middleware.Metadata{}, err
	}), middleware.Before)
}

// reader is the world in a region.
type reader struct {
	*world
	region string
}

func refusal(code string) error { return &smithy.GenericAPIError{Code: code, Message: "no"} }

// may is the error of an operation, nil if it may be called.
func (r reader) may(operation string) error {
	if r.denied[operation] {
		return refusal("AccessDenied")
	}
	return r.err[operation]
}

func (r reader) GetSchedule(context.Context) (*map[string]any, error) {
	return &r.schedule, r.may("scheduler:GetSchedule")
}

func (r reader) DescribeStacks(
	_ context.Context,
	in *cloudformation.DescribeStacksInput) (*cloudformation.DescribeStacksOutput, error) {
	s := r.stacks[r.region]
	if err := r.may("cloudformation:DescribeStacks"); err != nil {
		return nil, err
	}
	if s == nil || s.name != *in.StackName {
		return nil, &smithy.GenericAPIError{
			Code:    "ValidationError",
			Message: "Stack with id " + *in.StackName + " does not exist",
		}
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []formationtypes.Stack{{
		StackName: &s.name, StackStatus: formationtypes.StackStatus(s.status), Parameters: s.parameters,
		CreationTime: aws.Time(now.Add(-100 * time.Hour)),
	}}}, nil
}

func (r reader) ListStacks(
	context.Context, *cloudformation.ListStacksInput) (*cloudformation.ListStacksOutput, error) {
	var out cloudformation.ListStacksOutput
	if s := r.stacks[r.region]; s != nil {
		out.StackSummaries = []formationtypes.StackSummary{{StackName: &s.name}}
	}
	return &out, r.may("cloudformation:ListStacks")
}

func (r reader) GetTemplate(
	context.Context,
	*cloudformation.GetTemplateInput) (*cloudformation.GetTemplateOutput, error) {
	return &cloudformation.GetTemplateOutput{
		TemplateBody: &r.stacks[r.region].template,
	}, r.may("cloudformation:GetTemplate")
}

func (r reader) ListStackResources(
	context.Context,
	*cloudformation.ListStackResourcesInput) (*cloudformation.ListStackResourcesOutput, error) {
	var out cloudformation.ListStackResourcesOutput
	for logical, physical := range r.stacks[r.region].resources {
		out.StackResourceSummaries = append(out.StackResourceSummaries,
			formationtypes.StackResourceSummary{LogicalResourceId: &logical, PhysicalResourceId: &physical})
	}
	return &out, r.may("cloudformation:ListStackResources")
}

func (r reader) DescribeTrails(
	context.Context,
	*cloudtrail.DescribeTrailsInput) (*cloudtrail.DescribeTrailsOutput, error) {
	return &cloudtrail.DescribeTrailsOutput{TrailList: r.trails}, r.may("cloudtrail:DescribeTrails")
}

func (r reader) GetTrailStatus(
	_ context.Context,
	in *cloudtrail.GetTrailStatusInput) (*cloudtrail.GetTrailStatusOutput, error) {
	return &cloudtrail.GetTrailStatusOutput{IsLogging: aws.Bool(r.logging[*in.Name])}, r.may("cloudtrail:GetTrailStatus")
}

func (r reader) GetEventSelectors(
	_ context.Context,
	in *cloudtrail.GetEventSelectorsInput) (*cloudtrail.GetEventSelectorsOutput, error) {
	return r.selectors[*in.TrailName], r.may("cloudtrail:GetEventSelectors")
}

func (r reader) DescribeConfigurationRecorders(
	context.Context,
	*configservice.DescribeConfigurationRecordersInput) (*configservice.DescribeConfigurationRecordersOutput, error) {
	return &configservice.DescribeConfigurationRecordersOutput{
		ConfigurationRecorders: r.recorders,
	}, r.may("config:DescribeConfigurationRecorders")
}

func (r reader) DescribeConfigurationRecorderStatus(
	context.Context,
	*configservice.DescribeConfigurationRecorderStatusInput,
) (*configservice.DescribeConfigurationRecorderStatusOutput, error) {
	return &configservice.DescribeConfigurationRecorderStatusOutput{
		ConfigurationRecordersStatus: []configtypes.ConfigurationRecorderStatus{
			{Name: aws.String("default"), Recording: r.recording},
		},
	}, r.may("config:DescribeConfigurationRecorderStatus")
}

func (r reader) DescribeConfigRules(
	_ context.Context,
	in *configservice.DescribeConfigRulesInput) (*configservice.DescribeConfigRulesOutput, error) {
	state, ok := r.rules[in.ConfigRuleNames[0]]
	if !ok {
		return nil, refusal("NoSuchConfigRuleException")
	}
	return &configservice.DescribeConfigRulesOutput{
		ConfigRules: []configtypes.ConfigRule{{ConfigRuleState: state}},
	}, r.may("config:DescribeConfigRules")
}

func (r reader) DescribeEventBus(
	_ context.Context,
	in *eventbridge.DescribeEventBusInput) (*eventbridge.DescribeEventBusOutput, error) {
	if !slices.Contains(r.buses, *in.Name) {
		return nil, refusal("ResourceNotFoundException")
	}
	return &eventbridge.DescribeEventBusOutput{}, r.may("events:DescribeEventBus")
}

func (r reader) DescribeRule(
	_ context.Context,
	in *eventbridge.DescribeRuleInput) (*eventbridge.DescribeRuleOutput, error) {
	out, ok := r.started[r.region+*in.Name]
	if !ok || (*in.Name == "warder-LoginBus") != (aws.ToString(in.EventBusName) == "warder") {
		return nil, refusal("ResourceNotFoundException")
	}
	return out, r.may("events:DescribeRule")
}

func (r reader) ListTargetsByRule(
	_ context.Context,
	in *eventbridge.ListTargetsByRuleInput) (*eventbridge.ListTargetsByRuleOutput, error) {
	var out eventbridge.ListTargetsByRuleOutput
	for _, arn := range r.targets[r.region+*in.Rule] {
		out.Targets = append(out.Targets, eventtypes.Target{Arn: &arn})
	}
	return &out, r.may("events:ListTargetsByRule")
}

func (r reader) GetRole(_ context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	if !slices.Contains(r.roles, *in.RoleName) {
		return nil, refusal("NoSuchEntity")
	}
	return &iam.GetRoleOutput{}, r.may("iam:GetRole")
}

func (r reader) GetFunctionConfiguration(
	_ context.Context,
	in *lambda.GetFunctionConfigurationInput) (*lambda.GetFunctionConfigurationOutput, error) {
	out, ok := r.functions[*in.FunctionName]
	if !ok {
		return nil, refusal("ResourceNotFoundException")
	}
	return out, r.may("lambda:GetFunctionConfiguration")
}

func (r reader) DescribeSecret(
	context.Context,
	*secretsmanager.DescribeSecretInput) (*secretsmanager.DescribeSecretOutput, error) {
	if r.secret == nil {
		return nil, refusal("ResourceNotFoundException")
	}
	return r.secret, r.may("secretsmanager:DescribeSecret")
}

func (r reader) ListSubscriptionsByTopic(
	_ context.Context,
	in *sns.ListSubscriptionsByTopicInput) (*sns.ListSubscriptionsByTopicOutput, error) {
	out := &sns.ListSubscriptionsByTopicOutput{}
	for _, s := range r.subscribed { // addresses are subscribed to the topic of mails
		if mails := strings.HasSuffix(*in.TopicArn, "Mails"); mails == (*s.Protocol == "email") {
			out.Subscriptions = append(out.Subscriptions, s)
		}
	}
	return out, r.may("sns:ListSubscriptionsByTopic")
}

func (r reader) GetQueueAttributes(
	_ context.Context,
	in *sqs.GetQueueAttributesInput) (*sqs.GetQueueAttributesOutput, error) {
	count, ok := r.waiting[*in.QueueUrl]
	if !ok {
		return nil, refusal("AWS.SimpleQueueService.NonExistentQueue")
	}
	return &sqs.GetQueueAttributesOutput{
		Attributes: map[string]string{"ApproximateNumberOfMessages": count},
	}, r.may("sqs:GetQueueAttributes")
}

func (r reader) DescribeParameters(
	_ context.Context,
	in *ssm.DescribeParametersInput) (*ssm.DescribeParametersOutput, error) {
	var out ssm.DescribeParametersOutput
	name := in.ParameterFilters[0].Values[0]
	if _, ok := r.parameters[r.region+name]; ok {
		out.Parameters = []ssmtypes.ParameterMetadata{{Name: &name, Type: r.types[name]}}
	}
	return &out, r.may("ssm:DescribeParameters")
}

func (r reader) GetParameter(
	_ context.Context,
	in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	value, ok := r.parameters[r.region+*in.Name]
	if !ok {
		return nil, refusal("ParameterNotFound")
	}
	return &ssm.GetParameterOutput{
		Parameter: &ssmtypes.Parameter{Value: &value},
	}, r.may("ssm:GetParameter")
}

func (r reader) GetCallerIdentity(
	context.Context,
	*sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	if !r.regions[r.region] {
		return nil, refusal("InvalidClientTokenId")
	}
	return &sts.GetCallerIdentityOutput{Account: aws.String(id), Arn: &r.arn}, r.may("sts:GetCallerIdentity")
}

func (r reader) Get(ctx context.Context, partition, sort string) (ledger.Item, error) {
	return r.store.Get(ctx, partition, sort)
}

func (r reader) BatchGet(ctx context.Context, keys ...ledger.Key) ([]ledger.Item, error) {
	return r.store.BatchGet(ctx, keys...)
}

func (r reader) Put(ctx context.Context, item ledger.Item) error { return r.store.Put(ctx, item) }

func (r reader) Query(ctx context.Context, partition string) ([]ledger.Item, error) {
	return r.store.Query(ctx, partition)
}

func (r reader) Index(ctx context.Context, subject string, since time.Time) ([]ledger.Item, error) {
	return r.store.Index(ctx, subject, since)
}

func (r reader) Scan(ctx context.Context, prefixes ...string) ([]ledger.Item, error) {
	if err := r.may("dynamodb:Scan"); err != nil {
		failed := &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "Scan", Err: err}
		return nil, fmt.Errorf("scan the ledger: %w", failed)
	}
	return r.store.Scan(ctx, prefixes...)
}

// text is the lines as a test compares them: all that are not ok, and the checks of all.
func text(lines []Line) string {
	var out strings.Builder
	for _, line := range lines {
		if line.State != ok {
			fmt.Fprintf(&out, "%s: %s: %s\n", line.State, line.Check, line.Text)
		}
	}
	return out.String()
}
