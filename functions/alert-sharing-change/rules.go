package alertsharingchange

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/operation"
	"github.com/warder-aws/warder/pkg/policy"
)

// The severities, and the reasons that several rules have. No severity is nothing to report.
const (
	nothing  = control.Severity("")
	low      = control.Low
	medium   = control.Medium
	high     = control.High
	critical = control.Critical
)

var (
	asTheKind = i18n.Message{}
	everybody = i18n.T("Everybody has access to it now.")
)

// trusted are the accounts and organizations that the account may share with.
type trusted []string

// rules judge the calls whose parameters decide how bad they are.
func (t trusted) rules() map[string]operation.Rule {
	return map[string]operation.Rule{
		"policy":          t.policy(medium, i18n.T("Its new policy is not in the event: read it in the account.")),
		"policy-if-any":   t.policy(nothing, asTheKind),
		"statement":       t.statement,
		"share":           t.names("userId", "group", "organizationArn", "organizationalUnitArn"),
		"db-share":        t.names("valuesToAdd"),
		"document-share":  t.names("accountIdsToAdd"),
		"endpoint-share":  t.names("addAllowedPrincipals"),
		"account-share":   t.names("accountWithRestoreAccess", "consumerIdentifier", "account", "registryId"),
		"ram-share":       t.resourceShare,
		"ram-update":      flag("allowExternalPrincipals", medium),
		"grant":           t.grant,
		"encryption":      t.encryption,
		"subscription":    t.subscription,
		"cluster-access":  t.clusterAccess,
		"acl":             acl,
		"ownership":       unless(medium, "ObjectOwnership", "BucketOwnerEnforced"),
		"public-block":    publicBlock,
		"snapshot-block":  unless(high, "state", "block-all-sharing"),
		"network-block":   unless(high, "internetGatewayBlockMode", "block-bidirectional", "block-ingress"),
		"logging":         unlessGiven(medium, nothing, "TargetBucket"),
		"retention":       unlessGiven(high, low, "Days", "Years"),
		"versioning":      unless(medium, "Status", "Enabled"),
		"url":             url,
		"ingress":         ingress,
		"user-data":       unlessGiven(nothing, high, "userData"),
		"endpoint-policy": unlessGiven(nothing, medium, "policyDocument", "resetPolicy"),
		"db-public":       flag("publiclyAccessible", high),
		"cluster-config":  cluster,
		"function":        unlessGiven(nothing, medium, "role", "layers"),
		"code":            code,
	}
}

// values are the texts at any of the names, wherever they are in the parameters, lists of them too. Services spell and
// nest their parameters in several ways. What is under "remove" is taken away.
func values(v any, names ...string) (found []string) {
	walk(v, func(name string, value any) bool {
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			found = append(found, texts(value)...)
		}
		return !strings.EqualFold(name, "remove")
	})
	return found
}

// texts are a text, or those of a list, or those of the items of a list of EC2's.
func texts(value any) []string {
	if _, list := value.([]any); list {
		return event.Fields{"": value}.Texts("")
	}
	if items, ok := value.(map[string]any); ok {
		return texts(items["items"])
	}
	if text, ok := (event.Fields{"": value}).Text(""); ok {
		return []string{text}
	}
	return nil
}

// walk visits every member of every object and list in v, and what is below it if visit says so.
func walk(v any, visit func(name string, value any) bool) {
	switch v := v.(type) {
	case event.Fields:
		walk(map[string]any(v), visit)
	case map[string]any:
		for name, value := range v {
			if visit(name, value) {
				walk(value, visit)
			}
		}
	case []any:
		for _, value := range v {
			if visit("", value) {
				walk(value, visit)
			}
		}
	}
}

// who is the account or organization of a principal, or else the principal itself.
func (t trusted) who(c *event.APICall, principal string) string {
	parsed, err := arn.Parse(principal)
	if err != nil {
		return principal
	}
	// The account of an organization's ARN is its management account; o-… is the second part of what follows.
	if part := strings.Split(parsed.Resource, "/"); parsed.Service == "organizations" && len(part) > 1 &&
		!t.known(c, parsed.AccountID) {
		return part[1]
	}
	return parsed.AccountID
}

func (t trusted) known(c *event.APICall, name string) bool {
	return name == c.RecipientAccount || slices.Contains(t, name)
}

