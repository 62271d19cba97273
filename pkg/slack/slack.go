// Package slack lays out notices as Slack messages, and posts them with a bot token or to an incoming webhook.
//
// Text from outside goes into rich text and plain text objects
// (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block), in which Slack interprets no markup, mentions or
// emoji names. The one text with markup, that of notifications, is escaped. Only the owner is mentioned, by a member
// id.
//
// No error contains the token or the webhook's address. The package never decides what to notify whom of.
package slack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/warder-aws/warder/pkg/lazyregexp"
)

// Client posts to one channel.
type Client struct {
	HTTP    *http.Client // see [NewHTTP]
	Channel string       // the channel's id; a webhook needs none: it has its own
	// Secret returns the bot token or the webhook's address. It is called again, with again set, when Slack refuses the
	// one before.
	Secret func(ctx context.Context, again bool) (string, error)
}

// tryTimeout is how long Slack may take to answer.
const tryTimeout = 10 * time.Second

// NewHTTP returns the HTTP client of a [Client]. It follows no redirect: only Slack gets the token and the notice. A
// local address, such as http://127.0.0.1:8080, replaces every server; it must be loopback.
func NewHTTP(local string) (*http.Client, error) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if local == "" {
		return client, nil
	}
	to, err := url.Parse(local)
	if err != nil || to.Scheme != "http" || !loopback(to.Hostname()) {
		return nil, errors.New("the address in place of Slack is not loopback")
	}
	client.Transport = redirectTo{to}
	return client, nil
}

func loopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

type redirectTo struct{ server *url.URL }

func (t redirectTo) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = t.server.Scheme, t.server.Host, ""
	return http.DefaultTransport.RoundTrip(r)
}

// Error is why a message was not posted. It contains neither the token nor the webhook's address.
type Error struct {
	Why  string // Slack's name for the error, or what happened
	Todo string // what to do about it; empty if unknown
	// Auth means that Slack refused the token or the webhook, Thread that the thread does not exist.
	Auth, Thread bool
	// Retry means that another try may succeed, but not before After: until then Slack takes nothing.
	Retry bool
	After time.Duration
	// Alone means that it is about this message: others may be taken.
	Alone bool
}

func (e *Error) Error() string {
	if e.Todo == "" {
		return "post to Slack: " + e.Why
	}
	return "post to Slack: " + e.Why + ": " + e.Todo
}

// Threads reports whether the secret can post in threads: a webhook cannot.
func (c *Client) Threads(ctx context.Context) (bool, error) {
	secret, err := c.Secret(ctx, false)
	return !webhook(secret), err
}

// Limit is the name of what Slack limits the rate of: the channel, or the webhook that stands for one.
func (c *Client) Limit(ctx context.Context) (string, error) {
	secret, err := c.Secret(ctx, false)
	if webhook(secret) {
		return "slack#webhook", err
	}
	return "slack#" + c.Channel, err
}

// Post posts the message, in the thread of the given root or, without one, in the channel. It returns the message's id,
// which is the root of a thread about it; a webhook returns none.
//
// It tries once: who calls keeps the rate, and knows when to try again. A refusal is returned as an [Error]. A message
// whose answer is lost may have been posted. A token that is refused may have been replaced: it is read again, and
// another one is worth another try.
func (c *Client) Post(ctx context.Context, p Post, thread string) (string, error) {
	secret, err := c.Secret(ctx, false)
	if err != nil {
		return "", err
	}
	id, err := c.once(ctx, secret, p, thread)
	var refused *Error
	if errors.As(err, &refused) && refused.Auth {
		fresh, err := c.Secret(ctx, true)
		if err != nil {
			return "", err
		}
		refused.Retry = refused.Retry || fresh != secret
	}
	return id, err
}

var hosts = []string{"hooks.slack.com", "hooks.slack-gov.com"}

func webhook(secret string) bool { return strings.HasPrefix(secret, "https://") }

