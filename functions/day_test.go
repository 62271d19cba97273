package functions

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// day composes the records of an ordinary day; testdata/day.md says of what.
type day struct {
	at      time.Time
	records []record
	users   map[string]*fakeaws.User
}

type record = map[string]any

// object is a JSON object in a record.
type object = map[string]any

// caller is who makes calls, from where, and with what.
type caller struct {
	identity object
	address  string
	agent    string
}

func (d *day) user(name string) caller {
	id := fakeaws.UniqueID(name)
	d.users[name] = &fakeaws.User{ID: id, Tags: map[string]string{"owner": name + "@example.com"}, Boundary: boundaryARN}
	return caller{object{
		"type": "IAMUser", "userName": name, "principalId": id, "accountId": homeAccount,
		"arn": "arn:aws:iam::" + homeAccount + ":user/" + name, "accessKeyId": "ASIA" + strings.ToUpper(name) + "EXAMPLE1",
		"sessionContext": object{"attributes": object{"mfaAuthenticated": "true", "creationDate": "2026-11-16T00:05:00Z"}},
	}, "203.0.113.24", "Mozilla/5.0 (Macintosh)"}
}

// role is a session of a role, from an address or a service.
func role(path, name, session, from string) caller {
	identity := object{
		"type": "AssumedRole", "principalId": "AROAEXAMPLE" + strings.ToUpper(name) + ":" + session, "accountId": homeAccount,
		"arn":         fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", homeAccount, name, session),
		"accessKeyId": "ASIAEXAMPLEROLE00001",
		"sessionContext": object{
			"attributes": object{"mfaAuthenticated": "false", "creationDate": "2026-11-16T00:05:00Z"},
			"sessionIssuer": object{
				"type": "Role", "userName": name, "accountId": homeAccount, "arn": "arn:aws:iam::" + homeAccount + ":role" +
					path + name,
			},
		},
	}
	if strings.HasSuffix(from, ".amazonaws.com") {
		identity["invokedBy"] = from
	}
	return caller{identity, from, "aws-sdk-go-v2/1.39"}
}

func service(name string) caller {
	return caller{object{"type": "AWSService", "invokedBy": name + ".amazonaws.com"}, name + ".amazonaws.com",
		name + ".amazonaws.com"}
}

// call records a call of an API, some seconds after the one before.
func (d *day) call(who caller, source, name string, request object) record {
	d.at = d.at.Add(7 * time.Second)
	n := len(d.records) + 1
	identity := maps.Clone(who.identity)
	r := record{
		"eventVersion": "1.11", "userIdentity": identity, "eventTime": d.at.Format(time.RFC3339),
		"eventSource": source + ".amazonaws.com", "eventName": name, "awsRegion": "us-east-1", "sourceIPAddress": who.address,
		"userAgent": who.agent, "requestParameters": request, "responseElements": nil,
		"eventID":  fmt.Sprintf("da700000-0000-4000-8000-%012d", n),
		"readOnly": reads(name), "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": homeAccount,
	}
	d.records = append(d.records, r)
	return r
}

func reads(name string) bool {
	return slices.ContainsFunc([]string{"Get", "List", "Describe", "Head", "AssumeRole"},
		func(begin string) bool { return strings.HasPrefix(name, begin) })
}

// signIn records a sign-in to the console.
func (d *day) signIn(who caller) {
	mfa := "No" // as AWS records it of roles
	if who.identity["type"] == "IAMUser" {
		mfa = "Yes"
	}
	r := d.call(who, "signin", "ConsoleLogin", nil)
	r["eventType"], r["responseElements"] = "AwsConsoleSignIn", object{"ConsoleLogin": "Success"}
	r["additionalEventData"] = object{"MFAUsed": mfa, "MobileVersion": "No"}
}

