// Package storetest is what every [ledger.Store] must do, as tests. Each store runs it: what one of
// them lets pass, the ledger must not rely on.
package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/warder-aws/warder/pkg/ledger"
)

// noon is a time in the middle of what the tests store.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// check is one test of a store.
type check struct {
	*testing.T
	store ledger.Store
}

func (c check) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c check) put(items ...ledger.Item) {
	c.Helper()
	for _, item := range items {
		if err := c.store.Put(c.Context(), item); err != nil {
			c.Fatalf("put %s %s: %v", item.Partition, item.Sort, err)
		}
	}
}

func (c check) get(partition, sort string) ledger.Item {
	c.Helper()
	item, err := c.store.Get(c.Context(), partition, sort)
	c.must(err)
	return item
}

// found returns what is found, which is no error.
func (c check) found(items []ledger.Item, err error) []ledger.Item {
	c.Helper()
	c.must(err)
	return items
}

func (c check) none(items []ledger.Item, err error) {
	c.Helper()
	if err != nil || len(items) > 0 {
		c.Errorf("found %v (%v)", items, err)
	}
}

func (c check) equal(want, got any) {
	c.Helper()
	if diff := gocmp.Diff(want, got, cmpopts.IgnoreUnexported(ledger.Breaker{})); diff != "" {
		c.Errorf("(-want +got):\n%s", diff)
	}
}

// row is an item as short as it can be.
func row(partition, sort, body string) ledger.Item {
	return ledger.Item{Partition: partition, Sort: sort, Body: body}
}

// of is an item of a subject.
func of(subject string, at time.Time, partition, sort, body string) ledger.Item {
	return ledger.Item{Partition: partition, Sort: sort, Subject: subject, At: at, Body: body}
}

// as is the item as a version.
func as(version int64, item ledger.Item) ledger.Item {
	item.Version = version
	return item
}

func bodyOf(i ledger.Item) string      { return i.Body }
func sortOf(i ledger.Item) string      { return i.Sort }
func partitionOf(i ledger.Item) string { return i.Partition }

func each[T any](items []ledger.Item, of func(ledger.Item) T) (all []T) {
	for _, item := range items {
		all = append(all, of(item))
	}
	return all
}

// oneWins has many write the same version of an item at once: one is let through.
func (c check) oneWins(partition string) {
	errs := make([]error, 8)
	var writers sync.WaitGroup
	for i := range errs {
		writers.Go(func() { errs[i] = c.store.Put(c.Context(), row(partition, "s", fmt.Sprint(i))) })
	}
	writers.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			c.Errorf("writers %d and %d were both let through", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, ledger.ErrConflict):
			c.Errorf("writer %d: error %v, want ErrConflict", i, err)
		}
	}
	c.equal(as(1, row(partition, "s", fmt.Sprint(winner))), c.get(partition, "s"))
}

