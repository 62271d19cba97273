package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table lists the DynamoDB operations that [Dynamo] uses.
type Table interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(
		context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.BatchGetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	dynamodb.QueryAPIClient
	dynamodb.ScanAPIClient
}

// Dynamo is a store in a DynamoDB table with the string keys pk and sk, the time to live attribute expires, and a
// global index named subject over the strings subject and at. The string write names the write that made an item,
// the string seal proves whose write it was.
type Dynamo struct {
	API  Table
	Name string
}

var _ Unsealed = Dynamo{}

// instant is RFC 3339 in UTC with a fixed width, so that the index sorts by time.
const instant = "2006-01-02T15:04:05.000Z"

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func keyOf(partition, sort string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": text(partition), "sk": text(sort)}
}

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// Get implements [Store].
func (d Dynamo) Get(ctx context.Context, partition, sort string) (Item, error) {
	in := &dynamodb.GetItemInput{TableName: &d.Name, ConsistentRead: aws.Bool(true), Key: keyOf(partition, sort)}
	out, err := d.API.GetItem(ctx, in)
	if err != nil {
		return Item{}, fmt.Errorf("get %s from the ledger: %w", partition, err)
	}
	item := decode(out.Item)
	item.Partition, item.Sort = partition, sort
	return item, nil
}

// most is how many items one call reads
// (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
const most = 100

// unread is how often, and after which pause, what DynamoDB has left out of an answer is asked for again:
// what it may leave out when it throttles, it asks to be given time for. See [most].
var unread = []time.Duration{
	0, 50 * time.Millisecond, 200 * time.Millisecond, 800 * time.Millisecond, 3200 * time.Millisecond,
}

// BatchGet implements [Store]. What is left out after some tries is an error: it must not be taken for absent.
func (d Dynamo) BatchGet(ctx context.Context, keys ...Key) ([]Item, error) {
	if len(keys) == 1 {
		item, err := d.Get(ctx, keys[0].Partition, keys[0].Sort)
		return []Item{item}, err
	}
	found := map[Key]Item{}
	var wanted []map[string]types.AttributeValue
	for _, key := range keys {
		if err := (Item{Partition: key.Partition, Sort: key.Sort}).check(); err != nil {
			return nil, fmt.Errorf("get %s from the ledger: %w", key.Partition, err)
		}
		if _, known := found[key]; !known { // a key may be in a call once
			found[key] = Item{Partition: key.Partition, Sort: key.Sort}
			wanted = append(wanted, keyOf(key.Partition, key.Sort))
		}
	}
	for part := range slices.Chunk(wanted, most) {
		if err := d.gather(ctx, part, found); err != nil {
			return nil, err
		}
	}
	items := make([]Item, len(keys))
	for i, key := range keys {
		items[i] = found[key]
	}
	return items, nil
}

// gather reads up to [most] items into found.
func (d Dynamo) gather(ctx context.Context, keys []map[string]types.AttributeValue, found map[Key]Item) error {
	for _, pause := range unread {
		if pause > 0 {
			select {
			case <-ctx.Done():
				return fmt.Errorf("get %d items from the ledger: %w", len(keys), ctx.Err())
			case <-time.After(pause):
			}
		}
		out, err := d.API.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{d.Name: {Keys: keys, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return fmt.Errorf("get %d items from the ledger: %w", len(keys), err)
		}
		for _, attributes := range out.Responses[d.Name] {
			item := decode(attributes)
			found[Key{item.Partition, item.Sort}] = item
		}
		if keys = out.UnprocessedKeys[d.Name].Keys; len(keys) == 0 {
			return nil
		}
	}
	return fmt.Errorf("get items from the ledger: DynamoDB leaves out %d of them again and again", len(keys))
}

// Put implements [Store]. Each write has a name of its own: a client whose answer is lost on the way
// makes the write again, and what is refused then because of that very write was let through: see
// ReturnValuesOnConditionCheckFailure in
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
func (d Dynamo) Put(ctx context.Context, item Item) error {
	in := &dynamodb.PutItemInput{ConditionExpression: aws.String("attribute_not_exists(pk)")}
	if item.Version > 0 {
		in.ConditionExpression = aws.String("version = :version")
		in.ExpressionAttributeValues = map[string]types.AttributeValue{":version": number(item.Version)}
	}
	return d.put(ctx, in, item)
}

// Overwrite implements [Unsealed]. An attribute of another type than string counts as the empty seal.
func (d Dynamo) Overwrite(ctx context.Context, item Item, seal string) error {
	condition := "seal = :seal"
	values := map[string]types.AttributeValue{":seal": text(seal)}
	if seal == "" {
		condition += " OR attribute_not_exists(seal) OR NOT attribute_type(seal, :string)"
		values[":string"] = text("S")
	}
	item.Version = 0
	return d.put(ctx, &dynamodb.PutItemInput{ConditionExpression: &condition, ExpressionAttributeValues: values}, item)
}

// put writes the item on the condition of in.
func (d Dynamo) put(ctx context.Context, in *dynamodb.PutItemInput, item Item) error {
	name := rand.Text()
	attributes := map[string]types.AttributeValue{
		"pk": text(item.Partition), "sk": text(item.Sort), "body": text(item.Body),
		"version": number(item.Version + 1), "write": text(name),
	}
	if item.Seal != "" {
		attributes["seal"] = text(item.Seal)
	}
	if item.Subject != "" {
		attributes["subject"], attributes["at"] = text(item.Subject), text(item.At.UTC().Format(instant))
	}
	if !item.Expires.IsZero() {
		attributes["expires"] = number(item.Expires.Unix())
	}
	in.TableName, in.Item = &d.Name, attributes
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	_, err := d.API.PutItem(ctx, in)
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		if by, ok := refused.Item["write"].(*types.AttributeValueMemberS); ok && by.Value == name {
			return nil
		}
		present := decode(refused.Item)
		present.Partition, present.Sort = item.Partition, item.Sort
		return &Conflict{present}
	}
	if err != nil {
		return fmt.Errorf("put %s into the ledger: %w", item.Partition, err)
	}
	return nil
}

