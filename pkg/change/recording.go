package change

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/i18n"
)

// The kinds of what records: the values of the first and the last are [On] and [Off]. A change of one of them lets
// nobody do anything; it widens if less is recorded after it. Packages cloudtrail and config read and make such
// changes.
const (
	// TrailLogging starts and stops a trail. The subject of a trail's changes is its name, the target its ARN.
	TrailLogging = "trail logging"
	// TrailSelectors sets which events a trail records: the value is JSON, see [Selectors].
	TrailSelectors = "trail event selectors"
	// TrailScope sets how far a trail reaches: the value is JSON, see [Scope].
	TrailScope = "trail scope"
	// Recorder starts and stops a configuration recorder of AWS Config: the subject is its name, the target its region.
	Recorder = "configuration recorder"
)

// The values of what records or does not.
const (
	On  = "on"
	Off = "off"
)

// Trails describes the changes of [TrailLogging].
type Trails struct{ reversible }

// Name implements [Kind].
func (Trails) Name() string { return TrailLogging }

// Widens implements [Kind].
func (Trails) Widens(c Change, _ []Change) bool { return c.After != On }

// Describe implements [Kind].
func (Trails) Describe(c Change, done bool) i18n.Message {
	return either(c.After == On, done,
		i18n.T("started logging of trail %s", c.Subject), i18n.T("start logging of trail %s", c.Subject),
		i18n.T("stopped logging of trail %s", c.Subject), i18n.T("stop logging of trail %s", c.Subject))
}

// Recorders describes the changes of [Recorder].
type Recorders struct{ reversible }

// Name implements [Kind].
func (Recorders) Name() string { return Recorder }

// Widens implements [Kind].
func (Recorders) Widens(c Change, _ []Change) bool { return c.After != On }

// Describe implements [Kind].
func (Recorders) Describe(c Change, done bool) i18n.Message {
	return either(c.After == On, done,
		i18n.T("started configuration recorder %s in %s", c.Subject, c.Target),
		i18n.T("start configuration recorder %s in %s", c.Subject, c.Target),
		i18n.T("stopped configuration recorder %s in %s", c.Subject, c.Target),
		i18n.T("stop configuration recorder %s in %s", c.Subject, c.Target))
}

// Scope is how far a trail reaches.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Trail.html
type Scope struct {
	GlobalEvents bool `json:"globalEvents"` // IAM, STS and sign-ins
	AllRegions   bool `json:"allRegions"`
	Validation   bool `json:"validation"` // its files can be proven to be unchanged
}

// Text is the scope as a value.
func (s Scope) Text() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // three bools
	}
	return string(text)
}

// ParseScope is the inverse of Text.
func ParseScope(value string) (s Scope, err error) { return s, json.Unmarshal([]byte(value), &s) }

// Or is the scope that reaches as far as both.
func (s Scope) Or(o Scope) Scope {
	return Scope{s.GlobalEvents || o.GlobalEvents, s.AllRegions || o.AllRegions, s.Validation || o.Validation}
}

// TrailScopes describes the changes of [TrailScope].
type TrailScopes struct{ reversible }

// Name implements [Kind].
func (TrailScopes) Name() string { return TrailScope }

// Widens implements [Kind].
func (TrailScopes) Widens(c Change, _ []Change) bool {
	before, err := ParseScope(c.Before)
	after, fault := ParseScope(c.After)
	return err != nil || fault != nil || after.Or(before) != after
}

// Describe implements [Kind].
func (TrailScopes) Describe(c Change, done bool) i18n.Message {
	return pick(done, i18n.T("restored how far trail %s reaches", c.Subject),
		i18n.T("restore how far trail %s reaches", c.Subject))
}

// Selectors are which events a trail records: it has the one kind of selectors or the other.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html
type Selectors struct {
	EventSelectors         []EventSelector    `json:",omitempty"`
	AdvancedEventSelectors []AdvancedSelector `json:",omitempty"`
}

// EventSelector is a basic selector.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html
type EventSelector struct {
	ReadWriteType                 string         `json:",omitempty"` // All if empty
	IncludeManagementEvents       *bool          `json:",omitempty"` // true if nil
	DataResources                 []DataResource `json:",omitempty"`
	ExcludeManagementEventSources []string       `json:",omitempty"`
}

// DataResource is what a basic selector records data events of.
type DataResource struct {
	Type   string
	Values []string
}

// AdvancedSelector is an advanced selector: all its fields must match.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedEventSelector.html
type AdvancedSelector struct {
	Name           string `json:",omitempty"`
	FieldSelectors []FieldSelector
}

// FieldSelector selects by one field.
type FieldSelector struct {
	Field         string
	Equals        []string `json:",omitempty"`
	StartsWith    []string `json:",omitempty"`
	EndsWith      []string `json:",omitempty"`
	NotEquals     []string `json:",omitempty"`
	NotStartsWith []string `json:",omitempty"`
	NotEndsWith   []string `json:",omitempty"`
}

// Text is the selectors as a value, one text for the same selectors: what AWS takes for what is not said is said. Those
// of a trail that has none are AWS's own, which record all management events.
func (s Selectors) Text() string {
	switch {
	case len(s.EventSelectors) > 0:
		s.AdvancedEventSelectors = nil
	case len(s.AdvancedEventSelectors) == 0:
		s.EventSelectors = make([]EventSelector, 1)
	}
	s.EventSelectors = slices.Clone(s.EventSelectors)
	for i := range s.EventSelectors {
		e := &s.EventSelectors[i]
		e.ReadWriteType = cmp.Or(e.ReadWriteType, "All")
		e.IncludeManagementEvents = cmp.Or(e.IncludeManagementEvents, new(true))
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // texts and bools
	}
	return string(text)
}

