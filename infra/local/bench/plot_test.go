package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// grown are made-up sweeps: calls are 10 and two for each user, seconds the square of the users.
func grown() []Swept {
	var all []Swept
	for _, on := range []string{Memory, Moto} {
		for _, users := range []int{5000, 100, 1000} {
			for _, control := range Sweepers {
				all = append(all, Swept{Users: users, Control: control, On: on, Calls: 10 + 2*users, Seconds: float64(users*users) / 1e6, RSSKB: 20_000})
			}
		}
	}
	return all
}

func TestFitsTellHowAMeasureGrows(t *testing.T) {
	fits := Fits(grown())
	if want := len(Sweepers) * 2 * 3; len(fits) != want {
		t.Fatalf("%d fits, want %d", len(fits), want)
	}
	near := func(got, want float64) bool { return math.Abs(got-want) < 1e-6 }
	for _, f := range fits {
		switch f.Of {
		case "calls":
			if !near(f.Base, 10) || !near(f.PerUser, 2) || !near(f.R2, 1) {
				t.Errorf("calls: %+v, want 10 + 2 × users", f)
			}
		case "seconds":
			if !near(f.Power, 2) {
				t.Errorf("seconds: %+v, want the square", f)
			}
		case "rss_kb":
			if !near(f.Power, 0) || !near(f.PerUser, 0) {
				t.Errorf("memory: %+v, want no growth", f)
			}
		}
	}
	if fits := Fits(grown()[:1]); len(fits) != 0 {
		t.Errorf("of one size: %+v, want no fit", fits)
	}
}

func TestThePlotNamesEverySeriesAndTheUnitsOfItsAxes(t *testing.T) {
	var svg bytes.Buffer
	if err := Plot(&svg, grown()); err != nil {
		t.Fatal(err)
	}
	var texts []string
	inText := false
	for decoder := xml.NewDecoder(bytes.NewReader(svg.Bytes())); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
		case xml.CharData:
			if text := strings.TrimSpace(string(token)); inText && text != "" {
				texts = append(texts, text)
			}
		}
	}
	for _, want := range append(slices.Clone(Sweepers), "IAM users in the account", "calls to AWS in one sweep", "time of one sweep (s)", "peak memory (MB)", "5,000", "Lambda of 128 MB", "Lambda: 15 minutes") {
		if !slices.Contains(texts, want) {
			t.Errorf("the plot has no text %q; it has %q", want, texts)
		}
	}
	dashed := strings.Count(svg.String(), "stroke-dasharray:5,4") // one in the legend
	if want := len(Sweepers)*len(measures) + 1; dashed != want {
		t.Errorf("%d dashed lines, want %d", dashed, want)
	}
}
