package stack

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// statements is the statements of a policy document.
func statements(document any) []map[string]any {
	var all []map[string]any
	for _, s := range document.(map[string]any)["Statement"].([]any) {
		all = append(all, s.(map[string]any))
	}
	return all
}

// list is a value that IAM takes alone or in an array.
func list(value any) []any {
	if values, ok := value.([]any); ok {
		return values
	}
	return []any{value}
}

// policies is every policy document of the template, by the name of the
// resource that carries it: of a role, what it may do; of anything else, who may
// use it.
func policies(tmpl template) map[string][]any {
	documents := map[string][]any{}
	for _, r := range tmpl.Resources {
		name := hash.ReplaceAllString(r.id, "")
		switch {
		case r.Type == "AWS::IAM::Role":
			for _, policy := range r.get("Policies").([]any) {
				documents[name] = append(documents[name], policy.(map[string]any)["PolicyDocument"])
			}
			documents[name] = append(documents[name], r.get("AssumeRolePolicyDocument"))
		case r.get("PolicyDocument") != nil:
			documents[name] = append(documents[name], r.get("PolicyDocument"))
		case r.get("ResourcePolicy") != nil:
			documents[name] = append(documents[name], r.get("ResourcePolicy.PolicyDocument"))
		case r.get("KeyPolicy") != nil:
			documents[name] = append(documents[name], r.get("KeyPolicy"))
		}
	}
	return documents
}

// grants lists what everyone may do, one line for each action and resource.
func grants(tmpl template) string {
	documents := policies(tmpl)
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		var lines []string
		for _, document := range documents[name] {
			for _, s := range statements(document) {
				lines = append(lines, statementLines(s)...)
			}
		}
		slices.Sort(lines)
		fmt.Fprintf(&out, "\n%s\n  %s\n", name, strings.Join(slices.Compact(lines), "\n  "))
	}
	return out.String()
}

func statementLines(s map[string]any) []string {
	who := ""
	switch principal := s["Principal"].(type) {
	case string:
		who = principal + " "
	case map[string]any:
		for _, kind := range slices.Sorted(maps.Keys(principal)) {
			who += text(principal[kind]) + " "
		}
	}
	found := map[string]map[string][]string{}
	if operators, ok := s["Condition"].(map[string]any); ok {
		for operator, keys := range operators {
			found[operator] = map[string][]string{}
			for key, values := range keys.(map[string]any) {
				for _, value := range list(values) {
					found[operator][key] = append(found[operator][key], text(value))
				}
			}
		}
	}
	resources := []any{"itself"} // of a trust policy, which names none
	if s["Resource"] != nil {
		resources = list(s["Resource"])
	}
	effect := strings.ToLower(s["Effect"].(string))
	var lines []string
	for _, action := range list(s["Action"]) {
		for _, r := range resources {
			lines = append(lines, fmt.Sprintf("%s %s%s on %s%s", effect, who, text(action), text(r), conditions(found)))
		}
	}
	return lines
}

// conditions is " if key operator values and …", "" when there are none.
func conditions(operators map[string]map[string][]string) string {
	var terms []string
	for _, operator := range slices.Sorted(maps.Keys(operators)) {
		for _, key := range slices.Sorted(maps.Keys(operators[operator])) {
			terms = append(terms, fmt.Sprintf("%s %s %s", key, operator, strings.Join(operators[operator][key], ", ")))
		}
	}
	if len(terms) == 0 {
		return ""
	}
	return " if " + strings.Join(terms, " and ")
}

// withSlack is what is deployed, with Slack, the buttons of a chat, and mails by SES.
var withSlack = sync.OnceValues(func() (template, error) {
	return synthesize("slack", `{"notify": {"slack": {"channel": "C024BE91L", "secret": "warder/slack"}, "chat": true,
		"ses": {"sender": "warder@example.com"}}}`)
})

// added are the blocks of grants that the first does not have.
func added(first, second string) string {
	var blocks []string
	for block := range strings.SplitSeq(second, "\n\n") {
		if !strings.Contains(first, strings.TrimSpace(block)) {
			blocks = append(blocks, strings.TrimSpace(block))
		}
	}
	return "\n" + strings.Join(blocks, "\n\n") + "\n"
}

