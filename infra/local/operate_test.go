package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/metric"
)

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

// asks returns a function that runs warder against the account and returns what it printed and whether all
// was done.
func (r *running) asks(t *testing.T) func(args ...string) (string, bool) {
	t.Helper()
	binary := buildWarder(t)
	home := t.TempDir()
	return func(args ...string) (string, bool) {
		t.Helper()
		c := exec.Command(binary, args...)
		c.Dir = root(t)
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
		for name, value := range r.env {
			c.Env = append(c.Env, name+"="+value)
		}
		out, err := c.CombinedOutput()
		t.Logf("warder %s\n%s", strings.Join(args, " "), out)
		return string(out), err == nil
	}
}

// kept returns the messages that a queue of the stack keeps, by name, and its URL.
func (r *running) kept(t *testing.T, name string) (url string, messages []string) {
	t.Helper()
	client := sqs.NewFromConfig(r.config())
	queues, err := client.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: aws.String("warder-" + name)})
	if err != nil || len(queues.QueueUrls) != 1 {
		t.Fatalf("queues %v, %v, want one", queues, err)
	}
	url = queues.QueueUrls[0]
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range out.Messages {
		messages = append(messages, *m.Body)
		// As it was: moto hides what was read.
		if _, err := client.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &url, ReceiptHandle: m.ReceiptHandle,
		}); err != nil {
			t.Fatal(err)
		}
	}
	return url, messages
}

