package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// What the company has beside its people.
const (
	number  = moto.AccountID
	topic   = "arn:aws:sns:us-east-1:" + number + ":warder"
	own     = "arn:aws:iam::" + number + ":policy"
	managed = "arn:aws:iam::aws:policy/"
	member  = "444455556666" // an account of the organization

	boundary    = own + "/limit" // as infra/local/tour.json has it
	quarantines = own + change.QuarantinePath
	mfaLock     = quarantines + change.MFALock
	readers     = "readers" // the group that carries what policyGroups moves
	buckets     = 8
	rotate      = "warder:rotate" // the tag that asks for rotation
	inside      = "203.0.113."    // the network of the company
	outside     = "198.51.100."
)

// A right is one thing that a policy can allow. There are few, so that what somebody may do is a set that can be
// compared: access is verified by these tables and not by the code that is verified.
type right uint16

const (
	readObjects right = 1 << iota
	writeObjects
	readBills
	changePassword
	administer
	everything = 1<<iota - 1
)

// A rule is what a policy allows and denies.
type rule struct{ allows, denies right }

// policies are those of the account, by ARN, with their documents.
var policies = map[string]struct {
	rule
	document string
}{
	managed + "AdministratorAccess":        {rule{allows: everything}, allow("*")},
	managed + "AmazonS3ReadOnlyAccess":     {rule{allows: readObjects}, allow("s3:Get*")},
	managed + "AmazonS3FullAccess":         {rule{allows: readObjects | writeObjects}, allow("s3:*")},
	managed + "IAMUserChangePassword":      {rule{allows: changePassword}, allow("iam:ChangePassword")},
	own + "/billing":                       {rule{allows: readBills}, allow("aws-portal:*")},
	own + "/no-bills":                      {rule{denies: readBills}, deny("aws-portal:*")},
	boundary:                               {rule{allows: everything &^ administer}, allow("s3:*")},
	quarantines + change.KeyQuarantine:     {rule{denies: everything}, quarantine.KeyDocument()},
	quarantines + change.OutsideQuarantine: {rule{denies: everything}, deny("*")},
	mfaLock: {
		rule{},
		quarantine.MFADocument(),
	}, // of what is done with keys it denies nothing
}

var inline = map[string]rule{
	allow("s3:Get*"):      {allows: readObjects},
	allow("aws-portal:*"): {allows: readBills},
	deny("s3:Put*"):       {denies: writeObjects},
}

func allow(action string) string { return document("Allow", action) }
func deny(action string) string  { return document("Deny", action) }

func document(effect, action string) string {
	const form = `{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":%q,"Resource":"*"}]}`
	return fmt.Sprintf(form, effect, action)
}

// groups are those of the account. Users are in the first two.
var groups = map[string]*fakeaws.Group{
	"developers": {Attached: []string{managed + "AmazonS3FullAccess"}},
	"finance":    {Attached: []string{own + "/billing"}},
	readers:      {Attached: []string{managed + "AmazonS3ReadOnlyAccess"}},

	change.KeyQuarantine:     {Attached: []string{quarantines + change.KeyQuarantine}},
	change.OutsideQuarantine: {Attached: []string{quarantines + change.OutsideQuarantine}},
	change.MFALock:           {Attached: []string{mfaLock}},
}

// direct are the policies that people attach to users, and given those that Warder leaves alone: one that denies,
// and the one that lets users change their password.
var (
	direct = []string{
		managed + "AdministratorAccess", managed + "AmazonS3ReadOnlyAccess", managed + "AmazonS3FullAccess", own + "/billing",
	}
	given = []string{own + "/no-bills", managed + "IAMUserChangePassword"}
)

func access(u *fakeaws.User) right {
	if u == nil {
		return 0
	}
	var r rule
	add := func(more rule) { r.allows |= more.allows; r.denies |= more.denies }
	for _, policy := range u.Attached {
		add(policies[policy].rule)
	}
	for _, document := range u.Inline {
		add(inline[string(document)])
	}
	for _, name := range u.Groups {
		for _, policy := range groups[name].Attached {
			add(policies[policy].rule)
		}
	}
	if u.Boundary != "" {
		r.allows &= policies[u.Boundary].allows
	}
	return r.allows &^ r.denies
}

// choices are the settings of one company.
type choices struct {
	grace, hold, blast   int
	maxAge, maxUnused    int
	deleteAfter          int
	boundary, moveAccess bool
	observed             map[string]bool // controls that only observe
	eventClock           bool
	language             settings.Language
}

// usual are the settings of a company that takes the defaults.
func usual(blast int) choices {
	return choices{
		grace: 7, hold: 7, blast: blast, maxAge: 90, maxUnused: 90, boundary: true, eventClock: true,
		language: settings.English,
	}
}

