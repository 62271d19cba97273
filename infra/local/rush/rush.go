// Package rush is the events of a busy account, and what must be true of Warder after it has had
// them: nothing was lost, the ledger says what the account shows, nothing was done or told twice.
//
// People change things and AWS tells of it: soon, late, twice, in another order, of users who are gone,
// and now and then in a form that nobody understands. It goes to an account by a [Carrier], of which it
// knows nothing more; the same plan is played on an emulated account with the real functions and on the
// account in memory.
//
// It never looks at how Warder decides. What it expects, it reads from the account, from the ledger and
// from what it has done itself.
package rush

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Plan is how much of what is played.
type Plan struct {
	Events int // that are delivered
	Users  int
	Seed   uint64
	From   time.Time // when it begins, by the clock of the events
	// Account is the account's number.
	Account string
	// Schedules are the ARNs of the rules that start sweeps, by control.
	Schedules map[string]string
	// Samples are the events that those of the plan are made from, by name: events/ of the project.
	Samples fs.FS
}

// span is how long it takes by the clock of the events: longer than the time that owners are given.
const span = 14 * 24 * time.Hour

// burst is how many events happen within some minutes.
const burst = 40

// A happening is one thing that came about, and the event that tells of it.
type happening struct {
	at     time.Time
	sample string
	user   string
	// alter makes the sample's event that of the happening; it is called once, after what people do.
	alter func(h *happening, p *people, event map[string]any)
	// act is what people do before; nil for nothing.
	act func(h *happening, p *people) error
	// key is the access key that it is about.
	key string
	// once is the event as it was delivered first.
	once []byte
}

// item is a step of the play: something is done, or an event arrives.
type item struct {
	at     time.Time
	kind   string
	of     *happening
	act    bool // what people do
	copied bool // the event is told of once more, in another envelope
	// refuse begins, and admit ends, the time in which no notice of sign-ins is accepted.
	refuse, admit bool
}

// Refused is the control whose notices are refused for a while.
const Refused = "alert-console-login"

type planner struct {
	Plan
	random *rand.Rand
	names  []string
	items  []item
	count  int
	made   int // ids
}

// kinds are what happens, and how often in a thousand.
var kinds = []struct {
	name  string
	share int
	plan  func(p *planner, h *happening)
}{
	{"sign-in", 190, (*planner).signIn},
	{"sign-in from outside", 30, (*planner).outsideSignIn},
	{"policy attached", 90, (*planner).attach},
	{"inline policy put", 50, (*planner).putInline},
	{"access key created", 50, (*planner).createKey},
	{"user created", 20, (*planner).createUser},
	{"user deleted", 12, (*planner).deleteUser},
	{"boundary removed", 15, (*planner).removeBoundary},
	{"root at work", 30, (*planner).root},
	{"policy changed", 130, (*planner).policyChange},
	{"rule of Config", 90, (*planner).compliance},
	{"key exposed", 30, (*planner).expose},
	{"key exposed, told by two", 10, (*planner).exposeTwice},
	{"access analyzed", 50, (*planner).analyzed},
	{"session", 60, (*planner).session},
	{"instance connect", 50, (*planner).connect},
	{"policy attached, told by two", 20, (*planner).attachTwice},
	{"of a user who never was", 25, (*planner).stranger},
	{"undecodable", 18, (*planner).broken},
	{"of no rule", 50, (*planner).unmatched},
}

