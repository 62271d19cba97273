package doctor

import (
	"fmt"
	"io"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
)

// State is what a line comes to.
type State string

// The states.
const (
	ok      State = "ok"
	problem State = "problem"   // something does not work, or will not
	unknown State = "not known" // it could not be read
	remark  State = "remark"    // it works; somebody may want to know
)

// A Line is one thing that was checked.
type Line struct {
	Check string `json:"check"` // what was checked, the same words each time
	State State  `json:"state"`
	Text  string `json:"text"`         // how it is
	Do    string `json:"do,omitempty"` // what to do about it
}

// lines collects the lines of one check.
type lines struct {
	check string
	added []Line
}

func (l *lines) add(state State, do, format string, args ...any) {
	text := terminal.Plain(fmt.Sprintf(format, args...))
	l.added = append(l.added, Line{Check: l.check, State: state, Text: text, Do: terminal.Plain(do)})
}

func (l *lines) ok(format string, args ...any)          { l.add(ok, "", format, args...) }
func (l *lines) problem(do, format string, args ...any) { l.add(problem, do, format, args...) }
func (l *lines) remark(do, format string, args ...any)  { l.add(remark, do, format, args...) }

// unread adds that the answer of an operation, named as in a policy, is not known.
func (l *lines) unread(operation string, err error) {
	if code := account.Denial(err); code != "" {
		l.add(unknown, "use credentials that may call "+operation, "these credentials may not call %s (%s)", operation, code)
		return
	}
	l.add(unknown, "run it again; if it stays so, check the network and the service's health", "%s: %v",
		operation, account.Cause(err))
}

// fine reports whether the check has added nothing so far that is more than a remark.
func (l *lines) fine() bool {
	for _, line := range l.added {
		if line.State != remark {
			return false
		}
	}
	return true
}

// InOrder reports whether no line is a problem or not known.
func InOrder(lines []Line) bool {
	for _, line := range lines {
		if line.State == problem || line.State == unknown {
			return false
		}
	}
	return true
}

// Print prints lines for people: each problem with what to do below it.
func Print(out io.Writer, lines []Line, style terminal.Style) {
	colours := map[State]string{ok: terminal.Green, problem: terminal.Red, unknown: terminal.Yellow, remark: terminal.Cyan}
	width, count := 0, map[State]int{}
	for _, line := range lines {
		width = max(width, len(line.Check))
		count[line.State]++
	}
	for _, line := range lines {
		state := style.Paint(colours[line.State], fmt.Sprintf("%-9s", line.State))
		fmt.Fprintf(out, "%s  %-*s  %s\n", state, width, line.Check, line.Text)
		if line.Do != "" {
			fmt.Fprintf(out, "%9s  %-*s  -> %s\n", "", width, "", line.Do)
		}
	}
	fmt.Fprintf(out, "\n%d ok, %s, %s, %d not known\n", count[ok], terminal.Count(count[problem], "problem"),
		terminal.Count(count[remark], "remark"), count[unknown])
}