func choose(r *rand.Rand) choices {
	c := choices{
		grace: pick(r, 7, 7, 3, 14), hold: pick(r, 7, 7, 14), blast: pick(r, 10, 25, 5), maxAge: pick(r, 90, 90, 60),
		maxUnused: pick(r, 90, 90, 45), deleteAfter: pick(r, 0, 30, 60), boundary: r.IntN(4) > 0, moveAccess: r.IntN(2) > 0,
		language: pick(r, settings.English, settings.English, settings.English, settings.Korean), observed: map[string]bool{},
	}
	for _, id := range deployment.IDs() {
		c.observed[id] = r.IntN(12) == 0
	}
	return c
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// parameters are what differs from the defaults of a control's parameters.
func (c choices) parameters(id string) map[string]any {
	all := map[string]map[string]any{
		"deactivate-stale-access-key": {
			"maxAgeDays": c.maxAge, "graceDays": c.grace, "deleteAfterDays": c.deleteAfter,
		},
		"deactivate-unused-access-key": {
			"maxUnusedDays": c.maxUnused, "graceDays": c.grace, "deleteAfterDays": c.deleteAfter,
		},
		"rotate-access-key":            {"maxAgeDays": c.maxAge},
		"detach-direct-policy":         {"graceDays": c.grace},
		"require-permissions-boundary": {"graceDays": c.grace},
		"require-mfa":                  {"graceDays": c.grace},
		"deactivate-old-credential":    {"graceDays": c.grace},
		"delete-root-access-key":       {"accounts": []string{member}, "delete": true, "graceDays": c.grace},
	}
	if c.moveAccess {
		all["detach-direct-policy"]["policyGroups"] = map[string]string{managed + "AmazonS3ReadOnlyAccess": readers}
	}
	if c.boundary {
		all["require-permissions-boundary"]["boundary"] = boundary
	}
	return all[id]
}

// function are the settings of the function of a control.
func (c choices) function(of control.Control) settings.Function {
	parameters := map[string]any{}
	for name, p := range of.Parameters {
		parameters[name] = p.Default
	}
	maps.Copy(parameters, c.parameters(of.ID))
	mode := control.Enforce
	if c.observed[of.ID] {
		mode = control.Observe
	}
	return settings.Function{
		Mode: mode, Parameters: object(parameters), AllowedNetworks: []netip.Prefix{netip.MustParsePrefix(inside + "0/24")},
		Owners:      settings.Owners{Tags: []string{"owner"}, Default: "security@example.com"},
		BlastRadius: c.blast, HoldDays: c.hold, Runbooks: "https://example.com/", Language: c.language, Table: "warder",
		LedgerKey: "arn:aws:kms:us-east-1:111122223333:key/1",
		Topic:     topic, Account: number, Roles: []string{"warder-self"},
		EventClock: c.eventClock,
		Quarantine: settings.Quarantine{
			Key: quarantines + change.KeyQuarantine, Outside: quarantines + change.OutsideQuarantine,
		},
	}
}

// founded is the account on the first day: people who came in the two years before, with keys of any age, and some
// of the disorder that Warder is for.
func founded(r *rand.Rand, people int, begin time.Time) fakeaws.State {
	state := fakeaws.State{
		ID: number, Users: map[string]*fakeaws.User{}, Policies: map[string]fakeaws.Document{},
		Groups: maps.Clone(groups), Buckets: map[string]*fakeaws.Bucket{}, Sessions: map[string]*fakeaws.Session{},
		Nodes: map[string]*fakeaws.Node{},
		Members: map[string]*fakeaws.Member{member: {Keys: []fakeaws.Key{
			{ID: "AKIAROOTOFAMEMBER001", Status: change.Active, Created: begin.AddDate(-5, 0, 0)},
		}}},
		Summary: map[string]int32{"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0},
	}
	for arn, policy := range policies {
		state.Policies[arn] = fakeaws.Document(policy.document)
	}
	for i := range buckets {
		state.Buckets[bucket(i)] = &fakeaws.Bucket{Region: "us-east-1"}
	}
	for i := range people {
		created := begin.AddDate(0, 0, -r.IntN(700)).Add(-time.Duration(r.IntN(24)) * time.Hour)
		u := &fakeaws.User{
			ID: fmt.Sprintf("AIDA%03dX%013d", i, created.Unix()), Path: pick(r, "/", "/", "/team/data/"),
			Created: created.Truncate(time.Second), Tags: map[string]string{"owner": person(i) + "@example.com"},
			Groups: []string{pick(r, "developers", "developers", "finance")}, Boundary: boundary,
		}
		if r.IntN(3) == 0 {
			u.Password = &fakeaws.Password{Created: u.Created}
			if i%4 > 0 {
				u.MFA = []string{device}
			}
		}
		for k := range pick(r, 0, 1, 1, 1, 2, 2) {
			age := time.Duration(r.Int64N(int64(begin.Sub(created))))
			u.Keys = append(u.Keys, fakeaws.Key{
				ID:      fmt.Sprintf("AKIA%03dX%012d", i, k),
				Status:  pick(r, change.Active, change.Active, change.Active, change.Inactive),
				Created: begin.Add(-age).Truncate(time.Second),
			})
		}
		if r.IntN(10) == 0 {
			u.Attached = append(u.Attached, pick(r, direct...))
		}
		if r.IntN(12) == 0 {
			u.Attached = append(u.Attached, pick(r, given...))
		}
		if r.IntN(20) == 0 {
			u.Inline = map[string]fakeaws.Document{"extra": fakeaws.Document(allow("s3:Get*"))}
		}
		if r.IntN(5) == 0 {
			u.Boundary = ""
		}
		if r.IntN(15) == 0 {
			u.Tags[rotate] = "yes"
		}
		state.Users[person(i)] = u
	}
	return state
}

func exemptionUntil(until time.Time, from, reason string) string {
	return fmt.Sprintf("%s until %s by kim@example.com for %s", from, until.Format(time.DateOnly), reason)
}

// exempt reports whether a tag of the user exempts it: all words of the form, and not over.
func exempt(u *fakeaws.User, id string, now time.Time) bool {
	if u == nil {
		return false
	}
	var from, until, by, reason string
	n, _ := fmt.Sscanf(u.Tags[exemption.Tag], "%s until %s by %s for %s", &from, &until, &by, &reason)
	end, err := time.Parse(time.DateOnly, until)
	today := now.UTC().Truncate(24 * time.Hour)
	return n == 4 && err == nil && (from == "all" || from == id) && !today.After(end) && end.Sub(today) <= 180*24*time.Hour
}

func person(i int) string { return fmt.Sprintf("user-%03d", i) }

// device is the serial number of everybody's MFA device.
const device = "GAHT00000001"

func bucket(i int) string { return fmt.Sprintf("acme-data-%d", i) }

func object(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data
	}
	return text
}

// thing is one thing in the account that has a value, in the terms of package change. A quarantine is a managed
// policy here, and the group of a quarantine a group: which of both it is does not show.
type thing struct{ kind, subject, target string }

func (t thing) String() string { return fmt.Sprintf("%s %s of %s", t.kind, t.target, t.subject) }

func compare(a, b thing) int {
	return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.kind, b.kind), cmp.Compare(a.target, b.target))
}

