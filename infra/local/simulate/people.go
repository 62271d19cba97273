package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// A happening is one thing that somebody or something does on a day. All of them are drawn before the
// first day, and none depends on what came before: what is not possible on its day comes to nothing.
// So the same company can be played again without some of them, see shrink.
type happening struct {
	id   int
	at   time.Time
	what string
	who  int
	seed uint64
}

func (h happening) rand() *rand.Rand { return rand.New(rand.NewPCG(h.seed, uint64(h.id))) }

// habits are what people do, and how often: times a user and year.
var habits = []struct {
	what string
	rate float64
	do   func(*world, happening, *rand.Rand)
}{
	{"makes a key", 1.2, (*world).makesKey},
	{"deletes a key", 0.5, (*world).deletesKey},
	{"toggles a key", 1, (*world).togglesKey},
	{"goes on holiday", 1.5, (*world).holiday},
	{"gets a policy", 1, (*world).getsPolicy},
	{"loses a policy", 0.3, (*world).losesPolicy},
	{"gets an inline policy", 0.4, (*world).getsInline},
	{"moves to another group", 0.3, (*world).moves},
	{"is exempted", 0.4, (*world).exempted},
	{"is exempt no more", 0.2, (*world).notExempted},
	{"asks for rotation", 0.1, (*world).asksForRotation},
	{"joins", 0.12, (*world).joins},
	{"leaves", 0.12, (*world).leaves},
	{"signs in", 6, (*world).signsIn},
	{"signs in from outside", 0.15, (*world).signsInOutside},
	{"leaks a key", 0.06, (*world).leaks},
	{"loses the boundary", 0.3, (*world).losesBoundary},
	{"connects to a machine", 0.2, (*world).connects},
	{"is looked at by AWS Config", 2, (*world).evaluated},
}

// affairs are the events of the company, times a year.
var affairs = []struct {
	what string
	rate float64
	do   func(*world, happening, *rand.Rand)
}{
	{"a bucket becomes public", 8, (*world).publishes},
	{"the root user signs in", 2, (*world).root},
	{"Warder is halted", 4, (*world).halts},
}

// weather is what befalls a control, times a year: see planned.
var weather = []string{"a sweep is missed", "a call goes wrong", "a service is down"}

// planned draws all happenings, and all troubles of AWS.
func planned(o Options, ids []string, begin time.Time) []happening {
	var all []happening
	r := rand.New(rand.NewPCG(o.Seed, 1))
	add := func(what string, mean float64, who int) {
		for n := poisson(r, mean); n > 0; n-- {
			minute := time.Duration(r.IntN(o.Days*24*60)) * time.Minute
			all = append(all, happening{what: what, who: who, at: begin.Add(minute).Add(time.Duration(r.IntN(60)) * time.Second), seed: r.Uint64()})
		}
	}
	years := float64(o.Days) / 365
	for i := range o.Users {
		for _, h := range habits {
			add(h.what, h.rate*years, i)
		}
	}
	for _, a := range affairs {
		add(a.what, a.rate*years, -1)
	}
	for i := range ids {
		add(weather[0], 5*years, i)
		add(weather[1], 12*years, i)
		add(weather[2], 3*years, i)
	}
	slices.SortStableFunc(all, func(a, b happening) int { return a.at.Compare(b.at) })
	for i := range all {
		all[i].id = i
	}
	return all
}

// poisson draws how often something happens that does so mean times on average.
func poisson(r *rand.Rand, mean float64) (n int) {
	for left := mean; ; n++ {
		if left -= r.ExpFloat64(); left < 0 {
			return n
		}
	}
}

