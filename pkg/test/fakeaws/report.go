package fakeaws

import (
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
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
		return nil, &types.CredentialReportNotPresentException{Message: aws.String("Report does not exist.")}
	case c.expired():
		return nil, &types.CredentialReportExpiredException{Message: aws.String("Report has expired.")}
	}
	content := c.report.content
	if c.Now == nil {
		var err error
		if content, err = c.writeReport(); err != nil {
			return nil, err
		}
	}
	return &iam.GetCredentialReportOutput{
		Content: content, GeneratedTime: aws.Time(c.report.made), ReportFormat: types.ReportFormatTypeTextCsv,
	}, nil
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
	var text strings.Builder
	text.WriteString(reportColumns + "\n")
	rows := csv.NewWriter(&text)
	absent := [5]string{"false", "N/A", "N/A", "N/A", "N/A"}
	write := func(user, arn, created string, password [4]string, keys [2][5]string) error {
		row := append(make([]string, 0, 23), user, arn, created)
		row = append(append(row, password[:]...), "false")
		row = append(append(row, keys[0][:]...), keys[1][:]...)
		return rows.Write(append(row, "false", "N/A", "false", "N/A", "N/A"))
	}
	const old = "2020-01-01T00:00:00+00:00"
	err := write(
		"<root_account>", "arn:aws:iam::"+a.state.ID+":root", old,
		[4]string{"not_supported", "no_information", "not_supported", "not_supported"}, [2][5]string{absent, absent},
	)
	for _, name := range sorted(a.state.Users) {
		user := a.state.Users[name]
		password := [4]string{"false", "N/A", "N/A", "N/A"}
		if user.Password != nil {
			password = [4]string{
				"true", reportDate(user.Password.Used, "no_information"), reportDate(user.Password.Created, "N/A"), "N/A",
			}
		}
		keys := [2][5]string{absent, absent}
		for i, key := range user.Keys[:min(len(user.Keys), len(keys))] {
			changed := key.Created
			if key.Changed.After(changed) {
				changed = key.Changed
			}
			keys[i][0], keys[i][1] = strconv.FormatBool(key.Status == string(types.StatusTypeActive)), reportDate(changed, "N/A")
			if !key.Used.IsZero() {
				keys[i][2], keys[i][3], keys[i][4] = reportDate(key.Used, "N/A"), usedRegion, usedService
			}
		}
		if err == nil {
			err = write(name, a.arn(name, user), reportDate(user.Created, old), password, keys)
		}
	}
	rows.Flush()
	return []byte(text.String()), err
}

func reportDate(t time.Time, otherwise string) string {
	if t.IsZero() {
		return otherwise
	}
	return t.UTC().Format("2006-01-02T15:04:05+00:00")
}
