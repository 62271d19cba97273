package function

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/remedy"
)

const key = "AKIAIOSFODNN7EXAMPLE"

func TestTheLogHasOneLineAnInvocationWithoutWholeKeyIDs(t *testing.T) {
	for _, err := range []error{nil, errors.New("update access key " + key + ": Throttling")} {
		var out bytes.Buffer
		log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: redact}))
		logged(context.Background(), log, remedy.Invocation{ID: "r-1"}, err, "reason", "access key "+key)
		line := out.String()
		if strings.Count(line, "\n") != 1 || !strings.Contains(line, `"request_id":"r-1"`) {
			t.Errorf("log %q", line)
		}
		if strings.Contains(line, key) || !strings.Contains(line, "…MPLE") {
			t.Errorf("log %q holds a whole access key id, or not its end", line)
		}
		if failed := strings.Contains(line, `"level":"ERROR"`) && strings.Contains(line, "Throttling"); failed != (err != nil) {
			t.Errorf("log %q of error %v", line, err)
		}
	}
}

func TestReleaseIsToldFromAnEvent(t *testing.T) {
	for _, tc := range []struct {
		name, raw string
		want      remedy.ReleaseRequest
		ok        bool
	}{
		{"a release", `{"release":{"by":"kim","reason":"right"}}`, remedy.ReleaseRequest{By: "kim", Reason: "right"}, true},
		{"a release without a reason, which Release refuses", `{"release":{}}`, remedy.ReleaseRequest{}, true},
		{"an event", `{"source":"aws.iam","detail":{"release":{"by":"mallory","reason":"x"}}}`, remedy.ReleaseRequest{}, false},
		{"null", `{"release":null}`, remedy.ReleaseRequest{}, false},
		{"no JSON", `{`, remedy.ReleaseRequest{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := release([]byte(tc.raw))
			if diff := cmp.Diff(tc.want, got); diff != "" || ok != tc.ok {
				t.Errorf("ok %v (-want +got):\n%s", ok, diff)
			}
		})
	}
}

func TestTheEnvironmentIsAllThatConfiguresAWS(t *testing.T) {
	set := func(region, id, endpoint string) {
		t.Setenv("AWS_REGION", region)
		t.Setenv("AWS_DEFAULT_REGION", "")
		t.Setenv("AWS_ACCESS_KEY_ID", id)
		t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
		t.Setenv("AWS_SESSION_TOKEN", "token")
		t.Setenv("AWS_ENDPOINT_URL", endpoint)
	}
	set("us-east-1", key, "http://127.0.0.1:1")
	cfg, err := environment()
	if err != nil || cfg.Region != "us-east-1" || cfg.BaseEndpoint == nil || *cfg.BaseEndpoint != "http://127.0.0.1:1" {
		t.Errorf("configuration %+v, %v", cfg, err)
	}
	if credentials, err := cfg.Credentials.Retrieve(context.Background()); err != nil || credentials.AccessKeyID != key || credentials.SessionToken != "token" {
		t.Errorf("credentials are not those of the environment (%v)", err)
	}
	for name, values := range map[string][2]string{"no region": {"", key}, "no credentials": {"us-east-1", ""}} {
		set(values[0], values[1], "")
		if _, err := environment(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAFunctionOfAnotherNameDoesNotStart(t *testing.T) {
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "warder-other")
	_, err := setUp([]byte(`{"id":"undo"}`), nil, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), `"undo" differs from its folder "other"`) {
		t.Errorf("err = %v", err)
	}
}
