package stack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A template is a CloudFormation template, as far as a synthesized one needs to be understood.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
type template struct {
	Parameters map[string]struct{ Default any }
	Resources  map[string]resource
	Outputs    map[string]struct{ Value any }
}

type resource struct {
	Type       string
	Properties map[string]any
	DependsOn  any // a name or a list of names
	Condition  string
}

// metadata is the one type that stands for nothing: the CDK's own usage record.
const metadata = "AWS::CDK::Metadata"

func parse(data []byte) (template, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // 1209600 must not become 1.2096e+06
	var t template
	if err := decoder.Decode(&t); err != nil {
		return template{}, fmt.Errorf("decode template: %w", err)
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[name]
		if _, ok := makers[r.Type]; !ok && r.Type != metadata {
			faults = append(faults, fmt.Errorf("resource %s: the local account cannot create %s", name, r.Type))
		} else if r.Condition != "" && r.Type != metadata {
			faults = append(faults, fmt.Errorf("resource %s: the local account knows no conditions (%s)", name, r.Condition))
		}
	}
	return t, errors.Join(faults...)
}

// made is a resource that exists: what Ref and Fn::GetAtt yield for it.
type made struct {
	ref        string
	attributes map[string]string
}

// resolve replaces the intrinsic functions in a value. A reference to a resource creates it first.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
func (m *maker) resolve(value any) (any, error) {
	switch value := value.(type) {
	case []any:
		list := make([]any, 0, len(value))
		for _, item := range value {
			resolved, err := m.resolve(item)
			if err != nil {
				return nil, err
			}
			if resolved != noValue {
				list = append(list, resolved)
			}
		}
		return list, nil
	case map[string]any:
		if len(value) == 1 {
			for name, argument := range value {
				if name == "Ref" || strings.HasPrefix(name, "Fn::") {
					return m.intrinsic(name, argument)
				}
			}
		}
		tree := make(map[string]any, len(value))
		for name, item := range value {
			resolved, err := m.resolve(item)
			if err != nil {
				return nil, err
			}
			if resolved != noValue {
				tree[name] = resolved
			}
		}
		return tree, nil
	}
	return value, nil
}

// noValue is what AWS::NoValue stands for: nothing at all.
var noValue any = new(struct{ _ byte })

func (m *maker) intrinsic(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		target, ok := argument.(string)
		if !ok {
			return nil, fmt.Errorf("resolve Ref %v: not a name", argument)
		}
		return m.ref(target)
	case "Fn::GetAtt":
		parts, err := texts(argument)
		if err != nil || len(parts) != 2 {
			return nil, fmt.Errorf("resolve Fn::GetAtt %v: want a resource and an attribute", argument)
		}
		return m.attribute(parts[0], parts[1])
	case "Fn::Sub":
		return m.sub(argument)
	case "Fn::Join":
		list, ok := argument.([]any)
		if !ok || len(list) != 2 {
			return nil, fmt.Errorf("resolve Fn::Join %v: want a separator and a list", argument)
		}
		separator, ok := list[0].(string)
		if !ok {
			return nil, fmt.Errorf("resolve Fn::Join %v: the separator is not a string", argument)
		}
		items, err := m.resolve(list[1])
		if err != nil {
			return nil, err
		}
		parts, err := texts(items)
		if err != nil {
			return nil, fmt.Errorf("resolve Fn::Join: %w", err)
		}
		return strings.Join(parts, separator), nil
	}
	return nil, fmt.Errorf("resolve %s: the local account does not know it", name)
}

func (m *maker) ref(name string) (any, error) {
	switch name {
	case "AWS::AccountId":
		return m.account, nil
	case "AWS::Region":
		return m.region, nil
	case "AWS::Partition":
		return "aws", nil
	case "AWS::URLSuffix":
		return "amazonaws.com", nil
	case "AWS::StackName":
		return m.name, nil
	case "AWS::NoValue":
		return noValue, nil
	}
	if parameter, ok := m.template.Parameters[name]; ok {
		return parameter.Default, nil
	}
	resource, err := m.make(name)
	if err != nil {
		return nil, err
	}
	return resource.ref, nil
}

func (m *maker) attribute(name, attribute string) (any, error) {
	resource, err := m.make(name)
	if err != nil {
		return nil, err
	}
	value, ok := resource.attributes[attribute]
	if !ok {
		return nil, fmt.Errorf("resolve %s.%s: the local account does not know this attribute", name, attribute)
	}
	return value, nil
}

var placeholder = regexp.MustCompile(`\$\{[^}]*\}`)

func (m *maker) sub(argument any) (any, error) {
	own := map[string]any{}
	text, ok := argument.(string)
	if list, isList := argument.([]any); isList && len(list) == 2 {
		text, ok = list[0].(string)
		variables, err := m.resolve(list[1])
		if err != nil {
			return nil, err
		}
		own, _ = variables.(map[string]any)
	}
	if !ok {
		return nil, fmt.Errorf("resolve Fn::Sub %v: want a string", argument)
	}
	var fault error
	result := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		value, known := own[name]
		if !known {
			var err error
			if target, attribute, ok := strings.Cut(name, "."); ok {
				value, err = m.attribute(target, attribute)
			} else {
				value, err = m.ref(name)
			}
			if err != nil {
				fault = errors.Join(fault, err)
				return ""
			}
		}
		return fmt.Sprint(value)
	})
	return result, fault
}

func texts(value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("%v is not a list", value)
	}
	parts := make([]string, 0, len(list))
	for _, item := range list {
		switch item := item.(type) {
		case string:
			parts = append(parts, item)
		case json.Number:
			parts = append(parts, item.String())
		default:
			return nil, fmt.Errorf("%v is not a string", item)
		}
	}
	return parts, nil
}
