// Package scenario is the test harness that all controls share. A scenario is one txtar file: an account,
// settings, one or more events in the order they come, and what is to happen.
//
//	A direct policy is detached and its owner is notified.
//
//	-- account.json --      the account before (package fakeaws)
//	-- settings.json --     mode, parameters, allowedNetworks, trustedAccounts, regions, owners; all optional
//	-- event.json --        what happens; event-2.json and so on come after it
//	-- account-2.json --    what people did to the account before event-2 (package fakeaws, Alter)
//	-- undo.json --         a request to undo; "$1" is the id of the first change that was reported, and proven is
//	                        the ARN of who is proven to ask
//	-- release.json --      a request to release the control; at is the time of either
//	-- apply.json --        a request to apply what was proposed, as undo.json
//	-- drill.json --        an incident rehearsal that the ledger knows (package ledger, Drill)
//	-- renamed --           why something else comes of it when its users are renamed; optional
//	-- recreated --         why something else comes of it when its users are deleted and created anew; optional
//	-- want --              what the control does; go test -update writes it
//	-- emails --            the emails that are sent, whole; optional, go test -update writes it if it is there
//	-- emails-ko --         the same in Korean
//
// Beside what a scenario wants, the harness checks what must hold for every scenario: handling the events
// again changes nothing and notifies nobody; observing changes nothing; whatever goes wrong with any call
// to AWS is made good by the retry, or by the redelivery of the event when it is over (see matrix); users may be
// renamed, or deleted and created anew, between any two calls (see renamed, recreated); in Korean the
// same is notified, and nothing of it is left in English; with names and tags that try to be markup,
// lines, mentions or orders to a terminal, every notice and log line stays what it is; the
// control calls nothing that its control.json does not permit, and permits nothing that no scenario
// needs; no message holds a whole access key id.
package scenario

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

var update = flag.Bool("update", false, "write what happens into the want section of the scenarios")

// Run runs every scenario in testdata. The checks return what is wrong with the account after a scenario,
// however it was handled: what the control promises of it.
func Run(t *testing.T, c handler.Control, checks ...func(*fakeaws.Account) error) {
	t.Helper()
	h := newHarness(t, c)
	h.checks = checks
	files := h.files(t)
	// Handling events again and again makes garbage and keeps nothing.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { h.scenario(t, file) })
	}
	t.Logf("%d scenarios; %d cases of a call that goes wrong, in %d of them it reads a guard",
		len(files), h.cases, h.guards)
	if t.Failed() {
		return
	}
	h.permissions(t)
	if h.played == len(files) {
		t.Run("calls within the budget", h.budget)
	}
}

// newHarness is the harness of the control in whose folder the test runs.
func newHarness(t testing.TB, c handler.Control) *harness {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	described, err := control.Parse(filepath.Base(folder)+"/control.json", c.Description)
	if err != nil {
		t.Fatal(err)
	}
	return &harness{
		Control: c, described: described, used: map[string]bool{}, calls: map[string]int{},
		triedTexts: map[string]bool{}, harmless: map[[sha256.Size]byte]bool{},
	}
}

// files are those of the scenarios.
func (h *harness) files(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios in testdata (%v)", err)
	}
	return files
}

// harness runs the scenarios of one control.
type harness struct {
	handler.Control
	checks     []func(*fakeaws.Account) error
	described  control.Control
	used       map[string]bool // operations that some scenario called
	calls      map[string]int  // the fewest that an event took, by path
	played     int             // how many scenarios were played
	triedTexts map[string]bool // hostile texts that were tried, by where
	harmless   map[[sha256.Size]byte]bool
	cases      int            // of the fault matrix
	guards     int            // those of them that met a guard
	sabotage   func(*fixture) // sabotage Warder on purpose, to see that the matrix notices
}

// scenario is one parsed file.
type scenario struct {
	file     string
	archive  *txtar.Archive
	account  fakeaws.State
	halt     string // see [alteration]
	settings settings.Function
	events   []step
	store    *ledger.Memory // what is remembered from before; nil for nothing
	given    string         // all that the file says about the fixture and what people do in it
	drills   []ledger.Drill
}

