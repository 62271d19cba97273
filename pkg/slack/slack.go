// Package slack lays out notices as Slack messages, and posts them by a bot token or by an incoming
// webhook.
//
// All that others have worded is put where Slack reads nothing into it: into rich text and plain text
// objects (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block), in which markup,
// mentions and emoji names are what they are written as. The one text that Slack reads markup in, that
// of notifications, is escaped. Nobody is mentioned but the owner, by a member id.
//
// The token and the webhook's address are the package's to use and nobody's to see: no error holds
// them. It decides neither what is told nor to whom.
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
	// HTTP makes the requests, see [NewHTTP].
	HTTP *http.Client
	// Channel is the channel's id. A webhook needs none: it has its own.
	Channel string
	// Secret returns the bot token or the webhook's address. It is asked again, with again set, when
	// Slack does not take what it gave before.
	Secret func(ctx context.Context, again bool) (string, error)
	// Slot waits until it may be posted.
	Slot func(ctx context.Context, name string) error
	// Sleep waits.
	Sleep func(context.Context, time.Duration)
	// Now is the time, to see how much of it is left.
	Now func() time.Time
}

const (
	// tries is how often a message is tried.
	tries = 8
	// patience is how long one try may take.
	patience = 10 * time.Second
	// reserve is what is left of an invocation's time to record what came of it.
	reserve = 5 * time.Second
	// longest is the longest pause that is made without Slack's asking for it.
	longest = 30 * time.Second
)

// NewHTTP returns what a [Client] makes its requests with. It follows no redirect: the token and the
// notice are for Slack alone. A local address, as in http://127.0.0.1:8080, takes the place of every
// server; it must be loopback.
func NewHTTP(local string) (*http.Client, error) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if local == "" {
		return client, nil
	}
	to, err := url.Parse(local)
	if err != nil || to.Scheme != "http" || !loopback(to.Hostname()) {
		return nil, errors.New("the address in place of Slack is not loopback")
	}
	client.Transport = detour{to}
	return client, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// detour sends every request to one server.
type detour struct{ to *url.URL }

// RoundTrip implements [http.RoundTripper].
func (d detour) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = d.to.Scheme, d.to.Host, ""
	return http.DefaultTransport.RoundTrip(r)
}

// Error is why a message was not posted. It holds neither the token nor the webhook's address.
type Error struct {
	// Why is Slack's name for it, or what happened.
	Why string
	// Todo says what to do about it; empty when nobody can say.
	Todo string
	// Auth says that Slack did not take the token or the webhook, Thread that the thread is gone.
	Auth, Thread bool
	// Retry says that it may work when it is tried again, not before After.
	Retry bool
	After time.Duration
}

// Error implements error.
func (e *Error) Error() string {
	if e.Todo == "" {
		return "post to Slack: " + e.Why
	}
	return "post to Slack: " + e.Why + ": " + e.Todo
}

// Threads reports whether the secret is one that can post in threads: a webhook cannot.
func (c *Client) Threads(ctx context.Context) (bool, error) {
	secret, err := c.Secret(ctx, false)
	return !webhook(secret), err
}

// Post posts the message, in the thread of the given root or, without one, in the channel. It returns
// the message's id, which is the root of a thread about it; a webhook tells none.
//
// What may work later is tried again while ctx has time: rate limits after the time that Slack asks
// for, its own faults and lost connections after longer and longer pauses. A message whose answer is
// lost may so be posted twice. What is refused for good is returned as an [Error] at once, but for a
// token that is not taken: it may have been replaced, and is read and tried once more.
func (c *Client) Post(ctx context.Context, p Post, thread string) (string, error) {
	secret, err := c.Secret(ctx, false)
	if err != nil {
		return "", err
	}
	renewed := false
	for try := 1; ; try++ {
		name := "slack#" + c.Channel
		if webhook(secret) {
			name = "slack#webhook"
		}
		if err := c.Slot(ctx, name); err != nil {
			return "", err
		}
		id, err := c.once(ctx, secret, p, thread)
		var refused *Error
		if !errors.As(err, &refused) {
			return id, err
		}
		if refused.Auth && !renewed {
			fresh, err := c.Secret(ctx, true)
			if err != nil {
				return "", err
			}
			if renewed = true; fresh != secret {
				secret = fresh
				continue
			}
		}
		pause := max(refused.After, min(time.Second<<(try-1), longest))
		if !refused.Retry || try == tries || !c.left(ctx, pause) {
			return "", refused
		}
		c.Sleep(ctx, pause)
	}
}

// left reports whether there is time for a pause and another try.
func (c *Client) left(ctx context.Context, pause time.Duration) bool {
	end, limited := ctx.Deadline()
	return ctx.Err() == nil && (!limited || c.Now().Add(pause+reserve).Before(end))
}

