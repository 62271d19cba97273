package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/rush"
	"github.com/warder-aws/warder/infra/local/stack"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const region = "us-east-1"

// An emulated account is moto with the resources of the template and a meter before it. It turns no
// call into an event: what is measured is what a function does with the one event that it is given.
type emulated struct {
	meter  *meter
	stack  stack.Stack
	moto   *moto.Server
	root   project.Root
	url    string // of the meter
	server *http.Server
	// connections is how many connections were made to it.
	connections atomic.Int64
}

// openEmulated starts an account in which the users are. Whoever calls it closes it.
func openEmulated(ctx context.Context, root project.Root, users map[string]*fakeaws.User) (_ *emulated, err error) {
	python, err := root.Python()
	if err != nil {
		return nil, err
	}
	templates, err := root.Templates(project.Tour)
	if err != nil {
		return nil, err
	}
	template, err := os.ReadFile(templates[0].Path)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	e := &emulated{root: root}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.moto, err = moto.Start(ctx, python, root.Launcher()); err != nil {
		return nil, err
	}
	cfg := aws.Config{
		Region: region, BaseEndpoint: &e.moto.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIAOFTHEMEASUREMENT", "none", ""),
	}
	if e.stack, err = stack.Create(ctx, template, stack.NewClients(cfg), templates[0].Stack, moto.AccountID, region); err != nil {
		return nil, fmt.Errorf("create the stack: %w", err)
	}
	if _, err := iam.NewFromConfig(cfg).CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String(rush.Boundary), PolicyDocument: aws.String(rush.Document)}); err != nil {
		return nil, fmt.Errorf("create the boundary: %w", err)
	}
	if err := e.moto.AddUsers(ctx, users); err != nil {
		return nil, fmt.Errorf("add users: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	e.url = "http://" + listener.Addr().String()
	e.meter = &meter{moto: e.moto.URL, account: moto.AccountID}
	e.meter.reset()
	e.server = &http.Server{Handler: e.meter, ReadHeaderTimeout: 10 * time.Second, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			e.connections.Add(1)
		}
	}}
	go func() { _ = e.server.Serve(listener) }()
	return e, nil
}

func (e *emulated) close() {
	if e.server != nil {
		_ = e.server.Close()
	}
	if e.moto != nil {
		e.moto.Close()
	}
}

// function is the function of a control, as the template has it, in enforce, with its settings edited.
func (e *emulated) function(control string, edit func(*settings.Function)) (lambdahost.Function, error) {
	for _, f := range e.stack.Functions {
		if f.Name != settings.FunctionName(control) {
			continue
		}
		binary, err := e.root.Binary(control)
		if err != nil {
			return lambdahost.Function{}, err
		}
		env := map[string]string{}
		maps.Copy(env, f.Env)
		maps.Copy(env, map[string]string{
			"AWS_REGION": region, "AWS_ACCESS_KEY_ID": "ASIAOFTHEMEASUREMENT", "AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "none",
			"AWS_LAMBDA_FUNCTION_NAME": f.Name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB), "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
			"AWS_ENDPOINT_URL": e.url,
		})
		if err := settings.Edit(env, func(f *settings.Function) {
			f.EventClock, f.Mode = true, "enforce"
			edit(f)
		}); err != nil {
			return lambdahost.Function{}, fmt.Errorf("settings of %s: %w", control, err)
		}
		return lambdahost.Function{Name: f.Name, ARN: f.ARN, Binary: binary, Env: env, Timeout: f.Timeout, Retries: f.Retries}, nil
	}
	return lambdahost.Function{}, fmt.Errorf("the template has no function of %s", control)
}

// peak is how much memory the process had resident at most, resident how much it has now, in kB.
// https://docs.kernel.org/filesystems/proc.html: VmHWM and VmRSS
func peak(pid int) (int64, error)     { return memory(pid, "VmHWM:") }
func resident(pid int) (int64, error) { return memory(pid, "VmRSS:") }

func memory(pid int, field string) (int64, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("read the memory of process %d: no %s", pid, field)
}

// silent is a host that keeps nothing.
var silent lambdahost.Options

// event is the event of the daily sweep, as EventBridge sends it.
func sweepEvent(control, account string, at time.Time) []byte {
	event, _ := json.Marshal(map[string]any{ // cannot fail: strings
		"version": "0", "id": "bench-" + control + "-" + strconv.FormatInt(at.UnixNano(), 36), "detail-type": "Scheduled Event", "source": "aws.events",
		"account": account, "time": at.UTC().Format(time.RFC3339), "region": region,
		"resources": []string{rule(control, account)}, "detail": struct{}{},
	})
	return event
}

func rule(control, account string) string {
	return "arn:aws:events:" + region + ":" + account + ":rule/" + control
}
