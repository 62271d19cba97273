package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// occurrence is one thing that somebody or something does. All of them are drawn before the first day, and none depends
// on what came before: what is not possible on its day comes to nothing. So a company can be played again without some
// of them, see shrink.
type occurrence struct {
	id   int
	at   time.Time
	what string
	who  int
	seed uint64
}

// actor is who does it: a user who is there, or not.
type actor struct {
	id   int // of the occurrence
	name string
	user *fakeaws.User
	r    *rand.Rand
	// prompt says that what is done shows at once.
	prompt bool
}

// Whose behaviour it is.
const (
	ofCompany = iota // the company's
	ofPresent        // a user's who is there
	ofAnyone         // a user's who may have left
)

// behaviour is what a user does, or what happens to the company.
type behaviour struct {
	what    string
	perYear float64 // how often in months: of a user, or of the company
	share   int     // how often under load, in a thousand
	whose   int
	do      func(c *company, a actor)
}

var behaviours = []behaviour{
	{"makes a key", 1.2, 50, ofPresent, (*company).makesKey},
	{"deletes a key", 0.5, 5, ofPresent, func(c *company, a actor) {
		if key, ok := a.key(); ok {
			c.does(a, thing{change.AccessKeyStatus, a.name, key.ID}, "")
		}
	}},
	{"switches a key", 1, 5, ofPresent, func(c *company, a actor) {
		if key, ok := a.key(); ok {
			c.does(a, thing{change.AccessKeyStatus, a.name, key.ID}, switched[key.Status])
		}
	}},
	{"goes on holiday", 1.5, 0, ofAnyone, func(c *company, a actor) {
		c.away[a.name] = c.now.AddDate(0, 0, pick(a.r, 14, 30, 120))
		c.note(a.name, "%s is away until %s", a.name, c.away[a.name].Format(time.DateOnly))
	}},
	{"gets a policy", 1, 90, ofPresent, (*company).getsPolicy},
	{"gets a policy, and AWS Config reports it too", 0, 20, ofAnyone, func(c *company, a actor) {
		if a.user != nil {
			c.getsPolicy(a)
		}
		c.sends(a, c.event("user-policies-noncompliant", a.name, a.user, thing{}, nil))
	}},
	{"loses a policy", 0.3, 3, ofPresent, func(c *company, a actor) {
		ours := func(policy string) bool { return !strings.HasPrefix(policy, quarantines) }
		if i := slices.IndexFunc(a.user.Attached, ours); i >= 0 {
			c.does(a, thing{change.ManagedUserPolicy, a.name, a.user.Attached[i]}, "")
		}
	}},
	{"gets an inline policy", 0.4, 45, ofPresent, func(c *company, a actor) {
		t := thing{change.InlineUserPolicy, a.name, pick(a.r, "extra", "more")}
		document := pick(a.r, allow("s3:Get*"), allow("aws-portal:*"), deny("s3:Put*"))
		if string(a.user.Inline[t.target]) != document {
			c.does(a, t, document)
		}
	}},
	{"moves to another group", 0.3, 5, ofPresent, func(c *company, a actor) {
		t, value := thing{change.GroupMembership, a.name, pick(a.r, "developers", "finance")}, change.Member
		if slices.Contains(a.user.Groups, t.target) {
			value = ""
		}
		c.does(a, t, value)
	}},
	{"is exempted", 0.4, 5, ofPresent, func(c *company, a actor) {
		from := pick(a.r, append(deployment.IDs(), exemption.All, exemption.All, exemption.All)...)
		tag := exemptionUntil(c.now.AddDate(0, 0, 1+a.r.IntN(200)), from, "a batch job") // some reach too far
		if a.r.IntN(5) == 0 {
			tag = pick(a.r, "yes", "all", from+" until next year by kim for a reason", from+" by kim for ever")
		}
		c.does(a, thing{tagged, a.name, exemption.Tag}, tag)
	}},
	{"is no longer exempted", 0.2, 2, ofPresent, func(c *company, a actor) {
		if a.user.Tags[exemption.Tag] != "" {
			c.does(a, thing{tagged, a.name, exemption.Tag}, "")
		}
	}},
	{"asks for rotation", 0.1, 0, ofPresent, func(c *company, a actor) { c.set(thing{tagged, a.name, rotate}, "yes") }},
	{"sets MFA up", 3, 0, ofPresent, func(c *company, a actor) {
		if a.user.Password != nil && len(a.user.MFA) == 0 {
			c.account.SignsIn(a.name, func(u *fakeaws.User) { u.MFA = []string{device} })
			c.sends(a, c.event("mfa-enabled", a.name, a.user, thing{}, nil))
		}
	}},
	{"loses MFA", 0.5, 0, ofPresent, func(c *company, a actor) {
		if a.user.Password != nil && len(a.user.MFA) > 0 {
			c.account.SignsIn(a.name, func(u *fakeaws.User) { u.MFA = nil })
			c.sends(a, c.event("mfa-deactivated", a.name, a.user, thing{}, nil))
		}
	}},
	{"joins", 0.12, 20, ofAnyone, (*company).joins},
	{"leaves", 0.12, 12, ofPresent, func(c *company, a actor) {
		c.note(a.name, "%s leaves", a.name)
		c.deleteUser(a.name)
		c.sends(a, c.event("user-deleted", a.name, a.user, thing{}, nil))
	}},
	{"signs in", 2, 190, ofPresent, acts("iam-console-login-mfa", "iam-console-login-mfa", "iam-console-login-no-mfa",
		"iam-console-login-failed", "sso-console-login", "role-console-login", "saml-console-login")},
	{"signs in from outside", 0.06, 30, ofAnyone, (*company).signsInFromOutside},
	{"leaks a key", 0.06, 30, ofAnyone, (*company).leaksKey},
	{"leaks a key, and two services report it", 0, 10, ofAnyone, func(c *company, a actor) {
		c.leaksKey(a)
		c.leaksKey(a)
	}},
	{"loses the boundary", 0.3, 15, ofPresent, func(c *company, a actor) {
		if a.user.Boundary != "" {
			c.does(a, thing{change.PermissionsBoundary, a.name, a.name}, "")
		}
	}},
	{"starts a session", 0.2, 60, ofPresent, (*company).startsSession},
	{"connects to a machine", 0.2, 50, ofPresent, acts("ssh-key-sent", "ssh-key-sent", "ssh-key-sent",
		"ssh-key-sent-outside-network", "tunnel-opened", "serial-console-key-sent")},
	{"is reported by AWS Config", 2, 90, ofAnyone, (*company).isReported},

	{"a bucket becomes public", 8, 25, ofCompany, func(c *company, a actor) {
		t := thing{change.BucketPublicAccess, bucket(a.r.IntN(buckets)), deployment.Region}
		c.note(t.subject, "%s becomes public", t.subject)
		c.set(t, change.Block(&s3.PublicAccessBlock{}))
		c.sends(a, c.event("bucket-became-public", t.subject, nil, thing{subject: t.subject}, details{
			"detail.id":       fmt.Sprintf("%08d-2222-4000-8000-%012d", c.events, c.seed),
			"detail.resource": "arn:aws:s3:::" + t.subject,
		}))
	}},
	{"the root user is at work", 2, 30, ofCompany, happens(nil, "root-console-login", "root-console-login-no-mfa",
		"root-billing-viewed", "root-bucket-policy-deleted", "root-payment-method-changed")},
	{"a policy changes", 6, 130, ofCompany, func(c *company, a actor) {
		a.name = person(a.r.IntN(100))
		happens(nil, "policy-created", "policy-version-created-admin", "group-policy-attached", "role-created",
			"trust-policy-changed", "mfa-deactivated", "login-profile-created", "group-inline-policy-put", "cloudtrail-stopped",
			"admin-policy-attached-to-role", "oidc-provider-created", "warder-rule-disabled")(c, a)
	}},
	{"other access from outside is found", 6, 25, ofCompany, func(c *company, a actor) {
		d := details{"detail.id": fmt.Sprintf("%08d-3333-4000-8000-%012d", c.events, c.seed)}
		happens(d, "role-open-to-other-account", "key-open-to-everybody", "role-permissions-unused")(c, a)
	}},
	{"an event is about a user who never was", 0, 25, ofCompany, func(c *company, a actor) {
		a.name = fmt.Sprintf("nobody-%d", a.id)
		pick(a.r, (*company).signsInFromOutside, (*company).isReported, (*company).leaksKey, func(c *company, a actor) {
			c.sends(a, c.changed(thing{change.ManagedUserPolicy, a.name, direct[0]}, change.Attached, nil))
		})(c, a)
	}},
	{"an event cannot be decoded", 0, 18, ofCompany, happens(details{"detail.eventVersion": "2.0"},
		"direct-policy-attached", "iam-console-login-mfa", "root-console-login", "ssh-key-sent",
		"session-started-inside-network")},
	{"an event is of no rule", 0, 50, ofCompany, happens(nil, "ec2-run-instances", "s3-bucket-created", "mfa-checked",
		"password-changed", "session-terminated", "direct-policy-attach-denied", "parameter-put")},
}

