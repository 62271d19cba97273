package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/remediation"
)

const key = "AKIAIOSFODNN7EXAMPLE"

// invoked is the line of an invocation of control c as it is in the log.
func invoked(err error, metrics metric.Sheet, args ...any) string {
	var out bytes.Buffer
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "r-1"})
	logged(ctx, NewLog(&out).With("control", "c"), metrics, err, args...)
	return out.String()
}

func TestTheLogHasOneLineAnInvocationWithoutWholeKeyIDs(t *testing.T) {
	for _, err := range []error{nil, errors.New("update access key " + key + ": Throttling")} {
		line := invoked(err, metric.Sheet{}, "reason", "access key "+key)
		if strings.Count(line, "\n") != 1 || !strings.Contains(line, `"control":"c","request_id":"r-1"`) {
			t.Errorf("log %q", line)
		}
		if strings.Contains(line, key) || !strings.Contains(line, "…MPLE") {
			t.Errorf("log %q holds a whole access key id, or not its end", line)
		}
		if failed := strings.Contains(line, `"level":"ERROR"`) && strings.Contains(line,
			"Throttling"); failed != (err != nil) {
			t.Errorf("log %q of error %v", line, err)
		}
	}
}

func TestAnAnswerLeavesWithoutWholeKeyIDs(t *testing.T) {
	temporary := strings.Replace(key, "AKIA", "ASIA", 1)
	target := change.Change{Kind: change.AccessKeyStatus, Subject: "backup_" + key, Target: key, Before: `{"Id":"` + key +
		`"}`}
	for name, answer := range map[string]any{
		"of a control": remediation.Report{Reason: "access key " + key, Changes: []remediation.ReportedChange{
			{ID: "a-1", Change: target, Reason: temporary}}},
		"of undo": remediation.UndoAnswer{
			Undone:  []remediation.Undone{{Action: "a-1", Change: target, Text: key}},
			Refused: []remediation.Refused{{Action: key, Why: key + "," + temporary}}},
		"of explain": explain.Answer{Text: key, Actions: []explain.Action{{ID: "a-1", Change: target}},
			Cases: []explain.Case{{Changes: []change.Change{target}}}},
		"with names as keys": map[string]string{key: key},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := leave(answer, nil)
			if err != nil || !json.Valid(text) {
				t.Fatalf("%s, %v", text, err)
			}
			if strings.Contains(string(text), key) || strings.Contains(string(text), temporary) {
				t.Errorf("the answer %s holds a whole access key id", text)
			}
			if !strings.Contains(string(text), "…MPLE") {
				t.Errorf("the answer %s does not hold the end of it", text)
			}
		})
	}
	text, err := leave(nil, errors.New("update access key "+key+": "+temporary))
	if text != nil || err == nil || err.Error() != "update access key …MPLE: …MPLE" {
		t.Errorf("%s, %v", text, err)
	}
	var before, after remediation.UndoAnswer
	before.Undone = []remediation.Undone{{Action: "a-1", Undo: "b-1", Change: change.Change{Target: "arn:aws:x"}}}
	if text, err = leave(before, nil); err != nil || json.Unmarshal(text, &after) != nil {
		t.Fatalf("%s, %v", text, err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("what has no access key id (-before +after):\n%s", diff)
	}
}

// Lambda filters by level and time if it finds them under the names and in the form that it knows.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
func TestLambdaCanReadWhenALineWasWrittenAndAtWhichLevel(t *testing.T) {
	for level, err := range map[string]error{"INFO": nil, "ERROR": errors.New("denied")} {
		begin := time.Now()
		var line struct {
			Level     string    `json:"level"`
			Timestamp time.Time `json:"timestamp"` // RFC 3339, or it cannot be decoded
		}
		if err := json.Unmarshal([]byte(invoked(err, metric.Sheet{})), &line); err != nil {
			t.Fatal(err)
		}
		if line.Level != level || line.Timestamp.Before(begin.Truncate(time.Second)) || line.Timestamp.After(time.Now()) {
			t.Errorf("line %+v, want level %s, of now", line, level)
		}
	}
}

func TestWhatPeopleReadComesBeforeWhatIsForCloudWatch(t *testing.T) {
	var metrics metric.Sheet
	metrics.Set(metric.BreakerOpen, 0)
	metrics.Add(metric.Findings, 2)
	line := invoked(nil, metrics, "outcome", "notified")
	want := regexp.MustCompile(
		`^{"timestamp":"[^"]+","level":"INFO","msg":"invocation","control":"c","request_id":"r-1","outcome":"notified",` +
			`"BreakerOpen":0,"Findings":2,` +
			`"_aws":{"Timestamp":[0-9]{13},"CloudWatchMetrics":\[{"Namespace":"Warder","Dimensions":\[\[\]\],` +
			`"Metrics":\[{"Name":"BreakerOpen","Unit":"Count"}\]}\]}}\n$`,
	)
	if !want.MatchString(line) {
		t.Errorf("line %s\nwant %s", line, want)
	}
}

