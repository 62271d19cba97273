package remediation

import (
	"slices"

	"github.com/warder-aws/warder/pkg/i18n"
)

// Facts are facts by their names and values in turn, without those that have no value.
func Facts(pairs ...i18n.Message) []Fact {
	var facts []Fact
	for pair := range slices.Chunk(pairs, 2) {
		if !pair[1].Empty() {
			facts = append(facts, Fact{Name: pair[0], Value: pair[1]})
		}
	}
	return facts
}
