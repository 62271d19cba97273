// Package emulator is an AWS account on this machine with Warder in it: moto has the resources of the
// synthesized templates, the function binaries run as Lambda runs them, and an endpoint on loopback turns
// calls into the events that the templates' rules match.
//
// The account is in memory and ends when it is closed. It never reads the user's own AWS configuration,
// and never listens beyond loopback.
package emulator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	ebsdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/slackserver"
	"github.com/warder-aws/warder/infra/local/stack"
	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/settings"
)

// Region is where IAM's events are recorded, and so where the hub stack is.
const Region = "us-east-1"

// Control is the id of the control whose function that is.
func Control(function string) string { return strings.TrimPrefix(function, settings.FunctionName("")) }

// Options are how an account differs from what the template says.
type Options struct {
	Address     string                                      // of the endpoint; a free port when empty
	Mode        string                                      // of every control; as the template says when empty
	Reader      string                                      // an address that is subscribed to both topics; may be empty
	Synth       project.Synth                               // whose templates; those that are deployed when empty
	Functions   project.Functions                           // how they are built; apart when empty
	Concurrency int                                         // events that a function handles at a time; 1 when 0
	Unposted    bool                                        // nothing is posted to Slack
	Configure   func(function string, f *settings.Function) // changes a function's settings; may be nil
	Done        func(lambdahost.Result)                     // is called after each event of a function; may be nil
	Posted      func(slackserver.Message)                   // is called for each message in Slack; may be nil
	Mailed      func(Mail)                                  // is called for each mail of SES; may be nil
	Stderr      io.Writer                                   // for faults of the account itself
}

// An Account is a running account. Its client makes calls to its endpoint.
type Account struct {
	Client
	AccessKey   string // of operator, an administrator
	Secret      string
	Stack       stack.Stack
	Moto        *moto.Server
	EventBridge *eventbridge.Bus
	Lambda      *lambdahost.Host
	Slack       *slackserver.Server // nil when the stack posts nowhere

	root     project.Root
	endpoint *endpoint.Handler
	server   *http.Server
	poster   *feeder // of the function that posts to Slack; nil without one
}

// Config is a configuration of AWS clients for the service at url.
func Config(url, accessKey, secret string) aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider(accessKey, secret, ""),
	}
}

// Operator is the configuration of the account's administrator, whose calls cause events.
func (a *Account) Operator() aws.Config { return Config(a.URL, a.AccessKey, a.Secret) }

// Prove calls the function of a control as the operator's command does, with a proof of who asks.
func (a *Account) Prove(ctx context.Context, control string, request any) ([]byte, error) {
	payload, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	proof, err := caller.Sign(ctx, a.Operator(), settings.FunctionName(control), payload, time.Now())
	if err != nil {
		return nil, err
	}
	payload, err = json.Marshal(map[string]any{"signed": proof})
	if err != nil {
		return nil, err
	}
	return a.Invoke(ctx, control, payload)
}

// Unrecorded is a configuration whose calls go to moto directly. They are nobody's and cause no events.
func (a *Account) Unrecorded() aws.Config { return Config(a.Moto.URL, "AKIAOFTHELOCALACCOUNT", "none") }

// Open makes the templates' resources and rules, and starts neither the endpoint nor a function. It first
// brings what it needs up to date. Whoever calls it closes the account.
func Open(ctx context.Context, synth project.Synth, stderr io.Writer) (*Account, error) {
	return Options{Synth: synth, Stderr: stderr}.open(ctx)
}