// Run tests the store, which is empty.
func Run(t *testing.T, store ledger.Store) {
	t.Helper()
	ctx := t.Context()
	run := func(name string, test func(check)) { t.Run(name, func(t *testing.T) { test(check{t, store}) }) }

	run("an item that is not there has its key and version 0", func(c check) {
		c.equal(row("absent#", "s", ""), c.get("absent#", "s"))
	})
	run("an item comes back as it was put, as version 1", func(c check) {
		item := of("alice", noon.Add(123*time.Millisecond), "whole#1", "s",
			"{\"text\":\"한글 \\u0000 <&> 🗝\\n\",\"empty\":\"\"}")
		item.Expires = noon.Add(time.Hour)
		c.put(item)
		c.equal(as(1, item), c.get("whole#1", "s"))
	})
	run("an item without subject and expiry has none", func(c check) {
		c.put(row("bare#1", "s", "{}"))
		c.equal(as(1, row("bare#1", "s", "{}")), c.get("bare#1", "s"))
	})
	run("an item of the same partition is another item", func(c check) {
		c.put(row("two#1", "a", "a"), row("two#1", "b", "b"))
		c.equal("a", c.get("two#1", "a").Body)
		c.equal("b", c.get("two#1", "b").Body)
	})
	run("an item is replaced whole by the next version", func(c check) {
		item := of("nobody-any-more", noon, "next#1", "s", "1")
		item.Expires = noon
		c.put(item)
		c.put(as(c.get("next#1", "s").Version, row("next#1", "s", "2")))
		c.equal(as(2, row("next#1", "s", "2")), c.get("next#1", "s"))
		c.none(store.Index(ctx, "nobody-any-more", time.Time{}))
	})
	run("an item past its expiry is kept until the store deletes it", func(c check) {
		c.put(ledger.Item{Partition: "past#1", Sort: "s", Expires: noon.AddDate(0, 0, 1), Body: "1"})
		c.equal(int64(1), c.get("past#1", "s").Version)
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
		run(tc.name, func(c check) {
			partition := fmt.Sprintf("conflict#%d-%d", tc.stored, tc.version)
			for version := range tc.stored {
				c.put(as(version, row(partition, "s", "kept")))
			}
			err := store.Put(ctx, as(tc.version, row(partition, "s", "lost")))
			if !errors.Is(err, ledger.ErrConflict) {
				c.Errorf("error %v, want ErrConflict", err)
			}
			item := c.get(partition, "s")
			if conflict := (*ledger.Conflict)(nil); !errors.As(err, &conflict) {
				c.Errorf("error %T, want one that has the item", err)
			} else {
				c.equal(item, conflict.Present)
			}
			if item.Version != tc.stored || item.Body == "lost" {
				c.Errorf("the item is %+v after the conflict", item)
			}
		})
	}
	run("of many writers of one version one is let through", func(c check) { c.oneWins("race#1") })

	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
	run("keys are as long as DynamoDB takes them, and no longer", func(c check) {
		partition, sort := "long#"+strings.Repeat("x", 2043), strings.Repeat("y", 1024)
		c.put(row(partition, sort, "{}"))
		c.equal(int64(1), c.get(partition, sort).Version)
		for name, item := range map[string]ledger.Item{
			"partition": row(partition+"x", "s", "{}"), "sort key": row("long#", sort+"y", "{}"),
			"no sort key": row("long#", "", "{}"), "no partition": row("", "s", "{}"),
			"item": row("long#", "s", strings.Repeat("z", 400*1024)),
		} {
			if err := store.Put(ctx, item); err == nil || errors.Is(err, ledger.ErrConflict) {
				c.Errorf("%s: %v, want a refusal", name, err)
			}
		}
	})
	run("several items are gathered in the order in which they are asked for", func(c check) {
		gatherer := of("gatherer", noon, "gather#2", "a", "3")
		c.put(row("gather#1", "a", "1"), row("gather#1", "b", "2"), gatherer)
		key := func(of ledger.Item) ledger.Key { return ledger.Key{Partition: of.Partition, Sort: of.Sort} }
		want := []ledger.Item{
			as(1, gatherer), row("gather#2", "none", ""), as(1, row("gather#1", "a", "1")),
			as(1, row("gather#1", "b", "2")), as(1, row("gather#1", "a", "1")),
		}
		c.equal(want, c.found(store.BatchGet(ctx, each(want, key)...)))
		c.equal(want[:1], c.found(store.BatchGet(ctx, key(want[0]))))
		if _, err := store.BatchGet(ctx, key(want[0]), ledger.Key{Partition: "gather#1"}); err == nil {
			c.Error("an empty sort key is taken")
		}
	})
	run("more items are gathered than one call takes", func(c check) {
		var keys []ledger.Key
		for i := range 230 {
			keys = append(keys, ledger.Key{Partition: "gather#3", Sort: fmt.Sprint(i)})
			if i%100 == 99 {
				c.put(row("gather#3", fmt.Sprint(i), fmt.Sprint(i)))
			}
		}
		found := c.found(store.BatchGet(ctx, keys...))
		if len(found) != len(keys) {
			c.Fatalf("%d items", len(found))
		}
		c.equal([]string{"99", "199"}, []string{found[99].Body, found[199].Body})
		c.equal(row("gather#3", "229", ""), found[229])
	})
	run("a query has the items of one partition by their sort key", func(c check) {
		c.put(row("query#1", "b", "1"), row("query#1", "a-10", "2"), row("query#1", "a-9", "3"),
			row("query#1", "B", "4"), row("query#11", "a", "5"), row("query#", "a", "6"))
		found := c.found(store.Query(ctx, "query#1"))
		c.equal([]string{"B", "a-10", "a-9", "b"}, each(found, sortOf))
		c.equal(as(1, row("query#1", "B", "4")), found[0])
	})
	run("a query of a partition that is not there has nothing", func(c check) { c.none(store.Query(ctx, "nothing#")) })

	run("the index has the items of a subject from a time on, oldest first", func(c check) {
		at := func(partition string, at time.Time, subject string) ledger.Item {
			return of(subject, at, partition, "s", partition)
		}
		c.put(
			at("index#late", noon.Add(2*time.Hour), "bob"), at("index#early", noon.Add(-time.Hour), "bob"),
			at("index#exact", noon, "bob"), at("index#just-before", noon.Add(-time.Millisecond), "bob"),
			// The fraction of a second must not disturb the order: 12:00:01 is before 12:00:01.5.
			at("index#second", noon.Add(time.Second), "bob"), at("index#fraction", noon.Add(1500*time.Millisecond), "bob"),
			// 13:00 in Berlin is noon in UTC, and a third of an hour later is later.
			at("index#abroad", noon.Add(20*time.Minute).In(time.FixedZone("CET", 3600)), "bob"),
			at("index#other", noon.Add(time.Hour), "bobby"), at("index#nobody", noon.Add(time.Hour), ""),
		)
		found := c.found(store.Index(ctx, "bob", noon))
		c.equal([]string{"index#exact", "index#second", "index#fraction", "index#abroad", "index#late"},
			each(found, partitionOf))
		c.equal(as(1, at("index#exact", noon, "bob")), found[0])
		if all := c.found(store.Index(ctx, "bob", time.Time{})); len(all) != 7 {
			c.Errorf("%d items since ever, want 7", len(all))
		}
	})
	run("the index is up to date when an item is written again", func(c check) {
		later := as(1, of("carol", noon.Add(time.Hour), "again#1", "s", "2"))
		c.put(of("carol", noon, "again#1", "s", "1"), later)
		c.equal([]ledger.Item{as(2, later)}, c.found(store.Index(ctx, "carol", time.Time{})))
	})
	run("the index of a subject that is not there has nothing", func(c check) {
		c.none(store.Index(ctx, "nobody", time.Time{}))
	})

	run("a scan has the items whose partition begins with one of the prefixes", func(c check) {
		c.put(row("scan#1", "a", "1"), row("scan#1", "b", "2"), row("scan#2", "a", "3"), row("scandal", "a", "4"),
			row("a-scan#", "a", "5"))
		byKey := func(a, b ledger.Item) int {
			return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Sort, b.Sort))
		}
		found := c.found(store.Scan(ctx, "scan#"))
		slices.SortFunc(found, byKey)
		c.equal([]string{"1", "2", "3"}, each(found, bodyOf))
		c.equal([]string{"3", "5"}, slices.Sorted(slices.Values(each(c.found(store.Scan(ctx, "scan#2", "a-scan#")), bodyOf))))
		c.none(store.Scan(ctx, "nothing#"))
	})

	run("of many first messages of a thread one becomes its root", onlyRoot)
	run("of many who ask at once no more are allowed than the limit", allowedOnce)

	// DynamoDB answers at most 1 MB at a time
	// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html).
	run("answers of more than 1 MB are whole", func(c check) {
		const count, size = 30, 50_000
		var want []string
		for i := range count {
			name := fmt.Sprintf("%02d", i)
			want = append(want, name)
			c.put(of("dave", noon.Add(time.Duration(i)*time.Minute), "large#1", name, name+strings.Repeat("x", size)))
		}
		scanned := c.found(store.Scan(ctx, "large#"))
		slices.SortFunc(scanned, func(a, b ledger.Item) int { return cmp.Compare(a.Sort, b.Sort) })
		for _, items := range [][]ledger.Item{
			c.found(store.Query(ctx, "large#1")), c.found(store.Index(ctx, "dave", noon)), scanned,
		} {
			c.equal(want, each(items, sortOf))
			for _, item := range items {
				if len(item.Body) != size+2 {
					c.Errorf("item %s has %d bytes, want %d", item.Sort, len(item.Body), size+2)
				}
			}
		}
	})
	run("the ledger's contents are its runs, entries, cases and breakers, and nothing else", contents)
}

