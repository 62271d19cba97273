package accesskey_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/accesskey"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const day = 24 * time.Hour

var begin = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

// swept is a sweep over the account that remembers in the ledger and finds every key older than 90
// days; looked are the users that it looked at.
type swept struct {
	accesskey.Sweep
	account *fakeaws.Account
	looked  []string
	fault   map[string]error // what judging a user answers
	end     func()           // is called at the second look
}

func newSweep(a *fakeaws.Account, l *ledger.Ledger) *swept {
	s := &swept{account: a, fault: map[string]error{}}
	s.Sweep = accesskey.Sweep{API: a.IAM(), Ledger: l, Sleep: func(context.Context, time.Duration) {}, Control: "test",
		Limit: 90 * day, Evaluate: s.judge}
	return s
}

func (s *swept) judge(_ context.Context, user string, keys []accesskey.Key,
	now time.Time) ([]remediation.Finding, error) {
	s.looked = append(s.looked, user)
	if s.end != nil && len(s.looked) == 2 {
		s.end()
	}
	var findings []remediation.Finding
	for _, k := range keys {
		if k.Active && now.Sub(k.Created) > 90*day {
			findings = append(findings, remediation.Finding{User: user})
		}
	}
	return findings, s.fault[user]
}

// run sweeps once, and returns the users found.
func (s *swept) run(ctx context.Context, t *testing.T, after string, now time.Time) ([]string, error) {
	t.Helper()
	s.looked = nil
	findings, err := s.Sweep.Sweep(ctx, event.Event{Detail: &event.Sweep{After: after}}, nil, now)
	var found []string
	for _, f := range findings {
		found = append(found, f.User)
	}
	return found, err
}

// crowd is n users whose key the report calls a day old, though it was created longer ago.
func crowd(n int, created time.Time) fakeaws.State {
	state := fakeaws.State{Users: map[string]*fakeaws.User{}}
	for i := range n {
		state.Users[fmt.Sprintf("user-%04d", i)] = &fakeaws.User{Created: begin.AddDate(-2, 0, 0), Keys: []fakeaws.Key{{
			ID: fmt.Sprintf("AKIA%016d", i), Status: "Active", Created: created, Changed: begin.Add(-day),
		}}}
	}
	return state
}

func TestEveryUserWhoseDatesAreNewIsLookedAtWithinSevenDays(t *testing.T) {
	for _, tc := range []struct {
		name string
		days []int // on which a sweep runs
	}{
		{"a sweep every day", []int{0, 1, 2, 3, 4, 5, 6}},
		{"sweeps that did not run on some days", []int{0, 3, 4, 6}},
		{"two sweeps on a day", []int{0, 0, 1, 2, 3, 3, 4, 5, 6, 6}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSweep(fakeaws.New(crowd(2000, begin.AddDate(-1, 0, 0))), ledger.New(&ledger.Memory{}))
			found := map[string]bool{}
			for _, d := range tc.days {
				users, err := s.run(t.Context(), t, "", begin.Add(time.Duration(d)*day))
				if err != nil {
					t.Fatal(err)
				}
				if len(s.looked) > len(users) {
					t.Errorf("day %d: looked at %d users, found %d", d, len(s.looked), len(users))
				}
				for user := range found {
					if !slices.Contains(users, user) {
						t.Fatalf("day %d: %s was found before, and is not any more", d, user)
					}
				}
				for _, user := range users {
					found[user] = true
				}
			}
			if len(found) != 2000 {
				t.Errorf("%d users of 2000 are found", len(found))
			}
		})
	}
}

func TestWhatWasSeenIsNotReadAgainUntilItIsOldOrChanges(t *testing.T) {
	state := crowd(3, begin.Add(-50*day))
	a, l := fakeaws.New(state), ledger.New(&ledger.Memory{})
	s := newSweep(a, l)
	look := func(d int, want ...string) {
		t.Helper()
		if _, err := s.run(t.Context(), t, "", begin.Add(time.Duration(d)*day)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.looked, want) {
			t.Errorf("day %d: looked at %v, want %v", d, s.looked, want)
		}
	}
	look(0, "user-0000", "user-0001", "user-0002")
	look(1)
	// Somebody switches a key: its date is new.
	changed := *state.Users["user-0001"]
	changed.Keys = []fakeaws.Key{changed.Keys[0]}
	changed.Keys[0].Changed = begin.Add(day + time.Hour)
	a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"user-0001": &changed}})
	look(2, "user-0001")
	look(3)
	look(40)
	// The keys are old now, though the report calls them 42 days old at most.
	look(41, "user-0000", "user-0001", "user-0002")
}

