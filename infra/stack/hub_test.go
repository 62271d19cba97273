package stack

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

func TestLedger_RetainedAndRestorable(t *testing.T) {
	tmpl := load(t, deployed)
	table := tmpl.one(t, "AWS::DynamoDB::Table", func(resource) bool { return true })
	if table.DeletionPolicy != "Retain" || table.UpdateReplacePolicy != "Retain" {
		t.Errorf("deletion policy %q, replacement policy %q, want Retain", table.DeletionPolicy, table.UpdateReplacePolicy)
	}
	want := map[string]any{
		"TableName":                        "warder",
		"BillingMode":                      "PAY_PER_REQUEST",
		"DeletionProtectionEnabled":        true,
		"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true},
		"TimeToLiveSpecification":          map[string]any{"AttributeName": "expires", "Enabled": true},
		"KeySchema": []any{
			map[string]any{"AttributeName": "pk", "KeyType": "HASH"},
			map[string]any{"AttributeName": "sk", "KeyType": "RANGE"},
		},
		"AttributeDefinitions": []any{
			map[string]any{"AttributeName": "pk", "AttributeType": "S"},
			map[string]any{"AttributeName": "sk", "AttributeType": "S"},
			map[string]any{"AttributeName": "subject", "AttributeType": "S"},
			map[string]any{"AttributeName": "at", "AttributeType": "S"},
		},
		"GlobalSecondaryIndexes": []any{map[string]any{
			"IndexName": "subject",
			"KeySchema": []any{
				map[string]any{"AttributeName": "subject", "KeyType": "HASH"},
				map[string]any{"AttributeName": "at", "KeyType": "RANGE"},
			},
			"Projection": map[string]any{"ProjectionType": "ALL"},
		}},
		"Tags": []any{map[string]any{"Key": "warder", "Value": "hub"}},
	}
	properties := maps.Clone(table.Properties)
	delete(properties, "ResourcePolicy") // see TestLedger_OnlyWarderWrites
	if diff := cmp.Diff(want, properties); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
}

// administers is who may manage what the ledger rests on, as the policies say it.
const administers = "arn:${AWS::Partition}:iam::${AWS::AccountId}:root, " +
	"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-*-cfn-exec-role-*, " +
	"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/stacksets-exec-*, " +
	"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/AWSCloudFormationStackSetExecutionRole, " +
	"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/OrganizationAccountAccessRole, " +
	"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-reserved/sso.amazonaws.com/" +
	"*AWSReservedSSO_AdministratorAccess_*"

// Nobody but Warder writes items, whatever else they may do; and what keeps it so, the policies of the table and of the
// key, only an administrator changes.
func TestLedger_OnlyWarderWrites(t *testing.T) {
	var writes, manages, halts []string
	tmpl := load(t, deployed)
	table := tmpl.one(t, "AWS::DynamoDB::Table", func(resource) bool { return true })
	for _, s := range statements(table.get("ResourcePolicy.PolicyDocument")) {
		for _, line := range statementLines(s) {
			action, whom, _ := strings.Cut(line, " on * if ")
			switch whom {
			case "aws:PrincipalArn ArnNotLike arn:${AWS::Partition}:iam::${AWS::AccountId}:role/warder/*":
				writes = append(writes, action)
			case "aws:PrincipalArn ArnNotLike " + administers:
				manages = append(manages, action)
			case "aws:PrincipalArn ArnNotLike arn:${AWS::Partition}:iam::${AWS::AccountId}:role/warder/*, " + administers,
				"aws:PrincipalArn ArnNotLike arn:${AWS::Partition}:iam::${AWS::AccountId}:role/warder/* and " +
					"dynamodb:LeadingKeys ForAnyValue:StringNotEquals halt#emergency":
				halts = append(halts, action)
			default:
				t.Errorf("unexpected: %s", line)
			}
		}
	}
	deny := func(names ...string) (lines []string) {
		for _, name := range names {
			lines = append(lines, "deny * dynamodb:"+name)
		}
		return lines
	}
	if diff := cmp.Diff(deny("BatchWriteItem", "DeleteItem", "PartiQLDelete", "PartiQLInsert", "PartiQLUpdate",
		"UpdateItem"), writes); diff != "" {
		t.Errorf("denied to everybody but Warder's roles (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(deny("DeleteResourcePolicy", "DeleteTable", "PutResourcePolicy", "UpdateContinuousBackups",
		"UpdateTable", "UpdateTimeToLive"), manages); diff != "" {
		t.Errorf("denied to everybody but administrators (-want +got):\n%s", diff)
	}
	// Administrators put the one item that halts in an emergency, and nobody else puts any.
	if diff := cmp.Diff(deny("PutItem", "PutItem"), halts); diff != "" {
		t.Errorf("putting items is denied (-want +got):\n%s", diff)
	}
	key := tmpl.one(t, "AWS::KMS::Key", func(resource) bool { return true })
	for _, s := range statements(key.get("KeyPolicy")) {
		for _, line := range statementLines(s) {
			reads := strings.Contains(line, " kms:Get") || strings.Contains(line, " kms:List") ||
				strings.Contains(line, " kms:Describe")
			uses := strings.Contains(line, " kms:Decrypt ") || strings.Contains(line, " kms:GenerateDataKey ")
			if !reads && !uses && !strings.HasSuffix(line, " if aws:PrincipalArn ArnLike "+administers) {
				t.Errorf("whoever may do this could write the ledger, or stop it: %s", line)
			}
		}
	}
}

