package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/s3"
)

// wire answers requests in their order and keeps them.
type wire struct {
	answers []answer
	sent    []*http.Request
	bodies  []string
}

type answer struct {
	status int
	body   string
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	w.sent, w.bodies = append(w.sent, r), append(w.bodies, string(body))
	a := w.answers[0]
	w.answers = w.answers[1:]
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(bytes.NewBufferString(a.body)), Request: r}, nil
}

func client(w *wire, endpoint string) *s3.Client {
	cfg := aws.Config{
		HTTPClient: w,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token"}, nil
		}),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		},
	}
	if endpoint != "" {
		cfg.BaseEndpoint = &endpoint
	}
	return s3.New(cfg)
}

const configuration = `<?xml version="1.0" encoding="UTF-8"?>
<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
	`<BlockPublicAcls>true</BlockPublicAcls>` +
	`<IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>` +
	`false</RestrictPublicBuckets></PublicAccessBlockConfiguration>`

func TestGetBucketPublicAccessBlock(t *testing.T) {
	w := &wire{answers: []answer{{200, configuration}}}
	got, err := client(
		w,
		"",
	).GetBucketPublicAccessBlock(t.Context(), &s3.Bucket{Name: "acme-reports", Region: "ap-northeast-2"})
	if err != nil {
		t.Fatal(err)
	}
	want := &s3.PublicAccessBlock{BlockPublicAcls: true, IgnorePublicAcls: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	r := w.sent[0]
	if r.Method != "GET" || r.URL.String() != "https://acme-reports.s3.ap-northeast-2.amazonaws.com/?publicAccessBlock=" {
		t.Errorf("sent %s %s", r.Method, r.URL)
	}
	authorization := r.Header.Get("Authorization")
	if !strings.Contains(authorization, "/ap-northeast-2/s3/aws4_request") ||
		!strings.Contains(authorization, "x-amz-content-sha256") {
		t.Errorf("signed as %q, want for S3 in the bucket's region, hash of the body included", authorization)
	}
	if r.Header.Get("X-Amz-Security-Token") != "token" {
		t.Error("the session token is not sent")
	}
}

func TestPutBucketPublicAccessBlock(t *testing.T) {
	w := &wire{answers: []answer{{200, ""}}}
	err := client(
		w,
		"",
	).PutBucketPublicAccessBlock(t.Context(), &s3.Bucket{Name: "b-1", Region: "eu-west-1"},
		&s3.PublicAccessBlock{BlockPublicPolicy: true})
	if err != nil {
		t.Fatal(err)
	}
	want := `<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><BlockPublicAcls>` +
		`false</BlockPublicAcls>` +
		`<BlockPublicPolicy>true</BlockPublicPolicy><IgnorePublicAcls>false</IgnorePublicAcls>` +
		`<RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>`
	if w.bodies[0] != want {
		t.Errorf("sent %s\nwant %s", w.bodies[0], want)
	}
	if r := w.sent[0]; r.Method != "PUT" || r.Header.Get("X-Amz-Checksum-Crc32") == "" ||
		!strings.Contains(r.Header.Get("Authorization"), "x-amz-checksum-crc32") {
		t.Errorf("sent %s with %v", r.Method, r.Header)
	}
}

func TestPutBucketPublicAccessBlock_NoBlockIsDeleted(t *testing.T) {
	w := &wire{answers: []answer{{204, ""}}}
	if err := client(w, "").PutBucketPublicAccessBlock(t.Context(), &s3.Bucket{Name: "b-1", Region: "eu-west-1"},
		nil); err != nil {
		t.Fatal(err)
	}
	if r := w.sent[0]; r.Method != "DELETE" || r.URL.RawQuery != "publicAccessBlock=" || w.bodies[0] != "" {
		t.Errorf("sent %s %s %q", r.Method, r.URL, w.bodies[0])
	}
}

func TestGetBucketTagging(t *testing.T) {
	const tagging = `<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>owner</Key><Value>` +
		`web@example.com</Value></Tag>` +
		`<Tag><Key>empty</Key><Value></Value></Tag></TagSet></Tagging>`
	for name, c := range map[string]struct {
		answer answer
		want   map[string]string
	}{
		"two tags": {answer{200, tagging}, map[string]string{"owner": "web@example.com", "empty": ""}},
		"none": {answer{404, `<Error><Code>NoSuchTagSet</Code><Message>The TagSet does not exist</Message>` +
			`</Error>`}, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{answers: []answer{c.answer}}
			got, err := client(w, "").GetBucketTagging(t.Context(), &s3.Bucket{Name: "b-1", Region: "eu-west-1"})
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
		})
	}
}

func TestError_Code(t *testing.T) {
	for name, c := range map[string]struct {
		answer answer
		want   string
	}{
		"no bucket": {answer{404, `<?xml version="1.0"?><Error><Code>NoSuchBucket</Code><Message>` +
			`gone</Message></Error>`}, "NoSuchBucket"},
		"no block": {answer{404, `<Error><Code>NoSuchPublicAccessBlockConfiguration</Code></Error>`},
			"NoSuchPublicAccessBlockConfiguration"},
		"refused":               {answer{403, `<Error><Code>AccessDenied</Code></Error>`}, "AccessDenied"},
		"another region":        {answer{301, `<Error><Code>PermanentRedirect</Code></Error>`}, "PermanentRedirect"},
		"an answer without XML": {answer{403, `no`}, "Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{answers: []answer{c.answer}}
			_, err := client(w, "").GetBucketPublicAccessBlock(t.Context(), &s3.Bucket{Name: "b-1", Region: "eu-west-1"})
			if !coded(err, c.want) || len(w.sent) != 1 {
				t.Errorf("got %v after %d requests, want %s after one", err, len(w.sent), c.want)
			}
		})
	}
}

func TestRetry(t *testing.T) {
	w := &wire{answers: []answer{{503, `<Error><Code>SlowDown</Code></Error>`}, {500, ``}, {200, configuration}}}
	got, err := client(w, "").GetBucketPublicAccessBlock(t.Context(), &s3.Bucket{Name: "b-1", Region: "eu-west-1"})
	if err != nil || !got.BlockPublicAcls {
		t.Errorf("got %+v, %v", got, err)
	}
	w = &wire{answers: []answer{{503, ``}, {503, ``}, {503, ``}, {200, configuration}}}
	if _, err := client(w, "").GetBucketPublicAccessBlock(t.Context(), &s3.Bucket{Name: "b-1",
		Region: "eu-west-1"}); err == nil ||
		len(w.sent) != 3 {
		t.Errorf("got %v after %d requests, want an error after three", err, len(w.sent))
	}
}

func TestHost(t *testing.T) {
	for name, c := range map[string]struct {
		bucket   s3.Bucket
		endpoint string
		want     string // empty: nowhere
	}{
		"an ordinary name": {s3.Bucket{Name: "acme", Region: "us-east-1"}, "",
			"https://acme.s3.us-east-1.amazonaws.com/"},
		"a name with dots": {s3.Bucket{Name: "www.acme.com", Region: "us-east-1"}, "",
			"https://s3.us-east-1.amazonaws.com/www.acme.com"},
		"an old name": {s3.Bucket{Name: "Acme_Old", Region: "us-east-1"}, "",
			"https://s3.us-east-1.amazonaws.com/Acme_Old"},
		"China": {s3.Bucket{Name: "acme", Region: "cn-north-1"}, "",
			"https://acme.s3.cn-north-1.amazonaws.com.cn/"},
		"GovCloud": {s3.Bucket{Name: "acme", Region: "us-gov-west-1"}, "",
			"https://acme.s3.us-gov-west-1.amazonaws.com/"},
		"an endpoint of its own": {s3.Bucket{Name: "acme", Region: "us-east-1"}, "http://127.0.0.1:5000",
			"http://127.0.0.1:5000/acme"},
		"a name with a slash":     {s3.Bucket{Name: "acme/../other", Region: "us-east-1"}, "", ""},
		"a name that is a host":   {s3.Bucket{Name: "evil.example.com/", Region: "us-east-1"}, "", ""},
		"a region that is a host": {s3.Bucket{Name: "acme", Region: "evil.example.com/"}, "", ""},
		"no region":               {s3.Bucket{Name: "acme"}, "", ""},
		"no name":                 {s3.Bucket{Region: "us-east-1"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{answers: []answer{{200, configuration}}}
			_, err := client(w, c.endpoint).GetBucketPublicAccessBlock(t.Context(), &c.bucket)
			if c.want == "" {
				if err == nil || len(w.sent) != 0 {
					t.Errorf("got %v after %d requests, want an error before any", err, len(w.sent))
				}
				return
			}
			if err != nil || w.sent[0].URL.String() != c.want+"?publicAccessBlock=" {
				t.Errorf("got %v to %v, want %s", err, w.sent, c.want)
			}
		})
	}
}

func TestPutObject_OwnAccountAlone(t *testing.T) {
	w := &wire{answers: []answer{{503, "<Error><Code>SlowDown</Code></Error>"}, {200, ""}}}
	err := client(w, "").PutObject(t.Context(), &s3.Bucket{Name: "b-1", Region: "eu-west-1"}, "111122223333",
		s3.Object{Key: "111122223333/2026-10.en.html", Type: "text/html; charset=utf-8", Body: []byte("<p>")})
	if err != nil {
		t.Fatal(err)
	}
	r := w.sent[1]
	if r.Method != "PUT" ||
		r.URL.String() != "https://b-1.s3.eu-west-1.amazonaws.com/111122223333/2026-10.en.html?x-id=PutObject" ||
		w.bodies[1] != "<p>" {
		t.Errorf("sent %s %s %q", r.Method, r.URL, w.bodies[1])
	}
	if r.Header.Get("Content-Type") != "text/html; charset=utf-8" || r.Header.Get("X-Amz-Checksum-Sha256") == "" {
		t.Errorf("sent with %v", r.Header)
	}
	if signed := r.Header.Get("Authorization"); r.Header.Get("X-Amz-Expected-Bucket-Owner") != "111122223333" ||
		!strings.Contains(signed, "x-amz-expected-bucket-owner") {
		t.Errorf("the bucket's owner is not asked for, or not signed: %v", r.Header)
	}
}

func TestGetObject(t *testing.T) {
	body := strings.Repeat("x", 3<<20)
	w := &wire{answers: []answer{{200, body}}}
	got, err := client(
		w,
		"http://127.0.0.1:4566",
	).GetObject(t.Context(), &s3.Bucket{Name: "b-1", Region: "eu-west-1"}, "a/b.csv")
	if err != nil || string(got) != body {
		t.Errorf("%d bytes (%v), want %d", len(got), err, len(body))
	}
	if address := w.sent[0].URL.String(); address != "http://127.0.0.1:4566/b-1/a/b.csv?x-id=GetObject" {
		t.Errorf("asked for %s", address)
	}
}

func TestGetObject_NotFound(t *testing.T) {
	w := &wire{answers: []answer{{404, "<Error><Code>NoSuchKey</Code><Message>no</Message></Error>"}}}
	got, err := client(w, "").GetObject(t.Context(), &s3.Bucket{Name: "b-1", Region: "eu-west-1"}, "a/b.csv")
	if !coded(err, "NoSuchKey") || got != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestPutObject_KeyIsSentAsItIs(t *testing.T) {
	for _, key := range []string{"a/../b", "../a", "/a", "a//b", "a?acl", "a#b", "a b", "a%2fb", "가", "a/"} {
		w := &wire{answers: []answer{{200, ""}}}
		err := client(
			w,
			"",
		).PutObject(t.Context(), &s3.Bucket{Name: "b-1", Region: "eu-west-1"}, "111122223333", s3.Object{Key: key})
		if err != nil || w.sent[0].URL.Path != "/"+key || w.sent[0].URL.RawQuery != "x-id=PutObject" ||
			w.sent[0].URL.Fragment != "" {
			t.Errorf("%q was sent to %v (%v)", key, w.sent, err)
		}
	}
}

func coded(err error, code string) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && answer.ErrorCode() == code
}
