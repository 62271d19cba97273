package notice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/warder-aws/warder/pkg/i18n"
)

// An SNS message has at most 262,144 bytes, its attributes included
// (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html); room is left for them.
const maxMessage = 262_144 - 4096

// maxBody is the longest email, maxField the longest text in a message, in bytes; maxItems is how many facts or changes
// it lists.
const (
	maxBody  = 32_000
	maxField = 4_000
	maxItems = 50
)

// SNS lists the operation that [Topic] uses.
type SNS interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// Topic publishes notices to one SNS topic.
type Topic struct {
	API SNS
	ARN string
	// UTF8 has subjects in the language of the notice; else they are in English and ASCII.
	UTF8 bool
}

// Publish sends the message and returns the id that SNS gave it. Subscribers can filter by the attributes control,
// severity, kind, account and, when there is one, owner, in lower case; and by drill, which only notices of a drill
// have: who must not be woken by one subscribes with the filter policy {"drill":[{"exists":false}]}.
func (t Topic) Publish(ctx context.Context, m Message) (string, error) {
	body, err := m.Bodies()
	if err != nil {
		return "", err
	}
	m = m.plain()
	attributes := map[string]types.MessageAttributeValue{}
	for name, value := range map[string]string{
		"control": m.Control, "severity": m.Severity, "kind": string(m.Kind), "account": m.Account,
		"owner": strings.ToLower(m.Owner), "drill": m.Drill, // SNS compares exactly
	} {
		if value != "" {
			attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
		}
	}
	subject := m.Line()
	if t.UTF8 {
		subject = m.Headline()
	}
	out, err := t.API.Publish(ctx, &sns.PublishInput{
		TopicArn: &t.ARN, Subject: &subject, Message: &body,
		MessageStructure: aws.String("json"), MessageAttributes: attributes,
	})
	if err != nil {
		return "", fmt.Errorf("publish notice %s: %w", m.ID, err)
	}
	return aws.ToString(out.MessageId), nil
}

// Bodies is the SNS message with one body for each protocol
// (https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html). What is
// too long is cut; the more JSON has to escape, the shorter it is cut.
func (m Message) Bodies() (string, error) {
	bodies, _, err := m.fitting()
	return bodies, err
}

// Sum is that of the body for functions: see [Sum].
func (m Message) Sum() (string, error) {
	_, data, err := m.fitting()
	return Sum(data), err
}

// Sum is a digest of the body for functions, by which a notice is known that was published: the ledger keeps it.
func Sum(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// fitting returns all bodies, as SNS takes them, and the one for functions.
func (m Message) fitting() (bodies, data string, err error) {
	m = m.plain()
	for field, items := maxField, maxItems; ; field, items = field/2, items/2 {
		bodies, data, err = m.cut(field, items).bodies()
		if err != nil || len(bodies) <= maxMessage {
			return bodies, data, err
		}
		if field == 0 {
			err = fmt.Errorf("notice %s has %d bytes with everything cut: SNS takes %d", m.ID, len(bodies), maxMessage)
			return "", "", err
		}
	}
}

func (m Message) bodies() (all, body string, err error) {
	data, err := json.Marshal(m)
	if err != nil {
		return "", "", fmt.Errorf("encode notice %s: %w", m.ID, err)
	}
	chat, err := json.Marshal(m.chat())
	if err != nil {
		return "", "", fmt.Errorf("encode notice %s for chat: %w", m.ID, err)
	}
	email := m.email()
	bodies, err := json.Marshal(map[string]string{
		"default": email, "email": email, "sms": m.sms(),
		"sqs": string(data), "lambda": string(data), "https": string(chat),
	})
	return string(bodies), string(data), err
}

// cut returns the message with texts of at most field bytes and lists of at most items.
func (m Message) cut(field, items int) Message {
	m.Title, m.Heading = Truncate(m.Title, 200), Truncate(m.Heading, 200)
	m.Subject, m.Owner, m.By = Truncate(m.Subject, 400), Truncate(m.Owner, 400), Truncate(m.By, 400)
	for _, text := range []*string{&m.Text, &m.UnchangedReason, &m.Advice} {
		*text = Truncate(*text, field)
	}
	facts, changes := m.Facts, m.Changes
	m.Facts, m.Changes = nil, nil
	for _, f := range facts[:min(items, len(facts))] {
		m.Facts = append(m.Facts, Fact{Truncate(f.Name, 60), Truncate(f.Value, field/8)})
	}
	if n := len(facts) - items; n > 0 {
		more := i18n.T("%d more facts are in the ledger", n).In(m.Language)
		m.Facts = append(m.Facts, Fact{i18n.T("More").In(m.Language), more})
	}
	for _, c := range changes[:min(items, len(changes))] {
		c.Text, c.Reason, c.Open = Truncate(c.Text, field/8), Truncate(c.Reason, field/8), Truncate(c.Open, field/8)
		c.Brief = Truncate(c.Brief, 200)
		m.Changes = append(m.Changes, c)
	}
	if n := len(changes) - items; n > 0 {
		m.Changes = append(m.Changes, Change{Text: i18n.T("and %d more in the ledger", n).In(m.Language)})
	}
	return m
}

// custom is the schema of custom notifications of Amazon Q Developer in chat applications
// (https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html).
type custom struct {
	Version string `json:"version"`
	Source  string `json:"source"`
	ID      string `json:"id"`
	Content struct {
		TextType    string   `json:"textType"`
		Title       string   `json:"title"`
		Description string   `json:"description"`
		NextSteps   []string `json:"nextSteps,omitempty"`
		Keywords    []string `json:"keywords,omitempty"`
	} `json:"content"`
	Metadata struct {
		ThreadID          string            `json:"threadId"`
		Summary           string            `json:"summary"`
		EventType         string            `json:"eventType"`
		RelatedResources  []string          `json:"relatedResources,omitempty"`
		AdditionalContext map[string]string `json:"additionalContext"`
		// EnableCustomActions lets the buttons be shown whose variables the context has.
		EnableCustomActions bool `json:"enableCustomActions"`
	} `json:"metadata"`
}

// What the buttons of a chat find in the additional context: ids for explain and for undo, the latter when there is
// something to undo.
const (
	ChatFinding = "finding"
	ChatUndo    = "undo"
)

// escape makes the characters harmless that a chat reads as its own in texts of others: mentions of everybody, links
// that show another address, in Slack's markup (https://docs.slack.dev/messaging/formatting-message-text#escaping) and
// in that of Teams (https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format).
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "](", "] (").Replace