// The texts are those of github.com/aws/aws-lambda-go.
func TestWhatTheRuntimeSaysIsALineLikeTheOthers(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"a failure that the invocation's line has", `{"errorMessage":"denied","errorType":"errorString"}`, ""},
		{"a panic", `{"errorMessage":"nil map","errorType":"plainError","stackTrace":[{"path":"main.go","line":1,` +
			`"label":"main"}]}`, `nil map`},
		{"anything else", "calling the handler function resulted in a panic of " + key, "a panic of …MPLE"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			if n, err := (runtimeLog{NewLog(&out)}).Write([]byte(tc.text + "\n")); n != len(tc.text)+1 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			var line struct{ Level, Msg, Error string }
			if err := json.Unmarshal(out.Bytes(), &line); (tc.want == "") != (err != nil) {
				t.Fatalf("log %q, %v", out.String(), err)
			}
			if tc.want != "" && (line.Level != "ERROR" || line.Msg != "runtime" || !strings.Contains(line.Error, tc.want)) {
				t.Errorf("line %+v, want %q in it", line, tc.want)
			}
		})
	}
}

func TestReleaseIsToldFromAnEvent(t *testing.T) {
	for _, tc := range []struct {
		name, raw string
		want      remediation.ReleaseRequest
		ok        bool
	}{
		{"a release", `{"release":{"by":"kim","reason":"right"}}`, remediation.ReleaseRequest{By: "kim",
			Reason: "right"}, true},
		{"a release without a reason, which Release refuses", `{"release":{}}`, remediation.ReleaseRequest{}, true},
		{"an event", `{"source":"aws.iam","detail":{"release":{"by":"mallory","reason":"x"}}}`,
			remediation.ReleaseRequest{}, false},
		{"null", `{"release":null}`, remediation.ReleaseRequest{}, false},
		{"no JSON", `{`, remediation.ReleaseRequest{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := release([]byte(tc.raw))
			if diff := cmp.Diff(tc.want, got); diff != "" || ok != tc.ok {
				t.Errorf("ok %v (-want +got):\n%s", ok, diff)
			}
		})
	}
}

// A request is what was signed, or what was sent; one that is signed wrongly is none.
func TestOpen(t *testing.T) {
	const arn = "arn:aws:iam::111122223333:user/kim"
	const request = `{"action":"a-1","reason":"<needed>"}`
	cfg := aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
	}
	status := http.StatusOK
	v := caller.Verifier{
		Config: cfg, Account: "111122223333", Function: "warder-undo", Now: time.Now,
		HTTP: doer(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("<GetCallerIdentityResponse>" +
				"<GetCallerIdentityResult><Arn>" + arn + "</Arn><Account>111122223333</Account></GetCallerIdentityResult>" +
				"</GetCallerIdentityResponse>"))}, nil
		}),
	}
	proof, err := caller.Sign(t.Context(), cfg, "warder-undo", []byte(request), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"signed": proof})
	if err != nil {
		t.Fatal(err)
	}
	signed := string(text)
	for _, tc := range []struct {
		name, raw string
		status    int
		want, who string
		fault     string
	}{
		{"signed", signed, 200, request, arn, ""},
		{"signed wrongly", signed, 403, "", "", "not proven"},
		{"not signed", request, 200, request, "", ""},
		{"no object", `[1]`, 200, `[1]`, "", ""},
		{"no JSON", `{`, 200, `{`, "", ""},
		{"signed null", `{"signed":null}`, 200, `{"signed":null}`, "", ""},
		{"signed, and more", strings.Replace(signed, "{", `{"by":"ciso",`, 1), 200, "", "", "unknown field"},
		{"a proof with more", strings.Replace(signed, `"proof":{`, `"proof":{"url":"https://example.com",`, 1), 200, "", "",
			"unknown field"},
		{"no proof", `{"signed":{"request":"{}"}}`, 200, "", "", "not proven"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status = tc.status
			ctx, got, err := open(t.Context(), v, json.RawMessage(tc.raw))
			if (err != nil) != (tc.fault != "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Fatalf("error %v, want %q", err, tc.fault)
			}
			if who := caller.From(ctx, "").ARN; string(got) != tc.want || who != tc.who {
				t.Errorf("%s by %q", got, who)
			}
		})
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func TestAFunctionOfAnotherNameDoesNotStart(t *testing.T) {
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "warder-other")
	_, err := setUp([]byte(`{"id":"undo"}`), nil, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), `"other": it is that of "undo"`) {
		t.Errorf("err = %v", err)
	}
}
