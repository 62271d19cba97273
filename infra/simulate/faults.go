package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// troubles are what befalls each control, or Warder as a whole, times a year.
var troubles = []struct {
	what    string
	perYear float64
	whole   bool
	do      func(*world, *function, *rand.Rand)
}{
	{"a sweep is missed", 5, false, func(_ *world, f *function, _ *rand.Rand) { f.misses = true }},
	{"a call goes wrong", 12, false, func(w *world, f *function, r *rand.Rand) {
		w.brewing = append(w.brewing, &fault{
			control: f.ID, kind: pick(r, faultKinds...), call: 1 + r.IntN(14), tries: pick(r, 1, 1, 1, 3),
		})
	}},
	{"a service is down", 3, false, func(w *world, f *function, r *rand.Rand) {
		w.brewing = append(w.brewing, &fault{
			control: f.ID, kind: pick(r, failed, throttled, denied, timedOut), service: pick(r, "iam", "dynamodb", "sns", "ssm"),
			tries: pick(r, 1, 2, 3, 6),
		})
	}},
	{"Warder is halted", 4, true, func(w *world, _ *function, r *rand.Rand) {
		w.halted++
		w.halt(true)
		w.note("", "Warder is halted")
		w.at(w.now.AddDate(0, 0, 1+r.IntN(9)), func() {
			if w.halted--; w.halted == 0 {
				w.halt(false)
				w.note("", "Warder goes on")
			}
		})
	}},
}

// halt halts Warder, or resumes it.
func (w *world) halt(on bool) {
	l, ctx := ledger.New(w.memory), context.Background()
	read, err := l.Halt(ctx)
	if err == nil {
		err = l.SetHalt(ctx, read, ledger.Halt{
			Halted: on, Since: w.now, By: caller.Identity{Claimed: "kim"}, Reason: "kim looks into something",
		})
	}
	if err != nil {
		panic(err) // it is in memory
	}
}

func (w *world) happens(o occurrence) {
	for _, t := range troubles {
		if t.what == o.what {
			t.do(w, w.functions[max(o.who, 0)], rand.New(rand.NewPCG(o.seed, uint64(o.id))))
			return
		}
	}
	w.occurs(o)
}

// The kinds of faults: refused before the call took effect, an answer that was lost after it did, or the function
// itself cut off.
const (
	throttled    = "throttled"
	failed       = "failed"
	timedOut     = "timed out"
	denied       = "denied"
	answerLost   = "answer lost"
	cutOffBefore = "cut off before"
	cutOffAfter  = "cut off after"
)

var faultKinds = []string{throttled, failed, timedOut, denied, answerLost, cutOffBefore, cutOffAfter}

type fault struct {
	control string
	kind    string
	call    int    // the number of the call in a try, from 1
	service string // or every call to a service
	tries   int    // how many tries it lasts
}

var errCutOff = errors.New("cut off")

// answers are what is wrong with a call, for the SDK.
var answers = map[string]error{
	throttled:  &smithy.GenericAPIError{Code: "Throttling", Message: "Rate exceeded", Fault: smithy.FaultClient},
	failed:     &smithy.GenericAPIError{Code: "ServiceFailure", Message: "internal error", Fault: smithy.FaultServer},
	denied:     &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized", Fault: smithy.FaultClient},
	timedOut:   &aws.RequestCanceledError{Err: context.DeadlineExceeded},
	answerLost: &aws.RequestCanceledError{Err: context.DeadlineExceeded},
}

func (f *fault) error(operation string) error {
	if err := answers[f.kind]; err != nil {
		return &smithy.OperationError{ServiceID: operation, OperationName: operation, Err: err}
	}
	return errCutOff
}

func (f *fault) after() bool { return f.kind == answerLost || f.kind == cutOffAfter }

func (w *world) faultsOf(i *invocation) []*fault {
	var now []*fault
	for _, f := range w.brewing {
		if f.control == i.ID && f.tries > 0 {
			f.tries--
			now = append(now, f)
		}
	}
	return now
}

// fault is asked before and after each call of a function, and answers with what goes wrong.
func (w *world) fault(i *invocation, operation string, after bool) error {
	if i == nil {
		return nil
	}
	if !after {
		w.pass(20 * time.Millisecond)
		i.calls++
		w.count("calls to AWS")
	}
	if i.cut {
		return errCutOff // it makes no further call
	}
	for _, f := range i.faults {
		if f.after() != after || f.service == "" && f.call != i.calls ||
			f.service != "" && !strings.HasPrefix(operation, f.service) {
			continue
		}
		w.count("faults")
		w.note(i.event.about, "%s of %s: %s", operation, i.ID, f.kind)
		err := f.error(operation)
		i.cut = errors.Is(err, errCutOff)
		return err
	}
	return nil
}

func (w *world) around(_ context.Context, c deployment.Call) (any, error) {
	i := w.running
	if err := w.fault(i, c.Operation, false); err != nil {
		return nil, err
	}
	out, err := w.watched(i, c)
	if err == nil {
		err = w.fault(i, c.Operation, true)
	}
	return out, err
}

// Publish implements [remediation.Publisher]: SNS.
func (w *world) Publish(ctx context.Context, m notice.Message) (string, error) {
	id, err := w.around(ctx, deployment.Call{Operation: "sns:Publish", Do: func() (any, error) {
		body, err := m.Bodies()
		if err != nil {
			return "", err
		}
		w.notified(m, body)
		return fmt.Sprintf("message-%d", len(w.notices)), nil
	}})
	text, _ := id.(string)
	return text, err
}

// observed makes a read of a function. After a change IAM shows a user for a while as it was before
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).
func (w *world) observed(i *invocation, c deployment.Call, user string) (any, error) {
	if old, ok := i.stale[c.Operation+user]; ok && w.now.Before(i.lagging) {
		w.count("stale answers")
		return old, nil
	}
	out, err := c.Do()
	// These reads have no pages, so that an old answer stands for the operation and the user.
	if err == nil && user != "" && (c.Operation == "iam:GetUser" || c.Operation == "iam:ListAccessKeys") {
		i.stale[c.Operation+user] = out
	}
	return out, err
}

// lags reports whether IAM is slow to show what this invocation changes: one in eight.
func (w *world) lags(i *invocation) bool { return w.draw("lag", i.id).IntN(8) == 0 }
