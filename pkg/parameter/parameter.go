// Package parameter reads parameters of Systems Manager's Parameter Store. It sets none.
package parameter

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
)

// Store is Parameter Store.
type Store struct{ client *awsjson.Client }

// New is the store in the region of the configuration.
func New(cfg aws.Config) Store { return Store{awsjson.New(cfg, "SSM", "AmazonSSM")} }

// GetParameterInput names a parameter.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
type GetParameterInput struct {
	Name           string
	WithDecryption bool
}

// GetParameterOutput has a parameter.
type GetParameterOutput struct {
	Parameter struct{ Value string }
}

// GetParameter reads a parameter.
func (s Store) GetParameter(ctx context.Context, in *GetParameterInput) (*GetParameterOutput, error) {
	return awsjson.Call[GetParameterOutput](ctx, s.client, "GetParameter", in)
}
