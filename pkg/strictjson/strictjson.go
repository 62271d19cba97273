// Package strictjson reads JSON that people write by hand. It collects every fault of a document, each
// with the file and the path, so that one reading shows all that is wrong. It knows nothing of what the
// fields mean, and it never stops at the first fault.
//
// The package encoding/json cannot do this: DisallowUnknownFields stops at the first unknown field and
// names it without its path, a second value of the wrong type is not reported, and neither a missing
// field nor one that is written twice is an error. So encoding/json only checks and splits the text.
package strictjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Kind is the kind of a JSON value, in words for a fault.
type Kind string

// The kinds of values.
const (
	Object Kind = "an object"
	Array  Kind = "an array"
	String Kind = "a string"
	Number Kind = "a number"
	Bool   Kind = "true or false"
	Null   Kind = "null"
)

// Node is one value of a document. A nil *Node is an absent value: its readers return the zero value without a fault.
type Node struct {
	path    string
	doc     *document
	kind    Kind
	raw     json.RawMessage
	members []member // of an object
	items   []*Node  // of an array
}

type member struct {
	key   string
	value *Node
}

type document struct {
	file   string
	faults []error
}

// Parse reads one JSON document. file only names it in faults. An error means that the text is not JSON at all; a key
// that is written twice is a fault of the document (see Err), and its first value counts.
func Parse(file string, data []byte) (*Node, error) {
	// Unmarshal checks the whole text, and bounds the nesting, before the walk.
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
			return nil, fmt.Errorf("%s: line %d: %w", file, line, err)
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return (&document{file: file}).read(decoder, data, ""), nil
}

// read reads the decoder's next value. The text was checked: the decoder returns no error.
func (d *document) read(decoder *json.Decoder, data []byte, path string) *Node {
	node := &Node{path: path, doc: d}
	start := decoder.InputOffset()
	token, _ := decoder.Token()
	switch token {
	case json.Delim('{'):
		node.kind = Object
		for decoder.More() {
			key, _ := decoder.Token()
			name := key.(string)
			value := d.read(decoder, data, join(path, name))
			if node.Field(name) != nil {
				value.Faultf("written twice")
				continue
			}
			node.members = append(node.members, member{name, value})
		}
	case json.Delim('['):
		node.kind = Array
		for decoder.More() {
			node.items = append(node.items, d.read(decoder, data, fmt.Sprintf("%s[%d]", path, len(node.items))))
		}
	case true, false:
		node.kind = Bool
	case nil:
		node.kind = Null
	default:
		node.kind = Number
		if _, ok := token.(string); ok {
			node.kind = String
		}
	}
	if node.kind == Object || node.kind == Array {
		_, _ = decoder.Token() // the closing delimiter
	}
	// Before the value the decoder has passed white space, and the comma or colon.
	node.raw = bytes.TrimLeft(data[start:decoder.InputOffset()], " \t\r\n,:")
	return node
}

