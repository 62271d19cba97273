// Package drill defines how to recognize a drill: by its users, by the source of its events, by the one
// policy that it attaches. It also has the request and the answer of functions/drill. It calls nothing and decides
// nothing.
package drill

import (
	"fmt"
	"strings"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/lazyregexp"
)

const (
	// Path is the path of every user of a drill. A user without Path, Prefix and Tag is not a drill's.
	Path = "/warder-drill/"
	// Prefix begins the user's name.
	Prefix = "warder-drill-"
	// Tag is the key of the user's tag with the id of the drill.
	Tag = "warder:drill"

	// Policy is the name of the one policy that a drill attaches. It has the same path. It grants nothing, see Document.
	Policy = "warder-drill"

	// Document is the policy document. GetCallerIdentity needs no permission, and cannot even be denied
	// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html): the policy lets nobody do anything
	// new.
	Document = `{"Version":"2012-10-17","Statement":[{"Sid":"WhatEverybodyMay","Effect":"Allow",` +
		`"Action":"sts:GetCallerIdentity","Resource":"*"}]}`
)

// PolicyARN returns the ARN of the policy in an account.
func PolicyARN(partition, account string) string {
	return "arn:" + partition + ":iam::" + account + ":policy" + Path + Policy
}

// policy matches the ARN of the policy in any account: IAM attaches only policies of the user's own account, and AWS's.
var policy = lazyregexp.New(`^arn:[a-z-]+:iam::[0-9]{12}:policy` + Path + Policy + `$`)

// IsPolicy reports whether the ARN is that of the policy.
func IsPolicy(arn string) bool { return policy().MatchString(arn) }

// Named reports whether a user's name is that of a drill's user. It proves nothing: anybody can use such a name.
func Named(user string) bool { return strings.HasPrefix(user, Prefix) }

// Made returns the id of the drill that made the user, according to its tags; ok is false for any other user. tags are
// by key, in lower case.
func Made(user, path string, tags map[string]string) (id string, ok bool) {
	id = tags[Tag]
	return id, Named(user) && path == Path && id != ""
}

// Minutes and MaxMinutes are how long a drill waits by default and at most: Lambda ends a function after fifteen
// minutes (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), and the cleanup takes time.
const (
	Minutes    = 10
	MaxMinutes = 13
)

// Request asks for a drill.
type Request struct {
	// By is the requester, as whoever asks says. An email address is notified as the owner of the drill's user.
	By string `json:"by,omitempty"`
	// Minutes is how long to wait for the expected steps; 0 means the default.
	Minutes int `json:"minutes,omitempty"`
}

// Check returns the request of somebody with its defaults, or an error that shows a valid request.
func (q Request) Check(who caller.Identity) (Request, error) {
	if q.Minutes == 0 {
		q.Minutes = Minutes
	}
	if who.IsZero() || q.Minutes < 1 || q.Minutes > MaxMinutes {
		return q, fmt.Errorf(`drill request not understood: understood is {"by":"…","minutes":%d}, with 1 to %d minutes`,
			Minutes, MaxMinutes)
	}
	return q, nil
}

// Outcome is the result of a drill or of one of its scenarios.
type Outcome string

// The outcomes, the worst first. A drill has the worst of its scenarios.
const (
	Failed  Outcome = "failed"  // an expected step did not happen
	Held    Outcome = "held"    // every step happened except the change, which Warder held for a reason
	Passed  Outcome = "passed"  // every step happened
	Skipped Outcome = "skipped" // not tried; the reason says why
)

// The hops, in the order of time.
const (
	Event    = "event"    // from the call to the time in the event
	Rule     = "rule"     // until EventBridge put the event into the drill's queue
	Function = "function" // until the control's function started
	Change   = "change"   // until the change was applied and verified
	Notice   = "notice"   // until SNS accepted the notice
)

// Hops are all of them.
var Hops = []string{Event, Rule, Function, Change, Notice}

// Answer is the answer of functions/drill. Its JSON stays compatible: fields are added, never renamed.
type Answer struct {
	ID        string     `json:"id"`
	User      string     `json:"user,omitempty"` // empty if none was created
	Outcome   Outcome    `json:"outcome"`
	Reason    string     `json:"reason,omitempty"` // why the Outcome is not Passed
	Scenarios []Scenario `json:"scenarios"`
	// Cleaned are the deleted users: the drill's own, and those of earlier drills that were interrupted.
	Cleaned   []string   `json:"cleaned"`
	Leftovers []Leftover `json:"leftovers,omitempty"`
}

// Scenario is one violation and its result.
type Scenario struct {
	Name    string  `json:"name"`
	Control string  `json:"control,omitempty"` // id of the control that should act on it
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"` // why the Outcome is not Passed
	// Did is the control's action: "changed", "would change", "held", "looked, nothing to do".
	Did  string `json:"did,omitempty"`
	Hops []Hop  `json:"hops,omitempty"` // as far as they were seen
}

// Hop is one step on the way from the call to the notice.
type Hop struct {
	Name string `json:"name"`
	Seen bool   `json:"seen"` // in time
	// Seconds counts from the hop before, Total from the call. AWS gives the time of an event in whole seconds.
	Seconds float64 `json:"seconds"`
	Total   float64 `json:"total"`
	// Note explains it: the change was only observed or was held, or what to check if it was not seen.
	Note string `json:"note,omitempty"`
}

// Leftover is a user that could not be deleted completely.
type Leftover struct {
	User   string   `json:"user"`
	Why    string   `json:"why"`    // AWS's error
	Remove []string `json:"remove"` // the commands that delete it
}
