package fakeaws

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	tokens "github.com/aws/aws-sdk-go-v2/service/sts/types"
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

// RootSession begins the access key ids of sessions as root.
const RootSession = "ASIAROOT"

// AssumeRoot begins a session as the root user of a member account. The keys of the session say whose
// it is, its token what it is for.
func (c call) AssumeRoot(in *sts.AssumeRootInput) (any, error) {
	task, member := aws.ToString(in.TaskPolicyArn.Arn), *in.TargetPrincipal
	if tasks[task] == "" || time.Duration(aws.ToInt32(in.DurationSeconds))*time.Second > maxTask {
		return nil, refused("ValidationError", "no such task policy, or too long a session")
	}
	m, ok := c.state.Members[member]
	switch {
	case !ok:
		return nil, refused("AccessDenied",
			"not authorized to perform: sts:AssumeRoot on resource: arn:aws:iam::"+member+":root")
	case m.Refuses != "":
		return nil, refused(m.Refuses, "refused")
	}
	return &sts.AssumeRootOutput{Credentials: &tokens.Credentials{
		AccessKeyId: new(RootSession + member), SecretAccessKey: new("secret"), SessionToken: &task,
		Expiration: new(c.time().Add(maxTask)),
	}}, nil
}

// rootCall is what operations are called on in a session as the root user of a member account.
type rootCall struct {
	account *Account
	member  string
	allows  string
}

// keys are the root user's, if the session is for the operation.
func (r rootCall) keys(operation string) (*[]Key, error) {
	member, ok := r.account.state.Members[r.member]
	if !ok || r.allows != operation {
		return nil, refused("AccessDenied",
			fmt.Sprintf("arn:aws:sts::%s:assumed-root is not authorized to perform: iam:%s", r.member, operation))
	}
	return &member.Keys, nil
}

func (r rootCall) ListAccessKeys(*iam.ListAccessKeysInput) (any, error) {
	keys, err := r.keys("ListAccessKeys")
	if err != nil {
		return nil, err
	}
	return &iam.ListAccessKeysOutput{AccessKeyMetadata: metadata(nil, *keys)}, nil
}

func (r rootCall) DeleteAccessKey(in *iam.DeleteAccessKeyInput) (any, error) {
	keys, err := r.keys("DeleteAccessKey")
	if err != nil {
		return nil, err
	}
	return &iam.DeleteAccessKeyOutput{}, deleteKey(keys, *in.AccessKeyId)
}
