package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/s3"
)

// inLambda is what Lambda tells a function.
var inLambda = map[string]string{
	"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
}

// surround makes told the whole of the environment as far as it is about AWS.
func surround(t *testing.T, told map[string]string) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // so that it is put back
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range told {
		t.Setenv(name, value)
	}
}

// ears hear where a client's requests go, and by whom they are signed, and answer none of them.
type ears struct{ heard map[string]string }

var errHeard = errors.New("heard")

func (e ears) Do(r *http.Request) (*http.Response, error) {
	authorization, _, _ := strings.Cut(r.Header.Get("Authorization"), ", Signature=")
	e.heard["url"] = r.URL.String()
	e.heard["scope"], _, _ = strings.Cut(authorization, ", SignedHeaders=")
	e.heard["token"] = r.Header.Get("X-Amz-Security-Token")
	return nil, errHeard
}

// requests are where the clients of the configuration send their requests, by service.
func requests(t *testing.T, cfg aws.Config) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for service, call := range map[string]func(context.Context, aws.Config) error{
		"IAM": func(ctx context.Context, cfg aws.Config) error {
			_, err := iam.NewFromConfig(cfg).GetUser(ctx, &iam.GetUserInput{})
			return err
		},
		"STS": func(ctx context.Context, cfg aws.Config) error {
			_, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
			return err
		},
		"SNS": func(ctx context.Context, cfg aws.Config) error {
			_, err := sns.NewFromConfig(cfg).ListTopics(ctx, nil)
			return err
		},
		"SQS": func(ctx context.Context, cfg aws.Config) error {
			_, err := sqs.NewFromConfig(cfg).ListQueues(ctx, nil)
			return err
		},
		"SSM": func(ctx context.Context, cfg aws.Config) error {
			_, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("n")})
			return err
		},
		"KMS": func(ctx context.Context, cfg aws.Config) error {
			_, err := kms.NewFromConfig(cfg).Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: []byte("b")})
			return err
		},
		"DynamoDB": func(ctx context.Context, cfg aws.Config) error {
			_, err := dynamodb.NewFromConfig(cfg).ListTables(ctx, nil)
			return err
		},
		"EventBridge": func(ctx context.Context, cfg aws.Config) error {
			_, err := eventbridge.NewFromConfig(cfg).ListEventBuses(ctx, nil)
			return err
		},
		"Secrets Manager": func(ctx context.Context, cfg aws.Config) error {
			_, err := secretsmanager.NewFromConfig(cfg).ListSecrets(ctx, nil)
			return err
		},
	} {
		e := ears{map[string]string{}}
		cfg := cfg.Copy()
		cfg.HTTPClient, cfg.Retryer = e, func() aws.Retryer { return aws.NopRetryer{} }
		if err := call(t.Context(), cfg); !errors.Is(err, errHeard) {
			t.Fatalf("%s: %v", service, err)
		}
		all[service] = e.heard
	}
	return all
}

// The judge is the SDK's own chain.
func TestTheEnvironmentIsUnderstoodAsTheSDKUnderstandsIt(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "none")
	for _, tc := range []struct {
		name string
		told map[string]string
	}{
		{"as in Lambda", nil},
		{"a partition of its own", map[string]string{"AWS_REGION": "cn-north-1"}},
		{"another", map[string]string{"AWS_REGION": "us-gov-west-1"}},
		{"the region under its other name", map[string]string{"AWS_REGION": "", "AWS_DEFAULT_REGION": "ap-northeast-2"}},
		{"FIPS", map[string]string{"AWS_REGION": "us-east-1", "AWS_USE_FIPS_ENDPOINT": "true"}},
		{"FIPS in its own partition", map[string]string{"AWS_REGION": "us-gov-west-1", "AWS_USE_FIPS_ENDPOINT": "TRUE"}},
		{"FIPS, said to be off", map[string]string{"AWS_USE_FIPS_ENDPOINT": "false"}},
		{"dual stack", map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}},
		{"both", map[string]string{"AWS_REGION": "us-east-2", "AWS_USE_FIPS_ENDPOINT": "true",
			"AWS_USE_DUALSTACK_ENDPOINT": "true"}},
		{"an endpoint", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}},
		{"an endpoint of one service", map[string]string{"AWS_ENDPOINT_URL_IAM": "http://127.0.0.1:1"}},
		{"an endpoint of a service with a space in its name",
			map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:1/below"}},
		{"an endpoint, and that of one service", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
			"AWS_ENDPOINT_URL_SNS": "http://127.0.0.1:1"}},
		{"endpoints that are not to count", map[string]string{
			"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_SNS": "http://127.0.0.1:1",
			"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			told := maps.Clone(inLambda)
			maps.Copy(told, tc.told)
			surround(t, told)
			want, err := config.LoadDefaultConfig(
				t.Context(), config.WithSharedConfigFiles([]string{nowhere}), config.WithSharedCredentialsFiles([]string{nowhere}),
			)
			if err != nil {
				t.Fatal(err)
			}
			got, err := environment()
			if err != nil {
				t.Fatal(err)
			}
			asked := requests(t, want)
			if diff := cmp.Diff(asked, requests(t, got)); diff != "" {
				t.Errorf("the clients' requests (-of the SDK's chain +of the function):\n%s", diff)
			}
			// The same where the service has no client of the SDK.
			for _, service := range []string{"SSM", "KMS"} {
				e := ears{map[string]string{}}
				cfg := got.Copy()
				cfg.HTTPClient, cfg.Retryer = e, func() aws.Retryer { return aws.NopRetryer{} }
				_, err := awsjson.Call[struct{}](t.Context(), awsjson.New(cfg, service, "T"), "GetParameter", struct{}{})
				if diff := cmp.Diff(asked[service], e.heard); !errors.Is(err, errHeard) || diff != "" {
					t.Errorf("%s: %v, requests (-of the SDK +of pkg/awsjson):\n%s", service, err, diff)
				}
			}
		})
	}
}

