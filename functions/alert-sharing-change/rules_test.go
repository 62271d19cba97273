package alertsharingchange

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/settings"
)

// severity is how bad a call is, with what the planner has found in it.
func severity(t *testing.T, service, name, parameters string) control.Severity {
	t.Helper()
	var request map[string]any
	decoder := json.NewDecoder(strings.NewReader(parameters))
	decoder.UseNumber()
	if err := decoder.Decode(&request); err != nil {
		t.Fatalf("%s: %v", parameters, err)
	}
	planner := newPlanner(settings.Function{TrustedAccounts: []string{"444455556666", "o-exampleorgid"}})
	found, err := planner.Plan(t.Context(), event.Event{Detail: &event.APICall{Record: event.Record{
		Source: service + ".amazonaws.com", Name: name, RecipientAccount: "111122223333", Request: request,
	}}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		return nothing
	}
	return found[0].Severity
}

// Policies come as text, as objects, under any parameter, and say whom they let in in many ways.
func TestPolicies(t *testing.T) {
	statement := func(rest string) string { return `{"Statement":[{"Effect":"Allow","Action":"*",` + rest + `}]}` }
	for document, want := range map[string]control.Severity{
		statement(`"Principal":"*"`):                                                                        critical,
		statement(`"Principal":{"AWS":"*"}`):                                                                critical,
		statement(`"Principal":{"aws":["444455556666","*"]}`):                                               critical,
		statement(`"Principal":{"AWS":"arn:aws:iam::*:root"}`):                                              critical,
		statement(`"NotPrincipal":{"AWS":"444455556666"}`):                                                  critical,
		statement(`"Principal":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}`):                    critical,
		statement(`"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":["0.0.0.0/1","128.0.0.0/1"]}}`): critical,
		statement(`"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`):            high,
		statement(`"Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-exampleorgid"}}`):   low,
		statement(`"Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-anotherorgid"}}`):   high,
		statement(`"Principal":"*","Condition":{"StringEquals":{"AWS:SourceOwner":"111122223333"}}`):        low,
		statement(`"Principal":{"AWS":"777788889999"}`):                                                     high,
		statement(`"Principal":{"AWS":["111122223333","arn:aws:iam::444455556666:role/x"]}`):                low,
		statement(`"Principal":{"CanonicalUser":"79a59df900b949e5"}`):                                       high,
		statement(`"Principal":{"Service":"lambda.amazonaws.com"}`):                                         low,
		`{"Statement":[{"Effect":"Deny","Action":"*","Principal":"*"}]}`:                                    low,
		`{"statement":[{"Effect":"Allow","Action":"*","Principal":"*"}]}`:                                   high, // AWS's keys have one case
		`{"Statement":[{"Effect":"Allow"`:                                                                   high,
	} {
		text, _ := json.Marshal(document)
		calls := map[[2]string]string{
			{"s3", "PutBucketPolicy"}:               `{"bucketName":"x","bucketPolicy":` + document + `,"policy":[""]}`,
			{"secretsmanager", "PutResourcePolicy"}: `{"secretId":"x","resourcePolicy":` + string(text) + `}`,
			{"sqs", "SetQueueAttributes"}:           `{"queueUrl":"x","attributes":{"Policy":` + string(text) + `}}`,
			{"sns", "SetTopicAttributes"}:           `{"attributeName":"Policy","attributeValue":` + string(text) + `}`,
			{"kms", "CreateKey"}:                    `{"policy":` + string(text) + `}`,
			{"logs", "PutDestinationPolicy"}:        `{"destinationName":"x","accessPolicy":` + string(text) + `}`,
			{"events", "PutPermission"}:             `{"eventBusName":"x","policy":` + string(text) + `}`,
		}
		for call, parameters := range calls {
			if call[0] == "s3" && !json.Valid([]byte(document)) {
				continue
			}
			if got := severity(t, call[0], call[1], parameters); got != want {
				t.Errorf("%s %s: %q, want %q", call[1], document, got, want)
			}
		}
	}
}

func TestCalls(t *testing.T) {
	for _, tc := range []struct {
		service, name, parameters string
		want                      control.Severity
	}{
		{"s3", "PutBucketPolicy", `null`, medium},
		{"s3", "PutBucketPolicy", `{"bucketName":"x","bucketPolicy":null}`, medium},
		{"sqs", "SetQueueAttributes", `{"attributes":{"RedrivePolicy":"{\"maxReceiveCount\":3}"}}`, nothing},
		{"sns", "SetTopicAttributes", `{"attributeName":"DisplayName","attributeValue":"x"}`, nothing},
		{"lambda", "AddPermission20150331v2", `{"principal":"*"}`, critical},
		{"lambda", "AddPermission", `{"principal":"*","functionUrlAuthType":"NONE"}`, critical},
		{"lambda", "AddPermission20150331v2", `{"principal":"*","principalOrgID":"o-exampleorgid"}`, low},
		{"lambda", "AddPermission20150331v2", `{"principal":"*","sourceArn":"arn:aws:s3:::x"}`, critical},
		{"lambda", "AddPermission20150331v2", `{"principal":"777788889999"}`, high},
		{"lambda", "AddPermission20150331v2", `{"principal":"arn:aws:iam::777788889999:root"}`, high},
		{"lambda", "AddPermission20150331v2", `{"principal":"s3.amazonaws.com","sourceArn":"arn:aws:s3:::x"}`, nothing},
		{"lambda", "AddPermission20150331v2", `{"principal":"sns.amazonaws.com","sourceArn":"arn:aws:sns:us-east-1:777788889999:x"}`,
			high},
		{"lambda", "AddPermission20150331v2", `{"principal":"apigateway.amazonaws.com"}`, medium},
		{"lambda", "AddLayerVersionPermission20181031", `{"principal":"*","organizationId":"o-anotherorgid"}`, high},
		{"events", "PutPermission", `{"eventBusName":"x","principal":"*","condition":{"key":"aws:PrincipalOrgID",` +
			`"type":"StringEquals","value":"o-exampleorgid"}}`, low},
		{"events", "PutPermission", `{"eventBusName":"x","principal":"*"}`, critical},
		{"events", "PutPermission", `{"principal":"*"}`, nothing}, // the bus that Warder listens to
		{"sns", "AddPermission", `{"aWSAccountId":["777788889999"],"label":"x"}`, high},
		{"ec2", "ModifySnapshotAttribute", `{"createVolumePermission":{"add":{"items":[{"userId":"111122223333"}]}}}`, low},
		{"ec2", "ModifySnapshotAttribute", `{"operationType":"add","groupNames":{},"userId":"777788889999"}`, high},
		{"ec2", "ModifySnapshotAttribute", `{"operationType":"remove","userId":"777788889999"}`, nothing},
		{"ec2", "ModifyImageAttribute", `{"description":{"value":"all"}}`, nothing},
		{"ec2", "ModifyImageAttribute", `{"launchPermission":{"add":{"items":[{"organizationArn":` +
			`"arn:aws:organizations::777788889999:organization/o-anotherorgid"}]}}}`, high},
		{"ec2", "ModifyImageAttribute", `{"launchPermission":{"add":{"items":[{"organizationalUnitArn":` +
			`"arn:aws:organizations::777788889999:ou/o-exampleorgid/ou-a-b"}]}}}`, low},
		{"rds", "ModifyDBClusterSnapshotAttribute", `{"attributeName":"restore","valuesToAdd":["ALL"]}`, critical},
		{"rds", "ModifyDBSnapshotAttribute", `{"attributeName":"restore","valuesToRemove":["all"]}`, nothing},
		{"ssm", "ModifyDocumentPermission", `{"name":"x","accountIdsToAdd":["All"]}`, critical},
		{"ram", "CreateResourceShare", `{"name":"x"}`, nothing},
		{"ram", "AssociateResourceShare", `{"principals":["777788889999"]}`, high},
		{"kms", "CreateGrant", `{"granteePrincipal":"arn:aws:iam::777788889999:role/x"}`, high},
		{"kms", "CreateGrant", `{"granteePrincipal":"dynamodb.amazonaws.com"}`, nothing},
		{"s3", "PutBucketAcl", `{"bucketName":"public-read","x-amz-acl":["private"]}`, nothing},
		{"s3", "PutBucketAcl", `{"bucketName":"private","x-amz-acl":"public-read-write"}`, critical},
		{"s3", "PutBucketAcl", `{"bucketName":"x","x-amz-acl":["authenticated-read"]}`, critical},
		{"s3", "PutBucketAcl", `{"bucketName":"x","AccessControlPolicy":{"Owner":{"ID":"a"},"AccessControlList":{"Grant":` +
			`{"Grantee":{"URI":"http://acs.amazonaws.com/groups/global/AllUsers"},"Permission":"READ"}}}}`, critical},
		{"s3", "PutBucketAcl", `{"bucketName":"x","AccessControlPolicy":{"Owner":{"ID":"a"},"AccessControlList":{"Grant":` +
			`[{"Grantee":{"ID":"a"}},{"Grantee":{"ID":"b"}}]}}}`, high},
		{"s3", "PutBucketAcl", `{"bucketName":"x","AccessControlPolicy":{"Owner":{"ID":"a"},"AccessControlList":{"Grant":` +
			`[{"Grantee":{"ID":"a"}},{"Grantee":{"URI":"http://acs.amazonaws.com/groups/s3/LogDelivery"}}]}}}`, nothing},
		{"s3", "PutBucketAcl", `{"bucketName":"x","x-amz-grant-read":["id=\"b\""]}`, medium},
		{"s3", "CreateBucket", `{"bucketName":"x","x-amz-acl":["public-read"]}`, critical},
		{"s3", "CreateBucket", `{"bucketName":"x"}`, nothing},
		{"s3", "DeletePublicAccessBlock", `{"accountId":"111122223333"}`, critical},
		{"s3", "DeleteBucketPublicAccessBlock", `{"bucketName":"x"}`, high},
		{"s3", "PutPublicAccessBlock", `{"bucketName":"x","PublicAccessBlockConfiguration":{"BlockPublicAcls":"true"}}`, high},
		{"s3", "PutBucketEncryption", `{"bucketName":"x","ServerSideEncryptionConfiguration":{"Rule":` +
			`{"KMSMasterKeyID":"arn:aws:kms:us-east-1:777788889999:key/1"}}}`, high},
		{"s3", "PutBucketEncryption", `{"bucketName":"x"}`, nothing},
		{"s3", "PutBucketVersioning", `{"bucketName":"x","VersioningConfiguration":{"Status":"Suspended"}}`, medium},
		{"s3", "PutBucketLogging", `{"bucketName":"x","BucketLoggingStatus":{}}`, medium},
		{"s3", "PutBucketWebsite", `{"bucketName":"warder-reports-1"}`, critical},
		{"ec2", "AuthorizeSecurityGroupIngress", `{"cidrIp":"208.236.235.254/0","fromPort":22,"toPort":22,"ipProtocol":"tcp",` +
			`"ipPermissions":{}}`, high},
		{"ec2", "AuthorizeSecurityGroupIngress", `{"ipPermissions":{"items":[{"ipProtocol":"-1","ipv6Ranges":{"items":` +
			`[{"cidrIpv6":"::/0"}]}}]}}`, high},
		{"ec2", "AuthorizeSecurityGroupIngress", `{"ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":0,"toPort":65535,` +
			`"ipRanges":{"items":[{"cidrIp":"0.0.0.0/1"},{"cidrIp":"128.0.0.0/1"}]}}]}}`, high},
		{"ec2", "AuthorizeSecurityGroupIngress", `{"ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,` +
			`"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}`, nothing},
		{"ec2", "AuthorizeSecurityGroupIngress", `{"ipPermissions":{"items":[{"ipProtocol":"icmp","fromPort":-1,"toPort":-1,` +
			`"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}`, nothing},
		{"ec2", "ModifySecurityGroupRules", `{"ModifySecurityGroupRulesRequest":{"SecurityGroupRule":{"SecurityGroupRule":` +
			`{"IpProtocol":"tcp","FromPort":20,"ToPort":30,"CidrIpv4":"0.0.0.0/0"}}}}`, high},
		{"ec2", "EnableSnapshotBlockPublicAccess", `{"EnableSnapshotBlockPublicAccessRequest":{"State":"block-all-sharing"}}`,
			nothing},
		{"lambda", "CreateFunctionUrlConfig", `{"authType":"AWS_IAM"}`, medium},
		{"lambda", "UpdateFunctionConfiguration20150331v2", `{"environment":{}}`, nothing},
		{"lambda", "UpdateFunctionCode20150331v2", `{"dryRun":true}`, nothing},
		{"rds", "CreateDBInstance", `{"publiclyAccessible":true}`, high},
		{"rds", "ModifyDBInstance", `{"publiclyAccessible":false}`, nothing},
		{"eks", "UpdateClusterConfig", `{"resourcesVpcConfig":{"endpointPublicAccess":true,"publicAccessCidrs":` +
			`["203.0.113.0/24"]}}`, medium},
		{"eks", "CreateAccessEntry", `{"principalArn":"arn:aws:iam::111122223333:role/x","kubernetesGroups":` +
			`["system:masters"]}`, high},
		{"sns", "Subscribe", `{"protocol":"sqs","endpoint":"arn:aws:sqs:us-east-1:111122223333:x"}`, nothing},
		{"sns", "Subscribe", `{"protocol":"HTTPS","endpoint":"https://example.com"}`, low},
		{"lambda", "AddPermission20150331v2", `{"functionName":"warder-undo","principal":"*"}`, nothing}, // Warder's own
	} {
		if got := severity(t, tc.service, tc.name, tc.parameters); got != tc.want {
			t.Errorf("%s %s: %q, want %q", tc.name, tc.parameters, got, tc.want)
		}
	}
}
