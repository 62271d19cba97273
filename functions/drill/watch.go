package drill

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// scene is one scenario at play: what was seen of it, and when.
type scene struct {
	settings.Drilled
	skip  string // why it is not tried
	fault error  // that of the violation: it was not committed

	from     netip.Addr // that a sign-in comes from
	id       string     // of a sign-in's record
	key      string     // of the control's run
	called   time.Time  // when the violation was committed; zero before
	event    time.Time  // the time that the event bears
	arrived  time.Time  // when it was put into the queue
	began    time.Time  // when the control's function began
	changed  time.Time  // when the change was made, observed or held back
	notified time.Time  // when SNS accepted the notice
	status   ledger.Status
	reason   string    // of the change, or of the run that came to another end
	quiet    bool      // what is held back is notified together with more
	ended    time.Time // when the control was first seen to be done
	done     bool      // nothing more is to come
}

// scene is the scenario of a control, or the reason why it is not tried.
func (p *play) scene(c settings.Drilled) *scene {
	sc := &scene{Drilled: c}
	if c.Off {
		sc.skip = c.Control + " is off"
	}
	if c.Scenario == control.OutsideSignIn {
		networks := p.settings.AllowedNetworks
		at := slices.IndexFunc(outside, func(a netip.Addr) bool {
			return !slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
		})
		switch {
		case len(networks) == 0:
			sc.skip = cmp.Or(sc.skip, "no allowedNetworks are set: there is no outside")
		case at < 0:
			sc.skip = cmp.Or(sc.skip,
				"allowedNetworks contain every address that is kept for documentation: there is no outside")
		default:
			sc.from = outside[at]
		}
	}
	sc.done = sc.skip != ""
	return sc
}

// acts reports whether the control is to change something and to notify somebody: of a key that is new
// there is nothing to say.
func (sc *scene) acts() bool { return sc.Scenario != control.OldKey }

// ready reports whether the violation is to be committed now. A user who is quarantined has one more direct policy, of
// which people would be notified: the sign-in comes when the direct policy is dealt with, or half the time is over.
func (sc *scene) ready(p *play) bool {
	if sc.done || !sc.called.IsZero() {
		return false
	}
	if sc.Scenario != control.OutsideSignIn {
		return true
	}
	half := p.deadline.Add(p.drill.At.Sub(p.deadline) / 2)
	return !p.now().Before(half) || !slices.ContainsFunc(p.scenes, func(other *scene) bool {
		return other.Scenario == control.DirectPolicy && !other.done
	})
}

// begin commits the violation.
func (sc *scene) begin(ctx context.Context, p *play) {
	sc.called = p.now()
	var id string
	switch sc.Scenario {
	case control.DirectPolicy:
		_, err := p.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &p.drill.User, PolicyArn: &p.policy})
		sc.fault = wrap(err, "attach policy %s to %q", p.policy, p.drill.User)
	case control.OldKey:
		id, sc.fault = p.put(ctx, "Config Rules Compliance Change", sc.called, p.oldKey(sc.Rule, sc.called))
		sc.key = event.Drilled + ":" + id
	case control.OutsideSignIn:
		sc.id = guid()
		_, sc.fault = p.put(ctx, "AWS Console Sign In via CloudTrail", sc.called, p.signIn(sc.id, sc.from, sc.called))
		sc.key = event.Drilled + ":" + sc.id
	default:
		sc.fault = fmt.Errorf("there is no scenario %q", sc.Scenario)
	}
	sc.done = sc.fault != nil
}

// guid is a random id as CloudTrail gives its records.
func guid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// settled reports whether nothing more is to come.
func (p *play) settled() bool {
	return !slices.ContainsFunc(p.scenes, func(sc *scene) bool { return !sc.done })
}

