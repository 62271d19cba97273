package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/warder-aws/warder/infra/local/emulator"
)

// options are those of a command line of the AWS CLI: --name value….
type options struct {
	values map[string][]string
	rest   []string // what is no option's
}

func parseOptions(args []string) options {
	o, last := options{values: map[string][]string{}}, ""
	for _, arg := range args {
		name, ok := strings.CutPrefix(arg, "--")
		switch {
		case ok:
			last, o.values[name] = name, nil
		case last != "" && (len(o.values[last]) == 0 || listOptions[last]):
			o.values[last] = append(o.values[last], arg)
		default:
			o.rest = append(o.rest, arg)
		}
	}
	return o
}

// listOptions take several values.
var listOptions = map[string]bool{
	"alarm-names": true, "filter": true, "flow-log-ids": true, "group-names": true, "ids": true,
	"organization-arns": true, "resource-ids": true, "tag-keys": true, "tags": true, "user-ids": true,
	"values-to-add": true,
}

// one is the value of an option, empty when it has none.
func (o options) one(name string) string { return strings.Join(o.values[name], " ") }

// pascal is an operation or an option as the API names it: user-name is UserName.
func pascal(kebab string) string {
	var name strings.Builder
	for part := range strings.SplitSeq(kebab, "-") {
		name.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return strings.NewReplacer("Mfa", "MFA", "Ssh", "SSH", "Db", "DB").Replace(name.String())
}

// fields are the parts of a shorthand value: Key=owner,Value=alice.
func fields(shorthand string) map[string]string {
	parts := map[string]string{}
	for part := range strings.SplitSeq(shorthand, ",") {
		if name, value, ok := strings.Cut(part, "="); ok {
			parts[name] = value
		}
	}
	return parts
}

// targets are the services of which a call is JSON, and how their operations are named.
var targets = map[string]string{
	"ssm": "AmazonSSM", "secretsmanager": "secretsmanager", "dynamodb": "DynamoDB_20120810", "events": "AWSEvents",
	"kms": "TrentService", "logs": "Logs_20140328", "sqs": "AmazonSQS",
	"cloudtrail": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "configservice": "StarlingDoveService",
	"route53resolver": "Route53Resolver",
}

// restCalls are the method and the path of the operations of services that have a path for each. ID is the value of
// detector-id.
var restCalls = map[string][2]string{
	"guardduty create-detector":           {http.MethodPost, "detector"},
	"guardduty delete-detector":           {http.MethodDelete, "detector/ID"},
	"guardduty get-detector":              {http.MethodGet, "detector/ID"},
	"guardduty list-detectors":            {http.MethodGet, "detector"},
	"guardduty update-detector":           {http.MethodPost, "detector/ID"},
	"securityhub batch-disable-standards": {http.MethodPost, "standards/deregister"},
	"securityhub batch-enable-standards":  {http.MethodPost, "standards/register"},
	"securityhub disable-security-hub":    {http.MethodDelete, "accounts"},
	"securityhub enable-security-hub":     {http.MethodPost, "accounts"},
	"securityhub get-enabled-standards":   {http.MethodPost, "standards/get"},
}

// restRequest is a call of the REST protocol in JSON.
func restRequest(ctx context.Context, endpoint, service, operation string, o options) (*http.Request, error) {
	call, ok := restCalls[service+" "+operation]
	if !ok {
		return nil, fmt.Errorf("aws %s %s: scripts do not have it", service, operation)
	}
	path := strings.Replace(call[1], "ID", o.one("detector-id"), 1)
	delete(o.values, "detector-id")
	body, err := json.Marshal(o.input(service == "guardduty"))
	if err != nil {
		return nil, err
	}
	if call[0] != http.MethodPost {
		body = nil
	}
	request, err := http.NewRequestWithContext(ctx, call[0], endpoint+"/"+path, bytes.NewReader(body))
	if err == nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, err
}

// versions are those of the query APIs other than IAM's and STS's.
var versions = map[string]string{
	"sns": "2010-03-31", "cloudwatch": "2010-08-01", "ec2": "2016-11-15", "rds": "2014-10-31",
}

// flat are the lists of EC2 and RDS, which the wire names otherwise than the command line.
var flat = map[string]string{
	"flow-log-ids": "FlowLogId", "resource-ids": "ResourceId", "group-names": "UserGroup",
	"user-ids": "UserId", "organization-arns": "OrganizationArn",
	"values-to-add": "ValuesToAdd.AttributeValue",
}

// failureCode is where an answer says what was wrong.
var failureCode = regexp.MustCompile(`(?:<Code>|"__type": ?")([^<"]+)`)

// A refusal is the error of a call that AWS refused.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// call makes the call of a command line of the AWS CLI at the endpoint, with an access key, and returns the body
// of the answer. It knows what scripts need of the CLI, starts no process, and signs with nothing: the
// endpoint checks no signature.
func (s script) call(endpoint, accessKey string, args []string) (string, error) {
	o := parseOptions(args[2:])
	for name, values := range o.values {
		for i, value := range values {
			if file, ok := strings.CutPrefix(value, "file://"); ok {
				o.values[name][i] = s.ReadFile(file)
			}
		}
	}
	service, region := args[0], emulator.Region
	if r := o.one("region"); r != "" {
		region = r
		delete(o.values, "region")
	}
	var request *http.Request
	var err error
	switch {
	case service == "s3api":
		service = "s3"
		request, err = s3Request(s.ctx, endpoint, args[1], o)
	case targets[service] != "":
		request, err = jsonRequest(s.ctx, endpoint, targets[service]+"."+pascal(args[1]), o)
	case service == "scheduler":
		request, err = schedulerRequest(s.ctx, endpoint, args[1], o)
	case service == "signin": // its operations have paths
		request, err = jsonRequest(s.ctx, endpoint+"/"+args[1], "signin."+pascal(args[1]), o)
	case service == "guardduty" || service == "securityhub":
		request, err = restRequest(s.ctx, endpoint, service, args[1], o)
	case service == "lambda":
		request, err = lambdaRequest(s.ctx, endpoint, args[1], o)
	default:
		request, err = formRequest(s.ctx, endpoint, pascal(args[1]), versions[service], o)
	}
	if err != nil {
		return "", err
	}
	switch service { // as signatures name it
	case "cloudwatch":
		service = "monitoring"
	case "configservice":
		service = "config"
	}
	scope := accessKey + "/" + time.Now().UTC().Format("20060102") + "/" + region + "/" + service + "/aws4_request"
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+scope+", SignedHeaders=host, Signature=none")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode/100 != 2 {
		code := failureCode.FindStringSubmatch(string(body))
		if code == nil {
			code = []string{"", response.Status}
		}
		if response.StatusCode == http.StatusNotImplemented {
			return string(body), fmt.Errorf("aws %s %s: the account does not have it", args[0], args[1])
		}
		return string(body), &refusal{fmt.Sprintf("aws %s %s: %s", args[0], args[1], code[1])}
	}
	if args[1] == "get-object" {
		return "", os.WriteFile(s.MkAbs(o.rest[0]), body, 0o600)
	}
	return string(body), nil
}

