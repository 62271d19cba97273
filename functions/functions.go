// Package functions holds Warder's functions, one folder each, and knows the description of every one of them. It is
// the only list of controls: a folder with a control.json is a control.
package functions

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/warder-aws/warder/pkg/control"
)

//go:embed */control.json */ko.json
var files embed.FS

// Controls is every control, sorted by id. An error means that a control.json is wrong; it names file and field.
func Controls() ([]control.Control, error) { return control.Load(files) }

// Catalogues are those of every function's words in a language, for pkg/i18n: what
// is about all controls, such as their titles, needs them all.
func Catalogues(language string) ([][]byte, error) {
	names, err := fs.Glob(files, "*/"+language+".json")
	if err != nil {
		return nil, fmt.Errorf("list catalogues: %w", err)
	}
	var all [][]byte
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read catalogue: %w", err)
		}
		all = append(all, data)
	}
	return all, nil
}
