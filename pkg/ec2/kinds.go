package ec2

import (
	"context"
	"iter"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
)

// Kinds returns a registry of the changes to shares of snapshots and images.
func Kinds(c Client) change.Registry {
	return change.NewRegistry(
		kind{change.Shares{Kind: change.SnapshotShare}, tagged{c}},
		kind{change.Shares{Kind: change.ImageShare}, tagged{c}})
}

// Reads lists the operations that read whom something is shared with.
type Reads interface {
	DescribeSnapshotAttribute(
		context.Context, *DescribeSnapshotAttributeInput,
	) (*DescribeSnapshotAttributeOutput, error)
	DescribeImageAttribute(context.Context, *DescribeImageAttributeInput) (*DescribeImageAttributeOutput, error)
}

// Lists are the operations that list what may be shared.
type Lists interface {
	DescribeSnapshots(context.Context, *DescribeSnapshotsInput) (*DescribeSnapshotsOutput, error)
	DescribeImages(context.Context, *DescribeImagesInput) (*DescribeImagesOutput, error)
}

// All yields the ids of all snapshots or images of a region that are the account's own.
func All(ctx context.Context, api Lists, kind, region string) iter.Seq2[string, error] {
	return awsjson.Pages(func(token string) ([]string, string, error) {
		if kind == change.SnapshotShare {
			out, err := api.DescribeSnapshots(ctx, &DescribeSnapshotsInput{region, token})
			if err != nil {
				return nil, "", change.Wrap(err, "list what is the account's own in %s", region)
			}
			return out.IDs, out.NextToken, nil
		}
		out, err := api.DescribeImages(ctx, &DescribeImagesInput{region, token})
		if err != nil {
			return nil, "", change.Wrap(err, "list what is the account's own in %s", region)
		}
		return out.IDs, out.NextToken, nil
	})
}

type kind struct {
	change.Shares
	tagged
}

func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	region, _, _ := c.Share()
	with, err := SharedWith(ctx, k.client, k.Kind, region, c.Subject)
	return c.ShareValue(with), err
}

// SharedWith reads whom a snapshot or an image is shared with.
func SharedWith(ctx context.Context, api Reads, kind, region, id string) ([]string, error) {
	if kind == change.SnapshotShare {
		out, err := api.DescribeSnapshotAttribute(ctx, &DescribeSnapshotAttributeInput{region, id})
		if err != nil {
			return nil, change.Wrap(err, "describe attribute of snapshot %q", id)
		}
		return names(out.Permissions)
	}
	out, err := api.DescribeImageAttribute(ctx, &DescribeImageAttributeInput{region, id})
	if err != nil {
		return nil, change.Wrap(err, "describe attribute of image %q", id)
	}
	return names(out.Permissions)
}

func (k kind) Set(ctx context.Context, c change.Change) (err error) {
	region, with, _ := c.Share()
	operation := Remove
	if c.After == change.Shared {
		operation = Add
	}
	if k.Kind == change.SnapshotShare {
		_, err = k.client.ModifySnapshotAttribute(ctx, &ModifySnapshotAttributeInput{
			region, c.Subject, operation, Named(with),
		})
	} else {
		_, err = k.client.ModifyImageAttribute(ctx, &ModifyImageAttributeInput{
			region, c.Subject, operation, Named(with),
		})
	}
	return change.Wrap(err, "change whom %q is shared with", c.Subject)
}

// Tagged reads the tags of what a change is about whose target is that of a share.
func Tagged(c Client) change.Tagged { return tagged{c} }

type tagged struct{ client Client }

// Tags implements [change.Tagged].
func (t tagged) Tags(ctx context.Context, c change.Change) (map[string]string, error) {
	region, _, _ := c.Share()
	out, err := t.client.DescribeTags(ctx, &DescribeTagsInput{region, c.Subject})
	if err != nil {
		return nil, change.Wrap(err, "describe tags of %q", c.Subject)
	}
	tags := map[string]string{}
	for _, tag := range out.Tags {
		tags[tag.Key] = tag.Value
	}
	return tags, nil
}
