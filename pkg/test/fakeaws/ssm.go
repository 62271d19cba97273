package fakeaws

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

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

// DescribeSessions lists the active sessions of a region. It knows the filter SessionId alone.
func (c call) DescribeSessions(in *ssm.DescribeSessionsInput) (any, error) {
	if in.State != types.SessionStateActive || len(in.Filters) != 1 ||
		in.Filters[0].Key != types.SessionFilterKeySessionId {
		return nil, fmt.Errorf("describe sessions: want the active ones with one id")
	}
	out := &ssm.DescribeSessionsOutput{}
	session, ok := c.state.Sessions[aws.ToString(in.Filters[0].Value)]
	if !ok || session.Region != c.region || session.Status == types.SessionStatusTerminated {
		return out, nil
	}
	status := cmp.Or(session.Status, types.SessionStatusConnected)
	out.Sessions = []types.Session{
		{SessionId: in.Filters[0].Value, Target: &session.Target, Owner: &session.Owner, Status: status},
	}
	return out, nil
}

// TerminateSession ends a session of a region.
func (c call) TerminateSession(in *ssm.TerminateSessionInput) (any, error) {
	session, ok := c.state.Sessions[aws.ToString(in.SessionId)]
	if !ok || session.Region != c.region {
		return nil, &types.DoesNotExistException{
			Message: aws.String("Session " + aws.ToString(in.SessionId) + " does not exist."),
		}
	}
	session.Status = types.SessionStatusTerminated
	return &ssm.TerminateSessionOutput{SessionId: in.SessionId}, nil
}

// DescribeInstanceInformation lists the nodes of a region that have a tag. It knows no other filter.
func (c call) DescribeInstanceInformation(in *ssm.DescribeInstanceInformationInput) (any, error) {
	if len(in.Filters) != 1 || !strings.HasPrefix(aws.ToString(in.Filters[0].Key), "tag:") {
		return nil, fmt.Errorf("describe instance information: want those with one tag")
	}
	var ids []string
	for _, id := range sorted(c.state.Nodes) {
		node := c.state.Nodes[id]
		value, ok := node.Tags[strings.TrimPrefix(*in.Filters[0].Key, "tag:")]
		if ok && node.Region == c.region && slices.Contains(in.Filters[0].Values, value) {
			ids = append(ids, id)
		}
	}
	ids, next := page(c.Page, ids, in.NextToken, in.MaxResults)
	out := &ssm.DescribeInstanceInformationOutput{NextToken: next}
	for _, id := range ids {
		out.InstanceInformationList = append(out.InstanceInformationList,
			types.InstanceInformation{InstanceId: aws.String(id)})
	}
	return out, nil
}

// Value is a value that the stop switch had.
type Value struct {
	Value string    `json:"value"`
	At    time.Time `json:"at"`
	By    string    `json:"by,omitempty"`
}

// GetParameter returns the stop switch, and when it was set last. There is no other parameter.
func (c call) GetParameter(in *ssm.GetParameterInput) (any, error) {
	if aws.ToString(in.Name) != settings.HaltParameter {
		return nil, &types.ParameterNotFound{Message: aws.String("Parameter " + aws.ToString(in.Name) + " not found.")}
	}
	out := &types.Parameter{Name: in.Name, Type: types.ParameterTypeString, Version: 1}
	if out.Value = aws.String(cmp.Or(c.state.Halt, "no")); *out.Value == "unreadable" {
		return nil, refused("AccessDeniedException", "not authorized to perform: ssm:GetParameter")
	}
	if n := len(c.state.Halts); n > 0 {
		out.LastModifiedDate, out.Version = aws.Time(c.state.Halts[n-1].At), int64(n)
	}
	return &ssm.GetParameterOutput{Parameter: out}, nil
}

// GetParameterHistory lists the values of the stop switch, the first one first.
func (c call) GetParameterHistory(in *ssm.GetParameterHistoryInput) (any, error) {
	if aws.ToString(in.Name) != settings.HaltParameter {
		return nil, &types.ParameterNotFound{Message: aws.String("Parameter " + aws.ToString(in.Name) + " not found.")}
	}
	values, next := page(c.Page, c.state.Halts, in.NextToken, in.MaxResults)
	first, _ := strconv.Atoi(aws.ToString(in.NextToken))
	out := &ssm.GetParameterHistoryOutput{NextToken: next}
	for i, v := range values {
		out.Parameters = append(out.Parameters, types.ParameterHistory{
			Name: in.Name, Value: aws.String(v.Value), Version: int64(first + i + 1), LastModifiedDate: aws.Time(v.At),
			LastModifiedUser: aws.String(v.By),
		})
	}
	return out, nil
}
