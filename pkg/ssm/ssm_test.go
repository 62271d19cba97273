package ssm_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ssm"
)

// statuses answers with a page of one session, and one with another in a status.
type statuses struct{ status string }

func (s statuses) DescribeSessions(_ context.Context, in *ssm.DescribeSessionsInput) (*ssm.DescribeSessionsOutput,
	error) {
	if in.Region != "eu-west-1" || in.State != "Active" {
		return nil, errors.New("not expected")
	}
	if in.NextToken == "" {
		return &ssm.DescribeSessionsOutput{
			Sessions: []ssm.Session{{SessionID: "alice-1", Status: "Connected"}}, NextToken: "2",
		}, nil
	}
	return &ssm.DescribeSessionsOutput{
		Sessions: []ssm.Session{{SessionID: "alice-12", Status: s.status}}, NextToken: in.NextToken,
	}, nil
}

func (statuses) TerminateSession(context.Context, *ssm.TerminateSessionInput) (*ssm.TerminateSessionOutput, error) {
	return nil, errors.New("not expected")
}

func TestASessionIsThereUntilItIsOver(t *testing.T) {
	for status, want := range map[string]string{
		"Connected": change.Connected, "Connecting": change.Connected,
		"Disconnected": change.Connected, // it can be resumed
		"Terminating":  "", "Terminated": "", "Failed": "",
		"Paused": change.Connected, // what AWS may add is not taken for over
	} {
		kind, err := ssm.Kinds(statuses{status}).Kind(change.Change{Kind: change.Session})
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
	kind, err := ssm.Kinds(statuses{}).Kind(change.Change{Kind: change.Session})
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

// wire answers each request with the next body, and keeps what was asked.
type wire struct {
	bodies []string
	asked  []string
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w.asked = append(w.asked, r.URL.String()+" "+r.Header.Get("X-Amz-Target")+" "+string(body))
	next := w.bodies[0]
	w.bodies = w.bodies[1:]
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(next))}, nil
}

func (w *wire) client() ssm.Client {
	return ssm.New(aws.Config{
		Region: "us-east-1", HTTPClient: w, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "s", ""),
	})
}

func TestClient_AsksAsTheAPIWants(t *testing.T) {
	w := &wire{bodies: []string{
		`{"Sessions":[{"SessionId":"bob-1","Target":"i-1","Status":"Connected","StartDate":1.7e9}],"NextToken":"2"}`,
		`{"Sessions":[{"SessionId":"ecs-execute-command-1","Target":"ecs:a_b_c","Status":"Connected"}]}`,
		`{"SessionId":"ecs-execute-command-1"}`,
		`{"InstanceInformationList":[{"InstanceId":"i-2"}],"NextToken":"2"}`,
		`{"InstanceInformationList":[{"InstanceId":"i-1","PingStatus":"Online"}]}`,
		`{"InstanceInformationList":[]}`,
	}}
	c := w.client()
	found, err := ssm.Active(t.Context(), c, "eu-west-1", "ecs-execute-command-1")
	want := &ssm.Session{SessionID: "ecs-execute-command-1", Target: "ecs:a_b_c", Status: "Connected"}
	if diff := cmp.Diff(want, found); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	kind, err := ssm.Kinds(c).Kind(change.Change{Kind: change.Session})
	if err != nil {
		t.Fatal(err)
	}
	end := change.Change{Target: change.SessionTarget("eu-west-1", "ecs-execute-command-1"), Before: change.Connected}
	if err := kind.Set(t.Context(), end); err != nil {
		t.Error(err)
	}
	if got, err := ssm.Tagged(t.Context(), c, "eu-west-1", "i-1", "closed", "yes"); !got || err != nil {
		t.Errorf("a machine on the second page: %t, %v", got, err)
	}
	if got, err := ssm.Tagged(t.Context(), c, "cn-north-1", "i-1", "closed", "yes"); got || err != nil {
		t.Errorf("no machine has the tag: %t, %v", got, err)
	}
	const sessions = `https://ssm.eu-west-1.amazonaws.com/ AmazonSSM.DescribeSessions {"State":"Active",` +
		`"Filters":[{"key":"SessionId","value":"ecs-execute-command-1"}]`
	const machines = `AmazonSSM.DescribeInstanceInformation {"Filters":[{"Key":"tag:closed","Values":["yes"]}]`
	asked := []string{
		sessions + `}`, sessions + `,"NextToken":"2"}`,
		`https://ssm.eu-west-1.amazonaws.com/ AmazonSSM.TerminateSession {"SessionId":"ecs-execute-command-1"}`,
		`https://ssm.eu-west-1.amazonaws.com/ ` + machines + `}`,
		`https://ssm.eu-west-1.amazonaws.com/ ` + machines + `,"NextToken":"2"}`,
		`https://ssm.cn-north-1.amazonaws.com.cn/ ` + machines + `}`,
	}
	if diff := cmp.Diff(asked, w.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// The region is that of an event: a signed request goes to AWS, or nowhere.
func TestClient_RegionThatIsNone(t *testing.T) {
	for _, region := range []string{"", "evil.example/", "eu-west-1.evil.example", "a@evil.example", "x y", "é"} {
		w := &wire{}
		if _, err := ssm.Active(t.Context(), w.client(), region, "bob-1"); err == nil || len(w.asked) > 0 {
			t.Errorf("region %q: %v, asked %q", region, err, w.asked)
		}
	}
}
