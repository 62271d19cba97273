package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
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
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/infra/local/front"
	"github.com/warder-aws/warder/infra/local/host"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
)

const (
	administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
	s3Full        = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	quarantine    = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"
)

// A chapter is one step of the story: what happens, and what must have come of it.
type chapter struct {
	title string
	mode  string // of the account it plays in
	play  func(context.Context, *stage) error
}

// story is what the demo plays, in order. The chapters of a mode share one account.
var story = []chapter{
	{"Only observed: a direct policy stays, and its owner is told what would be done", "observe", observed},
	{"A new direct policy is detached, and its owner is told", "enforce", directPolicy},
	{"An inline policy is removed, and its document is kept byte for byte", "enforce", inlinePolicy},
	{"A key of 91 days, whose owner was told in time, is deactivated, the young one stays; AWS Config names the user by its unique id alone", "enforce", staleKey},
	{"The policy by which AWS quarantines a user is left alone", "enforce", quarantined},
	{"Sign-ins are told as what they are: root, IAM Identity Center, an IAM user without MFA", "enforce", signIns},
	{"The same event twice is acted on once, and told once", "enforce", twice},
	{"What a function cannot handle is tried three times and then kept in its failure queue", "enforce", failure},
}

// errStory is the error of a demo of which not everything came out as told.
var errStory = errors.New("the story did not come out as told")

// demo plays the story.
func demo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	verbose := flags.Bool("v", false, "print every notice in full")
	rest, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		fmt.Fprintf(stderr, "local: demo takes no %q\n", rest[0])
		return errUsage
	}

	p := printer{out: stdout, style: styleOf(stdout)}
	stages := map[string]*stage{}
	defer func() {
		for _, s := range stages {
			s.account.Close()
		}
	}()
	var results []result
	for i, c := range story {
		s := stages[c.mode]
		if s == nil {
			if s, err = openStage(ctx, p, c.mode, *verbose, stderr); err != nil {
				return err
			}
			stages[c.mode] = s
		}
		fmt.Fprintf(stdout, "\n%s\n", p.style.bold(fmt.Sprintf("%d. %s", i+1, c.title)))
		begin := time.Now()
		err := c.play(ctx, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		results = append(results, result{chapter: c, took: time.Since(begin), err: err})
		if err != nil {
			fmt.Fprintf(stdout, "   %s\n", p.style.paint("31", "not as told: "+err.Error()))
		}
	}
	return p.table(results)
}

type result struct {
	chapter
	took time.Duration
	err  error
}

// table prints how each chapter came out.
func (p printer) table(results []result) error {
	fmt.Fprintf(p.out, "\n%s\n", p.style.bold("The story"))
	var failed error
	for i, r := range results {
		word := p.style.paint("32", "as told    ")
		if r.err != nil {
			word, failed = p.style.paint("31", "not as told"), errStory
		}
		fmt.Fprintf(p.out, "%2d  %s  %6d ms  %s\n", i+1, word, r.took.Milliseconds(), r.title)
	}
	return failed
}

// A stage is the account that chapters play in, seen by the people in them.
type stage struct {
	account *account
	printer printer
	verbose bool
	iam     *iam.Client // of the operator
	inbox   string      // URL of a queue that subscribes to the topic, as people do

	mu       sync.Mutex
	outcomes []outcome
}

func openStage(ctx context.Context, p printer, mode string, verbose bool, stderr io.Writer) (*stage, error) {
	s := &stage{printer: p, verbose: verbose}
	fmt.Fprintf(p.out, "%s\n", p.style.dim("starting an AWS account on this machine, its controls in mode "+mode+" ..."))
	a, err := openAccount(ctx, options{mode: mode, stderr: stderr, done: func(r host.Result) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.outcomes = append(s.outcomes, readOutcome(r.Function, r.Payload, r.Failed))
	}})
	if err != nil {
		return nil, err
	}
	s.account = a
	cfg := config(a.URL, a.AccessKey, a.Secret, "")
	s.iam = iam.NewFromConfig(cfg)
	queue, err := sqs.NewFromConfig(cfg).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("inbox")})
	if err == nil {
		s.inbox = *queue.QueueUrl
		_, err = sns.NewFromConfig(cfg).Subscribe(ctx, &sns.SubscribeInput{
			TopicArn: aws.String(a.Stack.Outputs["TopicArn"]), Protocol: aws.String("sqs"),
			Endpoint: aws.String("arn:aws:sqs:" + region + ":" + moto.AccountID + ":inbox"),
		})
	}
	if err != nil {
		a.Close()
		return nil, fmt.Errorf("subscribe to the topic: %w", err)
	}
	return s, nil
}

