package scenario

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	dynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	iam "github.com/aws/aws-sdk-go-v2/service/iam/types"
	secretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	sns "github.com/aws/aws-sdk-go-v2/service/sns/types"
	ssm "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// fault is one way in which a call goes wrong.
type fault struct {
	name string
	// err is what the function gets in place of the answer; nil when the operation does not go wrong
	// like that.
	err func(operation string) error
	// took says that the call takes effect first.
	took bool
	// cuts says that the function makes no further call in this try.
	cuts bool
	// answers says of which operations it is an answer about the account, and no failure; nil for none.
	answers func(operation string) bool
}

// faults are all the ways in which a call goes wrong.
var faults = []fault{
	{name: "throttled", err: func(o string) error { return answered(o, http.StatusBadRequest, coded(o).throttled) }},
	{name: "failing", err: func(o string) error { return answered(o, http.StatusInternalServerError, coded(o).failing) }},
	{name: "timed out", err: func(string) error { return unanswered(context.DeadlineExceeded) }},
	{
		name: "denied", err: func(o string) error { return answered(o, http.StatusForbidden, coded(o).denied) },
		answers: foreign,
	},
	{name: "gone", err: gone, answers: func(o string) bool {
		return service(o) != "dynamodb" && service(o) != "sns"
	}},
	{name: "cancelled", err: func(string) error { return &aws.RequestCanceledError{Err: context.Canceled} }, cuts: true},
	{name: "made, and its answer lost", err: func(string) error { return unanswered(syscall.ECONNRESET) }, took: true},
	{name: "made, its answer lost, and made again by the client", err: again, took: true},
	{name: "cut off before", err: cutOff, cuts: true},
	{name: "cut off after", err: cutOff, cuts: true, took: true},
}

func service(operation string) string { service, _, _ := strings.Cut(operation, ":"); return service }

// codes are the errors of a service, as its API reference has them.
type codes struct {
	throttled, failing, denied, gone error
}

func generic(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "a fault of the scenario"}
}

var message = aws.String("a fault of the scenario")

// services are the errors of each service: those that its model names have a type in the SDK, the
// others are of all services of its protocol.
//
//   - https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
//   - https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
//   - https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
//   - https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html
//   - https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html
//   - https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
//   - https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors
//   - https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
//   - https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/CommonErrors.html
//   - https://docs.aws.amazon.com/config/latest/APIReference/CommonErrors.html
//   - https://docs.aws.amazon.com/signin/latest/APIReference/API_PutResourcePermissionStatement.html
//   - https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_ListInstances.html
//   - https://docs.aws.amazon.com/guardduty/latest/APIReference/CommonErrors.html
//   - https://docs.aws.amazon.com/securityhub/1.0/APIReference/CommonErrors.html
//   - https://docs.aws.amazon.com/Route53/latest/APIReference/CommonErrors.html
var services = map[string]codes{
	"iam": {
		generic("Throttling"), &iam.ServiceFailureException{Message: message}, generic("AccessDenied"),
		&iam.NoSuchEntityException{Message: message},
	},
	"cloudformation": {
		generic("Throttling"), generic("InternalFailure"), generic("AccessDenied"), generic("ValidationError"),
	},
	"sts": {generic("Throttling"), generic("InternalFailure"), generic("AccessDenied"), nil},
	"ssm": {
		&ssm.ThrottlingException{Message: message}, &ssm.InternalServerError{Message: message},
		generic("AccessDeniedException"), &ssm.DoesNotExistException{Message: message},
	},
	"secretsmanager": {
		generic("ThrottlingException"), &secretsmanager.InternalServiceError{Message: message},
		generic("AccessDeniedException"), &secretsmanager.ResourceNotFoundException{Message: message},
	},
	"dynamodb": {
		&dynamodb.ThrottlingException{Message: message}, &dynamodb.InternalServerError{Message: message},
		generic("AccessDeniedException"), &dynamodb.ResourceNotFoundException{Message: message},
	},
	"sns": {
		&sns.ThrottledException{Message: message}, &sns.InternalErrorException{Message: message},
		&sns.AuthorizationErrorException{Message: message}, &sns.NotFoundException{Message: message},
	},
	"access-analyzer": {
		generic("ThrottlingException"), generic("InternalServerException"), generic("AccessDeniedException"),
		generic("ResourceNotFoundException"),
	},
	"cloudtrail": {
		generic("ThrottlingException"), generic("InternalFailure"), generic("AccessDeniedException"),
		generic("TrailNotFoundException"),
	},
	"config": {
		generic("ThrottlingException"), generic("InternalFailure"), generic("AccessDeniedException"),
		generic("NoSuchConfigurationRecorderException"),
	},
	"guardduty": {
		generic("TooManyRequestsException"), generic("InternalServerErrorException"), generic("AccessDeniedException"),
		generic("BadRequestException"),
	},
	"securityhub": {
		generic("TooManyRequestsException"), generic("InternalException"), generic("AccessDeniedException"),
		generic("ResourceNotFoundException"),
	},
	"route53resolver": {
		generic("ThrottlingException"), generic("InternalServiceErrorException"), generic("AccessDeniedException"),
		generic("ResourceNotFoundException"),
	},
	"ec2": {
		generic("RequestLimitExceeded"), generic("InternalError"), generic("UnauthorizedOperation"),
		generic("InvalidSnapshot.NotFound"),
	},
	"rds": {generic("Throttling"), generic("InternalFailure"), generic("AccessDenied"), generic("DBSnapshotNotFound")},
	"signin": {
		generic("TooManyRequestsError"), generic("InternalServerException"), generic("AccessDeniedException"),
		generic("ResourceNotFoundException"),
	},
	"sso": {
		generic("ThrottlingException"), generic("InternalServerException"), generic("AccessDeniedException"), nil,
	},
	"s3": {generic("SlowDown"), generic("InternalError"), generic("AccessDenied"), generic("NoSuchBucket")},
}

