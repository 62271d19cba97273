// Package doubles holds the accounts that tests run against to AWS. There are two: the one in memory of
// pkg/test/fakeaws, which scenarios, faults and simulations use, and moto behind the front, which is the local
// account. The table of this package is of every operation that a function may call, with what AWS
// documents that it answers, and is run against both. Where moto does otherwise the table says so, and
// why that does no harm; what it says is checked as well, so that it does not outlive the difference.
// docs/doubles.md is the table for readers.
package doubles

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

var update = flag.Bool("update", false, "write docs/doubles.md")

// trial is a line of the table.
type trial struct {
	operation string // as in a policy: iam:GetUser
	name      string
	// state is what the account has for the trial. All of it is there before the first one; id is a name
	// that nothing else has.
	state func(id string) fakeaws.State
	// do makes the calls and says in short what came of them. id is written ID in it.
	do func(p *place, id string) (string, error)
	// want is what AWS documents: what do says, or the code of its error.
	want string
	// moto is what the local account says instead, and why that does no harm; empty if it is the same.
	moto, why string
	// unsaid is a trial of something that AWS does not document.
	unsaid bool
}

// place is an account to make calls in.
type place struct {
	t       *testing.T
	cfg     aws.Config
	iam     *iam.Client
	sts     *sts.Client
	ssm     *ssm.Client
	secrets *secretsmanager.Client
	sns     *sns.Client
	sqs     *sqs.Client
	events  *eventbridge.Client
	s3      *s3.Client
	// pass lets time pass; the local account is always at the present.
	pass func(time.Duration)
	// called is how often an operation was called, where that is counted.
	called func(operation string) int
}

func newPlace(cfg aws.Config) *place {
	return &place{
		cfg: cfg, iam: iam.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg), ssm: ssm.NewFromConfig(cfg),
		secrets: secretsmanager.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg),
		events: eventbridge.NewFromConfig(cfg), s3: s3.New(cfg), pass: func(time.Duration) {},
	}
}

// table is all trials, in the order in which they are made.
func table() []trial {
	return slices.Concat(
		users,
		keys,
		policies,
		groups,
		roles,
		reports,
		rootSessions,
		systems,
		storedSecrets,
		buckets,
		messages,
		stacks,
		trails,
		recorders,
		shares,
		signIns,
		detections,
	)
}

// name is the name that a trial's things have.
func name(n int) string { return fmt.Sprintf("trial-%03d", n) }

// start is what an account has before the first trial.
func start() fakeaws.State {
	s := fixtures()
	for n, of := range table() {
		if of.state == nil {
			continue
		}
		with := of.state(name(n))
		maps.Copy(s.Users, with.Users)
		maps.Copy(s.Groups, with.Groups)
		maps.Copy(s.Roles, with.Roles)
		maps.Copy(s.Buckets, with.Buckets)
		maps.Copy(s.Sessions, with.Sessions)
		maps.Copy(s.Nodes, with.Nodes)
		maps.Copy(s.Topics, with.Topics)
		maps.Copy(s.Queues, with.Queues)
		maps.Copy(s.Trails, with.Trails)
		maps.Copy(s.Recorders, with.Recorders)
		maps.Copy(s.Shares, with.Shares)
		maps.Copy(s.Detectors, with.Detectors)
		maps.Copy(s.Hubs, with.Hubs)
		maps.Copy(s.VPCs, with.VPCs)
		maps.Copy(s.FlowLogs, with.FlowLogs)
		maps.Copy(s.QueryLogs, with.QueryLogs)
	}
	return s
}

// noon is the time in the account in memory.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestDoubles_InMemory(t *testing.T) {
	a := fakeaws.New(start())
	now := noon
	a.Now = func() time.Time { return now }
	a.Page = 100 // what IAM does unless it is asked for less
	p := newPlace(a.Config())
	p.pass = func(d time.Duration) { now = now.Add(d) }
	p.called = func(operation string) int {
		calls := a.Calls()
		return calls[operation] + calls[operation+fakeaws.InRootSession]
	}
	try(t, p, func(of trial) string { return of.want })
}

func TestDoubles_AnswerAsAWS(t *testing.T) {
	try(t, local(t, start()), func(of trial) string {
		if of.moto != "" {
			return of.moto
		}
		return of.want
	})
	differences := 0
	for _, of := range table() {
		if of.moto != "" {
			differences++
		}
	}
	t.Attr("differences", strconv.Itoa(differences))
}

// try makes every trial at a place.
func try(t *testing.T, p *place, want func(trial) string) {
	trials := table()
	for n, of := range trials {
		t.Run(of.operation+" "+of.name, func(t *testing.T) {
			p.t = t
			before := 0
			if p.called != nil {
				before = p.called(of.operation)
			}
			got, err := of.do(p, name(n))
			if refused := smithy.APIError(nil); errors.As(err, &refused) {
				got = refused.ErrorCode()
			} else if err != nil {
				t.Fatal(err)
			}
			got = strings.ReplaceAll(got, name(n), "ID")
			if diff := cmp.Diff(want(of), got); diff != "" {
				t.Errorf("(-want +got):\n%s\nit says %s", diff, got)
			}
			if p.called != nil && p.called(of.operation) == before {
				t.Errorf("%s was not called", of.operation)
			}
		})
	}
}

