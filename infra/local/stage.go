package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	message "github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// A stage is the account that chapters play in, seen by the people in them.
type stage struct {
	account *emulator.Account
	printer printer
	verbose bool
	out     string         // folder that evidence is kept in; empty for none
	iam     *iam.Client    // of the operator
	inbox   emulator.Inbox // subscribes to the topic, as people do

	mu       sync.Mutex
	outcomes []outcome
	worked   map[string]bool // by id: functions that told or changed something, or answered
}

// openStage starts the account of a scene.
func openStage(ctx context.Context, p printer, sc scene, verbose bool, stderr io.Writer) (*stage, error) {
	s := &stage{printer: p, verbose: verbose, worked: map[string]bool{}}
	with := ""
	if sc.synth == project.Tour {
		with = ", with the settings of infra/local/tour.json"
	}
	fmt.Fprintf(p.out, "%s\n", p.style.dim("starting an AWS account on this machine, its controls in mode "+sc.mode+with+" ..."))
	a, err := emulator.Start(ctx, emulator.Options{Mode: sc.mode, Synth: sc.synth, Stderr: stderr, Configure: sc.alter, Done: s.done})
	if err != nil {
		return nil, err
	}
	s.account = a
	s.iam = iam.NewFromConfig(a.Operator())
	if s.inbox, err = a.Inbox(ctx, "inbox"); err != nil {
		a.Close()
		return nil, err
	}
	return s, nil
}

// done keeps what came of an event, or of a call, at a function.
func (s *stage) done(r lambdahost.Result) {
	o := readOutcome(r.Function, r.Payload, r.Failed)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Sync: // whoever called it has its answer
		s.worked[o.Control] = s.worked[o.Control] || !r.Failed
		return
	case o.Outcome == "changed", o.Outcome == "would_change", o.Outcome == "told", o.Outcome == "posted":
		s.worked[o.Control] = true
	}
	s.outcomes = append(s.outcomes, o)
}

// atWork are the functions that were at work since it was asked last.
func (s *stage) atWork() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	worked := s.worked
	s.worked = map[string]bool{}
	return worked
}

// say prints what happens.
func (s *stage) say(format string, args ...any) {
	fmt.Fprintln(s.printer.out, strings.TrimRight("   "+fmt.Sprintf(format, args...), " "))
}

// addUser adds a user who has an owner, whom notices are for.
func (s *stage) addUser(ctx context.Context, name string) (*iamtypes.User, error) {
	s.say("$ aws iam create-user --user-name %s --tags Key=owner,Value=%[1]s@example.com", name)
	user, err := s.iam.CreateUser(ctx, &iam.CreateUserInput{
		UserName: &name, Tags: []iamtypes.Tag{{Key: aws.String("owner"), Value: aws.String(name + "@example.com")}},
	})
	if err != nil {
		return nil, err
	}
	_, _, err = s.came(ctx, "none") // that there is a new user is another story
	return user.User, err
}

