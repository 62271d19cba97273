package control

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/warder-aws/warder/pkg/strictjson"
)

// Reference is why a control exists: a rule that somebody has to follow, or a page to read.
type Reference struct {
	Rule    Rule    // zero for a page
	How     How     // the control is to the rule
	Mapping Mapping // says who reads the rule so
	Title   string  // of a page
	URL     string  // https; empty for a law without a stable address
}

// How is what a control is to a rule.
type How string

// What a control is to a rule.
const (
	Serves How = "serves" // does what the rule asks, for what the control covers
	Helps  How = "helps"  // does a part of it, or tells of it
	Needs  How = "needs"  // works only where the rule is followed
)

// Mapping is who says that a rule asks for what the control does.
type Mapping string

// Who says so.
const (
	BySource    Mapping = "source"    // the articles that Warder began with
	ByPublisher Mapping = "publisher" // whoever publishes the rule, or a mapping of checks to it
	ByWarder    Mapping = "own"       // Warder itself
)

// Rule is one rule of a framework, as it stood on the day it was checked.
type Rule struct {
	ID        string            // "isms-p/2.10.2", as control.json names it
	Framework Framework         // that it belongs to
	Item      string            // "2.10.2"; of CIS, see Items
	Items     map[string]string // of CIS: version → number there
	Title     string            // in the language of the rule
	Unless    string            // the rule that makes it not apply; empty: none is known
	Sure      string            // confirmed, or likely: one secondary source
	Checked   string            // YYYY-MM-DD
}

// Framework is a set of rules.
type Framework struct{ ID, Name, Version string }

// Frameworks are the sets of rules that controls refer to, in the order of the report.
var Frameworks = []Framework{
	{"cis", "CIS AWS Foundations Benchmark", ""},
	{"security-hub", "AWS Security Hub", ""},
	{"isms-p", "ISMS-P", "고시 제2024-8호"},
	{"safety-measures", "개인정보의 안전성 확보조치 기준", "개인정보보호위원회고시 제2025-9호, 시행 2025-10-31"},
	{"electronic-finance", "전자금융감독규정", "금융위원회고시 제2026-29호, 시행 2026-07-15"},
}

// CISVersions are the versions of the CIS benchmark whose numbers are known.
var CISVersions = []string{"3.0", "4.0", "5.0", "6.0", "7.0"}

// DefaultCIS is the version that is named unless the settings choose another: the newest that Security Hub has.
// https://docs.aws.amazon.com/securityhub/latest/userguide/cis-aws-foundations-benchmark.html
const DefaultCIS = "5.0"

// In is the number of the rule in a version of the CIS benchmark, empty for [DefaultCIS], or else its item. It is empty
// where that version has no such rule.
func (r Rule) In(cis string) string {
	if r.Items != nil {
		return r.Items[cmp.Or(cis, DefaultCIS)]
	}
	return r.Item
}

// Cited are references as a notice names them: of each framework one line with the numbers of what the control serves
// or helps with, those of CIS in one version, and then pages. Titles are in the runbook.
func Cited(references []Reference, cis string) []Reference {
	var all []Reference
	at := map[string]int{} // framework → index in all
	for _, r := range references {
		if r.Rule.ID == "" {
			all = append(all, Reference{Title: r.Title, URL: r.URL})
			continue
		}
		item, framework := r.Rule.In(cis), r.Rule.Framework
		if item == "" || r.How == Needs {
			continue
		}
		if i, ok := at[framework.ID]; ok {
			all[i].Title += ", " + item
			continue
		}
		name := framework.Name
		if framework.ID == "cis" {
			name += " " + cmp.Or(cis, DefaultCIS)
		}
		at[framework.ID] = len(all)
		all = append(all, Reference{Title: name + " " + item, URL: r.URL})
	}
	return all
}

//go:embed rules.tsv
var ruleTable string

