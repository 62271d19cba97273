package doubles

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/warder-aws/warder/infra/local/moto/mototest"
	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/cloudtrail"
	"github.com/warder-aws/warder/pkg/config"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

func trailARN(id string) string { return "arn:aws:cloudtrail:us-east-1:" + number + ":trail/" + id }

// seedTrail makes a trail as it is in the state.
func seedTrail(ctx context.Context, cfg aws.Config, name string, trail *fakeaws.Trail) error {
	parsed, err := arn.Parse(name)
	if err != nil {
		return err
	}
	cfg.Region = parsed.Region
	const bucket = "trails"
	_, _ = s3.NewFromConfig(cfg).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}) // it may be there
	call := awsjson.New(cfg, "CloudTrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101")
	var tags []cloudtrail.Tag
	for key, value := range trail.Tags {
		tags = append(tags, cloudtrail.Tag{Key: key, Value: value})
	}
	_, err = awsjson.Call[cloudtrail.Nothing](ctx, call, "CreateTrail", map[string]any{
		"Name": change.TrailName(name), "S3BucketName": bucket, "TagsList": tags,
		"IncludeGlobalServiceEvents": trail.GlobalEvents, "IsMultiRegionTrail": trail.AllRegions,
		"EnableLogFileValidation": trail.Validation,
	})
	if err == nil && trail.Logging {
		_, err = cloudtrail.New(cfg).StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: name})
	}
	return err
}

// seedRecorder makes the recorder of a region, which has one at most.
func seedRecorder(ctx context.Context, cfg aws.Config, name string, recorder *fakeaws.Recorder) error {
	cfg.Region, name, _ = strings.Cut(name, "/")
	call := awsjson.New(cfg, "Config", "StarlingDoveService")
	_, err := awsjson.Call[config.Nothing](ctx, call, "PutConfigurationRecorder", map[string]any{
		"ConfigurationRecorder": map[string]any{"name": name, "roleARN": "arn:aws:iam::" + number + ":role/config"},
	})
	faults := []error{err}
	_, err = awsjson.Call[config.Nothing](ctx, call, "PutDeliveryChannel", map[string]any{
		"DeliveryChannel": map[string]any{"name": name, "s3BucketName": "trails"},
	})
	faults = append(faults, err)
	if recorder.Recording {
		_, err := config.New(cfg).StartConfigurationRecorder(ctx,
			&config.StartConfigurationRecorderInput{Region: cfg.Region, ConfigurationRecorderName: name})
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func aTrail(id string) fakeaws.State {
	return fakeaws.State{Trails: map[string]*fakeaws.Trail{trailARN(id): {
		Logging: true, Tags: map[string]string{"owner": "kim"}, Scope: change.Scope{GlobalEvents: true, AllRegions: true},
	}}}
}

// kinds are those of the changes to trails and recorders at a place.
func (p *place) kinds() change.Registry {
	kinds := cloudtrail.Kinds(cloudtrail.New(p.cfg))
	for name, kind := range config.Kinds(config.New(p.cfg)) {
		kinds[name] = kind
	}
	return kinds
}

// reads reads a thing of the trial.
func reads(kind string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		return p.kinds()[kind].Read(p.t.Context(), change.Change{Kind: kind, Subject: id, Target: trailARN(id)})
	}
}

// sets sets a thing of the trial, and reads it.
func sets(kind string, values ...string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		for _, value := range values {
			c := change.Change{Kind: kind, Subject: id, Target: trailARN(id), After: value}
			if err := p.kinds()[kind].Set(p.t.Context(), c); err != nil {
				return "", err
			}
		}
		return reads(kind)(p, id)
	}
}

func trailTags(p *place, id string) (string, error) {
	tags, err := p.kinds()[change.TrailLogging].(change.Tagged).Tags(p.t.Context(), change.Change{Target: trailARN(id)})
	return fmt.Sprint(tags), err
}

const (
	defaultEvents = `{"EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true}]}`
	someEvents    = `{"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]}]}]}`
	noEvents      = `{"EventSelectors":[{"ReadWriteType":"ReadOnly","IncludeManagementEvents":false}]}`
	wholeScope    = `{"globalEvents":true,"allRegions":true,"validation":false}`
	littleScope   = `{"globalEvents":false,"allRegions":false,"validation":true}`
)

