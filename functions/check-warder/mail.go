package checkwarder

import (
	"context"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/mailstate"
)

// mail checks that owners get mail through SES, and that Warder learns of what comes back.
func (c *checker) mail(ctx context.Context) {
	sender, set := c.Settings.Mail.Sender, c.Settings.Mail.Set
	if sender == "" {
		return
	}
	const name = "Amazon SES"
	c.checked++
	faults, err := mailstate.Find(ctx, c.mails, sender, set)
	if err != nil {
		c.unread(high, name, i18n.T("service"), err)
		return
	}
	for _, fault := range faults {
		severity, text := mailFault(fault, masked(sender))
		c.differs(severity, name, text)
	}
}

// mailFault says how severe a fault of mail is, and what follows from it.
func mailFault(fault mailstate.Fault, sender string) (control.Severity, i18n.Message) {
	switch fault.Kind {
	case mailstate.Off:
		return critical, i18n.T("SES sends no mail for this account (%s): owners are not notified.", fault.Detail)
	case mailstate.Unverified:
		return critical, i18n.T("Neither the sender %s nor its domain is verified: SES refuses the mail to owners.", sender)
	case mailstate.NoSet:
		return critical, i18n.T("The configuration set %s does not exist: SES refuses the mail to owners.", fault.Detail)
	case mailstate.Sandbox:
		return high, i18n.T("SES is in its sandbox: only verified addresses get mail, and 200 a day.")
	case mailstate.Unreported:
		return high, i18n.T("The configuration set does not put events of type %s onto the event bus: who gets no mail is "+
			"not known.", fault.Detail)
	}
	return medium, i18n.T("SES has put this account under review, because of mail that came back.")
}
