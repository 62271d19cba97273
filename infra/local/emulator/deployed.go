package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// Where the settings of a function have its mode, and those of all controls.
var (
	modeOf  = regexp.MustCompile(`^\{"mode":"[a-z]+",`)
	modesOf = regexp.MustCompile(`"modes":\{[^{}]*\}`)
	anyMode = regexp.MustCompile(`:"[a-z]+"`)
)

// deployedWith is the hub's template as a deployment with the options would have made it: the modes are those of every
// control, and the reader is subscribed to both topics. Whoever started the account in enforce reads every notice.
func (o Options) deployedWith(data []byte) ([]byte, error) {
	if o.Mode == "" && o.Reader == "" {
		return data, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // 1209600 must not become 1.2096e+06
	var template map[string]any
	if err := decoder.Decode(&template); err != nil {
		return nil, fmt.Errorf("decode template: %w", err)
	}
	controls, err := functions.Controls()
	if err != nil {
		return nil, err
	}
	given := object(object(template, "Metadata"), settings.Product)
	stays := map[string]bool{} // functions whose mode stays as it is
	var lacking []string
	for _, c := range controls {
		lacks := o.Mode == string(control.Enforce) && lacks(c, given)
		if lacks {
			lacking = append(lacking, c.ID)
		}
		stays[settings.FunctionName(c.ID)] = c.Tool || lacks
	}
	resources, _ := template["Resources"].(map[string]any)
	for _, r := range resources {
		r, _ := r.(map[string]any)
		properties, _ := r["Properties"].(map[string]any)
		if name, _ := properties["FunctionName"].(string); r["Type"] == "AWS::Lambda::Function" {
			stay, reached := stays[name], false
			texts(properties["Environment"], func(s string) string {
				reached = reached || strings.Contains(s, `"reach":`)
				return s
			})
			properties["Environment"] = texts(properties["Environment"],
				func(s string) string { return o.set(s, stay, reached, lacking) })
		}
	}
	if o.Reader != "" {
		for id, r := range resources {
			if r, _ := r.(map[string]any); r["Type"] == "AWS::SNS::Topic" {
				resources[id+"Reader"] = map[string]any{"Type": "AWS::SNS::Subscription", "Properties": map[string]any{
					"TopicArn": map[string]any{"Ref": id}, "Protocol": "email", "Endpoint": o.Reader,
				}}
			}
		}
		o.note(given, slices.DeleteFunc(slices.Clone(controls),
			func(c control.Control) bool { return slices.Contains(lacking, c.ID) }))
	}
	return json.Marshal(template)
}

// lacks reports whether the control cannot enforce, because what it needs is not set.
func lacks(c control.Control, given map[string]any) bool {
	controls, _ := given["controls"].(map[string]any)
	own, _ := controls[c.ID].(map[string]any)
	return slices.ContainsFunc(c.Needs, func(name string) bool {
		of := own
		if name == control.AllowedNetworks {
			of = given
		}
		set, _ := json.Marshal(of[name])
		return slices.Contains([]string{"null", `""`, "[]", "{}"}, string(set))
	})
}

// set sets the mode in a part of a function's settings unless it stays, the modes of all controls but those that lack
// something, and who is reached unless they say so.
func (o Options) set(text string, stay, reached bool, lacking []string) string {
	head := modeOf.FindString(text)
	if head != "" && !reached && (o.Reader != "" || o.Mode == string(control.Enforce)) {
		text = head + `"reach":{"all":true},` + strings.TrimPrefix(text, head)
	}
	if o.Mode == "" {
		return text
	}
	mode := `:"` + o.Mode + `"`
	if !stay {
		text = modeOf.ReplaceAllString(text, `{"mode"`+mode+`,`)
	}
	return modesOf.ReplaceAllStringFunc(text, func(modes string) string {
		modes = anyMode.ReplaceAllString(modes, mode)
		for _, id := range lacking {
			modes = strings.ReplaceAll(modes, `"`+id+`"`+mode, `"`+id+`":"`+string(control.Observe)+`"`)
		}
		return modes
	})
}

// note notes the options in the settings that the stack says it was deployed with.
func (o Options) note(given map[string]any, controls []control.Control) {
	notify := object(given, "notify")
	notify["chat"] = true // somebody reads along; an address of the settings would get folded mail
	for _, c := range controls {
		if !c.Tool && o.Mode != "" {
			object(object(given, "controls"), c.ID)["mode"] = o.Mode
		}
	}
}

// object is the object of that name, which is made if there is none.
func object(of map[string]any, name string) map[string]any {
	there, ok := of[name].(map[string]any)
	if !ok {
		there = map[string]any{}
		of[name] = there
	}
	return there
}

// texts changes every text in a value.
func texts(value any, change func(string) string) any {
	switch value := value.(type) {
	case string:
		return change(value)
	case []any:
		for i := range value {
			value[i] = texts(value[i], change)
		}
	case map[string]any:
		for name := range value {
			value[name] = texts(value[name], change)
		}
	}
	return value
}
