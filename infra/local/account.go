package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	ebsdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/slackserver"
	"github.com/warder-aws/warder/infra/local/stack"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	// region is where IAM's events are logged, and so where the hub stack is.
	region = "us-east-1"
	// prefix makes the name of a control's function from the control's id.
	prefix = "warder-"
)

// options are how an account differs from what the template says.
type options struct {
	address string                                       // of the endpoint; a free port when empty
	mode    string                                       // of every control; as the template says when empty
	unheard bool                                         // the topic starts no function
	each    int                                          // how many events a function handles at a time; 1 when 0
	synth   project.Synth                                // whose template the account has; that which is deployed when empty
	alter   func(function string, env map[string]string) // the settings of a function; nil to leave them
	done    func(lambdahost.Result)                      // told of each event that a function is done with
	posted  func(slackserver.Message)                    // told of each message in the channel that stands for Slack
	stderr  io.Writer                                    // for what goes wrong beside everything else
}

// An account is a running local account.
type account struct {
	URL       string // of the endpoint
	AccessKey string // of operator, an administrator
	Secret    string
	Stack     stack.Stack

	moto   *moto.Server
	bus    *eventbridge.Bus
	host   *lambdahost.Host
	front  *endpoint.Front
	server *http.Server
	slack  *slackserver.Server // nil when the stack posts nowhere
}

// config is a client's configuration for the service at url.
func config(url, accessKey, secret, token string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secret, token),
	}
}

// own is the identity of the local account's own calls. They go to moto directly and are nobody's:
// they make no events.
func own(server *moto.Server) aws.Config {
	return config(server.URL, "AKIAOFTHELOCALACCOUNT", "none", "")
}

// openMoto starts moto, brings what it needs up to date first and makes the template's resources in
// it. Whoever calls it closes it.
func openMoto(ctx context.Context, synth project.Synth, stderr io.Writer) (project.Root, *moto.Server, stack.Stack, *eventbridge.Bus, error) {
	fail := func(err error) (project.Root, *moto.Server, stack.Stack, *eventbridge.Bus, error) {
		return "", nil, stack.Stack{}, nil, err
	}
	root, err := project.Find()
	if err != nil {
		return fail(err)
	}
	if err := root.Make(ctx, synth, stderr); err != nil {
		return fail(err)
	}
	python, err := root.Python()
	if err != nil {
		return fail(err)
	}
	templates, err := root.Templates(synth)
	if err != nil {
		return fail(err)
	}
	server, err := moto.Start(ctx, python, root.Launcher())
	if err != nil {
		return fail(err)
	}
	created, err := createStacks(ctx, server, templates)
	if err != nil {
		server.Close()
		return fail(err)
	}
	cfg := own(server)
	rules, err := eventbridge.New(ctx, ebsdk.NewFromConfig(cfg), sqs.NewFromConfig(cfg), moto.AccountID, region, created.Buses, created.Rules)
	if err != nil {
		server.Close()
		return fail(err)
	}
	return root, server, created, rules, nil
}

// createStacks creates the resources of the hub's template and of the regions' in moto, each in its
// region, and returns the hub with all rules in it.
func createStacks(ctx context.Context, server *moto.Server, templates []project.Template) (stack.Stack, error) {
	var hub stack.Stack
	for i, t := range templates {
		if first := i == 0; first != (t.Region == region) {
			return stack.Stack{}, fmt.Errorf("stack %s is in %s: the local account has its hub in %s alone", t.Stack, t.Region, region)
		}
		template, err := os.ReadFile(t.Path)
		if err != nil {
			return stack.Stack{}, fmt.Errorf("read template: %w", err)
		}
		cfg := own(server)
		cfg.Region = t.Region
		created, err := stack.Create(ctx, template, stack.NewClients(cfg), t.Stack, moto.AccountID, t.Region)
		if err != nil {
			return stack.Stack{}, fmt.Errorf("create the stack of %s: %w", t.Path, err)
		}
		if i == 0 {
			hub = created
			continue
		}
		if len(created.Functions) > 0 {
			return stack.Stack{}, fmt.Errorf("stack %s has functions: the local account runs those of the hub alone", t.Stack)
		}
		hub.Rules, hub.Regions = append(hub.Rules, created.Rules...), append(hub.Regions, created)
	}
	return hub, nil
}

