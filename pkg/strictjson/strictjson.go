// Package strictjson reads JSON that people write by hand: it walks a document field
// by field and collects every fault with the file and the path it was found at,
// so that one reading tells all that is wrong. It knows nothing of what the
// fields mean, and it never stops at the first fault.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Node is one value of a document: an object, an array or a scalar. A nil *Node
// is an absent value; its readers answer the zero value without a fault.
type Node struct {
	path    string
	doc     *document
	scalar  any // string, json.Number, bool or nil; unused for objects and arrays
	members []member
	items   []*Node
	kind    kind
}

type member struct {
	key   string
	value *Node
}

type document struct {
	file   string
	faults []error
}

type kind string

const (
	object kind = "an object"
	array  kind = "an array"
	text   kind = "a string"
	number kind = "a number"
	truth  kind = "true or false"
	null   kind = "null"
)

// Parse reads one JSON document. file only names it in faults. An error means
// that the text is not JSON at all; a key written twice is a fault of the
// document (see Err) and its first value is kept.
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
	doc := &document{file: file}
	node, err := read(decoder, doc, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("%s: more than one JSON value", file)
	}
	return node, nil
}

func read(decoder *json.Decoder, doc *document, path string) (*Node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	node := &Node{path: path, doc: doc}
	switch token := token.(type) {
	case string:
		node.kind, node.scalar = text, token
	case json.Number:
		node.kind, node.scalar = number, token
	case bool:
		node.kind, node.scalar = truth, token
	case nil:
		node.kind = null
	case json.Delim:
		if token == '[' {
			node.kind = array
			for decoder.More() {
				item, err := read(decoder, doc, path+"["+strconv.Itoa(len(node.items))+"]")
				if err != nil {
					return nil, err
				}
				node.items = append(node.items, item)
			}
		} else {
			node.kind = object
			seen := map[string]bool{}
			for decoder.More() {
				key, err := decoder.Token()
				if err != nil {
					return nil, err
				}
				name := key.(string) // the decoder answers nothing else here
				value, err := read(decoder, doc, join(path, name))
				if err != nil {
					return nil, err
				}
				if seen[name] {
					value.Faultf("written twice")
					continue
				}
				seen[name] = true
				node.members = append(node.members, member{name, value})
			}
		}
		if _, err := decoder.Token(); err != nil { // the closing delimiter
			return nil, err
		}
	}
	return node, nil
}

