// Package endpoint is the endpoint of the local account: the AWS APIs on a loopback port.
//
// It hands calls on to moto and does itself what moto cannot: it turns each IAM call that changes
// something into the event that CloudTrail would send, puts events on the bus and starts the
// functions that their rules name, starts those that subscribe a topic for each message published to
// it, serves Lambda's Invoke, and refuses the keys that AWS would
// refuse. It checks the signatures of requests to STS that prove to Warder who asks, and no others. Of
// permissions it checks those of IAM users, for IAM calls that change something, with moto's own
// evaluation (actions and resources, no conditions);
// functions are never denied anything here, their calls are recorded instead. Who may write to a table of
// the template, and use or manage a key of it, is what their own policies say, for whoever calls.
//
// The routes under /_warder/ are the account's own, for tests, the demo and `send`:
//
//	POST   /_warder/age    moto.Age: make a user or an access key older
//	GET    /_warder/calls  every AWS call that a function made, as a list of Call
//	DELETE /_warder/calls  forget them
//	POST   /_warder/fault  Fault: let calls of functions fail
//	DELETE /_warder/fault  end all faults
//	POST   /_warder/idle   answer when no function has anything left to do
//	POST   /_warder/send   put one event on the bus; answers a list of Delivery when all is done
package endpoint

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/warder-aws/warder/infra/local/cloudtrail"
	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// RootAccessKey is the access key of the account's root user. moto has no root user: calls with this
// key are made by the account itself, and are recorded as root's.
const RootAccessKey = "AKIAROOTOFTHEACCOUNT"

// RootSecret is its secret.
const RootSecret = "any"

// maxBody is the largest request that is read, 16 MB: more than any API here takes.
const maxBody = 16 << 20

// Config is what a handler stands for.
type Config struct {
	Moto        *moto.Server
	EventBridge *eventbridge.Bus
	Lambda      *lambdahost.Host
	Account     string
	Region      string
	Functions   map[string]string // name of the function by the access key that it was given
	Listeners   []Listener        // functions that subscribe topics
	// Environments are the functions' environments, by the function's name, and Deployed the stacks
	// that they are of.
	Environments map[string]map[string]string
	Deployed     []Deployed
	// Keys are the ARNs of the keys that topics are encrypted with, by the ARN of the topic.
	Keys map[string]string
	// Roles are the ARNs of the functions' roles, by the function's name.
	Roles map[string]string
	// Policies are the policies of tables and keys, by ARN. What they do not let a caller do is refused.
	Policies map[string][]byte
	Feeds    map[string][]string          // ARNs of the queues that feed functions, by the function's name
	Queued   func()                       // is called when something was put into a queue
	Mailed   func(request, answer []byte) // is called with each request to SES for a mail that was sent
}

// A Handler serves the endpoint.
type Handler struct {
	Config
	routes  *http.ServeMux
	members *fakeaws.Account // that this account may act as root of
	signIns *fakeaws.Account // what says where people may sign in from

	mu      sync.Mutex
	callers map[string]moto.Caller // by access key; forgotten at every change in IAM
	changes int                    // in IAM, so that what was asked before one is not kept after it
	owners  map[string]string      // access keys, by the temporary one that GetSessionToken made for them
	secrets map[string]string      // of those temporary ones
	since   map[string]time.Time   // when a role's session was first seen
	users   map[string]user        // by name
	groups  map[string]string      // paths, by name
	calls   []Call
	faults  []Fault
	order   order
	guarded map[string]policy // by ARN of the table or the key
	off     map[string]bool   // ids of keys that are disabled, and names of functions that do not run
	changed changed           // what calls have changed of what was deployed, and moto does not know of
}

// maxRemembered bounds what is kept of calls and of sessions.
const maxRemembered = 20_000

