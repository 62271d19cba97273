package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/ssm"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// emulated is a local account, where the functions are the real binaries.
type emulated struct {
	account *emulator.Account
	cfg     aws.Config // whose calls cause no events
	iam     *iam.Client
	inbox   emulator.Inbox

	mu           sync.Mutex
	consequences []deployment.Answer
	sessions     map[string]*fakeaws.Session
	calls        int
}

// environments is how many events each function handles at a time. As deployed no function has a limit of its own; with
// more processes this machine has no more to give.
const environments = 2

// openEmulator starts a local account in which the company is, for load. Whoever calls it closes the account.
func openEmulator(ctx context.Context, o *loadOptions, stderr io.Writer) (*emulated, error) {
	e, err := startEmulator(ctx, o.seed, o.users, o.from, emulator.Options{
		Mode: "enforce", Synth: project.Tour, Unposted: true, Concurrency: environments, Stderr: stderr,
		Configure: func(_ string, f *settings.Function) { f.BlastRadius = o.blast },
	})
	if err != nil {
		return nil, err
	}
	o.schedules = e.account.Schedules()
	maps.DeleteFunc(o.schedules, func(id, _ string) bool { return !slices.Contains(deployment.IDs(), id) })
	return e, nil
}

func startEmulator(ctx context.Context, seed uint64, users int, from time.Time, o emulator.Options) (*emulated, error) {
	e := &emulated{sessions: map[string]*fakeaws.Session{}}
	fmt.Fprintln(o.Stderr, "starting an AWS account on this machine ...")
	o.Done = e.done
	var err error
	if e.account, err = emulator.Start(ctx, o); err != nil {
		return nil, err
	}
	e.cfg = e.account.Unrecorded()
	e.iam = iam.NewFromConfig(e.cfg)
	if e.inbox, err = e.account.Inbox(ctx, "inbox"); err == nil {
		err = e.found(ctx, founded(rand.New(rand.NewPCG(seed, 1)), users, from))
	}
	if err != nil {
		e.account.Close()
		return nil, err
	}
	return e, nil
}

// found makes what the stack and moto do not have: policies and groups of the account, buckets, users.
func (e *emulated) found(ctx context.Context, first fakeaws.State) error {
	for arn, document := range first.Policies {
		if name, ours := strings.CutPrefix(arn, own+"/"); ours && !strings.Contains(name, "/") {
			in := &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: aws.String(string(document))}
			if _, err := e.iam.CreatePolicy(ctx, in); err != nil {
				return fmt.Errorf("create policy %q: %w", name, err)
			}
		}
	}
	for name, group := range first.Groups {
		if name == change.KeyQuarantine || name == change.OutsideQuarantine || name == change.MFALock {
			continue
		}
		_, err := e.iam.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name})
		for _, policy := range group.Attached {
			_, more := e.iam.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &name, PolicyArn: &policy})
			err = errors.Join(err, more)
		}
		if err != nil {
			return fmt.Errorf("create group %q: %w", name, err)
		}
	}
	for name := range first.Buckets {
		if err := e.account.PutBucket(ctx, name); err != nil {
			return err
		}
	}
	if err := e.account.Moto.AddUsers(ctx, first.Users); err != nil {
		return fmt.Errorf("add users: %w", err)
	}
	c := newCompany(ctx, 0, time.Time{}, e, nil)
	for name, user := range first.Users { // what is left
		for t, value := range userFacts(name, user) {
			if t.kind == change.InlineUserPolicy || t.kind == change.GroupMembership {
				c.set(t, value)
			}
		}
	}
	return c.err
}

