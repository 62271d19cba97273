package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/stack"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const (
	readOnlyAccess = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	powerUser      = "arn:aws:iam::aws:policy/PowerUserAccess"
)

// settings of functions that have them switched off by default, or otherwise in the tour.
var reaching = map[string]map[string]any{
	"detach-direct-policy":         {"policyGroups": map[string]string{readOnlyAccess: "readers"}},
	"deactivate-stale-access-key":  {"deleteAfterDays": 30},
	"deactivate-unused-access-key": {"deleteAfterDays": 30},
	"require-permissions-boundary": {"boundary": powerUser},
	"restrict-console-sign-in":     {"excludedPrincipal": "user/rescue"},
}

// A reacher has functions do what neither the tour nor the samples need of them.
type reacher struct {
	*testing.T
	*stage
	iam   *iam.Client // of the operator
	quiet *iam.Client // whose calls are nobody's, and make no events
}

// reachRest plays what uses the rest of what the functions' roles grant, and returns the account.
func reachRest(t *testing.T) *stage {
	t.Helper()
	s := &stage{ctx: t.Context(), printer: printer{out: io.Discard}, worked: map[string]bool{}}
	if err := s.open(emulator.Options{
		Mode: "enforce", Synth: project.Tour, Stderr: os.Stderr, Configure: func(function string, f *settings.Function) {
			var parameters map[string]any
			if err := json.Unmarshal(f.Parameters, &parameters); err != nil {
				return // a tool has none
			}
			maps.Copy(parameters, reaching[emulator.Control(function)])
			if emulator.Control(function) == "restore-logging" {
				f.BlastRadius = 20 // all that it restores is lost within minutes here
			}
			f.Parameters, _ = json.Marshal(parameters) // cannot fail: it was JSON
		},
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.account.Close)
	r := &reacher{t, s, iam.NewFromConfig(s.account.Operator()), iam.NewFromConfig(s.account.Unrecorded())}
	// Slack takes a message a second, and the tour has seen it: here every post fails, at once.
	r.must(r.account.Fail(t.Context(), endpoint.Fault{
		Operation: "dynamodb:PutItem", Function: settings.FunctionName("post-to-slack"), Status: 400,
		Code: "AccessDeniedException",
	}))
	for _, play := range []func(){
		r.unused, r.closed, r.groups, r.full, r.left, r.bounded, r.inline, r.rotated, r.deleted, r.found, r.drilled,
		r.asked, r.swept, r.retried,
		r.locked, r.recorded, r.detected, r.revoked, r.kept, r.keyed, r.deployed, r.trusted, r.compared, r.failed,
		r.unstarted,
	} {
		play()
	}
	r.idle()
	return s
}

func (r *reacher) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *reacher) idle() {
	r.Helper()
	r.must(r.account.Lambda.Idle(r.Context()))
}

// ask calls a function and reads its answer.
func (r *reacher) ask(control string, request, answer any) {
	r.Helper()
	payload, err := json.Marshal(request)
	r.must(err)
	text, err := r.account.Invoke(r.Context(), control, payload)
	r.must(err)
	r.must(json.Unmarshal(text, answer))
}

// halt halts Warder, or resumes it.
func (r *reacher) halt(what string) {
	r.Helper()
	_, err := r.account.Prove(r.Context(), "undo", map[string]any{what: remediation.HaltRequest{Reason: "to see it"}})
	r.must(err)
}

// user adds a user without anybody hearing of it.
func (r *reacher) user(name string) *iamtypes.User {
	r.Helper()
	out, err := r.quiet.CreateUser(r.Context(), &iam.CreateUserInput{UserName: &name})
	r.must(err)
	return out.User
}

// key adds a key of that age in days, used so many days ago if it was, and returns its id.
func (r *reacher) key(user string, age, used int) string {
	r.Helper()
	out, err := r.quiet.CreateAccessKey(r.Context(), &iam.CreateAccessKeyInput{UserName: &user})
	r.must(err)
	aged := moto.Age{AccessKey: *out.AccessKey.AccessKeyId, Created: time.Now().AddDate(0, 0, -age).Add(-time.Minute)}
	if used > 0 {
		aged.LastUsed = time.Now().AddDate(0, 0, -used)
	}
	r.must(r.account.Moto.Age(r.Context(), aged))
	return aged.AccessKey
}