// uncalled are the permissions of functions that are no call of theirs, and whose call they are.
var uncalled = map[string]string{
	"iam:TagUser":          "asked of who creates a user with tags",
	"kms:Decrypt":          "called by SNS and Secrets Manager for the function",
	"kms:GenerateDataKey":  "called by SNS and Secrets Manager for the function",
	"logs:CreateLogStream": "called by Lambda",
	"logs:PutLogEvents":    "called by Lambda",

	"iam:PassRole":           "asked of who creates flow logs that a role delivers",
	"lambda:InvokeFunction":  "called by EventBridge Scheduler",
	"logs:CreateLogDelivery": "asked of who creates flow logs",

	"sqs:SendMessage": "called by Lambda, for what a function could not handle",
}

// stored are the operations of the ledger's table, which is no part of the account in memory.
var stored = []string{
	"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan",
}

// mailed are operations of send-email, whose test has mails and a queue of its own: a step of the tour and the attack
// messages-mail play it on moto's.
var mailed = []string{"ses:SendEmail", "sqs:ChangeMessageVisibility"}

// compared are the operations of check-warder, which reads what was deployed. Its test has an account of its own, and
// the local account answers from the template and from what was changed: the attacks blind-daily-* try it.
var compared = []string{
	"cloudformation:GetTemplate", "cloudformation:ListStackResources", "cloudformation:ListStacks",
	"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "lambda:ListEventSourceMappings",
	"dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:GetResourcePolicy",
	"events:DescribeEventBus", "events:DescribeRule", "events:ListTargetsByRule",
	"iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "kms:DescribeKey", "kms:GetKeyPolicy",
	"lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration", "lambda:GetFunctionEventInvokeConfig",
	"lambda:GetPolicy", "lambda:ListFunctionUrlConfigs", "logs:DescribeLogGroups",
	"logs:DescribeMetricFilters", "sns:GetDataProtectionPolicy", "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes",
	"sns:ListSubscriptionsByTopic", "sqs:GetQueueAttributes",
	"scheduler:GetSchedule", "ses:GetAccount", "ses:GetConfigurationSetEventDestinations", "ses:GetEmailIdentity",
}

func TestDoubles_EveryOperation(t *testing.T) {
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	grants, err := os.ReadFile(filepath.Join(string(root), "infra", "stack", "testdata", "grants.golden"))
	if err != nil {
		t.Fatal(err)
	}
	allowed := permitted(string(grants))
	if len(allowed) < 40 {
		t.Fatalf("only %d operations are permitted: %v", len(allowed), allowed)
	}
	known := map[string]bool{}
	for _, of := range table() {
		known[of.operation] = true
	}
	for _, operation := range stored {
		known[operation] = true
	}
	for _, operation := range slices.Concat(compared, mailed) {
		known[operation] = true
	}
	for operation := range uncalled {
		known[operation] = true
	}
	for _, operation := range implemented() {
		if !known[operation] {
			t.Errorf("the account in memory has %s, and nothing says that it answers as AWS", operation)
		}
	}
	got := slices.Sorted(maps.Keys(known))
	if diff := cmp.Diff(allowed, got); diff != "" {
		t.Errorf("permitted and in the table are not the same (-permitted +table):\n%s", diff)
	}
	t.Attr("operations", strconv.Itoa(len(known)-len(uncalled)-len(compared)-len(mailed)))
}

// implemented are the operations of the SDK that the account in memory has methods for.
func implemented() []string {
	var all []string
	of := reflect.TypeFor[*fakeaws.Account]()
	for i := range of.NumMethod() {
		m := of.Method(i)
		if m.Type.NumIn() < 3 || m.Type.In(2).Kind() != reflect.Pointer || m.Type.In(2).Elem().Name() != m.Name+"Input" {
			continue
		}
		service := path.Base(m.Type.In(2).Elem().PkgPath())
		all = append(all, strings.Replace(service, "eventbridge", "events", 1)+":"+m.Name)
	}
	return all
}

// allowed is a line of grants.golden that allows a role an action.
var allowed = regexp.MustCompile(`^  allow ([a-z0-9]+:[A-Za-z0-9]+) on `)

// permitted are the actions that grants.golden allows the roles.
func permitted(grants string) []string {
	found := map[string]bool{}
	role := false
	for line := range strings.Lines(grants) {
		if !strings.HasPrefix(line, " ") {
			role = strings.HasSuffix(strings.TrimSpace(line), "Role")
		}
		if m := allowed.FindStringSubmatch(line); m != nil && role {
			found[m[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestDoubles_ReasonsAndNames(t *testing.T) {
	seen := map[string]bool{}
	for _, of := range table() {
		full := of.operation + " " + of.name
		if seen[full] {
			t.Errorf("%s: twice", full)
		}
		seen[full] = true
		if (of.moto == "") != (of.why == "") || of.moto == of.want {
			t.Errorf("%s: a difference without a reason, or a reason without a difference", full)
		}
	}
}

func TestDoubles_Page(t *testing.T) {
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(string(root), "docs", "doubles.md")
	if *update {
		if err := os.WriteFile(file, []byte(page()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page(), string(got)); diff != "" {
		t.Errorf("docs/doubles.md is not the table; go test ./infra/local/doubles -update writes it (-want +got):\n%s", diff)
	}
}

// moto's account number is the one in memory's, too.
const number = moto.AccountID
