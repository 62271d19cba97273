package fakeaws

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/analyzer"
)

// Accessed is what a role or user used of the services that its policies allow, by their namespace.
type Accessed map[string]AccessedService

// AccessedService is the use of a service. Actions are those that IAM tracks, with a zero time for what was not used;
// there are none of a service of which it tracks no actions.
type AccessedService struct {
	Last    time.Time            `json:"last,omitzero"`
	Actions map[string]time.Time `json:"actions,omitempty"`
}

func (a Accessed) clone() Accessed {
	return values(a, func(s AccessedService) AccessedService {
		s.Last, s.Actions = utc(s.Last), values(s.Actions, utc)
		return s
	})
}

// GenerateServiceLastAccessedDetails begins a report about a role or a user, whose id is its ARN.
func (c call) GenerateServiceLastAccessedDetails(in *iam.GenerateServiceLastAccessedDetailsInput) (any, error) {
	of, err := arn.Parse(*in.Arn)
	kind, _, _ := strings.Cut(of.Resource, "/")
	name := of.Resource[strings.LastIndex(of.Resource, "/")+1:]
	_, isRole := c.state.Roles[name]
	_, isUser := c.state.Users[name]
	if err != nil || kind == "role" && !isRole || kind == "user" && !isUser || in.Granularity != "ACTION_LEVEL" {
		return nil, missing("ARN %s cannot be found.", *in.Arn)
	}
	return &iam.GenerateServiceLastAccessedDetailsOutput{JobId: in.Arn}, nil
}

// GetServiceLastAccessedDetails returns a report. The services are the pages.
func (c call) GetServiceLastAccessedDetails(in *iam.GetServiceLastAccessedDetailsInput) (any, error) {
	used := c.state.Accessed[*in.JobId]
	names, next := page(c.Page, sorted(used), in.Marker, in.MaxItems)
	out := &iam.GetServiceLastAccessedDetailsOutput{
		JobStatus: types.JobStatusTypeCompleted, JobType: "ACTION_LEVEL", Marker: next, IsTruncated: next != nil,
		ServicesLastAccessed: []types.ServiceLastAccessed{},
	}
	date := func(at time.Time) *time.Time {
		if at.IsZero() {
			return nil
		}
		return &at
	}
	for _, name := range names {
		service := types.ServiceLastAccessed{
			ServiceName: new(name), ServiceNamespace: new(name), LastAuthenticated: date(used[name].Last),
		}
		for _, action := range sorted(used[name].Actions) {
			service.TrackedActionsLastAccessed = append(service.TrackedActionsLastAccessed, types.TrackedActionLastAccessed{
				ActionName: new(action), LastAccessedTime: date(used[name].Actions[action]),
			})
		}
		out.ServicesLastAccessed = append(out.ServicesLastAccessed, service)
	}
	return out, nil
}

// ListAnalyzers lists the analyzers of the region that look for unused access in the account.
func (c call) ListAnalyzers(in *analyzer.ListAnalyzersInput) (any, error) {
	all := slices.DeleteFunc(sorted(c.state.Analyzers), func(name string) bool {
		of, err := arn.Parse(name)
		return err != nil || of.Region != c.region || in.Type != "ACCOUNT_UNUSED_ACCESS"
	})
	names, next := page(c.Page, all, &in.NextToken, nil)
	out := &analyzer.ListAnalyzersOutput{NextToken: aws.ToString(next)}
	for _, name := range names {
		out.Analyzers = append(out.Analyzers, analyzer.Analyzer{ARN: name, Status: "ACTIVE"})
	}
	return out, nil
}

// ListFindingsV2 lists the findings of an analyzer.
func (c call) ListFindingsV2(in *analyzer.ListFindingsV2Input) (any, error) {
	all, ok := c.state.Analyzers[in.Analyzer]
	if !ok {
		return nil, refused("ResourceNotFoundException", "no such analyzer")
	}
	all = slices.DeleteFunc(slices.Clone(all), func(f analyzer.Finding) bool {
		return !slices.Contains(in.Filter["status"].Eq, f.Status)
	})
	findings, next := page(c.Page, all, &in.NextToken, nil)
	return &analyzer.ListFindingsV2Output{Findings: findings, NextToken: aws.ToString(next)}, nil
}
