package functions

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// sourcesTable says for each line of what Warder was built from, and for each control of Security Hub about IAM, what
// answers it, or why nothing does. testdata/sources.tsv has the lines; a control that it names has to be there.
func sourcesTable(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/sources.tsv")
	if err != nil {
		t.Fatal(err)
	}
	titles := map[string]string{
		"guide":        "Good practice (모범 사례)",
		"checklist":    "The checklist (AWS 보안 점검 항목)",
		"Security Hub": "Security Hub, IAM",
	}
	var b strings.Builder
	b.WriteString(`
## What was asked for

Line by line what two Korean articles ask for, and what AWS Security Hub checks of IAM; which rules of CIS, ISMS-P and
Korean law each control serves is in its runbook and in the report.
`)
	source := ""
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(cells) != 6 || titles[cells[0]] == "" || cells[3] == "-" && cells[4] == "-" {
			t.Fatalf("sources.tsv: %q: want source, line, English, controls or -, why or -, 이유 or -; and one of the two", line)
		}
		if source != cells[0] {
			source = cells[0]
			fmt.Fprintf(&b, "\n### %s\n\n| asked for | in English | answered by |\n|---|---|---|\n", titles[source])
		}
		var answers []string
		for id := range strings.SplitSeq(cells[3], ",") {
			if id == "-" {
				continue
			}
			if _, err := os.Stat(id + "/control.json"); err != nil {
				t.Errorf("sources.tsv: %q is answered by %s, which is no control or tool", cells[1], id)
			}
			answers = append(answers, fmt.Sprintf("[%s](../functions/%[1]s/README.md)", id))
		}
		answer := strings.Join(answers, ", ")
		for _, why := range cells[4:] {
			if why != "-" {
				answer = strings.TrimPrefix(answer+"; "+why, "; ")
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", cells[1], cells[2], answer)
	}
	return b.String()
}
