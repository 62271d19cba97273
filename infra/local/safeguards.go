package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	message "github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// The chapters of this file are about what keeps Warder from hurting anyone. Days pass in them: the
// time of the account is the time of its events.

const (
	staleKeys      = "deactivate-stale-access-key"
	directPolicies = "detach-direct-policy"
)

var safe = []chapter{
	{"Too many changes in an hour: stop, tell, and wait for a person", []string{directPolicies}, blastRadius},
	{"Told before acted on: 14 days, 3 days and 1 day before a key gets stale", []string{staleKeys}, toldBefore},
	{"An exemption holds until its last day, then there is notice and grace again", []string{directPolicies, "alert-policy-change"}, exempted},
	{"Halted, nothing is changed; resumed, the next sweep does what waited", []string{directPolicies}, halted},
	{"Undone exactly, and left alone for as long as the hold lasts", []string{directPolicies, "undo"}, undone},
	{"Why is this key dead?", []string{"explain"}, explained},
}

// later sweeps so many days from now.
func (s *stage) later(ctx context.Context, control string, days int) error {
	at, when := time.Now().AddDate(0, 0, days), fmt.Sprintf("in %d days", days)
	switch days {
	case 0:
		when = "today"
	case 1:
		when = "tomorrow"
	}
	s.say("%s, %s: the daily sweep", when, at.UTC().Format(time.DateOnly))
	return s.account.Sweep(ctx, control, at)
}

func toldBefore(ctx context.Context, s *stage) error {
	if _, err := s.addUser(ctx, "frank"); err != nil {
		return err
	}
	key, err := s.addKey(ctx, "frank", time.Now(), 76)
	if err != nil {
		return err
	}
	for _, day := range []struct {
		after  int
		status string
		told   []string
	}{
		{0, "waiting", []string{"warning"}},
		{1, "waiting", nil},
		{11, "waiting", []string{"reminder"}},
		{13, "waiting", []string{"reminder"}},
		{14, "verified", []string{"changed"}},
	} {
		if err := s.later(ctx, staleKeys, day.after); err != nil {
			return err
		}
		if _, err := s.about(ctx, staleKeys, "frank", day.status, day.told...); err != nil {
			return err
		}
		if err := s.who(ctx, key); (err == nil) != (day.status == "waiting") {
			return fmt.Errorf("use the key after %d days: %w", day.after, err)
		}
	}
	s.say("the key worked until the day that was told, and is refused from now on")
	return nil
}

func exempted(ctx context.Context, s *stage) error {
	if _, err := s.addUser(ctx, "grace"); err != nil {
		return err
	}
	value := directPolicies + " until " + time.Now().UTC().AddDate(0, 0, 10).Format(time.DateOnly) + " by kim@example.com for the migration"
	s.say("$ aws iam tag-user --user-name grace --tags 'Key=warder:exempt,Value=%s'", value)
	if _, err := s.iam.TagUser(ctx, &iam.TagUserInput{
		UserName: aws.String("grace"), Tags: []iamtypes.Tag{{Key: aws.String("warder:exempt"), Value: &value}},
	}); err != nil {
		return err
	}
	if outcomes, _, err := s.came(ctx, "alert-policy-change"); err != nil {
		return err
	} else if len(outcomes) != 1 || outcomes[0].Outcome != "told" {
		return fmt.Errorf("outcomes %+v, want that the exemption was told of", outcomes)
	}
	if err := s.attach(ctx, "grace", s3Full); err != nil {
		return err
	}
	if _, err := s.about(ctx, directPolicies, "grace", "skipped"); err != nil {
		return err
	}
	for _, day := range []struct {
		after  int
		status string
		told   []string
	}{
		{4, "skipped", []string{"alert"}}, // it ends soon
		{10, "skipped", nil},
		{11, "waiting", []string{"warning"}},
		{18, "verified", []string{"changed"}},
	} {
		if err := s.later(ctx, directPolicies, day.after); err != nil {
			return err
		}
		if _, err := s.about(ctx, directPolicies, "grace", day.status, day.told...); err != nil {
			return err
		}
		if err := s.has(ctx, "grace", day.status != "verified"); err != nil {
			return err
		}
	}
	return nil
}

// has checks whether the user has a managed policy.
func (s *stage) has(ctx context.Context, user string, want bool) error {
	arns, err := s.attached(ctx, user)
	if err == nil && len(arns) > 0 != want {
		err = fmt.Errorf("%s has %q", user, arns)
	}
	return err
}

