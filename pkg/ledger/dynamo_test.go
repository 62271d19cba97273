package ledger_test

import (
	"context"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/ledger/storetest"
)

// table is a table of single items. It knows the conditions that the store writes under: that there is
// no such item, and that it has a version.
type table struct {
	ledger.Table
	mu    sync.Mutex
	items map[string]map[string]types.AttributeValue
}

func where(of map[string]types.AttributeValue) string {
	return of["pk"].(*types.AttributeValueMemberS).Value + " " + of["sk"].(*types.AttributeValueMemberS).Value
}

func (t *table) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &dynamodb.GetItemOutput{Item: t.items[where(in.Key)]}, nil
}

func (t *table) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	present := t.items[where(in.Item)]
	met := present == nil
	if *in.ConditionExpression == "version = :version" {
		met = present != nil && present["version"].(*types.AttributeValueMemberN).Value == in.ExpressionAttributeValues[":version"].(*types.AttributeValueMemberN).Value
	}
	if !met {
		refused := &types.ConditionalCheckFailedException{}
		if in.ReturnValuesOnConditionCheckFailure == types.ReturnValuesOnConditionCheckFailureAllOld {
			refused.Item = present
		}
		return nil, refused
	}
	t.items[where(in.Item)] = in.Item
	return &dynamodb.PutItemOutput{}, nil
}

func TestAWriteWhoseAnswerIsLostIsNotRefusedBecauseOfItself(t *testing.T) {
	storetest.Lost(t, ledger.Dynamo{API: storetest.Again{Table: &table{items: map[string]map[string]types.AttributeValue{}}}, Name: "warder"})
}
