package alertinstanceconnect

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/network"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

type planner struct {
	api     quarantine.API
	allowed network.Allowed
	policy  string // ARN
}

func newPlanner(api quarantine.API, f settings.Function) (remediation.Planner, error) {
	policy, err := quarantine.Outside(f)
	return &planner{api: api, allowed: f.AllowedNetworks, policy: policy}, err
}

// Plan alerts on the connection that the event records, and quarantines the IAM user who made it from outside.
func (p *planner) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	call, ok := e.Detail.(*event.APICall)
	if !ok || call.Failed() || call.Source != "ec2-instance-connect.amazonaws.com" {
		return nil, nil
	}
	c, ok := connected(call)
	if success, said := call.Response.Bool("success"); !ok || said && !success {
		return nil, nil
	}
	who := call.Identity
	origin := p.allowed.Evaluate(&call.Record)
	outside := origin.Place == network.Outside
	f := remediation.Finding{
		Subject: name(who).String(), Title: c.title, Severity: c.severity,
		Handling: remediation.Handling{Fresh: true, Alert: true},
		Text:     i18n.Sentences(i18n.T("%s %s in %s from %s.", said(who), c.did, call.Region, origin.Describe()), c.more),
		Facts:    facts(call, c, origin, e.Time),
	}
	if who.Kind() == event.IAMUser {
		f.User = who.UserName
	}
	switch {
	case who.Kind() == event.Root:
		f.Severity = control.Critical
	case outside, unknown(who, e.Account):
		f.Severity = control.High
	// The name of a session is whatever its caller chose: without a place nothing says who it was.
	case (origin.Place == network.Foreign || origin.Place == network.Unknown && who.Kind() == event.AssumedRole) &&
		f.Severity == control.Low:
		f.Severity = control.Medium
	}
	f.Once = remediation.Once{For: remediation.Quiet, Key: strings.Join([]string{
		call.Name, who.Name(), who.AccountID, who.PrincipalID, c.target, call.SourceIP, call.VPCEndpoint, string(f.Severity),
	}, "|")}
	f.Advice = i18n.T("Nothing, if it was them. If not: %s %s", c.end, stop(who))
	if !outside {
		return []remediation.Finding{f}, nil
	}
	f.Title = i18n.T("%s from outside", f.Title)
	f.Advice = i18n.T("Ask them where they were. If it was not them: %s %s", c.end, stop(who))
	if f.User == "" || who.AccountID != e.Account {
		f.UnchangedReason = i18n.T("Only IAM users can be quarantined.")
		return []remediation.Finding{f}, nil
	}
	look, err := quarantine.At(ctx, p.api, f.User, p.policy)
	switch {
	case change.NotFound(err):
		// It may only not be shown yet: the last try says so.
		f.UnchangedReason = i18n.T("The user no longer exists.")
		return []remediation.Finding{f}, err
	case err != nil:
		return nil, err
	case look.In:
		f.UnchangedReason = i18n.T("The user is already quarantined. Connections that were opened before stay open.")
	default:
		f.Changes = []change.Change{look.Change}
		f.Text = i18n.Sentences(f.Text,
			i18n.T("The quarantine keeps the user from opening more connections; it does not end those that are "+
				"open."), look.Note)
	}
	return []remediation.Finding{f}, nil
}

// connection is what a call opened.
type connection struct {
	title    i18n.Message
	severity control.Severity
	did      i18n.Message   // what the caller did, after the name
	more     i18n.Message   // what is to be known of it: a sentence
	target   string         // the instance, or what stands for it
	end      i18n.Message   // how it is ended: a sentence
	facts    []i18n.Message // names and values
}

