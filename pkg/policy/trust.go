package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Trust is whom a role's trust policy lets in, except AWS services and identity providers.
type Trust struct {
	// Everyone means that a statement lets in every AWS account without a condition.
	Everyone bool
	// Conditional means that a statement lets in every AWS account under a condition. The condition is not evaluated: it
	// may leave one account, an organization, or everyone.
	Conditional bool
	// Accounts are the accounts that are let in, or whose users or roles are: twelve digits, sorted, each once. A
	// principal that is neither account nor ARN, such as the unique id of a deleted one, is listed as its text.
	Accounts []string
}

// Trusts reads a trust policy. If it cannot be read, it trusts everyone, with an error.
//
// It evaluates principals only. It ignores which of the ways to assume a role a statement allows, and every Deny, so it
// may report a closed role as open, but never an open one as closed.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func Trusts(document string) (Trust, error) {
	all, err := readTrust(document)
	if err != nil {
		return Trust{Everyone: true}, err
	}
	var trust Trust
	for _, s := range all {
		if strings.EqualFold(s.Effect, "Deny") {
			continue
		}
		everyone, accounts, err := principals(s.Principal)
		if err != nil {
			return Trust{Everyone: true}, err
		}
		// Everyone except some is everyone: anyone can open another account.
		everyone = everyone || len(s.NotPrincipal) > 0
		trust.Everyone = trust.Everyone || everyone && len(s.Condition) == 0
		trust.Conditional = trust.Conditional || everyone && len(s.Condition) > 0
		trust.Accounts = append(trust.Accounts, accounts...)
	}
	slices.Sort(trust.Accounts)
	trust.Accounts = slices.Compact(trust.Accounts)
	return trust, nil
}

type trustStatement struct {
	Effect       string
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Condition    map[string]json.RawMessage
}

func readTrust(document string) ([]trustStatement, error) {
	var d struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return nil, fmt.Errorf("read trust policy: %w", err)
	}
	var all list[trustStatement]
	if err := json.Unmarshal(d.Statement, &all); err != nil {
		return nil, fmt.Errorf("read trust policy: %w", err)
	}
	return all, nil
}

// principals reads the Principal of a statement: "*", or an object of lists by kind.
func principals(element json.RawMessage) (everyone bool, accounts []string, err error) {
	if len(element) == 0 {
		return false, nil, nil
	}
	var text string
	if json.Unmarshal(element, &text) == nil {
		if everything(text) {
			return true, nil, nil
		}
		return false, nil, fmt.Errorf("read trust policy: the principal is a string other than %q", "*")
	}
	var kinds map[string]list[string]
	if err := json.Unmarshal(element, &kinds); err != nil {
		return false, nil, fmt.Errorf("read trust policy: %w", err)
	}
	for kind, names := range kinds {
		for _, name := range names {
			account := name
			if parsed, err := arn.Parse(name); err == nil {
				account = parsed.AccountID
			}
			switch {
			case strings.Contains(account, "*"):
				everyone = true
			case strings.EqualFold(kind, "AWS"):
				accounts = append(accounts, account)
			}
		}
	}
	return everyone, accounts, nil
}