// New makes a handler.
func New(config Config) *Handler {
	h := &Handler{
		Config: config, routes: http.NewServeMux(), members: newMembers(), callers: map[string]moto.Caller{},
		signIns: fakeaws.New(fakeaws.State{ID: config.Account}),
		owners:  map[string]string{}, secrets: map[string]string{}, since: map[string]time.Time{},
		users: map[string]user{}, groups: map[string]string{}, guarded: map[string]policy{}, off: map[string]bool{},
	}
	for arn, text := range config.Policies {
		h.guarded[arn] = parsePolicy(text)
	}
	h.routes.HandleFunc("POST /_warder/age", h.age)
	h.routes.HandleFunc("GET /_warder/calls", h.listCalls)
	h.routes.HandleFunc("DELETE /_warder/calls", h.forgetCalls)
	h.routes.HandleFunc("POST /_warder/fault", h.addFault)
	h.routes.HandleFunc("DELETE /_warder/fault", h.endFaults)
	h.routes.HandleFunc("POST /_warder/idle", h.idle)
	h.routes.HandleFunc("POST /_warder/send", h.send)
	h.routes.HandleFunc("POST /2015-03-31/functions/{name}/invocations", h.invoke)
	return h
}

// ServeHTTP serves one call.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Only these know of paths. A mux would tidy the paths of API calls, and some have odd ones.
	if h.changeFunction(w, r) || h.readFunction(w, r) {
		return
	}
	if strings.HasPrefix(r.URL.Path, "/_warder/") || strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/") {
		h.routes.ServeHTTP(w, r)
		return
	}
	h.api(w, r)
}

// A request is an API call that has been read.
type request struct {
	*http.Request
	body      []byte
	accessKey string
	region    string // as in the credential scope
	service   string // as in the credential scope: iam, events, dynamodb, …
	action    string // as in the API: AttachUserPolicy
	form      url.Values
}

// credential is the scope of a signature: key, date, region, service.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
var credential = regexp.MustCompile(`Credential=([^/,]+)/\d*/([^/,]+)/([^/,]+)/aws4_request`)

func read(w http.ResponseWriter, r *http.Request) (request, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return request{}, fmt.Errorf("read request: %w", err)
	}
	req := request{Request: r, body: body}
	scope := r.Header.Get("Authorization")
	if scope == "" && r.URL.Query().Has("X-Amz-Credential") {
		scope = "Credential=" + r.URL.Query().Get("X-Amz-Credential")
	}
	if parts := credential.FindStringSubmatch(scope); parts != nil {
		req.accessKey, req.region, req.service = parts[1], parts[2], parts[3]
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		req.action = target[strings.LastIndex(target, ".")+1:]
	} else {
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			req.form, _ = url.ParseQuery(string(body)) // what cannot be read is moto's to refuse
		} else {
			req.form = r.URL.Query()
		}
		req.action = req.form.Get("Action")
	}
	switch {
	case req.service == "s3":
		req.action = s3Action(r.Method, r.URL)
	case req.service == "access-analyzer":
		req.form = nil
		req.action = map[string]string{"/analyzer": "ListAnalyzers", "/findingv2": "ListFindings"}[r.URL.Path]
	case req.service == "signin":
		req.action, req.form = signInAction(r.URL.Path), nil
	case req.service == "ses" && r.Method == http.MethodPost && r.URL.Path == "/v2/email/outbound-emails":
		req.action = "SendEmail"
	case req.service == "ses" && r.Method == http.MethodGet:
		req.action = mailAction(r.URL.Path)
	case req.service == "scheduler":
		req.action = schedulerAction(r.Method, r.URL.Path)
	case req.service == "guardduty" || req.service == "securityhub":
		req.action, req.form = restAction(r.Method, r.URL.Path), nil
	}
	return req, nil
}

