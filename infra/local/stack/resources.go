package stack

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/warder-aws/warder/infra/local/eventbridge"
)

// A makeFunc creates a resource. The name is for one whose properties do not name it.
type makeFunc func(m *maker, name string, properties map[string]any) (made, error)

// of is a makeFunc that reads the properties first. Where CloudFormation's properties are named as the API's
// parameters, T is the input of the API.
func of[T any](create func(m *maker, name string, properties T) (made, error)) makeFunc {
	return func(m *maker, name string, properties map[string]any) (made, error) {
		var p T
		resolved, err := m.resolve(properties)
		if err != nil {
			return made{}, err
		}
		data, err := json.Marshal(resolved)
		if err != nil {
			return made{}, fmt.Errorf("encode properties: %w", err)
		}
		if err := json.Unmarshal(data, &p); err != nil {
			return made{}, fmt.Errorf("decode properties: %w", err)
		}
		return create(m, name, p)
	}
}

// A document is JSON within a property. The API takes it as text.
type document string

// UnmarshalJSON implements [json.Unmarshaler].
func (d *document) UnmarshalJSON(data []byte) error {
	*d = document(data)
	return nil
}

// text is the document as an API takes it, nil for none.
func (d document) text() *string {
	if d == "" {
		return nil
	}
	return aws.String(string(d))
}

// makers are the resource types that the local account knows.
var makers map[string]makeFunc

func init() { // they call resolve, which calls them
	makers = map[string]makeFunc{
		"AWS::Chatbot::CustomAction":                 of((*maker).customAction),
		"AWS::CloudWatch::Alarm":                     of((*maker).alarm),
		"AWS::CloudWatch::Dashboard":                 of((*maker).dashboard),
		"AWS::Config::ConfigRule":                    of((*maker).configRule),
		"AWS::DynamoDB::Table":                       of((*maker).table),
		"AWS::Events::EventBus":                      of((*maker).eventBus),
		"AWS::Events::EventBusPolicy":                of((*maker).eventBusPolicy),
		"AWS::Events::Rule":                          of((*maker).rule),
		"AWS::IAM::Group":                            of((*maker).group),
		"AWS::IAM::ManagedPolicy":                    of((*maker).managedPolicy),
		"AWS::IAM::Policy":                           of((*maker).policy),
		"AWS::IAM::Role":                             of((*maker).role),
		"AWS::KMS::Alias":                            of((*maker).alias),
		"AWS::KMS::Key":                              of((*maker).key),
		"AWS::Lambda::EventInvokeConfig":             of((*maker).invokeConfig),
		"AWS::Lambda::EventSourceMapping":            of((*maker).feed),
		"AWS::Lambda::Function":                      of((*maker).function),
		"AWS::Lambda::Permission":                    of((*maker).permission),
		"AWS::Logs::LogGroup":                        of((*maker).logGroup),
		"AWS::Logs::MetricFilter":                    of((*maker).metricFilter),
		"AWS::Logs::QueryDefinition":                 of((*maker).queryDefinition),
		"AWS::S3::Bucket":                            of((*maker).bucket),
		"AWS::S3::BucketPolicy":                      of((*maker).bucketPolicy),
		"AWS::SES::ConfigurationSet":                 of((*maker).configurationSet),
		"AWS::SES::ConfigurationSetEventDestination": of((*maker).eventDestination),
		"AWS::Scheduler::Schedule":                   of((*maker).schedule),
		"AWS::Scheduler::ScheduleGroup":              of((*maker).scheduleGroup),
		"AWS::SNS::Subscription":                     of((*maker).subscription),
		"AWS::SNS::Topic":                            of((*maker).topic),
		"AWS::SNS::TopicPolicy":                      of((*maker).topicPolicy),
		"AWS::SQS::Queue":                            of((*maker).queue),
		"AWS::SQS::QueuePolicy":                      of((*maker).queuePolicy),
		"AWS::SSM::Parameter":                        of((*maker).parameter),
	}
}

// with is a resource of which Fn::GetAtt yields the attributes, given as names and values.
func with(ref string, attributes ...string) made {
	m := made{ref: ref, attributes: map[string]string{}}
	for i := 0; i < len(attributes); i += 2 {
		m.attributes[attributes[i]] = attributes[i+1]
	}
	return m
}

