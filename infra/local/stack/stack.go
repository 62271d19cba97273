// Package stack creates the resources of the synthesized CloudFormation template in moto.
//
// A resource type or an intrinsic function that it does not know is an error, never skipped: what
// runs here is what would be deployed. Rules, event buses, functions and what subscribes them are not
// created but returned, because the bus, the host and the front are what they are here.
package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	configtypes "github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/pkg/settings"
)

// Clients reach the services that resources are created in.
type Clients struct {
	CloudWatch *cloudwatch.Client
	Config     *configservice.Client
	DynamoDB   *dynamodb.Client
	IAM        *iam.Client
	KMS        *kms.Client
	Logs       *cloudwatchlogs.Client
	SNS        *sns.Client
	SQS        *sqs.Client
	SSM        *ssm.Client
	// Endpoint is where S3 answers, with the bucket in the path. Three requests do not need its client.
	Endpoint string
}

// NewClients are the clients of an account that has all services at one endpoint, which cfg names.
func NewClients(cfg aws.Config) Clients {
	return Clients{
		CloudWatch: cloudwatch.NewFromConfig(cfg), Config: configservice.NewFromConfig(cfg), DynamoDB: dynamodb.NewFromConfig(cfg),
		IAM: iam.NewFromConfig(cfg), KMS: kms.NewFromConfig(cfg), Logs: cloudwatchlogs.NewFromConfig(cfg), SNS: sns.NewFromConfig(cfg),
		SQS: sqs.NewFromConfig(cfg), SSM: ssm.NewFromConfig(cfg), Endpoint: aws.ToString(cfg.BaseEndpoint),
	}
}

// A Function is a function of the template.
type Function struct {
	Name      string
	ARN       string
	Role      string // ARN
	Timeout   time.Duration
	MemoryMB  int
	Env       map[string]string
	LogGroup  string
	LogFormat string // Text or JSON
	LogLevel  string // of the application; empty when the template does not say
	Retries   int    // of an asynchronous event: 0 to 2
	OnFailure string // ARN of the queue for failed events; empty for none
}

// Settings is the settings of a function of Warder's.
func (f Function) Settings() (settings.Function, error) {
	set, err := settings.FromEnv(func(name string) (string, bool) { value, ok := f.Env[name]; return value, ok })
	if err != nil {
		return set, fmt.Errorf("settings of %s: %w", f.Name, err)
	}
	return set, nil
}

// A Subscription starts a function for every message of a topic.
type Subscription struct {
	ARN      string
	Topic    string // ARN
	Function string // name
}

// A Stack is what was created.
type Stack struct {
	Name          string
	Region        string
	Template      []byte             // that it was created from
	Functions     []Function         // sorted by name
	Rules         []eventbridge.Rule // sorted by name
	Buses         []string           // names of event buses beside the default one, sorted
	Subscriptions []Subscription     // of functions, sorted by ARN; those of others are in moto
	Outputs       map[string]string
	Resources     []Resource          // sorted by logical id
	Targets       map[string][]string // ARNs that each rule starts, by the rule's name
	Keys          map[string]string   // ARNs of the keys that topics are encrypted with, by the topic's ARN
	Regions       []Stack             // of the hub: the stacks of the other regions
}

// A Resource is a resource that was created.
type Resource struct{ LogicalID, Type, PhysicalID string }

// Create creates the resources of the template under the stack's name.
func Create(ctx context.Context, data []byte, clients Clients, name, account, region string) (Stack, error) {
	t, err := parse(data)
	if err != nil {
		return Stack{}, err
	}
	m := &maker{
		ctx: ctx, Clients: clients, template: t, name: name, account: account, region: region,
		made: map[string]made{}, making: map[string]bool{}, functions: map[string]*Function{}, queues: map[string]bool{}, targets: map[string][]string{}, keys: map[string]string{}, allowed: map[string]bool{},
	}
	for _, logicalID := range slices.Sorted(maps.Keys(t.Resources)) {
		if t.Resources[logicalID].Type == metadata {
			continue
		}
		if _, err := m.make(logicalID); err != nil {
			return Stack{}, err
		}
	}
	s, err := m.stack()
	s.Template = data
	return s, err
}

