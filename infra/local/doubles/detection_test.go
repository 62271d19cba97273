package doubles

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ec2"
	"github.com/warder-aws/warder/pkg/guardduty"
	"github.com/warder-aws/warder/pkg/route53resolver"
	"github.com/warder-aws/warder/pkg/securityhub"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

func detectionKinds(cfg aws.Config) change.Registry {
	all := change.Registry{}
	networks := ec2.New(cfg)
	for _, kinds := range []change.Registry{
		guardduty.Kinds(guardduty.New(cfg)), securityhub.Kinds(securityhub.New(cfg)), ec2.FlowKinds(networks),
		route53resolver.Kinds(route53resolver.New(cfg), ec2.Tagged(networks)),
	} {
		for name, kind := range kinds {
			all[name] = kind
		}
	}
	return all
}

// seedDetection makes what the regions of the trials have to detect and to record with.
func seedDetection(ctx context.Context, cfg aws.Config, s fakeaws.State) error {
	var faults []error
	set := func(kind, region, value string) {
		faults = append(faults, detectionKinds(cfg)[kind].Set(ctx,
			change.Change{Kind: kind, Subject: region, Target: region, After: value}))
	}
	for region := range s.Detectors {
		set(change.Detector, region, someDetection)
	}
	for region := range s.Hubs {
		set(change.Hub, region, oneStandard)
	}
	for name := range s.VPCs { // the account has one of its own in each region; it is only tagged
		region, _, _ := strings.Cut(name, "/")
		id, err := ownVPC(ctx, cfg, region)
		cfg.Region = region
		_, fault := awsjson.Query[made](ctx, awsjson.New(cfg, "EC2", "2016-11-15"), "CreateTags",
			form{"ResourceId.1": {id}, "Tag.1.Key": {"owner"}, "Tag.1.Value": {"kim"}})
		faults = append(faults, err, fault)
	}
	return errors.Join(faults...)
}

// ownVPC is the VPC of a region: AWS chooses its id.
func ownVPC(ctx context.Context, cfg aws.Config, region string) (string, error) {
	cfg.Region = region
	out, err := awsjson.Query[ec2.DescribeVpcsOutput](ctx, awsjson.New(cfg, "EC2", "2016-11-15"), "DescribeVpcs", form{})
	switch {
	case err != nil && strings.Contains(err.Error(), "in memory"): // it lists none that is not named
		return "vpc-0123456789abcdef0", nil
	case err != nil || len(out.IDs) == 0:
		return "", errors.Join(err, errors.New("the region has no VPC of its own"))
	}
	return out.IDs[0], nil
}

const (
	someDetection = `{"enabled":true,"frequency":"ONE_HOUR","features":{"S3_DATA_EVENTS":true}}`
	lessDetection = `{"enabled":false,"frequency":"ONE_HOUR","features":{"S3_DATA_EVENTS":false}}`
	oneStandard   = `{"standards":["arn:aws:securityhub:us-east-1::standards/nist-800-53/v/5.0.0"]}`
	twoStandards  = `{"standards":["arn:aws:securityhub:us-east-1::standards/nist-800-53/v/5.0.0",` +
		`"arn:aws:securityhub:us-east-1::standards/pci-dss/v/4.0.1"]}`
	flowSettings = `{"trafficType":"ALL","logDestinationType":"cloud-watch-logs","logGroupName":"flows",` +
		`"deliverLogsPermissionArn":"arn:aws:iam::` + number + `:role/flows","logFormat":"${version}",` +
		`"maxAggregationInterval":60}`
	queryLog = "arn:aws:logs:us-east-1:" + number + ":log-group:queries"
)

// detected makes the changes of a region's thing and says what it is then.
func detected(kind, region string, values ...string) func(*place, string) (string, error) {
	return func(p *place, _ string) (string, error) {
		c := change.Change{Kind: kind, Subject: region, Target: region}
		if kind == change.FlowLog || kind == change.QueryLog {
			var err error
			if c.Subject, err = ownVPC(p.t.Context(), p.cfg, region); err != nil {
				return "", err
			}
			c.Target = region + map[string]string{change.FlowLog: " ALL flows", change.QueryLog: " " + queryLog}[kind]
		}
		of := detectionKinds(p.cfg)[kind]
		for _, value := range values {
			if c.Before, c.After = c.After, value; c.After != "" {
				c.Before = ""
			}
			if err := of.Set(p.t.Context(), c); err != nil {
				return "", err
			}
		}
		read, err := of.Read(p.t.Context(), c)
		return cmp.Or(read, "none"), err
	}
}

func aDetector(region string) func(string) fakeaws.State {
	return func(string) fakeaws.State {
		return fakeaws.State{Detectors: map[string]*fakeaws.Detector{region: {
			Frequency: "ONE_HOUR", Features: map[string]string{"S3_DATA_EVENTS": guardduty.Enabled},
		}}}
	}
}

func aHub(region string) func(string) fakeaws.State {
	return func(string) fakeaws.State {
		return fakeaws.State{Hubs: map[string]*fakeaws.Hub{region: {
			Standards: []string{"arn:aws:securityhub:us-east-1::standards/nist-800-53/v/5.0.0"},
		}}}
	}
}

