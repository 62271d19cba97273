// Package signin reads and changes AWS Sign-In's resource policy: where people may sign in to the console from. It
// calls AWS Sign-In by package awsjson: of the service's own client a function needs 7 of 13 operations, and it would
// make the binary larger and each cold start longer (see there).
//
// The policy is put together by AWS from statements, each of which lets in one place, and does nothing until it is in
// force. Nothing is put in force, or added while it is, that keeps out whom a statement lets in: what AWS makes of the
// statements is read and evaluated first.
package signin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
)

// Client calls AWS Sign-In.
type Client struct{ api *awsjson.Client }

// region is the one that takes writes; it copies them to all others.
// https://docs.aws.amazon.com/signin/latest/userguide/console-access-control.html
const region = "us-east-1"

// New makes a client.
func New(cfg aws.Config) Client { return Client{awsjson.In(cfg, region, "Signin", "")} }

func call[Out any](ctx context.Context, c Client, operation, path string, in any) (*Out, error) {
	return awsjson.Post[Out](ctx, c.api, operation, path, in)
}

// GetConsoleAuthorizationConfigurationInput names an account.
// https://docs.aws.amazon.com/signin/latest/APIReference/API_GetConsoleAuthorizationConfiguration.html
type GetConsoleAuthorizationConfigurationInput struct {
	TargetID string `json:"targetId"`
}

// Authorization says whether the policy is in force.
type Authorization struct {
	Enabled bool `json:"consoleAuthorizationEnabled"`
}

// GetConsoleAuthorizationConfiguration reads whether the policy is in force. Where it never was,
// ResourceNotFoundException may be the answer.
func (c Client) GetConsoleAuthorizationConfiguration(
	ctx context.Context, in *GetConsoleAuthorizationConfigurationInput,
) (*Authorization, error) {
	return call[Authorization](ctx, c, "GetConsoleAuthorizationConfiguration",
		"get-console-authorization-configuration", in)
}

// PutConsoleAuthorizationConfigurationInput names an account.
// https://docs.aws.amazon.com/signin/latest/APIReference/API_PutConsoleAuthorizationConfiguration.html
type PutConsoleAuthorizationConfigurationInput struct {
	TargetID string `json:"targetId"`
}

// PutConsoleAuthorizationConfiguration puts the policy in force.
func (c Client) PutConsoleAuthorizationConfiguration(
	ctx context.Context, in *PutConsoleAuthorizationConfigurationInput,
) (*Authorization, error) {
	return call[Authorization](ctx, c, "PutConsoleAuthorizationConfiguration",
		"put-console-authorization-configuration", in)
}

// DeleteConsoleAuthorizationConfigurationInput names an account.
// https://docs.aws.amazon.com/signin/latest/APIReference/API_DeleteConsoleAuthorizationConfiguration.html
type DeleteConsoleAuthorizationConfigurationInput struct {
	TargetID string `json:"targetId"`
}

// DeleteConsoleAuthorizationConfiguration puts the policy out of force.
func (c Client) DeleteConsoleAuthorizationConfiguration(
	ctx context.Context, in *DeleteConsoleAuthorizationConfigurationInput,
) (*Authorization, error) {
	return call[Authorization](ctx, c, "DeleteConsoleAuthorizationConfiguration",
		"delete-console-authorization-configuration", in)
}

// ListResourcePermissionStatementsInput asks for statements.
// https://docs.aws.amazon.com/signin/latest/APIReference/API_ListResourcePermissionStatements.html
type ListResourcePermissionStatementsInput struct {
	NextToken string `json:"nextToken,omitempty"`
}

// ListResourcePermissionStatementsOutput has statements.
type ListResourcePermissionStatementsOutput struct {
	Statements []Statement `json:"permissionStatements"`
	NextToken  string      `json:"nextToken,omitempty"`
}

// Conditions are those of a statement, by operator and key.
type Conditions map[string]map[string][]string

// Statement is a statement as AWS lists it.
type Statement struct {
	SID        string     `json:"sid"`
	Conditions Conditions `json:"condition"`
}

