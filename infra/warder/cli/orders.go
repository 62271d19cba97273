package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/orders"
	"github.com/warder-aws/warder/pkg/parameter"
)

// What the commands about orders are told.
type ordering struct {
	parameter, reason, until, control, mode string
}

// orderings are the commands by which the security account orders the others. They need its credentials.
func (a *app) orderings() []*cobra.Command {
	var o ordering
	name := flag{"orders", "`ARN` of the parameter of the orders, as in the setting \"orders\"", &o.parameter}
	reason := flag{"reason", "why", &o.reason}
	until := flag{"until", "`day` on which it ends by itself, such as 2026-12-31; without one it goes on", &o.until}
	which := flag{"control", "`id` of a control, or all", &o.control}
	mode := flag{"mode", "observe or off: the most that it may do", &o.mode}
	with := func(d command, alter func(*orders.Orders) error) *cobra.Command {
		d.check = func() error {
			for _, f := range d.flags {
				if f.name != "until" {
					if err := need(f); err != nil {
						return err
					}
				}
			}
			return nil
		}
		d.run = func(ctx context.Context, s *session) error { return s.order(ctx, o, alter) }
		return a.add(d)
	}
	return []*cobra.Command{
		with(command{
			name: "halt", short: "Halt Warder in every account that reads these orders",
			long: "Halt Warder in every account that reads these orders: nothing is changed anywhere, and notices go on.",
			example: "  warder org halt --orders arn:aws:ssm:us-east-1:444455556666:parameter/warder/orders " +
				"--reason \"incident 42\"",
			flags: []flag{name, reason, until},
		}, func(set *orders.Orders) error {
			set.Halt = true
			return nil
		}),
		with(command{
			name: "limit", short: "Have a control only observe in every account, whatever its settings say",
			long:  "Have a control, or all, only observe in every account that reads these orders, whatever their settings say.",
			flags: []flag{name, which, mode, reason, until},
		}, func(set *orders.Orders) error {
			if m := control.Mode(o.mode); m != control.Observe && m != control.Off {
				return misuse("--mode %s: orders can only tighten: observe or off; warder org resume lifts them", o.mode)
			}
			if _, err := a.known(o.control); err != nil && o.control != orders.All {
				return err
			}
			set.Modes = map[string]control.Mode{o.control: control.Mode(o.mode)}
			return nil
		}),
		with(command{
			name: "resume", short: "Lift the orders: each account does what its settings say",
			flags: []flag{name, reason},
		}, func(set *orders.Orders) error {
			*set = orders.Orders{}
			return nil
		}),
	}
}

// order alters the orders. What was ordered before goes on, with the reason, the name and the end of what is ordered
// now.
func (s *session) order(ctx context.Context, o ordering, alter func(*orders.Orders) error) error {
	parsed, err := arn.Parse(o.parameter)
	if err != nil || parsed.Service != "ssm" {
		return misuse("--orders %q is no ARN of a parameter of Systems Manager", o.parameter)
	}
	now, set := s.Now(), orders.Orders{}
	cfg := s.cfg.Copy()
	cfg.Region = parsed.Region
	store := parameter.New(cfg)
	out, err := store.GetParameter(ctx, &parameter.GetParameterInput{Name: o.parameter})
	switch {
	case account.Coded(err, "ParameterNotFound"):
	case err != nil:
		return fmt.Errorf("read the orders: %w", account.Cause(err))
	default:
		// Of orders that cannot be read nothing goes on: until now nobody who reads them changed anything.
		set, _ = orders.Parse([]byte(out.Parameter.Value))
	}
	modes := set.Modes
	if err := alter(&set); err != nil {
		return err
	}
	for id, mode := range modes {
		if set.Modes != nil && set.Modes[id] == "" {
			set.Modes[id] = mode
		}
	}
	who, err := s.caller(ctx)
	if err != nil {
		return err
	}
	set.Reason, set.By, set.Until = o.reason, aws.ToString(who.Arn), time.Time{}
	if o.until != "" {
		if set.Until, err = time.Parse(time.DateOnly, o.until); err != nil || !set.Until.After(now) {
			return misuse("--until %s is no day to come, such as 2026-12-31", o.until)
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		return fmt.Errorf("encode the orders: %w", err)
	}
	err = store.PutParameter(ctx, &parameter.PutParameterInput{
		// Of another account a name is the whole ARN; it is set in its own, by its name.
		Name: strings.TrimPrefix(parsed.Resource, "parameter"), Value: string(text), Type: "String", Tier: "Advanced",
		Description: "What the organization orders Warder to do less of", Overwrite: true,
	})
	if err != nil {
		return fmt.Errorf("set the orders: %w", account.Cause(err))
	}
	return s.show(set, true, func() {
		s.print("ordered: %s", text)
		s.print("Each account reads it before its next change.")
	})
}
