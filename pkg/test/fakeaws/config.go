package fakeaws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	session "github.com/warder-aws/warder/pkg/ssm"
)

// Config returns a configuration whose SDK clients, and those of pkg/s3, are answered by the account:
// no network, no retries. A call that lacks what the SDK requires fails in the client, as it does
// against AWS, and one that the account has no operation for is an error that names it.
//
// An IAM call that names no user is made by whoever signs it
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html): with the credentials
// that AssumeRoot gave it is the member's root user. Credentials are not looked at otherwise.
func (a *Account) Config() aws.Config {
	return aws.Config{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("AKIAINMEMORY", "secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient:  transport{},
		APIOptions: []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
			return errors.Join(
				stack.Initialize.Add(unsigned{a}, middleware.After), stack.Deserialize.Add(signed{a}, middleware.Before),
			)
		}},
	}
}

// IAM is a client of the account's IAM.
func (a *Account) IAM() *iam.Client { return iam.NewFromConfig(a.Config()) }

var errNoNetwork = errors.New("the account in memory has no network")

// transport refuses what gets past the middleware.
type transport struct{}

// Do implements [aws.HTTPClient].
func (transport) Do(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Host, errNoNetwork)
}

// call is what operations are called on. Its exported methods that are named like an input of the SDK are the
// operations: each takes the thing that the input names, see [call.find], if it is about one, and the input, and
// returns the output of the SDK.
type call struct {
	*Account
	region string // that the call is sent to
}

// operation is a method of call or of rootCall.
type operation struct {
	name string // as IAM's policies name it
	do   reflect.Value
}

// policyNames are how IAM's policies name operations that the SDK names otherwise.
var policyNames = map[string]string{
	"s3:GetPublicAccessBlock":    "s3:GetBucketPublicAccessBlock",
	"s3:PutPublicAccessBlock":    "s3:PutBucketPublicAccessBlock",
	"s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
	"eventbridge:PutEvents":      "events:PutEvents",
	"analyzer:ListAnalyzers":     "access-analyzer:ListAnalyzers",
	// https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ListFindingsV2.html
	"analyzer:ListFindingsV2": "access-analyzer:ListFindings",
}

// PolicyName is how IAM's policies name an operation, given as "iam:GetUser", that the SDK may name otherwise.
func PolicyName(operation string) string {
	if name, ok := policyNames[operation]; ok {
		return name
	}
	return operation
}

// operationsOf are the operations of a type, by the type of their input.
func operationsOf(on reflect.Type, suffix string) map[reflect.Type]operation {
	found := map[reflect.Type]operation{}
	for i := range on.NumMethod() {
		m := on.Method(i)
		in := m.Type.In(m.Type.NumIn() - 1)
		if in.Kind() != reflect.Pointer || in.Elem().Name() != m.Name+"Input" {
			continue
		}
		name := path.Base(in.Elem().PkgPath()) + ":" + m.Name
		found[in] = operation{PolicyName(name) + suffix, m.Func}
	}
	return found
}

func init() {
	operations[reflect.TypeFor[*session.DescribeSessionsInput]()] = operation{
		"ssm:DescribeSessions", reflect.ValueOf(call.sessions),
	}
	operations[reflect.TypeFor[*session.TerminateSessionInput]()] = operation{
		"ssm:TerminateSession", reflect.ValueOf(call.terminate),
	}
	operations[reflect.TypeFor[*session.DescribeInstanceInformationInput]()] = operation{
		"ssm:DescribeInstanceInformation", reflect.ValueOf(call.instances),
	}
}

var (
	operations = operationsOf(reflect.TypeFor[call](), "")
	asRoot     = operationsOf(reflect.TypeFor[rootCall](), InRootSession)
)