func (o Options) open(ctx context.Context) (_ *Account, err error) {
	synth := cmp.Or(o.Synth, project.Deployed)
	root, err := project.Find()
	if err != nil {
		return nil, err
	}
	if err := root.Make(ctx, synth, cmp.Or(o.Functions, project.Apart), o.Stderr); err != nil {
		return nil, err
	}
	python, err := root.Python()
	if err != nil {
		return nil, err
	}
	templates, err := root.Templates(synth)
	if err != nil {
		return nil, err
	}
	a := &Account{root: root}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.Moto, err = moto.Start(ctx, python, root.Launcher()); err != nil {
		return nil, err
	}
	if a.Stack, err = a.createStacks(ctx, o, templates); err != nil {
		return nil, err
	}
	cfg := a.Unrecorded()
	a.EventBridge, err = eventbridge.New(ctx, ebsdk.NewFromConfig(cfg), sqs.NewFromConfig(cfg),
		moto.AccountID, Region, a.Stack.Buses, a.Stack.Rules)
	if err != nil {
		return nil, err
	}
	a.EventBridge.Allowed = a.names
	for bus, policy := range a.Stack.BusPolicies {
		_, err := ebsdk.NewFromConfig(cfg).PutPermission(ctx, &ebsdk.PutPermissionInput{EventBusName: &bus, Policy: &policy})
		if err != nil {
			return nil, fmt.Errorf("put the policy of the event bus %s: %w", bus, err)
		}
	}
	return a, nil
}

// names reports whether a role is there that has a policy which names the bus or the function. Of what is in it nothing
// else is read.
func (a *Account) names(ctx context.Context, role, target string) bool {
	client, name := iam.NewFromConfig(a.Unrecorded()), role[strings.LastIndex(role, "/")+1:]
	listed, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &name})
	if err != nil {
		return false
	}
	for _, policy := range listed.PolicyNames {
		out, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &policy})
		if err == nil && strings.Contains(aws.ToString(out.PolicyDocument), target[strings.LastIndex(target, ":")+1:]) {
			return true
		}
	}
	return false
}

// createStacks creates the resources of the hub's template and of the regions' in moto, each in its
// region, and returns the hub with all rules in it.
func (a *Account) createStacks(ctx context.Context, o Options, templates []project.Template) (stack.Stack, error) {
	var hub stack.Stack
	for i, t := range templates {
		if first := i == 0; first != (t.Region == Region) && t.Stack != settings.ConfigStack {
			return stack.Stack{}, fmt.Errorf("stack %s is in %s: the local account has only its hub in %s",
				t.Stack, t.Region, Region)
		}
		template, err := os.ReadFile(t.Path)
		if err != nil {
			return stack.Stack{}, fmt.Errorf("read template: %w", err)
		}
		if i == 0 {
			if template, err = o.deployedWith(template); err != nil {
				return stack.Stack{}, err
			}
		}
		cfg := a.Unrecorded()
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
			return stack.Stack{}, fmt.Errorf("stack %s has functions: the local account runs only those of the hub", t.Stack)
		}
		hub.Rules, hub.Regions = append(hub.Rules, created.Rules...), append(hub.Regions, created)
	}
	return hub, nil
}