// happens sends one of the samples, about the user if there is one.
func happens(d details, samples ...string) func(*company, actor) {
	return func(c *company, a actor) { c.sends(a, c.event(pick(a.r, samples...), a.name, a.user, thing{}, d)) }
}

// acts sends one of the samples as the user's act, who is quarantined if it comes from outside.
func acts(samples ...string) func(*company, actor) {
	return func(c *company, a actor) { c.signs(a, pick(a.r, samples...), nil) }
}

// behaves reports whether an occurrence is what people do, and not what befalls Warder.
func behaves(o occurrence) bool {
	return slices.ContainsFunc(behaviours, func(b behaviour) bool { return b.what == o.what })
}

func (c *company) occurs(o occurrence) {
	b := behaviours[slices.IndexFunc(behaviours, func(b behaviour) bool { return b.what == o.what })]
	a := actor{id: o.id, r: rand.New(rand.NewPCG(o.seed, uint64(o.id)))}
	if b.whose != ofCompany {
		a.name = person(o.who)
		a.user = c.user(a.name)
	}
	c.count(o.what)
	if b.whose != ofPresent || a.user != nil {
		b.do(c, a)
	}
}

func (c *company) sends(a actor, e event) { c.deliver(e, deliveryOf(a.r)) }

// does changes a thing of a user and reports it with an event. One act in twenty takes effect some seconds after its
// event: IAM is eventually consistent (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html).
func (c *company) does(a actor, t thing, value string) {
	c.note(t.subject, "%s: %s %s is %q", t.subject, t.kind, t.target, short(value))
	e, o := c.changed(t, value, a.user), deliveryOf(a.r)
	if c.slow != nil && !a.prompt && a.r.IntN(20) == 0 {
		c.count("effects delayed")
		o.late = 0
		c.slow(c.now.Add(4*time.Second), func() { c.set(t, value) })
	} else {
		c.set(t, value)
	}
	c.deliver(e, o)
}

