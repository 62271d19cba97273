package fakeaws

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/warder-aws/warder/pkg/analyzer"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/s3"
)

// clone returns what a state's JSON says: empty lists and maps are nil, times are in UTC, and the
// secrets of keys are not in it. It is written by hand because simulations ask for the state after
// every step.
func clone(s State) State {
	return State{
		ID:    s.ID,
		Users: pointers(s.Users, User.clone), Groups: pointers(s.Groups, Group.clone),
		Foreign: list(s.Foreign, same),
		Roles:   pointers(s.Roles, Role.clone),
		Secrets: pointers(s.Secrets, Secret.clone),
		Members: pointers(s.Members, Member.clone), Buckets: pointers(s.Buckets, Bucket.clone),
		Sessions: pointers(s.Sessions, same), Nodes: pointers(s.Nodes, Node.clone),
		Topics: pointers(s.Topics, Topic.clone), Queues: pointers(s.Queues, Queue.clone), Buses: pointers(s.Buses, Bus.clone),
		Stacks: pointers(s.Stacks, Stack.clone),
		Trails: pointers(s.Trails, Trail.clone), Recorders: pointers(s.Recorders, same),
		Shares:    pointers(s.Shares, Share.clone),
		Detectors: pointers(s.Detectors, Detector.clone), Hubs: pointers(s.Hubs, Hub.clone),
		FlowLogs: pointers(s.FlowLogs, FlowLog.clone), VPCs: pointers(s.VPCs, VPC.clone),
		QueryLogs: pointers(s.QueryLogs, QueryLog.clone),
		Accessed:  values(s.Accessed, Accessed.clone),
		Analyzers: values(s.Analyzers, func(all []analyzer.Finding) []analyzer.Finding { return list(all, same) }),
		Summary:   values(s.Summary, same), Policies: values(s.Policies, same), Unattachable: list(s.Unattachable, same),
		Versions: pointers(s.Versions, Versions.clone),
		SignIn:   s.SignIn.clone(),
		Centers:  list(s.Centers, same),
	}
}

func (u User) clone() User {
	u.Created, u.Tags, u.Keys = utc(u.Created), values(u.Tags, same), list(u.Keys, Key.clone)
	u.Attached, u.Services = list(u.Attached, same), list(u.Services, ServiceKey.clone)
	u.SSH, u.Signing = list(u.SSH, Uploaded.clone), list(u.Signing, Uploaded.clone)
	u.Inline, u.Groups, u.MFA = values(u.Inline, same), list(u.Groups, same), list(u.MFA, same)
	if u.Password != nil {
		u.Password = &Password{utc(u.Password.Created), utc(u.Password.Used)}
	}
	return u
}

func (k Key) clone() Key {
	return Key{ID: k.ID, Status: k.Status, Created: utc(k.Created), Changed: utc(k.Changed), Used: utc(k.Used)}
}

func (k ServiceKey) clone() ServiceKey {
	k.Created, k.Expires = utc(k.Created), utc(k.Expires)
	return k
}

func (u Uploaded) clone() Uploaded {
	u.Created = utc(u.Created)
	return u
}

func (g Group) clone() Group {
	return Group{Attached: list(g.Attached, same), Inline: values(g.Inline, same)}
}

func (s Secret) clone() Secret {
	s.Created, s.Changed, s.Deleted, s.Value = utc(s.Created), utc(s.Changed), utc(s.Deleted), ""
	return s
}

func (m Member) clone() Member {
	m.Keys = list(m.Keys, Key.clone)
	return m
}

func (b Bucket) clone() Bucket {
	b.Tags = values(b.Tags, same)
	if b.Block != nil {
		block := *b.Block
		b.Block = &block
	}
	b.Objects = values(b.Objects, func(o s3.Object) s3.Object { o.Body = bytes.Clone(o.Body); return o })
	return b
}

func (n Node) clone() Node {
	n.Tags = values(n.Tags, same)
	return n
}

func (t Topic) clone() Topic {
	t.Messages = list(t.Messages, func(m Message) Message { m.Attributes = values(m.Attributes, same); return m })
	return t
}

func (q Queue) clone() Queue {
	q.Messages = list(q.Messages, func(m Queued) Queued { m.Sent, m.Hidden = utc(m.Sent), utc(m.Hidden); return m })
	return q
}

func (b Bus) clone() Bus {
	b.Events = list(b.Events, func(p Put) Put { p.Time = utc(p.Time); return p })
	return b
}

func (s Stack) clone() Stack {
	s.Created, s.Updated = utc(s.Created), utc(s.Updated)
	return s
}

func (t Trail) clone() Trail {
	t.Tags = values(t.Tags, same)
	if t.Selectors != nil {
		text, err := json.Marshal(t.Selectors)
		if err != nil {
			panic(err) // texts and bools
		}
		parsed, err := change.ParseSelectors(string(text))
		if err != nil {
			panic(err) // it was written from the same type
		}
		t.Selectors = &parsed
	}
	return t
}

func same[T any](v T) T { return v }

func utc(t time.Time) time.Time { return t.Round(0).UTC() }

func list[T any](all []T, clone func(T) T) []T {
	if len(all) == 0 {
		return nil
	}
	out := make([]T, len(all))
	for i, v := range all {
		out[i] = clone(v)
	}
	return out
}

func values[T any](all map[string]T, clone func(T) T) map[string]T {
	if len(all) == 0 {
		return nil
	}
	out := make(map[string]T, len(all))
	for name, v := range all {
		out[name] = clone(v)
	}
	return out
}

func pointers[T any](all map[string]*T, clone func(T) T) map[string]*T {
	return values(all, func(v *T) *T {
		if v == nil {
			return nil
		}
		c := clone(*v)
		return &c
	})
}
