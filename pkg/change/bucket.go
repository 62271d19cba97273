package change

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/s3"
)

// S3 lists the operations that change and read buckets.
type S3 interface {
	GetBucketPublicAccessBlock(context.Context, *s3.Bucket) (*s3.PublicAccessBlock, error)
	PutBucketPublicAccessBlock(context.Context, *s3.Bucket, *s3.PublicAccessBlock) error
	GetBucketTagging(context.Context, *s3.Bucket) (s3.Tags, error)
}

// ForS3 returns a registry of the changes to buckets.
func ForS3(api S3) Registry { return NewRegistry(bucketPublicAccess{s3: api}) }

// BucketPublicAccess sets the public access block of a bucket: the value is its JSON, see [Block].
// The subject is the bucket, the target the region it is in.
const BucketPublicAccess = "bucket public access"

// Closed is the value of a bucket that nothing can make public.
const Closed = `{"blockPublicAcls":true,"ignorePublicAcls":true,"blockPublicPolicy":true,"restrictPublicBuckets":true}`

// Block is a public access block as a value: always the same text for the same switches, empty for
// a bucket that has none.
func Block(b *s3.PublicAccessBlock) string {
	if b == nil {
		return ""
	}
	text, err := json.Marshal(b)
	if err != nil {
		panic(err) // four bools
	}
	return string(text)
}

// parse is the inverse of Block.
func parse(value string) (*s3.PublicAccessBlock, error) {
	if value == "" {
		return nil, nil
	}
	var b s3.PublicAccessBlock
	if err := json.Unmarshal([]byte(value), &b); err != nil {
		return nil, fmt.Errorf("decode public access block: %w", err)
	}
	return &b, nil
}

// PublicAccess reads the value of a bucket. A bucket that no longer exists is an error that [NotFound] recognizes.
func PublicAccess(ctx context.Context, api interface {
	GetBucketPublicAccessBlock(context.Context, *s3.Bucket) (*s3.PublicAccessBlock, error)
}, bucket *s3.Bucket) (string, error) {
	block, err := api.GetBucketPublicAccessBlock(ctx, bucket)
	if s3.Code(err) == "NoSuchPublicAccessBlockConfiguration" {
		return "", nil
	}
	if err != nil {
		return "", wrap(err, "get public access block of bucket %q", bucket.Name)
	}
	return Block(block), nil
}

type bucketPublicAccess struct {
	reversible
	s3 S3
}

func (bucketPublicAccess) Name() string { return BucketPublicAccess }

func (k bucketPublicAccess) Read(ctx context.Context, c Change) (string, error) {
	return PublicAccess(ctx, k.s3, &s3.Bucket{Name: c.Subject, Region: c.Target})
}

func (k bucketPublicAccess) Set(ctx context.Context, c Change) error {
	block, err := parse(c.After)
	if err != nil {
		return err
	}
	err = k.s3.PutBucketPublicAccessBlock(ctx, &s3.Bucket{Name: c.Subject, Region: c.Target}, block)
	return wrap(err, "set public access block of bucket %q", c.Subject)
}

// Tags implements [Tagged]: a bucket is exempted by a tag of its own.
func (k bucketPublicAccess) Tags(ctx context.Context, c Change) (map[string]string, error) {
	tags, err := k.s3.GetBucketTagging(ctx, &s3.Bucket{Name: c.Subject, Region: c.Target})
	if NotFound(err) {
		return nil, nil
	}
	return tags, wrap(err, "get tags of bucket %q", c.Subject)
}

// Widens implements [Kind]: a switch that is on stays on.
func (bucketPublicAccess) Widens(c Change, _ []Change) bool {
	before, err := parse(c.Before)
	if err != nil {
		return true
	}
	after, err := parse(c.After)
	if err != nil || after == nil {
		return true
	}
	return before != nil && (before.BlockPublicAcls && !after.BlockPublicAcls ||
		before.IgnorePublicAcls && !after.IgnorePublicAcls ||
		before.BlockPublicPolicy && !after.BlockPublicPolicy ||
		before.RestrictPublicBuckets && !after.RestrictPublicBuckets)
}

func (bucketPublicAccess) Describe(c Change, done bool) i18n.Message {
	if c.After == Closed {
		return pick(done, i18n.T("turned on the public access block of bucket %s", c.Subject),
			i18n.T("turn on the public access block of bucket %s", c.Subject))
	}
	return i18n.T("put the public access block of bucket %s back as it was", c.Subject)
}
