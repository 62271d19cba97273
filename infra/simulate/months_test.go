package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	warderevent "github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// companies are how many small ones are played, each for two months, and large ones, each for four hundred days.
const (
	companies      = 200
	largeCompanies = 2
)

func TestInvariantsHoldInEveryCompany(t *testing.T) {
	var played []options
	for seed := range uint64(companies) {
		played = append(played, options{days: 60, users: 8, seed: seed + 1})
	}
	all := playAll(t, played)
	t.Attr("companies", strconv.Itoa(companies))
	t.Attr("changes", strconv.Itoa(all.counts["changes"]))
	t.Attr("faults", strconv.Itoa(all.counts["faults"]))
	for _, invariant := range invariants {
		t.Run(invariant, func(t *testing.T) {
			if all.checks[invariant] == 0 {
				t.Error("nothing was checked")
			}
			t.Attr("cases", strconv.Itoa(all.checks[invariant]))
		})
	}
	t.Logf("%d companies: %v, %v", companies, all.counts, all.checks)
}

// In a company of two hundred there is what a dozen people do not bring about in two months, such as a blast radius
// that is reached over and over. The seeds are those of companies that broke an invariant once, and new ones each time.
func TestInvariantsHoldInLargeCompanies(t *testing.T) {
	seeds := []uint64{7006, 828499824}
	for range largeCompanies {
		seeds = append(seeds, uint64(rand.Uint32()))
	}
	var played []options
	for _, seed := range seeds {
		t.Logf("go run ./infra/simulate -days 400 -users 200 -seed %d", seed)
		played = append(played, options{days: 400, users: 200, seed: seed})
	}
	all := playAll(t, played)
	for _, invariant := range invariants {
		if all.checks[invariant] == 0 {
			t.Errorf("nothing was checked: %s", invariant)
		}
	}
	t.Attr("companies", strconv.Itoa(len(seeds)))
}

// tally is what companies came to together.
type tally struct{ counts, checks map[string]int }

// playAll plays companies, as many at a time as there are processors, each of which must keep every invariant.
func playAll(t *testing.T, all []options) tally {
	t.Helper()
	sum := tally{counts: map[string]int{}, checks: map[string]int{}}
	var mu sync.Mutex
	companies := make(chan options)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for o := range companies {
				o.samples = samples(t)
				s, err := simulate(t.Context(), o)
				if err != nil {
					t.Errorf("seed %d: %v", o.seed, err)
					continue
				}
				if v := s.Violation; v != nil {
					t.Errorf("-days %d -users %d -seed %d: %v\n%s", o.days, o.users, o.seed, v, strings.Join(v.Story, "\n"))
				}
				mu.Lock()
				for what, n := range s.Counts {
					sum.counts[what] += n
				}
				for invariant, n := range s.Checks {
					sum.checks[invariant] += n
				}
				mu.Unlock()
			}
		})
	}
	for _, o := range all {
		companies <- o
	}
	close(companies)
	workers.Wait()
	return sum
}

