// Package ssm finds and ends sessions of Session Manager, and finds the machines that have a tag, in any region.
// Nothing can resume a session that is over.
//
// It calls Systems Manager by package awsjson: a function that links the client of the SDK starts slower.
package ssm

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
)

// Client is Systems Manager in every region.
type Client struct{ cfg aws.Config }

// New is a client with a configuration, whose region it does without.
func New(cfg aws.Config) Client { return Client{cfg.Copy()} }

// call makes a call in a region.
func call[Out any](ctx context.Context, c Client, region, operation string, in any) (*Out, error) {
	return awsjson.Call[Out](ctx, awsjson.In(c.cfg, region, "SSM", "AmazonSSM"), operation, in)
}

// DescribeSessionsInput asks for a page of sessions.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeSessions.html
type DescribeSessionsInput struct {
	Region    string `json:"-"`
	State     string // "Active" or "History"
	Filters   []SessionFilter
	NextToken string `json:",omitempty"`
}

// SessionFilter says which sessions: Key may be "SessionId".
type SessionFilter struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// DescribeSessionsOutput is a page of sessions. NextToken is empty on the last one.
type DescribeSessionsOutput struct {
	Sessions  []Session
	NextToken string
}

// Session is a session of Session Manager, or of ECS Exec, which is one.
type Session struct {
	SessionID string `json:"SessionId"`
	Target    string // id of a machine, or "ecs:CLUSTER_TASK_RUNTIME"
	Status    string // "Connected", "Connecting", "Disconnected", "Terminated", "Terminating" or "Failed"
}

// DescribeSessions lists a page of sessions.
func (c Client) DescribeSessions(ctx context.Context, in *DescribeSessionsInput) (*DescribeSessionsOutput, error) {
	return call[DescribeSessionsOutput](ctx, c, in.Region, "DescribeSessions", in)
}

// TerminateSessionInput names a session.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_TerminateSession.html
type TerminateSessionInput struct {
	Region    string `json:"-"`
	SessionID string `json:"SessionId"`
}

// TerminateSessionOutput names the session.
type TerminateSessionOutput struct {
	SessionID string `json:"SessionId"`
}

// TerminateSession ends a session.
func (c Client) TerminateSession(ctx context.Context, in *TerminateSessionInput) (*TerminateSessionOutput, error) {
	return call[TerminateSessionOutput](ctx, c, in.Region, "TerminateSession", in)
}

// DescribeInstanceInformationInput asks for a page of the machines that Systems Manager manages.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html
type DescribeInstanceInformationInput struct {
	Region    string `json:"-"`
	Filters   []InstanceFilter
	NextToken string `json:",omitempty"`
}

// InstanceFilter says which machines: Key may be "tag:" and the key of a tag.
type InstanceFilter struct {
	Key    string
	Values []string
}

// DescribeInstanceInformationOutput is a page of machines. NextToken is empty on the last one.
type DescribeInstanceInformationOutput struct {
	InstanceInformationList []Instance
	NextToken               string
}

// Instance is a machine.
type Instance struct {
	InstanceID string `json:"InstanceId"`
}

// DescribeInstanceInformation lists a page of machines.
func (c Client) DescribeInstanceInformation(
	ctx context.Context, in *DescribeInstanceInformationInput,
) (*DescribeInstanceInformationOutput, error) {
	return call[DescribeInstanceInformationOutput](ctx, c, in.Region, "DescribeInstanceInformation", in)
}

// Finder finds sessions.
type Finder interface {
	DescribeSessions(context.Context, *DescribeSessionsInput) (*DescribeSessionsOutput, error)
}

// Reader lists the operations that read.
type Reader interface {
	Finder
	DescribeInstanceInformation(
		context.Context, *DescribeInstanceInformationInput,
	) (*DescribeInstanceInformationOutput, error)
}

// Sessions lists the operations that end a session.
type Sessions interface {
	Finder
	TerminateSession(context.Context, *TerminateSessionInput) (*TerminateSessionOutput, error)
}

// pages calls for one page after the other, until one has no token.
func pages[T any](next func(token string) (items []T, following string, err error)) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		for token := ""; ; {
			items, following, err := next(token)
			if !yield(items, err) || err != nil || following == "" || following == token {
				return
			}
			token = following
		}
	}
}

// Active returns the session with the id, nil when it is over or was never there.
func Active(ctx context.Context, api Finder, region, id string) (*Session, error) {
	for page, err := range pages(func(token string) ([]Session, string, error) {
		out, err := api.DescribeSessions(ctx, &DescribeSessionsInput{
			Region: region, State: "Active", Filters: []SessionFilter{{"SessionId", id}}, NextToken: token,
		})
		if err != nil {
			return nil, "", change.Wrap(err, "describe session %q in %s", id, region)
		}
		return out.Sessions, out.NextToken, nil
	}) {
		if err != nil {
			return nil, err
		}
		for _, s := range page {
			if s.SessionID == id && !slices.Contains([]string{"Terminating", "Terminated", "Failed"}, s.Status) {
				return &s, nil
			}
		}
	}
	return nil, nil
}

// Tagged reports whether the machine is one that has the tag. A filter by tag cannot be combined with one by id, so the
// machines with the tag are listed, which are few.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_InstanceInformationStringFilter.html
func Tagged(ctx context.Context, api Reader, region, machine, key, value string) (bool, error) {
	for page, err := range pages(func(token string) ([]Instance, string, error) {
		out, err := api.DescribeInstanceInformation(ctx, &DescribeInstanceInformationInput{
			Region: region, Filters: []InstanceFilter{{"tag:" + key, []string{value}}}, NextToken: token,
		})
		if err != nil {
			return nil, "", fmt.Errorf("describe the machines with tag %s in %s: %w", key, region, err)
		}
		return out.InstanceInformationList, out.NextToken, nil
	}) {
		if err != nil || slices.Contains(page, Instance{machine}) {
			return err == nil, err
		}
	}
	return false, nil
}

// Kinds returns a registry of the changes to sessions.
func Kinds(api Sessions) change.Registry { return change.NewRegistry(session{api: api}) }

type session struct {
	change.Sessions
	api Sessions
}

func (k session) Read(ctx context.Context, c change.Change) (string, error) {
	region, id, _ := strings.Cut(c.Target, "/")
	found, err := Active(ctx, k.api, region, id)
	if err != nil || found == nil {
		return "", err
	}
	return change.Connected, nil
}

func (k session) Set(ctx context.Context, c change.Change) error {
	region, id, _ := strings.Cut(c.Target, "/")
	if c.After != "" {
		return fmt.Errorf("set session %q to %q: %s", id, c.After, k.Final())
	}
	_, err := k.api.TerminateSession(ctx, &TerminateSessionInput{Region: region, SessionID: id})
	return change.Wrap(err, "terminate session %q in %s", id, region)
}
