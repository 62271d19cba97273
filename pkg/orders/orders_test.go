package orders

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/parameter"
)

var now = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// store is a parameter store, and memory what is kept of it.
type store struct {
	text string
	err  error
}

func (s *store) GetParameter(
	context.Context, *parameter.GetParameterInput,
) (*parameter.GetParameterOutput, error) {
	out := &parameter.GetParameterOutput{}
	out.Parameter.Value = s.text
	return out, s.err
}

type memory struct {
	text string
	at   time.Time
	err  error
	kept int
}

func (m *memory) Orders(context.Context) (string, time.Time, error) { return m.text, m.at, m.err }

func (m *memory) KeepOrders(_ context.Context, text string, at time.Time) error {
	m.text, m.at, m.kept = text, at, m.kept+1
	return nil
}

const halt = `{"halt":true,"reason":"incident 42","by":"kim"}`

// Whatever orders say, in all their fields, a control does at most what its settings say.
func TestOrdersOnlyTighten(t *testing.T) {
	modes := []control.Mode{"", control.Off, control.Observe, control.Enforce, "nonsense"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		o := Orders{
			Halt: random.IntN(4) == 0, Reason: "r", By: "b", Until: now.Add(time.Duration(random.IntN(5)-2) * time.Hour),
			Modes: map[string]control.Mode{},
		}
		for _, id := range []string{All, "a", "b"} {
			if mode := modes[random.IntN(len(modes))]; mode != "" {
				o.Modes[id] = mode
			}
		}
		for _, mode := range modes[1:4] {
			limit := o.Limit("a", mode, now)
			if rank(limit) > rank(mode) || !limit.Valid() && o.Modes["a"].Valid() && o.Modes[All].Valid() {
				t.Fatalf("%+v makes %s of %s", o, limit, mode)
			}
			if mode == control.Off && limit != control.Off && rank(limit) > 0 {
				t.Fatalf("%+v makes %s of what is off", o, limit)
			}
			forbidden := !o.Forbid("a", now).Empty()
			if acts := o.Limit("a", control.Enforce, now) == control.Enforce; forbidden == acts {
				t.Fatalf("%+v: forbidden %v, and it may act %v", o, forbidden, acts)
			}
		}
	}
	// The fields above are all that there are.
	var fields map[string]json.RawMessage
	full := Orders{Halt: true, Modes: map[string]control.Mode{"a": control.Off}, Reason: "r", By: "b", Until: now}
	text, err := json.Marshal(full)
	if err != nil || json.Unmarshal(text, &fields) != nil || len(fields) != 5 {
		t.Fatalf("orders have %d fields (%v): try the new one here", len(fields), err)
	}
}

func TestForbid(t *testing.T) {
	for _, tc := range []struct{ text, says string }{
		{`{"reason":"r","by":"b"}`, ""},
		{halt, "the organization has halted every change: incident 42 (kim, claimed)"},
		{`{"halt":true,"reason":"r","by":"b","until":"2026-11-21T09:00:00Z"}`, ""}, // over
		{`{"halt":true,"reason":"r","by":"b","until":"2026-11-21T09:00:01Z"}`, "halted every change"},
		{`{"modes":{"all":"observe"},"reason":"r","by":"b"}`, "has this control only observe"},
		{`{"modes":{"all":"observe","c":"enforce"},"reason":"r","by":"b"}`, "has this control only observe"},
		{`{"modes":{"c":"off"},"reason":"r","by":"b"}`, "has this control only observe"},
		{`{"modes":{"other":"off"},"reason":"r","by":"b"}`, ""},
		{`{"modes":{"all":"enforce"},"reason":"r","by":"b"}`, ""},
	} {
		o, err := Parse([]byte(tc.text))
		if err != nil {
			t.Fatal(err)
		}
		if why := o.Forbid("c", now).String(); tc.says == "" && why != "" || !strings.Contains(why, tc.says) {
			t.Errorf("%s: %q, want %q", tc.text, why, tc.says)
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	for _, text := range []string{
		"", "null", "[]", `"x"`, `{}`, `{"halt":true}`, `{"halt":true,"reason":"r"}`, `{"halt":"yes","reason":"r","by":"b"}`,
		`{"halt":true,"reason":"r","by":"b","extra":1}`, `{"halt":false,"halt":true,"reason":"r","by":"b"}`,
		`{"modes":{"c":"loud"},"reason":"r","by":"b"}`, `{"until":"tomorrow","reason":"r","by":"b"}`, halt + halt,
		`{"modes":["off"],"reason":"r","by":"b"}`,
	} {
		if o, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: %+v, want an error", text, o)
		}
	}
}

// Orders that cannot be read hold for a day as they were read last; then nothing may be changed.
func TestRead(t *testing.T) {
	broken := errors.New("AccessDenied")
	for _, tc := range []struct {
		name    string
		store   store
		memory  memory
		forbids bool
		fails   bool
		kept    int
	}{
		{"read", store{halt, nil}, memory{}, true, false, 1},
		{"read again", store{halt, nil}, memory{text: halt, at: now.Add(-time.Minute)}, true, false, 0},
		{"read again after hours", store{halt, nil}, memory{text: halt, at: now.Add(-2 * time.Hour)}, true, false, 1},
		{"lifted", store{`{"reason":"over","by":"kim"}`, nil}, memory{text: halt, at: now.Add(-time.Minute)}, false, false, 1},
		{"not read for an hour", store{"", broken}, memory{text: halt, at: now.Add(-time.Hour)}, true, false, 0},
		{"not understood for an hour", store{`{"new":1}`, nil}, memory{text: halt, at: now.Add(-time.Hour)}, true, false, 0},
		{"not read for a day", store{"", broken}, memory{text: `{"reason":"r","by":"b"}`, at: now.Add(-Patience)}, false, true, 0},
		{"never read", store{"", broken}, memory{}, false, true, 0},
		{"kept tomorrow", store{"", broken}, memory{text: `{"reason":"r","by":"b"}`, at: now.Add(day)}, false, true, 0},
		{"the ledger cannot be read", store{halt, nil}, memory{err: broken}, false, true, 0},
		{"kept by who does not know", store{"", broken}, memory{text: "{}", at: now}, false, true, 0},
	} {
		o, err := Reader{&tc.store, &tc.memory, "arn"}.Read(context.Background(), now)
		if (err != nil) != tc.fails || o.Forbid("c", now).Empty() == tc.forbids || tc.memory.kept != tc.kept {
			t.Errorf("%s: %+v, %v, kept %d times", tc.name, o, err, tc.memory.kept)
		}
	}
}

const day = 24 * time.Hour
