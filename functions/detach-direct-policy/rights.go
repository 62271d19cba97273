package detachdirectpolicy

import (
	"context"
	"maps"
	"slices"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
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

// rightsOf says what one of a user's policies makes of it: by itself, or together with the others if they do not do so
// without it.
func (v *scan) rightsOf(user string, d direct, documents map[direct]string) (made policy.Assessment, together bool) {
	holder := policy.Holder{Account: v.account, User: user}
	own := holder
	if d.kind == change.ManagedUserPolicy {
		own.Policy = d.target
	}
	alone := policy.Assess(own, documents[d])
	if alone.Level >= policy.Administrator || len(documents) < 2 {
		return alone, false
	}
	others := maps.Clone(documents)
	delete(others, d)
	var texts []string
	for text := range maps.Values(others) {
		if policy.Assess(holder, text).Level < policy.Unreadable {
			texts = append(texts, text)
		}
	}
	slices.Sort(texts)
	all := policy.Assess(holder, append(texts, documents[d])...)
	if all.Level > alone.Level && all.Level > policy.Assess(holder, texts...).Level {
		return all, true
	}
	return alone, false
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
		a.rights = i18n.Sentences(a.rights, i18n.T("The user's direct policies give it together."))
	}
}
