// Package route53resolver reads which VPCs have their DNS queries logged, and starts and stops that. It deletes no
// configuration: that of others may use it.
package route53resolver

import (
	"context"
	"crypto/rand"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
)

// Client calls Route 53 Resolver in every region.
type Client struct{ cfg aws.Config }

// New makes a client.
func New(cfg aws.Config) *Client { return &Client{cfg} }

func call[Out any](ctx context.Context, c *Client, region, operation string, in any) (*Out, error) {
	return awsjson.Call[Out](ctx, awsjson.In(c.cfg, region, "Route53Resolver", "Route53Resolver"), operation, in)
}

// ListResolverQueryLogConfigsInput names a page of the configurations of a region.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_ListResolverQueryLogConfigs.html
type ListResolverQueryLogConfigsInput struct {
	Region    string `json:"-"`
	NextToken string `json:",omitempty"`
}

// ListResolverQueryLogConfigsOutput has configurations. NextToken is empty on the last page.
type ListResolverQueryLogConfigsOutput struct {
	NextToken string
	Configs   []Config `json:"ResolverQueryLogConfigs"`
}

// Config is where DNS queries are logged.
type Config struct {
	ID             string `json:"Id"`
	Name           string
	DestinationARN string `json:"DestinationArn"`
	Status         string
}

// ListResolverQueryLogConfigs lists configurations, those too that other accounts share.
func (c *Client) ListResolverQueryLogConfigs(
	ctx context.Context, in *ListResolverQueryLogConfigsInput,
) (*ListResolverQueryLogConfigsOutput, error) {
	return call[ListResolverQueryLogConfigsOutput](ctx, c, in.Region, "ListResolverQueryLogConfigs", in)
}

// ListResolverQueryLogConfigAssociationsInput names a page of the VPCs of a region whose queries are logged.
//
//nolint:lll // https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_ListResolverQueryLogConfigAssociations.html
type ListResolverQueryLogConfigAssociationsInput struct {
	Region    string `json:"-"`
	NextToken string `json:",omitempty"`
}

// ListResolverQueryLogConfigAssociationsOutput has associations. NextToken is empty on the last page.
type ListResolverQueryLogConfigAssociationsOutput struct {
	NextToken    string
	Associations []Association `json:"ResolverQueryLogConfigAssociations"`
}

// Association is that the queries of a VPC are logged as a configuration says.
type Association struct {
	ConfigID   string `json:"ResolverQueryLogConfigId"`
	ResourceID string `json:"ResourceId"`
	Status     string
}

// The status of what logs nothing any more.
const (
	Deleting = "DELETING"
	Failed   = "FAILED"
)

// ListResolverQueryLogConfigAssociations lists the VPCs whose queries are logged.
func (c *Client) ListResolverQueryLogConfigAssociations(
	ctx context.Context, in *ListResolverQueryLogConfigAssociationsInput,
) (*ListResolverQueryLogConfigAssociationsOutput, error) {
	return call[ListResolverQueryLogConfigAssociationsOutput](
		ctx, c, in.Region, "ListResolverQueryLogConfigAssociations", in)
}

// CreateResolverQueryLogConfigInput says where DNS queries are logged.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_CreateResolverQueryLogConfig.html
type CreateResolverQueryLogConfigInput struct {
	Region           string `json:"-"`
	Name             string
	DestinationARN   string `json:"DestinationArn"`
	CreatorRequestID string `json:"CreatorRequestId"`
}

// CreateResolverQueryLogConfigOutput has the new configuration.
type CreateResolverQueryLogConfigOutput struct {
	Config Config `json:"ResolverQueryLogConfig"`
}

// CreateResolverQueryLogConfig makes a configuration.
func (c *Client) CreateResolverQueryLogConfig(
	ctx context.Context, in *CreateResolverQueryLogConfigInput,
) (*CreateResolverQueryLogConfigOutput, error) {
	return call[CreateResolverQueryLogConfigOutput](ctx, c, in.Region, "CreateResolverQueryLogConfig", in)
}

// Nothing is the answer of an operation that says nothing which Warder needs.
type Nothing struct{}

// AssociateResolverQueryLogConfigInput names a configuration and a VPC.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_AssociateResolverQueryLogConfig.html
type AssociateResolverQueryLogConfigInput struct {
	Region     string `json:"-"`
	ConfigID   string `json:"ResolverQueryLogConfigId"`
	ResourceID string `json:"ResourceId"`
}

