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

// of limits the pattern to events of one account.
func (p pattern) of(account *string) pattern {
	own := maps.Clone(p)
	own["account"] = []any{account}
	return own
}

// regional reports whether events of other regions can match. IAM's own events arrive only in the hub's.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html
func (p pattern) regional() bool {
	return len(p.sources()) != 1 || p.sources()[0] != any("aws.iam")
}

// sources returns the filter of source, nil without one.
func (p pattern) sources() []any {
	sources, _ := p["source"].([]any)
	return sources
}

// drilled returns the pattern for a drill's own events, beside the real ones of a source
// or alone. It is nil if the pattern has other sources, or a drill sends no events for
// the control. The function refuses those that are not about the user of a drill.
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
	detail, _ := p["detail"].(map[string]any)
	listed, _ := detail["configRuleName"].([]any)
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
	with, filled := maps.Clone(p), maps.Clone(detail)
	filled["configRuleName"], with["detail"] = more, filled
	return with
}
