// Package control reads control.json, the only description of a control: what starts it, what it may do in the
// account, what can be set; and of a tool, a function that nothing starts but a person who asks it. Everything else
// that needs to know (the infrastructure, the function, the tables in the documentation, the tests) reads it through
// this package. It checks that a description is complete and well formed; it never runs anything.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/strictjson"
)

// Control is one thing that Warder looks after, or a tool.
type Control struct {
	Tool        bool                 // it serves people and acts on its own for none: it has no mode, rules or parameters
	ID          string               // the folder's name, kebab-case verb-object
	Title       string               // short, for tables and notices
	Summary     string               // one sentence: what it does
	Severity    Severity             // of what it finds, unless a finding has its own
	Mode        Mode                 // unless cdk.json chooses another; empty for a tool
	Rules       []json.RawMessage    // EventBridge patterns, compact JSON, one rule each
	Schedule    string               // "rate(…)" or "cron(…)" in UTC; empty: none
	Regions     bool                 // its sweep looks at every region that is listened to
	Subscribes  bool                 // of a tool: every notice of the topic starts it
	ConfigRules []ConfigRule         // managed rules of AWS Config that start it where they are on
	Permissions []Permission         // exactly what its function may do in the account
	Parameters  map[string]Parameter // what cdk.json may set, by name
	Needs       []string             // what must be set before it may enforce: parameters, or AllowedNetworks
	Drill       Scenario             // what an incident rehearsal does to see it at work; empty: it is not part of one
	References  []Reference          // why the control exists
}

// reading are how the names of actions begin that change nothing.
var reading = []string{"Describe", "Generate", "Get", "List"}

// Acts reports whether the control may change anything in the account: if not, it only alerts.
func (c Control) Acts() bool {
	return slices.ContainsFunc(c.Permissions, func(p Permission) bool {
		return slices.ContainsFunc(p.Actions, func(action string) bool {
			_, name, _ := strings.Cut(action, ":")
			return !slices.ContainsFunc(reading, func(verb string) bool { return strings.HasPrefix(name, verb) })
		})
	})
}

// Permits reports whether the function of the control may call the action.
func (c Control) Permits(action string) bool {
	return slices.ContainsFunc(c.Permissions, func(p Permission) bool { return slices.Contains(p.Actions, action) })
}

// Severity is how bad a finding is.
type Severity string

// The severities, from least to most.
const (
	Low      Severity = "low"
	Medium   Severity = "medium"
	High     Severity = "high"
	Critical Severity = "critical"
)

var severities = []Severity{Low, Medium, High, Critical}

// Rank orders severities: 1 for low to 4 for critical, 0 for anything else.
func (s Severity) Rank() int { return 1 + slices.Index(severities, s) }

// Mode is how far a control goes.
type Mode string

// The modes. Off starts nothing; Observe plans, records and notifies, and changes nothing; Enforce acts.
const (
	Off     Mode = "off"
	Observe Mode = "observe"
	Enforce Mode = "enforce"
)

var modes = []Mode{Off, Observe, Enforce}

// Valid reports whether m is one of the modes.
func (m Mode) Valid() bool { return slices.Contains(modes, m) }

// Permission lets the function's role call actions on resources.
type Permission struct {
	Actions    []string                       // "service:Action", no wildcard
	Resources  []string                       // ARNs; or "*", see unscopedActions; or of a tool, see Own
	Except     []string                       // ARNs of those that the actions are denied on, whatever else allows them
	Conditions map[string]map[string][]string // operator → key → values; nil: none
}

// maxID keeps the function's name, "warder-" and the id, within Lambda's 64 characters (CreateFunction).
const maxID = 64 - len("warder-")

const maxTitle = 60

// maxSummary is what fits the function's description (CreateFunction, Description), in characters.
const maxSummary = 256

