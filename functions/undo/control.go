// Package undo is the Lambda function that restores what Warder changed, halts Warder and resumes it. A person invokes
// it, and a schedule closes emergency roles; README.md is its runbook, control.json its description.
package undo

import (
	"context"
	_ "embed"
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/cloudtrail"
	"github.com/warder-aws/warder/pkg/config"
	"github.com/warder-aws/warder/pkg/ec2"
	"github.com/warder-aws/warder/pkg/guardduty"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/rds"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/rotation"
	"github.com/warder-aws/warder/pkg/route53resolver"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/securityhub"
	"github.com/warder-aws/warder/pkg/signin"
)

//go:embed control.json
var description []byte

// Request is a request to undo, to halt or to resume, for an exemption or for an emergency role. An empty one, which
// the schedule sends, closes the emergency roles whose time is over.
type Request struct {
	remediation.UndoRequest
	Halt   *remediation.HaltRequest   `json:"halt,omitempty"`
	Resume *remediation.HaltRequest   `json:"resume,omitempty"`
	Exempt *remediation.ExemptRequest `json:"exempt,omitempty"`
	Snooze *remediation.SnoozeRequest `json:"snooze,omitempty"`
	Glass  *remediation.GlassRequest  `json:"breakGlass,omitempty"`
}

// Answer answers a [Request].
type Answer struct {
	*remediation.UndoAnswer
	*remediation.HaltAnswer
	Exempt *remediation.ExemptAnswer `json:"exempt,omitempty"`
	Snooze *remediation.SnoozeAnswer `json:"snooze,omitempty"`
	Glass  *remediation.GlassAnswer  `json:"breakGlass,omitempty"`
	// Outcome answers the schedule: what came of a role is in the notice about it.
	Outcome remediation.Outcome `json:"outcome,omitempty"`
}

// Tool is the whole tool: its program, the scenarios and the simulator are made from it.
var Tool = handler.Tool[Request, Answer]{Description: description, New: newUndo}

func newUndo(s handler.Setup) (func(context.Context, Request) (Answer, error), error) {
	maps.Copy(s.Kinds, change.Described()) // a session and a root key cannot be put back
	maps.Copy(s.Kinds, s3.Kinds(s3.New(s.AWS)))
	maps.Copy(s.Kinds, cloudtrail.Kinds(cloudtrail.New(s.AWS)))
	maps.Copy(s.Kinds, config.Kinds(config.New(s.AWS)))
	maps.Copy(s.Kinds, ec2.Kinds(ec2.New(s.AWS)))
	maps.Copy(s.Kinds, ec2.FlowKinds(ec2.New(s.AWS)))
	maps.Copy(s.Kinds, guardduty.Kinds(guardduty.New(s.AWS)))
	maps.Copy(s.Kinds, securityhub.Kinds(securityhub.New(s.AWS)))
	maps.Copy(s.Kinds, route53resolver.Kinds(route53resolver.New(s.AWS), ec2.Tagged(ec2.New(s.AWS))))
	maps.Copy(s.Kinds, rds.Kinds(rds.New(s.AWS)))
	maps.Copy(s.Kinds, signin.Kinds(signin.New(s.AWS)))
	maps.Copy(s.Kinds, rotation.Kinds(s.IAM, secretsmanager.NewFromConfig(s.AWS)))
	glass := remediation.Glass{Runner: s.Runner, Roles: s.IAM}
	return func(ctx context.Context, q Request) (Answer, error) {
		asked := 0
		for _, is := range []bool{
			q.Halt != nil, q.Resume != nil, q.Exempt != nil, q.Snooze != nil, q.Glass != nil,
			q.UndoRequest != remediation.UndoRequest{},
		} {
			if is {
				asked++
			}
		}
		switch {
		case asked > 1:
			return Answer{}, errors.New("request not understood: halt, resume, exempt, snooze and breakGlass stand alone")
		case q.Snooze != nil:
			answer, err := remediation.Snoozer{Runner: s.Runner}.Snooze(ctx, *q.Snooze)
			return Answer{Snooze: &answer}, err
		case asked == 0: // the schedule
			return Answer{Outcome: remediation.Nothing}, glass.Sweep(ctx)
		case q.Halt != nil:
			answer, err := remediation.Switch{Runner: s.Runner}.Halt(ctx, *q.Halt)
			return Answer{HaltAnswer: &answer}, err
		case q.Resume != nil:
			answer, err := remediation.Switch{Runner: s.Runner}.Resume(ctx, *q.Resume)
			return Answer{HaltAnswer: &answer}, err
		case q.Exempt != nil:
			answer, err := remediation.Exempter{Runner: s.Runner}.Ask(ctx, *q.Exempt)
			return Answer{Exempt: &answer}, err
		}
		if q.Glass != nil {
			answer, err := glass.Ask(ctx, *q.Glass)
			return Answer{Glass: &answer}, err
		}
		answer, err := (&remediation.Undoer{Runner: s.Runner}).Undo(ctx, q.UndoRequest)
		return Answer{UndoAnswer: &answer}, err
	}, nil
}
