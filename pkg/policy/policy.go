// Package policy reads IAM policy documents, as far as Warder must understand them: whether one
// denies anything, gives administrator rights, or allows no more than is listed, and whom a trust
// policy lets in. It never says that a document is harmless because it cannot read it: what cannot
// be read denies, grants, and trusts everyone.
package policy

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Denies reports whether any statement of the document has the effect Deny. The error says that
// the document cannot be read; it denies then, too.
//
// It goes by every Effect that is written down, duplicates included, because taking away a
// document that denies would let its principal do more.
func Denies(document string) (bool, error) {
	tokens := json.NewDecoder(strings.NewReader(document))
	var statement any
	if err := json.Unmarshal([]byte(document), &statement); err != nil {
		return true, fmt.Errorf("read policy document: %w", err)
	}
	effect := false
	for {
		token, err := tokens.Token()
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return true, fmt.Errorf("read policy document: %w", err)
		}
		word, isText := token.(string)
		if effect && (!isText || !strings.EqualFold(word, "Allow")) {
			return true, nil
		}
		effect = isText && !effect && strings.EqualFold(word, "Effect")
	}
}

// list is a JSON value that is one string or several
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = list{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

type statement struct {
	Effect    string
	Action    list
	NotAction list
	Resource  list
	Principal json.RawMessage
}

type statements []statement

func (s *statements) UnmarshalJSON(data []byte) error {
	var one statement
	if json.Unmarshal(data, &one) == nil {
		*s = statements{one}
		return nil
	}
	return json.Unmarshal(data, (*[]statement)(s))
}

func read(document string) (statements, error) {
	var d struct{ Statement statements }
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return nil, fmt.Errorf("read policy document: %w", err)
	}
	return d.Statement, nil
}

// Administers reports whether the document allows every action, or every action of IAM, on every
// resource, or allows everything but some. Whoever has IAM can give itself the rest. The error
// says that the document cannot be read; it administers then, too.
func Administers(document string) (bool, error) {
	all, err := read(document)
	if err != nil {
		return true, err
	}
	return slices.ContainsFunc(all, func(s statement) bool {
		if !strings.EqualFold(s.Effect, "Allow") || !slices.ContainsFunc(s.Resource, everything) {
			return false
		}
		return len(s.NotAction) > 0 || slices.ContainsFunc(s.Action, func(action string) bool {
			return everything(action) || strings.EqualFold(action, "iam:*")
		})
	}), nil
}

// AllowsOnly reports whether the document allows some of the given actions and nothing else. A
// document that cannot be read, or in which an element is there twice, may allow more.
func AllowsOnly(document string, actions ...string) bool {
	all, err := read(document)
	denies, _ := Denies(document)
	if err != nil || denies || len(all) == 0 {
		return false
	}
	for _, s := range all {
		if len(s.Action) == 0 || slices.ContainsFunc(s.Action, func(action string) bool {
			return !slices.ContainsFunc(actions, func(known string) bool { return strings.EqualFold(known, action) })
		}) {
			return false
		}
	}
	return words(document, "Statement") == 1 && words(document, "Action") == len(all) && words(document, "NotAction") == 0
}

// words counts how often the document has a word as the whole of a name or value.
func words(document, word string) int {
	n := 0
	for tokens := json.NewDecoder(strings.NewReader(document)); ; {
		token, err := tokens.Token()
		if err != nil {
			return n // the document was read before: this is its end
		}
		if text, ok := token.(string); ok && strings.EqualFold(text, word) {
			n++
		}
	}
}

// everything reports whether a pattern consists of wildcards only, or is "*:*".
func everything(pattern string) bool {
	return pattern != "" && strings.Trim(strings.ReplaceAll(pattern, "*:*", "*"), "*") == ""
}