// happen does what is planned.
func (w *world) happen(h happening) {
	r := h.rand()
	for _, habit := range habits {
		if habit.what == h.what {
			w.count(h.what)
			habit.do(w, h, r)
			return
		}
	}
	for _, affair := range affairs {
		if affair.what == h.what {
			w.count(h.what)
			affair.do(w, h, r)
			return
		}
	}
	l := w.lambdas[h.who]
	f := &fault{id: h.id, control: l.id, kind: pick(r, troubles...), call: 1 + r.IntN(14), tries: pick(r, 1, 1, 1, 3), at: w.now}
	switch h.what {
	case weather[0]:
		l.misses = true
		return
	case weather[2]:
		f.service, f.kind, f.tries = pick(r, "iam", "dynamodb", "sns", "ssm"), pick(r, "failed", "throttled", "denied", "timed out"), pick(r, 1, 2, 3, 6)
	}
	w.brewing = append(w.brewing, f)
}

// does changes a user, if there is one and alter says that it did something, tells of it, and says
// what was done to what.
func (w *world) does(h happening, r *rand.Rand, alter func(u *fakeaws.User) (said string, e []message, fresh fact)) {
	name := person(h.who)
	before := w.user(name)
	if before == nil {
		return
	}
	w.change(name, before, destiny(r), r.IntN(20) == 0, alter)
}

// change is what does does. Slow changes are seen only some seconds after the event.
func (w *world) change(name string, before *fakeaws.User, f fate, slow bool, alter func(u *fakeaws.User) (said string, e []message, fresh fact)) {
	after := copied(before)
	said, events, fresh := alter(after)
	if said == "" {
		return
	}
	w.note(name, "%s: %s", name, said)
	at, end := w.now, w.now.Add(4*time.Second)
	do := func() {
		// What was done meanwhile to the same user stays.
		now := w.user(name)
		if now == nil || len(differences(before, now)) > 0 && !w.now.Equal(at) {
			w.count("overtaken")
			return
		}
		w.people(name, now, after)
	}
	if slow && len(events) > 0 {
		w.count("seen late")
		w.unseen = append(w.unseen, unseen{end, do})
		f.late = 0
		w.at(end, func() {}) // the clock stops there
	} else {
		do()
	}
	what := ""
	if fresh.kind != "" {
		what = place(name, fresh)
	}
	for _, e := range events {
		w.put(e, f, name, what)
	}
}

func (w *world) makesKey(h happening, r *rand.Rand) {
	w.does(h, r, func(u *fakeaws.User) (string, []message, fact) {
		if len(u.Keys) == 2 {
			return "", nil, fact{}
		}
		key := fakeaws.Key{ID: fmt.Sprintf("AKIANEWX%012d", h.id), Status: change.Active, Created: w.now}
		u.Keys = append(u.Keys, key)
		return "makes key " + key.ID, []message{w.iam("CreateAccessKey", map[string]any{"userName": person(h.who)})}, fact{}
	})
}

func (w *world) deletesKey(h happening, r *rand.Rand) {
	w.does(h, r, func(u *fakeaws.User) (string, []message, fact) {
		if len(u.Keys) == 0 {
			return "", nil, fact{}
		}
		i := r.IntN(len(u.Keys))
		id := u.Keys[i].ID
		u.Keys = slices.Delete(u.Keys, i, i+1)
		return "deletes key " + id, []message{w.iam("DeleteAccessKey", map[string]any{"userName": person(h.who), "accessKeyId": id})}, fact{}
	})
}

func (w *world) togglesKey(h happening, r *rand.Rand) {
	w.does(h, r, func(u *fakeaws.User) (string, []message, fact) {
		if len(u.Keys) == 0 {
			return "", nil, fact{}
		}
		key := &u.Keys[r.IntN(len(u.Keys))]
		return w.toggle(person(h.who), key)
	})
}

func (w *world) toggle(user string, key *fakeaws.Key) (string, []message, fact) {
	key.Status, key.Changed = map[string]string{change.Active: change.Inactive, change.Inactive: change.Active}[key.Status], w.now
	return fmt.Sprintf("makes key %s %s", key.ID, key.Status), []message{w.iam("UpdateAccessKey", map[string]any{"userName": user, "accessKeyId": key.ID, "status": key.Status})}, fact{}
}

