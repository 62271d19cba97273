package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/strictjson"
)

// Variable is the environment variable that holds the settings of a function: one JSON document.
const Variable = "WARDER_SETTINGS"

// MaxEnv is what Lambda takes for all environment variables of a function together, in bytes.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const MaxEnv = 4096

// Function is the settings of one function.
type Function struct {
	Mode            control.Mode    `json:"mode"`
	Parameters      json.RawMessage `json:"parameters"` // JSON object, see Parameters
	AllowedNetworks []netip.Prefix  `json:"allowedNetworks,omitempty"`
	TrustedAccounts []string        `json:"trustedAccounts,omitempty"`
	Orders          string          `json:"orders,omitempty"`  // ARN of the parameter that the organization orders by
	Regions         []string        `json:"regions,omitempty"` // the other regions, of a control that sweeps over each
	Marks           []string        `json:"marks,omitempty"`   // keys of tags that parameters of any control go by
	Owners          Owners          `json:"owners"`
	BlastRadius     int             `json:"blastRadius"`   // changes that the control may make in an hour
	HoldDays        int             `json:"holdDays"`      // days that sweeps leave alone what was undone
	CIS             string          `json:"cis,omitempty"` // version of the CIS benchmark; empty: control.DefaultCIS
	Runbooks        string          `json:"runbooks"`
	Language        Language        `json:"language"`           // of every notice
	Timezone        string          `json:"timezone,omitempty"` // of times that people read; empty: UTC
	Subjects        Subjects        `json:"subjects,omitempty"` // of email through SNS; empty: ASCII
	Table           string          `json:"table"`              // DynamoDB table
	LedgerKey       string          `json:"ledgerKey"`          // ARN of the KMS key that keeps the secret of the seals
	Topic           string          `json:"topic"`              // ARN of the SNS topic
	Account         string          `json:"account"`            // id, of the stack; the topic may be in another
	Roles           []string        `json:"roles"`              // names of all of Warder's roles, under RolePath
	Quarantine      Quarantine      `json:"quarantine"`
	Reach           Reach           `json:"reach,omitzero"`       // who can receive a notice
	EventClock      bool            `json:"eventClock,omitempty"` // local account: "now" is the event's time

	// Of some tools, zero elsewhere.
	Slack   Slack     `json:"slack,omitzero"`    // where notices are posted
	Mail    Mail      `json:"mail,omitzero"`     // how owners get mail
	Asking  Asking    `json:"asking,omitzero"`   // what people may ask for
	Queue   string    `json:"queue,omitempty"`   // URL of the queue that feeds the function
	Reports string    `json:"reports,omitempty"` // name of the bucket of reports
	Drill   string    `json:"drill,omitempty"`   // URL of the queue that a drill watches
	Bus     string    `json:"bus,omitempty"`     // name of the stack's own event bus
	Drilled []Drilled `json:"drilled,omitempty"` // the controls that are part of a drill
	// Modes is the mode of every control, by id, for a tool that writes reports.
	Modes map[string]control.Mode `json:"modes,omitempty"`
	Own   Own                     `json:"own,omitzero"` // of the control that watches Warder
	// SlackLocal is the loopback address that stands for Slack in the local account; empty: Slack itself.
	SlackLocal string `json:"slackLocal,omitempty"`
}

// Own is what a function that watches Warder knows of the deployment beside the names that all functions know.
type Own struct {
	Stack  string   `json:"stack,omitempty"`  // name of the hub's stack
	Topics []string `json:"topics,omitempty"` // ARNs of topics beside Topic that alerts go to as well
	Mails  []string `json:"mails,omitempty"`  // ARNs of the topics that addresses are subscribed to
	Keys   []string `json:"keys,omitempty"`   // ARNs of keys
	// Regions are the other regions, each of which has a stack that forwards its events.
	Regions []string `json:"regions,omitempty"`
}

// Quarantine is the ARNs of the policies of the stack that keep users from acting.
type Quarantine struct {
	Key     string `json:"key"`               // of a user whose access key is exposed
	Outside string `json:"outside,omitempty"` // of one who came from outside; empty without allowedNetworks
}

// Drilled is a control that is part of a drill.
type Drilled struct {
	Control  string           `json:"control"`
	Scenario control.Scenario `json:"scenario"`
	Rule     string           `json:"rule,omitempty"` // the rule of AWS Config whose event starts it
	Off      bool             `json:"off,omitempty"`  // its mode is off: nothing starts it
}

// Function is the settings of the function of c. The caller adds what only the deployment knows: Topic, Account,
// Roles and Quarantine, and to a tool what it needs. A tool acts when a person asks it to, so its mode is enforce.
func (s Settings) Function(c control.Control) Function {
	set := s.Controls[c.ID]
	if c.Tool {
		set = Control{Mode: control.Enforce, Parameters: map[string]json.RawMessage{}}
	}
	var modes map[string]control.Mode
	writes := func(p control.Permission) bool { return slices.Contains(p.Resources, control.Reports) }
	if slices.ContainsFunc(c.Permissions, writes) {
		modes = map[string]control.Mode{}
		for id, other := range s.Controls {
			modes[id] = other.Mode
		}
	}
	var regions []string
	if c.Regions {
		regions = s.Regions
	}
	orders := ""
	if !c.Tool && c.Acts() {
		orders = s.Orders
	}
	var asking Asking
	if c.Tool && c.ID == Asked {
		asking = s.Asking
	}
	subjects := s.Notify.Subjects
	if subjects == ASCII {
		subjects = ""
	}
	return Function{
		Modes:           modes,
		Regions:         regions,
		Mode:            set.Mode,
		Parameters:      compact(set.Parameters),
		AllowedNetworks: s.AllowedNetworks,
		TrustedAccounts: s.TrustedAccounts,
		Orders:          orders,
		Marks:           s.Marks(),
		Owners:          s.Owners,
		BlastRadius:     s.BlastRadius,
		HoldDays:        s.HoldDays,
		Asking:          asking,
		CIS:             s.CIS,
		Runbooks:        s.Runbooks,
		Language:        s.Notify.Language,
		Timezone:        s.Timezone,
		Subjects:        subjects,
		Reach:           s.Reach(),
		Table:           TableName,
	}
}