// compareGolden compares what is synthesized with the reviewed file in testdata, or writes the file.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	golden := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("read golden file (go test ./infra/stack -update writes it): %v", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; when the change is meant, go test ./infra/stack -update and review it (-want +got):\n%s",
			golden, diff)
	}
}

func TestGrants_Golden(t *testing.T) {
	got := "# Who may do what in a deployed account: every policy of the synthesized templates.\n" +
		"# Of a role: action, resource. Of a queue, topic or key: who, action, resource.\n" +
		"# Written by go test ./infra/stack -update; review every line that changes.\n" +
		grants(load(t, deployed)) + "\n# In each other region, when the settings name any.\n" +
		grants(load(t, abroad["aws"]).sibling(t, "warder-eu-west-1")) +
		"\n# What Slack and chat add, when the settings name them.\n" +
		added(grants(load(t, deployed)), grants(load(t, withSlack)))
	compareGolden(t, "grants.golden", got)
}

func TestGrants_NoWildcardAction(t *testing.T) {
	checked := 0
	for name, documents := range policies(load(t, deployed)) {
		for _, document := range documents {
			for _, s := range statements(document) {
				if s["Effect"] != "Allow" {
					continue
				}
				if s["NotAction"] != nil || s["NotResource"] != nil || s["NotPrincipal"] != nil {
					t.Errorf("%s allows by exclusion: %v", name, s)
				}
				for _, action := range list(s["Action"]) {
					checked++
					if strings.Contains(action.(string), "*") {
						t.Errorf("%s allows %s", name, action)
					}
				}
			}
		}
	}
	if checked == 0 {
		t.Error("no statement was checked")
	}
}

func TestRoles_AllResourcesOnlyWhereControlJSONSaysSo(t *testing.T) {
	tmpl := load(t, deployed)
	for _, c := range controls(t) {
		t.Run(c.ID, func(t *testing.T) {
			var want, got []string
			for _, p := range c.Permissions {
				if slices.Contains(p.Resources, "*") {
					want = append(want, p.Actions...)
				}
			}
			role := tmpl.Resources[target(tmpl.function(t, c.ID).get("Role"))]
			for _, policy := range role.get("Policies").([]any) {
				for _, s := range statements(policy.(map[string]any)["PolicyDocument"]) {
					if slices.Contains(list(s["Resource"]), any("*")) {
						for _, action := range list(s["Action"]) {
							got = append(got, action.(string))
						}
					}
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("actions on every resource (-control.json +template):\n%s", diff)
			}
		})
	}
}

// A role may do what its control.json says, write its log, and if something
// starts it the plumbing that every control shares and, for a sweep, a look at the open
// cases, nothing more and nothing less.
func TestRoles_ExactlyControlJSONAndPlumbing(t *testing.T) {
	plumbing := []string{
		"allow dynamodb:GetItem on ${Ledger.Arn}",
		"allow dynamodb:PutItem on ${Ledger.Arn}",
		"allow kms:Decrypt on ${TopicKey.Arn}" + forLedger,
		"allow kms:Decrypt on ${TopicKey.Arn} if kms:ViaService StringEquals sns.us-east-1.amazonaws.com",
		"allow kms:GenerateDataKey on ${TopicKey.Arn}" + forLedger,
		"allow kms:GenerateDataKey on ${TopicKey.Arn} if kms:ViaService StringEquals sns.us-east-1.amazonaws.com",
		"allow sns:Publish on ${Notices}",
		"allow sqs:SendMessage on ${Failed.Arn}",
	}
	tmpl := load(t, deployed)
	for _, c := range controls(t) {
		t.Run(c.ID, func(t *testing.T) {
			want := []string{
				"allow logs:CreateLogStream on ${" + pascal(c.ID) + "Logs.Arn}",
				"allow logs:PutLogEvents on ${" + pascal(c.ID) + "Logs.Arn}",
			}
			if !c.Tool {
				want = append(want, plumbing...)
				if c.Schedule != "" {
					want = append(want, "allow dynamodb:Query on ${Ledger.Arn}")
				}
				if c.Schedule != "" || !slices.Contains([]string{
					"alert-console-login", "alert-detection-change", "alert-external-access",
					"alert-organization-change", "alert-policy-change",
					"alert-root-usage", "alert-sharing-change", "alert-warder-change"}, c.ID) { // they change nothing
					want = append(want, "allow dynamodb:BatchGetItem on ${Ledger.Arn}")
				}
			} else if c.Schedule != "" || c.Subscribes {
				want = append(want, "allow sqs:SendMessage on ${Failed.Arn}")
			}
			if c.Tool && named(c, "dynamodb:GetItem") {
				want = append(want, "allow kms:Decrypt on ${TopicKey.Arn}"+forLedger)
			}
			if c.Tool && named(c, "dynamodb:PutItem") {
				want = append(want, "allow kms:GenerateDataKey on ${TopicKey.Arn}"+forLedger)
			}
			for _, p := range c.Permissions {
				for _, action := range p.Actions {
					for _, r := range p.Resources {
						want = append(want, "allow "+action+" on "+own.Replace(r)+strings.ReplaceAll(conditions(p.Conditions),
							"sns.${AWS::Region}.", "sns.us-east-1."))
					}
					for _, r := range p.Except {
						want = append(want, "deny "+action+" on "+r)
					}
				}
			}
			got := granted(tmpl, tmpl.function(t, c.ID))
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("grants of %s (-want +got):\n%s", settings.FunctionName(c.ID), diff)
			}
		})
	}
}

