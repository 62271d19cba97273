package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/slackserver"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	message "github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/hostile"
)

// Whatever the account has and functions answer: the tables and lines of the tools are theirs, and steer no
// terminal.
func TestNothingThatIsPrintedSteersTheTerminal(t *testing.T) {
	for what, text := range hostile.Texts() {
		text = "name" + text
		answer, err := json.Marshal(remediation.Report{
			Outcome: "changed", Reason: text, Severity: control.Severity(text), Changes: []remediation.ReportedChange{{
				ID: text, Change: change.Change{Kind: text, Subject: text, Target: text, Before: text, After: text},
				Status: ledger.Status(text), Reason: text,
			}},
			Notices: []remediation.ReportedNotice{{Kind: message.Kind(text), Severity: text, Title: text, Owner: text}},
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, write := range map[string]func(*bytes.Buffer) error{
			"send": func(out *bytes.Buffer) error {
				printer{out: out}.event("event.json", []endpoint.Delivery{
					{Function: "warder-x", Payload: answer}, {Function: "warder-y", Payload: []byte(text)},
					{Function: "warder-z", Payload: []byte(text), Failed: true},
				})
				return nil
			},
			"lines": func(out *bytes.Buffer) error {
				printer{out: out}.lines(readOutcome("warder-x", answer, false))
				return nil
			},
			"Slack": func(out *bytes.Buffer) error {
				printer{out: out}.message(slackserver.Message{Lines: []string{text, text}, Text: text})
				return nil
			},
		} {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			if why := hostile.Steers(out.String()); why != "" {
				t.Errorf("%s, %s: prints what %s: %.700q", name, what, why, out.String())
			}
		}
	}
}
