package settings

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
)

// controls is two controls and a tool as control.json could describe them.
var controls = []control.Control{
	{ID: "deactivate-stale-access-key", Mode: control.Observe, Parameters: map[string]control.Parameter{
		"maxAgeDays": {Kind: control.Integer, Default: json.RawMessage(`90`), Min: 1, Max: 365},
		"words":      {Kind: control.Text, Default: json.RawMessage(`"a"`), Allowed: []string{"a", "b"}},
	}},
	{ID: "detach-direct-policy", Mode: control.Observe, Parameters: map[string]control.Parameter{
		"policyGroups": {Kind: control.Map, Default: json.RawMessage(`{}`)},
	}},
	{ID: "undo", Tool: true},
}

// compareNetworks lets cmp compare what has unexported fields.
var compareNetworks = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func TestNothingSetMeansTheDefaults(t *testing.T) {
	got, err := Parse([]byte(`{}`), controls)
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		HubRegion:    "us-east-1",
		ConfigRegion: "us-east-1",
		Owners: Owners{
			Tags:     []string{"owner", "email"},
			Paths:    map[string]string{},
			Prefixes: map[string]string{},
			Slack:    "slack",
		},
		Notify:      Notify{Language: English, Subjects: ASCII},
		BlastRadius: 10,
		HoldDays:    7,
		Asking:      Asking{Persons: 1, ExemptDays: 90, SnoozeDays: 14, GlassMinutes: 60},
		CIS:         control.DefaultCIS,
		Administrators: []string{
			"role/cdk-*-cfn-exec-role-*", "role/stacksets-exec-*", "role/AWSCloudFormationStackSetExecutionRole",
			"role/OrganizationAccountAccessRole", "role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_AdministratorAccess_*",
		},
		Runbooks:         "https://github.com/warder-aws/warder/tree/main/functions/",
		LogRetentionDays: 400,
		Controls: map[string]Control{
			"deactivate-stale-access-key": {Mode: control.Observe, Parameters: map[string]json.RawMessage{
				"maxAgeDays": json.RawMessage(`90`), "words": json.RawMessage(`"a"`)}},
			"detach-direct-policy": {
				Mode:       control.Observe,
				Parameters: map[string]json.RawMessage{"policyGroups": json.RawMessage(`{}`)},
			},
		},
	}
	if diff := cmp.Diff(want, got, compareNetworks); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// whole sets everything there is.
const whole = `{
	"hubRegion": "us-gov-west-1",
	"allowedNetworks": ["203.0.113.0/24", "2001:db8::/32"],
	"owners": {
		"tags": ["team:mail"],
		"paths": {"/team/data/": "data@example.com"},
		"prefixes": {"ci-": "ci@example.com"},
		"default": "security@example.com",
		"slack": "chat"
	},
	"regions": ["us-gov-west-1", "us-gov-east-1"],
	"createConfigRules": true,
	"configRegion": "us-gov-east-1",
	"configRules": {"access-keys-rotated": ["key-age"]},
	"assetBucket": "code-${AWS::Region}",
	"tags": {"team": "platform"},
	"timezone": "Asia/Seoul",
	"notify": {"emails": ["on-call@example.com"], "language": "ko", "subjects": "utf-8",
		"ses": {"sender": "warder@example.com", "configurationSet": "mail"},
		"slack": {"channel": "C024BE91L", "secret": "warder/slack"}},
	"administrators": ["role/deploy-*", "user/kim"],
	"trustedAccounts": ["444455556666", "o-exampleorgid"],
	"runbooks": "https://wiki.example.com/warder/",
	"logRetentionDays": 731,
	"controls": {
		"deactivate-stale-access-key": {"mode": "enforce", "maxAgeDays": 30, "words": "b"},
		"detach-direct-policy": {"mode": "off", "policyGroups": {"arn:aws:iam::aws:policy/ReadOnlyAccess": "readers"}}
	}
}`

