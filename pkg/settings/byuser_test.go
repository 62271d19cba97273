package settings

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
)

// keys is a control about users, buckets one about anything else.
func byUserControls(t testing.TB) []control.Control {
	t.Helper()
	var all []control.Control
	for id, actions := range map[string]string{"keys": `"iam:ListUsers"`, "buckets": `"iam:ListRoles"`} {
		c, err := control.Parse(id+"/control.json", []byte(fmt.Sprintf(`{
			"id": %q, "title": "T", "summary": "S.", "severity": "high", "mode": "observe", "schedule": "rate(1 day)",
			"permissions": [{"actions": [%s], "resources": ["*"]}],
			"parameters": {
				"maxAgeDays": {"default": 90, "range": [1, 365], "help": "Age."},
				"graceDays": {"default": 7, "range": [0, 60], "help": "Grace."},
				"who": {"default": "all", "range": ["all", "some"], "help": "Who."},
				"names": {"default": [], "help": "Names."}
			},
			"references": [{"title": "T", "url": "https://example.com/"}]
		}`, id, actions)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b control.Control) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func parseByUser(t testing.TB, id, parameters string) (Function, error) {
	t.Helper()
	controls := byUserControls(t)
	s, err := Parse([]byte(`{"controls": {"`+id+`": `+parameters+`}}`), controls)
	i := slices.IndexFunc(controls, func(c control.Control) bool { return c.ID == id })
	return s.Function(controls[i]), err
}

func TestByUser_FirstThatFits(t *testing.T) {
	f, err := parseByUser(t, "keys", `{
		"maxAgeDays": [
			{"tag": {"Type": "machine"}, "value": 365}, {"path": "/machines/", "value": 180},
			{"tag": {"type": "robot"}, "path": "/x/", "value": 10}, {"value": 90}
		],
		"who": [{"tag": {"type": "machine"}, "value": "some"}, {"value": "all"}], "graceDays": 3
	}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		tags map[string]string
		path string
		want string
	}{
		{"a tag, before a path", map[string]string{"type": "machine"}, "/machines/", "365 some"},
		{"a path below", nil, "/machines/ci/", "180 all"},
		{"a path that begins alike", nil, "/machinery/", "90 all"},
		{"a tag in another case", map[string]string{"type": "Machine"}, "/", "90 all"},
		{"another tag", map[string]string{"kind": "machine"}, "/", "90 all"},
		{"tag and path", map[string]string{"type": "robot"}, "/x/y/", "10 all"},
		{"one of both", map[string]string{"type": "robot"}, "/", "90 all"},
		{"nobody", nil, "", "90 all"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := f.For(tc.tags, tc.path)
			var got struct {
				MaxAgeDays int    `json:"maxAgeDays"`
				Who        string `json:"who"`
				GraceDays  int    `json:"graceDays"`
			}
			if err := json.Unmarshal(c.Parameters, &got); err != nil || got.GraceDays != 3 {
				t.Fatalf("%s: %v", c.Parameters, err)
			}
			if text := fmt.Sprint(got.MaxAgeDays, " ", got.Who); text != tc.want {
				t.Errorf("%s, want %s", text, tc.want)
			}
			if !slices.ContainsFunc(f.Choices(), func(p json.RawMessage) bool { return string(p) == string(c.Parameters) }) {
				t.Errorf("%s is none of the choices %s", c.Parameters, f.Choices())
			}
		})
	}
	if diff := cmp.Diff([]string{"type"}, f.Marks); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	if first := string(f.Choices()[0]); first != string(f.For(nil, "").Parameters) {
		t.Errorf("the first choice is %s, not that of nobody", first)
	}
	if got := string(Least(json.RawMessage(`[{"path":"/a/","value":30},{"value":90}]`))); got != "30" {
		t.Errorf("the least is %s", got)
	}
}

func TestByUser_Faults(t *testing.T) {
	for _, tc := range []struct{ name, id, parameters, want string }{
		{"nobody is left", "keys", `{"maxAgeDays": [{"path": "/a/", "value": 30}]}`,
			`controls.keys.maxAgeDays[0]: the last row of maxAgeDays is for all other users: add {"value": …} after it`},
		{"a row that never counts", "keys", `{"maxAgeDays": [{"value": 30}, {"value": 90}]}`,
			"controls.keys.maxAgeDays[0]: row 1 of maxAgeDays has neither tag nor path"},
		{"twice", "keys",
			`{"maxAgeDays": [{"tag": {"a": "b"}, "value": 30}, {"tag": {"A": "b"}, "value": 40}, {"value": 90}]}`,
			"controls.keys.maxAgeDays[1]: row 2 of maxAgeDays asks for the same as row 1"},
		{"a value that it does not take", "keys", `{"maxAgeDays": [{"path": "/a/", "value": 400}, {"value": 90}]}`,
			"controls.keys.maxAgeDays[0].value: 400 is outside 1 to 365"},
		{"no value", "keys", `{"maxAgeDays": [{"path": "/a/"}, {"value": 90}]}`,
			"controls.keys.maxAgeDays[0].value: missing"},
		{"a word of no list", "keys", `{"who": [{"path": "/a/", "value": "none"}, {"value": "all"}]}`,
			`controls.keys.who[0].value: "none" is not one of all, some`},
		{"half a path", "keys", `{"maxAgeDays": [{"path": "/a", "value": 30}, {"value": 90}]}`,
			`controls.keys.maxAgeDays[0].path: "/a" is no path that users are below`},
		{"everybody's path", "keys", `{"maxAgeDays": [{"path": "/", "value": 30}, {"value": 90}]}`,
			`controls.keys.maxAgeDays[0].path: "/" is no path`},
		{"a tag without a value", "keys", `{"maxAgeDays": [{"tag": {"a": ""}, "value": 30}, {"value": 90}]}`,
			`controls.keys.maxAgeDays[0].tag: a="" is no tag of a user`},
		{"no tag", "keys", `{"maxAgeDays": [{"tag": {}, "value": 30}, {"value": 90}]}`,
			"controls.keys.maxAgeDays[0].tag: empty"},
		{"a word that nobody knows", "keys", `{"maxAgeDays": [{"group": "a", "value": 30}, {"value": 90}]}`,
			"controls.keys.maxAgeDays[0].group: unknown field"},
		{"a row that is none", "keys", `{"maxAgeDays": [{"path": "/a/", "value": 30}, 90]}`,
			"controls.keys.maxAgeDays[1]: want an object"},
		{"a list", "keys", `{"names": [{"path": "/a/", "value": []}, {"value": []}]}`,
			"controls.keys.names: names is a list of strings, which has no values by user"},
		{"a control about nobody", "buckets", `{"graceDays": [{"path": "/a/", "value": 30}, {"value": 7}]}`,
			"controls.buckets.graceDays: buckets is not about IAM users: give graceDays one value"},
		{"too many", "keys", `{"maxAgeDays": [{"path": "/a/", "value": 30}, {"path": "/b/", "value": 31},
			{"path": "/c/", "value": 32}, {"path": "/d/", "value": 33}, {"path": "/e/", "value": 34}, {"value": 90}]}`,
			"the parameters of keys have values by 5 different tags and paths: at most 4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := parseByUser(t, tc.id, tc.parameters); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

// Whatever rows there are: what is taken has one value for everybody, which is one of the choices.
func FuzzByUser(f *testing.F) {
	for _, rows := range []string{
		`[{"tag":{"type":"machine"},"value":365},{"path":"/machines/","value":180},{"value":90}]`,
		`[{"value":90}]`, `[{}]`, `[{"value":[{"value":1}]}]`, `[{"tag":{"a":"b","A":"c"},"value":1},{"value":2}]`,
		`[{"tag":{"a":"b"},"path":"/x/","value":1},{"value":2}]`, `90`, `[[]]`, `[{"path":"/\u0000/","value":1},{"value":2}]`,
	} {
		f.Add(rows, "type", "machine", "/machines/ci/")
	}
	f.Fuzz(func(t *testing.T, rows, key, value, path string) {
		if !json.Valid([]byte(rows)) {
			return
		}
		given, err := parseByUser(t, "keys", `{"maxAgeDays": `+rows+`}`)
		if err != nil {
			return
		}
		again, err := FromEnv(lookup(deployed(given).Env()))
		if err != nil {
			t.Fatal(err)
		}
		c := again.For(map[string]string{key: value}, path)
		var got map[string]json.RawMessage
		var days int
		if json.Unmarshal(c.Parameters, &got) != nil || json.Unmarshal(got["maxAgeDays"], &days) != nil ||
			days < 1 || days > 365 {
			t.Fatalf("%s has %s", rows, c.Parameters)
		}
		if !slices.ContainsFunc(again.Choices(), func(p json.RawMessage) bool { return string(p) == string(c.Parameters) }) {
			t.Fatalf("%s is none of the choices %s", c.Parameters, again.Choices())
		}
	})
}
