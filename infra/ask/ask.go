package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/halt"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/settings"
)

// A request is what stands after the command, by name, as for make: REASON is
// "…" for REASON=….
type request map[string]string

// A command is something to ask for.
type command struct {
	forms [][]string // the names that belong together, for each way to ask
	also  []string   // the names that may stand beside them, such as BY: without it the credentials say who asks
	run   func(asker, context.Context, request) error
}

// by is the name of who asks.
var by = []string{"BY"}

var commands = map[string]command{
	"halt":    {[][]string{{"REASON"}}, by, asker.halt},
	"resume":  {[][]string{{}}, nil, asker.resume},
	"release": {[][]string{{"CONTROL", "REASON"}}, by, asker.release},
	"undo":    {[][]string{{"ID", "REASON"}, {"USER", "SINCE", "REASON"}, {"RUN", "REASON"}}, by, asker.undo},
	"explain": {[][]string{{"KEY"}, {"USER"}, {"POLICY"}, {"ID"}}, nil, asker.explain},
	"sweep":   {[][]string{{"CONTROL"}}, nil, asker.sweep},
	"report":  {[][]string{{}, {"MONTH"}, {"FROM", "TO"}}, []string{"LANGUAGE", "OUT"}, asker.report},
	"drill":   {[][]string{{}, {"MINUTES"}}, by, asker.drill},
	"redrive": {[][]string{{}}, nil, asker.redrive},
}

// parse reads a command and its request. The error says what is understood.
func parse(args []string) (command, request, error) {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	c, known := commands[name]
	if !known {
		return c, nil, fmt.Errorf("command %q not understood\n%s", name, usage(slices.Sorted(maps.Keys(commands))...))
	}
	q := request{}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		q[key] = strings.TrimSpace(value)
	}
	asked := slices.DeleteFunc(slices.Sorted(maps.Keys(q)), func(key string) bool { return slices.Contains(c.also, key) })
	for _, form := range c.forms {
		if !slices.Equal(asked, slices.Sorted(slices.Values(form))) {
			continue
		}
		for _, key := range form {
			if q[key] == "" {
				return c, nil, fmt.Errorf("%s is empty\n%s", key, usage(name))
			}
		}
		return c, q, nil
	}
	return c, nil, fmt.Errorf("%s not understood with %s\n%s", name, cmp.Or(strings.Join(asked, ", "), "nothing"), usage(name))
}

// usage is how the commands are asked for.
func usage(names ...string) string {
	var lines []string
	for _, name := range names {
		c := commands[name]
		for _, form := range c.forms {
			line := "make " + name
			for _, key := range form {
				line += " " + key + "=…"
			}
			for _, key := range c.also {
				line += " [" + key + "=…]"
			}
			lines = append(lines, line)
		}
	}
	return "usage: " + strings.Join(lines, "\n       ")
}

// An asker asks on behalf of a person.
type asker struct {
	lambda interface {
		Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
	}
	ssm interface {
		PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	}
	sts interface {
		GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
	}
	events interface {
		TestEventPattern(context.Context, *eventbridge.TestEventPatternInput, ...func(*eventbridge.Options)) (*eventbridge.TestEventPatternOutput, error)
	}
	places  []place // the hub, and the other regions
	objects interface {
		GetObject(ctx context.Context, b *s3.Bucket, key string) ([]byte, error)
	}
	region   string
	controls []control.Control // and tools
	by       string            // who asks, when the request does not say
	now      func() time.Time
	out      io.Writer
}

// errNotAll is returned when the answer says that not all was done.
var errNotAll = errors.New("not all was done")

// halt stops every change.
func (a asker) halt(ctx context.Context, q request) error {
	by, err := a.who(ctx, q)
	if err != nil {
		return err
	}
	value := fmt.Sprintf("%s (by %s at %s)", q["REASON"], by, a.now().UTC().Format(time.RFC3339)) // never halt.Go
	if err := a.set(ctx, value); err != nil {
		return err
	}
	a.print("Warder is halted: " + value)
	a.print("It changes nothing and goes on telling, until make resume.")
	return nil
}

