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
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/say"
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
	title    say.Text
	severity control.Severity
	text     say.Text
	advice   say.Text
}

func judge(d *event.AccessFinding) verdict {
	what, actions := thing(d), list(d.Actions)
	if len(d.Condition) > 0 {
		what = say.F("%s, under conditions", what)
	}
	archive := say.F("If it is meant to be so, archive the finding, with an archive rule if there are more of its kind. If not, take it out of the policy.")
	switch {
	case d.Error != "":
		return verdict{say.F("Access could not be analyzed"), control.Low, say.F("Access Analyzer could not analyze %s: %s.", thing(d), d.Error),
			say.F("Look at what keeps it from reading the resource, such as a policy that denies its service-linked role.")}
	case d.Access == event.UnusedAccess:
		return unused(d, thing(d))
	case d.Access == event.InternalAccess:
		return verdict{say.F("Access inside to a critical resource"), control.Low, say.F("Somebody inside the account or organization may call %s on %s.", actions, what), archive}
	case d.Public:
		return verdict{say.F("Resource open to everybody"), control.High, say.F("Everybody may call %s on %s.", actions, what), archive}
	default:
		return verdict{say.F("Resource open to the outside"), control.Medium, say.F("Somebody outside the zone of trust may call %s on %s.", actions, what), archive}
	}
}

// unused words a finding of unused access.
func unused(d *event.AccessFinding, what say.Text) verdict {
	switch d.Type {
	case "UnusedIAMRole":
		return verdict{say.F("Unused role"), control.Low, say.F("Nobody uses %s.", what), say.F("Find out whose it is, and delete it.")}
	case "UnusedIAMUserAccessKey":
		return verdict{say.F("Unused access key"), control.Low, say.F("An access key of %s is not used.", what), say.F("Make the key inactive, and delete it when nothing complains.")}
	case "UnusedIAMUserPassword":
		return verdict{say.F("Unused console password"), control.Low, say.F("The console password of %s is not used.", what), say.F("Delete the password, unless somebody needs it soon.")}
	case "UnusedPermission":
		return verdict{say.F("Unused permissions"), control.Low, say.F("Some permissions of %s are not used.", what),
			say.F("Take them out of its policies; Access Analyzer proposes policies without them.")}
	default:
		return verdict{say.F("Unused access"), control.Low, say.F("The access of %s is not used.", what), say.F("Take away what nobody needs.")}
	}
}

// facts are what lets the reader judge. Of conditions the keys are enough: a value may be known to
// one partner only.
func facts(e event.Event, d *event.AccessFinding) []remedy.Fact {
	facts := []remedy.Fact{{Name: say.F("Resource"), Value: say.Data(d.Resource)}, {Name: say.F("Region"), Value: say.Data(d.Region)}}
	fact := func(name, value say.Text) {
		if !value.Empty() {
			facts = append(facts, remedy.Fact{Name: name, Value: value})
		}
	}
	if d.Account != e.Account {
		fact(say.F("Account"), say.Data(d.Account))
	}
	fact(say.F("Who"), say.Data(strings.Join(d.Principals, ", ")))
	fact(say.F("Conditions on"), say.Data(strings.Join(slices.Sorted(maps.Keys(d.Condition)), ", ")))
	if d.UnusedServices != "" && d.UnusedActions != "" {
		fact(say.F("Unused"), say.F("%s services, %s actions", d.UnusedServices, d.UnusedActions))
	}
	fact(say.F("Finding"), say.Data(d.ID))
	if len(e.Resources) > 0 {
		fact(say.F("Analyzer"), say.Data(e.Resources[0]))
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
var things = map[string]say.Text{
	"AWS::S3::Bucket": say.F("bucket"), "AWS::S3Express::DirectoryBucket": say.F("directory bucket"), "AWS::IAM::Role": say.F("role"), "AWS::IAM::User": say.F("user"),
	"AWS::KMS::Key": say.F("key"), "AWS::SecretsManager::Secret": say.F("secret"), "AWS::SQS::Queue": say.F("queue"), "AWS::SNS::Topic": say.F("topic"),
	"AWS::Lambda::Function": say.F("function"), "AWS::Lambda::LayerVersion": say.F("layer"), "AWS::EFS::FileSystem": say.F("file system"),
	"AWS::EC2::Snapshot": say.F("snapshot"), "AWS::RDS::DBSnapshot": say.F("database snapshot"), "AWS::RDS::DBClusterSnapshot": say.F("database cluster snapshot"),
	"AWS::ECR::Repository": say.F("repository"), "AWS::DynamoDB::Table": say.F("table"), "AWS::DynamoDB::Stream": say.F("stream"),
}

// thing is the resource in short: "role partner-import".
func thing(d *event.AccessFinding) say.Text {
	name := d.Resource[strings.LastIndexAny(d.Resource, ":/")+1:]
	return say.F("%s %s", say.Or(things[d.ResourceType], say.Data(d.ResourceType), say.F("resource")), cmp.Or(name, d.Resource))
}

// few is how many actions a text names.
const few = 5

func list(actions []string) say.Text {
	switch {
	case len(actions) == 0:
		return say.F("something that is not recorded")
	case len(actions) <= few:
		return say.Data(strings.Join(actions, ", "))
	}
	return say.F("%s and %d more", strings.Join(actions[:few], ", "), len(actions)-few)
}
