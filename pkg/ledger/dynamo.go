package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table lists the DynamoDB operations that [Dynamo] uses.
type Table interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// Dynamo is the ledger in a DynamoDB table with the string keys pk and sk, the time to live
// attribute expires, and a global index named subject over subject and at.
type Dynamo struct {
	api   Table
	table string
}

var _ Ledger = (*Dynamo)(nil)

// NewDynamo returns the ledger in the named table.
func NewDynamo(api Table, table string) *Dynamo {
	return &Dynamo{api: api, table: table}
}

// instant is RFC 3339 in UTC with a fixed width, so that the index sorts by time.
const instant = "2006-01-02T15:04:05.000Z"

func encode(v any) (map[string]types.AttributeValue, error) {
	return attributevalue.MarshalMapWithOptions(v, func(o *attributevalue.EncoderOptions) {
		o.TagKey = "json"
		o.EncodeTime = func(t time.Time) (types.AttributeValue, error) {
			return text(t.UTC().Format(instant)), nil
		}
	})
}

func decode(item map[string]types.AttributeValue, into any) error {
	return attributevalue.UnmarshalMapWithOptions(item, into, func(o *attributevalue.DecoderOptions) {
		o.TagKey = "json"
	})
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func runKey(control, event string) string { return "run#" + control + "#" + event }

func item(partition, sort string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": text(partition), "sk": text(sort)}
}

func refused(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}

// Begin implements [Ledger].
func (d *Dynamo) Begin(ctx context.Context, run Run, now time.Time) (Run, error) {
	key := runKey(run.Control, run.Key)
	out, err := d.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:           &d.table,
		Key:                 item(key, "run"),
		ConditionExpression: aws.String("attribute_not_exists(pk) OR (done = :no AND (holder = :holder OR #until < :now))"),
		UpdateExpression: aws.String("SET #control = :control, #key = :key, #event = :event, #at = if_not_exists(#at, :at), " +
			"holder = :holder, #until = :until, done = :no, #expires = if_not_exists(#expires, :expires) ADD attempts :one"),
		ExpressionAttributeNames: map[string]string{
			"#control": "control", "#key": "key", "#event": "event", "#at": "at", "#until": "until", "#expires": "expires",
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":control": text(run.Control), ":key": text(run.Key), ":event": text(run.Event),
			":at": text(now.UTC().Format(instant)), ":holder": text(run.Holder), ":until": number(run.Until),
			":no": &types.AttributeValueMemberBOOL{}, ":now": number(now.Unix()), ":one": number(1),
			":expires": number(now.Add(idle).Unix()),
		},
		ReturnValues: types.ReturnValueAllNew,
	})
	var recorded Run
	switch {
	case err == nil:
		if err := decode(out.Attributes, &recorded); err != nil {
			return Run{}, fmt.Errorf("decode %s: %w", key, err)
		}
		return recorded, nil
	case !refused(err):
		return Run{}, fmt.Errorf("claim %s: %w", key, err)
	}
	if found, err := d.get(ctx, key, "run", &recorded); err != nil {
		return Run{}, err
	} else if found && recorded.Done {
		return recorded, ErrDone
	}
	return recorded, ErrHeld
}

// Record implements [Ledger].
func (d *Dynamo) Record(ctx context.Context, run Run, entries []Entry, planned bool) error {
	// The entries come first and the run names them all at once: a try that is cut off in between
	// leaves a run without them, and the next one records the same entries again.
	ids := make([]string, len(entries))
	for i, entry := range entries {
		ids[i] = entry.ID
		if err := d.put(ctx, entry, aws.String("attribute_not_exists(pk)")); err != nil && !refused(err) {
			return err
		}
	}
	// A run with entries is kept: it loses its time to live.
	key := runKey(run.Control, run.Key)
	if _, err := d.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                &d.table,
		Key:                      item(key, "run"),
		ConditionExpression:      aws.String("attribute_exists(pk)"),
		UpdateExpression:         aws.String("SET planned = :planned ADD #entries :entries REMOVE #expires"),
		ExpressionAttributeNames: map[string]string{"#entries": "entries", "#expires": "expires"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":entries": &types.AttributeValueMemberSS{Value: ids},
			":planned": &types.AttributeValueMemberBOOL{Value: planned},
		},
	}); err != nil {
		return fmt.Errorf("record %d entries of %s: %w", len(ids), key, err)
	}
	return nil
}

// Update implements [Ledger].
func (d *Dynamo) Update(ctx context.Context, entry Entry) error {
	return d.put(ctx, entry, nil)
}

func (d *Dynamo) put(ctx context.Context, entry Entry, condition *string) error {
	attributes, err := encode(entry)
	if err != nil {
		return fmt.Errorf("encode entry %s: %w", entry.ID, err)
	}
	for name, value := range item("entry#"+entry.ID, "entry") {
		attributes[name] = value
	}
	if _, err := d.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &d.table, Item: attributes, ConditionExpression: condition,
	}); err != nil {
		return fmt.Errorf("put entry %s: %w", entry.ID, err)
	}
	return nil
}

// Entry implements [Ledger].
func (d *Dynamo) Entry(ctx context.Context, id string) (Entry, bool, error) {
	var entry Entry
	found, err := d.get(ctx, "entry#"+id, "entry", &entry)
	return entry, found, err
}

// Finish implements [Ledger].
func (d *Dynamo) Finish(ctx context.Context, run Run) error {
	key := runKey(run.Control, run.Key)
	_, err := d.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                &d.table,
		Key:                      item(key, "run"),
		UpdateExpression:         aws.String("SET #until = :zero, done = :done, #outcome = :outcome, #reason = :reason"),
		ExpressionAttributeNames: map[string]string{"#until": "until", "#outcome": "outcome", "#reason": "reason"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":zero": number(0), ":done": &types.AttributeValueMemberBOOL{Value: run.Done},
			":outcome": text(run.Outcome), ":reason": text(run.Reason),
		},
	})
	if err != nil {
		return fmt.Errorf("finish %s: %w", key, err)
	}
	return nil
}

// Once implements [Ledger].
func (d *Dynamo) Once(ctx context.Context, key, run string, now, until time.Time) (bool, error) {
	_, err := d.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                &d.table,
		Key:                      item("once#"+key, "once"),
		ConditionExpression:      aws.String("attribute_not_exists(pk) OR #expires < :now OR #run = :run"),
		UpdateExpression:         aws.String("SET #run = :run, #expires = :until"),
		ExpressionAttributeNames: map[string]string{"#expires": "expires", "#run": "run"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":now": number(now.Unix()), ":until": number(until.Unix()), ":run": text(run),
		},
	})
	if refused(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("mark %s: %w", key, err)
	}
	return true, nil
}

// get reads one item, strongly consistent, and reports whether it is there.
func (d *Dynamo) get(ctx context.Context, partition, sort string, into any) (bool, error) {
	out, err := d.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &d.table, Key: item(partition, sort), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return false, fmt.Errorf("get %s: %w", partition, err)
	}
	if len(out.Item) == 0 {
		return false, nil
	}
	if err := decode(out.Item, into); err != nil {
		return false, fmt.Errorf("decode %s: %w", partition, err)
	}
	return true, nil
}
