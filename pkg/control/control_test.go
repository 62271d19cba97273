package control

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const file = "detach-direct-policy/control.json"

// whole is a control.json that uses everything there is.
const whole = `{
	"id": "detach-direct-policy",
	"title": "Direct policy",
	"summary": "Detaches it.",
	"severity": "high",
	"mode": "observe",
	"rules": [
		{
			"source": ["aws.iam"],
			"detail-type": ["AWS API Call via CloudTrail"],
			"detail": { "eventName": ["AttachUserPolicy"], "errorCode": [{ "exists": false }] }
		}
	],
	"schedule": "rate(1 day)",
	"configRules": [{
		"name": "iam-user-no-policies-check", "identifier": "IAM_USER_NO_POLICIES_CHECK", "periodic": true,
		"resource": "AWS::IAM::User", "parameters": { "maxDays": "word" }
	}],
	"permissions": [
		{ "actions": ["iam:ListUsers"], "resources": ["*"] },
		{
			"actions": ["iam:DetachUserPolicy"],
			"resources": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"],
			"conditions": { "ArnNotLike": { "iam:PolicyARN": "arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll" } }
		}
	],
	"parameters": {
		"days": { "default": 90, "range": [1, 365], "help": "Days." },
		"word": { "default": "a", "range": ["a", "b"], "help": "A word." },
		"free": { "default": "", "help": "Any text." },
		"flag": { "default": false, "help": "A switch." },
		"names": { "default": ["x"], "help": "Names." },
		"groups": { "default": { "policy": "group" }, "help": "Groups." }
	},
	"references": [{ "title": "IAM.2", "url": "https://example.com/iam-2" }, { "title": "제13조" }]
}`

func TestParseReadsEverything(t *testing.T) {
	want := Control{
		ID: "detach-direct-policy", Title: "Direct policy", Summary: "Detaches it.", Severity: High, Mode: Observe,
		Rules: []json.RawMessage{json.RawMessage(
			`{"source":["aws.iam"],"detail-type":["AWS API Call via CloudTrail"],` +
				`"detail":{"eventName":["AttachUserPolicy"],"errorCode":[{"exists":false}]}}`,
		)},
		Schedule: "rate(1 day)",
		ConfigRules: []ConfigRule{{
			Name: "iam-user-no-policies-check", Identifier: "IAM_USER_NO_POLICIES_CHECK", Periodic: true,
			Resource: "AWS::IAM::User", Parameters: map[string]string{"maxDays": "word"},
		}},
		Permissions: []Permission{
			{Actions: []string{"iam:ListUsers"}, Resources: []string{"*"}},
			{
				Actions:   []string{"iam:DetachUserPolicy"},
				Resources: []string{"arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"},
				Conditions: map[string]map[string][]string{
					"ArnNotLike": {"iam:PolicyARN": {"arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll"}},
				},
			},
		},
		Parameters: map[string]Parameter{
			"days":   {Kind: Integer, Default: json.RawMessage(`90`), Min: 1, Max: 365, Help: "Days."},
			"word":   {Kind: Text, Default: json.RawMessage(`"a"`), Allowed: []string{"a", "b"}, Help: "A word."},
			"free":   {Kind: Text, Default: json.RawMessage(`""`), Help: "Any text."},
			"flag":   {Kind: Bool, Default: json.RawMessage(`false`), Help: "A switch."},
			"names":  {Kind: Texts, Default: json.RawMessage(`["x"]`), Help: "Names."},
			"groups": {Kind: Map, Default: json.RawMessage(`{"policy":"group"}`), Help: "Groups."},
		},
		References: []Reference{{Title: "IAM.2", URL: "https://example.com/iam-2"}, {Title: "제13조"}},
	}
	got, err := Parse(file, []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("control (-want +got):\n%s", diff)
	}
}

