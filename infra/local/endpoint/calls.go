package endpoint

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/settings"
)

// A Call is one AWS call that is made with a role of the template, in the terms of an IAM policy.
type Call struct {
	Function string `json:"function,omitempty"` // whose role it is
	// Role is the ARN of a role that is no function's: of the rules that forward events.
	Role string `json:"role,omitempty"`
	// By is the service that makes the call with the role; empty for the function itself.
	By         string            `json:"by,omitempty"`
	Action     string            `json:"action"`   // iam:ListAccessKeys
	Resource   string            `json:"resource"` // ARN, or * for an action without one
	Conditions map[string]string `json:"conditions,omitempty"`
	Status     int               `json:"status"` // of the HTTP answer; 0 where there is none
	At         time.Time         `json:"at"`
}

// Note keeps a call that was not made here: one that a service of AWS makes with the role of a
// function, or of a rule, and that nobody makes in the local account.
func (h *Handler) Note(call Call) {
	call.At = time.Now().UTC()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.calls) >= maxRemembered {
		h.calls = append(h.calls[:0], h.calls[maxRemembered/2:]...)
	}
	h.calls = append(h.calls, call)
}

// record keeps a call of a function about the user, and those that the service it calls makes for it.
func (h *Handler) record(ctx context.Context, function string, req request, about user, a answer) {
	named := parameters(req)
	named["Path"] = about.path
	if name := named["GroupName"]; name != "" {
		named["GroupPath"] = h.groupPath(ctx, name)
	}
	service := req.service
	if service == "monitoring" {
		service = "cloudwatch" // as policies name it
	}
	call := Call{
		Function: function, Action: service + ":" + req.action, Status: a.status,
		Resource: resource(service, h.Account, req.region, named), Conditions: map[string]string{},
	}
	switch {
	// The key's user is what the call is about.
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
	case call.Action == "iam:GetAccessKeyLastUsed":
		if caller, err := h.caller(ctx, named["AccessKeyId"]); err == nil && caller.ARN != "" {
			call.Resource = caller.ARN
			about, _ = h.user(caller.Name)
		}
	case req.service == "ec2" && named["SnapshotId"]+named["ImageId"] != "":
		call.Conditions["ec2:Owner"] = h.Account // functions ask for what the account owns
	// A list is of all that there are, for each of which one may stand.
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
	case call.Action == "rds:DescribeDBSnapshots" && call.Resource == "*":
		call.Resource = "arn:aws:rds:" + req.region + ":" + h.Account + ":snapshot:any"
	case call.Action == "rds:DescribeDBClusterSnapshots" && call.Resource == "*":
		call.Resource = "arn:aws:rds:" + req.region + ":" + h.Account + ":cluster-snapshot:any"
	case call.Action == "lambda:ListEventSourceMappings":
		call.Resource = "*" // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
	// A recorder's ARN ends in an id that nobody may know beforehand.
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsconfig.html
	case strings.HasPrefix(call.Action, "config:") && strings.Contains(call.Action, "ConfigurationRecorder"):
		name := cmp.Or(named["ConfigurationRecorderName"], named["ConfigurationRecorderNames.0"], "default")
		call.Resource = "arn:aws:config:" + req.region + ":" + h.Account + ":configuration-recorder/" + name + "/local"
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
	case call.Action == "cloudwatch:GetMetricData":
		call.Resource = "arn:aws:cloudwatch:" + req.region + ":" + h.Account + ":dataset/default"
	case call.Action == "ec2:CreateFlowLogs":
		h.recordFlowLog(call, req, named)
	// Of a secret that exists the ARN has six characters more than anybody may know beforehand.
	case req.service == "secretsmanager" && a.status == http.StatusOK:
		var found struct{ ARN string }
		if json.Unmarshal(a.body, &found) == nil && found.ARN != "" {
			call.Resource = found.ARN
		}
	}
	if role := named["RoleName"]; role != "" && h.deploys("AWS::IAM::Role", role) {
		call.Resource = "arn:aws:iam::" + h.Account + ":role" + settings.RolePath + role
	}
	if strings.HasPrefix(call.Resource, "arn:aws:iam::"+h.Account+":user/") {
		for key, value := range about.tags {
			call.Conditions["aws:ResourceTag/"+key] = value
		}
	}
	holder := named["UserName"] + named["GroupName"] + named["RoleName"]
	if arn := named["PolicyArn"]; req.service == "iam" && arn != "" && holder != "" {
		call.Conditions["iam:PolicyARN"] = arn
	}
	if task := named["TaskPolicyArn.arn"]; task != "" {
		call.Conditions["sts:TaskPolicyArn"] = task
	}
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
	if source := named["Entries.0.Source"]; source != "" {
		call.Conditions["events:source"] = source
	}
	if call.Action == "kms:Decrypt" || call.Action == "kms:GenerateDataKey" {
		call.Resource = named["KeyId"] // an ARN
		var in struct{ EncryptionContext map[string]string }
		_ = json.Unmarshal(req.body, &in) // what cannot be read has none
		for key, value := range in.EncryptionContext {
			call.Conditions["kms:EncryptionContext:"+key] = value
		}
	}
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html
	if parts := strings.Split(req.URL.Path, "/"); req.service == "ses" && len(parts) > 4 {
		kind := map[string]string{"identities": "identity", "configuration-sets": "configuration-set"}[parts[3]]
		call.Resource = "arn:aws:ses:" + req.region + ":" + h.Account + ":" + kind + "/" + parts[4]
	}
	if call.Action == "ses:SendEmail" {
		var mail struct{ FromEmailAddress, ConfigurationSetName string }
		_ = json.Unmarshal(req.body, &mail) // what cannot be read has no sender
		arn := "arn:aws:ses:" + req.region + ":" + h.Account + ":"
		call.Resource = arn + "identity/" + mail.FromEmailAddress
		// Of the address and its domain it is the one that is verified, which may be either.
		_, domain, _ := strings.Cut(mail.FromEmailAddress, "@")
		for _, resource := range []string{"configuration-set/" + mail.ConfigurationSetName, "identity/" + domain} {
			h.Note(Call{
				Function: function, Action: call.Action, Resource: arn + resource, Conditions: map[string]string{},
			})
		}
	}
	// The ARN of a bucket does not say whose it is.
	if req.service == "s3" {
		call.Conditions["aws:ResourceAccount"] = h.Account
	}
	h.Note(call)
	// Who makes a user with tags must be allowed to tag it
	// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags_users.html).
	if call.Action == "iam:CreateUser" && named["Tags.member.1.Key"] != "" {
		h.Note(Call{Function: function, By: "iam", Action: "iam:TagUser", Resource: call.Resource})
	}
	if key := h.Keys[named["TopicArn"]]; key != "" && call.Action == "sns:Publish" {
		// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
		for _, action := range []string{"kms:GenerateDataKey", "kms:Decrypt"} {
			h.Note(Call{
				Function: function, By: "sns", Action: action, Resource: key,
				Conditions: map[string]string{"kms:ViaService": "sns." + req.region + ".amazonaws.com"},
			})
		}
	}
}

