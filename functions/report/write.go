package report

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/report"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/settings"
)

// described is every control, and makes known what they are called in other languages.
func described() ([]control.Control, error) {
	catalogues, err := functions.Catalogues(string(settings.Korean))
	if err != nil {
		return nil, err
	}
	for _, catalogue := range catalogues {
		i18n.Register(string(settings.Korean), catalogue)
	}
	return functions.Controls()
}

// request asks for a report. An empty one, which the schedule sends, is for the last month.
type request struct {
	// Month is a month, as in 2026-10.
	Month string `json:"month,omitempty"`
	// From and To are the first and the last day of another period, as in 2026-10-01.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Language is en or ko; empty means that of the deployment.
	Language settings.Language `json:"language,omitempty"`
}

const forms = `{}, {"month":"2026-10"} or {"from":"2026-10-01","to":"2026-10-15"}, ` +
	`each with "language":"en" or "ko" if it is not to be the deployment's`

// answer says where the report is.
type answer struct {
	// Bucket holds the page and the table under the keys HTML and CSV, Region is the bucket's.
	Bucket string `json:"bucket"`
	Region string `json:"region"`
	HTML   string `json:"html"`
	CSV    string `json:"csv"`
	// Console is the address of the page in the S3 console.
	Console string `json:"console"`
	// Text sums the report up in three lines.
	Text string `json:"text"`
	// Outcome is notified if people were notified of it now, else skipped with the reason: of the same report
	// they are notified once.
	Outcome remediation.Outcome          `json:"outcome"`
	Reason  string                       `json:"reason"`
	Notices []remediation.ReportedNotice `json:"notices"`
}

// objects keeps the reports.
type objects interface {
	PutObject(ctx context.Context, b *s3.Bucket, account string, o s3.Object) error
}

// writer writes reports.
type writer struct {
	// Runner has the ledger, the topic, the settings and the clock.
	*remediation.Runner
	controls []control.Control
	users    iam.GetAccountAuthorizationDetailsAPIClient // lists all IAM users with their tags
	objects  objects
}

// period is what the request asks for.
func (q request) period(now time.Time, zone *time.Location) (report.Period, error) {
	switch {
	case q.Month != "" && q.From+q.To != "", (q.From == "") != (q.To == ""):
		return report.Period{}, errors.New("it names neither a month, nor a first and a last day")
	case q.Month != "":
		return report.Month(q.Month, zone)
	case q.From != "":
		return report.Days(q.From, q.To, zone)
	}
	return report.LastMonth(now, zone), nil
}

// zones are those of a page in the language, unless the settings name one.
var zones = map[settings.Language]string{settings.Korean: "Asia/Seoul"}

// write writes the report that the request asks for, and says where it is. The same request again
// writes it anew under the same names, of which the bucket keeps every version, and notifies nobody.
func (w writer) write(ctx context.Context, q request) (answer, error) {
	now := w.Now()
	language := cmp.Or(q.Language, w.Settings.Language)
	zone, err := i18n.Zone(cmp.Or(w.Settings.Timezone, zones[language]))
	if err != nil {
		return answer{}, err
	}
	period, err := q.period(now, zone)
	switch {
	case err != nil:
	case language != settings.English && language != settings.Korean:
		err = fmt.Errorf("language %q is neither en nor ko", language)
	case !period.From.Before(now):
		err = fmt.Errorf("the period %s has not begun", period)
	}
	if err != nil {
		return answer{}, fmt.Errorf("report request not understood: %w; understood are %s", err, forms)
	}
	source, err := w.source(ctx, language)
	if err != nil {
		return answer{}, err
	}
	r := report.Make(source, period, now)
	name := w.Account + "/" + period.String() + "." + string(language)
	a := answer{Bucket: w.Settings.Reports, Region: w.Region, HTML: name + ".html", CSV: name + ".csv"}
	a.Console = console(a.Region, a.Bucket, a.HTML)
	bucket := &s3.Bucket{Name: a.Bucket, Region: a.Region}
	for _, file := range []struct {
		key, kind string
		render    func(*bytes.Buffer) error
	}{
		{a.CSV, "text/csv; charset=utf-8", func(b *bytes.Buffer) error { return report.CSV(b, r) }},
		{a.HTML, "text/html; charset=utf-8", func(b *bytes.Buffer) error { return report.HTML(b, r, language) }},
	} {
		var body bytes.Buffer
		if err := file.render(&body); err != nil {
			return answer{}, err
		}
		object := s3.Object{Key: file.key, Type: file.kind, Body: body.Bytes()}
		if err := w.objects.PutObject(ctx, bucket, w.Account, object); err != nil {
			return answer{}, fmt.Errorf("put %s into the bucket of reports: %w", file.key, err)
		}
	}
	text := summary(r)
	a.Text = text.In(string(language))
	return a, w.notify(ctx, r, &a, text, now)
}

