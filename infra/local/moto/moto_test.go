package moto_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/moto/mototest"
	"github.com/warder-aws/warder/infra/local/project"
)

func TestServer_LoopbackOnly(t *testing.T) {
	server := mototest.Start(t)
	if !strings.HasPrefix(server.URL, "http://127.0.0.1:") {
		t.Errorf("URL = %q, want a loopback address", server.URL)
	}
	response, err := http.Get(server.URL + "/moto-api/data.json")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	server.Close()
	if response, err := http.Get(server.URL); err == nil {
		response.Body.Close()
		t.Error("the server still answers after Close")
	}
}

func TestServer_Age(t *testing.T) {
	server := mototest.Start(t)
	client := iam.NewFromConfig(mototest.Config(server.URL, "any", "any"))
	user := aws.String("alice")
	if _, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: user}); err != nil {
		t.Fatal(err)
	}
	key, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: user})
	if err != nil {
		t.Fatal(err)
	}
	created, used := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2025, 6, 7, 8, 9, 10, 0, time.UTC)
	for _, age := range []moto.Age{
		{User: *user, Created: created},
		{AccessKey: *key.AccessKey.AccessKeyId, Created: created, LastUsed: used},
	} {
		if err := server.Age(t.Context(), age); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client.GetUser(t.Context(), &iam.GetUserInput{UserName: user})
	if err != nil {
		t.Fatal(err)
	}
	if !got.User.CreateDate.Equal(created) {
		t.Errorf("user of %v, want %v", got.User.CreateDate, created)
	}
	keys, err := client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: user})
	if err != nil {
		t.Fatal(err)
	}
	if !keys.AccessKeyMetadata[0].CreateDate.Equal(created) {
		t.Errorf("key of %v, want %v", keys.AccessKeyMetadata[0].CreateDate, created)
	}
	last, err := client.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{
		AccessKeyId: key.AccessKey.AccessKeyId,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !last.AccessKeyLastUsed.LastUsedDate.Equal(used) {
		t.Errorf("last used %v, want %v", last.AccessKeyLastUsed.LastUsedDate, used)
	}
}

func TestServer_UniqueIDs(t *testing.T) {
	server := mototest.Start(t)
	client := iam.NewFromConfig(mototest.Config(server.URL, "any", "any"))
	user, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("alice")})
	if err != nil {
		t.Fatal(err)
	}
	if id := *user.User.UserId; !regexp.MustCompile(`^AIDA[A-Z2-7]{17}$`).MatchString(id) {
		t.Errorf("UserId = %q", id)
	}
}

