package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/signin"
	"github.com/warder-aws/warder/pkg/sso"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Moto knows no AWS Sign-In, and has an instance of IAM Identity Center in every region: both are a double in memory,
// pkg/test/fakeaws/signin.go. IAM Identity Center is not in use until somebody calls sso-admin create-instance.

// signInAction is the operation of a call of AWS Sign-In: its path in other letters.
// https://docs.aws.amazon.com/signin/latest/APIReference/API_Operations.html
func signInAction(path string) string {
	name := ""
	for word := range strings.SplitSeq(strings.Trim(path, "/"), "-") {
		if word != "" {
			name += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return name
}

// signIn serves a call of AWS Sign-In or of IAM Identity Center.
func (h *Handler) signIn(ctx context.Context, req request) answer {
	result, err := h.askSignIn(ctx, req)
	var refusal smithy.APIError
	switch {
	case errors.As(err, &refusal):
		return failure(req, http.StatusBadRequest, refusal.ErrorCode(), refusal.ErrorMessage())
	case err != nil:
		return failure(req, http.StatusInternalServerError, "InternalServerException", err.Error())
	case result == nil:
		return unknown(req)
	}
	return inJSON(result)
}

func (h *Handler) askSignIn(ctx context.Context, req request) (result any, err error) {
	client := signin.New(h.signIns.Config())
	var in struct {
		TargetID    string `json:"targetId"`
		StatementID string `json:"statementId"`
		NextToken   string `json:"nextToken"`
		ClientToken string `json:"clientToken"`
		Signin      string `json:"signinSourceVpce"`
		Console     string `json:"consoleSourceVpce"`
		change.SignInPlace
	}
	if len(req.body) > 0 {
		if err := json.Unmarshal(req.body, &in); err != nil {
			return nil, &smithy.GenericAPIError{Code: "ValidationException", Message: err.Error()}
		}
	}
	switch req.action {
	case "GetConsoleAuthorizationConfiguration":
		return client.GetConsoleAuthorizationConfiguration(ctx,
			&signin.GetConsoleAuthorizationConfigurationInput{TargetID: in.TargetID})
	case "PutConsoleAuthorizationConfiguration":
		return client.PutConsoleAuthorizationConfiguration(ctx,
			&signin.PutConsoleAuthorizationConfigurationInput{TargetID: in.TargetID})
	case "DeleteConsoleAuthorizationConfiguration":
		return client.DeleteConsoleAuthorizationConfiguration(ctx,
			&signin.DeleteConsoleAuthorizationConfigurationInput{TargetID: in.TargetID})
	case "ListResourcePermissionStatements":
		return client.ListResourcePermissionStatements(ctx,
			&signin.ListResourcePermissionStatementsInput{NextToken: in.NextToken})
	case "PutResourcePermissionStatement":
		if endpoint := in.Signin + in.Console; endpoint != "" {
			h.signIns.With(func(s *fakeaws.State) { s.AddEndpoint(in.SignInPlace, endpoint) })
			return &signin.PutResourcePermissionStatementOutput{}, nil
		}
		return client.PutResourcePermissionStatement(ctx,
			&signin.PutResourcePermissionStatementInput{SignInPlace: in.SignInPlace, ClientToken: in.ClientToken})
	case "DeleteResourcePermissionStatement":
		return client.DeleteResourcePermissionStatement(ctx,
			&signin.DeleteResourcePermissionStatementInput{StatementID: in.StatementID})
	case "GetResourcePolicy":
		return client.GetResourcePolicy(ctx, &signin.GetResourcePolicyInput{})
	case "ListInstances":
		return sso.New(h.signIns.Config()).ListInstances(ctx, &sso.ListInstancesInput{Region: req.region})
	case "CreateInstance":
		h.signIns.With(func(s *fakeaws.State) { s.Centers = append(s.Centers, req.region) })
		return map[string]string{"InstanceArn": "arn:aws:sso:::instance/ssoins-7223b7ff2d3fd2e4"}, nil
	}
	return nil, nil
}
