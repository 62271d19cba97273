package bench

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/iamuser"
)

var now = time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)

func TestCallsToIAMGrowNoFasterThanTheNumberOfUsers(t *testing.T) {
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	// One user in a hundred matters. Of access keys the first sweep looks besides at those whose day it
	// is, a seventh of the users, and at a hundred in all at least.
	want := map[string][]int{
		"deactivate-stale-access-key":  {105, 186, 861},
		"deactivate-unused-access-key": {16, 133, 253},
		"detach-direct-policy":         {4, 22, 102},
		"require-permissions-boundary": {3, 21, 101},
		"rotate-access-key":            {105, 186, 861},
	}
	got := map[string][]int{}
	for _, control := range Sweepers {
		var before Swept
		for _, users := range Sizes {
			swept, err := sweepInMemory(t.Context(), root, crowd(moto.AccountID, users, now), control, now)
			if err != nil {
				t.Fatal(err)
			}
			got[control] = append(got[control], swept.IAM)
			if before.Users > 0 && swept.Calls*before.Users > before.Calls*swept.Users {
				t.Errorf("%s makes %d calls for %d users, and %d for %d: more for each", control, swept.Calls, swept.Users, before.Calls, before.Users)
			}
			before = swept
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls to IAM at %v users (-want +got):\n%s", Sizes, diff)
	}
}

// 5,000 users with 10,000 keys are as many as IAM allows.
func TestTheHeapOfASweepOfAsManyUsersAsThereCanBeLeavesRoom(t *testing.T) {
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	// Half of a Lambda of 128 MB; the Go runtime and the code take 25 MB of it.
	const most = 64 << 10
	for _, control := range Sweepers {
		swept, err := sweepInMemory(t.Context(), root, crowd(moto.AccountID, 5000, now), control, now)
		if err != nil {
			t.Fatal(err)
		}
		if swept.RSSKB > most {
			t.Errorf("%s: the heap grew by %d kB, want at most %d", control, swept.RSSKB, most)
		}
	}
}

func TestTheRealFunctionMakesNoMoreCallsThanOurCodeInMemory(t *testing.T) {
	t.Parallel() // it waits more than it works
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	state := crowd(moto.AccountID, 200, now)
	e, err := openEmulated(t.Context(), root, state.Users)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	for _, control := range []string{"detach-direct-policy", "require-permissions-boundary"} {
		deployed, err := e.sweep(t.Context(), 200, control, now)
		if err != nil {
			t.Fatal(err)
		}
		memory, err := sweepInMemory(t.Context(), root, state, control, now)
		if err != nil {
			t.Fatal(err)
		}
		// Pages of moto are as long as it likes.
		if deployed.IAM > memory.IAM || deployed.Calls-deployed.IAM != memory.Calls-memory.IAM {
			t.Errorf("%s: %+v on moto, %+v in memory", control, deployed, memory)
		}
		if deployed.RSSKB < 1000 {
			t.Errorf("%s: %d kB resident", control, deployed.RSSKB)
		}
		t.Attr("calls", strconv.Itoa(deployed.Calls))
	}
}

// That refusals are many is for a test of pkg/handler, which waits for nothing: the SDK's retryer goes as
// slowly as half a call a second.
func TestASweepThatIsThrottledGetsSlowerAndDoesNotFail(t *testing.T) {
	t.Parallel() // it waits more than it works
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	const users, refusals = 10, 2
	state := crowd(moto.AccountID, users, now)
	e, err := openEmulated(t.Context(), root, state.Users)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	const control = "deactivate-stale-access-key"
	e.meter.latency = 200 * time.Millisecond // more than the pace, so that users are looked at side by side
	asked := 0
	e.meter.refuse = func(operation string) string {
		if operation != "iam:ListAccessKeys" {
			return ""
		}
		if asked++; asked < 7 || asked >= 7+refusals {
			return ""
		}
		return "Throttling"
	}
	got, err := e.sweep(t.Context(), users, control, now)
	if err != nil {
		t.Fatal(err)
	}
	if asked != users+refusals {
		t.Errorf("asked for the keys of %d users %d times, want %d", users, asked, users+refusals)
	}
	if most := e.meter.most["iam"]; most < 2 || most > iamuser.Concurrency {
		t.Errorf("%d calls to IAM at a time, want 2 to %d", most, iamuser.Concurrency)
	}
	t.Attr("calls", strconv.Itoa(got.Calls))
}
