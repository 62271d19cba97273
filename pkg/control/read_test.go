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
	for _, want := range all {
		data, err := os.ReadFile("../../functions/" + want.ID + "/control.json")
		if err != nil {
			t.Fatal(err)
		}
		got, err := control.Read(want.ID, data)
		want := control.Control{
			ID:         want.ID,
			Title:      want.Title,
			Severity:   want.Severity,
			Tool:       want.Tool,
			References: want.References,
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