func (c *company) makesKey(a actor) {
	if len(a.user.Keys) == 2 {
		return
	}
	if key := c.createKey(a.name); key != "" {
		c.note(a.name, "%s makes key %s", a.name, key)
		c.sends(a, c.event("access-key-created", a.name, a.user, thing{}, details{
			"detail.responseElements.accessKey.userName": a.name, "detail.responseElements.accessKey.accessKeyId": key,
		}))
	}
}

func (a actor) key() (k fakeaws.Key, ok bool) {
	if a.user == nil || len(a.user.Keys) == 0 {
		return k, false
	}
	return pick(a.r, a.user.Keys...), true
}

var switched = map[string]string{change.Active: change.Inactive, change.Inactive: change.Active}

func (c *company) getsPolicy(a actor) {
	policy := pick(a.r, direct...)
	if a.r.IntN(10) == 0 {
		policy = pick(a.r, given...)
	}
	if !slices.Contains(a.user.Attached, policy) {
		c.does(a, thing{change.ManagedUserPolicy, a.name, policy}, change.Attached)
	}
}

func (c *company) joins(a actor) {
	name := person(1000 + a.id)
	limit := pick(a.r, "", boundary)
	u := c.createUser(name, limit)
	if u == nil {
		return
	}
	c.note(name, "%s joins", name)
	fresh := thing{}
	if limit == "" {
		fresh = thing{change.PermissionsBoundary, name, name}
	}
	owner := []any{map[string]any{"key": "owner", "value": name + "@example.com"}}
	d := details{
		"detail.requestParameters.tags": owner, "detail.responseElements.user.tags": owner,
		"detail.responseElements.user.userName": name, "detail.responseElements.user.userId": u.ID,
		"detail.responseElements.user.arn": "arn:aws:iam::" + number + ":user/" + name,
	}
	if limit != "" {
		d["detail.requestParameters.permissionsBoundary"] = limit
	}
	c.sends(a, c.event("user-created", name, u, fresh, d))
}

