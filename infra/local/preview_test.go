package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/warder/preview"
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
		in := &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: aws.String("arn:aws:iam::aws:policy/" + policy)}
		if _, err := client.AttachUserPolicy(t.Context(), in); err != nil {
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
		age := moto.Age{AccessKey: *made.AccessKey.AccessKeyId, Created: ago(created), LastUsed: ago(used)}
		if err := emulator.At(r.env["AWS_ENDPOINT_URL"]).Age(t.Context(), age); err != nil {
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
	user("erin", "owner", "erin@example.com", "warder:exempt",
		"all until "+time.Now().AddDate(0, 0, 60).Format(time.DateOnly)+" by kim@example.com for the migration")
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
	all["groups"], all["roles"], all["policies"] = details.GroupDetailList, len(
		details.RoleDetailList,
	), len(
		details.Policies,
	)
	for _, user := range details.UserDetailList {
		keys, err := client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: user.UserName})
		if err != nil {
			t.Fatal(err)
		}
		all["keys of "+*user.UserName] = keys.AccessKeyMetadata
	}
	table, err := dynamodb.NewFromConfig(r.config()).
		Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(settings.TableName)})
	if err != nil {
		t.Fatal(err)
	}
	all["items of the ledger"] = table.Count
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

// warderPreview runs warder preview with the environment of the test.
func warderPreview(t *testing.T, binary string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), binary, append([]string{"preview"}, args...)...)
	c.Dir, c.Stdout, c.Stderr = t.TempDir(), &out, &errs // no file of the checkout is needed
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

func TestPreview_LocalAccount(t *testing.T) {
	binary := buildWarder(t) // before the test has another HOME, and with it an empty build cache
	r := seeded(t)
	before := everything(t, r)
	stdout, stderr, status := warderPreview(t, binary, "--json")
	if status != 0 {
		t.Fatalf("status %d\n%s", status, stderr)
	}
	var p preview.Preview
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
		{direct, preview.Due, "168h0m0s", "", "dave"},
		{direct, preview.Due, "168h0m0s", "alice@example.com", "alice"},
		{stale, preview.Due, "168h0m0s", "bob@example.com", "bob"},
		{stale, preview.Due, "240h0m0s", "carol@example.com", "carol"},       // after 90 days, of which 80 are over
		{"reduce-unused-access", preview.NotifyOnly, "", "", "123456789012"}, // there is no analyzer
		{"restrict-console-sign-in", preview.NotifyOnly, "", "", "console sign-in"},
		{root, preview.NotifyOnly, "", "", "root"},
		{direct, preview.NotifyOnly, "", "carol@example.com", "carol"},
		{direct, preview.Never, "", "", "erin"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	i := slices.IndexFunc(p.Controls, func(c preview.Total) bool { return c.Control == direct })
	c := p.Controls[i]
	if c.Findings != 3 || c.Users != 3 || c.Changes != 2 || c.First.IsZero() || !c.Events || c.Failed {
		t.Errorf("totals %+v", c)
	}
	if !slices.Contains(p.EventsOnly, "alert-console-login") || p.Account != moto.AccountID || p.Reads == 0 {
		t.Errorf("on events only %q, account %s, %d reads", p.EventsOnly, p.Account, p.Reads)
	}
	if p.Settings != "those of the stack warder in us-east-1" {
		t.Errorf("settings of %q", p.Settings)
	}
	if diff := cmp.Diff(before, everything(t, r)); diff != "" {
		t.Errorf("the account (-before +after):\n%s", diff)
	}

	t.Run("the table has the same", func(t *testing.T) {
		stdout, stderr, status := warderPreview(t, binary, direct)
		if status != 0 {
			t.Fatalf("status %d\n%s", status, stderr)
		}
		for _, words := range []string{
			"Account 123456789012 in us-east-1, as arn:aws:iam::123456789012:user/operator", "Nothing was changed",
			"alice@example.com  alice    detach policy arn:aws:iam::aws:policy/AdministratorAccess from alice",
			"the topic          dave", "nobody             erin", "not changed: exempt from all until",
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
	t.Run("credentials that are not accepted are an error that does not repeat them", func(t *testing.T) {
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIANOBODYATALL00001")
		_, stderr, status := warderPreview(t, binary)
		if status != 1 || !strings.Contains(stderr, "AWS does not accept these credentials") ||
			strings.Contains(stderr, "AKIANOBODY") {
			t.Errorf("status %d, %s", status, stderr)
		}
	})
	t.Run("an unknown control is named", func(t *testing.T) {
		_, stderr, status := warderPreview(t, binary, "nonsense")
		if status != 2 || !strings.Contains(stderr, `no control "nonsense"`) {
			t.Errorf("status %d, %s", status, stderr)
		}
	})
}