// settle waits until everything that was set off has come to its end, and returns the outcomes since
// it was called last.
func (s *stage) settle(ctx context.Context) ([]outcome, error) {
	if err := s.account.Lambda.Idle(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes := s.outcomes
	s.outcomes = nil
	return outcomes, nil
}

// did prints what a function did.
func (s *stage) did(o outcome) {
	s.say("%s: %s", o.Control, s.printer.style.outcome(o.Outcome))
	for _, line := range s.printer.details(o) {
		s.say("  %s", line)
	}
}

// came waits, prints what the control did and what people were told by it, and returns both. Other
// controls are not what the chapter is about, unless they failed.
func (s *stage) came(ctx context.Context, control string) ([]outcome, []message.Message, error) {
	all, err := s.settle(ctx)
	if err != nil {
		return nil, nil, err
	}
	var outcomes []outcome
	for _, o := range all {
		if o.Outcome == "failed" {
			return nil, nil, fmt.Errorf("%s failed: %s", o.Control, o.Reason)
		}
		if o.Control == control {
			outcomes = append(outcomes, o)
			s.did(o)
		}
	}
	inbox, err := s.inbox.Take(ctx)
	if err != nil {
		return nil, nil, err
	}
	var letters []message.Message
	for _, l := range inbox {
		if l.Control == control {
			letters = append(letters, l)
			s.full(l)
		}
	}
	return outcomes, letters, nil
}

// one checks that there is one outcome, with one change when it is about one, and one notice to the
// owner.
func one(outcomes []outcome, letters []message.Message, word, owner string) (outcome, error) {
	if len(outcomes) != 1 || outcomes[0].Outcome != word {
		return outcome{}, fmt.Errorf("outcomes %+v, want one that %s", outcomes, word)
	}
	if len(letters) != 1 || letters[0].Owner != owner {
		return outcome{}, fmt.Errorf("notices %+v, want one to %s", letters, owner)
	}
	return outcomes[0], nil
}

// about waits, prints what the control did about the user and what people were told of it, and checks
// it: how far its one change came, and the kinds of the notices, in their order. Without a status
// there is no change.
func (s *stage) about(ctx context.Context, control, user, status string, kinds ...string) (change, error) {
	all, err := s.settle(ctx)
	if err != nil {
		return change{}, err
	}
	var changes []change
	for _, o := range all {
		if o.Outcome == "failed" {
			return change{}, fmt.Errorf("%s failed: %s", o.Control, o.Reason)
		}
		if o.Control != control {
			continue
		}
		o.Changes = slices.DeleteFunc(o.Changes, func(c change) bool { return c.Subject != user })
		o.Notices = slices.DeleteFunc(o.Notices, func(n notice) bool { return n.Owner != user+"@example.com" })
		if len(o.Changes)+len(o.Notices) > 0 {
			s.did(o)
		}
		changes = append(changes, o.Changes...)
	}
	letters, err := s.inbox.Take(ctx)
	if err != nil {
		return change{}, err
	}
	var told []string
	for _, l := range letters {
		if l.Subject == user && (l.Control == control || l.Control == "undo") {
			told = append(told, string(l.Kind))
			if l.Control != control { // the undo function's answer does not say whom it told
				s.say("told %s: %s (%s, %s)", l.Owner, l.Title, l.Kind, l.Severity)
			}
			s.full(l)
		}
	}
	switch {
	case !slices.Equal(told, kinds):
		return change{}, fmt.Errorf("notices %q about %s, want %q", told, user, kinds)
	case status == "" && len(changes) == 0:
		return change{}, nil
	case status == "" || len(changes) != 1 || changes[0].Status != status:
		return change{}, fmt.Errorf("changes %+v about %s, want one that is %q", changes, user, status)
	}
	return changes[0], nil
}

// full prints a notice in full, if that is asked for.
func (s *stage) full(l message.Message) {
	if s.verbose {
		s.say("%s", s.printer.style.dim(fmt.Sprintf("notice to %q: [%s] %s. %s", l.Owner, l.Severity, l.Title, l.Text)))
	}
}

// invoke calls a function as people do, prints the call, and reads the answer.
func (s *stage) invoke(ctx context.Context, function string, request, answer any) error {
	payload, err := json.Marshal(request)
	if err != nil {
		return err
	}
	s.say("$ aws lambda invoke --function-name %s --payload '%s' answer.json", settings.FunctionName(function), payload)
	out, err := lambda.NewFromConfig(s.account.Operator()).Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String(settings.FunctionName(function)), Payload: payload,
	})
	if err != nil {
		return err
	}
	if out.FunctionError != nil {
		return fmt.Errorf("%s answers with an error: %s", function, out.Payload)
	}
	return json.Unmarshal(out.Payload, answer)
}

func (s *stage) attached(ctx context.Context, user string) ([]string, error) {
	policies, err := s.iam.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: &user})
	if err != nil {
		return nil, err
	}
	var arns []string
	for _, policy := range policies.AttachedPolicies {
		arns = append(arns, *policy.PolicyArn)
	}
	return arns, nil
}

func (s *stage) attach(ctx context.Context, user, policy string) error {
	s.say("$ aws iam attach-user-policy --user-name %s --policy-arn %s", user, policy)
	_, err := s.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: &policy})
	return err
}