// api serves a call to an AWS API.
func (h *Handler) api(w http.ResponseWriter, r *http.Request) {
	req, err := read(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	about, known := h.user(req.form.Get("UserName")) // as it is before the call, which may delete it
	answer := h.answer(r.Context(), req)
	if function := h.Functions[req.accessKey]; function != "" {
		if !known {
			about = user{path: req.form.Get("Path")} // that it is made with
		}
		h.record(r.Context(), function, req, about, answer)
	}
	h.followChange(req, answer)
	if err := h.recordChange(r.Context(), req, req.action, answer); err != nil {
		answer = failure(req, http.StatusInternalServerError, "InternalFailure", err.Error())
	}
	answer.write(w)
}

func (h *Handler) answer(ctx context.Context, req request) answer {
	function := h.Functions[req.accessKey]
	if function != "" {
		h.interrupt(function, req.service+":"+req.action)
		if fault, ok := h.fault(function, req.service+":"+req.action); ok {
			return failure(req, fault.Status, fault.Code, fault.Message)
		}
	} else if req.accessKey == ForeignAccessKey {
		return h.foreignIdentity(req)
	} else if req.accessKey != "" && !strings.HasPrefix(req.accessKey, fakeaws.RootSession) {
		caller, err := h.caller(ctx, req.accessKey)
		if err != nil {
			return failure(req, http.StatusInternalServerError, "InternalFailure", err.Error())
		}
		if caller.Type == "" || !caller.Active {
			code := "UnrecognizedClientException"
			if req.form != nil {
				code = "InvalidClientTokenId"
			}
			return failure(req, http.StatusForbidden, code, "The security token included in the request is invalid.")
		}
	}
	if refused, ok := h.refused(ctx, req); ok {
		return refused
	}
	if refused, ok := h.missigned(ctx, req); ok {
		return refused
	}
	switch {
	case asRootOfMember(req):
		return h.asRoot(ctx, req)
	case req.service == "events" && req.action == "PutEvents":
		return h.putEvents(ctx, req)
	case req.service == "events" && strings.Contains(req.action, "Targets"):
		if a, ok := h.targets(ctx, req); ok {
			return a
		}
	case req.service == "events" && req.action == "TestEventPattern":
		// moto answers, and has tested nothing.
		return unknown(req)
	case req.service == "events" && (req.action == "DisableRule" || req.action == "EnableRule"):
		return h.switchRule(ctx, req)
	case req.service == "cloudformation":
		return h.formation(req)
	case req.service == "signin", req.service == "sso":
		return h.signIn(ctx, req)
	case req.service == "iam" && cloudtrail.Mutating(req.action):
		return h.change(ctx, req)
	case req.service == "sns" && req.action == "ListSubscriptionsByTopic":
		return h.subscriptions(ctx, req)
	case req.service == "sns" && strings.HasSuffix(req.action, "DataProtectionPolicy"):
		return h.dataProtection(req)
	case req.service == "sns" && strings.Contains(req.action, "ubscri"):
		if a, ok := h.subscription(req); ok {
			return a
		}
	case req.service == "sns" && req.action == "Publish":
		return h.publish(ctx, req)
	case req.service == "ses" && req.action == "SendEmail":
		answer := h.forward(ctx, req)
		if answer.status == http.StatusOK && h.Mailed != nil {
			h.Mailed(req.body, answer.body)
		}
		return answer
	case req.service == "ses" && req.Method == http.MethodGet:
		return h.mailState(ctx, req)
	case req.service == "sts" && req.action == "GetCallerIdentity" && req.accessKey == RootAccessKey:
		return h.rootIdentity()
	case req.service == "sts" && req.action == "GetSessionToken":
		answer := h.forward(ctx, req)
		h.rememberSession(req.accessKey, answer)
		return answer
	}
	answer := h.forward(ctx, req)
	if answer.status == http.StatusOK && (req.service == "dynamodb" || req.service == "kms") {
		h.follows(req)
	}
	return answer
}

// switchRule turns a rule off or on. moto notes it, and delivers as before.
func (h *Handler) switchRule(ctx context.Context, req request) answer {
	answer := h.forward(ctx, req)
	var input struct{ Name string }
	if answer.status == http.StatusOK && json.Unmarshal(req.body, &input) == nil {
		h.EventBridge.Switch(req.region, input.Name, req.action == "EnableRule")
	}
	return answer
}

// change makes an IAM call that changes something and puts its event on the bus before it answers.
func (h *Handler) change(ctx context.Context, req request) answer {
	identity, caller, err := h.identity(ctx, req)
	if err != nil {
		return failure(req, http.StatusInternalServerError, "InternalFailure", err.Error())
	}
	var result answer
	if caller.Type == "IAMUser" && !caller.Allowed {
		result = failure(req, http.StatusForbidden, "AccessDenied", fmt.Sprintf("User: %s is not authorized to perform: "+
			"iam:%s on resource: %s because no identity-based policy allows the iam:%[2]s action",
			caller.ARN, req.action, resource("iam", h.Account, h.Region, parameters(req))))
	} else {
		result = h.forward(ctx, req)
	}
	h.mu.Lock()
	clear(h.callers) // a key may have been deactivated or deleted
	h.changes++
	if result.status == http.StatusOK {
		h.follow(req)
	}
	h.mu.Unlock()
	if result.status >= http.StatusInternalServerError {
		return result // moto does not know the call: nothing was changed, nothing is recorded
	}
	data, err := cloudtrail.Event(cloudtrail.Call{
		Form: req.form, Status: result.status, Answer: result.body, RequestID: result.header.Get("X-Amzn-Requestid"),
		UserAgent: req.UserAgent(), Host: req.Host, Region: h.Region, Caller: identity, At: h.now(),
	})
	if err == nil {
		err = h.put(ctx, data)
	}
	if err != nil {
		return failure(req, http.StatusInternalServerError, "InternalFailure", err.Error())
	}
	return result
}

// put puts an event on the bus and starts what its matches name.
func (h *Handler) put(ctx context.Context, data []byte) error {
	event, err := eventfile.Parse(data)
	if err != nil {
		return err
	}
	matches, err := h.EventBridge.Put(ctx, event)
	if err != nil {
		return err
	}
	_, err = h.start(ctx, matches)
	return err
}

// A delivering is an event that a function has been sent.
type delivering struct {
	eventbridge.Match
	result <-chan lambdahost.Result
}

// start sends the functions of the matches their events, and puts into queues what is for queues.
func (h *Handler) start(ctx context.Context, matches []eventbridge.Match) ([]delivering, error) {
	if h.hold(matches) {
		return nil, nil
	}
	var started []delivering
	for _, match := range matches {
		if match.Keep != "" {
			if err := h.scheduled(ctx, match); err != nil {
				return nil, err
			}
		}
		if match.To != "" {
			h.Note(Call{
				Role: match.Role, By: "events", Action: "events:PutEvents", Resource: match.To,
				Conditions: map[string]string{"events:source": match.Source},
			})
		}
		if match.Topic != "" {
			if err := h.notify(ctx, match.Topic, string(match.Event)); err != nil {
				return nil, err
			}
			continue
		}
		if match.Queue != "" {
			if err := h.enqueue(ctx, match.Queue, match.Event); err != nil {
				return nil, err
			}
			continue
		}
		if h.functionOff(match.Function) {
			continue
		}
		result, err := h.Lambda.Send(match.Function, match.Event)
		if err != nil {
			return nil, err
		}
		started = append(started, delivering{match, result})
	}
	return started, nil
}

// enqueue sends an event to the SQS queue with the ARN.
func (h *Handler) enqueue(ctx context.Context, arn string, event []byte) error {
	name := arn[strings.LastIndex(arn, ":")+1:]
	url := h.Moto.URL + "/" + h.Account + "/" + name
	if _, err := sqs.NewFromConfig(h.moto()).SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String(string(event)),
	}); err != nil {
		return fmt.Errorf("send to queue %s: %w", name, err)
	}
	h.queued()
	return nil
}

