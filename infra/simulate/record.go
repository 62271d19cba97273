package main

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// record is what was written to the ledger's table, done to the account and notified, read along here: the invariants
// are evaluated by it, and not by what the runner believes.
type record struct {
	entries   map[string]ledger.Entry
	bySubject map[string][]string
	cases     map[string]map[string]ledger.Case // by control and subject, by key
	holds     map[string]ledger.Hold
	runs      map[string]bool
	breakers  map[string]ledger.Breaker

	journal  []page                 // of the account
	since    map[thing]time.Time    // since when things are as they are
	clean    map[string]time.Time   // when a sweep last found a thing right, by control and thing
	urgent   map[string]time.Time   // when an emergency was held, by control and thing
	awaited  map[string]time.Time   // when IAM did not show what an event was about, by control and thing
	warned   map[string][]thing     // what owners were warned of, by control
	notices  []accepted             // by the topic
	doubtful map[string]bool        // by id of the notice: whether its sender may not know that it was accepted
	open     map[*invocation]string // tries that failed
	missed   map[string]int         // sweeps in a row that a thing was not known in, or was overdue in

	verification
}

func newRecord() *record {
	return &record{
		entries: map[string]ledger.Entry{}, bySubject: map[string][]string{},
		cases: map[string]map[string]ledger.Case{}, holds: map[string]ledger.Hold{}, runs: map[string]bool{},
		breakers: map[string]ledger.Breaker{}, since: map[thing]time.Time{}, clean: map[string]time.Time{},
		urgent: map[string]time.Time{}, awaited: map[string]time.Time{}, warned: map[string][]thing{},
		doubtful: map[string]bool{},
		open:     map[*invocation]string{}, missed: map[string]int{},
		verification: verification{checks: map[string]int{}},
	}
}

// raw is the thing that a change names, as the ledger has it: what normalizes it is thingOf.
func raw(c change.Change) thing { return thing{c.Kind, c.Subject, c.Target} }

// key is what the ledger calls a thing.
func (t thing) key() string { return t.kind + "#" + t.subject + "#" + t.target }

// accepted is a notice that the topic accepted.
type accepted struct {
	control string
	kind    notice.Kind
	at      time.Time
	about   map[thing]bool
}

// written keeps what the table holds, by its kind.
func (r *record) written(item ledger.Item) {
	kind, key, _ := strings.Cut(item.Partition, "#")
	switch kind {
	case "entry":
		e := decoded[ledger.Entry](r, item)
		if _, known := r.entries[e.ID]; !known {
			r.bySubject[e.Subject] = append(r.bySubject[e.Subject], e.ID)
		}
		r.entries[e.ID] = e
	case "case", "ended":
		if !item.Expires.IsZero() {
			return // what is left of one that ended
		}
		c := decoded[ledger.Case](r, item)
		of := key + "#" + c.Subject
		if r.cases[of] == nil {
			r.cases[of] = map[string]ledger.Case{}
		}
		r.cases[of][c.Key] = c
	case "hold":
		r.holds[key] = decoded[ledger.Hold](r, item)
	case "run":
		run := decoded[ledger.Run](r, item)
		r.runs[run.Control+"#"+run.Key] = run.Done
	case "breaker":
		r.breakers[key] = decoded[ledger.Breaker](r, item)
	}
}

func decoded[T any](r *record, item ledger.Item) (v T) {
	if err := json.Unmarshal([]byte(item.Body), &v); err != nil {
		r.require(explained, "", false, "the ledger holds what cannot be read: %s: %v", item.Partition, err)
	}
	return v
}

func (r *record) stepOf(id string) ledger.Step {
	entry, _, _ := strings.Cut(id, "-")
	for _, s := range r.entries[entry].Steps {
		if s.ID == id {
			return s
		}
	}
	return ledger.Step{}
}

// resource is a user, a bucket or a secret.
type resource struct{ kind, name string }

// page is something that was done to a resource.
type page struct {
	resource
	before, after fakeaws.State // of the one resource, nil where it was not there
	step          string        // what the ledger calls it; empty for what people did
	owner         string        // of a secret that a rotation has written last: whose it is
	left          fakeaws.State // and how it left the owner
}

func (w *world) saved(of resource) (is fakeaws.State) {
	w.fake.With(func(s *fakeaws.State) {
		switch of.kind {
		case "user":
			is.Users = map[string]*fakeaws.User{of.name: copied(s.Users[of.name])}
		case "bucket":
			is.Buckets = map[string]*fakeaws.Bucket{of.name: shallow(s.Buckets[of.name])}
		case "secret":
			is.Secrets = map[string]*fakeaws.Secret{of.name: shallow(s.Secrets[of.name])}
		}
	})
	return is
}

func (w *world) restore(was fakeaws.State) {
	w.fake.With(func(s *fakeaws.State) {
		keep(s.Users, was.Users)
		keep(s.Buckets, was.Buckets)
		keep(s.Secrets, was.Secrets)
	})
}

func keep[T any](all, was map[string]*T) {
	maps.Copy(all, was)
	maps.DeleteFunc(all, func(_ string, v *T) bool { return v == nil })
}

func shallow[T any](v *T) *T {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}