// join appends a key to a path. A key that could be mistaken for a path, or that is not plainly printable, is quoted.
func join(path, key string) string {
	if quoted := strconv.Quote(key); key == "" || strings.ContainsAny(key, ".[] ") || quoted != `"`+key+`"` {
		key = quoted
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// Faultf adds a fault at this value: "file: path: message".
func (n *Node) Faultf(format string, args ...any) {
	at := n.doc.file + ": "
	if n.path != "" {
		at += n.path + ": "
	}
	n.doc.faults = append(n.doc.faults, errors.New(at+fmt.Sprintf(format, args...)))
}

// Refuse adds a fault if the value is of the kind and wrong. A value of another kind has its fault already.
func (n *Node) Refuse(kind Kind, wrong bool, format string, args ...any) {
	if n.Is(kind) && wrong {
		n.Faultf(format, args...)
	}
}

// Err joins the faults found so far anywhere in the document, in the order they were found; nil when there are none.
func (n *Node) Err() error { return errors.Join(n.doc.faults...) }

// Fields declares the keys that an object may have. Another key is a fault, and so is a value that is not an object.
func (n *Node) Fields(known ...string) {
	n.Members(func(key string, value *Node) {
		if !slices.Contains(known, key) {
			value.Faultf("unknown field: known here are %s", strings.Join(known, ", "))
		}
	})
}

// Field is the value of a key, nil when the key is absent.
func (n *Node) Field(key string) *Node {
	if n != nil {
		for _, m := range n.members {
			if m.key == key {
				return m.value
			}
		}
	}
	return nil
}

// Required is Field, with a fault when the key is absent from an object.
func (n *Node) Required(key string) *Node {
	value := n.Field(key)
	if value == nil && n.Is(Object) {
		(&Node{path: join(n.path, key), doc: n.doc}).Faultf("missing")
	}
	return value
}

// Members calls yield with every member of an object, in the order written. Another value is a fault.
func (n *Node) Members(yield func(key string, value *Node)) {
	if n.want(Object) {
		for _, m := range n.members {
			yield(m.key, m.value)
		}
	}
}

// Items is the values of an array. A value that is not an array is a fault.
func (n *Node) Items() []*Node {
	if !n.want(Array) {
		return nil
	}
	return n.items
}

// Text is the value of a string. Any other value is a fault.
func (n *Node) Text() (text string) {
	if n.want(String) {
		_ = json.Unmarshal(n.raw, &text) // it is a string
	}
	return text
}

// Texts is the values of an array of strings; each other value is a fault.
func (n *Node) Texts() []string {
	var values []string
	for _, item := range n.Items() {
		values = append(values, item.Text())
	}
	return values
}

// Int is the value of a whole number, and whether it is one. Any other value is a fault.
func (n *Node) Int() (value int64, ok bool) {
	if !n.want(Number) {
		return 0, false
	}
	value, err := strconv.ParseInt(string(n.raw), 10, 64)
	if err != nil {
		n.Faultf("%s is not a whole number", n.raw)
	}
	return value, err == nil
}

// Bool is the value of true or false. Any other value is a fault.
func (n *Node) Bool() bool { return n.want(Bool) && string(n.raw) == "true" }

// Map is the values of an object of strings; each other value is a fault.
func (n *Node) Map() map[string]string {
	values := map[string]string{}
	n.Members(func(key string, value *Node) { values[key] = value.Text() })
	return values
}

// Len is how many members or items an object or array has, else 0.
func (n *Node) Len() int {
	if n == nil {
		return 0
	}
	return len(n.members) + len(n.items)
}

// Is reports whether the value is present and of the kind, without a fault.
func (n *Node) Is(kind Kind) bool { return n != nil && n.kind == kind }

// JSON is the value as compact JSON, nil when it is absent.
func (n *Node) JSON() json.RawMessage {
	if n == nil {
		return nil
	}
	var out bytes.Buffer
	_ = json.Compact(&out, n.raw) // it is JSON
	return out.Bytes()
}

func (n *Node) want(want Kind) bool {
	switch {
	case n == nil:
		return false
	case n.kind == want:
		return true
	case n.kind == Bool:
		n.Faultf("want %s, got %s", want, n.raw)
	default:
		n.Faultf("want %s, got %s", want, n.kind)
	}
	return false
}

// Decode reads the value into what the pointer points to: a struct with the tags of encoding/json, or
// what such a struct may have as a field. A fault is what such a struct does not have, a field that the
// document does not have unless its tag says omitempty or omitzero, and every value of another kind.
// null is the zero value of a slice or a map.
func (n *Node) Decode(pointer any) { n.decode(reflect.ValueOf(pointer).Elem()) }

func (n *Node) decode(v reflect.Value) {
	if n == nil {
		return
	}
	if v.Type() == reflect.TypeFor[json.RawMessage]() {
		v.SetBytes(n.JSON())
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if text := n.Text(); n.Is(String) && u.UnmarshalText([]byte(text)) != nil {
			n.Faultf("not a value of type %s", v.Type())
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		var known []string
		for i := range v.NumField() {
			name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			known = append(known, name)
			field := n.Field(name)
			if !strings.HasPrefix(options, "omit") {
				field = n.Required(name)
			}
			field.decode(v.Field(i))
		}
		n.Fields(known...)
	case reflect.Slice:
		if !n.Is(Null) {
			items := n.Items()
			v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
			for i, item := range items {
				item.decode(v.Index(i))
			}
		}
	case reflect.Map:
		if !n.Is(Null) {
			v.Set(reflect.MakeMap(v.Type()))
			n.Members(func(key string, value *Node) {
				element := reflect.New(v.Type().Elem()).Elem()
				value.decode(element)
				v.SetMapIndex(reflect.ValueOf(key), element)
			})
		}
	case reflect.String:
		v.SetString(n.Text())
	case reflect.Int:
		value, _ := n.Int()
		v.SetInt(value)
	case reflect.Bool:
		v.SetBool(n.Bool())
	default:
		panic("strictjson cannot decode into " + v.Type().String())
	}
}
