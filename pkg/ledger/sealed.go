package ledger

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Unsealed is a store whose items anybody may have written who may write to the table.
type Unsealed interface {
	Store
	// Overwrite writes the item as its first version over whatever carries the seal, or answers with a [*Conflict].
	Overwrite(ctx context.Context, item Item, seal string) error
}

// Keys gives the secret that seals are made with.
type Keys interface {
	// Key returns the secret. Without create it is nil when nothing can have been sealed yet.
	Key(ctx context.Context, create bool) ([]byte, error)
}

// Sealed is a store that knows its own items from what others write into its table. Each item carries an
// HMAC-SHA256 over all that it holds, its keys and its version included, so that it stands for nothing in another
// place, and no value of it can be altered. An item without the right one is as good as absent: it is neither
// returned nor in the way of a write. [Ledger.Foreign] returns it.
//
// What it cannot know: an item that was deleted, and one that was replaced by what it was before.
type Sealed struct {
	Unsealed
	Keys Keys

	mu      sync.Mutex
	foreign []Foreign
}

var _ Store = (*Sealed)(nil)

// Foreign is an item of the table that Warder did not write.
type Foreign struct {
	Key
	Seal string // what it carries in place of a seal
}

// maxForeign bounds what is kept of foreign items between two calls of [Ledger.Foreign].
const maxForeign = 1000

// Foreign returns the items that were met since it was called last, and that Warder did not write, each once.
func (l *Ledger) Foreign() []Foreign {
	s, ok := l.store.(*Sealed)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	met := s.foreign
	s.foreign = nil
	return met
}

func (s *Sealed) meet(item Item) {
	if strings.HasPrefix(item.Partition, halts) {
		return // it halts: who reads the switch says so
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := Foreign{Key{item.Partition, item.Sort}, item.Seal}
	if len(s.foreign) < maxForeign && !slices.Contains(s.foreign, f) {
		s.foreign = append(s.foreign, f)
	}
}

// sealOf is the seal of an item of that version. Each part is preceded by its length, so that none runs into the next.
func sealOf(key []byte, item Item, version int64) string {
	at, expires := "", ""
	if item.Subject != "" {
		at = item.At.UTC().Format(instant)
	}
	if !item.Expires.IsZero() {
		expires = strconv.FormatInt(item.Expires.Unix(), 10)
	}
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{
		"warder ledger 1", item.Partition, item.Sort, strconv.FormatInt(version, 10), item.Subject, at, expires, item.Body,
	} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		mac.Write(length[:])
		mac.Write([]byte(part))
	}
	return base64.RawStdEncoding.EncodeToString(mac.Sum(nil))
}

// proven returns those of the items that Warder wrote; in place of another one absent, if that is wanted.
func (s *Sealed) proven(ctx context.Context, items []Item, absent bool) ([]Item, error) {
	var known []Item
	var key []byte
	for _, item := range items {
		if item.Version != 0 && key == nil {
			var err error
			if key, err = s.Keys.Key(ctx, false); err != nil {
				return nil, err
			}
		}
		switch {
		case item.Version == 0, key != nil && s.right(key, item):
			item.Seal = ""
			known = append(known, item)
			continue
		case absent:
			known = append(known, absence(item))
		}
		s.meet(item)
	}
	return known, nil
}

// absence is what an item of somebody else is taken for. Of the halt switch it is known what is there: it halts.
func absence(item Item) Item {
	a := Item{Partition: item.Partition, Sort: item.Sort}
	if strings.HasPrefix(item.Partition, halts) {
		a.Unproven = &item
	}
	return a
}

func (s *Sealed) right(key []byte, item Item) bool {
	return item.Version > 0 && hmac.Equal([]byte(item.Seal), []byte(sealOf(key, item, item.Version)))
}

// Get implements [Store].
func (s *Sealed) Get(ctx context.Context, partition, sort string) (Item, error) {
	item, err := s.Unsealed.Get(ctx, partition, sort)
	if err != nil {
		return Item{}, err
	}
	items, err := s.proven(ctx, []Item{item}, true)
	return append(items, Item{})[0], err
}

// BatchGet implements [Store].
func (s *Sealed) BatchGet(ctx context.Context, keys ...Key) ([]Item, error) {
	items, err := s.Unsealed.BatchGet(ctx, keys...)
	if err != nil {
		return nil, err
	}
	return s.proven(ctx, items, true)
}

// key is the secret to seal with. With a new one the ledger begins, and its halt switch is written: a ledger that has
// begun and has none is halted.
func (s *Sealed) key(ctx context.Context) ([]byte, error) {
	key, err := s.Keys.Key(ctx, false)
	if err != nil || key != nil {
		return key, err
	}
	if key, err = s.Keys.Key(ctx, true); err != nil {
		return nil, err
	}
	first := begun
	first.Seal = sealOf(key, first, 1)
	if err := s.Unsealed.Put(ctx, first); err != nil && !errors.Is(err, ErrConflict) {
		return nil, err
	}
	return key, nil
}

// Put implements [Store]. A foreign item that is in the way of a new one is overwritten. One that took the place of
// what was read is as if that had been deleted.
func (s *Sealed) Put(ctx context.Context, item Item) error {
	key, err := s.key(ctx)
	if err != nil {
		return err
	}
	item.Seal = sealOf(key, item, item.Version+1)
	err = s.Unsealed.Put(ctx, item)
	for range 5 {
		conflict := (*Conflict)(nil)
		if !errors.As(err, &conflict) || conflict.Present.Version == 0 || s.right(key, conflict.Present) {
			if conflict != nil {
				conflict.Present.Seal = ""
			}
			return err
		}
		s.meet(conflict.Present)
		if item.Version != 0 {
			return &Conflict{Item{Partition: item.Partition, Sort: item.Sort}}
		}
		err = s.Unsealed.Overwrite(ctx, item, conflict.Present.Seal)
	}
	return fmt.Errorf("put %s into the ledger: somebody else writes it again and again", item.Partition)
}

// Overwrite implements [Unsealed]. Nothing that a sealed store returns is to be overwritten.
func (s *Sealed) Overwrite(context.Context, Item, string) error {
	return errors.New("a sealed store overwrites nothing")
}

// Query implements [Store].
func (s *Sealed) Query(ctx context.Context, partition string) ([]Item, error) {
	items, err := s.Unsealed.Query(ctx, partition)
	if err != nil {
		return nil, err
	}
	return s.proven(ctx, items, false)
}

// Index implements [Store].
func (s *Sealed) Index(ctx context.Context, subject string, since time.Time) ([]Item, error) {
	items, err := s.Unsealed.Index(ctx, subject, since)
	if err != nil {
		return nil, err
	}
	return s.proven(ctx, items, false)
}

// Scan implements [Store].
func (s *Sealed) Scan(ctx context.Context, prefixes ...string) ([]Item, error) {
	items, err := s.Unsealed.Scan(ctx, prefixes...)
	if err != nil {
		return nil, err
	}
	return s.proven(ctx, items, false)
}
