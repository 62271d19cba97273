package awsjson_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/awsjson"
)

// service answers with each of the responses, in order, and the last one again and again.
type service struct {
	responses []response
	heard     []map[string]string
}

type response struct {
	status     int
	kind, body string
}

func (s *service) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	authorization, _, _ := strings.Cut(r.Header.Get("Authorization"), "/")
	s.heard = append(s.heard, map[string]string{
		"url": r.URL.String(), "method": r.Method, "target": r.Header.Get("X-Amz-Target"), "body": string(body),
		"type": r.Header.Get("Content-Type"), "signed": authorization, "token": r.Header.Get("X-Amz-Security-Token"),
	})
	next := s.responses[0]
	if len(s.responses) > 1 {
		s.responses = s.responses[1:]
	}
	header := http.Header{}
	if next.kind != "" {
		header.Set("X-Amzn-Errortype", next.kind)
	}
	return &http.Response{StatusCode: next.status, Header: header, Body: io.NopCloser(strings.NewReader(next.body))}, nil
}

func (s *service) config() aws.Config {
	return aws.Config{
		Region: "eu-west-1", HTTPClient: s,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "s", "token"),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 1 })
		},
	}
}

type input struct{ Name string }

type output struct {
	Parameter struct{ Value string }
	Blob      []byte
}

// The judge is the client of the SDK.
func TestCall(t *testing.T) {
	answer := response{200, "", `{"Parameter":{"Value":"no","Version":1},"Blob":"AQI="}`}
	own, sdk := &service{responses: []response{answer}}, &service{responses: []response{answer}}
	if _, err := ssm.NewFromConfig(sdk.config()).GetParameter(t.Context(), &ssm.GetParameterInput{
		Name: aws.String("/warder/slack"),
	}); err != nil {
		t.Fatal(err)
	}
	out, err := awsjson.Call[output](t.Context(), awsjson.New(own.config(), "SSM", "AmazonSSM"), "GetParameter",
		input{"/warder/slack"})
	if err != nil || out.Parameter.Value != "no" || string(out.Blob) != "\x01\x02" {
		t.Errorf("%+v, %v", out, err)
	}
	if diff := cmp.Diff(sdk.heard, own.heard); diff != "" {
		t.Errorf("requests (-of the SDK +of the package):\n%s", diff)
	}
}

func TestCall_Failures(t *testing.T) {
	const denied = `{"__type":"com.amazonaws.ssm#AccessDeniedException","Message":"not you"}`
	good := response{200, "", `{}`}
	for _, tt := range []struct {
		name      string
		responses []response
		code      string // of the error; empty for none
		calls     int
	}{
		{"denied", []response{{400, "", denied}}, "AccessDeniedException", 1},
		{"the kind in a header", []response{{400, "ParameterNotFound:http://x", `{}`}}, "ParameterNotFound", 1},
		{"a failure that passes", []response{{500, "", "<html>"}, good}, "", 2},
		{"throttled, then not", []response{{400, "", `{"__type":"ThrottlingException"}`}, good}, "", 2},
		{"a failure that stays", []response{{503, "", ""}}, "UnknownError", 3},
		{"a redirect", []response{{302, "", ""}}, "UnknownError", 1},
		{"nothing", []response{{200, "", ""}}, "", 1},
		{"no JSON", []response{{200, "", "<html>"}}, "-", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &service{responses: tt.responses}
			_, err := awsjson.Call[output](t.Context(), awsjson.New(s.config(), "SSM", "AmazonSSM"), "GetParameter", input{"x"})
			var operation *smithy.OperationError
			var api smithy.APIError
			var syntax *json.SyntaxError
			switch {
			case tt.code == "" && err != nil, tt.code != "" && !errors.As(err, &operation):
				t.Errorf("error %v", err)
			case tt.code == "-" && !errors.As(err, &syntax):
				t.Errorf("error %v", err)
			case tt.code != "" && tt.code != "-" && (!errors.As(err, &api) || api.ErrorCode() != tt.code):
				t.Errorf("error %v, want %s", err, tt.code)
			}
			if len(s.heard) != tt.calls {
				t.Errorf("%d calls, want %d", len(s.heard), tt.calls)
			}
		})
	}
}