// halt sets the halt switch.
func (s *stage) halt(ctx context.Context, value string) error {
	s.say("$ aws ssm put-parameter --name /warder/halt --value '%s' --overwrite", value)
	_, err := ssm.NewFromConfig(s.account.Operator()).PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String("/warder/halt"), Value: &value, Overwrite: aws.Bool(true),
	})
	return err
}

func halted(ctx context.Context, s *stage) error {
	if _, err := s.addUser(ctx, "heidi"); err != nil {
		return err
	}
	if err := s.halt(ctx, "kim@example.com: incident 42"); err != nil {
		return err
	}
	if err := s.attach(ctx, "heidi", administrator); err != nil {
		return err
	}
	if _, err := s.about(ctx, directPolicies, "heidi", "held", "held"); err != nil {
		return err
	}
	if err := s.has(ctx, "heidi", true); err != nil {
		return err
	}
	if err := s.halt(ctx, "no"); err != nil {
		return err
	}
	if err := s.later(ctx, directPolicies, 1); err != nil {
		return err
	}
	if _, err := s.about(ctx, directPolicies, "heidi", "verified", "changed"); err != nil {
		return err
	}
	return s.has(ctx, "heidi", false)
}

func undone(ctx context.Context, s *stage) error {
	told, err := s.limits(directPolicies)
	if err != nil {
		return err
	}
	if _, err := s.addUser(ctx, "ivan"); err != nil {
		return err
	}
	document := "{\"Version\":\"2012-10-17\",\n   \"Statement\":[{\"Effect\":\"Allow\", \"Action\":\"s3:GetObject\",\t\"Resource\":\"arn:aws:s3:::nightly/*\"}]}"
	s.say("$ aws iam put-user-policy --user-name ivan --policy-name nightly --policy-document file://nightly.json")
	if _, err := s.iam.PutUserPolicy(ctx, &iam.PutUserPolicyInput{
		UserName: aws.String("ivan"), PolicyName: aws.String("nightly"), PolicyDocument: &document,
	}); err != nil {
		return err
	}
	removed, err := s.about(ctx, directPolicies, "ivan", "verified", "changed")
	if err != nil {
		return err
	}
	var answer struct {
		Undone  []struct{ Action, Undo, Text string }
		Refused []struct{ Action, Why string }
	}
	request := map[string]string{"action": removed.ID, "by": "kim@example.com", "reason": "the nightly job needs it until Friday"}
	if err := s.invoke(ctx, "undo", request, &answer); err != nil {
		return err
	}
	if len(answer.Undone) != 1 || answer.Undone[0].Action != removed.ID || len(answer.Refused) > 0 {
		return fmt.Errorf("the answer is %+v, want that %s is undone", answer, removed.ID)
	}
	s.say("%s", answer.Undone[0].Text)
	if _, err := s.about(ctx, directPolicies, "ivan", "", "undone"); err != nil {
		return err
	}
	back, err := s.iam.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: aws.String("ivan"), PolicyName: aws.String("nightly")})
	if err != nil {
		return err
	}
	text, err := url.PathUnescape(*back.PolicyDocument)
	if err != nil {
		return err
	}
	if text != document {
		return fmt.Errorf("the policy came back as %q, want %q", text, document)
	}
	s.say("the policy is back, all %d bytes as they were", len(document))
	for _, day := range []struct {
		after  int
		status string
		told   []string
	}{
		{1, "skipped", nil},
		{told.HoldDays + 1, "waiting", []string{"warning"}},
	} {
		if err := s.later(ctx, directPolicies, day.after); err != nil {
			return err
		}
		if _, err := s.about(ctx, directPolicies, "ivan", day.status, day.told...); err != nil {
			return err
		}
	}
	s.say("the same again")
	if err := s.invoke(ctx, "undo", map[string]string{"action": removed.ID, "by": "lee@example.com", "reason": "again"}, &answer); err != nil {
		return err
	}
	if len(answer.Undone) > 0 || len(answer.Refused) != 1 {
		return fmt.Errorf("the answer is %+v, want a refusal", answer)
	}
	s.say("refused: %s", answer.Refused[0].Why)
	return nil
}

