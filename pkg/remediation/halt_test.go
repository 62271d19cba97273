package remediation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
)

// refusing is a topic that takes nothing.
type refusing struct{}

func (refusing) Publish(context.Context, notice.Message) (string, error) { return "", errRefused }

func switchOf(t *testing.T, r *remediation.Runner) ledger.Halt {
	t.Helper()
	h, err := r.Ledger.Halt(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const kim = "arn:aws:iam::111122223333:user/kim"

func TestHalt_WhoAsks(t *testing.T) {
	for _, tt := range []struct {
		name, proven string
		q            remediation.HaltRequest
		severity     string
		who          string // empty if it is refused
	}{
		{"proven", kim, remediation.HaltRequest{Reason: "incident 42"}, "high", kim},
		{"proven, for somebody", kim, remediation.HaltRequest{By: "lee", Reason: "r"}, "high", kim + ", for lee (claimed)"},
		{"claimed", "", remediation.HaltRequest{By: "lee", Reason: "r"}, "critical", "lee (claimed)"},
		{"nobody", "", remediation.HaltRequest{Reason: "r"}, "", ""},
		{"without a reason", kim, remediation.HaltRequest{Reason: " \u200b"}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _, box := newRunner(t, finding())
			ctx := t.Context()
			if tt.proven != "" {
				ctx = caller.NewContext(ctx, tt.proven)
			}
			answer, err := remediation.Switch{Runner: r}.Halt(ctx, tt.q)
			h := switchOf(t, r)
			if tt.who == "" {
				if err == nil || h.Halted || len(box.got) > 0 {
					t.Errorf("%+v, %v: %+v, notified %v", answer, err, h, box.got)
				}
				return
			}
			if err != nil || !answer.Halted || !h.Halted || h.By.String() != tt.who || !h.Since.Equal(r.Now()) {
				t.Fatalf("%+v, %v: %+v", answer, err, h)
			}
			if len(box.got) != 1 || box.got[0].Severity != tt.severity || box.got[0].Title != "Warder is halted" ||
				!strings.HasPrefix(box.got[0].Text, tt.who+" halted Warder: "+tt.q.Reason+".") {
				t.Errorf("notified %+v", box.got)
			}
		})
	}
}

// A halt does not wait for its notice, and whoever halts again does not move its beginning.
func TestHalt_UndeliveredAndAgain(t *testing.T) {
	r, _, box := newRunner(t, finding())
	ctx := caller.NewContext(t.Context(), kim)
	first := r.Now()
	topic := r.Topic
	r.Topic = refusing{}
	if _, err := (remediation.Switch{Runner: r}).Halt(ctx, remediation.HaltRequest{Reason: "one"}); err == nil ||
		!strings.Contains(err.Error(), "halted, and nobody could be notified") || !switchOf(t, r).Halted {
		t.Errorf("error %v, %+v", err, switchOf(t, r))
	}
	r.Topic = topic
	later := first.Add(time.Minute)
	r.Now = func() (at time.Time) { return later }
	if _, err := (remediation.Switch{Runner: r}).Halt(ctx, remediation.HaltRequest{Reason: "two"}); err != nil {
		t.Fatal(err)
	}
	if h := switchOf(t, r); !h.Since.Equal(first) || h.Reason != "two" || len(box.got) != 1 {
		t.Errorf("%+v, notified %v", h, box.got)
	}
}

func TestResume(t *testing.T) {
	r, _, box := newRunner(t, finding())
	halted(t, r, r.Now())
	proven := caller.NewContext(t.Context(), kim)
	s := remediation.Switch{Runner: r}
	if _, err := s.Resume(t.Context(), remediation.HaltRequest{By: kim, Reason: "r"}); err == nil ||
		!switchOf(t, r).Halted {
		t.Errorf("somebody who proves nothing resumes: %v", err)
	}
	topic := r.Topic
	r.Topic = refusing{}
	if _, err := s.Resume(proven, remediation.HaltRequest{}); err == nil || !switchOf(t, r).Halted {
		t.Errorf("resumed without a notice: %v", err)
	}
	r.Topic = topic
	answer, err := s.Resume(proven, remediation.HaltRequest{Reason: "it is over"})
	h := switchOf(t, r)
	if err != nil || answer.Halted || h.Halted || h.By.ARN != kim {
		t.Errorf("%+v, %v: %+v", answer, err, h)
	}
	want := kim + " let Warder make changes again: it is over. Until now: Warder is halted by kim (claimed): incident 42"
	if len(box.got) != 1 || box.got[0].Title != "Warder is resumed" || box.got[0].Severity != "high" ||
		box.got[0].Text != want {
		t.Errorf("notified %+v", box.got)
	}
	if answer, err = s.Resume(proven, remediation.HaltRequest{}); err != nil || answer.Halted || len(box.got) != 1 {
		t.Errorf("again: %+v, %v, notified %v", answer, err, box.got)
	}
}

// What is put into the table halts, is alerted on as critical, once, and again after it was resumed.
func TestRun_HaltedByWhoeverWrites(t *testing.T) {
	for name, key := range map[string]ledger.Key{
		"an emergency":   {Partition: ledger.EmergencyPartition, Sort: "switch"},
		"a forged go-on": {Partition: "halt#switch", Sort: "switch"},
	} {
		t.Run(name, func(t *testing.T) {
			r, a, box := newRunner(t, finding(detach()))
			table := &ledger.Memory{}
			r.Ledger = ledger.New(&ledger.Sealed{Unsealed: table, Keys: ledger.FixedKey("secret")})
			setHalt(t, r, ledger.Halt{})
			runs := 0
			alerted := func() (n int) {
				t.Helper()
				for range 2 {
					runs++
					if _, err := run(r, "a", strings.ReplaceAll(sweep, "000001", "00000"+string(rune('1'+runs)))); err != nil {
						t.Fatal(err)
					}
				}
				for _, m := range box.got {
					if m.Title == "Warder is halted" && m.Severity == "critical" && strings.Contains(m.Advice, "Nothing proves") {
						n++
					}
				}
				return n
			}
			for times := range 2 {
				table.Forge(ledger.Item{Partition: key.Partition, Sort: key.Sort, Body: `{"halted":false}`, Version: 3})
				if n := alerted(); n != times+1 || len(a.State().Users["alice"].Attached) != 1 {
					t.Fatalf("%d alerts, alice has %v; want %d and that nothing is changed", n,
						a.State().Users["alice"].Attached, times+1)
				}
				setHalt(t, r, ledger.Halt{Since: r.Now().Add(time.Duration(times+1) * time.Hour)})
			}
			if _, err := run(r, "a", strings.ReplaceAll(sweep, "000001", "000009")); err != nil ||
				len(a.State().Users["alice"].Attached) != 0 {
				t.Errorf("resumed: %v, alice has %v", err, a.State().Users["alice"].Attached)
			}
		})
	}
}
