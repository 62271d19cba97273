package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// store is the ledger's table. What is written into it is read along here, so that the invariants are
// judged by what is recorded, and not by what the runner believes to be.
type store struct {
	*ledger.Memory
	w *world
}

// Put implements [ledger.Store].
func (s store) Put(ctx context.Context, item ledger.Item) error {
	err := s.Memory.Put(ctx, item)
	// An answer that was lost is one of a write that was made.
	if written, _ := s.Peek(item.Partition, item.Sort); written.Body == item.Body {
		s.w.recorded(written)
	}
	return err
}

// recorded keeps what the table holds, by its kind.
func (w *world) recorded(item ledger.Item) {
	into := func(v any) {
		if err := json.Unmarshal([]byte(item.Body), v); err != nil {
			w.fail(explained, "", "the ledger holds what cannot be read: %s: %v", item.Partition, err)
		}
	}
	kind, key, _ := strings.Cut(item.Partition, "#")
	switch kind {
	case "entry":
		var e ledger.Entry
		into(&e)
		if _, known := w.entries[e.ID]; !known {
			w.bySubject[e.Subject] = append(w.bySubject[e.Subject], e.ID)
		}
		w.entries[e.ID] = e
	case "case", "ended":
		if !item.Expires.IsZero() {
			return // what is left of one that ended
		}
		var c ledger.Case
		into(&c)
		if _, known := w.cases[key+"#"+c.Key]; !known {
			w.casesOf[key+"#"+c.Subject] = append(w.casesOf[key+"#"+c.Subject], key+"#"+c.Key)
		}
		w.cases[key+"#"+c.Key] = c
	case "hold":
		var h ledger.Hold
		into(&h)
		w.holds[key] = h
	case "run":
		var r ledger.Run
		into(&r)
		w.runs[r.Control+"#"+r.Key] = r.Done
	case "breaker":
		var b ledger.Breaker
		into(&b)
		w.breakers[key] = b
	}
}

// A fact is one thing that is so about a user: what kind of thing, and which.
type fact struct{ kind, target string }

// The kinds of facts, and the kinds of changes that change them.
var changes = map[string][]string{
	"key":      {change.AccessKeyStatus, change.AccessKeyDeletion, change.AccessKeyRotation},
	"managed":  {change.ManagedUserPolicy, change.Quarantine},
	"inline":   {change.InlineUserPolicy},
	"group":    {change.GroupMembership, change.QuarantineGroup},
	"boundary": {change.PermissionsBoundary},
}

// facts are what is so about a user; none of one who does not exist.
func facts(u *fakeaws.User) map[fact]string {
	all := map[fact]string{}
	if u == nil {
		return all
	}
	for _, key := range u.Keys {
		all[fact{"key", key.ID}] = key.Status
	}
	for _, policy := range u.Attached {
		all[fact{"managed", policy}] = change.Attached
	}
	for name, document := range u.Inline {
		all[fact{"inline", name}] = string(document)
	}
	for _, group := range u.Groups {
		all[fact{"group", group}] = change.Member
	}
	if u.Boundary != "" {
		all[fact{"boundary", ""}] = u.Boundary
	}
	return all
}

// differences are the facts in which two states of a user differ.
func differences(before, after *fakeaws.User) []fact {
	a, b := facts(before), facts(after)
	differ := map[fact]bool{}
	for f, value := range a {
		if b[f] != value {
			differ[f] = true
		}
	}
	for f, value := range b {
		if a[f] != value {
			differ[f] = true
		}
	}
	return slices.SortedFunc(maps.Keys(differ), func(x, y fact) int { return strings.Compare(x.kind+x.target, y.kind+y.target) })
}

// A page of the journal: something that was done to the account, and by whom.
type page struct {
	at            time.Time
	user          string // or
	bucket        string
	before, after *fakeaws.User
	wasOpen       *fakeaws.Bucket
	secret        string
	wasSecret     *fakeaws.Secret
	step          string // what the ledger calls it; empty for what people did
}

// user is a copy of a user, nil if there is none.
func (w *world) user(name string) (u *fakeaws.User) {
	if name == "" {
		return nil
	}
	w.account.With(func(s *fakeaws.State) { u = copied(s.Users[name]) })
	return u
}

func copied(u *fakeaws.User) *fakeaws.User {
	if u == nil {
		return nil
	}
	c := *u
	c.Tags, c.Inline = maps.Clone(u.Tags), maps.Clone(u.Inline)
	c.Keys, c.Attached, c.Groups = slices.Clone(u.Keys), slices.Clone(u.Attached), slices.Clone(u.Groups)
	if u.Password != nil {
		password := *u.Password
		c.Password = &password
	}
	return &c
}

// people do something to a user: it is written into the journal, and seen in the account.
func (w *world) people(name string, before, after *fakeaws.User) {
	w.account.Alter(fakeaws.State{Users: map[string]*fakeaws.User{name: copied(after)}})
	w.journal = append(w.journal, page{at: w.now, user: name, before: before, after: w.user(name)})
	w.moved(name, differences(before, after))
}

// moved notes since when facts are as they are.
func (w *world) moved(user string, of []fact) {
	for _, f := range of {
		w.since[place(user, f)] = w.now
	}
}

// note writes a line into the story.
func (w *world) note(about, format string, args ...any) {
	w.lines = append(w.lines, line{w.now, about, fmt.Sprintf(format, args...)})
}

// line is one line of the story.
type line struct {
	at    time.Time
	about string
	text  string
}

func (l line) String() string {
	return l.at.UTC().Format("2006-01-02 15:04:05  ") + l.text
}

func (w *world) count(what string) { w.counts[what]++ }
