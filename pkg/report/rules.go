package report

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/lazyregexp"
)

type framework struct {
	id, name string
	cited    bool
	pattern  func() *regexp.Regexp
}

// frameworks are the sets of rules that references of controls name, in the order of the report. The pattern matches a
// reference's title; its first group is the version where there are several, the last one the rules.
var frameworks = []framework{
	{"cis", "CIS AWS Foundations Benchmark", false,
		lazyregexp.New(`^CIS AWS Foundations Benchmark ([0-9]+\.[0-9]+(?:\.[0-9]+)?) (.+)$`)},
	{"security-hub", "AWS Security Hub", false, lazyregexp.New(`^AWS Security Hub()\s(.+)$`)},
	{"isms-p", "ISMS-P", true, lazyregexp.New(`^ISMS-P()\s(.+)$`)},
	{"electronic-finance", "전자금융감독규정", true, lazyregexp.New(`^전자금융감독규정()\s(.+)$`)},
	{"safety-measures", "개인정보의 안전성 확보조치 기준", true, lazyregexp.New(`^개인정보의 안전성 확보조치 기준()\s(.+)$`)},
	{"protection-measures", "개인정보의 기술적·관리적 보호조치 기준", true, lazyregexp.New(`^개인정보의 기술적·관리적 보호조치 기준()\s(.+)$`)},
}

// asCited is what stands behind the name of a rule that is named as an article cited it.
const asCited = "(as cited; check the current text)"

func coverage(controls []control.Control) []Framework {
	var all []Framework
	for _, f := range frameworks {
		versions := map[string]*Framework{}
		for _, c := range controls {
			for _, reference := range c.References {
				parts := f.pattern().FindStringSubmatch(reference.Title)
				if parts == nil {
					continue
				}
				version := parts[1]
				if versions[version] == nil {
					id := strings.Trim(f.id+"-"+strings.ReplaceAll(version, ".", "-"), "-")
					versions[version] = &Framework{ID: id, Name: f.name, Version: version, Cited: f.cited}
				}
				for _, rule := range rules(parts[2]) {
					versions[version].add(rule, reference.URL, c.ID)
				}
			}
		}
		for _, version := range slices.SortedFunc(maps.Keys(versions), natural) {
			v := versions[version]
			slices.SortFunc(v.Rules, func(a, b Rule) int { return natural(a.ID, b.ID) })
			all = append(all, *v)
		}
	}
	return all
}

// rules are the rules that a reference's title lists, with commas between. What stands behind a colon says what the
// rule wants.
func rules(list string) []string {
	list = strings.TrimSpace(strings.TrimSuffix(list, asCited))
	list, _, _ = strings.Cut(list, ":")
	var all []string
	for rule := range strings.SplitSeq(list, ", ") {
		all = append(all, strings.TrimSpace(rule))
	}
	return all
}

func (f *Framework) title() string { return strings.TrimSpace(f.Name + " " + f.Version) }

func (f *Framework) add(id, url, control string) {
	i := slices.IndexFunc(f.Rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		i, f.Rules = len(f.Rules), append(f.Rules, Rule{ID: id, URL: url})
	}
	if r := &f.Rules[i]; !slices.Contains(r.Controls, control) {
		r.Controls = append(r.Controls, control)
	}
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
