package fakeaws

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Config returns a configuration whose SDK clients, and those of pkg/s3, are answered by the account:
// no network, no retries. A call that lacks what the SDK requires fails in the client, as it does
// against AWS, and one that the account has no method for is an error that names it.
//
// An IAM call that names no user is made by whoever signs it
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html): with the credentials
// that [Account.AssumeRoot] gave it is the member's root user, see [Account.Root]. Credentials are not
// looked at otherwise.
func (a *Account) Config() aws.Config {
	return aws.Config{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("AKIAINMEMORY", "secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient:  transport{},
		APIOptions: []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
			if err := stack.Initialize.Add(unsigned{a}, middleware.After); err != nil {
				return err
			}
			return stack.Deserialize.Add(signed{a}, middleware.Before)
		}},
	}
}

// methods are those of a type that have the form of an SDK operation, by the type of their input.
func methods(of reflect.Type) map[reflect.Type]reflect.Value {
	found := map[reflect.Type]reflect.Value{}
	for i := range of.NumMethod() {
		m := of.Method(i)
		if m.Type.NumIn() > 2 && m.Type.IsVariadic() && m.Type.In(2).Kind() == reflect.Pointer &&
			m.Type.In(2).Elem().Name() == m.Name+"Input" {
			found[m.Type.In(2)] = m.Func
		}
	}
	return found
}

var (
	operations   = sync.OnceValue(func() map[reflect.Type]reflect.Value { return methods(reflect.TypeFor[*Account]()) })
	inSession    = sync.OnceValue(func() map[reflect.Type]reflect.Value { return methods(reflect.TypeFor[Root]()) })
	ssmOptions   = reflect.TypeFor[func(*ssm.Options)]()
	errNoNetwork = errors.New("the account in memory has no network")
)

// invoke calls the method with the input, and with the region if the method looks at it.
func invoke(ctx context.Context, method reflect.Value, on, in any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, &aws.RequestCanceledError{Err: err}
	}
	args := [4]reflect.Value{reflect.ValueOf(on), reflect.ValueOf(ctx), reflect.ValueOf(in)}
	n := 3
	if method.Type().In(3).Elem() == ssmOptions {
		region := awsmiddleware.GetRegion(ctx)
		args[3], n = reflect.ValueOf(func(o *ssm.Options) { o.Region = region }), 4
	}
	out := method.Call(args[:n])
	err, _ := out[1].Interface().(error)
	return out[0].Interface(), err
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
	if _, ok := inSession()[kind]; ok && reflect.ValueOf(in.Parameters).Elem().FieldByName("UserName").IsNil() {
		return next.HandleInitialize(middleware.WithStackValue(ctx, inputKey{}, in.Parameters), in)
	}
	if result, ok, err := u.account.s3(ctx, in.Parameters); ok {
		out.Result = result
		return out, metadata, err
	}
	method, ok := operations()[kind]
	if !ok {
		return out, metadata, fmt.Errorf(
			"the account in memory has no %s:%s", strings.ToLower(awsmiddleware.GetServiceID(ctx)),
			awsmiddleware.GetOperationName(ctx),
		)
	}
	out.Result, err = invoke(ctx, method, u.account, in.Parameters)
	return out, metadata, err
}

// signed answers what depends on who calls, when the request says so.
type signed struct{ account *Account }

func (signed) ID() string { return "AccountInMemoryByCaller" }

// credential is the scope of a signature: key, date, region, service
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
var credential = regexp.MustCompile(`Credential=([^/,]+)/\d*/([^/,]+)/([^/,]+)/aws4_request`)

func (s signed) HandleDeserialize(
	ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
) (out middleware.DeserializeOutput, metadata middleware.Metadata, err error) {
	request, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return out, metadata, errNoNetwork
	}
	scope := credential.FindStringSubmatch(request.Header.Get("Authorization"))
	input := middleware.GetStackValue(ctx, inputKey{})
	if scope == nil || input == nil {
		return out, metadata, errNoNetwork
	}
	if !strings.HasPrefix(scope[1], RootSession) {
		// The account's own call: it has no user that these credentials are of.
		out.Result, err = invoke(ctx, operations()[reflect.TypeOf(input)], s.account, input)
		return out, metadata, err
	}
	session := s.account.Root(
		aws.Credentials{AccessKeyID: scope[1], SessionToken: request.Header.Get("X-Amz-Security-Token")},
	)
	out.Result, err = invoke(ctx, inSession()[reflect.TypeOf(input)], session, input)
	return out, metadata, err
}
