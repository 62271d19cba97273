package iamuser_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-aws/warder/pkg/iamuser"
)

func users(n int) []string {
	var users []string
	for i := range n {
		users = append(users, fmt.Sprintf("user-%04d", i))
	}
	return users
}

// gauge counts who is looked at: in all, now, and at most at a time.
type gauge struct {
	mu        sync.Mutex
	all       int
	now, most int
}

func (g *gauge) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all++
	g.now++
	g.most = max(g.most, g.now)
}

func (g *gauge) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now--
}

func TestForEach_ConcurrencyAndOrder(t *testing.T) {
	for _, abreast := range []int{0, 1, 2, iamuser.Concurrency, 7} {
		t.Run(strconv.Itoa(abreast), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g gauge
				got := iamuser.ForEach(t.Context(), users(100), abreast, func() {}, func(user string) string {
					g.begin()
					defer g.end()
					n, err := strconv.Atoi(user[5:])
					if err != nil {
						t.Error(err)
					}
					time.Sleep(time.Duration(n*7%13) * time.Second) // the first are not the first to be done
					return user
				})
				if !slices.Equal(got, users(100)) {
					t.Errorf("in another order: %v", got)
				}
				if g.most != max(abreast, 1) || g.all != 100 || g.now != 0 {
					t.Errorf("%d at a time, %d in all, %d left: want %d, 100, 0", g.most, g.all, g.now, max(abreast, 1))
				}
			})
		})
	}
}

func TestForEach_Pace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var begun []time.Duration
		var mu sync.Mutex
		iamuser.ForEach(t.Context(), users(20), iamuser.Concurrency, func() { time.Sleep(iamuser.Pace) }, func(string) bool {
			mu.Lock()
			defer mu.Unlock()
			begun = append(begun, time.Since(begin))
			return true
		})
		for i, at := range begun {
			if want := time.Duration(i) * iamuser.Pace; at != want {
				t.Errorf("user %d is begun with after %v, want %v", i, at, want)
			}
		}
	})
}

func TestForEach_NoTimeLeft(t *testing.T) {
	for _, abreast := range []int{1, 3} {
		t.Run(strconv.Itoa(abreast), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
				defer cancel()
				var g gauge
				got := iamuser.ForEach(ctx, users(100), abreast, func() {}, func(user string) string {
					g.begin()
					defer g.end()
					time.Sleep(10 * time.Second) // of three rounds the last is under way
					return user
				})
				if want := users(3 * abreast); !slices.Equal(got, want) || g.now != 0 {
					t.Errorf("looked at %v, and %d are under way; want %v, none", got, g.now, want)
				}
			})
		})
	}
}
