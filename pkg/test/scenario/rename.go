package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// moments are how many of the moments between two calls of an event are tried of a scenario: the first, the last, and
// those in between that its name chooses.
const moments = 4

// renamed plays the scenario again with all its users renamed between two calls to AWS of one of its events. What is
// true at its end of the users, by their unique ids, is the same as without; and so is what people were notified of.
func (h *harness) renamed(t *testing.T, played *fixture) {
	h.at(t, played, "renamed", func(i, n, turn int) []string {
		w, err := h.from(played, played.snapshots[i])
		if err != nil {
			return []string{err.Error()}
		}
		e := w.events[i]
		w.alter(e)
		names := slices.Sorted(maps.Keys(w.account.State().Users))
		w.meanwhile(n, func(s *fakeaws.State) {
			for _, name := range names {
				s.Rename(name, newName(name))
			}
		})
		var events []step
		if h.startsOn("UpdateUser") {
			events = renamings(e, names)
		}
		deliver := func(when int) {
			if turn%3 == when {
				for _, renamed := range events {
					_, _ = w.run(renamed)
				}
			}
		}
		if n == 1 {
			deliver(0)
		}
		_, err = w.run(e)
		if n != 1 && turn%3 == 0 {
			turn++
		}
		deliver(1)
		for try := 1; err != nil && try < tries; try++ {
			_, err = w.run(e)
		}
		deliver(2)
		var wrong []string
		if err != nil && !played.failing[e.name] {
			wrong = append(wrong, fmt.Sprintf("not handled: %v", err))
		}
		w.rename(i+1, names)
		if name, err := w.continueFrom(i+1, played.failing); err != nil {
			wrong = append(wrong, fmt.Sprintf("then %s is not handled: %v", name, err))
		}
		h.use(w)
		return append(append(wrong, w.differsByID(played.end().outcome)...), w.wrong()...)
	})
}

// recreated plays the scenario again with all its users deleted between two calls of one of its events, and others
// created under their names with the same policies. Nothing is done to these because of that event. And where that
// happened before an event, nothing that is remembered of the former users changes what is done to these.
func (h *harness) recreated(t *testing.T, played *fixture) {
	h.at(t, played, "recreated", func(i, n, _ int) []string {
		w, err := h.from(played, played.snapshots[i])
		if err != nil {
			return []string{err.Error()}
		}
		e := w.events[i]
		w.alter(e)
		if n == 1 && i > 0 && played.settings.BlastRadius == wide {
			return h.successors(played, w, i)
		}
		var created map[string]*fakeaws.User
		w.meanwhile(n, func(s *fakeaws.State) {
			for _, name := range slices.Collect(maps.Keys(s.Users)) {
				s.Recreate(name, w.now.Add(time.Second))
			}
			created = fakeaws.New(*s).State().Users
		})
		if sweeps(e) {
			return nil // it finds the successors, and their own violations
		}
		_, err = w.run(e)
		for try := 1; err != nil && try < tries; try++ {
			_, err = w.run(e)
		}
		var wrong []string
		if created == nil {
			return nil
		}
		if diff := gocmp.Diff(created, w.account.State().Users, cmpopts.EquateEmpty()); diff != "" {
			wrong = append(wrong, "something was done to a user of the same name (-before +after):\n"+diff)
		}
		return append(wrong, w.leaks()...)
	})
}

// successors compares what is done to users who were created before an event, under the names of others who were
// deleted, with what is done to them when the ledger is empty.
func (h *harness) successors(played, w *fixture, i int) (wrong []string) {
	e := w.events[i]
	w.account.With(func(s *fakeaws.State) {
		for _, name := range slices.Collect(maps.Keys(s.Users)) {
			s.Recreate(name, w.now)
		}
	})
	blank := *played.snapshots[i]
	blank.account, blank.store = w.account, &ledger.Memory{}
	halt, err := sealed(w.store).Halt(context.Background())
	if err == nil {
		err = sealed(blank.store).SetHalt(context.Background(), ledger.Halt{}, halt)
	}
	if err != nil {
		return []string{err.Error()}
	}
	other, err := h.from(played, &blank)
	if err != nil {
		return []string{err.Error()}
	}
	for _, each := range []*fixture{w, other} {
		_, err := each.run(e)
		for try := 1; err != nil && try < tries; try++ {
			_, err = each.run(e)
		}
	}
	if !e.isEvent() {
		return nil
	}
	want, got := other.account.State().Users, w.account.State().Users
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		wrong = append(wrong, "what is remembered of a former user matters for one of the same name (-without +with):\n"+diff)
	}
	return wrong
}

// at tries something at moments of the scenario: before the call of a number to AWS in the handling of an event. A
// section of the name says that something else comes of it then, and why.
func (h *harness) at(t *testing.T, played *fixture, section string, try func(event, call, turn int) []string) {
	// A planner that is told in the scenario what to find goes by the names there.
	_, told := h.described.Parameters["plan"]
	if !h.described.Acts() || told || len(played.drills) > 0 || len(played.untouched.State().Users) == 0 {
		return
	}
	for _, f := range played.archive.Files {
		if f.Name == section {
			return
		}
	}
	type moment struct{ event, call int }
	var all []moment
	for i, e := range played.events {
		n := 0
		for _, c := range played.snapshots[i].calls {
			if s := service(c.operation); s != "dynamodb" && s != "sns" {
				n++
				// IAM has no write on the condition of a unique id: right before it the name is looked up, and what comes in
				// between those two cannot be prevented.
				if e.isEvent() && (fakeaws.Looks(c.operation) || section == "renamed") {
					all = append(all, moment{i, n})
				}
			}
		}
	}
	step := max(1, (len(all)+moments-1)/moments)
	for turn, at := range all {
		if turn != 0 && turn != len(all)-1 && turn%step != len(played.file)%step {
			continue
		}
		for _, wrong := range try(at.event, at.call, turn) {
			t.Errorf("%s before call %d of %s: %s", section, at.call, played.events[at.event].name, wrong)
		}
	}
}

