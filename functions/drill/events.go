package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/event"
)

// outside are addresses that nobody has: those of documentation, RFC 5737 and 3849.
var outside = []netip.Addr{
	netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("203.0.113.1"),
	netip.MustParseAddr("2001:db8::1"),
}

// put puts one event on the bus, with the detail as AWS sends it, and returns the id that it got. The
// role may put events of no other source; events:source may have several values, so that the condition
// is about all of them, and that there are some.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
func (p *play) put(ctx context.Context, kind string, at time.Time, detail map[string]any) (id string, err error) {
	text, err := json.Marshal(detail)
	if err != nil {
		return "", fmt.Errorf("encode event: %w", err)
	}
	out, err := p.bus.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: &p.settings.Bus, Source: aws.String(event.Drilled), DetailType: &kind, Detail: aws.String(string(text)),
		Time: &at,
	}}})
	if err == nil && len(out.Entries) != 1 {
		err = errors.New("no answer about the event")
	}
	if err == nil && aws.ToString(out.Entries[0].ErrorCode) != "" {
		err = fmt.Errorf("%s: %s", *out.Entries[0].ErrorCode, aws.ToString(out.Entries[0].ErrorMessage))
	}
	if err != nil {
		return "", fmt.Errorf("put an event on the bus %s: %w", p.settings.Bus, err)
	}
	return aws.ToString(out.Entries[0].EventId), nil
}

// oldKey is the event of AWS Config that the user has an access key that is too old.
// https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html
func (p *play) oldKey(rule string, at time.Time) map[string]any {
	stamp := at.UTC().Format("2006-01-02T15:04:05.000Z")
	return map[string]any{
		"resourceId": p.drill.UserID, "resourceType": "AWS::IAM::User", "awsRegion": p.region,
		"awsAccountId":   p.settings.Account,
		"configRuleName": rule,
		"configRuleARN": "arn:" + p.partition + ":config:" + p.region + ":" + p.settings.Account +
			":config-rule/config-rule-" + p.drill.ID,
		"recordVersion": "1.0", "messageType": "ComplianceChangeNotification", "notificationCreationTime": stamp,
		"newEvaluationResult": map[string]any{
			"evaluationResultIdentifier": map[string]any{
				"evaluationResultQualifier": map[string]any{
					"configRuleName": rule, "resourceType": "AWS::IAM::User", "resourceId": p.drill.UserID,
					"evaluationMode": "DETECTIVE",
				},
				"orderingTimestamp": stamp,
			},
			"complianceType": "NON_COMPLIANT", "resultRecordedTime": stamp, "configRuleInvokedTime": stamp,
		},
	}
}

// signIn is the event of a console sign-in of the user that succeeded.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
func (p *play) signIn(id string, from netip.Addr, at time.Time) map[string]any {
	return map[string]any{
		"eventVersion": "1.11", "eventType": "AwsConsoleSignIn", "eventCategory": "Management", "managementEvent": true,
		"readOnly":    false,
		"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "eventTime": at.UTC().Format(time.RFC3339),
		"eventID":   id,
		"awsRegion": p.region, "recipientAccountId": p.settings.Account, "sourceIPAddress": from.String(),
		"userAgent": "warder-drill",
		"userIdentity": map[string]any{
			"type": "IAMUser", "principalId": p.drill.UserID, "accountId": p.settings.Account, "userName": p.drill.User,
			"arn": "arn:" + p.partition + ":iam::" + p.settings.Account + ":user" + drill.Path + p.drill.User,
		},
		"requestParameters": nil, "responseElements": map[string]any{"ConsoleLogin": "Success"},
		"additionalEventData": map[string]any{
			"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "No",
		},
	}
}
