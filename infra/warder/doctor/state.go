package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/halt"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

// halt checks the switch that stops every change.
func (d *doctor) halt(ctx context.Context, l *lines) {
	in := &ssm.GetParameterInput{Name: aws.String(settings.HaltParameter)}
	out, err := d.in(d.settings.HubRegion).ssm.GetParameter(ctx, in)
	switch {
	case account.Coded(err, "ParameterNotFound"):
		l.problem("warder resume, or make deploy", "the parameter %s does not exist: nothing is changed until it does",
			settings.HaltParameter)
	case err != nil:
		l.unread("ssm:GetParameter", err)
	case aws.ToString(out.Parameter.Value) != halt.Go:
		l.problem("warder resume, once the reason is over", "nothing is changed since %s: %s",
			day(aws.ToTime(out.Parameter.LastModifiedDate)), aws.ToString(out.Parameter.Value))
	default:
		l.ok("off since %s", day(aws.ToTime(out.Parameter.LastModifiedDate)))
	}
}

// readLedger reads the ledger, once for all checks.
func (d *doctor) readLedger(ctx context.Context) (ledger.Contents, error) {
	d.reading.Do(func() {
		d.contents, d.contentsErr = ledger.New(d.in(d.settings.HubRegion).store).Contents(ctx)
	})
	return d.contents, d.contentsErr
}

// breakers checks whether the blast radius has stopped a control.
func (d *doctor) breakers(ctx context.Context, l *lines) {
	contents, err := d.readLedger(ctx)
	if err != nil {
		l.unread("dynamodb:Scan", err)
		return
	}
	for _, id := range slices.Sorted(maps.Keys(contents.Breakers)) {
		if breaker := contents.Breakers[id]; !breaker.Tripped.IsZero() {
			l.problem(fmt.Sprintf("read what is pending; then warder release --control %s --reason \"...\"", id),
				"%s has stopped at %d changes in an hour, on %s", id, d.settings.BlastRadius, day(breaker.Tripped))
		}
	}
	if l.fine() {
		l.ok("no control has reached %d changes in an hour and stopped", d.settings.BlastRadius)
	}
}

// queues checks that nothing waits in the queues that keep what failed or was not delivered, in the
// hub and in each region.
func (d *doctor) queues(ctx context.Context, l *lines) {
	checked := 0
	for _, s := range append([]stack{d.hub}, d.regionStacks...) {
		if s.err != nil {
			l.unread(s.unread, s.err)
			continue
		}
		for _, id := range s.keepers() {
			address := s.physical[id]
			out, err := d.in(s.region).sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
				QueueUrl: &address, AttributeNames: []sqstypes.QueueAttributeName{
					sqstypes.QueueAttributeNameApproximateNumberOfMessages,
					sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
				},
			})
			switch {
			case account.Coded(err, "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"):
				l.problem(redeploy, "the queue of %s in %s does not exist: what fails is lost", id, s.region)
				continue
			case err != nil:
				l.unread("sqs:GetQueueAttributes", err)
				continue
			}
			checked++
			pending := 0
			for _, count := range out.Attributes {
				n, err := strconv.Atoi(count)
				if err != nil {
					l.unread("sqs:GetQueueAttributes", err)
				}
				pending += n
			}
			if pending > 0 {
				l.problem("find out why in the functions' logs, fix it, then warder redrive", "%s in %s (%s)",
					terminal.Count(pending, "event"), id, s.region)
			}
		}
	}
	if l.fine() {
		l.ok("%s, nothing in them", terminal.Count(checked, "queue"))
	}
}

// late is how old a control's last sweep may be: a day, and two hours for one that started late or
// was tried again.
const late = 26 * time.Hour

// scheduled is how the ledger names the event of a sweep.
const scheduled = "Scheduled Event"

// sweeps checks that each control with a sweep has completed one lately.
func (d *doctor) sweeps(ctx context.Context, l *lines) {
	contents, err := d.readLedger(ctx)
	if err != nil {
		l.unread("dynamodb:Scan", err)
		return
	}
	now := d.now()
	var oldest time.Time
	swept := 0
	var pending []string
	for _, c := range d.controls {
		if c.Tool || c.Schedule == "" || d.settings.Controls[c.ID].Mode == control.Off {
			continue
		}
		var last, done ledger.Run
		for _, run := range contents.Runs {
			if run.Control != c.ID || run.Event != scheduled {
				continue
			}
			if run.At.After(last.At) {
				last = run
			}
			if run.Done && run.At.After(done.At) {
				done = run
			}
		}
		again := "read the function's log, then warder sweep --control " + c.ID
		switch {
		case now.Sub(done.At) <= late:
			swept++
			if oldest.IsZero() || done.At.Before(oldest) {
				oldest = done.At
			}
		case last.At.IsZero() && now.Sub(d.hub.changed) <= late:
			pending = append(pending, c.ID)
		case last.At.IsZero():
			l.problem(again, "%s has never swept the account", c.ID)
		case last.Key != done.Key && now.Sub(last.At) <= late:
			l.problem(again, "the last sweep of %s, %s, was not completed: %s", c.ID, ago(now, last.At), last.Reason)
		default:
			l.problem(again, "the last sweep of %s was %s", c.ID, ago(now, last.At))
		}
	}
	if !l.fine() {
		return
	}
	slices.Sort(pending)
	switch {
	case len(pending) > 0 && swept == 0:
		l.remark("", "none yet: deployed %s, each control's first comes within a day", ago(now, d.hub.changed))
	case len(pending) > 0:
		l.remark("", "%s within %d hours; %s, deployed %s, to come", terminal.Count(swept, "control"), int(late.Hours()),
			terminal.Count(len(pending), "control"), ago(now, d.hub.changed))
	case swept == 0:
		l.ok("no control has a sweep that is on")
	default:
		l.ok("%s within %d hours, the oldest %s", terminal.Count(swept, "control"), int(late.Hours()), ago(now, oldest))
	}
}
