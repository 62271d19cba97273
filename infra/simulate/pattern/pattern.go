// Package pattern matches events with event patterns in one process, for what plays more events than
// an emulator of EventBridge can be asked about. It knows the filters that the patterns of Warder's
// controls have, and no other: one that it does not know is an error, never a match or none.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
package pattern

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Pattern is an event pattern that has been read.
type Pattern struct{ fields map[string]any }

// Parse reads a pattern. It does not check it: a filter that is not known is an error of [Pattern.Match].
func Parse(text []byte) (Pattern, error) {
	fields, err := object(text)
	if err != nil {
		return Pattern{}, fmt.Errorf("read pattern: %w", err)
	}
	return Pattern{fields}, nil
}

// Event is an event that has been read, for many patterns.
type Event struct{ fields map[string]any }

// ParseEvent reads an event.
func ParseEvent(text []byte) (Event, error) {
	fields, err := object(text)
	if err != nil {
		return Event{}, fmt.Errorf("read event: %w", err)
	}
	return Event{fields}, nil
}

// object reads a JSON object. Numbers keep their text.
func object(text []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, err
	}
	return fields, nil
}

// Match reports whether the event is one that the pattern is for.
func (p Pattern) Match(e Event) (bool, error) { return fields(p.fields, e.fields) }

// fields reports whether a level of an event has all that the same level of a pattern asks for.
func fields(pattern, event map[string]any) (bool, error) {
	for name, wanted := range pattern {
		matched, err := field(name, wanted, event)
		if err != nil || !matched {
			return false, err
		}
	}
	return true, nil
}

func field(name string, wanted any, event map[string]any) (bool, error) {
	value, there := event[name]
	switch wanted := wanted.(type) {
	case map[string]any:
		return within(wanted, value)
	case []any:
		if name == "$or" {
			return either(wanted, event)
		}
		return some(wanted, value, there)
	}
	return false, fmt.Errorf("match %q: a pattern has objects and lists, not %v", name, wanted)
}

// within matches an object, or one of a list of objects. What is no object has no fields.
func within(wanted map[string]any, value any) (bool, error) {
	if list, ok := value.([]any); ok {
		for _, item := range list {
			if matched, err := within(wanted, item); err != nil || matched {
				return matched, err
			}
		}
		return false, nil
	}
	inner, _ := value.(map[string]any)
	return fields(wanted, inner)
}

// either matches the alternatives of "$or".
func either(alternatives []any, event map[string]any) (bool, error) {
	for _, alternative := range alternatives {
		wanted, ok := alternative.(map[string]any)
		if !ok {
			return false, fmt.Errorf("match $or: %v is no pattern", alternative)
		}
		if matched, err := fields(wanted, event); err != nil || matched {
			return matched, err
		}
	}
	return false, nil
}

// some reports whether a value, or one of a list of values, is one of those wanted.
func some(wanted []any, value any, there bool) (bool, error) {
	values := []any{value}
	if list, ok := value.([]any); ok {
		values = list
	}
	for _, want := range wanted {
		filter, ok := want.(map[string]any)
		if !ok {
			if there && slices.ContainsFunc(values, func(v any) bool { return equal(want, v) }) {
				return true, nil
			}
			continue
		}
		if exists, asked := filter["exists"]; asked {
			// Of leaves only: an object is no value.
			_, inner := value.(map[string]any)
			if exists == (there && !inner) {
				return true, nil
			}
			continue
		}
		for _, v := range values {
			if matched, err := passes(filter, v); err != nil || matched {
				return matched, err
			}
		}
	}
	return false, nil
}

// equal compares as EventBridge does: strings byte for byte, numbers by their value.
func equal(want, v any) bool {
	a, number := want.(json.Number)
	b, also := v.(json.Number)
	if number && also {
		x, errX := a.Float64()
		y, errY := b.Float64()
		return errX == nil && errY == nil && x == y
	}
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return want == v
}

// passes reports whether a value passes a filter.
func passes(filter map[string]any, v any) (bool, error) {
	for name, operand := range filter {
		text, isText := v.(string)
		switch name {
		case "prefix", "suffix", "wildcard":
			want, ok := operand.(string)
			if !ok {
				return false, fmt.Errorf("match: filter %q of %v is not known here", name, operand)
			}
			compare := map[string]func(string, string) bool{
				"prefix": strings.HasPrefix, "suffix": strings.HasSuffix, "wildcard": wildcard,
			}[name]
			return isText && compare(text, want), nil
		case "numeric":
			return numeric(operand, v)
		default:
			return false, fmt.Errorf("match: filter %q is not known here", name)
		}
	}
	return false, fmt.Errorf("match: an empty filter")
}

// wildcard matches a text in which each * stands for any text.
func wildcard(text, want string) bool {
	parts := strings.Split(want, "*")
	rest, ok := strings.CutPrefix(text, parts[0])
	for i, part := range parts[1:] {
		if !ok {
			return false
		}
		if i == len(parts)-2 {
			return strings.HasSuffix(rest, part)
		}
		_, rest, ok = strings.Cut(rest, part)
	}
	return ok && rest == ""
}

// numeric matches [operator, number, …]: all of them.
func numeric(operand, v any) (bool, error) {
	conditions, ok := operand.([]any)
	if !ok || len(conditions) == 0 || len(conditions)%2 != 0 {
		return false, fmt.Errorf("match: numeric %v is none", operand)
	}
	number, ok := v.(json.Number)
	if !ok {
		return false, nil
	}
	value, err := number.Float64()
	if err != nil {
		return false, fmt.Errorf("match: numeric: %w", err)
	}
	for i := 0; i < len(conditions); i += 2 {
		limit, err := strconv.ParseFloat(fmt.Sprint(conditions[i+1]), 64)
		if err != nil {
			return false, fmt.Errorf("match: numeric: %w", err)
		}
		holds, known := map[any]bool{
			"=": value == limit, "<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit,
		}[conditions[i]]
		if !known {
			return false, fmt.Errorf("match: numeric operator %v is not known here", conditions[i])
		}
		if !holds {
			return false, nil
		}
	}
	return true, nil
}
