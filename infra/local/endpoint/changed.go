package endpoint

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/warder-aws/warder/infra/local/lambdahost"
)

// changed is what calls have changed of what was deployed, of that which moto has not. Its zero value is nothing.
type changed struct {
	functions  map[string]*functionState    // by name
	targets    map[string][]json.RawMessage // by region and rule; all that it has now
	protection map[string]string            // data protection policies, by ARN of the topic

	unsubscribed []string // ARNs of functions' subscriptions
}

// A functionState is what was changed of a function.
type functionState struct {
	modified time.Time
	reserved any // nil without a limit
	url      bool
	retries  map[string]any // what was put in place of what was deployed; nil for that
	noKeep   bool           // nothing is left of it
	added    []map[string]any
	removed  bool             // a statement was
	sources  []map[string]any // event source mappings that were created
}

// function keeps what a call changes of a function.
func (c *changed) function(name, call string, fields map[string]any, shift time.Duration) {
	if c.functions == nil {
		c.functions = map[string]*functionState{}
	}
	f := c.functions[name]
	if f == nil {
		f = new(functionState)
		c.functions[name] = f
	}
	switch {
	case strings.HasPrefix(call, "UpdateFunctionCode"), strings.HasPrefix(call, "UpdateFunctionConfiguration"):
		f.modified = time.Now().Add(shift).Add(2 * time.Minute) // later than a deployment that has just ended
	case strings.HasPrefix(call, "PutFunctionConcurrency"):
		f.reserved = fields["ReservedConcurrentExecutions"]
	case strings.HasPrefix(call, "DeleteFunctionConcurrency"):
		f.reserved = nil
	case call == "CreateFunctionUrlConfig":
		f.url = true
	case call == "DeleteFunctionUrlConfig":
		f.url = false
	case call == "PutFunctionEventInvokeConfig":
		f.retries, f.noKeep = fields, false
	case call == "DeleteFunctionEventInvokeConfig":
		f.noKeep = true
	case strings.HasPrefix(call, "CreateEventSourceMapping"):
		f.sources = append(f.sources, map[string]any{"EventSourceArn": fields["EventSourceArn"], "State": "Enabled"})
	case strings.HasPrefix(call, "AddPermission"):
		f.added = append(f.added, fields)
	case strings.HasPrefix(call, "RemovePermission"):
		f.removed = true
	}
}

// A lambdaRead is a call of Lambda that reads, as it is on the wire.
type lambdaRead struct {
	path *regexp.Regexp
	name string
}

var lambdaReads = []lambdaRead{
	{lambdaPath("functions/NAME/configuration"), "GetFunctionConfiguration"},
	{lambdaPath("functions/NAME/concurrency"), "GetFunctionConcurrency"},
	{lambdaPath("functions/NAME/event-invoke-config"), "GetFunctionEventInvokeConfig"},
	{lambdaPath("functions/NAME/policy"), "GetPolicy"},
	{lambdaPath("functions/NAME/urls"), "ListFunctionUrlConfigs"},
	{lambdaPath("event-source-mappings"), "ListEventSourceMappings"},
}