// say prints what happens.
func (s *stage) say(format string, args ...any) {
	fmt.Fprintf(s.printer.out, "   %s\n", fmt.Sprintf(format, args...))
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
	_, err = s.settle(ctx) // that there is a new user is another story
	return user.User, err
}

// settle waits until everything that was set off has come to its end, and returns the outcomes since
// it was called last.
func (s *stage) settle(ctx context.Context) ([]outcome, error) {
	if err := s.account.host.Idle(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes := s.outcomes
	s.outcomes = nil
	return outcomes, nil
}

// A letter is a notice as a subscriber of the topic gets it.
type letter struct {
	Control, Kind, Severity, Title, Text, Subject, Owner string
}

// letters empties the inbox.
func (s *stage) letters(ctx context.Context) ([]letter, error) {
	client := sqs.NewFromConfig(config(s.account.URL, s.account.AccessKey, s.account.Secret, ""))
	var letters []letter
	for {
		received, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &s.inbox, MaxNumberOfMessages: 10})
		if err != nil {
			return nil, fmt.Errorf("read the inbox: %w", err)
		}
		if len(received.Messages) == 0 {
			return letters, nil
		}
		for _, message := range received.Messages {
			var wrapped struct{ Message string }
			var l letter
			if err := json.Unmarshal([]byte(aws.ToString(message.Body)), &wrapped); err != nil {
				return nil, fmt.Errorf("read a notice: %w", err)
			}
			if err := json.Unmarshal([]byte(wrapped.Message), &l); err != nil {
				return nil, fmt.Errorf("read a notice: %w", err)
			}
			letters = append(letters, l)
			if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &s.inbox, ReceiptHandle: message.ReceiptHandle}); err != nil {
				return nil, fmt.Errorf("read the inbox: %w", err)
			}
		}
	}
}

// came waits, prints what the control did and what people were told by it, and returns both. Other
// controls are not what the chapter is about, unless they failed.
func (s *stage) came(ctx context.Context, control string) ([]outcome, []letter, error) {
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
			for _, line := range s.printer.details(o) {
				s.say("%s %s: %s", control, s.printer.style.outcome(o.Outcome), line)
			}
		}
	}
	inbox, err := s.letters(ctx)
	if err != nil {
		return nil, nil, err
	}
	var letters []letter
	for _, l := range inbox {
		if l.Control == control {
			letters = append(letters, l)
			if s.verbose {
				s.say("%s", s.printer.style.dim(fmt.Sprintf("notice to %q: [%s] %s. %s", l.Owner, l.Severity, l.Title, l.Text)))
			}
		}
	}
	return outcomes, letters, nil
}

