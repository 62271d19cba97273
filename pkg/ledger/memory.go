package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Memory is a ledger that lasts as long as the process, for tests and previews.
// Its zero value is empty and ready.
type Memory struct {
	mu      sync.Mutex
	runs    map[string]Run
	entries map[string][]byte
	marks   map[string]mark
	calls   int
	// Fault, when set, is asked before each call and may refuse it.
	Fault func(operation string) error
}

type mark struct {
	run     string
	expires int64
}

var _ Ledger = (*Memory)(nil)

func (m *Memory) open(operation string) (func(), error) {
	m.mu.Lock()
	if m.runs == nil {
		m.runs, m.entries, m.marks = map[string]Run{}, map[string][]byte{}, map[string]mark{}
	}
	m.calls++
	if m.Fault != nil {
		if err := m.Fault(operation); err != nil {
			m.mu.Unlock()
			return nil, fmt.Errorf("%s in the ledger: %w", operation, err)
		}
	}
	return m.mu.Unlock, nil
}

// Begin implements [Ledger].
func (m *Memory) Begin(_ context.Context, run Run, now time.Time) (Run, error) {
	done, err := m.open("Begin")
	if err != nil {
		return Run{}, err
	}
	defer done()
	key := runKey(run.Control, run.Key)
	old, found := m.runs[key]
	switch {
	case !found:
		run.At, run.Attempts = now, 1
	case old.Done:
		return old, ErrDone
	case old.Holder != run.Holder && old.Until >= now.Unix():
		return old, ErrHeld
	default:
		holder, until := run.Holder, run.Until
		run = old
		run.Holder, run.Until = holder, until
		run.Attempts++
	}
	m.runs[key] = run
	run.Entries = slices.Clone(run.Entries)
	return run, nil
}

// Record implements [Ledger].
func (m *Memory) Record(_ context.Context, run Run, entries []Entry, planned bool) error {
	done, err := m.open("Record")
	if err != nil {
		return err
	}
	defer done()
	key := runKey(run.Control, run.Key)
	recorded, found := m.runs[key]
	if !found {
		return fmt.Errorf("record entries of %s: the run was not begun", key)
	}
	for _, entry := range entries {
		if _, there := m.entries[entry.ID]; !there {
			if err := m.put(entry); err != nil {
				return err
			}
		}
		if !slices.Contains(recorded.Entries, entry.ID) {
			recorded.Entries = append(recorded.Entries, entry.ID)
		}
	}
	recorded.Planned = planned
	m.runs[key] = recorded
	return nil
}

// Update implements [Ledger].
func (m *Memory) Update(_ context.Context, entry Entry) error {
	done, err := m.open("Update")
	if err != nil {
		return err
	}
	defer done()
	return m.put(entry)
}

func (m *Memory) put(entry Entry) error {
	text, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("encode entry %s: %w", entry.ID, err)
	}
	m.entries[entry.ID] = text
	return nil
}

// Entry implements [Ledger].
func (m *Memory) Entry(_ context.Context, id string) (Entry, bool, error) {
	done, err := m.open("Entry")
	if err != nil {
		return Entry{}, false, err
	}
	defer done()
	text, ok := m.entries[id]
	if !ok {
		return Entry{}, false, nil
	}
	var entry Entry
	if err := json.Unmarshal(text, &entry); err != nil {
		return Entry{}, false, fmt.Errorf("decode entry %s: %w", id, err)
	}
	return entry, true, nil
}

// Finish implements [Ledger].
func (m *Memory) Finish(_ context.Context, run Run) error {
	done, err := m.open("Finish")
	if err != nil {
		return err
	}
	defer done()
	key := runKey(run.Control, run.Key)
	old := m.runs[key]
	old.Until, old.Done, old.Outcome, old.Reason = 0, run.Done, run.Outcome, run.Reason
	m.runs[key] = old
	return nil
}

// Once implements [Ledger].
func (m *Memory) Once(_ context.Context, key, run string, now, until time.Time) (bool, error) {
	done, err := m.open("Once")
	if err != nil {
		return false, err
	}
	defer done()
	old, found := m.marks[key]
	if found && old.run != run && old.expires >= now.Unix() {
		return false, nil
	}
	m.marks[key] = mark{run: run, expires: until.Unix()}
	return true, nil
}

// Calls returns how many calls were made, refused ones included.
func (m *Memory) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// Entries returns every entry, in no order.
func (m *Memory) Entries() ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Entry
	for id, text := range m.entries {
		var entry Entry
		if err := json.Unmarshal(text, &entry); err != nil {
			return nil, fmt.Errorf("decode entry %s: %w", id, err)
		}
		all = append(all, entry)
	}
	return all, nil
}

// Run returns a run as recorded.
func (m *Memory) Run(control, key string) (Run, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	run, ok := m.runs[runKey(control, key)]
	return run, ok
}
