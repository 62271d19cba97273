// Package slacktest finds, for tests, what Slack would refuse in a message, or read as something that
// nobody here wrote: mentions, markup, emoji names, links to elsewhere. It posts nothing.
package slacktest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/warder-aws/warder/pkg/notice"
)

// The limits of Slack, and of what it takes in fact
// (https://docs.slack.dev/reference/block-kit/blocks; above about 13,200 characters it answers
// msg_blocks_too_long).
const (
	maxBlocks = 50
	maxText   = 3000
	maxHeader = 150
	maxSum    = 13_000
)

// Faults are what is wrong with a message, given as the JSON that is posted; none if all is well.
func Faults(message []byte) []string {
	var payload struct {
		Text        string           `json:"text"`
		Blocks      []map[string]any `json:"blocks"`
		Attachments []struct {
			Fallback string           `json:"fallback"`
			Blocks   []map[string]any `json:"blocks"`
		} `json:"attachments"`
	}
	if err := json.Unmarshal(message, &payload); err != nil {
		return []string{err.Error()}
	}
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	blocks := slices.Clone(payload.Blocks)
	if strings.ContainsAny(payload.Text, "<>\n") || payload.Text == "" || strings.ContainsFunc(payload.Text, unseen) {
		fault("the text of the notification is %q", payload.Text)
	}
	for _, a := range payload.Attachments {
		blocks = append(blocks, a.Blocks...)
		if strings.ContainsAny(a.Fallback, "<>") {
			fault("the fallback is %q", a.Fallback)
		}
	}
	if len(blocks) == 0 || len(blocks) > maxBlocks {
		fault("%d blocks", len(blocks))
	}
	sum := 0
	for _, block := range blocks {
		length := 0
		Each(block, func(object map[string]any) {
			kind, _ := object["type"].(string)
			words, isText := object["text"].(string)
			id, _ := object["user_id"].(string)
			address, _ := object["url"].(string)
			switch {
			case kind == "user" && !notice.Member(id):
				fault("mentions %q", id)
			case kind == "date" && (object["fallback"] == "" || object["timestamp"] == 0.0 || object["format"] == ""):
				fault("a date without a time, a format or a text for who cannot show it: %v", object)
			case kind == "link" && (!strings.HasPrefix(address, "https://") || strings.ContainsAny(address, "<>| ")):
				fault("links to %q", address)
			case !isText && !slices.Contains(
				[]string{"header", "context", "rich_text", "rich_text_section", "rich_text_list", "rich_text_preformatted", "user",
					"date"}, kind):
				fault("an object of type %q", kind)
			}
			if !isText {
				return
			}
			length += utf8.RuneCountInString(words)
			switch {
			case !slices.Contains([]string{"text", "plain_text", "link"}, kind):
				fault("Slack reads markup in %q, which is %s", words, kind)
			case words == "":
				fault("an empty %s", kind)
			case kind == "plain_text" && object["emoji"] != false:
				fault("Slack reads emoji names in %q", words)
			}
			if i := strings.IndexFunc(words, func(r rune) bool { return r != '\n' && unseen(r) }); i >= 0 {
				fault("a character that is not seen at %d of %q", i, words)
			}
		})
		if sum += length; length > maxText || block["type"] == "header" && length > maxHeader {
			fault("%d characters in a block of type %s", length, block["type"])
		}
	}
	if sum > maxSum {
		fault("%d characters", sum)
	}
	return faults
}

func unseen(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

// Each calls f for every object in a value that has a type.
func Each(value any, f func(map[string]any)) {
	switch value := value.(type) {
	case map[string]any:
		if value["type"] != nil {
			f(value)
		}
		for _, inner := range value {
			Each(inner, f)
		}
	case []any:
		for _, inner := range value {
			Each(inner, f)
		}
	}
}
