package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// memoryKB returns a field of a process's memory: VmHWM for its peak, VmRSS for what is resident now.
// https://docs.kernel.org/filesystems/proc.html
func memoryKB(pid int, field string) (int64, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("read the memory of process %d: no %s", pid, field)
}

// processorTime returns how long the process has run on a processor: the sum of its threads.
// https://docs.kernel.org/scheduler/sched-stats.html: the first field, in nanoseconds
func processorTime(pid int) (time.Duration, error) {
	files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/schedstat")
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("read the processor time of process %d: no threads (%w)", pid, err)
	}
	var sum time.Duration
	for _, file := range files {
		data, err := os.ReadFile(file)
		if os.IsNotExist(err) { // the thread has ended
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
		}
		n, err := strconv.ParseInt(strings.Fields(string(data) + " 0")[0], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
		}
		sum += time.Duration(n)
	}
	return sum, nil
}
