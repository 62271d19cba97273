// Package ledger is Warder's memory: every run, every finding with what was changed and why, every
// notice, the open cases, what was undone, in one DynamoDB table.
//
// It makes a run idempotent: an event is claimed by a conditional write before anything is done about it. It
// lets a run that was cut off be finished without doing anything twice: the next try does what is recorded and
// not yet done, and sends the notices that are recorded and not yet sent. Undo and explain read it.
//
// A [Ledger] is the same over every [Store]: [Dynamo] in production, [Memory] in tests. The package decides nothing
// and deletes nothing: runs that found nothing and marks of what was notified carry a time to live, the rest stays.
package ledger

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/notice"
)

// Status says how far a finding or a change has come.
type Status string

// A change goes from planned to applied to verified; it ends elsewhere when it is not made.
const (
	Planned  Status = "planned"      // recorded, not yet done
	Applied  Status = "applied"      // done, not yet verified
	Verified Status = "verified"     // done, and verified by reading it
	Failed   Status = "failed"       // tried and not so; the reason says why
	Skipped  Status = "skipped"      // rightly not done; the reason says why
	Held     Status = "held"         // not done now; the reason says why, and a later sweep tries again
	Pending  Status = "pending"      // its owner was notified, and has until the due time
	Observed Status = "would_change" // not done because the control only observes
	Undone   Status = "undone"       // done, and reverted
)

// Settled reports whether a retry of the same event leaves a change of this status as it is.
func (s Status) Settled() bool { return !slices.Contains([]Status{Planned, Applied, Failed, Held}, s) }

// Made reports whether a change of this status is in force.
func (s Status) Made() bool { return s == Applied || s == Verified }

// Step is one change of an entry, and how far it has come.
type Step struct {
	change.Change
	ID string `json:"id"` // names the step in messages, and for undo
	// Status and Reason say how far it has come, and why no further.
	Status Status    `json:"status"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`             // when the status was reached
	Undo   string    `json:"undo,omitempty"` // the id of the step that reverted it; empty when none did
}

// Notification is one notice of an entry, and the proof that SNS accepted it.
type Notification struct {
	Kind    notice.Kind `json:"kind"`
	Owner   string      `json:"owner,omitempty"` // whom it was addressed to
	Message string      `json:"message"`         // the id that SNS gave it
	// Sum is that of the text that was published: what has another one is not this notice. See [notice.Sum].
	Sum string    `json:"sum,omitempty"`
	At  time.Time `json:"at"` // when SNS accepted it
}

// Guard names a safeguard of Warder's that an entry is about.
type Guard string

// The safeguards that have entries of their own.
const (
	Stopped   Guard = "stopped"   // a control has reached its blast radius
	Released  Guard = "released"  // a person let such a control go on
	Exemption Guard = "exemption" // an exemption ends soon, or is none
	Crowded   Guard = "crowded"   // a control acts on more emergencies than it may make changes, and asks
	Unreached Guard = "unreached" // a control changes nothing, because nobody can be notified
	Halted    Guard = "halted"    // Warder was halted
	Resumed   Guard = "resumed"   // a person let it make changes again
	OnRequest Guard = "asked"     // somebody asked for an exemption, or for a later due date
	Forgery   Guard = "forgery"   // the table has items that Warder did not write
	Unread    Guard = "unread"    // what allows the changes could not be read: nothing is decided about them
)

