package event

import (
	"cmp"
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
	InvokedBy   string // see ByAWS: it may name the console or another tool, behind which there is a person
	Session     Session
	OnBehalfOf  string // user id of the person of IAM Identity Center for whom the call was made
	IssuedTo    string // what the credentials were issued to, if that is no person: ARN of a function or a task
}

// Session is the temporary session that the call was made with, zero if it was made with long-lived credentials.
// Records of SwitchRole have none although they are made by a role.
type Session struct {
	Issuer           Issuer
	MFAAuthenticated bool
	CreationDate     string // as written
	// the credentials were fetched by an EC2 instance from its metadata service
	OfInstance bool
	SignIn     string // ARN of the sign-in that a program's token goes back to; empty if there is none
	// a session of AssumeRoot: a central team's task in a member account, not the root user signing in
	AssumedRoot bool
}

// Issuer is what the session was issued for: the role that was assumed, or the user that asked for a federated one.
type Issuer struct {
	Type     string // "Role", "IAMUser", "Root"
	ARN      string // includes the role's path, unlike the ARN of the session
	UserName string // name of the role or user
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

var kinds = map[Kind]i18n.Message{
	Root:           i18n.T("root user"),
	IAMUser:        i18n.T("IAM user"),
	AssumedRole:    i18n.T("role"),
	IdentityCenter: i18n.T("IAM Identity Center user"),
	SAML:           i18n.T("SAML user"),
	WebIdentity:    i18n.T("web identity"),
	Federated:      i18n.T("federated user"),
	AWSService:     i18n.T("AWS service"),
	AWSAccount:     i18n.T("AWS account"),
}

// Describe describes the kind for people.
func (k Kind) Describe() i18n.Message { return i18n.Or(kinds[k], i18n.T("unidentified")) }

// types are the types of identity that are one kind always.
var types = map[string]Kind{
	"Root": Root, "IAMUser": IAMUser, "IdentityCenterUser": IdentityCenter, "SAMLUser": SAML,
	"WebIdentityUser": WebIdentity, "FederatedUser": Federated, "AWSService": AWSService, "AWSAccount": AWSAccount,
}

// Kind tells who it is. A role that IAM Identity Center made is its user: the role is named AWSReservedSSO_ and lives
// under the path /aws-reserved/, where nobody else can make one. A role that only has such a name is a role.
func (i Identity) Kind() Kind {
	if i.Type != "AssumedRole" && i.Type != "Role" {
		return cmp.Or(types[i.Type], Unidentified)
	}
	// The ARN of a session has no path, so without the issuer there is only the name to go by.
	role := i.RoleARN()
	if strings.HasPrefix(i.RoleName(), "AWSReservedSSO_") &&
		(role == "" || strings.HasPrefix(resource(role), "role/aws-reserved/sso.amazonaws.com/")) {
		return IdentityCenter
	}
	return AssumedRole
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
		if name = cmp.Or(i.UserName, last(resource(i.ARN), "/")); strings.EqualFold(name, "root") {
			return i18n.T("IAM user %s", name) // anybody may be named so who may create users
		}
	case AssumedRole, IdentityCenter:
		name = i.RoleName()
		if s := i.SessionName(); name != "" && s != "" {
			name += "/" + s
		}
		name = cmp.Or(name, i.OnBehalfOf)
	case Federated:
		name = last(resource(i.ARN), "/")
	case AWSService:
		name = i.InvokedBy
	case SAML, WebIdentity:
		name = i.UserName
	}
	if name == "" && i.HiddenUser {
		return i18n.T("a user name that does not exist")
	}
	if name = cmp.Or(name, i.UserName, i.ARN, i.PrincipalID, i.InvokedBy); name != "" {
		return i18n.Literal(name)
	}
	if i.AccountID != "" {
		return i18n.T("account %s", i.AccountID)
	}
	return i18n.T("an unidentified principal")
}

// session is the names of the role and the session in the ARN of a session, empty if it is of something else.
func (i Identity) session() (role, session string) {
	if part := strings.SplitN(resource(i.ARN), "/", 3); len(part) == 3 && part[0] == "assumed-role" {
		return part[1], part[2]
	}
	return "", ""
}

// SessionName is the name that the session was given, empty if there is none. For IAM Identity Center it is the
// person's user name; for other roles whatever the caller chose, which proves nothing.
func (i Identity) SessionName() string {
	if role, session := i.session(); role+session != "" || i.Type != "AssumedRole" {
		return session
	}
	_, session, _ := strings.Cut(i.PrincipalID, ":")
	return session
}

// RoleName is the name of the role that was assumed, empty if none was.
func (i Identity) RoleName() string {
	if i.Session.Issuer.Type == "Role" && i.Session.Issuer.UserName != "" {
		return i.Session.Issuer.UserName
	}
	role, _ := i.session()
	return cmp.Or(last(resource(i.RoleARN()), "/"), role)
}

// RoleARN is the ARN of the role that was assumed, with its path; empty if the record does not have it. It cannot be
// had from the ARN of the session, which leaves the path out.
func (i Identity) RoleARN() string {
	if strings.HasPrefix(resource(i.Session.Issuer.ARN), "role/") {
		return i.Session.Issuer.ARN
	}
	return ""
}

