package stack

import (
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"

	"github.com/warder-aws/warder/pkg/control"
)

// addControl adds a control to the hub: the rules that start it, and its function.
// The hub's two queues keep what does not reach the function and what the function cannot handle.
func (h *Hub) addControl(c control.Control) function {
	scope := newTagged(h.Stack, c)
	ledger := []string{"dynamodb:GetItem", "dynamodb:PutItem"}
	if c.Schedule != "" { // a sweep lists the open cases
		ledger = append(ledger, "dynamodb:Query")
	}
	if changes(c) { // the guards' entries are read at once
		ledger = append(ledger, "dynamodb:BatchGetItem")
	}
	plumbing := []awsiam.PolicyStatement{
		allow(ledger, []string{*h.Ledger.TableArn()}, nil),
		allow([]string{"sns:Publish"}, []string{*h.Topic.TopicArn()}, nil),
		allow([]string{"ssm:GetParameter"}, []string{*h.Halt.ParameterArn()}, nil),
		h.mayFail(),
	}
	if h.Key != nil {
		plumbing = append(plumbing, allow([]string{"kms:Decrypt", "kms:GenerateDataKey"}, []string{*h.Key.KeyArn()},
			conditionMap{"StringEquals": {viaService: viaSNS(*h.Region())}}))
	}
	f := h.newFunction(scope, c, plumbing...)
	h.retry(scope, f, retries)
	h.addRules(scope, c, f)
	return f
}

// changes reports whether the control has a permission for anything but reading.
func changes(c control.Control) bool {
	return slices.ContainsFunc(c.Permissions, func(p control.Permission) bool {
		return slices.ContainsFunc(p.Actions, func(action string) bool {
			_, name, _ := strings.Cut(action, ":")
			return !slices.ContainsFunc([]string{"Describe", "Generate", "Get", "List"}, func(verb string) bool {
				return strings.HasPrefix(name, verb)
			})
		})
	})
}
