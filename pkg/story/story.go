// Package story is the test harness that all controls share. A story is one txtar file: an account,
// settings, one or more events in the order they come, and what is to happen.
//
//	A direct policy is detached and its owner is told.
//
//	-- account.json --      the account before (package account)
//	-- settings.json --     mode, parameters, allowedNetworks, owners; all optional
//	-- event.json --        what happens; event-2.json and so on come after it
//	-- account-2.json --    what people did to the account before event-2 (package account, Alter)
//	-- undo.json --         a request to undo; "$1" is the id of the first change that was reported
//	-- release.json --      a request to release the control; at is the time of either
//	-- drill.json --        an incident rehearsal that the ledger knows (package ledger, Drill)
//	-- want --              what the control does; go test -update writes it
//	-- emails --            the emails that are sent, whole; optional, go test -update writes it if it is there
//	-- emails-ko --         the same in Korean
//
// Beside what a story wants, the harness checks what must hold for every story: handling the events
// again changes nothing and tells nobody; observing changes nothing; a call that fails or a crash
// after any call is made good by the retry, with nothing done twice and nobody told twice; in Korean the
// same is told, and nothing of it is left in English; with names and tags that try to be markup,
// lines, mentions or orders to a terminal, whatever is told and logged stays what it is; the
// control calls nothing that its control.json does not permit, and permits nothing that no story
// needs; no message holds a whole access key id.
package story

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"

	"github.com/warder-aws/warder/pkg/account"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/halt"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/say"
	"github.com/warder-aws/warder/pkg/settings"
)

var update = flag.Bool("update", false, "write what happens into the want section of the stories")

// Control is what the harness must know of a control.
type Control struct {
	// Description is its control.json.
	Description []byte
	// Plan makes its planner, reading from the account.
	Plan func(*account.Account, settings.Function) (remedy.Planner, error)
	// PlanWithLedger is in place of Plan for a planner that reads the ledger, too.
	PlanWithLedger func(*account.Account, *ledger.Ledger, settings.Function) (remedy.Planner, error)
	// Kinds are the changes that the control makes beside those of IAM; nil if there are none.
	Kinds func(*account.Account) change.Registry
	// Holds returns what is wrong with the account after a story, however it was handled; nil if there
	// is nothing that the control promises of it.
	Holds func(*account.Account) error
	// Reads is the interface of the operations that the planner reads with; nil if it reads nothing.
	Reads reflect.Type
}

// Run runs every story in testdata.
func Run(t *testing.T, c Control) {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	described, err := control.Parse(filepath.Base(folder)+"/control.json", c.Description)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata (%v)", err)
	}
	h := &harness{Control: c, described: described, used: map[string]bool{}, attacks: map[string]bool{}, sound: map[[sha256.Size]byte]bool{}}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { h.story(t, file) })
	}
	if t.Failed() {
		return
	}
	h.permissions(t)
}

// harness runs the stories of one control.
type harness struct {
	Control
	described control.Control
	used      map[string]bool // operations that some story called
	attacks   map[string]bool // hostile texts that were tried, by where
	sound     map[[sha256.Size]byte]bool
}

// story is one parsed file.
type story struct {
	title    string
	account  account.State
	settings settings.Function
	events   []namedEvent
	store    *ledger.Memory // what is remembered from before; nil for nothing
	given    string         // all that the file says about the world and what people do in it
	drills   []ledger.Drill
}

type namedEvent struct {
	name   string
	data   []byte
	before *account.State // what people did to the account before it
}

