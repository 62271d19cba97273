package doctor

import (
	"cmp"
	"context"
	"slices"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/mailstate"
	"github.com/warder-aws/warder/pkg/settings"
)

// mail checks that owners get mail through SES, and that Warder learns of what comes back: the sender is verified,
// mail is sent to everybody, and the configuration set reports bounces and complaints.
func (d *doctor) mail(ctx context.Context, l *lines) error {
	set := d.Settings.Notify.SES
	if !set.On() {
		return nil
	}
	name := set.ConfigurationSet
	for _, id := range d.stacks[0].of("AWS::SES::ConfigurationSet") {
		name = cmp.Or(name, d.stacks[0].physical[id])
	}
	if name == "" {
		l.problem(deploy, "the deployed stack has no configuration set")
		return nil
	}
	faults, err := mailstate.Find(ctx, mailstate.Client(d.Config), set.Sender, name)
	if err != nil {
		return err
	}
	for _, fault := range faults {
		d.mailFault(l, fault, set.Sender, name)
	}
	if back := d.bouncing(ctx); len(back) > 0 {
		l.remark("ask them for another address, in their owner tag", "mail to %s comes back (bounced), such as %s",
			number(len(back), "address", "addresses"), masked("email", back[0]))
	}
	l.ok("SES sends mail as %s, and reports what comes back", masked("email", set.Sender))
	return nil
}

// mailFault says what is wrong, and what to do about it.
func (d *doctor) mailFault(l *lines, fault mailstate.Fault, sender, set string) {
	const console = "look at the account's dashboard of Amazon SES in the console"
	switch fault.Kind {
	case mailstate.Off:
		l.problem(console, "SES sends no mail for this account (%s): owners are not notified", fault.Detail)
	case mailstate.Review:
		l.problem(console, "SES has put this account under review, because of mail that came back")
	case mailstate.Sandbox:
		l.problem("request production access to SES in "+d.Config.Region, "SES is in its sandbox in %s: only verified "+
			"addresses get mail, and 200 a day", d.Config.Region)
	case mailstate.Unverified:
		l.problem("aws sesv2 create-email-identity --email-identity "+mailstate.Domain(sender)+
			", and then the records that it returns", "neither %s nor its domain is verified in %s: SES refuses its mail",
			masked("email", sender), d.Config.Region)
	case mailstate.NoSet:
		l.problem(redeploy, "the configuration set %s does not exist: SES refuses the mail", set)
	case mailstate.Unreported:
		l.problem(redeploy, "the configuration set %s does not put events of type %s onto the event bus: who gets no mail "+
			"is not known", set, fault.Detail)
	}
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
