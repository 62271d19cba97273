package ledger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/test/benchratio"
)

// shelf takes every item and has the one that it was given for each key.
type shelf struct {
	ledger.Table
	body string
}

func (shelf) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput,
	error) {
	return &dynamodb.PutItemOutput{}, nil
}

func (s shelf) item(key map[string]types.AttributeValue) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"pk": key["pk"], "sk": key["sk"], "version": &types.AttributeValueMemberN{Value: "3"},
		"body": &types.AttributeValueMemberS{Value: s.body},
	}
}

func (s shelf) GetItem(_ context.Context, in *dynamodb.GetItemInput,
	_ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: s.item(in.Key)}, nil
}

func (s shelf) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput,
	_ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{}}
	for name, of := range in.RequestItems {
		for _, key := range of.Keys {
			// Rounds are a list, the others are not.
			item := s.item(key)
			if key["sk"].(*types.AttributeValueMemberS).Value == "rounds" {
				item["body"] = &types.AttributeValueMemberS{Value: "[]"}
			}
			out.Responses[name] = append(out.Responses[name], item)
		}
	}
	return out, nil
}

func (s shelf) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput,
	error) {
	out := &dynamodb.QueryOutput{}
	for i := range 100 {
		out.Items = append(out.Items, s.item(map[string]types.AttributeValue{
			"pk": in.ExpressionAttributeValues[":pk"], "sk": &types.AttributeValueMemberS{Value: fmt.Sprint(i)},
		}))
	}
	return out, nil
}

// What the ledger writes and reads, all but the network, measured by what its JSON takes.
func BenchmarkLedger(b *testing.B) {
	entry := ledger.Entry{
		ID: "abcdefghij", Control: "detach-direct-policy", Run: "00000000-0000-4000-8000-000000000001",
		Event:   "AWS API Call via CloudTrail: AttachUserPolicy",
		Subject: "alice", User: true, UserID: "AIDAEXAMPLE", Owner: "alice@example.com", At: noon,
		Title: "Direct policy on a user", Severity: "high",
		Text:  "A policy was attached directly to alice.",
		Facts: []notice.Fact{{Name: "Attached by", Value: "mallory from 203.0.113.9"}},
		Steps: []ledger.Step{{Change: key, ID: "abcdefghij-1", Status: ledger.Planned, At: noon}},
	}
	text, err := json.Marshal(entry)
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	l := ledger.New(ledger.Dynamo{API: shelf{body: string(text)}, Name: "warder"})
	open, err := json.Marshal(ledger.Case{Control: "c", Key: "k", Subject: "alice", Owner: "alice@example.com",
		Title: entry.Title, Changes: []change.Change{key}, Opened: noon, Notified: noon, Due: noon.Add(7 * day)})
	if err != nil {
		b.Fatal(err)
	}
	cases := ledger.New(ledger.Dynamo{API: shelf{body: string(open)}, Name: "warder"})
	guards := ledger.New(ledger.Dynamo{API: shelf{body: "{}"}, Name: "warder"})
	benchratio.Compare(b,
		benchratio.Side{Name: "json of an entry there and back", Do: func() error {
			text, err := json.Marshal(entry)
			if err != nil {
				return err
			}
			var back ledger.Entry
			return json.Unmarshal(text, &back)
		}},
		benchratio.Side{Name: "write an entry", Do: func() error { e := entry; return l.Update(ctx, &e) }},
		benchratio.Side{Name: "read an entry", Do: func() error { _, _, err := l.Entry(ctx, "abcdefghij"); return err }},
		benchratio.Side{Name: "begin a run", Do: func() error {
			_,
				err := l.Begin(ctx, claim("h", noon.Add(time.Minute)), noon)
			return err
		}},
		benchratio.Side{Name: "guards of a change", Do: func() error {
			_, err := guards.Guards(ctx, "c", "k", []change.Change{key})
			return err
		}},
		benchratio.Side{Name: "a hundred open cases", Do: func() error {
			found, err := cases.OpenCases(ctx, "c")
			if err == nil && len(found) != 100 {
				err = fmt.Errorf("%d cases", len(found))
			}
			return err
		}},
	)
}
