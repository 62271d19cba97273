package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A statement of a document, as IAM reads it. IAM refuses a document with an element it does not know or in another
// case, so these are errors here.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type statement struct {
	allow        bool // else it denies
	action       list // Action or NotAction
	resource     list // Resource or NotResource
	resources    []resource
	principals   map[string][]string // by kind, such as AWS; the kind of a principal that is a word is ""
	notPrincipal bool                // everyone but somebody
	conditions   conditions
	doubtful     bool // another way to read the document does not have the statement
	start, end   int  // where the statement is in the document, in bytes
}

// list is an element that is one text or an array of them.
type list struct {
	present, not bool // not: what is not in the list
	patterns     []string
	start, end   int // where its value is in the document, in bytes
}

// conditions are the values by operator and key. The operators and keys are in lower case: IAM compares them so.
type conditions map[string]map[string][]string

// parse reads a document. It is strict, because what IAM refuses must not be taken for harmless.
func parse(document string) ([]statement, error) {
	var whole json.RawMessage // checks the syntax, the end of the text and the depth of nesting
	if err := json.Unmarshal([]byte(document), &whole); err != nil {
		return nil, fmt.Errorf("read policy document: %w", err)
	}
	statements, err := read(document)
	if err == nil {
		return statements, nil
	}
	// IAM refuses an element that is there twice; others take it, and do not agree which of the two counts. Most take the
	// last, so what is denied is what that says; the document may allow what either says.
	//
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html#policies-grammar-notes,
	// https://www.rfc-editor.org/rfc/rfc8259#section-4
	if statements, err = read(once(newDecoder(document), true)); err != nil {
		return nil, err
	}
	for i := range statements {
		statements[i].doubtful = true
	}
	others, _ := read(once(newDecoder(document), false)) // one that IAM would refuse in any case gives nothing
	return append(statements, slices.DeleteFunc(others, func(s statement) bool { return !s.allow })...), nil
}

// once is the next value with each element of an object once: the first of its name, or the last.
func once(decoder *json.Decoder, last bool) string {
	token, _ := decoder.Token() // the syntax was checked
	var all []string
	switch token {
	case json.Delim('{'):
		values := map[string]string{}
		for decoder.More() {
			key, _ := decoder.Token()
			name := quoted(key)
			value := once(decoder, last)
			if _, there := values[name]; !there {
				all = append(all, name)
			} else if !last {
				continue
			}
			values[name] = value
		}
		for i, name := range all {
			all[i] = name + ":" + values[name]
		}
		_, _ = decoder.Token()
		return "{" + strings.Join(all, ",") + "}"
	case json.Delim('['):
		for decoder.More() {
			all = append(all, once(decoder, last))
		}
		_, _ = decoder.Token()
		return "[" + strings.Join(all, ",") + "]"
	}
	return quoted(token)
}

func quoted(token json.Token) string {
	text, _ := json.Marshal(token) // a text, a number, true, false or null
	return string(text)
}

func newDecoder(document string) *json.Decoder {
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	return decoder
}

// read reads a document whose syntax was checked.
func read(document string) ([]statement, error) {
	r := &reader{text: document, decoder: newDecoder(document)}
	statements := r.document()
	if r.err != nil {
		return nil, fmt.Errorf("read policy document: %w", r.err)
	}
	return statements, nil
}

