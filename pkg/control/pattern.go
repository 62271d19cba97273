package control

import (
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/warder-aws/warder/pkg/strictjson"
)

// MaxPattern is EventBridge's quota for one event pattern, in characters.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const MaxPattern = 2048

// envelope is every field an EventBridge event has at the top.
// https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
var envelope = []string{"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}

// filters is the comparison operators of a pattern.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
var filters = []string{
	"exists", "prefix", "suffix", "anything-but", "numeric", "cidr", "wildcard", "equals-ignore-case",
}

// objects is the fields of CloudTrail and Config events that hold objects. A pattern cannot ask whether they exist:
// "exists" matches leaf fields only, and on an object it silently never or always matches.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
var objects = []string{
	"additionalEventData", "attributes", "newEvaluationResult", "oldEvaluationResult", "requestParameters",
	"responseElements", "serviceEventDetails", "sessionContext", "sessionIssuer", "tlsDetails", "userIdentity",
}

// checkPattern faults what EventBridge would refuse, or would take and never match.
func checkPattern(n *strictjson.Node) {
	if !n.Is(strictjson.Object) {
		n.Fields() // faults it
		return
	}
	if size := utf8.RuneCount(n.JSON()); size > MaxPattern {
		n.Faultf("pattern of %d characters: EventBridge takes %d", size, MaxPattern)
	}
	checkFields(n, true)
}

// checkFields checks an object of a pattern; top means that it describes the envelope.
func checkFields(n *strictjson.Node, top bool) {
	empty(n)
	n.Members(func(key string, value *strictjson.Node) {
		switch {
		case key == "$or":
			checkOr(value, top)
		case top && !slices.Contains(envelope, key):
			value.Faultf("not a field of an event: known are %s", strings.Join(envelope, ", "))
		case top && key == "detail":
			if !value.Is(strictjson.Object) {
				value.Faultf("want an object")
				return
			}
			checkFields(value, false)
		case top && value.Is(strictjson.Object):
			value.Faultf("not an object in an event: want an array of values")
		case slices.Contains(filters, key):
			value.Faultf("a filter stands in an array: [{%q: …}]", key)
		case value.Is(strictjson.Object):
			checkFields(value, false)
		case value.Is(strictjson.Array):
			checkLeaf(key, value)
		default:
			value.Faultf("a value stands in an array: [%s]", value.JSON())
		}
	})
}

// checkOr checks the alternatives of a "$or": at least two objects, each a pattern of the same level.
func checkOr(n *strictjson.Node, top bool) {
	alternatives := n.Items()
	n.Refuse(strictjson.Array, len(alternatives) < 2, "want at least two alternatives")
	for _, alternative := range alternatives {
		checkFields(alternative, top)
	}
}

// checkLeaf checks the array of values and filters that a field is compared with.
func checkLeaf(field string, n *strictjson.Node) {
	empty(n)
	for _, item := range n.Items() {
		switch {
		case item.Is(strictjson.Array):
			item.Faultf("an array in an array: list the values themselves")
		case item.Is(strictjson.Object):
			checkFilter(field, item)
		}
	}
}

func checkFilter(field string, n *strictjson.Node) {
	if n.Len() != 1 {
		n.Faultf("a filter has exactly one key, one of %s", strings.Join(filters, ", "))
		return
	}
	n.Members(func(name string, value *strictjson.Node) {
		switch name {
		case "exists":
			value.Bool()
			if slices.Contains(objects, field) {
				value.Faultf("%q is an object: exists works on its fields only", field)
			}
		case "prefix", "suffix":
			if value.Is(strictjson.Object) {
				value.Fields("equals-ignore-case")
				nonEmpty(value.Required("equals-ignore-case"))
				return
			}
			nonEmpty(value)
		case "equals-ignore-case":
			nonEmpty(value)
		case "wildcard":
			checkWildcard(value)
		case "cidr":
			checkCIDR(value)
		case "numeric":
			checkNumeric(value)
		case "anything-but":
			checkAnythingBut(value)
		default:
			value.Faultf("not a filter: known are %s", strings.Join(filters, ", "))
		}
	})
}

// checkAnythingBut takes a string or number, a list of strings or of numbers,
// or one of the string filters over a string or a list of strings.
func checkAnythingBut(n *strictjson.Node) {
	switch {
	case n.Is(strictjson.String), n.Is(strictjson.Number):
	case n.Is(strictjson.Array):
		empty(n)
		for i, item := range n.Items() {
			if !item.Is(strictjson.String) && !item.Is(strictjson.Number) {
				item.Faultf("want a string or a number")
			} else if item.Is(strictjson.String) != n.Items()[0].Is(strictjson.String) && i > 0 {
				item.Faultf("strings and numbers do not mix")
			}
		}
	case n.Is(strictjson.Object):
		if n.Len() != 1 {
			n.Faultf("want one of prefix, suffix, equals-ignore-case, wildcard")
		}
		n.Fields("prefix", "suffix", "equals-ignore-case", "wildcard")
		n.Members(func(name string, value *strictjson.Node) {
			values := []*strictjson.Node{value}
			if value.Is(strictjson.Array) {
				empty(value)
				values = value.Items()
			}
			for _, v := range values {
				if name == "wildcard" {
					checkWildcard(v)
				} else {
					nonEmpty(v)
				}
			}
		})
	default:
		n.Faultf("want a string, a number, a list of them or a filter")
	}
}

func checkWildcard(n *strictjson.Node) {
	nonEmpty(n)
	if strings.Contains(n.Text(), "**") {
		n.Faultf("%q has two stars side by side", n.Text())
	}
}

func checkCIDR(n *strictjson.Node) {
	if !n.Is(strictjson.String) {
		n.Faultf("want a CIDR block such as \"203.0.113.0/24\"")
	} else if _, err := netip.ParsePrefix(n.Text()); err != nil {
		n.Faultf("%q is not a CIDR block", n.Text())
	}
}

// checkNumeric takes [operator, number] and [lower operator, number, upper operator, number].
func checkNumeric(n *strictjson.Node) {
	items := n.Items()
	if !n.Is(strictjson.Array) {
		return
	}
	if len(items) != 2 && len(items) != 4 {
		n.Faultf("want [operator, number] or [\">\", number, \"<\", number]")
		return
	}
	for i := 0; i < len(items); i += 2 {
		known := []string{"=", "<", "<=", ">", ">="}
		if len(items) == 4 && i == 0 {
			known = []string{">", ">="}
		} else if len(items) == 4 {
			known = []string{"<", "<="}
		}
		operator := items[i].Text()
		items[i].Refuse(strictjson.String, !slices.Contains(known, operator),
			"%q is not one of %s", operator, strings.Join(known, " "))
		if !items[i+1].Is(strictjson.Number) {
			items[i+1].Faultf("want a number")
		}
	}
}

// nonEmpty wants a string with content: an empty prefix or suffix is refused.
func nonEmpty(n *strictjson.Node) {
	n.Refuse(strictjson.String, n.Text() == "", "empty string")
}
