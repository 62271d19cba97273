package alertorganizationchange

import (
	"testing"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func TestPlanner_AgreesWithTheTable(t *testing.T) {
	for _, fault := range scenario.TableFaults(planner) {
		t.Error(fault)
	}
}

func TestPermissionSet(t *testing.T) {
	inline := func(document string) event.Fields { return event.Fields{"inlinePolicy": document} }
	for _, tc := range []struct {
		name    string
		request event.Fields
		want    control.Severity
	}{
		{"nothing is said", nil, control.Medium},
		{"not JSON", inline("x"), control.High},
		{"harmless", inline(`{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`), control.Medium},
		{"a way", inline(`{"Statement":{"Effect":"Allow","Action":"iam:CreateAccessKey","Resource":"*"}}`), control.High},
		{"everything", inline(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`), control.Critical},
		{"by name", event.Fields{"managedPolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}, control.Critical},
		{"in China", event.Fields{"managedPolicyArn": "arn:aws-cn:iam::aws:policy/IAMFullAccess"}, control.Critical},
		{"another", event.Fields{"managedPolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}, control.Medium},
		{"of that name", event.Fields{"managedPolicyArn": "arn:aws:iam::aws:policy/job-function/AdministratorAccess"},
			control.Medium},
	} {
		if got, _ := permissionSet(&event.APICall{Record: event.Record{Request: tc.request}}); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
