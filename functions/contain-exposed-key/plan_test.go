package containexposedkey

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func TestRule_HealthCodes(t *testing.T) {
	c, err := control.Parse("contain-exposed-key/control.json", Control.Description)
	if err != nil {
		t.Fatal(err)
	}
	var rule struct {
		Detail struct {
			EventTypeCode []string `json:"eventTypeCode"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(c.Rules[0], &rule); err != nil {
		t.Fatal(err)
	}
	for _, code := range rule.Detail.EventTypeCode {
		if _, ok := codes[code]; !ok {
			t.Errorf("the rule delivers %s, which the planner does not know", code)
		}
	}
	if len(rule.Detail.EventTypeCode) != len(codes) {
		t.Errorf("the rule delivers %d codes, the planner knows %d", len(rule.Detail.EventTypeCode), len(codes))
	}
}

func TestKeyID(t *testing.T) {
	for text, want := range map[string]bool{
		"AKIAEXAMPLEALICEKEY1": true, "ASIAEXAMPLEALICEKEY1": true,
		"AKIA": false, "AKIAexamplealicekey1": false, "AKIAEXAMPLEALICE/EY1": false, "AIDAEXAMPLEALICEXXXX": false,
		"GeneratedFindingAccessKeyId": false, "": false,
	} {
		if got := keyID(text); got != want {
			t.Errorf("keyID(%q) = %v, want %v", text, got, want)
		}
	}
}

// leaked is the event that the key is public.
func leaked(keys ...string) event.Event {
	h := &event.Health{
		TypeCode: "AWS_RISK_CREDENTIALS_EXPOSED", Service: "RISK", Account: "111122223333", StatusCode: "open",
	}
	for _, key := range keys {
		h.Entities = append(h.Entities, event.HealthEntity{Value: key})
	}
	return event.Event{Account: "111122223333", Detail: h}
}

const (
	alicesKey = "AKIAEXAMPLEALICEKEY1"
	bobsKey   = "AKIAEXAMPLEBOBBBKEY1"
)

func twoUsers() *fakeaws.Account {
	return fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{
		"alice": {Keys: []fakeaws.Key{{ID: alicesKey, Status: "Active"}}},
		"bob":   {Keys: []fakeaws.Key{{ID: bobsKey, Status: "Active"}}},
	}})
}

var quarantined = settings.Function{
	Quarantine: settings.Quarantine{Key: "arn:aws:iam::111122223333:policy/warder/warder-key-quarantine"},
	Parameters: json.RawMessage(`{"minSeverity": 7, "mediumTypes": ["IAMUser/TorIPCaller"]}`),
}

// look is what the planner finds when nothing was contained before.
func look(t *testing.T, a *fakeaws.Account, e event.Event) ([]remediation.Finding, error) {
	t.Helper()
	r := remediation.Runner{Control: control.Control{ID: "contain-exposed-key"}, Ledger: ledger.New(&ledger.Memory{})}
	p, err := newPlanner(a.IAM(), quarantined)
	if err != nil {
		t.Fatal(err)
	}
	return remediation.Inspect(t.Context(), p, e, r.Memory(), time.Time{})
}

// denying refuses some operations.
func denying(a *fakeaws.Account, operations ...string) *fakeaws.Account {
	a.Fault = func(operation string, after bool) error {
		if slices.Contains(operations, operation) && !after {
			return &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized"}
		}
		return nil
	}
	return a
}

// That IAM refuses to say whose a key is does not say that it is nobody's.
func TestPlan_RefusedKeyIsLookedForInEveryUser(t *testing.T) {
	findings, err := look(t, denying(twoUsers(), "iam:GetAccessKeyLastUsed"), leaked(bobsKey))
	if err != nil || len(findings) != 1 || findings[0].User != "bob" || len(findings[0].Changes) != 2 {
		t.Errorf("findings %+v, %v; want bob contained", findings, err)
	}
}

func TestPlan_UnreadableKeyIsNotified(t *testing.T) {
	findings, err := look(t, denying(twoUsers(), "iam:GetAccessKeyLastUsed", "iam:ListUsers"), leaked(bobsKey))
	if err == nil {
		t.Error("no error: it is not tried again")
	}
	if len(findings) != 1 || !strings.Contains(findings[0].UnchangedReason.String(), "could not be read") {
		t.Errorf("findings %+v, want an alert that it could not be read", findings)
	}
}

func TestPlan_KeyUnknownToIAM(t *testing.T) {
	a := twoUsers()
	a.Fault = func(operation string, after bool) error {
		if operation == "iam:GetAccessKeyLastUsed" && !after {
			return &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized"}
		}
		return nil
	}
	findings, err := look(t, a, leaked("AKIAEXAMPLEFOREIGN01"))
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) != 1 || len(findings[0].Changes) != 0 ||
		!strings.Contains(findings[0].UnchangedReason.String(), "the root user's") {
		t.Errorf("findings %+v, want an alert that it may be the root user's", findings)
	}
}

func TestPlan_OneUserUnreadable(t *testing.T) {
	a := twoUsers()
	calls := 0
	a.Fault = func(operation string, after bool) error {
		if operation == "iam:ListAccessKeys" && !after {
			if calls++; calls == 1 {
				return errors.New("throttled")
			}
		}
		return nil
	}
	findings, err := look(t, a, leaked(alicesKey, bobsKey))
	if err == nil || !strings.Contains(err.Error(), `"alice"`) {
		t.Errorf("error %v, want one that names alice", err)
	}
	if len(findings) != 1 || findings[0].User != "bob" {
		t.Errorf("findings %+v, want one about bob", findings)
	}
}

func TestPlan_QuarantineBeforeKey(t *testing.T) {
	findings, err := look(t, twoUsers(), leaked(alicesKey))
	if err != nil || len(findings) != 1 {
		t.Fatalf("findings %+v, %v", findings, err)
	}
	var kinds []string
	for _, c := range findings[0].Changes {
		kinds = append(kinds, c.Kind)
	}
	if !slices.Equal(kinds, []string{"quarantine", "access key status"}) {
		t.Errorf("changes in the order %q", kinds)
	}
}

func TestParameters_Grave(t *testing.T) {
	p := parameters{MinSeverity: 7, MediumTypes: []string{"IAMUser/TorIPCaller"}}
	for _, c := range []struct {
		kind     string
		severity float64
		want     bool
	}{
		{"UnauthorizedAccess:IAMUser/TorIPCaller", 5, true},
		{"Recon:IAMUser/TorIPCaller", 4, true},
		{"Recon:IAMUser/TorIPCaller", 3.9, false},
		{"Recon:IAMUser/TorIPCaller.Custom", 5, false},
		{"IAMUser/TorIPCaller", 5, false},
		{"Recon:S3/TorIPCaller", 5, false},
		{"", 5, false},
		{"Discovery:IAMUser/AnomalousBehavior", 6.9, false},
		{"Discovery:IAMUser/AnomalousBehavior", 7, true},
		{"AttackSequence:ECS/CompromisedCluster", 9, true},
	} {
		if got := p.grave(&event.Threat{Type: c.kind, Severity: c.severity}); got != c.want {
			t.Errorf("%s, severity %g: %t", c.kind, c.severity, got)
		}
	}
	if (parameters{MinSeverity: 9, MediumTypes: []string{""}}).grave(&event.Threat{Type: "nothing", Severity: 8}) {
		t.Error("no type is one of the list")
	}
}
