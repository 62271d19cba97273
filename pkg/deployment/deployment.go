// Package deployment is what was deployed of Warder: its stacks as CloudFormation keeps them, with their templates and
// the names of what is in them. Whoever may not change a stack cannot change what it says. It compares that with
// nothing, and changes nothing.
package deployment

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/settings"
)

// API lists the operations that stacks are read with.
type API interface {
	cloudformation.DescribeStacksAPIClient
	cloudformation.ListStackResourcesAPIClient
	GetTemplate(
		context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options),
	) (*cloudformation.GetTemplateOutput, error)
}

// ErrNone is the error of a stack that does not exist.
var ErrNone = errors.New("there is no such stack")

// deploymentTime is how long after its begin a deployment may still be reported by CloudTrail.
const deploymentTime = 30 * time.Minute

// Underway reports whether a stack is being changed, or was when a call was made at that time. CloudTrail does not name
// the stack that CloudFormation makes a call for.
func Underway(
	ctx context.Context, api cloudformation.DescribeStacksAPIClient, name string, at time.Time,
	options ...func(*cloudformation.Options),
) (bool, error) {
	out, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name}, options...)
	if isNone(err) || err == nil && len(out.Stacks) == 0 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("describe stack %s: %w", name, err)
	}
	stack := out.Stacks[0]
	passed := at.Sub(aws.ToTime(cmp.Or(stack.DeletionTime, stack.LastUpdatedTime, stack.CreationTime)))
	// CloudTrail's times are whole seconds.
	return passed > -time.Minute &&
		(passed < deploymentTime || strings.HasSuffix(string(stack.StackStatus), "_IN_PROGRESS")), nil
}

// isNone reports whether err says that there is no such stack.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
func isNone(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && refused.ErrorCode() == "ValidationError"
}

// StackSet begins the name of a stack that a StackSet named for Warder has made, before a unique id.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts.html
const StackSet = "StackSet-" + settings.Product + "-"

// Finder lists the operations that stacks are found with.
type Finder interface {
	cloudformation.DescribeStacksAPIClient
	cloudformation.ListStacksAPIClient
}

// Find returns the names of Warder's stacks in the region of the client: the one of that name, or those that a StackSet
// has made, whose names nobody knows beforehand. The error is ErrNone if there is neither.
func Find(ctx context.Context, api Finder, name string, options ...func(*cloudformation.Options)) ([]string, error) {
	out, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name}, options...)
	if err == nil && len(out.Stacks) > 0 {
		return []string{name}, nil
	}
	if err != nil && !isNone(err) {
		return nil, fmt.Errorf("describe stack %s: %w", name, err)
	}
	names, err := OfStackSets(ctx, api, options...)
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("find stack %s: %w", name, ErrNone)
	}
	return names, err
}

