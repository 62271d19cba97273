package event

import (
	"cmp"
	"time"
)

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

	Annotation        string
	Account           string
	Region            string
	OrderingTimestamp time.Time // UTC; of two results the later is the newer; zero if it cannot be read
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
		Annotation:        result.text("annotation"),
		Account:           cmp.Or(detail.text("awsAccountId"), e.Account),
		Region:            cmp.Or(detail.text("awsRegion"), e.Region),
		OrderingTimestamp: result.time("evaluationResultIdentifier", "orderingTimestamp"),
	}, detail.time("notificationCreationTime"), nil
}