// Query implements [Store].
func (d Dynamo) Query(ctx context.Context, partition string) ([]Item, error) {
	return d.query(ctx, &dynamodb.QueryInput{
		TableName: &d.Name, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": text(partition)},
	})
}

// Index implements [Store].
func (d Dynamo) Index(ctx context.Context, subject string, since time.Time) ([]Item, error) {
	return d.query(ctx, &dynamodb.QueryInput{
		TableName: &d.Name, IndexName: aws.String("subject"),
		KeyConditionExpression:   aws.String("subject = :subject AND #at >= :since"),
		ExpressionAttributeNames: map[string]string{"#at": "at"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":subject": text(subject), ":since": text(since.UTC().Format(instant)),
		},
	})
}

func (d Dynamo) query(ctx context.Context, in *dynamodb.QueryInput) ([]Item, error) {
	var items []Item
	pages := dynamodb.NewQueryPaginator(d.API, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("query the ledger: %w", err)
		}
		for _, attributes := range page.Items {
			items = append(items, decode(attributes))
		}
	}
	return items, nil
}

// Scan implements [Store].
func (d Dynamo) Scan(ctx context.Context, prefixes ...string) ([]Item, error) {
	var items []Item
	filters, values := make([]string, len(prefixes)), map[string]types.AttributeValue{}
	for i, prefix := range prefixes {
		filters[i] = fmt.Sprintf("begins_with(pk, :prefix%d)", i)
		values[fmt.Sprintf(":prefix%d", i)] = text(prefix)
	}
	pages := dynamodb.NewScanPaginator(d.API, &dynamodb.ScanInput{
		TableName: &d.Name, ConsistentRead: aws.Bool(true),
		FilterExpression: aws.String(strings.Join(filters, " OR ")), ExpressionAttributeValues: values,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("scan the ledger: %w", err)
		}
		for _, attributes := range page.Items {
			items = append(items, decode(attributes))
		}
	}
	return items, nil
}

// decode reads an item as Put writes it. An attribute that is missing, or of another type, is the zero value; without
// a version that Put writes the version is -1.
func decode(attributes map[string]types.AttributeValue) Item {
	str := func(name string) (value string) {
		if s, ok := attributes[name].(*types.AttributeValueMemberS); ok {
			value = s.Value
		}
		return value
	}
	num := func(name string) (value int64) {
		if n, ok := attributes[name].(*types.AttributeValueMemberN); ok {
			value, _ = strconv.ParseInt(n.Value, 10, 64)
		}
		return value
	}
	item := Item{
		Partition: str("pk"), Sort: str("sk"), Subject: str("subject"), Body: str("body"), Version: num("version"),
		Seal: str("seal"),
	}
	if len(attributes) > 0 && item.Version < 1 {
		item.Version = -1
	}
	if at, err := time.Parse(time.RFC3339, str("at")); err == nil {
		item.At = at
	}
	if expires := num("expires"); expires > 0 {
		item.Expires = time.Unix(expires, 0).UTC()
	}
	return item
}