// fault lets calls of functions fail, or none any more.
func (r *running) fault(t *testing.T, f *endpoint.Fault) {
	t.Helper()
	if f == nil {
		if err := emulator.At(r.env["AWS_ENDPOINT_URL"]).EndFaults(t.Context()); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := emulator.At(r.env["AWS_ENDPOINT_URL"]).Fail(t.Context(), *f); err != nil {
		t.Fatal(err)
	}
}

// The scenario of an incident of Warder's own: functions fail, their events are kept, the cause is fixed, and what was
// kept is sent again. Then what the log has is held against what people look for in it.
func TestWhatWasKeptIsRedrivenWithNothingLostAndNothingDoubled(t *testing.T) {
	t.Parallel()
	r := startUp(t, "--mode", "enforce")
	client, queues := iam.NewFromConfig(r.config()), sqs.NewFromConfig(r.config())
	inbox, ask := r.subscribe(t), r.asks(t)
	attach := func(user string) {
		t.Helper()
		if _, err := client.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{
			UserName: &user, PolicyArn: aws.String(readOnly),
		}); err != nil {
			t.Fatal(err)
		}
		r.idle(t)
	}
	users := []string{"alice", "bob", "carol"}
	for _, user := range append(users, "dave", "erin") {
		addUser(t, client, user)
	}

	// The function cannot read the ledger.
	r.fault(t, &endpoint.Fault{
		Operation: "dynamodb:GetItem", Function: "warder-detach-direct-policy", Status: 400, Code: "AccessDeniedException",
		Message: "refused for the test",
	})
	for _, user := range users {
		attach(user)
	}
	url, records := r.kept(t, "Failed")
	if len(records) != len(users) {
		t.Fatalf("%d records are kept, want one for each of %d events", len(records), len(users))
	}
	for _, user := range users {
		if attached(t, client, user) != 1 {
			t.Errorf("the policy of %s was detached in spite of the fault", user)
		}
	}
	// Beside them lies what nobody understands, and what EventBridge could not deliver: carol's event once more.
	if _, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String(`{"who": "knows"}`),
	}); err != nil {
		t.Fatal(err)
	}
	var record struct{ RequestPayload json.RawMessage }
	carol := slices.IndexFunc(records, func(text string) bool { return strings.Contains(text, `"userName":"carol"`) })
	if err := json.Unmarshal([]byte(records[max(carol, 0)]), &record); err != nil {
		t.Fatal(err)
	}
	undelivered, _ := r.kept(t, "Undelivered")
	if _, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &undelivered,
		MessageBody: aws.String(string(record.RequestPayload)),
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{
			"TARGET_ARN": {
				DataType:    aws.String("String"),
				StringValue: aws.String("arn:aws:lambda:us-east-1:123456789012:function:warder-detach-direct-policy"),
			},
			"ERROR_CODE": {DataType: aws.String("String"), StringValue: aws.String("NO_PERMISSIONS")},
		}}); err != nil {
		t.Fatal(err)
	}

	// Too early: it fails again, and is kept again.
	out, all := ask("redrive")
	r.idle(t)
	if _, again := r.kept(t, "Failed"); all || len(again) != len(users)+1 || !strings.Contains(out, "not understood") {
		t.Errorf("redriven into the fault: %d are kept, want %d and what nobody understands\n%s", len(again), len(users), out)
	}

	r.fault(t, nil)
	for try := 1; ; try++ { // carol's event is kept twice: the second time is for the next go
		out, _ = ask("redrive")
		r.idle(t)
		_, failed := r.kept(t, "Failed")
		_, undelivered := r.kept(t, "Undelivered")
		if len(failed) == 1 && len(undelivered) == 0 {
			break
		}
		if try == 3 {
			t.Fatalf("%d and %d messages are kept after %d goes\n%s", len(failed), len(undelivered), try, out)
		}
	}
	if _, left := r.kept(t, "Failed"); !slices.Equal(left, []string{`{"who": "knows"}`}) {
		t.Errorf("left %v, want what nobody understands", left)
	}
	var told []string
	for more := r.messages(t, inbox); len(more) > 0; more = r.messages(t, inbox) { // ten at a time
		told = append(told, more...)
	}
	for _, user := range users {
		if attached(t, client, user) != 0 {
			t.Errorf("the policy of %s is still attached: its event is lost", user)
		}
		notices := slices.DeleteFunc(slices.Clone(told), func(text string) bool {
			return !strings.Contains(text, "detached policy "+readOnly+" from "+user)
		})
		if len(notices) != 1 {
			t.Errorf("%d notices of %s, want one: nobody is told twice", len(notices), user)
		}
	}
	if t.Failed() {
		return
	}

	// A change that fails, one that is put on hold, and a sweep, for the lines that only those write.
	r.fault(t, &endpoint.Fault{
		Operation: "iam:DetachUserPolicy", Status: 403, Code: "AccessDenied", Message: "refused for the test",
	})
	attach("erin")
	r.fault(t, nil)
	ask("halt", "--reason=for the test")
	attach("dave")
	ask("sweep", "--control=detach-direct-policy")
	r.idle(t)

	lines := r.log(t, func(lines []map[string]any) bool {
		met := 0 // the halt, by the event and by the sweep
		for _, line := range lines {
			if _, ok := line[metric.HaltedHours.Name]; ok {
				met++
			}
		}
		return met > 1 && slices.ContainsFunc(lines, func(line map[string]any) bool { return line["msg"] == "case" })
	})
	t.Run("every line can be found with those of its invocation", func(t *testing.T) {
		for _, line := range lines {
			for _, name := range []string{"timestamp", "level", "msg", "control", "request_id", "event"} {
				if text, ok := line[name].(string); !ok || text == "" {
					t.Errorf("line %v has no %s", line, name)
				}
			}
		}
	})
	t.Run("the dashboard's queries are the saved ones", func(t *testing.T) {
		board, err := cloudwatch.NewFromConfig(r.config()).GetDashboard(t.Context(), &cloudwatch.GetDashboardInput{
			DashboardName: aws.String("warder"),
		})
		if err != nil {
			t.Fatal(err)
		}
		var body struct {
			Widgets []struct{ Properties struct{ Query string } }
		}
		if err := json.Unmarshal([]byte(*board.DashboardBody), &body); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, w := range body.Widgets {
			if query := regexp.MustCompile(`SOURCE '[^']*' \| `).ReplaceAllString(w.Properties.Query, ""); query != "" {
				seen++
				if !slices.Contains(slices.Collect(maps.Values(savedQueries(t))), query) {
					t.Errorf("query of the dashboard alone: %s", query)
				}
			}
		}
		if seen == 0 {
			t.Error("the dashboard has no query")
		}
	})
	t.Run("metrics are in the lines", func(t *testing.T) {
		got := map[string]float64{}
		for _, line := range lines {
			for _, m := range append(metric.Logged, metric.Watched...) {
				if value, ok := line[m.Name].(float64); ok {
					got[m.Name] += value
				}
			}
		}
		// Three events failed in three tries each, twice over; three changes were made, one was put on hold, and one
		// failed and waits.
		for name, want := range map[string]float64{"Changes": 3} {
			if got[name] != want {
				t.Errorf("%s is %v in sum, want %v", name, got[name], want)
			}
		}
		if got["Failures"] < 9 || got["SkippedHeld"] == 0 || got["SkippedRepeated"] == 0 {
			t.Errorf("metrics %v", got)
		}
	})
	t.Run("queries name what lines have", func(t *testing.T) {
		if err := r.end(); err != nil {
			t.Fatal(err)
		}
		// What a control writes that only observes.
		observing := startUp(t)
		client := iam.NewFromConfig(observing.config())
		addUser(t, client, "alice")
		if _, err := client.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{
			UserName: aws.String("alice"), PolicyArn: aws.String(readOnly),
		}); err != nil {
			t.Fatal(err)
		}
		lines := append(lines, observing.log(t, func(lines []map[string]any) bool {
			return slices.ContainsFunc(lines, func(line map[string]any) bool { return line["msg"] == "invocation" })
		})...)
		lines = append(lines, killed...)
		for name, query := range savedQueries(t) {
			for _, problem := range unanswered(query, lines) {
				t.Errorf("%s: %s\n%s", name, problem, query)
			}
		}
		for _, line := range killed {
			if !matches(savedQueries(t)["warder/failures"], line) {
				t.Errorf("failures does not find %v", line)
			}
		}
	})
}