// find finds what an operation is about, by what the input calls it.
func (c call) find(kind reflect.Type, in any) (any, error) {
	named := func(field string) string {
		return aws.ToString(reflect.ValueOf(in).Elem().FieldByName(field).Interface().(*string))
	}
	switch kind {
	case reflect.TypeFor[*User]():
		return lookUp(c.state.Users, named("UserName"), "The user with name %s cannot be found.")
	case reflect.TypeFor[*Group]():
		return lookUp(c.state.Groups, named("GroupName"), "The group with name %s cannot be found.")
	case reflect.TypeFor[*Role]():
		return lookUp(c.state.Roles, named("RoleName"), "The role with name %s cannot be found.")
	case reflect.TypeFor[*Bucket]():
		return c.bucket(named("Bucket"))
	case reflect.TypeFor[*Queue]():
		return c.queue(named("QueueUrl"))
	case reflect.TypeFor[anySecret]():
		return c.secret(named("SecretId"))
	case reflect.TypeFor[liveSecret]():
		return c.liveSecret(named("SecretId"))
	default:
		return nil, fmt.Errorf("the account in memory does not know how to find a %v", kind)
	}
}

// invoke makes one call, on a [call] or a [rootCall].
func (a *Account) invoke(ctx context.Context, o operation, on, in any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, &aws.RequestCanceledError{Err: err}
	}
	out, err := a.count(o.name, func() (any, error) {
		args := []reflect.Value{reflect.ValueOf(on)}
		if c, ok := on.(call); ok && o.do.Type().NumIn() > 2 {
			thing, err := c.find(o.do.Type().In(1), in)
			if err != nil {
				return nil, err
			}
			args = append(args, reflect.ValueOf(thing))
		}
		out := o.do.Call(append(args, reflect.ValueOf(in)))
		err, _ := out[1].Interface().(error)
		return out[0].Interface(), err
	})
	if tagging, ok := out.(*s3.GetBucketTaggingOutput); ok && len(tagging.TagSet) == 0 {
		return nil, refused("NoSuchTagSet", "The TagSet does not exist") // an answer like others, for a fault
	}
	return out, err
}

// unsigned answers what does not depend on who calls, before anything is serialized: that is dear, and
// simulations make many calls.
type unsigned struct{ account *Account }

func (unsigned) ID() string { return "AccountInMemory" }

type inputKey struct{}

func (u unsigned) HandleInitialize(
	ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
) (out middleware.InitializeOutput, metadata middleware.Metadata, err error) {
	kind := reflect.TypeOf(in.Parameters)
	if _, ok := asRoot[kind]; ok && reflect.ValueOf(in.Parameters).Elem().FieldByName("UserName").IsNil() {
		return next.HandleInitialize(middleware.WithStackValue(ctx, inputKey{}, in.Parameters), in)
	}
	o, ok := operations[kind]
	if !ok {
		return out, metadata, fmt.Errorf(
			"the account in memory has no %s:%s", strings.ToLower(awsmiddleware.GetServiceID(ctx)),
			awsmiddleware.GetOperationName(ctx))
	}
	out.Result, err = u.account.invoke(ctx, o, call{u.account, awsmiddleware.GetRegion(ctx)}, in.Parameters)
	return out, metadata, err
}

// signed answers what depends on who calls, when the request says so.
type signed struct{ account *Account }

func (signed) ID() string { return "AccountInMemoryByCaller" }

// credential is the scope of a signature: key, date, region, service
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
var credential = regexp.MustCompile(`Credential=([^/,]+)/\d*/([^/,]+)/([^/,]+)/aws4_request`)

func (s signed) HandleDeserialize(
	ctx context.Context, in middleware.DeserializeInput, _ middleware.DeserializeHandler,
) (out middleware.DeserializeOutput, metadata middleware.Metadata, err error) {
	request, ok := in.Request.(*smithyhttp.Request)
	input := middleware.GetStackValue(ctx, inputKey{})
	if !ok || input == nil {
		return out, metadata, errNoNetwork
	}
	scope := credential.FindStringSubmatch(request.Header.Get("Authorization"))
	if scope == nil {
		return out, metadata, errNoNetwork
	}
	member, inSession := strings.CutPrefix(scope[1], RootSession)
	if !inSession {
		// The account's own call: it has no user that these credentials are of.
		out.Result, err = s.account.invoke(ctx, operations[reflect.TypeOf(input)], call{Account: s.account}, input)
		return out, metadata, err
	}
	session := rootCall{s.account, member, tasks[request.Header.Get("X-Amz-Security-Token")]}
	out.Result, err = s.account.invoke(ctx, asRoot[reflect.TypeOf(input)], session, input)
	return out, metadata, err
}
