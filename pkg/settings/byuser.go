package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/strictjson"
)

// A row is a value of a parameter for some users. Of several rows the first that fits holds.
type row struct {
	Tag   map[string]string `json:"tag,omitempty"`  // that the user has, all of them
	Path  string            `json:"path,omitempty"` // that the user is below, with both slashes
	Value json.RawMessage   `json:"value"`
}

// condition names what a row asks for; it is empty for the last row.
func (r row) condition() string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(r.Tag)) {
		words = append(words, "tag "+key+"="+r.Tag[key])
	}
	if r.Path != "" {
		words = append(words, "path "+r.Path)
	}
	return strings.Join(words, ", ")
}

// rowsOf are the rows of a parameter's value, nil if it has one value for all.
func rowsOf(value json.RawMessage) []row {
	if trimmed := bytes.TrimSpace(value); !bytes.HasPrefix(trimmed, []byte("[{")) {
		return nil
	}
	var rows []row
	if json.Unmarshal(value, &rows) != nil {
		return nil
	}
	return rows
}

// maxConditions is how many different conditions the parameters of a control may have together: a control that sweeps
// does so once for each set of values.
const maxConditions = 4

// byUser reports whether a value of cdk.json is one by user.
func byUser(n *strictjson.Node) bool {
	return n.Is(strictjson.Array) && n.Len() > 0 && n.Items()[0].Is(strictjson.Object)
}

// parseRows reads the values of a parameter by user, and returns them as the function gets them.
func parseRows(n *strictjson.Node, name string, p control.Parameter, c control.Control) json.RawMessage {
	single := p.Kind == control.Texts || p.Kind == control.Map
	switch {
	case !c.Permits("iam:ListUsers"):
		n.Faultf("%s is not about IAM users: give %s one value", c.ID, name)
		return nil
	case single:
		n.Faultf("%s is a %s, which has no values by user: give it one", name, p.Kind)
		return nil
	}
	items := n.Items()
	var rows []row
	seen := map[string]int{}
	for i, item := range items {
		item.Fields("tag", "path", "value")
		r := row{Tag: item.Field("tag").Map(), Path: item.Field("path").Text()}
		if value := item.Required("value"); value != nil {
			p.Check(value)
			r.Value = value.JSON()
		}
		lower := map[string]string{}
		for key, value := range r.Tag {
			if !tagKey().MatchString(key) || !tagValue().MatchString(value) || value == "" {
				item.Field("tag").Faultf("%s=%q is no tag of a user: give a key and the whole value that it is to have", key, value)
			}
			lower[strings.ToLower(key)] = value // IAM compares keys without case
		}
		if r.Tag = lower; len(lower) == 0 {
			r.Tag = nil
			item.Field("tag").Refuse(strictjson.Object, true, "empty: name a tag, or leave tag out")
		}
		path := item.Field("path")
		path.Refuse(strictjson.String, !strings.HasPrefix(r.Path, "/") || !strings.HasSuffix(r.Path, "/") || r.Path == "/",
			"%q is no path that users are below: write it with both slashes, as in \"/machines/\"", r.Path)
		condition, last := r.condition(), i == len(items)-1
		before, twice := seen[condition]
		switch {
		case condition == "" && !last && item.Is(strictjson.Object):
			item.Faultf("row %d of %s has neither tag nor path, so no row after it counts: make it the last", i+1, name)
		case condition != "" && last:
			item.Faultf("the last row of %s is for all other users: add {\"value\": …} after it", name)
		case twice:
			item.Faultf("row %d of %s asks for the same as row %d, and never counts: leave it out", i+1, name, before+1)
		}
		seen[condition] = i
		rows = append(rows, r)
	}
	return compact(rows)
}

// conditions are the conditions of all rows, by their names.
func conditions(parameters map[string]json.RawMessage) map[string]row {
	all := map[string]row{}
	for _, value := range parameters {
		for _, r := range rowsOf(value) {
			if name := r.condition(); name != "" {
				all[name] = r
			}
		}
	}
	return all
}

// Choice is the parameters as they are for one user.
type Choice struct {
	Parameters json.RawMessage // as [Function.Parameters], with one value of each
	Because    []Because       // of those that have values by user
}

// Because says why a parameter has a value.
type Because struct {
	Parameter string
	Value     json.RawMessage
	Condition string // as in "tag type=machine"; empty: none fitted
}

// ByUser reports whether a parameter has values by user.
func (f Function) ByUser() bool { return len(conditions(f.declared())) > 0 }

func (f Function) declared() map[string]json.RawMessage {
	var declared map[string]json.RawMessage
	_ = json.Unmarshal(f.Parameters, &declared) // what cannot be read has no rows, and is the planner's to refuse
	return declared
}

// For are the parameters for a user with the tags, by their keys in lower case, and the path.
func (f Function) For(tags map[string]string, path string) Choice {
	return f.choose(func(r row) bool {
		for key, value := range r.Tag {
			if given, ok := tags[key]; !ok || given != value {
				return false
			}
		}
		return r.Path == "" || strings.HasPrefix(path, r.Path)
	})
}

// choose takes the first row of each parameter that fits.
func (f Function) choose(fits func(row) bool) (c Choice) {
	declared := f.declared()
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		rows := rowsOf(declared[name])
		for _, r := range rows {
			if r.condition() == "" || fits(r) {
				declared[name] = r.Value
				c.Because = append(c.Because, Because{name, r.Value, r.condition()})
				break
			}
		}
	}
	c.Parameters = compact(declared)
	return c
}

// Choices are all that [Function.For] can choose from, that of nobody in particular first.
func (f Function) Choices() (choices []json.RawMessage) {
	all := conditions(f.declared())
	names := slices.Sorted(maps.Keys(all))
	for set := range 1 << min(len(names), maxConditions) {
		c := f.choose(func(r row) bool {
			i := slices.Index(names, r.condition())
			return set&(1<<i) != 0
		})
		if !slices.ContainsFunc(choices, func(known json.RawMessage) bool { return bytes.Equal(known, c.Parameters) }) {
			choices = append(choices, c.Parameters)
		}
	}
	return choices
}

// Least is the value that a rule of AWS Config gets of a parameter with values by user: the smallest number, so that it
// reports whoever may be meant. Other values are as they are.
func Least(value json.RawMessage) json.RawMessage {
	least := value
	for i, r := range rowsOf(value) {
		var a, b int64
		if i == 0 || json.Unmarshal(r.Value, &a) == nil && json.Unmarshal(least, &b) == nil && a < b {
			least = r.Value
		}
	}
	return least
}

// Marks are the keys of the tags that values go by, of every control, in lower case and sorted. Who may set them on a
// user chooses its values.
func (s Settings) Marks() []string {
	keys := map[string]bool{}
	for _, set := range s.Controls {
		for _, r := range conditions(set.Parameters) {
			for key := range r.Tag {
				keys[key] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// Text is the reason as people read it: "maxAgeDays 365".
func (b Because) Text() string {
	return fmt.Sprintf("%s %s", b.Parameter, strings.Trim(string(b.Value), `"`))
}
