package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/warder-aws/warder/infra/local/rush"
)

// The same as the ten thousand of the command, of which there are fewer here.
func TestNothingIsLostUnderLoadOnTheLocalAccount(t *testing.T) {
	books, err := burden{events: 150, users: 25, seed: 1, blastRadius: wide}.play(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	checks, faults := books.Check()
	for _, fault := range faults[:min(len(faults), 20)] {
		t.Error(fault)
	}
	f := books.Figures()
	for name, n := range map[string]int{"events": f.Events, "checks": checks, "runs": f.Runs, "changes": f.Changes, "notices": f.Notices, "calls": f.Calls} {
		t.Attr(name, strconv.Itoa(n))
	}
	if f.Changes == 0 || f.Repeated == 0 || f.Kept == 0 || f.Undecodable == 0 || f.Consequences == 0 || f.Calls == 0 || f.Runs < f.Events/2 {
		t.Errorf("it was not much of a load: %+v", f)
	}
	if runtime.GOOS == "linux" && f.Memory[2].Processes == 0 { // elsewhere it cannot be read
		t.Errorf("the memory of no function was measured: %+v", f.Memory)
	}
}

func TestLoadPrintsItsFigures(t *testing.T) {
	stdout, stderr, err := command(t, "load", "-memory", "-events", "300", "-users", "50")
	if err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "nothing lost: ") || !strings.HasSuffix(last, " checks") {
		t.Errorf("the last line is %q", last)
	}
	if !strings.Contains(stderr, "300 of 300 events") {
		t.Errorf("progress: %q", stderr)
	}

	stdout, _, err = command(t, "load", "-memory", "-tight", "-events", "600", "-users", "100", "-json")
	if err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	var answer struct {
		Figures rush.Figures
		Checks  int
		Faults  []string
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil || answer.Figures.Events != 600 || answer.Figures.Held == 0 || answer.Checks == 0 || len(answer.Faults) > 0 {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestLoadThatLosesAnEventFails(t *testing.T) {
	for drop := 1; drop < 20; drop++ {
		books, err := burden{events: 150, users: 20, seed: 1, blastRadius: wide, memory: true, drop: drop}.play(t.Context(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := tell(&out, books, 1, false); err != nil {
			if !strings.Contains(out.String(), "an event was lost") || strings.Contains(out.String(), "nothing lost") {
				t.Errorf("said:\n%s", out.String())
			}
			return
		}
	}
	t.Error("no event was missed")
}

func TestLoadTakesNoSillyNumbers(t *testing.T) {
	for _, args := range [][]string{{"-events", "10"}, {"-users", "0"}, {"events.json"}, {"-seed", "-1"}} {
		if _, _, err := command(t, append([]string{"load"}, args...)...); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v, want how it is used", args, err)
		}
	}
}
