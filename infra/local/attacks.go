package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/project"
)

// An attack is one script of infra/local/attacks: what an attacker does, and what must be true after it.
type attack struct {
	file, name string
	title      string // what the attacker does, in one sentence
	kind       string // a key of attackKinds
	by         string // how it is withstood
	open       string // why it is not withstood yet; empty for one that must be
	mode       string // of the controls
	slack      bool   // whether notices are posted to Slack, which takes a message a second
	synth      project.Synth
}

// attackKinds are the kinds of attacks, in the order of the table.
var attackKinds = []struct{ id, title string }{
	{"rename", "Renamed, moved"}, {"recreate", "Deleted and made again"}, {"content", "Another document under a name"},
	{"limits", "Wearing out the guards"}, {"words", "Policies that are hard to read"}, {"ways", "Ways to administrator"},
	{"tags", "Tags"}, {"repeat", "Findings that come again"}, {"steps", "Containment that fails half-way"},
	{"late", "Late and old events"}, {"services", "Behind services"}, {"forged", "Forged records"},
	{"who", "Who asks"}, {"undo", "Undo turned against people"}, {"messages", "Forged messages"},
	{"drill", "A drill as cover"},
	{"make", "Values on the command line"}, {"flood", "Floods"}, {"blind", "Switching Warder off"},
	{"secrets", "Secrets in answers"}, {"names", "Names that confuse"}, {"input", "Bad input"},
	{"share", "Shared with strangers"}, {"left", "People who left"},
}

// What came of an attack.
const (
	attackWithstood = "withstood"
	attackThrough   = "through"
	attackKnown     = "through (known)"
	attackStale     = "withstood, but marked open"
	attackBroken    = "broken"
)

// An attackResult is what came of one script.
type attackResult struct {
	Name    string  `json:"name"`
	Kind    string  `json:"kind"`
	Title   string  `json:"title"`
	Result  string  `json:"result"`
	Seconds float64 `json:"seconds"`
	Reason  string  `json:"reason,omitempty"` // line and what is not true
}

// fine reports whether it is as it should be.
func (r attackResult) fine() bool { return r.Result == attackWithstood || r.Result == attackKnown }

// attacksCommand plays the attacks.
func attacksCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "attacks", Args: cobra.NoArgs, Short: "Play attacks, each on an account of its own, and print what got through",
		Long: `Play the attacks of infra/local/attacks, each on an account of its own with the real functions. A script is
withstood when everything that it asserts of the account and of the notices is true.`,
	}
	var a assault
	only := c.Flags().String("run", "", "play only the scripts whose name matches this `regexp`")
	write := c.Flags().String("write", "", "write the table to this `file` when all is well, unless --run is given")
	c.Flags().BoolVar(&a.json, "json", false, "print one JSON object a line for each script")
	c.Flags().BoolVarP(&a.verbose, "verbose", "v", false, "print what happens, and every notice in full")
	c.Flags().IntVar(&a.parallel, "parallel", min(runtime.NumCPU(), 4), "scripts at a time")
	c.RunE = func(c *cobra.Command, _ []string) error {
		a.out, a.stderr, a.style = c.OutOrStdout(), c.ErrOrStderr(), styleOf(c.OutOrStdout())
		chosen, err := regexp.Compile(*only)
		if err != nil {
			return fmt.Errorf("--run: %w: %w", err, errUsage)
		}
		attacks, err := readAttacks()
		if err != nil {
			return err
		}
		attacks = slices.DeleteFunc(attacks, func(a attack) bool { return !chosen.MatchString(a.name) })
		if len(attacks) == 0 {
			return fmt.Errorf("no script matches %q: %w", *only, errUsage)
		}
		if err := a.play(c.Context(), attacks); err != nil || *write == "" || *only != "" {
			return err
		}
		return os.WriteFile(*write, attackTable(attacks), 0o644) //nolint:gosec // it is published
	}
	return c
}

// readAttacks reads the heads of all attacks, sorted by name.
func readAttacks() ([]attack, error) { return readScripts("infra/local/attacks/*.txtar", readAttack) }

