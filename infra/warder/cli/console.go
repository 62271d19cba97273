package cli

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/console"
	"github.com/warder-aws/warder/infra/warder/doctor"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

func (a *app) console() *cobra.Command {
	var o console.Options
	var port, language string
	number := 0
	return a.add(command{
		name: "console", short: "Look at, undo and stop in a browser: a page on 127.0.0.1, for you alone",
		long: `Serve a page on 127.0.0.1 to look at what Warder does, did and will do, and to undo, halt, resume, release,
redrive, drill and make reports, until this command is ended. It uses your credentials as the other commands do, and
stores nothing. The address that it prints counts once. To look, it needs dynamodb:GetItem and dynamodb:Scan on the
table warder; doctor needs what it says.`,
		example: "  warder console\n  warder console --open abcdefghij",
		flags: []flag{
			{"open", "`id` of an action or a finding to begin with, as notices give it", &o.Open},
			{"port", "`port` to listen on (default: any)", &port},
			{"language", "`language` of the pages: en or ko (default: that of the settings)", &language},
		},
		by: &o.By,
		check: func() (err error) {
			if number, err = strconv.Atoi(port); port != "" && (err != nil || number < 1 || number > 65535) {
				return misuse("--port %q is not understood: want 1 to 65535", port)
			}
			if o.Open != "" && !notice.ID(o.Open) {
				return misuse("--open %q is no id of an action or a finding", o.Open)
			}
			if language != "" && language != string(settings.English) && language != string(settings.Korean) {
				return misuse("--language %q is not understood: want en or ko", language)
			}
			return nil
		},
		run: func(ctx context.Context, s *session) error {
			who, err := s.caller(ctx)
			if err != nil {
				return err
			}
			// Controls are named in the language of the pages.
			catalogues, err := functions.Catalogues(string(settings.Korean))
			if err != nil {
				return err
			}
			for _, catalogue := range catalogues {
				i18n.Register(string(settings.Korean), catalogue)
			}
			o.Account, o.Controls, o.Now, o.Region = served{s, &sync.Map{}}, s.controls, s.Now, s.cfg.Region
			o.Who, o.ID, o.Language = aws.ToString(who.Arn), aws.ToString(who.Account), settings.Language(language)
			if set, err := s.readSettings(ctx); err == nil { // else what needs them says so
				if language == "" {
					o.Language = set.Notify.Language
				}
				o.Modes = map[string]control.Mode{}
				for id, c := range set.Controls {
					o.Modes[id] = c.Mode
				}
				if err := i18n.SetZone(set.Timezone); err != nil {
					return err
				}
			}
			return console.Serve(ctx, o, number, func(url string) {
				_ = a.show(map[string]string{"url": url}, true, func() {
					a.print("%s", url)
					a.print("Open it in a browser on this machine: it counts once. Ctrl-C ends the console.")
				})
			})
		},
	})
}

// served is the account of a session, for the console: each method does what its command does.
type served struct {
	s     *session
	table *sync.Map // the name of the ledger's table, once it is known
}

var _ console.Account = served{}

// ledger is the one of the hub's stack: its table has a name of its own where a StackSet deployed it.
func (c served) ledger(ctx context.Context) *ledger.Ledger {
	name, known := c.table.Load(c.s.cfg.Region)
	if !known {
		name = settings.TableName
		_, _, resources, _ := c.s.keepers(ctx, c.s.cfg.Region) // who reads the queues is told what went wrong
		for _, r := range resources {
			if id := aws.ToString(r.PhysicalResourceId); aws.ToString(r.ResourceType) == "AWS::DynamoDB::Table" && id != "" {
				name = id
				c.table.Store(c.s.cfg.Region, id)
			}
		}
	}
	return ledger.New(ledger.Dynamo{API: dynamodb.NewFromConfig(c.s.cfg), Name: name.(string)})
}

func (c served) Contents(ctx context.Context) (ledger.Contents, error) {
	contents, err := c.ledger(ctx).Contents(ctx)
	return contents, cause("read the ledger", err)
}

func (c served) Halt(ctx context.Context) (ledger.Halt, error) {
	h, err := c.ledger(ctx).Halt(ctx)
	return h, cause("read the halt switch", err)
}

