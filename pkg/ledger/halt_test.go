package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/ledger"
)

var (
	haltedBy = ledger.Halt{
		Halted: true, Since: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), By: caller.Identity{ARN: "kim"}, Reason: "42",
	}
	goesOn = ledger.Halt{By: caller.Identity{ARN: "lee"}}
)

// set sets the switch of a ledger, from what it reads.
func set(t *testing.T, l *ledger.Ledger, h ledger.Halt) {
	t.Helper()
	if err := l.SetHalt(t.Context(), halt(t, l), h); err != nil {
		t.Fatal(err)
	}
}

// halt is the switch as it is read by itself and with the other guards.
func halt(t *testing.T, l *ledger.Ledger) ledger.Halt {
	t.Helper()
	h, err := l.Halt(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state, err := l.Guards(t.Context(), "c", "", nil)
	if err != nil || state.Halt != h {
		t.Errorf("the guards have %+v, %v, want %+v", state.Halt, err, h)
	}
	return h
}

// Nothing but Warder's own word lets changes be made.
func TestHalt_Forged(t *testing.T) {
	key := ledger.Key{Partition: "halt#switch", Sort: "switch"}
	emergency := ledger.Key{Partition: ledger.EmergencyPartition, Sort: "switch"}
	forge := func(key ledger.Key, body string, version int64) func(*ledger.Memory) {
		return func(m *ledger.Memory) {
			old, _ := m.Peek(key.Partition, key.Sort)
			m.Forge(ledger.Item{Partition: key.Partition, Sort: key.Sort, Body: body, Version: version, Seal: old.Seal})
		}
	}
	for _, tt := range []struct {
		name     string
		tamper   func(*ledger.Memory)
		unproven ledger.Unproven
		claim    string
	}{
		{"a switch that says go on", forge(key, `{"halted":false}`, 2), ledger.Missing, ""},
		{"a switch of no version", forge(key, `{"halted":false}`, 0), ledger.Missing, ""},
		{"a switch that is no JSON", forge(key, `no`, 2), ledger.Missing, ""},
		{"an empty switch", forge(key, ``, 2), ledger.Missing, ""},
		{"the item of an emergency", forge(emergency, `incident 43`, 0), ledger.Emergency, "incident 43"},
		{"one that says go on", forge(emergency, `{"halted":false}`, 1), ledger.Emergency, `{"halted":false}`},
		{"one without a word", forge(emergency, ``, 0), ledger.Emergency, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := &ledger.Memory{}
			l := ledger.New(sealed(table))
			set(t, l, goesOn)
			if h := halt(t, l); h.Halted {
				t.Fatalf("halted before: %+v", h)
			}
			tt.tamper(table)
			if h := halt(t, l); !h.Halted || h.Unproven != tt.unproven || h.Claim != tt.claim {
				t.Errorf("%+v", h)
			}
			if met := l.Foreign(); len(met) > 0 {
				t.Errorf("it is told that they stop nothing: %v", met)
			}
			// Who resumes ends each of them.
			set(t, l, goesOn)
			if h := halt(t, l); h.Halted || h.By != goesOn.By {
				t.Errorf("resumed: %+v", h)
			}
		})
	}
}

func TestHalt_EmergencyBesideTheSwitch(t *testing.T) {
	table := &ledger.Memory{}
	l := ledger.New(sealed(table))
	set(t, l, haltedBy)
	table.Forge(ledger.Item{Partition: ledger.EmergencyPartition, Sort: "switch", Body: "x"})
	if h := halt(t, l); h.Unproven != "" || h.By != haltedBy.By || h.Reason != haltedBy.Reason {
		t.Errorf("the word of whoever is proven is lost: %+v", h)
	}
	set(t, l, goesOn)
	if h := halt(t, l); h.Halted {
		t.Errorf("resumed: %+v", h)
	}
}

func TestSetHalt_Conflict(t *testing.T) {
	l := ledger.New(sealed(&ledger.Memory{}))
	read := halt(t, l)
	set(t, l, haltedBy)
	if err := l.SetHalt(t.Context(), read, goesOn); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("error %v", err)
	}
	if h := halt(t, l); !h.Halted {
		t.Error("somebody who had not seen it ends a halt")
	}
}

// erased is a table of which an item was deleted.
type erased struct {
	*ledger.Memory
	partition string
}

func (e erased) BatchGet(ctx context.Context, keys ...ledger.Key) ([]ledger.Item, error) {
	items, err := e.Memory.BatchGet(ctx, keys...)
	for i, item := range items {
		if item.Partition == e.partition {
			items[i] = ledger.Item{Partition: item.Partition, Sort: item.Sort}
		}
	}
	return items, err
}

// A ledger begins with a switch that is off. From then on one that is not there halts.
func TestHalt_Begins(t *testing.T) {
	table, v, now := &ledger.Memory{}, &vault{secrets: map[string][]byte{}}, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	process := func(table ledger.Unsealed) *ledger.Ledger {
		return ledger.New(&ledger.Sealed{
			Unsealed: table, Keys: &ledger.Envelope{Table: table, KMS: v, Name: "arn:aws:kms:us-east-1:111122223333:key/1"},
		})
	}
	begin := func(l *ledger.Ledger, key string) {
		t.Helper()
		_, err := l.Begin(t.Context(), ledger.Run{Control: "c", Key: key, Holder: key, Until: now.Add(time.Minute)}, now)
		if err != nil {
			t.Fatal(err)
		}
	}
	begin(process(table), "first")
	l := process(table)
	if h := halt(t, l); h.Halted {
		t.Errorf("a ledger that has just begun: %+v", h)
	}
	set(t, l, haltedBy)
	begin(process(table), "second")
	if h := halt(t, process(table)); h.Reason != "42" {
		t.Errorf("later: %+v", h)
	}
	if h := halt(t, process(erased{table, "halt#switch"})); !h.Halted || h.Unproven != ledger.Missing {
		t.Errorf("without its switch: %+v", h)
	}
}
