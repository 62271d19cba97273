package cli

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/guardrail"
)

// organization has what is for many accounts. The policies need no credentials.
func (a *app) organization() *cobra.Command {
	org := &cobra.Command{
		Use: "org", Short: "Protect and stop Warder in all accounts of an organization",
		Args: cobra.NoArgs, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var who guardrail.Who
	scp := &cobra.Command{
		Use: "scp", Short: "Write the service control policy: only who deploys Warder changes it", Args: noArguments,
		Long: `Write the service control policy: in the accounts that it is attached to nobody but deployers changes Warder,
or takes somebody out of a quarantine, administrators and the root user included. Everybody whom their own policies
allow it may read Warder and ask its functions; operators may also take messages from its queues, for redrive.

In these accounts nobody but a deployer can create or change a role with the name of a deployer or an operator.`,
		Example: `  warder org scp --operator 'arn:aws:iam::*:role/on-call' >warder-scp.json
  aws organizations create-policy --type SERVICE_CONTROL_POLICY --name warder --description 'Protects Warder' \\
    --content file://warder-scp.json`,
		RunE: func(*cobra.Command, []string) error {
			return a.document(func() ([]byte, error) { return guardrail.SCP(who) })
		},
	}
	scp.Flags().StringSliceVar(&who.Deployers, "deployer", []string{guardrail.StackSets},
		"`ARN` of roles or users that deploy Warder, again for more; for make deploy also arn:aws:iam::*:role/cdk-*")
	scp.Flags().StringSliceVar(&who.Operators, "operator", nil, "`ARN` of roles or users who send again what failed")
	var id string
	rcp := &cobra.Command{
		Use: "rcp", Short: "Write the resource control policy: nobody outside the organization uses what is Warder's",
		Long: `Write the resource control policy: nobody outside the organization uses the bucket, the queues and the keys of
Warder in the accounts that it is attached to, whatever their own policies say, and nobody but AWS Lambda takes its
roles.`,
		Example: "  warder org rcp --organization o-a1b2c3d4e5 >warder-rcp.json", Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if id == "" {
				return required("organization")
			}
			return a.document(func() ([]byte, error) { return guardrail.RCP(id) })
		},
	}
	rcp.Flags().StringVar(&id, "organization", "", "`ID` of the organization (aws organizations describe-organization)")
	org.AddCommand(scp, rcp)
	org.AddCommand(a.orderings()...)
	return org
}

// document prints a policy: on one line, for white space counts.
func (a *app) document(write func() ([]byte, error)) error {
	document, err := write()
	if err != nil {
		return misuse("%v", err)
	}
	return a.show(json.RawMessage(document), true, func() { a.print("%s", document) })
}
