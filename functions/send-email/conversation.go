package sendemail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/feed"
	"github.com/warder-aws/warder/pkg/notice"
)

// A conversation is the mails about one event to one recipient, whatever number of controls answer it: they have one
// subject, and refer to one id, by which mail clients show them together. Its zero value is a mail by itself, such as
// one with notices about several events.
type conversation struct {
	subject string // of the mail
	id      string // that the mails refer to, without a domain; empty for a mail by itself
	name    string // in the ledger; empty if this mail does not begin it
	begins  string // what the ledger keeps of the mail that begins it: its severity and subject
}

// converse returns the conversation of a mail that has the line as its subject if it is the first. What is more severe
// than the first begins anew, lest it be overlooked. Where another invocation is beginning it, it says how long to
// wait.
func (m *mailer) converse(ctx context.Context, letters []letter, line string) (conversation, time.Duration, error) {
	thread, to := letters[0].notice.Thread, letters[0].recipient
	for _, l := range letters {
		if l.notice.Thread != thread {
			return conversation{subject: line}, 0, nil
		}
	}
	if thread == "" {
		return conversation{subject: line}, 0, nil
	}
	sum := sha256.Sum256([]byte(m.Account + "#" + thread))
	c := conversation{subject: line, id: hex.EncodeToString(sum[:16])}
	name, severity := "mail#"+to.topic+"#"+to.address+"#"+thread, letters[0].notice.Severity
	root, err := m.Ledger.Thread(ctx, name, feed.Holder(ctx), m.Now(), m.Feed.End(ctx))
	before, first, _ := strings.Cut(root, " ")
	if err == nil && root != "" && control.Severity(severity).Rank() > control.Severity(before).Rank() {
		if err = m.Ledger.EndThread(ctx, name, root, m.Now()); err == nil {
			root, err = m.Ledger.Thread(ctx, name, feed.Holder(ctx), m.Now(), m.Feed.End(ctx))
		}
	}
	switch {
	case feed.Held(err):
		return c, feed.Soon, nil
	case err != nil:
		return c, 0, err
	case root == "":
		c.name, c.begins = name, severity+" "+line
	default:
		c.subject = notice.Subject("Re: " + first)
	}
	return c, 0, nil
}

// begun notes whether the first mail of a conversation was sent. That it could not be noted sends no mail twice.
func (m *mailer) begun(ctx context.Context, c conversation, sent bool) {
	if c.name == "" {
		return
	}
	root := c.begins
	if !sent {
		root = ""
	}
	if err := m.Ledger.BeginThread(ctx, c.name, feed.Holder(ctx), root, m.Now()); err != nil {
		m.Log.WarnContext(ctx, "the next mail about this event has another subject", "error", err.Error())
	}
}

// headers are those of a mail from the sender.
// https://www.rfc-editor.org/rfc/rfc5322#section-3.6.4
func (c conversation) headers(sender string) []header {
	if c.id == "" {
		return nil
	}
	id := "<" + c.id + sender[strings.LastIndex(sender, "@"):] + ">"
	return []header{{"In-Reply-To", id}, {"References", id}}
}