// maxNamed is how many of those who have access are named.
const maxNamed = 5

// with judges who something is shared with: everybody, somebody outside, or only those who may have it.
func (t trusted) with(c *event.APICall, principals []string) (control.Severity, i18n.Message) {
	var outside []string
	for _, principal := range principals {
		name := t.who(c, strings.TrimSpace(principal))
		switch {
		case strings.EqualFold(name, "all") || strings.ContainsAny(name, "*"):
			return critical, everybody
		case name != "" && name != "none" && !t.known(c, name) && !slices.Contains(outside, name):
			outside = append(outside, name)
		}
	}
	switch {
	case len(outside) > maxNamed:
		outside = append(outside[:maxNamed], "…")
		fallthrough
	case len(outside) > 0:
		return high, i18n.T("Somebody outside this account has access to it now: %s.", strings.Join(outside, ", "))
	case len(principals) > 0:
		return low, asTheKind
	}
	return nothing, asTheKind
}

// names judges those who are named by the parameters of the names.
func (t trusted) names(names ...string) operation.Rule {
	return func(c *event.APICall) (control.Severity, i18n.Message) {
		if slices.Contains(values(c.Request, "operationType"), "remove") {
			return nothing, asTheKind
		}
		return t.with(c, values(c.Request, names...))
	}
}

// policy judges the resource policies in a call: most services record them as text, S3 as an object. Without any it is
// as given.
func (t trusted) policy(without control.Severity, because i18n.Message) operation.Rule {
	return func(c *event.APICall) (severity control.Severity, worst i18n.Message) {
		found := documents(c.Request)
		if len(found) == 0 {
			return without, because
		}
		for _, document := range found {
			if s, reason := t.document(c, document); s.Rank() > severity.Rank() {
				severity, worst = s, reason
			}
		}
		return severity, worst
	}
}

func (t trusted) document(c *event.APICall, document string) (control.Severity, i18n.Message) {
	trust, err := policy.Trusts(document)
	switch {
	case err != nil:
		return high, i18n.T("Its new policy cannot be read.")
	case trust.Everyone:
		return critical, everybody
	}
	severity, because := t.with(c, trust.Accounts)
	if trust.Conditional && severity.Rank() < high.Rank() {
		return high, i18n.T("Everybody has access to it who meets the conditions of its policy.")
	}
	if severity == nothing {
		return low, asTheKind
	}
	return severity, because
}

// documents are the policies in the parameters: what has a Statement, and what is no JSON although it begins so.
func documents(request event.Fields) (found []string) {
	has := func(object map[string]any) bool {
		for name := range object {
			if strings.EqualFold(name, "Statement") {
				return true
			}
		}
		return false
	}
	walk(map[string]any{"": map[string]any(request)}, func(_ string, value any) bool {
		switch value := value.(type) {
		case string:
			var object map[string]any
			if !strings.HasPrefix(strings.TrimSpace(value), "{") {
				break
			}
			if err := json.Unmarshal([]byte(value), &object); err != nil || has(object) {
				found = append(found, value)
			}
		case map[string]any:
			if has(value) {
				text, _ := json.Marshal(value) // it came from JSON
				found = append(found, string(text))
				return false
			}
		}
		return true
	})
	return found
}

// statement judges a statement that is added to a resource policy. That a service may use it for something of a known
// account is not news: every trigger of a function has such a statement.
func (t trusted) statement(c *event.APICall) (control.Severity, i18n.Message) {
	if found := documents(c.Request); len(found) > 0 {
		return t.document(c, found[0])
	}
	names := values(c.Request, "principal", "aWSAccountId", "aWSAccountIds")
	sources := slices.DeleteFunc(
		values(c.Request, "sourceArn", "sourceAccount", "principalOrgID", "organizationId", "value"),
		func(source string) bool { return t.who(c, source) == "" },
	) // an ARN of S3's has no account
	service := len(names) == 1 && strings.Contains(names[0], ".") && !strings.Contains(names[0], ":")
	switch {
	case len(sources) > 0 && (service || slices.Contains(names, "*")):
		severity, because := t.with(c, sources)
		if service && severity == low {
			return nothing, asTheKind
		}
		return severity, because
	case service && len(values(c.Request, "sourceArn", "eventSourceToken")) > 0:
		return nothing, asTheKind
	case service:
		return medium, i18n.T("The service may call it for anybody: no source is named.")
	}
	return t.with(c, names)
}

