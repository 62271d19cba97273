// Package stack creates the resources of the synthesized CloudFormation template in moto.
//
// A resource type or an intrinsic function that it does not know is an error, never skipped: what
// runs here is what would be deployed. Rules, event buses, functions and what subscribes them are not
// created but returned: packages eventbridge, lambdahost and endpoint are what they are here.
package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

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
		CloudWatch: cloudwatch.NewFromConfig(cfg), Config: configservice.NewFromConfig(cfg),
		DynamoDB: dynamodb.NewFromConfig(cfg), IAM: iam.NewFromConfig(cfg), KMS: kms.NewFromConfig(cfg),
		Logs: cloudwatchlogs.NewFromConfig(cfg), SNS: sns.NewFromConfig(cfg), SQS: sqs.NewFromConfig(cfg),
		SSM: ssm.NewFromConfig(cfg), Endpoint: aws.ToString(cfg.BaseEndpoint),
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
	Redrive  string // the policy for what the function cannot be handed, as JSON; empty for none
}

// A Feed starts a function for the messages of a queue.
type Feed struct {
	Queue    string // ARN
	Function string // name
	Batch    int    // messages at most
}

// A Stack is what was created.
type Stack struct {
	Name          string
	Region        string
	Template      []byte             // that it was created from
	Functions     []Function         // sorted by name
	Rules         []eventbridge.Rule // sorted by name
	Buses         []string           // names of event buses beside the default one, sorted
	BusPolicies   map[string]string  // their policies, JSON, by name
	Subscriptions []Subscription     // of functions, sorted by ARN; those of others are in moto
	Feeds         []Feed
	Outputs       map[string]string
	Resources     []Resource                   // sorted by logical id
	Targets       map[string][]json.RawMessage // what each rule starts, as in the template, by the rule's name
	Keys          map[string]string            // ARNs of the keys that topics are encrypted with, by the topic's ARN
	Policies      map[string][]byte            // policies of tables and keys, by ARN
	// Properties are those of Lambda's resources, by logical id, with references resolved.
	Properties map[string]map[string]any
	Regions    []Stack // of the hub: the stacks of the other regions
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
		made: map[string]made{}, making: map[string]bool{}, functions: map[string]*Function{},
		queues: map[string]bool{}, topics: map[string]bool{}, targets: map[string][]json.RawMessage{},
		keys:    map[string]string{},
		allowed: map[string]bool{}, busPolicies: map[string]string{}, policies: map[string][]byte{},
		properties: map[string]map[string]any{},
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
	ctx         context.Context
	template    template
	name        string
	account     string
	region      string
	made        map[string]made
	making      map[string]bool
	functions   map[string]*Function // by name
	rules       []eventbridge.Rule
	buses       []string
	busPolicies map[string]string
	listeners   []Subscription
	feeds       []Feed
	queues      map[string]bool // by ARN
	topics      map[string]bool // by ARN
	targets     map[string][]json.RawMessage
	keys        map[string]string         // of topics
	policies    map[string][]byte         // of tables and keys, by ARN
	properties  map[string]map[string]any // of Lambda's resources, by logical id
	allowed     map[string]bool           // ARN of a rule or topic, and of the function that it may start
}

func (m *maker) stack() (Stack, error) {
	stack := Stack{
		Name:     m.name,
		Region:   m.region,
		Targets:  m.targets,
		Keys:     m.keys,
		Policies: m.policies,
		Outputs:  map[string]string{},

		Properties: m.properties,
	}
	for _, id := range slices.Sorted(maps.Keys(m.made)) {
		stack.Resources = append(stack.Resources, Resource{id, m.template.Resources[id].Type, m.made[id].ref})
	}
	for _, name := range slices.Sorted(maps.Keys(m.functions)) {
		stack.Functions = append(stack.Functions, *m.functions[name])
	}
	slices.SortStableFunc(m.rules, func(a, b eventbridge.Rule) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(m.listeners, func(a, b Subscription) int { return strings.Compare(a.ARN, b.ARN) })
	slices.Sort(m.buses)
	stack.Rules, stack.Buses, stack.Subscriptions, stack.Feeds = m.rules, m.buses, m.listeners, m.feeds
	stack.BusPolicies = m.busPolicies
	for _, rule := range m.rules {
		if rule.Function != "" && rule.Group == "" && !m.mayStart(rule) {
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

// mayStart reports whether a permission lets the rule start its function: by its own ARN, or with all of its bus.
func (m *maker) mayStart(rule eventbridge.Rule) bool {
	function := " " + m.functions[rule.Function].ARN
	return m.allowed[m.ruleARN(rule.Bus, rule.Name)+function] ||
		rule.Bus != "" && m.allowed[m.ruleARN(rule.Bus, "*")+function]
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
	if strings.HasPrefix(r.Type, "AWS::Lambda::") {
		properties, err := m.resolve(r.Properties)
		if err != nil {
			return made{}, err
		}
		m.properties[logicalID], _ = properties.(map[string]any)
	}
	return makers[r.Type](m, m.name+"-"+logicalID, r.Properties)
}

func (m *maker) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + m.region + ":" + m.account + ":" + resource
}

// ruleARN is the ARN of a rule, in which the default bus is not named.
func (m *maker) ruleARN(bus, name string) string {
	if bus != "" {
		name = bus + "/" + name
	}
	return m.arn("events", "rule/"+name)
}
