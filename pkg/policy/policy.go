// Package policy reads IAM policy documents, as far as Warder must understand them: whether one
// denies anything, grants administrator-level access, or allows no more than a list, and whom a trust
// policy lets in. It never calls a document harmless because it cannot read it: an unreadable document
// denies, grants administrator-level access, and trusts everyone.
package policy

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Denies reports whether any statement of the document has the effect Deny. It is true with an error
// if the document cannot be read.
//
// It reads every Effect in the text, duplicates included, because detaching a document that denies
// would widen the principal's access.
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

// list is one value or an array of them
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
type list[T any] []T

func (l *list[T]) UnmarshalJSON(data []byte) error {
	var one T
	if json.Unmarshal(data, &one) == nil {
		*l = list[T]{one}
		return nil
	}
	return json.Unmarshal(data, (*[]T)(l))
}

type statement struct {
	Effect    string
	Action    list[string]
	NotAction list[string]
	Resource  list[string]
}

func read(document string) ([]statement, error) {
	var d struct{ Statement list[statement] }
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return nil, fmt.Errorf("read policy document: %w", err)
	}
	return d.Statement, nil
}

// Administers reports whether the document allows every action, or every action of IAM, on every
// resource, or every action except some. A principal with all of IAM can grant itself the rest. It is
// true with an error if the document cannot be read.
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

// AllowsOnly reports whether the document allows some of the given actions and nothing else. It is
// false for a document that cannot be read or that repeats an element.
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
	return count(document, "Statement") == 1 && count(document, "Action") == len(all) && count(document, "NotAction") == 0
}

// count counts the names and values in the document that are the text.
func count(document, text string) int {
	n := 0
	for tokens := json.NewDecoder(strings.NewReader(document)); ; {
		token, err := tokens.Token()
		if err != nil {
			return n // the end: the document was read before
		}
		if value, ok := token.(string); ok && strings.EqualFold(value, text) {
			n++
		}
	}
}

// everything reports whether a pattern consists of wildcards only, or is "*:*".
func everything(pattern string) bool {
	return pattern != "" && strings.Trim(strings.ReplaceAll(pattern, "*:*", "*"), "*") == ""
}
