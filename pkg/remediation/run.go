package remediation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/settings"
)

// run is the handling of one event.
type run struct {
	*session
	cases     *caseBook
	reader    *reader
	recorder  *recorder
	applier   *applier
	notifier  notifier
	budget    budget
	drillUser string // the user of the drill whose event it is; empty for other events
	limits    limits // what the run met of them
	owners    *owners
}

// budget is the time of a run: how long planning may take, and whether nothing more should be begun.
type budget struct {
	planning time.Duration
	spent    func() bool
}

func newRun(s *session, b budget) *run {
	r := &run{session: s, budget: b, notifier: notifier{s.Runner, s.event.Account, s.event.Region, s.clock}}
	r.cases = &caseBook{session: s, known: map[string]ledger.Case{}}
	r.applier = &applier{s, map[string]*ledger.RecentChanges{}}
	r.reader = &reader{
		session: s, cases: r.cases, applier: r.applier, contacts: map[string]owner.Contact{},
		tags: map[string]map[string]string{}, firstKeys: map[string]string{},
		taggings: map[string]map[string]ledger.Tagging{}, addresses: map[string]ledger.Address{},
	}
	r.owners = &owners{session: s, reader: r.reader}
	r.recorder = &recorder{s, r.reader, r.owners}
	return r
}

// handle finishes what an earlier try recorded, then plans and handles what is new.
// One finding that is stuck does not keep the others from being handled.
func (r *run) handle(ctx context.Context) error {
	var faults []error
	var unread []string
	handled, ongoing := map[string]bool{}, map[string]bool{}
	for _, key := range r.record.Cases {
		ongoing[key] = true
	}
	outOfTime := func(left int) error {
		return errors.Join(append(faults, fmt.Errorf("out of time: %d findings are left to the retry", left))...)
	}
	if err := r.keepTagging(ctx); err != nil {
		return err
	}
	for i, id := range r.record.Entries {
		if r.budget.spent() {
			return outOfTime(len(r.record.Entries) - i)
		}
		entry, found, err := r.Ledger.Entry(ctx, id)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("the ledger has no entry %s, which its run names", id)
		}
		if anyStep(&entry, ledger.Held) { // an earlier try met the switch, perhaps, and ended before it was notified of
			if err := r.reader.readHalt(ctx); err != nil {
				return err
			}
		}
		if entry.Guard != ledger.Unread {
			handled[cmp.Or(entry.UserID, entry.Subject)], ongoing[entry.Case] = true, true
		} else if entry.User && entry.UserID == "" {
			unread = append(unread, entry.Case)
		}
		faults = append(faults, r.finish(ctx, &entry))
	}
	if !r.record.Planned {
		entries, after, err := r.plan(ctx, handled, ongoing)
		faults = append(faults, err)
		if len(entries) > 0 {
			if err := r.Ledger.Record(ctx, &r.record, entries, err == nil); err != nil {
				return errors.Join(append(faults, err)...)
			}
		}
		if after != "" {
			delete(ongoing, "")
			r.record.After, r.record.Cases = after, slices.Sorted(maps.Keys(ongoing))
		}
		for i := range entries {
			if r.budget.spent() {
				return outOfTime(len(entries) - i)
			}
			faults = append(faults, r.finish(ctx, &entries[i]))
		}
	}
	if r.record.Planned {
		// What could not be read is planned now, and has a case of its own if it needs one.
		for _, key := range unread {
			faults = append(faults, r.cases.suspend(ctx, key))
		}
	}
	faults = append(faults, r.notifyLimits(ctx))
	if err := errors.Join(faults...); err != nil {
		return err // who was the owner before is still to be notified
	}
	return r.owners.keep(ctx, r.budget.spent)
}

