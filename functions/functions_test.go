package functions

import "testing"

func TestEveryControlIsWellFormed(t *testing.T) {
	controls, err := Controls()
	if err != nil {
		t.Fatal(err)
	}
	if len(controls) == 0 {
		t.Fatal("no control.json was found")
	}
}
