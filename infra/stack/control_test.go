package stack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/event"
)

// ofAccount is a pattern of control.json as it is deployed: for this account alone.
func ofAccount(t *testing.T, raw json.RawMessage) map[string]any {
	t.Helper()
	var pattern map[string]any
	if err := json.Unmarshal(raw, &pattern); err != nil {
		t.Fatal(err)
	}
	pattern["account"] = []any{map[string]any{"Ref": "AWS::AccountId"}}
	return pattern
}

// sorted are patterns in the order of their texts: in a template the tenth rule comes before the second.
func sorted(patterns []any) []any {
	return slices.SortedFunc(
		slices.Values(patterns),
		func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) },
	)
}

// isHeartbeat reports whether a rule is for the events that the daily check sends itself.
func isHeartbeat(rule resource) bool { return text(rule.get("EventPattern.source")) == event.Heartbeat }

func TestRules_PatternsOfControlJSON(t *testing.T) {
	tmpl := load(t, deployed)
	for _, c := range controls(t) {
		t.Run(c.ID, func(t *testing.T) {
			var patterns []any
			var schedules []string
			for _, rule := range tmpl.rules(tmpl.function(t, c.ID)) {
				if isHeartbeat(rule) ||
					rule.get("EventBusName") != nil && text(rule.get("EventPattern.source")) != "warder.people" {
					continue // the daily check's own, or what comes to the hub's bus as well
				}
				if pattern := rule.get("EventPattern"); pattern != nil {
					patterns = append(patterns, pattern)
				}
			}
			for _, s := range tmpl.schedules(tmpl.function(t, c.ID)) {
				schedules = append(schedules, text(s.get("ScheduleExpression")))
			}
			var want []any
			for _, raw := range c.Rules {
				want = append(want, ofAccount(t, raw))
			}
			if diff := cmp.Diff(sorted(want), sorted(patterns)); diff != "" {
				t.Errorf("patterns (-control.json +template):\n%s", diff)
			}
			var wantSchedules []string
			if c.Schedule != "" {
				wantSchedules = []string{schedule(c)}
			}
			if diff := cmp.Diff(wantSchedules, schedules); diff != "" {
				t.Errorf("schedules (-control.json +template):\n%s", diff)
			}
		})
	}
}

// No two functions start by themselves in the same minute, and none at a time that an update sets anew.
func TestRules_SchedulesApart(t *testing.T) {
	by := map[string]string{}
	for _, rule := range load(t, custom).all("AWS::Scheduler::Schedule") {
		schedule := text(rule.get("ScheduleExpression"))
		var minute, hour int
		hours := []int{}
		if _, err := fmt.Sscanf(schedule, "cron(%d %d ", &minute, &hour); err == nil {
			hours = append(hours, hour)
		} else if _, err := fmt.Sscanf(schedule, "cron(%d * ", &minute); err == nil {
			for hour := range 24 {
				hours = append(hours, hour)
			}
		}
		if len(hours) == 0 || minute > 59 || hour > 23 {
			t.Errorf("%s starts at %s", rule.id, schedule)
		}
		for _, hour := range hours {
			at := fmt.Sprintf("%d:%d", hour, minute)
			if other := by[at]; other != "" {
				t.Errorf("%s and %s both start at %s", other, rule.id, at)
			}
			by[at] = rule.id
		}
	}
	if len(by) < 30 {
		t.Errorf("%d schedules", len(by))
	}
}

// A schedule is of Warder's group, may come late but not early, keeps what it cannot hand over, and sends a control
// what a person sends who starts a sweep.
func TestSchedules(t *testing.T) {
	tmpl := load(t, custom)
	checked := 0
	for _, c := range controls(t) {
		for _, s := range tmpl.schedules(tmpl.function(t, c.ID)) {
			checked++
			for path, want := range map[string]any{
				"GroupName": "${Schedules}", "FlexibleTimeWindow.Mode": "FLEXIBLE",
				"Target.RoleArn": "${SchedulesRole.Arn}", "Target.DeadLetterConfig.Arn": "${Undelivered.Arn}",
			} {
				if got := text(s.get(path)); got != want {
					t.Errorf("%s of %s is %v, want %v", path, s.id, got, want)
				}
			}
			if late, _ := s.get("FlexibleTimeWindow.MaximumWindowInMinutes").(float64); late < 15 || late > 60 {
				t.Errorf("%s starts up to %v minutes late", s.id, late)
			}
			if s.get("Target.RetryPolicy.MaximumRetryAttempts") == nil {
				t.Errorf("%s has no retry policy", s.id)
			}
			sent := text(s.get("Target.Input"))
			if c.Tool && sent != "{}" {
				t.Errorf("%s sends %s", s.id, sent)
			}
			at := time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC)
			sent = strings.NewReplacer("${AWS::AccountId}", "111122223333", "${AWS::Region}", "us-east-1",
				"<aws.scheduler.execution-id>", "1", "<aws.scheduler.scheduled-time>", at.Format(time.RFC3339),
				`"<aws.scheduler.schedule-arn>"`, "").Replace(sent)
			if want := string(account.ScheduledEvent("1", "111122223333", "us-east-1", at)); !c.Tool && sent != want {
				t.Errorf("%s sends %s, want %s", s.id, sent, want)
			}
		}
	}
	if checked < 10 {
		t.Errorf("%d schedules", checked)
	}
}

