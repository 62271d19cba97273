package event

import (
	"strings"

	"github.com/warder-aws/warder/pkg/i18n"
)

// HiddenUserName is what CloudTrail writes for a user name that does not exist, because people type their password into
// the wrong box. It is no user: Identity.UserName is empty and Identity.HiddenUser is set instead.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
const HiddenUserName = "HIDDEN_DUE_TO_SECURITY_REASONS"

// Identity is who did it. Any field may be empty; an AwsServiceEvent may have no identity at all.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
type Identity struct {
	Type        string // AWS's own word; Kind is the one to decide by
	UserName    string // of an IAM user; of the root user it may be the account alias; empty for roles
	HiddenUser  bool   // AWS hides the name that was typed: there is no such user
	ARN         string // missing on a failed sign-in of an IAM user
	PrincipalID string // unique id, for a role with ":" and the session name after it
	AccountID   string
	AccessKeyID string
	InvokedBy   string // see Service: it may name the console, behind which there is a person
	Session     Session
	OnBehalfOf  OnBehalfOf
}

// Session is the temporary session that the call was made with, zero if it was made with long-lived credentials.
// Records of SwitchRole have none although they are made by a role.
type Session struct {
	Issuer           Issuer
	MFAAuthenticated bool
	CreationDate     string // as written
	// a session of AssumeRoot: a central team's task in a member account, not the root user signing in
	AssumedRoot bool

	// FederatedProvider is the OpenID Connect provider that vouched for the caller, empty if none did.
	FederatedProvider string
}

// Issuer is what the session was issued for: the role that was assumed, or the user that asked for a federated one.
type Issuer struct {
	Type        string // "Role", "IAMUser", "Root"
	ARN         string // includes the role's path, unlike the ARN of the session
	UserName    string // name of the role or user
	PrincipalID string
	AccountID   string
}

// OnBehalfOf is the person of IAM Identity Center for whom the call was made.
type OnBehalfOf struct {
	UserID           string
	IdentityStoreARN string
}

// Kind is who somebody is, in the words that people use.
type Kind string

// The kinds of identity.
const (
	Root           Kind = "root user"
	IAMUser        Kind = "IAM user"
	AssumedRole    Kind = "role"
	IdentityCenter Kind = "IAM Identity Center user"
	SAML           Kind = "SAML user"
	WebIdentity    Kind = "web identity"
	Federated      Kind = "federated user" // of GetFederationToken
	AWSService     Kind = "AWS service"
	AWSAccount     Kind = "AWS account" // another account's principal
	Unidentified   Kind = "unidentified"
)

// Describe describes the kind for people.
func (k Kind) Describe() i18n.Message {
	switch k {
	case Root:
		return i18n.T("root user")
	case IAMUser:
		return i18n.T("IAM user")
	case AssumedRole:
		return i18n.T("role")
	case IdentityCenter:
		return i18n.T("IAM Identity Center user")
	case SAML:
		return i18n.T("SAML user")
	case WebIdentity:
		return i18n.T("web identity")
	case Federated:
		return i18n.T("federated user")
	case AWSService:
		return i18n.T("AWS service")
	case AWSAccount:
		return i18n.T("AWS account")
	}
	return i18n.T("unidentified")
}

// Kind tells who it is. A role that IAM Identity Center made is its user: the role is named AWSReservedSSO_ and lives
// under the path /aws-reserved/, where nobody else can make one. A role that only has such a name is a role.
func (i Identity) Kind() Kind {
	switch i.Type {
	case "Root":
		return Root
	case "IAMUser":
		return IAMUser
	case "AssumedRole", "Role":
		if !strings.HasPrefix(i.RoleName(), "AWSReservedSSO_") {
			return AssumedRole
		}
		// The ARN of a session has no path, so without the issuer there is only the name to go by.
		if role := i.RoleARN(); role == "" || strings.HasPrefix(resource(role), "role/aws-reserved/sso.amazonaws.com/") {
			return IdentityCenter
		}
		return AssumedRole
	case "IdentityCenterUser":
		return IdentityCenter
	case "SAMLUser":
		return SAML
	case "WebIdentityUser":
		return WebIdentity
	case "FederatedUser":
		return Federated
	case "AWSService":
		return AWSService
	case "AWSAccount":
		return AWSAccount
	}
	return Unidentified
}

// Name is what to call them: the user's name, "role/session", the service, "root". It is never empty, and never to be
// given to an API: UserName, RoleName and RoleARN are.
func (i Identity) Name() string { return i.Describe().String() }

