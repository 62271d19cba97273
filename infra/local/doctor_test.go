package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

// doctor returns what examines the account with it: the state of each check
// (the worst of its lines), and what was said about it.
func (r *running) doctor(t *testing.T) func(status int) (states, said map[string]string) {
	t.Helper()
	binary := buildWarder(t)
	home := t.TempDir()
	return func(status int) (states, said map[string]string) {
		t.Helper()
		c := exec.Command(binary, "doctor", "--json", "--settings=cdk.json")
		c.Dir, c.Env = root(t), []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
		for name, value := range r.env {
			c.Env = append(c.Env, name+"="+value)
		}
		out, err := c.Output()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) || c.ProcessState.ExitCode() != status {
			t.Errorf("doctor: %v, want status %d\n%s", err, status, out)
		}
		var answer struct {
			Lines []struct{ Check, State, Text, Do string }
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		states, said = map[string]string{}, map[string]string{}
		for _, line := range answer.Lines {
			if state := states[line.Check]; state == "" || state == "ok" {
				states[line.Check] = line.State
			}
			said[line.Check] += line.Text + "\n"
		}
		return states, said
	}
}

// A new user pastes what README.md says about the local account into a terminal, and then asks the doctor.
func TestTheDoctorIsGreenAfterTheWalkOfTheReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "## The local account\n")
	blocks := strings.Split(section, "```")
	start, found := strings.CutPrefix(strings.TrimSpace(blocks[1]), "sh\nmake up ARGS=\"")
	walk, isShell := strings.CutPrefix(blocks[3], "sh\n")
	if !found || !isShell || !strings.Contains(walk, "make doctor\n") {
		t.Fatalf("README.md has another walk: %q, %q", blocks[1], blocks[3])
	}
	r := startUp(t, strings.Fields(strings.TrimSuffix(start, "\""))...)
	terminal := exec.Command("bash", "-e", "-o", "pipefail", "-c", walk)
	terminal.Dir, terminal.Env = root(
		t,
	), append(
		os.Environ(),
		"PATH="+filepath.Join(root(t), ".venv/bin")+":"+os.Getenv("PATH"),
	)
	for name, value := range r.env {
		terminal.Env = append(terminal.Env, name+"="+value)
	}
	if out, err := terminal.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	states, said := r.doctor(t)(0)
	for check, state := range states {
		remark := state == "remark" &&
			slices.Contains([]string{"region us-east-1", "settings", "stack warder", "sweeps"}, check)
		if state != "ok" && !remark {
			t.Errorf("%s is %s: %s", check, state, said[check])
		}
	}
	if want := "(observe, and deployed as enforce)"; !strings.Contains(said["settings"], want) {
		t.Errorf("it says of the settings %q, want %q in it", said["settings"], want)
	}
	// Compared with what was deployed alone there is nothing to say of settings or stack.
	out, ok := r.asks(t)("doctor")
	for _, line := range strings.Split(out, "\n") {
		if strings.HasPrefix(line, "remark") && !strings.Contains(line, " region ") && !strings.Contains(line, " sweeps ") {
			t.Error(line)
		}
	}
	if !ok || !strings.Contains(out, " 0 problems,") {
		t.Errorf("warder doctor: %t\n%s", ok, out)
	}
}

// With everything on that the tour shows, and other regions, the doctor is green as well.
func TestTheDoctorIsGreenInTheTour(t *testing.T) {
	t.Parallel()
	r := startUp(t, "--tour")
	out, _ := r.asks(t)("doctor")
	for _, line := range strings.Split(out, "\n") {
		if strings.HasPrefix(line, "not known") || strings.HasPrefix(line, "problem") {
			t.Error(line)
		}
	}
	if !strings.Contains(out, "SES sends mail as w…@example.com, and reports what comes back") {
		t.Error("it says nothing of mail")
	}
}