// Rules are all rules that a control can refer to, by id. rules.tsv has a line for each.
var Rules = sync.OnceValue(func() map[string]Rule {
	all := map[string]Rule{}
	for line := range strings.Lines(ruleTable) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cells) != 6 || strings.HasPrefix(line, "#") {
			continue
		}
		id, _, _ := strings.Cut(cells[0], "/")
		i := slices.IndexFunc(Frameworks, func(f Framework) bool { return f.ID == id })
		if i < 0 {
			continue
		}
		r := Rule{ID: cells[0], Framework: Frameworks[i], Item: cells[1], Title: cells[2], Sure: cells[4], Checked: cells[5]}
		r.Unless = strings.TrimPrefix(cells[3], "-")
		if id == "cis" {
			r.Item, r.Items = "", map[string]string{}
			for number := range strings.FieldsSeq(cells[1]) {
				version, item, _ := strings.Cut(number, "=")
				r.Items[version] = item
			}
		}
		all[r.ID] = r
	}
	return all
})

// UnmarshalJSON reads a reference of a control.json, which names a rule by its id. A rule that is not known has nothing
// but that id: [Parse] refuses it.
func (r *Reference) UnmarshalJSON(data []byte) error {
	var read struct {
		Rule, How, Mapping, Title, URL string
	}
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("read reference: %w", err)
	}
	*r = Reference{How: How(read.How), Mapping: Mapping(read.Mapping), Title: read.Title, URL: read.URL}
	if read.Rule != "" {
		r.Rule = Rules()[read.Rule]
		r.URL = r.Rule.url()
	}
	return nil
}

// url is where a rule is published; empty where there is no address that stays.
// https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-controls-reference.html
func (r Rule) url() string {
	switch r.Framework.ID {
	case "cis":
		return "https://www.cisecurity.org/benchmark/amazon_web_services"
	case "security-hub":
		service, number, _ := strings.Cut(strings.ToLower(r.Item), ".")
		return "https://docs.aws.amazon.com/securityhub/latest/userguide/" + service + "-controls.html#" + service + "-" +
			number
	}
	return ""
}

func parseReferences(n *strictjson.Node) []Reference {
	empty(n)
	var references []Reference
	for _, item := range n.Items() {
		item.Fields("rule", "how", "mapping", "title", "url")
		if item.Field("rule") == nil {
			references = append(references, parsePage(item))
			continue
		}
		refuse(item.Field("title"), "a rule has its title in rules.tsv")
		refuse(item.Field("url"), "a rule has its address by its framework")
		rule, known := Rules()[item.Field("rule").Text()]
		item.Field("rule").Refuse(strictjson.String, !known, "%q is no rule of pkg/control/rules.tsv: add it there",
			item.Field("rule").Text())
		twice := slices.ContainsFunc(references, func(r Reference) bool { return known && r.Rule.ID == rule.ID })
		item.Field("rule").Refuse(strictjson.String, twice, "%q is there twice", rule.ID)
		references = append(references, Reference{
			Rule: rule, URL: rule.url(),
			How:     parseOneOf(item.Required("how"), []How{Serves, Helps, Needs}),
			Mapping: parseOneOf(item.Required("mapping"), []Mapping{BySource, ByPublisher, ByWarder}),
		})
	}
	return references
}

// parsePage reads a reference to a page.
func parsePage(item *strictjson.Node) Reference {
	refuse(item.Field("how"), "only a rule is served")
	refuse(item.Field("mapping"), "only a rule is mapped")
	r := Reference{Title: item.Required("title").Text(), URL: item.Field("url").Text()}
	item.Field("title").Refuse(strictjson.String, strings.TrimSpace(r.Title) == "", "empty")
	for _, f := range Frameworks {
		item.Field("title").Refuse(strictjson.String, strings.HasPrefix(r.Title, f.Name), "name the rule instead: %s/…", f.ID)
	}
	u, err := url.Parse(r.URL)
	wrong := err != nil || u.Scheme != "https" || u.Host == ""
	item.Field("url").Refuse(strictjson.String, wrong, "%q is not an https address", r.URL)
	return r
}