// or is the name that a property gives, or the one that CloudFormation would make up.
func or(given *string, name string) *string { return aws.String(cmp.Or(aws.ToString(given), name)) }

// customAction is a button of a chat: there is no chat here, and so nobody to press it.
func (m *maker) customAction(_ string, p struct {
	ActionName string
	Definition struct{ CommandText string }
}) (made, error) {
	// https://docs.aws.amazon.com/chatbot/latest/APIReference/API_CustomActionDefinition.html
	if length := len(p.Definition.CommandText); p.ActionName == "" || length == 0 || length > 100 {
		return made{}, fmt.Errorf("button %q: a command of %d characters: want 1 to 100", p.ActionName, length)
	}
	arn := "arn:aws:chatbot::" + m.account + ":custom-action/" + p.ActionName
	return with(arn, "CustomActionArn", arn), nil
}

// alarm creates an alarm in moto, which checks what it is made of and never lets it go off: nothing is
// measured in the local account.
func (m *maker) alarm(name string, p cloudwatch.PutMetricAlarmInput) (made, error) {
	p.AlarmName = or(p.AlarmName, name)
	_, err := m.CloudWatch.PutMetricAlarm(m.ctx, &p)
	return with(*p.AlarmName, "Arn", m.arn("cloudwatch", "alarm:"+*p.AlarmName)), err
}

func (m *maker) dashboard(name string, p cloudwatch.PutDashboardInput) (made, error) {
	p.DashboardName = or(p.DashboardName, name)
	_, err := m.CloudWatch.PutDashboard(m.ctx, &p)
	return with(*p.DashboardName), err
}

// queryDefinition stands for a saved query, which moto cannot keep. It does nothing but be found by people,
// in a console that the local account does not have.
func (m *maker) metricFilter(name string, p cloudwatchlogs.PutMetricFilterInput) (made, error) {
	p.FilterName = or(p.FilterName, name)
	_, err := m.Logs.PutMetricFilter(m.ctx, &p)
	return with(*p.FilterName), err
}

func (m *maker) queryDefinition(name string, _ struct{ Name, QueryString string }) (made, error) {
	return with(name), nil
}

// configRule creates a managed rule, which evaluates nothing here.
func (m *maker) configRule(_ string, p struct {
	ConfigRuleName            string
	Description               *string
	InputParameters           document
	MaximumExecutionFrequency configtypes.MaximumExecutionFrequency
	Scope                     *configtypes.Scope
	Source                    *configtypes.Source
}) (made, error) {
	_, err := m.Config.PutConfigRule(m.ctx, &configservice.PutConfigRuleInput{ConfigRule: &configtypes.ConfigRule{
		ConfigRuleName: &p.ConfigRuleName, Description: p.Description, InputParameters: p.InputParameters.text(),
		MaximumExecutionFrequency: p.MaximumExecutionFrequency, Scope: p.Scope, Source: p.Source,
	}})
	return with(p.ConfigRuleName), err
}

func (m *maker) table(name string, p struct {
	dynamodb.CreateTableInput
	ResourcePolicy                   struct{ PolicyDocument document } // the endpoint goes by it
	SSESpecification                 any                               // makes no difference here
	TimeToLiveSpecification          *ddbtypes.TimeToLiveSpecification
	PointInTimeRecoverySpecification *ddbtypes.PointInTimeRecoverySpecification
}) (made, error) {
	p.TableName = or(p.TableName, name)
	if _, err := m.DynamoDB.CreateTable(m.ctx, &p.CreateTableInput); err != nil {
		return made{}, err
	}
	if p.TimeToLiveSpecification != nil {
		if _, err := m.DynamoDB.UpdateTimeToLive(m.ctx, &dynamodb.UpdateTimeToLiveInput{
			TableName: p.TableName, TimeToLiveSpecification: p.TimeToLiveSpecification,
		}); err != nil {
			return made{}, err
		}
	}
	if p.PointInTimeRecoverySpecification != nil {
		if _, err := m.DynamoDB.UpdateContinuousBackups(m.ctx, &dynamodb.UpdateContinuousBackupsInput{
			TableName: p.TableName, PointInTimeRecoverySpecification: p.PointInTimeRecoverySpecification,
		}); err != nil {
			return made{}, err
		}
	}
	arn := m.arn("dynamodb", "table/"+*p.TableName)
	if text := p.ResourcePolicy.PolicyDocument; text != "" {
		m.policies[arn] = []byte(text)
		if _, err := m.DynamoDB.PutResourcePolicy(m.ctx, &dynamodb.PutResourcePolicyInput{
			ResourceArn: &arn, Policy: text.text(),
		}); err != nil {
			return made{}, err
		}
	}
	return with(*p.TableName, "Arn", arn), nil
}

