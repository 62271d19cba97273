package emulator

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/slackserver"
	"github.com/warder-aws/warder/pkg/settings"
)

// openSlack starts a server that stands for Slack, and keeps a token for it where the function that
// posts looks for one. Without such a function it does nothing.
func (a *Account) openSlack(ctx context.Context, posted func(slackserver.Message)) error {
	var where settings.Slack
	for _, f := range a.Stack.Functions {
		set, err := f.Settings()
		if err != nil {
			return err
		}
		if set.Slack.On() {
			where = set.Slack
		}
	}
	if !where.On() {
		return nil
	}
	token, err := aws.String("xoxb-of-the-local-account"), error(nil)
	if where.Secret != "" {
		_, err = secretsmanager.NewFromConfig(a.Unrecorded()).CreateSecret(ctx, &secretsmanager.CreateSecretInput{
			Name: &where.Secret, SecretString: token,
		})
	} else {
		_, err = ssm.NewFromConfig(a.Unrecorded()).PutParameter(ctx, &ssm.PutParameterInput{
			Name: &where.Parameter, Value: token, Type: ssmtypes.ParameterTypeSecureString,
		})
	}
	if err != nil {
		return fmt.Errorf("keep a token for Slack: %w", err)
	}
	a.Slack, err = slackserver.Start(ctx, posted)
	return err
}

// atOnce is how many events a function has to handle at a time: the daily check waits for events that start it.
var atOnce = map[string]int{"check-warder": 2}

// functions are the template's functions as package lambdahost runs them, and whose access key is whose.
func (a *Account) functions(ctx context.Context, o Options) ([]lambdahost.Function, map[string]string, error) {
	client := sts.NewFromConfig(a.Unrecorded())
	var functions []lambdahost.Function
	keys := map[string]string{}
	for _, f := range a.Stack.Functions {
		binary, err := a.root.Binary(Control(f.Name), cmp.Or(o.Functions, project.Apart))
		if err != nil {
			return nil, nil, err
		}
		role, err := client.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &f.Role, RoleSessionName: &f.Name})
		if err != nil {
			return nil, nil, fmt.Errorf("assume role %s: %w", f.Role, err)
		}
		keys[*role.Credentials.AccessKeyId] = f.Name
		env := maps.Clone(f.Env)
		maps.Copy(env, map[string]string{
			// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
			"AWS_REGION":                      Region,
			"AWS_DEFAULT_REGION":              Region,
			"AWS_ACCESS_KEY_ID":               *role.Credentials.AccessKeyId,
			"AWS_SECRET_ACCESS_KEY":           *role.Credentials.SecretAccessKey,
			"AWS_SESSION_TOKEN":               *role.Credentials.SessionToken,
			"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
			"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
			"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
			"AWS_LAMBDA_LOG_GROUP_NAME":       f.LogGroup,
			"AWS_LAMBDA_LOG_FORMAT":           f.LogFormat,
			"AWS_LAMBDA_LOG_LEVEL":            f.LogLevel,
			"AWS_ENDPOINT_URL":                a.URL, // not in Lambda
		})
		if f.LogLevel == "" {
			delete(env, "AWS_LAMBDA_LOG_LEVEL")
		}
		set, err := f.Settings()
		if err != nil {
			return nil, nil, err
		}
		set.EventClock = true
		if a.Slack != nil && set.Slack.On() {
			set.SlackLocal = a.Slack.URL
		}
		if o.Configure != nil {
			o.Configure(f.Name, &set)
		}
		maps.Copy(env, set.Env())
		functions = append(functions, lambdahost.Function{
			Name: f.Name, ARN: f.ARN, Binary: binary, Env: env, Timeout: f.Timeout, Retries: f.Retries,
			Concurrency: max(o.Concurrency, atOnce[Control(f.Name)]),
		})
	}
	return functions, keys, nil
}

// noteRun records what Lambda calls with the role of a function that it ran: whatever the function
// prints, Lambda writes lines of its own about each run.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
func (a *Account) noteRun(function string) {
	for _, f := range a.Stack.Functions {
		if f.Name == function {
			stream := "arn:aws:logs:" + Region + ":" + moto.AccountID + ":log-group:" + f.LogGroup +
				":log-stream:" + time.Now().UTC().Format("2006/01/02")
			for _, action := range []string{"logs:CreateLogStream", "logs:PutLogEvents"} {
				a.endpoint.Note(endpoint.Call{Function: function, By: "lambda", Action: action, Resource: stream})
			}
		}
	}
}

// logs writes what functions print to their log groups.
func (a *Account) logs(stderr io.Writer) func(string, []lambdahost.Line) {
	client := cloudwatchlogs.NewFromConfig(a.Unrecorded())
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
				events = append(events, logtypes.InputLogEvent{
					Timestamp: aws.Int64(line.At.UnixMilli()), Message: aws.String(line.Text),
				})
			}
		}
		if len(events) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		put := func() error {
			_, err := client.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{
				LogGroupName: &group, LogStreamName: &stream, LogEvents: events,
			})
			return err
		}
		err := put()
		var missing *logtypes.ResourceNotFoundException
		if errors.As(err, &missing) { // the first lines of this function
			_, _ = client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{ // put fails unless there is one
				LogGroupName: &group, LogStreamName: &stream,
			})
			err = put()
		}
		if err != nil {
			fmt.Fprintf(stderr, "local: write to log group %s: %v\n", group, err)
		}
	}
}

// failures sends the records of events that failed to the functions' on-failure queues.
func (a *Account) failures(stderr io.Writer) func(string, []byte) {
	client := sqs.NewFromConfig(a.Unrecorded())
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
		a.endpoint.Note(endpoint.Call{Function: function, By: "lambda", Action: "sqs:SendMessage", Resource: arn})
		if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: aws.String(a.QueueURL(arn)), MessageBody: aws.String(string(record)),
		}); err != nil {
			fmt.Fprintf(stderr, "local: send to queue %s: %v\n", arn, err)
		}
	}
}
