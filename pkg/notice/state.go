package notice

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/warder-aws/warder/pkg/i18n"
)

// State is what is true now, in one sentence: the first line of every notice about a change. It is empty where nothing
// was or is to be changed: the text is all then.
func (m Message) State() i18n.Message {
	made, open, moot := m.clauses()
	var lead i18n.Message
	switch {
	case !open.Empty() && !made.Empty():
		lead = i18n.T("NOT FIXED: %s. Done: %s.", open, made)
	case !open.Empty() && m.Kind == Reminder:
		lead = i18n.T("STILL NOT FIXED: %s.", open)
	case !open.Empty():
		lead = i18n.T("NOT FIXED: %s.", open)
	case m.Kind == Undone && m.By != "":
		lead = i18n.T("Reverted by %s: %s.", m.By, made)
	case m.Kind == Undone:
		lead = i18n.T("Reverted: %s.", made)
	case !made.Empty():
		lead = i18n.T("Done: %s.", made)
	case !moot.Empty():
		return i18n.T("Nothing left to fix: %s.", moot)
	default:
		return i18n.Message{}
	}
	switch {
	case open.Empty():
	case m.Kind == WouldChange:
		lead = i18n.Sentences(lead, i18n.T("Warder only observes and changed nothing."))
	case (m.Kind == Warning || m.Kind == Reminder) && !m.Due.IsZero():
		lead = i18n.Sentences(lead, i18n.T("Fix it by %s, or Warder does.", i18n.Minute(m.Due)))
	}
	return lead
}

// maxClauses is how many changes a first line names, maxReason how much it has of what kept one from being made, in
// bytes: the whole of it stands behind the change.
const (
	maxClauses = 3
	maxReason  = 200
)

// clauses are what was made, what is still open, each with its reason, and why nothing has to be done any more.
func (m Message) clauses() (made, open, moot i18n.Message) {
	var mades, opens, moots []string
	add := func(all []string, clause string) []string {
		if slices.Contains(all, clause) {
			return all
		}
		return append(all, clause)
	}
	reasons := map[string]string{}
	for _, c := range m.Changes {
		switch {
		case c.Open != "":
			opens = add(opens, c.Open)
			if c.Status != "pending" { // the due date says so
				reasons[c.Open] = Truncate(c.Reason, maxReason)
			}
		case c.made():
			mades = add(mades, c.Text)
		case c.Status == "skipped" && c.Reason != "":
			moots = add(moots, c.Reason)
		}
	}
	for i := range opens { // the reason of several that follow each other stands behind the last
		why := reasons[opens[i]]
		if last := i == len(opens)-1 || i == maxClauses-1; why != "" && (last || reasons[opens[i+1]] != why) {
			opens[i] = i18n.T("%s (%s)", opens[i], why).In(m.Language)
		}
	}
	return some(mades), some(opens), some(moots)
}

// some is the first few of the clauses, and how many more there are.
func some(clauses []string) i18n.Message {
	if len(clauses) == 0 {
		return i18n.Message{}
	}
	line := i18n.Literal(strings.Join(clauses[:min(len(clauses), maxClauses)], "; "))
	if more := len(clauses) - maxClauses; more > 0 {
		return i18n.T("%s and %d more", line, more)
	}
	return line
}

