package fakeaws

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/settings"
)

// Session is a session of Session Manager, by its id.
type Session struct {
	Region string `json:"region"`
	Owner  string `json:"owner,omitempty"`
	Target string `json:"target"`
	// Status is "Connected" if none is given.
	Status types.SessionStatus `json:"status,omitempty"`
}

// Node is a machine that Systems Manager manages, by its id.
type Node struct {
	Region string            `json:"region"`
	Tags   map[string]string `json:"tags,omitempty"`
}

// region is where the call is sent; us-east-1 if the call does not say.
func region(options []func(*ssm.Options)) string {
	o := ssm.Options{Region: "us-east-1"}
	for _, set := range options {
		set(&o)
	}
	return o.Region
}

// DescribeSessions lists the active sessions of a region. It knows the filter SessionId alone.
func (a *Account) DescribeSessions(
	_ context.Context, in *ssm.DescribeSessionsInput, options ...func(*ssm.Options),
) (*ssm.DescribeSessionsOutput, error) {
	return call(a, "ssm:DescribeSessions", func() (*ssm.DescribeSessionsOutput, error) {
		if in.State != types.SessionStateActive || len(in.Filters) != 1 ||
			in.Filters[0].Key != types.SessionFilterKeySessionId {
			return nil, fmt.Errorf("describe sessions: want the active ones with one id")
		}
		out := &ssm.DescribeSessionsOutput{}
		session, ok := a.state.Sessions[aws.ToString(in.Filters[0].Value)]
		if !ok || session.Region != region(options) || session.Status == types.SessionStatusTerminated {
			return out, nil
		}
		status := session.Status
		if status == "" {
			status = types.SessionStatusConnected
		}
		out.Sessions = []types.Session{
			{SessionId: in.Filters[0].Value, Target: &session.Target, Owner: &session.Owner, Status: status},
		}
		return out, nil
	})
}

// TerminateSession ends a session of a region.
func (a *Account) TerminateSession(
	_ context.Context, in *ssm.TerminateSessionInput, options ...func(*ssm.Options),
) (*ssm.TerminateSessionOutput, error) {
	return call(a, "ssm:TerminateSession", func() (*ssm.TerminateSessionOutput, error) {
		session, ok := a.state.Sessions[aws.ToString(in.SessionId)]
		if !ok || session.Region != region(options) {
			return nil, &types.DoesNotExistException{
				Message: aws.String("Session " + aws.ToString(in.SessionId) + " does not exist."),
			}
		}
		session.Status = types.SessionStatusTerminated
		return &ssm.TerminateSessionOutput{SessionId: in.SessionId}, nil
	})
}

// DescribeInstanceInformation lists the nodes of a region that have a tag. It knows no other filter.
func (a *Account) DescribeInstanceInformation(
	_ context.Context, in *ssm.DescribeInstanceInformationInput, options ...func(*ssm.Options),
) (*ssm.DescribeInstanceInformationOutput, error) {
	return call(a, "ssm:DescribeInstanceInformation", func() (*ssm.DescribeInstanceInformationOutput, error) {
		if len(in.Filters) != 1 || !strings.HasPrefix(aws.ToString(in.Filters[0].Key), "tag:") {
			return nil, fmt.Errorf("describe instance information: want those with one tag")
		}
		var ids []string
		for _, id := range sorted(a.state.Nodes) {
			node := a.state.Nodes[id]
			value, ok := node.Tags[strings.TrimPrefix(*in.Filters[0].Key, "tag:")]
			if ok && node.Region == region(options) && slices.Contains(in.Filters[0].Values, value) {
				ids = append(ids, id)
			}
		}
		ids, next := page(a.Page, ids, in.NextToken, in.MaxResults)
		out := &ssm.DescribeInstanceInformationOutput{NextToken: next}
		for _, id := range ids {
			out.InstanceInformationList = append(out.InstanceInformationList,
				types.InstanceInformation{InstanceId: aws.String(id)})
		}
		return out, nil
	})
}

// Value is a value that the stop switch had.
type Value struct {
	Value string    `json:"value"`
	At    time.Time `json:"at"`
	By    string    `json:"by,omitempty"`
}

// GetParameter returns the stop switch, and when it was set last. There is no other parameter.
func (a *Account) GetParameter(
	_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options),
) (*ssm.GetParameterOutput, error) {
	return call(a, "ssm:GetParameter", func() (*ssm.GetParameterOutput, error) {
		if aws.ToString(in.Name) != settings.HaltParameter {
			return nil, &types.ParameterNotFound{Message: aws.String("Parameter " + aws.ToString(in.Name) + " not found.")}
		}
		out := &types.Parameter{Name: in.Name, Type: types.ParameterTypeString, Version: 1}
		switch a.state.Halt {
		case "unreadable":
			return nil, &smithy.GenericAPIError{
				Code: "AccessDeniedException", Message: "not authorized to perform: ssm:GetParameter",
			}
		case "":
			out.Value = aws.String("no")
		default:
			out.Value = aws.String(a.state.Halt)
		}
		if n := len(a.state.Halts); n > 0 {
			out.LastModifiedDate, out.Version = aws.Time(a.state.Halts[n-1].At), int64(n)
		}
		return &ssm.GetParameterOutput{Parameter: out}, nil
	})
}

// GetParameterHistory lists the values of the stop switch, the first one first.
func (a *Account) GetParameterHistory(
	_ context.Context, in *ssm.GetParameterHistoryInput, _ ...func(*ssm.Options),
) (*ssm.GetParameterHistoryOutput, error) {
	return call(a, "ssm:GetParameterHistory", func() (*ssm.GetParameterHistoryOutput, error) {
		if aws.ToString(in.Name) != settings.HaltParameter {
			return nil, &types.ParameterNotFound{Message: aws.String("Parameter " + aws.ToString(in.Name) + " not found.")}
		}
		values, next := page(a.Page, a.state.Halts, in.NextToken, in.MaxResults)
		first, _ := strconv.Atoi(aws.ToString(in.NextToken))
		out := &ssm.GetParameterHistoryOutput{NextToken: next}
		for i, v := range values {
			out.Parameters = append(out.Parameters, types.ParameterHistory{
				Name: in.Name, Value: aws.String(v.Value), Version: int64(first + i + 1), LastModifiedDate: aws.Time(v.At),
				LastModifiedUser: aws.String(v.By),
			})
		}
		return out, nil
	})
}