// undone has undo put something back, and then put that back.
func (r *reacher) undone(request map[string]string) {
	r.Helper()
	r.idle()
	request["by"], request["reason"] = "kim@example.com", "to see it"
	var answer struct{ Undone []struct{ Undo string } }
	r.ask("undo", request, &answer)
	if len(answer.Undone) == 0 {
		r.Errorf("undo of %v did nothing", request)
	}
	var undone []string
	for _, done := range answer.Undone {
		id, _, _ := strings.Cut(done.Undo, "-")
		if slices.Contains(undone, id) {
			continue
		}
		undone = append(undone, id)
		var again struct{ Undone []any }
		r.ask("undo", map[string]string{"action": id, "by": "lee@example.com", "reason": "to see it"}, &again)
	}
}

func since() string { return time.Now().UTC().AddDate(0, 0, -1).Format(time.RFC3339) }

// groups: a policy that a group keeps, and a user who joins one that has a policy of its own.
func (r *reacher) groups() {
	ctx := r.Context()
	for _, group := range []string{"readers", "writers"} {
		_, err := r.quiet.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &group})
		r.must(err)
	}
	_, err := r.quiet.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{
		GroupName: aws.String("readers"), PolicyArn: aws.String(readOnlyAccess),
	})
	r.must(err)
	_, err = r.quiet.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("writers"),
		PolicyName: aws.String("p"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}`)})
	r.must(err)
	r.user("gina")
	_, err = r.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{
		UserName: aws.String("gina"), PolicyArn: aws.String(readOnlyAccess),
	})
	r.must(err)
	r.undone(map[string]string{"user": "gina", "since": since()})
	_, err = r.iam.AddUserToGroup(ctx, &iam.AddUserToGroupInput{
		UserName: aws.String("gina"), GroupName: aws.String("writers"),
	})
	r.must(err)
}

// fill attaches ten policies to a user without anybody hearing of it.
func (r *reacher) fill(user string) {
	r.Helper()
	for i := range 10 {
		policy, err := r.quiet.CreatePolicy(r.Context(), &iam.CreatePolicyInput{
			PolicyName: aws.String(fmt.Sprintf("%s-%d", user, i)), PolicyDocument: aws.String(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`),
		})
		r.must(err)
		_, err = r.quiet.AttachUserPolicy(r.Context(), &iam.AttachUserPolicyInput{
			UserName: &user, PolicyArn: policy.Policy.Arn,
		})
		r.must(err)
	}
}

// unused: what a user has and does not use is proposed, applied and undone, under another name as well.
func (r *reacher) unused() {
	const control = "reduce-unused-access"
	ctx, now := r.Context(), time.Now()
	for _, name := range []string{"uma", "ugo"} {
		r.user(name)
		work := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","sqs:*"],` +
			`"Resource":"*"}]}`)
		_, err := r.quiet.PutUserPolicy(ctx, &iam.PutUserPolicyInput{
			UserName: &name, PolicyName: aws.String("own"), PolicyDocument: work,
		})
		r.must(err)
		made, err := r.quiet.CreatePolicy(ctx, &iam.CreatePolicyInput{
			PolicyName: aws.String("work-of-" + name), PolicyDocument: work,
		})
		r.must(err)
		_, err = r.quiet.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: made.Policy.Arn})
		r.must(err)
		r.must(r.account.Moto.Unused(ctx, moto.Unused{
			User: name, Type: "UnusedPermission", Created: now.AddDate(-1, 0, 0),
			Accessed: fakeaws.Accessed{"s3": {Last: now.AddDate(0, 0, -3)}, "sqs": {}},
		}))
	}
	r.must(r.sweep(control, 0))
	r.idle()
	_, err := r.quiet.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("ugo"), NewUserName: aws.String("ursula")})
	r.must(err)
	apply := func(name string) (failed error) {
		var explained struct {
			Actions []struct{ ID, Control string }
		}
		r.ask("explain", map[string]string{"user": name}, &explained)
		for _, action := range explained.Actions {
			if action.Control == control {
				_, err := r.account.Prove(ctx, control, map[string]any{
					"apply": remediation.ApplyRequest{Action: action.ID, Reason: "to see it"},
				})
				failed = errors.Join(failed, err)
			}
		}
		return failed
	}
	r.must(apply("uma"))
	_ = apply("ugo") // what it used is known by the name that it had
	r.undone(map[string]string{"user": "uma", "since": since()})
	// The narrower version is there, and somebody has put the wide one back.
	_, err = r.quiet.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{
		PolicyArn: aws.String("arn:aws:iam::" + moto.AccountID + ":policy/work-of-uma"), VersionId: aws.String("v1"),
	})
	r.must(err)
	r.must(r.sweep(control, 9))
	r.idle()
	_ = apply("uma") // what was proposed before is not any more
}

