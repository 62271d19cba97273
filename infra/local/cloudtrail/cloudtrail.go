// Package cloudtrail turns calls to the IAM API, and calls of other services that change what Warder has there, into
// the CloudTrail events that EventBridge would carry.
//
// It sees the call as it went over the wire (a form or JSON, an answer of XML or JSON) and knows of a service only what
// the form of a CloudTrail record needs: which parameters are secret, which are not strings. It never decides whether
// an event is delivered.
package cloudtrail

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/warder-aws/warder/infra/local/eventfile"
)

// Mutating reports whether an IAM action changes anything, which is what reaches a rule in the state
// ENABLED: read-only management events do not.
func Mutating(action string) bool {
	for _, read := range []string{"Get", "List", "Generate", "Simulate"} {
		if strings.HasPrefix(action, read) {
			return false
		}
	}
	return action != ""
}

// An Identity is who made a call.
type Identity struct {
	Type        string // Root, IAMUser or AssumedRole
	Account     string
	AccessKey   string
	PrincipalID string // AIDA… of a user, AROA…:session of a session; not used for Root
	ARN         string // of the user, or of the session; not used for Root
	UserName    string // of an IAMUser
	RoleARN     string // of an AssumedRole
	Since       time.Time
}

// userIdentity is the form of CloudTrail:
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
func (id Identity) userIdentity() map[string]any {
	record := map[string]any{
		"type":        id.Type,
		"principalId": id.PrincipalID,
		"arn":         id.ARN,
		"accountId":   id.Account,
		"accessKeyId": id.AccessKey,
	}
	switch id.Type {
	case "Root":
		record["principalId"] = id.Account
		record["arn"] = "arn:aws:iam::" + id.Account + ":root"
	case "IAMUser":
		record["userName"] = id.UserName
	case "AssumedRole":
		role, _, _ := strings.Cut(id.PrincipalID, ":")
		record["sessionContext"] = map[string]any{
			"sessionIssuer": map[string]any{
				"type":        "Role",
				"principalId": role,
				"arn":         id.RoleARN,
				"accountId":   id.Account,
				"userName":    id.RoleARN[strings.LastIndex(id.RoleARN, "/")+1:],
			},
			"webIdFederationData": map[string]any{},
			"attributes": map[string]any{
				"creationDate":     id.Since.UTC().Format(time.RFC3339),
				"mfaAuthenticated": "false",
			},
		}
	}
	return record
}

// A Call is one call to an API and its answer.
type Call struct {
	Service   string     // as events name it, see [Recorded]; empty for iam
	Name      string     // as events name the call; empty for the form's Action
	Form      url.Values // with Action, or else
	Body      []byte     // JSON
	Status    int        // HTTP status of the answer
	Answer    []byte     // XML if the call was a form, else JSON
	RequestID string
	UserAgent string
	Host      string // the Host header of the request
	Region    string // where CloudTrail logs it: IAM's in us-east-1
	Caller    Identity
	At        time.Time
}

// Event is the EventBridge event of the call: `AWS API Call via CloudTrail`, whose detail is the CloudTrail record.
func Event(call Call) (json.RawMessage, error) {
	call.Service, call.Name = cmp.Or(call.Service, "iam"), cmp.Or(call.Name, call.Form.Get("Action"))
	record, err := record(call)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", call.Name, err)
	}
	event, err := json.Marshal(map[string]any{
		"version":     "0",
		"id":          eventfile.NewID(),
		"detail-type": "AWS API Call via CloudTrail",
		"source":      "aws." + call.Service,
		"account":     call.Caller.Account,
		"time":        call.At.UTC().Format(time.RFC3339),
		"region":      call.Region,
		"resources":   []string{},
		"detail":      record,
	})
	if err != nil {
		return nil, fmt.Errorf("encode event of %s: %w", call.Name, err)
	}
	return event, nil
}