var (
	kebab  = lazyregexp.New(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	action = lazyregexp.New(`^[a-z0-9-]+:[A-Z][A-Za-z0-9]*$`)
	pseudo = lazyregexp.New(`\$\{(AWS::Partition|AWS::AccountId|AWS::Region)\}`)
)

// unscopedActions lists the actions that IAM checks against "*" only, because they concern no resource: the "Resource
// types" column of the Service Authorization Reference is empty for them.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudtrail.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiamaccessanalyzer.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssignin.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiamidentitycenter.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonguardduty.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53resolver.html
var unscopedActions = []string{
	"access-analyzer:ListAnalyzers", "cloudformation:ListStacks", "cloudtrail:ListTrails", "cloudwatch:GetMetricData",
	"ec2:DescribeFlowLogs", "ec2:DescribeImages", "ec2:DescribeSnapshots", "ec2:DescribeTags", "ec2:DescribeVpcs",
	"guardduty:CreateDetector", "guardduty:ListDetectors",
	"iam:GenerateCredentialReport", "iam:GetAccountAuthorizationDetails", "iam:GetAccountSummary",
	"iam:GetCredentialReport", "iam:GetServiceLastAccessedDetails", "iam:ListRoles", "iam:ListUsers",
	"lambda:ListEventSourceMappings", "logs:CreateLogDelivery", "logs:DescribeLogGroups",
	"route53resolver:ListResolverQueryLogConfigAssociations", "route53resolver:ListResolverQueryLogConfigs",
	"ses:GetAccount",
	"signin:DeleteConsoleAuthorizationConfiguration", "signin:DeleteResourcePermissionStatement",
	"signin:GetConsoleAuthorizationConfiguration", "signin:GetResourcePolicy",
	"signin:ListResourcePermissionStatements", "signin:PutConsoleAuthorizationConfiguration",
	"signin:PutResourcePermissionStatement",
	"ssm:DescribeInstanceInformation", "ssm:DescribeSessions", "sso:ListInstances",
}

// crossAccountActions lists the actions that are for other accounts, each with the condition key that must limit
// it instead of the account.
//
// sts:AssumeRoot begins a session as the root user of a member account; its task policy limits what for
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html).
var crossAccountActions = map[string]string{"sts:AssumeRoot": "sts:TaskPolicyArn"}

// What a tool may name as a resource beside ARNs: things of Warder's own, whose names are known when the stack is
// made. A control has what it needs of them without asking.
const (
	Ledger          = "${Ledger}"               // the table
	LedgerBySubject = "${Ledger}/index/subject" // its index
	LedgerKey       = "${LedgerKey}"            // the key of its seals
	Topic           = "${Topic}"
	WatchTopic      = "${WatchTopic}" // the second topic, for when Warder itself is switched off
	TopicKey        = "${TopicKey}"   // the key that the topic's messages rest under
	Reports         = "${Reports}/*"  // the objects of the bucket of reports
	Slack           = "${Slack}"      // the secret or the parameter that holds Slack's token or webhook
	Mail            = "${Mail}"       // the identities of SES and the configuration set that owners get mail with
	MailTopics      = "${MailTopics}" // the topics that addresses are subscribed to which get mail through SNS
	Queue           = "${Queue}"      // the queue that feeds the tool, if it subscribes to the topic through one
	DrillQueue      = "${DrillQueue}" // the queue that a drill watches
	Bus             = "${Bus}"        // the stack's own event bus
)

// Own lists Warder's own resources that a tool may name.
var Own = []string{
	Ledger, LedgerBySubject, LedgerKey, Topic, WatchTopic, TopicKey, Reports, Slack, Mail, MailTopics, Queue, DrillQueue,
	Bus,
}

