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
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
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
func processorTime(pid int) (sum time.Duration, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("read the processor time of process %d: no threads (%w)", pid, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if os.IsNotExist(err) { // the thread has ended
			continue
		}
		var n time.Duration
		if err == nil {
			_, err = fmt.Sscan(string(data), &n)
		}
		if err != nil {
			return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
		}
		sum += n
	}
	return sum, nil
}