func record(call Call) (map[string]any, error) {
	record := map[string]any{
		"eventVersion":       "1.11",
		"userIdentity":       call.Caller.userIdentity(),
		"eventTime":          call.At.UTC().Format(time.RFC3339),
		"eventSource":        call.Service + ".amazonaws.com",
		"eventName":          call.Name,
		"awsRegion":          call.Region,
		"sourceIPAddress":    "127.0.0.1",
		"userAgent":          call.UserAgent,
		"requestParameters":  nil,
		"responseElements":   nil,
		"requestID":          call.RequestID,
		"eventID":            eventfile.NewID(),
		"readOnly":           false,
		"eventType":          "AwsApiCall",
		"managementEvent":    true,
		"recipientAccountId": call.Caller.Account,
		"eventCategory":      "Management",
		"tlsDetails": map[string]any{
			"tlsVersion":               "TLSv1.3",
			"cipherSuite":              "TLS_AES_128_GCM_SHA256",
			"clientProvidedHostHeader": call.Host,
		},
	}
	if call.Form == nil {
		return record, recordJSON(record, call)
	}
	if call.Status >= 300 {
		code, message, err := failure(call.Answer)
		if err != nil {
			return nil, err
		}
		record["errorCode"] = code
		record["errorMessage"] = message
		if code != "AccessDenied" { // a denied call is recorded without its parameters
			record["requestParameters"] = requestParameters(call.Form)
		}
		return record, nil
	}
	record["requestParameters"] = requestParameters(call.Form)
	elements, err := responseElements(call.Answer)
	if err != nil {
		return nil, err
	}
	if key, ok := elements["accessKey"].(map[string]any); ok && call.Caller.Type == "Root" && !call.Form.Has("UserName") {
		delete(key, "userName") // root's own key belongs to no user
	}
	if elements != nil {
		record["responseElements"] = elements
	}
	return record, nil
}

// secret are the parameters and elements that a record never carries.
var secret = map[string]bool{
	"Password": true, "OldPassword": true, "NewPassword": true, "PrivateKey": true,
	"AuthenticationCode1": true, "AuthenticationCode2": true,
	"SecretAccessKey": true, "Base32StringSeed": true, "QRCodePNG": true,
	"ServicePassword": true, "ServiceCredentialSecret": true,
}

// boolean and number are the parameters and elements that are no strings in JSON.
var (
	boolean = map[string]bool{
		"SetAsDefault": true, "PasswordResetRequired": true, "RequireSymbols": true, "RequireNumbers": true,
		"RequireUppercaseCharacters": true, "RequireLowercaseCharacters": true, "AllowUsersToChangePassword": true,
		"HardExpiry": true, "IsDefaultVersion": true, "IsAttachable": true,
	}
	number = map[string]bool{
		"MaxSessionDuration": true, "MinimumPasswordLength": true, "MaxPasswordAge": true,
		"PasswordReusePrevention": true, "CredentialAgeDays": true, "AttachmentCount": true,
		"PermissionsBoundaryUsageCount": true,
	}
)

func value(name, text string) any {
	switch {
	case boolean[name]:
		return text == "true"
	case number[name]:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	return text
}

// lowerCamel is CloudTrail's way with names: only the first letter changes, so that SSHPublicKeyId
// becomes sSHPublicKeyId.
func lowerCamel(name string) string {
	first := []rune(name)
	if len(first) == 0 {
		return name
	}
	first[0] = unicode.ToLower(first[0])
	return string(first)
}

// requestParameters is nil for a call without parameters, such as one on the caller's own key.
func requestParameters(form url.Values) any {
	tree := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if name == "Action" || name == "Version" || name == "" {
			continue
		}
		put(tree, strings.Split(name, "."), form.Get(name))
	}
	if len(tree) == 0 {
		return nil
	}
	if ids, ok := tree["FlowLogId"].(map[string]any); ok && form.Get("Action") == "DeleteFlowLogs" {
		return map[string]any{"DeleteFlowLogsRequest": map[string]any{"FlowLogId": tagged(list(ids))}}
	}
	return lists(tree)
}

