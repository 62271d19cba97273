package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/warder-aws/warder/pkg/i18n"
)

// SSM lists the operations that end a session.
type SSM interface {
	ssm.DescribeSessionsAPIClient
	TerminateSession(context.Context, *ssm.TerminateSessionInput,
		...func(*ssm.Options)) (*ssm.TerminateSessionOutput, error)
}

// ForSSM returns a registry of the changes to Systems Manager.
func ForSSM(api SSM) Registry { return NewRegistry(session{ssm: api}) }

// Session ends somebody's session of Session Manager: the values are [Connected] and absent; see [SessionTarget].
const Session = "session"

// Connected is the value of a session that is not over, whether or not somebody is at it just now.
const Connected = "connected"

// SessionTarget names a session: its id is known in its region only.
func SessionTarget(region, id string) string { return region + "/" + id }

type session struct{ ssm SSM }

func (session) Name() string { return Session }

func (k session) Read(ctx context.Context, c Change) (string, error) {
	region, id, _ := strings.Cut(c.Target, "/")
	found, err := ActiveSession(ctx, k.ssm, region, id)
	if err != nil || found == nil {
		return "", err
	}
	return Connected, nil
}

// ActiveSession returns the session with the id, nil when it is over or was never there.
func ActiveSession(ctx context.Context, api ssm.DescribeSessionsAPIClient, region, id string) (*types.Session, error) {
	pages := ssm.NewDescribeSessionsPaginator(api, &ssm.DescribeSessionsInput{
		State:   types.SessionStateActive,
		Filters: []types.SessionFilter{{Key: types.SessionFilterKeySessionId, Value: &id}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, in(region))
		if err != nil {
			return nil, Wrap(err, "describe session %q in %s", id, region)
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

func (k session) Set(ctx context.Context, c Change) error {
	region, id, _ := strings.Cut(c.Target, "/")
	if c.After != "" {
		return fmt.Errorf("set session %q to %q: %s", id, c.After, k.Final())
	}
	_, err := k.ssm.TerminateSession(ctx, &ssm.TerminateSessionInput{SessionId: &id}, in(region))
	return Wrap(err, "terminate session %q in %s", id, region)
}

// in sends one call to the region.
func in(region string) func(*ssm.Options) { return func(o *ssm.Options) { o.Region = region } }

// Widens implements [Kind]: a session can only be ended.
func (session) Widens(c Change, _ []Change) bool { return c.After != "" }

func (session) Final() i18n.Message {
	return i18n.T("an ended session cannot be resumed; its user can start a new one")
}

func (session) Describe(c Change, done bool) i18n.Message {
	region, id, _ := strings.Cut(c.Target, "/")
	return pick(done, i18n.T("ended session %s of %s in %s", id, c.Subject, region),
		i18n.T("end session %s of %s in %s", id, c.Subject, region))
}
