package ledger

import (
	"context"
	"time"
)

// Tagging is who gave a user a tag, as CloudTrail recorded it.
type Tagging struct {
	Value string    `json:"value"` // a digest of the tag's value
	Self  bool      `json:"self"`  // the user did it itself
	By    string    `json:"by"`
	At    time.Time `json:"at"` // when it was done
}

// taggingTime is how long a tagging is remembered: longer than an exemption can last.
const taggingTime = 400 * 24 * time.Hour

// KeepTagging remembers who gave the user of the unique id a tag, unless a later tagging is known. Who repeats the
// value that somebody else gave has given nothing.
func (l *Ledger) KeepTagging(ctx context.Context, userID, tag string, t Tagging) error {
	_, err := revise(ctx, l, taggings+userID, "tags", func(all *map[string]Tagging, _ bool) (Item, bool, error) {
		known, found := (*all)[tag]
		if found && (known.At.After(t.At) || known.Value == t.Value && t.Self && !known.Self) {
			return Item{}, false, nil
		}
		if *all == nil {
			*all = map[string]Tagging{}
		}
		(*all)[tag] = t
		return Item{Expires: t.At.Add(taggingTime)}, true, nil
	})
	return err
}

// Taggings returns who gave the user of the unique id which tag last, by the tag's key; those that are known.
func (l *Ledger) Taggings(ctx context.Context, userID string) (map[string]Tagging, error) {
	var all map[string]Tagging
	_, err := l.load(ctx, taggings+userID, "tags", &all)
	return all, err
}
