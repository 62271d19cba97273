package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/lazyregexp"
)

// coverage is the rules that controls refer to, by framework; those of CIS in one version of it.
func coverage(controls []control.Control, cis string) []Framework {
	var all []Framework
	for _, f := range control.Frameworks {
		framework := Framework{ID: f.ID, Name: f.Name, Version: f.Version}
		if f.ID == "cis" {
			framework.Version = cmp.Or(cis, control.DefaultCIS)
		}
		for _, c := range controls {
			for _, r := range c.References {
				if r.Rule.Framework.ID == f.ID && r.Rule.In(cis) != "" {
					framework.add(r, cis, c.ID)
				}
			}
		}
		if framework.Rules != nil {
			slices.SortFunc(framework.Rules, func(a, b Rule) int { return natural(a.ID, b.ID) })
			all = append(all, framework)
		}
	}
	return all
}

func (f *Framework) title() string { return strings.TrimSpace(f.Name + " " + f.Version) }

func (f *Framework) add(r control.Reference, cis, id string) {
	i := slices.IndexFunc(f.Rules, func(known Rule) bool { return known.Rule.ID == r.Rule.ID })
	if i < 0 {
		i, f.Rules = len(f.Rules), append(f.Rules, Rule{Rule: r.Rule, ID: r.Rule.In(cis), URL: r.URL})
	}
	f.Rules[i].Controls = append(f.Rules[i].Controls, Served{Control: id, How: r.How, Mapping: r.Mapping})
}

// counts are how many of the rules a control serves, and how many more it only helps or needs.
func (f Framework) counts() (served, helped, needed int) {
	for _, rule := range f.Rules {
		is := func(how control.How) bool {
			return slices.ContainsFunc(rule.Controls, func(s Served) bool { return s.How == how })
		}
		switch {
		case is(control.Serves):
			served++
		case is(control.Helps):
			helped++
		default:
			needed++
		}
	}
	return served, helped, needed
}

var digits = lazyregexp.New(`[0-9]+`)

// natural orders texts with the numbers in them as numbers: 1.4 before 1.14, 제5조 before 제13조.
func natural(a, b string) int {
	wide := func(text string) string {
		return digits().ReplaceAllStringFunc(text,
			func(number string) string { return strings.Repeat("0", max(0, 8-len(number))) + number })
	}
	return cmp.Compare(wide(a), wide(b))
}
