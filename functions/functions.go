// Package functions holds Warder's functions, one folder each, and knows the
// description of every one of them. It is the only list of controls: a folder
// with a control.json is a control.
package functions

import (
	"embed"

	"github.com/warder-aws/warder/pkg/control"
)

//go:embed */control.json
var files embed.FS

// Controls is every control, sorted by id. An error means that a control.json
// is wrong; it names file and field.
func Controls() ([]control.Control, error) { return control.Load(files) }
