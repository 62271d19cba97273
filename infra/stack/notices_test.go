package stack

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	elsewhere    = "arn:aws:sns:us-east-1:444455556666:security"
	elsewhereKey = "arn:aws:kms:us-east-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

var (
	toElsewhere = sync.OnceValues(func() (template, error) {
		return synthesize("elsewhere",
			`{"notify": {"topic": "`+elsewhere+`", "topicKey": "`+elsewhereKey+`", "slack": {"secret": "slack"}}}`)
	})
	toElsewhereWithoutKey = sync.OnceValues(func() (template, error) {
		return synthesize("elsewhere-without-key", `{"notify": {"topic": "`+elsewhere+`"}}`)
	})
)

func TestTopic_Elsewhere(t *testing.T) {
	for name, from := range map[string]func() (template, error){elsewhereKey: toElsewhere, "": toElsewhereWithoutKey} {
		tmpl := load(t, from)
		for _, kind := range []string{"AWS::SNS::Topic", "AWS::SNS::TopicPolicy"} {
			if own := tmpl.where(kind, ofNotices); len(own) > 0 {
				t.Errorf("%v is there beside the topic elsewhere", own)
			}
		}
		// The ledger has a key of its own then: the other one is others' to use.
		want := []string{
			"allow kms:Decrypt on ${LedgerKey.Arn}" + forLedger, "allow kms:GenerateDataKey on ${LedgerKey.Arn}" + forLedger,
			"allow sns:Publish on " + elsewhere,
		}
		if name != "" {
			want = []string{
				"allow kms:Decrypt on ${LedgerKey.Arn}" + forLedger,
				"allow kms:Decrypt on " + name + " if kms:ViaService StringEquals sns.us-east-1.amazonaws.com",
				"allow kms:GenerateDataKey on ${LedgerKey.Arn}" + forLedger,
				"allow kms:GenerateDataKey on " + name + " if kms:ViaService StringEquals sns.us-east-1.amazonaws.com",
				"allow sns:Publish on " + elsewhere,
			}
		}
		for _, id := range []string{"detach-direct-policy", "undo"} { // a control, and a tool that notifies
			function := tmpl.function(t, id)
			if topic := tmpl.settings(t, id).Topic; topic != elsewhere {
				t.Errorf("%s has the topic %v, want %s", id, topic, elsewhere)
			}
			got := slices.DeleteFunc(granted(tmpl, function), func(line string) bool {
				return !strings.HasPrefix(line, "allow sns:") && !strings.HasPrefix(line, "allow kms:")
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("grants of %s (-want +got):\n%s", id, diff)
			}
		}
	}
	queue := load(t, toElsewhere).named(t, "AWS::SQS::Queue", "PostToSlackQueue")
	subscription := load(t, toElsewhere).one(t, "AWS::SNS::Subscription", func(resource) bool { return true })
	if subscription.get("TopicArn") != elsewhere || !subscription.refers("Endpoint", queue) {
		t.Errorf("subscription %v, want Slack to be subscribed to the topic elsewhere", subscription.Properties)
	}
}

func TestTopic_OtherRegionIsRefused(t *testing.T) {
	_, err := synthesize("elsewhere-abroad", `{"notify": {"topic": "arn:aws:sns:eu-west-1:444455556666:security"}}`)
	if err == nil || !strings.Contains(err.Error(),
		`notify.topic is in "eu-west-1": it has to be in the hub's region us-east-1`) {
		t.Errorf("synthesize: %v, want it to say where the topic has to be", err)
	}
}

func TestTopicKey_BothDomainsInChina(t *testing.T) {
	for partition, want := range map[string]string{
		"aws": "sns.us-east-1.amazonaws.com", "aws-us-gov": "sns.us-gov-west-1.amazonaws.com",
		"aws-cn": "sns.cn-north-1.amazonaws.com, sns.cn-north-1.amazonaws.com.cn",
	} {
		tmpl := load(t, abroad[partition])
		checked := 0
		for _, id := range []string{"detach-direct-policy", "undo"} {
			for _, line := range granted(tmpl, tmpl.function(t, id)) {
				if strings.HasPrefix(line, "allow kms:") && !strings.HasSuffix(line, forLedger) {
					checked++
					if !strings.HasSuffix(line, "if kms:ViaService StringEquals "+want) {
						t.Errorf("%s: %s", partition, line)
					}
				}
			}
		}
		if checked != 4 {
			t.Errorf("%s: %d uses of the key were checked, want 4", partition, checked)
		}
	}
}
