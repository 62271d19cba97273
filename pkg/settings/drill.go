package settings

import "github.com/warder-aws/warder/pkg/control"

// Drilled is a control that a drill is to see at work.
type Drilled struct {
	Control  string           `json:"control"`
	Scenario control.Scenario `json:"scenario"`
	Rule     string           `json:"rule,omitempty"` // the rule of AWS Config whose event starts it, for a scenario of AWS Config
	Off      bool             `json:"off,omitempty"`  // its mode is off: nothing starts it
}
