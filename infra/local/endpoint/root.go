package endpoint

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	tokens "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Member is the number of the member account that the local account manages: moto knows neither
// organizations nor AssumeRoot, so both are a double in memory, pkg/test/fakeaws/root.go. Its root user has
// an access key.
const Member = "444455556666"

func newMembers() *fakeaws.Account {
	return fakeaws.New(fakeaws.State{Members: map[string]*fakeaws.Member{Member: {Keys: []fakeaws.Key{
		{ID: "AKIAEXAMPLEROOT00001", Status: "Active", Created: time.Date(2015, 3, 4, 8, 0, 0, 0, time.UTC)},
	}}}})
}

// asRoot serves what is asked of the double: a session as root, or a call in one.
func (h *Handler) asRoot(ctx context.Context, req request) answer {
	result, err := h.root(ctx, req)
	var refusal smithy.APIError
	if errors.As(err, &refusal) {
		return failure(req, http.StatusForbidden, refusal.ErrorCode(), refusal.ErrorMessage())
	}
	if err != nil {
		return failure(req, http.StatusInternalServerError, "InternalFailure", err.Error())
	}
	return inXML(result)
}

func (h *Handler) root(ctx context.Context, req request) (any, error) {
	cfg := h.members.Config()
	if strings.HasPrefix(req.accessKey, fakeaws.RootSession) {
		cfg.Credentials = credentials.NewStaticCredentialsProvider(
			req.accessKey, "secret", req.Header.Get("X-Amz-Security-Token"),
		)
	}
	session, operation := iam.NewFromConfig(cfg), req.service+":"+req.action
	if req.form.Has("UserName") {
		operation = "" // who names a user does not mean the root user
	}
	switch operation {
	case "sts:AssumeRoot":
		seconds, err := strconv.ParseInt(req.form.Get("DurationSeconds"), 10, 32)
		if err != nil {
			seconds = 900
		}
		out, err := sts.NewFromConfig(cfg).AssumeRoot(ctx, &sts.AssumeRootInput{
			TargetPrincipal: aws.String(req.form.Get("TargetPrincipal")), DurationSeconds: aws.Int32(int32(seconds)),
			TaskPolicyArn: &tokens.PolicyDescriptorType{Arn: aws.String(req.form.Get("TaskPolicyArn.arn"))},
		})
		if err != nil {
			return nil, err
		}
		type session struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string }
		return struct {
			XMLName     xml.Name `xml:"AssumeRootResponse"`
			Credentials session  `xml:"AssumeRootResult>Credentials"`
		}{Credentials: session{
			aws.ToString(out.Credentials.AccessKeyId), aws.ToString(out.Credentials.SecretAccessKey),
			aws.ToString(out.Credentials.SessionToken), time.Now().UTC().Add(15 * time.Minute).Format(time.RFC3339),
		}}, nil
	case "iam:ListAccessKeys":
		out, err := session.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})
		if err != nil {
			return nil, err
		}
		type member struct{ AccessKeyId, Status, CreateDate string }
		var members []member
		for _, key := range out.AccessKeyMetadata {
			members = append(members, member{
				aws.ToString(key.AccessKeyId), string(key.Status), key.CreateDate.Format(time.RFC3339),
			})
		}
		return struct {
			XMLName xml.Name `xml:"ListAccessKeysResponse"`
			Members []member `xml:"ListAccessKeysResult>AccessKeyMetadata>member"`
		}{Members: members}, nil
	case "iam:DeleteAccessKey":
		key := req.form.Get("AccessKeyId")
		_, err := session.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: &key})
		return struct {
			XMLName xml.Name `xml:"DeleteAccessKeyResponse"`
		}{}, err
	}
	return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: "the session is not for " + req.action}
}

// asRootOfMember reports whether the double is meant.
func asRootOfMember(req request) bool {
	return req.service == "sts" && req.action == "AssumeRoot" || strings.HasPrefix(req.accessKey, fakeaws.RootSession)
}