// recordFlowLog keeps the calls that EC2 makes for one that makes a flow log.
// https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-user.html
func (h *Handler) recordFlowLog(call Call, req request, named map[string]string) {
	of := call
	of.Resource = "arn:aws:ec2:" + req.region + ":" + h.Account + ":" + flowLogged(named["ResourceId.1"])
	h.Note(of)
	if role := named["DeliverLogsPermissionArn"]; role != "" {
		h.Note(Call{Function: call.Function, By: "ec2", Action: "iam:PassRole", Resource: role,
			Conditions: map[string]string{"iam:PassedToService": "vpc-flow-logs.amazonaws.com"}})
	}
	if named["LogDestinationType"] == "s3" {
		h.Note(Call{Function: call.Function, By: "ec2", Action: "logs:CreateLogDelivery", Resource: "*",
			Conditions: map[string]string{}})
	}
}

// flowLogged is what a flow log is of, in an ARN.
func flowLogged(id string) string {
	prefix, _, _ := strings.Cut(id, "-")
	return map[string]string{"vpc": "vpc", "subnet": "subnet", "eni": "network-interface"}[prefix] + "/" + id
}

// deploys reports whether a resource of that type and name is of one of the stacks.
func (h *Handler) deploys(kind, name string) bool {
	for _, d := range h.Deployed {
		for _, r := range d.Resources {
			if r.Type == kind && r.PhysicalID == name {
				return true
			}
		}
	}
	return false
}