func (m *maker) eventBus(_ string, p struct{ Name string }) (made, error) {
	m.buses = append(m.buses, p.Name)
	return with(p.Name, "Arn", m.arn("events", "event-bus/"+p.Name), "Name", p.Name), nil
}

// eventBusPolicy keeps the policy for when the bus is made. It is there to be read: whoever reaches the local account
// may put events on its buses.
func (m *maker) eventBusPolicy(name string, p struct {
	EventBusName string
	Statement    document
}) (made, error) {
	m.busPolicies[p.EventBusName] = `{"Version": "2012-10-17", "Statement": [` + *p.Statement.text() + `]}`
	return with(name), nil
}

func (m *maker) rule(name string, p struct {
	Name                                    *string
	EventBusName, ScheduleExpression, State string
	EventPattern                            document
	Targets                                 []json.RawMessage
}) (made, error) {
	name = *or(p.Name, name)
	if p.EventBusName == "default" {
		p.EventBusName = ""
	}
	for _, data := range p.Targets {
		var target struct {
			Arn, Input, InputPath, RoleArn string
			InputTransformer               *eventbridge.Transformer
		}
		if err := json.Unmarshal(data, &target); err != nil {
			return made{}, fmt.Errorf("decode target: %w", err)
		}
		if target.InputPath != "" || target.InputTransformer != nil && !m.topics[target.Arn] {
			return made{}, fmt.Errorf("target %s: the local account hands over the event or a constant, "+
				"nothing made of the event but to a topic", target.Arn)
		}
		rule := eventbridge.Rule{
			Name: name, Region: m.region, Bus: p.EventBusName, Pattern: string(p.EventPattern),
			Schedule: p.ScheduleExpression, Input: target.Input, State: p.State, Disabled: p.State == "DISABLED",
		}
		m.targets[name] = append(m.targets[name], data)
		switch function := m.functionByARN(target.Arn); {
		case function != nil:
			rule.Function = function.Name
		case m.queues[target.Arn]:
			rule.Queue = target.Arn
		case m.topics[target.Arn]:
			rule.Topic, rule.Transformer = target.Arn, target.InputTransformer
		case strings.HasPrefix(target.Arn, "arn:aws:events:") && strings.Contains(target.Arn, ":event-bus/"):
			rule.Forward, rule.Role = target.Arn, target.RoleArn
		default:
			return made{}, fmt.Errorf("target %s: no function, queue or topic of the template, and no event bus", target.Arn)
		}
		m.rules = append(m.rules, rule)
	}
	return with(name, "Arn", m.ruleARN(p.EventBusName, name)), nil
}

func (m *maker) scheduleGroup(name string, p struct{ Name *string }) (made, error) {
	p.Name = or(p.Name, name)
	return with(*p.Name, "Arn", m.arn("scheduler", "schedule-group/"+*p.Name)),
		m.send(http.MethodPost, "schedule-groups/"+*p.Name, "{}", "scheduler")
}

// schedule creates a schedule in moto, which starts nothing by it: events are sent in the local account.
func (m *maker) schedule(name string, p struct {
	Name               *string
	GroupName          string
	Description        string `json:",omitempty"`
	ScheduleExpression string
	State              string
	FlexibleTimeWindow json.RawMessage
	Target             json.RawMessage
}) (made, error) {
	p.Name = or(p.Name, name[:min(len(name), 64)])
	var target struct {
		Arn, RoleArn, Input string
		DeadLetterConfig    struct{ Arn string }
	}
	if err := json.Unmarshal(p.Target, &target); err != nil {
		return made{}, fmt.Errorf("decode target: %w", err)
	}
	function := m.functionByARN(target.Arn)
	if function == nil || target.RoleArn == "" {
		return made{}, fmt.Errorf("target %s: a schedule starts a function of the template, with a role", target.Arn)
	}
	body, err := json.Marshal(p)
	if err != nil {
		return made{}, fmt.Errorf("encode schedule: %w", err)
	}
	m.rules = append(m.rules, eventbridge.Rule{
		Name: *p.Name, Region: m.region, Group: p.GroupName, Function: function.Name, Role: target.RoleArn,
		Schedule: p.ScheduleExpression, Input: target.Input, State: p.State, Disabled: p.State == "DISABLED",
		Keep: target.DeadLetterConfig.Arn,
	})
	return with(*p.Name, "Arn", m.arn("scheduler", "schedule/"+p.GroupName+"/"+*p.Name)),
		m.send(http.MethodPost, "schedules/"+*p.Name, string(body), "scheduler")
}

