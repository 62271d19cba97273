package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/ledger"
	message "github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// A field is what an attack knows beside its stage.
type field struct {
	keys     map[string]string // access keys, by the attacker's name
	secrets  map[string]string // by access key
	second   *emulator.Inbox   // of the topic that needs nothing of Warder's; nil without one
	notices  []message.Message // since the last settle
	outcomes []outcome
	asserted int  // how many assertions were made
	untrue   bool // whether one of them was not true
}

// errUntrue is the error of an assertion that is not true, unlike one of the script's.
var errUntrue = errors.New("not true")

// untrue is an errUntrue that says what is.
func untrue(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUntrue, fmt.Sprintf(format, args...))
}

// A runner runs a command of a script by its name.
type runner func(name string, t *testscript.TestScript, args []string) (string, error)

// attackCommands are what attacks have beside the commands of every script.
func attackCommands(run runner) map[string]scriptCommand {
	return map[string]scriptCommand{
		"as":       {"ATTACKER aws … or ATTACKER make …", 3, script.asAttacker},
		"attacker": {"NAME [MANAGED POLICY or FILE]…", 1, script.attacker},
		"before":   {"CONTROL SERVICE:OPERATION [as ATTACKER] aws …", 4, script.before},
		"days":     {"NUMBER", 1, script.days},
		"deliver":  {"[reversed]", 0, script.deliver},
		"erase":    {"ATTACKER WORD", 2, script.erase},
		"exposed":  {"ATTACKER", 1, script.exposed},
		"forge":    {"ATTACKER OLD NEW …", 3, script.forge},
		"hold":     {"", 0, func(s script, _ []string) (string, error) { s.account.Order().Hold(); return "", nil }},
		"items":    {"FILE", 1, script.items},
		"make":     {"TARGET NAME=VALUE…", 1, script.make},
		"put":      {"FILE [OLD NEW]…", 1, script.put},
		"recorded": {"ATTACKER EVENTSOURCE EVENTNAME [JSON]", 3, script.recorded},
		"signed":   {"ATTACKER FILE CONTROL REQUEST [MINUTES]", 4, script.signed},
		"rewrite":  {"FILE FILE OLD NEW…", 4, script.rewrite},
		"settle": {"", 0, func(s script, _ []string) (string, error) {
			err := s.gather()
			s.attack.notices, s.attack.outcomes = nil, nil
			return "", err
		}},
		"try": {"COMMAND…", 2, func(s script, args []string) (string, error) {
			out, err := run(args[0], s.TestScript, args[1:])
			var refused *refusal
			if errors.As(err, &refused) || errors.Is(err, errUntrue) {
				return out, nil
			}
			return out, err
		}},
		"stack": {"REGEXP", 1, script.stackOf},
	}
}

// assertions are the commands that say what must be true. With a ! before it, it must not be.
func assertions() map[string]scriptCommand {
	return map[string]scriptCommand{
		"can":         {"ATTACKER ACTION [RESOURCE]", 2, script.can},
		"failed":      {"[CONTROL]", 0, script.hasFailed},
		"has":         {"USER POLICY", 2, script.has},
		"answered":    {"REGEXP", 1, script.answered},
		"refused":     {"ACTION REGEXP", 2, script.isRefused},
		"atmost":      {"NUMBER [severity=|subject=|…]", 1, script.atMost},
		"posted":      {"REGEXP", 1, script.posted},
		"notice":      {"[severity=|subject=|owner=|title=|control=|kind=|text=REGEXP]…", 1, script.notice},
		"quarantined": {"USER", 1, script.quarantined},
		"switchoff":   {"ATTACKER", 1, script.switchOff},
		"undo":        {"ACTION REASON", 2, script.isUndone},
		"same":        {"FILE FILE", 2, script.same},
		"says":        {"REGEXP", 1, script.says},
		"works":       {"KEY or ATTACKER", 1, script.keyWorks},
	}
}

