package scenario

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/tools/txtar"

	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/slack"
	"github.com/warder-aws/warder/pkg/test/hostile"
	"github.com/warder-aws/warder/pkg/test/slacktest"
)

// hostile plays the scenario with names that are not only names: of the users, groups, policies and
// buckets in it, wherever it has them, and of each text in its events.
// A notice stays what it is: see [fixture.hostileFaults].
func (h *harness) hostile(t *testing.T, archive *txtar.Archive) {
	texts := slices.Sorted(maps.Keys(hostile.Quoted))
	for way, rewrite := range map[string]rewriter{"names": renaming(t, archive), "tags": retag} {
		marked, found := &txtar.Archive{Comment: archive.Comment, Files: slices.Clone(archive.Files)}, false
		for i, f := range marked.Files {
			if strings.HasSuffix(f.Name, ".json") {
				marked.Files[i].Data = encoded(walk(parsed(t, f.Data), nil, rewrite))
				found = found || bytes.ContainsAny(marked.Files[i].Data, mark+markWithin)
			}
		}
		for i, what := range texts {
			if found {
				h.playHostile(t, marked, i, what, way)
			}
		}
	}
	for _, f := range archive.Files {
		if !strings.HasPrefix(f.Name, "event") {
			continue
		}
		tree := parsed(t, f.Data)
		for _, path := range leaves(tree) {
			var marked *txtar.Archive
			for i, what := range texts {
				if h.tried(tree, path, i, what) {
					continue
				}
				if marked == nil {
					marked = alone(archive, f.Name, encoded(walk(tree, nil, func(at []string, value string, key bool) string {
						if !key && slices.Equal(at, path) {
							return value + mark
						}
						return value
					})))
				}
				h.playHostile(t, marked, i, what, strings.Join(path, ".")+" of "+f.Name)
			}
		}
	}
}

// tried reports whether another scenario of the control has tried the same with an event of its kind, and
// notes that it is tried now. What is asked for and answered is of the call, and so is every text
// tried there with each call. Who calls from where is of all calls alike: every text is tried there
// with some call, and one of them with each.
func (h *harness) tried(tree any, path []string, turn int, what string) bool {
	envelope, _ := tree.(map[string]any)
	detail, _ := envelope["detail"].(map[string]any)
	family := fmt.Sprint(envelope["source"], " ", envelope["detail-type"])
	kind := fmt.Sprint(family, " ", detail["eventName"], detail["configRuleName"], detail["eventTypeCode"], detail["type"])
	where := slices.Clone(path)
	for i, name := range where {
		if _, err := strconv.Atoi(name); err == nil {
			where[i] = "*" // whichever of a list it is in
		}
	}
	own := len(where) > 1 && slices.Contains(
		[]string{"requestParameters", "responseElements", "additionalEventData", "serviceEventDetails"}, where[1],
	)
	names := []string{family + strings.Join(where, ".") + what}
	if own {
		names = []string{kind + strings.Join(where, ".") + what}
	} else if (len(h.triedTexts)+turn)%len(hostile.Quoted) == 0 {
		names = append(names, kind+strings.Join(where, "."))
	}
	fresh := false
	for _, name := range names {
		fresh = fresh || !h.triedTexts[name]
		h.triedTexts[name] = true
	}
	return !fresh
}

// playHostile plays the scenario with the text in place of its marks, and checks what came of it.
func (h *harness) playHostile(t *testing.T, marked *txtar.Archive, turn int, what, where string) {
	t.Helper()
	name, text := what+" in "+where, hostile.Quoted[what]
	within := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
	filled := &txtar.Archive{Comment: marked.Comment}
	for _, f := range marked.Files {
		f.Data = bytes.ReplaceAll(bytes.ReplaceAll(f.Data, []byte(mark), []byte(text)), []byte(markWithin), []byte(within))
		filled.Files = append(filled.Files, f)
	}
	s, err := parse(filled, h.described)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if turn%2 == 1 {
		s.settings.Language = settings.Korean
	}
	w := h.start(t, s)
	w.runner.Log = handler.NewLog(&w.log)
	for _, a := range w.handleAll() {
		if a.err != nil && strings.Contains(a.err.Error(), "ValidationException") {
			t.Fatalf("%s: %s would be retried for ever: %.300v", name, a.event.name, a.err)
		}
	}
	if faults := w.hostileFaults(h.harmless); len(faults) > 0 {
		t.Fatalf("%s:\n%s", name, strings.Join(faults[:min(len(faults), 3)], "\n"))
	}
}

