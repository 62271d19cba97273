package remediation

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// permitted are facts in which no guard has a reason to stop the finding of this test.
func permitted(at stage) facts {
	return facts{
		stage: at, now: noon, control: "test",
		settings: settings.Function{Mode: control.Enforce, Parameters: []byte(`{"graceDays":7}`), BlastRadius: 10},
		known: map[fact]error{
			subjectTags: nil, recipients: nil, guardState: nil, recentChanges: nil, blastShare: nil,
		},
		tags: map[string]string{},
		ledger: ledgerFacts{
			key: "k", within: true, reached: true,
			current: ledger.Case{
				Opened: noon.AddDate(0, 0, -8), Notified: noon.AddDate(0, 0, -8), Due: noon.AddDate(0, 0, -1),
			},
		},
	}
}

func found() Finding {
	return Finding{User: "alice", Handling: Handling{OneKeyPerRun: "alice"}, Changes: []change.Change{
		{Kind: change.AccessKeyStatus, Subject: "alice", Target: "AKIA", Before: change.Active, After: change.Inactive},
	}}
}

// guardCase is a fact that makes one guard answer, and the answer.
type guardCase struct {
	name  string
	set   func(*Finding, *facts)
	guard guardName
	want  answer
	why   string
	until time.Time
	tell  notice.Kind
}

var guardCases = []guardCase{
	{"a change that could widen access is refused",
		func(_ *Finding, x *facts) { x.widens = errors.New("widens") }, neverWidens, suppress, "widens", time.Time{}, ""},
	{"a control that observes changes nothing",
		func(_ *Finding, x *facts) { x.settings.Mode = control.Observe }, mode, suppress, "", time.Time{}, ""},
	{"nothing is changed while Warder is halted",
		func(_ *Finding, x *facts) {
			x.ledger.state.Halt = ledger.Halt{Halted: true, Reason: "incident 42", By: caller.Identity{ARN: "kim"}}
		}, halt, hold, "Warder is halted by kim: incident 42", time.Time{}, ""},
	{"a user that does not exist is left alone",
		func(_ *Finding, x *facts) { x.tags = nil }, existence, suppress, "it no longer exists", time.Time{}, ""},
	{"another user has the name of the one it was held about",
		func(f *Finding, _ *facts) { f.held = &ledger.Case{Key: "other"} },
		existence, suppress, "it no longer exists", time.Time{}, ""},
	{"an exempt user is left alone", func(_ *Finding, x *facts) {
		if x.tags != nil {
			x.tags["warder:exempt"] = "test until 2026-12-01 by kim for migration"
		}
	}, exempt, suppress, "exempt from test until 2026-12-01 by kim: migration", time.Time{}, ""},
	{"what a person undid is left alone until the hold ends", func(_ *Finding, x *facts) {
		x.ledger.hold = ledger.Hold{Until: noon.Add(time.Second), By: caller.Identity{Claimed: "kim"}, Reason: "needed"}
	}, undone, suppress, "on hold until 2026-12-01: reverted by kim (claimed): needed", time.Time{}, ""},
	{"what is only proposed waits for a person", func(f *Finding, _ *facts) {
		f.Urgency = Proposal
	}, proposed, suppress, "proposed: nobody has applied it", time.Time{}, ""},
	{"nothing is changed of which nobody can be notified", func(_ *Finding, x *facts) {
		x.ledger.reached = false
	}, reachable, hold, "nobody responsible can be notified: neither the owner nor anybody else", time.Time{}, ""},
	{"an owner whose notice came back is notified again", func(_ *Finding, x *facts) {
		x.ledger.back = x.ledger.current.Notified.Add(time.Minute)
	}, grace, hold, "its owner was notified", noon.AddDate(0, 0, 7), notice.Warning},
	{"an owner who was not notified is notified first", func(_ *Finding, x *facts) {
		x.ledger.current = ledger.Case{}
	}, grace, hold, "its owner was notified", noon.AddDate(0, 0, 7), notice.Warning},
	{"a case that ended begins anew with a notice", func(_ *Finding, x *facts) {
		x.ledger.current.Closed = noon
	}, grace, hold, "its owner was notified", noon.AddDate(0, 0, 7), notice.Warning},
	{"a finding that is due later than grace ends is due then", func(f *Finding, x *facts) {
		f.Due, x.ledger.current = noon.AddDate(0, 0, 30), ledger.Case{}
	}, grace, hold, "its owner was notified", noon.AddDate(0, 0, 30), notice.Warning},
	{"an owner has until the due time", func(_ *Finding, x *facts) {
		x.ledger.current.Due = noon.Add(time.Second)
		x.ledger.current.Reminded = 1
	}, grace, hold, "its owner was notified on 2026-11-23; due on 2026-12-01", noon.Add(time.Second), ""},
	{"an owner is reminded three days before", func(_ *Finding, x *facts) {
		x.ledger.current.Due = noon.AddDate(0, 0, 3)
	}, grace, hold, "its owner was notified on 2026-11-23; due on 2026-12-04", noon.AddDate(0, 0, 3), notice.Reminder},
	{"another key of the user goes first", func(_ *Finding, x *facts) {
		x.firstKey = "…0001"
	}, oneKeyPerRun, hold, "the user's other key …0001 comes first; Warder never changes both in one " +
		"run", time.Time{}, ""},
	{"what was changed twice in a day is left to people", func(_ *Finding, x *facts) {
		x.ledger.recent = [][]ledger.RecentChange{nil, {{Step: "a"}, {Step: "b", Actor: "mallory"}}}
	}, flapping, hold, "changed 2 times within a day, and mallory changed it back each time", time.Time{}, ""},
	{"no change beyond the blast radius", func(_ *Finding, x *facts) {
		x.ledger.within = false
	}, blastRadius, hold, "blast radius: at most 10 changes an hour; test changes nothing more until it is released",
		time.Time{}, ""},
}

