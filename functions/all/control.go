// Package all knows the planner of every control, for what runs all of them in one process. Its
// list is made from the folders of functions/.
package all

import (
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
)

// Control is what a function is made of.
type Control struct {
	// Description is its control.json.
	Description []byte
	// New makes its planner.
	New func(handler.Setup) (remediation.Planner, error)
}