// hostileFaults are the faults of what was sent and logged: whatever stands in a name, it stays in its place.
// harmless are
// the messages that were found to be without any before, by a digest: most texts are in no notice.
func (w *fixture) hostileFaults(harmless map[[sha256.Size]byte]bool) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for _, m := range w.sent {
		data, err := json.Marshal(m)
		if err != nil {
			fault("%v", err)
		}
		digest := sha256.Sum256(fmt.Append(data, w.settings.Language))
		if harmless[digest] {
			continue
		}
		harmless[digest] = true
		if line := m.Line(); len(line) > 99 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) ||
			strings.Contains(line, hostile.Key) {
			fault("the subject line is %q", line)
		}
		text, err := m.Bodies()
		if err != nil {
			fault("%v", err)
			continue
		}
		var bodies map[string]string
		if err := json.Unmarshal([]byte(text), &bodies); err != nil || len(text) > 262_144 {
			fault("%d bytes for SNS: %v", len(text), err)
		}
		if strings.Contains(text, hostile.Key) {
			fault("a whole access key id: %.2000s", text)
		}
		for _, protocol := range []string{"default", "email", "sms"} {
			if why := hostile.Steers(bodies[protocol]); why != "" {
				fault("the body for %s %s: %.2000q", protocol, why, bodies[protocol])
			}
		}
		if sms := bodies["sms"]; strings.Contains(sms, "\n") || utf8.RuneCountInString(sms) > 140 {
			fault("the SMS is %q", sms)
		}
		var again notice.Message
		if err := json.Unmarshal([]byte(bodies["sqs"]), &again); err != nil || again.ID != m.ID ||
			again.Control != m.Control || again.Kind != m.Kind || bodies["sqs"] != bodies["lambda"] {
			fault("the body for machines is %.2000s (%v)", bodies["sqs"], err)
		}
		post, err := json.Marshal(slack.Render(again, w.settings.Language))
		if err != nil {
			fault("render for Slack: %v", err)
		}
		for _, f := range slacktest.Faults(post) {
			fault("in Slack: %.2000s", f)
		}
		if bytes.Contains(post, []byte(`"url":"https://forged`)) {
			fault("in Slack, a link: %s", post)
		}
		for _, why := range chatFaults(bodies["https"], m.OwnerSlack) {
			fault("in a chat, %s: %.2000s", why, bodies["https"])
		}
	}
	for line := range strings.Lines(w.log.String()) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			fault("a line of the log is no JSON object (%v): %.2000q", err, line)
		}
		if why := hostile.Steers(line); why != "" {
			fault("a line of the log %s: %.2000q", why, line)
		}
		if object[hostile.Word] != nil || strings.Contains(line, hostile.Key) {
			fault("a line of the log: %.2000q", line)
		}
	}
	return append(faults, w.explained()...)
}

// explained are the faults of what is explained about the users of the account.
func (w *fixture) explained() []string {
	reader := explain.Reader{Ledger: w.runner.Ledger, Kinds: w.runner.Kinds, API: w.account.IAM(), Now: w.runner.Now}
	var faults []string
	for _, user := range slices.Sorted(maps.Keys(w.account.State().Users)) {
		answer, err := reader.Explain(context.Background(), explain.Request{User: user})
		if err != nil {
			faults = append(faults, fmt.Sprintf("explain %.200q: %v", user, err))
		}
		if why := hostile.Steers(answer.Text); why != "" || strings.Contains(answer.Text, hostile.Key) {
			faults = append(faults, fmt.Sprintf("the explanation %s: %.2000q", why, answer.Text))
		}
	}
	return faults
}

// chatFaults are those of a custom notification of Amazon Q Developer in chat applications
// (https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html).
func chatFaults(body, owner string) []string {
	var n struct {
		Content struct {
			Title, Description  string
			NextSteps, Keywords []string
		}
		Metadata struct{ Summary string }
	}
	if err := json.Unmarshal([]byte(body), &n); err != nil {
		return []string{err.Error()}
	}
	var faults []string
	if len(n.Content.Title) > 250 || len(n.Content.Description) > 8000 || n.Content.Description == "" {
		faults = append(faults, "it is too long")
	}
	for _, text := range append(
		[]string{n.Content.Title, n.Content.Description, n.Metadata.Summary}, n.Content.NextSteps...,
	) {
		if why := hostile.Steers(text); why != "" {
			faults = append(faults, "the text "+why)
		}
		if rest := strings.ReplaceAll(text, "<@"+owner+">", ""); strings.Contains(rest, "<") || strings.Contains(rest, "](") {
			faults = append(faults, "there is markup")
		}
	}
	return faults
}

