package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const (
	region = emulator.Region
	// boundary is the name of the permissions boundary that the tour's settings require of users.
	boundary = "limit"
	// document is the document of every policy in a measurement.
	document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
)

// A meteredAccount is moto with the resources of the template, behind a meter. It turns no call into an
// event: the measurement is of what a function does with the one event that it is given.
type meteredAccount struct {
	*emulator.Account
	meter  *meter
	root   project.Root
	server *http.Server
	// connections counts the connections to the meter.
	connections atomic.Int64
}

// openAccount starts an account with the users. The caller closes it.
func openAccount(ctx context.Context, users map[string]*fakeaws.User) (_ *meteredAccount, err error) {
	a := &meteredAccount{}
	if a.root, err = project.Find(); err != nil {
		return nil, err
	}
	if a.Account, err = emulator.Open(ctx, project.Tour, os.Stderr); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if _, err := iam.NewFromConfig(a.Unrecorded()).CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: aws.String(boundary), PolicyDocument: aws.String(document),
	}); err != nil {
		return nil, fmt.Errorf("create the boundary: %w", err)
	}
	if err := a.Moto.AddUsers(ctx, users); err != nil {
		return nil, fmt.Errorf("add users: %w", err)
	}
	if a.meter, err = newMeter(a.Moto.URL); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	a.URL = "http://" + listener.Addr().String()
	a.server = &http.Server{Handler: a.meter, ReadHeaderTimeout: 10 * time.Second}
	a.server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			a.connections.Add(1)
		}
	}
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

func (a *meteredAccount) close() {
	if a.server != nil {
		_ = a.server.Close()
	}
	a.Close()
}

// function returns the function of a control in enforce, as the template has it, with its settings edited.
func (a *meteredAccount) function(control string, edit func(*settings.Function)) (lambdahost.Function, error) {
	for _, f := range a.Stack.Functions {
		if f.Name != settings.FunctionName(control) {
			continue
		}
		binary, err := a.root.Binary(control)
		if err != nil {
			return lambdahost.Function{}, err
		}
		env := maps.Clone(f.Env)
		maps.Copy(env, map[string]string{
			"AWS_REGION": region, "AWS_ENDPOINT_URL": a.URL,
			"AWS_ACCESS_KEY_ID": "ASIAOFTHEMEASUREMENT", "AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "none",
			"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
			"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
			"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		})
		if err := settings.Edit(env, func(f *settings.Function) {
			f.EventClock, f.Mode = true, "enforce"
			edit(f)
		}); err != nil {
			return lambdahost.Function{}, fmt.Errorf("settings of %s: %w", control, err)
		}
		return lambdahost.Function{
			Name: f.Name, ARN: f.ARN, Binary: binary, Env: env, Timeout: f.Timeout, Retries: f.Retries,
		}, nil
	}
	return lambdahost.Function{}, fmt.Errorf("the template has no function of %s", control)
}

// newHost starts a Lambda host with one function. It keeps no logs.
func newHost(f lambdahost.Function) *lambdahost.Host {
	return lambdahost.New([]lambdahost.Function{f}, lambdahost.Options{})
}

// invoke has the function handle an event.
func invoke(ctx context.Context, h *lambdahost.Host, name string, event []byte) (lambdahost.Result, error) {
	result, err := h.Invoke(ctx, name, event)
	if err == nil && result.Failed {
		err = fmt.Errorf("%s", result.Payload)
	}
	if err != nil {
		return result, fmt.Errorf("invoke %s: %w", name, err)
	}
	return result, nil
}

// sweepEvent is the event of the daily sweep, as EventBridge sends it.
func sweepEvent(control string, at time.Time) []byte {
	event, _ := json.Marshal(map[string]any{ // cannot fail: strings
		"version": "0", "id": "bench-" + control + "-" + strconv.FormatInt(at.UnixNano(), 36),
		"detail-type": "Scheduled Event", "source": "aws.events",
		"account": moto.AccountID, "time": at.UTC().Format(time.RFC3339), "region": region,
		"resources": []string{ruleARN(control)}, "detail": struct{}{},
	})
	return event
}

func ruleARN(control string) string {
	return "arn:aws:events:" + region + ":" + moto.AccountID + ":rule/" + control
}