func (m *maker) role(name string, p struct {
	iam.CreateRoleInput
	AssumeRolePolicyDocument document
	ManagedPolicyArns        []string
	Policies                 []struct {
		PolicyName     string
		PolicyDocument document
	}
}) (made, error) {
	p.RoleName = or(p.RoleName, name[:min(len(name), 64)])
	p.CreateRoleInput.AssumeRolePolicyDocument = p.AssumeRolePolicyDocument.text()
	role, err := m.IAM.CreateRole(m.ctx, &p.CreateRoleInput)
	if err != nil {
		return made{}, err
	}
	for _, policy := range p.Policies {
		if err := m.putPolicy(*p.RoleName, policy.PolicyName, policy.PolicyDocument); err != nil {
			return made{}, err
		}
	}
	for _, arn := range p.ManagedPolicyArns {
		if _, err := m.IAM.AttachRolePolicy(m.ctx, &iam.AttachRolePolicyInput{
			RoleName: p.RoleName, PolicyArn: &arn,
		}); err != nil {
			return made{}, err
		}
	}
	return with(*p.RoleName, "Arn", *role.Role.Arn, "RoleId", *role.Role.RoleId), nil
}

func (m *maker) putPolicy(role, name string, policy document) error {
	_, err := m.IAM.PutRolePolicy(m.ctx, &iam.PutRolePolicyInput{
		RoleName: &role, PolicyName: &name, PolicyDocument: policy.text(),
	})
	return err
}

func (m *maker) policy(_ string, p struct {
	PolicyDocument       document
	PolicyName           string
	Roles, Users, Groups []string
}) (made, error) {
	if len(p.Users)+len(p.Groups) > 0 {
		return made{}, errors.New("the local account attaches policies to roles alone")
	}
	for _, role := range p.Roles {
		if err := m.putPolicy(role, p.PolicyName, p.PolicyDocument); err != nil {
			return made{}, err
		}
	}
	return with(p.PolicyName), nil
}

func (m *maker) managedPolicy(name string, p struct {
	Description, Path, ManagedPolicyName *string
	PolicyDocument                       document
	Roles, Users, Groups                 []string
}) (made, error) {
	if len(p.Roles)+len(p.Users)+len(p.Groups) > 0 {
		return made{}, errors.New("the local account attaches a managed policy where a group or role names it")
	}
	policy, err := m.IAM.CreatePolicy(m.ctx, &iam.CreatePolicyInput{
		PolicyName: or(p.ManagedPolicyName, name), Path: p.Path, Description: p.Description,
		PolicyDocument: p.PolicyDocument.text(),
	})
	if err != nil {
		return made{}, err
	}
	return with(*policy.Policy.Arn, "PolicyArn", *policy.Policy.Arn), nil
}

func (m *maker) group(name string, p struct {
	iam.CreateGroupInput
	ManagedPolicyArns []string
	Policies          []any
}) (made, error) {
	if len(p.Policies) > 0 {
		return made{}, errors.New("the local account makes groups with managed policies alone")
	}
	p.GroupName = or(p.GroupName, name)
	group, err := m.IAM.CreateGroup(m.ctx, &p.CreateGroupInput)
	if err != nil {
		return made{}, err
	}
	for _, arn := range p.ManagedPolicyArns {
		if _, err := m.IAM.AttachGroupPolicy(m.ctx, &iam.AttachGroupPolicyInput{
			GroupName: p.GroupName, PolicyArn: &arn,
		}); err != nil {
			return made{}, err
		}
	}
	return with(*p.GroupName, "Arn", *group.Group.Arn), nil
}

