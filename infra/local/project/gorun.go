package project

import (
	"context"
	"os"
	"strings"
	"time"
)

// EndWithGoRun ends the context when the command was started by `go run` and that has ended. go run
// hands on no signal: whoever ends it by its process id would leave this process behind.
func EndWithGoRun(ctx context.Context) context.Context {
	binary, err := os.Executable()
	if err != nil || !strings.Contains(binary, "go-build") {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(200 * time.Millisecond)
		}
		cancel()
	}()
	return ctx
}
