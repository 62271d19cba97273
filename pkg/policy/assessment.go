package policy

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/i18n"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// Level is how near documents bring their holder to an administrator.
type Level int

// The levels.
const (
	// Harmless documents give none of the known ways, or only ways that are held to resources which do not lead on.
	Harmless Level = iota
	// Escalates means that the holder can become an administrator by itself, in one of the Ways.
	Escalates
	// Administrator means that the holder is one: it can do nearly everything, or use nearly all of IAM.
	Administrator
	// Unreadable means that a document cannot be read, so it may give everything.
	Unreadable
)

func (l Level) String() string {
	return [...]string{"harmless", "escalates", "administrator", "unreadable"}[l]
}

// Assessment is what documents make of their holder.
type Assessment struct {
	Level Level
	Ways  []Way // in the order of the table; of an administrator the first says why
	Err   error // why a document cannot be read; else nil
	IAM   bool  // an administrator can use nearly all of IAM
}

// Way is one way to become an administrator.
type Way struct {
	Text   i18n.Message // can give itself any policy: iam:PutUserPolicy on every user
	Rights []string     // iam:PutUserPolicy; those of a way that needs several, in the order of the table
	what   string       // the beginning of Text, which several ways may share
	row    *prepared    // of the table; nil for what makes an administrator
}

// maxWays is how many ways a description names.
const maxWays = 3

// Describe says in a sentence what the assessment says; empty for what is harmless.
func (v Assessment) Describe() i18n.Message {
	switch v.Level {
	case Unreadable:
		return i18n.T("The policy document cannot be read, so it may grant administrator-level access.")
	case Harmless:
		return i18n.Message{}
	case Administrator:
		return i18n.T("Grants administrator-level access: %s.", v.Ways[0].Text)
	}
	// One way of each sort says more than several of one.
	var named []Way
	for _, w := range v.Ways {
		if len(named) < maxWays && !slices.ContainsFunc(named, func(n Way) bool { return n.what == w.what }) {
			named = append(named, w)
		}
	}
	var texts []i18n.Message
	for _, w := range named {
		texts = append(texts, w.Text)
	}
	text := i18n.Join("; ", texts...)
	switch more := len(v.Ways) - len(named); more {
	case 0:
		return i18n.T("Leads to administrator rights: %s.", text)
	case 1:
		return i18n.T("Leads to administrator rights: %s; and in another way.", text)
	default:
		return i18n.T("Leads to administrator rights: %s; and in %d other ways.", text, more)
	}
}

// Holder is who holds the documents, as far as it is known. The zero Holder may be anybody.
type Holder struct {
	// Account is the twelve digits of the account. Without it, an Allow on IAM's resources of any account counts as one on
	// the holder's, and a Deny of those of one account does not deny.
	Account  string
	User     string // its name, or that of
	Role     string
	Groups   []string // the names of those that it is, or is in
	Policies []string // the ARNs of the managed policies among the documents
	// Boundary is the document of its permissions boundary. Without it, or if it cannot be read, nothing is limited.
	Boundary string
}

// Assess reads the documents of one holder, who has what all of them allow together and none denies.
//
// A right to act on every resource of a kind, or on those of a pattern with a wildcard, leads to administrator if one
// on such a resource can. A right that is held to a named resource does only if that is the holder itself, or has the
// name of an administrator. Conditions are taken to be met, except for the services that iam:PassedToService leaves;
// a Deny under a condition is taken not to apply.
//
// What it does not know: policies of the organization and of resources, and which roles there are. So a way may lead
// nowhere in the account as it is today.
func Assess(holder Holder, documents ...string) Assessment {
	h, err := hold(holder, documents)
	if err != nil {
		return Assessment{Level: Unreadable, Err: err}
	}
	v := Assessment{}
	if v.Ways, v.IAM = h.administers(); len(v.Ways) > 0 {
		v.Level = Administrator
	}
	v.Ways = append(v.Ways, h.escalates()...)
	if len(v.Ways) > 0 {
		v.Level = max(v.Level, Escalates)
	}
	return v
}