// faults is the lines of an error without the file's name, which each must have.
func faults(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var lines []string
	for _, line := range strings.Split(err.Error(), "\n") {
		rest, named := strings.CutPrefix(line, file+": ")
		if !named {
			t.Errorf("fault %q does not name the file", line)
		}
		lines = append(lines, rest)
	}
	return lines
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name     string
		old, new string // what is replaced in whole
		want     []string
	}{
		{"an id that is not its folder's name", `"id": "detach-direct-policy"`, `"id": "detach-policy"`,
			[]string{`id: "detach-policy" differs from its folder "detach-direct-policy"`}},
		{"an id that is not kebab-case", `"id": "detach-direct-policy"`, `"id": "Detach_Policy"`,
			[]string{`id: "Detach_Policy" is not kebab-case: lower-case words joined by hyphens`}},
		{"an id too long for a function's name", `"id": "detach-direct-policy"`, `"id": "` + strings.Repeat("a", 58) + `"`,
			[]string{`id: 58 characters long: at most 57 fit a Lambda function's name`}},
		{"an id that is no string", `"id": "detach-direct-policy"`, `"id": 1`, []string{`id: want a string, got a number`}},
		{"a missing title", `"title": "Direct policy",`, ``, []string{`title: missing`}},
		{"an empty title", `"Direct policy"`, `" "`, []string{`title: empty`}},
		{
			"a title too long for a table",
			`"Direct policy"`,
			`"` + strings.Repeat("é", 61) + `"`,
			[]string{`title: 61 characters long: at most 60`},
		},
		{"a title of two lines", `"Direct policy"`, `"a\nb"`, []string{`title: more than one line`}},
		{
			"a summary that is no sentence",
			`"Detaches it."`,
			`"Detaches it"`,
			[]string{`summary: want one sentence that ends with a period`},
		},
		{
			"a summary too long for a function's description",
			`"Detaches it."`,
			`"` + strings.Repeat("é", 256) + `."`,
			[]string{`summary: 257 characters long: at most 256 fit a Lambda function's description`},
		},
		{"a severity that does not exist", `"severity": "high"`, `"severity": "urgent"`,
			[]string{`severity: "urgent" is not one of low, medium, high, critical`}},
		{
			"a mode that does not exist",
			`"mode": "observe"`,
			`"mode": "on"`,
			[]string{`mode: "on" is not one of off, observe, enforce`},
		},
		{"a field that does not exist", `"mode": "observe",`, `"mode": "observe", "owner": "me",`,
			[]string{
				`owner: unknown field: known here are id, title, summary, severity, tool, mode, rules, schedule, regions, subscribes, ` +
					`configRules, permissions, parameters, needs, drill, references`,
			}},
		{"a field in the wrong case", `"mode": "observe",`, `"Mode": "observe",`,
			[]string{
				`Mode: unknown field: known here are id, title, summary, severity, tool, mode, rules, schedule, regions, subscribes, ` +
					`configRules, permissions, parameters, needs, drill, references`,
				`mode: missing`,
			}},
		{
			"a field written twice",
			`"mode": "observe",`,
			`"mode": "observe", "mode": "enforce",`,
			[]string{`mode: written twice`},
		},
		{
			"no references",
			`"references": [{ "title": "IAM.2", "url": "https://example.com/iam-2" }, { "title": "제13조" }]`,
			`"references": []`,
			[]string{`references: empty array: list at least one value`},
		},
		{
			"a reference without a title",
			`{ "title": "제13조" }`,
			`{ "url": "https://example.com" }`,
			[]string{`references[1].title: missing`},
		},
		{"an empty reference", `{ "title": "제13조" }`, `{ "title": "" }`, []string{`references[1].title: empty`}},
		{"a reference in the clear", `https://example.com/iam-2`, `http://example.com/iam-2`,
			[]string{`references[0].url: "http://example.com/iam-2" is not an https address`}},
		{"a rule that is not known", `{ "title": "제13조" }`, `{ "rule": "isms-p/9.9", "how": "serves", "mapping": "own" }`,
			[]string{`references[1].rule: "isms-p/9.9" is no rule of pkg/control/rules.tsv: add it there`}},
		{"a rule that nobody says how it is served", `{ "title": "제13조" }`, `{ "rule": "isms-p/2.5.1", "how": "is" }`,
			[]string{`references[1].how: "is" is not one of serves, helps, needs`, `references[1].mapping: missing`}},
		{"a rule with a title of its own", `{ "title": "제13조" }`,
			`{ "rule": "isms-p/2.5.1", "how": "helps", "mapping": "own", "title": "x" }`,
			[]string{`references[1].title: a rule has its title in rules.tsv`}},
		{"a rule as a page", `{ "title": "제13조" }`, `{ "title": "ISMS-P 2.5.1" }`,
			[]string{`references[1].title: name the rule instead: isms-p/…`}},
		{
			"a control that is only said to be a tool",
			`"mode": "observe",`,
			`"mode": "observe", "tool": "yes",`,
			[]string{`tool: want true or false, got a string`},
		},
		{"every fault at once", `"severity": "high",
	"mode": "observe",`, `"severity": "x", "mode": "y", "z": 1,`,
			[]string{
				`z: unknown field: known here are id, title, summary, severity, tool, mode, rules, schedule, regions, subscribes, ` +
					`configRules, permissions, parameters, needs, drill, references`,
				`severity: "x" is not one of low, medium, high, critical`,
				`mode: "y" is not one of off, observe, enforce`,
			}},

		{"an action with a wildcard", `"iam:DetachUserPolicy"`, `"iam:Detach*"`,
			[]string{`permissions[1].actions[0]: "iam:Detach*" has a wildcard: name each action`}},
		{"an action without a service", `"iam:DetachUserPolicy"`, `"DetachUserPolicy"`,
			[]string{
				`permissions[1].actions[0]: "DetachUserPolicy" is not an action: want service:Action, as in iam:ListUsers`,
			}},
		{
			"a permission without actions",
			`["iam:DetachUserPolicy"]`,
			`[]`,
			[]string{`permissions[1].actions: empty array: list at least one value`},
		},
		{
			"a permission without resources",
			`["*"]`,
			`[]`,
			[]string{`permissions[0].resources: empty array: list at least one value`},
		},
		{"every resource for an action that takes one", `"iam:ListUsers"`, `"iam:ListUsers", "iam:DeleteUser"`,
			[]string{`permissions[0].resources[0]: iam:DeleteUser can be limited to resources: name them instead of "*"`}},
		{
			"a resource of another partition",
			`"arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"`,
			`"arn:aws:iam::${AWS::AccountId}:user/*"`,
			[]string{
				`permissions[1].resources[0]: "arn:aws:iam::${AWS::AccountId}:user/*" names partition "aws": write ` +
					`${AWS::Partition}`,
			},
		},
		{
			"a resource of another account",
			`"arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"`,
			`"arn:${AWS::Partition}:iam::*:user/*"`,
			[]string{
				`permissions[1].resources[0]: "arn:${AWS::Partition}:iam::*:user/*" names account "*": write ${AWS::AccountId}`,
			},
		},
		{
			"a resource of every service",
			`"arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"`,
			`"arn:${AWS::Partition}:*::${AWS::AccountId}:user/*"`,
			[]string{
				`permissions[1].resources[0]: "arn:${AWS::Partition}:*::${AWS::AccountId}:user/*" has a wildcard for the service`,
			},
		},
		{"a resource that is no ARN", `"arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"`, `"user/*"`,
			[]string{`permissions[1].resources[0]: "user/*" is not an ARN: want arn:partition:service:region:account:resource`}},
		{
			"a resource with a variable that nobody fills in",
			`"arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"`,
			`"arn:${AWS::Partition}:iam::${AWS::AccountId}:user/${aws:username}"`,
			[]string{
				`permissions[1].resources[0]: "arn:${AWS::Partition}:iam::${AWS::AccountId}:user/${aws:username}": only ` +
					`${AWS::Partition}, ${AWS::AccountId} and ${AWS::Region} are filled in`,
			},
		},
		{"a resource that only a tool may name", `"arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"`, `"${Ledger}"`,
			[]string{`permissions[1].resources[0]: "${Ledger}" is for tools: every control has what it needs of it`}},
		{"a condition without keys", `{ "iam:PolicyARN": "arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll" }`, `{}`,
			[]string{`permissions[1].conditions.ArnNotLike: empty object`}},
		{"a condition without values", `"arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll"`, `[]`,
			[]string{`permissions[1].conditions.ArnNotLike.iam:PolicyARN: empty array: list at least one value`}},

		{
			"a default outside its range",
			`"default": 90`,
			`"default": 366`,
			[]string{`parameters.days.default: 366 is outside 1 to 365`},
		},
		{"a Config rule for a parameter that the control has not", `"maxDays": "word"`, `"maxDays": "age"`,
			[]string{`configRules[0].parameters.maxDays: the control has no parameter "age"`}},
		{"a Config rule by its identifier", `"name": "iam-user-no-policies-check"`, `"name": "IAM_USER"`,
			[]string{`configRules[0].name: "IAM_USER" is not kebab-case, as managed rules are`}},
		{"a Config rule with its name as identifier", `"IAM_USER_NO_POLICIES_CHECK"`, `"iam-user"`,
			[]string{
				`configRules[0].identifier: "iam-user" is not the identifier of a managed rule, as in ACCESS_KEYS_ROTATED`,
			}},
		{
			"a default that is no whole number",
			`"default": 90`,
			`"default": 9.5`,
			[]string{`parameters.days.default: 9.5 is not a whole number`},
		},
		{"a number without a range", `"range": [1, 365], `, ``, []string{`parameters.days.range: missing`}},
		{"a range with one end", `[1, 365]`, `[1]`, []string{`parameters.days.range: want [min, max]`}},
		{
			"a range upside down",
			`[1, 365]`,
			`[365, 1]`,
			[]string{`parameters.days.range: the minimum 365 is over the maximum 1`},
		},
		{"a parameter without a default", `"default": false, `, ``, []string{`parameters.flag.default: missing`}},
		{
			"a parameter without a type",
			`"default": false`,
			`"default": null`,
			[]string{`parameters.flag.default: null: the default gives the parameter its type`},
		},
		{"a parameter without help", `, "help": "A switch."`, ``, []string{`parameters.flag.help: missing`}},
		{
			"a parameter with empty help",
			`"A switch."`,
			`""`,
			[]string{`parameters.flag.help: empty: say in one line what it does, with the unit`},
		},
		{
			"a default that is not allowed",
			`"default": "a"`,
			`"default": "c"`,
			[]string{`parameters.word.default: "c" is not one of a, b`},
		},
		{
			"a range for a switch",
			`"default": false`,
			`"default": false, "range": [0, 1]`,
			[]string{`parameters.flag.range: a true or false has no range`},
		},
		{
			"a list of anything but strings",
			`["x"]`,
			`[1]`,
			[]string{`parameters.names.default[0]: want a string, got a number`},
		},
		{
			"a parameter that is called mode",
			`"flag":`,
			`"mode":`,
			[]string{`parameters.mode: "mode" is the name of every control's mode: choose another`},
		},
		{"a grace period in words", `"free": { "default": "",`, `"graceDays": { "default": "a week",`,
			[]string{`parameters.graceDays: "graceDays" counts days for every control: want a whole number from 0 or more`}},
		{
			"a notice after the fact",
			`"days": { "default": 90, "range": [1, 365]`,
			`"noticeDays": { "default": 1, "range": [-1, 365]`,
			[]string{`parameters.noticeDays: "noticeDays" counts days for every control: want a whole number from 0 or more`},
		},
		{
			"a parameter that is not camel case",
			`"flag":`,
			`"a-flag":`,
			[]string{`parameters.a-flag: "a-flag" is not lowerCamelCase`},
		},
		{"a parameter with an unknown field", `"A switch."`, `"A switch.", "type": "bool"`,
			[]string{`parameters.flag.type: unknown field: known here are default, range, pattern, help`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Count(whole, tt.old) != 1 {
				t.Fatalf("%q is %d times in the control, want once", tt.old, strings.Count(whole, tt.old))
			}
			_, err := Parse(file, []byte(strings.Replace(whole, tt.old, tt.new, 1)))
			if diff := cmp.Diff(tt.want, faults(t, err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAControlThatNothingStartsIsRefused(t *testing.T) {
	_, err := Parse(
		file,
		[]byte(`{"id": "detach-direct-policy", "title": "T", "summary": "S.", "severity": "low", "mode": "off",
		"permissions": [], "references": [{"title": "R"}]}`),
	)
	if diff := cmp.Diff([]string{"nothing starts it: give it rules or a schedule, or make it a tool"}, faults(t,
		err)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// tool is a control.json of a tool with all that it may have.
const tool = `{
	"id": "undo",
	"title": "Put back",
	"summary": "Puts back what was changed.",
	"severity": "medium",
	"tool": true,
	"permissions": [
		{ "actions": ["iam:GetUser"], "resources": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"] },
		{ "actions": ["dynamodb:Query"], "resources": ["${Ledger}", "${Ledger}/index/subject"] },
		{ "actions": ["sns:Publish"], "resources": ["${Topic}"] },
		{ "actions": ["kms:GenerateDataKey"], "resources": ["${TopicKey}"],
			"conditions": { "StringEquals": { "kms:ViaService": "sns.${AWS::Region}.amazonaws.com" } } }
	],
	"references": [{ "rule": "isms-p/2.10.2", "how": "serves", "mapping": "own" }]
}`

func TestAToolMayNameResourcesOfWarderItself(t *testing.T) {
	want := Control{
		Tool: true, ID: "undo", Title: "Put back", Summary: "Puts back what was changed.", Severity: Medium,
		Permissions: []Permission{
			{Actions: []string{"iam:GetUser"}, Resources: []string{"arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"}},
			{Actions: []string{"dynamodb:Query"}, Resources: []string{Ledger, LedgerBySubject}},
			{Actions: []string{"sns:Publish"}, Resources: []string{Topic}},
			{Actions: []string{"kms:GenerateDataKey"}, Resources: []string{TopicKey},
				Conditions: map[string]map[string][]string{
					"StringEquals": {"kms:ViaService": {"sns.${AWS::Region}.amazonaws.com"}},
				}},
		},
		References: []Reference{{Rule: Rules()["isms-p/2.10.2"], How: Serves, Mapping: ByWarder}},
	}
	got, err := Parse("undo/control.json", []byte(tool))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tool (-want +got):\n%s", diff)
	}
}

func TestAToolIsStartedByNoEvent(t *testing.T) {
	tests := []struct {
		name, field string
		want        []string
	}{
		{
			"a mode",
			`"mode": "observe"`,
			[]string{"mode: a tool has no mode: it acts when a person asks it to, and only then"},
		},
		{"rules", `"rules": [{"source": ["aws.iam"]}]`, []string{"rules: a tool has no rules: no event starts it"}},
		{"no rules at all, but the field", `"rules": []`, []string{"rules: a tool has no rules: no event starts it"}},
		{"Config rules", `"configRules": []`, []string{"configRules: a tool has no rules: no event starts it"}},
		{
			"parameters",
			`"parameters": {}`,
			[]string{"parameters: a tool has no parameters: the request says what it is to do"},
		},
		{
			"a part in a drill",
			`"drill": "old access key"`,
			[]string{"drill: a tool is no part of a drill: it acts when a person asks it to, and only then"},
		},
		{"everything of a control", `"mode": "x", "rules": 1, "configRules": 2, "parameters": 3`, []string{
			"mode: a tool has no mode: it acts when a person asks it to, and only then", "rules: a tool has no rules: no " +
				"event starts it",
			"configRules: a tool has no rules: no event starts it", "parameters: a tool has no parameters: the request " +
				"says what it is to do"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(
				"undo/control.json",
				[]byte(strings.Replace(tool, `"tool": true,`, `"tool": true, `+tt.field+`,`, 1)),
			)
			want := "undo/control.json: " + strings.Join(tt.want, "\nundo/control.json: ")
			if err == nil || err.Error() != want {
				t.Errorf("error\n%v\nwant\n%s", err, want)
			}
		})
	}
}

func TestAToolNamesNoResourceThatNobodyFillsIn(t *testing.T) {
	_, err := Parse("undo/control.json", []byte(strings.Replace(tool, `"${Topic}"`, `"${Halt}"`, 1)))
	want := `undo/control.json: permissions[2].resources[0]: "${Halt}": only ${AWS::Partition}, ${AWS::AccountId} ` +
		`and ${AWS::Region} are filled in, and for tools ${Ledger}, ${Ledger}/index/subject, ${LedgerKey}, ${Topic}, ${WatchTopic}, ${TopicKey}, ` +
		`${Reports}/*, ${Slack}, ${Mail}, ${MailTopics}, ${Queue}, ${DrillQueue}, ${Bus}`
	if err == nil || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
}

func TestPatternsFollowTheGrammarOfEventBridge(t *testing.T) {
	tests := []struct {
		name, pattern string
		want          []string // of rules[0]; nil: taken
	}{
		{"every filter is taken", `{"detail": {
			"a": ["x", 1, true, null, {"exists": true}],
			"b": [{"prefix": "x"}, {"suffix": "x"}, {"prefix": {"equals-ignore-case": "x"}}, {"equals-ignore-case": "x"},
				{"wildcard": "a*b"}],
			"c": [{"anything-but": "x"}, {"anything-but": ["x", "y"]}, {"anything-but": [1, 2]},
				{"anything-but": {"prefix": ["x", "y"]}}, {"anything-but": {"wildcard": "*x"}}],
			"d": [{"numeric": ["=", 1]}, {"numeric": [">", 0, "<=", 5.5]}],
			"e": {"f": [{"cidr": "10.0.0.0/8"}, {"cidr": "2001:db8::/32"}]}}}`, nil},
		{
			"alternatives are taken at the top and below",
			`{"$or": [{"source": ["a"]}, {"detail": {"$or": [{"x": ["y"]}, {"z": ["y"]}]}}]}`,
			nil,
		},
		{"2,048 characters are taken", `{"source": ["` + strings.Repeat("é", 2048-len(`{"source":[""]}`)) + `"]}`, nil},
		{"2,049 characters are too many", `{"source": ["` + strings.Repeat("é", 2049-len(`{"source":[""]}`)) + `"]}`,
			[]string{": pattern of 2049 characters: EventBridge takes 2048"}},
		{"a pattern is an object", `["a"]`, []string{": want an object, got an array"}},
		{"a pattern without fields matches everything", `{}`, []string{": empty object"}},
		{"a field that no event has", `{"eventName": ["x"]}`,
			[]string{
				".eventName: not a field of an event: known are version, id, detail-type, source, account, time, region, " +
					"resources, detail",
			}},
		{
			"an object where events have a value",
			`{"source": {"x": ["y"]}}`,
			[]string{".source: not an object in an event: want an array of values"},
		},
		{"detail as an array", `{"detail": ["x"]}`, []string{".detail: want an object"}},
		{
			"an empty array",
			`{"detail": {"eventName": []}}`,
			[]string{".detail.eventName: empty array: list at least one value"},
		},
		{"an empty object", `{"detail": {"userIdentity": {}}}`, []string{".detail.userIdentity: empty object"}},
		{
			"a value outside an array",
			`{"detail": {"eventName": "x"}}`,
			[]string{`.detail.eventName: a value stands in an array: ["x"]`},
		},
		{
			"a filter outside an array",
			`{"detail": {"errorCode": {"exists": false}}}`,
			[]string{`.detail.errorCode.exists: a filter stands in an array: [{"exists": …}]`},
		},
		{
			"an array in an array",
			`{"source": [["x"]]}`,
			[]string{".source[0]: an array in an array: list the values themselves"},
		},
		{"a filter that does not exist", `{"source": [{"regex": "x"}]}`,
			[]string{
				".source[0].regex: not a filter: known are exists, prefix, suffix, anything-but, numeric, cidr, wildcard, " +
					"equals-ignore-case",
			}},
		{"a filter with two keys", `{"source": [{"prefix": "x", "suffix": "y"}]}`,
			[]string{
				".source[0]: a filter has exactly one key, one of exists, prefix, suffix, anything-but, numeric, cidr, " +
					"wildcard, equals-ignore-case",
			}},
		{"exists of an object", `{"detail": {"userIdentity": [{"exists": true}]}}`,
			[]string{`.detail.userIdentity[0].exists: "userIdentity" is an object: exists works on its fields only`}},
		{
			"exists as a string",
			`{"detail": {"errorCode": [{"exists": "no"}]}}`,
			[]string{`.detail.errorCode[0].exists: want true or false, got a string`},
		},
		{"an empty prefix", `{"source": [{"prefix": ""}]}`, []string{".source[0].prefix: empty string"}},
		{"a prefix of a number", `{"source": [{"prefix": 1}]}`, []string{".source[0].prefix: want a string, got a number"}},
		{
			"two stars side by side",
			`{"source": [{"wildcard": "a**"}]}`,
			[]string{`.source[0].wildcard: "a**" has two stars side by side`},
		},
		{
			"a block that is none",
			`{"detail": {"ip": [{"cidr": "10.0.0.0"}]}}`,
			[]string{`.detail.ip[0].cidr: "10.0.0.0" is not a CIDR block`},
		},
		{
			"a comparison with a word",
			`{"detail": {"n": [{"numeric": ["over", 1]}]}}`,
			[]string{`.detail.n[0].numeric[0]: "over" is not one of = < <= > >=`},
		},
		{
			"a comparison without a number",
			`{"detail": {"n": [{"numeric": [">"]}]}}`,
			[]string{`.detail.n[0].numeric: want [operator, number] or [">", number, "<", number]`},
		},
		{"an interval from above", `{"detail": {"n": [{"numeric": ["<", 1, ">", 0]}]}}`,
			[]string{`.detail.n[0].numeric[0]: "<" is not one of > >=`, `.detail.n[0].numeric[2]: ">" is not one of < <=`}},
		{
			"anything but a mixture",
			`{"source": [{"anything-but": ["x", 1]}]}`,
			[]string{`.source[0].anything-but[1]: strings and numbers do not mix`},
		},
		{
			"anything but nothing",
			`{"source": [{"anything-but": []}]}`,
			[]string{`.source[0].anything-but: empty array: list at least one value`},
		},
		{
			"anything but null",
			`{"source": [{"anything-but": null}]}`,
			[]string{`.source[0].anything-but: want a string, a number, a list of them or a filter`},
		},
		{"anything but exists", `{"source": [{"anything-but": {"exists": true}}]}`,
			[]string{
				`.source[0].anything-but.exists: unknown field: known here are prefix, suffix, equals-ignore-case, wildcard`,
				`.source[0].anything-but.exists: want a string, got true`,
			}},
		{"one alternative", `{"$or": [{"source": ["x"]}]}`, []string{".$or: want at least two alternatives"}},
		{"a key written twice", `{"source": ["x"], "source": ["y"]}`, []string{".source: written twice"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			for _, fault := range tt.want {
				want = append(want, "rules[0]"+fault)
			}
			_, err := Parse(
				file,
				[]byte(fmt.Sprintf(`{"id": "detach-direct-policy", "title": "T", "summary": "S.", "severity": "low", "mode": "off",
				"rules": [%s], "permissions": [], "references": [{"title": "R"}]}`, tt.pattern)),
			)
			if diff := cmp.Diff(want, faults(t, err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSchedulesFollowTheGrammarOfEventBridge(t *testing.T) {
	tests := []struct {
		schedule string
		want     string // empty: taken
	}{
		{"rate(1 day)", ""},
		{"rate(5 minutes)", ""},
		{"cron(0 10 * * ? *)", ""},
		{"cron(0/15 8-17 ? * MON-FRI *)", ""},
		{"cron(0 8 1W * ? *)", ""},
		{"cron(0 8 L * ? 2027)", ""},
		{"cron(0 8 ? JAN,JUL 3#2 *)", ""},
		{"cron(*/10 * ? * 6L *)", ""},
		{"rate(1 days)", `"rate(1 days)": EventBridge wants the singular for 1 and the plural otherwise`},
		{"rate(2 day)", `"rate(2 day)": EventBridge wants the singular for 1 and the plural otherwise`},
		{"rate(0 days)", `"rate(0 days)" is neither rate(number unit) nor cron(six fields)`},
		{"every day", `"every day" is neither rate(number unit) nor cron(six fields)`},
		{"", `"" is neither rate(number unit) nor cron(six fields)`},
		{"cron(0 10 * * *)", `"cron(0 10 * * *)" has 5 fields: want minutes, hours, day of month, month, day of week, year`},
		{"cron(60 10 * * ? *)", `"cron(60 10 * * ? *)": "60" does not fit minutes`},
		{"cron(0 24 * * ? *)", `"cron(0 24 * * ? *)": "24" does not fit hours`},
		{"cron(0 8 ? * MOON *)", `"cron(0 8 ? * MOON *)": "MOON" does not fit day of week`},
		{"cron(0 8 ? * 9-8 *)", `"cron(0 8 ? * 9-8 *)": "9-8" does not fit day of week`},
		{"cron(0 8 ? * 3#6 *)", `"cron(0 8 ? * 3#6 *)": "3#6" does not fit day of week`},
		{"cron(0/0 8 * * ? *)", `"cron(0/0 8 * * ? *)": "0/0" does not fit minutes`},
		{"cron(? 8 * * ? *)", `"cron(? 8 * * ? *)": "?" does not fit minutes`},
		{"cron(0 8 * * * *)", `"cron(0 8 * * * *)": exactly one of day of month and day of week must be ?`},
		{"cron(0 8 ? * ? *)", `"cron(0 8 ? * ? *)": exactly one of day of month and day of week must be ?`},
	}
	for _, tt := range tests {
		t.Run(tt.schedule, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{"schedule: " + tt.want}
			}
			_, err := Parse(file, []byte(strings.Replace(whole, "rate(1 day)", tt.schedule, 1)))
			if diff := cmp.Diff(want, faults(t, err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadReadsEveryFolderAndTellsOfEveryFault(t *testing.T) {
	described := func(id string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(strings.Replace(whole, "detach-direct-policy", id, 1))}
	}
	files := fstest.MapFS{
		"b-two/control.json":     described("b-two"),
		"a-one/control.json":     described("a-one"),
		"a-one-z/control.json":   described("a-one-z"),
		"a-one/main.go":          {Data: []byte("package main")},
		"a/deeper/control.json":  {Data: []byte("not read")},
		"no-control/main.go":     {Data: []byte("package main")},
		"control.json":           {Data: []byte("not read")},
		"a-one/testdata/x.txtar": {Data: []byte("x")},
	}
	controls, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range controls {
		ids = append(ids, c.ID)
	}
	if diff := cmp.Diff([]string{"a-one", "a-one-z", "b-two"}, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}

	files["b-two/control.json"] = described("b-three")
	files["c/control.json"] = &fstest.MapFile{Data: []byte("{")}
	_, err = Load(files)
	want := "b-two/control.json: id: \"b-three\" differs from its folder \"b-two\"\nc/control.json: line 1: " +
		"unexpected end of JSON input"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestSeveritiesHaveAnOrder(t *testing.T) {
	var ranks []int
	for _, s := range []Severity{"", Low, Medium, High, Critical, "urgent"} {
		ranks = append(ranks, s.Rank())
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 0}, ranks); diff != "" {
		t.Errorf("ranks (-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(strings.Replace(tool, "undo", "detach-direct-policy", 1)))
	f.Add(
		[]byte(
			`{"rules": [{"$or": [{"source": [{"anything-but": {"wildcard": ["**"]}}]}, 1]}], "schedule": "cron(/ # - L W ?)"}`,
		),
	)
	f.Add(
		[]byte(
			`{"permissions": [{"actions": [null], "resources": ["arn:${AWS::Partition}:::"], "conditions": 1}], ` +
				`"parameters": {"a": {"default": 1, "range": [true, 2]}}}`,
		),
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(file, data)
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, file+": ") {
					t.Fatalf("fault %q does not name the file", line)
				}
			}
			return
		}
		if c.ID != "detach-direct-policy" || c.Mode.Valid() == c.Tool || c.Severity.Rank() == 0 {
			t.Fatalf("taken: %+v", c)
		}
		if started := len(c.Rules) > 0 || c.Schedule != ""; started == c.Tool {
			t.Fatalf("taken: %+v", c)
		}
		for _, p := range c.Permissions {
			for _, action := range p.Actions {
				if strings.Contains(action, "*") {
					t.Fatalf("taken: action %q", action)
				}
			}
		}
		for _, rule := range c.Rules {
			if !json.Valid(rule) {
				t.Fatalf("taken: rule %s", rule)
			}
		}
	})
}

func TestOtherAccountsAreForActionsThatAreMeantForThem(t *testing.T) {
	permission := func(action, conditions string) []byte {
		return []byte(`{
			"id": "look", "title": "Look", "summary": "Looks.", "severity": "low", "mode": "observe", "schedule": "rate(1 day)",
			"references": [{"title": "A rule"}],
			"permissions": [{"actions": ["` + action + `"], "resources": ` +
			`["arn:${AWS::Partition}:iam::*:root"]` + conditions + `}]
		}`)
	}
	const limited = `, "conditions": {"StringEquals": {"sts:TaskPolicyArn": ` +
		`["arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"]}}`
	const refused = `look/control.json: permissions[0].resources[0]: "arn:${AWS::Partition}:iam::*:root" names ` +
		`account "*": write ${AWS::AccountId}`
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"root of a member account, for named tasks", permission("sts:AssumeRoot", limited), ""},
		{"root of a member account, for whatever task", permission("sts:AssumeRoot", ""), refused},
		{
			"root of a member account, if the task has a name",
			permission("sts:AssumeRoot", `, "conditions": {"Null": {"sts:TaskPolicyArn": ["false"]}}`),
			refused,
		},
		{"another action with the same condition", permission("sts:AssumeRole", limited), refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("look/control.json", tt.data)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
}
