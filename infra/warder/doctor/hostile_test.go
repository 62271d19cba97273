package doctor

import (
	"bytes"
	"errors"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/test/hostile"
)

// Whatever things in the account are called, and whatever AWS says of them: a line stays one, and steers no
// terminal.
func TestNothingInTheAccountSteersTheTerminal(t *testing.T) {
	for what, text := range hostile.Texts() {
		text = "name" + text
		l := &lines{check: "a check"}
		l.ok("%s is there", text)
		l.problem("aws sns subscribe "+text, "%s is not there", text)
		l.remark(text, "%s", text)
		l.unread(&smithy.OperationError{ServiceID: text, OperationName: text, Err: errors.New(text)})
		var out bytes.Buffer
		Print(&out, l.added, false)
		if why := hostile.Steers(out.String()); why != "" {
			t.Errorf("%s: prints what %s: %.500q", what, why, out.String())
		}
	}
}
