package report

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/lazyregexp"
)

// framework is one of the sets of rules.
type framework struct {
	id, name string
	cited    bool
	pattern  func() *regexp.Regexp
}

// frameworks are the sets of rules that references of controls name, in the order of the report. The
// pattern matches a reference's title; its first group is the version where there are several, the
// last one the rules.
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

// coverage is which rules the controls and tools refer to.
func coverage(controls []control.Control) []Framework {
	found := map[string]*Framework{}
	for _, c := range controls {
		for _, reference := range c.References {
			for i, f := range frameworks {
				parts := f.pattern().FindStringSubmatch(reference.Title)
				if parts == nil {
					continue
				}
				key := strconv.Itoa(i) + parts[1]
				if found[key] == nil {
					found[key] = &Framework{ID: strings.Trim(f.id+"-"+strings.ReplaceAll(parts[1], ".", "-"), "-"), Name: f.name,
						Version: parts[1], Cited: f.cited}
				}
				for _, rule := range rules(parts[2]) {
					found[key].add(rule, reference.URL, c.ID)
				}
			}
		}
	}
	var all []Framework
	for i := range frameworks {
		var versions []Framework
		for key, f := range found {
			if number := strconv.Itoa(i); strings.HasPrefix(key, number) && key[len(number):] == f.Version {
				slices.SortFunc(f.Rules, func(a, b Rule) int { return natural(a.ID, b.ID) })
				versions = append(versions, *f)
			}
		}
		slices.SortFunc(versions, func(a, b Framework) int { return natural(a.Version, b.Version) })
		all = append(all, versions...)
	}
	return all
}

// rules are the rules that a reference's title lists, with commas between. What stands behind a colon
// says what the rule wants.
func rules(list string) []string {
	list = strings.TrimSpace(strings.TrimSuffix(list, asCited))
	list, _, _ = strings.Cut(list, ":")
	var all []string
	for _, rule := range strings.Split(list, ", ") {
		all = append(all, strings.TrimSpace(rule))
	}
	return all
}

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
