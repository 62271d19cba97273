// Package event turns the JSON of an EventBridge event into typed values: CloudTrail API calls, console sign-ins and
// service events, AWS Config compliance changes, findings of IAM Access Analyzer, what AWS Health and Amazon GuardDuty
// warn of, and scheduled sweeps.
//
// It is strict about what a type cannot do without and tolerant of everything else: a missing event name is an [Error]
// that names the field, a field that AWS adds tomorrow is ignored, and an event of a type it does not know decodes into
// [Unknown]. Every accessor is safe on an event that lacks the value, because a denied call arrives without parameters
// and an oversized field does not arrive at all.
//
// It never calls AWS, never reads a clock, and never puts the content of an event into an error.
package event

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// Event is one EventBridge event: the envelope, and the detail in its own type.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
type Event struct {
	ID         string // of the envelope; Key is what tells two deliveries of one thing apart from two things
	DetailType string // such as "AWS API Call via CloudTrail"
	Source     string // such as "aws.iam"; nobody but AWS can send one that begins with "aws."
	Account    string // 12 digits
	Region     string
	Resources  []string // ARNs; of a scheduled event, the rule

	// Time is when it happened, in UTC: the envelope's time or, when that is missing or unreadable, the time the detail
	// gives. It is zero when neither can be read. That is never so for a Sweep, which is refused without its time, and
	// never in what EventBridge delivers; a caller that uses Time as its clock still has to look at IsZero.
	Time time.Time

	Detail Detail // never nil after Decode

	digest string // of the CloudTrail record, or of the raw bytes of anything else
}

// Detail is what happened: *[APICall], *[SignIn], *[ServiceEvent], *[Compliance], *[AccessFinding],
// *[ImportedFindings], *[Health], *[Threat], *[PersonLeft], *[Sweep], *[Applied] or *[Unknown].
type Detail interface{ detail() }

// Drilled is the source of events that a drill makes up. Nobody but AWS can send events of the sources that it plays,
// so that it has its own, with AWS's detail: a sign-in, a change of compliance. Whoever may put events on the bus can
// send such an event: it proves nothing, and [Event.Drill] is to be asked before anything is done because of it.
const Drilled = "warder.drill"

// Heartbeat and HeartbeatType are source and detail-type of the events that the daily check puts on the bus of each
// region, and that have to arrive. They start no control.
const (
	Heartbeat     = "warder.heartbeat"
	HeartbeatType = "Warder Heartbeat"
)

// Drill reports whether the event is synthetic.
func (e Event) Drill() bool { return e.Source == Drilled }

// Sweep is the scheduled event that starts a run over the whole account. It carries nothing but its time.
//
// https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-events.html
type Sweep struct {
	Rule string // ARN of the rule whose schedule it is; empty if the event does not say

	// After is the name of the last user that earlier tries of the same sweep dealt with, empty if there are none. No
	// event says so: package remediation adds it.
	After string
}

// Applied says that a person, who is proven, wants a proposal to be applied. No event says so: package remediation
// makes it, and Decode never does.
type Applied struct {
	Subject  string // of the proposal, as its finding named it
	Proposal string // what tells its changes from others
	By       string // who asks for it, in words
}

// Unknown is an event of a type this package has no name for. Fields is its detail, nil if that is not an object.
type Unknown struct{ Fields Fields }

func (*Record) detail()     {}
func (*Compliance) detail() {}
func (*Sweep) detail()      {}
func (*Applied) detail()    {}
func (*Unknown) detail()    {}

// Error says why bytes are not an event: they will not become one, so a retry is of no use. Find it with [errors.As].
type Error struct {
	Field  string // path of the field, such as "detail.eventName"; empty when the bytes are not a JSON object
	Reason string
}

// Error names the field and the reason, never the value.
func (e *Error) Error() string {
	if e.Field == "" {
		return "decode event: " + e.Reason
	}
	return "decode event: " + e.Field + ": " + e.Reason
}

