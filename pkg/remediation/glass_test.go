package remediation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/iamsim"
)

const trustTied = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},` +
	`"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:RoleSessionName":"${aws:username}"}}}]}`

// emergency is a runner with an emergency role, and a function that asks it as somebody.
func emergency(t *testing.T) (remediation.Glass, *fakeaws.Account, *mailbox) {
	t.Helper()
	r, a, box := newRunner(t, finding())
	a.With(func(s *fakeaws.State) {
		s.Roles = map[string]*fakeaws.Role{"emergency": {ID: "AROAEMERGENCY0000001", Path: "/", Trust: trustTied}}
	})
	r.Settings.Asking = settings.Asking{Glass: map[string][]string{"emergency": {"kim", "lee"}}, GlassMinutes: 120}
	return remediation.Glass{Runner: r, Roles: a.IAM()}, a, box
}

func asks(g remediation.Glass, who string, q remediation.GlassRequest) (remediation.GlassAnswer, error) {
	ctx := context.Background()
	if who != "" {
		ctx = caller.NewContext(ctx, who)
	}
	return g.Ask(ctx, q)
}

// glass is the policy that closes the role.
func glass(a *fakeaws.Account) string {
	return string(a.State().Roles["emergency"].Inline[remediation.GlassPolicy])
}

func TestGlass_WhoAndWhat(t *testing.T) {
	usual := remediation.GlassRequest{Role: "emergency", Minutes: 60, Reason: "the identity provider is down"}
	alter := func(f func(*remediation.GlassRequest)) remediation.GlassRequest {
		q := usual
		f(&q)
		return q
	}
	for _, tt := range []struct {
		name, who string
		q         remediation.GlassRequest
		trust     string
		refused   string
	}{
		{"a listed person", account + "kim", usual, trustTied, ""},
		{"nobody", "", usual, trustTied, "nothing proves"},
		{"root", "arn:aws:iam::111122223333:root", usual, trustTied, "nothing proves"},
		{"somebody else", account + "bob", usual, trustTied, "does not name"},
		{"somebody in another case", account + "KIM", usual, trustTied, "does not name"},
		{"a session that is named like a listed person", session + "Ops/kim", usual, trustTied, "does not name"},
		{"another role", account + "kim", alter(func(q *remediation.GlassRequest) { q.Role = "admin" }), trustTied,
			"no role of the setting"},
		{"too long", account + "kim", alter(func(q *remediation.GlassRequest) { q.Minutes = 121 }), trustTied, "5 to 120"},
		{"no time", account + "kim", alter(func(q *remediation.GlassRequest) { q.Minutes = 0 }), trustTied, "5 to 120"},
		{"less than no time", account + "kim", alter(func(q *remediation.GlassRequest) { q.Minutes = -60 }), trustTied,
			"5 to 120"},
		{"no reason", account + "kim", alter(func(q *remediation.GlassRequest) { q.Reason = "\u200b" }), trustTied,
			"for which reason"},
		{"a trust policy that lets anybody choose the session's name", account + "kim", usual,
			`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}`, "trust policy"},
		{"a trust policy with a second way in", account + "kim", usual, strings.Replace(trustTied, `"Statement":[`,
			`"Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"},`, 1),
			"trust policy"},
		{"a trust policy that nobody can read", account + "kim", usual, `[]`, "trust policy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, a, box := emergency(t)
			a.With(func(s *fakeaws.State) { s.Roles["emergency"].Trust = fakeaws.Document(tt.trust) })
			answer, err := asks(g, tt.who, tt.q)
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) || strings.Contains(glass(a), "WarderEnds") {
					t.Errorf("%+v, %v, policy %s", answer, err, glass(a))
				}
				return
			}
			if err != nil || !answer.Until.Equal(g.Now().Add(time.Hour)) || !strings.Contains(glass(a), "WarderEnds") {
				t.Fatalf("%+v, %v, policy %s", answer, err, glass(a))
			}
			if !slices.ContainsFunc(box.got, func(m notice.Message) bool {
				return m.Severity == "critical" && strings.Contains(m.Text, tt.q.Reason)
			}) {
				t.Errorf("notified %+v", box.got)
			}
		})
	}
}

// Without the topic or the ledger nothing opens. Without the ledger what is over is closed all the same.
func TestGlass_LedgerOrTopicDown(t *testing.T) {
	usual := remediation.GlassRequest{Role: "emergency", Minutes: 60, Reason: "r"}
	g, a, _ := emergency(t)
	g.Topic = refusing{}
	if _, err := asks(g, account+"kim", usual); err == nil || strings.Contains(glass(a), "WarderEnds") {
		t.Errorf("%v, policy %s", err, glass(a))
	}
	g, a, _ = emergency(t)
	working := g.Ledger
	g.Ledger = ledger.New(&failing{Memory: &ledger.Memory{}})
	if _, err := asks(g, account+"kim", usual); err == nil || strings.Contains(glass(a), "WarderEnds") {
		t.Errorf("%v, policy %s", err, glass(a))
	}
	g.Ledger = working
	if _, err := asks(g, account+"kim", usual); err != nil {
		t.Fatal(err)
	}
	down := g
	runner := *g.Runner
	down.Runner, runner.Ledger = &runner, ledger.New(&failing{Memory: &ledger.Memory{}})
	if err := down.Sweep(t.Context()); err == nil || !strings.Contains(glass(a), "WarderEnds") {
		t.Errorf("before the end: %v, policy %s", err, glass(a))
	}
	now := g.Now()
	runner.Now = func() time.Time { return now.Add(time.Hour) }
	if err := down.Sweep(t.Context()); err == nil || strings.Contains(glass(a), "WarderEnds") {
		t.Errorf("after the end: %v, policy %s", err, glass(a))
	}
}

// The simulator agrees on who may do what, and when: from the end on nobody can do anything, even if Warder is
// dead.
func TestGlass_Simulator(t *testing.T) {
	g, a, _ := emergency(t)
	q := remediation.GlassRequest{Role: "emergency", Minutes: 60, Reason: "r"}
	if _, err := asks(g, account+"kim", q); err != nil {
		t.Fatal(err)
	}
	start := g.Now()
	type asked struct {
		name, person string
		issued, at   time.Duration
		action       string
		want         iamsim.Answer
	}
	all := []asked{
		{"in time", "kim", 0, time.Minute, "s3:ListAllMyBuckets", iamsim.Allowed},
		{"at the last second", "kim", time.Minute, time.Hour - time.Second, "s3:ListAllMyBuckets", iamsim.Allowed},
		{"at the end", "kim", time.Minute, time.Hour, "s3:ListAllMyBuckets", iamsim.ExplicitlyDenied},
		{"a day later", "kim", time.Minute, 24 * time.Hour, "s3:ListAllMyBuckets", iamsim.ExplicitlyDenied},
		{"with a session from before", "kim", -time.Second, time.Minute, "s3:ListAllMyBuckets", iamsim.ExplicitlyDenied},
		{"somebody else", "lee", time.Second, time.Minute, "s3:ListAllMyBuckets", iamsim.ExplicitlyDenied},
		{"to keep the role open", "kim", time.Second, time.Minute, "iam:DeleteRolePolicy", iamsim.ExplicitlyDenied},
	}
	var principals []iamsim.Principal
	for _, q := range all {
		resource := "*"
		if q.action == "iam:DeleteRolePolicy" {
			resource = "arn:aws:iam::111122223333:role/emergency"
		}
		principals = append(principals, iamsim.Principal{
			ARN: session + "emergency/" + q.person,
			Policies: []json.RawMessage{
				json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`),
				json.RawMessage(glass(a)),
			},
			Requests: []iamsim.Request{{Action: q.action, Resource: resource, Context: map[string]string{
				"aws:CurrentTime":    start.Add(q.at).Format(time.RFC3339),
				"aws:TokenIssueTime": start.Add(q.issued).Format(time.RFC3339),
				"aws:userid":         "AROAEMERGENCY0000001:" + q.person,
			}}},
		})
	}
	answers, err := iamsim.Ask(t.Context(), principals)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range all {
		if answers[i][0] != q.want {
			t.Errorf("%s: %s, want %s", q.name, answers[i][0], q.want)
		}
	}
}

