package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/moto/mototest"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/stack"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// seeded is an account with users of each sort, and the credentials of its operator in the
// environment, as for any SDK.
func seeded(t *testing.T) *running {
	t.Helper()
	r := startUp(t)
	client := iam.NewFromConfig(r.config())
	user := func(name string, tags ...string) {
		t.Helper()
		in := &iam.CreateUserInput{UserName: &name}
		for i := 0; i < len(tags); i += 2 {
			in.Tags = append(in.Tags, iamtypes.Tag{Key: &tags[i], Value: &tags[i+1]})
		}
		if _, err := client.CreateUser(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	attach := func(user, policy string) {
		t.Helper()
		if _, err := client.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: aws.String("arn:aws:iam::aws:policy/" + policy)}); err != nil {
			t.Fatal(err)
		}
	}
	key := func(user string, created, used int) {
		t.Helper()
		made, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &user})
		if err != nil {
			t.Fatal(err)
		}
		ago := func(days int) time.Time { return time.Now().Add(-time.Duration(days)*24*time.Hour - time.Hour).UTC() }
		if err := emulator.At(r.env["AWS_ENDPOINT_URL"]).Age(t.Context(), moto.Age{AccessKey: *made.AccessKey.AccessKeyId, Created: ago(created), LastUsed: ago(used)}); err != nil {
			t.Fatal(err)
		}
	}
	user("alice", "owner", "alice@example.com")
	attach("alice", "AdministratorAccess")
	key("alice", 10, 1)
	user("bob", "owner", "bob@example.com")
	key("bob", 200, 1)
	user("carol", "owner", "carol@example.com")
	attach("carol", "AWSDenyAll")
	key("carol", 80, 1)
	user("dave")
	attach("dave", "AmazonS3FullAccess")
	user("erin", "owner", "erin@example.com", "warder:exempt", "all until "+time.Now().AddDate(0, 0, 60).Format(time.DateOnly)+" by kim@example.com for the migration")
	attach("erin", "AmazonS3FullAccess")
	r.idle(t)
	for name, value := range r.env {
		t.Setenv(name, value)
	}
	t.Setenv("HOME", t.TempDir()) // no profile of whoever runs the test
	return r
}

