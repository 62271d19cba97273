package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/drill"
)

func (a *app) drill() *cobra.Command {
	minutes := flag{"minutes", fmt.Sprintf("`minutes` to wait at most, up to %d (default "+
		"%d)", drill.MaxMinutes, drill.Minutes),
		new(string)}
	var request drill.Request
	c := a.command("drill", "Rehearse an incident, measure each step, and clean up", "  warder drill --minutes 5",
		[]flag{minutes, a.byFlag()}, func(ctx context.Context, s *session) (err error) {
			if request.By, err = s.requester(ctx); err != nil {
				return err
			}
			if request, err = request.Check(); err != nil {
				return err
			}
			if !a.json {
				a.print("Drill running (%s at most). It cleans up after itself, also when this command is ended.",
					terminal.Count(request.Minutes, "minute"))
			}
			var answer drill.Answer
			// Asked twice, it would find itself running.
			once := func(o *lambda.Options) { o.RetryMaxAttempts = 1 }
			if err := s.invoke(ctx, "drill", request, &answer, once); err != nil {
				return err
			}
			err = a.show(answer, func() { a.printDrill(answer) })
			if err == nil && answer.Outcome == drill.Failed {
				err = errIncomplete
			}
			return err
		})
	c.PreRunE = func(*cobra.Command, []string) error {
		if *minutes.value == "" {
			return nil
		}
		n, err := strconv.Atoi(*minutes.value)
		if err != nil || n < 1 || n > drill.MaxMinutes {
			return misuse("--minutes %q is not understood: want 1 to %d", *minutes.value, drill.MaxMinutes)
		}
		request.Minutes = n
		return nil
	}
	return c
}

// printDrill prints the seconds of each hop by scenario: those since the hop before, and in the last column those
// since the call.
func (a *app) printDrill(answer drill.Answer) {
	rows := [][]string{append(append([]string{"scenario", "control", "result"}, drill.Hops...), "total")}
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