// ledgerHolds tells whether any item of the ledger has the text as one of its values.
func (s *stage) ledgerHolds(ctx context.Context, text string) (bool, error) {
	client := dynamodb.NewFromConfig(s.account.Operator())
	pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: aws.String("warder")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, fmt.Errorf("read the ledger: %w", err)
		}
		for _, item := range page.Items {
			for _, attribute := range item {
				member, ok := attribute.(*ddbtypes.AttributeValueMemberS)
				if !ok {
					continue
				}
				var value any
				if json.Unmarshal([]byte(member.Value), &value) != nil {
					value = member.Value
				}
				if holds(value, text) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

func holds(value any, text string) bool {
	switch value := value.(type) {
	case string:
		return value == text
	case []any:
		return slices.ContainsFunc(value, func(item any) bool { return holds(item, text) })
	case map[string]any:
		for _, item := range value {
			if holds(item, text) {
				return true
			}
		}
	}
	return false
}

// addKey adds an access key of that age.
func (s *stage) addKey(ctx context.Context, user string, now time.Time, days int) (*iamtypes.AccessKey, error) {
	s.say("%d days ago: $ aws iam create-access-key --user-name %s", days, user)
	key, err := s.makeKey(ctx, user)
	if err != nil {
		return nil, err
	}
	created := now.Add(-time.Duration(days)*24*time.Hour - time.Minute)
	return key, s.account.Moto.Age(ctx, moto.Age{AccessKey: *key.AccessKeyId, Created: created})
}

// newKey adds an access key. That it was made is another story.
func (s *stage) newKey(ctx context.Context, user string) (*iamtypes.AccessKey, error) {
	s.say("$ aws iam create-access-key --user-name %s", user)
	return s.makeKey(ctx, user)
}

func (s *stage) makeKey(ctx context.Context, user string) (*iamtypes.AccessKey, error) {
	key, err := s.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		return nil, err
	}
	_, _, err = s.came(ctx, "none")
	return key.AccessKey, err
}

func (s *stage) who(ctx context.Context, key *iamtypes.AccessKey) error {
	_, err := sts.NewFromConfig(emulator.Config(s.account.URL, *key.AccessKeyId, *key.SecretAccessKey)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	return err
}

// sample puts an event of events/ on the bus, as if it happened here and now. The pairs are what to
// replace in it, and by what.
func (s *stage) sample(ctx context.Context, name string, pairs ...string) error {
	root, err := project.Find()
	if err != nil {
		return err
	}
	event, err := readEvent(filepath.Join(string(root), "events", name+".json"))
	if err != nil {
		return err
	}
	var its struct{ ID, Time string }
	if err := json.Unmarshal(event.JSON, &its); err != nil {
		return fmt.Errorf("read events/%s.json: %w", name, err)
	}
	now := time.Now().UTC()
	pairs = append(pairs, "111122223333", moto.AccountID, its.ID, fmt.Sprintf("%s-%d", its.ID, now.UnixNano()), its.Time, now.Format(time.RFC3339))
	return s.deliver(ctx, json.RawMessage(strings.NewReplacer(pairs...).Replace(string(event.JSON))))
}

// undo has the undo function put back an action, or all of a run, prints what it says, and returns why
// it refused; empty if it did not.
func (s *stage) undo(ctx context.Context, action, why string) (refused string, err error) {
	var answer struct {
		Undone  []struct{ Text string }
		Refused []struct{ Why string }
	}
	if err := s.invoke(ctx, "undo", map[string]string{"action": action, "by": "kim@example.com", "reason": why}, &answer); err != nil {
		return "", err
	}
	for _, done := range answer.Undone {
		s.say("%s", done.Text)
	}
	for _, not := range answer.Refused {
		s.say("refused: %s", not.Why)
		refused = not.Why
	}
	if len(answer.Undone)+len(answer.Refused) == 0 {
		return "", errors.New("undo did nothing, and refused nothing")
	}
	return refused, nil
}

// deliver puts an event on the bus.
func (s *stage) deliver(ctx context.Context, event any) error {
	data, err := json.Marshal(event)
	if err != nil {
		return err
	}
	deliveries, err := s.account.Send(ctx, data)
	if err == nil && len(deliveries) == 0 {
		err = errors.New("no deployed rule matches the event")
	}
	return err
}

// configEvent is a change of compliance of an IAM user, as AWS Config sends it.
// https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html
func configEvent(rule, userID string, at time.Time) map[string]any {
	stamp := at.UTC().Format(time.RFC3339)
	return map[string]any{
		"version": "0", "id": fmt.Sprintf("demo-config-%d", at.UnixNano()), "source": "aws.config", "detail-type": "Config Rules Compliance Change",
		"account": moto.AccountID, "time": stamp, "region": emulator.Region, "resources": []string{},
		"detail": map[string]any{
			"messageType": "ComplianceChangeNotification", "recordVersion": "1.0",
			"configRuleName": rule, "configRuleARN": "arn:aws:config:" + emulator.Region + ":" + moto.AccountID + ":config-rule/config-rule-demo",
			"awsAccountId": moto.AccountID, "awsRegion": emulator.Region, "resourceType": "AWS::IAM::User", "resourceId": userID,
			"newEvaluationResult": map[string]any{
				"evaluationResultIdentifier": map[string]any{
					"evaluationResultQualifier": map[string]any{"configRuleName": rule, "resourceType": "AWS::IAM::User", "resourceId": userID, "evaluationMode": "DETECTIVE"},
					"orderingTimestamp":         stamp,
				},
				"complianceType": "NON_COMPLIANT", "resultRecordedTime": stamp, "configRuleInvokedTime": stamp,
			},
			"notificationCreationTime": stamp,
		},
	}
}