// done is called after every event of a function: of the load, whose answer somebody waits for, and of what Warder's
// own calls caused.
func (e *emulated) done(r lambdahost.Result) {
	var event struct{ ID string }
	if json.Unmarshal(r.Event, &event) == nil && strings.HasPrefix(event.ID, ids) {
		return
	}
	if emulator.Control(r.Function) == "send-email" { // it is given notices, and not what Warder did
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.consequences = append(e.consequences, answerOf(r))
}

func answerOf(r lambdahost.Result) deployment.Answer {
	answer := deployment.Answer{Failed: r.Failed, Took: r.Duration}
	if err := json.Unmarshal(r.Payload, &answer.Report); err != nil || r.Failed {
		answer.Failed, answer.Report = true, remediation.Report{Reason: string(r.Payload)}
	}
	answer.Report.Control = emulator.Control(r.Function)
	return answer
}

func (e *emulated) Config() aws.Config { return e.cfg }

func (e *emulated) Tag(ctx context.Context, user, key, value string) (err error) {
	if value == "" {
		_, err = e.iam.UntagUser(ctx, &iam.UntagUserInput{UserName: &user, TagKeys: []string{key}})
	} else {
		tag := types.Tag{Key: &key, Value: &value}
		_, err = e.iam.TagUser(ctx, &iam.TagUserInput{UserName: &user, Tags: []types.Tag{tag}})
	}
	if change.NotFound(err) {
		return nil
	}
	return err
}

func (e *emulated) SignsIn(string, func(*fakeaws.User)) {} // nobody has a password

func (e *emulated) StartSession(ctx context.Context, region, id, owner string) error {
	e.sessions[id] = &fakeaws.Session{Region: region}
	session := moto.Session{Region: region, ID: id, Target: "i-0abc1234def567890", Owner: owner}
	return e.account.Moto.StartSession(ctx, session)
}

func (e *emulated) User(ctx context.Context, name string) (*fakeaws.User, error) {
	got, err := e.iam.GetUser(ctx, &iam.GetUserInput{UserName: &name})
	if change.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get user %q: %w", name, err)
	}
	u := &fakeaws.User{
		ID: aws.ToString(got.User.UserId), Path: aws.ToString(got.User.Path), Tags: map[string]string{},
		Inline: map[string]fakeaws.Document{},
	}
	if b := got.User.PermissionsBoundary; b != nil {
		u.Boundary = aws.ToString(b.PermissionsBoundaryArn)
	}
	for _, tag := range got.User.Tags {
		u.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	// A user has so few of each that one page has all.
	keys, err1 := e.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &name})
	attached, err2 := e.iam.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: &name})
	policies, err3 := e.iam.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: &name})
	groups, err4 := e.iam.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: &name})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, fmt.Errorf("read what user %q has: %w", name, err)
	}
	for _, key := range keys.AccessKeyMetadata {
		u.Keys = append(u.Keys, fakeaws.Key{ID: aws.ToString(key.AccessKeyId), Status: string(key.Status)})
	}
	for _, policy := range attached.AttachedPolicies {
		u.Attached = append(u.Attached, aws.ToString(policy.PolicyArn))
	}
	for _, group := range groups.Groups {
		u.Groups = append(u.Groups, aws.ToString(group.GroupName))
	}
	for _, policy := range policies.PolicyNames {
		got, err := e.iam.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &name, PolicyName: &policy})
		if change.NotFound(err) {
			continue // Warder has just deleted it
		}
		if err != nil {
			return nil, fmt.Errorf("get policy %q of user %q: %w", policy, name, err)
		}
		document, err := change.Document(aws.ToString(got.PolicyDocument))
		if err != nil {
			return nil, err
		}
		u.Inline[policy] = fakeaws.Document(document)
	}
	return u, nil
}

func (e *emulated) Snapshot(ctx context.Context) (fakeaws.State, error) {
	state := fakeaws.State{
		Users: map[string]*fakeaws.User{}, Buckets: map[string]*fakeaws.Bucket{}, Sessions: map[string]*fakeaws.Session{},
	}
	users := iam.NewListUsersPaginator(e.iam, &iam.ListUsersInput{})
	for users.HasMorePages() {
		page, err := users.NextPage(ctx)
		if err != nil {
			return state, fmt.Errorf("list users: %w", err)
		}
		for _, user := range page.Users {
			name := aws.ToString(user.UserName)
			if state.Users[name], err = e.User(ctx, name); err != nil {
				return state, err
			}
		}
	}
	client := s3.New(e.cfg)
	for i := range buckets {
		b := &fakeaws.Bucket{Region: emulator.Region}
		block, err := s3.PublicAccess(ctx, client, &s3.Bucket{Name: bucket(i), Region: b.Region})
		if err == nil {
			b.Block, err = change.ParseBlock(block)
		}
		if err != nil {
			return state, err
		}
		state.Buckets[bucket(i)] = b
	}
	for id, session := range e.sessions {
		found, err := ssm.Active(ctx, ssm.New(e.cfg), session.Region, id)
		if err != nil {
			return state, err
		}
		if found != nil {
			state.Sessions[id] = session
		}
	}
	return state, nil
}

