package settings

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/control"
)

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		" Kim@Example.com ":                       "kim@example.com",
		"Kim Lee <kim.lee@example.com>":           "kim.lee@example.com",
		"kim+aws@example.co.kr":                   "kim+aws@example.co.kr",
		"jsmith":                                  "",
		"a@example.com b@example.com":             "",
		"a@example.com, b@example.com":            "",
		"a@example.com; b@example.com":            "",
		"@example.com":                            "",
		"kim@":                                    "",
		`"kim lee"@example.com`:                   "",
		"":                                        "",
		"kim@example.com\nBcc: b@x.example":       "",
		strings.Repeat("k", 250) + "@example.com": "",
	} {
		if got := Address(text); got != want {
			t.Errorf("Address(%q) = %q, want %q", text, got, want)
		}
	}
}

// Without anybody who is notified before, no control may enforce; each way to reach somebody is enough.
func TestEnforceNeedsSomebodyToNotify(t *testing.T) {
	const enforce = `"controls": {"detach-direct-policy": {"mode": "enforce"}}`
	for name, test := range map[string]struct {
		set     string
		allowed bool
	}{
		"nobody":                {``, false},
		"only tags of owners":   {`"owners": {"tags": ["owner"]},`, false},
		"only watchers":         {`"notify": {"watchers": ["soc@example.com"]},`, false},
		"no addresses":          {`"notify": {"emails": []},`, false},
		"an address":            {`"notify": {"emails": ["soc@example.com"]},`, true},
		"mail through SES":      {`"notify": {"ses": {"sender": "warder@example.com"}},`, true},
		"a Slack channel":       {`"notify": {"slack": {"channel": "C024BE91L", "secret": "slack"}},`, true},
		"a chat":                {`"notify": {"chat": true},`, true},
		"a topic elsewhere":     {`"notify": {"topic": "arn:aws:sns:us-east-1:444455556666:security"},`, true},
		"a default owner":       {`"owners": {"default": "soc@example.com"},`, true},
		"the owner of a path":   {`"owners": {"paths": {"/data/": "data@example.com"}},`, true},
		"the owner of a prefix": {`"owners": {"prefixes": {"ci-": "ci@example.com"}},`, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte("{"+test.set+enforce+"}"), controls)
			if (err == nil) != test.allowed {
				t.Errorf("error %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "controls.detach-direct-policy.mode: nobody would be notified") {
				t.Errorf("the error does not say which control, and why: %v", err)
			}
			if _, err := Parse([]byte("{"+test.set+strings.Replace(enforce, "enforce", "observe", 1)+"}"),
				controls); err != nil {
				t.Errorf("observe is refused: %v", err)
			}
		})
	}
}

func TestReaches(t *testing.T) {
	const alice, soc = "Alice@example.com", "soc@example.com"
	all, mail := Reach{All: true}, Reach{Mail: true}
	for name, test := range map[string]struct {
		reach   Reach
		owners  Owners
		back    string
		address []string
		want    bool
	}{
		"who gets everything":                     {all, Owners{}, "", nil, true},
		"who gets everything, the owner does not": {all, Owners{}, "alice@example.com", []string{alice}, true},
		"nobody is known":                         {mail, Owners{}, "", []string{"", ""}, false},
		"an owner by mail":                        {mail, Owners{}, "", []string{alice}, true},
		"a tag that is no address":                {mail, Owners{}, "", []string{"alice"}, false},
		"mail comes back":                         {mail, Owners{}, "alice@example.com", []string{alice}, false},
		"mail comes back, the default is there":   {mail, Owners{}, "alice@example.com", []string{alice, soc}, true},
		"without SES, a tag subscribes nobody":    {Reach{}, Owners{}, "", []string{alice}, false},
		"without SES, an address of the settings": {
			Reach{}, Owners{Paths: map[string]string{"/a/": "alice@EXAMPLE.com"}}, "", []string{alice}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			back := func(address string) bool { return address == test.back }
			if got := (Function{Reach: test.reach, Owners: test.owners}).Reaches(back, test.address...); got != test.want {
				t.Errorf("Reaches = %t", got)
			}
		})
	}
}

// What a control needs before it may enforce is asked for when the template is made, and not of one that observes.
func TestParse_Needs(t *testing.T) {
	c, err := control.Parse("restrict/control.json", []byte(`{
		"id": "restrict", "title": "T", "summary": "S.", "severity": "high", "mode": "observe", "schedule": "rate(1 day)",
		"needs": ["allowedNetworks", "who"], "permissions": [],
		"parameters": {"who": {"default": "", "pattern": "(role|user)/[a-z-]+", "help": "Who."}},
		"references": [{"title": "T", "url": "https://example.com/"}]
	}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ networks, restrict, fault string }{
		"observed without anything": {`[]`, `{}`, ""},
		"all that it needs":         {`["203.0.113.0/24", "2001:db8::/32"]`, `{"mode": "enforce", "who": "role/x"}`, ""},
		"no networks": {
			`[]`, `{"mode": "enforce", "who": "role/x"}`,
			"cdk.json: warder: controls.restrict.mode: allowedNetworks is empty, so everybody would be kept out",
		},
		"nobody": {
			`["203.0.113.0/24"]`, `{"mode": "enforce"}`, "cdk.json: warder: controls.restrict.mode: who is not set: set it",
		},
		"another form": {
			`["203.0.113.0/24"]`, `{"who": "role/X"}`,
			`cdk.json: warder: controls.restrict.who: "role/X" is not of the form (role|user)/[a-z-]+`,
		},
		"private": {
			`["203.0.113.0/24", "10.1.0.0/16"]`, `{"mode": "enforce", "who": "role/x"}`,
			`cdk.json: warder: allowedNetworks[1]: "10.1.0.0/16" can never match in restrict`,
		},
		"of a provider's own network": {
			`["100.64.0.0/24"]`, `{"mode": "enforce", "who": "role/x"}`, `cdk.json: warder: allowedNetworks[0]: "100.64.0.0/24" can never`,
		},
		"private IPv6": {
			`["fd00::/16"]`, `{"mode": "enforce", "who": "role/x"}`, `cdk.json: warder: allowedNetworks[0]: "fd00::/16" can never match`,
		},
		"half of the world": {
			`["128.0.0.0/1"]`, `{"mode": "enforce", "who": "role/x"}`,
			`cdk.json: warder: allowedNetworks[0]: "128.0.0.0/1" is too wide for restrict`,
		},
		"half of IPv6": {
			`["2000::/3"]`, `{"mode": "enforce", "who": "role/x"}`, `cdk.json: warder: allowedNetworks[0]: "2000::/3" is too wide`,
		},
		"private, and observed": {`["10.1.0.0/16"]`, `{"who": "role/x"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf(`{"hubRegion": "us-east-1", "notify": {"emails": ["kim@example.com"]},
				"allowedNetworks": %s, "controls": {"restrict": %s}}`, test.networks, test.restrict)
			_, err := Parse([]byte(text), []control.Control{c})
			if test.fault == "" && err != nil || test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)) {
				t.Errorf("want %q, got %v", test.fault, err)
			}
		})
	}
}