// forLedger ends what is granted of the key for the seals of the ledger.
const forLedger = " if kms:EncryptionContext:warder:purpose StringEquals ledger"

// named reports whether the control has a permission for an action on the ledger.
func named(c control.Control, action string) bool {
	return slices.ContainsFunc(c.Permissions, func(p control.Permission) bool {
		return slices.Contains(p.Resources, control.Ledger) && slices.Contains(p.Actions, action)
	})
}

// own is what stands in the template for a resource that a tool names.
var own = strings.NewReplacer("${Ledger}", "${Ledger.Arn}", "${Topic}", "${Notices}", "${TopicKey}", "${TopicKey.Arn}",
	"${LedgerKey}", "${TopicKey.Arn}", "${WatchTopic}", "${Watch}",
	"${Reports}", "${Reports.Arn}", "${DrillQueue}", "${DrillArrivals.Arn}", "${Bus}", "${Bus.Arn}")

// granted is what the role of a function may do, sorted.
func granted(tmpl template, function resource) []string {
	var got []string
	for _, policy := range tmpl.Resources[target(function.get("Role"))].get("Policies").([]any) {
		for _, s := range statements(policy.(map[string]any)["PolicyDocument"]) {
			got = append(got, statementLines(s)...)
		}
	}
	slices.Sort(got)
	return got
}

// The key is used for messages, only through SNS, and for the ledger's seals, only by Warder's roles.
func TestTopicKey_OnlyThroughSNSAndForTheLedger(t *testing.T) {
	const byOwnRoles = " if aws:PrincipalArn ArnLike arn:${AWS::Partition}:iam::${AWS::AccountId}:role/warder/* and" +
		" kms:EncryptionContext:warder:purpose StringEquals ledger"
	checked := 0
	for name, documents := range policies(load(t, deployed)) {
		for _, document := range documents {
			for _, s := range statements(document) {
				for _, line := range statementLines(s) {
					if !strings.Contains(line, " kms:Decrypt ") && !strings.Contains(line, " kms:GenerateDataKey ") {
						continue
					}
					checked++
					// CloudWatch, which notifies the topic of alarms, has no role.
					if strings.HasPrefix(line, "allow cloudwatch.amazonaws.com ") &&
						strings.HasSuffix(line, " if aws:SourceAccount StringEquals ${AWS::AccountId}") {
						continue
					}
					ledger := forLedger
					if name == "TopicKey" {
						ledger = byOwnRoles
					}
					if !strings.Contains(line, " if kms:ViaService StringEquals sns.") && !strings.HasSuffix(line, ledger) {
						t.Errorf("%s: %s", name, line)
					}
				}
			}
		}
	}
	if checked == 0 {
		t.Error("no use of the key was checked")
	}
}