// signs has an event say that the user did something. If that came from outside, the user is quarantined.
func (c *company) signs(a actor, sample string, d details) {
	quarantined := thing{change.ManagedUserPolicy, a.name, quarantines + change.OutsideQuarantine}
	c.sends(a, c.event(sample, a.name, a.user, quarantined, d).by(a.name, a.user))
}

func (c *company) signsInFromOutside(a actor) {
	c.note(a.name, "%s signs in from outside", a.name)
	from := details{"detail.sourceIPAddress": fmt.Sprint(outside, 1+a.r.IntN(250))}
	c.signs(a, "iam-console-login-outside-network", from)
}

// leaksKey has AWS Health or GuardDuty report an access key that is known to others.
func (c *company) leaksKey(a actor) {
	key, ok := a.key()
	switch {
	case ok:
	case a.user != nil:
		return
	default:
		key.ID = "AKIANOBODYHASTHISKEY"
	}
	c.note(a.name, "key %s of %s is found in public", key.ID, a.name)
	id := fmt.Sprintf("%016x%016x", c.seed, c.events)
	if a.r.IntN(2) == 0 {
		c.sends(a, c.event("access-key-leaked", a.name, a.user, thing{subject: a.name}, details{
			"resources": []any{key.ID}, "detail.communicationId": id + "-1",
			"detail.eventArn":         "arn:aws:health:us-east-1::event/RISK/AWS_RISK_CREDENTIALS_EXPOSED/" + id,
			"detail.affectedEntities": []any{map[string]any{"entityValue": key.ID, "status": "IMPAIRED"}},
		}))
		return
	}
	principal := ""
	if a.user != nil {
		principal = a.user.ID
	}
	const of = "detail.resource.accessKeyDetails."
	c.sends(a, c.event("access-key-misused", a.name, a.user, thing{subject: a.name}, details{
		"detail.id": id, "detail.arn": "arn:aws:guardduty:us-east-1:" + number + ":detector/c6b5f0e1/finding/" + id,
		of + "accessKeyId": key.ID, of + "userName": a.name, of + "principalId": principal,
	}))
}