// withAttacks adds the commands of attacks to those of every script.
func (s *stage) withAttacks(all map[string]scriptCommand, run runner) {
	if s.attack == nil {
		return
	}
	maps.Copy(all, attackCommands(run))
	maps.Copy(all, assertions())
}

// asserts notes whether an assertion is true, and returns whether an error is what the script wants: for an assertion
// with a ! before it only errUntrue is.
func (s *stage) asserts(name string, neg bool, err error) bool {
	if _, ok := assertions()[name]; !ok || s.attack == nil {
		return neg
	}
	isUntrue := errors.Is(err, errUntrue)
	s.attack.asserted++
	s.attack.untrue = neg && err == nil || !neg && isUntrue
	return neg && (err == nil || isUntrue)
}

// gather waits, and keeps what came of what happened. $ACTION and $RUN are the last change.
func (s script) gather() error {
	outcomes, notices, err := s.settle()
	if s.attack.second != nil && err == nil {
		var texts []string
		texts, err = s.attack.second.Texts(s.ctx)
		for _, text := range texts {
			var m message.Message
			if json.Unmarshal([]byte(text), &m) == nil && m.Control != "" { // a function's, by this way
				m.Control += " by the second topic"
				notices = append(notices, m)
				continue
			}
			// Plain text, from EventBridge: it is as urgent as anything can be.
			title, _, _ := strings.Cut(text, "\n")
			notices = append(notices, message.Message{Severity: "critical", Control: "eventbridge", Title: title, Text: text})
		}
	}
	s.attack.outcomes = append(s.attack.outcomes, outcomes...)
	s.attack.notices = append(s.attack.notices, notices...)
	for _, o := range outcomes {
		s.did(o)
		for _, c := range o.Changes {
			if c.Status == ledger.Verified {
				err = errors.Join(err, s.remember(c))
			}
		}
	}
	for _, n := range notices {
		s.notified(n, true)
	}
	return err
}

var (
	createdID     = regexp.MustCompile(`<UserId>(\w+)</UserId>`)
	createdSecret = regexp.MustCompile(`<SecretAccessKey>([^<]+)</SecretAccessKey>`)
)

// attacker adds a user with an access key, who has policies by a group. That causes no event. $KEY_NAME and
// $ID_NAME are the key and the unique id.
func (s script) attacker(args []string) (string, error) {
	name := args[0]
	calls := [][]string{{"create-user", "--user-name", name, "--tags", "Key=owner,Value=" + name + "@example.com"}}
	if len(args) > 1 {
		group := name + "-rights"
		calls = append(calls, []string{"create-group", "--group-name", group})
		for _, policy := range args[1:] {
			calls = append(calls, []string{
				"attach-group-policy", "--group-name", group, "--policy-arn", "arn:aws:iam::aws:policy/" + policy,
			})
			if _, err := os.Stat(s.MkAbs(policy)); err == nil {
				calls[len(calls)-1] = []string{
					"put-group-policy", "--group-name", group, "--policy-name", filepath.Base(policy),
					"--policy-document", "file://" + policy,
				}
			}
		}
		calls = append(calls, []string{"add-user-to-group", "--group-name", group, "--user-name", name})
	}
	for _, call := range append(calls, []string{"create-access-key", "--user-name", name}) {
		out, err := s.unrecorded(append([]string{"iam"}, call...))
		if err != nil {
			return "", err
		}
		if id := createdID.FindStringSubmatch(out); id != nil {
			s.Setenv("ID_"+strings.ToUpper(name), id[1])
		}
		if key := createdKey.FindStringSubmatch(out); key != nil {
			s.attack.keys[name] = key[2]
			s.attack.secrets[key[2]] = createdSecret.FindStringSubmatch(out)[1]
			s.Setenv("KEY_"+strings.ToUpper(name), key[2])
		}
	}
	return "", nil
}

// key is the access key of an attacker, or the key itself.
func (s script) key(name string) string {
	if key, ok := s.attack.keys[name]; ok {
		return key
	}
	return name
}