// Brief is what and whom a notice is about, in a few words for a subject: what was done, or the title and what is so.
func (m Message) Brief() i18n.Message {
	what := i18n.Literal(m.bareTitle())
	if subject := i18n.Lookup(m.Subject); m.Subject != "" {
		what = i18n.T("%s - %s", what, subject)
	}
	switch made := m.madeBriefly(); {
	case m.Kind == Changed && !made.Empty():
		return i18n.T("%s: %s", made, m.bareTitle())
	case m.Kind == WouldChange:
		return i18n.T("NOT FIXED, only observed: %s", what)
	case m.Kind == Held:
		return i18n.T("NOT FIXED, on hold: %s", what)
	case m.Kind == Failure:
		return i18n.T("NOT FIXED, failed: %s", what)
	case m.Kind == Warning && !m.Due.IsZero():
		return i18n.T("fix by %s: %s", i18n.Day(m.Due), what)
	case m.Kind == Reminder && !m.Due.IsZero():
		return i18n.T("reminder, fix by %s: %s", i18n.Day(m.Due), what)
	case m.Kind == Fixed:
		return i18n.T("resolved: %s", what)
	case m.Kind == Undone:
		if m.By != "" {
			return i18n.T("reverted by %s: %s", m.By, what)
		}
		return i18n.T("reverted: %s", what)
	case m.By != "":
		return i18n.T("%s, by %s", what, m.By)
	}
	return what
}

// madeBriefly names the changes that were made: two of them, and how many more.
func (m Message) madeBriefly() i18n.Message {
	var made []string
	for _, c := range m.Changes {
		if brief := cmp.Or(c.Brief, c.Text); c.made() && !slices.Contains(made, brief) {
			made = append(made, brief)
		}
	}
	if len(made) == 0 {
		return i18n.Message{}
	}
	line := i18n.Literal(strings.Join(made[:min(len(made), 2)], ", "))
	if more := len(made) - 2; more > 0 {
		return i18n.T("%s and %d more", line, more)
	}
	return line
}

func (c Change) made() bool { return c.Status == "verified" || c.Status == "applied" }

// bareTitle is the title without the mark of a drill, which a subject has in front.
func (m Message) bareTitle() string {
	if m.Drill == "" {
		return m.Title
	}
	return strings.TrimPrefix(strings.TrimPrefix(m.Title, DrillTitle("").In(m.Language)), DrillTitle("").String())
}

// DrillTitle is the title of what belongs to a drill.
func DrillTitle(title string) i18n.Message { return i18n.T("Drill: %s", title) }

// maxSubject is the longest subject, in characters: SNS takes "less than 100 characters long", UTF-8 without line
// breaks and control characters (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html). Mail has the same.
const maxSubject = 99

// Headline is the subject in the language of the notice: severity, what, whom, account, as in
// "[CRITICAL] detached policy AdministratorAccess from alice: Direct policy (1111…3333)". If it is too long, what
// stands in the middle is cut.
func (m Message) Headline() string {
	m = m.plain()
	return m.headline(m.Brief().In(m.Language), m.Language, "…", maxSubject)
}

// headline is the one of at most limit characters; dots stand for what is left out of an account.
func (m Message) headline(brief, language, dots string, limit int) string {
	mark := strings.ToUpper(cmp.Or(Severity(m.Severity).In(language), "?"))
	if m.Drill != "" {
		mark, brief = i18n.T("DRILL").In(language), i18n.T("no action: %s", brief).In(language)
	}
	mark = "[" + cutRunes(mark, 20) + "] "
	account := m.Account
	if len(account) == 12 {
		account = account[:4] + dots + account[8:]
	}
	if account != "" {
		account = " (" + cutRunes(account, 20) + ")"
	}
	return mark + cutRunes(brief, limit-utf8.RuneCountInString(mark+account)) + account
}

// Subject is a text cut to what a subject may have.
func Subject(text string) string { return cutRunes(text, maxSubject) }

// cutRunes is Truncate by characters.
func cutRunes(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:max(limit-len(ellipsis), 0)]) + ellipsis
}

// Line is the headline in English and printable ASCII: what older clients of mail show, and what the documentation of
// SNS asked for before it said UTF-8.
func (m Message) Line() string {
	m = m.plain()
	brief := m.Heading
	if m.Language == "" || m.Language == "en" || brief == "" {
		english := m
		english.Language = "en"
		brief = english.Brief().String()
	}
	line := m.headline(strings.ReplaceAll(brief, "…", ".."), "en", "..", maxSubject)
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, line)
}
