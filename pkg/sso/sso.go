// Package sso lists the instances of IAM Identity Center that the account has or sees. It changes nothing.
package sso

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
)

// Client calls IAM Identity Center, in every region.
type Client struct{ cfg aws.Config }

// New is a client with a configuration, whose region it does without.
func New(cfg aws.Config) Client { return Client{cfg.Copy()} }

// ListInstancesInput asks for the instances of a region.
// https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_ListInstances.html
type ListInstancesInput struct {
	Region    string `json:"-"` // that the call goes to
	NextToken string `json:",omitempty"`
}

// ListInstancesOutput has instances, those of the organization and those of the account alone.
type ListInstancesOutput struct {
	Instances []Instance
	NextToken string
}

// Instance is an instance.
type Instance struct {
	InstanceARN string `json:"InstanceArn"`
	Status      string // DELETE_IN_PROGRESS among others
}

// ListInstances lists a page of the instances of a region.
func (c Client) ListInstances(ctx context.Context, in *ListInstancesInput) (*ListInstancesOutput, error) {
	client := awsjson.In(c.cfg, in.Region, "SSO Admin", "SWBExternalService")
	client.Host, client.Signing = "sso", "sso"
	return awsjson.Call[ListInstancesOutput](ctx, client, "ListInstances", in)
}
