package change_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

func TestWhatIsGoneIsRecognizedInEveryService(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"IAM":                   {&iamtypes.NoSuchEntityException{Message: aws.String("x")}, true},
		"a bucket":              {&smithy.GenericAPIError{Code: "NoSuchBucket"}, true},
		"a session":             {&ssmtypes.DoesNotExistException{Message: aws.String("x")}, true},
		"a bucket in disguise":  {&smithy.GenericAPIError{Code: "AccessDenied", Message: "NoSuchBucket"}, false},
		"a block that is none":  {&smithy.GenericAPIError{Code: "NoSuchPublicAccessBlockConfiguration"}, false},
		"an error of no answer": {errors.New("NoSuchEntity"), false},
		"no error":              {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := change.NotFound(c.err); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestABoundaryNarrowsOnlyWhereThereWasNone(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		widens        bool
	}{
		"put where there was none": {"", "a", false},
		"in the place of another":  {"b", "a", true},
		"taken off":                {"a", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			kinds := change.ForIAM(fakeaws.New(fakeaws.State{}).IAM())
			err := kinds.Narrows([]change.Change{{Kind: change.PermissionsBoundary, Subject: "u", Target: "u",
				Before: c.before, After: c.after}})
			if (err != nil) != c.widens {
				t.Errorf("got %v, want refused %v", err, c.widens)
			}
		})
	}
}

func TestABucketNarrowsWhenEverySwitchThatIsOnStaysOn(t *testing.T) {
	kinds := s3.Kinds(s3.New(fakeaws.New(fakeaws.State{}).Config()))
	switches := func(n int) *s3.PublicAccessBlock {
		return &s3.PublicAccessBlock{BlockPublicAcls: n&1 != 0, IgnorePublicAcls: n&2 != 0, BlockPublicPolicy: n&4 != 0,
			RestrictPublicBuckets: n&8 != 0}
	}
	for before := range 16 {
		for after := range 16 {
			c := change.Change{Kind: change.BucketPublicAccess, Subject: "b", Target: "us-east-1",
				Before: change.Block(switches(before)), After: change.Block(switches(after))}
			if err := kinds.Narrows([]change.Change{c}); (err == nil) != (before&^after == 0) {
				t.Errorf("from %s to %s: %v", c.Before, c.After, err)
			}
		}
	}
	for _, c := range []struct {
		before, after string
		widens        bool
	}{
		{"", change.Closed, false},
		{"", change.Block(switches(0)), false}, // a block without a switch on is as good as none
		{change.Block(switches(0)), "", true},
		{"", "", true},
		{"public", change.Closed, true},
		{"", "closed", true},
	} {
		err := kinds.Narrows([]change.Change{{Kind: change.BucketPublicAccess, Subject: "b", Target: "us-east-1",
			Before: c.before, After: c.after}})
		if (err != nil) != c.widens {
			t.Errorf("from %q to %q: %v, want refused %v", c.before, c.after, err, c.widens)
		}
	}
}

func TestABucketIsClosedAndOpenedAgain(t *testing.T) {
	for name, before := range map[string]*s3.PublicAccessBlock{"without a block": nil,
		"with a part of it": {IgnorePublicAcls: true}} {
		t.Run(name, func(t *testing.T) {
			a := fakeaws.New(fakeaws.State{Buckets: map[string]*fakeaws.Bucket{"data": {Region: "eu-west-1", Block: before}}})
			kind, err := s3.Kinds(s3.New(a.Config())).Kind(change.Change{Kind: change.BucketPublicAccess})
			if err != nil {
				t.Fatal(err)
			}
			c := change.Change{Kind: kind.Name(), Subject: "data", Target: "eu-west-1", Before: change.Block(before),
				After: change.Closed}
			for _, c := range []change.Change{c, c.Inverse()} {
				if err := kind.Set(context.Background(), c); err != nil {
					t.Fatal(err)
				}
				if got, err := kind.Read(context.Background(), c); err != nil || got != c.After {
					t.Errorf("got %q, %v, want %q", got, err, c.After)
				}
			}
		})
	}
	kinds := s3.Kinds(s3.New(fakeaws.New(fakeaws.State{}).Config()))
	kind, err := kinds.Kind(change.Change{Kind: change.BucketPublicAccess})
	if err != nil {
		t.Fatal(err)
	}
	gone := change.Change{Kind: kind.Name(), Subject: "data", Target: "eu-west-1", After: change.Closed}
	if got, err := kind.Read(t.Context(), gone); got != "" || !change.NotFound(err) {
		t.Errorf("a bucket that is gone reads %q, %v", got, err)
	}
	if err := kind.Set(t.Context(), gone); !change.NotFound(err) {
		t.Errorf("a bucket that is gone is set: %v", err)
	}
}

func TestAClosedBucketIsOneWithEverySwitchOn(t *testing.T) {
	if all := change.Block(&s3.PublicAccessBlock{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true,
		RestrictPublicBuckets: true}); all != change.Closed {
		t.Errorf("Closed is %s, every switch on is %s", change.Closed, all)
	}
}
