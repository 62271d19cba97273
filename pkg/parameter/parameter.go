// Package parameter reads and sets parameters of Systems Manager's Parameter Store.
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

// PutParameterInput is a parameter and its new value.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
type PutParameterInput struct {
	Name, Value, Type, Tier, Description string
	Overwrite                            bool
}

// PutParameter sets a parameter, which is there afterwards if it was not.
func (s Store) PutParameter(ctx context.Context, in *PutParameterInput) error {
	_, err := awsjson.Call[struct{}](ctx, s.client, "PutParameter", in)
	return err
}