// source reads what a report is made of.
func (w writer) source(ctx context.Context, language settings.Language) (report.Source, error) {
	s := report.Source{
		Account: w.Account, Region: w.Region, Controls: w.controls, Modes: w.Settings.Modes, Kinds: w.Kinds,
		Language: language, CIS: w.Settings.CIS,
	}
	var err error
	if s.Ledger, err = w.Ledger.Contents(ctx); err != nil {
		return s, err
	}
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(w.users,
		&iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeUser}})
	for page, err := range iamuser.Pages(ctx, pages, "list users") {
		if err != nil {
			return s, err
		}
		for _, user := range page.UserDetailList {
			tags := map[string]string{}
			for _, tag := range user.Tags {
				tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
			}
			s.Users = append(s.Users, report.User{Name: aws.ToString(user.UserName), Tags: tags})
		}
	}
	return s, nil
}

// summary is the report in three lines.
func summary(r report.Report) i18n.Message {
	s := r.Summary()
	return i18n.Join("\n",
		i18n.T("Open at the end: %d findings. Alerts: %d.", s.Open, s.Alerts),
		i18n.T("Changes: %d made, %d reverted, %d only observed, %d on hold or failed.",
			s.Made, s.Undone, s.Observed, s.Stuck),
		i18n.T("Exemptions: %d in force, %d of them end within 30 days, %d invalid.", s.Exempt, s.Soon, s.Faulty),
	)
}

// notify says where the report is, once: of a period that was not over it is notified again when it is.
//
// The link leads to the S3 console, where the reader signs in and CloudTrail can see who read what. A
// presigned URL would be a key to the evidence for whoever the message is forwarded to, and would not
// last: signed with a role's credentials it ends with them
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html).
func (w writer) notify(ctx context.Context, r report.Report, a *answer, text i18n.Message, now time.Time) error {
	title := i18n.T("Evidence of %s", r.String())
	if !r.Over() {
		title = i18n.T("Evidence of %s, preliminary", r.String())
	}
	language := string(w.Settings.Language)
	entry := ledger.Entry{
		ID: remediation.EntryID(report.Tool, a.HTML, r.Over()), Control: report.Tool, At: now, Notify: notice.Alert,
		Severity: string(control.Low),
		Title:    title.In(language), Heading: title.String(), Text: text.In(language),
		Facts: []notice.Fact{
			{Name: i18n.T("Report").In(language), Value: a.Console},
			{Name: i18n.T("Table").In(language), Value: console(a.Region, a.Bucket, a.CSV)},
		},
		Advice: i18n.T("Read it, and keep it with the audit evidence. Opening it needs s3:GetObject on the bucket %s.",
			a.Bucket).In(language),
	}
	a.Outcome, a.Reason = remediation.Skipped, i18n.T("already notified").In(language)
	a.Notices = []remediation.ReportedNotice{}
	first, err := w.Notify(ctx, entry)
	if first {
		a.Outcome, a.Reason = remediation.Notified, ""
		a.Notices = append(a.Notices,
			remediation.ReportedNotice{Kind: notice.Alert, Severity: entry.Severity, Title: entry.Title})
	}
	return err
}

// console is the address of an object in the S3 console of the partition.
// https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/getting-started.html
func console(region, bucket, key string) string {
	host := region + ".console.aws.amazon.com"
	switch {
	case strings.HasPrefix(region, "cn-"):
		host = "console.amazonaws.cn"
	case strings.HasPrefix(region, "us-gov-"):
		host = "console.amazonaws-us-gov.com"
	}
	return "https://" + host + "/s3/object/" + url.PathEscape(bucket) + "?" + url.Values{
		"region": {region}, "prefix": {key},
	}.Encode()
}
