package emulator

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

// Prepare gives the account what one has that Warder is deployed in: a trail, a recorder of AWS
// Config, and the CDK's note that the regions are bootstrapped. Nothing here works by them; they are
// there to be read.
func (a *Account) Prepare(ctx context.Context) error {
	cfg := a.Unrecorded()
	bucket, name := aws.String("account-logs"), aws.String("account")
	if err := a.PutBucket(ctx, *bucket); err != nil {
		return err
	}
	trails, recorders := cloudtrail.NewFromConfig(cfg), configservice.NewFromConfig(cfg)
	_, err := trails.CreateTrail(ctx, &cloudtrail.CreateTrailInput{
		Name: name, S3BucketName: bucket, IsMultiRegionTrail: aws.Bool(true),
	})
	if err == nil {
		_, err = trails.PutEventSelectors(ctx, &cloudtrail.PutEventSelectorsInput{
			TrailName: name, EventSelectors: []trailtypes.EventSelector{
				{ReadWriteType: trailtypes.ReadWriteTypeAll, IncludeManagementEvents: aws.Bool(true)},
			},
		})
	}
	if err == nil {
		_, err = trails.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: name})
	}
	if err != nil {
		return fmt.Errorf("start a trail: %w", err)
	}
	role := "arn:aws:iam::" + moto.AccountID + ":role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
	_, err = recorders.PutConfigurationRecorder(ctx, &configservice.PutConfigurationRecorderInput{
		ConfigurationRecorder: &configtypes.ConfigurationRecorder{
			Name: name, RoleARN: &role,
			RecordingGroup: &configtypes.RecordingGroup{AllSupported: true, IncludeGlobalResourceTypes: true},
		},
	})
	if err == nil {
		_, err = recorders.PutDeliveryChannel(ctx, &configservice.PutDeliveryChannelInput{
			DeliveryChannel: &configtypes.DeliveryChannel{Name: name, S3BucketName: bucket},
		})
	}
	if err == nil {
		_, err = recorders.StartConfigurationRecorder(ctx, &configservice.StartConfigurationRecorderInput{
			ConfigurationRecorderName: name,
		})
	}
	if err != nil {
		return fmt.Errorf("start a recorder: %w", err)
	}
	for _, deployed := range append([]stack.Stack{a.Stack}, a.Stack.Regions...) {
		cfg.Region = deployed.Region
		if _, err := ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String("/cdk-bootstrap/hnb659fds/version"), Value: aws.String("30"), Type: ssmtypes.ParameterTypeString,
			Overwrite: aws.Bool(true), // the Config rules may be in the hub's region
		}); err != nil {
			return fmt.Errorf("note the bootstrap of %s: %w", deployed.Region, err)
		}
	}
	return nil
}

// PutBucket adds a bucket, in the region of the hub. It causes no event.
func (a *Account) PutBucket(ctx context.Context, name string) error {
	if err := (Client{a.Moto.URL}).do(ctx, http.MethodPut, "/"+name, nil, nil); err != nil {
		return fmt.Errorf("create bucket %s: %w", name, err)
	}
	return nil
}
