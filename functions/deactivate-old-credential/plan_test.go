package deactivateoldcredential

import (
	"fmt"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

var begin = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

// What Warder made inactive, and somebody activated, gets no days of grace again; what somebody else did gets them.
func TestUser_ActivatedAgainIsFresh(t *testing.T) {
	const mine, theirs = "APKAEXAMPLE0000000001", "APKAEXAMPLE0000000002"
	old := begin.AddDate(0, -6, 0)
	a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {SSH: []fakeaws.Uploaded{
		{ID: mine, Status: change.Active, Created: old}, {ID: theirs, Status: change.Active, Created: old},
	}}}})
	p := &planner{api: a.IAM(), ledger: ledger.New(&ledger.Memory{}), maxAge: days(90), notice: days(14), most: 10}
	made := func() (map[string]time.Time, error) { return map[string]time.Time{mine: begin.AddDate(0, 0, -1)}, nil }
	found, err := p.user(t.Context(), "alice", "", book{made: made}, begin)
	if err != nil || len(found) != 2 {
		t.Fatalf("found %v, %v; want a finding for each", found, err)
	}
	for _, f := range found {
		if want := f.Changes[0].Target == mine; f.Fresh != want {
			t.Errorf("%s: fresh is %v, want %v", f.Text, f.Fresh, want)
		}
	}
}

// More changes than the blast radius has room for would never be made together.
func TestUser_MoreThanTheBlastRadius(t *testing.T) {
	alice := &fakeaws.User{}
	for i := range 5 {
		alice.SSH = append(alice.SSH, fakeaws.Uploaded{
			ID: fmt.Sprintf("APKAEXAMPLE000000000%d", i), Status: change.Active, Created: begin.AddDate(0, -6, 0),
		})
	}
	a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"alice": alice}})
	p := &planner{api: a.IAM(), ledger: ledger.New(&ledger.Memory{}), maxAge: days(90), notice: days(14), most: 2}
	none := func() (map[string]time.Time, error) { return nil, nil }
	found, err := p.user(t.Context(), "alice", "", book{made: none}, begin)
	if err != nil || len(found) != 3 || len(found[0].Changes) != 2 {
		t.Errorf("found %v, %v; want the five keys two by two", found, err)
	}
}

// A large account is inspected within a week, a part of it each day.
func TestSweep_LargeAccount(t *testing.T) {
	const n = 700
	seen := map[string]bool{}
	for i, day := range scenario.Sweeps(t, Control, begin, spread, func(time.Time) fakeaws.State {
		users := map[string]*fakeaws.User{}
		for i := range n {
			name := fmt.Sprintf("user-%03d", i)
			users[name] = &fakeaws.User{Tags: map[string]string{"owner": name + "@example.com"}, SSH: []fakeaws.Uploaded{
				{ID: fmt.Sprintf("APKAEXAMPLE0000000%03d", i), Status: change.Active, Created: begin.AddDate(-1, 0, 0)},
			}}
		}
		return fakeaws.State{Users: users}
	}) {
		for _, m := range day.Notices {
			seen[m.Subject] = true
		}
		// Whom the days before have found is inspected every day, until it is over.
		if most := 2 * n / spread * (i + 1); day.Calls["iam:ListSSHPublicKeys"] > most {
			t.Errorf("day %d: the keys of %d users are listed, want at most %d", i+1, day.Calls["iam:ListSSHPublicKeys"], most)
		}
	}
	if len(seen) != n {
		t.Errorf("%d users of %d are notified within a week", len(seen), n)
	}
}