// asAttacker makes an AWS call with an attacker's access key, or has make run an operator's command with it.
func (s script) asAttacker(args []string) (string, error) {
	if args[1] == "make" {
		key := s.key(args[0])
		return s.makes(key, s.attack.secrets[key], args[2:])
	}
	s.say("%s$ aws %s", args[0], shellWords(args[2:]))
	out, err := s.call(s.account.URL, s.key(args[0]), args[2:])
	if args[2] == "lambda" && strings.Contains(out, `"errorType":"Runtime.`) {
		s.attack.untrue = true
		err = fmt.Errorf("the function ended: %s", cut(out, 300))
	}
	return out, err
}

// before makes an AWS call right before a function's next call of an operation is answered. %drill is the user of a
// drill.
func (s script) before(args []string) (string, error) {
	key, call := s.account.AccessKey, args[3:]
	if args[2] == "as" {
		if len(args) < 7 {
			return "", errors.New("usage: before CONTROL SERVICE:OPERATION as ATTACKER aws …")
		}
		key, call = s.key(args[3]), args[5:]
	}
	s.account.Order().Before(settings.FunctionName(args[0]), args[1], func() {
		for i, arg := range call {
			if arg == "%drill" {
				call[i] = s.drillUser()
			}
		}
		s.say("before %s calls %s$ aws %s", args[0], args[1], shellWords(call))
		if _, err := s.call(s.account.URL, key, call); err != nil {
			s.say("refused: %v", err)
		}
	})
	return "", nil
}

// drillUser is the name of the user of the drill that goes on.
func (s script) drillUser() string {
	out, err := s.unrecorded([]string{"iam", "list-users", "--path-prefix", "/warder-drill/"})
	found := regexp.MustCompile(`<UserName>([^<]+)<`).FindStringSubmatch(out)
	if err != nil || found == nil {
		return "nobody"
	}
	return found[1]
}

// days makes whatever happens from here on happen so many days from now.
func (s script) days(args []string) (string, error) {
	days, err := strconv.ParseFloat(args[0], 64)
	if err != nil {
		return "", err
	}
	s.later = time.Duration(days * float64(24*time.Hour))
	s.account.Order().Shift(s.later)
	return "", nil
}

// deliver gives functions the events since hold.
func (s script) deliver(args []string) (string, error) {
	return "", s.account.Order().Deliver(s.ctx, len(args) > 0 && args[0] == "reversed")
}

// put puts an event on the bus. $NAME in it is the variable's value.
func (s script) put(args []string) (string, error) {
	if len(args)%2 == 0 {
		return "", errors.New("want pairs of what to replace and by what")
	}
	text := os.Expand(s.ReadFile(args[0]), s.Getenv)
	text = strings.NewReplacer(append(args[1:], "111122223333", moto.AccountID)...).Replace(text)
	event, err := eventfile.Parse([]byte(text))
	if err != nil {
		return "", err
	}
	matches, err := s.account.EventBridge.Put(s.ctx, event)
	if err != nil || len(matches) == 0 { // also what the bus refuses reaches nobody
		return fmt.Sprint(err), nil
	}
	deliveries, err := s.account.Send(s.ctx, []byte(text))
	if err != nil {
		return "", err
	}
	out, err := json.Marshal(deliveries)
	return string(out), err
}