// maker creates resources, each once, those that one needs before it.
type maker struct {
	Clients
	ctx       context.Context
	template  template
	name      string
	account   string
	region    string
	made      map[string]made
	making    map[string]bool
	functions map[string]*Function // by name
	rules     []eventbridge.Rule
	buses     []string
	listeners []Subscription
	queues    map[string]bool // by ARN
	targets   map[string][]string
	keys      map[string]string // of topics
	allowed   map[string]bool   // ARN of a rule or topic, and of the function that it may start
}

func (m *maker) stack() (Stack, error) {
	stack := Stack{Name: m.name, Region: m.region, Targets: m.targets, Keys: m.keys, Outputs: map[string]string{}}
	for _, id := range slices.Sorted(maps.Keys(m.made)) {
		stack.Resources = append(stack.Resources, Resource{id, m.template.Resources[id].Type, m.made[id].ref})
	}
	for _, name := range slices.Sorted(maps.Keys(m.functions)) {
		stack.Functions = append(stack.Functions, *m.functions[name])
	}
	slices.SortStableFunc(m.rules, func(a, b eventbridge.Rule) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(m.listeners, func(a, b Subscription) int { return strings.Compare(a.ARN, b.ARN) })
	slices.Sort(m.buses)
	stack.Rules, stack.Buses, stack.Subscriptions = m.rules, m.buses, m.listeners
	for _, rule := range m.rules {
		if rule.Function != "" && !m.allowed[m.ruleARN(rule.Bus, rule.Name)+" "+m.functions[rule.Function].ARN] {
			return Stack{}, fmt.Errorf("rule %s: no permission lets it start %s", rule.Name, rule.Function)
		}
	}
	for _, s := range m.listeners {
		if !m.allowed[s.Topic+" "+m.functions[s.Function].ARN] {
			return Stack{}, fmt.Errorf("topic %s: no permission lets it start %s", s.Topic, s.Function)
		}
	}
	for name, output := range m.template.Outputs {
		value, err := m.resolve(output.Value)
		if err != nil {
			return Stack{}, fmt.Errorf("output %s: %w", name, err)
		}
		stack.Outputs[name] = fmt.Sprint(value)
	}
	return stack, nil
}

func (m *maker) make(logicalID string) (made, error) {
	if done, ok := m.made[logicalID]; ok {
		return done, nil
	}
	r, ok := m.template.Resources[logicalID]
	if !ok {
		return made{}, fmt.Errorf("resource %s: the template has none of this name", logicalID)
	}
	if m.making[logicalID] {
		return made{}, fmt.Errorf("resource %s: it needs itself", logicalID)
	}
	m.making[logicalID] = true
	done, err := m.create(logicalID, r)
	if err != nil {
		return made{}, fmt.Errorf("resource %s (%s): %w", logicalID, r.Type, err)
	}
	m.made[logicalID] = done
	return done, nil
}

func (m *maker) create(logicalID string, r resource) (made, error) {
	dependencies, ok := r.DependsOn.([]any)
	if !ok && r.DependsOn != nil {
		dependencies = []any{r.DependsOn}
	}
	for _, dependency := range dependencies {
		if _, err := m.make(fmt.Sprint(dependency)); err != nil {
			return made{}, err
		}
	}
	return makers[r.Type](m, m.name+"-"+logicalID, r.Properties)
}

// properties resolves what a resource needs of its properties into a Go value.
func (m *maker) properties(from map[string]any, into any) error {
	resolved, err := m.resolve(from)
	if err != nil {
		return err
	}
	data, err := json.Marshal(resolved)
	if err != nil {
		return fmt.Errorf("encode properties: %w", err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("decode properties: %w", err)
	}
	return nil
}

func (m *maker) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + m.region + ":" + m.account + ":" + resource
}

// A makeFunc creates a resource. The name is for one whose properties do not name it.
type makeFunc func(m *maker, name string, properties map[string]any) (made, error)

// makers are the resource types that the local account knows.
var makers map[string]makeFunc

func init() { // they call resolve, which calls them
	makers = map[string]makeFunc{
		"AWS::Chatbot::CustomAction":      (*maker).customAction,
		"AWS::CloudWatch::Alarm":          (*maker).alarm,
		"AWS::CloudWatch::CompositeAlarm": (*maker).compositeAlarm,
		"AWS::CloudWatch::Dashboard":      (*maker).dashboard,
		"AWS::Config::ConfigRule":         (*maker).configRule,
		"AWS::DynamoDB::Table":            (*maker).table,
		"AWS::Events::EventBus":           (*maker).eventBus,
		"AWS::Events::Rule":               (*maker).rule,
		"AWS::IAM::Group":                 (*maker).group,
		"AWS::IAM::ManagedPolicy":         (*maker).managedPolicy,
		"AWS::IAM::Policy":                (*maker).policy,
		"AWS::IAM::Role":                  (*maker).role,
		"AWS::KMS::Alias":                 (*maker).alias,
		"AWS::KMS::Key":                   (*maker).key,
		"AWS::Lambda::EventInvokeConfig":  (*maker).invokeConfig,
		"AWS::Lambda::Function":           (*maker).function,
		"AWS::Lambda::Permission":         (*maker).permission,
		"AWS::Logs::LogGroup":             (*maker).logGroup,
		"AWS::Logs::QueryDefinition":      (*maker).queryDefinition,
		"AWS::S3::Bucket":                 (*maker).bucket,
		"AWS::S3::BucketPolicy":           (*maker).bucketPolicy,
		"AWS::SNS::Subscription":          (*maker).subscription,
		"AWS::SNS::Topic":                 (*maker).topic,
		"AWS::SNS::TopicPolicy":           (*maker).topicPolicy,
		"AWS::SQS::Queue":                 (*maker).queue,
		"AWS::SQS::QueuePolicy":           (*maker).queuePolicy,
		"AWS::SSM::Parameter":             (*maker).parameter,
	}
}

func (m *maker) table(name string, properties map[string]any) (made, error) {
	input := dynamodb.CreateTableInput{TableName: &name}
	if err := m.properties(only(properties, "AttributeDefinitions", "BillingMode", "DeletionProtectionEnabled",
		"GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes", "ProvisionedThroughput", "TableName", "Tags"), &input); err != nil {
		return made{}, err
	}
	if _, err := m.DynamoDB.CreateTable(m.ctx, &input); err != nil {
		return made{}, err
	}
	var more struct {
		TimeToLiveSpecification          *ddbtypes.TimeToLiveSpecification
		PointInTimeRecoverySpecification *ddbtypes.PointInTimeRecoverySpecification
	}
	if err := m.properties(properties, &more); err != nil {
		return made{}, err
	}
	if more.TimeToLiveSpecification != nil {
		if _, err := m.DynamoDB.UpdateTimeToLive(m.ctx, &dynamodb.UpdateTimeToLiveInput{
			TableName: input.TableName, TimeToLiveSpecification: more.TimeToLiveSpecification,
		}); err != nil {
			return made{}, err
		}
	}
	if more.PointInTimeRecoverySpecification != nil {
		if _, err := m.DynamoDB.UpdateContinuousBackups(m.ctx, &dynamodb.UpdateContinuousBackupsInput{
			TableName: input.TableName, PointInTimeRecoverySpecification: more.PointInTimeRecoverySpecification,
		}); err != nil {
			return made{}, err
		}
	}
	return made{ref: *input.TableName, attributes: map[string]string{"Arn": m.arn("dynamodb", "table/"+*input.TableName)}}, nil
}

func only(properties map[string]any, names ...string) map[string]any {
	part := map[string]any{}
	for _, name := range names {
		if value, ok := properties[name]; ok {
			part[name] = value
		}
	}
	return part
}

// configRule creates a managed rule, which judges nothing here.
func (m *maker) configRule(_ string, properties map[string]any) (made, error) {
	var p struct {
		ConfigRuleName            string
		Description               *string
		InputParameters           json.RawMessage
		MaximumExecutionFrequency configtypes.MaximumExecutionFrequency
		Scope                     *configtypes.Scope
		Source                    *configtypes.Source
	}
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	rule := &configtypes.ConfigRule{
		ConfigRuleName: &p.ConfigRuleName, Description: p.Description, MaximumExecutionFrequency: p.MaximumExecutionFrequency, Scope: p.Scope, Source: p.Source,
	}
	if p.InputParameters != nil {
		rule.InputParameters = aws.String(string(p.InputParameters))
	}
	_, err := m.Config.PutConfigRule(m.ctx, &configservice.PutConfigRuleInput{ConfigRule: rule})
	return made{ref: p.ConfigRuleName}, err
}

func (m *maker) eventBus(_ string, properties map[string]any) (made, error) {
	var p struct{ Name string }
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	m.buses = append(m.buses, p.Name)
	return made{ref: p.Name, attributes: map[string]string{"Arn": m.arn("events", "event-bus/"+p.Name), "Name": p.Name}}, nil
}

func (m *maker) rule(name string, properties map[string]any) (made, error) {
	var p struct {
		Name, EventBusName, ScheduleExpression, State string
		EventPattern                                  json.RawMessage
		Targets                                       []struct {
			Arn, Input, InputPath, RoleArn string
			InputTransformer               any
		}
	}
	p.Name = name
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	if p.EventBusName == "default" {
		p.EventBusName = ""
	}
	for _, target := range p.Targets {
		if target.InputPath != "" || target.InputTransformer != nil {
			return made{}, fmt.Errorf("target %s: the local account hands over the event or a constant, nothing made of the event", target.Arn)
		}
		rule := eventbridge.Rule{
			Name: p.Name, Region: m.region, Bus: p.EventBusName, Pattern: string(p.EventPattern), Schedule: p.ScheduleExpression,
			Input: target.Input, State: p.State, Disabled: p.State == "DISABLED",
		}
		m.targets[p.Name] = append(m.targets[p.Name], target.Arn)
		switch function := m.functionByARN(target.Arn); {
		case function != nil:
			rule.Function = function.Name
		case m.queues[target.Arn]:
			rule.Queue = target.Arn
		case strings.HasPrefix(target.Arn, "arn:aws:events:") && strings.Contains(target.Arn, ":event-bus/"):
			rule.Forward, rule.Role = target.Arn, target.RoleArn
		default:
			return made{}, fmt.Errorf("target %s: no function or queue of the template, and no event bus", target.Arn)
		}
		m.rules = append(m.rules, rule)
	}
	return made{ref: p.Name, attributes: map[string]string{"Arn": m.ruleARN(p.EventBusName, p.Name)}}, nil
}

// ruleARN is the ARN of a rule, in which the default bus is not named.
func (m *maker) ruleARN(bus, name string) string {
	if bus != "" {
		name = bus + "/" + name
	}
	return m.arn("events", "rule/"+name)
}

func (m *maker) functionByARN(arn string) *Function {
	for _, function := range m.functions {
		if function.ARN == arn {
			return function
		}
	}
	return nil
}

func (m *maker) role(name string, properties map[string]any) (made, error) {
	var p struct {
		AssumeRolePolicyDocument json.RawMessage
		Description              *string
		ManagedPolicyArns        []string
		Path                     *string
		Policies                 []struct {
			PolicyName     string
			PolicyDocument json.RawMessage
		}
		RoleName string
		Tags     []iamtypes.Tag
	}
	p.RoleName = name[:min(len(name), 64)]
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	role, err := m.IAM.CreateRole(m.ctx, &iam.CreateRoleInput{
		RoleName: &p.RoleName, AssumeRolePolicyDocument: aws.String(string(p.AssumeRolePolicyDocument)),
		Description: p.Description, Path: p.Path, Tags: p.Tags,
	})
	if err != nil {
		return made{}, err
	}
	for _, policy := range p.Policies {
		if err := m.putPolicy(p.RoleName, policy.PolicyName, policy.PolicyDocument); err != nil {
			return made{}, err
		}
	}
	for _, arn := range p.ManagedPolicyArns {
		if _, err := m.IAM.AttachRolePolicy(m.ctx, &iam.AttachRolePolicyInput{RoleName: &p.RoleName, PolicyArn: &arn}); err != nil {
			return made{}, err
		}
	}
	return made{ref: p.RoleName, attributes: map[string]string{"Arn": *role.Role.Arn, "RoleId": *role.Role.RoleId}}, nil
}

func (m *maker) putPolicy(role, name string, document json.RawMessage) error {
	_, err := m.IAM.PutRolePolicy(m.ctx, &iam.PutRolePolicyInput{
		RoleName: &role, PolicyName: &name, PolicyDocument: aws.String(string(document)),
	})
	return err
}

func (m *maker) policy(name string, properties map[string]any) (made, error) {
	var p struct {
		PolicyDocument       json.RawMessage
		PolicyName           string
		Roles, Users, Groups []string
	}
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	if len(p.Users)+len(p.Groups) > 0 {
		return made{}, errors.New("the local account attaches policies to roles alone")
	}
	for _, role := range p.Roles {
		if err := m.putPolicy(role, p.PolicyName, p.PolicyDocument); err != nil {
			return made{}, err
		}
	}
	return made{ref: p.PolicyName}, nil
}

func (m *maker) managedPolicy(name string, properties map[string]any) (made, error) {
	var p struct {
		Description, Path    *string
		ManagedPolicyName    string
		PolicyDocument       json.RawMessage
		Roles, Users, Groups []string
	}
	p.ManagedPolicyName = name
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	if len(p.Roles)+len(p.Users)+len(p.Groups) > 0 {
		return made{}, errors.New("the local account attaches a managed policy where a group or role names it")
	}
	policy, err := m.IAM.CreatePolicy(m.ctx, &iam.CreatePolicyInput{
		PolicyName: &p.ManagedPolicyName, Path: p.Path, Description: p.Description, PolicyDocument: aws.String(string(p.PolicyDocument)),
	})
	if err != nil {
		return made{}, err
	}
	return made{ref: *policy.Policy.Arn, attributes: map[string]string{"PolicyArn": *policy.Policy.Arn}}, nil
}

func (m *maker) group(name string, properties map[string]any) (made, error) {
	var p struct {
		GroupName         string
		ManagedPolicyArns []string
		Path              *string
		Policies          []any
	}
	p.GroupName = name
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	if len(p.Policies) > 0 {
		return made{}, errors.New("the local account makes groups with managed policies alone")
	}
	group, err := m.IAM.CreateGroup(m.ctx, &iam.CreateGroupInput{GroupName: &p.GroupName, Path: p.Path})
	if err != nil {
		return made{}, err
	}
	for _, arn := range p.ManagedPolicyArns {
		if _, err := m.IAM.AttachGroupPolicy(m.ctx, &iam.AttachGroupPolicyInput{GroupName: &p.GroupName, PolicyArn: &arn}); err != nil {
			return made{}, err
		}
	}
	return made{ref: p.GroupName, attributes: map[string]string{"Arn": *group.Group.Arn}}, nil
}

func (m *maker) key(_ string, properties map[string]any) (made, error) {
	var p struct {
		Description *string
		KeyPolicy   json.RawMessage
	}
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	key, err := m.KMS.CreateKey(m.ctx, &kms.CreateKeyInput{Description: p.Description, Policy: aws.String(string(p.KeyPolicy))})
	if err != nil {
		return made{}, err
	}
	id, arn := *key.KeyMetadata.KeyId, *key.KeyMetadata.Arn
	return made{ref: id, attributes: map[string]string{"Arn": arn, "KeyId": id}}, nil
}

// customAction is a button of a chat: there is no chat here, and so nobody to press it.
func (m *maker) customAction(_ string, properties map[string]any) (made, error) {
	var p struct {
		ActionName string
		Definition struct{ CommandText string }
	}
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	// https://docs.aws.amazon.com/chatbot/latest/APIReference/API_CustomActionDefinition.html
	if length := len(p.Definition.CommandText); p.ActionName == "" || length == 0 || length > 100 {
		return made{}, fmt.Errorf("button %q: a command of %d characters: want 1 to 100", p.ActionName, length)
	}
	arn := "arn:aws:chatbot::" + m.account + ":custom-action/" + p.ActionName
	return made{ref: arn, attributes: map[string]string{"CustomActionArn": arn}}, nil
}

func (m *maker) alias(_ string, properties map[string]any) (made, error) {
	var p struct{ AliasName, TargetKeyId string }
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	_, err := m.KMS.CreateAlias(m.ctx, &kms.CreateAliasInput{AliasName: &p.AliasName, TargetKeyId: &p.TargetKeyId})
	return made{ref: p.AliasName}, err
}

func (m *maker) function(name string, properties map[string]any) (made, error) {
	var p struct {
		FunctionName  string
		Role          string
		Timeout       int
		MemorySize    int
		Environment   struct{ Variables map[string]string }
		LoggingConfig struct{ LogGroup, LogFormat, ApplicationLogLevel string }
	}
	p.FunctionName, p.Timeout, p.MemorySize, p.LoggingConfig.LogFormat = name, 3, 128, "Text" // Lambda's defaults
	if err := m.properties(only(properties, "FunctionName", "Role", "Timeout", "MemorySize", "Environment", "LoggingConfig"), &p); err != nil {
		return made{}, err
	}
	if p.LoggingConfig.LogGroup == "" {
		p.LoggingConfig.LogGroup = "/aws/lambda/" + p.FunctionName
	}
	function := &Function{
		Name: p.FunctionName, ARN: m.arn("lambda", "function:"+p.FunctionName), Role: p.Role,
		Timeout: time.Duration(p.Timeout) * time.Second, MemoryMB: p.MemorySize, Env: p.Environment.Variables,
		LogGroup: p.LoggingConfig.LogGroup, LogFormat: p.LoggingConfig.LogFormat, LogLevel: p.LoggingConfig.ApplicationLogLevel,
		Retries: 2,
	}
	m.functions[p.FunctionName] = function
	return made{ref: p.FunctionName, attributes: map[string]string{"Arn": function.ARN}}, nil
}

func (m *maker) invokeConfig(name string, properties map[string]any) (made, error) {
	var p struct {
		FunctionName         string
		MaximumRetryAttempts *int
		DestinationConfig    struct{ OnFailure struct{ Destination string } }
	}
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	function, ok := m.functions[p.FunctionName]
	if !ok {
		return made{}, fmt.Errorf("function %s: not in the template", p.FunctionName)
	}
	if p.MaximumRetryAttempts != nil {
		function.Retries = *p.MaximumRetryAttempts
	}
	function.OnFailure = p.DestinationConfig.OnFailure.Destination
	return made{ref: name}, nil
}

func (m *maker) permission(name string, properties map[string]any) (made, error) {
	var p struct{ FunctionName, Principal, SourceArn string }
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	arn := p.FunctionName
	if function, ok := m.functions[p.FunctionName]; ok {
		arn = function.ARN
	}
	if p.Principal == "events.amazonaws.com" || p.Principal == "sns.amazonaws.com" {
		m.allowed[p.SourceArn+" "+arn] = true
	}
	return made{ref: name}, nil
}

func (m *maker) logGroup(name string, properties map[string]any) (made, error) {
	var p struct {
		LogGroupName    string
		RetentionInDays *int32
	}
	p.LogGroupName = name
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	if _, err := m.Logs.CreateLogGroup(m.ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &p.LogGroupName}); err != nil {
		return made{}, err
	}
	if p.RetentionInDays != nil {
		if _, err := m.Logs.PutRetentionPolicy(m.ctx, &cloudwatchlogs.PutRetentionPolicyInput{
			LogGroupName: &p.LogGroupName, RetentionInDays: p.RetentionInDays,
		}); err != nil {
			return made{}, err
		}
	}
	return made{ref: p.LogGroupName, attributes: map[string]string{"Arn": m.arn("logs", "log-group:"+p.LogGroupName+":*")}}, nil
}

