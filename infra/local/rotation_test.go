package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	changes "github.com/warder-aws/warder/pkg/change"
)

// The whole way of a new access key: made, stored, reported, reverted; and its secret nowhere else.
func TestRotation_SecretNowhereElse(t *testing.T) {
	t.Parallel()
	r := startUp(t, "--mode", "enforce")
	users, store := iam.NewFromConfig(r.config()), secretsmanager.NewFromConfig(r.config())
	topic := r.subscribe(t)
	const name = "etl,eu=1@example.com"
	created, err := users.CreateUser(t.Context(), &iam.CreateUserInput{
		UserName: aws.String(name), Tags: []types.Tag{{Key: aws.String("warder:rotate"), Value: aws.String("yes")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	old, err := users.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String(name)})
	if err != nil {
		t.Fatal(err)
	}
	keys := func() int {
		t.Helper()
		out, err := users.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: aws.String(name)})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.AccessKeyMetadata)
	}
	finding := event(t, "access-keys-rotated-noncompliant.json")
	finding = bytes.ReplaceAll(finding, []byte("AIDABOBQRSTUVWEXAMPLE"), []byte(*created.User.UserId))
	finding = bytes.ReplaceAll(finding, []byte("2026-11-16"), []byte("2030-11-16")) // the key is new
	response, err := http.Post(r.env["AWS_ENDPOINT_URL"]+"/_warder/send", "application/json", bytes.NewReader(finding))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answers, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.idle(t)
	if n := keys(); n != 2 {
		t.Fatalf("%d keys, want the old and the new one; %s", n, answers)
	}

	secret := aws.String(changes.SecretName(name, *old.AccessKey.AccessKeyId))
	value, err := store.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: secret})
	if err != nil {
		t.Fatal(err)
	}
	var key struct{ UserName, AccessKeyId, SecretAccessKey string }
	if err := json.Unmarshal([]byte(*value.SecretString), &key); err != nil || key.UserName != name ||
		len(key.SecretAccessKey) != 40 {
		t.Fatalf("the secret holds no access key of the user (%v)", err)
	}
	policy, err := store.GetResourcePolicy(t.Context(), &secretsmanager.GetResourcePolicyInput{SecretId: secret})
	if err != nil || strings.Count(aws.ToString(policy.ResourcePolicy), *created.User.Arn) != 2 {
		t.Errorf("the secret's policy does not name the user twice: %s (%v)", aws.ToString(policy.ResourcePolicy), err)
	}

	told := strings.Join(r.messages(t, topic), "\n")
	if !strings.Contains(told, "get-secret-value --region us-east-1 --secret-id "+*secret) {
		t.Errorf("no message has the command that reads the secret %s:\n%s", *secret, told)
	}
	seen := map[string]string{"the function's answer": string(answers), "a message": told}
	items, err := dynamodb.NewFromConfig(r.config()).Scan(t.Context(), &dynamodb.ScanInput{
		TableName: aws.String("warder"),
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(items.Items)
	if err != nil {
		t.Fatal(err)
	}
	seen["the ledger"] = string(text)
	logs := cloudwatchlogs.NewFromConfig(r.config())
	groups, err := logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range groups.LogGroups {
		lines, err := logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName: group.LogGroupName,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines.Events {
			seen["the log"] += *line.Message + "\n"
		}
	}
	for where, text := range seen {
		if text == "" {
			t.Errorf("%s is empty", where)
		}
		if strings.Contains(text, key.SecretAccessKey) {
			t.Errorf("%s holds the new key's secret", where)
		}
	}

	answer, err := lambda.NewFromConfig(r.config()).Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String("warder-undo"), Payload: []byte(`{"user":"` + name +
			`","since":"2026-01-01T00:00:00Z","by":"dana","reason":"a test"}`),
	})
	if err != nil || answer.FunctionError != nil {
		t.Fatalf("undo: %s (%v)", answer.Payload, err)
	}
	described, err := store.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: secret})
	if err != nil {
		t.Fatal(err)
	}
	if n := keys(); n != 1 || described.DeletedDate == nil {
		t.Errorf("after undo: %d keys, secret deleted: %t; %s", n, described.DeletedDate != nil, answer.Payload)
	}
}
