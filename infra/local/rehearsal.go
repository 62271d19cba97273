package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/drill"
)

// rehearsal plays a drill: every hop of every scenario is seen, people are told that it is one, and the
// account is as it was.
func rehearsal(ctx context.Context, s *stage) error {
	if _, _, err := s.came(ctx, "none"); err != nil {
		return err
	}
	before, err := identities(ctx, s.iam)
	if err != nil {
		return err
	}
	var answer drill.Answer
	if err := s.invoke(ctx, "drill", drill.Request{By: "kim@example.com", Minutes: 2}, &answer); err != nil {
		return err
	}
	for _, sc := range answer.Scenarios {
		said := fmt.Sprintf("%s, %s: %s;", sc.Name, sc.Control, sc.Did)
		for _, hop := range sc.Hops {
			said += fmt.Sprintf(" %s %.1f s", hop.Name, hop.Seconds)
		}
		s.say("%s", said)
		if sc.Outcome != drill.Passed || len(sc.Hops) < 3 {
			return fmt.Errorf("scenario %+v, want that it passes", sc)
		}
	}
	if answer.Outcome != drill.Passed || len(answer.Scenarios) != 3 || len(answer.Cleaned) != 1 || len(answer.Left) > 0 {
		return fmt.Errorf("drill %+v, want that it passes with three scenarios and leaves nothing", answer)
	}
	if _, err := s.settle(ctx); err != nil {
		return err
	}
	letters, err := s.inbox.Take(ctx)
	if err != nil {
		return err
	}
	for _, l := range letters {
		if !strings.HasPrefix(l.Title, "Drill: ") || l.Owner != "kim@example.com" || l.Subject != answer.User {
			return fmt.Errorf("a notice to %q about %s: %s; want those of a drill alone", l.Owner, l.Subject, l.Title)
		}
		s.say("told %s: %s (%s, %s)", l.Owner, l.Title, l.Kind, l.Severity)
		s.full(l)
	}
	after, err := identities(ctx, s.iam)
	if err != nil {
		return err
	}
	if before != after || len(letters) == 0 {
		return errors.New("the account is not as it was, or nobody was told")
	}
	s.say("%s is gone; the account is as it was", answer.User)
	return nil
}

// identities is all users and groups of the account, with what is on them, as text.
func identities(ctx context.Context, client *iam.Client) (string, error) {
	var all []any
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(client, &iam.GetAccountAuthorizationDetailsInput{
		Filter: []iamtypes.EntityType{iamtypes.EntityTypeUser, iamtypes.EntityTypeGroup},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("get account authorization details: %w", err)
		}
		all = append(all, page.UserDetailList, page.GroupDetailList)
	}
	text, err := json.Marshal(all)
	return string(text), err
}
