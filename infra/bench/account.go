package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/stack"
	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// boundary is the name of the permissions boundary that the tour's settings require of users.
const boundary = "limit"

// document is the document of every policy in a measurement.
const document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`

// Where events are handled.
const (
	Moto   = "moto"   // the real bootstrap, over the Runtime API
	Memory = "memory" // planner, runner and ledger in this process
)

// A place is one of these, with one function.
type place interface {
	handle(ctx context.Context, event []byte) (time.Duration, error)
	processorTime() (time.Duration, error)
	Close()
}

// A meteredAccount is moto with the resources of the template, behind a meter. It turns no call into an
// event: the measurement is of what a function does with the one event that it is given.
type meteredAccount struct {
	*emulator.Account
	meter *meter
	root  project.Root
}

// open starts an account with the users. The caller closes it.
func (b bench) open(ctx context.Context, users map[string]*fakeaws.User) (*meteredAccount, error) {
	account, err := emulator.Open(ctx, project.Tour, os.Stderr)
	if err != nil {
		return nil, err
	}
	a := &meteredAccount{Account: account, root: b.root}
	_, err = iam.NewFromConfig(a.Unrecorded()).CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: aws.String(boundary), PolicyDocument: aws.String(document),
	})
	if err == nil {
		err = a.Moto.AddUsers(ctx, users)
	}
	if err == nil {
		a.meter, a.URL, err = startMeter(ctx, a.Moto.URL)
	}
	if err != nil {
		a.Account.Close()
		return nil, fmt.Errorf("prepare the account: %w", err)
	}
	return a, nil
}

// Close ends the account and what stands before it.
func (a *meteredAccount) Close() {
	_ = a.meter.Close()
	a.Account.Close()
}

// function returns the function of a control in enforce, as the template has it, with its settings edited.
func (a *meteredAccount) function(control string, edit func(*settings.Function)) (f lambdahost.Function, err error) {
	name := settings.FunctionName(control)
	i := slices.IndexFunc(a.Stack.Functions, func(f stack.Function) bool { return f.Name == name })
	if i < 0 {
		return f, fmt.Errorf("the template has no function of %s", control)
	}
	deployed := a.Stack.Functions[i]
	binary, err := a.root.Binary(control, project.Apart)
	if err != nil {
		return f, err
	}
	env := maps.Clone(deployed.Env)
	maps.Copy(env, map[string]string{
		"AWS_REGION": emulator.Region, "AWS_ENDPOINT_URL": a.URL,
		"AWS_ACCESS_KEY_ID": "ASIAOFTHEMEASUREMENT", "AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "none",
		"AWS_LAMBDA_FUNCTION_NAME":        name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(deployed.MemoryMB),
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
	})
	err = settings.Edit(env, func(f *settings.Function) {
		f.EventClock, f.Mode, f.Reach.All = true, "enforce", true
		edit(f)
	})
	return lambdahost.Function{
		Name: name, ARN: deployed.ARN, Binary: binary, Env: env, Timeout: deployed.Timeout, Retries: deployed.Retries,
	}, err
}

// unreached is a blast radius that no burst reaches: the largest that the settings allow.
const unreached = 1000

// oneCore is the function of a control, or the floor, on one core, with a blast radius that it does not reach.
func (a *meteredAccount) oneCore(control string) (f lambdahost.Function, err error) {
	if control == floorName {
		f, err = floorFunction(a.root)
	} else {
		f, err = a.function(control, func(f *settings.Function) { f.BlastRadius = unreached })
	}
	if err == nil {
		f.Env["GOMAXPROCS"] = "1"
	}
	return f, err
}

// A host is a place with the real function. It keeps no logs.
type host struct {
	*lambdahost.Host
	name string
}

func newHost(f lambdahost.Function) host {
	return host{lambdahost.New([]lambdahost.Function{f}, lambdahost.Options{}), f.Name}
}

func (h host) handle(ctx context.Context, event []byte) (time.Duration, error) {
	result, err := h.Invoke(ctx, h.name, event)
	if err == nil && result.Failed {
		err = errors.New(string(result.Payload))
	}
	if err != nil {
		return 0, fmt.Errorf("invoke %s: %w", h.name, err)
	}
	return result.Duration, nil
}

func (h host) processorTime() (time.Duration, error) { return processorTime(h.Processes()[0]) }

// memory is a place in this process.
type memory struct {
	*deployment.Memory
	name   string
	opened time.Time
}

// inMemory is an account in memory with the one control and these settings.
func (b bench) inMemory(state fakeaws.State, id string, edit func(*settings.Settings)) (*memory, error) {
	all, err := functions.Controls()
	if err != nil {
		return nil, err
	}
	set, err := b.root.TourSettings(all)
	if err != nil {
		return nil, err
	}
	edit(&set)
	rules, err := deployment.NewRules(state.ID, map[string]string{id: ruleARN(id)})
	if err != nil {
		return nil, err
	}
	account, err := deployment.NewMemory(deployment.MemoryOptions{
		State: state, Rules: rules, Controls: []string{id}, Environments: 1, Concurrency: iamuser.Concurrency,
		Settings: deployment.Enforcing(set, state.ID, set.BlastRadius),
	})
	return &memory{account, id, time.Now()}, err
}

func (m *memory) handle(ctx context.Context, event []byte) (time.Duration, error) {
	begin := time.Now()
	answers, err := m.Deliver(ctx, event)
	if err == nil && (len(answers) != 1 || answers[0].Failed) {
		err = fmt.Errorf("%+v", answers)
	}
	if err != nil {
		return 0, fmt.Errorf("deliver to %s in memory: %w", m.name, err)
	}
	return time.Since(begin), nil
}

// processorTime takes the time on the wall for it: the process does nothing else.
func (m *memory) processorTime() (time.Duration, error) { return time.Since(m.opened), nil }

// Close does nothing: the account goes with the process.
func (m *memory) Close() {}

// sweepEvent is the event of the daily sweep, as EventBridge sends it.
func sweepEvent(control string, at time.Time) []byte {
	event, _ := json.Marshal(map[string]any{ // cannot fail: strings
		"version": "0", "id": "bench-" + control + "-" + strconv.FormatInt(at.UnixNano(), 36),
		"detail-type": "Scheduled Event", "source": "aws.events",
		"account": moto.AccountID, "time": at.UTC().Format(time.RFC3339), "region": emulator.Region,
		"resources": []string{ruleARN(control)}, "detail": struct{}{},
	})
	return event
}

func ruleARN(control string) string {
	return "arn:aws:events:" + emulator.Region + ":" + moto.AccountID + ":rule/" + control
}

// event reads a file, which is in events/ or names the folder itself.
func (b bench) event(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(string(b.root), "events", filepath.Base(name)))
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	return data, nil
}

// sampleID matches the ids of an event and of its CloudTrail record.
var sampleID = regexp.MustCompile(`("id"|"eventID"): "[0-9a-f]{8}`)