func (w *world) holiday(h happening, r *rand.Rand) {
	w.away[person(h.who)] = w.now.AddDate(0, 0, pick(r, 14, 30, 120))
	w.note(person(h.who), "%s is away until %s", person(h.who), w.away[person(h.who)].Format(time.DateOnly))
}

func (w *world) getsPolicy(h happening, r *rand.Rand) {
	w.does(h, r, func(u *fakeaws.User) (string, []message, fact) {
		policy := pick(r, direct...)
		if r.IntN(10) == 0 {
			policy = pick(r, given...)
		}
		return w.attach(person(h.who), u, policy)
	})
}

func (w *world) attach(user string, u *fakeaws.User, policy string) (string, []message, fact) {
	if slices.Contains(u.Attached, policy) {
		return "", nil, fact{}
	}
	u.Attached = append(u.Attached, policy)
	return "is given policy " + policy, []message{w.iam("AttachUserPolicy", map[string]any{"userName": user, "policyArn": policy})}, fact{"managed", policy}
}

func (w *world) losesPolicy(h happening, r *rand.Rand) {
	w.does(h, r, func(u *fakeaws.User) (string, []message, fact) {
		i := slices.IndexFunc(u.Attached, func(policy string) bool { return !strings.HasPrefix(policy, quarantines) })
		if i < 0 {
			return "", nil, fact{}
		}
		policy := u.Attached[i]
		u.Attached = slices.Delete(u.Attached, i, i+1)
		return "loses policy " + policy, []message{w.iam("DetachUserPolicy", map[string]any{"userName": person(h.who), "policyArn": policy})}, fact{}
	})
}

func (w *world) getsInline(h happening, r *rand.Rand) {
	w.does(h, r, func(u *fakeaws.User) (string, []message, fact) {
		name, document := pick(r, "extra", "more"), pick(r, allow("s3:Get*"), allow("aws-portal:*"), deny("s3:Put*"))
		if u.Inline == nil {
			u.Inline = map[string]fakeaws.Document{}
		}
		if string(u.Inline[name]) == document {
			return "", nil, fact{}
		}
		u.Inline[name] = fakeaws.Document(document)
		return "is given inline policy " + name + " " + document, []message{w.iam("PutUserPolicy", map[string]any{"userName": person(h.who), "policyName": name, "policyDocument": document})}, fact{"inline", name}
	})
}

func (w *world) moves(h happening, r *rand.Rand) {
	w.does(h, r, func(u *fakeaws.User) (string, []message, fact) {
		group := pick(r, "developers", "finance")
		if i := slices.Index(u.Groups, group); i >= 0 {
			u.Groups = slices.Delete(u.Groups, i, i+1)
			return "leaves the group " + group, []message{w.iam("RemoveUserFromGroup", map[string]any{"userName": person(h.who), "groupName": group})}, fact{}
		}
		u.Groups = append(u.Groups, group)
		return "joins the group " + group, []message{w.iam("AddUserToGroup", map[string]any{"userName": person(h.who), "groupName": group})}, fact{}
	})
}

func (w *world) exempted(h happening, r *rand.Rand) {
	w.does(h, r, func(u *fakeaws.User) (string, []message, fact) {
		from := pick(r, exemption.All, w.lambdas[r.IntN(len(w.lambdas))].id)
		until := w.now.AddDate(0, 0, 1+r.IntN(200)).Format(time.DateOnly) // some reach too far
		tag := fmt.Sprintf("%s until %s by kim@example.com for a batch job", from, until)
		if r.IntN(5) == 0 {
			tag = pick(r, "yes", "all", from+" until next year by kim for a reason", from+" by kim for ever")
		}
		u.Tags[exemption.Tag] = tag
		return "is tagged " + tag, []message{w.iam("TagUser", map[string]any{"userName": person(h.who), "tags": []any{map[string]any{"key": exemption.Tag, "value": tag}}})}, fact{}
	})
}

