// Package accesskey finds the access keys that a control has to evaluate: those of one IAM user, and
// in a daily sweep those of the users whose keys may be due. It reads the account and the ledger,
// writes down what it need not read again, and changes nothing.
//
// # How a sweep stays small
//
// To list the keys of 5,000 users takes 5,000 calls. The credential report takes two, but its date of a key is when
// the key was created or its status last changed: a key that was switched off and on looks young. So the report
// decides whom to look at, and ListAccessKeys decides. Looked at are users
//
//   - one of whose active keys is old by the report: a key is at least as old as the report says;
//   - who have an open case, so that none is closed because a switched key looks young again;
//   - one of whose keys, made inactive by Warder, is to be deleted;
//   - whose active keys are young by the report, though the user is old enough to have an older one,
//     and whose dates in the report are new.
//
// The last are looked at once, within seven days: each user has its day of the week, and when few are due, more are
// looked at before their day. What was seen is remembered with the dates of the report that it was seen under. While
// the dates are the same, no key of the user was created or switched, so what was seen is still so; when one changes,
// the user is looked at again. A key that was switched to look young is therefore found within seven days, and stays
// found. In an account where every key is replaced after ten weeks, a seventieth of the keys have new dates each day.
package accesskey

import (
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// API are the operations that keys are found with.
type API interface {
	iamuser.UserLister
	iamuser.ReportAPI
	ListAccessKeys(context.Context, *iam.ListAccessKeysInput, ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error)
	GetAccessKeyLastUsed(context.Context, *iam.GetAccessKeyLastUsedInput,
		...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error)
}

// Ledger is what a sweep reads in the ledger, and the notes that it keeps there.
type Ledger interface {
	EndedCases(ctx context.Context, control string) ([]ledger.Case, error)
	Entry(ctx context.Context, id string) (e ledger.Entry, ok bool, err error)
	Recall(ctx context.Context, name string, into any) (found bool, err error)
	Remember(ctx context.Context, name string, note any, now time.Time) error
}

// Key is an access key.
type Key struct {
	ID      string
	Active  bool
	Created time.Time
	Used    time.Time // when it was last used, zero if never or if [LastUsed] was not asked
	// Service and Region are what it was last used for, and where, such as "s3" and "us-east-1"; empty if IAM does
	// not say.
	Service, Region string
}

// List returns the keys of a user. That nobody has the name is an error that [change.NotFound] recognizes: the user may
// have another one since.
func List(ctx context.Context, api API, user string) ([]Key, error) {
	var keys []Key
	pages := iam.NewListAccessKeysPaginator(api, &iam.ListAccessKeysInput{UserName: &user})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list access keys of %q: %w", user, err)
		}
		for _, k := range page.AccessKeyMetadata {
			keys = append(keys, Key{
				ID: aws.ToString(k.AccessKeyId), Active: k.Status == types.StatusTypeActive, Created: aws.ToTime(k.CreateDate),
			})
		}
	}
	return keys, nil
}

// LastUsed asks when the key was last used. ok is false when the key no longer exists. IAM records one use in
// fifteen minutes and does not say how late it shows it
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyLastUsed.html).
func (k *Key) LastUsed(ctx context.Context, api API) (ok bool, err error) {
	out, err := api.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &k.ID})
	if change.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("get last use of access key %s: %w", change.KeyHint(k.ID), err)
	}
	if out.AccessKeyLastUsed != nil {
		k.Used = aws.ToTime(out.AccessKeyLastUsed.LastUsedDate)
		k.Service, k.Region = known(out.AccessKeyLastUsed.ServiceName), known(out.AccessKeyLastUsed.Region)
	}
	return true, nil
}

// Usage describes when the key was last used.
func (k *Key) Usage() i18n.Message { return Date(k.Used) }

// Date is the day of a last use, which is "never" for the zero time.
func Date(used time.Time) i18n.Message {
	if used.IsZero() {
		return i18n.T("never")
	}
	return i18n.Day(used)
}

// Sweep finds the users to look at, and looks at them.
type Sweep struct {
	API         API
	Ledger      Ledger
	Sleep       func(context.Context, time.Duration)
	Concurrency int           // how many users are looked at side by side; one after the other if it is 0
	Control     string        // the id of the control, whose cases and notes are meant
	Limit       time.Duration // the age from which on a key is to be evaluated
	// ByUse says that a key's age counts from its last use, and from its creation only if it was
	// never used. Otherwise it always counts from the creation.
	ByUse bool
	// Judge evaluates the keys of one user; it may be called for several at a time. With ByUse it has asked for the
	// last use of every active key that was created longer ago than Limit.
	Evaluate func(ctx context.Context, user string, keys []Key, now time.Time) ([]remediation.Finding, error)
	// User evaluates the user that AWS Config names; nil if that is Judge with the user's keys.
	User func(ctx context.Context, user string, now time.Time) ([]remediation.Finding, error)
	// Report evaluates a row of the credential report by itself; nil if there is nothing to evaluate.
	Report   func(user iamuser.ReportUser, now time.Time) []remediation.Finding
	Deletion Deletion // when inactive keys are deleted
}

