package control_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/control"
)

func TestAFunctionReadsOfItselfWhatItsDescriptionSays(t *testing.T) {
	all, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	for _, whole := range all {
		data, err := os.ReadFile("../../functions/" + whole.ID + "/control.json")
		if err != nil {
			t.Fatal(err)
		}
		got, err := control.Read(whole.ID, data)
		want := control.Control{
			ID:         whole.ID,
			Title:      whole.Title,
			Severity:   whole.Severity,
			Tool:       whole.Tool,
			References: whole.References,
		}
		for _, p := range whole.Permissions {
			want.Permissions = append(want.Permissions, control.Permission{Actions: p.Actions})
		}
		if whole.Acts() != got.Acts() {
			t.Errorf("%s acts: %t by Parse, %t by Read", want.ID, whole.Acts(), got.Acts())
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-of Parse +of Read):\n%s", want.ID, err, diff)
		}
		if _, err := control.Read("another", data); err == nil ||
			!strings.Contains(err.Error(), `"another": it is that of "`+want.ID) {
			t.Errorf("%s as another control: error %v", want.ID, err)
		}
	}
	if _, err := control.Read("x", []byte("{")); err == nil || !strings.Contains(err.Error(), `read control.json of "x"`) {
		t.Errorf("no JSON: error %v", err)
	}
}
