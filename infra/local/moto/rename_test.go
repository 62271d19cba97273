package moto_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/infra/local/moto/mototest"
)

// A user that is renamed or moved keeps its id, tags and keys.
func TestUpdateUser(t *testing.T) {
	server := mototest.Start(t)
	client := iam.NewFromConfig(mototest.Config(server.URL, "any", "any"))
	for _, name := range []string{"alice", "bob"} {
		if _, err := client.CreateUser(t.Context(), &iam.CreateUserInput{
			UserName: &name, Tags: []types.Tag{{Key: aws.String("owner"), Value: aws.String(name)}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	key, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.UpdateUser(t.Context(), &iam.UpdateUserInput{
		UserName: aws.String("alice"), NewUserName: aws.String("bob"),
	}); err == nil {
		t.Error("two users have one name")
	}
	if _, err := client.UpdateUser(t.Context(), &iam.UpdateUserInput{
		UserName: aws.String("alice"), NewUserName: aws.String("smith"), NewPath: aws.String("/team/"),
	}); err != nil {
		t.Fatal(err)
	}
	tags, err := client.ListUserTags(t.Context(), &iam.ListUserTagsInput{UserName: aws.String("smith")})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "alice" {
		t.Errorf("tags %v (%v), want those of alice", tags, err)
	}
	if found, err := client.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("SMITH")}); err != nil ||
		aws.ToString(found.User.UserName) != "smith" {
		t.Errorf("SMITH is %v (%v), want smith: IAM does not distinguish names by case", found, err)
	}
	used, err := client.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{
		AccessKeyId: key.AccessKey.AccessKeyId,
	})
	if err != nil || aws.ToString(used.UserName) != "smith" {
		t.Errorf("the key is of %v (%v), want smith", used, err)
	}
}
