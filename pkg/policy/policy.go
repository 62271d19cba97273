// Package policy reads IAM policy documents as IAM does: what a document allows and denies, whether it makes its
// holder an administrator or lets the holder become one, and whom a trust policy lets in. It reads text and calls
// nothing.
//
// It never calls a document harmless because it cannot read it: an unreadable document denies, grants
// administrator-level access, and trusts everyone. Where a document leaves a question open, such as a condition, the
// answer is the worse one: an Allow under a condition allows, a Deny under a condition does not deny.
package policy

import (
	"errors"
	"slices"
)

// Denies reports whether any statement of the document has the effect Deny. It is true with an error if the document
// cannot be read. The text "Deny" anywhere else, such as in a Sid, is no effect.
func Denies(document string) (bool, error) {
	statements, err := parse(document)
	if err != nil {
		return true, err
	}
	return slices.ContainsFunc(statements, func(s statement) bool { return !s.allow }), nil
}

// Administers reports whether the document alone makes its holder an administrator, see [Assess]. It is true with an
// error if the document cannot be read.
func Administers(document string) (bool, error) {
	v := Assess(Holder{}, document)
	return v.Level >= Administrator, v.Err
}

// Bounds reports whether the document keeps whoever has it as a permissions boundary from being an administrator. One
// that allows everything does, if it denies most of what changes rights. It is false for a document that cannot be
// read.
func Bounds(document string) bool {
	v := Assess(Holder{}, document)
	denies, err := Denies(document)
	return err == nil && !v.IAM && (v.Level < Administrator || denies)
}

// AllowsOnly reports whether the document allows some of the given actions and nothing else. It is false for a
// document that cannot be read, that denies, or that has a wildcard in an action.
func AllowsOnly(document string, actions ...string) bool {
	statements, err := parse(document)
	if err != nil || len(statements) == 0 {
		return false
	}
	return !slices.ContainsFunc(statements, func(s statement) bool {
		return !s.allow || !s.action.present || s.action.not || len(s.action.patterns) == 0 ||
			slices.ContainsFunc(s.action.patterns, func(pattern string) bool {
				return !slices.ContainsFunc(actions, func(known string) bool { return lower(known) == lower(pattern) })
			})
	})
}

// OnlyDenies returns the document without the statements that allow: what is left denies exactly what the document
// denied. The statements that deny, and all that is outside of statements, stay byte for byte, but for elements that
// are there twice. It is false for a document that cannot be read or that denies nothing.
func OnlyDenies(document string) (rest string, ok bool) {
	statements, err := parse(document)
	if err != nil {
		return "", false
	}
	if slices.ContainsFunc(statements, func(s statement) bool { return s.doubtful }) {
		return OnlyDenies(once(newDecoder(document), true))
	}
	denying := slices.DeleteFunc(slices.Clone(statements), func(s statement) bool { return s.allow })
	switch len(denying) {
	case 0:
		return "", false
	case len(statements):
		return document, true
	}
	// There are several statements, so they are in an array: only white space is before the first and after the last.
	rest = document[:statements[0].start]
	for i, s := range denying {
		if i > 0 {
			rest += ","
		}
		rest += document[s.start:s.end]
	}
	return rest + document[statements[len(statements)-1].end:], true
}

// parseIdentity reads a policy of a user, group or role, whose statements must have actions and resources.
func parseIdentity(document string) ([]statement, error) {
	statements, err := parse(document)
	if err == nil && slices.ContainsFunc(statements, func(s statement) bool {
		return !s.action.present || !s.resource.present
	}) {
		err = errors.New("read policy document: a statement has no actions or no resources")
	}
	return statements, err
}
