package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/stack"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	message "github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// A preview is what Warder would find in an account on the first day of enforce.
type preview struct {
	Account    string          `json:"account"`
	Caller     string          `json:"caller"` // ARN of whose credentials they are
	Region     string          `json:"region"`
	At         time.Time       `json:"at"`
	Reads      int             `json:"reads"` // of the account
	Lines      []previewLine   `json:"lines"`
	Controls   []previewTotals `json:"controls"`
	Off        []string        `json:"off"`        // controls that cdk.json turns off
	EventsOnly []string        `json:"eventsOnly"` // controls that no sweep starts: what they would do cannot be foreseen

	// BlastRadius is how many changes a control may make in an hour.
	BlastRadius int `json:"blastRadius"`
}

// A previewLine is one thing that somebody would be told of, or that would be left alone.
type previewLine struct {
	Control  string    `json:"control"`
	When     string    `json:"when"`         // at once, due, told (nothing is changed) or left (and nobody is told)
	Due      time.Time `json:"due,omitzero"` // when it would be changed, for due
	Owner    string    `json:"owner"`        // who would be told; empty for the topic's subscribers alone
	Subject  string    `json:"subject"`
	Severity string    `json:"severity,omitempty"`
	Title    string    `json:"title,omitempty"`
	Text     string    `json:"text,omitempty"`
	Changes  []string  `json:"changes,omitempty"`
	Why      string    `json:"why,omitempty"` // why nothing is changed
}

// When a line's changes would be made.
const (
	atOnce  = "at once"
	due     = "due"
	told    = "told"
	left    = "left alone"
	stopped = "failed"
)

// previewTotals is what one control would come to.
type previewTotals struct {
	Control  string    `json:"control"`
	Findings int       `json:"findings"`
	Users    int       `json:"users"`
	Changes  int       `json:"changes"`
	First    time.Time `json:"first,omitzero"` // when the first change is made; that of the preview for at once
	Events   bool      `json:"events"`         // whether it acts on events as well, which cannot be foreseen
	Reason   string    `json:"reason,omitempty"`
	Failed   bool      `json:"failed"` // whether it could not look at everything
}

// errUnseen says that a preview is not whole.
var errUnseen = errors.New("not everything could be looked at")

// previewTimeout is how long one control may look at the account.
const previewTimeout = time.Hour

// previewed is how many controls look at once.
const previewed = 3

// showPreview runs the planners over the account of the credentials in the environment.
func showPreview(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("preview", flag.ContinueOnError)
	machine := flags.Bool("json", false, "print JSON")
	only, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	p, err := newPreview(ctx, only, stderr)
	if err != nil {
		return err
	}
	if *machine {
		encoder := json.NewEncoder(stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(p)
	} else {
		err = p.print(stdout, styleOf(stdout))
	}
	if slices.ContainsFunc(p.Controls, func(t previewTotals) bool { return t.Failed }) {
		err = errors.Join(err, errUnseen)
	}
	return err
}

// newPreview makes a preview of the controls that are named, or of all.
func newPreview(ctx context.Context, only []string, stderr io.Writer) (preview, error) {
	controls, err := functions.Controls()
	if err != nil {
		return preview{}, err
	}
	controls = slices.DeleteFunc(controls, func(c control.Control) bool { return c.Tool })
	for _, id := range only {
		if !slices.ContainsFunc(controls, func(c control.Control) bool { return c.ID == id }) {
			return preview{}, fmt.Errorf("there is no control %q", id)
		}
	}
	root, err := project.Find()
	if err != nil {
		return preview{}, err
	}
	if err := root.Make(ctx, project.Deployed, stderr); err != nil {
		return preview{}, err
	}
	templates, err := root.Templates(project.Deployed)
	if err != nil {
		return preview{}, err
	}
	hub := templates[0]

	// The only place in the local account where the user's own configuration is read.
	upstream, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(hub.Region))
	if err != nil {
		return preview{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	caller, err := sts.NewFromConfig(upstream).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return preview{}, fmt.Errorf("find out whose account it is, in %s: %w", hub.Region, err)
	}
	p := preview{
		Account: aws.ToString(caller.Account), Caller: aws.ToString(caller.Arn), Region: hub.Region, At: time.Now().UTC().Truncate(time.Second),
		Lines: []previewLine{}, Controls: []previewTotals{}, Off: []string{}, EventsOnly: []string{},
	}
	python, err := root.Python()
	if err != nil {
		return preview{}, err
	}
	server, err := moto.Start(ctx, python, root.Launcher())
	if err != nil {
		return preview{}, err
	}
	defer server.Close()
	created, err := createHalted(ctx, server, hub, p.Account)
	if err != nil {
		return preview{}, err
	}
	return p, p.look(ctx, root, server, created, upstream, controls, only, stderr)
}

// ofAccount adds moto's header that says in which account a call is made.
type ofAccount string

// RoundTrip implements [http.RoundTripper].
func (a ofAccount) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Moto-Account-Id", string(a))
	return http.DefaultTransport.RoundTrip(r)
}

