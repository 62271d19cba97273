package endpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// A Gate is the endpoint that functions have in a preview: all that lies between them and an account
// that must stay as it is. What Warder keeps for itself (ledger, halt switch) is moto's, what it tells
// is kept and goes to nobody, and of the rest those operations pass that only read. They are signed
// anew with the credentials of whoever asked for the preview, which no function gets to see.
// Everything else is refused, whatever a function tries.
type Gate struct {
	moto      string
	account   string
	reads     []string
	functions map[string]string
	upstream  aws.Config
	told      func(function string, notice []byte)
	client    aws.HTTPClient
	turns     chan struct{}

	mu       sync.Mutex
	seen     map[string]*sight
	sessions map[string]rootSession // by the access key that stands for it
	refused  []string
	count    int
}

// GateConfig is what a gate stands between.
type GateConfig struct {
	Moto      string            // URL
	Account   string            // that moto keeps Warder's things in
	Reads     []string          // operations that pass, see [Reads]
	Functions map[string]string // name of the function by the access key that it was given
	Upstream  aws.Config        // region, credentials, and the endpoint when it is not AWS's own
	// Told receives each notice, as a subscriber by SQS would.
	Told func(function string, notice []byte)
}

// atOnce is how many reads are under way together. IAM is one endpoint for the whole account, and
// throttles it.
const atOnce = 4

// NewGate makes a gate.
func NewGate(c GateConfig) *Gate {
	client := c.Upstream.HTTPClient
	if client == nil {
		client = awshttp.NewBuildableClient()
	}
	return &Gate{
		moto: c.Moto, account: c.Account, reads: c.Reads, functions: c.Functions, upstream: c.Upstream, told: c.Told,
		client: client, turns: make(chan struct{}, atOnce), seen: map[string]*sight{}, sessions: map[string]rootSession{},
	}
}

// A sight is what a read has shown. The same read shows the same again: a preview is of one moment,
// and several controls look at the same users.
type sight struct {
	mu     sync.Mutex
	answer *answer
}

// rootSession is a session as the root user of a member account, to look at its credentials.
type rootSession struct {
	credentials aws.Credentials
	function    string
}

// assumeRoot is the one operation beside the reads that passes, and only for a session that can do
// nothing but look.
const (
	assumeRoot = "sts:AssumeRoot"
	auditTask  = "root-task/IAMAuditRootUserCredentials"
)

// generate asks IAM for its credential report. It changes nothing but when the report is from.
const generate = "iam:GenerateCredentialReport"

// Reads are the operations of the controls' permissions that only read, and what the runner reads of
// users. None of them shows a secret.
func Reads(controls []control.Control) []string {
	reads := []string{"iam:GetUser"}
	for _, c := range controls {
		for _, p := range c.Permissions {
			for _, action := range p.Actions {
				_, name, _ := strings.Cut(action, ":")
				read := strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List") || strings.HasPrefix(name, "Describe")
				if !c.Tool && (read && !strings.HasPrefix(name, "GetSecret") || action == assumeRoot || action == generate) {
					reads = append(reads, action)
				}
			}
		}
	}
	slices.Sort(reads)
	return slices.Compact(reads)
}

// Count is how many reads have gone to the account.
func (g *Gate) Count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count
}

// Refused are the calls that were refused: function and operation.
func (g *Gate) Refused() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.refused)
}

// ServeHTTP serves one call.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := read(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	g.mu.Lock()
	function, session := g.functions[req.accessKey], g.sessions[req.accessKey]
	g.mu.Unlock()
	operation := req.service + ":" + req.action
	switch {
	case function == "" && session.function == "":
		failure(req, http.StatusForbidden, invalidKey(req), "The security token included in the request is invalid.").write(w)
	case session.function == "" && g.own(req):
		g.keep(r.Context(), req).write(w)
	case session.function == "" && operation == "sns:Publish":
		g.publish(function, req).write(w)
	case slices.Contains(g.reads, operation) && plainly(req):
		g.look(r.Context(), function, operation, req, session).write(w)
	default:
		g.refuse(function+session.function, operation, req).write(w)
	}
}

// own reports whether the call is about what Warder keeps for itself.
func (g *Gate) own(req request) bool {
	switch req.service {
	case "dynamodb":
		return true
	case "ssm":
		return req.action == "GetParameter" && parameters(req)["Name"] == settings.HaltParameter
	}
	return false
}