func (m *maker) topic(name string, properties map[string]any) (made, error) {
	var p struct {
		TopicName, DisplayName, KmsMasterKeyId string
	}
	p.TopicName = name
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	attributes := map[string]string{}
	if p.DisplayName != "" {
		attributes["DisplayName"] = p.DisplayName
	}
	if p.KmsMasterKeyId != "" {
		attributes["KmsMasterKeyId"] = p.KmsMasterKeyId
	}
	topic, err := m.SNS.CreateTopic(m.ctx, &sns.CreateTopicInput{Name: &p.TopicName, Attributes: attributes})
	if err != nil {
		return made{}, err
	}
	if strings.HasPrefix(p.KmsMasterKeyId, "arn:") { // any other is AWS's own, which asks nobody
		m.keys[*topic.TopicArn] = p.KmsMasterKeyId
	}
	return made{ref: *topic.TopicArn, attributes: map[string]string{"TopicArn": *topic.TopicArn, "TopicName": p.TopicName}}, nil
}

func (m *maker) topicPolicy(name string, properties map[string]any) (made, error) {
	var p struct {
		PolicyDocument json.RawMessage
		Topics         []string
	}
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	for _, topic := range p.Topics {
		if _, err := m.SNS.SetTopicAttributes(m.ctx, &sns.SetTopicAttributesInput{
			TopicArn: &topic, AttributeName: aws.String("Policy"), AttributeValue: aws.String(string(p.PolicyDocument)),
		}); err != nil {
			return made{}, err
		}
	}
	return made{ref: name}, nil
}

