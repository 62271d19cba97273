package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/warder-aws/warder/pkg/drill"
)

// drill rehearses an incident and prints how long each hop took.
func (a asker) drill(ctx context.Context, q request) error {
	by, err := a.who(ctx, q)
	if err != nil {
		return err
	}
	asked := drill.Request{By: by}
	if minutes, ok := q["MINUTES"]; ok {
		if asked.Minutes, err = strconv.Atoi(minutes); err != nil || asked.Minutes < 1 {
			return fmt.Errorf("MINUTES=%s not understood: want 1 to %d", minutes, drill.MaxMinutes)
		}
	}
	if asked, err = asked.Check(); err != nil {
		return err
	}
	a.print(fmt.Sprintf("A drill goes on, for at most %d minutes. It cleans up after itself, also when this command is ended.", asked.Minutes))
	var answer drill.Answer
	// Asked twice, it would find itself going on.
	once := func(o *lambda.Options) { o.RetryMaxAttempts = 1 }
	if err := a.invoke(ctx, "drill", asked, &answer, once); err != nil {
		return err
	}
	for line := range strings.Lines(table(answer)) {
		a.print(strings.TrimRight(line, " \n"))
	}
	for _, user := range answer.Cleaned {
		a.print("deleted " + user)
	}
	for _, left := range answer.Leftovers {
		a.print(fmt.Sprintf("LEFT    %s: %s; make drill tries again, and this removes it:", left.User, left.Why))
		for _, command := range left.Remove {
			a.print("        " + command)
		}
	}
	a.print(fmt.Sprintf("drill %s: %s", answer.ID, because(string(answer.Outcome), answer.Reason)))
	if answer.Outcome == drill.Failed {
		return errNotAll
	}
	return nil
}

// table is the seconds of each hop by scenario: those since the hop before, and in the last column
// those since the call.
func table(answer drill.Answer) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nscenario\tcontrol\tit\t%s\ttotal\n", strings.Join(drill.Hops, "\t"))
	for _, sc := range answer.Scenarios {
		did := sc.Did
		if sc.Outcome == drill.Failed || sc.Outcome == drill.Skipped {
			did = string(sc.Outcome)
		}
		fmt.Fprintf(w, "%s\t%s\t%s", sc.Name, sc.Control, did)
		total := ""
		for _, name := range drill.Hops {
			at := slices.IndexFunc(sc.Hops, func(h drill.Hop) bool { return h.Name == name })
			switch {
			case at < 0:
				fmt.Fprint(w, "\t-")
			case !sc.Hops[at].Seen:
				fmt.Fprint(w, "\tMISSING")
			default:
				fmt.Fprintf(w, "\t%.2f s", sc.Hops[at].Seconds)
				total = fmt.Sprintf("%.2f s", sc.Hops[at].Total)
			}
		}
		fmt.Fprintf(w, "\t%s\n", total)
	}
	_ = w.Flush() // a strings.Builder takes everything
	b.WriteString("\n")
	for _, sc := range answer.Scenarios {
		if sc.Reason != "" {
			fmt.Fprintf(&b, "%s %s: %s\n", sc.Name, sc.Outcome, sc.Reason)
		}
	}
	return b.String()
}
