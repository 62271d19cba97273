package offboarduser

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/remediation"
)

type planner struct {
	parameters
	api     readAPI
	ledger  *ledger.Ledger
	book    owner.Book
	account string
	policy  string // ARN of the policy that denies everything
	most    int    // changes in an hour: more in one finding would never be made
}

// Plan finds what is to be done about a person who left.
func (p *planner) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	d, ok := e.Detail.(*event.PersonLeft)
	switch {
	case !ok:
		return nil, nil
	case e.Account != p.account:
		return nil, nil // who may put events on a bus of another account is for others to say
	case len(p.Publishers) == 0:
		f := p.refused(e.ID, i18n.T("Nobody is listed who may say that a person left, and somebody did: nothing was done."))
		f.Advice = i18n.T(
			"Find out who put the event on the bus. If it was the personnel system, list its role in the setting " +
				"publishers of this control, and send the event again with another id.",
		)
		return []remediation.Finding{f}, nil
	case d.Fault != "":
		return []remediation.Finding{p.refused(e.ID, i18n.T("The event is not in the form that the runbook describes (%s). "+
			"Somebody may have left, and nothing was done.", d.Fault))}, nil
	case d.LeftAt.After(now.Add(time.Hour)):
		return []remediation.Finding{
			p.refused(d.Email, i18n.T("The event says that %s leaves on %s. Nothing is done before: "+
				"send it again then.", d.Email, i18n.Minute(d.LeftAt))),
		}, nil
	}
	found, err := p.offboard(ctx, d, now)
	if who := caller.From(ctx, ""); who.ARN != "" { // warder offboard, not the bus
		for i := range found {
			found[i].Facts = append(found[i].Facts, remediation.Facts(i18n.T("Asked by"), who.Describe())...)
		}
	}
	return found, err
}

// Sweep implements [remediation.Sweeper]: what the blast radius or the halt switch held is made when they let it.
func (p *planner) Sweep(
	ctx context.Context, e event.Event, open []ledger.Case, now time.Time,
) ([]remediation.Finding, error) {
	found, err := remediation.Pending(p).Sweep(ctx, e, open, now)
	for i := range found {
		for _, c := range open {
			if c.Subject == found[i].User {
				found[i].Redirected, found[i].Recipient = true, c.Owner
			}
		}
	}
	return found, err
}

func (p *planner) refused(subject string, text i18n.Message) remediation.Finding {
	return remediation.Finding{
		Subject: subject, Title: i18n.T("Event about a person who left is not acted on"), Text: text,
		Advice: i18n.T("Correct the sender, and send the event again with another id."),
	}
}

// belongings are what the person has in the account.
type belongings struct {
	own      []string       // names of the person's own users
	owned    []string       // of users that others or machines use, and that the person answers for
	approved []i18n.Message // exemptions
	younger  []string       // users that would be the person's, but were created after the person left
}

func (p *planner) offboard(ctx context.Context, d *event.PersonLeft, now time.Time) ([]remediation.Finding, error) {
	has, err := p.belongings(ctx, d, now)
	if err != nil {
		return nil, err
	}
	var found []remediation.Finding
	var faults []error
	var done []string // nothing of theirs is active any more
	for _, user := range has.own {
		some, err := p.user(ctx, user, d)
		switch {
		case err != nil:
			faults = append(faults, err)
		case len(some) == 0:
			done = append(done, user)
		}
		found = append(found, some...)
	}
	if len(faults) == 0 {
		found = append(found, p.summary(d, has, done)...)
	}
	return found, errors.Join(faults...)
}

