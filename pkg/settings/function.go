package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/control"
)

// Environment variables of a function.
const (
	envMode       = "WARDER_MODE"       // off, observe or enforce
	envParameters = "WARDER_PARAMETERS" // JSON object: every declared parameter
	envSettings   = "WARDER_SETTINGS"   // JSON object: common
	envTable      = "WARDER_TABLE"      // name of the ledger
	envTopic      = "WARDER_TOPIC"      // ARN of the topic
	envHalt       = "WARDER_HALT"       // name of the halt parameter
	envRoles      = "WARDER_ROLES"      // names of all of Warder's roles, comma between
	envQuarantine = "WARDER_QUARANTINE" // JSON object: ARNs of the policies of the stack that deny
	envAccount    = "WARDER_ACCOUNT"    // id of the account that it is deployed in
	envClock      = "WARDER_CLOCK"      // "event" in the local account, else absent

	// Of the tools that need them, absent elsewhere.
	envSlack   = "WARDER_SLACK"   // JSON object: where notices are posted
	envReports = "WARDER_REPORTS" // name of the bucket of reports
	envModes   = "WARDER_MODES"   // JSON object: the mode of every control
	envDrill   = "WARDER_DRILL"   // URL of the queue that a drill watches
	envBus     = "WARDER_BUS"     // name of the stack's own event bus
	envDrilled = "WARDER_DRILLED" // JSON array: the controls that a drill is to see at work

	envSlackLocal = "WARDER_SLACK_LOCAL" // of the local account: loopback address that stands for Slack, else absent
)

// MaxEnv is what Lambda takes for all environment variables of a function
// together, in bytes.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const MaxEnv = 4096

// Function is what one function is told when it starts.
type Function struct {
	Mode            control.Mode
	Parameters      json.RawMessage // JSON object, see Parameters
	AllowedNetworks []netip.Prefix
	Owners          Owners
	BlastRadius     int // changes that the control may make in an hour
	HoldDays        int // days that sweeps leave alone what was undone
	Runbooks        string
	Language        Language // of every notice
	Table           string   // DynamoDB table
	Topic           string   // ARN of the SNS topic
	Account         string   // id of the account that it is deployed in, which the topic may not be
	Halt            string   // name of the SSM parameter
	Roles           []string // names of all of Warder's roles, under RolePath
	Quarantine      Quarantine
	EventClock      bool // "now" is the event's time, not the wall clock's

	// What some tools are told, zero elsewhere.
	Slack   Slack                   // where notices are posted
	Reports string                  // name of the bucket of reports
	Drill   string                  // URL of the queue that a drill watches
	Bus     string                  // name of the stack's own event bus
	Drilled []Drilled               // the controls that a drill is to see at work
	Modes   map[string]control.Mode // of every control, by id, for a tool that writes reports

	SlackLocal string // loopback address that stands for Slack in the local account; empty: Slack itself
}

// Quarantine is the ARNs of the policies that the stack owns to keep users from
// acting.
type Quarantine struct {
	Key     string `json:"key"`               // of a user whose access key is known to others
	Outside string `json:"outside,omitempty"` // of one who came from outside; there is none without allowedNetworks
}

// common is the JSON of envSettings.
type common struct {
	AllowedNetworks []netip.Prefix `json:"allowedNetworks"`
	Owners          Owners         `json:"owners"`
	BlastRadius     int            `json:"blastRadius"`
	HoldDays        int            `json:"holdDays"`
	Runbooks        string         `json:"runbooks"`
	Language        Language       `json:"language"`
}

// Function is what the function of c is told. The caller adds what only the
// deployment knows: Topic, Account, Roles and Quarantine, and to a tool what it needs. A tool acts when it is asked to, so it is
// told to enforce.
func (s Settings) Function(c control.Control) Function {
	set := s.Controls[c.ID]
	if c.Tool {
		set = Control{Mode: control.Enforce, Parameters: map[string]json.RawMessage{}}
	}
	var modes map[string]control.Mode
	if slices.ContainsFunc(c.Permissions, func(p control.Permission) bool { return slices.Contains(p.Resources, control.Reports) }) {
		modes = map[string]control.Mode{}
		for id, other := range s.Controls {
			modes[id] = other.Mode
		}
	}
	return Function{
		Modes:           modes,
		Mode:            set.Mode,
		Parameters:      compact(set.Parameters),
		AllowedNetworks: s.AllowedNetworks,
		Owners:          s.Owners,
		BlastRadius:     s.BlastRadius,
		HoldDays:        s.HoldDays,
		Runbooks:        s.Runbooks,
		Language:        s.Notify.Language,
		Table:           TableName,
		Halt:            HaltParameter,
	}
}

// Env is f as environment variables. FromEnv reads them back.
func (f Function) Env() map[string]string {
	networks := f.AllowedNetworks
	if networks == nil {
		networks = []netip.Prefix{}
	}
	env := map[string]string{
		envMode:       string(f.Mode),
		envParameters: string(f.Parameters),
		envSettings:   string(compact(common{networks, f.Owners, f.BlastRadius, f.HoldDays, f.Runbooks, f.Language})),
		envTable:      f.Table,
		envTopic:      f.Topic,
		envAccount:    f.Account,
		envHalt:       f.Halt,
		envRoles:      strings.Join(f.Roles, ","),
		envQuarantine: string(compact(f.Quarantine)),
	}
	if f.EventClock {
		env[envClock] = "event"
	}
	if f.Slack != (Slack{}) {
		env[envSlack] = string(compact(f.Slack))
	}
	if f.Drilled != nil {
		env[envDrilled] = string(compact(f.Drilled))
	}
	if len(f.Modes) > 0 {
		env[envModes] = string(compact(f.Modes))
	}
	for name, value := range map[string]string{envReports: f.Reports, envDrill: f.Drill, envBus: f.Bus} {
		if value != "" {
			env[name] = value
		}
	}
	return env
}

