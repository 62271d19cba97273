package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/rush"
)

// A burden is how much traffic is played where.
type burden struct {
	events, users int
	seed          uint64
	memory        bool // in the account in memory
	blastRadius   int
	reached       bool // that the blast radius is reached
	drop          int  // the number of an event that is lost, for a test
}

// wide is a blast radius that the traffic does not reach: the largest that there is.
const wide = 1000

// workers is how many events are on their way at a time.
const workers = 8

// load plays the events of a busy account and checks that nothing is lost, and nothing done twice.
func load(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	b := burden{}
	flags.IntVar(&b.events, "events", 10_000, "how many events")
	flags.IntVar(&b.users, "users", 300, "how many users there are")
	flags.Uint64Var(&b.seed, "seed", 1, "what is played: the same for the same seed")
	flags.BoolVar(&b.memory, "memory", false, "play it on the account in memory")
	tight := flags.Bool("tight", false, "with the blast radius that is deployed by default, which is reached")
	machine := flags.Bool("json", false, "print JSON")
	rest, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	if len(rest) > 0 || b.events < 100 || b.users < 1 || b.users > 5000 {
		fmt.Fprintln(stderr, "local: load takes at least 100 events, 1 to 5000 users, and no other argument")
		return errUsage
	}
	b.blastRadius = wide
	if *tight {
		b.blastRadius, b.reached = 0, true
	}
	books, err := b.play(ctx, stderr)
	if err != nil {
		return err
	}
	return tell(stdout, books, b.seed, *machine)
}

// tell prints what a play came to; an error says that something is wrong.
func tell(stdout io.Writer, books *rush.Books, seed uint64, machine bool) error {
	checks, faults := books.Check()
	figures := books.Figures()
	if machine {
		if err := json.NewEncoder(stdout).Encode(map[string]any{"seed": seed, "figures": figures, "checks": checks, "faults": faults}); err != nil {
			return err
		}
	} else {
		figures.Print(stdout)
		for _, fault := range faults[:min(len(faults), 50)] {
			fmt.Fprintln(stdout, fault)
		}
		if len(faults) == 0 {
			fmt.Fprintf(stdout, "nothing lost: %d checks\n", checks)
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d of %d checks fail; the same events again: -seed %d", len(faults), checks, seed)
	}
	return nil
}

// play plays the traffic.
func (b burden) play(ctx context.Context, stderr io.Writer) (*rush.Books, error) {
	root, err := project.Find()
	if err != nil {
		return nil, err
	}
	all, err := functions.Controls()
	if err != nil {
		return nil, err
	}
	set, err := root.TourSettings(all)
	if err != nil {
		return nil, err
	}
	b.blastRadius = cmp.Or(b.blastRadius, set.BlastRadius)
	plan := rush.Plan{
		Events: b.events, Users: b.users, Seed: b.seed, From: time.Now().UTC().AddDate(0, 0, -15).Truncate(24 * time.Hour),
		Account: moto.AccountID, Schedules: map[string]string{}, Samples: os.DirFS(filepath.Join(string(root), "events")),
	}
	company := rush.Company(plan.Account, plan.Users, plan.Seed, plan.From)
	var carrier rush.Carrier
	var rules *rush.Rules
	if b.memory {
		for _, id := range rush.Scheduled(all) {
			plan.Schedules[id] = "arn:aws:events:" + emulator.Region + ":" + plan.Account + ":rule/" + id
		}
		if rules, err = rush.NewRules(plan.Account, all, plan.Schedules); err != nil {
			return nil, err
		}
		carrier, err = rush.NewInMemory(rush.MemoryOptions{
			State: company, Settings: set, Controls: all, Rules: rules, BlastRadius: b.blastRadius, Environments: workers,
		})
	} else {
		var e *emulated
		if e, err = openEmulated(ctx, company, b.blastRadius, stderr); err != nil {
			return nil, err
		}
		defer e.account.Close()
		plan.Schedules = e.account.Schedules()
		delete(plan.Schedules, "report")
		carrier = e
		rules, err = rush.NewRules(plan.Account, all, plan.Schedules)
	}
	if err != nil {
		return nil, err
	}
	begin, last := time.Now(), time.Now()
	return rush.Play(ctx, rush.Options{
		Plan: plan, Matches: rules.Match, Workers: workers, BlastRadius: b.blastRadius, Reached: b.reached, Drop: b.drop,
		Progress: func(delivered int) {
			if time.Since(last) < 10*time.Second && delivered < b.events {
				return
			}
			last = time.Now()
			fmt.Fprintf(stderr, "%d of %d events, %.1f a second\n", delivered, b.events, float64(delivered)/time.Since(begin).Seconds())
		},
	}, carrier)
}