// Completes says what documents that are added to others make of their holder, that the others do not make of it
// without them. Before is the holder without what it is given. Only the ways that the others do not give are named.
func Completes(before, after Holder, others, added []string) Assessment {
	v := Assess(after, slices.Concat(others, added)...)
	without := Assess(before, others...)
	if v.Level >= Administrator && v.Level > without.Level {
		return v
	}
	v.Ways = slices.DeleteFunc(v.Ways, func(w Way) bool {
		return w.row == nil || slices.ContainsFunc(without.Ways, func(known Way) bool { return known.row == w.row })
	})
	if v.Level = Harmless; len(v.Ways) > 0 && without.Level < Administrator {
		v.Level = Escalates
	}
	return v
}

// Contributes reports whether the documents give any of the rights that ways need, on whatever resource: whether they
// may complete something. It is false if one cannot be read.
func Contributes(documents ...string) bool {
	h, err := hold(Holder{}, documents)
	return err == nil && slices.ContainsFunc(dangerous(), func(action string) bool { return h.anywhere(action) > nowhere })
}

// Allows reports whether the documents allow an action, such as iam:GetUser, on a resource: an ARN, or "*" for an
// action that has none. What a condition or a policy variable leaves open counts as allowed. A document that cannot
// be read allows everything, with an error.
func Allows(action, on string, documents ...string) (bool, error) {
	h, err := hold(Holder{}, documents)
	if err != nil {
		return true, err
	}
	target := readResource(escapeWildcards(on), false)
	target.all = everything(on)
	return h.reach(action, target, nil) > nowhere, nil
}

// held are the statements that somebody holds.
type held struct {
	Holder
	// The statements by the service of their actions; those whose actions may be of any service are under "".
	allows, denies map[string][]*statement
	boundary       *held // what it is limited to, which is denied the same; nil: nothing limits it
}

// hold is what somebody holds whose documents these are.
func hold(holder Holder, documents []string) (*held, error) {
	h := &held{Holder: holder, allows: map[string][]*statement{}, denies: map[string][]*statement{}}
	for _, document := range documents {
		statements, err := parseIdentity(document)
		if err != nil {
			return nil, err
		}
		h.add(statements)
	}
	if statements, err := parseIdentity(holder.Boundary); err == nil {
		h.boundary = &held{Holder: holder, allows: map[string][]*statement{}, denies: h.denies}
		h.boundary.add(statements)
	}
	return h, nil
}

func (h *held) add(statements []statement) {
	for i := range statements {
		s := &statements[i]
		index := h.denies
		switch {
		case s.allow:
			index = h.allows
		case s.doubtful:
			continue
		}
		byService := map[string][]string{}
		for _, pattern := range s.action.patterns {
			service, _, found := strings.Cut(lower(pattern), ":")
			if !found || wildcard(service) || s.action.not {
				service = ""
			}
			byService[service] = append(byService[service], lower(pattern))
		}
		if s.action.not && len(byService) == 0 {
			byService[""] = nil
		}
		for service, patterns := range byService {
			part := *s
			part.action.patterns = patterns
			index[service] = append(index[service], &part)
		}
	}
}

// of are the statements of the index that apply to an action, which is in lower case.
func of(index map[string][]*statement, action string) func(yield func(*statement) bool) {
	service, _, _ := strings.Cut(action, ":")
	return func(yield func(*statement) bool) {
		for _, list := range [][]*statement{index[service], index[""]} {
			for _, s := range list {
				if s.actsOn(action) && !yield(s) {
					return
				}
			}
		}
	}
}

// actsOn reports whether the statement is about the action, which is in lower case.
func (s *statement) actsOn(action string) bool {
	in := slices.ContainsFunc(s.action.patterns, func(pattern string) bool {
		// Without a colon only * is a pattern of actions. What else there may be gives, and does not take.
		if !strings.Contains(pattern, ":") && !everything(pattern) && (!s.allow || s.action.not) {
			return false
		}
		return covers(pattern, action)
	})
	return in != s.action.not
}

// How far a right goes among the resources of a kind.
type reach int

const (
	nowhere reach = iota
	named         // to resources that are named and are not known to lead on
	itself        // to the holder
	notable       // to a named resource that has the name of an administrator
	some          // to those of a pattern
	every
)

