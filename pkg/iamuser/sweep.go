package iamuser

import (
	"context"
	"sync"
	"time"
)

// Pace is the pause after the start of each user: at most twenty users a second.
const Pace = 50 * time.Millisecond

// Concurrency is how many users a function inspects at a time. If a call to IAM takes 50 ms, the three calls
// for a user with two access keys take as long as three paces.
const Concurrency = 4

// ForEach inspects the users in order, at most concurrency of them at a time, and one after the other if
// concurrency is less than two. It starts no user after ctx has ended, and waits for those that it has
// started. It returns their results, in the order of the users.
//
// rest is called after the start of each user, for the pace; inspect is called from several goroutines.
func ForEach[T any](ctx context.Context, users []string, concurrency int, rest func(), inspect func(user string) T,
) []T {
	results := make([]T, len(users))
	if concurrency < 2 {
		for i, user := range users {
			if ctx.Err() != nil {
				return results[:i]
			}
			results[i] = inspect(user)
			rest()
		}
		return results
	}
	slots := make(chan struct{}, concurrency)
	var running sync.WaitGroup
	defer running.Wait()
	for i, user := range users {
		slots <- struct{}{}
		if ctx.Err() != nil {
			return results[:i]
		}
		running.Go(func() {
			defer func() { <-slots }()
			results[i] = inspect(user)
		})
		rest()
	}
	return results
}
