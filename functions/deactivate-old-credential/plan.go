package deactivateoldcredential

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
)

type planner struct {
	api         readAPI
	ledger      *ledger.Ledger
	control     string // the id of the control
	sleep       func(context.Context, time.Duration)
	concurrency int
	maxAge      time.Duration
	notice      time.Duration
	most        int // changes in an hour: more in one finding would never be made
}

// Plan is not called: see Keep.
func (p *planner) Plan(context.Context, event.Event, time.Time) ([]remediation.Finding, error) {
	return nil, remediation.ErrSweep
}

// Keep implements [remediation.Keeper]: it inspects the user that the event is about or, when the sweep comes, users of
// the account.
func (p *planner) Keep(
	ctx context.Context, e event.Event, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	switch d := e.Detail.(type) {
	case *event.APICall:
		user, ok := d.User()
		if !ok || d.Failed() {
			return nil, nil // of the root user IAM says nothing here: alert-root-usage alerts on its certificates
		}
		if err := p.touch(ctx, d, now); err != nil {
			return nil, err
		}
		open, err := m.Open(ctx)
		if err != nil {
			return nil, err
		}
		return p.user(ctx, user, "", book{open: open, made: made(ctx, m)}, now)
	case *event.Sweep:
		return p.sweep(ctx, d, m, now)
	}
	return nil, nil
}

// touch remembers that somebody switched or reset a credential: a reset one has another secret, and what somebody
// switched since is not Warder's any more. IAM says neither.
func (p *planner) touch(ctx context.Context, d *event.APICall, now time.Time) error {
	reset := d.Name == "ResetServiceSpecificCredential"
	if !reset && !strings.HasPrefix(d.Name, "Update") {
		return nil
	}
	for _, parameter := range []string{
		"serviceSpecificCredentialId", "sSHPublicKeyId", "sshPublicKeyId", "certificateId",
	} {
		if id, ok := d.Param(parameter); ok {
			return p.ledger.TouchCredential(ctx, id, d.Time, reset, now)
		}
	}
	return nil
}

// spread is the number of days in which a sweep inspects every user of a large account: three calls for each of 5,000
// users are too many for a day, and a notice comes two weeks ahead. Up to atOnce users are inspected every day.
const (
	spread = 7
	atOnce = 100
)

// today reports whether it is the user's day of the week.
func today(id string, now time.Time) bool {
	return int64(crc32.ChecksumIEEE([]byte(id)))%spread == now.Unix()/int64(days(1)/time.Second)%spread
}