func TestWhatTheEnvironmentDoesNotSayRightlyIsAnErrorThatNamesIt(t *testing.T) {
	for _, tc := range []struct{ name, value, want string }{
		{"AWS_REGION", "", "no region"},
		{"AWS_ACCESS_KEY_ID", "", "no region or no credentials"},
		{"AWS_USE_FIPS_ENDPOINT", "yes", `AWS_USE_FIPS_ENDPOINT is "yes", want true or false`},
		{"AWS_USE_DUALSTACK_ENDPOINT", "1", `AWS_USE_DUALSTACK_ENDPOINT is "1"`},
		{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "no", `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is "no"`},
		{"AWS_MAX_ATTEMPTS", "0", `AWS_MAX_ATTEMPTS is "0", want a whole number above 0`},
		{"AWS_MAX_ATTEMPTS", "many", `AWS_MAX_ATTEMPTS is "many"`},
	} {
		t.Run(tc.name+"="+tc.value, func(t *testing.T) {
			told := maps.Clone(inLambda)
			told[tc.name] = tc.value
			surround(t, told)
			if _, err := environment(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
		})
	}
}

// broken fails every request with the status and code, but for those after the last, and counts them.
type broken struct {
	status int
	code   string
	last   int
	asked  int
}

func (c *broken) Do(r *http.Request) (*http.Response, error) {
	c.asked++
	status, body := c.status, `<ErrorResponse><Error><Code>`+c.code+`</Code></Error></ErrorResponse>`
	if c.last > 0 && c.asked > c.last {
		status, body = http.StatusOK, `<GetUserResponse><GetUserResult></GetUserResult></GetUserResponse>`
	}
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{},
		Body:       io.NopCloser(strings.NewReader(body)),
		Request:    r,
	}, nil
}

// hurried is a retryer that waits for nothing.
type hurried struct{ aws.RetryerV2 }

func (h hurried) GetAttemptToken(context.Context) (func(error) error, error) {
	return func(error) error { return nil }, nil
}

func (h hurried) RetryDelay(attempt int, err error) (time.Duration, error) {
	_, err = h.RetryerV2.RetryDelay(attempt, err)
	return 0, err
}

func TestACallIsTriedAsOftenAsTheEnvironmentSays(t *testing.T) {
	failure, refusal := broken{
		status: http.StatusInternalServerError,
		code:   "ServiceFailure",
	}, broken{
		status: http.StatusBadRequest,
		code:   "Throttling",
	}
	passing := refusal
	passing.last = 9
	for _, tc := range []struct {
		name, value string
		with        broken
		want        int
		answered    bool
	}{
		{"what fails", "", failure, 3, false},
		{"what fails, once", "1", failure, 1, false},
		{"what fails, twice", "2", failure, 2, false},
		{"what fails, more often than by itself", "5", failure, 5, false},
		{"what is refused as too many", "", refusal, throttled, false},
		{"what is refused as too many, and then is not", "", passing, 10, true},
		{"what is refused as too many, twice", "2", refusal, 2, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			told := maps.Clone(inLambda)
			told["AWS_MAX_ATTEMPTS"] = tc.value
			surround(t, told)
			cfg, err := environment()
			if err != nil {
				t.Fatal(err)
			}
			client, tries := tc.with, cfg.Retryer
			cfg.HTTPClient = &client
			cfg.Retryer = func() aws.Retryer { return hurried{tries().(aws.RetryerV2)} }
			_, err = iam.NewFromConfig(cfg).GetUser(t.Context(), &iam.GetUserInput{})
			if (err == nil) != tc.answered || client.asked != tc.want {
				t.Errorf("asked %d times (%v), want %d", client.asked, err, tc.want)
			}
			if !tc.answered && !strings.Contains(err.Error(), tc.with.code) {
				t.Errorf("error %v, want %s in it", err, tc.with.code)
			}
		})
	}
}

