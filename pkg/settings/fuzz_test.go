package settings

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/warder-aws/warder/pkg/control"
)

// Whatever the environment holds, a function that starts knows what it may do: its mode is one, its
// limits are above zero, and its settings are what Env would write again. Each line of an error says
// where, and shows no value: an environment may hold what is nobody's business.
func FuzzFromEnv(f *testing.F) {
	s, err := Parse([]byte(whole), controls)
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range controls {
		f.Add(deployed(s.Function(c)).Env()[Variable])
	}
	text := smallest.Env()[Variable]
	for _, member := range []string{
		`"mode":"ENFORCE"`, `"allowedNetworks":["0.0.0.0/0"],"blastRadius":-1`, `"parameters":{"a":1,"a":2}`, `"roles":null`,
		`"modes":{"detach":"enforce"}`, `"modes":{"a\nb":"x"}`, `"slackLocal":"http://127.0.0.1@example.com"`, `"\u0085":1`,
		`"quarantine":{"Key":"arn:x","other":1}`, `"topic":"arn:","blastradius":5`, `"drilled":[{"control":1}]`,
	} {
		f.Add(strings.Replace(text, "{", "{"+member+",", 1))
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := FromEnv(lookup(map[string]string{Variable: text}))
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, Variable+": ") {
					t.Fatalf("fault %q does not say where", line)
				}
			}
			return
		}
		if !got.Mode.Valid() || got.BlastRadius < 1 || got.HoldDays < 1 || !json.Valid(got.Parameters) {
			t.Fatalf("settings: %+v", got)
		}
		for id, m := range got.Modes {
			if !m.Valid() {
				t.Fatalf("mode of %s: %s", id, m)
			}
		}
		if got.Mode == control.Enforce && !strings.Contains(text, "enforce") && !strings.Contains(text, `\u`) {
			t.Fatalf("%q enforces", text)
		}
		again, err := FromEnv(lookup(got.Env()))
		if diff := cmp.Diff(got, again, compareNetworks, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("does not come back (%v): %s", err, diff)
		}
	})
}