// observe sees what has happened since the last time: which events came, and how far the controls are.
func (p *play) observe(ctx context.Context) error {
	if p.settled() {
		return nil
	}
	if err := p.arrivals(ctx); err != nil {
		return err
	}
	for _, sc := range p.scenes {
		if sc.done || sc.called.IsZero() {
			continue
		}
		if err := sc.observe(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// arrivals empties the queue. What is of other drills, or of this one's own cleaning up, is thrown away.
func (p *play) arrivals(ctx context.Context) error {
	for {
		out, err := p.queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &p.settings.Drill, MaxNumberOfMessages: 10, WaitTimeSeconds: 1,
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameSentTimestamp},
		})
		if err != nil {
			return fmt.Errorf("receive from the drill's queue: %w", err)
		}
		for _, message := range out.Messages {
			p.arrived(message)
			seen := &sqs.DeleteMessageInput{QueueUrl: &p.settings.Drill, ReceiptHandle: message.ReceiptHandle}
			if _, err := p.queue.DeleteMessage(ctx, seen); err != nil {
				return fmt.Errorf("delete from the drill's queue: %w", err)
			}
		}
		if len(out.Messages) == 0 || !p.now().Before(p.deadline) {
			return nil
		}
	}
}

// arrived notes an event that came, if it is one of the drill's violations. An event may come twice.
func (p *play) arrived(message sqstypes.Message) {
	e, err := event.Decode([]byte(aws.ToString(message.Body)))
	if err != nil {
		return
	}
	for _, sc := range p.scenes {
		if sc.called.IsZero() || !sc.arrived.IsZero() || !sc.caused(e, p) {
			continue
		}
		sc.key, sc.event, sc.arrived = e.Key(), e.Time, p.now()
		// In milliseconds
		// (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html).
		stamp := message.Attributes[string(sqstypes.MessageSystemAttributeNameSentTimestamp)]
		if sent, err := strconv.ParseInt(stamp, 10, 64); err == nil {
			sc.arrived = time.UnixMilli(sent)
		}
	}
}

// caused reports whether the event is that of the scene's violation.
func (sc *scene) caused(e event.Event, p *play) bool {
	if sc.Scenario != control.DirectPolicy {
		return e.Drill() && e.Key() == sc.key
	}
	call, ok := e.Detail.(*event.APICall)
	if !ok || call.Name != "AttachUserPolicy" || call.Failed() {
		return false
	}
	user, _ := call.User()
	policy, _ := call.Param("policyArn")
	return user == p.drill.User && policy == p.policy
}

// straggler is how long an event is waited for whose control has been started by it.
const straggler = 30 * time.Second

// observe reads in the ledger how far the control has come with the event.
func (sc *scene) observe(ctx context.Context, p *play) error {
	if sc.key == "" {
		// The event is not known. What the ledger has about the user names it.
		entries, _, err := p.ledger.About(ctx, cmp.Or(p.drill.UserID, p.drill.User), p.drill.At)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(entries, func(e ledger.Entry) bool { return e.Control == sc.Control })
		if at < 0 {
			return nil
		}
		sc.key = entries[at].Run
	}
	run, found, err := p.ledger.Run(ctx, sc.Control, sc.key)
	if err != nil || !found {
		return err
	}
	sc.began = run.At
	for _, id := range run.Entries {
		entry, found, err := p.ledger.Entry(ctx, id)
		if err != nil {
			return err
		}
		if found {
			sc.read(entry, p)
		}
	}
	if !run.Done {
		return nil
	}
	if sc.status == "" {
		sc.reason = run.Reason
	}
	sc.quiet = sc.notified.IsZero()
	// A run that is done changes nothing and notifies nobody any more; only the queue is still waited for.
	if sc.ended.IsZero() {
		sc.ended = p.now()
	}
	sc.done = !sc.arrived.IsZero() || p.now().Sub(sc.ended) >= straggler
	return nil
}