// The client of S3 is Warder's own, and understands the same.
// https://docs.aws.amazon.com/general/latest/gr/s3.html
func TestTheEnvironmentSaysWhereS3IsToo(t *testing.T) {
	for _, tc := range []struct {
		want string
		told map[string]string
	}{
		{"https://acme.s3.eu-west-1.amazonaws.com/", nil},
		{"https://acme.s3-fips.eu-west-1.amazonaws.com/", map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}},
		{"https://acme.s3.dualstack.eu-west-1.amazonaws.com/", map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}},
		{"https://acme.s3-fips.dualstack.eu-west-1.amazonaws.com/", map[string]string{"AWS_USE_FIPS_ENDPOINT": "true",
			"AWS_USE_DUALSTACK_ENDPOINT": "true"}},
		{"http://127.0.0.1:1/acme", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}},
		{"http://127.0.0.1:2/acme", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1",
			"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2"}},
		{"https://acme.s3.eu-west-1.amazonaws.com/", map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2",
			"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}},
	} {
		t.Run(tc.want, func(t *testing.T) {
			told := maps.Clone(inLambda)
			maps.Copy(told, tc.told)
			surround(t, told)
			cfg, err := environment()
			if err != nil {
				t.Fatal(err)
			}
			e := ears{map[string]string{}}
			cfg.HTTPClient, cfg.Retryer = e, func() aws.Retryer { return aws.NopRetryer{} }
			if _, err := s3.New(cfg).GetBucketTagging(t.Context(), &s3.Bucket{Name: "acme", Region: "eu-west-1"}); !errors.Is(
				err,
				errHeard,
			) {
				t.Fatal(err)
			}
			if got, _, _ := strings.Cut(e.heard["url"], "?"); got != tc.want {
				t.Errorf("asked %s", got)
			}
		})
	}
}

// front refuses each user's first calls as too many, and counts how many calls there are at a time.
type front struct {
	mu        sync.Mutex
	refusals  int
	asked     map[string]int
	now, most int
}

func (f *front) Do(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.asked[r.Form.Get("UserName")]++
	refused := f.asked[r.Form.Get("UserName")] <= f.refusals
	f.now++
	f.most = max(f.most, f.now)
	f.mu.Unlock()
	runtime.Gosched() // to the others
	f.mu.Lock()
	f.now--
	f.mu.Unlock()
	status, body := http.StatusOK, `<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata/><IsTruncated>`+
		`false</IsTruncated></ListAccessKeysResult></ListAccessKeysResponse>`
	if refused {
		status, body = http.StatusBadRequest, `<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>`
	}
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{},
		Body:       io.NopCloser(strings.NewReader(body)),
		Request:    r,
	}, nil
}

func TestASweepThatIsRefusedAgainAndAgainComesToItsEndWithFewCallsAtATime(t *testing.T) {
	surround(t, inLambda)
	cfg, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	const refusals = 4 // more than an error is tried again
	client, tries := &front{refusals: refusals, asked: map[string]int{}}, cfg.Retryer
	cfg.HTTPClient = client
	cfg.Retryer = func() aws.Retryer { return hurried{tries().(aws.RetryerV2)} }
	api := iam.NewFromConfig(cfg)
	var users []string
	for i := range 20 {
		users = append(users, fmt.Sprintf("user-%d", i))
	}
	looked := iamuser.ForEach(t.Context(), users, iamuser.Concurrency, func() {}, func(user string) error {
		_, err := api.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &user})
		return err
	})
	if err := errors.Join(looked...); err != nil || len(looked) != len(users) {
		t.Errorf("looked at %d users of %d: %v", len(looked), len(users), err)
	}
	for _, user := range users {
		if client.asked[user] != refusals+1 {
			t.Errorf("asked for %s %d times, want %d", user, client.asked[user], refusals+1)
		}
	}
	if client.most < 1 || client.most > iamuser.Concurrency {
		t.Errorf("%d calls at a time, want at most %d", client.most, iamuser.Concurrency)
	}
}
