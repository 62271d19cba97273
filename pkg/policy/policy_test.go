package policy

import "testing"

func TestDenies(t *testing.T) {
	for _, tc := range []struct {
		name, document string
		want, fails    bool
	}{
		{"one statement that allows", `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`, false, false},
		{"a deny among several statements", `{"Statement":[{"Effect":"Allow"},{"Effect":"Deny","NotAction":"iam:*"}]}`, true, false},
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
		{"everything, in lists and with a colon", `{"Statement":{"Effect":"Allow","Action":["s3:Get*","*:*"],"Resource":["*"]}}`, true},
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
	})
}
