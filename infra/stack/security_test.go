package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// accepted is what checkov asks for and does not get, by its check and the type of the resource,
// with the reason why.
var accepted = map[string]string{
	"CKV_AWS_18 AWS::S3::Bucket": "the log of who read a report would need a bucket of its own; the data events of a " +
		"trail show the same",
	"CKV_AWS_26 AWS::SNS::Topic": "the second topic is for when the key of the first one is disabled: with a key of its " +
		"own it could be silenced in the same way; its messages hold no secret",
	"CKV_AWS_27 AWS::SQS::Queue": "every queue is encrypted, with the key of SQS; the check looks for a key of KMS",
	"CKV_AWS_115 AWS::Lambda::Function": "a new account has ten concurrent executions and lets none of them be " +
		"reserved: the stack could not be deployed; " +
		"that a burst is handled once and changes little is seen to by the ledger and the blast radius",
	"CKV_AWS_116 AWS::Lambda::Function": "what failed goes to the queue Failed as an on-failure destination, which " +
		"keeps the error with the event; a dead-letter queue keeps the event alone",
	"CKV_AWS_117 AWS::Lambda::Function": "the functions talk to AWS's own endpoints alone: a VPC would add an address " +
		"translation or an endpoint for each service, and keep nothing out",
	"CKV_AWS_119 AWS::DynamoDB::Table": "the ledger holds no secret and is encrypted with the key of DynamoDB; a key " +
		"of one's own could be disabled, and with it every undo",
	"CKV_AWS_158 AWS::Logs::LogGroup": "the log holds no secret, is encrypted by CloudWatch Logs, and has to be " +
		"readable for whoever is on call",
	"CKV_AWS_173 AWS::Lambda::Function": "the environment holds no secret (a test says so of the template) and is " +
		"encrypted with the key of Lambda",
}

func TestTemplates_Checkov(t *testing.T) {
	checkov, err := filepath.Abs("../../.venv-checkov/bin/checkov")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(checkov); err != nil {
		t.Fatalf("checkov is not installed (make test installs it): %v", err)
	}
	// Nothing is fetched, and no setting of whoever runs the test is read.
	args := []string{"--framework", "cloudformation", "--skip-download", "--compact", "--quiet", "--output", "json"}
	for _, files := range lintOnce(t, false) {
		for _, file := range files {
			args = append(args, "--file", file)
		}
	}
	command := exec.Command(checkov, args...)
	command.Dir = t.TempDir()
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + command.Dir}
	out, err := command.Output() // it fails when there are findings
	var report struct {
		Summary struct {
			Passed, Failed int
			ParsingErrors  int `json:"parsing_errors"`
		}
		Results struct {
			Failed []struct {
				ID       string `json:"check_id"`
				Name     string `json:"check_name"`
				Resource string // type and logical id
				File     string `json:"file_path"`
			} `json:"failed_checks"`
		}
	}
	if fault := json.Unmarshal(out, &report); fault != nil {
		t.Fatalf("checkov: %v: %v\n%s", err, fault, out)
	}
	if report.Summary.Passed == 0 || report.Summary.ParsingErrors > 0 {
		t.Fatalf("checkov: %+v", report.Summary)
	}
	found := map[string]bool{}
	for _, f := range report.Results.Failed {
		kind, _, _ := strings.Cut(f.Resource, ".")
		found[f.ID+" "+kind] = true
		if accepted[f.ID+" "+kind] == "" {
			t.Errorf("%s: %s: %s: %s", filepath.Base(f.File), f.Resource, f.ID, f.Name)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(accepted)), slices.Sorted(maps.Keys(found))); diff != "" {
		t.Errorf("what is accepted, and what checkov found (-accepted +found):\n%s", diff)
	}
}

// dataHolders is the types that hold what cannot be made again.
var dataHolders = []string{"AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::S3::Bucket"}

func TestUpgrade_DataOutlivesTheStack(t *testing.T) {
	checked := map[string]bool{}
	for name, from := range stacks(t) {
		for _, r := range load(t, from).Resources {
			if !slices.Contains(dataHolders, r.Type) {
				continue
			}
			checked[r.Type] = true
			// A log group that CloudFormation could not finish to make is empty, and may go.
			if !strings.HasPrefix(r.DeletionPolicy, "Retain") || r.UpdateReplacePolicy != "Retain" {
				t.Errorf("%s: %s (%s) is deleted with the stack: %q, or when it is replaced: %q", name, r.id, r.Type,
					r.DeletionPolicy, r.UpdateReplacePolicy)
			}
			if r.Type == "AWS::DynamoDB::Table" && r.get("DeletionProtectionEnabled") != true {
				t.Errorf("%s: %s can be deleted by hand", name, r.id)
			}
		}
	}
	if len(checked) != len(dataHolders) {
		t.Errorf("only %v were checked", slices.Sorted(maps.Keys(checked)))
	}
}

// A resource whose logical id changes is made anew, and the old one is removed or left behind: the
// ledger would be empty, every subscription would have to be confirmed again, reports would be in two
// places. No upgrade may do that.
func TestUpgrade_KeepsLogicalIDs(t *testing.T) {
	tmpl := load(t, deployed)
	for id, kind := range map[string]string{
		"LedgerB7379752": "AWS::DynamoDB::Table", "NoticesCD1BD20F": "AWS::SNS::Topic", "TopicKeyB2E0C9CB": "AWS::KMS::Key",
		"Reports65402A0A": "AWS::S3::Bucket",
	} {
		if got := tmpl.Resources[id].Type; got != kind {
			t.Errorf("%s is a %q, want the %s that is deployed", id, got, kind)
		}
	}
}

func TestTemplates_NoSecret(t *testing.T) {
	for name, from := range stacks(t) {
		for _, line := range strings.Split(string(load(t, from).text), "\n") {
			for _, mark := range []string{"xoxb-", "hooks.slack.com", "BEGIN PRIVATE KEY", "{{resolve:"} {
				if strings.Contains(line, mark) {
					t.Errorf("%s: %s", name, strings.TrimSpace(line))
				}
			}
		}
	}
}

// inventory lists what a template has, one line for each type, with the logical ids.
func inventory(tmpl template) string {
	byType := map[string][]string{}
	for id, r := range tmpl.Resources {
		byType[r.Type] = append(byType[r.Type], id)
	}
	var out strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(byType)) {
		slices.Sort(byType[kind])
		fmt.Fprintf(&out, "%s\n", kind)
		for _, id := range byType[kind] {
			fmt.Fprintf(&out, "  %s\n", id)
		}
	}
	return out.String()
}

func TestResources_Golden(t *testing.T) {
	hub := load(t, deployed)
	region := load(t, abroad["aws"]).sibling(t, "warder-eu-west-1")
	got := "# What is deployed, by type and logical id; written by go test ./infra/stack -update.\n# A line that goes " +
		"or changes is a resource that goes, or is made anew: review each.\n\n" +
		"## The hub, with the settings of cdk.json\n" + inventory(hub) + "\n## Another region\n" + inventory(region)
	compareGolden(t, "resources.golden", got)
}
