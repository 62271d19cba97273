package holder_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/holder"
	"github.com/warder-aws/warder/pkg/policy"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const (
	own    = "arn:aws:iam::111122223333:policy/"
	pass   = `{"Statement":{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}}`
	run    = `{"Statement":{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*"}}`
	read   = `{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`
	write  = `{"Statement":{"Effect":"Allow","Action":"iam:CreatePolicyVersion","Resource":"` + own + `read"}}`
	manage = `{"Statement":{"Effect":"Allow","Action":"iam:PutGroupPolicy","Resource":"arn:aws:iam::*:group/devs"}}`
	denies = `{"Statement":{"Effect":"Deny","Action":"iam:PassRole","Resource":"*"}}`
)

func TestCompletes(t *testing.T) {
	attached := func(names ...string) (all []string) {
		for _, name := range names {
			all = append(all, own+name)
		}
		return all
	}
	inline := func(text string) map[string]fakeaws.Document {
		return map[string]fakeaws.Document{"i": fakeaws.Document(text)}
	}
	for _, tc := range []struct {
		name  string
		user  fakeaws.User
		given string // name of a managed policy, or of a group
		want  policy.Level
	}{
		{"the other half by a group", fakeaws.User{Attached: attached("pass"), Groups: []string{"runners"}}, "pass",
			policy.Escalates},
		{"the other half inline", fakeaws.User{Attached: attached("run"), Inline: inline(pass)}, "run", policy.Escalates},
		{"the same by a group as well", fakeaws.User{Attached: attached("run"), Groups: []string{"runners"},
			Inline: inline(pass)},
			"run", policy.Harmless},
		{"denied by another", fakeaws.User{Attached: attached("run", "denies"), Inline: inline(pass)},
			"run", policy.Harmless},
		{"outside of the boundary", fakeaws.User{Attached: attached("run"), Inline: inline(pass), Boundary: own + "run"},
			"run",
			policy.Harmless},
		{"a boundary that is gone", fakeaws.User{Attached: attached("run"), Inline: inline(pass), Boundary: own + "gone"},
			"run", policy.Escalates},
		{"a policy that is gone", fakeaws.User{Attached: attached("run", "gone"), Inline: inline(pass)},
			"run", policy.Escalates},
		{"beside what cannot be read", fakeaws.User{Attached: attached("run", "torn"), Inline: inline(pass)}, "run",
			policy.Escalates},
		{"what it may change", fakeaws.User{Attached: attached("read"), Inline: inline(write)}, "read", policy.Escalates},
		{"the group that it may change", fakeaws.User{Groups: []string{"devs"}, Inline: inline(manage)}, "devs",
			policy.Escalates},
		{"another group", fakeaws.User{Groups: []string{"runners"},
			Inline: inline(manage)}, "runners", policy.Harmless},
	} {
		t.Run(tc.name, func(t *testing.T) {
			documents := map[string]string{"pass": pass, "run": run, "read": read, "denies": denies, "torn": "{"}
			account := fakeaws.New(fakeaws.State{
				Users:  map[string]*fakeaws.User{"alice": &tc.user, "bob": {Attached: attached("pass", "run")}},
				Groups: map[string]*fakeaws.Group{"runners": {Attached: attached("run")}, "devs": {}},
			})
			all, err := holder.All(t.Context(), account.IAM())
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(all, func(h holder.Holder) bool { return h.User == "alice" })
			given := holder.Given{
				Is:        func(p holder.Policy) bool { return p.Group == "" && p.Name == own+tc.given },
				Documents: []string{documents[tc.given]},
			}
			if documents[tc.given] == "" {
				given = holder.Given{
					Is: func(p holder.Policy) bool { return p.Group == tc.given }, Documents: []string{}, Group: tc.given,
				}
			}
			v, err := all[at].Completes("111122223333", given, func(arn string) (string, error) {
				if text := documents[arn[len(own):]]; text != "" {
					return text, nil
				}
				return "", fmt.Errorf("get policy: %w", &types.NoSuchEntityException{})
			})
			if v.Level != tc.want || err != nil {
				t.Errorf("%v, %v: %v", v.Level, err, v.Describe())
			}
		})
	}
}

func TestCompletes_FailsWhenAPolicyCannotBeRead(t *testing.T) {
	refused := errors.New("throttled")
	h := holder.Holder{User: "alice", Policies: []holder.Policy{{Name: own + "pass"}}}
	given := holder.Given{Is: func(holder.Policy) bool { return false }, Documents: []string{run}}
	_, err := h.Completes("111122223333", given, func(string) (string, error) { return "", refused })
	if !errors.Is(err, refused) {
		t.Error(err)
	}
}