// plan makes the items of the play, in the order of their times.
func (q Plan) plan(names []string) []item {
	p := &planner{Plan: q, random: rand.New(rand.NewPCG(q.Seed, 2)), names: slices.Clone(names)}
	slices.Sort(p.names)
	rounds := min(max(q.Events/50/max(len(q.Schedules), 1), 2), 20)
	for round := range rounds {
		at := q.From.Add(span * time.Duration(2*round+1) / time.Duration(2*rounds))
		for _, control := range sorted(q.Schedules) {
			p.sweep(control, at.Add(time.Duration(p.random.IntN(40*60))*time.Second))
		}
	}
	// Two sign-ins in the time in which nobody can be told.
	const quiet = span * 6 / 10
	for i := range 2 {
		h := p.happen(quiet + time.Duration(i+1)*time.Second)
		p.signIn(h)
		h.sample = "iam-console-login-no-mfa"
		h.alter = func(h *happening, p *people, e map[string]any) {
			p.identify(at(e, "detail", "userIdentity"), h.user)
			at(e, "detail")["sourceIPAddress"] = fmt.Sprintf("%s%d", networks, 250+i) // of which nobody was told lately
		}
		p.deliver("sign-in, notices refused", h, h.at.Sub(q.From))
	}
	p.items = append(p.items, item{at: q.From.Add(quiet), refuse: true}, item{at: q.From.Add(quiet + 3*time.Second), admit: true})
	total := 0
	for _, k := range kinds {
		total += k.share
	}
	// Things happen together: when people are at work, and when a script runs.
	bursts := max(q.Events/burst, 2)
	for p.count < q.Events {
		h := p.happen(span*95/100*time.Duration(p.random.IntN(bursts))/time.Duration(bursts) + time.Duration(p.random.Int64N(int64(10*time.Minute))))
		at := p.random.IntN(total)
		for _, k := range kinds {
			if at -= k.share; at < 0 {
				k.plan(p, h)
				p.tell(k.name, h)
				break
			}
		}
	}
	slices.SortStableFunc(p.items, func(a, b item) int { return a.at.Compare(b.at) })
	return p.items
}

func (p *planner) happen(after time.Duration) *happening {
	return &happening{at: p.From.Add(after).Truncate(time.Second)}
}

// tell has people act, and the event of it delivered: soon, or a day late, or twice.
func (p *planner) tell(kind string, h *happening) {
	if h.act != nil {
		p.items = append(p.items, item{at: h.at, kind: kind, of: h, act: true})
	}
	happened := h.at.Sub(p.From)
	lag := time.Duration(5+p.random.ExpFloat64()*120) * time.Second
	switch {
	case p.chance(0.03):
		lag = time.Duration(p.random.Int64N(int64(24 * time.Hour)))
	case p.chance(0.1):
		lag += time.Duration(p.random.IntN(30)) * time.Minute
	}
	p.deliver(kind, h, happened+lag)
	switch {
	case p.chance(0.07): // once more, at once or later
		p.deliver(kind, h, happened+lag+time.Duration(p.random.IntN(3))*time.Duration(p.random.IntN(3600))*time.Second)
	case p.chance(0.03):
		p.deliver(kind, h, happened+lag+time.Duration(p.random.IntN(600))*time.Second)
		p.items[len(p.items)-1].copied = true
	}
}

func (p *planner) deliver(kind string, h *happening, after time.Duration) {
	if p.count == p.Events {
		return
	}
	p.count++
	p.items = append(p.items, item{at: p.From.Add(min(after, span)).Truncate(time.Second), kind: kind, of: h})
}

func (p *planner) chance(share float64) bool { return p.random.Float64() < share }

func (p *planner) user() string { return p.names[p.random.IntN(len(p.names))] }

func (p *planner) pick(of ...string) string { return of[p.random.IntN(len(of))] }

// guid is an id as CloudTrail gives them.
func (p *planner) guid() string {
	b := fmt.Sprintf("%016x%016x", p.random.Uint64(), p.random.Uint64())
	return b[:8] + "-" + b[8:12] + "-4" + b[13:16] + "-a" + b[17:20] + "-" + b[20:]
}

func (p *planner) number() int {
	p.made++
	return p.made
}

func (p *planner) signIn(h *happening) {
	h.sample, h.user = p.pick("iam-console-login-mfa", "iam-console-login-mfa", "iam-console-login-no-mfa", "iam-console-login-failed", "sso-console-login", "role-console-login", "saml-console-login"), p.user()
	h.alter = func(h *happening, p *people, e map[string]any) {
		if identity := at(e, "detail", "userIdentity"); identity["type"] == "IAMUser" {
			p.identify(identity, h.user)
		}
	}
}

