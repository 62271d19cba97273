package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/settings"
)

// parameters are those of control.json.
type parameters struct {
	PublicBuckets bool `json:"publicBuckets"`
}

type planner struct{ parameters }

func newPlanner(f settings.Function) (remedy.Planner, error) {
	p, err := settings.Parameters[parameters](f)
	return planner{p}, err
}

// Plan tells of the finding while it stands. Access Analyzer sends it again whenever it looks again
// and something about it is new: it is told once a week.
func (p planner) Plan(_ context.Context, e event.Event, _ time.Time) ([]remedy.Finding, error) {
	d, ok := e.Detail.(*event.AccessFinding)
	if !ok || !d.Active() {
		return nil, nil
	}
	ours := d.Account == e.Account
	public := d.Access == event.ExternalAccess && d.Public && d.Error == ""
	if public && ours && d.ResourceType == "AWS::S3::Bucket" && !p.PublicBuckets {
		return nil, nil // close-public-bucket tells of it
	}
	v := judge(d)
	f := remedy.Finding{
		Subject: d.Resource, Title: v.title, Severity: v.severity, Text: v.text, Advice: v.advice, Facts: facts(e, d), Fresh: true,
		Once: remedy.Once{Key: d.ID, For: remedy.Weekly},
	}
	if name, ok := user(d); ok && ours {
		f.User, f.Subject = name, ""
	}
	return []remedy.Finding{f}, nil
}

// verdict is what a finding is told as.
type verdict struct {
	title    string
	severity control.Severity
	text     string
	advice   string
}

func judge(d *event.AccessFinding) verdict {
	what := thing(d)
	may := fmt.Sprintf("may call %s on %s", list(d.Actions), what)
	if len(d.Condition) > 0 {
		may += ", under conditions"
	}
	const archive = "If it is meant to be so, archive the finding, with an archive rule if there are more of its kind. If not, take it out of the policy."
	switch {
	case d.Error != "":
		return verdict{"Access could not be analyzed", control.Low, fmt.Sprintf("Access Analyzer could not analyze %s: %s.", what, d.Error),
			"Look at what keeps it from reading the resource, such as a policy that denies its service-linked role."}
	case d.Access == event.UnusedAccess:
		return unused(d, what)
	case d.Access == event.InternalAccess:
		return verdict{"Access inside to a critical resource", control.Low, fmt.Sprintf("Somebody inside the account or organization %s.", may), archive}
	case d.Public:
		return verdict{"Resource open to everybody", control.High, fmt.Sprintf("Everybody %s.", may), archive}
	default:
		return verdict{"Resource open to the outside", control.Medium, fmt.Sprintf("Somebody outside the zone of trust %s.", may), archive}
	}
}

// unused words a finding of unused access.
func unused(d *event.AccessFinding, what string) verdict {
	switch d.Type {
	case "UnusedIAMRole":
		return verdict{"Unused role", control.Low, fmt.Sprintf("Nobody uses %s.", what), "Find out whose it is, and delete it."}
	case "UnusedIAMUserAccessKey":
		return verdict{"Unused access key", control.Low, fmt.Sprintf("An access key of %s is not used.", what), "Make the key inactive, and delete it when nothing complains."}
	case "UnusedIAMUserPassword":
		return verdict{"Unused console password", control.Low, fmt.Sprintf("The console password of %s is not used.", what), "Delete the password, unless somebody needs it soon."}
	case "UnusedPermission":
		return verdict{"Unused permissions", control.Low, fmt.Sprintf("%s has permissions that it does not use.", capital(what)),
			"Take them out of its policies; Access Analyzer proposes policies without them."}
	default:
		return verdict{"Unused access", control.Low, fmt.Sprintf("%s has access that is not used.", capital(what)), "Take away what nobody needs."}
	}
}

// facts are what lets the reader judge. Of conditions the keys are enough: a value may be known to
// one partner only.
func facts(e event.Event, d *event.AccessFinding) []notice.Fact {
	facts := []notice.Fact{{Name: "Resource", Value: d.Resource}, {Name: "Region", Value: d.Region}}
	if d.Account != e.Account {
		facts = append(facts, notice.Fact{Name: "Account", Value: d.Account})
	}
	if len(d.Principals) > 0 {
		facts = append(facts, notice.Fact{Name: "Who", Value: strings.Join(d.Principals, ", ")})
	}
	if len(d.Condition) > 0 {
		facts = append(facts, notice.Fact{Name: "Conditions on", Value: strings.Join(slices.Sorted(maps.Keys(d.Condition)), ", ")})
	}
	if d.UnusedServices != "" && d.UnusedActions != "" {
		facts = append(facts, notice.Fact{Name: "Unused", Value: d.UnusedServices + " services, " + d.UnusedActions + " actions"})
	}
	facts = append(facts, notice.Fact{Name: "Finding", Value: d.ID})
	if len(e.Resources) > 0 {
		facts = append(facts, notice.Fact{Name: "Analyzer", Value: e.Resources[0]})
	}
	return facts
}

// user is the name of the IAM user that the finding is about.
func user(d *event.AccessFinding) (string, bool) {
	parsed, err := arn.Parse(d.Resource)
	if err != nil || parsed.Service != "iam" || !strings.HasPrefix(parsed.Resource, "user/") {
		return "", false
	}
	return parsed.Resource[strings.LastIndex(parsed.Resource, "/")+1:], true
}

// things is what people call the types of resources.
var things = map[string]string{
	"AWS::S3::Bucket": "bucket", "AWS::S3Express::DirectoryBucket": "directory bucket", "AWS::IAM::Role": "role", "AWS::IAM::User": "user",
	"AWS::KMS::Key": "key", "AWS::SecretsManager::Secret": "secret", "AWS::SQS::Queue": "queue", "AWS::SNS::Topic": "topic",
	"AWS::Lambda::Function": "function", "AWS::Lambda::LayerVersion": "layer", "AWS::EFS::FileSystem": "file system",
	"AWS::EC2::Snapshot": "snapshot", "AWS::RDS::DBSnapshot": "database snapshot", "AWS::RDS::DBClusterSnapshot": "database cluster snapshot",
	"AWS::ECR::Repository": "repository", "AWS::DynamoDB::Table": "table", "AWS::DynamoDB::Stream": "stream",
}

// thing is the resource in short: "role partner-import".
func thing(d *event.AccessFinding) string {
	name := d.Resource[strings.LastIndexAny(d.Resource, ":/")+1:]
	return cmp.Or(things[d.ResourceType], d.ResourceType, "resource") + " " + cmp.Or(name, d.Resource)
}

// few is how many actions a text names.
const few = 5

func list(actions []string) string {
	switch {
	case len(actions) == 0:
		return "something that is not recorded"
	case len(actions) <= few:
		return strings.Join(actions, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(actions[:few], ", "), len(actions)-few)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
