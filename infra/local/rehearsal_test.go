package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// buildWarder builds the operator's command.
func buildWarder(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "warder")
	build := exec.Command("go", "build", "-o", binary, "./infra/warder")
	build.Dir = root(t)
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build infra/warder: %v\n%s", err, output)
	}
	return binary
}

// asker runs warder for the account that is up.
func asker(t *testing.T, r *running) func(args ...string) (string, error) {
	t.Helper()
	dir := root(t)
	binary := buildWarder(t)
	return func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), binary, args...)
		cmd.Dir, cmd.Env = dir, os.Environ()
		for name, value := range r.env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		var output bytes.Buffer
		cmd.Stdout, cmd.Stderr = &output, &output
		err := cmd.Run()
		t.Logf("warder %s\n%s", strings.Join(args, " "), output.String())
		return output.String(), err
	}
}

// asBefore fails the test unless the account is what it was.
func asBefore(t *testing.T, client *iam.Client, before string) {
	t.Helper()
	after, err := identities(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if before != after {
		t.Errorf("the account is not as it was:\n%s\n%s", before, after)
	}
}

func TestADrillOfTheLocalAccount(t *testing.T) {
	t.Parallel()
	for mode, did := range map[string]string{"enforce": " changed ", "observe": " would change "} {
		r := startUp(t, "--mode", mode)
		client, ask := iam.NewFromConfig(r.config()), asker(t, r)
		before, err := identities(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		output, err := ask("drill", "--minutes=2", "--by=kim@example.com")
		if err != nil || !strings.Contains(output, did) || !strings.Contains(output, "looked, nothing to do") ||
			!strings.Contains(output, "outside sign-in skipped: no allowedNetworks are set") ||
			!strings.HasSuffix(output, ": passed\n") {
			t.Errorf("in %s: %v", mode, err)
		}
		asBefore(t, client, before)
		if mode != "enforce" {
			continue
		}

		if _, err := ask("halt", "--reason=incident 42"); err != nil {
			t.Fatal(err)
		}
		output, err = ask("drill", "--minutes=2")
		if err != nil || !strings.Contains(output, ": held, direct policy: ") || !strings.Contains(output, "incident 42") {
			t.Errorf("halted: %v", err)
		}
		asBefore(t, client, before)
	}
}

// identities is all users and groups of the account, with what is on them, as text.
func identities(ctx context.Context, client *iam.Client) (string, error) {
	var all []any
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(client, &iam.GetAccountAuthorizationDetailsInput{
		Filter: []iamtypes.EntityType{iamtypes.EntityTypeUser, iamtypes.EntityTypeGroup},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		all = append(all, page.UserDetailList, page.GroupDetailList)
	}
	text, err := json.Marshal(all)
	return string(text), err
}