func (c *Client) once(ctx context.Context, secret string, p Post, thread string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	if webhook(secret) {
		if u, err := url.Parse(secret); err != nil || !slices.Contains(hosts, u.Host) || u.User != nil {
			return "", &Error{
				Why:  "the secret is no address of a Slack webhook",
				Todo: "put one that begins with https://hooks.slack.com/ into it", Auth: true,
			}
		}
		unfurl := false
		err := api.PostWebhookCustomHTTPContext(ctx, secret, c.HTTP, &api.WebhookMessage{
			Text: p.Text, Blocks: &api.Blocks{BlockSet: p.Blocks}, Attachments: p.attachments(),
			UnfurlLinks: &unfurl, UnfurlMedia: &unfurl,
		})
		return "", classify(err, secret)
	}
	switch {
	case !strings.HasPrefix(secret, "xox"):
		return "", &Error{
			Why:  "the secret is neither a bot token nor the address of a webhook",
			Todo: "put one into it as plain text, with nothing around it", Auth: true,
		}
	case c.Channel == "":
		return "", &Error{Why: "no channel is set", Todo: "set notify.slack.channel, which a bot token needs"}
	}
	options := []api.MsgOption{
		api.MsgOptionText(p.Text, false), api.MsgOptionBlocks(p.Blocks...),
		api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl(),
	}
	if details := p.attachments(); details != nil {
		options = append(options, api.MsgOptionAttachments(details...))
	}
	if thread != "" {
		options = append(options, api.MsgOptionTS(thread))
		if p.Broadcast {
			options = append(options, api.MsgOptionBroadcast())
		}
	}
	_, id, _, err := api.New(secret, api.OptionHTTPClient(c.HTTP)).SendMessageContext(ctx, c.Channel, options...)
	if err == nil && id == "" {
		err = errNotSlack
	}
	return id, classify(err, secret)
}

// errNotSlack is an answer without a message id, or not in Slack's format.
var errNotSlack = errors.New("an answer that is not Slack's")

const (
	newToken = "put the app's bot token into the secret"
	defect   = "a defect of Warder: report it"
)

// known are Slack's errors by name (https://docs.slack.dev/reference/methods/chat.postMessage#errors).
var known = map[string]Error{
	"not_in_channel":          {Todo: "invite the app to the channel"},
	"channel_not_found":       {Todo: "check notify.slack.channel; to a private channel the app must be invited"},
	"is_archived":             {Todo: "choose another channel, or unarchive this one"},
	"missing_scope":           {Todo: "give the app the scope chat:write and install it again"},
	"restricted_action":       {Todo: "let the app post to the channel, in the settings of the workspace"},
	"invalid_auth":            {Todo: newToken, Auth: true},
	"not_authed":              {Todo: newToken, Auth: true},
	"account_inactive":        {Todo: newToken, Auth: true},
	"token_expired":           {Todo: newToken, Auth: true},
	"token_revoked":           {Todo: newToken, Auth: true},
	"msg_too_long":            {Todo: defect, Alone: true},
	"invalid_blocks":          {Todo: defect, Alone: true},
	"msg_blocks_too_long":     {Todo: defect, Alone: true},
	"thread_not_found":        {Thread: true, Alone: true},
	"message_not_found":       {Thread: true, Alone: true},
	"cannot_reply_to_message": {Thread: true, Alone: true},
	"invalid_thread_ts":       {Thread: true, Alone: true},
	"ratelimited":             {Retry: true},
	"rate_limited":            {Retry: true},
	"service_unavailable":     {Retry: true},
	"internal_error":          {Retry: true},
	"fatal_error":             {Retry: true},
	"request_timeout":         {Retry: true},
	"team_added_to_org":       {Retry: true},
}

// errorName matches the names of Slack's errors. No other text of an answer is repeated.
var errorName = lazyregexp.New(`^[a-z][a-z0-9_]{1,60}$`)

// classify turns an error into an [Error] without the secret, nil into nil.
func classify(err error, secret string) error {
	var limited *api.RateLimitedError
	var status api.StatusCodeError
	var answer api.SlackErrorResponse
	var request *url.Error
	var number *strconv.NumError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &limited):
		return &Error{Why: "too many messages (429)", Retry: true, After: limited.RetryAfter}
	case errors.As(err, &number):
		return &Error{Why: "too many messages (429), for an unknown time", Retry: true}
	case errors.As(err, &status):
		e := &Error{Why: fmt.Sprintf("HTTP status %d", status.Code)}
		switch status.Code {
		case http.StatusForbidden, http.StatusNotFound, http.StatusGone:
			if webhook(secret) {
				e.Auth, e.Todo = true, "make a new webhook and put its address into the secret"
			}
		default:
			e.Retry = status.Code >= 500 || status.Code == http.StatusTooManyRequests
		}
		return e
	case errors.As(err, &answer):
		name := answer.Err
		if !errorName().MatchString(name) || strings.Contains(name, secret) {
			return &Error{Why: "an error without a name"}
		}
		e := known[name]
		e.Why = name
		return &e
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Error{Why: fmt.Sprintf("no answer within %s", tryTimeout), Retry: true}
	case errors.As(err, &request):
		// The request's error begins with its address. The error that it wraps names only hosts.
		why := request.Err.Error()
		if path := strings.TrimPrefix(secret, "https://"); path != "" {
			why = strings.ReplaceAll(strings.ReplaceAll(why, secret, "…"), path, "…")
		}
		return &Error{Why: "no connection: " + why, Retry: true}
	default:
		return &Error{Why: errNotSlack.Error()}
	}
}
