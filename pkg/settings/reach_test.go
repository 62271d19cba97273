package settings

import (
	"strings"
	"testing"
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
