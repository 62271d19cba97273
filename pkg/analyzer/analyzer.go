// Package analyzer lists the analyzers of IAM Access Analyzer that look for unused access, and their findings. It
// changes nothing.
package analyzer

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
)

// Client calls IAM Access Analyzer.
type Client struct{ cfg aws.Config }

// New makes a client.
func New(cfg aws.Config) *Client { return &Client{cfg} }

func call[Out any](ctx context.Context, c *Client, region, operation, method, path string, in any) (*Out, error) {
	service := awsjson.In(c.cfg, region, "AccessAnalyzer", "")
	service.Host, service.Signing = "access-analyzer", "access-analyzer"
	return awsjson.Rest[Out](ctx, service, operation, method, path, in)
}

// Unused are the types of analyzers that look for unused access.
var Unused = []string{"ACCOUNT_UNUSED_ACCESS", "ORGANIZATION_UNUSED_ACCESS"}

// ListAnalyzersInput names the analyzers of a region by their type.
// https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ListAnalyzers.html
type ListAnalyzersInput struct {
	Region, Type, NextToken string
}

// ListAnalyzersOutput is a page of analyzers.
type ListAnalyzersOutput struct {
	Analyzers []Analyzer `json:"analyzers"`
	NextToken string     `json:"nextToken"`
}

// Analyzer is an analyzer.
type Analyzer struct {
	ARN    string `json:"arn"`
	Status string `json:"status"` // "ACTIVE" and others
}

// ListAnalyzers lists analyzers.
func (c *Client) ListAnalyzers(ctx context.Context, in *ListAnalyzersInput) (*ListAnalyzersOutput, error) {
	query := url.Values{"type": {in.Type}}
	if in.NextToken != "" {
		query.Set("nextToken", in.NextToken)
	}
	path := "analyzer?" + query.Encode()
	return call[ListAnalyzersOutput](ctx, c, in.Region, "ListAnalyzers", http.MethodGet, path, in)
}

// ListFindingsV2Input names the findings of an analyzer.
// https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ListFindingsV2.html
type ListFindingsV2Input struct {
	Region    string               `json:"-"` // that the call goes to
	Analyzer  string               `json:"analyzerArn"`
	Filter    map[string]Criterion `json:"filter,omitempty"`
	NextToken string               `json:"nextToken,omitempty"`
}

// Criterion is what the value of a finding has to be.
type Criterion struct {
	Eq []string `json:"eq"`
}

// ListFindingsV2Output is a page of findings.
type ListFindingsV2Output struct {
	Findings  []Finding `json:"findings"`
	NextToken string    `json:"nextToken"`
}

// Finding is a finding in short.
type Finding struct {
	ID       string `json:"id"`
	Resource string `json:"resource"` // ARN
	Owner    string `json:"resourceOwnerAccount"`
	Status   string `json:"status"`
	Type     string `json:"findingType"`
}

// ListFindingsV2 lists findings.
func (c *Client) ListFindingsV2(ctx context.Context, in *ListFindingsV2Input) (*ListFindingsV2Output, error) {
	return call[ListFindingsV2Output](ctx, c, in.Region, "ListFindingsV2", http.MethodPost, "findingv2", in)
}

// Reads are the operations that [Findings] calls.
type Reads interface {
	ListAnalyzers(context.Context, *ListAnalyzersInput) (*ListAnalyzersOutput, error)
	ListFindingsV2(context.Context, *ListFindingsV2Input) (*ListFindingsV2Output, error)
}

// ErrNone says that there is no analyzer that looks for unused access.
var ErrNone = errors.New("no analyzer looks for unused access")

// Findings are the active findings about unused access of all analyzers of some regions. They do not depend on the
// region. Without an analyzer there is one error, [ErrNone].
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-create-unused.html
func Findings(ctx context.Context, api Reads, regions []string) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		found := false
		for _, region := range regions {
			for _, kind := range Unused {
				in := &ListAnalyzersInput{Region: region, Type: kind}
				for {
					page, err := api.ListAnalyzers(ctx, in)
					if err != nil {
						yield(Finding{}, err)
						return
					}
					for _, a := range page.Analyzers {
						if a.Status != "ACTIVE" {
							continue
						}
						found = true
						if !list(ctx, api, region, a.ARN, yield) {
							return
						}
					}
					if in.NextToken = page.NextToken; in.NextToken == "" {
						break
					}
				}
			}
		}
		if !found {
			yield(Finding{}, ErrNone)
		}
	}
}

// list yields the active findings of an analyzer; false ends it all.
func list(ctx context.Context, api Reads, region, arn string, yield func(Finding, error) bool) bool {
	in := &ListFindingsV2Input{
		Region: region, Analyzer: arn,
		Filter: map[string]Criterion{"status": {[]string{"ACTIVE"}}},
	}
	for {
		page, err := api.ListFindingsV2(ctx, in)
		if err != nil {
			yield(Finding{}, err)
			return false
		}
		for _, f := range page.Findings {
			if !yield(f, nil) {
				return false
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == "" {
			return true
		}
	}
}
