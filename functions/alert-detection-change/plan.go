package alertdetectionchange

import (
	"slices"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/operation"
)

// planner alerts on the calls that the table of operations gives to the control.
var planner = operation.Planner{
	Control: "alert-detection-change", Kinds: kinds, Rules: rules,
	Advice: i18n.T("First make it work again as before: until then activity is not recorded and does not reach Warder. " +
		"Then find out who did this and why."),
}

// kinds are what the operations are about, by the words that the table has for them.
var kinds = map[string]operation.Kind{
	"aggregation": operation.About(i18n.T("Collection of findings changed"),
		i18n.T("Other accounts or regions may see more, or less, of this account's configuration than before.")),
	"alarm-off": operation.About(i18n.T("Alarm silenced"), i18n.T("The alarm may not notify anybody any more.")),
	"channel": operation.About(i18n.T("Channel into the event record changed"),
		i18n.T("Events from outside AWS may be recorded, or not be recorded any more.")),
	"detection-admin": operation.About(i18n.T("Administrator of a detector changed"),
		i18n.T("Another account may see the findings, and switch detection off.")),
	"detector-less": operation.About(i18n.T("Detector weakened"), i18n.T("It may detect, or report, less than before.")),
	"detector-off":  operation.About(i18n.T("Detector switched off"), i18n.T("Threats are not detected there any more.")),
	"events-off": operation.About(i18n.T("Event rule switched off"),
		i18n.T("Events do not start what the rule started any more.")),
	"findings-away": operation.About(i18n.T("Delivery of findings changed"),
		i18n.T("Findings may not arrive where they were collected.")),
	"findings-hidden": operation.About(i18n.T("Findings hidden"),
		i18n.T("Findings, those to come too, may be archived or changed without anybody seeing them.")),
	"firewall-off": operation.About(i18n.T("Web firewall removed"),
		i18n.T("Requests reach what it protected unfiltered.")),
	"logs-away": operation.About(
		i18n.T("Logs sent elsewhere"),
		i18n.T("Somebody else may receive what the log group records."),
	),
	"logs-gone": operation.About(
		i18n.T("Logs deleted"),
		i18n.T("What was recorded may be lost, and what comes is not recorded."),
	),
	"logs-less": operation.About(i18n.T("Log retention or protection changed"),
		i18n.T("Logs may be kept shorter, or be protected or delivered otherwise than before.")),
	"member-off": operation.About(i18n.T("Account taken out of detection"),
		i18n.T("The findings of an account do not reach its administrator any more.")),
	"recorder-less": operation.About(i18n.T("Configuration recording narrowed"),
		i18n.T("AWS Config may record less, or keep it shorter, than before.")),
	"recorder-off": operation.About(i18n.T("Configuration recording stopped"),
		i18n.T("AWS Config does not record changes of resources any more.")),
	"rule-excused": operation.About(i18n.T("Compliance result overridden"),
		i18n.T("A resource may count as compliant that is not.")),
	"rule-off": operation.About(
		i18n.T("Compliance check removed"),
		i18n.T("What the check looked for is not found any more."),
	),
	"selectors": operation.About(i18n.T("Event selectors of a trail changed"),
		i18n.T("The trail may record other events than before.")),
	"store-less": operation.About(i18n.T("Event data store changed"),
		i18n.T("Events may be kept shorter, or fewer of them, than before.")),
	"store-off": operation.About(i18n.T("Event data store stopped"), i18n.T("It does not record events any more.")),
	"trail-admin": operation.About(i18n.T("Administrator of the organization's trails changed"),
		i18n.T("Another account may change or stop the trails of the organization.")),
	"trail-less": operation.About(i18n.T("Trail changed"), i18n.T("It may record less, or somewhere else, than before.")),
	"trail-off":  operation.About(i18n.T("CloudTrail logging stopped"), i18n.T("Activity may not be recorded any more.")),
	"trusted-addresses": operation.About(i18n.T("Trusted addresses changed"),
		i18n.T("GuardDuty reports nothing from addresses that it trusts, and less without its lists of threats.")),
}

// rules judge the calls whose parameters decide how bad they are.
var rules = map[string]operation.Rule{
	"trail": trail, "selectors": selectors, "detector": detector, "recorder": recorder,
}

