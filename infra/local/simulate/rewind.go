package simulate

import (
	"context"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// undo is what somebody of the company asks for.
func (w *world) undo(finding string) {
	if w.running != nil || w.entries[finding].ID == "" {
		return
	}
	w.count("undo requests")
	answer, err := w.answerUndo(context.Background(), remediation.UndoRequest{Action: finding, By: "kim@example.com", Reason: "it is needed"})
	w.check(truthful, w.entries[finding].Subject, err == nil, "undo %s: %v", finding, err)
	for _, u := range answer.Undone {
		w.note(u.Subject, "undone: %s", u.Text)
		w.check(truthful, u.Subject, w.stepOf(u.Action).Status == ledger.Undone, "%s is said to be undone, and the ledger has it as %s", u.Action, w.stepOf(u.Action).Status)
	}
	for _, r := range answer.Refused {
		w.note(w.entries[finding].Subject, "not undone: %s: %s", r.Action, r.Why)
	}
}

func (w *world) stepOf(id string) ledger.Step {
	entry, _, _ := strings.Cut(id, "-")
	for _, s := range w.entries[entry].Steps {
		if s.ID == id {
			return s
		}
	}
	return ledger.Step{}
}

// release lets a control go on.
func (w *world) release(id string) {
	for _, l := range w.lambdas {
		if l.id == id {
			answer, err := l.runner.Release(context.Background(), remediation.ReleaseRequest{By: "kim@example.com", Reason: "it is right"})
			w.check(truthful, "", err == nil, "release %s: %v", id, err)
			w.note("", "released: %s", answer.Text)
			if answer.Released {
				l.written = nil
			}
		}
	}
}

// rewind goes back through the journal from its end. What Warder did is undone by its own undo, which
// must find the account as the change left it and leave it as the change found it; what people did,
// what was undone before, and what cannot be undone is put back by hand. Then the first state is there.
func (w *world) rewind(first fakeaws.State) {
	for at := len(w.journal) - 1; at >= 0 && w.violation == nil; at-- {
		p := w.journal[at]
		w.pass(1)
		if p.bucket != "" {
			w.rewindBucket(p)
			continue
		}
		if p.secret != "" && p.step == "" {
			w.rewindSecret(p)
			continue
		}
		step := w.stepOf(p.step)
		kind, _ := w.undoer.Kinds.Kind(step.Change)
		if p.step != "" && step.Status.Made() && kind.Final().Empty() {
			w.count("undone at the end")
			now := differences(p.after, w.user(p.user))
			w.check(rewound, p.user, len(now) == 0, "before %s is undone, %v of %s are not as it left them", p.step, now, p.user)
			kept := len(w.journal)
			answer, err := w.answerUndo(context.Background(), remediation.UndoRequest{Action: p.step, By: "kim@example.com", Reason: "all of it"})
			w.journal = w.journal[:kept]
			w.check(rewound, p.user, err == nil && len(answer.Undone) == 1 && len(answer.Refused) == 0, "undo of %s (%s %s): %+v, %v", p.step, step.Kind, step.Target, answer, err)
			if p.secret != "" { // and the key with it, which came before
				w.rewindSecret(p)
				continue
			}
			differ := differences(p.before, w.user(p.user))
			w.check(rewound, p.user, len(differ) == 0, "after %s is undone, %v of %s are not as it found them", p.step, differ, p.user)
		}
		if p.secret != "" {
			w.rewindSecret(p)
			continue
		}
		// When things changed is not put back by an undo, and matters to none.
		w.account.Alter(fakeaws.State{Users: map[string]*fakeaws.User{p.user: copied(p.before)}})
	}
	w.account.With(func(s *fakeaws.State) {
		names := map[string]bool{}
		for name := range s.Users {
			names[name] = true
		}
		for name := range first.Users {
			names[name] = true
		}
		for name := range names {
			differ := differences(first.Users[name], s.Users[name])
			w.check(rewound, name, len(differ) == 0 && (first.Users[name] == nil) == (s.Users[name] == nil), "in the end %v of %s are not as on the first day", differ, name)
		}
		for name, b := range first.Buckets {
			w.check(rewound, name, same(b.Block, s.Buckets[name].Block), "in the end the bucket %s is not as on the first day", name)
		}
	})
}

func same(a, b *s3.PublicAccessBlock) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// wroteBucket judges a change of a bucket that was just made.
func (w *world) wroteBucket(name string, before *fakeaws.Bucket) {
	i := w.running
	if i == nil {
		w.journal = append(w.journal, page{at: w.now, bucket: name, wasOpen: before})
		return
	}
	w.count("changes")
	w.note(name, "%s closes %s", i.lambda.id, name)
	for _, id := range slices.Backward(w.bySubject[name]) {
		for _, s := range w.entries[id].Steps {
			if s.Kind == change.BucketPublicAccess && !s.Status.Settled() {
				w.journal = append(w.journal, page{at: w.now, bucket: name, wasOpen: before, step: s.ID})
				w.check(observing, name, i.settings.Mode == "enforce", "%s only observes: %s is closed", i.lambda.id, name)
				w.check(haltedNow, name, w.halted == 0, "Warder is halted: %s is closed", name)
				return
			}
		}
	}
	w.check(explained, name, false, "the ledger has no record of closing %s", name)
}

func (w *world) rewindBucket(p page) {
	step := w.stepOf(p.step)
	if p.step != "" && step.Status.Made() {
		kept := len(w.journal)
		answer, err := w.answerUndo(context.Background(), remediation.UndoRequest{Action: p.step, By: "kim@example.com", Reason: "all of it"})
		w.journal = w.journal[:kept]
		w.check(rewound, p.bucket, err == nil && len(answer.Undone) == 1, "undo of closing %s: %+v, %v", p.bucket, answer, err)
		w.account.With(func(s *fakeaws.State) {
			w.check(rewound, p.bucket, same(s.Buckets[p.bucket].Block, p.wasOpen.Block), "after %s is undone, %s is not as it found it", p.step, p.bucket)
		})
	}
	b := *p.wasOpen
	w.account.Alter(fakeaws.State{Buckets: map[string]*fakeaws.Bucket{p.bucket: &b}})
}

// wroteSecret notes a change of a secret that was just made. The last one of a rotation stands for it.
func (w *world) wroteSecret(operation, name string, before *fakeaws.Secret) {
	p := page{at: w.now, secret: name, wasSecret: before}
	for id, e := range w.entries {
		for _, s := range e.Steps {
			if operation == "secretsmanager:PutSecretValue" && s.Kind == change.AccessKeyRotation && !s.Status.Settled() && change.SecretName(s.Subject, s.Target) == name {
				p.step, p.user, p.after = s.ID, e.Subject, w.user(e.Subject)
				w.check(explained, e.Subject, id != "", "the ledger has no record of the secret %s", name)
			}
		}
	}
	w.journal = append(w.journal, p)
}

func (w *world) secret(name string) (copied *fakeaws.Secret) {
	w.account.With(func(s *fakeaws.State) {
		if secret := s.Secrets[name]; secret != nil {
			was := *secret
			copied = &was
		}
	})
	return copied
}

func (w *world) rewindSecret(p page) {
	w.account.With(func(s *fakeaws.State) {
		delete(s.Secrets, p.secret)
		if p.wasSecret != nil {
			was := *p.wasSecret
			s.Secrets[p.secret] = &was
		}
	})
}
