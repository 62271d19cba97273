package front

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Call is one AWS call of a function, in the terms of an IAM policy.
type Call struct {
	Function   string            `json:"function"`
	Action     string            `json:"action"`   // iam:ListAccessKeys
	Resource   string            `json:"resource"` // ARN, or * for an action without one
	Conditions map[string]string `json:"conditions,omitempty"`
	Status     int               `json:"status"` // of the HTTP answer
	At         time.Time         `json:"at"`
}

func (f *Front) record(function string, req request, a answer) {
	named := parameters(req)
	if path, ok := f.path(named["UserName"]); ok {
		named["Path"] = path
	}
	call := Call{
		Function: function, Action: req.service + ":" + req.action, Status: a.status, At: time.Now().UTC(),
		Resource: resource(req.service, f.Account, f.Region, named),
	}
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
	if arn := named["PolicyArn"]; req.service == "iam" && arn != "" && named["UserName"]+named["GroupName"]+named["RoleName"] != "" {
		call.Conditions = map[string]string{"iam:PolicyARN": arn}
	}
	if task := named["TaskPolicyArn.arn"]; task != "" {
		call.Conditions = map[string]string{"sts:TaskPolicyArn": task}
	}
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
	if source := named["Entries.0.Source"]; source != "" {
		call.Conditions = map[string]string{"events:source": source}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.calls) >= maxRemembered {
		f.calls = append(f.calls[:0], f.calls[maxRemembered/2:]...)
	}
	f.calls = append(f.calls, call)
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
	if req.service == "events" && req.action == "PutEvents" {
		var put struct {
			Entries []struct{ EventBusName, Source string }
		}
		_ = json.Unmarshal(req.body, &put) // what cannot be read has no parameters
		for i, entry := range put.Entries {
			named[fmt.Sprintf("Entries.%d.EventBusName", i)], named[fmt.Sprintf("Entries.%d.Source", i)] = entry.EventBusName, entry.Source
		}
	}
	if req.service == "s3" {
		named["Bucket"], named["Key"], _ = strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	}
	return named
}

// s3Action is the IAM action of a request to S3, whose API has no names on the wire; empty for those
// that no function makes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
func s3Action(method string, address *url.URL) string {
	query := address.Query()
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

// path is the path of a user that was made since the account began; ok is false for others, which have
// none as far as is known here.
func (f *Front) path(user string) (path string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path, ok = f.paths[user]
	return path, ok
}

// resource is the ARN that an IAM policy must name to allow a call. A user's has the path that is named.
func resource(service, account, region string, named map[string]string) string {
	global := func(kind, name string) string { return "arn:aws:iam::" + account + ":" + kind + "/" + name }
	regional := func(rest string) string { return "arn:aws:" + service + ":" + region + ":" + account + ":" + rest }
	has := func(name string) bool { return named[name] != "" }
	switch {
	case service == "iam" && has("GroupName"): // first: AddUserToGroup acts on the group
		return global("group", named["GroupName"])
	case service == "iam" && has("UserName"):
		return global("user", strings.TrimPrefix(named["Path"], "/")+named["UserName"])
	case service == "iam" && has("RoleName"):
		return global("role", named["RoleName"])
	case service == "iam" && has("PolicyArn"):
		return named["PolicyArn"]
	case service == "s3" && has("Key"):
		return "arn:aws:s3:::" + named["Bucket"] + "/" + named["Key"]
	case service == "s3" && has("Bucket"):
		return "arn:aws:s3:::" + named["Bucket"]
	case service == "dynamodb" && has("IndexName"):
		return regional("table/" + named["TableName"] + "/index/" + named["IndexName"])
	case service == "dynamodb" && has("TableName"):
		return regional("table/" + named["TableName"])
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

func (f *Front) listCalls(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	calls := append([]Call{}, f.calls...)
	f.mu.Unlock()
	writeJSON(w, calls)
}

func (f *Front) forgetCalls(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	f.calls = nil
	f.mu.Unlock()
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
func (f *Front) fault(function, operation string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.faults {
		fault := &f.faults[i]
		if fault.Operation != operation || fault.Function != "" && fault.Function != function {
			continue
		}
		found := *fault
		if fault.Times > 0 {
			if fault.Times--; fault.Times == 0 {
				f.faults = append(f.faults[:i], f.faults[i+1:]...)
			}
		}
		return found, true
	}
	return Fault{}, false
}

func (f *Front) addFault(w http.ResponseWriter, r *http.Request) {
	fault := Fault{Status: http.StatusBadRequest, Code: "InternalError", Message: "a fault that was asked for"}
	if !readJSON(w, r, &fault) {
		return
	}
	if fault.Operation == "" {
		http.Error(w, "operation: want one, such as sns:Publish", http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.faults = append(f.faults, fault)
	f.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (f *Front) endFaults(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	f.faults = nil
	f.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}