// trail judges UpdateTrail, of which a request has what changes.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html
func trail(c *event.APICall) (control.Severity, i18n.Message) {
	for _, flag := range []struct {
		name     string
		severity control.Severity
		because  i18n.Message
	}{
		{"includeGlobalServiceEvents", control.Critical, i18n.T("It does not record IAM and sign-ins any more.")},
		{"isMultiRegionTrail", control.Critical, i18n.T("It records one region only.")},
		{"isOrganizationTrail", control.Critical, i18n.T("It records one account only.")},
		{"enableLogFileValidation", control.High, i18n.T("Whether somebody changed its files cannot be proven any more.")},
	} {
		if on, ok := c.Request.Bool(flag.name); ok && !on {
			return flag.severity, flag.because
		}
	}
	for _, place := range []string{
		"s3BucketName", "s3KeyPrefix", "cloudWatchLogsLogGroupArn", "kmsKeyId", "snsTopicName",
	} {
		if _, moved := c.Request.Text(place); moved {
			return control.High, i18n.T("It records to another place, or under another key, than before.")
		}
	}
	return control.Medium, i18n.Message{}
}

// selectors judges PutEventSelectors: without management events nothing of who may do what is recorded.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html
func selectors(c *event.APICall) (control.Severity, i18n.Message) {
	severity := control.Critical
	for _, s := range c.Request.Objects("eventSelectors") {
		management, ok := s.Bool("includeManagementEvents")
		kind, _ := s.Text("readWriteType")
		switch {
		case ok && !management || kind == "ReadOnly":
		case onlyNoise(s.Texts("excludeManagementEventSources")):
			severity = ""
		case severity != "":
			severity = control.High
		}
	}
	for _, s := range c.Request.Objects("advancedEventSelectors") {
		fields := s.Objects("fieldSelectors")
		if !slices.ContainsFunc(fields, func(f event.Fields) bool {
			return is(f, "eventCategory") && slices.Contains(f.Texts("equals"), "Management")
		}) {
			continue
		}
		narrow := ""
		for _, f := range fields {
			switch {
			case is(f, "eventCategory"), is(f, "readOnly") && slices.Equal(f.Texts("equals"), []string{"false"}),
				is(f, "eventSource") && len(f.Texts("notEquals")) > 0 && onlyNoise(f.Texts("notEquals")):
			case is(f, "readOnly"):
				narrow = "nothing"
			case narrow == "":
				narrow = "some"
			}
		}
		switch narrow {
		case "":
			severity = ""
		case "some":
			if severity != "" {
				severity = control.High
			}
		}
	}
	switch severity {
	case control.Critical:
		return severity, i18n.T("The trail does not record management events that change something any more.")
	case control.High:
		return severity, i18n.T("The trail leaves out management events of some services.")
	}
	return "", i18n.Message{}
}

func is(f event.Fields, field string) bool { name, _ := f.Text("field"); return name == field }

// onlyNoise reports whether nothing is left out but what AWS itself proposes to leave out, for its number.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
func onlyNoise(sources []string) bool {
	return !slices.ContainsFunc(sources, func(s string) bool {
		return s != "kms.amazonaws.com" && s != "rdsdata.amazonaws.com"
	})
}

// detector judges UpdateDetector.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_UpdateDetector.html
func detector(c *event.APICall) (control.Severity, i18n.Message) {
	if on, ok := c.Request.Bool("enable"); ok && !on {
		return control.Critical, i18n.T("GuardDuty is suspended: threats are not detected there any more.")
	}
	for _, feature := range c.Request.Objects("features") {
		if status, _ := feature.Text("status"); status == "DISABLED" {
			return control.High, i18n.T("A feature of GuardDuty is switched off.")
		}
	}
	if off(c.Request.Object("dataSources")) {
		return control.High, i18n.T("A data source of GuardDuty is switched off.")
	}
	if _, ok := c.Request.Text("findingPublishingFrequency"); ok {
		return control.Medium, i18n.T("Findings that come again may be reported later than before.")
	}
	return "", i18n.Message{}
}

// off reports whether something in the settings of data sources says that it is not enabled.
func off(settings event.Fields) bool {
	for name := range settings {
		if on, ok := settings.Bool(name); ok && !on || off(settings.Object(name)) {
			return true
		}
	}
	return false
}

// recorder judges PutConfigurationRecorder, of which a request has the whole recorder.
// https://docs.aws.amazon.com/config/latest/APIReference/API_PutConfigurationRecorder.html
func recorder(c *event.APICall) (control.Severity, i18n.Message) {
	if all, _ := c.Request.Bool("configurationRecorder", "recordingGroup", "allSupported"); all {
		return "", i18n.Message{}
	}
	return control.High, i18n.T("It records some types of resources only.")
}
