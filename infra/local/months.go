package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/settings"
)

// months plays some months of a made-up company on a fresh account, by the clock of the events: the
// real functions, a sweep of every control each day, and what people do in between. Then it has the
// evidence of each month written, and fetches it.
func months(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("months", flag.ContinueOnError)
	count := flags.Int("months", 3, "how many months to play before this one")
	out := flags.String("out", "dist", "the folder that the reports are kept in")
	var language settings.Language
	flags.Func("language", "of the reports: en or ko (default: as the template says)", func(value string) error {
		if language = settings.Language(value); language != settings.English && language != settings.Korean {
			return errors.New("want en or ko")
		}
		return nil
	})
	rest, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	if len(rest) > 0 || *count < 1 || *count > 12 {
		fmt.Fprintln(stderr, "local: months takes 1 to 12 months and no other argument")
		return errUsage
	}
	s, err := openStage(ctx, printer{out: stdout, style: styleOf(stdout)}, scene{mode: "enforce"}, false, stderr)
	if err != nil {
		return err
	}
	defer s.account.Close()
	now := time.Now().UTC()
	this := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	c := company{
		stage: s, quiet: iam.NewFromConfig(s.account.Unrecorded()), random: rand.New(rand.NewPCG(2026, 11)), first: this.AddDate(0, -*count, 0),
	}
	if err := c.open(ctx); err != nil {
		return err
	}
	for begin := c.first; begin.Before(now); begin = begin.AddDate(0, 1, 0) {
		events, days := c.events, 0
		for day := begin; day.Before(begin.AddDate(0, 1, 0)) && day.Add(24*time.Hour).Before(now); day = day.Add(24 * time.Hour) {
			if err := c.day(ctx, day); err != nil {
				return fmt.Errorf("%s: %w", day.Format(time.DateOnly), err)
			}
			days++
		}
		s.say("%s: %d days, %d events and sweeps", begin.Format("2006-01"), days, c.events-events)
	}
	if err := c.today(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for begin := c.first; begin.Before(now); begin = begin.AddDate(0, 1, 0) {
		page, err := s.evidence(ctx, map[string]string{"month": begin.Format("2006-01"), "language": string(language)}, *out)
		if err != nil {
			return err
		}
		s.say("open %s", page)
	}
	return nil
}

// evidence has a report written, keeps its page and its table in the folder, and returns the file of
// the page.
func (s *stage) evidence(ctx context.Context, q map[string]string, folder string) (file string, err error) {
	asked := map[string]string{}
	for name, value := range q {
		if value != "" {
			asked[name] = value
		}
	}
	payload, err := json.Marshal(asked)
	if err != nil {
		return "", err
	}
	answer, err := s.invoke("report", string(payload))
	if err != nil {
		return "", err
	}
	var made struct{ Bucket, Region, HTML, CSV string }
	if err := json.Unmarshal(answer, &made); err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	client := s3.New(s.account.Operator())
	for _, key := range []string{made.CSV, made.HTML} {
		body, err := client.GetObject(ctx, &s3.Bucket{Name: made.Bucket, Region: made.Region}, key)
		if err != nil {
			return "", fmt.Errorf("get %s: %w", key, err)
		}
		file = filepath.Join(folder, path.Base(key))
		if err := os.WriteFile(file, body, 0o600); err != nil {
			return "", fmt.Errorf("keep the report: %w", err)
		}
	}
	return file, nil
}

// A company is the people of the account and what they do, the same on each run of the same month.
type company struct {
	*stage
	quiet  *iam.Client // whose calls are no events: those are put on the bus at their time
	random *rand.Rand
	first  time.Time
	events int
	hired  int
	fixes  map[string][]func(context.Context) error // by day: what people put right
}

var staff = []string{
	"alice", "billing-batch", "carol", "deploy-ci", "erin", "frank", "grace", "heidi", "ivan", "judy", "kiosk-sync", "mallory", "nina", "oscar",
	"peggy", "report-export", "sybil", "trent", "victor", "walter",
}

// open makes the company as it was on the day that Warder came.
func (c *company) open(ctx context.Context) error {
	c.fixes = map[string][]func(context.Context) error{}
	for _, age := range []int{40, 300, 95, 77, 150, 20, 88, 410} {
		if _, err := c.hire(ctx, c.first, age); err != nil {
			return err
		}
	}
	for i, policy := range []string{"AmazonS3FullAccess", "ReadOnlyAccess", "AmazonEC2FullAccess"} {
		if err := c.attach(ctx, staff[i], policy); err != nil {
			return err
		}
	}
	until := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	for user, text := range map[string]string{
		"grace": "deactivate-stale-access-key until " + until(75) + " by lee@example.com for a supplier who rotates in January",
		"heidi": "all until " + until(12) + " by kim@example.com for the migration of the billing batch",
		"alice": "detach-direct-policy until " + until(-20) + " by kim@example.com for the audit of the summer",
		"frank": "please do not touch, ask kim",
	} {
		if _, err := c.quiet.TagUser(ctx, &iam.TagUserInput{UserName: &user, Tags: []iamtypes.Tag{{Key: aws.String("warder:exempt"), Value: &text}}}); err != nil {
			return fmt.Errorf("tag %s: %w", user, err)
		}
	}
	return c.account.PutBucket(ctx, "acme-website-assets")
}

// hire adds a user with a key of the given age on a day, which is in use, and returns the key's id.
func (c *company) hire(ctx context.Context, day time.Time, age int) (key string, err error) {
	name := staff[c.hired%len(staff)]
	if round := c.hired / len(staff); round > 0 {
		name += fmt.Sprintf("-%d", round+1)
	}
	c.hired++
	if _, err := c.quiet.CreateUser(ctx, &iam.CreateUserInput{
		UserName: &name, Tags: []iamtypes.Tag{{Key: aws.String("owner"), Value: aws.String(name + "@example.com")}},
	}); err != nil {
		return "", fmt.Errorf("create user %s: %w", name, err)
	}
	made, err := c.quiet.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		return "", fmt.Errorf("create access key of %s: %w", name, err)
	}
	key = *made.AccessKey.AccessKeyId
	created := day.AddDate(0, 0, -age).Add(9 * time.Hour)
	if err := c.account.Moto.Age(ctx, moto.Age{User: name, Created: created.Add(-time.Hour)}); err != nil {
		return "", err
	}
	return key, c.account.Moto.Age(ctx, moto.Age{AccessKey: key, Created: created, LastUsed: time.Now()})
}

