package endpoint_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/moto/mototest"
)

func TestHandler_HoldAndDeliver(t *testing.T) {
	for _, reversed := range []bool{false, true} {
		a := newAccount(t)
		a.handler.Hold()
		a.addUser(t, "alice", "/", "")
		if got := a.count(t); got != 0 {
			t.Fatalf("%d events reached the function before they were delivered", got)
		}
		if err := a.handler.Deliver(t.Context(), reversed); err != nil {
			t.Fatal(err)
		}
		want := []string{"CreateUser", "CreateAccessKey"}
		if reversed {
			want = []string{"CreateAccessKey", "CreateUser"}
		}
		var got []string
		for _, data := range a.events {
			var event struct{ Detail struct{ EventName string } }
			if err := json.Unmarshal(data, &event); err != nil {
				t.Fatal(err)
			}
			got = append(got, event.Detail.EventName)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("reversed %t (-want +got):\n%s", reversed, diff)
		}
		if a.addUser(t, "bob", "/", ""); a.count(t) != 4 {
			t.Error("events are held back after they were delivered")
		}
	}
}

func TestHandler_Before(t *testing.T) {
	a := newAccount(t)
	a.addUser(t, "alice", "/", "")
	function := iam.NewFromConfig(mototest.Config(a.url, functionKey, "any"))
	a.handler.Before("warder-test", "iam:GetUser", func() {
		if _, err := a.iam(nil).UpdateUser(t.Context(), &iam.UpdateUserInput{
			UserName: aws.String("alice"), NewUserName: aws.String("smith"),
		}); err != nil {
			t.Error(err)
		}
	})
	for _, client := range []*iam.Client{a.iam(nil), function} {
		if _, err := client.ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.handler.Interruptions(); got != 1 {
		t.Fatalf("%d interruptions are left before the call, want 1", got)
	}
	_, err := function.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("alice")})
	if got := code(t, err); got != "NoSuchEntity" || a.handler.Interruptions() != 0 {
		t.Errorf("code %q, %d left: want that the user was renamed before the call", got, a.handler.Interruptions())
	}
}

func TestHandler_Shift(t *testing.T) {
	a := newAccount(t)
	a.handler.Shift(48 * time.Hour)
	a.addUser(t, "alice", "/", "")
	at, err := time.Parse(time.RFC3339, a.record(t)["eventTime"].(string))
	if err != nil || time.Until(at) < 47*time.Hour {
		t.Errorf("the event is of %v (%v), want in two days", at, err)
	}
}
