// Package parameter reads parameters of Systems Manager's Parameter Store. It sets none.
package parameter

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
)

// Store is Parameter Store.
type Store struct{ client *awsjson.Client }

// New is the store in the region of the configuration.
func New(cfg aws.Config) Store { return Store{awsjson.New(cfg, "SSM", "AmazonSSM")} }

// Seconds is a time as the API has it, in seconds of the epoch; 0 is none.
type Seconds float64

// Time is the time in UTC, the zero time if there is none.
func (s Seconds) Time() time.Time {
	if s <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(s * 1000)).UTC()
}

// GetParameterInput names a parameter.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
type GetParameterInput struct {
	Name           string
	WithDecryption bool
}

// GetParameterOutput has a parameter.
type GetParameterOutput struct {
	Parameter struct {
		Value            string
		LastModifiedDate Seconds
	}
}

// GetParameter reads a parameter.
func (s Store) GetParameter(ctx context.Context, in *GetParameterInput) (*GetParameterOutput, error) {
	return awsjson.Call[GetParameterOutput](ctx, s.client, "GetParameter", in)
}

// GetParameterHistoryInput names a parameter, and a page of its versions.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html
type GetParameterHistoryInput struct {
	Name      string
	NextToken string `json:",omitempty"`
}

// GetParameterHistoryOutput has versions of a parameter, the first one first. NextToken is empty on the last page.
type GetParameterHistoryOutput struct {
	NextToken  string
	Parameters []Version
}

// Version is one value that a parameter had.
type Version struct {
	Value            string
	Version          int64
	LastModifiedDate Seconds
	LastModifiedUser string // ARN
}

// GetParameterHistory lists versions of a parameter.
func (s Store) GetParameterHistory(
	ctx context.Context, in *GetParameterHistoryInput,
) (*GetParameterHistoryOutput, error) {
	return awsjson.Call[GetParameterHistoryOutput](ctx, s.client, "GetParameterHistory", in)
}
