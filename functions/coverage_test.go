package functions

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/operation"
)

// maxNames is how many characters of names a rule gets: EventBridge takes patterns of 2,048.
const maxNames = 1500

// reporters are the controls whose rules are made from the table of operations.
func reporters() (ids []string) {
	for _, o := range operation.All() {
		if o.Control != operation.None && o.Control != operation.Later && !slices.Contains(ids, o.Control) {
			ids = append(ids, o.Control)
		}
	}
	slices.Sort(ids)
	return ids
}

// rules are the rules of a control as JSON: one for each service with all its operations, or several where they are too
// many. Services with few share a rule: the planner knows which operation is whose.
func rules(id string) string {
	names, services, small := map[string][]string{}, []string{}, []string{}
	for _, o := range operation.All() {
		if o.Control == id {
			if names[o.Service] == nil {
				services = append(services, o.Service)
			}
			name := fmt.Sprintf("%q", o.Name)
			if o.Service == "lambda.amazonaws.com" { // its names may have a version appended
				name = fmt.Sprintf(`{ "prefix": %s }`, name)
			}
			names[o.Service] = append(names[o.Service], name)
		}
	}
	for _, service := range services {
		if len(names[service]) <= fewNames {
			small = append(small, service)
		}
	}
	var all []string
	rule := func(names []string, services ...string) {
		var sources []string
		for _, service := range services {
			source, _, _ := strings.Cut(service, ".")
			sources = append(sources, "aws."+source)
		}
		all = append(all, fmt.Sprintf(`    {
      "source": ["%s"],
      "detail-type": ["AWS API Call via CloudTrail"],
      "detail": {
        "eventSource": ["%s"],
        "eventName": [
          %s
        ],
        "errorCode": [{ "exists": false }]
      }
    }`, strings.Join(sources, `", "`), strings.Join(services, `", "`), strings.Join(names, ",\n          ")))
	}
	for _, service := range services {
		if slices.Contains(small, service) {
			continue
		}
		for chunk := range chunks(names[service]) {
			rule(chunk, service)
		}
	}
	for len(small) > 0 {
		n, shared := 0, []string{}
		for n < len(small) && len(strings.Join(shared, ",")) < maxShared {
			shared = append(shared, names[small[n]]...)
			slices.Sort(shared)
			shared, n = slices.Compact(shared), n+1
		}
		rule(shared, small[:n]...)
		small = small[n:]
	}
	return "  \"rules\": [\n" + strings.Join(all, ",\n") + "\n  ],\n"
}

// fewNames is how many operations a service has that shares a rule with others, and maxShared how many characters of
// names such a rule gets: in other regions each of its services has a pattern with all of them. The fewer rules, the
// better: each is four resources where there are regions, and CloudFormation takes 500 in a stack.
const fewNames, maxShared = 6, 500

// chunks are the names, quoted, in as many parts as fit a rule each.
func chunks(names []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		begin, size := 0, 0
		for i, name := range names {
			if size += len(name) + len(","); size > maxNames {
				if !yield(names[begin:i]) {
					return
				}
				begin, size = i, len(name)+len(",")
			}
		}
		yield(names[begin:])
	}
}

func TestOperations_RulesAreMadeFromTheTable(t *testing.T) {
	for _, id := range reporters() {
		file := id + "/control.json"
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, opened := strings.Cut(string(data), "  \"rules\": [\n")
		_, after, closed := strings.Cut(rest, "\n  ],\n")
		if !opened || !closed {
			t.Fatalf("%s has no rules", file)
		}
		want := before + rules(id) + after
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(want, string(data)); diff != "" {
			t.Errorf("%s: the rules are stale, make golden writes them (-want +got):\n%s", file, diff)
		}
	}
}

const coverage = "../docs/coverage.md"

// TestCoverage_Document keeps docs/coverage.md as the table of operations is.
func TestCoverage_Document(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# What is reported

Every operation of AWS that changes who may do what, what records and detects, or what is shared outside the account: of
the first thirteen services all that change anything, of the others those whose name says that they are of this kind.
[operations.tsv](../pkg/operation/operations.tsv) is the table, and a test compares it with the models of AWS's APIs.
` + "`make golden`" + ` writes this page. What somebody does to Warder itself is reported by
[alert-warder-change](../functions/alert-warder-change/README.md), whatever the operation.

A word in place of a severity is the rule by which the control finds it in the call; its runbook has the rule. "Later"
is an operation that is not reported yet, with the severity that it will have.

`)
	counts := map[string]int{}
	for _, o := range operation.All() {
		counts[o.Control]++
	}
	b.WriteString("| reported by | operations |\n|---|---|\n")
	for _, id := range reporters() {
		fmt.Fprintf(&b, "| [%s](../functions/%[1]s/README.md) | %d |\n", id, counts[id])
	}
	fmt.Fprintf(&b, "| nobody yet | %d |\n| nobody, for the reason given | %d |\n", counts[operation.Later],
		counts[operation.None])
	b.WriteString(sourcesTable(t))
	b.WriteString(techniquesTable(t))
	service := ""
	for _, o := range operation.All() {
		if o.Service != service {
			service = o.Service
			fmt.Fprintf(
				&b,
				"\n## %s\n\n| operation | reported by | severity | about, or why not |\n|---|---|---|---|\n",
				service,
			)
		}
		by := o.Control
		if by == operation.None {
			by = "nobody"
		}
		severity := o.Severity
		if severity != operation.None && control.Severity(severity).Rank() == 0 {
			severity = "by its content: " + severity
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", o.Name, by, severity, strings.ReplaceAll(o.What, "|", "\\|"))
	}
	if *update {
		if err := os.WriteFile(coverage, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(coverage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("%s is stale, make golden writes it (-want +got):\n%s", coverage, diff)
	}
}
