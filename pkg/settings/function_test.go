package settings

import (
	"encoding/json"
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
)

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}
}

func TestFromEnvReadsWhatEnvWrote(t *testing.T) {
	for name, text := range map[string]string{"nothing is set": `{}`, "everything is set": whole} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse([]byte(text), controls)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range controls {
				for _, eventClock := range []bool{false, true} {
					want := s.Function(c)
					want.Topic = "arn:aws:sns:us-east-1:123456789012:notices"
					want.Account = "123456789012"
					if c.Tool {
						want.Slack, want.Reports = s.Notify.Slack, "reports"
						want.Drill, want.Bus = "https://sqs.us-east-1.amazonaws.com/123456789012/drill", "warder"
						want.Drilled = []Drilled{{"c", control.OldKey, "access-keys-rotated", false}, {"d", control.OutsideSignIn, "", true}}
					}
					want.Roles = []string{"warder-a-1", "warder-b-2"}
					want.Quarantine = Quarantine{Key: "arn:aws:iam::123456789012:policy/warder/key", Outside: "arn:aws:iam::123456789012:policy/warder/outside"}
					want.EventClock = eventClock
					got, err := FromEnv(lookup(want.Env()))
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, got, compareNetworks); diff != "" {
						t.Errorf("function of %s (-written +read):\n%s", c.ID, diff)
					}
				}
			}
		})
	}
}

func TestEnvIsWhatTheFunctionsExpect(t *testing.T) {
	f := Function{
		Mode:            control.Enforce,
		Parameters:      json.RawMessage(`{"maxAgeDays":30}`),
		AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
		Owners:          Owners{Tags: []string{"owner"}, Paths: map[string]string{"/a&b/": "a@example.com"}, Prefixes: map[string]string{}},
		BlastRadius:     10,
		HoldDays:        7,
		Runbooks:        "https://example.com/",
		Table:           "warder",
		Topic:           "arn:aws:sns:us-east-1:123456789012:notices",
		Account:         "123456789012",
		Language:        Korean,
		Halt:            "/warder/halt",
		Roles:           []string{"a", "b"},
		Quarantine:      Quarantine{Key: "arn:aws:iam::123456789012:policy/warder/key"},
	}
	want := map[string]string{
		"WARDER_MODE":       "enforce",
		"WARDER_PARAMETERS": `{"maxAgeDays":30}`,
		"WARDER_SETTINGS":   `{"allowedNetworks":["203.0.113.0/24"],"owners":{"tags":["owner"],"paths":{"/a&b/":"a@example.com"},"prefixes":{},"default":"","slack":""},"blastRadius":10,"holdDays":7,"runbooks":"https://example.com/","language":"ko"}`,
		"WARDER_TABLE":      "warder",
		"WARDER_TOPIC":      "arn:aws:sns:us-east-1:123456789012:notices",
		"WARDER_ACCOUNT":    "123456789012",
		"WARDER_HALT":       "/warder/halt",
		"WARDER_ROLES":      "a,b",
		"WARDER_QUARANTINE": `{"key":"arn:aws:iam::123456789012:policy/warder/key"}`,
	}
	if diff := cmp.Diff(want, f.Env()); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	f.EventClock = true
	want["WARDER_CLOCK"] = "event"
	if diff := cmp.Diff(want, f.Env()); diff != "" {
		t.Errorf("environment with the event's clock (-want +got):\n%s", diff)
	}
}

func TestAServerOnLoopbackStandsForSlack(t *testing.T) {
	s, err := Parse([]byte(`{}`), controls)
	if err != nil {
		t.Fatal(err)
	}
	f := s.Function(control.Control{ID: "post-to-slack", Tool: true})
	f.Topic, f.Account, f.Roles = "arn:aws:sns:us-east-1:123456789012:notices", "123456789012", []string{"a"}
	f.Quarantine.Key = "arn:aws:iam::123456789012:policy/warder/key"
	f.SlackLocal = "http://127.0.0.1:1"
	env := f.Env()
	for name, value := range env {
		if strings.Contains(value, f.SlackLocal) {
			t.Errorf("a template gets it: %s", name)
		}
	}
	for _, local := range []string{"", "http://127.0.0.1:8080", "http://[::1]:8080"} {
		env["WARDER_SLACK_LOCAL"] = local
		if got, err := FromEnv(lookup(env)); err != nil || got.SlackLocal != local {
			t.Errorf("%q: %q, %v", local, got.SlackLocal, err)
		}
	}
}

func TestAToolIsToldToEnforce(t *testing.T) {
	s, err := Parse([]byte(whole), controls)
	if err != nil {
		t.Fatal(err)
	}
	f := s.Function(control.Control{ID: "undo", Tool: true})
	if f.Mode != control.Enforce || string(f.Parameters) != "{}" || f.Owners.Default != "security@example.com" || f.HoldDays != 7 {
		t.Errorf("the tool is told %+v", f)
	}
}