// keep hands the call to moto.
func (g *Gate) keep(ctx context.Context, req request) answer {
	return g.send(ctx, req, g.moto+"/", func(forwarded *http.Request) error {
		forwarded.Header = req.Header.Clone()
		forwarded.Header.Set("X-Moto-Account-Id", g.account)
		return nil
	})
}

// publish takes a notice, as SNS would, and gives it to nobody.
func (g *Gate) publish(function string, req request) answer {
	message := []byte(req.form.Get("Message"))
	var bodies struct{ SQS string } // one for each protocol
	if json.Unmarshal(message, &bodies) == nil && bodies.SQS != "" {
		message = []byte(bodies.SQS)
	}
	g.told(function, message)
	return answer{status: http.StatusOK, header: http.Header{"Content-Type": {"text/xml"}},
		body: []byte("<PublishResponse><PublishResult><MessageId>preview</MessageId></PublishResult></PublishResponse>")}
}

func (g *Gate) refuse(function, operation string, req request) answer {
	g.mu.Lock()
	g.refused = append(g.refused, function+" "+operation)
	g.mu.Unlock()
	return failure(req, http.StatusForbidden, "AccessDenied", "a preview only reads: "+operation+" is refused")
}

// plainly reports whether the call is what its operation says, in one place, the way an SDK writes it:
// nothing can be asked for beside it.
func plainly(req request) bool {
	query := req.URL.Query()
	switch {
	case req.service == "s3":
		return req.Method == http.MethodGet && len(query) == 1 && len(req.body) == 0
	case req.Method != http.MethodPost || req.URL.Path != "/" || len(query) != 0:
		return false
	case req.form != nil:
		return len(req.form["Action"]) == 1
	default:
		return len(req.Header["X-Amz-Target"]) == 1 && strings.Count(req.Header.Get("X-Amz-Target"), ".") == 1
	}
}

// look reads the account.
func (g *Gate) look(ctx context.Context, function, operation string, req request, session rootSession) answer {
	if operation == assumeRoot {
		if task := req.form.Get("TaskPolicyArn.arn"); !strings.HasSuffix(task, ":policy/"+auditTask) || session.function != "" {
			return g.refuse(function, operation+" with "+task, req)
		}
		return g.lookAsRoot(g.pass(ctx, req, g.upstream.Credentials), function, req)
	}
	credentials := g.upstream.Credentials
	if session.function != "" {
		credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return session.credentials, nil })
	}
	if operation == generate {
		return g.pass(ctx, req, credentials)
	}
	key := strings.Join([]string{operation, req.region, session.credentials.AccessKeyID, req.URL.RequestURI(), string(req.body)}, "\n")
	g.mu.Lock()
	s := g.seen[key]
	if s == nil {
		s = &sight{}
		g.seen[key] = s
	}
	g.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer != nil {
		return *s.answer
	}
	a := g.pass(ctx, req, credentials)
	if a.status == http.StatusOK {
		s.answer = &a
	}
	return a
}

// lookAsRoot keeps the credentials of the session, and answers with some that stand for them.
func (g *Gate) lookAsRoot(a answer, function string, req request) answer {
	var got struct {
		Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string } `xml:"AssumeRootResult>Credentials"`
	}
	if a.status != http.StatusOK {
		return a
	}
	if err := xml.Unmarshal(a.body, &got); err != nil {
		return failure(req, http.StatusBadGateway, "ServiceUnavailable", "the answer to AssumeRoot cannot be read")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	key := fmt.Sprintf("ASIAOFTHEPREVIEW%04d", len(g.sessions))
	g.sessions[key] = rootSession{function: function, credentials: aws.Credentials{
		AccessKeyID: got.Credentials.AccessKeyId, SecretAccessKey: got.Credentials.SecretAccessKey, SessionToken: got.Credentials.SessionToken,
	}}
	a.body = []byte("<AssumeRootResponse><AssumeRootResult><Credentials><AccessKeyId>" + key + "</AccessKeyId><SecretAccessKey>none</SecretAccessKey>" +
		"<SessionToken>none</SessionToken><Expiration>" + got.Credentials.Expiration + "</Expiration></Credentials></AssumeRootResult></AssumeRootResponse>")
	a.header = http.Header{"Content-Type": {"text/xml"}}
	return a
}

