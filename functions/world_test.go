package functions

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// homeAccount is where recorded events are played, whatever account they were recorded in.
const homeAccount = "111122223333"

// office is the network that people of the account work from.
var office = netip.MustParsePrefix("203.0.113.0/24")

// world is an account in memory with every control, and their rules in place of EventBridge's.
type world struct {
	account   *fakeaws.Account
	rules     *deployment.Rules
	functions map[string]*deployment.Function
	now       time.Time
	sent      []notice.Message
	runs      int
}

// allRules are those of every control.
var allRules = sync.OnceValues(func() (*deployment.Rules, error) { return deployment.NewRules(homeAccount, nil) })

// newWorld opens an account with every control in a mode.
func newWorld(t *testing.T, state fakeaws.State, mode control.Mode) *world {
	t.Helper()
	rules, err := allRules()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{account: fakeaws.New(state), rules: rules, functions: map[string]*deployment.Function{}}
	const policies = "arn:aws:iam::" + homeAccount + ":policy" + change.QuarantinePath
	w.account.Deploy(policies+change.KeyQuarantine, policies+change.OutsideQuarantine)
	w.account.Now = func() time.Time { return w.now }
	o := deployment.Options{
		Account: w.account, Store: &ledger.Memory{}, Topic: w, Now: w.account.Now,
		Sleep: func(context.Context, time.Duration) {},
		Settings: func(c control.Control) settings.Function {
			parameters := map[string]any{}
			for name, p := range c.Parameters {
				parameters[name] = p.Default
			}
			if c.ID == "require-permissions-boundary" && mode == control.Enforce {
				parameters["boundary"] = boundaryARN
			}
			text, err := json.Marshal(parameters)
			if err != nil {
				t.Fatal(err)
			}
			return settings.Function{
				Mode: mode, Parameters: text, AllowedNetworks: []netip.Prefix{office}, BlastRadius: 10, HoldDays: 7,
				Owners: settings.Owners{Tags: []string{"owner"}}, Account: homeAccount, Table: "warder",
				Topic:      "arn:aws:sns:us-east-1:" + homeAccount + ":warder",
				Quarantine: settings.Quarantine{Key: policies + change.KeyQuarantine, Outside: policies + change.OutsideQuarantine},
				Roles:      []string{"warder-self"}, EventClock: true, Own: settings.Own{Stack: "warder"},
				Reach: settings.Reach{All: true},
			}
		},
	}
	for _, id := range deployment.IDs() {
		if w.functions[id], err = deployment.New(id, o); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

const (
	boundaryARN   = "arn:aws:iam::" + homeAccount + ":policy/boundary"
	administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// Publish implements [remediation.Publisher].
func (w *world) Publish(_ context.Context, m notice.Message) (string, error) {
	if _, err := m.Bodies(); err != nil {
		return "", err
	}
	w.sent = append(w.sent, m)
	return "message-" + m.ID, nil
}

// answered is what became of an event in one control.
type answered struct {
	remediation.Report
	notices []notice.Message
	err     error // that the function would be tried again for
}

// send delivers an event, or a bare record, to the controls whose rules want it.
func (w *world) send(t *testing.T, data []byte) (all []answered) {
	t.Helper()
	event, err := eventfile.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	starts, err := w.rules.Match(event.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := time.Parse(time.RFC3339, event.Time); err == nil {
		w.now = at
	}
	for _, id := range starts {
		w.runs++
		before := len(w.sent)
		invocation := remediation.Invocation{ID: fmt.Sprint("invocation-", w.runs), Left: time.Minute}
		// Lambda tries three times what fails.
		var report remediation.Report
		for try := 0; try == 0 || err != nil && try < 3; try++ {
			report, err = w.functions[id].Runner.Run(t.Context(), invocation, event.JSON)
		}
		report.Control = id
		all = append(all, answered{report, slices.Clone(w.sent[before:]), err})
	}
	return all
}

// records are those of a file: an event or a record, or a list of them.
func records(t *testing.T, file string) (all []json.RawMessage) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		return []json.RawMessage{data}
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return all
}

// jsonFiles are the files *.json in a folder and under it.
func jsonFiles(t *testing.T, folder string) []string {
	t.Helper()
	files, err := eventfile.Files([]string{folder})
	if err != nil || len(files) == 0 {
		t.Fatalf("no events in %s (%v)", folder, err)
	}
	return files
}

// atHome is a record as if it had been made in the account, and in a region that there is.
func atHome(t *testing.T, data []byte) []byte {
	t.Helper()
	var record map[string]any
	if err := json.Unmarshal(data, &record); err != nil {
		t.Fatal(err)
	}
	if _, wrapped := record["detail-type"]; wrapped {
		record["account"] = homeAccount
	}
	if account, _ := record["recipientAccountId"].(string); account != "" && account != homeAccount {
		return bytes.ReplaceAll(data, []byte(account), []byte(homeAccount))
	}
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestWorld_EveryEvent sends everything that was recorded or made up, in both modes, to what the rules start: a
// function says what it makes of it, and never fails. The folders that CORPUS names, separated by colons, are played as
// well.
func TestWorld_EveryEvent(t *testing.T) {
	folders := append([]string{"../events", "testdata"}, filepath.SplitList(os.Getenv("CORPUS"))...)
	for _, mode := range []control.Mode{control.Observe, control.Enforce} {
		events, starts, heard := 0, 0, 0
		for _, folder := range folders {
			for _, file := range jsonFiles(t, folder) {
				w := newWorld(t, fakeaws.State{}, mode)
				for _, record := range records(t, file) {
					events++
					for _, a := range w.send(t, atHome(t, record)) {
						starts++
						heard += len(a.notices)
						known := []remediation.Outcome{
							remediation.Notified, remediation.Changed, remediation.WouldChange, remediation.Nothing, remediation.Skipped,
						}
						if a.err != nil || !slices.Contains(known, a.Outcome) {
							t.Errorf("in %s: %s: %s: %s %s (%v)", mode, file, a.Control, a.Outcome, a.Reason, a.err)
						}
						if mode == control.Observe && a.Outcome == remediation.Changed {
							t.Errorf("in %s: %s: %s changed something", mode, file, a.Control)
						}
					}
				}
			}
		}
		t.Logf("in %s: %d events, %d runs, %d notices", mode, events, starts, heard)
		if starts == 0 || heard == 0 {
			t.Errorf("%d runs, %d notices", starts, heard)
		}
	}
}

// severest is the higher of two severities.
func severest(a, b string) string {
	if control.Severity(a).Rank() >= control.Severity(b).Rank() {
		return a
	}
	return b
}
