package control

// Scenario is a violation that an incident rehearsal commits, to see what a control makes of it.
type Scenario string

// The scenarios.
const (
	// DirectPolicy attaches a policy directly to a user: the call is made, and CloudTrail records it.
	DirectPolicy  Scenario = "direct policy"
	OldKey        Scenario = "old access key"  // AWS Config reports a new key as old; the event is made up
	OutsideSignIn Scenario = "outside sign-in" // a user signs in from outside the allowed networks; the event is made up
)

// Scenarios are all of them, in the order of a drill.
var Scenarios = []Scenario{DirectPolicy, OldKey, OutsideSignIn}

// Source is the source of the event that is made up, as AWS would send it; empty when none is, because
// the drill makes the call itself.
func (s Scenario) Source() string {
	return map[Scenario]string{OldKey: "aws.config", OutsideSignIn: "aws.signin"}[s]
}
