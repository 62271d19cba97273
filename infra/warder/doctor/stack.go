package doctor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	formationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
)

// A template is what is read of a CloudFormation template.
type template struct {
	Resources map[string]resource
}

type resource struct {
	Type       string
	Properties json.RawMessage
}

// A synth is what was synthesized for a stack on this machine.
type synth struct {
	template []byte
	// settled reports whether it is newer than the settings.
	settled bool
}

// readSynth reads a synthesized template. It is fs.ErrNotExist when there is none.
func readSynth(path, settings string) (synth, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return synth{}, fmt.Errorf("read template: %w", err)
	}
	made, err := os.Stat(path)
	if err != nil {
		return synth{}, fmt.Errorf("read template: %w", err)
	}
	set, err := os.Stat(settings)
	if err != nil {
		return synth{}, fmt.Errorf("read settings: %w", err)
	}
	return synth{data, !made.ModTime().Before(set.ModTime())}, nil
}

// A stack is a deployed stack.
type stack struct {
	deployed bool
	region   string
	changed  time.Time // created or updated last
	template template
	physical map[string]string // by logical id
	// unread is what kept template or physical from being read, and its error.
	unread string
	err    error
}

// working are the states of a stack in which all that it has is in force.
var working = []formationtypes.StackStatus{
	formationtypes.StackStatusCreateComplete, formationtypes.StackStatusUpdateComplete,
	formationtypes.StackStatusImportComplete,
	formationtypes.StackStatusUpdateCompleteCleanupInProgress,
}

// readStack reads a stack and checks it.
func (d *doctor) readStack(ctx context.Context, l *lines, name, region string) stack {
	client := d.in(region).formation
	s := stack{region: region, physical: map[string]string{}}
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	switch {
	// CloudFormation has no code of its own for it.
	case account.Coded(err, "ValidationError") && strings.Contains(err.Error(), "does not exist"),
		err == nil && len(out.Stacks) == 0:
		if region == d.settings.HubRegion {
			l.remark("warder preview shows what it would do; then make deploy",
				"not deployed: what follows a deployment was not checked")
		} else {
			l.problem("make deploy", "not deployed: events of %s do not reach Warder", region)
		}
		return s
	case err != nil:
		l.unread("cloudformation:DescribeStacks", err)
		return s
	}
	described := out.Stacks[0]
	s.deployed, s.changed = true, aws.ToTime(cmp.Or(described.LastUpdatedTime, described.CreationTime))
	status := described.StackStatus
	switch {
	case slices.Contains(working, status):
	case strings.HasSuffix(string(status), "IN_PROGRESS"):
		l.add(unknown, "run it again when that is done", "it is being changed: %s", status)
	default:
		l.problem("read its events in CloudFormation, fix what they say, and make deploy", "%s %s", status,
			aws.ToString(described.StackStatusReason))
	}
	s.read(ctx, client, name)
	if s.err != nil {
		l.unread(s.unread, s.err)
		return s
	}
	for _, id := range s.of("AWS::Events::EventBus") {
		bus := s.physical[id]
		switch _, err := d.in(region).events.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &bus}); {
		case account.Coded(err, "ResourceNotFoundException"):
			l.problem(redeploy, "the bus %s does not exist: what other regions forward is lost", bus)
		case err != nil:
			l.unread("events:DescribeEventBus", err)
		}
	}
	for _, r := range s.rules("hub") { // those of controls have lines of their own
		if !d.started(ctx, l, s, r, "") {
			return s
		}
	}
	d.compare(l, name, s)
	if l.fine() {
		l.ok("%s since %s, %s", status, day(s.changed), terminal.Count(len(s.physical), "resource"))
	}
	return s
}