func blastRadius(ctx context.Context, s *stage) error {
	told, err := s.limits(directPolicies)
	if err != nil {
		return err
	}
	limit := told.BlastRadius
	var users []string
	for n := range limit + 2 {
		users = append(users, fmt.Sprintf("intern%02d", n+1))
	}
	s.say("$ for n in $(seq -w %d); do", len(users))
	s.say("    aws iam create-user --user-name intern$n --tags Key=owner,Value=intern$n@example.com")
	s.say("    aws iam attach-user-policy --user-name intern$n --policy-arn %s; done", s3Full)
	for _, user := range users {
		if _, err := s.iam.CreateUser(ctx, &iam.CreateUserInput{
			UserName: &user, Tags: []iamtypes.Tag{{Key: aws.String("owner"), Value: aws.String(user + "@example.com")}},
		}); err != nil {
			return err
		}
		if _, err := s.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: aws.String(s3Full)}); err != nil {
			return err
		}
	}
	count, err := s.changes(ctx, directPolicies)
	if err != nil {
		return err
	}
	if count["verified"] != limit || count["held"] != 2 {
		return fmt.Errorf("changes %v, want %d that are verified and 2 that are held", count, limit)
	}
	s.say("%s: %s", directPolicies, s.printer.style.outcome("changed"))
	s.say("  %d policies are detached, 2 are not", limit)
	letters, err := s.inbox.Take(ctx)
	if err != nil {
		return err
	}
	letters = slices.DeleteFunc(letters, func(l message.Message) bool { return l.Control != directPolicies || l.Kind != "alert" })
	if len(letters) != 1 {
		return fmt.Errorf("alerts %+v, want one", letters)
	}
	s.say("  told the topic's subscribers: %s (%s, %s)", letters[0].Title, letters[0].Kind, letters[0].Severity)
	s.say("  %s", letters[0].Text)

	var answer struct {
		Released bool
		Text     string
	}
	request := map[string]any{"release": map[string]string{"by": "kim@example.com", "reason": "the interns are real"}}
	if err := s.invoke(ctx, directPolicies, request, &answer); err != nil {
		return err
	}
	if !answer.Released {
		return fmt.Errorf("not released: %s", answer.Text)
	}
	s.say("%s", answer.Text)
	if err := s.later(ctx, directPolicies, 1); err != nil {
		return err
	}
	if count, err = s.changes(ctx, directPolicies); err != nil {
		return err
	}
	if count["verified"] != 2 || count["held"] != 0 {
		return fmt.Errorf("changes %v, want the 2 that waited", count)
	}
	s.say("%s: %s", directPolicies, s.printer.style.outcome("changed"))
	s.say("  the 2 that waited are detached")
	for _, user := range users {
		if err := s.has(ctx, user, false); err != nil {
			return err
		}
	}
	_, err = s.inbox.Take(ctx)
	return err
}

// limits are the settings that the chapters count by.
type limits struct{ BlastRadius, HoldDays int }

// limits are what the control's function was told.
func (s *stage) limits(control string) (told limits, err error) {
	for _, f := range s.account.Stack.Functions {
		if f.Name == settings.FunctionName(control) {
			err := json.Unmarshal([]byte(f.Env["WARDER_SETTINGS"]), &told)
			return told, err
		}
	}
	return told, fmt.Errorf("the template has no function of %s", control)
}

// changes waits and counts the changes of the control by how far they came.
func (s *stage) changes(ctx context.Context, control string) (map[string]int, error) {
	all, err := s.settle(ctx)
	count := map[string]int{}
	for _, o := range all {
		if o.Outcome == "failed" {
			err = errors.Join(err, fmt.Errorf("%s failed: %s", o.Control, o.Reason))
		}
		if o.Control == control {
			for _, c := range o.Changes {
				count[c.Status]++
			}
		}
	}
	return count, err
}

func explained(ctx context.Context, s *stage) error {
	keys, err := s.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String("frank")})
	if err != nil {
		return err
	}
	if len(keys.AccessKeyMetadata) != 1 {
		return fmt.Errorf("frank has %d keys, want one", len(keys.AccessKeyMetadata))
	}
	id := *keys.AccessKeyMetadata[0].AccessKeyId
	var answer struct {
		Text    string
		Actions []struct{ ID, Status, Undo string }
	}
	if err := s.invoke(ctx, "explain", map[string]string{"key": id[len(id)-4:]}, &answer); err != nil {
		return err
	}
	for line := range strings.Lines(strings.TrimSpace(answer.Text)) {
		s.say("  %s", strings.TrimRight(line, "\n"))
	}
	var undo string
	for _, action := range answer.Actions {
		if action.Status == "verified" {
			undo = action.Undo
		}
	}
	for _, want := range []string{"Now: inactive.", "frank@example.com (warning)", "frank@example.com (reminder)", "deactivated access key", undo} {
		if want == "" || !strings.Contains(answer.Text, want) {
			return fmt.Errorf("the answer does not say %q", want)
		}
	}
	if strings.Contains(answer.Text, id) {
		return errors.New("the answer holds the whole id of the key")
	}
	return nil
}
