package strictjson

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse_NotJSON(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"an empty file", "", "a.json: line 1: unexpected end of JSON input"},
		{"a comma too many", "{\n  \"a\": 1,\n}",
			"a.json: line 3: " +
				"invalid character '}' looking for beginning of object key string"},
		{"two values", "{} {}", "a.json: line 1: invalid character '{' after top-level value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("a.json", []byte(tt.text))
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestErr_EveryFaultHasItsPath(t *testing.T) {
	root, err := Parse("a.json", []byte(`{
		"name": 1, "count": "x", "half": 1.5, "on": "yes", "off": false,
		"list": ["a", 2, null], "map": {"k": 3, "a b": true}, "other": 0, "name": "again"
	}`))
	if err != nil {
		t.Fatal(err)
	}
	root.Fields("name", "count", "half", "on", "off", "list", "map", "must")
	root.Field("name").Text()
	root.Field("count").Int()
	root.Field("half").Int()
	root.Field("on").Bool()
	root.Field("off").Items()
	root.Field("list").Texts()
	root.Field("map").Map()
	root.Required("must")
	want := `a.json: name: written twice
a.json: other: unknown field: known here are name, count, half, on, off, list, map, must
a.json: name: want a string, got a number
a.json: count: want a number, got a string
a.json: half: 1.5 is not a whole number
a.json: on: want true or false, got a string
a.json: off: want an array, got false
a.json: list[1]: want a string, got a number
a.json: list[2]: want a string, got null
a.json: map.k: want a string, got a number
a.json: map."a b": want a string, got true
a.json: must: missing`
	if err := root.Err(); err == nil || err.Error() != want {
		t.Errorf("faults (-want +got):\n%s", cmp.Diff(strings.Split(want, "\n"), strings.Split(err.Error(), "\n")))
	}
}

func TestField_AbsentValueIsZeroWithoutAFault(t *testing.T) {
	root, err := Parse("a.json", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	absent := root.Field("a").Field("b")
	absent.Fields("c")
	if absent.Required("c") != nil || absent.Text() != "" || absent.Bool() ||
		absent.Items() != nil || absent.Texts() != nil || len(absent.Map()) != 0 || absent.Len() != 0 ||
		absent.JSON() != nil {
		t.Error("an absent value has content")
	}
	if value, ok := absent.Int(); value != 0 || ok {
		t.Error("an absent value is a whole number")
	}
	if err := root.Err(); err != nil {
		t.Errorf("faults %v, want none", err)
	}
}

func TestDecode(t *testing.T) {
	type inner struct {
		On   bool     `json:"on"`
		List []string `json:"list,omitempty"`
	}
	type outer struct {
		Name    string           `json:"name"`
		Count   int              `json:"count,omitempty"`
		Inner   inner            `json:"inner,omitzero"`
		Map     map[string]inner `json:"map,omitempty"`
		Network netip.Prefix     `json:"network,omitzero"`
		Raw     json.RawMessage  `json:"raw,omitempty"`
	}
	for _, tt := range []struct {
		name, text, want string
		value            outer
	}{
		{"every field", `{"name":"a","count":-1,"inner":{"on":true,"list":["x"]},"map":{"k":{"on":false}},
			"network":"203.0.113.0/24","raw": [1, 2]}`, "", outer{
			Name: "a", Count: -1, Inner: inner{true, []string{"x"}}, Map: map[string]inner{"k": {}},
			Network: netip.MustParsePrefix("203.0.113.0/24"), Raw: json.RawMessage(`[1,2]`),
		}},
		{"null", `{"name":"a","inner":{"on":true,"list":null},"map":null}`, "", outer{Name: "a", Inner: inner{On: true}}},
		{"every fault", `{"Name":"a","count":1.5,"inner":{"list":[1]},"map":{"a\nb":{"on":"x"}},"network":"10"}`,
			`a.json: name: missing
a.json: count: 1.5 is not a whole number
a.json: inner.on: missing
a.json: inner.list[0]: want a string, got a number
a.json: map."a\nb".on: want true or false, got a string
a.json: network: not a value of type netip.Prefix
a.json: Name: unknown field: known here are name, count, inner, map, network, raw`, outer{}},
		{"no object", `[]`, "a.json: want an object, got an array", outer{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, err := Parse("a.json", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			var got outer
			root.Decode(&got)
			faults := ""
			if err := root.Err(); err != nil {
				faults = err.Error()
			}
			if diff := cmp.Diff(tt.want, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			network := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
			if diff := cmp.Diff(tt.value, got, network); tt.want == "" && diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSON_KeepsTheOrderAndTheValues(t *testing.T) {
	const text = `{"b":[1,2.50,-3e2,true,null],"a":{"<&>":"\"\\é"},"":""}`
	root, err := Parse("a.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(root.JSON()); got != text {
		t.Errorf("JSON %s, want %s", got, text)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"x",{"b":null}],"a":true}`, `[]`, `"\u0000"`, `1e400`, `{"":{}}`, `[[[`,
		`{} {}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := Parse("a.json", data)
		if (err == nil) != json.Valid(data) {
			t.Fatalf("Parse: %v, and valid JSON: %v", err, json.Valid(data))
		}
		if err != nil {
			return
		}
		again, err := Parse("a.json", root.JSON())
		if err != nil {
			t.Fatalf("parse what was read: %v", err)
		}
		if string(again.JSON()) != string(root.JSON()) {
			t.Fatalf("%s was read again as %s", root.JSON(), again.JSON())
		}
		root.Int()
		root.Map()
		root.Texts()
		root.Fields("a")
	})
}
