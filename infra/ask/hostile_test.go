package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/hostile"
)

// Whatever functions answer, and with whatever errors: what is printed has its lines, and steers no terminal.
func TestNothingThatIsAnsweredSteersTheTerminal(t *testing.T) {
	for what, text := range hostile.Texts() {
		text = "name" + text
		asked := change.Change{Kind: text, Subject: text, Target: text, Before: text, After: text}
		failure, err := json.Marshal(map[string]string{"errorMessage": text, "errorType": text})
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			function string
			answer   any
			args     []string
		}{
			{"explain", explain.Answer{Text: "IAM user alice\n" + text}, []string{"explain", "USER=" + text}},
			{"undo", remediation.UndoAnswer{
				Undone:  []remediation.Undone{{Action: text, Undo: text, Change: asked, Text: text}},
				Refused: []remediation.Refused{{Action: text, Why: text}},
			}, []string{"undo", "ID=a", "REASON=" + text}},
			{"detach-direct-policy", remediation.Report{
				Outcome: remediation.Changed, Reason: text, Changes: []remediation.ReportedChange{{ID: text, Change: asked, Status: ledger.Status(text), Reason: text}},
				Notices: []remediation.ReportedNotice{{Kind: notice.Changed, Title: text, Owner: text}},
			}, []string{"sweep", "CONTROL=detach-direct-policy"}},
			{"detach-direct-policy", remediation.ReleaseAnswer{Text: text}, []string{"release", "CONTROL=detach-direct-policy", "REASON=" + text}},
			{"drill", drill.Answer{ID: text, Outcome: drill.Failed, Reason: text, Cleaned: []string{text}, Scenarios: []drill.Scenario{{Name: text, Control: text, Did: text, Outcome: drill.Failed, Reason: text}}}, []string{"drill", "BY=" + text}},
			{"explain", "!" + string(failure), []string{"explain", "KEY=1A2B"}},
			{"explain", "!" + text, []string{"explain", "KEY=1A2B"}},
			{"explain", "?" + text, []string{"explain", "KEY=1A2B"}},
			{"explain", nil, []string{text, text + "=" + text}},
		} {
			answer, said := tc.answer.(string)
			if !said {
				data, err := json.Marshal(tc.answer)
				if err != nil {
					t.Fatal(err)
				}
				answer = string(data)
			}
			_, stdout, stderr := (&account{functions: map[string]string{"warder-" + tc.function: answer}}).ask(t, "kim", tc.args...)
			// What explain answers are lines: it is for pkg/explain to keep names in theirs.
			shown := strings.ReplaceAll(stdout, "\n"+hostile.Word, "\n")
			for _, text := range []string{shown, stderr} {
				if why := hostile.Steers(text); why != "" || text == stdout && strings.Contains(text, hostile.Key) {
					t.Errorf("%s, %s: prints what %s: %.500q", what, tc.args[0], why, text)
				}
			}
		}
	}
}