// plan returns the entries of what the planner finds. Subjects that an earlier try of this run handled are
// left unchanged: what is found about them now is a consequence of what was done. A subject that cannot be
// handled whole is left to the retry. ongoing are the cases that go on. after is the user up to which a
// sweep came before its time was over, if it was.
func (r *run) plan(ctx context.Context, handled, ongoing map[string]bool) (
	entries []ledger.Entry, after string, err error,
) {
	found, err := inspect(ctx, r)
	var faults []error
	if err != nil {
		faults = append(faults, err)
	}
	if r.drillUser != "" && slices.ContainsFunc(found, func(f located) bool { return r.notOfDrill(f.Finding) }) {
		return nil, "", errors.Join(append(faults, errNotOfDrill)...)
	}
	r.report.Metrics.Add(metric.Findings, len(found))
	if r.sweeping() {
		r.reader.prefetch(ctx, found)
	}
	stuck, listed := map[string]bool{}, map[string]bool{}
	defer func(e event.Event) { r.event = e }(r.event)
	for _, f := range found {
		r.event = f.event
		// What is still to be contained is contained, whatever was done about the same subject before.
		if len(handled) > 0 && handled[r.reader.whose(ctx, f.Finding)] && (f.Urgency != Containment || len(f.Changes) == 0) {
			entry, err := r.recorder.entry(ctx, f.Finding)
			if err != nil {
				faults = append(faults, err)
			}
			ongoing[entry.Case] = true
			continue
		}
		key, wanted, err := r.evaluate(ctx, f.Finding)
		ongoing[key] = true
		if err != nil {
			faults = append(faults, err)
			stuck[f.subject()] = true
		}
		for _, entry := range wanted {
			if !listed[entry.ID] {
				listed[entry.ID] = true
				entries = append(entries, entry)
			}
		}
	}
	entries = slices.DeleteFunc(entries, func(e ledger.Entry) bool { return stuck[e.Subject] && e.Guard != ledger.Unread })
	// Only a sweep that saw everything can say that something is not there any more.
	if r.sweeping() && len(faults) == 0 && r.enforcing() {
		remediated, err := r.recorder.remediated(ctx, ongoing)
		entries, faults = append(entries, remediated...), append(faults, err)
	}
	entries = r.recorder.together(entries)
	var partial *Stopped
	if errors.As(err, &partial) && len(faults) == 1 {
		after = partial.After
	}
	return entries, after, errors.Join(faults...)
}

// located is a finding, and the event that it is about.
type located struct {
	Finding
	event event.Event
}

// inspect has the planner look at what the event is about, under the names that users have now.
func inspect(ctx context.Context, r *run) (all []located, err error) {
	planning, cancel := context.WithTimeout(ctx, r.budget.planning)
	defer cancel()
	who := &identifier{r.session, r.reader}
	targets, err := who.identify(planning)
	faults := []error{err}
	for _, t := range targets {
		if sweep, ok := t.event.Detail.(*event.Sweep); ok {
			t.event.Detail = &event.Sweep{Rule: sweep.Rule, After: r.record.After}
		}
		m := memory{r.Ledger, r.Control.ID, r.cases.open, r.clock, r.owners.saw, t.id}
		findings, err := look(planning, r, t.event, m)
		_, sweep := t.event.Detail.(*event.Sweep)
		if err = r.await(ctx, err); len(findings) > 0 || missing(err) {
			faults = append(faults, who.remember(ctx, t))
		}
		switch {
		case change.NotFound(err) && !sweep && r.lastTry() && t.err == nil:
			// What AWS does not show to the retries either does not exist: see reader.read.
			r.report.note(Skipped, r.render(goneSince))
		case change.NotFound(err) && !sweep:
			// What is only said of it may be otherwise when it is there.
			findings = slices.DeleteFunc(findings, func(f Finding) bool { return len(f.Changes) == 0 })
			faults = append(faults, fmt.Errorf("plan: %w", err))
		case err != nil:
			faults = append(faults, fmt.Errorf("plan: %w", err))
		}
		for _, f := range findings {
			if f.User != "" && f.User == t.name {
				f.userID, f.was, f.unread = t.id, t.was, t.err
			}
			all = append(all, located{f, t.event})
		}
	}
	return all, errors.Join(faults...)
}