// belongings looks for the person in all users: by the name map and the names in the event, by a name that is the
// email address, and by the owner that tags, path or prefix name. A user that the person answers for is the person's
// own if it is named like the person, or has a console password, which the person may know. All others are machines.
func (p *planner) belongings(ctx context.Context, d *event.PersonLeft, now time.Time) (has belongings, err error) {
	local, _, _ := strings.Cut(d.Email, "@")
	locals, err := p.andLater(ctx, []string{local})
	if err != nil {
		return has, err
	}
	named := slices.Clone(d.UserNames)
	for email, names := range p.Users {
		if strings.EqualFold(strings.TrimSpace(email), d.Email) {
			for name := range strings.SplitSeq(names, ",") {
				named = append(named, strings.TrimSpace(name))
			}
		}
	}
	if named, err = p.andLater(ctx, named); err != nil {
		return has, err
	}
	for u, err := range iamuser.Details(ctx, p.api) {
		if err != nil {
			return has, err
		}
		name, tags := aws.ToString(u.UserName), map[string]string{}
		for _, tag := range u.Tags {
			tags[strings.ToLower(aws.ToString(tag.Key))] = aws.ToString(tag.Value)
		}
		for _, text := range exemption.Values(tags) {
			e, fault := exemption.Parse(text, now)
			if fault == nil && strings.EqualFold(e.By, d.Email) && e.DaysLeft(now) >= 0 {
				has.approved = append(has.approved, i18n.T("%s: %s", name, e.Describe()))
			}
		}
		contact := p.book.Of(name, aws.ToString(u.Path), tags)
		owned := contact.Missing.Empty() && contact.Address == d.Email
		is := func(n string) bool { return change.SameName(n, name) }
		own := slices.ContainsFunc(named, is) || is(d.Email) || owned && slices.ContainsFunc(locals, is)
		if owned && !own {
			if own, err = p.signsIn(ctx, name); err != nil {
				return has, err
			}
		}
		switch {
		case own && aws.ToTime(u.CreateDate).Truncate(time.Second).After(d.LeftAt):
			has.younger = append(has.younger, name)
		case own:
			has.own = append(has.own, name)
		case owned:
			has.owned = append(has.owned, name)
		}
	}
	return has, nil
}

// maxRenamings is how many renamings of one user are followed.
const maxRenamings = 20

// andLater adds to names those that their users were given since, as far as the ledger knows: a name is a label, and
// whoever leaves may have changed it.
func (p *planner) andLater(ctx context.Context, names []string) ([]string, error) {
	for i := 0; i < len(names) && i < maxRenamings; i++ {
		renamed, err := p.ledger.Renamings(ctx, names[i])
		if err != nil {
			return nil, err
		}
		for _, r := range renamed {
			if !slices.Contains(names, r.To) {
				names = append(names, r.To)
			}
		}
	}
	return names, nil
}

func (p *planner) signsIn(ctx context.Context, user string) (bool, error) {
	_, err := p.api.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: &user})
	if err != nil && !change.NotFound(err) {
		return false, fmt.Errorf("get login profile of %q: %w", user, err)
	}
	return err == nil, nil
}

// user is what is to be done about one of the person's users: the quarantine first, which denies everything to every
// credential and every session of the user, then each credential. A password cannot be made inactive, and is not
// deleted: with the quarantine it is of no use.
func (p *planner) user(ctx context.Context, user string, d *event.PersonLeft) ([]remediation.Finding, error) {
	look, err := quarantine.At(ctx, p.api, user, p.policy)
	if err != nil {
		return nil, err
	}
	var changes []change.Change
	if !look.In {
		changes = append(changes, look.Change)
	}
	off := func(kind, id string) {
		changes = append(changes, change.Change{
			Kind: kind, Subject: user, Target: id, Before: change.Active, After: change.Inactive,
		})
	}
	pages := iam.NewListAccessKeysPaginator(p.api, &iam.ListAccessKeysInput{UserName: &user})
	for page, err := range iamuser.Pages(ctx, pages, "list access keys of %q", user) {
		if err != nil {
			return nil, err
		}
		for _, key := range page.AccessKeyMetadata {
			if key.Status == types.StatusTypeActive {
				off(change.AccessKeyStatus, aws.ToString(key.AccessKeyId))
			}
		}
	}
	credentials, err := change.Credentials(ctx, p.api, user)
	if err != nil {
		return nil, err
	}
	for _, c := range credentials {
		if c.Status == change.Active {
			off(c.Kind, c.ID)
		}
	}
	var found []remediation.Finding
	for some := range slices.Chunk(changes, max(p.most, 1)) {
		found = append(found, p.redirect(d, remediation.Finding{
			User: user, Severity: control.High,
			Text: i18n.Sentences(i18n.T("%s left on %s, and the user %s is theirs.", person(d), i18n.Minute(d.LeftAt), user),
				look.Note),
			Facts: facts(d), Changes: some, Handling: remediation.Handling{Fresh: true, Alert: true},
			Advice: i18n.T("A console password stays, and is of no use while the quarantine is on. Sessions of roles that the " +
				"person assumed end by themselves, within twelve hours at most. End those of IAM Identity Center in the identity " +
				"provider. If the person is back, undo this: exactly what was changed is put back."),
		}))
	}
	return found, nil
}