func (c *company) startsSession(a actor) {
	sample := pick(a.r, "session-started-inside-network", "session-started-outside-network")
	region := pick(a.r, "us-east-1", "ap-northeast-2")
	id := fmt.Sprintf("%s-%017d", a.name, a.id)
	if sample == "session-started-outside-network" {
		c.note(a.name, "%s starts a session from outside", a.name)
		c.acted(&thing{change.Session, "", change.SessionTarget(region, id)}, change.Connected, func() error {
			return c.account.StartSession(c.ctx, region, id, "arn:aws:iam::"+number+":user"+a.user.Path+a.name)
		})
	}
	c.sends(a, c.event(sample, a.name, a.user, thing{subject: a.name}, details{
		"region": region, "detail.awsRegion": region, "detail.responseElements.sessionId": id,
	}).by(a.name, a.user))
}

func (c *company) isReported(a actor) {
	happens(nil, "access-keys-rotated-noncompliant", "access-keys-rotated-noncompliant",
		"unused-credentials-noncompliant", "user-policies-noncompliant", "user-policies-compliant")(c, a)
}

// drawn draws what happens in so many days: of everything as often as it happens in a year.
func drawn(seed uint64, days, users int, begin time.Time) []occurrence {
	var all []occurrence
	r := rand.New(rand.NewPCG(seed, 1))
	each := func(what string, perYear float64, whole bool, n int) {
		first := 0
		if whole {
			first, n = -1, 0
		}
		for who := first; who < n; who++ {
			for times := poisson(r, perYear*float64(days)/365); times > 0; times-- {
				at := begin.Add(time.Duration(r.IntN(days*24*60*60)) * time.Second)
				all = append(all, occurrence{what: what, who: who, at: at, seed: r.Uint64()})
			}
		}
	}
	for _, b := range behaviours {
		each(b.what, b.perYear, b.whose == ofCompany, users)
	}
	for _, t := range troubles {
		each(t.what, t.perYear, t.whole, len(deployment.IDs()))
	}
	return numbered(all)
}

// numbered are occurrences in the order of their times.
func numbered(all []occurrence) []occurrence {
	slices.SortStableFunc(all, func(a, b occurrence) int { return a.at.Compare(b.at) })
	for i := range all {
		all[i].id = i
	}
	return all
}

// poisson draws how often something happens that does so mean times on average.
func poisson(r *rand.Rand, mean float64) (n int) {
	for left := mean; ; n++ {
		if left -= r.ExpFloat64(); left < 0 {
			return n
		}
	}
}

// ids is what the ids of events begin with: other events in an account are the consequence of what Warder does.
const ids = "sim-"

type event struct {
	id     string
	name   string
	fields map[string]any
	// about is the user that it is about. fresh is what it says was done just now: of one without a kind,
	// everything about its subject is urgent.
	about string
	fresh thing
}

// encode is the event as it is delivered, under an id and with a time.
func (e event) encode(id string, at time.Time) []byte {
	e.fields["id"], e.fields["time"] = id, at.UTC().Format(time.RFC3339)
	return object(e.fields)
}

// details are what differs from the sample, by path.
type details map[string]any

// event is the event of a sample, as if it happened now: about a user, u if it is there.
func (c *company) event(sample, about string, u *fakeaws.User, fresh thing, d details) event {
	text, ok := c.texts[sample]
	if !ok {
		read, err := fs.ReadFile(c.samples, sample+".json")
		c.fail(err)
		text = []byte(strings.ReplaceAll(string(read), "111122223333", number))
		c.texts[sample] = text
	}
	var fields map[string]any
	c.fail(json.Unmarshal(text, &fields))
	c.events++
	e := event{id: fmt.Sprintf("%s%08d-%d", ids, c.events, c.seed), name: sample, fields: fields, about: about,
		fresh: fresh}
	e.replace("detail.eventTime", c.now.UTC().Format(time.RFC3339))
	e.replace("detail.eventID", fmt.Sprintf("%08x-0000-4000-8000-%012x", c.events, c.seed))
	if about != "" {
		e.replace("detail.requestParameters.userName", about)
	}
	if u != nil {
		e.replace("detail.resourceId", u.ID)
		for _, result := range []string{"newEvaluationResult", "oldEvaluationResult"} {
			e.replace("detail."+result+".evaluationResultIdentifier.evaluationResultQualifier.resourceId", u.ID)
		}
	}
	for path, value := range d {
		if within, name := e.parent(path); within != nil {
			within[name] = value
		}
	}
	return e
}