// everything is what there is in an account that a preview could have changed.
func everything(t *testing.T, r *running) map[string]any {
	t.Helper()
	client := iam.NewFromConfig(r.config())
	all := map[string]any{}
	details, err := client.GetAccountAuthorizationDetails(t.Context(), &iam.GetAccountAuthorizationDetailsInput{})
	if err != nil {
		t.Fatal(err)
	}
	all["iam"] = details.UserDetailList
	all["groups"], all["roles"], all["policies"] = details.GroupDetailList, len(details.RoleDetailList), len(details.Policies)
	for _, user := range details.UserDetailList {
		keys, err := client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: user.UserName})
		if err != nil {
			t.Fatal(err)
		}
		all["keys of "+*user.UserName] = keys.AccessKeyMetadata
	}
	table, err := dynamodb.NewFromConfig(r.config()).Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(settings.TableName)})
	if err != nil {
		t.Fatal(err)
	}
	all["items of the ledger"] = table.Count
	halt, err := ssm.NewFromConfig(r.config()).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String(settings.HaltParameter)})
	if err != nil {
		t.Fatal(err)
	}
	all["halt"] = *halt.Parameter.Value
	response, err := http.Get(r.env["AWS_ENDPOINT_URL"] + "/_warder/calls")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var calls []endpoint.Call
	if err := json.NewDecoder(response.Body).Decode(&calls); err != nil {
		t.Fatal(err)
	}
	all["calls of functions"] = len(calls)
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var plain map[string]any
	if err := json.Unmarshal(data, &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestAPreviewSaysWhoWouldBeToldAndWhenAndChangesNothing(t *testing.T) {
	r := seeded(t)
	before := everything(t, r)
	stdout, stderr, err := command(t, "preview", "-json")
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	var p preview
	if err := json.Unmarshal([]byte(stdout), &p); err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	type row struct{ Control, When, Due, Owner, Subject string }
	var got []row
	for _, line := range p.Lines {
		days := ""
		if !line.Due.IsZero() {
			days = line.Due.Sub(p.At).Round(24 * time.Hour).String()
		}
		got = append(got, row{line.Control, line.When, days, line.Owner, line.Subject})
	}
	const stale, direct, root = "deactivate-stale-access-key", "detach-direct-policy", "alert-root-usage"
	want := []row{
		{direct, due, "168h0m0s", "", "dave"}, {direct, due, "168h0m0s", "alice@example.com", "alice"}, {stale, due, "168h0m0s", "bob@example.com", "bob"},
		{stale, due, "240h0m0s", "carol@example.com", "carol"}, // after 90 days, of which 80 are over
		{root, told, "", "", "root"}, {direct, told, "", "carol@example.com", "carol"},
		{direct, left, "", "", "erin"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	i := slices.IndexFunc(p.Controls, func(c previewTotals) bool { return c.Control == direct })
	if c := p.Controls[i]; c.Findings != 3 || c.Users != 3 || c.Changes != 2 || c.First.IsZero() || !c.Events || c.Failed {
		t.Errorf("totals %+v", c)
	}
	if !slices.Contains(p.EventsOnly, "alert-console-login") || p.Account != moto.AccountID || p.Reads == 0 {
		t.Errorf("on events only %q, account %s, %d reads", p.EventsOnly, p.Account, p.Reads)
	}
	if diff := cmp.Diff(before, everything(t, r)); diff != "" {
		t.Errorf("the account (-before +after):\n%s", diff)
	}

	t.Run("the table says the same to people", func(t *testing.T) {
		stdout, stderr, err := command(t, "preview", direct)
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
		for _, words := range []string{
			"Account 123456789012 in us-east-1, as arn:aws:iam::123456789012:user/operator", "Nothing was changed",
			"alice@example.com  alice  detach policy arn:aws:iam::aws:policy/AdministratorAccess from alice",
			"the topic          dave", "nobody             erin", "is left alone: exempt from all until",
		} {
			if !strings.Contains(stdout, words) {
				t.Errorf("without %q:\n%s", words, stdout)
			}
		}
		if strings.Contains(stdout, stale) || strings.Contains(stdout, "\x1b") {
			t.Errorf("another control than asked for, or colours:\n%s", stdout)
		}
	})
	t.Run("no credential is printed", func(t *testing.T) {
		for _, secret := range []string{r.env["AWS_ACCESS_KEY_ID"], r.env["AWS_SECRET_ACCESS_KEY"]} {
			if strings.Contains(stdout+stderr, secret) {
				t.Error("the output has the caller's credentials")
			}
		}
	})
	t.Run("credentials that are none are an error that does not repeat them", func(t *testing.T) {
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIANOBODYATALL00001")
		if _, _, err := command(t, "preview"); err == nil || !strings.Contains(err.Error(), "find out whose account it is") || strings.Contains(err.Error(), "AKIANOBODY") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("an unknown control is named", func(t *testing.T) {
		if _, _, err := command(t, "preview", "nonsense"); err == nil || !strings.Contains(err.Error(), `no control "nonsense"`) {
			t.Errorf("error %v", err)
		}
	})
}

// Whatever a function does behind the gate: here its preview is neither halted nor gives it any grace.
func TestAPreviewWhoseFunctionsActChangesNothing(t *testing.T) {
	r := seeded(t)
	before := everything(t, r)
	project, server, created, hub := unhalted(t)
	controls, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	controls = slices.DeleteFunc(controls, func(c control.Control) bool { return c.Tool })
	upstream := r.config()
	p := preview{Account: moto.AccountID, Region: hub.Region, At: time.Now().UTC()}
	if err := p.look(t.Context(), project, server, created, upstream, controls, []string{"detach-direct-policy"}, os.Stderr); err != nil {
		t.Fatal(err)
	}
	if len(p.Controls) != 1 || !p.Controls[0].Failed || p.Controls[0].Reason != "it tried iam:DetachUserPolicy, which a preview refuses" {
		t.Errorf("totals %+v, want one that was refused", p.Controls)
	}
	if diff := cmp.Diff(before, everything(t, r)); diff != "" {
		t.Errorf("the account (-before +after):\n%s", diff)
	}
}

// A function of a preview gets credentials that are good for nothing, and no variable of whoever asked
// for the preview.
func TestAPreviewGivesFunctionsNoCredentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHECALLER000001")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the secret of the caller")
	t.Setenv("AWS_PROFILE", "the profile of the caller")
	env := previewEnvironment(functionOf(t, "detach-direct-policy"), "ASIAOFTHEFUNCTION0001", "us-east-1", "http://127.0.0.1:1")
	for name, value := range env {
		if strings.Contains(value, "of the caller") || strings.Contains(value, "AKIAOFTHECALLER") {
			t.Errorf("%s=%s", name, value)
		}
	}
	if env["AWS_ACCESS_KEY_ID"] != "ASIAOFTHEFUNCTION0001" || strings.Contains(env[settings.Variable], "eventClock") || env["AWS_PROFILE"] != "" {
		t.Errorf("environment %v", env)
	}
}

func TestInvokePrintsTheAnswerOfAFunction(t *testing.T) {
	r := startUp(t)
	addUser(t, iam.NewFromConfig(r.config()), "alice")
	t.Setenv("AWS_ENDPOINT_URL", r.env["AWS_ENDPOINT_URL"])
	for _, function := range []string{"explain", "warder-explain"} {
		stdout, stderr, err := command(t, "invoke", function, `{"user":"alice"}`)
		var answer struct{ Text string }
		if err != nil || json.Unmarshal([]byte(stdout), &answer) != nil || !strings.Contains(answer.Text, "alice") {
			t.Errorf("%s: %v, printed %s%s", function, err, stdout, stderr)
		}
	}
	if _, _, err := command(t, "invoke", "explain", `{"nonsense":1}`); err == nil || !strings.Contains(err.Error(), "warder-explain failed: request not understood") {
		t.Errorf("a request that is none: %v", err)
	}
	if _, _, err := command(t, "invoke", "nonsense", `{}`); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a function that is none: %v", err)
	}
	if _, stderr, err := command(t, "invoke", "explain", `{`); !errors.Is(err, errUsage) || !strings.Contains(stderr, "no JSON") {
		t.Errorf("a payload that is none: %v, %s", err, stderr)
	}
	if _, _, err := command(t, "invoke", "explain", "{}", "--mode", "enforce"); err == nil {
		t.Error("-mode is taken for an account that has its mode already")
	}
	t.Setenv("AWS_ENDPOINT_URL", "https://lambda.us-east-1.amazonaws.com")
	if _, _, err := command(t, "invoke", "explain", "{}"); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("another machine: %v", err)
	}
}

// unhalted is what a preview is made of, but for its halt, and with no days of grace.
func unhalted(t *testing.T) (project.Root, *moto.Server, stack.Stack, project.Template) {
	t.Helper()
	found, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	templates, err := found.Templates(project.Deployed)
	if err != nil {
		t.Fatal(err)
	}
	server := mototest.Start(t)
	created, err := createHalted(t.Context(), server, templates[0], moto.AccountID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ssm.NewFromConfig(emulator.Config(server.URL, "AKIAOFTHELOCALACCOUNT", "none")).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String(settings.HaltParameter), Value: aws.String("no"), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
	}); err != nil {
		t.Fatal(err)
	}
	for _, f := range created.Functions {
		f.Env[settings.Variable] = strings.Replace(f.Env[settings.Variable], `"graceDays":7`, `"graceDays":0`, 1)
	}
	return found, server, created, templates[0]
}

// functionOf is a control's function as the template has it.
func functionOf(t *testing.T, id string) stack.Function {
	t.Helper()
	_, _, created, _ := unhalted(t)
	i := slices.IndexFunc(created.Functions, func(f stack.Function) bool { return f.Name == settings.FunctionName(id) })
	return created.Functions[i]
}