// chat keeps the limits of that schema: title 250 characters, description 8,000, a next step 350, a keyword 75. Counted
// in bytes here, which is never more lenient.
func (m Message) chat() custom {
	var text strings.Builder
	text.WriteString(escape(i18n.Sentences(m.State(), i18n.Literal(m.Text)).In(m.Language)))
	for i, c := range m.Changes {
		if i == 0 {
			fmt.Fprintf(&text, "\n%s", m.ChangesHeading().In(m.Language))
		}
		fmt.Fprintf(&text, "\n- %s", escape(c.Describe().In(m.Language)))
	}
	if m.UnchangedReason != "" {
		fmt.Fprintf(&text, "\n%s", escape(i18n.T("Not changed: %s", m.UnchangedReason).In(m.Language)))
	}
	if Member(m.OwnerSlack) {
		fmt.Fprintf(&text, "\n*%s*: <@%s> %s", i18n.T("Owner").In(m.Language), m.OwnerSlack, escape(m.Owner))
	}
	for _, f := range m.Facts {
		fmt.Fprintf(&text, "\n*%s*: %s", escape(f.Name), escape(f.Value))
	}
	c := custom{Version: "1.0", Source: "custom", ID: m.ID}
	c.Content.TextType, c.Content.Title = "client-markdown", Plain(escape(m.Headline()), 250)
	c.Content.Description = Truncate(text.String(), 8000)
	c.Content.Keywords = []string{Truncate(m.Control, 75), m.Severity}
	command := m.Command()
	undo := i18n.Or(command, m.final()).In(m.Language)
	for _, step := range []string{m.Advice, undo, m.Runbook} {
		if step != "" {
			c.Content.NextSteps = append(c.Content.NextSteps, Truncate(escape(step), 350))
		}
	}
	about := &c.Metadata
	about.ThreadID, about.Summary, about.EventType = m.Thread, c.Content.Title, string(m.Kind)
	about.EnableCustomActions = true
	if m.Subject != "" {
		about.RelatedResources = []string{escape(m.Subject)}
	}
	about.AdditionalContext = map[string]string{"account": m.Account, "control": m.Control,
		"owner": escape(m.Owner), "subject": escape(m.Subject)}
	if ID(m.Finding) {
		about.AdditionalContext[ChatFinding] = m.Finding
		if !command.Empty() {
			about.AdditionalContext[ChatUndo] = m.Finding
		}
	}
	return c
}
