package scenario

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/calls"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// recorder keeps the calls of a run in their order, each with what it is for.
type recorder struct {
	made    []string
	asked   string // what of the table is read or written now
	planner bool   // the planner is at work
	doing   string // what the runner does with a thing: looks, changes, verifies
	runs    []recorded
}

// recorded is a run on its path.
type recorded struct {
	path, event string
	made        []string
}

// record adds a call. Between the claim of a thing and the record that it was changed, the runner
// changes it; what it reads after that verifies.
func (r *recorder) record(c call) {
	what := ""
	switch {
	case service(c.operation) == "dynamodb":
		what = r.asked
		if r.planner {
			what = "plan " + what
		}
		switch {
		case c.operation != "dynamodb:PutItem":
		case what == "rounds" && r.doing == "":
			r.doing = "change"
		case what == "entry" && r.doing == "change":
			r.doing = "verify"
		default:
			r.doing = ""
		}
	case r.planner:
		what = "plan"
	case strings.HasPrefix(c.guards, ofUser):
		what = "owner"
	case c.guards == everything:
		what = "guard"
	case service(c.operation) == "sns":
		what = "tell"
	case !fakeaws.Looks(c.operation):
		what, r.doing = "change", cmp.Or(r.doing, "verify") // an undo claims nothing
	case r.doing == "change":
		what = "prepare"
	default:
		what = cmp.Or(r.doing, "compare")
	}
	r.made = append(r.made, what+" "+c.operation)
}

// end ends a run, which has taken the path of what came of it: those of docs/calls.md.
func (r *recorder) end(w *world, e namedEvent, report remediation.Report, failed error) {
	path := ""
	switch {
	case failed != nil:
	case strings.HasPrefix(e.name, "release"):
		path = "release"
	case !e.isEvent() && report.Outcome == remediation.Changed:
		path = "undo"
	case !e.isEvent():
		path = "undo, refused"
	case strings.HasPrefix(report.Reason, "this event was handled before"):
		path = "again"
	case report.Outcome == remediation.Changed:
		path = "act"
	case report.Outcome == remediation.WouldChange:
		path = "observe"
	case report.Outcome == remediation.Notified:
		path = "tell"
	case report.Outcome == remediation.Skipped:
		path = "skip"
	case report.Outcome == remediation.Nothing && len(r.made) > 0:
		path = "nothing"
	}
	if path != "" && path != "again" && sweeps(e) {
		path = "sweep, " + path
	}
	if !e.isEvent() && (w.settings.Mode != control.Enforce || slices.ContainsFunc(r.runs, func(before recorded) bool { return before.event == e.name })) {
		path = "" // there is nothing to undo, or it was asked for before
	}
	r.runs = append(r.runs, recorded{path, e.name, r.made})
	r.made, r.doing, r.asked, r.planner = nil, "", "", false
}

// tally adds the runs of a story to the calls of the control.
func (h *harness) tally(title string, r *recorder) {
	for _, run := range r.runs {
		if run.path != "" {
			h.calls.Add(run.path, title+", "+strings.TrimSuffix(run.event, ".json"), run.made)
		}
	}
}

// counted compares the calls with those that are written down, and looks whether each has a reason.
func (h *harness) counted(t *testing.T) {
	sum := 0
	for path, p := range h.calls {
		sum += p.Calls
		for _, made := range p.Made {
			if calls.Reasons[made] == "" {
				t.Errorf("%s: no reason is given for %q (calls.Reasons)", path, made)
			}
		}
	}
	t.Attr("calls", strconv.Itoa(sum))
	if *update {
		data, err := json.MarshalIndent(h.calls, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(calls.File, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := calls.Read(".")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, h.calls); diff != "" {
		t.Errorf("other calls than %s has (-want +got; go test -update writes it):\n%s", calls.File, diff)
	}
}
