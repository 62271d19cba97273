package change

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/i18n"
)

// The kinds of what a region has to detect and to record with. The value is empty if it has none of it. A change widens
// if less is detected or recorded after it. Packages guardduty, securityhub, ec2 and route53resolver read and make such
// changes.
const (
	// Detector is the one detector of GuardDuty in a region, whatever its id: the subject and the target are the region,
	// the value is JSON, see [Detection].
	Detector = "GuardDuty detector"
	// Hub is Security Hub in a region: the subject and the target are the region, the value is JSON, see [Standards]. It
	// is empty as well if Security Hub checks nothing.
	Hub = "Security Hub"
	// FlowLog is a flow log: the subject is the VPC, or what else it is of, the target as that of a share, with where it
	// delivers to and which traffic. The value is JSON of all its settings.
	FlowLog = "flow log"
	// QueryLog is a VPC whose DNS queries are logged: the subject is the VPC, the target as that of a share, with where
	// the log is. The value is the name of the configuration.
	QueryLog = "DNS query log"
)

// Detection is what a detector does.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_GetDetector.html
type Detection struct {
	Enabled   bool   `json:"enabled"` // not suspended
	Frequency string `json:"frequency,omitempty"`
	// Features are those that can be switched, and what else can be within them, as in
	// "RUNTIME_MONITORING/EKS_ADDON_MANAGEMENT".
	Features map[string]bool `json:"features,omitempty"`
}

// The two ways to watch what runs, of which a detector has one at a time: the newer one has the older within it.
// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty-features-activation-model.html
const (
	runtimes    = "RUNTIME_MONITORING"
	eksRuntimes = "EKS_RUNTIME_MONITORING"
)

// Text is the detection as a value, one text for the same.
func (d Detection) Text() string {
	left := eksRuntimes
	newer, both := d.Features[runtimes]
	older, known := d.Features[eksRuntimes]
	if older && !newer {
		left = runtimes
	}
	if both && known {
		d.Features = maps.Clone(d.Features)
		maps.DeleteFunc(d.Features, func(name string, _ bool) bool {
			return name == left || strings.HasPrefix(name, left+"/")
		})
	}
	return encoded(d)
}

// ParseDetection is the inverse of Text; the empty value is nothing that detects.
func ParseDetection(value string) (d Detection, err error) { return d, decode(value, &d) }

// Or is what detects all that either does.
func (d Detection) Or(o Detection) Detection {
	all := Detection{
		Enabled: d.Enabled || o.Enabled, Frequency: cmp.Or(d.Frequency, o.Frequency), Features: maps.Clone(d.Features),
	}
	for name, on := range o.Features {
		if all.Features == nil {
			all.Features = map[string]bool{}
		}
		all.Features[name] = all.Features[name] || on
	}
	return all
}

// Lost are the features that o has on and d has not.
func (d Detection) Lost(o Detection) (lost []string) {
	for _, name := range slices.Sorted(maps.Keys(o.Features)) {
		if o.Features[name] && !d.Features[name] {
			lost = append(lost, name)
		}
	}
	return lost
}

// Standards are the ARNs of the standards that Security Hub checks.
type Standards struct {
	Standards []string `json:"standards,omitempty"`
}

// Text is the standards as a value.
func (s Standards) Text() string { return encoded(s) }

// ParseStandards is the inverse of Text; the empty value has none.
func ParseStandards(value string) (s Standards, err error) { return s, decode(value, &s) }

// Or are the standards of both.
func (s Standards) Or(o Standards) Standards {
	all := slices.Concat(s.Standards, o.Standards)
	slices.Sort(all)
	return Standards{slices.Compact(all)}
}

// Without are the standards that o does not have.
func (s Standards) Without(o Standards) (left []string) {
	for _, name := range s.Standards {
		if !slices.Contains(o.Standards, name) {
			left = append(left, name)
		}
	}
	return left
}

func encoded(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts and bools
	}
	return string(text)
}

func decode(value string, into any) error {
	if value == "" {
		return nil
	}
	return json.Unmarshal([]byte(value), into)
}

// Detectors describes the changes of [Detector].
type Detectors struct{ reversible }

// Name implements [Kind].
func (Detectors) Name() string { return Detector }

// Widens implements [Kind].
func (Detectors) Widens(c Change, _ []Change) bool {
	before, err := ParseDetection(c.Before)
	after, fault := ParseDetection(c.After)
	return err != nil || fault != nil || c.After == "" || before.Enabled && !after.Enabled || len(after.Lost(before)) > 0
}

// Describe implements [Kind].
func (Detectors) Describe(c Change, done bool) i18n.Message {
	return either(c.After != "", done,
		i18n.T("restored what GuardDuty detects in %s", c.Target), i18n.T("restore what GuardDuty detects in %s", c.Target),
		i18n.T("deleted the GuardDuty detector in %s", c.Target), i18n.T("delete the GuardDuty detector in %s", c.Target))
}

// Hubs describes the changes of [Hub].
type Hubs struct{ reversible }

// Name implements [Kind].
func (Hubs) Name() string { return Hub }

// Widens implements [Kind].
func (Hubs) Widens(c Change, _ []Change) bool {
	before, err := ParseStandards(c.Before)
	after, fault := ParseStandards(c.After)
	return err != nil || fault != nil || c.After == "" || len(before.Without(after)) > 0
}

// Describe implements [Kind].
func (Hubs) Describe(c Change, done bool) i18n.Message {
	return either(c.After != "", done,
		i18n.T("restored Security Hub in %s", c.Target), i18n.T("restore Security Hub in %s", c.Target),
		i18n.T("switched off Security Hub in %s", c.Target), i18n.T("switch off Security Hub in %s", c.Target))
}

// FlowLogs describes the changes of [FlowLog].
type FlowLogs struct{ reversible }

// Name implements [Kind].
func (FlowLogs) Name() string { return FlowLog }

// Widens implements [Kind].
func (FlowLogs) Widens(c Change, _ []Change) bool { return c.After == "" }

// Describe implements [Kind].
func (FlowLogs) Describe(c Change, done bool) i18n.Message {
	region, _, _ := c.Share()
	return either(c.After != "", done,
		i18n.T("created the flow log of %s in %s again", c.Subject, region),
		i18n.T("create the flow log of %s in %s again", c.Subject, region),
		i18n.T("deleted the flow log of %s in %s", c.Subject, region),
		i18n.T("delete the flow log of %s in %s", c.Subject, region))
}

// QueryLogs describes the changes of [QueryLog].
type QueryLogs struct{ reversible }

// Name implements [Kind].
func (QueryLogs) Name() string { return QueryLog }

// Widens implements [Kind].
func (QueryLogs) Widens(c Change, _ []Change) bool { return c.After == "" }

// Describe implements [Kind].
func (QueryLogs) Describe(c Change, done bool) i18n.Message {
	region, _, _ := c.Share()
	return either(c.After != "", done,
		i18n.T("started to log the DNS queries of %s in %s again", c.Subject, region),
		i18n.T("log the DNS queries of %s in %s again", c.Subject, region),
		i18n.T("stopped logging the DNS queries of %s in %s", c.Subject, region),
		i18n.T("stop logging the DNS queries of %s in %s", c.Subject, region))
}
