package endpoint

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/warder-aws/warder/infra/local/cloudtrail"
)

// recordChange puts the event of a call on the bus that changed something of a service other than IAM. That of a call
// of Warder's own functions it does not: they change nothing there.
func (h *Handler) recordChange(ctx context.Context, req request, name string, result answer) error {
	service, ok := cloudtrail.Recorded(req.service, req.action)
	if !ok || h.Functions[req.accessKey] != "" || result.status >= http.StatusInternalServerError {
		return nil
	}
	identity, _, err := h.identity(ctx, req)
	if err != nil {
		return err
	}
	call := cloudtrail.Call{
		Service: service, Name: name, Status: result.status, Answer: result.body, Caller: identity, At: h.now(),
		RequestID: result.header.Get("X-Amzn-Requestid"), UserAgent: req.UserAgent(), Host: req.Host, Region: req.region,
	}
	if call.Form = req.form; req.form == nil {
		call.Body = req.body
	}
	if req.service == "scheduler" {
		call.Form, call.Body = nil, schedulerBody(req)
	}
	if id := detectorID(req); id != "" { // a record has what the path says with the rest
		fields := map[string]any{}
		_ = json.Unmarshal(req.body, &fields) // what cannot be read was refused
		fields["detectorId"] = id
		call.Body, _ = json.Marshal(fields) // cannot fail
	}
	data, err := cloudtrail.Event(call)
	if err != nil {
		return err
	}
	return h.put(ctx, data)
}

// schedulerBody is a call of EventBridge Scheduler as events name its parameters, those of the path with those of the
// body.
func schedulerBody(req request) []byte {
	fields, named := map[string]any{}, parameters(req)
	_ = json.Unmarshal(req.body, &fields) // what deletes has none
	for _, name := range []string{"Name", "GroupName"} {
		if name == "Name" || !strings.HasSuffix(req.action, "Group") {
			fields[name] = named[name]
		}
	}
	body, _ := json.Marshal(fields) // was JSON
	return body
}

// followChange does what a call that succeeded means here, beside what moto makes of it.
func (h *Handler) followChange(req request, result answer) {
	if result.status != http.StatusOK {
		return
	}
	named := parameters(req)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch req.service + ":" + req.action {
	case "kms:DisableKey", "kms:ScheduleKeyDeletion":
		h.off[keyID(named["KeyId"])] = true
	case "kms:EnableKey":
		delete(h.off, keyID(named["KeyId"]))
	case "events:RemoveTargets", "events:DeleteRule":
		// moto's targets have other names.
		h.EventBridge.Switch(req.region, named["Rule"]+named["Name"], false)
	case "scheduler:UpdateSchedule":
		h.EventBridge.Switch(req.region, named["Name"], named["State"] != "DISABLED")
	case "scheduler:DeleteSchedule":
		h.EventBridge.Switch(req.region, named["Name"], false)
	case "scheduler:DeleteScheduleGroup": // with all that are in it
		h.EventBridge.Switch(req.region, named["Name"]+"/", false)
	}
}

