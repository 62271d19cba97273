package awsjson_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/warder-aws/warder/pkg/awsjson"
)

func TestPages(t *testing.T) {
	pages := map[string][]int{"": {1, 2}, "b": {}, "c": {3}}
	after := map[string]string{"": "b", "b": "c"}
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		fails, most int
		want        []int
		err         error
	}{
		"all of them, an empty page between": {fails: -1, most: 9, want: []int{1, 2, 3}},
		"an error ends it":                   {fails: 1, most: 9, want: []int{1, 2}, err: broken},
		"who has enough reads no more":       {fails: 1, most: 1, want: []int{1}},
	} {
		read, got := 0, []int{}
		var last error
		for item, err := range awsjson.Pages(func(token string) ([]int, string, error) {
			if read++; read > tc.fails && tc.fails >= 0 {
				return nil, "", broken
			}
			return pages[token], after[token], nil
		}) {
			if last = err; err != nil {
				break
			}
			if got = append(got, item); len(got) == tc.most {
				break
			}
		}
		if !slices.Equal(got, tc.want) || !errors.Is(last, tc.err) {
			t.Errorf("%s: %v, %v, want %v, %v", name, got, last, tc.want, tc.err)
		}
	}
}
