// Package benchratio compares, in benchmarks, what things cost with something that everybody knows
// the cost of, in the same run: a multiple says the same on every machine. It is for tests alone, and
// no test depends on a time.
package benchratio

import (
	"runtime"
	"testing"
)

// Side is one of the things that are compared.
type Side struct {
	Name string
	Do   func() error
}

// Compare runs the sides as benchmarks and reports the time and the memory of each as multiples of
// those of the first.
func Compare(b *testing.B, sides ...Side) {
	b.Helper()
	var time0, bytes0 float64
	for i, side := range sides {
		b.Run(side.Name, func(b *testing.B) {
			b.ReportAllocs()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				if err := side.Do(); err != nil {
					b.Fatal(err)
				}
			}
			took := float64(b.Elapsed()) / float64(b.N)
			runtime.ReadMemStats(&after)
			bytes := float64(after.TotalAlloc-before.TotalAlloc) / float64(b.N)
			if i == 0 {
				time0, bytes0 = took, bytes
			}
			if time0 > 0 && bytes0 > 0 { // the first was not left out by -bench
				b.ReportMetric(took/time0, "x-time")
				b.ReportMetric(bytes/bytes0, "x-memory")
			}
		})
	}
}
