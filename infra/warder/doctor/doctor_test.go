package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	formationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	configtypes "github.com/aws/aws-sdk-go-v2/service/configservice/types"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

func TestAnAccountInOrderHasNothingButOkInTheOrderOfRepair(t *testing.T) {
	lines := newWorld(t).examine(t)
	if diff := cmp.Diff("", text(lines)); diff != "" {
		t.Errorf("lines that are not ok (-want +got):\n%s", diff)
	}
	var checks []string
	for _, line := range lines {
		checks = append(checks, line.Check)
	}
	want := "credentials|region us-east-1|region ap-southeast-2|region eu-north-1|region eu-west-1|region us-east-2|" +
		"bootstrap us-east-1|bootstrap ap-southeast-2|bootstrap eu-north-1|bootstrap eu-west-1|bootstrap " +
		"us-east-2|trail|recorder|config rules|" +
		"stack warder|stack warder-ap-southeast-2|stack warder-eu-north-1|stack warder-eu-west-1|stack warder-us-east-2|" +
		"settings|control alert-console-login|control detach-direct-policy|tool post-to-slack|tool " +
		"undo|subscriptions|slack|halt|blast radius|queues|sweeps"
	if diff := cmp.Diff(strings.Split(want, "|"), checks); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

// TestWhatIsBrokenIsSaid thing that breaks turns its own line, and no other.
func TestWhatIsBrokenIsSaid(t *testing.T) {
	advanced := func(fields ...trailtypes.AdvancedFieldSelector) *cloudtrail.GetEventSelectorsOutput {
		return &cloudtrail.GetEventSelectorsOutput{
			AdvancedEventSelectors: []trailtypes.AdvancedEventSelector{{FieldSelectors: fields}},
		}
	}
	management := trailtypes.AdvancedFieldSelector{Field: aws.String("eventCategory"), Equals: []string{"Management"}}
	tests := []struct {
		name  string
		spoil func(*testing.T, *world)
		want  string
	}{
		{"credentials of another partition", func(_ *testing.T, w *world) { w.arn = "arn:aws-cn:iam::" + id + ":user/kim" },
			"problem: credentials: the account 111122223333 is in the partition aws-cn, and hubRegion us-east-1 is in aws\n"},
		{"no credentials", func(_ *testing.T, w *world) { w.regions[hub] = false },
			"problem: credentials: AWS does not accept these credentials (InvalidClientTokenId); set AWS_PROFILE, or " +
				"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run: aws sso login\n"},
		{"a region that is not enabled", func(_ *testing.T, w *world) { w.regions[eu] = false },
			"problem: region eu-west-1: not enabled for this account\n"},
		{"a region that is not bootstrapped", func(_ *testing.T, w *world) { delete(w.parameters, eu+bootstrapVersion) },
			"problem: bootstrap eu-west-1: the CDK has not bootstrapped eu-west-1: make deploy will fail\n"},
		{"an old bootstrap", func(_ *testing.T, w *world) { w.parameters[hub+bootstrapVersion] = "5" },
			"problem: bootstrap us-east-1: bootstrapped at version 5, and 6 is needed\n"},
		{"no trail", func(_ *testing.T, w *world) { w.trails = nil },
			"problem: trail: there is no trail: API calls and sign-ins do not reach Warder, only sweeps and AWS Config do\n"},
		{"a trail that is stopped", func(_ *testing.T, w *world) { w.logging["arn:audit"] = false },
			"problem: trail: no trail logs what Warder listens to: audit does not log\n"},
		{"a trail of one region", func(_ *testing.T, w *world) { w.trails[0].IsMultiRegionTrail = nil },
			"problem: trail: no trail logs what Warder listens to: audit is of one region only\n"},
		{"a trail of writes alone", func(_ *testing.T, w *world) {
			w.selectors["arn:audit"].EventSelectors[0].ReadWriteType = trailtypes.ReadWriteTypeWriteOnly
		}, "problem: trail: no trail logs what Warder listens to: audit logs management events of type WriteOnly\n"},
		{"a trail of data events", func(_ *testing.T, w *world) {
			w.selectors["arn:audit"].EventSelectors[0].IncludeManagementEvents = aws.Bool(false)
		}, "problem: trail: no trail logs what Warder listens to: audit logs no management events\n"},
		{"a trail that leaves KMS out", func(_ *testing.T, w *world) {
			w.selectors["arn:audit"] = advanced(management,
				trailtypes.AdvancedFieldSelector{Field: aws.String("eventSource"), NotEquals: []string{"kms.amazonaws.com"}})
		}, ""},
		{"a trail that leaves IAM out", func(_ *testing.T, w *world) {
			w.selectors["arn:audit"] = advanced(management,
				trailtypes.AdvancedFieldSelector{Field: aws.String("eventSource"), NotEquals: []string{"iam.amazonaws.com"}})
		}, "problem: trail: no trail logs what Warder listens to: audit leaves out management events of iam.amazonaws.com\n"},
		{"a trail with an advanced selector for reads", func(_ *testing.T, w *world) {
			w.selectors["arn:audit"] = advanced(management,
				trailtypes.AdvancedFieldSelector{Field: aws.String("readOnly"), Equals: []string{"true"}})
		}, "problem: trail: no trail logs what Warder listens to: audit logs management events of type ReadOnly\n"},
		{"a trail of the organization beside a stopped one", func(_ *testing.T, w *world) {
			w.logging["arn:audit"] = false
			w.trails = append(
				w.trails,
				trailtypes.Trail{
					Name:                aws.String("org"),
					TrailARN:            aws.String("arn:org"),
					IsMultiRegionTrail:  aws.Bool(true),
					IsOrganizationTrail: aws.Bool(true),
				},
			)
			w.logging["arn:org"], w.selectors["arn:org"] = true, advanced(management)
		}, ""},
		{
			"no recorder",
			func(_ *testing.T, w *world) { w.recorders = nil },
			"problem: recorder: AWS Config is not set up in us-east-1\n",
		},
		{
			"a recorder that is stopped",
			func(_ *testing.T, w *world) { w.recording = false },
			"problem: recorder: default is stopped\n",
		},
		{
			"a recorder without IAM",
			func(_ *testing.T, w *world) { w.recorders[0].RecordingGroup.IncludeGlobalResourceTypes = false },
			"problem: recorder: default does not record IAM users\n",
		},
		{"a recorder that excludes users", func(_ *testing.T, w *world) {
			w.recorders[0].RecordingGroup = &configtypes.RecordingGroup{
				RecordingStrategy: &configtypes.RecordingStrategy{
					UseOnly: configtypes.RecordingStrategyTypeExclusionByResourceTypes,
				},
				ExclusionByResourceTypes: &configtypes.ExclusionByResourceTypes{ResourceTypes: []configtypes.ResourceType{user}},
			}
		}, "problem: recorder: default does not record IAM users\n"},
		{"a recorder of users alone", func(_ *testing.T, w *world) {
			w.recorders[0].RecordingGroup = &configtypes.RecordingGroup{ResourceTypes: []configtypes.ResourceType{user}}
		}, ""},
		{"a Config rule of the settings that is not there", func(_ *testing.T, w *world) { delete(w.rules, "keys-rotated") },
			"problem: config rules: keys-rotated is not a Config rule of us-east-1\n"},
		{
			"a Config rule that is being deleted",
			func(_ *testing.T, w *world) { w.rules["keys-rotated"] = configtypes.ConfigRuleStateDeleting },
			"problem: config rules: keys-rotated is not active\n",
		},
		{
			"a Config rule that is not deployed yet",
			func(_ *testing.T, w *world) { delete(w.rules, "warder-iam-user-no-policies-check") },
			"remark: config rules: warder-iam-user-no-policies-check is not there yet\n",
		},
		{"nothing deployed", func(_ *testing.T, w *world) { delete(w.stacks, hub) },
			"remark: stack warder: not deployed: what follows a deployment was not checked\n"},
		{"a region that is not deployed", func(_ *testing.T, w *world) { delete(w.stacks, eu) },
			"problem: stack warder-eu-west-1: not deployed: events of eu-west-1 do not reach Warder\n"},
		{"a region that a StackSet deployed", func(_ *testing.T, w *world) {
			w.stacks[eu].name = "StackSet-warder-regions-0a1b2c3d"
			w.synth["StackSet-warder-regions-0a1b2c3d"] = w.synth["warder-eu-west-1"]
		}, ""},
		{"a region whose stacks may not be listed", func(_ *testing.T, w *world) {
			delete(w.stacks, eu)
			w.denied["cloudformation:ListStacks"] = true
		}, "not known: stack warder-eu-west-1: these credentials may not call cloudformation:ListStacks (AccessDenied)\n"},
		{"a control that observes in an account of a StackSet", func(t *testing.T, w *world) {
			w.settings.Controls["detach-direct-policy"] = settings.Control{
				Mode: control.Enforce, Parameters: w.settings.Controls["detach-direct-policy"].Parameters,
			}
			w.stacks[hub].parameters = []formationtypes.Parameter{{ParameterKey: aws.String("Mode")}}
		}, "remark: control detach-direct-policy: it observes: the parameters Mode and Wave of the stack say so\n"},
		{"a deployment that failed", func(_ *testing.T, w *world) { w.stacks[hub].status = "UPDATE_ROLLBACK_COMPLETE" },
			"problem: stack warder: UPDATE_ROLLBACK_COMPLETE \n"},
		{"a deployment under way", func(_ *testing.T, w *world) { w.stacks[hub].status = "UPDATE_IN_PROGRESS" },
			"not known: stack warder: it is being changed: UPDATE_IN_PROGRESS\n"},
		{"another version here", func(_ *testing.T, w *world) {
			w.synth["warder"] = synth{[]byte(strings.Replace(hubTemplate, "rate(1 day)", "rate(2 days)", 1)), true}
		}, "remark: stack warder: another version than the one synthesized here: 1 resource differs, such as " +
			"DetachSchedule\n"},
		{
			"a template that is older than the settings",
			func(_ *testing.T, w *world) { w.synth["warder"] = synth{[]byte(hubTemplate), false} },
			"remark: stack warder: whether it is what the sources here would deploy is not known: the settings are newer " +
				"than the synthesized template\n",
		},
		{"no template here", func(_ *testing.T, w *world) { delete(w.synth, "warder") },
			"remark: stack warder: whether it is what the sources here would deploy is not known: nothing is synthesized " +
				"here\n"},
		{
			"a rule that is disabled",
			func(_ *testing.T, w *world) { w.started[hub+"warder-DetachRule1"].State = eventtypes.RuleStateDisabled },
			"problem: control detach-direct-policy: the rule warder-DetachRule1 is disabled\n",
		},
		{
			"a rule that drops reads",
			func(_ *testing.T, w *world) { w.started[hub+"warder-DetachRule1"].State = eventtypes.RuleStateEnabled },
			"problem: control detach-direct-policy: the rule warder-DetachRule1 is ENABLED, and deployed as " +
				"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS: some calls do not reach it\n",
		},
		{"a rule that is gone", func(_ *testing.T, w *world) { delete(w.started, hub+"warder-LoginBus") },
			"problem: control alert-console-login: the rule warder-LoginBus does not exist\n"},
		{"a rule of another account's events", func(_ *testing.T, w *world) {
			w.started[hub+"warder-DetachRule1"].EventPattern = aws.String(`{"account":["999988887777"],"source":["aws.iam"]}`)
		}, "problem: control detach-direct-policy: the rule warder-DetachRule1 does not match what it was deployed for\n"},
		{"a rule of the hub's that hears more", func(_ *testing.T, w *world) {
			w.started[hub+"warder-Alarms"].EventPattern = aws.String(`{"resources":["arn:alarm"],"source":["aws.cloudwatch"]}`)
		}, "problem: stack warder: the rule warder-Alarms does not match what it was deployed for\n"},
		{"a schedule of once a year", func(_ *testing.T, w *world) { w.schedule["ScheduleExpression"] = "rate(365 days)" },
			"problem: control detach-direct-policy: the schedule warder-DetachSchedule is not at the times it was deployed " +
				"for\n"},
		{"a schedule that is disabled", func(_ *testing.T, w *world) { w.schedule["State"] = "DISABLED" },
			"problem: control detach-direct-policy: the schedule warder-DetachSchedule is disabled\n"},
		{"a schedule of something else", func(_ *testing.T, w *world) {
			w.schedule["Target"] = map[string]any{"Arn": lambdaARN + "warder-undo"}
		}, "problem: control detach-direct-policy: the schedule warder-DetachSchedule does not start " +
			"warder-detach-direct-policy\n"},
		{"a schedule that is gone", func(_ *testing.T, w *world) {
			w.err["scheduler:GetSchedule"] = refusal("ResourceNotFoundException")
		}, "problem: control detach-direct-policy: the schedule warder-DetachSchedule does not exist\n"},
		{"a rule without its target", func(_ *testing.T, w *world) { w.targets[hub+"warder-DetachRule1"] = nil },
			"problem: control detach-direct-policy: the rule warder-DetachRule1 does not start " +
				"function:warder-detach-direct-policy\n"},
		{
			"a rule of the hub's that is disabled",
			func(_ *testing.T, w *world) { w.started[hub+"warder-Alarms"].State = eventtypes.RuleStateDisabled },
			"problem: stack warder: the rule warder-Alarms is disabled\n",
		},
		{"a function that is gone", func(_ *testing.T, w *world) { delete(w.functions, "warder-undo") },
			"problem: tool undo: the function warder-undo is not there\n"},
		{"a function that failed", func(_ *testing.T, w *world) {
			w.functions["warder-undo"].State, w.functions["warder-undo"].StateReason = lambdatypes.StateFailed, aws.String(
				"no key",
			)
		}, "problem: tool undo: the function warder-undo is Failed: no key\n"},
		{"an update of a function that failed", func(_ *testing.T, w *world) {
			w.functions["warder-undo"].LastUpdateStatus = lambdatypes.LastUpdateStatusFailed
		}, "problem: tool undo: the last update of the function warder-undo failed: \n"},
		{"a mode that is not deployed", func(t *testing.T, w *world) {
			w.edit(t, func(f *settings.Function) { f.Mode = "enforce" })
		}, "problem: control detach-direct-policy: the function is set to enforce, and the settings say observe\n"},
		{"settings of the file that are not deployed", func(t *testing.T, w *world) {
			w.deployed(t, `{"notify":{"slack":{"secret":"slack"},"emails":["`+mail+`"]},"controls":`+
				`{"detach-direct-policy":{"mode":"enforce"}}}`)
			w.edit(t, func(f *settings.Function) { f.Mode = "enforce" })
		}, "remark: settings: cdk.json is not what is deployed: 1 function would have other settings, such as " +
			"detach-direct-policy (observe, and deployed as enforce)\n"},
		{"a mode that somebody set", func(t *testing.T, w *world) {
			w.deployed(t, regional)
			w.edit(t, func(f *settings.Function) { f.Mode = "enforce" })
		}, "problem: control detach-direct-policy: the function is set to enforce, and was deployed with observe\n"},
		{"a mode that somebody set to what the file says", func(t *testing.T, w *world) {
			w.deployed(t, `{"notify":{"slack":{"secret":"slack"},"emails":["`+mail+`"]},"controls":`+
				`{"detach-direct-policy":{"mode":"enforce"}}}`)
		}, "remark: settings: cdk.json is not what is deployed: 1 function would have other settings, such as " +
			"detach-direct-policy (observe, and deployed as enforce)\n" +
			"problem: control detach-direct-policy: the function is set to observe, and was deployed with enforce\n"},
		{"settings that are gone", func(_ *testing.T, w *world) {
			delete(w.functions["warder-detach-direct-policy"].Environment.Variables, settings.Variable)
		}, "problem: control detach-direct-policy: the function warder-detach-direct-policy has settings that it " +
			"cannot read, and does nothing: WARDER_SETTINGS: missing: deploy the stack again, which sets it\n"},
		{"settings that are not deployed", func(t *testing.T, w *world) {
			w.edit(t, func(f *settings.Function) { f.HoldDays++ })
		}, "problem: settings: 1 function has other settings than cdk.json, such as detach-direct-policy\n"},
		{"parameters that are not deployed", func(t *testing.T, w *world) {
			w.edit(t, func(f *settings.Function) { f.Parameters = json.RawMessage(`{"graceDays":1}`) })
		}, "problem: control detach-direct-policy: the function has other parameters than the settings\n"},
		{"an environment that is hidden", func(_ *testing.T, w *world) { w.functions["warder-undo"].Environment = nil },
			"not known: tool undo: the settings of the function warder-undo cannot be read\n"},
		{"a bus that is gone", func(_ *testing.T, w *world) { w.buses = nil },
			"problem: stack warder: the bus warder does not exist: what other regions forward is lost\n"},
		{"a role that is gone", func(_ *testing.T, w *world) { w.roles = w.roles[:1] },
			"problem: stack warder-eu-west-1: the role warder-Forward-eu that forwards its events does not exist\n"},
		{"a region that forwards elsewhere", func(_ *testing.T, w *world) {
			w.targets[eu+"warder-Forward1"] = []string{"arn:aws:events:us-east-1:999988887777:event-bus/warder"}
		}, "problem: stack warder-eu-west-1: the rule warder-Forward1 does not start " +
			"us-east-1:111122223333:event-bus/warder\n"},
		{
			"an address that has not confirmed",
			func(_ *testing.T, w *world) { w.subscribed[0].SubscriptionArn = aws.String("PendingConfirmation") },
			"problem: subscriptions: s…@example.com has not confirmed\n",
		},
		{
			"an address that has unsubscribed",
			func(_ *testing.T, w *world) { w.subscribed[0].SubscriptionArn = aws.String("Deleted") },
			"problem: subscriptions: s…@example.com has unsubscribed\n",
		},
		{"an address that is not subscribed", func(_ *testing.T, w *world) { w.subscribed = w.subscribed[1:] },
			"problem: subscriptions: s…@example.com of the settings is not subscribed\n"},
		{"Slack that is not subscribed", func(_ *testing.T, w *world) { w.subscribed = w.subscribed[:1] },
			"problem: subscriptions: post-to-slack is not subscribed\n"},
		{"nobody at all", func(t *testing.T, w *world) {
			w.subscribed = nil
			w.set(t, strings.Replace(regional, `"emails":["`+mail+`"],"slack":{"secret":"slack"}`, "", 1))
		}, "problem: subscriptions: nobody is subscribed: nobody is notified of what Warder finds and does\n"},
		{"a webhook that has not confirmed", func(_ *testing.T, w *world) {
			w.subscribed = append(
				w.subscribed,
				snstypes.Subscription{
					Protocol:        aws.String("https"),
					Endpoint:        aws.String("https://hooks/secret"),
					SubscriptionArn: aws.String("PendingConfirmation"),
				},
			)
		}, "problem: subscriptions: an address of protocol https has not confirmed\n"},
		{"a topic that is gone", func(_ *testing.T, w *world) { w.err["sns:ListSubscriptionsByTopic"] = refusal("NotFound") },
			"problem: subscriptions: the topic arn:aws:sns:us-east-1:111122223333:warder-Notices does not exist\n"},
		{
			"no secret for Slack",
			func(_ *testing.T, w *world) { w.secret = nil },
			"problem: slack: the secret slack is not there\n",
		},
		{"a secret on its way out", func(_ *testing.T, w *world) { w.secret.DeletedDate = &now },
			"problem: slack: the secret slack is to be deleted, and cannot be read\n"},
		{"halted", func(t *testing.T, w *world) {
			w.halt(t, ledger.Halt{
				Halted: true, Since: now.Add(-48 * time.Hour), By: caller.Identity{ARN: "kim"}, Reason: "incident 42",
			})
		}, "problem: halt: nothing is changed since 2026-11-19 12:00 UTC: Warder is halted by kim: incident 42\n"},
		{"halted in an emergency", func(_ *testing.T, w *world) {
			w.store.(*ledger.Memory).Forge(ledger.Item{Partition: "halt#emergency", Sort: "switch", Body: "incident 43"})
		}, "problem: halt: nothing is changed: Warder is halted by whoever put halt#emergency into its table (claimed): " +
			"incident 43\n"},
		{"no halt switch", func(_ *testing.T, w *world) {
			w.store.(*ledger.Memory).Forge(ledger.Item{Partition: "seal#", Sort: "key", Body: "x", Version: 1})
		}, "problem: halt: nothing is changed: Warder is halted: the ledger has no halt switch that Warder wrote\n"},
		{"a blast radius that was reached", func(t *testing.T, w *world) {
			for _, step := range []string{"a", "b"} {
				at := now.Add(-time.Minute)
				if _, err := w.ledger.Take(t.Context(), "detach-direct-policy", &ledger.Breaker{}, step, 1, at); err != nil {
					t.Fatal(err)
				}
			}
		}, "problem: blast radius: detach-direct-policy has stopped at 10 changes in an hour, on 2026-11-21 11:59 UTC\n"},
		{"an event that failed", func(_ *testing.T, w *world) { w.waiting["https://sqs/failed"] = "1" },
			"problem: queues: 1 event in Failed (us-east-1)\n"},
		{"a queue that is gone", func(_ *testing.T, w *world) { delete(w.waiting, "https://sqs/failed") },
			"problem: queues: the queue of Failed in us-east-1 does not exist: what fails is lost\n"},
		{"a sweep that did not come", func(t *testing.T, w *world) {
			w.forget()
			w.sweep(t, "detach-direct-policy", now.Add(-50*time.Hour), true)
		}, "problem: sweeps: the last sweep of detach-direct-policy was 2 days ago\n"},
		{"a sweep that does not come to its end", func(t *testing.T, w *world) {
			w.forget()
			w.sweep(t, "detach-direct-policy", now.Add(-30*time.Hour), true)
			w.sweep(t, "detach-direct-policy", now.Add(-6*time.Hour), false)
		}, "problem: sweeps: the last sweep of detach-direct-policy, 6 hours ago, was not completed: out of time\n"},
		{
			"no sweep at all",
			func(_ *testing.T, w *world) { w.forget() },
			"problem: sweeps: detach-direct-policy has never swept the account\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.spoil(t, w)
			lines := w.examine(t)
			if diff := cmp.Diff(tt.want, text(lines)); diff != "" {
				t.Errorf("lines that are not ok (-want +got):\n%s", diff)
			}
			for _, line := range lines {
				if line.State == problem && line.Do == "" {
					t.Errorf("%s: nothing to do about it: %s", line.Check, line.Text)
				}
				if strings.Contains(line.Text+line.Do, "security@") || strings.Contains(line.Text+line.Do, "hooks/secret") {
					t.Errorf("an address in full: %+v", line)
				}
			}
		})
	}
}

