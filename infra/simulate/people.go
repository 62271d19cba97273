package main

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// An account is what people work on. Their calls make no events: company does.
type account interface {
	Config() aws.Config
	User(ctx context.Context, name string) (*fakeaws.User, error)
	// Tag sets a tag of a user, and removes it if the value is empty.
	Tag(ctx context.Context, user, key, value string) error
	// SignsIn changes what a user signs in with, if there is the user.
	SignsIn(user string, do func(*fakeaws.User))
	StartSession(ctx context.Context, region, id, owner string) error
}

type act struct {
	thing
	value      string
	begin, end int64
}

// company is the people of an account: what they do and when, and the events of it.
type company struct {
	ctx     context.Context
	seed    uint64
	account account
	samples fs.FS // of events
	texts   map[string][]byte
	iam     *iam.Client
	now     time.Time
	queue   queue
	turn    int
	events  int
	deliver func(event, outcome)
	// note is given what happened about whom, and count what happened.
	note  func(about, format string, args ...any)
	count func(what string)
	// slow has an act take effect later, at a time; nil if all take effect at once.
	slow  func(at time.Time, do func())
	away  map[string]time.Time
	clock atomic.Int64 // of acts
	acts  []act
	err   error // the first of a call of people's
}

func newCompany(ctx context.Context, seed uint64, begin time.Time, on account, samples fs.FS) *company {
	return &company{
		ctx: ctx, seed: seed, account: on, samples: samples, texts: map[string][]byte{}, iam: iam.NewFromConfig(on.Config()),
		now: begin, away: map[string]time.Time{}, count: func(string) {},
		note: func(string, string, ...any) {},
	}
}

type item struct {
	at   time.Time
	turn int
	do   func()
}

type queue []item

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return cmp.Or(q[i].at.Compare(q[j].at), cmp.Compare(q[i].turn, q[j].turn)) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(item)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func (c *company) at(t time.Time, do func()) {
	c.turn++
	heap.Push(&c.queue, item{t, c.turn, do})
}

// items takes out of the queue what is before a time, until a call of people's fails.
func (c *company) items(before time.Time) iter.Seq[item] {
	return func(yield func(item) bool) {
		for c.err == nil && len(c.queue) > 0 && c.queue[0].at.Before(before) && yield(heap.Pop(&c.queue).(item)) {
		}
	}
}

// draw is chance that follows from the seed and from what it is for, and from nothing else.
func (c *company) draw(what, of string) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, what, " ", of)
	return rand.New(rand.NewPCG(c.seed, h.Sum64()))
}

// fail keeps the first error of people's calls.
func (c *company) fail(err error) { c.err = cmp.Or(c.err, err) }

func (c *company) user(name string) *fakeaws.User {
	u, err := c.account.User(c.ctx, name)
	c.fail(err)
	return u
}

// tagged is the kind of a thing that is a tag of a user.
const tagged = "tag"

// set gives a thing a value, an empty one takes it away, and records it.
func (c *company) set(t thing, value string) {
	if t.kind == tagged {
		c.fail(c.account.Tag(c.ctx, t.subject, t.target, value))
		return
	}
	c.acted(&t, value, func() error { return c.call(t, value) })
}

// acted does something to a thing and records it. What somebody does to a user who no longer exists, and what
// there is no room for, does nothing.
func (c *company) acted(t *thing, value string, do func() error) bool {
	begin := c.clock.Add(1)
	err := do()
	var full *types.LimitExceededException
	if change.NotFound(err) || errors.As(err, &full) {
		return false
	}
	if err != nil {
		c.fail(fmt.Errorf("make the %s %q: %w", t, value, err))
		return false
	}
	c.acts = append(c.acts, act{*t, value, begin, c.clock.Add(1)})
	return true
}

// call makes the call that gives a thing a value. That Warder's kinds make some of these verifies nothing: what is in
// the account afterwards is read from it.
func (c *company) call(t thing, value string) error {
	switch kind := change.ForIAM(c.iam)[t.kind]; {
	case t.kind == change.BucketPublicAccess:
		bucket := &s3.Bucket{Name: t.subject, Region: t.target}
		return s3.New(c.account.Config()).PutBucketPublicAccessBlock(c.ctx, bucket, &s3.PublicAccessBlock{})
	case t.kind == change.AccessKeyStatus && value == "":
		in := &iam.DeleteAccessKeyInput{UserName: &t.subject, AccessKeyId: &t.target}
		_, err := c.iam.DeleteAccessKey(c.ctx, in)
		return err
	case kind == nil:
		return fmt.Errorf("people change no %s", t.kind)
	default:
		return kind.Set(c.ctx, change.Change{Kind: t.kind, Subject: t.subject, Target: t.target, After: value})
	}
}

// createKey gives the user a new key and returns its id, empty if there is no room for it.
func (c *company) createKey(user string) string {
	t := thing{kind: change.AccessKeyStatus, subject: user}
	c.acted(&t, change.Active, func() error {
		made, err := c.iam.CreateAccessKey(c.ctx, &iam.CreateAccessKeyInput{UserName: &user})
		if err == nil {
			t.target = *made.AccessKey.AccessKeyId
		}
		return err
	})
	return t.target
}

// createUser adds a user and returns it.
func (c *company) createUser(name, boundary string) *fakeaws.User {
	in := &iam.CreateUserInput{
		UserName: &name, Tags: []types.Tag{{Key: aws.String("owner"), Value: aws.String(name + "@example.com")}},
	}
	if boundary != "" {
		in.PermissionsBoundary = &boundary
	}
	if !c.acted(&thing{change.PermissionsBoundary, name, name}, boundary, func() error {
		_, err := c.iam.CreateUser(c.ctx, in)
		return err
	}) {
		return nil
	}
	return c.user(name)
}

// deleteUser takes from a user all that there is, and then deletes it. Warder may be at work on the user just then:
// who finds something left begins anew.
func (c *company) deleteUser(name string) {
	for range 10 {
		for _, t := range slices.SortedFunc(maps.Keys(userFacts(name, c.user(name))), compare) {
			c.set(t, "")
		}
		c.account.SignsIn(name, func(u *fakeaws.User) { u.Password, u.MFA = nil, nil })
		_, err := c.iam.DeleteUser(c.ctx, &iam.DeleteUserInput{UserName: &name})
		var left *types.DeleteConflictException
		if err == nil || change.NotFound(err) {
			return
		}
		if !errors.As(err, &left) {
			c.fail(fmt.Errorf("delete user %q: %w", name, err))
			return
		}
	}
	c.fail(fmt.Errorf("delete user %q: something is always left", name))
}