func (p *planner) outsideSignIn(h *happening) {
	h.sample, h.user = "iam-console-login-outside-network", p.user()
	ip := fmt.Sprintf("%s%d", outside, 1+p.random.IntN(250))
	h.alter = func(h *happening, p *people, e map[string]any) {
		p.identify(at(e, "detail", "userIdentity"), h.user)
		at(e, "detail")["sourceIPAddress"] = ip
	}
}

func (p *planner) attach(h *happening) {
	policy := managed(policies[p.random.IntN(len(policies))])
	h.sample, h.user = "direct-policy-attached", p.user()
	h.act = func(h *happening, p *people) error { return p.attach(h.user, policy) }
	h.alter = func(h *happening, _ *people, e map[string]any) {
		request := at(e, "detail", "requestParameters")
		request["userName"], request["policyArn"] = h.user, policy
	}
}

// attachTwice is told by CloudTrail and by Config.
func (p *planner) attachTwice(h *happening) {
	p.attach(h)
	second := p.happen(h.at.Sub(p.From))
	second.sample, second.user = "user-policies-noncompliant", h.user
	second.alter = resource
	p.deliver("policy attached, told by two", second, h.at.Sub(p.From)+time.Duration(1+p.random.IntN(300))*time.Second)
}

func (p *planner) putInline(h *happening) {
	name := fmt.Sprintf("inline-%d", p.random.IntN(4))
	document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/%d/*"}]}`, bucket(p.random.IntN(buckets)), p.number())
	h.sample, h.user = "inline-policy-put", p.user()
	h.act = func(h *happening, p *people) error { return p.putInline(h.user, name, document) }
	h.alter = func(h *happening, _ *people, e map[string]any) {
		request := at(e, "detail", "requestParameters")
		request["userName"], request["policyName"], request["policyDocument"] = h.user, name, document
	}
}

func (p *planner) createKey(h *happening) {
	h.sample, h.user = "access-key-created", p.user()
	h.act = func(h *happening, p *people) (err error) {
		h.key, err = p.createKey(h.user)
		return err
	}
	h.alter = func(h *happening, _ *people, e map[string]any) {
		at(e, "detail", "requestParameters")["userName"] = h.user
		key := at(e, "detail", "responseElements", "accessKey")
		key["userName"], key["accessKeyId"] = h.user, h.key
	}
}

func (p *planner) createUser(h *happening) {
	h.sample, h.user = "user-created", fmt.Sprintf("new-%04d", p.number())
	h.act = func(h *happening, p *people) error { return p.createUser(h.user) }
	h.alter = func(h *happening, p *people, e map[string]any) {
		owner := []any{map[string]any{"key": "owner", "value": h.user + "@example.com"}}
		request, user := at(e, "detail", "requestParameters"), at(e, "detail", "responseElements", "user")
		request["userName"], request["tags"] = h.user, owner
		user["userName"], user["userId"], user["tags"] = h.user, p.ids[h.user], owner
		user["arn"] = "arn:aws:iam::" + p.account + ":user/" + h.user
	}
}

// deleteUser has a user go for whom events are still on their way.
func (p *planner) deleteUser(h *happening) {
	h.sample, h.user = "user-deleted", p.user()
	h.act = func(h *happening, p *people) error { return p.deleteUser(h.user) }
	h.alter = func(h *happening, _ *people, e map[string]any) {
		at(e, "detail", "requestParameters")["userName"] = h.user
	}
}

func (p *planner) removeBoundary(h *happening) {
	h.sample, h.user = "boundary-removed", p.user()
	h.act = func(h *happening, p *people) error { return p.removeBoundary(h.user) }
	h.alter = func(h *happening, _ *people, e map[string]any) {
		at(e, "detail", "requestParameters")["userName"] = h.user
	}
}

func (p *planner) root(h *happening) {
	h.sample = p.pick("root-console-login", "root-console-login-no-mfa", "root-billing-viewed", "root-bucket-policy-deleted", "root-payment-method-changed")
}

func (p *planner) policyChange(h *happening) {
	h.user = p.user()
	h.sample = p.pick("policy-created", "policy-version-created-admin", "group-policy-attached", "user-added-to-group", "role-created", "trust-policy-changed",
		"mfa-deactivated", "login-profile-created", "group-inline-policy-put", "cloudtrail-stopped", "exemption-tag-set", "admin-policy-attached-to-role",
		"oidc-provider-created", "warder-rule-disabled")
	h.alter = func(h *happening, _ *people, e map[string]any) {
		if request := at(e, "detail", "requestParameters"); request["userName"] != nil {
			request["userName"] = h.user
		}
	}
}

func (p *planner) compliance(h *happening) {
	h.user = p.user()
	h.sample = p.pick("access-keys-rotated-noncompliant", "access-keys-rotated-noncompliant", "unused-credentials-noncompliant", "user-policies-noncompliant", "user-policies-compliant")
	h.alter = resource
}

// resource names the user in what Config tells, as it names users: by the unique id.
func resource(h *happening, p *people, e map[string]any) {
	at(e, "detail")["resourceId"] = p.ids[h.user]
	for _, result := range []string{"newEvaluationResult", "oldEvaluationResult"} {
		if qualifier := at(e, "detail", result, "evaluationResultIdentifier", "evaluationResultQualifier"); qualifier != nil {
			qualifier["resourceId"] = p.ids[h.user]
		}
	}
}

// expose tells of an access key that is known to others, by AWS Health or by GuardDuty.
func (p *planner) expose(h *happening) {
	h.user = p.user()
	h.sample = p.pick("access-key-leaked", "access-key-misused")
	id := fmt.Sprintf("%032x", p.number())
	h.alter = func(h *happening, p *people, e map[string]any) { exposed(h, p, e, id) }
}

// exposeTwice is told by both, with different ids, within moments.
func (p *planner) exposeTwice(h *happening) {
	p.expose(h)
	second := p.happen(h.at.Sub(p.From))
	second.user, second.sample = h.user, map[string]string{"access-key-leaked": "access-key-misused", "access-key-misused": "access-key-leaked"}[h.sample]
	id := fmt.Sprintf("%032x", p.number())
	second.alter = func(h *happening, p *people, e map[string]any) { exposed(h, p, e, id) }
	p.deliver("key exposed, told by two", second, h.at.Sub(p.From)+time.Duration(1+p.random.IntN(60))*time.Second)
}

func exposed(h *happening, p *people, e map[string]any, id string) {
	h.key = p.anyKey(h.user)
	detail := at(e, "detail")
	if health := detail["communicationId"]; health != nil {
		detail["communicationId"] = id + "-1"
		e["resources"] = []any{h.key}
		detail["affectedEntities"].([]any)[0].(map[string]any)["entityValue"] = h.key
		return
	}
	detail["id"] = id
	detail["arn"] = strings.TrimSuffix(detail["arn"].(string), "d2b2c0ffd6be5ef7bb0f1ee2e2ae7188") + id
	key := at(e, "detail", "resource", "accessKeyDetails")
	key["accessKeyId"], key["userName"], key["principalId"] = h.key, h.user, p.ids[h.user]
}

func (p *planner) analyzed(h *happening) {
	h.sample = p.pick("bucket-became-public", "bucket-became-public", "role-open-to-other-account", "key-open-to-everybody", "role-permissions-unused")
	id, name := p.guid(), bucket(p.random.IntN(buckets))
	var opened string // for everybody again
	if h.sample == "bucket-became-public" && p.chance(0.5) {
		opened = name
	}
	h.act = func(_ *happening, p *people) error {
		if opened == "" {
			return nil
		}
		return p.openBucket(opened)
	}
	h.alter = func(_ *happening, _ *people, e map[string]any) {
		detail := at(e, "detail")
		detail["id"] = id
		if detail["resourceType"] == "AWS::S3::Bucket" {
			detail["resource"] = "arn:aws:s3:::" + name
		}
	}
}

func (p *planner) session(h *happening) {
	h.sample, h.user = p.pick("session-started-inside-network", "session-started-outside-network"), p.user()
	id, in, ip := fmt.Sprintf("load-%017x", p.number()), p.pick("us-east-1", "ap-northeast-2"), networks
	if h.sample == "session-started-outside-network" {
		ip = outside
		h.act = func(h *happening, p *people) error { return p.startSession(in, id, h.user) }
	}
	h.alter = func(h *happening, p *people, e map[string]any) {
		if identity := at(e, "detail", "userIdentity"); identity["type"] == "IAMUser" {
			p.identify(identity, h.user)
		}
		detail := at(e, "detail")
		e["region"], detail["awsRegion"], detail["sourceIPAddress"] = in, in, ip+"77"
		at(e, "detail", "responseElements")["sessionId"] = id
	}
}

func (p *planner) connect(h *happening) {
	h.sample, h.user = p.pick("ssh-key-sent", "ssh-key-sent", "ssh-key-sent", "ssh-key-sent-outside-network", "tunnel-opened", "serial-console-key-sent"), p.user()
	h.alter = func(h *happening, p *people, e map[string]any) {
		if identity := at(e, "detail", "userIdentity"); identity["type"] == "IAMUser" {
			p.identify(identity, h.user)
		}
	}
}

func (p *planner) stranger(h *happening) {
	user := fmt.Sprintf("nobody-%d", p.number())
	[]func(*happening){p.attach, p.outsideSignIn, p.compliance, p.expose, p.putInline}[p.random.IntN(5)](h)
	h.user, h.act = user, nil
}

// broken is of a version of CloudTrail's records that nobody knows yet.
func (p *planner) broken(h *happening) {
	h.sample = p.pick("direct-policy-attached", "iam-console-login-mfa", "root-console-login", "ssh-key-sent", "session-started-inside-network")
	h.alter = func(_ *happening, _ *people, e map[string]any) { at(e, "detail")["eventVersion"] = "2.0" }
}

func (p *planner) unmatched(h *happening) {
	h.sample = p.pick("ec2-run-instances", "s3-bucket-created", "mfa-checked", "password-changed", "session-terminated", "direct-policy-attach-denied", "parameter-put")
}

func (p *planner) sweep(control string, when time.Time) {
	h := &happening{at: when, sample: "daily-sweep"}
	rule := p.Schedules[control]
	h.alter = func(_ *happening, _ *people, e map[string]any) { e["resources"] = []any{rule} }
	p.deliver("sweep", h, when.Sub(p.From))
}

// at is the object at the path, nil if there is none.
func at(of map[string]any, path ...string) map[string]any {
	for _, name := range path {
		of, _ = of[name].(map[string]any)
	}
	return of
}

// event is the event of an item as it is delivered, the nth of all.
func (i item) event(n int, p *people) ([]byte, error) {
	h := i.of
	if h.once != nil && !i.copied {
		return h.once, nil // byte for byte
	}
	text, err := p.sample(h.sample)
	if err != nil {
		return nil, err
	}
	if h.once != nil {
		text = h.once
	}
	var e map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&e); err != nil {
		return nil, fmt.Errorf("read sample %s: %w", h.sample, err)
	}
	e["id"], e["time"] = fmt.Sprintf("%s%06d", IDs, n), i.at.UTC().Format(time.RFC3339)
	if detail := at(e, "detail"); h.once == nil {
		if detail["eventTime"] != nil {
			detail["eventTime"] = h.at.UTC().Format(time.RFC3339)
		}
		if detail["eventID"] != nil {
			detail["eventID"] = fmt.Sprintf("%08x-0000-4000-8000-%012x", n, p.seed)
		}
		if h.alter != nil {
			h.alter(h, p, e)
		}
	}
	text, err = json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	if h.once == nil {
		h.once = text
	}
	return text, nil
}

// IDs is what the ids of the envelopes begin with: other events in the account are the consequence of
// what Warder does.
const IDs = "load-"

func sorted[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