// Parse reads one control.json. file is its path from the functions folder, "<id>/control.json"; it names the file in
// faults, and its folder must equal the id. The error joins every fault, each with file and field.
func Parse(file string, data []byte) (Control, error) {
	root, err := strictjson.Parse(file, data)
	if err != nil {
		return Control{}, err
	}
	root.Fields(
		"id", "title", "summary", "severity", "tool", "mode", "rules", "schedule", "regions", "subscribes", "configRules",
		"permissions", "parameters", "needs", "drill", "references",
	)
	tool := root.Field("tool").Bool()
	c := Control{
		Tool:        tool,
		ID:          parseID(root.Required("id"), path.Base(path.Dir(file))),
		Title:       parseTitle(root.Required("title")),
		Summary:     parseSummary(root.Required("summary")),
		Severity:    parseOneOf(root.Required("severity"), severities),
		Permissions: parsePermissions(root.Required("permissions"), tool),
		References:  parseReferences(root.Required("references")),
	}
	if tool {
		refuse(root.Field("mode"), "a tool has no mode: it acts when a person asks it to, and only then")
		refuse(root.Field("rules"), "a tool has no rules: no event starts it")
		refuse(root.Field("regions"), "a tool sweeps over nothing")
		refuse(root.Field("configRules"), "a tool has no rules: no event starts it")
		refuse(root.Field("parameters"), "a tool has no parameters: the request says what it is to do")
		refuse(root.Field("needs"), "a tool enforces nothing")
		refuse(root.Field("drill"), "a tool is no part of a drill: it acts when a person asks it to, and only then")
		c.Schedule = parseSchedule(root.Field("schedule"))
		c.Subscribes = root.Field("subscribes").Bool()
	} else {
		refuse(root.Field("subscribes"), "only a tool can subscribe to the topic")
		c.Mode = parseOneOf(root.Required("mode"), modes)
		c.Rules = parseRules(root.Field("rules"))
		c.Schedule = parseSchedule(root.Field("schedule"))
		c.Regions = root.Field("regions").Bool()
		c.Parameters = parseParameters(root.Field("parameters"))
		c.Needs = parseNeeds(root.Field("needs"), c.Parameters)
		c.ConfigRules = parseConfigRules(root.Field("configRules"), c.Parameters)
		if drill := root.Field("drill"); drill != nil {
			c.Drill = parseOneOf(drill, Scenarios)
		}
		if root.Is(strictjson.Object) && len(c.Rules) == 0 && root.Field("schedule") == nil {
			root.Faultf("nothing starts it: give it rules or a schedule, or make it a tool")
		}
	}
	if err := root.Err(); err != nil {
		return Control{}, err
	}
	return c, nil
}

