package iamuser

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

func TestName(t *testing.T) {
	users := map[string]*fakeaws.User{"alice": {ID: "AIDAEXAMPLEALICE00001"}, "AIDAEXAMPLEALICE00002": {}}
	for _, name := range []string{"u1", "u2", "u3", "zoe@example.com"} {
		users[name] = &fakeaws.User{ID: "AIDAEXAMPLE000000" + name[:2]}
	}
	users["zoe@example.com"].ID = "AIDAEXAMPLEZOE0000001"
	a := fakeaws.New(fakeaws.State{Users: users})
	for _, tc := range []struct {
		name, resource, want string
		ok                   bool
	}{
		{"a unique id on the first page", "AIDAEXAMPLEALICE00001", "alice", true},
		{"a unique id on the last page", "AIDAEXAMPLEZOE0000001", "zoe@example.com", true},
		{"a unique id that nobody has, though a user is named so", "AIDAEXAMPLEALICE00002", "", false},
		{"a name", "alice", "alice", true},
		{"a name with every character that is allowed", "a@b+c=d,e.f-g_h", "a@b+c=d,e.f-g_h", true},
		{"an ARN with a path", "arn:aws:iam::111122223333:user/team/x/alice", "alice", true},
		{"an ARN in another partition", "arn:aws-cn:iam::111122223333:user/alice", "alice", true},
		{"the ARN of a role", "arn:aws:iam::111122223333:role/alice", "", false},
		{"the ARN of the root user", "arn:aws:iam::111122223333:root", "", false},
		{"the ARN of a user without a name", "arn:aws:iam::111122223333:user/team/", "", false},
		{"nothing", "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok, err := ResolveName(context.Background(), a.IAM(), tc.resource)
			if got != tc.want || ok != tc.ok || err != nil {
				t.Errorf("Name(%q) = %q, %v, %v", tc.resource, got, ok, err)
			}
		})
	}
}

func TestResolveName_ListFails(t *testing.T) {
	a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {}}})
	refused := errors.New("AccessDenied")
	a.Fault = func(string, bool) error { return refused }
	if _, _, err := ResolveName(context.Background(), a.IAM(), "AIDAEXAMPLEALICE00001"); !errors.Is(err, refused) {
		t.Errorf("err = %v", err)
	}
}

func TestRetryUntilVisible_ThreeTries(t *testing.T) {
	gone := &types.NoSuchEntityException{Message: aws.String("gone")}
	for _, tc := range []struct {
		name    string
		answers []error
		calls   int
		waited  time.Duration
		want    error
	}{
		{"there at once", []error{nil}, 1, 0, nil},
		{"there at the second look", []error{gone, nil}, 2, time.Second, nil},
		{"gone", []error{gone, gone, gone, nil}, 3, 3 * time.Second, gone},
		{"another error", []error{errors.ErrUnsupported, nil}, 1, 0, errors.ErrUnsupported},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls, waited := 0, time.Duration(0)
			err := RetryUntilVisible(context.Background(), func(_ context.Context, d time.Duration) { waited += d },
				func() error {
					calls++
					return tc.answers[calls-1]
				})
			if calls != tc.calls || waited != tc.waited || !errors.Is(err, tc.want) {
				t.Errorf("%d calls, waited %s, err %v", calls, waited, err)
			}
		})
	}
}