func (m *maker) key(_ string, p struct {
	Description *string
	KeyPolicy   document
}) (made, error) {
	key, err := m.KMS.CreateKey(m.ctx, &kms.CreateKeyInput{Description: p.Description, Policy: p.KeyPolicy.text()})
	if err != nil {
		return made{}, err
	}
	id, arn := *key.KeyMetadata.KeyId, *key.KeyMetadata.Arn
	m.policies[arn] = []byte(p.KeyPolicy)
	return with(id, "Arn", arn, "KeyId", id), nil
}

func (m *maker) alias(_ string, p kms.CreateAliasInput) (made, error) {
	_, err := m.KMS.CreateAlias(m.ctx, &p)
	return with(aws.ToString(p.AliasName)), err
}

func (m *maker) function(name string, p struct {
	FunctionName        *string
	Role                string
	Timeout, MemorySize int
	Environment         struct{ Variables map[string]string }
	LoggingConfig       struct{ LogGroup, LogFormat, ApplicationLogLevel, SystemLogLevel string }
}) (made, error) {
	name = *or(p.FunctionName, name)
	m.functions[name] = &Function{ // with Lambda's defaults
		Name: name, ARN: m.arn("lambda", "function:"+name), Role: p.Role, Env: p.Environment.Variables,
		Timeout: time.Duration(cmp.Or(p.Timeout, 3)) * time.Second, MemoryMB: cmp.Or(p.MemorySize, 128),
		LogGroup:  cmp.Or(p.LoggingConfig.LogGroup, "/aws/lambda/"+name),
		LogFormat: cmp.Or(p.LoggingConfig.LogFormat, "Text"), LogLevel: p.LoggingConfig.ApplicationLogLevel, Retries: 2,
	}
	return with(name, "Arn", m.functions[name].ARN), nil
}

func (m *maker) functionByARN(arn string) *Function {
	for _, function := range m.functions {
		if function.ARN == arn {
			return function
		}
	}
	return nil
}

func (m *maker) invokeConfig(name string, p struct {
	FunctionName         string
	MaximumRetryAttempts *int
	DestinationConfig    struct{ OnFailure struct{ Destination string } }
}) (made, error) {
	function, ok := m.functions[p.FunctionName]
	if !ok {
		return made{}, fmt.Errorf("function %s: not in the template", p.FunctionName)
	}
	if p.MaximumRetryAttempts != nil {
		function.Retries = *p.MaximumRetryAttempts
	}
	function.OnFailure = p.DestinationConfig.OnFailure.Destination
	return with(name), nil
}

// feed is what starts a function for the messages of a queue: moto would need Docker for it.
func (m *maker) feed(name string, p struct {
	FunctionName, EventSourceArn string
	BatchSize                    int
	FunctionResponseTypes        []string
}) (made, error) {
	if m.functions[p.FunctionName] == nil || !m.queues[p.EventSourceArn] {
		return made{}, fmt.Errorf("%s feeds %s: the local account has functions and queues of the template", p.EventSourceArn,
			p.FunctionName)
	}
	if !slices.Equal(p.FunctionResponseTypes, []string{"ReportBatchItemFailures"}) {
		return made{}, errors.New("the local account wants to know which messages failed: ReportBatchItemFailures")
	}
	m.feeds = append(m.feeds, Feed{p.EventSourceArn, p.FunctionName, p.BatchSize})
	return with(name, "Id", name), nil
}

// configurationSet creates a configuration set of SES. No client is needed for that.
func (m *maker) configurationSet(name string, p struct{ Name *string }) (made, error) {
	p.Name = or(p.Name, name[:min(len(name), 64)])
	return with(*p.Name), m.ses("configuration-sets", fmt.Sprintf(`{"ConfigurationSetName":%q}`, *p.Name))
}

// eventDestination leaves out where events of mails go: mail in the local account always arrives, and a mail that came
// back is an event that somebody puts on the bus.
func (m *maker) eventDestination(name string, p struct {
	ConfigurationSetName string
	EventDestination     struct{ EventBridgeDestination struct{ EventBusArn string } }
}) (made, error) {
	if bus := p.EventDestination.EventBridgeDestination.EventBusArn; bus != m.arn("events", "event-bus/default") {
		return made{}, fmt.Errorf("SES sends events to %q: it takes the default bus alone", bus)
	}
	return with(name), nil
}

