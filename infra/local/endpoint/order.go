package endpoint

import (
	"context"
	"time"

	"github.com/warder-aws/warder/infra/local/eventbridge"
)

// An order is how what happens at the same time in an account comes one after another here, so that a script
// decides what is otherwise left to chance.
type order struct {
	held    bool
	waiting []eventbridge.Match // events that are held back
	before  []interruption
	shift   time.Duration // how much later than now calls are made
}

// An interruption is what is done before a call of a function, once.
type interruption struct {
	function, operation string
	do                  func()
}

// Before calls do once, before the next call of that operation which the function makes is answered.
func (h *Handler) Before(function, operation string, do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.order.before = append(h.order.before, interruption{function, operation, do})
}

// interrupt does what was asked for before such a call.
func (h *Handler) interrupt(function, operation string) {
	h.mu.Lock()
	var found []interruption
	rest := h.order.before[:0:0]
	for _, i := range h.order.before {
		if i.function == function && i.operation == operation {
			found = append(found, i)
			continue
		}
		rest = append(rest, i)
	}
	h.order.before = rest
	h.mu.Unlock()
	for _, i := range found {
		i.do()
	}
}

// Interruptions is how many of [Handler.Before] have not come about.
func (h *Handler) Interruptions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.order.before)
}

// Hold keeps events from functions until [Handler.Deliver].
func (h *Handler) Hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.order.held = true
}

// Deliver gives functions the events that were held back, one after another, the last first if it is reversed:
// EventBridge promises no order.
func (h *Handler) Deliver(ctx context.Context, reversed bool) error {
	h.mu.Lock()
	waiting := h.order.waiting
	h.order.held, h.order.waiting = false, nil
	h.mu.Unlock()
	for i := range waiting {
		if reversed {
			i = len(waiting) - 1 - i
		}
		if _, err := h.start(ctx, waiting[i:i+1]); err != nil {
			return err
		}
		if err := h.Lambda.Idle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hold keeps the matches back if that is asked for.
func (h *Handler) hold(matches []eventbridge.Match) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.order.held {
		h.order.waiting = append(h.order.waiting, matches...)
	}
	return h.order.held
}

// Held reports whether events are held back.
func (h *Handler) Held() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.order.held
}

// Shift makes calls happen so much later than now, as far as events say.
func (h *Handler) Shift(by time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.order.shift = by
}

// now is when a call is made.
func (h *Handler) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.order.shift)
}
