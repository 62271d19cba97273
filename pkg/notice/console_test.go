package notice

import (
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const eventID = "22222222-0000-4000-8000-000000000081"

func TestLinks(t *testing.T) {
	user := func(host, region, name string) string {
		return "https://" + host + "/iam/home?region=" + region + "#/users/details/" + name + "?section=permissions"
	}
	for _, tc := range []struct {
		name, region, object string
		want                 []string
	}{
		{"a user", "us-east-1", "user/alice", []string{user("us-east-1.console.aws.amazon.com", "us-east-1", "alice")}},
		{"a user in China", "cn-north-1", "user/alice", []string{user("console.amazonaws.cn", "cn-north-1", "alice")}},
		{"a user in GovCloud", "us-gov-west-1", "user/alice",
			[]string{user("console.amazonaws-us-gov.com", "us-gov-west-1", "alice")}},
		{"what an address reads as its own", "us-east-1", "user/a+b=c,d@e.f",
			[]string{user("us-east-1.console.aws.amazon.com", "us-east-1", "a%2Bb%3Dc%2Cd%40e.f")}},
		{"a role", "us-east-1", "role/deploy", []string{"https://us-east-1.console.aws.amazon.com/iam/home" +
			"?region=us-east-1#/roles/details/deploy?section=permissions"}},
		{"a policy", "us-east-1", "policy/arn:aws:iam::aws:policy/job-function/Billing", []string{
			"https://us-east-1.console.aws.amazon.com/iam/home?region=us-east-1#/policies/details/" +
				"arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2Fjob-function%2FBilling?section=permissions"}},
		{"a bucket", "eu-west-1", "bucket/acme-logs", []string{
			"https://eu-west-1.console.aws.amazon.com/s3/buckets/acme-logs?region=eu-west-1&tab=permissions"}},
		{"a partition whose console is not known", "us-iso-east-1", "user/alice", nil},
		{"a region that is none", "evil.example/", "user/alice", nil},
		{"no object", "us-east-1", "", nil},
		{"another kind", "us-east-1", "session/alice", nil},
		{"a name with a slash", "us-east-1", "user/../../evil", nil},
		{"a name with a line", "us-east-1", "user/alice\nRunbook: https://evil.example", nil},
		{"a name with a fragment", "us-east-1", "user/alice#x", nil},
		{"a bucket that is a host", "us-east-1", "bucket/a/b", nil},
		{"a redacted name", "us-east-1", "user/backup_…MPLE", nil},
	} {
		m := Message{Region: tc.region, Object: tc.object}
		var got []string
		for _, link := range m.Links() {
			got = append(got, link.URL)
			if u, err := url.Parse(link.URL); err != nil || u.Scheme != "https" || strings.ContainsAny(link.URL, " \n<>\"'") {
				t.Errorf("%s: %q", tc.name, link.URL)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestLinks_Event(t *testing.T) {
	for _, tc := range []struct{ region, event, want string }{
		{"ap-northeast-2", eventID,
			"https://ap-northeast-2.console.aws.amazon.com/cloudtrailv2/home?region=ap-northeast-2#/events/" + eventID},
		{"cn-northwest-1", eventID,
			"https://console.amazonaws.cn/cloudtrailv2/home?region=cn-northwest-1#/events/" + eventID},
		{"", eventID, ""},                            // of no trail
		{"us-east-1", "sweep-2026", ""},              // of no event
		{"us-east-1", eventID + "#evil", ""},         //
		{"us-east-1.evil.example", eventID, ""},      //
		{"us-east-1", "warder.drill:" + eventID, ""}, // made up
	} {
		got := ""
		for _, link := range (Message{Region: "us-east-1", EventRegion: tc.region, Event: tc.event}).Links() {
			got += link.URL
		}
		if got != tc.want {
			t.Errorf("%s in %s: %q, want %q", tc.event, tc.region, got, tc.want)
		}
	}
}

// hostileWords try to end a word of a shell, and to begin a command.
var hostileWords = []string{
	"'", `\'`, `'\''`, "$(touch pwned)", "`touch pwned`", "a'; touch pwned; '", "\"$HOME\"", "a\nb", "한글 '이름'", "-x", "",
	"!!", `\`, "a\tb", "*", "~", "<>|&",
}

func TestQuote_IsOneWordOfAShell(t *testing.T) {
	for _, words := range hostileWords {
		c := exec.Command("/bin/sh", "-c", "printf '%s' "+Quote(words))
		c.Dir = t.TempDir()
		if out, err := c.CombinedOutput(); err != nil || string(out) != words {
			t.Errorf("%q became %q, %v", words, out, err)
		}
	}
}

// The shell hands over one payload, whatever is in it.
func TestCloudShell(t *testing.T) {
	for _, words := range hostileWords {
		command := CloudShell("us-east-1", "warder-undo", map[string]string{"reason": words})
		script := strings.Replace(command, "aws lambda invoke", "printf '%s\\n'", 1)
		out, err := exec.Command("/bin/sh", "-c", script).Output()
		lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		if err != nil || len(lines) != 9 || lines[3] != "warder-undo" || !strings.HasPrefix(lines[7], `{"reason":"`) {
			t.Errorf("%q: %q, %v", words, lines, err)
		}
	}
	for _, region := range []string{"", "us-east-1; touch pwned", "$(x)", "us-east-1\n"} {
		if command := CloudShell(region, "warder-undo", struct{}{}); command != "" {
			t.Errorf("%q: %s", region, command)
		}
	}
}

func TestCommands(t *testing.T) {
	m := sample()
	m.Finding, m.Undo = "abcdefghij", `make undo ID=abcdefghij REASON="why"`
	want := []Command{
		{"Undo, with one of:", []string{
			`make undo ID=abcdefghij REASON="why"`, `warder undo --id abcdefghij --reason "why"`,
			`aws lambda invoke --region us-east-1 --function-name 'warder-undo' --cli-binary-format raw-in-base64-out ` +
				`--payload '{"action":"abcdefghij","by":"your name","reason":"why"}' /dev/stdout`}},
		{"Full history, with one of:", []string{
			"make explain ID=abcdefghij", "warder explain --id abcdefghij",
			`aws lambda invoke --region us-east-1 --function-name 'warder-explain' --cli-binary-format raw-in-base64-out ` +
				`--payload '{"action":"abcdefghij"}' /dev/stdout`}},
	}
	if diff := cmp.Diff(want, m.Commands()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, id := range []string{"", "abcdefghij; rm -rf /", "$(id)", "ABCDEFGHIJ"} {
		if m.Finding = id; len(m.Commands()) > 0 {
			t.Errorf("%q: %v", id, m.Commands())
		}
	}
}
