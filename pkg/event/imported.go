package event

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// ImportedFindings are those of IAM Access Analyzer about unused access that Security Hub passes on, in its own format.
// Security Hub sends an event for each finding that is new or was changed, and some of them together:
//
// https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-cwe-event-formats.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-securityhub-integration.html
type ImportedFindings struct{ Findings []*AccessFinding }

func (*ImportedFindings) detail() {}

// unusedTypes are Access Analyzer's own names for the types that Security Hub gives its findings.
var unusedTypes = map[string]string{
	"Software and Configuration Checks/AWS Security Best Practices/Unused IAM Role":            "UnusedIAMRole",
	"Software and Configuration Checks/AWS Security Best Practices/Unused IAM User Access Key": "UnusedIAMUserAccessKey",
	"Software and Configuration Checks/AWS Security Best Practices/Unused IAM User Password":   "UnusedIAMUserPassword",
	"Software and Configuration Checks/AWS Security Best Practices/Unused Permission":          "UnusedPermission",
}

// importedResources are the types of resources that such findings are about.
var importedResources = map[string]string{"AwsIamRole": "AWS::IAM::Role", "AwsIamUser": "AWS::IAM::User"}

// maxImported is how many findings an event has at most
// (https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html).
const maxImported = 100

// importedFindings reads findings that Security Hub passes on. Those of other products, and about anything but unused
// access, are left out; so is what lacks its id, account or one resource. Anybody who may import findings can make some
// up, but not in the name of AWS's product: its ARN has no account.
func importedFindings(detail Fields, e Event) (Detail, time.Time, error) {
	all := detail.Objects("findings")
	if len(all) == 0 || len(all) > maxImported {
		return nil, time.Time{}, &Error{"detail.findings", "none, or more than Security Hub sends"}
	}
	imported, last := &ImportedFindings{}, time.Time{}
	for _, f := range all {
		kind, resources := "", f.Objects("Resources")
		for _, name := range f.Texts("Types") {
			if known := unusedTypes[name]; known != "" {
				kind = known
			}
		}
		product, err := arn.Parse(f.text("ProductArn"))
		ours := err == nil && product.Service == "securityhub" && product.AccountID == "" &&
			product.Resource == "product/aws/access-analyzer"
		if !ours || kind == "" || f.text("Id") == "" || f.text("AwsAccountId") == "" || len(resources) != 1 {
			continue
		}
		resource := importedResources[resources[0].text("Type")]
		if resource == "" || resources[0].text("Id") == "" {
			continue
		}
		status := f.text("RecordState")
		if w := f.text("Workflow", "Status"); w == "SUPPRESSED" || w == "RESOLVED" {
			status = w
		}
		imported.Findings = append(imported.Findings, &AccessFinding{
			Access: UnusedAccess, ID: f.text("Id"), Status: status, Type: kind,
			Resource: resources[0].text("Id"), ResourceType: resource,
			Account: f.text("AwsAccountId"), Region: product.Region,
		})
		last = f.time("UpdatedAt")
	}
	return imported, last, nil
}