// ofNotices is the topic of notices, and what is of it; the other is that of watch.go.
func ofNotices(r resource) bool { return !strings.HasPrefix(r.id, "Watch") }

func TestTopicKey_EncryptsTheTopicAndRotates(t *testing.T) {
	tmpl := load(t, deployed)
	key := tmpl.one(t, "AWS::KMS::Key", func(resource) bool { return true })
	topic := tmpl.one(t, "AWS::SNS::Topic", ofNotices)
	if !topic.refers("KmsMasterKeyId", key) {
		t.Errorf("topic rests under %v, want the stack's key", topic.get("KmsMasterKeyId"))
	}
	if key.get("EnableKeyRotation") != true {
		t.Error("the key does not rotate")
	}
}

// What halts Warder is an item of the ledger: nothing that CloudFormation makes, and so updates, reverts or makes anew,
// has a value of it.
func TestHalt_NoDeploymentWritesIt(t *testing.T) {
	for name, from := range stacks(t) {
		for _, r := range load(t, from).Resources {
			writes := r.Type == "AWS::SSM::Parameter" || strings.HasPrefix(r.Type, "Custom::") ||
				r.Type == "AWS::CloudFormation::CustomResource"
			text, err := json.Marshal(r.Properties)
			if err != nil {
				t.Fatal(err)
			}
			if r.Type == "AWS::DynamoDB::Table" {
				text = nil // its policy says who writes it
			}
			if writes || strings.Contains(string(text), "halt#") {
				t.Errorf("%s: %s (%s) may write the halt switch", name, r.id, r.Type)
			}
		}
	}
}