// tagged is how newer calls of EC2 name things: one as an object, several as a list of them.
func tagged(names []any) any {
	all := make([]any, 0, len(names))
	for i, name := range names {
		all = append(all, map[string]any{"tag": i + 1, "content": name})
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

// put stores text under path, one map for each step.
func put(tree map[string]any, path []string, text string) {
	last := path[len(path)-1]
	if secret[last] {
		return
	}
	for _, step := range path[:len(path)-1] {
		child, ok := tree[step].(map[string]any)
		if !ok {
			child = map[string]any{}
			tree[step] = child
		}
		tree = child
	}
	tree[last] = value(last, text)
}

// lists makes {"member": {"1": a, "2": b}} the list [a, b], {"1": a, "2": b} that of EC2, {"items": [a, b]}, and every
// name lowerCamel.
func lists(node any) any {
	tree, ok := node.(map[string]any)
	if !ok {
		return node
	}
	for _, member := range []string{"member", "AttributeValue"} { // the second is RDS's
		if members, ok := tree[member].(map[string]any); ok && len(tree) == 1 {
			return list(members)
		}
	}
	if _, numbered := tree["1"]; numbered {
		return map[string]any{"items": list(tree)}
	}
	named := map[string]any{}
	for name, child := range tree {
		named[lowerCamel(name)] = lists(child)
	}
	return named
}

// list is the members in the order of their numbers.
func list(members map[string]any) []any {
	list := make([]any, 0, len(members))
	for _, index := range slices.SortedFunc(maps.Keys(members), func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return cmp.Compare(x, y)
	}) {
		list = append(list, lists(members[index]))
	}
	return list
}

// An element is any XML element.
type element struct {
	XMLName  xml.Name
	Children []element `xml:",any"`
	Text     string    `xml:",chardata"`
}

// responseElements is what an answer creates, or nil for an answer without a result.
func responseElements(answer []byte) (map[string]any, error) {
	var root element
	if err := xml.Unmarshal(answer, &root); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	for _, child := range root.Children {
		if !strings.HasSuffix(child.XMLName.Local, "Result") {
			continue
		}
		if elements, ok := child.tree().(map[string]any); ok && len(elements) > 0 {
			return elements, nil
		}
	}
	return nil, nil
}

func (e element) tree() any {
	if len(e.Children) == 0 {
		return e.leaf()
	}
	if e.Children[0].XMLName.Local == "member" {
		list := make([]any, 0, len(e.Children))
		for _, child := range e.Children {
			list = append(list, child.tree())
		}
		return list
	}
	tree := map[string]any{}
	for _, child := range e.Children {
		name := child.XMLName.Local
		if secret[name] || len(child.Children) == 0 && strings.TrimSpace(child.Text) == "" {
			continue
		}
		tree[lowerCamel(name)] = child.tree()
	}
	return tree
}

func (e element) leaf() any {
	name := e.XMLName.Local
	if at, err := time.Parse(time.RFC3339, e.Text); err == nil && strings.HasSuffix(name, "Date") {
		return at.UTC().Format("Jan 2, 2006 3:04:05 PM") // as recorded events have it
	}
	return value(name, e.Text)
}

// failure is the error of an answer in CloudTrail's spelling: NoSuchEntityException where the SDKs
// say NoSuchEntity, but AccessDenied in both.
func failure(answer []byte) (code, message string, err error) {
	var root struct {
		Error struct{ Code, Message string }
	}
	if err := xml.Unmarshal(answer, &root); err != nil {
		return "", "", fmt.Errorf("decode error: %w", err)
	}
	code = root.Error.Code
	switch {
	case code == "":
		return "", "", errors.New("decode error: no code")
	case code == "AccessDenied", strings.HasSuffix(code, "Exception"):
	case code == "ValidationError":
		code = "ValidationException"
	default:
		code += "Exception"
	}
	return code, root.Error.Message, nil
}