func (h *harness) story(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, want, err := parse(archive, h.described)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}

	told := h.start(t, s)
	got := told.tell(t)
	for _, operation := range slices.Sorted(maps.Keys(told.called)) {
		h.used[operation] = true
		if !h.permitted(operation) {
			t.Errorf("calls %s, which control.json does not permit", operation)
		}
	}
	if *update {
		write(t, file, archive, "want", got)
	} else if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("not as told (-want +got; go test -update writes it):\n%s", diff)
	}
	told.secrets(t)
	told.mail(t, file, archive, emails)

	h.holds(t, told)

	t.Run("handled again", func(t *testing.T) { told.again(t) })
	t.Run("observed", func(t *testing.T) { h.observed(t, s, told) })
	t.Run("in Korean", func(t *testing.T) { h.korean(t, s, told, file, archive) })
	t.Run("with faults", func(t *testing.T) { h.faults(t, s, told) })
	t.Run("with hostile names", func(t *testing.T) { h.hostile(t, archive) })
}

// parse reads the sections of a story.
func parse(archive *txtar.Archive, described control.Control) (story, string, error) {
	s := story{title: strings.TrimSpace(string(archive.Comment))}
	if s.title == "" {
		return s, "", errors.New("the story has no title: begin it with a sentence")
	}
	set := struct {
		Mode            control.Mode               `json:"mode"`
		Parameters      map[string]json.RawMessage `json:"parameters"`
		AllowedNetworks []netip.Prefix             `json:"allowedNetworks"`
		Owners          settings.Owners            `json:"owners"`
		Roles           []string                   `json:"roles"`
		BlastRadius     int                        `json:"blastRadius"`
	}{Mode: control.Enforce, BlastRadius: wide, Owners: settings.Owners{Tags: []string{"owner"}}}
	want := ""
	var alteration *account.State
	for _, f := range archive.Files {
		var err error
		switch {
		case f.Name == "account.json":
			err = strict(f.Data, &s.account)
		case f.Name == "settings.json":
			err = strict(f.Data, &set)
		case strings.HasPrefix(f.Name, "account-"):
			alteration = &account.State{}
			err = strict(f.Data, alteration)
		case strings.HasPrefix(f.Name, "event"), strings.HasPrefix(f.Name, "undo"), strings.HasPrefix(f.Name, "release"):
			s.events = append(s.events, namedEvent{f.Name, f.Data, alteration})
			alteration = nil
		case f.Name == "drill.json":
			var d ledger.Drill
			err = strict(f.Data, &d)
			s.drills = append(s.drills, d)
		case f.Name == "want":
			want = string(f.Data)
		case f.Name == emails || f.Name == emailsKorean: // see mail
		default:
			err = errors.New("unknown section: use account.json, settings.json, event.json, account-2.json, event-2.json, undo.json, release.json, drill.json, want")
		}
		if err != nil {
			return s, "", fmt.Errorf("section %s: %w", f.Name, err)
		}
		if !golden(f) {
			s.given += string(f.Data)
		}
	}
	if len(s.events) == 0 {
		return s, "", errors.New("the story has no event")
	}
	parameters := map[string]json.RawMessage{}
	for name, p := range described.Parameters {
		text, err := json.Marshal(p.Default)
		if err != nil {
			return s, "", err
		}
		parameters[name] = text
	}
	for name, value := range set.Parameters {
		if _, ok := parameters[name]; !ok {
			return s, "", fmt.Errorf("section settings.json: no parameter %q in control.json", name)
		}
		parameters[name] = value
	}
	text, err := json.Marshal(parameters)
	if err != nil {
		return s, "", err
	}
	s.settings = settings.Function{
		Mode: set.Mode, Parameters: text, AllowedNetworks: set.AllowedNetworks, Owners: set.Owners,
		Runbooks: "https://example.com/", Table: "warder", Topic: "arn:aws:sns:us-east-1:111122223333:warder",
		Halt: "/warder/halt", Roles: append([]string{"warder-self"}, set.Roles...), EventClock: true,
		BlastRadius: set.BlastRadius, HoldDays: 7,
		Quarantine: settings.Quarantine{Key: quarantines + change.KeyQuarantine},
	}
	if len(set.AllowedNetworks) > 0 {
		s.settings.Quarantine.Outside = quarantines + change.OutsideQuarantine
	}
	return s, want, nil
}

// quarantines is where the quarantine policies of the story's account are.
const quarantines = "arn:aws:iam::111122223333:policy" + change.QuarantinePath

