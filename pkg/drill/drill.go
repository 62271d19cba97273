// Package drill says how an incident rehearsal is recognized: by the users that it makes, by the source of the events
// that it sends, by the one policy that it attaches. It also has the request and the answer of the function that
// rehearses, functions/drill. It calls nothing and decides nothing.
package drill

import (
	"fmt"
	"strings"

	"github.com/warder-aws/warder/pkg/lazyregexp"
)

const (
	// Path is that of every user that a drill makes. A user that has not Path, Prefix and Tag was made by somebody else.
	Path = "/warder-drill/"
	// Prefix begins its name.
	Prefix = "warder-drill-"
	// Tag is the key of the tag that says by which drill it was made.
	Tag = "warder:drill"

	// Policy is the name of the one policy that a drill attaches, which has the same path. It allows what is allowed to
	// everybody, see Document.
	Policy = "warder-drill"

	// Document is what the policy says. To ask who one is needs no permission, and cannot even be denied
	// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html): who has the policy may do nothing
	// that they could not do before.
	Document = `{"Version":"2012-10-17","Statement":[{"Sid":"WhatEverybodyMay","Effect":"Allow","Action":"sts:GetCallerIdentity","Resource":"*"}]}`
)

// PolicyARN is the ARN of the policy in an account.
func PolicyARN(partition, account string) string {
	return "arn:" + partition + ":iam::" + account + ":policy" + Path + Policy
}

// policy matches the ARN of the policy, of whatever account: IAM attaches those of the user's own account only, beside
// AWS's.
var policy = lazyregexp.New(`^arn:[a-z-]+:iam::[0-9]{12}:policy` + Path + Policy + `$`)

// IsPolicy reports whether the ARN is that of the policy.
func IsPolicy(arn string) bool { return policy().MatchString(arn) }

// Named reports whether a user's name is one that a drill could have given. Anybody can name a user so: it proves
// nothing.
func Named(user string) bool { return strings.HasPrefix(user, Prefix) }

// Made returns the id of the drill that the user says it was made by; ok is false when it was made by none. tags are by
// key, in lower case.
func Made(user, path string, tags map[string]string) (id string, ok bool) {
	id = tags[Tag]
	return id, Named(user) && path == Path && id != ""
}

// Minutes are how long a drill waits, if the request does not say, and at most: Lambda ends a function after fifteen
// minutes (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), and cleaning up takes time.
const (
	Minutes    = 10
	MaxMinutes = 13
)

// Request asks for a drill.
type Request struct {
	// By says who asks for it. An email address is told of what happens to the drill's user.
	By string `json:"by"`
	// Minutes is how long to wait for what is to happen; 0 means Minutes.
	Minutes int `json:"minutes,omitempty"`
}

// Check returns the request with its defaults, and an error that says what is understood.
func (q Request) Check() (Request, error) {
	if q.Minutes == 0 {
		q.Minutes = Minutes
	}
	if strings.TrimSpace(q.By) == "" || q.Minutes < 1 || q.Minutes > MaxMinutes {
		return q, fmt.Errorf(`drill request not understood: understood is {"by":"…","minutes":%d}, with 1 to %d minutes`, Minutes, MaxMinutes)
	}
	return q, nil
}

// Outcome is what came of a drill, or of one scenario of it.
type Outcome string

// The outcomes. A drill has the worst of its scenarios', which stands first here.
const (
	Failed  Outcome = "failed"  // something that was to happen did not
	Held    Outcome = "held"    // all happened but the change, which Warder held back and says why
	Passed  Outcome = "passed"  // all happened
	Skipped Outcome = "skipped" // it was not tried; the reason says why
)

// The hops, in the order of time.
const (
	Event    = "event"    // from the call to the time that the event bears
	Rule     = "rule"     // from there until EventBridge handed it to the drill's queue
	Function = "function" // from there until the control's function began
	Change   = "change"   // from there until the change was made and read back
	Notice   = "notice"   // from there until SNS accepted the notice
)

// Hops are all of them.
var Hops = []string{Event, Rule, Function, Change, Notice}

// Answer says what came of a drill. Its JSON stays compatible: fields are added, never renamed.
type Answer struct {
	// ID names the drill, User is the user that it made; empty if it came not so far.
	ID   string `json:"id"`
	User string `json:"user,omitempty"`
	// Outcome is the drill's in one word, Reason why it is not Passed.
	Outcome   Outcome    `json:"outcome"`
	Reason    string     `json:"reason,omitempty"`
	Scenarios []Scenario `json:"scenarios"`
	// Cleaned are the users that were deleted: the drill's own, and those of drills before it that were cut off.
	Cleaned []string `json:"cleaned"`
	// Leftovers are the users that could not be deleted.
	Leftovers []Leftover `json:"leftovers,omitempty"`
}

// Scenario is one violation, and what came of it.
type Scenario struct {
	// Name is the scenario's, Control the id of the control that is to answer it.
	Name    string `json:"name"`
	Control string `json:"control,omitempty"`
	// Outcome is the scenario's in one word, Reason why it is not Passed.
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
	// Did is what the control did: "changed", "would change", "held", "looked, nothing to do".
	Did string `json:"did,omitempty"`
	// Hops are those that the scenario has, as far as they were seen.
	Hops []Hop `json:"hops,omitempty"`
}

// Hop is one step of the way from the call to the notice.
type Hop struct {
	Name string `json:"name"`
	// Seen says that it happened in time.
	Seen bool `json:"seen"`
	// Seconds are those since the hop before it, Total those since the call. AWS gives the time of an event in whole
	// seconds.
	Seconds float64 `json:"seconds"`
	Total   float64 `json:"total"`
	// Note says what is to be known of it: that the change was only observed or was held, or what to check when it was
	// not seen.
	Note string `json:"note,omitempty"`
}

// Leftover is a user that could not be deleted, or not wholly.
type Leftover struct {
	User string `json:"user"`
	// Why is what AWS said.
	Why string `json:"why"`
	// Remove are the commands that remove it.
	Remove []string `json:"remove"`
}
