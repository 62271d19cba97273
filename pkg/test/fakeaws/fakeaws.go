// Package fakeaws is an AWS account in memory, for tests: IAM users with their keys, policies and
// groups, buckets, secrets, sessions and the machines they are on, topics, queues and buses, behind the
// methods of the AWS SDK, and behind clients of the SDK that [Account.Config] makes. It is stateful,
// pages its lists two by two, answers with the SDK's errors, counts every call, and can be told to refuse
// one. It does not check permissions by itself and knows no operation that Warder does not use. What it
// answers is held to AWS by infra/local/doubles.
package fakeaws

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// State is everything that the account holds. It is what a story's account.json says.
type State struct {
	// ID is the account's number, 111122223333 if none is given.
	ID string `json:"id,omitempty"`
	// Halt is the value of the halt switch; "no" if none is given, unreadable if "unreadable".
	Halt string `json:"halt,omitempty"`
	// Halts are the values that it had.
	Halts    []Value             `json:"halts,omitempty"`
	Summary  map[string]int32    `json:"summary,omitempty"`
	Users    map[string]*User    `json:"users,omitempty"`
	Groups   map[string]*Group   `json:"groups,omitempty"`
	Policies map[string]Document `json:"policies,omitempty"`
	Secrets  map[string]*Secret  `json:"secrets,omitempty"`
	// Members are the member accounts of the organization, by number.
	Members  map[string]*Member  `json:"members,omitempty"`
	Buckets  map[string]*Bucket  `json:"buckets,omitempty"`
	Sessions map[string]*Session `json:"sessions,omitempty"`
	Nodes    map[string]*Node    `json:"nodes,omitempty"`
	// Topics are by ARN, queues by URL, buses by name.
	Topics map[string]*Topic `json:"topics,omitempty"`
	Queues map[string]*Queue `json:"queues,omitempty"`
	Buses  map[string]*Bus   `json:"buses,omitempty"`
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
			user.ID = "AIDA" + strings.ToUpper(fmt.Sprintf("%x", name+"XXXXXXXX"))[:16]
		}
		for _, policy := range append(user.Attached, user.Boundary) {
			a.known[policy] = true
		}
	}
	for _, group := range a.state.Groups {
		for _, policy := range group.Attached {
			a.known[policy] = true
		}
	}
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
	if _, ok := a.state.Policies[arn]; ok || a.known[arn] {
		return true
	}
	for _, user := range a.state.Users {
		if user.Boundary == arn || slices.Contains(user.Attached, arn) {
			return true
		}
	}
	for _, group := range a.state.Groups {
		if slices.Contains(group.Attached, arn) {
			return true
		}
	}
	return false
}

// Alter makes the account what people do to it: each user, group, policy, bucket, session and node
// of the state replaces the one of the same name, a user that is null is deleted, and so are buckets
// and sessions; a halt value and a summary replace theirs.
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
	for name, group := range state.Groups {
		a.state.Groups[name] = group
	}
	for arn, document := range state.Policies {
		a.state.Policies[arn] = document
	}
	if state.Halt != "" {
		a.state.Halt = state.Halt
	}
	if state.Summary != nil {
		a.state.Summary = state.Summary
	}
	a.complete()
}

// alter replaces what of has by what is to be, and deletes what is to be null.
func alter[T any](of *map[string]*T, toBe map[string]*T) {
	for name, thing := range toBe {
		if *of == nil {
			*of = map[string]*T{}
		}
		(*of)[name] = thing
		if thing == nil {
			delete(*of, name)
		}
	}
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

// Halt returns the value of the halt switch.
func (a *Account) Halt() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state.Halt
}

// Calls returns how often each operation was called, refused calls included.
func (a *Account) Calls() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := map[string]int{}
	for name, n := range a.calls {
		calls[name] = n
	}
	return calls
}

// pageSize is how many things a page has that nobody set the size of.
const pageSize = 2

// looks begin the names of the operations that change nothing.
var looks = []string{"Assume", "Describe", "Generate", "Get", "List"}