func (c *company) attach(ctx context.Context, user, policy string) error {
	_, err := c.quiet.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: aws.String("arn:aws:iam::aws:policy/" + policy)})
	if err != nil {
		return fmt.Errorf("attach policy to %s: %w", user, err)
	}
	return nil
}

// day plays one day: the sweeps of the night, and then what people do.
func (c *company) day(ctx context.Context, day time.Time) error {
	for _, fix := range c.fixes[day.Format(time.DateOnly)] {
		if err := fix(ctx); err != nil {
			return err
		}
	}
	var sweeps sync.WaitGroup
	var lock sync.Mutex
	var faults []error
	for i, control := range c.swept() {
		c.events++
		sweeps.Go(func() {
			err := c.account.Sweep(ctx, control, day.Add(3*time.Hour+time.Duration(i)*7*time.Minute))
			lock.Lock()
			defer lock.Unlock()
			faults = append(faults, err)
		})
	}
	sweeps.Wait()
	if err := errors.Join(faults...); err != nil {
		return err
	}
	weekend := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
	chance := func(share float64) bool { return c.random.Float64() < share && !weekend }
	someone := func() string { return staff[c.random.IntN(min(c.hired, len(staff)))] }
	if chance(0.6) {
		if err := c.event(ctx, "iam-console-login-mfa", day, `"alice"`, `"`+someone()+`"`); err != nil {
			return err
		}
	}
	if chance(0.22) {
		user, policy := someone(), []string{"AmazonS3FullAccess", "AmazonDynamoDBFullAccess", "PowerUserAccess", "AmazonSQSFullAccess"}[c.random.IntN(4)]
		if err := c.attach(ctx, user, policy); err != nil {
			return err
		}
		if err := c.event(ctx, "direct-policy-attached", day, `"bob"`, `"`+user+`"`, "AmazonS3FullAccess", policy); err != nil {
			return err
		}
	}
	if chance(0.12) {
		// In the column of a key that gets stale soon; every other owner rotates it in time.
		key, err := c.hire(ctx, day, 78)
		if err != nil {
			return err
		}
		user := staff[(c.hired-1)%len(staff)]
		if round := (c.hired - 1) / len(staff); round > 0 {
			user += fmt.Sprintf("-%d", round+1)
		}
		if c.hired%2 == 0 {
			on := day.AddDate(0, 0, 6).Format(time.DateOnly)
			c.fixes[on] = append(c.fixes[on], func(ctx context.Context) error {
				_, err := c.quiet.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &key})
				return err
			})
		}
	}
	switch day.Day() {
	case 6:
		return c.event(ctx, "root-console-login", day)
	case 11:
		return c.event(ctx, "policy-version-created-admin", day)
	case 17:
		key, err := c.hire(ctx, day, 10)
		if err != nil {
			return err
		}
		return c.event(ctx, "access-key-leaked", day, "AKIACIDEPLOYQEXAMPLE", key, "0f20da21209a5f9b88b78a0937f34b41-1", "exposed-"+key)
	case 23:
		return c.event(ctx, "bucket-became-public", day)
	}
	return nil
}