func (p *planner) sweep(
	ctx context.Context, d *event.Sweep, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	open, err := m.Open(ctx)
	if err != nil {
		return nil, err
	}
	ids, all := map[string]string{}, 0 // unique ids by name
	for u, err := range iamuser.All(ctx, p.api) {
		if err != nil {
			return nil, err
		}
		all++
		ids[aws.ToString(u.UserName)] = aws.ToString(u.UserId)
	}
	var names []string
	for name, id := range ids {
		pending := slices.ContainsFunc(open, func(c ledger.Case) bool { return c.UserID == id || c.Subject == name })
		if name > d.After && (all <= atOnce || pending || today(id, now)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	known := book{open: open, made: made(ctx, m)}
	type result struct {
		findings []remediation.Finding
		err      error
	}
	pause := func() { p.sleep(ctx, iamuser.Pace) }
	results := iamuser.ForEach(ctx, names, p.concurrency, pause, func(name string) result {
		findings, err := p.userNow(ctx, name, ids[name], known, now)
		return result{findings, err}
	})
	var found []remediation.Finding
	var faults []error
	for _, r := range results {
		found = append(found, r.findings...)
		if r.err != nil {
			faults = append(faults, r.err)
		}
	}
	if n := len(results); n < len(names) && n > 0 && len(faults) == 0 {
		faults = append(faults, &remediation.Stopped{After: names[n-1]})
	} else if n < len(names) {
		faults = append(faults, ctx.Err())
	}
	return found, errors.Join(faults...)
}

// userNow is user for one who may have been renamed or deleted since the users were listed.
func (p *planner) userNow(ctx context.Context, name, id string, b book, now time.Time) ([]remediation.Finding, error) {
	found, err := p.user(ctx, name, id, b, now)
	if !change.NotFound(err) {
		return found, err
	}
	name, there, err := iamuser.NameOf(ctx, p.api, id)
	if err != nil || !there {
		return nil, err
	}
	return p.user(ctx, name, id, b, now)
}

// book is what the ledger knows.
type book struct {
	open []ledger.Case
	made func() (map[string]time.Time, error) // what Warder made inactive, and nobody undid, by id; read when it is asked
}

func made(ctx context.Context, m remediation.Memory) func() (map[string]time.Time, error) {
	return sync.OnceValues(func() (map[string]time.Time, error) {
		kept, err := m.Kept(ctx, "")
		all := map[string]time.Time{}
		for _, k := range kept {
			if change.IsCredential(k.Kind) {
				all[k.Target] = k.At
			}
		}
		return all, err
	})
}

// credential is an active one that is old, or soon will be.
type credential struct {
	change.Credential
	from time.Time // when its age counts from
}

// user is at most one finding about all credentials of a user that are old or soon will be, one more for each notice
// that the owner got before about others, and one for each that somebody activated again. id is empty if it is not
// known.
func (p *planner) user(ctx context.Context, name, id string, b book, now time.Time) ([]remediation.Finding, error) {
	old, err := p.old(ctx, name, now)
	if err != nil || len(old) == 0 {
		return nil, err
	}
	known, err := b.made()
	if err != nil {
		return nil, err
	}
	var found []remediation.Finding
	taken := map[string]bool{}
	for _, o := range old {
		if at, again := known[o.ID]; again && now.Sub(o.from) > p.maxAge {
			taken[o.ID] = true
			f := p.finding(name, []credential{o}, now)
			f.Title, f.Fresh = i18n.T("Old credential activated again"), true
			f.Text = i18n.Sentences(f.Text, i18n.T("Warder made it inactive on %s, and somebody activated it since.",
				i18n.Day(at)))
			found = append(found, f)
		}
	}
	for _, c := range b.open {
		var group []credential
		for _, o := range old {
			if !taken[o.ID] && slices.ContainsFunc(c.Changes, func(c change.Change) bool { return c.Target == o.ID }) {
				group = append(group, o)
				taken[o.ID] = true
			}
		}
		if len(group) > 0 {
			f := p.finding(name, group, now)
			f.Key = c.Key // the days go on, whatever became of the others
			found = append(found, f)
		}
	}
	rest := slices.DeleteFunc(old, func(o credential) bool { return taken[o.ID] })
	held, err := p.held(ctx, name, id, rest, now)
	if err != nil {
		return nil, err
	}
	var free []credential
	for _, o := range rest {
		if held[o.ID] { // it must not hold the others
			found = append(found, p.finding(name, []credential{o}, now))
		} else {
			free = append(free, o)
		}
	}
	for some := range slices.Chunk(free, max(p.most, 1)) {
		found = append(found, p.finding(name, some, now))
	}
	return found, nil
}

// old are the active credentials of a user that are to be notified of. One that expires by itself before it is old
// needs nothing.
func (p *planner) old(ctx context.Context, user string, now time.Time) (old []credential, err error) {
	all, err := change.Credentials(ctx, p.api, user)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		touched, err := p.ledger.CredentialTouched(ctx, c.ID, now)
		if err != nil {
			return nil, err
		}
		from := c.Created
		if touched.Reset.After(from) {
			from = touched.Reset
		}
		expires := !c.Expires.IsZero() && (!c.Expires.After(now) || !c.Expires.After(from.Add(p.maxAge)))
		if c.Status == change.Active && !expires && now.Sub(from) > p.maxAge-p.notice {
			old = append(old, credential{c, from})
		}
	}
	slices.SortStableFunc(
		old,
		func(a, b credential) int { return cmp.Or(a.from.Compare(b.from), cmp.Compare(a.ID, b.ID)) },
	)
	return old, nil
}

// held are the credentials that a person had activated by an undo a short time ago. With one alone there is nothing
// that it could hold.
func (p *planner) held(
	ctx context.Context, user, id string, some []credential, now time.Time,
) (held map[string]bool, err error) {
	if len(some) < 2 {
		return nil, nil
	}
	if id == "" {
		out, err := p.api.GetUser(ctx, &iam.GetUserInput{UserName: &user})
		if err != nil {
			return nil, fmt.Errorf("get user %q: %w", user, err)
		}
		id = aws.ToString(out.User.UserId)
	}
	var changes []change.Change
	for _, c := range some {
		switched := c.off(user)
		switched.SubjectID = id
		changes = append(changes, switched)
	}
	state, err := p.ledger.Holds(ctx, p.control, "", changes)
	if err != nil {
		return nil, err
	}
	held = map[string]bool{}
	for i, c := range some {
		hold, _ := state.Held(changes[i:i+1], now)
		held[c.ID] = now.Before(hold.Until)
	}
	return held, nil
}

func (c credential) off(user string) change.Change {
	return change.Change{
		Kind: c.Kind, Subject: user, Target: c.ID, Before: change.Active, After: string(types.StatusTypeInactive),
	}
}

// describe names the credential and says how old it is.
func (c credential) describe(now time.Time) i18n.Message {
	hint, age := change.KeyHint(c.ID), int(now.Sub(c.from)/days(1))
	switch c.Kind {
	case change.SSHKeyStatus:
		return i18n.T("SSH public key %s, %d days", hint, age)
	case change.SigningCertificateStatus:
		return i18n.T("signing certificate %s, %d days", hint, age)
	}
	return i18n.T("credential %s for %s, %d days", hint, c.Service, age)
}

// finding is about some of a user's credentials, all of which go on the day when the youngest is old.
func (p *planner) finding(user string, some []credential, now time.Time) remediation.Finding {
	f := remediation.Finding{User: user, Title: i18n.T("Old credential")}
	var described []i18n.Message
	for _, c := range some {
		described = append(described, c.describe(now))
		f.Changes = append(f.Changes, c.off(user))
	}
	f.Due = some[len(some)-1].from.Add(p.maxAge + time.Second)
	if f.Due.After(now) {
		f.Title = i18n.T("Credential will soon be old")
	}
	f.Text = i18n.T("Credentials of %s that are older than %d days, or soon will be: %s.", user, int(p.maxAge/days(1)),
		i18n.Join("; ", described...))
	f.Facts = remediation.Facts(i18n.T("Last used"), i18n.T("IAM does not record it for these credentials"))
	f.Advice = advice(some)
	return f
}

// instead says how to do without the credentials of a service or a kind.
var instead = []struct {
	of   []string
	text i18n.Message
}{
	{[]string{"codecommit.amazonaws.com", change.SSHKeyStatus}, i18n.T("Git needs no credential of its own: " +
		"git-remote-codecommit signs with a role, or with what aws login gives.")},
	{[]string{"cassandra.amazonaws.com"}, i18n.T("Amazon Keyspaces: use the driver's SigV4 plugin with a role.")},
	{[]string{"bedrock.amazonaws.com"}, i18n.T("Amazon Bedrock: use a role, or short-term API keys.")},
	{[]string{"logs.amazonaws.com", "cloudwatch.amazonaws.com"}, i18n.T("Amazon CloudWatch: use a role.")},
	{
		[]string{change.SigningCertificateStatus},
		i18n.T("Signing certificates are for old SOAP interfaces: if nothing uses " +
			"the certificate, delete it."),
	},
}

// advice says how to do without the credentials.
func advice(some []credential) i18n.Message {
	var all []i18n.Message
	answered := 0
	for _, way := range instead {
		n := answered
		for _, c := range some {
			if slices.Contains(way.of, cmp.Or(c.Service, c.Kind)) {
				answered++
			}
		}
		if answered > n {
			all = append(all, way.text)
		}
	}
	if answered < len(some) {
		all = append(all, i18n.T("Use a role in place of the credential."))
	}
	return i18n.Sentences(append(all, i18n.T("If it has to stay: create another one, or reset it, switch over what uses "+
		"it, and delete the old one."))...)
}