// EnvSize is the size of environment variables as Lambda measures it, in bytes:
// that of the JSON object that carries them. It counts against MaxEnv.
func EnvSize(env map[string]string) int { return len(compact(env)) }

// FromEnv reads what a function was told. lookup is os.LookupEnv. The error
// joins every fault and names the variable.
func FromEnv(lookup func(string) (string, bool)) (Function, error) {
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("read environment: %s: "+format, append([]any{name}, args...)...))
	}
	required := func(name string) string {
		value, ok := lookup(name)
		if !ok || value == "" {
			fault(name, "missing")
		}
		return value
	}

	f := Function{
		Mode:       control.Mode(required(envMode)),
		Parameters: json.RawMessage(required(envParameters)),
		Table:      required(envTable),
		Topic:      required(envTopic),
		Account:    required(envAccount),
		Halt:       required(envHalt),
	}
	if f.Mode != "" && !f.Mode.Valid() {
		fault(envMode, "want off, observe or enforce")
	}
	if parameters := map[string]any{}; len(f.Parameters) > 0 && decode(f.Parameters, &parameters) != nil {
		fault(envParameters, "want a JSON object")
	}
	if f.Topic != "" && !strings.HasPrefix(f.Topic, "arn:") {
		fault(envTopic, "want the ARN of a topic")
	}
	if roles := required(envRoles); roles != "" {
		f.Roles = strings.Split(roles, ",")
	}
	if data := required(envQuarantine); data != "" {
		if err := decode([]byte(data), &f.Quarantine); err != nil {
			fault(envQuarantine, "%w", err)
		} else if !strings.HasPrefix(f.Quarantine.Key, "arn:") {
			fault(envQuarantine, "key: want the ARN of a policy")
		}
	}
	if data := required(envSettings); data != "" {
		var c common
		err := decode([]byte(data), &c)
		if err != nil {
			fault(envSettings, "%w", err)
		}
		f.AllowedNetworks, f.Owners, f.BlastRadius, f.HoldDays, f.Runbooks = c.AllowedNetworks, c.Owners, c.BlastRadius, c.HoldDays, c.Runbooks
		f.Language = c.Language
		if err == nil && !slices.Contains(languages, f.Language) {
			fault(envSettings, "language: want one of %v", languages)
		}
		if err == nil && (c.BlastRadius < 1 || c.HoldDays < 1) {
			fault(envSettings, "blastRadius and holdDays are whole numbers above 0")
		}
		if len(f.AllowedNetworks) == 0 {
			f.AllowedNetworks = nil
		}
	}
	if data, ok := lookup(envSlack); ok {
		if err := decode([]byte(data), &f.Slack); err != nil {
			fault(envSlack, "%w", err)
		}
	}
	if data, ok := lookup(envDrilled); ok {
		if err := decode([]byte(data), &f.Drilled); err != nil {
			fault(envDrilled, "%w", err)
		}
	}
	f.Reports, _ = lookup(envReports)
	if data, ok := lookup(envModes); ok {
		if err := decode([]byte(data), &f.Modes); err != nil {
			fault(envModes, "%w", err)
		}
		for id, mode := range f.Modes {
			if !mode.Valid() {
				fault(envModes, "%s: want off, observe or enforce", id)
			}
		}
	}
	f.Drill, _ = lookup(envDrill)
	f.Bus, _ = lookup(envBus)
	if f.SlackLocal, _ = lookup(envSlackLocal); f.SlackLocal != "" && !loopback(f.SlackLocal) {
		// Whoever can set it must not get the token.
		fault(envSlackLocal, "want an http address on loopback")
	}
	switch clock, ok := lookup(envClock); {
	case ok && clock == "event":
		f.EventClock = true
	case ok:
		fault(envClock, "want \"event\" or nothing")
	}
	if err := errors.Join(faults...); err != nil {
		return Function{}, err
	}
	return f, nil
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
	// GraceDays is how many days an owner has after a notice was delivered. A control that does not
	// declare it gives none.
	GraceDays = "graceDays"
	// NoticeDays is how many days before a change gets due its owner is told.
	NoticeDays = "noticeDays"
)

// Days is the value of GraceDays or NoticeDays, 0 for a control that does not declare it.
func (f Function) Days(name string) int {
	var days map[string]json.RawMessage
	var n int
	if decode(f.Parameters, &days) != nil || decode(days[name], &n) != nil {
		return 0
	}
	return n
}

// Parameters decodes a function's parameters into the planner's own struct. The
// struct and control.json must name the same parameters, but for those that the
// runner keeps: one that either lacks is an error.
func Parameters[T any](f Function) (T, error) {
	var parameters, none T
	var declared, wanted map[string]json.RawMessage
	if err := decode(f.Parameters, &declared); err != nil {
		return none, fmt.Errorf("read parameters: %w", err)
	}
	delete(declared, GraceDays)
	delete(declared, NoticeDays)
	if err := decode(compact(declared), &parameters); err != nil {
		return none, fmt.Errorf("read parameters: %w", err)
	}
	if err := decode(compact(parameters), &wanted); err != nil {
		return none, fmt.Errorf("read parameters: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if _, ok := declared[name]; !ok {
			return none, fmt.Errorf("read parameters: control.json declares no %q", name)
		}
	}
	return parameters, nil
}

// decode reads exactly one JSON value without fields that value does not have.
func decode(data []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
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