// one checks that there is one outcome, with one change when it is about one, and one notice to the
// owner.
func one(outcomes []outcome, letters []letter, word, owner string) (outcome, error) {
	if len(outcomes) != 1 || outcomes[0].Outcome != word {
		return outcome{}, fmt.Errorf("outcomes %+v, want one that %s", outcomes, word)
	}
	if len(letters) != 1 || letters[0].Owner != owner {
		return outcome{}, fmt.Errorf("notices %+v, want one to %s", letters, owner)
	}
	return outcomes[0], nil
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

func observed(ctx context.Context, s *stage) error {
	if _, err := s.addUser(ctx, "alice"); err != nil {
		return err
	}
	if err := s.attach(ctx, "alice", s3Full); err != nil {
		return err
	}
	outcomes, letters, err := s.came(ctx, "detach-direct-policy")
	if err != nil {
		return err
	}
	o, err := one(outcomes, letters, "would_change", "alice@example.com")
	if err != nil {
		return err
	}
	if len(o.Changes) != 1 || o.Changes[0].Target != s3Full {
		return fmt.Errorf("changes %+v, want what would be done about the policy", o.Changes)
	}
	arns, err := s.attached(ctx, "alice")
	if err != nil {
		return err
	}
	if !slices.Equal(arns, []string{s3Full}) {
		return fmt.Errorf("alice has %v, want the policy as it was", arns)
	}
	s.say("alice still has it")
	return nil
}

func directPolicy(ctx context.Context, s *stage) error {
	if _, err := s.addUser(ctx, "alice"); err != nil {
		return err
	}
	begin := time.Now()
	if err := s.attach(ctx, "alice", administrator); err != nil {
		return err
	}
	outcomes, letters, err := s.came(ctx, "detach-direct-policy")
	if err != nil {
		return err
	}
	took := time.Since(begin)
	if _, err := one(outcomes, letters, "changed", "alice@example.com"); err != nil {
		return err
	}
	arns, err := s.attached(ctx, "alice")
	if err != nil {
		return err
	}
	if len(arns) > 0 {
		return fmt.Errorf("alice has %v, want none", arns)
	}
	if took > 2*time.Second {
		return fmt.Errorf("it took %v, want at most 2 s", took)
	}
	s.say("alice has no policy any more, %d ms after the call", took.Milliseconds())
	return nil
}

func inlinePolicy(ctx context.Context, s *stage) error {
	if _, err := s.addUser(ctx, "bob"); err != nil {
		return err
	}
	// Spaces, tabs and the order of names are part of what must come back one day.
	document := "{\n\t\"Version\": \"2012-10-17\",\n  \"Statement\": [ { \"Action\":\"s3:GetObject\",  \"Effect\":\"Allow\", \"Resource\":\"arn:aws:s3:::reports/*\" } ]\n}\n"
	s.say("$ aws iam put-user-policy --user-name bob --policy-name reports --policy-document file://reports.json")
	if _, err := s.iam.PutUserPolicy(ctx, &iam.PutUserPolicyInput{
		UserName: aws.String("bob"), PolicyName: aws.String("reports"), PolicyDocument: &document,
	}); err != nil {
		return err
	}
	outcomes, letters, err := s.came(ctx, "detach-direct-policy")
	if err != nil {
		return err
	}
	o, err := one(outcomes, letters, "changed", "bob@example.com")
	if err != nil {
		return err
	}
	if len(o.Changes) != 1 || o.Changes[0].Before != document {
		return fmt.Errorf("changes %+v, want one with the document", o.Changes)
	}
	policies, err := s.iam.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: aws.String("bob")})
	if err != nil {
		return err
	}
	if len(policies.PolicyNames) > 0 {
		return fmt.Errorf("bob has %v, want none", policies.PolicyNames)
	}
	kept, err := s.ledgerHolds(ctx, document)
	if err != nil {
		return err
	}
	if !kept {
		return errors.New("the document is not in the ledger")
	}
	s.say("bob has no policy any more, the ledger has all %d bytes of it", len(document))
	return nil
}

// ledgerHolds tells whether any item of the ledger has the text as one of its values.
func (s *stage) ledgerHolds(ctx context.Context, text string) (bool, error) {
	client := dynamodb.NewFromConfig(config(s.account.URL, s.account.AccessKey, s.account.Secret, ""))
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

func staleKey(ctx context.Context, s *stage) error {
	const control = "deactivate-stale-access-key"
	user, err := s.addUser(ctx, "carol")
	if err != nil {
		return err
	}
	now := time.Now()
	old, err := s.addKey(ctx, "carol", now, 91)
	if err != nil {
		return err
	}
	young, err := s.addKey(ctx, "carol", now, 20)
	if err != nil {
		return err
	}

	s.say("14 days ago: the daily sweep")
	if err := s.sweep(ctx, control, now.AddDate(0, 0, -14)); err != nil {
		return err
	}
	outcomes, letters, err := s.came(ctx, control)
	if err != nil {
		return err
	}
	if _, err := one(outcomes, letters, "told", "carol@example.com"); err != nil {
		return err
	}
	s.say("today: AWS Config finds access-keys-rotated NON_COMPLIANT for AWS::IAM::User %s", *user.UserId)
	if err := s.deliver(ctx, configEvent("access-keys-rotated", *user.UserId, now)); err != nil {
		return err
	}
	if outcomes, letters, err = s.came(ctx, control); err != nil {
		return err
	}
	if _, err := one(outcomes, letters, "changed", "carol@example.com"); err != nil {
		return err
	}

	listed, err := s.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: user.UserName})
	if err != nil {
		return err
	}
	status := map[string]iamtypes.StatusType{}
	for _, key := range listed.AccessKeyMetadata {
		status[*key.AccessKeyId] = key.Status
	}
	if status[*old.AccessKeyId] != iamtypes.StatusTypeInactive || status[*young.AccessKeyId] != iamtypes.StatusTypeActive {
		return fmt.Errorf("keys %v, want %s alone inactive", status, *old.AccessKeyId)
	}
	if err := s.who(ctx, young); err != nil {
		return fmt.Errorf("use the young key: %w", err)
	}
	var refused smithy.APIError
	switch err := s.who(ctx, old); {
	case err == nil:
		return errors.New("use the old key: it works")
	case !errors.As(err, &refused) || refused.ErrorCode() != "InvalidClientTokenId":
		return fmt.Errorf("use the old key: %w, want InvalidClientTokenId", err)
	}
	s.say("the old key is refused from now on, the young one works")
	return nil
}

