package fakeaws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Topic is a topic of SNS. It keeps what is published; nothing subscribes it.
type Topic struct {
	Messages []Message `json:"messages,omitempty"`
}

// Message is a message of a topic.
type Message struct {
	ID         string            `json:"id"`
	Subject    string            `json:"subject,omitempty"`
	Body       string            `json:"body"` // with one body for each protocol, the JSON of them
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Queue is a queue of SQS.
type Queue struct {
	Messages []Queued `json:"messages,omitempty"`
}

// Queued is a message of a queue.
type Queued struct {
	Body string    `json:"body"`
	Sent time.Time `json:"sent"`
	// Receipt is that of the last time that it was received, until Hidden it is not received again.
	Receipt  string    `json:"receipt,omitempty"`
	Hidden   time.Time `json:"hidden,omitzero"`
	Received int32     `json:"received,omitempty"`
}

// Bus is an event bus. It keeps what is put; no rule matches it.
type Bus struct {
	Events []Put `json:"events,omitempty"`
}

// Put is an event that was put on a bus.
type Put struct {
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	DetailType string    `json:"detailType"`
	Detail     Document  `json:"detail"`
	Time       time.Time `json:"time"`
}

// maxMessage is how many bytes a message of SNS has at most, and the entries of one PutEvents; maxSubject
// how many characters a subject has
// (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
const (
	maxMessage = 262_144
	maxSubject = 100
)

// Publish keeps a message.
func (c call) Publish(in *sns.PublishInput) (any, error) {
	topic, ok := c.state.Topics[aws.ToString(in.TopicArn)]
	if !ok {
		return nil, &snstypes.NotFoundException{Message: new("Topic does not exist")}
	}
	message := Message{Subject: aws.ToString(in.Subject), Body: aws.ToString(in.Message)}
	size := len(message.Body)
	for name, value := range in.MessageAttributes {
		size += len(name) + len(aws.ToString(value.DataType)) + len(aws.ToString(value.StringValue)) + len(value.BinaryValue)
		put(&message.Attributes, name, aws.ToString(value.StringValue))
	}
	invalid := func(parameter, reason string) error {
		return &snstypes.InvalidParameterException{Message: new("Invalid parameter: " + parameter + " Reason: " + reason)}
	}
	var bodies struct {
		Default *string `json:"default"`
	}
	switch {
	case message.Body == "":
		return nil, invalid("Message", "Empty message")
	case size > maxMessage:
		return nil, invalid("Message", "Message too long")
	case in.Subject != nil && (message.Subject == "" || len([]rune(message.Subject)) > maxSubject ||
		strings.ContainsFunc(message.Subject, unicode.IsControl)):
		return nil, invalid("Subject", "")
	case aws.ToString(in.MessageStructure) == "json" &&
		(json.Unmarshal([]byte(message.Body), &bodies) != nil || bodies.Default == nil):
		return nil, invalid("MessageStructure", "No default entry in JSON message body")
	}
	message.ID = fmt.Sprintf("message-%d", len(topic.Messages)+1)
	topic.Messages = append(topic.Messages, message)
	return &sns.PublishOutput{MessageId: new(message.ID)}, nil
}

// visibility is how long a message that was received is hidden
// (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html).
const visibility = 30 * time.Second

func (c call) queue(url string) (*Queue, error) {
	queue, ok := c.state.Queues[url]
	if !ok {
		return nil, &sqstypes.QueueDoesNotExist{
			Message:           new("The specified queue does not exist."),
			ErrorCodeOverride: new("AWS.SimpleQueueService.NonExistentQueue"),
		}
	}
	return queue, nil
}

// ReceiveMessage returns messages that are not hidden, one unless it is asked for more. It never waits.
func (c call) ReceiveMessage(queue *Queue, in *sqs.ReceiveMessageInput) (any, error) {
	most := max(1, int(in.MaxNumberOfMessages))
	if most > 10 {
		return nil, refused("InvalidParameterValue", fmt.Sprintf(
			"Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", most))
	}
	out := &sqs.ReceiveMessageOutput{}
	for i := range queue.Messages {
		m := &queue.Messages[i]
		if len(out.Messages) == most || m.Hidden.After(c.time()) {
			continue
		}
		m.Received++
		m.Receipt = fmt.Sprintf("%d-%d-%s", i, m.Received, scramble(8, m.Body, m.Received))
		m.Hidden = c.time().Add(visibility)
		received := sqstypes.Message{Body: new(m.Body), MessageId: new(scramble(16, m.Body)), ReceiptHandle: new(m.Receipt)}
		for _, name := range in.MessageSystemAttributeNames {
			if name == sqstypes.MessageSystemAttributeNameSentTimestamp || name == sqstypes.MessageSystemAttributeNameAll {
				received.Attributes = map[string]string{"SentTimestamp": strconv.FormatInt(m.Sent.UnixMilli(), 10)}
			}
		}
		out.Messages = append(out.Messages, received)
	}
	return out, nil
}

// DeleteMessage deletes the message that has the receipt; one that is deleted already is no error.
func (c call) DeleteMessage(queue *Queue, in *sqs.DeleteMessageInput) (any, error) {
	queue.Messages = slices.DeleteFunc(queue.Messages, func(m Queued) bool {
		return m.Receipt != "" && m.Receipt == aws.ToString(in.ReceiptHandle)
	})
	return &sqs.DeleteMessageOutput{}, nil
}

// PutEvents puts events on their buses. One that is refused keeps no other from being put
// (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html).
func (c call) PutEvents(in *eventbridge.PutEventsInput) (any, error) {
	if len(in.Entries) < 1 || len(in.Entries) > 10 {
		return nil, refused("ValidationException", fmt.Sprintf("%d entries: want 1 to 10", len(in.Entries)))
	}
	out := &eventbridge.PutEventsOutput{}
	for _, entry := range in.Entries {
		bus, ok := c.state.Buses[aws.ToString(entry.EventBusName)]
		var object map[string]any
		var result ebtypes.PutEventsResultEntry
		switch {
		case !ok:
			return nil, &ebtypes.ResourceNotFoundException{
				Message: new("Event bus " + aws.ToString(entry.EventBusName) + " does not exist."),
			}
		case aws.ToString(entry.Source) == "" || aws.ToString(entry.DetailType) == "":
			result.ErrorCode = new("InvalidArgument")
		case json.Unmarshal([]byte(aws.ToString(entry.Detail)), &object) != nil:
			result.ErrorCode = new("MalformedDetail")
		default:
			put := Put{
				ID: fmt.Sprintf("event-%d", len(bus.Events)+1), Source: *entry.Source, DetailType: *entry.DetailType,
				Detail: Document(*entry.Detail), Time: *cmp.Or(entry.Time, new(c.time())),
			}
			bus.Events, result.EventId = append(bus.Events, put), &put.ID
		}
		if result.ErrorCode != nil {
			result.ErrorMessage = new("refused")
			out.FailedEntryCount++
		}
		out.Entries = append(out.Entries, result)
	}
	return out, nil
}
