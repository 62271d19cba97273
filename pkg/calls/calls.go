// Package calls is the table of the calls that controls make to AWS: how many on each path that an event
// can take, which, and why. The stories of a control write it down and check it (package scenario); this
// package reads it, and has the reasons.
package calls

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// File is where the calls of a control stand in its folder.
const File = "testdata/calls.json"

// Paths are the calls of a control by the path that an event takes through it: see docs/calls.md for
// what they are called.
type Paths map[string]Path

// Path is a way through a control: what came of the event.
type Path struct {
	// Calls is how many calls are made in the story that makes the fewest on this path.
	Calls int `json:"calls"`
	// Story is that story, with the event of it.
	Story string `json:"story"`
	// Runs is how many runs of all stories take this path, Most the largest number of calls in one of
	// them: there is more in them to look at, to change or to tell.
	Runs int `json:"runs"`
	Most int `json:"most"`
	// Made are the calls of that story, in their order: each what it is for (see [Reasons]), and
	// the operation.
	Made []string `json:"made"`
}

// Read returns the calls of the control in the folder.
func Read(folder string) (Paths, error) {
	data, err := os.ReadFile(filepath.Join(folder, File))
	if err != nil {
		return nil, fmt.Errorf("read calls of a control: %w", err)
	}
	var p Paths
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", File, folder, err)
	}
	return p, nil
}

// Add adds a run that took the path in the story.
func (p Paths) Add(path, story string, made []string) {
	of, known := p[path]
	if !known || len(made) < of.Calls {
		of.Calls, of.Story, of.Made = len(made), story, made
	}
	of.Runs++
	of.Most = max(of.Most, len(made))
	p[path] = of
}
