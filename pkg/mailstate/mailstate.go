// Package mailstate reads how an account sends mail through Amazon SES, and finds what keeps its mail from arriving, or
// Warder from learning that it did not. It changes nothing and words nothing: who asks has words of their own.
package mailstate

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/awsjson"
)

// What SES answers, as far as it is read.
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetEmailIdentity.html
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetConfigurationSetEventDestinations.html
type (
	// Account is the state of the account in a region.
	Account struct {
		SendingEnabled          bool
		ProductionAccessEnabled bool
		EnforcementStatus       string // HEALTHY, PROBATION or SHUTDOWN
	}
	// Identity is an address or a domain that may be sent from.
	Identity struct{ VerifiedForSendingStatus bool }
	// Events are where a configuration set reports what became of mails.
	Events struct {
		EventDestinations []struct {
			Enabled                bool
			MatchingEventTypes     []string
			EventBridgeDestination *struct{ EventBusArn string }
		}
	}
)

// Kind is what is wrong.
type Kind int

// The kinds of fault, the most severe first. Of all but Review mail does not arrive, or not everywhere; of Unreported
// that is not known.
const (
	Off        Kind = iota // SES sends no mail for the account; Detail is the account's status
	Unverified             // neither the sender nor its domain is verified
	NoSet                  // the configuration set does not exist; Detail is its name
	Sandbox                // only verified addresses get mail
	Unreported             // the configuration set does not report events; Detail is their type
	Review                 // AWS looks at the account because of mail that came back
)

// Fault is one thing that is wrong.
type Fault struct {
	Kind   Kind
	Detail string
}

// Client is a client of SES, in the region of the configuration.
// https://docs.aws.amazon.com/general/latest/gr/ses.html
func Client(cfg aws.Config) *awsjson.Client {
	client := awsjson.New(cfg, "SESv2", "")
	client.Host, client.Signing = "email", "ses"
	return client
}

// Find finds the faults of mail from the sender with the configuration set. The error is of a call that was refused.
func Find(ctx context.Context, client *awsjson.Client, sender, set string) (faults []Fault, err error) {
	add := func(kind Kind, detail string) { faults = append(faults, Fault{kind, detail}) }
	state, err := ask[Account](ctx, client, "GetAccount", "account")
	if err != nil {
		return nil, err
	}
	if !state.SendingEnabled || state.EnforcementStatus == "SHUTDOWN" {
		add(Off, state.EnforcementStatus)
	} else if state.EnforcementStatus == "PROBATION" {
		add(Review, "")
	}
	if !state.ProductionAccessEnabled {
		add(Sandbox, "")
	}
	verified := false
	for _, identity := range []string{sender, Domain(sender)} { // either may be verified
		found, err := ask[Identity](ctx, client, "GetEmailIdentity", "identities/"+url.PathEscape(identity))
		if err != nil && !isAbsent(err) {
			return nil, err
		}
		verified = verified || err == nil && found.VerifiedForSendingStatus
	}
	if !verified {
		add(Unverified, "")
	}
	events, err := ask[Events](ctx, client, "GetConfigurationSetEventDestinations",
		"configuration-sets/"+url.PathEscape(set)+"/event-destinations")
	switch {
	case isAbsent(err):
		add(NoSet, set)
		return faults, nil
	case err != nil:
		return nil, err
	}
	reported := map[string]bool{}
	for _, to := range events.EventDestinations {
		for _, kind := range to.MatchingEventTypes {
			reported[kind] = reported[kind] || to.Enabled && to.EventBridgeDestination != nil
		}
	}
	for _, kind := range []string{"BOUNCE", "COMPLAINT"} {
		if !reported[kind] {
			add(Unreported, kind)
		}
	}
	return faults, nil
}

// Domain is that of an address.
func Domain(address string) string { return address[strings.LastIndex(address, "@")+1:] }

// isAbsent reports whether err says that there is no such thing.
func isAbsent(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && refused.ErrorCode() == "NotFoundException"
}

// ask reads something of SES.
func ask[Out any](ctx context.Context, client *awsjson.Client, operation, path string) (*Out, error) {
	return awsjson.Rest[Out](ctx, client, operation, http.MethodGet, "v2/email/"+path, nil)
}
