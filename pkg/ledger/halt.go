package ledger

import (
	"context"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
)

// Halt is the switch that stops every change of every control. No deployment writes it: it is as it was after an
// update, and after the stack was removed and deployed again over the same table.
//
// The zero Halt of an item that Warder wrote lets changes be made. Whatever else the table says stops them: no item,
// although the ledger has begun; one that Warder did not write, or that cannot be read.
type Halt struct {
	Halted bool            `json:"halted"`
	Since  time.Time       `json:"since,omitzero"` // when it was halted or resumed; of an unproven one the resume before
	By     caller.Identity `json:"by,omitzero"`    // who set it last
	Reason string          `json:"reason,omitempty"`

	// Unproven says that no item of Warder's halts: nobody knows who does. Claim is what the item of [Emergency] says.
	Unproven Unproven `json:"-"`
	Claim    string   `json:"-"`

	versions  [2]int64 // of the items of haltKeys
	emergency bool     // the item of [EmergencyPartition] halts
}

// Unproven is why Warder is halted, if it is not because of what Warder itself wrote.
type Unproven string

// The ways to halt that prove nobody.
const (
	Missing   Unproven = "missing"   // the switch is not there, or not as Warder writes it
	Emergency Unproven = "emergency" // somebody put the item of [EmergencyPartition]
)

const (
	halts      = "halt#"
	haltSwitch = halts + "switch"
	haltSort   = "switch"

	// EmergencyPartition is the partition of an item, with the sort key "switch", that halts Warder whatever it holds: for
	// when no function can be asked to. The table's policy lets administrators put it, and only Warder's roles take it
	// away again. Its body, a string, is the reason.
	EmergencyPartition = halts + "emergency"
)

// haltKeys are the items that are the switch.
var haltKeys = []Key{{haltSwitch, haltSort}, {EmergencyPartition, haltSort}}

// haltOf reads the switch from the items of haltKeys, of a ledger that has begun or not.
func haltOf(items []Item, begun bool) Halt {
	var h, put Halt
	item, emergency := items[0], items[1]
	if absent := item.Version == 0; absent && begun || item.Version < 0 || parse(item, &h) != nil {
		h = Halt{Halted: true, Unproven: Missing}
	}
	claim := emergency.Unproven
	if emergency.Version < 0 || parse(emergency, &put) != nil {
		claim = &emergency
	}
	if h.Unproven != "" {
		h.Since = put.Since
	}
	h.emergency = claim != nil
	if h.emergency && (!h.Halted || h.Unproven != "") {
		h.Halted, h.Unproven, h.Claim = true, Emergency, claim.Body
	}
	h.versions = [...]int64{item.Version, emergency.Version}
	return h
}

// sealed reports whether the ledger knows what Warder wrote.
func (l *Ledger) sealed() bool {
	_, sealed := l.store.(*Sealed)
	return sealed
}

// Halt reads the switch, in one call. Who does not know what Warder wrote takes what is there for that, and reads item
// by item.
func (l *Ledger) Halt(ctx context.Context) (Halt, error) {
	if l.sealed() {
		items, err := l.store.BatchGet(ctx, haltKeys...)
		if err != nil {
			return Halt{}, err
		}
		return haltOf(items, true), nil
	}
	var items []Item
	for _, key := range append(slices.Clip(haltKeys), Key{secretPartition, secretSort}) { // the first item of a ledger
		item, err := l.store.Get(ctx, key.Partition, key.Sort)
		if err != nil {
			return Halt{}, err
		}
		items = append(items, item)
	}
	return haltOf(items, items[2].Version != 0), nil
}

// SetHalt sets the switch, from what it was read to be. One that lets changes be made takes the place of what was put
// in an emergency as well, first. It answers [ErrConflict] if somebody else has set it meanwhile.
func (l *Ledger) SetHalt(ctx context.Context, read, h Halt) error {
	if read.Halted && (read.emergency || read.Unproven != "") && !h.Halted {
		item := Item{Partition: EmergencyPartition, Sort: haltSort, Version: read.versions[1]}
		if err := l.save(ctx, item, Halt{Since: h.Since, By: h.By}); err != nil {
			return err
		}
	}
	return l.save(ctx, Item{Partition: haltSwitch, Sort: haltSort, Version: read.versions[0]}, h)
}

// begun is the switch of a ledger that has just begun: nobody has halted anything.
var begun = Item{Partition: haltSwitch, Sort: haltSort, Body: `{"halted":false}`}
