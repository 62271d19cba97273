package stack

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// scratch holds what the tests synthesize, for as long as they run.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if scratch, err = os.MkdirTemp("", "warder-infra"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Stderr = nil // jsii complains on it
	jsii.Close()
	os.Exit(code)
}

// A template is a synthesized CloudFormation template.
type template struct {
	file      string
	text      []byte
	Resources map[string]resource
}

type resource struct {
	id                  string
	Type                string
	DeletionPolicy      string
	UpdateReplacePolicy string
	Properties          map[string]any
}

// deployed is the stack of the repository's cdk.json.
var deployed = sync.OnceValues(func() (template, error) {
	data, err := os.ReadFile("../../cdk.json")
	if err != nil {
		return template{}, err
	}
	var cdk struct {
		Context struct {
			Warder json.RawMessage `json:"warder"`
		} `json:"context"`
	}
	if err := json.Unmarshal(data, &cdk); err != nil {
		return template{}, err
	}
	return synthesize("deployed", string(cdk.Context.Warder))
})

// everySetting has every setting that changes the shape of the template.
const everySetting = `{
	"notify": {"emails": ["security@example.com", "on-call@example.com"]},
	"logRetentionDays": 30,
	"tags": {"team": "security", "cost-center": "4711"},
	"allowedNetworks": ["203.0.113.0/24"],
	"owners": {
		"paths": {"/team/data/": "data@example.com", "/team/lake/": "data@example.com"},
		"prefixes": {"ci-": "ci@example.com", "on-call-": "on-call@example.com"},
		"default": "security@example.com"
	},
	"controls": {"alert-root-usage": {"mode": "off"}, "deactivate-stale-access-key": {"mode": "enforce", "maxAgeDays": 30}}
}`

// custom is the stack with everySetting.
var custom = sync.OnceValues(func() (template, error) { return synthesize("custom", everySetting) })

// properties is what the stacks of all functions and of more are made from, with the
// context as their settings and binaries in the folder.
func properties(folder, context string, more ...control.Control) (*HubProps, error) {
	controls, err := functions.Controls()
	if err != nil {
		return nil, err
	}
	controls = append(controls, more...)
	s, err := settings.Parse([]byte(context), controls)
	if err != nil {
		return nil, err
	}
	props, err := (&HubProps{Settings: s, Controls: controls, Binaries: filepath.Join(folder, "bin")}).withDefaults()
	if err != nil {
		return nil, err
	}
	return props, writeBinaries(props)
}

// synthesize makes the stacks with the context as their settings, and returns the hub.
func synthesize(name, context string, more ...control.Control) (template, error) {
	folder := filepath.Join(scratch, name)
	props, err := properties(folder, context, more...)
	if err != nil {
		return template{}, err
	}
	return synthesizeFrom(folder, props)
}

// synthesizeFrom makes the stacks in the folder, and returns the hub.
func synthesizeFrom(folder string, props *HubProps) (template, error) {
	if err := props.Validate(); err != nil {
		return template{}, err
	}
	out := filepath.Join(folder, "cdk.out")
	app := NewApp(jsii.String(out))
	NewStacks(app, props)
	app.Synth(nil)

	return read(out, settings.Product)
}

// read is the template of a stack that was synthesized into a folder.
func read(folder, stack string) (template, error) {
	t := template{file: filepath.Join(folder, stack+".template.json")}
	var err error
	if t.text, err = os.ReadFile(t.file); err != nil {
		return template{}, err
	}
	if err := json.Unmarshal(t.text, &t); err != nil {
		return template{}, err
	}
	for id, r := range t.Resources {
		r.id = id
		t.Resources[id] = r
	}
	return t, nil
}

// region is the region of the template's stack.
func (t template) region(tt *testing.T) string {
	tt.Helper()
	data, err := os.ReadFile(filepath.Join(filepath.Dir(t.file), "manifest.json"))
	if err != nil {
		tt.Fatal(err)
	}
	var manifest struct {
		Artifacts map[string]struct{ Environment string }
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		tt.Fatal(err)
	}
	environment := manifest.Artifacts[strings.TrimSuffix(filepath.Base(t.file), ".template.json")].Environment
	return environment[strings.LastIndex(environment, "/")+1:]
}

// sibling is the template of another stack of the same app.
func (t template) sibling(tt *testing.T, stack string) template {
	tt.Helper()
	other, err := read(filepath.Dir(t.file), stack)
	if err != nil {
		tt.Fatal(err)
	}
	return other
}