// readFunction answers a call that reads of a function of the template; ok is false for any other request.
func (h *Handler) readFunction(w http.ResponseWriter, r *http.Request) (ok bool) {
	var action, name string
	for _, known := range lambdaReads {
		if parts := known.path.FindStringSubmatch(r.URL.Path); parts != nil && r.Method == http.MethodGet {
			action, name = known.name, functionName(strings.Join(parts[1:], "")+r.URL.Query().Get("FunctionName"))
		}
	}
	if action == "" {
		return false
	}
	req, err := read(w, r)
	if err != nil {
		lambdaError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", err.Error())
		return true
	}
	req.service, req.action, req.form = "lambda", action, nil
	req.body, _ = json.Marshal(map[string]string{"FunctionName": name}) // cannot fail
	if function := h.Functions[req.accessKey]; function != "" {
		h.interrupt(function, "lambda:"+action)
		h.record(r.Context(), function, req, user{}, answer{status: http.StatusOK})
		if fault, ok := h.fault(function, "lambda:"+action); ok {
			lambdaError(w, fault.Status, fault.Code, fault.Message)
			return true
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	state := h.changed.functions[name]
	if state == nil {
		state = new(functionState)
	}
	_, known := h.Environments[name]
	found := h.deployedFunction(name)
	if gone := h.off[name] && state.reserved == nil; !known || gone ||
		found == nil { // deleted: it does not run, unlimited
		h.lambdaFailure(w, name, lambdahost.ErrUnknown)
		return true
	}
	switch action {
	case "GetFunctionConfiguration":
		writeJSON(w, h.configuration(name, state, found))
	case "GetFunctionConcurrency":
		writeJSON(w, map[string]any{"ReservedConcurrentExecutions": state.reserved})
	case "GetFunctionEventInvokeConfig":
		retries := state.retries
		if retries == nil {
			retries = found.retries
		}
		if state.noKeep || retries == nil {
			lambdaError(w, http.StatusNotFound, "ResourceNotFoundException", "The function doesn't have an EventInvokeConfig")
			return true
		}
		writeJSON(w, retries)
	case "GetPolicy":
		h.functionPolicy(w, found, state)
	case "ListEventSourceMappings":
		sources := append([]map[string]any{}, state.sources...)
		for _, queue := range h.Feeds[name] {
			sources = append(sources, map[string]any{"EventSourceArn": queue, "State": "Enabled"})
		}
		writeJSON(w, map[string]any{"EventSourceMappings": sources})
	case "ListFunctionUrlConfigs":
		urls := []map[string]any{}
		if state.url {
			urls = append(urls, map[string]any{"FunctionArn": h.functionARN(name), "FunctionUrl": "https://local.invalid/"})
		}
		writeJSON(w, map[string]any{"FunctionUrlConfigs": urls})
	}
	return true
}

// A deployedFunction is what the template has of a function.
type deployedFunction struct {
	properties map[string]any
	created    time.Time
	retries    map[string]any // nil for none
	permitted  []map[string]any
}

// deployedFunction finds a function in the stacks. References in what it returns are resolved.
func (h *Handler) deployedFunction(name string) *deployedFunction {
	var found *deployedFunction
	for _, d := range h.Deployed {
		for _, r := range d.Resources {
			if r.Type == "AWS::Lambda::Function" && r.PhysicalID == name {
				found = &deployedFunction{properties: d.Properties[r.LogicalID], created: d.Created}
			}
		}
	}
	for _, d := range h.Deployed {
		for _, r := range d.Resources {
			properties := d.Properties[r.LogicalID]
			of, _ := properties["FunctionName"].(string)
			switch {
			case found == nil || functionName(of) != name:
			case r.Type == "AWS::Lambda::EventInvokeConfig":
				found.retries = properties
			case r.Type == "AWS::Lambda::Permission":
				found.permitted = append(found.permitted, properties)
			}
		}
	}
	return found
}

// configuration is Lambda's GetFunctionConfiguration.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
func (h *Handler) configuration(name string, state *functionState, f *deployedFunction) map[string]any {
	modified := f.created
	if !state.modified.IsZero() {
		modified = state.modified
	}
	out := map[string]any{
		"FunctionName": name, "FunctionArn": h.functionARN(name), "State": "Active", "LastUpdateStatus": "Successful",
		"LastModified": modified.UTC().Format("2006-01-02T15:04:05.000+0000"), "Role": h.Roles[name],
		"Environment": map[string]any{"Variables": own(h.Environments[name])},
	}
	for _, field := range []string{"Handler", "Runtime", "Timeout", "MemorySize"} {
		if value := f.properties[field]; value != nil {
			out[field] = value
		}
	}
	return out
}

// functionPolicy is Lambda's GetPolicy.
func (h *Handler) functionPolicy(w http.ResponseWriter, f *deployedFunction, state *functionState) {
	statements := []map[string]any{}
	permitted := f.permitted
	if state.removed && len(permitted) > 0 { // which one, only Lambda's names of the statements say
		permitted = permitted[1:]
	}
	for _, p := range slices.Concat(permitted, state.added) {
		principal, _ := p["Principal"].(string)
		s := map[string]any{"Effect": "Allow", "Action": p["Action"], "Principal": map[string]any{"Service": principal}}
		if !strings.HasSuffix(principal, ".amazonaws.com") {
			s["Principal"] = map[string]any{"AWS": principal}
		}
		if source := p["SourceArn"]; source != nil {
			s["Condition"] = map[string]any{"ArnLike": map[string]any{"AWS:SourceArn": source}}
		}
		statements = append(statements, s)
	}
	if len(statements) == 0 {
		lambdaError(w, http.StatusNotFound, "ResourceNotFoundException", "The resource you requested does not exist.")
		return
	}
	policy, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements}) // it was JSON
	writeJSON(w, map[string]any{"Policy": string(policy)})
}

