package event

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/lazyregexp"
)

// Record is what every CloudTrail record has, whatever it records. Only Name and Source are certain to be there.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
type Record struct {
	Name             string    // eventName, such as "AttachUserPolicy"
	Source           string    // eventSource, such as "iam.amazonaws.com"
	Type             string    // eventType, such as "AwsApiCall"
	Time             time.Time // eventTime in UTC; zero if it cannot be read
	Region           string    // awsRegion
	SourceIP         string    // an address, or the name of the service that called; see Address
	UserAgent        string
	ErrorCode        string // empty for a call that succeeded, and for a failed sign-in
	ErrorMessage     string
	ReadOnly         *bool // nil if the record does not say
	EventID          string
	RecipientAccount string
	Identity         Identity
	Addendum         Addendum

	// The VPC endpoint that the request came through, and the account that owns it; sign-ins have them in
	// additionalEventData. SourceIP is an address inside that
	// VPC then: whoever made the VPC chose it, out of any range, public ones included.
	VPCEndpoint        string // vpcEndpointId
	VPCEndpointAccount string // vpcEndpointAccountId

	Request    Fields // requestParameters; nil when denied, when there were none, when over 100 KB
	Response   Fields // responseElements; nil for most IAM calls
	Additional Fields // additionalEventData

	// SessionCredentialFromConsole says that a person at the console made the call.
	SessionCredentialFromConsole bool
}

// Addendum says why a record came late or again.
type Addendum struct {
	Reason          string // "DELIVERY_DELAY", "UPDATED_DATA" or "SERVICE_OUTAGE"; empty for an ordinary record
	OriginalEventID string
}

// Failed reports whether the call was refused or went wrong. A sign-in that failed has no error code: ask SignIn.
func (r *Record) Failed() bool { return r.ErrorCode != "" }

// Denied reports whether the call was refused for want of permission. CloudTrail writes these codes with and
// without the suffix "Exception", and EC2 with "Client." in front; they are not the codes that the SDK returns.
func (r *Record) Denied() bool {
	switch strings.TrimSuffix(strings.TrimPrefix(r.ErrorCode, "Client."), "Exception") {
	case "AccessDenied", "UnauthorizedOperation", "NotAuthorized":
		return true
	}
	return false
}

