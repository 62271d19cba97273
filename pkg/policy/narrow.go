package policy

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

// Use is what a principal used of one service in a period.
type Use struct {
	Used bool // anything at all
	// Actions are the actions of which IAM tells the last use, by their names without the service, and whether they were
	// used. Without any, IAM tells no more of the service than whether it was used.
	Actions map[string]bool
}

// Uses are those of the services that a principal's policies allow, by their namespaces, such as "s3".
type Uses map[string]Use

// A Narrowing is a document without what was not used.
type Narrowing struct {
	Document string   // the same text where nothing goes
	Lines    []string // what goes, "- s3:*", and what takes its place, "+ s3:ListAllMyBuckets"
	Empty    bool     // nothing would be left; Document is as it was
}

// unseen are the patterns of actions whose use IAM does not tell, by service: data events, and what is only checked
// when something else is called. A wildcard in the actions of another service cannot be replaced: nobody knows all that
// it matches.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed-action-last-accessed.html
func unseen() map[string][]string {
	return map[string][]string{
		"dynamodb": {"*Item*", "PartiQL*", "Query*", "Scan*", "*Records*", "*ShardIterator*", "*Stream*"},
		"iam":      {"PassRole*", "CreateServiceLinkedRole*"},
		"lambda":   {"Invoke*"},
		"s3": {
			"*Object*", "ListBucket*", "*Multipart*", "*Session*", "Replicate*", "Bypass*", "Initiate*", "Select*",
			"*Retention*",
		},
		"sqs": {"*Message*"},
	}
}

// tags are checked with the calls that make something, and are not told then.
const tags = "*Tag*"

// Narrow takes the actions that were not used out of the statements of a document that allow. What IAM does not tell
// stays: services that are not among the uses, or of which there are no actions, if they were used; actions that are
// not tracked; tags. A wildcard is replaced by what was used and what IAM does not tell, or stays. What denies,
// NotAction, resources and conditions stay as they are, byte for byte. A document that can be read in two ways is an
// error.
func Narrow(document string, uses Uses) (Narrowing, error) {
	n := Narrowing{Document: document}
	statements, err := parseIdentity(document)
	if err != nil {
		return n, err
	}
	if slices.ContainsFunc(statements, func(s statement) bool { return s.doubtful }) {
		return n, errDoubtful
	}
	var kept []string
	for _, s := range statements {
		text := document[s.start:s.end]
		if !s.allow || s.action.not {
			kept = append(kept, text)
			continue
		}
		left := uses.left(s.action.patterns)
		if slices.Equal(left, s.action.patterns) {
			kept = append(kept, text)
			continue
		}
		n.Lines = append(n.Lines, lines(s.action.patterns, left)...)
		if len(left) > 0 {
			kept = append(kept, document[s.start:s.action.start]+actions(left)+document[s.action.end:s.end])
		}
	}
	switch {
	case len(n.Lines) == 0:
	case len(kept) == 0:
		n.Empty = true
	default:
		last := statements[len(statements)-1]
		n.Document = document[:statements[0].start] + strings.Join(kept, ",") + document[last.end:]
	}
	return n, nil
}

var errDoubtful = errors.New("read policy document: it has an element twice")

// actions is the text of an Action.
func actions(patterns []string) string {
	var value any = patterns
	if len(patterns) == 1 {
		value = patterns[0]
	}
	text, _ := json.Marshal(value) // texts
	return string(text)
}

// lines are what goes and what comes.
func lines(before, after []string) (all []string) {
	for _, p := range before {
		if !slices.Contains(after, p) {
			all = append(all, "- "+p)
		}
	}
	for _, p := range after {
		if !slices.Contains(before, p) {
			all = append(all, "+ "+p)
		}
	}
	return all
}

