package fakeaws

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// report is the credential report that was made last.
type report struct {
	content []byte // nil if none was made
	made    time.Time
}

// reportAge is how old a report gets: until then no new one is made, and after it the old one is not
// given out (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html).
const reportAge = 4 * time.Hour

// GenerateCredentialReport makes the credential report, of what is so now, unless there is one of the
// last four hours. Without a clock there is no age: then the report says what is so when it is got.
func (c call) GenerateCredentialReport(*iam.GenerateCredentialReportInput) (any, error) {
	if c.report.content != nil && !c.expired() {
		return &iam.GenerateCredentialReportOutput{State: types.ReportStateTypeComplete}, nil
	}
	content, err := c.writeReport()
	c.report = report{content, c.time()}
	return &iam.GenerateCredentialReportOutput{State: types.ReportStateTypeStarted}, err
}

func (a *Account) expired() bool { return a.time().Sub(a.report.made) >= reportAge }

// GetCredentialReport returns the credential report that was made.
func (c call) GetCredentialReport(*iam.GetCredentialReportInput) (any, error) {
	switch {
	case c.report.content == nil:
		return nil, &types.CredentialReportNotPresentException{Message: new("Report does not exist.")}
	case c.expired():
		return nil, &types.CredentialReportExpiredException{Message: new("Report has expired.")}
	}
	content, err := c.report.content, error(nil)
	if c.Now == nil {
		content, err = c.writeReport()
	}
	return &iam.GetCredentialReportOutput{
		Content: content, GeneratedTime: new(c.report.made), ReportFormat: types.ReportFormatTypeTextCsv,
	}, err
}

// reportColumns are those of the credential report, in their order
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html).
const reportColumns = "user,arn,user_creation_time," +
	"password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
	"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date," +
	"access_key_1_last_used_region,access_key_1_last_used_service," +
	"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date," +
	"access_key_2_last_used_region,access_key_2_last_used_service," +
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated,additional_credentials_info"

// writeReport writes the report of what is so now. What a key's last_rotated says is when it was
// created or its status last changed.
func (a *Account) writeReport() ([]byte, error) {
	text := bytes.NewBufferString(reportColumns + "\n")
	rows := csv.NewWriter(text)
	absent := []string{"false", "N/A", "N/A", "N/A", "N/A"}
	write := func(user, arn, created string, password []string, mfa bool, keys ...[]string) error {
		row := slices.Concat([]string{user, arn, created}, password, []string{strconv.FormatBool(mfa)})
		row = append(row, slices.Concat(append(keys, absent, absent)[:2]...)...)
		return rows.Write(append(row, "false", "N/A", "false", "N/A", "N/A"))
	}
	const old = "2020-01-01T00:00:00+00:00"
	err := write("<root_account>", "arn:aws:iam::"+a.state.ID+":root", old,
		[]string{"not_supported", "no_information", "not_supported", "not_supported"}, false)
	for _, name := range sorted(a.state.Users) {
		user, password := a.state.Users[name], absent[:4]
		if p := user.Password; p != nil {
			password = []string{"true", reportDate(p.Used, "no_information"), reportDate(p.Created, "N/A"), "N/A"}
		}
		var keys [][]string
		for _, key := range user.Keys {
			changed := key.Created
			if key.Changed.After(changed) {
				changed = key.Changed
			}
			active := strconv.FormatBool(key.Status == string(types.StatusTypeActive))
			keys = append(keys, []string{active, reportDate(changed, "N/A"), reportDate(key.Used, "N/A"), "N/A", "N/A"})
			if !key.Used.IsZero() {
				keys[len(keys)-1][3], keys[len(keys)-1][4] = usedRegion, usedService
			}
		}
		err = cmp.Or(err, write(name, a.arn(name, user), reportDate(user.Created, old), password, len(user.MFA) > 0, keys...))
	}
	rows.Flush()
	return text.Bytes(), err
}

func reportDate(t time.Time, otherwise string) string {
	if t.IsZero() {
		return otherwise
	}
	return t.UTC().Format("2006-01-02T15:04:05+00:00")
}
