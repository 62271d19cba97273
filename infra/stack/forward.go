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

// forwarding returns patterns that together match what the given ones match, each event
// only once: EventBridge forwards and bills an event for each rule that matches it.
// There is a pattern for each source and detail-type, because an event has one of each;
// the rest of a control's pattern is an alternative of "$or". A pattern with a filter for
// its source (root's calls of any service) is an alternative for every source that others
// name, and has a pattern of its own that matches anything but those.
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
				continue // only filtered patterns: they have a pattern of their own
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

// unique removes duplicates.
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

// plain reports whether all values are strings.
func plain(values []any) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v any) bool { _, text := v.(string); return !text })
}

// byDetailType groups the patterns that an event may match together: those that share a
// detail-type, directly or through others of the group.
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

// meets reports whether both patterns can match the same detail-type.
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

// merge returns one pattern for the group, limited to the sources.
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
