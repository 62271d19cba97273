package fakeaws

import (
	"fmt"
	"io"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

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

func (c call) bucket(name string) (*Bucket, error) {
	bucket, ok := c.state.Buckets[name]
	switch {
	case !ok:
		return nil, refused("NoSuchBucket", "The specified bucket does not exist")
	case bucket.Region != c.region:
		return nil, refused("PermanentRedirect",
			"The bucket you are attempting to access must be addressed using the specified endpoint.")
	}
	return bucket, nil
}

func (call) GetPublicAccessBlock(bucket *Bucket, _ *awss3.GetPublicAccessBlockInput) (any, error) {
	if bucket.Block == nil {
		return nil, refused("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
	}
	block := *bucket.Block
	return &awss3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: &block.BlockPublicAcls, IgnorePublicAcls: &block.IgnorePublicAcls,
		BlockPublicPolicy: &block.BlockPublicPolicy, RestrictPublicBuckets: &block.RestrictPublicBuckets,
	}}, nil
}

func (call) PutPublicAccessBlock(bucket *Bucket, in *awss3.PutPublicAccessBlockInput) (any, error) {
	set := in.PublicAccessBlockConfiguration
	bucket.Block = &s3.PublicAccessBlock{
		BlockPublicAcls: aws.ToBool(set.BlockPublicAcls), IgnorePublicAcls: aws.ToBool(set.IgnorePublicAcls),
		BlockPublicPolicy: aws.ToBool(set.BlockPublicPolicy), RestrictPublicBuckets: aws.ToBool(set.RestrictPublicBuckets),
	}
	return &awss3.PutPublicAccessBlockOutput{}, nil
}

func (call) DeletePublicAccessBlock(bucket *Bucket, _ *awss3.DeletePublicAccessBlockInput) (any, error) {
	bucket.Block = nil
	return &awss3.DeletePublicAccessBlockOutput{}, nil
}

func (call) GetBucketTagging(bucket *Bucket, _ *awss3.GetBucketTaggingInput) (any, error) {
	var out awss3.GetBucketTaggingOutput
	for _, key := range sorted(bucket.Tags) {
		out.TagSet = append(out.TagSet, types.Tag{Key: &key, Value: new(bucket.Tags[key])})
	}
	return &out, nil
}

func (c call) PutObject(bucket *Bucket, in *awss3.PutObjectInput) (any, error) {
	if owner := aws.ToString(in.ExpectedBucketOwner); owner != "" && owner != c.state.ID {
		return nil, refused("AccessDenied", "Access Denied")
	}
	if s, ok := in.Body.(io.Seeker); ok { // The client may ask twice.
		if _, err := s.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("read object: %w", err)
		}
	}
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	put(&bucket.Objects, *in.Key, s3.Object{Key: *in.Key, Type: aws.ToString(in.ContentType), Body: body})
	return &awss3.PutObjectOutput{}, nil
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