// named are the objects of a scenario of which each is known by its name there.
var named = []string{"users", "groups", "buckets", "policies", "inline", "policyGroups"}

// renaming marks each name in the account of the scenario, wherever the scenario has the name.
func renaming(t *testing.T, archive *txtar.Archive) rewriter {
	names := map[string]bool{}
	keys := func(of any) []string {
		things, _ := of.(map[string]any)
		return slices.Collect(maps.Keys(things))
	}
	for _, f := range archive.Files {
		if !strings.HasPrefix(f.Name, "account") {
			continue
		}
		state, _ := parsed(t, f.Data).(map[string]any)
		for _, of := range []string{"users", "groups", "buckets", "policies"} {
			things, _ := state[of].(map[string]any)
			for name, thing := range things {
				if of == "policies" {
					name = name[strings.LastIndex(name, "/")+1:]
				}
				fields, _ := thing.(map[string]any)
				for _, name := range append(keys(fields["inline"]), name) {
					names[regexp.QuoteMeta(name)] = true
				}
			}
		}
	}
	// The longest first. AWS's own policies and addresses keep their names.
	sorted := slices.SortedFunc(maps.Keys(names), func(a, b string) int { return len(b) - len(a) })
	name := regexp.MustCompile(`(^|[^A-Za-z0-9_.@-])(` + strings.Join(sorted, "|") + `)($|[^A-Za-z0-9_.@-])`)
	return func(path []string, value string, key bool) string {
		switch {
		case len(names) == 0:
			return value
		case strings.HasPrefix(value, "[{"):
			return string(encoded(walk(parsed(t, []byte(value)), nil, func(_ []string, value string, key bool) string {
				if key {
					return value
				}
				return name.ReplaceAllString(value, "${1}${2}"+markWithin+"${3}")
			})))
		case strings.HasPrefix(value, "{"), strings.Contains(value, ":iam::aws:"),
			key && (len(path) == 0 || !slices.Contains(named, path[len(path)-1])):
			return value
		}
		return name.ReplaceAllString(value, "${1}${2}"+mark+"${3}")
	}
}

// retag marks the value of each tag.
func retag(path []string, value string, key bool) string {
	n := len(path)
	if !key && (n >= 2 && path[n-2] == "tags" || n >= 3 && path[n-3] == "tags" && path[n-1] == "value") {
		return value + mark
	}
	return value
}

// mark stands for a hostile text until the JSON is written: not every one goes through an encoder.
// markWithin does so in JSON that is itself a text of the JSON.
const (
	mark       = "\uE000"
	markWithin = "\uE001"
)

// rewriter returns what stands in place of a text at the path, or of a name of the object at the path.
type rewriter func(path []string, value string, key bool) string

func walk(value any, path []string, rewrite rewriter) any {
	at := func(name string) []string { return append(slices.Clone(path), name) }
	switch value := value.(type) {
	case string:
		return rewrite(path, value, false)
	case []any:
		all := make([]any, len(value))
		for i, v := range value {
			all[i] = walk(v, at(strconv.Itoa(i)), rewrite)
		}
		return all
	case map[string]any:
		all := map[string]any{}
		for name, v := range value {
			all[rewrite(path, name, true)] = walk(v, at(name), rewrite)
		}
		return all
	}
	return value
}

// lengthy is how many events a scenario has at most to be played whole, again and again.
const lengthy = 4

// alone is the scenario with another event in place of the named one, and without the rest of its events
// if it has many.
func alone(archive *txtar.Archive, name string, data []byte) *txtar.Archive {
	other := func(f txtar.File) bool { return f.Name != name && happens(f.Name) }
	out := &txtar.Archive{Comment: archive.Comment, Files: slices.Clone(archive.Files)}
	if short := slices.DeleteFunc(slices.Clone(out.Files), other); len(out.Files)-len(short) >= lengthy {
		out.Files = short
	}
	for i, f := range out.Files {
		if f.Name == name {
			out.Files[i].Data = data
		}
	}
	return out
}

func encoded(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // it was JSON
	}
	return data
}

func parsed(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// leaves are the paths of the texts in an event.
func leaves(tree any) (all [][]string) {
	walk(tree, nil, func(at []string, value string, key bool) string {
		if !key {
			all = append(all, at)
		}
		return value
	})
	return all
}
