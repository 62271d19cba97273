package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseBenchmarks(t *testing.T) {
	const name = "Decode/root-console-login/event.Decode"
	const out = `goos: linux
pkg: github.com/warder-aws/warder/pkg/event
Benchmark` + name + `-2	10000	11500 ns/op	2.50 x-memory	1.25 x-time	4096 B/op	      61 allocs/op
BenchmarkAlone-2   	   10000	    11500 ns/op	    4096 B/op	      61 allocs/op
PASS
ok  	github.com/warder-aws/warder/pkg/event	1.234s
`
	want := []Warm{{
		Name: name, Package: "pkg/event", Nanoseconds: 11500, Bytes: 4096,
		Allocations: 61, TimeRatio: 1.25, MemoryRatio: 2.5,
	}}
	if diff := cmp.Diff(want, parseBenchmarks(out)); diff != "" {
		t.Errorf("benchmarks with a ratio (-want +got):\n%s", diff)
	}
}
