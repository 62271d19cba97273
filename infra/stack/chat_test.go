package stack

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

var withChat = sync.OnceValues(func() (template, error) { return synthesize("chat", `{"notify": {"chat": true}}`) })

// said is what the bodies of a notice hold for the chat.
func said(t *testing.T, m notice.Message) (chat struct {
	Metadata struct {
		AdditionalContext   map[string]string
		EnableCustomActions bool
	}
}) {
	t.Helper()
	text, err := m.Bodies()
	if err != nil {
		t.Fatal(err)
	}
	var bodies map[string]string
	if err := json.Unmarshal([]byte(text), &bodies); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(bodies["https"]), &chat); err != nil {
		t.Fatal(err)
	}
	return chat
}

func TestChat_ButtonsSendValidRequests(t *testing.T) {
	tmpl := load(t, withChat)
	actions := map[string]resource{}
	for _, r := range tmpl.all("AWS::Chatbot::CustomAction") {
		actions[text(r.get("ActionName"))] = r
	}
	chat := said(t, notice.Message{Version: "1", ID: "n", Kind: notice.Changed, Finding: "abcdefghij",
		Undo: `make undo ID=abcdefghij REASON="why"`})
	if !chat.Metadata.EnableCustomActions {
		t.Error("a notice shows no buttons")
	}
	asked := map[string]any{
		settings.FunctionName("explain"): &explain.Request{Action: "abcdefghij"},
		settings.FunctionName("undo"):    &remediation.UndoRequest{Chat: "abcdefghij"},
	}
	if len(actions) != len(asked) {
		t.Errorf("%d buttons, want %d", len(actions), len(asked))
	}
	form := regexp.MustCompile(`^lambda invoke --function-name (\S+) --region (\S+) --payload (.+)$`)
	for name, want := range asked {
		action, ok := actions[name]
		if !ok {
			t.Errorf("no button invokes %s", name)
			continue
		}
		command := text(action.get("Definition.CommandText"))
		// https://docs.aws.amazon.com/chatbot/latest/APIReference/API_CustomActionDefinition.html
		if len(command) > 100 {
			t.Errorf("%s: a command of %d characters: %s", name, len(command), command)
		}
		parts := form.FindStringSubmatch(command)
		if parts == nil || parts[1] != name || parts[2] != "us-east-1" {
			t.Errorf("%s: the command is %q", name, command)
			continue
		}
		// The channel fills in the variables, which it takes from the notice.
		request := parts[3]
		for variable, path := range action.get("Attachments.0.Variables").(map[string]any) {
			key, found := strings.CutPrefix(path.(string), "event.metadata.additionalContext.")
			value := chat.Metadata.AdditionalContext[key]
			if !found || value == "" {
				t.Errorf("%s: a notice has no %s", name, path)
			}
			request = strings.ReplaceAll(request, "$"+variable, value)
			if action.get("Attachments.0.Criteria.0.VariableName") != variable ||
				action.get("Attachments.0.Criteria.0.Operator") != "HAS_VALUE" {
				t.Errorf("%s: the button is there without %s", name, variable)
			}
		}
		got := map[bool]any{true: new(explain.Request),
			false: new(remediation.UndoRequest)}[strings.HasSuffix(name, "explain")]
		decoder := json.NewDecoder(bytes.NewReader([]byte(request)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(got); err != nil {
			t.Errorf("%s: %s: %v", name, request, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", name, request, diff)
		}
		if label := text(action.get("Attachments.0.ButtonText")); label == "" || len(label) > 50 {
			t.Errorf("%s: the button is labelled %q", name, label)
		}
	}
	var outputs struct{ Outputs map[string]any }
	if err := json.Unmarshal(tmpl.text, &outputs); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ChatExplainArn", "ChatUndoArn"} {
		if _, ok := outputs.Outputs[name]; !ok {
			t.Errorf("no output %s", name)
		}
	}
}

func TestChat_NoUndoButtonWithoutUndo(t *testing.T) {
	for _, undo := range []string{"", "cannot be undone: it is over"} {
		chat := said(t, notice.Message{Version: "1", ID: "n", Kind: notice.Changed, Finding: "abcdefghij", Undo: undo})
		if got, ok := chat.Metadata.AdditionalContext[notice.ChatUndo]; ok {
			t.Errorf("undo %q: the button would undo %q", undo, got)
		}
	}
}

func TestChat_NoButtonsWithoutChat(t *testing.T) {
	if found := load(t, deployed).all("AWS::Chatbot::CustomAction"); len(found) > 0 {
		t.Errorf("%d buttons", len(found))
	}
}
