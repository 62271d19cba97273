package slack

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// Slack's limits, less a margin. They count bytes where Slack counts characters, which is never more lenient.
//
//   - a header has 150 characters
//     (https://docs.slack.dev/reference/block-kit/blocks/header-block), a block of text 3,000
//     (https://docs.slack.dev/reference/block-kit/blocks/section-block), a message 50 blocks
//     (https://docs.slack.dev/reference/block-kit/blocks)
//   - all blocks together have about 13,200 characters, their containers included
//     (https://github.com/slackapi/bolt-js/issues/2509); no page says so
const (
	maxHeader  = 150
	maxText    = 300
	maxBlock   = 2_800
	maxPayload = 12_000
	maxField   = 1_500
	maxItems   = 20
)

// Post is one message in Slack's format.
type Post struct {
	// Text is for notifications on a phone and for screen readers. Slack interprets markup in it.
	Text string
	// Blocks come first, Details after them, beside a bar in the Color.
	Blocks  []api.Block
	Color   string
	Details []api.Block
	// Broadcast shows a message in a thread in the channel as well.
	Broadcast bool
}

func (p Post) attachments() []api.Attachment {
	if len(p.Details) == 0 {
		return nil
	}
	return []api.Attachment{{Color: p.Color, Fallback: p.Text, Blocks: api.Blocks{BlockSet: p.Details}}}
}

// MarshalJSON encodes the message without its channel and thread.
func (p Post) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Text        string           `json:"text"`
		Blocks      []api.Block      `json:"blocks"`
		Attachments []api.Attachment `json:"attachments,omitempty"`
	}{p.Text, p.Blocks, p.attachments()})
}

var signs = map[string]struct{ emoji, color string }{
	"critical": {"🔴", "#b3001b"},
	"high":     {"🟠", "#e8590c"},
	"medium":   {"🟡", "#f2b705"},
	"low":      {"🔵", "#4a90d9"},
}

// drill is the sign of what belongs to a drill, however severe it would be: nobody has to do anything.
var drill = struct{ emoji, color string }{"⚪", "#8d8d8d"}

// Render lays out a notice: what happened, then the changes, the facts, and the commands to copy, which are made from
// the ids in it. Texts that are too long are cut, and the message says so.
func Render(m notice.Message, language settings.Language) Post {
	return fit(language, func(s *sheet) Post { return s.notice(m) })
}

// fit lays a message out with shorter and shorter texts until it fits Slack's limits.
func fit(language settings.Language, lay func(*sheet) Post) Post {
	for field, items := maxField, maxItems; ; field, items = field/2, items/2 {
		post := lay(&sheet{language: language, field: field, items: items})
		if size(post) <= maxPayload || field == 0 {
			return post
		}
	}
}

// size is the length of the blocks, without the fallback texts.
func size(p Post) int {
	blocks, _ := json.Marshal([][]api.Block{p.Blocks, p.Details}) // texts in structs always encode
	return len(blocks)
}

// sheet is the state of laying out one message.
type sheet struct {
	language settings.Language
	// field is the longest text, in bytes; items is how many changes or facts are listed.
	field, items int
	cut          bool // something was left out
}

func (s *sheet) t(format string, args ...any) string {
	return i18n.T(format, args...).In(string(s.language))
}

// plain makes text from outside safe to show: without whole access key ids, without control characters other than a new
// line, with a mark in place of invisible and direction-changing characters, and cut to the limit.
func (s *sheet) plain(text string, limit int) string {
	text = notice.Redact(i18n.Paragraph(text))
	short := notice.Truncate(text, limit)
	s.cut = s.cut || len(short) < len(strings.ToValidUTF8(text, "\uFFFD"))
	return short
}

func (s *sheet) line(text string, limit int) string {
	return s.plain(strings.ReplaceAll(text, "\n", " "), limit)
}

