// Package settings is everything that can be set about Warder: the "warder" context of cdk.json, read once when the
// infrastructure is synthesized, and the part of it that each function gets in its environment, as one JSON document.
// It holds no secrets, and it never reads a file or the environment by itself.
package settings

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/strictjson"
)

// Physical names. Everything else Warder deploys is named by CloudFormation.
const (
	Product      = "warder"         // stack name, tag and prefix
	RegionsStack = "warder-regions" // the stack of each other region, where a StackSet deploys it
	ConfigStack  = "warder-config"  // the stack of Config rules
	TableName    = "warder"         // the ledger
	RolePath     = "/warder/"       // IAM path of every function's role
)

// FunctionName is the Lambda function of a control.
func FunctionName(id string) string { return Product + "-" + id }

// LogGroupName is where the function of a control writes its log.
func LogGroupName(id string) string { return "/aws/lambda/" + FunctionName(id) }

// Settings is the "warder" context of cdk.json with every default filled in.
type Settings struct {
	HubRegion       string         // where IAM's events arrive, and Warder is deployed
	Regions         []string       // the others that are listened to, sorted; never the hub's
	AllowedNetworks []netip.Prefix // networks people sign in from; empty: no opinion
	// TrustedAccounts are the accounts that this one may share with, and organizations of whose accounts that is so.
	TrustedAccounts []string
	Owners          Owners
	Notify          Notify
	Timezone        string // IANA name of the zone of times that people read; empty: UTC
	BlastRadius     int    // changes that one control may make in an hour
	HoldDays        int    // days that sweeps leave alone what was undone
	Asking          Asking // what people may ask for
	CIS             string // version of the CIS benchmark that notices and reports name
	// Administrators are the roles and users of the account, as in role/deploy*, that may manage the ledger's table and
	// key.
	Administrators    []string
	Runbooks          string // https address that the control id is appended to, ends with /
	LogRetentionDays  int
	CreateConfigRules bool                // deploy the AWS Config rules that controls listen to
	ConfigRegion      string              // the one region of those rules: the hub's, or one of Regions
	ConfigRules       map[string][]string // AWS's name of a managed rule → names that it has in this account
	AssetBucket       string              // bucket of the functions' code, for StackSets; empty: the CDK's own
	Orders            string              // ARN of the parameter that the organization orders by; empty: it does not
	LedgerKey         string              // ARN of the KMS key of a ledger that stayed; empty: the stack's own
	Tags              map[string]string   // on every resource, beside Warder's own
	Controls          map[string]Control  // of every control, by id; tools have none
}

// Asking is what people may ask Warder for, beside putting back what it did.
type Asking struct {
	Persons    int `json:"persons,omitempty"`    // whom an exemption takes: one asks, and with 2 another one confirms
	ExemptDays int `json:"exemptDays,omitempty"` // for which an exemption may last at most
	SnoozeDays int `json:"snoozeDays,omitempty"` // by which an owner may put off a due date at most; 0: not at all
	// Glass are the emergency roles, each with the IAM users whom it may be opened for; GlassMinutes is for how long.
	Glass        map[string][]string `json:"glass,omitempty"`
	GlassMinutes int                 `json:"glassMinutes,omitempty"`
}

// Asked is the id of the tool that is asked for it.
const Asked = "undo"

// Owners is who answers for an IAM user: by its tags, its path, the prefix of its name, or by default.
type Owners struct {
	Tags     []string          `json:"tags"`     // tag keys, in order; the value is an email address
	Paths    map[string]string `json:"paths"`    // IAM path, with both slashes → email address
	Prefixes map[string]string `json:"prefixes"` // beginning of a user name → email address
	Default  string            `json:"default"`  // email address; empty: the topic's subscribers
	Slack    string            `json:"slack"`    // tag key; the value is a Slack member id such as U024BE7LH
}

