package functions

import (
	"testing"

	"github.com/warder-aws/warder/pkg/control"
)

func TestControls_WellFormed(t *testing.T) {
	controls, err := Controls()
	if err != nil {
		t.Fatal(err)
	}
	if len(controls) == 0 {
		t.Fatal("no control.json was found")
	}
}

func TestControls_NothingEnforcedByDefault(t *testing.T) {
	controls, err := Controls()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range controls {
		if !c.Tool && c.Mode != control.Observe && c.Mode != control.Off {
			t.Errorf("%s is in mode %q by default", c.ID, c.Mode)
		}
	}
}
