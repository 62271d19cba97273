package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/slackserver"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
)

// An outcome is what a function answers, and what `send --json` prints. Of what posts notices the word is posted.
type outcome struct {
	File    string `json:"file,omitempty"`
	Through string `json:"through,omitempty"` // the rule that forwarded the event from its region
	remediation.Report
	dropped bool // whether the function failed in each attempt, so that the event is in its failure queue
}

// readOutcome is a function's answer, or its error as an outcome.
func readOutcome(function string, payload []byte, failed bool) outcome {
	var o outcome
	var problem struct{ ErrorMessage string }
	err := json.Unmarshal(payload, &o.Report)
	switch {
	case failed && json.Unmarshal(payload, &problem) == nil && problem.ErrorMessage != "":
		o.Report = remediation.Report{Outcome: remediation.Failed, Reason: problem.ErrorMessage}
	case failed:
		o.Report = remediation.Report{Outcome: remediation.Failed, Reason: string(payload)}
	case err != nil || o.Outcome == "":
		o.Report = remediation.Report{
			Outcome: remediation.Failed, Reason: fmt.Sprintf("the answer is none of a control: %s", payload),
		}
	}
	o.Control, o.dropped = emulator.Control(function), failed
	o.Changes = append([]remediation.ReportedChange{}, o.Changes...) // a list in JSON, even without any
	o.Notices = append([]remediation.ReportedNotice{}, o.Notices...)
	return o
}

// A style colours words for a terminal.
type style struct{ on bool }

func (s style) paint(code, text string) string {
	if !s.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(text string) string { return s.paint("1", text) }
func (s style) dim(text string) string  { return s.paint("2", text) }

// outcome colours an outcome's word by what it asks of the reader.
func (s style) outcome(o remediation.Outcome) string {
	word := string(o)
	switch o {
	case remediation.Changed:
		return s.paint("32", word)
	case remediation.WouldChange, remediation.Skipped:
		return s.paint("33", word)
	case remediation.Failed:
		return s.paint("31", word)
	case remediation.Notified, "posted", "mailed":
		return s.paint("36", word)
	}
	return s.dim(word)
}

// A printer writes outcomes for people.
type printer struct {
	out   io.Writer
	style style
}

// details are an outcome's changes and notices, one line each, or its reason when it has neither;
// none when it has no reason either.
func (p printer) details(o outcome) []string {
	var lines []string
	for _, c := range o.Changes {
		line := i18n.Plain(fmt.Sprintf("%s of %s, %s: %s -> %s",
			c.Kind, c.Subject, c.Target, cut(c.Before, 72), cut(c.After, 72)))
		note := i18n.Plain(strings.Trim(string(c.Status)+": "+c.Reason, ": "))
		if string(c.Status) == string(o.Outcome) {
			note = i18n.Plain(c.Reason)
		}
		if note != "" {
			line += p.style.dim(" (" + note + ")")
		}
		lines = append(lines, line)
	}
	for _, n := range o.Notices {
		lines = append(lines, noticeLine(n.Owner, n.Title, string(n.Kind), n.Severity))
	}
	if len(lines) == 0 && o.Reason != "" {
		lines = append(lines, value(o.Reason))
	}
	return lines
}

// noticeLine is a notice on one line.
func noticeLine(owner, title, kind, severity string) string {
	if owner == "" {
		owner = "the topic's subscribers"
	}
	return i18n.Plain(fmt.Sprintf("notified %s: %s (%s, %s)", owner, value(title), kind, severity))
}

// value is text on one line, short enough to be read there.
func value(text string) string { return cut(text, 120) }

// cut is text on one line, of so many characters at most.
func cut(text string, limit int) string {
	text = strings.Join(strings.Fields(i18n.Plain(text)), " ")
	if text == "" {
		return "nothing"
	}
	if letters := []rune(text); len(letters) > limit {
		return string(letters[:limit-3]) + "..."
	}
	return text
}

// lines prints one line for each thing of an outcome.
func (p printer) lines(o outcome) {
	var text strings.Builder
	head := p.style.bold(o.Control) + " " + p.style.outcome(o.Outcome)
	details := p.details(o)
	for _, line := range details {
		fmt.Fprintf(&text, "%s: %s\n", head, line)
	}
	if len(details) == 0 {
		fmt.Fprintln(&text, head)
	}
	_, _ = io.WriteString(p.out, text.String())
}

// message prints a message of the channel that stands for Slack: what answers another one is indented.
func (p printer) message(m slackserver.Message) {
	indent := ""
	if m.Thread != "" {
		indent = "    "
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s%s\n", indent, p.style.dim("in Slack, "+place(m)+":"))
	for i, line := range m.Lines {
		line = i18n.Plain(line)
		if i == 0 {
			line = p.style.bold(line)
		}
		fmt.Fprintf(&text, "%s  | %s\n", indent, line)
	}
	_, _ = io.WriteString(p.out, text.String())
}

// mail prints a mail as it is read.
func (p printer) mail(m emulator.Mail) {
	var text strings.Builder
	fmt.Fprintf(
		&text,
		"%s\n  | %s\n  |\n",
		p.style.dim("mail to "+i18n.Plain(m.To)+":"),
		p.style.bold(i18n.Plain(m.Subject)),
	)
	for line := range strings.Lines(strings.TrimSpace(m.Body)) {
		fmt.Fprintf(&text, "  | %s\n", i18n.Plain(strings.TrimRight(line, "\n")))
	}
	_, _ = io.WriteString(p.out, text.String())
}

// place is where a message is.
func place(m slackserver.Message) string {
	switch {
	case m.Thread == "":
		return "in the channel"
	case m.Broadcast:
		return "in the thread and in the channel"
	}
	return "in the thread"
}
