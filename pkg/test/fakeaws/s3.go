package fakeaws

import (
	"context"
	"fmt"
	"io"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/s3"
)

// Bucket is an S3 bucket. Without a block it has no public access block configuration.
type Bucket struct {
	Region string                `json:"region"`
	Tags   map[string]string     `json:"tags,omitempty"`
	Block  *s3.PublicAccessBlock `json:"block,omitempty"`
	// Objects are what it holds, by their keys.
	Objects map[string]s3.Object `json:"objects,omitempty"`
}

func refused(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

func (a *Account) bucket(in *s3.Bucket) (*Bucket, error) {
	bucket, ok := a.state.Buckets[in.Name]
	switch {
	case !ok:
		return nil, refused("NoSuchBucket", "The specified bucket does not exist")
	case bucket.Region != in.Region:
		return nil, refused("PermanentRedirect",
			"The bucket you are attempting to access must be addressed using the specified endpoint.")
	}
	return bucket, nil
}

// GetBucketPublicAccessBlock returns a bucket's public access block.
func (a *Account) GetBucketPublicAccessBlock(_ context.Context, in *s3.Bucket) (*s3.PublicAccessBlock, error) {
	return call(a, "s3:GetBucketPublicAccessBlock", func() (*s3.PublicAccessBlock, error) {
		bucket, err := a.bucket(in)
		if err != nil {
			return nil, err
		}
		if bucket.Block == nil {
			return nil, refused("NoSuchPublicAccessBlockConfiguration",
				"The public access block configuration was not found")
		}
		block := *bucket.Block
		return &block, nil
	})
}

// PutBucketPublicAccessBlock sets a bucket's public access block; nil takes it away.
func (a *Account) PutBucketPublicAccessBlock(_ context.Context, in *s3.Bucket, block *s3.PublicAccessBlock) error {
	_, err := call(a, "s3:PutBucketPublicAccessBlock", func() (*struct{}, error) {
		bucket, err := a.bucket(in)
		if err != nil {
			return nil, err
		}
		bucket.Block = nil
		if block != nil {
			kept := *block
			bucket.Block = &kept
		}
		return &struct{}{}, nil
	})
	return err
}

// GetBucketTagging returns a bucket's tags.
func (a *Account) GetBucketTagging(_ context.Context, in *s3.Bucket) (map[string]string, error) {
	tags, err := call(a, "s3:GetBucketTagging", func() (*map[string]string, error) {
		bucket, err := a.bucket(in)
		if err != nil {
			return nil, err
		}
		tags := map[string]string{}
		maps.Copy(tags, bucket.Tags)
		return &tags, nil
	})
	if err != nil {
		return nil, err
	}
	return *tags, nil
}

// PutObject puts an object into a bucket of this account.
func (a *Account) PutObject(_ context.Context, in *s3.Bucket, account string, o s3.Object) error {
	_, err := call(a, "s3:PutObject", func() (*struct{}, error) {
		bucket, err := a.bucket(in)
		if err != nil {
			return nil, err
		}
		if account != "" && account != a.state.ID {
			return nil, refused("AccessDenied", "Access Denied")
		}
		if bucket.Objects == nil {
			bucket.Objects = map[string]s3.Object{}
		}
		bucket.Objects[o.Key] = o
		return &struct{}{}, nil
	})
	return err
}

// Objects are what a bucket of this account holds, by their keys.
func (a *Account) Objects(bucket string) map[string]s3.Object {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b := a.state.Buckets[bucket]; b != nil {
		return maps.Clone(b.Objects)
	}
	return nil
}

// s3 answers a call of the SDK's client of S3; ok is false for a call of another client.
func (a *Account) s3(ctx context.Context, in any) (out any, ok bool, err error) {
	at := func(name *string) *s3.Bucket {
		return &s3.Bucket{Name: aws.ToString(name), Region: awsmiddleware.GetRegion(ctx)}
	}
	switch in := in.(type) {
	case *awss3.GetPublicAccessBlockInput:
		block, err := a.GetBucketPublicAccessBlock(ctx, at(in.Bucket))
		if err != nil {
			return nil, true, err
		}
		return &awss3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: &block.BlockPublicAcls, IgnorePublicAcls: &block.IgnorePublicAcls,
			BlockPublicPolicy: &block.BlockPublicPolicy, RestrictPublicBuckets: &block.RestrictPublicBuckets,
		}}, true, nil
	case *awss3.PutPublicAccessBlockInput:
		set := in.PublicAccessBlockConfiguration
		return &awss3.PutPublicAccessBlockOutput{}, true, a.PutBucketPublicAccessBlock(ctx, at(in.Bucket),
			&s3.PublicAccessBlock{
				BlockPublicAcls: aws.ToBool(set.BlockPublicAcls), IgnorePublicAcls: aws.ToBool(set.IgnorePublicAcls),
				BlockPublicPolicy: aws.ToBool(set.BlockPublicPolicy), RestrictPublicBuckets: aws.ToBool(set.RestrictPublicBuckets),
			})
	case *awss3.DeletePublicAccessBlockInput:
		return &awss3.DeletePublicAccessBlockOutput{}, true, a.PutBucketPublicAccessBlock(ctx, at(in.Bucket), nil)
	case *awss3.GetBucketTaggingInput:
		tags, err := a.GetBucketTagging(ctx, at(in.Bucket))
		if err == nil && len(tags) == 0 {
			err = refused("NoSuchTagSet", "The TagSet does not exist")
		}
		var answer awss3.GetBucketTaggingOutput
		for _, key := range sorted(tags) {
			answer.TagSet = append(answer.TagSet, types.Tag{Key: &key, Value: aws.String(tags[key])})
		}
		return &answer, true, err
	case *awss3.PutObjectInput:
		body, err := io.ReadAll(in.Body)
		if err != nil {
			return nil, true, fmt.Errorf("read object: %w", err)
		}
		o := s3.Object{Key: aws.ToString(in.Key), Type: aws.ToString(in.ContentType), Body: body}
		return &awss3.PutObjectOutput{}, true, a.PutObject(ctx, at(in.Bucket), aws.ToString(in.ExpectedBucketOwner), o)
	}
	return nil, false, nil
}
