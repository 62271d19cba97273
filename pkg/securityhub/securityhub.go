// Package securityhub reads Security Hub in a region, and switches it and its standards on and off. It never touches
// findings, controls or members.
package securityhub

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
)

// Client calls Security Hub in every region.
type Client struct{ cfg aws.Config }

// New makes a client.
func New(cfg aws.Config) *Client { return &Client{cfg} }

func call[Out any](ctx context.Context, c *Client, region, operation, method, path string, in any) (*Out, error) {
	return awsjson.Rest[Out](ctx, awsjson.In(c.cfg, region, "SecurityHub", ""), operation, method, path, in)
}

// GetEnabledStandardsInput names a page of the standards of a region.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetEnabledStandards.html
type GetEnabledStandardsInput struct {
	Region    string `json:"-"`
	NextToken string `json:",omitempty"`
}

// GetEnabledStandardsOutput has standards. NextToken is empty on the last page.
type GetEnabledStandardsOutput struct {
	NextToken              string
	StandardsSubscriptions []Subscription
}

// Subscription is a standard that is on.
type Subscription struct {
	StandardsSubscriptionARN string `json:"StandardsSubscriptionArn"`
	StandardsARN             string `json:"StandardsArn"`
	StandardsStatus          string // Deleting, or another
}

// Deleting is the status of a standard that is switched off.
const Deleting = "DELETING"

// GetEnabledStandards lists the standards that are on.
func (c *Client) GetEnabledStandards(
	ctx context.Context, in *GetEnabledStandardsInput,
) (*GetEnabledStandardsOutput, error) {
	return call[GetEnabledStandardsOutput](ctx, c, in.Region, "GetEnabledStandards", http.MethodPost, "standards/get", in)
}

// Nothing is the answer of an operation that says nothing which Warder needs.
type Nothing struct{}

// EnableSecurityHubInput names a region.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_EnableSecurityHub.html
type EnableSecurityHubInput struct {
	Region                 string `json:"-"`
	EnableDefaultStandards bool
}

// EnableSecurityHub switches Security Hub on.
func (c *Client) EnableSecurityHub(ctx context.Context, in *EnableSecurityHubInput) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "EnableSecurityHub", http.MethodPost, "accounts", in)
}

// DisableSecurityHubInput names a region.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_DisableSecurityHub.html
type DisableSecurityHubInput struct {
	Region string `json:"-"`
}

// DisableSecurityHub switches Security Hub off.
func (c *Client) DisableSecurityHub(ctx context.Context, in *DisableSecurityHubInput) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "DisableSecurityHub", http.MethodDelete, "accounts", in)
}

// Standard names a standard.
type Standard struct {
	StandardsARN string `json:"StandardsArn"`
}

// BatchEnableStandardsInput names standards.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchEnableStandards.html
type BatchEnableStandardsInput struct {
	Region                        string `json:"-"`
	StandardsSubscriptionRequests []Standard
}

// BatchEnableStandards switches standards on.
func (c *Client) BatchEnableStandards(ctx context.Context, in *BatchEnableStandardsInput) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "BatchEnableStandards", http.MethodPost, "standards/register", in)
}

// BatchDisableStandardsInput names subscriptions of standards.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchDisableStandards.html
type BatchDisableStandardsInput struct {
	Region                    string   `json:"-"`
	StandardsSubscriptionARNs []string `json:"StandardsSubscriptionArns"`
}

// BatchDisableStandards switches standards off.
func (c *Client) BatchDisableStandards(ctx context.Context, in *BatchDisableStandardsInput) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "BatchDisableStandards", http.MethodPost, "standards/deregister", in)
}

// Reads are the operations that Security Hub is read with.
type Reads interface {
	GetEnabledStandards(context.Context, *GetEnabledStandardsInput) (*GetEnabledStandardsOutput, error)
}

// Kinds returns a registry of the changes to Security Hub.
func Kinds(c *Client) change.Registry { return change.NewRegistry(kind{client: c}) }

type kind struct {
	change.Hubs
	client *Client
}

func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	_, value, err := Read(ctx, k.client, c.Target)
	return value, err
}

// Read reads Security Hub in a region: the subscriptions by standard, nil if it is off, and the value. That is empty
// too if it is on and checks nothing, as it is for a moment when it is switched on again.
func Read(ctx context.Context, api Reads, region string) (on map[string]string, value string, err error) {
	on = map[string]string{}
	var names change.Standards
	for s, err := range awsjson.Pages(func(token string) ([]Subscription, string, error) {
		out, err := api.GetEnabledStandards(ctx, &GetEnabledStandardsInput{region, token})
		if err != nil {
			return nil, "", err
		}
		return out.StandardsSubscriptions, out.NextToken, nil
	}) {
		if off(err) {
			return nil, "", nil
		}
		if err != nil {
			return nil, "", change.Wrap(err, "get enabled standards in %s", region)
		}
		if s.StandardsStatus != Deleting {
			on[s.StandardsARN] = s.StandardsSubscriptionARN
			names.Standards = append(names.Standards, s.StandardsARN)
		}
	}
	if len(on) == 0 {
		return on, "", nil
	}
	return on, names.Or(change.Standards{}).Text(), nil
}

// off reports whether the error says that Security Hub is off: the account "is not subscribed" to it.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetEnabledStandards.html
func off(err error) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && answer.ErrorCode() == "InvalidAccessException"
}

func (k kind) Set(ctx context.Context, c change.Change) error {
	return change.Wrap(change.Unless(ctx, k, c, k.set(ctx, c)), "set Security Hub in %s", c.Target)
}

func (k kind) set(ctx context.Context, c change.Change) error {
	on, present, err := Read(ctx, k.client, c.Target)
	if err != nil {
		return err
	}
	if c.After == "" {
		if on == nil {
			return nil
		}
		_, err := k.client.DisableSecurityHub(ctx, &DisableSecurityHubInput{c.Target})
		return err
	}
	is, err := change.ParseStandards(present)
	want, fault := change.ParseStandards(c.After)
	if err := errors.Join(err, fault); err != nil {
		return err
	}
	if on == nil {
		if _, err := k.client.EnableSecurityHub(ctx, &EnableSecurityHubInput{Region: c.Target}); err != nil {
			return err
		}
	}
	if missing := want.Without(is); len(missing) > 0 {
		in := &BatchEnableStandardsInput{Region: c.Target}
		for _, name := range missing {
			in.StandardsSubscriptionRequests = append(in.StandardsSubscriptionRequests, Standard{name})
		}
		if _, err := k.client.BatchEnableStandards(ctx, in); err != nil {
			return err
		}
	}
	if extra := is.Without(want); len(extra) > 0 {
		in := &BatchDisableStandardsInput{Region: c.Target}
		for _, name := range extra {
			in.StandardsSubscriptionARNs = append(in.StandardsSubscriptionARNs, on[name])
		}
		_, err = k.client.BatchDisableStandards(ctx, in)
	}
	return err
}