// ListResourcePermissionStatements lists a page of statements.
func (c Client) ListResourcePermissionStatements(
	ctx context.Context, in *ListResourcePermissionStatementsInput,
) (*ListResourcePermissionStatementsOutput, error) {
	return call[ListResourcePermissionStatementsOutput](ctx, c, "ListResourcePermissionStatements",
		"list-resource-permission-statements", in)
}

// PutResourcePermissionStatementInput is a statement.
// https://docs.aws.amazon.com/signin/latest/APIReference/API_PutResourcePermissionStatement.html
type PutResourcePermissionStatementInput struct {
	change.SignInPlace // without Other
	// ClientToken makes a repetition of the same call, whose answer was lost, the same statement.
	ClientToken string `json:"clientToken"`
}

// PutResourcePermissionStatementOutput has the id of the statement.
type PutResourcePermissionStatementOutput struct {
	StatementID string `json:"statementId"`
}

// PutResourcePermissionStatement makes a statement.
func (c Client) PutResourcePermissionStatement(
	ctx context.Context, in *PutResourcePermissionStatementInput,
) (*PutResourcePermissionStatementOutput, error) {
	return call[PutResourcePermissionStatementOutput](ctx, c, "PutResourcePermissionStatement",
		"put-resource-permission-statement", in)
}

// DeleteResourcePermissionStatementInput names a statement.
// https://docs.aws.amazon.com/signin/latest/APIReference/API_DeleteResourcePermissionStatement.html
type DeleteResourcePermissionStatementInput struct {
	StatementID string `json:"statementId"`
}

// Nothing is the answer of an operation that answers nothing.
type Nothing struct{}

// DeleteResourcePermissionStatement deletes a statement.
func (c Client) DeleteResourcePermissionStatement(
	ctx context.Context, in *DeleteResourcePermissionStatementInput,
) (*Nothing, error) {
	return call[Nothing](ctx, c, "DeleteResourcePermissionStatement", "delete-resource-permission-statement", in)
}

// GetResourcePolicyInput asks for the policy.
// https://docs.aws.amazon.com/signin/latest/APIReference/API_GetResourcePolicy.html
type GetResourcePolicyInput struct{}

// GetResourcePolicyOutput has what AWS made of the statements.
type GetResourcePolicyOutput struct {
	Policy Policy `json:"signinResourceBasedPolicy"`
}

// Policy is the policy that AWS evaluates.
type Policy struct{ Statement []PolicyStatement }

// PolicyStatement is a statement of it.
type PolicyStatement struct {
	Effect    string
	Action    []string
	Condition Conditions
}

// GetResourcePolicy reads the policy.
func (c Client) GetResourcePolicy(ctx context.Context, in *GetResourcePolicyInput) (*GetResourcePolicyOutput, error) {
	return call[GetResourcePolicyOutput](ctx, c, "GetResourcePolicy", "get-resource-policy", in)
}

// Reads are the operations that read what the policy is.
type Reads interface {
	GetConsoleAuthorizationConfiguration(
		context.Context, *GetConsoleAuthorizationConfigurationInput,
	) (*Authorization, error)
	ListResourcePermissionStatements(
		context.Context, *ListResourcePermissionStatementsInput,
	) (*ListResourcePermissionStatementsOutput, error)
}

// is reports whether AWS answers with the code.
func is(err error, code string) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && answer.ErrorCode() == code
}

// Read reads the policy of an account, and the ids of its statements.
func Read(
	ctx context.Context,
	api Reads,
	account string,
) (s change.SignIn, ids map[string]change.SignInPlace, err error) {
	authorization, err := api.GetConsoleAuthorizationConfiguration(ctx,
		&GetConsoleAuthorizationConfigurationInput{account})
	switch {
	case err == nil:
		s.InForce = authorization.Enabled
	case !is(err, "ResourceNotFoundException"):
		return s, nil, change.Wrap(err, "get console authorization of %s", account)
	}
	ids = map[string]change.SignInPlace{}
	for in := (&ListResourcePermissionStatementsInput{}); ; {
		out, err := api.ListResourcePermissionStatements(ctx, in)
		if err != nil {
			return s, nil, change.Wrap(err, "list statements of the sign-in policy")
		}
		for _, statement := range out.Statements {
			place := statement.Place()
			ids[statement.SID] = place
			s.Places = append(s.Places, place)
		}
		if in.NextToken = out.NextToken; in.NextToken == "" {
			return s, ids, nil
		}
	}
}