// scheduled keeps what Scheduler does with the role of a schedule: it starts the function, or where there is none keeps
// what was to start it.
func (h *Handler) scheduled(ctx context.Context, match eventbridge.Match) error {
	call := Call{
		Role: match.Role, By: "scheduler", Action: "lambda:InvokeFunction", Resource: h.functionARN(match.Function),
	}
	var err error
	if h.functionOff(match.Function) {
		call.Action, call.Resource = "sqs:SendMessage", match.Keep
		err = h.enqueue(ctx, match.Keep, match.Event)
	}
	h.Note(call)
	return err
}

// queued says that something was put into a queue.
func (h *Handler) queued() {
	if h.Queued != nil {
		h.Queued()
	}
}

// notify publishes what EventBridge sends to a topic. A topic under a disabled key takes nothing.
func (h *Handler) notify(ctx context.Context, topic, text string) error {
	if h.keyOff(topic) {
		return nil // EventBridge tries for a day, and then keeps the event in the queue of what was not delivered
	}
	input := &sns.PublishInput{TopicArn: &topic, Message: &text}
	if _, err := sns.NewFromConfig(h.moto()).Publish(ctx, input); err != nil {
		return fmt.Errorf("publish to topic %s: %w", topic, err)
	}
	return nil
}

// moto is the configuration of calls of the handler's own.
func (h *Handler) moto() aws.Config {
	return aws.Config{
		Region: h.Region, BaseEndpoint: &h.Moto.URL,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAOFTHELOCALACCOUNT", "none", ""),
	}
}

