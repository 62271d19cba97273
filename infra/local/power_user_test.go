package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

// Who has AWS's PowerUserAccess may do everything with DynamoDB, Lambda and KMS that is not denied on the resource. It
// does not help them to make undo give rights, or to silence a finding.
func TestPowerUser(t *testing.T) {
	t.Parallel()
	a, err := emulator.Start(t.Context(), emulator.Options{Mode: "enforce", Stderr: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, users := t.Context(), iam.NewFromConfig(a.Unrecorded())
	const mallory, power, admin = "mallory", "arn:aws:iam::aws:policy/PowerUserAccess",
		"arn:aws:iam::aws:policy/AdministratorAccess"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = users.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String(mallory)})
	must(err)
	_, err = users.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("power")})
	must(err)
	_, err = users.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{
		GroupName: aws.String("power"), PolicyArn: aws.String(power),
	})
	must(err)
	_, err = users.AddUserToGroup(ctx, &iam.AddUserToGroupInput{
		GroupName: aws.String("power"), UserName: aws.String(mallory),
	})
	must(err)
	key, err := users.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String(mallory)})
	must(err)
	cfg := emulator.Config(a.URL, *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey)
	table, keys := dynamodb.NewFromConfig(cfg), kms.NewFromConfig(cfg)

	// Something of Warder's own, so that there is a secret.
	_, err = iam.NewFromConfig(a.Operator()).AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{
		UserName: aws.String(mallory), PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess"),
	})
	must(err)
	must(a.Idle(ctx))

	name := aws.String(settings.TableName)
	got, err := table.GetItem(ctx, &dynamodb.GetItemInput{TableName: name, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "seal#"}, "sk": &types.AttributeValueMemberS{Value: "key"},
	}})
	must(err)
	blob, ok := got.Item["body"].(*types.AttributeValueMemberS)
	if !ok {
		t.Fatalf("the table has no secret: %v", got.Item)
	}
	sealed, err := base64.StdEncoding.DecodeString(blob.Value)
	must(err)
	var keyARN string
	for arn := range a.Stack.Policies {
		if strings.Contains(arn, ":key/") {
			keyARN = arn
		}
	}
	item := func(id string) map[string]types.AttributeValue {
		at := time.Now().UTC()
		body, err := json.Marshal(ledger.Entry{
			ID: id, Control: "detach-direct-policy", Run: "r", Subject: mallory, User: true, At: at,
			Steps: []ledger.Step{{ID: id + "-1", Status: ledger.Verified, At: at, Change: change.Change{
				Kind: change.ManagedUserPolicy, Subject: mallory, Target: admin, Before: change.Attached,
			}}},
		})
		must(err)
		text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
		return map[string]types.AttributeValue{
			"pk": text("entry#" + id), "sk": text("entry"), "body": text(string(body)),
			"version": &types.AttributeValueMemberN{Value: "1"}, "seal": text(strings.Repeat("A", 43)),
		}
	}
	context := map[string]string{ledger.PurposeKey: ledger.Purpose}
	for what, do := range map[string]func() error{
		"put an item": func() error {
			_, err := table.PutItem(ctx, &dynamodb.PutItemInput{TableName: name, Item: item("aaaaaaaaaa")})
			return err
		},
		"put an item by the table's ARN": func() error {
			arn := "arn:aws:dynamodb:us-east-1:123456789012:table/" + *name
			_, err := table.PutItem(ctx, &dynamodb.PutItemInput{TableName: &arn, Item: item("aaaaaaaaaa")})
			return err
		},
		"put many": func() error {
			_, err := table.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
				RequestItems: map[string][]types.WriteRequest{
					*name: {{PutRequest: &types.PutRequest{Item: item("aaaaaaaaaa")}}},
				},
			})
			return err
		},
		"put in a transaction": func() error {
			_, err := table.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
				TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: name, Item: item("aaaaaaaaaa")}}},
			})
			return err
		},
		"insert": func() error {
			_, err := table.ExecuteStatement(ctx, &dynamodb.ExecuteStatementInput{
				Statement: aws.String(`INSERT INTO "warder" VALUE {'pk': 'entry#a', 'sk': 'entry'}`),
			})
			return err
		},
		"delete the secret": func() error {
			_, err := table.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: name, Key: map[string]types.AttributeValue{
				"pk": got.Item["pk"], "sk": got.Item["sk"],
			}})
			return err
		},
		"delete the table's policy": func() error {
			_, err := table.DeleteResourcePolicy(ctx, &dynamodb.DeleteResourcePolicyInput{
				ResourceArn: aws.String("arn:aws:dynamodb:us-east-1:123456789012:table/" + *name),
			})
			return err
		},
		"delete the table": func() error {
			_, err := table.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: name})
			return err
		},
		"open the secret": func() error {
			_, err := keys.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed, EncryptionContext: context})
			return err
		},
		"open the secret with the key's name": func() error {
			_, err := keys.Decrypt(ctx, &kms.DecryptInput{
				CiphertextBlob: sealed, EncryptionContext: context, KeyId: &keyARN,
			})
			return err
		},
		"make a secret": func() error {
			_, err := keys.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
				KeyId: &keyARN, EncryptionContext: context, NumberOfBytes: aws.Int32(32),
			})
			return err
		},
		"encrypt a secret": func() error {
			_, err := keys.Encrypt(ctx, &kms.EncryptInput{
				KeyId: &keyARN, EncryptionContext: context, Plaintext: make([]byte, 32),
			})
			return err
		},
		"be granted the key": func() error {
			_, err := keys.CreateGrant(ctx, &kms.CreateGrantInput{
				KeyId: &keyARN, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/" + mallory),
				Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
			})
			return err
		},
		"write the key's policy": func() error {
			_, err := keys.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &keyARN, Policy: aws.String(`{}`)})
			return err
		},
		"disable the key": func() error {
			_, err := keys.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &keyARN})
			return err
		},
	} {
		var refused smithy.APIError
		if err := do(); !errors.As(err, &refused) || refused.ErrorCode() != "AccessDeniedException" {
			t.Errorf("%s: %v, want AccessDeniedException", what, err)
		}
	}

	// Suppose it came past all of that: the item is there, and stands for nothing.
	_, err = dynamodb.NewFromConfig(a.Unrecorded()).PutItem(ctx, &dynamodb.PutItemInput{
		TableName: name, Item: item("bbbbbbbbbb"),
	})
	must(err)
	answer, err := a.Invoke(ctx, "undo", []byte(`{"action":"bbbbbbbbbb","by":"kim@example.com","reason":"please"}`))
	must(err)
	var said struct {
		Undone  []any
		Refused []struct{ Why string }
	}
	must(json.Unmarshal(answer, &said))
	if len(said.Undone) != 0 || len(said.Refused) != 1 {
		t.Errorf("undo answers %s", answer)
	}
	attached, err := users.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: aws.String(mallory)})
	must(err)
	if slices.ContainsFunc(
		attached.AttachedPolicies,
		func(p iamtypes.AttachedPolicy) bool { return *p.PolicyArn == admin },
	) {
		t.Error("mallory is an administrator")
	}
}
