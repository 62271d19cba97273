package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	configtypes "github.com/aws/aws-sdk-go-v2/service/configservice/types"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/settings"
)

// trail checks that one trail logs management events: EventBridge gets API calls only while one does
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html). A trail
// of the organization, which members see as a shadow trail, does as well as the account's own.
func (d *doctor) trail(ctx context.Context, l *lines) {
	client := d.in(d.settings.HubRegion).trail
	out, err := client.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: aws.Bool(true)})
	if err != nil {
		l.unread("cloudtrail:DescribeTrails", err)
		return
	}
	const start = "make a trail of all regions that logs management events, read and write, and start its logging"
	if len(out.TrailList) == 0 {
		l.problem(start, "there is no trail: API calls and sign-ins do not reach Warder, only sweeps and AWS Config do")
		return
	}
	rest := &lines{check: l.check}
	var faults []string
	for _, trail := range out.TrailList {
		name, id := aws.ToString(trail.Name), trail.TrailARN // by its ARN: a shadow trail has no name here
		status, err := client.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: id})
		if err != nil {
			rest.unread("cloudtrail:GetTrailStatus", err)
			continue
		}
		selectors, err := client.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: id})
		if err != nil {
			rest.unread("cloudtrail:GetEventSelectors", err)
			continue
		}
		fault := ""
		switch {
		case !aws.ToBool(trail.IsMultiRegionTrail):
			fault = "is of one region only"
		case !aws.ToBool(status.IsLogging):
			fault = "does not log"
		default:
			fault = unlogged(selectors)
		}
		if fault == "" {
			whose := "this account's"
			if aws.ToBool(trail.IsOrganizationTrail) {
				whose = "the organization's"
			}
			l.ok("%s logs management events of all regions (%s)", name, whose)
			return
		}
		faults = append(faults, name+" "+fault)
	}
	if rest.added != nil {
		l.added = append(l.added, rest.added[0])
		return
	}
	l.problem(start+"; or put an existing one right", "no trail logs what Warder listens to: %s",
		strings.Join(faults, "; "))
}

// unlogged says what a trail's selectors leave out of the management events, empty for nothing.
func unlogged(out *cloudtrail.GetEventSelectorsOutput) string {
	if len(out.AdvancedEventSelectors) > 0 {
		return unloggedAdvanced(out.AdvancedEventSelectors)
	}
	fault := "logs no management events"
	for _, s := range out.EventSelectors {
		// A selector that does not say logs management events.
		// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html
		switch on := s.IncludeManagementEvents == nil || *s.IncludeManagementEvents; {
		case !on:
		case s.ReadWriteType == "" || s.ReadWriteType == trailtypes.ReadWriteTypeAll:
			return ""
		default:
			fault = "logs management events of type " + string(s.ReadWriteType)
		}
	}
	return fault
}