// recorded puts the event of a call that the attacker made on the bus, for services whose calls cause none here.
func (s script) recorded(args []string) (string, error) {
	caller, err := s.account.Moto.Caller(s.ctx, s.key(args[0]), "", "")
	if err != nil {
		return "", err
	}
	parameters := json.RawMessage("null")
	if len(args) > 3 {
		parameters = json.RawMessage(args[3])
	}
	now := time.Now().Add(s.later).UTC().Format(time.RFC3339)
	service, _, _ := strings.Cut(args[1], ".")
	event, err := json.Marshal(map[string]any{
		"version": "0", "id": eventfile.NewID(), "detail-type": "AWS API Call via CloudTrail", "source": "aws." + service,
		"account": moto.AccountID, "time": now, "region": "us-east-1", "resources": []string{},
		"detail": map[string]any{
			"eventVersion": "1.11", "eventTime": now, "eventSource": args[1], "eventName": args[2], "awsRegion": "us-east-1",
			"userIdentity": map[string]any{
				"type": "IAMUser", "principalId": caller.ID, "arn": caller.ARN, "accountId": moto.AccountID,
				"accessKeyId": s.key(args[0]), "userName": caller.Name,
			},
			"sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2.31.18", "requestParameters": parameters,
			"responseElements": nil, "requestID": eventfile.NewID(), "eventID": eventfile.NewID(), "readOnly": false,
			"eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": moto.AccountID,
			"eventCategory": "Management",
		},
	})
	if err != nil {
		return "", err
	}
	s.say("%s calls %s of %s", args[0], args[2], args[1])
	_, err = s.account.Send(s.ctx, event)
	return "", err
}

// exposed puts AWS Health's event on the bus that says that the attacker's key is public.
func (s script) exposed(args []string) (string, error) {
	return "", s.event("access-key-leaked", 1, "AKIACIDEPLOYQEXAMPLE", s.key(args[0]))
}

// isUndone asserts that undo reverts an action and refuses none.
func (s script) isUndone(args []string) (string, error) {
	if err := s.gather(); err != nil {
		return "", err
	}
	answer, err := s.undo(args[0], args[1])
	if err != nil {
		err = untrue("%v", err)
	}
	return string(answer), err
}

// isRefused asserts that undo refuses an action, and why.
func (s script) isRefused(args []string) (string, error) {
	if err := s.gather(); err != nil {
		return "", err
	}
	search, err := regexp.Compile(args[1])
	if err != nil {
		return "", err
	}
	answer, err := s.undo(args[0], "an attack")
	switch {
	case err == nil:
		return string(answer), untrue("it is undone: %s", cut(string(answer), 300))
	case answer == nil || !search.MatchString(err.Error()):
		return string(answer), untrue("it fails otherwise: %v", err)
	}
	return string(answer), nil
}

// answered asserts that the expression is found in what functions answered since the last settle.
func (s script) answered(args []string) (string, error) {
	if err := s.gather(); err != nil {
		return "", err
	}
	search, err := regexp.Compile(args[0])
	if err != nil {
		return "", err
	}
	for _, o := range s.attack.outcomes {
		text, err := json.Marshal(o)
		if err != nil {
			return "", err
		}
		if search.Match(text) {
			return string(text), nil
		}
	}
	return "", untrue("none of %d answers", len(s.attack.outcomes))
}

// stackOf prints what the resource of the stack is called whose logical id or type fits, the first of several.
func (s script) stackOf(args []string) (string, error) {
	search, err := regexp.Compile(args[0])
	if err != nil {
		return "", err
	}
	for _, r := range s.account.Stack.Resources {
		if search.MatchString(r.Type + " " + r.LogicalID) {
			return r.PhysicalID, nil
		}
	}
	return "", fmt.Errorf("no resource of the stack fits %s", args[0])
}

// items writes all items of the ledger's table to a file, each on a line.
func (s script) items(args []string) (string, error) {
	items, err := s.scan()
	if err != nil {
		return "", err
	}
	return "", os.WriteFile(s.MkAbs(args[0]), bytes.Join(items, []byte("\n")), 0o600)
}

func (s script) scan() ([][]byte, error) {
	out, err := s.unrecorded([]string{"dynamodb", "scan", "--table-name", settings.TableName})
	if err != nil {
		return nil, err
	}
	var answer struct{ Items []json.RawMessage }
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		return nil, fmt.Errorf("read items: %w", err)
	}
	var items [][]byte
	for _, item := range answer.Items {
		items = append(items, item)
	}
	return items, nil
}

// forge copies items of the ledger, with words in them replaced: every item that has the first word.
func (s script) forge(args []string) (string, error) {
	if len(args)%2 == 0 {
		return "", errors.New("want pairs of what to replace and by what")
	}
	return s.tamper(args[0], args[1], "writes", func(item []byte) ([]string, error) {
		return []string{"put-item", "--item", strings.NewReplacer(args[1:]...).Replace(string(item))}, nil
	})
}