// console is the InvokedBy of what people do in the console, in older records.
const console = "signin.amazonaws.com"

// servers are the MCP servers of AWS, by their InvokedBy: an agent calls through them with the credentials of whoever
// runs it. What these, and the console, call is the person's call, and no call of the person's is recorded beside it.
// The address and the user agent are the server's name as well.
//
// https://docs.aws.amazon.com/agent-toolkit/latest/userguide/logging-using-cloudtrail.html
var servers = map[string]string{
	"aws-mcp.amazonaws.com": "AWS MCP Server",
	"ecs-mcp.amazonaws.com": "Amazon ECS MCP Server",
	"eks-mcp.amazonaws.com": "Amazon EKS MCP Server",
}

// mcp is the ending of the names of AWS's MCP servers.
const mcp = "-mcp.amazonaws.com"

// forwarding are the services that go on, with the rights of the caller, with what the caller has asked of them. What
// was asked has a record of its own, so that theirs are a consequence: forward access sessions
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-calledvia).
// What is not listed is taken for a person's call: it is better notified twice than not at all.
var forwarding = map[string]bool{
	"AWS Internal": true, "access-analyzer.amazonaws.com": true, "athena.amazonaws.com": true,
	"autoscaling.amazonaws.com": true, "backup.amazonaws.com": true, "batch.amazonaws.com": true,
	"cloudformation.amazonaws.com": true, "cloudfront.amazonaws.com": true, "cloudtrail.amazonaws.com": true,
	"config.amazonaws.com": true, "dynamodb.amazonaws.com": true, "ec2.amazonaws.com": true, "ecs.amazonaws.com": true,
	"eks.amazonaws.com": true, "elasticbeanstalk.amazonaws.com": true, "elasticfilesystem.amazonaws.com": true,
	"elasticloadbalancing.amazonaws.com": true, "elasticmapreduce.amazonaws.com": true, "glue.amazonaws.com": true,
	"guardduty.amazonaws.com": true, "health.amazonaws.com": true, "imagebuilder.amazonaws.com": true,
	"kms.amazonaws.com": true, "lambda.amazonaws.com": true, "organizations.amazonaws.com": true,
	"ram.amazonaws.com": true,
	"rds.amazonaws.com": true, "redshift.amazonaws.com": true, "s3.amazonaws.com": true, "sagemaker.amazonaws.com": true,
	"secretsmanager.amazonaws.com": true, "securityhub.amazonaws.com": true, "servicecatalog.amazonaws.com": true,
	"sns.amazonaws.com": true, "sqs.amazonaws.com": true, "ssm.amazonaws.com": true, "states.amazonaws.com": true,
	"sso.amazonaws.com": true, "support.amazonaws.com": true, "trustedadvisor.amazonaws.com": true,
}

// ByAWS reports whether AWS made the call by itself, or as a consequence of a call that has a record of its own. A
// person's call may name what it was made with in InvokedBy as well: the console, the AWS MCP Server, and whatever is
// not known.
func (i Identity) ByAWS() bool { return i.Kind() == AWSService || forwarding[i.InvokedBy] }

// Service is the AWS service that made the call for the identity, such as "cloudformation.amazonaws.com" or "AWS
// Internal"; empty if none did. A person's tool is none.
func (i Identity) Service() string {
	if i.InvokedBy == console || i.ByAgent() {
		return ""
	}
	return i.InvokedBy
}

// Through is what made the call in the identity's place, for people: an MCP server by its name, or a service. The
// console is not said.
func (i Identity) Through() string {
	if i.InvokedBy == console {
		return ""
	}
	return cmp.Or(servers[i.InvokedBy], i.InvokedBy)
}

// ByAgent reports whether the call came through an MCP server of AWS, which calls for programs that act by themselves.
func (i Identity) ByAgent() bool { return strings.HasSuffix(i.InvokedBy, mcp) }

// ServiceLinked reports whether it is a role that a service made for itself. Nobody else can assume it, nor make a role
// under that path (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html).
func (i Identity) ServiceLinked() bool {
	return strings.HasPrefix(resource(i.RoleARN()), "role/aws-service-role/")
}

func identity(f Fields) Identity {
	session := f.Object("sessionContext")
	issuer := session.Object("sessionIssuer")
	i := Identity{
		Type:        f.text("type"),
		UserName:    f.text("userName"),
		ARN:         f.text("arn"),
		PrincipalID: f.text("principalId"),
		AccountID:   f.text("accountId"),
		AccessKeyID: f.text("accessKeyId"),
		InvokedBy:   f.text("invokedBy"),
		Session: Session{
			Issuer: Issuer{
				Type:     issuer.text("type"),
				ARN:      issuer.text("arn"),
				UserName: issuer.text("userName"),
			},
			MFAAuthenticated: session.bool("attributes", "mfaAuthenticated"),
			CreationDate:     session.text("attributes", "creationDate"),
			SignIn:           session.text("signInSessionArn"),
			AssumedRoot:      session.bool("assumedRoot"),
			OfInstance:       session.text("ec2RoleDelivery") != "",
		},
		IssuedTo:   cmp.Or(f.text("inScopeOf", "credentialsIssuedTo"), f.text("inScopeOf", "sourceArn")),
		OnBehalfOf: f.text("onBehalfOf", "userId"),
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
