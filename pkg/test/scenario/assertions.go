package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// mismatch returns what keeps the account from being as the change makes it; empty if it is so. It is read
// past what the function reads with, which a fault may falsify.
func (w *fixture) mismatch(c change.Change) string {
	for name, user := range w.account.State().Users {
		if user.ID == c.SubjectID {
			c = c.Renamed(name)
		}
	}
	honest, err := w.newRunner(w.account.Copy())
	if err != nil {
		return err.Error()
	}
	kind, err := honest.Kinds.Kind(c)
	if err != nil {
		return err.Error()
	}
	present, err := kind.Read(context.Background(), c)
	switch {
	case err != nil && !change.NotFound(err):
		return err.Error()
	case present != c.After:
		return fmt.Sprintf("it is %q and not %q", present, c.After)
	default:
		return ""
	}
}

// unmadeChanges returns what a report says to be done that the account does not show.
func (w *fixture) unmadeChanges(r remediation.Report) (falseClaims []string) {
	made := false
	for _, c := range r.Changes {
		if !c.Status.Made() {
			continue
		}
		made = true
		if why := w.mismatch(c.Change); why != "" {
			falseClaims = append(falseClaims, fmt.Sprintf("the report says that the %s %s of %s is %s: %s",
				c.Kind, change.Hint(c.Change), c.Subject, c.Status, why))
		}
	}
	if r.Outcome == remediation.Changed && !made {
		falseClaims = append(falseClaims, "the report's outcome is changed, and no change in it is made")
	}
	return falseClaims
}

// unmadeNotices returns what a notice says to be done that the account does not show, or that the ledger
// does not know.
func (w *fixture) unmadeNotices(m notice.Message) (falseClaims []string) {
	if m.Kind != notice.Changed && m.Kind != notice.Undone {
		return nil
	}
	entry, found, err := sealed(w.store).Entry(context.Background(), m.Finding)
	if err != nil || !found {
		return []string{fmt.Sprintf("notice %q is about a change that the ledger does not have (%v)", m.Line(), err)}
	}
	for _, notified := range m.Changes {
		why := "the ledger's entry does not have it"
		for _, step := range entry.Steps {
			if step.ID == notified.ID && ledger.Status(notified.Status).Made() {
				why = w.mismatch(step.Change)
			}
		}
		if why != "" && ledger.Status(notified.Status).Made() {
			falseClaims = append(falseClaims,
				fmt.Sprintf("notice %q says that change %s is %s: %s", m.Line(), notified.ID, notified.Status, why))
		}
	}
	return falseClaims
}

// unfinishedRun returns what is left to do of a run that the ledger says is done.
func (w *fixture) unfinishedRun(key string) (falseClaims []string) {
	ctx, book := context.Background(), sealed(w.store)
	run, found, err := book.Run(ctx, w.harness.described.ID, key)
	if err != nil || !found || !run.Done {
		return []string{fmt.Sprintf("the run was handled, and the ledger does not have it as done (%v)", err)}
	}
	claim := func(format string, args ...any) {
		falseClaims = append(falseClaims, "the run is done, and "+fmt.Sprintf(format, args...))
	}
	for _, id := range run.Entries {
		entry, found, err := book.Entry(ctx, id)
		if err != nil || !found {
			claim("its entry %s is not there (%v)", id, err)
		}
		for _, step := range entry.Steps {
			if step.Status == ledger.Planned || step.Status == ledger.Applied && step.Reason == "" ||
				step.Status == ledger.Failed {
				claim("its change %s is %s", step.ID, step.Status)
			}
		}
		if len(entry.Notifications) == 0 && (entry.Notify == notice.Alert || entry.Notify == notice.Warning) {
			claim("nobody was notified of entry %s: %s", id, entry.Title)
		}
	}
	return falseClaims
}

// passing is what of a run's record depends on how often it was tried, and by whom.
var passing = regexp.MustCompile(`,"attempts":[0-9]+,"holder":"[^"]*"(,"until":"[^"]*")?`)

