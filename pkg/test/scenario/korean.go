package scenario

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/settings"
)

// bare is a language in which nothing is left of a text but what is filled in. Whatever describes a notice
// in it has come from no catalogue.
const bare settings.Language = "x-bare"

var verbs = regexp.MustCompile(`%[-+# 0-9.]*(\[[0-9]+\])?[a-z]`)

// bared makes the catalogue of [bare] of the one of Korean.
func bared(t *testing.T) {
	t.Helper()
	if len(i18n.Catalogue(string(bare))) > 0 {
		return
	}
	catalogue := map[string]string{}
	for english := range i18n.Catalogue(string(settings.Korean)) {
		catalogue[english] = strings.Join(verbs.FindAllString(english, -1), " | ")
	}
	text, err := json.Marshal(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	i18n.Register(string(bare), text)
}

// phrase matches English that somebody has written for people: a word, and another in small letters.
var phrase = regexp.MustCompile(`\b[A-Za-z][a-z']+(?: [a-z']{2,})+`)

var hangul = regexp.MustCompile(`\p{Hangul}`)

// command matches a command of the AWS CLI, and those that a notice has.
var command = regexp.MustCompile(
	`aws [a-z0-9-]+ [a-z-]+ --.*|  make (undo|explain) ID=.*|  warder (undo|explain) --id .*`,
)

// korean handles the events with notices in Korean: they are the same notices, all of their words are
// Korean, and none is left over in English but what came with the scenario and what errors say.
func (h *harness) korean(t *testing.T, s scenario, english *fixture) {
	bared(t)
	s.settings.Language = settings.Korean
	korean := h.start(t, s)
	korean.handleAll()
	korean.compareEmails(t, emailsKorean)
	s.settings.Language = bare
	data := h.start(t, s)
	data.handleAll()

	if diff := gocmp.Diff(lines(english), lines(korean)); diff != "" {
		t.Errorf("other notices or subject lines than in English (-English +Korean):\n%s", diff)
	}
	for _, m := range korean.sent {
		texts := []string{m.Title, m.Headline(), m.Text, m.UnchangedReason, m.Advice, m.Email(), m.SMS()}
		for _, f := range m.Facts {
			texts = append(texts, f.Name)
		}
		for _, c := range m.Changes {
			texts = append(texts, c.Text)
		}
		for _, text := range texts {
			if text != "" && text != "MFA" && !hangul.MatchString(text) {
				t.Errorf("notice %s: not in Korean: %q", m.Line(), text)
			}
		}
	}
	given := s.given
	for _, a := range data.answers {
		given += fmt.Sprintln(a.err)
	}
	for _, m := range data.sent {
		// Whom it is about is a key of the ledger; rules and pages are called as their publishers do.
		m.Subject, m.References = "", nil
		text := command.ReplaceAllString(strings.ReplaceAll(m.Email(), exemption.Grammar, ""), "")
		for _, found := range phrase.FindAllString(text, -1) {
			for word := range strings.FieldsSeq(found) {
				if !regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`).MatchString(given) {
					t.Errorf("notice %s: no catalogue has %q", m.Line(), found)
					break
				}
			}
		}
	}
	korean.check(t)
}

func lines(w *fixture) (all []string) {
	for _, m := range w.sent {
		all = append(all, m.ID+" "+m.Line())
	}
	slices.Sort(all)
	return all
}

// The sections of a scenario that hold the emails that are sent.
const (
	emails       = "emails"
	emailsKorean = "emails-ko"
)

// golden reports whether a section says what is to come of the scenario, and not what it is about.
func golden(f txtar.File) bool { return order(f) > 0 }

// order is where a section stands among those that are written.
func order(f txtar.File) int { return slices.Index([]string{"want", emails, emailsKorean}, f.Name) + 1 }

// compareEmails compares the emails with those of the section, if the scenario has it.
func (w *fixture) compareEmails(t *testing.T, section string) {
	t.Helper()
	var b strings.Builder
	for _, m := range w.sent {
		fmt.Fprintf(&b, "Subject: %s\n\n%s\n", m.Headline(), m.Email())
	}
	if slices.ContainsFunc(w.archive.Files, func(f txtar.File) bool { return f.Name == section }) {
		w.golden(t, section, b.String())
	}
}
