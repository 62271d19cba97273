package checkwarder

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/settings"
)

// listings are what is listed once, and then looked up.
type listings struct {
	alarms    map[string]any // as decoded JSON, by name
	alarmsErr error
	logs      map[string]logtypes.LogGroup // by name
	logsErr   error
}

// alarm checks an alarm: what it watches, and whom it notifies.
func (c *checker) alarm(ctx context.Context, r deployment.Resource) {
	kind, name := i18n.T("alarm"), r.Name
	if c.known.alarms == nil {
		c.listAlarms(ctx)
	}
	if c.known.alarmsErr != nil {
		c.unread(critical, name, kind, c.known.alarmsErr)
		return
	}
	there, _ := c.known.alarms[name].(map[string]any)
	if there == nil {
		c.differs(critical, name, i18n.T("The alarm %s does not exist any more: what it was for does not happen.", name))
		return
	}
	if there["ActionsEnabled"] != true {
		c.differs(critical, name, i18n.T("The alarm %s notifies nobody: its actions are disabled.", name))
	}
	if !deployment.Same(r.Properties["AlarmActions"], there["AlarmActions"]) {
		c.differs(critical, name, i18n.T("The alarm %s does not notify those that it was deployed to.", name))
	}
	for field, value := range r.Properties {
		switch field {
		case "AlarmActions", "AlarmDescription", "OKActions", "Tags":
			continue
		}
		if !deployment.Fits(value, there[field]) {
			c.differs(
				critical,
				name,
				i18n.T("The alarm %s goes off otherwise than it was deployed to: %s differs.", name, field),
			)
		}
	}
}

func (c *checker) listAlarms(ctx context.Context) {
	c.known.alarms = map[string]any{}
	pages := cloudwatch.NewDescribeAlarmsPaginator(c.alarms, &cloudwatch.DescribeAlarmsInput{
		AlarmNamePrefix: aws.String(settings.Product + "-"),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, func(o *cloudwatch.Options) { o.Region = c.region })
		if err != nil {
			c.known.alarmsErr = err
			return
		}
		for _, a := range page.MetricAlarms {
			c.known.alarms[aws.ToString(a.AlarmName)] = deployment.Value(a)
		}
	}
}

// logGroup checks that what a function writes is kept, as long as it was deployed to.
func (c *checker) logGroup(ctx context.Context, r deployment.Resource) {
	if c.known.logs == nil {
		c.listLogs(ctx)
	}
	there, known := c.known.logs[r.Name]
	days, _ := r.Properties["RetentionInDays"].(float64)
	switch {
	case c.known.logsErr != nil:
		c.unread(critical, r.Name, i18n.T("log group"), c.known.logsErr)
	case !known:
		c.differs(critical, r.Name, i18n.T("The log group %s does not exist any more: what it was for does not happen.",
			r.Name))
	case there.RetentionInDays != nil && float64(*there.RetentionInDays) < days:
		c.differs(high, r.Name, i18n.T("The log group %s keeps logs for %d days, and was deployed to keep them for %d.",
			r.Name, *there.RetentionInDays, int(days)))
	}
}

func (c *checker) listLogs(ctx context.Context) {
	c.known.logs = map[string]logtypes.LogGroup{}
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(c.logs, &cloudwatchlogs.DescribeLogGroupsInput{
		LogGroupNamePrefix: aws.String(settings.LogGroupName("")),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			c.known.logsErr = err
			return
		}
		for _, group := range page.LogGroups {
			c.known.logs[aws.ToString(group.LogGroupName)] = group
		}
	}
}

// metricFilter checks that the errors of a function are counted, for the alarm.
func (c *checker) metricFilter(ctx context.Context, r deployment.Resource) {
	group := r.Text("LogGroupName")
	out, err := c.logs.DescribeMetricFilters(ctx, &cloudwatchlogs.DescribeMetricFiltersInput{LogGroupName: &group})
	switch {
	case err != nil:
		c.unread(critical, group, i18n.T("log group"), err)
	case !slices.ContainsFunc(out.MetricFilters, func(f logtypes.MetricFilter) bool {
		return deployment.Fits(r.Properties, deployment.Value(f))
	}):
		c.differs(
			critical,
			group,
			i18n.T("Errors in the log group %s are not counted as they were deployed to be: the alarm "+
				"warder-errors may not go off.", group),
		)
	}
}

