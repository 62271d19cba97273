package reduceunusedaccess

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// pauses are those between the looks at a report that is being made: it takes some seconds
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateServiceLastAccessedDetails.html).
var pauses = []time.Duration{
	0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second, 4 * time.Second,
}

// accessed is what a role or user accessed of the services that its policies allow, as IAM tells within four hours
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html). A report that is not whole is
// an error: what it leaves out may be used.
func (p *planner) accessed(ctx context.Context, arn string) (all []types.ServiceLastAccessed, err error) {
	job, err := p.api.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{
		Arn: &arn, Granularity: types.AccessAdvisorUsageGranularityTypeActionLevel,
	})
	if err != nil {
		return nil, fmt.Errorf("generate the report of what %s last accessed: %w", arn, err)
	}
	var marker *string
	for look := 0; look < len(pauses); {
		if marker == nil && pauses[look] > 0 {
			p.sleep(ctx, pauses[look])
		}
		page, err := p.api.GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{
			JobId: job.JobId, Marker: marker,
		})
		switch {
		case err != nil:
			return nil, fmt.Errorf("get the report of what %s last accessed: %w", arn, err)
		case page.JobStatus == types.JobStatusTypeInProgress:
			look++
			continue
		case page.JobStatus != types.JobStatusTypeCompleted:
			return nil, fmt.Errorf("get the report of what %s last accessed: the job is %s", arn, page.JobStatus)
		}
		all = append(all, page.ServicesLastAccessed...)
		if !page.IsTruncated {
			return all, nil
		}
		if marker = page.Marker; aws.ToString(marker) == "" {
			break
		}
	}
	return nil, fmt.Errorf("get the report of what %s last accessed: it is not whole", arn)
}

// lastAccess is when any service was last accessed, and which; zero if none was.
func lastAccess(all []types.ServiceLastAccessed) (at time.Time, service string) {
	for _, s := range all {
		if t := aws.ToTime(s.LastAuthenticated); t.After(at) {
			at, service = t, aws.ToString(s.ServiceNamespace)
		}
		for _, a := range s.TrackedActionsLastAccessed {
			if t := aws.ToTime(a.LastAccessedTime); t.After(at) {
				at, service = t, aws.ToString(s.ServiceNamespace)
			}
		}
	}
	return at, service
}
