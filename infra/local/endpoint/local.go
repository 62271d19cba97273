package endpoint

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/local/moto"
)

func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		http.Error(w, fmt.Sprintf("decode %s: %v", r.URL.Path, err), http.StatusBadRequest)
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the client has gone when it fails
}

func (h *Handler) age(w http.ResponseWriter, r *http.Request) {
	var age moto.Age
	if !readJSON(w, r, &age) {
		return
	}
	if err := h.Moto.Age(r.Context(), age); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *Handler) idle(w http.ResponseWriter, r *http.Request) {
	if err := h.Lambda.Idle(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// A Delivery is what came of an event at one function.
type Delivery struct {
	Function string          `json:"function"`
	Rule     string          `json:"rule"`
	Through  string          `json:"through,omitempty"` // the rule that forwarded the event from its region
	Payload  json.RawMessage `json:"payload"`           // the function's answer, or its error
	Failed   bool            `json:"failed"`            // after all retries
	Attempts int             `json:"attempts"`
}

// send puts one event on the bus and answers when its functions are done with it, and with whatever
// their own changes have set off.
func (h *Handler) send(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	event, err := eventfile.Parse(data)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	matches, err := h.EventBridge.Put(r.Context(), event)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	started, err := h.start(r.Context(), matches)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	deliveries := make([]Delivery, 0, len(started))
	for _, sent := range started {
		result, ok := <-sent.result
		if !ok {
			http.Error(w, "the local account has ended", http.StatusServiceUnavailable)
			return
		}
		payload := json.RawMessage(result.Payload)
		if !json.Valid(payload) {
			payload, _ = json.Marshal(string(result.Payload)) // cannot fail: a string
		}
		deliveries = append(deliveries, Delivery{
			Function: sent.Function, Rule: sent.Rule, Through: sent.Through,
			Payload: payload, Failed: result.Failed, Attempts: result.Attempts,
		})
	}
	if err := h.Lambda.Idle(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	writeJSON(w, deliveries)
}
