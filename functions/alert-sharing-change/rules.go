package alertsharingchange

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/operation"
	"github.com/warder-aws/warder/pkg/policy"
)

// A sharer judges who gets at something that is shared.
type sharer struct {
	own     string   // the account
	trusted []string // accounts that may have what this one shares
}

// with judges who something is shared with: all of those named, and everybody if one is.
func (s sharer) with(names []string) (control.Severity, i18n.Message) {
	var outside []string
	for _, name := range names {
		switch strings.ToLower(name) {
		case "*", "all", "everybody":
			return control.Critical, i18n.T("Everybody has access to it now.")
		case "", s.own:
		default:
			if !slices.Contains(s.trusted, name) {
				outside = append(outside, name)
			}
		}
	}
	switch {
	case len(outside) > 0:
		return control.High, i18n.T("Somebody outside this account has access to it now: %s.", strings.Join(outside, ", "))
	case len(names) > 0:
		return control.Low, i18n.Message{}
	}
	return "", i18n.Message{}
}

// document judges a resource policy: the first of the parameters that the call has.
func (s sharer) document(paths ...string) operation.Rule {
	return func(c *event.APICall) (control.Severity, i18n.Message) {
		for _, path := range paths {
			text := textOf(c.Request, strings.Split(path, "."))
			if text == "" {
				continue
			}
			trust, err := policy.Trusts(text)
			switch {
			case err != nil:
				return control.High, i18n.T("Its new policy cannot be read.")
			case trust.Everyone:
				return control.Critical, i18n.T("Everybody has access to it now.")
			case trust.Conditional:
				return control.High, i18n.T("Everybody has access to it who meets the conditions of its policy.")
			}
			severity, because := s.with(trust.Accounts)
			if severity == "" {
				severity = control.Low
			}
			return severity, because
		}
		return control.High, i18n.T("Its new policy is not in the event.")
	}
}

// textOf is a document in a request: some services record it as text, S3 as an object.
func textOf(request event.Fields, path []string) string {
	if text, ok := request.Text(path...); ok {
		return text
	}
	if object := request.Object(path...); object != nil {
		text, err := json.Marshal(object)
		if err == nil {
			return string(text)
		}
	}
	return ""
}

// rules judge the calls whose parameters decide how bad they are.
func (s sharer) rules() map[string]operation.Rule {
	return map[string]operation.Rule{
		"resource-policy": s.document("resourcePolicy", "policy", "policyDocument", "firewallRuleGroupPolicy",
			"resolverQueryLogConfigPolicy", "resolverRulePolicy"),
		"bucket-policy":     s.document("bucketPolicy", "policy", "PutAccessPointPolicyRequest.Policy"),
		"key-policy":        s.document("policy"),
		"repository-policy": s.document("policyText"),
		"topic-attribute":   s.attribute("Policy", "attributeName", "attributeValue"),
		"queue-attribute":   s.onlyWith("attributes.Policy", s.document("attributes.Policy")),
		"endpoint-policy": s.onlyWith(
			"ModifyVpcEndpointRequest.PolicyDocument",
			s.document("ModifyVpcEndpointRequest.PolicyDocument"),
		),
		"statement":         s.statement,
		"snapshot-share":    s.items("createVolumePermission"),
		"image-share":       s.items("launchPermission"),
		"db-snapshot-share": s.texts("valuesToAdd"),
		"document-share":    s.texts("accountIdsToAdd"),
		"endpoint-service":  s.texts("addAllowedPrincipals"),
		"ram-share":         s.texts("principals"),
		"ram-update":        flag("allowExternalPrincipals", true, control.Medium),
		"grant":             s.grant,
		"acl":               acl,
		"ownership":         ownership,
		"public-block":      publicBlock,
		"public-block-mode": publicBlockMode,
		"replication":       constant(control.High),
		"website":           constant(control.Medium),
		"url":               url,
		"subscription":      subscription,
		"ingress":           ingress,
		"user-data":         present("userData", control.High),
		"db-public":         flag("publiclyAccessible", true, control.High),
		"cluster-config":    cluster,
		"function":          present("role", control.Medium),
		"code":              constant(control.Medium),
	}
}

func (s sharer) attribute(name, nameAt, valueAt string) operation.Rule {
	rule := s.document(valueAt)
	return func(c *event.APICall) (control.Severity, i18n.Message) {
		if got, _ := c.Param(nameAt); got != name {
			return "", i18n.Message{}
		}
		return rule(c)
	}
}

func (s sharer) onlyWith(path string, rule operation.Rule) operation.Rule {
	return func(c *event.APICall) (control.Severity, i18n.Message) {
		if textOf(c.Request, strings.Split(path, ".")) == "" {
			return "", i18n.Message{}
		}
		return rule(c)
	}
}

// items judges what EC2 records as a list of users and groups to add.
func (s sharer) items(path string) operation.Rule {
	return func(c *event.APICall) (control.Severity, i18n.Message) {
		var names []string
		for _, item := range c.Request.Objects(path, "add", "items") {
			for _, field := range []string{"userId", "group", "organizationArn", "organizationalUnitArn"} {
				if name, ok := item.Text(field); ok {
					names = append(names, name)
				}
			}
		}
		return s.with(names)
	}
}

func (s sharer) texts(path string) operation.Rule {
	return func(c *event.APICall) (control.Severity, i18n.Message) { return s.with(c.Request.Texts(path)) }
}

