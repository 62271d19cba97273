// Package storetest is what every [ledger.Store] must do, as tests. Each store runs it: what one of
// them lets pass, the ledger must not rely on.
package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/warder-aws/warder/pkg/ledger"
)

// noon is a time in the middle of what the tests store.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// Run tests the store, which is empty.
func Run(t *testing.T, store ledger.Store) {
	t.Helper()
	ctx := t.Context()
	run := func(name string, test func(*testing.T)) {
		t.Run(name, test)
	}
	put := func(t *testing.T, items ...ledger.Item) {
		t.Helper()
		for _, item := range items {
			if err := store.Put(ctx, item); err != nil {
				t.Fatalf("put %s %s: %v", item.Partition, item.Sort, err)
			}
		}
	}
	get := func(t *testing.T, partition, sort string) ledger.Item {
		t.Helper()
		item, err := store.Get(ctx, partition, sort)
		if err != nil {
			t.Fatal(err)
		}
		return item
	}
	equal := func(t *testing.T, want, got any) {
		t.Helper()
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}

	run("an item that is not there has its key and version 0", func(t *testing.T) {
		equal(t, ledger.Item{Partition: "absent#", Sort: "s"}, get(t, "absent#", "s"))
	})
	run("an item comes back as it was put, as version 1", func(t *testing.T) {
		item := ledger.Item{
			Partition: "whole#1", Sort: "s", Subject: "alice", At: noon.Add(123 * time.Millisecond),
			Expires: noon.Add(time.Hour),
			Body:    "{\"text\":\"한글 \\u0000 <&> 🗝\\n\",\"empty\":\"\"}",
		}
		put(t, item)
		item.Version = 1
		equal(t, item, get(t, "whole#1", "s"))
	})
	run("an item without subject and expiry has none", func(t *testing.T) {
		item := ledger.Item{Partition: "bare#1", Sort: "s", Body: "{}"}
		put(t, item)
		item.Version = 1
		equal(t, item, get(t, "bare#1", "s"))
	})
	run("an item of the same partition is another item", func(t *testing.T) {
		put(t, ledger.Item{Partition: "two#1", Sort: "a", Body: "a"}, ledger.Item{Partition: "two#1", Sort: "b", Body: "b"})
		equal(t, "a", get(t, "two#1", "a").Body)
		equal(t, "b", get(t, "two#1", "b").Body)
	})
	run("an item is replaced whole by the next version", func(t *testing.T) {
		put(t, ledger.Item{Partition: "next#1", Sort: "s", Subject: "nobody-any-more", At: noon, Expires: noon, Body: "1"})
		item := get(t, "next#1", "s")
		put(t, ledger.Item{Partition: "next#1", Sort: "s", Version: item.Version, Body: "2"})
		equal(t, ledger.Item{Partition: "next#1", Sort: "s", Version: 2, Body: "2"}, get(t, "next#1", "s"))
		left, err := store.Index(ctx, "nobody-any-more", time.Time{})
		if err != nil || len(left) > 0 {
			t.Errorf("the index still has %v (%v)", left, err)
		}
	})
	run("an item past its expiry is kept until the store deletes it", func(t *testing.T) {
		put(t, ledger.Item{Partition: "past#1", Sort: "s", Expires: noon.AddDate(0, 0, 1), Body: "1"})
		equal(t, int64(1), get(t, "past#1", "s").Version)
	})
	for _, tc := range []struct {
		name    string
		stored  int64 // writes before
		version int64 // of the one that is refused
	}{
		{"an item that is there already is not put as new", 1, 0},
		{"an item is not put over a version that is past", 2, 1},
		{"an item is not put over a version that is still to come", 1, 2},
		{"an item that is not there is not put over a version", 0, 1},
	} {
		run(tc.name, func(t *testing.T) {
			partition := fmt.Sprintf("conflict#%d-%d", tc.stored, tc.version)
			for version := range tc.stored {
				put(t, ledger.Item{Partition: partition, Sort: "s", Version: version, Body: "kept"})
			}
			err := store.Put(ctx, ledger.Item{Partition: partition, Sort: "s", Version: tc.version, Body: "lost"})
			if !errors.Is(err, ledger.ErrConflict) {
				t.Errorf("error %v, want ErrConflict", err)
			}
			item := get(t, partition, "s")
			if conflict := (*ledger.Conflict)(nil); !errors.As(err, &conflict) {
				t.Errorf("error %T, want one that has the item", err)
			} else {
				equal(t, item, conflict.Present)
			}
			if item.Version != tc.stored || item.Body == "lost" {
				t.Errorf("the item is %+v after the conflict", item)
			}
		})
	}
	run("of many writers of one version one is let through", func(t *testing.T) {
		errs := make([]error, 8)
		var writers sync.WaitGroup
		for i := range errs {
			writers.Go(func() {
				errs[i] = store.Put(ctx, ledger.Item{Partition: "race#1", Sort: "s", Body: fmt.Sprint(i)})
			})
		}
		writers.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Errorf("writers %d and %d were both let through", winner, i)
			case err == nil:
				winner = i
			case !errors.Is(err, ledger.ErrConflict):
				t.Errorf("writer %d: error %v, want ErrConflict", i, err)
			}
		}
		equal(t, ledger.Item{Partition: "race#1", Sort: "s", Version: 1, Body: fmt.Sprint(winner)}, get(t, "race#1", "s"))
	})

	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
	run("keys are as long as DynamoDB takes them, and no longer", func(t *testing.T) {
		longest := ledger.Item{Partition: "long#" + strings.Repeat("x", 2043), Sort: strings.Repeat("y", 1024), Body: "{}"}
		put(t, longest)
		if item, err := store.Get(ctx, longest.Partition, longest.Sort); err != nil || item.Version != 1 {
			t.Errorf("the longest keys: version %d, %v", item.Version, err)
		}
		for name, item := range map[string]ledger.Item{
			"partition":   {Partition: longest.Partition + "x", Sort: "s", Body: "{}"},
			"sort key":    {Partition: "long#", Sort: longest.Sort + "y", Body: "{}"},
			"no sort key": {Partition: "long#", Body: "{}"}, "no partition": {Sort: "s", Body: "{}"},
			"item": {Partition: "long#", Sort: "s", Body: strings.Repeat("z", 400*1024)},
		} {
			if err := store.Put(ctx, item); err == nil || errors.Is(err, ledger.ErrConflict) {
				t.Errorf("%s: %v, want a refusal", name, err)
			}
		}
	})
	run("several items are gathered in the order in which they are asked for", func(t *testing.T) {
		put(
			t, ledger.Item{Partition: "gather#1", Sort: "a", Body: "1"},
			ledger.Item{Partition: "gather#1", Sort: "b", Body: "2"},
			ledger.Item{Partition: "gather#2", Sort: "a", Subject: "gatherer", At: noon, Body: "3"},
		)
		key := func(of ledger.Item) ledger.Key { return ledger.Key{Partition: of.Partition, Sort: of.Sort} }
		want := []ledger.Item{
			{Partition: "gather#2", Sort: "a", Subject: "gatherer", At: noon, Version: 1, Body: "3"},
			{Partition: "gather#2", Sort: "none"},
			{Partition: "gather#1", Sort: "a", Version: 1, Body: "1"}, {Partition: "gather#1", Sort: "b", Version: 1, Body: "2"},
			{Partition: "gather#1", Sort: "a", Version: 1, Body: "1"},
		}
		found, err := store.BatchGet(ctx, each(want, key)...)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, want, found)
		if found, err = store.BatchGet(ctx, key(want[0])); err != nil {
			t.Fatal(err)
		}
		equal(t, want[:1], found)
		if _, err = store.BatchGet(ctx, key(want[0]), ledger.Key{Partition: "gather#1"}); err == nil {
			t.Error("an empty sort key is taken")
		}
	})
	run("more items are gathered than one call takes", func(t *testing.T) {
		var keys []ledger.Key
		for i := range 230 {
			keys = append(keys, ledger.Key{Partition: "gather#3", Sort: fmt.Sprint(i)})
			if i%100 == 99 {
				put(t, ledger.Item{Partition: "gather#3", Sort: fmt.Sprint(i), Body: fmt.Sprint(i)})
			}
		}
		found, err := store.BatchGet(ctx, keys...)
		if err != nil || len(found) != len(keys) {
			t.Fatalf("%d items, %v", len(found), err)
		}
		equal(t, []string{"99", "199"}, []string{found[99].Body, found[199].Body})
		equal(t, ledger.Item{Partition: "gather#3", Sort: "229"}, found[229])
	})
	run("a query has the items of one partition by their sort key", func(t *testing.T) {
		put(t,
			ledger.Item{Partition: "query#1", Sort: "b", Body: "1"}, ledger.Item{Partition: "query#1", Sort: "a-10", Body: "2"},
			ledger.Item{Partition: "query#1", Sort: "a-9", Body: "3"}, ledger.Item{Partition: "query#1", Sort: "B", Body: "4"},
			ledger.Item{Partition: "query#11", Sort: "a", Body: "5"}, ledger.Item{Partition: "query#", Sort: "a", Body: "6"},
		)
		found, err := store.Query(ctx, "query#1")
		if err != nil {
			t.Fatal(err)
		}
		equal(t, []string{"B", "a-10", "a-9", "b"}, each(found, func(i ledger.Item) string { return i.Sort }))
		equal(t, ledger.Item{Partition: "query#1", Sort: "B", Version: 1, Body: "4"}, found[0])
	})
	run("a query of a partition that is not there has nothing", func(t *testing.T) {
		if found, err := store.Query(ctx, "nothing#"); err != nil || len(found) > 0 {
			t.Errorf("found %v (%v)", found, err)
		}
	})

	run("the index has the items of a subject from a time on, oldest first", func(t *testing.T) {
		at := func(partition string, at time.Time, subject string) ledger.Item {
			return ledger.Item{Partition: partition, Sort: "s", Subject: subject, At: at, Body: partition}
		}
		put(t,
			at("index#late", noon.Add(2*time.Hour), "bob"), at("index#early", noon.Add(-time.Hour), "bob"),
			at("index#exact", noon, "bob"), at("index#just-before", noon.Add(-time.Millisecond), "bob"),
			// The fraction of a second must not disturb the order: 12:00:01 is before 12:00:01.5.
			at("index#second", noon.Add(time.Second), "bob"), at("index#fraction", noon.Add(1500*time.Millisecond), "bob"),
			// 13:00 in Berlin is noon in UTC, and a third of an hour later is later.
			at("index#abroad", noon.Add(20*time.Minute).In(time.FixedZone("CET", 3600)), "bob"),
			at("index#other", noon.Add(time.Hour), "bobby"), at("index#nobody", noon.Add(time.Hour), ""),
		)
		found, err := store.Index(ctx, "bob", noon)
		if err != nil {
			t.Fatal(err)
		}
		equal(
			t, []string{"index#exact", "index#second", "index#fraction", "index#abroad", "index#late"},
			each(found, func(i ledger.Item) string { return i.Partition }),
		)
		if found[0].Body != "index#exact" || found[0].Version != 1 || !found[0].At.Equal(noon) || found[0].Subject != "bob" {
			t.Errorf("the index has %+v", found[0])
		}
		all, err := store.Index(ctx, "bob", time.Time{})
		if err != nil || len(all) != 7 {
			t.Errorf("%d items since ever, want 7 (%v)", len(all), err)
		}
	})
	run("the index is up to date when an item is written again", func(t *testing.T) {
		put(t, ledger.Item{Partition: "again#1", Sort: "s", Subject: "carol", At: noon, Body: "1"})
		put(t, ledger.Item{Partition: "again#1", Sort: "s", Subject: "carol", At: noon.Add(time.Hour), Body: "2", Version: 1})
		found, err := store.Index(ctx, "carol", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		equal(
			t,
			[]ledger.Item{{Partition: "again#1", Sort: "s", Subject: "carol", At: noon.Add(time.Hour), Body: "2", Version: 2}},
			found,
		)
	})
	run("the index of a subject that is not there has nothing", func(t *testing.T) {
		if found, err := store.Index(ctx, "nobody", time.Time{}); err != nil || len(found) > 0 {
			t.Errorf("found %v (%v)", found, err)
		}
	})

	run("a scan has the items whose partition begins with one of the prefixes", func(t *testing.T) {
		put(t,
			ledger.Item{Partition: "scan#1", Sort: "a", Body: "1"}, ledger.Item{Partition: "scan#1", Sort: "b", Body: "2"},
			ledger.Item{Partition: "scan#2", Sort: "a", Body: "3"}, ledger.Item{Partition: "scandal", Sort: "a", Body: "4"},
			ledger.Item{Partition: "a-scan#", Sort: "a", Body: "5"},
		)
		found, err := store.Scan(ctx, "scan#")
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(found, func(a, b ledger.Item) int {
			return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Sort, b.Sort))
		})
		equal(t, []string{"1", "2", "3"}, each(found, func(i ledger.Item) string { return i.Body }))
		if found, err = store.Scan(ctx, "scan#2", "a-scan#"); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(found, func(a, b ledger.Item) int { return cmp.Compare(a.Body, b.Body) })
		equal(t, []string{"3", "5"}, each(found, func(i ledger.Item) string { return i.Body }))
		if found, err := store.Scan(ctx, "nothing#"); err != nil || len(found) > 0 {
			t.Errorf("found %v (%v)", found, err)
		}
	})

	threads(t, store, run)

	// DynamoDB answers at most 1 MB at a time
	// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html).
	run("answers of more than 1 MB are whole", func(t *testing.T) {
		const count, size = 30, 50_000
		var want []string
		for i := range count {
			name := fmt.Sprintf("%02d", i)
			want = append(want, name)
			put(t, ledger.Item{
				Partition: "large#1", Sort: name, Subject: "dave", At: noon.Add(time.Duration(i) * time.Minute),
				Body: name + strings.Repeat("x", size),
			})
		}
		sorts := func(items []ledger.Item) []string { return each(items, func(i ledger.Item) string { return i.Sort }) }
		queried, err := store.Query(ctx, "large#1")
		if err != nil {
			t.Fatal(err)
		}
		equal(t, want, sorts(queried))
		indexed, err := store.Index(ctx, "dave", noon)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, want, sorts(indexed))
		scanned, err := store.Scan(ctx, "large#")
		if err != nil {
			t.Fatal(err)
		}
		got := sorts(scanned)
		slices.Sort(got)
		equal(t, want, got)
		for _, items := range [][]ledger.Item{queried, indexed, scanned} {
			for _, item := range items {
				if len(item.Body) != size+2 {
					t.Errorf("item %s has %d bytes, want %d", item.Sort, len(item.Body), size+2)
				}
			}
		}
	})

	run("the ledger's contents are its runs, entries, cases and breakers, and nothing else", func(t *testing.T) {
		book := ledger.New(store)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		for i, key := range []string{"later", "sooner"} {
			at := noon.Add(-time.Duration(i) * time.Hour)
			run, err := book.Begin(
				ctx,
				ledger.Run{
					Control: "control", Key: key, Mode: "enforce", Happened: at.Add(-time.Minute), Holder: "test", Until: at,
				},
				at,
			)
			must(err)
			must(
				book.Record(
					ctx, &run,
					[]ledger.Entry{{ID: "of-" + key, Control: "control", Run: key, Subject: "erin", At: at, Guard: ledger.Exemption}},
					true,
				),
			)
			run.Done, run.Outcome = true, "notified"
			must(book.Finish(ctx, &run))
			_, err = book.ReviseCase(
				ctx, ledger.Case{Control: "control", Key: key}, func(c *ledger.Case) { c.Subject, c.Opened = "erin", at },
			)
			must(err)
		}
		_, err := book.Take(ctx, "control", &ledger.Breaker{}, "step", 1, noon)
		must(err)
		must(book.Remember(ctx, "note", "not a part of it", noon))
		contents, err := book.Contents(ctx)
		must(err)
		order := []string{"sooner", "later"}
		var ran, found, opened []string
		for _, run := range contents.Runs {
			ran = append(ran, run.Key)
			if !run.Done || run.Mode != "enforce" || !run.Happened.Equal(run.At.Add(-time.Minute)) || len(run.Entries) != 1 {
				t.Errorf("run %+v", run)
			}
		}
		for _, e := range contents.Entries {
			found = append(found, e.Run)
			if e.Guard != ledger.Exemption {
				t.Errorf("entry %+v", e)
			}
		}
		for _, c := range contents.Cases {
			opened = append(opened, c.Key)
		}
		equal(t, [][]string{order, order, order}, [][]string{ran, found, opened})
		if diff := gocmp.Diff(
			map[string]ledger.Breaker{"control": {Since: noon, Steps: []string{"step"}}}, contents.Breakers,
			cmpopts.IgnoreUnexported(ledger.Breaker{}),
		); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func each[T any](items []ledger.Item, of func(ledger.Item) T) []T {
	var all []T
	for _, item := range items {
		all = append(all, of(item))
	}
	return all
}