func TestMonths_SameSeed(t *testing.T) {
	play := func() (summary, []string) {
		var lines []string
		s, err := simulate(t.Context(), options{
			days: 90, users: 12, seed: 7, samples: samples(t),
			day: func(day time.Time, happened []string) { lines = append(append(lines, day.String()), happened...) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return s, lines
	}
	first, said := play()
	second, again := play()
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(said, again); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}

// sabotage breaks an invariant.
type sabotage struct {
	invariant, how string
	do             func(*world)
}

// Each invariant is broken on purpose, and must be seen to be.
var sabotages = []sabotage{
	{noticeFirst, "the functions give less grace than their settings say", func(w *world) { w.chosen.grace++ }},
	{haltedNow, "the halt switch is not read", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Ledger = ledger.New(forgetful{w.deployed().Table(), "halt#"}) })
	}},
	{exemptNow, "the tags of users are not read", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Owners = tagless{r.Owners} })
	}},
	{observing, "a control that only observes enforces", func(w *world) {
		for _, f := range w.functions {
			f.Settings.Mode = "observe"
		}
	}},
	{radius, "the functions have a larger radius in their settings", func(w *world) {
		for _, f := range w.functions {
			f.Settings.BlastRadius = 0
		}
	}},
	{heldNow, "holds are not remembered", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Ledger = ledger.New(forgetful{w.deployed().Table(), "hold#"}) })
	}},
	{explained, "changes are made that are not recorded", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Kinds = overdone(r.Kinds) })
	}},
	{narrower, "a policy that denies is detached", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) {
			r.Planner = blunt{r.Planner, w, change.Change{
				Kind: change.ManagedUserPolicy, Target: own + "/no-bills", Before: change.Attached,
			}, map[string]bool{}}
		})
	}},
	{unlocked, "the MFA lock is lifted without a look", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) {
			if r.Control.ID != "require-mfa" {
				return
			}
			lift := change.Change{Kind: change.MFALift, Target: mfaLock, Before: change.Attached}
			r.Planner, r.Kinds = blunt{r.Planner, w, lift, map[string]bool{}}, credulous(r.Kinds)
		})
	}},
	{truthful, "a change that did not take is said to be made", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Kinds = pretended(r.Kinds) })
	}},
	{onlyOnce, "every notice is sent twice", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Topic = twice{w} })
	}},
	{discreet, "a notice holds a whole access key id", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Topic = indiscreet{w} })
	}},
	{covered, "a sweep looks at nobody", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Planner = blind{r.Planner} })
	}},
	{overdue, "everything is held back for ever", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Ledger = ledger.New(halted{w.deployed().Table()}) })
	}},
	{rewound, "undo puts back something else", func(w *world) { w.undoer.Kinds = pretended(w.undoer.Kinds) }},
	{oneKey, "keys go without taking turns", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Planner = unordered{r.Planner} })
	}},
	{unlost, "runs are finished that are not recorded as such", func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Ledger = ledger.New(&ledger.Memory{}) })
	}},
}

func TestABrokenInvariantIsSeen(t *testing.T) {
	for _, invariant := range invariants {
		if !slices.ContainsFunc(sabotages, func(s sabotage) bool { return s.invariant == invariant }) {
			t.Errorf("nobody breaks: %s", invariant)
		}
	}
	t.Attr("invariants", strconv.Itoa(len(invariants)))
	for _, s := range sabotages {
		t.Run(s.how, func(t *testing.T) {
			for seed := range uint64(20) {
				summary, err := simulate(t.Context(), options{days: 60, users: 12, seed: seed + 1, sabotage: s.do,
					samples: samples(t)})
				if err != nil {
					t.Fatal(err)
				}
				if summary.Violation == nil {
					continue
				}
				if got := summary.Violation.Invariant; got == s.invariant {
					return
				}
				t.Log(seed+1, summary.Violation)
			}
			t.Errorf("not seen in twenty companies: %s", s.invariant)
		})
	}
}