func strict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func write(t *testing.T, file string, archive *txtar.Archive, section, got string) {
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == section })
	archive.Files = append(archive.Files, txtar.File{Name: section, Data: []byte(got)})
	slices.SortStableFunc(archive.Files, func(a, b txtar.File) int { return cmp.Compare(order(a), order(b)) })
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// world is an account with Warder at work in it.
type world struct {
	story
	described control.Control
	account   *account.Account
	bystander *account.Account // the same account without Warder
	store     *ledger.Memory
	topic     *topic
	runner    *remedy.Runner
	log       bytes.Buffer
	answers   bytes.Buffer    // what the function answered, errors too
	errors    bytes.Buffer    // those alone
	called    map[string]bool // operations that handling events called
	changes   []string        // ids of the changes that were reported, in their order
	now       time.Time       // the wall clock, which requests move
	stuck     map[string]bool // events that fail, and keep failing however often they are retried
}

// topic remembers what was published.
type topic struct {
	sent  []notice.Message
	fault func(operation string, after bool) error
}

// Publish implements [remedy.Publisher].
func (t *topic) Publish(_ context.Context, m notice.Message) (string, error) {
	if t.fault != nil {
		if err := t.fault("sns:Publish", false); err != nil {
			return "", err
		}
	}
	if _, err := m.Bodies(); err != nil {
		return "", err
	}
	t.sent = append(t.sent, m)
	if t.fault != nil {
		if err := t.fault("sns:Publish", true); err != nil {
			return "", err
		}
	}
	return "message-" + m.ID, nil
}

// told are the distinct notices that were sent: what subscribers are left with. When the blast
// radius lets only some through, which ones depends on the faults, and only their number counts.
func (w *world) told() []string {
	ids := map[string]string{}
	for _, m := range w.topic.sent {
		ids[m.ID] = fmt.Sprintf("%s %s %s", m.Kind, m.Title, m.ID)
		if w.settings.BlastRadius < wide {
			ids[m.ID] = fmt.Sprintf("%s %s", m.Kind, m.Title)
		}
	}
	return slices.Sorted(maps.Values(ids))
}

// wide is a blast radius that no story reaches unless it says so.
const wide = 10

// haltSwitch is the halt parameter of the story's account.
type haltSwitch struct{ account *account.Account }

// Check implements [remedy.Guard].
func (h haltSwitch) Check(context.Context) (say.Text, time.Time, error) {
	switch value := h.account.Halt(); value {
	case "", "no":
		return say.Text{}, time.Time{}, nil
	case "unreadable":
		return say.Text{}, time.Time{}, errors.New("the halt switch /warder/halt cannot be read: access denied")
	default:
		return halt.Why("/warder/halt", value), time.Time{}, nil
	}
}

func (h *harness) start(t *testing.T, s story) *world {
	w := &world{story: s, described: h.described, account: account.New(s.account), bystander: account.New(s.account), store: cmp.Or(s.store, &ledger.Memory{}), topic: &topic{}, called: map[string]bool{}, stuck: map[string]bool{}, now: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}
	w.account.Now = func() time.Time { return w.now }
	w.account.Deploy(quarantines+change.KeyQuarantine, quarantines+change.OutsideQuarantine)
	memory := ledger.New(w.store)
	for _, d := range s.drills {
		if err := memory.KeepDrill(context.Background(), d, d.At); err != nil {
			t.Fatal(err)
		}
	}
	planner, err := h.planner(w.account, memory, s.settings)
	if err != nil {
		t.Fatal(err)
	}
	kinds := change.ForIAM(w.account)
	if h.Kinds != nil {
		maps.Copy(kinds, h.Kinds(w.account))
	}
	w.runner = &remedy.Runner{
		Control: h.described, Settings: s.settings, Planner: planner,
		Kinds: kinds, Ledger: memory, Topic: w.topic,
		Owners: owner.Book{API: w.account, Owners: s.settings.Owners},
		Halt:   haltSwitch{w.account},
		Now:    func() time.Time { return w.now },
		Sleep:  func(context.Context, time.Duration) {},
		Log:    slog.New(slog.NewJSONHandler(&w.log, nil)),
	}
	return w
}

