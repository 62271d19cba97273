package policy

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
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
		{"a deny in another case", `{"statement":[{"effect":"deny"}]}`, true, true},
		{"a deny that a second effect replaces", `{"Statement":[{"Effect":"Deny","Effect":"Allow"}]}`, false, false},
		{"a second effect that denies", `{"Statement":[{"Effect":"Allow","Effect":"Deny"}]}`, true, false},
		{"an effect nobody knows", `{"Statement":[{"Effect":"Perhaps"}]}`, true, true},
		{"the word as an action or an id", `{"Statement":[{"Sid":"Deny","Effect":"Allow","Action":"x:Deny"}]}`, false, false},
		{"the element as an id", `{"Statement":[{"Sid":"Effect","Effect":"Allow","Action":"x:Effect"}]}`, false, false},
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
		{"everything, on all ARNs", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:*"}]}`, true},
		{"everything, on all but one", `{"Statement":[{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::b"}]}`, true},
		{"everything, beside a deny of little", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
			`{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}]}`, true},
		{"everything, beside a deny under a condition", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
			`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`, true},
		{"everything, and denied", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
			`{"Effect":"Deny","NotAction":"s3:Get*","Resource":"*"}]}`, false},
		{"everything on IAM's resources", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:iam::*:*"}]}`,
			true},
		{"all of IAM, with more stars", `{"Statement":[{"Effect":"Allow","Action":"iam:**","Resource":"*"}]}`, true},
		{"all of IAM, with a question mark", `{"Statement":[{"Effect":"Allow","Action":"iam:?*","Resource":"*"}]}`, true},
		{"all of IAM, in pieces", `{"Statement":[{"Effect":"Allow","Action":["iam:*a*","iam:*e*","iam:*i*","iam:*o*"],` +
			`"Resource":["arn:aws:iam::*:role/*","arn:aws:iam::*:user/*"]}]}`, true},
		{"all of IAM, on its ARNs", `{"Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::*:*"}]}`, true},
		{"all of IAM, to read", `{"Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*"],"Resource":"*"}]}`, false},
		{"everything but little, on all ARNs",
			`{"Statement":[{"Effect":"Allow","NotAction":["s3:*","iam:Delete*"],"Resource":"arn:*"}]}`, true},
		{"everything, without a resource", `{"Statement":[{"Effect":"Allow","Action":"*"}]}`, true},
		{"everything but a little", `{"Statement":[{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}]}`, true},
		{"all of one service", `{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`, false},
		{"everything on one bucket", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/*"}]}`, false},
		{"a deny of everything", `{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`, false},
		{"everything, by the second action",
			`{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Action":"*","Resource":"*"}]}`, true},
		{"everything, by the first action",
			`{"Statement":[{"Effect":"Allow","Action":"*","Action":"s3:GetObject","Resource":"*"}]}`, true},
		{"everything, by the first of two lists of statements", `{"Statement":[{"Effect":"Allow","Action":"*",` +
			`"Resource":"*"}],"Statement":[]}`, true},
		{"everything, unless the second effect counts",
			`{"Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}}`, true},
		{"everything, after an element that is none",
			`{"Statement":{"Effect":{"a":1},"Effect":"Allow","Action":"*","Resource":"*"}}`, true},
		{"everything, before an element that is none",
			`{"Statement":{"Effect":"Allow","Effect":{"a":1},"Action":"*","Resource":"*"}}`, true},
		{"little, twice", `{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Action":"s3:PutObject","Resource":"*"}}`,
			false},
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

func TestOnlyDenies(t *testing.T) {
	for _, tc := range []struct {
		name, document, want string
		ok                   bool
	}{
		{
			"the allowing one goes, all else stays",
			"{ \"Version\":\"2012-10-17\",\n \"Statement\" : [ {\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"} ,\t" +
				"{ \"Sid\":\"{Allow}\", \"Effect\":\"Deny\",\"Action\":\"s3:*\",\"Resource\":\"*\" }\n], \"Id\":\"x\" }",
			"{ \"Version\":\"2012-10-17\",\n \"Statement\" : [ " +
				"{ \"Sid\":\"{Allow}\", \"Effect\":\"Deny\",\"Action\":\"s3:*\",\"Resource\":\"*\" }\n], \"Id\":\"x\" }", true,
		},
		{"several", `{"Statement":[{"Effect":"Deny","Action":"a:*"},{"Effect":"Allow"},{"Effect":"Deny","Action":"b:*"}]}`,
			`{"Statement":[{"Effect":"Deny","Action":"a:*"},{"Effect":"Deny","Action":"b:*"}]}`, true},
		{"only denies", `{"Statement": {"Effect":"Deny","Action":"a:*"}}`, `{"Statement": {"Effect":"Deny","Action":"a:*"}}`, true},
		{"denies nothing", `{"Statement":[{"Effect":"Allow"}]}`, "", false},
		{"one that allows", `{"Statement":{"Effect":"Allow"}}`, "", false},
		{"a deny that a second effect replaces", `{"Statement":{"Effect":"Deny","Effect":"Allow"}}`, "", false},
		{"a second effect that denies, beside one that allows",
			`{"Statement":[{"Effect":"Allow", "Effect":"Deny","Action":"a:*"},{"Effect":"Allow"}]}`,
			`{"Statement":[{"Effect":"Deny","Action":"a:*"}]}`, true},
		{"a second effect that denies, alone", `{"Statement":{"Effect":"Allow","Effect":"Deny"}}`,
			`{"Statement":{"Effect":"Deny"}}`, true},
		{"text that is no document", `nope`, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, ok := OnlyDenies(tc.document); got != tc.want || ok != tc.ok {
				t.Errorf("%q, %v", got, ok)
			}
		})
	}
}

func FuzzDenies(f *testing.F) {
	f.Add(`{"Statement":[{"Effect":"Deny"}]}`)
	f.Add(`{"Statement":{"Effect":"Allow"}}`)
	f.Add(`{"Version":"2012-10-17","Id":"i","Statement":[{"Sid":"Deny","Effect":"Allow","NotAction":["iam:*",null],` +
		`"NotResource":"arn:aws:s3:::${aws:username}*"},{"Effect":"Deny","Action":"*","Resource":"*",` +
		`"Condition":{"Bool":{"aws:ViaAWSService":false}}}]}`)
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
		v := Assess(Holder{}, document)
		if (v.Err != nil) != (v.Level == Unreadable) || (v.Level == Harmless) != v.Describe().Empty() {
			t.Errorf("assessment %v", v)
		}
		if rest, ok := OnlyDenies(document); ok {
			statements, err := parse(rest)
			all, _ := parse(document)
			if err != nil || slices.ContainsFunc(statements, func(s statement) bool { return s.allow }) ||
				len(statements) != len(slices.DeleteFunc(all, func(s statement) bool { return s.allow })) {
				t.Errorf("what is left is %s", rest)
			}
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

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		pattern, text string
		want          bool
	}{
		{"dynamodb:PutItem", "dynamodb:PutItem", true}, {"dynamodb:Put*", "dynamodb:PutItem", true},
		{"*", "", true}, {"", "", true}, {"", "x", false}, {"?", "", false}, {"?", "x", true}, {"a?c*", "abc", true},
		{"a*b*c", "a-b-b-c", true}, {"a*b*c", "a-b-c-d", false}, {"A", "a", false},
		{"a?", "a*", true}, {"ab", "a*", false}, {"ab", "a?", false}, // in a text they are characters
		{strings.Repeat("a*", 40) + "b", strings.Repeat("a", 4000), false},
	} {
		if got := Matches(tc.pattern, tc.text); got != tc.want {
			t.Errorf("Matches(%.20q, %.20q) = %t", tc.pattern, tc.text, got)
		}
	}
}

// What a pattern covers is taken away by a Deny: a pattern that is said to cover more than it does would hide a right.
func TestCovers(t *testing.T) {
	for _, tc := range []struct {
		pattern, other string
		want           bool
	}{
		{"*", "*", true}, {"*", "?", true}, {"*", "", true}, {"**", "a*", true},
		{"?", "?", true}, {"?", "a", true}, {"?", "*", false}, {"?", "", false}, {"?", "ab", false},
		{"user/?", "user/*", false}, {"user/?*", "user/*", false}, {"user/*", "user/?", true},
		{"a*b", "a*", false}, {"a*b", "a*b", true}, {"a*b", "axxb", true}, {"a*b*", "acb", true}, {"a*b?", "a*b", false},
		{"*a", "ba", true}, {"*a", "ab", false}, {"a", "a*", false}, {"a*", "b", false}, {"", "", true}, {"", "a", false},
	} {
		if got := covers(tc.pattern, tc.other); got != tc.want {
			t.Errorf("covers(%q, %q) = %t", tc.pattern, tc.other, got)
		}
	}
}

// A Deny with a policy variable denies one resource whose name nobody knows beforehand; one with ? those of one letter.
func TestAllows_WhatADenyLeaves(t *testing.T) {
	const all = `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
	for _, tc := range []struct {
		deny string
		want bool
	}{
		{`"Action": "iam:*", "Resource": "*"`, false},
		{`"Action": "iam:*", "Resource": "arn:aws:iam::*:user/*"`, false},
		{`"Action": "iam:*", "Resource": "arn:aws:iam::*:user/${aws:username}"`, true},
		{`"Action": "iam:*", "Resource": "arn:aws:iam::*:${aws:PrincipalTag/kind}/*"`, true},
		{`"Action": "iam:*", "Resource": "arn:aws:iam::*:user/?"`, true},
		{`"Action": "iam:*", "Resource": "arn:aws:iam::*:user/?????"`, false},
		{`"Action": "iam:*", "NotResource": "arn:aws:iam::*:role/*"`, false},
		{`"Action": "iam:*", "NotResource": "arn:aws:iam::*:user/${aws:username}"`, true},
	} {
		document := `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", ` + tc.deny + `}}`
		got, err := Allows("iam:PutUserPolicy", "arn:aws:iam::111122223333:user/alice", all, document)
		if err != nil || got != tc.want {
			t.Errorf("%s: %t, %v; want %t", tc.deny, got, err, tc.want)
		}
	}
}

func TestBounds(t *testing.T) {
	for document, want := range map[string]bool{
		``: false,
		`{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`:        false,
		`{"Statement": {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}}`:    false,
		`{"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}`: false,
		`{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}`:     true,
		`{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}`:         true,
		`{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
			{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}`: true,
		`{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
			{"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}]}`: false,
		`{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
			{"Effect": "Deny", "Action": "iam:*", "Resource": "arn:aws:iam::*:user/${aws:username}"}]}`: false,
	} {
		if got := Bounds(document); got != want {
			t.Errorf("Bounds(%s) = %t, want %t", document, got, want)
		}
	}
}