// Start starts an account. Whoever calls it closes it.
func Start(ctx context.Context, o Options) (_ *Account, err error) {
	address := cmp.Or(o.Address, "127.0.0.1:0")
	if err := CheckLoopback(address); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	a, err := o.open(ctx)
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	a.URL = "http://" + listener.Addr().String()
	defer func() {
		if err != nil {
			_ = listener.Close()
			a.Close()
		}
	}()
	if err := errors.Join(a.addOperator(ctx), a.openSlack(ctx, o.Posted), a.openMail(ctx)); err != nil {
		return nil, err
	}
	functions, keys, err := a.functions(ctx, o)
	if err != nil {
		return nil, err
	}
	environments, roles := map[string]map[string]string{}, map[string]string{}
	for _, f := range a.Stack.Functions {
		roles[f.Name] = f.Role
	}
	for _, f := range functions {
		environments[f.Name] = f.Env
	}
	var feeders []*feeder
	feeds := map[string][]string{}
	for _, feed := range a.Stack.Feeds {
		feeds[feed.Function] = append(feeds[feed.Function], feed.Queue)
		f := a.newFeeder(feed, o.Stderr)
		if posts := slices.ContainsFunc(a.Stack.Functions, func(f stack.Function) bool {
			set, err := f.Settings()
			return f.Name == feed.Function && err == nil && set.Slack.On()
		}); posts {
			a.poster = f
			if o.Unposted {
				continue
			}
		}
		feeders = append(feeders, f)
	}
	wake := func() {
		for _, f := range feeders {
			f.wake()
		}
	}
	a.Lambda = lambdahost.New(functions, lambdahost.Options{
		Log: a.logs(o.Stderr), Failed: a.failures(o.Stderr), Done: func(r lambdahost.Result) {
			a.noteRun(r.Function)
			wake()
			if o.Done != nil {
				o.Done(r)
			}
		},
	})
	var listeners []endpoint.Listener
	for _, s := range a.Stack.Subscriptions {
		listeners = append(listeners, endpoint.Listener{
			Subscription: s.ARN, Topic: s.Topic, Function: s.Function, Redrive: s.Redrive,
		})
	}
	a.endpoint = endpoint.New(endpoint.Config{
		Moto: a.Moto, EventBridge: a.EventBridge, Lambda: a.Lambda, Account: moto.AccountID, Region: Region, Functions: keys,
		Listeners: listeners, Environments: environments, Deployed: deployed(a.Stack), Keys: a.Stack.Keys,
		Policies: a.Stack.Policies, Roles: roles, Queued: wake, Feeds: feeds,
		Mailed: func(request, answer []byte) {
			if m := readMail(request, answer); o.Mailed != nil && m.To != "" {
				o.Mailed(m)
			}
		},
	})
	a.server = &http.Server{Handler: a.endpoint, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

// Order is how a script decides what comes first.
func (a *Account) Order() *endpoint.Handler { return a.endpoint }

// CheckLoopback refuses an address that other machines could reach.
func CheckLoopback(address string) error {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	if ip := net.ParseIP(name); name != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("address %q: not loopback: the local account checks no passwords, so it listens on 127.0.0.1 alone",
			address)
	}
	return nil
}

// deployed are the stacks as CloudFormation describes them.
func deployed(hub stack.Stack) []endpoint.Deployed {
	var all []endpoint.Deployed
	for _, s := range append([]stack.Stack{hub}, hub.Regions...) {
		d := endpoint.Deployed{
			Name: s.Name, Region: s.Region, Created: time.Now(), Template: s.Template, Targets: s.Targets,
			Properties: s.Properties,
		}
		for _, r := range s.Resources {
			d.Resources = append(d.Resources, endpoint.Resource(r))
		}
		all = append(all, d)
	}
	return all
}

// Close ends the account and everything that it started, and waits until that has ended.
func (a *Account) Close() {
	if a.server != nil {
		_ = a.server.Close()
	}
	if a.Lambda != nil {
		a.Lambda.Close()
	}
	if a.Slack != nil {
		a.Slack.Close()
	}
	if a.Moto != nil {
		a.Moto.Close()
	}
}

// addOperator adds the user whose keys the account's clients use: an administrator through a group.
func (a *Account) addOperator(ctx context.Context) error {
	client := iam.NewFromConfig(a.Unrecorded())
	user, group := aws.String("operator"), aws.String("administrators")
	_, err := client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: group})
	if err == nil {
		_, err = client.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{
			GroupName: group, PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
		})
	}
	if err == nil {
		_, err = client.CreateUser(ctx, &iam.CreateUserInput{UserName: user})
	}
	if err == nil {
		_, err = client.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: group, UserName: user})
	}
	if err != nil {
		return fmt.Errorf("add the operator: %w", err)
	}
	key, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: user})
	if err != nil {
		return fmt.Errorf("create access key of %s: %w", *user, err)
	}
	a.AccessKey, a.Secret = *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey
	return nil
}
