package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/control"
)

func controls(t *testing.T) []control.Control {
	t.Helper()
	all, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRead(t *testing.T) {
	folder := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cdk := file("cdk.json", `{"app":"go run ./infra","output":"out","context":{"warder":{"hubRegion":"cn-north-1"}}}`)
	s, err := Read(cdk, controls(t))
	if err != nil || s.HubRegion != "cn-north-1" || s.Source != cdk || s.Synth != filepath.Join(folder, "out") {
		t.Errorf("cdk.json: %v, %s, %s, %s", err, s.HubRegion, s.Source, s.Synth)
	}
	s, err = Read(file("own.json", `{"hubRegion":"us-gov-west-1"}`), controls(t))
	if err != nil || s.HubRegion != "us-gov-west-1" || s.Synth != "" {
		t.Errorf("settings alone: %v, %s, %s", err, s.HubRegion, s.Synth)
	}
	if s, err = Read(file("none.json", `{"context":{"warder":{}}}`), controls(t)); err != nil ||
		s.HubRegion != "us-east-1" {
		t.Errorf("no settings: %v, %s", err, s.HubRegion)
	}
	for name, text := range map[string]string{
		"without.json": `{"context":{}}`, "app.json": `{"app":"go run ./infra"}`, "null.json": `null`, "list.json": `[]`,
	} {
		if _, err := Read(file(name, text), controls(t)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", text, err)
		}
	}
	var faults Faults
	if _, err = Read(file("wrong.json", `{"hubRegoin":"x","blastRadius":0}`), controls(t)); !errors.As(err, &faults) ||
		!strings.Contains(err.Error(), "hubRegoin") || !strings.Contains(err.Error(), "blastRadius") {
		t.Errorf("wrong settings: %v", err)
	}
	for _, path := range []string{file("text.json", "text"), filepath.Join(folder, "missing.json")} {
		if _, err := Read(path, controls(t)); err == nil || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// formation answers every request with a status and a body.
type formation struct {
	status int
	body   string
}

func (f formation) Do(r *http.Request) (*http.Response, error) {
	body := io.NopCloser(strings.NewReader(f.body))
	return &http.Response{StatusCode: f.status, Header: http.Header{}, Body: body, Request: r}, nil
}

func TestDeployed(t *testing.T) {
	template := func(text string) string {
		return "<GetTemplateResponse><GetTemplateResult><TemplateBody>" + text +
			"</TemplateBody></GetTemplateResult></GetTemplateResponse>"
	}
	failure := func(code, text string) string {
		return fmt.Sprintf("<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, text)
	}
	for _, tt := range []struct {
		name   string
		answer formation
		source string
		radius int
		fails  string
	}{
		{"deployed", formation{200, template(`{"Metadata":{"warder":{"blastRadius":3}},"Resources":{}}`)},
			"those of the stack warder in us-east-1", 3, ""},
		{"not deployed", formation{400, failure("ValidationError", "Stack with id warder does not exist")},
			"the defaults: there is no stack warder in us-east-1", 10, ""},
		{"another's stack", formation{200, template(`{"Resources":{}}`)}, "", 0, "name a file: --settings cdk.json"},
		{"denied", formation{403, failure("AccessDenied", "no")}, "", 0, "access denied: no; or name a file"},
		{"wrong", formation{200, template(`{"Metadata":{"warder":{"blastRadius":0}}}`)}, "", 0, "blastRadius"},
		{"no template", formation{200, template(`text`)}, "", 0, "read the template of the stack warder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Deployed(t.Context(), aws.Config{
				Region: "us-east-1", HTTPClient: tt.answer, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
				Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
			}, controls(t))
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) || s.HubRegion != "us-east-1" {
					t.Errorf("error %v, hub %s", err, s.HubRegion)
				}
				return
			}
			if err != nil || s.Source != tt.source || s.BlastRadius != tt.radius || s.HubRegion != "us-east-1" {
				t.Errorf("%v, %q, blast radius %d, hub %s", err, s.Source, s.BlastRadius, s.HubRegion)
			}
		})
	}
}

func TestCause(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&smithy.GenericAPIError{Code: "ExpiredToken", Message: "old"},
			"AWS does not accept these credentials (ExpiredToken); " + login},
		{&smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}, "access denied: no"},
		{&smithy.GenericAPIError{Code: "Throttling", Message: "slow"}, "Throttling: slow"},
		{&url.Error{Op: "Post", URL: "http://127.0.0.1:1/x", Err: refused},
			"127.0.0.1:1 does not answer: dial tcp: connection refused; check the network and AWS_ENDPOINT_URL"},
		{context.Canceled, "context canceled"},
		{errors.New("plain"), "plain"},
	} {
		wrapped := &smithy.OperationError{ServiceID: "IAM", OperationName: "GetUser", Err: tt.err}
		if got := Cause(wrapped).Error(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestHubOf(t *testing.T) {
	for region, want := range map[string]string{
		"": "us-east-1", "eu-west-1": "us-east-1", "us-gov-east-1": "us-gov-west-1", "cn-northwest-1": "cn-north-1",
	} {
		if got := hubOf(region); got != want {
			t.Errorf("%s: %s, want %s", region, got, want)
		}
	}
}