// swept are the controls that a schedule starts.
func (c *company) swept() []string {
	var all []string
	for _, rule := range c.account.Stack.Rules {
		if id := emulator.Control(rule.Function); rule.Schedule != "" && rule.Input == "" && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all
}

// event puts a sample of events/ on the bus, as if it happened on that day. It arrives later than it
// happened, as CloudTrail's do: mostly within minutes
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html).
func (c *company) event(ctx context.Context, name string, day time.Time, pairs ...string) error {
	root, err := project.Find()
	if err != nil {
		return err
	}
	file, err := readEvent(filepath.Join(string(root), "events", name+".json"))
	if err != nil {
		return err
	}
	happened := day.Add(9*time.Hour + time.Duration(c.random.IntN(9*60*60))*time.Second)
	late := time.Duration(20+60*math.Exp(c.random.NormFloat64())) * time.Second
	text := strings.NewReplacer(append(pairs, "111122223333", moto.AccountID)...).Replace(string(file.JSON))
	var event map[string]any
	if err := json.Unmarshal([]byte(text), &event); err != nil {
		return fmt.Errorf("read events/%s.json: %w", name, err)
	}
	c.events++
	event["id"] = fmt.Sprintf("months-%d", c.events)
	event["time"] = happened.Add(late).Format(time.RFC3339)
	if detail, ok := event["detail"].(map[string]any); ok {
		if _, recorded := detail["eventTime"]; recorded {
			detail["eventTime"], detail["eventID"] = happened.Format(time.RFC3339), fmt.Sprintf("%08x-0000-4000-8000-%012x", c.events, happened.Unix())
		}
	}
	data, err := json.Marshal(event)
	if err == nil {
		_, err = c.account.Send(ctx, data)
	}
	return err
}

// today is what people do by the clock of the wall: one change is put back, and Warder is halted for a
// moment.
func (c *company) today(ctx context.Context) error {
	outcomes, _, err := c.settle()
	if err != nil {
		return err
	}
	for _, o := range slices.Backward(outcomes) {
		if o.Control != "detach-direct-policy" || o.Outcome != "changed" {
			continue
		}
		if _, err := c.undo(o.Changes[0].ID, "the nightly export needs it until it has a role"); err != nil {
			return err
		}
		break
	}
	client := ssm.NewFromConfig(c.account.Operator())
	set := func(value string) error {
		c.say("$ aws ssm put-parameter --overwrite --name %s --value %q", settings.HaltParameter, value)
		_, err := client.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(settings.HaltParameter), Value: &value, Overwrite: aws.Bool(true)})
		return err
	}
	if err := set("the settlement of the month runs (by kim@example.com)"); err != nil {
		return fmt.Errorf("halt: %w", err)
	}
	if err := c.attach(ctx, "erin", "AmazonRDSFullAccess"); err != nil {
		return err
	}
	if err := c.event(ctx, "direct-policy-attached", time.Now().Add(-24*time.Hour), `"bob"`, `"erin"`, "AmazonS3FullAccess", "AmazonRDSFullAccess"); err != nil {
		return err
	}
	return set("no")
}
