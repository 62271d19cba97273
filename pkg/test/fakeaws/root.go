package fakeaws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	tokens "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
)

// Member is a member account of the organization that the account manages.
type Member struct {
	// Keys are the access keys of its root user.
	Keys []Key `json:"keys,omitempty"`
	// Refuses is the code of the error that AssumeRoot answers with; empty if it does not.
	Refuses string `json:"refuses,omitempty"`
}

// InRootSession ends the names of operations that are called in a session as a member's root user.
// They need no permission of the caller: the session's task policy gives them.
const InRootSession = " as root of a member"

// tasks are the task policies that the double knows, and what they allow of what it does. The real
// ones allow more.
var tasks = map[string]string{
	"arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials":  "ListAccessKeys",
	"arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials": "DeleteAccessKey",
}

// maxTask is the longest session as root
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoot.html).
const maxTask = 15 * time.Minute

// AssumeRoot begins a session as the root user of a member account. The keys of the session say whose
// it is, its token what it is for.
func (a *Account) AssumeRoot(
	_ context.Context, in *sts.AssumeRootInput, _ ...func(*sts.Options),
) (*sts.AssumeRootOutput, error) {
	return call(a, "sts:AssumeRoot", func() (*sts.AssumeRootOutput, error) {
		task, member := aws.ToString(in.TaskPolicyArn.Arn), aws.ToString(in.TargetPrincipal)
		if tasks[task] == "" || time.Duration(aws.ToInt32(in.DurationSeconds))*time.Second > maxTask {
			return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "no such task policy, or too long a session"}
		}
		m, ok := a.state.Members[member]
		switch {
		case !ok:
			return nil, &smithy.GenericAPIError{
				Code:    "AccessDenied",
				Message: "not authorized to perform: sts:AssumeRoot on resource: arn:aws:iam::" + member + ":root",
			}
		case m.Refuses != "":
			return nil, &smithy.GenericAPIError{Code: m.Refuses, Message: "refused"}
		}
		return &sts.AssumeRootOutput{Credentials: &tokens.Credentials{
			AccessKeyId: aws.String(RootSession + member), SecretAccessKey: aws.String("secret"), SessionToken: &task,
			Expiration: aws.Time(a.time().Add(maxTask)),
		}}, nil
	})
}

// RootSession begins the access key ids of sessions as root.
const RootSession = "ASIAROOT"

// Root is a session as the root user of a member account.
type Root struct {
	account *Account
	member  string
	allows  string
}

// Root returns the session that [Account.AssumeRoot] gave these credentials for.
func (a *Account) Root(session aws.Credentials) Root {
	return Root{
		account: a, member: strings.TrimPrefix(session.AccessKeyID, RootSession), allows: tasks[session.SessionToken],
	}
}

// may refuses what the session is not for. Who names a user does not mean the root user.
func (r Root) may(operation string, user *string) error {
	if r.allows != operation || user != nil {
		return &smithy.GenericAPIError{
			Code:    "AccessDenied",
			Message: fmt.Sprintf("arn:aws:sts::%s:assumed-root is not authorized to perform: iam:%s", r.member, operation),
		}
	}
	return nil
}

// ListAccessKeys lists the root user's keys.
func (r Root) ListAccessKeys(
	_ context.Context, in *iam.ListAccessKeysInput, _ ...func(*iam.Options),
) (*iam.ListAccessKeysOutput, error) {
	return call(r.account, "iam:ListAccessKeys"+InRootSession, func() (*iam.ListAccessKeysOutput, error) {
		if err := r.may("ListAccessKeys", in.UserName); err != nil {
			return nil, err
		}
		out := &iam.ListAccessKeysOutput{}
		for _, key := range r.account.state.Members[r.member].Keys {
			out.AccessKeyMetadata = append(out.AccessKeyMetadata, types.AccessKeyMetadata{
				AccessKeyId: aws.String(key.ID), Status: types.StatusType(key.Status), CreateDate: aws.Time(key.Created),
			})
		}
		return out, nil
	})
}

// DeleteAccessKey deletes one of the root user's keys.
func (r Root) DeleteAccessKey(
	_ context.Context, in *iam.DeleteAccessKeyInput, _ ...func(*iam.Options),
) (*iam.DeleteAccessKeyOutput, error) {
	return call(r.account, "iam:DeleteAccessKey"+InRootSession, func() (*iam.DeleteAccessKeyOutput, error) {
		if err := r.may("DeleteAccessKey", in.UserName); err != nil {
			return nil, err
		}
		member := r.account.state.Members[r.member]
		at := slices.IndexFunc(member.Keys, func(k Key) bool { return k.ID == aws.ToString(in.AccessKeyId) })
		if at < 0 {
			return nil, missing("The Access Key with id %s cannot be found.", aws.ToString(in.AccessKeyId))
		}
		member.Keys = slices.Delete(member.Keys, at, at+1)
		return &iam.DeleteAccessKeyOutput{}, nil
	})
}