func TestASweepThatRunsOutOfTimeGoesOnWhereItStopped(t *testing.T) {
	s := newSweep(fakeaws.New(crowd(5, begin.AddDate(-1, 0, 0))), ledger.New(&ledger.Memory{}))
	ctx, cancel := context.WithCancel(t.Context())
	s.end = cancel
	found, err := s.run(ctx, t, "", begin)
	var stopped *remediation.Stopped
	if !errors.As(err, &stopped) || stopped.After != "user-0001" || len(found) != 2 {
		t.Fatalf("found %v, %v; want two users, and to stop after the second", found, err)
	}
	s.end = nil
	if found, err = s.run(t.Context(), t, stopped.After, begin); err != nil ||
		!slices.Equal(found, []string{"user-0002", "user-0003", "user-0004"}) {
		t.Errorf("found %v, %v; want the other three", found, err)
	}
	// What both tries saw is remembered.
	if found, err = s.run(t.Context(), t, "", begin.Add(day)); err != nil || len(found) != 5 {
		t.Errorf("the day after: found %v, %v", found, err)
	}
}

func TestAUserThatCannotBeReadDoesNotSaveTheOthers(t *testing.T) {
	s := newSweep(fakeaws.New(crowd(4, begin.AddDate(-1, 0, 0))), ledger.New(&ledger.Memory{}))
	s.fault["user-0001"] = errors.New("throttled")
	ctx, cancel := context.WithCancel(t.Context())
	found, err := s.run(ctx, t, "", begin)
	if err == nil || len(found) != 3 {
		t.Errorf("found %v, %v; want three users and the error", found, err)
	}
	// When the time is over as well, the retry goes back to the user that could not be read.
	s.end = cancel
	_, err = s.run(ctx, t, "", begin)
	var stopped *remediation.Stopped
	if !errors.As(err, &stopped) || stopped.After != "user-0000" {
		t.Errorf("stopped with %v; want after user-0000", err)
	}
}

func TestUsersLookedAtSideBySideAreFoundInTheSameOrderAsOneAfterTheOther(t *testing.T) {
	found := map[int][]string{}
	for _, abreast := range []int{0, iamuser.Concurrency} {
		s := newSweep(fakeaws.New(crowd(500, begin.AddDate(-1, 0, 0))), ledger.New(&ledger.Memory{}))
		s.Concurrency = abreast
		rests := 0
		s.Sleep = func(context.Context, time.Duration) { rests++ }
		s.Evaluate = func(_ context.Context, user string, _ []accesskey.Key, _ time.Time) ([]remediation.Finding, error) {
			runtime.Gosched() // to the others
			if user == "user-0003" {
				return nil, errors.New("refused")
			}
			return []remediation.Finding{{User: user}}, nil
		}
		users, err := s.run(t.Context(), t, "", begin)
		if err == nil || strings.Count(err.Error(), "refused") != 1 {
			t.Errorf("%d abreast: %v, want the error of one user", abreast, err)
		}
		if !slices.IsSorted(users) || len(users) != 99 { // all that are looked at without waiting for their day, but one
			t.Errorf("%d abreast: %d users, want 99 in the order of their names: %v", abreast, len(users), users)
		}
		if rests <= len(users) {
			t.Errorf("%d abreast: %d pauses for %d users", abreast, rests, len(users))
		}
		found[abreast] = users
	}
	if !slices.Equal(found[0], found[iamuser.Concurrency]) {
		t.Errorf("side by side %v are found, else %v", found[iamuser.Concurrency], found[0])
	}
}

// cropped is an account whose report has a row that cannot be read.
type cropped struct{ *iam.Client }

func (c cropped) GetCredentialReport(ctx context.Context, in *iam.GetCredentialReportInput,
	o ...func(*iam.Options)) (*iam.GetCredentialReportOutput, error) {
	out, err := c.Client.GetCredentialReport(ctx, in, o...)
	if err == nil {
		out.Content = []byte(strings.Replace(string(out.Content), "user-0001,arn:aws:iam::111122223333:user/user-0001,2024",
			"user-0001,arn:aws:iam::111122223333:user/user-0001,?", 1))
	}
	return out, err
}

func TestARowOfTheReportThatCannotBeReadIsAnErrorBesideTheOthers(t *testing.T) {
	a := fakeaws.New(crowd(3, begin.AddDate(-1, 0, 0)))
	s := newSweep(a, ledger.New(&ledger.Memory{}))
	s.API = cropped{a.IAM()}
	found, err := s.run(t.Context(), t, "", begin)
	if err == nil || !slices.Equal(found, []string{"user-0000", "user-0002"}) {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestDeletionNeedsGrace(t *testing.T) {
	for _, tc := range []struct {
		name        string
		days, grace int
		refused     bool
	}{
		{"off, without grace", 0, 0, false},
		{"off, with grace", 0, 7, false},
		{"on, with grace", 30, 7, false},
		{"on, without grace", 30, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text, err := json.Marshal(map[string]int{settings.GraceDays: tc.grace, settings.NoticeDays: 14})
			if err != nil {
				t.Fatal(err)
			}
			got, err := accesskey.NewDeletion(tc.days, settings.Function{Parameters: text})
			if (err != nil) != tc.refused {
				t.Errorf("NewDeletion: %v", err)
			}
			if want := (accesskey.Deletion{After: time.Duration(tc.days) * day, Notice: 14 * day}); err == nil && got != want {
				t.Errorf("NewDeletion = %+v, want %+v", got, want)
			}
		})
	}
}