// readAttack reads the head of a script: the title, and lines "# NAME: VALUE" below it.
func readAttack(file, script string) (attack, error) {
	name := strings.TrimSuffix(filepath.Base(file), ".txtar")
	a := attack{file: file, name: name, mode: "enforce", synth: project.Tour}
	for i, line := range strings.Split(script, "\n") {
		text, ok := strings.CutPrefix(line, "# ")
		if !ok {
			break
		}
		if i == 0 {
			a.title = text
			continue
		}
		name, value, _ := strings.Cut(text, ": ")
		switch name {
		case "kind":
			a.kind = value
		case "by":
			a.by = value
		case "open":
			a.open = value
		case "mode":
			a.mode = value
		case "slack":
			a.slack = value == "yes"
		case "settings":
			a.synth = map[string]project.Synth{"deployed": project.Deployed, "tour": project.Tour}[value]
		default:
			return a, fmt.Errorf("%s: %q: want kind, by, open, mode, slack or settings", file, text)
		}
	}
	known := slices.ContainsFunc(attackKinds, func(k struct{ id, title string }) bool { return k.id == a.kind })
	if a.title == "" || a.by == "" || !known || a.synth == "" || a.mode != "enforce" && a.mode != "observe" {
		return a, fmt.Errorf("%s: want a title, and below it # kind: KIND, # by: HOW IT IS WITHSTOOD, and if need be "+
			"# open: WHY, # mode: observe, # slack: yes, # settings: deployed", file)
	}
	return a, nil
}

// errThrough is the error of attacks of which not all are withstood.
var errThrough = errors.New("not every attack is withstood")

// An assault is how to play attacks, and what came of them.
type assault struct {
	out, stderr   io.Writer
	style         style
	json, verbose bool
	parallel      int

	mu      sync.Mutex
	results []attackResult
}

// play plays the attacks and prints what came of each, and of all.
func (a *assault) play(ctx context.Context, attacks []attack) error {
	begin := time.Now()
	root, err := project.Find()
	if err != nil {
		return err
	}
	for _, synth := range []project.Synth{project.Deployed, project.Tour} { // once, before they do it at the same time
		if err := root.Make(ctx, synth, project.Apart, a.stderr); err != nil {
			return err
		}
	}
	queue := make(chan attack)
	var playing sync.WaitGroup
	for range max(a.parallel, 1) {
		playing.Go(func() {
			for next := range queue {
				a.done(a.one(ctx, next), len(attacks))
			}
		})
	}
	for _, next := range attacks {
		queue <- next
	}
	close(queue)
	playing.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	slices.SortFunc(a.results, func(x, y attackResult) int { return strings.Compare(x.Name, y.Name) })
	return a.sum(time.Since(begin))
}

// one plays an attack on an account of its own.
func (a *assault) one(ctx context.Context, script attack) attackResult {
	r := attackResult{Name: script.name, Kind: script.kind, Title: script.title}
	begin := time.Now()
	s, err := a.openField(ctx, script)
	if err == nil {
		err = s.playStep(ctx, step{file: script.file})
		s.account.Close()
	}
	r.Seconds = time.Since(begin).Round(10 * time.Millisecond).Seconds()
	switch r.Result = attackWithstood; {
	case err != nil && s.attack.untrue && script.open != "":
		r.Result, r.Reason = attackKnown, err.Error()
	case err != nil && s.attack.untrue:
		r.Result, r.Reason = attackThrough, err.Error()
	case err != nil:
		r.Result, r.Reason = attackBroken, err.Error()
	case s.attack.asserted == 0:
		r.Result, r.Reason = attackBroken, "it asserts nothing"
	case s.account.Order().Interruptions() > 0:
		r.Result, r.Reason = attackBroken, "no function made the call that is waited for"
	case script.open != "":
		r.Result, r.Reason = attackStale, "remove the line # open: "+script.open
	}
	return r
}

