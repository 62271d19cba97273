package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/slackserver"
	warder "github.com/warder-aws/warder/pkg/change"
)

// What only the tour has.
var (
	unused          = chapter{"A key that nobody used for 90 days: told, then made inactive", []string{"deactivate-unused-access-key"}, unusedKey}
	rotated         = chapter{"A user asks for new keys by a tag: one is made in time, and only the user can read it", []string{"rotate-access-key"}, rotatedKey}
	rootUsed        = chapter{"What root does is told as what it is; that it has no MFA is told until it has", []string{"alert-root-usage"}, rootUsage}
	policyChanged   = chapter{"Who gains administrator rights, or touches Warder, is told of; what Warder does itself is not", []string{"alert-policy-change"}, policyChange}
	openOutside     = chapter{"What others can reach, and what nobody uses, is told to its owner", []string{"alert-external-access"}, externalAccess}
	inSlack         = chapter{"The team reads it in Slack: one thread an incident, the owner mentioned, the commands to copy", []string{"post-to-slack", directPolicies, "undo"}, slackThread}
	signedInOutside = chapter{"Who signs in from outside the allowed networks can do nothing from there", []string{"quarantine-outside-login", "undo"}, outsideLogin}
	connected       = chapter{"Connections by EC2 Instance Connect are told; whoever makes one from outside makes no other", []string{"alert-instance-connect"}, instanceConnect}
	sessionEnded    = chapter{"A session on a machine that was started from outside is ended", []string{"end-outside-session"}, outsideSession}
	bounded         = chapter{"A new user without the permissions boundary gets it, and gets it back", []string{"require-permissions-boundary"}, boundary}
	rehearsed       = chapter{"A drill: violations that nobody has to fear show that Warder acts and tells, and how fast", []string{"drill"}, rehearsal}
	evidence        = chapter{"What was found and done this month is written as evidence, and told of once", []string{"report"}, evidenceOfTheMonth}
	rootKey         = chapter{"The access key of a member account's root user: told, then deleted, and that cannot be undone", []string{"delete-root-access-key"}, rootAccessKey}
)

func unusedKey(ctx context.Context, s *stage) error {
	const control = "deactivate-unused-access-key"
	if _, err := s.addUser(ctx, "judy"); err != nil {
		return err
	}
	now := time.Now()
	key, err := s.addKey(ctx, "judy", now, 200)
	if err != nil {
		return err
	}
	s.say("120 days ago: the key is used, and then not any more")
	if err := s.account.Moto.Age(ctx, moto.Age{AccessKey: *key.AccessKeyId, LastUsed: now.AddDate(0, 0, -120)}); err != nil {
		return err
	}
	for _, day := range []struct {
		after  int
		status string
		told   []string
	}{
		{0, "waiting", []string{"warning"}},
		{8, "verified", []string{"changed"}},
	} {
		if err := s.later(ctx, control, day.after); err != nil {
			return err
		}
		if _, err := s.about(ctx, control, "judy", day.status, day.told...); err != nil {
			return err
		}
	}
	if err := s.who(ctx, key); err == nil {
		return errors.New("use the key: it works")
	}
	s.say("the key is refused from now on")
	return nil
}

func rotatedKey(ctx context.Context, s *stage) error {
	const control = "rotate-access-key"
	user, err := s.addUser(ctx, "nina")
	if err != nil {
		return err
	}
	s.say("$ aws iam tag-user --user-name nina --tags Key=warder:rotate,Value=yes")
	if _, err := s.iam.TagUser(ctx, &iam.TagUserInput{
		UserName: aws.String("nina"), Tags: []iamtypes.Tag{{Key: aws.String("warder:rotate"), Value: aws.String("yes")}},
	}); err != nil {
		return err
	}
	old, err := s.addKey(ctx, "nina", time.Now(), 70)
	if err != nil {
		return err
	}
	if err := s.later(ctx, control, 0); err != nil {
		return err
	}
	if _, err := s.about(ctx, control, "nina", "verified", "changed"); err != nil {
		return err
	}
	name := warder.SecretName("nina", *old.AccessKeyId)
	store := secretsmanager.NewFromConfig(emulator.Config(s.account.URL, *old.AccessKeyId, *old.SecretAccessKey))
	policy, err := store.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: &name})
	if err != nil {
		return err
	}
	// Allowed to her, denied to everybody else.
	if text := aws.ToString(policy.ResourcePolicy); strings.Count(text, *user.Arn) != 2 || !strings.Contains(text, "Deny") {
		return fmt.Errorf("the policy of the secret is %s, want one for %s alone", text, *user.Arn)
	}
	s.say("the policy of the secret allows nina to read it and denies it to all others; this account does not check it")
	s.say("nina: $ aws secretsmanager get-secret-value --secret-id %s", name)
	secret, err := store.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return err
	}
	var made iamtypes.AccessKey
	if err := json.Unmarshal([]byte(*secret.SecretString), &made); err != nil {
		return fmt.Errorf("read the secret: %w", err)
	}
	for _, key := range []*iamtypes.AccessKey{old, &made} {
		if err := s.who(ctx, key); err != nil {
			return fmt.Errorf("use access key %s: %w", *key.AccessKeyId, err)
		}
	}
	if *made.AccessKeyId == *old.AccessKeyId {
		return errors.New("the secret holds the old key")
	}
	s.say("the old key works until it is stale, the new one from now on")
	return nil
}

