package main

import (
	"context"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// sweepers are the controls whose sweep inspects every user. The others' sweeps inspect the account, a list
// from the settings, or the open cases.
var sweepers = []string{
	"deactivate-stale-access-key", "deactivate-unused-access-key", "detach-direct-policy",
	"require-permissions-boundary", "rotate-access-key",
}

// Swept has the figures of one control's sweep.
type Swept struct {
	Users   int    `json:"users"`
	Control string `json:"control"`
	On      string `json:"on"`
	// Calls are all calls to AWS; IAM and Ledger are those to IAM and to DynamoDB among them.
	Calls   int     `json:"calls"`
	IAM     int     `json:"iam"`
	Ledger  int     `json:"ledger"`
	Seconds float64 `json:"seconds"`
	// RSSKB is the peak memory in kB. On moto it is what was resident of the function's process, in memory
	// the growth of the heap.
	RSSKB int64 `json:"rss_kb"`
}

// sweeps measures the first sweep of each of the controls over accounts of so many users, as
// [fakeaws.Large] has them: the most expensive one, because the ledger is empty.
func (b bench) sweeps(ctx context.Context, sizes []int) (all []Swept, err error) {
	for _, users := range sizes {
		now := time.Now().UTC().Truncate(time.Second)
		state := crowd(users, now)
		for _, control := range sweepers { // before there is anything else on the heap
			swept, err := b.sweepInMemory(ctx, state, control, now)
			if err != nil {
				return nil, err
			}
			all = append(all, swept)
		}
		a, err := b.open(ctx, state.Users)
		if err != nil {
			return nil, err
		}
		for _, control := range sweepers {
			var swept Swept
			if swept, err = a.sweep(ctx, users, control, now); err != nil {
				break
			}
			b.progress("%s, %d users: %d calls, %.1f s, %d kB", control, users, swept.Calls, swept.Seconds, swept.RSSKB)
			all = append(all, swept)
		}
		a.Close()
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// sweep has the control's function sweep the account.
func (a *meteredAccount) sweep(ctx context.Context, users int, control string, now time.Time) (s Swept, err error) {
	function, err := a.function(control, func(*settings.Function) {})
	if err != nil {
		return s, err
	}
	h := newHost(function)
	defer h.Close()
	a.meter.take()
	if s, err = sweepOn(ctx, h, now, Swept{Users: users, Control: control, On: Moto}); err != nil {
		return s, err
	}
	s.count(a.meter.take())
	s.RSSKB, err = memoryKB(h.Processes()[0], "VmHWM")
	return s, err
}

// sweepInMemory has the control sweep a copy of the state in this process.
func (b bench) sweepInMemory(ctx context.Context, state fakeaws.State, id string, now time.Time) (s Swept, err error) {
	account, err := b.inMemory(state, id, func(*settings.Settings) {})
	if err != nil {
		return s, err
	}
	runtime.GC()
	heapGrowth := watchHeap()
	s, err = sweepOn(ctx, account, now, Swept{Users: len(state.Users), Control: id, On: Memory})
	s.RSSKB = heapGrowth() / 1024
	s.count(account.CallsByOperation())
	return s, err
}

func sweepOn(ctx context.Context, p place, now time.Time, s Swept) (Swept, error) {
	took, err := p.handle(ctx, sweepEvent(s.Control, now))
	s.Seconds = took.Seconds()
	return s, err
}

// count adds calls by operation.
func (s *Swept) count(calls map[string]int) {
	for operation, n := range calls {
		s.Calls += n
		switch service, _, _ := strings.Cut(operation, ":"); service {
		case "iam":
			s.IAM += n
		case "dynamodb":
			s.Ledger += n
		}
	}
}

// watchHeap reads the size of the heap every millisecond, garbage that is not yet found included. The
// function that it returns ends that, and returns by how many bytes the heap has grown at most.
func watchHeap() func() int64 {
	read := func() int64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	before := read()
	end, most := make(chan struct{}), make(chan int64)
	go func() {
		highest := before
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			highest = max(highest, read())
			select {
			case <-tick.C:
			case <-end:
				most <- max(highest, read())
				return
			}
		}
	}()
	return func() int64 {
		close(end)
		return <-most - before
	}
}

// measures are the properties of a sweep whose growth is fitted, by their names in the JSON of [Swept].
var measures = []struct {
	name string
	of   func(Swept) float64
}{
	{"calls", func(s Swept) float64 { return float64(s.Calls) }},
	{"seconds", func(s Swept) float64 { return s.Seconds }},
	{"rss_kb", func(s Swept) float64 { return float64(s.RSSKB) / 1024 }},
}

// A Fit is how a measure grows with the number of users, by least squares.
type Fit struct {
	Control string `json:"control"`
	On      string `json:"on"`
	Of      string `json:"of"` // calls, seconds or rss_kb, which is in MB here
	// Power is the slope on logarithmic axes: the measure grows as the number of users to the Power.
	Power float64 `json:"power"`
	// Base and PerUser are the line Base + PerUser × users; R2 is the share of the variance that it explains, 1 being all.
	Base    float64 `json:"base"`
	PerUser float64 `json:"per_user"`
	R2      float64 `json:"r2"`
}

// fits fits every measure of every control that was measured at two sizes or more.
func fits(all []Swept) (fitted []Fit) {
	done := map[Fit]bool{}
	for _, first := range all {
		for _, m := range measures {
			fit := Fit{Control: first.Control, On: first.On, Of: m.name}
			if done[fit] {
				continue
			}
			done[fit] = true
			var x, y, logX, logY []float64
			for _, s := range all {
				if s.Control == fit.Control && s.On == fit.On {
					x, y = append(x, float64(s.Users)), append(y, m.of(s))
					// A thousandth stands for nothing, which has no logarithm.
					logX, logY = append(logX, math.Log(float64(s.Users))), append(logY, math.Log(max(m.of(s), 0.001)))
				}
			}
			if len(x) > 1 {
				_, fit.Power, _ = leastSquares(logX, logY)
				fit.Base, fit.PerUser, fit.R2 = leastSquares(x, y)
				fitted = append(fitted, fit)
			}
		}
	}
	return fitted
}

// leastSquares returns the line base + slope × x that is nearest to the points, and its coefficient of
// determination: 1 if y does not vary.
func leastSquares(x, y []float64) (base, slope, r2 float64) {
	n := float64(len(x))
	var meanX, meanY float64
	for i := range x {
		meanX, meanY = meanX+x[i]/n, meanY+y[i]/n
	}
	var xx, xy, yy float64
	for i := range x {
		dx, dy := x[i]-meanX, y[i]-meanY
		xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
	}
	slope, r2 = xy/xx, 1
	if slices.Min(y) < slices.Max(y) {
		r2 = xy * xy / (xx * yy)
	}
	return meanY - slope*meanX, slope, r2
}
