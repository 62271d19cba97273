package event

import "time"

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
func compliance(detail Fields, e Event) (*Compliance, error) {
	if detail == nil {
		return nil, &Error{"detail", "missing or not an object: a compliance change is needed"}
	}
	result := detail.Object("newEvaluationResult")
	c := &Compliance{
		Rule:              detail.text("configRuleName"),
		ResourceType:      detail.text("resourceType"),
		ResourceID:        detail.text("resourceId"),
		ComplianceType:    result.text("complianceType"),
		OldComplianceType: detail.text("oldEvaluationResult", "complianceType"),
		Annotation:        result.text("annotation"),
		Account:           detail.text("awsAccountId"),
		Region:            detail.text("awsRegion"),
	}
	switch {
	case c.Rule == "":
		return nil, &Error{"detail.configRuleName", "missing"}
	case c.ResourceType == "":
		return nil, &Error{"detail.resourceType", "missing"}
	case c.ResourceID == "":
		return nil, &Error{"detail.resourceId", "missing"}
	case c.ComplianceType == "":
		return nil, &Error{"detail.newEvaluationResult.complianceType", "missing"}
	}
	c.OrderingTimestamp, _ = ParseTime(result.text("evaluationResultIdentifier", "orderingTimestamp"))
	if c.Account == "" {
		c.Account = e.Account
	}
	if c.Region == "" {
		c.Region = e.Region
	}
	return c, nil
}