// samples returns so many events like a sample, each about a user of its own.
func (b bench) samples(name string, n int) ([][]byte, error) {
	sample, err := b.event(name)
	events := make([][]byte, n)
	for i := range events {
		text := sampleID.ReplaceAllString(string(sample), fmt.Sprintf(`$1: "%08x`, i))
		events[i] = []byte(strings.NewReplacer(
			`"bob"`, `"`+user(i)+`"`, "user/bob", "user/"+user(i), "111122223333", moto.AccountID,
		).Replace(text))
	}
	return events, err
}

func user(i int) string { return fmt.Sprintf("user-%04d", i) }

// crowd is an account of so many users, of whom one in a hundred has a finding for every control.
func crowd(users int, now time.Time) fakeaws.State {
	state := fakeaws.Large(users, now, now)
	state.ID = moto.AccountID
	arn := "arn:aws:iam::" + moto.AccountID + ":policy/" + boundary
	state.Policies[arn] = document
	for i := range users {
		if one := state.Users[user(i)]; fakeaws.Matters(i) {
			one.Tags["warder:rotate"] = "yes"
		} else {
			one.Boundary = arn
		}
	}
	return state
}

// burdened is an account of so many users, each with the direct policy of the sample.
func burdened(users int) fakeaws.State {
	const policy = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	state := fakeaws.State{
		ID: moto.AccountID, Users: map[string]*fakeaws.User{},
		Policies: map[string]fakeaws.Document{policy: document},
	}
	for i := range users {
		state.Users[user(i)] = &fakeaws.User{
			Created: time.Now().AddDate(-1, 0, 0), Tags: map[string]string{"owner": "owner@example.com"},
			Attached: []string{policy},
		}
	}
	return state
}

// A meter is the endpoint of the functions in a measurement. It counts each call and forwards it to moto.
type meter struct {
	http.Server
	moto *httputil.ReverseProxy

	mu     sync.Mutex
	calls  map[string]int                       // by operation, such as iam:ListAccessKeys
	refuse func(operation string) (code string) // the error code to refuse a call with, empty for none
}

// startMeter starts a meter before moto at the address, and returns its own address.
func startMeter(ctx context.Context, address string) (*meter, string, error) {
	to, err := url.Parse(address)
	if err != nil {
		return nil, "", fmt.Errorf("meter %s: %w", address, err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("listen: %w", err)
	}
	m := &meter{
		moto: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Set("X-Moto-Account-Id", moto.AccountID)
		}},
		calls:  map[string]int{},
		refuse: func(string) string { return "" },
	}
	m.Handler, m.ReadHeaderTimeout = http.HandlerFunc(m.serve), 10*time.Second
	go func() { _ = m.Serve(listener) }()
	return m, "http://" + listener.Addr().String(), nil
}

// scope finds the service in the signature of a request.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
var scope = regexp.MustCompile(`Credential=[^/,]+/\d*/[^/,]+/([^/,]+)/aws4_request`)

func (m *meter) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	service, name := "", r.Method
	if found := scope.FindStringSubmatch(r.Header.Get("Authorization")); found != nil {
		service = found[1]
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		name = target[strings.LastIndex(target, ".")+1:]
	} else if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" {
		name = form.Get("Action")
	}
	if code := m.count(service + ":" + name); code != "" {
		// As services answer that speak the query protocol, such as IAM and SNS:
		// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "<ErrorResponse><Error><Type>Sender</Type><Code>"+code+"</Code>"+
			"<Message>refused</Message></Error></ErrorResponse>")
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	m.moto.ServeHTTP(w, r)
}

// count counts a call that begins, and returns the code to refuse it with.
func (m *meter) count(operation string) (code string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[operation]++
	return m.refuse(operation)
}

// take returns the calls by operation since it was called last.
func (m *meter) take() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := m.calls
	m.calls = map[string]int{}
	return calls
}
