package remediation

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
)

func TestDecide_Order(t *testing.T) {
	want := []guardName{
		neverWidens, mode, halt, existence, exempt, undone, proposed, reachable, grace, oneKeyPerRun, flapping, blastRadius,
	}
	var got []guardName
	for _, g := range guards {
		got = append(got, g.name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the guards (-want +got):\n%s", diff)
	}
	// Whatever else stands in the way, the first guard of its stage answers.
	for i, first := range guardCases {
		for _, second := range guardCases[i:] {
			for _, at := range []stage{planning, applying} {
				if guardOf(t, first.guard).stages&guardOf(t, second.guard).stages&at == 0 {
					continue
				}
				f, x := found(), permitted(at)
				first.set(&f, &x)
				if first.guard != second.guard {
					second.set(&f, &x)
				}
				if d := decide(f, x); d.guard != first.guard || d.answer != first.want || d.needs != "" {
					t.Errorf("%s, and %s: %+v", first.name, second.name, d)
				}
			}
		}
	}
}

func TestDecide_Permits(t *testing.T) {
	for _, at := range []stage{planning, applying} {
		if d := decide(found(), permitted(at)); d.answer != permit || d.guard != "" || d.status != "" {
			t.Errorf("stage %d: %+v", at, d)
		}
	}
}

func TestDecide_NothingUnknownPermitsAnything(t *testing.T) {
	for _, at := range []stage{planning, applying} {
		for _, g := range guards {
			if g.stages&at == 0 {
				continue
			}
			for _, needed := range g.reads {
				x := permitted(at)
				delete(x.known, needed)
				if d := decide(found(), x); d.needs != needed || d.answer == permit {
					t.Errorf("%s was not read: %+v", needed, d)
				}
				x.known[needed] = errors.New("denied")
				d := decide(found(), x)
				if d.err == nil || d.answer != hold || d.why.String() != "denied" || d.status != ledger.Held {
					t.Errorf("%s cannot be read: %+v", needed, d)
				}
			}
		}
	}
}

func TestDecide_ReadsNoMoreThanItNeeds(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   stage
		set  func(*Finding, *facts)
		want []fact
	}{
		{"observing, right before the change", applying, func(_ *Finding, x *facts) {
			x.settings.Mode = control.Observe
		}, nil},
		{"halted", applying, func(_ *Finding, x *facts) { x.ledger.state.Halt.Halted = true }, []fact{guardState}},
		{"gone", planning, func(_ *Finding, x *facts) { x.tags = nil }, []fact{subjectTags}},
		{"permitted in a plan", planning, func(*Finding, *facts) {}, []fact{subjectTags, guardState, recipients}},
		{"permitted", applying, func(*Finding, *facts) {},
			[]fact{guardState, subjectTags, recipients, recentChanges, blastShare}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, x := found(), permitted(tc.at)
			tc.set(&f, &x)
			x.known = map[fact]error{}
			var read []fact
			for d := decide(f, x); d.needs != ""; d = decide(f, x) {
				read = append(read, d.needs)
				x.known[d.needs] = nil
			}
			if !slices.Equal(read, tc.want) {
				t.Errorf("read %q, want %q", read, tc.want)
			}
		})
	}
}

func TestDecide_Fresh(t *testing.T) {
	f, x := found(), permitted(planning)
	f.Fresh, x.ledger.current, x.firstKey = true, ledger.Case{}, "…0001"
	if d := decide(f, x); d.answer != permit {
		t.Errorf("what an event names waits: %+v", d)
	}
	for _, tc := range guardCases {
		if tc.guard == grace || tc.guard == oneKeyPerRun {
			continue
		}
		t.Run(tc.name, func(t *testing.T) {
			f, x := found(), permitted(guardOf(t, tc.guard).stages)
			f.Fresh = true
			tc.set(&f, &x)
			if d := decide(f, x); d.guard != tc.guard || d.answer != tc.want {
				t.Errorf("%+v", d)
			}
		})
	}
}

// What the call itself made may have been found, by the event of another call, a moment before the time of the call.
func TestDecide_FoundJustBefore(t *testing.T) {
	for _, tc := range []struct {
		name    string
		urgency Urgency
		before  time.Duration
		want    answer
	}{
		{"administrator rights, a moment before", Emergency, 5 * time.Second, permit},
		{"other rights, a moment before", "", 5 * time.Second, hold},
		{"administrator rights, long before", Emergency, time.Hour, hold},
		{"other rights, after the call", "", -time.Second, permit},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, x := found(), permitted(planning)
			f.Fresh, f.Urgency = true, tc.urgency
			x.ledger.happened = x.now.Add(-10 * time.Second)
			opened := x.ledger.happened.Add(-tc.before)
			x.ledger.current = ledger.Case{Opened: opened, Notified: opened, Due: x.now.Add(day), Changes: f.Changes}
			if d := decide(f, x); d.answer != tc.want {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestDecide_Urgency(t *testing.T) {
	waitsFor := map[Urgency][]guardName{
		Emergency:   {neverWidens, mode, halt, existence, exempt, undone},
		Containment: {neverWidens, mode, halt, existence, undone},
	}
	for urgency, guards := range waitsFor {
		for _, tc := range guardCases {
			f, x := found(), permitted(guardOf(t, tc.guard).stages)
			f.Urgency = urgency
			tc.set(&f, &x)
			if f.Urgency == Proposal {
				continue // which is no emergency
			}
			d := decide(f, x)
			if waits := slices.Contains(guards, tc.guard); waits != (d.answer != permit) || waits && d.guard != tc.guard {
				t.Errorf("%s: %s: %+v", urgency, tc.name, d)
			}
		}
	}
}

func TestDecide_Status(t *testing.T) {
	want := map[guardName]ledger.Status{
		grace: ledger.Pending, oneKeyPerRun: ledger.Pending,
		neverWidens: ledger.Failed, mode: ledger.Observed, halt: ledger.Held, existence: ledger.Skipped,
		exempt: ledger.Skipped, undone: ledger.Skipped, proposed: ledger.Skipped, reachable: ledger.Held,
		flapping:    ledger.Held,
		blastRadius: ledger.Held,
	}
	for _, tc := range guardCases {
		f, x := found(), permitted(guardOf(t, tc.guard).stages)
		tc.set(&f, &x)
		if got := decide(f, x).status; got != want[tc.guard] {
			t.Errorf("%s: %s, want %s", tc.name, got, want[tc.guard])
		}
	}
}

// A type of this package has at most ten fields and fifteen methods, embedded fields counted as one.
func TestTypes_AreSmall(t *testing.T) {
	const maxFields, maxMethods = 10, 15
	sources, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	fields, methods := map[string]int{}, map[string]int{}
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if s, ok := n.Type.(*ast.StructType); ok {
					for _, f := range s.Fields.List {
						fields[n.Name.Name] += max(len(f.Names), 1)
					}
				}
			case *ast.FuncDecl:
				if n.Recv == nil {
					break
				}
				receiver := n.Recv.List[0].Type
				if star, ok := receiver.(*ast.StarExpr); ok {
					receiver = star.X
				}
				methods[receiver.(*ast.Ident).Name]++
			}
			return true
		})
	}
	if fields["Finding"] == 0 || methods["run"] == 0 {
		t.Fatalf("fields %v, methods %v: is this the package?", fields, methods)
	}
	for name, n := range fields {
		if n > maxFields {
			t.Errorf("%s has %d fields; at most %d are allowed", name, n, maxFields)
		}
	}
	for name, n := range methods {
		if n > maxMethods {
			t.Errorf("%s has %d methods; at most %d are allowed", name, n, maxMethods)
		}
	}
}