// With the role of the schedules one can start what has a schedule, and only a schedule of Warder's group can use it.
func TestSchedules_Role(t *testing.T) {
	tmpl := load(t, custom)
	role := tmpl.all("AWS::IAM::Role")[slices.IndexFunc(tmpl.all("AWS::IAM::Role"),
		func(r resource) bool { return strings.HasPrefix(r.id, "SchedulesRole") })]
	trust := text(role.get("AssumeRolePolicyDocument.Statement.0.Condition.StringEquals.aws:SourceArn"))
	if trust != "${Schedules.Arn}" {
		t.Errorf("it is for %s", trust)
	}
	var want, got []string
	for _, c := range controls(t) {
		if c.Schedule != "" {
			want = append(want, "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:warder-"+c.ID)
		}
	}
	list, _ := role.get("Policies.0.PolicyDocument.Statement.0.Resource").([]any)
	for _, r := range list {
		got = append(got, text(r))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("it may invoke (-want +got):\n%s", diff)
	}
	if statements, _ := role.get("Policies.0.PolicyDocument.Statement").([]any); len(statements) != 2 ||
		role.get("Policies.0.PolicyDocument.Statement.1.Action") != "sqs:SendMessage" {
		t.Errorf("it may also %v", statements)
	}
}

func TestRules_ThisAccountOnly(t *testing.T) {
	for name, from := range stacks(t) {
		checked := 0
		for _, rule := range load(t, from).all("AWS::Events::Rule") {
			checked++
			if account := text(rule.get("EventPattern.account")); account != "${AWS::AccountId}" {
				t.Errorf("%s: %s takes events of account %s", name, rule.id, account)
			}
		}
		if checked == 0 {
			t.Errorf("%s: no rule was checked", name)
		}
	}
}

func TestRules_StartOnlyTheirFunction(t *testing.T) {
	tmpl := load(t, deployed)
	rules, onBus := 0, map[string]bool{}
	for _, rule := range tmpl.all("AWS::Events::Rule") {
		if rule.get("Targets.0.Id") != "Function" {
			continue
		}
		if rule.get("EventBusName") != nil {
			permission := tmpl.one(t, "AWS::Lambda::Permission", func(r resource) bool {
				return strings.HasSuffix(text(r.get("SourceArn")), ":rule/warder/*") &&
					target(r.get("FunctionName")) == target(rule.get("Targets.0.Arn"))
			})
			onBus[permission.id] = true
			continue
		}
		rules++
		permission := tmpl.one(t, "AWS::Lambda::Permission", func(r resource) bool { return r.refers("SourceArn", rule) })
		if got, want := target(permission.get("FunctionName")), target(rule.get("Targets.0.Arn")); got != want {
			t.Errorf("%s may start %s, and targets %s", rule.id, got, want)
		}
		if permission.get("Principal") != "events.amazonaws.com" || permission.get("Action") != "lambda:InvokeFunction" {
			t.Errorf("%s lets %v do %v", permission.id, permission.get("Principal"), permission.get("Action"))
		}
	}
	if permissions := len(tmpl.where("AWS::Lambda::Permission",
		func(r resource) bool { return r.get("Principal") == "events.amazonaws.com" })); rules+len(onBus) != permissions {
		t.Errorf("%d permissions for %d rules", permissions, rules)
	}
}