// told delivers a sample and checks the one notice that comes of it: who it is for, and what its
// title says.
func (s *stage) told(ctx context.Context, control, sample, owner, title string, pairs ...string) error {
	s.say("put on the bus: events/%s.json", sample)
	if err := s.sample(ctx, sample, pairs...); err != nil {
		return err
	}
	outcomes, letters, err := s.came(ctx, control)
	if err != nil {
		return err
	}
	if _, err := one(outcomes, letters, "told", owner); err != nil {
		return fmt.Errorf("%s: %w", sample, err)
	}
	if !strings.Contains(letters[0].Title, title) {
		return fmt.Errorf("%s: told of %q, want %q", sample, letters[0].Title, title)
	}
	return nil
}

func rootUsage(ctx context.Context, s *stage) error {
	const control = "alert-root-usage"
	for _, use := range []struct{ sample, title string }{
		{"root-created-access-key", "access key"},
		{"root-gave-billing-to-iam", "illing"},
		{"root-session-deleted-login-profile", "session"},
	} {
		if err := s.told(ctx, control, use.sample, "", use.title); err != nil {
			return err
		}
	}
	if err := s.later(ctx, control, 0); err != nil {
		return err
	}
	outcomes, letters, err := s.came(ctx, control)
	if err != nil {
		return err
	}
	_, err = one(outcomes, letters, "told", "")
	return err
}

func policyChange(ctx context.Context, s *stage) error {
	const control = "alert-policy-change"
	if _, err := s.addUser(ctx, "walter"); err != nil {
		return err
	}
	if err := s.attach(ctx, "walter", administrator); err != nil {
		return err
	}
	_, letters, err := s.came(ctx, control)
	if err != nil {
		return err
	}
	if len(letters) != 1 || letters[0].Severity != "critical" {
		return fmt.Errorf("notices %+v, want a critical one of what the operator did", letters)
	}
	if err := s.has(ctx, "walter", false); err != nil {
		return err
	}
	s.say("that %s took it away again is no news", directPolicies)
	return s.told(ctx, control, "warder-rule-disabled", "", "Warder")
}

func externalAccess(ctx context.Context, s *stage) error {
	if _, err := s.addUser(ctx, "trent"); err != nil {
		return err
	}
	s.say("this account has no IAM Access Analyzer: samples stand in for its findings")
	for _, finding := range []struct{ sample, owner, title string }{
		{"role-open-to-other-account", "", "outside"},
		{"key-open-to-everybody", "", "everybody"},
		{"user-access-key-unused", "trent@example.com", "nused"},
	} {
		if err := s.told(ctx, "alert-external-access", finding.sample, finding.owner, finding.title, "team/data/erin@example.com", "trent"); err != nil {
			return err
		}
	}
	return nil
}

func outsideLogin(ctx context.Context, s *stage) error {
	if _, err := s.addUser(ctx, "oscar"); err != nil {
		return err
	}
	s.say("put on the bus in place of CloudTrail: oscar signs in to the console from 198.51.100.7; 203.0.113.0/24 is allowed")
	if err := s.sample(ctx, "iam-console-login-outside-network", "alice", "oscar"); err != nil {
		return err
	}
	c, err := s.about(ctx, "quarantine-outside-login", "oscar", "verified", "changed")
	if err != nil {
		return err
	}
	if err := s.quarantinedBy(ctx, "oscar", warder.OutsideQuarantine); err != nil {
		return err
	}
	if err := s.later(ctx, directPolicies, 0); err != nil {
		return err
	}
	if _, err := s.about(ctx, directPolicies, "oscar", "", "alert"); err != nil {
		return err
	}
	if err := s.quarantinedBy(ctx, "oscar", warder.OutsideQuarantine); err != nil {
		return err
	}
	s.say("the quarantine is left alone")
	if refused, err := s.undo(ctx, c.ID, "oscar is on a business trip"); err != nil || refused != "" {
		return fmt.Errorf("undo: %w", cmp.Or(err, errors.New(refused)))
	}
	return s.has(ctx, "oscar", false)
}