type step struct {
	name   string
	data   []byte
	before *alteration // what people did before it
}

// alteration is what people do to the account, and to the halt switch: the reason why they halt Warder, "no" when they
// resume it, "forged" when somebody else writes the item. Without a word it is as it was, off in the beginning.
type alteration struct {
	fakeaws.State
	Halt string `json:"halt,omitempty"`
}

// read reads the scenario of the file.
func (h *harness) read(t testing.TB, file string) scenario {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := parse(archive, h.described)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	s.file = file
	return s
}

func (h *harness) scenario(t *testing.T, file string) {
	s := h.read(t, file)
	played := h.start(t, s)
	got := played.play()
	for _, operation := range slices.Sorted(maps.Keys(played.called)) {
		h.used[operation] = true
		if !h.permitted(operation) {
			t.Errorf("calls %s, which control.json does not permit", operation)
		}
	}
	s.golden(t, "want", got)
	h.played++
	played.check(t)
	played.compareEmails(t, emails)

	t.Run("handled again", func(t *testing.T) { played.playAgain(t) })
	h.count(played.answers, s.settings.Mode)
	t.Run("observed", func(t *testing.T) { h.observed(t, s, played) })
	t.Run("in Korean", func(t *testing.T) { h.korean(t, s, played) })
	if !testing.Short() { // most of the time goes there: what a test without them does not notice is looked for otherwise
		t.Run("with faults", func(t *testing.T) { h.faults(t, played) })
		t.Run("with its users renamed", func(t *testing.T) { h.renamed(t, played) })
		t.Run("with its users recreated", func(t *testing.T) { h.recreated(t, played) })
	}
	t.Run("with hostile names", func(t *testing.T) { h.hostile(t, s.archive) })
}

// parse reads the sections of a scenario.
func parse(archive *txtar.Archive, described control.Control) (scenario, error) {
	s := scenario{archive: archive}
	if len(bytes.TrimSpace(archive.Comment)) == 0 {
		return s, errors.New("the scenario has no title: begin it with a sentence")
	}
	set := struct {
		Mode            control.Mode               `json:"mode"`
		Parameters      map[string]json.RawMessage `json:"parameters"`
		AllowedNetworks []netip.Prefix             `json:"allowedNetworks"`
		TrustedAccounts []string                   `json:"trustedAccounts"`
		Regions         []string                   `json:"regions"`
		Owners          settings.Owners            `json:"owners"`
		Roles           []string                   `json:"roles"`
		BlastRadius     int                        `json:"blastRadius"`
	}{Mode: control.Enforce, BlastRadius: wide, Owners: settings.Owners{Tags: []string{"owner"}}}
	var next *alteration
	for _, f := range archive.Files {
		var err error
		switch {
		case f.Name == "account.json":
			var a alteration
			err = strict(f.Data, &a)
			s.account, s.halt = a.State, a.Halt
		case f.Name == "settings.json":
			err = strict(f.Data, &set)
		case strings.HasPrefix(f.Name, "account-"):
			next = &alteration{}
			err = strict(f.Data, next)
		case happens(f.Name):
			s.events = append(s.events, step{f.Name, f.Data, next})
			next = nil
		case f.Name == "drill.json":
			var d ledger.Drill
			err = strict(f.Data, &d)
			s.drills = append(s.drills, d)
		case f.Name == "renamed" || f.Name == "recreated":
			if len(bytes.TrimSpace(f.Data)) == 0 {
				err = errors.New("say why what comes of it is another then")
			}
		case golden(f): // see scenario.golden
		default:
			err = errors.New("unknown section: use account.json, settings.json, event.json, account-2.json, event-2.json, " +
				"undo.json, release.json, apply.json, drill.json, want")
		}
		if err != nil {
			return s, fmt.Errorf("section %s: %w", f.Name, err)
		}
		if !golden(f) {
			s.given += string(f.Data)
		}
	}
	if len(s.events) == 0 {
		return s, errors.New("the scenario has no event")
	}
	s.identify()
	parameters := map[string]any{}
	for name, p := range described.Parameters {
		parameters[name] = p.Default
	}
	for name, value := range set.Parameters {
		if _, ok := parameters[name]; !ok {
			return s, fmt.Errorf("section settings.json: no parameter %q in control.json", name)
		}
		parameters[name] = value
	}
	text, err := json.Marshal(parameters)
	if err != nil {
		return s, err
	}
	s.settings = settings.Function{
		Mode: set.Mode, Parameters: text, AllowedNetworks: set.AllowedNetworks, Owners: set.Owners,
		TrustedAccounts: set.TrustedAccounts, Regions: set.Regions,
		Runbooks: "https://example.com/", Account: "111122223333", Table: "warder",
		LedgerKey: "arn:aws:kms:us-east-1:111122223333:key/1",
		Topic:     "arn:aws:sns:us-east-1:111122223333:warder",
		Roles:     append([]string{"warder-self"}, set.Roles...), EventClock: true,
		BlastRadius: set.BlastRadius, HoldDays: 7,
		Reach:      settings.Reach{All: true},
		Quarantine: settings.Quarantine{Key: quarantines + change.KeyQuarantine},
		Own: settings.Own{
			Stack: "warder", Topics: []string{"arn:aws:sns:us-east-1:111122223333:warder-Watch"},
			Keys: []string{"arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-4000-8000-00000000000a"},
		},
	}
	if len(set.AllowedNetworks) > 0 {
		s.settings.Quarantine.Outside = quarantines + change.OutsideQuarantine
	}
	return s, nil
}