// OfStackSets returns the names of the stacks that StackSets named for Warder have made in the region of the client,
// sorted. That of Config rules is not among them.
func OfStackSets(ctx context.Context, api cloudformation.ListStacksAPIClient, options ...func(*cloudformation.Options),
) (names []string, err error) {
	pages := cloudformation.NewListStacksPaginator(api, &cloudformation.ListStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, options...)
		if err != nil {
			return nil, fmt.Errorf("list stacks: %w", err)
		}
		for _, s := range page.StackSummaries { // those that were deleted lately as well
			name := aws.ToString(s.StackName)
			if strings.HasPrefix(name, StackSet) && !strings.HasPrefix(name, "StackSet-"+settings.ConfigStack+"-") &&
				s.StackStatus != types.StackStatusDeleteComplete && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// A Stack is a deployed stack.
type Stack struct {
	Name      string
	Status    types.StackStatus
	Reason    string    // of the status
	Changed   time.Time // created or updated last
	Resources []Resource
	id        arn.ARN
	byID      map[string]*Resource
	given     map[string]string // the stack's parameters
	mappings  map[string]map[string]map[string]any
}

// A Resource is one resource of a stack.
type Resource struct {
	ID         string // in the template
	Type       string
	Name       string         // that it has in AWS: a name, an ARN or a URL
	Changed    time.Time      // when CloudFormation was done with it
	Properties map[string]any // as decoded JSON, with what CloudFormation filled in
}

// Text is a property that is a text, empty without one.
func (r Resource) Text(name string) string { text, _ := r.Properties[name].(string); return text }

// Read reads the stack of that name, in the region of the client. The error is ErrNone if there is none.
func Read(ctx context.Context, api API, name string, options ...func(*cloudformation.Options)) (*Stack, error) {
	out, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name}, options...)
	switch {
	case isNone(err), err == nil && len(out.Stacks) == 0:
		return nil, fmt.Errorf("read stack %s: %w", name, ErrNone)
	case err != nil:
		return nil, fmt.Errorf("describe stack %s: %w", name, err)
	}
	described := out.Stacks[0]
	s := &Stack{
		Name: name, Status: described.StackStatus, Reason: aws.ToString(described.StackStatusReason),
		Changed: aws.ToTime(cmp.Or(described.LastUpdatedTime, described.CreationTime)), byID: map[string]*Resource{},
		given: map[string]string{},
	}
	for _, p := range described.Parameters {
		s.given[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	if s.id, err = arn.Parse(aws.ToString(described.StackId)); err != nil {
		return nil, fmt.Errorf("read id of stack %s: %w", name, err)
	}
	template, err := api.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &name}, options...)
	if err != nil {
		return nil, fmt.Errorf("get template of stack %s: %w", name, err)
	}
	var decoded struct {
		Mappings  map[string]map[string]map[string]any
		Resources map[string]struct {
			Type       string
			Properties map[string]any
		}
	}
	if err := json.Unmarshal([]byte(aws.ToString(template.TemplateBody)), &decoded); err != nil {
		return nil, fmt.Errorf("decode template of stack %s: %w", name, err)
	}
	s.mappings = decoded.Mappings
	for _, id := range slices.Sorted(maps.Keys(decoded.Resources)) {
		r := decoded.Resources[id]
		s.Resources = append(s.Resources, Resource{ID: id, Type: r.Type, Properties: r.Properties})
	}
	for i := range s.Resources {
		s.byID[s.Resources[i].ID] = &s.Resources[i]
	}
	pages := cloudformation.NewListStackResourcesPaginator(api, &cloudformation.ListStackResourcesInput{StackName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, options...)
		if err != nil {
			return nil, fmt.Errorf("list resources of stack %s: %w", name, err)
		}
		for _, listed := range page.StackResourceSummaries {
			if r := s.byID[aws.ToString(listed.LogicalResourceId)]; r != nil {
				r.Name, r.Changed = aws.ToString(listed.PhysicalResourceId), aws.ToTime(listed.LastUpdatedTimestamp)
			}
		}
	}
	for i := range s.Resources {
		filled, _ := s.fill(s.Resources[i].Properties).(map[string]any)
		s.Resources[i].Properties = filled
	}
	return s, nil
}

// Of lists the resources of the types.
func (s *Stack) Of(types ...string) []Resource {
	var all []Resource
	for _, r := range s.Resources {
		if slices.Contains(types, r.Type) {
			all = append(all, r)
		}
	}
	return all
}

// unknown stands for what CloudFormation filled in and cannot be said here. It fits everything.
type unknown struct{}

// fill replaces what CloudFormation fills in.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
func (s *Stack) fill(value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, 0, len(value))
		for _, item := range value {
			list = append(list, s.fill(item))
		}
		return list
	case map[string]any:
		if len(value) == 1 {
			for name, argument := range value {
				if name == "Ref" || strings.HasPrefix(name, "Fn::") {
					return s.intrinsic(name, argument)
				}
			}
		}
		object := make(map[string]any, len(value))
		for name, item := range value {
			object[name] = s.fill(item)
		}
		return object
	}
	return value
}

