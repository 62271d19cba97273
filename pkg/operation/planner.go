package operation

import (
	"context"
	_ "embed"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/own"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// Planner alerts on the calls that the table gives to a control. It reads nothing but the event.
type Planner struct {
	Control string          // its id
	Kinds   map[string]Kind // by the words of the table
	Rules   map[string]Rule // by the severities of the table that are none
	Advice  i18n.Message    // on what is high or critical
	// Settings are those of the function. What somebody does to Warder's own is left to alert-warder-change.
	Settings settings.Function
}

// Kind is what an operation is about.
type Kind struct {
	title, effect i18n.Message
}

// About is a kind: what happened, and what may follow from it, a sentence.
func About(title, effect i18n.Message) Kind { return Kind{title, effect} }

// Rule finds how bad a call is by its parameters, and may say why, in a sentence in place of the kind's effect. No
// severity is nothing to report.
type Rule func(*event.APICall) (control.Severity, i18n.Message)

var adviseCheck = i18n.T("Nothing to do if this was intended. If not, revert it and find out who uses the caller's " +
	"credentials.")

// With is the planner with the settings of its function.
func (p Planner) With(s settings.Function) Planner { p.Settings = s; return p }

// Plan implements [remediation.Planner]. Calls that were refused changed nothing.
func (p Planner) Plan(_ context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	c, ok := e.Detail.(*event.APICall)
	if !ok || c.Failed() {
		return nil, nil
	}
	o, ok := Find(c.Source, c.Operation())
	if !ok || o.Control != p.Control || len(own.Things(&p.Settings, c)) > 0 {
		return nil, nil
	}
	kind, severity, because := p.Kinds[o.What], control.Severity(o.Severity), i18n.Message{}
	if rule, ok := p.Rules[o.Severity]; ok {
		severity, because = rule(c)
		if c.Omitted() {
			severity, because = control.High, i18n.T("The parameters of the call are too large to be recorded: see in the "+
				"account what it did.")
		}
	}
	about := subject(c)
	switch {
	case severity.Rank() == 0:
		return nil, nil
	case severity.Rank() >= control.Medium.Rank() && own.Named(about) != "":
		severity = control.Critical
	}
	// Somebody wrote and deployed a template. A credential is somebody's all the same.
	if c.Identity.Service() == "cloudformation.amazonaws.com" && severity == control.Medium && o.What != "credential" {
		severity = control.Low
	}
	f := remediation.Finding{
		Title: kind.title, Severity: severity, Subject: about, Facts: remediation.CallFacts(c),
		Text: i18n.Sentences(i18n.T("%s called %s on %s.", remediation.Actor(c), c.Name, about),
			i18n.Or(because, kind.effect)),
		Advice: p.Advice,
		Handling: remediation.Handling{Fresh: true, Once: remediation.Once{
			Key: remediation.OnceKey(c.Name, c.Identity.ARN, c.Identity.Name(), c.Request, severity), For: remediation.Quiet,
		}},
	}
	if severity.Rank() < control.High.Rank() {
		f.Advice = adviseCheck
	}
	return []remediation.Finding{f}, nil
}

// subjects are the request parameters that name what a call is about, the most telling first.
var subjects = []string{
	"name", "trailName", "eventDataStore", "channel", "configurationRecorderName", "deliveryChannelName", "configRuleName",
	"conformancePackName", "organizationConfigRuleName", "organizationConformancePackName", "configurationAggregatorName",
	"bucketName", "bucket", "functionName", "layerName", "topicArn", "queueUrl", "queueName", "keyId", "granteePrincipal",
	"secretId", "repositoryName", "snapshotId", "imageId", "fpgaImageId", "dBSnapshotIdentifier",
	"dBClusterSnapshotIdentifier", "dBInstanceIdentifier", "dBClusterIdentifier", "resourceShareArn", "tableName",
	"clusterName", "clusterIdentifier", "snapshotIdentifier", "instanceId", "eventBusName", "settingId", "fileSystemId",
	"backupVaultName", "domainName", "domain", "ModifyVpcEndpointRequest.VpcEndpointId",
	"AssociateIamInstanceProfileRequest.InstanceId",
	"ModifyVpcEndpointServicePermissionsRequest.ServiceId", "ModifySecurityGroupRulesRequest.GroupId",
	"resourceId", "detectorId", "analyzerName", "alarmNames", "alarmName", "alarmMuteRuleName", "logGroupName",
	"logGroupIdentifier", "destinationName", "resourceArn", "accountIds", "adminAccountId", "standardsSubscriptionArns",
	"resolverQueryLogConfigId", "DeleteFlowLogsRequest.FlowLogId.content", "delegatedAdminAccountId", "memberAccountId",
	"productSubscriptionArn", "ruleName", "policyName", "roleName", "instanceProfileName", "userName", "targetId",
	"principalId", "permissionSetArn", "trustedTokenIssuerArn", "applicationArn", "instanceArn", "accountId", "policyId",
	"servicePrincipal", "organizationalUnitId", "handshakeId", "trustAnchorId", "profileId", "crlId", "userId", "groupId",
	"identityStoreId", "directoryId", "openIDConnectProviderArn", "serviceSpecificCredentialId", "sSHPublicKeyId",
	"certificateId", "serialNumber", "virtualMFADeviceName", "delegationRequestId", "targetPrincipal", "id", "identifier",
	"arn",
}

// maxNamed is how many of several things are named.
const maxNamed = 3

// subject is what the call is about: the service if it names nothing.
func subject(c *event.APICall) string {
	for _, name := range subjects {
		path := strings.Split(name, ".")
		if value, _ := c.Request.Text(path...); value != "" {
			return value
		}
		if values := c.Request.Texts(path...); len(values) > 0 {
			more := ""
			if len(values) > maxNamed {
				values, more = values[:maxNamed], ", …"
			}
			return strings.Join(values, ", ") + more
		}
	}
	return c.Source
}
