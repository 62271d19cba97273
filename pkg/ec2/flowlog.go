package ec2

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
)

// FlowLog is a flow log. Its tags are not known.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_FlowLog.html
type FlowLog struct {
	ID         string `xml:"flowLogId" json:"-"`
	ResourceID string `xml:"resourceId" json:"-"`
	FlowLogSettings
}

// FlowLogSettings is how a flow log records.
type FlowLogSettings struct {
	TrafficType     string       `xml:"trafficType" json:"trafficType,omitempty"` // none of a transit gateway
	DestinationType string       `xml:"logDestinationType" json:"logDestinationType,omitempty"`
	Destination     string       `xml:"logDestination" json:"logDestination,omitempty"`
	LogGroup        string       `xml:"logGroupName" json:"logGroupName,omitempty"`
	Role            string       `xml:"deliverLogsPermissionArn" json:"deliverLogsPermissionArn,omitempty"`
	OtherRole       string       `xml:"deliverCrossAccountRole" json:"deliverCrossAccountRole,omitempty"`
	Format          string       `xml:"logFormat" json:"logFormat,omitempty"`
	Interval        int          `xml:"maxAggregationInterval" json:"maxAggregationInterval,omitempty"`
	Options         *FlowOptions `xml:"destinationOptions" json:"destinationOptions,omitempty"`
}

// FlowOptions is how files in a bucket are written.
type FlowOptions struct {
	FileFormat string `xml:"fileFormat" json:"fileFormat,omitempty"`
	Hive       bool   `xml:"hiveCompatiblePartitions" json:"hiveCompatiblePartitions"`
	Hourly     bool   `xml:"perHourPartition" json:"perHourPartition"`
}

// Change is the flow log as a change whose Before is its value.
func (l FlowLog) Change(region string) change.Change {
	s := l.FlowLogSettings
	switch { // a request names a log group in one way
	case s.LogGroup != "" && s.OtherRole == "":
		s.Destination = ""
	case s.Destination != "":
		s.LogGroup = ""
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // texts, numbers and bools
	}
	return change.Change{
		Kind: change.FlowLog, Subject: l.ResourceID, Before: string(text),
		Target: region + " " + s.TrafficType + " " + s.Destination + s.LogGroup,
	}
}

// DescribeFlowLogsInput names a page of the flow logs of a region.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeFlowLogs.html
type DescribeFlowLogsInput struct{ Region, NextToken string }

// Form is the input as it is sent.
func (in *DescribeFlowLogsInput) Form() url.Values {
	form := url.Values{"MaxResults": {"500"}}
	if in.NextToken != "" {
		form.Set("NextToken", in.NextToken)
	}
	return form
}

// DescribeFlowLogsOutput is a page.
type DescribeFlowLogsOutput struct {
	FlowLogs  []FlowLog `xml:"flowLogSet>item"`
	NextToken string    `xml:"nextToken"`
}

// DescribeFlowLogs lists flow logs.
func (c Client) DescribeFlowLogs(ctx context.Context, in *DescribeFlowLogsInput) (*DescribeFlowLogsOutput, error) {
	return call[DescribeFlowLogsOutput](ctx, c, in.Region, "DescribeFlowLogs", in)
}

// DescribeVpcsInput names a VPC that may be there.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html
type DescribeVpcsInput struct{ Region, VPC string }

// Form is the input as it is sent: of a filter a VPC that is not there is no error.
func (in *DescribeVpcsInput) Form() url.Values {
	return url.Values{"Filter.1.Name": {"vpc-id"}, "Filter.1.Value.1": {in.VPC}}
}

// DescribeVpcsOutput has the ids of those that are there.
type DescribeVpcsOutput struct {
	IDs []string `xml:"vpcSet>item>vpcId"`
}

// DescribeVpcs lists VPCs.
func (c Client) DescribeVpcs(ctx context.Context, in *DescribeVpcsInput) (*DescribeVpcsOutput, error) {
	return call[DescribeVpcsOutput](ctx, c, in.Region, "DescribeVpcs", in)
}

// CreateFlowLogsInput says what a flow log is to record.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html
type CreateFlowLogsInput struct {
	Region, ResourceID string
	FlowLogSettings
}

// resourceTypes are what flow logs are made of, by the beginning of the id.
var resourceTypes = map[string]string{"vpc": "VPC", "subnet": "Subnet", "eni": "NetworkInterface"}

func (l FlowLog) of() string {
	prefix, _, _ := strings.Cut(l.ResourceID, "-")
	return resourceTypes[prefix]
}

