package iamuser

import (
	"context"
	"sync"
	"time"
)

// Pace is the pause after each user that is begun with: twenty are begun with in a second at most.
const Pace = 50 * time.Millisecond

// Concurrency is how many users a function looks at side by side. Where a call to IAM takes 50 ms, the three
// of a user with two access keys take as long as three paces.
const Concurrency = 4

// ForEach looks at the users in their order, at most abreast of them at a time, and one after the other if
// abreast is less than two. It begins with no user once ctx has ended, and waits for those that it has
// begun with. It returns what look returned for these, in the order of the users.
//
// rest is called after each user that is begun with, for the pace; look is called from several goroutines.
func ForEach[T any](ctx context.Context, users []string, abreast int, rest func(), look func(user string) T) []T {
	looked := make([]T, len(users))
	if abreast < 2 {
		for i, user := range users {
			if ctx.Err() != nil {
				return looked[:i]
			}
			looked[i] = look(user)
			rest()
		}
		return looked
	}
	places := make(chan struct{}, abreast)
	var under sync.WaitGroup
	defer under.Wait()
	for i, user := range users {
		places <- struct{}{}
		if ctx.Err() != nil {
			return looked[:i]
		}
		under.Go(func() {
			defer func() { <-places }()
			looked[i] = look(user)
		})
		rest()
	}
	return looked
}
