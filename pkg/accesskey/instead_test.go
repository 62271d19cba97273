package accesskey_test

import (
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/accesskey"
)

// The line of a key says what IAM knows of its last use, and a way that fits it.
func TestInstead(t *testing.T) {
	for _, tc := range []struct{ service, region, want string }{
		{"", "", "people take aws login or IAM Identity Center, programs on AWS a role"},
		{"s3", "eu-west-1", "last used for s3 in eu-west-1: programs on AWS take the role"},
		{"codecommit", "us-east-1", "last used for codecommit in us-east-1: git-remote-codecommit"},
		{"iam", "", "last used for iam: people take aws login"},
		{"newservice", "us-east-1", "last used for newservice in us-east-1: people take aws login or IAM Identity Center"},
	} {
		k := accesskey.Key{Service: tc.service, Region: tc.region}
		if got := k.Instead().Value.String(); !strings.HasPrefix(got, tc.want) {
			t.Errorf("for %q in %q: %s, want %s", tc.service, tc.region, got, tc.want)
		}
	}
}
