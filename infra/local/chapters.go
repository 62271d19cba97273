package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	warder "github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
	s3Full        = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	quarantine    = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"
)

// What the demo and the tour have in common.
var (
	onlyObserved = chapter{"Only observed: a direct policy stays, and its owner is told what would be done", []string{directPolicies}, observed}
	direct       = []chapter{
		{"A new direct policy is detached, and its owner is told", []string{directPolicies}, directPolicy},
		{"An inline policy is removed, and its document is kept byte for byte", []string{directPolicies}, inlinePolicy},
	}
	stale           = chapter{"A key of 91 days is deactivated, the young one stays; AWS Config names the user by its unique id alone", []string{staleKeys}, staleKey}
	quarantineStays = chapter{"The policy by which AWS quarantines a user is left alone", nil, quarantined}
	signedIn        = chapter{"Sign-ins are told as what they are: root, IAM Identity Center, an IAM user without MFA", []string{"alert-console-login"}, signIns}
	exposed         = chapter{"A key that AWS found in public is dead at once, and its user can do nothing", []string{"contain-exposed-key", "undo"}, exposedKey}
	public          = chapter{"A bucket that became public is closed; undone, it is exactly as open as it was", []string{"close-public-bucket", "undo"}, publicBucket}
	// The last one leaves a function that fails.
	robust = []chapter{
		{"The same event twice is acted on once, and told once", []string{directPolicies}, twice},
		{"What a function cannot handle is tried three times and then kept in its failure queue", nil, failure},
	}
)

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
	if err := s.account.Sweep(ctx, control, now.AddDate(0, 0, -14)); err != nil {
		return err
	}
	outcomes, letters, err := s.came(ctx, control)
	if err != nil {
		return err
	}
	if _, err := one(outcomes, letters, "told", "carol@example.com"); err != nil {
		return err
	}
	s.say("today, put on the bus in place of AWS Config: access-keys-rotated NON_COMPLIANT for AWS::IAM::User %s", *user.UserId)
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
		s.say("put on the bus: events/%s", signIn.file)
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
	if _, err := iam.NewFromConfig(s.account.Unrecorded()).AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{
		UserName: aws.String("erin"), PolicyArn: aws.String(s3Full),
	}); err != nil {
		return err
	}
	stamp := time.Now().UTC().Format(time.RFC3339)
	event := map[string]any{
		"version": "0", "id": "demo-twice-" + stamp, "source": "aws.iam", "detail-type": "AWS API Call via CloudTrail",
		"account": moto.AccountID, "time": stamp, "region": emulator.Region, "resources": []string{},
		"detail": map[string]any{
			"eventVersion": "1.11", "eventTime": stamp, "eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy", "awsRegion": emulator.Region,
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
		s.say("put on the bus in place of CloudTrail: AttachUserPolicy on erin, eventID demo-twice-%s", stamp)
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
	function := settings.FunctionName("alert-console-login")
	s.say("DynamoDB refuses the function the ledger")
	if err := s.account.Fail(ctx, endpoint.Fault{Operation: "dynamodb:PutItem", Function: function, Status: 400, Code: "AccessDeniedException", Message: "refused for the demo"}); err != nil {
		return err
	}
	if err := s.account.Fail(ctx, endpoint.Fault{Operation: "dynamodb:GetItem", Function: function, Status: 400, Code: "AccessDeniedException", Message: "refused for the demo"}); err != nil {
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
	s.say("put on the bus: events/iam-console-login-failed.json")
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
	s.did(outcomes[0])
	queue := ""
	for _, f := range s.account.Stack.Functions {
		if f.Name == function {
			queue = f.OnFailure[strings.LastIndex(f.OnFailure, ":")+1:]
		}
	}
	url := s.account.URL + "/" + moto.AccountID + "/" + queue
	s.say("$ aws sqs receive-message --queue-url %s", url)
	received, err := sqs.NewFromConfig(s.account.Operator()).ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url})
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

func exposedKey(ctx context.Context, s *stage) error {
	if _, err := s.addUser(ctx, "rupert"); err != nil {
		return err
	}
	key, err := s.newKey(ctx, "rupert")
	if err != nil {
		return err
	}
	if err := s.who(ctx, key); err != nil {
		return fmt.Errorf("use the key: %w", err)
	}
	s.say("put on the bus in place of AWS Health: AWS_RISK_CREDENTIALS_EXPOSED for access key %s", *key.AccessKeyId)
	if err := s.sample(ctx, "access-key-leaked", "AKIACIDEPLOYQEXAMPLE", *key.AccessKeyId); err != nil {
		return err
	}
	outcomes, letters, err := s.came(ctx, "contain-exposed-key")
	if err != nil {
		return err
	}
	o, err := one(outcomes, letters, "changed", "rupert@example.com")
	if err != nil {
		return err
	}
	if len(o.Changes) != 2 {
		return fmt.Errorf("changes %+v, want the key and the quarantine", o.Changes)
	}
	if err := s.who(ctx, key); err == nil {
		return errors.New("use the key: it works")
	}
	if err := s.quarantinedBy(ctx, "rupert", warder.KeyQuarantine); err != nil {
		return err
	}
	s.say("the key is refused from now on, and rupert is under a policy that denies everything")

	run, _, _ := strings.Cut(o.Changes[0].ID, "-")
	if refused, err := s.undo(ctx, run, "it was the key of a test account"); err != nil || refused != "" {
		return fmt.Errorf("undo: %w", cmp.Or(err, errors.New(refused)))
	}
	if err := s.who(ctx, key); err != nil {
		return fmt.Errorf("use the key: %w", err)
	}
	return s.has(ctx, "rupert", false)
}

// quarantinedBy checks that the user has one of Warder's own quarantine policies, and no other policy.
func (s *stage) quarantinedBy(ctx context.Context, user, policy string) error {
	arns, err := s.attached(ctx, user)
	want := "arn:aws:iam::" + moto.AccountID + ":policy" + warder.QuarantinePath + policy
	if err == nil && !slices.Equal(arns, []string{want}) {
		err = fmt.Errorf("%s has %q, want %s", user, arns, want)
	}
	return err
}

func publicBucket(ctx context.Context, s *stage) error {
	const control, name = "close-public-bucket", "acme-website-assets"
	bucket := &s3.Bucket{Name: name, Region: emulator.Region}
	cfg := s.account.Operator()
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	client := s3.New(cfg, time.Now)
	s.say("$ aws s3api create-bucket --bucket %s", name)
	if err := s.account.PutBucket(ctx, name); err != nil {
		return err
	}
	s.say("$ aws s3api put-public-access-block --bucket %s --public-access-block-configuration BlockPublicAcls=true", name)
	if err := client.PutBucketPublicAccessBlock(ctx, bucket, &s3.PublicAccessBlock{BlockPublicAcls: true}); err != nil {
		return err
	}
	s.say("put on the bus in place of IAM Access Analyzer: everybody may call s3:GetObject of bucket %s", name)
	if err := s.sample(ctx, "bucket-became-public", "acme-website-assets", name); err != nil {
		return err
	}
	outcomes, letters, err := s.came(ctx, control)
	if err != nil {
		return err
	}
	o, err := one(outcomes, letters, "changed", "")
	if err != nil {
		return err
	}
	block, err := client.GetBucketPublicAccessBlock(ctx, bucket)
	if err != nil {
		return err
	}
	if warder.Block(block) != warder.Closed {
		return fmt.Errorf("the block is %+v, want all of it", *block)
	}
	s.say("nothing can make the bucket public any more")

	if refused, err := s.undo(ctx, o.Changes[0].ID, "it is our website"); err != nil || refused != "" {
		return fmt.Errorf("undo: %w", cmp.Or(err, errors.New(refused)))
	}
	if block, err = client.GetBucketPublicAccessBlock(ctx, bucket); err != nil {
		return err
	}
	if *block != (s3.PublicAccessBlock{BlockPublicAcls: true}) {
		return fmt.Errorf("the block is %+v, want it as it was", *block)
	}
	_, err = s.inbox.Take(ctx)
	return err
}
