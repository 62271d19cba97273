// Package fakeaws is an AWS account in memory, for tests: IAM users with their keys, policies and
// groups, buckets, secrets, sessions and the machines they are on, topics, queues and buses, behind the
// methods of the AWS SDK, and behind clients of the SDK that [Account.Config] makes. It is stateful,
// pages its lists two by two, answers with the SDK's errors, counts every call, and can be made to refuse
// one. It does not check permissions by itself and knows no operation that Warder does not use. What it
// answers is held to AWS by infra/local/doubles.
package fakeaws

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/analyzer"
)

// State is everything that the account holds. It is what a scenario's account.json says.
type State struct {
	// ID is the account's number, 111122223333 if none is given.
	ID      string            `json:"id,omitempty"`
	Summary map[string]int32  `json:"summary,omitempty"`
	Users   map[string]*User  `json:"users,omitempty"`
	Groups  map[string]*Group `json:"groups,omitempty"`
	Roles   map[string]*Role  `json:"roles,omitempty"`
	// Foreign are access keys of other accounts: IAM refuses to say whose they are.
	Foreign  []string            `json:"foreign,omitempty"`
	Policies map[string]Document `json:"policies,omitempty"`
	// Versions are those of managed policies that have more than one, by ARN; Policies has the document that applies.
	Versions map[string]*Versions `json:"versions,omitempty"`
	// Unattachable are the ARNs of managed policies that AWS does not let be attached any more.
	Unattachable []string           `json:"unattachable,omitempty"`
	Secrets      map[string]*Secret `json:"secrets,omitempty"`
	// Members are the member accounts of the organization, by number.
	Members  map[string]*Member  `json:"members,omitempty"`
	Buckets  map[string]*Bucket  `json:"buckets,omitempty"`
	Sessions map[string]*Session `json:"sessions,omitempty"`
	Nodes    map[string]*Node    `json:"nodes,omitempty"`
	// Topics are by ARN, queues by URL, buses by name.
	Topics map[string]*Topic `json:"topics,omitempty"`
	Queues map[string]*Queue `json:"queues,omitempty"`
	Buses  map[string]*Bus   `json:"buses,omitempty"`
	// Stacks are CloudFormation's, by name.
	Stacks map[string]*Stack `json:"stacks,omitempty"`
	// Trails are CloudTrail's, by ARN, and recorders those of AWS Config, by region and name: "us-east-1/default".
	Trails    map[string]*Trail    `json:"trails,omitempty"`
	Recorders map[string]*Recorder `json:"recorders,omitempty"`
	// Shares are snapshots and images, by the kind of change to them, region and name: "snapshot share/us-east-1/snap-1".
	Shares map[string]*Share `json:"shares,omitempty"`
	// Accessed is what roles and users used, by ARN.
	Accessed map[string]Accessed `json:"accessed,omitempty"`
	// Analyzers are those that look for unused access, by ARN, with their findings.
	Analyzers map[string][]analyzer.Finding `json:"analyzers,omitempty"`
	// SignIn is the policy of AWS Sign-In, nil if it never was in force and has no statements; Centers are the regions in
	// which there are instances of IAM Identity Center.
	SignIn  *SignIn  `json:"signIn,omitempty"`
	Centers []string `json:"identityCenters,omitempty"`
	// Detectors are GuardDuty's and hubs Security Hub's, by region.
	Detectors map[string]*Detector `json:"detectors,omitempty"`
	Hubs      map[string]*Hub      `json:"hubs,omitempty"`
	// FlowLogs, VPCs and what logs DNS queries are by region and id: "us-east-1/vpc-1".
	FlowLogs  map[string]*FlowLog  `json:"flowLogs,omitempty"`
	VPCs      map[string]*VPC      `json:"vpcs,omitempty"`
	QueryLogs map[string]*QueryLog `json:"queryLogs,omitempty"`
}

// User is an IAM user.
type User struct {
	ID       string              `json:"id,omitempty"`
	Path     string              `json:"path,omitempty"`
	Created  time.Time           `json:"created,omitzero"`
	Tags     map[string]string   `json:"tags,omitempty"`
	Keys     []Key               `json:"keys,omitempty"`
	Attached []string            `json:"attached,omitempty"`
	Inline   map[string]Document `json:"inline,omitempty"`
	Groups   []string            `json:"groups,omitempty"`
	Boundary string              `json:"boundary,omitempty"`
	Password *Password           `json:"password,omitempty"`
	MFA      []string            `json:"mfa,omitempty"` // serial numbers of its MFA devices
	Services []ServiceKey        `json:"services,omitempty"`
	SSH      []Uploaded          `json:"ssh,omitempty"`          // its SSH public keys
	Signing  []Uploaded          `json:"certificates,omitempty"` // its signing certificates
}