// Form is the input as it is sent.
func (in *CreateFlowLogsInput) Form() url.Values {
	form := url.Values{
		"ResourceId.1": {in.ResourceID}, "ResourceType": {FlowLog{ResourceID: in.ResourceID}.of()},
	}
	interval := ""
	if in.Interval != 0 {
		interval = strconv.Itoa(in.Interval)
	}
	for field, value := range map[string]string{
		"TrafficType": in.TrafficType, "LogDestinationType": in.DestinationType, "LogDestination": in.Destination,
		"LogGroupName": in.LogGroup, "DeliverLogsPermissionArn": in.Role, "DeliverCrossAccountRole": in.OtherRole,
		"LogFormat": in.Format, "MaxAggregationInterval": interval,
	} {
		if value != "" {
			form.Set(field, value)
		}
	}
	if o := in.Options; o != nil {
		form.Set("DestinationOptions.FileFormat", o.FileFormat)
		form.Set("DestinationOptions.HiveCompatiblePartitions", strconv.FormatBool(o.Hive))
		form.Set("DestinationOptions.PerHourPartition", strconv.FormatBool(o.Hourly))
	}
	return form
}

// FlowLogsOutput has what was not done: AWS answers that as no error.
type FlowLogsOutput struct {
	Failed []struct {
		Code    string `xml:"error>code"`
		Message string `xml:"error>message"`
	} `xml:"unsuccessful>item"`
}

func (o *FlowLogsOutput) err() error {
	if o == nil || len(o.Failed) == 0 {
		return nil
	}
	return &smithy.GenericAPIError{Code: o.Failed[0].Code, Message: o.Failed[0].Message}
}

// CreateFlowLogs makes a flow log.
func (c Client) CreateFlowLogs(ctx context.Context, in *CreateFlowLogsInput) (*FlowLogsOutput, error) {
	return call[FlowLogsOutput](ctx, c, in.Region, "CreateFlowLogs", in)
}

// DeleteFlowLogsInput names a flow log.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteFlowLogs.html
type DeleteFlowLogsInput struct{ Region, ID string }

// Form is the input as it is sent.
func (in *DeleteFlowLogsInput) Form() url.Values { return url.Values{"FlowLogId.1": {in.ID}} }

// DeleteFlowLogs deletes a flow log.
func (c Client) DeleteFlowLogs(ctx context.Context, in *DeleteFlowLogsInput) (*FlowLogsOutput, error) {
	return call[FlowLogsOutput](ctx, c, in.Region, "DeleteFlowLogs", in)
}

// FlowReads are the operations that flow logs are read with.
type FlowReads interface {
	DescribeFlowLogs(context.Context, *DescribeFlowLogsInput) (*DescribeFlowLogsOutput, error)
}

// FlowLogs lists the flow logs of a region that are of a VPC, a subnet or a network interface: those of gateways are
// not Warder's to make.
func FlowLogs(ctx context.Context, api FlowReads, region string) (all []FlowLog, err error) {
	for log, err := range awsjson.Pages(func(token string) ([]FlowLog, string, error) {
		out, err := api.DescribeFlowLogs(ctx, &DescribeFlowLogsInput{region, token})
		if err != nil {
			return nil, "", change.Wrap(err, "describe flow logs in %s", region)
		}
		return out.FlowLogs, out.NextToken, nil
	}) {
		if err != nil {
			return nil, err
		}
		if log.of() != "" {
			all = append(all, log)
		}
	}
	return all, nil
}

// FlowKinds returns a registry of the changes to flow logs. What one is of is exempted by its tags.
func FlowKinds(c Client) change.Registry { return change.NewRegistry(flowKind{tagged: tagged{c}}) }

type flowKind struct {
	change.FlowLogs
	tagged
}

func (k flowKind) find(ctx context.Context, c change.Change) (id, value string, err error) {
	region, _, _ := c.Share()
	all, err := FlowLogs(ctx, k.client, region)
	for _, log := range all {
		if is := log.Change(region); is.Thing() == c.Thing() {
			return log.ID, is.Before, err
		}
	}
	return "", "", err
}

func (k flowKind) Read(ctx context.Context, c change.Change) (string, error) {
	_, value, err := k.find(ctx, c)
	return value, err
}

func (k flowKind) Set(ctx context.Context, c change.Change) error {
	region, _, _ := c.Share()
	id, _, err := k.find(ctx, c)
	var out *FlowLogsOutput
	switch {
	case err != nil:
	case c.After != "" && id == "":
		in := &CreateFlowLogsInput{Region: region, ResourceID: c.Subject}
		if err = json.Unmarshal([]byte(c.After), &in.FlowLogSettings); err == nil {
			out, err = k.client.CreateFlowLogs(ctx, in)
		}
	case c.After != "":
		err = fmt.Errorf("%s logs there already, otherwise", id)
	case id != "":
		out, err = k.client.DeleteFlowLogs(ctx, &DeleteFlowLogsInput{region, id})
	}
	if err == nil {
		err = out.err()
	}
	return change.Wrap(change.Unless(ctx, k, c, err), "set flow log of %q", c.Subject)
}
