package settings

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/warder-aws/warder/pkg/control"
)

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}
}

// deployed is f with what only the deployment knows.
func deployed(f Function) Function {
	f.Topic, f.Account = "arn:aws:sns:us-east-1:123456789012:notices", "123456789012"
	f.Roles = []string{"warder-a-1", "warder-b-2"}
	f.LedgerKey = "arn:aws:kms:us-east-1:123456789012:key/1"
	f.Quarantine.Key = "arn:aws:iam::123456789012:policy/warder/key"
	return f
}

// smallest is the settings of a function as small as they can be.
var smallest = deployed(Function{
	Mode: control.Observe, Parameters: json.RawMessage(`{}`), BlastRadius: 10, HoldDays: 7, Language: English,
	Table: "warder",
})

func TestFromEnv_ReadsWhatEnvWrote(t *testing.T) {
	for name, text := range map[string]string{"nothing is set": `{}`, "everything is set": whole} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse([]byte(text), controls)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range controls {
				for _, eventClock := range []bool{false, true} {
					want := deployed(s.Function(c))
					if c.Tool {
						want.Slack, want.Reports = s.Notify.Slack, "reports"
						want.Drill, want.Bus = "https://sqs.us-east-1.amazonaws.com/123456789012/drill", "warder"
						want.Drilled = []Drilled{
							{"c", control.OldKey, "access-keys-rotated", false}, {"d", control.OutsideSignIn, "", true},
						}
					}
					want.Quarantine.Outside = "arn:aws:iam::123456789012:policy/warder/outside"
					want.EventClock = eventClock
					got, err := FromEnv(lookup(want.Env()))
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, got, compareNetworks, cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("function of %s (-written +read):\n%s", c.ID, diff)
					}
				}
			}
		})
	}
}

func TestEnv(t *testing.T) {
	f := deployed(Function{
		Mode:            control.Enforce,
		Parameters:      json.RawMessage(`{"maxAgeDays":30}`),
		AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
		Owners: Owners{
			Tags: []string{"owner"}, Paths: map[string]string{"/a&b/": "a@example.com"}, Prefixes: map[string]string{},
		},
		BlastRadius: 10,
		HoldDays:    7,
		Runbooks:    "https://example.com/",
		Table:       "warder",
		Language:    Korean,
	})
	want := `{"mode":"enforce","parameters":{"maxAgeDays":30},"allowedNetworks":["203.0.113.0/24"],` +
		`"owners":{"tags":["owner"],"paths":{"/a&b/":"a@example.com"},"prefixes":{},"default":"","slack":""},` +
		`"blastRadius":10,"holdDays":7,"runbooks":"https://example.com/","language":"ko","table":"warder",` +
		`"ledgerKey":"arn:aws:kms:us-east-1:123456789012:key/1",` +
		`"topic":"arn:aws:sns:us-east-1:123456789012:notices","account":"123456789012",` +
		`"roles":["warder-a-1","warder-b-2"],"quarantine":{"key":"arn:aws:iam::123456789012:policy/warder/key"}`
	if diff := cmp.Diff(map[string]string{Variable: want + "}"}, f.Env()); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	f.EventClock = true
	if diff := cmp.Diff(map[string]string{Variable: want + `,"eventClock":true}`}, f.Env()); diff != "" {
		t.Errorf("environment with the event's clock (-want +got):\n%s", diff)
	}
}

func TestEdit(t *testing.T) {
	env := smallest.Env()
	if err := Edit(env, func(f *Function) { f.Mode = control.Enforce }); err != nil {
		t.Fatal(err)
	}
	want := smallest
	want.Mode = control.Enforce
	if got, err := FromEnv(lookup(env)); err != nil || cmp.Diff(want, got, cmpopts.EquateEmpty()) != "" {
		t.Errorf("read %+v, %v; want %+v", got, err, want)
	}
	if err := Edit(map[string]string{}, func(*Function) {}); err == nil {
		t.Error("settings that are not there were edited")
	}
}

