package checkwarder

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	heartbeat = event.Heartbeat
	// lag is how long an event may be under way, to be sure: half a second is usual.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
	lag  = 2 * time.Minute
	look = 5 * time.Second // how often it is looked for
	// lagLocal is lag in the local account.
	lagLocal = 30 * time.Second
)

// beat is the detail of a heartbeat.
type beat struct {
	Sent time.Time `json:"sent"`
}

// hear keeps a heartbeat. The region is the one whose bus the event was put on: EventBridge says so, and whoever may
// put events there can send one only by the way that it is to prove.
func (w watchman) hear(ctx context.Context, r request) error {
	var b beat
	known := r.Region == w.Region || slices.Contains(w.Settings.Own.Regions, r.Region)
	if err := json.Unmarshal(r.Detail, &b); err != nil || !known || b.Sent.IsZero() || b.Sent.After(w.Now().Add(lag)) {
		return nil //nolint:nilerr // it is none of the check's, and proves nothing
	}
	return w.Ledger.KeepHeartbeat(ctx, r.Region, ledger.Heartbeat{Sent: b.Sent, At: w.Now()})
}

// send puts a heartbeat on the bus of the region, where the region's events are, and returns when.
func (c *checker) send(ctx context.Context) (sent time.Time) {
	sent = c.Now().UTC()
	detail, _ := json.Marshal(beat{sent}) // cannot fail: a time
	out, err := c.rules.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: aws.String("default"), // the role names it
		Source:       aws.String(heartbeat), DetailType: aws.String(event.HeartbeatType), Detail: aws.String(string(detail)),
	}}}, func(o *eventbridge.Options) { o.Region = c.region })
	if err != nil || out.FailedEntryCount > 0 {
		c.state.Add(metric.SilentRegions, 1)
		c.differs(
			critical,
			c.region,
			i18n.T("Nothing can be put on the event bus of the region %s: whether its events reach "+
				"Warder is not known.", c.region),
		)
		return time.Time{}
	}
	return sent
}

// arrived checks that the heartbeats which were sent from the regions have arrived in the ledger, and waits for those
// that are under way. A region without a heartbeat is silent, whatever its own alarms say: they travel the same way.
func (w watchman) arrived(ctx context.Context, checkers []*checker, sent []time.Time) (silent []difference) {
	left := int(lag / look)
	if w.Settings.EventClock {
		left = int(lagLocal / look)
	}
	for i, c := range checkers {
		if sent[i].IsZero() {
			continue
		}
		for {
			h, err := w.Ledger.Heartbeat(ctx, c.region)
			if err != nil {
				c.unread(high, settings.TableName, i18n.T("table"), err)
				return silent
			}
			if !h.Sent.Before(sent[i]) {
				break
			}
			if left == 0 {
				s := checker{watchman: w, region: c.region, state: c.state}
				s.silent(h)
				silent = append(silent, s.differences...)
				break
			}
			left--
			w.Sleep(ctx, look)
		}
	}
	if len(checkers) > 0 {
		checkers[0].measured(metric.SilentRegions, 0)
	}
	return silent
}

// silent notes that a heartbeat has not arrived.
func (c *checker) silent(last ledger.Heartbeat) {
	c.state.Add(metric.SilentRegions, 1)
	when := i18n.T("None has ever arrived.")
	if !last.At.IsZero() {
		when = i18n.T("The last one arrived on %s.", i18n.Minute(last.At))
	}
	c.differs(
		critical,
		c.region,
		i18n.Sentences(i18n.T("The heartbeat of the region %s has not arrived: what happens there "+
			"does not reach Warder. Its bus, its rule or its role does not let events through, or the hub's bus does not take "+
			"them.", c.region), when),
	)
}
