package fakeaws_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	tokens "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

var jan = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func few() fakeaws.State {
	return fakeaws.State{
		Users: map[string]*fakeaws.User{
			"kim": {
				Created: jan, Attached: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
				Keys: []fakeaws.Key{{ID: "AKIAKIM", Status: "Active", Created: jan}},
			},
			"lee": {Created: jan}, "park": {Created: jan},
		},
		Members: map[string]*fakeaws.Member{
			"444455556666": {Keys: []fakeaws.Key{{ID: "AKIAROOT1", Status: "Active", Created: jan}}},
		},
		Buckets: map[string]*fakeaws.Bucket{
			"data": {Region: "eu-west-1", Tags: map[string]string{"owner": "kim"}}, "bare": {Region: "us-east-1"},
		},
		Sessions: map[string]*fakeaws.Session{"kim-1": {Region: "eu-west-1", Target: "i-1"}},
	}
}

func TestConfig_SDKClients(t *testing.T) {
	a := fakeaws.New(few())
	users := iam.NewFromConfig(a.Config())
	var names []string
	for pages := iam.NewListUsersPaginator(users, &iam.ListUsersInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range page.Users {
			names = append(names, *user.UserName)
		}
	}
	if diff := cmp.Diff([]string{"kim", "lee", "park"}, names); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	_, err := users.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("choi")})
	if gone := (*types.NoSuchEntityException)(nil); !errors.As(err, &gone) {
		t.Errorf("a user that is gone: %v", err)
	}
	if _, err := users.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{
		UserName: aws.String("kim"), AccessKeyId: aws.String("AKIAKIM"), Status: types.StatusTypeInactive,
	}); err != nil {
		t.Fatal(err)
	}
	if got := a.State().Users["kim"].Keys[0].Status; got != "Inactive" {
		t.Errorf("the key is %s", got)
	}
	_, err = secretsmanager.NewFromConfig(a.Config()).DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{
		SecretId: aws.String("none"),
	})
	if err == nil {
		t.Error("a secret that is not there is described")
	}
	want := map[string]int{
		"iam:ListUsers": 2, "iam:GetUser": 1, "iam:UpdateAccessKey": 1, "secretsmanager:DescribeSecret": 1,
	}
	if diff := cmp.Diff(want, a.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestConfig_SDKValidation(t *testing.T) {
	a := fakeaws.New(few())
	if _, err := iam.NewFromConfig(a.Config()).AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{
		UserName: aws.String("kim"),
	}); err == nil {
		t.Error("a policy without an ARN was attached")
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	var gaveUp *aws.RequestCanceledError
	if _, err := iam.NewFromConfig(a.Config()).ListUsers(canceled, nil); !errors.As(err, &gaveUp) {
		t.Errorf("a call that was given up: %v", err)
	}
	if len(a.Calls()) > 0 {
		t.Errorf("the account was asked: %v", a.Calls())
	}
}

func TestConfig_UnknownOperation(t *testing.T) {
	a := fakeaws.New(few())
	_, err := iam.NewFromConfig(a.Config()).DeleteGroup(t.Context(), &iam.DeleteGroupInput{
		GroupName: aws.String("admins"),
	})
	if want := "operation error IAM: DeleteGroup, the account in memory has no iam:DeleteGroup"; err == nil ||
		err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = dynamodb.NewFromConfig(a.Config()).GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String("t"), Key: nil,
	})
	if err == nil {
		t.Error("there is a table")
	}
}

func TestConfig_RootSession(t *testing.T) {
	a := fakeaws.New(few())
	in := func(task string) *iam.Client {
		out, err := sts.NewFromConfig(a.Config()).AssumeRoot(t.Context(), &sts.AssumeRootInput{
			TargetPrincipal: aws.String("444455556666"), TaskPolicyArn: &tokens.PolicyDescriptorType{
				Arn: aws.String("arn:aws:iam::aws:policy/root-task/" + task),
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		cfg := a.Config().Copy()
		cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey,
				SessionToken: *out.Credentials.SessionToken,
			}, nil
		})
		return iam.NewFromConfig(cfg)
	}
	keys, err := in("IAMAuditRootUserCredentials").ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{})
	if err != nil || len(keys.AccessKeyMetadata) != 1 || *keys.AccessKeyMetadata[0].AccessKeyId != "AKIAROOT1" {
		t.Fatalf("keys of root: %v, %v", keys, err)
	}
	deletion := &iam.DeleteAccessKeyInput{AccessKeyId: aws.String("AKIAROOT1")}
	if _, err := in("IAMAuditRootUserCredentials").DeleteAccessKey(t.Context(), deletion); err == nil {
		t.Error("an audit deleted a key")
	}
	if _, err := in("IAMDeleteRootUserCredentials").DeleteAccessKey(t.Context(), deletion); err != nil {
		t.Error(err)
	}
	if left := a.State().Members["444455556666"].Keys; len(left) > 0 {
		t.Errorf("keys that are left: %v", left)
	}
	if _, err := iam.NewFromConfig(a.Config()).ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{}); err == nil {
		t.Error("who is no user has keys")
	}
}

