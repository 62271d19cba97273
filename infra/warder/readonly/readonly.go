// Package readonly keeps clients of the AWS SDK from changing an account: an operation that is not on a list of
// reads is refused before anything of it is sent. What is not known is refused.
package readonly

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

const (
	// AssumeRoot passes only for a session that can do nothing but look.
	AssumeRoot = "sts:AssumeRoot"
	auditTask  = ":policy/root-task/IAMAuditRootUserCredentials"
	// GenerateCredentialReport changes nothing but when the report is from.
	GenerateCredentialReport = "iam:GenerateCredentialReport"
	// GenerateLastAccessed begins a report that nobody but its caller is shown.
	GenerateLastAccessed = "iam:GenerateServiceLastAccessedDetails"

	// readsAtOnce is how many reads are under way together: IAM is one endpoint for the whole account, and
	// throttles it.
	readsAtOnce = 4
)

// A Gate stands between clients of the SDK and an account that must stay as it is. An operation that is not
// among its reads is refused before anything of it is sent, and so is every request that has not passed
// through the gate's middleware.
type Gate struct {
	reads  []string
	client aws.HTTPClient
	turns  chan struct{}
	count  atomic.Int64
	seen   sync.Map // *response by request
}

// New returns a gate that lets reads, named as in a policy, pass to the HTTP client of cfg.
func New(cfg aws.Config, reads []string) *Gate {
	client := cfg.HTTPClient
	if client == nil {
		client = awshttp.NewBuildableClient()
	}
	return &Gate{reads: reads, client: client, turns: make(chan struct{}, readsAtOnce)}
}

// Count is how many requests have been sent.
func (g *Gate) Count() int { return int(g.count.Load()) }

// A RefusedError is the error of an operation that does not only read.
type RefusedError struct{ Operation string }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s is refused: this command only reads", e.Operation)
}

// Config returns cfg with the gate in front of every client that is made with it. Each refusal is reported.
func (g *Gate) Config(cfg aws.Config, refused func(operation string)) aws.Config {
	cfg = cfg.Copy()
	cfg.HTTPClient = g
	check := middleware.InitializeMiddlewareFunc("OnlyReads", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		operation := name(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx))
		if !slices.Contains(g.reads, operation) || operation == AssumeRoot && !audits(in.Parameters) {
			refused(operation)
			return middleware.InitializeOutput{}, middleware.Metadata{}, &RefusedError{operation}
		}
		return next.HandleInitialize(context.WithValue(ctx, passed{}, operation), in)
	})
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(check, middleware.After) // the SDK has named the operation by then
	})
	return cfg
}

// name is that of an operation in policies.
func name(service, operation string) string {
	prefix, renamed := map[string]string{
		"AccessAnalyzer": "access-analyzer", "EventBridge": "events", "Config Service": "config", "SESv2": "ses",
	}[service]
	if !renamed {
		prefix = strings.ToLower(strings.ReplaceAll(service, " ", ""))
	}
	// https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ListFindingsV2.html
	return prefix + ":" + strings.TrimSuffix(operation, "V2")
}

// Operation names the operation of a client's error as in a policy, empty if it is of none.
func Operation(err error) string {
	var of *smithy.OperationError
	if !errors.As(err, &of) {
		return ""
	}
	return name(of.ServiceID, of.OperationName)
}

// passed is the key of the context under which the middleware leaves the operation that it let pass.
type passed struct{}

// audits reports whether a session as root is for the task that can only look.
func audits(parameters any) bool {
	in, ok := parameters.(*sts.AssumeRootInput)
	return ok && in.TaskPolicyArn != nil && strings.HasSuffix(aws.ToString(in.TaskPolicyArn.Arn), auditTask)
}

// A response is what a read was answered. The same read is answered the same again: a preview is of one
// moment, and several controls look at the same users.
type response struct {
	mu     sync.Mutex
	answer *http.Response
	body   []byte
}

// Do implements [aws.HTTPClient].
func (g *Gate) Do(request *http.Request) (*http.Response, error) {
	operation, ok := request.Context().Value(passed{}).(string)
	if !ok {
		return nil, errors.New("a request that is not known to only read is refused")
	}
	// What is being made is asked for until it is there.
	again := []string{GenerateCredentialReport, AssumeRoot, GenerateLastAccessed, "iam:GetServiceLastAccessedDetails"}
	if slices.Contains(again, operation) {
		return g.send(request)
	}
	var body []byte
	if request.Body != nil {
		var err error
		if body, err = io.ReadAll(request.Body); err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
	}
	signer, _, _ := strings.Cut(request.Header.Get("Authorization"), "/")
	key := strings.Join([]string{operation, request.URL.String(), signer, string(body)}, "\n")
	seen, _ := g.seen.LoadOrStore(key, &response{})
	r := seen.(*response)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answer == nil {
		answer, err := g.send(request)
		if err != nil || answer.StatusCode != http.StatusOK {
			return answer, err
		}
		defer answer.Body.Close()
		if r.body, err = io.ReadAll(answer.Body); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		r.answer = answer
	}
	same := *r.answer
	same.Header, same.Body, same.Request = r.answer.Header.Clone(), io.NopCloser(bytes.NewReader(r.body)), request
	return &same, nil
}

func (g *Gate) send(request *http.Request) (*http.Response, error) {
	select {
	case g.turns <- struct{}{}:
		defer func() { <-g.turns }()
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
	g.count.Add(1)
	return g.client.Do(request)
}