// ParseSelectors is the inverse of Text.
func ParseSelectors(value string) (s Selectors, err error) {
	return s, json.Unmarshal([]byte(value), &s)
}

// Management is the part of the management events that a trail records: those that change something, and those that
// read. The values of both are 0 for none, 1 for those of some services, 2 for all.
type Management struct{ Writes, Reads int }

// Management is what the selectors record of management events.
func (s Selectors) Management() (m Management) {
	add := func(writes, reads bool, amount int) {
		if writes {
			m.Writes = max(m.Writes, amount)
		}
		if reads {
			m.Reads = max(m.Reads, amount)
		}
	}
	for _, e := range s.EventSelectors {
		if e.IncludeManagementEvents == nil || *e.IncludeManagementEvents {
			amount := 2
			if !OnlyNoise(e.ExcludeManagementEventSources) {
				amount = 1
			}
			add(e.ReadWriteType != "ReadOnly", e.ReadWriteType != "WriteOnly", amount)
		}
	}
	for _, a := range s.AdvancedEventSelectors {
		writes, reads, amount := true, true, 2
		for _, f := range a.FieldSelectors {
			switch simple := len(f.StartsWith)+len(f.EndsWith)+len(f.NotEquals)+len(f.NotStartsWith)+
				len(f.NotEndsWith) == 0; {
			case f.Field == "eventCategory" && simple && slices.Contains(f.Equals, "Management"):
			case f.Field == "eventCategory":
				amount = 0
			case f.Field == "readOnly" && simple:
				writes, reads = slices.Contains(f.Equals, "false"), slices.Contains(f.Equals, "true")
			case f.Field == "eventSource" && len(f.NotEquals) > 0 && len(f.Equals) == 0 && OnlyNoise(f.NotEquals):
			default:
				amount = min(amount, 1)
			}
		}
		if !slices.ContainsFunc(a.FieldSelectors, func(f FieldSelector) bool { return f.Field == "eventCategory" }) {
			amount = 0
		}
		add(writes, reads, amount)
	}
	return m
}

// OnlyNoise reports whether nothing is left out but what AWS itself proposes to leave out, for its number.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
func OnlyNoise(sources []string) bool {
	return !slices.ContainsFunc(sources, func(s string) bool {
		return s != "kms.amazonaws.com" && s != "rdsdata.amazonaws.com"
	})
}

// Data are the types of resources, and the sources of network activity, that the selectors record events of.
func (s Selectors) Data() (types []string) {
	for _, e := range s.EventSelectors {
		for _, r := range e.DataResources {
			types = append(types, r.Type)
		}
	}
	for _, a := range s.AdvancedEventSelectors {
		var category, of []string
		for _, f := range a.FieldSelectors {
			switch f.Field {
			case "eventCategory":
				category = f.Equals
			case "resources.type", "eventSource":
				of = append(of, f.Equals...)
			}
		}
		if !slices.Contains(category, "Management") {
			types = append(types, of...)
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// Narrower reports whether s leaves out events that o records: of management events, or all data events of a type.
func (s Selectors) Narrower(o Selectors) bool {
	now, before := s.Management(), o.Management()
	types := s.Data()
	return now.Writes < before.Writes || now.Reads < before.Reads ||
		slices.ContainsFunc(o.Data(), func(t string) bool { return !slices.Contains(types, t) })
}

// maxSelectors is how many basic selectors a trail has at most
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html).
const maxSelectors = 5

// WithManagement are the selectors with one more that records all management events, as that of a new trail does; ok is
// false if there is no room for it.
func (s Selectors) WithManagement() (all Selectors, ok bool) {
	switch {
	case len(s.AdvancedEventSelectors) > 0 && len(s.EventSelectors) == 0:
		s.AdvancedEventSelectors = append(slices.Clone(s.AdvancedEventSelectors), AdvancedSelector{
			FieldSelectors: []FieldSelector{{Field: "eventCategory", Equals: []string{"Management"}}},
		})
		return s, true
	case len(s.EventSelectors) >= maxSelectors:
		return s, false
	}
	s.EventSelectors = append(slices.Clone(s.EventSelectors), EventSelector{
		ReadWriteType: "All", IncludeManagementEvents: new(true),
	})
	return s, true
}

// TrailEvents describes the changes of [TrailSelectors].
type TrailEvents struct{ reversible }

// Name implements [Kind].
func (TrailEvents) Name() string { return TrailSelectors }

// Widens implements [Kind].
func (TrailEvents) Widens(c Change, _ []Change) bool {
	before, err := ParseSelectors(c.Before)
	after, fault := ParseSelectors(c.After)
	return err != nil || fault != nil || after.Narrower(before)
}

// Describe implements [Kind].
func (TrailEvents) Describe(c Change, done bool) i18n.Message {
	return pick(done, i18n.T("restored which events trail %s records", c.Subject),
		i18n.T("restore which events trail %s records", c.Subject))
}

// TrailName is the name of a trail in its ARN.
func TrailName(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
