package restorelogging

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
)

// notes is the part of the ledger that remembers how everything recorded.
type notes interface {
	Recall(ctx context.Context, name string, into any) (found bool, err error)
	Remember(ctx context.Context, name string, note any, now time.Time) error
}

// The note is rewritten every week while nothing changes, and what was narrower for a month is how it is: whoever
// wants that has left it so.
const (
	note    = "restore-logging"
	renewed = 7 * 24 * time.Hour
	outdone = 30 * 24 * time.Hour
)

// known is a value, and when it was last seen so, or fuller.
type known struct {
	Value string
	At    time.Time
}

// memory is how everything recorded when it recorded most, by [change.Change.Thing].
type memory struct {
	values  map[string]known
	changed bool
	now     time.Time
}

func (p *planner) recall(ctx context.Context, now time.Time) (*memory, error) {
	m := &memory{values: map[string]known{}, now: now}
	_, err := p.notes.Recall(ctx, note, &m.values)
	return m, err
}

// before is the value that was remembered, empty if none is.
func (m *memory) before(c change.Change) string {
	k, ok := m.values[c.Thing()]
	if !ok || m.now.Sub(k.At) > outdone {
		return ""
	}
	return k.Value
}

// saw remembers the value.
func (m *memory) saw(c change.Change, value string) {
	k := m.values[c.Thing()]
	if k.Value != value || m.now.Sub(k.At) > renewed {
		m.values[c.Thing()], m.changed = known{value, m.now}, true
	}
}

// all are the things of a kind that are remembered, in the order of their names.
func (m *memory) all(kind string) (things []change.Change) {
	for _, name := range slices.Sorted(maps.Keys(m.values)) {
		// What a thing is in may have the sign in its name, as a log group can; kinds and subjects have none.
		if parts := strings.SplitN(name, "#", 3); len(parts) == 3 && parts[0] == kind {
			things = append(things, change.Change{Kind: kind, Subject: parts[1], Target: parts[2]})
		}
	}
	return things
}

// keep writes what was seen, if that is anything new, without what nobody saw for a month.
func (p *planner) keep(ctx context.Context, m *memory) error {
	if !m.changed {
		return nil
	}
	maps.DeleteFunc(m.values, func(_ string, k known) bool { return m.now.Sub(k.At) > outdone })
	return p.notes.Remember(ctx, note, m.values, m.now)
}