// ses makes a request to SES.
func (m *maker) ses(resource, body string) error {
	return m.send(http.MethodPost, "v2/email/"+resource, body, "ses")
}

func (m *maker) permission(name string, p struct{ FunctionName, Principal, SourceArn string }) (made, error) {
	arn := p.FunctionName
	if function, ok := m.functions[p.FunctionName]; ok {
		arn = function.ARN
	}
	if p.Principal == "events.amazonaws.com" || p.Principal == "sns.amazonaws.com" {
		m.allowed[p.SourceArn+" "+arn] = true
	}
	return with(name), nil
}

func (m *maker) logGroup(name string, p struct {
	LogGroupName    *string
	RetentionInDays *int32
}) (made, error) {
	p.LogGroupName = or(p.LogGroupName, name)
	_, err := m.Logs.CreateLogGroup(m.ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: p.LogGroupName})
	if err == nil && p.RetentionInDays != nil {
		_, err = m.Logs.PutRetentionPolicy(m.ctx, &cloudwatchlogs.PutRetentionPolicyInput{
			LogGroupName: p.LogGroupName, RetentionInDays: p.RetentionInDays,
		})
	}
	return with(*p.LogGroupName, "Arn", m.arn("logs", "log-group:"+*p.LogGroupName+":*")), err
}

func (m *maker) topic(name string, p struct {
	TopicName                   *string
	DisplayName, KmsMasterKeyId string
}) (made, error) {
	attributes := map[string]string{}
	if p.DisplayName != "" {
		attributes["DisplayName"] = p.DisplayName
	}
	if p.KmsMasterKeyId != "" {
		attributes["KmsMasterKeyId"] = p.KmsMasterKeyId
	}
	p.TopicName = or(p.TopicName, name)
	topic, err := m.SNS.CreateTopic(m.ctx, &sns.CreateTopicInput{Name: p.TopicName, Attributes: attributes})
	if err != nil {
		return made{}, err
	}
	if strings.HasPrefix(p.KmsMasterKeyId, "arn:") { // any other is AWS's own, which asks nobody
		m.keys[*topic.TopicArn] = p.KmsMasterKeyId
	}
	m.topics[*topic.TopicArn] = true
	return with(*topic.TopicArn, "TopicArn", *topic.TopicArn, "TopicName", *p.TopicName), nil
}

func (m *maker) topicPolicy(name string, p struct {
	PolicyDocument document
	Topics         []string
}) (made, error) {
	for _, topic := range p.Topics {
		if _, err := m.SNS.SetTopicAttributes(m.ctx, &sns.SetTopicAttributesInput{
			TopicArn: &topic, AttributeName: aws.String("Policy"), AttributeValue: p.PolicyDocument.text(),
		}); err != nil {
			return made{}, err
		}
	}
	return with(name), nil
}

func (m *maker) subscription(_ string, p struct {
	sns.SubscribeInput
	RawMessageDelivery *bool
	FilterPolicy       document
	RedrivePolicy      document
	FilterPolicyScope  string
}) (made, error) {
	if aws.ToString(p.Protocol) == "lambda" {
		special := p.RawMessageDelivery != nil || p.FilterPolicy != ""
		return m.listener(aws.ToString(p.TopicArn), aws.ToString(p.Endpoint), string(p.RedrivePolicy), special)
	}
	p.Attributes, p.ReturnSubscriptionArn = map[string]string{}, true
	if p.RawMessageDelivery != nil {
		p.Attributes["RawMessageDelivery"] = fmt.Sprint(*p.RawMessageDelivery)
	}
	if p.FilterPolicyScope != "" {
		p.Attributes["FilterPolicyScope"] = p.FilterPolicyScope
	}
	if p.FilterPolicy != "" {
		p.Attributes["FilterPolicy"] = string(p.FilterPolicy)
	}
	if p.RedrivePolicy != "" {
		p.Attributes["RedrivePolicy"] = string(p.RedrivePolicy)
	}
	subscription, err := m.SNS.Subscribe(m.ctx, &p.SubscribeInput)
	if err != nil {
		return made{}, err
	}
	return with(*subscription.SubscriptionArn), nil
}

