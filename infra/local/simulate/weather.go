package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// fate is what becomes of an event on its way.
type fate struct {
	lost  bool
	late  time.Duration
	twice bool
	again time.Duration // how much later it comes the second time
}

func destiny(r *rand.Rand) fate {
	f := fate{late: time.Duration(r.IntN(90)) * time.Second}
	switch r.IntN(25) {
	case 0:
		f.lost = true
	case 1, 2:
		f.twice, f.again = true, time.Duration(r.IntN(7200))*time.Second
	case 3:
		f.late = 24*time.Hour + time.Duration(r.IntN(3600))*time.Second
	}
	return f
}

// A fault is what AWS does to calls of a function.
type fault struct {
	id      int // of its happening
	control string
	kind    string
	call    int    // the number of the call in a try, from 1
	service string // or every call to a service
	tries   int    // how many tries it lasts
	at      time.Time
}

// The kinds of fault: refused before it took effect, an answer that was lost after it did, or the
// function itself cut off.
var troubles = []string{"throttled", "failed", "timed out", "denied", "answer lost", "cut off before", "cut off after"}

func (f *fault) String() string {
	if f.service != "" {
		return fmt.Sprintf("every call of %s to %s is %s in %d tries", f.control, f.service, f.kind, f.tries)
	}
	return fmt.Sprintf("call %d of %s is %s in %d tries", f.call, f.control, f.kind, f.tries)
}

var errFault = errors.New("cut off")

// error is what the SDK makes of it.
func (f *fault) error(operation string) error {
	failed := func(code string, fault smithy.ErrorFault, status string) error {
		return &smithy.OperationError{
			ServiceID: operation, OperationName: operation,
			Err: &smithy.GenericAPIError{Code: code, Message: status, Fault: fault},
		}
	}
	switch f.kind {
	case "throttled":
		return failed("Throttling", smithy.FaultClient, "Rate exceeded")
	case "failed":
		return failed("ServiceFailure", smithy.FaultServer, "internal error")
	case "denied":
		return failed("AccessDenied", smithy.FaultClient, "not authorized to perform: "+operation)
	case "timed out", "answer lost":
		return &smithy.OperationError{ServiceID: operation, OperationName: operation, Err: &aws.RequestCanceledError{Err: context.DeadlineExceeded}}
	}
	return errFault
}

func (f *fault) after() bool { return f.kind == "answer lost" || f.kind == "cut off after" }

// troubles are the faults of a try.
func (w *world) troubles(i *invocation) []*fault {
	var now []*fault
	for _, f := range w.brewing {
		if f.control != i.lambda.id || f.at.After(w.now) || f.tries == 0 {
			continue
		}
		f.tries--
		now = append(now, f)
	}
	return now
}

// trouble is asked before and after each call of a function, and answers with what goes wrong.
func (w *world) trouble(operation string, after bool) error {
	i := w.running
	if i == nil {
		return nil
	}
	if !after {
		w.pass(20 * time.Millisecond)
		i.calls++
		w.count("calls to AWS")
	}
	if i.cut {
		return errFault // it makes no further call
	}
	for _, f := range i.faults {
		if f.after() != after || f.service == "" && f.call != i.calls || f.service != "" && !strings.HasPrefix(operation, f.service) {
			continue
		}
		w.count("faults")
		w.note(i.subject, "%s of %s: %s", operation, i.lambda.id, f.kind)
		i.cut = strings.HasPrefix(f.kind, "cut")
		return f.error(operation)
	}
	return nil
}

// called makes a call, with what goes wrong around it.
func called[Out any](w *world, operation string, run func() (Out, error)) (out Out, err error) {
	var none Out
	if err := w.trouble(operation, false); err != nil {
		return none, err
	}
	if out, err = run(); err != nil {
		return none, err
	}
	if err := w.trouble(operation, true); err != nil {
		return none, err
	}
	return out, nil
}

// middleware stands between the clients and the account: it has calls go wrong, watches those that
// change something, and lets IAM show a user for a while as it was before a change: IAM is eventually
// consistent (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html).
func (w *world) middleware(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Weather", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		operation, user := operationOf(in.Parameters)
		var metadata middleware.Metadata
		out, err := called(w, operation, func() (middleware.InitializeOutput, error) {
			i := w.running
			if i != nil && reading(operation) {
				if old, ok := i.stale[operation+user]; ok && w.now.Before(i.lagging) {
					w.count("stale answers")
					return middleware.InitializeOutput{Result: old}, nil
				}
				out, _, err := next.HandleInitialize(ctx, in)
				if err == nil && user != "" && single[operation] {
					i.stale[operation+user] = out.Result
				}
				return out, err
			}
			before, secret := w.user(user), secretOf(in.Parameters)
			wasSecret := w.secret(secret)
			out, _, err := next.HandleInitialize(ctx, in)
			if err == nil && !reading(operation) {
				w.wrote(operation, user, before)
				if secret != "" {
					w.wroteSecret(operation, secret, wasSecret)
				}
				if i != nil && w.lags(i) {
					i.lagging = w.now.Add(2 * time.Second)
				}
			}
			return out, err
		})
		return out, metadata, err
	}), middleware.Before)
}

// single are the reads that have no pages, so that an old answer stands for the operation and the user.
var single = map[string]bool{"iam:GetUser": true, "iam:ListAccessKeys": true}

// lags reports whether IAM is slow to show what this invocation changes: one in eight.
func (w *world) lags(i *invocation) bool { return w.draw("lag", i.id).IntN(8) == 0 }

func reading(operation string) bool {
	_, name, _ := strings.Cut(operation, ":")
	for _, prefix := range []string{"Get", "List", "Describe", "Generate", "AssumeRoot"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// operationOf is the operation that an input is of, and the user it names.
func operationOf(input any) (operation, user string) {
	t := reflect.TypeOf(input).Elem()
	operation = t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:] + ":" + strings.TrimSuffix(t.Name(), "Input")
	if name := reflect.ValueOf(input).Elem().FieldByName("UserName"); name.IsValid() && !name.IsNil() {
		user = name.Elem().String()
	}
	return operation, user
}

// secretOf is the name of the secret that an input is about.
func secretOf(input any) string {
	v := reflect.ValueOf(input).Elem()
	field := v.FieldByName("SecretId")
	if v.Type().Name() == "CreateSecretInput" {
		field = v.FieldByName("Name")
	}
	if !field.IsValid() || field.IsNil() {
		return ""
	}
	return field.Elem().String()
}

// transport has the calls of pkg/s3 go wrong, which are no client's of the SDK.
type transport struct {
	w    *world
	next aws.HTTPClient
}

func (t transport) Do(r *http.Request) (*http.Response, error) {
	operation := "s3:" + r.Method
	return called(t.w, operation, func() (*http.Response, error) {
		name, _, _ := strings.Cut(r.URL.Host, ".")
		var before *fakeaws.Bucket
		t.w.account.With(func(s *fakeaws.State) {
			if b := s.Buckets[name]; b != nil {
				was := *b
				before = &was
			}
		})
		response, err := t.next.Do(r)
		if err == nil && response.StatusCode < 300 && r.Method != http.MethodGet && before != nil {
			t.w.wroteBucket(name, before)
		}
		return response, err
	})
}
