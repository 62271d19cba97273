package remediation

import (
	"time"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// stage is when guards are asked: when a finding becomes an entry, and right before the changes are made,
// on each try. What was planned days ago and comes back from a dead-letter queue meets the switch, the
// exemptions and the holds of today.
type stage int

const (
	planning stage = 1 << iota
	applying
)

// fact names something that guards need to know, and that costs a call.
type fact string

const (
	haltSwitch    fact = "halt switch"
	subjectTags   fact = "subject"
	guardState    fact = "guard state"
	recentChanges fact = "recent changes"
	blastShare    fact = "blast radius"
)

// facts are what the guards decide by.
type facts struct {
	stage    stage
	now      time.Time
	control  string
	settings settings.Function
	widens   error             // the changes could widen access
	known    map[fact]error    // what was read; an error says that it cannot be known
	halted   i18n.Message      // why Warder is halted; empty when it is not
	tags     map[string]string // of the subject; nil when it does not exist
	firstKey string            // the access key of the same user that goes in this run
	ledger   ledgerFacts
}

// ledgerFacts are what the ledger knows about the changes.
type ledgerFacts struct {
	key     string // of the finding
	state   ledger.GuardState
	hold    ledger.Hold             // the one that is in force
	current ledger.Case             // of the finding, which may have ended or may not have begun
	recent  [][]ledger.RecentChange // what others than each step did to the same in the last day
	actor   string                  // who made the changes necessary, if the event says so
	within  bool                    // the changes are within the blast radius
}

const day = 24 * time.Hour

// gracePeriod is how long an owner has after a notice was accepted.
func gracePeriod(f settings.Function) time.Duration {
	return time.Duration(f.Days(settings.GraceDays)) * day
}

type answer int

const (
	permit   answer = iota
	hold            // not now: a later run asks again
	suppress        // not at all, while it is so
)

// decision is what becomes of the changes of a finding.
type decision struct {
	answer answer
	why    i18n.Message
	until  time.Time   // when the changes become due, if that is known
	notify notice.Kind // what the owner has to be sent beside
	// guard is the one that stands in the way; status is what it makes of the steps, skipped what it counts.
	guard   guardName
	status  ledger.Status
	skipped metric.Metric
	needs   fact  // what has to be read before anything can be decided
	err     error // why something cannot be known: the changes are held then
}

// decide asks the guards in their order. It reads nothing: it names the fact that it needs next, so that
// what an early guard stops costs no further call, and nothing that is unknown permits anything.
func decide(f Finding, x facts) decision {
	for _, g := range guards {
		if g.stages&x.stage == 0 || f.bypasses(g.name) {
			continue
		}
		for _, needed := range g.reads {
			if err, known := x.known[needed]; !known {
				return decision{answer: hold, guard: g.name, needs: needed}
			} else if err != nil {
				return decision{
					answer: hold, guard: g.name, status: ledger.Held, skipped: metric.SkippedHeld, why: i18n.Error(err), err: err,
				}
			}
		}
		if d := g.assess(f, x); d.answer != permit {
			d.guard, d.status, d.skipped = g.name, g.status, g.skipped
			return d
		}
	}
	return decision{}
}
