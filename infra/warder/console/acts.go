package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
)

// A plan is an act that was shown to the person, and is made once it is confirmed: exactly this one, once.
type plan struct {
	Title, Button string
	What          []string // it would do
	Refused       bool     // there is nothing to confirm
	Reason        bool     // one is asked for
	Optional      bool     // and may be left out
	Danger        bool
	Back          string // the page that it was asked for on
	at            time.Time
	do            func(ctx context.Context, reason string) outcome
}

// An outcome is what became of an act.
type outcome struct {
	Lines []string
	Whole bool // everything was done
}

// A job is an act that goes on, or is over.
type job struct {
	Title, Back string
	At          time.Time
	done        chan struct{}
	outcome     outcome // once done
}

const (
	// planTime is how long a plan may be confirmed: what it shows gets old.
	planTime = 10 * time.Minute
	maxPlans = 100
	// maxReason is how long a reason may be, in characters.
	maxReason = 500
	// patience is how long the result of an act is waited for before a page says that it goes on.
	patience = 10 * time.Second
)

// refuse answers with a page that says why.
func (q *request) refuse(status int, why i18n.Message) {
	q.w.WriteHeader(status)
	q.show("refused", i18n.T("Not done"), q.say(why))
}

// confirm shows what an act would do.
func (q *request) confirm() {
	asked := q.URL.Query()
	build := map[string]func() (plan, error){
		"undo": q.planUndo, "halt": q.planHalt, "resume": q.planResume, "release": q.planRelease,
		"redrive": q.planRedrive, "drill": q.planDrill, "report": q.planReport,
		"exempt": q.planExempt, "approve": q.planAnswer, "revoke": q.planAnswer,
	}[asked.Get("act")]
	if build == nil {
		q.refuse(http.StatusNotFound, i18n.T("There is no such act."))
		return
	}
	p, err := build()
	if err != nil {
		q.refuse(http.StatusBadGateway, i18n.Error(err))
		return
	}
	p.at = q.s.Now()
	data := struct {
		plan
		ID        string
		MaxReason int
	}{p, "", maxReason}
	if !p.Refused {
		data.ID = secret()
		q.s.mu.Lock()
		for id, old := range q.s.plans {
			if p.at.Sub(old.at) > planTime || len(q.s.plans) >= maxPlans {
				delete(q.s.plans, id)
			}
		}
		q.s.plans[data.ID] = p
		q.s.mu.Unlock()
	}
	q.show("confirm", i18n.Literal(p.Title), data)
}

