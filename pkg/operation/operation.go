// Package operation is the table of the operations of AWS that change who may do what, what records and detects, or
// what is shared outside the account: which control reports each and how bad it is, or why none does. The patterns of
// those controls and docs/coverage.md are made from it, and a test accounts for every such operation of the services in
// it.
package operation

import (
	_ "embed"
	"strings"
)

// table has a line for each operation, sorted by service and operation.
//
//go:embed operations.tsv
var table string

// Operation is one line of the table.
type Operation struct {
	Service string // the event source in CloudTrail, such as iam.amazonaws.com
	Name    string // the event name in CloudTrail, without the version that Lambda's have
	// Control is the id of the control that reports it: [None] for one that is not reported, and [Later] for one that is
	// not reported yet.
	Control string
	// Severity is a severity, or the name of the rule by which the control finds it in the call. [None] if not reported.
	Severity string
	// What is what the operation is about, by which the control describes it; of what is not reported, the reason.
	What string
}

// What an operation may have in place of a control.
const (
	None  = "-"
	Later = "later"
)

// Find returns the line of an operation, without reading the others.
func Find(service, name string) (Operation, bool) {
	if strings.ContainsAny(service+name, "\t\n") {
		return Operation{}, false
	}
	_, rest, found := strings.Cut(table, "\n"+service+"\t"+name+"\t")
	if !found {
		return Operation{}, false
	}
	line, _, _ := strings.Cut(rest, "\n")
	return parse(service + "\t" + name + "\t" + line), true
}

// All returns the whole table.
func All() []Operation {
	var all []Operation
	for line := range strings.Lines(table) {
		all = append(all, parse(strings.TrimSuffix(line, "\n")))
	}
	return all[1:] // the first line has the names of the columns
}

func parse(line string) Operation {
	columns := strings.Split(line, "\t")
	return Operation{columns[0], columns[1], columns[2], columns[3], columns[4]}
}