const trustsLambda = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
	`"Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// policyOf is a policy document that allows actions on one resource.
func policyOf(resource string, actions ...string) string {
	text, err := json.Marshal(object{"Version": "2012-10-17", "Statement": []object{
		{"Effect": "Allow", "Action": actions, "Resource": resource},
	}})
	if err != nil {
		panic(err) // strings
	}
	return string(text)
}

// terraform applies 200 resources of a service that is new, each of which is read back.
func (d *day) terraform() {
	who := role("/", "terraform", "apply-1842", "203.0.113.80")
	who.agent = "APN/1.0 HashiCorp/1.0 Terraform/1.13.4 aws-sdk-go-v2/1.39"
	for i := range 20 {
		name := fmt.Sprint("shop-", i)
		bucket, topic := "acme-"+name, "arn:aws:sns:us-east-1:"+homeAccount+":"+name
		d.call(who, "iam", "CreateRole", object{"roleName": name, "assumeRolePolicyDocument": trustsLambda})
		d.call(who, "iam", "GetRole", object{"roleName": name})
		d.call(who, "iam", "PutRolePolicy", object{"roleName": name, "policyName": "work",
			"policyDocument": policyOf("arn:aws:s3:::"+bucket+"/*", "s3:GetObject", "s3:PutObject")})
		d.call(who, "iam", "AttachRolePolicy", object{"roleName": name,
			"policyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"})
		d.call(who, "iam", "ListAttachedRolePolicies", object{"roleName": name})
		d.call(who, "s3", "CreateBucket", object{"bucketName": bucket})
		d.call(who, "s3", "PutBucketPublicAccessBlock", object{"bucketName": bucket, "PublicAccessBlockConfiguration": object{
			"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true}})
		d.call(who, "s3", "PutBucketPolicy", object{"bucketName": bucket, "bucketPolicy": object{"Version": "2012-10-17",
			"Statement": []object{
				{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::" + bucket + "/*",
					"Condition": object{"Bool": object{"aws:SecureTransport": "false"}}},
			}}})
		d.call(who, "s3", "GetBucketAcl", object{"bucketName": bucket})
		d.call(who, "lambda", "CreateFunction20150331", object{"functionName": name, "runtime": "python3.13",
			"role": "arn:aws:iam::" + homeAccount + ":role/" + name})
		d.call(who, "lambda", "AddPermission20150331v2", object{"functionName": name, "action": "lambda:InvokeFunction",
			"statementId": "topic", "principal": "sns.amazonaws.com", "sourceArn": topic})
		d.call(who, "lambda", "GetFunction20150331v2", object{"functionName": name})
		d.call(who, "sns", "CreateTopic", object{"name": name})
		d.call(who, "sns", "SetTopicAttributes", object{"topicArn": topic, "attributeName": "KmsMasterKeyId",
			"attributeValue": "alias/shop"})
		d.call(who, "sqs", "CreateQueue", object{"queueName": name})
		d.call(
			who,
			"sqs",
			"SetQueueAttributes",
			object{"queueUrl": "https://sqs.us-east-1.amazonaws.com/" + homeAccount + "/" +
				name, "attributes": object{"VisibilityTimeout": "60"}},
		)
		d.call(who, "logs", "CreateLogGroup", object{"logGroupName": "/aws/lambda/" + name})
		d.call(who, "logs", "PutRetentionPolicy", object{"logGroupName": "/aws/lambda/" + name, "retentionInDays": 30})
		d.call(who, "monitoring", "PutMetricAlarm", object{"alarmName": name + "-errors", "metricName": "Errors"})
		d.call(who, "events", "PutRule", object{"name": name, "scheduleExpression": "rate(1 hour)"})
		d.call(who, "dynamodb", "CreateTable", object{"tableName": name})
	}
	d.call(who, "kms", "CreateKey", object{"description": "shop"})
	d.call(who, "kms", "EnableKeyRotation", object{"keyId": "0a1b2c3d-0000-4000-8000-000000000001"})
	d.call(who, "ec2", "CreateSecurityGroup", object{"groupName": "shop"})
	for _, port := range []int{443, 5432} {
		from := map[int]string{443: "0.0.0.0/0", 5432: "10.0.0.0/8"}[port]
		d.call(who, "ec2", "AuthorizeSecurityGroupIngress", object{"groupId": "sg-0123456789abcdef0", "ipPermissions": object{
			"items": []object{{"ipProtocol": "tcp", "fromPort": port, "toPort": port,
				"ipRanges": object{"items": []object{{"cidrIp": from}}}}}}})
	}
	d.call(who, "ec2", "CreateFlowLogs", object{"CreateFlowLogsRequest": object{"ResourceType": "VPC"}})
	d.call(who, "rds", "CreateDBInstance", object{"dBInstanceIdentifier": "shop", "publiclyAccessible": false})
	d.call(
		who,
		"ec2",
		"ModifyVpcAttribute",
		object{"vpcId": "vpc-0123456789abcdef0", "enableDnsHostnames": object{"value": true}},
	)
}

// cdk deploys five stacks: CloudFormation makes the calls with the execution role.
func (d *day) cdk() {
	person := role("/aws-reserved/sso.amazonaws.com/", "AWSReservedSSO_Developer_0123456789abcdef", "grace@example.com",
		"203.0.113.31")
	formation := role("/", "cdk-hnb659fds-cfn-exec-role-"+homeAccount+"-us-east-1", "AWSCloudFormation",
		"cloudformation.amazonaws.com")
	for stack := range 5 {
		name := fmt.Sprint("orders-", stack)
		d.call(person, "sts", "AssumeRole", object{"roleArn": "arn:aws:iam::" + homeAccount +
			":role/cdk-hnb659fds-deploy-role-" + homeAccount + "-us-east-1", "roleSessionName": "aws-cdk-grace"})
		d.call(person, "cloudformation", "CreateChangeSet", object{"stackName": name})
		d.call(person, "cloudformation", "ExecuteChangeSet", object{"stackName": name})
		for i := range 4 {
			made := fmt.Sprintf("%s-Handler%dServiceRole", name, i)
			d.call(formation, "iam", "CreateRole", object{"roleName": made, "assumeRolePolicyDocument": trustsLambda})
			d.call(formation, "iam", "AttachRolePolicy", object{"roleName": made,
				"policyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"})
			d.call(formation, "iam", "PutRolePolicy", object{"roleName": made, "policyName": "DefaultPolicy",
				"policyDocument": policyOf("arn:aws:dynamodb:us-east-1:"+homeAccount+":table/"+name, "dynamodb:*")})
			d.call(formation, "lambda", "CreateFunction20150331", object{"functionName": made,
				"role": "arn:aws:iam::" + homeAccount + ":role/" + made})
			d.call(formation, "lambda", "UpdateFunctionConfiguration20150331v2", object{"functionName": made, "timeout": 30})
			d.call(formation, "logs", "CreateLogGroup", object{"logGroupName": "/aws/lambda/" + made})
		}
		d.call(formation, "iam", "DeleteRolePolicy", object{"roleName": name + "-Old", "policyName": "DefaultPolicy"})
		d.call(formation, "iam", "DetachRolePolicy", object{"roleName": name + "-Old",
			"policyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"})
		d.call(formation, "iam", "DeleteRole", object{"roleName": name + "-Old"})
		for range 6 {
			d.call(person, "cloudformation", "DescribeStackEvents", object{"stackName": name})
		}
	}
	// What is rare, and told whoever does it: another region is bootstrapped.
	role := "cdk-hnb659fds-cfn-exec-role-" + homeAccount + "-eu-west-1"
	d.call(formation, "iam", "CreateRole", object{"roleName": role, "assumeRolePolicyDocument": strings.ReplaceAll(
		trustsLambda, "lambda", "cloudformation")})
	d.call(formation, "iam", "AttachRolePolicy", object{"roleName": role, "policyArn": administrator})
}

// pipelines are ten runs of CI, which signs in with a token and deploys code.
func (d *day) pipelines() {
	for run := range 10 {
		session := fmt.Sprint("run-", 700+run)
		hub := caller{object{"type": "WebIdentityUser", "userName": "repo:acme/shop:ref:refs/heads/main",
			"principalId": "arn:aws:iam::" + homeAccount + ":oidc-provider/token.actions.githubusercontent.com:x"},
			"198.51.100.140", "actions/configure-aws-credentials"}
		d.call(hub, "sts", "AssumeRoleWithWebIdentity", object{"roleArn": "arn:aws:iam::" + homeAccount + ":role/ci",
			"roleSessionName": session})
		ci := role("/", "ci", session, "198.51.100.140")
		for range 4 {
			d.call(ci, "ecr", "GetAuthorizationToken", nil)
			d.call(ci, "ecr", "PutImage", object{"repositoryName": "shop", "imageTag": session})
		}
		d.call(ci, "lambda", "UpdateFunctionCode20150331v2", object{"functionName": "shop-1", "s3Bucket": "acme-artifacts"})
		d.call(ci, "lambda", "PublishVersion20150331", object{"functionName": "shop-1"})
		d.call(ci, "ecs", "RegisterTaskDefinition", object{"family": "shop"})
		d.call(ci, "ecs", "UpdateService", object{"service": "shop", "cluster": "main"})
		d.call(ci, "ecs", "DescribeServices", object{"cluster": "main"})
	}
}

// people work in the console and on machines, from the office.
func (d *day) people() {
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		who := d.user(name)
		d.signIn(who)
		for _, read := range []string{"ListUsers", "GetAccountSummary", "ListAccessKeys", "GetUser", "ListMFADevices"} {
			d.call(who, "iam", read, nil)
		}
		for range 10 {
			d.call(who, "ec2", "DescribeInstances", nil)
			d.call(who, "monitoring", "DescribeAlarms", nil)
		}
		d.call(who, "ssm", "StartSession", object{"target": "i-0abc1234def567890"})["responseElements"] = object{
			"sessionId": name + "-0123456789abcdef0"}
		d.call(who, "iam", "ChangePassword", nil)
	}
	alice := d.user("alice")
	d.call(alice, "iam", "CreateAccessKey", object{"userName": "alice"})["responseElements"] = object{"accessKey": object{
		"userName": "alice", "accessKeyId": "AKIAALICEEXAMPLE0002", "status": "Active"}}
	d.call(alice, "iam", "UpdateAccessKey", object{"userName": "alice", "accessKeyId": "AKIAALICEEXAMPLE0001",
		"status": "Inactive"})
	d.call(alice, "iam", "DeleteAccessKey", object{"userName": "alice", "accessKeyId": "AKIAALICEEXAMPLE0001"})
	d.call(alice, "iam", "TagUser", object{"userName": "alice", "tags": []object{{"key": "team", "value": "shop"}}})
	for _, name := range []string{"grace", "heidi", "ivan"} {
		who := role("/aws-reserved/sso.amazonaws.com/", "AWSReservedSSO_Developer_0123456789abcdef", name+"@example.com",
			"203.0.113.40")
		d.signIn(who)
		for range 15 {
			d.call(who, "logs", "DescribeLogGroups", nil)
			d.call(who, "s3", "ListBuckets", nil)
		}
		d.call(who, "ec2", "RunInstances", object{"instancesSet": object{"items": []object{{"minCount": 1}}}})
		d.call(who, "ec2", "TerminateInstances", nil)
		d.call(who, "logs", "StartQuery", object{"logGroupName": "/aws/lambda/shop-1"})
	}
	failed := d.call(d.user("carol"), "ec2", "StopInstances", nil)
	failed["errorCode"], failed["errorMessage"] = "Client.UnauthorizedOperation", "You are not authorized."
}

// services do their own work, all day.
func (d *day) services() {
	for range 30 {
		d.call(service("ec2"), "sts", "AssumeRole", object{"roleSessionName": "i-0abc1234def567890"})
		d.call(service("lambda"), "sts", "AssumeRole", object{"roleSessionName": "shop-1"})
	}
	scaling := role("/aws-service-role/autoscaling.amazonaws.com/", "AWSServiceRoleForAutoScaling", "AutoScaling",
		"autoscaling.amazonaws.com")
	backup := role("/service-role/", "AWSBackupDefaultServiceRole", "AWSBackup-job", "backup.amazonaws.com")
	for range 10 {
		d.call(scaling, "ec2", "RunInstances", nil)
		d.call(scaling, "ec2", "TerminateInstances", nil)
		d.call(backup, "ec2", "CreateSnapshot", object{"volumeId": "vol-0123456789abcdef0"})
		d.call(backup, "ec2", "DeleteSnapshot", object{"snapshotId": "snap-0123456789abcdef0"})
	}
	for _, name := range []string{"elasticloadbalancing", "rds"} {
		d.call(role("/", "terraform", "apply-1842", name+".amazonaws.com"), "iam", "CreateServiceLinkedRole",
			object{"aWSServiceName": name + ".amazonaws.com"})
	}
}

func ordinaryDay() *day {
	d := &day{at: time.Date(2026, 11, 16, 0, 5, 0, 0, time.UTC), users: map[string]*fakeaws.User{}}
	d.people()
	d.terraform()
	d.cdk()
	d.pipelines()
	d.services()
	return d
}

// TestDay holds what an ordinary day costs in attention: at most one notice of high or above for a hundred records.
func TestDay(t *testing.T) {
	d := ordinaryDay()
	state := fakeaws.State{Users: d.users, Policies: map[string]fakeaws.Document{
		"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole": fakeaws.Document(
			policyOf("*", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")),
		boundaryARN:   fakeaws.Document(policyOf("*", "s3:*")),
		administrator: fakeaws.Document(policyOf("*", "*")),
	}}
	w := newWorld(t, state, control.Enforce)
	starts, told, changed := 0, map[string]int{}, 0
	for _, r := range d.records {
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range w.send(t, data) {
			starts++
			if a.err != nil {
				t.Errorf("%s: %s: %v", r["eventName"], a.Control, a.err)
			}
			for _, m := range a.notices {
				told[m.Severity]++
				if control.Severity(m.Severity).Rank() >= control.High.Rank() {
					t.Logf("%s: %s: %s", m.Control, m.Severity, m.Line())
				}
			}
			changed += len(a.Changes)
		}
	}
	urgent := told[string(control.High)] + told[string(control.Critical)]
	t.Logf("%d records, %d runs, notices %v, %d changes", len(d.records), starts, told, changed)
	if urgent == 0 || urgent*100 > len(d.records) {
		t.Errorf(
			"%d notices of high or above for %d records, want some, and at most one for a hundred",
			urgent,
			len(d.records),
		)
	}
	if all := urgent + told[string(control.Medium)] + told[string(control.Low)]; all*10 > len(d.records) {
		t.Errorf("%d notices for %d records, want at most one for ten", all, len(d.records))
	}
	if changed > 0 {
		t.Errorf("%d changes", changed)
	}
}