// ServiceKey is a service-specific credential. A zero Expires means that it never does; without Created it is as old as
// its user.
type ServiceKey struct {
	ID      string    `json:"id"`
	Service string    `json:"service"` // such as "bedrock.amazonaws.com"
	Status  string    `json:"status"`
	Created time.Time `json:"created,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
}

// Uploaded is an SSH public key or a signing certificate.
type Uploaded struct {
	ID      string    `json:"id"`
	Status  string    `json:"status"`
	Created time.Time `json:"created"`
}

// Password is a console password. A zero Used means that nobody signed in with it.
type Password struct {
	Created time.Time `json:"created"`
	Used    time.Time `json:"used,omitzero"`
}

// Key is an access key. A zero Used means that it was never used, a zero Changed that its status
// never changed.
type Key struct {
	ID      string    `json:"id"`
	Status  string    `json:"status"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed,omitzero"`
	Used    time.Time `json:"used,omitzero"`
	// Secret is that of a key that was created here. It is not part of the state: it is random.
	Secret string `json:"-"`
}

// Group is an IAM group.
type Group struct {
	Attached []string            `json:"attached,omitempty"`
	Inline   map[string]Document `json:"inline,omitempty"`
}

// Document is a policy document, byte for byte. In JSON it is a string, or an object whose text it is.
type Document string

// UnmarshalJSON takes a string's value, or the text of anything else as it stands.
func (d *Document) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(data, []byte(`"`)) {
		*d = Document(data)
		return nil
	}
	return json.Unmarshal(data, (*string)(d))
}

// Account is the account. It is safe for concurrent use.
type Account struct {
	mu     sync.Mutex
	state  State
	calls  map[string]int
	report report
	made   []Key           // every access key that was created here, deleted ones too
	known  map[string]bool // managed policies that are not in the state, by ARN
	writes []string        // the operations that changed something
	// Now is when things change; without it no time of a change is kept.
	Now func() time.Time
	// Page is how many things a page of a list has: two if it is 0, so that every list has pages.
	Page int
	// Details is how many users a page of GetAccountAuthorizationDetails has; as short as the pages
	// of all other lists if it is 0.
	Details int
	// Fault, when set, is asked before and after each call takes effect; an error is the answer, but
	// for [ErrAgain].
	Fault func(operation string, after bool) error
	// Meanwhile, when set, is called before each call, and may change what the account holds: what people do at that
	// moment.
	Meanwhile func(*State)
}

// ErrAgain is what [Account.Fault] answers after a call whose answer gets lost on the way, and which
// the client makes again by itself, as those of the SDK do: the call takes effect twice, and the
// second answer is the one that arrives.
var ErrAgain = errors.New("the answer is lost, and the client asks again")

// New returns an account that holds a copy of the state.
func New(state State) *Account {
	a := &Account{state: clone(state), calls: map[string]int{}, known: map[string]bool{}}
	if a.state.ID == "" {
		a.state.ID = "111122223333"
	}
	a.complete()
	return a
}

// complete gives users the path and the unique id that the state leaves out, and knows the policies
// that they have.
func (a *Account) complete() {
	for name, user := range a.state.Users {
		if user.Path == "" {
			user.Path = "/"
		}
		if user.ID == "" {
			user.ID = UniqueID(name)
		}
		for _, policy := range append(user.Attached, user.Boundary) {
			a.known[policy] = true
		}
	}
	for name, role := range a.state.Roles {
		for _, policy := range append(role.Attached, role.Boundary) {
			a.known[policy] = true
		}
		role.Path = cmp.Or(role.Path, "/")
		role.ID = cmp.Or(role.ID, "AROA"+strings.ToUpper(fmt.Sprintf("%x", name+"XXXXXXXX"))[:16])
	}
	for _, group := range a.state.Groups {
		for _, policy := range group.Attached {
			a.known[policy] = true
		}
	}
}