// statement judges a statement that is added to a resource policy: to a service for a resource of this account it is not
// news, as every trigger of a function has one.
func (s sharer) statement(c *event.APICall) (control.Severity, i18n.Message) {
	names := slices.Concat(c.Request.Texts("aWSAccountId"), c.Request.Texts("aWSAccountIds"))
	if principal, ok := c.Param("principal"); ok {
		names = append(names, accountOf(principal))
	}
	if len(names) == 1 && strings.HasSuffix(names[0], ".amazonaws.com") {
		_, source := c.Param("sourceArn")
		_, account := c.Param("sourceAccount")
		if source || account {
			return "", i18n.Message{}
		}
		return control.Medium, i18n.T("The service may call it for anybody: no source is named.")
	}
	return s.with(names)
}

func accountOf(principal string) string {
	if parts := strings.Split(principal, ":"); len(parts) > 5 {
		return parts[4]
	}
	return principal
}

func (s sharer) grant(c *event.APICall) (control.Severity, i18n.Message) {
	grantee, _ := c.Param("granteePrincipal")
	if strings.HasSuffix(grantee, ".amazonaws.com") || strings.HasSuffix(c.Identity.Service(), ".amazonaws.com") {
		return "", i18n.Message{}
	}
	return s.with([]string{accountOf(grantee)})
}

func acl(c *event.APICall) (control.Severity, i18n.Message) {
	text, _ := json.Marshal(c.Request)
	switch said := string(text); {
	case strings.Contains(said, "public-read") || strings.Contains(said, "groups/global/AllUsers"):
		return control.Critical, i18n.T("Everybody has access to it now.")
	case strings.Contains(said, "authenticated-read") || strings.Contains(said, "groups/global/AuthenticatedUsers"):
		return control.Critical, i18n.T("Everybody with an AWS account has access to it now.")
	case strings.Contains(said, `"private"`):
		return "", i18n.Message{}
	}
	return control.Low, i18n.Message{}
}

func ownership(c *event.APICall) (control.Severity, i18n.Message) {
	if text, _ := json.Marshal(c.Request); strings.Contains(string(text), "BucketOwnerEnforced") {
		return "", i18n.Message{}
	}
	return control.Medium, i18n.Message{}
}

func publicBlock(c *event.APICall) (control.Severity, i18n.Message) {
	for _, name := range []string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"} {
		if on, ok := c.Request.Bool("PublicAccessBlockConfiguration", name); !ok || !on {
			return control.High, i18n.Message{}
		}
	}
	return "", i18n.Message{}
}

func publicBlockMode(c *event.APICall) (control.Severity, i18n.Message) {
	text, _ := json.Marshal(c.Request)
	if said := string(text); strings.Contains(said, "block-all-sharing") || strings.Contains(said, "block-bidirectional") {
		return "", i18n.Message{}
	}
	return control.High, i18n.Message{}
}

func url(c *event.APICall) (control.Severity, i18n.Message) {
	if kind, _ := c.Param("authType"); kind == "NONE" {
		return control.High, i18n.T("Everybody on the internet may call it without credentials.")
	}
	return control.Medium, i18n.Message{}
}

func subscription(c *event.APICall) (control.Severity, i18n.Message) {
	switch protocol, _ := c.Param("protocol"); protocol {
	case "http", "https", "email", "email-json", "sms":
		return control.Low, i18n.Message{}
	}
	return "", i18n.Message{}
}

// ways are the ports by which machines are administered.
var ways = []int{22, 3389, 5985, 5986}

func ingress(c *event.APICall) (control.Severity, i18n.Message) {
	for _, p := range c.Request.Objects("ipPermissions", "items") {
		open := false
		for _, at := range [][2]string{{"ipRanges", "cidrIp"}, {"ipv6Ranges", "cidrIpv6"}} {
			for _, r := range p.Objects(at[0], "items") {
				cidr, _ := r.Text(at[1])
				open = open || cidr == "0.0.0.0/0" || cidr == "::/0"
			}
		}
		if !open {
			continue
		}
		from, to := port(p, "fromPort", 0), port(p, "toPort", 65535)
		if protocol, _ := p.Text("ipProtocol"); protocol == "-1" {
			from, to = 0, 65535
		}
		if slices.ContainsFunc(ways, func(way int) bool { return from <= way && way <= to }) {
			return control.High, i18n.T("Machines can be administered from the whole internet.")
		}
	}
	return "", i18n.Message{}
}

func port(p event.Fields, name string, otherwise int) int {
	text, ok := p.Text(name)
	n := 0
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			return otherwise
		}
		n = n*10 + int(digit-'0')
	}
	if !ok || text == "" {
		return otherwise
	}
	return n
}

func cluster(c *event.APICall) (control.Severity, i18n.Message) {
	public, ok := c.Request.Bool("resourcesVpcConfig", "endpointPublicAccess")
	if !ok || !public {
		return "", i18n.Message{}
	}
	if from := c.Request.Texts("resourcesVpcConfig", "publicAccessCidrs"); len(from) == 0 ||
		slices.Contains(from, "0.0.0.0/0") {
		return control.High, i18n.T("The cluster can be reached from the whole internet.")
	}
	return control.Medium, i18n.Message{}
}

func flag(path string, bad bool, severity control.Severity) operation.Rule {
	return func(c *event.APICall) (control.Severity, i18n.Message) {
		if on, ok := c.Request.Bool(path); !ok || on != bad {
			return "", i18n.Message{}
		}
		return severity, i18n.Message{}
	}
}

func present(path string, severity control.Severity) operation.Rule {
	return func(c *event.APICall) (control.Severity, i18n.Message) {
		_, text := c.Param(path)
		if !text && c.Request.Object(path) == nil {
			return "", i18n.Message{}
		}
		return severity, i18n.Message{}
	}
}

func constant(severity control.Severity) operation.Rule {
	return func(*event.APICall) (control.Severity, i18n.Message) { return severity, i18n.Message{} }
}
