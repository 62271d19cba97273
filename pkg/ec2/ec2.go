// Package ec2 reads and changes whom EBS snapshots and machine images are shared with, and makes and deletes flow logs.
// It calls EC2 by package awsjson: the client of the SDK is larger than a whole function.
package ec2

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
)

// Client is EC2 in every region.
type Client struct{ cfg aws.Config }

// New is a client with a configuration, whose region it does without.
func New(cfg aws.Config) Client { return Client{cfg.Copy()} }

func call[Out any](
	ctx context.Context, c Client, region, operation string, in interface{ Form() url.Values },
) (*Out, error) {
	return awsjson.Query[Out](ctx, awsjson.In(c.cfg, region, "EC2", "2016-11-15"), operation, in)
}

// Permission is one of whom a snapshot or an image is shared with: one of the fields is not empty.
type Permission struct {
	Group                 string `xml:"group"` // "all"
	UserID                string `xml:"userId"`
	OrganizationARN       string `xml:"organizationArn"`
	OrganizationalUnitARN string `xml:"organizationalUnitArn"`
}

// Name is what a change calls it.
func (p Permission) Name() string {
	return p.Group + p.UserID + p.OrganizationARN + p.OrganizationalUnitARN
}

// Named is the permission that a change calls so, see [change.ShareTarget].
func Named(name string) Permission {
	switch {
	case name == change.Everybody:
		return Permission{Group: name}
	case strings.Contains(name, ":organization/"):
		return Permission{OrganizationARN: name}
	case strings.Contains(name, ":ou/"):
		return Permission{OrganizationalUnitARN: name}
	}
	return Permission{UserID: name}
}

// errUnknown is the error of a permission of a kind that AWS did not have: what cannot be named cannot be taken away.
var errUnknown = errors.New("a share has neither a group, nor an account, nor an organization")

func names(all []Permission) (names []string, err error) {
	for _, p := range all {
		if p == (Permission{}) {
			return nil, errUnknown
		}
		names = append(names, p.Name())
	}
	return names, nil
}

// DescribeSnapshotAttributeInput names a snapshot.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshotAttribute.html
type DescribeSnapshotAttributeInput struct{ Region, SnapshotID string }

// Form is the input as it is sent.
func (in *DescribeSnapshotAttributeInput) Form() url.Values {
	return url.Values{"SnapshotId": {in.SnapshotID}, "Attribute": {"createVolumePermission"}}
}

// DescribeSnapshotAttributeOutput says whom it is shared with.
type DescribeSnapshotAttributeOutput struct {
	Permissions []Permission `xml:"createVolumePermission>item"`
}

// DescribeSnapshotAttribute reads whom a snapshot is shared with.
func (c Client) DescribeSnapshotAttribute(
	ctx context.Context, in *DescribeSnapshotAttributeInput,
) (*DescribeSnapshotAttributeOutput, error) {
	return call[DescribeSnapshotAttributeOutput](ctx, c, in.Region, "DescribeSnapshotAttribute", in)
}

// DescribeImageAttributeInput names an image.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImageAttribute.html
type DescribeImageAttributeInput struct{ Region, ImageID string }

// Form is the input as it is sent.
func (in *DescribeImageAttributeInput) Form() url.Values {
	return url.Values{"ImageId": {in.ImageID}, "Attribute": {"launchPermission"}}
}

// DescribeImageAttributeOutput says whom it is shared with.
type DescribeImageAttributeOutput struct {
	Permissions []Permission `xml:"launchPermission>item"`
}

// DescribeImageAttribute reads whom an image is shared with.
func (c Client) DescribeImageAttribute(
	ctx context.Context, in *DescribeImageAttributeInput,
) (*DescribeImageAttributeOutput, error) {
	return call[DescribeImageAttributeOutput](ctx, c, in.Region, "DescribeImageAttribute", in)
}

// DescribeTagsInput names a snapshot or an image.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html
type DescribeTagsInput struct{ Region, ResourceID string }

// Form is the input as it is sent. A resource has 50 tags at most, and a page more.
func (in *DescribeTagsInput) Form() url.Values {
	return url.Values{"Filter.1.Name": {"resource-id"}, "Filter.1.Value.1": {in.ResourceID}}
}

