package sendemail

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// maxWhy is how much of a mail server's words is kept, in bytes.
const maxWhy = 300

// back is that a mail came back, or that its recipient does not want it.
type back struct {
	message   string // the id that SES gave the mail
	addresses []string
	why       string
	passing   bool // a mailbox that is full, or an answer of a machine: it may take the next mail
}

// passes is for how long nothing is mailed where a mail came back for a reason that passes.
const passes = 24 * time.Hour

// parseBack reads an event of SES on EventBridge: a bounce or a complaint. Of a bounce that is not permanent SES sends
// one only after it has tried for hours.
// https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
func parseBack(body string) (b back, ok bool) {
	var e struct {
		Source string `json:"source"`
		Detail struct {
			Mail struct {
				MessageID string `json:"messageId"`
			}
			Bounce *struct {
				Type       string `json:"bounceType"`
				SubType    string `json:"bounceSubType"`
				Recipients []struct {
					Address    string `json:"emailAddress"`
					Diagnostic string `json:"diagnosticCode"`
				} `json:"bouncedRecipients"`
			}
			Complaint *struct {
				Type       string `json:"complaintFeedbackType"`
				Recipients []struct {
					Address string `json:"emailAddress"`
				} `json:"complainedRecipients"`
			}
		}
	}
	if json.Unmarshal([]byte(body), &e) != nil || e.Source != "aws.ses" {
		return b, false
	}
	b.message = e.Detail.Mail.MessageID
	if bounce := e.Detail.Bounce; bounce != nil {
		b.why, b.passing = strings.TrimSpace(bounce.Type+" "+bounce.SubType), bounce.Type == "Transient"
		for _, r := range bounce.Recipients {
			b.addresses = append(b.addresses, settings.Address(r.Address))
			if r.Diagnostic != "" {
				b.why += ": " + r.Diagnostic
			}
		}
	}
	if complaint := e.Detail.Complaint; complaint != nil {
		b.why = strings.TrimSpace("complaint " + complaint.Type)
		for _, r := range complaint.Recipients {
			b.addresses = append(b.addresses, settings.Address(r.Address))
		}
	}
	b.why = notice.Plain(b.why, maxWhy)
	return b, true
}

// cameBack notes that a mail came back. Only a mail that this function has sent counts, to the address that it was
// sent to.
func (m *mailer) cameBack(ctx context.Context, b back) error {
	if b.message == "" || len(b.addresses) == 0 {
		return nil
	}
	sent, found, err := m.Ledger.Mail(ctx, b.message)
	if err != nil {
		return err
	}
	if !found || !slices.Contains(b.addresses, sent.Address) {
		m.Log.WarnContext(ctx, "a mail came back that is not known", "message", notice.Plain(b.message, 64))
		return nil
	}
	now := m.Now()
	var faults []error
	for _, id := range sent.Entries {
		faults = append(faults, m.Ledger.ReviseMailed(ctx, id, func(all []ledger.Mailed) []ledger.Mailed {
			for i := range all {
				if all[i].Message == b.message {
					all[i].Back, all[i].Why = now, b.why
				}
			}
			return all
		}))
	}
	until := now.Add(ledger.MaxBack)
	if b.passing {
		until = now.Add(passes)
	}
	return errors.Join(append(faults, m.unreachable(ctx, sent.Address, b.why, until, len(sent.Entries)))...)
}

// refused notes that SES does not mail to the address.
func (m *mailer) refused(ctx context.Context, address, why string) error {
	return m.unreachable(ctx, address, why, m.Now().Add(ledger.MaxBack), 0)
}

// unreachable notes that mail to the address comes back, and alerts whoever is there instead.
func (m *mailer) unreachable(ctx context.Context, address, why string, until time.Time, lost int) error {
	now := m.Now()
	err := m.Ledger.ReviseAddress(ctx, address, now, func(known *ledger.Address) {
		if !known.CameBack(now) {
			known.Back = now
		}
		known.Until, known.Why = until, why
	})
	if err != nil {
		return err
	}
	others := m.Settings.Owners.Default
	known, err := m.Ledger.Address(ctx, others)
	if err != nil {
		return err
	}
	gone := func(other string) bool { return other == address || known.CameBack(now) }
	entry := ledger.Entry{
		ID:      remediation.EntryID(m.Control.ID, now.UTC().Format(time.DateOnly), address),
		Control: m.Control.ID, At: now, Notify: notice.Alert, Severity: string(control.High), Subject: address,
		Owner: others,
	}
	language := string(m.Settings.Language)
	title := i18n.T("An owner cannot be reached")
	text := i18n.T("Mail to %s comes back: %s. Its notices go to the default contact from now on.", address, why)
	if !m.Settings.Reaches(gone, others) {
		entry.Severity = string(control.Critical)
		text = i18n.T("Mail to %s comes back: %s. Nobody else can be reached: what this address answers for is not changed "+
			"any more, except in an emergency.", address, why)
	}
	if lost > 0 {
		text = i18n.Sentences(text, i18n.T("Notices in the mail that came back: %d.", lost))
	}
	advice := i18n.T("Correct the address in the tags of its users or in the settings, or let its mail server take mail "+
		"from the sender. It is tried again on %s.", i18n.Day(until))
	entry.Title, entry.Text, entry.Advice = title.In(language), notice.Plain(text.In(language), 1000), advice.In(language)
	if english := title.String(); english != entry.Title {
		entry.Heading = english
	}
	_, err = m.Notify(ctx, entry)
	return err
}
