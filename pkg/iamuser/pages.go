package iamuser

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
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

// Details yields every user of the account with its tags, boundary, policies and groups, up to the first error: five
// calls for the 5,000 users that an account can have. IAM gives at most 1,000 at once
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html).
func Details(
	ctx context.Context, api iam.GetAccountAuthorizationDetailsAPIClient,
) iter.Seq2[types.UserDetail, error] {
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(api, &iam.GetAccountAuthorizationDetailsInput{
		Filter: []types.EntityType{types.EntityTypeUser}, MaxItems: aws.Int32(1000),
	})
	return func(yield func(types.UserDetail, error) bool) {
		for page, err := range Pages(ctx, pages, "get account authorization details") {
			if err != nil {
				yield(types.UserDetail{}, err)
				return
			}
			for _, user := range page.UserDetailList {
				if !yield(user, nil) {
					return
				}
			}
		}
	}
}
