package functions

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/operation"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// unheard are the techniques that nothing reports, and why.
var unheard = map[string]string{
	"credential-access.ec2-get-password-data":                 "reads only; every call of it was refused",
	"credential-access.secretsmanager-batch-retrieve-secrets": "reads only: whoever may read a secret reads it daily",
	"credential-access.secretsmanager-retrieve-secrets":       "reads only: whoever may read a secret reads it daily",
	"credential-access.ssm-retrieve-securestring-parameters":  "reads only: whoever may read a parameter reads it daily",
	"defense-evasion.organizations-leave":                     "the call was refused, and changed nothing",
	"discovery.ec2-download-user-data":                        "reads only; every call of it was refused",
	"execution.ec2-launch-unusual-instances":                  "machines and what they cost; the call was refused",
	"impact.bedrock-invoke-model":                             "models and what they cost, not who may do what",
}

// technique is what was made of one that was recorded.
type technique struct {
	name     string
	controls []string // that report it
	severity string   // the worst
	acting   []string // that undo it or keep the attacker from going on, in enforce
	later    bool     // a call of it is not reported yet
}

// techniques are those of testdata/techniques, played in an account that is as the calls left it.
func techniques(t *testing.T) (all []technique) {
	t.Helper()
	for _, file := range jsonFiles(t, "testdata/techniques") {
		played := technique{name: strings.TrimSuffix(filepath.Base(file), ".json")}
		calls := records(t, file)
		w := newWorld(t, left(t, calls), control.Enforce)
		for _, call := range calls {
			played.later = played.later || unreported(t, call)
			for _, a := range w.send(t, call) {
				if a.err != nil {
					t.Errorf("%s: %s: %v", played.name, a.Control, a.err)
				}
				for _, m := range a.notices {
					if !slices.Contains(played.controls, a.Control) {
						played.controls = append(played.controls, a.Control)
					}
					played.severity = severest(m.Severity, played.severity)
				}
				if a.Outcome == remediation.Changed && !slices.Contains(played.acting, a.Control) {
					played.acting = append(played.acting, a.Control)
				}
			}
		}
		slices.Sort(played.controls)
		slices.Sort(played.acting)
		all = append(all, played)
	}
	return all
}

// left is an account as calls left it: the users that made them and were made, what was attached, the sessions.
func left(t *testing.T, calls []json.RawMessage) fakeaws.State {
	t.Helper()
	state := fakeaws.State{
		Users: map[string]*fakeaws.User{}, Sessions: map[string]*fakeaws.Session{}, Trails: map[string]*fakeaws.Trail{},
		Shares: map[string]*fakeaws.Share{},
		Policies: map[string]fakeaws.Document{
			administrator:                            fakeaws.Document(policyOf("*", "*")),
			boundaryARN:                              fakeaws.Document(policyOf("*", "s3:*")),
			"arn:aws:iam::aws:policy/ReadOnlyAccess": fakeaws.Document(policyOf("*", "s3:Get*", "s3:List*")),
			"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3": fakeaws.Document(strings.ReplaceAll(
				policyOf("*", "iam:*"), "Allow", "Deny")),
		},
	}
	user := func(name, id string) *fakeaws.User {
		if state.Users[name] == nil {
			state.Users[name] = &fakeaws.User{ID: fakeaws.UniqueID(name)}
		}
		if id != "" {
			state.Users[name].ID = id
		}
		return state.Users[name]
	}
	for _, data := range calls {
		wrapped, err := eventfile.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		e, err := event.Decode(wrapped.JSON)
		if err != nil {
			t.Fatal(err)
		}
		record := e.Record()
		if record == nil {
			continue
		}
		if who := record.Identity; who.Kind() == event.IAMUser && who.UserName != "" {
			user(who.UserName, who.PrincipalID)
		}
		c, ok := e.Detail.(*event.APICall)
		if !ok || c.Failed() {
			continue
		}
		if c.Source == "cloudtrail.amazonaws.com" {
			leaveTrail(t, &state, c)
		}
		leaveShare(&state, c)
		if name, ok := c.User(); ok {
			id, _ := c.Response.Text("user", "userId")
			user(name, id)
			if policy, ok := c.Param("policyArn"); ok && c.Name == "AttachUserPolicy" {
				user(name, "").Attached = append(user(name, "").Attached, policy)
			}
			if document, ok := c.Param("policyDocument"); ok && c.Name == "PutUserPolicy" {
				inline, _ := c.Param("policyName")
				user(name, "").Inline = map[string]fakeaws.Document{inline: fakeaws.Document(document)}
			}
		}
		if id, ok := c.Response.Text("sessionId"); ok && c.Name == "StartSession" {
			target, _ := c.Param("target")
			state.Sessions[id] = &fakeaws.Session{Region: c.Region, Owner: c.Identity.ARN, Target: target}
		}
	}
	return state
}