func instanceConnect(ctx context.Context, s *stage) error {
	const control = "alert-instance-connect"
	if _, err := s.addUser(ctx, "sybil"); err != nil {
		return err
	}
	if err := s.told(ctx, control, "ssh-key-sent", "sybil@example.com", "SSH", "alice", "sybil"); err != nil {
		return err
	}
	s.say("put on the bus: events/ssh-key-sent-outside-network.json")
	if err := s.sample(ctx, "ssh-key-sent-outside-network", "alice", "sybil"); err != nil {
		return err
	}
	outcomes, letters, err := s.came(ctx, control)
	if err != nil {
		return err
	}
	if _, err := one(outcomes, letters, "changed", "sybil@example.com"); err != nil {
		return err
	}
	return s.quarantinedBy(ctx, "sybil", warder.OutsideQuarantine)
}

func outsideSession(ctx context.Context, s *stage) error {
	const control, seoul = "end-outside-session", "ap-northeast-2"
	if _, err := s.addUser(ctx, "victor"); err != nil {
		return err
	}
	s.say("this account has no machines: two sessions of victor stand in for those on one")
	client := ssm.NewFromConfig(s.account.Operator(), func(o *ssm.Options) { o.Region = seoul })
	active := func(id string) (bool, error) {
		session, err := warder.ActiveSession(ctx, client, seoul, id)
		return session != nil, err
	}
	for _, session := range []struct {
		sample, id, from string
		ended            bool
	}{
		{"session-started-inside-network", "victor-1", "203.0.113.24", false},
		{"session-started-outside-network", "victor-2", "198.51.100.77", true},
	} {
		if err := s.account.Moto.StartSession(ctx, moto.Session{
			Region: seoul, ID: session.id, Target: "i-0abc1234def567890", Owner: "arn:aws:iam::" + moto.AccountID + ":user/victor",
		}); err != nil {
			return err
		}
		s.say("put on the bus in place of CloudTrail: victor starts session %s from %s; 203.0.113.0/24 is allowed", session.id, session.from)
		if err := s.sample(ctx, session.sample, "alice-0a1b2c3d4e5f6a7b8", session.id, "alice", "victor"); err != nil {
			return err
		}
		status, told := "", []string(nil)
		if session.ended {
			status, told = "verified", []string{"changed"}
		}
		if _, err := s.about(ctx, control, "victor", status, told...); err != nil {
			return err
		}
		there, err := active(session.id)
		if err != nil {
			return err
		}
		if there == session.ended {
			return fmt.Errorf("session %s is active: %t", session.id, there)
		}
	}
	s.say("the session from outside is over, the other one goes on")
	return nil
}

func boundary(ctx context.Context, s *stage) error {
	const control = "require-permissions-boundary"
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	s.say("$ aws iam create-policy --policy-name limit --policy-document file://limit.json")
	policy, err := s.iam.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("limit"), PolicyDocument: &document})
	if err != nil {
		return err
	}
	has := func() error {
		user, err := s.iam.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("peggy")})
		if err != nil {
			return err
		}
		if b := user.User.PermissionsBoundary; b == nil || *b.PermissionsBoundaryArn != *policy.Policy.Arn {
			return fmt.Errorf("the boundary of peggy is %+v, want %s", b, *policy.Policy.Arn)
		}
		return nil
	}
	s.say("$ aws iam create-user --user-name peggy --tags Key=owner,Value=peggy@example.com")
	if _, err := s.iam.CreateUser(ctx, &iam.CreateUserInput{
		UserName: aws.String("peggy"), Tags: []iamtypes.Tag{{Key: aws.String("owner"), Value: aws.String("peggy@example.com")}},
	}); err != nil {
		return err
	}
	if _, err := s.about(ctx, control, "peggy", "verified", "changed"); err != nil {
		return err
	}
	if err := has(); err != nil {
		return err
	}
	s.say("$ aws iam delete-user-permissions-boundary --user-name peggy")
	if _, err := s.iam.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: aws.String("peggy")}); err != nil {
		return err
	}
	if _, err := s.about(ctx, control, "peggy", "verified", "changed"); err != nil {
		return err
	}
	return has()
}

func rootAccessKey(ctx context.Context, s *stage) error {
	const control = "delete-root-access-key"
	s.say("this account has no organization: a double in memory stands in for member account %s and for AssumeRoot", endpoint.Member)
	var deleted change
	for _, day := range []struct {
		after int
		kind  string
	}{{0, "warning"}, {8, "changed"}} {
		if err := s.later(ctx, control, day.after); err != nil {
			return err
		}
		outcomes, letters, err := s.came(ctx, control)
		if err != nil {
			return err
		}
		if len(outcomes) != 1 || len(outcomes[0].Changes) != 1 || len(letters) != 1 || string(letters[0].Kind) != day.kind {
			return fmt.Errorf("outcomes %+v and notices %+v, want one change and one %s", outcomes, letters, day.kind)
		}
		deleted = outcomes[0].Changes[0]
	}
	if deleted.Status != "verified" {
		return fmt.Errorf("change %+v, want it verified", deleted)
	}
	refused, err := s.undo(ctx, deleted.ID, "something stopped")
	if err == nil && !strings.Contains(refused, "cannot be undone") {
		err = fmt.Errorf("refused with %q, want that it cannot be undone", refused)
	}
	return err
}

