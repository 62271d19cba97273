package cli

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/warder/console"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/remediation"
)

// The console asks the functions as the commands do, and proves who asks wherever they do.
func TestConsole_AsksAsTheCommandsDo(t *testing.T) {
	functions := map[string]string{"warder-undo": "{}", "warder-detach-direct-policy": "{}", "warder-drill": "{}",
		"warder-explain": "{}", "warder-report": `{"bucket":"reports","region":"us-east-1","html":"a.html","csv":"a.csv"}`}
	commands, page := &fakeAccount{functions: functions}, &fakeAccount{functions: functions}
	for _, args := range [][]string{
		{"undo", "--id=abcdefghij-1", "--reason=why"}, {"halt", "--reason=why"}, {"resume", "--reason=why"},
		{"release", "--control=detach-direct-policy", "--reason=why"},
		{"exempt", "--user=alice", "--control=detach-direct-policy", "--until=2026-12-24", "--reason=why"},
		{"drill", "--minutes=3"}, {"explain", "--user=alice"}, {"report", "--month=2026-10", "--language=ko"},
	} {
		commands.ask(t, "kim", args...)
	}
	a := &app{Process: Process{Out: &bytes.Buffer{}, Now: time.Now}}
	s := served{s: &session{app: a, cfg: fakeConfig(page)}}
	ctx := t.Context()
	_, undo := s.Undo(ctx, remediation.UndoRequest{Action: "abcdefghij-1", By: "kim", Reason: "why"})
	_, halt := s.SetHalt(ctx, true, remediation.HaltRequest{By: "kim", Reason: "why"})
	_, resume := s.SetHalt(ctx, false, remediation.HaltRequest{By: "kim", Reason: "why"})
	_, release := s.Release(ctx, "detach-direct-policy", remediation.ReleaseRequest{By: "kim", Reason: "why"})
	_, exempt := s.Exempt(
		ctx,
		remediation.ExemptRequest{Users: []string{"alice"}, Controls: []string{"detach-direct-policy"},
			Until: "2026-12-24", By: "kim", Reason: "why"},
	)
	_, rehearse := s.Drill(ctx, drill.Request{By: "kim", Minutes: 3})
	_, answer := s.Explain(ctx, explain.Request{User: "alice"})
	made, report := s.Report(ctx, "2026-10", "ko")
	if err := errors.Join(undo, halt, resume, release, exempt, rehearse, answer, report); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(commands.asked, page.asked); diff != "" {
		t.Errorf("asked (-commands +console):\n%s", diff)
	}
	proven := slices.DeleteFunc(slices.Clone(page.asked), func(q string) bool { return !strings.Contains(q, " signed ") })
	if len(proven) != 6 {
		t.Errorf("%d requests are proven, want those of the 6 acts: %q", len(proven), page.asked)
	}
	if len(made.Files) != 2 || made.Files[0].Name != "a.html" || string(made.Files[1].Body) != "what is in a.csv" {
		t.Errorf("the report: %+v", made)
	}
}

// counted is an account whose queues keep something.
type counted struct{ keeping }

func (c *counted) GetQueueAttributes(
	context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1",
	}}, nil
}

func TestConsole_CountsTheQueuesOfEveryRegion(t *testing.T) {
	a := &app{Process: Process{Out: &bytes.Buffer{}, Now: time.Now}}
	got, err := served{s: &session{app: a, cfg: fakeConfig(&counted{})}}.Queues(t.Context())
	want := []console.Queue{{Name: "Failed", Region: "us-east-1", Messages: 3},
		{Name: "Undelivered", Region: "us-east-1", Messages: 3}, {Name: "Undelivered", Region: "us-west-2", Messages: 3}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// cancelling ends the command when it has printed something.
type cancelling struct {
	text   bytes.Buffer
	cancel func()
}

func (c *cancelling) Write(data []byte) (int, error) {
	c.cancel()
	return c.text.Write(data)
}

// It prints its address, and ends with its context.
func TestConsole_PrintsItsAddress(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &cancelling{cancel: cancel}
	a := &app{Process: Process{Out: out, Err: out, Now: time.Now},
		config: func(context.Context, string) (aws.Config, error) { return fakeConfig(&keeping{}), nil }}
	if status := a.run(ctx, []string{"console", "--open=abcdefghij", "--json"}); status != done {
		t.Errorf("status %d: %s", status, out.text.String())
	}
	if !strings.Contains(out.text.String(), `"url": "http://127.0.0.1:`) {
		t.Errorf("printed %s", out.text.String())
	}
}
