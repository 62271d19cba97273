package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// sent is a notice as a queue that subscribes to the topic gets it.
type sent struct {
	Control, Kind, Subject, Owner, Text, Undo string
	Changes                                   []struct{ ID, Status, Reason string }
}

// notices empties the queue and returns the notices of a control about a user.
func (r *running) notices(t *testing.T, queue, control, user string) []sent {
	t.Helper()
	client := sqs.NewFromConfig(r.config())
	var all []sent
	for {
		answer, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Messages) == 0 {
			return all
		}
		for _, message := range answer.Messages {
			var wrapped struct{ Message string }
			var s sent
			if err := json.Unmarshal([]byte(*message.Body), &wrapped); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(wrapped.Message), &s); err != nil {
				t.Fatal(err)
			}
			if s.Control == control && s.Subject == user {
				all = append(all, s)
			}
		}
	}
}

// What whoever is on call does, with nothing but the AWS CLI.
func TestOnCall(t *testing.T) {
	t.Parallel()
	r := startUp(t, "--mode", "enforce")
	users, inbox, call := iam.NewFromConfig(r.config()), r.subscribe(t), r.cli(t)
	prove := func(t *testing.T, what string, q remediation.HaltRequest) {
		t.Helper()
		payload, err := json.Marshal(map[string]any{what: q})
		if err != nil {
			t.Fatal(err)
		}
		signed, err := caller.Sign(t.Context(), r.config(), settings.FunctionName("undo"), payload, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if payload, err = json.Marshal(map[string]any{"signed": signed}); err != nil {
			t.Fatal(err)
		}
		call("lambda", "invoke", "--function-name", "warder-undo", "--payload", string(payload),
			filepath.Join(t.TempDir(), "a"))
	}
	const control, policy = "detach-direct-policy", "arn:aws:iam::aws:policy/ReadOnlyAccess"
	invoke := func(t *testing.T, function string, request, answer any) string {
		t.Helper()
		payload, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "answer.json")
		printed := call("lambda", "invoke", "--function-name", settings.FunctionName(function), "--payload", string(payload),
			file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, answer); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		return printed
	}
	attach := func(t *testing.T, user string) {
		t.Helper()
		call("iam", "create-user", "--user-name", user, "--tags", "Key=owner,Value="+user+"@example.com")
		call("iam", "attach-user-policy", "--user-name", user, "--policy-arn", policy)
		r.idle(t)
	}
	only := func(t *testing.T, control, user, kind string) sent {
		t.Helper()
		all := r.notices(t, inbox, control, user)
		if len(all) != 1 || all[0].Kind != kind || all[0].Owner != user+"@example.com" {
			t.Fatalf("notices %+v, want one that is %s", all, kind)
		}
		return all[0]
	}
	sweep := func(t *testing.T, after time.Duration) {
		t.Helper()
		at := time.Now().Add(after).UTC()
		event := fmt.Appendf(nil, `{"version": "0", "id": "sweep-%d", "source": "aws.events", "resources": [], "detail": {},
			"detail-type": "Scheduled Event", "account": "123456789012", "time": %q, "region": "us-east-1"}`,
			at.UnixNano(), at.Format(time.RFC3339))
		if _, err := emulator.At(r.env["AWS_ENDPOINT_URL"]).Send(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}

	attach(t, "alice")
	changed := only(t, control, "alice", "changed")
	if n := attached(t, users, "alice"); n != 0 || len(changed.Changes) != 1 {
		t.Fatalf("%d policies, notice %+v", n, changed)
	}
	action := changed.Changes[0].ID

	t.Run("explain says what was done, why, and how to undo it", func(t *testing.T) {
		for _, request := range []map[string]string{{"user": "alice"}, {"policy": policy}, {"action": action}} {
			var answer struct {
				Text    string
				Actions []struct{ ID, Control, Subject, Target, Before, After, Status, Event, Undo string }
				Cases   []any
			}
			invoke(t, "explain", request, &answer)
			if len(answer.Actions) != 1 || answer.Actions[0].ID != action || answer.Actions[0].Status != "verified" ||
				answer.Actions[0].Before != "attached" {
				t.Errorf("%v: actions %+v, want the one", request, answer.Actions)
			}
			for _, want := range []string{
				"detached policy " + policy + " from alice", "alice@example.com (changed)", "caused by operator",
				"make undo ID=" + action,
			} {
				if !strings.Contains(answer.Text, want) {
					t.Errorf("%v: the text does not say %q:\n%s", request, want, answer.Text)
				}
			}
		}
	})
	t.Run("a request that is not understood is told what is", func(t *testing.T) {
		for _, tc := range []struct {
			function string
			request  any
			want     string
		}{
			{"undo", map[string]string{"action": action}, `"reason"`},
			{"undo", map[string]string{"action": action, "by": "kim", "reason": "r", "force": "yes"}, "force"},
			{"explain", map[string]string{}, `{"user":"NAME"}`},
			{control, map[string]any{"release": map[string]string{}}, `{"release":{"by":"…","reason":"…"}}`},
		} {
			var answer struct{ ErrorMessage string }
			printed := invoke(t, tc.function, tc.request, &answer)
			if !strings.Contains(printed, `"FunctionError"`) || !strings.Contains(answer.ErrorMessage, tc.want) {
				t.Errorf("%s %v: %q, %s; want an error that says %q", tc.function, tc.request, answer.ErrorMessage, printed,
					tc.want)
			}
		}
	})
	t.Run("undo puts it back, tells the owner, and the sweep leaves it alone", func(t *testing.T) {
		var answer struct {
			Undone []struct {
				Action, Undo, Kind, Subject, Target, Before, After, Text string
			}
			Refused []struct{ Action, Why string }
		}
		request := map[string]string{
			"user": "alice", "since": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "by": "kim@example.com",
			"reason": "needed today",
		}
		invoke(t, "undo", request, &answer)
		if len(answer.Undone) != 1 || answer.Undone[0].Action != action || answer.Undone[0].After != "attached" ||
			len(answer.Refused) > 0 {
			t.Fatalf("answer %+v", answer)
		}
		if n := attached(t, users, "alice"); n != 1 {
			t.Errorf("%d policies, want the one", n)
		}
		if told := only(t, "undo", "alice", "undone"); !strings.Contains(told.Text, "kim@example.com") ||
			!strings.Contains(told.Text, "needed today") {
			t.Errorf("told %q, want by whom and why", told.Text)
		}
		sweep(t, 24*time.Hour)
		if n := attached(t, users, "alice"); n != 1 {
			t.Errorf("%d policies after the sweep, want the one", n)
		}
		if told := r.notices(t, inbox, control, "alice"); len(told) > 0 {
			t.Errorf("told %+v", told)
		}
		before := answer.Undone
		invoke(t, "undo", request, &answer)
		if diff := cmp.Diff(before, answer.Undone); diff != "" {
			t.Errorf("the same request again is answered differently (-first +second):\n%s", diff)
		}
		if told := r.notices(t, inbox, "undo", "alice"); len(told) > 0 {
			t.Errorf("told again: %+v", told)
		}
	})
	t.Run("an undo is refused when the world has moved on", func(t *testing.T) {
		attach(t, "bob")
		id := only(t, control, "bob", "changed").Changes[0].ID
		if _, err := users.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("bob")}); err != nil {
			t.Fatal(err)
		}
		r.idle(t)
		var answer struct {
			Undone  []any
			Refused []struct{ Action, Why string }
			// Putting a policy on a user who no longer exists is an error of IAM.
			ErrorMessage string
		}
		invoke(t, "undo", map[string]string{"action": id, "by": "kim@example.com", "reason": "r"}, &answer)
		if len(answer.Undone) > 0 || len(answer.Refused) == 0 && answer.ErrorMessage == "" {
			t.Errorf("answer %+v, want a refusal", answer)
		}
	})
	t.Run("halted, nothing is changed until it is resumed", func(t *testing.T) {
		prove(t, "halt", remediation.HaltRequest{Reason: "incident 42"})
		attach(t, "carol")
		held := only(t, control, "carol", "held")
		if len(held.Changes) != 1 || !strings.Contains(held.Changes[0].Reason, "incident 42") ||
			attached(t, users, "carol") != 1 {
			t.Errorf("notice %+v, want that the policy is left for the incident", held)
		}
		prove(t, "resume", remediation.HaltRequest{})
		sweep(t, time.Hour)
		only(t, control, "carol", "changed")
		if n := attached(t, users, "carol"); n != 0 {
			t.Errorf("%d policies after the sweep, want none", n)
		}
	})
	t.Run("a control that is not stopped need not be released", func(t *testing.T) {
		var answer struct {
			Released bool
			Text     string
		}
		invoke(t, control, map[string]any{"release": map[string]string{"by": "kim@example.com", "reason": "r"}}, &answer)
		if answer.Released || !strings.Contains(answer.Text, "not stopped") {
			t.Errorf("answer %+v", answer)
		}
	})
}
