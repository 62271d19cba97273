package functions

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

const settingsReference = "../docs/settings.md"

// TestSettings_ReferenceIsCurrent makes docs/settings.md from the definitions that settings are
// checked by: settings.json, and the parameters of each control.json.
func TestSettings_ReferenceIsCurrent(t *testing.T) {
	controls, err := Controls()
	if err != nil {
		t.Fatal(err)
	}
	want := reference(settings.Definitions(), controls)
	if *update {
		if err := os.WriteFile(settingsReference, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(settingsReference)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is stale, make golden writes it (-want +got):\n%s", settingsReference, diff)
	}
}

func reference(common []settings.Definition, controls []control.Control) string {
	var b strings.Builder
	b.WriteString(`# Settings

Everything that can be set stands in ` + "`cdk.json` under `context.warder`" + `. It is checked by ` +
		"`make synth`" + `, which tells all faults
at once, and takes effect with ` + "`make deploy`" + `. What is not set has its default: ` +
		"`{}`" + ` is a valid setting of everything.
` + "`go test ./functions -update`" + ` makes this page from the definitions that settings are checked by.

## Common

| setting | default | takes | |
|---|---|---|---|
`)
	for _, d := range common {
		row(&b, d.Path, d.Parameter)
	}
	b.WriteString("\n## Controls\n\nUnder `controls`, by the control's id: `{\"deactivate-stale-access-key\": " +
		"{\"mode\": \"enforce\", \"maxAgeDays\": 60}}`. Every control\n" +
		"takes `mode`: `observe` (tell what would be done), `enforce` (do it) or `off`.\n" + byUser)
	for _, c := range controls {
		if c.Tool {
			continue
		}
		fmt.Fprintf(
			&b,
			"\n### [%s](../functions/%[1]s/README.md)\n\n%s\n\n| setting | default | takes | |\n|---|---|---|---|\n| `mode` "+
				"| `%s` | `off`, `observe`, `enforce` | How far it goes |\n",
			c.ID, c.Summary, c.Mode,
		)
		for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
			row(&b, name, c.Parameters[name])
		}
	}
	return b.String()
}

// byUser is the section about parameters that have values by user.
const byUser = `
### By person and machine

A number, word or switch of a control about IAM users may have values by a user's tags or path. The first row that fits
holds; the last one, without a condition, is for all others, and has to be there:

    "deactivate-stale-access-key": {
      "maxAgeDays": [{"tag": {"type": "machine"}, "value": 365}, {"path": "/machines/", "value": 180}, {"value": 90}],
      "graceDays": [{"tag": {"type": "machine"}, "value": 30}, {"value": 7}]
    }

A row may have several tags, or tags and a path: all must fit. Keys of tags are compared without case, values with it; a
path stands for all paths below it. Notices say which value holds, and why. A control takes four different conditions at
most, as its sweep looks at all users once for each set of values. The rule of AWS Config gets the smallest number.

**Whoever may tag a user, or change its path, chooses its values.** A tag that a user gave itself counts for nothing, if
alert-policy-change is on, which remembers who set it. Allow ` + "`iam:TagUser`, `iam:UntagUser`, `iam:CreateUser`" + ` and
` + "`iam:UpdateUser`" + ` to those only who may decide that. ` + "`make doctor`" + ` lists the tags that values go by.
`

// row is a row of the reference.
func row(b *strings.Builder, name string, p control.Parameter) {
	takes := string(p.Kind)
	switch {
	case p.Kind == control.Integer:
		takes = fmt.Sprintf("%d to %d", p.Min, p.Max)
	case p.Allowed != nil:
		takes = "`" + strings.Join(p.Allowed, "`, `") + "`"
	}
	value := "`" + string(p.Default) + "`"
	switch value {
	case "`\"\"`", "`[]`", "`{}`":
		value = "none"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, value, takes, strings.ReplaceAll(p.Help, "|", `\|`))
}
