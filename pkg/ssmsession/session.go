// Package ssmsession ends sessions of Session Manager. Nothing can resume one that is over.
package ssmsession

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/warder-aws/warder/pkg/change"
)

// SSM lists the operations that end a session.
type SSM interface {
	ssm.DescribeSessionsAPIClient
	TerminateSession(context.Context, *ssm.TerminateSessionInput,
		...func(*ssm.Options)) (*ssm.TerminateSessionOutput, error)
}

// Kinds returns a registry of the changes to sessions.
func Kinds(api SSM) change.Registry { return change.NewRegistry(session{ssm: api}) }

type session struct {
	change.Sessions
	ssm SSM
}

func (k session) Read(ctx context.Context, c change.Change) (string, error) {
	region, id, _ := strings.Cut(c.Target, "/")
	found, err := Active(ctx, k.ssm, region, id)
	if err != nil || found == nil {
		return "", err
	}
	return change.Connected, nil
}

// Active returns the session with the id, nil when it is over or was never there.
func Active(ctx context.Context, api ssm.DescribeSessionsAPIClient, region, id string) (*types.Session, error) {
	pages := ssm.NewDescribeSessionsPaginator(api, &ssm.DescribeSessionsInput{
		State:   types.SessionStateActive,
		Filters: []types.SessionFilter{{Key: types.SessionFilterKeySessionId, Value: &id}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, in(region))
		if err != nil {
			return nil, change.Wrap(err, "describe session %q in %s", id, region)
		}
		for _, s := range page.Sessions {
			switch {
			case aws.ToString(s.SessionId) != id:
			case s.Status == types.SessionStatusTerminating, s.Status == types.SessionStatusTerminated,
				s.Status == types.SessionStatusFailed:
			default:
				return &s, nil
			}
		}
	}
	return nil, nil
}

func (k session) Set(ctx context.Context, c change.Change) error {
	region, id, _ := strings.Cut(c.Target, "/")
	if c.After != "" {
		return fmt.Errorf("set session %q to %q: %s", id, c.After, k.Final())
	}
	_, err := k.ssm.TerminateSession(ctx, &ssm.TerminateSessionInput{SessionId: &id}, in(region))
	return change.Wrap(err, "terminate session %q in %s", id, region)
}

// in sends one call to the region.
func in(region string) func(*ssm.Options) { return func(o *ssm.Options) { o.Region = region } }