// parameters are the request's parameters that are strings, at its top.
func parameters(req request) map[string]string {
	named := map[string]string{}
	for name := range req.form {
		named[name] = req.form.Get(name)
	}
	if req.form == nil {
		var fields map[string]json.RawMessage
		_ = json.Unmarshal(req.body, &fields) // what cannot be read has no parameters
		for name, value := range fields {
			var text string
			if json.Unmarshal(value, &text) == nil {
				named[name] = text
			}
		}
	}
	if req.service == "dynamodb" && req.action == "BatchGetItem" {
		// It can be of several tables; the functions have one.
		var get struct{ RequestItems map[string]json.RawMessage }
		_ = json.Unmarshal(req.body, &get) // what cannot be read has no parameters
		if len(get.RequestItems) == 1 {
			for table := range get.RequestItems {
				named["TableName"] = table
			}
		}
	}
	if req.service == "cloudtrail" && req.action == "ListTags" {
		var list struct{ ResourceIdList []string }
		_ = json.Unmarshal(req.body, &list) // what cannot be read has no parameters
		named["Name"] = strings.Join(list.ResourceIdList, " ")
	}
	if req.service == "events" && req.action == "PutEvents" {
		var put struct {
			Entries []struct{ EventBusName, Source string }
		}
		_ = json.Unmarshal(req.body, &put) // what cannot be read has no parameters
		for i, entry := range put.Entries {
			named[fmt.Sprintf("Entries.%d.EventBusName", i)] = entry.EventBusName
			named[fmt.Sprintf("Entries.%d.Source", i)] = entry.Source
		}
	}
	if req.service == "scheduler" {
		var put struct{ GroupName, State string }
		_ = json.Unmarshal(req.body, &put) // of a GET there is none
		named["Name"] = req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
		named["GroupName"], named["State"] = cmp.Or(put.GroupName, named["groupName"], "default"), put.State
	}
	if id := detectorID(req); id != "" {
		named["DetectorId"] = id
	}
	if req.service == "s3" {
		named["Bucket"], named["Key"], _ = strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	}
	return named
}

// schedulerAction is the name of a call of EventBridge Scheduler, whose API has none on the wire; empty for any other.
// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Operations.html
func schedulerAction(method, path string) string {
	verb := map[string]string{
		http.MethodDelete: "Delete", http.MethodGet: "Get", http.MethodPost: "Create", http.MethodPut: "Update",
	}[method]
	switch {
	case strings.HasPrefix(path, "/schedules/"):
		return verb + "Schedule"
	case strings.HasPrefix(path, "/schedule-groups/"):
		return verb + "ScheduleGroup"
	}
	return ""
}

// restActions are the operations of GuardDuty and Security Hub that change or read what they detect.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_Operations.html
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_Operations.html
var restActions = map[string]string{
	"GET /detector": "ListDetectors", "POST /detector": "CreateDetector", "GET /detector/ID": "GetDetector",
	"POST /detector/ID": "UpdateDetector", "DELETE /detector/ID": "DeleteDetector",
	"POST /accounts": "EnableSecurityHub", "DELETE /accounts": "DisableSecurityHub", "GET /accounts": "DescribeHub",
	"POST /standards/get": "GetEnabledStandards", "POST /standards/register": "BatchEnableStandards",
	"POST /standards/deregister": "BatchDisableStandards",
}

// restAction is the action of a request to a service that has a path for each; empty for one that is not known.
func restAction(method, path string) string {
	if id, ok := strings.CutPrefix(path, "/detector/"); ok && !strings.Contains(id, "/") {
		path = "/detector/ID"
	}
	return restActions[method+" "+path]
}

// detectorID is the detector that a request to GuardDuty is about, empty for none.
func detectorID(req request) string {
	id, ok := strings.CutPrefix(req.URL.Path, "/detector/")
	if req.service != "guardduty" || !ok {
		return ""
	}
	return id
}

// s3Action is the IAM action of a request to S3, whose API has no names on the wire; empty for those
// that no function makes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
func s3Action(method string, address *url.URL) string {
	query := address.Query()
	query.Del("x-id") // the SDK's own name of the operation, which S3 does not read
	verb := "Put"
	if method == http.MethodGet {
		verb = "Get"
	}
	switch {
	case query.Has("publicAccessBlock"):
		return verb + "BucketPublicAccessBlock"
	case query.Has("tagging"):
		return verb + "BucketTagging"
	}
	if _, key, _ := strings.Cut(strings.TrimPrefix(address.Path, "/"), "/"); key != "" && len(query) == 0 {
		return verb + "Object"
	}
	return ""
}

// A user is what is known here of a user that was made since the account began.
type user struct {
	path string
	tags map[string]string
}