// caller is who holds an access key.
func (h *Handler) caller(ctx context.Context, accessKey string) (moto.Caller, error) {
	h.mu.Lock()
	caller, ok := h.callers[accessKey]
	changes := h.changes
	accessKey = cmp.Or(h.owners[accessKey], accessKey)
	h.mu.Unlock()
	if ok {
		return caller, nil
	}
	if accessKey == RootAccessKey {
		return moto.Caller{Type: "Root", Active: true, Allowed: true, Secret: RootSecret}, nil
	}
	caller, err := h.Moto.Caller(ctx, accessKey, "", "")
	if err != nil {
		return moto.Caller{}, fmt.Errorf("find the holder of %s: %w", accessKey, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if changes == h.changes && len(h.callers) < maxRemembered {
		h.callers[accessKey] = caller
	}
	return caller, nil
}

// identity is the caller of an IAM call as CloudTrail names it.
func (h *Handler) identity(ctx context.Context, req request) (cloudtrail.Identity, moto.Caller, error) {
	identity := cloudtrail.Identity{Type: "Root", Account: h.Account, AccessKey: req.accessKey}
	if req.accessKey == RootAccessKey || req.accessKey == "" {
		return identity, moto.Caller{Type: "Root", Active: true, Allowed: true}, nil
	}
	h.mu.Lock()
	owner := cmp.Or(h.owners[req.accessKey], req.accessKey)
	h.mu.Unlock()
	caller, err := h.Moto.Caller(ctx, owner, "iam:"+req.action, resource("iam", h.Account, h.Region, parameters(req)))
	if err != nil {
		return identity, caller, fmt.Errorf("find the holder of %s: %w", owner, err)
	}
	identity.Type, identity.PrincipalID, identity.ARN = caller.Type, caller.ID, caller.ARN
	switch caller.Type {
	case "IAMUser":
		identity.UserName = caller.Name
	case "AssumedRole":
		identity.RoleARN = caller.Role
		identity.Since = h.firstSeen(req.accessKey)
	}
	return identity, caller, nil
}

func (h *Handler) firstSeen(accessKey string) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	since, ok := h.since[accessKey]
	if !ok {
		since = time.Now()
		if len(h.since) < maxRemembered {
			h.since[accessKey] = since
		}
	}
	return since
}

// rootIdentity is GetCallerIdentity of the root user, of whom moto does not know.
func (h *Handler) rootIdentity() answer {
	return callerIdentity("arn:aws:iam::"+h.Account+":root", h.Account)
}

func callerIdentity(arn, account string) answer {
	type result struct{ Arn, UserId, Account string }
	return inXML(struct {
		XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
		Result  result   `xml:"GetCallerIdentityResult"`
	}{Result: result{arn, account, account}})
}

// rememberSession keeps whose a temporary key is, which moto does not for GetSessionToken.
func (h *Handler) rememberSession(owner string, a answer) {
	var result struct {
		AccessKeyID string `xml:"GetSessionTokenResult>Credentials>AccessKeyId"`
		Secret      string `xml:"GetSessionTokenResult>Credentials>SecretAccessKey"`
	}
	if a.status != http.StatusOK || xml.Unmarshal(a.body, &result) != nil || result.AccessKeyID == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.owners) < maxRemembered {
		h.owners[result.AccessKeyID], h.secrets[result.AccessKeyID] = owner, result.Secret
	}
}