// Place is where the statement lets people in from. Each key has one value in a statement that
// PutResourcePermissionStatement has made.
func (s Statement) Place() change.SignInPlace {
	var p change.SignInPlace
	fields := map[string]*string{
		"aws:sourceip": &p.SourceIP, "aws:sourcevpc": &p.SourceVPC, "aws:vpcsourceip": &p.VPCSourceIP,
		"aws:requestedregion": &p.Region, "aws:principalarn": &p.Excluded, "signin:principalarn": &p.Excluded,
	}
	for _, keys := range s.Conditions {
		for key, values := range keys {
			field, known := fields[strings.ToLower(key)]
			switch {
			case strings.EqualFold(key, "aws:ResourceAccount"): // of every statement
			case !known, len(values) != 1, *field != "" && *field != values[0]:
				text, err := json.Marshal(s.Conditions) // sorted by the keys
				if err != nil {
					panic(err) // texts
				}
				return change.SignInPlace{Other: string(text)}
			default:
				*field = values[0]
			}
		}
	}
	if network, ok := p.Network(); ok {
		p.SourceIP = network.String() // one text for the same network
	}
	return p
}

// phases are what the policy must deny, all of it, to keep anybody out.
var phases = []string{"signin:Authenticate", "signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"}

// errPending says that the policy does not have all statements yet.
var errPending = errors.New("the sign-in policy does not have all of its statements yet")

// KeepsOut says whom the policy keeps out although a statement lets them in, empty if nobody. It understands what AWS
// documents of such policies, and takes what it does not understand as keeping everybody out.
func (p Policy) KeepsOut(places []change.SignInPlace) (i18n.Message, error) {
	denied := map[string]bool{}
	var denies []PolicyStatement
	for _, s := range p.Statement {
		if strings.EqualFold(s.Effect, "Deny") {
			denies = append(denies, s)
			for _, action := range s.Action {
				denied[strings.ToLower(action)] = true
			}
		}
	}
	for _, phase := range phases {
		if !denied[strings.ToLower(phase)] {
			return i18n.Message{}, errPending
		}
	}
	for _, place := range places {
		network, ok := place.Network()
		for _, who := range []struct {
			what string
			lets func(PolicyStatement) bool
		}{
			{place.SourceIP, func(s PolicyStatement) bool { return s.names(network) }},
			{place.Excluded, func(s PolicyStatement) bool { return s.excludes(place.Excluded) }},
		} {
			switch {
			case !ok || who.what == "":
			case !slices.ContainsFunc(denies, who.lets):
				return i18n.Message{}, errPending
			case slices.ContainsFunc(denies, func(s PolicyStatement) bool { return !who.lets(s) }):
				return change.KeptOut(who.what), nil
			}
		}
	}
	return i18n.Message{}, nil
}

// values are those of a key in conditions whose operator is one of them, with IfExists or without.
func (s PolicyStatement) values(key func(string) bool, operators ...string) (all []string) {
	for operator, keys := range s.Condition {
		if name := strings.TrimSuffix(operator, "IfExists"); slices.Contains(operators, name) {
			for k, values := range keys {
				if key(strings.ToLower(k)) {
					all = append(all, values...)
				}
			}
		}
	}
	return all
}

// names reports whether the statement does not deny what comes from the network.
func (s PolicyStatement) names(network netip.Prefix) bool {
	values := s.values(func(key string) bool { return key == "aws:sourceip" }, "NotIpAddress")
	return slices.ContainsFunc(values, func(value string) bool {
		of, ok := change.ParseNetwork(value)
		return ok && of.Bits() <= network.Bits() && of.Contains(network.Addr())
	})
}

// excludes reports whether the statement does not deny what the principal does.
func (s PolicyStatement) excludes(principal string) bool {
	return slices.Contains(s.values(func(key string) bool {
		return key == "aws:principalarn" || key == "signin:principalarn"
	}, "ArnNotEquals", "ArnNotLike", "StringNotEquals", "StringNotLike"), principal)
}