// contents tests what the ledger has of what is written to it.
func contents(c check) {
	ctx, book := c.Context(), ledger.New(c.store)
	for i, key := range []string{"later", "sooner"} {
		at := noon.Add(-time.Duration(i) * time.Hour)
		run, err := book.Begin(ctx, ledger.Run{
			Control: "control", Key: key, Mode: "enforce", Happened: at.Add(-time.Minute), Holder: "test", Until: at,
		}, at)
		c.must(err)
		c.must(book.Record(ctx, &run, []ledger.Entry{
			{ID: "of-" + key, Control: "control", Run: key, Subject: "erin", At: at, Guard: ledger.Exemption},
		}, true))
		run.Done, run.Outcome = true, "notified"
		c.must(book.Finish(ctx, &run))
		_, err = book.ReviseCase(ctx, ledger.Case{Control: "control", Key: key},
			func(c *ledger.Case) { c.Subject, c.Opened = "erin", at })
		c.must(err)
	}
	_, err := book.Take(ctx, "control", &ledger.Breaker{}, "step", 1, noon)
	c.must(err)
	c.must(book.Remember(ctx, "note", "not a part of it", noon))
	contents, err := book.Contents(ctx)
	c.must(err)
	order := []string{"sooner", "later"}
	var ran, found, opened []string
	for _, run := range contents.Runs {
		ran = append(ran, run.Key)
		if !run.Done || run.Mode != "enforce" || !run.Happened.Equal(run.At.Add(-time.Minute)) || len(run.Entries) != 1 {
			c.Errorf("run %+v", run)
		}
	}
	for _, e := range contents.Entries {
		found = append(found, e.Run)
		if e.Guard != ledger.Exemption {
			c.Errorf("entry %+v", e)
		}
	}
	for _, c := range contents.Cases {
		opened = append(opened, c.Key)
	}
	c.equal([][]string{order, order, order}, [][]string{ran, found, opened})
	c.equal(map[string]ledger.Breaker{"control": {Since: noon, Steps: []string{"step"}}}, contents.Breakers)
}

