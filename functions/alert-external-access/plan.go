package alertexternalaccess

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
)

// parameters are those of control.json.
type parameters struct {
	PublicBuckets bool `json:"publicBuckets"`
}

type planner struct{ parameters }

// Plan alerts on the finding while it stands. Access Analyzer sends it again whenever it looks again
// and something about it is new: it is notified once a week.
func (p planner) Plan(_ context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	d, ok := e.Detail.(*event.AccessFinding)
	if !ok || !d.Active() {
		return nil, nil
	}
	ours := d.Account == e.Account
	public := d.Access == event.ExternalAccess && d.Public && d.Error == ""
	if public && ours && d.ResourceType == "AWS::S3::Bucket" && !p.PublicBuckets {
		return nil, nil // close-public-bucket alerts on it
	}
	v := assess(d)
	f := remediation.Finding{
		Subject: d.Resource, Title: v.title, Severity: v.severity, Text: v.text, Advice: v.advice, Facts: facts(e, d),
		Handling: remediation.Handling{Fresh: true, Once: remediation.Once{Key: d.ID, For: remediation.Weekly}},
	}
	if ours {
		f.User = user(d)
	}
	return []remediation.Finding{f}, nil
}

// assessment is what a finding is notified as.
type assessment struct {
	title    i18n.Message
	severity control.Severity
	text     i18n.Message
	advice   i18n.Message
}

func assess(d *event.AccessFinding) assessment {
	what, actions := thing(d), list(d.Actions)
	if len(d.Condition) > 0 {
		what = i18n.T("%s, under conditions", what)
	}
	archive := i18n.T("If this is intended, archive the finding, with an archive rule if there are more of its kind. " +
		"If not, remove the access from the policy.")
	switch {
	case d.Error != "":
		return assessment{i18n.T("Access could not be analyzed"), control.Low, i18n.T("Access Analyzer could not analyze "+
			"%s: %s.", thing(d), d.Error),
			i18n.T("Find out what keeps Access Analyzer from reading the resource, such as a policy that denies its " +
				"service-linked role.")}
	case d.Access == event.UnusedAccess:
		return unused(d, thing(d))
	case d.Access == event.InternalAccess:
		return assessment{i18n.T("Access inside to a critical resource"), control.Low,
			i18n.T("A principal inside the account or organization can call %s on %s.", actions, what), archive}
	case d.Public:
		return assessment{i18n.T("Resource open to everyone"), control.High,
			i18n.T("Anyone can call %s on %s.", actions, what), archive}
	default:
		return assessment{i18n.T("Resource accessible from outside"), control.Medium,
			i18n.T("A principal outside the zone of trust can call %s on %s.", actions, what), archive}
	}
}

// unused describes a finding of unused access.
func unused(d *event.AccessFinding, what i18n.Message) assessment {
	v := assessment{severity: control.Low}
	switch d.Type {
	case "UnusedIAMRole":
		v.title, v.text = i18n.T("Unused role"), i18n.T("%s is not used.", what)
		v.advice = i18n.T("Find out who owns it, and delete it.")
	case "UnusedIAMUserAccessKey":
		v.title, v.text = i18n.T("Unused access key"), i18n.T("An access key of %s is not used.", what)
		v.advice = i18n.T("Make the key inactive, and delete it once nothing breaks.")
	case "UnusedIAMUserPassword":
		v.title, v.text = i18n.T("Unused console password"), i18n.T("The console password of %s is not used.", what)
		v.advice = i18n.T("Delete the password, unless somebody needs it soon.")
	case "UnusedPermission":
		v.title, v.text = i18n.T("Unused permissions"), i18n.T("Some permissions of %s are not used.", what)
		v.advice = i18n.T("Remove them from its policies; Access Analyzer proposes policies without them.")
	default:
		v.title, v.text = i18n.T("Unused access"), i18n.T("The access of %s is not used.", what)
		v.advice = i18n.T("Remove what nobody needs.")
	}
	return v
}

// facts are what lets the reader decide. Of conditions the keys are enough: a value may be known to one partner only.
func facts(e event.Event, d *event.AccessFinding) []remediation.Fact {
	account, analyzer := "", ""
	if d.Account != e.Account {
		account = d.Account
	}
	if len(e.Resources) > 0 {
		analyzer = e.Resources[0]
	}
	var unused i18n.Message
	if d.UnusedServices != "" && d.UnusedActions != "" {
		unused = i18n.T("%s services, %s actions", d.UnusedServices, d.UnusedActions)
	}
	return remediation.Facts(
		i18n.T("Resource ARN"), i18n.Literal(d.Resource),
		i18n.T("Region"), i18n.Literal(d.Region),
		i18n.T("Account"), i18n.Literal(account),
		i18n.T("Principal"), i18n.Literal(strings.Join(d.Principals, ", ")),
		i18n.T("Conditions on"), i18n.Literal(strings.Join(slices.Sorted(maps.Keys(d.Condition)), ", ")),
		i18n.T("Unused"), unused,
		i18n.T("Finding"), i18n.Literal(d.ID),
		i18n.T("Analyzer"), i18n.Literal(analyzer),
	)
}

// user is the name of the IAM user that the finding is about, empty if it is about something else.
func user(d *event.AccessFinding) string {
	parsed, err := arn.Parse(d.Resource)
	if err != nil || parsed.Service != "iam" || !strings.HasPrefix(parsed.Resource, "user/") {
		return ""
	}
	return parsed.Resource[strings.LastIndex(parsed.Resource, "/")+1:]
}

// things is what people call the types of resources.
var things = map[string]i18n.Message{
	"AWS::DynamoDB::Stream":           i18n.T("stream"),
	"AWS::DynamoDB::Table":            i18n.T("table"),
	"AWS::EC2::Snapshot":              i18n.T("snapshot"),
	"AWS::ECR::Repository":            i18n.T("repository"),
	"AWS::EFS::FileSystem":            i18n.T("file system"),
	"AWS::IAM::Role":                  i18n.T("role"),
	"AWS::IAM::User":                  i18n.T("user"),
	"AWS::KMS::Key":                   i18n.T("key"),
	"AWS::Lambda::Function":           i18n.T("function"),
	"AWS::Lambda::LayerVersion":       i18n.T("layer"),
	"AWS::RDS::DBClusterSnapshot":     i18n.T("database cluster snapshot"),
	"AWS::RDS::DBSnapshot":            i18n.T("database snapshot"),
	"AWS::S3::Bucket":                 i18n.T("bucket"),
	"AWS::S3Express::DirectoryBucket": i18n.T("directory bucket"),
	"AWS::SecretsManager::Secret":     i18n.T("secret"),
	"AWS::SNS::Topic":                 i18n.T("topic"),
	"AWS::SQS::Queue":                 i18n.T("queue"),
}

// thing is the resource in short: "role partner-import".
func thing(d *event.AccessFinding) i18n.Message {
	name := d.Resource[strings.LastIndexAny(d.Resource, ":/")+1:]
	return i18n.T("%s %s",
		i18n.Or(things[d.ResourceType], i18n.Literal(d.ResourceType), i18n.T("resource")), cmp.Or(name, d.Resource))
}

// few is how many actions a text names.
const few = 5

func list(actions []string) i18n.Message {
	switch {
	case len(actions) == 0:
		return i18n.T("an action that is not recorded")
	case len(actions) <= few:
		return i18n.Literal(strings.Join(actions, ", "))
	}
	return i18n.T("%s and %d more", strings.Join(actions[:few], ", "), len(actions)-few)
}
