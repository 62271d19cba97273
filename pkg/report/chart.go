package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"
)

type layer struct {
	name   string // as the legend has it
	class  string // that colours it
	values []int
}

// The drawings have units of a hundredth of their height, and of a day in their width: they are stretched to the room
// there is. Words stay out of them, so that none is stretched, and the texts that stand for them name their figures.
const height = 100

// stacked is a chart of layers, one upon the other, as areas or as bars, with the table of its figures.
func (p *page) stacked(id, title string, bars bool, layers []layer) *html.Node {
	days := len(layers[0].values)
	if days == 0 {
		return el("p", class("empty"), p.T("The period has not started."))
	}
	sums := [][]int{make([]int, days)} // below each layer, and above the last
	for i, l := range layers {
		above := slices.Clone(sums[i])
		for at, value := range l.values {
			above[at] += value
		}
		sums = append(sums, above)
	}
	full := ceiling(slices.Max(sums[len(layers)]))
	y := func(value int) float64 { return height - float64(value)/float64(full)*height }
	var shapes []*html.Node
	for i, l := range layers {
		below, above, path := sums[i], sums[i+1], ""
		if !bars {
			path = area(below, above, y)
		}
		for at, value := range l.values {
			if bars && value > 0 {
				path += fmt.Sprintf("M%.2f %.2fV%.2fH%.2fV%.2fZ", float64(at)+.12, y(below[at]), y(above[at]), float64(at)+.88,
					y(below[at]))
			}
		}
		if path != "" {
			shapes = append(shapes, el("path", class("fill "+l.class), attr{"d", path}))
		}
	}
	var grid []*html.Node
	for _, share := range []int{0, 50, 100} {
		grid = append(grid, el("path", class("rule"), attr{"d", fmt.Sprintf("M0 %dH%d", share, days)}))
	}
	var legend, head, rows []*html.Node
	head = append(head, el("th", attr{"scope", "col"}, p.T("Day")))
	for _, l := range slices.Backward(layers) { // as they are seen, the topmost first
		legend = append(legend, el("li", el("span", class("key "+l.class)), l.name))
		head = append(head, el("th", attr{"scope", "col"}, class("number"), l.name))
	}
	for i := range days {
		row := el("tr", el("th", attr{"scope", "row"}, p.day(i)))
		for _, l := range slices.Backward(layers) {
			add(row, el("td", class("number"), strconv.Itoa(l.values[i])))
		}
		rows = append(rows, row)
	}
	half := ""
	if full%2 == 0 {
		half = strconv.Itoa(full / 2)
	}
	return el("figure", class("chart"),
		el("figcaption", title), el("ul", class("legend"), legend),
		el("div", class("plot"),
			el("div", class("ys"), attr{"aria-hidden", "true"}, el("span", strconv.Itoa(full)),
				el("span", half), el("span", "0")),
			drawing(id, title, p.describeLayers(layers), float64(days), class("drawing"), grid, shapes),
			el("div", class("xs"), attr{"aria-hidden", "true"}, p.days(days))),
		el("details", el("summary", p.T("Figures by day")),
			el("div", class("scroll"), attr{"tabindex", "0"}, attr{"role", "region"}, attr{"aria-label", title},
				el("table", class("figures"), el("thead", el("tr", head)), el("tbody", rows)))))
}

func (p *page) day(i int) string { return p.From.AddDate(0, 0, i).Format(time.DateOnly) }

func drawing(id, title, description string, width float64, parts ...any) *html.Node {
	svg := el("svg", attr{"viewBox", fmt.Sprintf("0 0 %g %d", width, height)}, attr{"preserveAspectRatio", "none"},
		attr{"role", "img"}, attr{"aria-labelledby", id + "-title " + id + "-desc"},
		attr{"xmlns", "http://www.w3.org/2000/svg"},
		el("title", attr{"id", id + "-title"}, title), el("desc", attr{"id", id + "-desc"}, description))
	add(svg, parts...)
	return svg
}

// spark is a small area of one series.
func (p *page) spark(id, title string, values []int) *html.Node {
	if len(values) == 0 {
		return nil
	}
	top := max(1, slices.Max(values))
	y := func(value int) float64 { return height - float64(value)/float64(top)*(height-6) - 3 }
	return drawing(id, title, p.describeLayers([]layer{{title, "", values}}), float64(len(values)), class("spark"),
		el("path", class("fill series"), attr{"d", area(make([]int, len(values)), values, y)}))
}

// area is the path between two series of steps, one step a day.
func area(below, above []int, y func(int) float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M0 %.2f", y(above[0]))
	for i, value := range above {
		fmt.Fprintf(&b, "V%.2fH%d", y(value), i+1)
	}
	for i := len(below) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "V%.2fH%d", y(below[i]), i)
	}
	return b.String() + "Z"
}

func (p *page) describeLayers(layers []layer) string {
	var parts []string
	for _, l := range layers {
		sum, top := 0, slices.Max(l.values)
		for _, value := range l.values {
			sum += value
		}
		if sum > 0 {
			parts = append(parts, p.T("%s: %d on the first day, at most %d on %s, %d on the last day, %d over all days.",
				l.name, l.values[0], top, p.day(slices.Index(l.values, top)), l.values[len(l.values)-1], sum))
		}
	}
	return cmp.Or(strings.Join(parts, " "), p.T("Nothing on any day."))
}

// days are the dates under a chart. Some are left out where there is little room.
func (p *page) days(days int) []*html.Node {
	const marks = 4
	var all []*html.Node
	for i := range marks + 1 {
		at := i * (days - 1) / marks
		if i > 0 && at == (i-1)*(days-1)/marks {
			continue
		}
		span := el("span", p.From.AddDate(0, 0, at).Format("01-02"))
		if i%2 == 1 {
			add(span, class("spare"))
		}
		all = append(all, span)
	}
	return all
}

// ceiling is the number at the top of a chart: even, if it is above 1, so that its half is a number.
func ceiling(top int) int {
	if top <= 1 {
		return 1
	}
	step := 2
	for top > 5*step {
		step *= 2
		if step == 16 {
			step = 20
		}
	}
	return (top + step - 1) / step * step
}