func TestAViolationShrinks(t *testing.T) {
	o := options{days: 120, users: 15, samples: samples(t), sabotage: func(w *world) {
		w.eachRunner(func(r *remediation.Runner) { r.Ledger = ledger.New(forgetful{w.deployed().Table(), "halt#"}) })
	}}
	var first *violation
	for ; first == nil; o.seed++ {
		s, err := simulate(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		first = s.Violation
		if first != nil {
			break
		}
	}
	s, err := shrink(t.Context(), o, first, effort{300, time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d occurrences in %d replays: %s\n%s", len(s.Only), s.Of, s.Replays, s.Violation,
		strings.Join(described(o, s.Only), "\n"))
	if len(s.Only) > 6 || s.Of < 50 {
		t.Errorf("%d of %d occurrences are left", len(s.Only), s.Of)
	}
	if text := strings.Join(described(o, s.Only), "\n"); !strings.Contains(text, "Warder is halted") {
		t.Errorf("what is left does not say that Warder was halted:\n%s", text)
	}
	// What is left breaks it by itself.
	o.only, o.alone = map[int]bool{}, s.Alone
	for _, id := range s.Only {
		o.only[id] = true
	}
	again, err := simulate(t.Context(), o)
	if err != nil || again.Violation == nil || again.Violation.Invariant != first.Invariant {
		t.Errorf("played again: %+v, %v", again.Violation, err)
	}
	if diff := cmp.Diff(s.Violation, again.Violation, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("played again (-shrunk +again):\n%s", diff)
	}
}

func TestMonths_Cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := simulate(ctx, options{days: 400, users: 200, seed: 1, samples: samples(t)}); err == nil {
		t.Error("it went on")
	}
}

// samples are the events of events/.
func samples(t *testing.T) fs.FS {
	t.Helper()
	return os.DirFS(filepath.Join("..", "..", "events"))
}

func (w *world) eachRunner(do func(*remediation.Runner)) {
	for _, f := range w.functions {
		do(f.Runner)
	}
}

type tagless struct{ remediation.Owners }

func (o tagless) Owner(ctx context.Context, user string) (owner.Contact, error) {
	c, err := o.Owners.Owner(ctx, user)
	c.Tags = nil
	return c, err
}

func (o tagless) ByID(ctx context.Context, id, name string) (owner.Contact, error) {
	c, err := o.Owners.ByID(ctx, id, name)
	c.Tags = nil
	return c, err
}

type forgetful struct {
	ledger.Store
	partition string
}

func (s forgetful) BatchGet(ctx context.Context, keys ...ledger.Key) ([]ledger.Item, error) {
	items, err := s.Store.BatchGet(ctx, keys...)
	for i := range items {
		if strings.HasPrefix(items[i].Partition, s.partition) {
			items[i].Version = 0
		}
	}
	return items, err
}

// altered is a kind of change that does something else.
type altered struct {
	change.Kind
	read func(context.Context, change.Change) (string, error)
	set  func(context.Context, change.Change) error
}

func (k altered) Read(ctx context.Context, c change.Change) (string, error) {
	if k.read != nil {
		return k.read(ctx, c)
	}
	return k.Kind.Read(ctx, c)
}

func (k altered) Set(ctx context.Context, c change.Change) error { return k.set(ctx, c) }

// alter replaces the kinds that change a user's policies and keys.
func alter(kinds change.Registry, by func(change.Kind) change.Kind) change.Registry {
	made := change.Registry{}
	for name, kind := range kinds {
		made[name] = kind
		switch name {
		case change.AccessKeyStatus, change.ManagedUserPolicy, change.PermissionsBoundary, change.MFALift:
			made[name] = by(kind)
		}
	}
	return made
}

// overdone makes every change with another one.
func overdone(kinds change.Registry) change.Registry {
	return alter(kinds, func(k change.Kind) change.Kind {
		return altered{Kind: k, set: func(ctx context.Context, c change.Change) error {
			group, err := kinds.Kind(change.Change{Kind: change.GroupMembership})
			if err != nil {
				return err
			}
			for _, name := range []string{"developers", "finance"} {
				more := change.Change{Kind: change.GroupMembership, Subject: c.Subject, Target: name}
				if err := group.Set(ctx, more); err != nil {
					return err
				}
			}
			return k.Set(ctx, c)
		}}
	})
}

// credulous does not look whether the MFA lock may be lifted.
func credulous(kinds change.Registry) change.Registry {
	return alter(kinds, func(k change.Kind) change.Kind {
		return altered{Kind: k, set: k.Set, read: func(ctx context.Context, c change.Change) (string, error) {
			if c.Kind == change.MFALift {
				c.After = c.Before
			}
			return k.Read(ctx, c)
		}}
	})
}

// pretended makes no change and says that it did.
func pretended(kinds change.Registry) change.Registry {
	return alter(kinds, func(k change.Kind) change.Kind {
		done := map[string]string{}
		return altered{
			Kind: k,
			read: func(ctx context.Context, c change.Change) (string, error) {
				if after, ok := done[fmt.Sprint(c.Subject, c.Target)]; ok {
					return after, nil
				}
				return k.Read(ctx, c)
			},
			set: func(_ context.Context, c change.Change) error {
				done[fmt.Sprint(c.Subject, c.Target)] = c.After
				return nil
			},
		}
	})
}

// halted is a ledger that is halted for ever.
type halted struct{ ledger.Store }

func (s halted) BatchGet(ctx context.Context, keys ...ledger.Key) ([]ledger.Item, error) {
	items, err := s.Store.BatchGet(ctx, keys...)
	for i := range items {
		if items[i].Partition == "halt#switch" {
			items[i].Version, items[i].Body = 1, `{"halted":true}`
		}
	}
	return items, err
}

// asRead is what the ledger has, with the open cases as they were read.
type asRead []ledger.Case

func (a asRead) Open(context.Context) ([]ledger.Case, error) { return a, nil }

func (asRead) Kept(context.Context, string) ([]remediation.Kept, error) { return nil, nil }

func (asRead) Awaited(context.Context) (map[string]bool, error) { return nil, nil }

func (asRead) Removed(
	context.Context, string, time.Time, change.Change, map[string]string,
) (bool, error) {
	return true, nil
}

func (asRead) Saw(types.UserDetail) {}

// blunt takes away what denies, as if it gave something.
type blunt struct {
	remediation.Planner
	w    *world
	off  change.Change   // of whoever has the target attached
	once map[string]bool // the company comes to rest
}

func (p blunt) Plan(ctx context.Context, e warderevent.Event, now time.Time) ([]remediation.Finding, error) {
	return p.Sweep(ctx, e, nil, now)
}

func (p blunt) Sweep(ctx context.Context, e warderevent.Event, open []ledger.Case,
	now time.Time) ([]remediation.Finding, error) {
	findings, err := remediation.Inspect(ctx, p.Planner, e, asRead(open), now)
	p.w.fake.With(func(s *fakeaws.State) {
		for name, u := range s.Users {
			if slices.Contains(u.Attached, p.off.Target) && !p.once[name] {
				p.once[name] = true
				c := p.off
				c.Subject = name
				findings = append(findings, remediation.Finding{
					User: name, Handling: remediation.Handling{Fresh: true}, Changes: []change.Change{c},
				})
			}
		}
	})
	return findings, err
}

type unordered struct{ remediation.Planner }

func (p unordered) Plan(ctx context.Context, e warderevent.Event, now time.Time) ([]remediation.Finding, error) {
	return p.Sweep(ctx, e, nil, now)
}

func (p unordered) Sweep(ctx context.Context, e warderevent.Event, open []ledger.Case,
	now time.Time) ([]remediation.Finding, error) {
	findings, err := remediation.Inspect(ctx, p.Planner, e, asRead(open), now)
	for i := range findings {
		findings[i].OneKeyPerRun = ""
	}
	return findings, err
}

type twice struct{ w *world }

func (p twice) Publish(ctx context.Context, m notice.Message) (string, error) {
	if _, err := p.w.Publish(ctx, m); err != nil {
		return "", err
	}
	return p.w.Publish(ctx, m)
}

type indiscreet struct{ w *world }

func (p indiscreet) Publish(ctx context.Context, m notice.Message) (string, error) {
	if u := p.w.user(m.Subject); u != nil && len(u.Keys) > 0 {
		m.Runbook = "https://example.com/?" + u.Keys[0].ID
	}
	return p.w.Publish(ctx, m)
}

type blind struct{ remediation.Planner }

func (p blind) Plan(ctx context.Context, e warderevent.Event, now time.Time) ([]remediation.Finding, error) {
	if _, sweep := e.Detail.(*warderevent.Sweep); sweep {
		return nil, nil
	}
	return p.Planner.Plan(ctx, e, now)
}