// evaluate makes a finding into what the ledger records of it: nothing when there is nothing to do or to say now,
// several entries when its owner is alerted about an exemption, too. It returns the finding's key with them.
func (r *run) evaluate(ctx context.Context, f Finding) (key string, entries []ledger.Entry, err error) {
	if f, err = r.reader.unlessSelfAsked(ctx, f); err != nil {
		return "", nil, err
	}
	if len(f.Changes) == 0 {
		entries, err := r.recorder.unlessRepeated(ctx, f, make([]ledger.Entry, 1))
		if len(entries) > 0 {
			entries[0], err = r.recorder.entry(ctx, f)
			entries[0].Notify = notice.Alert
			if err == nil {
				err = r.recorder.limit(ctx, f, &entries[0])
			}
		}
		return "", entries, err
	}
	if f.Urgency == Containment {
		var contact owner.Contact
		if f.User != "" {
			contact, err = r.reader.contact(ctx, f.User, f.userID)
		}
		if err != nil {
			f.unread = cmp.Or(f.unread, err)
		} else if f, err = r.containment().withoutUndone(ctx, f, contact.ID, r.recorder); err != nil {
			return "", nil, err
		}
	}
	entry, err := r.recorder.entry(ctx, f)
	if err != nil {
		err = i18n.Fault{Text: i18n.T("the exemption of %q cannot be read", entry.Subject), Err: err}
		entries, err = r.recorder.unread(entry, f, err)
		return entry.Case, entries, err
	}
	if f.held != nil && f.held.UserID == "" && f.held.Key == f.key() {
		entry.Case = f.held.Key // it was held when it could not be read whose it is
	}
	if f.given != nil {
		entry.Grace = new(f.given.Days(settings.GraceDays))
	}
	f.Changes = changesOf(&entry)
	d := r.decide(ctx, f, &entry, planning)
	if c := r.cases.known[entry.Case]; urgent(c, r.now) {
		entry.Urgency = cmp.Or(entry.Urgency, c.Urgency) // it was an emergency when it was held
	}
	var alerts []ledger.Entry
	switch {
	case d.err != nil:
	case d.guard != existence:
		alerts, d.err = r.recorder.exemptionAlert(ctx, entry, d.asked)
	case f.held != nil:
		return entry.Case, nil, r.cases.suspend(ctx, f.held.Key)
	}
	if d.err != nil {
		entries, err = r.recorder.unread(entry, f, d.err)
	} else {
		entries, err = r.conclude(ctx, f, entry, d)
	}
	return entry.Case, append(alerts, entries...), err
}

// conclude returns the entries that a decision about a finding leads to.
func (r *run) conclude(ctx context.Context, f Finding, entry ledger.Entry, d decision) ([]ledger.Entry, error) {
	one := []ledger.Entry{entry}
	switch {
	case d.answer == permit && r.enforcing():
		var err error
		if f.Alert { // the notice about the change says what an alert would say
			_, err = firstTimeAbout(ctx, r.recorder, f)
		}
		return one, err
	case d.answer == permit:
		if f.Once.Key == "" && !f.Fresh {
			f.Once = Once{Key: entry.Case, For: Weekly}
		}
		return r.recorder.unlessRepeated(ctx, f, one)
	}
	r.report.skip(d.skipped, len(entry.Steps))
	r.setSteps(&entry, d.status, d.why)
	if d.answer == hold && d.notify != "" {
		entry.Notify, entry.Due = d.notify, d.until
		return []ledger.Entry{entry}, nil
	}
	if d.answer == suppress && r.enforcing() {
		if err := r.cases.suspend(ctx, entry.Case); err != nil {
			return nil, err
		}
	}
	if d.answer == suppress && f.Alert {
		if d.guard == undone && f.Urgency == Containment {
			var err error
			if f.Once, err = r.containment().uncontained(ctx, f, &entry); err != nil {
				return nil, err
			}
		}
		if d.guard == proposed {
			entry.Facts = append(entry.Facts, r.fact(Fact{i18n.T("To apply it"), applyCommand(entry.ID)}))
		}
		entry.Case, entry.UnchangedReason = "", cmp.Or(entry.UnchangedReason, r.render(d.why)+".")
		return r.recorder.unlessRepeated(ctx, f, []ledger.Entry{entry})
	}
	r.report.steps(&entry)
	return nil, nil
}

