package cli

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/halt"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/settings"
)

func (a *app) explain() *cobra.Command {
	var q explain.Request
	flags := []flag{
		{"user", "`name` of an IAM user", &q.User},
		{"key", "access key `id`, or its last four characters", &q.Key},
		{"policy", "`ARN` of a managed policy", &q.Policy},
		{"id", "`id` of an action, as notices give it", &q.Action},
	}
	c := a.command("explain", "Show what was done to a user, key or policy, and why",
		"  warder explain --user alice\n  warder explain --key 1A2B", flags,
		func(ctx context.Context, s *session) error {
			var answer explain.Answer
			if err := s.invoke(ctx, "explain", q, &answer); err != nil {
				return err
			}
			return a.show(answer, func() { fmt.Fprintln(a.Out, terminal.Lines(answer.Text)) })
		})
	c.PreRunE = func(*cobra.Command, []string) error { return oneOf(flags...) }
	return c
}

func (a *app) undo() *cobra.Command {
	var q remediation.UndoRequest
	var yes bool
	reason := flag{"reason", "why", &q.Reason}
	what := []flag{
		{"id", "`id` of an action or a finding, as notices give it", &q.Action},
		{"user", "`name` of an IAM user: what was done to it since --since", &q.User},
		{"run", "`key` of an event: what was done because of it", &q.Run},
	}
	since := flag{"since", "`time` such as 2026-11-21T03:00:00Z, or a day in UTC; with --user", &q.Since}
	c := a.command("undo", "Put back what was changed",
		"  warder undo --id abcdefghij-1 --reason \"needed until Friday\"\n"+
			"  warder undo --user alice --since 2026-11-21 --reason \"release night\"",
		append(what, since, reason, a.byFlag()),
		func(ctx context.Context, s *session) (err error) {
			if q.By, err = s.requester(ctx); err != nil {
				return err
			}
			if q.Action == "" && !yes {
				if err := s.confirmUndo(ctx, q); err != nil {
					return err
				}
			}
			var answer remediation.UndoAnswer
			if err := s.invoke(ctx, "undo", q, &answer); err != nil {
				return err
			}
			if err := a.show(answer, func() { a.printUndo(answer, "undone") }); err != nil {
				return err
			}
			if len(answer.Refused) > 0 || len(answer.Undone) == 0 {
				return errIncomplete
			}
			return nil
		})
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.PreRunE = func(*cobra.Command, []string) error {
		if err := oneOf(what...); err != nil {
			return err
		}
		if q.User != "" && q.Since == "" {
			return required("since")
		}
		if q.User == "" && q.Since != "" {
			return misuse("--since belongs to --user")
		}
		if day, err := time.Parse(time.DateOnly, q.Since); err == nil {
			q.Since = day.Format(time.RFC3339)
		}
		if _, err := time.Parse(time.RFC3339, q.Since); q.Since != "" && err != nil {
			return misuse("--since %q is not understood: write a time such as 2026-11-21T03:00:00Z, or a day", q.Since)
		}
		return need(reason)
	}
	return c
}

func (a *app) printUndo(answer remediation.UndoAnswer, verb string) {
	for _, done := range answer.Undone {
		id := ""
		if done.Undo != "" {
			id = fmt.Sprintf(" (this undo is %s)", done.Undo)
		}
		a.print("%-8s %s: %s%s", verb, done.Action, done.Text, id)
	}
	for _, refused := range answer.Refused {
		a.print("%-8s %s: %s", "refused", refused.Action, refused.Why)
	}
	if len(answer.Undone)+len(answer.Refused) == 0 {
		a.print("nothing to undo")
	}
}

