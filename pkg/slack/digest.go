package slack

import (
	"fmt"
	"strings"

	api "github.com/slack-go/slack"

	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// MaxDigest is how many notices one message holds at most, so that each has its line whatever is in it.
const MaxDigest = 20

// RenderDigest lays out several notices as one message, in their order: of each a line with what happened, to whom,
// whose it is, and the id that explain takes.
func RenderDigest(all []notice.Message, language settings.Language) Post {
	return fit(language, func(s *sheet) Post { return s.digest(all) })
}

func (s *sheet) digest(all []notice.Message) Post {
	sign, known := signs[all[0].Severity]
	if !known {
		sign = signs["medium"]
	}
	title := fmt.Sprintf("%s %s", sign.emoji, s.t("%d notices", len(all)))
	list, length := api.NewRichTextList(api.RTEListBullet, 0), 0
	blocks := []api.Block{api.NewRichTextBlock("", list)}
	short := max(s.field/12, 16)
	for _, m := range all {
		m.Language = string(s.language)
		line := s.line(m.Headline(), 2*short+20)
		item := section(text(line, nil))
		if notice.Member(m.OwnerSlack) {
			item.Elements = append(item.Elements, text(" ", nil), api.NewRichTextSectionUserElement(m.OwnerSlack, nil))
		}
		if notice.ID(m.Finding) {
			item.Elements = append(item.Elements, text(" ", nil), text(m.Finding, code))
		}
		if length += len(line) + 2*len(m.Finding); length > maxBlock {
			list, length = api.NewRichTextList(api.RTEListBullet, 0), len(line)+2*len(m.Finding)
			blocks = append(blocks, api.NewRichTextBlock("", list))
		}
		list.Elements = append(list.Elements, item)
	}
	first := all[0]
	post := Post{
		Text:   fallback(title, first.Title+", "+first.Subject),
		Blocks: []api.Block{header(title)}, Color: sign.color, Details: blocks,
	}
	how := section(text(s.t("Full history:"), bold), text(" ", nil), text("make explain ID=…", code))
	post.Details = append(post.Details, api.NewRichTextBlock("", how))
	when := paragraph{}
	when.date(s.t("When"), first.Time, s)
	post.Details = append(post.Details, when.all...)
	about := []string{strings.TrimSpace(first.Account + " " + first.Region)}
	if s.cut {
		about = append(about, s.t("shortened; explain shows everything"))
	}
	post.Details = append(post.Details, s.small(about...)...)
	return post
}