// quarantines is where the quarantine policies of the scenario's account are.
const quarantines = "arn:aws:iam::111122223333:policy" + change.QuarantinePath

func strict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// happens reports whether the section of the name is an event or a request.
func happens(name string) bool {
	return slices.ContainsFunc([]string{"event", "undo", "release", "apply"}, func(kind string) bool {
		return strings.HasPrefix(name, kind)
	})
}

// golden compares a section with what came of the scenario, or writes it.
func (s scenario) golden(t *testing.T, section, got string) {
	t.Helper()
	want := ""
	for _, f := range s.archive.Files {
		if f.Name == section {
			want = string(f.Data)
		}
	}
	if !*update {
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s: not as expected (-want +got; go test -update writes it):\n%s", section, diff)
		}
		return
	}
	files := slices.DeleteFunc(s.archive.Files, func(f txtar.File) bool { return f.Name == section })
	s.archive.Files = append(files, txtar.File{Name: section, Data: []byte(got)})
	slices.SortStableFunc(s.archive.Files, func(a, b txtar.File) int { return cmp.Compare(order(a), order(b)) })
	if err := os.WriteFile(s.file, txtar.Format(s.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// play handles the scenario's events and describes what happened.
func (w *fixture) play() string {
	var b strings.Builder
	for _, e := range w.events {
		w.stop()
		w.alter(e)
		iam, sent := w.account.Calls(), len(w.sent)
		report, err := w.run(e)
		fmt.Fprintf(&b, "%s: %s", e.name, report.Outcome)
		if report.Reason != "" {
			fmt.Fprintf(&b, ": %s", report.Reason)
		}
		b.WriteString("\n")
		if err != nil {
			w.failing[e.name] = true
			fmt.Fprintf(&b, "  to be retried: %v\n", err)
		}
		for _, c := range report.Changes {
			fmt.Fprintf(&b, "  change %s: %s %q %q -> %q\n", c.Status, c.Kind, c.Target, c.Before, c.After)
			if c.Reason != "" {
				fmt.Fprintf(&b, "    %s\n", c.Reason)
			}
		}
		for _, m := range w.sent[sent:] {
			fmt.Fprintf(&b, "  notice %s, %s, to %s: %s\n", m.Kind, m.Severity, cmp.Or(m.Owner, "the topic"), m.Line())
			for _, line := range []string{m.State().String(), m.Text, m.UnchangedReason, m.Advice} {
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
		if e.isEvent() || strings.HasPrefix(e.name, "apply") { // the rest is asked of tools
			for operation, n := range w.account.Calls() {
				if n > iam[operation] && !strings.HasSuffix(operation, fakeaws.InRootSession) {
					w.called[operation] = true
				}
			}
		}
		fmt.Fprintf(&b, "  calls: %s, ledger %d, sns:Publish %d\n", difference(iam, w.account.Calls()), w.ledgerCalls(),
			len(w.sent)-sent)
	}
	w.stop()
	if diff := gocmp.Diff(w.untouched.State(), w.account.State(), cmpopts.EquateEmpty()); diff == "" {
		b.WriteString("the account is as it was\n")
	}
	return b.String()
}

// difference describes the calls that were made between two counts.
func difference(before, after map[string]int) string {
	var calls []string
	for _, operation := range slices.Sorted(maps.Keys(after)) {
		if n := after[operation] - before[operation]; n > 0 {
			calls = append(calls, fmt.Sprintf("%s %d", operation, n))
		}
	}
	return cmp.Or(strings.Join(calls, ", "), "iam 0")
}

// handleAll handles every event, after what people did before it.
func (w *fixture) handleAll() []answer {
	for _, e := range w.events {
		w.alter(e)
		_, _ = w.run(e) // an answer has its error
	}
	return w.answers
}

// unchanged checks that the account is what it is to be.
func (w *fixture) unchanged(t *testing.T, want fakeaws.State, what string) {
	t.Helper()
	if diff := gocmp.Diff(want, w.account.State(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-before +after):\n%s", what, diff)
	}
}

// playAgain handles every event once more: nothing is changed and nobody is notified.
func (w *fixture) playAgain(t *testing.T) {
	before, sent := w.account.State(), len(w.sent)
	for _, e := range w.events {
		if _, err := w.run(e); err != nil && !w.failing[e.name] {
			t.Errorf("%s: %v", e.name, err)
		}
	}
	w.unchanged(t, before, "handled again, the account is not as it was")
	for _, m := range w.sent[sent:] {
		t.Errorf("notified again: %s", m.Line())
	}
}

// observed handles the events with the control in observe: the account stays as it is.
func (h *harness) observed(t *testing.T, s scenario, enforced *fixture) {
	mode := s.settings.Mode
	s.settings.Mode = control.Observe
	w := h.start(t, s)
	for _, a := range w.handleAll() {
		if a.err != nil && !enforced.failing[a.event.name] {
			t.Errorf("%s: %v", a.event.name, a.err)
		}
		if a.report.Outcome == remediation.Changed {
			t.Errorf("%s: the outcome is changed", a.event.name)
		}
	}
	w.unchanged(t, w.untouched.State(), "observing changed the account")
	w.check(t)
	if mode != control.Observe {
		h.count(w.answers, control.Observe)
	}
}

// permitted reports whether control.json permits the operation.
func (h *harness) permitted(operation string) bool {
	return slices.ContainsFunc(h.described.Permissions, func(p control.Permission) bool {
		return slices.Contains(p.Actions, operation)
	})
}

// permissions checks that control.json permits what the scenarios needed and no more, and the operations
// that [handler.Control.ReadAPI] lists.
func (h *harness) permissions(t *testing.T) {
	if h.ReadAPI != nil {
		for i := range h.ReadAPI.NumMethod() {
			method := h.ReadAPI.Method(i)
			input := method.Type.In(1).Elem().PkgPath()
			operation := fakeaws.PolicyName(input[strings.LastIndex(input, "/")+1:] + ":" + method.Name)
			if !h.permitted(operation) {
				t.Errorf("the planner reads with %s, which control.json does not permit", operation)
			}
		}
	}
	for _, p := range h.described.Permissions {
		for _, action := range p.Actions {
			switch {
			case !h.used[action]:
				t.Errorf("control.json permits %s, which no scenario needs", action)
			case h.ReadAPI == nil && action != "iam:GetUser" && action != "iam:ListUsers": // of the owner
				t.Errorf("control.json permits %s, and the control has no ReadAPI", action)
			}
		}
	}
}
