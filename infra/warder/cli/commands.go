package cli

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/doctor"
	"github.com/warder-aws/warder/infra/warder/preview"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/settings"
)

func (a *app) explain() *cobra.Command {
	var q explain.Request
	flags := []flag{
		{"user", "`name` of an IAM user, or its unique id", &q.User},
		{"key", "access key `id`, or its last four characters", &q.Key},
		{"policy", "`ARN` of a managed policy", &q.Policy},
		{"id", "`id` of an action, as notices give it", &q.Action},
	}
	return a.add(command{
		name: "explain", short: "Show what was done to a user, key or policy, and why",
		example: "  warder explain --user alice\n  warder explain --key 1A2B",
		flags:   flags, check: func() error { return oneOf(flags...) },
		run: func(ctx context.Context, s *session) error {
			return relay(ctx, s, "explain", q, func(answer explain.Answer) (bool, func()) {
				return true, func() { fmt.Fprintln(a.Out, terminal.Lines(answer.Text)) }
			})
		},
	})
}

func (a *app) undo() *cobra.Command {
	var q remediation.UndoRequest
	var yes bool
	reason := flag{"reason", "why", &q.Reason}
	what := []flag{
		{"id", "`id` of an action or a finding, as notices give it", &q.Action},
		{"user", "`name` of an IAM user, or its unique id: what was done to it since --since", &q.User},
		{"run", "`key` of an event: what was done because of it", &q.Run},
	}
	since := flag{"since", "`time` such as 2026-11-21T03:00:00Z, or a day in UTC; with --user", &q.Since}
	c := a.add(command{
		name: "undo", short: "Put back what was changed",
		example: "  warder undo --id abcdefghij-1 --reason \"needed until Friday\"\n" +
			"  warder undo --user alice --since 2026-11-21 --reason \"release night\"",
		flags: append(slices.Clone(what), since, reason),
		check: func() error {
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
		},
		by: &q.By,
		run: func(ctx context.Context, s *session) error {
			if q.Action == "" && !yes {
				if err := s.confirmUndo(ctx, q); err != nil {
					return err
				}
			}
			return relay(ctx, s, "undo", signed{q}, func(answer remediation.UndoAnswer) (bool, func()) {
				return len(answer.Refused) == 0 && len(answer.Undone) > 0, func() { a.printUndo(answer, "undone") }
			})
		},
	})
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
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

// confirmUndo shows what would be reverted, and asks.
func (s *session) confirmUndo(ctx context.Context, q remediation.UndoRequest) error {
	q.Preview = true
	changes := 0
	err := relay(ctx, s, "undo", signed{q}, func(answer remediation.UndoAnswer) (bool, func()) {
		changes = len(answer.Undone)
		return changes > 0, func() { s.printUndo(answer, "would undo") }
	})
	if err != nil {
		return err
	}
	if s.json || !terminal.Is(s.In) {
		return errors.New("nothing was undone: there is nobody to ask; repeat it with --yes (with make: YES=1)")
	}
	fmt.Fprintf(s.Err, "Undo %s? [y/N] ", terminal.Count(changes, "change"))
	line, _ := bufio.NewReader(s.In).ReadString('\n') // no answer is no
	if reply := strings.ToLower(strings.TrimSpace(line)); reply != "y" && reply != "yes" {
		return errors.New("nothing was undone")
	}
	return nil
}

func (a *app) halt() *cobra.Command {
	var q remediation.HaltRequest
	reason := flag{"reason", "why", &q.Reason}
	return a.add(command{
		name: "halt", short: "Stop every change; notices go on", example: "  warder halt --reason \"incident 42\"",
		flags: []flag{reason}, by: &q.By, check: func() error { return need(reason) },
		run: func(ctx context.Context, s *session) error {
			err := s.setHalt(ctx, "halt", q)
			if err != nil {
				err = fmt.Errorf("%w; when no function can be asked, see \"Halt\" in docs/operations.md", err)
			}
			return err
		},
	})
}

func (a *app) resume() *cobra.Command {
	var q remediation.HaltRequest
	return a.add(command{
		name: "resume", short: "Let changes be made again", flags: []flag{{"reason", "why", &q.Reason}}, by: &q.By,
		run: func(ctx context.Context, s *session) error { return s.setHalt(ctx, "resume", q) },
	})
}

func (s *session) setHalt(ctx context.Context, what string, q remediation.HaltRequest) error {
	request := signed{map[string]any{what: q}}
	return relay(ctx, s, remediation.UndoControl, request, func(answer remediation.HaltAnswer) (bool, func()) {
		return true, func() {
			s.print("%s", answer.Text)
			if answer.Halted {
				s.print("Nothing is changed until warder resume; notices go on.")
			}
		}
	})
}

func (a *app) exempt() *cobra.Command {
	var q remediation.ExemptRequest
	users := flag{"user", "`names` of IAM users, or their unique ids, with a comma between them", new(string)}
	controls := flag{"control", "`ids` of controls, with a comma between them, or all", new(string)}
	until := flag{"until", "last `day`, such as 2026-12-31", &q.Until}
	reason := flag{"reason", "why", &q.Reason}
	approve := flag{"approve", "`id` of what somebody else asked for: confirm it", &q.Approve}
	revoke := flag{"revoke", "`id` of an exemption to end, with --reason", &q.Revoke}
	c := a.add(command{
		name: "exempt", short: "Keep controls from changing a user until a day",
		long: `Keep controls from changing a user until a day. Whose the credentials are is proven: nobody exempts themselves.
With the setting "approval": 2 a second person confirms it, with --approve.`,
		example: "  warder exempt --user alice,bob --control detach-direct-policy --until 2026-12-31 " +
			"--reason \"migration\"\n" +
			"  warder exempt --list\n  warder exempt --approve abcdefghij\n" +
			"  warder exempt --revoke abcdefghij --reason \"done before\"",
		flags: []flag{users, controls, until, reason, approve, revoke}, by: &q.By,
		check: func() error {
			switch forms := []bool{*users.value+*controls.value+q.Until != "", q.Approve != "", q.Revoke != "", q.List}; {
			case len(slices.DeleteFunc(forms, func(b bool) bool { return !b })) > 1:
				return misuse("--user, --approve, --revoke and --list exclude each other")
			case q.List, q.Approve != "":
				return nil
			case q.Revoke != "":
				return need(reason)
			}
			if err := need(users, controls, until, reason); err != nil {
				return err
			}
			q.Users, q.Controls = list(*users.value), list(*controls.value)
			for _, id := range q.Controls {
				if _, err := a.known(id); err != nil && id != exemption.All {
					return err
				}
			}
			if _, err := time.Parse(time.DateOnly, q.Until); err != nil {
				return misuse("--until %q is not understood: write a day, such as 2026-12-31", q.Until)
			}
			return nil
		},
		run: func(ctx context.Context, s *session) error {
			answer, err := ask[struct{ Exempt remediation.ExemptAnswer }](ctx, s, settings.Asked,
				signed{map[string]any{"exempt": q}})
			if err != nil {
				return err
			}
			return a.show(answer.Exempt, true, func() {
				if q.List {
					a.printExemptions(answer.Exempt.Exemptions)
				}
				a.print("%s", answer.Exempt.Text)
			})
		},
	})
	c.Flags().BoolVar(&q.List, "list", false, "show what was asked for, and how it stands")
	return c
}

func (a *app) snooze() *cobra.Command {
	var q remediation.SnoozeRequest
	id := flag{"id", "`id` of the finding, as its notice gives it", &q.ID}
	days, reason := flag{"days", "`days` by which to put it off", new(string)}, flag{"reason", "why", &q.Reason}
	return a.add(command{
		name: "snooze", short: "Put off what is due for something of yours, once",
		example: "  warder snooze --id abcdefghij --days 7 --reason \"release night\"",
		flags:   []flag{id, days, reason}, by: &q.By,
		check: func() (err error) {
			if err := need(id, days, reason); err != nil {
				return err
			}
			if q.Days, err = strconv.Atoi(*days.value); err != nil || q.Days < 1 {
				return misuse("--days %q is not understood: want a number", *days.value)
			}
			return nil
		},
		run: func(ctx context.Context, s *session) error {
			answer, err := ask[struct{ Snooze remediation.SnoozeAnswer }](ctx, s, settings.Asked,
				signed{map[string]any{"snooze": q}})
			if err != nil {
				return err
			}
			return a.show(answer.Snooze, true, func() { a.print("%s", answer.Snooze.Text) })
		},
	})
}

func (a *app) breakGlass() *cobra.Command {
	var q remediation.GlassRequest
	role := flag{"role", "`name` of the emergency role", &q.Role}
	minutes := flag{"minutes", "`minutes` to open it for", new(string)}
	reason := flag{"reason", "why", &q.Reason}
	c := a.add(command{
		name: "break-glass", short: "Open an emergency role for yourself, for a time",
		long: `Open an emergency role for yourself, for a time. The setting breakGlass lists the roles, and for whom.
Everybody is told at once. Then assume the role, with your user's name as that of the session. It ends by itself.`,
		example: "  warder break-glass --role emergency --minutes 60 --reason \"the identity provider is down\"\n" +
			"  warder break-glass --close --role emergency --reason \"over\"",
		flags: []flag{role, minutes, reason}, by: &q.By,
		check: func() (err error) {
			if err := need(role, reason); err != nil || q.Close {
				return err
			}
			if err := need(minutes); err != nil {
				return err
			}
			if q.Minutes, err = strconv.Atoi(*minutes.value); err != nil || q.Minutes < 1 {
				return misuse("--minutes %q is not understood: want a number", *minutes.value)
			}
			return nil
		},
		run: func(ctx context.Context, s *session) error {
			answer, err := ask[struct{ BreakGlass remediation.GlassAnswer }](ctx, s, settings.Asked,
				signed{map[string]any{"breakGlass": q}})
			if err != nil {
				return err
			}
			return a.show(answer.BreakGlass, true, func() { a.print("%s", answer.BreakGlass.Text) })
		},
	})
	c.Flags().BoolVar(&q.Close, "close", false, "close the role before its time")
	return c
}

// list is the parts between the commas of a text.
func list(text string) (parts []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

func (a *app) printExemptions(all []remediation.AskedExemption) {
	if len(all) == 0 {
		return
	}
	rows := [][]string{{"id", "state", "until", "users", "controls", "by", "confirmed by", "reason"}}
	for _, e := range all {
		rows = append(rows, []string{
			e.ID, string(e.State), e.Until, strings.Join(e.Users, ", "), strings.Join(e.Controls, ", "), e.By, e.Second,
			e.Reason,
		})
	}
	terminal.Table(a.Out, "", rows)
}

// proposer is the control that proposes.
const proposer = "reduce-unused-access"

func (a *app) apply() *cobra.Command {
	var q remediation.ApplyRequest
	id, reason := flag{"id", "`id` of a proposal, as its notice gives it", &q.Action}, flag{"reason", "why", &q.Reason}
	return a.add(command{
		name: "apply", short: "Apply a narrower policy that was proposed",
		example: "  warder apply --id abcdefghij --reason \"read the lines\"",
		flags:   []flag{id, reason}, by: &q.By, check: func() error { return need(id, reason) },
		run: func(ctx context.Context, s *session) error {
			request := signed{map[string]any{"apply": q}}
			return relay(ctx, s, proposer, request, func(answer remediation.Report) (bool, func()) {
				return answer.Outcome == remediation.Changed, func() { a.printApplied(answer) }
			})
		},
	})
}

func (a *app) printApplied(answer remediation.Report) {
	for _, c := range answer.Changes {
		a.print("%-8s %s: %s", c.Status, c.ID, cmp.Or(c.Reason, c.Target))
	}
	if len(answer.Changes) == 0 {
		a.print("%s: %s", answer.Outcome, answer.Reason)
	}
}

func (a *app) release() *cobra.Command {
	var q remediation.ReleaseRequest
	reason, id := flag{"reason", "why", &q.Reason}, flag{"control", "`id` of the control", new(string)}
	return a.add(command{
		name: "release", short: "Let a control go on that its blast radius stopped",
		example: "  warder release --control detach-direct-policy --reason \"read the list\"",
		flags:   []flag{id, reason}, by: &q.By,
		check: func() error {
			if err := need(id, reason); err != nil {
				return err
			}
			_, err := a.known(*id.value)
			return err
		},
		run: func(ctx context.Context, s *session) error {
			request := signed{map[string]any{"release": q}}
			return relay(ctx, s, *id.value, request, func(answer remediation.ReleaseAnswer) (bool, func()) {
				return true, func() { a.print("%s", answer.Text) }
			})
		},
	})
}

func (a *app) sweep() *cobra.Command {
	id := flag{"control", "`id` of the control", new(string)}
	return a.add(command{
		name: "sweep", short: "Run a control over the whole account now, as its schedule does once a day",
		example: "  warder sweep --control detach-direct-policy", flags: []flag{id},
		check: func() error {
			if err := need(id); err != nil {
				return err
			}
			chosen, err := a.known(*id.value)
			if err == nil && chosen.Schedule == "" {
				err = misuse("%s has no sweep: it acts on events alone", chosen.ID)
			}
			return err
		},
		run: func(ctx context.Context, s *session) error { return s.sweepControl(ctx, *id.value) },
	})
}

func (s *session) sweepControl(ctx context.Context, id string) error {
	caller, err := s.caller(ctx)
	if err != nil {
		return err
	}
	event := account.ScheduledEvent("sweep-"+rand.Text(), aws.ToString(caller.Account), s.cfg.Region, s.Now())
	return relay(ctx, s, id, event, func(report remediation.Report) (bool, func()) {
		return report.Outcome != remediation.Failed, func() { s.printReport(id, report) }
	})
}

func (a *app) printReport(id string, report remediation.Report) {
	a.print("%s: %s", id, because(string(report.Outcome), report.Reason))
	for _, made := range report.Changes {
		a.print("  %s %s of %s: %s (%s)", made.Kind, change.Hint(made.Change), made.Subject,
			because(string(made.Status), made.Reason), made.ID)
	}
	for _, sent := range report.Notices {
		a.print("  notified %s: %s", cmp.Or(sent.Owner, "the topic"), sent.Title)
	}
}

func because(what, reason string) string { return strings.TrimSuffix(what+", "+reason, ", ") }

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
	var out string
	var period struct {
		From     string `json:"from,omitempty"`
		Language string `json:"language,omitempty"`
		Month    string `json:"month,omitempty"`
		To       string `json:"to,omitempty"`
	}
	return a.add(command{
		name: "report", short: "Write the evidence of a period, and fetch it",
		example: "  warder report --month 2026-10 --out dist",
		flags: []flag{
			{"month", "`month` such as 2026-10 (default: last month)", &period.Month},
			{"from", "first `day` of a period", &period.From},
			{"to", "last `day` of a period", &period.To},
			{"language", "`language` of the report: en or ko", &period.Language},
			{"out", "`folder` to keep the page and the table in", &out},
		},
		check: func() error {
			switch {
			case period.Month != "" && period.From+period.To != "":
				return misuse("--month and --from with --to exclude each other")
			case period.From != "" && period.To == "":
				return required("to")
			case period.To != "" && period.From == "":
				return required("from")
			}
			return nil
		},
		run: func(ctx context.Context, s *session) error {
			made, err := ask[madeReport](ctx, s, "report", period)
			if err == nil && out != "" {
				err = s.fetch(ctx, &made, out)
			}
			if err != nil {
				return err
			}
			return a.show(made, true, func() {
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
		},
	})
}

// fetch keeps the page and the table of a report in a folder.
func (s *session) fetch(ctx context.Context, made *madeReport, folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, key := range []string{made.CSV, made.HTML} {
		body, err := s.object(ctx, *made, key)
		if err != nil {
			return err
		}
		file := filepath.Join(folder, path.Base(key))
		if err := os.WriteFile(file, body, 0o600); err != nil {
			return fmt.Errorf("keep the report: %w", err)
		}
		made.Files = append(made.Files, file)
	}
	return nil
}

// object gets a file of a report.
func (s *session) object(ctx context.Context, made madeReport, key string) ([]byte, error) {
	body, err := s3.New(s.cfg).GetObject(ctx, &s3.Bucket{Name: made.Bucket, Region: made.Region}, key)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, account.Cause(err))
	}
	return body, nil
}

func (a *app) drill() *cobra.Command {
	minutes := flag{"minutes", "", new(string)}
	minutes.help = fmt.Sprintf("`minutes` to wait at most, up to %d (default %d)", drill.MaxMinutes, drill.Minutes)
	var request drill.Request
	return a.add(command{
		name: "drill", short: "Rehearse an incident, measure each step, and clean up",
		example: "  warder drill --minutes 5", flags: []flag{minutes}, by: &request.By,
		check: func() (err error) {
			if request.Minutes = drill.Minutes; *minutes.value == "" {
				return nil
			}
			request.Minutes, err = strconv.Atoi(*minutes.value)
			if err != nil || request.Minutes < 1 || request.Minutes > drill.MaxMinutes {
				return misuse("--minutes %q is not understood: want 1 to %d", *minutes.value, drill.MaxMinutes)
			}
			return nil
		},
		run: func(ctx context.Context, s *session) error {
			if !a.json {
				a.print("Drill running (%s at most). It cleans up after itself, also when this command is ended.",
					terminal.Count(request.Minutes, "minute"))
			}
			// Asked twice, it would find itself running.
			once := func(o *lambda.Options) { o.RetryMaxAttempts = 1 }
			return relay(ctx, s, "drill", signed{request}, func(answer drill.Answer) (bool, func()) {
				return answer.Outcome != drill.Failed, func() { a.printDrill(answer) }
			}, once)
		},
	})
}

// printDrill prints the seconds of each hop by scenario: those since the hop before, and in the last column those
// since the call.
func (a *app) printDrill(answer drill.Answer) {
	rows := [][]string{slices.Concat([]string{"scenario", "control", "result"}, drill.Hops, []string{"total"})}
	for _, sc := range answer.Scenarios {
		result := sc.Did
		if sc.Outcome == drill.Failed || sc.Outcome == drill.Skipped {
			result = string(sc.Outcome)
		}
		row, total := []string{sc.Name, sc.Control, result}, ""
		for _, name := range drill.Hops {
			at := slices.IndexFunc(sc.Hops, func(h drill.Hop) bool { return h.Name == name })
			switch {
			case at < 0:
				row = append(row, "-")
			case !sc.Hops[at].Seen:
				row = append(row, "MISSING")
			default:
				row = append(row, fmt.Sprintf("%.2f s", sc.Hops[at].Seconds))
				total = fmt.Sprintf("%.2f s", sc.Hops[at].Total)
			}
		}
		rows = append(rows, append(row, total))
	}
	a.print("")
	terminal.Table(a.Out, "", rows)
	a.print("")
	for _, sc := range answer.Scenarios {
		if sc.Reason != "" {
			a.print("%s %s: %s", sc.Name, sc.Outcome, sc.Reason)
		}
	}
	for _, user := range answer.Cleaned {
		a.print("deleted %s", user)
	}
	for _, left := range answer.Leftovers {
		a.print("LEFT    %s: %s; warder drill tries again, and this removes it:", left.User, left.Why)
		for _, command := range left.Remove {
			a.print("        %s", command)
		}
	}
	a.print("drill %s: %s", answer.ID, because(string(answer.Outcome), answer.Reason))
}

func (a *app) doctor() *cobra.Command {
	return a.add(command{
		name: "doctor", short: "Check what Warder needs of the account, and how it is there",
		long: `Check what Warder needs of the account, and how it is there. It only reads. AWS's policies SecurityAudit and
ViewOnlyAccess, and dynamodb:GetItem and dynamodb:Scan on the table warder, are enough. The lines stand in the
order in which somebody would fix them. The exit status is 0 when there is no problem and everything is known.

The settings are those that the stack warder was deployed with, or those of --settings. With --settings cdk.json
what is deployed is compared with the templates that were synthesized beside it.`,
		example: "  warder doctor\n  warder doctor --settings cdk.json",
		run: func(ctx context.Context, s *session) error {
			set, err := s.readSettings(ctx)
			lines := doctor.Examine(ctx, doctor.Options{
				Settings: set, SettingsErr: err, Controls: a.controls, Config: s.cfg, Now: a.Now,
			})
			return a.show(map[string]any{"settings": set.Source, "lines": lines}, doctor.InOrder(lines), func() {
				a.print("Settings: %s", set.Source)
				a.print("")
				doctor.Print(a.Out, lines, terminal.For(a.Out))
			})
		},
	})
}

func (a *app) preview() *cobra.Command {
	var only []string
	c := a.add(command{
		name:  "preview [CONTROL...]",
		short: "Show whom it would notify of what, and what it would change, on the first day of enforce",
		long: `Show whom Warder would notify of what, and what it would change when, on the first day of enforce. Its
controls run in this process, and read the account of the credentials; an operation that does not only read is
refused before it is sent. AWS's policy SecurityAudit is enough, but for iam:GenerateCredentialReport.

The settings are those that the stack warder was deployed with, or those of --settings, or the defaults.`,
		example: "  warder preview\n  warder preview --settings cdk.json detach-direct-policy",
		run: func(ctx context.Context, s *session) error {
			update, end := a.progress()
			defer end()
			update(func() string { return "reading the settings" })
			set, err := s.readSettings(ctx)
			if err != nil {
				return err
			}
			result, err := preview.Run(ctx, preview.Options{
				Settings: set.Settings, Source: set.Source, Controls: a.controls, Only: only, Config: s.cfg, Now: a.Now,
				Progress: func(done, total int, calls func() int) {
					update(func() string {
						return fmt.Sprintf("%d of %d controls, %s", done, total, terminal.Count(calls(), "call"))
					})
				},
			})
			end()
			if err != nil && !errors.Is(err, preview.ErrIncomplete) {
				return account.Cause(err)
			}
			return a.show(result, err == nil, func() { result.Print(a.Out, terminal.For(a.Out)) })
		},
	})
	c.ValidArgs = a.ids()
	c.Args = func(_ *cobra.Command, args []string) error {
		only = args
		for _, id := range args {
			if _, err := a.known(id); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

// tick is how often the line of progress is written anew.
const tick = 200 * time.Millisecond

// progress keeps one line on a terminal up to date until its end; elsewhere it prints a line for each update.
func (a *app) progress() (update func(line func() string), end func()) {
	live, updates, ended := terminal.Is(a.Err), make(chan func() string), make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(tick)
		defer ticks.Stop()
		line := func() string { return "" }
		for open := true; open; {
			select {
			case line, open = <-updates:
				if open && !live {
					fmt.Fprintln(a.Err, line())
				}
			case <-ticks.C:
			}
			if open && live {
				fmt.Fprintf(a.Err, "\r\x1b[K%s", line())
			}
		}
		if live {
			fmt.Fprint(a.Err, "\r\x1b[K")
		}
	}()
	return func(line func() string) { updates <- line }, sync.OnceFunc(func() {
		close(updates)
		<-ended
	})
}
