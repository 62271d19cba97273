package deployment

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// formation is an account with one stack, and more that are listed.
type formation struct {
	name, template string
	parameters     []types.Parameter
	listed         []types.StackSummary
}

func (f formation) DescribeStacks(_ context.Context, in *cloudformation.DescribeStacksInput,
	_ ...func(*cloudformation.Options),
) (*cloudformation.DescribeStacksOutput, error) {
	if aws.ToString(in.StackName) != f.name {
		return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "does not exist"}
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{{
		StackId:    aws.String("arn:aws:cloudformation:us-east-1:111122223333:stack/" + f.name + "/0a-1b-2c-3d-4e5f"),
		Parameters: f.parameters,
	}}}, nil
}

func (f formation) GetTemplate(context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options),
) (*cloudformation.GetTemplateOutput, error) {
	return &cloudformation.GetTemplateOutput{TemplateBody: &f.template}, nil
}

func (f formation) ListStackResources(context.Context, *cloudformation.ListStackResourcesInput,
	...func(*cloudformation.Options),
) (*cloudformation.ListStackResourcesOutput, error) {
	return &cloudformation.ListStackResourcesOutput{}, nil
}

// ListStacks has a page for each stack.
func (f formation) ListStacks(_ context.Context, in *cloudformation.ListStacksInput, _ ...func(*cloudformation.Options),
) (*cloudformation.ListStacksOutput, error) {
	i := len(aws.ToString(in.NextToken))
	if i >= len(f.listed) {
		return &cloudformation.ListStacksOutput{}, nil
	}
	out := &cloudformation.ListStacksOutput{StackSummaries: f.listed[i : i+1]}
	if i+1 < len(f.listed) {
		out.NextToken = aws.String(string(slices.Repeat([]byte("x"), i+1)))
	}
	return out, nil
}

// What a template for StackSets has CloudFormation fill in is filled in here too: what is compared is whole.
func TestRead_FillsIn(t *testing.T) {
	const end = `{"Fn::Select":[4,{"Fn::Split":["-",{"Fn::Select":[2,{"Fn::Split":["/",{"Ref":"AWS::StackId"}]}]}]}]}`
	f := formation{
		name: "StackSet-warder-1", parameters: []types.Parameter{
			{ParameterKey: aws.String("Mode"), ParameterValue: aws.String("wave-2")},
			{ParameterKey: aws.String("Wave"), ParameterValue: aws.String("2")},
		},
		template: `{"Mappings": {"Modes": {"wave-2": {"2": "enforce", "3": "observe"}}}, "Resources": {"A": {"Type": "T", ` +
			`"Properties": {"Name": {"Fn::Join": ["", ["warder-", ` + end + `]]}, ` +
			`"Mode": {"Fn::Join": ["", ["{", {"Fn::FindInMap": ["Modes", {"Ref": "Mode"}, {"Ref": "Wave"}]}, "}"]]}, ` +
			`"None": {"Fn::FindInMap": ["Modes", "other", "1"]}, "Far": {"Fn::Select": [7, ["a"]]}, ` +
			`"Unknown": {"Fn::Split": ["/", {"Ref": "Nobody"}]}}}}}`,
	}
	s, err := Read(t.Context(), f, f.name)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"Name": "warder-4e5f", "Mode": "{enforce}", "None": unknown{}, "Far": unknown{}, "Unknown": unknown{},
	}
	if diff := cmp.Diff(want, s.Resources[0].Properties); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
}

func TestFind(t *testing.T) {
	summary := func(name string, status types.StackStatus) types.StackSummary {
		return types.StackSummary{StackName: &name, StackStatus: status}
	}
	f := formation{name: "warder", listed: []types.StackSummary{
		summary("StackSet-warder-regions-2", types.StackStatusCreateComplete),
		summary("StackSet-warder-config-3", types.StackStatusCreateComplete),
		summary("StackSet-warder-regions-0", types.StackStatusDeleteComplete),
		summary("StackSet-other-1", types.StackStatusCreateComplete),
		summary("StackSet-warder-1a2b", types.StackStatusUpdateRollbackFailed),
	}}
	if got, err := Find(t.Context(), f, "warder"); err != nil || !slices.Equal(got, []string{"warder"}) {
		t.Errorf("the stack of that name: %v, %v", got, err)
	}
	f.name = "other"
	want := []string{"StackSet-warder-1a2b", "StackSet-warder-regions-2"}
	if got, err := Find(t.Context(), f, "warder"); err != nil || !slices.Equal(got, want) {
		t.Errorf("those of StackSets: %v, %v, want %v", got, err, want)
	}
	f.listed = f.listed[1:4]
	if got, err := Find(t.Context(), f, "warder"); !errors.Is(err, ErrNone) {
		t.Errorf("none: %v, %v", got, err)
	}
}
