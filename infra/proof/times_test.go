package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheTimesOfTheTestsAreSplitByLayer(t *testing.T) {
	told := filepath.Join(t.TempDir(), "test.json")
	if err := os.WriteFile(told, []byte(`{"Time":"2026-11-01T10:00:00Z","Action":"start","Package":"github.com/warder-aws/warder/pkg/ledger"}
{"Time":"2026-11-01T10:00:01Z","Action":"pass","Package":"github.com/warder-aws/warder/pkg/ledger","Test":"TestA","Elapsed":0.5}
{"Time":"2026-11-01T10:00:01Z","Action":"pass","Package":"github.com/warder-aws/warder/pkg/ledger","Elapsed":1}
{"Time":"2026-11-01T10:00:02Z","Action":"pass","Package":"github.com/warder-aws/warder/infra/local","Test":"TestC/once","Elapsed":9}
{"Time":"2026-11-01T10:00:02Z","Action":"pass","Package":"github.com/warder-aws/warder/infra/local","Test":"TestC","Elapsed":2}
{"Time":"2026-11-01T10:00:02Z","Action":"fail","Package":"github.com/warder-aws/warder/infra/local","Test":"TestD","Elapsed":3.5}
{"Time":"2026-11-01T10:00:09Z","Action":"fail","Package":"github.com/warder-aws/warder/infra/local","Elapsed":6}
{"Time":"2026-11-01T10:00:09Z","Action":"pass","Package":"github.com/warder-aws/warder/infra/local/eventbridge","Test":"TestE","Elapsed":1}
{"Time":"2026-11-01T10:00:09Z","Action":"pass","Package":"github.com/warder-aws/warder/infra/local/eventbridge","Elapsed":1}
{"Time":"2026-11-01T10:00:10Z","Action":"pass","Package":"github.com/warder-aws/warder/infra","Test":"TestF","Elapsed":1}
{"Time":"2026-11-01T10:00:10Z","Action":"pass","Package":"github.com/warder-aws/warder/infra","Elapsed":1}
{"Time":"2026-11-01T10:00:11Z","Action":"skip","Package":"github.com/warder-aws/warder/functions/undo/bootstrap","Elapsed":0}
{"Time":"2026-11-01T10:00:12.5Z","Action":"pass","Package":"github.com/warder-aws/warder/functions","Test":"TestG","Elapsed":1}
{"Time":"2026-11-01T10:00:12.5Z","Action":"pass","Package":"github.com/warder-aws/warder/functions","Elapsed":1}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := tabulate(told, &out); err != nil {
		t.Fatal(err)
	}
	want := `layer                        packages   tests  seconds  share
packages                            1       1      1.0    10%
functions and their stories         1       1      1.0    10%
local account                       1       3      6.0    60%
parts of the local account          1       1      1.0    10%
templates                           1       1      1.0    10%
commands                            0       0      0.0     0%
all                                 5       7     10.0   100%
12.5 s from the first to the last, packages beside each other. The slowest tests:
    1.0 s  functions TestG
    3.5 s  infra/local TestD
    2.0 s  infra/local TestC
    1.0 s  infra/local/eventbridge TestE
    1.0 s  infra TestF
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(told, []byte(`{"Action":"pass","Package":"github.com/warder-aws/warder/cmd/new","Elapsed":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tabulate(told, &out); err == nil || !strings.Contains(err.Error(), "warder/cmd/new is in no layer") {
		t.Errorf("a package of no layer: %v", err)
	}
}