// Looks reports whether the operation changes nothing.
func Looks(operation string) bool {
	_, name, _ := strings.Cut(operation, ":")
	return slices.ContainsFunc(looks, func(verb string) bool { return strings.HasPrefix(name, verb) })
}

// call counts a call, lets the fault refuse it before or after, and runs it in between.
func call[Out any](a *Account, operation string, run func() (*Out, error)) (*Out, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[operation]++
	if a.Fault != nil {
		if err := a.Fault(operation, false); err != nil {
			return nil, err
		}
	}
	out, err := noted(a, operation, run)
	if err == nil && a.Fault != nil {
		if err = a.Fault(operation, true); errors.Is(err, ErrAgain) {
			out, err = noted(a, operation, run)
		}
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// noted runs a call and notes if it changed something.
func noted[Out any](a *Account, operation string, run func() (*Out, error)) (*Out, error) {
	if Looks(operation) || a.Fault == nil {
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
	size = cmp.Or(size, pageSize)
	if most != nil {
		size = min(size, int(*most))
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = aws.String(strconv.Itoa(to))
	}
	return slices.Clone(all[from:to]), next
}

// quota is how many policies a user can have attached, and how many groups it can be in
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const quota = 10

func exceeded(format string, args ...any) error {
	return &types.LimitExceededException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func missing(format string, args ...any) error {
	return &types.NoSuchEntityException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func (a *Account) user(name *string) (*User, error) {
	user, ok := a.state.Users[aws.ToString(name)]
	if !ok {
		return nil, missing("The user with name %s cannot be found.", aws.ToString(name))
	}
	return user, nil
}

// onUser is [call] for an operation on one user, which must be there.
func onUser[Out any](a *Account, operation string, name *string, run func(*User) (*Out, error)) (*Out, error) {
	return call(a, operation, func() (*Out, error) {
		user, err := a.user(name)
		if err != nil {
			return nil, err
		}
		return run(user)
	})
}

func (a *Account) arn(name string, user *User) string {
	return "arn:aws:iam::" + a.state.ID + ":user" + user.Path + name
}

func (a *Account) describe(name string, user *User) types.User {
	described := types.User{
		UserName: &name, UserId: aws.String(user.ID), Path: aws.String(user.Path),
		Arn: aws.String(a.arn(name, user)),
	}
	if !user.Created.IsZero() {
		described.CreateDate = aws.Time(user.Created)
	}
	if user.Password != nil && !user.Password.Used.IsZero() {
		described.PasswordLastUsed = aws.Time(user.Password.Used)
	}
	return described
}

func sorted[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ListUsers lists the users below a path without tags, as IAM does.
func (a *Account) ListUsers(
	_ context.Context, in *iam.ListUsersInput, _ ...func(*iam.Options),
) (*iam.ListUsersOutput, error) {
	return call(a, "iam:ListUsers", func() (*iam.ListUsersOutput, error) {
		below := slices.DeleteFunc(sorted(a.state.Users), func(name string) bool {
			return !strings.HasPrefix(a.state.Users[name].Path, aws.ToString(in.PathPrefix))
		})
		names, next := page(a.Page, below, in.Marker, in.MaxItems)
		out := &iam.ListUsersOutput{Marker: next, IsTruncated: next != nil}
		for _, name := range names {
			out.Users = append(out.Users, a.describe(name, a.state.Users[name]))
		}
		return out, nil
	})
}

func tagsOf(user *User) []types.Tag {
	var tags []types.Tag
	for _, key := range sorted(user.Tags) {
		tags = append(tags, types.Tag{Key: aws.String(key), Value: aws.String(user.Tags[key])})
	}
	return tags
}

func boundaryOf(user *User) *types.AttachedPermissionsBoundary {
	if user.Boundary == "" {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn:  aws.String(user.Boundary),
		PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
}

// GetUser describes one user, tags included.
func (a *Account) GetUser(
	_ context.Context, in *iam.GetUserInput, _ ...func(*iam.Options),
) (*iam.GetUserOutput, error) {
	return onUser(a, "iam:GetUser", in.UserName, func(user *User) (*iam.GetUserOutput, error) {
		described := a.describe(*in.UserName, user)
		described.Tags, described.PermissionsBoundary = tagsOf(user), boundaryOf(user)
		return &iam.GetUserOutput{User: &described}, nil
	})
}

// ListAccessKeys lists a user's keys.
func (a *Account) ListAccessKeys(
	_ context.Context, in *iam.ListAccessKeysInput, _ ...func(*iam.Options),
) (*iam.ListAccessKeysOutput, error) {
	return onUser(a, "iam:ListAccessKeys", in.UserName, func(user *User) (*iam.ListAccessKeysOutput, error) {
		out := &iam.ListAccessKeysOutput{}
		for _, key := range user.Keys {
			out.AccessKeyMetadata = append(out.AccessKeyMetadata, types.AccessKeyMetadata{
				UserName: in.UserName, AccessKeyId: aws.String(key.ID), Status: types.StatusType(key.Status),
				CreateDate: aws.Time(key.Created),
			})
		}
		return out, nil
	})
}

// Where and what for keys were used.
const (
	usedRegion  = "us-east-1"
	usedService = "s3"
)

// GetAccessKeyLastUsed says when a key was used, and whose it is.
func (a *Account) GetAccessKeyLastUsed(
	_ context.Context, in *iam.GetAccessKeyLastUsedInput, _ ...func(*iam.Options),
) (*iam.GetAccessKeyLastUsedOutput, error) {
	return call(a, "iam:GetAccessKeyLastUsed", func() (*iam.GetAccessKeyLastUsedOutput, error) {
		for name, user := range a.state.Users {
			for _, key := range user.Keys {
				if key.ID != aws.ToString(in.AccessKeyId) {
					continue
				}
				used := &types.AccessKeyLastUsed{Region: aws.String("N/A"), ServiceName: aws.String("N/A")}
				if !key.Used.IsZero() {
					used = &types.AccessKeyLastUsed{
						Region: aws.String(usedRegion), ServiceName: aws.String(usedService), LastUsedDate: aws.Time(key.Used),
					}
				}
				return &iam.GetAccessKeyLastUsedOutput{UserName: aws.String(name), AccessKeyLastUsed: used}, nil
			}
		}
		return nil, missing("The Access Key with id %s cannot be found.", aws.ToString(in.AccessKeyId))
	})
}

// UpdateAccessKey switches a key.
func (a *Account) UpdateAccessKey(
	_ context.Context, in *iam.UpdateAccessKeyInput, _ ...func(*iam.Options),
) (*iam.UpdateAccessKeyOutput, error) {
	return onUser(a, "iam:UpdateAccessKey", in.UserName, func(user *User) (*iam.UpdateAccessKeyOutput, error) {
		for i := range user.Keys {
			if user.Keys[i].ID == aws.ToString(in.AccessKeyId) {
				user.Keys[i].Status = string(in.Status)
				if a.Now != nil {
					user.Keys[i].Changed = a.Now()
				}
				return &iam.UpdateAccessKeyOutput{}, nil
			}
		}
		return nil, missing("The Access Key with id %s cannot be found.", aws.ToString(in.AccessKeyId))
	})
}

// ListAttachedUserPolicies lists the managed policies that are attached to a user.
func (a *Account) ListAttachedUserPolicies(
	_ context.Context, in *iam.ListAttachedUserPoliciesInput, _ ...func(*iam.Options),
) (*iam.ListAttachedUserPoliciesOutput, error) {
	type out = iam.ListAttachedUserPoliciesOutput
	return onUser(a, "iam:ListAttachedUserPolicies", in.UserName, func(user *User) (*out, error) {
		arns, next := page(a.Page, user.Attached, in.Marker, in.MaxItems)
		out := &iam.ListAttachedUserPoliciesOutput{Marker: next, IsTruncated: next != nil}
		out.AttachedPolicies = attached(arns)
		return out, nil
	})
}

func attached(arns []string) []types.AttachedPolicy {
	var policies []types.AttachedPolicy
	for _, arn := range arns {
		policies = append(policies, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: policyName(arn)})
	}
	return policies
}

// policyName is the name that ends an ARN.
func policyName(arn string) *string { return aws.String(arn[strings.LastIndex(arn, "/")+1:]) }

// AttachUserPolicy attaches a managed policy to a user.
func (a *Account) AttachUserPolicy(
	_ context.Context, in *iam.AttachUserPolicyInput, _ ...func(*iam.Options),
) (*iam.AttachUserPolicyOutput, error) {
	return onUser(a, "iam:AttachUserPolicy", in.UserName, func(user *User) (*iam.AttachUserPolicyOutput, error) {
		if !a.managed(*in.PolicyArn) {
			return nil, missing("Policy %s does not exist or is not attachable.", *in.PolicyArn)
		}
		if !slices.Contains(user.Attached, *in.PolicyArn) {
			if len(user.Attached) >= quota {
				return nil, exceeded("Cannot exceed quota for PoliciesPerUser: %d", quota)
			}
			user.Attached = append(user.Attached, *in.PolicyArn)
		}
		return &iam.AttachUserPolicyOutput{}, nil
	})
}

// DetachUserPolicy detaches a managed policy from a user.
func (a *Account) DetachUserPolicy(
	_ context.Context, in *iam.DetachUserPolicyInput, _ ...func(*iam.Options),
) (*iam.DetachUserPolicyOutput, error) {
	return onUser(a, "iam:DetachUserPolicy", in.UserName, func(user *User) (*iam.DetachUserPolicyOutput, error) {
		at := slices.Index(user.Attached, aws.ToString(in.PolicyArn))
		if at < 0 {
			return nil, missing("Policy %s was not found.", aws.ToString(in.PolicyArn))
		}
		user.Attached = slices.Delete(user.Attached, at, at+1)
		a.known[*in.PolicyArn] = true
		return &iam.DetachUserPolicyOutput{}, nil
	})
}

// ListUserPolicies lists the names of a user's inline policies.
func (a *Account) ListUserPolicies(
	_ context.Context, in *iam.ListUserPoliciesInput, _ ...func(*iam.Options),
) (*iam.ListUserPoliciesOutput, error) {
	return onUser(a, "iam:ListUserPolicies", in.UserName, func(user *User) (*iam.ListUserPoliciesOutput, error) {
		names, next := page(a.Page, sorted(user.Inline), in.Marker, in.MaxItems)
		return &iam.ListUserPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
	})
}

// GetUserPolicy returns an inline policy, URL-encoded as IAM does.
func (a *Account) GetUserPolicy(
	_ context.Context, in *iam.GetUserPolicyInput, _ ...func(*iam.Options),
) (*iam.GetUserPolicyOutput, error) {
	return onUser(a, "iam:GetUserPolicy", in.UserName, func(user *User) (*iam.GetUserPolicyOutput, error) {
		document, ok := user.Inline[aws.ToString(in.PolicyName)]
		if !ok {
			return nil, missing("The user policy with name %s cannot be found.", aws.ToString(in.PolicyName))
		}
		return &iam.GetUserPolicyOutput{
			UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: encoded(document),
		}, nil
	})
}

// encoded is RFC 3986 encoding, in which only letters, digits and "-_.~" stay.
func encoded(d Document) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(string(d)), "+", "%20"))
}

// inlineQuota is how many characters a user's inline policies may have together, white space not
// counted (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const inlineQuota = 2048

// PutUserPolicy puts an inline policy.
func (a *Account) PutUserPolicy(
	_ context.Context, in *iam.PutUserPolicyInput, _ ...func(*iam.Options),
) (*iam.PutUserPolicyOutput, error) {
	return onUser(a, "iam:PutUserPolicy", in.UserName, func(user *User) (*iam.PutUserPolicyOutput, error) {
		if !json.Valid([]byte(*in.PolicyDocument)) {
			return nil, &types.MalformedPolicyDocumentException{Message: aws.String("Syntax errors in policy.")}
		}
		total := dense(*in.PolicyDocument)
		for name, document := range user.Inline {
			if name != *in.PolicyName {
				total += dense(string(document))
			}
		}
		if total > inlineQuota {
			return nil, exceeded("Maximum policy size of %d bytes exceeded for user %s", inlineQuota, *in.UserName)
		}
		if user.Inline == nil {
			user.Inline = map[string]Document{}
		}
		user.Inline[*in.PolicyName] = Document(*in.PolicyDocument)
		return &iam.PutUserPolicyOutput{}, nil
	})
}

// dense is how long a text is without its white space.
func dense(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// DeleteUserPolicy deletes an inline policy.
func (a *Account) DeleteUserPolicy(
	_ context.Context, in *iam.DeleteUserPolicyInput, _ ...func(*iam.Options),
) (*iam.DeleteUserPolicyOutput, error) {
	return onUser(a, "iam:DeleteUserPolicy", in.UserName, func(user *User) (*iam.DeleteUserPolicyOutput, error) {
		if _, ok := user.Inline[aws.ToString(in.PolicyName)]; !ok {
			return nil, missing("The user policy with name %s cannot be found.", aws.ToString(in.PolicyName))
		}
		delete(user.Inline, *in.PolicyName)
		return &iam.DeleteUserPolicyOutput{}, nil
	})
}

// ListGroupsForUser lists the groups that a user is in.
func (a *Account) ListGroupsForUser(
	_ context.Context, in *iam.ListGroupsForUserInput, _ ...func(*iam.Options),
) (*iam.ListGroupsForUserOutput, error) {
	return onUser(a, "iam:ListGroupsForUser", in.UserName, func(user *User) (*iam.ListGroupsForUserOutput, error) {
		names, next := page(a.Page, user.Groups, in.Marker, in.MaxItems)
		out := &iam.ListGroupsForUserOutput{Marker: next, IsTruncated: next != nil}
		for _, name := range names {
			out.Groups = append(out.Groups, types.Group{GroupName: aws.String(name)})
		}
		return out, nil
	})
}

// AddUserToGroup adds a user to a group.
func (a *Account) AddUserToGroup(
	_ context.Context, in *iam.AddUserToGroupInput, _ ...func(*iam.Options),
) (*iam.AddUserToGroupOutput, error) {
	return onUser(a, "iam:AddUserToGroup", in.UserName, func(user *User) (*iam.AddUserToGroupOutput, error) {
		if _, ok := a.state.Groups[aws.ToString(in.GroupName)]; !ok {
			return nil, missing("The group with name %s cannot be found.", aws.ToString(in.GroupName))
		}
		if !slices.Contains(user.Groups, *in.GroupName) {
			if len(user.Groups) >= quota {
				return nil, exceeded("Cannot exceed quota for GroupsPerUser: %d", quota)
			}
			user.Groups = append(user.Groups, *in.GroupName)
		}
		return &iam.AddUserToGroupOutput{}, nil
	})
}

// RemoveUserFromGroup takes a user out of a group.
func (a *Account) RemoveUserFromGroup(
	_ context.Context, in *iam.RemoveUserFromGroupInput, _ ...func(*iam.Options),
) (*iam.RemoveUserFromGroupOutput, error) {
	return onUser(a, "iam:RemoveUserFromGroup", in.UserName, func(user *User) (*iam.RemoveUserFromGroupOutput, error) {
		if _, ok := a.state.Groups[aws.ToString(in.GroupName)]; !ok {
			return nil, missing("The group with name %s cannot be found.", aws.ToString(in.GroupName))
		}
		if at := slices.Index(user.Groups, aws.ToString(in.GroupName)); at >= 0 {
			user.Groups = slices.Delete(user.Groups, at, at+1)
		}
		return &iam.RemoveUserFromGroupOutput{}, nil
	})
}

// ListAttachedGroupPolicies lists the managed policies that are attached to a group.
func (a *Account) ListAttachedGroupPolicies(
	_ context.Context, in *iam.ListAttachedGroupPoliciesInput, _ ...func(*iam.Options),
) (*iam.ListAttachedGroupPoliciesOutput, error) {
	return call(a, "iam:ListAttachedGroupPolicies", func() (*iam.ListAttachedGroupPoliciesOutput, error) {
		group, ok := a.state.Groups[aws.ToString(in.GroupName)]
		if !ok {
			return nil, missing("The group with name %s cannot be found.", aws.ToString(in.GroupName))
		}
		arns, next := page(a.Page, group.Attached, in.Marker, in.MaxItems)
		out := &iam.ListAttachedGroupPoliciesOutput{Marker: next, IsTruncated: next != nil}
		out.AttachedPolicies = attached(arns)
		return out, nil
	})
}

// ListGroupPolicies lists the names of a group's inline policies.
func (a *Account) ListGroupPolicies(
	_ context.Context, in *iam.ListGroupPoliciesInput, _ ...func(*iam.Options),
) (*iam.ListGroupPoliciesOutput, error) {
	return call(a, "iam:ListGroupPolicies", func() (*iam.ListGroupPoliciesOutput, error) {
		group, ok := a.state.Groups[aws.ToString(in.GroupName)]
		if !ok {
			return nil, missing("The group with name %s cannot be found.", aws.ToString(in.GroupName))
		}
		names, next := page(a.Page, sorted(group.Inline), in.Marker, in.MaxItems)
		return &iam.ListGroupPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
	})
}

// GetGroupPolicy returns an inline policy of a group, URL-encoded as IAM does.
func (a *Account) GetGroupPolicy(
	_ context.Context, in *iam.GetGroupPolicyInput, _ ...func(*iam.Options),
) (*iam.GetGroupPolicyOutput, error) {
	return call(a, "iam:GetGroupPolicy", func() (*iam.GetGroupPolicyOutput, error) {
		group, ok := a.state.Groups[aws.ToString(in.GroupName)]
		if !ok {
			return nil, missing("The group with name %s cannot be found.", aws.ToString(in.GroupName))
		}
		document, ok := group.Inline[aws.ToString(in.PolicyName)]
		if !ok {
			return nil, missing("The group policy with name %s cannot be found.", aws.ToString(in.PolicyName))
		}
		return &iam.GetGroupPolicyOutput{
			GroupName: in.GroupName, PolicyName: in.PolicyName, PolicyDocument: encoded(document),
		}, nil
	})
}

// GetPolicy describes a managed policy; every one is at version v1.
func (a *Account) GetPolicy(
	_ context.Context, in *iam.GetPolicyInput, _ ...func(*iam.Options),
) (*iam.GetPolicyOutput, error) {
	return call(a, "iam:GetPolicy", func() (*iam.GetPolicyOutput, error) {
		if _, ok := a.state.Policies[aws.ToString(in.PolicyArn)]; !ok {
			return nil, missing("Policy %s was not found.", aws.ToString(in.PolicyArn))
		}
		return &iam.GetPolicyOutput{
			Policy: &types.Policy{Arn: in.PolicyArn, PolicyName: policyName(*in.PolicyArn), DefaultVersionId: aws.String("v1")},
		}, nil
	})
}

// GetPolicyVersion returns the document of a managed policy, URL-encoded as IAM does.
func (a *Account) GetPolicyVersion(
	_ context.Context, in *iam.GetPolicyVersionInput, _ ...func(*iam.Options),
) (*iam.GetPolicyVersionOutput, error) {
	return call(a, "iam:GetPolicyVersion", func() (*iam.GetPolicyVersionOutput, error) {
		document, ok := a.state.Policies[aws.ToString(in.PolicyArn)]
		if !ok || aws.ToString(in.VersionId) != "v1" {
			return nil, missing("Policy %s version %s was not found.", aws.ToString(in.PolicyArn), aws.ToString(in.VersionId))
		}
		return &iam.GetPolicyVersionOutput{
			PolicyVersion: &types.PolicyVersion{VersionId: in.VersionId, IsDefaultVersion: true, Document: encoded(document)},
		}, nil
	})
}

// GetAccountSummary returns the account's counts.
func (a *Account) GetAccountSummary(
	_ context.Context, _ *iam.GetAccountSummaryInput, _ ...func(*iam.Options),
) (*iam.GetAccountSummaryOutput, error) {
	return call(a, "iam:GetAccountSummary", func() (*iam.GetAccountSummaryOutput, error) {
		return &iam.GetAccountSummaryOutput{SummaryMap: maps.Clone(a.state.Summary)}, nil
	})
}