func (c Control) planner(a *account.Account, l *ledger.Ledger, f settings.Function) (remedy.Planner, error) {
	if c.PlanWithLedger != nil {
		return c.PlanWithLedger(a, l, f)
	}
	return c.Plan(a, f)
}

// happen does what people did before the event.
func (w *world) happen(e namedEvent) {
	if e.before != nil {
		w.account.Alter(*e.before)
		w.bystander.Alter(*e.before)
	}
}

// holds checks what the control promises of the account.
func (h *harness) holds(t *testing.T, w *world) {
	t.Helper()
	if h.Holds == nil {
		return
	}
	if err := h.Holds(w.account); err != nil {
		t.Error(err)
	}
}

// run handles one event or request.
func (w *world) run(e namedEvent) (remedy.Report, error) {
	report, err := w.handle(e)
	text, _ := json.Marshal(report) // plain data
	fmt.Fprintln(&w.answers, string(text), err)
	fmt.Fprintln(&w.errors, err)
	return report, err
}

func (w *world) handle(e namedEvent) (remedy.Report, error) {
	ctx := context.Background()
	if strings.HasPrefix(e.name, "event") {
		var at struct {
			Time time.Time `json:"time"`
		}
		if json.Unmarshal(e.data, &at) == nil {
			w.now = at.Time
		}
		report, err := w.runner.Run(ctx, remedy.Invocation{ID: e.name, Left: time.Minute}, e.data)
		for _, c := range report.Changes {
			if !slices.Contains(w.changes, c.ID) {
				w.changes = append(w.changes, c.ID)
			}
		}
		return report, err
	}
	text := string(e.data)
	for i, id := range w.changes {
		text = strings.ReplaceAll(text, fmt.Sprintf(`"$%d"`, i+1), fmt.Sprintf("%q", id))
	}
	var q struct {
		At time.Time `json:"at"`
		remedy.UndoRequest
	}
	if err := strict([]byte(text), &q); err != nil {
		return remedy.Report{}, err
	}
	w.now = q.At
	if strings.HasPrefix(e.name, "release") {
		answer, err := w.runner.Release(ctx, remedy.ReleaseRequest{By: q.By, Reason: q.Reason})
		return remedy.Report{Outcome: remedy.Told, Reason: answer.Text}, err
	}
	answer, err := (&remedy.Undoer{Runner: w.runner}).Undo(ctx, q.UndoRequest)
	report := remedy.Report{Outcome: remedy.Nothing}
	if len(answer.Undone) > 0 {
		report.Outcome = remedy.Changed
	}
	for _, u := range answer.Undone {
		report.Changes = append(report.Changes, remedy.ReportedChange{ID: u.Undo, Change: u.Change, Status: ledger.Verified})
		if !slices.Contains(w.changes, u.Undo) {
			w.changes = append(w.changes, u.Undo)
		}
	}
	for _, r := range answer.Refused {
		report.Reason = strings.TrimPrefix(report.Reason+"; refused: "+r.Why, "; ")
	}
	return report, err
}

