package closepublicbucket

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/s3"
)

type planner struct{ api readAPI }

// Plan scans the public access block of the bucket that Access Analyzer names. The finding is up
// to an hour old: a bucket that is closed meanwhile, or gone, is no finding.
func (p *planner) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	d, ok := e.Detail.(*event.AccessFinding)
	if !ok || d.Access != event.ExternalAccess || d.ResourceType != "AWS::S3::Bucket" || !d.Public || !d.Active() ||
		d.Error != "" {
		return nil, nil
	}
	// An organization's analyzer reports of all its accounts; only the bucket's own can close it.
	if !arn.IsARN(d.Resource) || d.Account != e.Account {
		return nil, nil
	}
	bucket, err := arn.Parse(d.Resource)
	if err != nil {
		return nil, fmt.Errorf("read the bucket's ARN: %w", err)
	}
	if bucket.Service != "s3" {
		return nil, nil
	}
	before, err := s3.PublicAccess(ctx, p.api, &s3.Bucket{Name: bucket.Resource, Region: d.Region})
	if change.NotFound(err) {
		return nil, nil
	}
	if err != nil || before == change.Closed {
		return nil, err
	}
	what := i18n.Or(i18n.Literal(strings.Join(d.Actions, ", ")), i18n.T("actions that the finding does not name"))
	return []remediation.Finding{{
		Subject: bucket.Resource,
		Text:    i18n.T("Bucket %s is public: anyone can call %s.", bucket.Resource, what),
		Facts: remediation.Facts(i18n.T("Region"), i18n.Literal(d.Region), i18n.T("Finding"), i18n.Literal(d.ID),
			i18n.T("Public access block"), switches(before)),
		Changes: []change.Change{
			{Kind: change.BucketPublicAccess, Subject: bucket.Resource, Target: d.Region, Before: before, After: change.Closed},
		},
		Advice: i18n.T("Find out who made it public, and what was read: CloudTrail has it if data events are on. Then " +
			"remove the public statement from the bucket's policy or ACL. For a public website put CloudFront in front of " +
			"the bucket, or exempt the bucket with a tag."),
		Handling: remediation.Handling{Fresh: true, Once: remediation.Once{Key: d.ID, For: remediation.Weekly}},
	}}, nil
}

// switches describes a public access block for people.
func switches(value string) i18n.Message {
	if value == "" {
		return i18n.T("none")
	}
	var block map[string]bool
	if err := json.Unmarshal([]byte(value), &block); err != nil {
		return i18n.Literal(value)
	}
	on := slices.DeleteFunc(
		[]string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"},
		func(name string) bool { return !block[strings.ToLower(name[:1])+name[1:]] })
	if len(on) == 0 {
		return i18n.T("all four settings off")
	}
	return i18n.T("on: %s", strings.Join(on, ", "))
}