// addKey adds an access key of that age. That it was made is another story.
func (s *stage) addKey(ctx context.Context, user string, now time.Time, days int) (*iamtypes.AccessKey, error) {
	s.say("%d days ago: $ aws iam create-access-key --user-name %s", days, user)
	key, err := s.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		return nil, err
	}
	if _, _, err := s.came(ctx, "none"); err != nil {
		return nil, err
	}
	created := now.Add(-time.Duration(days)*24*time.Hour - time.Minute)
	return key.AccessKey, s.account.moto.Age(ctx, moto.Age{AccessKey: *key.AccessKey.AccessKeyId, Created: created})
}

// sweep starts a control by its schedule, at a time.
func (s *stage) sweep(ctx context.Context, control string, at time.Time) error {
	var resources []string
	for _, rule := range s.account.Stack.Rules {
		if rule.Schedule != "" && rule.Function == prefix+control {
			resources = append(resources, "arn:aws:events:"+region+":"+moto.AccountID+":rule/"+rule.Name)
		}
	}
	return s.deliver(ctx, map[string]any{
		"version": "0", "id": fmt.Sprintf("demo-sweep-%d", at.UnixNano()), "source": "aws.events", "detail-type": "Scheduled Event",
		"account": moto.AccountID, "time": at.UTC().Format(time.RFC3339), "region": region, "resources": resources, "detail": map[string]any{},
	})
}

func (s *stage) who(ctx context.Context, key *iamtypes.AccessKey) error {
	_, err := sts.NewFromConfig(config(s.account.URL, *key.AccessKeyId, *key.SecretAccessKey, "")).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	return err
}

