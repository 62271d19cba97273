package rush

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/s3"
)

// Thing is one thing in the account that has a value, in the terms of package change. A quarantine is
// a managed policy here, and the group of a quarantine a group: which of both it is does not show.
type Thing struct{ Kind, Subject, Target string }

func (t Thing) String() string { return fmt.Sprintf("%s %s of %s", t.Kind, t.Target, t.Subject) }

// thing is the thing that a change is of.
func thing(c change.Change) Thing {
	kind := c.Kind
	switch kind {
	case change.Quarantine:
		kind = change.ManagedUserPolicy
	case change.QuarantineGroup:
		kind = change.GroupMembership
	case change.AccessKeyDeletion:
		kind = change.AccessKeyStatus
	case change.Session: // whose it is, its id says
		return Thing{kind, "", c.Target}
	}
	return Thing{kind, c.Subject, c.Target}
}

// State is the value of every thing that has one.
type State map[Thing]string

// Session is a session of Session Manager.
type Session struct{ Region, ID, Target, Owner string }

// An Act is what somebody did to a thing, between two moments of the play.
type Act struct {
	Thing
	Value      string
	Begin, End int64
}

// people are those who work in the account. Their calls make no events: the plan does.
type people struct {
	ctx     context.Context
	carrier Carrier
	iam     *iam.Client
	account string
	seed    uint64
	samples fs.FS
	texts   map[string][]byte
	clock   *atomic.Int64
	ids     map[string]string   // unique ids of users, of those who are gone too
	keys    map[string][]string // of users
	acts    []Act
	opened  []Session
}

func newPeople(ctx context.Context, q Plan, carrier Carrier, clock *atomic.Int64) *people {
	return &people{
		ctx: ctx, carrier: carrier, iam: iam.NewFromConfig(carrier.Config()), account: q.Account, seed: q.Seed, samples: q.Samples,
		texts: map[string][]byte{}, clock: clock, ids: map[string]string{}, keys: map[string][]string{},
	}
}

// sample is an event of events/, of this account.
func (p *people) sample(name string) ([]byte, error) {
	if text, ok := p.texts[name]; ok {
		return text, nil
	}
	text, err := fs.ReadFile(p.samples, name+".json")
	if err != nil {
		return nil, fmt.Errorf("read sample: %w", err)
	}
	p.texts[name] = []byte(strings.ReplaceAll(string(text), "111122223333", p.account))
	return p.texts[name], nil
}

// identify makes the identity that of an IAM user.
func (p *people) identify(identity map[string]any, user string) {
	identity["userName"], identity["arn"] = user, "arn:aws:iam::"+p.account+":user/"+user
	if id := p.ids[user]; id != "" {
		identity["principalId"] = id
	}
}

// anyKey is a key that the user has, or had; one that nobody has if there is none.
func (p *people) anyKey(user string) string {
	if keys := p.keys[user]; len(keys) > 0 {
		return keys[0]
	}
	return "AKIANOBODYHASTHISKEY"
}

// acted does something to a thing and remembers it. What somebody does to a user who is gone, and what
// there is no room for, does nothing.
func (p *people) acted(t Thing, value string, do func() error) error {
	begin := p.clock.Add(1)
	err := do()
	var full *types.LimitExceededException
	if change.NotFound(err) || errors.As(err, &full) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make the %s %q: %w", t, value, err)
	}
	p.acts = append(p.acts, Act{t, value, begin, p.clock.Add(1)})
	return nil
}

func (p *people) attach(user, policy string) error {
	return p.acted(Thing{change.ManagedUserPolicy, user, policy}, change.Attached, func() error {
		_, err := p.iam.AttachUserPolicy(p.ctx, &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: &policy})
		return err
	})
}

func (p *people) putInline(user, name, document string) error {
	return p.acted(Thing{change.InlineUserPolicy, user, name}, document, func() error {
		_, err := p.iam.PutUserPolicy(p.ctx, &iam.PutUserPolicyInput{UserName: &user, PolicyName: &name, PolicyDocument: &document})
		return err
	})
}

