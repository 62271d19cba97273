package remediation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// numbered is an event of its own for each number.
func numbered(n int) string {
	return strings.Replace(sweep, "000000000001", fmt.Sprintf("%012d", n), 1)
}

func TestEmergency_DoesNotWearOut(t *testing.T) {
	f := detach()
	f.Fresh, f.Urgency = true, remediation.Emergency
	r, a, _ := newRunner(t, finding(f))
	for n := range 4 {
		a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Attached: []string{readOnly}}}})
		report, err := run(r, "a", numbered(n))
		if err != nil || report.Outcome != remediation.Changed {
			t.Errorf("attached for the %d. time: %+v, %v", n+1, report, err)
		}
	}
}

// users are a planner that finds something about each of so many users, and an account with them.
func users(t *testing.T, count int, h remediation.Handling) (*remediation.Runner, *fakeaws.Account, *mailbox) {
	t.Helper()
	var found []remediation.Finding
	state := fakeaws.State{Users: map[string]*fakeaws.User{}}
	for n := range count {
		name := fmt.Sprintf("user-%02d", n)
		state.Users[name] = &fakeaws.User{Attached: []string{readOnly}}
		found = append(found, remediation.Finding{
			User: name, Handling: h, Text: i18n.Literal("Found."), Changes: []change.Change{{
				Kind: change.ManagedUserPolicy, Subject: name, Target: readOnly, Before: change.Attached,
			}},
		})
	}
	r, a, box := newRunner(t, finding(found...))
	a.Alter(state)
	r.Settings.BlastRadius = 3
	return r, a, box
}

func TestEmergency_AsksAndGoesOn(t *testing.T) {
	r, a, box := users(t, 6, remediation.Handling{Fresh: true, Urgency: remediation.Containment})
	for n := range 2 { // the second is another event about the same users
		state := a.State()
		for _, user := range state.Users {
			user.Attached = []string{readOnly}
		}
		a.Alter(fakeaws.State{Users: state.Users})
		if report, err := run(r, "a", numbered(n)); err != nil || report.Outcome != remediation.Changed {
			t.Fatalf("%+v, %v", report, err)
		}
	}
	asked, changed := 0, 0
	for _, m := range box.got {
		switch {
		case m.Title == "Many emergencies within an hour" && m.Severity == "critical" && m.Kind == notice.Alert:
			asked++
		case m.Kind == notice.Changed:
			changed++
		default:
			t.Errorf("an unexpected notice: %s", m.Line())
		}
	}
	if asked != 1 || changed < 6 {
		t.Errorf("asked %d times about %d changes, want once", asked, changed)
	}
	for name, user := range a.State().Users {
		if strings.HasPrefix(name, "user-") && len(user.Attached) > 0 {
			t.Errorf("%s still has %v", name, user.Attached)
		}
	}
}

func TestEmergency_DoesNotUseUpTheBlastRadius(t *testing.T) {
	r, _, _ := users(t, 6, remediation.Handling{Fresh: true, Urgency: remediation.Emergency})
	if _, err := run(r, "a", numbered(1)); err != nil {
		t.Fatal(err)
	}
	breaker, err := r.Ledger.Breaker(t.Context(), "test")
	if err != nil || len(breaker.Steps) != 0 || !breaker.Tripped.IsZero() || len(breaker.Emergencies) != 6 {
		t.Errorf("%+v, %v", breaker, err)
	}
}

func TestEmergency_DoesNotWaitForAStoppedControl(t *testing.T) {
	r, a, _ := users(t, 5, remediation.Handling{Fresh: true})
	if _, err := run(r, "a", numbered(1)); err != nil {
		t.Fatal(err)
	}
	if breaker, err := r.Ledger.Breaker(t.Context(), "test"); err != nil || breaker.Tripped.IsZero() {
		t.Fatalf("the control is not stopped: %+v, %v", breaker, err)
	}
	f := detach()
	f.Urgency = remediation.Emergency
	r.Planner = finding(f)
	report, err := run(r, "b", numbered(2))
	if err != nil || report.Outcome != remediation.Changed || len(a.State().Users["alice"].Attached) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestContainment_IsStoppedByNoExemption(t *testing.T) {
	for urgency, left := range map[remediation.Urgency]int{
		remediation.Ordinary: 1, remediation.Emergency: 1, remediation.Containment: 0,
	} {
		f := detach()
		f.Fresh, f.Urgency = true, urgency
		r, a, _ := newRunner(t, finding(f))
		a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {
			Attached: []string{readOnly}, Tags: map[string]string{"warder:exempt": "all until 2026-12-31 by kim for work"},
		}}})
		if _, err := run(r, "a", sweep); err != nil || len(a.State().Users["alice"].Attached) != left {
			t.Errorf("%q, exempt: alice has %v, %v", urgency, a.State().Users["alice"].Attached, err)
		}
	}
}

func TestEmergency_OutlivesItsRun(t *testing.T) {
	f := detach()
	f.Fresh, f.Urgency = true, remediation.Emergency
	r, _, _ := newRunner(t, finding(f))
	if _, err := run(r, "a", sweep); err != nil {
		t.Fatal(err)
	}
	all, _, err := r.Ledger.All(t.Context())
	if err != nil || len(all) != 1 || all[0].Urgency != string(remediation.Emergency) {
		t.Errorf("%+v, %v", all, err)
	}
}