// closed: the console is open to the allowed networks and one user, and somebody changes that.
func (r *reacher) closed() {
	const control = "restrict-console-sign-in"
	r.user("rescue")
	_, err := r.quiet.CreateLoginProfile(r.Context(), &iam.CreateLoginProfileInput{
		UserName: aws.String("rescue"), Password: aws.String("Correct-horse-1-battery"),
	})
	r.must(err)
	r.must(r.sweep(control, 0))
	r.must(r.sweep(control, 8))
	r.idle()
	_, err = script{stage: r.stage}.asOperator("signin", "put-resource-permission-statement",
		"--source-ip", "198.51.100.7", "--region", emulator.Region)
	r.must(err)
	r.undone(map[string]string{"user": "console sign-in", "since": since()})
}

// locked: console users without MFA, who are locked by the policy and by the group, and let go; and all of it reverted.
func (r *reacher) locked() {
	const control = "require-mfa"
	for _, name := range []string{"mira", "milo"} {
		r.user(name)
		_, err := r.quiet.CreateLoginProfile(r.Context(), &iam.CreateLoginProfileInput{
			UserName: &name, Password: aws.String("Correct-horse-1-battery"),
		})
		r.must(err)
	}
	r.fill("milo")
	r.must(r.sweep(control, 0))
	r.must(r.sweep(control, 8))
	for i, name := range []string{"mira", "milo"} {
		_, err := r.quiet.EnableMFADevice(r.Context(), &iam.EnableMFADeviceInput{
			UserName: &name, SerialNumber: aws.String(fmt.Sprintf("GAHT0000000%d", i)),
			AuthenticationCode1: aws.String("123456"), AuthenticationCode2: aws.String("654321"),
		})
		r.must(err)
	}
	r.must(r.sweep(control, 9))
	r.undone(map[string]string{"user": "mira", "since": since()})
	// The undo of a lift is undone after another look.
	r.user("mona")
	_, err := r.quiet.AttachUserPolicy(r.Context(), &iam.AttachUserPolicyInput{
		UserName:  aws.String("mona"),
		PolicyArn: aws.String("arn:aws:iam::" + moto.AccountID + ":policy" + change.QuarantinePath + change.MFALock),
	})
	r.must(err)
	r.must(r.sweep(control, 10))
	r.undone(map[string]string{"user": "mona", "since": since()})
}

// recorded: a trail and a recorder that are stopped and started again; undo stops them, and its undo starts them.
func (r *reacher) recorded() {
	for _, line := range []string{
		"s3api create-bucket --bucket acme-logs",
		"cloudtrail create-trail --name acme-reach --s3-bucket-name acme-logs",
		"cloudtrail start-logging --name acme-reach",
		`configservice put-configuration-recorder --configuration-recorder {"name":"default","roleARN":"arn:aws:iam::1:role/c"}`,
		`configservice put-delivery-channel --delivery-channel {"name":"default","s3BucketName":"acme-logs"}`,
		"configservice start-configuration-recorder --configuration-recorder-name default",
		"cloudtrail stop-logging --name acme-reach",
		"configservice stop-configuration-recorder --configuration-recorder-name default",
	} {
		_, err := script{stage: r.stage}.asOperator(strings.Fields(line)...)
		r.must(err)
		r.idle()
	}
	for _, subject := range []string{"acme-reach", emulator.Region + "/default"} {
		r.undone(map[string]string{"user": subject, "since": since()})
	}
}

