package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/envelope"
	"github.com/warder-aws/warder/infra/local/front"
	"github.com/warder-aws/warder/infra/local/judge"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
)

// plumbing is what every function of a control may do beside what its control.json lists.
var plumbing = []string{
	"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "iam:GetUser", "kms:Decrypt", "kms:GenerateDataKey",
	"logs:CreateLogStream", "logs:PutLogEvents", "sns:Publish", "sqs:SendMessage", "ssm:GetParameter",
}

// nobody is what no function may do, whatever it is for.
var nobody = []judge.Request{
	{Action: "iam:CreateUser", Resource: "arn:aws:iam::123456789012:user/mallory"},
	{Action: "iam:DeleteUser", Resource: "arn:aws:iam::123456789012:user/alice"},
	{Action: "iam:DeleteUser", Resource: "arn:aws:iam::123456789012:user/warder-drill"}, // of this name, not below this path
	{Action: "iam:CreateLoginProfile", Resource: "arn:aws:iam::123456789012:user/alice"},
	{Action: "iam:AttachRolePolicy", Resource: "arn:aws:iam::123456789012:role/warder/warder-undo", Context: map[string]string{"iam:PolicyARN": administrator}},
	{Action: "iam:PutRolePolicy", Resource: "arn:aws:iam::123456789012:role/warder/warder-undo"},
	{Action: "iam:UpdateAssumeRolePolicy", Resource: "arn:aws:iam::123456789012:role/admin"},
	{Action: "iam:CreatePolicyVersion", Resource: "arn:aws:iam::123456789012:policy/p"},
	{Action: "iam:AttachGroupPolicy", Resource: "arn:aws:iam::123456789012:group/g", Context: map[string]string{"iam:PolicyARN": administrator}},
	{Action: "iam:DeactivateMFADevice", Resource: "arn:aws:iam::123456789012:user/alice"},
	{Action: "sts:AssumeRole", Resource: "arn:aws:iam::123456789012:role/admin"},
	{Action: "dynamodb:DeleteItem", Resource: "arn:aws:dynamodb:us-east-1:123456789012:table/warder"},
	{Action: "dynamodb:DeleteTable", Resource: "arn:aws:dynamodb:us-east-1:123456789012:table/warder"},
	{Action: "dynamodb:PutItem", Resource: "arn:aws:dynamodb:us-east-1:123456789012:table/orders"},
	{Action: "sns:Publish", Resource: "arn:aws:sns:us-east-1:123456789012:orders"},
	{Action: "sns:Subscribe", Resource: "arn:aws:sns:us-east-1:123456789012:orders"},
	{Action: "ssm:PutParameter", Resource: "arn:aws:ssm:us-east-1:123456789012:parameter/warder/halt"},
	{Action: "ssm:GetParameter", Resource: "arn:aws:ssm:us-east-1:123456789012:parameter/db/password"},
	{Action: "logs:DeleteLogGroup", Resource: "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/warder-undo:*"},
	{Action: "lambda:UpdateFunctionCode", Resource: "arn:aws:lambda:us-east-1:123456789012:function:warder-undo"},
	{Action: "lambda:InvokeFunction", Resource: "arn:aws:lambda:us-east-1:123456789012:function:warder-undo"},
	{Action: "events:PutEvents", Resource: "arn:aws:events:us-east-1:123456789012:event-bus/warder", Context: map[string]string{"events:source": "aws.signin"}},
	{Action: "events:PutEvents", Resource: "arn:aws:events:us-east-1:123456789012:event-bus/default", Context: map[string]string{"events:source": "warder.drill"}},
	{Action: "events:DisableRule", Resource: "arn:aws:events:us-east-1:123456789012:rule/warder"},
	{Action: "cloudtrail:StopLogging", Resource: "arn:aws:cloudtrail:us-east-1:123456789012:trail/main"},
	{Action: "s3:GetObject", Resource: "arn:aws:s3:::reports/a"},
	{Action: "secretsmanager:GetSecretValue", Resource: "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf"},
}