// table checks that nobody but Warder writes the ledger, and that it is not lost.
func (c *checker) table(ctx context.Context, r deployment.Resource) {
	kind, name := i18n.T("table"), r.Name
	out, err := c.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	protected, _ := r.Properties["DeletionProtectionEnabled"].(bool)
	if protected && !aws.ToBool(out.Table.DeletionProtectionEnabled) {
		c.differs(high, name, i18n.T("The table %s is not protected from deletion any more.", name))
	}
	backups, err := c.tables.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &name})
	if err != nil {
		c.unread(critical, name, kind, err)
	} else if of := backups.ContinuousBackupsDescription; of == nil || of.PointInTimeRecoveryDescription == nil ||
		of.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != dynamotypes.PointInTimeRecoveryStatusEnabled {
		c.differs(high, name, i18n.T("The table %s has no backups any more.", name))
	}
	policy, err := c.tables.GetResourcePolicy(ctx,
		&dynamodb.GetResourcePolicyInput{ResourceArn: out.Table.TableArn})
	if err != nil && !isAbsent(err) {
		c.unread(critical, name, kind, err)
		return
	}
	deployed, _ := r.Properties["ResourcePolicy"].(map[string]any)
	if err != nil || !deployment.Same(deployed["PolicyDocument"], deployment.JSON(aws.ToString(policy.Policy))) {
		c.differs(critical, name, i18n.T("The table %s has another policy than it was deployed with: others may write the "+
			"ledger, or Warder may not.", name))
	}
}

// bus checks the bus that other regions forward their events to, and who may put events on it.
func (c *checker) bus(ctx context.Context, r deployment.Resource) {
	out, err := c.rules.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &r.Name})
	if err != nil {
		c.unread(critical, r.Name, i18n.T("event bus"), err)
		return
	}
	var deployed []any
	for _, p := range c.stack.Of("AWS::Events::EventBusPolicy") {
		if p.Properties["EventBusName"] == r.Name {
			deployed = append(deployed, p.Properties["Statement"])
		}
	}
	policy, _ := deployment.JSON(aws.ToString(out.Policy)).(map[string]any)
	if aws.ToString(out.Policy) != "" && policy == nil || !deployment.Same(deployed, policy["Statement"]) {
		c.differs(high, r.Name, i18n.T("The event bus %s has another policy than it was deployed with: others may put "+
			"events on it.", r.Name))
	}
}

// role checks what a role of Warder's may do, and who has it.
func (c *checker) role(ctx context.Context, r deployment.Resource) {
	kind, name := i18n.T("role"), r.Name
	out, err := c.roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	if out.Role.PermissionsBoundary != nil ||
		!deployment.Same(r.Properties["AssumeRolePolicyDocument"], decoded(out.Role.AssumeRolePolicyDocument)) {
		c.differs(critical, name, i18n.T("The role %s can be assumed by others than it was deployed for, or has a boundary.",
			name))
	}
	inline, err := c.roles.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &name})
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	attached, err := c.roles.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &name})
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	differ := len(attached.AttachedPolicies) > 0
	deployed, _ := r.Properties["Policies"].([]any)
	for _, p := range deployed {
		p, _ := p.(map[string]any)
		policy, _ := p["PolicyName"].(string)
		i := slices.Index(inline.PolicyNames, policy)
		if i < 0 {
			differ = true
			continue
		}
		inline.PolicyNames = slices.Delete(inline.PolicyNames, i, i+1)
		got, err := c.roles.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &policy})
		if err != nil {
			c.unread(critical, name, kind, err)
			return
		}
		differ = differ || !deployment.Same(p["PolicyDocument"], decoded(got.PolicyDocument))
	}
	if differ || len(inline.PolicyNames) > 0 {
		c.differs(critical, name, i18n.T("The role %s may do more, or less, than it was deployed for.", name))
	}
}

// policy checks a managed policy of Warder's: a quarantine denies what it was deployed to deny.
func (c *checker) policy(ctx context.Context, r deployment.Resource) {
	kind, name := i18n.T("policy"), r.Name // of a managed policy, its ARN
	out, err := c.roles.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &name})
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	version, err := c.roles.GetPolicyVersion(ctx,
		&iam.GetPolicyVersionInput{PolicyArn: &name, VersionId: out.Policy.DefaultVersionId})
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	if !deployment.Same(r.Properties["PolicyDocument"], decoded(version.PolicyVersion.Document)) {
		c.differs(
			critical,
			name,
			i18n.T("The policy %s says something else than it was deployed with: who is under it may do "+
				"more.", name),
		)
	}
}

// group checks a group of Warder's: who is in it is under the policy that it was deployed with.
func (c *checker) group(ctx context.Context, r deployment.Resource) {
	kind, name := i18n.T("group"), r.Name
	out, err := c.roles.ListAttachedGroupPolicies(ctx, &iam.ListAttachedGroupPoliciesInput{GroupName: &name})
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	var attached []any
	for _, p := range out.AttachedPolicies {
		attached = append(attached, aws.ToString(p.PolicyArn))
	}
	if !deployment.Same(r.Properties["ManagedPolicyArns"], attached) {
		c.differs(
			critical,
			name,
			i18n.T("The group %s has other policies than it was deployed with: who is in it may do more.",
				name),
		)
	}
}

// decoded is a document as IAM answers it, which is encoded like a part of a URL.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html
func decoded(document *string) any {
	text, err := url.PathUnescape(aws.ToString(document))
	if err != nil || !strings.HasPrefix(strings.TrimSpace(text), "{") {
		text = aws.ToString(document)
	}
	return deployment.JSON(text)
}