// Days is a duration of n days of 24 hours.
func Days(n int) time.Duration { return time.Duration(n) * day }

const (
	day    = 24 * time.Hour
	spread = 7   // the number of days in which every user whose dates are new is looked at
	atOnce = 100 // how many of those users are looked at without waiting for their day
)

// note is what a sweep remembers: until when every user whose day had come was looked at, and by the
// digest of a user's dates from when on its oldest active key counts (Unix seconds).
type note struct {
	Day    int64            `json:"day"`
	Oldest map[string]int64 `json:"oldest"`
}

// Plan implements [remediation.Planner]: it evaluates the user whom AWS Config names, as that user is now.
func (s Sweep) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	if _, sweep := e.Detail.(*event.Sweep); sweep {
		return nil, remediation.ErrSweep
	}
	d, ok := e.Detail.(*event.Compliance)
	if !ok || !d.NonCompliant() {
		return nil, nil
	}
	user, ok, err := iamuser.ResolveName(ctx, s.API, d.ResourceID)
	if err != nil || !ok {
		return nil, err
	}
	if s.User != nil {
		return s.User(ctx, user, now)
	}
	keys, err := List(ctx, s.API, user)
	if err != nil {
		return nil, err
	}
	return s.Evaluate(ctx, user, keys, now)
}

// Sweep implements [remediation.Sweeper]: it looks at all users that matter, after the one that the event
// names. It returns [remediation.Stopped] when ctx ends before the last of them.
func (s Sweep) Sweep(ctx context.Context, e event.Event, open []ledger.Case,
	now time.Time) ([]remediation.Finding, error) {
	after := ""
	if d, ok := e.Detail.(*event.Sweep); ok {
		after = d.After
	}
	users, unread := iamuser.FetchReport(ctx, s.API, s.Sleep)
	if unread != nil && len(users) == 0 {
		return nil, unread
	}
	slices.SortFunc(users, func(a, b iamuser.ReportUser) int { return strings.Compare(a.Name, b.Name) })
	deletions, err := s.deletions(ctx, users, now)
	if err != nil {
		return nil, err
	}
	var known note
	if _, err := s.Ledger.Recall(ctx, s.note(), &known); err != nil {
		return nil, err
	}
	today := now.Unix() / int64(day/time.Second)
	if known.Day == 0 {
		known.Day = today - 1
	}
	dates := make([]string, len(users))
	for i, user := range users {
		dates[i] = digest(user)
	}
	wanted := s.usersToInspect(users, dates, known, today, now)
	for _, c := range open {
		wanted[c.Subject] = true
	}
	for user := range deletions {
		wanted[user] = true
	}
	var names []string
	for _, user := range users {
		if user.Name > after && wanted[user.Name] {
			names = append(names, user.Name)
		}
	}
	pause := func() { s.Sleep(ctx, iamuser.Pace) }
	looks := iamuser.ForEach(ctx, names, s.Concurrency, pause, func(user string) inspection {
		return s.inspect(ctx, user, deletions[user], now)
	})

	begin := after
	var all []remediation.Finding
	var faults []error
	seen := note{Day: known.Day, Oldest: map[string]int64{}}
	stopped, gone := false, false
	for i, user := range users {
		if oldest, ok := known.Oldest[dates[i]]; ok {
			seen.Oldest[dates[i]] = oldest
		}
		if user.Name <= begin || stopped {
			continue
		}
		var looked inspection
		if wanted[user.Name] {
			if stopped = len(looks) == 0; stopped {
				continue
			}
			looked, looks = looks[0], looks[1:]
		}
		if change.NotFound(looked.err) {
			gone = true
			continue
		}
		if looked.err != nil {
			faults = append(faults, looked.err)
			continue
		}
		if s.Report != nil {
			all = append(all, s.Report(user, now)...)
		}
		if !looked.oldest.IsZero() && s.mayBeOlder(user, now) {
			seen.Oldest[dates[i]] = looked.oldest.Unix()
		}
		all = append(all, looked.findings...)
		if len(faults) == 0 {
			after = user.Name
		}
	}
	if stopped {
		faults = append(faults, &remediation.Stopped{After: after})
	}
	if gone && !stopped {
		found, err := s.renamed(ctx, users, slices.Concat(slices.Collect(maps.Values(deletions))...), now)
		all, faults = append(all, found...), append(faults, err)
		faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	}
	if len(faults) == 0 {
		seen.Day = max(known.Day, today)
	}
	// The time for planning may be over; what was seen is written down all the same.
	faults = append(faults, unread, s.Ledger.Remember(context.WithoutCancel(ctx), s.note(), seen, now))
	return all, errors.Join(faults...)
}

