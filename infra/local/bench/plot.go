package bench

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A measure is one of the things that are measured of a sweep.
type measure struct {
	name  string // as in the JSON of [Swept]
	label string // of the axis, with the unit
	of    func(Swept) float64
	// limit is the most that there may be of it, 0 for none; limited says what that is.
	limit       float64
	limited     string
	logarithmic bool // although there is a limit
}

var measures = []measure{
	{name: "calls", label: "calls to AWS in one sweep", of: func(s Swept) float64 { return float64(s.Calls) }},
	{name: "seconds", label: "time of one sweep (s)", of: func(s Swept) float64 { return s.Seconds }, limit: 900, limited: "Lambda: 15 minutes", logarithmic: true},
	{name: "rss_kb", label: "peak memory (MB)", of: func(s Swept) float64 { return float64(s.RSSKB) / 1024 }, limit: 128, limited: "Lambda of 128 MB"},
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

// Fits fits every measure of every control that was measured at two sizes or more.
func Fits(all []Swept) []Fit {
	var fits []Fit
	for _, series := range serieses(all) {
		if len(series) < 2 {
			continue
		}
		for _, m := range measures {
			var x, y, logX, logY []float64
			for _, s := range series {
				x, y = append(x, float64(s.Users)), append(y, m.of(s))
				logX, logY = append(logX, math.Log(float64(s.Users))), append(logY, math.Log(max(m.of(s), least)))
			}
			fit := Fit{Control: series[0].Control, On: series[0].On, Of: m.name}
			_, fit.Power = stat.LinearRegression(logX, logY, nil, false)
			fit.Base, fit.PerUser = stat.LinearRegression(x, y, nil, false)
			fit.R2 = 1 // nothing varies, and the line is flat
			if slices.Min(y) < slices.Max(y) {
				fit.R2 = stat.RSquared(x, y, nil, fit.Base, fit.PerUser)
			}
			fits = append(fits, fit)
		}
	}
	return fits
}

// least stands for nothing on a logarithmic axis: a thousandth of a second, or of a megabyte.
const least = 0.001

// serieses are the sweeps of the same control on the same account, by the number of users, in the order
// in which they were first measured.
func serieses(all []Swept) [][]Swept {
	var found [][]Swept
	for _, s := range all {
		i := slices.IndexFunc(found, func(f []Swept) bool { return f[0].Control == s.Control && f[0].On == s.On })
		if i < 0 {
			found = append(found, []Swept{s})
			continue
		}
		found[i] = append(found[i], s)
	}
	for _, series := range found {
		slices.SortFunc(series, func(a, b Swept) int { return a.Users - b.Users })
	}
	return found
}

// colours are those of Okabe and Ito, which the colour-blind tell apart
// (https://jfly.uni-koeln.de/color/); shapes tell controls apart in print.
var (
	colours = []color.Color{
		color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}, color.RGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}, color.RGBA{R: 0x00, G: 0x9e, B: 0x73, A: 0xff},
		color.RGBA{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff}, color.RGBA{R: 0x56, G: 0x5e, B: 0x68, A: 0xff},
	}
	shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}}
)

// Plot draws how the cost of sweeps grows, as an SVG: calls, seconds and memory by the number of users.
func Plot(w io.Writer, all []Swept) error {
	found := serieses(all)
	controls := map[string]int{}
	for _, series := range found {
		if _, ok := controls[series[0].Control]; !ok {
			controls[series[0].Control] = len(controls)
		}
	}
	panels := make([]*plot.Plot, len(measures))
	legend := newLegend()
	for i, m := range measures {
		panels[i] = panel(m)
		for _, series := range found {
			line, points, err := drawn(series, m, controls[series[0].Control])
			if err != nil {
				return err
			}
			panels[i].Add(line, points)
			if i == 0 && series[0].On == Moto {
				legend.Add(series[0].Control, line, points)
			}
		}
		if err := finish(panels[i], m); err != nil {
			return err
		}
	}
	black := draw.LineStyle{Color: color.Black, Width: vg.Points(1.5)}
	legend.Add("on moto, the real function", &plotter.Line{LineStyle: black})
	black.Dashes = dashes
	legend.Add("in memory, our own code", &plotter.Line{LineStyle: black})

	canvas := vgsvg.New(36*vg.Centimeter, 10*vg.Centimeter)
	whole := draw.New(canvas)
	whole.SetColor(color.White)
	whole.Fill(whole.Path())
	heading := panels[0].Title.TextStyle
	sans(&heading)
	heading.Font.Size, heading.YAlign = vg.Points(13), draw.YTop
	whole.FillText(heading, vg.Point{X: (whole.Min.X + whole.Max.X) / 2, Y: whole.Max.Y - vg.Points(8)}, "What the first sweep of an account takes, by the number of its users")
	const share = 0.79 // of the width, for the panels
	width := whole.Max.X - whole.Min.X
	tiles := draw.Tiles{Rows: 1, Cols: len(panels), PadX: vg.Points(16), PadTop: vg.Points(22), PadBottom: vg.Points(6), PadLeft: vg.Points(6), PadRight: vg.Points(6)}
	for i, c := range plot.Align([][]*plot.Plot{panels}, tiles, draw.Crop(whole, 0, -width*(1-share), 0, 0))[0] {
		panels[i].Draw(c)
	}
	legend.Draw(draw.Crop(whole, width*share, -vg.Points(6), 0, -vg.Points(36)))
	if _, err := canvas.WriteTo(w); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return nil
}

