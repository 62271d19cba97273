package pattern

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/warder-aws/warder/functions"
)

// The golden file is what the emulator of EventBridge answers about the deployed rules.
func TestMatch_Samples(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	golden, err := os.ReadFile(filepath.Join(root, "events", "routes.golden"))
	if err != nil {
		t.Fatal(err)
	}
	controls, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	cases, matches := 0, 0
	for line := range strings.Lines(string(golden)) {
		columns := strings.Split(strings.TrimSpace(line), "\t")
		want := strings.Split(columns[1], ",")
		if columns[0] == "events/daily-sweep.json" { // a schedule's, which has no pattern
			continue
		}
		if columns[1] == "-" {
			want = nil
		}
		text, err := os.ReadFile(filepath.Join(root, columns[0]))
		if err != nil {
			t.Fatal(err)
		}
		var event Event
		if err := json.Unmarshal(text, &event); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range controls {
			for _, rule := range c.Rules {
				p, err := Parse(rule)
				if err != nil {
					t.Fatal(err)
				}
				account, err := Parse([]byte(`{"account":["111122223333"]}`)) // as every deployed rule asks
				if err != nil {
					t.Fatal(err)
				}
				if account(event) && p(event) && !slices.Contains(got, c.ID) {
					got = append(got, c.ID)
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s starts %v, want %v", columns[0], got, want)
		}
		cases++
		matches += len(got)
	}
	if cases == 0 || matches == 0 {
		t.Errorf("%d samples, %d matches", cases, matches)
	}
}

func TestMatch(t *testing.T) {
	for name, c := range map[string]struct {
		pattern, event string
		want           bool
	}{
		"a field that is missing is not equal to null": {`{"a":[null]}`, `{}`, false},
		"null is a value":                {`{"a":[null]}`, `{"a":null}`, true},
		"numbers are compared by value":  {`{"a":[300]}`, `{"a":3.0e2}`, true},
		"a number is not its text":       {`{"a":["3"]}`, `{"a":3}`, false},
		"one of a list is enough":        {`{"a":["x"]}`, `{"a":["y","x"]}`, true},
		"one object of a list is enough": {`{"a":{"b":["x"]}}`, `{"a":[{"b":"y"},{"b":"x"}]}`, true},
		"fields are those of one object": {
			`{"a":{"b":["x"],"c":["x"]}}`, `{"a":[{"b":"x"},{"c":"x"}]}`, false,
		},
		"absence in what is missing":                       {`{"a":{"b":[{"exists":false}]}}`, `{}`, true},
		"presence of a leaf":                               {`{"a":[{"exists":true}]}`, `{"a":false}`, true},
		"an object is no leaf":                             {`{"a":[{"exists":true}]}`, `{"a":{}}`, false},
		"one of several alternatives":                      {`{"$or":[{"a":["x"]},{"b":["x"]}]}`, `{"b":"x"}`, true},
		"none of several alternatives":                     {`{"$or":[{"a":["x"]},{"b":["x"]}]}`, `{"c":"x"}`, false},
		"a wildcard":                                       {`{"a":[{"wildcard":"*/x/*"}]}`, `{"a":"y/x/z"}`, true},
		"a wildcard that is the text itself":               {`{"a":[{"wildcard":"x"}]}`, `{"a":"xx"}`, false},
		"the parts of a wildcard do not share a character": {`{"a":[{"wildcard":"ab*ba"}]}`, `{"a":"aba"}`, false},
		"a wildcard's last part is at the end":             {`{"a":[{"wildcard":"a*b"}]}`, `{"a":"abcb"}`, true},
		"a prefix of what is no text":                      {`{"a":[{"prefix":"1"}]}`, `{"a":12}`, false},
		"between two numbers":                              {`{"a":[{"numeric":[">=",7,"<",9]}]}`, `{"a":8.9}`, true},
		"beyond two numbers":                               {`{"a":[{"numeric":[">=",7,"<",9]}]}`, `{"a":9}`, false},
		"a number that is a text":                          {`{"a":[{"numeric":["=",7]}]}`, `{"a":"7"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Parse([]byte(c.pattern))
			if err != nil {
				t.Fatal(err)
			}
			var e Event
			if err := json.Unmarshal([]byte(c.event), &e); err != nil {
				t.Fatal(err)
			}
			if got := p(e); got != c.want {
				t.Errorf("%s matches %s: %t", c.pattern, c.event, got)
			}
		})
	}
}

func TestParse_UnknownFilter(t *testing.T) {
	for _, text := range []string{
		`{"a":[{"cidr":["10.0.0.0/8"]}]}`, `{"a":[{"prefix":{"equals-ignore-case":"X"}}]}`, `{"a":"x"}`, `{"$or":["x"]}`,
		`{"a":[{}]}`, `{"a":[["x"]]}`, `{"a":[{"numeric":[]}]}`, `{"a":[{"numeric":["<"]}]}`, `{"a":[{"numeric":["~",1]}]}`,
		`{"a":[{"prefix":"x","suffix":"y"}]}`, `{"a":{"b":[{"cidr":["10.0.0.0/8"]}]}}`,
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s is read, want an error", text)
		}
	}
}