// outcome is what the fixture is left with now.
func (w *fixture) outcome() outcome {
	l := outcome{
		account: w.account.Comparable(), remembered: map[string]string{}, notices: w.notices(), writes: map[string]int{},
	}
	items, err := w.store.Scan(context.Background(), "")
	if err != nil {
		panic(err) // no fault is set
	}
	for _, i := range items {
		body := i.Body
		if strings.HasPrefix(i.Partition, "run#") {
			body = passing.ReplaceAllString(body, "")
		}
		l.remembered[i.Partition+" "+i.Sort] = body
	}
	for _, operation := range w.account.Writes() {
		// A key whose secret was lost on the way is of no use to anybody: it is deleted, and another one
		// is created in its place.
		switch operation {
		case "iam:CreateAccessKey":
			l.writes["keys"]++
		case "iam:DeleteAccessKey":
			l.writes["keys"]--
		case "secretsmanager:PutResourcePolicy":
			// It is put before each key that is created, whether or not it is there already.
		default:
			l.writes[operation]++
		}
	}
	return l
}

// check checks what must hold of every fixture.
func (w *fixture) check(t *testing.T) {
	t.Helper()
	for _, wrong := range w.wrong() {
		t.Error(wrong)
	}
}

// wrong returns what must not be in any fixture: what the control promises and does not hold, what was
// said and is not so, and secrets that were shown.
func (w *fixture) wrong() []string {
	wrong := append(slices.Clone(w.falseClaims), w.leaks()...)
	for _, check := range w.harness.checks {
		if err := check(w.account); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	return wrong
}

// everyKey are all the access keys that there were, those that Warder created and deleted, too.
func (w *fixture) everyKey() []fakeaws.Key {
	var keys []fakeaws.Key
	if w.like != nil {
		keys = slices.Clip(w.like.initialKeys)
	} else {
		for _, state := range []fakeaws.State{w.account.State(), w.untouched.State()} {
			for _, user := range state.Users {
				keys = append(keys, user.Keys...)
			}
			for _, member := range state.Members {
				keys = append(keys, member.Keys...)
			}
		}
		w.initialKeys = keys
	}
	return append(keys, w.account.Made()...)
}

// leaks returns where a message or the log holds a whole access key id, and where anything that Warder
// writes or answers holds the secret of a key that it created.
func (w *fixture) leaks() (leaks []string) {
	keys, shown := w.everyKey(), []string{w.log.String()}
	for _, m := range w.sent {
		if w.known(m) {
			continue
		}
		body, err := m.Bodies()
		if err != nil {
			leaks = append(leaks, err.Error())
		}
		shown = append(shown, body, m.Line())
	}
	shows := func(what string, key fakeaws.Key, secret string) {
		for _, text := range shown {
			if strings.Contains(text, secret) {
				leaks = append(leaks, fmt.Sprintf("%s %s:\n%s", what, key.ID, text))
			}
		}
	}
	for _, key := range keys {
		shows("a message or the log holds the whole access key id", key, key.ID)
	}
	made := w.account.Made()
	if len(made) == 0 {
		return leaks
	}
	answers := []any{w.account.State(), w.outcome().remembered}
	for _, a := range w.answers {
		answers = append(answers, a.report)
		shown = append(shown, fmt.Sprint(a.err))
	}
	text, err := json.Marshal(answers)
	if err != nil {
		return append(leaks, err.Error())
	}
	shown = append(shown, string(text))
	for _, key := range made {
		shows("a message, the log, an answer or the ledger holds the secret of access key", key, key.Secret)
	}
	return leaks
}

// known reports whether the faultless fixture sent the same message: then it is known to be a good one.
func (w *fixture) known(m notice.Message) bool {
	return w.like != nil && slices.ContainsFunc(w.like.sent, func(sent notice.Message) bool {
		return sent.ID == m.ID && reflect.DeepEqual(sent, m)
	})
}
