package detachdirectpolicy

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/iamsim"
)

var seed = flag.Uint64("seed", 2026, "makes the random accounts")

// random makes accounts.
type random struct{ *rand.Rand }

// one is any of the values.
func one[T any](r random, values ...T) T { return values[r.IntN(len(values))] }

// some are at most so many of the values, each once.
func some[T any](r random, most int, values []T) []T {
	values = slices.Clone(values)
	r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return values[:r.IntN(min(most, len(values))+1)]
}

// likely is true in so many of 100 cases.
func (r random) likely(percent int) bool { return r.IntN(100) < percent }

var (
	actionPatterns = []string{
		"*", "s3:*", "s3:Get*", "s3:GetObject", "s3:PutObject", "S3:deleteobject", "iam:*", "iam:Get*", "iam:GetUser",
		"iam:AttachUserPolicy", "ec2:*", "ec2:TerminateInstances", "sns:Publish", "ses:SendEmail", "ses:SendRawEmail",
	}
	resourcePatterns = []string{
		"*", "*", "arn:aws:s3:::*", "arn:aws:s3:::reports/*", "arn:aws:s3:::reports/secret/*",
		"arn:aws:iam::111122223333:user/*", "arn:aws:iam::111122223333:user/${aws:username}",
		"arn:aws:ec2:*:111122223333:instance/*", "arn:aws:sns:us-east-1:111122223333:*",
	}
	conditions = []string{
		`{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`,
		`{"NotIpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:db8::/32"]}}`,
		`{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`, `{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`,
		`{"StringEquals":{"aws:RequestedRegion":["us-east-1","eu-west-1"]}}`,
		`{"StringNotLike":{"aws:RequestedRegion":"eu-*"},"Bool":{"aws:SecureTransport":"true"}}`,
	}
	// What the users are asked to do, and how.
	calls = []iamsim.Request{
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::reports/a"},
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::reports/secret/a"},
		{Action: "s3:PutObject", Resource: "arn:aws:s3:::other/a"},
		{Action: "s3:DeleteObject", Resource: "arn:aws:s3:::reports/a"},
		{Action: "iam:GetUser", Resource: "arn:aws:iam::111122223333:user/user0"},
		{Action: "iam:AttachUserPolicy", Resource: "arn:aws:iam::111122223333:user/admin"},
		{Action: "ec2:TerminateInstances", Resource: "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0"},
		{Action: "sns:Publish", Resource: "arn:aws:sns:us-east-1:111122223333:orders"},
		{Action: "ses:SendRawEmail", Resource: "arn:aws:ses:us-east-1:111122223333:identity/example.com"},
	}
	circumstances = []map[string]string{
		{
			"aws:SourceIp": "203.0.113.9", "aws:MultiFactorAuthPresent": "true", "aws:RequestedRegion": "us-east-1",
			"aws:SecureTransport": "true",
		},
		{
			"aws:SourceIp": "198.51.100.9", "aws:MultiFactorAuthPresent": "false", "aws:RequestedRegion": "eu-west-1",
			"aws:SecureTransport": "true",
		},
		{"aws:SourceIp": "2001:db8::9", "aws:RequestedRegion": "ap-northeast-2", "aws:SecureTransport": "false"},
	}
)

// document is a policy document in one of the many forms that IAM takes.
func (r random) document(allows int) fakeaws.Document {
	statements := make([]string, 1+r.IntN(3))
	for i := range statements {
		text := `"Effect" : "Deny"`
		if r.likely(allows) {
			text = `"Effect":"Allow"`
		}
		list := func(name string, patterns []string) string {
			if chosen := some(r, 3, patterns); len(chosen) > 1 {
				quoted, err := json.Marshal(chosen)
				if err != nil {
					panic(err) // strings
				}
				return fmt.Sprintf("%q:%s", name, quoted)
			}
			return fmt.Sprintf("%q: %q", name, one(r, patterns...))
		}
		parts := []string{
			text, list(one(r, "Action", "Action", "Action", "NotAction"), actionPatterns),
			list(one(r, "Resource", "Resource", "Resource", "NotResource"), resourcePatterns),
		}
		if r.likely(30) {
			parts = append(parts, `"Condition":`+one(r, conditions...))
		}
		if r.likely(20) {
			parts = append(parts, fmt.Sprintf(`"Sid":"Statement%d"`, i))
		}
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		body := ""
		for _, part := range parts {
			if body != "" {
				body += one(r, ",", ",\n   ", " , ")
			}
			body += part
		}
		statements[i] = "{" + body + "}"
	}
	if len(statements) == 1 && r.likely(50) {
		return fakeaws.Document(`{"Version":"2012-10-17","Statement":` + statements[0] + `}`)
	}
	body := statements[0]
	for _, statement := range statements[1:] {
		body += ",\n" + statement
	}
	return fakeaws.Document("{ \"Statement\":[" + body + "],\t\"Version\":\"2012-10-17\" }")
}

