package detachdirectpolicy

import (
	"context"
	"strings"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/holder"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/policy"
)

// read reads the documents of the policies that a user holds, but of those that are known by name. What was listed and
// is not there any more was taken off, or the user has another name since: that is for the retry to see.
func (v *scan) read(ctx context.Context, user string, held []direct) (map[direct]string, error) {
	documents := map[direct]string{}
	for _, d := range held {
		if _, known := byName(d); known {
			continue
		}
		document, err := v.document(ctx, user, d)
		if err != nil {
			return nil, err
		}
		documents[d] = document
	}
	return documents, nil
}

// rightsOf says what one of a user's policies makes of it: by itself, or together with the others and with those of its
// groups, if they do not do so without it.
func (v *scan) rightsOf(
	ctx context.Context, user string, d direct, document string,
) (made policy.Assessment, together bool, err error) {
	own := policy.Holder{Account: v.account, User: user}
	if d.kind == change.ManagedUserPolicy {
		own.Policies = []string{d.target}
	}
	alone := policy.Assess(own, document)
	given := holder.Given{
		Is:        func(p holder.Policy) bool { return p.Group == "" && change.SameName(p.Name, d.target) },
		Documents: []string{document},
	}
	if alone.Level >= policy.Administrator || !given.May(strings.Join(own.Policies, "")) {
		return alone, false, nil
	}
	all, err := v.holders()
	if err != nil {
		return alone, false, err
	}
	for _, h := range all {
		if !change.SameName(h.User, user) {
			continue
		}
		completed, err := h.Completes(v.account, given, func(arn string) (string, error) {
			return v.document(ctx, user, direct{change.ManagedUserPolicy, arn})
		})
		if err != nil {
			return alone, false, err
		}
		if completed.Level > alone.Level {
			return completed, true, nil
		}
	}
	return alone, false, nil
}

// give adds to an assessment what the policy makes of the user.
func (a *assessment) give(made policy.Assessment, together bool) {
	switch made.Level {
	case policy.Unreadable:
		return // said already
	case policy.Administrator:
		a.severity, a.administers = control.Critical, true
	case policy.Escalates:
		if a.severity.Rank() < control.High.Rank() {
			a.severity = control.High
		}
	default:
		return
	}
	a.rights = made.Describe()
	if together {
		a.rights = i18n.Sentences(a.rights, i18n.T("The policies of the user and of its groups give it together."))
	}
}
