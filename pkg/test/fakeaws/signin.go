package fakeaws

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/signin"
	"github.com/warder-aws/warder/pkg/sso"
)

// SignIn is the resource policy of AWS Sign-In.
type SignIn struct {
	InForce bool    `json:"inForce"`
	Places  []Place `json:"places,omitempty"`
	// Apart says that AWS makes two statements of each place, of which each denies what is not in its place, so that two
	// places keep everybody out. AWS does not document that it does so, nor that it does not.
	Apart bool `json:"apart,omitempty"`
}

// Place is a statement as it is made. An endpoint stands for either kind of VPC endpoint.
type Place struct {
	change.SignInPlace
	Endpoint string `json:"endpoint,omitempty"`
	Token    string `json:"-"` // of the call that made it
}

func (s *SignIn) clone() *SignIn {
	if s == nil || !s.InForce && !s.Apart && len(s.Places) == 0 {
		return nil // as it was before anybody made a policy
	}
	c := *s
	c.Places = list(c.Places, func(p Place) Place { p.Token = ""; return p })
	return &c
}

// id is the statement's, in the form of AWS's. There are no two of the same statement.
func (p Place) id() string {
	p.Token = ""
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", p))
	return base64.RawStdEncoding.EncodeToString(append(sum[:], sum[:16]...))
}

// conditions are those of a statement. AWS documents their form in the whole policy only, with these operators.
// https://docs.aws.amazon.com/signin/latest/userguide/console-access-control.html#console-access-control-example-rbp
func (p Place) conditions(account, principal string) signin.Conditions {
	c := signin.Conditions{"StringEquals": {"aws:ResourceAccount": {account}}}
	for _, of := range []struct{ operator, key, value string }{
		{"NotIpAddress", "aws:SourceIp", p.SourceIP},
		{"NotIpAddress", "aws:VpcSourceIp", p.VPCSourceIP},
		{"StringNotEquals", "aws:SourceVpc", p.SourceVPC},
		{"StringNotEquals", "aws:SourceVpce", p.Endpoint},
		{"StringNotEquals", "aws:RequestedRegion", p.Region},
		{"ArnNotEquals", principal, p.Excluded},
	} {
		require(c, of.operator, of.key, of.value)
	}
	return c
}

// require adds a value of a key, unless it is there.
func require(c signin.Conditions, operator, key, value string) {
	if value == "" || slices.Contains(c[operator][key], value) {
		return
	}
	if c[operator] == nil {
		c[operator] = map[string][]string{}
	}
	c[operator][key] = append(c[operator][key], value)
}

func (c call) signIn() *SignIn { return c.state.signIn() }

func (s *State) signIn() *SignIn {
	if s.SignIn == nil {
		s.SignIn = &SignIn{}
	}
	return s.SignIn
}

// AddEndpoint makes a statement that lets in a VPC endpoint, which Warder never does.
func (s *State) AddEndpoint(p change.SignInPlace, endpoint string) {
	of := s.signIn()
	of.Places = append(of.Places, Place{SignInPlace: p, Endpoint: endpoint})
}

// GetConsoleAuthorizationConfiguration says whether the policy is in force.
func (c call) GetConsoleAuthorizationConfiguration(
	*signin.GetConsoleAuthorizationConfigurationInput,
) (any, error) {
	if c.state.SignIn == nil {
		return nil, refused("ResourceNotFoundException", "there is no console authorization configuration")
	}
	return &signin.Authorization{Enabled: c.state.SignIn.InForce}, nil
}

// PutConsoleAuthorizationConfiguration puts the policy in force.
func (c call) PutConsoleAuthorizationConfiguration(
	*signin.PutConsoleAuthorizationConfigurationInput,
) (any, error) {
	c.signIn().InForce = true
	return &signin.Authorization{Enabled: true}, nil
}

