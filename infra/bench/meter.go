package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/warder-aws/warder/infra/local/moto"
)

// A meter is the endpoint of the functions in a measurement. It counts each call and forwards it to moto.
type meter struct {
	moto *httputil.ReverseProxy

	mu    sync.Mutex
	calls map[string]int // by operation, such as iam:ListAccessKeys
	open  map[string]int // calls without an answer yet, by service
	most  map[string]int // the most of them at once, by service
	// refuse returns the error code to refuse a call with, empty for none; nil refuses no call.
	refuse func(operation string) (code string)
	// latency is added to every call.
	latency time.Duration
}

// scope finds the service in the signature of a request.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
var scope = regexp.MustCompile(`Credential=[^/,]+/\d*/[^/,]+/([^/,]+)/aws4_request`)

// ServeHTTP serves one call.
func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	service, name := "", r.Method
	if found := scope.FindStringSubmatch(r.Header.Get("Authorization")); found != nil {
		service = found[1]
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		name = target[strings.LastIndex(target, ".")+1:]
	} else if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" {
		name = form.Get("Action")
	}
	code := m.begin(service, service+":"+name)
	defer m.end(service)
	time.Sleep(m.latency)
	if code != "" {
		// As services answer that speak the query protocol, such as IAM and SNS:
		// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "<ErrorResponse><Error><Type>Sender</Type><Code>"+code+"</Code>"+
			"<Message>refused</Message></Error></ErrorResponse>")
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	m.moto.ServeHTTP(w, r)
}

func (m *meter) begin(service, operation string) (code string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[operation]++
	m.open[service]++
	m.most[service] = max(m.most[service], m.open[service])
	if m.refuse == nil {
		return ""
	}
	return m.refuse(operation)
}

func (m *meter) end(service string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open[service]--
}

// newMeter returns a meter before moto at the address.
func newMeter(address string) (*meter, error) {
	to, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("meter %s: %w", address, err)
	}
	m := &meter{moto: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Set("X-Moto-Account-Id", moto.AccountID)
	}}}
	m.reset()
	return m, nil
}

// reset sets all counts to zero.
func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls, m.open, m.most = map[string]int{}, map[string]int{}, map[string]int{}
}

// counted returns the calls since reset, by operation.
func (m *meter) counted() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.calls)
}
