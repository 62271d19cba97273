// Package deleterootaccesskey is the Lambda function that looks for access keys of the root users
// of member accounts, and deletes them if it is asked to. README.md is its runbook, control.json its
// description.
package deleterootaccesskey

import (
	"context"
	_ "embed"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
)

// Description is control.json.
//
//go:embed control.json
var Description []byte

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// New makes the planner.
func New(s handler.Setup) (remediation.Planner, error) {
	api, sessions := clients(s.AWS)
	maps.Copy(s.Kinds, change.ForRoot(api, sessions))
	return newPlanner(api, sessions, s.Settings)
}

// clients are the client that begins sessions as root, and those of the sessions. The first speaks to
// the endpoint of the function's region, which is what the SDK does unless told otherwise: the global
// endpoint refuses AssumeRoot.
func clients(cfg aws.Config) (change.Roots, change.Sessions) {
	return sts.NewFromConfig(cfg), func(session aws.Credentials) change.RootSession {
		own := cfg.Copy()
		own.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return session, nil })
		return iam.NewFromConfig(own)
	}
}
