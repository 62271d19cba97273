package policy

import "strings"

// Patterns have the wildcards of IAM: * is any number of characters, ? is one. A literal * or ?, which a document
// writes as ${*} and ${?}, is one of these two characters in a pattern:
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
const (
	literalStar     = '\x00'
	literalQuestion = '\x01'
)

// covers reports whether a pattern matches all that another matches. It may be false where it does, as for "*?" and
// "?*", and is never true where it does not. A text without wildcards is a pattern that matches itself.
func covers(pattern, other string) bool {
	star, mark := -1, 0
	p, o := 0, 0
	for o < len(other) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, o
			p++
		case p < len(pattern) && (pattern[p] == other[o] || pattern[p] == '?' && other[o] != '*'):
			p++
			o++
		case star >= 0:
			mark++
			p, o = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Matches reports whether a text is as a pattern says, in which * is any number of characters and ? is one. It compares
// case; where IAM does not, give both in lower case.
func Matches(pattern, text string) bool { return covers(pattern, escapeWildcards(text)) }

// overlap reports whether there is a text that both patterns match.
func overlap(a, b string) bool {
	// row[j] is whether a[:i] and b[:j] have a text in common.
	row := make([]bool, len(b)+1)
	row[0] = true
	for j := 1; j <= len(b) && b[j-1] == '*'; j++ {
		row[j] = true
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = row[0] && a[i-1] == '*'
		for j := 1; j <= len(b); j++ {
			above := row[j]
			if a[i-1] == '*' || b[j-1] == '*' {
				row[j] = above || row[j-1]
			} else {
				row[j] = diagonal && (a[i-1] == b[j-1] || a[i-1] == '?' || b[j-1] == '?')
			}
			diagonal = above
		}
	}
	return row[len(b)]
}

// everything reports whether a pattern consists of * only.
func everything(pattern string) bool { return pattern != "" && strings.Trim(pattern, "*") == "" }

// wildcard reports whether a pattern matches more than one text.
func wildcard(pattern string) bool { return strings.ContainsAny(pattern, "*?") }

// resource is a pattern of ARNs: six segments, each matched by itself, so that a wildcard does not reach over a colon
// but in the last. All but the last are compared without case. Segments that are missing match everything.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
type resource struct {
	all      bool // "*", the only one that matches an action that has no resource
	segments [6]string
	short    bool // segments are missing: IAM is not known to take them for * in NotResource
	variable bool // it has a policy variable, which stands as * in the segments
	self     bool // it is the user whose name is the variable aws:username: the caller
}

// The segments.
const (
	service = 2
	account = 4
	name    = 5 // of the resource, after its type
)

// readResource reads an entry of Resource or NotResource. In documents of the old version variables are plain text.
func readResource(text string, variables bool) resource {
	r := resource{all: everything(text)}
	if variables {
		r.self = strings.HasSuffix(lower(text), "/${aws:username}")
		text, r.variable = expand(text)
	}
	segments := strings.SplitN(text, ":", len(r.segments))
	r.short = !r.all && len(segments) < len(r.segments)
	for i := range r.segments {
		switch {
		case i >= len(segments):
			r.segments[i] = "*"
		case i == name:
			r.segments[i] = segments[i]
		default:
			r.segments[i] = lower(segments[i])
		}
	}
	// Whatever the path is: the name of a user is unique in an account.
	r.self = r.self && r.segments[service] == "iam" && strings.HasPrefix(r.segments[name], "user/")
	return r
}

// expand replaces policy variables by *: what their values are is not known. variable is whether there was one.
func expand(text string) (expanded string, variable bool) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			if found {
				b.WriteString("${" + rest)
			}
			return b.String(), variable
		}
		switch name {
		case "*":
			b.WriteByte(literalStar)
		case "?":
			b.WriteByte(literalQuestion)
		case "$":
			b.WriteByte('$')
		default:
			b.WriteByte('*')
			variable = true
		}
		text = after
	}
}

// covers reports whether the pattern surely matches all that the other matches.
func (r resource) covers(other resource) bool {
	if r.all || other.all {
		return r.all
	}
	if r.variable {
		return false
	}
	for i := range r.segments {
		if i > 0 && !covers(r.segments[i], other.segments[i]) { // the first is "arn"
			return false
		}
	}
	return true
}

// overlaps reports whether some resource may match both.
func (r resource) overlaps(other resource) bool {
	if r.all || other.all {
		return r.all
	}
	for i := range r.segments {
		if i > 0 && !overlap(r.segments[i], other.segments[i]) {
			return false
		}
	}
	return true
}

// escapeWildcards is the pattern that only matches the text itself.
func escapeWildcards(text string) string {
	return strings.NewReplacer("*", string(literalStar), "?", string(literalQuestion)).Replace(text)
}
