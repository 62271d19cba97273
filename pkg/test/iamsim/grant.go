package iamsim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A Statement of a policy of an identity.
type Statement struct {
	Sid       string                     `json:",omitempty"`
	Effect    string                     // Allow or Deny
	Action    list                       // iam:GetUser
	Resource  list                       // ARNs, with wildcards
	Condition map[string]map[string]list `json:",omitempty"` // values by operator, by key
}

// A Policy is what its statements allow, but for what they deny.
type Policy []Statement

// ParsePolicy reads the document of a policy. One that allows all but something, or denies under a condition, is an
// error: what is made of a policy here would not be true of it.
func ParsePolicy(document []byte) (Policy, error) {
	var read struct {
		Version, ID string
		Statement   Policy
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return nil, fmt.Errorf("decode policy: %w", err)
	}
	for _, s := range read.Statement {
		denies := s.Effect == "Deny" && len(s.Condition) == 0
		if s.Effect != "Allow" && !denies || len(s.Action) == 0 || len(s.Resource) == 0 {
			return nil, errors.New("decode policy: a statement that neither allows nor denies actions on resources")
		}
	}
	return read.Statement, nil
}

// Document is the policy as IAM has it.
func (p Policy) Document() (json.RawMessage, error) {
	if p == nil {
		p = Policy{} // it allows nothing
	}
	document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": p})
	if err != nil {
		return nil, fmt.Errorf("encode policy: %w", err)
	}
	return document, nil
}

// A Grant is one action on one resource that a statement of a policy allows.
type Grant struct {
	Statement        int // index
	Action, Resource string
}

// Grants are all that the policy grants.
func (p Policy) Grants() []Grant {
	var all []Grant
	for i, s := range p {
		if s.Effect == "Deny" {
			continue
		}
		for _, action := range s.Action {
			for _, resource := range s.Resource {
				all = append(all, Grant{i, action, resource})
			}
		}
	}
	return all
}

// Allowing is the policy without what it denies.
func (p Policy) Allowing() Policy {
	return slices.DeleteFunc(slices.Clone(p), func(s Statement) bool { return s.Effect == "Deny" })
}

// Without is the policy with everything but the grant.
func (p Policy) Without(g Grant) Policy {
	var rest Policy
	for i, s := range p {
		if i != g.Statement {
			rest = append(rest, s)
			continue
		}
		others, same := s, s
		others.Action = s.Action.without(g.Action)
		same.Action, same.Resource = list{g.Action}, s.Resource.without(g.Resource)
		for _, s := range []Statement{others, same} {
			if len(s.Action) > 0 && len(s.Resource) > 0 {
				rest = append(rest, s)
			}
		}
	}
	return rest
}

// With is the policy with one more statement.
func (p Policy) With(s Statement) Policy { return append(slices.Clone(p), s) }

// Wider is the policy with the grant for every resource.
func (p Policy) Wider(g Grant) Policy {
	s := p[g.Statement]
	s.Action, s.Resource = list{g.Action}, list{"*"}
	return p.Without(g).With(s)
}

// A Limit is one key of the conditions of a statement.
type Limit struct {
	Statement     int // index
	Operator, Key string
}

// Limits are the conditions of the policy.
func (p Policy) Limits() []Limit {
	var all []Limit
	for i, s := range p {
		for operator, keys := range s.Condition {
			for key := range keys {
				all = append(all, Limit{i, operator, key})
			}
		}
	}
	slices.SortFunc(all, func(a, b Limit) int {
		return cmp.Or(a.Statement-b.Statement, cmp.Compare(a.Operator, b.Operator), cmp.Compare(a.Key, b.Key))
	})
	return all
}

// Unlimited is the policy without the condition.
func (p Policy) Unlimited(l Limit) Policy { return p.limited(l, nil) }

// WithoutValue is the policy whose condition has not the value; without its last value the condition
// no longer exists.
func (p Policy) WithoutValue(l Limit, value string) Policy {
	return p.limited(l, p[l.Statement].Condition[l.Operator][l.Key].without(value))
}

// limited is the policy whose condition has those values, or is not there when there are none.
func (p Policy) limited(l Limit, to list) Policy {
	changed, s := slices.Clone(p), p[l.Statement]
	conditions := maps.Clone(s.Condition)
	conditions[l.Operator] = maps.Clone(s.Condition[l.Operator])
	conditions[l.Operator][l.Key] = to
	if len(to) == 0 {
		delete(conditions[l.Operator], l.Key)
	}
	if len(conditions[l.Operator]) == 0 {
		delete(conditions, l.Operator)
	}
	changed[l.Statement].Condition = conditions
	return changed
}

// A list is what IAM takes alone or in an array.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = list{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

func (l list) without(value string) list {
	return slices.DeleteFunc(slices.Clone(l), func(v string) bool { return v == value })
}
