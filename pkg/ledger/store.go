package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Item is one item of the table.
type Item struct {
	Partition, Sort string // its key
	// Subject and At put it into the index by subject; the empty Subject keeps it out.
	Subject string
	At      time.Time
	Expires time.Time // when it may be deleted; zero keeps it
	Version int64     // counts its writes; 0 means that it is not there, less that what is there was not written by Put
	Body    string    // its JSON
	Seal    string    // proves who wrote it, see [Sealed]; empty in a store that is not sealed
	// Unproven is what is there and Warder did not write, of a halt switch that is taken for absent, see [Halt].
	Unproven *Item
}

// What DynamoDB takes, in bytes: the keys of a partition, of the table and of the index, a sort key, and
// a whole item (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
const (
	maxPartition = 2048
	maxSort      = 1024
	maxItem      = 400 * 1024
)

// check returns an error for an item that DynamoDB does not take.
func (i Item) check() error {
	size := len(i.Partition) + len(i.Sort) + len(i.Subject) + len(i.Body)
	switch {
	case i.Partition == "" || i.Sort == "":
		return errors.New("ValidationException: a key is empty")
	case len(i.Partition) > maxPartition || len(i.Subject) > maxPartition || len(i.Sort) > maxSort:
		return fmt.Errorf("ValidationException: keys of %d, %d and %d bytes", len(i.Partition), len(i.Sort), len(i.Subject))
	case size > maxItem:
		return fmt.Errorf("ValidationException: an item of %d bytes", size)
	}
	return nil
}

// Key names an item.
type Key struct{ Partition, Sort string }

// ErrConflict says that an item was written by somebody else after it was read.
var ErrConflict = errors.New("the item was written by somebody else meanwhile")

// Conflict is the [ErrConflict] of a write, with the item as it is instead, which need not be read then.
type Conflict struct{ Present Item }

func (c *Conflict) Error() string { return ErrConflict.Error() }

// Is reports whether target is [ErrConflict].
func (c *Conflict) Is(target error) bool { return target == ErrConflict }

// Store keeps items. Reads by key see every write that came before.
type Store interface {
	// Get returns an item, with version 0 when there is none. Items past their time may be returned.
	Get(ctx context.Context, partition, sort string) (Item, error)
	// BatchGet returns the items of the keys, in their order, in one call: each as Get would return it. Of
	// several that name one item, each gets it. It returns all of them or an error.
	BatchGet(ctx context.Context, keys ...Key) ([]Item, error)
	// Put writes the item over the version that it carries, as the next version, or answers with a [*Conflict].
	Put(ctx context.Context, item Item) error
	// Query returns the items of a partition by their sort key.
	Query(ctx context.Context, partition string) ([]Item, error)
	// Index returns the items of a subject from a time on, oldest first. It may lag behind writes.
	Index(ctx context.Context, subject string, since time.Time) ([]Item, error)
	// Scan returns every item whose partition begins with one of the prefixes, in no order. It reads the whole table.
	Scan(ctx context.Context, prefixes ...string) ([]Item, error)
}