// read notes the change that answers the violation, and the notice about it.
func (sc *scene) read(entry ledger.Entry, p *play) {
	at := slices.IndexFunc(entry.Steps, func(s ledger.Step) bool {
		if s.Subject != p.drill.User {
			return false
		}
		if sc.Scenario == control.DirectPolicy {
			return s.Target == p.policy
		}
		return s.Kind == change.Quarantine || s.Kind == change.QuarantineGroup
	})
	if at < 0 {
		return
	}
	step := entry.Steps[at]
	sc.status, sc.reason = step.Status, step.Reason
	switch step.Status {
	case ledger.Verified, ledger.Observed, ledger.Held:
		sc.changed = step.At
	}
	for _, sent := range entry.Notifications {
		if sent.Kind != notice.Failure && (sc.notified.IsZero() || sent.At.Before(sc.notified)) {
			sc.notified = sent.At
		}
	}
}

// result describes what came of the scene.
func (sc *scene) result(now time.Time) drill.Scenario {
	result := drill.Scenario{Name: string(sc.Scenario), Control: sc.Control, Outcome: drill.Failed}
	switch {
	case sc.skip != "":
		result.Outcome, result.Reason = drill.Skipped, sc.skip
		return result
	case sc.fault != nil:
		result.Reason = "the violation was not committed: " + notice.Redact(sc.fault.Error())
		return result
	case sc.called.IsZero():
		result.Reason = "the drill did not come so far"
		return result
	}
	result.Hops, result.Did = sc.hops(), sc.did()
	at := slices.IndexFunc(result.Hops, func(h drill.Hop) bool { return !h.Seen })
	switch {
	case at >= 0:
		hop, waited := result.Hops[at], now.Sub(sc.called).Round(time.Second)
		result.Reason = fmt.Sprintf("no %s within %s: %s", hop.Name, waited, hop.Note)
	case sc.status == ledger.Held:
		result.Outcome, result.Reason = drill.Held, sc.reason
	default:
		result.Outcome = drill.Passed
	}
	return result
}

// did describes what the control did, empty as long as it did nothing.
func (sc *scene) did() string {
	switch {
	case sc.began.IsZero():
		return ""
	case sc.status == ledger.Verified:
		return "changed"
	case sc.status == ledger.Observed:
		return "would change"
	case sc.status != "":
		return string(sc.status)
	case !sc.acts():
		return "looked, nothing to do"
	}
	return "looked"
}

// hops are the steps of the way, as far as they are known.
func (sc *scene) hops() []drill.Hop {
	var hops []drill.Hop
	last := sc.called
	hop := func(name string, at time.Time, missing string) {
		h := drill.Hop{Name: name, Note: missing}
		if !at.IsZero() {
			h.Seen, h.Note, h.Total, h.Seconds = true, "", seconds(at.Sub(sc.called)), seconds(at.Sub(last))
			if at.After(last) {
				last = at
			}
			if name == drill.Change && sc.status != ledger.Verified {
				h.Note = sc.did()
			}
		}
		hops = append(hops, h)
	}
	missing := "the drill's queue got no event: are the stack's rules of the drill enabled?"
	if sc.Scenario == control.DirectPolicy && sc.began.IsZero() {
		missing = "the drill's queue got no event of the call: does a trail of CloudTrail log management events (make " +
			"doctor)?"
	}
	hop(drill.Event, sc.event, missing)
	hop(drill.Rule, sc.arrived, "the same")
	hop(drill.Function, sc.began, "nothing is known of a run of "+sc.Control+
		": is its rule enabled and its function there (make doctor), and what is in the queue Undelivered?")
	if sc.acts() {
		log := settings.LogGroupName(sc.Control)
		hop(drill.Change, sc.changed,
			cmp.Or(sc.reason, "the function found nothing to change, or did not finish: its log is "+log))
		if sc.status != ledger.Held || !sc.quiet {
			hop(drill.Notice, sc.notified, "SNS did not accept a notice: the function's log is "+log)
		}
	}
	return hops
}

