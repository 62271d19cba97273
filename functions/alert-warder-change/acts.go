package alertwarderchange

import (
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
)

const (
	low      = control.Low
	medium   = control.Medium
	high     = control.High
	critical = control.Critical
)

// act is what a call does to Warder.
type act struct {
	severity control.Severity
	effect   i18n.Message // what follows from it
	// by is for a call whose parameters decide how bad it is; nil for others.
	by func(*event.APICall) act
}

// The effects of several calls.
var (
	ruleOff = act{critical, i18n.T("Events that the rule matched do not start anything any more."), nil}
	ruleSet = act{critical, i18n.T("The rule may match other events, or start something else, than it was deployed for."),
		nil}
	ruleOn = act{medium, i18n.T("The rule is enabled. It may have been disabled before."), nil}

	scheduleOff = act{critical, i18n.T("What the schedule starts, a sweep or the daily check, does not start by itself " +
		"any more."), nil}
	scheduleSet = act{critical, i18n.T("A function may start at other times than it was deployed for, or with an event " +
		"that somebody made up."), nil}

	ended = act{critical, i18n.T("It does not exist any more, and what it was for does not happen."), nil}

	code = act{critical, i18n.T("The function may do something else than it was deployed for, with the rights of its " +
		"role."), nil}
	invokers = act{critical, i18n.T("Somebody else may be able to invoke it, or what is to start it may not be able to " +
		"any more."), nil}
	source = act{critical, i18n.T("Records may start the function that are not meant for it, or may not reach the " +
		"function that they are meant for."), nil}
	version = act{medium, i18n.T("It has another version or alias. Warder's rules start the latest version."), nil}
	retries = act{high, i18n.T("What fails may not be retried, or not be kept."), nil}

	topicSet = act{critical, i18n.T("Notices and alarms may not be delivered any more, may be read by others, or may be " +
		"forged."), nil}
	subscribed = act{high, i18n.T("A new subscriber receives every notice as soon as it has confirmed."), nil}
	heard      = act{high, i18n.T("A subscriber receives no notices any more, or not all of them."), nil}

	queueSet = act{critical, i18n.T("Events that failed may not be kept any more, or others may read or send them."), nil}
	purged   = act{critical, i18n.T("Events that were kept in the queue because they failed are lost."), nil}
	redriven = act{medium, i18n.T("Messages that were kept in the queue are sent to another queue."), nil}

	tableSet = act{critical, i18n.T("Entries of the ledger may be lost, changed or read by others: what was done, and " +
		"what undoes it."), nil}
	copied = act{high, i18n.T("Somebody made a copy of the ledger, or is making one."), nil}

	alarmSet = act{critical, i18n.T("The alarm may not notify anybody any more."), nil}
	alarmOn  = act{medium, i18n.T("The alarm notifies again. It may have been silent before."), nil}

	keyOff = act{critical, i18n.T("Without the key nothing can be published to the topic: notices and alarms stop."),
		nil}
	keyOn     = act{medium, i18n.T("The key can be used again. It may have been disabled before."), nil}
	keyShared = act{critical, i18n.T("Others may use the key, or Warder may not: notices and alarms would stop."), nil}
	granted   = act{high, i18n.T("Somebody may use the key whom its policy does not name."), nil}

	logsSet  = act{high, i18n.T("Logs of a function may be lost, hidden or copied."), nil}
	logsGone = act{critical, i18n.T("The logs of a function are lost, and it may not be able to write new ones."), nil}

	uncounted = act{high, i18n.T("Errors of a function may be counted otherwise, or not at all."), nil}

	deploying = act{low, i18n.T("CloudFormation changes Warder as its template says."), nil}
	deleting  = act{critical, i18n.T("CloudFormation deletes Warder."), nil}
	guarded   = act{medium, i18n.T("The stack may be easier to change or to delete than before."), nil}

	tagged = act{low, i18n.T("Only its tags, name or description changed."), nil}

	// harmless is nothing to alert on: it changes nothing, or is what Lambda does for its functions.
	harmless = act{}

	// unknown is a call that changes something, and that is not in the table: AWS adds calls.
	unknown = act{critical, i18n.T("Warder does not know what this call changes."), nil}
)

