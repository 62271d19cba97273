package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/iamuser"
	message "github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// A stage is the account that steps are played in, seen by the people in them.
type stage struct {
	ctx     context.Context // of the step that is played
	account *emulator.Account
	printer printer
	verbose bool
	silent  bool           // whether nothing is printed
	out     string         // folder to keep reports in; empty for none
	inbox   emulator.Inbox // receives the notices, as people do
	began   time.Time      // when the last call or event was made
	later   time.Duration  // how much later than now what happens is
	attack  *field         // of an attack; nil for a step

	mu       sync.Mutex
	outcomes []outcome
	mails    []emulator.Mail
	worked   map[string]bool // by id: functions that notified, changed something or answered
}

// openStage starts the account of a scene.
func openStage(ctx context.Context, p printer, sc scene, verbose bool, stderr io.Writer) (*stage, error) {
	with := ""
	if sc.synth == project.Tour {
		with = ", with the settings of infra/local/tour.json"
	}
	text := "starting an AWS account on this machine, its controls in mode " + sc.mode + with + " ..."
	fmt.Fprintf(p.out, "%s\n", p.style.dim(text))
	s := &stage{ctx: ctx, printer: p, verbose: verbose, worked: map[string]bool{}}
	return s, s.open(emulator.Options{Mode: sc.mode, Synth: sc.synth, Functions: project.Together, Stderr: stderr})
}

// open starts the stage's account.
func (s *stage) open(o emulator.Options) (err error) {
	o.Done = s.done
	o.Mailed = s.mailed
	if s.account, err = emulator.Start(s.ctx, o); err != nil {
		return err
	}
	if s.inbox, err = s.account.Inbox(s.ctx, "inbox"); err != nil {
		s.account.Close()
	}
	return err
}

// mailed keeps a mail, and prints it as it is read.
func (s *stage) mailed(m emulator.Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	if s.verbose && !s.silent {
		s.printer.mail(m)
	}
}

// done keeps what came of an event, or of a call, at a function.
func (s *stage) done(r lambdahost.Result) {
	o := readOutcome(r.Function, r.Payload, r.Failed)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Sync { // whoever called it has its answer
		s.worked[o.Control] = s.worked[o.Control] || !r.Failed
		return
	}
	switch o.Outcome {
	case remediation.Changed, remediation.WouldChange, remediation.Notified, "posted", "mailed":
		s.worked[o.Control] = true
	}
	s.outcomes = append(s.outcomes, o)
}

// shown checks that the controls and tools were at work in the step.
func (s *stage) shown(controls []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range controls {
		if !s.worked[id] {
			return fmt.Errorf("%s did nothing; at work were %q", id, slices.Sorted(maps.Keys(s.worked)))
		}
	}
	return nil
}

// say prints what happens.
func (s *stage) say(format string, args ...any) {
	if !s.silent {
		fmt.Fprintln(s.printer.out, strings.TrimRight("   "+fmt.Sprintf(format, args...), " "))
	}
}

// variables are what scripts may use beside what they save themselves.
func (s *stage) variables() []string {
	now := time.Now().UTC()
	vars := []string{
		"NOW=" + now.Format(time.RFC3339), "YEAR=" + now.Format("2006"), "TODAY=" + now.Format(time.DateOnly),
		"NEXT_YEAR=" + now.AddDate(1, 0, 0).Format("2006"), "TABLE=" + settings.TableName,
		"TOPIC=" + s.account.Stack.Outputs["TopicArn"],
		"ACCOUNT=" + moto.AccountID, "MONTH=" + now.Format("2006-01"),
		"IN_10_DAYS=" + now.AddDate(0, 0, 10).Format(time.DateOnly),
	}
	for _, f := range s.account.Stack.Functions {
		if emulator.Control(f.Name) != "detach-direct-policy" { // all have the same
			continue
		}
		if set, err := f.Settings(); err == nil {
			vars = append(vars, fmt.Sprintf("BLAST_RADIUS=%d", set.BlastRadius), fmt.Sprintf("TWO_MORE=%d", set.BlastRadius+2),
				fmt.Sprintf("AFTER_HOLD=%d", set.HoldDays+1))
		}
	}
	return vars
}

// settle waits until everything that was set off has come to its end, and returns the outcomes and the
// notices since it was called last.
func (s *stage) settle() ([]outcome, []message.Message, error) {
	if err := s.account.Idle(s.ctx); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	outcomes := s.outcomes
	s.outcomes = nil
	s.mu.Unlock()
	notices, err := s.inbox.Take(s.ctx)
	return outcomes, notices, err
}

