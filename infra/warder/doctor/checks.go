package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	configtypes "github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// partitions are the partitions by the region in which IAM's events arrive.
var partitions = map[string]string{"us-east-1": "aws", "us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}

// credentials finds out whose the credentials are. Without that nothing else can be said.
func (d *doctor) credentials(ctx context.Context, l *lines) error {
	hub := d.Settings.HubRegion
	caller, err := sts.NewFromConfig(d.Config).GetCallerIdentity(ctx, nil)
	if err != nil {
		l.problem(fmt.Sprintf("hubRegion %s is of the partition %s: credentials of another are not known there", hub,
			partitions[hub]), "%v", account.Cause(err))
		return nil
	}
	who, err := arn.Parse(aws.ToString(caller.Arn))
	if err != nil {
		return err
	}
	d.id, d.partition = aws.ToString(caller.Account), who.Partition
	if who.Partition != partitions[hub] {
		l.problem("set hubRegion in cdk.json to the region of the partition "+who.Partition+" where IAM's events arrive",
			"the account %s is in the partition %s, and hubRegion %s is in %s", d.id, who.Partition, hub, partitions[hub])
	}
	l.ok("account %s, partition %s, as %s", d.id, d.partition, aws.ToString(caller.Arn))
	return nil
}

// signIns are regions in which AWS records console sign-ins of IAM users who have one, two or more
// tabs open, whatever region they work in, beside the hub's.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
var signIns = []string{"ap-southeast-2", "eu-north-1", "us-east-2"}

// region checks that a region of the settings can be used.
func (d *doctor) region(ctx context.Context, l *lines, region string) error {
	if region != d.Settings.HubRegion {
		_, err := sts.NewFromConfig(d.in(region)).GetCallerIdentity(ctx, nil)
		if account.Coded(err, "InvalidClientTokenId", "UnrecognizedClientException", "RegionDisabledException") {
			l.problem("enable the region for the account, or remove it from regions in cdk.json", "not enabled for this account")
			return nil
		}
		l.ok("enabled; its events are to go to %s", d.Settings.HubRegion)
		return err
	}
	l.ok("where IAM's events of this partition arrive")
	missing := slices.DeleteFunc(slices.Clone(signIns),
		func(r string) bool { return slices.Contains(d.Settings.Regions, r) })
	if d.partition == "aws" && len(missing) > 0 {
		l.remark("add them to regions in cdk.json", "console sign-ins are also recorded in %s, which are not among regions",
			strings.Join(missing, ", "))
	}
	return nil
}

// bootstrapVersion is where the CDK notes that a region is bootstrapped, and neededVersion what the
// stack's synthesizer asks for.
// https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
const (
	bootstrapVersion = "/cdk-bootstrap/hnb659fds/version"
	neededVersion    = 6
)

// bootstrap checks that the CDK can deploy to a region.
func (d *doctor) bootstrap(ctx context.Context, l *lines, region string) error {
	if d.Settings.AssetBucket != "" {
		l.ok("not needed: the functions' code comes from the bucket %s", d.Settings.AssetBucket)
		return nil
	}
	do := fmt.Sprintf("node_modules/.bin/cdk bootstrap --app cdk.out aws://%s/%s", d.id, region)
	out, err := ssm.NewFromConfig(d.in(region)).GetParameter(ctx,
		&ssm.GetParameterInput{Name: aws.String(bootstrapVersion)})
	if err != nil {
		return l.missing(err, do, "the CDK has not bootstrapped %s: make deploy will fail", region)
	}
	version := aws.ToString(out.Parameter.Value)
	if n, err := strconv.Atoi(version); err != nil || n < neededVersion {
		l.problem(do, "bootstrapped at version %s, and %d is needed", version, neededVersion)
	}
	l.ok("version %s", version)
	return nil
}

// trail checks that one trail logs management events: EventBridge gets API calls only while one does
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html). A trail
// of the organization, which members see as a shadow trail, does as well as the account's own.
func (d *doctor) trail(ctx context.Context, l *lines) error {
	client := cloudtrail.NewFromConfig(d.Config)
	out, err := client.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: aws.Bool(true)})
	if err != nil {
		return err
	}
	const start = "make a trail of all regions that logs management events, read and write, and start its logging"
	if len(out.TrailList) == 0 {
		l.problem(start, "there is no trail: API calls and sign-ins do not reach Warder, only sweeps and AWS Config do")
		return nil
	}
	var unread error
	var faults []string
	for _, trail := range out.TrailList {
		name := aws.ToString(trail.Name)
		switch fault, err := trailFault(ctx, client, trail); {
		case err != nil:
			unread = cmp.Or(unread, err)
		case fault != "":
			faults = append(faults, name+" "+fault)
		default:
			whose := "this account's"
			if aws.ToBool(trail.IsOrganizationTrail) {
				whose = "the organization's"
			}
			l.ok("%s logs management events of all regions (%s)", name, whose)
			return nil
		}
	}
	if unread == nil {
		l.problem(start+"; or put an existing one right", "no trail logs what Warder listens to: %s",
			strings.Join(faults, "; "))
	}
	return unread
}

