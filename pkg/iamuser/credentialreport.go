package iamuser

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ReportAPI generates and returns the credential report.
type ReportAPI interface {
	GenerateCredentialReport(context.Context, *iam.GenerateCredentialReportInput,
		...func(*iam.Options)) (*iam.GenerateCredentialReportOutput, error)
	GetCredentialReport(context.Context, *iam.GetCredentialReportInput,
		...func(*iam.Options)) (*iam.GetCredentialReportOutput, error)
}

// ReportUser is the row of one IAM user.
type ReportUser struct {
	Name     string
	Created  time.Time
	Password ReportPassword
	MFA      bool // has an MFA device, of whatever kind
	Keys     [2]ReportKey
}

// ReportPassword is a user's console password. A time that the report does not know is zero.
type ReportPassword struct {
	Enabled       bool
	Used, Changed time.Time
}

// ReportKey is one of a user's two slots for access keys. The report does not contain the key's id.
type ReportKey struct {
	Active  bool
	Rotated time.Time // when the key was created or its status last changed; zero means that there is no key
	Used    time.Time // zero means never, as far as IAM knows
}

// Exists reports whether the slot has a key.
func (k ReportKey) Exists() bool { return k.Active || !k.Rotated.IsZero() }

// pauses are the waits while IAM generates a report: at most every four hours. IAM's documentation does not say how
// long that takes (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateCredentialReport.html).
var pauses = []time.Duration{
	500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second,
	30 * time.Second,
}

// FetchReport generates the report if IAM has none of the last four hours, waits for it at most a minute, and reads it.
// Like [ParseReport] it may return users and an error.
func FetchReport(ctx context.Context, api ReportAPI, sleep func(context.Context, time.Duration)) ([]ReportUser, error) {
	for _, pause := range append(pauses, 0) {
		out, err := api.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})
		if err != nil {
			return nil, fmt.Errorf("generate credential report: %w", err)
		}
		if out.State == types.ReportStateTypeComplete {
			got, err := api.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
			if err == nil {
				return ParseReport(got.Content)
			}
			if !notReady(err) {
				return nil, fmt.Errorf("get credential report: %w", err)
			}
		}
		if pause > 0 {
			sleep(ctx, pause)
		}
	}
	return nil, errors.New("get credential report: it is not ready after a minute")
}

// notReady reports whether another try may succeed.
func notReady(err error) bool {
	var (
		absent  *types.CredentialReportNotPresentException
		expired *types.CredentialReportExpiredException
		pending *types.CredentialReportNotReadyException
	)
	return errors.As(err, &absent) || errors.As(err, &expired) || errors.As(err, &pending)
}

// ParseReport reads a report. It finds columns by name, so that new ones do no harm, and leaves out the root user. A
// row that it cannot read is an error that names row and column; the users of the other rows are returned with it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
func ParseReport(report []byte) ([]ReportUser, error) {
	first, rest, _ := bytes.Cut(report, []byte("\n"))
	header, err := split(first)
	if err != nil {
		return nil, fmt.Errorf("read credential report: %w", err)
	}
	columns := map[string]int{}
	for i, name := range header {
		columns[name] = i
	}
	var faults []error
	for _, name := range required() {
		if _, ok := columns[name]; !ok {
			faults = append(faults, fmt.Errorf("read credential report: no column %s", name))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	var users []ReportUser
	line := 1
	for text := range bytes.Lines(rest) {
		line++
		fields, err := split(text)
		switch {
		case errors.Is(err, io.EOF): // an empty line
			continue
		case err == nil && len(fields) != len(header):
			err = csv.ErrFieldCount
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("read credential report: line %d: %w", line, err))
			continue
		}
		r := row{columns: columns, fields: fields, line: line}
		user := r.user()
		switch {
		case r.fault != nil:
			faults = append(faults, r.fault)
		case user.Name == root:
		default:
			users = append(users, user)
		}
	}
	return users, errors.Join(faults...)
}

// split returns the fields of one row. Each is read by itself, so that a quote that nothing closes costs its row, and
// not all that follow: no value of a report has a line break.
func split(line []byte) ([]string, error) {
	if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 && bytes.IndexByte(line, '"') < 0 {
		return strings.Split(string(line), ","), nil
	}
	fields, err := csv.NewReader(bytes.NewReader(line)).Read()
	var fault *csv.ParseError
	if errors.As(err, &fault) {
		err = fault.Err // the line is another one
	}
	return fields, err
}

// root is the root user's name in the report. No IAM user can have it.
const root = "<root_account>"

func required() []string {
	names := []string{
		"user", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed", "mfa_active",
	}
	for _, key := range keyColumns {
		names = append(names, key.active, key.rotated, key.used)
	}
	return names
}

var keyColumns = [len(ReportUser{}.Keys)]struct{ active, rotated, used string }{
	{"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date"},
	{"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date"},
}

// row is one row of the report; fault is the first fault in it.
type row struct {
	columns map[string]int
	fields  []string
	line    int
	fault   error
}

func (r *row) user() ReportUser {
	u := ReportUser{
		// A copy, because the name would keep the whole row in memory.
		Name: strings.Clone(r.fields[r.columns["user"]]), Created: r.time("user_creation_time"),
		Password: ReportPassword{Enabled: r.flag("password_enabled"), Used: r.time("password_last_used"),
			Changed: r.time("password_last_changed")},
		MFA: r.flag("mfa_active"),
	}
	for i, key := range keyColumns {
		u.Keys[i] = ReportKey{Active: r.flag(key.active), Rotated: r.time(key.rotated), Used: r.time(key.used)}
	}
	if u.Name == "" {
		r.fail("user", "empty")
	}
	return u
}

// absent lists the values of empty columns.
var absent = []string{"N/A", "no_information", "not_supported"}

func (r *row) value(column string) (value string, ok bool) {
	value = r.fields[r.columns[column]]
	if slices.ContainsFunc(absent, func(n string) bool { return strings.EqualFold(value, n) }) {
		return "", false
	}
	return value, true
}

// flag reads true or false in any case: the documentation has capitals, the reports do not.
func (r *row) flag(column string) bool {
	value, ok := r.value(column)
	if ok && !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
		r.fail(column, "neither true nor false")
	}
	return strings.EqualFold(value, "true")
}

func (r *row) time(column string) time.Time {
	value, ok := r.value(column)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		r.fail(column, "not a time")
	}
	return t.UTC()
}

func (r *row) fail(column, why string) {
	if r.fault == nil {
		r.fault = fmt.Errorf("read credential report: line %d, %s: %s", r.line, column, why)
	}
}