func (s *sheet) notice(m notice.Message) Post {
	sign, known := signs[m.Severity]
	switch {
	case m.Drill != "":
		sign = drill
	case !known:
		sign = signs["medium"]
	}
	m.Language = string(s.language)
	title := s.line(sign.emoji+" "+m.Headline(), maxHeader)
	state := s.plain(m.State().In(m.Language), s.field)
	post := Post{Text: fallback(title, strings.TrimSpace(state+" "+m.Text)), Color: sign.color}
	if m.Kind == notice.Changed || m.Kind == notice.Failure {
		post.Broadcast = m.Severity == "high" || m.Severity == "critical"
	}

	what := paragraph{}
	if m.Drill != "" {
		what.strong(s.t("This is a drill: no action is needed."))
	}
	what.strong(state)
	what.text(s.plain(m.Text, s.field))
	what.fact(s.t("Resource"), s.line(m.Subject, 256))
	what.owner(s.t("Owner"), m.OwnerSlack, s.line(m.Owner, 256))
	post.Blocks = append([]api.Block{header(title)}, what.all...)

	post.Details = s.changes(m)
	rest := paragraph{}
	rest.fact(s.t("Not changed"), s.plain(m.UnchangedReason, s.field))
	rest.fact(s.t("What to do"), s.plain(m.Advice, s.field))
	rest.date(s.t("When"), m.Time, s)
	rest.date(s.t("Due"), m.Due, s)
	for _, f := range first(s, m.Facts, s.items) {
		rest.fact(s.line(f.Name, 60), s.line(f.Value, s.field/3))
	}
	post.Details = slices.Concat(post.Details, rest.all, s.commands(m), s.links(m))
	about := []string{m.Control, strings.TrimSpace(m.Account + " " + m.Region), m.Event}
	if s.cut {
		about = append(about, s.t("shortened; explain shows everything"))
	}
	post.Details = append(post.Details, s.small(about...)...)
	return post
}

// fallback is the text of a notification.
func fallback(title, message string) string {
	return escape(new(sheet).line(title+". "+message, maxText))
}

// first returns at most limit of the items.
func first[T any](s *sheet, items []T, limit int) []T {
	s.cut = s.cut || len(items) > limit
	return items[:min(limit, len(items))]
}

// changes lists the changes, made or due, below a label.
func (s *sheet) changes(m notice.Message) []api.Block {
	if len(m.Changes) == 0 {
		return nil
	}
	label := m.ChangesHeading().In(string(s.language))
	list, length := api.NewRichTextList(api.RTEListBullet, 0), 0
	blocks := []api.Block{api.NewRichTextBlock("", section(text(label, bold)), list)}
	for _, c := range first(s, m.Changes, s.items) {
		message := s.line(c.Text, s.field/3)
		if c.Reason != "" {
			message += " (" + s.line(c.Reason, s.field/3) + ")"
		}
		item := section(text(cmp.Or(message, "?"), nil))
		if notice.ID(c.ID) {
			item.Elements = append(item.Elements, text(" ", nil), text(c.ID, code))
		}
		if length += len(message) + len(c.ID); length > maxBlock {
			list, length = api.NewRichTextList(api.RTEListBullet, 0), len(message)+len(c.ID)
			blocks = append(blocks, api.NewRichTextBlock("", list))
		}
		list.Elements = append(list.Elements, item)
	}
	if n := len(m.Changes) - s.items; n > 0 {
		list.Elements = append(list.Elements, section(text(s.t("and %d more", n), nil)))
	}
	return blocks
}

// commands are those of the notice, which it makes from its ids.
func (s *sheet) commands(m notice.Message) []api.Block {
	var elements []api.RichTextElement
	if m.Undo != "" && !strings.HasPrefix(m.Undo, "make ") {
		elements = append(elements, section(text(s.line(m.Undo, 300), bold)))
	}
	for _, c := range m.Commands() {
		elements = append(elements, section(text(c.Label, bold)), &api.RichTextPreformatted{
			Type: api.RTEPreformatted, Elements: []api.RichTextSectionElement{text(strings.Join(c.Commands, "\n"), nil)},
		})
	}
	if elements == nil {
		return nil
	}
	return []api.Block{api.NewRichTextBlock("", elements...)}
}

