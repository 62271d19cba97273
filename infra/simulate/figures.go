package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
)

// figures are what a load came to.
type figures struct {
	Events      int     `json:"events"`
	Started     int     `json:"started"`     // of a control by an event
	Handled     int     `json:"handled"`     // of these, for the first time
	Repeated    int     `json:"repeated"`    // had been handled before
	Own         int     `json:"own"`         // were of what Warder itself did
	Kept        int     `json:"kept"`        // could not be handled, and were later
	Undecodable int     `json:"undecodable"` // were recorded, and are not understood
	Runs        int     `json:"runs"`        // in the ledger
	Changes     int     `json:"changes"`     // made
	Held        int     `json:"held"`        // changes that the blast radius held
	Notices     int     `json:"notices"`
	Seconds     float64 `json:"seconds"`
	PerSecond   float64 `json:"eventsPerSecond"`
	Calls       int     `json:"calls"` // to AWS
	PerEvent    float64 `json:"callsPerEvent"`
	P50         float64 `json:"p50Milliseconds"` // of handling one event by one control
	P95         float64 `json:"p95Milliseconds"`
	// Consequences are events of Warder's own changes that were left alone.
	Consequences int      `json:"consequences"`
	Memory       []memory `json:"memory"`
}

// figures counts.
func (r *runRecord) figures() figures {
	f := figures{
		Events: len(r.delivered), Kept: len(r.kept), Runs: len(r.contents.Runs), Notices: len(r.notices), Calls: r.calls,
		Memory: r.memory, Seconds: r.took.Seconds(), Consequences: len(r.consequences),
	}
	var took []time.Duration
	made := map[string]bool{}
	for _, answer := range r.answers() {
		f.count(answer, made)
		took = append(took, answer.Took)
	}
	f.Started -= len(r.redriven)
	f.Changes = len(made)
	slices.Sort(took)
	if len(took) > 0 {
		f.P50, f.P95 = milliseconds(took[len(took)/2]), milliseconds(took[len(took)*95/100])
	}
	f.PerSecond, f.PerEvent = tenth(float64(f.Events)/f.Seconds), tenth(float64(f.Calls)/float64(f.Events))
	f.Seconds = tenth(f.Seconds)
	return f
}

func (f *figures) count(answer deployment.Answer, made map[string]bool) {
	f.Started++
	switch {
	case answer.Failed: // counted as kept
	case ownChange(answer.Report):
		f.Own++
	case repeated(answer.Report):
		f.Repeated++
	default:
		f.Handled++
		if answer.Report.Outcome == remediation.Failed {
			f.Undecodable++
		}
	}
	for _, c := range answer.Report.Changes {
		if c.Status == ledger.Verified {
			made[c.ID] = true
		}
		if blasted(c) {
			f.Held++
		}
	}
}

func milliseconds(d time.Duration) float64 { return tenth(float64(d) / float64(time.Millisecond)) }

func tenth(x float64) float64 { return math.Round(x*10) / 10 }

// print prints them for people.
func (f figures) print(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(figure any, what string) { fmt.Fprintf(table, "%v\t  %s\n", figure, what) }
	line(f.Events, "events")
	line(f.Started, "times that one of them started a control")
	line(f.Handled, fmt.Sprintf("of these were handled, %d of them recorded as undecodable", f.Undecodable))
	line(f.Repeated, "had been handled before")
	line(f.Kept, "failed three times, were kept, and were handled when redriven")
	line(f.Runs, "runs in the ledger")
	line(f.Changes, "changes made")
	line(f.Held, "changes held by the blast radius")
	line(f.Notices, "notices")
	line(f.Consequences, "events of Warder's own changes, left alone")
	line(fmt.Sprintf("%.1f", f.PerSecond), fmt.Sprintf("events a second, for %.0f s", f.Seconds))
	line(fmt.Sprintf("%.1f", f.PerEvent), fmt.Sprintf("AWS calls an event, %d in all", f.Calls))
	line(fmt.Sprintf("%.1f", f.P50), "ms to handle an event by a control, at the median")
	line(fmt.Sprintf("%.1f", f.P95), "ms at the 95th percentile")
	for _, m := range f.Memory {
		if m.Processes > 0 {
			line(fmt.Sprintf("%.1f", float64(m.Functions)/1e6),
				fmt.Sprintf("MB resident, in %d processes of functions after %d events", m.Processes, m.Events))
		}
	}
	for _, m := range f.Memory {
		line(fmt.Sprintf("%.1f", float64(m.Heap)/1e6), fmt.Sprintf("MB of heap here, after %d events", m.Events))
	}
	_ = table.Flush() // out says so itself
}