// erase deletes the items of the ledger that have the word.
func (s script) erase(args []string) (string, error) {
	return s.tamper(args[0], args[1], "deletes", func(item []byte) ([]string, error) {
		var names map[string]json.RawMessage
		if err := json.Unmarshal(item, &names); err != nil {
			return nil, err
		}
		key, err := json.Marshal(map[string]json.RawMessage{"pk": names["pk"], "sk": names["sk"]})
		return []string{"delete-item", "--key", string(key)}, err
	})
}

// tamper makes a call about every item of the ledger that has the word, as somebody does who may write to the table. It
// is no error that a call is refused. Those of nobody get past the table's policy.
func (s script) tamper(who, word, does string, about func(item []byte) ([]string, error)) (string, error) {
	items, err := s.scan()
	if err != nil {
		return "", err
	}
	endpoint := s.account.URL
	if who == "nobody" {
		endpoint = s.account.Moto.URL
	}
	found := 0
	for _, item := range items {
		if !bytes.Contains(item, []byte(word)) {
			continue
		}
		found++
		call, err := about(item)
		if err != nil {
			return "", err
		}
		call = slices.Concat([]string{"dynamodb"}, call, []string{"--table-name", settings.TableName})
		var refused *refusal
		if _, err := s.call(endpoint, s.key(who), call); err != nil && !errors.As(err, &refused) {
			return "", err
		}
	}
	if found == 0 {
		return "", fmt.Errorf("no item has %q", word)
	}
	s.say("%s %s %d items", who, does, found)
	return "", nil
}

// make runs make of this repository against the account, as an operator does. It prints what that prints, whatever its
// exit status is.
func (s script) make(args []string) (string, error) {
	return s.makes(s.account.AccessKey, s.account.Secret, args)
}

func (s script) makes(key, secret string, args []string) (string, error) {
	root, err := project.Find()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(s.ctx, "make", append([]string{"--no-print-directory", "-C", string(root)}, args...)...)
	command.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+s.account.URL, "AWS_ACCESS_KEY_ID="+key,
		"AWS_SECRET_ACCESS_KEY="+secret, "AWS_REGION=us-east-1", "MAKEFLAGS=", "MFLAGS=", "MAKELEVEL=0")
	out, err := command.CombinedOutput()
	var status *exec.ExitError
	if errors.As(err, &status) {
		err = nil
	}
	return string(out), err
}

// signed writes the payload of an invocation that proves who asks to a file, for scripts that send it when, where and
// with the changes that they want. MINUTES is how much later than now it is signed.
func (s script) signed(args []string) (string, error) {
	key, now := s.key(args[0]), time.Now()
	secret := s.attack.secrets[key]
	if args[0] == "foreigner" { // of another account
		key, secret = endpoint.ForeignAccessKey, endpoint.ForeignSecret
	}
	if len(args) > 4 {
		minutes, err := strconv.Atoi(args[4])
		if err != nil {
			return "", err
		}
		now = now.Add(time.Duration(minutes) * time.Minute)
	}
	proof, err := caller.Sign(s.ctx, emulator.Config(s.account.URL, key, secret), settings.FunctionName(args[2]),
		[]byte(args[3]), now)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(map[string]any{"signed": proof})
	if err != nil {
		return "", err
	}
	return "", os.WriteFile(s.MkAbs(args[1]), payload, 0o600)
}