func (s *sheet) links(m notice.Message) []api.Block {
	line := section()
	add := func(title, address string, style *api.RichTextSectionTextStyle) {
		title = cmp.Or(s.line(title, 150), "?")
		if len(line.Elements) > 0 {
			line.Elements = append(line.Elements, text(" · ", nil))
		}
		if u, err := url.Parse(address); err == nil && u.Scheme == "https" && u.Host != "" && len(address) <= 500 {
			line.Elements = append(line.Elements, api.NewRichTextSectionLinkElement(u.String(), title, style))
		} else {
			line.Elements = append(line.Elements, text(title, style))
		}
	}
	if m.Runbook != "" {
		add(s.t("Runbook"), m.Runbook, bold)
	}
	for _, r := range m.Links() {
		add(r.Title, r.URL, bold)
	}
	for _, r := range first(s, m.References, s.items/4) {
		add(r.Title, r.URL, nil)
	}
	if len(line.Elements) == 0 {
		return nil
	}
	return []api.Block{api.NewRichTextBlock("", line)}
}

func (s *sheet) small(parts ...string) []api.Block {
	var kept []string
	for _, part := range parts {
		if part = s.line(part, 200); part != "" {
			kept = append(kept, part)
		}
	}
	if kept == nil {
		return nil
	}
	return []api.Block{api.NewContextBlock("", plainText(strings.Join(kept, " · ")))}
}

// paragraph collects lines of text, some with a name in front, in as many blocks as they need.
type paragraph struct {
	all    []api.Block
	last   *api.RichTextSection
	length int
}

func (p *paragraph) line(length int, elements ...api.RichTextSectionElement) {
	if p.length += length; p.last == nil || p.length > maxBlock {
		p.last, p.length = section(elements...), length
		p.all = append(p.all, api.NewRichTextBlock("", p.last))
		return
	}
	p.last.Elements = append(append(p.last.Elements, text("\n", nil)), elements...)
}

func (p *paragraph) text(message string) {
	if message != "" {
		p.line(len(message), text(message, nil))
	}
}

// strong adds what is read first.
func (p *paragraph) strong(message string) {
	if message != "" {
		p.line(len(message), text(message, bold))
	}
}

// date adds a time, which Slack shows in the zone of each reader
// (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block#date-element-type); the zero time is none.
func (p *paragraph) date(name string, at time.Time, s *sheet) {
	if at.IsZero() {
		return
	}
	fallback := i18n.Minute(at).In(string(s.language))
	date := api.NewRichTextSectionDateElement(at.Unix(), "{date_num} {time}", nil, &fallback)
	p.line(len(name)+len(fallback), text(name+": ", bold), date)
}

func (p *paragraph) fact(name, value string) {
	if value != "" {
		p.line(len(name)+len(value), text(cmp.Or(name, "?")+": ", bold), text(value, nil))
	}
}

// owner adds the owner, and mentions the member of the workspace.
func (p *paragraph) owner(name, member, address string) {
	if !notice.Member(member) {
		p.fact(name, address)
		return
	}
	elements := []api.RichTextSectionElement{text(name+": ", bold), api.NewRichTextSectionUserElement(member, nil)}
	if address != "" {
		elements = append(elements, text(" ("+address+")", nil))
	}
	p.line(len(name)+len(address)+len(member), elements...)
}

var (
	bold = &api.RichTextSectionTextStyle{Bold: true}
	code = &api.RichTextSectionTextStyle{Code: true}
)

func text(content string, style *api.RichTextSectionTextStyle) *api.RichTextSectionTextElement {
	return api.NewRichTextSectionTextElement(content, style)
}

var section = api.NewRichTextSection

func header(title string) api.Block { return api.NewHeaderBlock(plainText(title)) }

// plainText is text in which Slack interprets nothing, not even emoji names.
func plainText(content string) *api.TextBlockObject {
	none := false
	return &api.TextBlockObject{Type: api.PlainTextType, Text: content, Emoji: &none}
}

// escape escapes the three characters that Slack interprets
// (https://docs.slack.dev/messaging/formatting-message-text#escaping).
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
