package iamuser

import (
	"context"
	"fmt"
	"iter"
)

// Pages are what a paginator of the SDK gives, up to the first error, which says what was asked for.
func Pages[Page, Options any](ctx context.Context, paginator interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*Options)) (*Page, error)
}, format string, args ...any) iter.Seq2[*Page, error] {
	return func(yield func(*Page, error) bool) {
		for paginator.HasMorePages() {
			page, err := paginator.NextPage(ctx)
			if err != nil {
				yield(nil, fmt.Errorf(format+": %w", append(args, err)...))
				return
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}