// Env is f as environment variables. FromEnv reads them back.
func (f Function) Env() map[string]string { return map[string]string{Variable: string(compact(f))} }

// EnvSize is the size of environment variables as Lambda counts it against MaxEnv: their JSON object's, in bytes.
func EnvSize(env map[string]string) int { return len(compact(env)) }

// Edit changes the settings in environment variables.
func Edit(env map[string]string, edit func(*Function)) error {
	f, err := FromEnv(func(name string) (string, bool) { value, ok := env[name]; return value, ok })
	if err != nil {
		return err
	}
	edit(&f)
	env[Variable] = f.Env()[Variable]
	return nil
}

// FromEnv reads the settings of a function by os.LookupEnv. The error joins every fault, and repeats no value.
func FromEnv(lookup func(string) (string, bool)) (Function, error) {
	text, ok := lookup(Variable)
	if !ok {
		return Function{}, fmt.Errorf("%s: missing: deploy the stack again, which sets it", Variable)
	}
	root, err := strictjson.Parse(Variable, []byte(text))
	if err != nil {
		return Function{}, err
	}
	var f Function
	root.Decode(&f)
	f.check(root)
	if err := root.Err(); err != nil {
		return Function{}, err
	}
	return f, nil
}

// check faults what a function cannot work with. A value of another kind than the field's has a fault already.
func (f Function) check(root *strictjson.Node) {
	want := func(n *strictjson.Node, kind strictjson.Kind, right bool, what string) {
		n.Refuse(kind, !right, "want %s", what)
	}
	text := func(name string, right bool, what string) {
		want(root.Field(name), strictjson.String, right, what)
	}
	const aMode, aName, aNumber = "off, observe or enforce", "a name that is not empty", "a whole number above 0"
	text("mode", f.Mode.Valid(), aMode)
	root.Field("modes").Members(func(id string, n *strictjson.Node) {
		want(n, strictjson.String, f.Modes[id].Valid(), aMode)
	})
	root.Field("parameters").Members(func(string, *strictjson.Node) {}) // faults what is not an object
	text("language", slices.Contains(languages, f.Language), fmt.Sprintf("one of %v", languages))
	text("cis", f.CIS == "" || slices.Contains(control.CISVersions, f.CIS), fmt.Sprintf("one of %v", control.CISVersions))
	_, err := i18n.Zone(f.Timezone)
	text("timezone", err == nil, "an IANA name such as Asia/Seoul, or UTC")
	text("subjects", slices.Contains([]Subjects{"", ASCII, UTF8}, f.Subjects), "ascii or utf-8")
	text("topic", strings.HasPrefix(f.Topic, "arn:"), "the ARN of a topic")
	text("table", f.Table != "", aName)
	_, err = arn.Parse(f.Orders)
	text("orders", f.Orders == "" || err == nil, "the ARN of a parameter")
	text("ledgerKey", strings.HasPrefix(f.LedgerKey, "arn:"), "the ARN of a KMS key")
	text("account", f.Account != "", aName)
	want(root.Field("roles"), strictjson.Array, len(f.Roles) > 0, "the names of Warder's roles")
	key := root.Field("quarantine").Field("key")
	want(key, strictjson.String, strings.HasPrefix(f.Quarantine.Key, "arn:"), "the ARN of a policy")
	want(root.Field("blastRadius"), strictjson.Number, f.BlastRadius > 0, aNumber)
	want(root.Field("holdDays"), strictjson.Number, f.HoldDays > 0, aNumber)
	// Whoever can set it must not get the token.
	text("slackLocal", f.SlackLocal == "" || loopback(f.SlackLocal), "an http address on loopback")
}

// loopback reports whether an address is that of a server on this machine.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

// GraceDays and NoticeDays are the names of parameters that the runner keeps for every control that
// declares them; a planner's struct does not name them.
const (
	GraceDays  = "graceDays"  // how many days an owner has after a notice was delivered; none where it is not declared
	NoticeDays = "noticeDays" // how many days before a change is due its owner is notified
)

// Days is the value of GraceDays or NoticeDays, 0 for a control that does not declare it.
func (f Function) Days(name string) (days int) {
	var parameters map[string]json.RawMessage
	if json.Unmarshal(f.Parameters, &parameters) != nil || json.Unmarshal(parameters[name], &days) != nil {
		return 0
	}
	return days
}

// Parameters decodes a function's parameters into the planner's own struct. The struct and control.json
// must name the same parameters, but for those that the runner keeps.
func Parameters[T any](f Function) (T, error) {
	var parameters, none T
	var declared map[string]json.RawMessage
	if err := json.Unmarshal(f.Parameters, &declared); err != nil {
		return none, fmt.Errorf("read parameters: %w", err)
	}
	delete(declared, GraceDays)
	delete(declared, NoticeDays)
	root, err := strictjson.Parse("parameters", compact(declared))
	if err != nil {
		return none, err
	}
	root.Decode(&parameters)
	if err := root.Err(); err != nil {
		return none, fmt.Errorf("control.json and the planner differ: %w", err)
	}
	return parameters, nil
}

// compact is the shortest JSON of a value, its keys sorted.
func compact(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(fmt.Sprintf("encode settings: %v", err)) // strings, numbers and maps of them always encode
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
