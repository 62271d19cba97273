package awsjson

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// endpoint is where the service is: where the configuration says, or else at AWS.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
// https://docs.aws.amazon.com/general/latest/gr/ssm.html
// https://docs.aws.amazon.com/general/latest/gr/kms.html
func (c *Client) endpoint(ctx context.Context, name string) (string, error) {
	fips, dualStack := false, false
	for _, source := range c.cfg.ConfigSources {
		if s, ok := source.(interface {
			GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
		}); ok {
			if url, found, err := s.GetServiceBaseEndpoint(ctx, c.ID); found || err != nil {
				return url, err
			}
		}
		if s, ok := source.(interface {
			GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
		}); ok {
			state, found, err := s.GetUseFIPSEndpoint(ctx)
			if err != nil {
				return "", err
			}
			fips = fips || found && state == aws.FIPSEndpointStateEnabled
		}
		if s, ok := source.(interface {
			GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
		}); ok {
			state, found, err := s.GetUseDualStackEndpoint(ctx)
			if err != nil {
				return "", err
			}
			dualStack = dualStack || found && state == aws.DualStackEndpointStateEnabled
		}
	}
	if c.cfg.BaseEndpoint != nil {
		return *c.cfg.BaseEndpoint, nil
	}
	region, host := c.cfg.Region, name
	if !smithyhttp.ValidHostLabel(region) {
		return "", fmt.Errorf("endpoint of %s: %q is no region", c.ID, region)
	}
	government, china := strings.HasPrefix(region, "us-gov-"), strings.HasPrefix(region, "cn-")
	if fips && (name != "ssm" || !government || dualStack) { // that of SSM in GovCloud is the usual one
		host += "-fips"
	}
	host += "." + region
	// AWS Sign-In has such endpoints only (https://docs.aws.amazon.com/general/latest/gr/signin-service.html).
	dualStack = dualStack || name == "signin"
	switch {
	case dualStack && china:
		host += ".api.amazonwebservices.com.cn"
	case dualStack:
		host += ".api.aws"
	case china:
		host += ".amazonaws.com.cn"
	default:
		host += ".amazonaws.com"
	}
	return "https://" + host, nil
}
