// Package deleterootaccesskey is the Lambda function that looks for access keys of the root users of member accounts,
// and deletes them if it is asked to. README.md is its runbook, control.json its description.
package deleterootaccesskey

import (
	"context"
	_ "embed"
	"maps"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/rootkey"
)

var (
	//go:embed control.json
	description []byte
	//go:embed ko.json
	korean []byte
)

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.Control{
	Description: description,
	Korean:      korean,
	ReadAPI:     reflect.TypeFor[readAPI](),
	New: func(s handler.Setup) (remediation.Planner, error) {
		api, sessions := clients(s.AWS)
		maps.Copy(s.Kinds, rootkey.Kinds(api, sessions))
		return newPlanner(api, sessions, s.Settings)
	},
}

// clients are the client that begins sessions as root, and those of the sessions. The first speaks to the endpoint of
// the function's region, which is what the SDK does unless it is set otherwise: the global endpoint refuses AssumeRoot.
func clients(cfg aws.Config) (rootkey.Roots, rootkey.Sessions) {
	return sts.NewFromConfig(cfg), func(session aws.Credentials) rootkey.RootSession {
		own := cfg.Copy()
		own.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return session, nil })
		return iam.NewFromConfig(own)
	}
}