func (e *emulated) Deliver(ctx context.Context, data []byte) ([]deployment.Answer, error) {
	event, err := eventfile.Parse(data)
	if err != nil {
		return nil, err
	}
	matches, err := e.account.EventBridge.Put(ctx, event)
	if err != nil {
		return nil, err
	}
	matches = slices.DeleteFunc(matches, func(m eventbridge.Match) bool { return m.Function == "" }) // of queues
	results := make([]<-chan lambdahost.Result, len(matches))
	for i, match := range matches {
		if results[i], err = e.account.Lambda.Send(match.Function, match.Event); err != nil {
			return nil, err
		}
	}
	answers := make([]deployment.Answer, len(matches))
	for i, result := range results {
		if answers[i], err = await(result); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

func await(result <-chan lambdahost.Result) (deployment.Answer, error) {
	if r, ok := <-result; ok {
		return answerOf(r), nil
	}
	return deployment.Answer{}, lambdahost.ErrClosed
}

func (e *emulated) Refuse(ctx context.Context, control string) error {
	if control == "" {
		return e.account.EndFaults(ctx)
	}
	return e.account.Fail(ctx, endpoint.Fault{
		Operation: "sns:Publish", Function: settings.FunctionName(control), Status: http.StatusForbidden,
		Code: "AuthorizationError", Message: "refused",
	})
}

func (e *emulated) Idle(ctx context.Context) error { return e.account.Lambda.Idle(ctx) }

func (e *emulated) TakeKept(ctx context.Context) (kept []deployment.Kept, err error) {
	queues := map[string]bool{}
	for _, f := range e.account.Stack.Functions {
		queues[f.OnFailure] = true
	}
	delete(queues, "")
	for queue := range queues {
		err = errors.Join(err, e.account.Drain(ctx, queue, func(body []byte) error {
			var record struct {
				RequestContext struct{ FunctionARN string }
				RequestPayload json.RawMessage
			}
			if err := json.Unmarshal(body, &record); err != nil {
				return fmt.Errorf("read a record of what failed: %w", err)
			}
			name := strings.TrimSuffix(record.RequestContext.FunctionARN, ":$LATEST")
			id := emulator.Control(name[strings.LastIndex(name, ":")+1:])
			kept = append(kept, deployment.Kept{Control: id, Event: record.RequestPayload})
			return nil
		}))
	}
	return kept, err
}

func (e *emulated) Redrive(_ context.Context, k deployment.Kept) (deployment.Answer, error) {
	result, err := e.account.Lambda.Send(settings.FunctionName(k.Control), k.Event)
	if err != nil {
		return deployment.Answer{}, err
	}
	return await(result)
}

func (e *emulated) Ledger() *ledger.Ledger {
	return ledger.New(ledger.Dynamo{API: dynamodb.NewFromConfig(e.cfg), Name: settings.TableName})
}

func (e *emulated) TakeNotices(ctx context.Context) ([]notice.Message, error) {
	if _, err := e.Calls(ctx); err != nil { // the endpoint keeps some thousands
		return nil, err
	}
	return e.inbox.Take(ctx)
}

func (e *emulated) Calls(ctx context.Context) (int, error) {
	calls, err := e.account.TakeCalls(ctx)
	for _, call := range calls {
		if call.By == "" { // else a service's, with the function's role
			e.calls++
		}
	}
	return e.calls, err
}

// Functions reads what Linux says of the processes
// (https://docs.kernel.org/filesystems/proc.html#proc-pid-statm: the second number is resident pages).
func (e *emulated) Functions() (bytes int64, processes int) {
	for _, pid := range e.account.Lambda.Processes() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		fields := strings.Fields(string(text))
		if err != nil || len(fields) < 2 {
			continue
		}
		if pages, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			bytes += pages * int64(os.Getpagesize())
			processes++
		}
	}
	return bytes, processes
}

func (e *emulated) Consequences() []deployment.Answer {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.consequences
}