// detected: what a region detects and records with is switched off and restored; undo switches it off, and its undo on.
func (r *reacher) detected() {
	operator := script{stage: r.stage}
	do := func(line, pattern string) string {
		r.Helper()
		out, err := operator.asOperator(strings.Fields(line)...)
		if err != nil {
			r.Fatalf("%s: %v", line, err)
		}
		r.idle()
		found := regexp.MustCompile(pattern).FindString(out)
		if found == "" && pattern != "" {
			r.Fatalf("%s: no %s in %s", line, pattern, out)
		}
		return found
	}
	vpc := do("ec2 create-vpc --cidr-block 10.9.0.0/16", "vpc-[0-9a-f]{8,}")
	subnet := do("ec2 create-subnet --cidr-block 10.9.0.0/24 --vpc-id "+vpc, "subnet-[0-9a-f]{8,}")
	card := do("ec2 create-network-interface --subnet-id "+subnet, "eni-[0-9a-f]{8,}")
	do("s3api create-bucket --bucket acme-flows", "")
	const group = "cloud-watch-logs --log-group-name flows " +
		"--deliver-logs-permission-arn arn:aws:iam::123456789012:role/flows"
	ids := "ec2 delete-flow-logs --flow-log-ids"
	for _, of := range [][3]string{
		{"VPC", vpc, "s3 --log-destination arn:aws:s3:::acme-flows"}, {"Subnet", subnet, group},
		{"NetworkInterface", card, group},
	} {
		ids += " " + do("ec2 create-flow-logs --traffic-type ALL --resource-type "+of[0]+" --resource-ids "+of[1]+
			" --log-destination-type "+of[2], "fl-[0-9a-f]+")
	}
	queries := do("route53resolver create-resolver-query-log-config --name dns --creator-request-id 1 --destination-arn "+
		"arn:aws:s3:::acme-flows", "rslvr-qlc-[0-9a-f]+")
	association := " --resolver-query-log-config-id " + queries + " --resource-id " + vpc
	do("route53resolver associate-resolver-query-log-config"+association, "")
	const detect = `guardduty create-detector --enable --features [{"name":"S3_DATA_EVENTS","status":"ENABLED"}] --region `
	detector, other := do(detect+emulator.Region, "[0-9a-f]{32}"), do(detect+"eu-west-1", "[0-9a-f]{32}")
	const standard = "arn:aws:securityhub:us-east-1::standards/nist-800-53/v/5.0.0"
	hub := func(region, standards string) {
		r.Helper()
		do("securityhub enable-security-hub --no-enable-default-standards --region "+region, "")
		do("securityhub batch-enable-standards --standards-subscription-requests "+standards+" --region "+region, "")
	}
	hub(emulator.Region, `[{"StandardsArn":"`+standard+`"}]`)
	hub("eu-west-1", `[{"StandardsArn":"`+standard+`"},{"StandardsArn":"arn:aws:securityhub:eu-west-1::standards/a/v/1"}]`)
	do("guardduty update-detector --no-enable --detector-id "+detector, "")
	r.undone(map[string]string{"user": emulator.Region + "/" + change.Detector, "since": since()})
	do(`securityhub batch-disable-standards --region eu-west-1 --standards-subscription-arns `+
		`["arn:aws:securityhub:eu-west-1:123456789012:subscription/nist-800-53/v/5.0.0"]`, "")
	do("securityhub disable-security-hub", "")
	do("guardduty delete-detector --region eu-west-1 --detector-id "+other, "")
	do("route53resolver disassociate-resolver-query-log-config"+association, "")
	do("route53resolver delete-resolver-query-log-config --resolver-query-log-config-id "+queries, "")
	do(ids, "")
	for _, subject := range []string{
		vpc, subnet, card, "eu-west-1/" + change.Detector, emulator.Region + "/" + change.Hub,
		"eu-west-1/" + change.Hub,
	} {
		r.undone(map[string]string{"user": subject, "since": since()})
	}
}

// full: users who can take no more policies are quarantined by a group, and get no policy back.
func (r *reacher) full() {
	ctx := r.Context()
	for _, name := range []string{"fred", "fay", "finn", "flora"} {
		r.user(name)
		if name == "flora" {
			_, err := r.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{
				UserName: &name, PolicyArn: aws.String(powerUser),
			})
			r.must(err)
			r.idle()
		}
		r.fill(name)
	}
	r.must(r.event("access-key-leaked", 1, "AKIACIDEPLOYQEXAMPLE", r.key("fred", 1, 0)))
	r.must(r.event("iam-console-login-outside-network", 1, "alice", "fay"))
	r.must(r.event("ssh-key-sent-outside-network", 1, "alice", "finn"))
	r.undone(map[string]string{"user": "fay", "since": since()})
	var answer struct{ Refused []any }
	r.ask("undo", map[string]string{
		"user": "flora", "since": since(), "by": "kim@example.com", "reason": "to see it",
	}, &answer)
	if len(answer.Refused) == 0 {
		r.Error("a user with ten policies got another one back")
	}
}

