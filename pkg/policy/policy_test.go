package policy

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestDenies(t *testing.T) {
	for _, tc := range []struct {
		name, document string
		want, fails    bool
	}{
		{"one statement that allows", `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`, false, false},
		{"a deny among several statements", `{"Statement":[{"Effect":"Allow"},{"Effect":"Deny","NotAction":"iam:*"}]}`, true,
			false},
		{"a deny in another case", `{"statement":[{"effect":"deny"}]}`, true, false},
		{"a deny hidden behind a second effect", `{"Statement":[{"Effect":"Deny","Effect":"Allow"}]}`, true, false},
		{"an effect nobody knows", `{"Statement":[{"Effect":"Perhaps"}]}`, true, false},
		{"the word as an action or an id", `{"Statement":[{"Sid":"Deny","Effect":"Allow","Action":"x:Deny"}]}`, false, false},
		{"text that is no document", `{"Statement":`, true, true},
		{"two documents", `{} {"Effect":"Allow"}`, true, true},
		{"nothing", ``, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Denies(tc.document)
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("Denies = %v, %v", got, err)
			}
		})
	}
}

func TestAdministers(t *testing.T) {
	for _, tc := range []struct {
		name, document string
		want           bool
	}{
		{"everything", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, true},
		{"everything, in lists and with a colon",
			`{"Statement":{"Effect":"Allow","Action":["s3:Get*","*:*"],"Resource":["*"]}}`, true},
		{"all of IAM", `{"Statement":[{"Effect":"Allow","Action":"IAM:*","Resource":"*"}]}`, true},
		{"everything but a little", `{"Statement":[{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}]}`, true},
		{"all of one service", `{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`, false},
		{"everything on one bucket", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/*"}]}`, false},
		{"a deny of everything", `{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`, false},
		{"text that is no document", `nope`, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := Administers(tc.document); got != tc.want {
				t.Errorf("Administers = %v, %v", got, err)
			}
		})
	}
}

func TestAllowsOnly(t *testing.T) {
	for _, tc := range []struct {
		name, document string
		want           bool
	}{
		{"one of the actions", `{"Statement":[{"Effect":"Allow","Action":"ses:SendRawEmail","Resource":"*"}]}`, true},
		{"both, in another case, with a condition",
			`{"Statement":{"Effect":"Allow","Action":["SES:sendemail","ses:SendRawEmail"],"Resource":"*",` +
				`"Condition":{"StringEquals":{"ses:FromAddress":"a@example.com"}}}}`, true},
		{"two statements", `{"Statement":[{"Effect":"Allow","Action":"ses:SendEmail","Resource":"a"},{"Effect":"Allow",` +
			`"Action":"ses:SendRawEmail","Resource":"b"}]}`, true},
		{"one action more", `{"Statement":[{"Effect":"Allow","Action":["ses:SendRawEmail","s3:GetObject"],"Resource":"*"}]}`,
			false},
		{"a wildcard", `{"Statement":[{"Effect":"Allow","Action":"ses:*","Resource":"*"}]}`, false},
		{"a statement more", `{"Statement":[{"Effect":"Allow","Action":"ses:SendEmail"},{"Effect":"Allow","Action":"*"}]}`,
			false},
		{"everything but", `{"Statement":[{"Effect":"Allow","NotAction":"ses:SendRawEmail","Resource":"*"}]}`, false},
		{"both elements in a statement",
			`{"Statement":[{"Effect":"Allow","Action":"ses:SendRawEmail","NotAction":"s3:*","Resource":"*"}]}`, false},
		{"a second element of the same name",
			`{"Statement":[{"Effect":"Allow","Action":"*","Action":"ses:SendRawEmail","Resource":"*"}]}`, false},
		{"a second element whose name is escaped",
			`{"Statement":[{"Effect":"Allow","\u0041ction":"*","Action":"ses:SendRawEmail","Resource":"*"}]}`, false},
		{"a second list of statements",
			`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}],"Statement":[{"Effect":"Allow",` +
				`"Action":"ses:SendEmail"}]}`, false},
		{"a deny", `{"Statement":[{"Effect":"Deny","Action":"ses:SendRawEmail","Resource":"*"}]}`, false},
		{"no statement", `{"Statement":[]}`, false},
		{"text that is no document", `nope`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := AllowsOnly(tc.document, "ses:SendRawEmail", "ses:SendEmail"); got != tc.want {
				t.Errorf("AllowsOnly = %v", got)
			}
		})
	}
}

func FuzzDenies(f *testing.F) {
	f.Add(`{"Statement":[{"Effect":"Deny"}]}`)
	f.Add(`{"Statement":{"Effect":"Allow"}}`)
	f.Fuzz(func(t *testing.T, document string) {
		denies, err := Denies(document)
		if err != nil && !denies {
			t.Error("a document that cannot be read does not deny")
		}
		if administers, err := Administers(document); err != nil && !administers {
			t.Error("a document that cannot be read does not administer")
		}
		if AllowsOnly(document, "ses:SendRawEmail") && (denies || err != nil) {
			t.Error("a document that denies or cannot be read allows only what it should")
		}
		// Whatever stands in a document, a Deny beside it is seen, and so are all rights.
		var parsed map[string]json.RawMessage
		if err != nil || json.Unmarshal([]byte(document), &parsed) != nil || parsed == nil {
			return
		}
		statements, valid := parsed["Statement"], bytes.HasPrefix(bytes.TrimSpace(parsed["Statement"]), []byte("["))
		if !valid {
			return
		}
		beside := func(statement string) string {
			inner := bytes.TrimSpace(statements)[1:]
			separator := ","
			if len(bytes.TrimSpace(inner)) == 1 {
				separator = ""
			}
			return `{"Statement":[` + statement + separator + string(inner) + `}`
		}
		if denies, err := Denies(beside(`{"Effect":"Deny","Action":"*","Resource":"*"}`)); err == nil && !denies {
			t.Errorf("a Deny beside %s is not seen", statements)
		}
		if administers, err := Administers(beside(`{"Effect":"Allow","Action":"*","Resource":"*"}`)); err == nil &&
			!administers {
			t.Errorf("all rights beside %s are not seen", statements)
		}
	})
}
