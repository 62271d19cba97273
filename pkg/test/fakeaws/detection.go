package fakeaws

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ec2"
	"github.com/warder-aws/warder/pkg/guardduty"
	"github.com/warder-aws/warder/pkg/route53resolver"
	"github.com/warder-aws/warder/pkg/securityhub"
)

// Detector is the detector of GuardDuty in a region. It has another id each time that it is made.
type Detector struct {
	ID        string            `json:"id,omitempty"`
	Suspended bool              `json:"suspended,omitempty"`
	Frequency string            `json:"frequency,omitempty"`
	Features  map[string]string `json:"features,omitempty"` // status by name
	// Within is what can be switched within a feature: status by feature and name.
	Within map[string]map[string]string `json:"within,omitempty"`
}

func (d Detector) clone() Detector {
	d.Features = values(d.Features, same)
	d.Within = values(d.Within, func(m map[string]string) map[string]string { return values(m, same) })
	return d
}

// ListDetectors lists the one of the region.
func (c call) ListDetectors(*guardduty.ListDetectorsInput) (any, error) {
	out := &guardduty.ListDetectorsOutput{}
	if d := c.state.Detectors[c.region]; d != nil {
		out.DetectorIDs = []string{cmp.Or(d.ID, "detector")}
	}
	return out, nil
}

func (c call) detector(id string) (*Detector, error) {
	if d := c.state.Detectors[c.region]; d != nil && cmp.Or(d.ID, "detector") == id {
		return d, nil
	}
	return nil, refused("BadRequestException",
		"The request is rejected because the input detectorId is not owned by the current account.")
}

// GetDetector reads a detector.
func (c call) GetDetector(in *guardduty.GetDetectorInput) (any, error) {
	d, err := c.detector(in.DetectorID)
	if err != nil {
		return nil, err
	}
	out := &guardduty.GetDetectorOutput{Status: guardduty.Enabled, Frequency: cmp.Or(d.Frequency, "SIX_HOURS")}
	if d.Suspended {
		out.Status = guardduty.Disabled
	}
	out.Features = []guardduty.Feature{{Name: "CLOUD_TRAIL", Status: out.Status}}
	for _, name := range sorted(d.Features) {
		f := guardduty.Feature{Name: name, Status: d.Features[name]}
		for _, within := range sorted(d.Within[name]) {
			f.Within = append(f.Within, guardduty.Feature{Name: within, Status: d.Within[name][within]})
		}
		out.Features = append(out.Features, f)
	}
	return out, nil
}

// set is what a request says of a detector; features that it does not name stay.
func (d *Detector) set(s guardduty.Settings) error {
	d.Suspended, d.Frequency = !s.Enable, cmp.Or(s.Frequency, d.Frequency)
	runtimes := 0
	for _, f := range s.Features {
		if strings.HasSuffix(f.Name, "RUNTIME_MONITORING") {
			runtimes++
		}
		put(&d.Features, f.Name, f.Status)
		for _, within := range f.Within {
			of := maps.Clone(d.Within[f.Name])
			put(&of, within.Name, within.Status)
			put(&d.Within, f.Name, of)
		}
	}
	if runtimes > 1 { // https://docs.aws.amazon.com/guardduty/latest/APIReference/API_DetectorFeatureConfiguration.html
		return refused("BadRequestException", "The request names both ways of runtime monitoring.")
	}
	return nil
}

// CreateDetector makes the detector of a region.
func (c call) CreateDetector(in *guardduty.CreateDetectorInput) (any, error) {
	if c.state.Detectors[c.region] != nil {
		return nil, refused("BadRequestException",
			"The request is rejected because a detector already exists for the current account.")
	}
	made := &Detector{ID: fmt.Sprintf("detector-%d", len(c.state.Detectors)+2)}
	err := made.set(in.Settings)
	put(&c.state.Detectors, c.region, made)
	return &guardduty.Nothing{}, err
}

