package bench

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// A meter is the endpoint that functions have in a measurement: it hands each call to moto, and counts
// it.
type meter struct {
	moto    string // URL
	account string

	mu     sync.Mutex
	calls  map[string]int // by operation, such as iam:ListAccessKeys
	flying map[string]int // calls that are under way, by service
	most   map[string]int // how many were at once, by service
	// refuse is the code of the error that a call is refused with, empty for one that is not; nil refuses
	// none.
	refuse func(operation string) (code string)
	// latency is how long the network takes for a call.
	latency time.Duration
}

// scope is where a request that is signed says which service it is for.
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
		_, _ = io.WriteString(w, "<ErrorResponse><Error><Type>Sender</Type><Code>"+code+"</Code><Message>refused</Message></Error></ErrorResponse>")
		return
	}
	forwarded, err := http.NewRequestWithContext(r.Context(), r.Method, m.moto+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	forwarded.Header = r.Header.Clone()
	forwarded.Header.Set("X-Moto-Account-Id", m.account)
	response, err := http.DefaultTransport.RoundTrip(forwarded)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	for _, header := range []string{"Content-Type", "X-Amzn-Errortype", "X-Amz-Crc32"} {
		if value := response.Header.Get(header); value != "" {
			w.Header().Set(header, value)
		}
	}
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

func (m *meter) begin(service, operation string) (code string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[operation]++
	m.flying[service]++
	m.most[service] = max(m.most[service], m.flying[service])
	if m.refuse == nil {
		return ""
	}
	return m.refuse(operation)
}

func (m *meter) end(service string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flying[service]--
}

// reset begins to count anew.
func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls, m.flying, m.most = map[string]int{}, map[string]int{}, map[string]int{}
}

// counted are the calls since reset, by operation.
func (m *meter) counted() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.calls)
}
