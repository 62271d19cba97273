package s3

import (
	"context"

	"github.com/warder-aws/warder/pkg/change"
)

// API lists the operations that change and read buckets.
type API interface {
	GetBucketPublicAccessBlock(context.Context, *Bucket) (*PublicAccessBlock, error)
	PutBucketPublicAccessBlock(context.Context, *Bucket, *PublicAccessBlock) error
	GetBucketTagging(context.Context, *Bucket) (map[string]string, error)
}

// Kinds returns a registry of the changes to buckets.
func Kinds(api API) change.Registry { return change.NewRegistry(kind{s3: api}) }

// PublicAccess reads the value of a bucket. A bucket that does not exist is an error that
// [change.NotFound] recognizes.
func PublicAccess(ctx context.Context, api interface {
	GetBucketPublicAccessBlock(context.Context, *Bucket) (*PublicAccessBlock, error)
}, bucket *Bucket) (string, error) {
	block, err := api.GetBucketPublicAccessBlock(ctx, bucket)
	if code(err) == "NoSuchPublicAccessBlockConfiguration" {
		return "", nil
	}
	if err != nil {
		return "", change.Wrap(err, "get public access block of bucket %q", bucket.Name)
	}
	return change.Block(block), nil
}

type kind struct {
	change.PublicAccessBlocks
	s3 API
}

// Read implements [change.Kind].
func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	return PublicAccess(ctx, k.s3, &Bucket{Name: c.Subject, Region: c.Target})
}

// Set implements [change.Kind].
func (k kind) Set(ctx context.Context, c change.Change) error {
	block, err := change.ParseBlock(c.After)
	if err != nil {
		return err
	}
	err = k.s3.PutBucketPublicAccessBlock(ctx, &Bucket{Name: c.Subject, Region: c.Target}, block)
	return change.Wrap(err, "set public access block of bucket %q", c.Subject)
}

// Tags implements [change.Tagged]: a bucket is exempted by a tag of its own.
func (k kind) Tags(ctx context.Context, c change.Change) (map[string]string, error) {
	tags, err := k.s3.GetBucketTagging(ctx, &Bucket{Name: c.Subject, Region: c.Target})
	if change.NotFound(err) {
		return nil, nil
	}
	return tags, change.Wrap(err, "get tags of bucket %q", c.Subject)
}
