package operation_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/operation"
)

func TestFind(t *testing.T) {
	for _, want := range operation.All() {
		if got, ok := operation.Find(want.Service, want.Name); !ok || got != want {
			t.Errorf("Find(%q, %q) = %v, %t, want %v", want.Service, want.Name, got, ok, want)
		}
	}
	for _, unknown := range [][2]string{
		{"", ""}, {"service", "operation"}, {"iam.amazonaws.com", "AttachUser"}, {"iam.amazonaws.com", "attachuserpolicy"},
		{"am.amazonaws.com", "AttachUserPolicy"}, {"iam.amazonaws.com", "AttachUserPolicy\tx"},
		{"iam.amazonaws.com\tAttachUserPolicy", "alert-policy-change"}, {"x\niam.amazonaws.com", "AttachUserPolicy"},
	} {
		if got, ok := operation.Find(unknown[0], unknown[1]); ok && unknown[0] != "service" {
			t.Errorf("Find(%q, %q) = %v", unknown[0], unknown[1], got)
		}
	}
}

// reads are how the names of operations begin that change nothing.
var reads = regexp.MustCompile(
	`^(Get|List|Describe|BatchGet|Search|Generate|Simulate|Lookup|Validate|Check|Preview|Is|` +
		`Detect|Select|Query|Scan|Filter|Estimate|Count|Head|Decode)`,
)

// services are those of which the table has every operation that changes something, or every one whose name says that
// it changes a resource policy, a permission, a share, public access, a role given to a machine, the life of a key, or
// what records: by the name of their model in botocore.
var services = []struct {
	model, source string
	names         string // a regular expression; empty for all
}{
	{"iam", "iam.amazonaws.com", ""},
	{"sts", "sts.amazonaws.com", ""},
	{"organizations", "organizations.amazonaws.com", ""},
	{"sso-admin", "sso.amazonaws.com", ""},
	{"sso-oidc", "sso.amazonaws.com", ""},
	{"sso", "sso.amazonaws.com", ""},
	{"identitystore", "sso-directory.amazonaws.com", ""},
	{"rolesanywhere", "rolesanywhere.amazonaws.com", ""},
	{"signin", "signin.amazonaws.com", ""},
	{"cloudtrail", "cloudtrail.amazonaws.com", ""},
	{"config", "config.amazonaws.com", ""},
	{"guardduty", "guardduty.amazonaws.com", ""},
	{"securityhub", "securityhub.amazonaws.com", ""},
	{"accessanalyzer", "access-analyzer.amazonaws.com", ""},
	{"cloudwatch", "monitoring.amazonaws.com", "Alarm"},
	{"logs", "logs.amazonaws.com", "Policy|LogGroup$|LogStream$|LogGroupDeletion|SubscriptionFilter|Destination|" +
		"Delivery(Source)?$|KmsKey|CreateExportTask|Bearer|(Put|Delete)MetricFilter"},
	{"route53resolver", "route53resolver.amazonaws.com", "QueryLog|Policy"},
	{"kms", "kms.amazonaws.com", "Key|Grant|Policy|PrimaryRegion"},
	{"sns", "sns.amazonaws.com", "TopicAttributes|Permission|Policy|^Subscribe$"},
	{"sqs", "sqs.amazonaws.com", "QueueAttributes|Permission"},
	{"lambda", "lambda.amazonaws.com", "Permission|ResourcePolicy|UrlConfig|CreateFunction$|FunctionConfiguration|" +
		"FunctionCode$"},
	{"dynamodb", "dynamodb.amazonaws.com", "ResourcePolicy|Export"},
	{"events", "events.amazonaws.com", "Permission"},
	{"ssm", "ssm.amazonaws.com", "Permission|ResourcePolicy|Role$|Activation|HostManagement|ServiceSetting"},
	{"s3", "s3.amazonaws.com", "Policy|Acl$|PublicAccess|Replication|BucketLogging|Ownership|Website|Encryption|" +
		"Versioning|ObjectLock|Retention"},
	{"s3control", "s3.amazonaws.com", "PublicAccess|AccessPointPolicy|GrantsInstanceResourcePolicy|CreateAccessGrant$"},
	{"ec2", "ec2.amazonaws.com", "(Image|Snapshot)Attribute$|LaunchPermission|BlockPublicAccess|FlowLogs|" +
		"IamInstanceProfile|IamRole|EndpointServicePermissions|NetworkInterfacePermission|SerialConsoleAccess|" +
		"EbsEncryption|EbsDefaultKms|Ingress$|ModifyInstanceAttribute$|ModifyVpcEndpoint$"},
	{"rds", "rds.amazonaws.com", "SnapshotAttribute$|(Create|Modify)DBInstance$|RestoreDBInstance|RoleTo|RoleFrom|" +
		"StartExportTask|CopyDB.*Snapshot$|SecurityGroupIngress"},
	{"ram", "ram.amazonaws.com", ""},
	{"eks", "eks.amazonaws.com", "Access|IdentityProviderConfig|PodIdentity|UpdateClusterConfig"},
	{"ecr", "ecr.amazonaws.com", "Policy|Replication"},
	{"account", "account.amazonaws.com", ""},
	{"macie2", "macie2.amazonaws.com", "^(Disable|Disassociate)|(Create|Update)FindingsFilter$|Session$"},
	{"inspector2", "inspector2.amazonaws.com", "^Disable|^DisassociateMember|(Create|Update)Filter$"},
	{"detective", "detective.amazonaws.com", "^(Disable|Disassociate)|DeleteGraph"},
	{"wafv2", "wafv2.amazonaws.com", "^(Delete|Disassociate)WebACL|DeleteLogging"},
	{"waf-regional", "waf-regional.amazonaws.com", "^(Delete|Disassociate)WebACL|DeleteLogging"},
	{"secretsmanager", "secretsmanager.amazonaws.com", "ResourcePolicy|Replic"},
}

