package eventbridge

import "testing"

func TestTransformer_Text(t *testing.T) {
	tr := Transformer{
		InputPathsMap: map[string]string{
			"event": "$.detail.eventName", "first": "$.detail.names[0]", "third": "$.detail.names[2]", "none": "$.detail.x.y",
			"all": "$.detail.names",
		},
		InputTemplate: "\"<event> of <first><third><none>.\"\n\"all: <all>, <unknown>\"",
	}
	got := tr.Text([]byte(`{"detail": {"eventName": "DeleteAlarms", "names": ["a", "b"]}}`))
	if want := "DeleteAlarms of a.\nall: [\"a\",\"b\"], "; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if got := tr.Text([]byte("none")); got != " of .\nall: , " {
		t.Errorf("text of no event: %q", got)
	}
}