// openField starts the account of an attack.
func (a *assault) openField(ctx context.Context, script attack) (*stage, error) {
	out := io.Discard
	if a.verbose {
		out = a.out
	}
	s := &stage{
		ctx: ctx, printer: printer{out: out}, verbose: a.verbose, worked: map[string]bool{},
		attack: &field{keys: map[string]string{}, secrets: map[string]string{}},
	}
	if err := s.open(emulator.Options{
		Mode: script.mode, Synth: script.synth, Unposted: !script.slack, Stderr: a.stderr,
	}); err != nil {
		return s, err
	}
	if topic := s.account.Stack.Outputs["WatchTopicArn"]; topic != "" {
		second, err := s.account.Subscribe(ctx, "second-inbox", topic)
		if err != nil {
			s.account.Close()
			return s, err
		}
		s.attack.second = &second
	}
	return s, nil
}

// done prints what came of one attack, on a terminal with how many there are.
func (a *assault) done(r attackResult, all int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.results = append(a.results, r)
	if a.json {
		_ = json.NewEncoder(a.out).Encode(r)
		return
	}
	if a.style.on {
		fmt.Fprint(a.out, "\r\x1b[K")
	}
	fmt.Fprintf(a.out, "%s  %5.2f s  %s: %s\n", a.paint(r.Result), r.Seconds, r.Name, r.Title)
	if r.Reason != "" {
		fmt.Fprintf(a.out, "    %s\n", cut(r.Reason, 1000))
	}
	if a.style.on && len(a.results) < all {
		fmt.Fprint(a.out, a.style.dim(fmt.Sprintf("%d of %d", len(a.results), all)))
	}
}

// paint is the word of a result, in a column of its own.
func (a *assault) paint(result string) string {
	colour := map[string]string{attackWithstood: "32", attackKnown: "33"}[result]
	return a.style.paint(cmp.Or(colour, "31"), fmt.Sprintf("%-15s", result))
}

// sum prints how many attacks came to what.
func (a *assault) sum(took time.Duration) error {
	counts, fine := map[string]int{}, true
	for _, r := range a.results {
		counts[r.Result]++
		fine = fine && r.fine()
	}
	if !a.json {
		fmt.Fprintf(a.out, "\n%d attacks: %d withstood, %d through", len(a.results), counts[attackWithstood],
			counts[attackThrough])
		for _, other := range []string{attackKnown, attackStale, attackBroken} {
			if counts[other] > 0 {
				fmt.Fprintf(a.out, ", %d %s", counts[other], other)
			}
		}
		fmt.Fprintf(a.out, "; %.0f s\n", took.Seconds())
	}
	if !fine {
		return errThrough
	}
	return nil
}

// attackTable is docs/attacks.md after a run in which all was as it should be. It has no times: they differ from run to
// run.
func attackTable(attacks []attack) []byte {
	var doc bytes.Buffer
	open := 0
	for _, a := range attacks {
		if a.open != "" {
			open++
		}
	}
	fmt.Fprintf(&doc, `# Attacks

The target attacks of the Makefile plays each of these on a local account of its own, with the real functions and the
deployed rules, and writes this page. What must be true is asserted of the account and of the notices. A new attack is
one file in [infra/local/attacks](../infra/local/attacks); [CONTRIBUTING.md](../CONTRIBUTING.md#attacks) says how to
write one.

%d attacks: %d withstood, %d through.
`, len(attacks), len(attacks)-open, open)
	for _, kind := range attackKinds {
		var rows []string
		for _, a := range attacks {
			if a.kind == kind.id {
				rows = append(rows, a.row())
			}
		}
		if rows == nil {
			continue
		}
		fmt.Fprintf(&doc, "\n## %s\n\n| attack | how it is withstood | result |\n|---|---|---|\n", kind.title)
		for _, row := range rows {
			fmt.Fprintln(&doc, row)
		}
	}
	return doc.Bytes()
}

// row is the row of an attack.
func (a attack) row() string {
	result := attackWithstood
	if a.open != "" {
		result = attackThrough + ": " + a.open
	}
	cell := strings.NewReplacer("|", `\|`, "<", "&lt;")
	return fmt.Sprintf("| [%s](../infra/local/attacks/%s.txtar) | %s | %s |",
		cell.Replace(a.title), a.name, cell.Replace(a.by), result)
}