// confirmUndo shows what would be put back, and asks.
func (s *session) confirmUndo(ctx context.Context, q remediation.UndoRequest) error {
	q.Preview = true
	var answer remediation.UndoAnswer
	if err := s.invoke(ctx, "undo", q, &answer); err != nil {
		return err
	}
	if s.json {
		if err := terminal.JSON(s.Out, map[string]any{"preview": answer}); err != nil {
			return err
		}
	} else {
		s.printUndo(answer, "would undo")
	}
	switch {
	case len(answer.Undone) == 0:
		return errIncomplete
	case s.json, !terminal.Is(s.In):
		return errors.New("nothing was undone: there is nobody to ask; repeat it with --yes (with make: YES=1)")
	}
	fmt.Fprintf(s.Err, "Undo %s? [y/N] ", terminal.Count(len(answer.Undone), "change"))
	line, _ := bufio.NewReader(s.In).ReadString('\n') // no answer is no
	if reply := strings.ToLower(strings.TrimSpace(line)); reply != "y" && reply != "yes" {
		return errors.New("nothing was undone")
	}
	return nil
}

func (a *app) halt() *cobra.Command {
	reason := flag{"reason", "why", new(string)}
	c := a.command("halt", "Stop every change; notices go on", "  warder halt --reason \"incident 42\"",
		[]flag{reason, a.byFlag()}, func(ctx context.Context, s *session) error {
			by, err := s.requester(ctx)
			if err != nil {
				return err
			}
			// Never halt.Go, whatever the reason is.
			value := fmt.Sprintf("%s (by %s at %s)", *reason.value, by, a.Now().UTC().Format(time.RFC3339))
			if err := s.setHalt(ctx, value); err != nil {
				return err
			}
			return a.show(map[string]any{"halted": true, "value": value}, func() {
				a.print("Warder is halted: %s", value)
				a.print("Nothing is changed until warder resume; notices go on.")
			})
		})
	c.PreRunE = func(*cobra.Command, []string) error { return need(reason) }
	return c
}

func (a *app) resume() *cobra.Command {
	return a.command("resume", "Let changes be made again", "", nil, func(ctx context.Context, s *session) error {
		if err := s.setHalt(ctx, halt.Go); err != nil {
			return err
		}
		return a.show(map[string]any{"halted": false, "value": halt.Go}, func() {
			a.print("Warder is not halted. The next sweeps do what is pending, or now: warder sweep --control ID")
		})
	})
}

func (s *session) setHalt(ctx context.Context, value string) error {
	in := &ssm.PutParameterInput{
		Name: aws.String(settings.HaltParameter), Value: &value,
		Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
	}
	if _, err := s.ssm.PutParameter(ctx, in); err != nil {
		return fmt.Errorf("put parameter %s: %w", settings.HaltParameter, account.Cause(err))
	}
	return nil
}

func (a *app) release() *cobra.Command {
	reason, id := flag{"reason", "why", new(string)}, flag{"control", "`id` of the control", new(string)}
	c := a.command("release", "Let a control go on that its blast radius stopped",
		"  warder release --control detach-direct-policy --reason \"read the list\"",
		[]flag{id, reason, a.byFlag()}, func(ctx context.Context, s *session) error {
			by, err := s.requester(ctx)
			if err != nil {
				return err
			}
			request := map[string]any{"release": remediation.ReleaseRequest{By: by, Reason: *reason.value}}
			var answer remediation.ReleaseAnswer
			if err := s.invoke(ctx, *id.value, request, &answer); err != nil {
				return err
			}
			return a.show(answer, func() { a.print("%s", answer.Text) })
		})
	c.PreRunE = func(*cobra.Command, []string) error {
		if err := need(id, reason); err != nil {
			return err
		}
		_, err := a.known(*id.value)
		return err
	}
	return c
}

func (a *app) sweep() *cobra.Command {
	id := flag{"control", "`id` of the control", new(string)}
	c := a.command("sweep", "Run a control over the whole account now, as its schedule does once a day",
		"  warder sweep --control detach-direct-policy", []flag{id},
		func(ctx context.Context, s *session) error { return s.sweepControl(ctx, *id.value) })
	c.PreRunE = func(*cobra.Command, []string) error {
		if err := need(id); err != nil {
			return err
		}
		chosen, err := a.known(*id.value)
		if err == nil && chosen.Schedule == "" {
			err = misuse("%s has no sweep: it acts on events alone", chosen.ID)
		}
		return err
	}
	return c
}

