package ledger

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// Limit is what keeps Warder for a time from doing or notifying something again: a hold or a mark.
type Limit struct {
	Until time.Time
	About []string // what it is about: of a hold the kind of change and the target, of a mark the control and its note
	Hold  *Hold    // nil for a mark
	Run   string   // of a mark the key of the event that was notified
}

// maxMark is longer than any mark of Warder's lasts.
const maxMark = 8 * day

// InForce returns the holds and the marks that are in force at now about whoever has one of the names, such as a user's
// name and its unique id. It reads the whole table.
func (l *Ledger) InForce(ctx context.Context, now time.Time, names ...string) (found []Limit, err error) {
	items, err := l.store.Scan(ctx, holds, marks)
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, item := range items {
		parts := strings.Split(item.Partition, "#")
		if len(parts) < 3 {
			continue
		}
		about := slices.DeleteFunc(slices.Clone(parts[2:]), func(part string) bool { return slices.Contains(names, part) })
		if len(about) == len(parts[2:]) {
			continue
		}
		limit := Limit{About: slices.Concat(parts[1:2], about)}
		if strings.HasPrefix(item.Partition, holds) {
			var h Hold
			faults = append(faults, parse(item, &h))
			h = h.within(l.longest, now)
			limit.Until, limit.Hold = h.Until, &h
		} else {
			var m mark
			faults = append(faults, parse(item, &m))
			limit.Until, limit.Run = believed(m.Until, maxMark, now), m.Run
		}
		known := slices.IndexFunc(found, func(o Limit) bool {
			return (o.Hold == nil) == (limit.Hold == nil) && o.Run == limit.Run && slices.Equal(o.About, limit.About)
		})
		if now.Before(limit.Until) && known < 0 { // a mark may be there by name and by unique id
			found = append(found, limit)
		}
	}
	slices.SortFunc(found, func(a, b Limit) int {
		return cmp.Or(a.Until.Compare(b.Until), slices.Compare(a.About, b.About))
	})
	return found, errors.Join(faults...)
}
