package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/settings"
)

// A pattern is an event pattern as control.json has it.
type pattern map[string]any

// patterns is what starts a control, with the names that the account has for AWS's
// managed Config rules.
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

// of is the pattern for events of one account alone.
func (p pattern) of(account *string) pattern {
	own := maps.Clone(p)
	own["account"] = []any{account}
	return own
}

// regional tells whether what it matches happens in other regions as well. IAM's
// own events arrive in the hub's alone.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html
func (p pattern) regional() bool {
	return len(p.sources()) != 1 || p.sources()[0] != any("aws.iam")
}

// sources is the filter of source, nil without one.
func (p pattern) sources() []any {
	sources, _ := p["source"].([]any)
	return sources
}

// drilled is the pattern with the made-up events of a drill beside the real ones
// of a source, or them alone; nil when the pattern is of other sources, or a drill
// makes up nothing for the control. The function refuses those that are not about
// the user of a drill.
func (p pattern) drilled(source string, alone bool) pattern {
	if source == "" || !slices.Contains(p.sources(), any(source)) {
		return nil
	}
	made := maps.Clone(p)
	made["source"] = []any{event.Drilled}
	if !alone {
		made["source"] = append(slices.Clone(p.sources()), event.Drilled)
	}
	return made
}

// forwarding is patterns that together match what the given ones match, each event
// by one of them: EventBridge carries an event once for each rule that matches it,
// and bills for it. They are made by source and detail-type, because an event has
// one of each; what a control's own pattern says more is said in the alternatives
// of "$or". A pattern whose sources are filtered (root's acts, of any service) is
// an alternative for every source that others name, and what is left of it matches
// anything but those.
func forwarding(all []pattern) []pattern {
	var exact []any
	var filtered []pattern
	bySource := map[string][]pattern{}
	for _, p := range unique(all) {
		if !plain(p.sources()) {
			filtered = append(filtered, p)
			continue
		}
		for _, source := range p.sources() {
			bySource[source.(string)] = append(bySource[source.(string)], p)
		}
	}
	var made []pattern
	for _, source := range slices.Sorted(maps.Keys(bySource)) {
		shared := false
		for _, group := range byDetailType(append(bySource[source], filtered...)) {
			own := slices.ContainsFunc(group, func(p pattern) bool { return plain(p.sources()) })
			if !own {
				continue // the filtered patterns alone: left to what matches anything but
			}
			shared = shared || slices.ContainsFunc(group, func(p pattern) bool { return !plain(p.sources()) })
			made = append(made, merge([]any{source}, group))
		}
		if shared {
			exact = append(exact, source)
		}
	}
	for _, group := range byDetailType(filtered) {
		sources := group[0].sources()
		if len(exact) > 0 {
			sources = []any{map[string]any{"anything-but": exact}}
		}
		made = append(made, merge(sources, group))
	}
	return made
}

// unique leaves out patterns that are there already.
func unique(all []pattern) []pattern {
	var kept []pattern
	seen := map[string]bool{}
	for _, p := range all {
		if text := p.text(); !seen[text] {
			seen[text] = true
			kept = append(kept, p)
		}
	}
	return kept
}

// text is the pattern as JSON, its fields sorted.
func (p pattern) text() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("encode pattern: %v", err)) // it was JSON
	}
	return string(text)
}

// plain tells whether values are strings only.
func plain(values []any) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v any) bool { _, text := v.(string); return !text })
}

// byDetailType puts those patterns into a group that an event may match together:
// those that name the same detail-type, or are in a group with one that does.
func byDetailType(all []pattern) [][]pattern {
	var groups [][]pattern
	for _, p := range all {
		group := []pattern{p}
		var others [][]pattern
		for _, g := range groups {
			if slices.ContainsFunc(g, func(q pattern) bool { return p.meets(q) }) {
				group = append(slices.Clone(g), group...)
			} else {
				others = append(others, g)
			}
		}
		groups = append(others, group)
	}
	return groups
}

// meets tells whether an event may be of a detail-type of both.
func (p pattern) meets(q pattern) bool {
	types, others := p.types(), q.types()
	if !plain(types) || !plain(others) {
		return true
	}
	return slices.ContainsFunc(types, func(t any) bool { return slices.Contains(others, t) })
}

func (p pattern) types() []any {
	types, _ := p["detail-type"].([]any)
	return types
}

// merge is one pattern for what the given ones match of the sources.
func merge(sources []any, group []pattern) pattern {
	var alternatives []pattern
	for _, p := range group {
		rest := maps.Clone(p)
		delete(rest, "source")
		alternatives = append(alternatives, rest)
	}
	alternatives = unique(alternatives)
	merged := pattern{"source": sources}
	if len(alternatives) == 1 {
		maps.Copy(merged, alternatives[0])
		return merged
	}
	merged["$or"] = alternatives
	return merged
}
