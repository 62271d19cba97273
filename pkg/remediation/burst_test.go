package remediation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
)

// tagging is the event of a call with the given number.
func tagging(n int, at time.Time) string {
	return fmt.Sprintf(`{"version":"0","id":"e","detail-type":"AWS API Call via CloudTrail","source":"aws.iam",
	"account":"111122223333","time":%q,"region":"us-east-1","resources":[],"detail":{"eventVersion":"1.11",
	"eventSource":"iam.amazonaws.com","eventName":"TagUser","eventType":"AwsApiCall",
	"eventID":"00000000-0000-4000-8000-%012d"}}`, at.Format(time.RFC3339), n)
}

// Many alike are a few notices; all of them are in the ledger, and what is critical or another thing is notified.
func TestRun_ManyAlike(t *testing.T) {
	of := remediation.Finding{User: "alice", Title: i18n.Literal("Tags changed"), Severity: control.High,
		Text: i18n.Literal("Found."), Handling: remediation.Handling{Fresh: true}}
	r, _, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		return []remediation.Finding{of}, nil
	})
	now := r.Now()
	r.Now = func() time.Time { return now }
	handle := func(n int) (notified int) {
		t.Helper()
		before := len(box.got)
		for range 2 { // each is delivered twice
			if _, err := run(r, fmt.Sprint("i", n), tagging(n, now)); err != nil {
				t.Fatal(err)
			}
		}
		return len(box.got) - before
	}
	var notified []int
	for n := 1; n <= 60; n++ {
		if handle(n) == 1 {
			notified = append(notified, n)
		}
	}
	if want := []int{1, 2, 3, 4, 10}; !slices.Equal(notified, want) {
		t.Errorf("notified of %v, want %v", notified, want)
	}
	if facts := fmt.Sprint(box.got[2].Facts, box.got[4].Facts); strings.Count(facts, "Many alike") != 1 ||
		!strings.Contains(facts, "10 of these within 5 minutes") {
		t.Errorf("the third and the tenth say %s", facts)
	}
	if found, _, err := r.Ledger.All(t.Context()); err != nil || len(found) != 60 {
		t.Errorf("the ledger has %d of 60, %v", len(found), err)
	}
	of.Severity = control.Critical
	for n := 61; n <= 70; n++ {
		if handle(n) != 1 {
			t.Errorf("critical number %d is not notified", n)
		}
	}
	of.Severity, of.Title = control.High, i18n.Literal("Another")
	if handle(71) != 1 {
		t.Error("another thing is not notified")
	}
	of.Title, of.Once.Alike = i18n.Literal("Tags changed"), "another way"
	if handle(74) != 1 {
		t.Error("another way is not notified")
	}
	of.Once.Alike, of.User = "", ""
	of.Subject = "bob"
	if handle(72) != 1 {
		t.Error("another subject is not notified")
	}
	of.User, of.Subject = "alice", ""
	now = now.Add(6 * time.Minute)
	if handle(73) != 1 || !strings.Contains(fmt.Sprint(box.got[len(box.got)-1].Facts), "60 of these from") {
		t.Errorf("after it: %+v", box.got[len(box.got)-1].Facts)
	}
}

