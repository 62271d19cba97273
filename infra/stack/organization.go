package stack

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// ModeParameter and WaveParameter are the parameters of the hub's template where a StackSet deploys it.
const (
	ModeParameter = "Mode" // up to where Warder acts
	WaveParameter = "Wave" // of the account
)

// waves is how many waves an organization has: the last is that of accounts which nobody has put into one.
const waves = 4

// An organization is what the hub's template has in addition where a StackSet deploys it to many accounts: one template
// and one set of settings, and parameters that say where the controls act that the settings enforce.
//
// A StackSet cannot import what stayed of an instance that was removed: what is kept has a name of its own in each.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackInstances.html
type organization struct {
	enforce string // token of the mode of what the settings enforce
	suffix  string // token of what is after the names of what is kept
}

// newOrganization adds the parameters. The default changes nothing anywhere.
func newOrganization(stack awscdk.Stack) *organization {
	modes := []string{string(control.Observe)}
	acts := map[string]*map[string]any{}
	add := func(mode string, upTo int) {
		row := map[string]any{}
		for wave := 1; wave <= waves; wave++ {
			row[fmt.Sprint(wave)] = string(control.Observe)
			if wave <= upTo {
				row[fmt.Sprint(wave)] = string(control.Enforce)
			}
		}
		acts[mode] = &row
	}
	add(modes[0], 0)
	for wave := 1; wave < waves; wave++ {
		modes = append(modes, fmt.Sprintf("wave-%d", wave))
		add(modes[wave], wave)
	}
	modes = append(modes, "settings")
	add("settings", waves)
	var numbers []string
	for wave := 1; wave <= waves; wave++ {
		numbers = append(numbers, fmt.Sprint(wave))
	}
	mode := awscdk.NewCfnParameter(stack, jsii.String(ModeParameter), &awscdk.CfnParameterProps{
		Type: jsii.String("String"), Default: modes[0], AllowedValues: jsii.Strings(modes...),
		Description: jsii.String("Where the controls act that the settings enforce: observe: nowhere; wave-2: in accounts " +
			"of waves 1 and 2; settings: everywhere"),
	})
	wave := awscdk.NewCfnParameter(stack, jsii.String(WaveParameter), &awscdk.CfnParameterProps{
		Type: jsii.String("String"), Default: fmt.Sprint(waves), AllowedValues: jsii.Strings(numbers...),
		Description: jsii.String("The wave of this account: those of wave 1 are the first in which Warder acts"),
	})
	mapping := awscdk.NewCfnMapping(stack, jsii.String("Modes"), &awscdk.CfnMappingProps{Mapping: &acts})
	enforce := mapping.FindInMap(mode.ValueAsString(), wave.ValueAsString(), nil)
	awscdk.NewCfnOutput(stack, jsii.String("EnforcedControls"), &awscdk.CfnOutputProps{
		Description: jsii.String("What the controls do that the settings enforce"), Value: enforce,
	})
	// The end of the stack's own unique id, arn:…:stack/name/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f.
	id := awscdk.Fn_Select(jsii.Number(2), awscdk.Fn_Split(jsii.String("/"), awscdk.Aws_STACK_ID(), nil))
	end := awscdk.Fn_Select(jsii.Number(4), awscdk.Fn_Split(jsii.String("-"), id, nil))
	return &organization{enforce: *enforce, suffix: "-" + *end}
}

// kept is the name of what is kept when the stack is removed.
func (h *Hub) kept(name string) string {
	if h.org == nil {
		return name
	}
	return name + h.org.suffix
}

// limit gives a control that the settings enforce the mode of the account.
func (o *organization) limit(c control.Control, set *settings.Function) {
	enforce := control.Mode(o.enforce)
	if !c.Tool && set.Mode == control.Enforce {
		set.Mode = enforce
	}
	for id, mode := range set.Modes {
		if mode == control.Enforce {
			set.Modes[id] = enforce
		}
	}
}
