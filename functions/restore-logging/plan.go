package restorelogging

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/cloudtrail"
	"github.com/warder-aws/warder/pkg/config"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/remediation"
)

type planner struct {
	api     readAPI
	notes   notes
	account string
	region  string // of the hub
}

// Plan compares what the event is about, or everything, with how it recorded before. What records as much as before,
// or more, is remembered.
func (p *planner) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	m, err := p.recall(ctx, now)
	if err != nil {
		return nil, err
	}
	var findings []remediation.Finding
	switch d := e.Detail.(type) {
	case *event.Sweep:
		findings, err = p.sweep(ctx, m)
	case *event.APICall:
		if d.Failed() {
			return nil, nil
		}
		findings, err = p.call(ctx, e.Account, d, m)
	}
	return findings, errors.Join(err, p.keep(ctx, m))
}

// call inspects what a call changed.
func (p *planner) call(
	ctx context.Context,
	account string,
	c *event.APICall,
	m *memory,
) ([]remediation.Finding, error) {
	switch c.Source {
	case "cloudtrail.amazonaws.com":
		return p.trailCall(ctx, account, c, m)
	case "s3.amazonaws.com":
		return p.bucketCall(ctx, c)
	case "config.amazonaws.com":
		name, _ := c.Param("configurationRecorderName")
		switch {
		case name == "":
			return nil, nil
		case c.Name == "DeleteConfigurationRecorder":
			return []remediation.Finding{p.gone(c, name, i18n.T("Configuration recorder deleted"),
				i18n.T("It must be created again: AWS Config records nothing in %s until then.", c.Region))}, nil
		}
		return p.inspect(ctx, m, c, recorder(c.Region, name))
	}
	if kind := regional[c.Source]; kind != "" {
		return p.inspectRegion(ctx, m, c, kind, c.Region)
	}
	return nil, nil
}

// parts are what the calls about a trail change of it.
var parts = map[string][]string{
	"CreateTrail":       {change.TrailLogging, change.TrailSelectors, change.TrailScope},
	"StartLogging":      {change.TrailLogging, change.TrailSelectors, change.TrailScope},
	"StopLogging":       {change.TrailLogging},
	"PutEventSelectors": {change.TrailSelectors},
	"UpdateTrail":       {change.TrailScope},
}