// resume lets changes be made again.
func (a asker) resume(ctx context.Context, _ request) error {
	if err := a.set(ctx, halt.Go); err != nil {
		return err
	}
	a.print("Warder goes on. What waited is done by the next sweeps, or now by make sweep CONTROL=…")
	return nil
}

func (a asker) set(ctx context.Context, value string) error {
	if _, err := a.ssm.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(settings.HaltParameter), Value: &value, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
	}); err != nil {
		return fmt.Errorf("put parameter %s: %w", settings.HaltParameter, err)
	}
	return nil
}

// release lets a control go on that its blast radius has stopped.
func (a asker) release(ctx context.Context, q request) error {
	c, err := a.control(q["CONTROL"])
	if err != nil {
		return err
	}
	by, err := a.who(ctx, q)
	if err != nil {
		return err
	}
	var answer remediation.ReleaseAnswer
	if err := a.invoke(ctx, c.ID, map[string]any{"release": remediation.ReleaseRequest{By: by, Reason: q["REASON"]}}, &answer); err != nil {
		return err
	}
	a.print(answer.Text)
	return nil
}

// undo puts back what was changed.
func (a asker) undo(ctx context.Context, q request) error {
	by, err := a.who(ctx, q)
	if err != nil {
		return err
	}
	var answer remediation.UndoAnswer
	if err := a.invoke(ctx, "undo", remediation.UndoRequest{
		Action: q["ID"], User: q["USER"], Since: q["SINCE"], Run: q["RUN"], By: by, Reason: q["REASON"],
	}, &answer); err != nil {
		return err
	}
	for _, done := range answer.Undone {
		a.print(fmt.Sprintf("undone  %s: %s (this undo is %s)", done.Action, done.Text, done.Undo))
	}
	for _, refused := range answer.Refused {
		a.print(fmt.Sprintf("refused %s: %s", refused.Action, refused.Why))
	}
	switch {
	case len(answer.Refused) > 0:
		return errNotAll
	case len(answer.Undone) == 0:
		a.print("nothing was put back")
		return errNotAll
	}
	return nil
}

// explain tells what was done and why.
func (a asker) explain(ctx context.Context, q request) error {
	var answer explain.Answer
	if err := a.invoke(ctx, "explain", explain.Request{Key: q["KEY"], User: q["USER"], Policy: q["POLICY"], Action: q["ID"]}, &answer); err != nil {
		return err
	}
	for line := range strings.Lines(answer.Text) {
		a.print(strings.TrimSuffix(line, "\n"))
	}
	return nil
}

// sweep sends a control over the whole account now, as its schedule does once a
// day.
func (a asker) sweep(ctx context.Context, q request) error {
	c, err := a.control(q["CONTROL"])
	if err != nil {
		return err
	}
	if c.Schedule == "" {
		return fmt.Errorf("%s has no sweep: it acts on events alone", c.ID)
	}
	caller, err := a.caller(ctx)
	if err != nil {
		return err
	}
	// What a scheduled rule sends.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
	event := map[string]any{
		"version": "0", "id": "sweep-" + rand.Text(), "detail-type": "Scheduled Event", "source": "aws.events",
		"account": aws.ToString(caller.Account), "time": a.now().UTC().Format(time.RFC3339), "region": a.region,
		"resources": []string{}, "detail": map[string]any{},
	}
	var report remediation.Report
	if err := a.invoke(ctx, c.ID, event, &report); err != nil {
		return err
	}
	a.print(fmt.Sprintf("%s: %s", c.ID, because(string(report.Outcome), report.Reason)))
	for _, made := range report.Changes {
		a.print(fmt.Sprintf("  %s %s of %s: %s (%s)", made.Kind, change.Hint(made.Change), made.Subject, because(string(made.Status), made.Reason), made.ID))
	}
	for _, told := range report.Notices {
		a.print(fmt.Sprintf("  told %s: %s", cmp.Or(told.Owner, "the topic"), told.Title))
	}
	if report.Outcome == remediation.Failed {
		return errNotAll
	}
	return nil
}

