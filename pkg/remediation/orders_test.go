package remediation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/orders"
	"github.com/warder-aws/warder/pkg/remediation"
)

// ordered are orders, or why they cannot be read, and how often they were.
type ordered struct {
	orders.Orders
	err  error
	read int
}

func (o *ordered) Read(context.Context, time.Time) (orders.Orders, error) {
	o.read++
	return o.Orders, o.err
}

// What the organization stops is on hold, an emergency as well, and is made when it is not stopped any more.
func TestRun_Orders(t *testing.T) {
	emergency := detach()
	emergency.Fresh, emergency.Urgency = true, remediation.Emergency
	for name, f := range map[string]remediation.Finding{"sweep": detach(), "emergency": emergency} {
		for _, stopped := range []orders.Orders{
			{Halt: true, Reason: "incident 42", By: "kim"},
			{Modes: map[string]control.Mode{orders.All: control.Observe}, Reason: "incident 42", By: "kim"},
		} {
			r, a, _ := newRunner(t, finding(f))
			given := &ordered{Orders: stopped}
			r.Orders = given
			report, err := run(r, "a", sweep)
			if err != nil || report.Changes[0].Status != ledger.Held ||
				!strings.Contains(report.Changes[0].Reason, "incident 42 (kim, claimed)") ||
				len(a.State().Users["alice"].Attached) != 1 || given.read != 1 {
				t.Fatalf("%s: %+v, %v, orders read %d times", name, report, err, given.read)
			}
			given.Orders = orders.Orders{Reason: "over", By: "kim"}
			report, err = run(r, "b", strings.ReplaceAll(sweep, "000001", "000002"))
			if err != nil || report.Changes[0].Status != ledger.Verified || len(a.State().Users["alice"].Attached) != 0 {
				t.Errorf("%s, when it is over: %+v, %v", name, report, err)
			}
		}
	}
}

// Who does not know what is ordered changes nothing.
func TestRun_OrdersUnreadable(t *testing.T) {
	r, a, _ := newRunner(t, finding(detach()))
	r.Orders = &ordered{err: errors.New("AccessDenied")}
	for range 3 {
		report, err := run(r, "a", sweep)
		if len(a.State().Users["alice"].Attached) != 1 {
			t.Fatalf("changed: %+v, %v", report, err)
		}
	}
}

// Only tighter: what observes does not act because the organization lets it.
func TestRun_OrdersDoNotLoosen(t *testing.T) {
	r, a, _ := newRunner(t, finding(detach()))
	r.Settings.Mode = control.Observe
	r.Orders = &ordered{Orders: orders.Orders{Modes: map[string]control.Mode{orders.All: control.Enforce}}}
	report, err := run(r, "a", sweep)
	if err != nil || len(a.State().Users["alice"].Attached) != 1 || report.Changes[0].Status != ledger.Observed {
		t.Errorf("%+v, %v", report, err)
	}
}
