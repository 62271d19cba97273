package scenario

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/functions/undo"
	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// fixture is an account with Warder at work in it.
type fixture struct {
	scenario
	harness   *harness
	account   *fakeaws.Account
	untouched *fakeaws.Account // the same account without Warder; nil where nobody asks for it
	store     *ledger.Memory
	sent      []notice.Message // what was published, in its order
	runner    *remediation.Runner
	log       bytes.Buffer
	answers   []answer                     // what the function answered
	called    map[string]bool              // operations that handling events called
	changes   []remediation.ReportedChange // that were reported, in their order, each as it was the last time
	now       time.Time                    // the wall clock, which requests move
	failing   map[string]bool              // events that fail, and keep failing however often they are retried
	by        string                       // who invokes the function; the event's name if empty
	snapshots []*snapshot                  // how it was before each event, and at the end
	like      *fixture                     // the same without the fault; nil if it is that

	// meets, when set, is asked before and after each call to AWS takes effect; an error is the answer.
	inject      func(c call, after bool) error
	calls       []call   // what was called since the last snapshot
	ownerOf     string   // the user whose tags are being read, which say who owns it and what it is exempt from
	cancel      func()   // ends the context of what is running
	falseClaims []string // what was said to be done and is not

	initialKeys []fakeaws.Key // see everyKey
	after       *outcome      // see afterSweeps
}

// ledgerCalls is how many calls were made to the ledger since the last snapshot.
func (w *fixture) ledgerCalls() int {
	n := 0
	for _, c := range w.calls {
		if service(c.operation) == "dynamodb" {
			n++
		}
	}
	return n
}

// answer is what the function answered.
type answer struct {
	event  step
	report remediation.Report
	err    error
	calls  int // to AWS
}

// call is a call to AWS, and what it is for.
type call struct {
	operation string // as IAM's policies name it
	// guards says of what it is read whether it may be changed, one a line: [everything], what is a user's, some kinds, or
	// things, of which it has the ledger's partitions. Empty for all other calls.
	guards string
}

const (
	everything = "everything\n"
	ofUser     = "user "
	ofKinds    = "kinds "
)

// tagged are the kinds of change that the tags which an operation reads may keep from being made.
var tagged = map[string][]string{
	"cloudtrail:ListTags":     {change.TrailLogging, change.TrailSelectors, change.TrailScope},
	"ec2:DescribeTags":        {change.SnapshotShare, change.ImageShare},
	"rds:ListTagsForResource": {change.DBSnapshotShare, change.ClusterSnapshotShare},
}

// kindsOf are the kinds of a guard, with commas.
func kindsOf(guards string) string {
	kinds, _ := strings.CutPrefix(strings.TrimSuffix(guards, "\n"), ofKinds)
	return kinds
}

// covers reports whether the change must not be made when the call fails.
func (c call) covers(what change.Change) bool {
	return slices.ContainsFunc(c.each(), func(one call) bool {
		return one.guards == everything || slices.Contains(strings.Split(kindsOf(one.guards), ","), what.Kind) ||
			one.guards == ofUser+what.Subject+"\n" ||
			strings.HasSuffix(one.guards, "#"+what.Thing()+"\n")
	})
}

// each are the guards that the call reads, one by one.
func (c call) each() (all []call) {
	for guard := range strings.Lines(c.guards) {
		all = append(all, call{c.operation, guard})
	}
	return all
}

// reads reports whether the call reads the guard of one thing.
func (c call) reads(guard string) bool {
	return strings.Contains(guard, "#") && slices.Contains(c.each(), call{c.operation, guard})
}

func (w *fixture) meet(operation, guards string, after bool) error {
	c := call{operation, guards}
	if !after {
		w.calls = append(w.calls, c)
	}
	if w.inject == nil {
		return nil
	}
	return w.inject(c, after)
}

// Publish implements [remediation.Publisher].
func (w *fixture) Publish(_ context.Context, m notice.Message) (string, error) {
	if err := w.meet("sns:Publish", "", false); err != nil {
		return "", err
	}
	if !w.known(m) {
		if _, err := m.Bodies(); err != nil {
			return "", err
		}
	}
	w.falseClaims = append(w.falseClaims, w.unmadeNotices(m)...)
	w.sent = append(w.sent, m)
	err := w.meet("sns:Publish", "", true)
	if errors.Is(err, fakeaws.ErrAgain) {
		w.sent, err = append(w.sent, m), nil
	}
	if err != nil {
		return "", err
	}
	return "message-" + m.ID, nil
}

