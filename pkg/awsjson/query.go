package awsjson

import (
	"cmp"
	"context"
	"encoding/xml"
	"io"
	"iter"
	"net/http"
	"net/url"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Query makes a call of a service that takes a form and answers with XML, as EC2 and RDS do: their clients in the SDK
// are the largest of all.
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
// https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html
func Query[Out any](
	ctx context.Context, c *Client, operation string, in interface{ Form() url.Values },
) (*Out, error) {
	encode := func(any) ([]byte, error) {
		form := in.Form()
		form.Set("Action", operation)
		form.Set("Version", c.Target)
		return []byte(form.Encode()), nil
	}
	return send[Out](ctx, c, operation, in, protocol{http.MethodPost, "", encode, map[string]string{
		"Content-Type": "application/x-www-form-urlencoded",
	}, readXML})
}

// Pages yields what is in all pages of a list, or the first error. page returns what is in the page that a token names,
// the empty one the first, and the token of the next, which is empty after the last.
func Pages[T any](page func(token string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for token := ""; ; {
			items, next, err := page(token)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if token = next; token == "" {
				return
			}
		}
	}
}

// maxAnswer is how much is read of an answer, 32 MiB: more than any of them has. A page of 500 snapshots, each with the
// 50 longest tags, has about 12.
const maxAnswer = 32 << 20

// readXML reads an answer: the output, or an error that has a code.
func readXML(response *smithyhttp.Response, result any) error {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return &smithy.DeserializationError{Err: err}
	}
	if response.StatusCode >= http.StatusOK && response.StatusCode < http.StatusMultipleChoices {
		if err := xml.Unmarshal(body, result); err != nil {
			return &smithy.DeserializationError{Err: err}
		}
		return nil
	}
	type fault struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	var failure struct {
		Error fault `xml:"Error"`        // most services
		EC2   fault `xml:"Errors>Error"` // EC2
	}
	_ = xml.Unmarshal(body, &failure) // a proxy's answer has neither
	return &smithyhttp.ResponseError{Response: response, Err: &smithy.GenericAPIError{
		Code:    cmp.Or(failure.Error.Code, failure.EC2.Code, "UnknownError"),
		Message: cmp.Or(failure.Error.Message, failure.EC2.Message),
	}}
}