func TestFromEnvRefuses(t *testing.T) {
	valid := Function{
		BlastRadius: 10, HoldDays: 7, Language: English, Account: "123456789012",
		Mode: control.Observe, Parameters: json.RawMessage(`{}`), Table: "warder", Topic: "arn:aws:sns:us-east-1:123456789012:notices",
		Halt: "/warder/halt", Roles: []string{"a"}, Quarantine: Quarantine{Key: "arn:aws:iam::123456789012:policy/warder/key"},
	}.Env()
	tests := []struct {
		name string
		set  map[string]string // "" removes the variable
		want string
	}{
		{"a mode that does not exist", map[string]string{"WARDER_MODE": "on"}, "read environment: WARDER_MODE: want off, observe or enforce"},
		{"a missing mode", map[string]string{"WARDER_MODE": ""}, "read environment: WARDER_MODE: missing"},
		{"parameters that are no object", map[string]string{"WARDER_PARAMETERS": `[]`}, "read environment: WARDER_PARAMETERS: want a JSON object"},
		{"settings with an unknown field", map[string]string{"WARDER_SETTINGS": `{"region": "x"}`}, `read environment: WARDER_SETTINGS: json: unknown field "region"`},
		{"settings with something after them", map[string]string{"WARDER_SETTINGS": `{} {}`}, `read environment: WARDER_SETTINGS: more than one JSON value`},
		{"a topic that is a name", map[string]string{"WARDER_TOPIC": "notices"}, "read environment: WARDER_TOPIC: want the ARN of a topic"},
		{"a language without a catalogue", map[string]string{"WARDER_SETTINGS": `{"blastRadius": 1, "holdDays": 7, "language": "kr"}`}, `read environment: WARDER_SETTINGS: language: want one of [en ko]`},
		{"a blast radius of nothing", map[string]string{"WARDER_SETTINGS": `{"holdDays": 7, "language": "en"}`}, `read environment: WARDER_SETTINGS: blastRadius and holdDays are whole numbers above 0`},
		{"no roles", map[string]string{"WARDER_ROLES": ""}, "read environment: WARDER_ROLES: missing"},
		{"no quarantine", map[string]string{"WARDER_QUARANTINE": ""}, "read environment: WARDER_QUARANTINE: missing"},
		{"a quarantine without the policy of keys", map[string]string{"WARDER_QUARANTINE": `{}`}, "read environment: WARDER_QUARANTINE: key: want the ARN of a policy"},
		{"a quarantine that does not exist", map[string]string{"WARDER_QUARANTINE": `{"inside":"arn:"}`}, `read environment: WARDER_QUARANTINE: json: unknown field "inside"`},
		{"a server elsewhere in place of Slack", map[string]string{"WARDER_SLACK_LOCAL": "http://192.0.2.1:80"}, `read environment: WARDER_SLACK_LOCAL: want an http address on loopback`},
		{"a look-alike of loopback in place of Slack", map[string]string{"WARDER_SLACK_LOCAL": "http://127.0.0.1.example.com"}, `read environment: WARDER_SLACK_LOCAL: want an http address on loopback`},
		{"a name in place of Slack", map[string]string{"WARDER_SLACK_LOCAL": "http://localhost"}, `read environment: WARDER_SLACK_LOCAL: want an http address on loopback`},
		{"a clock that does not exist", map[string]string{"WARDER_CLOCK": "wall"}, `read environment: WARDER_CLOCK: want "event" or nothing`},
		{"every fault at once", map[string]string{"WARDER_TABLE": "", "WARDER_HALT": "", "WARDER_MODE": "x"},
			"read environment: WARDER_TABLE: missing\nread environment: WARDER_HALT: missing\nread environment: WARDER_MODE: want off, observe or enforce"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := maps.Clone(valid)
			for name, value := range tt.set {
				env[name] = value
				if value == "" {
					delete(env, name)
				}
			}
			_, err := FromEnv(lookup(env))
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestParametersAndTheStructNameTheSame(t *testing.T) {
	type parameters struct {
		MaxAgeDays int               `json:"maxAgeDays"`
		Groups     map[string]string `json:"groups"`
	}
	tests := []struct {
		name, json, want string
		value            parameters
	}{
		{"both name the same", `{"maxAgeDays": 90, "groups": {"a": "b"}}`, "", parameters{90, map[string]string{"a": "b"}}},
		{"the struct lacks one", `{"maxAgeDays": 90, "groups": {}, "words": []}`, `read parameters: json: unknown field "words"`, parameters{}},
		{"control.json lacks one", `{"maxAgeDays": 90}`, `read parameters: control.json declares no "groups"`, parameters{}},
		{"a value has another type", `{"maxAgeDays": "90", "groups": {}}`,
			`read parameters: json: cannot unmarshal string into Go struct field parameters.maxAgeDays of type int`, parameters{}},
		{"there are none", ``, `read parameters: EOF`, parameters{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parameters[parameters](Function{Parameters: json.RawMessage(tt.json)})
			message := ""
			if err != nil {
				message = err.Error()
			}
			if message != tt.want {
				t.Errorf("error %q, want %q", message, tt.want)
			}
			if diff := cmp.Diff(tt.value, got); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnvSizeCountsAsLambdaDoes(t *testing.T) {
	if got, want := EnvSize(map[string]string{"A": `x"y`, "B": "z"}), len(`{"A":"x\"y","B":"z"}`); got != want {
		t.Errorf("size %d, want %d", got, want)
	}
}

func TestNamesFollowTheControl(t *testing.T) {
	got := []string{FunctionName("alert-root-usage"), LogGroupName("alert-root-usage")}
	if diff := cmp.Diff([]string{"warder-alert-root-usage", "/aws/lambda/warder-alert-root-usage"}, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(RolePath, "/") || !strings.HasSuffix(RolePath, "/") {
		t.Errorf("role path %q: an IAM path begins and ends with /", RolePath)
	}
}
