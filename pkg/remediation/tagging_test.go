package remediation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const alicesExemption = "all until 2026-12-31 by ciso@example.com for migration"

// tagged is the event of somebody who gives alice a tag.
func tagged(n int, key, value, identity string) string {
	return fmt.Sprintf(`{"version":"0","id":"00000000-0000-4000-8000-%012d",
		"detail-type":"AWS API Call via CloudTrail","source":"aws.iam","account":"111122223333",
		"time":"2026-11-30T09:00:%02dZ","region":"us-east-1","resources":[],"detail":{"eventType":"AwsApiCall",
		"eventSource":"iam.amazonaws.com","eventName":"TagUser","eventTime":"2026-11-30T09:00:%02dZ",
		"recipientAccountId":"111122223333","userIdentity":%s,
		"requestParameters":{"userName":"alice","tags":[{"key":%q,"value":%q}]}}}`, n, n, n, identity, key, value)
}

const (
	byAlice = `{"type":"IAMUser","principalId":"AIDAALICE00000000001","userName":"Alice","accountId":"111122223333",
		"arn":"arn:aws:iam::111122223333:user/alice"}`
	byAlicesToken = `{"type":"FederatedUser","principalId":"111122223333:x","accountId":"111122223333",
		"arn":"arn:aws:sts::111122223333:federated-user/x","sessionContext":{"sessionIssuer":{"type":"IAMUser",
		"arn":"arn:aws:iam::111122223333:user/alice","userName":"alice"}}}`
	byKim = `{"type":"IAMUser","principalId":"AIDAKIM0000000000001","userName":"kim","accountId":"111122223333",
		"arn":"arn:aws:iam::111122223333:user/kim"}`
)

func TestExemption_SetByItsSubject(t *testing.T) {
	type tagging struct{ key, value, by string }
	for _, tc := range []struct {
		name   string
		events []tagging
		key    string // of the tag that alice has
		exempt bool
	}{
		{"set before anybody remembered who did", nil, "warder:exempt", true},
		{"set by somebody else", []tagging{{"warder:exempt", alicesExemption, byKim}}, "warder:exempt", true},
		{"set by itself", []tagging{{"warder:exempt", alicesExemption, byAlice}}, "warder:exempt", false},
		{"set by itself, in another case", []tagging{{"Warder:EXEMPT", alicesExemption, byAlice}}, "warder:exempt", false},
		{"set with a session of its own", []tagging{{"warder:exempt", alicesExemption, byAlicesToken}}, "warder:exempt",
			false},
		{"set by itself, under a name of its choice", []tagging{{"warder:exempt:2", alicesExemption, byAlice}},
			"warder:exempt:2", false},
		{"set again by somebody else", []tagging{
			{"warder:exempt", alicesExemption, byAlice}, {"warder:exempt", alicesExemption, byKim},
		}, "warder:exempt", true},
		{"set by somebody else, and the same again by itself", []tagging{
			{"warder:exempt", alicesExemption, byKim}, {"warder:exempt", alicesExemption, byAlice},
		}, "warder:exempt", true},
		{"another one set by itself before", []tagging{
			{"warder:exempt", "all until 2026-12-30 by x for y", byAlice},
			{"warder:exempt", alicesExemption, byKim},
		}, "warder:exempt", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, a, box := newRunner(t, func(e event.Event) ([]remediation.Finding, error) {
				if e.Record() != nil {
					return nil, nil
				}
				return []remediation.Finding{detach()}, nil
			})
			a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {
				ID: "AIDAALICE00000000001", Attached: []string{readOnly}, Tags: map[string]string{tc.key: alicesExemption},
			}}})
			for n, e := range tc.events {
				if report, err := run(r, "a", tagged(n+1, e.key, e.value, e.by)); err != nil {
					t.Fatalf("%+v, %v", report, err)
				}
			}
			if _, err := run(r, "a", sweep); err != nil {
				t.Fatal(err)
			}
			if exempt := len(a.State().Users["alice"].Attached) == 1; exempt != tc.exempt {
				t.Errorf("exempt: %v, want %v", exempt, tc.exempt)
			}
			said := false
			for _, m := range box.got {
				said = said || m.Title == "Exemption is not honoured" && m.Severity == "high" &&
					strings.Contains(m.Text, strings.ToLower(tc.key))
			}
			if said == tc.exempt {
				t.Errorf("people are notified of it: %v", said)
			}
		})
	}
}

func TestExemption_OneForEachControl(t *testing.T) {
	r, a, _ := newRunner(t, finding(detach()))
	a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Attached: []string{readOnly}, Tags: map[string]string{
		"warder:exempt":      "other until 2026-12-31 by kim for work",
		"warder:exempt/test": "test until 2026-12-31 by kim for work",
	}}}})
	if _, err := run(r, "a", sweep); err != nil || len(a.State().Users["alice"].Attached) != 1 {
		t.Errorf("alice has %v, %v", a.State().Users["alice"].Attached, err)
	}
}
