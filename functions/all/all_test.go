package all

import (
	"testing"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/control"
)

func TestControls_DescribeThemselves(t *testing.T) {
	described, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range described {
		if c.Tool {
			continue
		}
		if _, err := control.Read(c.ID, Controls[c.ID].Description); err != nil {
			t.Error(err)
		}
	}
}