// left: people who left, one of whom has no room for another policy, and one who is renamed while Warder is halted.
func (r *reacher) left() {
	for _, name := range []string{"lena", "lars"} {
		_, err := r.quiet.CreateUser(r.Context(), &iam.CreateUserInput{
			UserName: &name, Tags: []iamtypes.Tag{{Key: aws.String("owner"), Value: aws.String(name + "@example.com")}},
		})
		r.must(err)
		r.key(name, 1, 0)
	}
	r.fill("lena")
	r.must(r.event("person-left", 1, "kim", "lena"))
	r.idle()
	r.halt("halt")
	r.must(r.event("person-left", 1, "kim", "lars", "hr-2026-0042", "hr-2026-0043"))
	r.idle()
	_, err := r.quiet.UpdateUser(r.Context(), &iam.UpdateUserInput{
		UserName: aws.String("lars"), NewUserName: aws.String("lars-2"),
	})
	r.must(err)
	r.halt("resume")
	r.must(r.account.Sweep(r.Context(), "offboard-user", time.Now()))
	r.idle()
}

// revoked: the session of a role, which is revoked, reverted and revoked, and a key that IAM refuses to look up.
func (r *reacher) revoked() {
	ctx := r.Context()
	role, err := r.quiet.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("deploy"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`),
	})
	r.must(err)
	r.must(r.event("access-key-misused", 1, `"IAMUser"`, `"AssumedRole"`, `"alice"`, `"deploy"`, "AIDAALICEQRSTUEXAMPLE",
		*role.Role.RoleId+":ci-42", "d2b2c0ffd6be5ef7bb0f1ee2e2ae7188", "d2b2c0ffd6be5ef7bb0f1ee2e2ae7199"))
	r.undone(map[string]string{"user": *role.Role.Arn, "since": "2026-01-01T00:00:00Z"})
	r.user("rita")
	r.must(r.account.Fail(ctx, endpoint.Fault{
		Operation: "iam:GetAccessKeyLastUsed", Function: settings.FunctionName(contains), Status: 403, Code: "AccessDenied",
		Message: "refused", Times: 1,
	}))
	r.must(r.event("access-key-leaked", 1, "AKIACIDEPLOYQEXAMPLE", r.key("rita", 1, 0)))
}

// bounded: a boundary of AWS, which is put on, taken off and put on again.
func (r *reacher) bounded() {
	_, err := r.iam.CreateUser(r.Context(), &iam.CreateUserInput{UserName: aws.String("bea")})
	r.must(err)
	r.undone(map[string]string{"user": "bea", "since": since()})
}

// inline: an inline policy, which is removed, reverted and removed; its user is renamed in between.
func (r *reacher) inline() {
	ines := r.user("ines")
	_, err := r.iam.PutUserPolicy(r.Context(), &iam.PutUserPolicyInput{UserName: aws.String("ines"),
		PolicyName: aws.String("p"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`)})
	r.must(err)
	r.idle()
	_, err = r.iam.UpdateUser(
		r.Context(),
		&iam.UpdateUserInput{UserName: aws.String("ines"), NewUserName: aws.String("iris")},
	)
	r.must(err)
	var answer any
	r.ask("explain", map[string]string{"user": *ines.UserId}, &answer)
	r.undone(map[string]string{"user": *ines.UserId, "since": since()})
}

// keyed: a user with a long-term API key, which works by the policy that AWS attaches.
func (r *reacher) keyed() {
	r.user("logan")
	_, err := r.quiet.CreateServiceSpecificCredential(r.Context(), &iam.CreateServiceSpecificCredentialInput{
		UserName: aws.String("logan"), ServiceName: aws.String("bedrock.amazonaws.com"),
	})
	r.must(err)
	policy := aws.String("arn:aws:iam::aws:policy/AmazonBedrockLimitedAccess")
	_, err = r.iam.AttachUserPolicy(r.Context(), &iam.AttachUserPolicyInput{
		UserName: aws.String("logan"), PolicyArn: policy,
	})
	r.must(err)
	r.idle()
	out, err := r.quiet.ListAttachedUserPolicies(r.Context(), &iam.ListAttachedUserPoliciesInput{
		UserName: aws.String("logan"),
	})
	r.must(err)
	if len(out.AttachedPolicies) != 1 {
		r.Errorf("the policy of an API key is taken off its user: %v", out.AttachedPolicies)
	}
}

