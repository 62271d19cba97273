package fakeaws

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	session "github.com/warder-aws/warder/pkg/ssm"
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
	session, ok := c.state.Sessions[*in.SessionId]
	if !ok || session.Region != c.region {
		return nil, &types.DoesNotExistException{Message: new("Session " + *in.SessionId + " does not exist.")}
	}
	session.Status = types.SessionStatusTerminated
	return &ssm.TerminateSessionOutput{SessionId: in.SessionId}, nil
}

// DescribeInstanceInformation lists the nodes of a region that have a tag. It knows no other filter.
func (c call) DescribeInstanceInformation(in *ssm.DescribeInstanceInformationInput) (any, error) {
	if len(in.Filters) != 1 || !strings.HasPrefix(aws.ToString(in.Filters[0].Key), "tag:") {
		return nil, fmt.Errorf("describe instance information: want those with one tag")
	}
	ids, next := page(c.Page, slices.DeleteFunc(sorted(c.state.Nodes), func(id string) bool {
		node := c.state.Nodes[id]
		value, ok := node.Tags[strings.TrimPrefix(*in.Filters[0].Key, "tag:")]
		return !ok || node.Region != c.region || !slices.Contains(in.Filters[0].Values, value)
	}), in.NextToken, in.MaxResults)
	out := &ssm.DescribeInstanceInformationOutput{NextToken: next}
	for _, id := range ids {
		out.InstanceInformationList = append(out.InstanceInformationList,
			types.InstanceInformation{InstanceId: new(id)})
	}
	return out, nil
}

// sessions is DescribeSessions with the types of package ssm.
func (c call) sessions(in *session.DescribeSessionsInput) (any, error) {
	asked := &ssm.DescribeSessionsInput{State: types.SessionState(in.State)}
	for _, f := range in.Filters {
		asked.Filters = append(asked.Filters, types.SessionFilter{Key: types.SessionFilterKey(f.Key), Value: &f.Value})
	}
	answer, err := c.DescribeSessions(asked)
	if err != nil {
		return nil, err
	}
	out := &session.DescribeSessionsOutput{}
	for _, s := range answer.(*ssm.DescribeSessionsOutput).Sessions {
		out.Sessions = append(out.Sessions, session.Session{
			SessionID: *s.SessionId, Target: *s.Target, Status: string(s.Status),
		})
	}
	return out, nil
}

// terminate is TerminateSession with the types of package ssm.
func (c call) terminate(in *session.TerminateSessionInput) (any, error) {
	if _, err := c.TerminateSession(&ssm.TerminateSessionInput{SessionId: &in.SessionID}); err != nil {
		return nil, err
	}
	return &session.TerminateSessionOutput{SessionID: in.SessionID}, nil
}

// instances is DescribeInstanceInformation with the types of package ssm.
func (c call) instances(in *session.DescribeInstanceInformationInput) (any, error) {
	asked := &ssm.DescribeInstanceInformationInput{}
	for _, f := range in.Filters {
		asked.Filters = append(asked.Filters, types.InstanceInformationStringFilter{Key: &f.Key, Values: f.Values})
	}
	if in.NextToken != "" {
		asked.NextToken = &in.NextToken
	}
	answer, err := c.DescribeInstanceInformation(asked)
	if err != nil {
		return nil, err
	}
	found := answer.(*ssm.DescribeInstanceInformationOutput)
	out := &session.DescribeInstanceInformationOutput{NextToken: aws.ToString(found.NextToken)}
	for _, i := range found.InstanceInformationList {
		out.InstanceInformationList = append(out.InstanceInformationList, session.Instance{InstanceID: *i.InstanceId})
	}
	return out, nil
}
