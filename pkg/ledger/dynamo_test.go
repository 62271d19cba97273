package ledger_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/test/storetest"
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

func (t *table) GetItem(_ context.Context, in *dynamodb.GetItemInput,
	_ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &dynamodb.GetItemOutput{Item: t.items[where(in.Key)]}, nil
}

func (t *table) PutItem(_ context.Context, in *dynamodb.PutItemInput,
	_ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	present := t.items[where(in.Item)]
	met := present == nil
	if *in.ConditionExpression == "version = :version" {
		met = present != nil &&
			present["version"].(*types.AttributeValueMemberN).Value ==
				in.ExpressionAttributeValues[":version"].(*types.AttributeValueMemberN).Value
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

func TestDynamo_LostResponse(t *testing.T) {
	storetest.Lost(t,
		ledger.Dynamo{API: storetest.Again{Table: &table{items: map[string]map[string]types.AttributeValue{}}},
			Name: "warder"})
}

// busy is a table that leaves out what is over so many items of an answer, so many times.
type busy struct {
	table
	room, times, calls int
}

func (b *busy) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput,
	_ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	b.calls++
	wanted := in.RequestItems["warder"]
	if !*wanted.ConsistentRead {
		return nil, errors.New("the read is not consistent")
	}
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{},
		UnprocessedKeys: map[string]types.KeysAndAttributes{}}
	now := wanted.Keys
	if b.times > 0 && len(now) > b.room {
		b.times--
		out.UnprocessedKeys["warder"] = types.KeysAndAttributes{Keys: now[b.room:], ConsistentRead: wanted.ConsistentRead}
		now = now[:b.room]
	}
	for _, key := range now {
		if item := b.items[where(key)]; item != nil {
			out.Responses["warder"] = append(out.Responses["warder"], item)
		}
	}
	return out, nil
}

func TestDynamo_UnprocessedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			times, calls int
			fails        bool
		}{{0, 1, false}, {1, 2, false}, {4, 5, false}, {5, 5, true}} {
			b := &busy{table: table{items: map[string]map[string]types.AttributeValue{}}, times: tc.times}
			store := ledger.Dynamo{API: b, Name: "warder"}
			if err := store.Put(t.Context(), ledger.Item{Partition: "p", Sort: "b", Body: "there"}); err != nil {
				t.Fatal(err)
			}
			items, err := store.BatchGet(t.Context(), ledger.Key{Partition: "p", Sort: "a"},
				ledger.Key{Partition: "p", Sort: "b"})
			if failed := err != nil; failed != tc.fails || b.calls != tc.calls {
				t.Errorf("left out %d times: %d calls, %v; want %d", tc.times, b.calls, err, tc.calls)
			}
			// What was left out must not be taken for absent: a hold would be none.
			if err == nil && (items[0].Version != 0 || items[1].Body != "there") {
				t.Errorf("left out %d times: %+v", tc.times, items)
			}
		}
	})
}
