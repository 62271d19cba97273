package fakeaws

import (
	"fmt"
	"net/http"
)

// transport refuses what gets past the middleware: the account in memory has no network.
type transport struct{}

<<<<<<< HEAD
// Do implements [aws.HTTPClient].
func (transport) Do(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Host, errNoNetwork)
=======
// Do answers a request.
func (t transport) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	scope := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if scope == nil || scope[3] != "s3" {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Host, errNoNetwork)
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
	}
	// A bucket is in the host, or in front of the key.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if host, _, ok := strings.Cut(r.URL.Host, ".s3."); ok {
		name, key = host, strings.TrimPrefix(r.URL.Path, "/")
	}
	answer, err := t.s3(r.Context(), r, &s3.Bucket{Name: name, Region: scope[2]}, key, body)
	var fault *s3.Error
	switch {
	case errors.As(err, &fault):
		type said struct {
			XMLName       xml.Name `xml:"Error"`
			Code, Message string
		}
		return respond(r, fault.Status, said{Code: fault.Name, Message: fault.Message})
	case err != nil:
		return nil, err
	}
	return respond(r, http.StatusOK, answer)
}

// s3 does what a request asks for, and returns what the answer's body is made of.
func (t transport) s3(ctx context.Context, r *http.Request, b *s3.Bucket, key string, body []byte) (any, error) {
	switch operation := r.Method + "?" + strings.TrimSuffix(r.URL.RawQuery, "="); {
	case operation == "GET?publicAccessBlock" && key == "":
		block, err := t.account.GetBucketPublicAccessBlock(ctx, b)
		return block, err
	case operation == "PUT?publicAccessBlock" && key == "":
		var block s3.PublicAccessBlock
		if err := xml.Unmarshal(body, &block); err != nil {
			return nil, &s3.Error{Status: http.StatusBadRequest, Name: "MalformedXML", Message: err.Error()}
		}
		return nil, t.account.PutBucketPublicAccessBlock(ctx, b, &block)
	case operation == "DELETE?publicAccessBlock" && key == "":
		return nil, t.account.PutBucketPublicAccessBlock(ctx, b, nil)
	case operation == "GET?tagging" && key == "":
		tags, err := t.account.GetBucketTagging(ctx, b)
		if err == nil && len(tags) == 0 {
			err = &s3.Error{Status: http.StatusNotFound, Name: "NoSuchTagSet", Message: "The TagSet does not exist"}
		}
		type tag struct{ Key, Value string }
		var answer struct {
			XMLName xml.Name `xml:"Tagging"`
			Tags    []tag    `xml:"TagSet>Tag"`
		}
		for _, name := range sorted(tags) {
			answer.Tags = append(answer.Tags, tag{name, tags[name]})
		}
		return answer, err
	case operation == "PUT?" && key != "":
		return nil, t.account.PutObject(
			ctx, b, r.Header.Get("X-Amz-Expected-Bucket-Owner"),
			s3.Object{Key: key, Type: r.Header.Get("Content-Type"), Body: body},
		)
	}
	return nil, fmt.Errorf("the account in memory has no s3 request %s %s", r.Method, r.URL.RequestURI())
}

func respond(r *http.Request, status int, what any) (*http.Response, error) {
	var body []byte
	if what != nil {
		var err error
		if body, err = xml.Marshal(what); err != nil {
			return nil, fmt.Errorf("encode answer: %w", err)
		}
	}
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)), Request: r,
	}, nil
>>>>>>> 602fb8e (functions, pkg/test: lines of at most 120 columns)
}
