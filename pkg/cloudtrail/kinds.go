package cloudtrail

import (
	"context"
	"fmt"

	"github.com/warder-aws/warder/pkg/change"
)

// API lists the operations that read and change trails.
type API interface {
	Reads
	StartLogging(context.Context, *StartLoggingInput) (*Nothing, error)
	StopLogging(context.Context, *StopLoggingInput) (*Nothing, error)
	PutEventSelectors(context.Context, *PutEventSelectorsInput) (*Nothing, error)
	UpdateTrail(context.Context, *UpdateTrailInput) (*Nothing, error)
	ListTags(context.Context, *ListTagsInput) (*ListTagsOutput, error)
}

// Reads lists those that read how a trail is.
type Reads interface {
	GetTrail(context.Context, *GetTrailInput) (*GetTrailOutput, error)
	GetTrailStatus(context.Context, *GetTrailStatusInput) (*GetTrailStatusOutput, error)
	GetEventSelectors(context.Context, *GetEventSelectorsInput) (*GetEventSelectorsOutput, error)
}

// Kinds returns a registry of the changes to trails.
func Kinds(api API) change.Registry {
	return change.NewRegistry(logging{tagged: tagged{api}}, events{tagged: tagged{api}}, scope{tagged: tagged{api}})
}

// tagged is embedded in the kinds: a trail is exempted by a tag of its own.
type tagged struct{ api API }

// Tags implements [change.Tagged].
func (k tagged) Tags(ctx context.Context, c change.Change) (map[string]string, error) {
	out, err := k.api.ListTags(ctx, &ListTagsInput{[]string{c.Target}})
	if change.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, change.Wrap(err, "list tags of trail %q", c.Subject)
	}
	tags := map[string]string{}
	for _, resource := range out.ResourceTagList {
		for _, tag := range resource.TagsList {
			tags[tag.Key] = tag.Value
		}
	}
	return tags, nil
}

type logging struct {
	change.Trails
	tagged
}

func (k logging) Read(ctx context.Context, c change.Change) (string, error) {
	return Logging(ctx, k.api, c.Target)
}

// Logging reads the value of a trail's logging.
func Logging(ctx context.Context, api Reads, trail string) (string, error) {
	status, err := api.GetTrailStatus(ctx, &GetTrailStatusInput{trail})
	switch {
	case err != nil:
		return "", change.Wrap(err, "get status of trail %q", trail)
	case status.IsLogging:
		return change.On, nil
	}
	return change.Off, nil
}

func (k logging) Set(ctx context.Context, c change.Change) (err error) {
	switch c.After {
	case change.On:
		_, err = k.api.StartLogging(ctx, &StartLoggingInput{c.Target})
	case change.Off:
		_, err = k.api.StopLogging(ctx, &StopLoggingInput{c.Target})
	default:
		err = fmt.Errorf("want %s or %s", change.On, change.Off)
	}
	return change.Wrap(err, "set logging of trail %q to %q", c.Subject, c.After)
}

type events struct {
	change.TrailEvents
	tagged
}

func (k events) Read(ctx context.Context, c change.Change) (string, error) {
	s, err := Events(ctx, k.api, c.Target)
	if err != nil {
		return "", err
	}
	return s.Text(), nil
}

// Events reads which events a trail records.
func Events(ctx context.Context, api Reads, trail string) (change.Selectors, error) {
	out, err := api.GetEventSelectors(ctx, &GetEventSelectorsInput{trail})
	if err != nil {
		return change.Selectors{}, change.Wrap(err, "get event selectors of trail %q", trail)
	}
	return change.ParseSelectors(out.Text())
}

func (k events) Set(ctx context.Context, c change.Change) error {
	s, err := change.ParseSelectors(c.After)
	if err == nil {
		_, err = k.api.PutEventSelectors(ctx, &PutEventSelectorsInput{c.Target, s})
	}
	return change.Wrap(err, "put event selectors of trail %q", c.Subject)
}

type scope struct {
	change.TrailScopes
	tagged
}

func (k scope) Read(ctx context.Context, c change.Change) (string, error) {
	out, err := k.api.GetTrail(ctx, &GetTrailInput{c.Target})
	if err != nil {
		return "", change.Wrap(err, "get trail %q", c.Subject)
	}
	return out.Trail.Scope().Text(), nil
}

func (k scope) Set(ctx context.Context, c change.Change) error {
	s, err := change.ParseScope(c.After)
	if err == nil {
		_, err = k.api.UpdateTrail(ctx, &UpdateTrailInput{c.Target, s.GlobalEvents, s.AllRegions, s.Validation})
	}
	return change.Wrap(err, "update trail %q", c.Subject)
}