func (s *Stack) intrinsic(name string, argument any) any {
	list, _ := argument.([]any)
	switch {
	case name == "Ref":
		id, _ := argument.(string)
		return s.ref(id)
	case name == "Fn::GetAtt" && len(list) == 2:
		id, _ := list[0].(string)
		attribute, _ := list[1].(string)
		return s.attribute(id, attribute)
	case name == "Fn::Join" && len(list) == 2:
		separator, _ := list[0].(string)
		items, _ := s.fill(list[1]).([]any)
		parts := make([]string, 0, len(items))
		for _, item := range items {
			text, ok := item.(string)
			if !ok {
				return unknown{}
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, separator)
	case name == "Fn::Sub":
		return s.substitute(argument)
	case name == "Fn::FindInMap" && len(list) == 3, name == "Fn::Split" && len(list) == 2,
		name == "Fn::Select" && len(list) == 2:
		return s.part(name, s.fill(list).([]any))
	}
	return unknown{}
}

// part is what Fn::FindInMap, Fn::Split and Fn::Select yield of their arguments, filled in.
func (s *Stack) part(name string, of []any) any {
	texts := make([]string, len(of))
	for i, argument := range of {
		texts[i] = text(argument)
	}
	switch list, _ := of[1].([]any); {
	case name == "Fn::FindInMap":
		if value, ok := s.mappings[texts[0]][texts[1]][texts[2]]; ok {
			return value
		}
	case name == "Fn::Split" && !isUnknown(of[1]):
		var parts []any
		for part := range strings.SplitSeq(texts[1], texts[0]) {
			parts = append(parts, part)
		}
		return parts
	case name == "Fn::Select":
		if i, err := strconv.Atoi(texts[0]); err == nil && i >= 0 && i < len(list) {
			return list[i]
		}
	}
	return unknown{}
}

// substitute is Fn::Sub of a text, or of a text and the values of names in it.
func (s *Stack) substitute(argument any) any {
	text, ok := argument.(string)
	values := map[string]any{}
	if list, _ := argument.([]any); len(list) == 2 {
		text, ok = list[0].(string)
		values, _ = s.fill(list[1]).(map[string]any)
	}
	if !ok {
		return unknown{}
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		text = after
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			out.WriteString("${" + literal + "}")
			continue
		}
		value, given := values[name]
		if id, attribute, has := strings.Cut(name, "."); !given && has {
			value = s.attribute(id, attribute)
		} else if !given {
			value = s.ref(name)
		}
		filled, ok := value.(string)
		if !ok {
			return unknown{}
		}
		out.WriteString(filled)
	}
}

// ref is what Ref yields: a pseudo parameter, or the name of a resource.
func (s *Stack) ref(id string) any {
	switch id {
	case "AWS::AccountId":
		return s.id.AccountID
	case "AWS::Partition":
		return s.id.Partition
	case "AWS::Region":
		return s.id.Region
	case "AWS::StackName":
		return s.Name
	case "AWS::StackId":
		return s.id.String()
	}
	if value, ok := s.given[id]; ok {
		return value
	}
	if r := s.byID[id]; r != nil && r.Name != "" {
		return r.Name
	}
	return unknown{}
}

// attribute is what Fn::GetAtt yields.
func (s *Stack) attribute(id, attribute string) any {
	r := s.byID[id]
	if r == nil || r.Name == "" {
		return unknown{}
	}
	name := last(r.Name)
	switch attribute {
	case "Arn":
		return s.arn(r)
	case "QueueName", "TopicName":
		return name
	case "TopicArn", "KeyId":
		return r.Name
	}
	return unknown{}
}

func last(name string) string { return name[strings.LastIndexAny(name, ":/|")+1:] }

