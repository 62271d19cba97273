package detachdirectpolicy

import (
	"context"
	"fmt"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
)

// keepDeny are the changes that take a policy off the user and leave what it denies, which is the document deny. An
// inline policy keeps its name. A managed policy is not changed, as others may have it: an inline policy that denies
// the same is put first. unchanged says why that cannot be; there are no changes then.
//
// It never widens access: at every moment all is denied that was denied before, and nothing more is allowed.
func (v *scan) keepDeny(
	ctx context.Context, user, deny string, detach change.Change, held []direct,
) (changes []change.Change, unchanged i18n.Message, err error) {
	if detach.Kind == change.InlineUserPolicy {
		detach.After = deny
		return []change.Change{detach}, unchanged, nil
	}
	inline := map[string]string{}
	size := change.Characters(deny)
	for _, h := range held {
		if h.kind != change.InlineUserPolicy {
			continue
		}
		if inline[h.target], err = v.document(ctx, user, h); err != nil {
			return nil, unchanged, err
		}
		size += change.Characters(inline[h.target])
	}
	keep := change.Change{Kind: change.InlineUserPolicy, Subject: user, After: deny, Content: detach.Content}
	for n := 1; keep.Target == ""; n++ {
		name := fmt.Sprintf("warder-kept-deny-%.16s-%d", change.Content(detach.Target+deny), n)
		switch inline[name] {
		case deny: // an earlier run has put it
			return []change.Change{detach}, unchanged, nil
		case "":
			keep.Target = name
		}
	}
	if size > change.MaxInline {
		return nil, i18n.T("The policy denies something, and what it denies does not fit into the user's inline policies, "+
			"which may have %d characters together: detaching it would allow the user to do more.", change.MaxInline), nil
	}
	return []change.Change{keep, detach}, unchanged, nil
}