// trailFault says what keeps a trail from logging all management events, empty for nothing.
func trailFault(ctx context.Context, client *cloudtrail.Client, trail trailtypes.Trail) (string, error) {
	id := trail.TrailARN // a shadow trail has no name here
	status, err := client.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: id})
	if err != nil {
		return "", err
	}
	selectors, err := client.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: id})
	switch {
	case err != nil:
		return "", err
	case !aws.ToBool(trail.IsMultiRegionTrail):
		return "is of one region only", nil
	case !aws.ToBool(status.IsLogging):
		return "does not log", nil
	case len(selectors.AdvancedEventSelectors) > 0:
		return unloggedAdvanced(selectors.AdvancedEventSelectors), nil
	}
	fault := "logs no management events"
	for _, s := range selectors.EventSelectors {
		// A selector that does not say logs management events.
		// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html
		switch on := s.IncludeManagementEvents == nil || *s.IncludeManagementEvents; {
		case !on:
		case s.ReadWriteType == "" || s.ReadWriteType == trailtypes.ReadWriteTypeAll:
			return "", nil
		default:
			fault = "logs management events of type " + string(s.ReadWriteType)
		}
	}
	return fault, nil
}

// unloggedAdvanced says what advanced selectors leave out of the management events, empty for nothing. Each that is
// about management events may keep to reads or writes, or to some services.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
func unloggedAdvanced(selectors []trailtypes.AdvancedEventSelector) string {
	reads, writes, fault := false, false, "logs no management events"
	for _, selector := range selectors {
		management, narrow, readOnly := false, "", []string{"true", "false"}
		for _, field := range selector.FieldSelectors {
			switch name := aws.ToString(field.Field); {
			case name == "eventCategory":
				management = slices.Contains(field.Equals, "Management")
			case name == "readOnly":
				readOnly = field.Equals
			case name == "eventSource" && field.NotEquals == nil:
				narrow = "most services"
			case name == "eventSource":
				for _, left := range field.NotEquals {
					// Two services have so many events that they may be left out; Warder listens to neither.
					if left != "kms.amazonaws.com" && left != "rdsdata.amazonaws.com" {
						narrow = left
					}
				}
			default:
				narrow = "what is not " + name
			}
		}
		switch {
		case management && narrow != "":
			fault = "leaves out management events of " + narrow
		case management:
			reads = reads || slices.Contains(readOnly, "true")
			writes = writes || slices.Contains(readOnly, "false")
		}
	}
	switch {
	case reads && writes:
		return ""
	case reads:
		return "logs management events of type ReadOnly"
	case writes:
		return "logs management events of type WriteOnly"
	}
	return fault
}

