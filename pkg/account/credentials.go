package account

import (
	"cmp"
	"context"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// DeleteAccessKey deletes a key, active or not, as IAM does.
func (a *Account) DeleteAccessKey(_ context.Context, in *iam.DeleteAccessKeyInput, _ ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error) {
	return call(a, "iam:DeleteAccessKey", func() (*iam.DeleteAccessKeyOutput, error) {
		user, err := a.user(in.UserName)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(user.Keys, func(k Key) bool { return k.ID == aws.ToString(in.AccessKeyId) })
		if at < 0 {
			return nil, missing("The Access Key with id %s cannot be found.", aws.ToString(in.AccessKeyId))
		}
		user.Keys = slices.Delete(user.Keys, at, at+1)
		return &iam.DeleteAccessKeyOutput{}, nil
	})
}

// GetLoginProfile says since when a user has a password.
func (a *Account) GetLoginProfile(_ context.Context, in *iam.GetLoginProfileInput, _ ...func(*iam.Options)) (*iam.GetLoginProfileOutput, error) {
	return call(a, "iam:GetLoginProfile", func() (*iam.GetLoginProfileOutput, error) {
		user, err := a.user(in.UserName)
		if err != nil {
			return nil, err
		}
		if user.Password == nil {
			return nil, missing("Login Profile for User %s cannot be found.", *in.UserName)
		}
		return &iam.GetLoginProfileOutput{LoginProfile: &types.LoginProfile{UserName: in.UserName, CreateDate: aws.Time(user.Password.Created)}}, nil
	})
}

// GenerateCredentialReport begins the credential report when it is asked for the first time, and
// has it from then on. The report says what is so at the time it is got; that of IAM may be four
// hours old.
func (a *Account) GenerateCredentialReport(context.Context, *iam.GenerateCredentialReportInput, ...func(*iam.Options)) (*iam.GenerateCredentialReportOutput, error) {
	return call(a, "iam:GenerateCredentialReport", func() (*iam.GenerateCredentialReportOutput, error) {
		state := types.ReportStateTypeStarted
		if a.reported {
			state = types.ReportStateTypeComplete
		}
		a.reported = true
		return &iam.GenerateCredentialReportOutput{State: state}, nil
	})
}

// reportColumns are those of the credential report, in their order
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html).
const reportColumns = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
	"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
	"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated,additional_credentials_info"

// GetCredentialReport returns the credential report. What a key's last_rotated says is when it was
// created or its status last changed.
func (a *Account) GetCredentialReport(context.Context, *iam.GetCredentialReportInput, ...func(*iam.Options)) (*iam.GetCredentialReportOutput, error) {
	return call(a, "iam:GetCredentialReport", func() (*iam.GetCredentialReportOutput, error) {
		if !a.reported {
			return nil, &types.CredentialReportNotPresentException{Message: aws.String("Report does not exist.")}
		}
		var text strings.Builder
		rows := csv.NewWriter(&text)
		columns := strings.Split(reportColumns, ",")
		write := func(values map[string]string) error {
			row := make([]string, len(columns))
			for i, column := range columns {
				row[i] = "N/A"
				if value, ok := values[column]; ok {
					row[i] = value
				}
			}
			return rows.Write(row)
		}
		err := rows.Write(columns)
		if err == nil {
			err = write(map[string]string{
				"user": "<root_account>", "arn": "arn:aws:iam::" + a.state.ID + ":root", "user_creation_time": "2020-01-01T00:00:00+00:00",
				"password_enabled": "not_supported", "password_last_used": "no_information", "password_last_changed": "not_supported",
				"access_key_1_active": "false", "access_key_2_active": "false",
			})
		}
		for _, name := range sorted(a.state.Users) {
			if err == nil {
				err = write(reportRow(a.describe(name, a.state.Users[name]), a.state.Users[name]))
			}
		}
		rows.Flush()
		return &iam.GetCredentialReportOutput{Content: []byte(text.String()), ReportFormat: types.ReportFormatTypeTextCsv}, err
	})
}

func reportRow(described types.User, user *User) map[string]string {
	date := func(t time.Time, otherwise string) string {
		if t.IsZero() {
			return otherwise
		}
		return t.UTC().Format("2006-01-02T15:04:05+00:00")
	}
	row := map[string]string{
		"user": *described.UserName, "arn": *described.Arn, "user_creation_time": date(user.Created, "2020-01-01T00:00:00+00:00"),
		"password_enabled": strconv.FormatBool(user.Password != nil), "access_key_1_active": "false", "access_key_2_active": "false",
	}
	if user.Password != nil {
		row["password_last_used"], row["password_last_changed"] = date(user.Password.Used, "no_information"), date(user.Password.Created, "N/A")
	}
	for i, key := range user.Keys {
		column := "access_key_" + strconv.Itoa(i+1)
		changed := key.Created
		if key.Changed.After(changed) {
			changed = key.Changed
		}
		row[column+"_active"] = strconv.FormatBool(key.Status == "Active")
		row[column+"_last_rotated"] = date(changed, "N/A")
		row[column+"_last_used_date"] = date(key.Used, "N/A")
	}
	return row
}

// GetAccountAuthorizationDetails lists the users with what is attached to them; it knows no other filter.
func (a *Account) GetAccountAuthorizationDetails(_ context.Context, in *iam.GetAccountAuthorizationDetailsInput, _ ...func(*iam.Options)) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	return call(a, "iam:GetAccountAuthorizationDetails", func() (*iam.GetAccountAuthorizationDetailsOutput, error) {
		names, next := page(cmp.Or(a.Details, a.Page), sorted(a.state.Users), in.Marker, in.MaxItems)
		out := &iam.GetAccountAuthorizationDetailsOutput{Marker: next, IsTruncated: next != nil}
		for _, name := range names {
			user := a.state.Users[name]
			described := a.describe(name, user)
			detail := types.UserDetail{UserName: described.UserName, UserId: described.UserId, Path: described.Path, Arn: described.Arn, GroupList: user.Groups, Tags: tagsOf(user)}
			if user.Boundary != "" {
				detail.PermissionsBoundary = &types.AttachedPermissionsBoundary{PermissionsBoundaryArn: &user.Boundary}
			}
			for _, policy := range user.Attached {
				detail.AttachedManagedPolicies = append(detail.AttachedManagedPolicies, types.AttachedPolicy{
					PolicyArn: aws.String(policy), PolicyName: aws.String(policy[strings.LastIndex(policy, "/")+1:]),
				})
			}
			for _, inline := range sorted(user.Inline) {
				detail.UserPolicyList = append(detail.UserPolicyList, types.PolicyDetail{PolicyName: aws.String(inline), PolicyDocument: encoded(user.Inline[inline])})
			}
			out.UserDetailList = append(out.UserDetailList, detail)
		}
		return out, nil
	})
}
