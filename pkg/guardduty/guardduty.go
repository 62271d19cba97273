// Package guardduty reads, restores and deletes the detector of GuardDuty that a region has. It never touches findings,
// filters, lists of addresses or members.
package guardduty

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
)

// Client calls GuardDuty in every region.
type Client struct{ cfg aws.Config }

// New makes a client.
func New(cfg aws.Config) *Client { return &Client{cfg} }

func call[Out any](ctx context.Context, c *Client, region, operation, method, path string, in any) (*Out, error) {
	return awsjson.Rest[Out](ctx, awsjson.In(c.cfg, region, "GuardDuty", ""), operation, method, path, in)
}

// ListDetectorsInput names a region.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_ListDetectors.html
type ListDetectorsInput struct {
	Region string `json:"-"`
}

// ListDetectorsOutput has the ids of the detectors: a region has one at most.
type ListDetectorsOutput struct {
	DetectorIDs []string `json:"detectorIds"`
}

// ListDetectors lists the detectors of a region.
func (c *Client) ListDetectors(ctx context.Context, in *ListDetectorsInput) (*ListDetectorsOutput, error) {
	return call[ListDetectorsOutput](ctx, c, in.Region, "ListDetectors", http.MethodGet, "detector", in)
}

// GetDetectorInput names a detector.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_GetDetector.html
type GetDetectorInput struct {
	Region     string `json:"-"`
	DetectorID string `json:"-"`
}

// GetDetectorOutput has what it does.
type GetDetectorOutput struct {
	Status    string    `json:"status"`
	Frequency string    `json:"findingPublishingFrequency"`
	Features  []Feature `json:"features"`
}

// Feature is a feature, or what can be switched within one.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_DetectorFeatureConfiguration.html
type Feature struct {
	Name   string    `json:"name"`
	Status string    `json:"status"`
	Within []Feature `json:"additionalConfiguration,omitempty"`
}

// The values of a status.
const (
	Enabled  = "ENABLED"
	Disabled = "DISABLED"
)

func status(on bool) string {
	if on {
		return Enabled
	}
	return Disabled
}

// GetDetector reads a detector.
func (c *Client) GetDetector(ctx context.Context, in *GetDetectorInput) (*GetDetectorOutput, error) {
	return call[GetDetectorOutput](ctx, c, in.Region, "GetDetector", http.MethodGet, "detector/"+in.DetectorID, in)
}

// CreateDetectorInput says what the detector of a region is to do.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_CreateDetector.html
type CreateDetectorInput struct {
	Region string `json:"-"`
	Settings
}

// Settings are what a detector does.
type Settings struct {
	Enable    bool      `json:"enable"`
	Frequency string    `json:"findingPublishingFrequency,omitempty"`
	Features  []Feature `json:"features,omitempty"`
}

// Nothing is the answer of an operation that says nothing which Warder needs.
type Nothing struct{}

// CreateDetector makes the detector of a region.
func (c *Client) CreateDetector(ctx context.Context, in *CreateDetectorInput) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "CreateDetector", http.MethodPost, "detector", in)
}

// UpdateDetectorInput says what a detector is to do; features that it does not name stay.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_UpdateDetector.html
type UpdateDetectorInput struct {
	Region     string `json:"-"`
	DetectorID string `json:"-"`
	Settings
}

// UpdateDetector changes what a detector does.
func (c *Client) UpdateDetector(ctx context.Context, in *UpdateDetectorInput) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "UpdateDetector", http.MethodPost, "detector/"+in.DetectorID, in)
}

// DeleteDetectorInput names a detector.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_DeleteDetector.html
type DeleteDetectorInput struct {
	Region     string `json:"-"`
	DetectorID string `json:"-"`
}

// DeleteDetector deletes a detector, and its findings.
func (c *Client) DeleteDetector(ctx context.Context, in *DeleteDetectorInput) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "DeleteDetector", http.MethodDelete, "detector/"+in.DetectorID, in)
}

// Reads are the operations that a detector is read with.
type Reads interface {
	ListDetectors(context.Context, *ListDetectorsInput) (*ListDetectorsOutput, error)
	GetDetector(context.Context, *GetDetectorInput) (*GetDetectorOutput, error)
}

// Kinds returns a registry of the changes to detectors.
func Kinds(c *Client) change.Registry { return change.NewRegistry(kind{client: c}) }

type kind struct {
	change.Detectors
	client *Client
}

func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	_, value, err := Read(ctx, k.client, c.Target)
	return value, err
}

// always are the features that nobody can switch.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_DetectorFeatureConfigurationResult.html
var always = []string{"CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS"}

// Read reads the detector of a region: its id and its value, both empty if there is none.
func Read(ctx context.Context, api Reads, region string) (id, value string, err error) {
	list, err := api.ListDetectors(ctx, &ListDetectorsInput{region})
	if err != nil || len(list.DetectorIDs) == 0 {
		return "", "", change.Wrap(err, "list detectors in %s", region)
	}
	id = list.DetectorIDs[0]
	out, err := api.GetDetector(ctx, &GetDetectorInput{region, id})
	if err != nil {
		return "", "", change.Wrap(err, "get detector in %s", region)
	}
	d := change.Detection{Enabled: out.Status == Enabled, Frequency: out.Frequency, Features: map[string]bool{}}
	for _, f := range out.Features {
		if slices.Contains(always, f.Name) {
			continue
		}
		d.Features[f.Name] = f.Status == Enabled
		for _, within := range f.Within {
			d.Features[f.Name+"/"+within.Name] = within.Status == Enabled
		}
	}
	return id, d.Text(), nil
}

// settings are what a detector is told to do as a value says.
func settings(d change.Detection) Settings {
	s := Settings{Enable: d.Enabled, Frequency: d.Frequency}
	within := map[string][]Feature{}
	for name, on := range d.Features {
		if feature, part, ok := strings.Cut(name, "/"); ok {
			within[feature] = append(within[feature], Feature{Name: part, Status: status(on)})
		}
	}
	for name, on := range d.Features {
		if !strings.Contains(name, "/") {
			s.Features = append(s.Features, Feature{name, status(on), within[name]})
		}
	}
	byName := func(a, b Feature) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(s.Features, byName)
	for _, f := range s.Features {
		slices.SortFunc(f.Within, byName)
	}
	return s
}

func (k kind) Set(ctx context.Context, c change.Change) error {
	d, err := change.ParseDetection(c.After)
	if err != nil {
		return err
	}
	id, _, err := Read(ctx, k.client, c.Target)
	switch {
	case err != nil:
	case c.After == "" && id != "":
		_, err = k.client.DeleteDetector(ctx, &DeleteDetectorInput{c.Target, id})
	case c.After == "":
	case id == "":
		_, err = k.client.CreateDetector(ctx, &CreateDetectorInput{c.Target, settings(d)})
	default:
		_, err = k.client.UpdateDetector(ctx, &UpdateDetectorInput{c.Target, id, settings(d)})
	}
	return change.Wrap(change.Unless(ctx, k, c, err), "set detector in %s", c.Target)
}