func newLegend() plot.Legend {
	legend := plot.NewLegend()
	sans(&legend.TextStyle)
	legend.TextStyle.Font.Size, legend.ThumbnailWidth, legend.Padding = vg.Points(10), vg.Points(28), vg.Points(4)
	legend.Top, legend.Left = true, true
	return legend
}

// dashes are those of what was measured in memory.
var dashes = []vg.Length{vg.Points(5), vg.Points(4)}

// panel is an empty diagram of a measure.
func panel(m measure) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "IAM users in the account", m.label
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = plot.ConstantTicks{{Value: 100, Label: "100"}, {Value: 1000, Label: "1,000"}, {Value: 5000, Label: "5,000"}}
	if m.limit == 0 || m.logarithmic {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, powers{}
	} else {
		p.Y.Tick.Marker = spaced{plot.DefaultTicks{}}
	}
	p.X.Label.Padding = vg.Points(4)
	for _, style := range []*text.Style{&p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label} {
		sans(style)
		style.Font.Size = vg.Points(10)
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{Y: 0xdd}, color.Gray{Y: 0xdd}
	p.Add(grid)
	return p
}

// finish sets how far the axes of a diagram go, and draws the limit of what is measured.
func finish(p *plot.Plot, m measure) error {
	p.X.Min, p.X.Max = p.X.Min/1.2, p.X.Max*1.2
	if m.limit > 0 {
		line, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: m.limit}, {X: p.X.Max, Y: m.limit}})
		if err != nil {
			return fmt.Errorf("draw the limit of %s: %w", m.name, err)
		}
		line.Color, line.Width = color.Gray{Y: 0x55}, vg.Points(1)
		said, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: p.X.Min * 1.05, Y: m.limit}}, Labels: []string{m.limited}})
		if err != nil {
			return fmt.Errorf("draw the limit of %s: %w", m.name, err)
		}
		sans(&said.TextStyle[0])
		said.TextStyle[0].Font.Size, said.Offset.Y = vg.Points(9), vg.Points(3)
		p.Add(line, said)
	}
	if m.limit == 0 || m.logarithmic {
		p.Y.Min, p.Y.Max = math.Pow(10, math.Floor(math.Log10(p.Y.Min))), math.Pow(10, math.Ceil(math.Log10(p.Y.Max)))
	} else {
		p.Y.Min, p.Y.Max = 0, m.limit*1.15
	}
	return nil
}

func sans(style *text.Style) { style.Font.Variant = "Sans" }

// drawn is a series as a line with points on it.
func drawn(series []Swept, m measure, control int) (*plotter.Line, *plotter.Scatter, error) {
	var points plotter.XYs
	for _, s := range series {
		points = append(points, plotter.XY{X: float64(s.Users), Y: max(m.of(s), least)})
	}
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return nil, nil, fmt.Errorf("draw %s of %s: %w", m.name, series[0].Control, err)
	}
	line.Color, line.Width = colours[control%len(colours)], vg.Points(1.5)
	marks.GlyphStyle = draw.GlyphStyle{Color: line.Color, Radius: vg.Points(3), Shape: shapes[control%len(shapes)]}
	if series[0].On == Memory {
		line.Dashes = dashes
	}
	return line, marks, nil
}

// powers marks the powers of ten of an axis, and what lies between them without a label.
type powers struct{}

// Ticks implements [plot.Ticker].
func (powers) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(low)); math.Pow(10, e) <= high*1.0001; e++ {
		value := math.Pow(10, e)
		ticks = append(ticks, plot.Tick{Value: value, Label: label(value) + gap})
		for i := 2.0; i < 10 && value*i <= high; i++ {
			ticks = append(ticks, plot.Tick{Value: value * i})
		}
	}
	return ticks
}

// gap keeps the labels of an axis away from it where the font is wider than the one that is meant.
const gap = "  "

// spaced are ticks whose labels are away from the axis.
type spaced struct{ plot.Ticker }

// Ticks implements [plot.Ticker].
func (s spaced) Ticks(low, high float64) []plot.Tick {
	ticks := s.Ticker.Ticks(low, high)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label += gap
		}
	}
	return ticks
}

// label writes a power of ten out, with commas.
func label(value float64) string {
	if value < 1 {
		return fmt.Sprintf("%g", value)
	}
	digits := fmt.Sprintf("%.0f", value)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
