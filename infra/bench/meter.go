package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warder-aws/warder/infra/local/moto"
)

// A meter is the endpoint of the functions in a measurement. It counts each call and forwards it to moto.
type meter struct {
	http.Server
	moto        *httputil.ReverseProxy
	connections atomic.Int64 // how many were made

	mu    sync.Mutex
	calls map[string]int // by operation, such as iam:ListAccessKeys
	open  map[string]int // calls without an answer yet, by service
	most  map[string]int // the most of them at once, by service

	refuse  func(operation string) (code string) // the error code to refuse a call with, empty for none
	latency time.Duration                        // is added to every call
}

// startMeter starts a meter before moto at the address, and returns its own address.
func startMeter(ctx context.Context, address string) (*meter, string, error) {
	to, err := url.Parse(address)
	if err != nil {
		return nil, "", fmt.Errorf("meter %s: %w", address, err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("listen: %w", err)
	}
	m := &meter{
		moto: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Set("X-Moto-Account-Id", moto.AccountID)
		}},
		refuse: func(string) string { return "" },
	}
	m.reset()
	m.Handler, m.ReadHeaderTimeout = http.HandlerFunc(m.serve), 10*time.Second
	m.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			m.connections.Add(1)
		}
	}
	go func() { _ = m.Serve(listener) }()
	return m, "http://" + listener.Addr().String(), nil
}

// scope finds the service in the signature of a request.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
var scope = regexp.MustCompile(`Credential=[^/,]+/\d*/[^/,]+/([^/,]+)/aws4_request`)

func (m *meter) serve(w http.ResponseWriter, r *http.Request) {
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
	code := m.count(service, name)
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.open[service]--
	}()
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

// count counts a call that begins, and returns the code to refuse it with.
func (m *meter) count(service, name string) (code string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[service+":"+name]++
	m.open[service]++
	m.most[service] = max(m.most[service], m.open[service])
	return m.refuse(service + ":" + name)
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
