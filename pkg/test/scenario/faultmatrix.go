package scenario

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// tries is how often Lambda runs a function for an event before it hands it to the on-failure queue
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
const tries = 3

// injection is a fault that meets one call of a scenario.
type injection struct {
	fault
	event int // the index of the event whose handling it meets
	nth   int // the number of the call, from 1
	// lasting says that the operation goes wrong from that call on, until it is lifted; otherwise one
	// call does.
	lasting bool
}

// met is what came of a injection.
type met struct {
	call  call // the one that went wrong; without an operation none did
	wrong []string
}

// tally is what a matrix came to.
type tally struct {
	cases  int // faults that met a call
	guards int // those of them that met a call by which a guard is read
	kinds  map[string]int
	wrong  []string
}

// matrix handles the scenario again and again, each time with one call going wrong in one of the ways,
// once or until all tries are over. Then the fault is lifted; what went wrong until the tries were over
// is delivered again, as from the on-failure queue; and the rest of the scenario takes place. After that
//
//   - the account is the same as without the fault, and every change was made once;
//   - every notice was sent, and none that is not sent without the fault, but that something failed or
//     was put on hold; who gets the same one twice knows it by its id;
//   - nothing was reported or notified as done, and no run kept as done, that is not;
//   - what a guard could not be read for was not changed in that try, and after the last one somebody
//     knows: by a notice, or, when the ledger cannot be reached, because the function fails.
//
// An answer of the service that there is no such thing is no failure, and the function may believe it:
// nobody waits for what no longer exists. If it was one of those that IAM gives until it has become consistent,
// then the next look at the same thing, by another event or by the sweeps that follow, makes it good:
// when what was taken for fixed has had its notice and its grace again, the account is the same,
// every change was made once, every notice that is sent without the fault is sent, and the rest holds as
// above. The answer that the topic or the ledger's table no longer exists is a failure like any
// other.
func (h *harness) matrix(faultless *fixture) tally {
	all := tally{kinds: map[string]int{}}
	for i, e := range faultless.events {
		for n := range faultless.snapshots[i].calls {
			for _, f := range faults {
				for _, lasting := range []bool{false, true} {
					t := injection{f, i, n + 1, lasting}
					came := h.meet(faultless, t, false)
					if came.call.operation == "" {
						continue
					}
					if len(came.wrong) > 0 && f.answers != nil && f.answers(came.call.operation) {
						came = h.meet(faultless, t, true)
					}
					all.cases++
					all.kinds[f.name]++
					if came.call.guards != "" {
						all.guards++
					}
					how := "once"
					if lasting {
						how = "until it is lifted"
					}
					for _, wrong := range came.wrong {
						all.wrong = append(all.wrong, fmt.Sprintf("%s: call %d, %s %s, %s %s: %s",
							e.name, t.nth, came.call.operation, came.call.guards, f.name, how, wrong))
					}
				}
			}
		}
	}
	return all
}

var shown = flag.Int("wrong", 5, "how much of what the fault matrix finds wrong is shown of each scenario")

func (h *harness) faults(t *testing.T, faultless *fixture) {
	all := h.matrix(faultless)
	h.cases, h.guards = h.cases+all.cases, h.guards+all.guards
	for i, wrong := range all.wrong {
		if i == *shown {
			t.Errorf("and %d more", len(all.wrong)-i)
			break
		}
		t.Error(wrong)
	}
}

