package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/slackserver"
	"github.com/warder-aws/warder/pkg/drill"
	message "github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// A script is the run of one script, as its commands see it.
type script struct {
	*stage
	*testscript.TestScript
}

// A scriptCommand is one of a script. What it returns is the standard output that the script can search.
type scriptCommand struct {
	usage string // of its arguments
	least int    // how many there are at least
	run   func(script, []string) (string, error)
}

// commands are the commands of scripts beside those of testscript. With a ! before it, a command must fail.
func (s *stage) commands() map[string]func(*testscript.TestScript, bool, []string) {
	all := map[string]scriptCommand{
		"apply":      {"ACTION REASON", 2, script.applied},
		"aws":        {"SERVICE OPERATION --OPTION VALUE…", 2, script.aws},
		"drill":      {"", 0, script.drill},
		"event":      {"[2x] SAMPLE [OLD NEW]…", 1, script.sample},
		"expect":     {"CONTROL [outcome=|change=|notice=|severity=|owner=|title=|subject=|of=…]", 1, script.expect},
		"fault":      {"CONTROL OPERATION…, or none to end faults", 0, script.fault},
		"document":   {"FILE", 1, script.document},
		"halt":       {"REASON", 1, script.halted},
		"identities": {"FILE", 1, script.identities},
		"kept":       {"CONTROL", 1, script.kept},
		"ledger":     {"FILE", 1, script.ledger},
		"mail":       {"ADDRESS TEXT", 2, script.mail},
		"mail-back":  {"ADDRESS", 1, script.mailBack},
		"publish":    {"FILE NAME", 2, script.publish},
		"resume":     {"", 0, script.resumed},
		"save":       {"VARIABLE REGEXP", 2, script.save},
		"say":        {"WORD…", 1, script.sayWords},
		"session":    {"ID USER REGION", 3, script.session},
		"settle":     {"", 0, script.settled},
		"slack":      {"MEMBER TEXT", 2, script.slack},
		"sweep":      {"CONTROL DAYS", 2, script.swept},
		"undo":       {"ACTION REASON", 2, script.undone},
		"unrecorded": {"SERVICE OPERATION --OPTION VALUE…", 2, script.unrecorded},
		"unused":     {"ROLE DAYS [TYPE]", 2, script.unusedRole},
		"used":       {"DAYS KEY", 2, script.used},
		"user":       {"NAME [TAG=VALUE]…", 1, script.user},
		"works":      {"KEY", 1, script.works},
	}
	run := func(name string, t *testscript.TestScript, args []string) (string, error) {
		c, ok := all[name]
		if !ok || len(args) < c.least {
			return "", fmt.Errorf("usage: %s %s", name, c.usage)
		}
		return c.run(script{s, t}, args)
	}
	all["ago"] = scriptCommand{"DAYS aws iam create-access-key …, or another credential", 3, script.ago}
	all["as"] = scriptCommand{"KEY aws …", 3, func(sc script, args []string) (string, error) {
		return sc.call(sc.account.URL, args[0], args[2:])
	}}
	all["timed"] = scriptCommand{"COMMAND…, prints how long it and what it starts take", 1, func(sc script,
		args []string) (string, error) {
		begin := time.Now()
		out, err := run(args[0], sc.TestScript, args[1:])
		if err == nil {
			err = sc.account.Idle(sc.ctx)
		}
		sc.say("all of that took %.1f seconds", time.Since(begin).Seconds())
		return out, err
	}}
	all["quiet"] = scriptCommand{"COMMAND…", 1, func(sc script, args []string) (string, error) {
		defer func(before bool) { sc.silent = before }(sc.silent)
		sc.silent = true
		return run(args[0], sc.TestScript, args[1:])
	}}
	all["repeat"] = scriptCommand{"TIMES COMMAND…, %n is the number", 2, func(sc script, args []string) (string, error) {
		times, err := strconv.Atoi(args[0])
		if err != nil {
			return "", err
		}
		sc.say("%d times: $ %s", times, strings.ReplaceAll(strings.Join(args[1:], " "), "%n", "$n"))
		defer func(before bool) { sc.silent = before }(sc.silent)
		sc.silent = true
		var all strings.Builder
		for n := range times {
			var with []string
			for _, arg := range args[2:] {
				with = append(with, strings.ReplaceAll(arg, "%n", fmt.Sprintf("%02d", n+1)))
			}
			out, err := run(args[1], sc.TestScript, with)
			if err != nil {
				return "", err
			}
			all.WriteString(out)
		}
		return all.String(), nil
	}}
	s.withAttacks(all, run)
	commands := map[string]func(*testscript.TestScript, bool, []string){}
	for name := range all {
		commands[name] = func(t *testscript.TestScript, neg bool, args []string) {
			out, err := run(name, t, args)
			neg = s.asserts(name, neg, err)
			_, _ = t.Stdout().Write([]byte(out)) // to memory
			switch {
			case !neg:
				t.Check(err)
			case err == nil:
				t.Fatalf("%s %s: it works, want that it is refused", name, strings.Join(args, " "))
			}
		}
	}
	return commands
}