// kept: a managed policy that gives everything and denies something, which is detached, and what it denies is kept; it
// is reverted and detached again.
func (r *reacher) kept() {
	r.user("kepa")
	made, err := r.quiet.CreatePolicy(r.Context(), &iam.CreatePolicyInput{
		PolicyName: aws.String("all-but-trails"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` +
			`{"Effect":"Allow","Action":"*","Resource":"*"},` +
			`{"Effect":"Deny","Action":"cloudtrail:StopLogging","Resource":"*"}]}`),
	})
	r.must(err)
	_, err = r.iam.AttachUserPolicy(r.Context(), &iam.AttachUserPolicyInput{
		UserName: aws.String("kepa"), PolicyArn: made.Policy.Arn,
	})
	r.must(err)
	r.undone(map[string]string{"user": "kepa", "since": since()})
}

// deployed: CloudFormation changes a function, as a deployment does.
func (r *reacher) deployed() {
	const by = "cloudformation.amazonaws.com"
	r.must(r.event("warder-function-changed", 1, "203.0.113.24", by, `"bob"`, `"bob","invokedBy":"`+by+`"`))
	role := r.account.Stack.Functions[0].Role
	r.must(r.event("trust-policy-changed", 1, `"build"`, `"`+role[strings.LastIndex(role, "/")+1:]+`"`, `"bob"`,
		`"bob","invokedBy":"`+by+`"`))
}

// compared: where no stack has the name that is known, a StackSet may have made one.
func (r *reacher) compared() {
	function := settings.FunctionName("check-warder")
	r.must(r.account.Fail(r.Context(), endpoint.Fault{
		Operation: "cloudformation:DescribeStacks", Function: function, Status: 400, Code: "ValidationError",
	}))
	var answer struct{ Outcome string }
	r.ask("check-warder", map[string]any{}, &answer)
	if answer.Outcome != "notified" {
		r.Errorf("check-warder finds no stack: %q", answer.Outcome)
	}
}

// trusted: a role that trusts unique ids.
func (r *reacher) trusted() {
	_, err := r.iam.CreateRole(r.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("gone"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` +
			`{"Effect":"Allow","Principal":{"AWS":["AIDAGONE000000000001","AROAGONE000000000001"]},"Action":"sts:AssumeRole"}]}`),
	})
	r.must(err)
}

// rotated: a rotation that is cut off and taken up again, and one that is reverted and made anew.
func (r *reacher) rotated() {
	const control = "rotate-access-key"
	ctx := r.Context()
	ask := func(name string) {
		_, err := r.iam.CreateUser(ctx, &iam.CreateUserInput{
			UserName: &name, Tags: []iamtypes.Tag{{Key: aws.String("warder:rotate"), Value: aws.String("yes")}},
		})
		r.must(err)
		r.key(name, 70, 0)
	}
	ask("rosa")
	r.must(r.account.Fail(ctx, endpoint.Fault{
		Operation: "secretsmanager:PutSecretValue", Function: settings.FunctionName(control), Status: 400,
		Code: "AccessDeniedException", Message: "refused once", Times: 1,
	}))
	r.must(r.sweep(control, 0))
	r.undone(map[string]string{"user": "rosa", "since": since()})
	for _, variable := range r.variables() {
		if days, ok := strings.CutPrefix(variable, "AFTER_HOLD="); ok {
			n, err := strconv.Atoi(days)
			r.must(err)
			r.must(r.sweep(control, n))
			return
		}
	}
	r.Fatal("no function knows how long a hold lasts")
}

// deleted: keys that stay inactive are deleted in the end.
func (r *reacher) deleted() {
	r.user("dora")
	r.key("dora", 91, 1)
	r.user("dirk")
	r.key("dirk", 200, 95)
	for _, day := range []int{0, 15, 60, 80} {
		// A key that is unused is stale as well, and whoever comes first has it.
		for _, control := range []string{"deactivate-unused-access-key", "deactivate-stale-access-key"} {
			r.must(r.sweep(control, day))
			r.idle()
		}
	}
}