func (m *maker) subscription(_ string, properties map[string]any) (made, error) {
	var p struct {
		Endpoint, Protocol, TopicArn *string
		RawMessageDelivery           *bool
		FilterPolicy                 json.RawMessage
		FilterPolicyScope            *string
	}
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	if aws.ToString(p.Protocol) == "lambda" {
		return m.listener(p.TopicArn, p.Endpoint, p.RawMessageDelivery != nil || p.FilterPolicy != nil)
	}
	attributes := map[string]string{}
	if p.RawMessageDelivery != nil {
		attributes["RawMessageDelivery"] = fmt.Sprint(*p.RawMessageDelivery)
	}
	if p.FilterPolicyScope != nil {
		attributes["FilterPolicyScope"] = *p.FilterPolicyScope
	}
	if p.FilterPolicy != nil {
		attributes["FilterPolicy"] = string(p.FilterPolicy)
	}
	subscription, err := m.SNS.Subscribe(m.ctx, &sns.SubscribeInput{
		TopicArn: p.TopicArn, Protocol: p.Protocol, Endpoint: p.Endpoint, Attributes: attributes, ReturnSubscriptionArn: true,
	})
	if err != nil {
		return made{}, err
	}
	return made{ref: *subscription.SubscriptionArn}, nil
}

