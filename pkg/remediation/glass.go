package remediation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// GlassRequest opens an emergency role for the one who asks, or closes it before its time.
type GlassRequest struct {
	Role    string `json:"role"`
	Minutes int    `json:"minutes,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Close   bool   `json:"close,omitempty"`
	By      string `json:"by,omitempty"` // as of an [UndoRequest]
}

// GlassAnswer says until when the role is open.
type GlassAnswer struct {
	Role   string    `json:"role"`
	Person string    `json:"person,omitempty"`
	Until  time.Time `json:"until,omitzero"` // zero if the role is closed
	Text   string    `json:"text"`
}

// Roles lists the operations of IAM that emergency roles need.
type Roles interface {
	GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	GetRolePolicy(context.Context, *iam.GetRolePolicyInput, ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error)
	PutRolePolicy(context.Context, *iam.PutRolePolicyInput, ...func(*iam.Options)) (*iam.PutRolePolicyOutput, error)
}

// Glass opens emergency roles for a time, and closes them. An emergency role has an inline policy that denies it
// everything. To open it is to let that policy deny all but the sessions of one person that begin now, until a moment:
// the end is in the policy, so that it comes whatever becomes of Warder. Nothing is ever allowed by Warder.
type Glass struct {
	*Runner
	Roles Roles
}

const (
	// GlassPolicy is the name of the inline policy.
	GlassPolicy = "WarderBreakGlass"

	closedDocument = `{"Version":"2012-10-17",` +
		`"Statement":[{"Sid":"WarderClosed","Effect":"Deny","Action":"*","Resource":"*"}]}`

	minMinutes = 5
)

// denial is a statement of the policy.
type denial struct {
	Sid       string
	Effect    string
	Action    any
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// openDocument is the policy of a role while a window is open: it denies everything from the end on, to sessions from
// before the beginning, to sessions of everybody else, and that the role changes itself. The keys are in
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html.
func openDocument(w ledger.Window, id, arn string) string {
	deny := func(sid string, condition map[string]map[string]string) denial {
		return denial{Sid: sid, Effect: "Deny", Action: "*", Resource: "*", Condition: condition}
	}
	own := deny("WarderKeepsThis", nil)
	own.Action, own.Resource = []string{
		"iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy",
	}, arn
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []denial{
		deny("WarderEnds", map[string]map[string]string{
			"DateGreaterThanEquals": {"aws:CurrentTime": w.End.UTC().Format(time.RFC3339)}}),
		deny("WarderBegins", map[string]map[string]string{
			"DateLessThan": {"aws:TokenIssueTime": w.Start.UTC().Format(time.RFC3339)}}),
		deny("WarderOpenFor", map[string]map[string]string{"StringNotEquals": {"aws:userid": id + ":" + w.Person}}),
		own,
	}})
	if err != nil {
		panic(err) // texts only
	}
	return string(text)
}

// endOf is the end in a policy that is open; ok is false for every other document.
func endOf(document string) (end time.Time, ok bool) {
	var p struct {
		Statement []struct {
			Sid       string
			Condition map[string]map[string]string
		}
	}
	if json.Unmarshal([]byte(document), &p) != nil || len(p.Statement) == 0 || p.Statement[0].Sid != "WarderEnds" {
		return end, false
	}
	end, err := time.Parse(time.RFC3339, p.Statement[0].Condition["DateGreaterThanEquals"]["aws:CurrentTime"])
	return end, err == nil
}

// tiesSessions reports whether a trust policy lets users alone assume the role, and each under its own name alone
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#ck_rolesessionname).
func tiesSessions(document string) bool {
	var p struct {
		Statement []struct {
			Effect    string
			Condition map[string]map[string]any
		}
	}
	if json.Unmarshal([]byte(document), &p) != nil || len(p.Statement) == 0 {
		return false
	}
	for _, s := range p.Statement {
		tied := false
		for _, operator := range []string{"StringEquals", "StringLike"} {
			for key, value := range s.Condition[operator] {
				tied = tied || strings.EqualFold(key, "sts:RoleSessionName") && value == "${aws:username}"
			}
		}
		if s.Effect != "Deny" && !tied {
			return false
		}
	}
	return true
}

func (g Glass) refused(m i18n.Message) error {
	return errors.New(g.render(i18n.T("not opened: %s", m)))
}

// Ask opens or closes a role. The same request again goes on with what was interrupted, to the end that it has.
func (g Glass) Ask(ctx context.Context, q GlassRequest) (GlassAnswer, error) {
	who := caller.From(ctx, q.By)
	listed, known := g.Settings.Asking.Glass[q.Role]
	switch longest := max(g.Settings.Asking.GlassMinutes, minMinutes); {
	case !who.Personal():
		return GlassAnswer{}, g.refused(i18n.T("nothing proves who asks; use warder break-glass, which signs"))
	case invisible(q.Reason):
		return GlassAnswer{}, g.refused(i18n.T("it does not say for which reason"))
	case !known:
		return GlassAnswer{}, g.refused(i18n.T("%q is no role of the setting breakGlass", notice.Truncate(q.Role, 64)))
	case q.Close:
		return g.end(ctx, q.Role, who)
	case who.User() == "" || !slices.Contains(listed, who.User()):
		return GlassAnswer{}, g.refused(i18n.T("the setting breakGlass does not name %s for the role %s", who.ARN, q.Role))
	case q.Minutes < minMinutes || q.Minutes > longest:
		return GlassAnswer{}, g.refused(i18n.T("%d to %d minutes are allowed", minMinutes, longest))
	}
	return g.open(ctx, q, who)
}

func (g Glass) open(ctx context.Context, q GlassRequest, who caller.Identity) (GlassAnswer, error) {
	role, err := g.role(ctx, q.Role)
	if err != nil {
		return GlassAnswer{}, err
	}
	if err := g.Sweep(ctx); err != nil { // what was open before is closed and told
		return GlassAnswer{}, err
	}
	now := g.Now().UTC().Truncate(time.Second)
	asked := ledger.Window{
		Role: q.Role, Person: who.User(), By: who, Start: now, End: now.Add(time.Duration(q.Minutes) * time.Minute),
		Reason: notice.Truncate(g.render(i18n.Literal(strings.TrimSpace(q.Reason))), maxReason),
	}
	asked.ID = digest("break-glass", asked.Role, asked.Person, asked.Start, asked.End, asked.Reason)
	w, err := g.Ledger.ReviseWindow(ctx, q.Role, func(w *ledger.Window) error {
		switch {
		case w.Open(now) && w.Person == asked.Person && w.Reason == asked.Reason:
			return nil
		case w.ID != "" && w.Closed.IsZero():
			return g.refused(i18n.T("%s is open for %s until %s", q.Role, w.Person, i18n.Moment(w.End)))
		}
		*w = asked
		return nil
	})
	if err != nil {
		return GlassAnswer{}, err
	}
	if _, err := g.Notify(ctx, g.opened(w)); err != nil {
		return GlassAnswer{}, err
	}
	if !w.Open(g.Now()) {
		return GlassAnswer{}, g.refused(i18n.T("its time is over"))
	}
	document := openDocument(w, aws.ToString(role.RoleId), aws.ToString(role.Arn))
	if err := g.put(ctx, q.Role, document); err != nil {
		return GlassAnswer{}, err
	}
	return GlassAnswer{Role: q.Role, Person: w.Person, Until: w.End, Text: g.render(i18n.T(
		"the role %s is open for %s until %s, for sessions that begin now and have the user's name", q.Role, w.Person,
		i18n.Moment(w.End)))}, nil
}

type iamRole = struct{ RoleId, Arn *string }

// role is an emergency role whose sessions are named like the users that assume it.
func (g Glass) role(ctx context.Context, name string) (iamRole, error) {
	out, err := g.Roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return iamRole{}, change.Wrap(err, "get role %q", name)
	}
	trust, err := change.Document(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err != nil {
		return iamRole{}, err
	}
	if !tiesSessions(trust) {
		return iamRole{}, g.refused(i18n.T("the trust policy of the role %s does not ask for a session that is named like "+
			"the user: each statement needs the condition StringEquals sts:RoleSessionName ${aws:username}", name))
	}
	return iamRole{out.Role.RoleId, out.Role.Arn}, nil
}

func (g Glass) opened(w ledger.Window) ledger.Entry {
	entry := g.about(w, "opened", control.Critical)
	g.word(&entry, i18n.T("Glass broken: %s", w.Role),
		i18n.T("%s opens the emergency role %s until %s: %s.", w.By.Describe(), w.Role, i18n.Moment(w.End), w.Reason),
		i18n.T("If that is wrong: warder break-glass --close --role %s --reason \"why\". What the role does is in "+
			"CloudTrail.", w.Role))
	return entry
}

func (g Glass) about(w ledger.Window, what string, severity control.Severity) ledger.Entry {
	return ledger.Entry{
		ID: digest("break-glass", w.ID, what), Control: g.Control.ID, At: g.Now(), By: w.By, Reason: w.Reason,
		Severity: string(severity), Notify: notice.Alert, Thread: digest("break-glass", w.ID), Subject: w.Role,
	}
}

// end closes a role before its time.
func (g Glass) end(ctx context.Context, role string, who caller.Identity) (GlassAnswer, error) {
	if err := g.put(ctx, role, closedDocument); err != nil {
		return GlassAnswer{}, err
	}
	now := g.Now()
	_, err := g.Ledger.ReviseWindow(ctx, role, func(w *ledger.Window) error {
		if w.Open(now) {
			w.End = now.UTC().Truncate(time.Second)
		}
		return nil
	})
	if err == nil {
		err = g.Sweep(ctx)
	}
	if err != nil {
		return GlassAnswer{}, err
	}
	return GlassAnswer{Role: role, Text: g.render(i18n.T("the role %s is closed, asked by %s", role, who.ARN))}, nil
}

// Sweep closes every emergency role that has no time left, and says so. If the ledger cannot be read it goes by what
// the policies themselves say.
func (g Glass) Sweep(ctx context.Context) error {
	windows, err := g.Ledger.Windows(ctx)
	faults := []error{err}
	roles := slices.Collect(maps.Keys(g.Settings.Asking.Glass))
	for role, w := range windows {
		if w.Closed.IsZero() {
			roles = append(roles, role)
		}
	}
	slices.Sort(roles)
	for _, role := range slices.Compact(roles) {
		if err := g.sweepRole(ctx, role, windows[role], err != nil); err != nil {
			faults = append(faults, fmt.Errorf("close the emergency role %s: %w", role, err))
		}
	}
	return errors.Join(faults...)
}

// sweepRole closes one role, unless its window is open. blind says that the ledger could not be read.
func (g Glass) sweepRole(ctx context.Context, role string, w ledger.Window, blind bool) error {
	out, err := g.Roles.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: aws.String(GlassPolicy)})
	if err != nil && !change.NotFound(err) {
		return change.Wrap(err, "get inline policy %q", GlassPolicy)
	}
	present := ""
	if err == nil {
		if present, err = change.Document(aws.ToString(out.PolicyDocument)); err != nil {
			return err
		}
	}
	now := g.Now()
	end, isOpen := endOf(present)
	expected := isOpen && now.Before(end) && (blind || w.Open(now) && end.Equal(w.End))
	if expected && !blind {
		found, err := g.Roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
		if err != nil {
			return change.Wrap(err, "get role %q", role)
		}
		expected = present == openDocument(w, aws.ToString(found.Role.RoleId), aws.ToString(found.Role.Arn))
	}
	var faults []error
	if !expected && present != closedDocument {
		overdue := isOpen && w.ID != "" && w.Closed.IsZero() && !w.Open(now) && end.Equal(w.End)
		if !overdue && !blind {
			faults = append(faults, g.notifyFound(ctx, role, present))
		}
		if err := g.put(ctx, role, closedDocument); err != nil {
			return errors.Join(append(faults, err)...)
		}
	}
	if !blind && w.ID != "" && w.Closed.IsZero() && !w.Open(now) {
		faults = append(faults, g.closed(ctx, w))
	}
	return errors.Join(faults...)
}

// closed notifies that a window is over, and records it.
func (g Glass) closed(ctx context.Context, w ledger.Window) error {
	entry := g.about(w, "closed", control.High)
	g.word(&entry, i18n.T("Emergency role closed: %s", w.Role),
		i18n.T("The time of %s for the emergency role %s was over on %s. The role can do nothing any more.", w.Person, w.Role,
			i18n.Moment(w.End)), i18n.T("Read in CloudTrail what the role did in that time."))
	if _, err := g.Notify(ctx, entry); err != nil {
		return err
	}
	_, err := g.Ledger.ReviseWindow(ctx, w.Role, func(recorded *ledger.Window) error {
		if recorded.ID == w.ID && recorded.Closed.IsZero() {
			recorded.Closed = g.Now()
		}
		return nil
	})
	return err
}

// notifyFound notifies that the policy of a role was not as Warder left it.
func (g Glass) notifyFound(ctx context.Context, role, present string) error {
	now := g.Now()
	w := ledger.Window{Role: role, ID: digest(role, present, now.UnixNano())}
	if present == "" {
		entry := g.about(w, "found", control.High)
		g.word(&entry, i18n.T("Emergency role closed: %s", role), i18n.T("The emergency role %s had no policy %s, which "+
			"closes it: it could be used at any time. It is closed now.", role, GlassPolicy),
			i18n.T("If it had one before, find out in CloudTrail who deleted it."))
		_, err := g.Notify(ctx, entry)
		return err
	}
	entry := g.about(w, "found", control.Critical)
	g.word(&entry, i18n.T("Emergency role closed: %s", role), i18n.T("The policy %s of the emergency role %s was not as "+
		"Warder left it. The role is closed now.", GlassPolicy, role), i18n.T("Find out in CloudTrail who changed it."))
	_, err := g.Notify(ctx, entry)
	return err
}

func (g Glass) put(ctx context.Context, role, document string) error {
	_, err := g.Roles.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: &role, PolicyName: aws.String(GlassPolicy), PolicyDocument: &document,
	})
	return change.Wrap(err, "put inline policy %q of role %q", GlassPolicy, role)
}
