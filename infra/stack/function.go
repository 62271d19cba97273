package stack

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	// A sweep of an account with IAM's 5,000 users takes minutes at the rate IAM
	// allows; Lambda's longest timeout costs nothing when a run is short.
	timeoutMinutes = 15
	memoryMB       = 256 // Lambda gives processor time by memory; less starts slowly

	// Lambda retries a failed run after one and two minutes, and keeps trying to
	// start a throttled one for as long as it can.
	// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
	retries         = 2
	maxEventSeconds = 6 * 60 * 60
)

// addFunction adds a control or a tool to the hub: its function, and what starts it. Its tag on every resource
// names the owner. A person invokes a tool and waits for it. What else starts a function is retried and then kept. A
// tool that is subscribed to the topic is fed by a queue.
func (h *Hub) addFunction(c control.Control) awslambda.Function {
	scope := constructs.NewConstruct(h.Stack, jsii.String(pascal(c.ID)))
	awscdk.Tags_Of(scope).Add(jsii.String(settings.Product), jsii.String(c.ID), nil)
	fails := may(h.Failed.QueueArn(), "sqs:SendMessage") // Lambda hands over a failed event with the function's role
	byPersonOnly := c.Tool && c.Schedule == ""
	var plumbing []awsiam.PolicyStatement
	if !c.Tool {
		plumbing = h.runs(c, fails)
	} else if !byPersonOnly {
		plumbing = append(plumbing, fails)
	}
	plumbing = append(plumbing, h.seals(c)...)
	var queue awssqs.Queue
	if c.Subscribes {
		queue = h.newFeed(scope)
		h.own[control.Queue], h.queues[c.ID] = *queue.QueueArn(), *queue.QueueUrl()
	}
	f := h.newFunction(scope, c, plumbing)
	if c.Subscribes {
		h.feed(scope, c, f, queue)
	}
	if !byPersonOnly {
		awslambda.NewCfnEventInvokeConfig(scope, jsii.String("Retry"), &awslambda.CfnEventInvokeConfigProps{
			FunctionName:             f.FunctionName(),
			Qualifier:                jsii.String("$LATEST"),
			MaximumRetryAttempts:     jsii.Number(retries),
			MaximumEventAgeInSeconds: jsii.Number(maxEventSeconds),
			DestinationConfig: &awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
				OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: h.Failed.QueueArn()},
			},
		})
	}
	h.addRules(scope, c, f)
	if c.Tool && c.Schedule != "" && watches(c) {
		h.addHeartbeat(scope, c, f)
	}
	return f
}

// runs is what the function of every control may do for the runner.
func (h *Hub) runs(c control.Control, fails awsiam.PolicyStatement) []awsiam.PolicyStatement {
	ledger := []string{"dynamodb:GetItem", "dynamodb:PutItem"}
	if c.Schedule != "" { // a sweep lists the open cases
		ledger = append(ledger, "dynamodb:Query")
	}
	if c.Acts() || c.Schedule != "" { // the guards' entries are read at once
		ledger = append(ledger, "dynamodb:BatchGetItem")
	}
	statements := []awsiam.PolicyStatement{
		may(h.Ledger.TableArn(), ledger...),
		may(h.Topic.TopicArn(), "sns:Publish"),
		fails,
	}
	if orders := h.props.Settings.Orders; orders != "" && c.Acts() {
		statements = append(statements, allow([]string{"ssm:GetParameter"}, []string{orders}, nil))
	}
	if h.Key != nil {
		statements = append(statements, allow([]string{"kms:Decrypt", "kms:GenerateDataKey"},
			[]string{*h.Key.KeyArn()}, conditionMap{"StringEquals": {viaService: viaSNS(*h.Region())}}))
	}
	return statements
}

// seals is what a function that uses the ledger may do for its seals: open their secret, and make it if it writes.
func (h *Hub) seals(c control.Control) []awsiam.PolicyStatement {
	reads, writes := !c.Tool, !c.Tool
	for _, p := range c.Permissions {
		own := slices.Contains(p.Resources, control.Ledger)
		reads, writes = reads || own, writes || own && slices.Contains(p.Actions, "dynamodb:PutItem")
	}
	if !reads {
		return nil
	}
	actions := []string{"kms:Decrypt"}
	if writes {
		actions = append(actions, "kms:GenerateDataKey")
	}
	return []awsiam.PolicyStatement{
		allow(actions, []string{*h.LedgerKey.KeyArn()}, conditionMap{"StringEquals": {ledgerContext: {ledger.Purpose}}}),
	}
}

