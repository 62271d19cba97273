package simulate

import (
	"fmt"
	"time"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// message is an event of EventBridge.
type message struct {
	id   string
	name string // of the call, or what kind of event it is
	json []byte
}

// envelope is an event of EventBridge.
func (w *world) envelope(source, kind, region string, resources []string, detail map[string]any) message {
	w.events++
	id := fmt.Sprintf("%08d-0000-4000-8000-%012d", w.events, w.o.Seed%1_000_000_000_000)
	name := kind
	if call, ok := detail["eventName"].(string); ok {
		name = call
	}
	return message{id, name, object(map[string]any{
		"version": "0", "id": id, "detail-type": kind, "source": source, "account": number, "time": w.now.UTC().Format(time.RFC3339),
		"region": region, "resources": append([]string{}, resources...), "detail": detail,
	})}
}

// identity is who did it, as CloudTrail has it: a person of Identity Center, or an IAM user.
func (w *world) identity(user string) map[string]any {
	if user == "" {
		const role = "AWSReservedSSO_Operator_0123456789abcdef"
		return map[string]any{
			"type": "AssumedRole", "principalId": "AROAAWSRESERVEEXAMPLE:kim@example.com", "accountId": number, "accessKeyId": "ASIAAWSRESERVEXAMPLE",
			"arn": "arn:aws:sts::" + number + ":assumed-role/" + role + "/kim@example.com",
			"sessionContext": map[string]any{"sessionIssuer": map[string]any{
				"type": "Role", "principalId": "AROAAWSRESERVEEXAMPLE", "accountId": number, "userName": role,
				"arn": "arn:aws:iam::" + number + ":role/aws-reserved/sso.amazonaws.com/us-east-2/" + role,
			}},
		}
	}
	u := w.user(user)
	return map[string]any{
		"type": "IAMUser", "principalId": u.ID, "arn": "arn:aws:iam::" + number + ":user" + u.Path + user, "accountId": number, "userName": user,
	}
}

// call is the event of an API call that CloudTrail recorded.
func (w *world) call(service, name, region, from string, who map[string]any, request, response any) message {
	kind, typ := "AWS API Call via CloudTrail", "AwsApiCall"
	if service == "signin" {
		kind, typ = "AWS Console Sign In via CloudTrail", "AwsConsoleSignIn"
	}
	return w.envelope("aws."+service, kind, region, nil, map[string]any{
		"eventVersion": "1.11", "eventType": typ, "eventSource": service + ".amazonaws.com", "eventName": name, "userIdentity": who,
		"eventID": fmt.Sprintf("%08d-1111-4000-8000-%012d", w.events, w.o.Seed%1_000_000_000_000), "eventTime": w.now.UTC().Format(time.RFC3339), "awsRegion": region,
		"recipientAccountId": number, "readOnly": false, "managementEvent": true, "eventCategory": "Management",
		"sourceIPAddress": from, "userAgent": "aws-cli/2.31.18", "requestParameters": request, "responseElements": response,
	})
}

// iam is the event of a call to IAM that somebody of Identity Center made.
func (w *world) iam(name string, request map[string]any) message {
	return w.call("iam", name, "us-east-1", inside, w.identity(""), request, nil)
}

// compliance is what AWS Config says of a user, by its unique id.
func (w *world) compliance(rule string, u *fakeaws.User) message {
	return w.envelope("aws.config", "Config Rules Compliance Change", "us-east-1", nil, map[string]any{
		"messageType": "ComplianceChangeNotification", "configRuleName": rule, "resourceType": "AWS::IAM::User", "resourceId": u.ID,
		"awsAccountId": number, "awsRegion": "us-east-1", "newEvaluationResult": map[string]any{"complianceType": "NON_COMPLIANT"},
	})
}

// exposed is what AWS Health says of a key that is public.
func (w *world) exposed(key string) message {
	code := fmt.Sprintf("AWS_RISK_CREDENTIALS_EXPOSED_%d", w.events)
	return w.envelope("aws.health", "AWS Health Event", "us-east-1", []string{key}, map[string]any{
		"eventArn": "arn:aws:health:us-east-1::event/RISK/AWS_RISK_CREDENTIALS_EXPOSED/" + code, "service": "RISK", "eventTypeCode": "AWS_RISK_CREDENTIALS_EXPOSED",
		"eventTypeCategory": "issue", "startTime": w.now.UTC().Format(time.RFC1123), "eventScopeCode": "ACCOUNT_SPECIFIC", "communicationId": fmt.Sprintf("c%06d", w.events),
		"eventDescription": []any{map[string]any{"language": "en_US", "latestDescription": "An access key of yours: " + key}},
		"affectedEntities": []any{map[string]any{"entityValue": key, "status": "IMPAIRED"}}, "statusCode": "open", "eventRegion": "us-east-1",
		"affectedAccount": number, "page": "1", "totalPages": "1", "backupEvent": "false",
	})
}

// public is what Access Analyzer says of a bucket.
func (w *world) public(bucket, region string) message {
	now := w.now.UTC().Format(time.RFC3339)
	return w.envelope("aws.access-analyzer", "Access Analyzer Finding", region, nil, map[string]any{
		"version": "1.0", "id": fmt.Sprintf("%08d-2222-4000-8000-%012d", w.events, 1), "status": "ACTIVE", "accountId": number, "createdAt": now, "analyzedAt": now,
		"updatedAt": now, "isDeleted": false, "region": region, "resourceType": "AWS::S3::Bucket", "resource": "arn:aws:s3:::" + bucket, "isPublic": true,
		"principal": map[string]any{"AWS": "*"}, "action": []string{"s3:GetObject"}, "condition": map[string]any{},
	})
}

// scheduled is what a schedule says.
func (w *world) scheduled(rule string) message {
	return w.envelope("aws.events", "Scheduled Event", "us-east-1", []string{"arn:aws:events:us-east-1:" + number + ":rule/" + rule}, map[string]any{})
}

// Where people are.
const (
	inside  = "203.0.113.24"
	outside = "198.51.100.77"
)
