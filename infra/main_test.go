package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/infra/stack"
	"github.com/warder-aws/warder/pkg/settings"
)

// The settings of a file take the place of those of cdk.json, whole, and what is wrong with them names the file.
func TestRead_File(t *testing.T) {
	folder := t.TempDir()
	app := stack.NewApp(jsii.String(folder))
	defer jsii.Close()
	app.Node().SetContext(jsii.String("warder"), map[string]any{"blastRadius": 3, "holdDays": 3})
	if _, props, err := read(app); err != nil || props.Settings.HoldDays != 3 {
		t.Errorf("without a file the context is not taken: %v", err)
	}
	for name, tc := range map[string]struct {
		text, want string // part of the error
		radius     int
	}{
		"alone.json":    {`{"blastRadius": 4}`, "", 4},
		"cdk.json":      {`{"app": "x", "context": {"warder": {"blastRadius": 5}, "other": 1}}`, "", 5},
		"defaults.json": {`{}`, "", 10},
		"empty.json":    {``, "unexpected end of JSON input", 0},
		"text.json":     {`blastRadius: 4`, "invalid character", 0},
		"list.json":     {`[]`, "not a JSON object", 0},
		"other.json":    {`{"context": {"someone": {}}}`, `a cdk.json without settings`, 0},
		"twice.json":    {`{"blastRadius": 4, "blastRadius": 5}`, "blastRadius: written twice", 0},
		"faults.json":   {`{"blastRadius": 0, "regoins": []}`, "regoins: unknown field", 0},
		"nested.json":   {`{"warder": {"blastRadius": 4}}`, "warder: unknown field", 0},
	} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(settingsFile, path)
		given, props, err := read(app)
		switch {
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path)):
			t.Errorf("%s: %v, want %q of %s", name, err, tc.want, path)
		case tc.want == "" && (err != nil || props.Settings.BlastRadius != tc.radius || props.Settings.HoldDays != 7):
			t.Errorf("%s: %v, or other settings than its own", name, err)
		case tc.want == "" && given == nil:
			t.Errorf("%s: the stack does not say its settings", name)
		}
	}
	t.Setenv(settingsFile, filepath.Join(folder, "nowhere.json"))
	if _, _, err := read(app); err == nil || !strings.Contains(err.Error(), "nowhere.json") {
		t.Errorf("a file that is not there: %v", err)
	}
	t.Setenv(settingsFile, folder)
	if _, _, err := read(app); err == nil {
		t.Error("a folder is taken")
	}
}

// The commands name each template where it is uploaded to, under its content, and only those that there are.
func TestPublish(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"warder", "warder-regions"} {
		if err := os.WriteFile(filepath.Join(folder, name+".template.json"), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := settings.Settings{
		HubRegion: "cn-north-1", Regions: []string{"cn-northwest-1"}, AssetBucket: "code-${AWS::AccountId}-${AWS::Region}",
	}
	got, err := publish(folder, s)
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`https://code-ACCOUNT-cn-north-1\.s3\.cn-north-1\.amazonaws\.com\.cn/(\S+) \\\n  `+
		`--capabilities CAPABILITY_NAMED_IAM --permission-model SERVICE_MANAGED`).FindAllStringSubmatch(got, -1)
	if len(keys) != 2 {
		t.Fatalf("commands with %d templates, want 2:\n%s", len(keys), got)
	}
	for i, name := range []string{"warder", "warder-regions"} {
		data, err := os.ReadFile(filepath.Join(folder, "code", keys[i][1]))
		if err != nil || string(data) != name {
			t.Errorf("%s: %q, %v", keys[i][1], data, err)
		}
	}
	for _, want := range []string{
		"aws s3 sync " + filepath.Join(folder, "code") + " s3://code-ACCOUNT-cn-north-1\n",
		"ParameterKey=Mode,ParameterValue=observe ParameterKey=Wave,ParameterValue=4", "--regions cn-north-1 ",
		"--regions cn-northwest-1 ", "leaves out the management account",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in the commands:\n%s", want, got)
		}
	}
	if strings.Contains(got, "warder-config") {
		t.Errorf("a StackSet of rules that nobody asked for:\n%s", got)
	}
}
