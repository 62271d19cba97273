package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// A Client calls what a local account has beside AWS's APIs, in this process or in another.
type Client struct{ URL string }

// At is a client of the account at url.
func At(url string) Client { return Client{url} }

// An answer is that of a request, read to its end.
type answer struct {
	code   int
	status string
	header http.Header
	body   []byte
}

// request makes one request.
func (c Client) request(ctx context.Context, method, path string, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Status, response.Header, text}, err
}

// do makes one request. The answer is JSON that is read into the value, unless that is nil.
func (c Client) do(ctx context.Context, method, path string, body []byte, into any) error {
	got, err := c.request(ctx, method, path, body)
	switch {
	case err != nil:
		return err
	case got.code/100 != 2:
		return fmt.Errorf("%s: %s", got.status, oneLine(string(got.body)))
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(got.body, into); err != nil {
		return fmt.Errorf("%s is no local account: %w", c.URL, err)
	}
	return nil
}

func oneLine(text string) string { return notice.Plain(strings.Join(strings.Fields(text), " "), 120) }

// post sends a JSON document.
func (c Client) post(ctx context.Context, path string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, data, nil)
}

// Send puts one event on the bus, and waits until its functions, and those that their changes start, are
// done.
func (c Client) Send(ctx context.Context, event []byte) ([]endpoint.Delivery, error) {
	var deliveries []endpoint.Delivery
	err := c.do(ctx, http.MethodPost, "/_warder/send", event, &deliveries)
	return deliveries, err
}

// Age makes a user or an access key older than it is.
func (c Client) Age(ctx context.Context, age moto.Age) error { return c.post(ctx, "/_warder/age", age) }

// Fail makes calls of functions fail, until [Client.EndFaults].
func (c Client) Fail(ctx context.Context, fault endpoint.Fault) error {
	return c.post(ctx, "/_warder/fault", fault)
}

// EndFaults ends all faults.
func (c Client) EndFaults(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/_warder/fault", nil, nil)
}

// Idle waits until no function has anything left to do.
func (c Client) Idle(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/_warder/idle", nil, nil)
}

// Calls are the AWS calls that were made with the templates' roles.
func (c Client) Calls(ctx context.Context) ([]endpoint.Call, error) {
	var calls []endpoint.Call
	err := c.do(ctx, http.MethodGet, "/_warder/calls", nil, &calls)
	return calls, err
}

// TakeCalls returns the calls that were made since it was called last.
func (c Client) TakeCalls(ctx context.Context) ([]endpoint.Call, error) {
	calls, err := c.Calls(ctx)
	if err != nil {
		return nil, err
	}
	return calls, c.do(ctx, http.MethodDelete, "/_warder/calls", nil, nil)
}

// Invoke calls the function of a control and returns its answer. The endpoint checks no signature.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (c Client) Invoke(ctx context.Context, control string, payload []byte) ([]byte, error) {
	name := settings.FunctionName(control)
	got, err := c.request(ctx, http.MethodPost, "/2015-03-31/functions/"+name+"/invocations", payload)
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", name, err)
	}
	var problem struct{ ErrorMessage, Message string }
	_ = json.Unmarshal(got.body, &problem) // an answer of the function's own has neither
	switch {
	case got.code != http.StatusOK:
		return nil, fmt.Errorf("invoke %s: %s: %s", name, got.status, oneLine(problem.Message))
	case got.header.Get("X-Amz-Function-Error") != "":
		return nil, fmt.Errorf("%s failed: %s", name, oneLine(problem.ErrorMessage))
	}
	return got.body, nil
}
