package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/settings"
)

// A pattern is an event pattern as control.json has it.
type pattern map[string]any

// patterns returns the patterns that start a control, with the account's own names for Config rules.
func patterns(c control.Control, s settings.Settings) []pattern {
	var all []pattern
	for i, raw := range c.Rules {
		var p pattern
		if err := json.Unmarshal(raw, &p); err != nil {
			panic(fmt.Sprintf("decode rule %d of %q: %v", i, c.ID, err)) // control.Parse has read it
		}
		all = append(all, p.named(s.ConfigRules))
	}
	return all
}

// with returns the pattern with other values for a field.
func (p pattern) with(field string, values any) pattern {
	own := maps.Clone(p)
	own[field] = values
	return own
}

// of limits the pattern to events of one account.
func (p pattern) of(account *string) pattern { return p.with("account", []any{account}) }

// list returns the values or filters of a field, nil without one.
func (p pattern) list(field string) []any {
	values, _ := p[field].([]any)
	return values
}

// rules returns the rules of AWS Config that the pattern names.
func (p pattern) rules() []any {
	detail, _ := p["detail"].(map[string]any)
	return pattern(detail).list("configRuleName")
}

// regional reports whether events of other regions can match. IAM's own events arrive only in the hub's.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html
func (p pattern) regional() bool {
	return !p.own() && !slices.Equal(p.list("source"), []any{"aws.iam"})
}

// own reports whether the events are Warder's own. They count on its bus alone, whose policy says who may put them
// there; on the default bus anybody may.
func (p pattern) own() bool { return slices.Equal(p.list("source"), []any{event.People}) }

// drilled returns the pattern for a drill's own events, beside the real ones of a source
// or alone. It is nil if the pattern has other sources, or a drill sends no events for
// the control. The function refuses those that are not about the user of a drill.
func (p pattern) drilled(source string, alone bool) pattern {
	sources := p.list("source")
	if source == "" || !slices.Contains(sources, any(source)) {
		return nil
	}
	if alone {
		sources = nil
	}
	return p.with("source", append(slices.Clone(sources), event.Drilled))
}

// text encodes the pattern as JSON, its fields sorted.
func (p pattern) text() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("encode pattern: %v", err)) // it was JSON
	}
	return string(text)
}

// named adds the account's own names for AWS's managed Config rules to a pattern with AWS's names.
func (p pattern) named(names map[string][]string) pattern {
	listed := p.rules()
	more := slices.Clone(listed)
	for _, rule := range slices.Sorted(maps.Keys(names)) {
		for _, name := range names[rule] {
			if slices.Contains(listed, any(rule)) && !slices.Contains(more, any(name)) {
				more = append(more, name)
			}
		}
	}
	if len(more) == len(listed) {
		return p
	}
	detail := pattern(p["detail"].(map[string]any)).with("configRuleName", more)
	return p.with("detail", map[string]any(detail))
}

// drilled lists the controls that a drill checks, in the order of the scenarios.
func (p *HubProps) drilled() []settings.Drilled {
	var all []settings.Drilled
	for _, scenario := range control.Scenarios {
		for _, c := range p.Controls {
			if c.Drill != scenario {
				continue
			}
			made := settings.Drilled{Control: c.ID, Scenario: scenario, Off: p.off(c)}
			for _, q := range patterns(c, p.Settings) {
				rules := slices.DeleteFunc(slices.Clone(q.rules()), isFilter)
				if q.drilled(scenario.Source(), true) != nil && len(rules) > 0 {
					made.Rule = rules[0].(string)
				}
			}
			all = append(all, made)
		}
	}
	return all
}

// forwarded lists the patterns by which region stacks forward events to the hub: those
// of every control that is on, if they match in other regions as well.
func (p *HubProps) forwarded() []pattern {
	var all []pattern
	for _, c := range p.Controls {
		if !p.off(c) {
			all = append(all, patterns(c, p.Settings)...)
		}
	}
	return forwarding(slices.DeleteFunc(all, func(q pattern) bool { return !q.regional() }))
}