func (w *world) notExempted(h happening, r *rand.Rand) {
	w.does(h, r, func(u *fakeaws.User) (string, []message, fact) {
		if u.Tags[exemption.Tag] == "" {
			return "", nil, fact{}
		}
		delete(u.Tags, exemption.Tag)
		return "is not tagged any more", []message{w.iam("UntagUser", map[string]any{"userName": person(h.who), "tagKeys": []any{exemption.Tag}})}, fact{}
	})
}

func (w *world) asksForRotation(h happening, r *rand.Rand) {
	w.does(h, r, func(u *fakeaws.User) (string, []message, fact) {
		u.Tags["warder:rotate"] = "yes"
		return "is tagged warder:rotate", nil, fact{}
	})
}

func (w *world) joins(h happening, r *rand.Rand) {
	who := 1000 + h.id
	name, u := person(who), joining(r, who, w.now)
	request := map[string]any{"userName": name, "path": u.Path}
	if r.IntN(2) == 0 {
		u.Boundary = ""
	}
	w.note(name, "%s joins", name)
	w.people(name, nil, u)
	fresh := ""
	if u.Boundary == "" {
		fresh = name + "#boundary#"
	}
	w.put(w.iam("CreateUser", request), destiny(r), name, fresh)
}

func (w *world) leaves(h happening, r *rand.Rand) {
	name := person(h.who)
	if before := w.user(name); before != nil {
		w.note(name, "%s leaves", name)
		w.people(name, before, nil)
		w.put(w.iam("DeleteUser", map[string]any{"userName": name}), destiny(r), name, "")
	}
}

func (w *world) signsIn(h happening, r *rand.Rand)        { w.signIn(h, r, inside) }
func (w *world) signsInOutside(h happening, r *rand.Rand) { w.signIn(h, r, outside) }

func (w *world) signIn(h happening, r *rand.Rand, from string) {
	name := person(h.who)
	u := w.user(name)
	if u == nil || u.Password == nil {
		return
	}
	w.account.With(func(s *fakeaws.State) { s.Users[name].Password.Used = w.now })
	if from == outside {
		w.note(name, "%s signs in from outside", name)
	}
	e := w.call("signin", "ConsoleLogin", "us-east-1", from, w.identity(name), nil, map[string]any{"ConsoleLogin": "Success"})
	w.put(e, destiny(r), name, name+"#managed#"+quarantines+change.OutsideQuarantine)
}

func (w *world) leaks(h happening, r *rand.Rand) {
	name := person(h.who)
	u := w.user(name)
	if u == nil || len(u.Keys) == 0 {
		return
	}
	key := u.Keys[r.IntN(len(u.Keys))].ID
	w.note(name, "key %s of %s is found in public", key, name)
	w.put(w.exposed(key), destiny(r), name, name)
}

func (w *world) losesBoundary(h happening, r *rand.Rand) {
	w.does(h, r, func(u *fakeaws.User) (string, []message, fact) {
		if u.Boundary == "" {
			return "", nil, fact{}
		}
		u.Boundary = ""
		return "loses the boundary", []message{w.iam("DeleteUserPermissionsBoundary", map[string]any{"userName": person(h.who)})}, fact{"boundary", ""}
	})
}

