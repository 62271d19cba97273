package iamuser_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/iamuser"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// sample is a report as IAM makes it, with every value that a column can have.
func sample(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/report.csv")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestParse(t *testing.T) {
	want := []iamuser.ReportUser{
		{
			Name: "alice", Created: at("2024-03-01T09:00:00Z"),
			Password: iamuser.ReportPassword{Enabled: true, Used: at("2026-11-20T08:30:00Z"),
				Changed: at("2026-01-05T00:00:00Z")},
			MFA: true,
			Keys: [2]iamuser.ReportKey{
				{Active: true, Rotated: at("2026-08-22T02:00:00Z"), Used: at("2026-11-20T12:00:00Z")},
				{Rotated: at("2026-10-01T00:00:00Z")},
			},
		},
		{
			Name: "bob,the@example.com", Created: at("2025-01-01T00:00:00Z"),
			Password: iamuser.ReportPassword{Enabled: true, Changed: at("2025-01-01T00:00:00Z")},
		},
		{Name: "ci-build", Created: at("2025-06-01T00:00:00Z"),
			Keys: [2]iamuser.ReportKey{{}, {Active: true, Rotated: at("2025-06-01T00:00:00Z")}}},
	}
	for _, tc := range []struct{ name, report string }{
		{"a report", sample(t)},
		{"a report with CRLF", strings.ReplaceAll(sample(t), "\n", "\r\n")},
		{"capitals, as the documentation writes them",
			strings.NewReplacer(",true", ",TRUE", ",false", ",FALSE").Replace(sample(t))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := iamuser.ParseReport([]byte(tc.report))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseReport_ColumnsByName(t *testing.T) {
	const report = "access_key_2_last_used_date,access_key_2_last_rotated,access_key_2_active," +
		"access_key_1_last_used_date,access_key_1_last_rotated,access_key_1_active," +
		"password_last_changed,mfa_active,new,password_last_used,password_enabled,user_creation_time,user\n" +
		"N/A,N/A,false,2026-11-20T12:00:00+00:00,2026-08-22T02:00:00+00:00,true,N/A,true,?,N/A,false," +
		"2024-03-01T09:00:00+00:00," +
		"alice\n"
	got, err := iamuser.ParseReport([]byte(report))
	if err != nil {
		t.Fatal(err)
	}
	want := []iamuser.ReportUser{{
		Name: "alice", Created: at("2024-03-01T09:00:00Z"), MFA: true,
		Keys: [2]iamuser.ReportKey{{Active: true, Rotated: at("2026-08-22T02:00:00Z"), Used: at("2026-11-20T12:00:00Z")}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func TestParseReport_Faults(t *testing.T) {
	for _, tc := range []struct {
		name, report, fault string
		users               int // that are read all the same
	}{
		{"nothing", "", "EOF", 0},
		{"a column is missing", strings.Replace(sample(t), "access_key_2_active", "access_key_2_on", 1),
			"no column access_key_2_active", 0},
		{"a flag that is none", strings.Replace(sample(t),
			"alice,arn:aws:iam::111122223333:user/alice,2024-03-01T09:00:00+00:00,true",
			"alice,arn:aws:iam::111122223333:user/alice,2024-03-01T09:00:00+00:00,maybe", 1),
			"line 3, password_enabled: neither true nor false", 2},
		{"a time that is none", strings.Replace(sample(t), "2026-08-22T02:00:00+00:00", "last summer", 1),
			"line 3, access_key_1_last_rotated: not a time", 2},
		{"a user without a name", strings.Replace(sample(t), "\nalice,", "\n,", 1), "line 3, user: empty", 2},
		{"a row with a quote that nothing closes", strings.Replace(sample(t), "\nalice,", "\n\"alice,", 1),
			"line 3: extraneous or missing", 2},
		{"a row with a quote in it", strings.Replace(sample(t), "\nalice,", "\nal\"ice,", 1), "line 3: bare", 2},
		{
			"a row that is too long", strings.Replace(sample(t), "\nalice,", "\nalice,,", 1),
			"line 3: wrong number of fields", 2,
		},
		{"two rows", strings.Replace(strings.Replace(sample(t), "\nalice,", "\nalice,,", 1), "\nci-build,", "\n\"", 1),
			"line 5: ", 1},
		{"a row that is cut off", strings.TrimSuffix(sample(t), ",N/A\n"), "wrong number of fields", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			users, err := iamuser.ParseReport([]byte(tc.report))
			if err == nil || !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("the error is %v, want %q", err, tc.fault)
			}
			if len(users) != tc.users {
				t.Errorf("%d users, want %d", len(users), tc.users)
			}
		})
	}
}

// reporter gives its answers one after the other, and repeats the last one.
type reporter struct {
	states    []types.ReportStateType
	faults    []error
	generated int
	got       int
}

func (r *reporter) GenerateCredentialReport(context.Context, *iam.GenerateCredentialReportInput,
	...func(*iam.Options)) (*iam.GenerateCredentialReportOutput, error) {
	state := r.states[min(r.generated, len(r.states)-1)]
	r.generated++
	return &iam.GenerateCredentialReportOutput{State: state}, nil
}

func (r *reporter) GetCredentialReport(context.Context, *iam.GetCredentialReportInput,
	...func(*iam.Options)) (*iam.GetCredentialReportOutput, error) {
	var err error
	if r.got < len(r.faults) {
		err = r.faults[r.got]
	}
	r.got++
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile("testdata/report.csv")
	return &iam.GetCredentialReportOutput{Content: data}, err
}

func TestFetchReport_Waits(t *testing.T) {
	const started, pending, complete = types.ReportStateTypeStarted, types.ReportStateTypeInprogress,
		types.ReportStateTypeComplete
	for _, tc := range []struct {
		name   string
		states []types.ReportStateType
		faults []error
		waited time.Duration
		fault  string
	}{
		{name: "it is there", states: []types.ReportStateType{complete}},
		{name: "it is made now", states: []types.ReportStateType{started, pending, pending, complete},
			waited: 3500 * time.Millisecond},
		{name: "it is no longer there when it is got", states: []types.ReportStateType{complete},
			faults: []error{&types.CredentialReportExpiredException{}}, waited: 500 * time.Millisecond},
		{name: "it is not there yet when it is got", states: []types.ReportStateType{complete},
			faults: []error{&types.CredentialReportNotReadyException{}, &types.CredentialReportNotPresentException{}},
			waited: 1500 * time.Millisecond},
		{name: "it does not get ready", states: []types.ReportStateType{started, pending}, waited: 60500 * time.Millisecond,
			fault: "not ready after a minute"},
		{name: "it may not be read", states: []types.ReportStateType{complete}, faults: []error{errors.New("access denied")},
			fault: "get credential report: access denied"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var waited time.Duration
			users, err := iamuser.FetchReport(t.Context(), &reporter{states: tc.states, faults: tc.faults},
				func(_ context.Context, d time.Duration) { waited += d })
			if tc.fault == "" && (err != nil || len(users) != 3) || tc.fault != "" &&
				(err == nil || !strings.Contains(err.Error(), tc.fault)) {
				t.Errorf("%d users, %v; want the error %q", len(users), err, tc.fault)
			}
			if waited != tc.waited {
				t.Errorf("waited %v, want %v", waited, tc.waited)
			}
		})
	}
}

// FuzzParse: whatever the bytes are, each user that comes out has a name and is not the root user,
// and only places with a key are said to be in use.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sample(f)))
	f.Add([]byte(""))
	f.Add([]byte("user\nalice\n"))
	f.Add([]byte(strings.Replace(sample(f), "alice", `"al""ice`, 1)))
	f.Fuzz(func(t *testing.T, report []byte) {
		users, err := iamuser.ParseReport(report)
		for _, user := range users {
			if user.Name == "" || user.Name == "<root_account>" {
				t.Errorf("a user named %q", user.Name)
			}
			for _, key := range user.Keys {
				if key.Active && !key.Exists() {
					t.Error("an active key that is not there")
				}
			}
		}
		if rows := strings.Count(string(report), "\n"); err == nil && len(users) > rows {
			t.Errorf("%d users of %d lines", len(users), rows)
		}
	})
}
