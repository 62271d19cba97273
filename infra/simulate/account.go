package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// thing is one thing in the account that has a value, in the terms of package change. A quarantine is a managed
// policy here, and the group of a quarantine a group: which of both it is does not show.
type thing struct{ kind, subject, target string }

func (t thing) String() string { return fmt.Sprintf("%s %s of %s", t.kind, t.target, t.subject) }

func compare(a, b thing) int {
	return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.kind, b.kind), cmp.Compare(a.target, b.target))
}

// thingOf is the thing that a change changes.
func thingOf(c change.Change) thing {
	switch c.Kind {
	case change.Quarantine:
		return thing{change.ManagedUserPolicy, c.Subject, c.Target}
	case change.QuarantineGroup:
		return thing{change.GroupMembership, c.Subject, c.Target}
	case change.AccessKeyDeletion:
		return thing{change.AccessKeyStatus, c.Subject, c.Target}
	case change.Session: // its id says whose it is
		return thing{change.Session, "", c.Target}
	}
	return thing{c.Kind, c.Subject, c.Target}
}

// facts are the values of things.
type facts map[thing]string

// factsOf are all things of an account that can be changed here.
func factsOf(s fakeaws.State) facts {
	all := facts{}
	for name, u := range s.Users {
		maps.Copy(all, userFacts(name, u))
	}
	for name, b := range s.Buckets {
		if value := blockOf(b); value != "" {
			all[thing{change.BucketPublicAccess, name, b.Region}] = value
		}
	}
	for id, session := range s.Sessions {
		if session.Status == types.SessionStatusTerminated {
			continue
		}
		all[thing{change.Session, "", change.SessionTarget(session.Region, id)}] = change.Connected
	}
	return all
}

// userFacts are what is so about a user; nothing of one who does not exist.
func userFacts(name string, u *fakeaws.User) facts {
	all := facts{}
	if u == nil {
		return all
	}
	for _, key := range u.Keys {
		all[thing{change.AccessKeyStatus, name, key.ID}] = key.Status
	}
	for _, policy := range u.Attached {
		all[thing{change.ManagedUserPolicy, name, policy}] = change.Attached
	}
	for policy, document := range u.Inline {
		all[thing{change.InlineUserPolicy, name, policy}] = string(document)
	}
	for _, group := range u.Groups {
		all[thing{change.GroupMembership, name, group}] = change.Member
	}
	if u.Boundary != "" {
		all[thing{change.PermissionsBoundary, name, name}] = u.Boundary
	}
	return all
}

func blockOf(b *fakeaws.Bucket) string {
	if b == nil || b.Block == nil {
		return ""
	}
	return change.Block(b.Block)
}

// differences are the things whose values differ.
func differences(a, b facts) []thing {
	differ := map[thing]bool{}
	for t, value := range a {
		differ[t] = b[t] != value
	}
	for t, value := range b {
		differ[t] = a[t] != value
	}
	maps.DeleteFunc(differ, func(_ thing, differs bool) bool { return !differs })
	return slices.SortedFunc(maps.Keys(differ), compare)
}

// short is a value in a message: of a document its first words.
func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
