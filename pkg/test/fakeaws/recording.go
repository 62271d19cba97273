package fakeaws

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/cloudtrail"
	"github.com/warder-aws/warder/pkg/config"
)

// Trail is a trail of CloudTrail.
type Trail struct {
	Logging bool              `json:"logging"`
	Tags    map[string]string `json:"tags,omitempty"`
	Bucket  string            `json:"bucket,omitempty"`
	change.Scope
	// Selectors are which events it records; those of AWS if nil.
	Selectors *change.Selectors `json:"selectors,omitempty"`
}

// trail finds a trail, which only its home region knows by every operation.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartLogging.html
func (c call) trail(name string) (*Trail, error) {
	trail, ok := c.state.Trails[name]
	parsed, err := arn.Parse(name)
	switch {
	case !ok || err != nil:
		return nil, refused("TrailNotFoundException", "Unknown trail: "+name)
	case parsed.Region != c.region:
		return nil, refused("InvalidHomeRegionException", "Trail "+name+" belongs to another region")
	}
	return trail, nil
}

// ListTrails lists the trails of every region.
func (c call) ListTrails(in *cloudtrail.ListTrailsInput) (any, error) {
	names, next := page(c.Page, sorted(c.state.Trails), &in.NextToken, nil)
	out := &cloudtrail.ListTrailsOutput{}
	if next != nil {
		out.NextToken = *next
	}
	for _, name := range names {
		out.Trails = append(out.Trails, struct{ TrailARN string }{name})
	}
	return out, nil
}

// GetTrail returns how far a trail reaches.
func (c call) GetTrail(in *cloudtrail.GetTrailInput) (any, error) {
	trail, err := c.trail(in.Name)
	if err != nil {
		return nil, err
	}
	return &cloudtrail.GetTrailOutput{Trail: cloudtrail.Trail{
		TrailARN: in.Name, S3BucketName: trail.Bucket, IncludeGlobalServiceEvents: trail.GlobalEvents,
		IsMultiRegionTrail: trail.AllRegions, LogFileValidationEnabled: trail.Validation,
	}}, nil
}

// GetTrailStatus returns whether a trail records.
func (c call) GetTrailStatus(in *cloudtrail.GetTrailStatusInput) (any, error) {
	trail, err := c.trail(in.Name)
	if err != nil {
		return nil, err
	}
	return &cloudtrail.GetTrailStatusOutput{IsLogging: trail.Logging}, nil
}

// GetEventSelectors returns which events a trail records.
func (c call) GetEventSelectors(in *cloudtrail.GetEventSelectorsInput) (any, error) {
	trail, err := c.trail(in.TrailName)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.GetEventSelectorsOutput{}
	if trail.Selectors != nil {
		out.Selectors = *trail.clone().Selectors
	}
	return out, nil
}

// ListTags returns the tags of one trail.
func (c call) ListTags(in *cloudtrail.ListTagsInput) (any, error) {
	trail, err := c.trail(in.ResourceIDList[0])
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.ListTagsOutput{}
	out.ResourceTagList = append(out.ResourceTagList, struct {
		ResourceID string `json:"ResourceId"`
		TagsList   []cloudtrail.Tag
	}{ResourceID: in.ResourceIDList[0]})
	for _, key := range sorted(trail.Tags) {
		out.ResourceTagList[0].TagsList = append(out.ResourceTagList[0].TagsList, cloudtrail.Tag{
			Key: key, Value: trail.Tags[key],
		})
	}
	return out, nil
}

func (c call) setLogging(name string, on bool) (any, error) {
	trail, err := c.trail(name)
	if err != nil {
		return nil, err
	}
	trail.Logging = on
	return &cloudtrail.Nothing{}, nil
}

// StartLogging has a trail record.
func (c call) StartLogging(in *cloudtrail.StartLoggingInput) (any, error) {
	return c.setLogging(in.Name, true)
}

// StopLogging has a trail record nothing.
func (c call) StopLogging(in *cloudtrail.StopLoggingInput) (any, error) {
	return c.setLogging(in.Name, false)
}

// PutEventSelectors sets which events a trail records.
func (c call) PutEventSelectors(in *cloudtrail.PutEventSelectorsInput) (any, error) {
	trail, err := c.trail(in.TrailName)
	if err != nil {
		return nil, err
	}
	trail.Selectors = &in.Selectors
	*trail = trail.clone()
	return &cloudtrail.Nothing{}, nil
}

// UpdateTrail sets how far a trail reaches.
func (c call) UpdateTrail(in *cloudtrail.UpdateTrailInput) (any, error) {
	trail, err := c.trail(in.Name)
	if err != nil {
		return nil, err
	}
	trail.Scope = change.Scope{
		GlobalEvents: in.IncludeGlobalServiceEvents, AllRegions: in.IsMultiRegionTrail,
		Validation: in.EnableLogFileValidation,
	}
	return &cloudtrail.Nothing{}, nil
}

// Recorder is a configuration recorder of AWS Config.
type Recorder struct {
	Recording bool `json:"recording"`
}

func (c call) recorder(name string) (*Recorder, error) {
	recorder, ok := c.state.Recorders[c.region+"/"+name]
	if !ok {
		return nil, refused("NoSuchConfigurationRecorderException", "Cannot find configuration recorder with the name "+name)
	}
	return recorder, nil
}

// DescribeConfigurationRecorderStatus returns what recorders of a region do.
func (c call) DescribeConfigurationRecorderStatus(
	in *config.DescribeConfigurationRecorderStatusInput,
) (any, error) {
	names := in.ConfigurationRecorderNames
	for _, key := range sorted(c.state.Recorders) {
		if name, ok := strings.CutPrefix(key, c.region+"/"); ok && len(in.ConfigurationRecorderNames) == 0 {
			names = append(names, name)
		}
	}
	out := &config.DescribeConfigurationRecorderStatusOutput{}
	for _, name := range names {
		recorder, err := c.recorder(name)
		if err != nil {
			return nil, err
		}
		out.ConfigurationRecordersStatus = append(out.ConfigurationRecordersStatus,
			config.Status{Name: name, Recording: recorder.Recording})
	}
	return out, nil
}

func (c call) setRecording(name string, on bool) (any, error) {
	recorder, err := c.recorder(name)
	if err != nil {
		return nil, err
	}
	recorder.Recording = on
	return &config.Nothing{}, nil
}

// StartConfigurationRecorder has a recorder record.
func (c call) StartConfigurationRecorder(in *config.StartConfigurationRecorderInput) (any, error) {
	return c.setRecording(in.ConfigurationRecorderName, true)
}

// StopConfigurationRecorder has a recorder record nothing.
func (c call) StopConfigurationRecorder(in *config.StopConfigurationRecorderInput) (any, error) {
	return c.setRecording(in.ConfigurationRecorderName, false)
}