func (c served) Address(ctx context.Context, address string) (ledger.Address, error) {
	known, err := c.ledger(ctx).Address(ctx, address)
	return known, cause("read what is known of an address", err)
}

// cause is what an error comes to, nil for none.
func cause(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, account.Cause(err))
}

func (c served) Queues(ctx context.Context) (all []console.Queue, err error) {
	set, err := c.s.readSettings(ctx)
	if err != nil {
		return nil, err
	}
	for _, region := range append([]string{c.s.cfg.Region}, set.Regions...) {
		cfg, found, _, err := c.s.keepers(ctx, region)
		if err != nil {
			return all, err
		}
		for _, q := range found {
			const waiting, hidden = sqstypes.QueueAttributeNameApproximateNumberOfMessages,
				sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible
			out, err := sqs.NewFromConfig(cfg).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
				QueueUrl: &q.url, AttributeNames: []sqstypes.QueueAttributeName{waiting, hidden},
			})
			if err != nil {
				return all, cause("read queue "+q.name+" in "+region, err)
			}
			one := console.Queue{Name: q.name, Region: region}
			for _, name := range []sqstypes.QueueAttributeName{waiting, hidden} {
				n, err := strconv.Atoi(out.Attributes[string(name)])
				if err != nil {
					return all, fmt.Errorf("read queue %s in %s: %q is no number", q.name, region, out.Attributes[string(name)])
				}
				one.Messages += n
			}
			all = append(all, one)
		}
	}
	return all, nil
}

func (c served) Doctor(ctx context.Context) []doctor.Line {
	set, err := c.s.readSettings(ctx)
	return doctor.Examine(ctx, doctor.Options{
		Settings: set, SettingsErr: err, Controls: c.s.controls, Config: c.s.cfg, Now: c.s.Now,
	})
}

func (c served) Explain(ctx context.Context, q explain.Request) (explain.Answer, error) {
	return ask[explain.Answer](ctx, c.s, "explain", q)
}

func (c served) Undo(ctx context.Context, q remediation.UndoRequest) (remediation.UndoAnswer, error) {
	return ask[remediation.UndoAnswer](ctx, c.s, "undo", signed{q})
}

func (c served) SetHalt(ctx context.Context, halt bool, q remediation.HaltRequest) (remediation.HaltAnswer, error) {
	what := "resume"
	if halt {
		what = "halt"
	}
	return ask[remediation.HaltAnswer](ctx, c.s, remediation.UndoControl, signed{map[string]any{what: q}})
}

func (c served) Release(
	ctx context.Context, id string, q remediation.ReleaseRequest,
) (remediation.ReleaseAnswer, error) {
	return ask[remediation.ReleaseAnswer](ctx, c.s, id, signed{map[string]any{"release": q}})
}

func (c served) Exempt(ctx context.Context, q remediation.ExemptRequest) (remediation.ExemptAnswer, error) {
	answer, err := ask[struct{ Exempt remediation.ExemptAnswer }](ctx, c.s, settings.Asked,
		signed{map[string]any{"exempt": q}})
	return answer.Exempt, err
}

func (c served) Redrive(ctx context.Context) (sent, left int, lines []string, err error) {
	silent := *c.s.app
	silent.json, silent.Out = true, io.Discard
	s := *c.s
	s.app = &silent
	r, err := s.redriveAll(ctx)
	for _, m := range r.messages {
		lines = append(lines, strings.Join([]string{m.Result, m.Queue, m.Region, m.Text}, " · "))
	}
	return r.again, r.left, lines, err
}

func (c served) Drill(ctx context.Context, q drill.Request) (drill.Answer, error) {
	// Asked twice, it would find itself running.
	return ask[drill.Answer](ctx, c.s, "drill", signed{q}, func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
}

func (c served) Report(ctx context.Context, month, language string) (console.Evidence, error) {
	made, err := ask[madeReport](ctx, c.s, "report", map[string]string{"month": month, "language": language})
	e := console.Evidence{Text: made.Text, Month: month}
	for _, key := range []string{made.HTML, made.CSV} {
		if err != nil {
			return e, err
		}
		var body []byte
		body, err = c.s.object(ctx, made, key)
		e.Files = append(e.Files, console.File{Name: path.Base(key), Body: body})
	}
	return e, err
}