// parent is the object that a path ends in, nil if there is none, and the last name of the path.
func (e event) parent(path string) (within map[string]any, name string) {
	names := strings.Split(path, ".")
	within = e.fields
	for _, name := range names[:len(names)-1] {
		within, _ = within[name].(map[string]any)
	}
	return within, names[len(names)-1]
}

// replace sets what the sample has at a path, if it has it.
func (e event) replace(path string, value any) {
	if within, name := e.parent(path); within[name] != nil {
		within[name] = value
	}
}

// by is the event made one of what the user did.
func (e event) by(name string, u *fakeaws.User) event {
	within, _ := e.parent("detail.userIdentity.type")
	if within["type"] != "IAMUser" {
		return e
	}
	path := "/"
	if u != nil {
		path, within["principalId"] = u.Path, u.ID
	}
	within["userName"], within["arn"] = name, "arn:aws:iam::"+number+":user"+path+name
	return e
}

// reports say how a thing of a user is reported that gets a value or loses it: by which samples, of which fresh says
// what was done just now, and in which parameters the thing and its value are.
var reports = map[string]struct{ put, gone, fresh, target, value string }{
	change.ManagedUserPolicy: {
		put: "direct-policy-attached", gone: "direct-policy-detached", fresh: "direct-policy-attached", target: "policyArn",
	},
	change.InlineUserPolicy: {
		put: "inline-policy-put", gone: "inline-policy-deleted", fresh: "inline-policy-put", target: "policyName",
		value: "policyDocument",
	},
	change.AccessKeyStatus: {
		put: "access-key-activated", gone: "access-key-deleted", target: "accessKeyId", value: "status",
	},
	change.GroupMembership: {put: "user-added-to-group", gone: "user-added-to-group", target: "groupName"},
	change.PermissionsBoundary: {
		put: "boundary-put", gone: "boundary-removed", fresh: "boundary-removed", value: "permissionsBoundary",
	},
	tagged: {put: "exemption-tag-set", gone: "exemption-tag-removed"},
}

// changed is the event that says that a thing of a user got a value.
func (c *company) changed(t thing, value string, u *fakeaws.User) event {
	const parameters = "detail.requestParameters."
	by, d, fresh := reports[t.kind], details{}, thing{}
	sample := by.put
	if by.target != "" {
		d[parameters+by.target] = t.target
	}
	switch {
	case value == "":
		sample = by.gone
	case by.value != "":
		d[parameters+by.value] = value
	case t.kind == tagged:
		d[parameters+"tags"] = []any{map[string]any{"key": t.target, "value": value}}
	}
	if sample == by.fresh {
		fresh = t
	}
	e := c.event(sample, t.subject, u, fresh, d)
	if t.kind == change.GroupMembership && value == "" {
		e.replace("detail.eventName", "RemoveUserFromGroup")
	}
	return e
}

// outcome is what becomes of an event on its way.
type outcome struct {
	lost  bool
	late  time.Duration
	twice bool
	again time.Duration // how much later it comes the second time
	other bool          // the second time it has another envelope
}

func deliveryOf(r *rand.Rand) outcome {
	o := outcome{late: time.Duration(r.IntN(90)) * time.Second}
	switch r.IntN(25) {
	case 0:
		o.lost = true
	case 1, 2:
		o.twice, o.again, o.other = true, time.Duration(r.IntN(3)*r.IntN(3600))*time.Second, r.IntN(3) == 0
	case 3:
		o.late = 24*time.Hour + time.Duration(r.IntN(3600))*time.Second
	case 4, 5:
		o.late += time.Duration(r.IntN(30)) * time.Minute
	}
	return o
}