// createKey gives the user a new key, in place of the oldest if there are two.
func (p *people) createKey(user string) (id string, err error) {
	id = "AKIANOBODYHASTHISKEY"
	listed, err := p.iam.ListAccessKeys(p.ctx, &iam.ListAccessKeysInput{UserName: &user})
	if change.NotFound(err) {
		return id, nil
	}
	if err != nil {
		return "", fmt.Errorf("list access keys of %s: %w", user, err)
	}
	if keys := listed.AccessKeyMetadata; len(keys) > 1 { // two are the most
		slices.SortFunc(keys, func(a, b types.AccessKeyMetadata) int { return a.CreateDate.Compare(*b.CreateDate) })
		if err := p.deleteKey(user, aws.ToString(keys[0].AccessKeyId)); err != nil {
			return "", err
		}
	}
	begin := p.clock.Add(1)
	made, err := p.iam.CreateAccessKey(p.ctx, &iam.CreateAccessKeyInput{UserName: &user})
	var full *types.LimitExceededException
	switch {
	case change.NotFound(err), errors.As(err, &full):
		return id, nil
	case err != nil:
		return "", fmt.Errorf("create access key of %s: %w", user, err)
	}
	id = *made.AccessKey.AccessKeyId
	p.keys[user] = append(p.keys[user], id)
	p.acts = append(p.acts, Act{Thing{change.AccessKeyStatus, user, id}, change.Active, begin, p.clock.Add(1)})
	return id, nil
}

func (p *people) deleteKey(user, id string) error {
	p.keys[user] = slices.DeleteFunc(p.keys[user], func(key string) bool { return key == id })
	return p.acted(Thing{change.AccessKeyStatus, user, id}, "", func() error {
		_, err := p.iam.DeleteAccessKey(p.ctx, &iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &id})
		return err
	})
}

func (p *people) createUser(user string) error {
	made, err := p.iam.CreateUser(p.ctx, &iam.CreateUserInput{
		UserName: &user, Tags: []types.Tag{{Key: aws.String("owner"), Value: aws.String(user + "@example.com")}},
	})
	if err != nil {
		return fmt.Errorf("create user %s: %w", user, err)
	}
	p.ids[user] = aws.ToString(made.User.UserId)
	return nil
}

// deleteUser takes from a user all that there is, and then deletes it. Warder may be at work on the user
// just then: who finds something left begins anew.
func (p *people) deleteUser(user string) error {
	for try := 0; ; try++ {
		err := p.strip(user)
		if err == nil {
			err = p.acted(Thing{"user", user, user}, "", func() error {
				_, err := p.iam.DeleteUser(p.ctx, &iam.DeleteUserInput{UserName: &user})
				return err
			})
		}
		var left *types.DeleteConflictException
		if !errors.As(err, &left) || try == 10 {
			return err
		}
	}
}

