package control

// Scenario is a violation that an incident rehearsal commits, to see what a control makes of it.
type Scenario string

// The scenarios.
const (
	DirectPolicy  Scenario = "direct policy"   // a policy is attached directly to a user: the call is made, and AWS tells of it
	OldKey        Scenario = "old access key"  // AWS Config says that a key is old, which is new; the event is made up
	OutsideSignIn Scenario = "outside sign-in" // a user signs in from outside the allowed networks; the event is made up
)

// Scenarios are all of them, in the order in which a drill tells of them.
var Scenarios = []Scenario{DirectPolicy, OldKey, OutsideSignIn}

// Source is the source of the event that is made up, as AWS would send it; empty when none is, because
// the drill does what AWS tells of.
func (s Scenario) Source() string {
	return map[Scenario]string{OldKey: "aws.config", OutsideSignIn: "aws.signin"}[s]
}
