package bench

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/warder-aws/warder/infra/local/project"
)

func TestABurstIsMeasuredOnEveryPathAgainstTheFloor(t *testing.T) {
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	floor := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", floor, "./infra/local/bench/floor")
	build.Dir = string(root)
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the floor: %v: %s", err, output)
	}
	const events = 5
	all, err := Burst(t.Context(), floor, events, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 2*len(paths); len(all) != want {
		t.Fatalf("%d rows, want %d: %+v", len(all), want, all)
	}
	for i, b := range all {
		if b.Events != events || b.PerSecond <= 0 || b.Elapsed <= 0 || b.Ratio <= 0 {
			t.Errorf("row %d: %+v", i, b)
		}
	}
	if all[0].Ratio != 1 || all[0].Function != "floor" {
		t.Errorf("the first row is %+v, want the floor", all[0])
	}
}

func TestNoEventIsLostHoweverFewAreHandledAtATime(t *testing.T) {
	t.Parallel() // it waits more than it works
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	const events = 10
	cases := 0
	for _, concurrency := range []int{1, 3} {
		q, err := queue(t.Context(), root, events, concurrency)
		if err != nil {
			t.Fatal(err)
		}
		if q.Done != events || q.Told != events || q.Kept != 0 || q.Retried != refusals {
			t.Errorf("at concurrency %d: %+v, want %d handled and told of, %d of them at the second try", concurrency, q, events, refusals)
		}
		if q.Waited < 1 || q.Waited > events-1 {
			t.Errorf("at concurrency %d: %d waited", concurrency, q.Waited)
		}
		cases += q.Done
	}
	t.Attr("cases", strconv.Itoa(cases))
}
