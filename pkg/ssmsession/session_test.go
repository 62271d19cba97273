package ssmsession_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ssmsession"
)

// statuses answers with one session in a status.
type statuses struct{ status ssmtypes.SessionStatus }

func (s statuses) DescribeSessions(context.Context, *ssm.DescribeSessionsInput,
	...func(*ssm.Options)) (*ssm.DescribeSessionsOutput, error) {
	return &ssm.DescribeSessionsOutput{Sessions: []ssmtypes.Session{
		{SessionId: aws.String("alice-1"), Status: ssmtypes.SessionStatusConnected},
		{SessionId: aws.String("alice-12"), Status: s.status},
	}}, nil
}

func (statuses) TerminateSession(context.Context, *ssm.TerminateSessionInput,
	...func(*ssm.Options)) (*ssm.TerminateSessionOutput, error) {
	return nil, errors.New("not expected")
}

func TestASessionIsThereUntilItIsOver(t *testing.T) {
	for status, want := range map[ssmtypes.SessionStatus]string{
		ssmtypes.SessionStatusConnected: change.Connected, ssmtypes.SessionStatusConnecting: change.Connected,
		ssmtypes.SessionStatusDisconnected: change.Connected, // it can be resumed
		ssmtypes.SessionStatusTerminating:  "", ssmtypes.SessionStatusTerminated: "", ssmtypes.SessionStatusFailed: "",
		"Paused": change.Connected, // what AWS may add is not taken for over
	} {
		kind, err := ssmsession.Kinds(statuses{status}).Kind(change.Change{Kind: change.Session})
		if err != nil {
			t.Fatal(err)
		}
		got, err := kind.Read(t.Context(), change.Change{Target: change.SessionTarget("eu-west-1", "alice-12")})
		if got != want || err != nil {
			t.Errorf("%s reads %q, %v, want %q", status, got, err, want)
		}
	}
}

func TestASessionIsOnlyEnded(t *testing.T) {
	kind, err := ssmsession.Kinds(statuses{}).Kind(change.Change{Kind: change.Session})
	if err != nil {
		t.Fatal(err)
	}
	back := change.Change{Kind: change.Session, Subject: "alice", Target: "eu-west-1/alice-12", After: change.Connected}
	if !kind.Widens(back, nil) || kind.Widens(back.Inverse(), nil) {
		t.Error("to end a session narrows, and nothing else does")
	}
	if kind.Final().Empty() || kind.Set(t.Context(), back) == nil {
		t.Error("a session can be put back")
	}
}