// mailTo is the last mail to the address with the text in it. A notice whose record was not there yet is looked at
// again two seconds later, which nothing is idle for.
func (s script) mailTo(address, text string) (m emulator.Mail, err error) {
	for range 16 {
		if err := s.account.Idle(s.ctx); err != nil {
			return m, err
		}
		s.mu.Lock()
		mails := slices.Clone(s.mails)
		s.mu.Unlock()
		for _, m := range slices.Backward(mails) {
			if m.To == address && strings.Contains(m.Subject+"\n"+m.Body, text) {
				return m, nil
			}
		}
		time.Sleep(time.Second / 2)
	}
	return m, fmt.Errorf("no mail to %s with %q", address, text)
}

// mail checks that a mail was sent, and prints it.
func (s script) mail(args []string) (string, error) {
	m, err := s.mailTo(args[0], args[1])
	if err == nil && !s.silent && !s.verbose {
		s.printer.mail(m)
	}
	return m.Subject + "\n" + m.Body, err
}

// mailBack has the last mail to the address come back, as SES reports it.
func (s script) mailBack(args []string) (string, error) {
	m, err := s.mailTo(args[0], "")
	if err != nil {
		return "", err
	}
	root, err := project.Find()
	if err != nil {
		return "", err
	}
	event, err := os.ReadFile(filepath.Join(string(root), "functions/send-email/testdata/email-bounced.json"))
	if err != nil {
		return "", err
	}
	s.say("the mail to %s comes back: there is no such mailbox", args[0])
	data := strings.NewReplacer("111122223333", moto.AccountID, "olivia@example.com", args[0],
		"EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000", m.ID).Replace(string(event))
	_, err = s.account.Send(s.ctx, []byte(data))
	return "", errors.Join(err, s.account.Idle(s.ctx))
}

// aws makes an AWS call as the operator, or in place of the CLI invokes a function.
func (s script) aws(args []string) (string, error) {
	s.began = time.Now()
	if args[0] == "lambda" && args[1] == "invoke" {
		options := parseOptions(args[2:])
		answer, err := s.invoke(emulator.Control(options.one("function-name")), options.one("payload"))
		return string(answer), err
	}
	s.say("$ aws %s", shellWords(args))
	return s.asOperator(args...)
}

// asOperator makes an AWS call as the account's administrator.
func (s script) asOperator(args ...string) (string, error) {
	return s.call(s.account.URL, s.account.AccessKey, args)
}

// unrecorded makes an AWS call that causes no event.
func (s script) unrecorded(args []string) (string, error) {
	return s.call(s.account.Moto.URL, "AKIANOBODY", args)
}