// redirect has the manager notified, or else the default contact: not the person who left.
func (p *planner) redirect(d *event.PersonLeft, f remediation.Finding) remediation.Finding {
	f.Redirected, f.Recipient = true, p.manager(d)
	return f
}

// manager is the address of the person's manager, if it is of the same domain as the person's: an event cannot have
// what Warder knows sent anywhere.
func (p *planner) manager(d *event.PersonLeft) string {
	_, domain, _ := strings.Cut(d.Email, "@")
	if _, of, ok := strings.Cut(d.Manager, "@"); ok && of == domain && d.Manager != d.Email {
		return d.Manager
	}
	return p.book.Owners.Default
}

func person(d *event.PersonLeft) string {
	if d.Name == "" {
		return d.Email
	}
	return d.Name + " (" + d.Email + ")"
}

func facts(d *event.PersonLeft) []remediation.Fact {
	return remediation.Facts(i18n.T("Person"), i18n.Literal(person(d)), i18n.T("Left"), i18n.Minute(d.LeftAt),
		i18n.T("Manager"), i18n.Literal(d.Manager), i18n.T("Event id"), i18n.Literal(d.ID))
}

// listed is how many names a notice has.
const listed = 50

func list(names []string) i18n.Message {
	text := i18n.Literal(strings.Join(names[:min(len(names), listed)], ", "))
	if more := len(names) - listed; more > 0 {
		return i18n.T("%s and %d more", text, more)
	}
	return text
}

// summary says what else the person leaves behind; nothing if there is nothing to say.
func (p *planner) summary(d *event.PersonLeft, has belongings, done []string) []remediation.Finding {
	f := remediation.Finding{Subject: d.Email, Severity: control.Medium, Facts: append(facts(d), remediation.Facts(
		i18n.T("Needs a new owner"), list(has.owned), i18n.T("Exemptions approved"),
		i18n.Join("; ", has.approved[:min(len(has.approved), listed)]...),
		i18n.T("Nothing left to end"), list(done), i18n.T("Created later, not touched"), list(has.younger))...)}
	switch {
	case len(has.own)+len(has.owned)+len(has.younger) == 0:
		f.Title = i18n.T("Person left: no user is known")
		f.Text = i18n.T("%s left on %s. No IAM user of this account has that owner, name or email address.", person(d),
			i18n.Minute(d.LeftAt))
		f.Advice = i18n.T("If the person had a user here, add it to the control's setting users, or send the event again " +
			"with another id and the names in userNames.")
	case len(has.owned)+len(has.approved)+len(has.younger) > 0:
		f.Title = i18n.T("Person left: a new owner is needed")
		f.Text = i18n.T(
			"%s left on %s and answers for what is listed here. Its keys are not touched: find out who takes over, "+
				"set the owner tag, and replace the keys that the person knew.",
			person(d),
			i18n.Minute(d.LeftAt),
		)
		f.Advice = i18n.T("Until then notices about these users go to an address that nobody reads. An exemption that the " +
			"person approved stands until its end: renew it or remove it.")
	case len(done) == len(has.own): // else an earlier try has ended it
		f.Title, f.Severity = i18n.T("Person left: nothing is left to end"), control.Low
		f.Text = i18n.T("%s left on %s, and no credential of theirs was active any more.", person(d), i18n.Minute(d.LeftAt))
	default:
		return nil
	}
	return []remediation.Finding{p.redirect(d, f)}
}
