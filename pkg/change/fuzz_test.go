package change_test

import (
	"encoding/json"
	"testing"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/ssm"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Whatever a change says that was read back from the ledger: one that takes access away gives it back when
// it is turned round, one that Narrows passes does not widen, and it is worded in one way.
func FuzzChanges(f *testing.F) {
	for _, c := range []change.Change{
		{Kind: change.AccessKeyStatus, Subject: "alice", Target: "AKIAIOSFODNN7EXAMPLE", Before: change.Active,
			After: change.Inactive},
		{Kind: change.ManagedUserPolicy, Subject: "alice", Target: "arn:aws:iam::aws:policy/AdministratorAccess",
			Before: change.Attached},
		{Kind: change.InlineUserPolicy, Subject: "alice", Target: "p", Before: `{"Statement":[]}`},
		{Kind: change.GroupMembership, Subject: "alice", Target: "g", After: change.Attached},
		{Kind: change.PermissionsBoundary, Subject: "alice", After: "arn:aws:iam::111122223333:policy/b"},
		{Kind: change.BucketPublicAccess, Subject: "b", Target: "us-east-1", Before: `{"BlockPublicAcls":true}`,
			After: change.Closed},
		{Kind: change.BucketPublicAccess, Subject: "b", Before: `null`, After: `{"BlockPublicAcls":1}`},
		{Kind: "of tomorrow", Subject: "\u202e"}, {},
	} {
		text, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	a := fakeaws.New(fakeaws.State{})
	kinds := change.ForIAM(a.IAM())
	for name, kind := range s3.Kinds(s3.New(a.Config())) {
		kinds[name] = kind
	}
	for name, kind := range ssm.Kinds(ssm.New(a.Config())) {
		kinds[name] = kind
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c change.Change
		if json.Unmarshal(raw, &c) != nil {
			return
		}
		if c.Inverse().Inverse() != c {
			t.Fatalf("%+v turned round twice is %+v", c, c.Inverse().Inverse())
		}
		kind, err := kinds.Kind(c)
		if err != nil {
			if kinds.Narrows([]change.Change{c}) == nil {
				t.Fatalf("%+v is of no kind, and passes", c)
			}
			return
		}
		if err := kinds.Narrows([]change.Change{c}); err == nil && kind.Widens(c, nil) {
			t.Fatalf("%+v widens access, and passes", c)
		}
		if c.Before != c.After && kind.Final().Empty() && !kind.Widens(c, nil) && !kind.Widens(c.Inverse(), nil) &&
			c.Kind == change.AccessKeyStatus && c.Before != change.Inactive {
			t.Fatalf("%+v and its inverse both take access away", c)
		}
		if kinds.Describe(c, true).String() == "" || kinds.Describe(c, false).String() == "" {
			t.Fatalf("%+v has no words", c)
		}
		if hint := change.Hint(c); c.Kind == change.AccessKeyStatus && len(c.Target) > 8 && hint == c.Target {
			t.Fatalf("the hint of an access key id is all of it: %q", hint)
		}
	})
}

// Whatever a bucket's switches are said to be, closing them is never a way to open one.
func FuzzPublicAccess(f *testing.F) {
	f.Add(`{"BlockPublicAcls":true}`, change.Closed)
	f.Add(``, `{}`)
	f.Add(`null`, `null`)
	f.Add(`{"blockpublicacls":true,"BlockPublicAcls":false}`, `[]`)
	f.Fuzz(func(t *testing.T, before, after string) {
		c := change.Change{Kind: change.BucketPublicAccess, Subject: "b", Target: "us-east-1", Before: before, After: after}
		widens := change.PublicAccessBlocks{}.Widens(c, nil)
		from, err := change.ParseBlock(before)
		to, fault := change.ParseBlock(after)
		if err != nil || fault != nil || to == nil {
			if !widens {
				t.Fatalf("%q to %q cannot be read, and passes", before, after)
			}
			return
		}
		if from != nil && !widens && (from.BlockPublicAcls && !to.BlockPublicAcls || from.IgnorePublicAcls &&
			!to.IgnorePublicAcls ||
			from.BlockPublicPolicy && !to.BlockPublicPolicy || from.RestrictPublicBuckets && !to.RestrictPublicBuckets) {
			t.Fatalf("%q to %q opens a switch, and passes", before, after)
		}
		if again, err := change.ParseBlock(change.Block(to)); err != nil || *again != *to {
			t.Fatalf("%q does not come back: %+v, %v", after, again, err)
		}
	})
}