// Addresses is every email address that Paths, Prefixes and Default name, once
// and sorted. Tags may name more, which only the account knows.
func (o Owners) Addresses() []string {
	addresses := slices.AppendSeq(slices.Collect(maps.Values(o.Paths)), maps.Values(o.Prefixes))
	if o.Default != "" {
		addresses = append(addresses, o.Default)
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

// Notify is who is notified of everything, and how.
type Notify struct {
	Emails   []string // subscribed to the topic; each must confirm once
	Watchers []string // subscribed to the second topic; empty: see [Settings.Watchers]
	SES      SES      // how owners get mail; zero: through SNS
	Language Language // of every notice
	Subjects Subjects // of email through SNS
	Slack    Slack    // where notices are posted; zero: nowhere
	Chat     bool     // deploy the buttons of Amazon Q Developer in chat applications
	Topic    string   // ARN of a topic elsewhere, as in a security account; empty: the stack's own
	TopicKey string   // ARN of the KMS key of Topic; empty: it has none
}

// Watchers are who is notified on the second topic when somebody switches off a part of Warder: those that the settings
// name for that, or else those who get every notice, or else the default owner.
func (s Settings) Watchers() []string {
	switch {
	case len(s.Notify.Watchers) > 0:
		return s.Notify.Watchers
	case len(s.Notify.Emails) > 0:
		return s.Notify.Emails
	case s.Owners.Default != "":
		return []string{s.Owners.Default}
	}
	return nil
}

// SES is how owners get mail through Amazon SES, in the hub's region. Nobody has to confirm anything then.
type SES struct {
	Sender           string // email address that is verified there
	ConfigurationSet string // name of one that is there; empty: the stack's own
}

// On reports whether owners get mail through Amazon SES.
func (s SES) On() bool { return s.Sender != "" }

// Language is the language of notices, as an ISO 639-1 code.
type Language string

// The languages.
const (
	English Language = "en"
	Korean  Language = "ko"
)

var languages = []Language{English, Korean}

// Subjects is how the subjects of email are written that SNS sends.
type Subjects string

// The ways to write them.
const (
	ASCII Subjects = "ascii" // in English
	UTF8  Subjects = "utf-8" // in the language of the notice
)

// Slack is where notices are posted, and where the bot token or the webhook's address is kept. It holds no secret.
type Slack struct {
	Channel   string `json:"channel,omitempty"`   // id such as C024BE91L; empty for a webhook, which has its own
	Secret    string `json:"secret,omitempty"`    // name of a secret in Secrets Manager, in the hub's region; or else
	Parameter string `json:"parameter,omitempty"` // name of a SecureString in SSM Parameter Store, in the hub's region
}

// On reports whether notices are posted.
func (s Slack) On() bool { return s.Secret != "" || s.Parameter != "" }

// Control is what is set for one control.
type Control struct {
	Mode       control.Mode
	Parameters map[string]json.RawMessage // every declared parameter, compact JSON
}

// hubRegions is where IAM's CloudTrail events arrive, one region a partition.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html
var hubRegions = []string{"us-east-1", "us-gov-west-1", "cn-north-1"}

// retentions is the values that CloudWatch Logs takes, in days.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var retentions = []int{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

// tagKey is what IAM takes as the key of a tag.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html
var tagKey = lazyregexp.New(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$`)

// Document returns the settings in the text of a file: an object of settings alone, or a cdk.json, which has them in
// its context. A cdk.json without them is an error: whoever names a file means what is in it.
func Document(data []byte) (json.RawMessage, error) {
	root, err := strictjson.Parse("settings", data)
	if err != nil {
		return nil, err
	}
	if !root.Is(strictjson.Object) {
		return nil, errors.New("not a JSON object: write settings as in docs/settings.md, {} for the defaults")
	}
	if root.Field("context") == nil && root.Field("app") == nil {
		return data, nil
	}
	set := root.Field("context").Field(Product)
	if set == nil {
		return nil, errors.New(`a cdk.json without settings: they are in its "context" under "` + Product + `"`)
	}
	return set.JSON(), nil
}

// Parse reads the "warder" context, a JSON object, for the given controls. The error joins every fault, each with its
// path; an unknown key names the keys known at that place.
func Parse(data []byte, controls []control.Control) (Settings, error) {
	return ParseFile("cdk.json: warder", data, controls)
}

// ParseFile is Parse for settings of a file that faults name so.
func ParseFile(file string, data []byte, controls []control.Control) (Settings, error) {
	root, err := strictjson.Parse(file, data)
	if err != nil {
		return Settings{}, err
	}
	r := reader{root, Definitions()}
	r.fields("", "controls")
	hub := read[string](r, "hubRegion")
	root.Field("hubRegion").Refuse(strictjson.String, !slices.Contains(hubRegions, hub),
		"IAM's events never arrive in %q, only in one region of each partition: %s", hub, strings.Join(hubRegions, ", "))
	regions := parseRegions(r.node("regions"), hub)
	s := Settings{
		HubRegion:       hub,
		Regions:         regions,
		AllowedNetworks: parseNetworks(r.node("allowedNetworks")),
		TrustedAccounts: parseTrusted(r.node("trustedAccounts")),
		Owners:          parseOwners(r),
		Notify:          parseNotify(r, hub),
		Timezone:        parseTimezone(r),
		BlastRadius:     read[int](r, "blastRadius"),
		HoldDays:        read[int](r, "holdDays"),
		Asking: Asking{
			Persons: read[int](r, "approval"), ExemptDays: read[int](r, "exemptDays"),
			SnoozeDays: read[int](r, "snoozeDays"),
			Glass:      parseGlass(r.node("breakGlass")), GlassMinutes: read[int](r, "breakGlassMinutes"),
		},
		CIS:               read[string](r, "cis"),
		Administrators:    parseAdministrators(r),
		Runbooks:          parseRunbooks(r),
		LogRetentionDays:  parseRetention(r),
		CreateConfigRules: r.node("createConfigRules").Bool(),
		ConfigRegion:      cmp.Or(read[string](r, "configRegion"), hub),
		ConfigRules:       parseConfigRules(r.node("configRules")),
		AssetBucket:       parseBucket(r.node("assetBucket")),
		Orders:            parseARN(r.node("orders"), "ssm"),
		LedgerKey:         parseARN(r.node("ledgerKey"), "kms"),
		Tags:              parseTags(r.node("tags")),
		Controls:          parseControls(root.Field("controls"), controls),
	}
	root.Field("configRegion").Refuse(strictjson.String, !slices.Contains(append(regions, hub), s.ConfigRegion),
		"%q is not listened to: it is the hub's region %q, or one of regions", s.ConfigRegion, hub)
	s.checkReach(root.Field("controls"))
	s.checkNeeds(root, controls)
	if err := root.Err(); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// parseGlass reads the emergency roles: names of roles, each with names of IAM users.
func parseGlass(n *strictjson.Node) map[string][]string {
	roles := map[string][]string{}
	n.Members(func(role string, users *strictjson.Node) {
		users.Refuse(strictjson.Array, len(users.Items()) == 0, "%q names nobody: list IAM users by their names", role)
		if !iamName().MatchString(role) {
			users.Faultf("%q is not the name of a role", role)
		}
		for _, user := range users.Items() {
			user.Refuse(strictjson.String, !iamName().MatchString(user.Text()), "%q is not the name of an IAM user", user.Text())
			roles[role] = append(roles[role], user.Text())
		}
	})
	if len(roles) == 0 {
		return nil
	}
	return roles
}

// iamName is what IAM takes as the name of a user or a role.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
var iamName = lazyregexp.New(`^[A-Za-z0-9_+=,.@-]{1,64}$`)

func parseNetworks(n *strictjson.Node) []netip.Prefix {
	var networks []netip.Prefix
	for _, item := range n.Items() {
		network, err := parseNetwork(item.Text())
		item.Refuse(strictjson.String, err != nil, "%v", err)
		networks = append(networks, network)
	}
	return networks
}

// parseNetwork reads a CIDR block strictly: what is written is what is allowed.
func parseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
			return netip.Prefix{}, fmt.Errorf(
				"%q has no prefix length: write %q for this one address", text, netip.PrefixFrom(addr, addr.BitLen()),
			)
		}
		return netip.Prefix{}, fmt.Errorf("%q is not a CIDR block such as \"203.0.113.0/24\" or \"2001:db8::/32\"", text)
	}
	if network.Addr().Is4In6() {
		// CloudTrail writes IPv4 addresses plainly; a mapped network would match none.
		return netip.Prefix{}, fmt.Errorf("%q is IPv4 written as IPv6: write the IPv4 network", text)
	}
	if network.Bits() == 0 {
		return netip.Prefix{}, fmt.Errorf("%q allows every address: leave it out", text)
	}
	if masked := network.Masked(); masked != network {
		return netip.Prefix{}, fmt.Errorf("%q has address bits beyond its prefix: write %q", text, masked)
	}
	return network, nil
}

func parseOwners(r reader) Owners {
	r.fields("owners")
	owners := Owners{
		Tags:     read[[]string](r, "owners.tags"),
		Paths:    r.node("owners.paths").Map(),
		Prefixes: r.node("owners.prefixes").Map(),
		Default:  read[string](r, "owners.default"),
		Slack:    read[string](r, "owners.slack"),
	}
	for _, item := range append(r.node("owners.tags").Items(), r.node("owners.slack")) {
		if item.Is(strictjson.String) && item.Text() != "" && !tagKey().MatchString(item.Text()) {
			item.Faultf("%q is not a tag key of IAM", item.Text())
		}
	}
	contacts := func(path, fault string, wrong func(key string) bool) {
		if n := r.node(path); n.Is(strictjson.Object) {
			n.Members(func(key string, value *strictjson.Node) {
				if wrong(key) {
					value.Faultf("%s", fault)
				}
				checkEmail(value)
			})
		}
	}
	contacts("owners.paths", "an IAM path begins and ends with /", func(path string) bool {
		return !strings.HasPrefix(path, "/") || !strings.HasSuffix(path, "/")
	})
	contacts("owners.prefixes", "an empty prefix is every user: use default", func(prefix string) bool {
		return prefix == ""
	})
	if owners.Default != "" {
		checkEmail(r.node("owners.default"))
	}
	return owners
}

// parseTimezone reads the zone of times; empty means UTC.
func parseTimezone(r reader) string {
	name := read[string](r, "timezone")
	if _, err := i18n.Zone(name); err != nil {
		r.node("timezone").Faultf("%v", err)
	}
	if name == "UTC" {
		return ""
	}
	return name
}

func parseNotify(r reader, hub string) Notify {
	r.fields("notify")
	emails := r.node("notify.emails")
	notify := Notify{
		Emails:   emails.Texts(),
		Watchers: parseEmails(r.node("notify.watchers")),
		SES:      parseSES(r, hub),
		Language: read[Language](r, "notify.language"),
		Subjects: read[Subjects](r, "notify.subjects"),
		Slack:    parseSlack(r),
		Chat:     r.node("notify.chat").Bool(),
		Topic:    parseARN(r.node("notify.topic"), "sns"),
		TopicKey: parseARN(r.node("notify.topicKey"), "kms"),
	}
	if notify.Chat && hub != "us-east-1" {
		// https://docs.aws.amazon.com/general/latest/gr/chatbot.html
		r.node("notify.chat").Faultf("Amazon Q Developer in chat applications is not in the partition of %s", hub)
	}
	if notify.TopicKey != "" && notify.Topic == "" {
		r.node("notify.topicKey").Faultf("the key of a topic that is not named: set topic, or leave it out")
	}
	if notify.Topic != "" && len(notify.Emails) > 0 {
		emails.Faultf("addresses cannot be subscribed to a topic elsewhere: subscribe them there, or leave topic out")
	}
	parseEmails(emails)
	return notify
}

// parseEmails reads addresses, each of which is listed once.
func parseEmails(n *strictjson.Node) []string {
	emails := n.Texts()
	for i, item := range n.Items() {
		checkEmail(item)
		item.Refuse(strictjson.String, slices.Contains(emails[:i], emails[i]), "%q is listed twice", emails[i])
	}
	return emails
}

// checkEmail wants a bare address, without a name or angle brackets.
func checkEmail(n *strictjson.Node) {
	if !n.Is(strictjson.String) {
		return
	}
	if address, err := mail.ParseAddress(n.Text()); err != nil || address.Address != n.Text() {
		n.Faultf("%q is not an email address", n.Text())
	}
}

func parseRunbooks(r reader) string {
	address := read[string](r, "runbooks")
	u, err := url.Parse(address)
	wrong := err != nil || u.Scheme != "https" || u.Host == "" || !strings.HasSuffix(address, "/")
	r.node("runbooks").Refuse(strictjson.String, wrong, "%q is not an https address that ends with /", address)
	return address
}

func parseRetention(r reader) int {
	days := read[int](r, "logRetentionDays")
	known := strings.Trim(strings.ReplaceAll(fmt.Sprint(retentions), " ", ", "), "[]")
	r.node("logRetentionDays").Refuse(strictjson.Number, days != 0 && !slices.Contains(retentions, days),
		"CloudWatch Logs does not take %d days, only %s", days, known)
	return days
}

func parseControls(n *strictjson.Node, controls []control.Control) map[string]Control {
	var known []string
	set := map[string]Control{}
	for _, c := range controls {
		if c.Tool {
			continue
		}
		known = append(known, c.ID)
		set[c.ID] = parseControl(n.Field(c.ID), c)
	}
	slices.Sort(known)
	n.Fields(known...)
	return set
}

func parseControl(n *strictjson.Node, c control.Control) Control {
	set := Control{Mode: c.Mode, Parameters: map[string]json.RawMessage{}}
	names := []string{}
	for name, p := range c.Parameters {
		names = append(names, name)
		set.Parameters[name] = p.Default
		switch value := n.Field(name); {
		case byUser(value):
			set.Parameters[name] = parseRows(value, name, p, c)
		case value != nil:
			p.Check(value)
			set.Parameters[name] = value.JSON()
		}
	}
	if all := conditions(set.Parameters); len(all) > maxConditions {
		n.Faultf("the parameters of %s have values by %d different tags and paths: at most %d are taken, as it looks at all "+
			"users once for each set of values", c.ID, len(all), maxConditions)
	}
	slices.Sort(names)
	n.Fields(append([]string{"mode"}, names...)...)
	if mode := n.Field("mode"); mode != nil {
		set.Mode = control.Mode(mode.Text())
		mode.Refuse(strictjson.String, !set.Mode.Valid(), "%q is not one of off, observe, enforce", set.Mode)
	}
	return set
}
