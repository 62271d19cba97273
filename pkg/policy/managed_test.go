package policy_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/policy"
)

var update = flag.Bool("update", false, "write testdata/aws-managed.golden")

// awsManaged are AWS's managed policies as moto has them, by name.
func awsManaged(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	python, err := root.Python()
	if err != nil {
		t.Fatal(err)
	}
	const program = `
import json
from moto.iam.aws_managed_policies import aws_managed_policies_data
policies = json.loads(aws_managed_policies_data)
print(json.dumps({name: policy["Document"] for name, policy in policies.items()}))`
	output, err := exec.CommandContext(t.Context(), python, "-c", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(output, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// The golden file has each of AWS's managed policies that is not harmless, its level and the ways, to be read for false
// alarms. What is surprising in it:
//
//   - AWSMcpServiceActionsFullAccess allows everything to who comes through AWS's MCP servers: a condition is taken to
//     be met.
//   - AIDevOpsAgentActionsPolicy and PowerUserAccess allow all but IAM and a few more. With the roles that exist that
//     is nearly everything.
//   - SecretsManagerReadWrite and AWSCloudFormationFullAccess may execute change sets of existing stacks, which run
//     with the stack's role.
//   - The policies of AWS's own service roles are among them: on a user they are as dangerous as they look.
func TestAssess_AWSManaged(t *testing.T) {
	all := awsManaged(t)
	counts := map[policy.Level]int{}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := policy.Assess(policy.Holder{Account: "123456789012"}, string(all[name]))
		counts[v.Level]++
		if v.Level > policy.Harmless {
			fmt.Fprintf(&b, "%s: %s, %d ways\n", name, v.Level, len(v.Ways))
		}
		for _, w := range v.Ways[:min(4, len(v.Ways))] {
			fmt.Fprintf(&b, "  %s\n", w.Text)
		}
	}
	got := fmt.Sprintf("%d policies: %v\n\n%s", len(all), counts, &b)
	const golden = "testdata/aws-managed.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("run with -update, and read it (-want +got):\n%s", diff)
	}
	for name, want := range map[string]policy.Level{
		"ReadOnlyAccess": policy.Harmless, "SecurityAudit": policy.Harmless, "ViewOnlyAccess": policy.Harmless,
		"AmazonS3FullAccess": policy.Harmless, "Billing": policy.Harmless, "IAMReadOnlyAccess": policy.Harmless,
		"IAMUserChangePassword": policy.Harmless, "AmazonDynamoDBFullAccess": policy.Harmless,
		"CloudWatchReadOnlyAccess": policy.Harmless, "AWSCompromisedKeyQuarantineV3": policy.Harmless,
		"AWSLambda_FullAccess": policy.Escalates, "AmazonEC2FullAccess": policy.Escalates,
		"AmazonSSMFullAccess": policy.Escalates, "AWSCloudFormationFullAccess": policy.Escalates,
		"PowerUserAccess": policy.Administrator, "IAMFullAccess": policy.Administrator,
		"AdministratorAccess": policy.Administrator,
	} {
		if v := policy.Assess(policy.Holder{}, string(all[name])); v.Level != want {
			t.Errorf("%s: %v, want %v: %v", name, v.Level, want, v.Describe())
		}
	}
}

// What users ordinarily have together completes nothing.
func TestCompletes_AWSManaged(t *testing.T) {
	all := awsManaged(t)
	holder := policy.Holder{Account: "123456789012", User: "alice"}
	for _, pair := range [][2]string{
		{"ReadOnlyAccess", "IAMUserChangePassword"}, {"ReadOnlyAccess", "AmazonS3FullAccess"},
		{"AmazonDynamoDBFullAccess", "AmazonS3FullAccess"}, {"AmazonSQSFullAccess", "AmazonSNSFullAccess"},
		{"ViewOnlyAccess", "AWSSupportAccess"}, {"CloudWatchLogsFullAccess", "ReadOnlyAccess"},
		{"IAMUserSSHKeys", "AWSCodeCommitPowerUser"}, {"IAMSelfManageServiceSpecificCredentials", "ReadOnlyAccess"},
	} {
		for _, order := range [][2]string{pair, {pair[1], pair[0]}} {
			v := policy.Completes(holder, holder, []string{string(all[order[0]])}, []string{string(all[order[1]])})
			if all[order[0]] == nil || v.Level != policy.Harmless {
				t.Errorf("%s beside %s: %v", order[1], order[0], v.Describe())
			}
		}
	}
	v := policy.Completes(holder, holder, []string{string(all["NetworkAdministrator"])},
		[]string{string(all["AutoScalingFullAccess"])})
	if v.Level != policy.Escalates {
		t.Errorf("passing roles, and starting instances with them: %v", v.Level)
	}
}