// Entry is one finding of one run, with what was done about it and who was notified.
type Entry struct {
	ID      string `json:"id"`      // the same for the same finding of the same event, however often it is handled
	Control string `json:"control"` // the id of the control that found it
	// Run is the key of the event that it was found by, see [Run]; Event names that event.
	Run   string `json:"run"`
	Event string `json:"event,omitempty"`
	// EventRegion is the region in which CloudTrail has the event; empty for one of another kind.
	EventRegion string `json:"eventRegion,omitempty"`
	Subject     string `json:"subject,omitempty"` // whom the finding is about: an IAM user's name, or another principal
	User        bool   `json:"user,omitempty"`    // says that Subject is the name of an IAM user
	UserID      string `json:"userId,omitempty"`  // the user's unique id: another user may get its name later
	// Owner is whom notices about it go to; empty means the topic's other subscribers only.
	Owner      string    `json:"owner,omitempty"`
	OwnerSlack string    `json:"ownerSlack,omitempty"` // the Slack member id of the owner, when the account knows it
	Actor      string    `json:"actor,omitempty"`      // who caused it, when the event says so
	At         time.Time `json:"at"`                   // when it was found

	Title string `json:"title"` // Title, Text, the facts and so on are in the language of the deployment at that time
	// Heading is the title in English, where Title is in another language.
	Heading  string        `json:"heading,omitempty"`
	Severity string        `json:"severity"`
	Text     string        `json:"text"`
	Facts    []notice.Fact `json:"facts,omitempty"`
	Advice   string        `json:"advice,omitempty"`
	// UnchangedReason says why nothing is changed about it, where a reader would expect a change.
	UnchangedReason string `json:"unchangedReason,omitempty"`
	// Notify is the notice to send when no change requires another; empty means none.
	Notify notice.Kind `json:"notify,omitempty"`
	Case   string      `json:"case,omitempty"`  // the key of the case that it belongs to; empty when it belongs to none
	Guard  Guard       `json:"guard,omitempty"` // the safeguard that it is about; empty for what was found in the account
	// Thread is that of the event, for every control that answers it, or of what this one is about, as an undo is; empty
	// means its own.
	Thread string `json:"thread,omitempty"`
	// Group is the id of the entry whose notice names this one with many alike; empty for one that is notified by itself.
	Group string    `json:"group,omitempty"`
	Grace *int      `json:"grace,omitempty"` // days that the owner has, if the settings give users different ones
	Due   time.Time `json:"due,omitzero"`    // when its changes are due, for a case
	// Urgency names what its changes do not wait for; empty for what every safeguard applies to.
	Urgency string `json:"urgency,omitempty"`
	Drill   string `json:"drill,omitempty"` // the id of the drill that made the user; empty for everybody else
	// By and Reason are who asked for it and why, for what a person did.
	By     caller.Identity `json:"by,omitzero"`
	Reason string          `json:"reason,omitempty"`

	Steps         []Step         `json:"steps,omitempty"`
	Notifications []Notification `json:"notified,omitempty"`

	version int64
}

// Notice returns the entry's record of the notice of the given kind, nil when there is none.
func (e *Entry) Notice(kind notice.Kind) *Notification {
	for i := range e.Notifications {
		if e.Notifications[i].Kind == kind {
			return &e.Notifications[i]
		}
	}
	return nil
}

