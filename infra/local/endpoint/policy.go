package endpoint

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	iampolicy "github.com/warder-aws/warder/pkg/policy"
)

// A policy is the policy of a table or a key, as far as Warder's own use it: statements for everybody or for the
// account, on the resource itself.
type policy []struct {
	Effect    string
	Action    oneOrMore
	Condition map[string]map[string]oneOrMore
}

type oneOrMore []string

// UnmarshalJSON implements [json.Unmarshaler].
func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	var more []string
	err := json.Unmarshal(data, &more)
	*o = more
	return err
}

// parsePolicy reads a document. One that cannot be read lets nobody do anything.
func parsePolicy(text []byte) policy {
	var document struct{ Statement policy }
	if json.Unmarshal(text, &document) != nil {
		return policy{}
	}
	return document.Statement
}

// decides is what the policy says of a call: denied wins.
func (p policy) decides(action string, keys map[string]string) (allowed, denied bool) {
	for _, s := range p {
		if !slices.ContainsFunc(s.Action, func(pattern string) bool { return iampolicy.Matches(pattern, action) }) ||
			!meets(s.Condition, keys) {
			continue
		}
		allowed, denied = allowed || s.Effect == "Allow", denied || s.Effect != "Allow"
	}
	return allowed, denied
}

// meets reports whether the keys of a call meet the conditions. A key that the call does not have meets only what
// is negated (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).
func meets(conditions map[string]map[string]oneOrMore, keys map[string]string) bool {
	for operator, of := range conditions {
		for key, patterns := range of {
			value, has := keys[key]
			match := has && slices.ContainsFunc(patterns, func(pattern string) bool {
				return pattern == value || strings.HasPrefix(operator, "Arn") && iampolicy.Matches(pattern, value)
			})
			if match == strings.Contains(operator, "Not") {
				return false
			}
		}
	}
	return true
}

// refused is the answer to a call that the policy of the table or key that it is about does not let the caller make.
func (h *Handler) refused(ctx context.Context, req request) (answer, bool) {
	var actions map[string][]string // by ARN
	switch req.service {
	case "dynamodb":
		actions = h.tableActions(req)
	case "kms":
		actions = h.keyActions(req)
	}
	if len(actions) == 0 {
		return answer{}, false
	}
	who, err := h.principal(ctx, req)
	if err != nil {
		return failure(req, http.StatusInternalServerError, "InternalFailure", err.Error()), true
	}
	keys := map[string]string{"aws:PrincipalArn": who}
	var named struct{ EncryptionContext map[string]string }
	_ = json.Unmarshal(req.body, &named) // what cannot be read has none
	for key, value := range named.EncryptionContext {
		keys["kms:EncryptionContext:"+key] = value
	}
	if leading := leadingKey(req); leading != "" {
		keys["dynamodb:LeadingKeys"] = leading
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for arn, wanted := range actions {
		for _, action := range wanted {
			allowed, denied := h.guarded[arn].decides(action, keys)
			if denied || !allowed && req.service == "kms" {
				message := "User: " + who + " is not authorized to perform: " + action + " on resource: " + arn +
					" because of the resource-based policy"
				return failure(req, http.StatusBadRequest, "AccessDeniedException", message), true
			}
		}
	}
	return answer{}, false
}

// leadingKey is the partition key of the item that a PutItem puts. Other calls are taken to be about any.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
func leadingKey(req request) string {
	var in struct {
		Item struct{ PK struct{ S string } }
	}
	if req.service != "dynamodb" || req.action != "PutItem" || json.Unmarshal(req.body, &in) != nil {
		return ""
	}
	return in.Item.PK.S
}

// principal is the ARN of who calls: of a session that of its role.
func (h *Handler) principal(ctx context.Context, req request) (string, error) {
	if function := h.Functions[req.accessKey]; function != "" {
		return h.Roles[function], nil
	}
	caller, err := h.caller(ctx, req.accessKey)
	switch {
	case err != nil:
		return "", err
	case caller.Role != "":
		return caller.Role, nil
	case caller.ARN != "":
		return caller.ARN, nil
	}
	return "arn:aws:iam::" + h.Account + ":root", nil
}

// tableActions are the actions on tables with a policy that a call is checked for. Transactions are checked for what
// they consist of (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html), and
// statements of PartiQL for what they begin with.
func (h *Handler) tableActions(req request) map[string][]string {
	actions := map[string][]string{}
	add := func(table, action string) {
		for arn := range h.guarded {
			if table == arn || strings.HasSuffix(arn, ":table/"+table) {
				actions[arn] = append(actions[arn], "dynamodb:"+action)
			}
		}
	}
	type statement struct{ Statement string }
	var in struct {
		TableName, ResourceArn string
		RequestItems           map[string]json.RawMessage
		TransactItems          []map[string]struct{ TableName string }
		Statements             []statement
		TransactStatements     []statement
		statement
	}
	_ = json.Unmarshal(req.body, &in) // what cannot be read is moto's to refuse
	add(in.TableName, req.action)
	add(in.ResourceArn, req.action)
	for table := range maps.Keys(in.RequestItems) {
		add(table, req.action)
	}
	for _, item := range in.TransactItems {
		for kind, of := range item {
			add(of.TableName, kind+"Item")
		}
	}
	for _, s := range slices.Concat(in.Statements, in.TransactStatements, []statement{in.statement}) {
		verb, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s.Statement)), " ")
		for arn := range h.guarded {
			name := arn[strings.LastIndex(arn, "/")+1:]
			if verb != "" && strings.Contains(s.Statement, name) {
				add(arn, "PartiQL"+strings.ToUpper(verb[:1])+verb[1:])
			}
		}
	}
	return actions
}

// keyActions are the actions on a key with a policy that a call is checked for. What is encrypted names its key: moto
// begins with it.
func (h *Handler) keyActions(req request) map[string][]string {
	var in struct {
		KeyId, SourceKeyId, DestinationKeyId string
		CiphertextBlob                       string
	}
	_ = json.Unmarshal(req.body, &in) // what cannot be read is moto's to refuse
	blob, _ := base64.StdEncoding.DecodeString(in.CiphertextBlob)
	actions := map[string][]string{}
	for arn := range h.guarded {
		_, id, isKey := strings.Cut(arn, ":key/")
		if !isKey {
			continue
		}
		for _, key := range []string{in.KeyId, in.SourceKeyId, in.DestinationKeyId, string(blob)} {
			if strings.Contains(key, id) {
				actions[arn] = []string{"kms:" + req.action}
			}
		}
	}
	return actions
}

// follows keeps a policy that a call has written, which was let through and answered.
func (h *Handler) follows(req request) {
	var in struct{ ResourceArn, KeyId, Policy string }
	if json.Unmarshal(req.body, &in) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for arn := range h.guarded {
		if in.ResourceArn != arn && (in.KeyId == "" || !strings.Contains(arn, in.KeyId)) {
			continue
		}
		switch req.action {
		case "PutResourcePolicy", "PutKeyPolicy":
			h.guarded[arn] = parsePolicy([]byte(in.Policy))
		case "DeleteResourcePolicy":
			h.guarded[arn] = nil
		}
	}
}
