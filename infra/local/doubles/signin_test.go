package doubles

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/signin"
	"github.com/warder-aws/warder/pkg/sso"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// An account has one sign-in policy: each trial makes it what it needs, and takes it away again.

// signInPolicy is a policy as a value: "on" or "off", and networks.
func signInPolicy(words ...string) string {
	s := change.SignIn{InForce: words[0] == "on"}
	for _, network := range words[1:] {
		s.Places = append(s.Places, change.SignInPlace{
			SourceIP: network, Excluded: "arn:aws:iam::" + number + ":role/break-glass",
		})
	}
	return s.Text()
}

// signsIn makes the policy each of the values, says what do makes of the last one, and takes it away.
func signsIn(do func(*place, signin.Client) (string, error), values ...string) func(*place, string) (string, error) {
	return func(p *place, _ string) (text string, err error) {
		client := signin.New(p.cfg)
		kind, c := signin.Kinds(client)[change.SignInPolicy], change.Change{Kind: change.SignInPolicy, Subject: number}
		for _, c.After = range values {
			if err := kind.Set(p.t.Context(), c); err != nil {
				return "", err
			}
		}
		text, err = do(p, client)
		c.After = ""
		if gone := kind.Set(p.t.Context(), c); err == nil {
			err = gone
		}
		return text, err
	}
}

// seen is the policy as it is.
func seen(p *place, client signin.Client) (string, error) {
	s, _, err := signin.Read(p.t.Context(), client, number)
	if err != nil {
		return "", err
	}
	words := []string{"off"}
	if s.InForce {
		words[0] = "on"
	}
	for _, place := range s.Places {
		words = append(words, place.SourceIP)
	}
	return strings.Join(words, " "), nil
}

// evaluated is whom the policy of AWS keeps out of those whom its statements let in.
func evaluated(p *place, client signin.Client) (string, error) {
	out, err := client.GetResourcePolicy(p.t.Context(), &signin.GetResourcePolicyInput{})
	if err != nil {
		return "", err
	}
	s, _, err := signin.Read(p.t.Context(), client, number)
	if err != nil {
		return "", err
	}
	why, err := out.Policy.KeepsOut(s.Places)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(len(out.Policy.Statement), " statements: ", why.String()), nil
}

func refusedStatement(p *place, client signin.Client) (string, error) {
	_, err := client.DeleteResourcePermissionStatement(p.t.Context(), &signin.DeleteResourcePermissionStatementInput{
		StatementID: strings.Repeat("c", 64),
	})
	return "deleted", err
}

var signIns = []trial{
	{
		operation: "signin:ListResourcePermissionStatements", name: "of an account that never had any", want: "off",
		do: signsIn(seen),
	},
	{
		operation: "signin:GetConsoleAuthorizationConfiguration", name: "a policy that is in force",
		want: "on 203.0.113.0/24", do: signsIn(seen, signInPolicy("on", "203.0.113.0/24")),
	},
	{
		operation: "signin:PutResourcePermissionStatement", name: "statements do nothing by themselves",
		want: "off 203.0.113.0/24", do: signsIn(seen, signInPolicy("off", "203.0.113.0/24")),
	},
	{
		operation: "signin:PutResourcePermissionStatement", name: "a second network", unsaid: true,
		want: "on 203.0.113.0/24 2001:db8::/32",
		do:   signsIn(seen, signInPolicy("on", "203.0.113.0/24"), signInPolicy("on", "203.0.113.0/24", "2001:db8::/32")),
	},
	{
		operation: "signin:PutConsoleAuthorizationConfiguration", name: "a policy that was put out of force",
		want: "on 203.0.113.0/24",
		do: signsIn(seen, signInPolicy("on", "203.0.113.0/24"), signInPolicy("off", "203.0.113.0/24"),
			signInPolicy("on", "203.0.113.0/24")),
	},
	{
		operation: "signin:DeleteConsoleAuthorizationConfiguration", name: "the statements stay",
		want: "off 203.0.113.0/24",
		do:   signsIn(seen, signInPolicy("on", "203.0.113.0/24"), signInPolicy("off", "203.0.113.0/24")),
	},
	{
		operation: "signin:DeleteResourcePermissionStatement", name: "one of two", want: "on 2001:db8::/32",
		do: signsIn(seen, signInPolicy("on", "203.0.113.0/24", "2001:db8::/32"), signInPolicy("on", "2001:db8::/32")),
	},
	{
		operation: "signin:DeleteResourcePermissionStatement", name: "one that is not there",
		want: "ResourceNotFoundException", do: signsIn(refusedStatement),
	},
	{
		operation: "signin:GetResourcePolicy", name: "a statement for each phase", want: "2 statements: ",
		do: signsIn(evaluated, signInPolicy("on", "203.0.113.0/24")),
	},
	{
		operation: "signin:GetResourcePolicy", name: "two networks", unsaid: true, want: "2 statements: ",
		do: signsIn(evaluated, signInPolicy("on", "203.0.113.0/24", "2001:db8::/32")),
	},
	{
		operation: "sso:ListInstances", name: "where nobody uses it", want: "0",
		do: func(p *place, _ string) (string, error) {
			out, err := sso.New(p.cfg).ListInstances(p.t.Context(), &sso.ListInstancesInput{Region: "eu-west-1"})
			if err != nil {
				return "", err
			}
			return fmt.Sprint(len(out.Instances)), nil
		},
	},
	{
		operation: "iam:ListRoles", name: "below a path", want: "ID",
		state: func(id string) fakeaws.State {
			return fakeaws.State{Roles: map[string]*fakeaws.Role{
				id: {Path: "/below/"}, id + "-elsewhere": {Path: "/"},
			}}
		},
		do: func(p *place, _ string) (string, error) {
			out, err := p.iam.ListRoles(p.t.Context(), &iam.ListRolesInput{PathPrefix: aws.String("/below/")})
			if err != nil {
				return "", err
			}
			var names []string
			for _, role := range out.Roles {
				names = append(names, aws.ToString(role.RoleName))
			}
			return strings.Join(names, " "), nil
		},
	},
}
