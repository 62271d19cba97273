package sendemail

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/mailstate"
	"github.com/warder-aws/warder/pkg/notice"
)

// service is Amazon SES, of which one operation is used. Its client in the SDK would be most of the function.
type service interface {
	// SendEmail returns the id that SES gave the mail.
	SendEmail(context.Context, *email) (string, error)
}

// topics are the topics of the stack that addresses are subscribed to.
type topics interface {
	// Publish sends a text to who is subscribed to the topic, and to nobody but the owner if one is given.
	Publish(ctx context.Context, topic, owner, subject, text string) error
}

// maxMessage is the longest text that SNS takes, in bytes, with room for attributes.
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
const maxMessage = 250_000

type snsTopics struct{ api notice.SNS }

// Publish implements [topics].
func (t snsTopics) Publish(ctx context.Context, topic, owner, subject, text string) error {
	text = notice.Truncate(text, maxMessage)
	in := &sns.PublishInput{TopicArn: &topic, Subject: &subject, Message: &text}
	if owner != "" {
		in.MessageAttributes = map[string]types.MessageAttributeValue{
			"owner": {DataType: aws.String("String"), StringValue: &owner},
		}
	}
	_, err := t.api.Publish(ctx, in)
	return err
}

// email is the input of SendEmail.
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
type email struct {
	From        string `json:"FromEmailAddress"`
	Destination struct {
		To []string `json:"ToAddresses"`
	}
	Content struct {
		Simple struct {
			Subject text
			Body    struct{ Text text }
			Headers []header `json:",omitempty"`
		}
	}
	Set string `json:"ConfigurationSetName"`
}

type (
	text   struct{ Data, Charset string }
	header struct{ Name, Value string }
)

// newEmail is a mail of plain text.
func newEmail(from, to, set, body string, c conversation) *email {
	e := &email{From: from, Set: set}
	e.Destination.To = []string{to}
	e.Content.Simple.Subject = text{c.subject, "UTF-8"}
	e.Content.Simple.Body.Text = text{body, "UTF-8"}
	e.Content.Simple.Headers = c.headers(from)
	return e
}

type ses struct{ client *awsjson.Client }

func newSES(cfg aws.Config) ses { return ses{mailstate.Client(cfg)} }

// SendEmail implements [service].
func (s ses) SendEmail(ctx context.Context, e *email) (string, error) {
	out, err := awsjson.Post[struct {
		MessageID string `json:"MessageId"`
	}](ctx, s.client, "SendEmail", "v2/email/outbound-emails", e)
	if err != nil {
		return "", err
	}
	return out.MessageID, nil
}