// meet lets one call go wrong, and the scenario go on. looked says that the same thing is looked at again
// before it does.
func (h *harness) meet(faultless *fixture, t injection, looked bool) (came met) {
	wrong := func(format string, args ...any) { came.wrong = append(came.wrong, fmt.Sprintf(format, args...)) }
	before, after, e := faultless.snapshots[t.event], faultless.snapshots[t.event+1], faultless.events[t.event]
	w, err := h.from(faultless, before)
	if err != nil {
		wrong("%v", err)
		return came
	}
	count, cut := 0, false
	var guards []unreadGuard
	w.inject = func(c call, took bool) error {
		if cut {
			return cutOff("")
		}
		if !took {
			count++
		}
		struck := came.call.operation != ""
		goes := count == t.nth && !struck || t.lasting && struck && c.operation == came.call.operation
		if !goes && !took {
			// Read once more, it stands for what comes after that.
			guards = slices.DeleteFunc(guards, func(g unreadGuard) bool { return g.call == c || c.reads(g.guards) })
		}
		if !goes || took != t.took {
			return nil
		}
		err := t.err(c.operation)
		if err == nil {
			return nil
		}
		if !struck {
			came.call = c
		}
		if cut = t.cuts; cut {
			w.cancel()
		}
		if c.guards != "" && !t.took {
			for _, one := range c.each() {
				guards = append(guards, unreadGuard{one, w.store.Copy()})
			}
		}
		return err
	}
	w.alter(e)
	var report remediation.Report
	for range tries {
		cut, guards = false, nil
		report, err = w.run(e)
		if came.call.operation == "" {
			return came // the call does not go wrong like this
		}
		for _, g := range guards {
			if !g.held(report) {
				wrong("changed what the guard could not be read for")
			}
		}
		if err == nil {
			break
		}
	}
	answer := t.answers != nil && t.answers(came.call.operation)
	// If a drill fails, its answer says so to who asked for it.
	if t.lasting && came.call.guards != "" && !answer && e.isEvent() && len(w.drills) == 0 &&
		fewer(w.outcome().writes, after.writes) &&
		!w.knows(len(before.sent), t.cuts || len(guards) == 0 || service(came.call.operation) == "dynamodb", err) {
		wrong("held back because a guard could not be read, and nobody knows (%v)", err)
	}
	w.inject = nil
	if t.lasting {
		report, err = w.again(e)
	}
	if looked && (err == nil || faultless.failing[e.name]) {
		report, err = w.scanAgain(t.event)
	}
	if err != nil && !faultless.failing[e.name] {
		wrong("not handled: %v", err)
		return came
	}
	if looked || !reflect.DeepEqual(w.outcome(), after.outcome) {
		if err == nil && e.isEvent() {
			came.wrong = append(came.wrong, w.unfinishedRun(report.Event)...)
		}
		if name, err := w.continueFrom(t.event+1, faultless.failing); err != nil {
			wrong("then %s is not handled: %v", name, err)
			return came
		}
		want := faultless.end().outcome
		if looked {
			if want, err = h.afterSweeps(faultless); err == nil {
				err = w.sweepAfterwards()
			}
			if err != nil {
				wrong("the sweeps after the scenario: %v", err)
			}
		}
		came.wrong = append(came.wrong, w.differs(want, looked)...)
	}
	came.wrong = append(came.wrong, w.wrong()...)
	return came
}

// knows reports whether somebody knows that a guard could not be read: by a notice, or, when the
// function cannot notify because it is ended, has no ledger, or does not come as far as to find anything or to the
// guard in its last try, by the alarm that it failed.
func (w *fixture) knows(sent int, mute bool, failed error) bool {
	mute = mute || failed != nil && strings.Contains(failed.Error(), "plan: ")
	return mute && failed != nil || slices.ContainsFunc(w.sent[sent:], func(m notice.Message) bool {
		return m.Kind == notice.Held || m.Kind == notice.Failure
	})
}

// fewer reports whether something was changed less often than wanted.
func fewer(got, want map[string]int) bool {
	for operation, n := range want {
		if got[operation] < n {
			return true
		}
	}
	return false
}

// number matches the first letter of what distinguishes an event from the next one about the same thing.
var number = regexp.MustCompile(`("(?:id|eventID|communicationId)":\s*")[^"]`)

// occurrence matches the time of an event.
var occurrence = regexp.MustCompile(`"time":\s*"[^"]*"`)

// scanAgain has the same thing looked at once more, a while later: because of another event like the one of
// the index, or because a person asks again. What a sweep looks at may be what the events before it notified of.
func (w *fixture) scanAgain(event int) (report remediation.Report, err error) {
	if err := w.expire(); err != nil {
		return report, err
	}
	from := event
	if sweeps(w.events[event]) {
		from = 0
	}
	for i, e := range w.events[from : event+1] {
		if i < event-from && (!e.isEvent() || sweeps(e)) {
			continue
		}
		if e.isEvent() {
			e.data = number.ReplaceAll(e.data, []byte("${1}e"))
			e.data = occurrence.ReplaceAll(e.data, fmt.Appendf(nil, `"time": %q`, w.now.Format(time.RFC3339)))
		}
		report, err = w.run(e)
		for try := 1; err != nil && try < tries; try++ {
			report, err = w.run(e)
		}
		if err != nil {
			return report, err
		}
	}
	return report, err
}

// sweeps reports whether the event is that of a sweep.
func sweeps(e step) bool { return bytes.Contains(e.data, []byte(`"Scheduled Event"`)) }

// continueFrom lets the rest of the scenario take place, from the event of the index on. It returns the name of
// the one that was not handled.
func (w *fixture) continueFrom(from int, failing map[string]bool) (string, error) {
	for _, e := range w.events[from:] {
		w.alter(e)
		_, err := w.run(e)
		for try := 1; err != nil && try < tries; try++ {
			_, err = w.run(e)
		}
		if err != nil && !failing[e.name] {
			return e.name, err
		}
	}
	return "", nil
}

// days are those after a scenario on which sweeps take place: all notices, reminders and graces of a scenario
// are over then.
var days = []int{1, 8, 15, 29, 43, 57, 71, 85, 99}

// sweepAfterwards lets the sweeps take place that follow the scenario. What is stopped is released before each.
func (w *fixture) sweepAfterwards() error {
	if w.harness.described.Schedule == "" {
		return nil
	}
	end := w.now
	for _, day := range days {
		w.now = end.AddDate(0, 0, day)
		release := remediation.ReleaseRequest{By: "ops@example.com", Reason: "the scenario is over"}
		if _, err := w.runner.Release(context.Background(), release); err != nil {
			return err
		}
		if _, err := w.run(sweepStep(day, w.now)); err != nil && len(w.failing) == 0 {
			return err
		}
	}
	return nil
}