func TestTheDoctorSeesWhatIsBrokenInTheAccountAndNothingElse(t *testing.T) {
	t.Parallel()
	r := startUp(t)
	examine := r.doctor(t)

	fresh, said := examine(0)
	for check, state := range fresh {
		want := map[string]string{
			"region us-east-1": "remark", // sign-ins elsewhere are not listened to
			"settings":         "remark", // whoever started the account is subscribed
			"stack warder":     "remark",
			"sweeps":           "remark", // none yet
		}[check]
		if want == "" {
			want = "ok"
		}
		if state != want {
			t.Errorf("%s is %s: %s", check, state, said[check])
		}
	}
	controls, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range controls {
		kind := "control "
		if c.Tool {
			kind = "tool "
		}
		posts := slices.ContainsFunc(c.Permissions, func(p control.Permission) bool {
			return slices.Contains(p.Resources, control.Slack) || slices.Contains(p.Resources, control.Mail)
		})
		if _, examined := fresh[kind+c.ID]; examined == posts { // what posts to Slack, or mails, is not deployed without
			t.Errorf("%s%s is examined: %v", kind, c.ID, examined)
		}
	}

	// Every control has swept the account: everything is in order.
	sweep, err := json.Marshal(map[string]any{
		"version": "0", "id": "sweep", "detail-type": "Scheduled Event", "source": "aws.events", "account": "123456789012",
		"time": time.Now().UTC().Format(time.RFC3339), "region": emulator.Region, "resources": []string{},
		"detail": map[string]any{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := emulator.At(r.env["AWS_ENDPOINT_URL"]).Send(t.Context(), sweep); err != nil {
		t.Fatal(err)
	}
	before, said := examine(0)
	for check, state := range before {
		if state != "ok" && !slices.Contains([]string{"region us-east-1", "settings", "stack warder"}, check) {
			t.Errorf("%s is %s: %s", check, state, said[check])
		}
	}

	cfg := r.config()
	queues := sqs.NewFromConfig(cfg)
	topics := sns.NewFromConfig(cfg)
	trails, recorders := cloudtrail.NewFromConfig(cfg), configservice.NewFromConfig(cfg)
	// Nobody else writes the table.
	own := cfg.Copy()
	own.Credentials = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg),
		"arn:aws:iam::123456789012:role/warder/warder-detach-direct-policy")
	book := ledger.New(ledger.Dynamo{API: dynamodb.NewFromConfig(own), Name: settings.TableName})
	failed := queueOf(t, queues, "warder-Failed")
	hub, err := deployment.Read(t.Context(), cloudformation.NewFromConfig(cfg), settings.Product)
	if err != nil {
		t.Fatal(err)
	}
	scheduler, schedule := deployment.NewScheduler(cfg), ""
	for _, s := range hub.Of(deployment.ScheduleType) {
		if s.Starts() == "warder-detach-direct-policy" {
			schedule = s.Name
		}
	}
	setSchedule := func(state string) error {
		there, err := deployment.GetSchedule(t.Context(), scheduler, "warder-Schedules", schedule)
		if err != nil {
			return err
		}
		there["State"] = state
		_, err = awsjson.Rest[any](t.Context(), scheduler, "UpdateSchedule", http.MethodPut, "schedules/"+schedule, there)
		return err
	}
	var subscription string
	listed, err := topics.ListSubscriptionsByTopic(t.Context(), &sns.ListSubscriptionsByTopicInput{TopicArn: &r.topic})
	if err != nil || len(listed.Subscriptions) != 1 {
		t.Fatalf("%v, %v", listed, err)
	}
	subscription = *listed.Subscriptions[0].SubscriptionArn
	bootstrapped := func(version string) error {
		_, err := ssm.NewFromConfig(cfg).PutParameter(t.Context(), &ssm.PutParameterInput{
			Name: aws.String("/cdk-bootstrap/hnb659fds/version"), Value: &version, Type: ssmtypes.ParameterTypeString,
			Overwrite: aws.Bool(true),
		})
		return err
	}
	halt := func(halted bool) error {
		read, err := book.Halt(t.Context())
		if err != nil {
			return err
		}
		return book.SetHalt(t.Context(), read, ledger.Halt{Halted: halted, Reason: "incident 42"})
	}
	ctx := t.Context()
	for _, tt := range []struct {
		name         string
		spoil, mend  func() error
		check, state string
		says         string
	}{
		{"a schedule is disabled",
			func() error { return setSchedule("DISABLED") }, func() error { return setSchedule("ENABLED") },
			"control detach-direct-policy", "problem", "the schedule " + schedule + " is disabled"},
		{"a subscription is deleted",
			func() error {
				_, err := topics.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &subscription})
				return err
			},
			func() error {
				_, err := topics.Subscribe(ctx, &sns.SubscribeInput{
					TopicArn: &r.topic, Protocol: aws.String("email"), Endpoint: aws.String("you@example.com"),
				})
				return err
			}, "subscriptions", "problem", "nobody is subscribed"},
		{"an event failed",
			func() error {
				_, err := queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &failed, MessageBody: aws.String("{}")})
				return err
			},
			func() error { _, err := queues.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &failed}); return err },
			"queues", "problem", "1 event in Failed"},
		{"Warder is halted", func() error { return halt(true) }, func() error { return halt(false) },
			"halt", "problem", "incident 42"},
		{"the trail is stopped",
			func() error {
				_, err := trails.StopLogging(ctx, &cloudtrail.StopLoggingInput{Name: aws.String("account")})
				return err
			},
			func() error {
				_, err := trails.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: aws.String("account")})
				return err
			},
			"trail", "problem", "account does not log"},
		{"the recorder is stopped",
			func() error {
				_, err := recorders.StopConfigurationRecorder(ctx, &configservice.StopConfigurationRecorderInput{
					ConfigurationRecorderName: aws.String("account"),
				})
				return err
			},
			func() error {
				_, err := recorders.StartConfigurationRecorder(ctx, &configservice.StartConfigurationRecorderInput{
					ConfigurationRecorderName: aws.String("account"),
				})
				return err
			}, "recorder", "remark", "account is stopped; not needed"},
		{"the bootstrap is old", func() error { return bootstrapped("3") }, func() error {
			return bootstrapped("30")
		},
			"bootstrap us-east-1", "problem", "bootstrapped at version 3"},
		{"the blast radius is reached",
			func() error {
				for _, step := range []string{"a", "b"} {
					if _, err := book.Take(ctx, "detach-direct-policy", &ledger.Breaker{}, step, 1, time.Now()); err != nil {
						return err
					}
				}
				return nil
			},
			func() error {
				_, err := book.Release(ctx, "detach-direct-policy", caller.Identity{Claimed: "kim"}, "test", time.Now())
				return err
			},
			"blast radius", "problem", "detach-direct-policy has stopped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.spoil(); err != nil {
				t.Fatal(err)
			}
			status := 0
			if tt.state == "problem" {
				status = 1
			}
			states, said := examine(status)
			want := map[string]string{}
			for check, state := range before {
				want[check] = state
			}
			want[tt.check] = tt.state
			if diff := cmp.Diff(want, states); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
			if !strings.Contains(said[tt.check], tt.says) {
				t.Errorf("it says %q, want %q in it", said[tt.check], tt.says)
			}
			if err := tt.mend(); err != nil {
				t.Fatal(err)
			}
			if states, _ := examine(0); states[tt.check] != before[tt.check] {
				t.Errorf("mended, it is %s", states[tt.check])
			}
		})
	}
}

// queueOf is the URL of the one queue whose name begins so.
func queueOf(t *testing.T, client *sqs.Client, begin string) string {
	t.Helper()
	out, err := client.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: &begin})
	if err != nil || len(out.QueueUrls) != 1 {
		t.Fatalf("queues %s…: %+v, %v", begin, out, err)
	}
	return out.QueueUrls[0]
}
