package ledger

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is a store that lasts as long as the process, for tests and previews. Its zero value is empty and ready.
type Memory struct {
	mu    sync.Mutex
	items map[string]map[string]Item // by partition and sort key
	calls int
	// Fault, when set, is asked before and after each call takes effect; an error is the answer.
	Fault func(operation string, after bool) error
}

var _ Unsealed = (*Memory)(nil)

func (m *Memory) call(operation string, run func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.items == nil {
		m.items = map[string]map[string]Item{}
	}
	m.calls++
	if m.Fault == nil {
		return run()
	}
	if err := m.Fault(operation, false); err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	return m.Fault(operation, true)
}

// Copy returns a store of its own that holds the same, without a fault.
func (m *Memory) Copy() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &Memory{items: make(map[string]map[string]Item, len(m.items)), calls: m.calls}
	for partition, items := range m.items {
		c.items[partition] = maps.Clone(items)
	}
	return c
}

// Calls returns how many calls were made, refused ones included.
func (m *Memory) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// Peek returns an item without making a call, so that what watches the ledger does not count as using it.
func (m *Memory) Peek(partition, sort string) (item Item, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	item, ok = m.items[partition][sort]
	item.Partition, item.Sort = partition, sort
	return item, ok
}

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, partition, sort string) (Item, error) {
	found, err := m.BatchGet(ctx, Key{partition, sort})
	return append(found, Item{Partition: partition, Sort: sort})[0], err
}

// BatchGet implements [Store].
func (m *Memory) BatchGet(_ context.Context, keys ...Key) (found []Item, err error) {
	operation := "dynamodb:BatchGetItem"
	if len(keys) == 1 {
		operation = "dynamodb:GetItem"
	}
	err = m.call(operation, func() error {
		for _, key := range keys {
			item := m.items[key.Partition][key.Sort]
			item.Partition, item.Sort = key.Partition, key.Sort
			if err := (Item{Partition: key.Partition, Sort: key.Sort}).check(); err != nil {
				return err
			}
			found = append(found, item)
		}
		return nil
	})
	return found, err
}

// Put implements [Store].
func (m *Memory) Put(_ context.Context, item Item) error {
	return m.call("dynamodb:PutItem", func() error {
		if err := item.check(); err != nil {
			return err
		}
		if present := m.items[item.Partition][item.Sort]; present.Version != item.Version {
			present.Partition, present.Sort = item.Partition, item.Sort
			return &Conflict{present}
		}
		m.write(item)
		return nil
	})
}

// Overwrite implements [Unsealed].
func (m *Memory) Overwrite(_ context.Context, item Item, seal string) error {
	return m.call("dynamodb:PutItem", func() error {
		if err := item.check(); err != nil {
			return err
		}
		present, found := m.items[item.Partition][item.Sort]
		if found && present.Seal != seal {
			return &Conflict{present}
		}
		item.Version = 0
		m.write(item)
		return nil
	})
}

func (m *Memory) write(item Item) {
	item.Version++
	if m.items[item.Partition] == nil {
		m.items[item.Partition] = map[string]Item{}
	}
	m.items[item.Partition][item.Sort] = item
}

// Forge writes an item just as it is, as somebody does who may write to the table and is not Warder.
func (m *Memory) Forge(item Item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.items == nil {
		m.items = map[string]map[string]Item{}
	}
	if item.Version == 0 {
		item.Version = -1
	}
	item.Version--
	m.write(item)
}

// Query implements [Store].
func (m *Memory) Query(_ context.Context, partition string) (found []Item, err error) {
	err = m.call("dynamodb:Query", func() error {
		found = slices.Collect(maps.Values(m.items[partition]))
		return nil
	})
	slices.SortFunc(found, func(a, b Item) int { return cmp.Compare(a.Sort, b.Sort) })
	return found, err
}

// Index implements [Store].
func (m *Memory) Index(_ context.Context, subject string, since time.Time) (found []Item, err error) {
	err = m.call("dynamodb:Query", func() error {
		found = m.find(func(i Item) bool { return subject != "" && i.Subject == subject && !i.At.Before(since) })
		return nil
	})
	slices.SortFunc(found, func(a, b Item) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Sort, b.Sort))
	})
	return found, err
}

// Scan implements [Store].
func (m *Memory) Scan(_ context.Context, prefixes ...string) (found []Item, err error) {
	err = m.call("dynamodb:Scan", func() error {
		found = m.find(func(i Item) bool {
			return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(i.Partition, prefix) })
		})
		return nil
	})
	return found, err
}

func (m *Memory) find(match func(Item) bool) []Item {
	var found []Item
	for _, partition := range m.items {
		for _, item := range partition {
			if match(item) {
				found = append(found, item)
			}
		}
	}
	return found
}
