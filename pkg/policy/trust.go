package policy

import (
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
	statements, err := parse(document)
	if err != nil {
		return Trust{Everyone: true}, err
	}
	var trust Trust
	for _, s := range statements {
		if !s.allow {
			continue
		}
		everyone, accounts := s.trusted()
		trust.Everyone = trust.Everyone || everyone && len(s.conditions) == 0
		trust.Conditional = trust.Conditional || everyone && len(s.conditions) > 0
		trust.Accounts = append(trust.Accounts, accounts...)
	}
	slices.Sort(trust.Accounts)
	trust.Accounts = slices.Compact(trust.Accounts)
	return trust, nil
}

// trusted are the accounts that a statement lets in.
func (s *statement) trusted() (everyone bool, accounts []string) {
	if s.notPrincipal {
		return true, nil // everyone except some is everyone: anyone can open another account
	}
	for kind, names := range s.principals {
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
	return everyone, accounts
}