// notices are the distinct notices that were sent: what subscribers are left with. When the blast
// radius lets only some through, which ones depends on the faults, and only their number counts.
func (w *fixture) notices() []string {
	ids := map[string]string{}
	for _, m := range w.sent {
		ids[m.ID] = fmt.Sprintf("%s %s %s", m.Kind, m.Title, m.ID)
		if w.settings.BlastRadius < wide {
			ids[m.ID] = fmt.Sprintf("%s %s", m.Kind, m.Title)
		}
	}
	return slices.Sorted(maps.Values(ids))
}

// wide is a blast radius that no scenario reaches unless it says so.
const wide = 10

// memory is the table, as the fixture's ledger reaches it.
type memory struct{ *fixture }

var _ ledger.Unsealed = memory{}

// guards is what an item is read for: a hold and the rounds of a day keep one thing from being changed,
// the breaker keeps everything from it.
func guards(partition string) string {
	switch kind, _, _ := strings.Cut(partition, "#"); kind {
	case "hold", "rounds":
		return partition + "\n"
	case "breaker":
		return everything
	}
	return ""
}

// reach makes a call to the table, unless it goes wrong.
func reach[T any](m memory, operation, guards string, run func() (T, error)) (out T, err error) {
	if err = m.meet(operation, guards, false); err != nil {
		return out, err
	}
	if out, err = run(); err != nil {
		return out, err
	}
	// Of a write that is made again the table knows that it was this one (package ledger, Dynamo).
	if err = m.meet(operation, guards, true); errors.Is(err, fakeaws.ErrAgain) {
		err = nil
	}
	return out, err
}

// Get implements [ledger.Store].
func (m memory) Get(ctx context.Context, partition, sort string) (ledger.Item, error) {
	return reach(m, "dynamodb:GetItem", guards(partition), func() (ledger.Item, error) {
		return m.store.Get(ctx, partition, sort)
	})
}

// BatchGet implements [ledger.Store].
func (m memory) BatchGet(ctx context.Context, keys ...ledger.Key) ([]ledger.Item, error) {
	operation, kept := "dynamodb:BatchGetItem", ""
	if len(keys) == 1 {
		operation = "dynamodb:GetItem"
	}
	for _, key := range keys {
		if guard := guards(key.Partition); guard != everything {
			kept += guard
		}
	}
	return reach(m, operation, kept, func() ([]ledger.Item, error) { return m.store.BatchGet(ctx, keys...) })
}

// Put implements [ledger.Store].
func (m memory) Put(ctx context.Context, item ledger.Item) error {
	_, err := reach(m, "dynamodb:PutItem", "", func() (any, error) { return nil, m.store.Put(ctx, item) })
	return err
}

// Overwrite implements [ledger.Unsealed].
func (m memory) Overwrite(ctx context.Context, item ledger.Item, seal string) error {
	_, err := reach(m, "dynamodb:PutItem", "", func() (any, error) { return nil, m.store.Overwrite(ctx, item, seal) })
	return err
}

// secret is what the ledger is sealed with.
var secret = ledger.FixedKey("of the scenarios")

// sealed is the ledger in a store, for who is Warder.
func sealed(store ledger.Unsealed) *ledger.Ledger { return ledger.New(seal(store)) }

func seal(store ledger.Unsealed) ledger.Store { return &ledger.Sealed{Unsealed: store, Keys: secret} }

// setHalt sets the halt switch, as [alteration] says.
func setHalt(store *ledger.Memory, reason string) {
	l, ctx := sealed(store), context.Background()
	read, err := l.Halt(ctx)
	switch {
	case reason == "" || err != nil:
	case reason == "forged":
		store.Forge(ledger.Item{Partition: "halt#switch", Sort: "switch", Body: `{"halted":false}`, Version: 9})
	default:
		err = l.SetHalt(ctx, read, ledger.Halt{
			Halted: reason != "no", Since: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
			By: caller.Identity{ARN: "arn:aws:iam::111122223333:user/kim"}, Reason: reason,
		})
	}
	if err != nil {
		panic(err)
	}
}

// Query implements [ledger.Store].
func (m memory) Query(ctx context.Context, partition string) ([]ledger.Item, error) {
	return reach(m, "dynamodb:Query", "", func() ([]ledger.Item, error) { return m.store.Query(ctx, partition) })
}

// Index implements [ledger.Store].
func (m memory) Index(ctx context.Context, subject string, since time.Time) ([]ledger.Item, error) {
	return reach(m, "dynamodb:Query", "", func() ([]ledger.Item, error) { return m.store.Index(ctx, subject, since) })
}

// Scan implements [ledger.Store].
func (m memory) Scan(ctx context.Context, prefixes ...string) ([]ledger.Item, error) {
	return reach(m, "dynamodb:Scan", "", func() ([]ledger.Item, error) { return m.store.Scan(ctx, prefixes...) })
}

