package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Trust is whom the policy of a role or another resource lets in, except AWS services and identity providers.
type Trust struct {
	// Everyone means that a statement lets in every AWS account, under no condition or one that anybody can meet.
	Everyone bool
	// Conditional means that a statement lets in every AWS account under a condition that not everybody can meet, such as
	// a network.
	Conditional bool
	// Accounts are the accounts that are let in, or whose users or roles are: twelve digits, sorted, each once. A
	// principal that is neither account nor ARN, such as the unique id of a deleted one, is listed as its text, and so is
	// the id of an organization that a condition names.
	Accounts []string
}

// Trusts reads the policy of a role or another resource. If it cannot be read, it trusts everyone, with an error.
//
// It evaluates principals, and of conditions those that say who the caller is. It ignores what a statement allows, and
// every Deny, so it may report a closed resource as open, but never an open one as closed.
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
		trust.Accounts = append(trust.Accounts, accounts...)
		if everyone {
			callers, narrow := s.conditions.callers()
			trust.Accounts = append(trust.Accounts, callers...)
			trust.Everyone = trust.Everyone || !narrow
			trust.Conditional = trust.Conditional || narrow && len(callers) == 0
		}
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
			case strings.EqualFold(kind, "AWS"), strings.EqualFold(kind, "CanonicalUser"):
				accounts = append(accounts, account)
			}
		}
	}
	return everyone, accounts
}

// callerKey says what the value of a condition key is, if it says who may call; named is false if it does not.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func callerKey(key string) (read func(value string) string, named bool) {
	switch key {
	case "aws:principalaccount", "aws:sourceaccount", "aws:sourceowner", "kms:calleraccount", "s3:dataaccesspointaccount",
		"aws:principalorgid", "aws:sourceorgid":
		return plainValue, true
	case "aws:principalorgpaths", "aws:sourceorgpaths":
		return pathOrganization, true
	case "aws:principalarn", "aws:sourcearn", "s3:dataaccesspointarn":
		return arnAccount, true
	}
	return plainValue, false
}

func plainValue(value string) string { return value }

// pathOrganization is what a path in an organization begins with.
func pathOrganization(path string) string { id, _, _ := strings.Cut(path, "/"); return id }

func arnAccount(name string) string {
	if parsed, err := arn.Parse(name); err == nil {
		return parsed.AccountID
	}
	return "*"
}

// narrowKeys are other keys that leave somebody whom the policy does not name.
var narrowKeys = []string{
	"aws:sourcevpc", "aws:sourcevpce", "aws:sourceip", "aws:vpcsourceip", "aws:userid", "sts:externalid", "kms:viaservice",
	"sns:endpoint", "aws:username",
}

// callers are the accounts and organizations that the conditions leave of everyone, by the first key that names any.
// narrow is false if everybody can meet them.
func (c conditions) callers() (names []string, narrow bool) {
	for _, operator := range slices.Sorted(maps.Keys(c)) {
		// With IfExists and ForAllValues, a request without the key meets the condition.
		switch strings.TrimPrefix(operator, "foranyvalue:") {
		case "stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress":
		default:
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(c[operator])) {
			values := c[operator][key]
			read, named := callerKey(key)
			if !named && !slices.Contains(narrowKeys, key) || len(values) == 0 {
				continue
			}
			var found []string
			for _, value := range values {
				found = append(found, read(value))
			}
			open := slices.ContainsFunc(found, func(value string) bool {
				network, err := netip.ParsePrefix(value)
				return named && strings.ContainsAny(value, "*?$") || strings.Trim(value, "*?") == "" && value != "" ||
					err == nil && network.Bits() < 8 // the whole internet can be written in a few halves
			})
			if open {
				continue
			}
			narrow = true
			if named && len(names) == 0 && !slices.Contains(found, "") { // an ARN of S3's has no account
				names = found
			}
		}
	}
	return names, narrow
}