// forwarding returns patterns that together match what the given ones match, each event only once: EventBridge forwards
// and bills an event for each rule that matches it. There is a pattern for each source and detail-type, because an
// event has one of each; the rest of a control's pattern is an alternative of "$or". A pattern with a filter for its
// source (root's calls of any service) is an alternative for every source that others name, and has a pattern of its
// own that matches anything but those.
func forwarding(all []pattern) []pattern {
	named := func(p pattern) bool { return plain(p.list("source")) }
	var exact []any
	var filtered []pattern
	bySource := map[string][]pattern{}
	for _, p := range unique(all) {
		if !named(p) {
			filtered = append(filtered, p)
			continue
		}
		for _, source := range p.list("source") {
			bySource[source.(string)] = append(bySource[source.(string)], p)
		}
	}
	var made []pattern
	for _, source := range slices.Sorted(maps.Keys(bySource)) {
		shared := false
		for _, group := range byDetailType(append(bySource[source], filtered...)) {
			if !slices.ContainsFunc(group, named) {
				continue // only filtered patterns: they have a pattern of their own
			}
			shared = shared || slices.ContainsFunc(group, func(p pattern) bool { return !named(p) })
			made = append(made, merge([]any{source}, group))
		}
		if shared {
			exact = append(exact, source)
		}
	}
	for _, group := range byDetailType(filtered) {
		sources := group[0].list("source")
		if len(exact) > 0 {
			sources = []any{map[string]any{"anything-but": exact}}
		}
		made = append(made, merge(sources, group))
	}
	return made
}

// unique removes duplicates.
func unique(all []pattern) []pattern {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(p pattern) bool {
		text := p.text()
		defer func() { seen[text] = true }()
		return seen[text]
	})
}

// plain reports whether all values are strings.
func plain(values []any) bool { return len(values) > 0 && !slices.ContainsFunc(values, isFilter) }

func isFilter(value any) bool { _, text := value.(string); return !text }

// byDetailType groups the patterns that an event may match together: those that share a
// detail-type, directly or through others of the group.
func byDetailType(all []pattern) [][]pattern {
	var groups [][]pattern
	for _, p := range all {
		group := []pattern{p}
		var others [][]pattern
		for _, g := range groups {
			if slices.ContainsFunc(g, p.meets) {
				group = append(slices.Clone(g), group...)
			} else {
				others = append(others, g)
			}
		}
		groups = append(others, group)
	}
	return groups
}

// meets reports whether both patterns can match the same detail-type.
func (p pattern) meets(q pattern) bool {
	types, others := p.list("detail-type"), q.list("detail-type")
	return !plain(types) || !plain(others) ||
		slices.ContainsFunc(types, func(t any) bool { return slices.Contains(others, t) })
}

// merge returns one pattern for the group, limited to the sources.
func merge(sources []any, group []pattern) pattern {
	var alternatives []pattern
	for _, p := range group {
		rest := maps.Clone(p)
		delete(rest, "source")
		alternatives = append(alternatives, rest)
	}
	if alternatives = calls(sources, unique(alternatives)); len(alternatives) == 1 {
		return alternatives[0].with("source", sources)
	}
	return pattern{"source": sources, "$or": alternatives}
}

// calls makes one pattern of those of API calls that differ in nothing but the names of the calls. Of several services
// in one pattern a source has but its own.
func calls(sources []any, all []pattern) (fewer []pattern) {
	at := map[string]int{} // by what is the same
	for _, p := range all {
		detail, _ := p["detail"].(map[string]any)
		names := pattern(detail).list("eventName")
		if len(names) == 0 {
			fewer = append(fewer, p)
			continue
		}
		own, same := pattern(detail).with("eventName", names), maps.Clone(detail)
		if source, ok := sources[0].(string); ok && len(sources) == 1 {
			service := any(strings.TrimPrefix(source, "aws.") + ".amazonaws.com")
			if slices.Contains(own.list("eventSource"), service) {
				own["eventSource"], same["eventSource"] = []any{service}, []any{service}
			}
		}
		delete(same, "eventName")
		key := p.with("detail", same).text()
		i, ok := at[key]
		if !ok {
			at[key] = len(fewer)
			fewer = append(fewer, p.with("detail", map[string]any(own)))
			continue
		}
		known, _ := fewer[i]["detail"].(map[string]any)
		for _, name := range names {
			if !isFilter(name) && slices.Contains(known["eventName"].([]any), name) {
				continue
			}
			known["eventName"] = append(slices.Clip(known["eventName"].([]any)), name)
		}
	}
	return fewer
}