// pass sends the call to the account, signed with the credentials.
func (g *Gate) pass(ctx context.Context, req request, credentials aws.CredentialsProvider) answer {
	base, err := g.endpoint(ctx, req.service, req.region)
	if err != nil {
		return failure(req, http.StatusBadGateway, "ServiceUnavailable", err.Error())
	}
	select {
	case g.turns <- struct{}{}:
		defer func() { <-g.turns }()
	case <-ctx.Done():
		return failure(req, http.StatusBadGateway, "ServiceUnavailable", ctx.Err().Error())
	}
	g.mu.Lock()
	g.count++
	g.mu.Unlock()
	return g.send(ctx, req, base, func(forwarded *http.Request) error {
		for _, name := range []string{"Content-Type", "X-Amz-Target", "User-Agent"} {
			if value := req.Header.Get(name); value != "" {
				forwarded.Header.Set(name, value)
			}
		}
		sum := sha256.Sum256(req.body)
		hash := hex.EncodeToString(sum[:])
		if req.service == "s3" {
			forwarded.Header.Set("X-Amz-Content-Sha256", hash)
		}
		signer, err := credentials.Retrieve(ctx)
		if err != nil {
			return errors.New("the credentials cannot be retrieved") // why is for whoever asked for the preview, not for a function
		}
		return v4.NewSigner().SignHTTP(ctx, signer, forwarded, hash, req.service, req.region, time.Now(), func(o *v4.SignerOptions) {
			o.DisableURIPathEscaping = req.service == "s3"
		})
	})
}

// send sends the call to another place, with the headers that are set on it.
func (g *Gate) send(ctx context.Context, req request, base string, dress func(*http.Request) error) answer {
	forwarded, err := http.NewRequestWithContext(ctx, req.Method, strings.TrimSuffix(base, "/")+req.URL.RequestURI(), bytes.NewReader(req.body))
	if err == nil {
		err = dress(forwarded)
	}
	if err != nil {
		return failure(req, http.StatusBadGateway, "ServiceUnavailable", err.Error())
	}
	response, err := g.client.Do(forwarded)
	if err != nil {
		return failure(req, http.StatusBadGateway, "ServiceUnavailable", err.Error())
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return failure(req, http.StatusBadGateway, "ServiceUnavailable", err.Error())
	}
	header := response.Header.Clone()
	for _, hop := range []string{"Connection", "Content-Length", "Transfer-Encoding"} {
		header.Del(hop)
	}
	return answer{status: response.StatusCode, header: header, body: body}
}

// endpoint is where a service of the account answers, as the SDK would find it.
func (g *Gate) endpoint(ctx context.Context, service, region string) (string, error) {
	cfg := g.upstream.Copy()
	cfg.Region = region
	var found url.URL
	var err error
	switch service {
	case "iam":
		o := iam.NewFromConfig(cfg).Options()
		resolved, e := o.EndpointResolverV2.ResolveEndpoint(ctx, iam.EndpointParameters{Region: &region, Endpoint: o.BaseEndpoint})
		found, err = resolved.URI, e
	case "sts":
		o := sts.NewFromConfig(cfg).Options()
		resolved, e := o.EndpointResolverV2.ResolveEndpoint(ctx, sts.EndpointParameters{Region: &region, Endpoint: o.BaseEndpoint})
		found, err = resolved.URI, e
	case "ssm":
		o := ssm.NewFromConfig(cfg).Options()
		resolved, e := o.EndpointResolverV2.ResolveEndpoint(ctx, ssm.EndpointParameters{Region: &region, Endpoint: o.BaseEndpoint})
		found, err = resolved.URI, e
	case "secretsmanager":
		o := secretsmanager.NewFromConfig(cfg).Options()
		resolved, e := o.EndpointResolverV2.ResolveEndpoint(ctx, secretsmanager.EndpointParameters{Region: &region, Endpoint: o.BaseEndpoint})
		found, err = resolved.URI, e
	case "s3":
		if cfg.BaseEndpoint != nil {
			return *cfg.BaseEndpoint, nil
		}
		suffix := ""
		if strings.HasPrefix(region, "cn-") {
			suffix = ".cn"
		}
		return "https://s3." + region + ".amazonaws.com" + suffix, nil
	default:
		return "", fmt.Errorf("a preview does not know where %s answers", service)
	}
	if err != nil {
		return "", fmt.Errorf("find the endpoint of %s in %s: %w", service, region, err)
	}
	return found.String(), nil
}

func invalidKey(req request) string {
	if req.form != nil {
		return "InvalidClientTokenId"
	}
	return "UnrecognizedClientException"
}
