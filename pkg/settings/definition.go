package settings

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/strictjson"
)

//go:embed settings.json
var described []byte

// Definition describes one common setting. What a control declares in its control.json, settings.json
// declares of the settings that are not of one control; the reference is made from both.
type Definition struct {
	Path string // as in cdk.json, "notify.emails"
	control.Parameter
}

// Definitions is every common setting, in the order of the reference.
func Definitions() []Definition {
	root, err := strictjson.Parse("settings.json", described)
	if err != nil {
		panic(err) // it is part of the binary
	}
	var all []Definition
	root.Members(func(path string, n *strictjson.Node) {
		all = append(all, Definition{path, control.ParseParameter(n)})
	})
	if err := root.Err(); err != nil {
		panic(err)
	}
	return all
}

// reader reads settings as they are defined.
type reader struct {
	root *strictjson.Node
	defs []Definition
}

// fields faults what is not defined at a place: the fields of prefix, "" for the top, and others.
func (r reader) fields(prefix string, others ...string) {
	var known []string
	begin := strings.TrimSuffix("."+prefix, ".") + "."
	for _, d := range r.defs {
		rest, within := strings.CutPrefix("."+d.Path, begin)
		name, _, _ := strings.Cut(rest, ".")
		if within && !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	r.node(prefix).Fields(append(known, others...)...)
}

// node is what stands at a path, nil if nothing does.
func (r reader) node(path string) *strictjson.Node {
	n := r.root
	for name := range strings.SplitSeq(path, ".") {
		if name != "" {
			n = n.Field(name)
		}
	}
	return n
}

// read returns the value of a setting, its default if it is not set, and faults what it does not take.
func read[T any](r reader, path string) (value T) {
	i := slices.IndexFunc(r.defs, func(d Definition) bool { return d.Path == path })
	if i < 0 {
		panic(fmt.Sprintf("settings.json does not define %q", path))
	}
	n := r.node(path)
	if n == nil {
		if err := json.Unmarshal(r.defs[i].Default, &value); err != nil {
			panic(fmt.Sprintf("settings.json: default of %s: %v", path, err))
		}
		return value
	}
	r.defs[i].Check(n)
	_ = json.Unmarshal(n.JSON(), &value) // Check has faulted what does not fit
	return value
}