// tell handles the story's events and words what happened.
func (w *world) tell(t *testing.T) string {
	var b strings.Builder
	for _, e := range w.events {
		w.happen(e)
		iam, memory, sent := w.account.Calls(), w.store.Calls(), len(w.topic.sent)
		report, err := w.run(e)
		fmt.Fprintf(&b, "%s: %s", e.name, report.Outcome)
		if report.Reason != "" {
			fmt.Fprintf(&b, ": %s", report.Reason)
		}
		b.WriteString("\n")
		if err != nil {
			w.stuck[e.name] = true
			fmt.Fprintf(&b, "  to be retried: %v\n", err)
		}
		for _, c := range report.Changes {
			fmt.Fprintf(&b, "  change %s: %s %q %q -> %q\n", c.Status, c.Kind, c.Target, c.Before, c.After)
			if c.Reason != "" {
				fmt.Fprintf(&b, "    %s\n", c.Reason)
			}
		}
		for _, m := range w.topic.sent[sent:] {
			fmt.Fprintf(&b, "  notice %s, %s, to %s: %s\n", m.Kind, m.Severity, cmp.Or(m.Owner, "the topic"), m.Line())
			for _, line := range []string{m.Text, m.Left, m.Advice} {
				if line != "" {
					fmt.Fprintf(&b, "    %s\n", line)
				}
			}
			for _, f := range m.Facts {
				fmt.Fprintf(&b, "    %s: %s\n", f.Name, f.Value)
			}
			for _, c := range m.Changes {
				fmt.Fprintf(&b, "    %s\n", c.Text)
			}
		}
		if strings.HasPrefix(e.name, "event") {
			for operation, n := range w.account.Calls() {
				if n > iam[operation] && !strings.HasSuffix(operation, account.InRootSession) {
					w.called[operation] = true
				}
			}
		}
		fmt.Fprintf(&b, "  calls: %s, ledger %d, sns:Publish %d\n", difference(iam, w.account.Calls()), w.store.Calls()-memory, len(w.topic.sent)-sent)
	}
	if diff := gocmp.Diff(w.bystander.State(), w.account.State(), cmpopts.EquateEmpty()); diff == "" {
		b.WriteString("the account is as it was\n")
	}
	return b.String()
}

// difference words the calls that were made between two counts.
func difference(before, after map[string]int) string {
	var calls []string
	for _, operation := range slices.Sorted(maps.Keys(after)) {
		if n := after[operation] - before[operation]; n > 0 {
			calls = append(calls, fmt.Sprintf("%s %d", operation, n))
		}
	}
	return cmp.Or(strings.Join(calls, ", "), "iam 0")
}

// secrets checks that neither a message nor the log holds a whole access key id, and that nothing
// that Warder writes or answers holds the secret of a key that it created.
func (w *world) secrets(t *testing.T) {
	t.Helper()
	var shown []string
	for _, m := range w.topic.sent {
		body, err := m.Bodies()
		if err != nil {
			t.Error(err)
		}
		shown = append(shown, body, m.Line())
	}
	shown = append(shown, w.log.String())
	state := w.account.State()
	keys := w.account.Made()
	for _, user := range state.Users {
		keys = append(keys, user.Keys...)
	}
	for _, user := range w.bystander.State().Users { // those that Warder deleted, too
		keys = append(keys, user.Keys...)
	}
	for _, member := range state.Members {
		keys = append(keys, member.Keys...)
	}
	w.store.Fault = nil
	items, err := w.store.Scan(context.Background(), "")
	if err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(struct {
		State account.State
		Items []ledger.Item
	}{state, items})
	if err != nil {
		t.Error(err)
	}
	kept := append([]string{w.answers.String(), string(text)}, shown...)
	for _, key := range keys {
		for _, text := range shown {
			if strings.Contains(text, key.ID) {
				t.Errorf("a message or the log holds the whole access key id %s:\n%s", key.ID, text)
			}
		}
		for _, text := range kept {
			if key.Secret != "" && strings.Contains(text, key.Secret) {
				t.Errorf("a message, the log, an answer or the ledger holds the secret of access key %s:\n%s", key.ID, text)
			}
		}
	}
}

// again handles every event once more: nothing is changed and nobody is told.
func (w *world) again(t *testing.T) {
	before, sent := w.account.State(), len(w.topic.sent)
	for _, e := range w.events {
		if _, err := w.run(e); err != nil && !w.stuck[e.name] {
			t.Errorf("%s: %v", e.name, err)
		}
	}
	if diff := gocmp.Diff(before, w.account.State()); diff != "" {
		t.Errorf("the account is not as it was (-first +second):\n%s", diff)
	}
	for _, m := range w.topic.sent[sent:] {
		t.Errorf("told again: %s", m.Line())
	}
}