// AssociateResolverQueryLogConfig has the queries of a VPC logged.
func (c *Client) AssociateResolverQueryLogConfig(
	ctx context.Context, in *AssociateResolverQueryLogConfigInput,
) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "AssociateResolverQueryLogConfig", in)
}

// DisassociateResolverQueryLogConfigInput names a configuration and a VPC.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_DisassociateResolverQueryLogConfig.html
type DisassociateResolverQueryLogConfigInput struct {
	Region     string `json:"-"`
	ConfigID   string `json:"ResolverQueryLogConfigId"`
	ResourceID string `json:"ResourceId"`
}

// DisassociateResolverQueryLogConfig ends that the queries of a VPC are logged.
func (c *Client) DisassociateResolverQueryLogConfig(
	ctx context.Context, in *DisassociateResolverQueryLogConfigInput,
) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "DisassociateResolverQueryLogConfig", in)
}

// Reads are the operations that query logging is read with.
type Reads interface {
	ListResolverQueryLogConfigs(
		context.Context, *ListResolverQueryLogConfigsInput,
	) (*ListResolverQueryLogConfigsOutput, error)
	ListResolverQueryLogConfigAssociations(
		context.Context, *ListResolverQueryLogConfigAssociationsInput,
	) (*ListResolverQueryLogConfigAssociationsOutput, error)
}

// Kinds returns a registry of the changes to query logging. A VPC is exempted by its tags, which vpcs reads.
func Kinds(c *Client, vpcs change.Tagged) change.Registry {
	return change.NewRegistry(kind{client: c, Tagged: vpcs})
}

type kind struct {
	change.QueryLogs
	change.Tagged
	client *Client
}

func configs(ctx context.Context, api Reads, region string) iter.Seq2[Config, error] {
	return awsjson.Pages(func(token string) ([]Config, string, error) {
		out, err := api.ListResolverQueryLogConfigs(ctx, &ListResolverQueryLogConfigsInput{region, token})
		if err != nil {
			return nil, "", change.Wrap(err, "list query log configurations in %s", region)
		}
		return out.Configs, out.NextToken, nil
	})
}

// Logged lists the query logs of a region, each as a change whose Before is its value. Two of a VPC that log to the
// same place are one.
func Logged(ctx context.Context, api Reads, region string) (all []change.Change, err error) {
	known := map[string]Config{}
	for config, err := range configs(ctx, api, region) {
		if err != nil {
			return nil, err
		}
		known[config.ID] = config
	}
	for a, err := range awsjson.Pages(func(token string) ([]Association, string, error) {
		out, err := api.ListResolverQueryLogConfigAssociations(
			ctx, &ListResolverQueryLogConfigAssociationsInput{region, token})
		if err != nil {
			return nil, "", change.Wrap(err, "list VPCs whose queries are logged in %s", region)
		}
		return out.Associations, out.NextToken, nil
	}) {
		if err != nil {
			return nil, err
		}
		if config, ok := known[a.ConfigID]; ok && a.Status != Deleting && a.Status != Failed {
			all = append(all, change.Change{
				Kind: change.QueryLog, Subject: a.ResourceID, Target: region + " " + config.DestinationARN, Before: config.Name,
			})
		}
	}
	return all, nil
}

func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	region, _, _ := c.Share()
	all, err := Logged(ctx, k.client, region)
	for _, log := range all {
		if log.Thing() == c.Thing() {
			return log.Before, err
		}
	}
	return "", err
}

func (k kind) Set(ctx context.Context, c change.Change) error {
	region, destination, _ := c.Share()
	id := ""
	for config, err := range configs(ctx, k.client, region) {
		if err != nil {
			return err
		}
		if config.DestinationARN == destination && config.Name == c.Before+c.After { // one of them is empty
			id = config.ID
		}
	}
	var err error
	switch {
	case c.After == "":
		_, err = k.client.DisassociateResolverQueryLogConfig(ctx,
			&DisassociateResolverQueryLogConfigInput{region, id, c.Subject})
	case id == "":
		var out *CreateResolverQueryLogConfigOutput
		out, err = k.client.CreateResolverQueryLogConfig(ctx, &CreateResolverQueryLogConfigInput{
			region, c.After, destination, rand.Text(),
		})
		if err != nil {
			break
		}
		id = out.Config.ID
		fallthrough
	default:
		_, err = k.client.AssociateResolverQueryLogConfig(ctx,
			&AssociateResolverQueryLogConfigInput{region, id, c.Subject})
	}
	return change.Wrap(change.Unless(ctx, k, c, err), "set logging of DNS queries of %q", c.Subject)
}