func (w *world) connects(h happening, r *rand.Rand) {
	name := person(h.who)
	if w.user(name) == nil {
		return
	}
	from := pick(r, inside, inside, outside)
	session := fmt.Sprintf("%s-%017d", name, h.id)
	owner := "arn:aws:iam::" + number + ":user" + w.user(name).Path + name
	w.account.Alter(fakeaws.State{Sessions: map[string]*fakeaws.Session{session: {Region: "us-east-1", Owner: owner, Target: "i-0abc1234def567890"}}})
	w.note(name, "%s starts a session from %s", name, from)
	e := w.call("ssm", "StartSession", "us-east-1", from, w.identity(name), map[string]any{"target": "i-0abc1234def567890"}, map[string]any{"sessionId": session})
	w.put(e, destiny(r), name, name)
	e = w.call("ec2-instance-connect", "SendSSHPublicKey", "us-east-1", from, w.identity(name), map[string]any{"instanceId": "i-0abc1234def567890", "instanceOSUser": "ec2-user"}, map[string]any{"success": true})
	w.put(e, destiny(r), name, name+"#managed#"+quarantines+change.OutsideQuarantine)
}

func (w *world) evaluated(h happening, r *rand.Rand) {
	name := person(h.who)
	if u := w.user(name); u != nil {
		w.put(w.compliance(pick(r, "access-keys-rotated", "iam-user-unused-credentials-check", "iam-user-no-policies-check"), u), destiny(r), name, "")
	}
}

func (w *world) publishes(h happening, r *rand.Rand) {
	name := fmt.Sprintf("bucket-%d", r.IntN(4))
	var before *fakeaws.Bucket
	w.account.With(func(s *fakeaws.State) { b := *s.Buckets[name]; before = &b })
	open := &fakeaws.Bucket{Region: before.Region}
	w.account.Alter(fakeaws.State{Buckets: map[string]*fakeaws.Bucket{name: open}})
	w.journal = append(w.journal, page{at: w.now, bucket: name, wasOpen: before})
	w.note(name, "%s becomes public", name)
	w.put(w.public(name, before.Region), destiny(r), name, name)
}

func (w *world) root(_ happening, r *rand.Rand) {
	who := map[string]any{"type": "Root", "principalId": number, "arn": "arn:aws:iam::" + number + ":root", "accountId": number}
	w.put(w.call("signin", "ConsoleLogin", "us-east-1", outside, who, nil, map[string]any{"ConsoleLogin": "Success"}), destiny(r), "", "")
}

func (w *world) halts(_ happening, r *rand.Rand) {
	w.halted++
	w.account.Alter(fakeaws.State{Halt: "kim looks into something"})
	w.note("", "Warder is halted")
	w.at(w.now.AddDate(0, 0, 1+r.IntN(9)), func() {
		if w.halted--; w.halted == 0 {
			w.account.Alter(fakeaws.State{Halt: "no"})
			w.note("", "Warder goes on")
		}
	})
}

// day is what happens to everybody on a day: keys are used, or not.
func (w *world) day() {
	w.account.With(func(s *fakeaws.State) {
		for name, u := range s.Users {
			if w.now.Before(w.away[name]) {
				continue
			}
			for i := range u.Keys {
				key := &u.Keys[i]
				// One key in four is never used, one in four now and then, and the others every day.
				habit := w.habit(key.ID)
				if key.Status == change.Active && (habit > 1 || habit == 1 && w.habit(key.ID+w.now.Format(time.DateOnly)) == 0) {
					key.Used = w.now.Truncate(time.Second)
				}
			}
		}
	})
}

// react is what people do when they are told.
func (w *world) react(m notice.Message) {
	r := w.draw("react", m.ID)
	user, later := m.Subject, w.now.Add(time.Hour+time.Duration(r.IntN(8*24))*time.Hour)
	switch m.Kind {
	case notice.Warning:
		switch p := r.IntN(10); {
		case p < 4: // puts it right in time
			w.at(later, func() { w.putRight(m, r) })
		case p == 4: // asks for an exemption
			w.at(later, func() {
				w.alter(user, r, func(u *fakeaws.User) (string, []message, fact) {
					u.Tags[exemption.Tag] = fmt.Sprintf("%s until %s by kim@example.com for more time", m.Control, w.now.AddDate(0, 0, 20).Format(time.DateOnly))
					return "is tagged " + u.Tags[exemption.Tag], nil, fact{}
				})
			})
		}
	case notice.Changed:
		switch r.IntN(10) {
		case 0: // puts it back
			w.at(later, func() { w.putBack(m, r) })
		case 1:
			w.at(later, func() { w.undo(m.Finding) })
		}
	case notice.Alert:
		if e := w.entries[m.Finding]; e.Guard == "stopped" && r.IntN(10) > 0 {
			w.at(later, func() { w.release(m.Control) })
		}
	}
}