// Decode reads one event. The error is always an *[Error]: the bytes are not a JSON object, or the event is of a known
// type and lacks what that type needs.
//
// The type follows from source and detail-type together, as EventBridge defines it; an event whose source is not AWS's
// own is Unknown whatever it calls itself, but for [Drilled] ones and those of [People]. Names are compared exactly, as
// event patterns do.
func Decode(raw []byte) (Event, error) {
	envelope, err := object(raw)
	if err != nil {
		return Event{}, err
	}
	e := Event{
		ID:         envelope.text("id"),
		DetailType: envelope.text("detail-type"),
		Source:     envelope.text("source"),
		Account:    envelope.text("account"),
		Region:     envelope.text("region"),
		Resources:  envelope.Texts("resources"),
		Time:       envelope.time("time"),
	}
	detail := envelope.Object("detail")
	var happened time.Time
	if e.Detail, happened, err = e.decoder(detail)(detail, e); err != nil {
		return Event{}, err
	}
	if e.Time.IsZero() {
		e.Time = happened
	}
	e.digest = digest(raw)
	if e.Record() != nil {
		// Without the envelope, and in one order of fields, so that it is the same however the record was wrapped.
		canonical, _ := json.Marshal(detail) // it was JSON
		e.digest = digest(canonical)
	}
	return e, nil
}

// Key names the thing that happened, the same for each delivery of it: CloudTrail's eventID, or the eventID of the
// record that this one corrects; of other events the envelope's id, else a digest of the bytes. It is never empty for
// an event that Decode returned.
//
// CloudTrail delivers a duplicate with the same eventID, and a corrected record with a new one and the old one in
// addendum.originalEventID. An addendum for a delayed record or an outage is a first delivery, so it keeps its own.
// CloudTrail's ids are GUIDs. Recordings that were edited by hand share ids such as "1": for these a digest of the
// record is the key, so that one of them is not taken for a second delivery of another.
//
// AWS Health sends copies of a message, and GuardDuty sends a finding again while it goes on: these are known by the
// account with the communicationId or the finding's id, and by what they say; see [Event.Ongoing].
//
// The key of a made-up event is none that an event of AWS can have: it cannot pass for a delivery of one.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
func (e Event) Key() string {
	if e.Drill() {
		return Drilled + ":" + e.key()
	}
	return e.key()
}

// Ongoing reports whether the event says how something is, and not what happened once: the same again, later, is true
// again, whatever was done about it meanwhile.
func (e Event) Ongoing() bool {
	switch e.Detail.(type) {
	case *Health, *Threat, *Applied:
		return !e.Drill()
	}
	return false
}

func (e Event) key() string {
	switch d := e.Detail.(type) {
	case *Health:
		if key := d.key(); key != "" {
			return key
		}
	case *Threat:
		return d.key()
	case *PersonLeft:
		if d.ID != "" {
			return "person-left:" + said(e.Account, d.ID)
		}
	}
	r := e.Record()
	switch {
	case r != nil && r.Addendum.Reason == "UPDATED_DATA" && guid(r.Addendum.OriginalEventID):
		return r.Addendum.OriginalEventID
	case r != nil && guid(r.EventID):
		return r.EventID
	case r == nil && e.ID != "":
		return e.ID
	}
	return e.digest
}

// Record is what CloudTrail recorded, nil when the event is not CloudTrail's.
func (e Event) Record() *Record {
	if d, ok := e.Detail.(interface{ record() *Record }); ok {
		return d.record()
	}
	return nil
}

func (r *Record) record() *Record { return r }

// A decoder reads the detail of an event, and the time that it gives.
type decoder func(detail Fields, e Event) (Detail, time.Time, error)