// onlyRoot and allowedOnce test what many processes at once do with threads and rates: it rests on the
// store's conditional writes.
func onlyRoot(c check) {
	ctx, l := c.Context(), ledger.New(c.store)
	var begun atomic.Int32
	var posters sync.WaitGroup
	for i := range 6 {
		posters.Go(func() {
			holder := fmt.Sprint("holder-", i)
			root, err := l.Thread(ctx, "crowd", holder, noon, noon.Add(time.Minute))
			for errors.Is(err, ledger.ErrHeld) || errors.Is(err, ledger.ErrConflict) {
				time.Sleep(time.Millisecond)
				root, err = l.Thread(ctx, "crowd", holder, noon, noon.Add(time.Minute))
			}
			if err == nil && root == "" {
				begun.Add(1)
				err = l.BeginThread(ctx, "crowd", holder, "root of "+holder, noon)
			}
			if err != nil {
				c.Error(err)
			}
		})
	}
	posters.Wait()
	c.equal(int32(1), begun.Load())
}

func allowedOnce(c check) {
	var posters sync.WaitGroup
	var allowed atomic.Int32
	for range 12 {
		posters.Go(func() {
			wait, err := ledger.New(c.store).Allow(c.Context(), "crowd", 3, time.Second, noon)
			if err != nil {
				c.Error(err)
			}
			if wait == 0 {
				allowed.Add(1)
			} else if wait > time.Second {
				c.Errorf("wait %s", wait)
			}
		})
	}
	posters.Wait()
	// Who meets too many others at once is to ask again.
	if n := allowed.Load(); n < 1 || n > 3 {
		c.Errorf("%d of 12 were allowed, want at most 3", n)
	}
}

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
	run := func(name string, test func(check)) { t.Run(name, func(t *testing.T) { test(check{t, store}) }) }
	run("a write that was let through is not refused because of itself", func(c check) {
		for version, body := range []string{"first", "second", "second"} {
			c.put(as(int64(version), row("lost#1", "s", body)))
			c.equal(as(int64(version)+1, row("lost#1", "s", body)), c.get("lost#1", "s"))
		}
	})
	run("a write over what somebody else wrote is refused, though it says the same", func(c check) {
		same := row("lost#2", "s", "the same")
		c.put(same, as(1, same))
		for version := range int64(2) {
			if err := store.Put(c.Context(), as(version, same)); !errors.Is(err, ledger.ErrConflict) {
				c.Errorf("over version %d: error %v, want ErrConflict", version, err)
			}
		}
		c.equal(as(2, same), c.get("lost#2", "s"))
	})
	run("of many writers of one version one is let through", func(c check) { c.oneWins("lost#3") })
}