// Describe is the Name for people.
func (i Identity) Describe() i18n.Message {
	name := ""
	switch i.Kind() {
	case Root:
		return i18n.Literal("root")
	case IAMUser:
		name = i.UserName
		if name == "" {
			name = last(resource(i.ARN), "/")
		}
	case AssumedRole, IdentityCenter:
		name = i.RoleName()
		if s := i.SessionName(); name != "" && s != "" {
			name += "/" + s
		}
		if name == "" {
			name = i.OnBehalfOf.UserID
		}
	case Federated:
		name = last(resource(i.ARN), "/")
	case AWSService:
		name = i.InvokedBy
	case SAML, WebIdentity:
		name = i.UserName
	}
	switch {
	case name != "":
		return i18n.Literal(name)
	case i.HiddenUser:
		return i18n.T("a user name that does not exist")
	case i.UserName != "":
		return i18n.Literal(i.UserName)
	case i.ARN != "":
		return i18n.Literal(i.ARN)
	case i.PrincipalID != "":
		return i18n.Literal(i.PrincipalID)
	case i.InvokedBy != "":
		return i18n.Literal(i.InvokedBy)
	case i.AccountID != "":
		return i18n.T("account %s", i.AccountID)
	}
	return i18n.T("an unidentified principal")
}

// SessionName is the name that the session was given, empty if there is none. For IAM Identity Center it is the
// person's user name; for other roles whatever the caller chose, which proves nothing.
func (i Identity) SessionName() string {
	if part := strings.SplitN(resource(i.ARN), "/", 3); len(part) == 3 && part[0] == "assumed-role" {
		return part[2]
	}
	if _, session, ok := strings.Cut(i.PrincipalID, ":"); ok && i.Type == "AssumedRole" {
		return session
	}
	return ""
}

// RoleName is the name of the role that was assumed, empty if none was.
func (i Identity) RoleName() string {
	if i.Session.Issuer.Type == "Role" && i.Session.Issuer.UserName != "" {
		return i.Session.Issuer.UserName
	}
	if role := i.RoleARN(); role != "" {
		return last(resource(role), "/")
	}
	if part := strings.SplitN(resource(i.ARN), "/", 3); len(part) == 3 && part[0] == "assumed-role" {
		return part[1]
	}
	return ""
}

// RoleARN is the ARN of the role that was assumed, with its path; empty if the record does not have it. It cannot be
// had from the ARN of the session, which leaves the path out.
func (i Identity) RoleARN() string {
	if strings.HasPrefix(resource(i.Session.Issuer.ARN), "role/") {
		return i.Session.Issuer.ARN
	}
	return ""
}

// Service is the AWS service that made the call for the identity, such as "cloudformation.amazonaws.com" or "AWS
// Internal"; empty if none did. The console is none: older records name signin.amazonaws.com for what people did there.
func (i Identity) Service() string {
	if i.InvokedBy == "signin.amazonaws.com" {
		return ""
	}
	return i.InvokedBy
}

func identity(f Fields) Identity {
	i := Identity{
		Type:        f.text("type"),
		UserName:    f.text("userName"),
		ARN:         f.text("arn"),
		PrincipalID: f.text("principalId"),
		AccountID:   f.text("accountId"),
		AccessKeyID: f.text("accessKeyId"),
		InvokedBy:   f.text("invokedBy"),
		Session: Session{
			MFAAuthenticated:  f.bool("sessionContext", "attributes", "mfaAuthenticated"),
			CreationDate:      f.text("sessionContext", "attributes", "creationDate"),
			AssumedRoot:       f.bool("sessionContext", "assumedRoot"),
			FederatedProvider: f.text("sessionContext", "webIdFederationData", "federatedProvider"),
		},
		OnBehalfOf: OnBehalfOf{
			UserID:           f.text("onBehalfOf", "userId"),
			IdentityStoreARN: f.text("onBehalfOf", "identityStoreArn"),
		},
	}
	issuer := f.Object("sessionContext", "sessionIssuer")
	i.Session.Issuer = Issuer{
		Type:        issuer.text("type"),
		ARN:         issuer.text("arn"),
		UserName:    issuer.text("userName"),
		PrincipalID: issuer.text("principalId"),
		AccountID:   issuer.text("accountId"),
	}
	if i.UserName == HiddenUserName {
		i.UserName, i.HiddenUser = "", true
	}
	return i
}

// resource is the last part of an ARN, such as "role/team/Admin"; empty if it is no ARN.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func resource(arn string) string {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" {
		return ""
	}
	return part[5]
}

// last is what follows the last separator, all of it if there is none.
func last(s, separator string) string {
	return s[strings.LastIndex(s, separator)+1:]
}