// left is what is left of patterns of actions, each once.
func (u Uses) left(patterns []string) (all []string) {
	for _, pattern := range patterns {
		for _, p := range u.of(pattern) {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// of is what is left of a pattern.
func (u Uses) of(pattern string) (all []string) {
	service, action, ok := strings.Cut(pattern, ":")
	switch {
	case everything(pattern) && len(u) > 0, ok && everything(service) && everything(action) && len(u) > 0:
		for _, name := range slices.Sorted(maps.Keys(u)) {
			all = append(all, u.of(name+":*")...)
		}
		return all
	case !ok || wildcard(service):
		return []string{pattern}
	}
	use, known := u[lower(service)]
	used := use.Used
	for _, of := range use.Actions {
		used = used || of
	}
	switch {
	case !known, used && len(use.Actions) == 0:
		return []string{pattern}
	case !used:
		return nil
	case !wildcard(action):
		for name, of := range use.Actions {
			if strings.EqualFold(name, action) && !of && !Matches(lower(tags), lower(action)) &&
				!slices.ContainsFunc(unseen()[lower(service)], func(p string) bool { return Matches(lower(p), lower(action)) }) {
				return nil
			}
		}
		return []string{pattern}
	}
	besides, known := unseen()[lower(service)]
	if !known {
		return []string{pattern}
	}
	for _, name := range slices.Sorted(maps.Keys(use.Actions)) {
		if use.Actions[name] && Matches(lower(action), lower(name)) {
			all = append(all, service+":"+name)
		}
	}
	for _, p := range append(slices.Clone(besides), tags) {
		both, ok := meet(action, p)
		if !ok {
			return []string{pattern}
		}
		for _, b := range both {
			all = append(all, service+":"+b)
		}
	}
	return slices.DeleteFunc(all, func(a string) bool {
		return slices.ContainsFunc(all, func(b string) bool { return a != b && covers(lower(b), lower(a)) })
	})
}

// meet are the patterns that match what two patterns both match. The first is "Prefix*", the second "Prefix*" or
// "*Part*"; false says that it is anything else, or that the first matches nothing but what the second does.
func meet(a, b string) (both []string, ok bool) {
	prefix, ok := strings.CutSuffix(strings.TrimRight(a, "*")+"*", "*")
	if !ok || wildcard(prefix) || !strings.HasSuffix(a, "*") {
		return nil, false
	}
	part, inside := strings.CutPrefix(strings.TrimSuffix(b, "*"), "*")
	switch {
	case covers(lower(b), lower(a)):
		return nil, false
	case !inside && strings.HasPrefix(lower(part), lower(prefix)):
		return []string{b}, true
	case !inside:
		return nil, true
	}
	both = []string{prefix + "*" + part + "*"}
	if prefix == "" {
		both = []string{b}
	}
	// A part may begin in the prefix.
	for i := 1; i < len(part) && i <= len(prefix); i++ {
		if strings.EqualFold(prefix[len(prefix)-i:], part[:i]) {
			both = append(both, prefix+part[i:]+"*")
		}
	}
	return both, true
}

// Narrower reports whether a document surely allows no more than another, and denies as much: some statements that
// allow are gone or allow fewer actions, and all else is byte for byte as it was. It knows nothing of uses, and does
// not trust [Narrow].
func Narrower(before, after string) bool {
	wide, err := parseIdentity(before)
	if err != nil {
		return false
	}
	narrow, err := parseIdentity(after)
	if err != nil || len(wide) == 0 || len(narrow) == 0 ||
		before[:wide[0].start] != after[:narrow[0].start] ||
		before[wide[len(wide)-1].end:] != after[narrow[len(narrow)-1].end:] {
		return false
	}
	for _, w := range wide {
		if w.doubtful {
			return false
		}
		if len(narrow) > 0 && !narrow[0].doubtful && w.narrowedTo(narrow[0], before, after) {
			narrow = narrow[1:]
		} else if !w.allow {
			return false
		}
	}
	return len(narrow) == 0
}

// narrowedTo reports whether n is the statement, or the same with fewer actions to allow.
func (s statement) narrowedTo(n statement, before, after string) bool {
	if before[s.start:s.end] == after[n.start:n.end] {
		return true
	}
	same := s.allow && n.allow && !s.action.not && !n.action.not &&
		before[s.start:s.action.start] == after[n.start:n.action.start] &&
		before[s.action.end:s.end] == after[n.action.end:n.end]
	return same && !slices.ContainsFunc(n.action.patterns, func(p string) bool {
		return !slices.ContainsFunc(s.action.patterns, func(w string) bool { return covers(lower(w), lower(p)) })
	})
}
