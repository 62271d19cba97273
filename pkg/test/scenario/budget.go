package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/remediation"
)

// budgetFile holds, by path, how many calls to AWS an event may take, the ledger's included: as many as
// the scenario needs that needs the fewest on this path. Where there is more to scan, to change or to
// notify, there are more: each scenario's want section has those.
const budgetFile = "testdata/calls.json"

// paths are the ways that an event takes through the control, by its outcome.
var paths = map[remediation.Outcome]string{
	remediation.Changed: "act", remediation.WouldChange: "observe", remediation.Notified: "notify",
	remediation.Skipped: "skip", remediation.Nothing: "nothing",
}

// path is the way that an event took through the control; empty if its calls do not count.
func (a answer) path(enforced bool) string {
	path := paths[a.report.Outcome]
	switch {
	case a.err != nil:
		return ""
	case strings.HasPrefix(a.event.name, "apply"):
		return "apply"
	case strings.HasPrefix(a.event.name, "release"):
		return "release"
	case !a.event.isEvent() && !enforced:
		return "" // there is nothing to undo
	case !a.event.isEvent() && a.report.Outcome == remediation.Changed:
		return "undo"
	case !a.event.isEvent():
		return "undo, refused"
	case strings.HasPrefix(a.report.Reason, "this event was already handled"):
		return "again"
	case path == "", a.report.Outcome == remediation.Nothing && a.calls == 0:
		return ""
	case sweeps(a.event):
		return "sweep, " + path
	}
	return path
}

// count keeps, by path, the fewest calls that were made for an event.
func (h *harness) count(answers []answer, mode control.Mode) {
	for i, a := range answers {
		asked := func(before answer) bool { return before.event.name == a.event.name }
		if !a.event.isEvent() && slices.ContainsFunc(answers[:i], asked) {
			continue // what was undone before
		}
		path := a.path(mode == control.Enforce)
		if fewest, known := h.calls[path]; path != "" && (!known || a.calls < fewest) {
			h.calls[path] = a.calls
		}
	}
}

// budget compares the calls with those that the control may make.
func (h *harness) budget(t *testing.T) {
	if *update {
		data, err := json.MarshalIndent(h.calls, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(budgetFile, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	budget := map[string]int{}
	data, err := os.ReadFile(budgetFile)
	if err == nil {
		err = strict(bytes.TrimSpace(data), &budget)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(budget, h.calls); diff != "" {
		t.Errorf("other numbers of calls by path than %s (-want +got; go test -update writes it):\n%s", budgetFile, diff)
	}
}