// decide reads what the guards need to know, as they need it, until they have decided.
func (r *run) decide(ctx context.Context, f Finding, entry *ledger.Entry, at stage) decision {
	x := facts{
		stage: at, now: r.now, control: r.Control.ID, settings: r.Settings, widens: r.Kinds.Narrows(f.Changes),
		known: map[fact]error{}, firstKey: r.reader.firstKeys[f.OneKeyPerRun],
		ledger: ledgerFacts{key: entry.Case, actor: entry.Actor, happened: happened(r.event)},
	}
	if f.given != nil {
		x.settings = *f.given
	}
	d := decide(f, x)
	for ; d.needs != ""; d = decide(f, x) {
		x.known[d.needs] = r.reader.read(ctx, d.needs, f, entry, &x)
	}
	d.asked = x.ledger.state.Exempted(f.Changes, r.now)
	// What goes on stays in the thread that it began in.
	if c := x.ledger.current; isOpen(c) && at == planning {
		entry.Thread = c.Thread
	}
	switch {
	case d.guard == reachable && d.err == nil:
		r.limits.unreached = append(r.limits.unreached, entry.Steps...)
		r.report.Metrics.Add(metric.Unreached, len(entry.Steps))
	case d.guard == blastRadius && d.err == nil:
		r.limits.held, r.limits.trippedAt = append(r.limits.held, entry.Steps...), x.ledger.state.Breaker.Tripped
	case d.answer == permit && at == applying && f.Urgency.Emergency():
		r.limits.emergencies = x.ledger.state.Breaker
	case d.answer == permit && f.OneKeyPerRun != "":
		r.reader.firstKeys[f.OneKeyPerRun] = change.Hint(f.Changes[0])
	}
	return d
}

// recorded is the finding of an entry, as far as the guards need it.
func recorded(entry *ledger.Entry) Finding {
	return Finding{Changes: changesOf(entry), Handling: Handling{Urgency: Urgency(entry.Urgency)}}
}

// permit decides whether the steps of a recorded entry may be made now. An error asks for a retry.
func (r *run) permit(ctx context.Context, entry *ledger.Entry) decision {
	d := r.decide(ctx, recorded(entry), entry, applying)
	if d.err != nil {
		return d
	}
	switch d.guard {
	case halt, reachable, blastRadius: // once a week its owner is notified that the same is held
		if r.now.Sub(r.cases.known[entry.Case].HeldNotified) < Weekly {
			entry.Notify = quiet
		}
		if d.guard == blastRadius {
			r.report.Metrics.Set(metric.BreakerOpen, 1)
		}
	case flapping:
		// Its case ends: a new one begins with a notice, if it is still so then. The entry lets go of the case
		// only when that is recorded, so that the retry finds it.
		if d.err = r.cases.suspend(ctx, entry.Case); d.err != nil {
			d.why = i18n.Error(d.err)
		} else {
			entry.Case = ""
		}
	}
	return d
}

// finish brings a recorded entry to its end: makes the changes if it may, and sends the notice that is due.
func (r *run) finish(ctx context.Context, entry *ledger.Entry) error {
	severity := control.Severity(entry.Severity)
	if severity.Rank() > r.report.Severity.Rank() || len(r.report.Changes)+len(r.report.Notices) == 0 {
		r.report.Severity = severity
	}
	settled, applyErr := r.act(ctx, entry)
	err := r.notify(ctx, entry, settled, applyErr != nil)
	r.report.steps(entry)
	if err == nil {
		if entry.Notify != "" && entry.Notify != quiet {
			r.report.note(Notified, entry.UnchangedReason)
		}
		err = r.cases.follow(ctx, entry)
	}
	return errors.Join(applyErr, err)
}

// act settles the steps of an entry, in order, as far as it can. settled asks to record the entry as it is then. The
// steps of a containment do not depend on each other: one that fails keeps no other from being tried.
func (r *run) act(ctx context.Context, entry *ledger.Entry) (settled bool, err error) {
	unsettled := slices.ContainsFunc(entry.Steps, func(s ledger.Step) bool { return !s.Status.Settled() })
	if entry.Guard == ledger.Unread || !unsettled {
		return false, nil
	}
	d := r.permit(ctx, entry)
	failed, lacking := d.err, false
	independent := Urgency(entry.Urgency) == Containment
	var absent []*ledger.Step // AWS says that what they need does not exist
	for i := range entry.Steps {
		step := &entry.Steps[i]
		end := func(status ledger.Status, why i18n.Message) { step.Status, step.Reason = status, r.render(why) }
		switch made := step.Status == ledger.Applied; { // what is made is made, and is only verified
		case step.Status.Settled():
			continue
		case d.answer != permit && !made:
			end(d.status, d.why)
			r.report.skip(d.skipped, 1)
		case failed != nil && !made && !independent:
			end(ledger.Failed, i18n.T("not tried: the previous change failed"))
		case lacking:
			end(ledger.Skipped, i18n.T("not tried: what the previous change needs no longer exists"))
			r.report.skip(metric.SkippedMoot, 1)
		default:
			err := r.applier.apply(ctx, entry, step)
			if lacking = errors.Is(err, errPrerequisite); independent && lacking {
				absent, lacking = append(absent, step), false
			} else if !lacking {
				failed = errors.Join(failed, err)
			}
			if step.Status == ledger.Skipped {
				r.report.skip(metric.SkippedMoot, 1)
			}
		}
		step.At = r.clock()
		level := slog.LevelInfo
		if step.Status == ledger.Failed {
			level = slog.LevelError
		}
		r.log.Log(ctx, level, "change", changeAttrs(*step)...)
	}
	if len(absent) > 0 && anyStep(entry, ledger.Applied, ledger.Verified) {
		// The other step shows that the user exists.
		for _, step := range absent {
			step.Status = ledger.Failed
		}
		failed = errors.Join(failed, errPrerequisite)
	}
	return true, failed
}

