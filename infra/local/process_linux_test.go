package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warder-aws/warder/infra/local/emulator"
)

// children are the processes whose parent is pid.
func children(t *testing.T, pid int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, stat := range stats {
		data, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended since
		}
		// 123 (name) S 1 …: the name may have anything in it.
		var parent, child int
		var state string
		rest := string(data[strings.LastIndexByte(string(data), ')')+1:])
		if _, err := fmt.Sscan(rest, &state, &parent); err != nil || parent != pid {
			continue
		}
		if _, err := fmt.Sscan(filepath.Base(filepath.Dir(stat)), &child); err != nil {
			t.Fatal(err)
		}
		found = append(found, child)
	}
	return found
}

// descendants are the children of pid, and theirs.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	found := children(t, pid)
	for _, child := range found {
		found = append(found, descendants(t, child)...)
	}
	return found
}

// alive reports whether there is such a process; one that waits to be reaped is not.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(data), ") Z ")
}

func TestUp_LeavesNoProcess(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "local")
	if output, err := exec.Command("go", "build", "-o", binary, "./infra/local").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			up := exec.Command(binary, "up")
			up.Dir = root(t)
			stdout, err := up.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := up.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			lines, endpoint := bufio.NewScanner(stdout), ""
			for lines.Scan() && !strings.HasPrefix(lines.Text(), "ready") {
				if url, ok := strings.CutPrefix(lines.Text(), "export AWS_ENDPOINT_URL="); ok {
					endpoint = url
				}
			}
			if _, err := emulator.At(endpoint).Send(t.Context(), event(t, "root-console-login.json")); err != nil {
				t.Fatal(err)
			}
			processes := descendants(t, up.Process.Pid)
			if len(processes) < 3 {
				t.Fatalf("processes %v, want moto, what it was started by and a function at least", processes)
			}
			if err := up.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			go func() { ended <- up.Wait() }()
			select {
			case err := <-ended:
				if signal != syscall.SIGKILL && err != nil {
					t.Errorf("up ended with %v", err)
				}
			case <-time.After(patience):
				_ = up.Process.Kill()
				t.Fatal("up is still there")
			}
			deadline := time.Now().Add(patience)
			for _, process := range processes {
				for alive(process) {
					if time.Now().After(deadline) {
						_ = syscall.Kill(process, syscall.SIGKILL)
						t.Fatalf("process %d is still there", process)
					}
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
}