// What may not be read is not known, and is a problem of nobody's; what does not depend on it is
// known as before.
func TestADeniedReadIsNeverOk(t *testing.T) {
	before := map[string]Line{}
	for _, line := range mailWorld(t).examine(t) {
		before[line.Check] = line
	}
	for _, operation := range operations {
		switch operation { // these have subtests of their own, or are not called here
		case "sts:GetCallerIdentity", "ssm:DescribeParameters", "dynamodb:GetItem", "cloudformation:ListStacks":
			continue
		}
		t.Run(operation, func(t *testing.T) {
			w := mailWorld(t)
			w.denied[operation] = true
			lines := w.examine(t)
			unknowns := 0
			for _, line := range lines {
				switch {
				case line.State == problem:
					t.Errorf("a problem: %+v", line)
				case line.State == unknown:
					unknowns++
					if !strings.Contains(line.Text, operation) || !strings.Contains(line.Text, "AccessDenied") ||
						line.Do != "use credentials that may call "+operation {
						t.Errorf("not said what was denied: %+v", line)
					}
				case line.State == ok && before[line.Check].Text != line.Text:
					t.Errorf("ok, and says something else than %q: %+v", before[line.Check].Text, line)
				}
			}
			if unknowns == 0 {
				t.Errorf("every line is known:\n%s", text(lines))
			}
			if InOrder(lines) {
				t.Error("it is in order")
			}
		})
	}
	t.Run("whose credentials they are", func(t *testing.T) {
		w := newWorld(t)
		w.denied["sts:GetCallerIdentity"] = true
		if lines := w.examine(t); len(lines) != 1 || lines[0].State != problem {
			t.Errorf("lines %+v", lines)
		}
	})
	t.Run("the metadata of a parameter", func(t *testing.T) {
		w := newWorld(t)
		w.set(t, strings.Replace(regional, `"secret"`, `"parameter"`, 1))
		w.parameters[hub+"slack"], w.types["slack"] = "", "SecureString"
		if got := text(w.examine(t)); got != "" {
			t.Errorf("lines that are not ok:\n%s", got)
		}
		w.types["slack"] = "String"
		if got := text(w.examine(t)); got != "problem: slack: the parameter slack is no SecureString: whoever may read "+
			"parameters can read it\n" {
			t.Errorf("lines that are not ok:\n%s", got)
		}
		w.denied["ssm:DescribeParameters"] = true
		if got := text(w.examine(t)); got != "not known: slack: these credentials may not call ssm:DescribeParameters "+
			"(AccessDenied)\n" {
			t.Errorf("lines that are not ok:\n%s", got)
		}
	})
}