func coded(operation string) codes {
	c, ok := services[service(operation)]
	if !ok {
		panic("the errors of " + service(operation) + " are not known")
	}
	return c
}

// answered is an error that the service answered with, before the client of the SDK adds the operation
// to it. The code of one of S3 is all that the account needs to answer with it.
func answered(operation string, status int, err error) error {
	if service(operation) == "s3" {
		return err
	}
	return &awshttp.ResponseError{
		RequestID: "00000000-0000-4000-8000-000000000000",
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err,
		},
	}
}

// unanswered is the error of a client that has asked three times and got no answer.
func unanswered(err error) error {
	return &retry.MaxAttemptsError{Attempt: 3, Err: &smithyhttp.RequestSendError{Err: err}}
}

// again is for what changes something: an answer that is lost is asked for again by the client.
func again(operation string) error {
	// Package change makes each version of a policy with one try: a second would be one version too many.
	if fakeaws.Looks(operation) || operation == "iam:CreatePolicyVersion" ||
		service(operation) == "dynamodb" && operation != "dynamodb:PutItem" {
		return nil
	}
	return fakeaws.ErrAgain
}

// cutOff is not seen by a function that is ended by force: it makes no call any more.
func cutOff(string) error { return errors.New("the function is ended by force") }

// foreign reports whether the operation is denied if the thing is of another account, or if that account
// does not let anybody look: who may call it learns about the account from that.
func foreign(operation string) bool {
	return operation == "iam:GetAccessKeyLastUsed" || operation == "sts:AssumeRoot" ||
		strings.HasSuffix(operation, fakeaws.InRootSession)
}

// whole are the operations that are about all of the account: there is nothing that could be gone.
var whole = map[string]bool{
	"iam:GenerateCredentialReport": true, "iam:GetAccountAuthorizationDetails": true, "iam:GetAccountSummary": true,
	"iam:ListRoles": true, "iam:ListUsers": true,
	"iam:ListAccessKeys" + fakeaws.InRootSession: true,
	"ssm:DescribeInstanceInformation":            true, "ssm:DescribeSessions": true,
	"sts:AssumeRoot": true, "ec2:DescribeTags": true,
	"sso:ListInstances": true, "signin:GetConsoleAuthorizationConfiguration": true, "signin:GetResourcePolicy": true,
	"signin:ListResourcePermissionStatements": true, "signin:PutConsoleAuthorizationConfiguration": true,
	"signin:PutResourcePermissionStatement": true,
}

// gone is the answer that there is no such thing.
func gone(operation string) error {
	err, status := coded(operation).gone, http.StatusBadRequest
	switch service(operation) {
	case "iam", "sns", "s3":
		status = http.StatusNotFound
	}
	switch {
	case whole[operation]:
		return nil
	case operation == "iam:GetCredentialReport":
		err = &iam.CredentialReportNotPresentException{Message: message}
	}
	return answered(operation, status, err)
}