func TestRules_UndeliveredEventsAreKept(t *testing.T) {
	tmpl := load(t, deployed)
	undelivered := tmpl.named(t, "AWS::SQS::Queue", "Undelivered")
	for _, rule := range tmpl.all("AWS::Events::Rule") {
		for i := range rule.get("Targets").([]any) {
			if path := fmt.Sprintf("Targets.%d.DeadLetterConfig.Arn", i); !rule.refers(path, undelivered) {
				t.Errorf("%s leaves what it cannot hand over to %v, want %s", rule.id, rule.get(path), undelivered.id)
			}
		}
	}
	policy := tmpl.one(t, "AWS::SQS::QueuePolicy", func(r resource) bool { return r.refers("Queues.0", undelivered) })
	var allowed []string
	for _, s := range statements(policy.get("PolicyDocument")) {
		if s["Effect"] == "Allow" {
			allowed = append(allowed, statementLines(s)...)
		}
	}
	// CloudFormation begins the names of a stack's rules with the stack's.
	want := []string{"allow events.amazonaws.com sqs:SendMessage on ${Undelivered.Arn}" +
		" if aws:SourceArn ArnLike arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/warder*"}
	if diff := cmp.Diff(want, allowed); diff != "" {
		t.Errorf("who may write to the queue (-want +got):\n%s", diff)
	}
}

func TestQueues_EncryptedAndTLS(t *testing.T) {
	tmpl := load(t, deployed)
	for _, queue := range tmpl.all("AWS::SQS::Queue") {
		if queue.get("SqsManagedSseEnabled") != true {
			t.Errorf("%s is not encrypted", queue.id)
		}
		if got := queue.get("MessageRetentionPeriod"); got != float64(14*24*60*60) {
			t.Errorf("%s keeps messages for %v seconds, want 14 days", queue.id, got)
		}
		policy := tmpl.one(t, "AWS::SQS::QueuePolicy", func(r resource) bool { return r.refers("Queues.0", queue) })
		refused := slices.ContainsFunc(statements(policy.get("PolicyDocument")), func(s map[string]any) bool {
			return s["Effect"] == "Deny" && fmt.Sprint(s["Condition"]) == "map[Bool:map[aws:SecureTransport:false]]" &&
				s["Action"] == "sqs:*"
		})
		if !refused {
			t.Errorf("%s takes requests without TLS", queue.id)
		}
	}
}

func TestFunctions_SameShape(t *testing.T) {
	tmpl := load(t, deployed)
	if got, want := len(tmpl.all("AWS::Lambda::Function")), len(controls(t)); got != want {
		t.Errorf("%d functions, want %d: one a control or tool", got, want)
	}
	for _, c := range controls(t) {
		t.Run(c.ID, func(t *testing.T) {
			function := tmpl.function(t, c.ID)
			for path, want := range map[string]any{
				"Architectures.0":         "arm64",
				"Runtime":                 "provided.al2023",
				"Handler":                 "bootstrap",
				"PackageType":             nil,
				"LoggingConfig.LogFormat": "JSON",
			} {
				if got := function.get(path); got != want {
					t.Errorf("%s is %v, want %v", path, got, want)
				}
			}
			logs := tmpl.one(t, "AWS::Logs::LogGroup",
				func(r resource) bool { return r.get("LogGroupName") == "/aws/lambda/warder-"+c.ID })
			if !function.refers("LoggingConfig.LogGroup", logs) {
				t.Errorf("logs go to %v, want %s", function.get("LoggingConfig.LogGroup"), logs.id)
			}
			if got := logs.get("RetentionInDays"); got != float64(400) {
				t.Errorf("logs are kept %v days, want 400", got)
			}
		})
	}
}

func TestFunctions_FailedRunIsRetriedTwiceAndKept(t *testing.T) {
	tmpl := load(t, deployed)
	for _, c := range started(t) {
		t.Run(c.ID, func(t *testing.T) {
			function := tmpl.function(t, c.ID)
			config := tmpl.one(t, "AWS::Lambda::EventInvokeConfig",
				func(r resource) bool { return r.refers("FunctionName", function) })
			if got := config.get("MaximumRetryAttempts"); got != float64(2) {
				t.Errorf("%v retries, want 2", got)
			}
			if failed := tmpl.named(t, "AWS::SQS::Queue", "Failed"); !config.refers("DestinationConfig.OnFailure.Destination",
				failed) {
				t.Errorf("on failure events go to %v, want %s", config.get("DestinationConfig"), failed.id)
			}
		})
	}
}