func sweep(_ Fields, e Event) (Detail, time.Time, error) {
	// Without its time one sweep could not be distinguished from the next: the second day's would be "done already".
	if e.Time.IsZero() {
		return nil, e.Time, &Error{"time", "missing or not a time: a scheduled event is known by its time"}
	}
	s := &Sweep{}
	if len(e.Resources) > 0 {
		s.Rule = e.Resources[0]
	}
	return s, e.Time, nil
}

func unknown(detail Fields, _ Event) (Detail, time.Time, error) {
	return &Unknown{detail}, time.Time{}, nil
}

// decoders are those of what CloudTrail does not record, by source and detail-type.
var decoders = map[[2]string]decoder{
	{"aws.events", "Scheduled Event"}:                                 sweep,
	{"aws.config", "Config Rules Compliance Change"}:                  compliance,
	{Drilled, "Config Rules Compliance Change"}:                       compliance,
	{"aws.access-analyzer", "Access Analyzer Finding"}:                accessFinding,
	{"aws.access-analyzer", "Internal Access Finding"}:                accessFinding,
	{"aws.access-analyzer", "Unused Access Finding for IAM entities"}: accessFinding,
	{"aws.securityhub", "Security Hub Findings - Imported"}:           importedFindings,
	{"aws.health", "AWS Health Event"}:                                health,
	{"aws.health", "AWS Health Abuse Event"}:                          health,
	{"aws.guardduty", "GuardDuty Finding"}:                            threat,
	{People, "Person left"}:                                           personLeft,
}

// records are the decoders of what CloudTrail records, by eventType and, for records without one, by detail-type.
// Insights, network activity, and what comes later have none.
var records = map[string]decoder{
	"AwsApiCall": apiCall, "AwsConsoleAction": apiCall, "AwsConsoleSignIn": signIn, "AwsServiceEvent": serviceEvent,
	"AWS API Call": apiCall, "AWS Console Action": apiCall, "AWS Console Sign In": signIn, "AWS Console Signin": signIn,
	"AWS Service Event": serviceEvent,
}

// decoder returns the decoder of the type that the event is of. For CloudTrail the record's own eventType decides,
// because detail-type has two spellings for sign-ins ("Sign In" in what was recorded, "Signin" in the guide).
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
func (e Event) decoder(detail Fields) decoder {
	if d := decoders[[2]string{e.Source, e.DetailType}]; d != nil {
		return d
	}
	name, recorded := strings.CutSuffix(e.DetailType, " via CloudTrail")
	kind := detail.text("eventType")
	if recorded && e.Drill() && kind == "AwsConsoleSignIn" {
		return signIn
	}
	if d := records[cmp.Or(kind, name)]; d != nil && recorded && strings.HasPrefix(e.Source, "aws.") {
		return d
	}
	return unknown
}

// object reads bytes that must be one JSON object and nothing after it.
func object(raw []byte) (Fields, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var f Fields
	if err := d.Decode(&f); err != nil {
		var kind *json.UnmarshalTypeError
		switch {
		case errors.Is(err, io.EOF):
			return nil, &Error{"", "empty"}
		case errors.As(err, &kind):
			return nil, &Error{"", "not a JSON object but a JSON " + kind.Value}
		}
		// The decoder's own words would quote a byte of the event; where it went wrong is enough to find it.
		return nil, &Error{"", fmt.Sprintf("not JSON: fault at byte %d", d.InputOffset())}
	}
	if f == nil {
		return nil, &Error{"", "not a JSON object but null"}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{"", "more than one JSON value"}
	}
	return f, nil
}

// said is a short digest of what an event says.
func said(what ...any) string {
	text, _ := json.Marshal(what) // texts
	return strings.TrimPrefix(digest(text), "sha256:")[:16]
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// guid reports whether s is a GUID as AWS writes them, such as 37bd1355-17f1-4e7e-8775-1b67b63cefe6.
func guid(s string) bool { return len(s) == 36 && guids().MatchString(s) }

var guids = lazyregexp.New(`^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
