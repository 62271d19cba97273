package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	configtypes "github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/stack"
)

// prepare gives the account what one has that Warder is deployed in: a trail, a recorder of AWS
// Config, and the CDK's note that the regions are bootstrapped. Nothing here works by them; they are
// there to be read.
func prepare(ctx context.Context, server *moto.Server, hub stack.Stack) error {
	cfg := own(server)
	const bucket, name = "account-logs", "account"
	if err := putBucket(ctx, server, bucket); err != nil {
		return err
	}
	trails := cloudtrail.NewFromConfig(cfg)
	if _, err := trails.CreateTrail(ctx, &cloudtrail.CreateTrailInput{
		Name: aws.String(name), S3BucketName: aws.String(bucket), IsMultiRegionTrail: aws.Bool(true),
	}); err != nil {
		return fmt.Errorf("create trail: %w", err)
	}
	if _, err := trails.PutEventSelectors(ctx, &cloudtrail.PutEventSelectorsInput{
		TrailName: aws.String(name), EventSelectors: []trailtypes.EventSelector{{ReadWriteType: trailtypes.ReadWriteTypeAll, IncludeManagementEvents: aws.Bool(true)}},
	}); err != nil {
		return fmt.Errorf("select the trail's events: %w", err)
	}
	if _, err := trails.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: aws.String(name)}); err != nil {
		return fmt.Errorf("start trail: %w", err)
	}
	recorders := configservice.NewFromConfig(cfg)
	if _, err := recorders.PutConfigurationRecorder(ctx, &configservice.PutConfigurationRecorderInput{ConfigurationRecorder: &configtypes.ConfigurationRecorder{
		Name: aws.String(name), RoleARN: aws.String("arn:aws:iam::" + moto.AccountID + ":role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"),
		RecordingGroup: &configtypes.RecordingGroup{AllSupported: true, IncludeGlobalResourceTypes: true},
	}}); err != nil {
		return fmt.Errorf("create recorder: %w", err)
	}
	if _, err := recorders.PutDeliveryChannel(ctx, &configservice.PutDeliveryChannelInput{DeliveryChannel: &configtypes.DeliveryChannel{
		Name: aws.String(name), S3BucketName: aws.String(bucket),
	}}); err != nil {
		return fmt.Errorf("create delivery channel: %w", err)
	}
	if _, err := recorders.StartConfigurationRecorder(ctx, &configservice.StartConfigurationRecorderInput{ConfigurationRecorderName: aws.String(name)}); err != nil {
		return fmt.Errorf("start recorder: %w", err)
	}
	for _, deployed := range append([]stack.Stack{hub}, hub.Regions...) {
		cfg.Region = deployed.Region
		if _, err := ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String("/cdk-bootstrap/hnb659fds/version"), Value: aws.String("30"), Type: ssmtypes.ParameterTypeString,
		}); err != nil {
			return fmt.Errorf("note the bootstrap of %s: %w", deployed.Region, err)
		}
	}
	return nil
}

// putBucket adds a bucket.
func putBucket(ctx context.Context, server *moto.Server, name string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, server.URL+"/"+name, nil)
	if err != nil {
		return fmt.Errorf("create bucket %s: %w", name, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("create bucket %s: %w", name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("create bucket %s: %s", name, response.Status)
	}
	return nil
}