func TestFunctions_OwnRole(t *testing.T) {
	tmpl := load(t, deployed)
	seen := map[string]string{}
	for _, c := range controls(t) {
		role := tmpl.Resources[target(tmpl.function(t, c.ID).get("Role"))]
		if role.Type != "AWS::IAM::Role" {
			t.Fatalf("%s runs as %v, want a role", c.ID, role)
		}
		if other, taken := seen[role.id]; taken {
			t.Errorf("%s and %s share %s", c.ID, other, role.id)
		}
		seen[role.id] = c.ID
		if role.get("Path") != "/warder/" {
			t.Errorf("%s is under path %v, want /warder/", role.id, role.get("Path"))
		}
		if role.get("ManagedPolicyArns") != nil {
			t.Errorf("%s has managed policies: %v", role.id, role.get("ManagedPolicyArns"))
		}
	}
	for _, kind := range []string{"AWS::IAM::Policy", "AWS::IAM::RolePolicy"} {
		if found := tmpl.all(kind); len(found) != 0 {
			t.Errorf("%d resources of type %s: grants belong in the roles themselves", len(found), kind)
		}
	}
	for _, policy := range tmpl.all("AWS::IAM::ManagedPolicy") {
		if policy.get("ManagedPolicyName") == drill.Policy {
			continue // allows what everybody may
		}
		for _, s := range statements(policy.get("PolicyDocument")) {
			if s["Effect"] != "Deny" {
				t.Errorf("%s allows something: grants belong in the roles themselves", policy.id)
			}
		}
	}
	if got := len(tmpl.all("AWS::IAM::Role")); got != len(seen)+1 { // and that of the schedules
		t.Errorf("%d roles for %d functions", got, len(seen))
	}
}

func TestFunctions_Settings(t *testing.T) {
	for name, from := range map[string]func() (template, error){"deployed": deployed, "custom": custom} {
		tmpl, all := load(t, from), controls(t)
		if name == "custom" {
			all = customControls(t)
		}
		var roles, acting []string // all, and those that can do more than keep a record
		for _, c := range all {
			role, _ := tmpl.Resources[target(tmpl.function(t, c.ID).get("Role"))].get("RoleName").(string)
			if roles = append(roles, role); len(c.Permissions) > 0 {
				acting = append(acting, role)
			}
		}
		for _, c := range all {
			t.Run(name+" "+c.ID, func(t *testing.T) {
				got := tmpl.settings(t, c.ID)
				want := acting
				if watches(c) {
					want = roles
				}
				if diff := cmp.Diff(want, got.Roles); diff != "" {
					t.Errorf("roles (-want +got):\n%s", diff)
				}
				mode, age := control.Observe, "90"
				if c.Tool {
					mode = control.Enforce
				} else if name == "custom" && c.ID == "alert-root-usage" {
					mode = control.Off
				} else if name == "custom" && c.ID == "deactivate-stale-access-key" {
					mode, age = control.Enforce, "30"
				}
				if got.Mode != mode {
					t.Errorf("mode %q, want %q", got.Mode, mode)
				}
				if c.ID == "deactivate-stale-access-key" && !strings.Contains(string(got.Parameters), `"maxAgeDays":`+age) {
					t.Errorf("parameters %s, want maxAgeDays %s", got.Parameters, age)
				}
				if got.Topic != "arn:${Notices}" || got.Table != "warder" || got.EventClock {
					t.Errorf("topic %q, table %q, event clock %v", got.Topic, got.Table, got.EventClock)
				}
				if name == "custom" && (got.Owners.Default != "security@example.com" || len(got.AllowedNetworks) != 1) {
					t.Errorf("owners %v, allowed networks %v", got.Owners, got.AllowedNetworks)
				}
			})
		}
	}
}

func TestRules_ModeOffDisablesOneControl(t *testing.T) {
	tmpl := load(t, custom)
	for _, c := range controls(t) {
		for _, rule := range tmpl.rules(tmpl.function(t, c.ID)) {
			want := "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
			if c.ID == "alert-root-usage" {
				want = "DISABLED"
			}
			if got := rule.get("State"); got != want {
				t.Errorf("%s of %s is %v, want %s", rule.id, c.ID, got, want)
			}
		}
		for _, s := range tmpl.schedules(tmpl.function(t, c.ID)) {
			want := "ENABLED"
			if c.ID == "alert-root-usage" {
				want = "DISABLED"
			}
			if got := s.get("State"); got != want {
				t.Errorf("%s of %s is %v, want %s", s.id, c.ID, got, want)
			}
		}
	}
}

func TestFunctions_LogRetention(t *testing.T) {
	for _, logs := range load(t, custom).all("AWS::Logs::LogGroup") {
		if got := logs.get("RetentionInDays"); got != float64(30) {
			t.Errorf("%s keeps %v days, want 30", logs.id, got)
		}
	}
}
