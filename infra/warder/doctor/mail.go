package doctor

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

// What SES answers, as far as it is read.
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetEmailIdentity.html
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetConfigurationSetEventDestinations.html
type (
	mailAccount struct {
		SendingEnabled          bool
		ProductionAccessEnabled bool
		EnforcementStatus       string // HEALTHY, PROBATION or SHUTDOWN
	}
	mailIdentity struct{ VerifiedForSendingStatus bool }
	mailEvents   struct {
		EventDestinations []struct {
			Enabled                bool
			MatchingEventTypes     []string
			EventBridgeDestination *struct{ EventBusArn string }
		}
	}
)

// mail checks that owners get mail through SES, and that Warder learns of what comes back: the sender is verified,
// mail is sent to everybody, and the configuration set reports bounces and complaints.
func (d *doctor) mail(ctx context.Context, l *lines) error {
	set := d.Settings.Notify.SES
	if !set.On() {
		return nil
	}
	client := mailClient(d.Config)
	state, err := ask[mailAccount](ctx, client, "GetAccount", "account")
	if err != nil {
		return err
	}
	const console = "look at the account's dashboard of Amazon SES in the console"
	if !state.SendingEnabled || state.EnforcementStatus == "SHUTDOWN" {
		l.problem(console, "SES sends no mail for this account (%s): owners are not notified", state.EnforcementStatus)
	} else if state.EnforcementStatus == "PROBATION" {
		l.problem(console, "SES has put this account under review, because of mail that came back")
	}
	if !state.ProductionAccessEnabled {
		l.problem("request production access to SES in "+d.Config.Region, "SES is in its sandbox in %s: only verified "+
			"addresses get mail, and 200 a day", d.Config.Region)
	}
	domain := set.Sender[strings.LastIndex(set.Sender, "@")+1:]
	verified := false
	for _, identity := range []string{set.Sender, domain} { // either may be verified
		found, err := ask[mailIdentity](ctx, client, "GetEmailIdentity", "identities/"+url.PathEscape(identity))
		if err != nil && !account.Missing(err) {
			return err
		}
		verified = verified || err == nil && found.VerifiedForSendingStatus
	}
	if !verified {
		l.problem("aws sesv2 create-email-identity --email-identity "+domain+", and then the records that it returns",
			"neither %s nor its domain is verified in %s: SES refuses its mail", masked("email", set.Sender), d.Config.Region)
	}
	if err := d.mailEvents(ctx, l, client); err != nil {
		return err
	}
	if back := d.bouncing(ctx); len(back) > 0 {
		l.remark("ask them for another address, in their owner tag", "mail to %s comes back, such as %s",
			number(len(back), "address", "addresses"), masked("email", back[0]))
	}
	l.ok("SES sends mail as %s, and reports what comes back", masked("email", set.Sender))
	return nil
}

// mailEvents checks that the configuration set puts what comes back onto the bus.
func (d *doctor) mailEvents(ctx context.Context, l *lines, client *awsjson.Client) error {
	name := d.Settings.Notify.SES.ConfigurationSet
	if name == "" {
		for _, id := range d.stacks[0].of("AWS::SES::ConfigurationSet") {
			name = d.stacks[0].physical[id]
		}
	}
	if name == "" {
		l.problem(deploy, "the deployed stack has no configuration set")
		return nil
	}
	events, err := ask[mailEvents](ctx, client, "GetConfigurationSetEventDestinations",
		"configuration-sets/"+url.PathEscape(name)+"/event-destinations")
	if err != nil {
		return l.missing(err, redeploy, "the configuration set %s does not exist: SES refuses the mail", name)
	}
	reported := map[string]bool{}
	for _, to := range events.EventDestinations {
		for _, kind := range to.MatchingEventTypes {
			reported[kind] = reported[kind] || to.Enabled && to.EventBridgeDestination != nil
		}
	}
	for _, kind := range []string{"BOUNCE", "COMPLAINT"} {
		if !reported[kind] {
			l.problem(redeploy, "the configuration set %s does not put events of type %s onto the event bus: who gets no mail "+
				"is not known", name, kind)
		}
	}
	return nil
}

// bouncing lists the owners of the ledger whose mail comes back. What cannot be read is said by other checks.
func (d *doctor) bouncing(ctx context.Context) (back []string) {
	contents, err := d.contents()
	if err != nil {
		return nil
	}
	asked := map[string]bool{}
	for _, e := range contents.Entries {
		address := settings.Address(e.Owner)
		if address == "" || asked[address] || len(asked) == mostAddresses {
			continue
		}
		asked[address] = true
		if a, err := ledger.New(d.store).Address(ctx, address); err == nil && a.CameBack(d.Now()) {
			back = append(back, address)
		}
	}
	slices.Sort(back)
	return back
}

// mostAddresses is how many addresses are looked up, a call for each.
const mostAddresses = 100

// mailClient is a client of SES.
// https://docs.aws.amazon.com/general/latest/gr/ses.html
func mailClient(cfg aws.Config) *awsjson.Client {
	client := awsjson.New(cfg, "SESv2", "")
	client.Host, client.Signing = "email", "ses"
	return client
}

// ask reads something of SES.
func ask[Out any](ctx context.Context, client *awsjson.Client, operation, path string) (*Out, error) {
	return awsjson.Rest[Out](ctx, client, operation, http.MethodGet, "v2/email/"+path, nil)
}