// keyID is the id of a key that is given by its id or its ARN.
func keyID(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// keyOff reports whether the key of a topic is disabled.
func (h *Handler) keyOff(topic string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.Keys[topic] != "" && h.off[keyID(h.Keys[topic])]
}

// functionOff reports whether a function was deleted, or may not run.
func (h *Handler) functionOff(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.off[name]
}

// A lambdaCall is a call of Lambda that changes something, as it is on the wire and as events name it.
// https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
type lambdaCall struct {
	method string
	path   *regexp.Regexp // with the name of the function, or of what else is changed
	name   string
	status int
}

func lambdaPath(rest string) *regexp.Regexp {
	return regexp.MustCompile(`^/\d{4}-\d\d-\d\d/` + strings.ReplaceAll(rest, "NAME", "([^/]+)") + `/?$`)
}

var lambdaCalls = []lambdaCall{
	{http.MethodPut, lambdaPath("functions/NAME/code"), "UpdateFunctionCode20150331v2", http.StatusOK},
	{http.MethodPut, lambdaPath("functions/NAME/configuration"), "UpdateFunctionConfiguration20150331v2", http.StatusOK},
	{http.MethodDelete, lambdaPath("functions/NAME"), "DeleteFunction20150331", http.StatusNoContent},
	{http.MethodPost, lambdaPath("functions/NAME/policy"), "AddPermission20150331v2", http.StatusCreated},
	{http.MethodDelete, lambdaPath("functions/NAME/policy/[^/]+"), "RemovePermission20150331v2", http.StatusNoContent},
	{http.MethodPut, lambdaPath("functions/NAME/concurrency"), "PutFunctionConcurrency20171031", http.StatusOK},
	{
		http.MethodDelete, lambdaPath("functions/NAME/concurrency"), "DeleteFunctionConcurrency20171031",
		http.StatusNoContent,
	},
	{http.MethodPost, lambdaPath("functions/NAME/url"), "CreateFunctionUrlConfig", http.StatusCreated},
	{http.MethodPut, lambdaPath("functions/NAME/url"), "UpdateFunctionUrlConfig", http.StatusOK},
	{http.MethodDelete, lambdaPath("functions/NAME/url"), "DeleteFunctionUrlConfig", http.StatusNoContent},
	{http.MethodPost, lambdaPath("functions/NAME/versions"), "PublishVersion20150331", http.StatusCreated},
	{http.MethodPost, lambdaPath("functions/NAME/aliases"), "CreateAlias20150331", http.StatusCreated},
	{http.MethodPut, lambdaPath("functions/NAME/event-invoke-config"), "PutFunctionEventInvokeConfig", http.StatusOK},
	{
		http.MethodDelete, lambdaPath("functions/NAME/event-invoke-config"), "DeleteFunctionEventInvokeConfig",
		http.StatusNoContent,
	},
	{http.MethodPost, lambdaPath("event-source-mappings"), "CreateEventSourceMapping20150331", http.StatusAccepted},
}

// changeFunction answers a call that changes a function of the template, which moto has not; ok is false for any other
// request. Of what is changed only that counts here whether the function exists and may run.
func (h *Handler) changeFunction(w http.ResponseWriter, r *http.Request) (ok bool) {
	var call lambdaCall
	var name string
	for _, known := range lambdaCalls {
		if parts := known.path.FindStringSubmatch(r.URL.Path); parts != nil && known.method == r.Method {
			call, name = known, strings.Join(parts[1:], "")
		}
	}
	if call.name == "" {
		return false
	}
	req, err := read(w, r)
	if err != nil {
		lambdaError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", err.Error())
		return true
	}
	req.service, req.form = "lambda", nil
	fields := map[string]any{}
	_ = json.Unmarshal(req.body, &fields) // what is no JSON has no parameters
	if name == "" {
		name, _ = fields["FunctionName"].(string)
	}
	function := functionName(name)
	if _, known := h.Environments[function]; !known {
		lambdaError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+h.functionARN(function))
		return true
	}
	fields["FunctionName"] = name
	delete(fields, "ZipFile")
	req.body, _ = json.Marshal(fields) // it was JSON
	result := inJSON(map[string]any{"FunctionName": function, "FunctionArn": h.functionARN(function)})
	result.status = call.status
	if req.action = call.name; call.status == http.StatusNoContent {
		result.body = nil
	}
	h.mu.Lock()
	switch {
	case call.name == "DeleteFunction20150331", call.name == "PutFunctionConcurrency20171031" &&
		fields["ReservedConcurrentExecutions"] == 0.0:
		h.off[function] = true
	case strings.HasSuffix(call.name, "FunctionConcurrency20171031"):
		delete(h.off, function)
	}
	h.changed.function(function, call.name, fields, h.order.shift)
	h.mu.Unlock()
	if err := h.recordChange(r.Context(), req, call.name, result); err != nil {
		lambdaError(w, http.StatusInternalServerError, "ServiceException", err.Error())
		return true
	}
	result.write(w)
	return true
}
