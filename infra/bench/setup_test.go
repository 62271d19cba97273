package main

import (
	"os"
	"testing"

	"github.com/warder-aws/warder/infra/local/project"
)

func TestMain(m *testing.M) {
	// The tests never build: make test has, and a missing file fails with the command that makes it.
	if err := os.Setenv("WARDER_NO_MAKE", "1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// newBench returns a bench of this checkout, whose progress is the test's log.
func newBench(t *testing.T) bench {
	t.Helper()
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	return bench{root, t.Logf}
}
