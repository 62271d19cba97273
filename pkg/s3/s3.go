// Package s3 reads and sets the public access block of S3 buckets, reads their tags, and puts and gets
// objects, through the client of the SDK. It never lists objects and never reads a policy.
//
// It is a package of its own so that only the functions that import it link that client: 0.9 MB of binary, 0.3 MB
// of zip.
//
// Its methods are named for the IAM actions that they need, which are not always S3's names of the
// operations (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html).
package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/lazyregexp"
)

// Bucket is a bucket's name, and where it is.
type Bucket struct{ Name, Region string }

// PublicAccessBlock is the four switches of a bucket.
type PublicAccessBlock = change.PublicAccessBlock

// Object is what a bucket holds under a key.
type Object struct {
	Key  string
	Type string // the media type
	Body []byte
}

// code is the code of an error of AWS, empty for another error.
func code(err error) string {
	if answer := smithy.APIError(nil); errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return ""
}

// maxObject is the largest object that GetObject reads, in bytes.
const maxObject = 64 << 20

// Client calls S3, each bucket in its own region.
type Client struct{ api *s3.Client }

// New makes a client.
func New(cfg aws.Config) *Client { return &Client{s3.NewFromConfig(cfg)} }

// name is what a bucket may be called, old buckets included. Names come out of events, and the client
// would send some that are not to the name of another bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var name = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$`)

// in sends a call to the bucket's region, or nowhere if there cannot be a bucket of its name.
func in(b *Bucket) func(*s3.Options) {
	return func(o *s3.Options) {
		o.Region = b.Region
		if !name().MatchString(b.Name) {
			o.APIOptions = append(o.APIOptions, func(*middleware.Stack) error {
				return fmt.Errorf("bucket %q: not the name of a bucket", b.Name)
			})
		}
	}
}

// GetBucketPublicAccessBlock returns the bucket's block. A bucket without one is an error with the code
// NoSuchPublicAccessBlockConfiguration, one that does not exist NoSuchBucket.
func (c *Client) GetBucketPublicAccessBlock(ctx context.Context, b *Bucket) (*PublicAccessBlock, error) {
	out, err := c.api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &b.Name}, in(b))
	if err != nil {
		return nil, err
	}
	set := out.PublicAccessBlockConfiguration
	if set == nil {
		return nil, errors.New("the answer has no public access block")
	}
	return &PublicAccessBlock{
		BlockPublicAcls:       aws.ToBool(set.BlockPublicAcls),
		IgnorePublicAcls:      aws.ToBool(set.IgnorePublicAcls),
		BlockPublicPolicy:     aws.ToBool(set.BlockPublicPolicy),
		RestrictPublicBuckets: aws.ToBool(set.RestrictPublicBuckets),
	}, nil
}

// PutBucketPublicAccessBlock sets the bucket's block; nil deletes it.
func (c *Client) PutBucketPublicAccessBlock(ctx context.Context, b *Bucket, block *PublicAccessBlock) error {
	if block == nil {
		_, err := c.api.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: &b.Name}, in(b))
		return err
	}
	_, err := c.api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: &b.Name,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls:       &block.BlockPublicAcls,
			IgnorePublicAcls:      &block.IgnorePublicAcls,
			BlockPublicPolicy:     &block.BlockPublicPolicy,
			RestrictPublicBuckets: &block.RestrictPublicBuckets,
		},
	}, in(b))
	return err
}

// GetBucketTagging returns the tags of the bucket, none if it has none.
func (c *Client) GetBucketTagging(ctx context.Context, b *Bucket) (map[string]string, error) {
	out, err := c.api.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &b.Name}, in(b))
	tags := map[string]string{}
	if code(err) == "NoSuchTagSet" {
		return tags, nil
	}
	if err != nil {
		return nil, err
	}
	for _, tag := range out.TagSet {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags, nil
}

// PutObject puts the object into the bucket, which must be the account's own: S3 refuses a bucket of
// the name in another account.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
func (c *Client) PutObject(ctx context.Context, b *Bucket, account string, o Object) error {
	sum := sha256.Sum256(o.Body)
	_, err := c.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.Name, Key: &o.Key, ContentType: &o.Type, Body: bytes.NewReader(o.Body), ExpectedBucketOwner: &account,
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	}, in(b))
	return err
}

// GetObject returns what the bucket holds under the key, at most 64 MiB.
func (c *Client) GetObject(ctx context.Context, b *Bucket, key string) ([]byte, error) {
	out, err := c.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &key}, in(b))
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	if err != nil {
		return nil, fmt.Errorf("read object %q: %w", key, err)
	}
	if len(body) > maxObject {
		return nil, fmt.Errorf("read object %q: more than %d bytes", key, maxObject)
	}
	return body, nil
}

// API lists the operations that change and read buckets.
type API interface {
	GetBucketPublicAccessBlock(context.Context, *Bucket) (*PublicAccessBlock, error)
	PutBucketPublicAccessBlock(context.Context, *Bucket, *PublicAccessBlock) error
	GetBucketTagging(context.Context, *Bucket) (map[string]string, error)
}

// Kinds returns a registry of the changes to buckets.
func Kinds(api API) change.Registry { return change.NewRegistry(kind{s3: api}) }

// PublicAccess reads the value of a bucket; [change.NotFound] recognizes the error of one that does not exist.
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

func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	return PublicAccess(ctx, k.s3, &Bucket{Name: c.Subject, Region: c.Target})
}

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
