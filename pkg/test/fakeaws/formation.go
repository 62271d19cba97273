package fakeaws

import (
	"cmp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Stack is a stack of CloudFormation.
type Stack struct {
	Region  string    `json:"region,omitempty"` // us-east-1 if none is given
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated,omitzero"` // when its last update began
	// Status is UPDATE_COMPLETE if none is given.
	Status types.StackStatus `json:"status,omitempty"`
}

// DescribeStacks describes the one stack of a name. It lists none.
func (c call) DescribeStacks(in *cloudformation.DescribeStacksInput) (any, error) {
	name := aws.ToString(in.StackName)
	stack, ok := c.state.Stacks[name]
	if !ok || cmp.Or(stack.Region, "us-east-1") != c.region {
		return nil, refused("ValidationError", "Stack with id "+name+" does not exist")
	}
	described := types.Stack{
		StackName: &name, CreationTime: &stack.Created,
		StackStatus: cmp.Or(stack.Status, types.StackStatusUpdateComplete),
	}
	if !stack.Updated.IsZero() {
		described.LastUpdatedTime = &stack.Updated
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{described}}, nil
}
