package doctor

import (
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/infra/warder/readonly"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

// operations are all that the doctor calls: others are refused before they are sent.
var operations = []string{
	"cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:ListStackResources",
	"cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus",
	"config:DescribeConfigRules", "config:DescribeConfigurationRecorderStatus", "config:DescribeConfigurationRecorders",
	"dynamodb:GetItem", "dynamodb:Scan",
	"events:DescribeEventBus", "events:DescribeRule", "events:ListTargetsByRule",
	"iam:GetRole", "lambda:GetFunctionConfiguration", "secretsmanager:DescribeSecret",
	"sns:ListSubscriptionsByTopic", "sqs:GetQueueAttributes", "ssm:DescribeParameters", "ssm:GetParameter",
	"sts:GetCallerIdentity",
}

// clients are what the doctor reads a region with.
type clients struct {
	formation *cloudformation.Client
	trail     *cloudtrail.Client
	config    *configservice.Client
	events    *eventbridge.Client
	iam       *iam.Client
	lambda    *lambda.Client
	secrets   *secretsmanager.Client
	sns       *sns.Client
	sqs       *sqs.Client
	ssm       *ssm.Client
	sts       *sts.Client
	store     ledger.Store // the table, in the hub's region
}

// newAccount makes the clients of a region, once for each.
func newAccount(cfg aws.Config) func(region string) clients {
	cfg = readonly.New(cfg, operations).Config(cfg, func(string) {})
	var mu sync.Mutex
	made := map[string]clients{}
	return func(region string) clients {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := made[region]; !ok {
			cfg := cfg.Copy()
			cfg.Region = region
			made[region] = clients{
				formation: cloudformation.NewFromConfig(cfg), trail: cloudtrail.NewFromConfig(cfg),
				config: configservice.NewFromConfig(cfg), events: eventbridge.NewFromConfig(cfg),
				iam: iam.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg),
				secrets: secretsmanager.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg),
				ssm: ssm.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg),
				store: ledger.Dynamo{API: dynamodb.NewFromConfig(cfg), Name: settings.TableName},
			}
		}
		return made[region]
	}
}