// writes are changes of users that only those functions may make whose control.json says so.
var writes = []judge.Request{
	{Action: "iam:AttachUserPolicy", Resource: "arn:aws:iam::123456789012:user/alice", Context: map[string]string{"iam:PolicyARN": administrator}},
	{Action: "iam:PutUserPolicy", Resource: "arn:aws:iam::123456789012:user/alice"},
	{Action: "iam:DetachUserPolicy", Resource: "arn:aws:iam::123456789012:user/alice", Context: map[string]string{"iam:PolicyARN": administrator}},
	{Action: "iam:UpdateAccessKey", Resource: "arn:aws:iam::123456789012:user/alice"},
	{Action: "iam:DeleteAccessKey", Resource: "arn:aws:iam::123456789012:user/alice"},
	{Action: "iam:CreateAccessKey", Resource: "arn:aws:iam::123456789012:user/alice"},
	{Action: "iam:AddUserToGroup", Resource: "arn:aws:iam::123456789012:group/administrators"},
	{Action: "iam:DeleteUserPermissionsBoundary", Resource: "arn:aws:iam::123456789012:user/alice"},
	{Action: "dynamodb:Scan", Resource: "arn:aws:dynamodb:us-east-1:123456789012:table/warder"},
}

// A role is that of a function.
type role struct {
	function string
	control  control.Control
	asks     judge.Principal
	wants    []bool // whether each request is to be allowed
}

func (r *role) ask(request judge.Request, allowed bool) {
	r.asks.Requests, r.wants = append(r.asks.Requests, request), append(r.wants, allowed)
}

// lists reports whether the function is meant to have the action.
func (r *role) lists(action string) bool {
	return !r.control.Tool && slices.Contains(plumbing, action) || slices.ContainsFunc(r.control.Permissions, func(p control.Permission) bool {
		return slices.Contains(p.Actions, action)
	})
}

// Each role allows what its function was seen to do, and nothing that others do, that is done in
// another account, or that nobody is to do.
func TestRolesAllowWhatFunctionsDoAndNothingElse(t *testing.T) {
	t.Chdir(root(t))
	s, err := openStage(t.Context(), printer{out: io.Discard}, scene{mode: "enforce"}, false, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.account.Close)
	calls := traffic(t, s)
	roles := rolesOf(t, s.account)

	seen := map[string]int{}
	for _, call := range calls {
		request := judge.Request{Action: call.Action, Resource: call.Resource, Context: call.Conditions}
		for _, role := range roles {
			switch {
			case role.function == call.Function:
				seen[call.Function]++
				role.ask(request, true)
				if there, ok := elsewhere(request); ok {
					role.ask(there, false)
				}
			case !role.lists(call.Action):
				role.ask(request, false)
			}
		}
	}
	var principals []judge.Principal
	for _, role := range roles {
		if seen[role.function] == 0 {
			t.Errorf("%s made no call: nothing is known of its role", role.function)
		}
		for _, request := range nobody {
			role.ask(request, false)
		}
		for _, request := range writes {
			if !role.lists(request.Action) {
				role.ask(request, false)
			}
		}
		principals = append(principals, role.asks)
	}
	answers, err := judge.Ask(t.Context(), principals)
	if err != nil {
		t.Fatal(err)
	}
	allowed, denied := 0, 0
	for i, role := range roles {
		for k, want := range role.wants {
			if want {
				allowed++
			} else {
				denied++
			}
			if got := answers[i][k] == judge.Allowed; got != want {
				t.Errorf("%s: %+v is %s; allowed %t, want %t", role.function, role.asks.Requests[k], answers[i][k], got, want)
			}
		}
	}
	t.Logf("%d roles: %d calls allowed, %d others denied", len(roles), allowed, denied)
}

// elsewhere is the same request about a thing of another account, if it is about one at all.
func elsewhere(request judge.Request) (judge.Request, bool) {
	const another = "999999999999"
	parts := strings.SplitN(request.Resource, ":", 6)
	if len(parts) < 6 || parts[4] == "aws" {
		return request, false
	}
	request.Context = maps.Clone(request.Context)
	if parts[4] == "" { // the ARN of a bucket does not say whose it is
		request.Context = map[string]string{"aws:ResourceAccount": another}
	} else {
		parts[4] = another
	}
	request.Resource = strings.Join(parts, ":")
	return request, true
}