// configRules are the names of the Config rules that the settings name or have deployed.
func (d *doctor) configRules() []string {
	names := slices.Concat(slices.Collect(maps.Values(d.Settings.ConfigRules))...)
	for _, c := range d.Controls {
		for _, rule := range c.ConfigRules {
			if d.Settings.CreateConfigRules && d.Settings.Controls[c.ID].Mode != control.Off {
				names = append(names, settings.Product+"-"+rule.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// user is the type of resource that the Config rules are about.
const user = configtypes.ResourceTypeUser

// recorder checks that AWS Config records IAM users where its rules are. Without Config rules that is
// no more than a remark: sweeps find the same.
func (d *doctor) recorder(ctx context.Context, l *lines) error {
	region := d.Settings.ConfigRegion
	client := configservice.NewFromConfig(d.in(region))
	wrong := l.problem
	if !d.Settings.CreateConfigRules && len(d.Settings.ConfigRules) == 0 {
		wrong = func(_, format string, args ...any) {
			l.remark("", format+"; not needed: sweeps find the same once a day", args...)
		}
	}
	out, err := client.DescribeConfigurationRecorders(ctx, nil)
	if err != nil {
		return err
	}
	if len(out.ConfigurationRecorders) == 0 {
		wrong("set AWS Config up in "+region+", with the IAM resource types; "+
			"or set createConfigRules to false and configRules to {}", "AWS Config is not set up in %s", region)
		return nil
	}
	states, err := client.DescribeConfigurationRecorderStatus(ctx, nil)
	if err != nil {
		return err
	}
	var faults []string
	for _, recorder := range out.ConfigurationRecorders {
		name := aws.ToString(recorder.Name)
		switch {
		case !recordsUsers(recorder.RecordingGroup):
			faults = append(faults, name+" does not record IAM users")
		case !slices.ContainsFunc(states.ConfigurationRecordersStatus, func(s configtypes.ConfigurationRecorderStatus) bool {
			return aws.ToString(s.Name) == name && s.Recording
		}):
			faults = append(faults, name+" is stopped")
		default:
			l.ok("%s records IAM in %s", name, region)
			return nil
		}
	}
	wrong("record the IAM resource types in "+region+" (a region that is older than February 2022), "+
		"and start the recorder", "%s", strings.Join(faults, "; "))
	return nil
}

// recordsUsers reports whether a recorder records IAM users, which are global resources.
// https://docs.aws.amazon.com/config/latest/APIReference/API_RecordingGroup.html
func recordsUsers(group *configtypes.RecordingGroup) bool {
	if group == nil {
		return false // all but the global resource types
	}
	switch s := group.RecordingStrategy; {
	case s != nil && s.UseOnly == configtypes.RecordingStrategyTypeExclusionByResourceTypes:
		return group.ExclusionByResourceTypes == nil || !slices.Contains(group.ExclusionByResourceTypes.ResourceTypes, user)
	case s != nil && s.UseOnly == configtypes.RecordingStrategyTypeInclusionByResourceTypes, !group.AllSupported:
		return slices.Contains(group.ResourceTypes, user)
	}
	return group.IncludeGlobalResourceTypes
}

// configured checks that the Config rules are there.
func (d *doctor) configured(ctx context.Context, l *lines) error {
	names, region := d.configRules(), d.Settings.ConfigRegion
	client := configservice.NewFromConfig(d.in(region))
	working := []configtypes.ConfigRuleState{configtypes.ConfigRuleStateActive, configtypes.ConfigRuleStateEvaluating}
	for _, name := range names {
		out, err := client.DescribeConfigRules(ctx, &configservice.DescribeConfigRulesInput{ConfigRuleNames: []string{name}})
		created := d.Settings.CreateConfigRules && strings.HasPrefix(name, settings.Product+"-")
		switch {
		case account.Missing(err) && created:
			l.remark(deploy, "%s is not there yet", name)
		case account.Missing(err):
			l.problem("correct configRules in cdk.json, or make the rule in "+region, "%s is not a Config rule of %s", name,
				region)
		case err != nil:
			return err
		case !slices.ContainsFunc(out.ConfigRules,
			func(r configtypes.ConfigRule) bool { return slices.Contains(working, r.ConfigRuleState) }):
			l.problem("look at the rule in AWS Config", "%s is not active", name)
		}
	}
	if len(l.added) == 0 && len(names) > 0 {
		l.ok("%s in %s: %s", terminal.Count(len(names), "rule"), region, strings.Join(names, ", "))
	}
	return nil
}

// subscriptions checks that somebody is notified: that the addresses of the settings are subscribed and have
// confirmed, and that there is anybody at all.
func (d *doctor) subscriptions(ctx context.Context, l *lines) error {
	topic, mails := d.Settings.Notify.Topic, map[string]string{}
	elsewhere := topic != ""
	if !elsewhere {
		hub := d.stacks[0]
		if hub.err != nil {
			return hub.err
		}
		for _, id := range hub.of("AWS::SNS::Topic") {
			switch name := hub.physical[id]; { // the other one is the second way
			case strings.HasPrefix(id, "Notices"):
				topic = name
			case strings.HasPrefix(id, "Mails"), strings.HasPrefix(id, "OwnerMails"):
				mails[strings.TrimRight(id, "0123456789ABCDEF")] = name
			}
		}
	}
	at, err := arn.Parse(topic)
	if err != nil {
		l.problem(deploy, "the deployed stack has no topic")
		return nil //nolint:nilerr // it is reported as a problem
	}
	var found []snstypes.Subscription
	for _, topic := range append([]string{topic}, slices.Sorted(maps.Values(mails))...) {
		pages := sns.NewListSubscriptionsByTopicPaginator(sns.NewFromConfig(d.in(at.Region)),
			&sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil && !account.Missing(err) && at.AccountID != d.id {
				l.add(unknown, "look at the topic's subscriptions with credentials of account "+at.AccountID,
					"the topic is of account %s: who is subscribed cannot be read from here", at.AccountID)
				return nil
			}
			if err != nil {
				return l.missing(err, "make deploy; or correct notify.topic in cdk.json", "the topic %s does not exist", topic)
			}
			for _, s := range page.Subscriptions {
				s.TopicArn = &topic
				found = append(found, s)
			}
		}
	}
	confirmed, subscribed, mailer := 0, map[string]bool{}, ""
	for _, c := range d.Controls {
		if names(c, control.Mail) {
			mailer = d.feed(at, c)
		}
	}
	for _, s := range found {
		again := func(protocol string) string {
			return fmt.Sprintf("aws sns subscribe --region %s --topic-arn %s --protocol %s --notification-endpoint ADDRESS",
				at.Region, *s.TopicArn, protocol)
		}

		protocol, endpoint := aws.ToString(s.Protocol), aws.ToString(s.Endpoint)
		subscribed[*s.TopicArn+" "+protocol+" "+strings.ToLower(endpoint)] = true
		// https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
		switch aws.ToString(s.SubscriptionArn) {
		case "PendingConfirmation":
			l.problem("open the mail from AWS Notifications and confirm; for another mail: "+again(protocol),
				"%s has not confirmed", masked(protocol, endpoint))
		case "Deleted":
			l.problem(again(protocol), "%s has unsubscribed", masked(protocol, endpoint))
		default:
			if endpoint != mailer { // it mails to others
				confirmed++
			}
		}
	}
	for to, addresses := range map[string][]string{
		"Mails": d.Settings.Notify.Emails, "OwnerMails": d.Settings.MailedOwners(),
	} {
		for _, address := range addresses {
			if !elsewhere && !subscribed[mails[to]+" email "+strings.ToLower(address)] {
				l.problem(redeploy, "%s of the settings is not subscribed", masked("email", address))
			}
		}
	}
	for _, c := range d.Controls {
		posts := names(c, control.Slack) && d.Settings.Notify.Slack.On() || names(c, control.Mail) && d.Settings.Mails()
		if !elsewhere && c.Subscribes && posts && !subscribed[topic+" sqs "+strings.ToLower(d.feed(at, c))] {
			l.problem(redeploy, "%s is not subscribed", c.ID)
		}
	}
	if confirmed == 0 && InOrder(l.added) {
		l.problem("add an address to notify.emails in cdk.json and make deploy, or subscribe something to "+topic,
			"nobody is subscribed: nobody is notified of what Warder finds and does")
	}
	l.ok("%s", terminal.Count(confirmed, "subscriber"))
	return nil
}

// feed is the ARN of the queue that feeds a tool, in the region of the topic; empty if the hub has none.
func (d *doctor) feed(topic arn.ARN, c control.Control) string {
	for _, id := range d.stacks[0].of("AWS::SQS::Queue") {
		if strings.HasPrefix(strings.ToLower(id), strings.ReplaceAll(c.ID, "-", "")+"queue") {
			url := d.stacks[0].physical[id]
			return fmt.Sprintf("arn:%s:sqs:%s:%s:%s", d.partition, topic.Region, d.id, url[strings.LastIndex(url, "/")+1:])
		}
	}
	return ""
}

// masked is an endpoint by which its owner knows it, and others learn little.
func masked(protocol, endpoint string) string {
	name, domain, _ := strings.Cut(endpoint, "@")
	switch {
	case strings.HasPrefix(protocol, "email") && name != "":
		return string([]rune(name)[0]) + "…@" + domain
	case protocol == "sms":
		return "…" + endpoint[max(0, len(endpoint)-3):]
	case strings.HasPrefix(protocol, "http"): // the address of a webhook is a secret
		return "an address of protocol " + protocol
	}
	return endpoint
}

// slack checks that what holds Slack's token or webhook is there. It never reads what it holds.
func (d *doctor) slack(ctx context.Context, l *lines) error {
	set, with := d.Settings.Notify.Slack, " with the bot token or the webhook's address, in "+d.Settings.HubRegion
	if !set.On() {
		return nil
	}
	// Only the function may read what the secret or parameter holds.
	const try = "to see whether Slack accepts it, send a message as functions/post-to-slack/README.md shows"
	if set.Secret != "" {
		out, err := secretsmanager.NewFromConfig(d.Config).DescribeSecret(ctx,
			&secretsmanager.DescribeSecretInput{SecretId: &set.Secret})
		if err != nil {
			return l.missing(err, "aws secretsmanager create-secret --name "+set.Secret+with, "the secret %s is not there",
				set.Secret)
		}
		if out.DeletedDate != nil {
			l.problem("aws secretsmanager restore-secret --secret-id "+set.Secret,
				"the secret %s is to be deleted, and cannot be read", set.Secret)
		}
		l.add(ok, try, "the secret %s is there", set.Secret)
		return nil
	}
	out, err := ssm.NewFromConfig(d.Config).DescribeParameters(ctx, &ssm.DescribeParametersInput{
		ParameterFilters: []ssmtypes.ParameterStringFilter{
			{Key: aws.String("Name"), Option: aws.String("Equals"), Values: []string{set.Parameter}},
		},
	})
	create := "aws ssm put-parameter --type SecureString --overwrite --name " + set.Parameter + with
	switch {
	case err != nil:
		return err
	case len(out.Parameters) == 0:
		l.problem(create, "the parameter %s is not there", set.Parameter)
	case out.Parameters[0].Type != ssmtypes.ParameterTypeSecureString:
		l.problem(create, "the parameter %s is no SecureString: whoever may read parameters can read it", set.Parameter)
	}
	l.add(ok, try, "the parameter %s is there", set.Parameter)
	return nil
}

// halt checks the switch that stops every change.
func (d *doctor) halt(ctx context.Context, l *lines) error {
	h, err := ledger.New(d.store).Halt(ctx)
	if err != nil {
		return err
	}
	since := ""
	if !h.Since.IsZero() && h.Unproven == "" {
		since = " since " + day(h.Since)
	}
	if h.Halted {
		l.problem("warder resume, once the reason is over", "nothing is changed%s: %s", since, remediation.HaltReason(h))
	}
	l.ok("off%s", since)
	return nil
}

// breakers checks whether the blast radius has stopped a control.
func (d *doctor) breakers(_ context.Context, l *lines) error {
	contents, err := d.contents()
	for _, id := range slices.Sorted(maps.Keys(contents.Breakers)) {
		if breaker := contents.Breakers[id]; !breaker.Tripped.IsZero() {
			l.problem(fmt.Sprintf("read what is pending; then warder release --control %s --reason \"...\"", id),
				"%s has stopped at %d changes in an hour, on %s", id, d.Settings.BlastRadius, day(breaker.Tripped))
		}
	}
	l.ok("no control has reached %d changes in an hour and stopped", d.Settings.BlastRadius)
	return err
}

// queues checks that nothing waits in the queues that keep what failed or was not delivered, in the
// hub and in each region.
func (d *doctor) queues(ctx context.Context, l *lines) error {
	checked := 0
	for _, s := range d.stacks {
		if s.err != nil {
			l.unread(s.err)
			continue
		}
		for _, id := range s.keepers() {
			checked++
			pending, err := d.pending(ctx, s.region, s.physical[id])
			if err = l.missing(err, redeploy, "the queue of %s in %s does not exist: what fails is lost", id,
				s.region); err != nil {
				l.unread(err)
			}
			if pending > 0 {
				l.problem("find out why in the functions' logs, fix it, then warder redrive", "%s in %s (%s)",
					terminal.Count(pending, "event"), id, s.region)
			}
		}
	}
	l.ok("%s, nothing in them", terminal.Count(checked, "queue"))
	return nil
}

// pending is how many messages wait in a queue.
func (d *doctor) pending(ctx context.Context, region, url string) (int, error) {
	out, err := sqs.NewFromConfig(d.in(region)).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{
			sqstypes.QueueAttributeNameApproximateNumberOfMessages,
			sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		},
	})
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, count := range out.Attributes {
		n, e := strconv.Atoi(count)
		sum, err = sum+n, errors.Join(err, e)
	}
	return sum, err
}

// late is how old a control's last sweep may be: a day, and two hours for one that started late or
// was tried again.
const late = 26 * time.Hour

// scheduled is how the ledger names the event of a sweep.
const scheduled = "Scheduled Event"

// sweeps checks that each control with a sweep has completed one lately.
func (d *doctor) sweeps(_ context.Context, l *lines) error {
	contents, err := d.contents()
	if err != nil {
		return err
	}
	now, oldest := d.Now(), d.Now()
	swept, pending := 0, 0
	for _, c := range d.Controls {
		if c.Tool || c.Schedule == "" || d.inForce.Controls[c.ID].Mode == control.Off {
			continue
		}
		var last, done ledger.Run
		for _, run := range contents.Runs { // the first begun comes first
			switch {
			case run.Control != c.ID || run.Event != scheduled:
			case run.Done:
				last, done = run, run
			default:
				last = run
			}
		}
		again := "read the function's log, then warder sweep --control " + c.ID
		switch {
		case now.Sub(done.At) <= late:
			swept++
			if done.At.Before(oldest) {
				oldest = done.At
			}
		case last.At.IsZero() && now.Sub(d.stacks[0].changed) <= late:
			pending++
		case last.At.IsZero():
			l.problem(again, "%s has never swept the account", c.ID)
		case last.Key != done.Key && now.Sub(last.At) <= late:
			l.problem(again, "the last sweep of %s, %s, was not completed: %s", c.ID, ago(now, last.At), last.Reason)
		default:
			l.problem(again, "the last sweep of %s was %s", c.ID, ago(now, last.At))
		}
	}
	within := fmt.Sprintf("%s within %d hours", terminal.Count(swept, "control"), int(late.Hours()))
	switch deployed := ago(now, d.stacks[0].changed); {
	case !InOrder(l.added):
	case pending > 0 && swept == 0:
		l.remark("", "none yet: deployed %s, each control's first comes within a day", deployed)
	case pending > 0:
		l.remark("", "%s; %s, deployed %s, to come", within, terminal.Count(pending, "control"), deployed)
	case swept == 0:
		l.ok("no control has a sweep that is on")
	default:
		l.ok("%s, the oldest %s", within, ago(now, oldest))
	}
	return nil
}