// observed handles the events with the control in observe: the account stays as it is.
func (h *harness) observed(t *testing.T, s story, enforced *world) {
	s.settings.Mode = control.Observe
	w := h.start(t, s)
	for _, e := range w.events {
		w.happen(e)
		report, err := w.run(e)
		if err != nil && !enforced.stuck[e.name] {
			t.Errorf("%s: %v", e.name, err)
		}
		if report.Outcome == remedy.Changed {
			t.Errorf("%s: the outcome is changed", e.name)
		}
	}
	if diff := gocmp.Diff(w.bystander.State(), w.account.State(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("observing changed the account (-before +after):\n%s", diff)
	}
	w.secrets(t)
}

var errFault = errors.New("a fault of the story")

// fault is one way in which a call goes wrong.
type fault struct {
	name string
	took bool // the call takes effect first
	cuts bool // no further call of this try is made
}

// faults handles the story again and again, each time with one call going wrong: refused before it
// takes effect, or the function cut off after it did. The retries of the event must come to the
// same account and the same notices as without the fault.
func (h *harness) faults(t *testing.T, s story, untroubled *world) {
	for n := 1; ; n++ {
		reached := false
		for _, f := range []fault{
			{name: "refused"}, {name: "cut off before", cuts: true}, {name: "cut off after", cuts: true, took: true},
		} {
			w := h.start(t, s)
			count, happened, cut := 0, false, false
			hook := func(_ string, took bool) error {
				if cut {
					return errFault // a function that is cut off makes no further call
				}
				if !took {
					count++
				}
				if happened || count != n || took != f.took {
					return nil
				}
				reached, happened, cut = true, true, f.cuts
				return errFault
			}
			w.account.Fault, w.topic.fault, w.store.Fault = hook, hook, hook
			for _, e := range w.events {
				w.happen(e)
				_, err := w.run(e)
				for try := 0; err != nil && try < 3; try++ {
					cut = false
					_, err = w.run(e)
				}
				if err != nil && !untroubled.stuck[e.name] {
					t.Fatalf("call %d %s: %s is not handled after three retries: %v", n, f.name, e.name, err)
				}
			}
			h.holds(t, w)
			w.secrets(t)
			if diff := gocmp.Diff(untroubled.account.Comparable(), w.account.Comparable()); diff != "" {
				t.Errorf("call %d %s: another account (-without +with the fault):\n%s", n, f.name, diff)
			}
			// That a try failed, or was held back because something could not be read, is told as well.
			got := slices.DeleteFunc(w.told(), func(id string) bool {
				return (strings.HasPrefix(id, string(notice.Failure)) || strings.HasPrefix(id, string(notice.Held))) && !slices.Contains(untroubled.told(), id)
			})
			if diff := gocmp.Diff(untroubled.told(), got); diff != "" {
				t.Errorf("call %d %s: other notices (-without +with the fault):\n%s", n, f.name, diff)
			}
		}
		if !reached {
			return
		}
	}
}

// permitted reports whether control.json permits the operation.
func (h *harness) permitted(operation string) bool {
	return slices.ContainsFunc(h.described.Permissions, func(p control.Permission) bool {
		return slices.Contains(p.Actions, operation)
	})
}

// permissions checks that what control.json permits is what the stories needed and what the
// planner's interface lists.
func (h *harness) permissions(t *testing.T) {
	for _, p := range h.described.Permissions {
		for _, action := range p.Actions {
			if !h.used[action] {
				t.Errorf("control.json permits %s, which no story needs", action)
			}
		}
	}
	if h.Reads == nil {
		return
	}
	for i := range h.Reads.NumMethod() {
		method := h.Reads.Method(i)
		input := method.Type.In(1).Elem().PkgPath()
		operation := input[strings.LastIndex(input, "/")+1:] + ":" + method.Name
		if !h.permitted(operation) {
			t.Errorf("the planner reads with %s, which control.json does not permit", operation)
		}
	}
}
