package main

import (
	"reflect"
	"testing"

	"github.com/warder-aws/warder/pkg/account"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/story"
)

func TestStories(t *testing.T) {
	story.Run(t, story.Control{
		Description: description,
		Plan:        func(a *account.Account, _ settings.Function) (remedy.Planner, error) { return &planner{api: a}, nil },
		Kinds:       func(a *account.Account) change.Registry { return change.ForS3(a) },
		Reads:       reflect.TypeFor[reads](),
	})
}