// reach says how far an action goes among the resources of a kind, which is a pattern of their ARNs. passed are the
// services that a role can be passed to, in the way that the question is about.
func (h *held) reach(action string, kind resource, passed []string) (most reach) {
	action = lower(action)
	if h.Account != "" && kind.segments[service] == "iam" {
		kind.segments[account] = h.Account
	}
	defer func() {
		if h.boundary != nil && most > nowhere {
			most = min(most, h.boundary.reach(action, kind, passed))
		}
	}()
	for s := range of(h.allows, action) {
		if s.conditions.excludes(passed) {
			continue
		}
		if s.resource.not {
			if !slices.ContainsFunc(s.resources, func(r resource) bool { return r.covers(kind) }) {
				most = max(most, h.unlessDenied(action, kind, kind, every))
			}
			continue
		}
		for _, r := range s.resources {
			if !r.overlaps(kind) {
				continue
			}
			if r.covers(kind) {
				most = max(most, h.unlessDenied(action, kind, kind, every))
			} else {
				most = max(most, h.unlessDenied(action, kind, r, h.within(r, kind)))
			}
		}
	}
	return most
}

// within says how far a pattern goes that does not cover a kind.
func (h *held) within(r, kind resource) reach {
	text := r.segments[name]
	_, after, _ := strings.Cut(text, "/")
	switch {
	case strings.HasPrefix(text, "role/aws-service-role/"):
		return named // nobody but its service assumes it
	case r.self:
		return itself
	case h.is(r):
		return itself
	case covers(text, kind.segments[name]):
		return every // in an account, region or partition, which may be the holder's
	case wildcard(text):
		return some
	case administrators(after):
		return notable
	}
	return named
}

// is reports whether a pattern without wildcards in its name is the holder. IAM's names are compared without case.
func (h *held) is(r resource) bool {
	text := lower(r.segments[name])
	if r.segments[service] != "iam" || wildcard(text) {
		return false
	}
	if strings.HasPrefix(text, "policy/") {
		return slices.ContainsFunc(h.Policies, func(policy string) bool {
			return readResource(lower(policy), false).segments[name] == text
		})
	}
	kind, _, _ := strings.Cut(text, "/")
	last := text[strings.LastIndex(text, "/")+1:]
	for _, own := range map[string][]string{"user": {h.User}, "group": h.Groups, "role": {h.Role}}[kind] {
		if last != "" && last == lower(own) {
			return true
		}
	}
	return false
}

// administrators reports whether a name, or a path and a name, says that its holder is an administrator.
func administrators(name string) bool {
	name = lower(name)
	return slices.ContainsFunc([]string{
		"admin", "organizationaccountaccessrole", "awscontroltowerexecution", "stacksetexecutionrole", "stacksets-exec",
		"cfn-exec-role",
	}, func(part string) bool { return strings.Contains(name, part) })
}

// unlessDenied is how far a right goes that a pattern within a kind has, nowhere if a Deny surely takes it away.
func (h *held) unlessDenied(action string, kind, pattern resource, far reach) reach {
	for s := range of(h.denies, action) {
		if len(s.conditions) > 0 {
			continue
		}
		if s.resource.not {
			// It denies all but those of the list.
			if !slices.ContainsFunc(s.resources, func(r resource) bool {
				return r.short || r.overlaps(pattern) && r.overlaps(kind)
			}) {
				return nowhere
			}
			continue
		}
		if slices.ContainsFunc(s.resources, func(r resource) bool { return r.covers(pattern) || r.covers(kind) }) {
			return nowhere
		}
	}
	return far
}

// excludes reports whether the conditions keep a role from being passed to any of the services.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#ck_PassedToService
func (c conditions) excludes(services []string) bool {
	for operator, keys := range c {
		values, there := keys["iam:passedtoservice"]
		like := operator == "stringlike"
		if !there || len(services) == 0 || !like && operator != "stringequals" && operator != "stringequalsignorecase" {
			continue
		}
		if !slices.ContainsFunc(values, func(value string) bool {
			value, variable := expand(lower(value))
			value = strings.TrimSuffix(value, ".cn")
			return variable || slices.ContainsFunc(services, func(service string) bool {
				return value == service || like && covers(value, service)
			})
		}) {
			return true
		}
	}
	return false
}
