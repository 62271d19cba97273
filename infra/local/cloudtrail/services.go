package cloudtrail

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// services are those beside IAM in which Warder has something or restores what others change, by the name in a
// signature, with the name in events.
var services = map[string]string{
	"cloudtrail": "cloudtrail", "cloudwatch": "monitoring", "config": "config", "dynamodb": "dynamodb", "ec2": "ec2",
	"events": "events", "guardduty": "guardduty", "kms": "kms", "lambda": "lambda", "logs": "logs",
	"monitoring": "monitoring", "rds": "rds", "route53resolver": "route53resolver", "securityhub": "securityhub",
	"scheduler": "scheduler", "signin": "signin", "sns": "sns", "sqs": "sqs", "ssm": "ssm",
}

// data are the calls that work with what is in a table, a queue, a topic or a log: CloudTrail records them as data
// events, or not at all.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
var data = []string{
	"BatchWriteItem", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "DeleteItem", "DeleteMessage",
	"DeleteMessageBatch", "Decrypt", "Encrypt", "ExecuteStatement", "Invoke", "PartiQLUpdate", "Publish", "PublishBatch",
	"PutEvents", "PutItem", "PutLogEvents", "PutMetricData", "Query", "ReceiveMessage", "Scan", "SendMessage",
	"SendMessageBatch", "TransactWriteItems", "UpdateItem",
}

// Recorded returns what events name the service of a call that is recorded as one that changes something; ok is false
// for any other call. IAM's calls are for [Mutating].
func Recorded(service, action string) (name string, ok bool) {
	name, ok = services[service]
	verbs := []string{"BatchGet", "Describe", "Filter", "Get", "List", "StartQuery", "Test", "Verify"}
	reading := slices.ContainsFunc(verbs, func(verb string) bool { return strings.HasPrefix(action, verb) })
	if !ok || action == "" || reading || slices.Contains(data, action) {
		return "", false
	}
	return name, true
}

// recordJSON adds to a record what a call and an answer in JSON say.
func recordJSON(record map[string]any, call Call) error {
	var parameters any
	if len(call.Body) > 0 {
		if err := json.Unmarshal(call.Body, &parameters); err != nil {
			return fmt.Errorf("decode request: %w", err)
		}
	}
	var answer any
	_ = json.Unmarshal(call.Answer, &answer) // what is no JSON is no answer to record
	if call.Status >= 300 {
		fields, _ := answer.(map[string]any)
		code, _ := fields["__type"].(string)
		record["errorCode"] = code[strings.LastIndexAny(code, "#:")+1:]
		record["errorMessage"] = fmt.Sprint(fields["message"])
		if record["errorCode"] == "" {
			record["errorCode"] = "InvalidRequestException"
		}
		return nil
	}
	record["requestParameters"] = named(parameters)
	if fields, ok := named(answer).(map[string]any); ok && len(fields) > 0 {
		record["responseElements"] = fields
	}
	return nil
}

// hidden is what a record has in place of a secret.
const hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"

// named is a value as records have it: the names of its fields begin in lower case. The keys of attributes are no names
// of fields.
func named(value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, 0, len(value))
		for _, item := range value {
			list = append(list, named(item))
		}
		return list
	case map[string]any:
		fields := map[string]any{}
		for name, inner := range value {
			switch {
			case name == "Value" || secret[name]:
				fields[lowerCamel(name)] = hidden
			case name == "Attributes":
				fields[lowerCamel(name)] = inner
			default:
				fields[lowerCamel(name)] = named(inner)
			}
		}
		return fields
	}
	return value
}