// reader reads a document whose syntax was checked. Its first error is kept, and ends every loop.
type reader struct {
	text    string
	decoder *json.Decoder
	err     error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// token is the next token.
func (r *reader) token() json.Token {
	token, err := r.decoder.Token()
	if err != nil && !errors.Is(err, io.EOF) {
		r.fail("%w", err)
	}
	return token
}

// object reads an object and calls member, which must read the value, for each of its keys.
func (r *reader) object(what string, member func(key string)) {
	if r.token() != json.Delim('{') {
		r.fail("%s is no object", what)
	}
	r.members(what, member)
}

// members reads the rest of an object.
func (r *reader) members(what string, member func(key string)) {
	seen := map[string]bool{}
	for r.err == nil && r.decoder.More() {
		key, _ := r.token().(string)
		if seen[key] {
			r.fail("%s has an element twice", what)
			return
		}
		seen[key] = true
		member(key)
	}
	if r.err == nil {
		r.token()
	}
}

// string reads a text.
func (r *reader) string(what string) string {
	text, ok := r.token().(string)
	if !ok {
		r.fail("%s is no text", what)
	}
	return text
}

// strings reads a text or an array of them. IAM takes null in an array, and ignores it.
func (r *reader) strings(what string, others ...func(json.Token) (string, bool)) []string {
	read := func(token json.Token) (string, bool) {
		if text, ok := token.(string); ok {
			return text, true
		}
		for _, other := range others {
			if text, ok := other(token); ok {
				return text, true
			}
		}
		r.fail("%s is no text", what)
		return "", false
	}
	first := r.token()
	if first != json.Delim('[') {
		text, _ := read(first)
		return []string{text}
	}
	all := []string{}
	for r.err == nil && r.decoder.More() {
		if token := r.token(); token != nil {
			text, _ := read(token)
			all = append(all, text)
		}
	}
	if r.err == nil {
		r.token()
	}
	return all
}

// value is a value of a condition that is no text.
func value(token json.Token) (string, bool) {
	switch token := token.(type) {
	case json.Number:
		return token.String(), true
	case bool:
		return fmt.Sprint(token), true
	}
	return "", false
}

func (r *reader) document() []statement {
	var statements []statement
	version, there := "2008-10-17", false
	r.object("the document", func(key string) {
		switch key {
		case "Version":
			version = r.string(key)
		case "Id":
			r.string(key)
		case "Statement":
			there = true
			statements = r.statements()
		default:
			r.fail("the document has an element that IAM does not know")
		}
	})
	if !there {
		r.fail("the document has no Statement")
	}
	if !slices.Contains([]string{"2008-10-17", "2012-10-17"}, version) {
		r.fail("IAM does not know this Version")
	}
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
	for i := range statements {
		for _, pattern := range statements[i].resource.patterns {
			statements[i].resources = append(statements[i].resources, readResource(pattern, version == "2012-10-17"))
		}
	}
	return statements
}

// statements reads one statement or an array of them.
func (r *reader) statements() []statement {
	begin := r.decoder.InputOffset()
	switch r.token() {
	case json.Delim('{'):
		return []statement{r.statement(begin)}
	case json.Delim('['):
	default:
		r.fail("Statement is neither an object nor an array")
		return nil
	}
	var all []statement
	for r.err == nil && r.decoder.More() {
		begin := r.decoder.InputOffset()
		if r.token() != json.Delim('{') {
			r.fail("a statement is no object")
			return nil
		}
		all = append(all, r.statement(begin))
	}
	if r.err == nil {
		r.token()
	}
	return all
}

// statement reads the rest of a statement. Between begin and its brace are white space, a comma or a colon.
func (r *reader) statement(begin int64) statement {
	s := statement{start: int(begin) + strings.IndexByte(r.text[begin:], '{')}
	effect := ""
	r.members("a statement", func(key string) {
		switch key {
		case "Sid":
			r.string(key)
		case "Effect":
			effect = r.string(key)
		case "Action", "NotAction":
			r.element(&s.action, key)
		case "Resource", "NotResource":
			r.element(&s.resource, key)
		case "Principal", "NotPrincipal":
			if s.principals != nil {
				r.fail("a statement has both Principal and NotPrincipal")
			}
			s.notPrincipal = key == "NotPrincipal"
			s.principals = r.principals()
		case "Condition":
			s.conditions = r.conditions()
		default:
			r.fail("a statement has an element that IAM does not know")
		}
	})
	if effect != "Allow" && effect != "Deny" {
		r.fail("a statement has no Effect that IAM knows")
	}
	s.allow, s.end = effect == "Allow", int(r.decoder.InputOffset())
	return s
}

// element reads one of the two forms of an element.
func (r *reader) element(l *list, key string) {
	if l.present {
		r.fail("a statement has both %s and its opposite", key)
	}
	start := int(r.decoder.InputOffset())
	start += strings.IndexByte(r.text[start:], ':') + 1
	*l = list{present: true, not: strings.HasPrefix(key, "Not"), patterns: r.strings(key), start: start}
	l.end = int(r.decoder.InputOffset())
}

// principals reads a Principal: a word, or an object of lists by kind.
func (r *reader) principals() map[string][]string {
	all := map[string][]string{}
	switch first := r.token().(type) {
	case string:
		if !everything(first) {
			r.fail("the principal is a text other than %q", "*")
		}
		all[""] = []string{first}
	case json.Delim:
		if first != '{' {
			r.fail("the principal is neither a text nor an object")
			break
		}
		r.members("the principal", func(kind string) { all[kind] = r.strings("a principal") })
	default:
		r.fail("the principal is neither a text nor an object")
	}
	return all
}

func (r *reader) conditions() conditions {
	all := conditions{}
	r.object("Condition", func(operator string) {
		keys := map[string][]string{}
		r.object("a condition", func(key string) {
			keys[lower(key)] = append(keys[lower(key)], r.strings("a value of a condition", value)...)
		})
		if len(keys) > 0 {
			all[lower(operator)] = keys // the same operator in another case only adds to what must be met
		}
	})
	return all
}

func lower(text string) string { return strings.ToLower(text) }
