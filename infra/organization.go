package main

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/warder-aws/warder/infra/stack"
	"github.com/warder-aws/warder/pkg/settings"
)

// orgTemplate is the argument with which the app says how StackSets take its templates.
const orgTemplate = "org-template"

// publish puts the synthesized templates beside the functions' archives, each under a name that changes with its
// content: a StackSet takes templates as long as these from a bucket only. It returns the commands, which nobody runs.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html
func publish(folder string, s settings.Settings) (string, error) {
	domain := ".amazonaws.com"
	if strings.HasPrefix(s.HubRegion, "cn-") {
		domain += ".cn"
	}
	bucket := strings.NewReplacer("${AWS::AccountId}", "ACCOUNT", "${AWS::Region}", s.HubRegion).Replace(s.AssetBucket)
	code := filepath.Join(folder, stack.CodeFolder)
	var out strings.Builder
	fmt.Fprintf(&out, "# 1. What the accounts may read: the functions' code and the templates.\naws s3 sync %s s3://%s\n",
		code, bucket)
	for _, set := range []struct {
		name, what, parameters string
		regions                []string
	}{
		{settings.Product, "the hub, in every account", fmt.Sprintf(" \\\n  --parameters "+
			"ParameterKey=%s,ParameterValue=observe ParameterKey=%s,ParameterValue=4", stack.ModeParameter, stack.WaveParameter),
			[]string{s.HubRegion}},
		{settings.RegionsStack, "the other regions, when the hub is there", "", s.Regions},
		{settings.ConfigStack, "the rules of AWS Config, where a recorder is", "",
			[]string{cmp.Or(s.ConfigRegion, s.HubRegion)}},
	} {
		data, err := os.ReadFile(filepath.Join(folder, set.name+".template.json"))
		if os.IsNotExist(err) {
			continue // the settings have no use for it
		}
		if err != nil {
			return "", fmt.Errorf("read template: %w", err)
		}
		key := fmt.Sprintf("%s/templates/%.16x/%s.template.json", settings.Product, sha256.Sum256(data), set.name)
		to := filepath.Join(code, key)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", fmt.Errorf("publish template: %w", err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return "", fmt.Errorf("publish template: %w", err)
		}
		fmt.Fprintf(&out, `
# %s: %s.
aws cloudformation create-stack-set --region %s --stack-set-name %s \
  --template-url https://%s.s3.%s%s/%s \
  --capabilities CAPABILITY_NAMED_IAM --permission-model SERVICE_MANAGED \
  --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false%s
aws cloudformation create-stack-instances --region %s --stack-set-name %s \
  --deployment-targets OrganizationalUnitIds=OU --regions %s \
  --operation-preferences MaxConcurrentCount=5,FailureToleranceCount=0
`, set.name, set.what, s.HubRegion, set.name, bucket, s.HubRegion, domain, key, set.parameters,
			s.HubRegion, set.name, strings.Join(slices.Sorted(slices.Values(set.regions)), " "))
	}
	out.WriteString("\n# A StackSet leaves out the management account. Waves, updates, removal: docs/operations.md, " +
		"\"An organization\".\n")
	return out.String(), nil
}