// arn is the ARN of a resource.
func (s *Stack) arn(r *Resource) any {
	service, resource := "", ""
	switch r.Type {
	case "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm":
		service, resource = "cloudwatch", "alarm:"+r.Name
	case "AWS::DynamoDB::Table":
		service, resource = "dynamodb", "table/"+r.Name
	case "AWS::Events::EventBus":
		service, resource = "events", "event-bus/"+r.Name
	case "AWS::Events::Rule":
		bus, name := s.rule(r)
		service, resource = "events", strings.ReplaceAll("rule/"+bus+"/"+name, "//", "/")
	case "AWS::KMS::Key":
		service, resource = "kms", "key/"+r.Name
	case "AWS::Lambda::Function":
		service, resource = "lambda", "function:"+r.Name
	case "AWS::Logs::LogGroup":
		service, resource = "logs", "log-group:"+r.Name+":*"
	case ScheduleType:
		service, resource = "scheduler", "schedule/"+r.Text("GroupName")+"/"+r.Name
	case ScheduleGroupType:
		service, resource = "scheduler", "schedule-group/"+r.Name
	case "AWS::SQS::Queue": // the name is its URL
		service, resource = "sqs", last(r.Name)
	case "AWS::SNS::Topic":
		return r.Name
	case "AWS::S3::Bucket":
		return "arn:" + s.id.Partition + ":s3:::" + r.Name
	case "AWS::IAM::Role":
		path, _ := r.Properties["Path"].(string)
		return "arn:" + s.id.Partition + ":iam::" + s.id.AccountID + ":role" + cmp.Or(path, "/") + r.Name
	default:
		return unknown{}
	}
	return arn.ARN{
		Partition: s.id.Partition, Service: service, Region: s.id.Region, AccountID: s.id.AccountID, Resource: resource,
	}.String()
}

// Rule is the bus that a rule is on, empty for the default one, and its name there.
func (s *Stack) Rule(r Resource) (bus, name string) { return s.rule(&r) }

// rule is Rule before the properties are filled in. On another bus than the default one the name is bus|rule.
func (s *Stack) rule(r *Resource) (bus, name string) {
	bus, _ = s.fill(r.Properties["EventBusName"]).(string)
	return bus, r.Name[strings.LastIndex(r.Name, "|")+1:]
}

// Fits reports whether what is there has all that was deployed. Both are decoded JSON. What is there may have more
// fields than were deployed; lists are compared in any order. A list of one and its one item are the same, as in
// policies.
func Fits(deployed, there any) bool {
	if isUnknown(deployed) || isUnknown(there) {
		return true
	}
	if isNothing(deployed) || isNothing(there) {
		return isNothing(deployed) && isNothing(there)
	}
	switch deployed := deployed.(type) {
	case map[string]any:
		object, ok := there.(map[string]any)
		if !ok {
			return false
		}
		for name, value := range deployed {
			if !Fits(value, object[name]) {
				return false
			}
		}
		return true
	case []any:
		return fitsList(deployed, there)
	}
	if list, ok := there.([]any); ok && len(list) == 1 {
		there = list[0]
	}
	return text(deployed) == text(there)
}

// text is a text, a number or a truth value as text: an API may have as a text what a template has as a number.
func text(value any) string {
	if number, ok := value.(float64); ok {
		return strconv.FormatFloat(number, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

func fitsList(deployed []any, there any) bool {
	list, ok := there.([]any)
	if !ok {
		return len(deployed) == 1 && Fits(deployed[0], there)
	}
	left := slices.Clone(list)
	for _, value := range deployed {
		i := slices.IndexFunc(left, func(item any) bool { return Fits(value, item) })
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return len(left) == 0
}

// Same reports whether what is there is what was deployed, and nothing more. A document may be JSON text.
func Same(deployed, there any) bool { return Fits(deployed, there) && Fits(there, deployed) }

// JSON is the value that a JSON text stands for; nil for no text, and the text itself if it is no JSON.
func JSON(text string) (value any) {
	if text == "" {
		return nil
	}
	if json.Unmarshal([]byte(text), &value) != nil {
		return text
	}
	return value
}

// Value is a Go value as decoded JSON.
func Value(of any) any {
	data, err := json.Marshal(of)
	if err != nil {
		return nil // fits nothing that was deployed
	}
	return JSON(string(data))
}

func isUnknown(value any) bool { _, ok := value.(unknown); return ok }

// isNothing reports whether a value stands for none: AWS leaves out what is empty, or does not.
func isNothing(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return value == ""
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return false
}
