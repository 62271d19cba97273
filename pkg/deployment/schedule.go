package deployment

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
)

// The types of EventBridge Scheduler's resources.
const (
	ScheduleType      = "AWS::Scheduler::Schedule"
	ScheduleGroupType = "AWS::Scheduler::ScheduleGroup"
)

// NewScheduler is a client of EventBridge Scheduler, in the region of the configuration.
func NewScheduler(cfg aws.Config) *awsjson.Client { return awsjson.New(cfg, "Scheduler", "") }

// GetSchedule returns a schedule as it is, as decoded JSON: its fields are those of the template, with times beside.
// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_GetSchedule.html
func GetSchedule(ctx context.Context, client *awsjson.Client, group, name string) (map[string]any, error) {
	out, err := awsjson.Rest[map[string]any](ctx, client, "GetSchedule", http.MethodGet,
		"schedules/"+url.PathEscape(name)+"?groupName="+url.QueryEscape(group), nil)
	if err != nil {
		return nil, err
	}
	return *out, nil
}

// ScheduleDiffers names the fields, sorted, in which a schedule is not as it was deployed: those that were deployed,
// and those by which it would start at other times, or end.
func ScheduleDiffers(deployed, there map[string]any) (fields []string) {
	wanted := map[string]any{
		"ScheduleExpressionTimezone": "UTC", "StartDate": nil, "EndDate": nil, "ActionAfterCompletion": "NONE",
	}
	for name, value := range deployed {
		wanted[name] = value
	}
	for name, want := range wanted {
		is := there[name]
		if isNothing(is) && (want == "UTC" || want == "NONE") { // the defaults
			continue
		}
		if !Fits(want, is) {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	return fields
}

// Starts is the name of the function that a schedule starts; empty for anything else.
func (r Resource) Starts() string {
	target, _ := r.Properties["Target"].(map[string]any)
	_, name, _ := strings.Cut(text(target["Arn"]), ":function:")
	return name
}