// leaveTrail leaves the trail of a call as it is after that: there is none after DeleteTrail.
func leaveTrail(t *testing.T, state *fakeaws.State, c *event.APICall) {
	t.Helper()
	name, _ := c.Param("name")
	if named, ok := c.Param("trailName"); ok {
		name = named
	}
	arn := "arn:aws:cloudtrail:" + c.Region + ":" + homeAccount + ":trail/" + change.TrailName(name)
	trail := &fakeaws.Trail{Logging: c.Name != "StopLogging"}
	if c.Name == "PutEventSelectors" {
		text, err := json.Marshal(c.Request)
		if err != nil {
			t.Fatal(err)
		}
		selectors, err := change.ParseSelectors(string(text))
		if err != nil {
			t.Fatal(err)
		}
		trail.Selectors = &selectors
	}
	if state.Trails[arn] = trail; c.Name == "DeleteTrail" {
		delete(state.Trails, arn)
	}
}

// leaveShare leaves the snapshot or image of a call shared with whom the call added.
func leaveShare(state *fakeaws.State, c *event.APICall) {
	call := map[string]struct{ kind, name, permission string }{
		"ModifySnapshotAttribute":   {change.SnapshotShare, "snapshotId", "createVolumePermission"},
		"ModifyImageAttribute":      {change.ImageShare, "imageId", "launchPermission"},
		"ModifyDBSnapshotAttribute": {change.DBSnapshotShare, "dBSnapshotIdentifier", ""},
	}[c.Name]
	if call.kind == "" {
		return
	}
	name, _ := c.Param(call.name)
	share := &fakeaws.Share{With: c.Request.Texts("valuesToAdd"), Made: "2026-11-01T03:00:00.120Z"}
	for _, item := range c.Request.Objects(call.permission, "add", "items") {
		for _, who := range []string{"userId", "group"} {
			if with, ok := item.Text(who); ok {
				share.With = append(share.With, with)
			}
		}
	}
	state.Shares[call.kind+"/"+c.Region+"/"+name] = share
}

// unreported reports whether the table of operations has the call of a record as one that is not reported yet.
func unreported(t *testing.T, data []byte) bool {
	t.Helper()
	var call struct{ EventSource, EventName string }
	if err := json.Unmarshal(data, &call); err != nil {
		t.Fatal(err)
	}
	o, ok := operation.Find(call.EventSource, version.ReplaceAllString(call.EventName, ""))
	return ok && o.Control != operation.None && !slices.Contains(deployment.IDs(), o.Control)
}

// version is what the names of Lambda's operations end with in CloudTrail.
var version = regexp.MustCompile(`20\d{6}(v\d+)?$`)

// techniquesTable is the table of docs/coverage.md, made from what the controls do about the records.
func techniquesTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	heard, acted := 0, 0
	all := techniques(t)
	var rows strings.Builder
	for _, one := range all {
		reason, silent := unheard[one.name]
		if len(one.controls) == 0 && one.later && !silent {
			reason, silent = "not yet", true
		}
		switch {
		case len(one.controls) == 0 && !silent:
			t.Errorf("%s is not reported: say why, or report it", one.name)
		case len(one.controls) > 0 && silent:
			t.Errorf("%s is reported by %s: take it out of those that are not", one.name, one.controls)
		}
		by, severity, acting := links(one.controls), one.severity, links(one.acting)
		if len(one.controls) > 0 {
			heard++
		} else {
			by, severity, acting = "nobody: "+reason, operation.None, operation.None
		}
		if len(one.acting) > 0 {
			acted++
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s |\n", one.name, by, severity, acting)
	}
	fmt.Fprintf(&b, `
## Techniques

%d attack techniques, as [stratus-red-team](https://github.com/DataDog/stratus-red-team) recorded them, played against
the controls in enforce, with one allowed network: %d are reported, %d are acted on. The records are in
[functions/testdata/techniques](../functions/testdata/techniques/README.md).

| technique | reported by | severity | acted on by |
|---|---|---|---|
%s`, len(all), heard, acted, rows.String())
	return b.String()
}

// links are controls as links to their runbooks; the sign for none if there are none.
func links(ids []string) string {
	if len(ids) == 0 {
		return operation.None
	}
	var all []string
	for _, id := range ids {
		all = append(all, fmt.Sprintf("[%s](../functions/%[1]s/README.md)", id))
	}
	return strings.Join(all, ", ")
}

// The numbers of techniques that are reported and acted on may rise.
const leastHeard, leastActed = 25, 9

func TestTechniques(t *testing.T) {
	heard, acted := 0, 0
	for _, one := range techniques(t) {
		t.Logf("%s: %s %s, acted on by %s", one.name, one.severity, one.controls, one.acting)
		if len(one.controls) > 0 {
			heard++
		}
		if len(one.acting) > 0 {
			acted++
		}
	}
	t.Logf("%d heard, %d acted on", heard, acted)
	if heard < leastHeard || acted < leastActed {
		t.Errorf("%d techniques are reported and %d acted on, want %d and %d", heard, acted, leastHeard, leastActed)
	}
}
