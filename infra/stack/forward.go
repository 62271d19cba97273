package stack

import (
	"maps"
	"slices"
)

// forwarded lists the patterns by which region stacks forward events to the hub: those
// of every control that is on, if they match in other regions as well.
func (p *HubProps) forwarded() []pattern {
	var all []pattern
	for _, c := range p.Controls {
		if p.off(c) {
			continue
		}
		for _, q := range patterns(c, p.Settings) {
			if q.regional() {
				all = append(all, q)
			}
		}
	}
	return forwarding(all)
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