// createHalted creates what the hub's template says in moto, as the account would have it, and halts
// it: what is due is planned, recorded and told, and nothing is changed.
func createHalted(ctx context.Context, server *moto.Server, hub project.Template, account string) (stack.Stack, error) {
	template, err := os.ReadFile(hub.Path)
	if err != nil {
		return stack.Stack{}, fmt.Errorf("read template: %w", err)
	}
	cfg := emulator.Config(server.URL, "AKIAOFTHELOCALACCOUNT", "none")
	cfg.Region, cfg.HTTPClient = hub.Region, &http.Client{Transport: ofAccount(account)}
	created, err := stack.Create(ctx, template, stack.NewClients(cfg), hub.Stack, account, hub.Region)
	if err != nil {
		return stack.Stack{}, fmt.Errorf("create the stack of %s: %w", hub.Path, err)
	}
	if _, err := ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(settings.HaltParameter), Value: aws.String("preview"), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
	}); err != nil {
		return stack.Stack{}, fmt.Errorf("halt the preview: %w", err)
	}
	return created, nil
}

// look sends every control over the account, behind a gate.
func (p *preview) look(ctx context.Context, root project.Root, server *moto.Server, created stack.Stack, upstream aws.Config, controls []control.Control, only []string, stderr io.Writer) error {
	var mu sync.Mutex
	notices := map[string][]message.Message{}
	keys := map[string]string{}
	gate := endpoint.NewGate(endpoint.GateConfig{
		Moto: server.URL, Account: p.Account, Reads: endpoint.Reads(controls), Functions: keys, Upstream: upstream,
		Told: func(function string, data []byte) {
			var m message.Message
			if json.Unmarshal(data, &m) != nil {
				m = message.Message{Title: "A notice that cannot be read", Kind: message.Failure}
			}
			mu.Lock()
			defer mu.Unlock()
			notices[function] = append(notices[function], m)
		},
	})
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	var hosted []lambdahost.Function
	var swept []control.Control
	for _, c := range controls {
		if len(only) > 0 && !slices.Contains(only, c.ID) {
			continue
		}
		i := slices.IndexFunc(created.Functions, func(f stack.Function) bool { return f.Name == settings.FunctionName(c.ID) })
		var set settings.Function
		if i >= 0 {
			if err := settings.Edit(created.Functions[i].Env, func(f *settings.Function) { set, f.Mode = *f, control.Enforce }); err != nil {
				return err
			}
		}
		switch {
		case i < 0 || set.Mode == control.Off:
			p.Off = append(p.Off, c.ID)
			continue
		case c.Schedule == "":
			p.EventsOnly = append(p.EventsOnly, c.ID)
			continue
		}
		f := created.Functions[i]
		binary, err := root.Binary(c.ID)
		if err != nil {
			return err
		}
		key := fmt.Sprintf("ASIAOFTHEFUNCTION%04d", i)
		keys[key] = f.Name
		env := previewEnvironment(f, key, p.Region, "http://"+listener.Addr().String())
		hosted = append(hosted, lambdahost.Function{Name: f.Name, ARN: f.ARN, Binary: binary, Env: env, Timeout: previewTimeout, Retries: f.Retries})
		swept = append(swept, c)
		p.BlastRadius = set.BlastRadius
	}
	endpoint := &http.Server{Handler: gate, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = endpoint.Serve(listener) }()
	defer func() { _ = endpoint.Close() }()
	h := lambdahost.New(hosted, lambdahost.Options{})
	defer h.Close()

	results, err := p.sweep(ctx, h, gate, swept, stderr)
	if err != nil {
		return err
	}
	for i, c := range swept {
		p.add(c, readOutcome(results[i].Function, results[i].Payload, results[i].Failed), notices[results[i].Function])
	}
	for _, refused := range gate.Refused() {
		id, operation, _ := strings.Cut(emulator.Control(refused), " ")
		for i := range p.Controls {
			if p.Controls[i].Control == id {
				p.Controls[i].Failed, p.Controls[i].Reason = true, "it tried "+operation+", which a preview refuses"
			}
		}
	}
	p.Reads = gate.Count()
	slices.SortStableFunc(p.Lines, func(a, b previewLine) int {
		order := []string{stopped, atOnce, due, told, left}
		return cmp.Or(cmp.Compare(slices.Index(order, a.When), slices.Index(order, b.When)), a.Due.Truncate(24*time.Hour).Compare(b.Due.Truncate(24*time.Hour)),
			cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Control, b.Control))
	})
	return nil
}

