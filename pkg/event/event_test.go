package event

import (
	"errors"
	"testing"
)

func TestDecodeRefusesWhatIsNotAnEvent(t *testing.T) {
	for name, c := range map[string]struct{ raw, field string }{
		"nothing at all":      {"", ""},
		"a list":              {"[]", ""},
		"null":                {"null", ""},
		"an object cut short": {`{"id":"1"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(c.raw))
			var fault *Error
			if !errors.As(err, &fault) || fault.Field != c.field {
				t.Errorf("Decode(%q) = %v, want an *Error with field %q", c.raw, err, c.field)
			}
		})
	}
}