// newFunction adds a function, its log group and its role to the construct. The role allows what control.json
// lists, writing the log, the plumbing, and nothing else. The log group outlives the control, so that what
// happened stays readable.
func (h *Hub) newFunction(scope constructs.Construct, c control.Control, plumbing []awsiam.PolicyStatement,
) awslambda.Function {
	logs := awslogs.NewLogGroup(scope, jsii.String("Logs"), &awslogs.LogGroupProps{
		LogGroupName:  jsii.String(h.kept(settings.LogGroupName(c.ID))),
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
	})
	// The construct's own property is an enumeration; the resource takes the days.
	logs.Node().DefaultChild().(awslogs.CfnLogGroup).SetRetentionInDays(jsii.Number(h.props.Settings.LogRetentionDays))
	// Lambda itself writes the log with this role.
	role := h.newRole(scope, c, append(plumbing, may(logs.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents")))
	minutes := timeoutMinutes
	if c.Subscribes {
		minutes = fedMinutes
	}
	made := awslambda.NewFunction(scope, jsii.String("Function"), &awslambda.FunctionProps{
		FunctionName:          jsii.String(settings.FunctionName(c.ID)),
		Description:           jsii.String(c.Summary),
		Runtime:               awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:          awslambda.Architecture_ARM_64(),
		Handler:               jsii.String("bootstrap"),
		Code:                  code(h.Stack, c.ID, h.props.Binaries, h.props.Settings),
		Role:                  role,
		MemorySize:            jsii.Number(memoryMB),
		Timeout:               awscdk.Duration_Minutes(jsii.Number(minutes)),
		LogGroup:              logs,
		LoggingFormat:         awslambda.LoggingFormat_JSON,
		ApplicationLogLevelV2: awslambda.ApplicationLogLevel_INFO,
		SystemLogLevelV2:      awslambda.SystemLogLevel_INFO, // timeouts are counted from what Lambda itself writes
	})
	// The function refers to its role; the CDK says so a second time.
	made.Node().DefaultChild().(awslambda.CfnFunction).AddDeletionOverride(jsii.String("DependsOn"))
	return made
}

// pascal is "detach-direct-policy" as "DetachDirectPolicy".
func pascal(id string) string {
	var out strings.Builder
	for word := range strings.SplitSeq(id, "-") {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}

const (
	enabled  = "ENABLED"
	disabled = "DISABLED"
	// withReads lets the pattern alone decide: ENABLED would drop read-only calls,
	// some of which matter (root listing its keys).
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
	withReads = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
)

// addRules adds what starts a function: a rule for each pattern of control.json, limited to this account, and the
// schedule. Events of other regions arrive on the hub's bus, which has rules of its own. In mode off the rules are
// disabled.
func (h *Hub) addRules(scope constructs.Construct, c control.Control, f awslambda.Function) {
	add := func(id string, rule awsevents.CfnRuleProps) {
		if h.props.off(c) {
			rule.State = jsii.String(disabled)
		}
		target := awsevents.CfnRule_TargetProperty{Id: jsii.String("Function"), Arn: f.FunctionArn()}
		made := newRule(scope, id, rule, target, h.Undelivered)
		bus, _ := rule.EventBusName.(*string)
		h.mayStart(scope, id, f, bus, made)
	}
	for i, p := range patterns(c, h.props.Settings) {
		if p.own() {
			add(fmt.Sprintf("Bus%d", i+1), listen(h.Stack, h.Bus.Ref(), c.Title, withReads, p))
			continue
		}
		add(fmt.Sprintf("Rule%d", i+1), listen(h.Stack, nil, c.Title, withReads, p))
		if p = h.onBus(c, p); p != nil {
			description := c.Title + ": in other regions, and in a drill"
			add(fmt.Sprintf("Bus%d", i+1), listen(h.Stack, h.Bus.Ref(), description, withReads, p))
		}
	}
	if c.Schedule != "" {
		h.addSchedule(scope, c, f.FunctionArn())
	}
}

// heartbeat is the pattern of the events that the daily check puts on the bus of every region.
var heartbeat = pattern{"source": []any{event.Heartbeat}, "detail-type": []any{event.HeartbeatType}}

// addHeartbeat adds what starts the daily check with its own events, which have to come the way that events come: from
// the hub's region, and from the others over the hub's bus.
func (h *Hub) addHeartbeat(scope constructs.Construct, c control.Control, f awslambda.Function) {
	add := func(id string, bus *string) {
		rule := listen(h.Stack, bus, c.Title+": an event that has to arrive", withReads, heartbeat)
		target := awsevents.CfnRule_TargetProperty{Id: jsii.String("Function"), Arn: f.FunctionArn()}
		made := newRule(scope, id, rule, target, h.Undelivered)
		h.mayStart(scope, id, f, bus, made)
	}
	add("Heartbeat", nil)
	if len(h.props.Settings.Regions) > 0 {
		add("HeartbeatBus", h.Bus.Ref())
	}
}

// onBus returns the pattern of a control for events on the hub's bus, nil when none come there.
func (h *Hub) onBus(c control.Control, p pattern) pattern {
	regions := len(h.props.Settings.Regions) > 0
	if h.Drill != nil {
		if drilled := p.drilled(c.Drill.Source(), !regions); drilled != nil {
			return drilled
		}
	}
	if regions && p.regional() {
		return p
	}
	return nil
}

// listen returns a rule for events of the stack's own account, on its bus or, without one, the default bus.
func listen(stack awscdk.Stack, bus *string, description, state string, p pattern) awsevents.CfnRuleProps {
	return awsevents.CfnRuleProps{
		Description: jsii.String(description), EventBusName: bus, EventPattern: p.of(stack.Account()),
		State: jsii.String(state),
	}
}

// keep adds a rule that puts events of the account into a queue.
func (h *Hub) keep(id string, bus *string, description string, p pattern, queue awssqs.Queue) awsevents.CfnRule {
	target := awsevents.CfnRule_TargetProperty{Id: jsii.String("Queue"), Arn: queue.QueueArn()}
	return newRule(h.Stack, id, listen(h.Stack, bus, description, enabled, p), target, h.Undelivered)
}

// newRule adds a rule with one target. Undelivered keeps the events that EventBridge cannot hand over.
func newRule(scope constructs.Construct, id string, rule awsevents.CfnRuleProps,
	target awsevents.CfnRule_TargetProperty, undelivered awssqs.Queue,
) awsevents.CfnRule {
	target.DeadLetterConfig = &awsevents.CfnRule_DeadLetterConfigProperty{Arn: undelivered.QueueArn()}
	rule.Targets = &[]any{&target}
	return awsevents.NewCfnRule(scope, jsii.String(id), &rule)
}

// mayStart allows a rule to start the function. On Warder's own bus one permission is for all rules: a stack has at
// most 500 resources, and whoever puts a rule on that bus is reported.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
func (h *Hub) mayStart(scope constructs.Construct, id string, f awslambda.Function, bus *string,
	rule awsevents.CfnRule,
) {
	const onBus = "BusPermission"
	if bus == nil {
		mayInvoke(scope, id+"Permission", f, "events", rule.AttrArn())
	} else if scope.Node().TryFindChild(jsii.String(onBus)) == nil {
		mayInvoke(scope, onBus, f, "events", h.FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("events"), Resource: jsii.String("rule"), ResourceName: jsii.String(settings.Product + "/*"),
		}))
	}
}

// mayInvoke allows a service to invoke the function for one of its resources.
func mayInvoke(scope constructs.Construct, id string, f awslambda.Function, service string, source *string) {
	awslambda.NewCfnPermission(scope, jsii.String(id), &awslambda.CfnPermissionProps{
		Action:       jsii.String("lambda:InvokeFunction"),
		FunctionName: f.FunctionArn(),
		Principal:    jsii.String(service + ".amazonaws.com"),
		SourceArn:    source,
	})
}

// CodeFolder is the folder of the synthesized app with the archives to upload to the settings' bucket.
const CodeFolder = "code"

// code is the code of the function of id. With a bucket in the settings it is an archive under a name that changes with
// its content, which is written to CodeFolder; Lambda wants it in the function's own region.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html
func code(stack awscdk.Stack, id, binaries string, s settings.Settings) awslambda.Code {
	folder := filepath.Join(binaries, id)
	if s.AssetBucket == "" {
		return awslambda.Code_FromAsset(jsii.String(folder), nil)
	}
	archive, err := archived(filepath.Join(folder, "bootstrap"))
	key := fmt.Sprintf("%s/%s/%.16x.zip", settings.Product, id, sha256.Sum256(archive))
	out := filepath.Join(*awscdk.Stage_Of(stack).Outdir(), CodeFolder, key)
	err = errors.Join(err, os.MkdirAll(filepath.Dir(out), 0o755), os.WriteFile(out, archive, 0o644))
	if err != nil {
		panic(fmt.Errorf("write code of %q: %w", id, err)) // Validate has found the binary
	}
	const bucket = "Code"
	imported, ok := stack.Node().TryFindChild(jsii.String(bucket)).(awss3.IBucket)
	if !ok {
		name := jsii.String(s.AssetBucket)
		if strings.Contains(s.AssetBucket, "${") {
			name = awscdk.Fn_Sub(name, nil)
		}
		imported = awss3.Bucket_FromBucketName(stack, jsii.String(bucket), name)
	}
	return awslambda.Code_FromBucket(imported, jsii.String(key), nil)
}

// archived is a zip archive with one executable file in it, the same for the same content.
func archived(file string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read binary: %w", err)
	}
	var out bytes.Buffer // takes whatever is written
	archive := zip.NewWriter(&out)
	header := &zip.FileHeader{
		Name: filepath.Base(file), Method: zip.Deflate,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), // the earliest that the format has
	}
	header.SetMode(0o755)
	entry, _ := archive.CreateHeader(header)
	_, _ = entry.Write(content)
	_ = archive.Close()
	return out.Bytes(), nil
}
