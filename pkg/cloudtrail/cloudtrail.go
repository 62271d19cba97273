// Package cloudtrail reads trails of AWS CloudTrail, and starts, stops and narrows them or puts them back. It makes and
// deletes none, and never says where a trail delivers to.
package cloudtrail

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
)

// Client calls CloudTrail, each trail in its home region.
type Client struct{ cfg aws.Config }

// New makes a client.
func New(cfg aws.Config) *Client { return &Client{cfg} }

// target is before the operation in X-Amz-Target: that of the service's model in the SDKs.
const target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"

// call makes a call in the home region of a trail, or in the client's for no trail.
func call[Out any](ctx context.Context, c *Client, operation, trail string, in any) (*Out, error) {
	cfg := c.cfg
	if trail != "" {
		parsed, err := arn.Parse(trail)
		if err != nil {
			return nil, fmt.Errorf("read the ARN of trail %q: %w", trail, err)
		}
		cfg.Region = parsed.Region
	}
	return awsjson.Call[Out](ctx, awsjson.New(cfg, "CloudTrail", target), operation, in)
}

// ListTrailsInput names a page of the account's trails.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListTrails.html
type ListTrailsInput struct {
	NextToken string `json:",omitempty"`
}

// ListTrailsOutput has trails of all regions. NextToken is empty on the last page.
type ListTrailsOutput struct {
	NextToken string
	Trails    []struct{ TrailARN string }
}

// ListTrails lists trails.
func (c *Client) ListTrails(ctx context.Context, in *ListTrailsInput) (*ListTrailsOutput, error) {
	return call[ListTrailsOutput](ctx, c, "ListTrails", "", in)
}

// GetTrailInput names a trail by its ARN.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrail.html
type GetTrailInput struct{ Name string }

// GetTrailOutput has the settings of a trail.
type GetTrailOutput struct{ Trail Trail }

// Trail is what Warder needs to know of a trail.
type Trail struct {
	TrailARN                   string
	S3BucketName               string
	IncludeGlobalServiceEvents bool
	IsMultiRegionTrail         bool
	IsOrganizationTrail        bool
	LogFileValidationEnabled   bool
}

// Scope is how far it reaches.
func (t Trail) Scope() change.Scope {
	return change.Scope{
		GlobalEvents: t.IncludeGlobalServiceEvents, AllRegions: t.IsMultiRegionTrail, Validation: t.LogFileValidationEnabled,
	}
}

// GetTrail reads the settings of a trail.
func (c *Client) GetTrail(ctx context.Context, in *GetTrailInput) (*GetTrailOutput, error) {
	return call[GetTrailOutput](ctx, c, "GetTrail", in.Name, in)
}

// GetTrailStatusInput names a trail by its ARN.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html
type GetTrailStatusInput struct{ Name string }

// GetTrailStatusOutput says whether a trail records.
type GetTrailStatusOutput struct{ IsLogging bool }

// GetTrailStatus reads whether a trail records.
func (c *Client) GetTrailStatus(ctx context.Context, in *GetTrailStatusInput) (*GetTrailStatusOutput, error) {
	return call[GetTrailStatusOutput](ctx, c, "GetTrailStatus", in.Name, in)
}

// GetEventSelectorsInput names a trail by its ARN.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html
type GetEventSelectorsInput struct{ TrailName string }

// GetEventSelectorsOutput has the selectors of a trail.
type GetEventSelectorsOutput struct{ change.Selectors }

// GetEventSelectors reads which events a trail records.
func (c *Client) GetEventSelectors(ctx context.Context, in *GetEventSelectorsInput) (*GetEventSelectorsOutput, error) {
	return call[GetEventSelectorsOutput](ctx, c, "GetEventSelectors", in.TrailName, in)
}

// ListTagsInput names trails by their ARNs.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListTags.html
type ListTagsInput struct {
	ResourceIDList []string `json:"ResourceIdList"`
}

// ListTagsOutput has the tags of trails.
type ListTagsOutput struct {
	ResourceTagList []struct {
		ResourceID string `json:"ResourceId"`
		TagsList   []Tag
	}
}

// Tag is a tag.
type Tag struct{ Key, Value string }

// ListTags reads the tags of a trail: its list has room for one page of them, a trail has 50 at most.
func (c *Client) ListTags(ctx context.Context, in *ListTagsInput) (*ListTagsOutput, error) {
	return call[ListTagsOutput](ctx, c, "ListTags", in.ResourceIDList[0], in)
}

// Nothing is the answer of an operation that says nothing which Warder needs.
type Nothing struct{}

// StartLoggingInput names a trail by its ARN.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartLogging.html
type StartLoggingInput struct{ Name string }

// StartLogging has a trail record.
func (c *Client) StartLogging(ctx context.Context, in *StartLoggingInput) (*Nothing, error) {
	return call[Nothing](ctx, c, "StartLogging", in.Name, in)
}

// StopLoggingInput names a trail by its ARN.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StopLogging.html
type StopLoggingInput struct{ Name string }

// StopLogging has a trail record nothing.
func (c *Client) StopLogging(ctx context.Context, in *StopLoggingInput) (*Nothing, error) {
	return call[Nothing](ctx, c, "StopLogging", in.Name, in)
}

// PutEventSelectorsInput sets which events a trail records.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html
type PutEventSelectorsInput struct {
	TrailName string
	change.Selectors
}

// PutEventSelectors sets which events a trail records.
func (c *Client) PutEventSelectors(ctx context.Context, in *PutEventSelectorsInput) (*Nothing, error) {
	return call[Nothing](ctx, c, "PutEventSelectors", in.TrailName, in)
}

// UpdateTrailInput sets how far a trail reaches; what it does not name stays.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html
type UpdateTrailInput struct {
	Name                       string
	IncludeGlobalServiceEvents bool
	IsMultiRegionTrail         bool
	EnableLogFileValidation    bool
}

// UpdateTrail sets how far a trail reaches.
func (c *Client) UpdateTrail(ctx context.Context, in *UpdateTrailInput) (*Nothing, error) {
	return call[Nothing](ctx, c, "UpdateTrail", in.Name, in)
}