// hosts are Slack's own for webhooks.
var hosts = []string{"hooks.slack.com", "hooks.slack-gov.com"}

func webhook(secret string) bool { return strings.HasPrefix(secret, "https://") }

// once tries to post the message one time.
func (c *Client) once(ctx context.Context, secret string, p Post, thread string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if webhook(secret) {
		if u, err := url.Parse(secret); err != nil || !slices.Contains(hosts, u.Host) || u.User != nil {
			return "", &Error{Why: "the secret is no address of a Slack webhook", Todo: "put one that begins with https://hooks.slack.com/ into it", Auth: true}
		}
		unfurl := false
		err := api.PostWebhookCustomHTTPContext(ctx, secret, c.HTTP, &api.WebhookMessage{
			Text: p.Text, Blocks: &api.Blocks{BlockSet: p.Blocks}, Attachments: p.attachments(), UnfurlLinks: &unfurl, UnfurlMedia: &unfurl,
		})
		return "", judge(err, secret)
	}
	switch {
	case !strings.HasPrefix(secret, "xox"):
		return "", &Error{Why: "the secret is neither a bot token nor the address of a webhook", Todo: "put one into it as plain text, with nothing around it", Auth: true}
	case c.Channel == "":
		return "", &Error{Why: "no channel is set", Todo: "set notify.slack.channel, which a bot token needs"}
	}
	options := []api.MsgOption{
		api.MsgOptionText(p.Text, false), api.MsgOptionBlocks(p.Blocks...), api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl(),
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
		err = errGarbage
	}
	return id, judge(err, secret)
}

// errGarbage is an answer that is none.
var errGarbage = errors.New("an answer that is not Slack's")

// todo says what to do about what Slack refuses, by its name for it
// (https://docs.slack.dev/reference/methods/chat.postMessage#errors).
var todo = map[string]string{
	"not_in_channel":      "invite the app to the channel",
	"channel_not_found":   "check notify.slack.channel; to a private channel the app must be invited",
	"is_archived":         "choose another channel, or unarchive this one",
	"missing_scope":       "give the app the scope chat:write and install it again",
	"invalid_auth":        newToken,
	"not_authed":          newToken,
	"account_inactive":    newToken,
	"token_expired":       newToken,
	"token_revoked":       newToken,
	"restricted_action":   "let the app post to the channel, in the settings of the workspace",
	"msg_too_long":        defect,
	"invalid_blocks":      defect,
	"msg_blocks_too_long": defect,
}

const (
	newToken = "put the app's bot token into the secret"
	defect   = "a defect of Warder: report it"
)

var (
	// Another token may heal auth, another thread gone, and time passing.
	auth    = []string{"invalid_auth", "not_authed", "account_inactive", "token_expired", "token_revoked"}
	gone    = []string{"thread_not_found", "message_not_found", "cannot_reply_to_message", "invalid_thread_ts"}
	passing = []string{"ratelimited", "rate_limited", "service_unavailable", "internal_error", "fatal_error", "request_timeout", "team_added_to_org"}
	// named is what an error of Slack's looks like. Anything else is not repeated.
	named = lazyregexp.New(`^[a-z][a-z0-9_]{1,60}$`)
)

// judge makes of what went wrong what is known of it, without the secret.
func judge(err error, secret string) error {
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
		e := &Error{Why: fmt.Sprintf("HTTP status %d", status.Code), Retry: status.Code >= 500 || status.Code == http.StatusTooManyRequests}
		if gone := status.Code == http.StatusForbidden || status.Code == http.StatusNotFound || status.Code == http.StatusGone; gone && webhook(secret) {
			e.Auth, e.Todo = true, "make a new webhook and put its address into the secret"
		}
		return e
	case errors.As(err, &answer):
		name := answer.Err
		if !named().MatchString(name) || strings.Contains(name, secret) {
			return &Error{Why: "an error without a name"}
		}
		return &Error{
			Why: name, Todo: todo[name], Retry: slices.Contains(passing, name),
			Auth: slices.Contains(auth, name), Thread: slices.Contains(gone, name),
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Error{Why: fmt.Sprintf("no answer within %s", patience), Retry: true}
	case errors.As(err, &request):
		// The request's error begins with its address. What is under it names hosts at most.
		why := request.Err.Error()
		if path := strings.TrimPrefix(secret, "https://"); path != "" {
			why = strings.ReplaceAll(strings.ReplaceAll(why, secret, "…"), path, "…")
		}
		return &Error{Why: "no connection: " + why, Retry: true}
	default:
		return &Error{Why: errGarbage.Error()}
	}
}