// DescribeTagsOutput has the tags.
type DescribeTagsOutput struct {
	Tags []Tag `xml:"tagSet>item"`
}

// Tag is a tag.
type Tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// DescribeTags reads the tags of a snapshot or an image; of one that does not exist there are none.
func (c Client) DescribeTags(ctx context.Context, in *DescribeTagsInput) (*DescribeTagsOutput, error) {
	return call[DescribeTagsOutput](ctx, c, in.Region, "DescribeTags", in)
}

// DescribeSnapshotsInput asks for a page of the account's own snapshots.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html
type DescribeSnapshotsInput struct{ Region, NextToken string }

// Form is the input as it is sent.
func (in *DescribeSnapshotsInput) Form() url.Values { return own(url.Values{}, in.NextToken) }

// own asks for a page of what the account owns.
func own(form url.Values, next string) url.Values {
	form.Set("Owner.1", "self")
	form.Set("MaxResults", "500")
	if next != "" {
		form.Set("NextToken", next)
	}
	return form
}

// DescribeSnapshotsOutput is a page.
type DescribeSnapshotsOutput struct {
	IDs       []string `xml:"snapshotSet>item>snapshotId"`
	NextToken string   `xml:"nextToken"`
}

// DescribeSnapshots lists the account's own snapshots.
func (c Client) DescribeSnapshots(ctx context.Context, in *DescribeSnapshotsInput) (*DescribeSnapshotsOutput, error) {
	return call[DescribeSnapshotsOutput](ctx, c, in.Region, "DescribeSnapshots", in)
}

// DescribeImagesInput asks for a page of the account's own images.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
type DescribeImagesInput struct{ Region, NextToken string }

// Form is the input as it is sent. Of what is deprecated the owner sees all anyway.
func (in *DescribeImagesInput) Form() url.Values { return own(url.Values{}, in.NextToken) }

// DescribeImagesOutput is a page.
type DescribeImagesOutput struct {
	IDs       []string `xml:"imagesSet>item>imageId"`
	NextToken string   `xml:"nextToken"`
}

// DescribeImages lists the account's own images.
func (c Client) DescribeImages(ctx context.Context, in *DescribeImagesInput) (*DescribeImagesOutput, error) {
	return call[DescribeImagesOutput](ctx, c, in.Region, "DescribeImages", in)
}

// Nothing is the answer of an operation that says nothing which Warder needs.
type Nothing struct{}

// ModifySnapshotAttributeInput adds or removes one of whom a snapshot is shared with.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySnapshotAttribute.html
type ModifySnapshotAttributeInput struct {
	Region, SnapshotID string
	Operation          string // Add or Remove
	Permission         Permission
}

// The operations of a modification.
const (
	Add    = "add"
	Remove = "remove"
)

// Form is the input as it is sent.
func (in *ModifySnapshotAttributeInput) Form() url.Values {
	return in.Permission.form(in.Operation, url.Values{
		"SnapshotId": {in.SnapshotID}, "Attribute": {"createVolumePermission"},
	})
}

func (p Permission) form(operation string, form url.Values) url.Values {
	form.Set("OperationType", operation)
	for field, value := range map[string]string{
		"UserGroup.1": p.Group, "UserId.1": p.UserID, "OrganizationArn.1": p.OrganizationARN,
		"OrganizationalUnitArn.1": p.OrganizationalUnitARN,
	} {
		if value != "" {
			form.Set(field, value)
		}
	}
	return form
}

// ModifySnapshotAttribute changes whom a snapshot is shared with.
func (c Client) ModifySnapshotAttribute(ctx context.Context, in *ModifySnapshotAttributeInput) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "ModifySnapshotAttribute", in)
}

// ModifyImageAttributeInput adds or removes one of whom an image is shared with.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html
type ModifyImageAttributeInput struct {
	Region, ImageID string
	Operation       string // Add or Remove
	Permission      Permission
}

// Form is the input as it is sent.
func (in *ModifyImageAttributeInput) Form() url.Values {
	return in.Permission.form(in.Operation, url.Values{"ImageId": {in.ImageID}, "Attribute": {"launchPermission"}})
}

// ModifyImageAttribute changes whom an image is shared with.
func (c Client) ModifyImageAttribute(ctx context.Context, in *ModifyImageAttributeInput) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "ModifyImageAttribute", in)
}
