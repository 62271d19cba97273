package explain

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/explain"
)

// Explain reads, and reads only what its answers need.
func TestPermissions_Reader(t *testing.T) {
	c, err := control.Parse("explain/control.json", description)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range c.Permissions {
		for _, action := range p.Actions {
			if strings.HasPrefix(action, "iam:") {
				got = append(got, action)
			} else if !slices.Contains([]string{"dynamodb:GetItem", "dynamodb:Scan", "dynamodb:Query"}, action) {
				t.Errorf("explain may call %s", action)
			}
		}
	}
	var want []string
	for reads, i := reflect.TypeFor[explain.API](), 0; i < reads.NumMethod(); i++ {
		want = append(want, "iam:"+reads.Method(i).Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions (-operations of the reader +control.json):\n%s", diff)
	}
}
