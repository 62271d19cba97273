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
	// widens is why the changes could widen access.
	widens error
	// known are the facts that were read. An error says why one cannot be known.
	known map[fact]error
	// halted says why Warder is halted; empty when it is not.
	halted i18n.Message
	// tags are the subject's tags; nil when the subject does not exist.
	tags map[string]string
	// firstKey is the access key of the same user that goes in this run.
	firstKey string
	ledger   ledgerFacts
}

// ledgerFacts are what the ledger knows about the changes.
type ledgerFacts struct {
	key     string // of the finding's case
	state   ledger.GuardState
	hold    ledger.Hold // the one that is in force
	current ledger.Case // of the finding, which may have ended or may not have begun
	// recent are the changes of the last day to what each step changes, other ones than the step's own.
	recent [][]ledger.RecentChange
	// actor is who made the changes necessary, if the event says so.
	actor string
	// withinRadius says that the changes have their share of the blast radius.
	withinRadius bool
}

const day = 24 * time.Hour

// gracePeriod is how long an owner has after a notice was accepted.
func gracePeriod(f settings.Function) time.Duration {
	return time.Duration(f.Days(settings.GraceDays)) * day
}

// answer is what a guard says of the changes of a finding.
type answer int

const (
	permit   answer = iota
	hold            // not now: a later run asks again
	suppress        // not at all, while it is so
)

// assessment is the answer of a guard, and why.
type assessment struct {
	answer answer
	why    i18n.Message
	// until is when the changes become due, if the guard knows.
	until time.Time
	// notify is what the owner has to be sent beside; empty means nothing.
	notify notice.Kind
}

// decision is what becomes of the changes of a finding.
type decision struct {
	assessment
	// guard is the one that stands in the way; empty when none does.
	guard guardName
	// needs is what has to be read before anything can be decided.
	needs fact
	// err is why that could not be read: the changes are held then.
	err error
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
				return decision{guard: g.name, assessment: assessment{answer: hold}, needs: needed}
			} else if err != nil {
				return decision{guard: g.name, assessment: assessment{answer: hold, why: i18n.Error(err)}, err: err}
			}
		}
		if a := g.assess(f, x); a.answer != permit {
			d := decision{guard: g.name, assessment: a}
			if g.name == neverWidens {
				d.err = x.widens
			}
			return d
		}
	}
	return decision{}
}

// status is what the steps become instead of being made; empty when they may be made.
func (d decision) status() ledger.Status {
	switch {
	case d.answer == permit:
		return ""
	case d.guard == neverWidens:
		return ledger.Failed
	case d.guard == mode:
		return ledger.Observed
	case d.answer == hold:
		return ledger.Held
	default:
		return ledger.Skipped
	}
}

// skipped is what is measured when a guard suppresses changes.
func (d decision) skipped() metric.Metric {
	switch d.guard {
	case exempt:
		return metric.SkippedExempt
	case undone:
		return metric.SkippedUndone
	default:
		return metric.SkippedMoot
	}
}