// Run is one control handling one event.
type Run struct {
	// Control is the control's id, Key the event's idempotency key.
	Control  string    `json:"control"`
	Key      string    `json:"key"`
	Event    string    `json:"event,omitempty"`   // names the event for people: its detail type and name
	Mode     string    `json:"mode,omitempty"`    // the control's mode at the run's last try
	Happened time.Time `json:"happened,omitzero"` // when what the event reports happened; zero for runs before it was kept
	// At is when it was first claimed, Attempts how often.
	At       time.Time `json:"at"`
	Attempts int       `json:"attempts"`
	// Holder has claimed the run until Until. A retry of its invocation has the same holder and may take it over.
	Holder string    `json:"holder"`
	Until  time.Time `json:"until,omitzero"`
	// Done says that it is finished, with Outcome and Reason.
	Done    bool   `json:"done"`
	Outcome string `json:"outcome,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Entries are the ids of its entries. Planned says that these are all findings: a retry need not plan again.
	Entries []string `json:"entries,omitempty"`
	Planned bool     `json:"planned"`
	// After is the name of the last user that a sweep has dealt with when its tries ran out of time,
	// Cases are the keys of the cases that go on among the users up to that one.
	After string   `json:"after,omitempty"`
	Cases []string `json:"cases,omitempty"`

	version int64
}

var (
	// ErrDone says that the run was finished before.
	ErrDone = errors.New("the run is finished")
	// ErrHeld says that another invocation works on the run.
	ErrHeld = errors.New("the run is held by another invocation")
)

// Ledger is the memory of one account. After an error of one of its methods nothing may be changed in the account.
type Ledger struct {
	store   Store
	longest time.Duration // that a hold lasts
}

// New returns the ledger in the store.
func New(store Store) *Ledger { return &Ledger{store, maxHold} }

// WithHolds returns the ledger, in which a hold lasts so many days at most, whatever it says itself.
func (l *Ledger) WithHolds(days int) *Ledger {
	return &Ledger{l.store, min(time.Duration(days)*day, maxHold)}
}

// idle is how long a run that found nothing is remembered: longer than EventBridge (24 hours) and
// Lambda (6 hours) keep trying to deliver its event, and than an archive is likely to be replayed
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html).
const idle = 30 * 24 * time.Hour

// The partitions of the table.
const (
	runs       = "run#"
	entries    = "entry#"
	marks      = "once#"
	cases      = "case#"  // those that are open, and for a day what is left of those that ended
	ended      = "ended#" // the others
	holds      = "hold#"
	breakers   = "breaker#"
	rounds     = "rounds#"
	notes      = "note#"
	threads    = "thread#"
	slots      = "slot#"
	deliveries = "delivery#"
	drills     = "drill#"
	taggings   = "tagging#"
	bursts     = "burst#"
	owners     = "owner#" // who answers for whom
	renamed    = "renamed#"
	waiting    = "waiting#"
	awaited    = "awaited#"
	addresses  = "address#"
	mails      = "mail#"
	mailed     = "mailed#"
	sweeps     = "sweep#"
	heartbeats = "heartbeat#"
	asked      = "asked#"
	exempted   = "exempt#"
	glass      = "glass#"

	ordersPartition = "orders#"
)

// key is that of an item, as short as DynamoDB takes it.
func key(partition, sort string) Key {
	return Key{short(partition, maxPartition), short(sort, maxSort)}
}

// get reads an item, which has version 0 when it is not there.
func (l *Ledger) get(ctx context.Context, partition, sort string) (Item, error) {
	k := key(partition, sort)
	return l.store.Get(ctx, k.Partition, k.Sort)
}

// load reads the JSON of an item and returns the item's version, 0 when it is not there.
func (l *Ledger) load(ctx context.Context, partition, sort string, into any) (int64, error) {
	item, err := l.get(ctx, partition, sort)
	if err != nil {
		return 0, err
	}
	return item.Version, parse(item, into)
}

// parse reads the JSON of an item. One that is not there leaves the value as it is.
func parse(item Item, into any) error {
	if item.Version == 0 {
		return nil
	}
	if err := json.Unmarshal([]byte(item.Body), into); err != nil {
		return fmt.Errorf("read %s of the ledger: %w", item.Partition, err)
	}
	return nil
}

func (l *Ledger) save(ctx context.Context, item Item, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode %s for the ledger: %w", item.Partition, err)
	}
	item.Body = string(text)
	k := key(item.Partition, item.Sort)
	item.Partition, item.Sort, item.Subject = k.Partition, k.Sort, short(item.Subject, maxPartition)
	return l.store.Put(ctx, item)
}

// short is a key of at most so many bytes: of a longer one the beginning, and a digest of all of it. Keys
// hold names out of events, and no name may keep its event from being recorded.
func short(key string, limit int) string {
	if len(key) <= limit {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	digest := "#sha256:" + hex.EncodeToString(sum[:])
	return strings.ToValidUTF8(key[:limit-len(digest)], "") + digest
}

// alteration alters a value. It answers what to write of its item and whether to write it, or an error to return.
type alteration[T any] func(value *T, found bool) (item Item, write bool, err error)

// revise reads an item into a new T, alters it, and writes it: see rewrite.
func revise[T any](ctx context.Context, l *Ledger, partition, sort string, alter alteration[T]) (T, error) {
	var value T
	version, err := l.load(ctx, partition, sort, &value)
	if err != nil {
		return value, err
	}
	value, _, err = rewrite(ctx, l, partition, sort, value, version, alter)
	return value, err
}

// rewrite alters an item that is known as a value of a version, and writes it. If somebody else wrote it
// meanwhile, or the value was only assumed, it alters and writes what is there instead. Who assumes that there is
// none gives no value and version 0, and saves the call to read it; such an alteration must write, as only the
// write shows whether that is right. It returns what was written, and its version.
func rewrite[T any](
	ctx context.Context, l *Ledger, partition, sort string, value T, version int64, alter alteration[T],
) (T, int64, error) {
	for try := 0; ; try++ {
		item, write, err := alter(&value, version > 0)
		if err != nil || !write {
			return value, version, err
		}
		item.Partition, item.Sort, item.Version = partition, sort, version
		err = l.save(ctx, item, value)
		var conflict *Conflict
		if !errors.As(err, &conflict) || try == 4 {
			return value, version + 1, err
		}
		var present T
		if err := parse(conflict.Present, &present); err != nil {
			return value, version, err
		}
		value, version = present, conflict.Present.Version
	}
}

// Begin claims the run for run.Holder until run.Until and returns it as recorded, with the entries
// of earlier tries. It answers ErrDone, with the recorded run, when the run is finished, and ErrHeld
// when another holder's claim has not run out at now.
func (l *Ledger) Begin(ctx context.Context, run Run, now time.Time) (Run, error) {
	// Most events come once: that it is new is tried first.
	claim := func(recorded *Run, found bool) (Item, bool, error) {
		switch {
		case !found:
			*recorded = run
			recorded.At, recorded.Attempts = now, 0
		case recorded.Done:
			return Item{}, false, ErrDone
		case recorded.Holder != run.Holder && !believed(recorded.Until, maxRun, now).Before(now):
			return Item{}, false, ErrHeld
		}
		recorded.Holder, recorded.Until, recorded.Mode = run.Holder, run.Until, run.Mode
		recorded.Attempts++
		return recorded.item(), true, nil
	}
	begun, version, err := rewrite(ctx, l, runs+run.Control+"#"+run.Key, "run", Run{}, 0, claim)
	begun.version = version
	if err != nil && !errors.Is(err, ErrDone) && !errors.Is(err, ErrHeld) {
		return Run{}, err
	}
	return begun, err
}

// item is what is written of the run but its body. One that found nothing is forgotten some day.
func (r *Run) item() Item {
	item := Item{Partition: runs + r.Control + "#" + r.Key, Sort: "run", Version: r.version}
	if len(r.Entries) == 0 {
		item.Expires = r.At.Add(idle)
	}
	return item
}

func (l *Ledger) putRun(ctx context.Context, run *Run) error {
	err := l.save(ctx, run.item(), run)
	if err == nil {
		run.version++
	}
	return err
}

// Record adds entries to the run, all of them or none; planned says that they are the last. An entry that is there
// already stays as it is, and is read into its place. Nothing may be done about an entry before it is recorded.
func (l *Ledger) Record(ctx context.Context, run *Run, found []Entry, planned bool) error {
	// The entries come first and the run names them all at once: a try that is cut off in between
	// leaves a run without them, and the next one records the same entries again.
	changed := *run
	changed.Entries, changed.Planned = slices.Clone(run.Entries), planned
	for i := range found {
		err := l.Update(ctx, &found[i])
		if conflict := (*Conflict)(nil); errors.As(err, &conflict) {
			found[i] = Entry{version: conflict.Present.Version}
			err = parse(conflict.Present, &found[i])
		}
		if err != nil {
			return err
		}
		if !slices.Contains(changed.Entries, found[i].ID) {
			changed.Entries = append(changed.Entries, found[i].ID)
		}
	}
	err := l.putRun(ctx, &changed)
	if err == nil {
		*run = changed
	}
	return err
}

// Finish ends the run: done with an outcome, or not done and free to be claimed by its retry.
func (l *Ledger) Finish(ctx context.Context, run *Run) error {
	run.Until = time.Time{}
	return l.putRun(ctx, run)
}

// Run returns a run; ok is false when there is none.
func (l *Ledger) Run(ctx context.Context, control, key string) (run Run, ok bool, err error) {
	run.version, err = l.load(ctx, runs+control+"#"+key, "run", &run)
	return run, run.version > 0, err
}

// Update writes an entry over the version that was read, or answers ErrConflict.
func (l *Ledger) Update(ctx context.Context, e *Entry) error {
	item := Item{
		Partition: entries + e.ID, Sort: "entry", Subject: cmp.Or(e.UserID, e.Subject), At: e.At, Version: e.version,
	}
	err := l.save(ctx, item, e)
	if err == nil {
		e.version++
	}
	return err
}

// Entry returns the entry with the given id; ok is false when there is none.
func (l *Ledger) Entry(ctx context.Context, id string) (e Entry, ok bool, err error) {
	e.version, err = l.load(ctx, entries+id, "entry", &e)
	return e, e.version > 0, err
}

// About returns the entries and cases of a subject from a time on, oldest first: those of an IAM user by its unique
// id, and by its name only what was recorded when it could not be read who that is.
func (l *Ledger) About(ctx context.Context, subject string, since time.Time) (found []Entry, open []Case, err error) {
	items, err := l.store.Index(ctx, short(subject, maxPartition), since)
	if err != nil {
		return nil, nil, err
	}
	return split(items)
}

// Named returns the unique ids of the IAM users that have an entry under the name: of whoever has it now, and of those
// who were renamed or deleted since. It reads the whole table. The one that had it last comes first.
func (l *Ledger) Named(ctx context.Context, name string) (ids []string, err error) {
	all, _, err := l.All(ctx)
	for _, e := range slices.Backward(all) {
		if e.UserID != "" && e.Subject == name && !slices.Contains(ids, e.UserID) {
			ids = append(ids, e.UserID)
		}
	}
	return ids, err
}

// All returns every entry and case, oldest first. It reads the whole table.
func (l *Ledger) All(ctx context.Context) ([]Entry, []Case, error) {
	items, err := l.store.Scan(ctx, entries, cases, ended)
	if err != nil {
		return nil, nil, err
	}
	return split(items)
}

// split sorts out entries and cases. Of a case that was opened anew, what it was before is left out.
func split(items []Item) (found []Entry, current []Case, err error) {
	open := map[Key]bool{}
	var over []Case
	var faults []error
	for _, item := range items {
		switch {
		case strings.HasPrefix(item.Partition, entries):
			e := Entry{version: item.Version}
			faults = append(faults, parse(item, &e))
			found = append(found, e)
		case strings.HasPrefix(item.Partition, cases) && item.Expires.IsZero():
			c, err := asCase(item)
			faults = append(faults, err)
			current, open[Key{c.Control, c.Key}] = append(current, c), true
		case strings.HasPrefix(item.Partition, ended):
			c, err := asCase(item)
			faults = append(faults, err)
			over = append(over, c)
		}
	}
	for _, c := range over {
		if !open[Key{c.Control, c.Key}] {
			current = append(current, c)
		}
	}
	slices.SortFunc(found, func(a, b Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(current, func(a, b Case) int { return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.Key, b.Key)) })
	return found, current, errors.Join(faults...)
}

type mark struct {
	Run    string    `json:"run"`
	Until  time.Time `json:"until"`
	UserID string    `json:"userId,omitempty"`
}

// Once reports whether key is marked for the first time, or again by the same run, or after its
// mark ran out at now; it marks it for the run until the given time.
func (l *Ledger) Once(ctx context.Context, key, run string, now, until time.Time) (bool, error) {
	return l.OnceFor(ctx, "", key, run, now, until)
}

// OnceFor is Once for a user, where the key has a name that another one may get: the mark of another user does not
// count. An empty id is that of a user who cannot be read, for whom every mark counts, and whose mark counts for
// everybody.
func (l *Ledger) OnceFor(ctx context.Context, id, key, run string, now, until time.Time) (bool, error) {
	first := false
	// Most notices are the first of their kind: that is tried first.
	_, _, err := rewrite(ctx, l, marks+key, "once", mark{}, 0, func(m *mark, found bool) (Item, bool, error) {
		anothers := id != "" && m.UserID != "" && m.UserID != id
		first = !found || m.Run == run || believed(m.Until, until.Sub(now), now).Before(now) || anothers
		if found && m.Run == run {
			return Item{}, false, nil
		}
		*m = mark{Run: run, Until: until, UserID: id}
		return Item{Expires: until}, first, nil
	})
	return first && err == nil, err
}

// Contents is what the ledger holds of an account, for who reports of it.
type Contents struct {
	Runs []Run // those that found something, and the others of the last month. The first begun comes first
	// Entries and Cases are all that there are, oldest first.
	Entries  []Entry
	Cases    []Case
	Asked    []Asked            // exemptions that people asked for, the first asked for first
	Breakers map[string]Breaker // the breakers of the controls that made changes, by control
}

// Contents returns all that the ledger holds. It reads the whole table.
func (l *Ledger) Contents(ctx context.Context) (Contents, error) {
	items, err := l.store.Scan(ctx, runs, entries, cases, ended, breakers, asked)
	if err != nil {
		return Contents{}, err
	}
	c := Contents{Breakers: map[string]Breaker{}}
	var faults []error
	c.Entries, c.Cases, err = split(items)
	for _, item := range items {
		if control, found := strings.CutPrefix(item.Partition, breakers); found {
			var b Breaker
			faults = append(faults, parse(item, &b))
			c.Breakers[control] = b
		} else if strings.HasPrefix(item.Partition, asked) {
			var a Asked
			faults = append(faults, parse(item, &a))
			c.Asked = append(c.Asked, a)
		} else if strings.HasPrefix(item.Partition, runs) {
			run := Run{version: item.Version}
			faults = append(faults, parse(item, &run))
			c.Runs = append(c.Runs, run)
		}
	}
	if err := errors.Join(append(faults, err)...); err != nil {
		return Contents{}, err
	}
	slices.SortFunc(c.Asked, byAsking)
	slices.SortFunc(c.Runs, func(a, b Run) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Control, b.Control), cmp.Compare(a.Key, b.Key))
	})
	return c, nil
}