// deliver puts an event on the bus.
func (s *stage) deliver(ctx context.Context, event any) error {
	data, err := json.Marshal(event)
	if err != nil {
		return err
	}
	deliveries, err := deliver(ctx, s.account.URL, data)
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
		"account": moto.AccountID, "time": stamp, "region": region, "resources": []string{},
		"detail": map[string]any{
			"messageType": "ComplianceChangeNotification", "recordVersion": "1.0",
			"configRuleName": rule, "configRuleARN": "arn:aws:config:" + region + ":" + moto.AccountID + ":config-rule/config-rule-demo",
			"awsAccountId": moto.AccountID, "awsRegion": region, "resourceType": "AWS::IAM::User", "resourceId": userID,
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

func quarantined(ctx context.Context, s *stage) error {
	if _, err := s.addUser(ctx, "dave"); err != nil {
		return err
	}
	if err := s.attach(ctx, "dave", quarantine); err != nil {
		return err
	}
	outcomes, _, err := s.came(ctx, "detach-direct-policy")
	if err != nil {
		return err
	}
	if len(outcomes) != 1 || len(outcomes[0].Changes) > 0 {
		return fmt.Errorf("outcomes %+v, want one without a change", outcomes)
	}
	arns, err := s.attached(ctx, "dave")
	if err != nil {
		return err
	}
	if !slices.Equal(arns, []string{quarantine}) {
		return fmt.Errorf("dave has %v, want the quarantine as it was", arns)
	}
	s.say("dave still is in quarantine")
	return nil
}

func signIns(ctx context.Context, s *stage) error {
	root, err := project.Find()
	if err != nil {
		return err
	}
	for _, signIn := range []struct{ file, title string }{
		{"root-console-login.json", "Root"},
		{"sso-console-login.json", "IAM Identity Center"},
		{"iam-console-login-no-mfa.json", "without MFA"},
	} {
		event, err := readEvent(filepath.Join(string(root), "events", signIn.file))
		if err != nil {
			return err
		}
		s.say("events/%s", signIn.file)
		if err := s.deliver(ctx, event.JSON); err != nil {
			return err
		}
		outcomes, letters, err := s.came(ctx, "alert-console-login")
		if err != nil {
			return err
		}
		if len(outcomes) != 1 || outcomes[0].Outcome != "told" || len(letters) != 1 || !strings.Contains(letters[0].Title, signIn.title) {
			return fmt.Errorf("%s: outcomes %+v and notices %+v, want one that speaks of %q", signIn.file, outcomes, letters, signIn.title)
		}
	}
	return nil
}

func twice(ctx context.Context, s *stage) error {
	if _, err := s.addUser(ctx, "erin"); err != nil {
		return err
	}
	// The policy comes without an event of its own: the two below are the only ones.
	if _, err := iam.NewFromConfig(own(s.account.moto)).AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{
		UserName: aws.String("erin"), PolicyArn: aws.String(s3Full),
	}); err != nil {
		return err
	}
	stamp := time.Now().UTC().Format(time.RFC3339)
	event := map[string]any{
		"version": "0", "id": "demo-twice-" + stamp, "source": "aws.iam", "detail-type": "AWS API Call via CloudTrail",
		"account": moto.AccountID, "time": stamp, "region": region, "resources": []string{},
		"detail": map[string]any{
			"eventVersion": "1.11", "eventTime": stamp, "eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy", "awsRegion": region,
			"eventID": "demo-twice-" + stamp, "eventType": "AwsApiCall", "readOnly": false, "managementEvent": true, "recipientAccountId": moto.AccountID,
			"sourceIPAddress": "127.0.0.1", "userAgent": "demo",
			"userIdentity": map[string]any{
				"type": "IAMUser", "userName": "operator", "accountId": moto.AccountID, "principalId": "AIDAOPERATOR",
				"arn": "arn:aws:iam::" + moto.AccountID + ":user/operator", "accessKeyId": s.account.AccessKey,
			},
			"requestParameters": map[string]any{"userName": "erin", "policyArn": s3Full}, "responseElements": nil,
		},
	}
	for range 2 {
		s.say("CloudTrail: AttachUserPolicy on erin, eventID demo-twice-%s", stamp)
		if err := s.deliver(ctx, event); err != nil {
			return err
		}
	}
	outcomes, letters, err := s.came(ctx, "detach-direct-policy")
	if err != nil {
		return err
	}
	changes := 0
	for _, o := range outcomes {
		if o.Outcome == "changed" {
			changes++
		}
	}
	if len(outcomes) != 2 || changes != 1 || len(letters) != 1 {
		return fmt.Errorf("outcomes %+v and %d notices, want one change and one notice of two events", outcomes, len(letters))
	}
	return nil
}

func failure(ctx context.Context, s *stage) error {
	function := prefix + "alert-console-login"
	s.say("DynamoDB refuses the function the ledger")
	if err := s.fault(ctx, front.Fault{Operation: "dynamodb:PutItem", Function: function, Status: 400, Code: "AccessDeniedException", Message: "refused for the demo"}); err != nil {
		return err
	}
	if err := s.fault(ctx, front.Fault{Operation: "dynamodb:GetItem", Function: function, Status: 400, Code: "AccessDeniedException", Message: "refused for the demo"}); err != nil {
		return err
	}
	root, err := project.Find()
	if err != nil {
		return err
	}
	event, err := readEvent(filepath.Join(string(root), "events", "iam-console-login-failed.json"))
	if err != nil {
		return err
	}
	s.say("events/iam-console-login-failed.json")
	if err := s.deliver(ctx, event.JSON); err != nil {
		return err
	}
	outcomes, err := s.settle(ctx)
	if err != nil {
		return err
	}
	if len(outcomes) != 1 || outcomes[0].Outcome != "failed" {
		return fmt.Errorf("outcomes %+v, want one that failed", outcomes)
	}
	s.say("%s %s: %s", outcomes[0].Control, s.printer.style.outcome("failed"), value(outcomes[0].Reason))
	queue := ""
	for _, f := range s.account.Stack.Functions {
		if f.Name == function {
			queue = f.OnFailure[strings.LastIndex(f.OnFailure, ":")+1:]
		}
	}
	url := s.account.URL + "/" + moto.AccountID + "/" + queue
	s.say("$ aws sqs receive-message --queue-url %s", url)
	received, err := sqs.NewFromConfig(config(s.account.URL, s.account.AccessKey, s.account.Secret, "")).ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url})
	if err != nil {
		return err
	}
	if len(received.Messages) != 1 {
		return fmt.Errorf("%d messages in the failure queue, want 1", len(received.Messages))
	}
	var record struct {
		RequestContext struct {
			Condition              string
			ApproximateInvokeCount int
		}
		RequestPayload struct{ ID string }
	}
	if err := json.Unmarshal([]byte(*received.Messages[0].Body), &record); err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	if record.RequestContext.ApproximateInvokeCount != 3 || record.RequestContext.Condition != "RetriesExhausted" || record.RequestPayload.ID != event.ID {
		return fmt.Errorf("record %+v, want that of the event after three attempts", record)
	}
	s.say("the event is kept there, after %d attempts: %s", record.RequestContext.ApproximateInvokeCount, record.RequestContext.Condition)
	return nil
}

// fault lets calls of a function fail.
func (s *stage) fault(ctx context.Context, f front.Fault) error {
	return post(ctx, s.account.URL+"/_warder/fault", f)
}