func TestFromEnv_SlackLocal(t *testing.T) {
	for _, local := range []string{"", "http://127.0.0.1:8080", "http://[::1]:8080"} {
		f := smallest
		f.SlackLocal = local
		if got, err := FromEnv(lookup(f.Env())); err != nil || got.SlackLocal != local {
			t.Errorf("%q: %q, %v", local, got.SlackLocal, err)
		}
	}
}

func TestFunction_ToolEnforces(t *testing.T) {
	s, err := Parse([]byte(whole), controls)
	if err != nil {
		t.Fatal(err)
	}
	f := s.Function(control.Control{ID: "undo", Tool: true})
	if f.Mode != control.Enforce || string(f.Parameters) != "{}" || f.Owners.Default != "security@example.com" ||
		f.HoldDays != 7 || f.SlackLocal != "" {
		t.Errorf("the tool has the settings %+v", f)
	}
}

func TestFromEnv_Refuses(t *testing.T) {
	text := smallest.Env()[Variable]
	tests := []struct {
		name, old, new string // new takes the place of old
		want           string // each line after "WARDER_SETTINGS: "
	}{
		{"a mode that does not exist", `"observe"`, `"on"`, "mode: want off, observe or enforce"},
		{"a missing mode", `"mode":"observe",`, ``, "mode: missing"},
		{"a mode of another kind", `"observe"`, `1`, "mode: want a string, got a number"},
		{"parameters that are no object", `"parameters":{}`, `"parameters":[]`,
			"parameters: want an object, got an array"},
		{"a field that does not exist", `"mode"`, `"region":"x","mode"`, "region: unknown field: known here are mode, " +
			"parameters, allowedNetworks, trustedAccounts, orders, regions, marks, owners, blastRadius, holdDays, cis, " +
			"runbooks, " +
			"language, " +
			"timezone, subjects, table, ledgerKey, topic, " +
			"account, roles, quarantine, reach, eventClock, slack, mail, asking, queue, reports, drill, bus, drilled, " +
			"modes, own, slackLocal"},
		{"a field of another case", `"mode"`, `"Mode":"enforce","mode"`, "Mode: unknown field: known here are mode, " +
			"parameters, allowedNetworks, trustedAccounts, orders, regions, marks, owners, blastRadius, holdDays, cis, " +
			"runbooks, " +
			"language, " +
			"timezone, subjects, table, ledgerKey, topic, " +
			"account, roles, quarantine, reach, eventClock, slack, mail, asking, queue, reports, drill, bus, drilled, " +
			"modes, own, slackLocal"},
		{"a field that is written twice", `"mode"`, `"mode":"enforce","mode"`, "mode: written twice"},
		{"something after the settings", `}}`, `}} {}`, "line 1: invalid character '{' after top-level value"},
		{"no JSON", text, ``, "line 1: unexpected end of JSON input"},
		{"no object", text, `[]`, "want an object, got an array"},
		{"a topic that is a name", `"topic":"arn:aws:sns:us-east-1:123456789012:notices"`, `"topic":"notices"`,
			"topic: want the ARN of a topic"},
		{"a network that is none", `"owners"`, `"allowedNetworks":["203.0.113.0"],"owners"`,
			"allowedNetworks[0]: not a value of type netip.Prefix"},
		{"a language without a catalogue", `"en"`, `"kr"`, "language: want one of [en ko]"},
		{
			"a zone that is none",
			`"language":`,
			`"timezone":"Asia/Soul","language":`,
			"timezone: want an IANA name such as Asia/Seoul, or UTC",
		},
		{
			"the zone of the machine",
			`"language":`,
			`"timezone":"Local","language":`,
			"timezone: want an IANA name such as Asia/Seoul, or UTC",
		},
		{"other subjects", `"language":`, `"subjects":"latin1","language":`, "subjects: want ascii or utf-8"},
		{"a blast radius of nothing", `"blastRadius":10`, `"blastRadius":0`, "blastRadius: want a whole number above 0"},
		{"no roles", `["warder-a-1","warder-b-2"]`, `[]`, "roles: want the names of Warder's roles"},
		{"no quarantine", `"quarantine":{"key":"arn:aws:iam::123456789012:policy/warder/key"}`, `"eventClock":true`,
			"quarantine: missing"},
		{"a quarantine without the policy of keys", `{"key":"arn:aws:iam::123456789012:policy/warder/key"}`, `{}`,
			"quarantine.key: missing"},
		{"a quarantine that does not exist", `{"key"`, `{"inside":"arn:","key"`,
			"quarantine.inside: unknown field: known here are key, outside"},
		{"a mode of a control that does not exist", `"mode"`, `"modes":{"a\nb":"on"},"mode"`,
			`modes."a\nb": want off, observe or enforce`},
		{"a server elsewhere in place of Slack", `"mode"`, `"slackLocal":"http://192.0.2.1:80","mode"`,
			"slackLocal: want an http address on loopback"},
		{"a look-alike of loopback in place of Slack", `"mode"`, `"slackLocal":"http://127.0.0.1.example.com","mode"`,
			"slackLocal: want an http address on loopback"},
		{"a name in place of Slack", `"mode"`, `"slackLocal":"http://localhost","mode"`,
			"slackLocal: want an http address on loopback"},
		{"a clock that does not exist", `"mode"`, `"eventClock":"wall","mode"`,
			"eventClock: want true or false, got a string"},
		{"every fault at once", `"mode":"observe","parameters":{}`, `"mode":"x","parameters":3,"table":""`,
			"table: written twice\nmode: want off, observe or enforce\nparameters: want an object, got a number\n" +
				"table: want a name that is not empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(text, tt.old) {
				t.Fatalf("%s is not in %s", tt.old, text)
			}
			_, err := FromEnv(lookup(map[string]string{Variable: strings.Replace(text, tt.old, tt.new, 1)}))
			want := "WARDER_SETTINGS: " + strings.ReplaceAll(tt.want, "\n", "\nWARDER_SETTINGS: ")
			if err == nil || err.Error() != want {
				t.Errorf("error %v\nwant  %s", err, want)
			}
		})
	}
	_, err := FromEnv(lookup(nil))
	if want := "WARDER_SETTINGS: missing: deploy the stack again, which sets it"; err == nil || err.Error() != want {
		t.Errorf("without settings: error %v, want %s", err, want)
	}
}