// inline are at most so many inline policies.
func (r random) inline(most, allows int) map[string]fakeaws.Document {
	all := map[string]fakeaws.Document{}
	for i := range r.IntN(most + 1) {
		all[fmt.Sprintf("inline%d", i)] = r.document(allows)
	}
	return all
}

// account makes an account, and the groups that are to keep the access of its policies.
func (r random) account() (fakeaws.State, map[string]string) {
	state := fakeaws.State{Users: map[string]*fakeaws.User{}, Groups: map[string]*fakeaws.Group{}}
	state.Policies = map[string]fakeaws.Document{
		"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny",` +
			`"Action":["iam:AttachUserPolicy","ec2:*","s3:DeleteObject"],"Resource":["*"]}]}`,
		"arn:aws:iam::aws:policy/AWSDenyAll": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny",` +
			`"Action":["*"],"Resource":"*"}]}`,
		"arn:aws:iam::aws:policy/AdministratorAccess": `{"Version":"2012-10-17",` +
			`"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	}
	for i := range 6 {
		state.Policies[fmt.Sprintf("arn:aws:iam::111122223333:policy/p%d", i)] = r.document(85)
	}
	policies := slices.Sorted(maps.Keys(state.Policies))
	allowing := slices.DeleteFunc(slices.Clone(policies), func(arn string) bool {
		return strings.Contains(string(state.Policies[arn]), "Deny")
	})
	policyGroups := map[string]string{}
	for i := range 4 {
		name := fmt.Sprintf("group%d", i)
		group := &fakeaws.Group{Attached: append(some(r, 2, allowing), one(r, policies...))}
		if r.likely(10) {
			group.Inline = r.inline(1, 70)
		}
		slices.Sort(group.Attached)
		group.Attached = slices.Compact(group.Attached)
		state.Groups[name] = group
		if r.likely(20) {
			continue
		}
		for _, policy := range group.Attached {
			policyGroups[policy] = name
		}
	}
	groups := slices.Sorted(maps.Keys(state.Groups))
	for i := range 12 {
		user := &fakeaws.User{Attached: some(r, 4, policies), Groups: some(r, 1, groups)}
		if r.likely(40) {
			user.Inline = r.inline(2, 80)
		}
		if r.likely(15) {
			user.Boundary = one(r, policies...)
		}
		name := one(r, groups...)
		switch group := state.Groups[name]; r.IntN(4) {
		case 0: // as policyGroups wants it
			user.Attached, user.Groups, user.Inline = slices.Clone(group.Attached), nil, nil
		case 1: // nearly so
			user.Attached, user.Groups, user.Inline = some(r, 2, group.Attached), nil, nil
		case 2: // and one more, which the group need not carry
			more := one(r, allowing...)
			user.Attached = append(slices.Clone(group.Attached), more)
			slices.Sort(user.Attached)
			user.Attached = slices.Compact(user.Attached)
			if r.likely(20) {
				policyGroups[more] = name
			}
		}
		state.Users[fmt.Sprintf("user%d", i)] = user
	}
	return state, policyGroups
}

// may are the policies that decide what the user may do, and what is asked about it.
func may(state fakeaws.State, name string) iamsim.Principal {
	user := state.Users[name]
	p := iamsim.Principal{ARN: "arn:aws:iam::" + state.ID + ":user/" + name}
	if user.Boundary != "" {
		p.Boundary = json.RawMessage(state.Policies[user.Boundary])
	}
	add := func(attached []string, inline map[string]fakeaws.Document) {
		for _, arn := range attached {
			p.Policies = append(p.Policies, json.RawMessage(state.Policies[arn]))
		}
		for _, name := range slices.Sorted(maps.Keys(inline)) {
			p.Policies = append(p.Policies, json.RawMessage(inline[name]))
		}
	}
	add(user.Attached, user.Inline)
	for _, group := range user.Groups {
		add(state.Groups[group].Attached, state.Groups[group].Inline)
	}
	for _, call := range calls {
		for _, circumstance := range circumstances {
			call.Context = maps.Clone(circumstance)
			call.Context["aws:username"] = name
			p.Requests = append(p.Requests, call)
		}
	}
	return p
}

type unheard struct{}

func (unheard) Publish(context.Context, notice.Message) (string, error) { return "accepted", nil }
func (unheard) Owner(_ context.Context, user string) (owner.Contact, error) {
	return owner.Contact{ID: "AIDA" + user, Name: user}, nil
}
func (u unheard) ByID(ctx context.Context, _, name string) (owner.Contact, error) {
	return u.Owner(ctx, name)
}

// remedied is the account after the sweep, and what was changed of each user.
func remedied(
	t *testing.T, state fakeaws.State, policyGroups map[string]string,
) (fakeaws.State, map[string][]change.Change) {
	t.Helper()
	described, err := control.Parse("detach-direct-policy/control.json", Control.Description)
	if err != nil {
		t.Fatal(err)
	}
	parameters, err := json.Marshal(map[string]any{"policyGroups": policyGroups, "detachUnattachable": false})
	if err != nil {
		t.Fatal(err)
	}
	a := fakeaws.New(state)
	function := settings.Function{
		Mode:        control.Enforce,
		Reach:       settings.Reach{All: true},
		Parameters:  parameters,
		BlastRadius: 1000,
		HoldDays:    7,
	}
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	runner := &remediation.Runner{
		Control: described, Settings: function, Ledger: ledger.New(&ledger.Memory{}), Topic: unheard{},
		Environment: remediation.Environment{
			Now:   func() time.Time { return now },
			Sleep: func(context.Context, time.Duration) {},
			Log:   slog.New(slog.DiscardHandler),
		},
	}
	if err := Control.Connect(runner, a.Config(), 0); err != nil {
		t.Fatal(err)
	}
	runner.Owners = unheard{}
	report, err := runner.Run(t.Context(), remediation.Invocation{ID: "i", Left: time.Minute}, []byte(`{
		"version": "0", "id": "22222222-0000-4000-8000-000000000001", "detail-type": "Scheduled Event",
  "source": "aws.events", "account": "111122223333",
		"time": "2026-11-21T03:00:00Z", "region": "us-east-1",
  "resources": ["arn:aws:events:us-east-1:111122223333:rule/sweep"], "detail": {}}`))
	if err != nil {
		t.Fatal(err)
	}
	changes := map[string][]change.Change{}
	for _, c := range report.Changes {
		if c.Status == ledger.Verified {
			changes[c.Subject] = append(changes[c.Subject], c.Change)
		}
	}
	return a.State(), changes
}

// keeps reports whether policyGroups names a group for every policy that was taken from a user.
func keeps(changes []change.Change, policyGroups map[string]string) bool {
	return len(changes) > 0 && !slices.ContainsFunc(changes, func(c change.Change) bool {
		return c.Kind == change.InlineUserPolicy || c.Kind == change.ManagedUserPolicy && policyGroups[c.Target] == ""
	})
}

// Nothing that the control does lets a user do what it could not do before. Where policyGroups names
// a group for all that is taken from a user, the user can do all that it could, too. The judge is a
// simulator of policies that knows nothing of this package.
func TestPlan_NeverWidens(t *testing.T) {
	t.Logf("-seed %d", *seed)
	r := random{rand.New(rand.NewPCG(*seed, 0))}
	type subject struct {
		account       int
		user          string
		before, after iamsim.Principal
		changes       []change.Change
		keeps         bool
	}
	var subjects []subject
	var asked []iamsim.Principal
	for n := range 18 {
		state, policyGroups := r.account()
		if n%6 == 0 {
			policyGroups = map[string]string{}
		}
		before := fakeaws.New(state).State()
		after, changes := remedied(t, state, policyGroups)
		for _, user := range slices.Sorted(maps.Keys(before.Users)) {
			if len(changes[user]) == 0 {
				continue // its policies are as they were
			}
			s := subject{n, user, may(before, user), may(after, user), changes[user], keeps(changes[user], policyGroups)}
			subjects, asked = append(subjects, s), append(asked, s.before, s.after)
		}
	}
	answers, err := iamsim.Ask(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	taken, kept, asks, cut := 0, 0, 0, 0
	for i, s := range subjects {
		if slices.ContainsFunc(s.changes, func(c change.Change) bool {
			return c.Kind == change.InlineUserPolicy && c.After != ""
		}) {
			cut++
		}
		for k, request := range s.before.Requests {
			asks++
			could, can := answers[2*i][k] == iamsim.Allowed, answers[2*i+1][k] == iamsim.Allowed
			fault := ""
			switch {
			case !could && can:
				fault = "widened: it is allowed now"
			case could && !can && s.keeps:
				fault = "lost: policyGroups keeps it, and it is denied now"
			case could && !can:
				taken++
			case could && s.keeps:
				kept++
			}
			if fault != "" {
				t.Errorf("-seed %d, account %d, %s: %s\n%+v\nbefore %s\nafter %s\nchanges %+v",
					*seed, s.account, s.user, fault, request, s.before.Policies, s.after.Policies, s.changes)
			}
		}
	}
	t.Logf("%d users changed, %d requests: %d allowed before and not after, %d kept by groups",
		len(subjects), asks, taken, kept)
	if cut < 5 {
		t.Errorf("of %d users something was left that only denies: too few to say anything", cut)
	}
	if len(subjects) < 50 || taken < 100 || kept < 50 {
		t.Errorf("%d users, %d requests taken and %d kept are too few to say anything", len(subjects), taken, kept)
	}
}
