// Package config reads, starts and stops the configuration recorders of AWS Config. It never says what they record.
package config

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
)

// Client calls AWS Config, each recorder in its region.
type Client struct{ cfg aws.Config }

// New makes a client.
func New(cfg aws.Config) *Client { return &Client{cfg} }

func call[Out any](ctx context.Context, c *Client, region, operation string, in any) (*Out, error) {
	return awsjson.Call[Out](ctx, awsjson.In(c.cfg, region, "Config", "StarlingDoveService"), operation, in)
}

// DescribeConfigurationRecorderStatusInput names recorders; none are all of the region.
// https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeConfigurationRecorderStatus.html
type DescribeConfigurationRecorderStatusInput struct {
	Region                     string   `json:"-"` // that the call goes to
	ConfigurationRecorderNames []string `json:",omitempty"`
}

// DescribeConfigurationRecorderStatusOutput has what recorders do.
type DescribeConfigurationRecorderStatusOutput struct {
	ConfigurationRecordersStatus []Status
}

// Status is what a recorder does.
type Status struct {
	Name      string `json:"name"`
	Recording bool   `json:"recording"`
}

// DescribeConfigurationRecorderStatus reads what recorders do.
func (c *Client) DescribeConfigurationRecorderStatus(
	ctx context.Context, in *DescribeConfigurationRecorderStatusInput,
) (*DescribeConfigurationRecorderStatusOutput, error) {
	return call[DescribeConfigurationRecorderStatusOutput](ctx, c, in.Region, "DescribeConfigurationRecorderStatus", in)
}

// Nothing is the answer of an operation that answers nothing.
type Nothing struct{}

// StartConfigurationRecorderInput names a recorder.
// https://docs.aws.amazon.com/config/latest/APIReference/API_StartConfigurationRecorder.html
type StartConfigurationRecorderInput struct {
	Region                    string `json:"-"` // that the call goes to
	ConfigurationRecorderName string
}

// StartConfigurationRecorder has a recorder record.
func (c *Client) StartConfigurationRecorder(
	ctx context.Context,
	in *StartConfigurationRecorderInput,
) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "StartConfigurationRecorder", in)
}

// StopConfigurationRecorderInput names a recorder.
// https://docs.aws.amazon.com/config/latest/APIReference/API_StopConfigurationRecorder.html
type StopConfigurationRecorderInput struct {
	Region                    string `json:"-"` // that the call goes to
	ConfigurationRecorderName string
}

// StopConfigurationRecorder has a recorder record nothing.
func (c *Client) StopConfigurationRecorder(ctx context.Context, in *StopConfigurationRecorderInput) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "StopConfigurationRecorder", in)
}

// Kinds returns a registry of the changes to recorders.
func Kinds(c *Client) change.Registry { return change.NewRegistry(kind{client: c}) }

type kind struct {
	change.Recorders
	client *Client
}

func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	return Recording(ctx, k.client, c.Target, c.Subject)
}

// Recording reads the value of a recorder.
func Recording(ctx context.Context, api interface {
	DescribeConfigurationRecorderStatus(context.Context, *DescribeConfigurationRecorderStatusInput,
	) (*DescribeConfigurationRecorderStatusOutput, error)
}, region, name string) (string, error) {
	out, err := api.DescribeConfigurationRecorderStatus(ctx,
		&DescribeConfigurationRecorderStatusInput{region, []string{name}})
	if err != nil {
		return "", change.Wrap(err, "describe status of configuration recorder %q", name)
	}
	for _, status := range out.ConfigurationRecordersStatus {
		if status.Name == name && status.Recording {
			return change.On, nil
		}
	}
	return change.Off, nil
}

func (k kind) Set(ctx context.Context, c change.Change) (err error) {
	switch c.After {
	case change.On:
		_, err = k.client.StartConfigurationRecorder(ctx, &StartConfigurationRecorderInput{c.Target, c.Subject})
	case change.Off:
		_, err = k.client.StopConfigurationRecorder(ctx, &StopConfigurationRecorderInput{c.Target, c.Subject})
	default:
		err = fmt.Errorf("want %s or %s", change.On, change.Off)
	}
	return change.Wrap(err, "set configuration recorder %q to %q", c.Subject, c.After)
}
