package owner

import (
	"context"
	"errors"
	"testing"

	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

func book(a *fakeaws.Account) Book {
	return Book{API: a.IAM(), Owners: settings.Owners{
		Tags:     []string{"owner", "email"},
		Paths:    map[string]string{"/team/": "team@example.com", "/team/data/": "data@example.com"},
		Prefixes: map[string]string{"ci-": "ci@example.com", "ci-deploy-": "deploy@example.com"},
		Default:  "security@example.com",
	}}
}

func TestOwner(t *testing.T) {
	a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{
		"tagged":      {Path: "/team/", Tags: map[string]string{"OWNER": " kim@example.com "}},
		"second-tag":  {Tags: map[string]string{"owner": " ", "email": "lee@example.com"}},
		"data":        {Path: "/team/data/etl/"},
		"team":        {Path: "/team/"},
		"other":       {Path: "/teams/"},
		"ci-build":    {},
		"ci-deploy-1": {},
		"CI-Deploy-2": {},
		"words":       {Path: "/team/", Tags: map[string]string{"owner": "jsmith"}},
		"two":         {Tags: map[string]string{"owner": "a@example.com b@example.com"}},
		"second":      {Tags: map[string]string{"owner": "jsmith", "email": "J.Smith@Example.com"}},
		"ci-words":    {Tags: map[string]string{"email": "@example.com"}},
		"nobody":      {Tags: map[string]string{"cost": "42"}},
	}})
	const missing = "unknown: the user has no tag owner or email"
	const words = "the tag owner is not an email address: jsmith"
	for _, tc := range []struct{ name, user, address, missing, invalid string }{
		{"a tag wins over the path, whatever its case", "tagged", "kim@example.com", "", ""},
		{"an empty tag is none", "second-tag", "lee@example.com", "", ""},
		{"a tag that is no address gives way to the path", "words", "team@example.com", "", words},
		{"a tag that is no address gives way to the next tag", "second", "j.smith@example.com", "", words},
		{"a tag that is no address gives way to the prefix", "ci-words", "ci@example.com", "",
			"the tag email is not an email address: @example.com"},
		{"two addresses are none: the default", "two", "security@example.com",
			"unknown: the tag owner is not an email address: a@example.com b@example.com",
			"the tag owner is not an email address: a@example.com b@example.com"},
		{"the longest path that fits", "data", "data@example.com", "", ""},
		{"a path", "team", "team@example.com", "", ""},
		{"a path that only looks alike", "other", "security@example.com", missing, ""},
		{"a prefix", "ci-build", "ci@example.com", "", ""},
		{"the longest prefix that fits", "ci-deploy-1", "deploy@example.com", "", ""},
		{"a prefix in another case", "CI-Deploy-2", "deploy@example.com", "", ""},
		{"nothing fits: the default, and which tag was missing", "nobody", "security@example.com", missing, ""},
		{"the user is gone", "gone", "security@example.com", missing, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := book(a).Owner(context.Background(), tc.user)
			if err != nil || got.Address != tc.address || got.Missing.String() != tc.missing ||
				got.Invalid.String() != tc.invalid {
				t.Errorf("Owner(%q) = %+v, %v", tc.user, got, err)
			}
		})
	}
}

func TestSlackMember(t *testing.T) {
	for _, tc := range []struct{ name, key, tag, value, want string }{
		{"a member", "slack", "slack", "U024BE7LH", "U024BE7LH"},
		{"a member of an enterprise", "slack", "slack", "W012A3CDE", "W012A3CDE"},
		{"a tag of another case", "chat-id", "Chat-ID", "U024BE7LH", "U024BE7LH"},
		{"a name is no id", "slack", "slack", "alice", ""},
		{"an id with more around it", "slack", "slack", "U024BE7LH x", ""},
		{"everybody", "slack", "slack", "!channel", ""},
		{"a group", "slack", "slack", "S0615G0KT", ""},
		{"a mention", "slack", "slack", "<@U024BE7LH>", ""},
		{"lower case", "slack", "slack", "u024be7lh", ""},
		{"an empty tag", "slack", "slack", "", ""},
		{"another tag", "slack", "owner", "U024BE7LH", ""},
		{"no tag is to be read", "", "slack", "U024BE7LH", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := book(
				fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Tags: map[string]string{tc.tag: tc.value}}}}),
			)
			b.Owners.Slack = tc.key
			got, err := b.Owner(context.Background(), "alice")
			if err != nil || got.Slack != tc.want {
				t.Errorf("Slack = %q, %v; want %q", got.Slack, err, tc.want)
			}
		})
	}
}

func TestAnOwnerThatCannotBeReadIsAnError(t *testing.T) {
	a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {}}})
	refused := errors.New("Throttling")
	a.Fault = func(string, bool) error { return refused }
	if _, err := book(a).Owner(context.Background(), "alice"); !errors.Is(err, refused) {
		t.Errorf("err = %v", err)
	}
}