// forward hands a call on to moto.
func (h *Handler) forward(ctx context.Context, req request) answer {
	unavailable := func(err error) answer {
		return failure(req, http.StatusBadGateway, "ServiceUnavailable", err.Error())
	}
	url := h.Moto.URL + req.URL.RequestURI()
	forwarded, err := http.NewRequestWithContext(ctx, req.Method, url, bytes.NewReader(req.body))
	if err != nil {
		return unavailable(err)
	}
	forwarded.Header = req.Header.Clone()
	forwarded.Header.Del("Connection")
	forwarded.Host = req.Host // queue URLs name the host they were asked for with
	response, err := http.DefaultTransport.RoundTrip(forwarded)
	if err != nil {
		return unavailable(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return unavailable(err)
	}
	header := response.Header.Clone()
	page := strings.HasPrefix(header.Get("Content-Type"), "text/html")
	if response.StatusCode == http.StatusInternalServerError && page {
		if req.service == "ec2" && req.action == "DescribeImageAttribute" { // moto fails when there is no such image
			return failure(req, http.StatusBadRequest, "InvalidAMIID.NotFound", "The image id does not exist")
		}
		// A call that moto has not; SDKs would try 500 again and again, but not 501.
		return unknown(req)
	}
	for _, hop := range []string{"Connection", "Content-Length", "Transfer-Encoding"} {
		header.Del(hop)
	}
	return answer{status: response.StatusCode, header: header, body: body}
}

// unknown is the answer to a call that the account does not know.
func unknown(req request) answer {
	message := "the local account has no " + req.service + ":" + req.action
	return failure(req, http.StatusNotImplemented, "NotImplemented", message)
}

// An answer is what goes back to the client.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) write(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// failure is an error in the protocol that the request speaks: XML for the query protocol, else JSON.
func failure(req request, status int, code, message string) answer {
	var a answer
	if req.form != nil {
		type fault struct{ Type, Code, Message string }
		a = inXML(struct {
			XMLName   xml.Name `xml:"ErrorResponse"`
			Error     fault
			RequestId string
		}{Error: fault{"Sender", code, message}, RequestId: "local"})
	} else {
		a = inJSON(map[string]string{"__type": code, "message": message})
		a.header.Set("X-Amzn-Errortype", code)
	}
	a.status = status
	a.header.Set("X-Amzn-Requestid", "local")
	return a
}

// inXML is a value as an answer of the query protocol. The value is one that can be encoded.
func inXML(value any) answer {
	body, _ := xml.Marshal(value)
	return answer{status: http.StatusOK, header: http.Header{"Content-Type": {"text/xml"}}, body: body}
}

// inJSON is a value as an answer of the JSON protocol. The value is one that can be encoded.
func inJSON(value any) answer {
	body, _ := json.Marshal(value)
	return answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, body: body}
}

// putEvents is EventBridge's PutEvents. Unlike AWS it takes events of aws.* sources from anybody, so
// that a test can put any event.
func (h *Handler) putEvents(ctx context.Context, req request) answer {
	var input struct {
		Entries []struct {
			Source, DetailType, Detail, EventBusName string
			Resources                                []string
			Time                                     *float64 // seconds since 1970
		}
	}
	if err := json.Unmarshal(req.body, &input); err != nil {
		return failure(req, http.StatusBadRequest, "SerializationException", err.Error())
	}
	if len(input.Entries) < 1 || len(input.Entries) > 10 {
		message := fmt.Sprintf("%d entries: want 1 to 10", len(input.Entries))
		return failure(req, http.StatusBadRequest, "ValidationException", message)
	}
	entries := make([]eventbridge.Entry, 0, len(input.Entries))
	for _, entry := range input.Entries {
		event := eventfile.Event{
			Source: entry.Source, DetailType: entry.DetailType, Resources: entry.Resources,
			Detail: json.RawMessage(entry.Detail),
		}
		if entry.Time != nil {
			event.Time = time.Unix(0, int64(*entry.Time*1e9)).UTC().Format(time.RFC3339)
		}
		entries = append(entries, eventbridge.Entry{Event: event, Bus: entry.EventBusName, Region: req.region})
	}
	results, err := h.EventBridge.PutEntries(ctx, entries)
	if err != nil {
		return failure(req, http.StatusBadRequest, "ValidationException", err.Error())
	}
	type entry struct {
		EventID      string `json:"EventId,omitempty"`
		ErrorCode    string `json:",omitempty"`
		ErrorMessage string `json:",omitempty"`
	}
	var output struct {
		FailedEntryCount int
		Entries          []entry
	}
	for _, result := range results {
		if result.ErrorCode != "" {
			output.FailedEntryCount++
			output.Entries = append(output.Entries, entry{ErrorCode: result.ErrorCode, ErrorMessage: result.ErrorMessage})
			continue
		}
		output.Entries = append(output.Entries, entry{EventID: result.ID})
		if _, err := h.start(ctx, result.Matches); err != nil {
			return failure(req, http.StatusInternalServerError, "InternalException", err.Error())
		}
	}
	return inJSON(output)
}