// previewEnvironment is the whole environment of a function in a preview: what the template says, and
// where the gate is. The key is known to the gate alone.
func previewEnvironment(f stack.Function, key, region, endpoint string) map[string]string {
	env := maps.Clone(f.Env)
	maps.Copy(env, map[string]string{
		"AWS_REGION": region, "AWS_DEFAULT_REGION": region,
		"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "none",
		"AWS_LAMBDA_FUNCTION_NAME": f.Name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB), "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_LOG_GROUP_NAME": f.LogGroup, "AWS_LAMBDA_LOG_FORMAT": f.LogFormat,
		"AWS_ENDPOINT_URL": endpoint,
	})
	return env
}

// sweep starts each control as its schedule would, a few at a time, and waits for them all.
func (p *preview) sweep(ctx context.Context, h *lambdahost.Host, gate *endpoint.Gate, controls []control.Control, stderr io.Writer) ([]lambdahost.Result, error) {
	results := make([]lambdahost.Result, len(controls))
	faults := make([]error, len(controls))
	turns := make(chan struct{}, previewed)
	done := make(chan struct{})
	var finished sync.Mutex
	count := 0
	go progress(done, stderr, func() string {
		finished.Lock()
		defer finished.Unlock()
		return fmt.Sprintf("%d of %d controls, %d reads of account %s", count, len(controls), gate.Count(), p.Account)
	})
	defer close(done)
	var all sync.WaitGroup
	for i, c := range controls {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			results[i], faults[i] = p.sweepOne(ctx, h, c)
			finished.Lock()
			count++
			finished.Unlock()
		})
	}
	all.Wait()
	return results, errors.Join(faults...)
}

func (p *preview) sweepOne(ctx context.Context, h *lambdahost.Host, c control.Control) (lambdahost.Result, error) {
	event, err := json.Marshal(map[string]any{
		"version": "0", "id": "preview-" + c.ID, "detail-type": "Scheduled Event", "source": "aws.events",
		"account": p.Account, "time": p.At.Format(time.RFC3339), "region": p.Region, "resources": []string{}, "detail": map[string]any{},
	})
	if err != nil {
		return lambdahost.Result{}, err
	}
	answers, err := h.Send(settings.FunctionName(c.ID), event)
	if err != nil {
		return lambdahost.Result{}, err
	}
	select {
	case result := <-answers:
		return result, nil
	case <-ctx.Done():
		return lambdahost.Result{}, ctx.Err()
	}
}

// progress keeps one line on a terminal up to date until done is closed; elsewhere it prints nothing.
func progress(done <-chan struct{}, out io.Writer, line func() string) {
	if !styleOf(out).on {
		return
	}
	ticks := time.NewTicker(200 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			fmt.Fprintf(out, "\r\x1b[K%s", line())
		case <-done:
			fmt.Fprint(out, "\r\x1b[K")
			return
		}
	}
}

// add adds what a control has come to: its notices, and the changes that it told nobody of.
func (p *preview) add(c control.Control, o outcome, notices []message.Message) {
	totals := previewTotals{Control: c.ID, Events: len(c.Rules) > 0, Failed: o.Outcome == "failed"}
	if totals.Failed || len(notices) == 0 && len(o.Changes) == 0 {
		totals.Reason = o.Reason
	}
	users, shown := map[string]bool{}, map[string]bool{}
	for _, m := range notices {
		line := previewLine{
			Control: c.ID, When: told, Owner: m.Owner, Subject: m.Subject, Severity: m.Severity, Title: m.Title, Text: m.Text, Why: m.UnchangedReason,
		}
		for _, made := range m.Changes {
			shown[made.ID] = true
			line.Changes = append(line.Changes, made.Text)
		}
		switch m.Kind {
		case message.Warning, message.Reminder:
			line.When, line.Due = due, m.Due
			totals.Changes += len(m.Changes)
			totals.First = first(totals.First, m.Due)
		case message.Held:
			line.When = atOnce
			totals.Changes += len(m.Changes)
			totals.First = first(totals.First, p.At)
		case message.Failure:
			line.When, totals.Failed = stopped, true
		}
		totals.Findings++
		users[m.Subject] = true
		p.Lines = append(p.Lines, line)
	}
	for _, made := range o.Changes {
		if made.Status == "skipped" && !shown[made.ID] {
			p.Lines = append(p.Lines, previewLine{
				Control: c.ID, When: left, Subject: made.Subject, Changes: []string{fmt.Sprintf("%s %s", made.Kind, hint(made.Target))}, Why: made.Reason,
			})
		}
	}
	totals.Users = len(users)
	p.Controls = append(p.Controls, totals)
}