// switchOff asserts that it is reported when the attacker disables a rule or a schedule of the stack, whichever it is.
// It is enabled again before the next.
func (s script) switchOff(args []string) (string, error) {
	var silent []string
	for _, rule := range s.account.Stack.Rules {
		if rule.Region != "" && rule.Region != emulator.Region || rule.Bus != "" {
			continue
		}
		s.attack.notices = nil
		s.account.EventBridge.Switch(emulator.Region, rule.Name, false)
		call := []string{args[0], "events.amazonaws.com", "DisableRule", `{"name":"` + rule.Name + `"}`}
		if rule.Group != "" {
			call = []string{args[0], "scheduler.amazonaws.com", "UpdateSchedule",
				`{"name":"` + rule.Name + `","groupName":"` + rule.Group + `","state":"DISABLED"}`}
		}
		if _, err := s.recorded(call); err != nil {
			return "", err
		}
		fitting, _, err := s.fitting([]string{"severity=^(high|critical)$", "text=" + rule.Name})
		if err != nil {
			return "", err
		}
		if fitting == nil {
			silent = append(silent, rule.Name)
		}
		s.account.EventBridge.Switch(emulator.Region, rule.Name, true)
	}
	if silent != nil {
		return "", untrue("nobody is notified of %q", silent)
	}
	return "", nil
}

// can asserts that the attacker's key may do that, as the account's own policies say.
func (s script) can(args []string) (string, error) {
	resource := "*"
	if len(args) > 2 {
		resource = args[2]
	}
	if err := s.gather(); err != nil {
		return "", err
	}
	caller, err := s.account.Moto.Caller(s.ctx, s.key(args[0]), args[1], resource)
	switch {
	case err != nil:
		return "", err
	case caller.Type == "" || !caller.Active || !caller.Allowed:
		return "", untrue("%s cannot %s on %s", args[0], args[1], resource)
	}
	return "", nil
}

// attached are the names of the policies on a user; those of managed policies are ARNs. An attacker is found by the
// access key, whatever name the user has now.
func (s script) attached(user string) ([]string, error) {
	if err := s.gather(); err != nil {
		return nil, err
	}
	if key := s.attack.keys[user]; key != "" {
		caller, err := s.account.Moto.Caller(s.ctx, key, "", "")
		if err != nil {
			return nil, err
		}
		user = cmp.Or(caller.Name, user)
	}
	var names []string
	for call, element := range map[string]string{
		"list-attached-user-policies": "PolicyArn", "list-user-policies": "member",
	} {
		out, err := s.unrecorded([]string{"iam", call, "--user-name", user})
		if err != nil {
			return nil, err
		}
		for _, found := range regexp.MustCompile(`<`+element+`>([^<\s]+)</`+element+`>`).FindAllStringSubmatch(out, -1) {
			names = append(names, found[1])
		}
	}
	return names, nil
}

// has asserts that a user has a policy: the name of an inline one, or of a managed one.
func (s script) has(args []string) (string, error) {
	names, err := s.attached(args[0])
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if name == args[1] || strings.HasSuffix(name, "/"+args[1]) {
			return "", nil
		}
	}
	return "", untrue("%s has %q", args[0], names)
}

// quarantined asserts that a user is under a quarantine, Warder's or AWS's.
func (s script) quarantined(args []string) (string, error) {
	names, err := s.attached(args[0])
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if strings.HasPrefix(name, "arn:aws:iam::"+moto.AccountID+":policy/warder/") ||
			strings.HasPrefix(name, "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine") {
			return "", nil
		}
	}
	return "", untrue("%s has %q", args[0], names)
}

// keyWorks asserts that an access key is accepted.
func (s script) keyWorks(args []string) (string, error) {
	if err := s.gather(); err != nil {
		return "", err
	}
	_, err := s.call(s.account.URL, s.key(args[0]), []string{"sts", "get-caller-identity"})
	var refused *refusal
	if errors.As(err, &refused) {
		return "", untrue("the key is refused: %v", err)
	}
	return "", err
}

// notice asserts that there was a notice since the last settle for which all expressions are right. That for the text
// is searched in all of the notice as JSON. The script can search the last such notice.
func (s script) notice(args []string) (string, error) {
	fitting, all, err := s.fitting(args)
	switch {
	case err != nil:
		return "", err
	case fitting == nil:
		return "", untrue("of %d notices none: %q", len(all), all)
	}
	return fitting[len(fitting)-1], nil
}