func TestConfig_Region(t *testing.T) {
	a := fakeaws.New(few())
	terminate := func(region string) error {
		_, err := ssm.NewFromConfig(a.Config()).TerminateSession(t.Context(), &ssm.TerminateSessionInput{
			SessionId: aws.String("kim-1"),
		}, func(o *ssm.Options) { o.Region = region })
		return err
	}
	if err := terminate("us-east-1"); err == nil {
		t.Error("a session was ended from another region")
	}
	if err := terminate("eu-west-1"); err != nil {
		t.Error(err)
	}
}

func coded(err error, code string) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && answer.ErrorCode() == code
}

func TestConfig_S3(t *testing.T) {
	a := fakeaws.New(few())
	client := s3.New(a.Config())
	data := &s3.Bucket{Name: "data", Region: "eu-west-1"}
	if _, err := client.GetBucketPublicAccessBlock(t.Context(), data); !coded(err,
		"NoSuchPublicAccessBlockConfiguration") {
		t.Errorf("a bucket without a block: %v", err)
	}
	block := s3.PublicAccessBlock{BlockPublicAcls: true, RestrictPublicBuckets: true}
	if err := client.PutBucketPublicAccessBlock(t.Context(), data, &block); err != nil {
		t.Error(err)
	}
	if got, err := client.GetBucketPublicAccessBlock(t.Context(), data); err != nil || *got != block {
		t.Errorf("block %v, %v; want %v", got, err, block)
	}
	if err := client.PutBucketPublicAccessBlock(t.Context(), data, nil); err != nil ||
		a.State().Buckets["data"].Block != nil {
		t.Errorf("the block stays: %v", err)
	}
	if tags, err := client.GetBucketTagging(t.Context(), data); err != nil || tags["owner"] != "kim" {
		t.Errorf("tags %v, %v", tags, err)
	}
	bare := &s3.Bucket{Name: "bare", Region: "us-east-1"}
	if tags, err := client.GetBucketTagging(t.Context(), bare); err != nil || len(tags) != 0 {
		t.Errorf("tags %v, %v", tags, err)
	}
	if err := client.PutObject(t.Context(), bare, "111122223333", s3.Object{
		Key: "a/b.csv", Type: "text/csv", Body: []byte("x"),
	}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]s3.Object{
		"a/b.csv": {Key: "a/b.csv", Type: "text/csv", Body: []byte("x")},
	}, a.Objects("bare")); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if err := client.PutObject(t.Context(), bare, "999999999999", s3.Object{Key: "c"}); !coded(err, "AccessDenied") {
		t.Errorf("a bucket of another account: %v", err)
	}
	if _, err := client.GetBucketTagging(t.Context(), &s3.Bucket{
		Name: "gone", Region: "us-east-1",
	}); !coded(err, "NoSuchBucket") {
		t.Errorf("a bucket that is gone: %v", err)
	}
	if _, err := client.GetObject(t.Context(), bare, "a/b.csv"); err == nil {
		t.Error("an object was read, which no function does")
	}
}

// staff is an account with so many users.
func staff(n int) *fakeaws.Account {
	state := fakeaws.State{Users: map[string]*fakeaws.User{}}
	for i := range n {
		state.Users[fmt.Sprintf("user%04d", i)] = &fakeaws.User{
			Created: jan, Tags: map[string]string{"owner": "team", "email": "team@example.com"},
			Attached: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
			Keys: []fakeaws.Key{
				{ID: fmt.Sprintf("AKIA%04dA", i), Status: "Active", Created: jan},
				{ID: fmt.Sprintf("AKIA%04dB", i), Status: "Inactive", Created: jan},
			},
			Password: &fakeaws.Password{Created: jan}, Inline: map[string]fakeaws.Document{
				"own": `{"Version":"2012-10-17","Statement":[]}`,
			},
		}
	}
	a := fakeaws.New(state)
	a.Page = 1000
	return a
}

func BenchmarkGetUser(b *testing.B) {
	users := iam.NewFromConfig(staff(200).Config())
	in := &iam.GetUserInput{UserName: aws.String("user0007")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := users.GetUser(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListUsersOf200(b *testing.B) {
	users := iam.NewFromConfig(staff(200).Config())
	b.ReportAllocs()
	for b.Loop() {
		if out, err := users.ListUsers(b.Context(), &iam.ListUsersInput{}); err != nil || len(out.Users) != 200 {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuthorizationDetailsOf200(b *testing.B) {
	users := iam.NewFromConfig(staff(200).Config())
	b.ReportAllocs()
	for b.Loop() {
		if out, err := users.GetAccountAuthorizationDetails(b.Context(), &iam.GetAccountAuthorizationDetailsInput{
			Filter: []types.EntityType{types.EntityTypeUser},
		}); err != nil || len(out.UserDetailList) != 200 {
			b.Fatal(err)
		}
	}
}

func BenchmarkCredentialReportOf200(b *testing.B) {
	users := iam.NewFromConfig(staff(200).Config())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := users.GenerateCredentialReport(b.Context(), &iam.GenerateCredentialReportInput{}); err != nil {
			b.Fatal(err)
		}
		if _, err := users.GetCredentialReport(b.Context(), &iam.GetCredentialReportInput{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStateOf200(b *testing.B) {
	a := staff(200)
	b.ReportAllocs()
	for b.Loop() {
		a.State()
	}
}
