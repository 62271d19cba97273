package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/project"
)

// A scene is an account that steps are played in, one after another.
type scene struct {
	name  string
	mode  string        // of the account's controls
	synth project.Synth // whose templates it has; those that are deployed when empty
	demo  []string      // the steps of the demo, in order; the tour plays the others of the scene after them
}

// scenes are the demo and the tour. A step is functions/CONTROL/demo/NAME.txtar and names its scene.
var scenes = []scene{
	{name: "observe", mode: "observe", demo: []string{"detach-direct-policy/only-observed"}},
	{name: "enforce", mode: "enforce", demo: []string{
		"detach-direct-policy/new-policy", "detach-direct-policy/inline-policy",
		"deactivate-stale-access-key/old-and-young-key", "detach-direct-policy/quarantine-stays",
		"alert-console-login/sign-ins", "contain-exposed-key/exposed-key", "close-public-bucket/public-bucket",
		"detach-direct-policy/delivered-twice", "alert-console-login/failure-queue",
	}},
	{name: "settings", mode: "enforce", synth: project.Tour},
	{name: "safeguards", mode: "enforce", demo: []string{
		"detach-direct-policy/blast-radius", "deactivate-stale-access-key/reminders", "detach-direct-policy/exemption",
		"detach-direct-policy/halt", "detach-direct-policy/undo", "explain/dead-key",
	}},
}

// A step is one script: what happens, and what must come of it.
type step struct {
	file  string
	id    string // CONTROL/NAME
	title string
	scene string
	shows []string // controls and tools that must have been at work
}

// stepHeader is how a script begins: its title, its scene, and what it shows beside the control whose it is.
var stepHeader = regexp.MustCompile(`^# (.+)\n# scene: (\w+)(?:, shows (.+))?\n`)

// readScripts reads the heads of all scripts whose names fit the pattern, below the project's root, in their order.
func readScripts[T any](pattern string, read func(file, script string) (T, error)) ([]T, error) {
	root, err := project.Find()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(string(root), pattern))
	if err != nil {
		return nil, fmt.Errorf("find scripts: %w", err)
	}
	var all []T
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read script: %w", err)
		}
		one, err := read(file, string(script))
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// readSteps reads the heads of all steps, sorted by id.
func readSteps() ([]step, error) { return readScripts("functions/*/demo/*.txtar", readStep) }

func readStep(file, script string) (step, error) {
	control := filepath.Base(filepath.Dir(filepath.Dir(file)))
	head := stepHeader.FindStringSubmatch(script)
	if head == nil {
		return step{}, fmt.Errorf("%s: want a title, and below it: # scene: NAME", file)
	}
	if !slices.ContainsFunc(scenes, func(s scene) bool { return s.name == head[2] }) {
		return step{}, fmt.Errorf("%s: no scene %q", file, head[2])
	}
	shows := append([]string{control}, strings.Fields(head[3])...)
	if head[3] == "nothing" {
		shows = nil
	}
	id := control + "/" + strings.TrimSuffix(filepath.Base(file), ".txtar")
	return step{file: file, id: id, title: head[1], scene: head[2], shows: shows}, nil
}

// stepsOf are the steps of a scene: those of the demo, and with all the others as well.
func (s scene) stepsOf(steps []step, all bool) ([]step, error) {
	var chosen []step
	for _, id := range s.demo {
		i := slices.IndexFunc(steps, func(st step) bool { return st.id == id && st.scene == s.name })
		if i < 0 {
			return nil, fmt.Errorf("scene %s: no script %s", s.name, id)
		}
		chosen = append(chosen, steps[i])
	}
	for _, st := range steps {
		if all && st.scene == s.name && !slices.Contains(s.demo, st.id) {
			chosen = append(chosen, st)
		}
	}
	return chosen, nil
}

// errStory is the error of a scenario with a step that failed.
var errStory = errors.New("not every step passed")

// A performance is how to play a scenario, and what came of it.
type performance struct {
	printer printer
	verbose bool   // print every notice in full
	out     string // folder to keep reports in; empty for none
	stderr  io.Writer

	results []result
	calls   []endpoint.Call // that functions made
}

type result struct {
	step
	took time.Duration
	err  error
}

