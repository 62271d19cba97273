// Package s3 reads and sets the public access block of S3 buckets, reads their tags, and puts and gets
// objects that it is told the names of. It knows these six requests of S3's REST API and no other: the
// client of the SDK would make a function's binary an eighth larger for them. It signs, retries and
// names errors as the SDK does, with the SDK's own signer and retryer, and never lists objects, nor
// reads a policy.
//
// Its methods are named for the IAM actions that they need, which are not always S3's names of the
// operations (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html).
package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/lazyregexp"
)

// Bucket says which bucket is meant.
type Bucket struct {
	Name   string
	Region string // where the bucket is
}

// PublicAccessBlock is the four switches of a bucket that each make less of it public.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PublicAccessBlockConfiguration.html
type PublicAccessBlock struct {
	BlockPublicAcls       bool `xml:"BlockPublicAcls" json:"blockPublicAcls"`
	IgnorePublicAcls      bool `xml:"IgnorePublicAcls" json:"ignorePublicAcls"`
	BlockPublicPolicy     bool `xml:"BlockPublicPolicy" json:"blockPublicPolicy"`
	RestrictPublicBuckets bool `xml:"RestrictPublicBuckets" json:"restrictPublicBuckets"`
}

// Tags are the tags of a bucket.
type Tags map[string]string

// Client talks to S3.
type Client struct {
	aws  aws.Config
	http aws.HTTPClient
	now  func() time.Time
	host string // how the names of S3's hosts begin
}

// New returns a client. now is the wall clock, which signatures hold.
func New(cfg aws.Config, now func() time.Time) *Client {
	client := cfg.HTTPClient
	if client == nil {
		client = awshttp.NewBuildableClient()
	}
	if cfg.Retryer == nil {
		cfg.Retryer = func() aws.Retryer { return retry.NewStandard() }
	}
	c := &Client{aws: cfg, http: client, now: now, host: "s3"}
	c.configure()
	return c
}

// configure looks for an endpoint of S3's own, and for which variant of the hosts is wanted, where the
// clients of the SDK look for it.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html
// https://docs.aws.amazon.com/general/latest/gr/s3.html
func (c *Client) configure() {
	ctx := context.Background()
	var dualStack bool
	for _, source := range c.aws.ConfigSources {
		if s, ok := source.(interface {
			GetServiceBaseEndpoint(ctx context.Context, service string) (string, bool, error)
		}); ok {
			if endpoint, found, err := s.GetServiceBaseEndpoint(ctx, "S3"); found && err == nil {
				c.aws.BaseEndpoint = &endpoint
			}
		}
		if s, ok := source.(interface {
			GetUseFIPSEndpoint(ctx context.Context) (aws.FIPSEndpointState, bool, error)
		}); ok {
			if fips, found, err := s.GetUseFIPSEndpoint(ctx); found && err == nil && fips == aws.FIPSEndpointStateEnabled {
				c.host = "s3-fips"
			}
		}
		if s, ok := source.(interface {
			GetUseDualStackEndpoint(ctx context.Context) (aws.DualStackEndpointState, bool, error)
		}); ok {
			if state, found, err := s.GetUseDualStackEndpoint(ctx); found && err == nil && state == aws.DualStackEndpointStateEnabled {
				dualStack = true
			}
		}
	}
	if dualStack {
		c.host += ".dualstack"
	}
}

// GetBucketPublicAccessBlock returns the bucket's block. A bucket without one is an error with the
// code NoSuchPublicAccessBlockConfiguration, one that is gone NoSuchBucket.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetPublicAccessBlock.html
func (c *Client) GetBucketPublicAccessBlock(ctx context.Context, b *Bucket) (*PublicAccessBlock, error) {
	var block PublicAccessBlock
	return &block, c.do(ctx, request{method: http.MethodGet, bucket: b, query: "publicAccessBlock"}, &block)
}

// PutBucketPublicAccessBlock sets the bucket's block; nil takes it away.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutPublicAccessBlock.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeletePublicAccessBlock.html
func (c *Client) PutBucketPublicAccessBlock(ctx context.Context, b *Bucket, block *PublicAccessBlock) error {
	if block == nil {
		return c.do(ctx, request{method: http.MethodDelete, bucket: b, query: "publicAccessBlock"}, nil)
	}
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PublicAccessBlockConfiguration"`
		PublicAccessBlock
	}{PublicAccessBlock: *block})
	if err != nil {
		return fmt.Errorf("encode public access block: %w", err)
	}
	return c.do(ctx, request{method: http.MethodPut, bucket: b, query: "publicAccessBlock", body: body, kind: "application/xml"}, nil)
}

// GetBucketTagging returns the tags of the bucket. A bucket without tags has none.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html
func (c *Client) GetBucketTagging(ctx context.Context, b *Bucket) (Tags, error) {
	var out struct {
		Tags []struct {
			Key   string `xml:"Key"`
			Value string `xml:"Value"`
		} `xml:"TagSet>Tag"`
	}
	err := c.do(ctx, request{method: http.MethodGet, bucket: b, query: "tagging"}, &out)
	if Code(err) == "NoSuchTagSet" {
		return Tags{}, nil
	}
	tags := Tags{}
	for _, tag := range out.Tags {
		tags[tag.Key] = tag.Value
	}
	return tags, err
}

// Object is what a bucket holds under a key.
type Object struct {
	Key  string // of letters, digits and - _ . / alone: it is sent as it is
	Type string // the media type
	Body []byte
}

// PutObject puts the object into the bucket, which must be the account's own: a bucket of the name in
// another account is refused by S3. It is there whole or not at all.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
func (c *Client) PutObject(ctx context.Context, b *Bucket, account string, o Object) error {
	return c.do(ctx, request{method: http.MethodPut, bucket: b, key: o.Key, owner: account, body: o.Body, kind: o.Type}, nil)
}