// user returns what is known of a user; ok is false for one of whom nothing is.
func (h *Handler) user(name string) (u user, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u, ok = h.users[name]
	u.tags = maps.Clone(u.tags)
	return u, ok
}

// follow keeps what a call, which was answered, makes of users. The caller holds h.mu.
func (h *Handler) follow(req request) {
	name := req.form.Get("UserName")
	u, known := h.users[name]
	switch req.action {
	case "CreateUser":
		if len(h.users) >= maxRemembered {
			return
		}
		u = user{path: cmp.Or(req.form.Get("Path"), "/"), tags: map[string]string{}}
		known = true
	case "DeleteUser":
		delete(h.users, name)
		return
	}
	if !known {
		return
	}
	for i := 1; ; i++ {
		tag := fmt.Sprintf("Tags.member.%d.", i)
		if !req.form.Has(tag + "Key") {
			break
		}
		u.tags[req.form.Get(tag+"Key")] = req.form.Get(tag + "Value")
	}
	for i := 1; req.form.Has(fmt.Sprintf("TagKeys.member.%d", i)); i++ {
		delete(u.tags, req.form.Get(fmt.Sprintf("TagKeys.member.%d", i)))
	}
	h.users[name] = u
}

// groupPath is the path of a group, / for one that is not there.
func (h *Handler) groupPath(ctx context.Context, name string) string {
	h.mu.Lock()
	path, ok := h.groups[name]
	h.mu.Unlock()
	if ok {
		return path
	}
	group, err := iam.NewFromConfig(h.moto()).GetGroup(ctx, &iam.GetGroupInput{GroupName: &name})
	if err != nil {
		return "/" // or never found again: the next call asks anew
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.groups[name] = aws.ToString(group.Group.Path)
	return h.groups[name]
}

// resource is the ARN that an IAM policy must name to allow a call. That of a user or a group has the
// path that is named.
func resource(service, account, region string, named map[string]string) string {
	global := func(kind, name string) string { return "arn:aws:iam::" + account + ":" + kind + "/" + name }
	regional := func(rest string) string { return "arn:aws:" + service + ":" + region + ":" + account + ":" + rest }
	has := func(name string) bool { return named[name] != "" }
	switch {
	case service == "iam" && has("GroupName"): // first: AddUserToGroup acts on the group
		return global("group", strings.TrimPrefix(named["GroupPath"], "/")+named["GroupName"])
	case service == "iam" && has("UserName"):
		return global("user", strings.TrimPrefix(named["Path"], "/")+named["UserName"])
	case service == "iam" && has("RoleName"):
		return global("role", named["RoleName"])
	case service == "scheduler":
		return regional("schedule/" + named["GroupName"] + "/" + named["Name"])
	case service == "iam" && has("PolicyArn"):
		return named["PolicyArn"]
	case service == "iam" && has("Arn"):
		return named["Arn"]
	case service == "access-analyzer" && has("analyzerArn"):
		return named["analyzerArn"]
	case service == "s3" && has("Key"):
		return "arn:aws:s3:::" + named["Bucket"] + "/" + named["Key"]
	case service == "s3" && has("Bucket"):
		return "arn:aws:s3:::" + named["Bucket"]
	case service == "ec2" && has("SnapshotId"):
		return "arn:aws:ec2:" + region + "::snapshot/" + named["SnapshotId"]
	case service == "ec2" && has("ImageId"):
		return "arn:aws:ec2:" + region + "::image/" + named["ImageId"]
	case service == "ec2" && has("FlowLogId.1"):
		return regional("vpc-flow-log/" + named["FlowLogId.1"])
	case service == "ec2" && has("ResourceId.1"): // what makes a flow log
		return regional("vpc-flow-log/new")
	case service == "guardduty" && has("DetectorId"):
		return regional("detector/" + named["DetectorId"])
	case service == "securityhub":
		return regional("hub/default")
	case service == "route53resolver" && has("ResolverQueryLogConfigId"):
		return regional("resolver-query-log-config/" + named["ResolverQueryLogConfigId"])
	case service == "route53resolver" && has("DestinationArn"): // what makes a configuration
		return regional("resolver-query-log-config/new")
	case service == "rds" && has("ResourceName"):
		return named["ResourceName"]
	case service == "rds" && has("DBSnapshotIdentifier"):
		return regional("snapshot:" + named["DBSnapshotIdentifier"])
	case service == "rds" && has("DBClusterSnapshotIdentifier"):
		return regional("cluster-snapshot:" + named["DBClusterSnapshotIdentifier"])
	case service == "cloudtrail" && has("Name"), service == "cloudtrail" && has("TrailName"):
		return named["Name"] + named["TrailName"] // functions name trails by their ARNs
	case service == "dynamodb" && has("IndexName"):
		return regional("table/" + named["TableName"] + "/index/" + named["IndexName"])
	case service == "dynamodb" && has("TableName"):
		return regional("table/" + named["TableName"])
	case service == "dynamodb" && has("ResourceArn"), service == "sns" && has("ResourceArn"):
		return named["ResourceArn"]
	case service == "logs" && has("logGroupName"):
		return regional("log-group:" + named["logGroupName"])
	case service == "cloudwatch" && has("AlarmNamePrefix"):
		return regional("alarm:" + named["AlarmNamePrefix"])
	case service == "sns" && has("SubscriptionArn"): // of its topic
		return named["SubscriptionArn"][:max(strings.LastIndex(named["SubscriptionArn"], ":"), 0)]
	case service == "kms" && has("KeyId"):
		return regional("key/" + keyID(named["KeyId"]))
	case service == "lambda" && has("FunctionName"):
		return regional("function:" + named["FunctionName"])
	case service == "events" && has("Rule"):
		return regional("rule/" + named["Rule"])
	case service == "events" && strings.HasSuffix(named["Name"], settings.Product):
		return regional("event-bus/" + named["Name"])
	case service == "events" && has("Name"):
		return regional("rule/" + named["Name"])
	case service == "cloudformation" && has("StackName"):
		return regional("stack/" + named["StackName"] + "/local")
	case service == "sns" && has("TopicArn"):
		return named["TopicArn"]
	case service == "ssm" && has("SessionId"):
		return regional("session/" + named["SessionId"])
	case service == "ssm" && has("Name"):
		return regional("parameter/" + strings.TrimPrefix(named["Name"], "/"))
	case service == "sts" && has("TargetPrincipal"):
		return "arn:aws:iam::" + named["TargetPrincipal"] + ":root"
	case service == "secretsmanager" && has("SecretId"):
		return regional("secret:" + named["SecretId"])
	case service == "secretsmanager" && has("Name"):
		return regional("secret:" + named["Name"])
	case service == "events" && has("Entries.0.EventBusName"):
		return regional("event-bus/" + named["Entries.0.EventBusName"])
	case service == "sqs" && has("QueueUrl"):
		return regional(named["QueueUrl"][strings.LastIndex(named["QueueUrl"], "/")+1:])
	}
	return "*"
}

// Calls returns every call that was made with a role of the template, the newest last.
func (h *Handler) Calls() []Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Call{}, h.calls...)
}