// sweep starts a control by its schedule, so many days from now.
func (s *stage) sweep(control string, days int) error {
	at, when := time.Now().Add(s.later).AddDate(0, 0, days), fmt.Sprintf("in %d days", days)
	switch {
	case days < 0:
		when = fmt.Sprintf("%d days ago", -days)
	case days == 0:
		when = "today"
	case days == 1:
		when = "tomorrow"
	}
	s.say("%s, %s: the daily sweep", when, at.UTC().Format(time.DateOnly))
	return s.account.Sweep(s.ctx, control, at)
}

// event puts an event of events/ on the bus as often as times says, as if it happened here and now. The pairs
// are what to replace in it, and by what.
func (s *stage) event(name string, times int, pairs ...string) error {
	root, err := project.Find()
	if err != nil {
		return err
	}
	event, err := readEvent(filepath.Join(string(root), "events", name+".json"))
	if err != nil {
		return err
	}
	var its struct{ ID, Time string }
	if err := json.Unmarshal(event.JSON, &its); err != nil {
		return fmt.Errorf("read events/%s.json: %w", name, err)
	}
	now := time.Now().Add(s.later).UTC()
	pairs = append(slices.Clone(pairs), "111122223333", moto.AccountID, its.Time, now.Format(time.RFC3339),
		its.ID, its.ID+"-"+strconv.FormatInt(now.UnixNano(), 36))
	data, err := s.identified([]byte(strings.NewReplacer(pairs...).Replace(string(event.JSON))), event.JSON)
	if err != nil {
		return err
	}
	s.began = now
	for range times {
		s.say("put on the bus: events/%s.json", name)
		deliveries, err := s.account.Send(s.ctx, data)
		if err != nil {
			return err
		}
		if len(deliveries) == 0 && !s.account.Order().Held() {
			return errors.New("no deployed rule matches the event")
		}
	}
	return nil
}

// identified is the event with the unique ids that the account's users of those names have, in place of those of the
// sample that it is made of.
func (s *stage) identified(data, sample []byte) ([]byte, error) {
	var event map[string]any
	if err := json.Unmarshal(data, &event); err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	users := iam.NewFromConfig(s.account.Unrecorded())
	var faults []error
	var identify func(any)
	identify = func(value any) {
		switch v := value.(type) {
		case []any:
			for _, item := range v {
				identify(item)
			}
		case map[string]any:
			name, _ := v["userName"].(string)
			id, _ := v["principalId"].(string)
			if iamuser.IsUniqueID(id) && name != "" && bytes.Contains(sample, []byte(id)) {
				out, err := users.GetUser(s.ctx, &iam.GetUserInput{UserName: &name})
				switch {
				case err == nil:
					v["principalId"] = aws.ToString(out.User.UserId)
				case !change.NotFound(err):
					faults = append(faults, fmt.Errorf("get user %q: %w", name, err))
				}
			}
			for _, item := range v {
				identify(item)
			}
		}
	}
	identify(event)
	data, err := json.Marshal(event)
	return data, errors.Join(append(faults, err)...)
}

// invoke calls a function as people do, prints the call and the text of its answer, and returns the answer.
func (s *stage) invoke(control, payload string) ([]byte, error) {
	s.say("$ aws lambda invoke --function-name %s --payload '%s' answer.json", settings.FunctionName(control), payload)
	answer, err := s.account.Invoke(s.ctx, control, []byte(payload))
	if err != nil {
		return nil, err
	}
	var words struct{ Text string }
	_ = json.Unmarshal(answer, &words) // not every answer has a text
	for line := range strings.Lines(strings.TrimSpace(words.Text)) {
		s.say("  %s", strings.TrimRight(line, "\n"))
	}
	return answer, nil
}

// undo has the undo function revert an action, or all of a run. An error says why it refused.
func (s *stage) undo(action, reason string) ([]byte, error) {
	payload, err := json.Marshal(map[string]string{"action": action, "by": "kim@example.com", "reason": reason})
	if err != nil {
		return nil, err
	}
	text, err := s.invoke("undo", string(payload))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Undone  []struct{ Text string }
		Refused []struct{ Why string }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	for _, done := range answer.Undone {
		s.say("%s", done.Text)
	}
	for _, refused := range answer.Refused {
		s.say("refused: %s", refused.Why)
		err = errors.Join(err, errors.New(refused.Why))
	}
	if len(answer.Undone)+len(answer.Refused) == 0 {
		err = errors.New("undo did nothing, and refused nothing")
	}
	return text, err
}

// keep keeps a file in the folder of -out, if there is one.
func (s *stage) keep(name string, data []byte) error {
	if s.out == "" {
		return nil
	}
	if err := os.MkdirAll(s.out, 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	file := filepath.Join(s.out, name)
	s.say("wrote %s: open it in a browser", file)
	return os.WriteFile(file, data, 0o600)
}