func copied(u *fakeaws.User) *fakeaws.User {
	if u == nil {
		return nil
	}
	c := shallow(u)
	c.Tags, c.Inline, c.Password = maps.Clone(u.Tags), maps.Clone(u.Inline), shallow(u.Password)
	c.Keys, c.Attached, c.Groups = slices.Clone(u.Keys), slices.Clone(u.Attached), slices.Clone(u.Groups)
	c.MFA = slices.Clone(u.MFA)
	return c
}

// resourceOf is the resource that an input is about; without a kind if it is none that is watched.
func resourceOf(input any) resource {
	v := reflect.Indirect(reflect.ValueOf(input))
	if v.Kind() != reflect.Struct {
		return resource{}
	}
	for field, kind := range map[string]string{
		"UserName": "user", "Bucket": "bucket", "SecretId": "secret", "Name": "secret",
	} {
		if field == "Name" && v.Type().Name() != "CreateSecretInput" {
			continue
		}
		if f := v.FieldByName(field); f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil() {
			return resource{kind, f.Elem().String()}
		}
	}
	return resource{}
}

// watched makes a call of a function, or of people if there is no invocation, and records what it changes.
func (w *world) watched(i *invocation, c deployment.Call) (out any, err error) {
	if item, ok := c.Input.(ledger.Item); ok {
		if out, err = c.Do(); err == nil {
			w.written(item)
		}
		return out, err
	}
	of := resourceOf(c.Input)
	looks := fakeaws.Looks(c.Operation)
	if looks && i != nil && of.kind == "user" {
		return w.observed(i, c, of.name)
	}
	if looks || of.kind == "" {
		return c.Do()
	}
	before := w.saved(of)
	if out, err = c.Do(); err != nil {
		return out, err
	}
	w.recordChange(i, of, before, c.Operation)
	if i != nil && w.lags(i) {
		i.lagging = w.now.Add(2 * time.Second)
	}
	return out, nil
}

func (w *world) watch(of resource, do func()) {
	before := w.saved(of)
	do()
	w.journal = append(w.journal, page{resource: of, before: before, after: w.saved(of)})
}

// recordChange records a change, and evaluates it if a function made it.
func (w *world) recordChange(i *invocation, of resource, before fakeaws.State, operation string) {
	p := page{resource: of, before: before, after: w.saved(of)}
	if of.kind == "secret" { // the last write of a rotation stands for all of it
		for _, e := range w.entries {
			for _, s := range e.Steps {
				if operation == "secretsmanager:PutSecretValue" && s.Kind == change.AccessKeyRotation && !s.Status.Settled() &&
					change.SecretName(s.Subject, s.Target) == of.name {
					p.step, p.owner, p.left = s.ID, e.Subject, w.saved(resource{"user", e.Subject})
				}
			}
		}
		w.journal = append(w.journal, p)
		return
	}
	differ := differences(factsOf(before), factsOf(p.after))
	if len(differ) == 0 && (before.Users[of.name] == nil) == (p.after.Users[of.name] == nil) {
		return
	}
	if i == nil { // people, or somebody undoes
		w.journal = append(w.journal, p)
		for _, t := range differ {
			w.since[t] = w.now
		}
		return
	}
	w.count("changes")
	for _, t := range differ {
		w.judge(i, p, t)
	}
}

// rewind goes back through the journal from its end. What Warder did is undone by its own undo, which must find the
// account as the change left it and leave it as the change found it; what people did, what was undone before, and what
// cannot be undone is restored by hand. Then the account is as it was on the first day.
func (w *world) rewind(first facts) {
	for _, p := range slices.Backward(w.journal) {
		if len(w.violations) > 0 {
			break
		}
		w.pass(1)
		step := w.stepOf(p.step)
		kind, _ := w.undoer.Kinds.Kind(step.Change)
		if p.step != "" && step.Status.Made() && kind.Final().Empty() {
			w.count("undone at the end")
			of, left := p.resource, p.after
			if p.owner != "" { // and with the secret goes the key, which came before
				of, left = resource{"user", p.owner}, p.left
			}
			now := differences(factsOf(left), factsOf(w.saved(of)))
			w.require(rewound, of.name, len(now) == 0, "before %s is undone, %v are not as it left them", p.step, now)
			answer, err := w.undoer.Answer(context.Background(), remediation.UndoRequest{
				Action: p.step, By: "kim@example.com", Reason: "all of it",
			})
			w.require(rewound, of.name, err == nil && len(answer.Undone) == 1 && len(answer.Refused) == 0,
				"undo of %s (%s): %+v, %v", p.step, raw(step.Change), answer, err)
			if p.owner == "" {
				differ := differences(factsOf(p.before), factsOf(w.saved(of)))
				w.require(rewound, of.name, len(differ) == 0, "after %s is undone, %v are not as it found them", p.step, differ)
			}
		}
		// When things changed is not undone, and matters to none.
		w.restore(p.before)
	}
	last := factsOf(w.fake.State())
	bySubject := map[string][]thing{}
	for _, t := range slices.Concat(slices.Collect(maps.Keys(first)), slices.Collect(maps.Keys(last))) {
		bySubject[t.subject] = nil
	}
	for _, t := range differences(first, last) {
		bySubject[t.subject] = append(bySubject[t.subject], t)
	}
	delete(bySubject, "") // sessions that ended stay so
	for subject, differ := range bySubject {
		w.require(rewound, subject, len(differ) == 0, "in the end %v of %s are not as on the first day", differ, subject)
	}
}
