package main

import (
	"math"
	"slices"
)

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
	// Base and PerUser are the line Base + PerUser × users; R2 is the share of the variance that it
	// explains, 1 being all.
	Base    float64 `json:"base"`
	PerUser float64 `json:"per_user"`
	R2      float64 `json:"r2"`
}

// fits fits every measure of every control that was measured at two sizes or more.
func fits(all []Swept) []Fit {
	type series struct{ control, on string }
	var order []series
	points := map[series][]Swept{}
	for _, s := range all {
		key := series{s.Control, s.On}
		if points[key] == nil {
			order = append(order, key)
		}
		points[key] = append(points[key], s)
	}
	var fitted []Fit
	for _, key := range order {
		if len(points[key]) < 2 {
			continue
		}
		for _, m := range measures {
			var x, y, logX, logY []float64
			for _, s := range points[key] {
				x, y = append(x, float64(s.Users)), append(y, m.of(s))
				// A thousandth stands for nothing, which has no logarithm.
				logX, logY = append(logX, math.Log(float64(s.Users))), append(logY, math.Log(max(m.of(s), 0.001)))
			}
			fit := Fit{Control: key.control, On: key.on, Of: m.name}
			_, fit.Power, _ = leastSquares(logX, logY)
			fit.Base, fit.PerUser, fit.R2 = leastSquares(x, y)
			fitted = append(fitted, fit)
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