// TestTable_IsComplete compares the table with the models of AWS's APIs that come with botocore.
func TestTable_IsComplete(t *testing.T) {
	known := map[string]bool{}
	for _, o := range operation.All() {
		known[o.Service+" "+o.Name] = true
	}
	counted := 0
	for _, s := range services {
		names := regexp.MustCompile(s.names)
		for _, name := range operations(t, s.model) {
			if reads.MatchString(name) || !names.MatchString(name) {
				continue
			}
			counted++
			if !known[s.source+" "+name] {
				t.Errorf("%s of %s is not in the table", name, s.source)
			}
		}
	}
	if counted < 600 {
		t.Errorf("%d operations were compared, want all of them", counted)
	}
	t.Logf("%d operations", counted)
}

// operations are those of a service, by the newest of its models in botocore.
func operations(t *testing.T, service string) (names []string) {
	t.Helper()
	found, err := filepath.Glob("../../.venv/lib/python3*/site-packages/botocore/data/" + service + "/*/service-2.json.gz")
	if err != nil || len(found) == 0 {
		t.Fatalf("no model of %s: make .venv/installed downloads them (%v)", service, err)
	}
	slices.Sort(found)
	f, err := os.Open(found[len(found)-1])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var model struct{ Operations map[string]json.RawMessage }
	if err := json.NewDecoder(unzipped).Decode(&model); err != nil {
		t.Fatal(err)
	}
	for name := range model.Operations {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestTable_IsWellFormed(t *testing.T) {
	all := operation.All()
	key := func(o operation.Operation) string { return o.Service + "\t" + o.Name }
	if !slices.IsSortedFunc(all, func(a, b operation.Operation) int { return strings.Compare(key(a), key(b)) }) {
		t.Error("the table is not sorted by service and operation")
	}
	if len(
		slices.CompactFunc(slices.Clone(all), func(a, b operation.Operation) bool { return key(a) == key(b) }),
	) != len(
		all,
	) {
		t.Error("an operation is twice in the table")
	}
	for _, o := range all {
		if (o.Control == operation.None) != (o.Severity == operation.None) || o.What == "" || o.Severity == "" {
			t.Errorf("%s of %s: what is not reported has no severity, and a reason", o.Name, o.Service)
		}
		if reason := strings.Contains(o.What, " "); reason != (o.Control == operation.None) {
			t.Errorf("%s of %s: %q: what is not reported has a reason in words, what is has one word", o.Name, o.Service, o.What)
		}
		if control.Severity(o.Severity).Rank() == 0 && o.Severity != operation.None &&
			o.Severity != strings.ToLower(o.Severity) {
			t.Errorf("%s of %s: the rule %q is not in lower case", o.Name, o.Service, o.Severity)
		}
	}
}