func slackThread(ctx context.Context, s *stage) error {
	const olivia = "U024BE7LH"
	s.say("this account has no Slack: a server on loopback stands for it")
	s.say("$ aws iam create-user --user-name olivia --tags Key=owner,Value=olivia@example.com Key=slack,Value=%s", olivia)
	if _, err := s.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("olivia"), Tags: []iamtypes.Tag{
		{Key: aws.String("owner"), Value: aws.String("olivia@example.com")}, {Key: aws.String("slack"), Value: aws.String(olivia)},
	}}); err != nil {
		return err
	}
	if _, _, err := s.came(ctx, "none"); err != nil {
		return err
	}
	before := len(s.account.Slack.Messages())
	if err := s.attach(ctx, "olivia", administrator); err != nil {
		return err
	}
	c, err := s.about(ctx, directPolicies, "olivia", "verified", "changed")
	if err != nil {
		return err
	}
	if refused, err := s.undo(ctx, c.ID, "olivia needs it for the release"); err != nil || refused != "" {
		return fmt.Errorf("undo: %w", cmp.Or(err, errors.New(refused)))
	}
	if _, err := s.settle(ctx); err != nil { // until the answer is posted as well
		return err
	}
	var thread []slackserver.Message
	for _, m := range s.account.Slack.Messages()[before:] {
		if slices.Contains(m.Mentions, olivia) {
			thread = append(thread, m)
			s.shown(m)
		}
	}
	// Others tell of olivia as well; the change and its undo are one incident.
	i := slices.IndexFunc(thread, func(m slackserver.Message) bool { return strings.Contains(m.Text, "Changed") })
	k := slices.IndexFunc(thread, func(m slackserver.Message) bool { return strings.Contains(m.Text, "Undone") })
	switch {
	case i < 0 || k < 0:
		return fmt.Errorf("%d messages mention olivia, want the change and the undo among them", len(thread))
	case thread[i].Thread != "" || thread[k].Thread != thread[i].ID:
		return fmt.Errorf("the undo is in thread %q, the change is message %q of thread %q", thread[k].Thread, thread[i].ID, thread[i].Thread)
	}
	for _, want := range []string{"$ make undo ID=", "$ make explain ID="} {
		if !slices.ContainsFunc(thread[i].Lines, func(line string) bool { return strings.HasPrefix(line, want) }) {
			return fmt.Errorf("no line of %q begins with %q", thread[i].Lines, want)
		}
	}
	return nil
}

// shown prints a message of the channel as it stands there.
func (s *stage) shown(m slackserver.Message) {
	s.say("%s", s.printer.style.dim(place(m)+":"))
	for _, line := range m.Lines {
		s.say("  | %s", line)
	}
}

// evidenceOfTheMonth has the report of this month written: it names what earlier chapters did.
func evidenceOfTheMonth(ctx context.Context, s *stage) error {
	month := time.Now().UTC().Format("2006-01")
	folder := s.out
	if folder == "" {
		temporary, err := os.MkdirTemp("", "warder-report-")
		if err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		defer func() { _ = os.RemoveAll(temporary) }()
		folder = temporary
	} else if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, kinds := range [][]string{{"alert"}, nil} {
		file, err := s.evidence(ctx, map[string]string{"month": month}, folder)
		if err != nil {
			return err
		}
		page, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read the report: %w", err)
		}
		for _, text := range []string{"<!DOCTYPE html>", "detached policy", "deactivated access key", `id="changes-undo"`, "13조"} {
			if !strings.Contains(string(page), text) {
				return fmt.Errorf("the page does not say %q", text)
			}
		}
		letters, err := s.inbox.Take(ctx)
		if err != nil {
			return err
		}
		var told []string
		for _, l := range letters {
			if l.Control == "report" {
				told = append(told, string(l.Kind))
				s.say("told the topic: %s", l.Title)
				s.full(l)
			}
		}
		if !slices.Equal(told, kinds) {
			return fmt.Errorf("notices %q, want %q", told, kinds)
		}
		if s.out != "" && kinds == nil {
			s.say("wrote %s: open it in a browser", file)
		}
	}
	s.say("the same report again is written anew, and told of to nobody")
	return nil
}
