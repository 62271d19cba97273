package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/ledger"
)

// threads tests what many processes at once do with threads and slots: it rests on the store's
// conditional writes.
func threads(t *testing.T, store ledger.Store, run func(string, func(*testing.T))) {
	t.Helper()
	ctx, l := t.Context(), ledger.New(store)

	run("of many first messages of a thread one becomes its root", func(t *testing.T) {
		var mu sync.Mutex
		begun := 0
		var posters sync.WaitGroup
		for i := range 6 {
			posters.Go(func() {
				holder := fmt.Sprint("holder-", i)
				for {
					root, err := l.Thread(ctx, "crowd", holder, noon, noon.Add(time.Minute))
					switch {
					case errors.Is(err, ledger.ErrHeld), errors.Is(err, ledger.ErrConflict):
						time.Sleep(time.Millisecond)
						continue
					case err != nil:
						t.Error(err)
					case root == "":
						mu.Lock()
						begun++
						mu.Unlock()
						if err := l.BeginThread(ctx, "crowd", holder, "root of "+holder, noon); err != nil {
							t.Error(err)
						}
					}
					return
				}
			})
		}
		posters.Wait()
		if begun != 1 {
			t.Errorf("%d messages became the root", begun)
		}
	})

	run("many who ask for a slot at once get times apart, none of them lost", func(t *testing.T) {
		const count = 12
		got := make([]time.Time, count)
		var posters sync.WaitGroup
		for i := range got {
			posters.Go(func() {
				at, err := l.Slot(ctx, "crowd", time.Second, noon)
				if err != nil {
					t.Error(err)
				}
				got[i] = at
			})
		}
		posters.Wait()
		slices.SortFunc(got, time.Time.Compare)
		for i, at := range got {
			if want := noon.Add(time.Duration(i) * time.Second); !at.Equal(want) {
				t.Errorf("slot %d is at %s, want %s", i, at, want)
			}
		}
	})
}
