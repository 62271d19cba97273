package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/settings"
)

// reportOptions say which months are reported.
type reportOptions struct {
	command
	months   int // before this one
	folder   string
	language settings.Language
}

// writeReports simulates some months of a small company on a local account, by the clock of the events: a sweep of
// every control each day, and what people do. Then it has the evidence of each month written, and keeps it.
func writeReports(ctx context.Context, o reportOptions, now time.Time) error {
	const users, seed = 20, 11
	first := time.Date(now.Year(), now.Month()-time.Month(o.months), 1, 0, 0, 0, 0, time.UTC)
	e, err := startEmulator(ctx, seed, users, first, emulator.Options{Mode: "enforce", Stderr: o.errs})
	if err != nil {
		return err
	}
	defer e.account.Close()
	c := newCompany(ctx, seed, first, e, o.samples)
	events := 0
	c.deliver = func(event event, out outcome) {
		c.at(c.now.Add(out.late), func() {
			events++
			_, err := e.account.Send(ctx, event.encode(event.id, c.now))
			c.fail(err)
		})
	}
	for name, tag := range map[string]string{
		person(0): exemptionUntil(now.AddDate(0, 0, 75), "deactivate-stale-access-key", "a supplier who rotates in January"),
		person(1): exemptionUntil(now.AddDate(0, 0, 12), exemption.All, "the migration of the billing batch"),
		person(2): exemptionUntil(now.AddDate(0, 0, -20), "detach-direct-policy", "the audit of the summer"),
		person(3): "please do not touch, ask kim",
	} {
		c.set(thing{tagged, name, exemption.Tag}, tag)
	}
	days := int(now.Sub(first) / (24 * time.Hour))
	for _, o := range drawn(seed, days, users, first) {
		if behaves(o) {
			c.at(o.at, func() { c.occurs(o) })
		}
	}
	months := map[string]bool{}
	for day := range days {
		midnight := first.AddDate(0, 0, day)
		c.at(midnight.Add(3*time.Hour), func() { events += sweepAll(c, e.account) })
		for next := range c.items(midnight.AddDate(0, 0, 1)) {
			c.now = next.at
			next.do()
		}
		if c.err != nil {
			return fmt.Errorf("%s: %w", midnight.Format(time.DateOnly), c.err)
		}
		months[midnight.Format("2006-01")] = true
		if next := midnight.AddDate(0, 0, 1); next.Day() == 1 || day == days-1 {
			fmt.Fprintf(o.out, "%s: %d events and sweeps\n", midnight.Format("2006-01"), events)
			events = 0
		}
	}
	if err := e.intervene(ctx, c, now); err != nil {
		return err
	}
	if err := os.MkdirAll(o.folder, 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	months[now.Format("2006-01")] = true
	for _, month := range slices.Sorted(maps.Keys(months)) {
		page, err := e.evidence(ctx, month, o)
		if err != nil {
			return err
		}
		fmt.Fprintln(o.out, "open", page)
	}
	return nil
}

// sweepAll has every control sweep, at the same time, and returns how many these are.
func sweepAll(c *company, account *emulator.Account) int {
	var sweeps sync.WaitGroup
	schedules := account.Schedules()
	faults := make([]error, len(schedules))
	for i, id := range slices.Sorted(maps.Keys(schedules)) {
		sweeps.Go(func() {
			if id != "report" {
				faults[i] = account.Sweep(c.ctx, id, c.now.Add(time.Duration(i)*7*time.Minute))
			}
		})
	}
	sweeps.Wait()
	c.fail(errors.Join(faults...))
	return len(schedules)
}

// intervene is what people do by the wall clock: one change is undone, and Warder is halted for a moment.
func (e *emulated) intervene(ctx context.Context, c *company, now time.Time) error {
	contents, err := e.Ledger().Contents(ctx)
	if err != nil {
		return err
	}
	for _, entry := range slices.Backward(contents.Entries) {
		if entry.Control != "detach-direct-policy" || len(entry.Steps) == 0 || !entry.Steps[0].Status.Made() {
			continue
		}
		request, _ := json.Marshal(remediation.UndoRequest{ // cannot fail: texts
			Action: entry.Steps[0].ID, By: "kim@example.com", Reason: "the nightly export needs it until it has a role",
		})
		if _, err := e.account.Invoke(ctx, "undo", request); err != nil {
			return err
		}
		break
	}
	if _, err := e.account.Prove(ctx, "undo", map[string]any{"halt": remediation.HaltRequest{
		By: "kim@example.com", Reason: "the settlement of the month runs",
	}}); err != nil {
		return fmt.Errorf("halt: %w", err)
	}
	c.now = now.Add(-24 * time.Hour)
	for i := range 20 {
		t := thing{change.ManagedUserPolicy, person(i), direct[2]}
		if u := c.user(t.subject); u != nil && userFacts(t.subject, u)[t] == "" {
			c.set(t, change.Attached)
			event := c.changed(t, change.Attached, u)
			_, err := e.account.Send(ctx, event.encode(event.id, c.now))
			c.fail(err)
			break
		}
	}
	_, err = e.account.Prove(ctx, "undo", map[string]any{"resume": remediation.HaltRequest{}})
	c.fail(err)
	return c.err
}

// evidence has a report written, keeps its page and its table in the folder, and returns the file of the page.
func (e *emulated) evidence(ctx context.Context, month string, o reportOptions) (file string, err error) {
	request := struct {
		Month    string            `json:"month"`
		Language settings.Language `json:"language,omitempty"`
	}{month, o.language}
	answer, err := e.account.Invoke(ctx, "report", object(request))
	if err != nil {
		return "", err
	}
	var made struct{ Bucket, Region, HTML, CSV, Text string }
	if err := json.Unmarshal(answer, &made); err != nil {
		return "", fmt.Errorf("read the answer of report: %w", err)
	}
	fmt.Fprintln(o.out, strings.TrimSpace(made.Text))
	client := s3.New(e.account.Operator())
	for _, key := range []string{made.CSV, made.HTML} {
		body, err := client.GetObject(ctx, &s3.Bucket{Name: made.Bucket, Region: made.Region}, key)
		if err != nil {
			return "", fmt.Errorf("get %s: %w", key, err)
		}
		file = filepath.Join(o.folder, path.Base(key))
		if err := os.WriteFile(file, body, 0o600); err != nil {
			return "", fmt.Errorf("keep the report: %w", err)
		}
	}
	return file, nil
}
