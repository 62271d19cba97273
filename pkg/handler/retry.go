package handler

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// throttledRetryer is the SDK's adaptive retryer, which the calls of a client share, and which sends slower the more
// is refused as too many. What is refused as such it asks for more often than what fails: another try of the event
// would begin with all of it again, and be refused as well. The end of the run's time ends that.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
type throttledRetryer struct {
	*retry.AdaptiveMode
	failures int // how often a call is made that fails in another way
}

// throttled is how often a call is made that is refused as too many. From the fifth time on, about 20
// seconds are between two of them.
const throttled = 12

func newRetryer(failures int) aws.Retryer {
	if failures == 0 {
		failures = retry.DefaultMaxAttempts
	}
	return throttledRetryer{retry.NewAdaptiveMode(), failures}
}

// MaxAttempts implements [aws.Retryer].
func (r throttledRetryer) MaxAttempts() int { return max(throttled, r.failures) }

// RetryDelay implements [aws.Retryer]. It is the one method that gets the error and the number of attempts.
func (r throttledRetryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= r.failures && retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) != aws.TrueTernary {
		return 0, &retry.MaxAttemptsError{Attempt: attempt, Err: err}
	}
	return r.AdaptiveMode.RetryDelay(attempt, err)
}