// resourceShare judges those that a share of RAM is for. Organizations are the account's own, as RAM takes no other.
// https://docs.aws.amazon.com/ram/latest/userguide/getting-started-sharing.html
func (t trusted) resourceShare(c *event.APICall) (control.Severity, i18n.Message) {
	principals := values(c.Request, "principals")
	for i, principal := range principals {
		if parsed, err := arn.Parse(principal); err == nil && parsed.Service == "organizations" {
			principals[i] = c.RecipientAccount
		}
	}
	return t.with(c, principals)
}

// grant judges a grant of a key. Services make them for what somebody asked them to do.
func (t trusted) grant(c *event.APICall) (control.Severity, i18n.Message) {
	grantees := slices.DeleteFunc(values(c.Request, "granteePrincipal"), func(name string) bool {
		return !strings.Contains(name, ":") && strings.Contains(name, ".")
	})
	if c.Identity.ByAWS() {
		return nothing, asTheKind
	}
	return t.with(c, grantees)
}

// encryption judges under whose key a bucket encrypts: somebody else may take that away.
func (t trusted) encryption(c *event.APICall) (control.Severity, i18n.Message) {
	keys := slices.DeleteFunc(
		values(c.Request, "KMSMasterKeyID", "KMSKeyArn"),
		func(key string) bool { return !arn.IsARN(key) },
	)
	if severity, _ := t.with(c, keys); severity.Rank() < high.Rank() {
		return nothing, asTheKind
	}
	return high, i18n.T("The key is another account's: %s.", strings.Join(keys, ", "))
}

// subscription judges who gets the messages of a topic.
func (t trusted) subscription(c *event.APICall) (control.Severity, i18n.Message) {
	endpoints := slices.DeleteFunc(values(c.Request, "endpoint"), func(name string) bool { return !arn.IsARN(name) })
	if severity, because := t.with(c, endpoints); severity == high {
		return severity, because
	}
	switch protocol, _ := c.Param("protocol"); strings.ToLower(protocol) {
	case "http", "https", "email", "email-json", "sms":
		return low, asTheKind
	}
	return nothing, asTheKind
}

// clusterAccess judges what somebody may do in a cluster of EKS.
// https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
func (t trusted) clusterAccess(c *event.APICall) (control.Severity, i18n.Message) {
	if severity, because := t.with(c, values(c.Request, "principalArn")); severity.Rank() >= high.Rank() {
		return severity, because
	}
	for _, right := range values(c.Request, "policyArn", "kubernetesGroups") {
		if right == "system:masters" || strings.HasSuffix(right, "ClusterAdminPolicy") {
			return high, i18n.T("Whoever got it administers the cluster.")
		}
	}
	return medium, asTheKind
}

// acl judges an access list, given by a name, in headers or as a list.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
func acl(c *event.APICall) (control.Severity, i18n.Message) {
	named := values(c.Request, "x-amz-acl")
	given := slices.Concat(named, values(c.Request, "URI", "x-amz-grant-read", "x-amz-grant-write",
		"x-amz-grant-read-acp", "x-amz-grant-write-acp", "x-amz-grant-full-control"))
	given = slices.DeleteFunc(given, func(text string) bool { return strings.HasSuffix(text, "groups/s3/LogDelivery") })
	says := func(what string) bool {
		return slices.ContainsFunc(given, func(text string) bool { return strings.Contains(text, what) })
	}
	switch {
	case says("public-read") || says("groups/global/AllUsers"):
		return critical, everybody
	case says("authenticated-read") || says("groups/global/AuthenticatedUsers"):
		return critical, i18n.T("Everybody with an AWS account has access to it now.")
	case len(given) > len(named):
		return medium, asTheKind
	}
	ids := values(c.Request, "ID") // the owner's, and of those who have a grant
	if slices.ContainsFunc(ids, func(id string) bool { return id != ids[0] }) {
		return high, i18n.T("Another account has access to it now.")
	}
	return nothing, asTheKind
}

// publicBlock judges what is left of a block of public access. That of the whole account is all that keeps many things
// from the public.
func publicBlock(c *event.APICall) (control.Severity, i18n.Message) {
	on := true
	for _, name := range []string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"} {
		on = on && slices.Equal(values(c.Request, name), []string{"true"})
	}
	switch _, bucket := c.Param("bucketName"); {
	case on:
		return nothing, asTheKind
	case !bucket:
		return critical, i18n.T("Every bucket of the account that was kept from the public may become public.")
	}
	return high, asTheKind
}

