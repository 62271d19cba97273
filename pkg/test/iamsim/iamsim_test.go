package iamsim

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const alice = "arn:aws:iam::123456789012:user/alice"

func documents(texts ...string) []json.RawMessage {
	var all []json.RawMessage
	for _, text := range texts {
		all = append(all, json.RawMessage(text))
	}
	return all
}

// What the tests rely on the simulator for, it must do.
func TestSimulator_KnownCases(t *testing.T) {
	const (
		allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*",` +
			`"Resource":"arn:aws:s3:::reports/*"}]}`
		deny = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*",` +
			`"Resource":"arn:aws:s3:::reports/secret/*"}]}`
		notAction = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}]}`
		condition = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*",` +
			`"Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}]}`
	)
	get := Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::reports/a.txt"}
	secret := Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::reports/secret/a.txt"}
	from := func(ip string) Request {
		return Request{Action: get.Action, Resource: get.Resource, Context: map[string]string{"aws:SourceIp": ip}}
	}
	for _, tc := range []struct {
		name     string
		policies []json.RawMessage
		boundary string
		request  Request
		want     Answer
	}{
		{"without a policy nothing is allowed", nil, "", get, ImplicitlyDenied},
		{"what a policy allows is", documents(allow), "", get, Allowed},
		{
			"of something else it is not", documents(allow), "",
			Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::other/a.txt"}, ImplicitlyDenied,
		},
		{"a deny wins", documents(allow, deny), "", secret, ExplicitlyDenied},
		{"NotAction allows the rest", documents(notAction), "", get, Allowed},
		{
			"and not what it names", documents(notAction), "", Request{Action: "iam:GetUser", Resource: alice}, ImplicitlyDenied,
		},
		{"a condition that is met allows", documents(condition), "", from("203.0.113.9"), Allowed},
		{"one that is not met does not", documents(condition), "", from("198.51.100.9"), ImplicitlyDenied},
		{
			"nothing beyond the boundary is allowed", documents(notAction), allow,
			Request{Action: "s3:PutObject", Resource: "arn:aws:s3:::reports/a.txt"}, ImplicitlyDenied,
		},
		{"a policy of AWS is in one's own account", documents(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetPolicy","Resource":"*",` +
				`"Condition":{"StringEquals":{"aws:ResourceAccount":"123456789012"}}}]}`,
		), "",
			Request{Action: "iam:GetPolicy", Resource: "arn:aws:iam::aws:policy/ReadOnlyAccess"}, Allowed},
		{"nothing of another account is allowed by oneself", documents(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
		), "",
			Request{Action: "iam:GetUser", Resource: "arn:aws:iam::999999999999:user/bob"}, ImplicitlyDenied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			principal := Principal{ARN: alice, Policies: tc.policies, Requests: []Request{tc.request}}
			if tc.boundary != "" {
				principal.Boundary = json.RawMessage(tc.boundary)
			}
			got, err := Ask(t.Context(), []Principal{principal})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([][]Answer{{tc.want}}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSimulator_BadPolicy(t *testing.T) {
	for _, tc := range []struct {
		name, policy string
		request      Request
	}{
		{
			"an action that does not exist", `{"Version":"2012-10-17","Statement":[]}`,
			Request{Action: "iam:CreateUsers", Resource: alice},
		},
		{
			"a resource that the action does not take", `{"Version":"2012-10-17","Statement":[]}`,
			Request{Action: "iam:CreateUser", Resource: "arn:aws:s3:::reports"},
		},
		{
			"a policy that is none", `{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps","Action":"*","Resource":"*"}]}`,
			Request{Action: "iam:GetUser", Resource: alice},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Ask(t.Context(),
				[]Principal{{ARN: alice, Policies: documents(tc.policy), Requests: []Request{tc.request}}})
			if err == nil || !strings.Contains(err.Error(), tc.request.Action) {
				t.Errorf("error %v, want one that names %s", err, tc.request.Action)
			}
		})
	}
}

// What is asked must be what AWS would ask.
func TestSimulator_BadQuestion(t *testing.T) {
	allow := documents(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	for name, request := range map[string]Request{
		"an action on a resource without one": {Action: "iam:GetUser", Resource: "*"},
		"a key that the action has not": {Action: "iam:GetUser", Resource: alice, Context: map[string]string{
			"iam:PolicyARN": "arn:aws:iam::aws:policy/ReadOnlyAccess",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Ask(t.Context(), []Principal{{ARN: alice, Policies: allow, Requests: []Request{request}}}); err == nil {
				t.Error("no error")
			}
		})
	}
}

// The policy of a resource counts: another account's must let its caller in, and a key's anybody.
func TestSimulator_ResourcePolicy(t *testing.T) {
	allow := documents(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:SendMessage","kms:Decrypt",` +
			`"sts:AssumeRoot"],"Resource":"*"}]}`,
	)
	everybody := json.RawMessage(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
	)
	const key = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
	const queue = "arn:aws:sqs:us-east-1:999999999999:q"
	got, err := Ask(t.Context(), []Principal{
		{ARN: alice, Policies: allow, Requests: []Request{
			{Action: "sqs:SendMessage", Resource: queue}, {Action: "sqs:SendMessage", Resource: queue, Policy: everybody},
			{Action: "kms:Decrypt", Resource: key}, {Action: "kms:Decrypt", Resource: key, Policy: everybody},
			{Action: "sts:AssumeRoot", Resource: "arn:aws:iam::999999999999:root"},
		}},
		{ARN: alice, Requests: []Request{{Action: "sqs:SendMessage", Resource: queue, Policy: everybody}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]Answer{{ImplicitlyDenied, Allowed, ImplicitlyDenied, Allowed, Allowed}, {ImplicitlyDenied}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
