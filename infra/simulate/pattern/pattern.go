// Package pattern matches events with event patterns in one process, for what plays more events than
// an emulator of EventBridge can be asked about. It knows the filters that the patterns of Warder's
// controls have, and no other: one that it does not know is an error, never a match or none.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
package pattern

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Event is an event, or an object in it, as encoding/json reads it.
type Event = map[string]any

// Pattern reports whether an event is one that it is for.
type Pattern func(Event) bool

// Parse reads a pattern.
func Parse(text []byte) (Pattern, error) {
	var fields Event
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("read pattern: %w", err)
	}
	return object(fields)
}

// object matches an event that has all that the fields ask for.
func object(fields Event) (Pattern, error) {
	var all []Pattern
	for name, wanted := range fields {
		p, err := field(name, wanted)
		if err != nil {
			return nil, fmt.Errorf("match %q: %w", name, err)
		}
		all = append(all, p)
	}
	return func(e Event) bool { return !slices.ContainsFunc(all, func(p Pattern) bool { return !p(e) }) }, nil
}

func field(name string, wanted any) (Pattern, error) {
	if inner, ok := wanted.(Event); ok {
		p, err := object(inner)
		within := some(func(v any) bool { inner, _ := v.(Event); return p(inner) }) // what is no object has no fields
		return func(e Event) bool { return within(e[name], true) }, err
	}
	list, ok := wanted.([]any)
	if !ok {
		return nil, fmt.Errorf("a pattern has objects and lists, not %v", wanted)
	}
	var alternatives []Pattern
	for _, want := range list {
		inner, filter := want.(Event)
		if name == "$or" {
			if !filter {
				return nil, fmt.Errorf("%v is no pattern", want)
			}
			p, err := object(inner)
			if err != nil {
				return nil, err
			}
			alternatives = append(alternatives, p)
			continue
		}
		passes, err := value(want)
		if err != nil {
			return nil, err
		}
		alternatives = append(alternatives, func(e Event) bool { v, there := e[name]; return passes(v, there) })
	}
	return func(e Event) bool { return slices.ContainsFunc(alternatives, func(p Pattern) bool { return p(e) }) }, nil
}

// test reports whether the value of a field, if it is there, is wanted.
type test func(v any, there bool) bool

// some wants a value, or one of a list of values, that passes.
func some(passes func(any) bool) test {
	return func(v any, there bool) bool {
		if list, ok := v.([]any); ok {
			return slices.ContainsFunc(list, passes)
		}
		return there && passes(v)
	}
}

var comparisons = map[string]func(text, want string) bool{
	"prefix": strings.HasPrefix, "suffix": strings.HasSuffix, "wildcard": wildcard,
}

// value wants a value itself, as EventBridge compares: strings byte for byte, numbers by their value; or what passes
// a filter.
func value(want any) (test, error) {
	filter, ok := want.(Event)
	if _, list := want.([]any); !ok && !list {
		return some(func(v any) bool { return v == want }), nil
	}
	for name, operand := range filter {
		text, isText := operand.(string)
		compare := comparisons[name]
		switch {
		case len(filter) > 1:
		case name == "exists": // of leaves only: an object is no value
			return func(v any, there bool) bool { _, inner := v.(Event); return operand == (there && !inner) }, nil
		case name == "numeric":
			return numeric(operand)
		case name == "anything-but":
			unwanted, list := operand.([]any)
			if !list {
				unwanted = []any{operand}
			}
			return some(func(v any) bool { return !slices.Contains(unwanted, v) }), nil
		case compare != nil && isText:
			return some(func(v any) bool { s, ok := v.(string); return ok && compare(s, text) }), nil
		}
	}
	return nil, fmt.Errorf("filter %v is not known here", want)
}

// wildcard matches a text in which each * stands for any text.
func wildcard(text, want string) bool {
	parts := strings.Split(want, "*")
	rest, ok := strings.CutPrefix(text, parts[0])
	last := len(parts) - 1
	if last == 0 {
		return ok && rest == ""
	}
	for _, part := range parts[1:last] {
		if ok {
			_, rest, ok = strings.Cut(rest, part)
		}
	}
	return ok && strings.HasSuffix(rest, parts[last])
}

// numeric matches [operator, number, …]: all of them.
func numeric(operand any) (test, error) {
	conditions, _ := operand.([]any)
	var all []func(float64) bool
	for pair := range slices.Chunk(conditions, 2) {
		limit, ok := pair[len(pair)-1].(float64)
		holds := map[any]func(x float64) bool{
			"=": func(x float64) bool { return x == limit },
			"<": func(x float64) bool { return x < limit }, "<=": func(x float64) bool { return x <= limit },
			">": func(x float64) bool { return x > limit }, ">=": func(x float64) bool { return x >= limit },
		}[pair[0]]
		if !ok || holds == nil {
			return nil, fmt.Errorf("numeric %v is not known here", operand)
		}
		all = append(all, holds)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("numeric %v is none", operand)
	}
	return some(func(v any) bool {
		x, number := v.(float64)
		return number && !slices.ContainsFunc(all, func(holds func(float64) bool) bool { return !holds(x) })
	}), nil
}
