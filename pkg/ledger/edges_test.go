package ledger_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
)

// A hold on a policy is about what it said; one from before that was kept goes by the name alone.
func TestHolds_Content(t *testing.T) {
	inline := change.Change{Kind: change.InlineUserPolicy, Subject: "alice", Target: "p", Content: "one"}
	for _, tc := range []struct {
		of, now string
		held    bool
	}{{"one", "one", true}, {"one", "other", false}, {"", "other", true}, {"", "", true}, {"one", "", false}} {
		_, l := memory()
		must(t, l.SetHold(t.Context(), inline, ledger.Hold{Until: noon.Add(day), Content: tc.of}))
		found := inline
		found.Content = tc.now
		state, err := l.Holds(t.Context(), "c", "", []change.Change{found})
		must(t, err)
		if h, known := state.Held([]change.Change{found}, noon); !known || h.Until.IsZero() == tc.held {
			t.Errorf("a hold on %q, and %q is found: %+v, %v", tc.of, tc.now, h, known)
		}
	}
}

// What was said about a user does not count for another who has the name later.
func TestOnceFor_AnotherUser(t *testing.T) {
	_, l := memory()
	for i, tc := range []struct {
		id    string
		first bool
	}{
		{"AIDA1", true}, {"AIDA1", false}, {"AIDA2", true}, {"AIDA2", false}, {"", false}, {"AIDA1", true},
	} {
		first, err := l.OnceFor(t.Context(), tc.id, "k", string(rune('a'+i)), noon, noon.Add(day))
		if must(t, err); first != tc.first {
			t.Errorf("%d: of %q it is the first: %v", i, tc.id, first)
		}
	}
	first, err := l.OnceFor(t.Context(), "", "unread", "r", noon, noon.Add(day))
	must(t, err)
	again, err := l.OnceFor(t.Context(), "AIDA3", "unread", "s", noon, noon.Add(day))
	if must(t, err); !first || again {
		t.Errorf("after the mark of somebody who could not be read: %v, %v", first, again)
	}
}

// An attribute that an item does not need is not written: the index would have it, and no seal is another than an
// empty one.
func TestDynamo_Attributes(t *testing.T) {
	tab := &table{items: map[string]map[string]types.AttributeValue{}}
	store := ledger.Dynamo{API: tab, Name: "warder"}
	must(t, store.Put(t.Context(), ledger.Item{Partition: "p", Sort: "bare", Body: "{}"}))
	must(t, store.Put(t.Context(), ledger.Item{
		Partition: "p", Sort: "full", Body: "{}", Subject: "alice", At: noon, Seal: "s", Expires: noon,
	}))
	for _, name := range []string{"subject", "at", "seal", "expires"} {
		if tab.items["p bare"][name] != nil || tab.items["p full"][name] == nil {
			t.Errorf("%s: %v of the one, %v of the other", name, tab.items["p bare"][name], tab.items["p full"][name])
		}
	}
	got, err := store.Get(t.Context(), "p", "full")
	if must(t, err); got.Subject != "alice" || !got.At.Equal(noon) || got.Seal != "s" || !got.Expires.Equal(noon) {
		t.Errorf("read back: %+v", got)
	}
}

// An item that Put cannot have written has no version that a write could go by.
func TestDynamo_ForeignItem(t *testing.T) {
	tab := &table{items: map[string]map[string]types.AttributeValue{}}
	store := ledger.Dynamo{API: tab, Name: "warder"}
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	number := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	for _, tc := range []struct {
		version, expires types.AttributeValue
		want             int64
		expiry           time.Time
	}{
		{nil, nil, -1, time.Time{}},
		{number("0"), number("0"), -1, time.Time{}},
		{number("-4"), number("-5"), -1, time.Time{}},
		{text("1"), text("1"), -1, time.Time{}},
		{number("1"), number("1"), 1, time.Unix(1, 0).UTC()},
		{number("7"), number("1795953600"), 7, time.Unix(1795953600, 0).UTC()},
	} {
		item := map[string]types.AttributeValue{"pk": text("p"), "sk": text("s")}
		if tc.version != nil {
			item["version"], item["expires"] = tc.version, tc.expires
		}
		tab.items["p s"] = item
		got, err := store.Get(t.Context(), "p", "s")
		if must(t, err); got.Version != tc.want || !got.Expires.Equal(tc.expiry) {
			t.Errorf("version %v, expires %v: read as %d, %s", tc.version, tc.expires, got.Version, got.Expires)
		}
	}
	if got, err := store.Get(t.Context(), "p", "none"); err != nil || got.Version != 0 {
		t.Errorf("what is not there: %+v, %v", got, err)
	}
}

