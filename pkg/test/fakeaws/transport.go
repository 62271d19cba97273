package fakeaws

import (
	"fmt"
	"net/http"
)

// transport refuses what gets past the middleware: the account in memory has no network.
type transport struct{}

// Do implements [aws.HTTPClient].
func (transport) Do(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Host, errNoNetwork)
}