func TestWhatIsNotUsedIsNoProblem(t *testing.T) {
	w := newWorld(t)
	w.set(t,
		`{"assetBucket":"code-${AWS::Region}","notify":{"topic":"arn:aws:sns:us-east-1:999988887777:security"},`+
			`"controls":{"detach-direct-policy":{"mode":"off"}}}`)
	w.recorders, w.parameters = nil, map[string]string{}
	w.err["sns:ListSubscriptionsByTopic"] = refusal("AuthorizationError")
	w.started[hub+"warder-DetachRule1"].State = eventtypes.RuleStateDisabled
	w.schedule["State"] = "DISABLED"
	const all = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
	off := strings.NewReplacer(all, "DISABLED", `"State":"ENABLED"`, `"State":"DISABLED"`).
		Replace(hubTemplate)
	w.stacks[hub].template, w.synth["warder"] = off, synth{[]byte(off), true}
	w.forget()
	delete(w.functions, "warder-post-to-slack") // without Slack it is not deployed
	want := "remark: region us-east-1: console sign-ins are also recorded in ap-southeast-2, eu-north-1, us-east-2, " +
		"which are not among regions\n" +
		`remark: recorder: AWS Config is not set up in us-east-1; not needed: sweeps find the same once a day
not known: subscriptions: the topic is of account 999988887777: who is subscribed cannot be read from here
`
	lines := w.examine(t)
	if diff := cmp.Diff(want, text(lines)); diff != "" {
		t.Errorf("lines that are not ok (-want +got):\n%s", diff)
	}
	for _, line := range lines {
		if line.Check == "bootstrap us-east-1" && !strings.HasPrefix(line.Text, "not needed") ||
			line.Check == "control detach-direct-policy" && line.Text != "off, function active" {
			t.Errorf("%+v", line)
		}
	}
}