// Address is the address that the request came from, an IPv4 one in its own form. It is false if the record has none:
// when a service calls, CloudTrail gives its name ("cloudformation.amazonaws.com", "AWS Internal") in its place.
func (r *Record) Address() (netip.Addr, bool) {
	a, err := netip.ParseAddr(r.SourceIP)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// Omitted reports whether CloudTrail left out the parameters of the request because they are over 100 KB. White space
// counts there and not in the length of a policy, so that whoever pads a document hides it
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
func (r *Record) Omitted() bool { return r.Request.bool("omitted") }

// Machine is the instance, function or task whose role made the call, by what AWS records of that; empty if there is
// none, or it is not recorded. Whoever took the credentials of a machine is recorded as the machine.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
func (r *Record) Machine() string {
	who, name := r.Identity, r.Identity.SessionName()
	switch id, ok := strings.CutPrefix(name, "i-"); {
	case who.Kind() != AssumedRole:
	case who.IssuedTo != "":
		return last(who.IssuedTo, ":")
	case who.Session.OfInstance, strings.Contains(r.UserAgent, "exec-env/AWS_Lambda_"),
		ok && (len(id) == 8 || len(id) == 17) && strings.Trim(id, "0123456789abcdef") == "":
		return name
	}
	return ""
}

// APICall is a call of an AWS API, made by whoever Identity says, allowed or not.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-events.html
type APICall struct{ Record }

// apiVersion is what Lambda appends to the names of its calls, as in UpdateFunctionCode20150331v2.
// https://docs.aws.amazon.com/lambda/latest/dg/logging-using-cloudtrail.html
var apiVersion = lazyregexp.New(`20[0-9]{6}(v[0-9]+)?$`)

// Operation is the name of the call without the version that Lambda's have.
func (c *APICall) Operation() string {
	if c.Source == "lambda.amazonaws.com" {
		return apiVersion().ReplaceAllString(c.Name, "")
	}
	return c.Name
}

// Param is a request parameter by its path, in CloudTrail's spelling: lower camel case of the API's, such as
// "userName". It is false if the record has no such parameter. That a parameter is absent does not mean that
// the call had none: a denied call is recorded without any.
func (c *APICall) Param(path ...string) (string, bool) { return c.Request.Text(path...) }

// The IAM calls that mean the caller when they name no user.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
var selfCalls = map[string]bool{
	"ChangePassword": true, "CreateAccessKey": true, "DeleteAccessKey": true, "UpdateAccessKey": true,
	"CreateLoginProfile": true, "DeleteLoginProfile": true, "DeactivateMFADevice": true,
	"UploadSigningCertificate": true, "UpdateSigningCertificate": true, "DeleteSigningCertificate": true,
	"UploadSSHPublicKey": true, "UpdateSSHPublicKey": true, "DeleteSSHPublicKey": true,
	"CreateServiceSpecificCredential": true, "UpdateServiceSpecificCredential": true,
	"DeleteServiceSpecificCredential": true, "ResetServiceSpecificCredential": true,
}

// User is the name of the IAM user that an IAM call is about: the one it names, else the one the answer names, else the
// caller, if the call succeeded, is one that then means the caller, and the caller is an IAM user.
//
// It is false when there is no such user: the root user works on itself without a name, and a call that was denied does
// not say whom it was about.
func (c *APICall) User() (string, bool) {
	if c.Source != "iam.amazonaws.com" {
		return "", false
	}
	for _, name := range []string{
		c.Request.text("userName"), c.Response.text("accessKey", "userName"),
		c.Response.text("loginProfile", "userName"), c.Response.text("user", "userName"),
	} {
		if name != "" && name != HiddenUserName {
			return name, true
		}
	}
	if selfCalls[c.Name] && !c.Failed() && c.Identity.Kind() == IAMUser && c.Identity.UserName != "" {
		return c.Identity.UserName, true
	}
	return "", false
}

// WithUser is the same call about the user by another name, which the user has by now.
func (c *APICall) WithUser(name string) *APICall {
	renamed := *c
	renamed.Request = maps.Clone(c.Request)
	if renamed.Request == nil {
		renamed.Request = Fields{}
	}
	renamed.Request["userName"] = name
	return &renamed
}

func apiCall(detail Fields, e Event) (Detail, time.Time, error) {
	r, err := record(detail, e)
	return &APICall{r}, r.Time, err
}

// SignIn is an event of the sign-in service. Name tells which: ConsoleLogin, SwitchRole, ExitRole, CheckMfa,
// GetSigninToken, PasswordUpdated, ExternalIdPDirectoryLogin and others; only ConsoleLogin is somebody coming in.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
type SignIn struct {
	Record

	// Outcome is the response element named for the event: "Success" or "Failure", empty if the record has none. A
	// failed sign-in has an ErrorMessage and no ErrorCode.
	Outcome string

	// MFAUsed is the record's own word. AWS sets it for IAM users and the root user only: sign-ins by role, SAML and
	// IAM Identity Center say no, whatever their identity provider asked for. It can be true of a failure.
	MFAUsed       bool
	MFAIdentifier string // ARN of the device; empty without MFA

	SAMLProvider string // ARN; only of a direct SAML federation
	SwitchFrom   string // of SwitchRole: ARN of who switched, maybe of another account
}

func signIn(detail Fields, e Event) (Detail, time.Time, error) {
	r, err := record(detail, e)
	return &SignIn{
		Record:        r,
		Outcome:       r.Response.text(r.Name),
		MFAUsed:       r.Additional.bool("MFAUsed"),
		MFAIdentifier: r.Additional.text("MFAIdentifier"),
		SAMLProvider:  r.Additional.text("SamlProviderArn"),
		SwitchFrom:    r.Additional.text("SwitchFrom"),
	}, r.Time, err
}

// WithMFA reports whether the record says in any of the places that AWS has for it that MFA was used: in its own word,
// by the device, or in the session that signed in.
func (r *Record) WithMFA() bool {
	return r.Additional.bool("MFAUsed") || r.Additional.text("MFAIdentifier") != "" || r.Identity.Session.MFAAuthenticated
}

// Succeeded reports whether the record says that it succeeded. It and Failed are both false of a record without
// outcome.
func (s *SignIn) Succeeded() bool { return strings.EqualFold(s.Outcome, "Success") }

// Failed reports whether the record says that it failed, by its outcome or by an error code.
func (s *SignIn) Failed() bool { return strings.EqualFold(s.Outcome, "Failure") || s.Record.Failed() }

// Kind is who signed in, where the sign-in knows better than the identity: a record with a SAML provider is SAML
// federation, although its identity is the role that was assumed.
func (s *SignIn) Kind() Kind {
	if s.SAMLProvider != "" {
		return SAML
	}
	return s.Identity.Kind()
}

// forProgram reports whether the call gives a program access: aws login, and agents that use an AWS MCP server. The
// browser authorizes it, then the program gets a token, and a new one from time to time. A program that has AWS
// credentials gets a token for them without a browser.
//
// https://docs.aws.amazon.com/signin/latest/userguide/oauth-sign-in-overview.html
// https://docs.aws.amazon.com/signin/latest/APIReference/API_CreateOAuth2Token.html
func forProgram(call string) bool {
	return call == "AuthorizeOAuth2Access" || call == "CreateBearerToken" || strings.HasPrefix(call, "CreateOAuth2Token")
}

// SignIn is the sign-in for a program that the call is; ok is false for any other call. CloudTrail says whether it
// succeeded in additionalEventData: a refused one need not have an error code.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html
func (c *APICall) SignIn() (s *SignIn, ok bool) {
	if c.Source != "signin.amazonaws.com" || !forProgram(c.Name) {
		return nil, false
	}
	s = &SignIn{Record: c.Record, Outcome: "Success", MFAUsed: c.Additional.bool("MFAUsed"),
		MFAIdentifier: c.Additional.text("MFAIdentifier"), SAMLProvider: c.Additional.text("SamlProviderArn")}
	if success, recorded := c.Additional.Bool("success"); c.Failed() || recorded && !success {
		s.Outcome = "Failure"
	}
	return s, true
}

// ForProgram reports whether somebody signed in for a program, and not to the console.
func (s *SignIn) ForProgram() bool { return forProgram(s.Name) }

// Renewed reports whether a program that had signed in before got a new token: nobody typed anything.
func (s *SignIn) Renewed() bool { return s.ForProgram() && s.grant() == "refresh_token" }

// Exchanged reports whether a program got a token for the AWS credentials or the token that it had: nobody signed in.
func (s *SignIn) Exchanged() bool {
	return s.ForProgram() && (s.Name != "AuthorizeOAuth2Access" && s.Name != "CreateOAuth2Token" ||
		s.grant() == "client_credentials" || strings.HasSuffix(s.grant(), ":token-exchange"))
}

// Remote reports whether the program is on another device than the browser (aws login --remote): somebody carries the
// code from one to the other, and can be talked into giving it away.
func (s *SignIn) Remote() bool {
	client := s.Client()
	return s.ForProgram() && (strings.HasSuffix(client, ":devtools/cross-device") || strings.HasSuffix(client, "/remote"))
}

// Client is the program's OAuth client, such as "arn:aws:signin:::devtools/same-device"; empty if it is not recorded.
func (s *SignIn) Client() string { return s.oauth("client_id", "clientId") }

// Redirect is the address that the browser gives the code to; empty if it is not recorded.
func (s *SignIn) Redirect() string { return s.oauth("redirect_uri", "redirectUri") }

// Resource is what the token is for, such as an AWS MCP server; empty for aws login, whose token is for everything.
func (s *SignIn) Resource() string { return s.oauth("resource") }

func (s *SignIn) grant() string { return s.oauth("grant_type", "grantType") }

// oauth is an OAuth parameter. CloudTrail has some of them in requestParameters, others in additionalEventData.
func (s *SignIn) oauth(names ...string) string {
	for _, fields := range []Fields{s.Request, s.Request.Object("tokenInput"), s.Additional} {
		for _, name := range names {
			if value := fields.text(name); value != "" {
				return value
			}
		}
	}
	return ""
}

// ServiceEvent is something that an AWS service did by itself: nobody called. Its identity may be empty, or
// name the root user because the account is the only owner there is; that is no use of the root user.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/non-api-aws-service-events.html
type ServiceEvent struct {
	Record
	Details Fields // serviceEventDetails
}

func serviceEvent(detail Fields, e Event) (Detail, time.Time, error) {
	r, err := record(detail, e)
	return &ServiceEvent{r, detail.Object("serviceEventDetails")}, r.Time, err
}

// record reads what every CloudTrail record has. It wants a name and a source, and a major version that it knows: a new
// one means that fields were removed or changed their meaning.
func record(detail Fields, e Event) (Record, error) {
	if err := detail.require("a CloudTrail record", "eventName", "eventSource"); err != nil {
		return Record{}, err
	}
	if major, _, _ := strings.Cut(detail.text("eventVersion"), "."); major != "" && major != "1" {
		return Record{}, &Error{"detail.eventVersion", "a major version other than 1: the fields may have changed"}
	}
	r := Record{
		Name:             detail.text("eventName"),
		Source:           detail.text("eventSource"),
		Type:             detail.text("eventType"),
		Time:             detail.time("eventTime"),
		Region:           cmp.Or(detail.text("awsRegion"), e.Region),
		SourceIP:         detail.text("sourceIPAddress"),
		UserAgent:        detail.text("userAgent"),
		ErrorCode:        detail.text("errorCode"),
		ErrorMessage:     detail.text("errorMessage"),
		EventID:          detail.text("eventID"),
		RecipientAccount: cmp.Or(detail.text("recipientAccountId"), e.Account),
		Identity:         identity(detail.Object("userIdentity")),

		VPCEndpoint: cmp.Or(detail.text("vpcEndpointId"), additional(detail, "vpceid", "vpcendpointid")),
		VPCEndpointAccount: cmp.Or(
			detail.text("vpcEndpointAccountId"), additional(detail, "vpceaccountid", "vpcendpointaccountid"),
		),
		Addendum: Addendum{
			Reason:          detail.text("addendum", "reason"),
			OriginalEventID: detail.text("addendum", "originalEventID"),
		},
		Request:                      detail.Object("requestParameters"),
		Response:                     detail.Object("responseElements"),
		Additional:                   detail.Object("additionalEventData"),
		SessionCredentialFromConsole: detail.bool("sessionCredentialFromConsole"),
	}
	if v, ok := detail.Bool("readOnly"); ok {
		r.ReadOnly = &v
	}
	return r, nil
}

// additional is the first text in additionalEventData by one of the names, which are in lower case and without hyphens:
// sign-ins have the VPC endpoint there, as "x-amzn-vpce-id", empty if they came through none. What a name only contains
// is not looked at: some of the texts are chosen by whoever signs in.
func additional(detail Fields, names ...string) string {
	data := detail.Object("additionalEventData")
	for _, name := range slices.Sorted(maps.Keys(data)) {
		plain := strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(name), "-", ""), "xamzn")
		if value := data.text(name); value != "" && slices.Contains(names, plain) {
			return value
		}
	}
	return ""
}