var errCrash = errors.New("crashed")

// play plays people, crashes and lost events against an emergency role. Before each call that leaves the process a
// crash may come, after which it has been made or not, or other invocations run to their end.
type play struct {
	remediation.Glass
	r       *rand.Rand
	account *fakeaws.Account
	now     time.Time
	depth   int
	calm    bool
	told    []notice.Message
	faults  []string
}

func (w *play) boundary(call func() error) error {
	if w.calm {
		return call()
	}
	switch n := w.r.IntN(100); {
	case n < 5:
		return errCrash
	case n < 10:
		return errors.Join(call(), errCrash)
	case n < 20 && w.depth < 3:
		w.depth++
		w.step()
		w.depth--
	case n < 25:
		w.pass(time.Duration(w.r.IntN(90)) * time.Minute)
	}
	return call()
}

func (w *play) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.check()
}

type calls struct{ *play }

func (c calls) GetRole(
	ctx context.Context, in *iam.GetRoleInput, _ ...func(*iam.Options),
) (out *iam.GetRoleOutput, err error) {
	err = c.boundary(func() (err error) { out, err = c.account.IAM().GetRole(ctx, in); return err })
	return out, err
}

func (c calls) GetRolePolicy(
	ctx context.Context, in *iam.GetRolePolicyInput, _ ...func(*iam.Options),
) (out *iam.GetRolePolicyOutput, err error) {
	err = c.boundary(func() (err error) { out, err = c.account.IAM().GetRolePolicy(ctx, in); return err })
	return out, err
}

