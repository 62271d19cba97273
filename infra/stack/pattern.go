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

// text is the pattern as JSON, its fields sorted.
func (p pattern) text() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("encode pattern: %v", err)) // it was JSON
	}
	return string(text)
}

// named is the pattern with the names that the account has for AWS's managed rules
// beside AWS's own.
func (p pattern) named(names map[string][]string) pattern {
	detail, ok := p["detail"].(map[string]any)
	if !ok {
		return p
	}
	listed, ok := detail["configRuleName"].([]any)
	if !ok {
		return p
	}
	more := slices.Clone(listed)
	for _, rule := range slices.Sorted(maps.Keys(names)) {
		if !slices.Contains(listed, any(rule)) {
			continue
		}
		for _, name := range names[rule] {
			if !slices.Contains(more, any(name)) {
				more = append(more, name)
			}
		}
	}
	with, filled := maps.Clone(p), maps.Clone(detail)
	filled["configRuleName"], with["detail"] = more, filled
	return with
}