var trails = []trial{
	{
		operation: "cloudtrail:ListTrails", name: "of every region", want: "listed", state: aTrail,
		do: func(p *place, id string) (string, error) {
			in, client := &cloudtrail.ListTrailsInput{}, cloudtrail.New(p.cfg)
			for {
				out, err := client.ListTrails(p.t.Context(), in)
				if err != nil {
					return "", err
				}
				for _, trail := range out.Trails {
					if trail.TrailARN == trailARN(id) {
						return "listed", nil
					}
				}
				if in.NextToken = out.NextToken; in.NextToken == "" {
					return "not listed", nil
				}
			}
		},
	},
	{operation: "cloudtrail:GetTrail", name: "how far it reaches", want: wholeScope, state: aTrail,
		do: reads(change.TrailScope)},
	{operation: "cloudtrail:GetTrail", name: "a trail that is not there", want: "TrailNotFoundException",
		do: reads(change.TrailScope)},
	{operation: "cloudtrail:GetTrailStatus", name: "a trail that records", want: change.On, state: aTrail,
		do: reads(change.TrailLogging)},
	{operation: "cloudtrail:GetTrailStatus", name: "a trail that is not there", want: "TrailNotFoundException",
		do: reads(change.TrailLogging)},
	{operation: "cloudtrail:GetEventSelectors", name: "those of a new trail", want: defaultEvents, state: aTrail,
		do: reads(change.TrailSelectors)},
	{operation: "cloudtrail:GetEventSelectors", name: "a trail that is not there", want: "TrailNotFoundException",
		do: reads(change.TrailSelectors)},
	{operation: "cloudtrail:ListTags", name: "of a trail", want: "map[owner:kim]", state: aTrail, do: trailTags},
	{operation: "cloudtrail:StopLogging", name: "a trail that records", want: change.Off, state: aTrail,
		do: sets(change.TrailLogging, change.Off)},
	{operation: "cloudtrail:StopLogging", name: "twice", want: change.Off, state: aTrail,
		do: sets(change.TrailLogging, change.Off, change.Off)},
	{operation: "cloudtrail:StartLogging", name: "a trail that was stopped", want: change.On, state: aTrail,
		do: sets(change.TrailLogging, change.Off, change.On)},
	{operation: "cloudtrail:StartLogging", name: "a trail that is not there", want: "TrailNotFoundException",
		do: sets(change.TrailLogging, change.On)},
	{operation: "cloudtrail:PutEventSelectors", name: "no management events", want: noEvents, state: aTrail,
		do: sets(change.TrailSelectors, noEvents)},
	{operation: "cloudtrail:PutEventSelectors", name: "advanced in place of basic ones", want: someEvents, state: aTrail,
		do: sets(change.TrailSelectors, noEvents, someEvents)},
	{operation: "cloudtrail:UpdateTrail", name: "how far it reaches", want: littleScope, state: aTrail,
		do: sets(change.TrailScope, littleScope)},
}

// recorded is a trial of the recorder of the region.
func recorded(region string, values ...string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		c := change.Change{Kind: change.Recorder, Subject: id, Target: region}
		for _, c.After = range values {
			if err := p.kinds()[change.Recorder].Set(p.t.Context(), c); err != nil {
				return "", err
			}
		}
		return p.kinds()[change.Recorder].Read(p.t.Context(), c)
	}
}

func aRecorder(region string) func(string) fakeaws.State {
	return func(id string) fakeaws.State {
		return fakeaws.State{Recorders: map[string]*fakeaws.Recorder{region + "/" + id: {Recording: true}}}
	}
}

var recorders = []trial{
	{operation: "config:DescribeConfigurationRecorderStatus", name: "one that records", want: change.On,
		state: aRecorder("eu-west-1"), do: recorded("eu-west-1")},
	{operation: "config:DescribeConfigurationRecorderStatus", name: "one that is not there",
		want: "NoSuchConfigurationRecorderException", do: recorded("eu-west-2")},
	{operation: "config:DescribeConfigurationRecorderStatus", name: "all of a region", want: "ID true",
		state: aRecorder("eu-west-3"), do: func(p *place, _ string) (string, error) {
			out, err := config.New(p.cfg).DescribeConfigurationRecorderStatus(p.t.Context(),
				&config.DescribeConfigurationRecorderStatusInput{Region: "eu-west-3"})
			if err != nil {
				return "", err
			}
			text := ""
			for _, status := range out.ConfigurationRecordersStatus {
				text += fmt.Sprint(status.Name, " ", status.Recording)
			}
			return text, nil
		}},
	{operation: "config:StopConfigurationRecorder", name: "one that records", want: change.Off,
		state: aRecorder("us-west-1"), do: recorded("us-west-1", change.Off)},
	{operation: "config:StartConfigurationRecorder", name: "one that was stopped", want: change.On,
		state: aRecorder("us-west-2"), do: recorded("us-west-2", change.Off, change.On)},
	{operation: "config:StartConfigurationRecorder", name: "one that is not there",
		want: "NoSuchConfigurationRecorderException", do: recorded(mototest.Region, change.On)},
}