// One report about many calls the on-call a few times, and each owner once.
func TestRun_ManyCriticalOfOneEvent(t *testing.T) {
	var found []remediation.Finding
	r, _, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) { return found, nil })
	for n := range 60 {
		found = append(found, remediation.Finding{
			Subject: fmt.Sprintf("role/r%02d", n), Title: i18n.Literal("Exposed"), Severity: control.Critical,
			Text: i18n.Literal("Found."), Handling: remediation.Handling{Fresh: true},
		})
	}
	handle := func(n int) map[string]int {
		t.Helper()
		box.got = nil
		for range 2 { // each is delivered twice
			if _, err := run(r, fmt.Sprint("i", n), tagging(n, r.Now())); err != nil {
				t.Fatal(err)
			}
		}
		severities := map[string]int{}
		for _, m := range box.got {
			severities[m.Severity]++
		}
		return severities
	}
	if got := handle(1); got["critical"] != 6 || got["high"] != 55 || len(got) != 2 {
		t.Fatalf("sixty are notified as %v", got)
	}
	if m := box.got[0]; m.Title != "Exposed: 60 at once" ||
		!strings.Contains(fmt.Sprint(m.Facts), "role/r49 and 10 more") {
		t.Errorf("the first notice is %q with %s", m.Title, m.Facts)
	}
	if m := box.got[len(box.got)-1]; !strings.Contains(fmt.Sprint(m.Facts), box.got[0].Finding) {
		t.Errorf("the last notice names no other: %s", m.Facts)
	}
	found = found[:5]
	if got := handle(2); got["critical"] != 5 || len(got) != 1 {
		t.Errorf("five are notified as %v", got)
	}
}

// What one caller does to many resources is a few notices, and a deployment is one. What is high, about a user who may
// have an owner, or done by another is told by itself.
func TestRun_SameCause(t *testing.T) {
	of := remediation.Finding{Title: i18n.Literal("Role created"), Text: i18n.Literal("Found."),
		Handling: remediation.Handling{Fresh: true}}
	r, _, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) { return []remediation.Finding{of}, nil })
	now, calls := r.Now(), 0
	r.Now = func() time.Time { return now }
	// notified are the numbers of those that are notified of several calls.
	notified := func(n int, caller, invokedBy string, severity control.Severity) (told []int) {
		t.Helper()
		of.Severity = severity
		for i := 1; i <= n; i++ {
			calls++
			before := len(box.got)
			call := strings.Replace(tagging(calls, now), `"eventName":`, fmt.Sprintf(
				`"userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/%s","invokedBy":%q},
				"eventName":`, caller, invokedBy), 1)
			of.Subject = fmt.Sprint("role/r", calls)
			for range 2 { // each is delivered twice
				if _, err := run(r, fmt.Sprint("i", calls), call); err != nil {
					t.Fatal(err)
				}
			}
			if len(box.got) > before {
				told = append(told, i)
			}
		}
		return told
	}
	const formation = "cloudformation.amazonaws.com"
	check := func(what string, got []int, want ...int) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v are notified, want %v", what, got, want)
		}
	}
	check("Terraform", notified(20, "terraform/run-1", "", control.Medium), 1, 2, 10)
	if facts := fmt.Sprint(box.got[1].Facts); !strings.Contains(facts, "2 of these by the same caller") {
		t.Errorf("the second says %s", facts)
	}
	check("another run of it", notified(1, "terraform/run-2", "", control.Medium), 1)
	check("another severity", notified(1, "terraform/run-1", "", control.Low), 1)
	check("what is high", notified(3, "terraform/run-1", "", control.High), 1, 2, 3)
	check("a deployment", notified(20, "cfn/AWSCloudFormation", formation, control.Low), 1)
	if facts := fmt.Sprint(box.got[len(box.got)-1].Facts); !strings.Contains(facts, "Deployment") {
		t.Errorf("the deployment's notice says %s", facts)
	}
	of.Title = i18n.Literal("Policy created")
	check("another kind of it", notified(1, "cfn/AWSCloudFormation", formation, control.Low))
	check("something worse in it", notified(1, "cfn/AWSCloudFormation", formation, control.Medium), 1)
	of.User = "alice"
	check("a user's", notified(2, "cfn/AWSCloudFormation", formation, control.Low), 1, 2)
	of.User = ""
	now = now.Add(remediation.Quiet)
	check("the next deployment", notified(2, "cfn/AWSCloudFormation", formation, control.Low), 1)
	if found, _, err := r.Ledger.All(t.Context()); err != nil || len(found) != calls {
		t.Errorf("the ledger has %d of %d, %v", len(found), calls, err)
	}
}