// shellWords are the arguments as one types them in a shell.
func shellWords(args []string) string {
	var words []string
	for _, arg := range args {
		if strings.ContainsAny(arg, " {\"") {
			arg = "'" + arg + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

var createdKey = regexp.MustCompile(
	`<(AccessKeyId|ServiceSpecificCredentialId|SSHPublicKeyId|CertificateId)>(\w+)</`,
)

// ago creates an access key, or another credential of a user, and makes it older.
func (s script) ago(args []string) (string, error) {
	days, err := strconv.Atoi(args[0])
	if err != nil {
		return "", err
	}
	s.say("%d days ago: $ %s", days, strings.Join(args[1:], " "))
	out, err := s.asOperator(args[2:]...)
	if err != nil {
		return "", err
	}
	key := createdKey.FindStringSubmatch(out)
	if key == nil {
		return "", errors.New("no credential was created")
	}
	age := moto.Age{Created: time.Now().AddDate(0, 0, -days).Add(-time.Minute)}
	if key[1] == "AccessKeyId" {
		age.AccessKey = key[2]
	} else {
		age.Credential = key[2]
	}
	if err := s.account.Age(s.ctx, age); err != nil {
		return "", err
	}
	_, _, err = s.settle() // that there is a new key is another step
	return out, err
}

// unusedRole makes a role old that last used one service so many days ago, and Access Analyzer finds it unused, or its
// permissions.
func (s script) unusedRole(args []string) (string, error) {
	days, err := strconv.Atoi(args[1])
	if err != nil {
		return "", err
	}
	s.say("%d days ago: role %s is used, and then not any more", days, args[0])
	now := time.Now()
	return "", s.account.Moto.Unused(s.ctx, moto.Unused{
		Role: args[0], Type: strings.Join(args[2:], ""), Created: now.AddDate(-1, 0, -days),
		Accessed: fakeaws.Accessed{"s3": {Last: now.AddDate(0, 0, -days)}, "sqs": {}},
	})
}

// used sets back the last use of an access key.
func (s script) used(args []string) (string, error) {
	days, err := strconv.Atoi(args[0])
	if err != nil {
		return "", err
	}
	s.say("%d days ago: the key is used, and then not any more", days)
	return "", s.account.Age(s.ctx, moto.Age{AccessKey: args[1], LastUsed: time.Now().AddDate(0, 0, -days)})
}

// user adds a user who has an owner, whom notices are for. That there is a new user is another step.
func (s script) user(args []string) (string, error) {
	name := args[0]
	call := []string{"iam", "create-user", "--user-name", name, "--tags", "Key=owner,Value=" + name + "@example.com"}
	for _, tag := range args[1:] {
		key, value, _ := strings.Cut(tag, "=")
		call = append(call, "Key="+key+",Value="+value)
	}
	out, err := s.aws(call)
	if err == nil {
		_, _, err = s.settle()
	}
	return out, err
}

// document checks that the policy document which was read last is that of the file, byte for byte.
func (s script) document(args []string) (string, error) {
	_, after, _ := strings.Cut(s.ReadFile("stdout"), "<PolicyDocument>")
	encoded, _, _ := strings.Cut(after, "</PolicyDocument>")
	text, err := url.PathUnescape(encoded)
	if err == nil && text != s.ReadFile(args[0]) {
		err = fmt.Errorf("the document is %q, want that of %s", text, args[0])
	}
	return "", err
}

// identities writes all users and groups of the account, with what is on them, to the file.
func (s script) identities(args []string) (string, error) {
	out, err := s.asOperator("iam", "get-account-authorization-details", "--filter", "User", "Group")
	if err != nil {
		return "", err
	}
	out, _, _ = strings.Cut(out, "<ResponseMetadata>") // has the id of the request
	return "", os.WriteFile(s.MkAbs(args[0]), []byte(out), 0o600)
}

// ledger checks that the ledger has every byte of the file.
func (s script) ledger(args []string) (string, error) {
	out, err := s.asOperator("dynamodb", "scan", "--table-name", settings.TableName)
	if err != nil {
		return "", err
	}
	// It is a string in the JSON of an entry, which is a string in the JSON of the answer.
	quoted := []byte(s.ReadFile(args[0]))
	for range 2 {
		if quoted, err = json.Marshal(string(quoted)); err != nil {
			return "", err
		}
		quoted = quoted[1 : len(quoted)-1]
	}
	if !strings.Contains(out, string(quoted)) {
		err = fmt.Errorf("no item of the ledger has all of %s", args[0])
	}
	return "", err
}

// settled waits, and drops what came of what happened before.
func (s script) settled([]string) (string, error) {
	_, _, err := s.settle()
	return "", err
}

// works uses an access key.
func (s script) works(args []string) (string, error) {
	return s.call(s.account.URL, args[0], []string{"sts", "get-caller-identity"})
}

func (s script) sayWords(args []string) (string, error) {
	s.say("%s", strings.Join(args, " "))
	return "", nil
}

// save sets a variable to what the expression finds in the standard output of the last command: its group, or
// all of it.
func (s script) save(args []string) (string, error) {
	search, err := regexp.Compile(args[1])
	if err != nil {
		return "", err
	}
	out := s.ReadFile("stdout")
	found := search.FindStringSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("no match for %q in %s", args[1], cut(out, 400))
	}
	s.Setenv(args[0], found[len(found)-1])
	return out, nil
}

func (s script) swept(args []string) (string, error) {
	days, err := strconv.Atoi(args[1])
	if err != nil {
		return "", err
	}
	return "", s.sweep(args[0], days)
}

func (s script) sample(args []string) (string, error) {
	times := 1
	if args[0] == "2x" {
		times, args = 2, args[1:]
	}
	if len(args)%2 == 0 {
		return "", errors.New("want pairs of what to replace and by what")
	}
	return "", s.event(args[0], times, args[1:]...)
}

// session starts a session on a machine. There are no machines.
func (s script) session(args []string) (string, error) {
	return "", s.account.Moto.StartSession(s.ctx, moto.Session{
		ID: args[0], Owner: "arn:aws:iam::" + moto.AccountID + ":user/" + args[1], Region: args[2],
		Target: "i-0abc1234def567890",
	})
}

// fault lets calls of a control's function fail; without arguments it ends all faults.
func (s script) fault(args []string) (string, error) {
	if len(args) == 0 {
		return "", s.account.EndFaults(s.ctx)
	}
	for _, operation := range args[1:] {
		if err := s.account.Fail(s.ctx, endpoint.Fault{
			Operation: operation, Function: settings.FunctionName(args[0]), Status: 400, Code: "AccessDeniedException",
			Message: "refused for the demo",
		}); err != nil {
			return "", err
		}
	}
	return "", nil
}

// kept reads what is in the failure queue of a control's function.
func (s script) kept(args []string) (string, error) {
	var records strings.Builder
	for _, f := range s.account.Stack.Functions {
		if emulator.Control(f.Name) == args[0] {
			s.say("$ aws sqs receive-message --queue-url %s", s.account.QueueURL(f.OnFailure))
			err := s.account.Drain(s.ctx, f.OnFailure, func(body []byte) error {
				_, err := fmt.Fprintf(&records, "%s\n", body)
				return err
			})
			return records.String(), err
		}
	}
	return "", fmt.Errorf("no function of %s", args[0])
}

func (s script) undone(args []string) (string, error) {
	answer, err := s.undo(args[0], args[1])
	return string(answer), err
}

// applied applies a proposal, as the operator's command does.
func (s script) applied(args []string) (string, error) {
	s.say("$ warder apply --id %s --reason %q", args[0], args[1])
	answer, err := s.account.Prove(s.ctx, "reduce-unused-access", map[string]any{
		"apply": remediation.ApplyRequest{Action: args[0], Reason: args[1]},
	})
	return string(answer), err
}

// halted halts Warder, as the operator's command does.
func (s script) halted(args []string) (string, error) {
	s.say("$ warder halt --reason %q", args[0])
	answer, err := s.account.Prove(s.ctx, "undo", map[string]any{"halt": remediation.HaltRequest{Reason: args[0]}})
	return string(answer), err
}

// resumed lets Warder make changes again.
func (s script) resumed([]string) (string, error) {
	s.say("$ warder resume")
	answer, err := s.account.Prove(s.ctx, "undo", map[string]any{"resume": remediation.HaltRequest{}})
	return string(answer), err
}

// publish keeps a file of the script under a name of its own, for people to look at.
func (s script) publish(args []string) (string, error) {
	return "", s.keep(args[1], []byte(s.ReadFile(args[0])))
}

// slack prints the thread in which a message mentions the member and has the text.
func (s script) slack(args []string) (string, error) {
	if err := s.account.Posted(s.ctx); err != nil {
		return "", err
	}
	all := s.account.Slack.Messages()
	i := slices.IndexFunc(all, func(m slackserver.Message) bool {
		return slices.Contains(m.Mentions, args[0]) && strings.Contains(m.Text, args[1])
	})
	if i < 0 {
		return "", fmt.Errorf("none of %d messages mentions %s and has %q", len(all), args[0], args[1])
	}
	root := cmp.Or(all[i].Thread, all[i].ID)
	var text strings.Builder
	for _, m := range all {
		if m.ID != root && m.Thread != root {
			continue
		}
		s.say("%s", s.printer.style.dim(place(m)+":"))
		for _, line := range m.Lines {
			s.say("  | %s", line)
		}
		fmt.Fprintf(&text, "%s: %s\n%s\n", place(m), m.Text, strings.Join(m.Lines, "\n"))
	}
	return text.String(), nil
}

// drill runs a drill and prints how fast its scenarios were seen.
func (s script) drill([]string) (string, error) {
	text, err := s.invoke("drill", `{"by":"kim@example.com","minutes":2}`)
	if err != nil {
		return "", err
	}
	var answer drill.Answer
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	for _, scenario := range answer.Scenarios {
		line := fmt.Sprintf("%s, %s: %s;", scenario.Name, scenario.Control, scenario.Did)
		for _, hop := range scenario.Hops {
			line += fmt.Sprintf(" %s %.1f s", hop.Name, hop.Seconds)
		}
		s.say("%s", line)
		if scenario.Outcome != drill.Passed || len(scenario.Hops) < 3 {
			return "", fmt.Errorf("scenario %+v, want that it passes", scenario)
		}
	}
	s.say("%s is gone", answer.User)
	return string(text), nil
}

// expect waits, prints what the control did and whom it notified, and checks both: the outcomes, the states of
// the changes and the kinds of the notices, each in any order, "verified*2" for two of them, "any" for whatever
// there is. What is not given must not be, but for outcomes. Severity, owner, title and subject must fit every
// notice. With of=USER only what concerns that user counts. Other controls are not what the step is about, unless
// they failed; "*" stands for all. The script can search the outcomes and the notices as JSON, compare the file
// before with what was there before the last change, and use its action and run, and the milliseconds since the
// last call, as $ACTION, $RUN and $MS.
func (s script) expect(args []string) (string, error) {
	want := expectation{}
	for _, arg := range args[1:] {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return "", fmt.Errorf("%q: want NAME=VALUE", arg)
		}
		want[name] = value
	}
	outcomes, inbox, err := s.settle()
	if err != nil {
		return "", err
	}
	s.Setenv("MS", strconv.FormatInt(time.Since(s.began).Milliseconds(), 10))
	if outcomes, err = want.outcomesOf(outcomes, args[0]); err != nil {
		return "", err
	}
	var printed []remediation.ReportedNotice
	for i, o := range outcomes {
		for _, c := range o.Changes {
			if err := s.remember(c); err != nil {
				return "", err
			}
		}
		if args[0] != "*" {
			s.did(o)
			printed = append(printed, o.Notices...)
		}
		outcomes[i].Notices = nil // the script gets them as they are received
	}
	notices := want.noticesOf(inbox, args[0])
	for _, n := range notices {
		s.notified(n, slices.ContainsFunc(printed, func(p remediation.ReportedNotice) bool {
			return p.Title == n.Title && p.Owner == n.Owner
		}))
	}
	text, err := json.Marshal(map[string]any{"outcomes": outcomes, "notices": notices})
	if err != nil {
		return "", err
	}
	return string(text), want.check(outcomes, notices)
}

// An expectation is what the arguments of expect want, by their names.
type expectation map[string]string

// outcomesOf are the outcomes of a control that concern the user. An error is one that failed unexpectedly.
func (e expectation) outcomesOf(all []outcome, control string) ([]outcome, error) {
	user := e["of"]
	var outcomes []outcome
	for _, o := range all {
		if o.Outcome == remediation.Failed && e["outcome"] != string(remediation.Failed) {
			return nil, fmt.Errorf("%s failed: %s", o.Control, o.Reason)
		}
		if control != "*" && o.Control != control {
			continue
		}
		if user != "" {
			o.Changes = slices.DeleteFunc(o.Changes, func(c remediation.ReportedChange) bool { return c.Subject != user })
			o.Notices = slices.DeleteFunc(o.Notices, func(n remediation.ReportedNotice) bool {
				return n.Owner != user+"@example.com"
			})
			if len(o.Changes)+len(o.Notices) == 0 {
				continue
			}
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// noticesOf are the notices of a control, and of undo, that concern the user.
func (e expectation) noticesOf(all []message.Message, control string) []message.Message {
	user := e["of"]
	return slices.DeleteFunc(all, func(n message.Message) bool {
		others := control != "*" && n.Control != control && (user == "" || n.Control != "undo")
		return others || user != "" && n.Subject != user
	})
}

// check compares what came with what is wanted.
func (e expectation) check(outcomes []outcome, notices []message.Message) error {
	var words, states, kinds []string
	for _, o := range outcomes {
		words = append(words, string(o.Outcome))
		for _, c := range o.Changes {
			states = append(states, string(c.Status))
		}
	}
	for _, n := range notices {
		kinds = append(kinds, string(n.Kind))
		for name, value := range map[string]string{
			"severity": n.Severity, "owner": n.Owner, "title": n.Title, "subject": n.Subject,
		} {
			pattern, given := e[name]
			if !given {
				continue
			}
			if fits, err := regexp.MatchString(pattern, value); err != nil || !fits || pattern == "" && value != "" {
				return errors.Join(err, fmt.Errorf("the %s of a notice is %q, want %q", name, value, pattern))
			}
		}
	}
	if want, given := e["outcome"]; given {
		if err := compare("outcome", want, words); err != nil {
			return err
		}
	}
	return errors.Join(compare("change", e["change"], states), compare("notice", e["notice"], kinds))
}

// compare checks words against what is wanted of them, in any order.
func compare(name, want string, got []string) error {
	if want == "any" {
		return nil
	}
	var all []string
	for word := range strings.SplitSeq(want, ",") {
		times := 1
		if before, after, ok := strings.Cut(word, "*"); ok {
			n, err := strconv.Atoi(after)
			if err != nil {
				return fmt.Errorf("%s=%s: %w", name, want, err)
			}
			word, times = before, n
		}
		for range times {
			if word != "" {
				all = append(all, word)
			}
		}
	}
	slices.Sort(all)
	if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(all, sorted) {
		return fmt.Errorf("%s: want %q, got %q", name, all, sorted)
	}
	return nil
}

// remember keeps what a script can use of a change.
func (s script) remember(c remediation.ReportedChange) error {
	if c.ID == "" {
		return nil
	}
	run, _, _ := strings.Cut(c.ID, "-")
	s.Setenv("ACTION", c.ID)
	s.Setenv("RUN", run)
	return os.WriteFile(s.MkAbs("before"), []byte(c.Before), 0o600)
}

// did prints what a function did.
func (s *stage) did(o outcome) {
	s.say("%s: %s", o.Control, s.printer.style.outcome(o.Outcome))
	for _, line := range s.printer.details(o) {
		s.say("  %s", line)
	}
}

// notified prints a notice unless it is printed already, and all of it if that is asked for.
func (s *stage) notified(n message.Message, printed bool) {
	if !printed {
		s.say("  %s", noticeLine(n.Owner, n.Title, string(n.Kind), n.Severity))
	}
	if s.verbose {
		s.say("%s", s.printer.style.dim(fmt.Sprintf("notice to %q: %s\n%s", n.Owner, n.Headline(), n.Email())))
	}
}