func TestAFreshDeploymentHasNotSweptYet(t *testing.T) {
	w := newWorld(t)
	w.forget()
	d := w.doctor()
	d.Now = func() time.Time { return now.Add(-98 * time.Hour) }
	if got, want := text(d.examine(t.Context())), "remark: sweeps: none yet: deployed 2 hours ago, each control's "+
		"first comes within a day\n"; got != want {
		t.Errorf("lines that are not ok:\n%s\nwant\n%s", got, want)
	}
}

func TestPrint(t *testing.T) {
	w := newWorld(t)
	if lines := w.examine(t); !InOrder(lines) {
		t.Errorf("in order: %s", text(lines))
	}
	w.waiting["https://sqs/failed"] = "3"
	lines := w.examine(t)
	var out bytes.Buffer
	Print(&out, lines, false)
	want := "problem    queues                        3 events in Failed (us-east-1)\n" +
		"                                         -> find out why in the functions' logs, fix it, then warder redrive\n"
	if InOrder(lines) || !strings.Contains(out.String(), want) ||
		!strings.HasSuffix(out.String(), "\n29 ok, 1 problem, 0 remarks, 0 not known\n") {
		t.Errorf("printed\n%s", out.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colours where there is no terminal")
	}
	out.Reset()
	Print(&out, []Line{{"a", problem, "b", ""}}, true)
	if !strings.HasPrefix(out.String(), "\x1b[1;31mproblem  \x1b[0m  a  b\n") {
		t.Errorf("%q", out.String())
	}
}

func TestExamine_SettingsUnreadable(t *testing.T) {
	d := newWorld(t).doctor()
	d.SettingsErr = errors.New("read the settings of the stack warder: access denied")
	lines := d.examine(t.Context())
	if len(lines) != 2 || lines[1].State != unknown || !strings.Contains(lines[1].Do, "--settings cdk.json") {
		t.Errorf("lines %+v", lines)
	}
}

// What the doctor can call is listed in full, and a call of anything else is refused before it is sent.
func TestExamine_OnlyReads(t *testing.T) {
	for _, operation := range operations {
		_, name, _ := strings.Cut(operation, ":")
		if !strings.HasPrefix(name, "Get") && !strings.HasPrefix(name, "List") && !strings.HasPrefix(name, "Describe") &&
			name != "Scan" || name == "GetSecretValue" {
			t.Errorf("%s is no read", operation)
		}
	}
	sent := 0
	d := newDoctor(Options{Config: aws.Config{
		Region: hub, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		HTTPClient: sender(func(*http.Request) (*http.Response, error) {
			sent++
			return nil, errors.New("sent")
		}),
	}})
	client := ssm.NewFromConfig(d.in(hub))
	name := "/a"
	if _, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &name}); err == nil ||
		!strings.Contains(err.Error(), "ssm:PutParameter is refused") || sent > 0 {
		t.Errorf("a write: %v, %d requests", err, sent)
	}
	if _, err := client.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name}); err == nil || sent == 0 {
		t.Errorf("a read: %v, %d requests", err, sent)
	}
	store := ledger.New(d.store)
	if _, err := store.Begin(t.Context(), ledger.Run{Control: "c", Key: "k", Until: now}, now); err == nil ||
		!strings.Contains(err.Error(), "dynamodb:PutItem is refused") {
		t.Errorf("a write to the ledger: %v", err)
	}
}

type sender func(*http.Request) (*http.Response, error)

func (s sender) Do(r *http.Request) (*http.Response, error) { return s(r) }