// meanwhile has people do something before the call of the number.
func (w *fixture) meanwhile(n int, do func(*fakeaws.State)) {
	w.account.Meanwhile = func(s *fakeaws.State) {
		if n--; n == 0 {
			do(s)
		}
	}
}

// use notes which operations were called.
func (h *harness) use(w *fixture) {
	for operation := range w.account.Calls() {
		h.used[operation] = true
	}
}

// startsOn reports whether a rule of the control is for a call of IAM.
func (h *harness) startsOn(call string) bool {
	return slices.ContainsFunc(h.described.Rules, func(rule json.RawMessage) bool {
		return bytes.Contains(rule, []byte(`"`+call+`"`))
	})
}

const suffix = ".renamed"

func newName(name string) string { return name + suffix }

// renamings are the events of the users' renamings, made when the event was.
func renamings(e step, names []string) (all []step) {
	decoded, err := event.Decode(e.data)
	if err != nil {
		return nil
	}
	at := decoded.Time
	if record := decoded.Record(); record != nil && !record.Time.IsZero() {
		at = record.Time
	}
	for i, name := range names {
		all = append(all, step{name: fmt.Sprintf("event-renamed-%d.json", i), data: encoded(map[string]any{
			"version": "0", "id": fmt.Sprintf("77777777-0000-4000-8000-%012d", i), "source": "aws.iam",
			"detail-type": "AWS API Call via CloudTrail", "account": "111122223333", "region": "us-east-1",
			"time": decoded.Time.Format(time.RFC3339), "resources": []any{},
			"detail": map[string]any{
				"eventVersion": "1.11", "eventID": fmt.Sprintf("77777777-0000-4000-9000-%012d", i),
				"eventTime": at.Format(time.RFC3339), "eventSource": "iam.amazonaws.com", "eventName": "UpdateUser",
				"eventType": "AwsApiCall", "awsRegion": "us-east-1", "sourceIPAddress": "198.51.100.7",
				"userIdentity": map[string]any{
					"type": "AssumedRole", "principalId": "AROAEXAMPLEROLE000009:mallory", "accountId": "111122223333",
					"arn": "arn:aws:sts::111122223333:assumed-role/admin/mallory",
				},
				"requestParameters": map[string]any{"userName": name, "newUserName": newName(name)},
				"responseElements":  nil, "recipientAccountId": "111122223333",
			},
		})})
	}
	return all
}

// rename has the events from the index on, and what people do before them, be about the users under their new names.
// Requests of people go by the names that they know.
func (w *fixture) rename(from int, names []string) {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	pattern := regexp.MustCompile(`([":/])(` + strings.Join(quoted, "|") + `)(")`)
	w.events = slices.Clone(w.events)
	for i := from; i < len(w.events); i++ {
		e := &w.events[i]
		if e.isEvent() {
			e.data = pattern.ReplaceAll(e.data, []byte("${1}${2}"+suffix+"${3}"))
		}
		if e.before == nil {
			continue
		}
		before := *e.before
		before.Users = map[string]*fakeaws.User{}
		for name, user := range e.before.Users {
			if slices.Contains(names, name) {
				name = newName(name)
			}
			before.Users[name] = user
		}
		e.before = &before
	}
}

// differsByID returns how the users differ from those that are wanted, and what people were notified of.
func (w *fixture) differsByID(want outcome) (wrong []string) {
	byID := func(users map[string]*fakeaws.User) map[string]*fakeaws.User {
		all := map[string]*fakeaws.User{}
		for _, user := range users {
			for i, key := range user.Keys { // one that was made is called after its user
				user.Keys[i].ID = strings.TrimSuffix(key.ID, suffix)
			}
			all[user.ID] = user
		}
		return all
	}
	got := w.outcome()
	if diff := gocmp.Diff(byID(want.account.Users), byID(got.account.Users), cmpopts.EquateEmpty()); diff != "" {
		wrong = append(wrong, "other users (-without +with the renaming):\n"+diff)
	}
	if !maps.Equal(want.writes, got.writes) {
		wrong = append(wrong, fmt.Sprintf("changes were made %v times, and %v times without", got.writes, want.writes))
	}
	beside := func(line string) bool {
		kind, _, _ := strings.Cut(line, " ")
		return kind == string(notice.Failure) || kind == string(notice.Held)
	}
	if diff := gocmp.Diff(titles(slices.DeleteFunc(slices.Clone(want.notices), beside)),
		titles(slices.DeleteFunc(got.notices, beside)), cmpopts.EquateEmpty()); diff != "" {
		wrong = append(wrong, "other notices (-without +with the renaming):\n"+diff)
	}
	return wrong
}
