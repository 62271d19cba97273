package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// A layer is one series of a chart: a number for each day.
type layer struct {
	name   string // as the legend has it
	class  string // that colours it
	values []int
}

// The drawings have units of a hundredth of their height, and of a day in their width: they are
// stretched to the room there is. Words stay out of them, so that none is stretched, and the texts
// that stand for them name their figures.
const height = 100

// stacked is a chart of layers, one upon the other, as areas or as bars, with the table of its figures.
func (p *page) stacked(id, title string, bars bool, layers []layer) *html.Node {
	days := len(layers[0].values)
	if days == 0 {
		return el("p", class("empty"), p.T("The period has not started."))
	}
	below, top := make([]int, days), 0
	var shapes []*html.Node
	for _, l := range layers {
		above := make([]int, days)
		for i, value := range l.values {
			above[i] = below[i] + value
			top = max(top, above[i])
		}
		below = above
	}
	full := ceiling(top)
	y := func(value int) float64 { return height - float64(value)/float64(full)*height }
	below = make([]int, days)
	for _, l := range layers {
		above := make([]int, days)
		var b strings.Builder
		for i, value := range l.values {
			above[i] = below[i] + value
			if bars && value > 0 {
				fmt.Fprintf(&b, "M%.2f %.2fV%.2fH%.2fV%.2fZ", float64(i)+.12, y(below[i]), y(above[i]), float64(i)+.88, y(below[i]))
			}
		}
		if !bars {
			b.WriteString(area(below, above, y))
		}
		if b.Len() > 0 {
			shapes = append(shapes, el("path", class("fill "+l.class), attr{"d", b.String()}))
		}
		below = above
	}
	var grid []*html.Node
	for _, share := range []int{0, 50, 100} {
		grid = append(grid, el("path", class("rule"), attr{"d", fmt.Sprintf("M0 %dH%d", share, days)}))
	}
	var legend, head, rows []*html.Node
	head = append(head, el("th", attr{"scope", "col"}, p.T("Day")))
	for i := len(layers) - 1; i >= 0; i-- { // as they are seen, the topmost first
		legend = append(legend, el("li", el("span", class("key "+layers[i].class)), layers[i].name))
		head = append(head, el("th", attr{"scope", "col"}, class("number"), layers[i].name))
	}
	for i := range days {
		row := el("tr", el("th", attr{"scope", "row"}, p.From.AddDate(0, 0, i).Format(time.DateOnly)))
		for l := len(layers) - 1; l >= 0; l-- {
			add(row, el("td", class("number"), strconv.Itoa(layers[l].values[i])))
		}
		rows = append(rows, row)
	}
	return el("figure", class("chart"),
		el("figcaption", title),
		el("ul", class("legend"), legend),
		el("div", class("plot"),
			el("div", class("ys"), attr{"aria-hidden", "true"}, el("span", strconv.Itoa(full)),
				el("span", half(full)), el("span", "0")),
			drawing(id, title, p.describeLayers(layers), float64(days), class("drawing"), grid, shapes),
			el("div", class("xs"), attr{"aria-hidden", "true"}, p.days(days))),
		el("details", el("summary", p.T("Figures by day")),
			el("div", class("scroll"), attr{"tabindex", "0"}, attr{"role", "region"}, attr{"aria-label", title},
				el("table", class("figures"), el("thead", el("tr", head)), el("tbody", rows)))))
}

// drawing is an SVG image with a title and a description.
func drawing(id, title, told string, width float64, parts ...any) *html.Node {
	svg := el("svg", attr{"viewBox", fmt.Sprintf("0 0 %g %d", width, height)}, attr{"preserveAspectRatio", "none"},
		attr{"role", "img"},
		attr{"aria-labelledby", id + "-title " + id + "-desc"}, attr{"xmlns", "http://www.w3.org/2000/svg"},
		el("title", attr{"id", id + "-title"}, title), el("desc", attr{"id", id + "-desc"}, told))
	add(svg, parts...)
	return svg
}

// spark is a small area of one series.
func (p *page) spark(id, title string, values []int) *html.Node {
	if len(values) == 0 {
		return nil
	}
	top := 1
	for _, v := range values {
		top = max(top, v)
	}
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

// told is what a chart shows, in words.
func (p *page) describeLayers(layers []layer) string {
	var parts []string
	for _, l := range layers {
		n := len(l.values)
		sum, top, at := 0, 0, 0
		for i, value := range l.values {
			sum += value
			if value > top {
				top, at = value, i
			}
		}
		if sum == 0 {
			continue
		}
		parts = append(parts, p.T("%s: %d on the first day, at most %d on %s, %d on the last day, %d over all days.",
			l.name, l.values[0], top, p.From.AddDate(0, 0, at).Format(time.DateOnly), l.values[n-1], sum))
	}
	if parts == nil {
		return p.T("Nothing on any day.")
	}
	return strings.Join(parts, " ")
}

// days are the dates under a chart. Some are left out where there is little room.
func (p *page) days(days int) []*html.Node {
	const marks = 4
	var all []*html.Node
	for i := range marks + 1 {
		at := i * (days - 1) / marks
		span := el("span", p.From.AddDate(0, 0, at).Format("01-02"))
		if i%2 == 1 {
			add(span, class("spare"))
		}
		if i > 0 && at == (i-1)*(days-1)/marks {
			continue
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

func half(full int) string {
	if full%2 == 1 {
		return ""
	}
	return strconv.Itoa(full / 2)
}