// listener subscribes a function, which moto has not, so that it is told here.
func (m *maker) listener(topic, endpoint *string, special bool) (made, error) {
	function := m.functionByARN(aws.ToString(endpoint))
	if function == nil {
		return made{}, fmt.Errorf("endpoint %s: not a function of the template", aws.ToString(endpoint))
	}
	if special {
		return made{}, errors.New("the local account gives a function every message, in the envelope of SNS")
	}
	arn := aws.ToString(topic) + ":" + function.Name
	m.listeners = append(m.listeners, Subscription{ARN: arn, Topic: aws.ToString(topic), Function: function.Name})
	return made{ref: arn}, nil
}

// bucket creates a bucket. What it is encrypted with and how long what is in it is kept makes no
// difference here.
func (m *maker) bucket(name string, properties map[string]any) (made, error) {
	var p struct {
		BucketName                     string
		VersioningConfiguration        struct{ Status string }
		PublicAccessBlockConfiguration *struct {
			BlockPublicAcls, BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets bool
		}
	}
	p.BucketName = strings.ToLower(name) // CloudFormation does so, and S3 wants it so
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	if err := m.put(p.BucketName, ""); err != nil {
		return made{}, err
	}
	if status := p.VersioningConfiguration.Status; status != "" {
		if err := m.put(p.BucketName+"?versioning", "<VersioningConfiguration><Status>"+status+"</Status></VersioningConfiguration>"); err != nil {
			return made{}, err
		}
	}
	if block := p.PublicAccessBlockConfiguration; block != nil {
		if err := m.put(p.BucketName+"?publicAccessBlock", fmt.Sprintf("<PublicAccessBlockConfiguration><BlockPublicAcls>%t</BlockPublicAcls>"+
			"<IgnorePublicAcls>%t</IgnorePublicAcls><BlockPublicPolicy>%t</BlockPublicPolicy><RestrictPublicBuckets>%t</RestrictPublicBuckets>"+
			"</PublicAccessBlockConfiguration>", block.BlockPublicAcls, block.IgnorePublicAcls, block.BlockPublicPolicy, block.RestrictPublicBuckets)); err != nil {
			return made{}, err
		}
	}
	return made{ref: p.BucketName, attributes: map[string]string{"Arn": "arn:aws:s3:::" + p.BucketName}}, nil
}

