package functions_test

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/functions"
)

// A function links the clients of the runner and of what its control.json permits, and no other: each
// client makes it larger and slower to start.
func TestLink_OnlyClientsThatAreUsed(t *testing.T) {
	all, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-f", `{{.Dir}} {{join .Deps " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	const services = "github.com/aws/aws-sdk-go-v2/service/"
	linked := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		folder, deps, _ := strings.Cut(line, " ")
		folder, isProgram := strings.CutSuffix(folder, "/bootstrap")
		if !isProgram {
			continue
		}
		id := path.Base(folder)
		for dep := range strings.FieldsSeq(deps) {
			if client, ok := strings.CutPrefix(dep, services); ok && !strings.Contains(client, "/") {
				linked[id] = append(linked[id], client)
			}
		}
		slices.Sort(linked[id])
	}
	for _, c := range all {
		// The runner's. It reaches SSM, for the halt switch, and KMS, for the secret of the ledger's seals, by pkg/awsjson.
		want := []string{"dynamodb", "iam", "sns"}
		for _, p := range c.Permissions {
			for _, action := range p.Actions {
				service, _, _ := strings.Cut(action, ":")
				switch service {
				case "access-analyzer", "cloudtrail", "config", "ec2", "guardduty", "rds", "route53resolver", "scheduler",
					"securityhub", "ses", "signin", "sso": // by pkg/awsjson
					continue
				case "events":
					service = "eventbridge"
				case "logs":
					service = "cloudwatchlogs"
				}
				switch action {
				case "kms:Decrypt", "kms:GenerateDataKey": // by SNS, for the topic
					continue
				case "logs:CreateLogDelivery": // by EC2, for flow logs
					continue
				case "ssm:GetParameter", "ssm:GetParameterHistory": // by pkg/parameter
					continue
				case "ssm:DescribeInstanceInformation", "ssm:DescribeSessions", "ssm:TerminateSession": // by pkg/ssm
					continue
				case "sqs:ChangeMessageVisibility": // by pkg/awsjson
					continue
				case "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage":
					if c.Subscribes { // by Lambda itself, which hands the messages over
						continue
					}
				}
				if !slices.Contains(want, service) {
					want = append(want, service)
				}
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, linked[c.ID]); diff != "" {
			t.Errorf("%s links clients (-want +got):\n%s", c.ID, diff)
		}
	}
}
