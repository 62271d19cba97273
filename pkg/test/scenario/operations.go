package scenario

import (
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/operation"
)

// TableFaults says where a planner and the table of operations do not agree: words or rules that only one of them has.
func TableFaults(p operation.Planner) (faults []string) {
	used := map[string]bool{}
	for _, o := range operation.All() {
		if o.Control != p.Control {
			continue
		}
		used[o.What], used[o.Severity] = true, true
		if _, ok := p.Kinds[o.What]; !ok {
			faults = append(faults, o.Name+" of "+o.Service+": no words for "+o.What)
		}
		if _, ok := p.Rules[o.Severity]; !ok && control.Severity(o.Severity).Rank() == 0 {
			faults = append(faults, o.Name+" of "+o.Service+": "+o.Severity+" is neither a severity nor a rule")
		}
	}
	for what := range p.Kinds {
		if !used[what] {
			faults = append(faults, "the table has nothing about "+what)
		}
	}
	for rule := range p.Rules {
		if !used[rule] {
			faults = append(faults, "the table has nothing for the rule "+rule)
		}
	}
	return faults
}
