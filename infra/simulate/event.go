package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// ids is what the ids of events begin with: other events in an account are the consequence of what Warder does.
const ids = "sim-"

// event is an event of EventBridge.
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