// observedOwners says of whom it is read who owns a user, and what the user is exempt from.
type observedOwners struct {
	remediation.Owners
	*fixture
}

// Owner implements [remediation.Owners].
func (a observedOwners) Owner(ctx context.Context, user string) (owner.Contact, error) {
	a.ownerOf = user
	defer func() { a.ownerOf = "" }()
	return a.Owners.Owner(ctx, user)
}

// ByID implements [remediation.Owners].
func (a observedOwners) ByID(ctx context.Context, id, name string) (owner.Contact, error) {
	a.ownerOf = name
	defer func() { a.ownerOf = "" }()
	return a.Owners.ByID(ctx, id, name)
}

// start makes the fixture in which the scenario begins.
func (h *harness) start(t testing.TB, s scenario) *fixture {
	t.Helper()
	w := &fixture{
		scenario: s, account: fakeaws.New(s.account), untouched: fakeaws.New(s.account),
		store:  cmp.Or(s.store, &ledger.Memory{}),
		called: map[string]bool{}, failing: map[string]bool{}, now: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
	}
	w.account.Deploy(quarantines+change.KeyQuarantine, quarantines+change.OutsideQuarantine, quarantines+change.MFALock)
	setHalt(w.store, cmp.Or(s.halt, "no"))
	for _, d := range s.drills {
		if err := sealed(w.store).KeepDrill(context.Background(), d, d.At); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.deploy(w); err != nil {
		t.Fatal(err)
	}
	return w
}

// deploy sets Warder to work in the fixture.
func (h *harness) deploy(w *fixture) error {
	w.harness = h
	w.account.Now = func() time.Time { return w.now }
	w.account.Fault = func(operation string, after bool) error {
		guards := ""
		switch {
		case w.ownerOf != "":
			guards = ofUser + w.ownerOf + "\n"
		case operation == "s3:GetBucketTagging":
			guards = everything
		case tagged[operation] != nil:
			guards = ofKinds + strings.Join(tagged[operation], ",") + "\n"
		}
		return w.meet(operation, guards, after)
	}
	var err error
	if w.runner, err = w.newRunner(w.account); err != nil {
		return err
	}
	w.runner.Owners = observedOwners{w.runner.Owners, w}
	if h.sabotage != nil {
		h.sabotage(w)
	}
	return nil
}

// newRunner is the runner of the control, and works on the account.
func (w *fixture) newRunner(a *fakeaws.Account) (*remediation.Runner, error) {
	r := w.bareRunner()
	return r, w.harness.Connect(r, a.Config(), 0)
}

// bareRunner is the runner of a function that has no clients yet.
func (w *fixture) bareRunner() *remediation.Runner {
	return &remediation.Runner{
		Control: w.harness.described, Settings: w.settings, Ledger: sealed(memory{w}), Topic: w,
		Environment: remediation.Environment{
			Now:   func() time.Time { return w.now },
			Sleep: func(context.Context, time.Duration) {},
			Log:   slog.New(slog.NewJSONHandler(&w.log, nil)),
		},
	}
}

// alter does what people did before the event.
func (w *fixture) alter(e step) {
	if e.before == nil {
		return
	}
	for _, a := range []*fakeaws.Account{w.account, w.untouched} {
		if a != nil {
			a.Alter(e.before.State)
		}
	}
	setHalt(w.store, e.before.Halt)
}

// run handles one event or request.
func (w *fixture) run(e step) (remediation.Report, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.cancel = cancel
	before := len(w.calls)
	report, err := w.handle(ctx, e)
	w.answers = append(w.answers, answer{e, report, err, len(w.calls) - before})
	w.falseClaims = append(w.falseClaims, w.unmadeChanges(report)...)
	return report, err
}

func (w *fixture) handle(ctx context.Context, e step) (remediation.Report, error) {
	if e.isEvent() {
		var at struct{ Time time.Time }
		if json.Unmarshal(e.data, &at) == nil {
			w.now = at.Time
		}
		report, err := w.runner.Run(ctx, remediation.Invocation{ID: cmp.Or(w.by, e.name), Left: time.Minute}, e.data)
		w.note(report.Changes...)
		return report, err
	}
	text, want := string(e.data), ledger.Status.Made
	if strings.HasPrefix(e.name, "apply") {
		want = func(s ledger.Status) bool { return s == ledger.Skipped } // what was proposed
	}
	for i, id := range w.ids(want) {
		text = strings.ReplaceAll(text, fmt.Sprintf(`"$%d"`, i+1), fmt.Sprintf("%q", id))
	}
	var q struct {
		At     time.Time `json:"at"`
		Proven string    `json:"proven"` // ARN of the proven caller, if there is one
		undo.Request
	}
	if err := strict([]byte(text), &q); err != nil {
		return remediation.Report{}, err
	}
	w.now = q.At
	if q.Proven != "" {
		ctx = caller.NewContext(ctx, q.Proven)
	}
	if strings.HasPrefix(e.name, "release") {
		answer, err := w.runner.Release(ctx, remediation.ReleaseRequest{By: q.By, Reason: q.Reason})
		return remediation.Report{Outcome: remediation.Notified, Reason: answer.Text}, err
	}
	if strings.HasPrefix(e.name, "apply") {
		by := remediation.Invocation{ID: cmp.Or(w.by, e.name), Left: time.Minute}
		report, err := remediation.Proposals{Runner: w.runner}.Apply(ctx, by, remediation.ApplyRequest{
			Action: q.Action, By: q.By, Reason: q.Reason,
		})
		w.note(report.Changes...)
		var refused i18n.Fault
		if errors.As(err, &refused) && refused.Err == nil && len(report.Changes) == 0 {
			report.Reason, err = refused.Error(), nil
		}
		return report, err
	}
	runner := w.bareRunner()
	ask, err := undo.Tool.Connect(runner, w.account.Config())
	if err != nil {
		return remediation.Report{}, err
	}
	runner.Owners, runner.Log = observedOwners{runner.Owners, w}, w.runner.Log
	answer, err := ask(ctx, q.Request)
	if halt := answer.HaltAnswer; halt != nil {
		return remediation.Report{Outcome: remediation.Notified, Reason: halt.Text}, err
	}
	report := remediation.Report{Outcome: remediation.Nothing}
	for _, u := range answer.Undone {
		report.Outcome = remediation.Changed
		report.Changes = append(report.Changes,
			remediation.ReportedChange{ID: u.Undo, Change: u.Change, Status: ledger.Verified})
	}
	w.note(report.Changes...)
	for _, r := range answer.Refused {
		report.Reason = strings.TrimPrefix(report.Reason+"; refused: "+r.Why, "; ")
	}
	return report, err
}

// note keeps changes that were reported.
func (w *fixture) note(changes ...remediation.ReportedChange) {
	for _, c := range changes {
		at := slices.IndexFunc(w.changes, func(known remediation.ReportedChange) bool { return known.ID == c.ID })
		if at < 0 {
			w.changes = append(w.changes, c)
		} else {
			w.changes[at] = c
		}
	}
}

// ids are those of the changes, in the order of the scenario without a fault: what a person asks for in
// it is asked for here, too, under the id that it was made, or proposed, under.
func (w *fixture) ids(wanted func(ledger.Status) bool) []string {
	all := w.changes
	if w.like != nil {
		all = w.like.changes
	}
	var ids []string
	for _, c := range all {
		id := c.ID
		if !slices.ContainsFunc(w.changes, func(own remediation.ReportedChange) bool {
			return own.ID == c.ID && wanted(own.Status)
		}) {
			for _, own := range w.changes {
				if own.Thing() == c.Thing() && own.Before == c.Before && own.After == c.After && wanted(own.Status) {
					id = own.ID
				}
			}
		}
		ids = append(ids, id)
	}
	return ids
}

// isEvent reports whether it is an event, and not a request of a person.
func (e step) isEvent() bool { return strings.HasPrefix(e.name, "event") }

// snapshot is how a fixture was at one time.
type snapshot struct {
	account *fakeaws.Account
	store   *ledger.Memory
	sent    []notice.Message
	changes []remediation.ReportedChange
	now     time.Time
	calls   []call // that were made from then on, until the next snapshot
	// outcome is what is compared of it.
	outcome
}

// outcome is what a fixture is left with at one time.
type outcome struct {
	account    fakeaws.State
	remembered map[string]string
	notices    []string
	writes     map[string]int
}

// stop keeps the snapshot.
func (w *fixture) stop() {
	if len(w.snapshots) > 0 {
		w.snapshots[len(w.snapshots)-1].calls = w.calls
	}
	w.calls = nil
	w.snapshots = append(w.snapshots, &snapshot{
		account: w.account.Copy(), store: w.store.Copy(), sent: slices.Clone(w.sent), changes: slices.Clone(w.changes),
		now: w.now, outcome: w.outcome(),
	})
}

// from makes the fixture as it was at the snapshot, with a function that has just been started.
func (h *harness) from(like *fixture, m *snapshot) (*fixture, error) {
	w := &fixture{
		scenario: like.scenario, like: like, failing: like.failing, account: m.account.Copy(), store: m.store.Copy(),
		sent: slices.Clip(m.sent), changes: slices.Clone(m.changes), now: m.now, called: map[string]bool{},
	}
	return w, h.deploy(w)
}