// changeAttrs are those of the line that a change has in the log.
func changeAttrs(s ledger.Step) []any {
	return []any{"id", s.ID, "kind", s.Kind, "subject", s.Subject, "target", change.Hint(s.Change),
		"status", s.Status, "reason", s.Reason}
}

// notify publishes the notice that the state of the entry requires, unless it was sent before, and records the entry:
// settled says that there is something to record in any case. retried says that a retry goes on with it.
func (r *run) notify(ctx context.Context, entry *ledger.Entry, settled, retried bool) error {
	kind := requiredNotice(entry, retried)
	switch sent := kind == "" || entry.Notice(kind) != nil; {
	case sent && settled:
		return r.Ledger.Update(ctx, entry)
	case sent:
		return nil
	case kind == notice.Warning:
		// The owner has the whole grace period from now on, whenever the entry was made.
		entry.Due = later(entry.Due, r.clock().Add(graceOf(entry, r.Settings)))
	}
	if err := r.notifier.publish(ctx, entry, kind); err != nil {
		if settled {
			err = errors.Join(err, r.Ledger.Update(ctx, entry))
		}
		return err
	}
	r.report.Notices = append(r.report.Notices, ReportedNotice{kind, severityOf(entry, kind), entry.Title, entry.Owner})
	r.log.InfoContext(
		ctx,
		"notice",
		"id",
		entry.ID,
		"kind",
		kind,
		"severity",
		severityOf(entry, kind),
		"title",
		entry.Title,
		"subject",
		entry.Subject,
		"owner",
		entry.Owner,
		"message",
		entry.Notice(kind).Message,
	)
	return r.Ledger.Update(ctx, entry)
}

// session is what the parts of a run share.
type session struct {
	*Runner
	event  event.Event
	raw    []byte     // the event as it came
	record ledger.Run // the run as the ledger has it
	now    time.Time
	frozen bool // the run's time is its event's, and stands still
	report *Report
	log    *slog.Logger // has the event in each line
}

// tries is how often Lambda runs a function for an asynchronous event: once, and twice again
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
const tries = 3

// lastTry reports whether no retry follows by itself.
func (s *session) lastTry() bool { return s.record.Attempts >= tries }

// clock is the time as it passes during the run.
func (s *session) clock() time.Time {
	if s.frozen {
		return s.now
	}
	return s.Now()
}

func (s *session) enforcing() bool { return s.Settings.Mode == control.Enforce }

func (s *session) sweeping() bool {
	_, sweep := s.event.Detail.(*event.Sweep)
	return sweep
}

// firstTime reports whether nobody was notified of the same thing lately; else it notes that.
func (s *session) firstTime(ctx context.Context, once Once) (bool, error) {
	if once.Key == "" {
		return true, nil
	}
	key := s.Control.ID + "#" + once.Key
	return s.Ledger.Once(ctx, key, s.record.Key, s.now, s.now.Add(once.For))
}

// setSteps gives every step of the entry a status.
func (s *session) setSteps(entry *ledger.Entry, status ledger.Status, why i18n.Message) {
	for i := range entry.Steps {
		entry.Steps[i].Status, entry.Steps[i].Reason = status, s.render(why)
	}
}