// connected describes what the call opened; ok is false for other calls. Parameters are missing from records that are
// too large, and their spelling and types are CloudTrail's: sSHPublicKey, and the numbers of a tunnel as text.
//
// https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_Operations.html
func connected(call *event.APICall) (c connection, ok bool) {
	param := func(name string, otherwise i18n.Message) i18n.Message {
		if value, ok := call.Param(name); ok && value != "" {
			return i18n.Literal(notice.Plain(value, 100))
		}
		return otherwise
	}
	var mode, duration i18n.Message
	target := func(parts ...i18n.Message) string { return i18n.Join("/", parts...).String() }
	// Nothing in AWS closes an SSH session.
	shell := i18n.T("AWS has no API that closes an SSH session: end it on the instance, remove the security group rule " +
		"that allows it, or stop the instance.")
	instance := param("instanceId", i18n.T("an instance that is not recorded"))
	switch call.Name {
	case "SendSSHPublicKey":
		user := param("instanceOSUser", i18n.T("a user that is not recorded"))
		c = connection{
			title: i18n.T("SSH key sent to an instance"), severity: control.Low, target: target(instance, user), end: shell,
			did:  i18n.T("sent an SSH key for %s to %s", user, instance),
			more: i18n.T("The key can be used to sign in for 60 seconds."),
		}
	case "SendSerialConsoleSSHPublicKey":
		c = connection{
			title: i18n.T("SSH key sent to a serial console"), severity: control.Medium,
			target: target(instance, param("serialPort", i18n.Literal("0"))),
			did:    i18n.T("sent an SSH key to the serial console of %s", instance),
			more:   i18n.T("The serial console works independently of the instance's network."),
			end: i18n.T("AWS has no API that closes the serial console session of one instance: end it on the instance, " +
				"stop the instance, or disable the serial console for the account in this region " +
				"(ec2:DisableSerialConsoleAccess)."),
		}
		if monitor, said := call.Request.Bool("monitorMode"); said && monitor {
			mode = i18n.Literal("monitor")
		}
	case "OpenTunnel":
		endpoint := param("instanceConnectEndpointId", i18n.T("an endpoint that is not recorded"))
		address := param("privateIpAddress", i18n.T("an address that is not recorded"))
		port := param("remotePort", i18n.Literal("22"))
		c = connection{
			title: i18n.T("Tunnel opened to an instance"), severity: control.Low, target: target(endpoint, address, port),
			did: i18n.T("opened a tunnel to %s port %s through %s", address, port, endpoint),
			end: i18n.T("AWS has no API that closes a tunnel: remove the security group rule that allows it, or delete the " +
				"Instance Connect Endpoint."),
		}
		if seconds := param("maxTunnelDuration", i18n.Message{}); !seconds.Empty() {
			duration = i18n.T("%s seconds", seconds)
		}
	default:
		return connection{}, false
	}
	key, _ := call.Param("sSHPublicKey")
	c.facts = []i18n.Message{
		i18n.T("Mode"), mode, i18n.T("Maximum duration"), duration, i18n.T("SSH key"), i18n.Literal(fingerprint(key)),
	}
	return c, true
}

// fingerprint is what sshd writes of a public key into its log, empty for what is no public key.
func fingerprint(key string) string {
	part := strings.Fields(key)
	if len(part) < 2 {
		return ""
	}
	raw, err := base64.StdEncoding.DecodeString(part[1])
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// unknown reports whether nobody of the account made the call, or nobody knows who did.
func unknown(who event.Identity, account string) bool {
	return who.Kind() == event.Unidentified || who.Kind() == event.AWSAccount || who.AccountID != account
}

// name is who made the call. The session of IAM Identity Center bears the user's name.
func name(who event.Identity) i18n.Message {
	if session := who.SessionName(); who.Kind() == event.IdentityCenter && session != "" {
		return i18n.Literal(session)
	}
	return who.Describe()
}

// said describes who made the call, at the beginning of a sentence.
func said(who event.Identity) i18n.Message {
	switch who.Kind() {
	case event.Root:
		return i18n.T("The root user")
	case event.AssumedRole:
		return i18n.T("Role %s", name(who))
	}
	return i18n.T("%s %s", who.Kind().Describe(), name(who))
}

// stop is how to keep them from connecting again.
func stop(who event.Identity) i18n.Message {
	return i18n.Or(map[event.Kind]i18n.Message{
		event.Root: i18n.T("Then change the root password, check its MFA, and delete its access keys."),
		event.IAMUser: i18n.T("Then make the user's access keys inactive, delete the console password, and check " +
			"what was done on the instance."),
		event.IdentityCenter: i18n.T("Then disable the user in IAM Identity Center, end their sessions there, and check " +
			"what was done on the instance."),
	}[who.Kind()], i18n.T("Then revoke the role's active sessions in IAM, find out who assumed it, and check what was "+
		"done on the instance."))
}

// facts are the lines that let the reader decide.
func facts(call *event.APICall, c connection, origin network.Origin, at time.Time) []remediation.Fact {
	facts := append([]i18n.Message{
		i18n.T("By"), i18n.T("%s (%s)", call.Identity.Describe(), call.Identity.Kind().Describe()),
	}, c.facts...)
	return remediation.Facts(append(facts,
		i18n.T("Access key"), remediation.LongLivedKey(call.Identity),
		i18n.T("From"), origin.Describe(),
		i18n.T("User agent"), i18n.Literal(notice.Agent(call.UserAgent)),
		i18n.T("At"), i18n.Moment(at),
	)...)
}