// formRequest is a call of the query protocol, which IAM and STS speak.
func formRequest(ctx context.Context, endpoint, action, version string, o options) (*http.Request, error) {
	form := url.Values{"Action": {action}, "Version": {cmp.Or(version, "2010-05-08")}}
	for name, values := range o.values {
		for i, value := range values {
			switch member := fmt.Sprintf("%s.member.%d", pascal(name), i+1); {
			case flat[name] != "":
				form.Set(fmt.Sprintf("%s.%d", flat[name], i+1), value)
			case name == "tags":
				if version == versions["ec2"] {
					member = fmt.Sprintf("Tag.%d", i+1)
				}
				for field, part := range fields(value) {
					form.Set(member+"."+field, part)
				}
			case listOptions[name]:
				form.Set(member, value)
			default:
				form.Set(pascal(name), value)
			}
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err == nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return request, err
}

// plainJSON are parameters that are strings, even where a string is JSON.
var plainJSON = map[string]bool{
	"SecretString": true, "Value": true, "Policy": true, "EventPattern": true,
	"MessageBody": true}

// input are the parameters of a call in JSON, if their names begin in lower case or not. An option without a value is
// true, or false if it begins with no.
func (o options) input(lower bool) map[string]any {
	input := map[string]any{}
	for name, values := range o.values {
		input[pascal(name)] = o.one(name)
		structure := strings.ContainsAny(o.one(name)[:min(1, len(o.one(name)))], "{[")
		switch {
		case listOptions[name]:
			input[pascal(name)] = values
		case values == nil && strings.HasPrefix(name, "no-"):
			delete(input, pascal(name))
			input[pascal(strings.TrimPrefix(name, "no-"))] = false
		case values == nil:
			input[pascal(name)] = true
		case structure && !plainJSON[pascal(name)] && json.Valid([]byte(o.one(name))):
			input[pascal(name)] = json.RawMessage(o.one(name))
		}
	}
	if lower {
		for name, value := range maps.Clone(input) {
			delete(input, name)
			input[strings.ToLower(name[:1])+name[1:]] = value
		}
	}
	return input
}

// jsonRequest is a call of the JSON protocol.
func jsonRequest(ctx context.Context, endpoint, target string, o options) (*http.Request, error) {
	body, err := json.Marshal(o.input(strings.HasPrefix(target, targets["logs"]) || strings.HasPrefix(target, "signin.")))
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err == nil {
		request.Header.Set("Content-Type", "application/x-amz-json-1.1")
		request.Header.Set("X-Amz-Target", target)
	}
	return request, err
}

// schedulerRequest is a call to EventBridge Scheduler: of one schedule, or of a group.
// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Operations.html
func schedulerRequest(ctx context.Context, endpoint, operation string, o options) (*http.Request, error) {
	verb, noun, _ := strings.Cut(operation, "-")
	method := map[string]string{
		"create": http.MethodPost, "delete": http.MethodDelete, "get": http.MethodGet, "update": http.MethodPut,
	}[verb]
	request, err := jsonRequest(ctx, endpoint, "", o)
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{"Content-Type": {"application/json"}}
	request.Method = method
	request.URL.Path = "/" + noun + "s/" + o.one("name")
	if group := o.one("group-name"); method == http.MethodGet || method == http.MethodDelete {
		request.Body, request.ContentLength, request.URL.RawQuery = nil, 0, url.Values{"groupName": {group}}.Encode()
	}
	return request, nil
}

// lambdaPaths are the method and the path of Lambda's operations, below functions/NAME/.
var lambdaPaths = map[string][2]string{
	"create-event-source-mapping":         {http.MethodPost, "../event-source-mappings"},
	"create-function-url-config":          {http.MethodPost, "url"},
	"delete-function":                     {http.MethodDelete, ""},
	"delete-function-event-invoke-config": {http.MethodDelete, "event-invoke-config"},
	"invoke":                              {http.MethodPost, "invocations"},
	"put-function-concurrency":            {http.MethodPut, "concurrency"},
	"remove-permission":                   {http.MethodDelete, "policy/any"},
	"update-function-code":                {http.MethodPut, "code"},
}

// lambdaRequest is a call to Lambda. Numbers are those of concurrency alone.
func lambdaRequest(ctx context.Context, endpoint, operation string, o options) (*http.Request, error) {
	call, ok := lambdaPaths[operation]
	if !ok {
		return nil, fmt.Errorf("aws lambda %s: scripts do not have it", operation)
	}
	body := o.one("payload")
	if operation != "invoke" {
		input := map[string]any{}
		for name := range o.values {
			if input[pascal(name)] = o.one(name); name == "reserved-concurrent-executions" {
				input[pascal(name)] = json.Number(o.one(name))
			}
		}
		data, err := json.Marshal(input)
		if err != nil {
			return nil, err
		}
		body = string(data)
	}
	at := strings.TrimSuffix(endpoint+"/2015-03-31/functions/"+o.one("function-name")+"/"+call[1], "/")
	if rest, other := strings.CutPrefix(call[1], "../"); other {
		at = endpoint + "/2015-03-31/" + rest
	}
	return http.NewRequestWithContext(ctx, call[0], at, strings.NewReader(body))
}

// s3Request is a call to S3.
func s3Request(ctx context.Context, endpoint, operation string, o options) (*http.Request, error) {
	at := endpoint + "/" + o.one("bucket")
	method, body := http.MethodGet, ""
	switch operation {
	case "create-bucket":
		method = http.MethodPut
	case "get-object":
		if len(o.rest) != 1 {
			return nil, fmt.Errorf("s3api get-object: want one file to write")
		}
		at += "/" + o.one("key")
	case "get-public-access-block":
		at += "?publicAccessBlock"
	case "put-public-access-block":
		method, at = http.MethodPut, at+"?publicAccessBlock"
		for name, value := range fields(o.one("public-access-block-configuration")) {
			body += "<" + name + ">" + value + "</" + name + ">"
		}
		body = xml.Header + "<PublicAccessBlockConfiguration>" + body + "</PublicAccessBlockConfiguration>"
	default:
		return nil, fmt.Errorf("aws s3api %s: scripts do not have it", operation)
	}
	return http.NewRequestWithContext(ctx, method, at, strings.NewReader(body))
}