// traffic has every function do what it does, and returns the distinct calls that they made.
func traffic(t *testing.T, s *stage) []front.Call {
	t.Helper()
	for _, c := range story[len(story)-1].chapters {
		if err := c.play(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", c.title, err)
		}
	}
	// The chapters have used up what a control may change in an hour.
	var answer drill.Answer
	if err := s.invoke(t.Context(), "drill", drill.Request{By: "kim@example.com", Minutes: 2}, &answer); err != nil || answer.Outcome == drill.Failed {
		t.Fatalf("drill: %+v, %v", answer, err)
	}
	files, err := envelope.Files([]string{"events"})
	if err != nil {
		t.Fatal(err)
	}
	var deliveries sync.WaitGroup
	for _, file := range files {
		event, err := readEvent(file)
		if err != nil {
			t.Fatal(err)
		}
		// They happened in the documentation's account.
		happened := bytes.ReplaceAll(event.JSON, []byte("111122223333"), []byte("123456789012"))
		takePlace(t, s, happened)
		deliveries.Go(func() {
			if _, err := deliver(t.Context(), s.account.URL, happened); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		})
	}
	deliveries.Wait()
	for _, rule := range s.account.Stack.Rules {
		if rule.Schedule != "" {
			if err := s.sweep(t.Context(), strings.TrimPrefix(rule.Function, prefix), time.Now()); err != nil {
				t.Fatalf("sweep of %s: %v", rule.Function, err)
			}
		}
	}
	if err := s.account.host.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.account.URL+"/_warder/calls", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var calls []front.Call
	if err := json.NewDecoder(response.Body).Decode(&calls); err != nil {
		t.Fatal(err)
	}
	key := func(c front.Call) string {
		return c.Function + " " + c.Action + " " + c.Resource + " " + c.Conditions["iam:PolicyARN"]
	}
	slices.SortFunc(calls, func(a, b front.Call) int { return cmp.Compare(key(a), key(b)) })
	return slices.CompactFunc(calls, func(a, b front.Call) bool { return key(a) == key(b) })
}

// takePlace makes the account as the call that the event records would have left it, as far as
// functions wait for that.
func takePlace(t *testing.T, s *stage, event []byte) {
	t.Helper()
	var recorded struct {
		Detail struct {
			EventName, ErrorCode string
			RequestParameters    struct{ UserName, PolicyArn, PolicyName, PolicyDocument *string }
		}
	}
	detail, p := &recorded.Detail, &recorded.Detail.RequestParameters
	if json.Unmarshal(event, &recorded) != nil || detail.ErrorCode != "" || p.UserName == nil {
		return
	}
	client := iam.NewFromConfig(own(s.account.moto))
	_, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: p.UserName})
	var exists *iamtypes.EntityAlreadyExistsException
	if errors.As(err, &exists) {
		err = nil
	}
	switch {
	case err != nil:
	case detail.EventName == "AttachUserPolicy":
		if name, ok := strings.CutPrefix(*p.PolicyArn, "arn:aws:iam::123456789012:policy/"); ok {
			_, err := client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{
				PolicyName: &name, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`),
			})
			if err != nil {
				t.Errorf("create policy %s: %v", name, err)
			}
		}
		_, err = client.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: p.UserName, PolicyArn: p.PolicyArn})
	case detail.EventName == "PutUserPolicy" && p.PolicyDocument != nil:
		_, err = client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: p.UserName, PolicyName: p.PolicyName, PolicyDocument: p.PolicyDocument})
	}
	if err != nil {
		t.Errorf("%s of %s: %v", detail.EventName, *p.UserName, err)
	}
}

// rolesOf are the roles of the template's functions, with their policies as they were made from it.
func rolesOf(t *testing.T, a *account) []*role {
	t.Helper()
	all, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	client := iam.NewFromConfig(own(a.moto))
	var roles []*role
	for _, f := range a.Stack.Functions {
		at := slices.IndexFunc(all, func(c control.Control) bool { return prefix+c.ID == f.Name })
		if at < 0 {
			t.Fatalf("%s is no function of functions/", f.Name)
		}
		name := f.Role[strings.LastIndex(f.Role, "/")+1:]
		r := &role{function: f.Name, control: all[at]}
		r.asks.ARN = "arn:aws:sts::123456789012:assumed-role/" + name + "/" + f.Name
		r.asks.Policies = policiesOf(t, client, name)
		roles = append(roles, r)
	}
	return roles
}

func policiesOf(t *testing.T, client *iam.Client, role string) []json.RawMessage {
	t.Helper()
	ctx := context.Background()
	attached, err := client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	if err != nil || len(attached.AttachedPolicies) > 0 {
		t.Fatalf("%s has managed policies %v (%v)", role, attached, err)
	}
	names, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &role})
	if err != nil || len(names.PolicyNames) == 0 {
		t.Fatalf("%s has no policy (%v)", role, err)
	}
	var documents []json.RawMessage
	for _, name := range names.PolicyNames {
		policy, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
		if err != nil {
			t.Fatal(err)
		}
		text, err := url.PathUnescape(*policy.PolicyDocument)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, json.RawMessage(text))
	}
	return documents
}