func join(path, key string) string {
	if key == "" || strings.ContainsAny(key, ".[]\" \n") {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// Faultf adds a fault at this value: "file: path: message".
func (n *Node) Faultf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if n.path == "" {
		n.doc.faults = append(n.doc.faults, fmt.Errorf("%s: %s", n.doc.file, message))
		return
	}
	n.doc.faults = append(n.doc.faults, fmt.Errorf("%s: %s: %s", n.doc.file, n.path, message))
}

// Err joins the faults found so far anywhere in the document, in the order they
// were found; nil when there are none.
func (n *Node) Err() error { return errors.Join(n.doc.faults...) }

// Fields declares the keys an object may have. Every other key is a fault that
// names the known ones, and so is a value that is not an object.
func (n *Node) Fields(known ...string) {
	if n == nil || !n.want(object) {
		return
	}
	for _, m := range n.members {
		if !slices.Contains(known, m.key) {
			m.value.Faultf("unknown field: known here are %s", strings.Join(known, ", "))
		}
	}
}

// Field is the value of a key, nil when the key is absent.
func (n *Node) Field(key string) *Node {
	if n == nil {
		return nil
	}
	for _, m := range n.members {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// Required is Field, with a fault when the key is absent from an object.
func (n *Node) Required(key string) *Node {
	value := n.Field(key)
	if value == nil && n != nil && n.kind == object {
		(&Node{path: join(n.path, key), doc: n.doc}).Faultf("missing")
	}
	return value
}

// Members calls yield with every key and value of an object, in the order
// written. A value that is not an object is a fault.
func (n *Node) Members(yield func(key string, value *Node)) {
	if n == nil || !n.want(object) {
		return
	}
	for _, m := range n.members {
		yield(m.key, m.value)
	}
}

// Items is the values of an array. A value that is not an array is a fault.
func (n *Node) Items() []*Node {
	if n == nil || !n.want(array) {
		return nil
	}
	return n.items
}

// Text is the value of a string. Any other value is a fault.
func (n *Node) Text() string {
	if n == nil || !n.want(text) {
		return ""
	}
	return n.scalar.(string)
}

// Texts is the values of an array of strings; each other value is a fault.
func (n *Node) Texts() []string {
	var values []string
	for _, item := range n.Items() {
		values = append(values, item.Text())
	}
	return values
}

// Int is the value of a whole number. Any other value is a fault.
func (n *Node) Int() int64 {
	if n == nil || !n.want(number) {
		return 0
	}
	value, err := strconv.ParseInt(n.scalar.(json.Number).String(), 10, 64)
	if err != nil {
		n.Faultf("%s is not a whole number", n.scalar)
	}
	return value
}

// Float is the value of a number. Any other value is a fault.
func (n *Node) Float() float64 {
	if n == nil || !n.want(number) {
		return 0
	}
	value, err := n.scalar.(json.Number).Float64()
	if err != nil {
		n.Faultf("%s is not a number", n.scalar)
	}
	return value
}

// Bool is the value of true or false. Any other value is a fault.
func (n *Node) Bool() bool {
	if n == nil || !n.want(truth) {
		return false
	}
	return n.scalar.(bool)
}

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

// IsObject tells whether the value is present and an object, without a fault.
func (n *Node) IsObject() bool { return n.is(object) }

// IsArray tells whether the value is present and an array, without a fault.
func (n *Node) IsArray() bool { return n.is(array) }

// IsString tells whether the value is present and a string, without a fault.
func (n *Node) IsString() bool { return n.is(text) }

// IsNumber tells whether the value is present and a number, without a fault.
func (n *Node) IsNumber() bool { return n.is(number) }

// IsInt tells whether Int would read the value, without a fault.
func (n *Node) IsInt() bool {
	if !n.is(number) {
		return false
	}
	_, err := strconv.ParseInt(n.scalar.(json.Number).String(), 10, 64)
	return err == nil
}

// IsBool tells whether the value is true or false, without a fault.
func (n *Node) IsBool() bool { return n.is(truth) }

// IsNull tells whether the value is null, without a fault.
func (n *Node) IsNull() bool { return n.is(null) }

func (n *Node) is(k kind) bool { return n != nil && n.kind == k }

// JSON is the value as compact JSON, keys in the order written.
func (n *Node) JSON() json.RawMessage {
	if n == nil {
		return nil
	}
	var out bytes.Buffer
	n.write(&out)
	return out.Bytes()
}

func (n *Node) write(out *bytes.Buffer) {
	switch n.kind {
	case object:
		out.WriteByte('{')
		for i, m := range n.members {
			if i > 0 {
				out.WriteByte(',')
			}
			quote(out, m.key)
			out.WriteByte(':')
			m.value.write(out)
		}
		out.WriteByte('}')
	case array:
		out.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				out.WriteByte(',')
			}
			item.write(out)
		}
		out.WriteByte(']')
	case text:
		quote(out, n.scalar.(string))
	case null:
		out.WriteString("null")
	default:
		fmt.Fprint(out, n.scalar)
	}
}

// quote writes s as a JSON string that keeps <, > and & readable.
func quote(out *bytes.Buffer, s string) {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil { // a string always encodes
		panic(err)
	}
	out.Truncate(out.Len() - 1) // Encode ends with a newline
}

func (n *Node) want(want kind) bool {
	if n.kind == want {
		return true
	}
	if n.kind == truth {
		n.Faultf("want %s, got %v", want, n.scalar)
	} else {
		n.Faultf("want %s, got %s", want, n.kind)
	}
	return false
}
