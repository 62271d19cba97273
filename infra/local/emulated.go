package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/rush"
	"github.com/warder-aws/warder/pkg/ledger"
	published "github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	inmemory "github.com/warder-aws/warder/pkg/test/fakeaws"
)

// emulated carries traffic to a local account, where the real functions are.
type emulated struct {
	account *emulator.Account
	quiet   aws.Config // whose calls are no events
	inbox   emulator.Inbox

	mu           sync.Mutex
	calls        int
	consequences []rush.Answer
}

// environments is how many events each function handles at a time. As deployed no function has a limit
// of its own; with more processes this machine has no more to give.
const environments = 2

// openEmulated starts an account in which the company is. Whoever calls it closes the account.
func openEmulated(ctx context.Context, company inmemory.State, blastRadius int, stderr io.Writer) (*emulated, error) {
	fmt.Fprintln(stderr, "starting an AWS account on this machine ...")
	e := &emulated{}
	a, err := emulator.Start(ctx, emulator.Options{
		Mode: "enforce", Synth: project.Tour, Unlistened: true, Concurrency: environments, Stderr: stderr, Done: e.done,
		Configure: func(_ string, f *settings.Function) { f.BlastRadius = blastRadius },
	})
	if err != nil {
		return nil, err
	}
	e.account, e.quiet = a, a.Unrecorded()
	if e.inbox, err = a.Inbox(ctx, "inbox"); err == nil {
		err = e.found(ctx, company)
	}
	if err != nil {
		a.Close()
		return nil, err
	}
	return e, nil
}

// found makes the company in the account. Its access keys get other ids.
func (e *emulated) found(ctx context.Context, company inmemory.State) error {
	api := iam.NewFromConfig(e.quiet)
	if _, err := api.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String(rush.Boundary), PolicyDocument: aws.String(rush.Document)}); err != nil {
		return fmt.Errorf("create the boundary: %w", err)
	}
	for name := range company.Groups {
		if _, err := api.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name}); err != nil {
			return fmt.Errorf("create group %s: %w", name, err)
		}
	}
	for name := range company.Buckets {
		if err := e.account.PutBucket(ctx, name); err != nil {
			return err
		}
	}
	for name, user := range company.Users {
		if err := e.hire(ctx, api, name, user); err != nil {
			return fmt.Errorf("hire %s: %w", name, err)
		}
	}
	return nil
}

func (e *emulated) hire(ctx context.Context, api *iam.Client, name string, user *inmemory.User) error {
	input := &iam.CreateUserInput{UserName: &name}
	if user.Boundary != "" {
		input.PermissionsBoundary = &user.Boundary
	}
	for key, value := range user.Tags {
		input.Tags = append(input.Tags, iamtypes.Tag{Key: &key, Value: &value})
	}
	if _, err := api.CreateUser(ctx, input); err != nil {
		return err
	}
	if err := e.account.Moto.Age(ctx, moto.Age{User: name, Created: user.Created}); err != nil {
		return err
	}
	for _, key := range user.Keys {
		made, err := api.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
		if err != nil {
			return err
		}
		if err := e.account.Moto.Age(ctx, moto.Age{AccessKey: *made.AccessKey.AccessKeyId, Created: key.Created, LastUsed: key.Used}); err != nil {
			return err
		}
	}
	for _, policy := range user.Attached {
		if _, err := api.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &policy}); err != nil {
			return err
		}
	}
	for policy, document := range user.Inline {
		if _, err := api.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: &policy, PolicyDocument: aws.String(string(document))}); err != nil {
			return err
		}
	}
	for _, group := range user.Groups {
		if _, err := api.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: &name, GroupName: &group}); err != nil {
			return err
		}
	}
	return nil
}

// done is told of every event that a function is done with: of the plan, whose answer somebody waits
// for, and of what Warder's own calls set off.
func (e *emulated) done(r lambdahost.Result) {
	var event struct{ ID string }
	if json.Unmarshal(r.Event, &event) == nil && strings.HasPrefix(event.ID, rush.IDs) {
		return
	}
	answer := read(r)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.consequences = append(e.consequences, answer)
}

// read is a function's answer.
func read(r lambdahost.Result) rush.Answer {
	answer := rush.Answer{Failed: r.Failed, Attempts: r.Attempts, Took: r.Duration}
	if err := json.Unmarshal(r.Payload, &answer.Report); err != nil || r.Failed {
		answer.Failed, answer.Report = true, remediation.Report{Reason: string(r.Payload)}
	}
	answer.Report.Control = emulator.Control(r.Function)
	return answer
}

// Config implements [rush.Carrier].
func (e *emulated) Config() aws.Config { return e.quiet }