// atMost asserts that no more notices than that fit.
func (s script) atMost(args []string) (string, error) {
	most, err := strconv.Atoi(args[0])
	if err != nil {
		return "", err
	}
	fitting, _, err := s.fitting(args[1:])
	if err == nil && len(fitting) > most {
		err = untrue("%d notices", len(fitting))
	}
	return "", err
}

// fitting are the notices for which all expressions are right, as JSON, and what all are in a few words.
func (s script) fitting(args []string) (fitting, all []string, err error) {
	if err := s.gather(); err != nil {
		return nil, nil, err
	}
	want := map[string]*regexp.Regexp{}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		expression, err := regexp.Compile(value)
		if err != nil {
			return nil, nil, err
		}
		switch name {
		case "severity", "subject", "owner", "title", "control", "kind", "text":
			want[name] = expression
		default:
			return nil, nil, fmt.Errorf("%q: want severity, subject, owner, title, control, kind or text", name)
		}
	}
	for _, n := range s.attack.notices {
		text, err := json.Marshal(n)
		if err != nil {
			return nil, nil, err
		}
		fits := true
		for name, value := range map[string]string{
			"severity": n.Severity, "subject": n.Subject, "owner": n.Owner, "title": n.Title, "control": n.Control,
			"kind": string(n.Kind), "text": string(text),
		} {
			fits = fits && (want[name] == nil || want[name].MatchString(value))
		}
		if fits {
			fitting = append(fitting, string(text))
		}
		all = append(all, fmt.Sprintf("%s %s to %q about %q: %s", n.Severity, n.Kind, n.Owner, n.Subject, n.Title))
	}
	return fitting, all, nil
}

// posted asserts that the expression is found in a message of the channel that stands for Slack, or in its buttons
// and links.
func (s script) posted(args []string) (string, error) {
	search, err := regexp.Compile(args[0])
	if err != nil {
		return "", err
	}
	if err := errors.Join(s.gather(), s.account.Posted(s.ctx)); err != nil {
		return "", err
	}
	all := s.account.Slack.Messages()
	for _, m := range all {
		text, err := json.Marshal(m)
		if err != nil {
			return "", err
		}
		if search.Match(text) {
			return string(text), nil
		}
	}
	return "", untrue("none of %d messages", len(all))
}

// rewrite copies a file with words in it replaced.
func (s script) rewrite(args []string) (string, error) {
	text := s.ReadFile(args[0])
	for i := 2; i+1 < len(args); i += 2 {
		if !strings.Contains(text, args[i]) {
			return "", fmt.Errorf("no %q in %s", args[i], cut(text, 400))
		}
		text = strings.ReplaceAll(text, args[i], args[i+1])
	}
	return "", os.WriteFile(s.MkAbs(args[1]), []byte(text), 0o600)
}

// hasFailed asserts that a function failed since the last settle: that its event ended in the failure queue.
func (s script) hasFailed(args []string) (string, error) {
	if err := s.gather(); err != nil {
		return "", err
	}
	for _, o := range s.attack.outcomes {
		if o.dropped && (len(args) == 0 || o.Control == args[0]) {
			return o.Control + ": " + o.Reason, nil
		}
	}
	return "", untrue("nothing failed")
}

// same asserts that two files are the same.
func (s script) same(args []string) (string, error) {
	a, b := s.ReadFile(args[0]), s.ReadFile(args[1])
	if a == b {
		return "", nil
	}
	for n, line := range strings.Split(a, "\n") {
		if others := strings.Split(b, "\n"); n >= len(others) || others[n] != line {
			return "", untrue("line %d differs: %s", n+1, cut(line, 300))
		}
	}
	return "", untrue("%s has more lines", args[1])
}

// says asserts that the expression is found in the standard output of the last command.
func (s script) says(args []string) (string, error) {
	search, err := regexp.Compile(args[0])
	if err != nil {
		return "", err
	}
	out := s.ReadFile("stdout")
	if !search.MatchString(out) {
		return out, untrue("it says %s", cut(out, 400))
	}
	return out, nil
}