func aVPC(region string) func(string) fakeaws.State {
	return func(string) fakeaws.State {
		return fakeaws.State{VPCs: map[string]*fakeaws.VPC{
			region + "/vpc-0123456789abcdef0": {Tags: map[string]string{"owner": "kim"}},
		}}
	}
}

// there says whether a VPC is there.
func there(region, id string) func(*place, string) (string, error) {
	return func(p *place, _ string) (string, error) {
		id := id
		if id == "" {
			var err error
			if id, err = ownVPC(p.t.Context(), p.cfg, region); err != nil {
				return "", err
			}
		}
		out, err := ec2.New(p.cfg).DescribeVpcs(p.t.Context(), &ec2.DescribeVpcsInput{Region: region, VPC: id})
		if err != nil {
			return "", err
		}
		return map[bool]string{true: "there", false: "not there"}[len(out.IDs) > 0], nil
	}
}

var detections = []trial{
	{operation: "guardduty:ListDetectors", name: "a region without", want: "none",
		do: detected(change.Detector, "eu-north-1")},
	{operation: "guardduty:GetDetector", name: "what it does", want: someDetection, state: aDetector("eu-west-1"),
		do: detected(change.Detector, "eu-west-1")},
	{operation: "guardduty:UpdateDetector", name: "suspended, and a feature off", want: lessDetection,
		state: aDetector("eu-west-2"), do: detected(change.Detector, "eu-west-2", lessDetection)},
	{operation: "guardduty:UpdateDetector", name: "on again", want: someDetection,
		state: aDetector("eu-west-3"), do: detected(change.Detector, "eu-west-3", lessDetection, someDetection)},
	{operation: "guardduty:DeleteDetector", name: "it is gone then", want: "none", state: aDetector("us-west-1"),
		do: detected(change.Detector, "us-west-1", "")},
	{operation: "guardduty:CreateDetector", name: "a region without", want: someDetection,
		do: detected(change.Detector, "us-west-2", someDetection)},
	{operation: "securityhub:GetEnabledStandards", name: "off", want: "none", do: detected(change.Hub, "eu-north-1")},
	{operation: "securityhub:GetEnabledStandards", name: "one standard", want: oneStandard, state: aHub("eu-west-1"),
		do: detected(change.Hub, "eu-west-1")},
	{operation: "securityhub:BatchEnableStandards", name: "one more", want: twoStandards, state: aHub("eu-west-2"),
		do: detected(change.Hub, "eu-west-2", twoStandards)},
	{operation: "securityhub:BatchDisableStandards", name: "one less", want: oneStandard, state: aHub("eu-west-3"),
		do: detected(change.Hub, "eu-west-3", twoStandards, oneStandard)},
	{operation: "securityhub:DisableSecurityHub", name: "it is off then", want: "none", state: aHub("us-west-1"),
		do: detected(change.Hub, "us-west-1", "")},
	{operation: "securityhub:EnableSecurityHub", name: "off, then on", want: oneStandard,
		do: detected(change.Hub, "us-west-2", oneStandard)},
	{operation: "ec2:DescribeVpcs", name: "one that is there", want: "there", state: aVPC("eu-west-1"),
		do: there("eu-west-1", "")},
	{operation: "ec2:DescribeVpcs", name: "one that is not there", want: "not there", do: there("eu-west-1", "vpc-0")},
	{operation: "ec2:DescribeFlowLogs", name: "a VPC without", want: "none", state: aVPC("eu-west-2"),
		do: detected(change.FlowLog, "eu-west-2")},
	{operation: "ec2:CreateFlowLogs", name: "as it is told", want: flowSettings, state: aVPC("eu-west-3"),
		do: detected(change.FlowLog, "eu-west-3", flowSettings)},
	{operation: "ec2:DeleteFlowLogs", name: "it is gone then", want: "none", state: aVPC("us-west-1"),
		do: detected(change.FlowLog, "us-west-1", flowSettings, "")},
	{operation: "route53resolver:ListResolverQueryLogConfigs", name: "a region without", want: "none",
		state: aVPC("us-west-1"), do: detected(change.QueryLog, "us-west-1")},
	{operation: "route53resolver:ListResolverQueryLogConfigAssociations", name: "a VPC without", want: "none",
		state: aVPC("us-west-1"), do: detected(change.QueryLog, "us-west-1")},
	{operation: "route53resolver:CreateResolverQueryLogConfig", name: "its name is there", want: "queries",
		state: aVPC("us-west-2"), do: detected(change.QueryLog, "us-west-2", "queries")},
	{operation: "route53resolver:AssociateResolverQueryLogConfig", name: "again, when it was ended", want: "queries",
		state: aVPC("eu-west-1"), do: detected(change.QueryLog, "eu-west-1", "queries", "", "queries")},
	{operation: "route53resolver:DisassociateResolverQueryLogConfig", name: "it is gone then", want: "none",
		state: aVPC("eu-west-2"), do: detected(change.QueryLog, "eu-west-2", "queries", "")},
}
