package control

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/strictjson"
)

// Kind is the type of a parameter. It follows from the parameter's default.
type Kind string

// The kinds of parameters.
const (
	Integer Kind = "integer"         // default 90, range [min, max]
	Text    Kind = "string"          // default "x", range may list the allowed values
	Bool    Kind = "true or false"   // default false
	Texts   Kind = "list of strings" // default ["x"]
	Map     Kind = "map of strings"  // default {"x": "y"}
)

// Parameter is something about a control that cdk.json may set.
type Parameter struct {
	Kind    Kind
	Default json.RawMessage // compact JSON
	Min     int64           // of an Integer, inclusive
	Max     int64           // of an Integer, inclusive
	Allowed []string        // of a Text; nil: any
	Pattern string          // of a Text: a regular expression for all of it, unless it is the default; empty: any
	Help    string          // one line, with the unit
}

// camel is how a parameter is written, in control.json and cdk.json alike.
var camel = lazyregexp.New(`^[a-z][A-Za-z0-9]*$`)

// days is the parameters whose meaning is the same for every control, and which the runner keeps: numbers of days.
var days = []string{"graceDays", "noticeDays"}

func parseParameters(n *strictjson.Node) map[string]Parameter {
	parameters := map[string]Parameter{}
	n.Members(func(name string, item *strictjson.Node) {
		// cdk.json writes the parameters beside "mode".
		if name == "mode" {
			item.Faultf("\"mode\" is the name of every control's mode: choose another")
		} else if !camel().MatchString(name) {
			item.Faultf("%q is not lowerCamelCase", name)
		}
		p := ParseParameter(item)
		if value := item.Field("default"); slices.Contains(days, name) && value != nil && (p.Kind != Integer || p.Min < 0) {
			item.Faultf("%q counts days for every control: want a whole number from 0 or more", name)
		}
		parameters[name] = p
	})
	return parameters
}

// ParseParameter reads the description of one parameter: default, range, help. Faults are the document's.
func ParseParameter(n *strictjson.Node) Parameter {
	n.Fields("default", "range", "pattern", "help")
	value, limits, help := n.Required("default"), n.Field("range"), n.Required("help")
	p := Parameter{Default: value.JSON(), Help: help.Text()}
	help.Refuse(strictjson.String, strings.TrimSpace(p.Help) == "", "empty: say in one line what it does, with the unit")
	switch {
	case value.Is(strictjson.Number):
		p.Kind = Integer
		bounds := n.Required("range").Items()
		limits.Refuse(strictjson.Array, len(bounds) != 2, "want [min, max]")
		if len(bounds) != 2 {
			return p
		}
		p.Min, _ = bounds[0].Int()
		p.Max, _ = bounds[1].Int()
		if p.Min > p.Max {
			limits.Faultf("the minimum %d is over the maximum %d", p.Min, p.Max)
			return p
		}
	case value.Is(strictjson.String):
		p.Kind = Text
		p.Allowed = limits.Texts()
		empty(limits)
		if pattern := n.Field("pattern"); pattern != nil {
			p.Pattern = pattern.Text()
			_, err := regexp.Compile(p.Pattern)
			pattern.Refuse(strictjson.String, err != nil, "%v", err)
		}
	case value.Is(strictjson.Bool), value.Is(strictjson.Array), value.Is(strictjson.Object):
		p.Kind = Bool
		if value.Is(strictjson.Array) {
			p.Kind = Texts
		} else if value.Is(strictjson.Object) {
			p.Kind = Map
		}
		if limits != nil {
			limits.Faultf("a %s has no range", p.Kind)
		}
	case value.Is(strictjson.Null):
		value.Faultf("null: the default gives the parameter its type")
	}
	p.Check(value)
	return p
}

// Check faults a value that the parameter does not take.
func (p Parameter) Check(value *strictjson.Node) {
	switch p.Kind {
	case Integer:
		if v, ok := value.Int(); ok && (v < p.Min || v > p.Max) {
			value.Faultf("%d is outside %d to %d", v, p.Min, p.Max)
		}
	case Text:
		v := value.Text()
		value.Refuse(strictjson.String, p.Allowed != nil && !slices.Contains(p.Allowed, v),
			"%q is not one of %s", v, strings.Join(p.Allowed, ", "))
		if whole, err := regexp.Compile("^(?:" + p.Pattern + ")$"); p.Pattern != "" && err == nil {
			var same string
			value.Refuse(strictjson.String, !whole.MatchString(v) && (json.Unmarshal(p.Default, &same) != nil || v != same),
				"%q is not of the form %s", v, p.Pattern)
		}
	case Bool:
		value.Bool()
	case Texts:
		value.Texts()
	case Map:
		value.Map()
	}
}
