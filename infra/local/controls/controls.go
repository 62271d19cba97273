// Package controls knows the planner of every control, for what runs all of them in one process. Its
// list is made from the folders of functions/.
package controls

import (
	"github.com/warder-aws/warder/pkg/function"
	"github.com/warder-aws/warder/pkg/remedy"
)

// Control is what a function is made of.
type Control struct {
	// Description is its control.json.
	Description []byte
	// New makes its planner.
	New func(function.Setup) (remedy.Planner, error)
}
