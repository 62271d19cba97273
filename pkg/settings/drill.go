package settings

import "github.com/warder-aws/warder/pkg/control"

// Drilled is a control that a drill is to see at work.
type Drilled struct {
	Control  string           `json:"control"`
	Scenario control.Scenario `json:"scenario"`
	Rule     string           `json:"rule,omitempty"` // the rule of AWS Config whose event starts it, for a scenario of AWS Config
	Off      bool             `json:"off,omitempty"`  // its mode is off: nothing starts it
}

// Drilled are the controls that a drill is to see at work, in the order of the
// scenarios.
func (s Settings) Drilled(controls []control.Control) []Drilled {
	var drilled []Drilled
	for _, scenario := range control.Scenarios {
		for _, c := range controls {
			if c.Drill == scenario {
				_, rule := c.Drilled()
				drilled = append(drilled, Drilled{c.ID, scenario, rule, s.Controls[c.ID].Mode == control.Off})
			}
		}
	}
	return drilled
}