// first is the earlier of two times, of which the zero time is none.
func first(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// hint is a target by which its owner knows it: of an access key id the end.
func hint(target string) string {
	if _, err := arn.Parse(target); err == nil {
		return target
	}
	return message.Redact(target)
}

// print prints the preview for people.
func (p preview) print(out io.Writer, s style) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Account %s in %s, as %s, %s. Nothing was changed: %d calls were made to it, and all of them only read.\n\n",
		p.Account, p.Region, i18n.Plain(p.Caller), p.At.Format("2006-01-02 15:04 MST"), p.Reads)
	if len(p.Lines) > 0 {
		text.WriteString(s.bold("On the first day of enforce") + "\n")
		rows := [][]string{{"WHEN", "TOLD", "ABOUT", "WHAT", "CONTROL"}}
		for _, line := range p.Lines {
			rows = append(rows, line.row())
		}
		table(&text, rows)
		text.WriteString("\n")
	}
	rows := [][]string{{"CONTROL", "FINDINGS", "USERS", "CHANGES", "FIRST CHANGE", ""}}
	for _, t := range p.Controls {
		when := "-"
		switch {
		case t.First.Equal(p.At):
			when = atOnce
		case !t.First.IsZero():
			when = t.First.UTC().Format(time.DateOnly)
		}
		remark := ""
		switch {
		case t.Failed:
			remark = "not looked at in full: " + value(t.Reason)
		case t.Reason != "":
			remark = value(t.Reason)
		}
		rows = append(rows, []string{t.Control, strconv.Itoa(t.Findings), strconv.Itoa(t.Users), strconv.Itoa(t.Changes), when, remark})
	}
	text.WriteString(s.bold("In all") + "\n")
	table(&text, rows)
	for _, t := range p.Controls {
		n := p.immediate(t.Control)
		if p.BlastRadius > 0 && n > p.BlastRadius {
			fmt.Fprintf(&text, "%s: of %d changes at once %d are made in the first hour; then it stops until make release CONTROL=%[1]s\n", t.Control, n, p.BlastRadius)
		}
	}
	for _, others := range []struct {
		what string
		ids  []string
	}{
		{"cannot be foreseen, as these act on events alone", p.EventsOnly}, {"off in cdk.json", p.Off},
	} {
		if len(others.ids) > 0 {
			fmt.Fprintf(&text, "%s: %s\n", others.what, strings.Join(others.ids, ", "))
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// immediate is how many changes a control would make at once.
func (p preview) immediate(id string) int {
	n := 0
	for _, line := range p.Lines {
		if line.Control == id && line.When == atOnce {
			n += len(line.Changes)
		}
	}
	return n
}

// row is the line in the table.
func (l previewLine) row() []string {
	when, whom := l.When, cmp.Or(l.Owner, "the topic")
	what := strings.Join(l.Changes, "; ")
	switch l.When {
	case due:
		when = l.Due.UTC().Format(time.DateOnly)
	case told:
		when = "only told"
		what = l.Title
		if l.Why != "" {
			what += " (nothing is changed: " + l.Why + ")"
		}
	case left:
		when, whom = "never", "nobody"
		what += " is left alone: " + l.Why
	case stopped:
		what = cmp.Or(what, l.Title) + ": cannot be judged: " + l.Why
	}
	return []string{when, whom, cut(l.Subject, 40), cut(what, 160), l.Control}
}

// table writes rows with their columns under each other.
func table(out *strings.Builder, rows [][]string) {
	wide := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			row[i] = i18n.Plain(cell)
			wide[i] = max(wide[i], len([]rune(row[i])))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", 2+wide[i]-len([]rune(cell))))
		}
		out.WriteString("  " + strings.TrimRight(line.String(), " ") + "\n")
	}
}
