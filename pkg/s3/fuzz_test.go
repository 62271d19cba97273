package s3_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/s3"
)

// Whatever a bucket is called in an event and whatever is answered: the request, which is signed, goes to S3
// and to no other host, and a switch is on only if the answer says so.
func FuzzBlock(f *testing.F) {
	f.Add("acme-reports", "eu-west-1", 200, configuration)
	f.Add("old_Bucket.name", "cn-north-1", 404, `<Error><Code>NoSuchPublicAccessBlockConfiguration</Code></Error>`)
	f.Add("evil.example/", "eu-west-1.evil-1", 200, `<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`)
	f.Add("a@evil.example:80/..", "us-east-1", 503, `{"x":1}`)
	f.Fuzz(func(t *testing.T, bucket, region string, status int, body string) {
		w := &wire{}
		for range 5 {
			w.answers = append(w.answers, answer{status, body})
		}
		got, err := client(w, "").GetBucketPublicAccessBlock(t.Context(), &s3.Bucket{Name: bucket, Region: region})
		for _, r := range w.sent {
			host := "s3." + region + ".amazonaws.com"
			if strings.HasPrefix(region, "cn-") {
				host += ".cn"
			}
			sent, err := url.Parse(r.URL.String())
			if err != nil || sent.Scheme != "https" || sent.User != nil || sent.Host != host && sent.Host != bucket+"."+host ||
				sent.Fragment != "" ||
				sent.RawQuery != "publicAccessBlock=" {
				t.Fatalf("bucket %q in %q: sent to %s (%v)", bucket, region, r.URL, err)
			}
			if sent.Host == host && sent.Path != "/"+bucket {
				t.Fatalf("bucket %q in %q: sent to %s", bucket, region, r.URL)
			}
		}
		if err != nil {
			return
		}
		if status >= 300 ||
			(got.BlockPublicAcls || got.IgnorePublicAcls || got.BlockPublicPolicy || got.RestrictPublicBuckets) &&
				!strings.Contains(strings.ToLower(body), "true") && !strings.Contains(body, "1") &&
				!strings.Contains(strings.ToLower(body), "t") {
			t.Fatalf("status %d, %q is read as %+v", status, body, got)
		}
	})
}
