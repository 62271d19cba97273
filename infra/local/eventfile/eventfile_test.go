package eventfile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/eventfile"
)

func TestParse_Event(t *testing.T) {
	data := `{"id":"e1", "source":"aws.iam","detail-type":"x","time":"2026-01-02T03:04:05Z","resources":["a", 5, "b"],` +
		`"detail":{"eventSource":"iam.amazonaws.com"}}`
	got, err := eventfile.Parse([]byte("\n" + data + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := eventfile.Event{
		JSON: json.RawMessage(data), ID: "e1", Source: "aws.iam", DetailType: "x", Time: "2026-01-02T03:04:05Z",
		Resources: []string{"a", "b"}, Detail: json.RawMessage(`{"eventSource":"iam.amazonaws.com"}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func TestParse_BareRecord(t *testing.T) {
	tests := []struct {
		name, record, source, detailType, account string
	}{
		{
			"an API call", `{"eventSource":"iam.amazonaws.com","eventType":"AwsApiCall","recipientAccountId":"1"}`, "aws.iam",
			"AWS API Call via CloudTrail", "1",
		},
		{
			"a sign-in", `{"eventSource":"signin.amazonaws.com","eventType":"AwsConsoleSignIn","recipientAccountId":"1"}`,
			"aws.signin", "AWS Console Sign In via CloudTrail", "1",
		},
		{
			"a service event",
			`{"eventSource":"sso.amazonaws.com","eventType":"AwsServiceEvent","userIdentity":{"accountId":"2"}}`, "aws.sso",
			"AWS Service Event via CloudTrail", "2",
		},
		{
			"a record of no type", `{"eventName":"Run","eventSource":7,"userIdentity":[]}`, "aws.",
			"AWS API Call via CloudTrail", "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			event, err := eventfile.Parse([]byte(test.record))
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(event.JSON, &got); err != nil {
				t.Fatal(err)
			}
			if event.Source != test.source || event.DetailType != test.detailType || got["account"] != test.account {
				t.Errorf("wrapped as %s", event.JSON)
			}
			if string(event.Detail) != test.record {
				t.Errorf("detail = %s, want the record", event.Detail)
			}
			again, err := eventfile.Parse([]byte(test.record))
			if err != nil || again.ID != event.ID || len(event.ID) != 36 {
				t.Errorf("ids %q and %q of one record, want one GUID", event.ID, again.ID)
			}
		})
	}
}

func TestParse_NoObject(t *testing.T) {
	for _, data := range []string{"", "[1]", "null", "5", `"text"`, `{"a":`, `{"a":1} {"b":2}`, "event: yes"} {
		if event, err := eventfile.Parse([]byte(data)); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", data, event)
		} else if !strings.Contains(err.Error(), "JSON") {
			t.Errorf("Parse(%q): %v, want an error that says it is about JSON", data, err)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"b.json", "dir/z.json", "dir/a.json", "dir/under/m.json", "dir/README.md"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := eventfile.Files([]string{"dir", "./b.json", "none.json"})
	if err == nil || !strings.Contains(err.Error(), "none.json") {
		t.Errorf("error = %v, want one that names none.json", err)
	}
	want := []string{"dir/a.json", "dir/under/m.json", "dir/z.json", "./b.json"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// FuzzParse reads event files: an object is always an event.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"source":5,"detail":null}`, `{"eventSource":"iam.amazonaws.com"}`,
		`{"eventName":{},"userIdentity":{"accountId":1}}`, `[]`, `{"resources":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		event, err := eventfile.Parse(data)
		var object map[string]json.RawMessage
		isObject := json.Unmarshal(data, &object) == nil && object != nil
		if isObject && err != nil {
			t.Errorf("Parse(%q): %v", data, err)
		}
		if err == nil && !json.Valid(event.JSON) {
			t.Errorf("Parse(%q) = %q, not JSON", data, event.JSON)
		}
	})
}