// targets answers the calls about the targets of a rule of a stack; ok is false for any other rule. moto's targets of
// these are queues. A rule without the target that it was deployed with delivers nothing.
func (h *Handler) targets(ctx context.Context, req request) (a answer, ok bool) {
	var input struct {
		Rule    string
		IDs     []string `json:"Ids"`
		Targets []json.RawMessage
	}
	if json.Unmarshal(req.body, &input) != nil {
		return answer{}, false
	}
	key := req.region + " " + input.Rule
	h.mu.Lock()
	defer h.mu.Unlock()
	now, known := h.changed.targets[key]
	var deployed []json.RawMessage
	for _, d := range h.Deployed {
		if all, has := d.Targets[input.Rule]; has && d.Region == req.region {
			deployed, known = all, true
		}
	}
	if _, has := h.changed.targets[key]; !has {
		now = deployed
	}
	if !known {
		return answer{}, false
	}
	switch req.action {
	case "ListTargetsByRule":
		if now == nil {
			now = []json.RawMessage{}
		}
		return inJSON(map[string]any{"Targets": now}), true
	case "RemoveTargets":
		now = slices.DeleteFunc(slices.Clone(now), func(t json.RawMessage) bool {
			return slices.Contains(input.IDs, idOf(t))
		})
	case "PutTargets":
		for _, t := range input.Targets {
			now = slices.DeleteFunc(slices.Clone(now), func(old json.RawMessage) bool { return idOf(old) == idOf(t) })
			now = append(now, t)
		}
	default:
		return answer{}, false
	}
	if h.changed.targets == nil {
		h.changed.targets = map[string][]json.RawMessage{}
	}
	h.changed.targets[key] = now
	starts := len(deployed) > 0 && slices.ContainsFunc(now, func(t json.RawMessage) bool {
		return arnOf(t) == arnOf(deployed[0])
	})
	h.EventBridge.Switch(req.region, input.Rule, starts)
	if len(now) == 0 {
		h.untarget(ctx, req, input.Rule)
	}
	return inJSON(map[string]any{"FailedEntryCount": 0, "FailedEntries": []any{}}), true
}

// untarget takes moto's own targets off a rule, so that it can be deleted.
func (h *Handler) untarget(ctx context.Context, req request, rule string) {
	client := eventbridge.NewFromConfig(h.moto(), func(o *eventbridge.Options) { o.Region = req.region })
	var input struct{ EventBusName *string }
	_ = json.Unmarshal(req.body, &input) // it was read before
	out, err := client.ListTargetsByRule(ctx,
		&eventbridge.ListTargetsByRuleInput{Rule: &rule, EventBusName: input.EventBusName})
	if err != nil {
		return // it stays, and cannot be deleted
	}
	ids := []string{}
	for _, t := range out.Targets {
		ids = append(ids, aws.ToString(t.Id))
	}
	if len(ids) > 0 {
		_, _ = client.RemoveTargets(ctx,
			&eventbridge.RemoveTargetsInput{Rule: &rule, EventBusName: input.EventBusName, Ids: ids})
	}
}

func idOf(target json.RawMessage) string {
	var t types.Target
	_ = json.Unmarshal(target, &t) // what is none has no id
	return aws.ToString(t.Id)
}

func arnOf(target json.RawMessage) string {
	var t types.Target
	_ = json.Unmarshal(target, &t) // what is none has no ARN
	return aws.ToString(t.Arn)
}

// dataProtection answers the calls about what a topic does with messages.
func (h *Handler) dataProtection(req request) answer {
	topic := req.form.Get("ResourceArn")
	h.mu.Lock()
	defer h.mu.Unlock()
	if req.action == "PutDataProtectionPolicy" {
		if h.changed.protection == nil {
			h.changed.protection = map[string]string{}
		}
		h.changed.protection[topic] = req.form.Get("DataProtectionPolicy")
		return inXML(struct {
			XMLName xml.Name `xml:"PutDataProtectionPolicyResponse"`
		}{})
	}
	return inXML(struct {
		XMLName xml.Name `xml:"GetDataProtectionPolicyResponse"`
		Policy  string   `xml:"GetDataProtectionPolicyResult>DataProtectionPolicy"`
	}{Policy: h.changed.protection[topic]})
}

// listeners are the functions that still subscribe a topic.
func (h *Handler) listeners() []Listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.Listeners),
		func(l Listener) bool { return slices.Contains(h.changed.unsubscribed, l.Subscription) })
}

// subscription answers the calls about one subscription of a function, which moto has not; ok is false for any other.
func (h *Handler) subscription(req request) (a answer, ok bool) {
	listeners := h.listeners()
	i := slices.IndexFunc(listeners, func(l Listener) bool { return l.Subscription == req.form.Get("SubscriptionArn") })
	if i < 0 {
		return answer{}, false
	}
	switch req.action {
	case "GetSubscriptionAttributes":
		type entry struct {
			Key   string `xml:"key"`
			Value string `xml:"value"`
		}
		var entries []entry
		if redrive := listeners[i].Redrive; redrive != "" {
			entries = append(entries, entry{"RedrivePolicy", redrive})
		}
		return inXML(struct {
			XMLName xml.Name `xml:"GetSubscriptionAttributesResponse"`
			Entries []entry  `xml:"GetSubscriptionAttributesResult>Attributes>entry"`
		}{Entries: entries}), true
	case "Unsubscribe":
		h.mu.Lock()
		defer h.mu.Unlock()
		h.changed.unsubscribed = append(h.changed.unsubscribed, listeners[i].Subscription)
		return inXML(struct {
			XMLName xml.Name `xml:"UnsubscribeResponse"`
		}{}), true
	}
	return answer{}, false
}
