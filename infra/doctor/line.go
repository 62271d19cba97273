package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/notice"
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

// lines collects what one check has to say.
type lines struct {
	check string
	said  []Line
}

func (l *lines) say(state State, do, format string, args ...any) {
	l.said = append(l.said, Line{
		Check: l.check, State: state, Text: notice.Plain(fmt.Sprintf(format, args...), maxLine), Do: notice.Plain(do, maxLine),
	})
}

func (l *lines) ok(format string, args ...any)          { l.say(ok, "", format, args...) }
func (l *lines) problem(do, format string, args ...any) { l.say(problem, do, format, args...) }
func (l *lines) remark(do, format string, args ...any)  { l.say(remark, do, format, args...) }

// unread says that what could not be read is not known. what is the operation, as a policy names it.
func (l *lines) unread(what string, err error) {
	if code, refused := denial(err); refused {
		l.say(unknown, "use credentials that may call "+what, "these credentials may not call %s (%s)", what, code)
		return
	}
	l.say(unknown, "run it again; if it stays so, check the network and the service's health", "%s: %v", what, err)
}

// fine reports whether the check has said nothing so far that is more than a remark.
func (l *lines) fine() bool {
	for _, line := range l.said {
		if line.State != remark {
			return false
		}
	}
	return true
}

// maxLine is more than any line that is worded here, in bytes.
const maxLine = 4096

// refusals are the codes with which services refuse a call for want of permission.
var refusals = []string{"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "UnauthorizedOperation"}

// denial is the code of the refusal, if err is one.
func denial(err error) (code string, refused bool) {
	for _, code := range refusals {
		if coded(err, code) {
			return code, true
		}
	}
	return "", false
}

// coded reports whether err is one of AWS's with one of the codes.
func coded(err error, codes ...string) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	for _, code := range codes {
		if api.ErrorCode() == code {
			return true
		}
	}
	return false
}

// show prints lines for people: each problem with what to do below it.
func show(out io.Writer, lines []Line, colour bool) error {
	paint := func(state State, text string) string {
		code := map[State]string{ok: "32", problem: "1;31", unknown: "33", remark: "36"}[state]
		if !colour {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	wide := 0
	count := map[State]int{}
	for _, line := range lines {
		wide = max(wide, len(line.Check))
		count[line.State]++
	}
	var text strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&text, "%s  %-*s  %s\n", paint(line.State, fmt.Sprintf("%-9s", line.State)), wide, line.Check, line.Text)
		if line.Do != "" {
			fmt.Fprintf(&text, "%9s  %-*s  -> %s\n", "", wide, "", line.Do)
		}
	}
	fmt.Fprintf(&text, "\n%d ok, %s, %s, %s\n", count[ok], number(count[problem], "problem"), number(count[remark], "remark"),
		fmt.Sprintf("%d not known", count[unknown]))
	_, err := io.WriteString(out, text.String())
	return err
}

// number is a count of things in words.
func number(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// colourful reports whether out is a terminal whose user has nothing against colours
// (https://no-color.org).
func colourful(out io.Writer) bool {
	file, isFile := out.(*os.File)
	if !isFile || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