// UpdateDetector changes a detector.
func (c call) UpdateDetector(in *guardduty.UpdateDetectorInput) (any, error) {
	d, err := c.detector(in.DetectorID)
	if err != nil {
		return nil, err
	}
	return &guardduty.Nothing{}, d.set(in.Settings)
}

// DeleteDetector deletes a detector.
func (c call) DeleteDetector(in *guardduty.DeleteDetectorInput) (any, error) {
	if _, err := c.detector(in.DetectorID); err != nil {
		return nil, err
	}
	delete(c.state.Detectors, c.region)
	return &guardduty.Nothing{}, nil
}

// Hub is Security Hub in a region.
type Hub struct {
	Standards []string `json:"standards,omitempty"` // ARNs
	Deleting  []string `json:"deleting,omitempty"`  // standards that are just being switched off
}

func (h Hub) clone() Hub {
	h.Standards, h.Deleting = list(h.Standards, same), list(h.Deleting, same)
	return h
}

func (c call) hub() (*Hub, error) {
	if h := c.state.Hubs[c.region]; h != nil {
		return h, nil
	}
	return nil, refused("InvalidAccessException", "Account "+c.state.ID+" is not subscribed to AWS Security Hub")
}

// GetEnabledStandards lists the standards of the region.
func (c call) GetEnabledStandards(in *securityhub.GetEnabledStandardsInput) (any, error) {
	h, err := c.hub()
	if err != nil {
		return nil, err
	}
	names, next := page(c.Page, slices.Concat(h.Standards, h.Deleting), &in.NextToken, nil)
	out := &securityhub.GetEnabledStandardsOutput{NextToken: aws.ToString(next)}
	for _, name := range names {
		s := securityhub.Subscription{
			StandardsARN: name, StandardsSubscriptionARN: name + "/subscription", StandardsStatus: "READY",
		}
		if slices.Contains(h.Deleting, name) {
			s.StandardsStatus = securityhub.Deleting
		}
		out.StandardsSubscriptions = append(out.StandardsSubscriptions, s)
	}
	return out, nil
}

// EnableSecurityHub switches Security Hub on.
func (c call) EnableSecurityHub(*securityhub.EnableSecurityHubInput) (any, error) {
	if c.state.Hubs[c.region] != nil {
		return nil, refused("ResourceConflictException", "Account is already subscribed to Security Hub")
	}
	put(&c.state.Hubs, c.region, &Hub{})
	return &securityhub.Nothing{}, nil
}

// DisableSecurityHub switches Security Hub off.
func (c call) DisableSecurityHub(*securityhub.DisableSecurityHubInput) (any, error) {
	if _, err := c.hub(); err != nil {
		return nil, err
	}
	delete(c.state.Hubs, c.region)
	return &securityhub.Nothing{}, nil
}

// BatchEnableStandards switches standards on.
func (c call) BatchEnableStandards(in *securityhub.BatchEnableStandardsInput) (any, error) {
	h, err := c.hub()
	if err != nil {
		return nil, err
	}
	for _, s := range in.StandardsSubscriptionRequests {
		h.Standards = append(h.Standards, s.StandardsARN)
		h.Deleting = slices.DeleteFunc(h.Deleting, func(name string) bool { return name == s.StandardsARN })
	}
	slices.Sort(h.Standards)
	h.Standards = slices.Compact(h.Standards)
	return &securityhub.Nothing{}, nil
}

// BatchDisableStandards switches standards off.
func (c call) BatchDisableStandards(in *securityhub.BatchDisableStandardsInput) (any, error) {
	h, err := c.hub()
	if err != nil {
		return nil, err
	}
	h.Standards = slices.DeleteFunc(h.Standards, func(name string) bool {
		return slices.Contains(in.StandardsSubscriptionARNs, name+"/subscription")
	})
	return &securityhub.Nothing{}, nil
}