// Read reads of a control.json what its function needs to know of itself: id, title, severity, references, which
// actions it may call, and whether it is a tool. That the file is right was checked with [Parse] when the template was
// made; to check it again was a third of what a cold start took beyond the runtime's own part. The error is that
// it is no JSON, or of another control than that of the folder.
func Read(folder string, data []byte) (Control, error) {
	var c struct {
		ID          string      `json:"id"`
		Title       string      `json:"title"`
		Severity    Severity    `json:"severity"`
		Tool        bool        `json:"tool"`
		References  []Reference `json:"references"`
		Permissions []struct {
			Actions []string `json:"actions"`
		} `json:"permissions"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return Control{}, fmt.Errorf("read control.json of %q: %w", folder, err)
	}
	if c.ID != folder {
		return Control{}, fmt.Errorf("read control.json of %q: it is that of %q", folder, c.ID)
	}
	read := Control{ID: c.ID, Title: c.Title, Severity: c.Severity, Tool: c.Tool, References: c.References}
	for _, p := range c.Permissions {
		read.Permissions = append(read.Permissions, Permission{Actions: p.Actions})
	}
	return read, nil
}

// Load reads every */control.json of a file system, sorted by id. The error joins the faults of all files.
func Load(fsys fs.FS) ([]Control, error) {
	files, err := fs.Glob(fsys, "*/control.json")
	if err != nil {
		return nil, fmt.Errorf("list control.json files: %w", err)
	}
	slices.Sort(files)
	var controls []Control
	var faults []error
	for _, file := range files {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			faults = append(faults, fmt.Errorf("read control: %w", err))
			continue
		}
		c, err := Parse(file, data)
		controls, faults = append(controls, c), append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	slices.SortFunc(controls, func(a, b Control) int { return strings.Compare(a.ID, b.ID) })
	return controls, nil
}

func parseID(n *strictjson.Node, folder string) string {
	id := n.Text()
	switch {
	case !n.Is(strictjson.String):
	case !kebab().MatchString(id):
		n.Faultf("%q is not kebab-case: lower-case words joined by hyphens", id)
	case len(id) > maxID:
		n.Faultf("%d characters long: at most %d fit a Lambda function's name", len(id), maxID)
	case id != folder:
		n.Faultf("%q differs from its folder %q", id, folder)
	}
	return id
}

func parseTitle(n *strictjson.Node) string {
	title := n.Text()
	switch {
	case !n.Is(strictjson.String):
	case strings.TrimSpace(title) == "":
		n.Faultf("empty")
	case utf8.RuneCountInString(title) > maxTitle:
		n.Faultf("%d characters long: at most %d", utf8.RuneCountInString(title), maxTitle)
	case strings.ContainsAny(title, "\r\n"):
		n.Faultf("more than one line")
	}
	return title
}

func parseSummary(n *strictjson.Node) string {
	summary := n.Text()
	switch {
	case !n.Is(strictjson.String):
	case strings.ContainsAny(summary, "\r\n"):
		n.Faultf("more than one line")
	case !strings.HasSuffix(summary, "."):
		n.Faultf("want one sentence that ends with a period")
	case utf8.RuneCountInString(summary) > maxSummary:
		length := utf8.RuneCountInString(summary)
		n.Faultf("%d characters long: at most %d fit a Lambda function's description", length, maxSummary)
	}
	return summary
}

func parseOneOf[T ~string](n *strictjson.Node, known []T) T {
	value := T(n.Text())
	n.Refuse(strictjson.String, !slices.Contains(known, value), "%q is not one of %s", value, list(known))
	return value
}

func parseRules(n *strictjson.Node) []json.RawMessage {
	var rules []json.RawMessage
	for _, item := range n.Items() {
		checkPattern(item)
		rules = append(rules, item.JSON())
	}
	return rules
}

// AllowedNetworks is the common setting that a control may need: networks of addresses that AWS sees, none of them too
// wide.
const AllowedNetworks = "allowedNetworks"

func parseNeeds(n *strictjson.Node, parameters map[string]Parameter) []string {
	for _, item := range n.Items() {
		_, declared := parameters[item.Text()]
		item.Refuse(strictjson.String, !declared && item.Text() != AllowedNetworks,
			"%q is neither a parameter of the control nor %s", item.Text(), AllowedNetworks)
	}
	return n.Texts()
}

// refuse faults a field that is there.
func refuse(n *strictjson.Node, why string) {
	if n != nil {
		n.Faultf("%s", why)
	}
}

func parsePermissions(n *strictjson.Node, tool bool) []Permission {
	var permissions []Permission
	for _, item := range n.Items() {
		item.Fields("actions", "resources", "except", "conditions")
		p := Permission{
			Actions:    item.Required("actions").Texts(),
			Resources:  item.Required("resources").Texts(),
			Except:     item.Field("except").Texts(),
			Conditions: parseConditions(item.Field("conditions")),
		}
		empty(item.Field("actions"))
		empty(item.Field("resources"))
		for _, a := range item.Field("actions").Items() {
			checkAction(a)
		}
		for _, r := range item.Field("resources").Items() {
			checkResource(r, p, tool)
		}
		for _, r := range item.Field("except").Items() {
			checkResource(r, p, tool)
		}
		permissions = append(permissions, p)
	}
	return permissions
}

func checkAction(n *strictjson.Node) {
	switch name := n.Text(); {
	case !n.Is(strictjson.String):
	case strings.ContainsAny(name, "*?"):
		n.Faultf("%q has a wildcard: name each action", name)
	case !action().MatchString(name):
		n.Faultf("%q is not an action: want service:Action, as in iam:ListUsers", name)
	}
}

// checkResource wants an ARN of this partition and account, or of a tool one of Own. The account field may be "aws"
// (policies that AWS manages) or empty (S3 buckets), and "*" for actions that are for other accounts.
func checkResource(n *strictjson.Node, p Permission, tool bool) {
	resource := n.Text()
	if !n.Is(strictjson.String) {
		return
	}
	if resource == "*" {
		for _, a := range p.Actions {
			if !slices.Contains(unscopedActions, a) {
				n.Faultf("%s can be limited to resources: name them instead of \"*\"", a)
			}
		}
		return
	}
	if slices.Contains(Own, resource) {
		if !tool {
			n.Faultf("%q is for tools: every control has what it needs of it", resource)
		}
		return
	}
	if rest := pseudo().ReplaceAllString(resource, ""); strings.Contains(rest, "$") {
		also := ""
		if tool {
			also = ", and for tools " + list(Own)
		}
		n.Faultf("%q: only ${AWS::Partition}, ${AWS::AccountId} and ${AWS::Region} are filled in%s", resource, also)
		return
	}
	// arn:partition:service:region:account:resource, with the pseudo parameters' own colons out of the way.
	parts := strings.SplitN(strings.ReplaceAll(resource, "AWS::", "AWS"), ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] == "" || parts[5] == "" {
		n.Faultf("%q is not an ARN: want arn:partition:service:region:account:resource", resource)
		return
	}
	if parts[1] != "${AWSPartition}" {
		n.Faultf("%q names partition %q: write ${AWS::Partition}", resource, parts[1])
	}
	if account := parts[4]; account != "${AWSAccountId}" && account != "aws" && account != "" &&
		(account != "*" || !p.crossAccount()) {
		n.Faultf("%q names account %q: write ${AWS::AccountId}", resource, account)
	}
	if strings.ContainsAny(parts[2], "*?") {
		n.Faultf("%q has a wildcard for the service", resource)
	}
}

// crossAccount reports whether all of the permission's actions are for other accounts, and limited as they must be.
func (p Permission) crossAccount() bool {
	unlimited := func(action string) bool { return len(p.Conditions["StringEquals"][crossAccountActions[action]]) == 0 }
	return len(p.Actions) > 0 && !slices.ContainsFunc(p.Actions, unlimited)
}

func parseConditions(n *strictjson.Node) map[string]map[string][]string {
	if n == nil {
		return nil
	}
	conditions := map[string]map[string][]string{}
	empty(n)
	n.Members(func(operator string, keys *strictjson.Node) {
		conditions[operator] = map[string][]string{}
		empty(keys)
		keys.Members(func(key string, value *strictjson.Node) {
			if value.Is(strictjson.String) {
				conditions[operator][key] = []string{value.Text()}
				return
			}
			empty(value)
			conditions[operator][key] = value.Texts()
		})
	})
	return conditions
}

// empty faults an array or object without content.
func empty(n *strictjson.Node) {
	if n.Len() > 0 {
		return
	}
	switch {
	case n.Is(strictjson.Array):
		n.Faultf("empty array: list at least one value")
	case n.Is(strictjson.Object):
		n.Faultf("empty object")
	}
}

func list[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}

// Scenario is a violation that a drill commits, to see what a control makes of it.
type Scenario string

// The scenarios.
const (
	// DirectPolicy attaches a policy directly to a user: the call is made, and CloudTrail records it.
	DirectPolicy  Scenario = "direct policy"
	OldKey        Scenario = "old access key"  // AWS Config reports a new key as old; the event is made up
	OutsideSignIn Scenario = "outside sign-in" // a user signs in from outside the allowed networks; the event is made up
)

// Scenarios are all of them, in the order of a drill.
var Scenarios = []Scenario{DirectPolicy, OldKey, OutsideSignIn}

// Source is the source of the event that is synthetic; empty when none is, because the drill makes the call itself.
func (s Scenario) Source() string {
	return map[Scenario]string{OldKey: "aws.config", OutsideSignIn: "aws.signin"}[s]
}

// ConfigRule is a managed rule of AWS Config that finds what a control puts right.
// https://docs.aws.amazon.com/config/latest/developerguide/managed-rules-by-aws-config.html
type ConfigRule struct {
	Name       string            // as in AWS's list, "access-keys-rotated"; the control's patterns name it
	Identifier string            // "ACCESS_KEYS_ROTATED"
	Parameters map[string]string // the rule's parameter → the control's that it must agree with
	Periodic   bool              // it runs by the clock, and not when the configuration changes
	Resource   string            // type of resource it is about, "AWS::IAM::User"
}

var identifier = lazyregexp.New(`^[A-Z][A-Z0-9_]*$`)

func parseConfigRules(n *strictjson.Node, parameters map[string]Parameter) []ConfigRule {
	var rules []ConfigRule
	for _, item := range n.Items() {
		item.Fields("name", "identifier", "parameters", "periodic", "resource")
		rule := ConfigRule{
			Name:       item.Required("name").Text(),
			Identifier: item.Required("identifier").Text(),
			Parameters: item.Field("parameters").Map(),
			Periodic:   item.Field("periodic").Bool(),
			Resource:   item.Required("resource").Text(),
		}
		item.Field("name").Refuse(strictjson.String, !kebab().MatchString(rule.Name),
			"%q is not kebab-case, as managed rules are", rule.Name)
		item.Field("identifier").Refuse(strictjson.String, !identifier().MatchString(rule.Identifier),
			"%q is not the identifier of a managed rule, as in ACCESS_KEYS_ROTATED", rule.Identifier)
		for name, ours := range rule.Parameters {
			if _, declared := parameters[ours]; !declared {
				item.Field("parameters").Field(name).Faultf("the control has no parameter %q", ours)
			}
		}
		rules = append(rules, rule)
	}
	return rules
}
