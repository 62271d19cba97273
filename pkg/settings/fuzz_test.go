package settings

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
)

// Whatever the environment says, a function that starts knows what it may do: its mode is one, its limits
// are above zero, and what it was told is what Env would tell it again. No fault shows a value: an
// environment may hold what is nobody's business.
func FuzzFromEnv(f *testing.F) {
	s, err := Parse([]byte(whole), controls)
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range controls {
		told := s.Function(c)
		told.Topic, told.Account, told.Roles = "arn:aws:sns:us-east-1:123456789012:t", "123456789012", []string{"warder-a"}
		told.Quarantine = Quarantine{Key: "arn:aws:iam::123456789012:policy/warder/key"}
		env := told.Env()
		f.Add(env[envMode], env[envParameters], env[envSettings], env[envTopic], env[envQuarantine], env[envRoles], `{"controls":["x"]}`)
	}
	f.Add("ENFORCE", "null", `{"allowedNetworks":["0.0.0.0/0"],"blastRadius":-1}`, "arn:", `{"key":"arn:"}`, ",", "[]")
	f.Add("enforce", `{"a":1} {"a":2}`, `{"blastradius":5}`, "x", `{"Key":"arn:x","other":1}`, "a,a", `{"detach":"enforce"}`)
	f.Fuzz(func(t *testing.T, mode, parameters, common, topic, quarantine, roles, modes string) {
		env := map[string]string{
			envMode: mode, envParameters: parameters, envSettings: common, envTopic: topic, envQuarantine: quarantine, envRoles: roles, envModes: modes,
			envTable: "warder", envAccount: "123456789012", envHalt: "/warder/halt",
		}
		if modes == "" {
			delete(env, envModes)
		}
		got, err := FromEnv(lookup(env))
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "read environment: WARDER_") {
					t.Fatalf("fault %q does not say where", line)
				}
			}
			return
		}
		if !got.Mode.Valid() || got.BlastRadius < 1 || got.HoldDays < 1 || !json.Valid(got.Parameters) {
			t.Fatalf("told: %+v", got)
		}
		for id, m := range got.Modes {
			if !m.Valid() {
				t.Fatalf("told: %s is %s", id, m)
			}
		}
		if got.Mode == control.Enforce && mode != "enforce" {
			t.Fatalf("%q enforces", mode)
		}
		again, err := FromEnv(lookup(got.Env()))
		if diff := cmp.Diff(got, again, compareNetworks); err != nil || diff != "" {
			t.Fatalf("does not come back (%v): %s", err, diff)
		}
	})
}