// acts are the calls that change something of Warder's, by event source and event name without the version that
// Lambda's have. A call about Warder that is not here is unknown.
var acts = map[string]map[string]act{
	"events.amazonaws.com": {
		"CreateArchive":    {high, i18n.T("Copies of the events on the bus are kept."), nil},
		"DeleteEventBus":   ended,
		"DeleteRule":       ruleOff,
		"DisableRule":      ruleOff,
		"EnableRule":       ruleOn,
		"PutPermission":    {high, i18n.T("Others may put events on the bus."), nil},
		"PutRule":          ruleSet,
		"PutTargets":       ruleSet,
		"RemovePermission": {medium, i18n.T("Others may not be able to put events on the bus any more."), nil},
		"RemoveTargets":    ruleOff,
		"StartReplay":      {high, i18n.T("Old events are sent again to Warder's rules."), nil},
		"UpdateEventBus":   {high, i18n.T("Events on the bus may be encrypted or kept otherwise."), nil},
		"CreateEventBus":   deploying,
		"UpdateArchive":    tagged,
	},
	"lambda.amazonaws.com": {
		"AddPermission":                      invokers,
		"CreateAlias":                        version,
		"CreateEventSourceMapping":           source,
		"CreateFunction":                     code,
		"CreateFunctionUrlConfig":            {by: openly, severity: critical},
		"DeleteAlias":                        version,
		"DeleteEventSourceMapping":           source,
		"DeleteFunction":                     ended,
		"DeleteFunctionCodeSigningConfig":    {high, i18n.T("Code that nobody signed can be put into the function."), nil},
		"DeleteFunctionConcurrency":          {medium, i18n.T("The function has no limit of its own any more."), nil},
		"DeleteFunctionEventInvokeConfig":    retries,
		"DeleteFunctionUrlConfig":            {medium, i18n.T("It had an address on the internet, which is gone."), nil},
		"DeleteProvisionedConcurrencyConfig": version,
		"DeleteResourcePolicy":               invokers,
		"PublishVersion":                     version,
		"PutFunctionCodeSigningConfig":       code,
		"PutFunctionConcurrency":             {by: limited, severity: high},
		"PutFunctionEventInvokeConfig":       retries,
		"PutFunctionRecursionConfig":         {high, i18n.T("Lambda may stop the function, or let it start itself."), nil},
		"PutFunctionScalingConfig":           {by: limited, severity: high},
		"PutProvisionedConcurrencyConfig":    version,
		"PutResourcePolicy":                  invokers,
		"PutRuntimeManagementConfig":         code,
		"RemovePermission":                   invokers,
		"TagResource":                        tagged,
		"UntagResource":                      tagged,
		"UpdateAlias":                        version,
		"UpdateEventSourceMapping":           source,
		"UpdateFunctionCode":                 code,
		"UpdateFunctionConfiguration":        code,
		"UpdateFunctionEventInvokeConfig":    retries,
		"UpdateFunctionUrlConfig":            {by: openly, severity: critical},
	},
	// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Operations.html
	"scheduler.amazonaws.com": {
		"CreateSchedule":      scheduleSet,
		"CreateScheduleGroup": deploying,
		"DeleteSchedule":      scheduleOff,
		"DeleteScheduleGroup": scheduleOff,
		"UpdateSchedule":      {by: rescheduled, severity: critical},
	},
	"sns.amazonaws.com": {
		"AddPermission":             topicSet,
		"ConfirmSubscription":       {medium, i18n.T("A subscriber has confirmed and receives notices."), nil},
		"CreateTopic":               topicSet,
		"DeleteTopic":               ended,
		"PutDataProtectionPolicy":   topicSet,
		"RemovePermission":          topicSet,
		"SetSubscriptionAttributes": heard,
		"SetTopicAttributes":        topicSet,
		"Subscribe":                 subscribed,
		"TagResource":               tagged,
		"Unsubscribe":               heard,
		"UntagResource":             tagged,
	},
	"sqs.amazonaws.com": {
		"AddPermission":         queueSet,
		"CancelMessageMoveTask": redriven,
		"CreateQueue":           queueSet,
		"DeleteQueue":           ended,
		"PurgeQueue":            purged,
		"RemovePermission":      queueSet,
		"SetQueueAttributes":    queueSet,
		"StartMessageMoveTask":  redriven,
		"TagQueue":              tagged,
		"UntagQueue":            tagged,
	},
	"dynamodb.amazonaws.com": {
		"CreateBackup":                       copied,
		"CreateGlobalTable":                  copied,
		"CreateTable":                        tableSet,
		"DeleteBackup":                       tableSet,
		"DeleteResourcePolicy":               tableSet,
		"DeleteTable":                        tableSet,
		"DisableKinesisStreamingDestination": copied,
		"EnableKinesisStreamingDestination":  copied,
		"ExportTableToPointInTime":           copied,
		"ImportTable":                        tableSet,
		"PutResourcePolicy":                  tableSet,
		"RestoreTableFromBackup":             copied,
		"RestoreTableToPointInTime":          copied,
		"StartBulkPutItems":                  tableSet,
		"TagResource":                        tagged,
		"UntagResource":                      tagged,
		"UpdateContinuousBackups":            tableSet,
		"UpdateContributorInsights":          {medium, i18n.T("Its most frequent keys can be read in CloudWatch."), nil},
		"UpdateGlobalTable":                  copied,
		"UpdateGlobalTableSettings":          tableSet,
		"UpdateKinesisStreamingDestination":  copied,
		"UpdateTable":                        tableSet,
		"UpdateTableReplicaAutoScaling":      tableSet,
		"UpdateTimeToLive":                   tableSet,
	},
	"monitoring.amazonaws.com": {
		"DeleteAlarms":        ended,
		"DeleteDashboards":    {medium, i18n.T("The dashboard does not exist any more."), nil},
		"DisableAlarmActions": alarmSet,
		"EnableAlarmActions":  alarmOn,
		"PutAlarmMuteRule":    alarmSet,
		"PutCompositeAlarm":   alarmSet,
		"PutDashboard":        {low, i18n.T("The dashboard may show something else than before."), nil},
		"PutMetricAlarm":      alarmSet,
		"SetAlarmState":       {high, i18n.T("The alarm shows a state that was set by hand, for a while."), nil},
	},
	"logs.amazonaws.com": {
		"AssociateKmsKey":               logsSet,
		"CreateExportTask":              logsSet,
		"CreateLogGroup":                harmless,
		"CreateLogStream":               harmless,
		"DeleteDataProtectionPolicy":    logsSet,
		"DeleteIndexPolicy":             tagged,
		"DeleteLogGroup":                logsGone,
		"DeleteLogStream":               logsGone,
		"DeleteMetricFilter":            uncounted,
		"DeleteRetentionPolicy":         {low, i18n.T("Its logs do not expire any more."), nil},
		"DeleteSubscriptionFilter":      logsSet,
		"DeleteTransformer":             logsSet,
		"DisassociateKmsKey":            logsSet,
		"PutBearerTokenAuthentication":  logsSet,
		"PutDataProtectionPolicy":       logsSet,
		"PutIndexPolicy":                tagged,
		"PutLogGroupDeletionProtection": logsSet,
		"PutMetricFilter":               uncounted,
		"PutRetentionPolicy":            {high, i18n.T("Logs that are older than the new period are lost."), nil},
		"PutStorageTierPolicy":          tagged,
		"DeleteSyslogConfiguration":     logsSet,
		"PutSyslogConfiguration":        logsSet,
		"TagLogGroup":                   tagged,
		"UntagLogGroup":                 tagged,
		"PutSubscriptionFilter":         logsSet,
		"PutTransformer":                logsSet,
	},
	"kms.amazonaws.com": {
		"CancelKeyDeletion":         keyOn,
		"CreateGrant":               granted,
		"DeleteImportedKeyMaterial": keyOff,
		"DisableKey":                keyOff,
		"DisableKeyRotation":        {medium, i18n.T("The key is not rotated any more."), nil},
		"EnableKey":                 keyOn,
		"PutKeyPolicy":              keyShared,
		"ReplicateKey":              granted,
		"RevokeGrant":               {medium, i18n.T("Somebody who had been granted the use of the key has lost it."), nil},
		"ScheduleKeyDeletion":       keyOff,
		"UpdatePrimaryRegion":       granted,
	},
	"cloudformation.amazonaws.com": {
		"CancelUpdateStack":           deploying,
		"ContinueUpdateRollback":      deploying,
		"CreateChangeSet":             {low, i18n.T("A change of Warder is prepared. Nothing has changed yet."), nil},
		"CreateStack":                 deploying,
		"CreateStackInstances":        deploying,
		"CreateStackSet":              deploying,
		"CreateGeneratedTemplate":     harmless,
		"DetectStackResourceDrift":    harmless,
		"DeleteChangeSet":             harmless,
		"DeleteStack":                 deleting,
		"DeleteStackInstances":        deleting,
		"DeleteStackSet":              deleting,
		"ExecuteChangeSet":            deploying,
		"ImportStacksToStackSet":      deploying,
		"RollbackStack":               deploying,
		"SetStackPolicy":              guarded,
		"SignalResource":              harmless,
		"StopStackSetOperation":       deploying,
		"UpdateStack":                 deploying,
		"UpdateStackInstances":        deploying,
		"UpdateStackSet":              deploying,
		"UpdateTerminationProtection": guarded,
		"DetectStackDrift":            harmless,
		"DetectStackSetDrift":         harmless,
	},
}

// openly is that a function gets an address on the internet. With authentication only those with the right to invoke
// it can use it (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html).
func openly(c *event.APICall) act {
	if kind, _ := c.Param("authType"); kind == "AWS_IAM" {
		return act{critical, i18n.T("The function has an address on the internet, for callers with the right to invoke it."),
			nil}
	}
	return act{critical, i18n.T("The function has an address on the internet at which anybody may be able to invoke it."),
		nil}
}

// limited is that a function may run only so often at once; with none it does not run at all.
func limited(c *event.APICall) act {
	if n, ok := c.Param("reservedConcurrentExecutions"); ok && n != "0" {
		return act{high, i18n.T("At most %s runs of the function are possible at a time.", n), nil}
	}
	return act{critical, i18n.T("The function may not be able to run any more."), nil}
}

// rescheduled is that a schedule is another now, or is off: the call says of every property what it is to be.
func rescheduled(c *event.APICall) act {
	if state, _ := c.Param("state"); state == "DISABLED" {
		return scheduleOff
	}
	return scheduleSet
}