// alter is change for who acts because of a notice.
func (w *world) alter(user string, r *rand.Rand, alter func(u *fakeaws.User) (string, []message, fact)) {
	if before := w.user(user); before != nil {
		w.change(user, before, destiny(r), false, alter)
	}
}

// putRight does what a notice asks for.
func (w *world) putRight(m notice.Message, r *rand.Rand) {
	for _, step := range w.entries[m.Finding].Steps {
		w.alter(m.Subject, r, func(u *fakeaws.User) (string, []message, fact) {
			switch step.Kind {
			case change.AccessKeyStatus, change.AccessKeyDeletion:
				if i := slices.IndexFunc(u.Keys, func(k fakeaws.Key) bool { return k.ID == step.Target }); i >= 0 {
					if r.IntN(2) == 0 && u.Keys[i].Status == change.Active {
						return w.toggle(m.Subject, &u.Keys[i])
					}
					u.Keys = slices.Delete(u.Keys, i, i+1)
					return "deletes key " + step.Target, []message{w.iam("DeleteAccessKey", map[string]any{"userName": m.Subject, "accessKeyId": step.Target})}, fact{}
				}
			case change.ManagedUserPolicy:
				if i := slices.Index(u.Attached, step.Target); i >= 0 {
					u.Attached = slices.Delete(u.Attached, i, i+1)
					return "loses policy " + step.Target, []message{w.iam("DetachUserPolicy", map[string]any{"userName": m.Subject, "policyArn": step.Target})}, fact{}
				}
			case change.InlineUserPolicy:
				if _, ok := u.Inline[step.Target]; ok {
					delete(u.Inline, step.Target)
					return "loses inline policy " + step.Target, []message{w.iam("DeleteUserPolicy", map[string]any{"userName": m.Subject, "policyName": step.Target})}, fact{}
				}
			case change.PermissionsBoundary:
				if u.Boundary == "" {
					u.Boundary = boundary
					return "gets the boundary", []message{w.iam("PutUserPermissionsBoundary", map[string]any{"userName": m.Subject, "permissionsBoundary": boundary})}, fact{}
				}
			}
			return "", nil, fact{}
		})
	}
}

// putBack does by hand what undo would do.
func (w *world) putBack(m notice.Message, r *rand.Rand) {
	for _, step := range w.entries[m.Finding].Steps {
		w.alter(m.Subject, r, func(u *fakeaws.User) (string, []message, fact) {
			switch step.Kind {
			case change.AccessKeyStatus:
				if i := slices.IndexFunc(u.Keys, func(k fakeaws.Key) bool { return k.ID == step.Target && k.Status != change.Active }); i >= 0 {
					return w.toggle(m.Subject, &u.Keys[i])
				}
			case change.ManagedUserPolicy:
				return w.attach(m.Subject, u, step.Target)
			case change.InlineUserPolicy:
				if _, ok := u.Inline[step.Target]; !ok {
					if u.Inline == nil {
						u.Inline = map[string]fakeaws.Document{}
					}
					u.Inline[step.Target] = fakeaws.Document(step.Before)
					return "is given inline policy " + step.Target, []message{w.iam("PutUserPolicy", map[string]any{"userName": m.Subject, "policyName": step.Target, "policyDocument": step.Before})}, fact{"inline", step.Target}
				}
			}
			return "", nil, fact{}
		})
	}
}
