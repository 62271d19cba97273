package fakeaws

import (
	"context"
	"maps"
	"net/http"

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

func (a *Account) bucket(in *s3.Bucket) (*Bucket, error) {
	bucket, ok := a.state.Buckets[in.Name]
	switch {
	case !ok:
		return nil, &s3.Error{Status: http.StatusNotFound, Name: "NoSuchBucket", Message: "The specified bucket does not exist"}
	case bucket.Region != in.Region:
		return nil, &s3.Error{Status: http.StatusMovedPermanently, Name: "PermanentRedirect", Message: "The bucket you are attempting to access must be addressed using the specified endpoint."}
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
			return nil, &s3.Error{Status: http.StatusNotFound, Name: "NoSuchPublicAccessBlockConfiguration", Message: "The public access block configuration was not found"}
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
func (a *Account) GetBucketTagging(_ context.Context, in *s3.Bucket) (s3.Tags, error) {
	tags, err := call(a, "s3:GetBucketTagging", func() (*s3.Tags, error) {
		bucket, err := a.bucket(in)
		if err != nil {
			return nil, err
		}
		tags := s3.Tags{}
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
			return nil, &s3.Error{Status: http.StatusForbidden, Name: "AccessDenied", Message: "Access Denied"}
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