// seconds are those of a duration, to the millisecond; none of one that is negative, because the time of
// an event has whole seconds.
func seconds(d time.Duration) float64 {
	return max(0, d.Round(time.Millisecond).Seconds())
}

// outside are addresses that nobody has: those of documentation, RFC 5737 and 3849.
var outside = []netip.Addr{
	netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("203.0.113.1"),
	netip.MustParseAddr("2001:db8::1"),
}

// put puts one event on the bus, with the detail as AWS sends it, and returns the id that it got. The
// role may put events of no other source; events:source may have several values, so that the condition
// is about all of them, and that there are some.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
func (p *play) put(ctx context.Context, kind string, at time.Time, detail map[string]any) (id string, err error) {
	text, err := json.Marshal(detail)
	if err != nil {
		return "", fmt.Errorf("encode event: %w", err)
	}
	out, err := p.bus.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: &p.settings.Bus, Source: aws.String(event.Drilled), DetailType: &kind, Detail: aws.String(string(text)),
		Time: &at,
	}}})
	if err == nil && len(out.Entries) != 1 {
		err = errors.New("no answer about the event")
	}
	if err == nil && aws.ToString(out.Entries[0].ErrorCode) != "" {
		err = fmt.Errorf("%s: %s", *out.Entries[0].ErrorCode, aws.ToString(out.Entries[0].ErrorMessage))
	}
	if err != nil {
		return "", fmt.Errorf("put an event on the bus %s: %w", p.settings.Bus, err)
	}
	return aws.ToString(out.Entries[0].EventId), nil
}

// oldKey is the event of AWS Config that the user has an access key that is too old.
// https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html
func (p *play) oldKey(rule string, at time.Time) map[string]any {
	stamp := at.UTC().Format("2006-01-02T15:04:05.000Z")
	return map[string]any{
		"resourceId": p.drill.UserID, "resourceType": "AWS::IAM::User", "awsRegion": p.region,
		"awsAccountId":   p.settings.Account,
		"configRuleName": rule,
		"configRuleARN": "arn:" + p.partition + ":config:" + p.region + ":" + p.settings.Account +
			":config-rule/config-rule-" + p.drill.ID,
		"recordVersion": "1.0", "messageType": "ComplianceChangeNotification", "notificationCreationTime": stamp,
		"newEvaluationResult": map[string]any{
			"evaluationResultIdentifier": map[string]any{
				"evaluationResultQualifier": map[string]any{
					"configRuleName": rule, "resourceType": "AWS::IAM::User", "resourceId": p.drill.UserID,
					"evaluationMode": "DETECTIVE",
				},
				"orderingTimestamp": stamp,
			},
			"complianceType": "NON_COMPLIANT", "resultRecordedTime": stamp, "configRuleInvokedTime": stamp,
		},
	}
}

// signIn is the event of a console sign-in of the user that succeeded.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
func (p *play) signIn(id string, from netip.Addr, at time.Time) map[string]any {
	return map[string]any{
		"eventVersion": "1.11", "eventType": "AwsConsoleSignIn", "eventCategory": "Management", "managementEvent": true,
		"readOnly":    false,
		"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "eventTime": at.UTC().Format(time.RFC3339),
		"eventID":   id,
		"awsRegion": p.region, "recipientAccountId": p.settings.Account, "sourceIPAddress": from.String(),
		"userAgent": "warder-drill",
		"userIdentity": map[string]any{
			"type": "IAMUser", "principalId": p.drill.UserID, "accountId": p.settings.Account, "userName": p.drill.User,
			"arn": "arn:" + p.partition + ":iam::" + p.settings.Account + ":user" + drill.Path + p.drill.User,
		},
		"requestParameters": nil, "responseElements": map[string]any{"ConsoleLogin": "Success"},
		"additionalEventData": map[string]any{
			"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "No",
		},
	}
}