// unloggedAdvanced is unlogged for advanced selectors, of which each that is about management events
// may keep to reads or writes, or to some services.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
func unloggedAdvanced(selectors []trailtypes.AdvancedEventSelector) string {
	var seen []string // true and false: readOnly
	fault := "logs no management events"
	for _, selector := range selectors {
		management, narrow, types := false, "", []string{"true", "false"}
		for _, field := range selector.FieldSelectors {
			switch aws.ToString(field.Field) {
			case "eventCategory":
				management = slices.Contains(field.Equals, "Management")
			case "readOnly":
				types = field.Equals
			case "eventSource":
				for _, left := range field.NotEquals {
					// Two services have so many events that they may be left out; Warder listens to neither.
					if left != "kms.amazonaws.com" && left != "rdsdata.amazonaws.com" {
						narrow = left
					}
				}
				if field.NotEquals == nil {
					narrow = "most services"
				}
			default:
				narrow = "what is not " + aws.ToString(field.Field)
			}
		}
		switch {
		case !management:
		case narrow != "":
			fault = "leaves out management events of " + narrow
		default:
			seen = append(seen, types...)
		}
	}
	switch reads, writes := slices.Contains(seen, "true"), slices.Contains(seen, "false"); {
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
	var names []string
	for _, given := range d.settings.ConfigRules {
		names = append(names, given...)
	}
	if d.settings.CreateConfigRules {
		for _, c := range d.controls {
			for _, rule := range c.ConfigRules {
				if d.settings.Controls[c.ID].Mode != "off" {
					names = append(names, settings.Product+"-"+rule.Name)
				}
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
func (d *doctor) recorder(ctx context.Context, l *lines) {
	region := d.settings.ConfigRegion
	client := d.in(region).config
	used := d.settings.CreateConfigRules || len(d.settings.ConfigRules) > 0
	wrong := func(do, format string, args ...any) {
		if used {
			l.problem(do, format, args...)
		} else {
			l.remark("", format+"; not needed: sweeps find the same once a day", args...)
		}
	}
	out, err := client.DescribeConfigurationRecorders(ctx, &configservice.DescribeConfigurationRecordersInput{})
	if err != nil {
		l.unread("config:DescribeConfigurationRecorders", err)
		return
	}
	if len(out.ConfigurationRecorders) == 0 {
		wrong("set AWS Config up in "+region+", with the IAM resource types; "+
			"or set createConfigRules to false and configRules to {}", "AWS Config is not set up in %s", region)
		return
	}
	states, err := client.DescribeConfigurationRecorderStatus(ctx,
		&configservice.DescribeConfigurationRecorderStatusInput{})
	if err != nil {
		l.unread("config:DescribeConfigurationRecorderStatus", err)
		return
	}
	var faults []string
	for _, recorder := range out.ConfigurationRecorders {
		name := aws.ToString(recorder.Name)
		i := slices.IndexFunc(states.ConfigurationRecordersStatus,
			func(s configtypes.ConfigurationRecorderStatus) bool { return aws.ToString(s.Name) == name })
		switch {
		case !recordsUsers(recorder.RecordingGroup):
			faults = append(faults, name+" does not record IAM users")
		case i < 0 || !states.ConfigurationRecordersStatus[i].Recording:
			faults = append(faults, name+" is stopped")
		default:
			l.ok("%s records IAM in %s", name, region)
			return
		}
	}
	wrong("record the IAM resource types in "+region+" (a region that is older than February 2022), "+
		"and start the recorder", "%s", strings.Join(faults, "; "))
}

// recordsUsers reports whether a recorder records IAM users, which are global resources.
// https://docs.aws.amazon.com/config/latest/APIReference/API_RecordingGroup.html
func recordsUsers(group *configtypes.RecordingGroup) bool {
	if group == nil {
		return false // all but the global resource types
	}
	strategy := configtypes.RecordingStrategyType("")
	if group.RecordingStrategy != nil {
		strategy = group.RecordingStrategy.UseOnly
	}
	switch {
	case strategy == configtypes.RecordingStrategyTypeExclusionByResourceTypes:
		return group.ExclusionByResourceTypes == nil || !slices.Contains(group.ExclusionByResourceTypes.ResourceTypes, user)
	case strategy == configtypes.RecordingStrategyTypeInclusionByResourceTypes, !group.AllSupported:
		return slices.Contains(group.ResourceTypes, user)
	}
	return group.IncludeGlobalResourceTypes
}

// configured checks that the Config rules are there.
func (d *doctor) configured(ctx context.Context, l *lines) {
	names, client := d.configRules(), d.in(d.settings.ConfigRegion).config
	for _, name := range names {
		out, err := client.DescribeConfigRules(ctx, &configservice.DescribeConfigRulesInput{ConfigRuleNames: []string{name}})
		created := d.settings.CreateConfigRules && strings.HasPrefix(name, settings.Product+"-")
		switch {
		case account.Coded(err, "NoSuchConfigRuleException") && created:
			l.remark("make deploy", "%s is not there yet", name)
		case account.Coded(err, "NoSuchConfigRuleException"):
			l.problem(fmt.Sprintf("correct configRules in cdk.json, or make the rule in %s", d.settings.ConfigRegion),
				"%s is not a Config rule of %s", name, d.settings.ConfigRegion)
		case err != nil:
			l.unread("config:DescribeConfigRules", err)
			return
		case !slices.ContainsFunc(out.ConfigRules, func(r configtypes.ConfigRule) bool {
			return r.ConfigRuleState == configtypes.ConfigRuleStateActive ||
				r.ConfigRuleState == configtypes.ConfigRuleStateEvaluating
		}):
			l.problem("look at the rule in AWS Config", "%s is not active", name)
		}
	}
	if len(l.added) == 0 {
		l.ok("%s in %s: %s", terminal.Count(len(names), "rule"), d.settings.ConfigRegion, strings.Join(names, ", "))
	}
}