// openAccount starts an account. Whoever calls it closes it.
func openAccount(ctx context.Context, o options) (_ *account, err error) {
	if o.address == "" {
		o.address = "127.0.0.1:0"
	}
	if err := checkLoopback(o.address); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	a := &account{URL: "http://" + listener.Addr().String()}
	defer func() {
		if err != nil {
			_ = listener.Close()
			a.Close()
		}
	}()
	root, server, created, rules, err := openMoto(ctx, cmp.Or(o.synth, project.Deployed), o.stderr)
	if err != nil {
		return nil, err
	}
	a.moto, a.Stack, a.bus = server, created, rules
	if err := a.addOperator(ctx); err != nil {
		return nil, err
	}
	if err := a.openSlack(ctx, o.posted); err != nil {
		return nil, err
	}
	functions, keys, err := a.functions(ctx, root, o.mode)
	if err != nil {
		return nil, err
	}
	environments := map[string]map[string]string{}
	for i, f := range functions {
		functions[i].Concurrency = o.each
		if o.alter != nil {
			o.alter(f.Name, f.Env)
		}
		environments[f.Name] = f.Env
	}
	a.host = lambdahost.New(functions, lambdahost.Options{
		Log: a.logs(o.stderr), Failed: a.failures(o.stderr), Done: func(r lambdahost.Result) {
			a.noteRun(r.Function)
			if o.done != nil {
				o.done(r)
			}
		},
	})
	listeners := a.listeners()
	if o.unheard {
		listeners = nil
	}
	a.front = endpoint.New(endpoint.Config{
		Moto: a.moto, Bus: a.bus, Host: a.host, Account: moto.AccountID, Region: region, Functions: keys, Listeners: listeners,
		Environments: environments, Deployed: deployed(a.Stack), Keys: a.Stack.Keys,
	})
	a.server = &http.Server{Handler: a.front, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

// deployed are the hub's stack and those of the regions, as CloudFormation tells of them.
func deployed(hub stack.Stack) []endpoint.Deployed {
	var all []endpoint.Deployed
	for _, s := range append([]stack.Stack{hub}, hub.Regions...) {
		d := endpoint.Deployed{Name: s.Name, Region: s.Region, Created: time.Now(), Template: s.Template, Targets: s.Targets}
		for _, r := range s.Resources {
			d.Resources = append(d.Resources, endpoint.Resource(r))
		}
		all = append(all, d)
	}
	return all
}

// Close ends the account and everything that it started, and waits until that is gone.
func (a *account) Close() {
	if a.server != nil {
		_ = a.server.Close()
	}
	if a.host != nil {
		a.host.Close()
	}
	if a.slack != nil {
		a.slack.Close()
	}
	if a.moto != nil {
		a.moto.Close()
	}
}

// openSlack starts a channel that stands for Slack, and keeps a token for it where the function that
// posts looks for one. Without such a function it does nothing.
func (a *account) openSlack(ctx context.Context, posted func(slackserver.Message)) error {
	i := slices.IndexFunc(a.Stack.Functions, func(f stack.Function) bool { return f.Env["WARDER_SLACK"] != "" })
	if i < 0 {
		return nil
	}
	var where settings.Slack
	if err := json.Unmarshal([]byte(a.Stack.Functions[i].Env["WARDER_SLACK"]), &where); err != nil {
		return fmt.Errorf("read where %s posts: %w", a.Stack.Functions[i].Name, err)
	}
	token, err := aws.String("xoxb-of-the-local-account"), error(nil)
	if where.Secret != "" {
		_, err = secretsmanager.NewFromConfig(own(a.moto)).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &where.Secret, SecretString: token})
	} else {
		_, err = ssm.NewFromConfig(own(a.moto)).PutParameter(ctx, &ssm.PutParameterInput{Name: &where.Parameter, Value: token, Type: ssmtypes.ParameterTypeSecureString})
	}
	if err != nil {
		return fmt.Errorf("keep a token for Slack: %w", err)
	}
	a.slack, err = slackserver.Start(ctx, posted)
	return err
}

// addOperator adds the user whose keys the account's clients use: an administrator through a group.
func (a *account) addOperator(ctx context.Context) error {
	client := iam.NewFromConfig(own(a.moto))
	user, group := aws.String("operator"), aws.String("administrators")
	if _, err := client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: group}); err != nil {
		return fmt.Errorf("create group %s: %w", *group, err)
	}
	if _, err := client.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{
		GroupName: group, PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
	}); err != nil {
		return fmt.Errorf("attach policy to %s: %w", *group, err)
	}
	if _, err := client.CreateUser(ctx, &iam.CreateUserInput{UserName: user}); err != nil {
		return fmt.Errorf("create user %s: %w", *user, err)
	}
	if _, err := client.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: group, UserName: user}); err != nil {
		return fmt.Errorf("add %s to %s: %w", *user, *group, err)
	}
	key, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: user})
	if err != nil {
		return fmt.Errorf("create access key of %s: %w", *user, err)
	}
	a.AccessKey, a.Secret = *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey
	return nil
}

// everyMode matches the modes in the JSON that the function of reports is told.
var everyMode = regexp.MustCompile(`":"(off|observe|enforce)"`)

