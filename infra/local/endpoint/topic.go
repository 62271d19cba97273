package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A Listener is a function that subscribes a topic.
type Listener struct {
	Subscription string // ARN
	Topic        string // ARN
	Function     string // name
	Redrive      string // the policy for what it cannot be handed, as JSON; empty for none
}

// subscriptions lists a topic's subscriptions, with the functions that moto does not know of.
func (h *Handler) subscriptions(ctx context.Context, req request) answer {
	result := h.forward(ctx, req)
	var more bytes.Buffer
	for _, l := range h.listeners() {
		if l.Topic != req.form.Get("TopicArn") {
			continue
		}
		member := struct {
			XMLName                                              xml.Name `xml:"member"`
			SubscriptionArn, TopicArn, Protocol, Endpoint, Owner string
		}{
			SubscriptionArn: l.Subscription, TopicArn: l.Topic, Protocol: "lambda", Endpoint: h.functionARN(l.Function),
			Owner: h.Account,
		}
		if err := xml.NewEncoder(&more).Encode(member); err != nil {
			return failure(req, http.StatusInternalServerError, "InternalError", err.Error())
		}
	}
	if result.status == http.StatusOK && more.Len() > 0 {
		result.body = bytes.Replace(result.body, []byte("<Subscriptions/>"), []byte("<Subscriptions></Subscriptions>"), 1)
		result.body = bytes.Replace(result.body, []byte("</Subscriptions>"), append(more.Bytes(), "</Subscriptions>"...), 1)
	}
	return result
}

// publish publishes to a topic and starts the functions that subscribe it.
func (h *Handler) publish(ctx context.Context, req request) answer {
	if h.keyOff(req.form.Get("TopicArn")) {
		// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors
		return failure(req, http.StatusBadRequest, "KMSDisabled", "The key of the topic is disabled.")
	}
	result := h.forward(ctx, req)
	if result.status != http.StatusOK {
		return result
	}
	var published struct {
		ID string `xml:"PublishResult>MessageId"`
	}
	if err := xml.Unmarshal(result.body, &published); err != nil {
		return failure(req, http.StatusInternalServerError, "InternalError", "moto's answer to Publish: "+err.Error())
	}
	if h.Functions[req.accessKey] == "" { // of what a function publishes, its ledger has the record when it ends
		h.queued()
	}
	for _, listener := range h.listeners() {
		if listener.Topic != req.form.Get("TopicArn") {
			continue
		}
		event, err := json.Marshal(map[string]any{"Records": []record{newRecord(listener, req.form, published.ID)}})
		if err == nil {
			_, err = h.Lambda.Send(listener.Function, event)
		}
		if err != nil {
			return failure(req, http.StatusInternalServerError, "InternalError", err.Error())
		}
	}
	return result
}

// record is a message as SNS hands it to a function.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
type record struct {
	EventSource          string
	EventVersion         string
	EventSubscriptionArn string
	Sns                  message
}

type message struct {
	Type              string
	MessageID         string `json:"MessageId"`
	TopicArn          string
	Subject           *string // null without one
	Message           string
	Timestamp         string
	SignatureVersion  string
	Signature         string
	SigningCertURL    string `json:"SigningCertUrl"`
	UnsubscribeURL    string `json:"UnsubscribeUrl"`
	MessageAttributes map[string]attribute
}

type attribute struct{ Type, Value string }

// newRecord makes the record of what was published. The signature is none: nobody could check it.
func newRecord(listener Listener, form url.Values, id string) record {
	m := message{
		Type: "Notification", MessageID: id, TopicArn: listener.Topic, Message: form.Get("Message"),
		Timestamp:        time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		SignatureVersion: "1", Signature: "none", SigningCertURL: "none", UnsubscribeURL: "none",
		MessageAttributes: map[string]attribute{},
	}
	if subject := form.Get("Subject"); subject != "" {
		m.Subject = &subject
	}
	if form.Get("MessageStructure") == "json" {
		var bodies map[string]string
		_ = json.Unmarshal([]byte(m.Message), &bodies) // SNS, and so moto, refuses what is none
		m.Message = bodies["default"]
		if body, ok := bodies["lambda"]; ok {
			m.Message = body
		}
	}
	for i := 1; ; i++ {
		at := "MessageAttributes.entry." + strconv.Itoa(i) + "."
		name := form.Get(at + "Name")
		if name == "" {
			break
		}
		m.MessageAttributes[name] = attribute{
			form.Get(at + "Value.DataType"), form.Get(at+"Value.StringValue") + form.Get(at+"Value.BinaryValue"),
		}
	}
	return record{EventSource: "aws:sns", EventVersion: "1.0", EventSubscriptionArn: listener.Subscription, Sns: m}
}