func TestWhatIsSetIsRead(t *testing.T) {
	got, err := Parse([]byte(whole), controls)
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		HubRegion:       "us-gov-west-1",
		AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		Owners: Owners{
			Tags:     []string{"team:mail"},
			Paths:    map[string]string{"/team/data/": "data@example.com"},
			Prefixes: map[string]string{"ci-": "ci@example.com"},
			Default:  "security@example.com",
			Slack:    "chat",
		},
		Regions:           []string{"us-gov-east-1"},
		CreateConfigRules: true,
		ConfigRegion:      "us-gov-east-1",
		ConfigRules:       map[string][]string{"access-keys-rotated": {"key-age"}},
		AssetBucket:       "code-${AWS::Region}",
		Tags:              map[string]string{"team": "platform"},
		Notify: Notify{
			Emails: []string{
				"on-call@example.com",
			}, SES: SES{Sender: "warder@example.com", ConfigurationSet: "mail"}, Language: Korean,
			Subjects: UTF8,
			Slack:    Slack{Channel: "C024BE91L", Secret: "warder/slack"},
		},
		Timezone:         "Asia/Seoul",
		BlastRadius:      10,
		HoldDays:         7,
		Asking:           Asking{Persons: 1, ExemptDays: 90, SnoozeDays: 14, GlassMinutes: 60},
		CIS:              control.DefaultCIS,
		Administrators:   []string{"role/deploy-*", "user/kim"},
		TrustedAccounts:  []string{"444455556666", "o-exampleorgid"},
		Runbooks:         "https://wiki.example.com/warder/",
		LogRetentionDays: 731,
		Controls: map[string]Control{
			"deactivate-stale-access-key": {Mode: control.Enforce, Parameters: map[string]json.RawMessage{
				"maxAgeDays": json.RawMessage(`30`), "words": json.RawMessage(`"b"`)}},
			"detach-direct-policy": {Mode: control.Off, Parameters: map[string]json.RawMessage{
				"policyGroups": json.RawMessage(`{"arn:aws:iam::aws:policy/ReadOnlyAccess":"readers"}`)}},
		},
	}
	if diff := cmp.Diff(want, got, compareNetworks); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name     string
		old, new string // what is replaced in whole
		want     []string
	}{
		{"a key that does not exist, naming those that do", `"runbooks"`, `"runbook"`,
			[]string{
				`runbook: unknown field: known here are hubRegion, regions, allowedNetworks, trustedAccounts, owners, notify, timezone, blastRadius, ` +
					`holdDays, approval, exemptDays, snoozeDays, breakGlass, breakGlassMinutes, administrators, cis, runbooks, logRetentionDays, createConfigRules, configRegion, configRules, ` +
					`assetBucket, orders, ledgerKey, tags, controls`,
			}},
		{"a region where IAM's events never arrive", `"hubRegion": "us-gov-west-1"`, `"hubRegion": "eu-west-1"`,
			[]string{
				`hubRegion: IAM's events never arrive in "eu-west-1", only in one region of each partition: us-east-1, ` +
					`us-gov-west-1, cn-north-1`,
			}},
		{"a network with address bits, naming the network", `203.0.113.0/24`, `203.0.113.7/24`,
			[]string{`allowedNetworks[0]: "203.0.113.7/24" has address bits beyond its prefix: write "203.0.113.0/24"`}},
		{"an IPv6 network with address bits", `2001:db8::/32`, `2001:db8::1/32`,
			[]string{`allowedNetworks[1]: "2001:db8::1/32" has address bits beyond its prefix: write "2001:db8::/32"`}},
		{"an address without a prefix length", `203.0.113.0/24`, `203.0.113.7`,
			[]string{`allowedNetworks[0]: "203.0.113.7" has no prefix length: write "203.0.113.7/32" for this one address`}},
		{
			"every address",
			`203.0.113.0/24`,
			`0.0.0.0/0`,
			[]string{`allowedNetworks[0]: "0.0.0.0/0" allows every address: leave it out`},
		},
		{"IPv4 written as IPv6", `2001:db8::/32`, `::ffff:203.0.113.0/120`,
			[]string{`allowedNetworks[1]: "::ffff:203.0.113.0/120" is IPv4 written as IPv6: write the IPv4 network`}},
		{"an IPv4 network with a leading zero", `203.0.113.0/24`, `203.0.113.0/024`,
			[]string{`allowedNetworks[0]: "203.0.113.0/024" is not a CIDR block such as "203.0.113.0/24" or "2001:db8::/32"`}},
		{"a host name", `203.0.113.0/24`, `office.example.com`,
			[]string{
				`allowedNetworks[0]: "office.example.com" is not a CIDR block such as "203.0.113.0/24" or "2001:db8::/32"`,
			}},
		{"networks that are not a list", `["203.0.113.0/24", "2001:db8::/32"]`, `"203.0.113.0/24"`,
			[]string{`allowedNetworks: want an array, got a string`}},
		{
			"a network that is no string",
			`"203.0.113.0/24"`,
			`24`,
			[]string{`allowedNetworks[0]: want a string, got a number`},
		},
		{"an owner key that does not exist", `"prefixes"`, `"prefix"`,
			[]string{`owners.prefix: unknown field: known here are tags, paths, prefixes, default, slack`}},
		{
			"a tag key that IAM refuses",
			`team:mail`,
			`team,mail`,
			[]string{`owners.tags[0]: "team,mail" is not a tag key of IAM`},
		},
		{
			"a path without its slashes",
			`/team/data/`,
			`team/data`,
			[]string{`owners.paths.team/data: an IAM path begins and ends with /`},
		},
		{"everybody as an administrator", `role/deploy-*`, `role/*`,
			[]string{`administrators[0]: "role/*" is no role or user such as "role/deploy-*"`}},
		{"an administrator by the whole ARN", `user/kim`, `arn:aws:iam::111122223333:user/kim`,
			[]string{`administrators[1]: "arn:aws:iam::111122223333:user/kim" is no role or user such as "role/deploy-*"`}},
		{"an empty prefix", `"ci-"`, `""`, []string{`owners.prefixes."": an empty prefix is every user: use default`}},
		{
			"an owner that is no address",
			`data@example.com`,
			`data`,
			[]string{`owners.paths./team/data/: "data" is not an email address`},
		},
		{"a default owner with a name", `"default": "security@example.com"`, `"default": "Security <security@example.com>"`,
			[]string{`owners.default: "Security <security@example.com>" is not an email address`}},
		{
			"a notify key that does not exist",
			`"emails"`,
			`"mails"`,
			[]string{
				`notify.mails: unknown field: known here are emails, watchers, ses, language, subjects, slack, chat, topic, topicKey`,
			},
		},
		{"a language without a catalogue", `"ko"`, `"kr"`, []string{`notify.language: "kr" is not one of en, ko`}},
		{"a zone by its letters", `"Asia/Seoul"`, `"KST"`, []string{
			`timezone: "KST" is no time zone: want an IANA name such as Asia/Seoul, or UTC`}},
		{"the zone of whoever deploys", `"Asia/Seoul"`, `"Local"`, []string{
			`timezone: "Local" is no time zone: want an IANA name such as Asia/Seoul, or UTC`}},
		{"subjects in another encoding", `"utf-8"`, `"latin1"`, []string{
			`notify.subjects: "latin1" is not one of ascii, utf-8`}},
		{"a channel by its name", `C024BE91L`, `#security`,
			[]string{
				`notify.slack.channel: "#security" is not the id of a channel, as in C024BE91L: Slack shows it at the end of ` +
					`the channel's details`,
			}},
		{"a token in place of a secret's name, which is not repeated", `"warder/slack"`, `"xoxb-1-2"`,
			[]string{
				`notify.slack.secret: not the name of a secret: put the token or the webhook's address into it, and its name here`,
			}},
		{"a webhook in place of a secret's name, which is not repeated", `"warder/slack"`, `"https://hooks.example.com/T0"`,
			[]string{
				`notify.slack.secret: not the name of a secret: put the token or the webhook's address into it, and its name here`,
			}},
		{"a channel without a token", `, "secret": "warder/slack"`, ``,
			[]string{
				`notify.slack: neither secret nor parameter: name the one that holds the bot token or the address of the webhook`,
			}},
		{"a secret and a parameter", `"secret"`, `"parameter": "/slack", "secret"`,
			[]string{
				`notify.slack: both secret and parameter: name the one that holds the bot token or the address of the webhook`,
			}},
		{"a chat where there is none", `"language"`, `"chat": true, "language"`,
			[]string{`notify.chat: Amazon Q Developer in chat applications is not in the partition of us-gov-west-1`}},
		{"a topic that is a name", `"language"`, `"topic": "notices", "language"`, []string{
			`notify.topic: "notices" is not an ARN of sns`,
			`notify.emails: addresses cannot be subscribed to a topic elsewhere: subscribe them there, or leave topic out`}},
		{"the key of no topic", `"language"`, `"topicKey": "arn:aws:kms:us-east-1:123456789012:key/1", "language"`,
			[]string{`notify.topicKey: the key of a topic that is not named: set topic, or leave it out`}},
		{
			"a region of another partition",
			`"us-gov-east-1"],`,
			`"eu-west-1", "us-gov-east-1"],`,
			[]string{`regions[1]: "eu-west-1" is not a region of the partition of us-gov-west-1`},
		},
		{
			"a region twice",
			`"us-gov-east-1"],`,
			`"us-gov-east-1", "us-gov-east-1"],`,
			[]string{`regions[2]: "us-gov-east-1" is listed twice`},
		},
		{"Config in a region that is not listened to", `"configRegion": "us-gov-east-1"`, `"configRegion": "us-gov-north-1"`,
			[]string{
				`configRegion: "us-gov-north-1" is not listened to: it is the hub's region "us-gov-west-1", or one of regions`,
			}},
		{
			"a pattern for a Config rule",
			`"key-age"`,
			`"key-*"`,
			[]string{`configRules.access-keys-rotated[0]: "key-*" is not the name of a Config rule`},
		},
		{
			"a bucket that S3 refuses",
			`code-${AWS::Region}`,
			`Code`,
			[]string{`assetBucket: "Code" is not the name of a bucket; ${AWS::AccountId} and ${AWS::Region} may be part of it`},
		},
		{"Warder's own tag", `"team"`, `"warder"`, []string{`tags.warder: the tag "warder" is Warder's own`}},
		{"Warder's own tag in other letters", `"team"`, `"Warder"`,
			[]string{`tags.Warder: the tag "Warder" is Warder's own`}},
		{"a tag value that IAM refuses", `"platform"`, `"R&D"`, []string{`tags.team: "R&D" is not a tag value that IAM ` +
			`takes: letters, digits, spaces and _ . : / = + - @, and not aws: at the beginning`}},
		{"a tag value that AWS keeps for itself", `"platform"`, `"AWS:x"`, []string{`tags.team: "AWS:x" is not a tag ` +
			`value that IAM takes: letters, digits, spaces and _ . : / = + - @, and not aws: at the beginning`}},
		{"a tag twice, as IAM reads it", `{"team": "platform"}`, `{"team": "platform", "Team": "x"}`,
			[]string{`tags.Team: the same key as "team": IAM compares keys without case`}},
		{
			"a tag that AWS keeps for itself",
			`"team"`,
			`"aws:team"`,
			[]string{`tags.aws:team: "aws:team" is not a tag key that AWS takes`},
		},
		{"an address twice", `["on-call@example.com"]`, `["on-call@example.com", "on-call@example.com"]`,
			[]string{`notify.emails[1]: "on-call@example.com" is listed twice`}},
		{
			"runbooks that the control id cannot be appended to",
			`https://wiki.example.com/warder/`,
			`https://wiki.example.com/warder`,
			[]string{`runbooks: "https://wiki.example.com/warder" is not an https address that ends with /`},
		},
		{"a retention that CloudWatch Logs refuses", `731`, `730`,
			[]string{
				`logRetentionDays: CloudWatch Logs does not take 730 days, only 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, ` +
					`365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653`,
			}},
		{"a control that does not exist, naming those that do", `"detach-direct-policy"`, `"detach-policy"`,
			[]string{`controls.detach-policy: unknown field: known here are deactivate-stale-access-key, detach-direct-policy`}},
		{"a setting for a tool, naming the controls", `"detach-direct-policy"`, `"undo"`,
			[]string{`controls.undo: unknown field: known here are deactivate-stale-access-key, detach-direct-policy`}},
		{
			"a mode that does not exist",
			`"off"`,
			`"dry-run"`,
			[]string{`controls.detach-direct-policy.mode: "dry-run" is not one of off, observe, enforce`},
		},
		{"a parameter that does not exist, naming those that do", `"maxAgeDays"`, `"maxAge"`,
			[]string{`controls.deactivate-stale-access-key.maxAge: unknown field: known here are mode, maxAgeDays, words`}},
		{"a parameter outside its range", `"maxAgeDays": 30`, `"maxAgeDays": 0`,
			[]string{`controls.deactivate-stale-access-key.maxAgeDays: 0 is outside 1 to 365`}},
		{"a parameter of another type", `"maxAgeDays": 30`, `"maxAgeDays": "30"`,
			[]string{`controls.deactivate-stale-access-key.maxAgeDays: want a number, got a string`}},
		{"a parameter that is not allowed", `"words": "b"`, `"words": "c"`,
			[]string{`controls.deactivate-stale-access-key.words: "c" is not one of a, b`}},
		{
			"a key written twice",
			`"logRetentionDays": 731`,
			`"logRetentionDays": 731, "logRetentionDays": 30`,
			[]string{`logRetentionDays: written twice`},
		},
		{"an account by less than its number", `"444455556666"`, `"4444-5555-6666"`,
			[]string{`trustedAccounts[0]: "4444-5555-6666" is neither the 12 digits of an account nor the id of an ` +
				`organization, as in o-exampleorgid`}},
		{"every account", `"o-exampleorgid"`, `"*"`,
			[]string{`trustedAccounts[1]: "*" is neither the 12 digits of an account nor the id of an organization, as in ` +
				`o-exampleorgid`}},
		{"an account that is a number", `"444455556666"`, `444455556666`,
			[]string{`trustedAccounts[0]: want a string, got a number`}},
		{"every fault at once", `"hubRegion": "us-gov-west-1",
	"allowedNetworks": ["203.0.113.0/24", "2001:db8::/32"],`, `"hubRegion": 1, "allowedNetworks": ["x", ` +
			`"10.0.0.1/8"], "y": 2,`,
			[]string{
				`y: unknown field: known here are hubRegion, regions, allowedNetworks, trustedAccounts, owners, notify, timezone, blastRadius, holdDays, ` +
					`approval, exemptDays, snoozeDays, breakGlass, breakGlassMinutes, administrators, cis, runbooks, logRetentionDays, createConfigRules, configRegion, configRules, assetBucket, orders, ledgerKey, tags, controls`,
				`hubRegion: want a string, got a number`,
				`allowedNetworks[0]: "x" is not a CIDR block such as "203.0.113.0/24" or "2001:db8::/32"`,
				`allowedNetworks[1]: "10.0.0.1/8" has address bits beyond its prefix: write "10.0.0.0/8"`,
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Count(whole, tt.old) != 1 {
				t.Fatalf("%q is %d times in the settings, want once", tt.old, strings.Count(whole, tt.old))
			}
			_, err := Parse([]byte(strings.Replace(whole, tt.old, tt.new, 1)), controls)
			var got []string
			if err != nil {
				for _, line := range strings.Split(err.Error(), "\n") {
					rest, named := strings.CutPrefix(line, "cdk.json: warder: ")
					if !named {
						t.Errorf("fault %q does not say where", line)
					}
					got = append(got, rest)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add(
		[]byte(
			`{"allowedNetworks": ["::ffff:1.2.3.4/1", "1.2.3.4/33", "fe80::1%eth0/64", "", "/"], "owners": {"tags": [1]}, ` +
				`"controls": []}`,
		),
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data, controls)
		if err != nil {
			return
		}
		for _, network := range s.AllowedNetworks {
			if network != network.Masked() || network.Bits() < 1 || network.Addr().Is4In6() {
				t.Fatalf("taken: network %v", network)
			}
		}
		if len(s.Controls) != len(controls)-1 {
			t.Fatalf("%d controls, want %d: all but the tool", len(s.Controls), len(controls)-1)
		}
		for _, c := range controls[:2] {
			if !s.Controls[c.ID].Mode.Valid() || len(s.Controls[c.ID].Parameters) != len(c.Parameters) {
				t.Fatalf("taken: control %+v", s.Controls[c.ID])
			}
		}
	})
}

func FuzzNetwork(f *testing.F) {
	for _, seed := range []string{"203.0.113.0/24", "2001:db8::/32", "203.0.113.7", "fe80::1%eth0",
		"::ffff:1.2.3.4/120", "0.0.0.0/0", "1.2.3.4/-1", "/8"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		network, err := parseNetwork(text)
		if err != nil {
			return
		}
		// What is taken is exactly what was written: reading it again gives the same,
		// and its first address is in it.
		again, err := parseNetwork(network.String())
		if err != nil || again != network || !network.Contains(network.Addr()) {
			t.Fatalf("%q was read as %v, and that as %v, %v", text, network, again, err)
		}
	})
}

func TestAddressesAreEveryOneOnce(t *testing.T) {
	o := Owners{
		Paths:    map[string]string{"/b/": "b@example.com", "/c/": "a@example.com"},
		Prefixes: map[string]string{"b-": "b@example.com", "d-": "d@example.com"},
	}
	if diff := cmp.Diff([]string{"a@example.com", "b@example.com", "d@example.com"}, o.Addresses()); diff != "" {
		t.Errorf("addresses without a default contact (-want +got):\n%s", diff)
	}
	o.Default = "c@example.com"
	if diff := cmp.Diff([]string{"a@example.com", "b@example.com", "c@example.com", "d@example.com"},
		o.Addresses()); diff != "" {
		t.Errorf("addresses with one (-want +got):\n%s", diff)
	}
}

// Every character that IAM refuses in a tag is refused before a deployment, and no other.
func TestTags_Characters(t *testing.T) {
	for _, tc := range []struct {
		kind, characters string
		want             bool
	}{
		{"taken", "aZ09_.:/=+-@ é한\u3000²", true},
		{"refused", "&,;'\"()[]{}<>!?#$%^*|\\~`\t\n\r\x00\x7f\u200b😀\u0301", false},
	} {
		for _, r := range tc.characters {
			value, err := json.Marshal("a" + string(r))
			if err != nil {
				t.Fatal(err)
			}
			for _, document := range []string{
				`{"tags": {"team": ` + string(value) + `}}`, `{"tags": {` + string(value) + `: "x"}}`,
			} {
				if _, err := Parse([]byte(document), controls); (err == nil) != tc.want {
					t.Errorf("%s is to be %s: %v", document, tc.kind, err)
				}
			}
		}
	}
	many := map[string]string{}
	for i := range 50 {
		if _, err := Parse([]byte(`{"tags": `+string(compact(many))+`}`), controls); err != nil {
			t.Errorf("%d tags: %v", i, err)
		}
		many[strings.Repeat("k", i+1)] = ""
	}
	if _, err := Parse([]byte(`{"tags": `+string(compact(many))+`}`), controls); err == nil {
		t.Error("50 tags and Warder's own are taken")
	}
}