// StartSession implements [rush.Carrier].
func (e *emulated) StartSession(ctx context.Context, s rush.Session) error {
	return e.account.Moto.StartSession(ctx, moto.Session{Region: s.Region, ID: s.ID, Target: s.Target, Owner: s.Owner})
}

// Deliver implements [rush.Carrier].
func (e *emulated) Deliver(ctx context.Context, _ time.Time, data []byte) ([]rush.Answer, error) {
	event, err := eventfile.Parse(data)
	if err != nil {
		return nil, err
	}
	matches, err := e.account.EventBridge.Put(ctx, event)
	if err != nil {
		return nil, err
	}
	matches = slices.DeleteFunc(matches, func(m eventbridge.Match) bool { return m.Function == "" }) // for queues
	results := make([]<-chan lambdahost.Result, len(matches))
	for i, match := range matches {
		if results[i], err = e.account.Lambda.Send(match.Function, match.Event); err != nil {
			return nil, err
		}
	}
	var answers []rush.Answer
	for _, result := range results {
		r, ok := <-result
		if !ok {
			return nil, lambdahost.ErrClosed
		}
		answers = append(answers, read(r))
	}
	return answers, nil
}

// Refuse implements [rush.Carrier].
func (e *emulated) Refuse(ctx context.Context, on bool) error {
	if !on {
		return e.account.EndFaults(ctx)
	}
	return e.account.Fail(ctx, endpoint.Fault{
		Operation: "sns:Publish", Function: settings.FunctionName(rush.Refused), Status: http.StatusForbidden, Code: "AuthorizationError", Message: "refused",
	})
}

// Idle implements [rush.Carrier].
func (e *emulated) Idle(ctx context.Context) error { return e.account.Lambda.Idle(ctx) }

// TakeKept implements [rush.Carrier].
func (e *emulated) TakeKept(ctx context.Context) ([]rush.Kept, error) {
	var kept []rush.Kept
	queues := map[string]bool{}
	for _, f := range e.account.Stack.Functions {
		if f.OnFailure != "" {
			queues[f.OnFailure] = true
		}
	}
	for queue := range queues {
		err := e.account.Drain(ctx, queue, func(body []byte) error {
			var record struct {
				RequestContext struct{ FunctionARN string }
				RequestPayload json.RawMessage
			}
			if err := json.Unmarshal(body, &record); err != nil {
				return fmt.Errorf("read a record of what failed: %w", err)
			}
			name := strings.TrimSuffix(record.RequestContext.FunctionARN, ":$LATEST")
			kept = append(kept, rush.Kept{Control: emulator.Control(name[strings.LastIndex(name, ":")+1:]), Event: record.RequestPayload})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// Again implements [rush.Carrier].
func (e *emulated) Again(_ context.Context, k rush.Kept) (rush.Answer, error) {
	result, err := e.account.Lambda.Send(settings.FunctionName(k.Control), k.Event)
	if err != nil {
		return rush.Answer{}, err
	}
	r, ok := <-result
	if !ok {
		return rush.Answer{}, lambdahost.ErrClosed
	}
	return read(r), nil
}

// Ledger implements [rush.Carrier].
func (e *emulated) Ledger() *ledger.Ledger {
	return ledger.New(ledger.Dynamo{API: dynamodb.NewFromConfig(e.quiet), Name: settings.TableName})
}

// TakeNotices implements [rush.Carrier].
func (e *emulated) TakeNotices(ctx context.Context) ([]published.Message, error) {
	if err := e.count(ctx); err != nil {
		return nil, err
	}
	return e.inbox.Take(ctx)
}

// count counts the calls that functions have made. The front keeps some thousands.
func (e *emulated) count(ctx context.Context) error {
	calls, err := e.account.TakeCalls(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, call := range calls {
		if call.By == "" { // else a service's, with the function's role
			e.calls++
		}
	}
	return err
}

// Calls implements [rush.Carrier].
func (e *emulated) Calls(ctx context.Context) (int, error) {
	err := e.count(ctx)
	return e.calls, err
}

// Functions implements [rush.Carrier]: what Linux says of the processes
// (https://docs.kernel.org/filesystems/proc.html#proc-pid-statm: the second number is resident pages).
func (e *emulated) Functions() (bytes int64, processes int) {
	for _, pid := range e.account.Lambda.Processes() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text))
		if len(fields) < 2 {
			continue
		}
		if pages, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			bytes += pages * int64(os.Getpagesize())
			processes++
		}
	}
	return bytes, processes
}

// Consequences implements [rush.Carrier].
func (e *emulated) Consequences() []rush.Answer {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.consequences
}

var _ rush.Carrier = (*emulated)(nil)
