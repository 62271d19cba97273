package notice

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

// listed is a message with so many facts and changes.
func listed(n int) Message {
	m := sample()
	m.Facts, m.Changes = nil, nil
	for i := range n {
		m.Facts = append(m.Facts, Fact{fmt.Sprint("fact ", i), strings.Repeat("v", 600)})
		m.Changes = append(m.Changes, Change{
			ID: fmt.Sprint("c", i), Text: strings.Repeat("t", 600), Reason: strings.Repeat("r", 600),
		})
	}
	return m
}

// published is the message as SQS gets it.
func published(t *testing.T, m Message) Message {
	t.Helper()
	text, err := m.Bodies()
	if err != nil {
		t.Fatal(err)
	}
	var bodies map[string]string
	if err := json.Unmarshal([]byte(text), &bodies); err != nil {
		t.Fatal(err)
	}
	var back Message
	if err := json.Unmarshal([]byte(bodies["sqs"]), &back); err != nil {
		t.Fatal(err)
	}
	return back
}

func TestBodies_ListsEndWithHowManyMoreThereAre(t *testing.T) {
	whole := published(t, listed(maxItems))
	if len(whole.Facts) != maxItems || len(whole.Changes) != maxItems {
		t.Errorf("%d facts and %d changes of %d each", len(whole.Facts), len(whole.Changes), maxItems)
	}
	if last := whole.Facts[maxItems-1].Name; last != fmt.Sprint("fact ", maxItems-1) {
		t.Errorf("the last fact is %q", last)
	}
	more := published(t, listed(maxItems+7))
	if len(more.Facts) != maxItems+1 || len(more.Changes) != maxItems+1 {
		t.Fatalf("%d facts and %d changes", len(more.Facts), len(more.Changes))
	}
	if got := more.Facts[maxItems].Value; got != "7 more facts are in the ledger" {
		t.Errorf("%q", got)
	}
	if got := more.Changes[maxItems].Text; got != "and 7 more in the ledger" {
		t.Errorf("%q", got)
	}
	for _, text := range []string{more.Facts[0].Value, more.Changes[0].Text, more.Changes[0].Reason} {
		if len(text) != maxField/8 {
			t.Errorf("a text of 600 bytes is cut to %d, want %d", len(text), maxField/8)
		}
	}
}

// A message is cut no more than it must be: each step down halves the texts and the lists.
func TestBodies_AreCutToWhatSNSTakes(t *testing.T) {
	m := sample()
	m.Text, m.Advice = strings.Repeat("\u0007", maxField), strings.Repeat("<", maxField)
	m.UnchangedReason = m.Advice
	for range maxItems {
		m.Facts = append(m.Facts, Fact{"fact", strings.Repeat("<", maxField)})
		m.Changes = append(m.Changes, Change{Text: strings.Repeat("<", maxField), Reason: strings.Repeat("<", maxField)})
	}
	text, err := m.Bodies()
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > maxMessage || len(text) < maxMessage/8 {
		t.Errorf("%d bytes of at most %d", len(text), maxMessage)
	}
	if back := published(t, m); len(back.Text) >= maxField || len(back.Facts) >= maxItems {
		t.Errorf("a text of %d bytes and %d facts are left: both are halved", len(back.Text), len(back.Facts))
	}
	if maxMessage+4096 != 256<<10 {
		t.Errorf("SNS takes 256 KiB with 4 KiB of attributes in it, not %d", maxMessage)
	}
}

func TestChat_SaysOnlyWhatThereIs(t *testing.T) {
	m := Message{Title: "T", Text: "What was found.", Control: "c", Severity: "low", Kind: Alert}
	c := m.chat()
	if c.Content.Description != "What was found." || c.Content.NextSteps != nil || c.Metadata.RelatedResources != nil {
		t.Errorf("%+v", c)
	}
	m.UnchangedReason, m.Subject, m.Advice = "it is exempt", "alice", "Use a group."
	m.Changes = []Change{{Text: "one", Status: "verified"}, {Text: "two", Status: "verified"}}
	c = m.chat()
	want := "Done: one; two. What was found.\n" + m.ChangesHeading().String() + "\n- one\n- two\nNot changed: it is exempt"
	if c.Content.Description != want {
		t.Errorf("%q, want %q", c.Content.Description, want)
	}
	if len(c.Content.NextSteps) != 1 || len(c.Metadata.RelatedResources) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestSMS_FillsItsPart(t *testing.T) {
	m := sample()
	m.Title = strings.Repeat("x", 200)
	if got := len(m.SMS()); got != 140 {
		t.Errorf("%d bytes of 140", got)
	}
	m.Title = strings.Repeat("키", 200)
	if got := len(utf16.Encode([]rune(m.SMS()))); got != 70 {
		t.Errorf("%d characters of 70", got)
	}
	m.Title = "~ is ASCII " + strings.Repeat("~", 200)
	if got := len(m.SMS()); got != 140 {
		t.Errorf("%d bytes of 140", got)
	}
}

func TestLine_IsPrintableASCII(t *testing.T) {
	m := Message{Kind: Alert, Title: "~ é \x7f " + "…", Subject: " !"}
	line := m.Line()
	if !strings.Contains(line, "~ ? ") || strings.ContainsAny(line, "é…\x7f") {
		t.Errorf("%q", line)
	}
}

func TestTruncate_AtItsLimits(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"abcdef", 6, "abcdef"}, {"abcdef", 5, "ab..."}, {"abcdef", 4, "a..."}, {"abcdef", 3, "..."}, {"abcdef", 2, ".."},
		{"abcdef", 0, ""}, {"abcdef", -1, ""}, {"é", 1, "."}, {"ééé", 5, "é..."}, {"éééé", 4, "..."},
	} {
		if got := Truncate(c.text, c.limit); got != c.want {
			t.Errorf("Truncate(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func TestMember_HasAtMost64Characters(t *testing.T) {
	if !Member("U"+strings.Repeat("A", 63)) || Member("U"+strings.Repeat("A", 64)) {
		t.Error("64 characters are a member's id, 65 are none")
	}
}

func TestEmail_HasNoHeadingWithoutChanges(t *testing.T) {
	m := sample()
	m.Changes = nil
	if strings.Contains(m.Email(), m.ChangesHeading().String()) {
		t.Errorf("%s", m.Email())
	}
}