func thingOf(c change.Change) thing {
	switch c.Kind {
	case change.MFALift:
		if change.IsQuarantine(c.Target) {
			return thing{change.ManagedUserPolicy, c.Subject, c.Target}
		}
		return thing{change.GroupMembership, c.Subject, c.Target}
	case change.Quarantine:
		return thing{change.ManagedUserPolicy, c.Subject, c.Target}
	case change.QuarantineGroup:
		return thing{change.GroupMembership, c.Subject, c.Target}
	case change.AccessKeyDeletion:
		return thing{change.AccessKeyStatus, c.Subject, c.Target}
	case change.Session: // its id says whose it is
		return thing{change.Session, "", c.Target}
	}
	return thing{c.Kind, c.Subject, c.Target}
}

type facts map[thing]string

// factsOf are all things of an account that can be changed here.
func factsOf(s fakeaws.State) facts {
	all := facts{}
	for name, u := range s.Users {
		maps.Copy(all, userFacts(name, u))
	}
	for name, b := range s.Buckets {
		if value := blockOf(b); value != "" {
			all[thing{change.BucketPublicAccess, name, b.Region}] = value
		}
	}
	for id, session := range s.Sessions {
		if session.Status == types.SessionStatusTerminated {
			continue
		}
		all[thing{change.Session, "", change.SessionTarget(session.Region, id)}] = change.Connected
	}
	return all
}

// userFacts are what is so about a user; nothing of one who does not exist.
func userFacts(name string, u *fakeaws.User) facts {
	all := facts{}
	if u == nil {
		return all
	}
	for _, key := range u.Keys {
		all[thing{change.AccessKeyStatus, name, key.ID}] = key.Status
	}
	for _, policy := range u.Attached {
		all[thing{change.ManagedUserPolicy, name, policy}] = change.Attached
	}
	for policy, document := range u.Inline {
		all[thing{change.InlineUserPolicy, name, policy}] = string(document)
	}
	for _, group := range u.Groups {
		all[thing{change.GroupMembership, name, group}] = change.Member
	}
	if u.Boundary != "" {
		all[thing{change.PermissionsBoundary, name, name}] = u.Boundary
	}
	return all
}

func blockOf(b *fakeaws.Bucket) string {
	if b == nil || b.Block == nil {
		return ""
	}
	return change.Block(b.Block)
}

func differences(a, b facts) []thing {
	differ := map[thing]bool{}
	for t, value := range a {
		differ[t] = b[t] != value
	}
	for t, value := range b {
		differ[t] = a[t] != value
	}
	maps.DeleteFunc(differ, func(_ thing, differs bool) bool { return !differs })
	return slices.SortedFunc(maps.Keys(differ), compare)
}

// short is a value in a message: of a document its first words.
func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