func url(c *event.APICall) (control.Severity, i18n.Message) {
	switch kind, given := c.Param("authType"); {
	case kind == "NONE":
		return high, i18n.T("Everybody on the internet may call it without credentials.")
	case !given:
		return nothing, asTheKind
	}
	return medium, asTheKind
}

// code judges new code of a function: with dryRun Lambda only checks it.
func code(c *event.APICall) (control.Severity, i18n.Message) {
	if try, _ := c.Request.Bool("dryRun"); try {
		return nothing, asTheKind
	}
	return medium, asTheKind
}

// ways are the ports by which machines are administered.
var ways = []int{22, 3389, 5985, 5986}

// ingress judges what a security group lets in: by default the work of a day.
func ingress(c *event.APICall) (severity control.Severity, because i18n.Message) {
	walk(map[string]any{"": map[string]any(c.Request)}, func(_ string, value any) bool {
		if object, ok := value.(map[string]any); ok && administers(object) {
			severity, because = high, i18n.T("Machines can be administered from the whole internet.")
		}
		return true
	})
	return severity, because
}

// administers reports whether a rule of a security group lets the whole internet reach a port of ways.
func administers(rule map[string]any) bool {
	protocol, ports, there := "", map[string]int{"fromport": 0, "toport": 65535}, false
	for name, value := range rule {
		name, text := strings.ToLower(name), strings.Join(texts(value), "")
		if name == "ipprotocol" {
			protocol, there = strings.ToLower(text), true
		}
		if n, err := strconv.Atoi(text); err == nil && strings.HasSuffix(name, "port") {
			ports[name] = n
		}
	}
	reaches := func(way int) bool {
		return protocol == "-1" || ports["fromport"] <= way && way <= ports["toport"]
	}
	return there && !slices.Contains([]string{"icmp", "icmpv6", "1", "58"}, protocol) &&
		slices.ContainsFunc(values(rule, "cidrIp", "cidrIpv4", "cidrIpv6"), open) && slices.ContainsFunc(ways, reaches)
}

// open reports whether a block of addresses is the internet, or so much of it that a few such blocks are.
func open(block string) bool {
	network, err := netip.ParsePrefix(block)
	return err == nil && network.Bits() < 8
}

func cluster(c *event.APICall) (control.Severity, i18n.Message) {
	silent := false
	walk(c.Request.Object("logging"), func(_ string, value any) bool {
		if on, ok := (event.Fields{"": value}).Object("").Bool("enabled"); ok && !on {
			silent = true
		}
		return true
	})
	if silent {
		return high, i18n.T("Its control plane does not record everything any more.")
	}
	if !slices.Contains(values(c.Request, "endpointPublicAccess"), "true") {
		return nothing, asTheKind
	}
	if from := values(c.Request, "publicAccessCidrs"); len(from) == 0 || slices.ContainsFunc(from, open) {
		return high, i18n.T("The cluster can be reached from the whole internet.")
	}
	return medium, asTheKind
}

// flag is the severity if a flag is on.
func flag(name string, severity control.Severity) operation.Rule {
	return func(c *event.APICall) (control.Severity, i18n.Message) {
		if !slices.Contains(values(c.Request, name), "true") {
			return nothing, asTheKind
		}
		return severity, asTheKind
	}
}

// unless is the severity unless a parameter has one of the right values.
func unless(severity control.Severity, name string, right ...string) operation.Rule {
	return func(c *event.APICall) (control.Severity, i18n.Message) {
		if slices.ContainsFunc(values(c.Request, name), func(v string) bool { return slices.Contains(right, v) }) {
			return nothing, asTheKind
		}
		return severity, asTheKind
	}
}

// unlessGiven is the first severity if none of the parameters is there, and the second if one is.
func unlessGiven(without, given control.Severity, names ...string) operation.Rule {
	return func(c *event.APICall) (severity control.Severity, _ i18n.Message) {
		severity = without
		walk(c.Request, func(name string, value any) bool {
			if value != nil && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
				severity = given
			}
			return true
		})
		return severity, asTheKind
	}
}