func (h *Handler) listCalls(w http.ResponseWriter, _ *http.Request) { writeJSON(w, h.Calls()) }

func (h *Handler) forgetCalls(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	h.calls = nil
	h.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// A Fault makes calls of functions fail. An SDK tries again what it takes for a passing failure,
// which uses up as many of Times.
type Fault struct {
	Operation string `json:"operation"` // sns:Publish
	Function  string `json:"function"`  // name; empty for every function
	Status    int    `json:"status"`    // of the HTTP answer; 400 when 0
	Code      string `json:"code"`      // of the error, such as AccessDenied
	Message   string `json:"message"`
	Times     int    `json:"times"` // calls that fail; 0 for all until the fault is ended
}

// fault is the first fault that meets a call.
func (h *Handler) fault(function, operation string) (Fault, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.faults {
		fault := &h.faults[i]
		if fault.Operation != operation || fault.Function != "" && fault.Function != function {
			continue
		}
		found := *fault
		if fault.Times > 0 {
			if fault.Times--; fault.Times == 0 {
				h.faults = append(h.faults[:i], h.faults[i+1:]...)
			}
		}
		return found, true
	}
	return Fault{}, false
}

func (h *Handler) addFault(w http.ResponseWriter, r *http.Request) {
	fault := Fault{Status: http.StatusBadRequest, Code: "InternalError", Message: "a fault that was asked for"}
	if !readJSON(w, r, &fault) {
		return
	}
	if fault.Operation == "" {
		http.Error(w, "operation: want one, such as sns:Publish", http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	h.faults = append(h.faults, fault)
	h.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (h *Handler) endFaults(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	h.faults = nil
	h.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}