// UniqueID is the unique id of a user, the same for the same text.
func UniqueID(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "AIDA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// Deploy says that there are these managed policies, by ARN, which the state does not say the documents
// of.
func (a *Account) Deploy(policies ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, policy := range policies {
		a.known[policy] = true
	}
}

// managed reports whether there is a managed policy: one of the state, or one that somebody has or had.
func (a *Account) managed(arn string) bool {
	_, ok := a.state.Policies[arn]
	return ok || a.known[arn]
}

// Alter makes the account what people do to it: each user, group, policy, bucket, session and node
// of the state replaces the one of the same name, a user that is null is deleted, and so are buckets
// and sessions; a summary and what is not attachable replace theirs.
func (a *Account) Alter(state State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	state = clone(state)
	for name, user := range state.Users {
		a.keep(name, user)
	}
	alter(&a.state.Users, state.Users)
	alter(&a.state.Buckets, state.Buckets)
	alter(&a.state.Sessions, state.Sessions)
	alter(&a.state.Nodes, state.Nodes)
	alter(&a.state.Members, state.Members)
	alter(&a.state.Topics, state.Topics)
	alter(&a.state.Queues, state.Queues)
	alter(&a.state.Buses, state.Buses)
	alter(&a.state.Stacks, state.Stacks)
	alter(&a.state.Trails, state.Trails)
	alter(&a.state.Recorders, state.Recorders)
	alter(&a.state.Shares, state.Shares)
	merge(&a.state.Accessed, state.Accessed)
	merge(&a.state.Analyzers, state.Analyzers)
	alter(&a.state.Detectors, state.Detectors)
	alter(&a.state.Hubs, state.Hubs)
	alter(&a.state.FlowLogs, state.FlowLogs)
	alter(&a.state.VPCs, state.VPCs)
	alter(&a.state.QueryLogs, state.QueryLogs)
	alter(&a.state.Versions, state.Versions)
	alter(&a.state.Groups, state.Groups)
	alter(&a.state.Roles, state.Roles)
	for arn, document := range state.Policies {
		put(&a.state.Policies, arn, document)
	}
	if state.SignIn != nil {
		a.state.SignIn = state.SignIn
	}
	if state.Centers != nil {
		a.state.Centers = state.Centers
	}
	if state.Unattachable != nil {
		a.state.Unattachable = state.Unattachable
	}
	if state.Summary != nil {
		a.state.Summary = state.Summary
	}
	a.complete()
}

// alter replaces what of has by what is to be, and deletes what is to be null.
func alter[T any](of *map[string]*T, toBe map[string]*T) {
	for name, thing := range toBe {
		if thing == nil {
			delete(*of, name)
		} else {
			put(of, name, thing)
		}
	}
}

// merge replaces what of has by what is to be.
func merge[T any](of *map[string]T, toBe map[string]T) {
	if *of == nil {
		*of = map[string]T{}
	}
	maps.Copy(*of, toBe)
}

// put puts a thing into a map, which may be nil.
func put[T any](things *map[string]T, name string, thing T) {
	if *things == nil {
		*things = map[string]T{}
	}
	(*things)[name] = thing
}

// State returns a copy of what the account holds.
func (a *Account) State() State {
	a.mu.Lock()
	defer a.mu.Unlock()
	return clone(a.state)
}

// With gives f what the account holds, as it is: f may change it, and keeps nothing of it.
func (a *Account) With(f func(*State)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(&a.state)
}

// Copy returns an account that is as this one is, without its clock and its fault: what is done to one
// of them is not done to the other.
func (a *Account) Copy() *Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := &Account{
		state: clone(a.state), calls: maps.Clone(a.calls), report: a.report, made: slices.Clone(a.made),
		known:  maps.Clone(a.known),
		writes: slices.Clone(a.writes), Page: a.Page, Details: a.Details,
	}
	// What is random is no part of the state.
	for name, user := range a.state.Users {
		for i, key := range user.Keys {
			c.state.Users[name].Keys[i].Secret = key.Secret
		}
	}
	for name, secret := range a.state.Secrets {
		c.state.Secrets[name].Value = secret.Value
	}
	return c
}

// Writes returns the operations that changed something, in their order: a call that found the thing
// as it was to be is not among them. They are noted while there is a [Account.Fault].
func (a *Account) Writes() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.writes)
}

// Calls returns how often each operation was called, refused calls included.
func (a *Account) Calls() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.calls)
}

// looks begin the names of the operations that change nothing.
var looks = []string{"Assume", "Describe", "Generate", "Get", "List"}

// Looks reports whether the operation changes nothing.
func Looks(operation string) bool {
	_, name, _ := strings.Cut(operation, ":")
	return slices.ContainsFunc(looks, func(verb string) bool { return strings.HasPrefix(name, verb) })
}

// count counts a call, lets the fault refuse it before or after, and runs it in between.
func (a *Account) count(operation string, run func() (any, error)) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[operation]++
	if a.Meanwhile != nil {
		a.Meanwhile(&a.state)
	}
	if a.Fault == nil {
		return run()
	}
	if err := a.Fault(operation, false); err != nil {
		return nil, err
	}
	out, err := a.noted(operation, run)
	if err == nil {
		if err = a.Fault(operation, true); errors.Is(err, ErrAgain) {
			out, err = a.noted(operation, run)
		}
	}
	return out, err
}

// noted runs a call and notes if it changed something.
func (a *Account) noted(operation string, run func() (any, error)) (any, error) {
	if Looks(operation) {
		return run()
	}
	before := clone(a.state)
	out, err := run()
	if !reflect.DeepEqual(before, clone(a.state)) {
		a.writes = append(a.writes, operation)
	}
	return out, err
}

// page returns a copy of the items of the page that marker asks for, no more of them than most says,
// and the marker of the next.
func page[T any](size int, all []T, marker *string, most *int32) (items []T, next *string) {
	from, _ := strconv.Atoi(aws.ToString(marker))
	size = cmp.Or(size, 2)
	if most != nil {
		size = min(size, int(*most))
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = new(strconv.Itoa(to))
	}
	return slices.Clone(all[from:to]), next
}

// refused is the error of a code that the SDK has no type for.
func refused(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

func sorted[V any](things map[string]V) []string { return slices.Sorted(maps.Keys(things)) }