// VPC is a VPC.
type VPC struct {
	Tags map[string]string `json:"tags,omitempty"`
}

func (v VPC) clone() VPC {
	v.Tags = values(v.Tags, same)
	return v
}

// DescribeVpcs lists the VPC that is named, if it is there.
func (c call) DescribeVpcs(in *ec2.DescribeVpcsInput) (any, error) {
	out := &ec2.DescribeVpcsOutput{}
	if c.state.VPCs[c.region+"/"+in.VPC] != nil {
		out.IDs = []string{in.VPC}
	}
	return out, nil
}

// FlowLog is a flow log.
type FlowLog struct {
	Of string `json:"of"` // the id of a VPC or something else
	ec2.FlowLogSettings
}

func (l FlowLog) clone() FlowLog {
	if l.Options != nil {
		options := *l.Options
		l.Options = &options
	}
	return l
}

// DescribeFlowLogs lists those of the region.
func (c call) DescribeFlowLogs(in *ec2.DescribeFlowLogsInput) (any, error) {
	var all []ec2.FlowLog
	for _, key := range sorted(c.state.FlowLogs) {
		if id, ok := strings.CutPrefix(key, c.region+"/"); ok {
			log := c.state.FlowLogs[key]
			all = append(all, ec2.FlowLog{ID: id, ResourceID: log.Of, FlowLogSettings: log.FlowLogSettings})
		}
	}
	logs, next := page(c.Page, all, &in.NextToken, nil)
	return &ec2.DescribeFlowLogsOutput{FlowLogs: logs, NextToken: aws.ToString(next)}, nil
}

// CreateFlowLogs makes one.
func (c call) CreateFlowLogs(in *ec2.CreateFlowLogsInput) (any, error) {
	if strings.HasPrefix(in.ResourceID, "vpc-") && c.state.VPCs[c.region+"/"+in.ResourceID] == nil {
		return nil, refused("InvalidVpcId.NotFound", "The vpc ID '"+in.ResourceID+"' does not exist")
	}
	made := ec2.FlowLog{ResourceID: in.ResourceID, FlowLogSettings: in.FlowLogSettings}.Change(c.region)
	for key, log := range c.state.FlowLogs {
		there := ec2.FlowLog{ResourceID: log.Of, FlowLogSettings: log.FlowLogSettings}.Change(c.region)
		if strings.HasPrefix(key, c.region+"/") && there.Thing() == made.Thing() {
			return nil, refused("FlowLogAlreadyExists", "There is an existing Flow Log with the same configuration")
		}
	}
	id := c.region + "/fl-made-" + change.Content(made.Thing())[:8]
	// What else its caller must be allowed: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-user.html
	if in.Role != "" {
		c.calls["iam:PassRole"]++
	}
	if in.DestinationType == "s3" {
		c.calls["logs:CreateLogDelivery"]++
	}
	put(&c.state.FlowLogs, id, &FlowLog{in.ResourceID, in.FlowLogSettings})
	return &ec2.FlowLogsOutput{}, nil
}

// DeleteFlowLogs deletes one.
func (c call) DeleteFlowLogs(in *ec2.DeleteFlowLogsInput) (any, error) {
	delete(c.state.FlowLogs, c.region+"/"+in.ID)
	return &ec2.FlowLogsOutput{}, nil
}

// QueryLog is where DNS queries are logged, and of which VPCs.
type QueryLog struct {
	Name        string   `json:"name"`
	Destination string   `json:"destination"` // ARN
	VPCs        []string `json:"vpcs,omitempty"`
	Ending      []string `json:"ending,omitempty"` // VPCs that are just being taken away
}

func (q QueryLog) clone() QueryLog {
	q.VPCs, q.Ending = list(q.VPCs, same), list(q.Ending, same)
	return q
}

