package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const told = `{"Action":"start","Package":"github.com/warder-aws/warder/pkg/a"}
{"Action":"run","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestOne"}
{"Action":"output","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestOne","Output":"=== RUN"}
{"Action":"pass","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestOne"}
{"Action":"run","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestMany"}
{"Action":"run","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestMany/with_faults"}
{"Action":"attr","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestMany/with_faults","Key":"cases","Value":"1200"}
{"Action":"run","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestMany/with_faults/x"}
{"Action":"pass","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestMany/with_faults/x"}
{"Action":"pass","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestMany/with_faults"}
{"Action":"run","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestMany/again"}
{"Action":"pass","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestMany/again"}
{"Action":"pass","Package":"github.com/warder-aws/warder/pkg/a","Test":"TestMany"}
{"Action":"run","Package":"github.com/warder-aws/warder/pkg/a/b","Test":"TestMany"}
{"Action":"skip","Package":"github.com/warder-aws/warder/pkg/a/b","Test":"TestMany"}
`

func TestCasesAreThoseThatTestsTell(t *testing.T) {
	tests, err := read(strings.NewReader(told))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		row, want, fault string
	}{
		{"| 1 | once | `go test ./pkg/a -run 'TestOne'` | |", "| 1 | once | `go test ./pkg/a -run 'TestOne'` | 1 |", ""},
		{"| 1 | x | `go test ./pkg/a -run 'TestMany'` | 7 |", "| 1 | x | `go test ./pkg/a -run 'TestMany'` | 1,201 |", ""},
		{"| 1 | x | `go test ./pkg/a -run 'TestMany/with faults'` | 7 |", "| 1 | x | `go test ./pkg/a -run 'TestMany/with faults'` | 1,200 |", ""},
		{"| 1 | x | `go test ./pkg/... -run 'TestOne$'` | 7 |", "| 1 | x | `go test ./pkg/... -run 'TestOne$'` | 1 |", ""},
		{"| 1 | x | `go test ./pkg/a/... -run 'TestMany'` | 7 |", "", "TestMany of github.com/warder-aws/warder/pkg/a/b: skip"},
		{"| 1 | x | `go test ./pkg/c -run 'TestMany'` | 7 |", "", "no such test was run"},
		{"| 1 | x | `go test ./pkg/a -run 'TestNone'` | 7 |", "", "no such test was run"},
		{"| 1 | x | `go test ./pkg/a -run 'TestMany'` | + |", "| 1 | x | `go test ./pkg/a -run 'TestMany'` | 1,000+ |", ""},
		{"| 1 | x | `go test ./pkg/a -run 'TestMany'` | 1,100+ |", "| 1 | x | `go test ./pkg/a -run 'TestMany'` | 1,100+ |", ""},
		{"| 1 | x | `go test ./pkg/a -run 'TestMany'` | 1,300+ |", "| 1 | x | `go test ./pkg/a -run 'TestMany'` | 1,000+ |", ""},
		{"| 1 | x | `go test ./pkg/a -run 'TestMany'` | 500+ |", "| 1 | x | `go test ./pkg/a -run 'TestMany'` | 1,000+ |", ""},
		{"Run `go test ./pkg/a -run 'TestOne'`.", "Run `go test ./pkg/a -run 'TestOne'`.", ""},
	} {
		got, _, err := fill(tc.row, tests)
		if tc.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("%s: %v, want %s", tc.row, err, tc.fault)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
}

func TestWhatIsNoNumberIsAnError(t *testing.T) {
	for _, text := range []string{`{"Action":"attr","Test":"T","Key":"cases","Value":"many"}`, `{"Action":`} {
		if _, err := read(strings.NewReader(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

func TestFiguresAreWhatCommandsPrint(t *testing.T) {
	const text = "A\n```console\n$ make x\nold\n```\nB\n```console\n$ make y\n```\n"
	got, err := play(text, func(line string) ([]byte, error) { return []byte("new of " + line + "\n\n"), nil })
	if diff := cmp.Diff("A\n```console\n$ make x\nnew of make x\n```\nB\n```console\n$ make y\nnew of make y\n```\n", got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	got, err = play(text, func(string) ([]byte, error) { return nil, errors.New("exit status 1") })
	if err == nil || !strings.Contains(err.Error(), "make x: exit status 1") || got != text {
		t.Errorf("%v\n%s", err, got)
	}
}