// functions are the template's functions as the host runs them, and whose access key is whose.
func (a *account) functions(ctx context.Context, root project.Root, mode string) ([]lambdahost.Function, map[string]string, error) {
	client := sts.NewFromConfig(own(a.moto))
	var functions []lambdahost.Function
	keys := map[string]string{}
	for _, f := range a.Stack.Functions {
		binary, err := root.Binary(strings.TrimPrefix(f.Name, prefix))
		if err != nil {
			return nil, nil, err
		}
		role, err := client.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &f.Role, RoleSessionName: &f.Name})
		if err != nil {
			return nil, nil, fmt.Errorf("assume role %s: %w", f.Role, err)
		}
		keys[*role.Credentials.AccessKeyId] = f.Name
		env := map[string]string{}
		maps.Copy(env, f.Env)
		maps.Copy(env, map[string]string{
			// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
			"AWS_REGION":                      region,
			"AWS_DEFAULT_REGION":              region,
			"AWS_ACCESS_KEY_ID":               *role.Credentials.AccessKeyId,
			"AWS_SECRET_ACCESS_KEY":           *role.Credentials.SecretAccessKey,
			"AWS_SESSION_TOKEN":               *role.Credentials.SessionToken,
			"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
			"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
			"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
			"AWS_LAMBDA_LOG_GROUP_NAME":       f.LogGroup,
			"AWS_LAMBDA_LOG_FORMAT":           f.LogFormat,
			"AWS_LAMBDA_LOG_LEVEL":            f.LogLevel,
			// Not in Lambda: where this account is, and that its time is the events' own.
			"AWS_ENDPOINT_URL": a.URL,
			"WARDER_CLOCK":     "event",
		})
		if f.LogLevel == "" {
			delete(env, "AWS_LAMBDA_LOG_LEVEL")
		}
		if mode != "" {
			env["WARDER_MODE"] = mode
			if told := env["WARDER_MODES"]; told != "" { // of all controls
				env["WARDER_MODES"] = everyMode.ReplaceAllString(told, `":"`+mode+`"`)
			}
		}
		if a.slack != nil && env["WARDER_SLACK"] != "" {
			env["WARDER_SLACK_LOCAL"] = a.slack.URL
		}
		functions = append(functions, lambdahost.Function{Name: f.Name, ARN: f.ARN, Binary: binary, Env: env, Timeout: f.Timeout, Retries: f.Retries})
	}
	return functions, keys, nil
}

// listeners are the functions that the stack's topics start.
func (a *account) listeners() []endpoint.Listener {
	var listeners []endpoint.Listener
	for _, s := range a.Stack.Subscriptions {
		listeners = append(listeners, endpoint.Listener{Subscription: s.ARN, Topic: s.Topic, Function: s.Function})
	}
	return listeners
}

// noteRun keeps what Lambda calls with the role of a function that it ran: whatever the function
// prints, Lambda writes lines of its own about each run, and it hands over what failed.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
func (a *account) noteRun(function string) {
	for _, f := range a.Stack.Functions {
		if f.Name == function {
			stream := "arn:aws:logs:" + region + ":" + moto.AccountID + ":log-group:" + f.LogGroup + ":log-stream:" + time.Now().UTC().Format("2006/01/02")
			a.front.Note(endpoint.Call{Function: function, By: "lambda", Action: "logs:CreateLogStream", Resource: stream})
			a.front.Note(endpoint.Call{Function: function, By: "lambda", Action: "logs:PutLogEvents", Resource: stream})
		}
	}
}

// logs writes what functions print to their log groups.
func (a *account) logs(stderr io.Writer) func(string, []lambdahost.Line) {
	client := cloudwatchlogs.NewFromConfig(own(a.moto))
	groups := map[string]string{}
	for _, f := range a.Stack.Functions {
		groups[f.Name] = f.LogGroup
	}
	stream := time.Now().UTC().Format("2006/01/02/[$LATEST]") + strings.ToLower(rand.Text())
	return func(function string, lines []lambdahost.Line) {
		group := groups[function]
		var events []logtypes.InputLogEvent
		for _, line := range lines {
			if line.Text != "" { // CloudWatch Logs takes no empty message
				events = append(events, logtypes.InputLogEvent{Timestamp: aws.Int64(line.At.UnixMilli()), Message: aws.String(line.Text)})
			}
		}
		if len(events) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		put := func() error {
			_, err := client.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: events})
			return err
		}
		err := put()
		var missing *logtypes.ResourceNotFoundException
		if errors.As(err, &missing) { // the first lines of this function
			_, err = client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream})
			var made *logtypes.ResourceAlreadyExistsException
			if err == nil || errors.As(err, &made) { // by another process of it
				err = put()
			}
		}
		if err != nil {
			fmt.Fprintf(stderr, "local: write to log group %s: %v\n", group, err)
		}
	}
}

// failures sends the records of events that failed to the functions' on-failure queues.
func (a *account) failures(stderr io.Writer) func(string, []byte) {
	client := sqs.NewFromConfig(own(a.moto))
	queues := map[string]string{}
	for _, f := range a.Stack.Functions {
		queues[f.Name] = f.OnFailure
	}
	return func(function string, record []byte) {
		arn := queues[function]
		if arn == "" {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		name := arn[strings.LastIndex(arn, ":")+1:]
		url := a.moto.URL + "/" + moto.AccountID + "/" + name
		a.front.Note(endpoint.Call{Function: function, By: "lambda", Action: "sqs:SendMessage", Resource: arn})
		if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(string(record))}); err != nil {
			fmt.Fprintf(stderr, "local: send to queue %s: %v\n", name, err)
		}
	}
}