// guardOf is the guard of that name, asked alone.
func guardOf(t *testing.T, name guardName) guard {
	t.Helper()
	i := slices.IndexFunc(guards, func(g guard) bool { return g.name == name })
	if i < 0 {
		t.Fatalf("there is no guard %q", name)
	}
	return guards[i]
}

func TestGuard_Answers(t *testing.T) {
	asked := map[guardName]bool{}
	for _, tc := range guardCases {
		t.Run(tc.name, func(t *testing.T) {
			asked[tc.guard] = true
			f, x := found(), permitted(planning|applying)
			g := guardOf(t, tc.guard)
			if d := g.assess(f, x); d.answer != permit {
				t.Fatalf("it stops what nothing is in the way of: %+v", d)
			}
			tc.set(&f, &x)
			d := g.assess(f, x)
			if d.answer != tc.want || d.why.String() != tc.why || !d.until.Equal(tc.until) || d.notify != tc.tell {
				t.Errorf("answer %d, %q, until %v, notify %q; want %d, %q, %v, %q",
					d.answer, d.why, d.until, d.notify, tc.want, tc.why, tc.until, tc.tell)
			}
		})
	}
	for _, g := range guards {
		if !asked[g.name] {
			t.Errorf("the guard %q has no test", g.name)
		}
	}
}

func TestGuard_Permits(t *testing.T) {
	for _, tc := range []struct {
		name  string
		guard guardName
		set   func(*Finding, *facts)
	}{
		{"what was held about the same user", existence, func(f *Finding, _ *facts) { f.held = &ledger.Case{Key: "k"} }},
		{"a user who is exempt from another control", exempt, func(_ *Finding, x *facts) {
			x.tags["warder:exempt"] = "other until 2026-12-31 by kim for migration"
		}},
		{"a user whose exemption is over", exempt, func(_ *Finding, x *facts) {
			x.tags["warder:exempt"] = "test until 2026-11-30 by kim for migration"
		}},
		{"a user whose exemption is malformed", exempt, func(_ *Finding, x *facts) {
			x.tags["warder:exempt"] = "test forever"
		}},
		{"what was on hold until now", undone, func(_ *Finding, x *facts) { x.ledger.hold.Until = noon }},
		{"what is due now", grace, func(_ *Finding, x *facts) { x.ledger.current.Due = noon }},
		{"what was held when it was due", grace, func(_ *Finding, x *facts) {
			x.ledger.current = ledger.Case{Opened: noon, Urgent: true}
		}},
		{"a control without days of grace", grace, func(_ *Finding, x *facts) {
			x.settings.Parameters, x.ledger.current = []byte(`{}`), ledger.Case{}
		}},
		{"what is due and only observed", grace, func(f *Finding, x *facts) {
			x.settings.Mode, x.ledger.current, f.Due = control.Observe, ledger.Case{}, noon
		}},
		{"a finding that is not about keys", oneKeyPerRun, func(f *Finding, x *facts) {
			f.OneKeyPerRun, x.firstKey = "", "…0001"
		}},
		{"what was changed once in a day", flapping, func(_ *Finding, x *facts) {
			x.ledger.recent = [][]ledger.RecentChange{{{Step: "a"}}, {{Step: "b"}}}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, x := found(), permitted(planning|applying)
			tc.set(&f, &x)
			if d := guardOf(t, tc.guard).assess(f, x); d.answer != permit {
				t.Errorf("stopped: %+v", d)
			}
		})
	}
}

func TestGuard_OneKeyPerRunNotifiesTheOwnerOfTheOtherKey(t *testing.T) {
	f, x := found(), permitted(planning)
	x.settings.Parameters, x.ledger.current, x.firstKey = []byte(`{}`), ledger.Case{}, "…0001"
	if d := decide(f, x); d.guard != oneKeyPerRun || d.answer != hold || d.notify != notice.Warning {
		t.Errorf("%+v", d)
	}
}

func TestGuard_Reminder(t *testing.T) {
	c := ledger.Case{Notified: noon, Due: noon.AddDate(0, 0, 7)}
	for _, tc := range []struct {
		name     string
		days     float64 // after the notice
		reminded int
		want     int
	}{
		{"just after the notice", 0, 0, 0},
		{"just before the first", 3.99, 0, 0},
		{"three days before", 4, 0, 3},
		{"three days before, again", 5, 3, 0},
		{"one day before", 6, 3, 1},
		{"one day before, and the first was missed", 6, 0, 1},
		{"one day before, again", 6.5, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.Reminded = tc.reminded
			if got := reminder(c, noon.Add(time.Duration(tc.days*float64(day)))); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
	t.Run("a case that was opened two days before it is due has just been notified", func(t *testing.T) {
		c := ledger.Case{Notified: noon, Due: noon.AddDate(0, 0, 2)}
		if got := reminder(c, noon); got != 0 {
			t.Errorf("%d, want 0", got)
		}
	})
}

func TestGuards_AreInTheOrderOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(readme), "<!-- guards -->")
	list, _, _ = strings.Cut(list, "<!-- end guards -->")
	var listed, asked []string
	for _, m := range regexp.MustCompile(`(?m)^\d+\. \*\*(.+?)\*\*`).FindAllStringSubmatch(list, -1) {
		listed = append(listed, m[1])
	}
	for _, g := range guards {
		asked = append(asked, string(g.name))
	}
	if diff := cmp.Diff(asked, listed); diff != "" {
		t.Errorf("guards (-as they are asked +README.md):\n%s", diff)
	}
}