// writeBinaries stands in for the build: the template needs the folders only.
func writeBinaries(props *HubProps) error {
	for _, c := range props.Controls {
		folder := filepath.Join(props.Binaries, c.ID)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, "bootstrap"), []byte(c.ID), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func load(t *testing.T, from func() (template, error)) template {
	t.Helper()
	tmpl, err := from()
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// controls is the controls and tools that are deployed without settings.
func controls(t *testing.T) []control.Control {
	t.Helper()
	all, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	props, err := (&HubProps{Controls: all}).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return props.Controls
}

// customControls are those that are deployed with everySetting.
func customControls(t *testing.T) []control.Control {
	t.Helper()
	props, err := properties(t.TempDir(), everySetting)
	if err != nil {
		t.Fatal(err)
	}
	return props.Controls
}

// started is the controls, and the tools that something but a person starts.
func started(t *testing.T) []control.Control {
	return slices.DeleteFunc(controls(t),
		func(c control.Control) bool { return c.Tool && c.Schedule == "" && !c.Subscribes })
}

// all is the resources of a type, sorted by id.
func (t template) all(kind string) []resource {
	var found []resource
	for _, r := range t.Resources {
		if r.Type == kind {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b resource) int { return strings.Compare(a.id, b.id) })
	return found
}

// where is the resources of a type that match.
func (t template) where(kind string, match func(resource) bool) []resource {
	var found []resource
	for _, r := range t.all(kind) {
		if match(r) {
			found = append(found, r)
		}
	}
	return found
}

// one is the resource of a type that matches, and fails unless it is the only.
func (t template) one(tt *testing.T, kind string, match func(resource) bool) resource {
	tt.Helper()
	found := t.where(kind, match)
	if len(found) != 1 {
		tt.Fatalf("%d resources of type %s match, want 1", len(found), kind)
	}
	return found[0]
}

// named is the resource of a type whose construct is id, at the top of the stack.
func (t template) named(tt *testing.T, kind, id string) resource {
	tt.Helper()
	return t.one(tt, kind, func(r resource) bool { return hash.ReplaceAllString(r.id, "") == id })
}

// schedules are those that start a function.
func (t template) schedules(function resource) []resource {
	return t.where("AWS::Scheduler::Schedule", func(r resource) bool {
		return text(r.get("Target.Arn")) == "${"+hash.ReplaceAllString(function.id, "")+".Arn}"
	})
}

// function is the function of a control.
func (t template) function(tt *testing.T, id string) resource {
	tt.Helper()
	return t.one(tt, "AWS::Lambda::Function", func(r resource) bool {
		return r.get("FunctionName") == settings.FunctionName(id)
	})
}

// reference is a reference where the settings of a function want an ARN.
var reference = regexp.MustCompile(`"(topic|key|ledgerKey|outside)":"\$\{`)

// settings is the settings that a function reads, with "arn:${Name}" for the ARN of what the template
// names so.
func (t template) settings(tt *testing.T, id string) settings.Function {
	tt.Helper()
	document := text(t.function(tt, id).get("Environment.Variables." + settings.Variable))
	f, err := settings.FromEnv(func(string) (string, bool) {
		return reference.ReplaceAllString(document, `"${1}":"arn:$${`), true
	})
	if err != nil {
		tt.Fatal(err)
	}
	return f
}

// rules is the rules that target a function.
func (t template) rules(function resource) []resource {
	return t.where("AWS::Events::Rule", func(r resource) bool { return r.refers("Targets.0.Arn", function) })
}

// get is the value at a dotted path of the properties, nil when there is none.
// A number is an index.
func (r resource) get(path string) any {
	var value any = r.Properties
	for _, step := range strings.Split(path, ".") {
		switch node := value.(type) {
		case map[string]any:
			value = node[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(node) {
				return nil
			}
			value = node[i]
		default:
			return nil
		}
	}
	return value
}

// refers reports whether the value at path is a reference to another resource:
// its Ref or its Arn.
func (r resource) refers(path string, to resource) bool {
	return target(r.get(path)) == to.id
}

// target is the logical id that a Ref or GetAtt names, "" for anything else.
func target(value any) string {
	node, ok := value.(map[string]any)
	if !ok {
		return ""
	}
	if id, ok := node["Ref"].(string); ok {
		return id
	}
	if attribute, ok := node["Fn::GetAtt"].([]any); ok {
		return attribute[0].(string)
	}
	return ""
}

// hash is what the CDK appends to the path of a construct to make a logical id.
var hash = regexp.MustCompile(`[0-9A-F]{8}$`)

// text shows a value of the template as a person would write it: references as
// ${Name} and ${Name.Attribute} without the hash, joins joined.
func text(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []any:
		var words []string
		for _, v := range value {
			words = append(words, text(v))
		}
		return strings.Join(words, ", ")
	case map[string]any:
		switch {
		case value["Ref"] != nil:
			return "${" + hash.ReplaceAllString(value["Ref"].(string), "") + "}"
		case value["Fn::GetAtt"] != nil:
			attribute := value["Fn::GetAtt"].([]any)
			return "${" + hash.ReplaceAllString(attribute[0].(string), "") + "." + attribute[1].(string) + "}"
		case value["Fn::Sub"] != nil:
			return value["Fn::Sub"].(string)
		case value["Fn::Join"] != nil:
			join := value["Fn::Join"].([]any)
			var words []string
			for _, v := range join[1].([]any) {
				words = append(words, text(v))
			}
			return strings.Join(words, join[0].(string))
		}
	}
	return fmt.Sprint(value)
}