// trailName is what a trail may be called
// (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html).
var trailName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{1,126}[A-Za-z0-9]$`)

// trailOf is the ARN of the trail that a call is about: it names it by that or, in its home region, by its name.
func trailOf(account string, c *event.APICall) (arn.ARN, bool) {
	name, _ := c.Response.Text("trailARN")
	for _, parameter := range []string{"name", "trailName"} {
		named, _ := c.Param(parameter)
		name = cmp.Or(name, named)
	}
	partition := "aws"
	if by, err := arn.Parse(c.Identity.ARN); err == nil {
		partition = by.Partition
	}
	if !arn.IsARN(name) {
		name = arn.ARN{
			Partition: partition, Service: "cloudtrail", Region: c.Region, AccountID: account, Resource: "trail/" + name,
		}.String()
	}
	parsed, err := arn.Parse(name)
	rest, ok := strings.CutPrefix(parsed.Resource, "trail/")
	return parsed, err == nil && ok && parsed.Service == "cloudtrail" && trailName().MatchString(rest)
}

func (p *planner) trailCall(
	ctx context.Context, account string, c *event.APICall, m *memory,
) ([]remediation.Finding, error) {
	trail, ok := trailOf(account, c)
	if !ok {
		return nil, nil
	}
	name := change.TrailName(trail.Resource)
	if trail.AccountID != account {
		if c.Name == "CreateTrail" || c.Name == "StartLogging" {
			return nil, nil
		}
		return []remediation.Finding{p.gone(c, trail.String(), i18n.T("Trail of another account changed"), i18n.T(
			"It is a trail of the organization that belongs to account %s: only that account can restore it.",
			trail.AccountID))}, nil
	}
	if c.Name == "DeleteTrail" {
		f := p.gone(c, name, i18n.T("Trail deleted"), i18n.T("It must be created again: nothing starts it."))
		selectors := m.before(change.Change{Kind: change.TrailSelectors, Subject: name, Target: trail.String()})
		f.Facts = append(f.Facts, remediation.Facts(i18n.T("Event selectors"), i18n.Literal(selectors))...)
		return []remediation.Finding{f}, nil
	}
	var things []change.Change
	for _, kind := range parts[c.Name] {
		things = append(things, change.Change{Kind: kind, Subject: name, Target: trail.String()})
	}
	return p.inspect(ctx, m, c, things...)
}

// bucketCall alerts on a lifecycle that deletes what a trail has recorded: the record that somebody would look for is
// gone a day later, and the trail records as before.
func (p *planner) bucketCall(ctx context.Context, c *event.APICall) ([]remediation.Finding, error) {
	bucket, _ := c.Param("bucketName")
	if c.Name != "PutBucketLifecycle" && c.Name != "PutBucketLifecycleConfiguration" || bucket == "" || !expires(c) {
		return nil, nil
	}
	trails, err := p.trails(ctx)
	if err != nil {
		return nil, err
	}
	for _, trail := range trails {
		out, err := p.api.GetTrail(ctx, &cloudtrail.GetTrailInput{Name: trail})
		switch {
		case change.NotFound(err):
		case err != nil:
			return nil, change.Wrap(err, "get trail %q", trail)
		case out.Trail.S3BucketName == bucket:
			f := p.gone(c, bucket, i18n.T("Files of a trail expire"), i18n.T(
				"S3 deletes what the trail %s recorded when the new rule says so: remove the rule before that.",
				change.TrailName(trail)))
			return []remediation.Finding{f}, nil
		}
	}
	return nil, nil
}

// expires reports whether a lifecycle deletes anything: what is moved to another class, or left of a broken upload, is
// not lost. A record without the rules says nothing of that, so it counts.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html
func expires(c *event.APICall) bool {
	configuration := c.Request.Object("LifecycleConfiguration")
	rules := configuration.Objects("Rule")
	if rule := configuration.Object("Rule"); rule != nil {
		rules = append(rules, rule)
	}
	for _, rule := range rules {
		status, _ := rule.Text("Status")
		if status != "Disabled" && (rule["Expiration"] != nil || rule["NoncurrentVersionExpiration"] != nil) {
			return true
		}
	}
	return len(rules) == 0
}

func recorder(region, name string) change.Change {
	return change.Change{Kind: change.Recorder, Subject: name, Target: region}
}

// gone is an alert on what Warder cannot restore.
func (p *planner) gone(c *event.APICall, what string, title, why i18n.Message) remediation.Finding {
	return remediation.Finding{
		Subject: what, Title: title, Severity: control.Critical, Facts: remediation.CallFacts(c),
		Text: i18n.Sentences(i18n.T("%s called %s on %s.", remediation.Actor(c), c.Name, what),
			i18n.T("Warder cannot restore it."), why),
		Advice: advice,
		Handling: remediation.Handling{Fresh: true, Once: remediation.Once{
			Key: remediation.OnceKey(c.Name, c.Identity.ARN, c.Request), For: remediation.Quiet,
		}},
	}
}

var advice = i18n.T(
	"Find out at once who did this and why. If nobody knows, treat it as an attack: make the caller's " +
		"credentials inactive, and look at what was done since. If it was intended, undo what Warder did, or exempt the " +
		"trail.",
)

// sweep inspects every trail of the account, and the recorder of the hub's region.
func (p *planner) sweep(ctx context.Context, m *memory) ([]remediation.Finding, error) {
	var things []change.Change
	trails, err := p.trails(ctx)
	if err != nil {
		return nil, err
	}
	for _, trail := range trails {
		for _, kind := range parts["CreateTrail"] {
			things = append(things, change.Change{Kind: kind, Subject: change.TrailName(trail), Target: trail})
		}
	}
	out, err := p.api.DescribeConfigurationRecorderStatus(ctx,
		&config.DescribeConfigurationRecorderStatusInput{Region: p.region})
	if err != nil {
		return nil, change.Wrap(err, "describe status of configuration recorders")
	}
	for _, status := range out.ConfigurationRecordersStatus {
		things = append(things, recorder(p.region, status.Name))
	}
	// Recorders of other regions are known from their events.
	for _, thing := range m.all(change.Recorder) {
		if thing.Target != p.region {
			things = append(things, thing)
		}
	}
	slices.SortFunc(things, func(a, b change.Change) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Thing(), b.Thing()))
	})
	findings, err := p.inspect(ctx, m, nil, things...)
	found, fault := p.sweepRegions(ctx, m)
	return append(findings, found...), errors.Join(err, fault)
}

// trails are the ARNs of the account's own trails, in every region.
func (p *planner) trails(ctx context.Context) (own []string, err error) {
	for in := (&cloudtrail.ListTrailsInput{}); ; {
		out, err := p.api.ListTrails(ctx, in)
		if err != nil {
			return nil, change.Wrap(err, "list trails")
		}
		for _, t := range out.Trails {
			if trail, err := arn.Parse(t.TrailARN); err == nil && trail.AccountID == p.account { // or of the organization
				own = append(own, t.TrailARN)
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == "" {
			return own, nil
		}
	}
}

// inspect compares how things record with how they did, after a call that is about them, or for a sweep. Of a thing of
// which something cannot be read nothing is said: the retry reads all of it.
func (p *planner) inspect(
	ctx context.Context, m *memory, c *event.APICall, things ...change.Change,
) (findings []remediation.Finding, err error) {
	var faults []error
	for of := range chunks(things) {
		var found []remediation.Finding
		var fault error
		for _, thing := range of {
			now, err := p.read(ctx, thing)
			switch {
			case change.NotFound(err):
			case err != nil:
				fault = errors.Join(fault, err)
			default:
				if f, ok := p.compare(m, c, thing, now); ok {
					found = append(found, f)
				}
			}
		}
		if faults = append(faults, fault); fault == nil {
			findings = append(findings, found...)
		}
	}
	return findings, errors.Join(faults...)
}

// chunks are the things in their order, those of one trail or recorder together.
func chunks(things []change.Change) iter.Seq[[]change.Change] {
	return func(yield func([]change.Change) bool) {
		for begin, end := 0, 1; end <= len(things); end++ {
			if end == len(things) || things[end].Target != things[begin].Target || things[end].Subject != things[begin].Subject {
				if !yield(things[begin:end]) {
					return
				}
				begin = end
			}
		}
	}
}

func (p *planner) read(ctx context.Context, thing change.Change) (string, error) {
	switch thing.Kind {
	case change.TrailLogging:
		return cloudtrail.Logging(ctx, p.api, thing.Target)
	case change.TrailSelectors:
		s, err := cloudtrail.Events(ctx, p.api, thing.Target)
		return s.Text(), err
	case change.TrailScope:
		out, err := p.api.GetTrail(ctx, &cloudtrail.GetTrailInput{Name: thing.Target})
		if err != nil {
			return "", change.Wrap(err, "get trail %q", thing.Target)
		}
		return out.Trail.Scope().Text(), nil
	default:
		return config.Recording(ctx, p.api, thing.Target, thing.Subject)
	}
}

// compare returns the finding about a thing that records less than it did.
func (p *planner) compare(m *memory, c *event.APICall, thing change.Change, now string) (remediation.Finding, bool) {
	before := cmp.Or(m.before(thing), assumed(c, thing, now))
	lost, ok := assess(thing, before, now)
	if !ok {
		if now != "" {
			m.saw(thing, now)
		}
		return remediation.Finding{}, false
	}
	if m.before(thing) == "" {
		m.saw(thing, before)
	}
	thing.Before, thing.After = now, lost.after
	f := remediation.Finding{
		Subject: p.subject(thing), Title: lost.title, Severity: lost.severity, Text: lost.because, Advice: advice,
		Changes: []change.Change{thing}, Facts: remediation.Facts(i18n.T("Region"), i18n.Literal(region(thing))),
	}
	if c != nil {
		f.Text = i18n.Sentences(i18n.T("%s called %s on %s.", remediation.Actor(c), c.Name, thing.Subject), f.Text)
		f.Facts = append(remediation.CallFacts(c), f.Facts...)
		f.Fresh = true
	}
	return f, true
}

// assumed is how something was before a call, where nothing is remembered: what a call stops was on, and a trail
// recorded all management events, as every trail does that nobody has set otherwise. Empty is not known.
func assumed(c *event.APICall, thing change.Change, now string) string {
	switch {
	case c == nil:
	case c.Name == "StopLogging", c.Name == "StopConfigurationRecorder":
		return change.On
	case c.Name == "UpdateDetector":
		on, ok := c.Request.Bool("enable")
		if d, err := change.ParseDetection(now); err == nil && ok && !on {
			d.Enabled = true
			return d.Text()
		}
	case c.Name == "PutEventSelectors":
		s, err := change.ParseSelectors(now)
		if all, ok := s.WithManagement(); err == nil && ok && s.Management().Writes < all.Management().Writes {
			return all.Text()
		}
	}
	return ""
}

// loss is what is not recorded any more.
type loss struct {
	title, because i18n.Message
	severity       control.Severity
	after          string // the value that records it again
}

// assess finds what is lost between two values; ok is false for nothing, and for what cannot be read.
func assess(thing change.Change, before, now string) (l loss, ok bool) {
	l.after = before
	switch thing.Kind {
	case change.TrailLogging:
		l.title, l.severity = i18n.T("CloudTrail logging stopped"), control.Critical
		l.because = i18n.T("The trail %s records nothing.", thing.Subject)
		return l, before == change.On && now == change.Off
	case change.Recorder:
		l.title, l.severity = i18n.T("Configuration recorder stopped"), control.High
		l.because = i18n.T("AWS Config records no changes of resources in %s.", thing.Target)
		return l, before == change.On && now == change.Off
	case change.TrailSelectors:
		return assessSelectors(l, thing, before, now)
	case change.TrailScope:
		return assessScope(l, thing, before, now)
	default:
		return assessRegion(l, thing, before, now)
	}
}

func assessSelectors(l loss, thing change.Change, before, now string) (loss, bool) {
	was, err := change.ParseSelectors(before)
	is, fault := change.ParseSelectors(now)
	if err != nil || fault != nil || !is.Narrower(was) {
		return l, false
	}
	l.title, l.severity = i18n.T("Trail records fewer events"), control.High
	switch now, before := is.Management(), was.Management(); {
	case now.Writes == 0 && before.Writes > 0:
		l.severity = control.Critical
		l.because = i18n.T("The trail %s does not record management events that change something.", thing.Subject)
	case now.Writes < before.Writes:
		l.because = i18n.T("The trail %s leaves out management events of some services.", thing.Subject)
	case now.Reads < before.Reads:
		l.severity = control.Medium
		l.because = i18n.T("The trail %s leaves out management events that only read.", thing.Subject)
	default:
		l.because = i18n.T("The trail %s leaves out data events that it recorded.", thing.Subject)
	}
	return l, true
}

func assessScope(l loss, thing change.Change, before, now string) (loss, bool) {
	was, err := change.ParseScope(before)
	is, fault := change.ParseScope(now)
	whole := was.Or(is)
	if err != nil || fault != nil || whole == is {
		return l, false
	}
	l.title, l.severity, l.after = i18n.T("Trail narrowed"), control.Critical, whole.Text()
	switch {
	case whole.GlobalEvents && !is.GlobalEvents:
		l.because = i18n.T("The trail %s does not record IAM and sign-ins.", thing.Subject)
	case whole.AllRegions && !is.AllRegions:
		l.because = i18n.T("The trail %s records one region only.", thing.Subject)
	default:
		l.severity = control.High
		l.because = i18n.T("Whether somebody changed the files of the trail %s cannot be proven.", thing.Subject)
	}
	return l, true
}

// subject names a thing: no two have the same name.
func (p *planner) subject(thing change.Change) string {
	switch at := region(thing); {
	case thing.Kind == change.Detector, thing.Kind == change.Hub:
		return at + "/" + thing.Kind
	case at != p.region || thing.Kind == change.Recorder:
		return at + "/" + thing.Subject
	}
	return thing.Subject
}

// region is where a thing is.
func region(thing change.Change) string {
	if trail, err := arn.Parse(thing.Target); err == nil {
		return trail.Region
	}
	region, _, _ := thing.Share()
	return region
}