// report has the evidence of a period written, says where it is, and fetches it if that is asked for.
func (a asker) report(ctx context.Context, q request) error {
	var made struct {
		Bucket, Region, HTML, CSV, Console, Text, Outcome string
	}
	asked := map[string]string{"month": q["MONTH"], "from": q["FROM"], "to": q["TO"], "language": q["LANGUAGE"]}
	maps.DeleteFunc(asked, func(_, value string) bool { return value == "" })
	if err := a.invoke(ctx, "report", asked, &made); err != nil {
		return err
	}
	for line := range strings.Lines(made.Text) {
		a.print(strings.TrimSuffix(line, "\n"))
	}
	a.print("page   " + made.Console)
	a.print("table  s3://" + made.Bucket + "/" + made.CSV)
	if made.Outcome == string(remediation.Notified) {
		a.print("The topic was told where it is.")
	}
	if q["OUT"] == "" {
		return nil
	}
	if err := os.MkdirAll(q["OUT"], 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, key := range []string{made.CSV, made.HTML} {
		body, err := a.objects.GetObject(ctx, &s3.Bucket{Name: made.Bucket, Region: made.Region}, key)
		if err != nil {
			return fmt.Errorf("get %s: %w", key, err)
		}
		file := filepath.Join(q["OUT"], path.Base(key))
		if err := os.WriteFile(file, body, 0o600); err != nil {
			return fmt.Errorf("keep the report: %w", err)
		}
		a.print("wrote  " + file)
	}
	return nil
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ", " + why
}

// control is the control of the given id, or an error that names those there are.
func (a asker) control(id string) (control.Control, error) {
	var known []string
	for _, c := range a.controls {
		switch {
		case c.Tool:
		case c.ID == id:
			return c, nil
		default:
			known = append(known, c.ID)
		}
	}
	return control.Control{}, fmt.Errorf("there is no control %q: known are %s", id, strings.Join(known, ", "))
}

// who says who asks: BY, else whoever the credentials belong to.
func (a asker) who(ctx context.Context, q request) (string, error) {
	if by := cmp.Or(q["BY"], strings.TrimSpace(a.by)); by != "" {
		return by, nil
	}
	caller, err := a.caller(ctx)
	if err != nil {
		return "", err
	}
	return aws.ToString(caller.Arn), nil
}

func (a asker) caller(ctx context.Context) (*sts.GetCallerIdentityOutput, error) {
	caller, err := a.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("get caller identity: %w", err)
	}
	return caller, nil
}

// invoke asks the function of a control or a tool and waits for its answer.
func (a asker) invoke(ctx context.Context, id string, request, answer any, options ...func(*lambda.Options)) error {
	name := settings.FunctionName(id)
	payload, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode request to %s: %w", name, err)
	}
	out, err := a.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Payload: payload}, options...)
	var missing *lambdatypes.ResourceNotFoundException
	if errors.As(err, &missing) {
		return fmt.Errorf("invoke %s: it is not deployed in %s of this account: %w", name, a.region, err)
	}
	if err != nil {
		return fmt.Errorf("invoke %s: %w", name, err)
	}
	if out.FunctionError != nil {
		// https://docs.aws.amazon.com/lambda/latest/dg/golang-exceptions.html
		var failure struct{ ErrorMessage string }
		if json.Unmarshal(out.Payload, &failure) != nil || failure.ErrorMessage == "" {
			failure.ErrorMessage = string(out.Payload)
		}
		return fmt.Errorf("%s failed: %s", name, plain(failure.ErrorMessage))
	}
	if err := json.Unmarshal(out.Payload, answer); err != nil {
		return fmt.Errorf("read answer of %s: %w", name, err)
	}
	return nil
}

// print prints one line.
func (a asker) print(line string) { fmt.Fprintln(a.out, plain(line)) }

// maxLine is more than any line that Warder words, in bytes.
const maxLine = 4096

// plain keeps what others worded from steering the terminal.
func plain(line string) string { return notice.Plain(line, maxLine) }