// GetObject returns what the bucket holds under the key, at most 64 MiB.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func (c *Client) GetObject(ctx context.Context, b *Bucket, key string) ([]byte, error) {
	var body []byte
	return body, c.do(ctx, request{method: http.MethodGet, bucket: b, key: key}, &body)
}

// Error is S3's answer that something is not as it was asked for. It is a [smithy.APIError].
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
type Error struct {
	Status  int // of HTTP
	Name    string
	Message string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("api error %s: %s", e.Name, e.Message) }

// ErrorCode implements [smithy.APIError].
func (e *Error) ErrorCode() string { return e.Name }

// ErrorMessage implements [smithy.APIError].
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault implements [smithy.APIError].
func (e *Error) ErrorFault() smithy.ErrorFault {
	if e.Status >= http.StatusInternalServerError {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// HTTPStatusCode is what the SDK's retryer decides by.
func (e *Error) HTTPStatusCode() int { return e.Status }

// Code is the code of an error of S3, empty for any other.
func Code(err error) string {
	var answer *Error
	if errors.As(err, &answer) {
		return answer.Name
	}
	return ""
}

// Answers are at most so long, in bytes: those about a bucket, and objects.
const (
	maxAnswer = 1 << 20
	maxObject = 64 << 20
)

// request is one request of the REST API.
type request struct {
	method string
	bucket *Bucket
	key    string // of an object; without one it is about the bucket
	query  string
	owner  string // the account that the bucket must be of; empty for any
	body   []byte
	kind   string // of the body, its media type
}

// do sends a request as often as the retryer wants it, and reads the answer into out: the bytes of an
// object, or the fields of an XML document.
func (c *Client) do(ctx context.Context, r request, out any) error {
	address, err := c.address(r.bucket)
	if err != nil {
		return err
	}
	if r.key != "" {
		if !plain().MatchString(r.key) {
			return fmt.Errorf("object %q: not the name of an object that can be sent as it is", r.key)
		}
		address = strings.TrimSuffix(address, "/") + "/" + r.key
	}
	if r.query != "" {
		address += "?" + r.query
	}
	retryer := c.aws.Retryer()
	for attempt := 1; ; attempt++ {
		err := c.once(ctx, r, address, out)
		if err == nil || attempt >= retryer.MaxAttempts() || !retryer.IsErrorRetryable(err) {
			return err
		}
		pause, unwilling := retryer.RetryDelay(attempt, err)
		if unwilling != nil {
			return errors.Join(err, unwilling)
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// once sends one signed request.
func (c *Client) once(ctx context.Context, r request, address string, out any) error {
	request, err := http.NewRequestWithContext(ctx, r.method, address, bytes.NewReader(r.body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	sum := sha256.Sum256(r.body)
	hash := hex.EncodeToString(sum[:])
	request.Header.Set("X-Amz-Content-Sha256", hash)
	if r.body != nil {
		// S3 wants a checksum of what is put; this is the one that the signature needs anyway.
		request.Header.Set("Content-Type", r.kind)
		request.Header.Set("X-Amz-Sdk-Checksum-Algorithm", "SHA256")
		request.Header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:]))
	}
	if r.owner != "" {
		request.Header.Set("X-Amz-Expected-Bucket-Owner", r.owner)
	}
	credentials, err := c.aws.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("retrieve credentials: %w", err)
	}
	// S3 signs the path as it is sent, where other services encode it twice.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
	err = v4.NewSigner().SignHTTP(ctx, credentials, request, hash, "s3", r.bucket.Region, c.now(), func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	defer response.Body.Close()
	object, raw := out.(*[]byte)
	limit := int64(maxAnswer)
	if raw && response.StatusCode < http.StatusMultipleChoices {
		limit = maxObject
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if int64(len(answer)) > limit {
		return fmt.Errorf("read answer: more than %d bytes", limit)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		fault := Error{Status: response.StatusCode, Name: http.StatusText(response.StatusCode)}
		var said struct {
			Code    string `xml:"Code"`
			Message string `xml:"Message"`
		}
		if xml.Unmarshal(answer, &said) == nil && said.Code != "" {
			fault.Name, fault.Message = said.Code, said.Message
		}
		return &fault
	}
	switch {
	case raw:
		*object = answer
	case out != nil:
		if err := xml.Unmarshal(answer, out); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
	}
	return nil
}

var (
	region = lazyregexp.New(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	// dns is the names that can be part of a host; older ones and those with dots are sent in the path.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
	dns   = lazyregexp.New(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
	plain = lazyregexp.New(`^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$`)
	old   = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$`)
)

// address is where requests about the bucket go. The names come out of events, so what could lead
// anywhere else is refused.
func (c *Client) address(b *Bucket) (string, error) {
	if !region().MatchString(b.Region) || !old().MatchString(b.Name) {
		return "", fmt.Errorf("bucket %q in %q: not the name of a bucket and a region", b.Name, b.Region)
	}
	if c.aws.BaseEndpoint != nil {
		base, err := url.Parse(*c.aws.BaseEndpoint)
		if err != nil {
			return "", fmt.Errorf("parse endpoint: %w", err)
		}
		return base.JoinPath(b.Name).String(), nil
	}
	host := c.host + "." + b.Region + ".amazonaws.com"
	if strings.HasPrefix(b.Region, "cn-") {
		host += ".cn"
	}
	if dns().MatchString(b.Name) {
		return "https://" + b.Name + "." + host + "/", nil
	}
	return "https://" + host + "/" + b.Name, nil
}