// ListResolverQueryLogConfigs lists those of the region.
func (c call) ListResolverQueryLogConfigs(in *route53resolver.ListResolverQueryLogConfigsInput) (any, error) {
	var all []route53resolver.Config
	for _, key := range sorted(c.state.QueryLogs) {
		if id, ok := strings.CutPrefix(key, c.region+"/"); ok {
			q := c.state.QueryLogs[key]
			all = append(all, route53resolver.Config{ID: id, Name: q.Name, DestinationARN: q.Destination, Status: "CREATED"})
		}
	}
	some, next := page(c.Page, all, &in.NextToken, nil)
	return &route53resolver.ListResolverQueryLogConfigsOutput{Configs: some, NextToken: aws.ToString(next)}, nil
}

// ListResolverQueryLogConfigAssociations lists the VPCs of the region whose queries are logged.
func (c call) ListResolverQueryLogConfigAssociations(
	in *route53resolver.ListResolverQueryLogConfigAssociationsInput,
) (any, error) {
	var all []route53resolver.Association
	for _, key := range sorted(c.state.QueryLogs) {
		if id, ok := strings.CutPrefix(key, c.region+"/"); ok {
			for _, vpc := range c.state.QueryLogs[key].VPCs {
				all = append(all, route53resolver.Association{ConfigID: id, ResourceID: vpc, Status: "ACTIVE"})
			}
			for _, vpc := range c.state.QueryLogs[key].Ending {
				all = append(all, route53resolver.Association{ConfigID: id, ResourceID: vpc, Status: route53resolver.Deleting})
			}
		}
	}
	some, next := page(c.Page, all, &in.NextToken, nil)
	return &route53resolver.ListResolverQueryLogConfigAssociationsOutput{
		Associations: some, NextToken: aws.ToString(next),
	}, nil
}

// CreateResolverQueryLogConfig makes a configuration.
func (c call) CreateResolverQueryLogConfig(in *route53resolver.CreateResolverQueryLogConfigInput) (any, error) {
	id := "rqlc-made-" + in.Name // whoever asks with the same CreatorRequestId gets the same
	if c.state.QueryLogs[c.region+"/"+id] == nil {
		put(&c.state.QueryLogs, c.region+"/"+id, &QueryLog{Name: in.Name, Destination: in.DestinationARN})
	}
	return &route53resolver.CreateResolverQueryLogConfigOutput{
		Config: route53resolver.Config{ID: id, Name: in.Name, DestinationARN: in.DestinationARN},
	}, nil
}

func (c call) queryLog(id string) (*QueryLog, error) {
	if q := c.state.QueryLogs[c.region+"/"+id]; q != nil {
		return q, nil
	}
	return nil, refused("ResourceNotFoundException", "The query logging configuration "+id+" does not exist")
}

// AssociateResolverQueryLogConfig has the queries of a VPC logged.
func (c call) AssociateResolverQueryLogConfig(in *route53resolver.AssociateResolverQueryLogConfigInput) (any, error) {
	q, err := c.queryLog(in.ConfigID)
	if err != nil {
		return nil, err
	}
	if slices.Contains(q.VPCs, in.ResourceID) {
		return nil, refused("ResourceExistsException", "The VPC "+in.ResourceID+" is associated already")
	}
	q.VPCs = append(q.VPCs, in.ResourceID)
	slices.Sort(q.VPCs)
	return &route53resolver.Nothing{}, nil
}

// DisassociateResolverQueryLogConfig ends that the queries of a VPC are logged.
func (c call) DisassociateResolverQueryLogConfig(
	in *route53resolver.DisassociateResolverQueryLogConfigInput,
) (any, error) {
	q, err := c.queryLog(in.ConfigID)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(q.VPCs, in.ResourceID) {
		return nil, refused("ResourceNotFoundException", "The VPC "+in.ResourceID+" is not associated")
	}
	q.VPCs = slices.DeleteFunc(q.VPCs, func(vpc string) bool { return vpc == in.ResourceID })
	return &route53resolver.Nothing{}, nil
}