func TestServer_PermissionsBoundary(t *testing.T) {
	client := iam.NewFromConfig(mototest.Config(mototest.Start(t).URL, "any", "any"))
	user, boundary := aws.String("alice"), aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")
	if _, err := client.CreateUser(t.Context(), &iam.CreateUserInput{
		UserName: user, PermissionsBoundary: boundary,
	}); err != nil {
		t.Fatal(err)
	}
	present := func(want string) {
		t.Helper()
		one, err := client.GetUser(t.Context(), &iam.GetUserInput{UserName: user})
		if err != nil {
			t.Fatal(err)
		}
		all, err := client.GetAccountAuthorizationDetails(t.Context(), &iam.GetAccountAuthorizationDetailsInput{
			Filter: []types.EntityType{types.EntityTypeUser},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []*types.AttachedPermissionsBoundary{
			one.User.PermissionsBoundary, all.UserDetailList[0].PermissionsBoundary,
		} {
			if got := aws.ToString(arnOf(b)); got != want {
				t.Errorf("boundary %q, want %q", got, want)
			}
		}
		// As IAM does, the list leaves it out.
		listed, err := client.ListUsers(t.Context(), &iam.ListUsersInput{})
		if err != nil || listed.Users[0].PermissionsBoundary != nil {
			t.Errorf("listed %+v, %v, want no boundary", listed, err)
		}
	}
	present(*boundary)
	if _, err := client.DeleteUserPermissionsBoundary(t.Context(),
		&iam.DeleteUserPermissionsBoundaryInput{UserName: user}); err != nil {
		t.Fatal(err)
	}
	present("")
	if _, err := client.PutUserPermissionsBoundary(t.Context(), &iam.PutUserPermissionsBoundaryInput{
		UserName: user, PermissionsBoundary: boundary,
	}); err != nil {
		t.Fatal(err)
	}
	present(*boundary)
	var missing *types.NoSuchEntityException
	_, err := client.PutUserPermissionsBoundary(t.Context(), &iam.PutUserPermissionsBoundaryInput{
		UserName: user, PermissionsBoundary: aws.String("arn:aws:iam::123456789012:policy/none"),
	})
	if !errors.As(err, &missing) {
		t.Errorf("got %v for a policy that does not exist, want NoSuchEntity", err)
	}
}

func arnOf(b *types.AttachedPermissionsBoundary) *string {
	if b == nil {
		return nil
	}
	return b.PermissionsBoundaryArn
}

// No server must outlive a process that is killed without warning: not the launcher, and no fork of it.
func TestServer_EndsWithLauncher(t *testing.T) {
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	python, err := root.Python()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(python, root.Launcher())
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var ports []int
	for range 2 {
		var port, process int
		if _, err := fmt.Fprintln(stdin, "start"); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fscanf(stdout, "port %d %d\n", &port, &process); err != nil {
			t.Fatal(err)
		}
		if !answers(port) {
			t.Fatalf("nothing listens at port %d", port)
		}
		ports = append(ports, port)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Minute):
		_ = command.Process.Kill()
		t.Error("the launcher is still there")
	}
	for _, port := range ports {
		for deadline := time.Now().Add(5 * time.Minute); answers(port); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the server at port %d is still there", port)
			}
		}
	}
}

// answers reports whether anything listens at a port.
func answers(port int) bool {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

// Servers are forks of one process: what happens in one must not be seen in another, and what one
// makes up no other does.
func TestServer_Isolation(t *testing.T) {
	created := map[string]bool{}
	servers := []*moto.Server{mototest.Start(t), mototest.Start(t), mototest.Start(t)}
	for _, server := range servers {
		client := iam.NewFromConfig(mototest.Config(server.URL, "any", "any"))
		users, err := client.ListUsers(t.Context(), &iam.ListUsersInput{})
		if err != nil || len(users.Users) > 0 {
			t.Errorf("a new server has users: %v, %v", users, err)
		}
		user, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("alice")})
		if err != nil {
			t.Fatal(err)
		}
		key, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: user.User.UserName})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{*user.User.UserId, *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey} {
			if created[id] {
				t.Errorf("%s is that of another server", id)
			}
			created[id] = true
		}
	}
	servers[1].Close()
	for i, server := range servers {
		_, err := iam.NewFromConfig(mototest.Config(server.URL, "any", "any")).ListUsers(t.Context(), &iam.ListUsersInput{})
		if gone := err != nil; gone != (i == 1) {
			t.Errorf("the second of three servers was closed; at the server %d: %v", i+1, err)
		}
	}
}

func TestServer_AgeOfUnknownKey(t *testing.T) {
	server := mototest.Start(t)
	err := server.Age(t.Context(), moto.Age{AccessKey: "AKIANONE", Created: time.Unix(0, 0)})
	if err == nil || !strings.Contains(err.Error(), "AKIANONE") {
		t.Errorf("Age = %v, want an error that names the key", err)
	}
}

func TestServer_UnknownCaller(t *testing.T) {
	server := mototest.Start(t)
	caller, err := server.Caller(t.Context(), "AKIANONE", "iam:CreateUser", "*")
	if err != nil {
		t.Fatal(err)
	}
	if caller != (moto.Caller{}) {
		t.Errorf("Caller = %+v, want nobody", caller)
	}
}

func TestStart_WrongPython(t *testing.T) {
	_, err := moto.Start(context.Background(), "/bin/sh", "/nonexistent/server.py")
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/server.py") {
		t.Errorf("Start = %v, want the interpreter's own words", err)
	}
}