func (c calls) PutRolePolicy(
	ctx context.Context, in *iam.PutRolePolicyInput, _ ...func(*iam.Options),
) (out *iam.PutRolePolicyOutput, err error) {
	err = c.boundary(func() (err error) {
		out, err = c.account.IAM().PutRolePolicy(ctx, in)
		c.check()
		return err
	})
	return out, err
}

func (c calls) Publish(_ context.Context, m notice.Message) (string, error) {
	return "m", c.boundary(func() error { c.told = append(c.told, m); return nil })
}

type stored struct {
	*ledger.Memory
	*play
}

func (s stored) Get(ctx context.Context, partition, sort string) (item ledger.Item, err error) {
	err = s.boundary(func() (err error) { item, err = s.Memory.Get(ctx, partition, sort); return err })
	return item, err
}

func (s stored) Put(ctx context.Context, item ledger.Item) error {
	return s.boundary(func() error { return s.Memory.Put(ctx, item) })
}

func (w *play) step() {
	ctx := context.Background()
	who := []string{"kim", "lee", "eve"}[w.r.IntN(3)]
	switch w.r.IntN(6) {
	case 0, 1:
		_, _ = w.Ask(caller.NewContext(ctx, account+who), remediation.GlassRequest{
			Role: "emergency", Minutes: 5 + w.r.IntN(116), Reason: "r" + strconv.Itoa(w.r.IntN(2)),
		})
	case 2:
		_, _ = w.Ask(caller.NewContext(ctx, account+who),
			remediation.GlassRequest{Role: "emergency", Close: true, Reason: "over"})
	case 3: // the event that ends it is lost as often as not
		_ = w.Sweep(ctx)
	default:
		w.pass(time.Duration(w.r.IntN(60)) * time.Minute)
	}
}

// check holds what has to be so at any moment: who can use the role was told of, by name, and is within the end that
// was told. It reads the policy as IAM does, with the few conditions that it has.
func (w *play) check() {
	document := glass(w.account)
	var p struct {
		Statement []struct {
			Resource  string
			Condition map[string]map[string]string
		}
	}
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		if document != "" {
			w.faults = append(w.faults, err.Error())
		}
		return // before the first sweep
	}
	for _, person := range []string{"kim", "lee", "eve"} {
		open := true
		for _, s := range p.Statement {
			if s.Resource != "*" {
				continue
			}
			end, err := time.Parse(time.RFC3339, s.Condition["DateGreaterThanEquals"]["aws:CurrentTime"])
			denies := len(s.Condition) == 0 || err == nil && !w.now.Before(end)
			if id := s.Condition["StringNotEquals"]["aws:userid"]; id != "" {
				denies = !strings.HasSuffix(id, ":"+person)
			}
			open = open && !denies
		}
		if open && !slices.ContainsFunc(w.told, func(m notice.Message) bool {
			_, after, found := strings.Cut(m.Text, account+person+" opens the emergency role emergency until ")
			if !found || m.Severity != "critical" {
				return false
			}
			end, err := time.Parse("2006-01-02 15:04:05 MST", after[:len("2006-01-02 15:04:05 UTC")])
			return err == nil && w.now.Before(end)
		}) {
			w.faults = append(w.faults, fmt.Sprintf("%s can use the role at %s: told %d, policy %s", person, w.now, len(w.told),
				document))
		}
	}
}

// count is how many notices have a title.
func (w *play) ids(title string) map[string]bool {
	found := map[string]bool{}
	for _, m := range w.told {
		if strings.HasPrefix(m.Title, title) {
			found[m.Thread] = true
		}
	}
	return found
}

// Over thousands of runs, each of which a number decides alone (GLASS_SEED plays one): nobody uses the role past an end
// or without a notice, each time is taken back, and that is told.
func TestGlass_Model(t *testing.T) {
	first, runs := uint64(1), uint64(3000)
	if seed, err := strconv.ParseUint(os.Getenv("GLASS_SEED"), 10, 64); err == nil {
		first, runs = seed, 1
	}
	opened := 0
	for seed := first; seed < first+runs; seed++ {
		g, a, _ := emergency(t)
		w := &play{Glass: g, r: rand.New(rand.NewPCG(seed, 0)), account: a, now: g.Now()}
		w.Roles, w.Topic, w.Now = calls{w}, calls{w}, func() time.Time { return w.now }
		w.Ledger = ledger.New(stored{&ledger.Memory{}, w})
		for range 25 {
			w.step()
		}
		w.pass(12 * time.Hour)
		w.calm = true
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !strings.Contains(glass(a), "WarderClosed") {
			w.faults = append(w.faults, "the role is left with the policy "+glass(a))
		}
		closed := w.ids("Emergency role closed")
		for thread := range w.ids("Glass broken") {
			if opened++; !closed[thread] {
				w.faults = append(w.faults, "nobody was told that it is over: "+thread)
			}
		}
		if len(w.faults) > 0 {
			t.Fatalf("GLASS_SEED=%d: %s", seed, strings.Join(w.faults, "\n"))
		}
	}
	if runs > 1 && opened < 1000 {
		t.Errorf("only %d times was the role opened: the model shows little", opened)
	}
}