// DeleteConsoleAuthorizationConfiguration puts the policy out of force.
func (c call) DeleteConsoleAuthorizationConfiguration(
	*signin.DeleteConsoleAuthorizationConfigurationInput,
) (any, error) {
	if c.state.SignIn == nil {
		return nil, refused("ResourceNotFoundException", "there is no console authorization configuration")
	}
	c.state.SignIn.InForce = false
	return &signin.Authorization{}, nil
}

// ListResourcePermissionStatements lists the statements.
func (c call) ListResourcePermissionStatements(in *signin.ListResourcePermissionStatementsInput) (any, error) {
	var all []Place
	if c.state.SignIn != nil {
		all = c.state.SignIn.Places
	}
	places, next := page(c.Page, all, &in.NextToken, nil)
	out := &signin.ListResourcePermissionStatementsOutput{}
	if next != nil {
		out.NextToken = *next
	}
	for _, p := range places {
		out.Statements = append(out.Statements, signin.Statement{
			SID: p.id(), Conditions: p.conditions(c.state.ID, "aws:PrincipalArn"),
		})
	}
	return out, nil
}

// PutResourcePermissionStatement makes a statement.
func (c call) PutResourcePermissionStatement(in *signin.PutResourcePermissionStatementInput) (any, error) {
	s := c.signIn()
	for _, p := range s.Places {
		switch {
		case p.Token != "" && p.Token == in.ClientToken:
			return &signin.PutResourcePermissionStatementOutput{StatementID: p.id()}, nil
		case p.SignInPlace == in.SignInPlace && p.Endpoint == "":
			return nil, refused("ConflictException", "the statement exists")
		}
	}
	made := Place{SignInPlace: in.SignInPlace, Token: in.ClientToken}
	s.Places = append(s.Places, made)
	return &signin.PutResourcePermissionStatementOutput{StatementID: made.id()}, nil
}

// DeleteResourcePermissionStatement deletes a statement.
func (c call) DeleteResourcePermissionStatement(in *signin.DeleteResourcePermissionStatementInput) (any, error) {
	s := c.signIn()
	for i, p := range s.Places {
		if p.id() == in.StatementID {
			s.Places = slices.Delete(s.Places, i, i+1)
			return &signin.Nothing{}, nil
		}
	}
	return nil, refused("ResourceNotFoundException", "there is no such statement")
}

// GetResourcePolicy returns what AWS makes of the statements.
func (c call) GetResourcePolicy(*signin.GetResourcePolicyInput) (any, error) {
	out := &signin.GetResourcePolicyOutput{}
	if s := c.state.SignIn; s != nil && len(s.Places) > 0 {
		out.Policy = s.policy(c.state.ID)
	}
	return out, nil
}

// policy is the whole policy: one statement for each phase, which denies what is in none of the places.
func (s *SignIn) policy(account string) (p signin.Policy) {
	phases := []struct {
		principal string
		actions   []string
	}{
		{"signin:PrincipalArn", []string{"signin:Authenticate"}},
		{"aws:PrincipalArn", []string{"signin:CreateOAuth2Token", "signin:AuthorizeOAuth2Access"}},
	}
	groups := [][]Place{s.Places}
	if s.Apart {
		groups = nil
		for i := range s.Places {
			groups = append(groups, s.Places[i:i+1])
		}
	}
	for _, places := range groups {
		for _, phase := range phases {
			conditions := signin.Conditions{}
			for _, place := range places {
				for operator, keys := range place.conditions(account, phase.principal) {
					for key, values := range keys {
						require(conditions, operator, key, values[0])
					}
				}
			}
			p.Statement = append(p.Statement, signin.PolicyStatement{
				Effect: "Deny", Action: phase.actions, Condition: conditions,
			})
		}
	}
	return p
}

// ListInstances lists the instances of IAM Identity Center of a region.
func (c call) ListInstances(in *sso.ListInstancesInput) (any, error) {
	out := &sso.ListInstancesOutput{}
	if slices.Contains(c.state.Centers, in.Region) {
		out.Instances = []sso.Instance{{InstanceARN: "arn:aws:sso:::instance/ssoins-7223b7ff2d3fd2e4", Status: "ACTIVE"}}
	}
	return out, nil
}
