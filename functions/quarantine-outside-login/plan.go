package quarantineoutsidelogin

import (
	"context"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/network"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/say"
	"github.com/warder-aws/warder/pkg/settings"
)

// reads are the operations that the planner decides from.
type reads interface{ quarantine.API }

type planner struct {
	api     reads
	allowed network.Allowed
	policy  string // ARN
}

func newPlanner(api reads, f settings.Function) (remedy.Planner, error) {
	policy, err := quarantine.Outside(f)
	if err != nil {
		return nil, err
	}
	return &planner{api: api, allowed: f.AllowedNetworks, policy: policy}, nil
}

// Plan quarantines the IAM user who signed in from outside. It acts on nobody else: what the root
// user, roles and users of IAM Identity Center do cannot be stopped by a policy on a user, and
// alert-console-login tells of all of them. Nor does it act where there is no saying what is outside:
// no network is listed, the record has no address, or it came through somebody else's VPC.
func (p *planner) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remedy.Finding, error) {
	s, ok := e.Detail.(*event.SignIn)
	if !ok || s.Name != "ConsoleLogin" || !s.Succeeded() || s.Failed() {
		return nil, nil
	}
	user := s.Identity.UserName
	if s.Kind() != event.IAMUser || user == "" || s.Identity.AccountID != e.Account {
		return nil, nil
	}
	origin := p.allowed.Judge(&s.Record)
	if origin.Place != network.Outside {
		return nil, nil
	}
	look, err := quarantine.At(ctx, p.api, user, p.policy)
	if change.Gone(err) {
		return nil, nil
	}
	if err != nil || look.In {
		return nil, err
	}
	mfa := say.F("no")
	if s.MFAUsed {
		mfa = say.F("yes")
	}
	return []remedy.Finding{{
		User:  user,
		Title: say.F("User signed in from outside the allowed networks"),
		Text:  say.Sentences(say.F("IAM user %s signed in to the console of account %s (%s) from %s.", user, s.RecipientAccount, s.Region, origin.Say()), look.Note),
		Facts: []remedy.Fact{
			{Name: say.F("From"), Value: origin.Say()},
			{Name: say.F("MFA"), Value: mfa},
			{Name: say.F("User agent"), Value: say.Data(notice.Agent(s.UserAgent))},
			{Name: say.F("At"), Value: say.Moment(e.Time)},
		},
		Changes: []change.Change{look.Change},
		Advice: say.F("Ask them where they were. If it was them: undo it, or have them come back into an allowed network, where the quarantine lets them work. " +
			"If not: delete the console password, make the access keys inactive, and see what they did. " +
			"The quarantine denies what the user asks of AWS from outside. It does not keep them from signing in, and roles that they switched to before go on: revoke those sessions in IAM."),
		Fresh: true,
		// Where it is only observed, the user signs in again and again.
		Once: remedy.Once{Key: user, For: 24 * time.Hour},
	}}, nil
}
