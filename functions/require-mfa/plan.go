package requiremfa

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/remediation"
)

type planner struct {
	api         readAPI
	lock        string // the ARN of the policy
	sleep       func(context.Context, time.Duration)
	concurrency int
}

// Plan scans the user that the event is about, or, when the sweep comes, those who have a password and no MFA in the
// credential report, and those who are locked. What the report says is up to four hours old, so each is read again.
func (p *planner) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	switch d := e.Detail.(type) {
	case *event.APICall:
		name, ok := d.User()
		if !ok || d.Failed() {
			return nil, nil
		}
		return p.user(ctx, name, d.Name == "EnableMFADevice", nil)
	case *event.Sweep:
		return p.sweep(ctx)
	}
	return nil, nil
}

func (p *planner) sweep(ctx context.Context) ([]remediation.Finding, error) {
	rows, unread := iamuser.FetchReport(ctx, p.api, p.sleep)
	if unread != nil && len(rows) == 0 {
		return nil, unread
	}
	reported := map[string]iamuser.ReportUser{}
	for _, row := range rows {
		reported[row.Name] = row
	}
	var names []string
	for u, err := range iamuser.Details(ctx, p.api) {
		if err != nil {
			return nil, err
		}
		// One who is not in the report is newer than it, or has another name by now.
		row, known := reported[aws.ToString(u.UserName)]
		if !known || row.Password.Enabled && !row.MFA || p.locked(u) {
			names = append(names, aws.ToString(u.UserName))
		}
	}
	type result struct {
		findings []remediation.Finding
		err      error
	}
	faults := []error{unread}
	var found []remediation.Finding
	results := iamuser.ForEach(ctx, names, p.concurrency, func() { p.sleep(ctx, iamuser.Pace) }, func(name string) result {
		findings, err := p.user(ctx, name, false, reported)
		return result{findings, err}
	})
	for _, r := range results {
		found, faults = append(found, r.findings...), append(faults, r.err)
	}
	if len(results) < len(names) {
		faults = append(faults, ctx.Err())
	}
	return found, errors.Join(faults...)
}

// locked reports whether IAM shows the user under the lock.
func (p *planner) locked(u types.UserDetail) bool {
	return slices.ContainsFunc(u.AttachedManagedPolicies, func(a types.AttachedPolicy) bool {
		return change.SameName(aws.ToString(a.PolicyArn), p.lock)
	}) || slices.ContainsFunc(u.GroupList, func(group string) bool { return change.SameName(group, change.MFALock) })
}

// user is a finding if a console user has no MFA and is not locked, or is locked and need not be any more. enabled says
// that a device was enabled just now: IAM may show it a moment later. That IAM does not show a password at the moment
// is not enough for anything if the credential report knows of one, or knows nothing of the user.
func (p *planner) user(
	ctx context.Context, name string, enabled bool, reported map[string]iamuser.ReportUser,
) ([]remediation.Finding, error) {
	password, mfa, err := change.SignsIn(ctx, p.api, name)
	if err == nil && enabled && !mfa {
		err = iamuser.RetryUntilVisible(ctx, p.sleep, func() error {
			if password, mfa, err = change.SignsIn(ctx, p.api, name); err == nil && !mfa {
				return &types.NoSuchEntityException{Message: aws.String("the user has no MFA device")}
			}
			return err
		})
		if change.NotFound(err) {
			err = nil // it was deactivated again
		}
	}
	row, known := reported[name]
	switch {
	case err != nil:
		return nil, err
	case !mfa && (password || row.Password.Enabled):
		return p.missing(ctx, name)
	case !mfa && !known:
		return nil, nil
	}
	lifts, err := quarantine.Lifts(ctx, p.api, name, p.lock)
	if err != nil || len(lifts) == 0 {
		return nil, err
	}
	return []remediation.Finding{{
		User: name, Title: i18n.T("MFA is set up"),
		Text:     i18n.T("%s has MFA now, or no console password any more.", name),
		Changes:  lifts,
		Handling: remediation.Handling{Fresh: true}, // nobody has to wait for it
	}}, nil
}

func (p *planner) missing(ctx context.Context, name string) ([]remediation.Finding, error) {
	look, err := quarantine.At(ctx, p.api, name, p.lock)
	if err != nil || look.In {
		return nil, err
	}
	return []remediation.Finding{{
		User: name, Title: i18n.T("Console user without MFA"),
		Text: i18n.Sentences(
			i18n.T("%s has a console password and no MFA device: whoever learns the password is in.", name), look.Note),
		Changes: []change.Change{look.Change},
		Advice: i18n.T("Sign in and set up MFA: Security credentials → Assign MFA device; a passkey counts. With the lock " +
			"that is all that works in the console, with the change of the password; access keys go on working. Within a " +
			"run after MFA is there the lock is lifted. If nobody signs in to the console as this user, delete the password."),
	}}, nil
}
