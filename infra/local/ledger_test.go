package main

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/storetest"
)

// The ledger's table is the template's: its keys, its index.
func TestLedgerTable_IsAStore(t *testing.T) {
	t.Parallel()
	a, err := emulator.Open(t.Context(), project.Deployed, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	client := dynamodb.NewFromConfig(a.Unrecorded())
	storetest.Run(t, ledger.Dynamo{API: client, Name: settings.TableName})
	storetest.Lost(t, ledger.Dynamo{API: storetest.Again{Table: client}, Name: settings.TableName})

	t.Run("the table's time to live is the attribute that the store writes", func(t *testing.T) {
		live, err := client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{
			TableName: aws.String(settings.TableName),
		})
		if err != nil {
			t.Fatal(err)
		}
		name := aws.ToString(live.TimeToLiveDescription.AttributeName)
		key := map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "whole#1"}, "sk": &types.AttributeValueMemberS{Value: "s"},
		}
		item, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(settings.TableName), Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if _, number := item.Item[name].(*types.AttributeValueMemberN); !number {
			t.Errorf("the item %v has no number %q", item.Item, name)
		}
	})
}