// afterSweeps is what the faultless fixture is left with after the sweeps that follow the scenario.
func (h *harness) afterSweeps(faultless *fixture) (outcome, error) {
	if faultless.after == nil {
		w, err := h.from(faultless, faultless.end())
		if err == nil {
			err = w.sweepAfterwards()
		}
		if err != nil {
			return outcome{}, err
		}
		faultless.after = new(w.outcome())
	}
	return *faultless.after, nil
}

// end is how the fixture was at the end of its scenario.
func (w *fixture) end() *snapshot { return w.snapshots[len(w.snapshots)-1] }

// again has the event delivered again, when nothing goes wrong any more: by somebody else, and if need
// be when the first one's claim on it has run out.
func (w *fixture) again(e step) (report remediation.Report, err error) {
	w.by = "redriven"
	defer func() { w.by = "" }()
	report, err = w.run(e)
	if errors.Is(err, ledger.ErrHeld) {
		if err := w.expire(); err != nil {
			return report, err
		}
		report, err = w.run(e)
	}
	return report, err
}

// claim is how the record of a run or of a thing says until when somebody has claimed it.
var claim = regexp.MustCompile(`,"until":"[^"]*"`)

// expire lets the claims run out. A scenario's clock stands still, so that it does not depend on
// when somebody was notified what comes later.
func (w *fixture) expire() error {
	items, err := w.store.Scan(context.Background(), "run#", "rounds#")
	for _, i := range items {
		if i.Body = claim.ReplaceAllString(i.Body, ""); err == nil {
			err = seal(w.store).Put(context.Background(), i)
		}
	}
	return err
}

// unreadGuard is a guard that could not be read.
type unreadGuard struct {
	call
	store *ledger.Memory // what was remembered then
}

// held reports whether nothing was changed since that the guard is there for.
func (b unreadGuard) held(r remediation.Report) bool {
	return !slices.ContainsFunc(r.Changes, func(c remediation.ReportedChange) bool {
		return c.Status.Made() && b.covers(c.Change) && !made(b.store, c.ID)
	})
}

// made reports whether the store has the change as made.
func made(store *ledger.Memory, id string) bool {
	entryID, _, _ := strings.Cut(id, "-")
	entry, _, err := sealed(store).Entry(context.Background(), entryID)
	return err == nil && slices.ContainsFunc(entry.Steps, func(s ledger.Step) bool {
		return s.ID == id && s.Status.Made()
	})
}

// differs returns how the fixture differs from what is wanted when all is over. looked says that things
// were looked at once more often: then their notices have other ids, and may be sent again.
func (w *fixture) differs(want outcome, looked bool) (wrong []string) {
	got := w.outcome()
	if !reflect.DeepEqual(want.account, got.account) {
		options := gocmp.Options{cmpopts.EquateEmpty()}
		if looked {
			options = append(options, cmpopts.IgnoreFields(fakeaws.Secret{}, "Previous"),
				cmpopts.EquateApproxTime(2*time.Duration(days[len(days)-1])*24*time.Hour))
		}
		if diff := gocmp.Diff(want.account, got.account, options); diff != "" {
			wrong = append(wrong, "another account (-without +with the fault):\n"+diff)
		}
	}
	if looked && slices.ContainsFunc(w.events, func(e step) bool { return !e.isEvent() }) {
		// What a person reverts and what not depends on when it was made.
		return wrong
	}
	// That a try failed, or was put on hold because something could not be read, is notified as well.
	if looked {
		want.notices, got.notices = titles(want.notices), titles(got.notices)
	}
	wanted := map[string]int{} // under a blast radius several have one name, see fixture.notices
	for _, notified := range want.notices {
		wanted[notified]++
	}
	beside := func(notified string) bool {
		kind, _, _ := strings.Cut(notified, " ")
		failed := kind == string(notice.Failure) || kind == string(notice.Held)
		wanted[notified]--
		return (looked || failed) && wanted[notified] < 0
	}
	if diff := gocmp.Diff(want.notices, slices.DeleteFunc(got.notices, beside), cmpopts.EquateEmpty()); diff != "" {
		wrong = append(wrong, "other notices (-without +with the fault):\n"+diff)
	}
	if !maps.Equal(want.writes, got.writes) {
		wrong = append(wrong,
			fmt.Sprintf("changes were made %v times, and %v times without the fault", got.writes, want.writes))
	}
	return wrong
}

// titles are the kinds and titles of notices, without their ids. Whether something is warned of, reminded of
// or put on hold depends on when it is found, and what an alert is called on how much could be read;
// one may have said what would be changed.
func titles(notices []string) []string {
	var all []string
	for _, text := range notices {
		kind, _, _ := strings.Cut(text, " ")
		switch notice.Kind(kind) {
		case notice.Warning, notice.Reminder, notice.Held:
		case notice.Alert, notice.WouldChange:
			all = append(all, string(notice.Alert))
		default:
			all = append(all, text[:strings.LastIndex(text, " ")])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