func TestTopic_Subscriptions(t *testing.T) {
	if got := load(t, deployed).all("AWS::SNS::Subscription"); len(got) != 0 {
		t.Errorf("%d subscriptions without an address in cdk.json, want 0", len(got))
	}
	tmpl := load(t, custom)
	mails, owners := tmpl.named(t, "AWS::SNS::Topic", "Mails"), tmpl.named(t, "AWS::SNS::Topic", "OwnerMails")
	got := map[string]any{}
	for _, s := range tmpl.where("AWS::SNS::Subscription", func(s resource) bool {
		return s.get("Protocol") == "email" && !strings.HasPrefix(s.id, "Watch")
	}) {
		// No address is subscribed to the topic of notices: more than ten messages in a second suspend it.
		if filtered := s.get("FilterPolicy") != nil; filtered && !s.refers("TopicArn", owners) ||
			!filtered && !s.refers("TopicArn", mails) {
			t.Errorf("%s is a subscription of another topic: %v", s.id, s.Properties)
		}
		if scope := s.get("FilterPolicyScope"); scope != nil {
			t.Errorf("%s looks for the owner in %v, want the message's attributes", s.id, scope)
		}
		address := s.get("Endpoint").(string)
		if _, twice := got[address]; twice {
			t.Errorf("%s is subscribed twice", address)
		}
		got[address] = s.get("FilterPolicy")
	}
	want := map[string]any{
		"on-call@example.com":  nil, // notified of everything, though it owns some users
		"security@example.com": nil,
		"ci@example.com":       map[string]any{"owner": []any{"ci@example.com"}},
		"data@example.com":     map[string]any{"owner": []any{"data@example.com"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("filter policy of each subscribed address (-want +got):\n%s", diff)
	}
}

// taggable says for each type in the templates whether CloudFormation tags it. It
// does not where a type is no thing of its own, or has tags in IAM or AWS Config alone.
var taggable = map[string]bool{
	"AWS::CDK::Metadata":              false,
	"AWS::Chatbot::CustomAction":      true,
	"AWS::CloudWatch::Alarm":          true,
	"AWS::CloudWatch::Dashboard":      true,
	"AWS::Config::ConfigRule":         false,
	"AWS::DynamoDB::Table":            true,
	"AWS::Events::EventBus":           true,
	"AWS::Events::EventBusPolicy":     false,
	"AWS::Events::Rule":               true,
	"AWS::IAM::Group":                 false,
	"AWS::IAM::ManagedPolicy":         false,
	"AWS::IAM::Role":                  true,
	"AWS::Scheduler::Schedule":        false,
	"AWS::Scheduler::ScheduleGroup":   true,
	"AWS::KMS::Key":                   true,
	"AWS::Lambda::EventInvokeConfig":  false,
	"AWS::Lambda::EventSourceMapping": true,
	"AWS::Lambda::Function":           true,
	"AWS::Lambda::Permission":         false,
	"AWS::Logs::LogGroup":             true,
	"AWS::Logs::MetricFilter":         false,
	"AWS::Logs::QueryDefinition":      false,
	"AWS::S3::Bucket":                 true,
	"AWS::S3::BucketPolicy":           false,
	"AWS::SNS::Subscription":          false,
	"AWS::SNS::Topic":                 true,
	"AWS::SNS::TopicPolicy":           false,
	"AWS::SQS::Queue":                 true,
	"AWS::SQS::QueuePolicy":           false,
}

func TestTags_EveryResource(t *testing.T) {
	own := map[string]string{"cost-center": "4711", "team": "security"} // of everySetting
	for name, from := range stacks(t) {
		for _, r := range load(t, from).Resources {
			tagged, known := taggable[r.Type]
			switch {
			case !known:
				t.Errorf("%s: %s: say in taggable whether CloudFormation tags %s", name, r.id, r.Type)
			case tagged && r.tag("warder") == nil:
				t.Errorf("%s: %s (%s) has no tag warder", name, r.id, r.Type)
			case !tagged && r.get("Tags") != nil:
				t.Errorf("%s: %s (%s) has tags: say so in taggable", name, r.id, r.Type)
			}
			for key, want := range own {
				if got := r.tag(key); name == "custom" && tagged && got != want || name != "custom" && got != nil {
					t.Errorf("%s: tag %s of %s (%s) is %v", name, key, r.id, r.Type, got)
				}
			}
		}
	}
}

// tag is the value of a tag, nil without it.
func (r resource) tag(key string) any {
	switch tags := r.get("Tags").(type) {
	case map[string]any: // of a parameter
		return tags[key]
	case []any:
		for _, item := range tags {
			if item := item.(map[string]any); item["Key"] == key {
				return item["Value"]
			}
		}
	}
	return nil
}

func TestNames_PhysicalOnlyWhereNeeded(t *testing.T) {
	named := map[string][]string{
		"AWS::Lambda::Function": {"FunctionName"},
		"AWS::Logs::LogGroup":   {"LogGroupName"},
		"AWS::DynamoDB::Table":  {"TableName"},
		// Those of exactly these names may be attached to users.
		"AWS::IAM::ManagedPolicy": {"ManagedPolicyName"},
		"AWS::IAM::Group":         {"GroupName"},
		// Regions and drills send to the bus of exactly this name.
		"AWS::Events::EventBus": {"Name"},
		// The functions know each other's roles, by names that are all in the environment of each.
		"AWS::IAM::Role": {"RoleName"},
		// An alarm's name is the subject of its mail; MetricName is what it watches.
		"AWS::CloudWatch::Alarm":          {"AlarmName", "MetricName"},
		"AWS::CloudWatch::CompositeAlarm": {"AlarmName"},
		// What people look for in the console.
		"AWS::CloudWatch::Dashboard": {"DashboardName"},
		"AWS::Logs::QueryDefinition": {"Name"},
	}
	tmpl := load(t, deployed)
	for _, r := range tmpl.Resources {
		for property, value := range r.Properties {
			// A display name is what people read, not what the resource is called.
			if _, literal := value.(string); !literal || !strings.HasSuffix(property, "Name") || property == "DisplayName" {
				continue
			}
			if !slices.Contains(named[r.Type], property) {
				t.Errorf("%s (%s) has the physical name %s = %v", r.id, r.Type, property, value)
			}
		}
	}
}

func TestTemplates_Reproducible(t *testing.T) {
	second, err := synthesize("again", everySetting)
	if err != nil {
		t.Fatal(err)
	}
	again, err := synthesize("stackset-again", forStackSet)
	if err != nil {
		t.Fatal(err)
	}
	set := load(t, stackSet)
	for _, pair := range [][2]template{
		{load(t, custom), second}, {set, again}, {set.sibling(t, "warder-regions"), again.sibling(t, "warder-regions")},
	} {
		if first, second := pair[0], pair[1]; !bytes.Equal(first.text, second.text) {
			t.Errorf("two runs differ:\n%s", cmp.Diff(string(first.text), string(second.text)))
		}
	}
}

func TestTemplates_CfnLint(t *testing.T) {
	lint, err := filepath.Abs("../../.venv/bin/cfn-lint")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(lint); err != nil {
		t.Fatalf("cfn-lint is not installed (make test installs it): %v", err)
	}
	// Each in its own region, where fewer types and values may exist.
	for region, templates := range lintOnce(t, true) {
		args := append([]string{"--regions", region, "--"}, templates...)
		if out, err := exec.Command(lint, args...).CombinedOutput(); err != nil {
			t.Errorf("cfn-lint: %s: %v\n%s", region, err, out)
		}
	}
}

func TestValidate_BeforeTheCDKPanics(t *testing.T) {
	all := controls(t)
	s, err := settings.Parse([]byte("{}"), all)
	if err != nil {
		t.Fatal(err)
	}
	prefixes := map[string]string{}
	for _, letter := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		prefixes[strings.Repeat(letter, 60)] = strings.Repeat(letter, 60) + "@example.com"
	}
	tests := []struct {
		name  string
		build bool
		set   func(*settings.Settings)
		want  string // part of the error; empty: no error
	}{
		{"a built control with the default settings is fine", true, func(*settings.Settings) {}, ""},
		{"a binary that was not built is named", false, func(*settings.Settings) {},
			"bin/alert-console-login/bootstrap: no such file or directory (make build builds it)"},
		{"an environment over 4 KB names the control and what to shorten", true,
			func(s *settings.Settings) { s.Owners.Prefixes = prefixes },
			"environment of \"alert-console-login\": up to"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			props := &HubProps{Settings: s, Controls: []control.Control{all[0]}, Binaries: filepath.Join(t.TempDir(), "bin")}
			tt.set(&props.Settings)
			if tt.build {
				if err := writeBinaries(props); err != nil {
					t.Fatal(err)
				}
			}
			err := props.Validate()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("check: %v, want no error", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("check: %v, want %q in it", err, tt.want)
			}
		})
	}
}
