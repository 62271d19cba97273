package endpoint

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/rootkey"
)

func TestHandler_RootKeyOfMember(t *testing.T) {
	const key = "ASIAOFTHEFUNCTION001"
	f := New(Config{
		Account: "123456789012", Region: "us-east-1", Functions: map[string]string{key: "warder-delete-root-access-key"},
	})
	server := httptest.NewServer(f)
	defer server.Close()
	config := func(c aws.Credentials) aws.Config {
		return aws.Config{
			Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.StaticCredentialsProvider{Value: c},
		}
	}
	api := sts.NewFromConfig(config(aws.Credentials{AccessKeyID: key, SecretAccessKey: "s", SessionToken: "t"}))
	sessions := func(c aws.Credentials) rootkey.RootSession { return iam.NewFromConfig(config(c)) }
	kind, err := rootkey.Kinds(api, sessions).Kind(change.Change{Kind: change.RootKeyDeletion})
	if err != nil {
		t.Fatal(err)
	}

	root := "arn:aws:iam::" + Member + ":root"
	keys, err := rootkey.List(context.Background(), api, sessions, root)
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d keys, %v; want 1", len(keys), err)
	}
	c := change.Change{
		Kind: change.RootKeyDeletion, Subject: root, Target: aws.ToString(keys[0].AccessKeyId), Before: change.Active,
	}
	if present, err := kind.Read(context.Background(), c); err != nil || present != change.Active {
		t.Fatalf("before: %q, %v", present, err)
	}
	if err := kind.Set(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if present, err := kind.Read(context.Background(), c); err != nil || present != "" {
		t.Fatalf("after: %q, %v", present, err)
	}
	if _, err := rootkey.List(context.Background(), api, sessions, "arn:aws:iam::777788889999:root"); err == nil {
		t.Error("an account that is no member was looked at")
	}

	var looked, deleted int
	for _, call := range f.calls {
		if call.Action != "sts:AssumeRoot" {
			t.Errorf("%s is recorded as the function's own call", call.Action)
		}
		switch call.Conditions["sts:TaskPolicyArn"] {
		case "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials":
			looked++
		case "arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials":
			deleted++
		}
	}
	if diff := cmp.Diff([]int{4, 1, 5}, []int{looked, deleted, len(f.calls)}); diff != "" {
		t.Errorf("sessions to look, to delete, all (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(root, f.calls[0].Resource); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
}
