package event

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// AccessFinding is IAM Access Analyzer saying who can reach a resource, or which permissions nobody uses. It is
// sent for each new finding and each change of one, deletion included, best effort, within about an hour.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-eventbridge.html
type AccessFinding struct {
	Access AccessKind
	ID     string // the same for every event about the finding
	Status string // "ACTIVE", "ARCHIVED" or "RESOLVED"
	// Deleted says that the finding was deleted. Its status stays what it was then.
	Deleted bool
	// Type tells findings of unused access apart, such as "UnusedIAMRole"; external ones have none.
	Type string
	// Error says why the resource could not be analyzed, such as "ACCESS_DENIED"; empty if it was.
	Error string

	Resource     string // ARN
	ResourceType string // such as "AWS::S3::Bucket"
	Account      string // that the finding is about: of an organization's analyzer not always the event's
	Region       string

	// Who has access to what, and when; of external and internal access only.
	Public     bool     // everybody has
	Principals []string // "AWS: 444455556666", sorted by kind; "*" is everybody
	Actions    []string // such as "s3:GetObject"
	Condition  Fields   // condition key → value; nil or empty: always

	// What is not used; of the type UnusedPermission only.
	UnusedServices string // number
	UnusedActions  string // number
}

// AccessKind is what a finding of Access Analyzer is about.
type AccessKind string

// The kinds.
const (
	ExternalAccess AccessKind = "external access"
	InternalAccess AccessKind = "internal access"
	UnusedAccess   AccessKind = "unused access"
)

// accessKinds is what the detail-types mean. "Access Preview State Change" is no finding.
var accessKinds = map[string]AccessKind{
	"Access Analyzer Finding":                ExternalAccess,
	"Internal Access Finding":                InternalAccess,
	"Unused Access Finding for IAM entities": UnusedAccess,
}

func (*AccessFinding) detail() {}

// Active reports whether the finding stands: it is neither archived nor resolved nor deleted.
func (f *AccessFinding) Active() bool { return f.Status == "ACTIVE" && !f.Deleted }

// accessFinding reads a finding. It wants the id, which two of the three call "id" and one "findingId", the status and
// the resource.
func accessFinding(detail Fields, e Event) (Detail, time.Time, error) {
	if err := detail.require("a finding", "status", "resource"); err != nil {
		return nil, time.Time{}, err
	}
	f := &AccessFinding{
		Access:         accessKinds[e.DetailType],
		ID:             cmp.Or(detail.text("id"), detail.text("findingId")),
		Status:         detail.text("status"),
		Deleted:        detail.bool("isDeleted"),
		Type:           detail.text("findingType"),
		Error:          detail.text("error"),
		Resource:       detail.text("resource"),
		ResourceType:   detail.text("resourceType"),
		Account:        cmp.Or(detail.text("accountId"), e.Account),
		Region:         cmp.Or(detail.text("region"), e.Region),
		Public:         detail.bool("isPublic"),
		Principals:     principals(detail.Object("principal")),
		Actions:        detail.Texts("action"),
		Condition:      detail.Object("condition"),
		UnusedServices: detail.text("numberOfUnusedServices"),
		UnusedActions:  detail.text("numberOfUnusedActions"),
	}
	if f.ID == "" {
		return nil, time.Time{}, &Error{"detail.id", "missing, and so is detail.findingId"}
	}
	return f, detail.time("updatedAt"), nil
}

// principals lists the members of a principal, each a text or a list of texts.
func principals(f Fields) []string {
	var all []string
	for _, kind := range slices.Sorted(maps.Keys(f)) {
		names := f.Texts(kind)
		if name, ok := f.Text(kind); ok {
			names = []string{name}
		}
		for _, name := range names {
			all = append(all, kind+": "+name)
		}
	}
	return all
}

// Compliance is AWS Config saying that a resource became compliant with a rule, or ceased to be. It is sent on a change
// only, best effort, so a resource that stays non-compliant is not heard of again.
//
// https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html
type Compliance struct {
	Rule         string // configRuleName; Security Hub's own copies have other names
	ResourceType string // such as "AWS::IAM::User"
	ResourceID   string // for an IAM user the unique id (AIDA…), not the name

	ComplianceType    string // "COMPLIANT", "NON_COMPLIANT" or "NOT_APPLICABLE"
	OldComplianceType string // empty the first time

	Account string
	Region  string
}

// Compliant reports whether the resource is compliant now.
func (c *Compliance) Compliant() bool { return c.ComplianceType == "COMPLIANT" }

// NonCompliant reports whether the resource is non-compliant now. Not applicable, as of a deleted user, is neither.
func (c *Compliance) NonCompliant() bool { return c.ComplianceType == "NON_COMPLIANT" }

// compliance reads a compliance change. It wants the rule, the resource and the new result.
func compliance(detail Fields, e Event) (Detail, time.Time, error) {
	if err := detail.require("a compliance change", "configRuleName", "resourceType", "resourceId",
		"newEvaluationResult.complianceType"); err != nil {
		return nil, time.Time{}, err
	}
	result := detail.Object("newEvaluationResult")
	return &Compliance{
		Rule:              detail.text("configRuleName"),
		ResourceType:      detail.text("resourceType"),
		ResourceID:        detail.text("resourceId"),
		ComplianceType:    result.text("complianceType"),
		OldComplianceType: detail.text("oldEvaluationResult", "complianceType"),
		Account:           cmp.Or(detail.text("awsAccountId"), e.Account),
		Region:            cmp.Or(detail.text("awsRegion"), e.Region),
	}, detail.time("notificationCreationTime"), nil
}
