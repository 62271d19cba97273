package scenario

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
)

// Fuzz has the control handle events that no scenario has, in the accounts of its scenarios. Whatever
// the bytes are: what is no event changes nothing and is not retried, an event that was handled
// changes nothing when it comes again and notifies nobody, observing changes nothing, and what is notified
// stays what it is.
func Fuzz(f *testing.F, c handler.Control) {
	f.Helper()
	h := newHarness(f, c)
	files := h.files(f)
	var scenarios []scenario
	for i, file := range files {
		s := h.read(f, file)
		scenarios = append(scenarios, s)
		for _, e := range s.events {
			if strings.HasPrefix(e.name, "event") {
				f.Add(uint(i), false, e.data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, i uint, observe bool, data []byte) {
		s := scenarios[i%uint(len(scenarios))]
		s.events = []step{{name: "event.json", data: data}}
		if observe {
			s.settings.Mode = control.Observe
		}
		w := h.start(t, s)
		w.runner.Log = handler.NewLog(&w.log)
		before := w.account.State()
		report, err := w.run(s.events[0])
		if _, why := event.Decode(data); why != nil && s.settings.Mode != control.Off {
			if err != nil || report.Outcome != remediation.Failed || len(w.sent) > 0 {
				t.Errorf("what is no event comes to %+v, %v", report, err)
			}
		}
		if _, known := paths[report.Outcome]; !known && report.Outcome != remediation.Failed {
			t.Errorf("outcome %q", report.Outcome)
		}
		if report.Outcome != remediation.Changed && report.Outcome != remediation.Failed || observe {
			w.unchanged(t, before, fmt.Sprintf("the outcome is %s, and the account is not as it was", report.Outcome))
		}
		for _, fault := range w.hostileFaults(map[[32]byte]bool{}) {
			t.Error(fault)
		}
		if text, _ := json.Marshal(report); !json.Valid(text) {
			t.Errorf("answers %q", text)
		}
		if err == nil {
			w.playAgain(t)
		}
	})
}
