package halt

import (
	"testing"
)

// Whatever the parameter holds, only the one value lets changes be made.
func FuzzCheck(f *testing.F) {
	for _, value := range []string{"no", "no\n", "NO", "\u200bno", "nо", "incident 42", "", "no\x00"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		why, _, err := Switch{API: fake{value: value}, Name: "/warder/halt"}.Check(t.Context())
		if err != nil || why.Empty() != (value == Go) {
			t.Fatalf("%q: %q, %v", value, why, err)
		}
	})
}
