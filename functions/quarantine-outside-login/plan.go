package quarantineoutsidelogin

import (
	"context"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/network"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

type planner struct {
	api     quarantine.API
	allowed network.Allowed
	policy  string // ARN
}

func newPlanner(api quarantine.API, f settings.Function) (remediation.Planner, error) {
	policy, err := quarantine.Outside(f)
	return &planner{api: api, allowed: f.AllowedNetworks, policy: policy}, err
}

// Plan quarantines the IAM user who signed in from outside. It acts on nobody else: what the root
// user, roles and users of IAM Identity Center do cannot be stopped by a policy on a user, and
// alert-console-login alerts on all of them. Nor does it act where there is no saying what is outside:
// no network is listed, the record has no address, or it came through somebody else's VPC.
func (p *planner) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	s, ok := e.Detail.(*event.SignIn)
	if call, isCall := e.Detail.(*event.APICall); isCall {
		s, ok = call.SignIn()
	}
	if !ok || s.Name != "ConsoleLogin" && !s.ForProgram() || s.Exchanged() || !s.Succeeded() || s.Failed() {
		return nil, nil
	}
	user := s.Identity.UserName
	if s.Kind() != event.IAMUser || user == "" || s.Identity.AccountID != e.Account {
		return nil, nil
	}
	origin := p.allowed.Evaluate(&s.Record)
	if origin.Place != network.Outside {
		return nil, nil
	}
	look, err := quarantine.At(ctx, p.api, user, p.policy)
	if err != nil || look.In {
		return nil, err
	}
	mfa := i18n.T("no")
	if s.WithMFA() {
		mfa = i18n.T("yes")
	}
	text := i18n.T("IAM user %s signed in to the console of account %s (%s) from %s.",
		user, s.RecipientAccount, s.Region, origin.Describe())
	switch {
	case s.Renewed():
		text = i18n.T("A program of IAM user %s renewed its token in account %s (%s) from %s.",
			user, s.RecipientAccount, s.Region, origin.Describe())
	case s.ForProgram():
		text = i18n.T("IAM user %s signed in for a program in account %s (%s) from %s.",
			user, s.RecipientAccount, s.Region, origin.Describe())
	}
	return []remediation.Finding{{
		User:  user,
		Title: i18n.T("User signed in from outside the allowed networks"),
		Text:  i18n.Sentences(text, look.Note),
		Facts: remediation.Facts(
			i18n.T("From"), origin.Describe(), i18n.T("MFA"), mfa,
			i18n.T("Program"), i18n.Literal(notice.Plain(s.Client(), 120)),
			i18n.T("User agent"), i18n.Literal(notice.Agent(s.UserAgent)), i18n.T("At"), i18n.Moment(e.Time),
		),
		Changes: []change.Change{look.Change},
		Advice: i18n.T("Ask them where they were. If it was them: undo this, or ask them to connect from an allowed " +
			"network, where the quarantine lets them work. If not: delete the console password, make the access keys " +
			"inactive, and check what they did. The quarantine denies the user's requests to AWS from outside. It does not " +
			"prevent signing in, and sessions of roles that they switched to before stay active: revoke them in IAM."),
		Handling: remediation.Handling{
			Fresh: true, Urgency: remediation.Emergency,
			// Where it is only observed, the user signs in again and again.
			Once: remediation.Once{Key: "sign-in", For: 24 * time.Hour},
		},
	}}, nil
}