// log reads the lines of the function until they are complete.
func (r *running) log(t *testing.T, complete func([]map[string]any) bool) []map[string]any {
	t.Helper()
	client := cloudwatchlogs.NewFromConfig(r.config())
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var lines []map[string]any
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName: aws.String("/aws/lambda/warder-detach-direct-policy"),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				var line map[string]any
				if err := json.Unmarshal([]byte(*e.Message), &line); err != nil {
					t.Fatalf("line is not JSON: %s", *e.Message)
				}
				lines = append(lines, line)
			}
		}
		if complete(lines) {
			return lines
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log is not complete: %d lines", len(lines))
		}
	}
}

// savedQueries are those of the template, by name.
func savedQueries(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), string(project.Deployed), "warder.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for _, resource := range template.Resources {
		if resource.Type != "AWS::Logs::QueryDefinition" {
			continue
		}
		var q struct{ Name, QueryString string }
		if err := json.Unmarshal(resource.Properties, &q); err != nil {
			t.Fatal(err)
		}
		queries[q.Name] = q.QueryString
	}
	if len(queries) == 0 {
		t.Fatal("no query is saved")
	}
	return queries
}

// words are those of the query language that the saved queries use.
var words = strings.Fields("fields filter sort stats limit dedup by as and or in asc desc latest max sum")

// unanswered says which fields of a query no line has that the query asks for, and whether it finds nothing at all.
func unanswered(query string, lines []map[string]any) (problems []string) {
	var plain []string
	for line := range strings.Lines(query) {
		if !strings.HasPrefix(line, "#") {
			plain = append(plain, strings.TrimSpace(line))
		}
	}
	text := strings.Join(plain, " ")
	var found []map[string]any
	for _, line := range lines {
		if matches(text, line) {
			found = append(found, line)
		}
	}
	if len(found) == 0 {
		return []string{"finds none of the lines"}
	}
	made := map[string]bool{} // names that the query gives itself
	for _, as := range regexp.MustCompile(` as (\w+)`).FindAllStringSubmatch(text, -1) {
		made[as[1]] = true
	}
	for _, m := range metric.Logged { // a line has what is not 0
		made[m.Name] = true
	}
	for _, name := range regexp.MustCompile(`@?[A-Za-z_.]+`).FindAllString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(text,
		""), -1) {
		if slices.Contains(words, name) || made[name] || strings.HasPrefix(name, "@") { // @timestamp is CloudWatch's
			continue
		}
		if !slices.ContainsFunc(found, func(line map[string]any) bool { return fieldOf(line, name) != nil }) {
			problems = append(problems, fmt.Sprintf("no line that it finds has %s", name))
		}
	}
	return problems
}

// matches evaluates the filters of a query, as far as the saved ones go: comparisons with and, or, in. What a person
// writes in place of an example matches anything.
func matches(query string, line map[string]any) bool {
	for _, filter := range regexp.MustCompile(`filter ([^|]*)`).FindAllStringSubmatch(query, -1) {
		some := false
		for _, alternative := range strings.Split(filter[1], " or ") {
			all := true
			for _, term := range strings.Split(alternative, " and ") {
				all = all && satisfies(strings.TrimSpace(term), line)
			}
			some = some || all
		}
		if !some {
			return false
		}
	}
	return true
}

func satisfies(term string, line map[string]any) bool {
	parts := regexp.MustCompile(`^([\w.]+) (=|in) (.*)$`).FindStringSubmatch(strings.Trim(term, "()"))
	if parts == nil {
		return false
	}
	value, ok := fieldOf(line, parts[1]).(string)
	return ok && (strings.Contains(parts[3], fmt.Sprintf("%q", value)) || strings.Contains(parts[3], "EVENT"))
}

// fieldOf is a field of a line by the name that queries have for it, nil for none.
func fieldOf(line map[string]any, name string) any {
	outer, inner, nested := strings.Cut(name, ".")
	if !nested {
		return line[name]
	}
	object, _ := line[outer].(map[string]any)
	return fieldOf(object, inner)
}

// killed are Lambda's own lines about runs that it had to end, as its documentation has them: the functions here write
// no line of those.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
var killed = []map[string]any{
	{"type": "platform.report", "record": map[string]any{"requestId": "r-1", "status": "timeout"}},
	{"type": "platform.report", "record": map[string]any{
		"requestId": "r-2", "status": "error", "errorType": "Runtime.OutOfMemory",
	}},
}
