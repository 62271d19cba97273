package owner

import (
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Whatever tags, path and name a user has: somebody is notified, of a tag exactly what it says, and nobody is
// mentioned but a member.
func FuzzOwner(f *testing.F) {
	f.Add("alice", "/team/", "owner", "kim@example.com", "U024BE7LH")
	f.Add("ci-x", "/", "Owner", " ", "!channel")
	f.Add("ci-deploy-x", "/team/data/", "x", "a\nb", "U024BE7LH>")
	f.Fuzz(func(t *testing.T, name, path, key, value, slack string) {
		if name == "" {
			return
		}
		tags := map[string]string{"slack": slack}
		if !strings.EqualFold(key, "slack") {
			tags[key] = value
		}
		a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{name: {Path: path, Tags: tags}}})
		b := book(a)
		b.Owners.Slack = "slack"
		got, err := b.Owner(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if got.Address == "" || got.Slack != "" && (got.Slack != slack || !notice.Member(slack)) {
			t.Fatalf("%+v", got)
		}
		if tagged := strings.EqualFold(key, "owner") && strings.TrimSpace(value) != ""; tagged &&
			got.Address != strings.TrimSpace(value) {
			t.Fatalf("the tag says %q: %+v", value, got)
		}
		if !got.Missing.Empty() != (got.Address == b.Owners.Default && strings.TrimSpace(value) != got.Address) {
			t.Fatalf("%+v: %s", got, got.Missing)
		}
		// Without any rule there is nobody but the subscribers.
		if got, err := (Book{API: a.IAM(), Owners: settings.Owners{}}).Owner(t.Context(), name); err != nil ||
			got.Address != "" ||
			got.Slack != "" {
			t.Fatalf("nobody is named, and %+v is told (%v)", got, err)
		}
	})
}
