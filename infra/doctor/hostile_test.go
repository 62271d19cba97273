package main

import (
	"bytes"
	"errors"
	"strconv"
	"testing"

	"github.com/warder-aws/warder/pkg/test/hostile"
)

// Whatever things in the account are called, and whatever AWS says of them: a line stays one, and steers no
// terminal.
func TestNothingInTheAccountSteersTheTerminal(t *testing.T) {
	cases := 0
	for what, text := range hostile.Texts() {
		text = "name" + text
		l := &lines{check: "a check"}
		l.ok("%s is there", text)
		l.problem("aws sns subscribe "+text, "%s is not there", text)
		l.remark(text, "%s", text)
		l.unread(text, errors.New(text))
		var out bytes.Buffer
		if err := show(&out, l.said, false); err != nil {
			t.Fatal(err)
		}
		cases += len(l.said)
		if why := hostile.Steers(out.String()); why != "" {
			t.Errorf("%s: prints what %s: %.500q", what, why, out.String())
		}
	}
	t.Attr("cases", strconv.Itoa(cases))
}
