package functions

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// callers are who makes the calls of testdata/rules.tsv.
func callers() map[string]caller {
	user := (&day{users: map[string]*fakeaws.User{}}).user("bob")
	templated := user
	templated.identity = object{"invokedBy": "cloudformation.amazonaws.com"}
	for name, value := range user.identity {
		templated.identity[name] = value
	}
	return map[string]caller{
		"user": user, "user of a template": templated,
		"role":     role("/", "example-role", "example-user", "203.0.113.24"),
		"template": role("/", "example-role", "example-user", "cloudformation.amazonaws.com"),
		"instance": role("/", "web", "i-0abc1234def567890", "10.0.1.7"),
		"identity center": role(
			"/aws-service-role/sso.amazonaws.com/",
			"AWSServiceRoleForSSO",
			"AWS-SSO",
			"sso.amazonaws.com",
		),
		"root": {object{"type": "Root", "principalId": homeAccount, "accountId": homeAccount,
			"arn": "arn:aws:iam::" + homeAccount + ":root"}, "203.0.113.24", "Mozilla/5.0"},
	}
}

// TestRules compares what is reported with what the published detection rules of others look for, for identity,
// tampering and sharing. testdata/rules.tsv has a call for each of what such a rule alerts on, and of what its own
// tests say it must not: the former is to be reported, the latter not as high. The calls are written anew from what the
// rules of github.com/panther-labs/panther-analysis, github.com/elastic/detection-rules and github.com/SigmaHQ/sigma
// look at.
func TestRules(t *testing.T) {
	text, err := os.ReadFile("testdata/rules.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var alerts, heard, later, quiet, alarms int
	for line := range strings.Lines(string(text)) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if columns[0] == "rule" {
			continue
		}
		rule, source, name, parameters, who, expected := columns[0], columns[1], columns[2], columns[3], columns[4],
			columns[5]
		who, failure, _ := strings.Cut(who, ", ")
		r := ruleRecord(t, callers()[who], source, name, parameters, failure)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, left(t, []json.RawMessage{data}), control.Observe)
		severity, told := "", false
		for _, a := range w.send(t, data) {
			if a.err != nil {
				t.Errorf("%s: %s: %s: %v", rule, name, a.Control, a.err)
			}
			for _, m := range a.notices {
				severity, told = severest(m.Severity, severity), true
			}
		}
		high := control.Severity(severity).Rank() >= control.High.Rank()
		switch {
		case expected == "quiet":
			if quiet++; high {
				alarms++
				t.Logf("false alarm: %s: %s %s by %s is %s", rule, name, parameters, who, severity)
			}
			continue
		case told:
			heard++
		case unreported(t, data):
			later++
		default:
			t.Logf("unheard: %s: %s %s by %s", rule, name, parameters, who)
		}
		alerts++
	}
	t.Logf("heard %d of %d, %d of them later; %d false alarms among %d", heard, alerts, later, alarms, quiet)
	if alerts < 100 || quiet < 40 || heard+later < alerts*185/194 || alarms > quiet*2/243 {
		t.Errorf("heard %d of %d, want 185 of 194; %d false alarms among %d, want 2 of 243", heard, alerts, alarms, quiet)
	}
}

// ruleRecord is the record of a line. Of what the sign-in service records, the outcome is in place of parameters.
func ruleRecord(t *testing.T, who caller, source, name, parameters, failure string) record {
	t.Helper()
	if who.identity == nil {
		t.Fatalf("%s: nobody calls", name)
	}
	r := (&day{at: ordinaryDay().at}).call(who, source, name, nil)
	if failure != "" {
		r["errorCode"], r["errorMessage"] = failure, "It failed."
	}
	if source == "signin" {
		r["eventType"], r["responseElements"] = "AwsConsoleSignIn", object{name: parameters}
		return r
	}
	var request any
	if err := json.Unmarshal([]byte(parameters), &request); err != nil {
		t.Fatalf("%s: %s: %v", name, parameters, err)
	}
	r["requestParameters"] = request
	return r
}