// found: AWS Config names users by their unique ids.
func (r *reacher) found() {
	user := r.user("ulla")
	_, err := r.quiet.CreateLoginProfile(r.Context(), &iam.CreateLoginProfileInput{
		UserName: user.UserName, Password: aws.String("a long enough Password 1"),
	})
	r.must(err)
	for _, rule := range []string{
		"iam-user-unused-credentials-check", "iam-user-no-policies-check", "access-keys-rotated",
	} {
		r.must(r.event("access-keys-rotated-noncompliant", 1, `"access-keys-rotated"`, `"`+rule+`"`, "AIDABOBQRSTUVWEXAMPLE",
			*user.UserId))
	}
}

// drilled: a drill while everything is halted, which has to take its policies off itself, and hears of
// its events late, so that it looks in the ledger for them.
func (r *reacher) drilled() {
	ctx := r.Context()
	i := slices.IndexFunc(r.account.Stack.Resources, func(x stack.Resource) bool {
		return strings.HasPrefix(x.LogicalID, "DrillArrivals") && x.Type == "AWS::SQS::Queue"
	})
	_, err := sqs.NewFromConfig(r.account.Unrecorded()).SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: &r.account.Stack.Resources[i].PhysicalID, Attributes: map[string]string{"DelaySeconds": "3"},
	})
	r.must(err)
	r.halt("halt")
	var answer drill.Answer
	r.ask("drill", drill.Request{By: "kim@example.com", Minutes: 1}, &answer)
	r.halt("resume")
}

// asked: every form of a question.
func (r *reacher) asked() {
	for _, question := range []map[string]string{
		{"user": "gina"}, {"key": r.key("ulla", 1, 0)}, {"policy": readOnlyAccess}, {"action": "nothing"},
	} {
		var answer any
		r.ask("explain", question, &answer)
	}
	var answer any
	r.ask("undo", map[string]string{"run": "nothing", "by": "kim@example.com", "reason": "to see it"}, &answer)
}

// swept: every schedule, and what another region forwards.
func (r *reacher) swept() {
	for _, rule := range r.account.Stack.Rules {
		if rule.Schedule != "" {
			r.must(r.account.Sweep(r.Context(), emulator.Control(rule.Function), time.Now()))
		}
	}
	for _, there := range r.account.Stack.Regions {
		r.must(r.event("iam-console-login-no-mfa", 1, `"us-east-2"`, `"`+there.Region+`"`))
	}
}

// unstarted: a schedule finds no function to start.
func (r *reacher) unstarted() {
	const control = "alert-instance-connect"
	_, err := lambda.NewFromConfig(r.account.Operator()).DeleteFunction(r.Context(), &lambda.DeleteFunctionInput{
		FunctionName: aws.String(settings.FunctionName(control)),
	})
	r.must(err)
	r.must(r.account.Sweep(r.Context(), control, time.Now()))
}

// retried: the first notice of controls that only tell is refused, and their retry reads what was found.
func (r *reacher) retried() {
	for function, sample := range map[string]string{
		"alert-console-login": "root-console-login", "alert-external-access": "key-open-to-everybody",
	} {
		r.must(r.account.Fail(r.Context(), endpoint.Fault{
			Operation: "sns:Publish", Function: settings.FunctionName(function), Status: 403, Code: "AuthorizationError",
			Message: "refused", Times: 1,
		}))
		r.must(r.event(sample, 1))
	}
	r.idle()
}

// failed: every function fails, and what it was given is kept.
func (r *reacher) failed() {
	ctx := r.Context()
	client := lambda.NewFromConfig(emulator.Config(r.account.URL, r.account.AccessKey, r.account.Secret))
	for _, f := range r.account.Stack.Functions {
		if f.OnFailure == "" {
			continue
		}
		for _, operation := range []string{
			"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan", "secretsmanager:GetSecretValue",
		} {
			r.must(r.account.Fail(ctx, endpoint.Fault{
				Operation: operation, Function: f.Name, Status: 400, Code: "AccessDeniedException", Message: "refused",
			}))
		}
		_, err := client.Invoke(ctx, &lambda.InvokeInput{
			FunctionName: &f.Name, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{}`),
		})
		r.must(err)
	}
	r.idle()
}
