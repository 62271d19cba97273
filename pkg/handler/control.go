package handler

import (
	"context"
	"embed"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
)

// Control is all of one control, for the deployed program, the tests, the simulator and the benchmarks alike.
type Control struct {
	Description []byte // its control.json
	Korean      []byte // its catalogue of messages, for package i18n
	// New makes the planner, and adds to [Setup.Kinds] the kinds of change that are not IAM's.
	New func(Setup) (remediation.Planner, error)
	// ReadAPI is the interface of the operations that the planner reads with; nil if it reads nothing.
	// Nothing else reaches the planner, so it cannot write.
	ReadAPI reflect.Type
}

// NewControl is a control of the files control.json and ko.json, whose planner reads with ReadAPI.
func NewControl[ReadAPI any](files embed.FS, planner func(Setup) (remediation.Planner, error)) Control {
	read := func(name string) []byte {
		data, err := files.ReadFile(name)
		if err != nil {
			panic(err) // the compiler has embedded it
		}
		return data
	}
	c := Control{Description: read("control.json"), Korean: read("ko.json"), New: planner}
	if api := reflect.TypeFor[ReadAPI](); api.NumMethod() > 0 {
		c.ReadAPI = api
	}
	return c
}

// Tool is all of one tool: a function that a person invokes with a request and that answers it.
type Tool[Request, Answer any] struct {
	Description []byte // its control.json
	Korean      []byte // its catalogue of messages; nil if it has none
	// New makes what answers a request.
	New func(Setup) (func(context.Context, Request) (Answer, error), error)
}

// Setup is what a planner or a tool is made from: the runner that it is for, and clients.
type Setup struct {
	*remediation.Runner
	AWS aws.Config // makes the clients of services other than IAM
	// IAM is the one client of IAM: planner and runner share its connection, and its pace when calls are throttled.
	IAM         *iam.Client
	Concurrency int // how many users a sweep scans side by side; one after the other if it is 0
}

// Connect completes the control's runner with its planner and what reaches AWS, but for ledger, topic and clock.
func (c Control) Connect(r *remediation.Runner, cfg aws.Config, concurrency int) (err error) {
	s := connect(r, cfg, c.Korean)
	s.Concurrency = concurrency
	if !r.Settings.ByUser() {
		r.Planner, err = c.New(s)
		return err
	}
	var variants remediation.ByUser
	for _, parameters := range r.Settings.Choices() {
		with := *r
		with.Settings.Parameters = parameters
		s.Runner = &with
		planner, err := c.New(s)
		if err != nil {
			return err
		}
		variants = append(variants, remediation.Variant{Settings: with.Settings, Planner: planner})
	}
	r.Planner = variants
	return nil
}

// Connect makes what answers the tool's requests, and completes the runner that it uses.
func (t Tool[Request, Answer]) Connect(
	r *remediation.Runner, cfg aws.Config,
) (func(context.Context, Request) (Answer, error), error) {
	return t.New(connect(r, cfg, t.Korean))
}

func connect(r *remediation.Runner, cfg aws.Config, korean []byte) Setup {
	if korean != nil {
		i18n.Register("ko", korean)
	}
	client := iam.NewFromConfig(cfg)
	r.Kinds = change.ForIAM(client)
	r.Owners = owner.Book{API: client, Owners: r.Settings.Owners}
	r.Account, r.Region = r.Settings.Account, cfg.Region
	return Setup{Runner: r, AWS: cfg, IAM: client}
}
