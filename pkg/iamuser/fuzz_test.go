package iamuser

import (
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Whatever a resource is called: a user that it is said to mean has a name, and an id means the user who
// has that id and nobody who is only named so.
func FuzzName(f *testing.F) {
	for _, resource := range []string{
		"AIDAEXAMPLEALICE00001", "AIDAEXAMPLEALICE00002", "alice", "arn:aws:iam::111122223333:user/team/x/alice",
		"arn:aws:iam::111122223333:user/", "arn:aws:iam::111122223333:user",
		"arn:aws:s3:::user/alice", "arn:aws:iam::111122223333:role/alice", "", "/", "a\x00b",
	} {
		f.Add(resource)
	}
	a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {ID: "AIDAEXAMPLEALICE00001"},
		"AIDAEXAMPLEALICE00002": {ID: "AIDAEXAMPLEOTHER00001"}}})
	f.Fuzz(func(t *testing.T, resource string) {
		name, ok, err := ResolveName(t.Context(), a.IAM(), resource)
		switch {
		case err != nil:
			t.Fatal(err)
		case ok != (name != ""):
			t.Fatalf("Name(%q) = %q, %v", resource, name, ok)
		case ok && strings.HasPrefix(resource, "arn:") && (strings.Contains(name, "/") || !strings.HasSuffix(resource, name)):
			t.Fatalf("Name(%q) = %q", resource, name)
		case IsUniqueID(resource) && name != map[string]string{"AIDAEXAMPLEALICE00001": "alice",
			"AIDAEXAMPLEOTHER00001": "AIDAEXAMPLEALICE00002"}[resource]:
			t.Fatalf("the id %q means %q", resource, name)
		case !strings.HasPrefix(resource, "arn:") && !IsUniqueID(resource) && name != resource:
			t.Fatalf("Name(%q) = %q", resource, name)
		}
	})
}
