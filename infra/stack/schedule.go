package stack

import (
	"fmt"
	"hash/crc32"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	// windowMinutes is how much later than its time a schedule may start something: Scheduler spreads what is due within
	// the window. It is short enough that a day and the window are less than checkHours.
	windowMinutes = 30

	// scheduledTries is how often Scheduler tries to hand over what is due, within maxEventSeconds: its own default.
	// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule.html
	scheduledTries = 185

	// scheduledInput is what a tool's schedule sends in place of an event: no request.
	scheduledInput = "{}"

	// sweepInput is what a control's schedule sends: the event of a scheduled rule, as warder sweep makes it for
	// a person who starts a sweep. Scheduler fills in what is in angle brackets.
	// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
	sweepInput = `{"version":"0","id":"<aws.scheduler.execution-id>","detail-type":"Scheduled Event",` +
		`"source":"aws.events","account":"${AWS::AccountId}","time":"<aws.scheduler.scheduled-time>",` +
		`"region":"${AWS::Region}","resources":["<aws.scheduler.schedule-arn>"],"detail":{}}`
)

// schedules is what all schedules share: their group, and the role with which Scheduler starts functions.
type schedules struct {
	group awsscheduler.CfnScheduleGroup
	role  awsiam.Role
}

// newSchedules adds the group and the role. With the role one can start what has a schedule, and nothing else, and only
// schedules of the group can use it: whoever may write schedules elsewhere cannot.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
func newSchedules(h *Hub) *schedules {
	var functions []string
	for _, c := range h.props.Controls {
		if c.Schedule != "" {
			functions = append(functions, "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"+
				settings.FunctionName(c.ID))
		}
	}
	if functions == nil {
		return nil
	}
	group := awsscheduler.NewCfnScheduleGroup(h.Stack, jsii.String("Schedules"), &awsscheduler.CfnScheduleGroupProps{})
	scheduler := awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
		Conditions: &map[string]any{"StringEquals": map[string]any{
			"aws:SourceAccount": h.Account(), "aws:SourceArn": group.AttrArn(),
		}},
	})
	return &schedules{group, awsiam.NewRole(h.Stack, jsii.String("SchedulesRole"), &awsiam.RoleProps{
		Path:        jsii.String(settings.RolePath),
		Description: jsii.String("What the schedules of Warder may start, and where what they cannot start is kept"),
		AssumedBy:   scheduler,
		InlinePolicies: &map[string]awsiam.PolicyDocument{"start": document(
			allow([]string{"lambda:InvokeFunction"}, functions, nil), may(h.Undelivered.QueueArn(), "sqs:SendMessage"),
		)},
	})}
}

// addSchedule adds what starts a function by itself. In mode off it is disabled. Its id is not "Schedule", which was a
// rule's: CloudFormation does not change the type of a resource.
func (h *Hub) addSchedule(scope constructs.Construct, c control.Control, function *string) {
	description, input, state := c.Title, jsii.String(scheduledInput), enabled
	if !c.Tool {
		description, input = c.Title+": sweep of the whole account", awscdk.Fn_Sub(jsii.String(sweepInput), nil)
	}
	if h.props.off(c) {
		state = disabled
	}
	awsscheduler.NewCfnSchedule(scope, jsii.String("Scheduled"), &awsscheduler.CfnScheduleProps{
		Description: jsii.String(description), GroupName: h.schedules.group.Ref(), State: jsii.String(state),
		ScheduleExpression: jsii.String(schedule(c)),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{
			Mode: jsii.String("FLEXIBLE"), MaximumWindowInMinutes: jsii.Number(windowMinutes),
		},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn: function, RoleArn: h.schedules.role.RoleArn(), Input: input,
			DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: h.Undelivered.QueueArn()},
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: jsii.Number(maxEventSeconds), MaximumRetryAttempts: jsii.Number(scheduledTries),
			},
		},
	})
}

// schedule is when a function starts by itself. What is to start once a day, at whatever time, has a time of its own,
// the same in every deployment: what has a rate starts together, at a time that each update sets anew, and all its
// notices with it. SNS suspends an email subscription that gets more than ten messages a second.
// https://docs.aws.amazon.com/general/latest/gr/sns.html#limits_sns
func schedule(c control.Control) string {
	if c.Schedule != "rate(1 day)" {
		return c.Schedule
	}
	minute := crc32.ChecksumIEEE([]byte(c.ID)) % (24 * 60)
	return fmt.Sprintf("cron(%d %d * * ? *)", minute%60, minute/60)
}
