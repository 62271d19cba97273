package stack

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// forStackSet are settings for plain templates.
const forStackSet = `{"assetBucket": "acme-code-${AWS::Region}", "regions": ["eu-west-1", "ap-northeast-2"],
	"owners": {"default": "security@example.com"},
	"controls": {"detach-direct-policy": {"mode": "enforce"}, "alert-root-usage": {"mode": "off"}}}`

// stackSet is the stacks with everything that a StackSet wants.
var stackSet = sync.OnceValues(func() (template, error) { return synthesize("stackset", forStackSet) })

func TestStackSet_NeedsOnlyItsBucket(t *testing.T) {
	hub := load(t, stackSet)
	for _, tmpl := range []template{hub, hub.sibling(t, "warder-regions")} {
		for _, of := range []string{"cdk-bootstrap", "cdk-hnb659fds", "BootstrapVersion", "CheckBootstrapVersion"} {
			if strings.Contains(string(tmpl.text), of) {
				t.Errorf("%s has %s of the CDK's own environment", tmpl.file, of)
			}
		}
	}
	for _, c := range controls(t) {
		function := hub.function(t, c.ID)
		if bucket := text(function.get("Code.S3Bucket")); bucket != "acme-code-${AWS::Region}" {
			t.Errorf("code of %s is in %s", c.ID, bucket)
		}
		key, _ := function.get("Code.S3Key").(string)
		if !strings.HasPrefix(key, "warder/"+c.ID+"/") {
			t.Errorf("code of %s is at %q", c.ID, key)
		}
		data, err := os.ReadFile(filepath.Join(filepath.Dir(hub.file), CodeFolder, key))
		if err != nil {
			t.Fatal(err)
		}
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if len(archive.File) != 1 || archive.File[0].Name != "bootstrap" || archive.File[0].Mode() != 0o755 {
			t.Fatalf("archive of %s: %v, want an executable bootstrap alone", c.ID, archive.File)
		}
		file, err := archive.File[0].Open()
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(file); err != nil || string(content) != c.ID {
			t.Errorf("bootstrap of %s is %q, %v", c.ID, content, err)
		}
	}
}

func TestStackSet_RulesMayUseDeadLetterQueue(t *testing.T) {
	hub := load(t, stackSet)
	undelivered := hub.named(t, "AWS::SQS::Queue", "Undelivered")
	policy := hub.one(t, "AWS::SQS::QueuePolicy", func(r resource) bool { return r.refers("Queues.0", undelivered) })
	const rule = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/"
	want := "allow events.amazonaws.com sqs:SendMessage on ${Undelivered.Arn} if aws:SourceArn ArnLike " + rule +
		"warder*, " + rule + "StackSet-warder*"
	var got []string
	for _, s := range statements(policy.get("PolicyDocument")) {
		if s["Effect"] == "Allow" {
			got = append(got, statementLines(s)...)
		}
	}
	topics := "allow sns.amazonaws.com sqs:SendMessage on ${Undelivered.Arn} if aws:SourceArn ArnEquals ${Notices}"
	if diff := cmp.Diff([]string{want, topics}, got); diff != "" {
		t.Errorf("who may write to the queue (-want +got):\n%s", diff)
	}
}

// A deployment replaces the function whose binary changed, and no other: what the template has of each is
// named by its content.
func TestCode_ChangedBinaryChangesOnlyItsFunction(t *testing.T) {
	const changed = "undo"
	folder := filepath.Join(scratch, "changed")
	props, err := properties(folder, everySetting)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(props.Binaries, changed, "bootstrap"), []byte("other code"), 0o755); err != nil {
		t.Fatal(err)
	}
	after, err := synthesizeFrom(folder, props)
	if err != nil {
		t.Fatal(err)
	}
	before := load(t, custom)
	function := before.function(t, changed).id
	for id, was := range before.Resources {
		switch is, there := after.Resources[id]; {
		case !there:
			t.Errorf("%s is gone", id)
		case id == function:
			if was.get("Code.S3Key") == is.get("Code.S3Key") {
				t.Errorf("the code of %s is still %v", changed, is.get("Code.S3Key"))
			}
		default:
			if diff := cmp.Diff(was.Properties, is.Properties); diff != "" {
				t.Errorf("%s (%s) changes with the code of %s:\n%s", id, was.Type, changed, diff)
			}
		}
	}
	if len(after.Resources) != len(before.Resources) {
		t.Errorf("%d resources, were %d", len(after.Resources), len(before.Resources))
	}
}

func TestCode_ArchiveIsReproducible(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bootstrap")
	write := func(content string) []byte {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		data, err := archived(file)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	first, again, other := write("one"), write("one"), write("two")
	if !bytes.Equal(first, again) || bytes.Equal(first, other) {
		t.Error("archives of different content have the same bytes, or the reverse")
	}
}