// listener subscribes a function. moto has none, so that the endpoint starts it.
func (m *maker) listener(topic, endpoint, redrive string, special bool) (made, error) {
	function := m.functionByARN(endpoint)
	if function == nil {
		return made{}, fmt.Errorf("endpoint %s: not a function of the template", endpoint)
	}
	if special {
		return made{}, errors.New("the local account gives a function every message, in the envelope of SNS")
	}
	arn := topic + ":" + function.Name
	m.listeners = append(m.listeners, Subscription{ARN: arn, Topic: topic, Function: function.Name, Redrive: redrive})
	return with(arn), nil
}

// bucket creates a bucket. What it is encrypted with and how long what is in it is kept makes no difference
// here.
func (m *maker) bucket(name string, p struct {
	BucketName                     *string
	VersioningConfiguration        struct{ Status string }
	PublicAccessBlockConfiguration *struct {
		BlockPublicAcls, BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets bool
	}
}) (made, error) {
	name = *or(p.BucketName, strings.ToLower(name)) // CloudFormation does so, and S3 wants it so
	err := m.put(name, "")
	if status := p.VersioningConfiguration.Status; err == nil && status != "" {
		err = m.put(name+"?versioning", "<VersioningConfiguration><Status>"+status+"</Status></VersioningConfiguration>")
	}
	if block := p.PublicAccessBlockConfiguration; err == nil && block != nil {
		err = m.put(name+"?publicAccessBlock", fmt.Sprintf("<PublicAccessBlockConfiguration>"+
			"<BlockPublicAcls>%t</BlockPublicAcls><IgnorePublicAcls>%t</IgnorePublicAcls>"+
			"<BlockPublicPolicy>%t</BlockPublicPolicy><RestrictPublicBuckets>%t</RestrictPublicBuckets>"+
			"</PublicAccessBlockConfiguration>",
			block.BlockPublicAcls, block.IgnorePublicAcls, block.BlockPublicPolicy, block.RestrictPublicBuckets))
	}
	return with(name, "Arn", "arn:aws:s3:::"+name), err
}

// bucketPolicy takes a policy that only denies, and leaves it out: moto knows no conditions, and one that
// denies requests without TLS would deny all that are made here.
func (m *maker) bucketPolicy(name string, p struct {
	PolicyDocument struct{ Statement []struct{ Effect string } }
}) (made, error) {
	for _, statement := range p.PolicyDocument.Statement {
		if statement.Effect != "Deny" {
			return made{}, errors.New("the local account's buckets are for roles of the account alone")
		}
	}
	return with(name), nil
}

// put makes a request to S3.
func (m *maker) put(resource, body string) error { return m.send(http.MethodPut, resource, body, "s3") }

// send makes a request to a service.
func (m *maker) send(method, resource, body, service string) error {
	request, err := http.NewRequestWithContext(m.ctx, method, m.Endpoint+"/"+resource, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("put %s: %w", resource, err)
	}
	// The scope of a signature, which is how moto knows the service; it does not check the signature.
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAOFTHELOCALACCOUNT/20260101/"+m.region+
		"/"+service+"/aws4_request, SignedHeaders=host, Signature=none")
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

func (m *maker) queue(name string, p map[string]any) (made, error) {
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
	return with(*queue.QueueUrl, "Arn", m.arn("sqs", name), "QueueName", name), nil
}

func (m *maker) queuePolicy(name string, p struct {
	PolicyDocument document
	Queues         []string
}) (made, error) {
	for _, queue := range p.Queues {
		if _, err := m.SQS.SetQueueAttributes(m.ctx, &sqs.SetQueueAttributesInput{
			QueueUrl: &queue, Attributes: map[string]string{"Policy": string(p.PolicyDocument)},
		}); err != nil {
			return made{}, err
		}
	}
	return with(name), nil
}

func (m *maker) parameter(name string, p struct {
	ssm.PutParameterInput
	Tags any // is a map here, and a list in the API
}) (made, error) {
	p.Name = or(p.Name, name)
	_, err := m.SSM.PutParameter(m.ctx, &p.PutParameterInput)
	return with(*p.Name, "Type", string(p.Type), "Value", aws.ToString(p.Value)), err
}