func TestParameters(t *testing.T) {
	type parameters struct {
		MaxAgeDays int               `json:"maxAgeDays"`
		Groups     map[string]string `json:"groups"`
	}
	tests := []struct {
		name, json, want string
		value            parameters
	}{
		{"both name the same", `{"maxAgeDays": 90, "groups": {"a": "b"}}`, "", parameters{90, map[string]string{"a": "b"}}},
		{
			"the struct lacks one",
			`{"maxAgeDays": 90, "groups": {}, "words": []}`,
			`control.json and the planner differ: parameters: words: unknown field: known here are maxAgeDays, groups`,
			parameters{},
		},
		{
			"control.json lacks one",
			`{"maxAgeDays": 90}`,
			`control.json and the planner differ: parameters: groups: missing`,
			parameters{},
		},
		{"a value has another type", `{"maxAgeDays": "90", "groups": {}}`,
			`control.json and the planner differ: parameters: maxAgeDays: want a number, got a string`, parameters{}},
		{"there are none", ``, `read parameters: unexpected end of JSON input`, parameters{}},
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

func TestEnvSize(t *testing.T) {
	if got, want := EnvSize(map[string]string{"A": `x"y`, "B": "z"}), len(`{"A":"x\"y","B":"z"}`); got != want {
		t.Errorf("size %d, want %d", got, want)
	}
}

func TestNames(t *testing.T) {
	got := []string{FunctionName("alert-root-usage"), LogGroupName("alert-root-usage")}
	if diff := cmp.Diff([]string{"warder-alert-root-usage", "/aws/lambda/warder-alert-root-usage"}, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(RolePath, "/") || !strings.HasSuffix(RolePath, "/") {
		t.Errorf("role path %q: an IAM path begins and ends with /", RolePath)
	}
}
