package main

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
)

// Undo needs what the kinds of change call, and no other operation of their services.
func TestPermissionsAreTheOperationsOfTheKinds(t *testing.T) {
	c, err := control.Parse("undo/control.json", description)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range c.Permissions {
		for _, action := range p.Actions {
			if !slices.Contains([]string{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan", "dynamodb:Query", "sns:Publish", "kms:Decrypt", "kms:GenerateDataKey"}, action) {
				got = append(got, action)
			}
		}
	}
	var want []string
	for _, kinds := range []reflect.Type{reflect.TypeFor[change.IAM]()} {
		for i := range kinds.NumMethod() {
			want = append(want, "iam:"+kinds.Method(i).Name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions (-operations of the kinds +control.json):\n%s", diff)
	}
}