// Kinds returns a registry of the changes to the policy.
func Kinds(c Client) change.Registry { return change.NewRegistry(kind{client: c}) }

type kind struct {
	change.SignInPolicies
	client Client
}

// Read implements [change.Kind].
func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	s, _, err := Read(ctx, k.client, c.Subject)
	return s.Text(), err
}

// Set implements [change.Kind]. What is to come in force puts what is missing first, has AWS's policy checked, and
// takes out what is too much then: at no moment is less let in than before or after.
func (k kind) Set(ctx context.Context, c change.Change) error {
	after, err := change.ParseSignIn(c.After)
	if err != nil {
		return err
	}
	now, ids, err := Read(ctx, k.client, c.Subject)
	if err != nil {
		return err
	}
	if now.InForce && !after.InForce {
		in := &DeleteConsoleAuthorizationConfigurationInput{c.Subject}
		if _, err := k.client.DeleteConsoleAuthorizationConfiguration(ctx, in); err != nil {
			return change.Wrap(err, "put the sign-in policy out of force")
		}
	}
	var put []string
	for _, place := range after.Lacks(now) {
		id, err := k.put(ctx, place)
		if err != nil {
			return err
		}
		if id != "" {
			put = append(put, id)
		}
	}
	if after.InForce && len(after.Places) > 0 {
		err := k.check(ctx, after.Places)
		if fault := (i18n.Fault{}); errors.As(err, &fault) {
			return errors.Join(err, k.remove(ctx, put...))
		} else if err != nil {
			return err
		}
	}
	for id, place := range ids {
		if !slices.Contains(after.Places, place) {
			if err := k.remove(ctx, id); err != nil {
				return err
			}
		}
	}
	if !now.InForce && after.InForce {
		in := &PutConsoleAuthorizationConfigurationInput{c.Subject}
		_, err = k.client.PutConsoleAuthorizationConfiguration(ctx, in)
	}
	return change.Wrap(err, "put the sign-in policy in force")
}

// put makes a statement, and returns its id.
func (k kind) put(ctx context.Context, place change.SignInPlace) (string, error) {
	if place.Other != "" {
		return "", fmt.Errorf("put a statement into the sign-in policy: %s cannot be made", place.Other)
	}
	in := &PutResourcePermissionStatementInput{place, rand.Text()}
	out, err := k.client.PutResourcePermissionStatement(ctx, in)
	switch {
	case is(err, "ConflictException"): // somebody else has just made it
		return "", nil
	case err != nil:
		return "", change.Wrap(err, "put a statement of %s into the sign-in policy", place.SourceIP)
	}
	return out.StatementID, nil
}

func (k kind) remove(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		_, err := k.client.DeleteResourcePermissionStatement(ctx, &DeleteResourcePermissionStatementInput{id})
		if err != nil && !is(err, "ResourceNotFoundException") {
			return change.Wrap(err, "delete a statement of the sign-in policy")
		}
	}
	return nil
}

// Refuses implements [change.Conditional].
func (kind) Refuses(_ context.Context, c change.Change) (why i18n.Message, err error) {
	after, err := change.ParseSignIn(c.After)
	before, fault := change.ParseSignIn(c.Before)
	lost := slices.ContainsFunc(after.Lacks(before), func(p change.SignInPlace) bool { return p.Other != "" })
	if err == nil && fault == nil && lost {
		why = change.UnknownPlace()
	}
	return why, errors.Join(err, fault)
}

// check reads what AWS makes of the statements. It is an [i18n.Fault] that it keeps out whom one of the places lets in.
func (k kind) check(ctx context.Context, places []change.SignInPlace) error {
	out, err := k.client.GetResourcePolicy(ctx, &GetResourcePolicyInput{})
	if err != nil {
		return change.Wrap(err, "get the sign-in policy")
	}
	why, err := out.Policy.KeepsOut(places)
	if err == nil && !why.Empty() {
		err = i18n.Fault{Text: why}
	}
	return err
}