// bucketPolicy takes a policy that only denies, and leaves it out: moto knows no conditions, and one
// that denies requests without TLS would deny all that are made here.
func (m *maker) bucketPolicy(name string, properties map[string]any) (made, error) {
	var p struct {
		PolicyDocument struct{ Statement []struct{ Effect string } }
	}
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	for _, statement := range p.PolicyDocument.Statement {
		if statement.Effect != "Deny" {
			return made{}, errors.New("the local account's buckets are for roles of the account alone")
		}
	}
	return made{ref: name}, nil
}

// put makes a request to S3.
func (m *maker) put(resource, body string) error {
	request, err := http.NewRequestWithContext(m.ctx, http.MethodPut, m.Endpoint+"/"+resource, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("put %s: %w", resource, err)
	}
	// The scope of a signature, which is how moto knows the service; it does not check the signature.
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAOFTHELOCALACCOUNT/20260101/"+m.region+"/s3/aws4_request, SignedHeaders=host, Signature=none")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("put %s: %w", resource, err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		text, _ := io.ReadAll(response.Body) // the status is the error
		return fmt.Errorf("put %s: %s: %s", resource, response.Status, text)
	}
	return nil
}

func (m *maker) queue(name string, properties map[string]any) (made, error) {
	var p map[string]any
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	if own, ok := p["QueueName"].(string); ok {
		name = own
	}
	attributes := map[string]string{}
	for _, attribute := range []string{"DelaySeconds", "KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod",
		"ReceiveMessageWaitTimeSeconds", "SqsManagedSseEnabled", "VisibilityTimeout"} {
		switch value := p[attribute].(type) {
		case nil:
		case float64:
			attributes[attribute] = fmt.Sprintf("%.0f", value)
		default:
			attributes[attribute] = fmt.Sprint(value)
		}
	}
	queue, err := m.SQS.CreateQueue(m.ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		return made{}, err
	}
	m.queues[m.arn("sqs", name)] = true
	return made{ref: *queue.QueueUrl, attributes: map[string]string{"Arn": m.arn("sqs", name), "QueueName": name}}, nil
}

func (m *maker) queuePolicy(name string, properties map[string]any) (made, error) {
	var p struct {
		PolicyDocument json.RawMessage
		Queues         []string
	}
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	for _, queue := range p.Queues {
		if _, err := m.SQS.SetQueueAttributes(m.ctx, &sqs.SetQueueAttributesInput{
			QueueUrl: &queue, Attributes: map[string]string{"Policy": string(p.PolicyDocument)},
		}); err != nil {
			return made{}, err
		}
	}
	return made{ref: name}, nil
}

func (m *maker) parameter(name string, properties map[string]any) (made, error) {
	var p struct {
		Name, Type, Value string
		Description       *string
	}
	p.Name = name
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	if _, err := m.SSM.PutParameter(m.ctx, &ssm.PutParameterInput{
		Name: &p.Name, Value: &p.Value, Type: ssmtypes.ParameterType(p.Type), Description: p.Description,
	}); err != nil {
		return made{}, err
	}
	return made{ref: p.Name, attributes: map[string]string{"Type": p.Type, "Value": p.Value}}, nil
}
