package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/warder-aws/warder/pkg/ledger"
)

// Again is a table whose first answer to each write is lost on the way: the client makes the write
// again, as that of the SDK does, and gets the second answer.
type Again struct{ ledger.Table }

// PutItem writes twice.
func (a Again) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	_, _ = a.Table.PutItem(ctx, in, options...) // nobody hears of it
	return a.Table.PutItem(ctx, in, options...)
}

// Lost tests a store all of whose writes are made [Again]. It has none of the items yet that Lost puts.
func Lost(t *testing.T, store ledger.Store) {
	t.Helper()
	ctx := t.Context()
	put := func(partition string, version int64, body string) error {
		return store.Put(ctx, ledger.Item{Partition: partition, Sort: "s", Version: version, Body: body})
	}
	check := func(t *testing.T, partition string, version int64, body string) {
		t.Helper()
		if item, err := store.Get(ctx, partition, "s"); err != nil || item.Version != version || item.Body != body {
			t.Errorf("the item is %+v (%v), want %q as version %d", item, err, body, version)
		}
	}
	t.Run("a write that was let through is not refused because of itself", func(t *testing.T) {
		for version, body := range []string{"first", "second", "second"} {
			if err := put("lost#1", int64(version), body); err != nil {
				t.Errorf("version %d: %v", version+1, err)
			}
			check(t, "lost#1", int64(version)+1, body)
		}
	})
	t.Run("a write over what somebody else wrote is refused, though it says the same", func(t *testing.T) {
		for version := range int64(2) {
			if err := put("lost#2", version, "the same"); err != nil {
				t.Fatal(err)
			}
		}
		for version := range int64(2) {
			if err := put("lost#2", version, "the same"); !errors.Is(err, ledger.ErrConflict) {
				t.Errorf("over version %d: error %v, want ErrConflict", version, err)
			}
		}
		check(t, "lost#2", 2, "the same")
	})
	t.Run("of many writers of one version one is let through", func(t *testing.T) {
		errs := make([]error, 8)
		var writers sync.WaitGroup
		for i := range errs {
			writers.Go(func() { errs[i] = put("lost#3", 0, fmt.Sprint(i)) })
		}
		writers.Wait()
		through := 0
		for i, err := range errs {
			switch {
			case err == nil:
				through++
				check(t, "lost#3", 1, fmt.Sprint(i))
			case !errors.Is(err, ledger.ErrConflict):
				t.Errorf("writer %d: error %v, want ErrConflict", i, err)
			}
		}
		if through != 1 {
			t.Errorf("%d writers were let through", through)
		}
	})
}