// act makes what was confirmed.
func (q *request) act() {
	id, reason := q.PostForm.Get("plan"), strings.TrimSpace(q.PostForm.Get("reason"))
	q.s.mu.Lock()
	p, known := q.s.plans[id]
	busy := q.s.job != nil && q.s.job.running()
	visible := strings.ContainsFunc(reason, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	var why i18n.Message
	switch {
	case !known || q.s.Now().Sub(p.at) > planTime:
		why = i18n.T("What was shown is too old, or was done before. Look at it again.")
	case busy:
		why = i18n.T("Another act goes on. Wait for its result.")
	case p.Reason && !p.Optional && !visible:
		why = i18n.T("It needs a reason.")
	case len([]rune(reason)) > maxReason:
		why = i18n.T("The reason is too long.")
	}
	if !why.Empty() {
		q.s.mu.Unlock()
		q.refuse(http.StatusConflict, why)
		return
	}
	delete(q.s.plans, id)
	j := &job{Title: p.Title, Back: p.Back, At: q.s.Now(), done: make(chan struct{})}
	q.s.job = j
	q.s.mu.Unlock()
	ctx := context.WithoutCancel(q.Context()) // it goes on when the page is closed
	go func() {
		j.outcome = p.do(ctx, i18n.Plain(reason))
		q.s.forget()
		close(j.done)
	}()
	http.Redirect(q.w, q.Request, q.s.base+"result", http.StatusSeeOther)
}

func (j *job) running() bool {
	select {
	case <-j.done:
		return false
	default:
		return true
	}
}

// result is what became of the last act.
func (q *request) result() {
	q.s.mu.Lock()
	j := q.s.job
	q.s.mu.Unlock()
	if j == nil {
		q.refuse(http.StatusNotFound, i18n.T("Nothing was done in this session."))
		return
	}
	refresh := 0
	select {
	case <-j.done:
	case <-time.After(patience):
		refresh = 5
	case <-q.Context().Done():
		return
	}
	data := struct {
		*job
		Running bool
		outcome
	}{job: j, Running: refresh > 0}
	if !data.Running {
		data.outcome = j.outcome
	}
	q.showSoon("result", i18n.Literal(j.Title), data, refresh)
}

// failure is the outcome of an act that answered with an error.
func failure(err error) outcome { return outcome{Lines: []string{err.Error()}} }

// planUndo asks the function itself what it would undo.
func (q *request) planUndo() (plan, error) {
	id := q.URL.Query().Get("id")
	if !notice.ID(id) {
		return plan{}, i18n.Fault{Text: i18n.T("That is no id of an action.")}
	}
	account, by := q.s.Account, q.s.By
	ask := func(ctx context.Context, preview bool, reason string) (outcome, int, error) {
		answer, err := account.Undo(ctx, remediation.UndoRequest{Action: id, By: by, Reason: reason, Preview: preview})
		o := outcome{Whole: len(answer.Undone) > 0 && len(answer.Refused) == 0}
		for _, done := range answer.Undone {
			o.Lines = append(o.Lines, done.Action+": "+done.Text)
			if done.Undo != "" {
				o.Lines = append(o.Lines, q.say(i18n.T("This undo is %s.", done.Undo)))
			}
		}
		for _, refused := range answer.Refused {
			o.Lines = append(o.Lines, q.say(i18n.T("Refused: %s: %s", refused.Action, refused.Why)))
		}
		if len(o.Lines) == 0 {
			o.Lines = []string{q.say(i18n.T("There is nothing to undo."))}
		}
		return o, len(answer.Undone), err
	}
	would, undone, err := ask(q.Context(), true, "preview")
	if err != nil {
		return plan{}, err
	}
	return plan{
		Title: q.say(
			i18n.T("Undo %s", id),
		), Button: q.say(i18n.T("Undo")), What: would.Lines, Refused: undone == 0, Reason: true,
		Danger: true, Back: "incident?id=" + id,
		do: func(ctx context.Context, reason string) outcome {
			done, _, err := ask(ctx, false, reason)
			if err != nil {
				return failure(err)
			}
			return done
		},
	}, nil
}

func (q *request) planHalt() (plan, error) {
	return q.planSwitch(true, i18n.T("Halt Warder"), i18n.T("Halt"),
		i18n.T("Every change of every control stops, in every region, until somebody resumes. Notices go on."),
		i18n.T("%d changes are due within a day; they wait.", q.soon()))
}

func (q *request) planResume() (plan, error) {
	return q.planSwitch(false, i18n.T("Resume Warder"), i18n.T("Resume"),
		i18n.T("Controls in enforce make changes again, the next sweep those that are due."),
		i18n.T("%d changes are due by now or within a day.", q.soon()))
}

// soon is how many cases are due within a day.
func (q *request) soon() (n int) {
	read := q.look()
	for _, c := range read.due {
		if !c.Due.IsZero() && c.Due.Sub(read.at) < day {
			n++
		}
	}
	return n
}

func (q *request) planSwitch(halt bool, title, button i18n.Message, what ...i18n.Message) (plan, error) {
	account, by := q.s.Account, q.s.By
	p := plan{Title: q.say(title), Button: q.say(button), Reason: true, Optional: !halt, Danger: !halt, Back: "now"}
	for _, m := range what {
		p.What = append(p.What, q.say(m))
	}
	p.do = func(ctx context.Context, reason string) outcome {
		answer, err := account.SetHalt(ctx, halt, remediation.HaltRequest{By: by, Reason: reason})
		if err != nil {
			return failure(err)
		}
		return outcome{[]string{answer.Text}, answer.Halted == halt}
	}
	return p, nil
}

func (q *request) planRelease() (plan, error) {
	id := q.URL.Query().Get("control")
	if !slices.ContainsFunc(q.s.Controls, func(c control.Control) bool { return c.ID == id && !c.Tool }) {
		return plan{}, i18n.Fault{Text: i18n.T("There is no such control.")}
	}
	account, by := q.s.Account, q.s.By
	p := plan{Title: q.say(i18n.T("Release %s", id)), Button: q.say(i18n.T("Release")), Reason: true, Danger: true,
		Back: "health", What: []string{q.say(i18n.T("The control goes on. Its next sweep makes what waits."))}}
	read := q.look()
	for _, i := range read.incidents {
		for _, s := range i.Steps {
			if s.Entry.Control == id && s.Status == ledger.Held && len(p.What) <= perPage {
				p.What = append(p.What, q.say(i18n.T("On hold: %s", kinds().Describe(s.Change, false)))+" ("+s.ID+")")
			}
		}
	}
	p.do = func(ctx context.Context, reason string) outcome {
		answer, err := account.Release(ctx, id, remediation.ReleaseRequest{By: by, Reason: reason})
		if err != nil {
			return failure(err)
		}
		return outcome{[]string{answer.Text}, true}
	}
	return p, nil
}

// planExempt exempts the user of a case from its control. A user's unique id is asked for rather than a name, which
// somebody else may have by then.
func (q *request) planExempt() (plan, error) {
	asked, until := q.URL.Query(), q.URL.Query().Get("until")
	i := slices.IndexFunc(q.look().due, func(c ledger.Case) bool {
		return c.User && c.Control == asked.Get("control") && c.Key == asked.Get("case")
	})
	if _, err := time.Parse(time.DateOnly, until); err != nil || i < 0 {
		return plan{}, i18n.Fault{Text: i18n.T("That is no case that is open, or no day until when.")}
	}
	c := q.look().due[i]
	return q.exempting(i18n.T("Exempt %s", c.Subject), i18n.T("Exempt"), true, remediation.ExemptRequest{
		Users: []string{cmp.Or(c.UserID, c.Subject)}, Controls: []string{c.Control}, Until: until, By: q.s.By,
	}, i18n.T("%s changes nothing about %s up to %s. Where the settings ask for it, a second person has to confirm.",
		c.Control, c.Subject, until))
}

// planAnswer confirms or ends an exemption that somebody asked for.
func (q *request) planAnswer() (plan, error) {
	id, revoke := q.URL.Query().Get("id"), q.URL.Query().Get("act") == "revoke"
	known, err := q.s.Account.Exempt(q.Context(), remediation.ExemptRequest{List: true})
	if err != nil {
		return plan{}, err
	}
	i := slices.IndexFunc(known.Exemptions, func(e remediation.AskedExemption) bool { return e.ID == id })
	if i < 0 {
		return plan{}, i18n.Fault{Text: i18n.T("There is no such exemption.")}
	}
	e := known.Exemptions[i]
	what := i18n.T("%s, from %s, until %s, asked for by %s: %s", strings.Join(e.Users, ", "),
		strings.Join(e.Controls, ", "), e.Until, e.By, e.Reason)
	if revoke {
		return q.exempting(i18n.T("Revoke the exemption %s", id), i18n.T("Revoke"), true,
			remediation.ExemptRequest{Revoke: id, By: q.s.By}, what)
	}
	return q.exempting(i18n.T("Confirm the exemption %s", id), i18n.T("Confirm"), false,
		remediation.ExemptRequest{Approve: id, By: q.s.By}, what)
}

func (q *request) exempting(
	title, button i18n.Message, reason bool, asked remediation.ExemptRequest, what i18n.Message,
) (plan, error) {
	account := q.s.Account
	return plan{
		Title: q.say(title), Button: q.say(button), What: []string{q.say(what)}, Reason: reason, Back: "due",
		do: func(ctx context.Context, reason string) outcome {
			asked.Reason = reason
			answer, err := account.Exempt(ctx, asked)
			if err != nil {
				return failure(err)
			}
			return outcome{[]string{answer.Text}, true}
		},
	}, nil
}

func (q *request) planRedrive() (plan, error) {
	account := q.s.Account
	p := plan{Title: q.say(i18n.T("Redrive")), Button: q.say(i18n.T("Redrive")), Back: "health", What: []string{
		q.say(i18n.T("What the queues keep is sent again to the functions that it was for. What is not understood stays.")),
	}}
	for _, queue := range q.look().queues {
		if queue.Messages > 0 {
			p.What = append(p.What, q.say(i18n.T("%s in %s: %d messages", queue.Name, queue.Region, queue.Messages)))
		}
	}
	p.do = func(ctx context.Context, _ string) outcome {
		sent, left, lines, err := account.Redrive(ctx)
		if err != nil {
			return outcome{Lines: append(lines, err.Error())}
		}
		return outcome{append(lines, q.say(i18n.T("%d messages sent again, %d left.", sent, left))), left == 0}
	}
	return p, nil
}

func (q *request) planDrill() (plan, error) {
	minutes, err := strconv.Atoi(q.URL.Query().Get("minutes"))
	if err != nil || minutes < 1 || minutes > drill.MaxMinutes {
		minutes = drill.Minutes
	}
	s := q.s
	return plan{
		Title: q.say(i18n.T("Drill")), Button: q.say(i18n.T("Begin the drill")), Back: "health", What: []string{
			q.say(i18n.T("A user that may do nothing is made, broken rules are tried on it, and the way of each is measured.")),
			q.say(
				i18n.T("It takes %d minutes at most, people are notified as in earnest, and it cleans up after itself.", minutes),
			),
		},
		do: func(ctx context.Context, _ string) outcome {
			answer, err := s.Account.Drill(ctx, drill.Request{By: s.By, Minutes: minutes})
			if err != nil {
				return failure(err)
			}
			s.mu.Lock()
			s.drilled = &answer
			s.mu.Unlock()
			o := outcome{
				[]string{q.say(i18n.T("Drill %s: %s", answer.ID, i18n.Lookup(string(answer.Outcome))))},
				answer.Outcome != drill.Failed,
			}
			if answer.Reason != "" {
				o.Lines = append(o.Lines, answer.Reason)
			}
			for _, left := range answer.Leftovers {
				o.Lines = append(append(o.Lines, left.User+": "+left.Why), left.Remove...)
			}
			return o
		},
	}, nil
}

func (q *request) planReport() (plan, error) {
	month, language := q.URL.Query().Get("month"), q.URL.Query().Get("language")
	if _, err := time.Parse("2006-01", month); err != nil || language != "en" && language != "ko" {
		return plan{}, i18n.Fault{Text: i18n.T("That is no month and language of a report.")}
	}
	s := q.s
	return plan{
		Title: q.say(i18n.T("Evidence of %s", month)), Button: q.say(i18n.T("Make the report")), Back: "evidence",
		What: []string{
			q.say(i18n.T("The report is written to Warder's bucket, as by its schedule, and fetched from there. Of a " +
				"new one the topic is notified.")),
		},
		do: func(ctx context.Context, _ string) outcome {
			made, err := s.Account.Report(ctx, month, language)
			if err != nil {
				return failure(err)
			}
			s.mu.Lock()
			s.evidence = made
			s.mu.Unlock()
			return outcome{strings.Split(strings.TrimSpace(made.Text), "\n"), true}
		},
	}, nil
}