func (p *people) strip(user string) error {
	has, err := lookAt(p.ctx, p.iam, user)
	if err != nil {
		return err
	}
	for _, t := range slices.SortedFunc(keysOf(has), compare) {
		switch t.Kind {
		case change.AccessKeyStatus:
			err = p.deleteKey(user, t.Target)
		case change.ManagedUserPolicy:
			err = p.acted(t, "", func() error {
				_, err := p.iam.DetachUserPolicy(p.ctx, &iam.DetachUserPolicyInput{UserName: &user, PolicyArn: &t.Target})
				return err
			})
		case change.InlineUserPolicy:
			err = p.acted(t, "", func() error {
				_, err := p.iam.DeleteUserPolicy(p.ctx, &iam.DeleteUserPolicyInput{UserName: &user, PolicyName: &t.Target})
				return err
			})
		case change.GroupMembership:
			err = p.acted(t, "", func() error {
				_, err := p.iam.RemoveUserFromGroup(p.ctx, &iam.RemoveUserFromGroupInput{UserName: &user, GroupName: &t.Target})
				return err
			})
		case change.PermissionsBoundary:
			err = p.removeBoundary(user)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *people) removeBoundary(user string) error {
	return p.acted(Thing{change.PermissionsBoundary, user, user}, "", func() error {
		_, err := p.iam.DeleteUserPermissionsBoundary(p.ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: &user})
		return err
	})
}

func (p *people) openBucket(name string) error {
	open := s3.PublicAccessBlock{}
	return p.acted(Thing{change.BucketPublicAccess, name, "us-east-1"}, change.Block(&open), func() error {
		return s3.New(p.carrier.Config()).PutBucketPublicAccessBlock(p.ctx, &s3.Bucket{Name: name, Region: "us-east-1"}, &open)
	})
}

func (p *people) startSession(region, id, user string) error {
	session := Session{Region: region, ID: id, Target: "i-0abc1234def567890", Owner: "arn:aws:iam::" + p.account + ":user/" + user}
	p.opened = append(p.opened, session)
	return p.acted(Thing{change.Session, "", change.SessionTarget(region, id)}, change.Connected, func() error { return p.carrier.StartSession(p.ctx, session) })
}

// look reads everything of the account that can be changed here.
func (p *people) look() (State, error) {
	state := State{}
	users := iam.NewListUsersPaginator(p.iam, &iam.ListUsersInput{})
	for users.HasMorePages() {
		page, err := users.NextPage(p.ctx)
		if err != nil {
			return nil, fmt.Errorf("list users: %w", err)
		}
		for _, user := range page.Users {
			name := aws.ToString(user.UserName)
			has, err := lookAt(p.ctx, p.iam, name)
			if err != nil {
				return nil, err
			}
			p.ids[name], p.keys[name] = aws.ToString(user.UserId), nil
			for _, t := range slices.SortedFunc(keysOf(has), compare) {
				state[t] = has[t]
				if t.Kind == change.AccessKeyStatus {
					p.keys[name] = append(p.keys[name], t.Target)
				}
			}
		}
	}
	store := s3.New(p.carrier.Config())
	for i := range buckets {
		value, err := s3.PublicAccess(p.ctx, store, &s3.Bucket{Name: bucket(i), Region: "us-east-1"})
		if err != nil {
			return nil, err
		}
		if value != "" {
			state[Thing{change.BucketPublicAccess, bucket(i), "us-east-1"}] = value
		}
	}
	for _, s := range p.opened {
		cfg := p.carrier.Config()
		cfg.Region = s.Region
		found, err := change.ActiveSession(p.ctx, ssm.NewFromConfig(cfg), s.Region, s.ID)
		if err != nil {
			return nil, err
		}
		if found != nil {
			state[Thing{change.Session, "", change.SessionTarget(s.Region, s.ID)}] = change.Connected
		}
	}
	return state, nil
}

// lookAt reads what a user has.
func lookAt(ctx context.Context, api *iam.Client, user string) (State, error) {
	state := State{}
	fail := func(what string, err error) (State, error) {
		if change.NotFound(err) {
			return State{}, nil
		}
		return nil, fmt.Errorf("read %s of %s: %w", what, user, err)
	}
	keys, err := api.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &user})
	if err != nil {
		return fail("the access keys", err)
	}
	for _, key := range keys.AccessKeyMetadata {
		state[Thing{change.AccessKeyStatus, user, aws.ToString(key.AccessKeyId)}] = string(key.Status)
	}
	attached := iam.NewListAttachedUserPoliciesPaginator(api, &iam.ListAttachedUserPoliciesInput{UserName: &user})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return fail("the policies", err)
		}
		for _, policy := range page.AttachedPolicies {
			state[Thing{change.ManagedUserPolicy, user, aws.ToString(policy.PolicyArn)}] = change.Attached
		}
	}
	inline := iam.NewListUserPoliciesPaginator(api, &iam.ListUserPoliciesInput{UserName: &user})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return fail("the inline policies", err)
		}
		for _, name := range page.PolicyNames {
			policy, err := api.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &user, PolicyName: &name})
			if err != nil {
				return fail("inline policy "+name, err)
			}
			document, err := change.Document(aws.ToString(policy.PolicyDocument))
			if err != nil {
				return nil, err
			}
			state[Thing{change.InlineUserPolicy, user, name}] = document
		}
	}
	groups := iam.NewListGroupsForUserPaginator(api, &iam.ListGroupsForUserInput{UserName: &user})
	for groups.HasMorePages() {
		page, err := groups.NextPage(ctx)
		if err != nil {
			return fail("the groups", err)
		}
		for _, group := range page.Groups {
			state[Thing{change.GroupMembership, user, aws.ToString(group.GroupName)}] = change.Member
		}
	}
	got, err := api.GetUser(ctx, &iam.GetUserInput{UserName: &user})
	if err != nil {
		return fail("the boundary", err)
	}
	if b := got.User.PermissionsBoundary; b != nil {
		state[Thing{change.PermissionsBoundary, user, user}] = aws.ToString(b.PermissionsBoundaryArn)
	}
	return state, nil
}