// renamed looks at the users whom the report does not have: it is up to four hours old, and a user that is not there by
// the name in it may have been deleted, or renamed since.
func (s Sweep) renamed(
	ctx context.Context, known []iamuser.ReportUser, deletions []completedChange, now time.Time,
) (all []remediation.Finding, err error) {
	names := map[string]bool{}
	for _, user := range known {
		names[user.Name] = true
	}
	var faults []error
	for user, err := range iamuser.All(ctx, s.API) {
		if err != nil {
			return nil, err
		}
		name := aws.ToString(user.UserName)
		if names[name] {
			continue
		}
		looked := s.inspect(ctx, name, deletions, now)
		all = append(all, looked.findings...)
		if looked.err != nil {
			faults = append(faults, looked.err)
		}
	}
	return all, errors.Join(faults...)
}

func (s Sweep) note() string { return s.Control + "#keys" }

// inspection is what was seen of one user: the findings, and from when on the oldest of those keys counts that
// the report may say to be younger than they are; when it was looked if there is none.
type inspection struct {
	findings []remediation.Finding
	oldest   time.Time
	err      error
}

// inspect evaluates the keys of one user.
func (s Sweep) inspect(ctx context.Context, user string, deletions []completedChange, now time.Time) inspection {
	keys, err := List(ctx, s.API, user)
	if err != nil {
		return inspection{err: err}
	}
	seen := inspection{oldest: now}
	if seen.findings, seen.err = s.Evaluate(ctx, user, keys, now); seen.err != nil {
		return seen
	}
	for _, k := range keys {
		if k.Active && k.Created.Before(seen.oldest) && (!s.ByUse || k.Used.IsZero()) {
			seen.oldest = k.Created
		}
		for _, d := range deletions {
			if d.key == k.ID && !k.Active {
				seen.findings = append(seen.findings, s.Deletion.finding(user, k, d.at))
			}
		}
	}
	return seen
}

// usersToInspect are the users to inspect because of what the report says.
func (s Sweep) usersToInspect(users []iamuser.ReportUser, dates []string, known note, today int64,
	now time.Time) map[string]bool {
	wanted := map[string]bool{}
	var later []string
	due := 0
	for i, user := range users {
		oldest, seen := known.Oldest[dates[i]]
		switch {
		case s.old(user, now):
			wanted[user.Name] = true
		case !s.mayBeOlder(user, now):
		case seen:
			wanted[user.Name] = time.Unix(oldest, 0).Before(now.Add(-s.Limit))
		case sinceItsDay(user.Name, today) < today-known.Day:
			wanted[user.Name] = true
			due++
		default:
			later = append(later, user.Name)
		}
	}
	for _, name := range later[:min(len(later), max(0, atOnce-due))] {
		wanted[name] = true
	}
	return wanted
}

// from is when a key counts from at the latest; exact says that it is no earlier.
func (s Sweep) from(k iamuser.ReportKey) (from time.Time, exact bool) {
	if s.ByUse && !k.Used.IsZero() {
		return k.Used, true
	}
	return k.Rotated, false
}

// old reports whether the report says that one of the user's active keys is to be evaluated.
func (s Sweep) old(user iamuser.ReportUser, now time.Time) bool {
	return slices.ContainsFunc(user.Keys[:], func(k iamuser.ReportKey) bool {
		from, _ := s.from(k)
		return k.Active && from.Before(now.Add(-s.Limit))
	})
}

// mayBeOlder reports whether one of the user's active keys may be older than the report says, and old
// enough to be evaluated. No key is older than its user.
func (s Sweep) mayBeOlder(user iamuser.ReportUser, now time.Time) bool {
	return user.Created.Before(now.Add(-s.Limit)) && slices.ContainsFunc(user.Keys[:], func(k iamuser.ReportKey) bool {
		_, exact := s.from(k)
		return k.Active && !exact
	})
}

// sinceItsDay is how many days ago it was the user's day of the week: 0 to 6.
func sinceItsDay(user string, today int64) int64 {
	sum := sha256.Sum256([]byte(user))
	its := int64(binary.BigEndian.Uint32(sum[:4]) % spread)
	return ((today-its)%spread + spread) % spread
}

// digest names a user with the dates of its keys: 60 bits of a SHA-256.
func digest(user iamuser.ReportUser) string {
	text := strconv.AppendQuote(make([]byte, 0, 128), user.Name)
	text = strconv.AppendInt(append(text, ' '), user.Created.Unix(), 10)
	for _, k := range user.Keys {
		text = strconv.AppendBool(append(text, ' '), k.Active)
		text = strconv.AppendInt(append(text, ' '), k.Rotated.Unix(), 10)
	}
	sum := sha256.Sum256(text)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:8]))[:12]
}

// OneKeyPerUser orders a user's findings about active keys, one finding a key: of several that are due the
// key that was used least recently goes first, and the others stay for a later run, so that no user
// is left without a key at once. soon is the title of a finding that is not due yet.
func OneKeyPerUser(found map[string]remediation.Finding, keys []Key, now time.Time,
	soon i18n.Message) []remediation.Finding {
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Or(a.Used.Compare(b.Used), a.Created.Compare(b.Created)) })
	var findings []remediation.Finding
	for _, k := range keys {
		f := found[k.ID]
		f.OneKeyPerRun = f.User
		if f.Due.After(now) {
			f.Title = soon
		}
		findings = append(findings, f)
	}
	return findings
}