func (s *session) sweepControl(ctx context.Context, id string) error {
	caller, err := s.caller(ctx)
	if err != nil {
		return err
	}
	// What a scheduled rule sends.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
	event := map[string]any{
		"version": "0", "id": "sweep-" + rand.Text(), "detail-type": "Scheduled Event", "source": "aws.events",
		"account": aws.ToString(caller.Account), "time": s.Now().UTC().Format(time.RFC3339), "region": s.region,
		"resources": []string{}, "detail": map[string]any{},
	}
	var report remediation.Report
	if err := s.invoke(ctx, id, event, &report); err != nil {
		return err
	}
	err = s.show(report, func() {
		s.print("%s: %s", id, because(string(report.Outcome), report.Reason))
		for _, made := range report.Changes {
			s.print("  %s %s of %s: %s (%s)", made.Kind, change.Hint(made.Change), made.Subject,
				because(string(made.Status), made.Reason), made.ID)
		}
		for _, sent := range report.Notices {
			s.print("  notified %s: %s", cmp.Or(sent.Owner, "the topic"), sent.Title)
		}
	})
	if err == nil && report.Outcome == remediation.Failed {
		err = errIncomplete
	}
	return err
}

func because(what, reason string) string {
	if reason == "" {
		return what
	}
	return what + ", " + reason
}

// A madeReport is where the evidence of a period is.
type madeReport struct {
	Bucket  string   `json:"bucket"`
	Region  string   `json:"region"`
	HTML    string   `json:"html"`
	CSV     string   `json:"csv"`
	Console string   `json:"console"`
	Text    string   `json:"text"`
	Outcome string   `json:"outcome"`
	Files   []string `json:"files,omitempty"` // fetched
}

func (a *app) report() *cobra.Command {
	asked, out := map[string]*string{}, ""
	period := func(name, help string) flag {
		asked[name] = new(string)
		return flag{name, help, asked[name]}
	}
	flags := []flag{
		period("month", "`month` such as 2026-10 (default: last month)"), period("from", "first `day` of a period"),
		period("to", "last `day` of a period"), period("language", "`language` of the report: en or ko"),
		{"out", "`folder` to keep the page and the table in", &out},
	}
	c := a.command("report", "Write the evidence of a period, and fetch it",
		"  warder report --month 2026-10 --out dist", flags, func(ctx context.Context, s *session) error {
			request := map[string]string{}
			for name, value := range asked {
				request[name] = *value
			}
			maps.DeleteFunc(request, func(_, value string) bool { return value == "" })
			var made madeReport
			err := s.invoke(ctx, "report", request, &made)
			if err == nil && out != "" {
				err = s.fetch(ctx, &made, out)
			}
			if err != nil {
				return err
			}
			return a.show(made, func() {
				fmt.Fprintln(a.Out, terminal.Lines(made.Text))
				a.print("page   %s", made.Console)
				a.print("table  s3://%s/%s", made.Bucket, made.CSV)
				if made.Outcome == string(remediation.Notified) {
					a.print("The topic was notified of where it is.")
				}
				for _, file := range made.Files {
					a.print("wrote  %s", file)
				}
			})
		})
	c.PreRunE = func(*cobra.Command, []string) error {
		switch month, from, to := *asked["month"], *asked["from"], *asked["to"]; {
		case month != "" && from+to != "":
			return misuse("--month and --from with --to exclude each other")
		case from != "" && to == "":
			return required("to")
		case to != "" && from == "":
			return required("from")
		}
		return nil
	}
	return c
}

// fetch keeps the page and the table of a report in a folder.
func (s *session) fetch(ctx context.Context, made *madeReport, folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, key := range []string{made.CSV, made.HTML} {
		body, err := s.objects.GetObject(ctx, &s3.Bucket{Name: made.Bucket, Region: made.Region}, key)
		if err != nil {
			return fmt.Errorf("get %s: %w", key, account.Cause(err))
		}
		file := filepath.Join(folder, path.Base(key))
		if err := os.WriteFile(file, body, 0o600); err != nil {
			return fmt.Errorf("keep the report: %w", err)
		}
		made.Files = append(made.Files, file)
	}
	return nil
}
