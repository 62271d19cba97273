package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Trust is whom a role's trust policy lets in, beside AWS services and identity providers.
type Trust struct {
	// Everyone tells that a statement lets in every AWS account, without a condition.
	Everyone bool
	// Conditional tells that a statement lets in every AWS account under a condition, which is not
	// judged: it may leave one account, an organization, or everybody.
	Conditional bool
	// Accounts are the accounts that are let in, or whose users or roles are: twelve digits, sorted,
	// each once. Of a principal that is written as neither account nor ARN, such as the unique id of
	// one that is gone, it is the text.
	Accounts []string
}

// Trusts reads a trust policy. The error says that it cannot be read; everyone is trusted then.
//
// It goes by principals alone: which of the ways to assume a role a statement allows, and what a
// Deny takes away again, is not looked at. A role that it takes for open may therefore be closed,
// not the other way round.
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
		// Everybody but some is everybody: an account can always be another one.
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
	var one trustStatement
	if json.Unmarshal(d.Statement, &one) == nil {
		return []trustStatement{one}, nil
	}
	var all []trustStatement
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
	var word string
	if json.Unmarshal(element, &word) == nil {
		if everything(word) {
			return true, nil, nil
		}
		return false, nil, fmt.Errorf("read trust policy: the principal is a word that is not %q", "*")
	}
	var kinds map[string]list
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