// play plays the demo, or all steps, and prints a table of how they came out.
func (p *performance) play(ctx context.Context, all bool) error {
	steps, err := readSteps()
	if err != nil {
		return err
	}
	for _, scene := range scenes {
		chosen, err := scene.stepsOf(steps, all)
		if err != nil {
			return err
		}
		if len(chosen) == 0 {
			continue
		}
		if err := p.playScene(ctx, scene, chosen); err != nil {
			return err
		}
	}
	err = p.table()
	if all {
		err = cmp.Or(p.atWork(), err)
	}
	return err
}

func (p *performance) playScene(ctx context.Context, scene scene, steps []step) error {
	s, err := openStage(ctx, p.printer, scene, p.verbose, p.stderr)
	if err != nil {
		return err
	}
	defer s.account.Close()
	s.out = p.out
	for _, st := range steps {
		fmt.Fprintf(p.printer.out, "\n%s\n", p.printer.style.bold(fmt.Sprintf("%d. %s", len(p.results)+1, st.title)))
		begin := time.Now()
		err := s.playStep(ctx, st)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.results = append(p.results, result{st, time.Since(begin), err})
		if err != nil {
			fmt.Fprintf(p.printer.out, "   %s\n", p.printer.style.paint("31", "FAIL: "+err.Error()))
		}
	}
	fmt.Fprintln(p.printer.out)
	calls, err := s.account.Calls(ctx)
	p.calls = append(p.calls, calls...)
	return err
}

// table prints how each step came out.
func (p *performance) table() error {
	fmt.Fprintln(p.printer.out, p.printer.style.bold("Result"))
	var failed error
	for i, r := range p.results {
		word := p.printer.style.paint("32", "PASS")
		if r.err != nil {
			word, failed = p.printer.style.paint("31", "FAIL"), errStory
		}
		fmt.Fprintf(p.printer.out, "%2d  %s  %6d ms  %s\n", i+1, word, r.took.Milliseconds(), r.title)
	}
	return failed
}

// atWork prints in which steps each control and tool was at work.
func (p *performance) atWork() error {
	all, err := functions.Controls()
	if err != nil {
		return err
	}
	fmt.Fprintf(p.printer.out, "\n%s\n", p.printer.style.bold("Controls and tools at work"))
	for _, c := range all {
		var numbers []string
		for i, r := range p.results {
			if slices.Contains(r.shows, c.ID) && r.err == nil {
				numbers = append(numbers, fmt.Sprint(i+1))
			}
		}
		if numbers == nil {
			numbers, err = []string{p.printer.style.paint("31", "not seen")}, errStory
		}
		fmt.Fprintf(p.printer.out, "%-29s %s\n", c.ID, strings.Join(numbers, ", "))
	}
	return err
}

// playStep plays one script. The error says in which line what was wrong.
func (s *stage) playStep(ctx context.Context, st step) (err error) {
	s.ctx = ctx
	s.worked = map[string]bool{}
	run := &scriptRun{}
	defer func() {
		if r := recover(); r != nil {
			if r != errScript { //nolint:errorlint // what is recovered is this very value
				panic(r)
			}
			err = run.failure()
		}
	}()
	testscript.RunT(run, testscript.Params{
		Files: []string{st.file}, Cmds: s.commands(), RequireUniqueNames: true, Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, s.variables()...)
			return nil
		},
	})
	return s.shown(st.shows)
}

// errScript is what a scriptRun panics with when its script fails.
var errScript = errors.New("the script failed")

// A scriptRun stands for the testing.T of a script.
type scriptRun struct{ log strings.Builder }

func (r *scriptRun) Skip(...any)                          { panic(errScript) }
func (r *scriptRun) Fatal(args ...any)                    { r.Log(args...); panic(errScript) }
func (r *scriptRun) FailNow()                             { panic(errScript) }
func (r *scriptRun) Log(args ...any)                      { fmt.Fprintln(&r.log, args...) }
func (r *scriptRun) Run(_ string, f func(t testscript.T)) { f(r) }
func (r *scriptRun) Parallel()                            {}
func (r *scriptRun) Verbose() bool                        { return false }

// failure is what the log says went wrong.
func (r *scriptRun) failure() error {
	_, reason, found := strings.Cut(r.log.String(), "FAIL: ")
	if !found {
		reason = r.log.String()
	}
	if root, err := project.Find(); err == nil {
		reason = strings.TrimPrefix(reason, string(root)+"/")
	}
	return errors.New(strings.TrimSpace(reason))
}
