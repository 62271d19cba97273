// Package orders reads what an organization orders its accounts to do less of: to halt, or to observe where they would
// act. The orders are a document in the security account, which the accounts read. Nothing in it can make Warder do
// more than the settings of the account say.
package orders

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/parameter"
	"github.com/warder-aws/warder/pkg/strictjson"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// All stands for every control in the modes of orders.
const All = "all"

// Orders are what the organization orders. The zero Orders order nothing.
type Orders struct {
	// Halt stops every change, as the switch of the account does.
	Halt bool `json:"halt,omitempty"`
	// Modes are the most that controls may do, by their ids; that of All is for each. A control does the least of what it
	// is told.
	Modes map[string]control.Mode `json:"modes,omitempty"`
	// Reason and By are for people. Until is when the orders end; zero means that they go on until others take their
	// place.
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	Until  time.Time `json:"until,omitzero"`
}

// Parse reads orders. A document that is not wholly understood is an error: it may order what is not understood.
func Parse(text []byte) (Orders, error) {
	root, err := strictjson.Parse("orders", text)
	if err != nil {
		return Orders{}, fmt.Errorf("read the organization's orders: %w", err)
	}
	root.Fields("halt", "modes", "reason", "by", "until")
	var o Orders
	if node := root.Field("halt"); node != nil {
		o.Halt = node.Bool()
	}
	if node := root.Field("modes"); node != nil {
		o.Modes = map[string]control.Mode{}
		node.Members(func(id string, value *strictjson.Node) {
			mode := control.Mode(value.Text())
			value.Refuse(strictjson.String, !mode.Valid(), "%q is no mode: off, observe or enforce", mode)
			o.Modes[id] = mode
		})
	}
	o.Reason, o.By = root.Required("reason").Text(), root.Required("by").Text()
	if node := root.Field("until"); node != nil {
		until, err := time.Parse(time.RFC3339, node.Text())
		node.Refuse(strictjson.String, err != nil, "%q is no time such as 2026-12-31T00:00:00Z", node.Text())
		o.Until = until
	}
	if err := root.Err(); err != nil {
		return Orders{}, fmt.Errorf("read the organization's orders: %w", err)
	}
	return o, nil
}

// over reports whether the orders have ended.
func (o Orders) over(now time.Time) bool { return !o.Until.IsZero() && !now.Before(o.Until) }

// Limit is the mode of a control whose settings say mode: that, or less.
func (o Orders) Limit(id string, mode control.Mode, now time.Time) control.Mode {
	if o.over(now) {
		return mode
	}
	for _, limit := range []control.Mode{o.Modes[All], o.Modes[id]} {
		if limit != "" && rank(limit) < rank(mode) {
			mode = limit
		}
	}
	if o.Halt && rank(mode) > rank(control.Observe) {
		mode = control.Observe
	}
	return mode
}

// rank orders modes by how much a control does in them. One that is not known is the least.
func rank(m control.Mode) int {
	return map[control.Mode]int{control.Observe: 1, control.Enforce: 2}[m]
}

// Forbid says why a control that enforces may change nothing; empty if it may.
func (o Orders) Forbid(id string, now time.Time) i18n.Message {
	switch {
	case o.over(now) || o.Limit(id, control.Enforce, now) == control.Enforce:
		return i18n.Message{}
	case o.Halt:
		return i18n.T("the organization has halted every change: %s (%s, claimed)", o.said(o.Reason), o.said(o.By))
	}
	return i18n.T("the organization has this control only observe: %s (%s, claimed)", o.said(o.Reason), o.said(o.By))
}

const maxWords = 200 // of a reason or a name, in characters

// said is what somebody wrote, as it can be shown.
func (o Orders) said(text string) string { return notice.Plain(text, maxWords) }

// Memory keeps the last orders that were read.
type Memory interface {
	// Orders are those that were kept last, and when; a zero time means none.
	Orders(ctx context.Context) (text string, at time.Time, err error)
	KeepOrders(ctx context.Context, text string, at time.Time) error
}

// Store has the parameters of the security account.
type Store interface {
	GetParameter(ctx context.Context, in *parameter.GetParameterInput) (*parameter.GetParameterOutput, error)
}

// Patience is for how long the last orders hold if they cannot be read any more.
const Patience = 24 * time.Hour

// fresh is how old kept orders may be before they are kept again.
const fresh = time.Hour

// Reader reads the orders of an organization.
type Reader struct {
	Store  Store
	Memory Memory
	Name   string // ARN of the parameter
}

// Read returns the orders. If they cannot be read or understood, those that were read last hold for a day; after that
// it is an error, and nothing may be changed.
func (r Reader) Read(ctx context.Context, now time.Time) (Orders, error) {
	kept, at, err := r.Memory.Orders(ctx)
	if err != nil {
		return Orders{}, fmt.Errorf("read the last orders: %w", err)
	}
	out, err := r.Store.GetParameter(ctx, &parameter.GetParameterInput{Name: r.Name})
	if err == nil {
		var o Orders
		if o, err = Parse([]byte(out.Parameter.Value)); err == nil {
			if kept != out.Parameter.Value || now.Sub(at) > fresh {
				err = r.Memory.KeepOrders(ctx, out.Parameter.Value, now)
			}
			return o, err
		}
	}
	if at.IsZero() || now.Sub(at) >= Patience || at.Sub(now) > fresh {
		return Orders{}, fmt.Errorf("the organization's orders in %s: %w", r.Name, err)
	}
	return Parse([]byte(kept))
}