// The first read does not wait, the next ones do, and not longer than there is time.
func TestDynamo_UnprocessedKeysPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := func(ctx context.Context, times int) (calls int, took time.Duration, err error) {
			b := &busy{table: table{items: map[string]map[string]types.AttributeValue{}}, times: times}
			begin := time.Now()
			_, err = ledger.Dynamo{API: b, Name: "warder"}.BatchGet(ctx,
				ledger.Key{Partition: "p", Sort: "a"}, ledger.Key{Partition: "p", Sort: "b"})
			return b.calls, time.Since(begin), err
		}
		if calls, took, err := read(t.Context(), 0); calls != 1 || took != 0 || err != nil {
			t.Errorf("nothing is left out: %d calls in %s, %v", calls, took, err)
		}
		if calls, took, err := read(t.Context(), 1); calls != 2 || took == 0 || err != nil {
			t.Errorf("left out once: %d calls in %s, %v", calls, took, err)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if calls, took, err := read(over, 4); calls != 1 || took != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("the time is over: %d calls in %s, %v", calls, took, err)
		}
	})
}

// counted is a store that counts what is put.
type counted struct {
	ledger.Memory
	puts int
}

func (c *counted) Put(ctx context.Context, item ledger.Item) error {
	c.puts++
	return c.Memory.Put(ctx, item)
}

// Who has claimed a thing and is alone writes once for each step, and who never gets to write gives up.
func TestRecentChanges_Writes(t *testing.T) {
	store := &counted{}
	l := ledger.New(store)
	r, err := l.RecentChanges(t.Context(), key)
	must(t, err)
	must(t, l.Claim(t.Context(), &r, "one", noon, noon.Add(minute)))
	must(t, l.AddRecentChange(t.Context(), &r, ledger.RecentChange{Step: "one", At: noon}))
	must(t, l.Claim(t.Context(), &r, "two", noon, noon.Add(minute)))
	must(t, l.Unclaim(t.Context(), &r, "two", noon))
	if store.puts != 4 {
		t.Errorf("%d writes for four steps", store.puts)
	}

	busy := &interloper{Memory: &ledger.Memory{}, times: 1000, write: func(l *ledger.Ledger) {
		r, err := l.RecentChanges(t.Context(), key)
		must(t, err)
		must(t, l.Claim(t.Context(), &r, "other", noon, noon.Add(minute)))
	}}
	contended := ledger.New(busy)
	r, err = contended.RecentChanges(t.Context(), key)
	must(t, err)
	if err := contended.Unclaim(t.Context(), &r, "one", noon); !errors.Is(err, ledger.ErrConflict) || busy.times != 995 {
		t.Errorf("after %d tries: %v", 1000-busy.times, err)
	}
}

// A month after its last message a thread is over, to the second.
func TestThread_Ends(t *testing.T) {
	const month = 30 * day
	for after, want := range map[time.Duration]string{month - time.Second: "root", month: "", month + time.Second: ""} {
		_, l := memory()
		_, err := l.Thread(t.Context(), "t", "h", noon, noon.Add(minute))
		must(t, err)
		must(t, l.BeginThread(t.Context(), "t", "h", "root", noon))
		if root, err := l.Thread(t.Context(), "t", "i", noon.Add(after), noon.Add(after+minute)); err != nil || root != want {
			t.Errorf("after %s: %q, %v", after, root, err)
		}
	}
}

// A forged item is read as it was written.
func TestMemory_Forge(t *testing.T) {
	for version, want := range map[int64]int64{0: -1, 1: 1, 5: 5, -3: -3} {
		store := &ledger.Memory{}
		store.Forge(ledger.Item{Partition: "p", Sort: "s", Version: version})
		if got, err := store.Get(t.Context(), "p", "s"); err != nil || got.Version != want {
			t.Errorf("version %d is read as %d, %v", version, got.Version, err)
		}
	}
}
