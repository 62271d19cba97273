package stack

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// lintOnce writes each stack for the linters, without the resources that are word for word in a stack
// before it, and returns the files by region. What the rest refers to stays. A linter needs as long for a
// resource that it has seen as for a new one, and the stacks have most of theirs in common. Where
// everyRegion is set, a resource is linted once in each region, else once.
func lintOnce(t *testing.T, everyRegion bool) map[string][]string {
	t.Helper()
	var all []template
	for _, from := range stacks(t) {
		all = append(all, load(t, from))
	}
	t.Parallel()                                   // the linters run beside each other, the CDK must not
	slices.SortFunc(all, func(a, b template) int { // the largest first: the others have little of their own
		return cmp.Or(len(b.Resources)-len(a.Resources), cmp.Compare(a.file, b.file))
	})
	files, seen, folder := map[string][]string{}, map[string]bool{}, t.TempDir()
	for i, tmpl := range all {
		region, where := tmpl.region(t), ""
		if everyRegion {
			where = region
		}
		var whole map[string]any
		if err := json.Unmarshal(tmpl.text, &whole); err != nil {
			t.Fatal(err)
		}
		resources, kept := whole["Resources"].(map[string]any), map[string]any{}
		var keep func(id string)
		keep = func(id string) {
			if resource, here := resources[id]; here && kept[id] == nil {
				kept[id] = resource
				refersTo(resource, keep)
			}
		}
		for id, resource := range resources {
			content, err := json.Marshal([]any{id, resource, where})
			if err != nil {
				t.Fatal(err)
			}
			if !seen[string(content)] {
				seen[string(content)] = true
				keep(id)
			}
		}
		whole["Resources"] = kept
		outputs, _ := whole["Outputs"].(map[string]any)
		maps.DeleteFunc(outputs, func(_ string, output any) bool {
			gone := false
			refersTo(output, func(id string) { gone = gone || resources[id] != nil && kept[id] == nil })
			return gone
		})
		if len(kept) == 0 {
			continue
		}
		data, err := json.MarshalIndent(whole, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, strconv.Itoa(i)+"-"+filepath.Base(tmpl.file))
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		files[region] = append(files[region], file)
	}
	return files
}

var substituted = regexp.MustCompile(`\$\{(\w+)`)

// refersTo calls to with the logical ids that a part of a template refers to, and perhaps with others.
func refersTo(part any, to func(id string)) {
	switch part := part.(type) {
	case string: // Ref, DependsOn, Fn::GetAtt and Fn::Sub are all made of texts
		to(part)
		for _, name := range substituted.FindAllStringSubmatch(part, -1) {
			to(name[1])
		}
	case []any:
		for _, each := range part {
			refersTo(each, to)
		}
	case map[string]any:
		for _, each := range part {
			refersTo(each, to)
		}
	}
}