// read reads the stack's template and the names of its resources.
func (s *stack) read(ctx context.Context, client *cloudformation.Client, name string) {
	out, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &name})
	if err == nil {
		err = json.Unmarshal([]byte(aws.ToString(out.TemplateBody)), &s.template)
	}
	if err != nil {
		s.unread, s.err = "cloudformation:GetTemplate", err
		return
	}
	pages := cloudformation.NewListStackResourcesPaginator(client,
		&cloudformation.ListStackResourcesInput{StackName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			s.unread, s.err = "cloudformation:ListStackResources", err
			return
		}
		for _, r := range page.StackResourceSummaries {
			s.physical[aws.ToString(r.LogicalResourceId)] = aws.ToString(r.PhysicalResourceId)
		}
	}
}

// compare says whether what is deployed is what was synthesized.
func (d *doctor) compare(l *lines, name string, s stack) {
	if d.synth == nil {
		return
	}
	local, err := d.synth(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.remark("make synth, and run it again",
			"whether it is what the sources here would deploy is not known: nothing is synthesized here")
		return
	case err != nil:
		l.add(unknown, "", "%v", err)
		return
	case !local.settled:
		l.remark("make synth, and run it again",
			"whether it is what the sources here would deploy is not known: the settings are newer than the synthesized "+
				"template")
		return
	}
	var t template
	if err := json.Unmarshal(local.template, &t); err != nil {
		l.add(unknown, "make synth, and run it again", "read template: %v", err)
		return
	}
	var differ []string
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		here, there := t.Resources[id], s.template.Resources[id]
		if here.Type != there.Type || !same(here.Properties, there.Properties) {
			differ = append(differ, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.template.Resources)) {
		if _, here := t.Resources[id]; !here {
			differ = append(differ, id)
		}
	}
	if len(differ) > 0 {
		l.remark("make diff shows it, make deploy puts it into force",
			"another version than the one synthesized here: %s, such as %s", differences(len(differ)), differ[0])
	}
}

func differences(n int) string {
	if n == 1 {
		return "1 resource differs"
	}
	return terminal.Count(n, "resource") + " differ"
}

// same reports whether two pieces of JSON say the same.
func same(a, b json.RawMessage) bool {
	var left, right any
	if json.Unmarshal(a, &left) != nil || json.Unmarshal(b, &right) != nil {
		return bytes.Equal(a, b)
	}
	x, errX := json.Marshal(left)
	y, errY := json.Marshal(right)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// of are the logical ids of the template's resources of a type, sorted.
func (s stack) of(kind string) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(s.template.Resources)) {
		if s.template.Resources[id].Type == kind {
			ids = append(ids, id)
		}
	}
	return ids
}

// refers returns the logical id that a Ref or Fn::GetAtt names, empty for anything else.
func refers(value any) string {
	object, _ := value.(map[string]any)
	if id, ok := object["Ref"].(string); ok {
		return id
	}
	if parts, ok := object["Fn::GetAtt"].([]any); ok && len(parts) == 2 {
		id, _ := parts[0].(string)
		return id
	}
	return ""
}

// name is a property that is a name or a reference to what has it.
func (s stack) name(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return s.physical[refers(value)]
}

// keepers are the logical ids of the queues that keep what failed or was not delivered: those that
// something of the template names as such.
func (s stack) keepers() []string {
	var ids []string
	var walk func(key string, value any)
	walk = func(key string, value any) {
		switch value := value.(type) {
		case map[string]any:
			if key == "DeadLetterConfig" || key == "OnFailure" {
				for _, target := range value {
					if id := refers(target); s.template.Resources[id].Type == "AWS::SQS::Queue" {
						ids = append(ids, id)
					}
				}
			}
			for key, value := range value {
				walk(key, value)
			}
		case []any:
			for _, value := range value {
				walk(key, value)
			}
		}
	}
	for _, r := range s.template.Resources {
		var properties any
		if json.Unmarshal(r.Properties, &properties) == nil {
			walk("", properties)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// day is a time as lines show it.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// ago is how long before now a time is, in the unit that people would say it in.
func ago(now, t time.Time) string {
	switch passed := now.Sub(t); {
	case passed < 2*time.Minute:
		return "just now"
	case passed < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(passed.Minutes()))
	case passed < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(passed.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(passed.Hours()/24))
	}
}
