package change_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/iamsim"
)

var moment = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

func session(name string, at time.Time) change.Revocation {
	return change.Revocation{Session: "AROAEXAMPLEDEPLOY001:" + name, Before: at}
}

func revocation(before, after string) change.Change {
	return change.Change{
		Kind: change.RoleSessions, Subject: "deploy", Target: change.RevocationPolicy, Before: before, After: after,
	}
}

// A simulator that Warder has no part in says whom the policy denies.
func TestRevocation_DeniesTheSessionAndNoOther(t *testing.T) {
	allow := json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
	ask := func(name string, issued time.Time) iamsim.Principal {
		return iamsim.Principal{
			ARN: "arn:aws:sts::123456789012:assumed-role/deploy/" + name, Policies: []json.RawMessage{allow},
			Requests: []iamsim.Request{{Action: "s3:ListAllMyBuckets", Resource: "*", Context: map[string]string{
				"aws:userid": "AROAEXAMPLEDEPLOY001:" + name, "aws:TokenIssueTime": issued.Format(time.RFC3339),
			}}},
		}
	}
	one := change.RevocationDocument([]change.Revocation{session("ci-42", moment)})
	every := change.RevocationDocument([]change.Revocation{{Before: moment}})
	earlier, later := moment.Add(-time.Hour), moment.Add(time.Second)
	cases := []struct {
		what, document string
		who            iamsim.Principal
		want           iamsim.Answer
	}{
		{"the session that began before", one, ask("ci-42", earlier), iamsim.ExplicitlyDenied},
		{"a session by that name that begins later", one, ask("ci-42", later), iamsim.Allowed},
		{"another session", one, ask("ci-43", earlier), iamsim.Allowed},
		{"any session that began before, without a name", every, ask("ci-43", earlier), iamsim.ExplicitlyDenied},
		{"any session that begins later, without a name", every, ask("ci-42", later), iamsim.Allowed},
		{"the session when the policy is gone", "", ask("ci-42", earlier), iamsim.Allowed},
	}
	var asked []iamsim.Principal
	for _, c := range cases {
		if c.document != "" {
			c.who.Policies = append(c.who.Policies, json.RawMessage(c.document))
		}
		asked = append(asked, c.who)
	}
	answers, err := iamsim.Ask(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		if answers[i][0] != c.want {
			t.Errorf("%s: %s, want %s", c.what, answers[i][0], c.want)
		}
	}
}

func TestRevoke(t *testing.T) {
	old := session("old", moment.Add(-13*time.Hour))
	all := change.Revoke(change.Revoke([]change.Revocation{old}, session("a", moment)), session("b", moment))
	if diff := cmp.Diff([]change.Revocation{session("a", moment), session("b", moment)}, all); diff != "" {
		t.Errorf("what is over goes, what is not stays (-want +got):\n%s", diff)
	}
	if again := change.Revoke(all, session("a", moment.Add(time.Hour))); len(again) != 2 {
		t.Errorf("the same session twice: %v", again)
	}
	for i := range 30 {
		all = change.Revoke(all, session(fmt.Sprint(i), moment.Add(time.Duration(i)*time.Second)))
	}
	if !change.Revoked(all, session("a", moment)) || !change.Revoked(all, session("29", moment.Add(29*time.Second))) {
		t.Errorf("of too many one is not denied any more: %v", all)
	}
	if n := len(change.RevocationDocument(all)); n > 10240 {
		t.Errorf("%d characters, more than a role takes", n)
	}
}

func TestRevocation_NarrowsOnly(t *testing.T) {
	kinds := change.ForIAM(fakeaws.New(fakeaws.State{}).IAM())
	a := change.RevocationDocument([]change.Revocation{session("a", moment)})
	both := change.RevocationDocument([]change.Revocation{session("a", moment), session("b", moment)})
	b := change.RevocationDocument([]change.Revocation{session("b", moment)})
	const allows = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	const denies = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`
	for name, c := range map[string]struct {
		change change.Change
		widens bool
	}{
		"where there was none":                 {revocation("", a), false},
		"one more":                             {revocation(a, both), false},
		"in the place of what allows":          {revocation(allows, a), false},
		"one less":                             {revocation(both, b), true},
		"another":                              {revocation(a, b), true},
		"taken away":                           {revocation(a, ""), true},
		"in the place of somebody else's deny": {revocation(denies, a), true},
		"what Warder does not write":           {revocation("", allows), true},
	} {
		if err := kinds.Narrows([]change.Change{c.change}); (err != nil) != c.widens {
			t.Errorf("%s: %v, want refused %v", name, err, c.widens)
		}
	}
}

func TestRevocation_SetsNoOtherPolicy(t *testing.T) {
	account := fakeaws.New(fakeaws.State{Roles: map[string]*fakeaws.Role{"deploy": {}}})
	kind := change.ForIAM(account.IAM())[change.RoleSessions]
	good := change.RevocationDocument([]change.Revocation{session("a", moment)})
	for name, c := range map[string]change.Change{
		"another name":     {Kind: change.RoleSessions, Subject: "deploy", Target: "own", After: good},
		"another document": revocation("", `{"Version":"2012-10-17","Statement":[]}`),
	} {
		if err := kind.Set(t.Context(), c); err == nil {
			t.Errorf("%s is set", name)
		}
	}
	if err := kind.Set(t.Context(), revocation("", good)); err != nil {
		t.Fatal(err)
	}
	if got, err := kind.Read(t.Context(), revocation("", good)); err != nil || got != good {
		t.Errorf("it is %q, %v", got, err)
	}
	if err := kind.Set(t.Context(), revocation(good, "")); err != nil {
		t.Fatal(err)
	}
	if got, err := kind.Read(t.Context(), revocation("", good)); err != nil || got != "" {
		t.Errorf("after the undo it is %q, %v", got, err)
	}
}
